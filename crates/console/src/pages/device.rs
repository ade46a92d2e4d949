//! The page of a device: what it is, what it runs, and how that went.

use axum::{
    extract::Path,
    response::{IntoResponse as _, Redirect, Response},
};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use http::Method;
use maud::{Markup, html};
use runstate_graph::entity;
use serde_json::Value;

use super::{confirm::Confirm, devices::DEVICES};
use crate::{
    api::{List, Members as _, path},
    chart,
    form::Form,
    layout::{Page, Section},
    script_kind::{KINDS, Kind},
    show,
    table::{self, Table},
    trouble::Trouble,
    visit::Visit,
};

/// How many scripts of each kind are looked at, by name.
const SCRIPTS: &str = "200";
/// How many runs of each script are looked at.
const RUNS: &str = "10";
/// How many runs the timeline has.
const TIMELINE: usize = 40;
/// How many look-ups are on their way at once.
const AT_ONCE: usize = 16;

/// A script's result on the device, with its last runs, the newest first.
struct Outcome {
    kind: &'static Kind,
    script: Value,
    state: Value,
    runs: Vec<Value>,
}

impl Outcome {
    fn name(&self) -> &str {
        self.script.text("displayName")
    }

    fn page(&self) -> String {
        let (script, state) = (self.script.text("id"), self.state.text("id"));
        self.kind.page(script, &["states", state])
    }

    fn run_page(&self, run: &Value) -> String {
        let (script, state) = (self.script.text("id"), self.state.text("id"));
        self.kind
            .page(script, &["states", state, "runs", run.text("id")])
    }
}

/// `GET /devices/{id}`
pub(crate) async fn page(Path(id): Path<String>, visit: Visit) -> Result<Page, Trouble> {
    let api = visit.api();
    let device_path = format!("{DEVICES}{}", path(&[&id]));
    let device = api.get(&device_path, &[]).await?;
    // Whoever may see devices need not see scripts, nor the other way round.
    let assigned = api
        .list(&format!("{device_path}/assignedScripts"), &[])
        .await;
    let outcomes = outcomes(&visit, &id).await.unwrap_or_default();
    let name = match device.text("deviceName") {
        "" => &id,
        name => name,
    };
    let retired = device.text("managementState") == "retireIssued";
    let content = html! {
        p.crumbs { a href="/devices" { "Devices" } }
        div.title {
            h1 { (name) }
            @if !retired {
                div.actions {
                    a.button.danger href=(path(&["devices", &id, "retire"])) { "Retire" }
                }
            }
        }
        @if visit.option("done").as_deref() == Some("retired") {
            section.notice.good role="status" {
                p { "Retired: its tokens are refused. What it has reported stays." }
            }
        }
        div.wide-narrow {
            div {
                (attributes(&visit, &outcomes))
                (results(&visit, &outcomes))
                (timeline(&visit, &outcomes))
            }
            div {
                section { h2 { "Facts" } (facts(&visit, &device)) }
                @if let Ok(assigned) = &assigned { (assigned_scripts(&visit, assigned)) }
            }
        }
    };
    Ok(Page::new(&visit, Section::Devices, name, &content))
}

/// The results of all scripts on the device: its run state of a script has an id that is made of
/// both, so each is a look-up.
async fn outcomes(visit: &Visit, device: &str) -> Result<Vec<Outcome>, Trouble> {
    let mut scripts = Vec::new();
    for kind in &KINDS {
        let options = [
            ("$select", "id,displayName"),
            ("$orderby", "displayName"),
            ("$top", SCRIPTS),
        ];
        let list = visit.api().list(&kind.api(), &options).await?;
        scripts.extend(list.value.into_iter().map(|script| (kind, script)));
    }
    // Collected first: the compiler cannot tell of a stream's closure that it takes any lifetime.
    let looked_up: Vec<_> = scripts
        .into_iter()
        .map(|(kind, script)| outcome(visit, kind, script, device))
        .collect();
    let found = stream::iter(looked_up).buffered(AT_ONCE);
    let found: Vec<Option<Outcome>> = found.try_collect().await?;
    Ok(found.into_iter().flatten().collect())
}

