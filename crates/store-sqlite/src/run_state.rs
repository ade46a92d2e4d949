//! What reports and their fold ask of the tables and write to them: `runstate_store_sql::run_state`
//! straight on a connection.
//!
//! This is the call that a fleet sends, so it goes without rows of cells in between.

use runstate_graph::permit::Permit;
use runstate_odata::edm::Value;
use runstate_store::Error;
pub(crate) use runstate_store_sql::run_state::{Outcome, Place, State, run_id};
use runstate_store_sql::{
    device::IS_RETIRED,
    run_state::{APPLY, FIND, IS_KNOWN, record},
};
use rusqlite::{Connection, OptionalExtension, params};

use crate::{error::store_error, journal::Entry};

/// Where the history has that run, it stays as it is: what is in the journal must never stand in the way
/// of what comes behind it.
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

/// All of the above, whose plans a test looks at.
#[cfg(test)]
pub(crate) const STATEMENTS: &[(&str, &str)] = &[
    ("append as", APPEND),
    ("append plain", APPEND_PLAIN),
    ("shown", SHOWN),
];

/// The token of a device that is retired is no longer good, however long it would be.
pub(crate) fn refuse_retired(connection: &Connection, permit: &Permit) -> Result<(), Error> {
    let Some(device_id) = permit.device_id() else {
        return Ok(());
    };
    let is_retired: bool = connection
        .prepare_cached(IS_RETIRED)
        .and_then(|mut retired| {
            retired.query_row([permit.tenant_id(), device_id], |row| row.get(0))
        })
        .map_err(store_error)?;
    if is_retired {
        return Err(Error::DeviceRetired);
    }
    Ok(())
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
    let (pk, version, device_id, run_state) = (row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?);
    let updated = (row.get(5)?, row.get(6)?);
    let record = record(
        id,
        run_state,
        row.get(4)?,
        updated,
        row.get(7)?,
        row.get(8)?,
    );
    Ok(record.map(|record| State {
        pk,
        place,
        version,
        device_id,
        run_state,
        record,
    }))
}

/// As a report that is not in the tables yet has left it.
impl From<&Entry> for State {
    fn from(entry: &Entry) -> Self {
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
}

/// Adds the outcome of a report to the history under the number that the journal gave it, with the run's
/// id and the instant when it was received.
pub(crate) fn append(connection: &Connection, entry: &Entry) -> Result<(), Error> {
    let outcome = entry.outcome()?;
    let Some(told) = &entry.told else {
        connection
            .prepare_cached(APPEND_PLAIN)
            .and_then(|mut statement| {
                statement.execute(params![
                    entry.number,
                    entry.state_pk,
                    entry.run_id,
                    entry.received.0,
                    entry.received.1,
                    outcome.run_state,
                    outcome.result_message,
                    outcome.updated.ticks(),
                    outcome.updated.form(),
                    outcome.error_code,
                    outcome.error_description,
                ])
            })
            .map_err(store_error)?;
        return Ok(());
    };
    connection
        .prepare_cached(APPEND)
        .and_then(|mut statement| {
            statement.execute(params![
                entry.number,
                entry.state_pk,
                entry.run_id,
                entry.received.0,
                entry.received.1,
                outcome.run_state,
                outcome.result_message,
                outcome.updated.ticks(),
                outcome.updated.form(),
                outcome.error_code,
                outcome.error_description,
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
            ])
        })
        .map_err(store_error)?;
    Ok(())
}

/// Makes the state show the outcome of a report.
pub(crate) fn apply(connection: &Connection, entry: &Entry) -> Result<(), Error> {
    let outcome = entry.outcome()?;
    connection
        .prepare_cached(APPLY)
        .and_then(|mut statement| {
            statement.execute(params![
                entry.state_pk,
                entry.number,
                outcome.run_state,
                outcome.result_message,
                outcome.updated.ticks(),
                outcome.updated.form(),
                outcome.error_code,
                outcome.error_description,
            ])
        })
        .map_err(store_error)?;
    Ok(())
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
