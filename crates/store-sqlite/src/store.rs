//! The interface, function by function: what runs where.

use std::{path::Path, sync::Arc};

use async_trait::async_trait;
use runstate_graph::{clock::Clock, entity::DEVICE_MANAGEMENT_SCRIPT, permit::Permit};
use runstate_odata::{
    check::{Query, ResourcePath},
    edm::Record,
};
use runstate_store::issuer::{Application, IssuerStore, SigningKey};
use runstate_store::{Changes, Error, NewEntity, Page, PayloadLink, Precondition, Row, Store};
use rusqlite::{Connection, params};

use crate::{
    OpenError, connection,
    error::store_error,
    group, issuer,
    read::{self, Paging},
    readers::Readers,
    write,
    writer::Writer,
};

/// The store in one SQLite file.
///
/// Several processes may use one file at a time. Dropping the store waits until all that was
/// accepted is written.
pub struct SqliteStore {
    readers: Readers,
    writer: Writer,
    clock: Arc<dyn Clock>,
    skip_token_key: [u8; 32],
}

impl SqliteStore {
    /// Opens the file at `path`, creates it where there is none (mode 0600), and brings its schema
    /// to the newest version. `clock` dates the journal's entries.
    ///
    /// Blocks; to be called before serving. The store's futures need a tokio runtime with its timers
    /// enabled.
    ///
    /// # Errors
    ///
    /// Where the file is not ours, or of a newer release, or cannot be opened.
    pub fn open(path: impl AsRef<Path>, clock: Arc<dyn Clock>) -> Result<Self, OpenError> {
        let path = path.as_ref();
        let connection = connection::open_writer(path)?;
        let skip_token_key = connection::skip_token_key(&connection)?;
        let readers = Readers::open(path)?;
        let writer = Writer::start(connection).map_err(|error| OpenError::Io {
            file: path.to_owned(),
            error,
        })?;
        Ok(Self {
            readers,
            writer,
            clock,
            skip_token_key,
        })
    }
}

#[async_trait]
impl Store for SqliteStore {
    async fn entity_list(
        &self,
        permit: &Permit,
        path: &ResourcePath,
        query: &Query,
        page_size: u32,
    ) -> Result<Page, Error> {
        let (permit, path, query) = (permit.clone(), path.clone(), query.clone());
        let token_key = self.skip_token_key;
        let read = move |connection: &Connection| {
            let paging = Paging {
                page_size,
                token_key: &token_key,
            };
            read::list(connection, &permit, &path, &query, paging)
        };
        self.readers.read(read).await
    }

    async fn entity_count(
        &self,
        permit: &Permit,
        path: &ResourcePath,
        query: &Query,
    ) -> Result<u64, Error> {
        let (permit, path, query) = (permit.clone(), path.clone(), query.clone());
        self.readers
            .read(move |connection| read::count(connection, &permit, &path, &query))
            .await
    }

    async fn entity_get(
        &self,
        permit: &Permit,
        path: &ResourcePath,
        query: &Query,
    ) -> Result<Row, Error> {
        let (permit, path, query) = (permit.clone(), path.clone(), query.clone());
        let token_key = self.skip_token_key;
        let read = move |connection: &Connection| {
            let paging = Paging {
                page_size: EXPANSION,
                token_key: &token_key,
            };
            read::get(connection, &permit, &path, &query, paging)
        };
        self.readers.read(read).await
    }

    async fn entity_create(
        &self,
        permit: &Permit,
        path: &ResourcePath,
        entity: NewEntity,
    ) -> Result<Row, Error> {
        let (permit, path, clock) = (permit.clone(), path.clone(), Arc::clone(&self.clock));
        let write = move |connection: &Connection| {
            write::create(connection, &*clock, &permit, &path, entity)
        };
        self.writer.write(write).await
    }

    async fn entity_update(
        &self,
        permit: &Permit,
        path: &ResourcePath,
        changes: Changes,
        precondition: Precondition,
    ) -> Result<Row, Error> {
        let (permit, path, clock) = (permit.clone(), path.clone(), Arc::clone(&self.clock));
        let write = move |connection: &Connection| {
            write::update(connection, &*clock, &permit, &path, changes, &precondition)
        };
        self.writer.write(write).await
    }

    async fn entity_delete(
        &self,
        permit: &Permit,
        path: &ResourcePath,
        precondition: Precondition,
    ) -> Result<(), Error> {
        let (permit, path) = (permit.clone(), path.clone());
        let write =
            move |connection: &Connection| write::delete(connection, &permit, &path, &precondition);
        self.writer.write(write).await
    }

