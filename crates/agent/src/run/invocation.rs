//! Which program runs a script.

use std::{ffi::OsString, path::PathBuf};

use crate::{platform, server::AssignedScript};

/// The program, and what stands before the script's file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Invocation {
    pub(crate) program: PathBuf,
    pub(crate) arguments: Vec<OsString>,
    /// What the script's file is called.
    pub(crate) file_name: &'static str,
}

/// The program that runs the script, or why there is none.
pub(crate) fn of(script: &AssignedScript, content: &[u8]) -> Result<Invocation, String> {
    if script.is_powershell() {
        return powershell(script);
    }
    let (program, argument) = shebang(content)?;
    if !program.is_file() {
        let shown = program.display();
        return Err(format!("The script's interpreter {shown} does not exist."));
    }
    Ok(Invocation {
        program,
        arguments: argument.into_iter().collect(),
        file_name: "script",
    })
}

fn powershell(script: &AssignedScript) -> Result<Invocation, String> {
    let as_32_bit = script.run_as_32_bit == Some(true);
    let program = platform::powershell(as_32_bit);
    let program = program.ok_or("PowerShell is not installed on this device.")?;
    let checks = script.enforce_signature_check == Some(true);
    let mut arguments = vec!["-NoLogo", "-NoProfile", "-NonInteractive"];
    if cfg!(windows) {
        let policy = if checks { "AllSigned" } else { "Bypass" };
        arguments.extend(["-ExecutionPolicy", policy]);
    } else if checks {
        // PowerShell has execution policies on Windows only; what cannot be checked is not run.
        let reason =
            "The script's signature must be checked, which PowerShell can do on Windows only.";
        return Err(reason.to_owned());
    }
    arguments.push("-File");
    Ok(Invocation {
        program,
        arguments: arguments.into_iter().map(OsString::from).collect(),
        file_name: "script.ps1",
    })
}

/// The interpreter that the first line names, with its one argument, as the kernel reads it
/// (execve(2)); `/bin/sh` where it names none.
///
/// The interpreter is started by name rather than the file executed, so that a file system without
/// permission to execute is no hindrance.
fn shebang(content: &[u8]) -> Result<(PathBuf, Option<OsString>), String> {
    let content = without_mark(content);
    let Some(rest) = content.strip_prefix(b"#!") else {
        return Ok((PathBuf::from("/bin/sh"), None));
    };
    let line = rest.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let line = String::from_utf8_lossy(line);
    let line = line.trim_matches([' ', '\t', '\r']);
    let (program, argument) = line.split_once([' ', '\t']).unwrap_or((line, ""));
    if program.is_empty() {
        return Err("The script's first line names no interpreter behind '#!'.".to_owned());
    }
    let argument = argument.trim_matches([' ', '\t']);
    let argument = (!argument.is_empty()).then(|| OsString::from(argument));
    Ok((PathBuf::from(program), argument))
}

/// The content without the mark that some editors put before UTF-8.
pub(crate) fn without_mark(content: &[u8]) -> &[u8] {
    content.strip_prefix(b"\xef\xbb\xbf").unwrap_or(content)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_line_names_the_interpreter() {
        for (content, program, argument) in [
            ("echo", "/bin/sh", None),
            ("", "/bin/sh", None),
            ("#!/bin/bash\necho", "/bin/bash", None),
            (
                "#! /usr/bin/env  python3 -u \nx",
                "/usr/bin/env",
                Some("python3 -u"),
            ),
            ("#!/bin/sh -e\r\necho", "/bin/sh", Some("-e")),
            ("\u{feff}#!/bin/bash", "/bin/bash", None),
        ] {
            let (found, rest) = shebang(content.as_bytes()).unwrap();
            assert_eq!(found, PathBuf::from(program), "{content}");
            assert_eq!(rest, argument.map(OsString::from), "{content}");
        }
        assert!(shebang(b"#!\n").is_err());
    }
}
