//! Who may do what, written down once more, from the documentation: the "Permissions" section of
//! each act's page in Graph beta, as `contract.md` sums them up. Nothing here derives from the
//! server's own table.

/// One act at the end of one path.
pub(crate) struct Row {
    pub(crate) template: &'static str,
    pub(crate) method: &'static str,
    /// One of these is needed, and any of them is enough.
    pub(crate) permissions: &'static [&'static str],
    /// The status of success.
    pub(crate) status: u16,
    /// Whether a device may, where it is its own.
    pub(crate) own_device: bool,
}

/// Every permission name that the service knows.
pub(crate) const ALL: [&str; 20] = [
    "DeviceManagementConfiguration.Read.All",
    "DeviceManagementConfiguration.ReadWrite.All",
    "DeviceManagementScripts.Read.All",
    "DeviceManagementScripts.ReadWrite.All",
    "DeviceManagementManagedDevices.Read.All",
    "DeviceManagementManagedDevices.ReadWrite.All",
    "User.Read.All",
    "User.ReadWrite.All",
    "Group.Read.All",
    "Group.ReadWrite.All",
    "GroupMember.Read.All",
    "GroupMember.ReadWrite.All",
    "Directory.Read.All",
    "Directory.ReadWrite.All",
    "DeviceManagementServiceConfig.Read.All",
    "DeviceManagementServiceConfig.ReadWrite.All",
    "DeviceManagementManagedDevices.PrivilegedOperations.All",
    "Subscription.Read.All",
    "DeviceManagementApps.Read.All",
    "DeviceManagementApps.ReadWrite.All",
];

/// "List auditEvents". Nobody may change one.
const READ_AUDIT: &[&str] = &[
    "DeviceManagementApps.Read.All",
    "DeviceManagementApps.ReadWrite.All",
];
const READ_SCRIPTS: &[&str] = &[
    "DeviceManagementConfiguration.Read.All",
    "DeviceManagementConfiguration.ReadWrite.All",
    "DeviceManagementScripts.Read.All",
    "DeviceManagementScripts.ReadWrite.All",
];
const WRITE_SCRIPTS: &[&str] = &[
    "DeviceManagementConfiguration.ReadWrite.All",
    "DeviceManagementScripts.ReadWrite.All",
];
const READ_STATES: &[&str] = &[
    "DeviceManagementConfiguration.Read.All",
    "DeviceManagementConfiguration.ReadWrite.All",
    "DeviceManagementScripts.Read.All",
    "DeviceManagementScripts.ReadWrite.All",
    "DeviceManagementManagedDevices.Read.All",
    "DeviceManagementManagedDevices.ReadWrite.All",
];
/// "Update deviceManagementScriptDeviceState" names these two and no other.
const WRITE_STATES: &[&str] = &[
    "DeviceManagementConfiguration.ReadWrite.All",
    "DeviceManagementManagedDevices.ReadWrite.All",
];
const READ_FILTERS: &[&str] = &[
    "DeviceManagementConfiguration.Read.All",
    "DeviceManagementConfiguration.ReadWrite.All",
];
const WRITE_FILTERS: &[&str] = &["DeviceManagementConfiguration.ReadWrite.All"];
const READ_DEVICES: &[&str] = &[
    "DeviceManagementManagedDevices.Read.All",
    "DeviceManagementManagedDevices.ReadWrite.All",
];
const WRITE_DEVICES: &[&str] = &["DeviceManagementManagedDevices.ReadWrite.All"];
const READ_USERS: &[&str] = &[
    "User.Read.All",
    "User.ReadWrite.All",
    "Directory.Read.All",
    "Directory.ReadWrite.All",
];
const WRITE_USERS: &[&str] = &["User.ReadWrite.All", "Directory.ReadWrite.All"];
const READ_DEVICE_USERS: &[&str] = &[
    "DeviceManagementManagedDevices.Read.All",
    "DeviceManagementManagedDevices.ReadWrite.All",
    "User.Read.All",
    "User.ReadWrite.All",
    "Directory.Read.All",
    "Directory.ReadWrite.All",
];
const READ_GROUPS: &[&str] = &[
    "Group.Read.All",
    "Group.ReadWrite.All",
    "GroupMember.Read.All",
    "GroupMember.ReadWrite.All",
    "Directory.Read.All",
    "Directory.ReadWrite.All",
];
const WRITE_GROUPS: &[&str] = &["Group.ReadWrite.All", "Directory.ReadWrite.All"];
const WRITE_MEMBERS: &[&str] = &[
    "Group.ReadWrite.All",
    "GroupMember.ReadWrite.All",
    "Directory.ReadWrite.All",
];

