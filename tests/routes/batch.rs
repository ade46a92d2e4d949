//! `POST /$batch`.

use runstate_testkit::{READS, TestServer};
use serde_json::{Value, json};

const SCRIPTS: &str = "/deviceManagement/deviceShellScripts";

fn get(id: &str, url: &str) -> Value {
    json!({ "id": id, "method": "GET", "url": url })
}

fn create(id: &str, name: &str) -> Value {
    json!({
        "id": id, "method": "POST", "url": SCRIPTS, "body": { "displayName": name },
        "headers": { "Content-Type": "application/json" },
    })
}

async fn refused(server: &TestServer, requests: Value) -> String {
    let body = json!({ "requests": requests });
    let reply = server.post("/$batch", &body).send().await.expect(400);
    assert_eq!(reply.code(), "BadRequest");
    reply.message()
}

#[tokio::test]
async fn mixed_requests_have_answers_of_their_own() {
    let server = TestServer::start().await;
    let script = server.shell_script("Run").await;
    let one = format!("{SCRIPTS}/{script}");
    let responses = server
        .batch(&json!([
            get("1", &format!("{one}?$expand=assignments")),
            create("2", "New"),
            { "id": "3", "method": "patch", "url": one, "body": { "description": "d" }, "headers": { "content-type": "application/json" } },
            { "id": "4", "method": "DELETE", "url": format!("{SCRIPTS}/absent") },
            get("5", "/nothing"),
            get("6", &format!("{one}/runSummary?$select=successDeviceCount")),
            { "id": "7", "method": "PUT", "url": one },
            get("8", &format!("{SCRIPTS}?$filter=displayName eq")),
            { "id": "9", "method": "POST", "url": format!("{one}/assign"), "body": {}, "headers": { "Content-Type": "application/json" } },
            { "id": "10", "method": "PATCH", "url": one, "body": { "description": "d" }, "headers": { "Content-Type": "application/json", "If-Match": "\"0\"" } },
            { "id": "11", "method": "BREW it", "url": one },
        ]))
        .await;
    let statuses: Vec<_> = (1..=11)
        .map(|id| responses[&id.to_string()]["status"].as_u64().unwrap())
        .collect();
    assert_eq!(
        statuses,
        [200, 201, 200, 404, 400, 200, 405, 400, 204, 412, 400]
    );
    let root = server.root();
    let context = &responses["1"]["body"]["@odata.context"];
    assert_eq!(
        context,
        &json!(format!(
            "{root}/$metadata#deviceManagement/deviceShellScripts(assignments())/$entity"
        ))
    );
    let location = responses["2"]["headers"]["Location"].as_str().unwrap();
    assert_eq!(server.read(location).await["displayName"], "New");
    assert_eq!(responses["4"]["body"]["error"]["code"], "ResourceNotFound");
    assert_eq!(responses["7"]["headers"]["Allow"], "GET, PATCH, DELETE");
    assert_eq!(
        responses["8"]["body"]["error"]["code"],
        "Request_BadRequest"
    );
    assert!(responses["9"].get("body").is_none());
    for id in ["1", "4"] {
        let content_type = responses[id]["headers"]["Content-Type"].as_str().unwrap();
        assert!(content_type.starts_with("application/json"));
    }
}

#[tokio::test]
async fn twenty_requests_and_no_more() {
    let server = TestServer::start().await;
    let requests = |count: usize| -> Value {
        (0..count)
            .map(|id| create(&id.to_string(), "Many"))
            .collect()
    };
    assert!(refused(&server, requests(21)).await.contains("20"));
    refused(&server, json!([])).await;
    assert!(server.ids(SCRIPTS).await.is_empty());
    let responses = server.batch(&requests(20)).await;
    assert!(responses.values().all(|response| response["status"] == 201));
    assert_eq!(server.ids(SCRIPTS).await.len(), 20);
}

#[tokio::test]
async fn a_request_waits_for_those_it_depends_on() {
    let server = TestServer::start().await;
    let users = "/users/";
    let put = |id: &str, name: &str, after: Value| {
        json!({
            "id": id, "method": "POST", "url": "users", "body": { "displayName": name }, "dependsOn": after,
            "headers": { "Content-Type": "application/json" },
        })
    };
    let count = |id: &str, after: Value| json!({ "id": id, "method": "GET", "url": "/users?$count=true&$top=1", "dependsOn": after });
    let responses = server
        .batch(&json!([
            count("last", json!(["c"])),
            put("c", "C", json!(["b", "a"])),
            count("middle", json!(["b"])),
            put("b", "B", json!(["middle0"])),
            count("middle0", json!(["a"])),
            put("a", "A", json!(["first"])),
            count("first", json!([])),
        ]))
        .await;
    let counted = |id: &str| responses[id]["body"]["@odata.count"].as_u64().unwrap();
    assert_eq!(counted("first"), 0);
    assert_eq!(counted("middle0"), 1);
    assert!(counted("middle") >= 2);
    assert_eq!(counted("last"), 3);
    assert_eq!(server.ids(users).await.len(), 3);
}

