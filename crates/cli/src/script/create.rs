//! `runstate script create`

use std::{
    io::{Read as _, Write},
    path::{Path, PathBuf},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use clap::Args;
use serde_json::Value;

use super::settings::Settings;
use crate::{
    api::{Api, ApiArgs},
    failure::{Failure, usage},
    find::{Kind, text_of},
    print::{Form, pretty, printable},
};

/// What to make.
#[derive(Debug, Args)]
pub(crate) struct CreateArgs {
    #[command(flatten)]
    api: ApiArgs,
    /// File with the script; - for standard input
    file: PathBuf,
    /// Kind of script [default: by the file's ending, its first line and the settings]
    #[arg(long, value_name = "KIND")]
    kind: Option<Kind>,
    /// Form of the output [default: table]
    #[arg(long, value_name = "FORM")]
    output: Option<Form>,
    #[command(flatten)]
    settings: Settings,
}

pub(super) async fn run(args: CreateArgs, out: &mut (dyn Write + Send)) -> Result<(), Failure> {
    let content = read(&args.file)?;
    let kind = (args.kind.or_else(|| args.settings.kind()))
        .or_else(|| guess(&args.file, &content))
        .ok_or_else(|| {
            usage("which kind of script is it? Say --kind shell, powershell or custom-attribute")
        })?;
    let file = file_name(&args.file);
    let mut body = args.settings.properties(kind)?;
    let name = match (body.get("displayName"), &file) {
        (Some(name), _) => name.clone(),
        (None, Some(file)) => file.as_str().into(),
        (None, None) => return Err(usage("which name? Say --name NAME")),
    };
    let mut set = |property: &str, value: Value| {
        body.entry(property).or_insert(value);
    };
    if kind == Kind::CustomAttribute {
        set("customAttributeName", name.clone());
        set("customAttributeType", "string".into());
    }
    set("displayName", name);
    // Graph insists on a file's name and an account.
    let ending = if kind == Kind::PowerShell {
        "ps1"
    } else {
        "sh"
    };
    set(
        "fileName",
        file.unwrap_or_else(|| format!("script.{ending}")).into(),
    );
    set("runAsAccount", "system".into());
    set("scriptContent", STANDARD.encode(&content).into());
    set("@odata.type", kind.odata_type().into());

    let api = Api::new(args.api)?;
    let made = api.post(kind.collection(), &body.into()).await?;
    if args.output == Some(Form::Json) {
        writeln!(out, "{}", pretty(&made)?)?;
        return Ok(());
    }
    let (id, name) = (
        text_of(&made, "id"),
        printable(text_of(&made, "displayName")),
    );
    writeln!(out, "made {} script {name:?}: {id}", kind.word())?;
    writeln!(
        out,
        "It runs nowhere yet; say where: runstate script assign {id} --all-devices"
    )?;
    Ok(())
}

/// A file's bytes; those of standard input for `-`.
pub(super) fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    let mut content = Vec::new();
    let read = match path.as_os_str() == "-" {
        true => std::io::stdin().read_to_end(&mut content),
        false => std::fs::File::open(path).and_then(|mut file| file.read_to_end(&mut content)),
    };
    read.map_err(|error| format!("{} cannot be read: {error}", path.display()))?;
    Ok(content)
}

/// A file's name; standard input has none.
pub(super) fn file_name(path: &Path) -> Option<String> {
    let name = path.file_name()?.to_string_lossy().into_owned();
    (name != "-").then_some(name)
}

/// The kind of a script by its file's ending, or its first line.
fn guess(path: &Path, content: &[u8]) -> Option<Kind> {
    let ending = path.extension().unwrap_or_default();
    match ending.to_string_lossy().to_lowercase().as_str() {
        "ps1" => Some(Kind::PowerShell),
        "sh" | "bash" | "zsh" | "ksh" => Some(Kind::Shell),
        _ => by_first_line(content),
    }
}

fn by_first_line(content: &[u8]) -> Option<Kind> {
    let line = content.split(|byte| *byte == b'\n').next()?;
    let interpreter = line.strip_prefix(b"#!")?;
    match String::from_utf8_lossy(interpreter).contains("pwsh") {
        true => Some(Kind::PowerShell),
        false => Some(Kind::Shell),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kind_is_guessed_where_it_shows() {
        let guess = |path: &str, content: &str| guess(Path::new(path), content.as_bytes());
        assert_eq!(guess("a/Fix.PS1", ""), Some(Kind::PowerShell));
        assert_eq!(guess("fix.sh", "echo"), Some(Kind::Shell));
        assert_eq!(guess("fix.py", "#!/usr/bin/python3\n"), Some(Kind::Shell));
        assert_eq!(
            guess("fix", "#!/usr/bin/env pwsh\n"),
            Some(Kind::PowerShell)
        );
        assert_eq!(guess("-", "#!/bin/sh\n"), Some(Kind::Shell));
        assert_eq!(guess("fix.txt", "echo"), None);
    }
}