/// Not Graph's: whoever may change a script, or act on devices, may have it run.
const WRITE_RUNS: &[&str] = &[
    "DeviceManagementConfiguration.ReadWrite.All",
    "DeviceManagementScripts.ReadWrite.All",
    "DeviceManagementManagedDevices.PrivilegedOperations.All",
];
const READ_RUNS: &[&str] = &[
    "DeviceManagementConfiguration.Read.All",
    "DeviceManagementConfiguration.ReadWrite.All",
    "DeviceManagementScripts.Read.All",
    "DeviceManagementScripts.ReadWrite.All",
    "DeviceManagementManagedDevices.Read.All",
    "DeviceManagementManagedDevices.ReadWrite.All",
    "DeviceManagementManagedDevices.PrivilegedOperations.All",
];
/// As "Retire" of a managedDevice names it.
const RETIRE: &[&str] = &["DeviceManagementManagedDevices.PrivilegedOperations.All"];
/// As Graph asks of those who read and make enrolment profiles.
const READ_ENROLLMENT: &[&str] = &[
    "DeviceManagementServiceConfig.Read.All",
    "DeviceManagementServiceConfig.ReadWrite.All",
];
const WRITE_ENROLLMENT: &[&str] = &["DeviceManagementServiceConfig.ReadWrite.All"];

/// Whoever may read anything that can be subscribed to, and whoever may see the subscriptions of others;
/// to subscribe it takes the permission to read the resource, here a collection of scripts.
const READ_SUBSCRIPTIONS: &[&str] = &[
    "DeviceManagementConfiguration.Read.All",
    "DeviceManagementConfiguration.ReadWrite.All",
    "DeviceManagementScripts.Read.All",
    "DeviceManagementScripts.ReadWrite.All",
    "DeviceManagementManagedDevices.Read.All",
    "DeviceManagementManagedDevices.ReadWrite.All",
    "Subscription.Read.All",
];

const fn row(
    method: &'static str,
    template: &'static str,
    permissions: &'static [&'static str],
    status: u16,
) -> Row {
    Row {
        template,
        method,
        permissions,
        status,
        own_device: false,
    }
}

const fn reported(template: &'static str) -> Row {
    Row {
        own_device: true,
        ..row("PATCH", template, WRITE_STATES, 200)
    }
}

/// What a device may do with what is its own.
const fn of_device(
    method: &'static str,
    template: &'static str,
    permissions: &'static [&'static str],
    status: u16,
) -> Row {
    Row {
        own_device: true,
        ..row(method, template, permissions, status)
    }
}

