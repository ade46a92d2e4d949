//! What the agent tells of the device, by the names of Graph's `managedDevice`.

use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use crate::platform;

/// The facts of this machine; `name` is another name than the machine's own.
pub(crate) fn device(name: Option<&str>) -> Map<String, Value> {
    let mut facts = match platform::facts() {
        Value::Object(facts) => facts,
        _ => Map::new(),
    };
    facts.retain(|_, value| !value.is_null());
    if let Some(name) = name {
        facts.insert("deviceName".to_owned(), json!(name));
    }
    let mut set = |fact: &str, value: &str| {
        facts
            .entry(fact)
            .or_insert_with(|| Value::String(value.to_owned()));
    };
    set("deviceName", "unnamed");
    let (system, kind) = match std::env::consts::OS {
        "linux" => ("Linux", "linux"),
        "macos" => ("macOS", "macMDM"),
        "windows" => ("Windows", "desktop"),
        other => (other, "unknown"),
    };
    set("operatingSystem", system);
    set("deviceType", kind);
    let architecture = match std::env::consts::ARCH {
        "x86" => "x86",
        "x86_64" => "x64",
        "arm" => "arm",
        "aarch64" => "arM64",
        _ => "unknown",
    };
    set("processorArchitecture", architecture);
    facts
}

/// The accounts of the people who are logged on.
pub(crate) async fn logged_on_users() -> Vec<String> {
    platform::logged_on_users().await
}

/// What is to be told, and a digest of what is worth telling again: the free space on the disk is not,
/// since it always differs.
pub(crate) fn inventory(name: Option<&str>, users: &[String]) -> (Value, String) {
    let mut device = device(name);
    let body = json!({ "device": device, "loggedOnUsers": users });
    device.remove("freeStorageSpaceInBytes");
    let digest = Sha256::digest(json!([device, users]).to_string());
    let digest = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    (body, digest)
}
