//! Whom a script is assigned to, in words.

use serde_json::Value;

use crate::{
    api::{Api, encoded},
    find::text_of,
};

/// The targets of assignments, a sentence each.
pub(super) async fn in_words(api: &Api, assignments: &[Value]) -> Vec<String> {
    let mut words = Vec::new();
    for assignment in assignments {
        if let Some(target) = assignment.get("target") {
            words.push(in_word(api, target).await);
        }
    }
    words.sort();
    words
}

async fn in_word(api: &Api, target: &Value) -> String {
    let ty = text_of(target, "@odata.type");
    let ty = ty.trim_start_matches("#microsoft.graph.");
    let words = match ty {
        "allDevicesAssignmentTarget" => "all devices".to_owned(),
        "allLicensedUsersAssignmentTarget" => "all users".to_owned(),
        "groupAssignmentTarget" => format!("group {}", group_name(api, target).await),
        "exclusionGroupAssignmentTarget" => {
            format!("not group {}", group_name(api, target).await)
        }
        other => other.trim_end_matches("AssignmentTarget").to_owned(),
    };
    match text_of(target, "deviceAndAppManagementAssignmentFilterId") {
        "" => words,
        filter => {
            let ty = text_of(target, "deviceAndAppManagementAssignmentFilterType");
            format!("{words}, filter {ty} {filter}")
        }
    }
}

/// The name of a group; its id where groups may not be read, or it is gone.
async fn group_name(api: &Api, target: &Value) -> String {
    let id = text_of(target, "groupId");
    let path = format!("groups/{}?$select=displayName", encoded(id));
    let group = api.get(&path).await.unwrap_or_default();
    match text_of(&group, "displayName") {
        "" => id.to_owned(),
        name => format!("{name} ({id})"),
    }
}
