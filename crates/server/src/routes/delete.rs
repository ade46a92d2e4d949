//! `DELETE` of one entity, with all that it contains.

use super::Call;
use crate::{
    exchange::{Answer, Failure},
    failure, negotiate,
};

pub(super) async fn delete(call: &Call<'_>) -> Result<Answer, Failure> {
    call.no_options()?;
    let precondition = negotiate::precondition(call.request.headers)?;
    let done = call
        .app
        .store
        .entity_delete(&call.permit, &call.path, precondition)
        .await;
    done.map_err(failure::of_store)?;
    Ok(Answer::no_content())
}
