//! The schema's history. A file's `user_version` says how much of it the file has been through.

use std::path::Path;

use rusqlite::Connection;

use crate::OpenError;

/// Marks a file as ours: the four letters `Runs` in the header's `application_id`.
const APPLICATION_ID: i64 = 0x5275_6e73;

/// Every migration, in order. The first brings an empty file to version 1. Texts that are here are
/// frozen, because files in the world have been through them.
pub(crate) const MIGRATIONS: &[&str] = &[
    include_str!("../migrations/0001_initial.sql"),
    include_str!("../migrations/0002_issuer.sql"),
    include_str!("../migrations/0003_fleet.sql"),
    include_str!("../migrations/0004_journal.sql"),
    include_str!("../migrations/0005_assertions.sql"),
    include_str!("../migrations/0006_counts.sql"),
    include_str!("../migrations/0007_audit.sql"),
    include_str!("../migrations/0008_subscription.sql"),
    include_str!("../migrations/0011_console.sql"),
];

/// Brings the file to the newest version; does nothing, and takes no lock, where it is there
/// already. Each migration is one transaction, so that a crash leaves a whole version.
pub(crate) fn migrate(connection: &Connection, path: &Path) -> Result<(), OpenError> {
    while version(connection, path)? < MIGRATIONS.len() {
        connection.execute_batch("BEGIN IMMEDIATE")?;
        // Asked again under the lock: another process may have migrated meanwhile.
        let step = version(connection, path).and_then(|version| {
            let Some(text) = MIGRATIONS.get(version) else {
                return Ok(());
            };
            connection.execute_batch(text)?;
            connection.pragma_update(None, "application_id", APPLICATION_ID)?;
            connection.pragma_update(None, "user_version", version + 1)?;
            Ok(())
        });
        match step {
            Ok(()) => connection.execute_batch("COMMIT")?,
            Err(error) => {
                // The migration's own error says more than one of the rollback would.
                let _ = connection.execute_batch("ROLLBACK");
                return Err(error);
            }
        }
    }
    Ok(())
}

/// The version of a file that is ours and that we understand; 0 of an empty one.
pub(crate) fn version(connection: &Connection, path: &Path) -> Result<usize, OpenError> {
    let number = |sql| connection.query_row(sql, [], |row| row.get::<_, i64>(0));
    let file = || path.to_owned();
    let application =
        number("PRAGMA application_id").map_err(|error| match error.sqlite_error_code() {
            Some(rusqlite::ErrorCode::NotADatabase) => OpenError::NotSqlite { file: file() },
            _ => error.into(),
        })?;
    let version = number("PRAGMA user_version")?;
    let empty =
        application == 0 && version == 0 && number("SELECT count(*) FROM sqlite_schema")? == 0;
    if application != APPLICATION_ID && !empty {
        return Err(OpenError::NotRunstate { file: file() });
    }
    match usize::try_from(version) {
        Ok(version) if version <= MIGRATIONS.len() => Ok(version),
        _ => Err(OpenError::Newer {
            file: file(),
            version,
            known: MIGRATIONS.len(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use runstate_store::table::{self, Column, ColumnType};

    use super::*;

    fn migrated() -> Connection {
        let connection = Connection::open_in_memory().unwrap();
        migrate(&connection, Path::new("memory")).unwrap();
        connection
    }

    /// The columns that a table has in the file: name, type, never null.
    fn columns(connection: &Connection, table: &str) -> Vec<(String, String, bool)> {
        let sql = "SELECT name, type, \"notnull\" OR pk FROM pragma_table_info(?) ORDER BY name";
        let mut statement = connection.prepare(sql).unwrap();
        let column = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?, row.get(2)?));
        statement
            .query_map([table], column)
            .unwrap()
            .map(Result::unwrap)
            .collect()
    }

    fn described(column: &Column) -> (String, String, bool) {
        let ty = match column.ty {
            ColumnType::Text => "TEXT",
            ColumnType::Integer => "INTEGER",
            ColumnType::Blob => "BLOB",
        };
        (column.name.clone(), ty.to_owned(), column.required)
    }

    #[test]
    fn columns_are_those_of_the_descriptions() {
        let connection = migrated();
        for table in table::all() {
            let mut wanted: Vec<_> = table.columns().map(described).collect();
            wanted.sort();
            let stored = columns(&connection, table.name);
            if table.is_view {
                // Its columns have the types and constraints of the tables behind it.
                let names = |columns: Vec<(String, String, bool)>| {
                    columns
                        .into_iter()
                        .map(|column| column.0)
                        .collect::<Vec<_>>()
                };
                assert_eq!(names(stored), names(wanted), "{}", table.name);
            } else {
                assert_eq!(stored, wanted, "{}", table.name);
            }
        }
    }

    #[test]
    fn unique_keys_and_indexes_are_those_of_the_descriptions() {
        let connection = migrated();
        let sql = "SELECT l.\"unique\", (SELECT group_concat(name) FROM \
            (SELECT name FROM pragma_index_info(l.name) ORDER BY seqno)) \
            FROM pragma_index_list(?) AS l";
        let mut statement = connection.prepare(sql).unwrap();
        let mut indexes = |table: &str| -> Vec<(bool, String)> {
            let index = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?));
            statement
                .query_map([table], index)
                .unwrap()
                .map(Result::unwrap)
                .collect()
        };
        for table in table::all() {
            for unique in table.unique {
                let wanted = (true, unique.join(","));
                assert!(
                    indexes(table.name).contains(&wanted),
                    "{}: {wanted:?}",
                    table.name
                );
            }
        }
        for (table, index) in table::INDEXES {
            let wanted = (false, index.join(","));
            assert!(indexes(table).contains(&wanted), "{table}: {wanted:?}");
        }
    }

    #[test]
    fn migrating_again_changes_nothing() {
        let connection = migrated();
        let changes = connection.total_changes();
        migrate(&connection, Path::new("memory")).unwrap();
        assert_eq!(connection.total_changes(), changes);
    }
}
