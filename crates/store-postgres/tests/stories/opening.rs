//! Opening a database: its schema, its versions, many servers at once.

use std::collections::BTreeMap;

use futures_util::future::join_all;
use runstate_store::table::{self, ColumnType};
use runstate_store_postgres::{OpenError, Postgres};
use runstate_test_postgres::Database;

use crate::fixture::{Fixture, clock};

#[tokio::test]
async fn columns_are_those_of_the_descriptions() {
    let Some(fixture) = Fixture::new().await else {
        return;
    };
    let sql = "SELECT table_name, column_name, data_type, is_nullable, coalesce(collation_name, '') \
         FROM information_schema.columns WHERE table_schema = 'public'";
    let answer = fixture.database.psql(sql);
    let mut stored: BTreeMap<&str, Vec<[&str; 4]>> = BTreeMap::new();
    for line in answer.lines() {
        let cells: Vec<&str> = line.split('|').collect();
        let column = [cells[1], cells[2], cells[3], cells[4]];
        stored.entry(cells[0]).or_default().push(column);
    }
    for table in table::all() {
        let mut wanted: Vec<[&str; 4]> = Vec::new();
        for column in table.columns() {
            let (ty, collation) = match column.ty {
                ColumnType::Text => ("text", "C"),
                ColumnType::Integer => ("bigint", ""),
                ColumnType::Blob => ("bytea", ""),
            };
            // A view has no constraints of its own.
            let is_nullable = if column.required && !table.is_view {
                "NO"
            } else {
                "YES"
            };
            wanted.push([&column.name, ty, is_nullable, collation]);
        }
        // Each row says whose it is, also where that follows from what it hangs on.
        if !table.has_scope("tenant_id") {
            wanted.push(["tenant_id", "text", "NO", "C"]);
        }
        wanted.sort_unstable();
        let mut stored = stored.remove(table.name).unwrap();
        stored.sort_unstable();
        assert_eq!(stored, wanted, "{}", table.name);
    }
    // All text is compared by code point, also where no description tells of it.
    let sql = "SELECT table_name, column_name FROM information_schema.columns \
         WHERE table_schema = 'public' AND data_type = 'text' AND collation_name IS DISTINCT FROM 'C'";
    assert_eq!(fixture.database.psql(sql), "");
}

#[tokio::test]
async fn unique_keys_and_indexes_are_those_of_the_descriptions() {
    let Some(fixture) = Fixture::new().await else {
        return;
    };
    let sql = "SELECT c.relname, i.indisunique, string_agg(a.attname, ',' ORDER BY k.number) \
         FROM pg_index AS i JOIN pg_class AS c ON c.oid = i.indrelid \
         CROSS JOIN LATERAL unnest(i.indkey) WITH ORDINALITY AS k(attnum, number) \
         JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum = k.attnum \
         WHERE c.relnamespace = 'public'::regnamespace GROUP BY i.indexrelid, c.relname, i.indisunique";
    let answer = fixture.database.psql(sql);
    let is_there = |table: &str, unique: &[&str], columns: &[&str]| {
        let mut columns = columns.to_vec();
        if columns.first() != Some(&"tenant_id") {
            columns.insert(0, "tenant_id");
        }
        let line = |unique: &&str| format!("{table}|{unique}|{}", columns.join(","));
        let lines: Vec<String> = unique.iter().map(line).collect();
        let found = answer.lines().any(|it| lines.iter().any(|line| line == it));
        assert!(found, "{lines:?}\n{answer}");
    };
    for table in table::all() {
        for unique in table.unique {
            is_there(table.name, &["t"], unique);
        }
    }
    for (name, columns) in table::INDEXES {
        let table = table::all().iter().find(|table| table.name == *name);
        let mut columns = columns.to_vec();
        // What SQLite's indexes end with by themselves.
        if table.is_some_and(|it| it.ties_by_pk)
            && columns.last() == Some(&"last_state_update_date_time")
        {
            columns.push("pk");
        }
        is_there(name, &["f", "t"], &columns);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_servers_may_start_at_once() {
    let Some(database) = Database::create() else {
        return;
    };
    let stores = join_all((0..10).map(|_| Postgres::open(database.url(), clock()))).await;
    for store in stores {
        assert!(store.is_ok(), "{:?}", store.err());
    }
    // Each migration was done by one of them, and none twice.
    let sql = "SELECT count(*) = max(version) FROM schema_version";
    assert_eq!(database.psql(sql), "t");
}

#[tokio::test]
async fn a_newer_database_is_refused_unless_it_serves_us_too() {
    let Some(fixture) = Fixture::new().await else {
        return;
    };
    let database = &fixture.database;
    let newer = "INSERT INTO schema_version (version, serves) VALUES (98, 1)";
    assert_eq!(database.psql(newer), "");
    assert!(Postgres::open(database.url(), clock()).await.is_ok());
    let newest = "INSERT INTO schema_version (version, serves) VALUES (99, 98)";
    assert_eq!(database.psql(newest), "");
    let refused = Postgres::open(database.url(), clock()).await.err();
    assert!(
        matches!(refused, Some(OpenError::Newer { version: 99, .. })),
        "{refused:?}"
    );
}

#[tokio::test]
async fn what_cannot_be_opened_says_why() {
    let Some(database) = Database::create() else {
        return;
    };
    let latin = format!("latin_{}", std::process::id());
    let sql = format!(
        "CREATE DATABASE {latin} ENCODING 'SQL_ASCII' TEMPLATE template0 LC_COLLATE 'C' LC_CTYPE 'C'"
    );
    assert_eq!(database.psql(&sql), "");
    let (server, _) = database.url().rsplit_once('/').unwrap();
    let why = async |url: &str| {
        let store = Postgres::open(url, clock()).await;
        store.err().map(|error| error.to_string()).unwrap()
    };
    let encoding = why(&format!("{server}/{latin}")).await;
    assert!(encoding.contains("UTF8"), "{encoding}");
    assert_eq!(
        database.psql(&format!("DROP DATABASE {latin} WITH (FORCE)")),
        ""
    );
    let missing = why(&format!("{server}/no_such_database")).await;
    assert!(missing.contains("no_such_database"), "{missing}");
    let refused = why("postgres://127.0.0.1:1/x").await;
    assert!(refused.contains("cannot be reached"), "{refused}");
    let url = why("postgres://127.0.0.1:no/x").await;
    assert!(url.contains("the URL"), "{url}");
    // A server without TLS cannot be asked for it.
    let private = why(&format!("{}?sslmode=require", database.url())).await;
    assert!(private.contains("TLS"), "{private}");
    let plain = format!("{}?sslmode=disable", database.url());
    assert!(Postgres::open(&plain, clock()).await.is_ok());
}
