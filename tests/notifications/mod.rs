//! Subscriptions to changes, and the notifications that real receivers get.

mod delivery;
mod failing;
mod handshake;
mod lifecycle;
mod servers;
mod visibility;

use std::time::Duration;

use runstate_testkit::{Receiver, TestServer, WRITES};
use serde_json::{Value, json};

const STATES: &str = "deviceRunStates";

/// A script, the resource of its run states, and a run state of it.
struct Script {
    id: String,
    /// `deviceManagement/deviceShellScripts/{id}`
    path: String,
    state: String,
}

impl Script {
    async fn make(server: &TestServer) -> Self {
        let id = server.shell_script("one").await;
        let path = format!("deviceManagement/deviceShellScripts/{id}");
        let state = json!({ "id": format!("{id}:device-1"), "runState": "pending" });
        let state = server.create(&format!("/{path}/{STATES}"), &state).await;
        Self { id, path, state }
    }

    fn states(&self) -> String {
        format!("{}/{STATES}", self.path)
    }

    /// `PATCH`es the run state; answers its `ETag`.
    async fn report(&self, server: &TestServer, message: &str) -> String {
        let path = format!("/{}/{}", self.states(), self.state);
        let report = json!({ "runState": "success", "resultMessage": message });
        let reply = server.patch(&path, &report).send().await.expect(200);
        reply.header("etag").to_owned()
    }
}

/// A subscription to `resource`, told at `url`, that ends in a day of the test's clock.
fn subscription(resource: &str, changes: &str, url: &str) -> Value {
    json!({
        "changeType": changes,
        "notificationUrl": url,
        "resource": resource,
        "expirationDateTime": "2026-02-01T12:00:00Z",
        "clientState": "a secret of the client",
    })
}

async fn subscribe(
    server: &TestServer,
    receiver: &Receiver,
    resource: &str,
    changes: &str,
) -> Value {
    let mut body = subscription(resource, changes, &receiver.url("/hook"));
    body["lifecycleNotificationUrl"] = json!(receiver.url("/lifecycle"));
    let made = server.post("/subscriptions", &body).send().await;
    made.expect(201).json()
}

/// Turns the clock on, and takes a new token, since the old one may have ended.
fn pass(server: &mut TestServer, time: Duration) {
    server.clock.advance(time);
    server.token = server.delegated(WRITES);
}

/// Waits until a statement about what the server keeps has that answer.
async fn until(server: &TestServer, sql: &str, answer: &str) {
    while server.data().query(sql).trim() != answer {
        tokio::task::yield_now().await;
    }
}

/// Waits until so many attempts in a row are noted to have failed.
async fn until_failed(server: &TestServer, times: u32) {
    let sql = "SELECT max(failures) FROM subscription";
    until(server, sql, &times.to_string()).await;
}
