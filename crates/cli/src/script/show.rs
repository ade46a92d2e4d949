//! `runstate script show`

use std::io::Write;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use clap::Args;
use serde_json::Value;

use super::targets;
use crate::{
    api::{Api, ApiArgs},
    failure::Failure,
    find::{Kind, Script, script, text_of},
    print::{Form, Record, Screen, moment, pretty, printable_lines},
};

/// Which script, and how to show it.
#[derive(Debug, Args)]
pub(crate) struct ShowArgs {
    #[command(flatten)]
    api: ApiArgs,
    /// Name or id of the script
    script: String,
    /// Kind of the script, where its name is not enough
    #[arg(long, value_name = "KIND")]
    kind: Option<Kind>,
    /// Print the script's content alone
    #[arg(long, conflicts_with = "output")]
    content: bool,
    /// Form of the output [default: table]
    #[arg(long, value_name = "FORM")]
    output: Option<Form>,
}

pub(super) async fn run(args: ShowArgs, out: &mut (dyn Write + Send)) -> Result<(), Failure> {
    let api = Api::new(args.api)?;
    let script = script(&api, &args.script, args.kind).await?;
    let entity = api
        .get(&format!("{}?$expand=assignments", script.path()))
        .await?;
    let screen = Screen::stdout();
    if args.content {
        let content = content(&entity)?;
        if screen.terminal {
            let text = String::from_utf8_lossy(&content);
            write!(out, "{}", printable_lines(&text))?;
        } else {
            out.write_all(&content)?;
        }
        return Ok(());
    }
    if args.output == Some(Form::Json) {
        writeln!(out, "{}", pretty(&entity)?)?;
        return Ok(());
    }
    let summary = api.get(&format!("{}/runSummary", script.path())).await?;
    let assignments = entity.get("assignments").and_then(Value::as_array);
    let words = targets::in_words(&api, assignments.map_or(&[], Vec::as_slice)).await;
    record(&script, &entity, &summary, &words)?.print(out, screen)
}

/// A script's content.
pub(super) fn content(entity: &Value) -> Result<Vec<u8>, Failure> {
    let content = STANDARD.decode(text_of(entity, "scriptContent"));
    content.map_err(|_| "the server's scriptContent is not base64".into())
}

/// The settings that are shown where they are set, with their words.
const SETTINGS: &[(&str, &str)] = &[
    ("Custom attribute", "customAttributeName"),
    ("Its type", "customAttributeType"),
    ("Every", "executionFrequency"),
    ("Retries", "retryCount"),
    ("No notifications", "blockExecutionNotifications"),
    ("Signature check", "enforceSignatureCheck"),
    ("In 32 bits", "runAs32Bit"),
];

fn record(
    script: &Script,
    entity: &Value,
    summary: &Value,
    targets: &[String],
) -> Result<Record, Failure> {
    let mut record = Record::default();
    record
        .line("Name", text_of(entity, "displayName"))
        .line("Kind", script.kind.word())
        .line("Id", text_of(entity, "id"))
        .line("Description", text_of(entity, "description"))
        .line("File", text_of(entity, "fileName"))
        .line("Content", format!("{} bytes", content(entity)?.len()))
        .line("Runs as", text_of(entity, "runAsAccount"));
    for (word, name) in SETTINGS {
        match entity.get(name) {
            None | Some(Value::Null) => {}
            Some(Value::String(text)) => drop(record.line(word, text)),
            Some(Value::Bool(is)) => drop(record.line(word, if *is { "yes" } else { "no" })),
            Some(other) => drop(record.line(word, other.to_string())),
        }
    }
    let tags = entity.get("roleScopeTagIds").and_then(Value::as_array);
    let tags: Vec<&str> = tags
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    record
        .line("Scope tags", tags.join(" "))
        .line("Created", moment(text_of(entity, "createdDateTime")))
        .line("Modified", moment(text_of(entity, "lastModifiedDateTime")))
        .line(
            "Assigned to",
            match targets {
                [] => "nobody".to_owned(),
                targets => targets.join("\n"),
            },
        );
    let number = |name: &str| {
        summary
            .get(name)
            .and_then(Value::as_u64)
            .unwrap_or_default()
    };
    let (good, bad) = (number("successDeviceCount"), number("errorDeviceCount"));
    record.line("Devices", format!("{good} succeeded, {bad} failed"));
    let (good, bad) = (number("successUserCount"), number("errorUserCount"));
    if good + bad > 0 {
        record.line("Users", format!("{good} succeeded, {bad} failed"));
    }
    Ok(record)
}