    async fn script_assign(
        &self,
        permit: &Permit,
        path: &ResourcePath,
        assignments: Vec<Record>,
        group_assignments: Vec<Record>,
    ) -> Result<(), Error> {
        let (permit, path) = (permit.clone(), path.clone());
        let write = move |connection: &Connection| {
            write::assign(connection, &permit, &path, &assignments, &group_assignments)
        };
        self.writer.write(write).await
    }

    async fn script_payload_links(
        &self,
        permit: &Permit,
        payload_ids: Vec<String>,
    ) -> Result<Vec<PayloadLink>, Error> {
        let permit = permit.clone();
        let read = move |connection: &Connection| payload_links(connection, &permit, payload_ids);
        self.readers.read(read).await
    }

    async fn group_member_add(
        &self,
        permit: &Permit,
        path: &ResourcePath,
        object_id: &str,
    ) -> Result<(), Error> {
        let (permit, path, id) = (permit.clone(), path.clone(), object_id.to_owned());
        let write =
            move |connection: &Connection| group::member_add(connection, &permit, &path, &id);
        self.writer.write(write).await
    }

    async fn group_member_remove(&self, permit: &Permit, path: &ResourcePath) -> Result<(), Error> {
        let (permit, path) = (permit.clone(), path.clone());
        let write = move |connection: &Connection| group::member_remove(connection, &permit, &path);
        self.writer.write(write).await
    }

    async fn ready(&self) -> Result<(), Error> {
        let probe = |connection: &Connection| {
            connection
                .query_row("SELECT count(*) FROM secret", [], |_| Ok(()))
                .map_err(store_error)
        };
        self.readers.read(probe).await?;
        // A transaction that writes nothing is not synced, but it needs all that a write needs.
        self.writer.write(probe).await
    }
}

#[async_trait]
impl IssuerStore for SqliteStore {
    async fn signing_keys(&self) -> Result<Vec<SigningKey>, Error> {
        self.readers.read(issuer::signing_keys).await
    }

    async fn signing_key_add(&self, key: SigningKey) -> Result<(), Error> {
        self.writer
            .write(move |connection| issuer::signing_key_add(connection, &key))
            .await
    }

    async fn application_get(
        &self,
        tenant_id: &str,
        client_id: &str,
    ) -> Result<Option<Application>, Error> {
        let (tenant_id, client_id) = (tenant_id.to_owned(), client_id.to_owned());
        let read = move |connection: &Connection| {
            issuer::application_get(connection, &tenant_id, &client_id)
        };
        self.readers.read(read).await
    }

    async fn application_add(&self, application: Application) -> Result<(), Error> {
        let write =
            move |connection: &Connection| issuer::application_add(connection, &application);
        self.writer.write(write).await
    }

    async fn application_list(&self, tenant_id: &str) -> Result<Vec<Application>, Error> {
        let tenant_id = tenant_id.to_owned();
        let read = move |connection: &Connection| issuer::application_list(connection, &tenant_id);
        self.readers.read(read).await
    }

    async fn application_delete(&self, tenant_id: &str, client_id: &str) -> Result<bool, Error> {
        let (tenant_id, client_id) = (tenant_id.to_owned(), client_id.to_owned());
        let write = move |connection: &Connection| {
            issuer::application_delete(connection, &tenant_id, &client_id)
        };
        self.writer.write(write).await
    }
}

/// How many entities an expansion shows of each parent, where no page size is given.
const EXPANSION: u32 = 1_000;

/// Whether PowerShell scripts of these ids have assignments of either form.
fn payload_links(
    connection: &Connection,
    permit: &Permit,
    payload_ids: Vec<String>,
) -> Result<Vec<PayloadLink>, Error> {
    const SQL: &str = "SELECT EXISTS (SELECT 1 FROM script AS s \
         WHERE s.tenant_id = ? AND s.kind = ? AND s.id = ? \
         AND (EXISTS (SELECT 1 FROM assignment WHERE script_pk = s.pk) \
              OR EXISTS (SELECT 1 FROM group_assignment WHERE script_pk = s.pk)))";
    // A device sees run states alone; to it no script is there.
    let kind = permit
        .device_id()
        .is_none()
        .then_some(DEVICE_MANAGEMENT_SCRIPT.name);
    let mut statement = connection.prepare_cached(SQL).map_err(store_error)?;
    let mut link = |payload_id: String| {
        let key = params![permit.tenant_id(), kind, payload_id];
        let has_link = statement
            .query_row(key, |row| row.get(0))
            .map_err(store_error)?;
        Ok(PayloadLink {
            payload_id,
            has_link,
        })
    };
    payload_ids.into_iter().map(&mut link).collect()
}
