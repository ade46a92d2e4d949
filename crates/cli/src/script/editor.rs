//! A script's content in the person's own editor.

use std::{
    io::{Read as _, Seek as _, Write as _},
    path::Path,
    process::{Command, ExitStatus},
};

use crate::failure::{Failure, usage};

/// The content as the person left it; none where nothing was changed. `ending` lets the editor know
/// what it is.
pub(super) fn edited(content: &[u8], ending: &str) -> Result<Option<Vec<u8>>, Failure> {
    let named = ["VISUAL", "EDITOR"]
        .iter()
        .filter_map(std::env::var_os)
        .find(|name| !name.is_empty());
    let Some(editor) = named else {
        return Err(usage(
            "what is to change? Say a FILE with the new content, or settings such as --name; \
             or set EDITOR, to change the content there",
        ));
    };
    let mut file = tempfile::Builder::new()
        .prefix("runstate-")
        .suffix(ending)
        .tempfile()?;
    file.write_all(content)?;
    file.flush()?;
    let editor = editor.to_string_lossy();
    let status = open(&editor, file.path());
    let status = status.map_err(|error| format!("the editor {editor} cannot be run: {error}"))?;
    if !status.success() {
        return Err(format!("the editor {editor} failed ({status}); nothing was changed").into());
    }
    // Editors may replace the file rather than write it.
    let mut changed = Vec::new();
    match std::fs::File::open(file.path()) {
        Ok(mut file) => file.read_to_end(&mut changed)?,
        Err(_) => {
            file.rewind()?;
            file.read_to_end(&mut changed)?
        }
    };
    Ok((changed != content).then_some(changed))
}

/// The editor's name may have arguments, as in `code --wait`; git reads it by the shell likewise.
#[cfg(unix)]
fn open(editor: &str, path: &Path) -> std::io::Result<ExitStatus> {
    let script = format!("{editor} \"$1\"");
    Command::new("sh")
        .args(["-c", &script, "sh"])
        .arg(path)
        .status()
}

#[cfg(not(unix))]
fn open(editor: &str, path: &Path) -> std::io::Result<ExitStatus> {
    let mut words = editor.split_whitespace();
    let program = words.next().unwrap_or_default();
    Command::new(program).args(words).arg(path).status()
}
