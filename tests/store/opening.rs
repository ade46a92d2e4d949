//! The file: made, opened again, refused.

use std::os::unix::fs::PermissionsExt;

use runstate_store::{
    Error, Store as _,
    issuer::{Application, HashedSecret, IssuerStore as _, SigningKey},
};

use super::fixture::{Fixture, behind, clock};

/// An application of the tenant `t`.
fn application(client_id: &str) -> Application {
    Application {
        tenant_id: "t".to_owned(),
        client_id: client_id.to_owned(),
        display_name: "Name".to_owned(),
        permissions: vec!["A.Read.All".to_owned()],
        secrets: vec![HashedSecret::new("secret", None)],
        public_keys: Vec::new(),
        device_id: None,
    }
}

/// Why a file with these bytes is not opened.
fn refusal(prepare: impl FnOnce(&std::path::Path)) -> String {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file.db");
    prepare(&file);
    let before = std::fs::read(&file).unwrap();
    let error = runstate_store_sqlite::open(&file, clock()).err().unwrap();
    assert_eq!(
        std::fs::read(&file).unwrap(),
        before,
        "a refused file is left as it is"
    );
    error
        .to_string()
        .replace(&file.display().to_string(), "FILE")
}

#[tokio::test]
async fn what_was_written_is_there_after_opening_again() {
    let store = Fixture::new().await;
    let script = store.shell_script("s").await;
    store
        .post(&format!("{script}/deviceRunStates"), r#"{"id": "d"}"#)
        .await
        .unwrap();
    let path = format!("{script}/deviceRunStates/d");
    let row = store
        .patch(&path, r#"{"runState": "fail", "resultMessage": "é"}"#)
        .await
        .unwrap();
    let token = {
        let mut store = store.again();
        store.page_size = 1;
        store.shell_script("t").await;
        store
            .list("deviceManagement/deviceShellScripts")
            .await
            .unwrap()
            .next
            .unwrap()
    };
    let store = store.reopen().await;
    assert_eq!(store.get(&path).await.unwrap(), row);
    assert_eq!(store.summary(&script).await, [0, 1, 0, 0]);
    // A page that was begun before goes on.
    let url = format!("deviceManagement/deviceShellScripts?$skiptoken={token}");
    assert_eq!(store.list(&url).await.unwrap().rows[0].id(), "t");
    store.store.ready().await.unwrap();
}

#[tokio::test]
async fn only_its_owner_may_read_the_file() {
    let store = Fixture::sqlite().await;
    store.shell_script("s").await;
    for suffix in ["", "-wal", "-shm"] {
        let file = format!("{}{suffix}", store.file().display());
        let mode = std::fs::metadata(&file).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{file}");
    }
}

#[tokio::test]
async fn durable_settings_are_in_force() {
    let store = Fixture::sqlite().await;
    let behind = behind(&store.file());
    let mode: String = behind
        .query_row("PRAGMA journal_mode", [], |row| row.get(0))
        .unwrap();
    assert_eq!(mode, "wal");
    // What contradicts itself does not get in: no state without its script.
    behind.pragma_update(None, "foreign_keys", true).unwrap();
    let orphan = behind.execute(
        "INSERT INTO assignment (id, version, script_pk) VALUES ('a', 1, 7)",
        [],
    );
    assert!(orphan.is_err());
}

#[tokio::test]
async fn by_another_name_it_is_the_same_file() {
    let store = Fixture::sqlite().await;
    let link = store.file().with_file_name("link.db");
    std::os::unix::fs::symlink(store.file(), &link).unwrap();
    let refused = runstate_store_sqlite::open(&link, clock()).err();
    assert!(
        matches!(
            refused,
            Some(runstate_store_sqlite::OpenError::InUse { .. })
        ),
        "{refused:?}"
    );
}

#[tokio::test]
async fn one_process_serves_a_file_and_others_see_to_tokens() {
    let store = Fixture::sqlite().await;
    let refused = runstate_store_sqlite::open(store.file(), clock()).err();
    let folder = format!("{}-runs", store.file().display());
    assert_eq!(
        refused.map(|error| error.to_string()),
        Some(format!(
            "{folder} is in use: another runstate serves this data file"
        ))
    );
    let script = store.shell_script("s").await;
    let beside = runstate_store_sqlite::open_beside(store.file(), clock()).unwrap();
    beside.ready().await.unwrap();
    beside.application_add(application("a")).await.unwrap();
    let added = store.store.application_get("t", "a").await.unwrap();
    assert!(added.is_some());
    // What it shows of a tenant could be out of date, so it shows nothing.
    let beside = Fixture {
        store: std::sync::Arc::new(beside),
        ..store.again()
    };
    for result in [
        beside.patch(&script, r#"{"description": "x"}"#).await,
        beside.get(&script).await,
    ] {
        assert!(
            matches!(result, Err(Error::Unavailable { .. })),
            "{result:?}"
        );
    }
}

#[test]
fn what_is_not_ours_is_refused() {
    let text = refusal(|file| std::fs::write(file, "displayName,runState\n".repeat(500)).unwrap());
    assert_eq!(
        text,
        "FILE is not an SQLite database; name another file with --data"
    );
    let text = refusal(|file| {
        rusqlite::Connection::open(file)
            .unwrap()
            .execute_batch("CREATE TABLE theirs (a)")
            .unwrap();
    });
    assert_eq!(
        text,
        "FILE is an SQLite database, but not one of runstate; name another file with --data"
    );
    let missing = runstate_store_sqlite::open("/nowhere/at/all.db", clock())
        .err()
        .unwrap()
        .to_string();
    assert!(
        missing.starts_with("/nowhere/at/all.db cannot be created: "),
        "{missing}"
    );
}

#[test]
fn a_newer_file_is_refused_with_both_versions() {
    let text = refusal(|file| {
        drop(runstate_store_sqlite::open(file, clock()).unwrap());
        rusqlite::Connection::open(file)
            .unwrap()
            .pragma_update(None, "user_version", 99)
            .unwrap();
    });
    assert_eq!(
        text,
        "FILE has version 99, and this runstate knows versions up to 9: use the newer runstate \
         that wrote the file, or a copy of the file from before that upgrade"
    );
}

#[tokio::test]
async fn the_issuer_remembers_its_keys_and_clients() {
    let store = Fixture::new().await;
    let key = SigningKey {
        kid: "k".to_owned(),
        algorithm: "EdDSA".to_owned(),
        private_key: vec![1, 2, 3],
        created: clock().now(),
    };
    let application = application("c");
    store.store.signing_key_add(key.clone()).await.unwrap();
    store
        .store
        .application_add(application.clone())
        .await
        .unwrap();
    let again = store
        .store
        .application_add(application.clone())
        .await
        .unwrap_err();
    // A client id is random, so this is nobody's fault but ours; PostgreSQL says what stands in the way.
    let is_refused = matches!(again, Error::Internal { .. } | Error::Conflict { .. });
    assert!(is_refused, "{again:?}");
    let store = store.reopen().await;
    assert_eq!(store.store.signing_keys().await.unwrap(), [key]);
    assert_eq!(
        store.store.application_get("t", "c").await.unwrap(),
        Some(application.clone())
    );
    assert_eq!(
        store.store.application_list("t").await.unwrap(),
        [application]
    );
    let hour = std::time::Duration::from_secs(3_600);
    let (now, end) = (clock().now(), clock().now() + hour);
    let first = |hash, now| store.store.assertion_use(hash, now, end);
    assert_eq!(first([1; 32], now).await, Ok(true));
    assert_eq!(first([1; 32], now).await, Ok(false));
    assert_eq!(first([2; 32], now).await, Ok(true));
    // Long after its end it is forgotten, and no sooner.
    assert_eq!(first([3; 32], end).await, Ok(true));
    let noted = || store.data.query("SELECT count(*) FROM used_assertion");
    assert_eq!(noted(), "3");
    assert_eq!(first([4; 32], end + hour).await, Ok(true));
    assert_eq!(noted(), "1");
    assert!(store.store.application_delete("t", "c").await.unwrap());
    assert_eq!(store.store.application_get("t", "c").await.unwrap(), None);
}
