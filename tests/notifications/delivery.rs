//! What receivers are told, and that it is from this server.

use hmac::{Hmac, KeyInit, Mac};
use runstate_testkit::{Receiver, TENANT, TestServer};
use serde_json::{Value, json};
use sha2::Sha256;

use super::{STATES, Script, subscribe};

fn told(notification: &Value) -> (&str, &str) {
    let text = |value: &'static str| notification[value].as_str().unwrap();
    (text("changeType"), text("resource"))
}

#[tokio::test]
async fn a_report_is_told() {
    let server = TestServer::start().await;
    let mut receiver = Receiver::start();
    let script = Script::make(&server).await;
    let made = subscribe(&server, &receiver, &script.states(), "updated").await;
    let tag = script.report(&server, "done").await;

    let received = receiver.next().await;
    assert_eq!(received.target, "/hook");
    let [notification] = received.value().try_into().unwrap();
    let address = format!("{}/{}", script.states(), script.state);
    let id = notification["id"].clone();
    assert!(
        id.as_str()
            .unwrap()
            .starts_with(made["id"].as_str().unwrap())
    );
    assert_eq!(
        notification,
        json!({
            "id": id,
            "subscriptionId": made["id"],
            "subscriptionExpirationDateTime": "2026-02-01T12:00:00Z",
            "clientState": "a secret of the client",
            "changeType": "updated",
            "resource": address,
            "resourceData": {
                "@odata.type": "#microsoft.graph.deviceManagementScriptDeviceState",
                "@odata.id": address,
                "@odata.etag": tag,
                "id": script.state,
            },
            "tenantId": TENANT,
        })
    );
    // What it names is there to be read.
    let read = server.read(&format!("/{address}")).await;
    assert_eq!(read["resultMessage"], "done");

    // Verified as a receiver does.
    let signature = received.header("runstate-signature");
    let (moment, digits) = signature.split_once(",v1=").unwrap();
    let moment = moment.strip_prefix("t=").unwrap();
    assert_eq!(moment, "1769860800");
    let secret = made["@runstate.notificationSecret"].as_str().unwrap();
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(format!("{moment}.").as_bytes());
    mac.update(&received.body);
    let tag = mac.finalize().into_bytes();
    let expected: String = tag.iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(digits, expected);
}

#[tokio::test]
async fn run_states_that_come_and_go_are_told() {
    let server = TestServer::start().await;
    let mut receiver = Receiver::start();
    let script = Script::make(&server).await;
    let states = script.states();
    subscribe(&server, &receiver, &states, "created,updated,deleted").await;

    let another = json!({ "id": "another", "runState": "pending" });
    server.create(&format!("/{states}"), &another).await;
    let path = format!("/{states}/another");
    let fails = json!({ "runState": "fail" });
    server.patch(&path, &fails).send().await.expect(200);
    server.delete(&path).send().await.expect(204);

    // By way of an assignment, too: a state comes, and goes with it.
    let device = json!({ "deviceName": "lab-01" });
    let device = server
        .create("/deviceManagement/managedDevices", &device)
        .await;
    let all = json!({ "target": { "@odata.type": "#microsoft.graph.allDevicesAssignmentTarget" } });
    let assignments = format!("/{}/assignments", script.path);
    let assignment = server.create(&assignments, &all).await;
    let assignment = format!("{assignments}/{assignment}");
    server.delete(&assignment).send().await.expect(204);

    let notifications = receiver.notifications(5).await;
    let told: Vec<_> = notifications.iter().map(told).collect();
    let (another, of_device) = (
        format!("{states}/another"),
        format!("{states}/{}:{device}", script.id),
    );
    assert_eq!(
        told,
        [
            ("created", &*another),
            ("updated", &*another),
            ("deleted", &*another),
            ("created", &*of_device),
            ("deleted", &*of_device),
        ]
    );
}

