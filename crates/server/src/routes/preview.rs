//! `POST …/previewAssign`, `POST …/previewRunRequest`: who would be hit, before anything is done.

use http::StatusCode;
use runstate_graph::{entity, error::Error, json::Json};
use runstate_odata::{
    check::{PathStep, Tail},
    edm::{Record, Value},
};
use runstate_store::preview::Preview;

use super::{Call, assign, body, run_requests};
use crate::{
    exchange::{Answer, Failure},
    failure, negotiate,
};

/// `POST …/previewAssign`
pub(super) async fn assign(call: &Call<'_>) -> Result<Answer, Failure> {
    call.no_options()?;
    let (mut assignments, groups) = assign::parameters(call, &entity::PREVIEW_ASSIGN)?;
    // The older form reaches the same devices as the newer.
    assignments.extend(groups.iter().map(|group| {
        let mut target = Record::new(&entity::GROUP_TARGET);
        target.set("groupId", group.get("targetGroupId").clone());
        let mut assignment = Record::new(&entity::ASSIGNMENT);
        assignment.set("target", Value::Complex(Box::new(target)));
        assignment
    }));
    let store = &call.app.store;
    let preview = store.script_assign_preview(&call.permit, &call.path, assignments);
    answer(call, preview.await.map_err(failure::of_store)?)
}

/// `POST …/previewRunRequest`
pub(super) async fn run_request(call: &Call<'_>) -> Result<Answer, Failure> {
    call.no_options()?;
    let json = call.json()?;
    body::check_parameters(&json, &entity::PREVIEW_RUN_REQUEST)?;
    let filter = match json.member("deviceFilter") {
        None | Some(Json::Null) => Value::Null,
        Some(Json::String(filter)) => Value::String(filter.clone().into_owned()),
        Some(other) => {
            let message = format!(
                "The parameter 'deviceFilter' must be a string, not {}.",
                other.kind()
            );
            return Err(Error::bad_request(message).into());
        }
    };
    let mut request = Record::new(&entity::RUN_REQUEST);
    request.set("deviceFilter", filter);
    // The path at which the request would be made.
    let requests = call.path.ty().and_then(|ty| ty.navigation("runRequests"));
    let mut path = call.path.clone();
    path.tail = Tail::Resource;
    path.steps.push(PathStep {
        navigation: requests.ok_or_else(failure::internal)?,
        key: None,
    });
    let call = Call {
        path,
        permit: call.permit.clone(),
        ..*call
    };
    let states = run_requests::states(&call, &request)?;
    let store = &call.app.store;
    let preview = store.run_request_preview(&call.permit, &call.path, &states);
    answer(&call, preview.await.map_err(failure::of_store)?)
}

fn answer(call: &Call<'_>, preview: Preview) -> Result<Answer, Failure> {
    let format = negotiate::format(call.request.headers, None)?;
    let count = |count: u64| Value::Int32(i32::try_from(count).unwrap_or(i32::MAX));
    let ids = preview.device_ids.into_iter().map(Value::String).collect();
    let mut record = Record::new(&entity::DEVICE_PREVIEW);
    record.set("deviceCount", count(preview.devices));
    record.set("addedDeviceCount", count(preview.added));
    record.set("removedDeviceCount", count(preview.removed));
    record.set("deviceIds", Value::Collection(ids));
    let body = call.writer(format).complex(&record);
    Ok(Answer::json(StatusCode::OK, body, format))
}
