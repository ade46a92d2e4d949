//! The page of a script: whom it is for, how it goes, and what it is.
//!
//! None of what it asks grows with the fleet: counts and the summary are kept, not counted, and of
//! results, versions and requests it reads one page.

use axum::extract::Path;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::HeaderValue;
use maud::{Markup, html};
use runstate_graph::entity::RUN_STATE;
use serde_json::Value;
use tokio::try_join;

use super::{assignments, run_states};
use crate::{
    api::{List, Members as _},
    chart::{self, Outcomes},
    highlight,
    layout::{Page, Section},
    script_kind::Kind,
    show,
    table::{self, Asked, Table},
    trouble::Trouble,
    visit::Visit,
};

/// How a script is named in the console's paths.
pub(crate) type Names = Path<(String, String)>;

/// `GET /scripts/{kind}/{id}`
pub(crate) async fn page(Path((kind, id)): Names, visit: Visit) -> Result<Page, Trouble> {
    let kind = Kind::of(&kind).ok_or_else(Trouble::not_found)?;
    let api = visit.api();
    let (script_path, asked) = (kind.script(&id, &[]), Asked::of(&visit));
    let expand = [("$expand", "runSummary")];
    let requests_path = kind.script(&id, &["runRequests"]);
    let requests = [("$orderby", "createdDateTime desc"), ("$top", "5")];
    let versions_path = kind.script(&id, &["versions"]);
    let versions = [("$orderby", "number desc"), ("$top", "5")];
    let (script, outcomes, assigned, states, requests, versions) = try_join!(
        api.get(&script_path, &expand),
        outcomes(&visit, kind, &id),
        assignments::summary(&visit, kind, &id),
        run_states::section(&visit, kind, &id, &asked),
        api.list(&requests_path, &requests),
        api.list(&versions_path, &versions),
    )?;
    let name = script.text("displayName");
    let content = html! {
        (head(kind, &id, name, script.text("description"), true))
        (done(&visit))
        (progress(kind, &id, &outcomes, &asked))
        div.wide-narrow {
            div {
                (states)
                (content(kind, &id, &script))
            }
            div {
                section {
                    div.title {
                        h2 { "Assignments" }
                        div.actions { a.button href=(kind.page(&id, &["assign"])) { "Change" } }
                    }
                    (assigned)
                }
                (run_requests(&visit, kind, &id, &requests))
                (users(&script))
                section {
                    h2 { "Settings" }
                    (settings(&visit, kind, &script))
                    div.actions {
                        a.button href=(kind.page(&id, &["edit"])) { "Edit" }
                        a.button.danger href=(kind.page(&id, &["delete"])) { "Delete" }
                    }
                }
                (version_list(&visit, kind, &id, &versions))
            }
        }
    };
    Ok(Page::new(&visit, Section::Scripts, name, &content))
}

/// The name of a script, and what can be done with it.
pub(crate) fn head(kind: &Kind, id: &str, name: &str, about: &str, actions: bool) -> Markup {
    html! {
        p.crumbs { a href="/scripts" { "Scripts" } " / " (kind.label) }
        div.title {
            h1 {
                @if actions { (name) } @else { a href=(kind.page(id, &[])) { (name) } }
            }
            @if actions {
                div.actions {
                    a.button href=(run_page(kind, id, Some("runState eq 'fail' or runState eq 'scriptError'"))) {
                        "Re-run failed"
                    }
                    a.button.primary href=(run_page(kind, id, None)) { "Run now" }
                }
            }
        }
        @if !about.is_empty() { p.faint { (about) } }
    }
}

/// The page that asks whether to run the script on the devices of a filter.
pub(crate) fn run_page(kind: &Kind, id: &str, filter: Option<&str>) -> String {
    let page = kind.page(id, &["run"]);
    match filter {
        Some(filter) => format!("{page}?{}", crate::api::query(&[("filter", filter)])),
        None => page,
    }
}

