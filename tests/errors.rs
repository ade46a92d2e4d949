//! Every status by which the service refuses, whole: status, headers and envelope.

use std::time::Duration;

use http::Method;
use runstate_server::auth::{IssuerConfig, issuer::Subject};
use runstate_testkit::{Reply, TENANT, TestServer, WRITES};
use serde_json::json;

const SCRIPTS: &str = "/deviceManagement/deviceShellScripts";

/// Checks what every refusal has in common, and shows it.
fn shown(reply: &Reply) -> String {
    let inner = &reply.json()["error"]["innerError"];
    let ids = [&inner["request-id"], &inner["client-request-id"]];
    assert_eq!(ids[0], reply.header("request-id"));
    assert_eq!(ids[1], reply.header("client-request-id"));
    assert!(!reply.header("date").is_empty());
    reply.shown()
}

#[tokio::test]
async fn bad_request_of_a_body() {
    let server = TestServer::start().await;
    let reply = server.post(SCRIPTS, &json!({ "name": "x" })).send().await;
    insta::assert_snapshot!(shown(&reply.expect(400)));
}

#[tokio::test]
async fn bad_request_of_a_query() {
    let server = TestServer::start().await;
    let path = format!("{SCRIPTS}?$filter=displayName%20eq");
    let reply = server.get(&path).send().await;
    insta::assert_snapshot!(shown(&reply.expect(400)));
}

#[tokio::test]
async fn bad_request_of_a_path() {
    let server = TestServer::start().await;
    let reply = server.get("/deviceManagement/deviceScripts").send().await;
    insta::assert_snapshot!(shown(&reply.expect(400)));
}

#[tokio::test]
async fn unauthorized_without_a_token() {
    let server = TestServer::start().await;
    let path = format!("/beta{SCRIPTS}");
    let reply = server.request(Method::GET, &path).send().await;
    insta::assert_snapshot!(shown(&reply.expect(401)));
}

#[tokio::test]
async fn unauthorized_with_a_token_that_has_expired() {
    let server = TestServer::start().await;
    server.get(SCRIPTS).send().await.expect(200);
    server.clock.advance(Duration::from_secs(3600));
    let reply = server.get(SCRIPTS).send().await;
    insta::assert_snapshot!(shown(&reply.expect(401)));
}

#[tokio::test]
async fn unauthorized_with_what_is_no_good_token() {
    let server = TestServer::start().await;
    let elsewhere = TestServer::start().await;
    let good = &server.token;
    let (head, rest) = good.split_once('.').unwrap();
    let (claims, signature) = rest.split_once('.').unwrap();
    // {"alg":"none"} and {"alg":"HS256"}.
    let none = format!("eyJhbGciOiJub25lIn0.{claims}.");
    let hmac = format!("eyJhbGciOiJIUzI1NiJ9.{claims}.{signature}");
    let flipped: String = signature.chars().rev().collect();
    for (what, header) in [
        ("another scheme", "Basic dXNlcjpwYXNz".to_owned()),
        ("no token", "Bearer".to_owned()),
        ("blanks", "Bearer   ".to_owned()),
        ("no JWT", "Bearer nonsense".to_owned()),
        ("two tokens", format!("Bearer {good} {good}")),
        ("no algorithm", format!("Bearer {none}")),
        ("an HMAC", format!("Bearer {hmac}")),
        ("no signature", format!("Bearer {head}.{claims}.")),
        (
            "another signature",
            format!("Bearer {head}.{claims}.{flipped}"),
        ),
        ("another server's", format!("Bearer {}", elsewhere.token)),
        ("other claims", format!("Bearer {head}.e30.{signature}")),
    ] {
        let request = server.request(Method::GET, &format!("/beta{SCRIPTS}"));
        let reply = request.header("Authorization", &header).send().await;
        assert_eq!(reply.status, 401, "{what}");
        assert_eq!(reply.code(), "InvalidAuthenticationToken", "{what}");
        let challenge = reply.header("www-authenticate");
        assert!(
            challenge.starts_with("Bearer realm=\"\""),
            "{what}: {challenge}"
        );
        shown(&reply);
    }
    // Of two tokens nobody can tell which is meant.
    let request = server.request(Method::GET, &format!("/beta{SCRIPTS}"));
    let reply = request.token("nonsense").token(good).send().await;
    shown(&reply.expect(400));
    // A token is not looked for anywhere else.
    let path = format!("/beta{SCRIPTS}?access_token={good}");
    server.request(Method::GET, &path).send().await.expect(401);
}

