//! What nobody should send: each is refused with the envelope, and nothing is changed.

mod batch;
mod bodies;
mod encodings;
mod queries;
mod urls;
mod values;

use bytes::Bytes;
use http::Method;
use runstate_testkit::{Reply, TestServer};
use serde_json::json;

const HAS_PAYLOAD_LINKS: &str = "/deviceManagement/deviceManagementScripts/hasPayloadLinks";

/// Where a body can be sent to.
struct Target {
    method: Method,
    path: String,
}

/// A server with a script, an assignment and a run state, and all that may show a change of them.
struct Bench {
    server: TestServer,
    /// The script's path.
    script: String,
    /// The run state's path.
    state: String,
    /// The path of a group's links to its members.
    members: String,
}

impl Bench {
    async fn new() -> Self {
        Self::on(TestServer::start().await).await
    }

    async fn on(server: TestServer) -> Self {
        let script = server.shell_script("Disk report").await;
        let script = format!("/deviceManagement/deviceShellScripts/{script}");
        let state =
            json!({ "id": "s", "runState": "fail", "resultMessage": "before", "errorCode": 3 });
        let states = format!("{script}/deviceRunStates");
        let state = server.create(&states, &state).await;
        let target = json!({ "@odata.type": "#microsoft.graph.allDevicesAssignmentTarget" });
        let assignments = format!("{script}/assignments");
        server
            .create(&assignments, &json!({ "target": target }))
            .await;
        let group = server
            .create("/groups", &json!({ "displayName": "Lab" }))
            .await;
        Self {
            server,
            members: format!("/groups/{group}/members/$ref"),
            state: format!("{states}/{state}"),
            script,
        }
    }

    /// Every kind of place that reads a body.
    fn targets(&self) -> Vec<Target> {
        let script = &self.script;
        let target = |method, path: String| Target { method, path };
        vec![
            target(Method::PATCH, self.state.clone()),
            target(Method::POST, format!("{script}/deviceRunStates")),
            target(Method::PATCH, script.clone()),
            target(
                Method::POST,
                "/deviceManagement/deviceShellScripts".to_owned(),
            ),
            target(Method::POST, format!("{script}/assign")),
            target(Method::POST, "/groups".to_owned()),
            target(Method::POST, self.members.clone()),
            target(Method::POST, HAS_PAYLOAD_LINKS.to_owned()),
            target(Method::POST, "/$batch".to_owned()),
        ]
    }

    async fn send(
        &self,
        target: &Target,
        headers: &[(&str, &str)],
        body: impl Into<Bytes>,
    ) -> Reply {
        let path = format!("/beta{}", target.path);
        let request = self.server.request(target.method.clone(), &path);
        let mut request = request.token(&self.server.token);
        for (name, value) in headers {
            request = request.header(name, value);
        }
        request.bytes(body).send().await
    }

    /// All that is stored, with the versions.
    async fn stored(&self) -> String {
        let mut stored = String::new();
        for path in [
            &self.state,
            &self.script,
            &format!("{}/deviceRunStates?$count=true", self.script),
            &format!("{}/assignments", self.script),
            "/deviceManagement/deviceShellScripts?$count=true",
            "/groups",
            &self.members,
        ] {
            let reply = self.server.get(path).send().await.expect(200);
            stored.push_str(reply.header("etag"));
            stored.push_str(&reply.text());
        }
        stored
    }

    /// Sends what must be refused, checks that nothing has changed, and returns the refusal.
    async fn refused(
        &self,
        target: &Target,
        headers: &[(&str, &str)],
        body: impl Into<Bytes>,
        what: &str,
    ) -> Reply {
        let before = self.stored().await;
        let reply = self.send(target, headers, body).await;
        let what = format!("{what} to {} {}", target.method, target.path);
        check_envelope(&reply, &what);
        assert_eq!(self.stored().await, before, "{what} changed something");
        reply
    }
}

/// Checks that an answer is a refusal in Graph's form, of a bearable length, that leaks nothing.
fn check_envelope(reply: &Reply, what: &str) {
    let status = reply.status.as_u16();
    assert!(
        (400..500).contains(&status),
        "{what}: {status} {}",
        reply.text()
    );
    assert!(reply.body.len() < 2048, "{what}: a long answer");
    let error = &reply.json()["error"];
    assert!(error["code"].is_string(), "{what}: {}", reply.text());
    let message = error["message"].as_str().unwrap();
    assert!(!message.is_empty(), "{what}");
    for internal in ["sqlite", "SQL", "crates/", ".rs", "panicked"] {
        assert!(!message.contains(internal), "{what}: {message}");
    }
    assert_eq!(
        error["innerError"]["request-id"],
        reply.header("request-id")
    );
}
