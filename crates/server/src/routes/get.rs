//! `GET` of one entity.

use http::{StatusCode, header};
use runstate_graph::json::write::etag;

use super::Call;
use crate::{
    exchange::{Answer, Body, Failure},
    negotiate,
};

pub(super) async fn get(call: &Call<'_>) -> Result<Answer, Failure> {
    let (query, format) = call.entity_query()?;
    let row = call.entity(&call.path, &query).await?;
    // What an expansion holds may change without the entity, so its tag says nothing of the whole.
    let unchanged =
        query.expand.is_empty() && negotiate::has_version(call.request.headers, row.version)?;
    let answer = if unchanged {
        Answer::new(StatusCode::NOT_MODIFIED, Body::None)
    } else {
        let body = call.writer(format).entity(&call.path, &query, &row, false);
        Answer::json(StatusCode::OK, body, format)
    };
    Ok(answer.with(header::ETAG, &etag(row.version)))
}
