//! Users, groups and devices, and who is a member of what.

use runstate_store::Error;

use super::fixture::{Fixture, OTHER_TENANT, conflict, ids, many, not_found, text};

/// Two users, two devices and three groups.
async fn directory() -> Fixture {
    let store = Fixture::new().await;
    for id in ["u1", "u2"] {
        store
            .post(
                "users",
                &format!(r#"{{"id": "{id}", "displayName": "User {id}"}}"#),
            )
            .await
            .unwrap();
    }
    for id in ["d1", "d2"] {
        let body = format!(r#"{{"id": "{id}", "deviceName": "Device {id}"}}"#);
        store
            .post("deviceManagement/managedDevices", &body)
            .await
            .unwrap();
    }
    for id in ["g1", "g2", "g3"] {
        store
            .post(
                "groups",
                &format!(r#"{{"id": "{id}", "displayName": "Group {id}"}}"#),
            )
            .await
            .unwrap();
    }
    store
}

#[tokio::test]
async fn users_groups_and_devices_live_and_die() {
    let store = directory().await;
    for (collection, id, name) in [
        ("users", "u1", "displayName"),
        ("groups", "g1", "displayName"),
        ("deviceManagement/managedDevices", "d1", "deviceName"),
    ] {
        let path = format!("{collection}/{id}");
        let before = store.get(&path).await.unwrap();
        let after = store
            .patch(&path, &format!(r#"{{"{name}": "ÄÖ"}}"#))
            .await
            .unwrap();
        assert_eq!(
            (text(&after, name), after.version),
            (Some("ÄÖ"), before.version + 1)
        );
        assert_eq!(store.get(&path).await.unwrap(), after);
        let found = format!("{collection}?$filter=tolower({name}) eq 'äö'");
        assert_eq!(store.ids(&found).await, [id]);
        let other = store.of_tenant(OTHER_TENANT);
        assert_eq!(not_found(other.get(&path).await).1, id);
        assert!(other.list(collection).await.unwrap().rows.is_empty());
        store.delete(&path).await.unwrap();
        not_found(store.get(&path).await);
        assert!(!store.ids(collection).await.contains(&id.to_owned()));
    }
}

#[tokio::test]
async fn one_id_names_one_object() {
    let store = directory().await;
    let taken = |result| conflict(result);
    let user = r#"{"id": "g1"}"#;
    assert_eq!(
        taken(store.post("users", user).await),
        "A group with the id 'g1' exists already."
    );
    let group = r#"{"id": "d1"}"#;
    let message = "A managedDevice with the id 'd1' exists already.";
    assert_eq!(taken(store.post("groups", group).await), message);
    let other = store.of_tenant(OTHER_TENANT);
    other.post("users", user).await.unwrap();
}

#[tokio::test]
async fn members_come_and_go() {
    let store = directory().await;
    for member in ["u1", "d1", "g2"] {
        store.member_add("g1", member).await.unwrap();
    }
    store.member_add("g2", "u2").await.unwrap();
    store.member_add("g2", "u1").await.unwrap();
    let page = store.list("groups/g1/members?$count=true").await.unwrap();
    assert_eq!((ids(&page), page.count), (vec!["d1", "g2", "u1"], Some(3)));
    let kinds: Vec<_> = page.rows.iter().map(|row| row.record.ty.name).collect();
    assert_eq!(kinds, ["managedDevice", "group", "user"]);
    assert_eq!(text(&page.rows[2], "displayName"), Some("User u1"));
    assert_eq!(
        store.ids("groups/g1/transitiveMembers").await,
        ["d1", "g2", "u1", "u2"]
    );
    let row = store.get("groups/g1?$expand=members").await.unwrap();
    assert_eq!(ids(many(&row, "members")), ["d1", "g2", "u1"]);

    let twice = conflict(store.member_add("g1", "u1").await);
    assert_eq!(twice, "The user 'u1' is a member of the group already.");
    let absent = not_found(store.member_add("g1", "absent").await);
    assert_eq!(absent, ("directoryObject", "absent".to_owned()));
    assert_eq!(
        not_found(store.member_add("absent", "u1").await),
        ("group", "absent".to_owned())
    );
    store.member_remove("g1", "u1").await.unwrap();
    assert_eq!(not_found(store.member_remove("g1", "u1").await).1, "u1");
    assert_eq!(store.ids("groups/g1/members").await, ["d1", "g2"]);
}

#[tokio::test]
async fn a_group_does_not_contain_itself() {
    let store = directory().await;
    store.member_add("g1", "g2").await.unwrap();
    store.member_add("g2", "g3").await.unwrap();
    for (group, member) in [("g1", "g1"), ("g2", "g1"), ("g3", "g1"), ("g3", "g2")] {
        let refused = store.member_add(group, member).await.unwrap_err();
        assert!(
            matches!(refused, Error::Invalid { .. }),
            "{group} {member}: {refused:?}"
        );
    }
    // A diamond is no cycle.
    store.member_add("g1", "g3").await.unwrap();
}

#[tokio::test]
async fn a_group_is_made_with_its_members_or_not_at_all() {
    let store = directory().await;
    let body = r#"{"id": "new", "displayName": "New"}"#;
    store
        .post_of("groups", body, None, &["u1", "g1"])
        .await
        .unwrap();
    assert_eq!(store.ids("groups/new/members").await, ["g1", "u1"]);
    let body = r#"{"id": "newer", "displayName": "Newer"}"#;
    let absent = store.post_of("groups", body, None, &["u1", "absent"]).await;
    assert_eq!(not_found(absent).1, "absent");
    not_found(store.get("groups/newer").await);
    let own = store
        .post_of("groups", body, None, &["newer"])
        .await
        .unwrap_err();
    assert!(matches!(own, Error::Invalid { .. }), "{own:?}");
}

#[tokio::test]
async fn who_goes_leaves_all_groups() {
    let store = directory().await;
    let other = store.of_tenant(OTHER_TENANT);
    for id in ["u1", "g1"] {
        let collection = if id == "u1" { "users" } else { "groups" };
        other
            .post(
                collection,
                &format!(r#"{{"id": "{id}", "displayName": "n"}}"#),
            )
            .await
            .unwrap();
    }
    other.member_add("g1", "u1").await.unwrap();
    for (group, member) in [("g1", "u1"), ("g1", "d1"), ("g1", "g2"), ("g2", "u1")] {
        store.member_add(group, member).await.unwrap();
    }
    store.delete("users/u1").await.unwrap();
    store
        .delete("deviceManagement/managedDevices/d1")
        .await
        .unwrap();
    store.delete("groups/g2").await.unwrap();
    assert!(store.ids("groups/g1/members").await.is_empty());
    // One who comes back under the same id is a member of nothing.
    store.post("users", r#"{"id": "u1"}"#).await.unwrap();
    assert!(store.ids("groups/g1/members").await.is_empty());
    assert_eq!(
        other.ids("groups/g1/members").await,
        ["u1"],
        "another tenant's of the same id"
    );
}
