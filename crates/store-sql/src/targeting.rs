//! Which scripts a device has to run, and the run states that follow from it.
//!
//! A script is *effective* on a device when some assignment includes the device and none excludes
//! it: all devices, all licensed users (a device that has a user), a group that contains the device
//! or one of its users at any depth; an exclusion group wins over all. The users of a device are its
//! primary user and those who are logged on. An assignment with a filter includes nobody: rules of
//! filters are not evaluated, and a script on too few devices is the safe side.
//!
//! All of it is one query, `effective`, over a window of devices and some scripts.

// tidy: long because it is one query, and what follows from its answer

use std::{collections::BTreeMap, sync::LazyLock};

use runstate_graph::{clock::Clock, entity::RUN_STATE};
use runstate_odata::edm::DateTimeOffset;
use runstate_store::{Error, query::Dialect, subscription::ChangeKind};

use crate::{
    BindRef, Cells, Database,
    cells::{CellsExt as _, binds},
    counters::{self, Change},
    notice::StateNotices,
};

/// A script that a device has to run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assigned {
    /// The script's row id.
    pub script_pk: i64,
    /// The number of its newest version; 0 where it never had content.
    pub version: i64,
    /// The run state to report to.
    pub state_id: String,
    /// The oldest request to run it now that has not started.
    pub run_request_id: Option<String>,
}

/// What one step of [`reconcile_script`] has done.
#[derive(Debug, PartialEq, Eq)]
pub struct Step {
    /// The devices for which anything has changed.
    pub devices: Vec<String>,
    /// Behind which device the next step begins; none when all are done.
    pub next: Option<i64>,
}

/// The common table expressions `device` (the window), `effective` (pairs of `script_pk` and
/// `device_pk`) and what they are made of. `?1` is the tenant; `window` says which devices, `scripts`
/// which scripts `s`.
pub(crate) fn effective(window: &str, scripts: &str) -> String {
    // A group's member is named by an id that is unique within its tenant only, so every step is
    // within the tenant. `UNION` keeps each pair once, so that circles of groups end. Columns are named
    // where they are selected, because Citus forgets names that are given anywhere else.
    format!(
        "WITH RECURSIVE device AS MATERIALIZED ( \
             SELECT d.pk, d.id, d.user_id, \
                 lower(substr(coalesce(d.operating_system, ''), 1, 7)) = 'windows' AS is_windows \
             FROM managed_device AS d WHERE d.tenant_id = ?1 AND {window} \
         ), account AS ( \
             SELECT pk AS device_pk, user_id AS id FROM device WHERE user_id IS NOT NULL \
             UNION SELECT d.pk, u.user_id FROM device AS d \
                 CROSS JOIN logged_on_user AS u ON u.device_pk = d.pk \
         ), inside AS ( \
             SELECT o.device_pk, g.id AS group_id \
             FROM (SELECT pk AS device_pk, id FROM device \
                   UNION SELECT device_pk, id FROM account) AS o \
                 CROSS JOIN group_member AS m ON m.object_id = o.id \
                 CROSS JOIN directory_group AS g ON g.pk = m.group_pk AND g.tenant_id = ?1 \
             UNION SELECT i.device_pk, g.id FROM inside AS i \
                 CROSS JOIN group_member AS m ON m.object_id = i.group_id \
                 CROSS JOIN directory_group AS g ON g.pk = m.group_pk AND g.tenant_id = ?1 \
         ), target AS ( \
             SELECT a.script_pk, i.device_pk, \
                 CASE WHEN a.target_type = 'exclusionGroupAssignmentTarget' THEN 1 ELSE 0 END \
                     AS is_excluded \
             FROM inside AS i \
                 CROSS JOIN assignment AS a ON a.target_group_id = i.group_id \
                 CROSS JOIN script AS s ON s.pk = a.script_pk AND s.tenant_id = ?1 AND {scripts} \
             WHERE a.target_type = 'exclusionGroupAssignmentTarget' \
                 OR (a.target_type = 'groupAssignmentTarget' AND {UNFILTERED}) \
             UNION ALL SELECT a.script_pk, i.device_pk, 0 FROM inside AS i \
                 CROSS JOIN group_assignment AS a ON a.target_group_id = i.group_id \
                 CROSS JOIN script AS s ON s.pk = a.script_pk AND s.tenant_id = ?1 AND {scripts} \
             UNION ALL SELECT s.pk, d.pk, 0 FROM script AS s \
                 CROSS JOIN assignment AS a ON a.script_pk = s.pk \
                     AND a.target_type = 'allDevicesAssignmentTarget' AND {UNFILTERED} \
                 CROSS JOIN device AS d ON TRUE WHERE s.tenant_id = ?1 AND {scripts} \
             UNION ALL SELECT s.pk, c.device_pk, 0 FROM script AS s \
                 CROSS JOIN assignment AS a ON a.script_pk = s.pk \
                     AND a.target_type = 'allLicensedUsersAssignmentTarget' AND {UNFILTERED} \
                 CROSS JOIN account AS c ON TRUE WHERE s.tenant_id = ?1 AND {scripts} \
         ), effective AS MATERIALIZED ( \
             SELECT t.script_pk, t.device_pk FROM target AS t JOIN device AS d ON d.pk = t.device_pk \
             WHERE NOT EXISTS (SELECT 1 FROM retired_device AS r \
                 WHERE r.tenant_id = ?1 AND r.device_id = d.id) \
             GROUP BY t.script_pk, t.device_pk HAVING max(t.is_excluded) = 0 \
         ) "
    )
}

