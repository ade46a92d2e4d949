//! What Graph does not have: every run of a script, every version of it, and runs on request.
//! All in the namespace `runstate`.

use runstate_odata::edm::{Action, Acts, NavigationProperty, Property, StructuredType, Type};

use super::{ENTITY, ID, RUN_STATE};

static RUN_STATE_: Property = Property::new("runState", Type::Enum(&RUN_STATE))
    .required()
    .computed();
static RESULT_MESSAGE: Property = Property::new("resultMessage", Type::String).computed();
static LAST_STATE_UPDATE: Property = Property::new("lastStateUpdateDateTime", Type::DateTimeOffset)
    .required()
    .computed();
static ERROR_CODE: Property = Property::new("errorCode", Type::Int32)
    .required()
    .computed();
static ERROR_DESCRIPTION: Property = Property::new("errorDescription", Type::String).computed();
static RECEIVED: Property = Property::new("receivedDateTime", Type::DateTimeOffset)
    .required()
    .computed();
static SCRIPT_VERSION_NUMBER: Property = Property::new("scriptVersion", Type::Int32).create_only();
static START: Property = Property::new("startDateTime", Type::DateTimeOffset).create_only();
static END: Property = Property::new("endDateTime", Type::DateTimeOffset).create_only();
static EXIT_CODE: Property = Property::new("exitCode", Type::Int32).create_only();
static ACCOUNT: Property = Property::new("account", Type::String).create_only();
static RUN_REQUEST_ID: Property = Property::new("runRequestId", Type::String).create_only();
static OUTPUT_TRUNCATED: Property = Property::new("outputTruncated", Type::Boolean)
    .required()
    .create_only();
static OUTPUT: Property = Property::new("output", Type::String)
    .create_only()
    .single_only();
static ERROR_OUTPUT: Property = Property::new("errorOutput", Type::String)
    .create_only()
    .single_only();

/// One run of a script on a device: the outcome as the run state showed it, and whatever the agent
/// told beside it in the annotation `@runstate.run` of its report. `id` is given by the device, so
/// that a report that is sent twice is one run.
///
/// `startDateTime` and `endDateTime` are the device's, set right by the server's clock;
/// `receivedDateTime` is the server's. `exitCode` is null where the script did not end by itself.
/// `output` and `errorOutput` are what it wrote, by the read of a single run.
pub static RUN: StructuredType = StructuredType::entity(
    "run",
    &ENTITY,
    &[
        &ID,
        &RUN_STATE_,
        &RESULT_MESSAGE,
        &LAST_STATE_UPDATE,
        &ERROR_CODE,
        &ERROR_DESCRIPTION,
        &RECEIVED,
        &SCRIPT_VERSION_NUMBER,
        &START,
        &END,
        &EXIT_CODE,
        &ACCOUNT,
        &RUN_REQUEST_ID,
        &OUTPUT_TRUNCATED,
        &OUTPUT,
        &ERROR_OUTPUT,
    ],
);

/// The annotation of a run state's `PATCH` in which an agent tells of the run: an object with the
/// properties of [`RUN`] that a client may set.
pub const RUN_ANNOTATION: &str = "@runstate.run";

/// The runs of a run state.
pub(super) static RUNS: NavigationProperty = NavigationProperty {
    expandable: false,
    ..NavigationProperty::contained("runs", &RUN, Acts::READ)
};

static NUMBER: Property = Property::new("number", Type::Int32).required().computed();
static CREATED: Property = Property::new("createdDateTime", Type::DateTimeOffset)
    .required()
    .computed();
static ROLLED_BACK_TO: Property = Property::new("rolledBackTo", Type::Int32).computed();
static SCRIPT_CONTENT: Property = Property::new("scriptContent", Type::Binary)
    .computed()
    .single_only();

/// What a script's content was from some moment on. Every change of the content makes a version with
/// the next `number`, and nothing changes one; `id` is the number in decimal.
pub static SCRIPT_VERSION: StructuredType = StructuredType::entity(
    "scriptVersion",
    &ENTITY,
    &[&ID, &NUMBER, &CREATED, &ROLLED_BACK_TO, &SCRIPT_CONTENT],
);