/// The whole of it: what is not in here is served to nobody.
#[rustfmt::skip]
pub(crate) static TABLE: &[Row] = &[
    row("GET",    "deviceManagement/{C}", READ_SCRIPTS, 200),
    row("POST",   "deviceManagement/{C}", WRITE_SCRIPTS, 201),
    row("GET",    "deviceManagement/{C}/$count", READ_SCRIPTS, 200),
    row("GET",    "deviceManagement/{C}/{id}", READ_SCRIPTS, 200),
    row("PATCH",  "deviceManagement/{C}/{id}", WRITE_SCRIPTS, 200),
    row("DELETE", "deviceManagement/{C}/{id}", WRITE_SCRIPTS, 204),
    row("POST",   "deviceManagement/{C}/{id}/assign", WRITE_SCRIPTS, 204),
    row("POST",   "deviceManagement/{C}/{id}/microsoft.graph.assign", WRITE_SCRIPTS, 204),
    row("POST",   "deviceManagement/{C}/hasPayloadLinks", READ_SCRIPTS, 200),
    row("POST",   "deviceManagement/{C}/microsoft.graph.hasPayloadLinks", READ_SCRIPTS, 200),

    row("GET",    "deviceManagement/{C}/{id}/assignments", READ_SCRIPTS, 200),
    row("POST",   "deviceManagement/{C}/{id}/assignments", WRITE_SCRIPTS, 201),
    row("GET",    "deviceManagement/{C}/{id}/assignments/$count", READ_SCRIPTS, 200),
    row("GET",    "deviceManagement/{C}/{id}/assignments/{id}", READ_SCRIPTS, 200),
    row("PATCH",  "deviceManagement/{C}/{id}/assignments/{id}", WRITE_SCRIPTS, 200),
    row("DELETE", "deviceManagement/{C}/{id}/assignments/{id}", WRITE_SCRIPTS, 204),
    row("GET",    "deviceManagement/{C}/{id}/groupAssignments", READ_SCRIPTS, 200),
    row("POST",   "deviceManagement/{C}/{id}/groupAssignments", WRITE_SCRIPTS, 201),
    row("GET",    "deviceManagement/{C}/{id}/groupAssignments/$count", READ_SCRIPTS, 200),
    row("GET",    "deviceManagement/{C}/{id}/groupAssignments/{id}", READ_SCRIPTS, 200),
    row("PATCH",  "deviceManagement/{C}/{id}/groupAssignments/{id}", WRITE_SCRIPTS, 200),
    row("DELETE", "deviceManagement/{C}/{id}/groupAssignments/{id}", WRITE_SCRIPTS, 204),

    row("GET",    "deviceManagement", READ_STATES, 200),
    row("GET",    "deviceManagement/{C}/{id}/runSummary", READ_STATES, 200),
    row("PATCH",  "deviceManagement/{C}/{id}/runSummary", WRITE_STATES, 200),

    row("GET",    "deviceManagement/{C}/{id}/deviceRunStates", READ_STATES, 200),
    row("POST",   "deviceManagement/{C}/{id}/deviceRunStates", WRITE_STATES, 201),
    row("GET",    "deviceManagement/{C}/{id}/deviceRunStates/$count", READ_STATES, 200),
    row("GET",    "deviceManagement/{C}/{id}/deviceRunStates/{id}", READ_STATES, 200),
    reported(     "deviceManagement/{C}/{id}/deviceRunStates/{id}"),
    row("DELETE", "deviceManagement/{C}/{id}/deviceRunStates/{id}", WRITE_STATES, 204),
    row("GET",    "deviceManagement/{C}/{id}/deviceRunStates/{id}/managedDevice", READ_STATES, 200),
    row("GET",    "deviceManagement/{C}/{id}/deviceRunStates/{id}/managedDevice/users", READ_DEVICE_USERS, 200),
    row("GET",    "deviceManagement/{C}/{id}/deviceRunStates/{id}/managedDevice/users/$count", READ_DEVICE_USERS, 200),
    row("GET",    "deviceManagement/{C}/{id}/deviceRunStates/{id}/managedDevice/users/{id}", READ_DEVICE_USERS, 200),

    row("GET",    "deviceManagement/{C}/{id}/userRunStates", READ_STATES, 200),
    row("POST",   "deviceManagement/{C}/{id}/userRunStates", WRITE_STATES, 201),
    row("GET",    "deviceManagement/{C}/{id}/userRunStates/$count", READ_STATES, 200),
    row("GET",    "deviceManagement/{C}/{id}/userRunStates/{id}", READ_STATES, 200),
    row("PATCH",  "deviceManagement/{C}/{id}/userRunStates/{id}", WRITE_STATES, 200),
    row("DELETE", "deviceManagement/{C}/{id}/userRunStates/{id}", WRITE_STATES, 204),
    row("GET",    "deviceManagement/{C}/{id}/userRunStates/{id}/deviceRunStates", READ_STATES, 200),
    row("POST",   "deviceManagement/{C}/{id}/userRunStates/{id}/deviceRunStates", WRITE_STATES, 201),
    row("GET",    "deviceManagement/{C}/{id}/userRunStates/{id}/deviceRunStates/$count", READ_STATES, 200),
    row("GET",    "deviceManagement/{C}/{id}/userRunStates/{id}/deviceRunStates/{id}", READ_STATES, 200),
    reported(     "deviceManagement/{C}/{id}/userRunStates/{id}/deviceRunStates/{id}"),
    row("DELETE", "deviceManagement/{C}/{id}/userRunStates/{id}/deviceRunStates/{id}", WRITE_STATES, 204),
    row("GET",    "deviceManagement/{C}/{id}/userRunStates/{id}/deviceRunStates/{id}/managedDevice", READ_STATES, 200),
    row("GET",    "deviceManagement/{C}/{id}/userRunStates/{id}/deviceRunStates/{id}/managedDevice/users", READ_DEVICE_USERS, 200),
    row("GET",    "deviceManagement/{C}/{id}/userRunStates/{id}/deviceRunStates/{id}/managedDevice/users/$count", READ_DEVICE_USERS, 200),
    row("GET",    "deviceManagement/{C}/{id}/userRunStates/{id}/deviceRunStates/{id}/managedDevice/users/{id}", READ_DEVICE_USERS, 200),

    row("GET",    "deviceManagement/assignmentFilters", READ_FILTERS, 200),
    row("POST",   "deviceManagement/assignmentFilters", WRITE_FILTERS, 201),
    row("GET",    "deviceManagement/assignmentFilters/$count", READ_FILTERS, 200),
    row("GET",    "deviceManagement/assignmentFilters/{id}", READ_FILTERS, 200),
    row("PATCH",  "deviceManagement/assignmentFilters/{id}", WRITE_FILTERS, 200),
    row("DELETE", "deviceManagement/assignmentFilters/{id}", WRITE_FILTERS, 204),

    row("GET",    "deviceManagement/managedDevices", READ_DEVICES, 200),
    row("POST",   "deviceManagement/managedDevices", WRITE_DEVICES, 201),
    row("GET",    "deviceManagement/managedDevices/$count", READ_DEVICES, 200),
    row("GET",    "deviceManagement/managedDevices/{id}", READ_DEVICES, 200),
    row("PATCH",  "deviceManagement/managedDevices/{id}", WRITE_DEVICES, 200),
    row("DELETE", "deviceManagement/managedDevices/{id}", WRITE_DEVICES, 204),
    row("GET",    "deviceManagement/managedDevices/{id}/users", READ_DEVICE_USERS, 200),
    row("GET",    "deviceManagement/managedDevices/{id}/users/$count", READ_DEVICE_USERS, 200),
    row("GET",    "deviceManagement/managedDevices/{id}/users/{id}", READ_DEVICE_USERS, 200),

    of_device("GET",  "deviceManagement/managedDevices/{id}/assignedScripts", READ_SCRIPTS, 200),
    of_device("GET",  "deviceManagement/managedDevices/{id}/assignedScripts/$count", READ_SCRIPTS, 200),
    of_device("GET",  "deviceManagement/managedDevices/{id}/assignedScripts/{id}", READ_SCRIPTS, 200),
    of_device("POST", "deviceManagement/managedDevices/{id}/reportInventory", &[], 204),
    of_device("POST", "deviceManagement/managedDevices/{id}/runstate.reportInventory", &[], 204),
    row("POST",   "deviceManagement/managedDevices/{id}/retire", RETIRE, 204),
    row("POST",   "deviceManagement/managedDevices/{id}/microsoft.graph.retire", RETIRE, 204),

    row("GET",    "deviceManagement/{C}/{id}/deviceRunStates/{id}/runs", READ_STATES, 200),
    row("GET",    "deviceManagement/{C}/{id}/deviceRunStates/{id}/runs/$count", READ_STATES, 200),
    row("GET",    "deviceManagement/{C}/{id}/deviceRunStates/{id}/runs/{id}", READ_STATES, 200),
    row("GET",    "deviceManagement/{C}/{id}/userRunStates/{id}/deviceRunStates/{id}/runs", READ_STATES, 200),
    row("GET",    "deviceManagement/{C}/{id}/userRunStates/{id}/deviceRunStates/{id}/runs/$count", READ_STATES, 200),
    row("GET",    "deviceManagement/{C}/{id}/userRunStates/{id}/deviceRunStates/{id}/runs/{id}", READ_STATES, 200),
    row("GET",    "deviceManagement/{C}/{id}/versions", READ_SCRIPTS, 200),
    row("GET",    "deviceManagement/{C}/{id}/versions/$count", READ_SCRIPTS, 200),
    row("GET",    "deviceManagement/{C}/{id}/versions/{id}", READ_SCRIPTS, 200),
    row("POST",   "deviceManagement/{C}/{id}/rollBack", WRITE_SCRIPTS, 200),
    row("POST",   "deviceManagement/{C}/{id}/runstate.rollBack", WRITE_SCRIPTS, 200),
    row("GET",    "deviceManagement/{C}/{id}/runRequests", READ_RUNS, 200),
    row("POST",   "deviceManagement/{C}/{id}/runRequests", WRITE_RUNS, 201),
    row("GET",    "deviceManagement/{C}/{id}/runRequests/$count", READ_RUNS, 200),
    row("GET",    "deviceManagement/{C}/{id}/runRequests/{id}", READ_RUNS, 200),
    row("POST",   "deviceManagement/{C}/{id}/runRequests/{id}/cancel", WRITE_RUNS, 204),
    row("POST",   "deviceManagement/{C}/{id}/runRequests/{id}/runstate.cancel", WRITE_RUNS, 204),

    row("GET",    "deviceManagement/auditEvents", READ_AUDIT, 200),
    row("GET",    "deviceManagement/auditEvents/$count", READ_AUDIT, 200),
    row("GET",    "deviceManagement/auditEvents/{id}", READ_AUDIT, 200),
    row("GET",    "deviceManagement/auditEvents/getAuditCategories", READ_AUDIT, 200),
    row("GET",    "deviceManagement/auditEvents/microsoft.graph.getAuditCategories", READ_AUDIT, 200),
    row("GET",    "deviceManagement/auditEvents/getAuditActivityTypes", READ_AUDIT, 200),
    row("GET",    "deviceManagement/auditEvents/microsoft.graph.getAuditActivityTypes", READ_AUDIT, 200),
    row("POST",   "deviceManagement/{C}/{id}/previewAssign", READ_SCRIPTS, 200),
    row("POST",   "deviceManagement/{C}/{id}/runstate.previewAssign", READ_SCRIPTS, 200),
    row("POST",   "deviceManagement/{C}/{id}/previewRunRequest", READ_RUNS, 200),
    row("POST",   "deviceManagement/{C}/{id}/runstate.previewRunRequest", READ_RUNS, 200),

    row("GET",    "runstate/outcomeSamples", READ_STATES, 200),
    row("GET",    "runstate/outcomeSamples/$count", READ_STATES, 200),
    row("GET",    "runstate/outcomeSamples/{id}", READ_STATES, 200),

    row("GET",    "runstate", READ_ENROLLMENT, 200),
    row("GET",    "runstate/enrollmentTokens", READ_ENROLLMENT, 200),
    row("POST",   "runstate/enrollmentTokens", WRITE_ENROLLMENT, 201),
    row("GET",    "runstate/enrollmentTokens/$count", READ_ENROLLMENT, 200),
    row("GET",    "runstate/enrollmentTokens/{id}", READ_ENROLLMENT, 200),
    row("DELETE", "runstate/enrollmentTokens/{id}", WRITE_ENROLLMENT, 204),

    row("GET",    "subscriptions", READ_SUBSCRIPTIONS, 200),
    row("POST",   "subscriptions", READ_SCRIPTS, 201),
    row("GET",    "subscriptions/$count", READ_SUBSCRIPTIONS, 200),
    row("GET",    "subscriptions/{id}", READ_SUBSCRIPTIONS, 200),
    row("PATCH",  "subscriptions/{id}", READ_SCRIPTS, 200),
    row("DELETE", "subscriptions/{id}", READ_STATES, 204),
    row("POST",   "subscriptions/{id}/reauthorize", READ_SCRIPTS, 204),
    row("POST",   "subscriptions/{id}/microsoft.graph.reauthorize", READ_SCRIPTS, 204),

    row("GET",    "users", READ_USERS, 200),
    row("POST",   "users", WRITE_USERS, 201),
    row("GET",    "users/$count", READ_USERS, 200),
    row("GET",    "users/{id}", READ_USERS, 200),
    row("PATCH",  "users/{id}", WRITE_USERS, 200),
    row("DELETE", "users/{id}", WRITE_USERS, 204),

    row("GET",    "groups", READ_GROUPS, 200),
    row("POST",   "groups", WRITE_GROUPS, 201),
    row("GET",    "groups/$count", READ_GROUPS, 200),
    row("GET",    "groups/{id}", READ_GROUPS, 200),
    row("PATCH",  "groups/{id}", WRITE_GROUPS, 200),
    row("DELETE", "groups/{id}", WRITE_GROUPS, 204),
    row("GET",    "groups/{id}/members", READ_GROUPS, 200),
    row("GET",    "groups/{id}/members/$count", READ_GROUPS, 200),
    row("GET",    "groups/{id}/members/$ref", READ_GROUPS, 200),
    row("POST",   "groups/{id}/members/$ref", WRITE_MEMBERS, 204),
    row("GET",    "groups/{id}/members/{id}", READ_GROUPS, 200),
    row("DELETE", "groups/{id}/members/{id}/$ref", WRITE_MEMBERS, 204),
    row("GET",    "groups/{id}/transitiveMembers", READ_GROUPS, 200),
    row("GET",    "groups/{id}/transitiveMembers/$count", READ_GROUPS, 200),
    row("GET",    "groups/{id}/transitiveMembers/{id}", READ_GROUPS, 200),
];
