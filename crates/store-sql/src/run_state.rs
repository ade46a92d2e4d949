//! The one narrow door through which every outcome of a run comes in: append it to the history,
//! apply it to the device state, keep the counters.
//!
//! The statements are written out here rather than derived, because this is the call that a fleet
//! sends; a test holds their columns against the entity's description.

use runstate_graph::{clock::Clock, entity::DEVICE_STATE};
use runstate_odata::edm::{DateTimeOffset, Record, Value};
use runstate_store::{Changes, Error, Row, subscription::ChangeKind};

use crate::{
    Cells, Database,
    cells::{CellsExt as _, binds},
    counters::{self, Tally},
    error::internal,
    notice, run_request,
    told::Told,
};

/// A device state by its place and id.
pub const FIND: &str = "SELECT pk, version, device_id, run_state, result_message, \
     last_state_update_date_time, last_state_update_date_time_form, error_code, \
     error_description FROM device_run_state \
     WHERE script_pk = ?1 AND user_state_pk = ?2 AND id = ?3";
const INSERT: &str = "INSERT INTO device_run_state (script_pk, user_state_pk, id, version, \
     device_id, run_state, result_message, last_state_update_date_time, \
     last_state_update_date_time_form, error_code, error_description) \
     VALUES (?1, ?2, ?3, 0, ?4, ?5, ?6, ?7, ?8, ?9, ?10) RETURNING pk";
const APPEND: &str = "INSERT INTO run (state_pk, id, version, received_date_time, \
     received_date_time_form, run_state, result_message, last_state_update_date_time, \
     last_state_update_date_time_form, error_code, error_description, script_version, \
     start_date_time, start_date_time_form, end_date_time, end_date_time_form, exit_code, account, \
     run_request_id, output_truncated, output, error_output) \
     VALUES (?1, ?2, 1, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, \
     ?19, ?20, ?21) RETURNING pk";
/// Whether the history has that run of the state.
pub const IS_KNOWN: &str = "SELECT EXISTS (SELECT 1 FROM run WHERE state_pk = ?1 AND id = ?2)";
/// Makes a state show an outcome: its row id, its version, and then the outcome's columns.
pub const APPLY: &str = "UPDATE device_run_state SET version = ?2, run_state = ?3, \
     result_message = ?4, last_state_update_date_time = ?5, \
     last_state_update_date_time_form = ?6, error_code = ?7, error_description = ?8 \
     WHERE pk = ?1";
const SET_VERSION: &str = "UPDATE device_run_state SET version = ?1 WHERE pk = ?2";
const DELETE: &str = "DELETE FROM device_run_state WHERE pk = ?1";

/// All of the above, whose plans a test of a backend looks at.
pub const STATEMENTS: &[(&str, &str)] = &[
    ("find", FIND),
    ("insert", INSERT),
    ("append", APPEND),
    ("is known", IS_KNOWN),
    ("apply", APPLY),
    ("set version", SET_VERSION),
    ("delete", DELETE),
];

/// Where a device state is: in a script, or in one of the script's user states.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Place {
    /// The script's row id.
    pub script_pk: i64,
    /// The user state's row id; 0: the script's own.
    pub user_state_pk: i64,
}

/// A device state as it is stored.
#[derive(Debug)]
pub struct State {
    /// Its row id.
    pub pk: i64,
    /// Where it is.
    pub place: Place,
    /// The number of the last report to it; 0 where there was none.
    pub version: i64,
    /// The managed device that it is of, where it is known.
    pub device_id: Option<String>,
    /// The outcome that it shows.
    pub run_state: i32,
    /// All of its properties.
    pub record: Record,
}

impl State {
    /// As the API shows it.
    pub fn row(&self) -> Row {
        Row {
            record: self.record.clone(),
            version: self.version,
            expanded: Vec::new(),
        }
    }
}

/// The device state of that id, where there is one.
pub fn find(database: &dyn Database, place: Place, id: &str) -> Result<Option<State>, Error> {
    let key = binds![place.script_pk, place.user_state_pk, id];
    database.first(FIND, key, |cells| read(cells, place, id))
}

fn read(cells: &mut Cells, place: Place, id: &str) -> Result<State, Error> {
    let run_state = cells.int32(3)?;
    let record = record(
        id,
        run_state,
        cells.optional_text(4)?,
        (cells.integer(5)?, cells.int32(6)?),
        cells.int32(7)?,
        cells.optional_text(8)?,
    )?;
    Ok(State {
        pk: cells.integer(0)?,
        place,
        version: cells.integer(1)?,
        device_id: cells.optional_text(2)?,
        run_state,
        record,
    })
}