#[tokio::test]
async fn what_depends_on_a_failure_is_not_run() {
    let server = TestServer::start().await;
    let mut second = create("2", "Not to be");
    second["dependsOn"] = json!(["1"]);
    let mut third = create("3", "Nor this");
    third["dependsOn"] = json!(["2"]);
    let mut fourth = create("4", "But this");
    fourth["dependsOn"] = json!(["5"]);
    let requests = json!([
        get("1", "/deviceManagement/deviceShellScripts/absent"),
        second,
        third,
        fourth,
        get("5", SCRIPTS)
    ]);
    let responses = server.batch(&requests).await;
    assert_eq!(responses["1"]["status"], 404);
    for id in ["2", "3"] {
        assert_eq!(responses[id]["status"], 424);
        assert_eq!(responses[id]["body"]["error"]["code"], "FailedDependency");
    }
    assert_eq!(responses["4"]["status"], 201);
    assert_eq!(
        server.read(SCRIPTS).await["value"][0]["displayName"],
        "But this"
    );
}

#[tokio::test]
async fn a_batch_that_is_wrong_runs_nothing() {
    let server = TestServer::start().await;
    let after = |id: &str, depends_on: Value| {
        let mut request = create(id, "Not to be");
        request["dependsOn"] = depends_on;
        request
    };
    let fine = create("fine", "Not to be");
    for wrong in [
        json!([fine, create("fine", "Not to be")]),
        json!([fine, create("", "Not to be")]),
        json!([fine, after("a", json!(["absent"]))]),
        json!([fine, after("a", json!(["a"]))]),
        json!([
            fine,
            after("a", json!(["b"])),
            after("b", json!(["c"])),
            after("c", json!(["a"]))
        ]),
        json!([fine, { "method": "GET", "url": "/users" }]),
        json!([fine, { "id": "a", "url": "/users" }]),
        json!([fine, { "id": "a", "method": "GET" }]),
        json!([fine, { "id": true, "method": "GET", "url": "/users" }]),
        json!([fine, 7]),
        json!({}),
        json!(null),
    ] {
        refused(&server, wrong).await;
    }
    server
        .post("/$batch", &json!([fine]))
        .send()
        .await
        .expect(400);
    let text = server
        .post("/$batch", &Value::Null)
        .raw("text/plain", "{}")
        .send()
        .await;
    assert!(matches!(text.status.as_u16(), 400 | 415), "{}", text.text());
    assert!(server.ids(SCRIPTS).await.is_empty());
    let reply = server.get("/$batch").send().await.expect(405);
    assert_eq!(reply.header("allow"), "POST");
}

#[tokio::test]
async fn ids_may_be_numbers_and_urls_of_every_form() {
    let server = TestServer::start().await;
    let script = server.shell_script("Run").await;
    for url in [
        format!("{SCRIPTS}/{script}"),
        format!("deviceManagement/deviceShellScripts/{script}"),
        format!("deviceManagement/deviceShellScripts('{script}')/"),
        format!("{}{SCRIPTS}/{script}", server.root()),
        format!("https://graph.microsoft.com/beta{SCRIPTS}/{script}?$select=id"),
    ] {
        let responses = server
            .batch(&json!([{ "id": 1, "method": "GET", "url": url }]))
            .await;
        assert_eq!(responses["1"]["status"], 200, "{url}");
        assert_eq!(responses["1"]["body"]["id"], script, "{url}");
    }
    for url in [
        "https://graph.microsoft.com/v1.0/users",
        "https://elsewhere/",
        "https://elsewhere/beta2/users",
        "/beta/users",
        "",
    ] {
        let responses = server.batch(&json!([get("1", url)])).await;
        assert!(
            responses["1"]["status"] == 400 || url.is_empty(),
            "{url}: {}",
            responses["1"]
        );
    }
}

#[tokio::test]
async fn links_in_the_answers_lead_on() {
    let server = TestServer::builder().page_size(1).start().await;
    server.shell_script("A").await;
    server.shell_script("B").await;
    let responses = server
        .batch(&json!([get(
            "1",
            "deviceManagement/deviceShellScripts?$orderby=displayName"
        )]))
        .await;
    let next = responses["1"]["body"]["@odata.nextLink"].as_str().unwrap();
    let page = server.read(next).await;
    assert_eq!(page["value"][0]["displayName"], "B");
}

