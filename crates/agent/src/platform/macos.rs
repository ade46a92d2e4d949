//! macOS. Not verified.

use std::path::PathBuf;

use serde_json::{Value, json};

use super::{account, output};

fn ask(program: &str, arguments: &[&str]) -> Option<String> {
    let output = std::process::Command::new(program)
        .args(arguments)
        .output()
        .ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    Some(text.trim().to_owned()).filter(|text| !text.is_empty())
}

/// What is known of this machine.
pub(crate) fn facts() -> Value {
    let registry = ask("ioreg", &["-rd1", "-c", "IOPlatformExpertDevice"]).unwrap_or_default();
    let serial = registry.lines().find_map(|line| {
        let (name, value) = line.split_once('=')?;
        let value = value.trim().trim_matches('"').to_owned();
        name.contains("IOPlatformSerialNumber").then_some(value)
    });
    let memory = ask("sysctl", &["-n", "hw.memsize"]);
    json!({
        "deviceName": ask("scutil", &["--get", "ComputerName"]),
        "osVersion": ask("sw_vers", &["-productVersion"]),
        "skuFamily": ask("sw_vers", &["-productName"]),
        "serialNumber": serial,
        "manufacturer": "Apple",
        "model": ask("sysctl", &["-n", "hw.model"]),
        "physicalMemoryInBytes": memory.and_then(|memory| memory.parse::<i64>().ok()),
    })
}

/// The owner of the console.
pub(crate) async fn logged_on_users() -> Vec<String> {
    let owner = output("stat", &["-f", "%Su", "/dev/console"]).await;
    let owner = owner.map(|owner| owner.trim().to_owned());
    owner
        .filter(|owner| account::is_person(owner))
        .into_iter()
        .collect()
}

/// PowerShell, where it is installed.
pub(crate) fn powershell(_as_32_bit: bool) -> Option<PathBuf> {
    super::find_program("pwsh")
}
