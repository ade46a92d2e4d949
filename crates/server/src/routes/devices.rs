//! What a device's agent asks and tells, beside the reports of its runs; and the end of enrolment.

use std::time::Duration;

use http::{StatusCode, header};
use runstate_graph::{
    entity,
    json::{Json, write::etag},
    permit::CallerKind,
    row::{Page, Row},
};
use runstate_odata::check::Query;
use runstate_store::AssignedScripts;

use super::{Call, body};
use crate::{
    exchange::{Answer, Body, Failure},
    facts, failure,
    negotiate::{self, PREFERENCE_APPLIED},
};

/// `GET …/managedDevices/{id}/assignedScripts`: all that the device has to run. With `Prefer: wait`
/// the answer waits for a change of what the client has seen.
pub(super) async fn assigned_scripts(call: &Call<'_>) -> Result<Answer, Failure> {
    call.no_options()?;
    let format = negotiate::format(call.request.headers, None)?;
    let known = negotiate::known_versions(call.request.headers)?;
    let device_id = device_id(call);
    if matches!(call.caller.kind, CallerKind::Device { .. }) {
        let seen = call.app.store.device_seen(&call.permit, device_id).await;
        seen.map_err(failure::of_store)?;
    }
    let wait = negotiate::preferences(call.request.headers).wait;
    let found = match wait.filter(|_| !call.request.in_batch) {
        Some(seconds) => wait_for(call, device_id, &known, seconds).await?,
        None => scripts(call, device_id, &known).await?,
    };
    let answer = match found.scripts {
        None => Answer::new(StatusCode::NOT_MODIFIED, Body::None),
        Some(records) => {
            let row = |record| Row {
                record,
                version: found.version,
                expanded: Vec::new(),
            };
            let page = Page {
                rows: records.into_iter().map(row).collect(),
                ..Page::default()
            };
            let query = Query::all(&entity::ASSIGNED_SCRIPT);
            let body = call
                .writer(format)
                .collection(&call.path, &query, &page, None);
            Answer::json(StatusCode::OK, body, format)
        }
    };
    let interval = call.app.check_in_interval.as_secs();
    let answer = answer.with(header::ETAG, &etag(found.version)).with(
        header::CACHE_CONTROL,
        &format!("private, max-age={interval}"),
    );
    Ok(match wait {
        Some(seconds) => answer.with(PREFERENCE_APPLIED, &format!("wait={seconds}")),
        None => answer,
    })
}

async fn scripts(
    call: &Call<'_>,
    device_id: &str,
    known: &[i64],
) -> Result<AssignedScripts, Failure> {
    let store = &call.app.store;
    let found = store.device_scripts(&call.permit, device_id, known).await;
    found.map_err(failure::of_store)
}

/// What the device has to run once it is something that the client does not know, or after so many
/// seconds, or when the server stops.
async fn wait_for(
    call: &Call<'_>,
    device_id: &str,
    known: &[i64],
    seconds: u32,
) -> Result<AssignedScripts, Failure> {
    let most = call.app.check_in_interval;
    let time = Duration::from_secs(u64::from(seconds)).min(most);
    let watch = call.app.watchers.watch(call.permit.tenant_id(), device_id);
    let waiting = async {
        loop {
            // Before the look, so that no change falls between the two.
            let changed = watch.changed();
            let found = scripts(call, device_id, known).await?;
            if found.scripts.is_some() || !changed.await {
                return Ok(found);
            }
        }
    };
    match tokio::time::timeout(time, waiting).await {
        Ok(found) => found,
        Err(_) => scripts(call, device_id, known).await,
    }
}

/// `GET …/assignedScripts/{id}`: one of them, with its content.
pub(super) async fn assigned_script(call: &Call<'_>) -> Result<Answer, Failure> {
    call.no_options()?;
    let format = negotiate::format(call.request.headers, None)?;
    let script_id = call.path.steps.last().and_then(|step| step.key.as_deref());
    let record = call
        .app
        .store
        .device_script(&call.permit, device_id(call), script_id.unwrap_or_default())
        .await;
    let row = Row {
        record: record.map_err(failure::of_store)?,
        version: 1,
        expanded: Vec::new(),
    };
    let query = Query::all(&entity::ASSIGNED_SCRIPT);
    let body = call.writer(format).entity(&call.path, &query, &row, false);
    // Nothing of a script's content is to be kept on the way.
    Ok(Answer::json(StatusCode::OK, body, format).with(header::CACHE_CONTROL, "no-store"))
}

/// `GET …/assignedScripts/$count`
pub(super) async fn count(call: &Call<'_>) -> Result<Answer, Failure> {
    negotiate::accepts(call.request.headers, "text/plain")?;
    call.no_options()?;
    let found = scripts(call, device_id(call), &[]).await?;
    let count = found.scripts.map_or(0, |scripts| scripts.len());
    Ok(Answer::new(StatusCode::OK, Body::Text(count.to_string())))
}

/// `POST …/managedDevices/{id}/reportInventory`
pub(super) async fn report_inventory(call: &Call<'_>) -> Result<Answer, Failure> {
    call.no_options()?;
    let json = call.json()?;
    body::check_parameters(&json, &entity::REPORT_INVENTORY)?;
    let device = json.member("device").unwrap_or(&Json::Null);
    let facts = facts::of_device(device)?;
    let accounts = facts::accounts("loggedOnUsers", json.member("loggedOnUsers"))?;
    let noted = call
        .app
        .store
        .device_inventory(&call.permit, device_id(call), facts, accounts)
        .await;
    noted.map_err(failure::of_store)?;
    Ok(Answer::no_content())
}

/// `POST …/managedDevices/{id}/retire`
pub(super) async fn retire(call: &Call<'_>) -> Result<Answer, Failure> {
    call.no_options()?;
    if !call.request.body.is_empty() {
        body::check_parameters(&call.json()?, &entity::RETIRE)?;
    }
    let retired = call.app.store.device_retire(&call.permit, &call.path).await;
    retired.map_err(failure::of_store)?;
    Ok(Answer::no_content())
}

/// The device that the path names.
fn device_id<'a>(call: &'a Call<'_>) -> &'a str {
    let mut steps = call.path.steps.iter();
    let device = steps.find(|step| *step.navigation.target == entity::MANAGED_DEVICE);
    device
        .and_then(|step| step.key.as_deref())
        .unwrap_or_default()
}
