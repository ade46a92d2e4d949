//! The run of a script in a user's context, as the user's own result: Graph shows it among the
//! script's user states, and the run summary counts users.

use runstate_graph::clock::Clock;
use runstate_odata::edm::{Record, Value};
use runstate_store::{Error, Row};

use crate::{
    Database,
    cells::{CellsExt as _, binds},
    device,
    run_state::{self, Place},
};

/// The script, where it runs as the user.
const SCRIPT: &str = "SELECT id, tenant_id FROM script WHERE pk = ?1 AND run_as_account = 1";
const FIND: &str = "SELECT pk FROM user_run_state WHERE script_pk = ?1 AND id = ?2";
const INSERT: &str = "INSERT INTO user_run_state (id, version, script_pk, success_device_count, \
     error_device_count, user_principal_name) \
     SELECT ?2, 1, ?1, 0, 0, user_principal_name FROM user_account WHERE tenant_id = ?3 AND id = ?4 \
     RETURNING pk";

/// All of the above, whose plans a test of a backend looks at.
pub const STATEMENTS: &[(&str, &str)] = &[
    ("script of user", SCRIPT),
    ("find user state", FIND),
    ("insert user state", INSERT),
];

/// Notes a device's run in the state of the user under whose account it ran, where the script runs as
/// the user and the account is that of one user of the tenant.
pub(crate) fn note(
    database: &dyn Database,
    clock: &dyn Clock,
    script_pk: i64,
    device_id: &str,
    run: &Record,
    state: &Row,
) -> Result<(), Error> {
    let Some(account) = run.get("account").as_str() else {
        return Ok(());
    };
    let script = database.first(SCRIPT, binds![script_pk], |cells| {
        Ok((cells.text(0)?, cells.text(1)?))
    })?;
    let Some((script_id, tenant_id)) = script else {
        return Ok(());
    };
    let Some(user_id) = device::user_of_account(database, &tenant_id, account)? else {
        return Ok(());
    };
    let id = format!("{script_id}:{user_id}");
    let place = Place {
        script_pk,
        user_state_pk: user_state(database, script_pk, &id, &tenant_id, &user_id)?,
    };
    let id = format!("{id}:{device_id}");
    let mut record = state.record.clone();
    record.set("id", Value::String(id.clone()));
    match run_state::find(database, place, &id)? {
        Some(known) => {
            let changes = record.values.into_iter().enumerate().collect();
            run_state::report(database, clock, known, changes, Some(run))?;
        }
        None => {
            run_state::create(database, clock, place, record, Some(device_id), Some(run))?;
        }
    }
    Ok(())
}

/// The row id of a user's state of a script, which is made where it is not there.
fn user_state(
    database: &dyn Database,
    script_pk: i64,
    id: &str,
    tenant_id: &str,
    user_id: &str,
) -> Result<i64, Error> {
    let known = database.first(FIND, binds![script_pk, id], |cells| cells.integer(0))?;
    if let Some(known) = known {
        return Ok(known);
    }
    // Without a device yet it counts as nothing.
    let values = binds![script_pk, id, tenant_id, user_id];
    database.one(INSERT, values, |cells| cells.integer(0))
}