async fn outcome(
    visit: &Visit,
    kind: &'static Kind,
    script: Value,
    device: &str,
) -> Result<Option<Outcome>, Trouble> {
    let id = script.text("id");
    let state = format!("{id}:{device}");
    let path = kind.script(id, &["deviceRunStates", &state]);
    let state = match visit.api().get(&path, &[]).await {
        Ok(state) => state,
        Err(trouble) if trouble.status == 404 => return Ok(None),
        Err(trouble) => return Err(trouble),
    };
    let options = [("$orderby", "receivedDateTime desc"), ("$top", RUNS)];
    let runs = visit.api().list(&format!("{path}/runs"), &options).await?;
    Ok(Some(Outcome {
        kind,
        script,
        state,
        runs: runs.value,
    }))
}

fn facts(visit: &Visit, device: &Value) -> Markup {
    let properties = entity::MANAGED_DEVICE.properties.iter();
    let said = properties.filter(|property| {
        let value = device.at(property.name);
        let empty = value.is_null() || value.as_array().is_some_and(Vec::is_empty);
        !empty && property.name != "id"
    });
    html! {
        dl.facts {
            @for property in said {
                dt { (show::words(property.name)) }
                dd { (show::value(property, device.at(property.name), visit.now)) }
            }
            dt { "Id" }
            dd { code { (device.text("id")) } }
        }
    }
}

fn assigned_scripts(visit: &Visit, assigned: &List) -> Markup {
    let columns = table::columns(
        &entity::ASSIGNED_SCRIPT,
        &[
            "displayName=Script",
            "version",
            "runAsAccount=As",
            "executionFrequency=Every",
        ],
    );
    let link = |script: &Value| {
        let kind = KINDS
            .iter()
            .find(|kind| kind.ty.name == script.text("scriptType"))?;
        Some(kind.page(script.text("id"), &[]))
    };
    let table = Table {
        caption: "What it has to run",
        columns: &columns,
        rows: &assigned.value,
        now: visit.now,
        link: &link,
        asked: None,
        empty: "Nothing is assigned to it.",
    };
    html! { section { h2 { "What it has to run" } (table.show()) } }
}

