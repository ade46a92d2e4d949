//! The hardware and the operating systems that the sample devices are made of.

/// A model that a maker sells, and what a device of it may hold.
pub(super) struct Model {
    pub(super) manufacturer: &'static str,
    pub(super) name: &'static str,
    /// How this maker's serial numbers look, as [`super::seeded::Seeded::pattern`] reads it.
    pub(super) serial: &'static str,
    pub(super) processor: &'static str,
    pub(super) arm: bool,
    pub(super) laptop: bool,
    /// Sizes of the disk to choose from, in GB (10⁹ bytes).
    pub(super) disk_gb: [i64; 2],
    /// Sizes of the memory to choose from, in GiB.
    pub(super) memory_gib: [i64; 2],
}

const fn laptop(
    manufacturer: &'static str,
    name: &'static str,
    serial: &'static str,
    processor: &'static str,
    disk_gb: [i64; 2],
    memory_gib: [i64; 2],
) -> Model {
    Model {
        manufacturer,
        name,
        serial,
        processor,
        arm: false,
        laptop: true,
        disk_gb,
        memory_gib,
    }
}

const fn stationary(model: Model) -> Model {
    Model {
        laptop: false,
        ..model
    }
}

const fn arm(model: Model) -> Model {
    Model { arm: true, ..model }
}

const DELL: &str = "Dell Inc.";
const MICROSOFT: &str = "Microsoft Corporation";
const TAG: &str = "???????";
const HP: &str = "5CG4######";
const THINKPAD: &str = "PF??????";
const SURFACE: &str = "0#########53";
const APPLE: &str = "??????????";
const ULTRA_5: &str = "Intel(R) Core(TM) Ultra 5 125U";
const ULTRA_7: &str = "Intel(R) Core(TM) Ultra 7 155H";
const I5: &str = "13th Gen Intel(R) Core(TM) i5-1345U";
const RYZEN: &str = "AMD Ryzen 7 PRO 7840U w/ Radeon 780M Graphics";
const XEON: &str = "Intel(R) Xeon(R) Gold 6430";

pub(super) const WINDOWS: [Model; 10] = [
    laptop(DELL, "Latitude 5450", TAG, ULTRA_5, [256, 512], [16, 32]),
    laptop(DELL, "Latitude 7440", TAG, I5, [256, 512], [16, 16]),
    laptop(DELL, "XPS 13 9340", TAG, ULTRA_7, [512, 1000], [16, 32]),
    stationary(laptop(
        DELL,
        "OptiPlex 7010",
        TAG,
        "13th Gen Intel(R) Core(TM) i5-13500",
        [256, 512],
        [16, 16],
    )),
    laptop(
        "HP",
        "HP EliteBook 840 14 inch G10 Notebook PC",
        HP,
        I5,
        [256, 512],
        [16, 32],
    ),
    stationary(laptop(
        "HP",
        "HP Elite Mini 800 G9 Desktop PC",
        HP,
        "12th Gen Intel(R) Core(TM) i5-12500T",
        [256, 512],
        [8, 16],
    )),
    laptop(
        "LENOVO",
        "ThinkPad T14 Gen 4",
        THINKPAD,
        RYZEN,
        [512, 1000],
        [16, 32],
    ),
    laptop(
        "LENOVO",
        "ThinkPad X1 Carbon Gen 12",
        THINKPAD,
        ULTRA_7,
        [512, 1000],
        [32, 32],
    ),
    arm(laptop(
        MICROSOFT,
        "Surface Laptop, 7th Edition",
        SURFACE,
        "Snapdragon(R) X Elite",
        [256, 512],
        [16, 16],
    )),
    laptop(
        MICROSOFT,
        "Surface Pro 9",
        SURFACE,
        "12th Gen Intel(R) Core(TM) i5-1245U",
        [256, 256],
        [8, 16],
    ),
];

/// The last Mac has an Intel processor: it is the one that stays on an older macOS.
pub(super) const MACS: [Model; 7] = [
    arm(laptop(
        "Apple",
        "MacBook Pro (14-inch, M3 Pro)",
        APPLE,
        "Apple M3 Pro",
        [512, 1000],
        [18, 36],
    )),
    arm(laptop(
        "Apple",
        "MacBook Pro (16-inch, M4 Pro)",
        APPLE,
        "Apple M4 Pro",
        [512, 1000],
        [24, 48],
    )),
    arm(laptop(
        "Apple",
        "MacBook Air (13-inch, M3)",
        APPLE,
        "Apple M3",
        [256, 512],
        [16, 24],
    )),
    arm(laptop(
        "Apple",
        "MacBook Air (M2)",
        APPLE,
        "Apple M2",
        [256, 512],
        [8, 16],
    )),
    arm(stationary(laptop(
        "Apple",
        "Mac mini (M2)",
        APPLE,
        "Apple M2",
        [256, 512],
        [8, 16],
    ))),
    arm(stationary(laptop(
        "Apple",
        "Mac Studio (M2 Max)",
        APPLE,
        "Apple M2 Max",
        [1000, 2000],
        [32, 64],
    ))),
    laptop(
        "Apple",
        "MacBook Pro (16-inch, 2019)",
        "C02??????D??",
        "Intel(R) Core(TM) i7-9750H CPU @ 2.60GHz",
        [512, 1000],
        [16, 32],
    ),
];