const UNFILTERED: &str =
    "coalesce(a.target_device_and_app_management_assignment_filter_type, 0) = 0";

/// Whether script `s` fits device `d`. Whether PowerShell is there, the agent finds out.
pub(crate) const APPLICABLE: &str = "NOT (d.is_windows AND s.kind <> 'deviceManagementScript')";

const ONE_DEVICE: &str = "d.id = ?2";
const DEVICES_BEHIND: &str =
    "d.pk IN (SELECT pk FROM managed_device WHERE tenant_id = ?1 AND pk > ?3 ORDER BY pk LIMIT ?4)";
const ALL_SCRIPTS: &str = "TRUE";
pub(crate) const ONE_SCRIPT: &str = "s.pk = ?2";

/// The statements that are put together, in one dialect. `CROSS JOIN … ON` has SQLite join in the order
/// in which the tables are written; PostgreSQL does not know it and chooses by itself.
struct Texts {
    scripts: String,
    of_script: String,
    of_device: String,
    keep_effective: String,
    scripts_of_group: String,
    devices_of_user: String,
}

static SQLITE: LazyLock<Texts> = LazyLock::new(|| Texts::new(str::to_owned));
static POSTGRES: LazyLock<Texts> = LazyLock::new(|| Texts::new(in_postgres));

/// A statement that is put together, as PostgreSQL has it.
pub(crate) fn in_postgres(text: &str) -> String {
    text.replace("CROSS JOIN", "JOIN")
}

fn texts(dialect: Dialect) -> &'static Texts {
    match dialect {
        Dialect::Sqlite => &SQLITE,
        Dialect::Postgres => &POSTGRES,
    }
}

impl Texts {
    fn new(write: fn(&str) -> String) -> Self {
        Self {
            scripts: write(&scripts()),
            of_script: write(&differences(DEVICES_BEHIND, ONE_SCRIPT)),
            of_device: write(&differences(ONE_DEVICE, ALL_SCRIPTS)),
            keep_effective: write(&keep()),
            scripts_of_group: write(SCRIPTS_OF_GROUP),
            devices_of_user: write(DEVICES_OF_USER),
        }
    }
}

