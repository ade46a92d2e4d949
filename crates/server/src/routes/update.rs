//! `PATCH` of one entity: a partial update. For a device run state, the call by which a device
//! reports how a run ended.

use http::{StatusCode, header};
use runstate_graph::{
    entity,
    error::Error,
    json::{
        Json,
        read::{self, Purpose},
        write::etag,
    },
};
use runstate_odata::edm::{DateTimeOffset, Record, StructuredType, Value};
use runstate_store::Changes;

use super::{Call, body, create::check_id};
use crate::{
    exchange::{Answer, Failure},
    failure,
    negotiate::{self, PREFERENCE_APPLIED},
};

pub(super) async fn update(call: &Call<'_>) -> Result<Answer, Failure> {
    let (query, format) = call.entity_query()?;
    let precondition = negotiate::precondition(call.request.headers)?;
    let json = call.json()?;
    let run = run(query.ty, &json)?;
    let given = read::entity(query.ty, &json, Purpose::Update)?;
    if let Some((navigation, _)) = given.binds.first() {
        let message = format!("The annotation '{navigation}@odata.bind' is not supported here.");
        return Err(Error::bad_request(message).into());
    }
    let changes = complete(call, query.ty, given.values)?;
    let (store, permit, path) = (&call.app.store, &call.permit, &call.path);
    if let Some(run) = &run
        && let Some(request_id) = run.get("runRequestId").as_str()
        && run.get("endDateTime").is_null()
    {
        if !changes.is_empty() {
            let message = "A run that has not ended ('@runstate.run' without 'endDateTime') has no \
                           outcome to report.";
            return Err(Error::bad_request(message).into());
        }
        let started = store.run_request_start(permit, path, request_id).await;
        started.map_err(failure::of_store)?;
        return Ok(Answer::no_content());
    }
    let row = if *query.ty == entity::DEVICE_STATE {
        store
            .run_state_report(permit, path, changes, run, precondition)
            .await
    } else {
        store
            .entity_update(permit, path, changes, precondition)
            .await
    };
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

/// What an agent tells of the run beside the outcome: the annotation `@runstate.run` of a run state.
fn run(ty: &'static StructuredType, json: &Json<'_>) -> Result<Option<Record>, Error> {
    let told = json.member(entity::RUN_ANNOTATION);
    let Some(told) = told.filter(|_| *ty == entity::DEVICE_STATE) else {
        return Ok(None);
    };
    let given = read::entity(&entity::RUN, told, Purpose::Create).map_err(|mut error| {
        error.message = format!("In '{}': {}", entity::RUN_ANNOTATION, error.message);
        error
    })?;
    let id = given.id.ok_or_else(|| {
        Error::bad_request("The annotation '@runstate.run' must have an 'id', the run's own.")
    })?;
    check_id(&id)?;
    let mut run = read::new_record(&entity::RUN, given.values)?;
    run.set("id", Value::String(id));
    Ok(Some(run))
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
                let mut record = Record::new(ty);
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
