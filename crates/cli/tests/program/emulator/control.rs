//! Who may control the stand-in, resets, and what is noted.

use std::process::Stdio;

use http::Method;
use serde_json::{Value, json};

use super::SCRIPTS;
use crate::{
    agent::appears,
    start::{Demo, Process, runstate},
};

const PAGES: [(Method, &str); 11] = [
    (Method::GET, ""),
    (Method::POST, "/reset"),
    (Method::GET, "/clock"),
    (Method::PUT, "/clock"),
    (Method::GET, "/faults"),
    (Method::PUT, "/faults"),
    (Method::POST, "/faults"),
    (Method::DELETE, "/faults"),
    (Method::DELETE, "/faults/rule-1"),
    (Method::GET, "/requests"),
    (Method::DELETE, "/requests"),
];

#[tokio::test]
async fn control_is_for_who_has_its_token() {
    let demo = Demo::emulate(&[]);
    for (method, page) in PAGES {
        let url = format!("{}{page}", demo.text("controlUrl"));
        for token in [None, Some("wrong"), Some(demo.text("token"))] {
            let request = demo.http.request(method.clone(), &url);
            let request = match token {
                Some(token) => request.token(token),
                None => request,
            };
            let reply = request.send().await;
            assert_eq!(reply.status.as_u16(), 401, "{method} {page} {token:?}");
            assert_eq!(reply.code(), "Unauthorized");
        }
    }
    // Nor is it known to who has not what there is and what there isn't.
    let nowhere = format!("{}/nowhere", demo.text("controlUrl"));
    demo.http
        .request(Method::GET, &nowhere)
        .send()
        .await
        .expect(401);
    demo.control(Method::GET, "/nowhere", None)
        .await
        .expect(404);
    demo.control(Method::POST, "/clock", None).await.expect(405);
}

#[tokio::test]
async fn control_is_for_this_machine_alone() {
    // The only address of another kind that every machine has is its own on the network.
    let Some(address) = own_address() else {
        assert!(std::env::var_os("CI").is_none(), "no network");
        println!("skipped: the machine has no address but loopback");
        return;
    };
    let demo = Demo::emulate(&["--listen", "0.0.0.0:0"]);
    let port = demo.text("baseUrl").rsplit(':').next().unwrap();
    let port = port.strip_suffix("/beta").unwrap();
    let url = |host: &str, page: &str| format!("http://{host}:{port}{page}");
    let overview = |host: String| {
        let request = demo.http.request(Method::GET, &url(&host, "/emulator"));
        request.token(demo.text("controlToken")).send()
    };
    overview(address.clone()).await.expect(403);
    overview("127.0.0.1".to_owned()).await.expect(200);
    let scripts = demo
        .http
        .request(Method::GET, &url(&address, &format!("/beta{SCRIPTS}")));
    scripts.token(demo.text("token")).send().await.expect(200);
}

/// The address by which this machine would reach others; no packet is sent to find it.
fn own_address() -> Option<String> {
    let socket = std::net::UdpSocket::bind("0.0.0.0:0").ok()?;
    socket.connect("192.0.2.1:9").ok()?;
    let address = socket.local_addr().ok()?.ip();
    (!address.is_loopback()).then(|| address.to_string())
}

#[tokio::test]
async fn without_the_flag_there_is_no_control() {
    let demo = Demo::start(&[]);
    let root = demo.text("baseUrl").strip_suffix("/beta").unwrap();
    for (method, page) in PAGES {
        let request = demo.http.request(method, &format!("{root}/emulator{page}"));
        let reply = request.token(demo.text("token")).send().await.expect(400);
        assert!(reply.text().contains("Invalid version"), "{}", reply.text());
    }
    assert!(demo.ready["controlToken"].is_null());
    let mut faulty = demo.http.request(Method::GET, &demo.url(SCRIPTS));
    faulty = faulty
        .token(demo.text("token"))
        .header("Emulator-Fault", "status=503");
    faulty.send().await.expect(200);
}

