//! Linux.

use std::{fs, path::PathBuf};

use serde_json::{Value, json};

use super::{account, output};

/// What is known of this machine without asking anybody.
pub(crate) fn facts() -> Value {
    let read = |path: &str| {
        let text = fs::read_to_string(path).ok()?;
        Some(text.trim().to_owned()).filter(|text| !text.is_empty())
    };
    let release = fs::read_to_string("/etc/os-release").unwrap_or_default();
    let of_release = |name: &str| {
        let mut lines = release.lines().filter_map(|line| line.split_once('='));
        let (_, value) = lines.find(|(found, _)| *found == name)?;
        Some(value.trim_matches('"').to_owned())
    };
    let memory = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let memory = memory.lines().find_map(|line| {
        let kib = line.strip_prefix("MemTotal:")?.split_whitespace().next()?;
        Some(kib.parse::<i64>().ok()? * 1024)
    });
    let disk = nix::sys::statvfs::statvfs("/").ok();
    let bytes = |blocks: u64| {
        let size = disk
            .as_ref()
            .map_or(0, nix::sys::statvfs::Statvfs::fragment_size);
        i64::try_from(blocks.saturating_mul(size)).ok()
    };
    json!({
        "deviceName": read("/proc/sys/kernel/hostname"),
        "osVersion": of_release("VERSION_ID").or_else(|| read("/proc/sys/kernel/osrelease")),
        "skuFamily": of_release("PRETTY_NAME"),
        "serialNumber": read("/sys/class/dmi/id/product_serial"),
        "manufacturer": read("/sys/class/dmi/id/sys_vendor"),
        "model": read("/sys/class/dmi/id/product_name"),
        "physicalMemoryInBytes": memory,
        "totalStorageSpaceInBytes": disk.as_ref().and_then(|disk| bytes(disk.blocks())),
        "freeStorageSpaceInBytes": disk.as_ref().and_then(|disk| bytes(disk.blocks_available())),
        "ethernetMacAddress": mac_address(),
    })
}

/// The address of the first network interface that is a device.
fn mac_address() -> Option<String> {
    let folder = fs::read_dir("/sys/class/net").ok()?;
    let mut interfaces: Vec<PathBuf> = folder
        .filter_map(|entry| Some(entry.ok()?.path()))
        .collect();
    interfaces.sort();
    let mut devices = interfaces
        .iter()
        .filter(|path| path.join("device").exists());
    let address = fs::read_to_string(devices.next()?.join("address")).ok()?;
    Some(address.trim().to_uppercase())
}

/// The accounts of the people who are logged on, those at a seat first. Asked of `systemd-logind`, or
/// of `who` where that is not there.
pub(crate) async fn logged_on_users() -> Vec<String> {
    let mut found: Vec<(bool, String)> = Vec::new();
    if let Some(sessions) = output("loginctl", &["list-sessions", "--no-legend"]).await {
        // SESSION UID USER SEAT …
        for line in sessions.lines() {
            let mut words = line.split_whitespace().skip(2);
            if let Some(user) = words.next() {
                let away = words.next().is_none_or(|seat| !seat.starts_with("seat"));
                found.push((away, user.to_owned()));
            }
        }
    } else if let Some(lines) = output("who", &[]).await {
        let users = lines
            .lines()
            .filter_map(|line| line.split_whitespace().next());
        found.extend(users.map(|user| (true, user.to_owned())));
    }
    found.retain(|(_, user)| account::is_person(user));
    found.sort();
    let mut users: Vec<String> = Vec::new();
    for (_, user) in found {
        if !users.contains(&user) {
            users.push(user);
        }
    }
    users
}

/// PowerShell, where it is installed.
pub(crate) fn powershell(_as_32_bit: bool) -> Option<PathBuf> {
    super::find_program("pwsh")
}
