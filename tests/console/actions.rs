//! What can be done: each change that concerns many devices says first how many.

use serde_json::json;

use super::{Browser, between, moved_to};
use crate::fleet::{Fleet, device, ended};

/// The number that a question is about.
fn asked(page: &str) -> &str {
    between(page, "<p class=\"big\">", "</p>")
}

/// The administrator's story, from an empty console to a script that runs again where it failed.
#[tokio::test]
async fn a_script_is_written_assigned_run_and_mended() {
    let fleet = Fleet::start().await;
    let server = &fleet.server;
    let browser = Browser::signed_in(server).await;

    let written = [
        ("kind", "shell"),
        ("displayName", "Kernel"),
        ("executionFrequency", "P1D"),
        ("retryCount", "2"),
        ("runAsAccount", "system"),
        ("scriptContent", "#!/bin/sh\r\nuname -sr\r\n"),
    ];
    let page = moved_to(&browser.post("/scripts/new", &written).await);
    let page = page.strip_suffix("?done=created").unwrap().to_owned();
    let id = page.rsplit('/').next().unwrap().to_owned();
    let script = format!("/deviceManagement/deviceShellScripts/{id}");
    let read = server.read(&script).await;
    // `#!/bin/sh` and `uname -sr`, with line ends that a shell takes.
    assert_eq!(read["scriptContent"], "IyEvYmluL3NoCnVuYW1lIC1zcgo=");
    assert_eq!(
        (&read["executionFrequency"], &read["retryCount"]),
        (&json!("P1D"), &json!(2))
    );

    let assign = format!("{page}/assign");
    let question = browser
        .post(&assign, &[("all-devices", "on")])
        .await
        .expect(200);
    let question = question.text();
    assert_eq!(asked(&question), "1 device");
    assert!(question.contains(">lab-01</a>"), "{question}");
    assert!(
        server
            .ids(&format!("{script}/assignments"))
            .await
            .is_empty()
    );
    let fields = [("all-devices", "on"), ("confirmed", "yes")];
    moved_to(&browser.post(&assign, &fields).await);
    assert_eq!(server.ids(&format!("{script}/assignments")).await.len(), 1);

    let run = format!("{page}/run");
    assert_eq!(asked(&browser.page(&run).await), "1 device");
    moved_to(&browser.post(&run, &[]).await);
    let requests = server.ids(&format!("{script}/runRequests")).await;
    let cancel = format!("{page}/requests/{}/cancel", requests[0]);
    assert_eq!(asked(&browser.page(&cancel).await), "1 device");
    moved_to(&browser.post(&cancel, &[]).await);
    let request = server
        .read(&format!("{script}/runRequests/{}", requests[0]))
        .await;
    assert_eq!(request["canceledCount"], 1);

    let edit = format!("{page}/edit");
    let mended = [
        ("displayName", "Kernel"),
        ("scriptContent", "#!/bin/sh\r\nuname -a\r\n"),
    ];
    let question = browser.post(&edit, &mended).await.expect(200).text();
    assert_eq!(asked(&question), "1 device");
    assert!(
        question.contains("<del>- uname -sr</del><ins>+ uname -a</ins>"),
        "{question}"
    );
    assert_eq!(server.ids(&format!("{script}/versions")).await, ["1"]);
    let mended = [&mended[..], &[("confirmed", "yes")]].concat();
    moved_to(&browser.post(&edit, &mended).await);
    assert_eq!(server.ids(&format!("{script}/versions")).await, ["1", "2"]);

    moved_to(
        &browser
            .post(&format!("{page}/versions/1/roll-back"), &[])
            .await,
    );
    let read = server.read(&script).await;
    assert_eq!(read["scriptContent"], "IyEvYmluL3NoCnVuYW1lIC1zcgo=");

    let delete = format!("{page}/delete");
    assert_eq!(asked(&browser.page(&delete).await), "1 device");
    moved_to(&browser.post(&delete, &[]).await);
    server.get(&script).send().await.expect(404);
}

#[tokio::test]
async fn what_failed_runs_again_and_nothing_else() {
    let mut fleet = Fleet::start().await;
    fleet.report(&ended("run-1", "success")).await.expect(200);
    for (name, state) in [("lab-02", "fail"), ("lab-03", "scriptError")] {
        fleet.device = device(&fleet.server, name, "Linux").await;
        fleet.token = fleet.server.device(&fleet.device);
        fleet.report(&ended(name, state)).await.expect(200);
    }
    let browser = Browser::signed_in(&fleet.server).await;
    let page = format!("/scripts/shell/{}", fleet.script_id);
    let shown = browser.page(&page).await;
    let again = format!(
        "{page}/run?{}",
        between(&shown, &format!("{page}/run?"), "\"")
    );
    let question = browser.page(&again).await;
    assert_eq!(asked(&question), "2 devices");
    assert!(!question.contains("lab-01"), "{question}");
    let filter = "runState eq 'fail' or runState eq 'scriptError'";
    assert!(question.contains(">Run on 2 devices<"));
    moved_to(
        &browser
            .post(&format!("{page}/run"), &[("filter", filter)])
            .await,
    );
    let requests = format!("{}/runRequests", fleet.script);
    let request = &fleet.server.read(&requests).await["value"][0];
    assert_eq!(
        (&request["deviceCount"], &request["deviceFilter"]),
        (&json!(2), &json!(filter))
    );
}

