//! Scripts with what they contain, but for runs.

use runstate_odata::edm::Value;
use runstate_store::{Error, Precondition};

use super::fixture::{Fixture, OTHER_TENANT, conflict, ids, many, not_found, one, text};

const SHELL: &str = "deviceManagement/deviceShellScripts";
const POWERSHELL: &str = "deviceManagement/deviceManagementScripts";
const ATTRIBUTE: &str = "deviceManagement/deviceCustomAttributeShellScripts";

#[tokio::test]
async fn a_script_of_each_kind_comes_back_as_it_went_in() {
    let store = Fixture::new().await;
    for (collection, own) in [
        (
            SHELL,
            r#""executionFrequency": "PT1H", "retryCount": 3, "blockExecutionNotifications": true"#,
        ),
        (
            POWERSHELL,
            r#""enforceSignatureCheck": true, "runAs32Bit": false"#,
        ),
        (
            ATTRIBUTE,
            r#""customAttributeName": "Größe", "customAttributeType": "string""#,
        ),
    ] {
        let body = format!(
            r#"{{"id": "s", "displayName": "Name", "description": null, "scriptContent": "AP8=",
                "runAsAccount": "user", "fileName": "f.sh", "roleScopeTagIds": ["0", "ü"], {own}}}"#
        );
        let made = store.post(collection, &body).await.unwrap();
        assert_eq!(made.version, 1);
        let path = format!("{collection}/s");
        assert_eq!(store.get(&path).await.unwrap(), made, "{collection}");
        assert_eq!(
            made.record.get("scriptContent"),
            &Value::Binary(vec![0, 255])
        );
        let page = store.list(collection).await.unwrap();
        assert_eq!(ids(&page), ["s"], "the kinds are collections apart");
        assert!(
            page.rows[0].record.get("scriptContent").is_null(),
            "lists leave the content out"
        );
        assert_eq!(store.summary(&path).await, [0; 4]);
    }
}