fn scripts() -> String {
    effective(ONE_DEVICE, ALL_SCRIPTS)
        + "SELECT s.pk, \
             (SELECT coalesce(max(v.number), 0) FROM script_version AS v WHERE v.script_pk = s.pk), \
             st.id, \
             (SELECT r.id FROM run_request_device AS q JOIN run_request AS r ON r.pk = q.request_pk \
              WHERE q.state_pk = st.pk AND q.status = 0 ORDER BY q.request_pk LIMIT 1) \
         FROM effective AS e CROSS JOIN device AS d ON d.pk = e.device_pk \
         CROSS JOIN script AS s ON s.pk = e.script_pk \
         CROSS JOIN device_run_state AS st ON st.pk = (SELECT min(own.pk) \
             FROM device_run_state AS own \
             WHERE own.device_id = d.id AND own.script_pk = s.pk AND own.user_state_pk = 0) \
         WHERE "
        + APPLICABLE
        + " ORDER BY s.pk"
}

/// The effective pairs of the window with their run states where they have any, then the other run
/// states of its devices. Cells: the device's id, the script's row id, the script's id (null: not
/// effective), whether it applies, and of the state its row id, version and outcome.
fn differences(window: &str, scripts: &str) -> String {
    effective(window, scripts)
        + &format!(
            "SELECT d.id, s.pk, s.id, {APPLICABLE}, st.pk, st.version, st.run_state \
             FROM effective AS e CROSS JOIN device AS d ON d.pk = e.device_pk \
             CROSS JOIN script AS s ON s.pk = e.script_pk \
             LEFT JOIN device_run_state AS st ON st.device_id = d.id AND st.script_pk = s.pk \
                 AND st.user_state_pk = 0 \
             UNION ALL \
             SELECT d.id, s.pk, NULL, FALSE, st.pk, st.version, st.run_state FROM device AS d \
             CROSS JOIN device_run_state AS st ON st.device_id = d.id AND st.user_state_pk = 0 \
             CROSS JOIN script AS s ON s.pk = st.script_pk AND s.tenant_id = ?1 AND {scripts} \
             WHERE (s.pk, d.pk) NOT IN (SELECT script_pk, device_pk FROM effective)"
        )
}

fn keep() -> String {
    let window = "d.id IN (SELECT st.device_id FROM run_request_device AS q \
         JOIN device_run_state AS st ON st.pk = q.state_pk WHERE q.request_pk = ?3)";
    effective(window, ONE_SCRIPT)
        + "DELETE FROM run_request_device WHERE request_pk = ?3 AND state_pk NOT IN (SELECT st.pk \
           FROM effective AS e CROSS JOIN device AS d ON d.pk = e.device_pk \
           CROSS JOIN script AS s ON s.pk = e.script_pk \
           CROSS JOIN device_run_state AS st ON st.device_id = d.id AND st.script_pk = s.pk \
               AND st.user_state_pk = 0 \
           WHERE "
        + APPLICABLE
        + ")"
}

const DEVICE: &str =
    "SELECT EXISTS (SELECT 1 FROM managed_device WHERE tenant_id = ?1 AND id = ?2)";
const LAST_OF_STEP: &str = "SELECT max(pk) FROM (SELECT pk FROM managed_device \
     WHERE tenant_id = ?1 AND pk > ?2 ORDER BY pk LIMIT ?3) AS step";
const INSERT: &str = "INSERT INTO device_run_state (script_pk, user_state_pk, id, version, \
     device_id, run_state, last_state_update_date_time, last_state_update_date_time_form, \
     error_code) VALUES (?1, 0, ?2, 0, ?3, ?4, ?5, ?6, 0) \
     ON CONFLICT (script_pk, user_state_pk, id) DO NOTHING";
const SET_RUN_STATE: &str = "UPDATE device_run_state SET run_state = ?2 WHERE pk = ?1";
const DELETE: &str = "DELETE FROM device_run_state WHERE pk = ?1";
const REMEMBER: &str = "INSERT INTO former_run_state (script_pk, device_id) VALUES (?1, ?2) \
     ON CONFLICT (script_pk, device_id) DO NOTHING";
