//! `GET` of a function: the categories of the audit, and what there is in one.

use http::StatusCode;
use runstate_graph::{entity, permit::audited};
use runstate_odata::check::Tail;

use super::Call;
use crate::{
    exchange::{Answer, Failure},
    failure, negotiate,
};

pub(super) fn call(call: &Call<'_>) -> Result<Answer, Failure> {
    call.no_options()?;
    let format = negotiate::format(call.request.headers, None)?;
    let Tail::Function(function, values) = &call.path.tail else {
        return Err(failure::internal());
    };
    let category = values.first().map(String::as_str).unwrap_or_default();
    let texts = if function.name == entity::GET_AUDIT_CATEGORIES.name {
        audited::categories()
    } else {
        audited::activity_types(category)
    };
    let body = call.writer(format).texts(&texts);
    Ok(Answer::json(StatusCode::OK, body, format))
}
