//! The one narrow door through which every outcome of a run comes in: append it to the history,
//! apply it to the device state, keep the counters.
//!
//! The statements are written out here rather than derived, because this is the call that a fleet
//! sends; a test holds their columns against the entity's description.

use runstate_graph::{clock::Clock, entity::DEVICE_STATE};
use runstate_odata::edm::{DateTimeOffset, Record, Value};
use runstate_store::{Changes, Error, Row};
use rusqlite::{Connection, OptionalExtension, Statement, ToSql, params};

use crate::{
    counters::{self, Tally},
    error::{internal, store_error},
    journal::Entry,
    run_request,
    told::{Instant, Told, instant},
};

const FIND: &str = "SELECT pk, version, device_id, run_state, result_message, \
     last_state_update_date_time, last_state_update_date_time_form, error_code, \
     error_description FROM device_run_state \
     WHERE script_pk = ? AND user_state_pk = ? AND id = ?";
const INSERT: &str = "INSERT INTO device_run_state (script_pk, user_state_pk, id, version, \
     device_id, run_state, result_message, last_state_update_date_time, \
     last_state_update_date_time_form, error_code, error_description) \
     VALUES (?1, ?2, ?3, 0, ?4, ?5, ?6, ?7, ?8, ?9, ?10)";
const APPEND: &str = "INSERT INTO run (pk, state_pk, id, version, received_date_time, \
     received_date_time_form, run_state, result_message, last_state_update_date_time, \
     last_state_update_date_time_form, error_code, error_description, script_version, \
     start_date_time, start_date_time_form, end_date_time, end_date_time_form, exit_code, account, \
     run_request_id, output_truncated, output, error_output) \
     VALUES (?, ?, ?, 1, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) \
     ON CONFLICT DO NOTHING";
/// [`APPEND`] of a run of which nothing more was told.
const APPEND_PLAIN: &str = "INSERT INTO run (pk, state_pk, id, version, received_date_time, \
     received_date_time_form, run_state, result_message, last_state_update_date_time, \
     last_state_update_date_time_form, error_code, error_description, output_truncated) \
     VALUES (?, ?, ?, 1, ?, ?, ?, ?, ?, ?, ?, ?, 0) ON CONFLICT DO NOTHING";
const SHOWN: &str = "SELECT run_state FROM device_run_state WHERE pk = ?";
const IS_KNOWN: &str = "SELECT EXISTS (SELECT 1 FROM run WHERE state_pk = ? AND id = ?)";
const APPLY: &str = "UPDATE device_run_state SET version = ?2, run_state = ?3, \
     result_message = ?4, last_state_update_date_time = ?5, \
     last_state_update_date_time_form = ?6, error_code = ?7, error_description = ?8 \
     WHERE pk = ?1";
const SET_VERSION: &str = "UPDATE device_run_state SET version = ? WHERE pk = ?";
const DELETE: &str = "DELETE FROM device_run_state WHERE pk = ?";

/// All of the above, whose plans a test looks at.
#[cfg(test)]
pub(crate) const STATEMENTS: &[(&str, &str)] = &[
    ("find", FIND),
    ("insert", INSERT),
    ("append", APPEND),
    ("append plain", APPEND_PLAIN),
    ("shown", SHOWN),
    ("is known", IS_KNOWN),
    ("apply", APPLY),
    ("set version", SET_VERSION),
    ("delete", DELETE),
];

/// Where a device state is: in a script, or in one of the script's user states.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Place {
    pub(crate) script_pk: i64,
    /// 0: the script's own.
    pub(crate) user_state_pk: i64,
}

/// A device state as it is stored.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) pk: i64,
    pub(crate) place: Place,
    pub(crate) version: i64,
    pub(crate) device_id: Option<String>,
    pub(crate) run_state: i32,
    pub(crate) record: Record,
}

impl State {
    /// As a report that is not in the tables yet has left it.
    pub(crate) fn of_entry(entry: &Entry) -> Self {
        let run_state = match entry.record.get("runState") {
            Value::Enum(run_state) => *run_state,
            _ => entry.before,
        };
        Self {
            pk: entry.state_pk,
            place: entry.place,
            version: entry.number,
            device_id: entry.device_id.clone(),
            run_state,
            record: entry.record.clone(),
        }
    }

