//! The list of devices.

use maud::html;
use runstate_graph::entity;
use serde_json::Value;

use crate::{
    api::{List, Members as _, path},
    layout::{Page, Section},
    show,
    table::{self, Asked, Table},
    trouble::Trouble,
    visit::Visit,
};

/// The API's collection.
pub(crate) const DEVICES: &str = "/deviceManagement/managedDevices";

/// The columns of the list.
pub(crate) const COLUMNS: [&str; 6] = [
    "deviceName=Device",
    "operatingSystem=System",
    "osVersion=Version",
    "userPrincipalName=User",
    "managementState=Managed",
    "lastSyncDateTime=Last seen",
];

/// `GET /devices`
pub(crate) async fn page(visit: Visit) -> Result<Page, Trouble> {
    let mut asked = Asked::of(&visit);
    let typed = asked.search.clone();
    asked.search = typed.as_deref().map(quoted);
    let mut options = asked.options(&[("$top", "50"), ("$count", "true")]);
    if asked.orderby.is_none() {
        options.push(("$orderby", "deviceName"));
    }
    let (list, refused) = match visit.api().list(DEVICES, &options).await {
        Ok(list) => (list, None),
        Err(trouble) if trouble.status == 400 => (List::default(), Some(trouble.message)),
        Err(trouble) => return Err(trouble),
    };
    asked.search = typed;
    let columns = table::columns(&entity::MANAGED_DEVICE, &COLUMNS);
    let link = |device: &Value| Some(path(&["devices", device.text("id")]));
    let table = Table {
        caption: "Devices",
        columns: &columns,
        rows: &list.value,
        now: visit.now,
        link: &link,
        asked: Some(&asked),
        empty: "No devices. A token for enrolment lets some in.",
    };
    let content = html! {
        div.title {
            h1 { "Devices" }
            @if let Some(count) = list.count { span.count { (show::grouped(i64::try_from(count).unwrap_or_default())) } }
        }
        section {
            form.filter {
                label for="search" { "Search" }
                input id="search" type="search" name="$search" value=[asked.search.as_deref()];
                label for="filter" { "Filter" }
                input.mono id="filter" name="$filter" value=[asked.filter.as_deref()] spellcheck="false"
                    autocomplete="off" placeholder="operatingSystem eq 'Linux'"
                    aria-describedby=[refused.as_ref().map(|_| "refused")];
                @if let Some(orderby) = &asked.orderby {
                    input type="hidden" name="$orderby" value=(orderby);
                }
                button { "Show" }
            }
            @match &refused {
                Some(message) => p.bad id="refused" role="alert" { (message) },
                None => { (table.show()) (asked.pages(&list)) },
            }
        }
    };
    Ok(Page::new(&visit, Section::Devices, "Devices", &content))
}

/// What somebody types into a search, as one phrase of `$search`.
pub(crate) fn quoted(text: &str) -> String {
    format!("\"{}\"", text.trim().replace(['"', '\\'], " "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_the_schemas() {
        let columns = table::columns(&entity::MANAGED_DEVICE, &COLUMNS);
        assert_eq!(columns.len(), COLUMNS.len());
    }
}
