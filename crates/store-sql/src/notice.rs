//! Changes noted for those who subscribe to them, in the transaction that makes them.
//!
//! Where nobody subscribes, that is a look into a small table, and for many states at once one look for
//! all of them.

use std::collections::HashMap;

use runstate_graph::entity::SCRIPT_TYPES;
use runstate_odata::edm::StructuredType;
use runstate_store::{Error, subscription::ChangeKind};

use crate::{
    Database,
    cells::{CellsExt as _, binds},
};

/// Whether anybody subscribes to the script's own run states.
const IS_WATCHED: &str = "SELECT EXISTS (SELECT 1 FROM subscription \
     WHERE tenant_id = (SELECT tenant_id FROM script WHERE pk = ?1) AND target_pk = ?1 \
     AND subject = 2 AND is_closing = 0)";

macro_rules! note_state {
    ($change:literal, $flag:literal) => {
        concat!(
            "INSERT INTO subscription_notice \
                 (tenant_id, subscription_pk, change, item_id, item_version) \
             SELECT tenant_id, pk, ",
            $change,
            ", ?2, ?3 FROM subscription \
             WHERE tenant_id = (SELECT tenant_id FROM script WHERE pk = ?1) AND target_pk = ?1 \
             AND subject = 2 AND is_closing = 0 AND ",
            $flag,
            " = 1"
        )
    };
}

macro_rules! note_script {
    ($change:literal, $flag:literal) => {
        concat!(
            "INSERT INTO subscription_notice \
                 (tenant_id, subscription_pk, change, item_id, item_version) \
             SELECT tenant_id, pk, ",
            $change,
            ", ?4, ?5 FROM subscription WHERE tenant_id = ?1 AND is_closing = 0 AND ",
            $flag,
            " = 1 AND ((subject = 0 AND script_kind = ?2) OR (subject = 1 AND target_pk = ?3))"
        )
    };
}

const STATE: [&str; 3] = [
    note_state!("0", "on_created"),
    note_state!("1", "on_updated"),
    note_state!("2", "on_deleted"),
];
const SCRIPT: [&str; 3] = [
    note_script!("0", "on_created"),
    note_script!("1", "on_updated"),
    note_script!("2", "on_deleted"),
];
const CLOSE: &str = "UPDATE subscription SET is_closing = 1, remind_at = NULL WHERE tenant_id = ?1 AND target_pk = ?2";
const FORGET: &str =
    "DELETE FROM subscription_notice WHERE tenant_id = ?1 AND subscription_pk = ?2";
/// Of subscriptions that went while a change was noted for them.
const SWEEP: &str = "DELETE FROM subscription_notice WHERE NOT EXISTS (SELECT 1 \
     FROM subscription AS s WHERE s.tenant_id = subscription_notice.tenant_id \
     AND s.pk = subscription_notice.subscription_pk)";

/// All of the above that changes wait for, whose plans a test of a backend looks at.
pub const STATEMENTS: &[(&str, &str)] = &[
    ("is watched", IS_WATCHED),
    ("state created", STATE[0]),
    ("state updated", STATE[1]),
    ("state deleted", STATE[2]),
    ("script created", SCRIPT[0]),
    ("script updated", SCRIPT[1]),
    ("script deleted", SCRIPT[2]),
    ("close", CLOSE),
    ("forget", FORGET),
];

/// The text for a kind of change.
fn of(texts: &[&'static str; 3], change: ChangeKind) -> &'static str {
    let [created, updated, deleted] = texts;
    match change {
        ChangeKind::Created => created,
        ChangeKind::Updated => updated,
        ChangeKind::Deleted => deleted,
    }
}

/// Notes changes of run states, of perhaps many at once: it is asked once for a script whether anybody
/// subscribes to its states.
#[derive(Debug, Default)]
pub struct StateNotices {
    watched: HashMap<i64, bool>,
}

impl StateNotices {
    /// Notes a change of one of a script's own run states.
    ///
    /// # Errors
    ///
    /// Those of [`Database::query`].
    pub fn note(
        &mut self,
        database: &dyn Database,
        script_pk: i64,
        change: ChangeKind,
        id: &str,
        version: i64,
    ) -> Result<(), Error> {
        if self.is_watched(database, script_pk)? {
            state(database, script_pk, change, id, version)?;
        }
        Ok(())
    }

    /// Whether anybody subscribes to the script's own run states.
    ///
    /// # Errors
    ///
    /// Those of [`Database::query`].
    pub fn is_watched(&mut self, database: &dyn Database, script_pk: i64) -> Result<bool, Error> {
        if let Some(watched) = self.watched.get(&script_pk) {
            return Ok(*watched);
        }
        let watched = database.one(IS_WATCHED, binds![script_pk], |cells| cells.truth(0))?;
        self.watched.insert(script_pk, watched);
        Ok(watched)
    }
}

/// Notes a change of one of a script's own run states.
pub(crate) fn state(
    database: &dyn Database,
    script_pk: i64,
    change: ChangeKind,
    id: &str,
    version: i64,
) -> Result<(), Error> {
    database.execute(of(&STATE, change), binds![script_pk, id, version])?;
    Ok(())
}

/// Notes a change of a script. What is on one that is gone ends when its receivers have been told.
pub(crate) fn script(
    database: &dyn Database,
    tenant_id: &str,
    ty: &StructuredType,
    script_pk: i64,
    change: ChangeKind,
    (id, version): (&str, i64),
) -> Result<(), Error> {
    if !SCRIPT_TYPES.contains(&ty) {
        return Ok(());
    }
    let values = binds![tenant_id, ty.name, script_pk, id, version];
    database.execute(of(&SCRIPT, change), values)?;
    if change == ChangeKind::Deleted {
        database.execute(CLOSE, binds![tenant_id, script_pk])?;
    }
    Ok(())
}

/// Removes the notices of a subscription that goes.
pub(crate) fn forget(
    database: &dyn Database,
    tenant_id: &str,
    subscription_pk: i64,
) -> Result<u64, Error> {
    database.execute(FORGET, binds![tenant_id, subscription_pk])
}

/// Removes the notices of subscriptions that are gone.
pub(crate) fn sweep(database: &dyn Database) -> Result<u64, Error> {
    database.execute(SWEEP, &[])
}
