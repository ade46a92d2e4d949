//! What administrators did, and what was denied to whom.
//!
//! Source: Graph beta, auditEvent, auditActor, auditResource, auditProperty (Intune, auditing).

use runstate_odata::edm::{Acts, Function, NavigationProperty, Property, StructuredType, Type};

use super::{ENTITY, ID};

macro_rules! texts {
    ($($name:ident = $wire:literal;)+) => {
        $(static $name: Property = Property::new($wire, Type::String).computed();)+
    };
}

texts! {
    DISPLAY_NAME = "displayName";
    COMPONENT_NAME = "componentName";
    ACTIVITY = "activity";
    ACTIVITY_TYPE = "activityType";
    ACTIVITY_OPERATION_TYPE = "activityOperationType";
    ACTIVITY_RESULT = "activityResult";
    TYPE = "type";
    AUDIT_ACTOR_TYPE = "auditActorType";
    APPLICATION_ID = "applicationId";
    APPLICATION_DISPLAY_NAME = "applicationDisplayName";
    USER_PRINCIPAL_NAME = "userPrincipalName";
    SERVICE_PRINCIPAL_NAME = "servicePrincipalName";
    IP_ADDRESS = "ipAddress";
    USER_ID = "userId";
    AUDIT_RESOURCE_TYPE = "auditResourceType";
    RESOURCE_ID = "resourceId";
    OLD_VALUE = "oldValue";
    NEW_VALUE = "newValue";
}

static USER_PERMISSIONS: Property = Property::new("userPermissions", Type::String)
    .many()
    .computed();

/// Who did it. `servicePrincipalName` is a device's id, where it was a device.
pub static AUDIT_ACTOR: StructuredType = StructuredType::complex(
    "auditActor",
    &[
        &TYPE,
        &AUDIT_ACTOR_TYPE,
        &USER_PERMISSIONS,
        &APPLICATION_ID,
        &APPLICATION_DISPLAY_NAME,
        &USER_PRINCIPAL_NAME,
        &SERVICE_PRINCIPAL_NAME,
        &IP_ADDRESS,
        &USER_ID,
    ],
);

/// A property before and after.
pub static AUDIT_PROPERTY: StructuredType =
    StructuredType::complex("auditProperty", &[&DISPLAY_NAME, &OLD_VALUE, &NEW_VALUE]);

static MODIFIED_PROPERTIES: Property =
    Property::new("modifiedProperties", Type::Complex(&AUDIT_PROPERTY))
        .many()
        .computed();

/// What it was done to.
pub static AUDIT_RESOURCE: StructuredType = StructuredType::complex(
    "auditResource",
    &[
        &DISPLAY_NAME,
        &MODIFIED_PROPERTIES,
        &TYPE,
        &AUDIT_RESOURCE_TYPE,
        &RESOURCE_ID,
    ],
);

static ACTOR: Property = Property::new("actor", Type::Complex(&AUDIT_ACTOR)).computed();
static ACTIVITY_DATE_TIME: Property = Property::new("activityDateTime", Type::DateTimeOffset)
    .required()
    .computed();
/// Nullable, unlike Graph's: commands on the server's own machine have none.
static CORRELATION_ID: Property = Property::new("correlationId", Type::Guid).computed();
static RESOURCES: Property = Property::new("resources", Type::Complex(&AUDIT_RESOURCE))
    .many()
    .computed();
static CATEGORY: Property = Property::new("category", Type::String)
    .at_most(64)
    .computed();

/// An administrative act, or one that was denied. Events are only ever added; `id` tells their order.
pub static AUDIT_EVENT: StructuredType = StructuredType {
    collection_functions: &[&GET_AUDIT_CATEGORIES, &GET_AUDIT_ACTIVITY_TYPES],
    ..StructuredType::entity(
        "auditEvent",
        &ENTITY,
        &[
            &ID,
            &DISPLAY_NAME,
            &COMPONENT_NAME,
            &ACTOR,
            &ACTIVITY,
            &ACTIVITY_DATE_TIME,
            &ACTIVITY_TYPE,
            &ACTIVITY_OPERATION_TYPE,
            &ACTIVITY_RESULT,
            &CORRELATION_ID,
            &RESOURCES,
            &CATEGORY,
        ],
    )
};

/// The categories that there are.
pub static GET_AUDIT_CATEGORIES: Function = Function {
    name: "getAuditCategories",
    parameters: &[],
    returns: "Collection(Edm.String)",
};

/// The values of `activityType` in a category.
pub static GET_AUDIT_ACTIVITY_TYPES: Function = Function {
    name: "getAuditActivityTypes",
    parameters: &["category"],
    returns: "Collection(Edm.String)",
};

/// The events. Nobody changes them.
pub(super) static AUDIT_EVENTS: NavigationProperty = NavigationProperty {
    expandable: false,
    ..NavigationProperty::contained("auditEvents", &AUDIT_EVENT, Acts::READ)
};