/// A device state's properties, of its columns; `updated` is the instant in ticks, and its form.
///
/// # Errors
///
/// [`Error::Internal`] where that is no instant.
pub fn record(
    id: &str,
    run_state: i32,
    result_message: Option<String>,
    (ticks, form): (i64, i32),
    error_code: i32,
    error_description: Option<String>,
) -> Result<Record, Error> {
    let text = |cell: Option<String>| cell.map_or(Value::Null, Value::String);
    let updated = DateTimeOffset::from_parts(ticks, form)
        .ok_or_else(|| internal(format!("run state '{id}' holds no date")))?;
    let mut record = Record::new(&DEVICE_STATE);
    for (name, value) in [
        ("id", Value::String(id.to_owned())),
        ("runState", Value::Enum(run_state)),
        ("resultMessage", text(result_message)),
        ("lastStateUpdateDateTime", Value::DateTimeOffset(updated)),
        ("errorCode", Value::Int32(error_code)),
        ("errorDescription", text(error_description)),
    ] {
        record.set(name, value);
    }
    Ok(record)
}

/// Reports an outcome: `changes` over what the state shows, with what the agent tells of the `run`.
/// Answers the state as it is then. A run that is in the history already changes nothing.
pub(crate) fn report(
    database: &dyn Database,
    clock: &dyn Clock,
    state: State,
    changes: Changes,
    run: Option<&Record>,
) -> Result<Row, Error> {
    let State {
        pk,
        place,
        version: seen,
        run_state,
        mut record,
        ..
    } = state;
    let told = Told::of(run);
    if let Some(id) = &told.id
        && is_known(database, pk, id)?
    {
        return Ok(Row {
            record,
            version: seen,
            expanded: Vec::new(),
        });
    }
    for (position, value) in changes {
        let slot = record.values.get_mut(position);
        *slot.ok_or_else(|| internal("a change of no property"))? = value;
    }
    let outcome = Outcome::of(&record)?;
    let version = outcome.append(database, clock, pk, seen, &told)?;
    outcome.apply(database, pk, version)?;
    if let Some(request_id) = &told.run_request_id {
        let after = Tally::of_run_state(outcome.run_state);
        run_request::ended(database, place.script_pk, request_id, pk, after)?;
    }
    count(database, place, |change| {
        change.add(run_state, outcome.run_state);
    })?;
    note(database, place, ChangeKind::Updated, &record, version)?;
    Ok(Row {
        record,
        version,
        expanded: Vec::new(),
    })
}

/// Adds a device state with its first outcome, and what the agent tells of the `run`. The caller has
/// seen that its id is free.
pub(crate) fn create(
    database: &dyn Database,
    clock: &dyn Clock,
    place: Place,
    record: Record,
    device_id: Option<&str>,
    run: Option<&Record>,
) -> Result<Row, Error> {
    let outcome = Outcome::of(&record)?;
    let id = record
        .get("id")
        .as_str()
        .ok_or_else(|| internal("a run state without id"))?;
    let values = binds![
        place.script_pk,
        place.user_state_pk,
        id,
        device_id,
        outcome.run_state,
        outcome.result_message,
        outcome.updated.ticks(),
        outcome.updated.form(),
        outcome.error_code,
        outcome.error_description,
    ];
    let pk = database.one(INSERT, values, |cells| cells.integer(0))?;
    let version = outcome.append(database, clock, pk, 0, &Told::of(run))?;
    database.execute(SET_VERSION, binds![version, pk])?;
    count(database, place, |change| change.come(outcome.run_state))?;
    note(database, place, ChangeKind::Created, &record, version)?;
    Ok(Row {
        record,
        version,
        expanded: Vec::new(),
    })
}

/// Removes a device state. Its runs stay in the history.
pub(crate) fn delete(database: &dyn Database, state: &State) -> Result<(), Error> {
    database.execute(DELETE, binds![state.pk])?;
    let (place, version) = (state.place, state.version);
    note(database, place, ChangeKind::Deleted, &state.record, version)?;
    count(database, state.place, |change| change.go(state.run_state))
}

/// Notes a change for those who subscribe to the script's own states.
fn note(
    database: &dyn Database,
    place: Place,
    change: ChangeKind,
    record: &Record,
    version: i64,
) -> Result<(), Error> {
    match (place.user_state_pk, record.get("id").as_str()) {
        (0, Some(id)) => notice::state(database, place.script_pk, change, id, version),
        _ => Ok(()),
    }
}

