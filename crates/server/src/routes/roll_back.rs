//! `POST …/rollBack`: gives a script the content of an earlier version again.

use http::StatusCode;
use runstate_graph::{entity, error::Error, json::Json};
use runstate_odata::check::{Query, ResourcePath, Tail};

use super::{Call, body};
use crate::{
    exchange::{Answer, Failure},
    failure, negotiate,
};

pub(super) async fn roll_back(call: &Call<'_>) -> Result<Answer, Failure> {
    call.no_options()?;
    let format = negotiate::format(call.request.headers, None)?;
    let json = call.json()?;
    body::check_parameters(&json, &entity::ROLL_BACK)?;
    let number = match json.member("number") {
        Some(Json::Integer(number)) => i32::try_from(*number).ok(),
        _ => None,
    };
    let number = number.ok_or_else(|| {
        Error::bad_request("The parameter 'number' must be the number of a version (Int32).")
    })?;
    let version = call
        .app
        .store
        .script_roll_back(&call.permit, &call.path, number)
        .await;
    let version = version.map_err(failure::of_store)?;
    let path = versions(call, version.id())?;
    let query = Query::all(&entity::SCRIPT_VERSION);
    let body = call.writer(format).entity(&path, &query, &version, true);
    Ok(Answer::json(StatusCode::OK, body, format))
}

/// The path of a version of the script at the request's path.
fn versions(call: &Call<'_>, id: &str) -> Result<ResourcePath, Failure> {
    let ty = call.path.ty();
    let navigation = ty.and_then(|ty| ty.navigation("versions"));
    let navigation = navigation.ok_or_else(failure::internal)?;
    let mut path = call.path.clone();
    path.tail = Tail::Resource;
    path.steps.push(runstate_odata::check::PathStep {
        navigation,
        key: Some(id.to_owned()),
    });
    Ok(path)
}
