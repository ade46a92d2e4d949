//! Writes that may change what devices have to run, and all that follows from them.

use std::sync::Arc;

use runstate_graph::{clock::Clock, permit::Permit};
use runstate_store::{Change, Error};
use tokio::sync::broadcast;

use crate::{
    Backend, Database,
    change::{self, Effect},
    error::internal,
};

/// How many changes a listener may be behind before it has to take it that anything has changed.
const CHANGES: usize = 1_024;

/// The way in for writes that concern devices; tells its listeners of them.
pub(crate) struct ChangeWriter<B> {
    backend: Arc<B>,
    changes: broadcast::Sender<Change>,
}

impl<B> Clone for ChangeWriter<B> {
    fn clone(&self) -> Self {
        Self {
            backend: Arc::clone(&self.backend),
            changes: self.changes.clone(),
        }
    }
}

impl<B: Backend> ChangeWriter<B> {
    pub(crate) fn new(backend: Arc<B>) -> Self {
        Self {
            backend,
            changes: broadcast::Sender::new(CHANGES),
        }
    }

    /// Hears of every change from now on.
    pub(crate) fn subscribe(&self) -> broadcast::Receiver<Change> {
        self.changes.subscribe()
    }

    /// Does the work in a transaction, sees to all that follows from it, and tells the listeners.
    /// Runs to its end even where nobody waits for it any more: a client that goes away must not
    /// leave a change half followed up.
    pub(crate) async fn write<T, F>(&self, permit: &Permit, work: F) -> Result<T, Error>
    where
        T: Send + 'static,
        F: FnOnce(&dyn Database, &dyn Clock, &mut Effect) -> Result<T, Error> + Send + 'static,
    {
        let tenant_id = permit.tenant_id().to_owned();
        self.write_in(move |database, clock, effect| {
            Ok((tenant_id, work(database, clock, effect)?))
        })
        .await
    }

    /// [`ChangeWriter::write`] where the tenant comes to light by the work.
    pub(crate) async fn write_in<T, F>(&self, work: F) -> Result<T, Error>
    where
        T: Send + 'static,
        F: FnOnce(&dyn Database, &dyn Clock, &mut Effect) -> Result<(String, T), Error>
            + Send
            + 'static,
    {
        let this = self.clone();
        let task = tokio::spawn(async move {
            let clock = this.backend.clock();
            let write = move |database: &dyn Database| {
                let mut effect = Effect::default();
                let done = work(database, &*clock, &mut effect)?;
                Ok((done, effect))
            };
            let ((tenant_id, done), effect) = this.backend.write(write).await?;
            if effect.all || !effect.devices.is_empty() {
                let devices = (!effect.all).then_some(effect.devices);
                this.tell(tenant_id, devices);
            }
            if effect.steps {
                this.settle().await?;
            }
            Ok(done)
        });
        task.await
            .unwrap_or_else(|error| Err(internal(error.to_string())))
    }

    /// Takes all steps that wait, each in a transaction of its own.
    pub(crate) async fn settle(&self) -> Result<(), Error> {
        loop {
            let clock = self.backend.clock();
            let step = self
                .backend
                .write(move |database| change::step(database, &*clock));
            let Some((tenant_id, devices)) = step.await? else {
                return Ok(());
            };
            if !devices.is_empty() {
                self.tell(tenant_id, Some(devices));
            }
        }
    }

    fn tell(&self, tenant_id: String, devices: Option<Vec<String>>) {
        // Where nobody listens, nobody need be told.
        let tenant_id = Some(tenant_id);
        let _ = self.changes.send(Change { tenant_id, devices });
    }
}