pub(super) const LINUX_WORKSTATIONS: [Model; 4] = [
    laptop(
        DELL,
        "XPS 13 Plus 9320",
        TAG,
        "12th Gen Intel(R) Core(TM) i7-1260P",
        [512, 1000],
        [16, 32],
    ),
    stationary(laptop(
        DELL,
        "Precision 3660",
        TAG,
        "13th Gen Intel(R) Core(TM) i7-13700",
        [1000, 2000],
        [32, 64],
    )),
    laptop(
        "LENOVO",
        "ThinkPad P14s Gen 4",
        THINKPAD,
        RYZEN,
        [512, 1000],
        [32, 64],
    ),
    laptop(
        "Framework",
        "Laptop 13 (AMD Ryzen 7040Series)",
        "FRAN????????######",
        RYZEN,
        [1000, 2000],
        [32, 64],
    ),
];

pub(super) const SERVERS: [Model; 4] = [
    stationary(laptop(
        DELL,
        "PowerEdge R660",
        TAG,
        XEON,
        [1000, 4000],
        [128, 256],
    )),
    stationary(laptop(
        "HPE",
        "ProLiant DL360 Gen11",
        "CZ2D######",
        XEON,
        [1000, 2000],
        [128, 256],
    )),
    stationary(laptop(
        "Supermicro",
        "SYS-120C-TN10R",
        "S######X######",
        "Intel(R) Xeon(R) Silver 4410Y",
        [1000, 2000],
        [64, 128],
    )),
    stationary(laptop(
        "VMware, Inc.",
        "VMware20,1",
        "VMware-56 4d %% %% %% %%",
        XEON,
        [100, 200],
        [8, 16],
    )),
];

/// A release of an operating system. Numbers of a row that an entry has twice are likelier.
pub(super) struct Release {
    /// What Intune shows as the version.
    pub(super) version: &'static str,
    /// What `uname -r` prints; empty on Windows.
    pub(super) kernel: &'static str,
    /// `apt-get`, `dnf`, or empty where the system has neither.
    pub(super) package_manager: &'static str,
}

const fn release(
    version: &'static str,
    kernel: &'static str,
    package_manager: &'static str,
) -> Release {
    Release {
        version,
        kernel,
        package_manager,
    }
}

pub(super) const WINDOWS_RELEASES: [Release; 7] = [
    release("10.0.26100.4652", "", ""),
    release("10.0.26100.4652", "", ""),
    release("10.0.26100.4349", "", ""),
    release("10.0.22631.5624", "", ""),
    release("10.0.22631.5472", "", ""),
    release("10.0.19045.6093", "", ""),
    release("10.0.19045.5854", "", ""),
];

pub(super) const MACOS_RELEASES: [Release; 5] = [
    release("15.5 (24F74)", "24.5.0", ""),
    release("15.5 (24F74)", "24.5.0", ""),
    release("15.4.1 (24E263)", "24.4.0", ""),
    release("14.7.6 (23H626)", "23.6.0", ""),
    release("13.7.6 (22H625)", "22.6.0", ""),
];

pub(super) const WORKSTATION_RELEASES: [Release; 4] = [
    release("Ubuntu 24.04.2 LTS", "6.11.0-29-generic", "apt-get"),
    release("Ubuntu 24.04.2 LTS", "6.8.0-63-generic", "apt-get"),
    release("Ubuntu 22.04.5 LTS", "6.8.0-60-generic", "apt-get"),
    release("Debian GNU/Linux 12", "6.1.0-37-amd64", "apt-get"),
];

pub(super) const SERVER_RELEASES: [Release; 6] = [
    release("Ubuntu 24.04.2 LTS", "6.8.0-63-generic", "apt-get"),
    release("Ubuntu 22.04.5 LTS", "5.15.0-143-generic", "apt-get"),
    release("Debian GNU/Linux 12", "6.1.0-37-amd64", "apt-get"),
    release("Debian GNU/Linux 12", "6.1.0-35-amd64", "apt-get"),
    release(
        "Red Hat Enterprise Linux 9.6",
        "5.14.0-570.23.1.el9_6.x86_64",
        "dnf",
    ),
    release(
        "Red Hat Enterprise Linux 8.10",
        "4.18.0-553.58.1.el8_10.x86_64",
        "dnf",
    ),
];
