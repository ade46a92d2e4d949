//! Subscriptions to changes: made once their receivers have shown that they want to be told, renewed,
//! and seen by those alone who made them.
//!
//! Source: Graph beta, subscription: "Create", "Update", "List", "reauthorize".

use std::time::{Duration, SystemTime};

use http::{StatusCode, header};
use runstate_graph::{
    entity::{self, SECRET_ANNOTATION, SUBSCRIPTION},
    error::Error,
    json::{
        Json,
        read::{self, Body, Purpose},
        url::{self, encode},
        write::etag,
    },
    permit::{Act, Caller, CallerKind, authorize, rules},
    row::Row,
};
use runstate_odata::{
    check::{
        self, CompareOp, Member, Predicate, Query, ResourcePath, Scalar, Step, Tail, Variable,
    },
    edm::{DateTimeOffset, Record, Value},
    grammar,
};
use runstate_store::subscription::{ChangeKind, NewSubscription};

use super::{Call, body, count, delete, get, list};
use crate::{
    dispatch::model,
    exchange::{Answer, Failure},
    failure,
    negotiate::{self, PREFERENCE_APPLIED},
    notify, random,
};

/// How far ahead a subscription may end, as Graph has it for users and groups: just under 29 days.
const LONGEST: Duration = Duration::from_secs(41_760 * 60);

/// A receiver is asked to renew when a tenth of the time is left, and no earlier than this.
const LONGEST_REMINDER: Duration = Duration::from_secs(24 * 3600);

pub(super) async fn act(call: &Call<'_>, act: Act) -> Result<Answer, Failure> {
    match act {
        Act::List => list_visible(call).await,
        Act::Count => count_visible(call).await,
        Act::Create => create(call).await,
        Act::Get => {
            visible(call).await?;
            get::get(call).await
        }
        Act::Update => renew(call).await,
        Act::Delete => {
            own(call).await?;
            delete::delete(call).await
        }
        Act::Invoke => reauthorize(call).await,
        Act::Call | Act::ListReferences | Act::AddReference | Act::RemoveReference => {
            Err(failure::internal())
        }
    }
}

async fn create(call: &Call<'_>) -> Result<Answer, Failure> {
    let (query, format) = call.entity_query()?;
    let json = call.json()?;
    refuse_unsupported(&json)?;
    let Body { values, .. } = read::entity(query.ty, &json, Purpose::Create)?;
    let mut record = read::new_record(query.ty, values)?;
    let (application_id, creator_id) = creator(call)?;
    let changes = changes(record.get("changeType").as_str().unwrap_or_default())?;
    let now = call.app.clock.now();
    let end = expiration(record.get("expirationDateTime"), now)?;
    settle_options(&mut record)?;
    let resource = resource(call, record.get("resource").as_str().unwrap_or_default())?;
    permit_reading(call, &resource)?;
    refuse_missing(call, &resource).await?;
    validate(call, &record).await?;

    let names: Vec<_> = changes.iter().map(|change| change.name()).collect();
    let id = (call.app.new_ids)()?;
    for (property, text) in [
        ("id", id.clone()),
        ("applicationId", application_id),
        ("creatorId", creator_id),
        ("changeType", names.join(",")),
    ] {
        record.set(property, Value::String(text));
    }
    let subscription = NewSubscription {
        record,
        target_path: address(&resource),
        resource,
        changes,
        remind_at: Some(remind_at(end, now)),
        key: random::bytes()?,
    };
    let store = &call.app.store;
    let created = store.subscription_create(&call.permit, &call.path, subscription);
    let (row, key) = created.await.map_err(failure::of_store)?;
    // Also where the client prefers none: what is in it is told once.
    let body = call.writer(format).entity(&call.path, &query, &row, true);
    let body = with_secret(body, &notify::secret(&key, &id));
    Ok(Answer::json(StatusCode::CREATED, body, format)
        .with(header::ETAG, &etag(row.version))
        .with(header::CACHE_CONTROL, "no-store")
        .with(
            header::LOCATION,
            &url::entity(call.request.root, &call.path, &id),
        ))
}

