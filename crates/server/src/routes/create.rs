//! `POST` to a collection: a new entity.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use http::{StatusCode, header};
use runstate_graph::{
    entity,
    error::Error,
    json::{
        link,
        read::{self, Body, Purpose},
        url,
        write::etag,
    },
};
use runstate_odata::{
    check::{self, Query, Select},
    edm::{DateTimeOffset, Record, StructuredType, Value},
    grammar,
};
use runstate_store::{NewEntity, issuer::HashedSecret};

use super::{Call, body, run_requests};
use crate::{
    dispatch::model,
    exchange::{Answer, Failure},
    failure,
    negotiate::{self, PREFERENCE_APPLIED},
    random,
};

pub(super) async fn create(call: &Call<'_>) -> Result<Answer, Failure> {
    let (query, format) = call.entity_query()?;
    let ty = query.ty;
    let given = read::entity(ty, &call.json()?, Purpose::Create)?;
    let entity = complete(call, ty, given).await?;
    let (store, permit, path) = (&call.app.store, &call.permit, &call.path);
    let row = if *ty == entity::RUN_REQUEST {
        let states = run_requests::states(call, &entity.record)?;
        store
            .run_request_create(permit, path, entity.record, &states)
            .await
    } else {
        store.entity_create(permit, path, entity).await
    };
    let row = row.map_err(failure::of_store)?;
    let row = call.reread(&query, row).await?;

    let location = url::entity(call.request.root, &call.path, row.id());
    let preferences = negotiate::preferences(call.request.headers);
    let answer = if preferences.minimal {
        Answer::no_content()
            .with(http::HeaderName::from_static("odata-entityid"), &location)
            .with(PREFERENCE_APPLIED, "return=minimal")
    } else {
        let body = call.writer(format).entity(&call.path, &query, &row, true);
        Answer::json(StatusCode::CREATED, body, format)
    };
    Ok(answer
        .with(header::ETAG, &etag(row.version))
        .with(header::LOCATION, &location))
}

/// The most members that a group may be created with, as in Graph.
const MOST_MEMBERS: usize = 20;

/// What the service adds to what the client gave: id, dates, links.
async fn complete(
    call: &Call<'_>,
    ty: &'static StructuredType,
    given: Body,
) -> Result<NewEntity, Failure> {
    let Body { values, id, binds } = given;
    let mut record = read::new_record(ty, values)?;
    let now = DateTimeOffset::from_system_time(call.app.clock.now());
    for property in ["createdDateTime", "lastModifiedDateTime"] {
        record.set(property, Value::DateTimeOffset(now));
    }
    let mut entity = NewEntity {
        record,
        device_id: None,
        members: Vec::new(),
        token_hash: None,
    };
    if entity::SCRIPT_TYPES.contains(&ty) {
        body::check_content(ty.name, entity.record.get("scriptContent"))?;
    } else if *ty == entity::ASSIGNMENT {
        body::check_target(&entity.record)?;
    } else if *ty == entity::ENROLLMENT_TOKEN {
        enrollment_token(&mut entity, now)?;
    } else if *ty == entity::RUN_REQUEST {
        run_requests::start_counting(&mut entity.record);
    }
    for (navigation, links) in binds {
        match navigation {
            "managedDevice" => entity.device_id = Some(bound_device(call, &links).await?),
            "members" if *ty == entity::GROUP => {
                let what = "annotation 'members@odata.bind'";
                body::check_count(what, "links", links.len(), MOST_MEMBERS)?;
                entity.members = link::ids(&links)?;
            }
            other => {
                let message = format!("The annotation '{other}@odata.bind' is not supported here.");
                return Err(Error::bad_request(message).into());
            }
        }
    }
    if *ty == entity::DEVICE_STATE && entity.record.get("lastStateUpdateDateTime").is_null() {
        entity
            .record
            .set("lastStateUpdateDateTime", Value::DateTimeOffset(now));
    }
    let id = new_id(call, ty, id, &mut entity)?;
    entity.record.set("id", Value::String(id));
    Ok(entity)
}

