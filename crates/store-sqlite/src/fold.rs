//! What the journal holds, into the tables: the history of runs, the run states, the counters.

use std::collections::{BTreeSet, HashMap};

use runstate_store::Error;
use rusqlite::Connection;

use crate::{
    counters::{self, Tally},
    error::store_error,
    journal::{Entry, Overlay},
    run_state::Place,
    told::Told,
    write::execute,
};

pub(crate) const FOLDED: &str = "SELECT folded FROM journal";
const SET_FOLDED: &str = "UPDATE journal SET folded = ?";

/// Folds all that waits, in one transaction.
pub(crate) fn fold(connection: &Connection, overlay: &Overlay) -> Result<(), Error> {
    let entries = overlay.all();
    let Some(last) = entries.last() else {
        return Ok(());
    };
    let transaction =
        rusqlite::Transaction::new_unchecked(connection, rusqlite::TransactionBehavior::Immediate)
            .map_err(store_error)?;
    apply(&transaction, &entries)?;
    execute(&transaction, SET_FOLDED, [last.number])?;
    transaction.commit().map_err(store_error)?;
    overlay.folded(entries.len());
    Ok(())
}

/// Whatever the reports mean for the tables. Of several to one state the history gets all, and the
/// state the last.
fn apply<E: AsRef<Entry>>(connection: &Connection, entries: &[E]) -> Result<(), Error> {
    let plain = Told::default();
    for entry in entries {
        let entry = entry.as_ref();
        entry.outcome()?.append_as(
            connection,
            Some(entry.number),
            entry.state_pk,
            (&entry.run_id, entry.received),
            entry.told.as_ref().unwrap_or(&plain),
        )?;
    }
    // In the order of the rows, so that those of one page are changed together.
    let mut states: Vec<&Entry> = entries.iter().map(AsRef::as_ref).collect();
    states.sort_unstable_by_key(|entry| (entry.state_pk, entry.number));
    let mut counts: HashMap<i64, (Tally, Tally)> = HashMap::new();
    let mut users: BTreeSet<(i64, i64)> = BTreeSet::new();
    for of_one in states.chunk_by(|a, b| a.state_pk == b.state_pk) {
        let [first, ..] = of_one else { continue };
        let [.., last] = of_one else { continue };
        let outcome = last.outcome()?;
        if !outcome.apply(connection, last.state_pk, last.number)? {
            // What is not there any more counts for nothing.
            continue;
        }
        let Place {
            script_pk,
            user_state_pk,
        } = last.place;
        if user_state_pk == 0 {
            let (before, after) = counts.entry(script_pk).or_default();
            *before += Tally::of_run_state(first.before);
            *after += Tally::of_run_state(outcome.run_state);
        } else {
            users.insert((script_pk, user_state_pk));
        }
    }
    for (script_pk, (before, after)) in counts {
        counters::device_changed(connection, script_pk, before, after)?;
    }
    for (script_pk, user_state_pk) in users {
        counters::user_recount(connection, script_pk, user_state_pk)?;
    }
    Ok(())
}
