//! What the journal holds, into the tables: the history of runs, the run states, the counters.

use std::collections::{BTreeSet, HashMap};

use runstate_store::Error;
use runstate_store_sql::{
    audit,
    counters::{self, Change},
};
use rusqlite::Connection;

use crate::{
    database::SqliteDatabase,
    error::store_error,
    journal::{Entry, Overlay},
    run_state::{self, Place},
};

pub(crate) const FOLDED: &str = "SELECT folded FROM journal";
/// Up to that number all is in the tables.
const FOLD: &str = "UPDATE journal SET folded = max(folded, ?)";

/// Folds all that waits, in one transaction.
pub(crate) fn fold(connection: &Connection, overlay: &Overlay) -> Result<(), Error> {
    let batches = overlay.all();
    if batches.is_empty() {
        return Ok(());
    }
    let transaction =
        rusqlite::Transaction::new_unchecked(connection, rusqlite::TransactionBehavior::Immediate)
            .map_err(store_error)?;
    // Asked under the lock: a commit may have taken effect although it was reported to have failed.
    let folded: i64 = transaction
        .query_row(FOLDED, [], |row| row.get(0))
        .map_err(store_error)?;
    let entries: Vec<&Entry> = batches
        .iter()
        .flat_map(|batch| &batch.entries)
        .map(|entry| &**entry)
        .filter(|entry| entry.number > folded)
        .collect();
    if let Some(last) = entries.last() {
        apply(&transaction, &entries)?;
        set_folded(&transaction, last.number)?;
    }
    transaction.commit().map_err(store_error)?;
    overlay.folded(batches.len());
    Ok(())
}

/// Notes up to which number all is in the tables.
pub(crate) fn set_folded(connection: &Connection, number: i64) -> Result<(), Error> {
    connection
        .prepare_cached(FOLD)
        .and_then(|mut fold| fold.execute([number]))
        .map_err(store_error)?;
    Ok(())
}

/// Whatever the reports mean for the tables. Of several to one state the history gets all, and the
/// state the last.
fn apply(connection: &Connection, entries: &[&Entry]) -> Result<(), Error> {
    let database = SqliteDatabase(connection);
    for entry in entries {
        run_state::append(connection, entry)?;
        if let Some((tenant_id, event)) = &entry.audit {
            audit::append(&database, tenant_id, event)?;
        }
    }
    // In the order of the rows, so that those of one page are changed together.
    let mut states = entries.to_vec();
    states.sort_unstable_by_key(|entry| (entry.state_pk, entry.number));
    let mut counts: HashMap<i64, Change> = HashMap::new();
    let mut users: BTreeSet<(i64, i64)> = BTreeSet::new();
    for of_one in states.chunk_by(|a, b| a.state_pk == b.state_pk) {
        let [.., last] = of_one else { continue };
        // From what the row shows, so that the counters are right whatever has become of the file.
        let Some(mut shown) = run_state::shown(connection, last.state_pk)? else {
            // What is not there any more counts for nothing.
            continue;
        };
        run_state::apply(connection, last)?;
        let Place {
            script_pk,
            user_state_pk,
        } = last.place;
        if user_state_pk == 0 {
            let change = counts.entry(script_pk).or_default();
            for entry in of_one {
                change.add(shown, entry.after());
                shown = entry.after();
            }
        } else {
            users.insert((script_pk, user_state_pk));
        }
    }
    for (script_pk, change) in counts {
        counters::devices_changed(&database, script_pk, &change)?;
    }
    for (script_pk, user_state_pk) in users {
        counters::user_recount(&database, script_pk, user_state_pk)?;
    }
    Ok(())
}