#[tokio::test]
async fn a_refused_token_is_refused_before_its_body_is_read() {
    let server = TestServer::start().await;
    let request =
        format!("POST /beta{SCRIPTS} HTTP/1.1\r\nHost: h\r\nContent-Length: 1000\r\n\r\n");
    server.send_bytes(request.as_bytes()).await.expect(401);
}

#[tokio::test]
async fn forbidden_without_the_permission() {
    let server = TestServer::start().await;
    let script = server.shell_script("x").await;
    let token = server.delegated(&["DeviceManagementConfiguration.Read.All"]);
    let path = format!("/beta{SCRIPTS}/{script}/deviceRunStates/s");
    let reply = server.request(Method::PATCH, &path).token(&token);
    let reply = reply.json(&json!({})).send().await;
    insta::assert_snapshot!(shown(&reply.expect(403)));
}

#[tokio::test]
async fn forbidden_to_personal_accounts() {
    let server = TestServer::start().await;
    let user_id = "33333333-3333-4333-8333-333333333333".to_owned();
    let tenant = "9188040d-6c67-4c5b-b112-36a304b66dad";
    let token = server.token_for(tenant, Subject::User { user_id }, WRITES);
    let reply = server
        .request(Method::GET, &format!("/beta{SCRIPTS}"))
        .token(&token);
    insta::assert_snapshot!(shown(&reply.send().await.expect(403)));
}

#[tokio::test]
async fn forbidden_to_devices() {
    let server = TestServer::start().await;
    let reply = server.request(Method::GET, &format!("/beta{SCRIPTS}"));
    let reply = reply.token(&server.device("d")).send().await;
    insta::assert_snapshot!(shown(&reply.expect(403)));
}

#[tokio::test]
async fn not_found() {
    let server = TestServer::start().await;
    let reply = server.get(&format!("{SCRIPTS}/missing")).send().await;
    insta::assert_snapshot!(shown(&reply.expect(404)));
}

#[tokio::test]
async fn not_found_in_the_directory() {
    let server = TestServer::start().await;
    let reply = server.get("/users/missing").send().await;
    insta::assert_snapshot!(shown(&reply.expect(404)));
}

#[tokio::test]
async fn method_not_allowed() {
    let server = TestServer::start().await;
    let reply = server.delete(SCRIPTS).send().await;
    insta::assert_snapshot!(shown(&reply.expect(405)));
}

#[tokio::test]
async fn not_acceptable() {
    let server = TestServer::start().await;
    let reply = server
        .get(SCRIPTS)
        .header("Accept", "text/html")
        .send()
        .await;
    insta::assert_snapshot!(shown(&reply.expect(406)));
}

#[tokio::test]
async fn request_timeout() {
    let server = TestServer::builder()
        .body_timeout(Duration::from_millis(20))
        .start()
        .await;
    let request = format!(
        "POST /beta{SCRIPTS} HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer {}\r\nContent-Length: 9\r\n\r\n{{",
        server.token
    );
    let reply = server.send_bytes(request.as_bytes()).await;
    insta::assert_snapshot!(shown(&reply.expect(408)));
}

#[tokio::test]
async fn conflict() {
    let server = TestServer::start().await;
    let script = server.shell_script("x").await;
    let states = format!("{SCRIPTS}/{script}/deviceRunStates");
    server.create(&states, &json!({ "id": "s" })).await;
    let reply = server.post(&states, &json!({ "id": "s" })).send().await;
    insta::assert_snapshot!(shown(&reply.expect(409)));
}

#[tokio::test]
async fn precondition_failed() {
    let server = TestServer::start().await;
    let script = server.shell_script("x").await;
    let patch = server.patch(&format!("{SCRIPTS}/{script}"), &json!({}));
    let reply = patch.header("If-Match", "W/\"77\"").send().await;
    insta::assert_snapshot!(shown(&reply.expect(412)));
}

#[tokio::test]
async fn request_entity_too_large() {
    let server = TestServer::builder().body_bytes(16).start().await;
    let reply = server.post(SCRIPTS, &json!({ "displayName": "too long" }));
    insta::assert_snapshot!(shown(&reply.send().await.expect(413)));
}