/// All that a client can see of the data: what is there, and what comes to be.
async fn told(demo: &Demo) -> Vec<Value> {
    let mut all = vec![demo.new_script().await];
    for path in [
        "/deviceManagement/managedDevices?$top=1000",
        "/users?$top=1000",
        "/groups?$expand=members",
        "/deviceManagement/deviceShellScripts?$expand=assignments,deviceRunStates,runSummary",
        "/deviceManagement/deviceManagementScripts?$expand=assignments,deviceRunStates",
    ] {
        let mut page = demo.get(path).await.expect(200).json();
        // What tells the port.
        page["@odata.context"].take();
        page["@odata.nextLink"].take();
        let text = page.to_string();
        let root = demo.text("baseUrl").to_owned();
        all.push(serde_json::from_str(&text.replace(&root, "")).unwrap());
    }
    let mut first = all[0].clone();
    first["@odata.context"].take();
    all[0] = first;
    all
}

#[tokio::test]
async fn a_reset_and_another_process_have_the_same_ids_and_dates() {
    let arguments = [
        "--seed",
        "5",
        "--users",
        "9",
        "--devices",
        "14",
        "--freeze-clock",
    ];
    let demo = Demo::emulate(&arguments);
    let before = told(&demo).await;
    assert_eq!(before[1]["value"].as_array().unwrap().len(), 14);
    assert_eq!(before[2]["value"].as_array().unwrap().len(), 9);
    assert_ne!(told(&demo).await, before);

    let devices = demo.url("/deviceManagement/managedDevices");
    let id = before[1]["value"][0]["id"].as_str().unwrap();
    let delete = demo
        .http
        .request(Method::DELETE, &format!("{devices}/{id}"));
    delete.token(demo.text("token")).send().await.expect(204);
    demo.set_faults(json!([{ "status": 503 }])).await;
    demo.control(Method::PUT, "/clock", Some(&json!({ "advance": "P1D" })))
        .await
        .expect(200);

    for _ in 0..3 {
        let overview = demo
            .control(Method::POST, "/reset", None)
            .await
            .expect(200)
            .json();
        assert_eq!(overview["clock"]["now"], "2026-01-31T12:00:00Z");
        assert_eq!(overview["faults"], json!([]));
        assert!(demo.requests("").await.is_empty());
        assert_eq!(told(&demo).await, before);
    }
    let again = Demo::emulate(&arguments);
    assert_eq!(told(&again).await, before);
    assert_eq!(again.text("clientId"), demo.text("clientId"));
    let other = Demo::emulate(&[
        "--seed",
        "6",
        "--users",
        "9",
        "--devices",
        "14",
        "--freeze-clock",
    ]);
    assert_ne!(told(&other).await, before);
}

#[tokio::test]
async fn only_the_present_data_are_kept_and_none_when_it_ends() {
    let folder = tempfile::tempdir().unwrap();
    let ready = folder.path().join("ready.json");
    let mut command = runstate();
    command.env("TMPDIR", folder.path()).stdout(Stdio::null());
    command.args([
        "demo",
        "--emulate",
        "--devices",
        "3",
        "--listen",
        "127.0.0.1:0",
    ]);
    command.arg("--ready-file").arg(&ready);
    let mut process = command.spawn().map(Process).unwrap();
    appears(&ready).await;
    let ready: Value = serde_json::from_slice(&std::fs::read(ready).unwrap()).unwrap();
    let text = |name: &str| ready[name].as_str().unwrap().to_owned();
    let http = runstate_testkit::Http::new();
    for _ in 0..5 {
        let reset = http.request(Method::POST, &format!("{}/reset", text("controlUrl")));
        reset.token(&text("controlToken")).send().await.expect(200);
    }
    process.signal("TERM");
    assert!(process.wait().success());
    let left: Vec<_> = std::fs::read_dir(folder.path()).unwrap().collect();
    assert_eq!(left.len(), 1, "{left:?}");
}

