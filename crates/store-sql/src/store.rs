//! The interface, function by function: what runs where.

use std::{sync::Arc, time::SystemTime};

use async_trait::async_trait;
use runstate_graph::{
    clock::Clock,
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
    audit::acts,
    change,
    change_writer::ChangeWriter,
    device, issuer, notice, outcome,
    read::{self, Paging},
};

/// The store over a backend.
pub struct SqlStore<B> {
    pub(crate) backend: Arc<B>,
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

    /// The way in for whatever has consequences for devices.
    pub(crate) fn changing(&self) -> Result<&ChangeWriter<B>, Error> {
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
        let (on_behalf, path, query) = (permit.clone(), path.clone(), query.clone());
        let paging = self.paging(page_size);
        let read = move |database: &dyn Database| {
            read::list(
                database,
                &on_behalf,
                &path,
                &query,
                paging,
                waiting.as_deref(),
            )
        };
        self.backend.read(Some(permit.tenant_id()), read).await
    }

    async fn entity_count(
        &self,
        permit: &Permit,
        path: &ResourcePath,
        query: &Query,
    ) -> Result<u64, Error> {
        let waiting = self.backend.settle(path, query, true).await?;
        let (on_behalf, path, query) = (permit.clone(), path.clone(), query.clone());
        let read = move |database: &dyn Database| {
            read::count(database, &on_behalf, &path, &query, waiting.as_deref())
        };
        self.backend.read(Some(permit.tenant_id()), read).await
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
        let (on_behalf, path, query) = (permit.clone(), path.clone(), query.clone());
        let read = move |database: &dyn Database| {
            if path.ty() == Some(&RUN_SUMMARY) {
                read::run_summary(
                    database,
                    &on_behalf,
                    &path,
                    &query,
                    paging,
                    waiting.as_deref(),
                )
            } else {
                read::get(database, &on_behalf, &path, &query, paging)
            }
        };
        self.backend.read(Some(permit.tenant_id()), read).await
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
                acts::create(database, clock, &on_behalf, &path, entity.clone(), effect)
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
                acts::update(
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
                acts::delete(database, clock, &on_behalf, &path, &precondition, effect)
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
        let (on_behalf, path, id) = (permit.clone(), path.clone(), run_request_id.to_owned());
        let clock = self.backend.clock();
        let start = move |database: &dyn Database| {
            acts::run_request_start(database, &*clock, &on_behalf, &path, &id)
        };
        self.backend.write(Some(permit.tenant_id()), start).await
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
            .write(permit, move |database, clock, effect| {
                let asked = (request.clone(), &states);
                acts::run_request_create(database, clock, &on_behalf, &path, asked, effect)
            })
            .await
    }

    async fn run_request_cancel(&self, permit: &Permit, path: &ResourcePath) -> Result<(), Error> {
        let (on_behalf, path) = (permit.clone(), path.clone());
        self.changing()?
            .write(permit, move |database, clock, effect| {
                acts::run_request_cancel(database, clock, &on_behalf, &path, effect)
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
                acts::roll_back(database, clock, &on_behalf, &path, number, effect)
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
        let (on_behalf, device_id) = (permit.clone(), device_id.to_owned());
        let seen = seen.to_owned();
        let read =
            move |database: &dyn Database| device::scripts(database, &on_behalf, &device_id, &seen);
        self.backend.read(Some(permit.tenant_id()), read).await
    }

    async fn device_script(
        &self,
        permit: &Permit,
        device_id: &str,
        script_id: &str,
    ) -> Result<Record, Error> {
        self.backend.admit()?;
        let (on_behalf, device_id) = (permit.clone(), device_id.to_owned());
        let script_id = script_id.to_owned();
        let read = move |database: &dyn Database| {
            device::script(database, &on_behalf, &device_id, &script_id)
        };
        self.backend.read(Some(permit.tenant_id()), read).await
    }

    async fn device_seen(&self, permit: &Permit, device_id: &str) -> Result<(), Error> {
        let (tenant_id, device_id) = (permit.tenant_id().to_owned(), device_id.to_owned());
        let (backend, clock) = (Arc::clone(&self.backend), self.backend.clock());
        tokio::spawn(async move {
            let tenant = tenant_id.clone();
            let seen = move |database: &dyn Database| {
                device::seen(database, &*clock, &tenant_id, &device_id)
            };
            // Under a load that leaves no room for it, a later one will do.
            let _ = backend.write_apart(Some(&tenant), seen).await;
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
                acts::retire(database, clock, &on_behalf, &path, effect)
            })
            .await
    }

    fn changes(&self) -> broadcast::Receiver<Change> {
        self.backend.changes()
    }

    async fn maintain(&self, runs_before: SystemTime) -> Result<(), Error> {
        let changing = self.changing()?;
        let tenants = self.backend.read(None, change::tenants).await?;
        for tenant_id in tenants {
            // Looked at first, so that a tenant for which nothing waits costs no write.
            let tenant = tenant_id.clone();
            let waits = move |database: &dyn Database| change::waits(database, &tenant);
            if self.backend.read(Some(&tenant_id), waits).await? {
                changing.settle(&tenant_id).await?;
            }
        }
        self.backend.write_apart(None, notice::sweep).await?;
        let before = DateTimeOffset::from_system_time(runs_before).ticks();
        let expire = move |database: &dyn Database| outcome::expire(database, before);
        self.backend.write_apart(None, expire).await?;
        self.backend.expire(before).await
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
            .write(permit, move |database, clock, effect| {
                let new = (assignments.as_slice(), group_assignments.as_slice());
                acts::assign(database, clock, &on_behalf, &path, new, effect)
            })
            .await
    }

    async fn script_payload_links(
        &self,
        permit: &Permit,
        payload_ids: Vec<String>,
    ) -> Result<Vec<PayloadLink>, Error> {
        self.backend.admit()?;
        let on_behalf = permit.clone();
        let read =
            move |database: &dyn Database| read::payload_links(database, &on_behalf, payload_ids);
        self.backend.read(Some(permit.tenant_id()), read).await
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
                acts::member_add(database, clock, &on_behalf, &path, &id, effect)
            })
            .await
    }

    async fn group_member_remove(&self, permit: &Permit, path: &ResourcePath) -> Result<(), Error> {
        let (on_behalf, path) = (permit.clone(), path.clone());
        self.changing()?
            .write(permit, move |database, clock, effect| {
                acts::member_remove(database, clock, &on_behalf, &path, effect)
            })
            .await
    }

    async fn ready(&self) -> Result<(), Error> {
        let probe = |database: &dyn Database| {
            database.query("SELECT count(*) FROM secret", &[])?;
            Ok(())
        };
        self.backend.read(None, probe).await?;
        self.backend.check()?;
        // A transaction that writes nothing is not synced, but it needs all that a write needs.
        self.backend.write_apart(None, probe).await
    }
}

#[async_trait]
impl<B: Backend> IssuerStore for SqlStore<B> {
    async fn signing_keys(&self) -> Result<Vec<SigningKey>, Error> {
        self.backend.read(None, issuer::signing_keys).await
    }

