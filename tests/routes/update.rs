//! Update deviceManagementScriptDeviceState, the call that everything turns on.

use runstate_testkit::TestServer;
use serde_json::{Value, json};

/// The request of Graph's documentation, byte for byte.
const EXAMPLE: &str = r##"{
  "@odata.type": "#microsoft.graph.deviceManagementScriptDeviceState",
  "runState": "success",
  "resultMessage": "Result Message value",
  "lastStateUpdateDateTime": "2017-01-01T00:02:58.4418045-08:00",
  "errorCode": 9,
  "errorDescription": "Error Description value"
}"##;

#[tokio::test]
async fn the_example_of_the_specification() {
    let server = TestServer::start().await;
    let script = server.shell_script("Disk report").await;
    let states = format!("/deviceManagement/deviceShellScripts/{script}/deviceRunStates");
    let id = server.create(&states, &json!({ "id": "a:b" })).await;

    let reply = server
        .patch(&format!("{states}/{id}"), &Value::Null)
        .raw("application/json", EXAMPLE)
        .send()
        .await
        .expect(200);

    insta::assert_snapshot!(reply.shown());
}
