//! The managed devices of the sample tenant: 300, unless it is to be of another size.

use serde_json::json;

use super::{
    Object,
    instant::Instant,
    models::{self, Model, Release},
    object,
    people::{DATA_CENTRE, DEPARTMENTS, Department, Person, Site},
    seeded::Seeded,
    size::{Size, shares},
};

const SERVER_COUNT: u32 = 30;

/// What an operating system calls itself in `managedDevice.operatingSystem`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Platform {
    Windows,
    MacOs,
    Linux,
}

impl Platform {
    fn name(self) -> &'static str {
        match self {
            Self::Windows => "Windows",
            Self::MacOs => "macOS",
            Self::Linux => "Linux",
        }
    }
}

/// A device, with what the groups and the scripts' outcomes need to know beside the object.
pub(super) struct Device {
    pub(super) object: Object,
    /// What the manifest's conditions and messages may name: every property of `object`, and
    /// what only the device itself knows, such as its kernel.
    pub(super) facts: Object,
    pub(super) id: String,
    pub(super) platform: Platform,
    pub(super) is_server: bool,
    /// The position of the person whose device it is.
    pub(super) owner: Option<usize>,
    pub(super) site: &'static Site,
    pub(super) enrolled: Instant,
    pub(super) last_sync: Instant,
}

/// Every device: the people's, department by department, then the servers.
pub(super) fn devices(seed: u64, size: Size, now: Instant, people: &[Person]) -> Vec<Device> {
    let platforms =
        |department: &Department| [department.linux, department.macos, department.windows];
    let usual = DEPARTMENTS.iter().flat_map(platforms).chain([SERVER_COUNT]);
    let mut counts = shares(&usual.collect::<Vec<_>>(), size.devices).into_iter();
    let everyone: Vec<_> = people.iter().enumerate().collect();
    let mut plans = Vec::new();
    for department in &DEPARTMENTS {
        let mut staff = everyone.clone();
        staff.retain(|(_, person)| person.department == department.name);
        let platforms = [Platform::Linux, Platform::MacOs, Platform::Windows]
            .into_iter()
            .zip(&mut counts)
            .flat_map(|(platform, count)| std::iter::repeat_n(platform, count as usize));
        // A department with more devices than people gives some of them a second one; those of one
        // that nobody is in, in a small company, are shared by all.
        let owners = if staff.is_empty() { &everyone } else { &staff };
        for (owner, platform) in owners.iter().cycle().zip(platforms) {
            plans.push((Some(*owner), platform));
        }
    }
    let servers = counts.next().unwrap_or_default();
    plans.extend((0..servers).map(|_| (None, Platform::Linux)));
    plans
        .into_iter()
        .enumerate()
        .map(|(index, (owner, platform))| device(seed, now, index, owner, platform))
        .collect()
}

fn device(
    seed: u64,
    now: Instant,
    index: usize,
    owner: Option<(usize, &Person)>,
    platform: Platform,
) -> Device {
    let label = format!("device/{index}");
    let mut chance = Seeded::new(seed, &label);
    let person = owner.map(|(_, person)| person);
    let is_server = person.is_none();
    let (model, release) = hardware(&mut chance, platform, is_server);
    let serial = chance.pattern(model.serial);
    let (enrolled, last_sync) = contact(&mut chance, now, is_server);
    let draft = Draft {
        id: Seeded::guid(seed, &label),
        entra_id: Seeded::guid(seed, &format!("{label}/entra")),
        name: device_name(person, platform, model, &serial, index),
        disk: Disk::new(&mut chance, model),
        is_encrypted: chance.percent(if is_server { 40 } else { 93 }),
        company_owned: is_server || !chance.percent(7),
        registered: !is_server || chance.percent(20),
        now,
        person,
        platform,
        model,
        release,
        serial,
        enrolled,
        last_sync,
    };

    let mut object = draft.identity();
    object.append(&mut draft.management(&mut chance));
    object.append(&mut draft.equipment(&mut chance));
    let mut facts = object.clone();
    facts.append(&mut draft.own_facts(&mut chance));
    Device {
        object,
        facts,
        id: draft.id,
        platform,
        is_server,
        owner: owner.map(|(position, _)| position),
        site: site(person),
        enrolled,
        last_sync,
    }
}

fn site(person: Option<&Person>) -> &'static Site {
    person.map_or(&DATA_CENTRE, |person| person.site)
}

