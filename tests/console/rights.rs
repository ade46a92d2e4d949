//! A session may do what its permissions say, as a token may, and see its own tenant alone.

use runstate_graph::permit::rules;
use runstate_server::auth::issuer::Subject;
use runstate_testkit::{READS, WRITES};
use serde_json::json;

use super::{Browser, moved_to};
use crate::fleet::Fleet;

#[tokio::test]
async fn who_may_only_read_changes_nothing() {
    let fleet = Fleet::start().await;
    let browser = Browser::with(&fleet.server, READS).await;
    let page = format!("/scripts/shell/{}", fleet.script_id);
    browser.page(&page).await;
    browser.page(&format!("{page}/run")).await;
    let forms = [
        (format!("{page}/run"), vec![]),
        (format!("{page}/delete"), vec![]),
        (format!("{page}/assign"), vec![("confirmed", "yes")]),
        (format!("{page}/edit"), vec![("displayName", "x")]),
        (format!("{page}/versions/1/roll-back"), vec![]),
        (format!("/devices/{}/retire", fleet.device), vec![]),
        ("/enrollment".to_owned(), vec![]),
        (
            "/scripts/new".to_owned(),
            vec![("kind", "shell"), ("displayName", "x")],
        ),
    ];
    for (form, fields) in forms {
        let reply = browser.post(&form, &fields).await;
        assert_eq!(reply.status, 403, "{form}: {}", reply.text());
        assert!(reply.text().contains("Insufficient privileges"), "{form}");
    }
    let requests = format!("{}/runRequests", fleet.script);
    assert!(fleet.server.ids(&requests).await.is_empty());
}

#[tokio::test]
async fn pages_show_what_may_be_read_and_no_more() {
    let fleet = Fleet::start().await;
    let page = format!("/scripts/shell/{}", fleet.script_id);
    let device = format!("/devices/{}", fleet.device);
    let cases: [(&str, &[&str], &[&str]); 3] = [
        (
            "DeviceManagementConfiguration.Read.All",
            &["/", "/scripts", &page],
            &["/devices", &device, "/groups", "/enrollment"],
        ),
        (
            "DeviceManagementManagedDevices.Read.All",
            &["/", "/devices", &device],
            &["/scripts", &page, "/groups", "/enrollment"],
        ),
        (
            "Group.Read.All",
            &["/", "/groups"],
            &["/scripts", &page, "/devices", &device, "/enrollment"],
        ),
    ];
    for (permission, seen, refused) in cases {
        let browser = Browser::with(&fleet.server, &[permission]).await;
        for path in seen {
            browser.page(path).await;
        }
        for path in refused {
            let reply = browser.get(path).await;
            assert_eq!(reply.status, 403, "{permission} {path}");
        }
    }
    // Whoever may see the script need not see the devices: the overview names none then.
    let browser = Browser::with(&fleet.server, &["DeviceManagementConfiguration.Read.All"]).await;
    assert!(!browser.page("/").await.contains("lab-01"));
}

#[tokio::test]
async fn nobody_without_permissions_sees_anything() {
    let fleet = Fleet::start().await;
    let browser = Browser::with(&fleet.server, &[]).await;
    let overview = browser.page("/").await;
    assert!(!overview.contains("lab-01") && !overview.contains("Report"));
    browser.get("/scripts").await.expect(403);
    assert!(rules::ALL_READS.iter().all(|name| !overview.contains(name)));
}

#[tokio::test]
async fn another_tenant_s_scripts_and_devices_are_not_there() {
    let fleet = Fleet::start().await;
    let server = &fleet.server;
    let user = Subject::User {
        user_id: "u".to_owned(),
    };
    let other = server.token_for("other.example", user, WRITES);
    let script = json!({ "displayName": "Theirs", "scriptContent": "IyEvYmluL3NoCg==" });
    let request = server.request(
        http::Method::POST,
        "/beta/deviceManagement/deviceShellScripts",
    );
    let theirs = request
        .token(&other)
        .json(&script)
        .send()
        .await
        .expect(201)
        .json();
    let theirs = theirs["id"].as_str().unwrap();

    let browser = Browser::signed_in(server).await;
    assert!(!browser.page("/scripts").await.contains("Theirs"));
    for below in ["", "/edit", "/run", "/versions", "/events", "/content"] {
        let path = format!("/scripts/shell/{theirs}{below}");
        assert_eq!(browser.get(&path).await.status, 404, "{path}");
    }
    let form = format!("/scripts/shell/{theirs}/delete");
    browser.post(&form, &[]).await.expect(404);
    let request = server.request(
        http::Method::GET,
        &format!("/beta/deviceManagement/deviceShellScripts/{theirs}"),
    );
    request.token(&other).send().await.expect(200);
}

#[tokio::test]
async fn what_the_console_asks_counts_against_the_limits() {
    let server = runstate_testkit::TestServer::builder()
        .throttled()
        .start()
        .await;
    let browser = Browser::signed_in(&server).await;
    // An app may write a hundred times in twenty seconds.
    let fields = [("kind", "shell"), ("displayName", "Many")];
    for _ in 0..100 {
        moved_to(&browser.post("/scripts/new", &fields).await);
    }
    let reply = browser.post("/scripts/new", &fields).await.expect(429);
    assert!(
        reply.text().contains("Too many requests"),
        "{}",
        reply.text()
    );
}
