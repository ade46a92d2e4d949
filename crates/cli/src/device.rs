//! `runstate device`: the managed devices.

use std::io::Write;

use clap::{Args, Subcommand};
use serde_json::Value;

use crate::{
    api::{Api, ApiArgs, encoded},
    failure::Failure,
    find::{device, text_of},
    print::{Column, Form, ManyForm, Record, Rows, Screen, Show, moment, pretty},
};

/// Lists and shows devices.
#[derive(Debug, Subcommand)]
pub(crate) enum DeviceCommand {
    /// Lists the devices.
    List(ListArgs),
    /// Shows what is known of a device, and what it has to run.
    Show(ShowArgs),
}

/// Which devices, and how to list them.
#[derive(Debug, Args)]
pub(crate) struct ListArgs {
    #[command(flatten)]
    api: ApiArgs,
    /// Only devices that pass this OData filter, such as "operatingSystem eq 'Linux'"
    #[arg(long, value_name = "FILTER")]
    filter: Option<String>,
    /// Form of the output [default: table]
    #[arg(long, value_name = "FORM")]
    output: Option<ManyForm>,
}

/// Which device, and how to show it.
#[derive(Debug, Args)]
pub(crate) struct ShowArgs {
    #[command(flatten)]
    api: ApiArgs,
    /// Name or id of the device
    device: String,
    /// Form of the output [default: table]
    #[arg(long, value_name = "FORM")]
    output: Option<Form>,
}

static COLUMNS: &[Column] = &[
    Column::new("NAME", "deviceName", "/deviceName", Show::Cut),
    Column::new("USER", "userPrincipalName", "/userPrincipalName", Show::Cut),
    Column::new("SYSTEM", "operatingSystem", "/operatingSystem", Show::Cut),
    Column::new("VERSION", "osVersion", "/osVersion", Show::Cut),
    Column::new(
        "LAST SEEN",
        "lastSyncDateTime",
        "/lastSyncDateTime",
        Show::Moment,
    ),
    Column::hidden("managementState", "/managementState"),
    Column::hidden("enrolledDateTime", "/enrolledDateTime"),
    Column::new("ID", "id", "/id", Show::Plain),
];

/// Does what was asked, and writes to `out` what came of it.
pub(crate) async fn run(
    command: DeviceCommand,
    out: &mut (dyn Write + Send),
) -> Result<(), Failure> {
    match command {
        DeviceCommand::List(args) => list(args, out).await,
        DeviceCommand::Show(args) => show(args, out).await,
    }
}

async fn list(args: ListArgs, out: &mut (dyn Write + Send)) -> Result<(), Failure> {
    let api = Api::new(args.api)?;
    let filter = args
        .filter
        .map(|filter| format!("?$filter={}", encoded(&filter)));
    let path = format!(
        "deviceManagement/managedDevices{}",
        filter.unwrap_or_default()
    );
    let mut pages = api.pages(&path);
    let mut rows = Rows::new(out, args.output, COLUMNS, Screen::stdout());
    while let Some(page) = pages.next().await? {
        rows.page(&page)?;
    }
    rows.end("There are no devices; let one enrol with `runstate enrollment create`.")?;
    Ok(())
}

/// What is shown of a device, where it is known, with its words.
const FACTS: &[(&str, &str)] = &[
    ("Name", "deviceName"),
    ("Id", "id"),
    ("User", "userPrincipalName"),
    ("User's name", "userDisplayName"),
    ("System", "operatingSystem"),
    ("Version", "osVersion"),
    ("Processor", "processorArchitecture"),
    ("Manufacturer", "manufacturer"),
    ("Model", "model"),
    ("Serial number", "serialNumber"),
    ("State", "managementState"),
    ("Compliance", "complianceState"),
    ("Enrolled", "enrolledDateTime"),
    ("Last seen", "lastSyncDateTime"),
    ("Memory", "physicalMemoryInBytes"),
    ("Storage", "totalStorageSpaceInBytes"),
    ("Free storage", "freeStorageSpaceInBytes"),
    ("Notes", "notes"),
];

async fn show(args: ShowArgs, out: &mut (dyn Write + Send)) -> Result<(), Failure> {
    let api = Api::new(args.api)?;
    let device = device(&api, &args.device).await?;
    if args.output == Some(Form::Json) {
        writeln!(out, "{}", pretty(&device)?)?;
        return Ok(());
    }
    let mut record = Record::default();
    for (word, name) in FACTS {
        let value = match device.get(name) {
            Some(Value::String(text)) if name.ends_with("DateTime") => moment(text),
            Some(Value::String(text)) => text.clone(),
            // What the API gives as a number here is in bytes; 0 is its word for "not known".
            Some(Value::Number(bytes)) => bytes.as_u64().map(gibibytes).unwrap_or_default(),
            _ => String::new(),
        };
        record.line(word, value);
    }
    // In the namespace `runstate`, so that Graph has none.
    let id = encoded(text_of(&device, "id"));
    let path = format!("deviceManagement/managedDevices/{id}/assignedScripts");
    if let Ok(scripts) = api.list(&path).await {
        let names: Vec<&str> = scripts
            .iter()
            .map(|row| text_of(row, "displayName"))
            .collect();
        record.line(
            "Has to run",
            match names.as_slice() {
                [] => "nothing".to_owned(),
                names => names.join("\n"),
            },
        );
    }
    record.print(out, Screen::stdout())
}

fn gibibytes(bytes: u64) -> String {
    let tenths = bytes / (1024 * 1024 * 1024 / 10);
    match tenths {
        0 => String::new(),
        tenths => format!("{}.{} GiB", tenths / 10, tenths % 10),
    }
}
