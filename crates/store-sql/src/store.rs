//! The interface, function by function: what runs where.

use std::{sync::Arc, time::SystemTime};

use async_trait::async_trait;
use runstate_graph::{
    entity::{DEVICE_STATE, RUN_SUMMARY},
    permit::Permit,
};
use runstate_odata::{
    check::{Query, ResourcePath},
    edm::{DateTimeOffset, Record},
};
use runstate_store::issuer::{Application, Enrolled, Enrollment, IssuerStore, SigningKey};
use runstate_store::{
    AssignedScripts, Change, Changes, Error, NewEntity, Page, PayloadLink, Precondition, Row, Store,
};
use tokio::sync::broadcast;

use crate::{
    Backend, Database,
    cells::binds,
    change,
    change_writer::ChangeWriter,
    device, group, issuer, outcome,
    path::{self, Found},
    read::{self, Paging},
    run_request, script_version, write,
};

/// The store over a backend.
pub struct SqlStore<B> {
    backend: Arc<B>,
    changing: ChangeWriter<B>,
}

impl<B: Backend> SqlStore<B> {
    /// The store over that backend.
    pub fn new(backend: B) -> Self {
        let backend = Arc::new(backend);
        Self {
            changing: ChangeWriter::new(Arc::clone(&backend)),
            backend,
        }
    }

    /// What runs the statements of a topic that is in a file of its own.
    pub(crate) fn backend(&self) -> &B {
        &self.backend
    }

    /// The way in for whatever has consequences for devices.
    fn changing(&self) -> Result<&ChangeWriter<B>, Error> {
        self.backend.admit()?;
        Ok(&self.changing)
    }

    fn paging(&self, page_size: u32) -> Paging {
        Paging {
            page_size,
            token_key: self.backend.token_key(),
        }
    }
}

/// How many runs are removed from the history at once.
const EXPIRED: i64 = 1_000;

#[async_trait]
impl<B: Backend> Store for SqlStore<B> {
    async fn entity_list(
        &self,
        permit: &Permit,
        path: &ResourcePath,
        query: &Query,
        page_size: u32,
    ) -> Result<Page, Error> {
        let waiting = self.backend.settle(path, query, query.count).await?;
        let (permit, path, query) = (permit.clone(), path.clone(), query.clone());
        let paging = self.paging(page_size);
        let read = move |database: &dyn Database| {
            read::list(database, &permit, &path, &query, paging, waiting.as_deref())
        };
        self.backend.read(read).await
    }

    async fn entity_count(
        &self,
        permit: &Permit,
        path: &ResourcePath,
        query: &Query,
    ) -> Result<u64, Error> {
        let waiting = self.backend.settle(path, query, true).await?;
        let (permit, path, query) = (permit.clone(), path.clone(), query.clone());
        self.backend
            .read(move |database| read::count(database, &permit, &path, &query, waiting.as_deref()))
            .await
    }

    async fn entity_get(
        &self,
        permit: &Permit,
        path: &ResourcePath,
        query: &Query,
    ) -> Result<Row, Error> {
        let waiting = self.backend.settle(path, query, query.count).await?;
        let paging = self.paging(EXPANSION);
        if path.ty() == Some(&DEVICE_STATE) {
            let get = self.backend.run_state_get(permit, path, query, paging);
            return get.await;
        }
        let (permit, path, query) = (permit.clone(), path.clone(), query.clone());
        let read = move |database: &dyn Database| {
            if path.ty() == Some(&RUN_SUMMARY) {
                read::run_summary(database, &permit, &path, &query, paging, waiting.as_deref())
            } else {
                read::get(database, &permit, &path, &query, paging)
            }
        };
        self.backend.read(read).await
    }

    async fn entity_create(
        &self,
        permit: &Permit,
        path: &ResourcePath,
        entity: NewEntity,
    ) -> Result<Row, Error> {
        let (on_behalf, path) = (permit.clone(), path.clone());
        self.changing()?
            .write(permit, move |database, clock, effect| {
                write::create(database, clock, &on_behalf, &path, entity.clone(), effect)
            })
            .await
    }

    async fn entity_update(
        &self,
        permit: &Permit,
        path: &ResourcePath,
        changes: Changes,
        precondition: Precondition,
    ) -> Result<Row, Error> {
        if path.ty() == Some(&DEVICE_STATE) {
            let report = self.run_state_report(permit, path, changes, None, precondition);
            return report.await;
        }
        let (on_behalf, path) = (permit.clone(), path.clone());
        self.changing()?
            .write(permit, move |database, clock, effect| {
                write::update(
                    database,
                    clock,
                    &on_behalf,
                    &path,
                    changes.clone(),
                    &precondition,
                    effect,
                )
            })
            .await
    }

    async fn entity_delete(
        &self,
        permit: &Permit,
        path: &ResourcePath,
        precondition: Precondition,
    ) -> Result<(), Error> {
        let (on_behalf, path) = (permit.clone(), path.clone());
        self.changing()?
            .write(permit, move |database, clock, effect| {
                write::delete(database, clock, &on_behalf, &path, &precondition, effect)
            })
            .await
    }

