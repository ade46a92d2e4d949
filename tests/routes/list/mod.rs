//! `GET` of a collection: the query options, over HTTP.

mod directory;
mod filter;
mod page;
mod paging;
mod refusal;
mod shape;

use runstate_testkit::TestServer;
use serde_json::json;

/// A script with a handful of run states, one for each way in which they may differ.
async fn states(server: &TestServer) -> String {
    for (id, name, os) in [("d1", "LAP-1", "macOS"), ("d2", "Srv 2", "Linux")] {
        let device = json!({ "id": id, "deviceName": name, "operatingSystem": os });
        server
            .create("/deviceManagement/managedDevices", &device)
            .await;
    }
    let script = server.shell_script("Run").await;
    let states = format!("/deviceManagement/deviceShellScripts/{script}/deviceRunStates");
    for (id, device, run_state, message, date, code) in [
        (
            "a",
            Some("d1"),
            "success",
            json!("It's done"),
            "2026-01-01T10:00:00+02:00",
            0,
        ),
        (
            "b",
            Some("d2"),
            "fail",
            json!("Straße ÄÖ"),
            "2026-01-01T08:00:00.0000001Z",
            -1,
        ),
        (
            "c",
            None,
            "scriptError",
            json!(null),
            "2026-01-02T00:00:00Z",
            9,
        ),
        (
            "d",
            None,
            "pending",
            json!(""),
            "2026-01-03T00:00:00-08:00",
            9,
        ),
        (
            "e",
            Some("d1"),
            "success",
            json!("100% done_"),
            "2026-01-03T09:00:00Z",
            2_147_483_647,
        ),
    ] {
        let mut body = json!({
            "id": id, "runState": run_state, "resultMessage": message,
            "lastStateUpdateDateTime": date, "errorCode": code,
        });
        if let Some(device) = device {
            body["managedDevice@odata.bind"] = json!(format!("managedDevices/{device}"));
        }
        server.create(&states, &body).await;
    }
    states
}
