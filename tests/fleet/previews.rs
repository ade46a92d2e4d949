//! What a change would do is told as it then does.

use runstate_testkit::TestServer;
use serde_json::{Value, json};

use super::{ALL_DEVICES, Fleet, assign, device, ended};

const GROUP: &str = "#microsoft.graph.groupAssignmentTarget";
const EXCLUSION: &str = "#microsoft.graph.exclusionGroupAssignmentTarget";
const ALL_USERS: &str = "#microsoft.graph.allLicensedUsersAssignmentTarget";

async fn preview(server: &TestServer, script: &str, targets: &[Value]) -> Value {
    let assignments = targets.iter().map(|target| json!({ "target": target }));
    let assignments: Vec<Value> = assignments.collect();
    let body = json!({ "deviceManagementScriptAssignments": assignments });
    let path = format!("{script}/runstate.previewAssign");
    server.post(&path, &body).send().await.expect(200).json()
}

fn counts(preview: &Value) -> [i64; 3] {
    ["deviceCount", "addedDeviceCount", "removedDeviceCount"]
        .map(|name| preview[name].as_i64().unwrap())
}

fn ids(preview: &Value) -> Vec<String> {
    let ids = preview["deviceIds"].as_array().unwrap().iter();
    ids.map(|id| id.as_str().unwrap().to_owned()).collect()
}

/// A user's device, a device in a group within a group, one on Windows, and the first of the fleet.
#[tokio::test]
async fn the_devices_of_an_assignment_are_foretold() {
    let fleet = Fleet::start().await;
    let (server, script) = (&fleet.server, &fleet.script);
    let user = json!({ "displayName": "Ada", "userPrincipalName": "ada@example.com" });
    let user = server.create("/users", &user).await;
    let own = json!({ "deviceName": "own", "operatingSystem": "Linux", "userId": user });
    let own = server
        .create("/deviceManagement/managedDevices", &own)
        .await;
    let inner = device(server, "inner", "Linux").await;
    let windows = device(server, "windows", "Windows").await;
    let link = |set: &str, id: &str| format!("https://graph.microsoft.com/beta/{set}/{id}");
    let group = async |name: &str, members: Vec<String>| {
        let body = json!({ "displayName": name, "members@odata.bind": members });
        server.create("/groups", &body).await
    };
    let devices = vec![link("devices", &inner), link("devices", &windows)];
    let within = group("within", devices).await;
    let around = group(
        "around",
        vec![link("groups", &within), link("users", &user)],
    )
    .await;
    let of = |ty: &str, group: &str| json!({ "@odata.type": ty, "groupId": group });
    let filtered = json!({
        "@odata.type": ALL_DEVICES,
        "deviceAndAppManagementAssignmentFilterId": "f",
        "deviceAndAppManagementAssignmentFilterType": "include",
    });

    // All four devices are assigned now, and the script does not apply on Windows.
    let cases = [
        (vec![], [0, 0, 3], vec![]),
        (
            vec![json!({ "@odata.type": ALL_DEVICES })],
            [3, 0, 0],
            vec![&fleet.device, &own, &inner],
        ),
        (vec![of(GROUP, &around)], [2, 0, 1], vec![&own, &inner]),
        (
            vec![of(GROUP, &around), of(EXCLUSION, &within)],
            [1, 0, 2],
            vec![&own],
        ),
        (
            vec![json!({ "@odata.type": ALL_USERS })],
            [1, 0, 2],
            vec![&own],
        ),
        (vec![filtered, of(GROUP, &within)], [1, 0, 2], vec![&inner]),
        (vec![of(GROUP, "none")], [0, 0, 3], vec![]),
    ];
    for (targets, wanted, devices) in cases {
        let foretold = preview(server, script, &targets).await;
        assert_eq!(counts(&foretold), wanted, "{targets:?}");
        let (mut found, mut devices) = (ids(&foretold), devices);
        found.sort();
        devices.sort();
        assert_eq!(found.iter().collect::<Vec<_>>(), devices, "{targets:?}");
    }
    let listed = server.ids(&format!("{script}/assignments")).await;
    assert_eq!(listed.len(), 1, "nothing was changed");

    // And what is foretold happens.
    let targets = [of(GROUP, &around)];
    assign(server, script, &targets).await;
    let states = server
        .read(&format!("{script}/deviceRunStates?$expand=managedDevice"))
        .await;
    let states = states["value"].as_array().unwrap().iter();
    let pending = states
        .filter(|state| state["runState"] == "pending")
        .count();
    assert_eq!(pending, 2);
    let all = [json!({ "@odata.type": ALL_DEVICES })];
    let foretold = preview(server, script, &all).await;
    assert_eq!(counts(&foretold), [3, 1, 0]);
    assert_eq!(
        ids(&foretold)[0],
        fleet.device,
        "those that are new come first"
    );

    let older = json!({ "deviceManagementScriptGroupAssignments": [{ "targetGroupId": within }] });
    let path = format!("{script}/previewAssign");
    let foretold = server.post(&path, &older).send().await.expect(200).json();
    assert_eq!(counts(&foretold), [1, 0, 1]);
    assert!(
        foretold["@odata.context"]
            .as_str()
            .unwrap()
            .ends_with("#runstate.devicePreview")
    );
}

#[tokio::test]
async fn the_devices_of_a_run_request_are_foretold() {
    let mut fleet = Fleet::start().await;
    fleet.report(&ended("run-1", "success")).await.expect(200);
    fleet.device = device(&fleet.server, "lab-02", "Linux").await;
    fleet.token = fleet.server.device(&fleet.device);
    fleet.report(&ended("run-2", "fail")).await.expect(200);
    // A result of a device to which the script is not assigned: it is not asked.
    let state = json!({ "id": "by-hand", "runState": "fail" });
    fleet
        .server
        .create(&format!("{}/deviceRunStates", fleet.script), &state)
        .await;
    let server = &fleet.server;
    let path = format!("{}/previewRunRequest", fleet.script);
    for (body, wanted) in [
        (json!({}), 2),
        (json!({ "deviceFilter": null }), 2),
        (json!({ "deviceFilter": "runState eq 'fail'" }), 1),
        (
            json!({ "deviceFilter": "managedDevice/deviceName eq 'lab-01'" }),
            1,
        ),
        (json!({ "deviceFilter": "errorCode gt 100" }), 0),
    ] {
        let foretold = server.post(&path, &body).send().await.expect(200).json();
        assert_eq!(counts(&foretold), [wanted, wanted, 0], "{body}");
        let requests = format!("{}/runRequests", fleet.script);
        let asked = server
            .post(&requests, &body)
            .send()
            .await
            .expect(201)
            .json();
        assert_eq!(asked["deviceCount"], wanted, "{body}");
    }
    for body in [
        json!({ "deviceFilter": "x eq" }),
        json!({ "deviceFilter": 1 }),
        json!({ "x": 1 }),
    ] {
        server.post(&path, &body).send().await.expect(400);
    }
}
