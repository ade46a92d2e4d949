//! Reads and writes of the statements that all backends share.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicU32, Ordering},
};

use futures_util::future::join_all;
use runstate_store::{
    Error,
    query::{Bind, Dialect},
};
use runstate_store_postgres::Isolation::{ReadCommitted, Serializable};
use runstate_store_sql::{Backend as _, BindRef, Database};
use tokio::sync::oneshot;

use crate::fixture::{Fixture, TENANT, report, send};

fn text(text: &str) -> Bind {
    Bind::Text(text.to_owned())
}

#[tokio::test]
async fn values_go_in_and_out_in_the_types_that_the_server_finds() {
    let Some(fixture) = Fixture::new().await else {
        return;
    };
    let table = "CREATE TABLE v (small int2, middle int4, large int8, truth bool, words text, \
         name varchar(9), bytes bytea)";
    assert_eq!(fixture.database.psql(table), "");
    let all: Vec<Bind> = vec![
        Bind::Integer(-2),
        Bind::Integer(1 << 20),
        Bind::Integer(i64::MIN),
        Bind::Integer(1),
        text("ü'?1\u{1F600}"),
        text("nine"),
        Bind::Blob(vec![0, 255]),
    ];
    let expected = vec![all.clone(), vec![Bind::Null; 7]];
    let rows = fixture
        .store
        .transaction(Serializable, None, move |database| {
            assert_eq!(database.dialect(), Dialect::Postgres);
            let insert = "INSERT INTO v VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
            let binds: Vec<BindRef<'_>> = all.iter().map(BindRef::from).collect();
            assert_eq!(database.execute(insert, &binds), Ok(1));
            assert_eq!(database.execute(insert, &[BindRef::Null; 7]), Ok(1));
            database.query(
                "SELECT * FROM v WHERE ?1 <> '?2' ORDER BY large",
                &["x".into()],
            )
        })
        .await
        .unwrap();
    assert_eq!(rows, expected);
    let nothing = fixture
        .store
        .read(None, |database| {
            let none = database.query("SELECT pg_notify('c', 'p')", &[])?;
            let update = database.execute("SELECT 1 WHERE FALSE", &[])?;
            Ok((none, update))
        })
        .await;
    assert_eq!(nothing, Ok((vec![vec![Bind::Null]], 0)));
}

#[tokio::test]
async fn what_does_not_fit_is_a_fault_of_ours_or_of_the_value() {
    let Some(fixture) = Fixture::new().await else {
        return;
    };
    let table = "CREATE TABLE v (n int8 UNIQUE, words text); CREATE INDEX ON v (words)";
    assert_eq!(fixture.database.psql(table), "");
    let one = async |sql: &'static str, bind: Bind| {
        fixture
            .store
            .transaction(Serializable, None, move |database| {
                database.execute(sql, &[BindRef::from(&bind)])
            })
            .await
    };
    let number = "INSERT INTO v (n) VALUES (?1)";
    let words = "INSERT INTO v (words) VALUES (?1)";
    let is_internal = |result: &Result<u64, Error>| matches!(result, Err(Error::Internal { .. }));
    let is_invalid = |result: &Result<u64, Error>| matches!(result, Err(Error::Invalid { .. }));
    let result = one(number, text("7")).await;
    assert!(is_internal(&result), "{result:?}");
    let result = one("SELECT 1.5::numeric WHERE ?1 = 1", Bind::Integer(1)).await;
    assert_eq!(result, Ok(1));
    let result = one("SELECT ?1 FROM nowhere", text("")).await;
    assert!(is_internal(&result), "{result:?}");
    let result = one("INSERT INTO v (n) VALUES (1)", text("")).await;
    assert!(is_internal(&result), "{result:?}");
    let result = one(words, text("a\0b")).await;
    assert!(is_invalid(&result), "{result:?}");
    let long = (0..9_000_u32).map(|n| char::from_u32(0x4e00 + n * 7919 % 20_000).unwrap());
    let result = one(words, Bind::Text(long.collect())).await;
    assert!(is_invalid(&result), "{result:?}");
    assert_eq!(one(number, Bind::Integer(1)).await, Ok(1));
    let result = one(number, Bind::Integer(1)).await;
    assert!(matches!(result, Err(Error::Conflict { .. })), "{result:?}");
    let numeric = fixture
        .store
        .read(None, |database| database.query("SELECT 1.5::numeric", &[]))
        .await;
    assert!(
        matches!(numeric, Err(Error::Internal { .. })),
        "{numeric:?}"
    );
    assert_eq!(fixture.database.psql("SELECT n, words FROM v"), "1|");
}

#[tokio::test]
async fn a_read_sees_one_moment_and_changes_nothing() {
    let Some(fixture) = Fixture::new().await else {
        return;
    };
    assert_eq!(fixture.database.psql("CREATE TABLE t (n int8)"), "");
    let (seen, first) = oneshot::channel();
    let (written, go_on) = std::sync::mpsc::channel::<()>();
    let store = Arc::clone(&fixture.store);
    let read = tokio::spawn(async move {
        store
            .read(None, move |database| {
                let before = database.query("SELECT count(*) FROM t", &[])?;
                seen.send(()).unwrap();
                go_on.recv().unwrap();
                let after = database.query("SELECT count(*) FROM t", &[])?;
                assert_eq!(before, after);
                database.execute("INSERT INTO t VALUES (1)", &[])
            })
            .await
    });
    first.await.unwrap();
    let insert = |database: &dyn Database| database.execute("INSERT INTO t VALUES (7)", &[]);
    assert_eq!(
        fixture.store.transaction(ReadCommitted, None, insert).await,
        Ok(1)
    );
    written.send(()).unwrap();
    let result = read.await.unwrap();
    assert!(result.is_err(), "{result:?}");
    assert_eq!(fixture.database.psql("SELECT n FROM t"), "7");
}