#[tokio::test]
async fn unsupported_media_type() {
    let server = TestServer::start().await;
    let reply = server.request(Method::POST, &format!("/beta{SCRIPTS}"));
    let reply = reply
        .token(&server.token)
        .raw("text/plain", "{}")
        .send()
        .await;
    insta::assert_snapshot!(shown(&reply.expect(415)));
}

#[tokio::test]
async fn too_many_requests() {
    let server = TestServer::builder().throttled().start().await;
    let missing = format!("{SCRIPTS}/missing");
    // Graph's documentation: an app may write 100 times in 20 seconds.
    for _ in 0..100 {
        server.delete(&missing).send().await.expect(404);
    }
    server.clock.advance(Duration::from_millis(4500));
    let reply = server.delete(&missing).send().await.expect(429);
    insta::assert_snapshot!(shown(&reply));
    // Reading goes on; so does another tenant; and after the time that was told, all does.
    server.get(SCRIPTS).send().await.expect(200);
    let other = "44444444-4444-4444-8444-444444444444";
    let token = server.token_for(other, Subject::Application, WRITES);
    let path = format!("/beta{missing}");
    let request = server.request(Method::DELETE, &path).token(&token);
    request.send().await.expect(404);
    let seconds = reply.header("retry-after").parse().unwrap();
    server.clock.advance(Duration::from_secs(seconds));
    server.delete(&missing).send().await.expect(404);
}

#[tokio::test]
async fn a_batch_is_throttled_by_what_it_holds() {
    let server = TestServer::builder().throttled().start().await;
    let items = (0..20).map(|id| {
        json!({ "id": id.to_string(), "method": "DELETE", "url": format!("{SCRIPTS}/missing") })
    });
    let batch = json!({ "requests": items.collect::<Vec<_>>() });
    for round in 0..6 {
        let reply = server
            .post("/$batch", &batch)
            .send()
            .await
            .expect(200)
            .json();
        let expected = if round < 5 { 404 } else { 429 };
        for response in reply["responses"].as_array().unwrap() {
            assert_eq!(response["status"], expected);
            let waits = response["headers"]["Retry-After"].is_string();
            assert_eq!(waits, expected == 429, "{response}");
        }
    }
}

#[tokio::test]
async fn internal_server_error_that_leaks_nothing() {
    let server = TestServer::start().await;
    let script = server.shell_script("x").await;
    let states = format!("{SCRIPTS}/{script}/deviceRunStates");
    server.create(&states, &json!({ "id": "s" })).await;
    server.sabotage("ALTER TABLE device_run_state RENAME TO gone");
    let reply = server.get(&states).send().await.expect(500);
    insta::assert_snapshot!(shown(&reply));
    for (method, path) in [
        (Method::GET, format!("{states}/s")),
        (Method::PATCH, format!("{states}/s")),
        (Method::DELETE, format!("{states}/s")),
        (Method::POST, states.clone()),
        (
            Method::GET,
            format!("{states}/$count?$filter=errorCode%20eq%201"),
        ),
        (Method::GET, format!("{SCRIPTS}?$expand=deviceRunStates")),
    ] {
        let request = server.request(method.clone(), &format!("/beta{path}"));
        let reply = request.token(&server.token).json(&json!({})).send().await;
        assert_eq!(reply.status, 500, "{method} {path}");
        shown(&reply);
        let told = reply.text().to_lowercase();
        for internal in [
            "sql",
            "table",
            "device_run_state",
            "database",
            "runstate.db",
            ".rs",
        ] {
            assert!(!told.contains(internal), "{method} {path}: {told}");
        }
    }
    // What does not touch it goes on.
    server.get("/users").send().await.expect(200);
    server.shell_script("y").await;
}

#[tokio::test]
async fn service_unavailable_while_an_issuer_cannot_be_reached() {
    // Port 9 of this machine, where nothing listens.
    let issuer = "http://127.0.0.1:9/realm";
    let config = IssuerConfig {
        issuer: issuer.to_owned(),
        audiences: vec!["runstate".to_owned()],
        tenant: Some(TENANT.to_owned()),
        ..IssuerConfig::default()
    };
    let server = TestServer::builder().trusting(config).start().await;
    // {"alg":"RS256","kid":"k"} . {"iss":"http://127.0.0.1:9/realm"} . "signature"
    let token = "eyJhbGciOiJSUzI1NiIsImtpZCI6ImsifQ.\
                 eyJpc3MiOiJodHRwOi8vMTI3LjAuMC4xOjkvcmVhbG0ifQ.c2lnbmF0dXJl";
    let request = server.request(Method::GET, &format!("/beta{SCRIPTS}"));
    let reply = request.token(token).send().await.expect(503);
    insta::assert_snapshot!(shown(&reply));
    // The built-in issuer's tokens are as good as ever.
    server.get(SCRIPTS).send().await.expect(200);
}