/// Keeps the counters above a device state that has come, gone, or shows something else.
fn count(
    database: &dyn Database,
    place: Place,
    what: impl FnOnce(&mut counters::Change),
) -> Result<(), Error> {
    match place.user_state_pk {
        0 => {
            let mut change = counters::Change::default();
            what(&mut change);
            counters::devices_changed(database, place.script_pk, &change)
        }
        user_state_pk => counters::user_recount(database, place.script_pk, user_state_pk),
    }
}

/// How a run ended: what the history and the state both hold.
pub struct Outcome<'a> {
    /// `runState`.
    pub run_state: i32,
    /// `resultMessage`.
    pub result_message: Option<&'a str>,
    /// `lastStateUpdateDateTime`.
    pub updated: DateTimeOffset,
    /// `errorCode`.
    pub error_code: i32,
    /// `errorDescription`.
    pub error_description: Option<&'a str>,
}

impl<'a> Outcome<'a> {
    /// The outcome that a run state shows.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] where a property that every run state has is missing.
    pub fn of(record: &'a Record) -> Result<Self, Error> {
        let [_, run_state, message, updated, error_code, description] = record.values.as_slice()
        else {
            return Err(internal("a record that is no run state"));
        };
        let missing = |name: &str| Error::Invalid {
            message: format!("'{name}' must have a value."),
        };
        let Value::Enum(run_state) = *run_state else {
            return Err(missing("runState"));
        };
        let Value::DateTimeOffset(updated) = *updated else {
            return Err(missing("lastStateUpdateDateTime"));
        };
        let Value::Int32(error_code) = *error_code else {
            return Err(missing("errorCode"));
        };
        Ok(Self {
            run_state,
            result_message: message.as_str(),
            updated,
            error_code,
            error_description: description.as_str(),
        })
    }

    /// Appends the outcome to the history; answers its number there, which grows with every outcome
    /// of any state and so serves as the state's version.
    fn append(
        &self,
        database: &dyn Database,
        clock: &dyn Clock,
        pk: i64,
        before: i64,
        told: &Told<'_>,
    ) -> Result<i64, Error> {
        let received = DateTimeOffset::from_system_time(clock.now());
        let made;
        let id = match &told.id {
            Some(id) => &**id,
            None => {
                made = run_id(received, before);
                &*made
            }
        };
        let values = binds![
            pk,
            id,
            received.ticks(),
            received.form(),
            self.run_state,
            self.result_message,
            self.updated.ticks(),
            self.updated.form(),
            self.error_code,
            self.error_description,
            told.script_version,
            told.start.map(|start| start.0),
            told.start.map(|start| start.1),
            told.end.map(|end| end.0),
            told.end.map(|end| end.1),
            told.exit_code,
            told.account.as_deref(),
            told.run_request_id.as_deref(),
            told.output_truncated,
            told.output.as_deref(),
            told.error_output.as_deref(),
        ];
        database.one(APPEND, values, |cells| cells.integer(0))
    }

    /// Makes the state show the outcome.
    fn apply(&self, database: &dyn Database, pk: i64, version: i64) -> Result<(), Error> {
        let values = binds![
            pk,
            version,
            self.run_state,
            self.result_message,
            self.updated.ticks(),
            self.updated.form(),
            self.error_code,
            self.error_description,
        ];
        database.execute(APPLY, values)?;
        Ok(())
    }
}

/// Whether the history has that run of the state.
fn is_known(database: &dyn Database, pk: i64, run_id: &str) -> Result<bool, Error> {
    database.one(IS_KNOWN, binds![pk, run_id], |cells| cells.truth(0))
}

/// The id of a run whose reporter gave none: a UUID of version 7 (RFC 9562, 5.7), with the version
/// that the state had in the place of random bits, since no two reports of a state find the same.
pub fn run_id(received: DateTimeOffset, before: i64) -> String {
    let millis = u64::try_from(received.ticks() / 10_000).unwrap_or(0);
    let mut bits = [0; 10];
    let low = bits.iter_mut().skip(2);
    low.zip(before.to_be_bytes())
        .for_each(|(bit, byte)| *bit = byte);
    let id = uuid::Builder::from_unix_timestamp_millis(millis, &bits).into_uuid();
    id.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whoever gives run states another property is sent here, to what knows them all in their order.
    #[test]
    fn every_property_is_written_out() {
        let properties: Vec<_> = DEVICE_STATE.properties.iter().map(|p| p.name).collect();
        assert_eq!(
            properties,
            [
                "id",
                "runState",
                "resultMessage",
                "lastStateUpdateDateTime",
                "errorCode",
                "errorDescription"
            ]
        );
    }
}