/// `PATCH`: another end.
async fn renew(call: &Call<'_>) -> Result<Answer, Failure> {
    let (query, format) = call.entity_query()?;
    let precondition = negotiate::precondition(call.request.headers)?;
    let given = read::entity(query.ty, &call.json()?, Purpose::Update)?;
    let row = own(call).await?;
    permit_reading_of(call, &row)?;
    let position = query.ty.position("expirationDateTime");
    let mut values = given.values.into_iter();
    let given = values.find(|(at, _)| Some(*at) == position);
    // A body that changes nothing still shows that the caller may read the resource.
    let value = given.map_or_else(
        || row.record.get("expirationDateTime").clone(),
        |(_, value)| value,
    );
    let now = call.app.clock.now();
    let end = expiration(&value, now)?;
    let Value::DateTimeOffset(written) = value else {
        return Err(failure::internal());
    };
    let remind_at = Some(remind_at(end, now));
    let (store, permit, path) = (&call.app.store, &call.permit, &call.path);
    let renewed = store.subscription_renew(permit, path, written, remind_at, precondition);
    let row = renewed.await.map_err(failure::of_store)?;
    let answer = if negotiate::preferences(call.request.headers).minimal {
        Answer::no_content().with(PREFERENCE_APPLIED, "return=minimal")
    } else {
        let body = call.writer(format).entity(&call.path, &query, &row, true);
        Answer::json(StatusCode::OK, body, format)
    };
    Ok(answer.with(header::ETAG, &etag(row.version)))
}

/// `POST …/reauthorize`: the caller may still read the resource.
async fn reauthorize(call: &Call<'_>) -> Result<Answer, Failure> {
    call.no_options()?;
    if !call.request.body.is_empty() {
        body::check_parameters(&call.json()?, &entity::REAUTHORIZE)?;
    }
    let row = own(call).await?;
    permit_reading_of(call, &row)?;
    Ok(Answer::no_content())
}

async fn list_visible(call: &Call<'_>) -> Result<Answer, Failure> {
    let (mut query, format) = call.query(check::query)?;
    narrow(call, &mut query)?;
    let now = DateTimeOffset::from_system_time(call.app.clock.now());
    list::answer(call, &query, format, |page| {
        // One that has ended may still have something to tell.
        page.rows.retain(|row| !is_over(row, now));
    })
    .await
}

async fn count_visible(call: &Call<'_>) -> Result<Answer, Failure> {
    negotiate::accepts(call.request.headers, "text/plain")?;
    let options = grammar::options::parse(call.request.query)?;
    let mut query = call.check(check::count_query, &options)?;
    narrow(call, &mut query)?;
    count::answer(call, &query).await
}

/// Leaves of a query what the caller may see. Whoever sees the subscriptions of others too sees nothing
/// of what is secret in them, so it cannot look for it either.
fn narrow(call: &Call<'_>, query: &mut Query) -> Result<(), Failure> {
    let looks_into = query.filter.is_some() || !query.orderby.is_empty() || query.search.is_some();
    if sees_all(call.caller) && !looks_into {
        return Ok(());
    }
    let mut own = vec![("applicationId", call.caller.client_id.as_deref())];
    if let CallerKind::Delegated { user_id } = &call.caller.kind {
        own.push(("creatorId", Some(user_id)));
    }
    for (name, value) in own {
        let property = SUBSCRIPTION.property(name).ok_or_else(failure::internal)?;
        let member = Member {
            root: Variable(0),
            steps: vec![Step::Property(property)],
        };
        let is_own = Predicate::Compare(
            CompareOp::Eq,
            Scalar::Member(member),
            Scalar::Literal(Value::String(value.unwrap_or_default().to_owned())),
        );
        query.filter = Some(match query.filter.take() {
            Some(filter) => Predicate::And(Box::new(is_own), Box::new(filter)),
            None => is_own,
        });
    }
    Ok(())
}

/// Graph has `Subscription.Read.All` for users alone.
fn sees_all(caller: &Caller) -> bool {
    let mut names = caller.permissions.iter();
    matches!(caller.kind, CallerKind::Delegated { .. })
        && names.any(|name| name.eq_ignore_ascii_case(rules::SUBSCRIPTION_READ))
}

/// An application sees what it made, for itself or for any user; on behalf of a user, what it made for
/// that user.
fn is_own(caller: &Caller, row: &Row) -> bool {
    let is = |property: &str, id: &str| row.record.get(property).as_str() == Some(id);
    let by_application = caller.client_id.as_deref();
    by_application.is_some_and(|id| is("applicationId", id))
        && match &caller.kind {
            CallerKind::Delegated { user_id } => is("creatorId", user_id),
            CallerKind::Application | CallerKind::Device { .. } => true,
        }
}

fn is_over(row: &Row, now: DateTimeOffset) -> bool {
    match row.record.get("expirationDateTime") {
        Value::DateTimeOffset(end) => *end <= now,
        _ => false,
    }
}