/// What was just done, in words of ours: the URL names it and anybody can write one.
fn done(visit: &Visit) -> Markup {
    let done = visit.option("done");
    let message = match done.as_deref() {
        Some("created") => "The script is there. Assign it, so that devices run it.",
        Some("saved") => "Saved. Devices that are online run a new version at once.",
        Some("assigned") => "Assigned. Devices that are online hear of it at once.",
        Some("requested") => "Requested. Devices that are online begin at once.",
        Some("canceled") => "Canceled. What had begun already goes on to its end.",
        Some("rolled-back") => "Rolled back, as a new version.",
        _ => return html! {},
    };
    html! { section.notice.good role="status" { p { (message) } } }
}

/// How many results there are of each outcome.
pub(crate) async fn outcomes(visit: &Visit, kind: &Kind, id: &str) -> Result<Outcomes, Trouble> {
    let (api, path) = (visit.api(), kind.script(id, &["deviceRunStates"]));
    let filter = |name: &str| format!("runState eq '{name}'");
    let filters = ORDER.map(filter);
    let [
        success,
        fail,
        script_error,
        pending,
        not_applicable,
        unknown,
    ] = filters
        .each_ref()
        .map(|filter| api.count(&path, Some(filter)));
    let counts = try_join!(
        success,
        fail,
        script_error,
        pending,
        not_applicable,
        unknown
    )?;
    let counts: [u64; 6] = counts.into();
    Ok(Outcomes(ORDER.into_iter().zip(counts).collect()))
}

/// The outcomes in the order in which they are shown: all of [`RUN_STATE`].
pub(crate) const ORDER: [&str; 6] = [
    "success",
    "fail",
    "scriptError",
    "pending",
    "notApplicable",
    "unknown",
];

/// The bar, which moves while results come in.
fn progress(kind: &Kind, id: &str, outcomes: &Outcomes, asked: &Asked) -> Markup {
    debug_assert_eq!(RUN_STATE.members.len(), ORDER.len());
    html! {
        section aria-labelledby="progress" data-live=(kind.page(id, &["events"])) {
            div.title {
                h2 id="progress" {
                    "Results " span.count data-count="total" { (outcomes.total()) }
                }
                span.live data-live-sign="" {}
            }
            div.tallbar { (chart::bar(outcomes, 40)) }
            ul.legend {
                @for (name, count) in &outcomes.0 {
                    @let filter = format!("runState eq '{name}'");
                    li {
                        a href={ (asked.with_filter(Some(&filter))) "#results" } {
                            (show::state(name)) b data-count=(name) { (count) }
                        }
                    }
                }
                li { a href={ (asked.with_filter(None)) "#results" } { "all" } }
            }
        }
    }
}

/// The script's text, where it is one.
pub(crate) fn text(script: &Value) -> Option<String> {
    let bytes = STANDARD.decode(script.text("scriptContent")).ok()?;
    String::from_utf8(bytes).ok()
}

fn content(kind: &Kind, id: &str, script: &Value) -> Markup {
    html! {
        section {
            div.title {
                h2 {
                    "Content "
                    @if !script.text("fileName").is_empty() {
                        span.faint { (script.text("fileName")) }
                    }
                }
                div.actions { a.button href=(kind.page(id, &["edit"])) { "Edit" } }
            }
            @match text(script) {
                Some(text) if text.is_empty() => p.empty { "No content." },
                Some(text) => (highlight::script(&text, kind.powershell)),
                None => p.empty { "The content is no text (UTF-8)." },
            }
        }
    }
}

/// What is not shown elsewhere of a script.
const ELSEWHERE: [&str; 6] = [
    "id",
    "displayName",
    "description",
    "scriptContent",
    "fileName",
    "roleScopeTagIds",
];

