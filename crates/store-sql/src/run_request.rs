//! Requests to run a script now: what has become of each device in one, and the counters above.

use runstate_graph::{entity::DEVICE_STATE, permit::Permit};
use runstate_odata::{
    check::{Query, ResourcePath},
    edm::{Record, Value},
};
use runstate_store::{
    Error, Row,
    query::{self, Bind, Dialect, Owner, Scope},
};

use crate::{
    Database,
    cells::{CellsExt as _, binds},
    change::{self, Effect},
    counters::Tally,
    device,
    error::internal,
    path::{self, End, Found},
    run_state, statement, targeting, write,
};

/// What has become of a device in a request (`run_request_device.status`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Status {
    Pending,
    Running,
    Success,
    Error,
    Canceled,
}

impl Status {
    /// The number in the table, and the counter.
    fn column(self) -> (i64, &'static str) {
        match self {
            Self::Pending => (0, "pending_count"),
            Self::Running => (1, "running_count"),
            Self::Success => (2, "success_count"),
            Self::Error => (3, "error_count"),
            Self::Canceled => (4, "canceled_count"),
        }
    }

    fn of(number: i64) -> Self {
        match number {
            0 => Self::Pending,
            1 => Self::Running,
            2 => Self::Success,
            3 => Self::Error,
            _ => Self::Canceled,
        }
    }
}

const FIND: &str = "SELECT r.pk, d.status FROM run_request AS r \
     JOIN run_request_device AS d ON d.request_pk = r.pk \
     WHERE r.script_pk = ?1 AND r.id = ?2 AND d.state_pk = ?3";
const SET_STATUS: &str =
    "UPDATE run_request_device SET status = ?3 WHERE request_pk = ?1 AND state_pk = ?2";

const DEVICES: &str = "SELECT s.device_id FROM run_request_device AS d \
     JOIN device_run_state AS s ON s.pk = d.state_pk \
     WHERE d.request_pk = ?1 AND s.device_id IS NOT NULL LIMIT ?2";
const SET_COUNT: &str =
    "UPDATE run_request SET device_count = ?2, pending_count = ?2 WHERE pk = ?1";
const COUNT: &str = "SELECT count(*) FROM run_request_device WHERE request_pk = ?1";
const CANCEL: &str =
    "UPDATE run_request_device SET status = 4 WHERE request_pk = ?1 AND status = 0";
const COUNT_CANCELED: &str = "UPDATE run_request SET version = version + 1, \
     pending_count = 0, canceled_count = canceled_count + pending_count WHERE pk = ?1";

/// All of the above, whose plans a test of a backend looks at.
pub const STATEMENTS: &[(&str, &str)] = &[
    ("find request", FIND),
    ("set status", SET_STATUS),
    ("devices of request", DEVICES),
    ("count devices", COUNT),
    ("set count", SET_COUNT),
    ("cancel", CANCEL),
    ("count canceled", COUNT_CANCELED),
];

/// Of how many devices each is told by itself; of more, all of the tenant's are.
const TOLD_ONE_BY_ONE: usize = 1_000;

/// Asks the devices of a script whose run states pass the filter to run it now.
pub(crate) fn create(
    database: &dyn Database,
    permit: &Permit,
    path: &ResourcePath,
    mut record: Record,
    states: &Query,
    effect: &mut Effect,
) -> Result<Row, Error> {
    path::refuse_device(permit, path)?;
    let End { scope, .. } = path::resolve(database, path::viewer(permit), path)?;
    let script = scope
        .owner
        .ok_or_else(|| internal("run requests of nothing"))?;
    let request_pk = write::insert(database, &scope, &record, &[])?;
    let navigation = script
        .source
        .navigation
        .iter()
        .find(|navigation| *navigation.target == DEVICE_STATE)
        .ok_or_else(|| internal("a script without run states"))?;
    let of_script = Scope {
        viewer: scope.viewer,
        ty: &DEVICE_STATE,
        owner: Some(Owner {
            navigation,
            ..script
        }),
    };
    let mut keys = query::keys(database.dialect(), &of_script, states)?;
    keys.binds.push(Bind::Integer(request_pk));
    let sign = match database.dialect() {
        Dialect::Sqlite => '?',
        Dialect::Postgres => '$',
    };
    keys.sql = format!(
        "INSERT INTO run_request_device (request_pk, state_pk, status) \
         SELECT {sign}{}, s.pk, 0 FROM ({}) AS s",
        keys.binds.len(),
        keys.sql
    );
    statement::execute(database, &keys)?;
    targeting::keep_effective(database, permit.tenant_id(), script.pk, request_pk)?;
    let devices = devices(database, request_pk)?;
    let tenant_id = permit.tenant_id();
    if devices.len() > TOLD_ONE_BY_ONE {
        effect.all = true;
        change::bump(database, tenant_id)?;
    } else {
        for device_id in &devices {
            change::note_device(database, tenant_id, device_id, effect)?;
        }
    }
    let count = database.one(COUNT, binds![request_pk], |cells| cells.integer(0))?;
    database.execute(SET_COUNT, binds![request_pk, count])?;
    let count = Value::Int32(i32::try_from(count).unwrap_or(i32::MAX));
    record.set("deviceCount", count.clone());
    record.set("pendingCount", count);
    Ok(Row {
        record,
        version: 1,
        expanded: Vec::new(),
    })
}