/// Blanks what is secret in the subscription of another: by it a receiver knows the service. Whoever
/// sees them all, and selects not who made them, sees none of it.
pub(super) fn blank(row: &mut Row, caller: &Caller) {
    if sees_all(caller) && !is_own(caller, row) {
        row.record.set("clientState", Value::Null);
    }
}

/// The subscription that the path names, where it has not ended.
async fn whole(call: &Call<'_>) -> Result<Row, Failure> {
    let row = call.entity(&call.path, &Query::all(&SUBSCRIPTION)).await?;
    let now = DateTimeOffset::from_system_time(call.app.clock.now());
    match is_over(&row, now) {
        true => Err(missing(&row)),
        false => Ok(row),
    }
}

async fn visible(call: &Call<'_>) -> Result<Row, Failure> {
    let row = whole(call).await?;
    match is_own(call.caller, &row) || sees_all(call.caller) {
        true => Ok(row),
        false => Err(missing(&row)),
    }
}

async fn own(call: &Call<'_>) -> Result<Row, Failure> {
    let row = whole(call).await?;
    match is_own(call.caller, &row) {
        true => Ok(row),
        false => Err(missing(&row)),
    }
}

/// That there is none such, as the store says it.
fn missing(row: &Row) -> Failure {
    failure::of_store(runstate_store::Error::NotFound {
        resource: SUBSCRIPTION.name,
        id: row.id().to_owned(),
    })
}

/// The application and the user, or the application once more.
fn creator(call: &Call<'_>) -> Result<(String, String), Error> {
    let application_id = call.caller.client_id.clone();
    let application_id = application_id.filter(|id| !id.is_empty()).ok_or_else(|| {
        Error::forbidden("The access token names no application, to which a subscription belongs.")
    })?;
    let creator_id = match &call.caller.kind {
        CallerKind::Delegated { user_id } => user_id.clone(),
        CallerKind::Application | CallerKind::Device { .. } => application_id.clone(),
    };
    Ok((application_id, creator_id))
}

/// Refuses what would change what a notification holds, since none holds it.
fn refuse_unsupported(json: &Json<'_>) -> Result<(), Error> {
    if json.member("includeResourceData") == Some(&Json::Boolean(true)) {
        return Err(Error::bad_request(
            "Notifications with resource data are not supported: 'includeResourceData' must be false \
             or left out.",
        ));
    }
    for name in [
        "encryptionCertificate",
        "encryptionCertificateId",
        "notificationQueryOptions",
    ] {
        if let Some(Json::String(text)) = json.member(name)
            && !text.is_empty()
        {
            let message = format!("The property '{name}' is not supported here; leave it out.");
            return Err(Error::bad_request(message));
        }
    }
    Ok(())
}

/// What Graph sets where a client does not.
fn settle_options(record: &mut Record) -> Result<(), Error> {
    record.set("includeResourceData", Value::Boolean(false));
    match record.get("notificationContentType").as_str() {
        None | Some("" | "application/json") => {}
        Some(_) => {
            let message = "The property 'notificationContentType' must be application/json.";
            return Err(Error::bad_request(message));
        }
    }
    let json = Value::String("application/json".to_owned());
    record.set("notificationContentType", json);
    match record.get("latestSupportedTlsVersion").as_str() {
        Some("v1_2" | "v1_3") => {}
        None => {
            let newest = Value::String("v1_2".to_owned());
            record.set("latestSupportedTlsVersion", newest);
        }
        Some(_) => {
            let message = "The property 'latestSupportedTlsVersion' must be v1_2 or v1_3; no older TLS is spoken.";
            return Err(Error::bad_request(message));
        }
    }
    Ok(())
}

/// The kinds of change in `changeType`, each once.
fn changes(text: &str) -> Result<Vec<ChangeKind>, Error> {
    let mut changes = Vec::new();
    for name in text.split(',').map(str::trim) {
        let mut kinds = ChangeKind::ALL.into_iter();
        let Some(kind) = kinds.find(|kind| kind.name() == name) else {
            return Err(Error::bad_request(
                "The property 'changeType' must be 'created', 'updated' or 'deleted', or several of \
                 them with commas between.",
            ));
        };
        if !changes.contains(&kind) {
            changes.push(kind);
        }
    }
    Ok(changes)
}

