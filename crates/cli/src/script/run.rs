//! `runstate script run`

use std::io::Write;

use clap::Args;
use serde_json::json;

use crate::{
    api::{Api, ApiArgs, encoded, literal},
    ask::confirm,
    failure::{Exit, Failure, told},
    find::{Kind, device, script, text_of},
    print::{Form, pretty, printable},
    results::FAILED,
    watch::{WatchFlags, number, watch_request},
};

/// Where to run it.
///
/// Microsoft Graph has no such request: there a script runs when its devices check in.
#[derive(Debug, Args)]
pub(crate) struct RunArgs {
    #[command(flatten)]
    api: ApiArgs,
    /// Name or id of the script
    script: String,
    /// Kind of the script, where its name is not enough
    #[arg(long, value_name = "KIND")]
    kind: Option<Kind>,
    /// Only where its last run failed
    #[arg(long)]
    failed: bool,
    /// Only on this device, by its name or id (repeatable)
    #[arg(long = "device", value_name = "DEVICE")]
    devices: Vec<String>,
    /// Only where the run state passes this OData filter
    #[arg(long, value_name = "FILTER")]
    filter: Option<String>,
    /// Wait until all devices have reported
    #[arg(long)]
    watch: bool,
    #[command(flatten)]
    watching: WatchFlags,
    /// Do not ask, however many devices there are
    #[arg(long, short)]
    yes: bool,
    /// Form of the output [default: table]
    #[arg(long, value_name = "FORM")]
    output: Option<Form>,
}

pub(super) async fn run(args: RunArgs, out: &mut (dyn Write + Send)) -> Result<(), Failure> {
    let api = Api::new(args.api)?;
    let script = script(&api, &args.script, args.kind).await?;
    let requests = format!("{}/runRequests", script.path());
    // Asked first: where the service has none, nothing else about it matters.
    if let Err(failure) = api.get(&format!("{requests}?$top=1")).await {
        return Err(no_requests(&api, failure));
    }
    let mut parts: Vec<String> = Vec::new();
    if args.failed {
        parts.push(FAILED.to_owned());
    }
    let mut devices = Vec::new();
    for text in &args.devices {
        let device = device(&api, text).await?;
        devices.push(format!(
            "managedDevice/id eq {}",
            literal(text_of(&device, "id"))
        ));
    }
    if !devices.is_empty() {
        parts.push(devices.join(" or "));
    }
    parts.extend(args.filter);
    let filter = match parts.as_slice() {
        [] => None,
        [one] => Some(one.clone()),
        parts => Some(format!("({})", parts.join(") and ("))),
    };
    let states = format!("{}/deviceRunStates/$count", script.path());
    let count = match &filter {
        Some(filter) => format!("{states}?$filter={}", encoded(filter)),
        None => states,
    };
    let most = api.count(&count).await?;
    let name = printable(&script.name);
    if most > 1 {
        confirm(
            args.yes,
            &format!("Run {name:?} on up to {most} devices now?"),
        )?;
    }
    let request = api
        .post(&requests, &json!({ "deviceFilter": filter }))
        .await?;
    let devices = number(&request, "deviceCount");
    if devices == 0 && args.output != Some(Form::Json) {
        let message = format!(
            "no device has {name:?} to run{}; see `runstate results {}`",
            if filter.is_some() {
                " and is among those"
            } else {
                ""
            },
            script.to_paste()
        );
        return Err(told(Exit::NotFound, message));
    }
    if args.watch {
        return watch_request(&api, &script, &request, args.watching, args.output, out).await;
    }
    if args.output == Some(Form::Json) {
        writeln!(out, "{}", pretty(&request)?)?;
        return Ok(());
    }
    let word = if devices == 1 { "device" } else { "devices" };
    writeln!(out, "asked {devices} {word} to run {name:?}")?;
    writeln!(out, "See how it goes: runstate watch {}", script.to_paste())?;
    Ok(())
}

/// Says that a service has no requests to run, where that is why it refused.
fn no_requests(api: &Api, failure: Failure) -> Failure {
    if !failure.to_string().contains("runRequests") {
        return failure;
    }
    let message = format!(
        "{} cannot run a script on request: runRequests are Runstate's own, and Microsoft Graph has \
         none. There a script runs when its devices check in, and again after its content changes.",
        api.server()
    );
    told(Exit::Failed, message)
}