const RECALL: &str = "DELETE FROM former_run_state WHERE script_pk = ?1 AND device_id = ?2";
const STATE_ID: &str = "SELECT id FROM device_run_state WHERE pk = ?1";
const SCRIPT_ID: &str = "SELECT id FROM script WHERE pk = ?1";
const COUNT_CANCELED: &str = "UPDATE run_request SET version = version + 1, \
     pending_count = pending_count - 1, canceled_count = canceled_count + 1 \
     WHERE pk IN (SELECT request_pk FROM run_request_device WHERE state_pk = ?1 AND status = 0)";
const COUNT_STOPPED: &str = "UPDATE run_request SET version = version + 1, \
     running_count = running_count - 1, canceled_count = canceled_count + 1 \
     WHERE pk IN (SELECT request_pk FROM run_request_device WHERE state_pk = ?1 AND status = 1)";
const CANCEL: &str = "UPDATE run_request_device SET status = 4 WHERE state_pk = ?1 AND status = 0";
/// The group itself need not be there.
const SCRIPTS_OF_GROUP: &str = "WITH RECURSIVE around AS ( \
         SELECT g.id FROM group_member AS m \
         CROSS JOIN directory_group AS g ON g.pk = m.group_pk AND g.tenant_id = ?1 \
             WHERE m.object_id = ?2 \
         UNION SELECT g.id FROM around CROSS JOIN group_member AS m \
             ON m.object_id = around.id \
         CROSS JOIN directory_group AS g ON g.pk = m.group_pk AND g.tenant_id = ?1 \
     ) SELECT s.pk FROM assignment AS a \
           CROSS JOIN script AS s ON s.pk = a.script_pk AND s.tenant_id = ?1 \
           WHERE a.target_group_id = ?2 \
       UNION SELECT s.pk FROM group_assignment AS a \
           CROSS JOIN script AS s ON s.pk = a.script_pk AND s.tenant_id = ?1 \
           WHERE a.target_group_id = ?2 \
       UNION SELECT s.pk FROM around CROSS JOIN assignment AS a ON a.target_group_id = around.id \
           CROSS JOIN script AS s ON s.pk = a.script_pk AND s.tenant_id = ?1 \
       UNION SELECT s.pk FROM around CROSS JOIN group_assignment AS a \
           ON a.target_group_id = around.id \
           CROSS JOIN script AS s ON s.pk = a.script_pk AND s.tenant_id = ?1";
const DEVICES_OF_USER: &str = "SELECT id FROM managed_device WHERE tenant_id = ?1 AND user_id = ?2 \
     UNION SELECT d.id FROM logged_on_user AS u \
         CROSS JOIN managed_device AS d ON d.pk = u.device_pk AND d.tenant_id = ?1 \
     WHERE u.user_id = ?2";

/// All of the above, whose plans a test of a backend looks at.
pub fn statements(dialect: Dialect) -> Vec<(&'static str, &'static str)> {
    let texts = texts(dialect);
    vec![
        ("scripts of device", &texts.scripts),
        ("differences of script", &texts.of_script),
        ("differences of device", &texts.of_device),
        ("keep effective", &texts.keep_effective),
        ("last of step", LAST_OF_STEP),
        ("insert state", INSERT),
        ("set run state", SET_RUN_STATE),
        ("delete state", DELETE),
        ("remember", REMEMBER),
        ("recall", RECALL),
        ("state id", STATE_ID),
        ("script id", SCRIPT_ID),
        ("count canceled", COUNT_CANCELED),
        ("count stopped", COUNT_STOPPED),
        ("cancel", CANCEL),
        ("scripts of group", &texts.scripts_of_group),
        ("devices of user", &texts.devices_of_user),
    ]
}

/// What the device of that id has to run, by the age of the scripts; nothing where the tenant has no
/// such device. A script that was made effective this moment, and has no run state there yet, is
/// left out until it has.
pub fn device_scripts(
    database: &dyn Database,
    tenant_id: &str,
    device_id: &str,
) -> Result<Option<Vec<Assigned>>, Error> {
    let key = binds![tenant_id, device_id];
    if !database.one(DEVICE, key, |cells| cells.truth(0))? {
        return Ok(None);
    }
    let assigned = |cells: &mut Cells| {
        Ok(Assigned {
            script_pk: cells.integer(0)?,
            version: cells.integer(1)?,
            state_id: cells.text(2)?,
            run_request_id: cells.optional_text(3)?,
        })
    };
    let scripts = &texts(database.dialect()).scripts;
    Ok(Some(database.rows(scripts, key, assigned)?))
}

