//! The command on real files and a real PostgreSQL.

use runstate_graph::clock::Clock;
use runstate_test_postgres::Database;

use super::*;
use crate::{clock::SystemClock, demo, open_store::open_store};

/// A file with the sample data in these tenants, and the folder that keeps it.
async fn file(tenants: &[&str]) -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("runstate.db").display().to_string();
    let store = open_store(&file).await.unwrap();
    for tenant_id in tenants {
        let plan = demo::Plan::USUAL;
        demo::fill(store.as_ref(), tenant_id, plan, SystemClock.now())
            .await
            .unwrap();
    }
    (folder, file)
}

/// What the command prints, or why it fails.
async fn migrate(from: &str, to: &Database, tenant: Option<&str>) -> Result<String, String> {
    let migrate = Migrate {
        from: Some(from.to_owned()),
        to: to.url().to_owned(),
        tenant: tenant.map(str::to_owned),
    };
    let mut out = Vec::new();
    let done = migrate.run(&mut out).await;
    done.map_err(|failure| failure.to_string())?;
    Ok(String::from_utf8(out).unwrap())
}

/// How many rows the tables have that matter most, and what the counters say that the database keeps
/// itself.
fn counts(database: &Database) -> String {
    database.psql(
        "SELECT count(*) FROM device_run_state; SELECT count(*) FROM run; \
         SELECT count(*) FROM script; SELECT count(*) FROM group_member; \
         SELECT count(*) FROM device_run_state AS s \
            JOIN run AS r ON r.tenant_id = s.tenant_id AND r.pk = s.version \
            WHERE r.state_pk = s.pk AND r.error_code = s.error_code; \
         SELECT sum(count) FROM run_state_count",
    )
}

#[tokio::test]
async fn a_file_is_copied_whole_and_once() {
    let Some(database) = Database::create() else {
        return;
    };
    let (_folder, file) = file(&["t"]).await;
    let told = migrate(&file, &database, None).await.unwrap();
    let copied = counts(&database);
    let [states, runs, scripts, members, shown, counted] = <[u64; 6]>::try_from(
        copied
            .lines()
            .map(|n| n.parse().unwrap())
            .collect::<Vec<_>>(),
    )
    .unwrap();
    assert!(
        states > 100 && runs > 100 && scripts > 3 && members > 3,
        "{copied}"
    );
    assert!(shown > 100 && counted <= states, "{copied}");
    assert!(told.contains(&format!("{states} rows")), "{told}");
    // Once more changes nothing and finds the same.
    assert_eq!(
        migrate(&format!("sqlite://{file}"), &database, None).await,
        Ok(told)
    );
    assert_eq!(counts(&database), copied);
    // New rows do not meet the copied.
    let insert = "INSERT INTO run (tenant_id, id, version, state_pk, run_state, last_state_update_date_time, \
         last_state_update_date_time_form, error_code, received_date_time, received_date_time_form, \
         output_truncated) VALUES ('t', 'new', 1, 1, 0, 0, 0, 0, 0, 0, 0) RETURNING pk > \
         (SELECT max(pk) FROM run)";
    assert_eq!(database.psql(insert).lines().next(), Some("t"));
}

#[tokio::test]
async fn what_is_gone_gives_its_number_to_nothing_new() {
    let Some(database) = Database::create() else {
        return;
    };
    let (_folder, file) = file(&["t"]).await;
    let connection = rusqlite::Connection::open(&file).unwrap();
    let last = "SELECT max(pk) FROM device_run_state";
    let last: i64 = connection.query_row(last, [], |row| row.get(0)).unwrap();
    // Its runs stay in the history.
    connection
        .execute("DELETE FROM device_run_state WHERE pk = ?", [last])
        .unwrap();
    drop(connection);
    migrate(&file, &database, None).await.unwrap();
    let next = "INSERT INTO device_run_state (tenant_id, id, version, script_pk, user_state_pk, run_state, \
         last_state_update_date_time, last_state_update_date_time_form, error_code) \
         SELECT 't', 'new', 0, min(pk), 0, 0, 0, 0, 0 FROM script RETURNING pk";
    let next: i64 = database.psql(next).lines().next().unwrap().parse().unwrap();
    assert!(next > last, "{next} after {last}");
}

#[tokio::test]
async fn a_copy_that_was_interrupted_goes_on() {
    let Some(database) = Database::create() else {
        return;
    };
    let (_folder, file) = file(&["t"]).await;
    {
        let source = Source::open(file.as_ref(), Arc::new(SystemClock)).unwrap();
        let last_pks = TABLES
            .iter()
            .map(|table| (table.name, source.last_pk(table).unwrap()));
        let last_pks = last_pks.collect();
        let mut destination = Destination::open(database.url(), source.identity(), None, &last_pks)
            .await
            .unwrap();
        // All up to the scripts, and three of these.
        for table in TABLES {
            let columns = source.columns(table).unwrap();
            let limit = if table.name == "script" { 3 } else { PIECE };
            let rows = source.rows(table, None, None, limit).unwrap();
            let Some(last) = rows.last() else { continue };
            let last = key(table.key, &columns, last);
            destination
                .append(table, &columns, &rows, last)
                .await
                .unwrap();
            if table.name == "script" {
                break;
            }
        }
        assert_eq!(database.psql("SELECT count(*) FROM script").trim(), "3");
        // Nobody else copies meanwhile.
        let other = migrate(&file, &database, None).await.unwrap_err();
        assert!(
            other.contains("in use") || other.contains("under way"),
            "{other}"
        );
    }
    let told = migrate(&file, &database, None).await.unwrap();
    let Some(other) = Database::create() else {
        return;
    };
    assert_eq!(migrate(&file, &other, None).await, Ok(told));
    assert_eq!(counts(&database), counts(&other));
}

