//! The audit log, as far as the API serves one.

use maud::html;
use runstate_graph::entity;
use runstate_odata::edm::Type;
use serde_json::Value;

use crate::{
    api::List,
    layout::{Page, Section},
    table::{self, Asked, Table},
    trouble::Trouble,
    visit::Visit,
};

/// `GET /audit`: every property of an event that is a plain value, in the order of the schema, the
/// moment first.
pub(crate) async fn page(visit: Visit) -> Result<Page, Trouble> {
    let events = entity::DEVICE_MANAGEMENT.navigation("auditEvents");
    let ty = events.ok_or_else(Trouble::not_found)?.target;
    let asked = Asked::of(&visit);
    let mut names: Vec<&'static str> = ty
        .properties
        .iter()
        .filter(|property| !matches!(property.ty, Type::Complex(_)) && property.name != "id")
        .map(|property| property.name)
        .collect();
    names.sort_by_key(|name| *name != "activityDateTime");
    let mut options = asked.options(&[("$top", "50")]);
    let newest = names.first().map(|name| format!("{name} desc"));
    if let (None, Some(newest)) = (&asked.orderby, &newest) {
        options.push(("$orderby", newest));
    }
    let api = visit.api();
    let list = api.list("/deviceManagement/auditEvents", &options).await;
    let (list, refused) = match list {
        Ok(list) => (list, None),
        Err(trouble) if trouble.status == 400 => (List::default(), Some(trouble.message)),
        Err(trouble) => return Err(trouble),
    };
    let columns = table::columns(ty, &names);
    let link = |_: &Value| None;
    let table = Table {
        caption: "Audit log",
        columns: &columns,
        rows: &list.value,
        now: visit.now,
        link: &link,
        asked: Some(&asked),
        empty: "Nothing has happened.",
    };
    let content = html! {
        div.title { h1 { "Audit log" } }
        section {
            form.filter {
                label for="filter" { "Filter" }
                input.mono id="filter" name="$filter" value=[asked.filter.as_deref()] spellcheck="false"
                    autocomplete="off" aria-describedby=[refused.as_ref().map(|_| "refused")];
                button { "Filter" }
            }
            @match &refused {
                Some(message) => p.bad id="refused" role="alert" { (message) },
                None => { (table.show()) (asked.pages(&list)) },
            }
        }
    };
    Ok(Page::new(&visit, Section::Audit, "Audit log", &content))
}
