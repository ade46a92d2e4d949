//! `GET` of a collection: a page of it, and the link to the next.

use http::StatusCode;
use runstate_graph::{json::write::Format, row::Page};
use runstate_odata::check::{self, Query};

use super::Call;
use crate::{
    exchange::{Answer, Failure},
    negotiate::{self, PREFERENCE_APPLIED},
};

pub(super) async fn list(call: &Call<'_>) -> Result<Answer, Failure> {
    let (query, format) = call.query(check::query)?;
    answer(call, &query, format, |_| {}).await
}

/// The page of that query, once `finish` has seen to its rows.
pub(super) async fn answer(
    call: &Call<'_>,
    query: &Query,
    format: Format,
    finish: impl FnOnce(&mut Page),
) -> Result<Answer, Failure> {
    let preferred = negotiate::preferences(call.request.headers).max_page_size;
    let most = call.app.limits.page_size;
    let page_size = preferred.map_or(most, |size| size.min(most));
    let (mut page, next) = call.page(query, page_size).await?;
    finish(&mut page);
    let body = call
        .writer(format)
        .collection(&call.path, query, &page, next.as_deref());
    let answer = Answer::json(StatusCode::OK, body, format);
    Ok(match preferred {
        Some(_) => answer.with(
            PREFERENCE_APPLIED,
            &format!("odata.maxpagesize={page_size}"),
        ),
        None => answer,
    })
}
