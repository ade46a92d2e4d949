//! `runstate script list`

use std::io::Write;

use clap::Args;
use serde_json::Value;

use crate::{
    api::{Api, ApiArgs},
    failure::Failure,
    find::{Kind, scripts, text_of},
    print::{Column, ManyForm, Rows, Screen, Show},
};

/// Which scripts, and how to list them.
#[derive(Debug, Args)]
pub(crate) struct ListArgs {
    #[command(flatten)]
    api: ApiArgs,
    /// Only scripts of this kind
    #[arg(long, value_name = "KIND")]
    kind: Option<Kind>,
    /// Form of the output [default: table]
    #[arg(long, value_name = "FORM")]
    output: Option<ManyForm>,
}

/// The kind is a word of ours; in JSON it is the API's `@odata.type`.
const KIND: &str = "kind";

static COLUMNS: &[Column] = &[
    Column::new("NAME", "displayName", "/displayName", Show::Cut),
    Column::new("KIND", KIND, "/kind", Show::Plain),
    Column::new("RUNS AS", "runAsAccount", "/runAsAccount", Show::Plain),
    Column::new(
        "MODIFIED",
        "lastModifiedDateTime",
        "/lastModifiedDateTime",
        Show::Moment,
    ),
    Column::new("ID", "id", "/id", Show::Plain),
];

pub(super) async fn run(args: ListArgs, out: &mut (dyn Write + Send)) -> Result<(), Failure> {
    let api = Api::new(args.api)?;
    let mut all = scripts(&api, Kind::these(&args.kind), "").await?;
    let key = |row: &Value, name: &str| text_of(row, name).to_owned();
    all.sort_by_cached_key(|row| (key(row, "displayName"), key(row, "id")));
    if args.output != Some(ManyForm::Json) {
        for row in &mut all {
            let ty = text_of(row, "@odata.type");
            let kind = Kind::ALL.iter().find(|kind| kind.odata_type() == ty);
            let word = kind.map_or(ty, |kind| kind.word()).to_owned();
            if let Some(row) = row.as_object_mut() {
                row.insert(KIND.to_owned(), word.into());
            }
        }
    }
    let mut rows = Rows::new(out, args.output, COLUMNS, Screen::stdout());
    rows.page(&all)?;
    rows.end("There are no scripts yet; make one with `runstate script create FILE`.")?;
    Ok(())
}
