//! `…/members/$ref`: the links between a group and its members.

use http::StatusCode;
use runstate_graph::{
    error::Error,
    json::{Json, link},
};
use runstate_odata::check::{self, Select};

use super::Call;
use crate::{
    exchange::{Answer, Failure},
    failure,
};

pub(super) async fn list(call: &Call<'_>) -> Result<Answer, Failure> {
    let (query, format) = call.query(check::query)?;
    if query.select != Select::All || !query.expand.is_empty() {
        let message = "A link has no properties: $select and $expand are not supported here.";
        return Err(Error::bad_query(message).into());
    }
    let (page, next) = call.page(&query, call.app.limits.page_size).await?;
    let body = call
        .writer(format)
        .references(&call.path, &page, next.as_deref());
    Ok(Answer::json(StatusCode::OK, body, format))
}

pub(super) async fn add(call: &Call<'_>) -> Result<Answer, Failure> {
    call.no_options()?;
    let json = call.json()?;
    let Some(Json::String(link)) = json.member("@odata.id") else {
        let message = "The body must be an object with '@odata.id', a link to the new member.";
        return Err(Error::bad_request(message).into());
    };
    let id = link::id(link)?;
    let done = call
        .app
        .store
        .group_member_add(&call.permit, &call.path, &id)
        .await;
    done.map_err(failure::of_store)?;
    Ok(Answer::no_content())
}

pub(super) async fn remove(call: &Call<'_>) -> Result<Answer, Failure> {
    call.no_options()?;
    let done = call
        .app
        .store
        .group_member_remove(&call.permit, &call.path)
        .await;
    done.map_err(failure::of_store)?;
    Ok(Answer::no_content())
}