fn settings(visit: &Visit, kind: &Kind, script: &Value) -> Markup {
    let properties = kind.ty.properties.iter();
    let shown = properties.filter(|property| !ELSEWHERE.contains(&property.name));
    html! {
        dl.facts {
            @for property in shown {
                dt { (show::words(property.name)) }
                dd { (show::value(property, script.at(property.name), visit.now)) }
            }
            dt { "Id" }
            dd { code { (script.text("id")) } }
        }
    }
}

fn users(script: &Value) -> Markup {
    let summary = script.at("runSummary");
    let (success, error) = (
        summary.number("successUserCount"),
        summary.number("errorUserCount"),
    );
    html! {
        @if success + error > 0 {
            section {
                h2 { "Users" }
                p {
                    "Of those whose account it runs under: "
                    strong.good { (success) " succeeded" } ", " strong.bad { (error) " failed" } "."
                }
            }
        }
    }
}

fn run_requests(visit: &Visit, kind: &Kind, id: &str, requests: &List) -> Markup {
    html! {
        @if !requests.value.is_empty() {
            section {
                h2 { "Run on request" }
                ul.plain {
                    @for request in &requests.value { li.card { (run_request(visit, kind, id, request)) } }
                }
            }
        }
    }
}

fn run_request(visit: &Visit, kind: &Kind, id: &str, request: &Value) -> Markup {
    let count = |name| u64::try_from(request.number(name)).unwrap_or_default();
    let outcomes = Outcomes(vec![
        ("success", count("successCount")),
        ("fail", count("errorCount")),
        ("notApplicable", count("canceledCount")),
        ("pending", count("pendingCount") + count("runningCount")),
    ]);
    html! {
        p {
            (show::when(request.text("createdDateTime"), visit.now)) ", "
            (show::counted(count("deviceCount"), "device"))
            @if let Some(filter) = request.at("deviceFilter").as_str() { ": " code { (filter) } }
        }
        (chart::bar(&outcomes, 40))
        p.faint {
            (count("successCount")) " succeeded, " (count("errorCount")) " failed, "
            (count("pendingCount")) " waiting, " (count("runningCount")) " running"
            @if count("canceledCount") > 0 { ", " (count("canceledCount")) " canceled" }
        }
        @if count("pendingCount") > 0 {
            a.button href=(kind.page(id, &["requests", request.text("id"), "cancel"])) { "Cancel" }
        }
    }
}

fn version_list(visit: &Visit, kind: &Kind, id: &str, versions: &List) -> Markup {
    let columns = table::columns(
        &runstate_graph::entity::SCRIPT_VERSION,
        &["number=Version", "createdDateTime", "rolledBackTo"],
    );
    let link = |version: &Value| {
        let number = version.text("id");
        let before = version.number("number") - 1;
        let query = format!("?from={before}&to={number}");
        Some(kind.page(id, &["versions"]) + &query)
    };
    let table = Table {
        caption: "Versions of the content",
        columns: &columns,
        rows: &versions.value,
        now: visit.now,
        link: &link,
        asked: None,
        empty: "It never had content.",
    };
    html! {
        section {
            h2 { "Versions" }
            (table.show())
            @if !versions.value.is_empty() {
                p { a href=(kind.page(id, &["versions"])) { "All versions and what changed" } }
            }
        }
    }
}

/// `GET /scripts/{kind}/{id}/content`: the content as a file.
pub(crate) async fn download(
    Path((kind, id)): Names,
    visit: Visit,
) -> Result<axum::response::Response, Trouble> {
    use axum::response::IntoResponse as _;
    let kind = Kind::of(&kind).ok_or_else(Trouble::not_found)?;
    let script = visit.api().get(&kind.script(&id, &[]), &[]).await?;
    let bytes = STANDARD
        .decode(script.text("scriptContent"))
        .unwrap_or_default();
    let headers = [
        ("content-type", "application/octet-stream"),
        ("content-disposition", "attachment"),
    ];
    let headers = headers.map(|(name, value)| (name, HeaderValue::from_static(value)));
    Ok((headers, bytes).into_response())
}
