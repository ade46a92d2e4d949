//! The schema's history. The table `schema_version` says how much of it the database has been through.
//!
//! Several servers may start at once: whoever comes first migrates, and the others wait for it. Servers
//! are upgraded one after another, so for a while an older release works with what a newer one has made
//! of the database. Each migration says how old that release may be.

use tokio_postgres::Client;

use crate::{OpenError, citus};

/// A step of the schema's history.
struct Migration {
    /// Frozen, because databases in the world have been through it.
    text: &'static str,
    /// The oldest release that works with the database after it, by the version that it knows.
    serves: i64,
}

/// Every migration, in order. The first brings an empty database to version 1.
const MIGRATIONS: &[Migration] = &[
    Migration {
        text: include_str!("../migrations/0001_initial.sql"),
        serves: 1,
    },
    // An older release would leave no events of what it does.
    Migration {
        text: include_str!("../migrations/0002_audit.sql"),
        serves: 2,
    },
    // A server of an older release notes no changes for the receivers; it works all the same.
    Migration {
        text: include_str!("../migrations/0003_subscription.sql"),
        serves: 2,
    },
    Migration {
        text: include_str!("../migrations/0006_console.sql"),
        serves: 2,
    },
];

/// The number of the advisory lock, the letters `Runstate`: no other program's, it is to be hoped.
pub(crate) const LOCK: &str = "SELECT pg_advisory_xact_lock(x'52756e7374617465'::bigint)";

/// However long it takes, and whoever else is at it.
const PATIENCE: &str = "SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = 0; \
     SET LOCAL idle_in_transaction_session_timeout = 0";

/// The same, for a whole connection.
pub(crate) const NO_HURRY: &str = "; SET statement_timeout = 0; SET lock_timeout = 0; \
     SET idle_in_transaction_session_timeout = 0";

const VERSIONS: &str = "CREATE TABLE IF NOT EXISTS schema_version (\
     version BIGINT PRIMARY KEY, serves BIGINT NOT NULL, \
     applied TIMESTAMPTZ NOT NULL DEFAULT now())";

/// Brings the database to the newest version; changes nothing where it is there already. All in one
/// transaction, so that what fails leaves nothing behind.
pub(crate) async fn migrate(client: &mut Client) -> Result<(), OpenError> {
    look(client).await?;
    let transaction = client.transaction().await?;
    transaction.batch_execute(PATIENCE).await?;
    transaction.batch_execute(LOCK).await?;
    let there = "SELECT to_regclass('schema_version') IS NOT NULL";
    if !transaction
        .query_one(there, &[])
        .await?
        .try_get::<_, bool>(0)?
    {
        transaction.batch_execute(VERSIONS).await?;
    }
    let newest = "SELECT version, serves FROM schema_version ORDER BY version DESC LIMIT 1";
    let (version, serves) = match transaction.query_opt(newest, &[]).await? {
        Some(row) => (row.try_get(0)?, row.try_get(1)?),
        None => (0, 0),
    };
    let known = known();
    if version > known && serves > known {
        return Err(OpenError::Newer { version, known });
    }
    let done = usize::try_from(version).unwrap_or(usize::MAX);
    for (number, migration) in (1_i64..).zip(MIGRATIONS).skip(done) {
        transaction.batch_execute(migration.text).await?;
        let note = "INSERT INTO schema_version (version, serves) VALUES ($1, $2)";
        transaction
            .execute(note, &[&number, &migration.serves])
            .await?;
    }
    // What is new is empty. Tables that were filled before the database had Citus are spread when
    // somebody asks for it ([`citus::distribute`]): that takes time, and no writes meanwhile.
    if citus::is_there(&transaction).await? {
        if version == 0 || citus::is_spread(&transaction).await? {
            citus::spread(&transaction).await?;
        } else {
            tracing::warn!(
                "the database has Citus, and its tables are all on one machine; `runstate \
                migrate --to URL` spreads them"
            );
        }
    }
    transaction.commit().await?;
    Ok(())
}

/// The newest version that we know.
fn known() -> i64 {
    i64::try_from(MIGRATIONS.len()).unwrap_or(i64::MAX)
}

/// Whether the database has what we need.
async fn look(client: &Client) -> Result<(), OpenError> {
    let sql = "SELECT current_setting('server_version_num')::bigint, \
         current_setting('server_encoding') = 'UTF8', \
         EXISTS (SELECT FROM pg_collation WHERE collname = 'und-x-icu')";
    let row = client.query_one(sql, &[]).await?;
    let unfit = |what| Err(OpenError::Unfit { what });
    if row.try_get::<_, i64>(0)? < 140_000 {
        return unfit("it is older than PostgreSQL 14");
    }
    if !row.try_get::<_, bool>(1)? {
        return unfit(
            "its encoding is not UTF8; create it with ENCODING 'UTF8' TEMPLATE template0",
        );
    }
    if !row.try_get::<_, bool>(2)? {
        return unfit("PostgreSQL was built without ICU, whose collation und-x-icu is needed");
    }
    Ok(())
}