#[tokio::test]
async fn a_read_whose_client_goes_away_is_interrupted() {
    let Some(fixture) = Fixture::new().await else {
        return;
    };
    let (started, at_work) = oneshot::channel();
    let read = fixture.store.read(None, move |database| {
        started.send(()).unwrap();
        // Longer than any time-out of a test.
        let sql = "SELECT 'endless', count(*) FROM generate_series(1, 1000000000000) AS g";
        database.query(sql, &[])
    });
    tokio::select! {
        result = read => panic!("{result:?}"),
        begun = at_work => begun.unwrap(),
    }
    // PostgreSQL works at it no more, sooner or later.
    let sql = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() \
         AND state = 'active' AND query LIKE 'SELECT ''endless''%'";
    while fixture.database.psql(sql) != "0" {
        tokio::task::yield_now().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn writes_that_look_first_do_not_overlook_one_another() {
    let Some(fixture) = Fixture::new().await else {
        return;
    };
    assert_eq!(
        fixture
            .database
            .psql("CREATE TABLE t (who int8); INSERT INTO t VALUES (0)"),
        ""
    );
    // Each adds one more than it sees, which only one at a time may do.
    let attempts = Arc::new(AtomicU32::new(0));
    let writes = (0..16).map(|_| {
        let attempts = Arc::clone(&attempts);
        fixture
            .store
            .transaction(Serializable, None, move |database| {
                attempts.fetch_add(1, Ordering::Relaxed);
                let rows = database.query("SELECT count(*) FROM t", &[])?;
                let [Bind::Integer(count)] = rows[0].as_slice() else {
                    panic!("{rows:?}");
                };
                database.execute("INSERT INTO t VALUES (?1)", &[(*count).into()])
            })
    });
    let results = join_all(writes).await;
    let done = results.iter().filter(|result| result.is_ok()).count();
    for result in &results {
        assert!(
            matches!(result, Ok(1) | Err(Error::Busy { .. })),
            "{result:?}"
        );
    }
    let sql = "SELECT count(*), count(DISTINCT who), max(who) FROM t";
    let expected = format!("{0}|{0}|{1}", done + 1, done);
    assert_eq!(fixture.database.psql(sql), expected);
    assert!(attempts.load(Ordering::Relaxed) >= 16);
}

/// What a write looks at and changes is changed by reports all the time.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_write_gets_through_among_reports_without_a_pause() {
    let Some(fixture) = Fixture::new().await else {
        return;
    };
    fixture.script(TENANT, "s", 16);
    let stop = Arc::new(AtomicBool::new(false));
    let reporters = (1..=16).map(|number| {
        let (store, stop) = (Arc::clone(&fixture.store), Arc::clone(&stop));
        tokio::spawn(async move {
            let mut is_success = false;
            while !stop.load(Ordering::Relaxed) {
                is_success = !is_success;
                let outcome = if is_success { "success" } else { "fail" };
                let body = format!(r#"{{"runState": "{outcome}"}}"#);
                send(&store, report("s", &format!("d{number}"), &body))
                    .await
                    .unwrap();
            }
        })
    });
    let reporters: Vec<_> = reporters.collect();
    for number in 1..=20 {
        let write = fixture.store.transaction(Serializable, None, |database| {
            database.query("SELECT success_device_count FROM run_summary", &[])?;
            database.execute(
                "UPDATE run_summary SET success_user_count = success_user_count + 1",
                &[],
            )
        });
        assert_eq!(write.await, Ok(1), "{number}");
    }
    stop.store(true, Ordering::Relaxed);
    for reporter in join_all(reporters).await {
        reporter.unwrap();
    }
    let users = "SELECT success_user_count FROM run_summary";
    assert_eq!(fixture.database.psql(users), "20");
    assert_eq!(fixture.miscounts(), "");
}

#[tokio::test]
async fn a_write_that_fails_or_panics_changes_nothing() {
    let Some(fixture) = Fixture::new().await else {
        return;
    };
    assert_eq!(
        fixture.database.psql("CREATE TABLE t (n int8 NOT NULL)"),
        ""
    );
    let refused = fixture.store.transaction(Serializable, None, |database| {
        database.execute("INSERT INTO t VALUES (1)", &[])?;
        Err::<(), _>(Error::PreconditionFailed)
    });
    assert_eq!(refused.await, Err(Error::PreconditionFailed));
    // A statement that failed is not passed over: PostgreSQL would commit nothing and say nothing.
    let passed_over = fixture.store.transaction(Serializable, None, |database| {
        database.execute("INSERT INTO t VALUES (1)", &[])?;
        let _ = database.execute("INSERT INTO t VALUES (?1)", &[BindRef::Null]);
        Ok(())
    });
    let result = passed_over.await;
    assert!(matches!(result, Err(Error::Internal { .. })), "{result:?}");
    let panicked = fixture.store.transaction(Serializable, None, |database| {
        database.execute("INSERT INTO t VALUES (1)", &[])?;
        if fixture_is_there() {
            panic!("as a test");
        }
        Ok(())
    });
    let result = panicked.await;
    assert!(matches!(result, Err(Error::Internal { .. })), "{result:?}");
    assert_eq!(fixture.database.psql("SELECT count(*) FROM t"), "0");
    let insert = |database: &dyn Database| database.execute("INSERT INTO t VALUES (2)", &[]);
    assert_eq!(
        fixture.store.transaction(Serializable, None, insert).await,
        Ok(1)
    );
    assert_eq!(fixture.database.psql("SELECT n FROM t"), "2");
}

/// What the compiler does not see through.
fn fixture_is_there() -> bool {
    std::hint::black_box(true)
}