/// Makes the secret of a new enrolment token, which its answer alone will show.
fn enrollment_token(entity: &mut NewEntity, now: DateTimeOffset) -> Result<(), Failure> {
    let token = &mut entity.record;
    if let Value::DateTimeOffset(end) = token.get("expirationDateTime")
        && *end <= now
    {
        let message = "The property 'expirationDateTime' must lie in the future.";
        return Err(Error::bad_request(message).into());
    }
    if let Value::Int32(..1) = token.get("maximumUses") {
        let message = "The property 'maximumUses' must be 1 or more.";
        return Err(Error::bad_request(message).into());
    }
    // What begins with a hyphen would be taken for an option on a command line.
    let secret = format!("rse_{}", URL_SAFE_NO_PAD.encode(random::bytes::<32>()?));
    entity.token_hash = Some(HashedSecret::new(&secret, None).hash);
    token.set("useCount", Value::Int32(0));
    token.set("tokenValue", Value::String(secret));
    Ok(())
}

/// The id of a new entity: one that its parts make, or the one given where the service has no say,
/// or a new GUID.
fn new_id(
    call: &Call<'_>,
    ty: &'static StructuredType,
    given: Option<String>,
    entity: &mut NewEntity,
) -> Result<String, Failure> {
    let owner = call
        .path
        .steps
        .iter()
        .rev()
        .find_map(|step| step.key.clone())
        .unwrap_or_default();
    if *ty == entity::GROUP_ASSIGNMENT {
        return Ok(group_assignment_id(&owner, &entity.record));
    }
    let takes_given = [
        &entity::DEVICE_STATE,
        &entity::USER_STATE,
        &entity::MANAGED_DEVICE,
    ];
    let given = given.filter(|_| takes_given.contains(&ty));
    if let Some(given) = &given {
        check_id(given)?;
    }
    if *ty == entity::DEVICE_STATE {
        return Ok(match (given, &entity.device_id) {
            (Some(given), None) => {
                // An id of the form that the service itself makes says which device it is of.
                let device = given
                    .strip_prefix(&format!("{owner}:"))
                    .filter(|id| !id.is_empty());
                entity.device_id = device.map(str::to_owned);
                given
            }
            (Some(given), Some(_)) => given,
            (None, Some(device)) => format!("{owner}:{device}"),
            (None, None) => (call.app.new_ids)()?,
        });
    }
    match given {
        Some(given) => Ok(given),
        None if *ty == entity::USER_STATE => Ok(format!("{owner}:{}", (call.app.new_ids)()?)),
        None => Ok((call.app.new_ids)()?),
    }
}

/// `{scriptId}:{groupId}`
pub(super) fn group_assignment_id(script_id: &str, record: &Record) -> String {
    format!(
        "{script_id}:{}",
        record.get("targetGroupId").as_str().unwrap_or_default()
    )
}

/// The longest id that a client may give, in characters.
const ID_LIMIT: usize = 256;

pub(super) fn check_id(id: &str) -> Result<(), Error> {
    if id.is_empty() || id.chars().count() > ID_LIMIT || id.chars().any(char::is_control) {
        let message = format!(
            "The property 'id' must have 1 to {ID_LIMIT} characters, none of them a control character."
        );
        return Err(Error::bad_request(message));
    }
    Ok(())
}

/// The device that `managedDevice@odata.bind` names, which must exist.
async fn bound_device(call: &Call<'_>, links: &[String]) -> Result<String, Failure> {
    let id = link::ids(links)?.pop().unwrap_or_default();
    let segments = grammar::path::parse("deviceManagement/managedDevices")?;
    let mut path = check::path(model(call.request.version), &segments)?;
    if let Some(step) = path.steps.last_mut() {
        step.key = Some(id.clone());
    }
    let query = Query {
        select: Select::Only(vec![0]),
        ..Query::all(&entity::MANAGED_DEVICE)
    };
    match call.app.store.entity_get(&call.permit, &path, &query).await {
        Ok(_) => Ok(id),
        Err(runstate_store::Error::NotFound { .. }) => Err(Error::bad_request(format!(
            "The managedDevice '{id}' that 'managedDevice@odata.bind' names does not exist."
        ))
        .into()),
        Err(error) => Err(failure::of_store(error)),
    }
}
