//! Every run of every script on every device.

use std::time::{Duration, SystemTime};

use runstate_graph::clock::Clock as _;
use runstate_testkit::encode;
use serde_json::json;

use super::{Fleet, anonymous, ended};

#[tokio::test]
async fn a_run_is_in_the_history_with_all_that_the_agent_told() {
    let fleet = Fleet::start().await;
    let (server, state) = (&fleet.server, fleet.state());
    assert_eq!(server.read(&state).await["runState"], "pending");
    assert_eq!(
        server.ids(&format!("{state}/runs")).await,
        [""; 0],
        "nothing ran yet"
    );
    fleet.report(&ended("run-1", "fail")).await.expect(200);
    fleet.report(&ended("run-2", "success")).await.expect(200);
    let list = server.read(&format!("{state}/runs")).await;
    assert_eq!(list["value"][0]["output"], json!(null), "lists are light");
    let run = server.read(&format!("{state}/runs/run-1")).await;
    insta::assert_snapshot!(anonymous(&run, &[]));
    let failed = encode("runState eq 'fail' and exitCode gt 2");
    let failed = server.ids(&format!("{state}/runs?$filter={failed}")).await;
    assert_eq!(failed, ["run-1"]);
    let latest = format!("{state}/runs?$orderby=receivedDateTime%20desc&$top=1");
    assert_eq!(server.ids(&latest).await, ["run-2"]);
    assert_eq!(
        server.read(&format!("{}/runSummary", fleet.script)).await["successDeviceCount"],
        1
    );
}

#[tokio::test]
async fn a_report_that_is_sent_twice_is_one_run() {
    let fleet = Fleet::start().await;
    let (server, state) = (&fleet.server, fleet.state());
    let first = fleet.report(&ended("run-1", "fail")).await.expect(200);
    fleet.report(&ended("run-2", "success")).await.expect(200);
    let mut again = ended("run-1", "fail");
    again["errorDescription"] = json!("the answer was lost");
    let again = fleet.report(&again).await.expect(200);
    assert_eq!(
        again.json()["runState"],
        "success",
        "the state stays at the last run"
    );
    assert_ne!(first.header("etag"), again.header("etag"));
    assert_eq!(
        server.ids(&format!("{state}/runs")).await,
        ["run-1", "run-2"]
    );
}

#[tokio::test]
async fn a_plain_report_of_the_specification_is_a_run_too() {
    let fleet = Fleet::start().await;
    let state = fleet.state();
    for code in 1..=3 {
        let body = json!({ "runState": "fail", "errorCode": code });
        fleet.report(&body).await.expect(200);
    }
    let runs = fleet.server.read(&format!("{state}/runs")).await;
    let codes: Vec<i64> = (runs["value"].as_array().unwrap().iter())
        .map(|run| run["errorCode"].as_i64().unwrap())
        .collect();
    assert_eq!(
        codes,
        [1, 2, 3],
        "in the order of their ids, which grow with time"
    );
}