    async fn run_state_report(
        &self,
        permit: &Permit,
        path: &ResourcePath,
        changes: Changes,
        run: Option<Record>,
        precondition: Precondition,
    ) -> Result<Row, Error> {
        self.backend
            .run_state_report(permit, path, changes, run, precondition)
            .await
    }

    async fn run_request_start(
        &self,
        permit: &Permit,
        path: &ResourcePath,
        run_request_id: &str,
    ) -> Result<(), Error> {
        self.backend.admit()?;
        let (permit, path, id) = (permit.clone(), path.clone(), run_request_id.to_owned());
        self.backend
            .write(move |database| run_request::start(database, &permit, &path, &id))
            .await
    }

    async fn run_request_create(
        &self,
        permit: &Permit,
        path: &ResourcePath,
        request: Record,
        states: &Query,
    ) -> Result<Row, Error> {
        let (on_behalf, path, states) = (permit.clone(), path.clone(), states.clone());
        self.changing()?
            .write(permit, move |database, _, effect| {
                run_request::create(
                    database,
                    &on_behalf,
                    &path,
                    request.clone(),
                    &states,
                    effect,
                )
            })
            .await
    }

    async fn run_request_cancel(&self, permit: &Permit, path: &ResourcePath) -> Result<(), Error> {
        let (on_behalf, path) = (permit.clone(), path.clone());
        self.changing()?
            .write(permit, move |database, _, _| {
                run_request::cancel(database, &on_behalf, &path)
            })
            .await
    }

    async fn script_roll_back(
        &self,
        permit: &Permit,
        path: &ResourcePath,
        number: i32,
    ) -> Result<Row, Error> {
        let (on_behalf, path) = (permit.clone(), path.clone());
        self.changing()?
            .write(permit, move |database, clock, effect| {
                path::refuse_device(&on_behalf, &path)?;
                let end = path::resolve(database, path::viewer(&on_behalf), &path)?;
                let Found { pk, .. } = path::find(database, &end)?;
                change::of_script(database, on_behalf.tenant_id(), effect)?;
                script_version::roll_back(database, clock, pk, number)
            })
            .await
    }

    async fn device_scripts(
        &self,
        permit: &Permit,
        device_id: &str,
        seen: &[i64],
    ) -> Result<AssignedScripts, Error> {
        self.backend.admit()?;
        let (permit, device_id) = (permit.clone(), device_id.to_owned());
        let seen = seen.to_owned();
        let read =
            move |database: &dyn Database| device::scripts(database, &permit, &device_id, &seen);
        self.backend.read(read).await
    }

    async fn device_script(
        &self,
        permit: &Permit,
        device_id: &str,
        script_id: &str,
    ) -> Result<Record, Error> {
        self.backend.admit()?;
        let (permit, device_id) = (permit.clone(), device_id.to_owned());
        let script_id = script_id.to_owned();
        let read = move |database: &dyn Database| {
            device::script(database, &permit, &device_id, &script_id)
        };
        self.backend.read(read).await
    }

    async fn device_seen(&self, permit: &Permit, device_id: &str) -> Result<(), Error> {
        let (tenant_id, device_id) = (permit.tenant_id().to_owned(), device_id.to_owned());
        let (backend, clock) = (Arc::clone(&self.backend), self.backend.clock());
        tokio::spawn(async move {
            let seen = move |database: &dyn Database| {
                device::seen(database, &*clock, &tenant_id, &device_id)
            };
            // Under a load that leaves no room for it, a later one will do.
            let _ = backend.write_apart(seen).await;
        });
        Ok(())
    }

    async fn device_inventory(
        &self,
        permit: &Permit,
        device_id: &str,
        facts: Changes,
        accounts: Vec<String>,
    ) -> Result<(), Error> {
        let (on_behalf, id) = (permit.clone(), device_id.to_owned());
        self.changing()?
            .write(permit, move |database, clock, effect| {
                device::inventory(database, clock, &on_behalf, &id, &facts, &accounts, effect)
            })
            .await
    }

    async fn device_retire(&self, permit: &Permit, path: &ResourcePath) -> Result<(), Error> {
        let (on_behalf, path) = (permit.clone(), path.clone());
        self.changing()?
            .write(permit, move |database, clock, effect| {
                device::retire(database, clock, &on_behalf, &path, effect)
            })
            .await
    }

    fn changes(&self) -> broadcast::Receiver<Change> {
        self.backend.changes()
    }

