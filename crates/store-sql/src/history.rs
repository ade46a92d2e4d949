//! The history of runs, as far as it ends.

use runstate_store::Error;

use crate::{Database, cells::binds};

/// How many runs are removed at once.
const EXPIRED: u64 = 1_000;

/// In the order of arrival, so that no index by date is needed.
const EXPIRE: &str = "DELETE FROM run WHERE received_date_time < ?1 \
     AND pk IN (SELECT pk FROM run ORDER BY pk LIMIT ?2)";

/// Removes some of the runs that were received before the moment in ticks; says whether there may be
/// more.
///
/// # Errors
///
/// As [`Database::execute`].
pub fn expire(database: &dyn Database, before: i64) -> Result<bool, Error> {
    let limit = i64::try_from(EXPIRED).unwrap_or(i64::MAX);
    Ok(database.execute(EXPIRE, binds![before, limit])? >= EXPIRED)
}

/// All of the above, whose plans a test of a backend looks at.
pub const STATEMENTS: &[(&str, &str)] = &[("expire", EXPIRE)];