#[tokio::test]
async fn what_is_wrong_with_what_is_told_of_a_run_is_named_and_nothing_is_written() {
    let fleet = Fleet::start().await;
    let mut shown = String::new();
    for told in [
        json!(7),
        json!({}),
        json!({ "id": "" }),
        json!({ "id": 7 }),
        json!({ "id": "x".repeat(257) }),
        json!({ "id": "r", "exitCode": "0" }),
        json!({ "id": "r", "startDateTime": "yesterday" }),
        json!({ "id": "r", "outputs": "" }),
        json!({ "id": "r", "runRequestId": "no-such-request" }),
    ] {
        let body = json!({ "runState": "success", "@runstate.run": told });
        let reply = fleet.report(&body).await.expect(400);
        let text: String = told.to_string().chars().take(60).collect();
        shown.push_str(&format!("{text}\n    {}\n", reply.message()));
    }
    insta::assert_snapshot!(shown);
    assert_eq!(
        fleet.server.read(&fleet.state()).await["runState"],
        "pending"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_report_that_is_sent_many_times_at_once_is_one_run() {
    let fleet = Fleet::start().await;
    let body = ended("run-1", "fail");
    let report = async || fleet.report(&body).await.expect(200);
    tokio::join!(report(), report(), report(), report(), report(), report());
    let runs = format!("{}/runs", fleet.state());
    assert_eq!(fleet.server.ids(&runs).await, ["run-1"]);
}

/// The id that the server gives a run is no secret, so a device may come first with it, or second.
#[tokio::test]
async fn a_run_with_the_id_that_the_server_would_give_stops_nobody() {
    let fleet = Fleet::start().await;
    let (server, state) = (&fleet.server, fleet.state());
    let since_1970 = server.clock.now().duration_since(SystemTime::UNIX_EPOCH);
    let millis = since_1970.unwrap().as_millis();
    for round in 0..3 {
        let version = server.get(&state).send().await.header("etag").to_owned();
        let version: u64 = version
            .trim_matches(|c: char| !c.is_ascii_digit())
            .parse()
            .unwrap();
        let guessed = format!(
            "{:08x}-{:04x}-7000-8000-{version:012x}",
            millis >> 16,
            millis & 0xffff
        );
        fleet
            .report(&json!({ "errorCode": round }))
            .await
            .expect(200);
        fleet.report(&ended(&guessed, "fail")).await.expect(200);
        // Everything that needs what was reported in the tables goes on.
        server.shell_script("Next").await;
        let runs = server.ids(&format!("{state}/runs")).await;
        assert_eq!(runs.iter().filter(|id| **id == guessed).count(), 1);
    }
}

#[tokio::test]
async fn the_history_forgets_what_is_too_old_and_the_state_stays() {
    let fleet = Fleet::start().await;
    fleet.report(&ended("old", "fail")).await.expect(200);
    fleet
        .server
        .clock
        .advance(Duration::from_secs(91 * 24 * 3600));
    let (state, script) = (fleet.state(), fleet.script);
    // What is too old goes when a server starts, and every hour.
    let server = fleet.server.restart().await;
    let body = ended("new", "success");
    server.patch(&state, &body).send().await.expect(200);
    let runs = format!("{state}/runs");
    while server.ids(&runs).await != ["new"] {}
    let summary = server.read(&format!("{script}/runSummary")).await;
    assert_eq!(summary["successDeviceCount"], 1);
}

#[tokio::test]
async fn a_run_as_the_user_is_the_users_result_too() {
    let fleet = Fleet::start().await;
    let (server, script, script_id) = (&fleet.server, &fleet.script, &fleet.script_id);
    let ada = json!({ "displayName": "Ada", "userPrincipalName": "ada@example.com", "mailNickname": "ada" });
    let ada = server.create("/users", &ada).await;
    let mut run = ended("run-1", "fail");
    run["@runstate.run"]["account"] = json!("ada");
    fleet.report(&run).await.expect(200);
    let users = format!("{script}/userRunStates");
    assert_eq!(server.ids(&users).await, [""; 0], "it runs as the system");

    server
        .patch(script, &json!({ "runAsAccount": "user" }))
        .send()
        .await
        .expect(200);
    for (id, state) in [("run-2", "fail"), ("run-3", "success")] {
        let mut run = ended(id, state);
        run["@runstate.run"]["account"] = json!("ada");
        fleet.report(&run).await.expect(200);
        fleet.report(&run).await.expect(200);
    }
    let user = format!("{users}/{script_id}%3A{ada}");
    let read = server.read(&user).await;
    assert_eq!(read["userPrincipalName"], "ada@example.com");
    assert_eq!(
        (&read["successDeviceCount"], &read["errorDeviceCount"]),
        (&json!(1), &json!(0))
    );
    let state = format!(
        "{user}/deviceRunStates/{script_id}%3A{ada}%3A{}",
        fleet.device
    );
    assert_eq!(server.read(&state).await["runState"], "success");
    assert_eq!(
        server.ids(&format!("{state}/runs")).await,
        ["run-2", "run-3"]
    );
    assert_eq!(
        server.ids(&format!("{}/runs", fleet.state())).await.len(),
        3
    );
    let summary = server.read(&format!("{script}/runSummary")).await;
    assert_eq!(
        (&summary["successUserCount"], &summary["successDeviceCount"]),
        (&json!(1), &json!(1))
    );

    // An account that is nobody's, or more than one's, is no user.
    let mut run = ended("run-4", "fail");
    run["@runstate.run"]["account"] = json!("nobody");
    fleet.report(&run).await.expect(200);
    assert_eq!(server.read(&user).await["errorDeviceCount"], 0);
}