    async fn signing_key_add(&self, key: SigningKey) -> Result<(), Error> {
        let write = move |database: &dyn Database| issuer::signing_key_add(database, &key);
        self.backend.write_apart(None, write).await
    }

    async fn application_get(
        &self,
        tenant_id: &str,
        client_id: &str,
    ) -> Result<Option<Application>, Error> {
        let (tenant, client_id) = (tenant_id.to_owned(), client_id.to_owned());
        let read =
            move |database: &dyn Database| issuer::application_get(database, &tenant, &client_id);
        self.backend.read(Some(tenant_id), read).await
    }

    async fn application_add(&self, application: Application) -> Result<(), Error> {
        let (clock, tenant_id) = (self.backend.clock(), application.tenant_id.clone());
        let write =
            move |database: &dyn Database| acts::application_add(database, &*clock, &application);
        self.backend.write_apart(Some(&tenant_id), write).await
    }

    async fn application_list(&self, tenant_id: &str) -> Result<Vec<Application>, Error> {
        let tenant = tenant_id.to_owned();
        let read = move |database: &dyn Database| issuer::application_list(database, &tenant);
        self.backend.read(Some(tenant_id), read).await
    }

    async fn device_enroll(&self, enrollment: Enrollment) -> Result<Enrolled, Error> {
        let changing = self.changing()?;
        let hash = enrollment.token_hash;
        let find = move |database: &dyn Database| device::tenant_of_token(database, &hash);
        let tenant_id = self.backend.read(None, find).await?;
        let enroll =
            move |database: &dyn Database, clock: &dyn Clock, effect: &mut change::Effect| {
                device::enroll(database, clock, &enrollment, effect)
            };
        changing.write_of(&tenant_id, enroll).await
    }

    async fn assertion_use(
        &self,
        hash: [u8; 32],
        now: SystemTime,
        end: SystemTime,
    ) -> Result<bool, Error> {
        let write = move |database: &dyn Database| issuer::assertion_use(database, &hash, now, end);
        self.backend.write_apart(None, write).await
    }

    async fn application_delete(&self, tenant_id: &str, client_id: &str) -> Result<bool, Error> {
        let (tenant, client_id) = (tenant_id.to_owned(), client_id.to_owned());
        let clock = self.backend.clock();
        let write = move |database: &dyn Database| {
            acts::application_delete(database, &*clock, &tenant, &client_id)
        };
        self.backend.write_apart(Some(tenant_id), write).await
    }
}

/// How many entities an expansion shows of each parent, where no page size is given.
const EXPANSION: u32 = 1_000;
