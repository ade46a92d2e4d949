//! The counters: of a user state over its device states, and of a run summary over the script's
//! device states and user states. Whoever changes what is counted calls one of these functions in
//! the same transaction, so that no reader sees a count that is not exact.

use std::{collections::BTreeMap, sync::Arc};

use runstate_graph::entity::{DEVICE_STATE, RUN_STATE, SCRIPT_TYPES};
use runstate_odata::{
    check::{CompareOp, Predicate, Query, Scalar},
    edm::Value,
};
use runstate_store::{Error, query::Scope};
use rusqlite::{Connection, OptionalExtension};

use crate::{error::store_error, journal::Entry, merge, write::execute};

const ADD_DEVICES: &str = "UPDATE run_summary SET version = version + ?4, \
     success_device_count = success_device_count + ?2, \
     error_device_count = error_device_count + ?3 WHERE script_pk = ?1";
const ADD_USERS: &str = "UPDATE run_summary SET version = version + 1, \
     success_user_count = success_user_count + ?2, \
     error_user_count = error_user_count + ?3 WHERE script_pk = ?1";
const USER_COUNTS: &str =
    "SELECT success_device_count, error_device_count FROM user_run_state WHERE pk = ?";
const COUNT_STATES: &str = "SELECT run_state, count(*) FROM device_run_state \
     WHERE script_pk = ? AND user_state_pk = ? GROUP BY run_state";
const SET_USER_COUNTS: &str = "UPDATE user_run_state SET version = version + 1, \
     success_device_count = ?2, error_device_count = ?3 WHERE pk = ?1";

const ADD_STATES: &str = "INSERT INTO run_state_count (script_pk, run_state, count) \
     VALUES (?1, ?2, ?3) ON CONFLICT (script_pk, run_state) DO UPDATE SET count = count + ?3";
const STATES: &str = "SELECT coalesce(sum(count), 0) FROM run_state_count WHERE script_pk = ?";
const STATES_OF: &str = "SELECT coalesce(sum(count), 0) FROM run_state_count \
     WHERE script_pk = ? AND run_state = ?";

/// All of the above, whose plans a test looks at.
#[cfg(test)]
pub(crate) const STATEMENTS: &[(&str, &str)] = &[
    ("add devices", ADD_DEVICES),
    ("add users", ADD_USERS),
    ("user counts", USER_COUNTS),
    ("count states", COUNT_STATES),
    ("set user counts", SET_USER_COUNTS),
    ("add states", ADD_STATES),
    ("states", STATES),
    ("states of an outcome", STATES_OF),
];

/// How many successes and errors something stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Tally {
    pub(crate) success: i64,
    pub(crate) error: i64,
}

impl Tally {
    /// What a device state counts as: `success` is a success, `fail` and `scriptError` are errors,
    /// and the rest says nothing yet.
    pub(crate) fn of_run_state(run_state: i32) -> Self {
        let (success, error) = match RUN_STATE.name_of(run_state) {
            Some("success") => (1, 0),
            Some("fail" | "scriptError") => (0, 1),
            _ => (0, 0),
        };
        Self { success, error }
    }

    /// What a user with these device counts counts as: any error makes the user an error.
    fn of_user(devices: Self) -> Self {
        let error = devices.error > 0;
        let success = !error && devices.success > 0;
        Self {
            success: i64::from(success),
            error: i64::from(error),
        }
    }
}

/// What has become of some of a script's own device states.
#[derive(Debug, Default)]
pub(crate) struct Change {
    /// How many more there are of each outcome.
    outcomes: BTreeMap<i32, i64>,
    success: i64,
    error: i64,
    /// How many changes of a counter of the run summary that is.
    times: i64,
}

impl Change {
    /// One of them showed that outcome and shows this one.
    pub(crate) fn add(&mut self, before: i32, after: i32) {
        if before == after {
            return;
        }
        *self.outcomes.entry(before).or_default() -= 1;
        *self.outcomes.entry(after).or_default() += 1;
        let (before, after) = (Tally::of_run_state(before), Tally::of_run_state(after));
        self.success += after.success - before.success;
        self.error += after.error - before.error;
        self.times += i64::from(before != after);
    }
}

/// Some of the script's own device states show something else now.
pub(crate) fn devices_changed(
    connection: &Connection,
    script_pk: i64,
    change: &Change,
) -> Result<(), Error> {
    for (outcome, more) in &change.outcomes {
        execute(
            connection,
            ADD_STATES,
            [script_pk, i64::from(*outcome), *more],
        )?;
    }
    add_devices(
        connection,
        script_pk,
        change.success,
        change.error,
        change.times,
    )
}

