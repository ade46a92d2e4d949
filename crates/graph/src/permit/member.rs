//! Which members of a group a caller may see whole.
//!
//! Whoever may read a group learns the type and the id of each member; all else needs leave to read
//! that member at its own address.
//!
//! Source: Graph, "Overview of Microsoft Graph permissions", "Limited information returned for
//! inaccessible member objects".

use runstate_odata::edm::StructuredType;

use super::{Caller, Denied, authorize::may_read, rules::RULES};
use crate::entity::{DIRECTORY_OBJECT, GROUP, MANAGED_DEVICE, USER};

/// What a directory object may be, each with the path of the rule for reading one.
static PATHS: [(&StructuredType, &str); 3] = [
    (&USER, "users/{id}"),
    (&GROUP, "groups/{id}"),
    (&MANAGED_DEVICE, "deviceManagement/managedDevices/{id}"),
];

/// Whether `caller` may see all of a member of the type `ty`, and not its id alone.
pub fn sees_whole(ty: &StructuredType, caller: &Caller) -> bool {
    read_type(ty, caller).is_ok()
}

/// Checks that `caller` may read entities of the type `ty` at their own address. A type without
/// such an address is denied to all.
pub(super) fn read_type(ty: &StructuredType, caller: &Caller) -> Result<(), Denied> {
    let path = PATHS.iter().find(|(of, _)| *of == ty);
    let rule = path.and_then(|(_, path)| RULES.iter().find(|rule| rule.path == *path));
    may_read(rule, caller)
}

/// Checks that `caller` may read whatever a directory object may turn out to be.
pub(super) fn read_every_type(caller: &Caller) -> Result<(), Denied> {
    let mut types = DIRECTORY_OBJECT.derived.iter();
    types.try_for_each(|ty| read_type(ty, caller))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_type_of_member_has_a_rule() {
        for ty in DIRECTORY_OBJECT.derived {
            let path = PATHS.iter().find(|(of, _)| of == ty);
            let (_, path) = path.unwrap_or_else(|| panic!("{} has no path", ty.name));
            assert!(RULES.iter().any(|rule| rule.path == *path), "{path}");
        }
    }
}
