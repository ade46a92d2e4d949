//! Run now: for one device, for a filter, for every device whose last run failed.

use serde_json::{Value, json};

use super::{Fleet, assign, device, ended};

async fn ask(fleet: &Fleet, body: &Value) -> Value {
    let path = format!("{}/runRequests", fleet.script);
    fleet
        .server
        .post(&path, body)
        .send()
        .await
        .expect(201)
        .json()
}

async fn counts(fleet: &Fleet, id: &Value) -> [i64; 6] {
    let path = format!("{}/runRequests/{}", fleet.script, id.as_str().unwrap());
    let request = fleet.server.read(&path).await;
    [
        "deviceCount",
        "pendingCount",
        "runningCount",
        "successCount",
        "errorCount",
        "canceledCount",
    ]
    .map(|name| request[name].as_i64().unwrap())
}

#[tokio::test]
async fn a_request_is_followed_from_asked_to_done() {
    let fleet = Fleet::start().await;
    fleet.report(&ended("run-1", "fail")).await.expect(200);
    let request = ask(&fleet, &json!({ "deviceFilter": "runState eq 'fail'" })).await;
    let id = &request["id"];
    assert_eq!(counts(&fleet, id).await, [1, 1, 0, 0, 0, 0]);
    assert_eq!(
        fleet.seen(&fleet.assigned()).await["value"][0]["runRequestId"],
        *id
    );

    let start = json!({ "@runstate.run": {
        "id": "run-2", "runRequestId": id, "startDateTime": "2026-01-31T12:00:00Z",
    }});
    fleet.report(&start).await.expect(204);
    fleet.report(&start).await.expect(204);
    assert_eq!(counts(&fleet, id).await, [1, 0, 1, 0, 0, 0]);
    assert_eq!(
        fleet.seen(&fleet.assigned()).await["value"][0]["runRequestId"],
        json!(null)
    );
    let runs = format!("{}/runs", fleet.state());
    assert_eq!(
        fleet.server.ids(&runs).await,
        ["run-1"],
        "a start is no run yet"
    );

    let mut end = ended("run-2", "success");
    end["@runstate.run"]["runRequestId"] = id.clone();
    fleet.report(&end).await.expect(200);
    fleet.report(&end).await.expect(200);
    assert_eq!(counts(&fleet, id).await, [1, 0, 0, 1, 0, 0]);
    fleet.report(&start).await.expect(409);
}

#[tokio::test]
async fn a_request_reaches_what_its_filter_says_of_what_is_assigned() {
    let fleet = Fleet::start().await;
    let server = &fleet.server;
    let windows = device(server, "office-01", "Windows").await;
    let other = device(server, "lab-02", "Linux").await;
    for (filter, count) in [
        (json!(null), 2),
        (json!(format!("managedDevice/id eq '{other}'")), 1),
        (json!("startswith(managedDevice/deviceName, 'lab')"), 2),
        (json!("runState eq 'fail'"), 0),
        (json!(format!("managedDevice/id eq '{windows}'")), 0),
    ] {
        let request = ask(&fleet, &json!({ "deviceFilter": filter })).await;
        assert_eq!(request["deviceCount"], count, "{filter}");
    }
    // Whoever it is not assigned to any more does not run it, whatever it reported before.
    fleet.report(&ended("run-1", "fail")).await.expect(200);
    assign(server, &fleet.script, &[]).await;
    assert_eq!(ask(&fleet, &json!({})).await["deviceCount"], 0);
}

#[tokio::test]
async fn what_has_not_started_can_be_canceled() {
    let fleet = Fleet::start().await;
    let request = ask(&fleet, &json!({})).await;
    let id = &request["id"];
    let cancel = format!(
        "{}/runRequests/{}/cancel",
        fleet.script,
        id.as_str().unwrap()
    );
    fleet
        .server
        .post(&cancel, &json!({}))
        .send()
        .await
        .expect(204);
    assert_eq!(counts(&fleet, id).await, [1, 0, 0, 0, 0, 1]);
    assert_eq!(
        fleet.seen(&fleet.assigned()).await["value"][0]["runRequestId"],
        json!(null)
    );
    let start = json!({ "@runstate.run": { "id": "run-1", "runRequestId": id } });
    let refused = fleet.report(&start).await.expect(409);
    assert!(
        refused.message().contains("was canceled"),
        "{}",
        refused.message()
    );
    fleet
        .server
        .post(&cancel, &json!({}))
        .send()
        .await
        .expect(204);
    assert_eq!(counts(&fleet, id).await, [1, 0, 0, 0, 0, 1]);
}

#[tokio::test]
async fn unassigning_cancels_what_waits() {
    let fleet = Fleet::start().await;
    fleet.report(&ended("run-1", "success")).await.expect(200);
    let request = ask(&fleet, &json!({})).await;
    assign(&fleet.server, &fleet.script, &[]).await;
    assert_eq!(counts(&fleet, &request["id"]).await, [1, 0, 0, 0, 0, 1]);
}

#[tokio::test]
async fn what_is_wrong_with_a_filter_is_named() {
    let fleet = Fleet::start().await;
    let path = format!("{}/runRequests", fleet.script);
    for (filter, status) in [
        ("runState eq", 400),
        ("nothing eq 1", 400),
        ("managedDevice/users/any(u:u/displayName eq 'x')", 201),
    ] {
        let body = json!({ "deviceFilter": filter });
        let reply = fleet.server.post(&path, &body).send().await.expect(status);
        if status == 400 {
            let message = reply.message();
            assert!(message.starts_with("In 'deviceFilter': "), "{message}");
        }
    }
    // What its caller may not read it may not choose devices by.
    let token = fleet
        .server
        .delegated(&["DeviceManagementScripts.ReadWrite.All"]);
    let request = fleet
        .server
        .request(http::Method::POST, &format!("/beta{path}"));
    let body = json!({ "deviceFilter": "managedDevice/users/any()" });
    request.token(&token).json(&body).send().await.expect(403);
}
