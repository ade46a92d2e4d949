//! Changes told from server to server, by PostgreSQL's `NOTIFY`: every server hears of every change of
//! every one, its own included, once the change is committed.

use std::{future::poll_fn, time::Duration};

use runstate_store::{Change, Error};
use runstate_store_sql::{BindRef, Database};
use serde::{Deserialize, Serialize};
use tokio::{
    sync::{broadcast, mpsc},
    task::JoinHandle,
    time::timeout,
};
use tokio_postgres::AsyncMessage;

use crate::{connection::Address, error::internal};

const CHANNEL: &str = "runstate_change";
const LISTEN: &str = "LISTEN runstate_change";

/// How many bytes PostgreSQL takes with a notification.
const PAYLOAD: usize = 7_999;

/// How many changes a listener may be behind before it has to take it that anything has changed.
const CHANGES: usize = 1_024;

/// How long to wait before a connection is tried again.
const PAUSE: Duration = Duration::from_secs(1);

/// A change on its way.
#[derive(Debug, Serialize, Deserialize)]
struct Message {
    #[serde(skip_serializing_if = "Option::is_none")]
    tenant: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    devices: Option<Vec<String>>,
}

/// Tells all servers of a change, when the transaction is committed. Of more devices than fit, it is
/// said that any of the tenant's may be concerned.
///
/// # Errors
///
/// Those of [`Database::query`].
pub fn notify(database: &dyn Database, change: &Change) -> Result<(), Error> {
    let text = payload(change).map_err(|error| internal(error.to_string()))?;
    let binds = [BindRef::Text(CHANNEL), BindRef::Text(&text)];
    database.query("SELECT pg_notify(?1, ?2)", &binds)?;
    Ok(())
}

fn payload(change: &Change) -> Result<String, serde_json::Error> {
    let mut message = Message {
        tenant: change.tenant_id.clone(),
        devices: change.devices.clone(),
    };
    let text = serde_json::to_string(&message)?;
    if text.len() <= PAYLOAD {
        return Ok(text);
    }
    message.devices = None;
    serde_json::to_string(&message)
}

/// Who listens for this server.
pub(crate) struct Listener {
    changes: broadcast::Sender<Change>,
    task: JoinHandle<()>,
}

impl Listener {
    /// Starts to listen, on a connection of its own.
    pub(crate) fn start(address: Address) -> Self {
        let changes = broadcast::Sender::new(CHANGES);
        let task = tokio::spawn(listen(address, changes.clone()));
        Self { changes, task }
    }

    /// Hears of every change from now on.
    pub(crate) fn subscribe(&self) -> broadcast::Receiver<Change> {
        self.changes.subscribe()
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Passes on what is heard, for ever.
async fn listen(address: Address, changes: broadcast::Sender<Change>) {
    loop {
        if let Err(error) = listen_once(&address, &changes).await {
            tracing::warn!(%error, "changes of other servers are not heard");
        }
        // Nothing to wait for but that the server comes back.
        let _ = timeout(PAUSE, std::future::pending::<()>()).await;
    }
}

/// Passes on what is heard until the connection is lost.
async fn listen_once(
    address: &Address,
    changes: &broadcast::Sender<Change>,
) -> Result<(), tokio_postgres::Error> {
    let (client, mut connection) = address.config.connect(address.tls.clone()).await?;
    let (heard, mut hearing) = mpsc::unbounded_channel();
    // Ends when the client is dropped, or the connection is lost.
    tokio::spawn(async move {
        while let Some(Ok(message)) = poll_fn(|context| connection.poll_message(context)).await {
            if let AsyncMessage::Notification(notification) = message
                && heard.send(notification).is_err()
            {
                return;
            }
        }
    });
    client.batch_execute(LISTEN).await?;
    // What was said while nobody listened is not known. Where nobody waits, nobody need be told.
    let _ = changes.send(Change::ANY);
    while let Some(notification) = hearing.recv().await {
        let change = match serde_json::from_str(notification.payload()) {
            Ok(Message { tenant, devices }) => Change {
                tenant_id: tenant,
                devices,
            },
            // Of a release that says it differently.
            Err(_) => Change::ANY,
        };
        let _ = changes.send(change);
    }
    Ok(())
}
