//! Subscriptions are renewed, or end.

use std::time::Duration;

use http::Method;
use runstate_testkit::{Receiver, TestServer};
use serde_json::json;

use super::{Script, pass, subscribe, until};

const HOUR: Duration = Duration::from_secs(3600);

#[tokio::test]
async fn a_receiver_is_asked_to_renew_and_may() {
    let mut server = TestServer::start().await;
    let mut receiver = Receiver::start();
    let script = Script::make(&server).await;
    let made = subscribe(&server, &receiver, &script.states(), "updated").await;
    let path = format!("/subscriptions/{}", made["id"].as_str().unwrap());
    // A day in all; asked when a tenth of it is left.
    pass(&mut server, 22 * HOUR);
    let asked = receiver.next().await;
    assert_eq!(asked.target, "/lifecycle");
    assert!(!asked.header("runstate-signature").is_empty());
    let [asked] = asked.value().try_into().unwrap();
    assert_eq!(asked["lifecycleEvent"], "reauthorizationRequired");
    assert_eq!(
        asked["subscriptionExpirationDateTime"],
        "2026-02-01T12:00:00Z"
    );

    // The caller may still read what it is told of, which is all that this says.
    let again = server.request(Method::POST, &format!("/beta{path}/reauthorize"));
    let again = again.token(&server.token).send().await;
    again.expect(204);
    let nobody = server.delegated(&["DeviceManagementManagedDevices.Read.All"]);
    let scripts = subscribe(
        &server,
        &receiver,
        "deviceManagement/deviceShellScripts",
        "created",
    )
    .await;
    let of_scripts = format!(
        "/beta/subscriptions/{}/reauthorize",
        scripts["id"].as_str().unwrap()
    );
    let refused = server.request(Method::POST, &of_scripts).token(&nobody);
    refused.send().await.expect(403);

    let renewal = json!({ "expirationDateTime": "2026-02-05T12:00:00Z" });
    let renewed = server.patch(&path, &renewal).send().await.expect(200);
    assert_eq!(renewed.json()["expirationDateTime"], "2026-02-05T12:00:00Z");
    assert_ne!(renewed.header("etag"), made["@odata.etag"]);
    assert!(!renewed.text().contains("notificationSecret"));
    let too_far = json!({ "expirationDateTime": "2026-06-05T12:00:00Z" });
    server.patch(&path, &too_far).send().await.expect(400);
    let stale = server.patch(&path, &renewal).header("If-Match", "W/\"1\"");
    stale.send().await.expect(412);

    // Long behind its first end it goes on, and is told the new one.
    pass(&mut server, 24 * HOUR);
    script.report(&server, "done").await;
    let mut notifications = receiver.notifications(1).await;
    while notifications[0]["changeType"].is_null() {
        notifications = receiver.notifications(1).await;
    }
    assert_eq!(
        notifications[0]["subscriptionExpirationDateTime"],
        "2026-02-05T12:00:00Z"
    );
}

#[tokio::test]
async fn one_that_is_not_renewed_ends() {
    let mut server = TestServer::start().await;
    let mut receiver = Receiver::start();
    let script = Script::make(&server).await;
    let made = subscribe(&server, &receiver, &script.states(), "updated").await;
    let path = format!("/subscriptions/{}", made["id"].as_str().unwrap());
    pass(&mut server, 24 * HOUR);
    server.get(&path).send().await.expect(404);
    assert!(server.ids("/subscriptions").await.is_empty());
    let renewal = json!({ "expirationDateTime": "2026-02-02T12:00:00Z" });
    server.patch(&path, &renewal).send().await.expect(404);

    let [removed] = receiver.notifications(1).await.try_into().unwrap();
    assert_eq!(removed["lifecycleEvent"], "subscriptionRemoved");
    assert_eq!(removed["resource"], script.states());
    until(&server, "SELECT count(*) FROM subscription", "0").await;
    until(&server, "SELECT count(*) FROM subscription_event", "0").await;
}

#[tokio::test]
async fn what_is_on_a_script_goes_with_it() {
    let server = TestServer::start().await;
    let (mut on_script, mut on_states) = (Receiver::start(), Receiver::start());
    let script = Script::make(&server).await;
    subscribe(&server, &on_script, &script.path, "deleted").await;
    subscribe(&server, &on_states, &script.states(), "updated").await;
    let path = format!("/{}", script.path);
    server.delete(&path).send().await.expect(204);
    let [deleted, removed] = on_script.notifications(2).await.try_into().unwrap();
    assert_eq!(deleted["changeType"], "deleted");
    assert_eq!(removed["lifecycleEvent"], "subscriptionRemoved");
    let [removed] = on_states.notifications(1).await.try_into().unwrap();
    assert_eq!(removed["lifecycleEvent"], "subscriptionRemoved");
    until(&server, "SELECT count(*) FROM subscription", "0").await;
}
