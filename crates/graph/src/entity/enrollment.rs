//! How devices come into a tenant, and what they are told to run. All in the namespace `runstate`,
//! but for `retire`, which is Graph's.

use runstate_odata::edm::{Action, Acts, NavigationProperty, Property, StructuredType, Type};

use super::{
    DEVICE_CUSTOM_ATTRIBUTE_VALUE_TYPE, ENTITY, ID, LONGEST_NAME, RUN_AS_ACCOUNT_TYPE,
    outcome::OUTCOME_SAMPLES,
};

static DISPLAY_NAME: Property = Property::new("displayName", Type::String)
    .searchable()
    .at_most(LONGEST_NAME);
static CREATED: Property = Property::new("createdDateTime", Type::DateTimeOffset)
    .required()
    .computed();
static EXPIRATION: Property =
    Property::new("expirationDateTime", Type::DateTimeOffset).create_only();
static GROUP_ID: Property = Property::new("groupId", Type::String).create_only();
static MAXIMUM_USES: Property = Property::new("maximumUses", Type::Int32).create_only();
static USE_COUNT: Property = Property::new("useCount", Type::Int32).required().computed();
static TOKEN_VALUE: Property = Property::new("tokenValue", Type::String).unstored();

/// What lets devices enrol: as often as `maximumUses` says (null: any number of times) until
/// `expirationDateTime` (null: for ever), each becoming a member of the group `groupId` where one is
/// given. The answer to its creation alone shows `tokenValue`; only a hash is kept.
pub static ENROLLMENT_TOKEN: StructuredType = StructuredType::entity(
    "enrollmentToken",
    &ENTITY,
    &[
        &ID,
        &DISPLAY_NAME,
        &CREATED,
        &EXPIRATION,
        &GROUP_ID,
        &MAXIMUM_USES,
        &USE_COUNT,
        &TOKEN_VALUE,
    ],
);

static ENROLLMENT_TOKENS: NavigationProperty = NavigationProperty {
    expandable: false,
    ..NavigationProperty::contained(
        "enrollmentTokens",
        &ENROLLMENT_TOKEN,
        Acts {
            create: true,
            delete: true,
            ..Acts::READ
        },
    )
};

/// The singleton that holds what has no place in Graph.
pub static RUNSTATE: StructuredType = StructuredType {
    navigation: &[&ENROLLMENT_TOKENS, &OUTCOME_SAMPLES],
    ..StructuredType::entity("service", &ENTITY, &[&ID])
};

macro_rules! properties {
    ($($name:ident = $wire:literal: $ty:expr $(, $build:ident)*;)+) => {
        $(static $name: Property = Property::new($wire, $ty)$(.$build())*.computed();)+
        static ASSIGNED: &[&Property] = &[&ID, $(&$name),+];
    };
}

properties! {
    SCRIPT_TYPE = "scriptType": Type::String, required;
    SCRIPT_NAME = "displayName": Type::String, required;
    FILE_NAME = "fileName": Type::String;
    VERSION = "version": Type::Int32, required;
    RUN_AS_ACCOUNT = "runAsAccount": Type::Enum(&RUN_AS_ACCOUNT_TYPE), required;
    ENFORCE_SIGNATURE_CHECK = "enforceSignatureCheck": Type::Boolean;
    RUN_AS_32_BIT = "runAs32Bit": Type::Boolean;
    EXECUTION_FREQUENCY = "executionFrequency": Type::Duration;
    RETRY_COUNT = "retryCount": Type::Int32;
    BLOCK_NOTIFICATIONS = "blockExecutionNotifications": Type::Boolean;
    CUSTOM_ATTRIBUTE_TYPE = "customAttributeType": Type::Enum(&DEVICE_CUSTOM_ATTRIBUTE_VALUE_TYPE);
    STATE_ID = "deviceRunStateId": Type::String, required;
    RUN_REQUEST_ID = "runRequestId": Type::String;
    SCRIPT_CONTENT = "scriptContent": Type::Binary, single_only;
}

/// A script that a device has to run, as its agent needs it. `id` is the script's; `scriptType` the
/// name of its type; `version` the number of its content (0: it has none); `deviceRunStateId` the
/// run state to report to; `runRequestId` the oldest request to run it now that has not started.
/// Follows from assignments and is stored nowhere.
pub static ASSIGNED_SCRIPT: StructuredType =
    StructuredType::entity("assignedScript", &ENTITY, ASSIGNED);

/// The scripts that a device has to run.
pub(super) static ASSIGNED_SCRIPTS: NavigationProperty = NavigationProperty {
    expandable: false,
    stored: false,
    ..NavigationProperty::contained("assignedScripts", &ASSIGNED_SCRIPT, Acts::READ)
};

/// A device tells what has changed about it: facts by the names of `managedDevice`'s properties, and
/// the accounts that are logged on.
pub static REPORT_INVENTORY: Action = Action {
    name: "reportInventory",
    parameters: &[
        ("device", "microsoft.graph.managedDevice", false),
        ("loggedOnUsers", "Collection(Edm.String)", false),
    ],
    returns: None,
};

/// Ends a device's enrolment: its tokens stop working at once. The device and its results stay.
///
/// Source: Graph beta, managedDevice: retire.
pub static RETIRE: Action = Action {
    name: "retire",
    parameters: &[],
    returns: None,
};

/// The facts of a device that its agent may tell; all else is the administrators' or the service's.
pub const FACTS: &[&str] = &[
    "deviceName",
    "operatingSystem",
    "osVersion",
    "deviceType",
    "serialNumber",
    "manufacturer",
    "model",
    "processorArchitecture",
    "physicalMemoryInBytes",
    "totalStorageSpaceInBytes",
    "freeStorageSpaceInBytes",
    "ethernetMacAddress",
    "wiFiMacAddress",
    "isEncrypted",
    "skuFamily",
];
