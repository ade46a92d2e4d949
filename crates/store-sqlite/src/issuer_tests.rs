//! The rows behind [`runstate_store::issuer::IssuerStore`], on a file.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use runstate_store::{
    Error,
    issuer::{Application, ApplicationKey, HashedSecret, SigningKey},
};
use runstate_store_sql::issuer::{
    application_add, application_delete, application_get, application_list, signing_key_add,
    signing_keys,
};
use rusqlite::Connection;

use crate::database::SqliteDatabase;

/// A connection to a new file, and the folder that keeps it.
fn open() -> (tempfile::TempDir, Connection) {
    let folder = tempfile::tempdir().unwrap();
    let connection = Connection::open(folder.path().join("issuer.db")).unwrap();
    connection
        .pragma_update(None, "foreign_keys", true)
        .unwrap();
    crate::migration::migrate(&connection, folder.path()).unwrap();
    (folder, connection)
}

fn at(seconds: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(seconds)
}

fn application(tenant: &str, client: &str, name: &str) -> Application {
    Application {
        tenant_id: tenant.into(),
        client_id: client.into(),
        display_name: name.into(),
        permissions: vec!["A.Read.All".into(), "with a space".into()],
        secrets: vec![HashedSecret::new("secret", Some(at(5000)))],
        public_keys: vec![ApplicationKey {
            kid: "kid".into(),
            jwk: "{}".into(),
        }],
        device_id: None,
    }
}

#[test]
fn signing_keys_survive_the_connection_and_come_oldest_first() {
    let (folder, connection) = open();
    let key = |kid: &str, created| SigningKey {
        kid: kid.into(),
        algorithm: "EdDSA".into(),
        private_key: vec![1, 2, 3],
        created: at(created),
    };
    signing_key_add(&SqliteDatabase(&connection), &key("young", 20)).unwrap();
    signing_key_add(&SqliteDatabase(&connection), &key("old", 10)).unwrap();
    signing_key_add(&SqliteDatabase(&connection), &key("old", 99)).unwrap();
    drop(connection);
    let connection = Connection::open(folder.path().join("issuer.db")).unwrap();
    assert_eq!(
        signing_keys(&SqliteDatabase(&connection)).unwrap(),
        [key("old", 10), key("young", 20)]
    );
}

#[test]
fn an_application_comes_back_as_it_went_in() {
    let (_folder, connection) = open();
    let written = application("t", "c", "Name");
    application_add(&SqliteDatabase(&connection), &written).unwrap();
    assert_eq!(
        application_get(&SqliteDatabase(&connection), "t", "c").unwrap(),
        Some(written)
    );
    assert_eq!(
        application_get(&SqliteDatabase(&connection), "t", "other").unwrap(),
        None
    );
}

#[test]
fn an_application_of_another_tenant_does_not_exist() {
    let (_folder, connection) = open();
    application_add(&SqliteDatabase(&connection), &application("t", "c", "Name")).unwrap();
    assert_eq!(
        application_get(&SqliteDatabase(&connection), "u", "c").unwrap(),
        None
    );
    assert!(
        application_list(&SqliteDatabase(&connection), "u")
            .unwrap()
            .is_empty()
    );
    assert!(!application_delete(&SqliteDatabase(&connection), "u", "c").unwrap());
    assert!(
        application_get(&SqliteDatabase(&connection), "t", "c")
            .unwrap()
            .is_some()
    );
}

#[test]
fn a_list_is_ordered_by_name() {
    let (_folder, connection) = open();
    application_add(&SqliteDatabase(&connection), &application("t", "1", "b")).unwrap();
    application_add(&SqliteDatabase(&connection), &application("t", "2", "a")).unwrap();
    let names: Vec<_> = application_list(&SqliteDatabase(&connection), "t")
        .unwrap()
        .into_iter()
        .map(|found| found.display_name)
        .collect();
    assert_eq!(names, ["a", "b"]);
}

#[test]
fn deleting_leaves_nothing_behind() {
    let (_folder, connection) = open();
    application_add(&SqliteDatabase(&connection), &application("t", "c", "Name")).unwrap();
    assert!(application_delete(&SqliteDatabase(&connection), "t", "c").unwrap());
    assert!(!application_delete(&SqliteDatabase(&connection), "t", "c").unwrap());
    let left: i64 = connection
        .query_row(
            "SELECT (SELECT count(*) FROM application_secret)
                  + (SELECT count(*) FROM application_key)",
            [],
            |row| row.get(0),
        )
        .unwrap();
    assert_eq!(left, 0);
}

#[test]
fn the_same_client_id_twice_is_an_error() {
    let (_folder, connection) = open();
    application_add(&SqliteDatabase(&connection), &application("t", "c", "Name")).unwrap();
    let error =
        application_add(&SqliteDatabase(&connection), &application("t", "c", "Name")).unwrap_err();
    assert!(matches!(error, Error::Internal { .. }), "{error}");
}
