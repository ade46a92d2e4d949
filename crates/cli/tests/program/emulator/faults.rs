//! Faults: by rule and by header, in batches, after the deed, and held up.

use std::{
    io::{Read, Write},
    net::TcpStream,
};

use http::Method;
use serde_json::{Value, json};

use super::SCRIPTS;
use crate::start::Demo;

#[tokio::test]
async fn a_rule_answers_as_graph_does() {
    let demo = Demo::emulate(&["--freeze-clock"]);
    demo.set_faults(json!([
        { "id": "busy", "method": "GET", "path": SCRIPTS, "status": 503, "retryAfter": 7, "times": 1 },
        { "id": "slow", "path": "/**/deviceRunStates/**", "status": 429 },
        { "id": "late", "path": "/users", "status": 504, "code": "UnknownError", "message": "Late." },
    ]))
    .await;

    let url = demo.url(SCRIPTS);
    let request = demo
        .http
        .request(Method::GET, &url)
        .token(demo.text("token"));
    let reply = request
        .header("client-request-id", "mine")
        .send()
        .await
        .expect(503);
    assert_eq!(reply.headers["retry-after"], "7");
    assert_eq!(reply.headers["client-request-id"], "mine");
    assert_eq!(reply.headers["date"], "Sat, 31 Jan 2026 12:00:00 GMT");
    let mut body = reply.json();
    assert_eq!(
        body["error"]["innerError"]["request-id"],
        reply.headers["request-id"].to_str().unwrap()
    );
    body["error"]["innerError"]["request-id"].take();
    assert_eq!(
        body,
        json!({ "error": {
            "code": "ServiceUnavailable",
            "message": "This fault was injected.",
            "innerError": { "date": "2026-01-31T12:00:00", "request-id": null, "client-request-id": "mine" },
        }})
    );
    demo.get(SCRIPTS).await.expect(200);

    let reply = demo
        .get(&format!("{SCRIPTS}/1/deviceRunStates"))
        .await
        .expect(429);
    assert_eq!(
        (reply.code(), &reply.headers["retry-after"]),
        ("TooManyRequests".to_owned(), &"1".parse().unwrap())
    );
    let reply = demo.get("/users").await.expect(504);
    assert_eq!(reply.code(), "UnknownError");
    assert!(!reply.headers.contains_key("retry-after"));

    let faults = demo
        .control(Method::GET, "/faults", None)
        .await
        .expect(200)
        .json();
    let injected: Vec<_> = faults["faults"]
        .as_array()
        .unwrap()
        .iter()
        .map(|rule| rule["injected"].clone())
        .collect();
    assert_eq!(injected, [1, 1, 1]);
    let noted = demo.requests("?fault=busy").await;
    assert_eq!((noted.len(), &noted[0]["status"]), (1, &json!(503)));
}

#[tokio::test]
async fn rules_are_added_and_taken_away_one_by_one() {
    let demo = Demo::emulate(&[]);
    let add = json!({ "path": SCRIPTS, "status": 500 });
    let rule = demo
        .control(Method::POST, "/faults", Some(&add))
        .await
        .expect(201)
        .json();
    demo.get(SCRIPTS).await.expect(500);
    let page = format!("/faults/{}", rule["id"].as_str().unwrap());
    demo.control(Method::DELETE, &page, None).await.expect(204);
    demo.control(Method::DELETE, &page, None).await.expect(404);
    demo.get(SCRIPTS).await.expect(200);
    demo.control(Method::POST, "/faults", Some(&add))
        .await
        .expect(201);
    demo.control(Method::DELETE, "/faults", None)
        .await
        .expect(204);
    demo.get(SCRIPTS).await.expect(200);
    let wrong = demo
        .control(Method::POST, "/faults", Some(&json!({ "status": 200 })))
        .await;
    assert!(wrong.expect(400).text().contains("400 to 599"));
}

#[tokio::test]
async fn a_file_has_the_rules_of_every_start() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("faults.toml");
    let text =
        format!("[[faults]]\npath = '{SCRIPTS}'\nstatus = 503\nretry-after = 3\ntimes = 1\n");
    std::fs::write(&file, text).unwrap();
    let demo = Demo::emulate(&["--faults", file.to_str().unwrap()]);
    for _ in 0..2 {
        let reply = demo.get(SCRIPTS).await.expect(503);
        assert_eq!(reply.headers["retry-after"], "3");
        demo.get(SCRIPTS).await.expect(200);
        demo.control(Method::POST, "/reset", None).await.expect(200);
    }
}

#[tokio::test]
async fn a_header_asks_for_a_fault_of_its_request() {
    let demo = Demo::emulate(&[]);
    let ask = |fault: &'static str| {
        let request = demo.http.request(Method::GET, &demo.url(SCRIPTS));
        request
            .token(demo.text("token"))
            .header("Emulator-Fault", fault)
            .send()
    };
    ask("status=503; retry-after=2").await.expect(503);
    ask("status=503; id=once; times=1").await.expect(503);
    ask("status=503; id=once; times=1").await.expect(200);
    let wrong = ask("colour=red").await.expect(400);
    assert!(wrong.text().contains("colour=red"));
    demo.get(SCRIPTS).await.expect(200);
}

