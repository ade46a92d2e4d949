//! Windows. Not verified.

use std::path::PathBuf;

use serde_json::{Value, json};

use super::output;

/// What is known of this machine.
pub(crate) fn facts() -> Value {
    let name = std::env::var("COMPUTERNAME").or_else(|_| std::env::var("HOSTNAME"));
    json!({ "deviceName": name.ok() })
}

/// The users of the sessions that `query user` lists, those at work first.
pub(crate) async fn logged_on_users() -> Vec<String> {
    let lines = output("query", &["user"]).await.unwrap_or_default();
    let mut users: Vec<(bool, String)> = lines
        .lines()
        .skip(1)
        .filter_map(|line| {
            let name = line
                .trim_start_matches(['>', ' '])
                .split_whitespace()
                .next()?;
            Some((!line.contains("Active"), name.to_owned()))
        })
        .collect();
    users.sort();
    users.into_iter().map(|(_, name)| name).collect()
}

/// Windows PowerShell, of 32 bits where that is asked for.
pub(crate) fn powershell(as_32_bit: bool) -> Option<PathBuf> {
    let system = PathBuf::from(std::env::var_os("SystemRoot")?);
    let folder = if as_32_bit { "SysWOW64" } else { "System32" };
    let file = system
        .join(folder)
        .join("WindowsPowerShell\\v1.0\\powershell.exe");
    file.is_file().then_some(file)
}
