//! How a script's last run ended: on a device, for a user, and in sum.

use runstate_odata::edm::{Acts, NavigationProperty, Property, StructuredType, Type};

use super::{ENTITY, ID, RUN_STATE, managed_device::MANAGED_DEVICE_ALONE, run::RUNS};

static RUN_STATE_: Property = Property::new("runState", Type::Enum(&RUN_STATE)).required();
static RESULT_MESSAGE: Property = Property::new("resultMessage", Type::String);
static LAST_STATE_UPDATE: Property =
    Property::new("lastStateUpdateDateTime", Type::DateTimeOffset).required();
static ERROR_CODE: Property = Property::new("errorCode", Type::Int32).required();
static ERROR_DESCRIPTION: Property = Property::new("errorDescription", Type::String);
static MANAGED_DEVICE_LINK: NavigationProperty =
    NavigationProperty::link("managedDevice", &MANAGED_DEVICE_ALONE);

/// The last run of a script on a device.
///
/// Source: Graph beta, deviceManagementScriptDeviceState.
pub static DEVICE_STATE: StructuredType = StructuredType {
    navigation: &[&MANAGED_DEVICE_LINK, &RUNS],
    ..StructuredType::entity(
        "deviceManagementScriptDeviceState",
        &ENTITY,
        &[
            &ID,
            &RUN_STATE_,
            &RESULT_MESSAGE,
            &LAST_STATE_UPDATE,
            &ERROR_CODE,
            &ERROR_DESCRIPTION,
        ],
    )
};

static SUCCESS_DEVICE_COUNT: Property = Property::new("successDeviceCount", Type::Int32).required();
static ERROR_DEVICE_COUNT: Property = Property::new("errorDeviceCount", Type::Int32).required();
static USER_PRINCIPAL_NAME: Property =
    Property::new("userPrincipalName", Type::String).searchable();
static USER_DEVICE_RUN_STATES: NavigationProperty =
    NavigationProperty::contained("deviceRunStates", &DEVICE_STATE, Acts::ALL);

/// The runs of a script for one user, over that user's devices. Its counters are set by a client's
/// write, and counted anew whenever one of the nested device states changes.
///
/// Source: Graph beta, deviceManagementScriptUserState.
pub static USER_STATE: StructuredType = StructuredType {
    navigation: &[&USER_DEVICE_RUN_STATES],
    ..StructuredType::entity(
        "deviceManagementScriptUserState",
        &ENTITY,
        &[
            &ID,
            &SUCCESS_DEVICE_COUNT,
            &ERROR_DEVICE_COUNT,
            &USER_PRINCIPAL_NAME,
        ],
    )
};

static SUMMARY_SUCCESS_DEVICES: Property = Property::new("successDeviceCount", Type::Int32)
    .required()
    .computed();
static SUMMARY_ERROR_DEVICES: Property = Property::new("errorDeviceCount", Type::Int32)
    .required()
    .computed();
static SUMMARY_SUCCESS_USERS: Property = Property::new("successUserCount", Type::Int32)
    .required()
    .computed();
static SUMMARY_ERROR_USERS: Property = Property::new("errorUserCount", Type::Int32)
    .required()
    .computed();

/// How many devices and users a script succeeded and failed on. `fail` and `scriptError` are errors;
/// a user with any error is an error. Always exact, so no client sets it.
///
/// Source: Graph beta, deviceManagementScriptRunSummary.
pub static RUN_SUMMARY: StructuredType = StructuredType::entity(
    "deviceManagementScriptRunSummary",
    &ENTITY,
    &[
        &ID,
        &SUMMARY_SUCCESS_DEVICES,
        &SUMMARY_ERROR_DEVICES,
        &SUMMARY_SUCCESS_USERS,
        &SUMMARY_ERROR_USERS,
    ],
);
