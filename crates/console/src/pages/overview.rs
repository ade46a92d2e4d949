//! The first page: how the fleet is.

use std::time::Duration;

use futures_util::future::join_all;
use maud::{Markup, html};
use runstate_graph::entity;
use runstate_odata::edm::DateTimeOffset;
use serde_json::Value;

use super::devices::DEVICES;
use crate::{
    api::{List, Members as _, path},
    chart::{self, Moment, Outcomes},
    layout::{Page, Section},
    script_kind::{KINDS, Kind},
    show,
    table::{self, Table},
    trouble::Trouble,
    visit::Visit,
};

/// After how long a device that was not seen is worth a look.
const UNSEEN: Duration = Duration::from_secs(7 * 24 * 3600);

/// How many scripts and devices are named.
const NAMED: usize = 10;

/// How many samples the picture over time has at most: a month of hours.
const SAMPLES: &str = "744";

/// A script and how it goes.
struct Going {
    kind: &'static Kind,
    script: Value,
    success: u64,
    error: u64,
}

/// `GET /`
///
/// Whoever may see only some of it sees that; what the API refuses is left out.
pub(crate) async fn page(visit: Visit) -> Result<Page, Trouble> {
    let unseen = visit.now.checked_sub(UNSEEN).unwrap_or(visit.now);
    let unseen = DateTimeOffset::from_system_time(unseen);
    let unseen_filter =
        format!("lastSyncDateTime lt {unseen} and managementState ne 'retireIssued'");
    let api = visit.api();
    let (scripts, devices, unseen, samples) = tokio::join!(
        scripts(&visit),
        api.count(DEVICES, None),
        unseen_devices(&visit, &unseen_filter),
        samples(&visit),
    );
    let (success, error) = scripts.iter().fold((0, 0), |(success, error), going| {
        (success + going.success, error + going.error)
    });
    let content = html! {
        h1.hidden { "Overview" }
        ul.tiles {
            @if let Ok(devices) = devices { (tile(devices, "devices", Some("/devices"), "")) }
            @if let Ok(unseen) = &unseen {
                @let link = format!("/devices?{}", crate::api::query(&[("$filter", &unseen_filter)]));
                @let count = unseen.count.unwrap_or_default();
                (tile(count, "not seen for a week", Some(&link), if count > 0 { "bad" } else { "" }))
            }
            (tile(u64::try_from(scripts.len()).unwrap_or_default(), "scripts", Some("/scripts"), ""))
            (tile(success, "successes", None, "good"))
            (tile(error, "failures", None, if error > 0 { "bad" } else { "" }))
            li {
                span.figure { (show::percent(success, success + error)) }
                span.what { "of results are successes" }
            }
        }
        @if devices.as_ref().is_ok_and(|devices| *devices == 0) || scripts.is_empty() {
            (first_steps())
        }
        (over_time(&visit, samples.unwrap_or_default(), success, error))
        div.columns {
            (failing(&scripts))
            @if let Ok(unseen) = &unseen { (not_seen(&visit, unseen)) }
        }
    };
    Ok(Page::new(&visit, Section::Overview, "Overview", &content))
}

/// What to do where there is nothing yet.
fn first_steps() -> Markup {
    html! {
        section.notice {
            h2 { "First steps" }
            ol {
                li { a href="/enrollment" { "Make a token" } ", and let devices in with it." }
                li { a href="/scripts/new" { "Write a script" } "." }
                li { "Assign it on its page, and watch the results come in there." }
            }
        }
    }
}

fn tile(figure: u64, what: &str, link: Option<&str>, class: &str) -> Markup {
    let figure = show::grouped(i64::try_from(figure).unwrap_or(i64::MAX));
    html! {
        li {
            span class={ "figure " (class) } { (figure) }
            span.what {
                @match link {
                    Some(link) => a href=(link) { (what) },
                    None => (what),
                }
            }
        }
    }
}

/// All scripts with their summaries, which are kept and not counted.
async fn scripts(visit: &Visit) -> Vec<Going> {
    let options = [("$select", "id,displayName"), ("$expand", "runSummary")];
    let lists = KINDS.iter().map(async |kind| {
        let list = visit.api().list(&kind.api(), &options).await;
        (kind, list.unwrap_or_default())
    });
    let going = |kind: &'static Kind, script: Value| {
        let summary = script.at("runSummary");
        let count = |name| u64::try_from(summary.number(name)).unwrap_or_default();
        let (success, error) = (count("successDeviceCount"), count("errorDeviceCount"));
        Going {
            kind,
            script,
            success,
            error,
        }
    };
    let lists = join_all(lists).await.into_iter();
    lists
        .flat_map(|(kind, list)| {
            list.value
                .into_iter()
                .map(move |script| going(kind, script))
        })
        .collect()
}

