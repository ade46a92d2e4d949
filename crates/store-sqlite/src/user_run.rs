//! The run of a script in a user's context, as the user's own result: Graph shows it among the
//! script's user states, and the run summary counts users.

use runstate_graph::clock::Clock;
use runstate_odata::edm::{Record, Value};
use runstate_store::{Error, Row};
use rusqlite::{Connection, OptionalExtension, params};

use crate::{
    device,
    error::store_error,
    run_state::{self, Place},
};

/// The script, where it runs as the user.
const SCRIPT: &str = "SELECT id, tenant_id FROM script WHERE pk = ? AND run_as_account = 1";
const FIND: &str = "SELECT pk FROM user_run_state WHERE script_pk = ? AND id = ?";
const INSERT: &str = "INSERT INTO user_run_state (id, version, script_pk, success_device_count, \
     error_device_count, user_principal_name) \
     SELECT ?2, 1, ?1, 0, 0, user_principal_name FROM user_account WHERE tenant_id = ?3 AND id = ?4 \
     RETURNING pk";

/// All of the above, whose plans a test looks at.
#[cfg(test)]
pub(crate) const STATEMENTS: &[(&str, &str)] = &[
    ("script of user", SCRIPT),
    ("find user state", FIND),
    ("insert user state", INSERT),
];

/// Notes a device's run in the state of the user under whose account it ran, where the script runs as
/// the user and the account is that of one user of the tenant.
pub(crate) fn note(
    connection: &Connection,
    clock: &dyn Clock,
    script_pk: i64,
    device_id: &str,
    run: &Record,
    state: &Row,
) -> Result<(), Error> {
    let Some(account) = run.get("account").as_str() else {
        return Ok(());
    };
    let script: Option<(String, String)> = connection
        .prepare_cached(SCRIPT)
        .and_then(|mut script| {
            script
                .query_row([script_pk], |row| Ok((row.get(0)?, row.get(1)?)))
                .optional()
        })
        .map_err(store_error)?;
    let Some((script_id, tenant_id)) = script else {
        return Ok(());
    };
    let Some(user_id) = device::user_of_account(connection, &tenant_id, account)? else {
        return Ok(());
    };
    let id = format!("{script_id}:{user_id}");
    let place = Place {
        script_pk,
        user_state_pk: user_state(connection, script_pk, &id, &tenant_id, &user_id)?,
    };
    let id = format!("{id}:{device_id}");
    let mut record = state.record.clone();
    record.set("id", Value::String(id.clone()));
    match run_state::find(connection, place, &id)? {
        Some(known) => {
            let changes = record.values.into_iter().enumerate().collect();
            run_state::report(connection, clock, known, changes, Some(run))?;
        }
        None => {
            run_state::create(connection, clock, place, record, Some(device_id), Some(run))?;
        }
    }
    Ok(())
}

/// The row id of a user's state of a script, which is made where it is not there.
fn user_state(
    connection: &Connection,
    script_pk: i64,
    id: &str,
    tenant_id: &str,
    user_id: &str,
) -> Result<i64, Error> {
    let known: Option<i64> = connection
        .prepare_cached(FIND)
        .and_then(|mut known| {
            known
                .query_row(params![script_pk, id], |row| row.get(0))
                .optional()
        })
        .map_err(store_error)?;
    if let Some(known) = known {
        return Ok(known);
    }
    // Without a device yet it counts as nothing.
    connection
        .prepare_cached(INSERT)
        .and_then(|mut insert| {
            let values = params![script_pk, id, tenant_id, user_id];
            insert.query_row(values, |row| row.get(0))
        })
        .map_err(store_error)
}
