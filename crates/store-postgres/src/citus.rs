//! The tables spread over several machines, where the database has the extension Citus.
//!
//! All that a tenant has is on one machine: the tables that hold tenants' data are distributed by
//! `tenant_id`, and so lie side by side. What is nobody's is on each of them. Citus then sends a statement
//! of one tenant's data, whose tenant it finds in each table that is named (see `tenant`), to the one
//! machine that has it.

use tokio_postgres::{Client, GenericClient};

use crate::{OpenError, migration, tenant::TABLES};

/// What is nobody's, and no larger than the installation.
pub(crate) const SMALL: &[&str] = &["copied_table", "schema_version", "secret", "signing_key"];

/// Spread by something else than the tenant.
const OTHERS: &[(&str, &str)] = &[("used_assertion", "hash")];

/// Foreign keys between distributed tables want it; and no table is so large here that it matters.
const ONE_BY_ONE: &str = "SET LOCAL citus.multi_shard_modify_mode TO 'sequential'";

/// Whether the database has the extension.
pub(crate) async fn is_there(client: &impl GenericClient) -> Result<bool, OpenError> {
    let sql = "SELECT EXISTS (SELECT FROM pg_extension WHERE extname = 'citus')";
    Ok(client.query_one(sql, &[]).await?.try_get(0)?)
}

/// Whether the tables are spread already.
pub(crate) async fn is_spread(client: &impl GenericClient) -> Result<bool, OpenError> {
    let sql = "SELECT to_regclass('script') IN (SELECT logicalrelid FROM pg_dist_partition)";
    let spread: Option<bool> = client.query_one(sql, &[]).await?.try_get(0)?;
    Ok(spread == Some(true))
}

/// Spreads each table that is not spread yet, in a transaction of the caller's that has done nothing else
/// with them.
pub(crate) async fn spread(client: &impl GenericClient) -> Result<(), OpenError> {
    client.batch_execute(ONE_BY_ONE).await?;
    let known = "SELECT logicalrelid::text FROM pg_dist_partition";
    let rows = client.query(known, &[]).await?;
    let known: Result<Vec<String>, _> = rows.iter().map(|row| row.try_get(0)).collect();
    let known = known?;
    let is_new = |table: &&str| !known.iter().any(|known| known == table);
    for table in SMALL.iter().copied().filter(is_new) {
        let sql = "SELECT create_reference_table($1::text::regclass)";
        client.query(sql, &[&table]).await?;
    }
    for (table, column) in OTHERS {
        if is_new(table) {
            let sql = "SELECT create_distributed_table($1::text::regclass, $2::text, \
                 colocate_with => 'none')";
            client.query(sql, &[table, column]).await?;
        }
    }
    for table in TABLES.iter().filter(|table| is_new(table)) {
        let first = TABLES.first().unwrap_or(table);
        let beside = if table == first { "default" } else { *first };
        let sql = "SELECT create_distributed_table($1::text::regclass, 'tenant_id', \
             colocate_with => $2::text)";
        client.query(sql, &[table, &beside]).await?;
    }
    Ok(())
}

/// Brings the schema of the database at that URL to the newest version and spreads what is not spread yet,
/// with all that is in it, where the database has Citus; says whether it has. Servers may be at work
/// meanwhile, but a table that is spread takes no writes until it is.
///
/// # Errors
///
/// [`OpenError`]; then nothing has been spread.
pub async fn distribute(url: &str) -> Result<bool, OpenError> {
    let pool = crate::connection::Address::of(url)?.pool(1, migration::NO_HURRY)?;
    let mut client = pool.get().await?;
    migration::migrate(&mut client).await?;
    let client: &mut Client = &mut client;
    if !is_there(client).await? {
        return Ok(false);
    }
    let transaction = client.transaction().await?;
    transaction.batch_execute(migration::LOCK).await?;
    spread(&transaction).await?;
    transaction.commit().await?;
    Ok(true)
}
