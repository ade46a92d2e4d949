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
use rusqlite::Connection;
use tokio::sync::broadcast;

use crate::{
    change, device,
    error::store_error,
    group, issuer,
    journal::{Report, Reported},
    open::SqliteStore,
    path::{self, Found},
    read::{self, Paging},
    readers, report, run_request, script_version, write,
};

/// How many runs are removed from the history at once.
const EXPIRED: i64 = 1_000;

#[async_trait]
impl Store for SqliteStore {
    async fn entity_list(
        &self,
        permit: &Permit,
        path: &ResourcePath,
        query: &Query,
        page_size: u32,
    ) -> Result<Page, Error> {
        let reports = self.settle(path, query, query.count).await?;
        let (permit, path, query) = (permit.clone(), path.clone(), query.clone());
        let token_key = self.skip_token_key;
        let read = move |connection: &Connection| {
            let paging = Paging {
                page_size,
                token_key: &token_key,
            };
            read::list(connection, &permit, &path, &query, paging, &reports)
        };
        self.readers.read(read).await
    }

    async fn entity_count(
        &self,
        permit: &Permit,
        path: &ResourcePath,
        query: &Query,
    ) -> Result<u64, Error> {
        let reports = self.settle(path, query, true).await?;
        let (permit, path, query) = (permit.clone(), path.clone(), query.clone());
        self.readers
            .read(move |connection| read::count(connection, &permit, &path, &query, &reports))
            .await
    }

    async fn entity_get(
        &self,
        permit: &Permit,
        path: &ResourcePath,
        query: &Query,
    ) -> Result<Row, Error> {
        let reports = self.settle(path, query, query.count).await?;
        let overlay = Arc::clone(&self.journal()?.overlay);
        let (permit, path, query) = (permit.clone(), path.clone(), query.clone());
        let token_key = self.skip_token_key;
        let read = move |connection: &Connection| {
            let paging = Paging {
                page_size: EXPANSION,
                token_key: &token_key,
            };
            if path.ty() == Some(&DEVICE_STATE) {
                read::run_state(connection, &overlay, &permit, &path, &query, paging)
            } else {
                let transaction = readers::begin(connection)?;
                if path.ty() == Some(&RUN_SUMMARY) {
                    read::run_summary(&transaction, &permit, &path, &query, paging, &reports)
                } else {
                    read::get(&transaction, &permit, &path, &query, paging)
                }
            }
        };
        self.readers.read_in_steps(read).await
    }

