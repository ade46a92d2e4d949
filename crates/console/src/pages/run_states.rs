//! Results of a script: the table on its page, and the page of one device's result with every run.

use axum::extract::Path;
use maud::{Markup, html};
use runstate_graph::entity;
use serde_json::Value;

use super::script;
use crate::{
    api::{List, Members as _, literal},
    layout::{Page, Section},
    script_kind::Kind,
    show,
    table::{self, Asked, Table},
    trouble::Trouble,
    visit::Visit,
};

/// The columns of the table.
const COLUMNS: [&str; 5] = [
    "managedDevice/deviceName=Device",
    "runState=State",
    "lastStateUpdateDateTime=Reported",
    "errorCode=Code",
    "errorDescription|resultMessage=Message",
];

/// How many rows a page of the table has.
const ROWS: &str = "25";

/// The first page of results, or that which the URL asks for, in the API's own words.
pub(crate) async fn section(
    visit: &Visit,
    kind: &Kind,
    id: &str,
    asked: &Asked,
) -> Result<Markup, Trouble> {
    let mut options = asked.options(&[
        ("$expand", "managedDevice($select=id,deviceName)"),
        ("$top", ROWS),
    ]);
    if asked.orderby.is_none() {
        options.push(("$orderby", "lastStateUpdateDateTime desc"));
    }
    let path = kind.script(id, &["deviceRunStates"]);
    let (list, refused) = match visit.api().list(&path, &options).await {
        Ok(list) => (list, None),
        // What the API does not understand is the reader's to set right.
        Err(trouble) if trouble.status == 400 => (List::default(), Some(trouble.message)),
        Err(trouble) => return Err(trouble),
    };
    let columns = table::columns(&entity::DEVICE_STATE, &COLUMNS);
    let link = |state: &Value| Some(kind.page(id, &["states", state.text("id")]));
    let table = Table {
        caption: "Results by device",
        columns: &columns,
        rows: &list.value,
        now: visit.now,
        link: &link,
        asked: Some(asked),
        empty: "No results.",
    };
    Ok(html! {
        section id="results" aria-labelledby="results-title" {
            div.title {
                h2 id="results-title" { "Results by device" }
                a.button data-news="" hidden href="" { "Show what has come in" }
                @if let Some(filter) = &asked.filter {
                    div.actions {
                        a.button href=(script::run_page(kind, id, Some(filter))) { "Run on these" }
                    }
                }
            }
            form.filter action="#results" {
                label for="filter" { "Filter" }
                input.mono id="filter" name="$filter" value=[asked.filter.as_deref()] spellcheck="false"
                    autocomplete="off" placeholder="runState eq 'fail' and errorCode gt 1"
                    aria-describedby=[refused.as_ref().map(|_| "refused")];
                @if let Some(orderby) = &asked.orderby {
                    input type="hidden" name="$orderby" value=(orderby);
                }
                button { "Filter" }
            }
            @match &refused {
                Some(message) => p.bad id="refused" role="alert" { (message) },
                None => { (table.show()) (asked.pages(&list)) },
            }
        }
    })
}

/// How many runs are listed.
const RUNS: &str = "25";

/// `GET /scripts/{kind}/{id}/states/{state}`: a device's result, with its runs and the last output.
pub(crate) async fn page(
    Path((kind, id, state)): Path<(String, String, String)>,
    visit: Visit,
) -> Result<Page, Trouble> {
    shown(visit, &kind, &id, &state, None).await
}

/// `GET /scripts/{kind}/{id}/states/{state}/runs/{run}`: the same, with the output of that run.
pub(crate) async fn run_page(
    Path((kind, id, state, run)): Path<(String, String, String, String)>,
    visit: Visit,
) -> Result<Page, Trouble> {
    shown(visit, &kind, &id, &state, Some(&run)).await
}

async fn shown(
    visit: Visit,
    kind: &str,
    id: &str,
    state_id: &str,
    run: Option<&str>,
) -> Result<Page, Trouble> {
    let kind = Kind::of(kind).ok_or_else(Trouble::not_found)?;
    let (api, asked) = (visit.api(), Asked::of(&visit));
    let name = [("$select", "displayName")];
    let script = api.get(&kind.script(id, &[]), &name).await?;
    let path = kind.script(id, &["deviceRunStates", state_id]);
    let device = [("$expand", "managedDevice($select=id,deviceName)")];
    let state = api.get(&path, &device).await?;
    let mut options = asked.options(&[("$top", RUNS)]);
    if asked.orderby.is_none() {
        options.push(("$orderby", "receivedDateTime desc"));
    }
    let runs = api.list(&format!("{path}/runs"), &options).await?;
    let newest = runs.value.first().filter(|_| asked.is_first());
    let run = run.or_else(|| newest.map(|run| run.text("id")));
    let run = match run {
        Some(run) => {
            let path = kind.script(id, &["deviceRunStates", state_id, "runs", run]);
            Some(api.get(&path, &[]).await?)
        }
        None => None,
    };
    let device = state.at("managedDevice");
    let device_name = match device.text("deviceName") {
        "" => state_id,
        name => name,
    };
    let title = format!("{} on {device_name}", script.text("displayName"));
    let content = html! {
        p.crumbs {
            a href="/scripts" { "Scripts" } " / "
            a href=(kind.page(id, &[])) { (script.text("displayName")) }
        }
        div.title {
            h1 {
                @match device.text("id") {
                    "" => (device_name),
                    id => a href=(crate::api::path(&["devices", id])) { (device_name) },
                }
            }
            (show::state(state.text("runState")))
            @if !device.text("id").is_empty() {
                div.actions {
                    @let filter = format!("managedDevice/id eq {}", literal(device.text("id")));
                    a.button.primary href=(script::run_page(kind, id, Some(&filter))) {
                        "Run on this device"
                    }
                }
            }
        }
        @match &run {
            Some(run) => (output(&visit, run)),
            None => section { (facts(&visit, &state)) },
        }
        (runs_table(&visit, kind, id, state_id, &runs, &asked))
    };
    Ok(Page::new(&visit, Section::Scripts, &title, &content))
}

