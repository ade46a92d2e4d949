//! Writes that may change what devices have to run, and all that follows from them.

use std::sync::Arc;

use runstate_graph::{clock::Clock, permit::Permit};
use runstate_store::{Change, Error};
use rusqlite::Connection;
use tokio::sync::broadcast;

use crate::{
    change::{self, Effect},
    error::internal,
    writer::Writer,
};

/// How many changes a listener may be behind before it has to take it that anything has changed.
const CHANGES: usize = 1_024;

/// The way into the file for writes that concern devices; tells its listeners of them.
#[derive(Clone)]
pub(crate) struct ChangeWriter {
    writer: Arc<Writer>,
    clock: Arc<dyn Clock>,
    changes: broadcast::Sender<Change>,
}

impl ChangeWriter {
    pub(crate) fn new(writer: Arc<Writer>, clock: Arc<dyn Clock>) -> Self {
        Self {
            writer,
            clock,
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
        F: FnOnce(&Connection, &dyn Clock, &mut Effect) -> Result<T, Error> + Send + 'static,
    {
        let tenant_id = permit.tenant_id().to_owned();
        self.write_in(move |connection, clock, effect| {
            Ok((tenant_id, work(connection, clock, effect)?))
        })
        .await
    }

    /// [`ChangeWriter::write`] where the tenant comes to light by the work.
    pub(crate) async fn write_in<T, F>(&self, work: F) -> Result<T, Error>
    where
        T: Send + 'static,
        F: FnOnce(&Connection, &dyn Clock, &mut Effect) -> Result<(String, T), Error>
            + Send
            + 'static,
    {
        let this = self.clone();
        let task = tokio::spawn(async move {
            let clock = Arc::clone(&this.clock);
            let write = move |connection: &Connection| {
                let mut effect = Effect::default();
                let done = work(connection, &*clock, &mut effect)?;
                Ok((done, effect))
            };
            let ((tenant_id, done), effect) = this.writer.write(write).await?;
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
            let clock = Arc::clone(&self.clock);
            let step = self
                .writer
                .write(move |connection| change::step(connection, &*clock));
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
