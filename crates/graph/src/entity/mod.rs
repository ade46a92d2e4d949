//! The entities, each described once. JSON in and out, `$metadata`, the columns of the store, what
//! may be filtered and what a client may set all derive from these descriptions.
//!
//! Sources: the Graph beta documentation of each type, and the types of the Graph SDKs.

mod assignment;
mod assignment_filter;
mod audit;
mod directory;
mod enrollment;
mod enums;
mod managed_device;
mod model;
mod outcome;
mod run;
mod run_state;
mod script;
mod subscription;

pub use assignment::*;
pub use assignment_filter::ASSIGNMENT_FILTER;
pub use audit::{
    AUDIT_ACTOR, AUDIT_EVENT, AUDIT_PROPERTY, AUDIT_RESOURCE, GET_AUDIT_ACTIVITY_TYPES,
    GET_AUDIT_CATEGORIES,
};
pub use directory::*;
pub use enrollment::{
    ASSIGNED_SCRIPT, ENROLLMENT_TOKEN, FACTS, REPORT_INVENTORY, RETIRE, RUNSTATE,
};
pub use enums::*;
pub use managed_device::MANAGED_DEVICE;
pub use model::{DEVICE_MANAGEMENT, HAS_PAYLOAD_LINK_RESULT_ITEM, MODEL, MODEL_V1, NAMESPACE};
pub use outcome::OUTCOME_SAMPLE;
pub use run::{
    CANCEL, DEVICE_PREVIEW, PREVIEW_ASSIGN, PREVIEW_RUN_REQUEST, ROLL_BACK, RUN, RUN_ANNOTATION,
    RUN_REQUEST, SCRIPT_VERSION,
};
pub use run_state::*;
pub use script::*;
pub use subscription::{REAUTHORIZE, SECRET_ANNOTATION, SUBSCRIPTION};

use runstate_odata::edm::{Property, StructuredKind, StructuredType, Type};

/// How many characters a name has at most that lists are sorted by. Whole names go into the link to
/// the next page, and a URL has an end.
const LONGEST_NAME: u32 = 1024;

/// The key of every entity. Clients send it back in bodies; the service alone sets it.
pub static ID: Property = Property::new("id", Type::String).required().computed();

/// `microsoft.graph.entity`, from which all entities derive.
pub static ENTITY: StructuredType = StructuredType {
    name: "entity",
    kind: StructuredKind::Entity,
    base: None,
    is_abstract: true,
    properties: &[&ID],
    navigation: &[],
    actions: &[],
    collection_actions: &[],
    collection_functions: &[],
    derived: &[],
};

/// The types of script; each has a collection of its own under `deviceManagement`.
pub static SCRIPT_TYPES: [&StructuredType; 3] = [
    &DEVICE_MANAGEMENT_SCRIPT,
    &DEVICE_SHELL_SCRIPT,
    &DEVICE_CUSTOM_ATTRIBUTE_SHELL_SCRIPT,
];
