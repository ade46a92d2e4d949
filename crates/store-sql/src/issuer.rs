//! The rows behind [`runstate_store::issuer::IssuerStore`].
//!
//! Each function works on the database it is given and opens no transaction of its own: those
//! that write several rows say so, and their caller wraps them in one.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use runstate_store::Error;
use runstate_store::issuer::{Application, ApplicationKey, HashedSecret, SigningKey};

use crate::{
    Cells, Database,
    cells::{CellsExt as _, binds},
    error::internal,
    subscription,
};

/// All signing keys, oldest first.
///
/// # Errors
/// As [`Database::query`]; so does every function here.
pub fn signing_keys(database: &dyn Database) -> Result<Vec<SigningKey>, Error> {
    const SQL: &str =
        "SELECT kid, algorithm, private_key, created FROM signing_key ORDER BY created, kid";
    database.rows(SQL, &[], |cells| {
        Ok(SigningKey {
            kid: cells.text(0)?,
            algorithm: cells.text(1)?,
            private_key: cells.blob(2)?,
            created: moment(cells.integer(3)?),
        })
    })
}

/// Remembers a signing key; one whose `kid` is known already is left as it is.
///
/// # Errors
/// As [`signing_keys`].
pub fn signing_key_add(database: &dyn Database, key: &SigningKey) -> Result<(), Error> {
    const SQL: &str = "INSERT INTO signing_key (kid, algorithm, private_key, created) \
         VALUES (?1, ?2, ?3, ?4) ON CONFLICT (kid) DO NOTHING";
    let values = binds![
        &key.kid,
        &key.algorithm,
        key.private_key.as_slice(),
        seconds(key.created)
    ];
    database.execute(SQL, values)?;
    Ok(())
}

/// How many assertions that have ended are forgotten with each that is noted: more than one, so that they
/// become fewer.
const FORGOTTEN: i64 = 8;

/// For how many seconds an assertion is kept beyond its end: another server's clock may be behind.
const SKEW: i64 = 600;

/// Notes that an assertion was used; whether it is the first time. In one transaction.
///
/// # Errors
/// As [`signing_keys`].
pub fn assertion_use(
    database: &dyn Database,
    hash: &[u8; 32],
    now: SystemTime,
    end: SystemTime,
) -> Result<bool, Error> {
    const FORGET: &str = "DELETE FROM used_assertion WHERE hash IN \
         (SELECT hash FROM used_assertion WHERE expires < ?1 ORDER BY expires LIMIT ?2)";
    const NOTE: &str = "INSERT INTO used_assertion (hash, expires) VALUES (?1, ?2) \
         ON CONFLICT (hash) DO NOTHING";
    database.execute(FORGET, binds![seconds(now).saturating_sub(SKEW), FORGOTTEN])?;
    // Up to the end of the second in which it ends.
    let end = seconds(end).saturating_add(1);
    Ok(database.execute(NOTE, binds![hash.as_slice(), end])? == 1)
}

/// The application `client_id` of a tenant.
///
/// # Errors
/// As [`signing_keys`].
pub fn application_get(
    database: &dyn Database,
    tenant_id: &str,
    client_id: &str,
) -> Result<Option<Application>, Error> {
    const SQL: &str = "SELECT tenant_id, client_id, display_name, permissions, device_id \
         FROM application WHERE tenant_id = ?1 AND client_id = ?2";
    let found = database.first(SQL, binds![tenant_id, client_id], application_row)?;
    let Some((mut application, permissions)) = found else {
        return Ok(None);
    };
    application_complete(database, &mut application, &permissions)?;
    Ok(Some(application))
}

/// Remembers an application. Writes several rows: the caller wraps it in a transaction.
///
/// # Errors
/// As [`signing_keys`]; also [`Error::Internal`] when the tenant has this client id already.
pub fn application_add(database: &dyn Database, application: &Application) -> Result<(), Error> {
    let Application {
        tenant_id,
        client_id,
        display_name,
        permissions,
        secrets,
        public_keys,
        device_id,
    } = application;
    const APPLICATION: &str = "INSERT INTO application \
         (tenant_id, client_id, display_name, permissions, device_id) \
         VALUES (?1, ?2, ?3, ?4, ?5)";
    const SECRET: &str = "INSERT INTO application_secret (tenant_id, client_id, hash, expires) \
         VALUES (?1, ?2, ?3, ?4)";
    const KEY: &str = "INSERT INTO application_key (tenant_id, client_id, kid, jwk) \
         VALUES (?1, ?2, ?3, ?4)";
    let permissions =
        serde_json::to_string(permissions).map_err(|error| internal(error.to_string()))?;
    let values = binds![
        tenant_id,
        client_id,
        display_name,
        &permissions,
        device_id.as_deref()
    ];
    database.execute(APPLICATION, values)?;
    for secret in secrets {
        let expires = secret.expires.map(seconds);
        let values = binds![tenant_id, client_id, secret.hash.as_slice(), expires];
        database.execute(SECRET, values)?;
    }
    for key in public_keys {
        let values = binds![tenant_id, client_id, &key.kid, &key.jwk];
        database.execute(KEY, values)?;
    }
    Ok(())
}