    /// As the API shows it.
    pub(crate) fn row(&self) -> Row {
        Row {
            record: self.record.clone(),
            version: self.version,
            expanded: Vec::new(),
        }
    }
}

/// The device state of that id, where there is one.
pub(crate) fn find(
    connection: &Connection,
    place: Place,
    id: &str,
) -> Result<Option<State>, Error> {
    let found = connection
        .prepare_cached(FIND)
        .and_then(|mut statement| {
            let state = |row: &rusqlite::Row<'_>| read(row, place, id);
            statement
                .query_row(params![place.script_pk, place.user_state_pk, id], state)
                .optional()
        })
        .map_err(store_error)?;
    found.transpose()
}

fn read(row: &rusqlite::Row<'_>, place: Place, id: &str) -> rusqlite::Result<Result<State, Error>> {
    let text = |cell: Option<String>| cell.map_or(Value::Null, Value::String);
    let run_state = row.get(3)?;
    let Some(updated) = DateTimeOffset::from_parts(row.get(5)?, row.get(6)?) else {
        return Ok(Err(internal(format!("run state '{id}' holds no date"))));
    };
    let mut record = Record::new(&DEVICE_STATE);
    for (name, value) in [
        ("id", Value::String(id.to_owned())),
        ("runState", Value::Enum(run_state)),
        ("resultMessage", text(row.get(4)?)),
        ("lastStateUpdateDateTime", Value::DateTimeOffset(updated)),
        ("errorCode", Value::Int32(row.get(7)?)),
        ("errorDescription", text(row.get(8)?)),
    ] {
        record.set(name, value);
    }
    let (pk, version, device_id) = (row.get(0)?, row.get(1)?, row.get(2)?);
    Ok(Ok(State {
        pk,
        place,
        version,
        device_id,
        run_state,
        record,
    }))
}

/// Reports an outcome: `changes` over what the state shows, with what the agent tells of the `run`.
/// Answers the state as it is then. A run that is in the history already changes nothing.
pub(crate) fn report(
    connection: &Connection,
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
        && is_known(connection, pk, id)?
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
    let version = outcome.append(connection, clock, pk, seen, &told)?;
    outcome.apply(connection, pk, version)?;
    if let Some(request_id) = &told.run_request_id {
        let after = Tally::of_run_state(outcome.run_state);
        run_request::ended(connection, place.script_pk, request_id, pk, after)?;
    }
    match place.user_state_pk {
        0 => {
            let mut change = counters::Change::default();
            change.add(run_state, outcome.run_state);
            counters::devices_changed(connection, place.script_pk, &change)?;
        }
        user_state_pk => counters::user_recount(connection, place.script_pk, user_state_pk)?,
    }
    Ok(Row {
        record,
        version,
        expanded: Vec::new(),
    })
}

/// Adds a device state with its first outcome, and what the agent tells of the `run`. The caller has
/// seen that its id is free.
pub(crate) fn create(
    connection: &Connection,
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
    let pk = connection
        .prepare_cached(INSERT)
        .and_then(|mut statement| {
            statement.insert(params![
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
            ])
        })
        .map_err(store_error)?;
    let version = outcome.append(connection, clock, pk, 0, &Told::of(run))?;
    connection
        .prepare_cached(SET_VERSION)
        .and_then(|mut statement| statement.execute([version, pk]))
        .map_err(store_error)?;
    let after = Tally::of_run_state(outcome.run_state);
    count(connection, place, Tally::default(), after)?;
    Ok(Row {
        record,
        version,
        expanded: Vec::new(),
    })
}

/// Removes a device state. Its runs stay in the history.
pub(crate) fn delete(connection: &Connection, state: &State) -> Result<(), Error> {
    connection
        .prepare_cached(DELETE)
        .and_then(|mut statement| statement.execute([state.pk]))
        .map_err(store_error)?;
    count(
        connection,
        state.place,
        Tally::of_run_state(state.run_state),
        Tally::default(),
    )
}

/// Keeps the counters above a device state that has come, or gone.
fn count(connection: &Connection, place: Place, before: Tally, after: Tally) -> Result<(), Error> {
    match place.user_state_pk {
        0 => counters::device_counts(connection, place.script_pk, before, after),
        user_state_pk => counters::user_recount(connection, place.script_pk, user_state_pk),
    }
}

