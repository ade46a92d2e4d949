//! What keeps other sites' pages, and scripts in names and output, from doing anything.

use http::Method;
use runstate_testkit::{TENANT, TestServer, WRITES, encode};
use serde_json::json;

use super::{Browser, origin, send};
use crate::fleet::{ALL_DEVICES, Fleet, assign};

const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
     connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'; \
     require-trusted-types-for 'script'";

/// Every page there is of a fleet with one of everything.
pub(crate) async fn all_pages(fleet: &Fleet, kind: &str) -> Vec<String> {
    let (script, device) = (&fleet.script_id, &fleet.device);
    let page = format!("/scripts/{kind}/{script}");
    let state = format!("{page}/states/{script}%3A{device}");
    let runs = fleet.server.ids(&format!("{}/runs", fleet.state())).await;
    let mut pages: Vec<String> = [
        "/",
        "/scripts",
        "/scripts/new",
        "/scripts/new?kind=shell",
        "/scripts/new?kind=powershell",
        "/scripts/new?kind=attribute",
        "/devices",
        "/groups",
        "/enrollment",
    ]
    .map(str::to_owned)
    .into();
    let below = [
        "",
        "/edit",
        "/assign",
        "/run",
        "/run?filter=runState%20eq%20%27fail%27",
        "/versions",
        "/versions?from=0&to=1",
        "/versions/1/roll-back",
        "/delete",
    ];
    pages.extend(below.map(|below| format!("{page}{below}")));
    pages.push(state.clone());
    pages.extend(runs.iter().map(|run| format!("{state}/runs/{run}")));
    pages.push(format!("/devices/{device}"));
    pages.push(format!("/devices/{device}/retire"));
    for group in fleet.server.ids("/groups").await {
        pages.push(format!("/groups/{group}"));
    }
    for token in fleet.server.ids("/runstate/enrollmentTokens").await {
        pages.push(format!("/enrollment/{token}/delete"));
    }
    for request in fleet
        .server
        .ids(&format!("{}/runRequests", fleet.script))
        .await
    {
        pages.push(format!("{page}/requests/{request}/cancel"));
    }
    pages
}

/// What would be a script, were it not shown as text.
const HOSTILE: &str =
    "</title></pre></textarea>\"'><script>alert(1)</script><img src=x onerror=alert(2)>";

/// A fleet in which all that anybody can name or print is hostile.
async fn hostile_fleet() -> Fleet {
    let server = TestServer::start().await;
    let post = async |path: &str, body| server.create(path, &body).await;
    let device = json!({
        "deviceName": HOSTILE, "operatingSystem": HOSTILE, "osVersion": HOSTILE, "notes": HOSTILE,
        "userPrincipalName": HOSTILE, "lastSyncDateTime": "2001-01-01T00:00:00Z",
    });
    let device = post("/deviceManagement/managedDevices", device).await;
    let link = format!("https://graph.microsoft.com/beta/devices/{device}");
    let group = json!({
        "displayName": HOSTILE, "description": HOSTILE, "members@odata.bind": [link],
    });
    let group = post("/groups", group).await;
    let user = json!({ "displayName": HOSTILE, "userPrincipalName": "a@example.com" });
    post("/users", user).await;
    post(
        "/runstate/enrollmentTokens",
        json!({ "displayName": HOSTILE }),
    )
    .await;
    // `echo "…"`, in base64.
    let content = "ZWNobyAiPC9wcmU+PHNjcmlwdD5hbGVydCgxKTwvc2NyaXB0PiI=";
    let script = json!({
        "displayName": HOSTILE, "description": HOSTILE, "fileName": HOSTILE, "scriptContent": content,
    });
    let script_id = post("/deviceManagement/deviceShellScripts", script).await;
    let script = format!("/deviceManagement/deviceShellScripts/{script_id}");
    let targets = [
        json!({ "@odata.type": ALL_DEVICES }),
        json!({ "@odata.type": "#microsoft.graph.groupAssignmentTarget", "groupId": group }),
    ];
    assign(&server, &script, &targets).await;
    let fleet = Fleet {
        token: server.device(&device),
        server,
        device,
        script,
        script_id,
    };
    let report = json!({
        "runState": "fail", "resultMessage": HOSTILE, "errorDescription": HOSTILE, "errorCode": 1,
        "lastStateUpdateDateTime": "2026-01-31T12:00:05Z",
        "@runstate.run": {
            "id": "run-1", "exitCode": 1, "output": HOSTILE, "errorOutput": HOSTILE,
            "account": HOSTILE, "outputTruncated": true,
        },
    });
    fleet.report(&report).await.expect(200);
    let filter = json!({ "deviceFilter": "errorDescription ne '<script>alert(1)</script>'" });
    fleet
        .server
        .create(&format!("{}/runRequests", fleet.script), &filter)
        .await;
    fleet
}

