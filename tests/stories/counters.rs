//! The counters of run summaries and user states are exact after every act.

use runstate_testkit::{SCRIPTS, Seeded, TestServer};
use serde_json::{Value, json};

const RUN_STATES: [&str; 6] = [
    "unknown",
    "success",
    "fail",
    "scriptError",
    "pending",
    "notApplicable",
];

/// How many of the states are successes, and how many errors.
fn count(states: &Value) -> (i64, i64) {
    let states = states["value"].as_array().unwrap();
    let of = |names: &[&str]| {
        let counted = states
            .iter()
            .filter(|state| names.contains(&state["runState"].as_str().unwrap()));
        i64::try_from(counted.count()).unwrap()
    };
    (of(&["success"]), of(&["fail", "scriptError"]))
}

/// The summary that the script's states add up to.
pub(super) async fn recount(server: &TestServer, script: &str) -> Value {
    let (success, error) = count(&server.read(&format!("{script}/deviceRunStates")).await);
    let (mut success_users, mut error_users) = (0, 0);
    for user in server.read(&format!("{script}/userRunStates")).await["value"]
        .as_array()
        .unwrap()
    {
        if user["errorDeviceCount"] != 0 {
            error_users += 1;
        } else if user["successDeviceCount"] != 0 {
            success_users += 1;
        }
    }
    json!({
        "successDeviceCount": success, "errorDeviceCount": error,
        "successUserCount": success_users, "errorUserCount": error_users,
    })
}

/// The counters that the summary shows.
pub(super) async fn summary(server: &TestServer, script: &str) -> Value {
    server
        .read(&format!("{script}/runSummary?$select=successDeviceCount,errorDeviceCount,successUserCount,errorUserCount"))
        .await
        .as_object()
        .unwrap()
        .iter()
        .filter(|(name, _)| !name.contains('@'))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect::<serde_json::Map<_, _>>()
        .into()
}

#[tokio::test]
async fn after_each_act() {
    let server = TestServer::start().await;
    for collection in SCRIPTS {
        let script = server.script(collection, "Run").await;
        let script = format!("/deviceManagement/{collection}/{script}");
        let expect = async |devices: (i64, i64), users: (i64, i64)| {
            let expected = json!({
                "successDeviceCount": devices.0, "errorDeviceCount": devices.1,
                "successUserCount": users.0, "errorUserCount": users.1,
            });
            assert_eq!(summary(&server, &script).await, expected);
        };
        let report = async |state: &str, run_state: &str| {
            let body = json!({ "runState": run_state });
            server
                .patch(&format!("{script}/{state}"), &body)
                .send()
                .await
                .expect(200);
        };
        let delete = async |state: &str| {
            server
                .delete(&format!("{script}/{state}"))
                .send()
                .await
                .expect(204);
        };
        let states = format!("{script}/deviceRunStates");
        expect((0, 0), (0, 0)).await;
        server.create(&states, &json!({ "id": "a" })).await;
        expect((0, 0), (0, 0)).await;
        server
            .create(&states, &json!({ "id": "b", "runState": "success" }))
            .await;
        expect((1, 0), (0, 0)).await;
        for (run_state, devices) in [
            ("pending", (1, 0)),
            ("success", (2, 0)),
            ("success", (2, 0)),
            ("fail", (1, 1)),
            ("scriptError", (1, 1)),
            ("notApplicable", (1, 0)),
            ("scriptError", (1, 1)),
        ] {
            report("deviceRunStates/a", run_state).await;
            expect(devices, (0, 0)).await;
        }

        let users = format!("{script}/userRunStates");
        server
            .create(&users, &json!({ "id": "u", "userPrincipalName": "u@x" }))
            .await;
        expect((1, 1), (0, 0)).await;
        let nested = format!("{users}/u/deviceRunStates");
        server
            .create(&nested, &json!({ "id": "x", "runState": "success" }))
            .await;
        expect((1, 1), (1, 0)).await;
        server
            .create(&nested, &json!({ "id": "y", "runState": "fail" }))
            .await;
        expect((1, 1), (0, 1)).await;
        report("userRunStates/u/deviceRunStates/y", "success").await;
        expect((1, 1), (1, 0)).await;
        let user = server.read(&format!("{users}/u")).await;
        assert_eq!(
            (&user["successDeviceCount"], &user["errorDeviceCount"]),
            (&json!(2), &json!(0))
        );

        // What a client writes over a user's counters counts until a device reports again.
        server
            .patch(&format!("{users}/u"), &json!({ "errorDeviceCount": 5 }))
            .send()
            .await
            .expect(200);
        expect((1, 1), (0, 1)).await;
        report("userRunStates/u/deviceRunStates/y", "pending").await;
        expect((1, 1), (1, 0)).await;
        server
            .create(&users, &json!({ "id": "v", "errorDeviceCount": 1 }))
            .await;
        expect((1, 1), (1, 1)).await;

        delete("userRunStates/u/deviceRunStates/x").await;
        expect((1, 1), (0, 1)).await;
        delete("userRunStates/v").await;
        expect((1, 1), (0, 0)).await;
        report("userRunStates/u/deviceRunStates/y", "fail").await;
        expect((1, 1), (0, 1)).await;
        delete("userRunStates/u").await;
        expect((1, 1), (0, 0)).await;
        delete("deviceRunStates/a").await;
        expect((1, 0), (0, 0)).await;
        delete("deviceRunStates/b").await;
        expect((0, 0), (0, 0)).await;
    }
}

#[tokio::test]
async fn after_hundreds_of_random_acts() {
    let server = TestServer::start().await;
    let mut random = Seeded::new(2);
    let mut scripts = Vec::new();
    for collection in SCRIPTS {
        let script = server.script(collection, "Run").await;
        scripts.push(format!("/deviceManagement/{collection}/{script}"));
    }
    for step in 0..600 {
        let script = random.one_of(&scripts).clone();
        let user = format!("{script}/userRunStates/u{}", random.below(3));
        let owner = if random.below(2) == 0 {
            script.clone()
        } else {
            user.clone()
        };
        let states = format!("{owner}/deviceRunStates");
        let id = format!("d{}", random.below(5));
        let run_state = *random.one_of(&RUN_STATES);
        let reply = match random.below(10) {
            0 => {
                let id = user.rsplit('/').next().unwrap();
                server
                    .post(&format!("{script}/userRunStates"), &json!({ "id": id }))
                    .send()
                    .await
            }
            1 if random.below(3) == 0 => server.delete(&user).send().await,
            1 | 2 => server.delete(&format!("{states}/{id}")).send().await,
            3..6 => {
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
        // What is not there is not found, what is there cannot be created again.
        assert!(
            matches!(reply.status.as_u16(), 200 | 201 | 204 | 404 | 409),
            "step {step}: {}",
            reply.text()
        );
        if step % 20 == 19 {
            for script in &scripts {
                assert_eq!(
                    summary(&server, script).await,
                    recount(&server, script).await,
                    "step {step}"
                );
                let users = server.read(&format!("{script}/userRunStates")).await;
                for user in users["value"].as_array().unwrap() {
                    let states = format!(
                        "{script}/userRunStates/{}/deviceRunStates",
                        user["id"].as_str().unwrap()
                    );
                    let shown = (
                        user["successDeviceCount"].as_i64().unwrap(),
                        user["errorDeviceCount"].as_i64().unwrap(),
                    );
                    assert_eq!(shown, count(&server.read(&states).await), "step {step}");
                }
            }
        }
    }
}
