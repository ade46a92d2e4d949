//! Notifications as JSON.
//!
//! Source: Graph, changeNotificationCollection; "Reduce missing change notifications".

use bytes::Bytes;
use runstate_graph::{
    entity::MODEL,
    json::{url::encode, write::etag},
};
use runstate_odata::edm::DateTimeOffset;
use runstate_store::subscription::{Batch, Event, Notice};
use serde::Serialize;

#[derive(Serialize)]
struct Collection<T> {
    value: Vec<T>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ChangeNotification<'a> {
    /// The same whenever the same change is told again, so that a receiver can tell.
    id: String,
    subscription_id: &'a str,
    subscription_expiration_date_time: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_state: Option<&'a str>,
    change_type: &'static str,
    resource: &'a str,
    resource_data: ResourceData<'a>,
    tenant_id: &'a str,
}

#[derive(Serialize)]
struct ResourceData<'a> {
    #[serde(rename = "@odata.type")]
    ty: String,
    #[serde(rename = "@odata.id")]
    address: &'a str,
    #[serde(rename = "@odata.etag")]
    etag: String,
    id: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct LifecycleNotification<'a> {
    subscription_id: &'a str,
    subscription_expiration_date_time: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_state: Option<&'a str>,
    lifecycle_event: &'static str,
    resource: &'a str,
    tenant_id: &'a str,
}

/// Changes, a notification each.
pub(super) fn changes(tenant_id: &str, batch: &Batch) -> Bytes {
    let address = |notice: &Notice| match batch.is_single {
        true => batch.target_path.clone(),
        false => format!("{}/{}", batch.target_path, encode(&notice.item_id)),
    };
    let addresses: Vec<String> = batch.notices.iter().map(address).collect();
    let notices = batch.notices.iter().zip(&addresses);
    let value = notices.map(|(notice, address)| ChangeNotification {
        id: format!("{}_{}", batch.subscription_id, notice.pk),
        subscription_id: &batch.subscription_id,
        subscription_expiration_date_time: in_utc(batch.expiration),
        client_state: batch.client_state.as_deref(),
        change_type: notice.change.name(),
        resource: address,
        resource_data: ResourceData {
            ty: format!("#{}", MODEL.qualified(batch.item_type)),
            address,
            etag: etag(notice.item_version),
            id: &notice.item_id,
        },
        tenant_id,
    });
    written(&Collection {
        value: value.collect(),
    })
}

/// What concerns a subscription itself.
pub(super) fn event(tenant_id: &str, event: &Event) -> Bytes {
    let notification = LifecycleNotification {
        subscription_id: &event.subscription_id,
        subscription_expiration_date_time: in_utc(event.expiration),
        client_state: event.client_state.as_deref(),
        lifecycle_event: event.event.name(),
        resource: &event.resource,
        tenant_id,
    };
    written(&Collection {
        value: vec![notification],
    })
}

fn in_utc(moment: DateTimeOffset) -> String {
    DateTimeOffset::from_ticks(moment.ticks()).to_string()
}

/// Strings alone: serialising them into memory cannot fail.
fn written(collection: &impl Serialize) -> Bytes {
    serde_json::to_vec(collection).unwrap_or_default().into()
}