/// Whatever was named or printed stands in no page as markup.
#[tokio::test]
async fn names_and_output_are_text_on_every_page() {
    let fleet = hostile_fleet().await;
    let browser = Browser::signed_in(&fleet.server).await;
    let mut seen = 0;
    for path in all_pages(&fleet, "shell").await {
        let page = browser.page(&path).await;
        for markup in ["<script>", "<img", "</pre></textarea>\""] {
            assert!(!page.contains(markup), "{path}: {markup}\n{page}");
        }
        seen += page.matches("&lt;script&gt;alert(1)").count();
    }
    assert!(seen > 40, "{seen}");
    // What a URL says is no markup either.
    let filter = encode("runState eq '<script>alert(1)</script>'");
    let page = format!("/scripts/shell/{}?$filter={filter}", fleet.script_id);
    assert!(!browser.page(&page).await.contains("<script>"));
    let next = format!("/sign-in?next={}", encode("/\"><script>alert(1)</script>"));
    assert!(!browser.page(&next).await.contains("<script>"));
}

/// The policy allows nothing inline, so nothing may be inline.
#[tokio::test]
async fn every_page_has_the_policy_and_keeps_to_it() {
    let fleet = hostile_fleet().await;
    let browser = Browser::signed_in(&fleet.server).await;
    let mut pages = all_pages(&fleet, "shell").await;
    pages.extend(
        [
            "/sign-in",
            "/sign-in/link?token=x",
            "/devices/none",
            "/assets/none",
        ]
        .map(str::to_owned),
    );
    for path in pages {
        let reply = browser.get(&path).await;
        for (name, value) in [
            ("content-security-policy", POLICY),
            ("x-content-type-options", "nosniff"),
            ("referrer-policy", "same-origin"),
            ("x-frame-options", "DENY"),
            ("cache-control", "no-store"),
        ] {
            assert_eq!(reply.header(name), value, "{path}");
        }
        let page = reply.text();
        assert!(
            !page.contains(" style=") && !page.contains("<style"),
            "{path}"
        );
        let scripts = page.matches("<script").count();
        let ours = page.matches("<script src=\"/assets/console-").count();
        assert_eq!(scripts, ours, "{path}");
    }
    // The API's answers are as they were.
    let api = fleet
        .server
        .get("/deviceManagement/deviceShellScripts")
        .send()
        .await;
    assert_eq!(api.header("content-security-policy"), "");
}

