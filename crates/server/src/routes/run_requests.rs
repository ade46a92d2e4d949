//! Requests to run a script now: what a new one asks, and `POST …/cancel`.

use runstate_graph::{entity, error::Error, permit::authorize_query};
use runstate_odata::{
    check::{self, Query, ResourcePath},
    edm::{Record, Value},
    grammar::{self, ast::Options},
};

use super::{Call, body};
use crate::{
    dispatch::model,
    exchange::{Answer, Failure},
    failure,
};

/// A new request's counts, before the store has counted.
pub(super) fn start_counting(request: &mut Record) {
    for property in request.ty.properties {
        if property.name.ends_with("Count") {
            request.set(property.name, Value::Int32(0));
        }
    }
}

/// The run states that a new request asks about, from its `deviceFilter`. What its caller may not
/// read it may not choose devices by either.
pub(super) fn states(call: &Call<'_>, request: &Record) -> Result<Query, Failure> {
    let ty = &entity::DEVICE_STATE;
    let Some(filter) = request.get("deviceFilter").as_str() else {
        return Ok(Query::all(ty));
    };
    let in_filter = |error: runstate_odata::Error| {
        let mut error = Error::from(error);
        error.message = format!("In 'deviceFilter': {}", error.message);
        Failure::from(error)
    };
    let options = Options {
        filter: Some(grammar::filter::parse(filter).map_err(in_filter)?),
        ..Options::default()
    };
    let query = check::query(ty, &options, model(call.request.version)).map_err(in_filter)?;
    let states = entity::DEVICE_SHELL_SCRIPT.navigation("deviceRunStates");
    let mut path: ResourcePath = call.path.clone();
    if let (Some(last), Some(states)) = (path.steps.last_mut(), states) {
        last.navigation = states;
    }
    authorize_query(&path, &query, call.caller)?;
    Ok(query)
}

/// `POST …/runRequests/{id}/cancel`
pub(super) async fn cancel(call: &Call<'_>) -> Result<Answer, Failure> {
    call.no_options()?;
    if !call.request.body.is_empty() {
        body::check_parameters(&call.json()?, &entity::CANCEL)?;
    }
    let canceled = call
        .app
        .store
        .run_request_cancel(&call.permit, &call.path)
        .await;
    canceled.map_err(failure::of_store)?;
    Ok(Answer::no_content())
}