#[tokio::test]
async fn scripts_of_a_kind_and_one_script_are_told() {
    let server = TestServer::start().await;
    let (mut all, mut one) = (Receiver::start(), Receiver::start());
    let script = Script::make(&server).await;
    let scripts = "deviceManagement/deviceShellScripts";
    subscribe(&server, &all, scripts, "created,updated,deleted").await;
    subscribe(&server, &one, &script.path, "updated,deleted").await;

    // None of a script's own changes, or of another kind.
    script.report(&server, "done").await;
    server.script("deviceManagementScripts", "other kind").await;
    let other = server.shell_script("other").await;
    let path = format!("/{}", script.path);
    let content = json!({ "scriptContent": "IyEvYmluL2Jhc2gK" });
    server.patch(&path, &content).send().await.expect(200);
    let number = json!({ "number": 1 });
    let roll_back = format!("{path}/rollBack");
    let rolled = server.post(&roll_back, &number).send().await;
    rolled.expect(200);
    let tag = server.get(&path).send().await.header("etag").to_owned();
    server.delete(&path).send().await.expect(204);

    let notifications = one.notifications(3).await;
    let of_one: Vec<_> = notifications.iter().map(told).collect();
    let path = &*script.path;
    assert_eq!(
        of_one,
        [("updated", path), ("updated", path), ("deleted", path)]
    );
    let data = &notifications[1]["resourceData"];
    assert_eq!(data["@odata.type"], "#microsoft.graph.deviceShellScript");
    assert_eq!(data["@odata.etag"], tag);
    assert_eq!(data["id"], script.id);
    let notifications = all.notifications(4).await;
    let of_all: Vec<_> = notifications.iter().map(told).collect();
    let other = format!("{scripts}/{other}");
    assert_eq!(of_all[0], ("created", &*other));
    assert_eq!(of_all[1..], of_one);
}

#[tokio::test]
async fn only_what_was_asked_for_is_told() {
    let server = TestServer::start().await;
    let mut receiver = Receiver::start();
    let (script, other) = (Script::make(&server).await, Script::make(&server).await);
    subscribe(&server, &receiver, &script.states(), "deleted").await;
    other.report(&server, "of another script").await;
    script.report(&server, "an update").await;
    let state = format!("/{}/{}", script.states(), script.state);
    server.delete(&state).send().await.expect(204);
    let [notification] = receiver.notifications(1).await.try_into().unwrap();
    assert_eq!(notification["changeType"], "deleted");
}

#[tokio::test]
async fn a_subscription_that_is_deleted_is_told_nothing_more() {
    let server = TestServer::start().await;
    let mut receiver = Receiver::start();
    let script = Script::make(&server).await;
    let gone = subscribe(&server, &receiver, &script.states(), "updated").await;
    let kept = subscribe(&server, &receiver, &script.states(), "updated").await;
    let gone = format!("/subscriptions/{}", gone["id"].as_str().unwrap());
    server.delete(&gone).send().await.expect(204);
    server.get(&gone).send().await.expect(404);
    script.report(&server, "done").await;
    script.report(&server, "done again").await;
    for notification in receiver.notifications(2).await {
        assert_eq!(notification["subscriptionId"], kept["id"]);
    }
}

#[tokio::test]
async fn an_id_of_any_characters_is_encoded() {
    let server = TestServer::start().await;
    let mut receiver = Receiver::start();
    let script = Script::make(&server).await;
    subscribe(&server, &receiver, &script.states(), "created").await;
    let states = format!("/{}/{STATES}", script.path);
    let odd = json!({ "id": "a/b ü", "runState": "pending" });
    server.create(&states, &odd).await;
    let [notification] = receiver.notifications(1).await.try_into().unwrap();
    let address = notification["resource"].as_str().unwrap();
    assert!(address.ends_with("/a%2Fb%20%C3%BC"), "{address}");
    assert_eq!(notification["resourceData"]["id"], "a/b ü");
    server.read(&format!("/{address}")).await;
}
