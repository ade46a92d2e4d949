//! A subscription is made once its receiver has shown that it wants to be told.

use std::time::Duration;

use runstate_server::notify::Destinations;
use runstate_testkit::{Manner, Receiver, TestServer};
use serde_json::{Value, json};

use super::{Script, subscription};

const SCRIPTS: &str = "deviceManagement/deviceShellScripts";

#[tokio::test]
async fn a_receiver_that_echoes_the_token_is_subscribed() {
    let server = TestServer::start().await;
    let mut receiver = Receiver::start();
    let script = Script::make(&server).await;
    let body = subscription(&script.states(), "updated,created", &receiver.url("/a?b=c"));
    let made = server.post("/subscriptions", &body).send().await;

    let made = made.expect(201);
    assert_eq!(made.header("cache-control"), "no-store");
    let secret = made.json()["@runstate.notificationSecret"].clone();
    assert!(secret.as_str().unwrap().starts_with("rss_"));
    let shown = made.json();
    let id = shown["id"].as_str().unwrap();
    for (name, value) in [
        ("changeType", json!("updated,created")),
        ("clientState", json!("a secret of the client")),
        ("resource", json!(script.states())),
        ("expirationDateTime", json!("2026-02-01T12:00:00Z")),
        (
            "applicationId",
            json!("22222222-2222-4222-8222-222222222222"),
        ),
        ("creatorId", json!("33333333-3333-4333-8333-333333333333")),
        ("includeResourceData", json!(false)),
        ("latestSupportedTlsVersion", json!("v1_2")),
        ("encryptionCertificate", Value::Null),
    ] {
        assert_eq!(shown[name], value, "{name}");
    }
    let [asked] = receiver.rest().try_into().unwrap();
    assert!(asked.target.starts_with("/a?b=c&validationToken="));
    assert!(asked.header("content-type").starts_with("text/plain"));
    assert!(asked.body.is_empty());

    let read = server.read(&format!("/subscriptions/{id}")).await;
    assert_eq!(read["notificationUrl"], receiver.url("/a?b=c"));
    assert!(read.get("@runstate.notificationSecret").is_none());
    let listed = server.get("/subscriptions").send().await.expect(200);
    assert_eq!(listed.json()["value"][0]["id"], id);
    assert!(!listed.text().contains("notificationSecret"));
    // Derived, so it is nowhere at rest.
    let secret = secret.as_str().unwrap().as_bytes();
    let kept = server.data().bytes();
    assert!(!kept.windows(secret.len()).any(|some| some == secret));
}

#[tokio::test]
async fn one_that_does_not_is_not() {
    let server = TestServer::start().await;
    let mut elsewhere = Receiver::start();
    let receiver = Receiver::start();
    for (manner, why) in [
        (Manner::Status(500), "200 OK"),
        (Manner::Status(202), "200 OK"),
        (Manner::Redirect(elsewhere.url("/")), "200 OK"),
        (Manner::WrongType, "text/plain"),
        (Manner::WrongToken, "exactly match"),
    ] {
        receiver.behave(manner.clone());
        let body = subscription(SCRIPTS, "created", &receiver.url("/hook"));
        let refused = server.post("/subscriptions", &body).send().await;
        let refused = refused.expect(400);
        assert_eq!(refused.code(), "ValidationError", "{manner:?}");
        assert!(refused.message().contains(why), "{}", refused.message());
    }
    // The other URL has to prove itself too.
    let good = Receiver::start();
    receiver.behave(Manner::Status(404));
    let mut body = subscription(SCRIPTS, "created", &good.url("/hook"));
    body["lifecycleNotificationUrl"] = json!(receiver.url("/lifecycle"));
    let refused = server.post("/subscriptions", &body).send().await;
    assert_eq!(refused.expect(400).code(), "ValidationError");
    // A port at which nobody listens.
    let body = subscription(SCRIPTS, "created", "http://127.0.0.1:1/");
    let refused = server.post("/subscriptions", &body).send().await;
    assert!(refused.expect(400).message().contains("reached"));

    assert!(server.ids("/subscriptions").await.is_empty());
    assert!(elsewhere.rest().is_empty(), "a redirection was followed");
}

#[tokio::test]
async fn one_that_takes_too_long_is_not() {
    let server = TestServer::builder()
        .notify(|config| config.timeout = Duration::from_millis(50))
        .start()
        .await;
    let receiver = Receiver::start();
    receiver.behave(Manner::Silent);
    let body = subscription(SCRIPTS, "created", &receiver.url("/hook"));
    let refused = server.post("/subscriptions", &body).send().await;
    let message = refused.expect(400).message();
    assert!(message.contains("timed out"), "{message}");
}