#[tokio::test]
async fn tenants_are_copied_one_by_one_from_wherever_they_are() {
    let Some(database) = Database::create() else {
        return;
    };
    let (_folder, two) = file(&["a", "b"]).await;
    let (_other, one) = file(&["c"]).await;
    for (file, tenant) in [(&two, "b"), (&one, "c"), (&two, "a")] {
        migrate(file, &database, Some(tenant)).await.unwrap();
    }
    let each = "SELECT s.tenant_id, count(*), count(r.pk) FROM script AS s \
         JOIN device_run_state AS d ON d.script_pk = s.pk \
         LEFT JOIN run AS r ON r.pk = d.version AND r.state_pk = d.pk AND r.error_code = d.error_code \
         GROUP BY s.tenant_id ORDER BY s.tenant_id";
    let each = database.psql(each);
    let counts: Vec<_> = each
        .lines()
        .map(|line| line.split_once('|').unwrap())
        .collect();
    let [("a", first), ("b", second), ("c", third)] = counts.as_slice() else {
        panic!("{each}");
    };
    assert_eq!((first, first), (second, third), "{each}");
    // What is there already from elsewhere is not written over.
    let refused = migrate(&one, &database, None).await.unwrap_err();
    assert!(refused.contains("has rows already"), "{refused}");
    let refused = migrate(&two, &database, Some("c")).await.unwrap_err();
    assert!(refused.contains("there is nothing of c"), "{refused}");
}

#[tokio::test]
async fn what_differs_is_found() {
    let Some(database) = Database::create() else {
        return;
    };
    let (_folder, file) = file(&["t"]).await;
    migrate(&file, &database, None).await.unwrap();
    let change = "UPDATE device_run_state SET result_message = 'other' \
         WHERE pk = (SELECT min(pk) FROM device_run_state)";
    let _ = database.psql(change);
    let told = migrate(&file, &database, None).await.unwrap_err();
    assert!(told.starts_with("device_run_state differs"), "{told}");
}

#[tokio::test]
async fn what_is_no_file_or_no_database_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("missing.db").display().to_string();
    let migrate = |from: String, to: &str| {
        let migrate = Migrate {
            from: Some(from),
            to: to.to_owned(),
            tenant: None,
        };
        async move { migrate.run(&mut Vec::new()).await.unwrap_err().to_string() }
    };
    let told = migrate(missing.clone(), "postgres://127.0.0.1:1/none").await;
    assert!(told.contains("missing.db"), "{told}");
    assert!(!std::path::Path::new(&missing).exists());
    let (_folder, file) = file(&[]).await;
    let told = migrate(file.clone(), "mysql://localhost/x").await;
    assert!(told.contains("postgres://"), "{told}");
    let told = migrate(file, "postgres://nobody@127.0.0.1:1/none").await;
    assert!(told.contains("cannot be reached"), "{told}");
}

#[tokio::test]
async fn without_a_file_the_schema_is_brought_up_to_date() {
    let Some(database) = Database::create() else {
        return;
    };
    let mut out = Vec::new();
    let migrate = Migrate {
        from: None,
        to: database.url().to_owned(),
        tenant: None,
    };
    migrate.run(&mut out).await.unwrap();
    let told = String::from_utf8(out).unwrap();
    assert_eq!(
        told,
        "the schema is at its newest version; there is no Citus to spread it over\n"
    );
    assert_eq!(database.psql("SELECT count(*) FROM script"), "0");
}

/// What was on one machine before there was a Citus is spread, and a file is copied into a Citus.
#[tokio::test]
async fn tables_are_spread_with_all_that_is_in_them() {
    let Some(database) = Database::create_before_citus() else {
        return;
    };
    let (_folder, file) = file(&["t"]).await;
    migrate(&file, &database, None).await.unwrap();
    let copied = counts(&database);
    database.have_citus();
    let spread = "SELECT count(*) > 20 FROM pg_dist_partition WHERE partmethod = 'h'";
    assert_eq!(database.psql(spread), "f");
    let mut out = Vec::new();
    let again = Migrate {
        from: None,
        to: database.url().to_owned(),
        tenant: None,
    };
    again.run(&mut out).await.unwrap();
    assert_eq!(database.psql(spread), "t");
    assert_eq!(counts(&database), copied);

    let Some(other) = Database::create_on_citus() else {
        return;
    };
    migrate(&file, &other, None).await.unwrap();
    assert_eq!(other.psql(spread), "t");
    assert_eq!(counts(&other), copied);
}