fn results(visit: &Visit, outcomes: &[Outcome]) -> Markup {
    html! {
        section {
            h2 { "Results" }
            @if outcomes.is_empty() {
                p.empty { "None." }
            } @else {
                div.table tabindex="0" role="region" aria-label="Results, table" {
                    table {
                        caption.hidden { "Results by script" }
                        thead { tr {
                            th scope="col" { "Script" } th scope="col" { "State" }
                            th scope="col" { "Reported" } th scope="col" { "Result" }
                        } }
                        tbody {
                            @for outcome in outcomes {
                                @let (state, own) = (&outcome.state, &entity::DEVICE_STATE);
                                tr {
                                    th scope="row" { a href=(outcome.page()) { (outcome.name()) } }
                                    td { (show::state(state.text("runState"))) }
                                    td { (show::when(state.text("lastStateUpdateDateTime"), visit.now)) }
                                    td {
                                        @let message = match state.text("errorDescription") {
                                            "" => "resultMessage",
                                            _ => "errorDescription",
                                        };
                                        @if let Some(property) = own.property(message) {
                                            (show::value(property, state.at(message), visit.now))
                                        }
                                    }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// The custom attributes, and what they have been.
fn attributes(visit: &Visit, outcomes: &[Outcome]) -> Markup {
    let attributes = || {
        let own = outcomes.iter();
        own.filter(|outcome| outcome.kind.segment == "attribute")
    };
    html! {
        @if attributes().next().is_some() {
            section {
                h2 { "Custom attributes" }
                div.table tabindex="0" role="region" aria-label="Custom attributes, table" {
                    table {
                        caption.hidden { "Custom attributes over time" }
                        thead { tr {
                            th scope="col" { "Attribute" } th scope="col" { "Value" }
                            th scope="col" { "Over time" } th scope="col" { "Reported" }
                        } }
                        tbody { @for outcome in attributes() { (attribute(visit, outcome)) } }
                    }
                }
            }
        }
    }
}

fn attribute(visit: &Visit, outcome: &Outcome) -> Markup {
    let state = &outcome.state;
    let good = |run: &&Value| run.text("runState") == "success";
    // The newest comes first, and a line runs the other way.
    let values: Vec<&str> = outcome
        .runs
        .iter()
        .filter(good)
        .map(|run| run.text("resultMessage").trim())
        .rev()
        .collect();
    let numbers: Option<Vec<f64>> = values.iter().map(|value| value.parse().ok()).collect();
    let mut changes = values.clone();
    changes.dedup();
    let earlier = changes.len().saturating_sub(1);
    html! {
        tr {
            th scope="row" { a href=(outcome.page()) { (outcome.name()) } }
            td {
                @if state.text("runState") == "success" {
                    strong { (state.text("resultMessage")) }
                } @else {
                    (show::state(state.text("runState")))
                }
            }
            td {
                @match numbers {
                    Some(numbers) if numbers.len() > 1 => (chart::spark(&numbers)),
                    _ if earlier > 0 => span.faint {
                        @for (at, value) in changes.iter().rev().skip(1).take(4).enumerate() {
                            @if at > 0 { " ← " }
                            (value)
                        }
                    },
                    _ => span.faint { "unchanged" },
                }
            }
            td { (show::when(state.text("lastStateUpdateDateTime"), visit.now)) }
        }
    }
}

/// The last runs of all scripts, the newest first.
fn timeline(visit: &Visit, outcomes: &[Outcome]) -> Markup {
    let runs = outcomes.iter().flat_map(|outcome| {
        let runs = outcome.runs.iter();
        runs.map(move |run| (outcome, run))
    });
    let mut runs: Vec<_> = runs.collect();
    let received = |run: &Value| {
        runstate_odata::edm::DateTimeOffset::parse(run.text("receivedDateTime"))
            .map_or(i64::MIN, |moment| moment.ticks())
    };
    runs.sort_by_key(|(_, run)| std::cmp::Reverse(received(run)));
    html! {
        section {
            h2 { "Timeline" }
            @if runs.is_empty() { p.empty { "It has run nothing yet." } }
            ol.timeline {
                @for (outcome, run) in runs.iter().take(TIMELINE) {
                    li {
                        span.faint { (show::when(run.text("receivedDateTime"), visit.now)) }
                        div {
                            (show::state(run.text("runState"))) " "
                            a href=(outcome.run_page(run)) { (outcome.name()) }
                            @let message = match run.text("errorDescription") {
                                "" => run.text("resultMessage"),
                                error => error,
                            };
                            @if let Some(line) = message.lines().next() { div.faint.clip { (line) } }
                        }
                    }
                }
            }
        }
    }
}

/// `GET /devices/{id}/retire`
pub(crate) async fn ask_retire(Path(id): Path<String>, visit: Visit) -> Result<Page, Trouble> {
    let device = format!("{DEVICES}{}", path(&[&id]));
    let name = [("$select", "deviceName")];
    let device = visit.api().get(&device, &name).await?;
    let page = path(&["devices", &id]);
    let confirm = Confirm {
        content: html! {
            p.big { (device.text("deviceName")) }
            p {
                "would be retired: its tokens are refused at once, and it runs nothing more until it is "
                "enrolled again. What it has reported stays."
            }
        },
        action: &path(&["devices", &id, "retire"]),
        fields: &[],
        button: "Retire 1 device",
        danger: true,
        back: &page,
    };
    let content = html! { h1 { "Retire a device" } (confirm.show(&visit)) };
    Ok(Page::new(&visit, Section::Devices, "Retire", &content))
}

/// `POST /devices/{id}/retire`
pub(crate) async fn retire(Path(id): Path<String>, form: Form) -> Result<Response, Trouble> {
    let retire = format!("{DEVICES}{}", path(&[&id, "retire"]));
    form.visit.api().send(Method::POST, &retire, None).await?;
    let page = path(&["devices", &id]) + "?done=retired";
    Ok(Redirect::to(&page).into_response())
}
