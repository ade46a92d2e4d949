//! The counters: of a user state over its device states, and of a run summary over the script's
//! device states and user states. Whoever changes what is counted calls one of these functions in
//! the same transaction, so that no reader sees a count that is not exact.

use std::collections::BTreeMap;

use runstate_graph::entity::{DEVICE_STATE, RUN_STATE, SCRIPT_TYPES};
use runstate_odata::{
    check::{CompareOp, Member, Predicate, Query, Scalar, Step, Variable},
    edm::Value,
};
use runstate_store::{Error, query::Scope};

use crate::{
    Database,
    cells::{CellsExt as _, binds},
    waiting::Reports,
};

const ADD_DEVICES: &str = "UPDATE run_summary SET version = version + ?4, \
     success_device_count = success_device_count + ?2, \
     error_device_count = error_device_count + ?3 WHERE script_pk = ?1";
const ADD_USERS: &str = "UPDATE run_summary SET version = version + 1, \
     success_user_count = success_user_count + ?2, \
     error_user_count = error_user_count + ?3 WHERE script_pk = ?1";
const USER_COUNTS: &str =
    "SELECT success_device_count, error_device_count FROM user_run_state WHERE pk = ?1";
const COUNT_STATES: &str = "SELECT run_state, count(*) FROM device_run_state \
     WHERE script_pk = ?1 AND user_state_pk = ?2 GROUP BY run_state";
const SET_USER_COUNTS: &str = "UPDATE user_run_state SET version = version + 1, \
     success_device_count = ?2, error_device_count = ?3 WHERE pk = ?1";

const ADD_STATES: &str = "INSERT INTO run_state_count (script_pk, run_state, count) \
     VALUES (?1, ?2, ?3) ON CONFLICT (script_pk, run_state) \
     DO UPDATE SET count = run_state_count.count + ?3";
const STATES: &str =
    "SELECT CAST(coalesce(sum(count), 0) AS BIGINT) FROM run_state_count WHERE script_pk = ?1";
const STATES_OF: &str = "SELECT CAST(coalesce(sum(count), 0) AS BIGINT) FROM run_state_count \
     WHERE script_pk = ?1 AND run_state = ?2";