#[tokio::test]
async fn urls_need_no_encoding_but_links_in_the_answers_have_it() {
    let server = TestServer::builder().page_size(1).start().await;
    for name in ["Größe 1", "Größe 2", "Other"] {
        let script = server.shell_script(name).await;
        let states = format!("{SCRIPTS}/{script}/deviceRunStates");
        for id in ["é", "ü"] {
            server.create(&states, &json!({ "id": id })).await;
        }
    }
    let filter = "startswith(displayName,'Größe ') and displayName ne \"{}\"".replace('"', "'");
    let url = format!(
        "{SCRIPTS}?$filter={filter}&$orderby=displayName desc&$search=\"größe\"&$expand=deviceRunStates($filter=id ne '<>';$top=1)"
    );
    let responses = server.batch(&json!([get("1", &url)])).await;
    let body = &responses["1"]["body"];
    assert_eq!(body["value"][0]["displayName"], "Größe 2", "{body}");
    let next = body["@odata.nextLink"].as_str().unwrap();
    let nested = body["value"][0]["deviceRunStates@odata.nextLink"]
        .as_str()
        .unwrap();
    for link in [next, nested] {
        let illegal = |c: char| !c.is_ascii_graphic() || "\"<>\\^`{|}".contains(c);
        assert!(!link.contains(illegal), "{link}");
    }
    assert_eq!(
        server.read(next).await["value"][0]["displayName"],
        "Größe 1"
    );
    assert_eq!(server.ids(nested).await, ["ü"]);
}

#[tokio::test]
async fn what_is_not_json_is_base64() {
    let server = TestServer::start().await;
    let responses = server
        .batch(&json!([
            get("count", "/deviceManagement/deviceShellScripts/$count"),
            get("schema", "/$metadata"),
            { "id": "text", "method": "POST", "url": SCRIPTS, "body": "e30=", "headers": { "Content-Type": "text/plain" } },
            { "id": "not base64", "method": "POST", "url": SCRIPTS, "body": {}, "headers": { "Content-Type": "text/plain" } },
            { "id": "none", "method": "POST", "url": SCRIPTS },
        ]))
        .await;
    assert_eq!(responses["count"]["body"], "MA==");
    assert!(
        responses["count"]["headers"]["Content-Type"]
            .as_str()
            .unwrap()
            .starts_with("text/plain")
    );
    // The beginning of `<?xml`.
    assert!(
        responses["schema"]["body"]
            .as_str()
            .unwrap()
            .starts_with("PD94bW")
    );
    assert_eq!(responses["text"]["status"], 415);
    assert_eq!(responses["not base64"]["status"], 400);
    assert_eq!(responses["none"]["status"], 400);
}

#[tokio::test]
async fn each_request_needs_its_own_permission() {
    let server = TestServer::start().await;
    let reader = server.delegated(READS);
    let body = json!({ "requests": [get("read", SCRIPTS), create("write", "Not to be")] });
    let reply = server
        .request(http::Method::POST, "/beta/$batch")
        .token(&reader)
        .json(&body)
        .send()
        .await
        .expect(200)
        .json();
    let status = |id: &str| {
        let mut responses = reply["responses"].as_array().unwrap().iter();
        responses.find(|response| response["id"] == id).unwrap()["status"].clone()
    };
    assert_eq!(status("read"), 200);
    assert_eq!(status("write"), 403);
    server
        .request(http::Method::POST, "/beta/$batch")
        .json(&body)
        .send()
        .await
        .expect(401);
}

#[tokio::test]
async fn no_batch_within_a_batch() {
    let server = TestServer::start().await;
    let inner = json!({ "requests": [create("1", "Not to be")] });
    let outer = json!([
        { "id": "1", "method": "POST", "url": "/$batch", "body": inner, "headers": { "Content-Type": "application/json" } },
    ]);
    let responses = server.batch(&outer).await;
    assert_eq!(responses["1"]["status"], 400);
    assert!(server.ids(SCRIPTS).await.is_empty());
}

#[tokio::test]
async fn duplicate_names_in_a_body_are_refused_as_outside_a_batch() {
    let server = TestServer::start().await;
    let text = r#"{"requests":[{"id":"1","method":"POST","url":"/deviceManagement/deviceShellScripts",
        "headers":{"Content-Type":"application/json"},"body":{"displayName":"a","displayName":"b"}}]}"#;
    let reply = server
        .post("/$batch", &Value::Null)
        .raw("application/json", text)
        .send()
        .await
        .expect(200);
    assert_eq!(reply.json()["responses"][0]["status"], 400);
}