#[tokio::test]
async fn a_form_counts_from_our_own_page_and_in_its_own_session_alone() {
    let fleet = Fleet::start().await;
    let server = &fleet.server;
    let (browser, other) = (
        Browser::signed_in(server).await,
        Browser::signed_in(server).await,
    );
    let (token, others) = (browser.form_token().await, other.form_token().await);
    let own = origin(server);
    let retire = format!("/devices/{}/retire", fleet.device);
    let path = retire.as_str();
    let with = |token: &str| vec![("form_token".to_owned(), token.to_owned())];
    let mut cases = vec![
        (with(&token), None),
        (with(&token), Some("https://evil.example".to_owned())),
        (with(&token), Some("null".to_owned())),
        (with(&token), Some(own.replace("http://", "https://"))),
        (with(&token), Some(format!("{own}.evil.example"))),
        (with(&others), Some(own.clone())),
        (with(""), Some(own.clone())),
        (Vec::new(), Some(own.clone())),
    ];
    for (fields, origin) in cases.drain(..) {
        let fields: Vec<_> = fields
            .iter()
            .map(|(name, value)| (&**name, &**value))
            .collect();
        let reply = browser.send(path, &fields, origin.as_deref()).await;
        assert_eq!(reply.status, 403, "{fields:?} {origin:?}");
    }
    let device = format!("/deviceManagement/managedDevices/{}", fleet.device);
    assert_ne!(
        server.read(&device).await["managementState"],
        "retireIssued"
    );
    let fields = [("form_token", token.as_str())];
    browser.send(path, &fields, Some(&own)).await.expect(303);
    assert_eq!(
        server.read(&device).await["managementState"],
        "retireIssued"
    );
}

/// Every route that takes a form, so that one that forgets the check is found.
#[tokio::test]
async fn no_form_is_taken_without_the_token() {
    let fleet = Fleet::start().await;
    let browser = Browser::signed_in(&fleet.server).await;
    let page = format!("/scripts/shell/{}", fleet.script_id);
    let own = origin(&fleet.server);
    let forms = [
        "/sign-out".to_owned(),
        "/scripts/new".to_owned(),
        "/enrollment".to_owned(),
        "/enrollment/x/delete".to_owned(),
        format!("/devices/{}/retire", fleet.device),
        format!("{page}/edit"),
        format!("{page}/delete"),
        format!("{page}/assign"),
        format!("{page}/run"),
        format!("{page}/requests/x/cancel"),
        format!("{page}/versions/1/roll-back"),
    ];
    for form in &forms {
        let fields = [("displayName", "x"), ("kind", "shell")];
        let reply = browser.send(form, &fields, Some(&own)).await;
        assert_eq!(reply.status, 403, "{form}: {}", reply.text());
        let without = send(&fleet.server, form, &fields, Some(&own), "").await;
        assert_eq!(without.status, 401, "{form}");
    }
    assert_eq!(
        fleet
            .server
            .ids("/deviceManagement/deviceShellScripts")
            .await
            .len(),
        1
    );
}

/// Another site's page cannot sign its reader in as somebody else.
#[tokio::test]
async fn a_link_is_used_from_our_own_page_alone() {
    let server = TestServer::start().await;
    let link = server.console_link(WRITES).await;
    let token = link.split("token=").nth(1).unwrap();
    for origin in [None, Some("https://evil.example"), Some("null")] {
        let reply = send(&server, "/sign-in/link", &[("token", token)], origin, "").await;
        reply.expect(403);
    }
    let (own, fields) = (origin(&server), [("token", token)]);
    let reply = send(&server, "/sign-in/link", &fields, Some(&own), "").await;
    reply.expect(303);
}

#[tokio::test]
async fn a_form_is_as_large_as_a_body_may_be() {
    let server = TestServer::builder().body_bytes(4096).start().await;
    let browser = Browser::signed_in(&server).await;
    let text = "a".repeat(5000);
    let reply = browser
        .post("/scripts/new", &[("scriptContent", &text)])
        .await;
    reply.expect(413);
}

#[tokio::test]
async fn assets_are_kept_by_browsers_and_named_by_their_content() {
    let server = TestServer::start().await;
    let page = server
        .request(Method::GET, "/sign-in")
        .send()
        .await
        .expect(200);
    let style = super::between(&page.text(), "rel=\"stylesheet\" href=\"", "\"").to_owned();
    let reply = server.request(Method::GET, &style).send().await.expect(200);
    assert_eq!(reply.header("content-type"), "text/css; charset=utf-8");
    assert_eq!(
        reply.header("cache-control"),
        "public, max-age=31536000, immutable"
    );
    assert!(page.text().contains("Runstate") && !page.text().contains(TENANT));
}
