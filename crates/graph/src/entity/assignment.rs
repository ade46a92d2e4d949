//! Whom a script is for.

use runstate_odata::edm::{Property, StructuredType, Type};

use super::{ENTITY, FILTER_TYPE, ID, TARGET_TYPE};

static FILTER_ID: Property =
    Property::new("deviceAndAppManagementAssignmentFilterId", Type::String);
static FILTER_TYPE_: Property = Property::new(
    "deviceAndAppManagementAssignmentFilterType",
    Type::Enum(&FILTER_TYPE),
);
static GROUP_ID: Property = Property::new("groupId", Type::String);
static COLLECTION_ID: Property = Property::new("collectionId", Type::String);
static TARGET_TYPE_: Property = Property::new("targetType", Type::Enum(&TARGET_TYPE));
static ENTRA_OBJECT_ID: Property = Property::new("entraObjectId", Type::String);

/// The target of an assignment; told apart by `@odata.type`.
///
/// Source: Graph beta, deviceAndAppManagementAssignmentTarget.
pub static ASSIGNMENT_TARGET: StructuredType = StructuredType {
    derived: &[
        &ALL_DEVICES_TARGET,
        &ALL_LICENSED_USERS_TARGET,
        &GROUP_TARGET,
        &EXCLUSION_GROUP_TARGET,
        &CONFIGURATION_MANAGER_TARGET,
        &SCOPE_TAG_GROUP_TARGET,
    ],
    ..StructuredType::complex(
        "deviceAndAppManagementAssignmentTarget",
        &[&FILTER_ID, &FILTER_TYPE_],
    )
};

macro_rules! target {
    ($(#[$doc:meta])* $name:ident: $base:ident = $wire:literal, [$($own:ident),*], [$($derived:ident),*]) => {
        $(#[$doc])*
        pub static $name: StructuredType = StructuredType {
            base: Some(&$base),
            derived: &[$(&$derived),*],
            ..StructuredType::complex($wire, &[&FILTER_ID, &FILTER_TYPE_, $(&$own),*])
        };
    };
}

target! {
    /// Every device.
    ALL_DEVICES_TARGET: ASSIGNMENT_TARGET = "allDevicesAssignmentTarget", [], []
}
target! {
    /// Every licensed user.
    ALL_LICENSED_USERS_TARGET: ASSIGNMENT_TARGET = "allLicensedUsersAssignmentTarget", [], []
}
target! {
    /// The members of a group.
    GROUP_TARGET: ASSIGNMENT_TARGET = "groupAssignmentTarget", [GROUP_ID], [EXCLUSION_GROUP_TARGET]
}
target! {
    /// All but the members of a group.
    EXCLUSION_GROUP_TARGET: GROUP_TARGET = "exclusionGroupAssignmentTarget", [GROUP_ID], []
}
target! {
    /// A collection of Configuration Manager.
    CONFIGURATION_MANAGER_TARGET: ASSIGNMENT_TARGET =
        "configurationManagerCollectionAssignmentTarget", [COLLECTION_ID], []
}
target! {
    /// A scope tag's group; in the documentation's examples only.
    SCOPE_TAG_GROUP_TARGET: ASSIGNMENT_TARGET =
        "scopeTagGroupAssignmentTarget", [TARGET_TYPE_, ENTRA_OBJECT_ID], []
}

static TARGET: Property = Property::new("target", Type::Complex(&ASSIGNMENT_TARGET));

/// Assigns a script to a target.
///
/// Source: Graph beta, deviceManagementScriptAssignment.
pub static ASSIGNMENT: StructuredType =
    StructuredType::entity("deviceManagementScriptAssignment", &ENTITY, &[&ID, &TARGET]);

/// Part of the assignment's `id`, and so no longer than the ids that clients give.
static TARGET_GROUP_ID: Property = Property::new("targetGroupId", Type::String)
    .required()
    .at_most(256);

/// Assigns a script to a group, in the older form.
///
/// Source: Graph beta, deviceManagementScriptGroupAssignment.
pub static GROUP_ASSIGNMENT: StructuredType = StructuredType::entity(
    "deviceManagementScriptGroupAssignment",
    &ENTITY,
    &[&ID, &TARGET_GROUP_ID],
);