#[tokio::test]
async fn what_is_asked_for_must_be_what_there_is() {
    let server = TestServer::start().await;
    let mut receiver = Receiver::start();
    let good = subscription(SCRIPTS, "created", &receiver.url("/hook"));
    let long = "x".repeat(256);
    for (name, value, why) in [
        ("changeType", json!("changed"), "changeType"),
        ("changeType", json!(""), "changeType"),
        ("changeType", json!("created,"), "changeType"),
        ("changeType", Value::Null, "changeType"),
        ("clientState", json!(long), "clientState"),
        ("notificationUrl", json!("http://example.com/"), "https"),
        ("notificationUrl", json!("ftp://127.0.0.1/"), "https"),
        ("notificationUrl", json!("https://10.0.0.1/"), "public"),
        ("notificationUrl", json!("https://a@b.example/"), "user"),
        ("notificationUrl", Value::Null, "notificationUrl"),
        ("lifecycleNotificationUrl", json!("nowhere"), "lifecycle"),
        ("expirationDateTime", Value::Null, "expirationDateTime"),
        (
            "expirationDateTime",
            json!("2026-01-31T12:00:00Z"),
            "future",
        ),
        ("expirationDateTime", json!("2026-03-01T12:00:01Z"), "41760"),
        ("includeResourceData", json!(true), "includeResourceData"),
        ("encryptionCertificate", json!("MII"), "encryption"),
        ("notificationQueryOptions", json!("$filter=x"), "Options"),
        ("notificationContentType", json!("text/xml"), "json"),
        ("latestSupportedTlsVersion", json!("v1_1"), "v1_2"),
        ("resource", Value::Null, "resource"),
        ("resource", json!("users"), "resource"),
        (
            "resource",
            json!(format!("{SCRIPTS}?$filter=id eq 'x'")),
            "resource",
        ),
        (
            "resource",
            json!(format!("{SCRIPTS}/x/userRunStates")),
            "resource",
        ),
        (
            "resource",
            json!(format!("{SCRIPTS}/x/deviceRunStates/y")),
            "resource",
        ),
        ("resource", json!(format!("{SCRIPTS}/$count")), "resource"),
    ] {
        let mut body = good.clone();
        body[name] = value.clone();
        let refused = server.post("/subscriptions", &body).send().await;
        let message = refused.expect(400).message();
        assert!(message.contains(why), "{name} {value}: {message}");
    }
    let mut body = good.clone();
    body["resource"] = json!(format!("{SCRIPTS}/none/deviceRunStates"));
    server
        .post("/subscriptions", &body)
        .send()
        .await
        .expect(404);
    assert!(receiver.rest().is_empty(), "a receiver was asked in vain");
    // With a slash before it, as Graph's own examples have it.
    let mut body = good;
    body["resource"] = json!(format!("/{SCRIPTS}"));
    server
        .post("/subscriptions", &body)
        .send()
        .await
        .expect(201);
}

#[tokio::test]
async fn a_server_asks_nobody_whom_only_it_can_reach() {
    let server = TestServer::builder()
        .notify(|config| config.destinations = Destinations::default())
        .start()
        .await;
    let mut receiver = Receiver::start();
    let port = receiver.url("").rsplit(':').next().unwrap().to_owned();
    for host in [
        "127.0.0.1",
        "localhost",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "169.254.169.254",
        "192.168.0.1",
        // What the system's resolver takes for 127.0.0.1, and nobody else for an address.
        "127.1",
        "2130706433",
        "0x7f000001",
    ] {
        for scheme in ["http", "https"] {
            let url = format!("{scheme}://{host}:{port}/hook");
            let body = subscription(SCRIPTS, "created", &url);
            let refused = server.post("/subscriptions", &body).send().await;
            assert_eq!(refused.expect(400).code(), "ValidationError", "{url}");
        }
    }
    assert!(receiver.rest().is_empty(), "a connection was made");
}

#[tokio::test]
async fn a_tenant_has_so_many_and_no_more() {
    let server = TestServer::start().await;
    let receiver = Receiver::start();
    let body = subscription(SCRIPTS, "created", &receiver.url("/hook"));
    for _ in 0..runstate_store::subscription::MOST_SUBSCRIPTIONS {
        server
            .post("/subscriptions", &body)
            .send()
            .await
            .expect(201);
    }
    let refused = server.post("/subscriptions", &body).send().await;
    assert_eq!(refused.expect(409).code(), "Conflict");
}
