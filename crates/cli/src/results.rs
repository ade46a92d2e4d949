//! `runstate results`: how a script's last run ended, device by device.

use std::io::Write;

use clap::Args;
use serde_json::Value;

use crate::{
    api::{Api, ApiArgs, encoded, literal},
    failure::{Exit, Failure, exit},
    find::{Kind, Script, device, script, text_of},
    print::{Column, ManyForm, Rows, Screen, Show},
};

/// Which results, and how to show them.
#[derive(Debug, Args)]
pub(crate) struct ResultsArgs {
    #[command(flatten)]
    api: ApiArgs,
    /// Name or id of the script
    script: String,
    /// Kind of the script, where its name is not enough
    #[arg(long, value_name = "KIND")]
    kind: Option<Kind>,
    /// Only failures
    #[arg(long)]
    failed: bool,
    /// Only this device, by its name or id (repeatable)
    #[arg(long = "device", value_name = "DEVICE")]
    devices: Vec<String>,
    /// Only what passes this OData filter over run states, such as "errorCode eq 3"
    #[arg(long, value_name = "FILTER")]
    filter: Option<String>,
    /// Form of the output [default: table]
    #[arg(long, value_name = "FORM")]
    output: Option<ManyForm>,
}

/// The OData filter of failures.
pub(crate) const FAILED: &str = "runState eq 'fail' or runState eq 'scriptError'";

static COLUMNS: &[Column] = &[
    Column::new(
        "DEVICE",
        "deviceName",
        "/managedDevice/deviceName",
        Show::Cut,
    ),
    Column::new("STATE", "runState", "/runState", Show::State),
    Column::new("CODE", "errorCode", "/errorCode", Show::Plain),
    Column::new(
        "REPORTED",
        "lastStateUpdateDateTime",
        "/lastStateUpdateDateTime",
        Show::Moment,
    ),
    Column::new("OUTPUT", "resultMessage", "/resultMessage", Show::Cut),
    Column::new("ERROR", "errorDescription", "/errorDescription", Show::Cut),
    Column::hidden("userPrincipalName", "/managedDevice/userPrincipalName"),
    Column::hidden("deviceId", "/managedDevice/id"),
    Column::hidden("id", "/id"),
];

/// The device of a run state, as much as is shown.
const EXPAND: &str = "$expand=managedDevice($select=id,deviceName,userPrincipalName)";

/// Shows them.
pub(crate) async fn run(args: ResultsArgs, out: &mut (dyn Write + Send)) -> Result<(), Failure> {
    let api = Api::new(args.api)?;
    let script = script(&api, &args.script, args.kind).await?;
    let mut parts = Vec::new();
    if args.failed {
        parts.push(FAILED.to_owned());
    }
    let mut ids = Vec::new();
    for text in &args.devices {
        let device = device(&api, text).await?;
        ids.push(text_of(&device, "id").to_owned());
    }
    if !ids.is_empty() {
        let ids = ids
            .iter()
            .map(|id| format!("managedDevice/id eq {}", literal(id)));
        parts.push(ids.collect::<Vec<_>>().join(" or "));
    }
    parts.extend(args.filter.clone());
    let path = path(&script, &parts);
    let mut pages = api.pages(&path);
    let first = pages.next().await;
    let mut rows = Rows::new(out, args.output, COLUMNS, Screen::stdout());
    // Graph does not filter run states; what this command asks for by itself it can choose here.
    let refused = matches!(&first, Err(failure) if exit(failure) == Some(Exit::Failed));
    if refused && args.filter.is_none() {
        let plain = format!("{}/deviceRunStates?$expand=managedDevice", script.path());
        let mut pages = api.pages(&plain);
        while let Some(mut page) = pages.next().await? {
            page.retain(|row| is_asked_for(row, args.failed, &ids));
            rows.page(&page)?;
        }
    } else {
        let mut page = first?;
        while let Some(some) = page {
            rows.page(&some)?;
            page = pages.next().await?;
        }
    }
    rows.end(match args.failed {
        true => "No device failed.",
        false => "No device has a result, or is to have one.",
    })?;
    Ok(())
}

fn path(script: &Script, parts: &[String]) -> String {
    let path = format!("{}/deviceRunStates?{EXPAND}", script.path());
    match parts {
        [] => path,
        parts => {
            let filter = format!("({})", parts.join(") and ("));
            format!("{path}&$filter={}", encoded(&filter))
        }
    }
}

fn is_asked_for(row: &Value, failed: bool, ids: &[String]) -> bool {
    let is_failure = matches!(text_of(row, "runState"), "fail" | "scriptError");
    let id = row.pointer("/managedDevice/id").and_then(Value::as_str);
    (!failed || is_failure)
        && (ids.is_empty() || ids.iter().any(|wanted| Some(wanted.as_str()) == id))
}