#[tokio::test]
async fn not_ready_without_the_store() {
    let server = TestServer::start().await;
    let ready = async || server.request(Method::GET, "/readyz").send().await;
    assert_eq!(ready().await.expect(200).text(), "ready\n");
    server.sabotage("DROP TABLE secret");
    assert_eq!(ready().await.expect(503).text(), "the store is not ready\n");
    let alive = server.request(Method::GET, "/healthz").send().await;
    assert_eq!(alive.expect(200).text(), "ok\n");
}

#[tokio::test]
async fn the_ids_of_a_request() {
    let server = TestServer::start().await;
    let is_guid = |text: &str| {
        let parts: Vec<usize> = text.split('-').map(str::len).collect();
        parts == [8, 4, 4, 4, 12] && text.chars().all(|c| c == '-' || c.is_ascii_hexdigit())
    };
    for path in [SCRIPTS, "/users/missing"] {
        let reply = server.get(path).send().await;
        let id = reply.header("request-id").to_owned();
        assert!(is_guid(&id), "{id}");
        assert_eq!(reply.header("client-request-id"), id);
        assert_ne!(server.get(path).send().await.header("request-id"), id);

        let given = "5a1e8c5e-0000-4000-8000-00000000cafe";
        let reply = server
            .get(path)
            .header("client-request-id", given)
            .send()
            .await;
        assert_eq!(reply.header("client-request-id"), given);
        assert_ne!(reply.header("request-id"), given);
        if reply.status != 200 {
            shown(&reply);
        }
        let word = "any word; even <this> \"one\"";
        let reply = server
            .get(path)
            .header("client-request-id", word)
            .send()
            .await;
        assert_eq!(reply.header("client-request-id"), word);

        for unfit in ["", &"x".repeat(257), "naïve"] {
            let reply = server
                .get(path)
                .header("client-request-id", unfit)
                .send()
                .await;
            let id = reply.header("request-id");
            assert_eq!(reply.header("client-request-id"), id, "{unfit}");
        }
    }
}

#[tokio::test]
async fn head_is_get_without_the_body() {
    let server = TestServer::start().await;
    let script = server.shell_script("x").await;
    for (path, status) in [
        (format!("{SCRIPTS}/{script}"), 200),
        (format!("{SCRIPTS}/missing"), 404),
        ("/users/$count".to_owned(), 200),
    ] {
        let get = server.get(&path).send().await.expect(status);
        let head = server.request(Method::HEAD, &format!("/beta{path}"));
        let head = head.token(&server.token).send().await.expect(status);
        assert!(head.body.is_empty());
        for name in ["content-type", "etag", "odata-version"] {
            assert_eq!(head.header(name), get.header(name), "{path} {name}");
        }
    }
    let head = server.request(Method::HEAD, &format!("/beta{SCRIPTS}"));
    assert!(head.send().await.expect(401).body.is_empty());
}

#[tokio::test]
async fn headers_that_cannot_be_are_refused() {
    let server = TestServer::start().await;
    for (name, value, status) in [
        ("OData-Version", "3.0", 400),
        ("OData-Version", "nonsense", 400),
        ("OData-MaxVersion", "3.0", 400),
        ("OData-MaxVersion", "4.0", 200),
        ("OData-MaxVersion", "4.01", 200),
        ("If-None-Match", "nonsense", 400),
        ("Accept", "application/xml", 406),
        ("Accept", "application/json;q=0", 406),
        ("Accept", "application/json;odata.metadata=most", 406),
        ("Accept", "text/html, application/json;q=0.1", 200),
        ("Accept", "*/*", 200),
        ("Accept-Language", "xx", 200),
        ("Prefer", "nonsense, odata.maxpagesize=x", 200),
    ] {
        let script = server.shell_script("x").await;
        let path = format!("{SCRIPTS}/{script}");
        let reply = server.get(&path).header(name, value).send().await;
        assert_eq!(reply.status, status, "{name}: {value} {}", reply.text());
        if status >= 400 {
            shown(&reply);
        }
    }
}
