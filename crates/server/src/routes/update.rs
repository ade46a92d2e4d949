//! `PATCH` of one entity: a partial update. For a device run state, the call by which a device
//! reports how a run ended.

use http::{StatusCode, header};
use runstate_graph::{
    error::Error,
    json::{
        read::{self, Purpose},
        write::etag,
    },
};
use runstate_odata::edm::{DateTimeOffset, StructuredType, Value};
use runstate_store::Changes;

use super::{Call, body};
use crate::{
    exchange::{Answer, Failure},
    failure,
    negotiate::{self, PREFERENCE_APPLIED},
};

pub(super) async fn update(call: &Call<'_>) -> Result<Answer, Failure> {
    let (query, format) = call.entity_query()?;
    let precondition = negotiate::precondition(call.request.headers)?;
    let given = read::entity(query.ty, &call.json()?, Purpose::Update)?;
    if let Some((navigation, _)) = given.binds.first() {
        let message = format!("The annotation '{navigation}@odata.bind' is not supported here.");
        return Err(Error::bad_request(message).into());
    }
    let changes = complete(call, query.ty, given.values)?;
    let row = call
        .app
        .store
        .entity_update(&call.permit, &call.path, changes, precondition)
        .await;
    let row = row.map_err(failure::of_store)?;

    let preferences = negotiate::preferences(call.request.headers);
    let answer = if preferences.minimal {
        Answer::no_content().with(PREFERENCE_APPLIED, "return=minimal")
    } else {
        let row = call.reread(&query, row.clone()).await?;
        let body = call.writer(format).entity(&call.path, &query, &row, true);
        let answer = Answer::json(StatusCode::OK, body, format);
        if preferences.representation {
            answer.with(PREFERENCE_APPLIED, "return=representation")
        } else {
            answer
        }
    };
    Ok(answer.with(header::ETAG, &etag(row.version)))
}

/// Checks what the entity's kind asks for, and adds the date of the change where it is kept.
fn complete(
    call: &Call<'_>,
    ty: &'static StructuredType,
    mut changes: Changes,
) -> Result<Changes, Error> {
    for (position, value) in &changes {
        match ty.properties.get(*position).map(|property| property.name) {
            Some("scriptContent") => body::check_content(ty.name, value)?,
            Some("target") => {
                let mut record = runstate_odata::edm::Record::new(ty);
                record.set("target", value.clone());
                body::check_target(&record)?;
            }
            _ => {}
        }
    }
    if let Some(position) = ty.position("lastModifiedDateTime") {
        let now = DateTimeOffset::from_system_time(call.app.clock.now());
        changes.push((position, Value::DateTimeOffset(now)));
    }
    Ok(changes)
}