/// The end of a subscription, which must lie ahead, and not too far.
fn expiration(value: &Value, now: SystemTime) -> Result<DateTimeOffset, Error> {
    let Value::DateTimeOffset(end) = value else {
        return Err(Error::bad_request(
            "The property 'expirationDateTime' is required and was not given.",
        ));
    };
    if *end <= DateTimeOffset::from_system_time(now) {
        return Err(Error::bad_request(
            "The property 'expirationDateTime' must lie in the future.",
        ));
    }
    if *end > DateTimeOffset::from_system_time(now + LONGEST) {
        return Err(Error::bad_request(format!(
            "Subscription expiration can only be {} minutes in the future.",
            LONGEST.as_secs() / 60
        )));
    }
    Ok(*end)
}

/// When the receiver is to be asked to renew what ends then.
fn remind_at(end: DateTimeOffset, now: SystemTime) -> SystemTime {
    let ticks = end.ticks() - DateTimeOffset::from_system_time(now).ticks();
    // A tick is 100 ns.
    let left = Duration::from_nanos(u64::try_from(ticks).unwrap_or(0).saturating_mul(100));
    now + (left - (left / 10).min(LONGEST_REMINDER))
}

/// The path of what is subscribed to: scripts of a kind, one script, or one script's run states.
fn resource(call: &Call<'_>, text: &str) -> Result<ResourcePath, Failure> {
    let unsupported = || {
        let shown: String = text.chars().take(128).collect();
        Error::bad_request(format!(
            "The resource '{shown}' cannot be subscribed to. What can is a collection of scripts \
             (deviceManagement/deviceShellScripts), one of its scripts, and a script's deviceRunStates, \
             each without query options."
        ))
    };
    if text.contains(['?', '#']) {
        return Err(unsupported().into());
    }
    let segments = grammar::path::parse(text).map_err(|_| unsupported())?;
    let path = check::path(model(call.request.version), &segments).map_err(|_| unsupported())?;
    let is_script = |at: usize| {
        let step = path.steps.get(at);
        step.is_some_and(|step| entity::SCRIPT_TYPES.contains(&step.navigation.target))
    };
    let states = path.steps.get(2);
    let fits = match path.steps.len() {
        2 => is_script(1),
        3 => {
            is_script(1)
                && states.is_some_and(|step| {
                    step.navigation.target == &entity::DEVICE_STATE && step.key.is_none()
                })
        }
        _ => false,
    };
    if fits && path.tail == Tail::Resource {
        Ok(path)
    } else {
        Err(unsupported().into())
    }
}

/// The path as notifications write it.
fn address(path: &ResourcePath) -> String {
    let mut parts = Vec::new();
    for step in &path.steps {
        parts.push(step.navigation.name.to_owned());
        parts.extend(step.key.as_deref().map(encode));
    }
    parts.join("/")
}

/// Whoever is told of a resource must be one that may read it.
fn permit_reading(call: &Call<'_>, resource: &ResourcePath) -> Result<(), Failure> {
    let act = match resource.is_collection() {
        true => Act::List,
        false => Act::Get,
    };
    authorize(resource, act, call.caller)?;
    Ok(())
}

fn permit_reading_of(call: &Call<'_>, row: &Row) -> Result<(), Failure> {
    let text = row.record.get("resource").as_str().unwrap_or_default();
    permit_reading(call, &resource(call, text)?)
}

/// Refuses a script that is not there, before anybody is asked anything because of it.
async fn refuse_missing(call: &Call<'_>, resource: &ResourcePath) -> Result<(), Failure> {
    let mut script = resource.clone();
    script.steps.truncate(2);
    if script.is_collection() {
        return Ok(());
    }
    let ty = script.ty().ok_or_else(failure::internal)?;
    let query = Query {
        select: check::Select::Only(vec![0]),
        ..Query::all(ty)
    };
    call.entity(&script, &query).await?;
    Ok(())
}

/// The handshake with whoever is to be told.
async fn validate(call: &Call<'_>, record: &Record) -> Result<(), Failure> {
    let notifier = &call.app.notifier;
    let mut urls = Vec::new();
    for name in ["notificationUrl", "lifecycleNotificationUrl"] {
        if let Some(url) = record.get(name).as_str() {
            notifier.check_url(name, url)?;
            urls.push(url);
        }
    }
    urls.dedup();
    for url in urls {
        let id = random::guid()?;
        let token = format!(
            "Validation: Testing client application reachability for subscription Request-Id: {id}"
        );
        notifier.validate(url, &token).await?;
    }
    Ok(())
}

/// The object with one more member: the secret, which needs no escape.
fn with_secret(mut object: Vec<u8>, secret: &str) -> Vec<u8> {
    if object.pop() == Some(b'}') {
        object.extend_from_slice(format!(",\"{SECRET_ANNOTATION}\":\"{secret}\"}}").as_bytes());
    }
    object
}