    async fn maintain(&self, runs_before: SystemTime) -> Result<(), Error> {
        self.changing()?.settle().await?;
        let before = DateTimeOffset::from_system_time(runs_before).ticks();
        let expire = move |database: &dyn Database| {
            database.execute(outcome::EXPIRE, binds![before])?;
            Ok(())
        };
        self.backend.write_apart(expire).await?;
        loop {
            let expire = move |database: &dyn Database| {
                // In the order of arrival, so that no index by date is needed.
                let sql = "DELETE FROM run WHERE received_date_time < ?1 \
                     AND pk IN (SELECT pk FROM run ORDER BY pk LIMIT ?2)";
                database.execute(sql, binds![before, EXPIRED])
            };
            let removed = self.backend.write_apart(expire).await?;
            if i64::try_from(removed).unwrap_or(i64::MAX) < EXPIRED {
                return Ok(());
            }
        }
    }

    async fn script_assign(
        &self,
        permit: &Permit,
        path: &ResourcePath,
        assignments: Vec<Record>,
        group_assignments: Vec<Record>,
    ) -> Result<(), Error> {
        let (on_behalf, path) = (permit.clone(), path.clone());
        self.changing()?
            .write(permit, move |database, _, effect| {
                write::assign(
                    database,
                    &on_behalf,
                    &path,
                    &assignments,
                    &group_assignments,
                    effect,
                )
            })
            .await
    }

    async fn script_payload_links(
        &self,
        permit: &Permit,
        payload_ids: Vec<String>,
    ) -> Result<Vec<PayloadLink>, Error> {
        self.backend.admit()?;
        let permit = permit.clone();
        let read =
            move |database: &dyn Database| read::payload_links(database, &permit, payload_ids);
        self.backend.read(read).await
    }

    async fn group_member_add(
        &self,
        permit: &Permit,
        path: &ResourcePath,
        object_id: &str,
    ) -> Result<(), Error> {
        let (on_behalf, path, id) = (permit.clone(), path.clone(), object_id.to_owned());
        self.changing()?
            .write(permit, move |database, clock, effect| {
                group::member_add(database, clock, &on_behalf, &path, &id, effect)
            })
            .await
    }

    async fn group_member_remove(&self, permit: &Permit, path: &ResourcePath) -> Result<(), Error> {
        let (on_behalf, path) = (permit.clone(), path.clone());
        self.changing()?
            .write(permit, move |database, clock, effect| {
                group::member_remove(database, clock, &on_behalf, &path, effect)
            })
            .await
    }

    async fn ready(&self) -> Result<(), Error> {
        let probe = |database: &dyn Database| {
            database.query("SELECT count(*) FROM secret", &[])?;
            Ok(())
        };
        self.backend.read(probe).await?;
        self.backend.check()?;
        // A transaction that writes nothing is not synced, but it needs all that a write needs.
        self.backend.write_apart(probe).await
    }
}

#[async_trait]
impl<B: Backend> IssuerStore for SqlStore<B> {
    async fn signing_keys(&self) -> Result<Vec<SigningKey>, Error> {
        self.backend.read(issuer::signing_keys).await
    }

    async fn signing_key_add(&self, key: SigningKey) -> Result<(), Error> {
        self.backend
            .write_apart(move |database| issuer::signing_key_add(database, &key))
            .await
    }

    async fn application_get(
        &self,
        tenant_id: &str,
        client_id: &str,
    ) -> Result<Option<Application>, Error> {
        let (tenant_id, client_id) = (tenant_id.to_owned(), client_id.to_owned());
        let read = move |database: &dyn Database| {
            issuer::application_get(database, &tenant_id, &client_id)
        };
        self.backend.read(read).await
    }

    async fn application_add(&self, application: Application) -> Result<(), Error> {
        let write = move |database: &dyn Database| issuer::application_add(database, &application);
        self.backend.write_apart(write).await
    }

    async fn application_list(&self, tenant_id: &str) -> Result<Vec<Application>, Error> {
        let tenant_id = tenant_id.to_owned();
        let read = move |database: &dyn Database| issuer::application_list(database, &tenant_id);
        self.backend.read(read).await
    }

    async fn device_enroll(&self, enrollment: Enrollment) -> Result<Enrolled, Error> {
        self.changing()?
            .write_in(move |database, clock, effect| {
                let enrolled = device::enroll(database, clock, &enrollment, effect)?;
                Ok((enrolled.tenant_id.clone(), enrolled))
            })
            .await
    }

    async fn assertion_use(
        &self,
        hash: [u8; 32],
        now: SystemTime,
        end: SystemTime,
    ) -> Result<bool, Error> {
        let write = move |database: &dyn Database| issuer::assertion_use(database, &hash, now, end);
        self.backend.write_apart(write).await
    }

    async fn application_delete(&self, tenant_id: &str, client_id: &str) -> Result<bool, Error> {
        let (tenant_id, client_id) = (tenant_id.to_owned(), client_id.to_owned());
        let write = move |database: &dyn Database| {
            issuer::application_delete(database, &tenant_id, &client_id)
        };
        self.backend.write_apart(write).await
    }
}

/// How many entities an expansion shows of each parent, where no page size is given.
const EXPANSION: u32 = 1_000;