#[tokio::test]
async fn requests_are_noted_without_their_secrets() {
    let demo = Demo::emulate(&[]);
    demo.control(Method::DELETE, "/requests", None)
        .await
        .expect(204);
    let created = demo.new_script().await;
    demo.get(&format!("{SCRIPTS}/nothing?$select=id"))
        .await
        .expect(404);
    let batch = json!({ "requests": [
        { "id": "a", "method": "GET", "url": "/users?$top=1" },
        { "id": "b", "method": "GET", "url": "/nowhere" },
    ]});
    let request = demo.http.request(Method::POST, &demo.url("/$batch"));
    request
        .token(demo.text("token"))
        .json(&batch)
        .send()
        .await
        .expect(200);
    let root = demo.text("baseUrl").strip_suffix("beta").unwrap();
    let form = format!("client_secret={}", demo.text("clientSecret"));
    let url = format!("{root}contoso/oauth2/v2.0/token");
    let request = demo.http.request(Method::POST, &url);
    request
        .raw("application/x-www-form-urlencoded", form)
        .send()
        .await
        .expect(400);

    let all = demo.requests("").await;
    let of = |at: usize, name: &str| all[at][name].clone();
    assert_eq!(all.len(), 6);
    assert_eq!(of(0, "method"), "POST");
    assert_eq!(of(0, "path"), format!("/beta{SCRIPTS}"));
    assert_eq!(of(0, "body")["displayName"], created["displayName"]);
    assert_eq!(of(0, "status"), 201);
    assert_eq!(of(0, "headers")["content-type"], "application/json");
    assert_eq!(
        (of(1, "query"), of(1, "status")),
        ("$select=id".into(), 404.into())
    );
    assert_eq!(
        (of(2, "path"), of(2, "status")),
        ("/beta/$batch".into(), 200.into())
    );
    let number = of(2, "number");
    for (at, id, path, status) in [(3, "a", "/beta/users", 200), (4, "b", "/beta/nowhere", 400)] {
        assert_eq!(of(at, "batch"), number);
        assert_eq!(of(at, "batchRequestId"), id);
        assert_eq!(
            (of(at, "path"), of(at, "status")),
            (path.into(), status.into())
        );
    }
    let text = serde_json::to_string(&all).unwrap();
    for secret in ["token", "readToken", "clientSecret", "controlToken"] {
        assert!(!text.contains(demo.text(secret)), "{secret}");
    }
    let posts = demo
        .requests("?method=POST&path=/deviceManagement/**")
        .await;
    assert_eq!(posts.len(), 1);
    demo.control(Method::GET, "/requests?colour=red", None)
        .await
        .expect(400);
}

#[test]
fn what_cannot_be_emulated_says_why() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let cases: [(&[&str], &str); 7] = [
        (&["--emulate", "--data", "x.db"], "cannot be used with"),
        (&["--throttle-scale", "0.5"], "--emulate"),
        (&["--emulate", "--throttle-scale", "0"], "above 0"),
        (&["--emulate", "--clock", "tomorrow"], "not a moment"),
        (&["--emulate", "--devices", "0"], "1..=100000"),
        (
            &[
                "--emulate",
                "--faults",
                &file("a.toml", "[[faults]]\nstatus = 200\n"),
            ],
            "a.toml: the rule \"rule-1\": 'status'",
        ),
        (&["--emulate", "--faults", "/nowhere.toml"], "/nowhere.toml"),
    ];
    for (arguments, expected) in cases {
        let mut command = runstate();
        command
            .args(["demo", "--listen", "127.0.0.1:0"])
            .args(arguments);
        let output = command.output().unwrap();
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(
            !output.status.success() && told.contains(expected),
            "{arguments:?}: {told}"
        );
    }
}
