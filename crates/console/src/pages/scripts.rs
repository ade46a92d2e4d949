//! The list of scripts.

use futures_util::future::try_join_all;
use maud::{Markup, html};
use serde_json::Value;

use crate::{
    api::{List, Members as _},
    chart::{self, Outcomes},
    layout::{Page, Section},
    script_kind::{KINDS, Kind},
    show,
    trouble::Trouble,
    visit::Visit,
};

/// `GET /scripts`
pub(crate) async fn page(visit: Visit) -> Result<Page, Trouble> {
    let search = visit
        .option("$search")
        .filter(|text| !text.trim().is_empty());
    let lists = KINDS
        .iter()
        .map(|kind| list(&visit, kind, search.as_deref()));
    let lists = try_join_all(lists).await?;
    let content = html! {
        div.title { h1 { "Scripts" } a.button.primary href="/scripts/new" { "New script" } }
        form.filter role="search" {
            label for="search" { "Search" }
            input id="search" type="search" name="$search" value=[search.as_deref()];
            button { "Search" }
        }
        @for (kind, list) in KINDS.iter().zip(&lists) { (section(&visit, kind, list)) }
    };
    Ok(Page::new(&visit, Section::Scripts, "Scripts", &content))
}

async fn list(visit: &Visit, kind: &Kind, search: Option<&str>) -> Result<List, Trouble> {
    let quoted = search.map(|text| format!("\"{}\"", text.trim().replace(['"', '\\'], " ")));
    let mut options = vec![("$expand", "runSummary"), ("$orderby", "displayName")];
    options.extend(quoted.as_deref().map(|text| ("$search", text)));
    visit.api().list(&kind.api(), &options).await
}

fn section(visit: &Visit, kind: &Kind, list: &List) -> Markup {
    let title = format!("{}s", kind.label);
    html! {
        section aria-labelledby=(kind.segment) {
            h2 id=(kind.segment) { (title) " " span.count { (list.value.len()) } }
            @if list.value.is_empty() {
                p.empty { "None." }
            } @else {
                div.table tabindex="0" role="region" aria-label={ (title) ", table" } {
                    table {
                        caption.hidden { (title) }
                        thead { tr {
                            th scope="col" { "Name" }
                            th scope="col" { "Results" }
                            th.number scope="col" { "Success" }
                            th.number scope="col" { "Failed" }
                            th scope="col" { "Modified" }
                        } }
                        tbody { @for script in &list.value { (row(visit, kind, script)) } }
                    }
                }
                @if list.next.is_some() {
                    p.faint { "There are more; search for those that are not here." }
                }
            }
        }
    }
}

fn row(visit: &Visit, kind: &Kind, script: &Value) -> Markup {
    let summary = script.at("runSummary");
    let count = |name| u64::try_from(summary.number(name)).unwrap_or_default();
    let (success, error) = (count("successDeviceCount"), count("errorDeviceCount"));
    let outcomes = Outcomes(vec![("success", success), ("fail", error)]);
    html! {
        tr {
            th scope="row" {
                a href=(kind.page(script.text("id"), &[])) { (script.text("displayName")) }
            }
            td.bars { (chart::bar(&outcomes, 40)) }
            td.number { (success) }
            td.number { @if error > 0 { strong.bad { (error) } } @else { (error) } }
            td { (show::when(script.text("lastModifiedDateTime"), visit.now)) }
        }
    }
}
