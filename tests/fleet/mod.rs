//! What devices need, and what is known of their runs: enrolment, targeting, history, versions, runs
//! on request. Here without an agent; `crates/cli/tests/program/fleet.rs` has real ones.

mod assigned_scripts;
mod enrollment;
mod history;
mod previews;
mod run_requests;
mod versions;

use runstate_testkit::{TENANT, TestServer};
use serde_json::{Value, json};

/// A key of RFC 8037, A.2.
pub(crate) const KEY: &str = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";
/// Another, of RFC 8032, 7.1.
pub(crate) const OTHER_KEY: &str = "PUAXw-hDiVqStwqnTRt-vJyYLM8uxJaMwM1V8Sr0Zgw";

pub(crate) const SHELL: &str = "/deviceManagement/deviceShellScripts";

/// A tenant with one device, its token and a shell script that is assigned to all devices.
pub(crate) struct Fleet {
    pub(crate) server: TestServer,
    pub(crate) device: String,
    pub(crate) token: String,
    /// The script's path.
    pub(crate) script: String,
    pub(crate) script_id: String,
}

impl Fleet {
    pub(crate) async fn start() -> Self {
        Self::of(TestServer::start().await).await
    }

    pub(crate) async fn of(server: TestServer) -> Self {
        let device = device(&server, "lab-01", "Linux").await;
        let script_id = server.shell_script("Report").await;
        let script = format!("{SHELL}/{script_id}");
        assign(&server, &script, &[json!({ "@odata.type": ALL_DEVICES })]).await;
        Self {
            token: server.device(&device),
            server,
            device,
            script,
            script_id,
        }
    }

    /// The path of the run state of this device.
    pub(crate) fn state(&self) -> String {
        let Self {
            script,
            script_id,
            device,
            ..
        } = self;
        format!("{script}/deviceRunStates/{script_id}%3A{device}")
    }

    /// The path of what the device has to run.
    pub(crate) fn assigned(&self) -> String {
        format!(
            "/deviceManagement/managedDevices/{}/assignedScripts",
            self.device
        )
    }

    /// What the device itself sees at a path, with its own token.
    pub(crate) async fn seen(&self, path: &str) -> Value {
        let request = self
            .server
            .request(http::Method::GET, &format!("/beta{path}"));
        request.token(&self.token).send().await.expect(200).json()
    }

    /// The device reports, with its own token.
    pub(crate) async fn report(&self, body: &Value) -> runstate_testkit::Reply {
        let path = format!("/beta{}", self.state());
        let request = self.server.request(http::Method::PATCH, &path);
        request.token(&self.token).json(body).send().await
    }
}

pub(crate) const ALL_DEVICES: &str = "#microsoft.graph.allDevicesAssignmentTarget";

/// A managed device; answers its id.
pub(crate) async fn device(server: &TestServer, name: &str, system: &str) -> String {
    let device = json!({ "deviceName": name, "operatingSystem": system });
    let devices = "/deviceManagement/managedDevices";
    server.create(devices, &device).await
}

/// Gives a script these targets and no others.
pub(crate) async fn assign(server: &TestServer, script: &str, targets: &[Value]) {
    let assignments: Vec<Value> = targets
        .iter()
        .map(|target| json!({ "target": target }))
        .collect();
    let body = json!({ "deviceManagementScriptAssignments": assignments });
    let path = format!("{script}/assign");
    server.post(&path, &body).send().await.expect(204);
}

/// A report of a run, as an agent sends it.
pub(crate) fn ended(id: &str, state: &str) -> Value {
    json!({
        "@odata.type": "#microsoft.graph.deviceManagementScriptDeviceState",
        "runState": state,
        "resultMessage": "42",
        "lastStateUpdateDateTime": "2026-01-31T12:00:05Z",
        "errorCode": if state == "success" { 0 } else { 3 },
        "@runstate.run": {
            "id": id, "scriptVersion": 1, "exitCode": if state == "success" { 0 } else { 3 },
            "startDateTime": "2026-01-31T12:00:00Z", "endDateTime": "2026-01-31T12:00:05Z",
            "output": "42\n", "errorOutput": "", "outputTruncated": false, "account": "root",
        },
    })
}

/// What a device sends to register.
pub(crate) fn registration(key: &str) -> Value {
    json!({
        "client_name": "lab-07",
        "token_endpoint_auth_method": "private_key_jwt",
        "grant_types": ["client_credentials"],
        "jwks": { "keys": [{ "kty": "OKP", "crv": "Ed25519", "x": key }] },
        "device": {
            "deviceName": "lab-07", "operatingSystem": "Linux", "osVersion": "12",
            "serialNumber": "S-7", "physicalMemoryInBytes": 1024,
        },
        "logged_on_users": [],
    })
}

/// Registers with an enrolment token.
pub(crate) async fn register(
    server: &TestServer,
    token: &str,
    body: &Value,
) -> runstate_testkit::Reply {
    let request = server.request(http::Method::POST, "/oauth2/v2.0/register");
    request.token(token).json(body).send().await
}

/// The entity without its context and without these properties, which differ from run to run.
pub(crate) fn anonymous(entity: &Value, properties: &[&str]) -> String {
    let mut entity = entity.clone();
    for property in ["@odata.context"].iter().chain(properties) {
        assert!(entity[property].is_string(), "{property}");
        entity[property] = json!("…");
    }
    serde_json::to_string_pretty(&entity).unwrap()
}

/// The tenant of the server's tokens, for whoever compares.
pub(crate) fn tenant() -> &'static str {
    TENANT
}
