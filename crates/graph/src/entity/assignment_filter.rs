//! Filters that narrow an assignment to the devices for which a rule holds.

use runstate_odata::edm::{Property, StructuredType, Type};

use super::{ASSIGNMENT_FILTER_MANAGEMENT_TYPE, DEVICE_PLATFORM_TYPE, ENTITY, ID, LONGEST_NAME};

static CREATED: Property = Property::new("createdDateTime", Type::DateTimeOffset)
    .required()
    .computed();
static LAST_MODIFIED: Property = Property::new("lastModifiedDateTime", Type::DateTimeOffset)
    .required()
    .computed();
static DISPLAY_NAME: Property = Property::new("displayName", Type::String)
    .required()
    .searchable()
    .at_most(LONGEST_NAME);
static DESCRIPTION: Property = Property::new("description", Type::String).searchable();
static PLATFORM: Property = Property::new("platform", Type::Enum(&DEVICE_PLATFORM_TYPE)).required();
static RULE: Property = Property::new("rule", Type::String);
static ROLE_SCOPE_TAGS: Property = Property::new("roleScopeTags", Type::String).many();
static MANAGEMENT_TYPE: Property = Property::new(
    "assignmentFilterManagementType",
    Type::Enum(&ASSIGNMENT_FILTER_MANAGEMENT_TYPE),
)
.required();

/// A filter to which an assignment's target may refer by
/// `deviceAndAppManagementAssignmentFilterId`.
///
/// Source: Graph beta, deviceAndAppManagementAssignmentFilter.
pub static ASSIGNMENT_FILTER: StructuredType = StructuredType::entity(
    "deviceAndAppManagementAssignmentFilter",
    &ENTITY,
    &[
        &ID,
        &CREATED,
        &LAST_MODIFIED,
        &DISPLAY_NAME,
        &DESCRIPTION,
        &PLATFORM,
        &RULE,
        &ROLE_SCOPE_TAGS,
        &MANAGEMENT_TYPE,
    ],
);
