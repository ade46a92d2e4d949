//! The whole schema, and the roots of all paths.

use runstate_odata::edm::{
    Acts, Extension, Model, NavigationProperty, Property, Root, StructuredType, Type,
};

use super::{
    audit::AUDIT_EVENTS, managed_device::MANAGED_DEVICE_ALONE, subscription::SUBSCRIPTIONS, *,
};

/// The namespace of every type.
pub const NAMESPACE: &str = "microsoft.graph";

/// A collection of the singleton, which is too large to be expanded into it.
const fn collection(name: &'static str, target: &'static StructuredType) -> NavigationProperty {
    NavigationProperty {
        expandable: false,
        ..NavigationProperty::contained(name, target, Acts::ALL)
    }
}

static SCRIPTS: NavigationProperty =
    collection("deviceManagementScripts", &DEVICE_MANAGEMENT_SCRIPT);
static SHELL_SCRIPTS: NavigationProperty = collection("deviceShellScripts", &DEVICE_SHELL_SCRIPT);
static CUSTOM_ATTRIBUTES: NavigationProperty = collection(
    "deviceCustomAttributeShellScripts",
    &DEVICE_CUSTOM_ATTRIBUTE_SHELL_SCRIPT,
);
static ASSIGNMENT_FILTERS: NavigationProperty = collection("assignmentFilters", &ASSIGNMENT_FILTER);
static MANAGED_DEVICES: NavigationProperty = collection("managedDevices", &MANAGED_DEVICE);

/// The singleton that holds what is managed.
pub static DEVICE_MANAGEMENT: StructuredType = StructuredType {
    navigation: &[
        &SCRIPTS,
        &SHELL_SCRIPTS,
        &CUSTOM_ATTRIBUTES,
        &ASSIGNMENT_FILTERS,
        &MANAGED_DEVICES,
        &AUDIT_EVENTS,
    ],
    ..StructuredType::entity("deviceManagement", &ENTITY, &[&ID])
};

static PAYLOAD_ID: Property = Property::new("payloadId", Type::String);
static HAS_LINK: Property = Property::new("hasLink", Type::Boolean);
static ERROR: Property = Property::new("error", Type::String);
static SOURCES: Property = Property::new("sources", Type::Enum(&ASSIGNMENT_SOURCE)).many();

/// An answer of `hasPayloadLinks`.
pub static HAS_PAYLOAD_LINK_RESULT_ITEM: StructuredType = StructuredType::complex(
    "hasPayloadLinkResultItem",
    &[&PAYLOAD_ID, &HAS_LINK, &ERROR, &SOURCES],
);

static DEVICE_MANAGEMENT_ROOT: NavigationProperty = NavigationProperty {
    contained: true,
    ..NavigationProperty::link("deviceManagement", &DEVICE_MANAGEMENT)
};
static RUNSTATE_ROOT: NavigationProperty = NavigationProperty {
    contained: true,
    ..NavigationProperty::link("runstate", &RUNSTATE)
};
static USERS: NavigationProperty = NavigationProperty::contained("users", &USER, Acts::ALL);
static GROUPS: NavigationProperty = NavigationProperty::contained("groups", &GROUP, Acts::ALL);

