//! Writes that may change what devices have to run, and all that follows from them.

use std::sync::Arc;

use runstate_graph::{clock::Clock, permit::Permit};
use runstate_store::{Change, Error};

use crate::{
    Backend, Database,
    change::{self, Effect},
    error::internal,
};

/// The way in for writes that concern devices; tells its listeners of them.
pub(crate) struct ChangeWriter<B> {
    backend: Arc<B>,
}

impl<B> Clone for ChangeWriter<B> {
    fn clone(&self) -> Self {
        Self {
            backend: Arc::clone(&self.backend),
        }
    }
}

impl<B: Backend> ChangeWriter<B> {
    pub(crate) fn new(backend: Arc<B>) -> Self {
        Self { backend }
    }

    /// Does the work in a transaction, sees to all that follows from it, and tells the listeners.
    /// Runs to its end even where nobody waits for it any more: a client that goes away must not
    /// leave a change half followed up.
    pub(crate) async fn write<T, F>(&self, permit: &Permit, work: F) -> Result<T, Error>
    where
        T: Send + 'static,
        F: Fn(&dyn Database, &dyn Clock, &mut Effect) -> Result<T, Error> + Send + Sync + 'static,
    {
        let audited = permit.audited().is_some();
        self.write_of(
            permit.tenant_id(),
            move |database, clock, effect: &mut Effect| {
                let done = work(database, clock, effect)?;
                // What the audit does not hear of is not done.
                if audited && !effect.audited {
                    return Err(internal("an act that left no event in the audit"));
                }
                Ok(done)
            },
        )
        .await
    }

    /// [`ChangeWriter::write`] of what nobody's permit is for.
    pub(crate) async fn write_of<T, F>(&self, tenant_id: &str, work: F) -> Result<T, Error>
    where
        T: Send + 'static,
        F: Fn(&dyn Database, &dyn Clock, &mut Effect) -> Result<T, Error> + Send + Sync + 'static,
    {
        let (this, tenant_id) = (self.clone(), tenant_id.to_owned());
        let task = tokio::spawn(async move {
            let (clock, backend) = (this.backend.clock(), Arc::clone(&this.backend));
            let concerned = tenant_id.clone();
            let write = move |database: &dyn Database| {
                let mut effect = Effect::default();
                let done = work(database, &*clock, &mut effect)?;
                let Effect {
                    all,
                    devices,
                    steps,
                    ..
                } = effect;
                let change = (all || !devices.is_empty()).then(|| Change {
                    tenant_id: Some(concerned.clone()),
                    devices: (!all).then_some(devices),
                });
                if let Some(change) = &change {
                    backend.tell(database, change)?;
                }
                Ok((done, change, steps))
            };
            let (done, change, steps) = this.backend.write(Some(&tenant_id), write).await?;
            if let Some(change) = change {
                this.backend.told(change);
            }
            // The write is done whatever becomes of the steps, which maintenance takes too.
            if steps && let Err(error) = this.settle(&tenant_id).await {
                tracing::error!(%error, "run states do not follow their assignments yet");
            }
            Ok(done)
        });
        task.await
            .unwrap_or_else(|error| Err(internal(error.to_string())))
    }

    /// Takes all steps of the tenant's that wait, each in a transaction of its own.
    pub(crate) async fn settle(&self, tenant_id: &str) -> Result<(), Error> {
        loop {
            let (clock, backend) = (self.backend.clock(), Arc::clone(&self.backend));
            let tenant = tenant_id.to_owned();
            let step = move |database: &dyn Database| {
                let Some(devices) = change::step(database, &*clock, &tenant)? else {
                    return Ok(None);
                };
                let change = Change {
                    tenant_id: Some(tenant.clone()),
                    devices: Some(devices),
                };
                let is_news = change.devices.as_ref().is_some_and(|ids| !ids.is_empty());
                if is_news {
                    backend.tell(database, &change)?;
                }
                Ok(Some(is_news.then_some(change)))
            };
            match self.backend.write(Some(tenant_id), step).await? {
                None => return Ok(()),
                Some(None) => {}
                Some(Some(change)) => self.backend.told(change),
            }
        }
    }
}
