//! Requests of a batch that lead where they should not.

use http::Method;
use runstate_testkit::TestServer;
use serde_json::{Value, json};

use super::Bench;

/// The one response to a batch of one request.
async fn one(bench: &Bench, token: &str, item: Value) -> Value {
    let mut item = item;
    item["id"] = json!("1");
    let batch = bench
        .server
        .request(Method::POST, "/beta/$batch")
        .token(token);
    let reply = batch.json(&json!({ "requests": [item] })).send().await;
    let reply = reply.expect(200).json();
    let responses = reply["responses"].as_array().unwrap();
    assert_eq!(responses.len(), 1);
    assert_eq!(responses[0]["id"], "1");
    responses[0].clone()
}

#[tokio::test]
async fn a_url_of_a_batch_leads_below_the_version_or_nowhere() {
    let bench = Bench::new().await;
    let token = &bench.server.token;
    for (url, status) in [
        ("/users", 200),
        ("users", 200),
        ("/users?$top=1", 200),
        ("/users#fragment", 200),
        ("https://graph.microsoft.com/beta/users", 200),
        ("https://graph.microsoft.com/beta/../users", 400),
        ("https://graph.microsoft.com/users", 400),
        ("https://graph.microsoft.com", 400),
        ("file:///etc/passwd", 400),
        ("://", 400),
        ("/v1.0/users", 400),
        ("/beta/users", 400),
        ("/../users", 400),
        ("/users/%00", 400),
        ("/users/%", 400),
        ("/users//", 400),
        ("/$batch", 400),
        ("$batch", 400),
        ("/$BATCH/", 400),
        ("/%24batch", 400),
        ("/users\r\nX: y", 400),
        ("/üser", 400),
        ("/healthz", 400),
        ("/common/oauth2/v2.0/token", 400),
    ] {
        for method in ["GET", "POST"] {
            let body = if method == "POST" {
                json!({ "requests": [] })
            } else {
                Value::Null
            };
            if method == "POST" && !url.to_lowercase().contains("batch") {
                continue;
            }
            let item = json!({ "method": method, "url": url, "body": body,
                "headers": { "Content-Type": "application/json" } });
            let response = one(&bench, token, item).await;
            // `$batch` by GET is there, but not that way.
            let expected = match (method, url) {
                ("GET", "/$batch" | "$batch" | "/$BATCH/") => 405,
                _ => status,
            };
            assert_eq!(response["status"], expected, "{method} {url:?}: {response}");
            if expected >= 400 {
                assert!(response["body"]["error"]["code"].is_string(), "{response}");
            }
        }
    }
}

#[tokio::test]
async fn a_request_of_a_batch_cannot_speak_for_another() {
    let bench = Bench::new().await;
    let weak = bench.server.delegated(&["User.Read.All"]);
    let strong = format!("Bearer {}", bench.server.token);
    let before = bench.stored().await;
    for headers in [
        json!({ "Authorization": strong, "Content-Type": "application/json" }),
        json!({ "authorization": strong, "X-HTTP-Method": "GET" }),
        json!({ "X-HTTP-Method-Override": "GET" }),
    ] {
        let item = json!({ "method": "PATCH", "url": bench.state, "headers": headers,
            "body": { "errorCode": 99 } });
        let response = one(&bench, &weak, item).await;
        assert_eq!(response["status"], 403, "{response}");
    }
    assert_eq!(bench.stored().await, before);
}

#[tokio::test]
async fn headers_and_methods_of_a_batch_that_cannot_be_are_refused() {
    let bench = Bench::new().await;
    let before = bench.stored().await;
    let token = &bench.server.token;
    let patch = |method: &str, headers: Value, body: Value| json!({ "method": method, "url": bench.state, "headers": headers, "body": body });
    let change = json!({ "errorCode": 99 });
    for (item, status) in [
        (patch("PATCH", json!({ "a b": "c" }), change.clone()), 400),
        (patch("PATCH", json!({ "": "c" }), change.clone()), 400),
        (
            patch("PATCH", json!({ "X": "a\r\nb" }), change.clone()),
            400,
        ),
        (
            patch(
                "PATCH",
                json!({ "Content-Type": "text/plain" }),
                change.clone(),
            ),
            400,
        ),
        (
            patch("PATCH", json!({ "Content-Type": "text/plain" }), json!("*")),
            400,
        ),
        (
            patch(
                "PATCH",
                json!({ "Content-Type": "text/plain" }),
                json!("e30="),
            ),
            415,
        ),
        (
            patch("PATCH", json!({ "If-Match": "W/\"4711\"" }), change.clone()),
            412,
        ),
        (patch("PATCH", json!({}), Value::Null), 400),
        (patch("PATCH", json!({}), json!([change])), 400),
        (patch("PATCH", json!({}), json!("{}")), 400),
        (patch("PA TCH", json!({}), change.clone()), 400),
        (patch("", json!({}), change.clone()), 400),
        (patch("PUT", json!({}), change.clone()), 405),
        (patch("CONNECT", json!({}), change.clone()), 405),
    ] {
        let response = one(&bench, token, item.clone()).await;
        assert_eq!(response["status"], status, "{item}: {response}");
        let inner = &response["body"]["error"]["innerError"];
        assert!(inner["request-id"].is_string(), "{response}");
    }
    assert_eq!(bench.stored().await, before);
}

#[tokio::test]
async fn a_batch_within_the_limit_may_hold_twenty_large_bodies() {
    let server = TestServer::builder().body_bytes(64 * 1024).start().await;
    let bench = Bench::on(server).await;
    let text = "x".repeat(3000);
    let items = (0..20).map(|id| {
        json!({ "id": id, "method": "PATCH", "url": bench.state,
            "headers": { "Content-Type": "application/json" }, "body": { "resultMessage": text } })
    });
    let batch = json!({ "requests": items.collect::<Vec<_>>() });
    let reply = bench
        .server
        .post("/$batch", &batch)
        .send()
        .await
        .expect(200)
        .json();
    for response in reply["responses"].as_array().unwrap() {
        assert_eq!(response["status"], 200);
    }
}
