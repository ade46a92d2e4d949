//! The three kinds of script.

use runstate_odata::edm::{Action, Acts, NavigationProperty, Property, StructuredType, Type};

use super::{
    ASSIGNMENT, DEVICE_CUSTOM_ATTRIBUTE_VALUE_TYPE, DEVICE_STATE, ENTITY, GROUP_ASSIGNMENT, ID,
    LONGEST_NAME, RUN_AS_ACCOUNT_TYPE, RUN_SUMMARY, USER_STATE,
    run::{PREVIEW_ASSIGN, PREVIEW_RUN_REQUEST, ROLL_BACK, RUN_REQUESTS, VERSIONS},
};

static DISPLAY_NAME: Property = Property::new("displayName", Type::String)
    .required()
    .searchable()
    .at_most(LONGEST_NAME);
static DESCRIPTION: Property = Property::new("description", Type::String).searchable();
static SCRIPT_CONTENT: Property = Property::new("scriptContent", Type::Binary).single_only();
static CREATED: Property = Property::new("createdDateTime", Type::DateTimeOffset)
    .required()
    .computed();
static LAST_MODIFIED: Property = Property::new("lastModifiedDateTime", Type::DateTimeOffset)
    .required()
    .computed();
static RUN_AS_ACCOUNT: Property =
    Property::new("runAsAccount", Type::Enum(&RUN_AS_ACCOUNT_TYPE)).required();
static FILE_NAME: Property = Property::new("fileName", Type::String).searchable();
static ROLE_SCOPE_TAG_IDS: Property = Property::new("roleScopeTagIds", Type::String).many();

static ENFORCE_SIGNATURE_CHECK: Property =
    Property::new("enforceSignatureCheck", Type::Boolean).required();
static RUN_AS_32_BIT: Property = Property::new("runAs32Bit", Type::Boolean).required();
static EXECUTION_FREQUENCY: Property = Property::new("executionFrequency", Type::Duration);
static RETRY_COUNT: Property = Property::new("retryCount", Type::Int32).required();
static BLOCK_NOTIFICATIONS: Property =
    Property::new("blockExecutionNotifications", Type::Boolean).required();
static CUSTOM_ATTRIBUTE_NAME: Property =
    Property::new("customAttributeName", Type::String).create_only();
static CUSTOM_ATTRIBUTE_TYPE: Property = Property::new(
    "customAttributeType",
    Type::Enum(&DEVICE_CUSTOM_ATTRIBUTE_VALUE_TYPE),
)
.required()
.create_only();

static GROUP_ASSIGNMENTS: NavigationProperty =
    NavigationProperty::contained("groupAssignments", &GROUP_ASSIGNMENT, Acts::ALL);
static ASSIGNMENTS: NavigationProperty =
    NavigationProperty::contained("assignments", &ASSIGNMENT, Acts::ALL);
static RUN_SUMMARY_: NavigationProperty = NavigationProperty {
    contained: true,
    acts: Acts {
        update: true,
        ..Acts::READ
    },
    ..NavigationProperty::link("runSummary", &RUN_SUMMARY)
};
static DEVICE_RUN_STATES: NavigationProperty =
    NavigationProperty::contained("deviceRunStates", &DEVICE_STATE, Acts::ALL);
static USER_RUN_STATES: NavigationProperty =
    NavigationProperty::contained("userRunStates", &USER_STATE, Acts::ALL);

/// Replaces a script's assignments.
pub static ASSIGN: Action = Action {
    name: "assign",
    parameters: &[
        (
            "deviceManagementScriptGroupAssignments",
            "Collection(microsoft.graph.deviceManagementScriptGroupAssignment)",
            true,
        ),
        (
            "deviceManagementScriptAssignments",
            "Collection(microsoft.graph.deviceManagementScriptAssignment)",
            true,
        ),
    ],
    returns: None,
};

/// Says of each given id whether it is a script that has assignments.
pub static HAS_PAYLOAD_LINKS: Action = Action {
    name: "hasPayloadLinks",
    parameters: &[("payloadIds", "Collection(Edm.String)", true)],
    returns: Some("Collection(microsoft.graph.hasPayloadLinkResultItem)"),
};

macro_rules! script {
    ($(#[$doc:meta])* $name:ident = $wire:literal, [$($own:ident),+], $collection_actions:expr) => {
        $(#[$doc])*
        pub static $name: StructuredType = StructuredType {
            navigation: &[
                &GROUP_ASSIGNMENTS,
                &ASSIGNMENTS,
                &RUN_SUMMARY_,
                &DEVICE_RUN_STATES,
                &USER_RUN_STATES,
                &VERSIONS,
                &RUN_REQUESTS,
            ],
            actions: &[&ASSIGN, &ROLL_BACK, &PREVIEW_ASSIGN, &PREVIEW_RUN_REQUEST],
            collection_actions: $collection_actions,
            ..StructuredType::entity(
                $wire,
                &ENTITY,
                &[
                    &ID, $(&$own,)+ &DISPLAY_NAME, &DESCRIPTION, &SCRIPT_CONTENT, &CREATED,
                    &LAST_MODIFIED, &RUN_AS_ACCOUNT, &FILE_NAME, &ROLE_SCOPE_TAG_IDS,
                ],
            )
        };
    };
}

script! {
    /// A PowerShell script for Windows.
    DEVICE_MANAGEMENT_SCRIPT = "deviceManagementScript",
    [ENFORCE_SIGNATURE_CHECK, RUN_AS_32_BIT],
    &[&HAS_PAYLOAD_LINKS]
}
script! {
    /// A shell script for macOS or Linux.
    DEVICE_SHELL_SCRIPT = "deviceShellScript",
    [EXECUTION_FREQUENCY, RETRY_COUNT, BLOCK_NOTIFICATIONS],
    &[]
}
script! {
    /// A shell script whose output is the value of a custom attribute of the device.
    DEVICE_CUSTOM_ATTRIBUTE_SHELL_SCRIPT = "deviceCustomAttributeShellScript",
    [CUSTOM_ATTRIBUTE_NAME, CUSTOM_ATTRIBUTE_TYPE],
    &[]
}