#[tokio::test]
async fn requests_within_a_batch_meet_faults_of_their_own() {
    let demo = Demo::emulate(&[]);
    demo.set_faults(json!([
        { "path": "/users", "status": 429, "retryAfter": 4 },
        { "path": "/groups", "drop": true },
    ]))
    .await;
    let batch = json!({ "requests": [
        { "id": "1", "method": "GET", "url": "/users" },
        { "id": "2", "method": "GET", "url": "/groups" },
        { "id": "3", "method": "GET", "url": SCRIPTS, "headers": { "Emulator-Fault": "status=500" } },
    ]});
    let request = demo.http.request(Method::POST, &demo.url("/$batch"));
    let reply = request
        .token(demo.text("token"))
        .json(&batch)
        .send()
        .await
        .expect(200)
        .json();
    let mut responses: Vec<Value> = reply["responses"].as_array().unwrap().clone();
    responses.sort_by_key(|response| response["id"].to_string());
    assert_eq!(responses[0]["status"], 429);
    assert_eq!(responses[0]["headers"]["Retry-After"], "4");
    assert_eq!(responses[0]["body"]["error"]["code"], "TooManyRequests");
    assert_eq!(responses[1]["status"], 200);
    assert_eq!(responses[2]["status"], 500);
    let noted = demo.requests("?status=429").await;
    assert_eq!(
        (&noted[0]["batchRequestId"], &noted[0]["fault"]),
        (&json!("1"), &json!("rule-1"))
    );
}

#[tokio::test]
async fn a_dropped_connection_ends_without_a_byte() {
    let demo = Demo::emulate(&[]);
    demo.set_faults(json!([{ "drop": true }])).await;
    let address = demo.text("baseUrl").strip_prefix("http://").unwrap();
    let address = address.strip_suffix("/beta").unwrap();
    let mut connection = TcpStream::connect(address).unwrap();
    let request = format!("GET /beta{SCRIPTS} HTTP/1.1\r\nHost: {address}\r\n\r\n");
    connection.write_all(request.as_bytes()).unwrap();
    let mut answer = Vec::new();
    // The end may come as a reset, too.
    let _ = connection.read_to_end(&mut answer);
    assert_eq!(String::from_utf8_lossy(&answer), "");
    let noted = demo.requests("?fault=rule-1").await;
    assert_eq!((noted.len(), &noted[0]["status"]), (1, &Value::Null));
}

#[tokio::test]
async fn after_the_deed_only_the_answer_is_lost() {
    let demo = Demo::emulate(&[]);
    demo.set_faults(json!([
        { "method": "POST", "path": SCRIPTS, "status": 504, "stage": "after", "times": 1 },
        { "method": "POST", "path": SCRIPTS, "drop": true, "stage": "after", "times": 1 },
        { "method": "POST", "path": SCRIPTS, "status": 503, "times": 1 },
    ]))
    .await;
    let count = || async {
        let reply = demo.get(&format!("{SCRIPTS}/$count")).await;
        reply.expect(200).text().parse::<u32>().unwrap()
    };
    let script = json!({ "displayName": "Made twice" });
    let post = || {
        let request = demo.http.request(Method::POST, &demo.url(SCRIPTS));
        request.token(demo.text("token")).json(&script).try_send()
    };
    let before = count().await;
    post().await.unwrap().expect(504);
    assert_eq!(count().await, before + 1);
    assert!(post().await.is_none());
    assert_eq!(count().await, before + 2);
    post().await.unwrap().expect(503);
    assert_eq!(count().await, before + 2);
}

#[tokio::test]
async fn the_token_endpoint_fails_in_its_own_words() {
    let demo = Demo::emulate(&[]);
    demo.set_faults(json!([{ "path": "/*/oauth2/v2.0/token", "status": 503, "retryAfter": 2 }]))
        .await;
    let root = demo.text("baseUrl").strip_suffix("beta").unwrap();
    let url = format!("{root}{}/oauth2/v2.0/token", demo.text("tenantId"));
    let request = demo.http.request(Method::POST, &url);
    let reply = request
        .raw("application/x-www-form-urlencoded", "a=b")
        .send()
        .await
        .expect(503);
    assert_eq!(reply.headers["retry-after"], "2");
    assert_eq!(reply.json()["error"], "temporarily_unavailable");
}

/// Held up for a day, so that only what lets it go can end the test.
#[tokio::test]
async fn a_request_is_held_up_until_its_time_or_the_rule_s_end() {
    let demo = Demo::emulate(&[]);
    let rule = json!([{ "id": "slow", "path": SCRIPTS, "delayMs": 86_400_000 }]);
    for way in ["faults", "reset"] {
        demo.set_faults(rule.clone()).await;
        let held = demo.get(SCRIPTS);
        let let_go = async {
            while demo.requests("?fault=slow").await.is_empty() {
                tokio::task::yield_now().await;
            }
            let noted = demo.requests("?fault=slow").await;
            assert_eq!(noted[0]["status"], Value::Null);
            match way {
                "faults" => demo
                    .control(Method::DELETE, "/faults", None)
                    .await
                    .expect(204),
                _ => demo.control(Method::POST, "/reset", None).await.expect(200),
            };
        };
        let (held, ()) = tokio::join!(held, let_go);
        held.expect(200);
        demo.control(Method::DELETE, "/requests", None)
            .await
            .expect(204);
    }
    demo.set_faults(json!([{ "path": SCRIPTS, "delayMs": 1, "status": 503 }]))
        .await;
    demo.get(SCRIPTS).await.expect(503);
}

#[tokio::test]
async fn who_is_held_up_does_not_hold_up_the_end() {
    let mut demo = Demo::emulate(&[]);
    demo.set_faults(json!([{ "id": "slow", "path": SCRIPTS, "delayMs": 86_400_000 }]))
        .await;
    let (http, url, token) = (
        demo.http.clone(),
        demo.url(SCRIPTS),
        demo.text("token").to_owned(),
    );
    let held =
        tokio::spawn(async move { http.request(Method::GET, &url).token(&token).send().await });
    while demo.requests("?fault=slow").await.is_empty() {
        tokio::task::yield_now().await;
    }
    demo.process.signal("TERM");
    held.await.unwrap().expect(200);
    assert!(demo.process.wait().success());
}