/// A device half made: what several of its properties follow from.
struct Draft<'people> {
    id: String,
    entra_id: String,
    name: String,
    now: Instant,
    /// None for a server.
    person: Option<&'people Person>,
    platform: Platform,
    model: &'static Model,
    release: &'static Release,
    serial: String,
    disk: Disk,
    enrolled: Instant,
    last_sync: Instant,
    is_encrypted: bool,
    company_owned: bool,
    /// Whether Entra ID knows the device.
    registered: bool,
}

impl Draft<'_> {
    /// Which device it is, and whose.
    fn identity(&self) -> Object {
        let alias = self.person.map_or("Device", |person| &person.alias);
        let platform = self.platform.name();
        let owner_type = if self.company_owned {
            "company"
        } else {
            "personal"
        };
        object(json!({
            "id": self.id,
            "userId": self.person.map(|person| &person.id),
            "deviceName": self.name,
            "managedDeviceName": format!("{alias}_{platform}_{}", self.enrolled.american()),
            "managedDeviceOwnerType": owner_type,
            "ownerType": owner_type,
            "emailAddress": self.person.map(|person| &person.address),
            "userPrincipalName": self.person.map(|person| &person.address),
            "userDisplayName": self.person.map(|person| &person.display_name),
            "azureADRegistered": self.registered,
            "azureADDeviceId": self.registered.then_some(&self.entra_id),
            "aadRegistered": self.registered,
            "deviceRegistrationState": if self.registered { "registered" } else { "notRegistered" },
        }))
    }

    /// How it stands with the management service.
    fn management(&self, chance: &mut Seeded) -> Object {
        let on_windows = self.platform == Platform::Windows;
        let agent = if on_windows && chance.percent(15) {
            "configurationManagerClientMdm"
        } else {
            "mdm"
        };
        let category = match (self.person, self.model.laptop) {
            (None, _) => "Server",
            (Some(_), true) => "Laptop",
            (Some(_), false) => "Desktop",
        };
        let scope_tags: &[&str] = if self.person.is_none() {
            &["0", "1"]
        } else {
            &["0"]
        };
        object(json!({
            "enrolledDateTime": self.enrolled.utc(),
            "lastSyncDateTime": self.last_sync.utc(),
            "complianceState": self.compliance(chance),
            "managementAgent": agent,
            "managementState": if chance.percent(2) { "retirePending" } else { "managed" },
            "isSupervised": self.platform == Platform::MacOs && self.company_owned,
            "jailBroken": "Unknown",
            "notes": chance.percent(3).then(|| *chance.pick(&NOTES)),
            "deviceCategoryDisplayName": category,
            "roleScopeTagIds": scope_tags,
        }))
    }

    /// Hardware and operating system.
    fn equipment(&self, chance: &mut Seeded) -> Object {
        let (device_type, sku_family, sku_number) = match self.platform {
            // The product's numbers are Windows' own, from GetProductInfo.
            Platform::Windows if chance.percent(70) => ("desktop", Some("Enterprise"), 4),
            Platform::Windows => ("desktop", Some("Pro"), 48),
            Platform::MacOs => ("macMDM", None, 0),
            Platform::Linux => ("linux", None, 0),
        };
        let wireless = self.person.is_some();
        object(json!({
            "operatingSystem": self.platform.name(),
            "osVersion": self.release.version,
            "deviceType": device_type,
            "skuFamily": sku_family,
            "skuNumber": sku_number,
            "model": self.model.name,
            "manufacturer": self.model.manufacturer,
            "serialNumber": self.serial,
            "imei": null,
            "meid": null,
            "wiFiMacAddress": wireless.then(|| chance.pattern("3C%%%%%%%%%%")),
            "ethernetMacAddress": (!self.model.laptop).then(|| chance.pattern("B0%%%%%%%%%%")),
            "processorArchitecture": if self.model.arm { "arM64" } else { "x64" },
            "totalStorageSpaceInBytes": self.disk.total,
            "freeStorageSpaceInBytes": self.disk.free,
            "physicalMemoryInBytes": *chance.pick(&self.model.memory_gib) << 30,
            "isEncrypted": self.is_encrypted,
        }))
    }

    fn compliance(&self, chance: &mut Seeded) -> &'static str {
        if !self.is_encrypted || self.last_sync < self.now.plus_days(-30) {
            return "noncompliant";
        }
        match chance.below(100) {
            0..91 => "compliant",
            91..95 => "inGracePeriod",
            95..98 => "unknown",
            98 => "conflict",
            _ => "error",
        }
    }

    /// What the device knows about itself beyond its `managedDevice` object.
    fn own_facts(&self, chance: &mut Seeded) -> Object {
        let machine = match self.platform {
            Platform::MacOs if self.model.arm => "arm64",
            _ => "x86_64",
        };
        let since_enrolled = self.last_sync.seconds - self.enrolled.seconds;
        let uptime = chance.between(600, 45 * 86_400).min(since_enrolled);
        let installed = self.enrolled.plus_seconds(-chance.between(900, 5_400));
        let patched = self
            .last_sync
            .plus_seconds(-chance.between(3_600, 2 * 86_400));
        let free_percent = self.disk.free / (self.disk.total / 100);
        object(json!({
            "isServer": self.person.is_none(),
            "hasBattery": self.model.laptop,
            "userName": self.person.map_or("root", |person| &person.alias),
            "timeZone": site(self.person).time_zone,
            "processor": self.model.processor,
            "kernel": format!("{} {machine}", self.release.kernel),
            "packageManager": self.release.package_manager,
            "freeGiB": self.disk.free >> 30,
            "totalGiB": self.disk.total >> 30,
            "freePercent": free_percent,
            // The scripts that report disk space draw the line at the same place.
            "diskIsLow": free_percent < 10,
            "uptimeDays": uptime / 86_400,
            "bootDateTime": self.last_sync.plus_seconds(-uptime).utc(),
            "installDateTime": installed.utc(),
            "patchDateTime": patched.utc(),
        }))
    }
}