/// Makes the run states of a tenant's script agree with its assignments, for at most `limit` devices behind
/// the one of that row id: a state for each device on which it is effective, pending or not
/// applicable; no state that never had a run where it is not; results are kept.
pub fn reconcile_script(
    database: &dyn Database,
    clock: &dyn Clock,
    (tenant_id, script_pk): (&str, i64),
    after: i64,
    limit: u32,
) -> Result<Step, Error> {
    let limit = i64::from(limit);
    let next = database.one(LAST_OF_STEP, binds![tenant_id, after, limit], |cells| {
        cells.optional_integer(0)
    })?;
    let window = binds![tenant_id, script_pk, after, limit];
    let of_script = &texts(database.dialect()).of_script;
    let devices = reconcile(database, clock, of_script, window)?;
    Ok(Step { devices, next })
}

/// Makes the run states of a device agree with all assignments, as [`reconcile_script`]; says whether
/// anything has changed.
pub fn reconcile_device(
    database: &dyn Database,
    clock: &dyn Clock,
    tenant_id: &str,
    device_id: &str,
) -> Result<bool, Error> {
    let window = binds![tenant_id, device_id];
    let of_device = &texts(database.dialect()).of_device;
    let devices = reconcile(database, clock, of_device, window)?;
    Ok(!devices.is_empty())
}

/// A pair of script and device, and the run state that it has.
struct Pair {
    device_id: String,
    script_pk: i64,
    /// None: the script is not effective there.
    script_id: Option<String>,
    is_applicable: bool,
    /// Row id, version and outcome.
    state: Option<(i64, i64, i32)>,
}

