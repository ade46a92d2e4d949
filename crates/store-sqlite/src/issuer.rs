//! The rows behind [`runstate_store::issuer::IssuerStore`].
//!
//! Each function works on the connection it is given and opens no transaction of its own: those
//! that write several rows say so, and their caller wraps them in one.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use runstate_store::Error;
use runstate_store::issuer::{Application, ApplicationKey, HashedSecret, SigningKey};
use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::error::store_error;

/// All signing keys, oldest first.
///
/// # Errors
/// [`Error::Unavailable`] when the file is busy, [`Error::Internal`] otherwise; so does every
/// function here.
pub(crate) fn signing_keys(connection: &Connection) -> Result<Vec<SigningKey>, Error> {
    let mut statement = connection
        .prepare_cached(
            "SELECT kid, algorithm, private_key, created FROM signing_key ORDER BY created, kid",
        )
        .map_err(store_error)?;
    let rows = statement
        .query_map([], |row| {
            Ok(SigningKey {
                kid: row.get(0)?,
                algorithm: row.get(1)?,
                private_key: row.get(2)?,
                created: moment(row.get(3)?),
            })
        })
        .map_err(store_error)?;
    rows.collect::<Result<_, _>>().map_err(store_error)
}

/// Remembers a signing key; one whose `kid` is known already is left as it is.
///
/// # Errors
/// As [`signing_keys`].
pub(crate) fn signing_key_add(connection: &Connection, key: &SigningKey) -> Result<(), Error> {
    connection
        .execute(
            "INSERT INTO signing_key (kid, algorithm, private_key, created) VALUES (?, ?, ?, ?)
             ON CONFLICT (kid) DO NOTHING",
            params![
                key.kid,
                key.algorithm,
                key.private_key,
                seconds(key.created)
            ],
        )
        .map_err(store_error)?;
    Ok(())
}

/// The application `client_id` of a tenant.
///
/// # Errors
/// As [`signing_keys`].
pub(crate) fn application_get(
    connection: &Connection,
    tenant_id: &str,
    client_id: &str,
) -> Result<Option<Application>, Error> {
    let found = connection
        .prepare_cached(
            "SELECT tenant_id, client_id, display_name, permissions, device_id FROM application
             WHERE tenant_id = ? AND client_id = ?",
        )
        .and_then(|mut statement| {
            statement
                .query_row(params![tenant_id, client_id], application_row)
                .optional()
        })
        .map_err(store_error)?;
    let Some((mut application, permissions)) = found else {
        return Ok(None);
    };
    application_complete(connection, &mut application, &permissions)?;
    Ok(Some(application))
}

/// Remembers an application. Writes several rows: the caller wraps it in a transaction.
///
/// # Errors
/// As [`signing_keys`]; also [`Error::Internal`] when the tenant has this client id already.
pub(crate) fn application_add(
    connection: &Connection,
    application: &Application,
) -> Result<(), Error> {
    let Application {
        tenant_id,
        client_id,
        display_name,
        permissions,
        secrets,
        public_keys,
        device_id,
    } = application;
    let permissions = serde_json::to_string(permissions).map_err(|error| Error::Internal {
        detail: error.to_string(),
    })?;
    connection
        .execute(
            "INSERT INTO application (tenant_id, client_id, display_name, permissions, device_id)
             VALUES (?, ?, ?, ?, ?)",
            params![tenant_id, client_id, display_name, permissions, device_id],
        )
        .map_err(store_error)?;
    for secret in secrets {
        connection
            .execute(
                "INSERT INTO application_secret (tenant_id, client_id, hash, expires)
                 VALUES (?, ?, ?, ?)",
                params![
                    tenant_id,
                    client_id,
                    secret.hash,
                    secret.expires.map(seconds)
                ],
            )
            .map_err(store_error)?;
    }
    for key in public_keys {
        connection
            .execute(
                "INSERT INTO application_key (tenant_id, client_id, kid, jwk) VALUES (?, ?, ?, ?)",
                params![tenant_id, client_id, key.kid, key.jwk],
            )
            .map_err(store_error)?;
    }
    Ok(())
}

/// The applications of a tenant that are no devices, by display name and then client id.
///
/// # Errors
/// As [`signing_keys`].
pub(crate) fn application_list(
    connection: &Connection,
    tenant_id: &str,
) -> Result<Vec<Application>, Error> {
    let found: Vec<(Application, String)> = connection
        .prepare_cached(
            "SELECT tenant_id, client_id, display_name, permissions, device_id FROM application
             WHERE tenant_id = ? AND device_id IS NULL ORDER BY display_name, client_id",
        )
        .and_then(|mut statement| {
            statement
                .query_map(params![tenant_id], application_row)?
                .collect()
        })
        .map_err(store_error)?;
    found
        .into_iter()
        .map(|(mut application, permissions)| {
            application_complete(connection, &mut application, &permissions)?;
            Ok(application)
        })
        .collect()
}

