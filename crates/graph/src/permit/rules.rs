//! The table of permissions: for every path, the names of which a caller needs one.
//!
//! Sources: the "Permissions" section of each act's page in the Graph beta documentation. Where Graph
//! documents a least privileged name that is newer than an act's first page
//! (`DeviceManagementScripts.*`), both are accepted.

/// What one path asks of a caller.
#[derive(Debug)]
pub struct Rule {
    /// The path's template: `{C}` is any of the three script collections, `{id}` any key.
    pub path: &'static str,
    /// One of these permits reading it.
    pub reads: &'static [&'static str],
    /// One of these permits changing it.
    pub writes: &'static [&'static str],
    /// What a device may do there with its own identity, where it is that device's.
    pub device: DeviceMay,
}

/// What a device may do with its own identity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeviceMay {
    /// Nothing.
    Nothing,
    /// Read.
    Read,
    /// `PATCH`.
    Update,
    /// `POST` to the action.
    Invoke,
}

const CONFIGURATION_READ: &str = "DeviceManagementConfiguration.Read.All";
const CONFIGURATION_WRITE: &str = "DeviceManagementConfiguration.ReadWrite.All";
const SCRIPTS_READ: &str = "DeviceManagementScripts.Read.All";
const SCRIPTS_WRITE: &str = "DeviceManagementScripts.ReadWrite.All";
const DEVICES_READ: &str = "DeviceManagementManagedDevices.Read.All";
const DEVICES_WRITE: &str = "DeviceManagementManagedDevices.ReadWrite.All";
const USERS_READ: &str = "User.Read.All";
const USERS_WRITE: &str = "User.ReadWrite.All";
const GROUPS_READ: &str = "Group.Read.All";
const GROUPS_WRITE: &str = "Group.ReadWrite.All";
const MEMBERS_READ: &str = "GroupMember.Read.All";
const MEMBERS_WRITE: &str = "GroupMember.ReadWrite.All";
const DIRECTORY_READ: &str = "Directory.Read.All";
const DIRECTORY_WRITE: &str = "Directory.ReadWrite.All";
/// What acts on devices themselves rather than on what is known of them.
const PRIVILEGED: &str = "DeviceManagementManagedDevices.PrivilegedOperations.All";
const SERVICE_READ: &str = "DeviceManagementServiceConfig.Read.All";
const SERVICE_WRITE: &str = "DeviceManagementServiceConfig.ReadWrite.All";
/// Shows the subscriptions of other applications too.
pub const SUBSCRIPTION_READ: &str = "Subscription.Read.All";
const APPS_READ: &str = "DeviceManagementApps.Read.All";
const APPS_WRITE: &str = "DeviceManagementApps.ReadWrite.All";