fn facts(visit: &Visit, state: &Value) -> Markup {
    let properties = entity::DEVICE_STATE.properties.iter();
    html! {
        dl.facts {
            @for property in properties.filter(|property| property.name != "id") {
                dt { (show::words(property.name)) }
                dd { (show::value(property, state.at(property.name), visit.now)) }
            }
        }
    }
}

/// One run: what is known of it, and what it wrote.
fn output(visit: &Visit, run: &Value) -> Markup {
    let streams = ["output", "errorOutput"];
    let facts = entity::RUN.properties.iter().filter(|property| {
        let said = !run.at(property.name).is_null() && property.name != "id";
        said && !streams.contains(&property.name)
    });
    // What a report without an agent said is all there is of it.
    let written = |stream: &str, message: &str| match run.at(stream).as_str() {
        Some(text) => text.to_owned(),
        None => run.text(message).to_owned(),
    };
    let standard = written("output", "resultMessage");
    let error = written("errorOutput", "errorDescription");
    html! {
        div.wide-narrow {
            section {
                h2 { "Output" }
                (printed(&standard, "It printed nothing."))
                @if !error.is_empty() { h3 { "Standard error" } (printed(&error, "")) }
            }
            section {
                h2 { "Run" }
                dl.facts {
                    @for property in facts {
                        @if !["resultMessage", "errorDescription"].contains(&property.name) {
                            dt { (show::words(property.name)) }
                            dd { (show::value(property, run.at(property.name), visit.now)) }
                        }
                    }
                }
            }
        }
    }
}

/// What a script wrote, as it is; where the agent left something out, that line stands out.
pub(crate) fn printed(text: &str, empty: &str) -> Markup {
    if text.is_empty() {
        return html! { p.empty { (empty) } };
    }
    let (before, cut) = match split_at_cut(text) {
        Some((before, cut, after)) => (before, Some((cut, after))),
        None => (text, None),
    };
    html! {
        pre.output tabindex="0" {
            (before)
            @if let Some((cut, after)) = cut { strong.cut { (cut) } (after) }
        }
    }
}

/// The parts before and behind the line in which the agent says how much it left out.
fn split_at_cut(text: &str) -> Option<(&str, &str, &str)> {
    const END: &str = " bytes left out …]";
    let at = text.find("\n[… ")?;
    let (before, rest) = text.split_at_checked(at + 1)?;
    let end = rest.find(END)? + END.len();
    let (cut, after) = rest.split_at_checked(end)?;
    let count = cut.strip_prefix("[… ")?.strip_suffix(END)?;
    let is_number = !count.is_empty() && count.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then_some((before, cut, after.strip_prefix('\n').unwrap_or(after)))
}

fn runs_table(
    visit: &Visit,
    kind: &Kind,
    id: &str,
    state: &str,
    runs: &List,
    asked: &Asked,
) -> Markup {
    let columns = table::columns(
        &entity::RUN,
        &[
            "receivedDateTime=Received",
            "runState=State",
            "exitCode",
            "scriptVersion=Version",
            "account",
            "errorDescription|resultMessage=Message",
        ],
    );
    let link = |run: &Value| Some(kind.page(id, &["states", state, "runs", run.text("id")]));
    let table = Table {
        caption: "Every run on this device",
        columns: &columns,
        rows: &runs.value,
        now: visit.now,
        link: &link,
        asked: Some(asked),
        empty: "No run yet.",
    };
    html! {
        section { h2 { "Every run" } (table.show()) (asked.pages(runs)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_the_schemas() {
        assert_eq!(
            table::columns(&entity::DEVICE_STATE, &COLUMNS).len(),
            COLUMNS.len()
        );
    }

    #[test]
    fn the_cut_stands_out_and_hostile_output_is_text() {
        let text = "abcd\n[… 4 bytes left out …]\n<script>alert(1)</script>";
        let shown = printed(text, "").into_string();
        let cut = "<strong class=\"cut\">[… 4 bytes left out …]</strong>";
        assert!(
            shown.contains(&format!("abcd\n{cut}&lt;script&gt;")),
            "{shown}"
        );
        let odd = printed("x\n[… many bytes left out …]\ny", "").into_string();
        assert!(!odd.contains("strong"), "{odd}");
    }
}
