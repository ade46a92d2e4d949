//! `POST …/assign`: replaces a script's assignments.

use runstate_graph::{
    entity,
    error::Error,
    json::{
        Json,
        read::{self, Purpose},
    },
};
use runstate_odata::edm::{Action, Record, StructuredType, Value};

use super::{Call, body, create::group_assignment_id};
use crate::{
    exchange::{Answer, Failure},
    failure,
};

pub(super) async fn assign(call: &Call<'_>) -> Result<Answer, Failure> {
    call.no_options()?;
    let script_id = call
        .path
        .steps
        .last()
        .and_then(|step| step.key.clone())
        .unwrap_or_default();
    let (mut assignments, mut groups) = parameters(call, &entity::ASSIGN)?;
    for assignment in &mut assignments {
        assignment.set("id", Value::String((call.app.new_ids)()?));
    }
    for group in &mut groups {
        let id = group_assignment_id(&script_id, group);
        group.set("id", Value::String(id));
    }
    let done = call
        .app
        .store
        .script_assign(&call.permit, &call.path, assignments, groups)
        .await;
    done.map_err(failure::of_store)?;
    Ok(Answer::no_content())
}

/// The assignments and group assignments that the body gives a script.
pub(super) fn parameters(
    call: &Call<'_>,
    action: &Action,
) -> Result<(Vec<Record>, Vec<Record>), Failure> {
    let json = call.json()?;
    body::check_parameters(&json, action)?;
    let assignments = records(
        &json,
        "deviceManagementScriptAssignments",
        &entity::ASSIGNMENT,
    )?;
    for assignment in &assignments {
        body::check_target(assignment)?;
    }
    let groups = records(
        &json,
        "deviceManagementScriptGroupAssignments",
        &entity::GROUP_ASSIGNMENT,
    )?;
    Ok((assignments, groups))
}

/// The most assignments of either kind that a script may be given at once; all are written in one
/// transaction, for which other writes wait.
const MOST_ASSIGNMENTS: usize = 1000;

/// The entities of a parameter; none where it is absent or null.
fn records(json: &Json<'_>, name: &str, ty: &'static StructuredType) -> Result<Vec<Record>, Error> {
    let items = match json.member(name) {
        None | Some(Json::Null) => return Ok(Vec::new()),
        Some(Json::Array(items)) => items,
        Some(other) => {
            let message = format!(
                "The parameter '{name}' must be an array, not {}.",
                other.kind()
            );
            return Err(Error::bad_request(message));
        }
    };
    let what = format!("parameter '{name}'");
    body::check_count(&what, "items", items.len(), MOST_ASSIGNMENTS)?;
    let record = |item| read::new_record(ty, read::entity(ty, item, Purpose::Create)?.values);
    items.iter().map(record).collect()
}