/// The versions of a script.
pub(super) static VERSIONS: NavigationProperty = NavigationProperty {
    expandable: false,
    ..NavigationProperty::contained("versions", &SCRIPT_VERSION, Acts::READ)
};

/// Gives a script the content of an earlier version again, as a new version.
pub static ROLL_BACK: Action = Action {
    name: "rollBack",
    parameters: &[("number", "Edm.Int32", false)],
    returns: Some("runstate.scriptVersion"),
};

static DEVICE_FILTER: Property = Property::new("deviceFilter", Type::String).create_only();
static DEVICE_COUNT: Property = Property::new("deviceCount", Type::Int32)
    .required()
    .computed();
static PENDING_COUNT: Property = Property::new("pendingCount", Type::Int32)
    .required()
    .computed();
static RUNNING_COUNT: Property = Property::new("runningCount", Type::Int32)
    .required()
    .computed();
static SUCCESS_COUNT: Property = Property::new("successCount", Type::Int32)
    .required()
    .computed();
static ERROR_COUNT: Property = Property::new("errorCount", Type::Int32)
    .required()
    .computed();
static CANCELED_COUNT: Property = Property::new("canceledCount", Type::Int32)
    .required()
    .computed();

/// That a script be run now: on every device that it is assigned to and whose run state passes
/// `deviceFilter`, an OData filter over the script's `deviceRunStates`
/// (`runState eq 'fail'`, `managedDevice/id eq '…'`); on all where there is none. The counts say how
/// far it has come.
pub static RUN_REQUEST: StructuredType = StructuredType {
    actions: &[&CANCEL],
    ..StructuredType::entity(
        "runRequest",
        &ENTITY,
        &[
            &ID,
            &CREATED,
            &DEVICE_FILTER,
            &DEVICE_COUNT,
            &PENDING_COUNT,
            &RUNNING_COUNT,
            &SUCCESS_COUNT,
            &ERROR_COUNT,
            &CANCELED_COUNT,
        ],
    )
};

/// The requests to run a script now.
pub(super) static RUN_REQUESTS: NavigationProperty = NavigationProperty {
    expandable: false,
    ..NavigationProperty::contained(
        "runRequests",
        &RUN_REQUEST,
        Acts {
            create: true,
            ..Acts::READ
        },
    )
};

static PREVIEW_DEVICE_COUNT: Property = Property::new("deviceCount", Type::Int32)
    .required()
    .computed();
static ADDED_DEVICE_COUNT: Property = Property::new("addedDeviceCount", Type::Int32)
    .required()
    .computed();
static REMOVED_DEVICE_COUNT: Property = Property::new("removedDeviceCount", Type::Int32)
    .required()
    .computed();
static DEVICE_IDS: Property = Property::new("deviceIds", Type::String).many().computed();

/// Which devices a change would have run a script, foretold: how many; how many of them do not have to
/// run it now, and how many others have to; and the ids of the first hundred.
pub static DEVICE_PREVIEW: StructuredType = StructuredType::complex(
    "devicePreview",
    &[
        &PREVIEW_DEVICE_COUNT,
        &ADDED_DEVICE_COUNT,
        &REMOVED_DEVICE_COUNT,
        &DEVICE_IDS,
    ],
);

/// Foretells what `assign` with the same body would do.
pub static PREVIEW_ASSIGN: Action = Action {
    name: "previewAssign",
    parameters: super::ASSIGN.parameters,
    returns: Some("runstate.devicePreview"),
};

/// Foretells whom a new run request with that filter would ask.
pub static PREVIEW_RUN_REQUEST: Action = Action {
    name: "previewRunRequest",
    parameters: &[("deviceFilter", "Edm.String", true)],
    returns: Some("runstate.devicePreview"),
};

/// Takes back what a request has not started yet.
pub static CANCEL: Action = Action {
    name: "cancel",
    parameters: &[],
    returns: None,
};
