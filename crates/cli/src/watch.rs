//! `runstate watch`: a script's results as they come in, until all devices have reported.

use std::{io::Write, time::Duration};

use clap::Args;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::Value;

use crate::{
    api::{Api, ApiArgs, encoded, pause},
    failure::{Exit, Failure, exit, told},
    find::{Kind, Script, script, text_of},
    print::{Form, pretty, printable},
    results::FAILED,
};

/// What to watch.
#[derive(Debug, Args)]
pub(crate) struct WatchArgs {
    #[command(flatten)]
    api: ApiArgs,
    /// Name or id of the script
    script: String,
    /// Kind of the script, where its name is not enough
    #[arg(long, value_name = "KIND")]
    kind: Option<Kind>,
    #[command(flatten)]
    watching: WatchFlags,
    /// Form of the output [default: table]
    #[arg(long, value_name = "FORM")]
    output: Option<Form>,
}

/// How to watch.
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct WatchFlags {
    /// Seconds between two looks
    #[arg(long, value_name = "SECONDS", default_value_t = 2, value_parser = clap::value_parser!(u64).range(1..=3600))]
    interval: u64,
    /// End with status 8 where a device failed
    #[arg(long)]
    exit_status: bool,
}

/// How far it has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Progress {
    /// Reports that are expected in all.
    all: u64,
    /// Those that have not come.
    waiting: u64,
    /// Failures among those that have.
    failed: u64,
}

/// Watches a script.
pub(crate) async fn run(args: WatchArgs, out: &mut (dyn Write + Send)) -> Result<(), Failure> {
    let api = Api::new(args.api)?;
    let script = script(&api, &args.script, args.kind).await?;
    let bar = bar();
    let mut last = None;
    let progress = loop {
        let progress = of_script(&api, &script).await?;
        show(&bar, progress);
        // After an assignment the run states come in steps, so one look is not enough to know that
        // these are all.
        if progress.waiting == 0 && last == Some(progress) {
            break progress;
        }
        last = Some(progress);
        pause(Duration::from_secs(args.watching.interval)).await;
    };
    bar.finish_and_clear();
    if args.output == Some(Form::Json) {
        let summary = api.get(&format!("{}/runSummary", script.path())).await?;
        writeln!(out, "{}", pretty(&summary)?)?;
    } else if progress.all == 0 {
        let name = printable(&script.name);
        writeln!(
            out,
            "{name:?} has no device to run on; say where: runstate script assign {} --all-devices",
            script.to_paste()
        )?;
    } else {
        writeln!(out, "{}", sentence(&script, progress))?;
    }
    verdict(&script, progress, args.watching)
}

/// Watches one request to run a script.
pub(crate) async fn watch_request(
    api: &Api,
    script: &Script,
    request: &Value,
    watching: WatchFlags,
    output: Option<Form>,
    out: &mut (dyn Write + Send),
) -> Result<(), Failure> {
    let id = encoded(text_of(request, "id"));
    let path = format!("{}/runRequests/{id}", script.path());
    let bar = bar();
    let (request, progress) = loop {
        let request = api.get(&path).await?;
        let progress = Progress {
            all: number(&request, "deviceCount"),
            waiting: open(&request),
            failed: number(&request, "errorCount"),
        };
        show(&bar, progress);
        if progress.waiting == 0 {
            break (request, progress);
        }
        pause(Duration::from_secs(watching.interval)).await;
    };
    bar.finish_and_clear();
    match output {
        Some(Form::Json) => writeln!(out, "{}", pretty(&request)?)?,
        _ => writeln!(out, "{}", sentence(script, progress))?,
    }
    verdict(script, progress, watching)
}

async fn of_script(api: &Api, script: &Script) -> Result<Progress, Failure> {
    let mut progress = of_states(api, script).await?;
    let requests = match api.list(&format!("{}/runRequests", script.path())).await {
        Ok(requests) => requests,
        // Graph has none; and who may see results may not see them everywhere.
        Err(failure)
            if matches!(
                exit(&failure),
                Some(Exit::Failed | Exit::NotFound | Exit::NotPermitted)
            ) =>
        {
            Vec::new()
        }
        Err(failure) => return Err(failure),
    };
    for request in requests.iter().filter(|request| open(request) > 0) {
        progress.all += number(request, "deviceCount");
        progress.waiting += open(request);
    }
    Ok(progress)
}

async fn of_states(api: &Api, script: &Script) -> Result<Progress, Failure> {
    let path = format!("{}/deviceRunStates", script.path());
    let count = async |filter: &str| {
        let filter = match filter {
            "" => String::new(),
            filter => format!("?$filter={}", encoded(filter)),
        };
        api.count(&format!("{path}/$count{filter}")).await
    };
    match count("").await {
        Ok(all) => Ok(Progress {
            all,
            waiting: count("runState eq 'pending'").await?,
            failed: count(FAILED).await?,
        }),
        // Graph does not count run states; then they are counted here.
        Err(failure) if exit(&failure) == Some(Exit::Failed) => {
            let mut progress = Progress {
                all: 0,
                waiting: 0,
                failed: 0,
            };
            let mut pages = api.pages(&path);
            while let Some(page) = pages.next().await? {
                for row in &page {
                    progress.all += 1;
                    match text_of(row, "runState") {
                        "pending" => progress.waiting += 1,
                        "fail" | "scriptError" => progress.failed += 1,
                        _ => {}
                    }
                }
            }
            Ok(progress)
        }
        Err(failure) => Err(failure),
    }
}

/// The devices of a request that have not ended.
fn open(request: &Value) -> u64 {
    number(request, "pendingCount") + number(request, "runningCount")
}

/// A property that is a number.
pub(crate) fn number(value: &Value, name: &str) -> u64 {
    value.get(name).and_then(Value::as_u64).unwrap_or_default()
}

/// A bar on standard error; nothing where that is no terminal.
fn bar() -> ProgressBar {
    let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
    if let Ok(style) = ProgressStyle::with_template("[{bar:30}] {pos} of {len} reported{msg}") {
        bar.set_style(style.progress_chars("=> "));
    }
    bar
}

fn show(bar: &ProgressBar, progress: Progress) {
    // Both at once, so that no number is shown beside one of another moment.
    bar.update(|state| {
        state.set_len(progress.all);
        state.set_pos(progress.all.saturating_sub(progress.waiting));
    });
    bar.set_message(match progress.failed {
        0 => String::new(),
        failed => format!(", {failed} failed"),
    });
    bar.tick();
}

fn sentence(script: &Script, progress: Progress) -> String {
    let Progress { all, failed, .. } = progress;
    let name = printable(&script.name);
    let word = if all == 1 { "device" } else { "devices" };
    match failed {
        0 => format!("{name:?}: {all} {word} reported, none failed"),
        _ => format!(
            "{name:?}: {all} {word} reported, {failed} failed; see: runstate results {} --failed",
            script.to_paste()
        ),
    }
}

fn verdict(script: &Script, progress: Progress, watching: WatchFlags) -> Result<(), Failure> {
    if !watching.exit_status || progress.failed == 0 {
        return Ok(());
    }
    let name = printable(&script.name);
    let message = format!("{name:?} failed on {} of {}", progress.failed, progress.all);
    Err(told(Exit::RunsFailed, message))
}
