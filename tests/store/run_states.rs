//! The heart call, and what lives around it.

use runstate_odata::edm::Value;
use runstate_store::{Error, Precondition};

use super::fixture::{Fixture, conflict, ids, int, not_found, one, parse_path, text};

/// The specification's example, byte for byte.
const EXAMPLE: &str = r##"{
  "@odata.type": "#microsoft.graph.deviceManagementScriptDeviceState",
  "runState": "success",
  "resultMessage": "Result Message value",
  "lastStateUpdateDateTime": "2017-01-01T00:02:58.4418045-08:00",
  "errorCode": 9,
  "errorDescription": "Error Description value"
}"##;

#[tokio::test]
async fn the_example_goes_in_and_comes_out_on_each_route() {
    let store = Fixture::new().await;
    let collections = [
        "deviceManagement/deviceShellScripts",
        "deviceManagement/deviceManagementScripts",
        "deviceManagement/deviceCustomAttributeShellScripts",
    ];
    for collection in collections {
        store
            .post(collection, r#"{"id": "s", "displayName": "n"}"#)
            .await
            .unwrap();
    }
    store
        .post(
            &format!("{}/s/userRunStates", collections[1]),
            r#"{"id": "u"}"#,
        )
        .await
        .unwrap();
    let routes = collections.map(|collection| format!("{collection}/s/deviceRunStates"));
    let nested = format!("{}/s/userRunStates/u/deviceRunStates", collections[1]);
    for route in routes.into_iter().chain([nested]) {
        let made = store.post(&route, r#"{"id": "d"}"#).await.unwrap();
        let path = format!("{route}/d");
        assert_eq!(store.get(&path).await.unwrap(), made);
        let row = store.patch(&path, EXAMPLE).await.unwrap();
        assert_eq!(store.get(&path).await.unwrap(), row);
        assert!(row.version > made.version);
        assert_eq!(
            (row.id(), int(&row, "runState"), int(&row, "errorCode")),
            ("d", 1, 9)
        );
        assert_eq!(text(&row, "resultMessage"), Some("Result Message value"));
        assert_eq!(
            text(&row, "errorDescription"),
            Some("Error Description value")
        );
        let Value::DateTimeOffset(updated) = row.record.get("lastStateUpdateDateTime") else {
            panic!()
        };
        assert_eq!(updated.to_string(), "2017-01-01T00:02:58.4418045-08:00");

        // What is left out stays; null clears; nothing at all is a report too.
        let row = store
            .patch(&path, r#"{"errorCode": 0, "resultMessage": null}"#)
            .await
            .unwrap();
        assert_eq!((int(&row, "runState"), int(&row, "errorCode")), (1, 0));
        assert_eq!(text(&row, "resultMessage"), None);
        assert_eq!(
            text(&row, "errorDescription"),
            Some("Error Description value")
        );
        assert_eq!(row, store.get(&path).await.unwrap());
        assert_eq!(store.patch(&path, "{}").await.unwrap().record, row.record);
    }
}

#[tokio::test]
async fn the_history_holds_every_outcome_whole() {
    let store = Fixture::new().await;
    let script = store.shell_script("s").await;
    let path = format!("{script}/deviceRunStates/d");
    let collection = format!("{script}/deviceRunStates");
    let mut versions = vec![
        store
            .post(&collection, r#"{"id": "d"}"#)
            .await
            .unwrap()
            .version,
    ];
    for body in [
        r#"{"runState": "success"}"#,
        r#"{"errorCode": 3}"#,
        r#"{"runState": "fail"}"#,
    ] {
        versions.push(store.patch(&path, body).await.unwrap().version);
    }
    let refused = store
        .patch_if(&path, "{}", Precondition::Versions(vec![0]))
        .await;
    assert_eq!(refused.unwrap_err(), Error::PreconditionFailed);
    let history = || -> Vec<(i64, i32, i32, i64)> {
        let sql = "SELECT pk, run_state, error_code, received_date_time FROM run ORDER BY pk";
        let run = |line: &str| {
            let cells: Vec<_> = line.split('|').collect();
            let number = |at: usize| cells[at].parse::<i64>().unwrap();
            let small = |at: usize| i32::try_from(number(at)).unwrap();
            (number(0), small(1), small(2), number(3))
        };
        store.data.query(sql).lines().map(run).collect()
    };
    let received = 1_700_000_000 * 10_000_000;
    let outcomes = [(0, 0), (1, 0), (1, 3), (2, 3)];
    let wanted: Vec<_> = versions
        .iter()
        .zip(outcomes)
        .map(|(pk, (run_state, code))| (*pk, run_state, code, received))
        .collect();
    store.fold(&script).await;
    assert_eq!(history(), wanted);
    // It outlives the state, and its numbers are not used again.
    store.delete(&path).await.unwrap();
    assert_eq!(history(), wanted);
    let again = store.post(&collection, r#"{"id": "d"}"#).await.unwrap();
    assert!(again.version > versions[3]);
}

#[tokio::test]
async fn only_the_version_that_was_seen_is_changed() {
    let store = Fixture::new().await;
    let script = store.shell_script("s").await;
    let path = format!("{script}/deviceRunStates/d");
    let first = store
        .post(&format!("{script}/deviceRunStates"), r#"{"id": "d"}"#)
        .await
        .unwrap();
    let seen = Precondition::Versions(vec![first.version]);
    let second = store
        .patch_if(&path, r#"{"errorCode": 1}"#, seen.clone())
        .await
        .unwrap();
    let late = store
        .patch_if(&path, r#"{"errorCode": 2}"#, seen.clone())
        .await;
    assert_eq!(late.unwrap_err(), Error::PreconditionFailed);
    assert_eq!(store.get(&path).await.unwrap(), second);
    assert_eq!(
        store.delete_if(&path, seen).await.unwrap_err(),
        Error::PreconditionFailed
    );
    let any = Precondition::Versions(vec![first.version, second.version]);
    store.delete_if(&path, any).await.unwrap();
    assert_eq!(not_found(store.patch(&path, "{}").await).1, "d");
}

#[tokio::test]
async fn a_device_touches_its_own_run_states_and_nothing_else() {
    let store = Fixture::new().await;
    let script = store.shell_script("s").await;
    let collection = format!("{script}/deviceRunStates");
    for (id, device) in [
        ("mine", Some("me")),
        ("theirs", Some("them")),
        ("nobody's", None),
    ] {
        store
            .post_of(&collection, &format!(r#"{{"id": "{id}"}}"#), device, &[])
            .await
            .unwrap();
    }
    let success = r#"{"runState": "success"}"#;
    let mine = format!("{collection}/mine");
    let row = store.patch_as_device("me", &mine, success).await.unwrap();
    assert_eq!(int(&row, "runState"), 1);
    for id in ["theirs", "nobody's", "absent"] {
        let path = format!("{collection}/{id}");
        let refused = store.patch_as_device("me", &path, success).await;
        assert_eq!(
            not_found(refused),
            ("deviceManagementScriptDeviceState", id.to_owned())
        );
    }
    let stranger = store.patch_as_device("", &mine, success).await;
    assert_eq!(not_found(stranger).1, "mine");
    assert_eq!(
        not_found(store.patch_as_device("me", &script, "{}").await).1,
        "s"
    );

    // The server lets a device do nothing more; nor does the store, whatever it is asked.
    let permit = store.device_permit("me");
    let query = |path: &str| {
        let path = parse_path(path);
        let options = runstate_odata::grammar::options::parse("").unwrap();
        let ty = path.ty().unwrap();
        let model = &runstate_graph::entity::MODEL;
        (
            path,
            runstate_odata::check::query(ty, &options, model).unwrap(),
        )
    };
    let (path, whole) = query(&mine);
    assert_eq!(
        store
            .store
            .entity_get(&permit, &path, &whole)
            .await
            .unwrap()
            .id(),
        "mine"
    );
    let (path, whole) = query(&format!("{collection}/theirs"));
    not_found(store.store.entity_get(&permit, &path, &whole).await);
    let (path, whole) = query(&collection);
    not_found(store.store.entity_list(&permit, &path, &whole, 10).await);
    not_found(store.store.entity_count(&permit, &path, &whole).await);
    let (path, whole) = query(&script);
    not_found(store.store.entity_get(&permit, &path, &whole).await);
    let path = parse_path(&mine);
    not_found(
        store
            .store
            .entity_delete(&permit, &path, Precondition::None)
            .await,
    );
    let path = parse_path("groups/g/members/$ref");
    not_found(store.store.group_member_add(&permit, &path, "me").await);
    assert_eq!(store.ids(&collection).await.len(), 3);
}

#[tokio::test]
async fn a_value_that_must_be_there_cannot_be_cleared() {
    let store = Fixture::new().await;
    let script = store.shell_script("s").await;
    store
        .post(&format!("{script}/deviceRunStates"), r#"{"id": "d"}"#)
        .await
        .unwrap();
    let path = parse_path(&format!("{script}/deviceRunStates/d"));
    let ty = path.ty().unwrap();
    for name in ["runState", "errorCode", "lastStateUpdateDateTime"] {
        let changes = vec![(ty.position(name).unwrap(), Value::Null)];
        let refused = store.change(&path, changes).await;
        assert_eq!(
            refused.unwrap_err(),
            Error::Invalid {
                message: format!("'{name}' must have a value.")
            }
        );
    }
    assert_eq!(store.summary(&script).await, [0; 4]);
}

#[tokio::test]
async fn states_are_listed_filtered_and_counted() {
    let store = Fixture::new().await;
    let script = store.shell_script("s").await;
    let collection = format!("{script}/deviceRunStates");
    store
        .post(
            "deviceManagement/managedDevices",
            r#"{"id": "7", "deviceName": "Seven"}"#,
        )
        .await
        .unwrap();
    for (id, state, code) in [
        ("a", "fail", 3),
        ("b", "success", 0),
        ("c", "fail", 1),
        ("d", "pending", 0),
    ] {
        let body = format!(r#"{{"id": "{id}", "runState": "{state}", "errorCode": {code}}}"#);
        let device = if id == "c" { Some("7") } else { None };
        store
            .post_of(&collection, &body, device, &[])
            .await
            .unwrap();
    }
    let failed = format!("{collection}?$filter=runState eq 'fail'&$orderby=errorCode&$count=true");
    let page = store.list(&failed).await.unwrap();
    assert_eq!((ids(&page), page.count), (vec!["c", "a"], Some(2)));
    assert_eq!(
        store
            .count(&format!("{collection}/$count?$filter=errorCode eq 0"))
            .await,
        Ok(2)
    );
    let named =
        format!("{collection}?$filter=managedDevice/deviceName eq 'Seven'&$expand=managedDevice");
    let page = store.list(&named).await.unwrap();
    assert_eq!(ids(&page), ["c"]);
    assert_eq!(
        text(one(&page.rows[0], "managedDevice").unwrap(), "deviceName"),
        Some("Seven")
    );
    let page = store
        .list(&format!("{collection}?$top=2&$skip=1&$select=id"))
        .await
        .unwrap();
    assert_eq!(ids(&page), ["b", "c"]);
    assert!(page.next.is_some());
}

#[tokio::test]
async fn a_state_outlives_its_device() {
    let store = Fixture::new().await;
    let script = store.shell_script("s").await;
    let collection = format!("{script}/deviceRunStates");
    let devices = "deviceManagement/managedDevices";
    store
        .post("users", r#"{"id": "u", "displayName": "U"}"#)
        .await
        .unwrap();
    store
        .post(devices, r#"{"id": "d", "deviceName": "D", "userId": "u"}"#)
        .await
        .unwrap();
    store
        .post_of(&collection, r#"{"id": "s:d"}"#, Some("d"), &[])
        .await
        .unwrap();
    let state = format!("{collection}/s:d");
    let device = store.get(&format!("{state}/managedDevice")).await.unwrap();
    assert_eq!(text(&device, "deviceName"), Some("D"));
    assert_eq!(
        store.ids(&format!("{state}/managedDevice/users")).await,
        ["u"]
    );
    assert_eq!(store.ids(&format!("{devices}/d/users")).await, ["u"]);
    store.delete(&format!("{devices}/d")).await.unwrap();
    let row = store
        .get(&format!("{state}?$expand=managedDevice"))
        .await
        .unwrap();
    assert_eq!((row.id(), one(&row, "managedDevice")), ("s:d", None));
    let gone = not_found(store.get(&format!("{state}/managedDevice")).await);
    assert_eq!(gone, ("managedDevice", "managedDevice".to_owned()));
    not_found(store.list(&format!("{state}/managedDevice/users")).await);
}

#[tokio::test]
async fn a_state_is_one_of_its_place_alone() {
    let store = Fixture::new().await;
    let script = store.shell_script("s").await;
    for user in ["u", "v"] {
        store
            .post(
                &format!("{script}/userRunStates"),
                &format!(r#"{{"id": "{user}"}}"#),
            )
            .await
            .unwrap();
    }
    let own = format!("{script}/deviceRunStates");
    let [u, v] = ["u", "v"].map(|user| format!("{script}/userRunStates/{user}/deviceRunStates"));
    for collection in [&own, &u, &v] {
        store.post(collection, r#"{"id": "d"}"#).await.unwrap();
        conflict(store.post(collection, r#"{"id": "d"}"#).await);
    }
    store
        .patch(&format!("{u}/d"), r#"{"errorCode": 5}"#)
        .await
        .unwrap();
    for (collection, code) in [(&own, 0), (&u, 5), (&v, 0)] {
        let page = store.list(collection).await.unwrap();
        assert_eq!(
            (ids(&page), int(&page.rows[0], "errorCode")),
            (vec!["d"], code)
        );
    }
    store
        .delete(&format!("{script}/userRunStates/u"))
        .await
        .unwrap();
    assert_eq!(not_found(store.list(&u).await).1, "u");
    assert_eq!(
        (store.ids(&own).await, store.ids(&v).await),
        (vec!["d".to_owned()], vec!["d".to_owned()])
    );
}