async fn unseen_devices(visit: &Visit, filter: &str) -> Result<List, Trouble> {
    let top = NAMED.to_string();
    let options = [
        ("$filter", filter),
        ("$orderby", "lastSyncDateTime"),
        ("$top", &top),
        ("$count", "true"),
    ];
    visit.api().list(DEVICES, &options).await
}

/// How results stood, the oldest first.
async fn samples(visit: &Visit) -> Result<Vec<Moment>, Trouble> {
    let options = [("$orderby", "sampledDateTime desc"), ("$top", SAMPLES)];
    let list = visit
        .api()
        .list("/runstate/outcomeSamples", &options)
        .await?;
    let moment = |sample: &Value| {
        let sampled = DateTimeOffset::parse(sample.text("sampledDateTime")).ok()?;
        let (success, error) = (sample.number("successCount"), sample.number("errorCount"));
        moment(sampled.ticks(), success, error)
    };
    Ok(list.value.iter().rev().filter_map(moment).collect())
}

/// None where nothing had ended yet.
fn moment(ticks: i64, success: i64, error: i64) -> Option<Moment> {
    let ended = success.saturating_add(error);
    (ended > 0).then(|| Moment {
        ticks,
        share: success as f64 / ended as f64,
    })
}

/// The samples, and how it stands now.
fn over_time(visit: &Visit, mut moments: Vec<Moment>, success: u64, error: u64) -> Markup {
    let now = DateTimeOffset::from_system_time(visit.now).ticks();
    let signed = |count| i64::try_from(count).unwrap_or(i64::MAX);
    moments.extend(moment(now, signed(success), signed(error)));
    let (Some(first), true) = (moments.first(), moments.len() > 1) else {
        return html! {};
    };
    let begin = show::exact(DateTimeOffset::from_ticks(first.ticks));
    let begin: String = begin.chars().take(10).collect();
    let Some((picture, floor)) = chart::over_time(&moments) else {
        return html! {};
    };
    html! {
        section {
            h2 { "Success over time" }
            div.plot {
                div.scale aria-hidden="true" { span { "100 %" } span { (floor) " %" } }
                (picture)
            }
            div.axis { span { (begin) } span { "now" } }
        }
    }
}

/// The scripts that fail on most devices.
fn failing(scripts: &[Going]) -> Markup {
    let mut failing: Vec<&Going> = scripts.iter().filter(|going| going.error > 0).collect();
    failing.sort_by_key(|going| std::cmp::Reverse(going.error));
    html! {
        section {
            h2 { "Failing scripts " span.count { (failing.len()) } }
            @if failing.is_empty() {
                p.empty { "None: whatever has run has succeeded." }
            } @else {
                div.table tabindex="0" role="region" aria-label="Failing scripts, table" {
                    table {
                        caption.hidden { "Failing scripts" }
                        thead { tr {
                            th scope="col" { "Script" } th scope="col" { "Results" }
                            th.number scope="col" { "Failed" } th.number scope="col" { "Success" }
                        } }
                        tbody { @for going in failing.iter().take(NAMED) { (failing_row(going)) } }
                    }
                }
                @if failing.len() > NAMED { p { a href="/scripts" { "All scripts" } } }
            }
        }
    }
}

fn failing_row(going: &Going) -> Markup {
    let Going {
        kind,
        script,
        success,
        error,
    } = going;
    let outcomes = Outcomes(vec![("success", *success), ("fail", *error)]);
    let failed =
        crate::api::query(&[("$filter", "runState eq 'fail' or runState eq 'scriptError'")]);
    let page = kind.page(script.text("id"), &[]);
    html! {
        tr {
            th scope="row" { a href=(page) { (script.text("displayName")) } }
            td.bars { (chart::bar(&outcomes, 40)) }
            td.number {
                a.bad href={ (page) "?" (failed) "#results" } { (error) }
            }
            td.number { (show::percent(*success, success + error)) }
        }
    }
}

fn not_seen(visit: &Visit, unseen: &List) -> Markup {
    let columns = [
        "deviceName=Device",
        "operatingSystem=System",
        "lastSyncDateTime=Last seen",
    ];
    let columns = table::columns(&entity::MANAGED_DEVICE, &columns);
    let link = |device: &Value| Some(path(&["devices", device.text("id")]));
    let table = Table {
        caption: "Devices not seen for a week",
        columns: &columns,
        rows: &unseen.value,
        now: visit.now,
        link: &link,
        asked: None,
        empty: "None: all devices were seen within a week.",
    };
    html! {
        section {
            h2 { "Not seen for a week " span.count { (unseen.count.unwrap_or_default()) } }
            (table.show())
        }
    }
}