/// Forgets an application with its secrets and keys, and tells whether there was one. Writes
/// several rows: the caller wraps it in a transaction.
///
/// # Errors
/// As [`signing_keys`].
pub(crate) fn application_delete(
    connection: &Connection,
    tenant_id: &str,
    client_id: &str,
) -> Result<bool, Error> {
    // Deleted one by one, so that the result doesn't hang on the connection's `foreign_keys`.
    let mut deleted = 0;
    for sql in [
        "DELETE FROM application_secret WHERE tenant_id = ? AND client_id = ?",
        "DELETE FROM application_key WHERE tenant_id = ? AND client_id = ?",
        "DELETE FROM application WHERE tenant_id = ? AND client_id = ?",
    ] {
        deleted = connection
            .execute(sql, params![tenant_id, client_id])
            .map_err(store_error)?;
    }
    Ok(deleted == 1)
}

/// The row of an application, and the JSON of its permissions.
fn application_row(row: &Row<'_>) -> rusqlite::Result<(Application, String)> {
    let application = Application {
        tenant_id: row.get(0)?,
        client_id: row.get(1)?,
        display_name: row.get(2)?,
        permissions: Vec::new(),
        secrets: Vec::new(),
        public_keys: Vec::new(),
        device_id: row.get(4)?,
    };
    Ok((application, row.get(3)?))
}

/// Fills in what an application's own row doesn't hold.
fn application_complete(
    connection: &Connection,
    application: &mut Application,
    permissions: &str,
) -> Result<(), Error> {
    application.permissions =
        serde_json::from_str(permissions).map_err(|error| Error::Internal {
            detail: format!("permissions of an application: {error}"),
        })?;
    let key = params![application.tenant_id, application.client_id];
    application.secrets = connection
        .prepare_cached(
            "SELECT hash, expires FROM application_secret
             WHERE tenant_id = ? AND client_id = ? ORDER BY hash",
        )
        .and_then(|mut statement| {
            statement
                .query_map(key, |row| {
                    let expires: Option<i64> = row.get(1)?;
                    Ok(HashedSecret {
                        hash: row.get(0)?,
                        expires: expires.map(moment),
                    })
                })?
                .collect()
        })
        .map_err(store_error)?;
    application.public_keys = connection
        .prepare_cached(
            "SELECT kid, jwk FROM application_key
             WHERE tenant_id = ? AND client_id = ? ORDER BY kid",
        )
        .and_then(|mut statement| {
            statement
                .query_map(key, |row| {
                    Ok(ApplicationKey {
                        kid: row.get(0)?,
                        jwk: row.get(1)?,
                    })
                })?
                .collect()
        })
        .map_err(store_error)?;
    Ok(())
}

/// Whole seconds since 1970. A moment before that, which nothing here makes, becomes 0.
fn seconds(moment: SystemTime) -> i64 {
    let since = moment.duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}

/// The moment that [`seconds`] wrote.
fn moment(seconds: i64) -> SystemTime {
    let since = Duration::from_secs(u64::try_from(seconds).unwrap_or(0));
    UNIX_EPOCH.checked_add(since).unwrap_or(UNIX_EPOCH)
}

#[cfg(test)]
mod tests {
    use super::*;

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
        signing_key_add(&connection, &key("young", 20)).unwrap();
        signing_key_add(&connection, &key("old", 10)).unwrap();
        signing_key_add(&connection, &key("old", 99)).unwrap();
        drop(connection);
        let connection = Connection::open(folder.path().join("issuer.db")).unwrap();
        assert_eq!(
            signing_keys(&connection).unwrap(),
            [key("old", 10), key("young", 20)]
        );
    }

    #[test]
    fn an_application_comes_back_as_it_went_in() {
        let (_folder, connection) = open();
        let written = application("t", "c", "Name");
        application_add(&connection, &written).unwrap();
        assert_eq!(
            application_get(&connection, "t", "c").unwrap(),
            Some(written)
        );
        assert_eq!(application_get(&connection, "t", "other").unwrap(), None);
    }

    #[test]
    fn an_application_of_another_tenant_does_not_exist() {
        let (_folder, connection) = open();
        application_add(&connection, &application("t", "c", "Name")).unwrap();
        assert_eq!(application_get(&connection, "u", "c").unwrap(), None);
        assert!(application_list(&connection, "u").unwrap().is_empty());
        assert!(!application_delete(&connection, "u", "c").unwrap());
        assert!(application_get(&connection, "t", "c").unwrap().is_some());
    }

    #[test]
    fn a_list_is_ordered_by_name() {
        let (_folder, connection) = open();
        application_add(&connection, &application("t", "1", "b")).unwrap();
        application_add(&connection, &application("t", "2", "a")).unwrap();
        let names: Vec<_> = application_list(&connection, "t")
            .unwrap()
            .into_iter()
            .map(|found| found.display_name)
            .collect();
        assert_eq!(names, ["a", "b"]);
    }

    #[test]
    fn deleting_leaves_nothing_behind() {
        let (_folder, connection) = open();
        application_add(&connection, &application("t", "c", "Name")).unwrap();
        assert!(application_delete(&connection, "t", "c").unwrap());
        assert!(!application_delete(&connection, "t", "c").unwrap());
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
        application_add(&connection, &application("t", "c", "Name")).unwrap();
        let error = application_add(&connection, &application("t", "c", "Name")).unwrap_err();
        assert!(matches!(error, Error::Internal { .. }), "{error}");
    }
}