/// The devices of a request, or some more of them than are told one by one.
fn devices(database: &dyn Database, request_pk: i64) -> Result<Vec<String>, Error> {
    let most = i64::try_from(TOLD_ONE_BY_ONE + 1).unwrap_or(i64::MAX);
    database.rows(DEVICES, binds![request_pk, most], |cells| cells.text(0))
}

/// Takes back what a request has not started yet.
pub(crate) fn cancel(
    database: &dyn Database,
    permit: &Permit,
    path: &ResourcePath,
) -> Result<(), Error> {
    path::refuse_device(permit, path)?;
    let end = path::resolve(database, path::viewer(permit), path)?;
    let Found { pk, .. } = path::find(database, &end)?;
    // Nobody need be told: a device asks before it starts. The next answer shows it all the same.
    change::bump(database, permit.tenant_id())?;
    database.execute(CANCEL, binds![pk])?;
    database.execute(COUNT_CANCELED, binds![pk])?;
    Ok(())
}

/// A device is about to do a requested run.
pub(crate) fn start(
    database: &dyn Database,
    permit: &Permit,
    path: &ResourcePath,
    request_id: &str,
) -> Result<(), Error> {
    device::refuse_retired(database, permit)?;
    let end = path::resolve(database, path::viewer(permit), path)?;
    let state: run_state::State = write::device_state(database, &end)?;
    let script_pk = state.place.script_pk;
    let found = find(database, script_pk, request_id, state.pk)?;
    let conflict = |what: &str| {
        Err(Error::Conflict {
            message: format!("The run request '{request_id}' {what}."),
        })
    };
    match found {
        None => conflict("does not ask for a run of this script on this device"),
        Some((_, Status::Canceled)) => conflict("was canceled"),
        Some((_, Status::Success | Status::Error)) => conflict("is done on this device"),
        // Said again after a lost answer.
        Some((_, Status::Running)) => Ok(()),
        Some((request_pk, Status::Pending)) => {
            let (from, to) = (Status::Pending, Status::Running);
            move_on(database, request_pk, state.pk, from, to)?;
            if let Some(device_id) = &state.device_id {
                let mut nobody = Effect::default();
                change::note_device(database, permit.tenant_id(), device_id, &mut nobody)?;
            }
            Ok(())
        }
    }
}

/// The request's row id and what has become of the state's device in it, where it is in it.
fn find(
    database: &dyn Database,
    script_pk: i64,
    request_id: &str,
    state_pk: i64,
) -> Result<Option<(i64, Status)>, Error> {
    let key = binds![script_pk, request_id, state_pk];
    database.first(FIND, key, |cells| {
        Ok((cells.integer(0)?, Status::of(cells.integer(1)?)))
    })
}

/// One device of a request goes from one status to another.
fn move_on(
    database: &dyn Database,
    request_pk: i64,
    state_pk: i64,
    from: Status,
    to: Status,
) -> Result<(), Error> {
    let ((_, before), (number, after)) = (from.column(), to.column());
    let count = format!(
        "UPDATE run_request SET version = version + 1, {before} = {before} - 1, \
         {after} = {after} + 1 WHERE pk = ?1"
    );
    database.execute(SET_STATUS, binds![request_pk, state_pk, number])?;
    database.execute(&count, binds![request_pk])?;
    Ok(())
}

/// A requested run has ended on the state's device. What has ended, or was canceled, before stays
/// so; a request that is not there any more needs nothing.
pub(crate) fn ended(
    database: &dyn Database,
    script_pk: i64,
    request_id: &str,
    state_pk: i64,
    outcome: Tally,
) -> Result<(), Error> {
    let Some((request_pk, status)) = find(database, script_pk, request_id, state_pk)? else {
        return Ok(());
    };
    let to = if outcome.success > 0 {
        Status::Success
    } else {
        Status::Error
    };
    match status {
        Status::Pending | Status::Running => move_on(database, request_pk, state_pk, status, to),
        Status::Success | Status::Error | Status::Canceled => Ok(()),
    }
}