/// The applications of a tenant that are no devices, by display name and then client id.
///
/// # Errors
/// As [`signing_keys`].
pub fn application_list(
    database: &dyn Database,
    tenant_id: &str,
) -> Result<Vec<Application>, Error> {
    const SQL: &str = "SELECT tenant_id, client_id, display_name, permissions, device_id \
         FROM application WHERE tenant_id = ?1 AND device_id IS NULL \
         ORDER BY display_name, client_id";
    let found = database.rows(SQL, binds![tenant_id], application_row)?;
    found
        .into_iter()
        .map(|(mut application, permissions)| {
            application_complete(database, &mut application, &permissions)?;
            Ok(application)
        })
        .collect()
}

/// Forgets an application with its secrets and keys, and tells whether there was one. Writes
/// several rows: the caller wraps it in a transaction.
///
/// # Errors
/// As [`signing_keys`].
pub fn application_delete(
    database: &dyn Database,
    tenant_id: &str,
    client_id: &str,
) -> Result<bool, Error> {
    // Deleted one by one, so that the result doesn't hang on the database's `foreign_keys`.
    let mut deleted = 0;
    for sql in [
        "DELETE FROM application_secret WHERE tenant_id = ?1 AND client_id = ?2",
        "DELETE FROM application_key WHERE tenant_id = ?1 AND client_id = ?2",
        "DELETE FROM application WHERE tenant_id = ?1 AND client_id = ?2",
    ] {
        deleted = database.execute(sql, binds![tenant_id, client_id])?;
    }
    subscription::forget_application(database, tenant_id, client_id)?;
    Ok(deleted == 1)
}

/// The row of an application, and the JSON of its permissions.
fn application_row(cells: &mut Cells) -> Result<(Application, String), Error> {
    let application = Application {
        tenant_id: cells.text(0)?,
        client_id: cells.text(1)?,
        display_name: cells.text(2)?,
        permissions: Vec::new(),
        secrets: Vec::new(),
        public_keys: Vec::new(),
        device_id: cells.optional_text(4)?,
    };
    Ok((application, cells.text(3)?))
}

/// Fills in what an application's own row doesn't hold.
fn application_complete(
    database: &dyn Database,
    application: &mut Application,
    permissions: &str,
) -> Result<(), Error> {
    const SECRETS: &str = "SELECT hash, expires FROM application_secret \
         WHERE tenant_id = ?1 AND client_id = ?2 ORDER BY hash";
    const KEYS: &str = "SELECT kid, jwk FROM application_key \
         WHERE tenant_id = ?1 AND client_id = ?2 ORDER BY kid";
    application.permissions = serde_json::from_str(permissions)
        .map_err(|error| internal(format!("permissions of an application: {error}")))?;
    let key = binds![&application.tenant_id, &application.client_id];
    let secrets = database.rows(SECRETS, key, |cells| {
        let hash = <[u8; 32]>::try_from(cells.blob(0)?);
        Ok(HashedSecret {
            hash: hash.map_err(|_| internal("a hash that is none of SHA-256"))?,
            expires: cells.optional_integer(1)?.map(moment),
        })
    })?;
    let public_keys = database.rows(KEYS, key, |cells| {
        Ok(ApplicationKey {
            kid: cells.text(0)?,
            jwk: cells.text(1)?,
        })
    })?;
    (application.secrets, application.public_keys) = (secrets, public_keys);
    Ok(())
}

/// Whole seconds since 1970. A moment before that, which nothing here makes, becomes 0.
pub(crate) fn seconds(moment: SystemTime) -> i64 {
    let since = moment.duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}

/// The moment that [`seconds`] wrote.
fn moment(seconds: i64) -> SystemTime {
    let since = Duration::from_secs(u64::try_from(seconds).unwrap_or(0));
    UNIX_EPOCH.checked_add(since).unwrap_or(UNIX_EPOCH)
}
