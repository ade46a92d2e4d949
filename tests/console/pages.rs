//! What pages show.

use runstate_testkit::{TestServer, encode};
use serde_json::{Value, json};

use super::{Browser, between, security::all_pages};
use crate::fleet::{Fleet, assign, device, ended};

/// The names in the first column of the results.
fn names(page: &str) -> Vec<String> {
    let results = between(page, "id=\"results\"", "</section>");
    let rows = results.split("<th scope=\"row\"").skip(1);
    rows.map(|row| between(row, "\">", "<").to_owned())
        .collect()
}

/// A fleet of devices of these names, each with a run that ended so.
async fn fleet(states: &[(&str, &str)]) -> Fleet {
    let mut fleet = Fleet::start().await;
    for (name, state) in states {
        let device = device(&fleet.server, name, "Linux").await;
        fleet.token = fleet.server.device(&device);
        fleet.device = device;
        fleet
            .report(&ended(&format!("run-{name}"), state))
            .await
            .expect(200);
    }
    fleet
}

#[tokio::test]
async fn every_page_can_be_shown() {
    let fleet = Fleet::start().await;
    fleet.report(&ended("run-1", "fail")).await.expect(200);
    fleet
        .server
        .create("/groups", &json!({ "displayName": "Lab" }))
        .await;
    fleet
        .server
        .create("/runstate/enrollmentTokens", &json!({}))
        .await;
    fleet
        .server
        .create(&format!("{}/runRequests", fleet.script), &json!({}))
        .await;
    let browser = Browser::signed_in(&fleet.server).await;
    for path in all_pages(&fleet, "shell").await {
        let page = browser.page(&path).await;
        let title = between(&page, "<title>", "</title>");
        assert!(title.ends_with(" · Runstate"), "{path}: {title}");
        assert_eq!(page.matches("<h1").count(), 1, "{path}");
    }
}

/// The filter, the order and the pages are the API's own.
#[tokio::test]
async fn results_are_filtered_sorted_and_paged_as_the_api_does() {
    let states = [("b", "fail"), ("a", "success"), ("c", "fail")];
    let fleet = fleet(&states).await;
    let browser = Browser::signed_in(&fleet.server).await;
    let page = format!("/scripts/shell/{}", fleet.script_id);
    let with = async |options: &str| names(&browser.page(&format!("{page}?{options}")).await);
    let failed = format!("$filter={}", encode("runState eq 'fail'"));
    let by_name = format!("$orderby={}", encode("managedDevice/deviceName desc"));
    assert_eq!(with(&format!("{failed}&{by_name}")).await, ["c", "b"]);
    assert_eq!(with(&by_name).await, ["lab-01", "c", "b", "a"]);

    // What the API refuses is said where it was asked, in its words.
    let wrong = browser
        .page(&format!("{page}?$filter=nonsense%20eq%201"))
        .await;
    let said = between(&wrong, "role=\"alert\">", "</p>");
    assert!(said.contains("nonsense"), "{said}");
    assert!(names(&wrong).is_empty());
}

#[tokio::test]
async fn the_next_page_follows_the_api_s_token() {
    let server = TestServer::builder().page_size(2).start().await;
    let fleet = Fleet::of(server).await;
    for name in ["b", "c", "d", "e"] {
        device(&fleet.server, name, "Linux").await;
    }
    let browser = Browser::signed_in(&fleet.server).await;
    let order = encode("managedDevice/deviceName");
    let mut path = format!("/scripts/shell/{}?$orderby={order}", fleet.script_id);
    let mut all = Vec::new();
    loop {
        let page = browser.page(&path).await;
        all.extend(names(&page));
        let link = page.split("<a class=\"button\" href=\"").skip(1);
        let mut link = link.filter(|link| link.split('>').next().unwrap().contains("rel=\"next\""));
        let Some(next) = link.next() else { break };
        path = next.split('"').next().unwrap().replace("&amp;", "&");
    }
    assert_eq!(all, ["b", "c", "d", "e", "lab-01"]);
}

#[tokio::test]
async fn counts_and_the_bar_are_those_of_the_results() {
    let fleet = fleet(&[("a", "success"), ("b", "fail"), ("c", "scriptError")]).await;
    let browser = Browser::signed_in(&fleet.server).await;
    let page = browser
        .page(&format!("/scripts/shell/{}", fleet.script_id))
        .await;
    let count = |name: &str| between(&page, &format!("data-count=\"{name}\">"), "<").to_owned();
    assert_eq!(count("total"), "4");
    for name in ["success", "fail", "scriptError", "pending"] {
        assert_eq!(count(name), "1", "{name}");
    }
    assert_eq!(count("unknown"), "0");
    let label = "aria-label=\"Success 1, Failed 1, Script error 1, Pending 1\"";
    assert!(page.contains(label), "{page}");

    let overview = browser.page("/").await;
    assert!(overview.contains(&format!("/scripts/shell/{}", fleet.script_id)));
    assert!(overview.contains(">33 %<"), "{overview}");
}

