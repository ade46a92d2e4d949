//! What the store keeps beside the run states because it follows from them. Whoever adds such a table
//! to the schema fills it here too.

use std::collections::BTreeMap;

use rusqlite::{Connection, params};

use crate::{
    failure::Outcome,
    fleet::{FAIL, Fleet, SCRIPTS, SUCCESS},
};

/// How many states there are, by the script's primary key and the value of `runState`.
pub(crate) type Counts = BTreeMap<(i64, i64), i64>;

/// Fills all tables that follow from the run states.
pub(crate) fn fill(connection: &Connection, fleet: Fleet, counts: &Counts) -> Outcome {
    for ((script_pk, run_state), count) in counts {
        connection.execute(
            "INSERT INTO run_state_count (script_pk, run_state, count) VALUES (?, ?, ?)",
            params![script_pk, run_state, count],
        )?;
    }
    run_summary(connection, fleet, counts)
}

fn run_summary(connection: &Connection, fleet: Fleet, counts: &Counts) -> Outcome {
    for script in 0..SCRIPTS {
        let script_pk = i64::try_from(script)? + 1;
        let count = |run_state| counts.get(&(script_pk, run_state)).copied().unwrap_or(0);
        connection.execute(
            "INSERT INTO run_summary (id, version, script_pk, success_device_count, \
             error_device_count, success_user_count, error_user_count) VALUES (?, 1, ?, ?, ?, 0, 0)",
            params![fleet.script_id(script), script_pk, count(SUCCESS), count(FAIL)],
        )?;
    }
    Ok(())
}