#[tokio::test]
async fn a_patch_changes_what_it_names_and_the_version() {
    let store = Fixture::new().await;
    let path = store.shell_script("s").await;
    let before = store.get(&path).await.unwrap();
    let after = store
        .patch(
            &path,
            r#"{"description": "new", "executionFrequency": "P1D"}"#,
        )
        .await;
    let after = after.unwrap();
    assert_eq!(after, store.get(&path).await.unwrap());
    assert_eq!(
        (text(&after, "description"), after.version),
        (Some("new"), before.version + 1)
    );
    assert_eq!(text(&after, "displayName"), text(&before, "displayName"));
    let cleared = store
        .patch(&path, r#"{"executionFrequency": null}"#)
        .await
        .unwrap();
    assert!(cleared.record.get("executionFrequency").is_null());
}

#[tokio::test]
async fn a_version_that_has_passed_changes_nothing() {
    let store = Fixture::new().await;
    let path = store.shell_script("s").await;
    store
        .patch(&path, r#"{"description": "one"}"#)
        .await
        .unwrap();
    let stale = Precondition::Versions(vec![1, 7]);
    let refused = store
        .patch_if(&path, r#"{"description": "two"}"#, stale.clone())
        .await;
    assert_eq!(refused.unwrap_err(), Error::PreconditionFailed);
    assert_eq!(
        store.delete_if(&path, stale).await.unwrap_err(),
        Error::PreconditionFailed
    );
    assert_eq!(
        text(&store.get(&path).await.unwrap(), "description"),
        Some("one")
    );
    store
        .delete_if(&path, Precondition::Versions(vec![9, 2]))
        .await
        .unwrap();
    assert_eq!(
        not_found(store.get(&path).await),
        ("deviceShellScript", "s".to_owned())
    );
}

#[tokio::test]
async fn an_id_is_taken_once() {
    let store = Fixture::new().await;
    let path = store.shell_script("s").await;
    let again = store
        .post(SHELL, r#"{"id": "s", "displayName": "b"}"#)
        .await;
    assert_eq!(
        conflict(again),
        "A deviceShellScript with the id 's' exists already."
    );
    for (collection, body) in [
        ("assignments", r#"{"id": "a"}"#),
        ("groupAssignments", r#"{"id": "a", "targetGroupId": "g"}"#),
        ("userRunStates", r#"{"id": "a"}"#),
        ("deviceRunStates", r#"{"id": "a"}"#),
    ] {
        let collection = format!("{path}/{collection}");
        store.post(&collection, body).await.unwrap();
        assert!(conflict(store.post(&collection, body).await).ends_with("id 'a' exists already."));
    }
}

#[tokio::test]
async fn deleting_a_script_takes_all_it_contains() {
    let store = Fixture::new().await;
    let path = store.shell_script("s").await;
    let kept = store.shell_script("kept").await;
    for path in [&path, &kept] {
        store
            .post(&format!("{path}/assignments"), r#"{"id": "a"}"#)
            .await
            .unwrap();
        let group = r#"{"id": "g", "targetGroupId": "g"}"#;
        store
            .post(&format!("{path}/groupAssignments"), group)
            .await
            .unwrap();
        store
            .post(&format!("{path}/deviceRunStates"), r#"{"id": "d"}"#)
            .await
            .unwrap();
        store
            .post(&format!("{path}/userRunStates"), r#"{"id": "u"}"#)
            .await
            .unwrap();
        let nested = format!("{path}/userRunStates/u/deviceRunStates");
        store.post(&nested, r#"{"id": "d"}"#).await.unwrap();
    }
    store.delete(&path).await.unwrap();
    assert_eq!(not_found(store.delete(&path).await).1, "s");
    for (table, left) in [
        ("script", 1),
        ("assignment", 1),
        ("group_assignment", 1),
        ("device_run_state", 2),
        ("user_run_state", 1),
        ("run_summary", 1),
    ] {
        let sql = format!("SELECT count(*) FROM {table}");
        assert_eq!(store.data.query(&sql), left.to_string(), "{table}");
    }
}

#[tokio::test]
async fn whatever_is_missing_first_is_named() {
    let store = Fixture::new().await;
    let path = store.shell_script("s").await;
    let absent = format!("{SHELL}/absent/userRunStates/u/deviceRunStates/d");
    let missing = |resource: &'static str, id: &str| (resource, id.to_owned());
    assert_eq!(
        not_found(store.get(&absent).await),
        missing("deviceShellScript", "absent")
    );
    let absent = format!("{path}/userRunStates/u/deviceRunStates/d");
    let user_state = missing("deviceManagementScriptUserState", "u");
    assert_eq!(not_found(store.get(&absent).await), user_state);
    assert_eq!(not_found(store.patch(&absent, "{}").await), user_state);
    let collection = format!("{path}/userRunStates/u/deviceRunStates");
    assert_eq!(not_found(store.list(&collection).await), user_state);
    assert_eq!(not_found(store.count(&collection).await), user_state);
    assert_eq!(
        not_found(store.post(&collection, r#"{"id": "d"}"#).await),
        user_state
    );
    store
        .post(&format!("{path}/userRunStates"), r#"{"id": "u"}"#)
        .await
        .unwrap();
    let state = missing("deviceManagementScriptDeviceState", "d");
    assert_eq!(not_found(store.get(&absent).await), state);
    // The right id, of another collection.
    let other = format!("{POWERSHELL}/s");
    assert_eq!(
        not_found(store.get(&other).await),
        missing("deviceManagementScript", "s")
    );
}

#[tokio::test]
async fn tenants_do_not_see_one_another() {
    let store = Fixture::new().await;
    let path = store.shell_script("s").await;
    store
        .post(&format!("{path}/deviceRunStates"), r#"{"id": "d"}"#)
        .await
        .unwrap();
    let other = store.of_tenant(OTHER_TENANT);
    assert!(other.list(SHELL).await.unwrap().rows.is_empty());
    assert_eq!(other.count(SHELL).await.unwrap(), 0);
    let state = format!("{path}/deviceRunStates/d");
    for path in [&path, &state] {
        assert_eq!(not_found(other.get(path).await).1, "s");
        assert_eq!(not_found(other.patch(path, "{}").await).1, "s");
        assert_eq!(not_found(other.delete(path).await).1, "s");
    }
    assert_eq!(not_found(other.assign(&path, &[], &[]).await).1, "s");
    // The same id is free there, and the two are apart.
    other.shell_script("s").await;
    other.delete(&path).await.unwrap();
    assert_eq!(store.get(&state).await.unwrap().id(), "d");
}

#[tokio::test]
async fn assign_replaces_both_collections() {
    let store = Fixture::new().await;
    let path = store.shell_script("s").await;
    let group = r##"{"id": "1", "target": {"@odata.type": "#microsoft.graph.groupAssignmentTarget", "groupId": "g"}}"##;
    let all = r##"{"id": "2", "target": {"@odata.type": "#microsoft.graph.allDevicesAssignmentTarget"}}"##;
    store
        .assign(
            &path,
            &[group, all],
            &[r#"{"id": "s:g", "targetGroupId": "g"}"#],
        )
        .await
        .unwrap();
    let row = store
        .get(&format!("{path}?$expand=assignments,groupAssignments"))
        .await
        .unwrap();
    let assignments = many(&row, "assignments");
    assert_eq!(ids(assignments), ["1", "2"]);
    let Value::Complex(target) = assignments.rows[0].record.get("target") else {
        panic!()
    };
    assert_eq!(
        (target.ty.name, target.get("groupId").as_str()),
        ("groupAssignmentTarget", Some("g"))
    );
    assert_eq!(ids(many(&row, "groupAssignments")), ["s:g"]);

    // One that fails leaves everything as it was.
    assert!(conflict(store.assign(&path, &[all, all], &[]).await).contains("'2' exists already"));
    assert_eq!(store.ids(&format!("{path}/assignments")).await, ["1", "2"]);

    store.assign(&path, &[all], &[]).await.unwrap();
    assert_eq!(store.ids(&format!("{path}/assignments")).await, ["2"]);
    assert!(
        store
            .ids(&format!("{path}/groupAssignments"))
            .await
            .is_empty()
    );
    let changed = r##"{"target": {"@odata.type": "#microsoft.graph.exclusionGroupAssignmentTarget", "groupId": "h"}}"##;
    let row = store
        .patch(&format!("{path}/assignments/2"), changed)
        .await
        .unwrap();
    let Value::Complex(target) = row.record.get("target") else {
        panic!()
    };
    assert_eq!(target.ty.name, "exclusionGroupAssignmentTarget");
    store
        .delete(&format!("{path}/assignments/2"))
        .await
        .unwrap();
    assert!(store.ids(&format!("{path}/assignments")).await.is_empty());
}

#[tokio::test]
async fn payload_links_are_assignments_of_powershell_scripts() {
    let store = Fixture::new().await;
    for id in ["none", "one", "old"] {
        let body = format!(r#"{{"id": "{id}", "displayName": "n"}}"#);
        store.post(POWERSHELL, &body).await.unwrap();
    }
    let shell = store.shell_script("shell").await;
    store
        .assign(&shell, &[r#"{"id": "a"}"#], &[])
        .await
        .unwrap();
    store
        .assign(&format!("{POWERSHELL}/one"), &[r#"{"id": "a"}"#], &[])
        .await
        .unwrap();
    let group = r#"{"id": "g", "targetGroupId": "g"}"#;
    store
        .assign(&format!("{POWERSHELL}/old"), &[], &[group])
        .await
        .unwrap();
    let links = store
        .has_links(&["one", "none", "shell", "old", "absent", "one"])
        .await;
    assert_eq!(links, [true, false, false, true, false, true]);
    assert_eq!(
        store.of_tenant(OTHER_TENANT).has_links(&["one"]).await,
        [false]
    );
}

#[tokio::test]
async fn an_expansion_of_many_parents_shows_less_of_each() {
    let mut store = Fixture::new().await;
    store.page_size = 1_000;
    for script in 0..400 {
        store.shell_script(&format!("{script:03}")).await;
    }
    let states = format!("{SHELL}/007/deviceRunStates");
    let all: Vec<String> = (0..255).map(|state| format!("{state:03}")).collect();
    for id in &all {
        let body = format!(r#"{{"id": "{id}"}}"#);
        store.post(&states, &body).await.unwrap();
    }
    // Alone, it shows all that a page holds.
    let url = format!("{SHELL}/007?$expand=deviceRunStates");
    let row = store.get(&url).await.unwrap();
    assert_eq!(ids(many(&row, "deviceRunStates")), all);
    // Among 400, it shows 250, and where the rest is.
    let url = format!("{SHELL}?$expand=deviceRunStates");
    let page = store.list(&url).await.unwrap();
    let shown = many(&page.rows[7], "deviceRunStates");
    assert_eq!(ids(shown), all[..250]);
    let next = shown.next.as_ref().unwrap();
    let rest = store.list(&format!("{states}?$skiptoken={next}")).await;
    assert_eq!(ids(&rest.unwrap()), all[250..]);
}

#[tokio::test]
async fn expansions_nest_and_page() {
    let mut store = Fixture::new().await;
    for script in ["a", "b"] {
        let path = store.shell_script(script).await;
        for id in ["1", "2", "3"] {
            let body = format!(r#"{{"id": "{id}"}}"#);
            store
                .post_of(
                    &format!("{path}/deviceRunStates"),
                    &body,
                    Some("device"),
                    &[],
                )
                .await
                .unwrap();
        }
    }
    store
        .post(
            "deviceManagement/managedDevices",
            r#"{"id": "device", "deviceName": "D"}"#,
        )
        .await
        .unwrap();
    store.page_size = 2;
    let url = format!(
        "{SHELL}?$expand=runSummary,assignments($count=true),\
         deviceRunStates($count=true;$expand=managedDevice($select=deviceName))"
    );
    let page = store.list(&url).await.unwrap();
    assert_eq!(ids(&page), ["a", "b"]);
    for row in &page.rows {
        assert_eq!(one(row, "runSummary").unwrap().id(), row.id());
        assert_eq!(
            (
                many(row, "assignments").count,
                many(row, "assignments").rows.len()
            ),
            (Some(0), 0)
        );
        let states = many(row, "deviceRunStates");
        assert_eq!((ids(states), states.count), (vec!["1", "2"], Some(3)));
        let device = one(&states.rows[0], "managedDevice").unwrap();
        assert_eq!(text(device, "deviceName"), Some("D"));
        // The nested token leads on from the path to the nested collection.
        let next = states.next.as_ref().unwrap();
        let url = format!(
            "{SHELL}/{}/deviceRunStates?$count=true&$skiptoken={next}",
            row.id()
        );
        let rest = store.list(&url).await.unwrap();
        assert_eq!((ids(&rest), &rest.next), (vec!["3"], &None));
        let elsewhere = format!("{SHELL}/{}/userRunStates?$skiptoken={next}", row.id());
        assert_eq!(
            store.list(&elsewhere).await.unwrap_err(),
            Error::InvalidSkipToken
        );
    }
}