/// A state has come that counts as `after`, or gone that counted as `before`: how many there are of its
/// outcome follows by itself.
pub(crate) fn device_counts(
    connection: &Connection,
    script_pk: i64,
    before: Tally,
    after: Tally,
) -> Result<(), Error> {
    let (success, error) = (after.success - before.success, after.error - before.error);
    let times = i64::from(before != after);
    add_devices(connection, script_pk, success, error, times)
}

fn add_devices(
    connection: &Connection,
    script_pk: i64,
    success: i64,
    error: i64,
    times: i64,
) -> Result<(), Error> {
    if times == 0 {
        return Ok(());
    }
    execute(connection, ADD_DEVICES, [script_pk, success, error, times])
}

/// A user state had these device counts `before` (none: it was not there) and has others now.
pub(crate) fn user_changed(
    connection: &Connection,
    script_pk: i64,
    before: Tally,
    after: Tally,
) -> Result<(), Error> {
    let (before, after) = (Tally::of_user(before), Tally::of_user(after));
    if before == after {
        return Ok(());
    }
    let (success, error) = (after.success - before.success, after.error - before.error);
    execute(connection, ADD_USERS, [script_pk, success, error])
}

/// How many of a script's own device states a query counts, where it asks for all, or for those of one
/// outcome; nothing of any other query. To count them by going through them would take the longer the
/// larger the fleet. The `reports` are not in the tables yet.
pub(crate) fn counted(
    connection: &Connection,
    scope: &Scope<'_>,
    query: &Query,
    reports: &[Arc<Entry>],
) -> Result<Option<i64>, Error> {
    let is_plain =
        scope.ty == &DEVICE_STATE && scope.viewer.device_id.is_none() && query.search.is_none();
    let script = scope
        .owner
        .filter(|owner| is_plain && SCRIPT_TYPES.contains(&owner.source));
    let Some(script) = script else {
        return Ok(None);
    };
    let count = |sql: &str, key: &[i64]| {
        let count = connection.prepare_cached(sql);
        count
            .and_then(|mut count| {
                count.query_row(rusqlite::params_from_iter(key), |row| row.get(0))
            })
            .map_err(store_error)
    };
    match &query.filter {
        None => count(STATES, &[script.pk]).map(Some),
        Some(filter) => match outcome(filter) {
            Some(outcome) => {
                let count = count(STATES_OF, &[script.pk, outcome.into()])?;
                Ok(Some(count + merge::more(reports, outcome)))
            }
            None => Ok(None),
        },
    }
}

/// The outcome that a filter asks for, where it asks for nothing else.
pub(crate) fn outcome(filter: &Predicate) -> Option<i32> {
    let Predicate::Compare(CompareOp::Eq, left, right) = filter else {
        return None;
    };
    let run_state = DEVICE_STATE.position("runState");
    let is_run_state = |scalar: &Scalar| run_state.is_some() && merge::own(scalar) == run_state;
    match (left, right) {
        (member, Scalar::Literal(Value::Enum(value)))
        | (Scalar::Literal(Value::Enum(value)), member)
            if is_run_state(member) =>
        {
            Some(*value)
        }
        _ => None,
    }
}

/// The device counts that a user state shows; none where there is no such user state.
pub(crate) fn user_tally(
    connection: &Connection,
    user_state_pk: i64,
) -> Result<Option<Tally>, Error> {
    connection
        .prepare_cached(USER_COUNTS)
        .and_then(|mut statement| {
            let tally = |row: &rusqlite::Row<'_>| {
                Ok(Tally {
                    success: row.get(0)?,
                    error: row.get(1)?,
                })
            };
            statement.query_row([user_state_pk], tally).optional()
        })
        .map_err(store_error)
}

/// Counts the device states of a user state anew, after one of them has changed, come or gone. What
/// a client has written over the counters is thereby gone.
pub(crate) fn user_recount(
    connection: &Connection,
    script_pk: i64,
    user_state_pk: i64,
) -> Result<(), Error> {
    let before = user_tally(connection, user_state_pk)?.unwrap_or_default();
    let after = connection
        .prepare_cached(COUNT_STATES)
        .and_then(|mut statement| {
            let mut sum = Tally::default();
            let mut rows = statement.query([script_pk, user_state_pk])?;
            while let Some(row) = rows.next()? {
                let (one, count) = (Tally::of_run_state(row.get(0)?), row.get::<_, i64>(1)?);
                sum.success += one.success * count;
                sum.error += one.error * count;
            }
            Ok(sum)
        })
        .map_err(store_error)?;
    if before == after {
        return Ok(());
    }
    connection
        .prepare_cached(SET_USER_COUNTS)
        .and_then(|mut update| update.execute([user_state_pk, after.success, after.error]))
        .map_err(store_error)?;
    user_changed(connection, script_pk, before, after)
}
