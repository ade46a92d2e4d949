//! `runstate script edit`

use std::{io::Write, path::PathBuf};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use clap::Args;

use super::{
    create::{file_name, read},
    editor::edited,
    settings::Settings,
    show::content,
};
use crate::{
    api::{Api, ApiArgs},
    failure::{Exit, Failure, exit, told, usage},
    find::{Kind, script, text_of},
    print::{Form, pretty, printable},
};

/// What to change.
///
/// Without a file and settings, the content is opened in the editor that VISUAL or EDITOR names.
#[derive(Debug, Args)]
pub(crate) struct EditArgs {
    #[command(flatten)]
    api: ApiArgs,
    /// Name or id of the script
    script: String,
    /// File with the new content; - for standard input
    file: Option<PathBuf>,
    /// Kind of the script, where its name is not enough
    #[arg(long, value_name = "KIND")]
    kind: Option<Kind>,
    /// Form of the output [default: table]
    #[arg(long, value_name = "FORM")]
    output: Option<Form>,
    #[command(flatten)]
    settings: Settings,
}

pub(super) async fn run(args: EditArgs, out: &mut (dyn Write + Send)) -> Result<(), Failure> {
    let api = Api::new(args.api)?;
    let script = script(&api, &args.script, args.kind).await?;
    let mut changes = args.settings.properties(script.kind)?;
    for (flag, property) in [
        ("attribute-name", "customAttributeName"),
        ("attribute-type", "customAttributeType"),
    ] {
        if changes.contains_key(property) {
            let message = format!("--{flag} cannot be changed: make another script");
            return Err(usage(message));
        }
    }
    let mut tag = None;
    let mut typed = None;
    if let Some(file) = &args.file {
        changes.insert("scriptContent".into(), STANDARD.encode(read(file)?).into());
        if let Some(name) = file_name(file) {
            changes.insert("fileName".into(), name.into());
        }
    } else if changes.is_empty() {
        let (entity, version) = api.get_with_tag(&script.path()).await?;
        let ending = if script.kind == Kind::PowerShell {
            ".ps1"
        } else {
            ".sh"
        };
        let Some(content) = edited(&content(&entity)?, ending)? else {
            return Err(told(Exit::Failed, "nothing was changed"));
        };
        changes.insert("scriptContent".into(), STANDARD.encode(&content).into());
        (tag, typed) = (version, Some((content, ending)));
    }
    changes.insert("@odata.type".into(), script.kind.odata_type().into());
    let changed = api
        .patch(&script.path(), tag.as_deref(), &changes.into())
        .await;
    let changed = changed.map_err(|failure| match typed {
        Some((content, ending)) => keep(&content, ending, failure),
        None => failure,
    })?;
    if args.output == Some(Form::Json) {
        writeln!(out, "{}", pretty(&changed)?)?;
        return Ok(());
    }
    let name = printable(text_of(&changed, "displayName"));
    writeln!(
        out,
        "changed {} script {name:?}: {}",
        script.kind.word(),
        script.id
    )?;
    Ok(())
}

/// What somebody has typed is not lost because the server does not take it.
fn keep(content: &[u8], ending: &str, failure: Failure) -> Failure {
    let kept = tempfile::Builder::new()
        .prefix("runstate-")
        .suffix(ending)
        .tempfile()
        .and_then(|mut file| file.write_all(content).map(|()| file))
        .and_then(|file| Ok(file.keep()?.1));
    let Ok(path) = kept else { return failure };
    let status = exit(&failure).unwrap_or(Exit::Failed);
    told(
        status,
        format!("{failure}; your text is in {}", path.display()),
    )
}
