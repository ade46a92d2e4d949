//! Many clients at once: every write is in the journal, and every read sees what was written before.

use runstate_testkit::{SCRIPTS, Seeded, TestServer};
use serde_json::json;

/// What the journal in the server's file holds: version and error code of each run, in order.
fn journal(server: &TestServer) -> Vec<(i64, i64)> {
    let runs = "SELECT pk, error_code FROM run ORDER BY pk";
    let runs = server.data().query(runs);
    let run = |line: &str| {
        let (pk, code) = line.split_once('|').unwrap();
        (pk.parse().unwrap(), code.parse().unwrap())
    };
    runs.lines().map(run).collect()
}

/// Has the server fold its journal: a read that skips rows cannot be answered from both.
async fn fold(server: &TestServer, states: &str) {
    server.read(&format!("{states}?$top=1&$skip=0")).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn concurrent_reports_of_one_state_are_all_in_the_journal() {
    let server = TestServer::start().await;
    let script = server.shell_script("Run").await;
    let states = format!("/deviceManagement/deviceShellScripts/{script}/deviceRunStates");
    server
        .create(&states, &json!({ "id": "d", "errorCode": -1 }))
        .await;
    let state = format!("{states}/d");

    let client = async |client: i64| {
        let mut answered = Vec::new();
        for i in 0..25 {
            let code = client * 1000 + i;
            let body = json!({ "errorCode": code, "runState": "success" });
            let reply = server.patch(&state, &body).send().await.expect(200);
            assert_eq!(reply.json()["errorCode"], code);
            let version = reply
                .header("etag")
                .trim_start_matches("W/")
                .trim_matches('"');
            answered.push((version.parse::<i64>().unwrap(), code));
        }
        answered
    };
    let clients = tokio::join!(
        client(0),
        client(1),
        client(2),
        client(3),
        client(4),
        client(5),
        client(6),
        client(7)
    );

    let clients = <[_; 8]>::from(clients);
    // Each client's own reports are in the order in which it made them.
    assert!(clients.iter().all(|answered| answered.is_sorted()));
    let mut answered: Vec<(i64, i64)> = clients.concat();
    answered.sort_unstable();
    fold(&server, &states).await;
    let journal = journal(&server);
    assert_eq!(journal[0].1, -1);
    assert_eq!(journal[1..], answered);
    let last = server.get(&state).send().await.expect(200);
    let (version, code) = journal.last().unwrap();
    assert_eq!(last.json()["errorCode"], *code);
    assert_eq!(last.header("etag"), format!("W/\"{version}\""));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_concurrent_reports_with_one_etag_one_is_taken() {
    let server = TestServer::start().await;
    let script = server.shell_script("Run").await;
    let states = format!("/deviceManagement/deviceShellScripts/{script}/deviceRunStates");
    server.create(&states, &json!({ "id": "d" })).await;
    let state = format!("{states}/d");
    for round in 0..10 {
        let etag = server.get(&state).send().await.header("etag").to_owned();
        let report = async |code: i64| {
            let body = json!({ "errorCode": code });
            let sent = server
                .patch(&state, &body)
                .header("If-Match", &etag)
                .send()
                .await;
            (sent.status.as_u16(), code)
        };
        let reports = tokio::join!(report(1), report(2), report(3), report(4));
        let reports = <[_; 4]>::from(reports);
        let taken: Vec<_> = reports
            .iter()
            .filter(|(status, _)| *status == 200)
            .collect();
        assert_eq!(taken.len(), 1, "round {round}: {reports:?}");
        assert!(
            reports
                .iter()
                .all(|(status, _)| matches!(status, 200 | 412))
        );
        assert_eq!(server.read(&state).await["errorCode"], taken[0].1);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_read_after_a_write_sees_it() {
    let server = TestServer::start().await;
    for collection in SCRIPTS {
        let script = server.script(collection, "Run").await;
        let one = format!("/deviceManagement/{collection}/{script}");
        server
            .create(&format!("{one}/userRunStates"), &json!({ "id": "u" }))
            .await;
        let client = async |states: String, id: &str| {
            server.create(&states, &json!({ "id": id })).await;
            for code in 1..20 {
                let body = json!({ "errorCode": code, "runState": if code % 2 == 0 { "success" } else { "fail" } });
                server
                    .patch(&format!("{states}/{id}"), &body)
                    .send()
                    .await
                    .expect(200);
                let filter = format!("$filter=errorCode%20eq%20{code}%20and%20id%20eq%20'{id}'");
                assert_eq!(server.ids(&format!("{states}?{filter}")).await, [id]);
                let count = server
                    .get(&format!("{states}/$count?{filter}"))
                    .send()
                    .await;
                assert_eq!(count.text(), "1");
                assert_eq!(
                    server.read(&format!("{states}/{id}")).await["errorCode"],
                    code
                );
                let latest = format!("{states}?$filter=id%20eq%20'{id}'&$orderby=errorCode%20desc");
                assert_eq!(server.read(&latest).await["value"][0]["errorCode"], code);
            }
        };
        let states = format!("{one}/deviceRunStates");
        let nested = format!("{one}/userRunStates/u/deviceRunStates");
        tokio::join!(
            client(states.clone(), "a"),
            client(states.clone(), "b"),
            client(nested, "a")
        );
        let summary = server.read(&format!("{one}/runSummary")).await;
        assert_eq!(summary["errorDeviceCount"], 2);
        assert_eq!(summary["errorUserCount"], 1);
        let expanded = server
            .read(&format!("{one}?$expand=deviceRunStates,runSummary"))
            .await;
        assert_eq!(expanded["deviceRunStates"][0]["errorCode"], 19);
        assert_eq!(expanded["runSummary"]["errorDeviceCount"], 2);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_concurrent_creations_with_one_id_one_is_made() {
    let server = TestServer::start().await;
    let script = server.shell_script("Run").await;
    let one = format!("/deviceManagement/deviceShellScripts/{script}");
    for (collection, body) in [
        (
            "deviceRunStates",
            json!({ "id": "d", "runState": "success" }),
        ),
        ("userRunStates", json!({ "id": "u", "errorDeviceCount": 1 })),
        ("groupAssignments", json!({ "targetGroupId": "g" })),
    ] {
        let path = format!("{one}/{collection}");
        let create = async || server.post(&path, &body).send().await.status.as_u16();
        let mut statuses: [u16; 4] = tokio::join!(create(), create(), create(), create()).into();
        statuses.sort_unstable();
        assert_eq!(statuses, [201, 409, 409, 409], "{collection}");
        assert_eq!(server.ids(&path).await.len(), 1);
    }
    let summary = server.read(&format!("{one}/runSummary")).await;
    assert_eq!(summary["successDeviceCount"], 1);
    assert_eq!(summary["errorUserCount"], 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_concurrent_assignments_one_stays_whole() {
    let server = TestServer::start().await;
    let script = server.shell_script("Assigned").await;
    let one = format!("/deviceManagement/deviceShellScripts/{script}");
    let assign = async |client: &str| {
        for _ in 0..5 {
            let target = json!({ "@odata.type": "#microsoft.graph.groupAssignmentTarget", "groupId": client });
            let assignment = json!({ "target": target });
            let body = json!({
                "deviceManagementScriptAssignments": [assignment, assignment, assignment],
                "deviceManagementScriptGroupAssignments": [{ "targetGroupId": client }],
            });
            server
                .post(&format!("{one}/assign"), &body)
                .send()
                .await
                .expect(204);
        }
    };
    tokio::join!(assign("a"), assign("b"), assign("c"));
    let read = server
        .read(&format!("{one}?$expand=assignments,groupAssignments"))
        .await;
    let winner = &read["groupAssignments"][0]["targetGroupId"];
    assert_eq!(read["groupAssignments"].as_array().unwrap().len(), 1);
    let assignments = read["assignments"].as_array().unwrap();
    assert_eq!(assignments.len(), 3);
    assert!(
        assignments
            .iter()
            .all(|assignment| &assignment["target"]["groupId"] == winner)
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn counters_are_exact_after_concurrent_reports() {
    let server = TestServer::start().await;
    let script = server.script(SCRIPTS[0], "Run").await;
    let one = format!("/deviceManagement/{}/{script}", SCRIPTS[0]);
    for user in ["u", "v"] {
        server
            .create(&format!("{one}/userRunStates"), &json!({ "id": user }))
            .await;
    }
    let client = async |seed: u64| {
        let mut random = Seeded::new(seed);
        for _ in 0..40 {
            let owner = *random.one_of(&["", "/userRunStates/u", "/userRunStates/v"]);
            let states = format!("{one}{owner}/deviceRunStates");
            let id = *random.one_of(&["a", "b", "c"]);
            let run_state = *random.one_of(&["success", "fail", "scriptError", "pending"]);
            match random.below(4) {
                0 => server.delete(&format!("{states}/{id}")).send().await,
                1 => {
                    server
                        .post(&states, &json!({ "id": id, "runState": run_state }))
                        .send()
                        .await
                }
                _ => {
                    server
                        .patch(&format!("{states}/{id}"), &json!({ "runState": run_state }))
                        .send()
                        .await
                }
            };
        }
    };
    tokio::join!(client(1), client(2), client(3), client(4));
    assert_eq!(
        super::counters::summary(&server, &one).await,
        super::counters::recount(&server, &one).await
    );
}

#[tokio::test]
async fn what_was_acknowledged_is_there_after_a_restart() {
    let server = TestServer::start().await;
    let script = server.shell_script("Run").await;
    let one = format!("/deviceManagement/deviceShellScripts/{script}");
    let states = format!("{one}/deviceRunStates");
    for id in ["a", "b", "c"] {
        server.create(&states, &json!({ "id": id })).await;
        server
            .patch(&format!("{states}/{id}"), &json!({ "runState": "success" }))
            .send()
            .await
            .expect(200);
    }
    let before = server.read(&states).await["value"].clone();
    let etag = server
        .get(&format!("{states}/b"))
        .send()
        .await
        .header("etag")
        .to_owned();
    let page = server.read(&format!("{states}?$top=1")).await;
    let token = page["@odata.nextLink"]
        .as_str()
        .unwrap()
        .split('?')
        .nth(1)
        .unwrap()
        .to_owned();
    fold(&server, &states).await;
    let (journal_before, counters) = (
        journal(&server),
        super::counters::summary(&server, &one).await,
    );

    let server = server.restart().await;

    assert_eq!(server.read(&states).await["value"], before);
    assert_eq!(
        server
            .get(&format!("{states}/b"))
            .send()
            .await
            .header("etag"),
        etag
    );
    assert_eq!(server.ids(&format!("{states}?{token}")).await, ["b"]);
    assert_eq!(journal(&server), journal_before);
    assert_eq!(super::counters::summary(&server, &one).await, counters);
    let body = json!({ "runState": "fail" });
    let reply = server
        .patch(&format!("{states}/b"), &body)
        .header("If-Match", &etag)
        .send()
        .await
        .expect(200);
    assert_ne!(reply.header("etag"), etag);
}
