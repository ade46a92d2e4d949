//! `GET …/$count`: how many there are, as a bare number.

use http::StatusCode;
use runstate_odata::{
    check::{self, Query},
    grammar,
};

use super::Call;
use crate::{
    exchange::{Answer, Body, Failure},
    failure, negotiate,
};

pub(super) async fn count(call: &Call<'_>) -> Result<Answer, Failure> {
    negotiate::accepts(call.request.headers, "text/plain")?;
    let query = call.check(
        check::count_query,
        &grammar::options::parse(call.request.query)?,
    )?;
    answer(call, &query).await
}

/// How many pass that query.
pub(super) async fn answer(call: &Call<'_>, query: &Query) -> Result<Answer, Failure> {
    let count = call
        .app
        .store
        .entity_count(&call.permit, &call.path, query)
        .await;
    let count = count.map_err(failure::of_store)?;
    Ok(Answer::new(StatusCode::OK, Body::Text(count.to_string())))
}