/// Does what `differences` show; answers the devices for which anything has changed.
fn reconcile(
    database: &dyn Database,
    clock: &dyn Clock,
    differences: &str,
    window: &[BindRef<'_>],
) -> Result<Vec<String>, Error> {
    let pairs = database.rows(differences, window, |cells| {
        let state = match cells.optional_integer(4)? {
            Some(pk) => Some((pk, cells.integer(5)?, cells.int32(6)?)),
            None => None,
        };
        Ok(Pair {
            device_id: cells.text(0)?,
            script_pk: cells.integer(1)?,
            script_id: cells.optional_text(2)?,
            is_applicable: cells.truth(3)?,
            state,
        })
    })?;
    let now = DateTimeOffset::from_system_time(clock.now());
    let (mut changed, mut counts) = (Vec::new(), BTreeMap::new());
    let mut notices = StateNotices::default();
    for pair in pairs {
        let count = counts.entry(pair.script_pk).or_default();
        if settle(database, now, &pair, count, &mut notices)? {
            changed.push(pair.device_id);
        }
    }
    // Behind the states and in the order of the scripts, as reports do, so that nobody waits in a circle.
    for (script_pk, change) in &counts {
        counters::devices_changed(database, *script_pk, change)?;
    }
    changed.dedup();
    Ok(changed)
}

/// Gives one pair the run state that it should have; says whether it had another.
fn settle(
    database: &dyn Database,
    now: DateTimeOffset,
    pair: &Pair,
    count: &mut Change,
    notices: &mut StateNotices,
) -> Result<bool, Error> {
    let outcome = if pair.is_applicable {
        "pending"
    } else {
        "notApplicable"
    };
    let outcome = RUN_STATE.value_of(outcome).unwrap_or_default();
    match (&pair.script_id, pair.state) {
        (Some(script_id), None) => {
            let id = format!("{script_id}:{}", pair.device_id);
            let (ticks, form) = (now.ticks(), now.form());
            let values = binds![pair.script_pk, &id, &pair.device_id, outcome, ticks, form];
            let comes = database.execute(INSERT, values)? > 0;
            if comes {
                count.come(outcome);
                notices.note(database, pair.script_pk, ChangeKind::Created, &id, 0)?;
            }
            Ok(comes)
        }
        (Some(_), Some((pk, 0, shown))) if shown != outcome => {
            database.execute(SET_RUN_STATE, binds![pk, outcome])?;
            count.add(shown, outcome);
            note(database, pair.script_pk, pk, ChangeKind::Updated, notices)?;
            Ok(true)
        }
        (Some(_), Some(_)) => Ok(false),
        (None, Some((pk, version, shown))) => {
            database.execute(COUNT_CANCELED, binds![pk])?;
            if version > 0 {
                return Ok(database.execute(CANCEL, binds![pk])? > 0);
            }
            // What had no run is no result. Its part in requests goes with it.
            database.execute(COUNT_STOPPED, binds![pk])?;
            note(database, pair.script_pk, pk, ChangeKind::Deleted, notices)?;
            database.execute(DELETE, binds![pk])?;
            count.go(shown);
            database.execute(REMEMBER, binds![pair.script_pk, &pair.device_id])?;
            Ok(true)
        }
        (None, None) => Ok(false),
    }
}

/// Notes a change of a state that has had no run.
fn note(
    database: &dyn Database,
    script_pk: i64,
    pk: i64,
    change: ChangeKind,
    notices: &mut StateNotices,
) -> Result<(), Error> {
    if !notices.is_watched(database, script_pk)? {
        return Ok(());
    }
    let id = database.one(STATE_ID, binds![pk], |cells| cells.text(0))?;
    notices.note(database, script_pk, change, &id, 0)
}

/// Brings back the run state of that id, to which `device_id` is about to report, where it went before
/// it had a report; says whether it did.
pub(crate) fn recall(
    database: &dyn Database,
    clock: &dyn Clock,
    script_pk: i64,
    device_id: &str,
    state_id: &str,
) -> Result<bool, Error> {
    let script_id = database.one(SCRIPT_ID, binds![script_pk], |cells| cells.text(0))?;
    if state_id != format!("{script_id}:{device_id}") {
        return Ok(false);
    }
    if database.execute(RECALL, binds![script_pk, device_id])? == 0 {
        return Ok(false);
    }
    let pair = Pair {
        device_id: device_id.to_owned(),
        script_pk,
        script_id: Some(script_id),
        is_applicable: true,
        state: None,
    };
    let now = DateTimeOffset::from_system_time(clock.now());
    let mut count = Change::default();
    let mut notices = StateNotices::default();
    let comes = settle(database, now, &pair, &mut count, &mut notices)?;
    counters::devices_changed(database, script_pk, &count)?;
    Ok(comes)
}

/// Takes those devices out of a new request on which its script has nothing to do.
pub(crate) fn keep_effective(
    database: &dyn Database,
    tenant_id: &str,
    script_pk: i64,
    request_pk: i64,
) -> Result<(), Error> {
    let keep = &texts(database.dialect()).keep_effective;
    database.execute(keep, binds![tenant_id, script_pk, request_pk])?;
    Ok(())
}

/// The scripts that have an assignment to the group of that id, or to one that contains it.
pub fn scripts_of_group(
    database: &dyn Database,
    tenant_id: &str,
    group_id: &str,
) -> Result<Vec<i64>, Error> {
    let scripts = &texts(database.dialect()).scripts_of_group;
    database.rows(scripts, binds![tenant_id, group_id], |cells| {
        cells.integer(0)
    })
}

/// The ids of the devices whose primary user that is, or where that user is logged on.
pub fn devices_of_user(
    database: &dyn Database,
    tenant_id: &str,
    user_id: &str,
) -> Result<Vec<String>, Error> {
    let devices = &texts(database.dialect()).devices_of_user;
    database.rows(devices, binds![tenant_id, user_id], |cells| cells.text(0))
}