    async fn entity_create(
        &self,
        permit: &Permit,
        path: &ResourcePath,
        entity: NewEntity,
    ) -> Result<Row, Error> {
        let (on_behalf, path) = (permit.clone(), path.clone());
        self.changing()?
            .write(permit, move |connection, clock, effect| {
                write::create(connection, clock, &on_behalf, &path, entity, effect)
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
            .write(permit, move |connection, clock, effect| {
                write::update(
                    connection,
                    clock,
                    &on_behalf,
                    &path,
                    changes,
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
            .write(permit, move |connection, clock, effect| {
                write::delete(connection, clock, &on_behalf, &path, &precondition, effect)
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
        // The heart call: straight into the journal.
        let report = Report {
            permit: permit.clone(),
            path: path.clone(),
            changes,
            run,
            precondition,
        };
        let report = match self.journal()?.appender.report(report).await? {
            Reported::Done(row) => return Ok(row),
            Reported::Elsewhere(report) => report,
        };
        let clock = Arc::clone(&self.clock);
        let write = move |connection: &Connection| {
            report::report(
                connection,
                &*clock,
                &report.permit,
                &report.path,
                report.changes,
                report.run.as_ref(),
                &report.precondition,
            )
        };
        self.writer.write(write).await
    }

    async fn run_request_start(
        &self,
        permit: &Permit,
        path: &ResourcePath,
        run_request_id: &str,
    ) -> Result<(), Error> {
        self.journal()?;
        let (permit, path, id) = (permit.clone(), path.clone(), run_request_id.to_owned());
        self.writer
            .write(move |connection| run_request::start(connection, &permit, &path, &id))
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
            .write(permit, move |connection, _, effect| {
                run_request::create(connection, &on_behalf, &path, request, &states, effect)
            })
            .await
    }

    async fn run_request_cancel(&self, permit: &Permit, path: &ResourcePath) -> Result<(), Error> {
        let (on_behalf, path) = (permit.clone(), path.clone());
        self.changing()?
            .write(permit, move |connection, _, _| {
                run_request::cancel(connection, &on_behalf, &path)
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
            .write(permit, move |connection, clock, effect| {
                path::refuse_device(&on_behalf, &path)?;
                let end = path::resolve(connection, path::viewer(&on_behalf), &path)?;
                let Found { pk, .. } = path::find(connection, &end)?;
                change::of_script(connection, on_behalf.tenant_id(), effect)?;
                script_version::roll_back(connection, clock, pk, number)
            })
            .await
    }

    async fn device_scripts(
        &self,
        permit: &Permit,
        device_id: &str,
        seen: &[i64],
    ) -> Result<AssignedScripts, Error> {
        self.journal()?;
        let (permit, device_id) = (permit.clone(), device_id.to_owned());
        let seen = seen.to_owned();
        let read =
            move |connection: &Connection| device::scripts(connection, &permit, &device_id, &seen);
        self.readers.read(read).await
    }

    async fn device_script(
        &self,
        permit: &Permit,
        device_id: &str,
        script_id: &str,
    ) -> Result<Record, Error> {
        self.journal()?;
        let (permit, device_id) = (permit.clone(), device_id.to_owned());
        let script_id = script_id.to_owned();
        let read = move |connection: &Connection| {
            device::script(connection, &permit, &device_id, &script_id)
        };
        self.readers.read(read).await
    }

    async fn device_seen(&self, permit: &Permit, device_id: &str) -> Result<(), Error> {
        let (tenant_id, device_id) = (permit.tenant_id().to_owned(), device_id.to_owned());
        let (writer, clock) = (Arc::clone(&self.writer), Arc::clone(&self.clock));
        tokio::spawn(async move {
            let seen = move |connection: &Connection| {
                device::seen(connection, &*clock, &tenant_id, &device_id)
            };
            // Under a load that leaves no room for it, a later one will do.
            let _ = writer.write_apart(seen).await;
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
            .write(permit, move |connection, clock, effect| {
                device::inventory(
                    connection, clock, &on_behalf, &id, &facts, &accounts, effect,
                )
            })
            .await
    }

    async fn device_retire(&self, permit: &Permit, path: &ResourcePath) -> Result<(), Error> {
        let (on_behalf, path) = (permit.clone(), path.clone());
        self.changing()?
            .write(permit, move |connection, clock, effect| {
                device::retire(connection, clock, &on_behalf, &path, effect)
            })
            .await
    }

    fn changes(&self) -> broadcast::Receiver<Change> {
        self.changing.subscribe()
    }

    async fn maintain(&self, runs_before: SystemTime) -> Result<(), Error> {
        self.changing()?.settle().await?;
        let before = DateTimeOffset::from_system_time(runs_before).ticks();
        loop {
            let expire = move |connection: &Connection| {
                // In the order of arrival, so that no index by date is needed.
                let sql = "DELETE FROM run WHERE received_date_time < ? \
                     AND pk IN (SELECT pk FROM run ORDER BY pk LIMIT ?)";
                let run = connection.prepare_cached(sql);
                run.and_then(|mut run| run.execute([before, EXPIRED]))
                    .map_err(store_error)
            };
            let removed = self.writer.write_apart(expire).await?;
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
            .write(permit, move |connection, _, effect| {
                write::assign(
                    connection,
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
        self.journal()?;
        let permit = permit.clone();
        let read =
            move |connection: &Connection| read::payload_links(connection, &permit, payload_ids);
        self.readers.read(read).await
    }

    async fn group_member_add(
        &self,
        permit: &Permit,
        path: &ResourcePath,
        object_id: &str,
    ) -> Result<(), Error> {
        let (on_behalf, path, id) = (permit.clone(), path.clone(), object_id.to_owned());
        self.changing()?
            .write(permit, move |connection, clock, effect| {
                group::member_add(connection, clock, &on_behalf, &path, &id, effect)
            })
            .await
    }

    async fn group_member_remove(&self, permit: &Permit, path: &ResourcePath) -> Result<(), Error> {
        let (on_behalf, path) = (permit.clone(), path.clone());
        self.changing()?
            .write(permit, move |connection, clock, effect| {
                group::member_remove(connection, clock, &on_behalf, &path, effect)
            })
            .await
    }

    async fn ready(&self) -> Result<(), Error> {
        let probe = |connection: &Connection| {
            connection
                .query_row("SELECT count(*) FROM secret", [], |_| Ok(()))
                .map_err(store_error)
        };
        self.readers.read(probe).await?;
        if let Some(journal) = &self.journal
            && !journal.overlay.is_sound()
        {
            return Err(Error::Unavailable {
                detail: "the journal takes no reports, or cannot be folded".to_owned(),
            });
        }
        // A transaction that writes nothing is not synced, but it needs all that a write needs.
        self.writer.write_apart(probe).await
    }
}

#[async_trait]
impl IssuerStore for SqliteStore {
    async fn signing_keys(&self) -> Result<Vec<SigningKey>, Error> {
        self.readers.read(issuer::signing_keys).await
    }

    async fn signing_key_add(&self, key: SigningKey) -> Result<(), Error> {
        self.writer
            .write_apart(move |connection| issuer::signing_key_add(connection, &key))
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
        self.writer.write_apart(write).await
    }

    async fn application_list(&self, tenant_id: &str) -> Result<Vec<Application>, Error> {
        let tenant_id = tenant_id.to_owned();
        let read = move |connection: &Connection| issuer::application_list(connection, &tenant_id);
        self.readers.read(read).await
    }

    async fn device_enroll(&self, enrollment: Enrollment) -> Result<Enrolled, Error> {
        self.changing()?
            .write_in(move |connection, clock, effect| {
                let enrolled = device::enroll(connection, clock, &enrollment, effect)?;
                Ok((enrolled.tenant_id.clone(), enrolled))
            })
            .await
    }

    async fn application_delete(&self, tenant_id: &str, client_id: &str) -> Result<bool, Error> {
        let (tenant_id, client_id) = (tenant_id.to_owned(), client_id.to_owned());
        let write = move |connection: &Connection| {
            issuer::application_delete(connection, &tenant_id, &client_id)
        };
        self.writer.write_apart(write).await
    }
}

/// How many entities an expansion shows of each parent, where no page size is given.
const EXPANSION: u32 = 1_000;
