//! Many writers at once: one commit for many, and nobody pays for another's failure.

use runstate_store::{Error, Precondition};
use runstate_testkit::Data;

use super::fixture::{Fixture, behind, int, not_found};

#[tokio::test(flavor = "multi_thread")]
async fn those_that_fail_do_not_disturb_the_others() {
    let store = Fixture::new().await;
    let script = store.shell_script("s").await;
    let collection = format!("{script}/deviceRunStates");
    for id in 0..50 {
        store
            .post(&collection, &format!(r#"{{"id": "{id}"}}"#))
            .await
            .unwrap();
    }
    let mut tasks = tokio::task::JoinSet::new();
    for at in 0..400 {
        let (store, collection) = (store.again(), collection.clone());
        tasks.spawn(async move {
            let (id, code) = (at % 50, at);
            let path = format!("{collection}/{id}");
            let body = format!(r#"{{"runState": "success", "errorCode": {code}}}"#);
            match at % 4 {
                0 => {
                    let row = store.patch(&path, &body).await.unwrap();
                    assert_eq!(int(&row, "errorCode"), code);
                }
                1 => assert_eq!(
                    not_found(store.patch(&format!("{path}-"), &body).await).1,
                    format!("{id}-")
                ),
                2 => {
                    let stale = Precondition::Versions(vec![0]);
                    let refused = store.patch_if(&path, &body, stale).await.unwrap_err();
                    assert_eq!(refused, Error::PreconditionFailed);
                }
                _ => {
                    let taken = store
                        .post(&collection, &format!(r#"{{"id": "{id}"}}"#))
                        .await;
                    assert!(matches!(taken, Err(Error::Conflict { .. })), "{taken:?}");
                }
            }
        });
    }
    tasks.join_all().await;
    // 100 updates went to the 25 states with an even number; nothing else left a trace.
    assert_eq!(store.summary(&script).await, [25, 0, 0, 0]);
    store.fold(&script).await;
    let runs = store.data.query("SELECT count(*) FROM run");
    assert_eq!(runs, (50 + 100).to_string());
    if let Data::Sqlite(_) = store.data {
        assert_eq!(store.data.query("PRAGMA integrity_check"), "ok");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_those_who_saw_the_same_version_one_wins() {
    let store = Fixture::new().await;
    let script = store.shell_script("s").await;
    let first = store
        .post(&format!("{script}/deviceRunStates"), r#"{"id": "d"}"#)
        .await
        .unwrap();
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..32 {
        let (store, path) = (store.again(), format!("{script}/deviceRunStates/d"));
        let seen = Precondition::Versions(vec![first.version]);
        tasks.spawn(async move { store.patch_if(&path, "{}", seen).await.is_ok() });
    }
    let won = tasks
        .join_all()
        .await
        .into_iter()
        .filter(|won| *won)
        .count();
    assert_eq!(won, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_sees_what_a_writer_was_told() {
    let store = Fixture::new().await;
    let script = store.shell_script("s").await;
    store
        .post(&format!("{script}/deviceRunStates"), r#"{"id": "d"}"#)
        .await
        .unwrap();
    let path = format!("{script}/deviceRunStates/d");
    for code in 0..200 {
        let told = store
            .patch(&path, &format!(r#"{{"errorCode": {code}}}"#))
            .await
            .unwrap();
        assert_eq!(store.get(&path).await.unwrap(), told);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_another_process_keeps_locked_is_unavailable_and_then_is_not() {
    let store = Fixture::sqlite().await;
    let script = store.shell_script("s").await;
    let behind = behind(&store.file());
    behind.execute_batch("BEGIN IMMEDIATE").unwrap();
    let waiting = {
        let (store, script) = (store.again(), script.clone());
        tokio::spawn(async move { store.patch(&script, r#"{"description": "x"}"#).await })
    };
    // Reads go on meanwhile, and show nothing of it.
    assert_eq!(store.get(&script).await.unwrap().version, 1);
    behind.execute_batch("ROLLBACK").unwrap();
    assert_eq!(waiting.await.unwrap().unwrap().version, 2);
}