/// What the form does not know of stays.
#[tokio::test]
async fn assignments_of_other_kinds_outlive_the_form() {
    let fleet = Fleet::start().await;
    let server = &fleet.server;
    let group = server
        .create("/groups", &json!({ "displayName": "Lab" }))
        .await;
    let collection = "#microsoft.graph.configurationManagerCollectionAssignmentTarget";
    let targets = [
        json!({ "@odata.type": collection, "collectionId": "SMS00001" }),
        json!({ "@odata.type": "#microsoft.graph.groupAssignmentTarget", "groupId": group,
            "deviceAndAppManagementAssignmentFilterId": "f",
            "deviceAndAppManagementAssignmentFilterType": "include" }),
    ];
    crate::fleet::assign(server, &fleet.script, &targets).await;
    let browser = Browser::signed_in(server).await;
    let assign = format!("/scripts/shell/{}/assign", fleet.script_id);
    let group_field = format!("group:{group}");
    let fields = [(group_field.as_str(), "exclude"), ("confirmed", "yes")];
    moved_to(&browser.post(&assign, &fields).await);
    let list = server.read(&format!("{}/assignments", fleet.script)).await;
    let kinds: Vec<_> = list["value"].as_array().unwrap().iter().collect();
    let of = |name: &str| {
        let found = kinds
            .iter()
            .filter(|kind| kind["target"]["@odata.type"] == name);
        found.count()
    };
    assert_eq!(of(collection), 1);
    assert_eq!(of("#microsoft.graph.groupAssignmentTarget"), 1);
    assert_eq!(of("#microsoft.graph.exclusionGroupAssignmentTarget"), 1);
}

#[tokio::test]
async fn what_the_api_refuses_comes_back_with_what_was_typed() {
    let fleet = Fleet::start().await;
    let browser = Browser::signed_in(&fleet.server).await;
    let fields = [
        ("kind", "shell"),
        ("displayName", "Odd"),
        ("executionFrequency", "P1Y"),
        ("scriptContent", "\nuname <-a>"),
    ];
    let reply = browser.post("/scripts/new", &fields).await.expect(400);
    let page = reply.text();
    assert!(between(&page, "role=\"alert\">", "</section>").contains("executionFrequency"));
    assert!(
        page.contains("value=\"Odd\"") && page.contains("value=\"P1Y\""),
        "{page}"
    );
    // A text area drops the first line end, so there are two.
    assert!(
        page.contains("rows=\"24\">\n\nuname &lt;-a&gt;</textarea>"),
        "{page}"
    );
}

#[tokio::test]
async fn a_device_is_retired() {
    let fleet = Fleet::start().await;
    let browser = Browser::signed_in(&fleet.server).await;
    let page = format!("/devices/{}", fleet.device);
    assert!(
        browser
            .page(&format!("{page}/retire"))
            .await
            .contains("Retire 1 device")
    );
    moved_to(&browser.post(&format!("{page}/retire"), &[]).await);
    let shown = browser.page(&page).await;
    assert!(
        shown.contains("Retire issued") && !shown.contains(">Retire</a>"),
        "{shown}"
    );
    let path = format!("/beta{}", fleet.assigned());
    let request = fleet.server.request(http::Method::GET, &path);
    request.token(&fleet.token).send().await.expect(401);
}

#[tokio::test]
async fn a_token_for_enrolment_is_shown_once_and_deleted() {
    let fleet = Fleet::start().await;
    let server = &fleet.server;
    let browser = Browser::signed_in(server).await;
    let fields = [("displayName", "Lab"), ("maximumUses", "3"), ("days", "7")];
    let shown = browser
        .post("/enrollment", &fields)
        .await
        .expect(200)
        .text();
    let command = between(&shown, "runstate agent enroll --server ", "</pre>");
    let token = command.split("--token ").nth(1).unwrap().to_owned();
    let list = server.read("/runstate/enrollmentTokens").await;
    let made = &list["value"][0];
    assert_eq!(
        (&made["maximumUses"], &made["expirationDateTime"]),
        (&json!(3), &json!("2026-02-07T12:00:00Z"))
    );
    assert!(!browser.page("/enrollment").await.contains(&token));
    let body = crate::fleet::registration(crate::fleet::KEY);
    crate::fleet::register(server, &token, &body)
        .await
        .expect(201);

    let path = format!("/enrollment/{}/delete", made["id"].as_str().unwrap());
    assert!(
        browser
            .page(&path)
            .await
            .contains("1 device enrolled with it")
    );
    moved_to(&browser.post(&path, &[]).await);
    assert!(server.ids("/runstate/enrollmentTokens").await.is_empty());
    browser
        .post("/enrollment", &[("maximumUses", "x")])
        .await
        .expect(400);
}

/// Of two who change a script at once, the second is told.
#[tokio::test]
async fn nothing_that_was_changed_meanwhile_is_overwritten() {
    let fleet = Fleet::start().await;
    let browser = Browser::signed_in(&fleet.server).await;
    let edit = format!("/scripts/shell/{}/edit", fleet.script_id);
    let page = browser.page(&edit).await;
    let etag = between(&page, "name=\"etag\" value=\"", "\">").replace("&quot;", "\"");
    let named = |name: &'static str| [("displayName", name), ("etag", etag.as_str())];
    moved_to(&browser.post(&edit, &named("First")).await);
    let reply = browser.post(&edit, &named("Second")).await.expect(412);
    assert!(
        reply.text().contains("Changed meanwhile"),
        "{}",
        reply.text()
    );
    assert_eq!(
        fleet.server.read(&fleet.script).await["displayName"],
        "First"
    );
}