const SCRIPT_READS: &[&str] = &[
    CONFIGURATION_READ,
    CONFIGURATION_WRITE,
    SCRIPTS_READ,
    SCRIPTS_WRITE,
];
const SCRIPT_WRITES: &[&str] = &[CONFIGURATION_WRITE, SCRIPTS_WRITE];
/// Whoever may change a script may run whatever it likes on its devices anyway.
const RUN_WRITES: &[&str] = &[CONFIGURATION_WRITE, SCRIPTS_WRITE, PRIVILEGED];
const RUN_READS: &[&str] = &[
    CONFIGURATION_READ,
    CONFIGURATION_WRITE,
    DEVICES_READ,
    DEVICES_WRITE,
    SCRIPTS_READ,
    SCRIPTS_WRITE,
    PRIVILEGED,
];
const ENROLLMENT_READS: &[&str] = &[SERVICE_READ, SERVICE_WRITE];
const ENROLLMENT_WRITES: &[&str] = &[SERVICE_WRITE];
const FILTER_READS: &[&str] = &[CONFIGURATION_READ, CONFIGURATION_WRITE];
const FILTER_WRITES: &[&str] = &[CONFIGURATION_WRITE];
const STATE_READS: &[&str] = &[
    CONFIGURATION_READ,
    CONFIGURATION_WRITE,
    DEVICES_READ,
    DEVICES_WRITE,
    SCRIPTS_READ,
    SCRIPTS_WRITE,
];
const STATE_WRITES: &[&str] = &[CONFIGURATION_WRITE, DEVICES_WRITE];
/// Whoever may read what a subscription is on may subscribe to it; which resource that is, and whether
/// the caller may read that one, is looked at besides.
const SUBSCRIPTION_WRITES: &[&str] = STATE_READS;
const SUBSCRIPTION_READS: &[&str] = &[
    CONFIGURATION_READ,
    CONFIGURATION_WRITE,
    DEVICES_READ,
    DEVICES_WRITE,
    SCRIPTS_READ,
    SCRIPTS_WRITE,
    SUBSCRIPTION_READ,
];
const DEVICE_READS: &[&str] = &[DEVICES_READ, DEVICES_WRITE];
const DEVICE_WRITES: &[&str] = &[DEVICES_WRITE];
const USER_READS: &[&str] = &[USERS_READ, USERS_WRITE, DIRECTORY_READ, DIRECTORY_WRITE];
const USER_WRITES: &[&str] = &[USERS_WRITE, DIRECTORY_WRITE];
const DEVICE_USER_READS: &[&str] = &[
    DEVICES_READ,
    DEVICES_WRITE,
    USERS_READ,
    USERS_WRITE,
    DIRECTORY_READ,
    DIRECTORY_WRITE,
];
const GROUP_READS: &[&str] = &[
    GROUPS_READ,
    GROUPS_WRITE,
    MEMBERS_READ,
    MEMBERS_WRITE,
    DIRECTORY_READ,
    DIRECTORY_WRITE,
];
const GROUP_WRITES: &[&str] = &[GROUPS_WRITE, DIRECTORY_WRITE];
const MEMBER_WRITES: &[&str] = &[GROUPS_WRITE, MEMBERS_WRITE, DIRECTORY_WRITE];

/// Nobody may change the audit.
const AUDIT_READS: &[&str] = &[APPS_READ, APPS_WRITE];

/// Every permission name that a rule for reading asks for.
pub const ALL_READS: &[&str] = &[
    CONFIGURATION_READ,
    SCRIPTS_READ,
    DEVICES_READ,
    USERS_READ,
    GROUPS_READ,
    MEMBERS_READ,
    DIRECTORY_READ,
    SERVICE_READ,
    SUBSCRIPTION_READ,
    APPS_READ,
];

/// Every permission name that a rule for changing asks for; and the one to change what this service does
/// not have, with which the audit may be read.
pub const ALL_WRITES: &[&str] = &[
    CONFIGURATION_WRITE,
    SCRIPTS_WRITE,
    DEVICES_WRITE,
    USERS_WRITE,
    GROUPS_WRITE,
    MEMBERS_WRITE,
    DIRECTORY_WRITE,
    SERVICE_WRITE,
    PRIVILEGED,
    APPS_WRITE,
];

const fn rule(
    path: &'static str,
    reads: &'static [&'static str],
    writes: &'static [&'static str],
) -> Rule {
    Rule {
        path,
        reads,
        writes,
        device: DeviceMay::Nothing,
    }
}

