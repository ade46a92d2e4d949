//! How results stood over time. In the namespace `runstate`.

use runstate_odata::edm::{Acts, NavigationProperty, Property, StructuredType, Type};

use super::{ENTITY, ID};

macro_rules! properties {
    ($($name:ident = $wire:literal: $ty:expr;)+) => {
        $(static $name: Property = Property::new($wire, $ty).required().computed();)+
        static PROPERTIES: &[&Property] = &[&ID, $(&$name),+];
    };
}

properties! {
    SAMPLED = "sampledDateTime": Type::DateTimeOffset;
    SUCCESS_COUNT = "successCount": Type::Int64;
    ERROR_COUNT = "errorCount": Type::Int64;
    PENDING_COUNT = "pendingCount": Type::Int64;
    OTHER_COUNT = "otherCount": Type::Int64;
}

/// How many device run states of all scripts had which outcome at some moment: one sample an hour, kept
/// as long as the history. `errorCount` is of `fail` and `scriptError`.
pub static OUTCOME_SAMPLE: StructuredType =
    StructuredType::entity("outcomeSample", &ENTITY, PROPERTIES);

/// The samples of a tenant.
pub(super) static OUTCOME_SAMPLES: NavigationProperty = NavigationProperty {
    expandable: false,
    ..NavigationProperty::contained("outcomeSamples", &OUTCOME_SAMPLE, Acts::READ)
};
