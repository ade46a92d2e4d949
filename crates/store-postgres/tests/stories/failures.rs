//! Connections that are cut, and a server that goes away and comes back.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
};

use futures_util::future::join_all;
use runstate_store::Error;
use runstate_store_postgres::{Isolation, Postgres};
use runstate_store_sql::Backend as _;
use runstate_test_postgres::{Cluster, Durability};

use crate::fixture::{Fixture, TENANT, clock, report, run, send};

/// Ends all connections to the database but its own; says how many.
const KILL: &str = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity \
     WHERE datname = current_database() AND pid <> pg_backend_pid()";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_acknowledged_is_there_whatever_is_cut() {
    const REPORTERS: u32 = 16;
    let Some(fixture) = Fixture::new().await else {
        return;
    };
    fixture.script(TENANT, "s", REPORTERS);
    let stop = Arc::new(AtomicBool::new(false));
    let reporters = (1..=REPORTERS).map(|reporter| {
        let (store, stop) = (Arc::clone(&fixture.store), Arc::clone(&stop));
        tokio::spawn(async move {
            let (mut acknowledged, mut unknown) = (Vec::new(), 0);
            let mut number = 0;
            while !stop.load(Ordering::Relaxed) {
                number += 1;
                let (device, id) = (format!("d{reporter}"), format!("r{number}"));
                let outcome = if number % 2 == 0 { "fail" } else { "success" };
                let body = format!(r#"{{"runState": "{outcome}", "errorCode": {number}}}"#);
                // As an agent does: the same report again until it is answered.
                loop {
                    match send(&store, run("s", &device, &body, &id)).await {
                        Ok(row) => {
                            acknowledged.push((id, row.version));
                            break;
                        }
                        Err(Error::Unavailable { .. }) => unknown += 1,
                        Err(error) => panic!("{error}"),
                    }
                }
            }
            (reporter, number, acknowledged, unknown)
        })
    });
    let reporters: Vec<_> = reporters.collect();
    for _ in 0..10 {
        // Until work has been done since the last time.
        let before = fixture
            .database
            .psql("SELECT coalesce(max(pk), 0) FROM run");
        while fixture
            .database
            .psql("SELECT coalesce(max(pk), 0) FROM run")
            == before
        {}
        let _ = fixture.database.psql(KILL);
    }
    stop.store(true, Ordering::Relaxed);
    let stored = |sql: &str| fixture.database.psql(sql);
    let mut refused = 0;
    let (mut sent, mut all) = (0, HashMap::new());
    for done in join_all(reporters).await {
        let (reporter, number, acknowledged, unknown) = done.unwrap();
        assert_eq!(acknowledged.len(), number as usize);
        refused += unknown;
        sent += number;
        for (id, _) in &acknowledged {
            all.insert((format!("s:d{reporter}"), id.clone()), ());
        }
    }
    // Everything once: nothing acknowledged is lost, nothing is applied twice.
    let sql = "SELECT s.id, r.id FROM run AS r JOIN device_run_state AS s ON s.pk = r.state_pk";
    let runs = stored(sql);
    assert_eq!(runs.lines().count(), sent as usize);
    for line in runs.lines() {
        let (state, id) = line.split_once('|').unwrap();
        assert!(
            all.contains_key(&(state.to_owned(), id.to_owned())),
            "{line}"
        );
    }
    assert_eq!(fixture.miscounts(), "");
    println!("{sent} reports, of which {refused} were answered by 'unavailable' first");
}

#[tokio::test]
async fn a_write_whose_connection_is_cut_is_done_once() {
    let Some(fixture) = Fixture::new().await else {
        return;
    };
    assert_eq!(fixture.database.psql("CREATE TABLE t (n int8)"), "");
    let attempts = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&attempts);
    let written = fixture
        .store
        .transaction(Isolation::Serializable, None, move |database| {
            database.execute("INSERT INTO t VALUES (1)", &[])?;
            if counted.fetch_add(1, Ordering::Relaxed) == 0 {
                // Cut off between two statements; the next one finds out.
                database.query("SELECT pg_terminate_backend(pg_backend_pid())", &[])?;
            }
            database.execute("INSERT INTO t VALUES (2)", &[])
        });
    assert_eq!(written.await, Ok(1));
    assert_eq!(attempts.load(Ordering::Relaxed), 2);
    assert_eq!(fixture.database.psql("SELECT n FROM t ORDER BY n"), "1\n2");
}

#[tokio::test]
async fn connections_that_were_cut_while_idle_are_replaced() {
    let Some(fixture) = Fixture::new().await else {
        return;
    };
    fixture.script(TENANT, "s", 1);
    let reads = (0..8).map(|_| {
        fixture
            .store
            .read(None, |database| database.query("SELECT 1", &[]))
    });
    assert!(join_all(reads).await.iter().all(Result::is_ok));
    assert_ne!(fixture.database.psql(KILL), "0");
    let read = fixture
        .store
        .read(None, |database| database.query("SELECT 1", &[]));
    assert!(read.await.is_ok());
    let write = fixture
        .store
        .transaction(Isolation::Serializable, None, |database| {
            database.execute("UPDATE script SET version = 2", &[])
        });
    assert_eq!(write.await, Ok(1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_away_is_unavailable_and_comes_back() {
    let Some(mut cluster) = Cluster::start_installed(Durability::Full).unwrap() else {
        return;
    };
    let store = Postgres::open(&cluster.url(), clock()).await.unwrap();
    let create = store.transaction(Isolation::ReadCommitted, None, |database| {
        database.execute("CREATE TABLE t AS SELECT 1::bigint AS n", &[])
    });
    create.await.unwrap();
    let read = || store.read(None, |database| database.query("SELECT n FROM t", &[]));
    let report = || store.report(report("s", "d", r#"{"runState": "success"}"#));
    assert!(read().await.is_ok());
    let unknown = report().await;
    assert!(
        matches!(unknown, Err(Error::NotFound { .. })),
        "{unknown:?}"
    );
    cluster.stop();
    let away = read().await;
    assert!(matches!(away, Err(Error::Unavailable { .. })), "{away:?}");
    let away = report().await;
    assert!(matches!(away, Err(Error::Unavailable { .. })), "{away:?}");
    cluster.go_on().unwrap();
    assert!(read().await.is_ok());
    let back = report().await;
    assert!(matches!(back, Err(Error::NotFound { .. })), "{back:?}");
}