/// What concerns the device that the path names, and nobody else's.
const fn of_device(path: &'static str, reads: &'static [&'static str], device: DeviceMay) -> Rule {
    Rule {
        path,
        reads,
        writes: &[],
        device,
    }
}

const fn reported_by_devices(path: &'static str) -> Rule {
    Rule {
        path,
        reads: STATE_READS,
        writes: STATE_WRITES,
        device: DeviceMay::Update,
    }
}

/// The rules. A path without one is refused to everybody.
pub static RULES: &[Rule] = &[
    reported_by_devices("deviceManagement/{C}/{id}/deviceRunStates/{id}"),
    reported_by_devices("deviceManagement/{C}/{id}/userRunStates/{id}/deviceRunStates/{id}"),
    of_device(
        "deviceManagement/managedDevices/{id}/assignedScripts",
        SCRIPT_READS,
        DeviceMay::Read,
    ),
    of_device(
        "deviceManagement/managedDevices/{id}/assignedScripts/{id}",
        SCRIPT_READS,
        DeviceMay::Read,
    ),
    of_device(
        "deviceManagement/managedDevices/{id}/reportInventory",
        &[],
        DeviceMay::Invoke,
    ),
    rule(
        "deviceManagement/managedDevices/{id}/retire",
        &[],
        &[PRIVILEGED],
    ),
    rule(
        "deviceManagement/{C}/{id}/deviceRunStates/{id}/runs",
        STATE_READS,
        &[],
    ),
    rule(
        "deviceManagement/{C}/{id}/deviceRunStates/{id}/runs/{id}",
        STATE_READS,
        &[],
    ),
    rule(
        "deviceManagement/{C}/{id}/userRunStates/{id}/deviceRunStates/{id}/runs",
        STATE_READS,
        &[],
    ),
    rule(
        "deviceManagement/{C}/{id}/userRunStates/{id}/deviceRunStates/{id}/runs/{id}",
        STATE_READS,
        &[],
    ),
    rule("deviceManagement/{C}/{id}/versions", SCRIPT_READS, &[]),
    rule("deviceManagement/{C}/{id}/versions/{id}", SCRIPT_READS, &[]),
    rule("deviceManagement/{C}/{id}/rollBack", &[], SCRIPT_WRITES),
    // Foretelling is all that these do, so whoever may read what they tell of may ask.
    rule("deviceManagement/{C}/{id}/previewAssign", &[], SCRIPT_READS),
    rule(
        "deviceManagement/{C}/{id}/previewRunRequest",
        &[],
        RUN_READS,
    ),
    rule(
        "deviceManagement/{C}/{id}/runRequests",
        RUN_READS,
        RUN_WRITES,
    ),
    rule("deviceManagement/{C}/{id}/runRequests/{id}", RUN_READS, &[]),
    rule(
        "deviceManagement/{C}/{id}/runRequests/{id}/cancel",
        &[],
        RUN_WRITES,
    ),
    rule("runstate", ENROLLMENT_READS, &[]),
    rule(
        "runstate/enrollmentTokens",
        ENROLLMENT_READS,
        ENROLLMENT_WRITES,
    ),
    rule(
        "runstate/enrollmentTokens/{id}",
        ENROLLMENT_READS,
        ENROLLMENT_WRITES,
    ),
    rule("deviceManagement/auditEvents", AUDIT_READS, &[]),
    rule("deviceManagement/auditEvents/{id}", AUDIT_READS, &[]),
    rule(
        "deviceManagement/auditEvents/getAuditCategories",
        AUDIT_READS,
        &[],
    ),
    rule(
        "deviceManagement/auditEvents/getAuditActivityTypes",
        AUDIT_READS,
        &[],
    ),
    rule("runstate/outcomeSamples", STATE_READS, &[]),
    rule("runstate/outcomeSamples/{id}", STATE_READS, &[]),
    rule("deviceManagement", STATE_READS, &[]),
    rule("deviceManagement/{C}", SCRIPT_READS, SCRIPT_WRITES),
    rule("deviceManagement/{C}/{id}", SCRIPT_READS, SCRIPT_WRITES),
    rule("deviceManagement/{C}/{id}/assign", &[], SCRIPT_WRITES),
    // Asking is all it does, so whoever may read the assignments may ask.
    rule("deviceManagement/{C}/hasPayloadLinks", &[], SCRIPT_READS),
    rule(
        "deviceManagement/{C}/{id}/assignments",
        SCRIPT_READS,
        SCRIPT_WRITES,
    ),
    rule(
        "deviceManagement/{C}/{id}/assignments/{id}",
        SCRIPT_READS,
        SCRIPT_WRITES,
    ),
    rule(
        "deviceManagement/{C}/{id}/groupAssignments",
        SCRIPT_READS,
        SCRIPT_WRITES,
    ),
    rule(
        "deviceManagement/{C}/{id}/groupAssignments/{id}",
        SCRIPT_READS,
        SCRIPT_WRITES,
    ),
    rule(
        "deviceManagement/{C}/{id}/runSummary",
        STATE_READS,
        STATE_WRITES,
    ),
    rule(
        "deviceManagement/{C}/{id}/deviceRunStates",
        STATE_READS,
        STATE_WRITES,
    ),
    rule(
        "deviceManagement/{C}/{id}/deviceRunStates/{id}/managedDevice",
        STATE_READS,
        &[],
    ),
    rule(
        "deviceManagement/{C}/{id}/userRunStates",
        STATE_READS,
        STATE_WRITES,
    ),
    rule(
        "deviceManagement/{C}/{id}/userRunStates/{id}",
        STATE_READS,
        STATE_WRITES,
    ),
    rule(
        "deviceManagement/{C}/{id}/userRunStates/{id}/deviceRunStates",
        STATE_READS,
        STATE_WRITES,
    ),
    rule(
        "deviceManagement/{C}/{id}/userRunStates/{id}/deviceRunStates/{id}/managedDevice",
        STATE_READS,
        &[],
    ),
    // Behind a run state stands the device, with all that may be known of it.
    rule(
        "deviceManagement/{C}/{id}/deviceRunStates/{id}/managedDevice/users",
        DEVICE_USER_READS,
        &[],
    ),
    rule(
        "deviceManagement/{C}/{id}/deviceRunStates/{id}/managedDevice/users/{id}",
        DEVICE_USER_READS,
        &[],
    ),
    rule(
        "deviceManagement/{C}/{id}/userRunStates/{id}/deviceRunStates/{id}/managedDevice/users",
        DEVICE_USER_READS,
        &[],
    ),
    rule(
        "deviceManagement/{C}/{id}/userRunStates/{id}/deviceRunStates/{id}/managedDevice/users/{id}",
        DEVICE_USER_READS,
        &[],
    ),
    rule(
        "deviceManagement/assignmentFilters",
        FILTER_READS,
        FILTER_WRITES,
    ),
    rule(
        "deviceManagement/assignmentFilters/{id}",
        FILTER_READS,
        FILTER_WRITES,
    ),
    rule(
        "deviceManagement/managedDevices",
        DEVICE_READS,
        DEVICE_WRITES,
    ),
    rule(
        "deviceManagement/managedDevices/{id}",
        DEVICE_READS,
        DEVICE_WRITES,
    ),
    rule(
        "deviceManagement/managedDevices/{id}/users",
        DEVICE_USER_READS,
        &[],
    ),
    rule(
        "deviceManagement/managedDevices/{id}/users/{id}",
        DEVICE_USER_READS,
        &[],
    ),
    rule("subscriptions", SUBSCRIPTION_READS, SUBSCRIPTION_WRITES),
    rule(
        "subscriptions/{id}",
        SUBSCRIPTION_READS,
        SUBSCRIPTION_WRITES,
    ),
    rule("subscriptions/{id}/reauthorize", &[], SUBSCRIPTION_WRITES),
    rule("users", USER_READS, USER_WRITES),
    rule("users/{id}", USER_READS, USER_WRITES),
    rule("groups", GROUP_READS, GROUP_WRITES),
    rule("groups/{id}", GROUP_READS, GROUP_WRITES),
    rule("groups/{id}/members", GROUP_READS, &[]),
    rule("groups/{id}/members/{id}", GROUP_READS, &[]),
    rule("groups/{id}/members/$ref", GROUP_READS, MEMBER_WRITES),
    rule("groups/{id}/members/{id}/$ref", &[], MEMBER_WRITES),
    rule("groups/{id}/transitiveMembers", GROUP_READS, &[]),
    rule("groups/{id}/transitiveMembers/{id}", GROUP_READS, &[]),
];
