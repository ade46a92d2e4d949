//! Windows, and whatever else there is. Not verified.

use std::path::PathBuf;

use serde_json::{Value, json};

/// What is known of this machine.
pub(crate) fn facts() -> Value {
    let name = std::env::var("COMPUTERNAME").or_else(|_| std::env::var("HOSTNAME"));
    json!({ "deviceName": name.ok() })
}

/// Nobody can be told here.
pub(crate) async fn logged_on_users() -> Vec<String> {
    Vec::new()
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