const NOTES: [&str; 3] = [
    "Loan device, return to the service desk",
    "Keyboard replaced",
    "Used for the training room",
];

fn hardware(
    chance: &mut Seeded,
    platform: Platform,
    is_server: bool,
) -> (&'static Model, &'static Release) {
    match platform {
        Platform::Windows => (
            chance.pick(&models::WINDOWS),
            chance.pick(&models::WINDOWS_RELEASES),
        ),
        Platform::MacOs => (
            chance.pick(&models::MACS),
            chance.pick(&models::MACOS_RELEASES),
        ),
        Platform::Linux if is_server => (
            chance.pick(&models::SERVERS),
            chance.pick(&models::SERVER_RELEASES),
        ),
        Platform::Linux => (
            chance.pick(&models::LINUX_WORKSTATIONS),
            chance.pick(&models::WORKSTATION_RELEASES),
        ),
    }
}

/// When the device was enrolled and when it last spoke: most within hours, a few long ago.
fn contact(chance: &mut Seeded, now: Instant, is_server: bool) -> (Instant, Instant) {
    let silent_seconds = match chance.below(100) {
        _ if is_server => chance.between(20, 1_800),
        0..88 => chance.between(60, 28_800),
        88..96 => chance.between(86_400, 14 * 86_400),
        _ => chance.between(31 * 86_400, 120 * 86_400),
    };
    let last_sync = now.plus_seconds(-silent_seconds);
    let enrolled = last_sync.plus_seconds(-chance.between(2 * 86_400, 900 * 86_400));
    (enrolled, last_sync)
}

/// A disk's sizes in bytes.
struct Disk {
    total: i64,
    free: i64,
}

impl Disk {
    fn new(chance: &mut Seeded, model: &Model) -> Self {
        // The recovery partition and the file system's own tables take some 2 percent.
        let total = *chance.pick(&model.disk_gb) * 980_000_000;
        let percent = if chance.percent(6) {
            chance.between(1, 8)
        } else {
            chance.between(12, 88)
        };
        let free = total / 100 * percent + chance.between(0, 900_000_000);
        Self { total, free }
    }
}

fn device_name(
    person: Option<&Person>,
    platform: Platform,
    model: &Model,
    serial: &str,
    index: usize,
) -> String {
    const ROLES: [&str; 6] = ["web", "db", "build", "cache", "log", "proxy"];
    let Some(person) = person else {
        let role = ROLES.get(index % ROLES.len()).unwrap_or(&"app");
        return format!("{role}-prod-{index:03}");
    };
    match platform {
        // NetBIOS allows 15 characters: the site, the kind, and the end of the serial number.
        Platform::Windows => {
            let kind = if model.laptop { 'L' } else { 'D' };
            let start = serial.len().saturating_sub(7);
            format!(
                "{}-{kind}-{}",
                person.site.code,
                serial.get(start..).unwrap_or(serial)
            )
        }
        Platform::MacOs => {
            let family = model.name.split(" (").next().unwrap_or(model.name);
            format!("{}’s {family}", person.given_name)
        }
        Platform::Linux => format!("{}-ws-{index:03}", person.site.code.to_lowercase()),
    }
}