/// What the agent left out of the output stands out, and is not taken for the script's own.
#[tokio::test]
async fn the_output_of_a_run_shows_its_cut() {
    let fleet = Fleet::start().await;
    let mut report = ended("run-1", "success");
    report["@runstate.run"]["output"] = json!("head\n[… 12 bytes left out …]\ntail");
    report["@runstate.run"]["errorOutput"] = json!("a warning");
    report["@runstate.run"]["outputTruncated"] = json!(true);
    fleet.report(&report).await.expect(200);
    let browser = Browser::signed_in(&fleet.server).await;
    let (script, device) = (&fleet.script_id, &fleet.device);
    let state = format!("/scripts/shell/{script}/states/{script}%3A{device}");
    for path in [state.clone(), format!("{state}/runs/run-1")] {
        let page = browser.page(&path).await;
        let cut = "head\n<strong class=\"cut\">[… 12 bytes left out …]</strong>tail";
        assert!(page.contains(cut), "{page}");
        assert!(page.contains("a warning"));
    }
}

#[tokio::test]
async fn versions_are_compared() {
    let fleet = Fleet::start().await;
    // `#!/bin/sh`, and another line.
    let content = json!({ "scriptContent": "IyEvYmluL3NoCmVjaG8gPGI+Cg==" });
    fleet
        .server
        .patch(&fleet.script, &content)
        .send()
        .await
        .expect(200);
    let browser = Browser::signed_in(&fleet.server).await;
    let page = format!("/scripts/shell/{}/versions?from=1&to=2", fleet.script_id);
    let page = browser.page(&page).await;
    let changed = "<span>  #!/bin/sh</span><ins>+ echo &lt;b&gt;</ins>";
    assert!(page.contains(changed), "{page}");
}

#[tokio::test]
async fn a_device_shows_facts_attributes_and_its_timeline() {
    let fleet = Fleet::start().await;
    let server = &fleet.server;
    fleet.report(&ended("run-1", "fail")).await.expect(200);
    let attribute = json!({
        "displayName": "Free space", "scriptContent": "IyEvYmluL3NoCg==",
        "customAttributeName": "free", "customAttributeType": "integer",
    });
    let attributes = "/deviceManagement/deviceCustomAttributeShellScripts";
    let attribute = server.create(attributes, &attribute).await;
    let path = format!("{attributes}/{attribute}");
    assign(
        server,
        &path,
        &[json!({ "@odata.type": crate::fleet::ALL_DEVICES })],
    )
    .await;
    let state = format!("/beta{path}/deviceRunStates/{attribute}%3A{}", fleet.device);
    for (run, value) in [("x-1", "17"), ("x-2", "21"), ("x-3", "19")] {
        let mut report = ended(run, "success");
        report["resultMessage"] = Value::from(value);
        let request = server
            .request(http::Method::PATCH, &state)
            .token(&fleet.token);
        request.json(&report).send().await.expect(200);
    }
    let browser = Browser::signed_in(server).await;
    let page = browser.page(&format!("/devices/{}", fleet.device)).await;
    for shown in [
        "lab-01",
        "Linux",
        "<strong>19</strong>",
        "aria-label=\"From 17 to 21\"",
    ] {
        assert!(page.contains(shown), "{shown}: {page}");
    }
    let timeline = between(&page, "<ol class=\"timeline\">", "</ol>");
    assert_eq!(timeline.matches("<li>").count(), 4, "{timeline}");
    assert!(timeline.contains("Failed") && timeline.contains("Free space"));
}

/// The navigation names the audit log where the API serves one, and not where it does not.
#[tokio::test]
async fn the_audit_log_is_where_the_api_has_it() {
    let server = TestServer::start().await;
    let browser = Browser::signed_in(&server).await;
    let served = server
        .get("/deviceManagement/auditEvents")
        .send()
        .await
        .status
        == 200;
    let page = browser.page("/").await;
    assert_eq!(page.contains("href=\"/audit\""), served);
    let status = if served { 200 } else { 404 };
    browser.get("/audit").await.expect(status);
}

#[tokio::test]
async fn what_is_not_there_is_said_so() {
    let fleet = Fleet::start().await;
    let browser = Browser::signed_in(&fleet.server).await;
    for path in [
        "/scripts/shell/none",
        "/scripts/odd/none",
        "/devices/none",
        "/groups/none",
        "/enrollment/none/delete",
        "/scripts/new?kind=odd",
    ] {
        let reply = browser.get(path).await;
        assert_eq!(reply.status, 404, "{path}");
        assert!(reply.text().contains("<h1>Not found</h1>"), "{path}");
    }
}

#[tokio::test]
async fn where_there_is_nothing_yet_the_first_steps_are_named() {
    let server = TestServer::start().await;
    let browser = Browser::signed_in(&server).await;
    assert!(browser.page("/").await.contains("First steps"));
    let fleet = Fleet::of(server).await;
    let browser = Browser::signed_in(&fleet.server).await;
    assert!(!browser.page("/").await.contains("First steps"));
}