/// How a run ended: what the history and the state both hold.
pub(crate) struct Outcome<'a> {
    pub(crate) run_state: i32,
    pub(crate) result_message: Option<&'a str>,
    pub(crate) updated: DateTimeOffset,
    pub(crate) error_code: i32,
    pub(crate) error_description: Option<&'a str>,
}

impl<'a> Outcome<'a> {
    pub(crate) fn of(record: &'a Record) -> Result<Self, Error> {
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
        connection: &Connection,
        clock: &dyn Clock,
        pk: i64,
        before: i64,
        told: &Told<'_>,
    ) -> Result<i64, Error> {
        let received = DateTimeOffset::from_system_time(clock.now());
        let made;
        let id = match &told.id {
            Some(id) => id,
            None => {
                made = run_id(received, before);
                &*made
            }
        };
        let run = (None, pk, id, instant(received));
        self.write_run(connection, run, Some(told), |statement, values| {
            statement.insert(values)
        })
    }

    /// Adds the outcome to the history under the number that the journal gave it, with the run's id and
    /// the instant when it was received. Where the history has that run, it stays as it is: what is in
    /// the journal must never stand in the way of what comes behind it.
    pub(crate) fn append_as(
        &self,
        connection: &Connection,
        number: i64,
        pk: i64,
        (id, received): (&str, Instant),
        told: Option<&Told<'_>>,
    ) -> Result<(), Error> {
        let run = (Some(number), pk, id, received);
        self.write_run(connection, run, told, |statement, values| {
            statement.execute(values)
        })?;
        Ok(())
    }

    fn write_run<T>(
        &self,
        connection: &Connection,
        (number, pk, id, received): (Option<i64>, i64, &str, Instant),
        told: Option<&Told<'_>>,
        run: impl FnOnce(&mut Statement<'_>, &[&dyn ToSql]) -> rusqlite::Result<T>,
    ) -> Result<T, Error> {
        let Some(told) = told else {
            return connection
                .prepare_cached(APPEND_PLAIN)
                .and_then(|mut statement| {
                    let values = params![
                        number,
                        pk,
                        id,
                        received.0,
                        received.1,
                        self.run_state,
                        self.result_message,
                        self.updated.ticks(),
                        self.updated.form(),
                        self.error_code,
                        self.error_description,
                    ];
                    run(&mut statement, values)
                })
                .map_err(store_error);
        };
        connection
            .prepare_cached(APPEND)
            .and_then(|mut statement| {
                let values = params![
                    number,
                    pk,
                    id,
                    received.0,
                    received.1,
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
                    told.account,
                    told.run_request_id,
                    told.output_truncated,
                    told.output,
                    told.error_output,
                ];
                run(&mut statement, values)
            })
            .map_err(store_error)
    }

    /// Makes the state show the outcome.
    pub(crate) fn apply(
        &self,
        connection: &Connection,
        pk: i64,
        version: i64,
    ) -> Result<(), Error> {
        connection
            .prepare_cached(APPLY)
            .and_then(|mut statement| {
                statement.execute(params![
                    pk,
                    version,
                    self.run_state,
                    self.result_message,
                    self.updated.ticks(),
                    self.updated.form(),
                    self.error_code,
                    self.error_description,
                ])
            })
            .map_err(store_error)?;
        Ok(())
    }
}

/// The `runState` that a state shows; none where it is not there.
pub(crate) fn shown(connection: &Connection, pk: i64) -> Result<Option<i32>, Error> {
    connection
        .prepare_cached(SHOWN)
        .and_then(|mut shown| shown.query_row([pk], |row| row.get(0)).optional())
        .map_err(store_error)
}

/// Whether the history has that run of the state.
pub(crate) fn is_known(connection: &Connection, pk: i64, run_id: &str) -> Result<bool, Error> {
    connection
        .prepare_cached(IS_KNOWN)
        .and_then(|mut known| known.query_row(params![pk, run_id], |row| row.get(0)))
        .map_err(store_error)
}

/// The id of a run whose reporter gave none: a UUID of version 7 (RFC 9562, 5.7), with the version
/// that the state had in the place of random bits, since no two reports of a state find the same.
pub(crate) fn run_id(received: DateTimeOffset, before: i64) -> String {
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