/// The schema of the service.
pub static MODEL: Model = Model {
    namespace: NAMESPACE,
    enums: &[
        &RUN_STATE,
        &RUN_AS_ACCOUNT_TYPE,
        &DEVICE_CUSTOM_ATTRIBUTE_VALUE_TYPE,
        &FILTER_TYPE,
        &ASSIGNMENT_SOURCE,
        &TARGET_TYPE,
        &DEVICE_PLATFORM_TYPE,
        &ASSIGNMENT_FILTER_MANAGEMENT_TYPE,
        &MANAGED_DEVICE_OWNER_TYPE,
        &OWNER_TYPE,
        &DEVICE_TYPE,
        &COMPLIANCE_STATE,
        &MANAGEMENT_AGENT_TYPE,
        &MANAGEMENT_STATE,
        &DEVICE_REGISTRATION_STATE,
        &MANAGED_DEVICE_ARCHITECTURE,
    ],
    types: &[
        &ENTITY,
        &DIRECTORY_OBJECT,
        &DEVICE_MANAGEMENT_SCRIPT,
        &DEVICE_SHELL_SCRIPT,
        &DEVICE_CUSTOM_ATTRIBUTE_SHELL_SCRIPT,
        &ASSIGNMENT,
        &GROUP_ASSIGNMENT,
        &DEVICE_STATE,
        &USER_STATE,
        &RUN_SUMMARY,
        &ASSIGNMENT_FILTER,
        &MANAGED_DEVICE,
        &USER,
        &GROUP,
        &AUDIT_EVENT,
        &DEVICE_MANAGEMENT,
        &ASSIGNMENT_TARGET,
        &ALL_DEVICES_TARGET,
        &ALL_LICENSED_USERS_TARGET,
        &GROUP_TARGET,
        &EXCLUSION_GROUP_TARGET,
        &CONFIGURATION_MANAGER_TARGET,
        &SCOPE_TAG_GROUP_TARGET,
        &PASSWORD_PROFILE,
        &AUDIT_ACTOR,
        &AUDIT_RESOURCE,
        &AUDIT_PROPERTY,
        &HAS_PAYLOAD_LINK_RESULT_ITEM,
        &RUN,
        &SCRIPT_VERSION,
        &RUN_REQUEST,
        &DEVICE_PREVIEW,
        &ENROLLMENT_TOKEN,
        &OUTCOME_SAMPLE,
        &ASSIGNED_SCRIPT,
        &RUNSTATE,
        &SUBSCRIPTION,
    ],
    container: &[
        Root {
            navigation: &DEVICE_MANAGEMENT_ROOT,
        },
        Root { navigation: &USERS },
        Root {
            navigation: &GROUPS,
        },
        Root {
            navigation: &RUNSTATE_ROOT,
        },
        Root {
            navigation: &SUBSCRIPTIONS,
        },
    ],
    container_name: "GraphService",
    extension: Some(Extension {
        namespace: "runstate",
        enums: &[],
        types: &[
            &RUN,
            &SCRIPT_VERSION,
            &RUN_REQUEST,
            &DEVICE_PREVIEW,
            &ENROLLMENT_TOKEN,
            &OUTCOME_SAMPLE,
            &ASSIGNED_SCRIPT,
            &RUNSTATE,
        ],
        actions: &[
            &ROLL_BACK,
            &CANCEL,
            &REPORT_INVENTORY,
            &PREVIEW_ASSIGN,
            &PREVIEW_RUN_REQUEST,
        ],
    }),
};

static MANAGED_DEVICES_V1: NavigationProperty = collection("managedDevices", &MANAGED_DEVICE_ALONE);
static DEVICE_MANAGEMENT_V1: StructuredType = StructuredType {
    navigation: &[&MANAGED_DEVICES_V1, &AUDIT_EVENTS],
    ..StructuredType::entity("deviceManagement", &ENTITY, &[&ID])
};
static DEVICE_MANAGEMENT_V1_ROOT: NavigationProperty = NavigationProperty {
    contained: true,
    ..NavigationProperty::link("deviceManagement", &DEVICE_MANAGEMENT_V1)
};

/// The schema below `/v1.0`, in which Graph has no device management scripts.
pub static MODEL_V1: Model = Model {
    types: &[
        &ENTITY,
        &DIRECTORY_OBJECT,
        &MANAGED_DEVICE_ALONE,
        &USER,
        &GROUP,
        &AUDIT_EVENT,
        &DEVICE_MANAGEMENT_V1,
        &PASSWORD_PROFILE,
        &AUDIT_ACTOR,
        &AUDIT_RESOURCE,
        &AUDIT_PROPERTY,
    ],
    container: &[
        Root {
            navigation: &DEVICE_MANAGEMENT_V1_ROOT,
        },
        Root { navigation: &USERS },
        Root {
            navigation: &GROUPS,
        },
    ],
    enums: &[
        &MANAGED_DEVICE_OWNER_TYPE,
        &OWNER_TYPE,
        &DEVICE_TYPE,
        &COMPLIANCE_STATE,
        &MANAGEMENT_AGENT_TYPE,
        &MANAGEMENT_STATE,
        &DEVICE_REGISTRATION_STATE,
        &MANAGED_DEVICE_ARCHITECTURE,
    ],
    extension: None,
    ..MODEL
};
