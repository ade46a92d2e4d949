//! The rows behind [`ConsoleStore`].

use std::time::SystemTime;

use async_trait::async_trait;
use runstate_store::{
    Error,
    console::{Access, ConsoleStore, Person},
};

use crate::{
    Backend, Cells, Database, SqlStore,
    cells::{CellsExt as _, binds},
    error::internal,
    issuer::seconds,
};

/// How many that have ended are forgotten with each that is added: more than one, so that they become
/// fewer.
const FORGOTTEN: i64 = 8;

const LINK_ADD: &str = "INSERT INTO console_link \
     (tenant_id, hash, expires, user_id, display_name, permissions) VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
const LINK_GET: &str = "SELECT user_id, display_name, permissions FROM console_link \
     WHERE tenant_id = ?1 AND hash = ?2 AND expires > ?3";
const LINK_END: &str = "DELETE FROM console_link WHERE tenant_id = ?1 AND hash = ?2";
const LINK_FORGET: &str = "DELETE FROM console_link WHERE tenant_id = ?1 AND hash IN (SELECT hash \
     FROM console_link WHERE tenant_id = ?1 AND expires <= ?2 ORDER BY expires LIMIT ?3)";
const SESSION_ADD: &str = "INSERT INTO console_session \
     (tenant_id, hash, expires, user_id, display_name, permissions) VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
const SESSION_GET: &str = "SELECT user_id, display_name, permissions FROM console_session \
     WHERE tenant_id = ?1 AND hash = ?2 AND expires > ?3";
const SESSION_END: &str = "DELETE FROM console_session WHERE tenant_id = ?1 AND hash = ?2";
const SESSION_FORGET: &str = "DELETE FROM console_session WHERE tenant_id = ?1 AND hash IN \
     (SELECT hash FROM console_session WHERE tenant_id = ?1 AND expires <= ?2 \
      ORDER BY expires LIMIT ?3)";

/// Adds a row of either table, and forgets some that have ended.
fn add(
    database: &dyn Database,
    [add, forget]: [&str; 2],
    access: &Access,
    now: SystemTime,
) -> Result<(), Error> {
    let Access {
        hash,
        person,
        expires,
    } = access;
    let tenant_id = &person.tenant_id;
    database.execute(forget, binds![tenant_id, seconds(now), FORGOTTEN])?;
    let permissions =
        serde_json::to_string(&person.permissions).map_err(|error| internal(error.to_string()))?;
    let values = binds![
        tenant_id,
        hash.as_slice(),
        seconds(*expires),
        &person.user_id,
        &person.display_name,
        &permissions
    ];
    database.execute(add, values)?;
    Ok(())
}

fn get(
    database: &dyn Database,
    sql: &str,
    tenant_id: &str,
    hash: &[u8; 32],
    now: SystemTime,
) -> Result<Option<Person>, Error> {
    let person = |cells: &mut Cells| {
        let permissions = serde_json::from_str(&cells.text(2)?);
        Ok(Person {
            tenant_id: tenant_id.to_owned(),
            user_id: cells.text(0)?,
            display_name: cells.text(1)?,
            permissions: permissions
                .map_err(|error| internal(format!("permissions of a session: {error}")))?,
        })
    };
    let values = binds![tenant_id, hash.as_slice(), seconds(now)];
    database.first(sql, values, person)
}

#[async_trait]
impl<B: Backend> ConsoleStore for SqlStore<B> {
    async fn console_link_add(&self, link: Access, now: SystemTime) -> Result<(), Error> {
        let tenant_id = link.person.tenant_id.clone();
        let write =
            move |database: &dyn Database| add(database, [LINK_ADD, LINK_FORGET], &link, now);
        self.backend.write_apart(Some(&tenant_id), write).await
    }

    async fn console_link_get(
        &self,
        tenant_id: &str,
        hash: [u8; 32],
        now: SystemTime,
    ) -> Result<Option<Person>, Error> {
        let tenant = tenant_id.to_owned();
        let read = move |database: &dyn Database| get(database, LINK_GET, &tenant, &hash, now);
        self.backend.read(Some(tenant_id), read).await
    }

    async fn console_link_use(
        &self,
        tenant_id: &str,
        hash: [u8; 32],
        now: SystemTime,
    ) -> Result<Option<Person>, Error> {
        let tenant = tenant_id.to_owned();
        let write = move |database: &dyn Database| {
            let person = get(database, LINK_GET, &tenant, &hash, now)?;
            // Whoever deletes the row has used the link; two at once cannot both.
            let deleted = database.execute(LINK_END, binds![&tenant, hash.as_slice()])?;
            Ok(person.filter(|_| deleted == 1))
        };
        self.backend.write_apart(Some(tenant_id), write).await
    }

    async fn console_session_add(&self, session: Access, now: SystemTime) -> Result<(), Error> {
        let tenant_id = session.person.tenant_id.clone();
        let write = move |database: &dyn Database| {
            add(database, [SESSION_ADD, SESSION_FORGET], &session, now)
        };
        self.backend.write_apart(Some(&tenant_id), write).await
    }

    async fn console_session_get(
        &self,
        tenant_id: &str,
        hash: [u8; 32],
        now: SystemTime,
    ) -> Result<Option<Person>, Error> {
        let tenant = tenant_id.to_owned();
        let read = move |database: &dyn Database| get(database, SESSION_GET, &tenant, &hash, now);
        self.backend.read(Some(tenant_id), read).await
    }

    async fn console_session_end(&self, tenant_id: &str, hash: [u8; 32]) -> Result<(), Error> {
        let tenant = tenant_id.to_owned();
        let write = move |database: &dyn Database| {
            database.execute(SESSION_END, binds![&tenant, hash.as_slice()])?;
            Ok(())
        };
        self.backend.write_apart(Some(tenant_id), write).await
    }
}
