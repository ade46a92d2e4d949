//! A small schema with one of everything.

use crate::edm::{
    Access, Action, Acts, EnumType, Function, Model, NavigationProperty, Property, Root,
    StructuredKind, StructuredType, Type,
};

pub(super) static RUN_STATE: EnumType = EnumType {
    name: "runState",
    members: &[("unknown", 0), ("success", 1), ("fail", 2)],
    flags: false,
};

static PLATFORMS: EnumType = EnumType {
    name: "platforms",
    members: &[("none", 0), ("windows", 1), ("macOS", 2), ("linux", 4)],
    flags: true,
};

const fn property(name: &'static str, ty: Type) -> Property {
    Property {
        name,
        ty,
        collection: false,
        nullable: true,
        access: Access::ReadWrite,
        searchable: false,
        single_only: false,
        max_length: None,
        stored: true,
    }
}

static ID: Property = Property {
    nullable: false,
    access: Access::Computed,
    ..property("id", Type::String)
};

const fn navigation(name: &'static str, target: &'static StructuredType) -> NavigationProperty {
    NavigationProperty {
        name,
        target,
        collection: true,
        contained: true,
        expandable: true,
        stored: true,
        acts: Acts {
            read: true,
            create: true,
            update: true,
            delete: true,
            reference: false,
        },
    }
}

const fn structured(name: &'static str, kind: StructuredKind) -> StructuredType {
    StructuredType {
        name,
        kind,
        base: None,
        is_abstract: false,
        properties: &[],
        navigation: &[],
        actions: &[],
        collection_actions: &[],
        collection_functions: &[],
        derived: &[],
    }
}

const fn entity(name: &'static str) -> StructuredType {
    StructuredType {
        base: Some(&ENTITY),
        ..structured(name, StructuredKind::Entity)
    }
}

static ENTITY: StructuredType = StructuredType {
    is_abstract: true,
    properties: &[&ID],
    ..structured("entity", StructuredKind::Entity)
};

static FILTER_ID: Property = property("filterId", Type::String);

pub(super) static TARGET: StructuredType = StructuredType {
    is_abstract: true,
    properties: &[&FILTER_ID],
    derived: &[&GROUP_TARGET],
    ..structured("target", StructuredKind::Complex)
};

static GROUP_TARGET: StructuredType = StructuredType {
    base: Some(&TARGET),
    properties: &[&FILTER_ID, &property("groupId", Type::String)],
    ..structured("groupTarget", StructuredKind::Complex)
};

static ASSIGNMENT: StructuredType = StructuredType {
    properties: &[&ID, &property("target", Type::Complex(&TARGET))],
    ..entity("assignment")
};

pub(super) static USER: StructuredType = StructuredType {
    properties: &[
        &ID,
        &property("mail", Type::String),
        &property("Mail", Type::String),
    ],
    navigation: &[
        &NavigationProperty {
            contained: false,
            ..navigation("devices", &DEVICE)
        },
        &NavigationProperty {
            collection: false,
            expandable: false,
            contained: false,
            ..navigation("manager", &USER)
        },
    ],
    ..entity("user")
};

static DEVICE: StructuredType = StructuredType {
    properties: &[&ID, &property("deviceName", Type::String)],
    navigation: &[&NavigationProperty {
        contained: false,
        ..navigation("users", &USER)
    }],
    ..entity("device")
};

pub(super) static STATE: StructuredType = StructuredType {
    properties: &[
        &ID,
        &property("runState", Type::Enum(&RUN_STATE)),
        &property("errorCode", Type::Int32),
        &property("size", Type::Int64),
        &property("updated", Type::DateTimeOffset),
        &property("message", Type::String),
    ],
    navigation: &[&NavigationProperty {
        collection: false,
        contained: false,
        ..navigation("device", &DEVICE)
    }],
    ..entity("state")
};

static SUMMARY: StructuredType = StructuredType {
    properties: &[&ID, &property("successCount", Type::Int32)],
    ..entity("summary")
};

pub(super) static SCRIPT: StructuredType = StructuredType {
    properties: &[
        &ID,
        &Property {
            searchable: true,
            ..property("displayName", Type::String).at_most(64)
        },
        &Property {
            single_only: true,
            ..property("content", Type::Binary)
        },
        &Property {
            access: Access::Computed,
            nullable: false,
            ..property("created", Type::DateTimeOffset)
        },
        &Property {
            access: Access::Create,
            ..property("frequency", Type::Duration)
        },
        &property("retryCount", Type::Int32),
        &property("enabled", Type::Boolean),
        &property("platforms", Type::Enum(&PLATFORMS)),
        &Property {
            collection: true,
            nullable: false,
            ..property("tags", Type::String)
        },
        &property("target", Type::Complex(&TARGET)),
        &Property {
            collection: true,
            nullable: false,
            ..property("parts", Type::Complex(&TARGET))
        },
        &property("correlation", Type::Guid),
    ],
    navigation: &[
        &navigation("assignments", &ASSIGNMENT),
        &navigation("states", &STATE),
        &NavigationProperty {
            collection: false,
            ..navigation("summary", &SUMMARY)
        },
    ],
    actions: &[&Action {
        name: "assign",
        parameters: &[(
            "assignments",
            "Collection(microsoft.graph.assignment)",
            true,
        )],
        returns: None,
    }],
    collection_actions: &[&Action {
        name: "hasLinks",
        parameters: &[("ids", "Collection(Edm.String)", false)],
        returns: Some("Collection(Edm.Boolean)"),
    }],
    collection_functions: &[
        &Function {
            name: "kinds",
            parameters: &[],
            returns: "Collection(Edm.String)",
        },
        &Function {
            name: "sortsOf",
            parameters: &["kind"],
            returns: "Collection(Edm.String)",
        },
    ],
    ..entity("script")
};

static MANAGEMENT: StructuredType = StructuredType {
    properties: &[&ID],
    navigation: &[&navigation("scripts", &SCRIPT)],
    ..entity("management")
};

pub(super) static MODEL: Model = Model {
    namespace: "microsoft.graph",
    enums: &[&RUN_STATE, &PLATFORMS],
    types: &[
        &ENTITY,
        &TARGET,
        &GROUP_TARGET,
        &ASSIGNMENT,
        &USER,
        &DEVICE,
        &STATE,
        &SUMMARY,
        &SCRIPT,
        &MANAGEMENT,
    ],
    container: &[
        Root {
            navigation: &NavigationProperty {
                collection: false,
                ..navigation("management", &MANAGEMENT)
            },
        },
        Root {
            navigation: &navigation("devices", &DEVICE),
        },
        Root {
            navigation: &navigation("users", &USER),
        },
    ],
    container_name: "Service",
    extension: None,
};