/// All of the above, whose plans a test of a backend looks at.
pub const STATEMENTS: &[(&str, &str)] = &[
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
pub struct Tally {
    /// Successes.
    pub success: i64,
    /// Errors.
    pub error: i64,
}

impl Tally {
    /// What a device state counts as: `success` is a success, `fail` and `scriptError` are errors,
    /// and the rest says nothing yet.
    pub fn of_run_state(run_state: i32) -> Self {
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
pub struct Change {
    /// How many more there are of each outcome.
    outcomes: BTreeMap<i32, i64>,
    success: i64,
    error: i64,
    /// How many changes of a counter of the run summary that is.
    times: i64,
}

impl Change {
    /// One of them showed that outcome and shows this one.
    pub fn add(&mut self, before: i32, after: i32) {
        if before == after {
            return;
        }
        *self.outcomes.entry(before).or_default() -= 1;
        *self.outcomes.entry(after).or_default() += 1;
        let (before, after) = (Tally::of_run_state(before), Tally::of_run_state(after));
        self.tally(before, after);
    }

    /// There is one more, which shows that outcome.
    pub fn come(&mut self, run_state: i32) {
        *self.outcomes.entry(run_state).or_default() += 1;
        self.tally(Tally::default(), Tally::of_run_state(run_state));
    }

    /// There is one less; it showed that outcome.
    pub fn go(&mut self, run_state: i32) {
        *self.outcomes.entry(run_state).or_default() -= 1;
        self.tally(Tally::of_run_state(run_state), Tally::default());
    }

    fn tally(&mut self, before: Tally, after: Tally) {
        self.success += after.success - before.success;
        self.error += after.error - before.error;
        self.times += i64::from(before != after);
    }
}

/// Some of the script's own device states have come, gone, or show something else now.
pub fn devices_changed(
    database: &dyn Database,
    script_pk: i64,
    change: &Change,
) -> Result<(), Error> {
    for (outcome, more) in change.outcomes.iter().filter(|(_, more)| **more != 0) {
        database.execute(ADD_STATES, binds![script_pk, *outcome, *more])?;
    }
    add_devices(
        database,
        script_pk,
        change.success,
        change.error,
        change.times,
    )
}

fn add_devices(
    database: &dyn Database,
    script_pk: i64,
    success: i64,
    error: i64,
    times: i64,
) -> Result<(), Error> {
    if times == 0 {
        return Ok(());
    }
    database.execute(ADD_DEVICES, binds![script_pk, success, error, times])?;
    Ok(())
}

/// A user state had these device counts `before` (none: it was not there) and has others now.
pub(crate) fn user_changed(
    database: &dyn Database,
    script_pk: i64,
    before: Tally,
    after: Tally,
) -> Result<(), Error> {
    let (before, after) = (Tally::of_user(before), Tally::of_user(after));
    if before == after {
        return Ok(());
    }
    let (success, error) = (after.success - before.success, after.error - before.error);
    database.execute(ADD_USERS, binds![script_pk, success, error])?;
    Ok(())
}

/// How many of a script's own device states a query counts, where it asks for all, or for those of one
/// outcome; nothing of any other query. To count them by going through them would take the longer the
/// larger the fleet. The `reports`, where there are any, are not in the tables yet.
pub(crate) fn counted(
    database: &dyn Database,
    scope: &Scope<'_>,
    query: &Query,
    reports: Option<&dyn Reports>,
) -> Result<Option<i64>, Error> {
    let is_plain =
        scope.ty == &DEVICE_STATE && scope.viewer.device_id.is_none() && query.search.is_none();
    let script = scope
        .owner
        .filter(|owner| is_plain && SCRIPT_TYPES.contains(&owner.source));
    let Some(script) = script else {
        return Ok(None);
    };
    let Some(filter) = &query.filter else {
        let count = database.one(STATES, binds![script.pk], |cells| cells.integer(0))?;
        return Ok(Some(count));
    };
    let Some(outcome) = outcome(filter) else {
        return Ok(None);
    };
    let key = binds![script.pk, outcome];
    let count = database.one(STATES_OF, key, |cells| cells.integer(0))?;
    let more = reports.map_or(0, |reports| reports.more(outcome));
    Ok(Some(count + more))
}

/// The outcome that a filter asks for, where it asks for nothing else.
pub fn outcome(filter: &Predicate) -> Option<i32> {
    let Predicate::Compare(CompareOp::Eq, left, right) = filter else {
        return None;
    };
    let run_state = DEVICE_STATE.position("runState");
    let is_run_state = |scalar: &Scalar| run_state.is_some() && own(scalar) == run_state;
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

/// The position of the property, where a scalar is one of the run state itself.
pub fn own(scalar: &Scalar) -> Option<usize> {
    let Scalar::Member(Member { root, steps }) = scalar else {
        return None;
    };
    match steps.as_slice() {
        [Step::Property(property)] if *root == Variable(0) => DEVICE_STATE.position(property.name),
        _ => None,
    }
}

/// The device counts that a user state shows; none where there is no such user state.
pub(crate) fn user_tally(
    database: &dyn Database,
    user_state_pk: i64,
) -> Result<Option<Tally>, Error> {
    database.first(USER_COUNTS, binds![user_state_pk], |cells| {
        Ok(Tally {
            success: cells.integer(0)?,
            error: cells.integer(1)?,
        })
    })
}

/// Counts the device states of a user state anew, after one of them has changed, come or gone. What
/// a client has written over the counters is thereby gone.
pub fn user_recount(
    database: &dyn Database,
    script_pk: i64,
    user_state_pk: i64,
) -> Result<(), Error> {
    let before = user_tally(database, user_state_pk)?.unwrap_or_default();
    let mut after = Tally::default();
    database.rows(COUNT_STATES, binds![script_pk, user_state_pk], |cells| {
        let (one, count) = (Tally::of_run_state(cells.int32(0)?), cells.integer(1)?);
        after.success += one.success * count;
        after.error += one.error * count;
        Ok(())
    })?;
    if before == after {
        return Ok(());
    }
    let values = binds![user_state_pk, after.success, after.error];
    database.execute(SET_USER_COUNTS, values)?;
    user_changed(database, script_pk, before, after)
}
