//! Linux.

use std::{
    collections::HashMap,
    fs,
    path::{Path, PathBuf},
};

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

/// What `systemd-logind` keeps of each session (sd-login(3)); `loginctl` prints the same in forms that
/// differ from version to version.
const SESSIONS: &str = "/run/systemd/sessions";

/// The accounts of the people who are logged on, the one whose desktop is in front first. Where there
/// is no `systemd-logind`, `who` is asked.
pub(crate) async fn logged_on_users() -> Vec<String> {
    let names = match sessions(Path::new(SESSIONS)) {
        Some(names) => names,
        None => {
            let lines = output("who", &[]).await.unwrap_or_default();
            let first = lines
                .lines()
                .filter_map(|line| line.split_whitespace().next());
            first.map(str::to_owned).collect()
        }
    };
    let mut users: Vec<String> = Vec::new();
    for name in names {
        if account::is_person(&name) && !users.contains(&name) {
            users.push(name);
        }
    }
    users
}

/// The users of the sessions in that folder; nothing where there is no such folder.
fn sessions(folder: &Path) -> Option<Vec<String>> {
    let mut found: Vec<(u8, String)> = Vec::new();
    for entry in fs::read_dir(folder).ok()?.flatten() {
        let text = fs::read_to_string(entry.path()).unwrap_or_default();
        let fields: HashMap<&str, &str> = text
            .lines()
            .filter_map(|line| line.split_once('='))
            .collect();
        let is = |name: &str, value: &str| fields.get(name) == Some(&value);
        let Some(user) = fields.get("USER").filter(|_| is("CLASS", "user")) else {
            continue;
        };
        let graphical = is("TYPE", "wayland") || is("TYPE", "x11") || is("TYPE", "mir");
        let rank = match (graphical, is("ACTIVE", "1")) {
            _ if is("STATE", "closing") => continue,
            (true, true) => 0,
            (true, false) => 1,
            (false, true) => 2,
            (false, false) => 3,
        };
        found.push((rank, (*user).to_owned()));
    }
    found.sort();
    Some(found.into_iter().map(|(_, user)| user).collect())
}

/// PowerShell, where it is installed.
pub(crate) fn powershell(_as_32_bit: bool) -> Option<PathBuf> {
    super::find_program("pwsh")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whose_desktop_is_in_front_comes_first() {
        let folder = tempfile::tempdir().unwrap();
        let session = |name: &str, user: &str, rest: &str| {
            let text = format!("UID=1000\nUSER={user}\n{}\n", rest.replace(' ', "\n"));
            fs::write(folder.path().join(name), text).unwrap();
        };
        session("1", "remote", "ACTIVE=1 TYPE=tty CLASS=user STATE=active");
        session("2", "desk", "ACTIVE=1 TYPE=wayland CLASS=user STATE=active");
        session(
            "3",
            "gdm",
            "ACTIVE=1 TYPE=wayland CLASS=greeter STATE=active",
        );
        session("4", "gone", "ACTIVE=0 TYPE=x11 CLASS=user STATE=closing");
        session("5", "behind", "ACTIVE=0 TYPE=x11 CLASS=user STATE=online");
        assert_eq!(
            sessions(folder.path()).unwrap(),
            ["desk", "behind", "remote"]
        );
        assert_eq!(sessions(&folder.path().join("none")), None);
    }
}
