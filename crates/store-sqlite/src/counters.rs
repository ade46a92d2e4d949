//! The counters: of a user state over its device states, and of a run summary over the script's
//! device states and user states. Whoever changes what is counted calls one of these functions in
//! the same transaction, so that no reader sees a count that is not exact.

use runstate_graph::entity::{DEVICE_STATE, RUN_STATE, SCRIPT_TYPES};
use runstate_odata::{
    check::{CompareOp, Predicate, Query, Scalar, Step, Variable},
    edm::Value,
};
use runstate_store::{Error, query::Scope};
use rusqlite::{Connection, OptionalExtension, params};

use crate::error::store_error;

const ADD_DEVICES: &str = "UPDATE run_summary SET version = version + 1, \
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
    ("states", STATES),
    ("states of an outcome", STATES_OF),
];

/// How many successes and errors something stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Tally {
    pub(crate) success: i64,
    pub(crate) error: i64,
}

impl std::ops::AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.success += other.success;
        self.error += other.error;
    }
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

/// Some of the script's own device states counted as `before` and count as `after` now.
pub(crate) fn device_changed(
    connection: &Connection,
    script_pk: i64,
    before: Tally,
    after: Tally,
) -> Result<(), Error> {
    summary_add(connection, ADD_DEVICES, script_pk, before, after)
}

/// A user state had these device counts `before` (none: it was not there) and has others now.
pub(crate) fn user_changed(
    connection: &Connection,
    script_pk: i64,
    before: Tally,
    after: Tally,
) -> Result<(), Error> {
    summary_add(
        connection,
        ADD_USERS,
        script_pk,
        Tally::of_user(before),
        Tally::of_user(after),
    )
}

fn summary_add(
    connection: &Connection,
    sql: &str,
    script_pk: i64,
    before: Tally,
    after: Tally,
) -> Result<(), Error> {
    if before == after {
        return Ok(());
    }
    let (success, error) = (after.success - before.success, after.error - before.error);
    connection
        .prepare_cached(sql)
        .and_then(|mut statement| statement.execute(params![script_pk, success, error]))
        .map_err(store_error)?;
    Ok(())
}

/// How many of a script's own device states a query counts, where it asks for all, or for those of one
/// outcome; nothing of any other query. To count them by going through them would take the longer the
/// larger the fleet.
pub(crate) fn counted(
    connection: &Connection,
    scope: &Scope<'_>,
    query: &Query,
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
            Some(outcome) => count(STATES_OF, &[script.pk, outcome.into()]).map(Some),
            None => Ok(None),
        },
    }
}

/// The outcome that a filter asks for, where it asks for nothing else.
fn outcome(filter: &Predicate) -> Option<i32> {
    let Predicate::Compare(CompareOp::Eq, left, right) = filter else {
        return None;
    };
    let is_run_state = |scalar: &Scalar| match scalar {
        Scalar::Member(member) if member.root == Variable(0) => {
            matches!(member.steps.as_slice(), [Step::Property(p)] if p.name == "runState")
        }
        _ => false,
    };
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
