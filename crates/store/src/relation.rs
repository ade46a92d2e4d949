//! How the rows at the two ends of a navigation property find one another.

use runstate_odata::edm::{NavigationProperty, StructuredType};

/// What makes a row the child of a parent. Where the child's table has a `tenant_id`, it is the
/// caller's tenant besides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Relation {
    /// Each of these columns of the child equals the value beside it.
    Columns(&'static [(&'static str, End)]),
    /// The child's `id` is that of a member of the parent, a group.
    Members {
        /// Members of member groups too.
        transitive: bool,
    },
}

/// What a column of a child equals.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// The parent's column of that name.
    Parent(&'static str),
    /// Nought, which stands for "the script's own" in `user_state_pk`.
    Zero,
}

/// The relation of a stored type's navigation property; none from what is not stored, such as the
/// `deviceManagement` singleton.
pub fn of(source: &StructuredType, navigation: &NavigationProperty) -> Option<Relation> {
    use End::{Parent, Zero};
    let columns: &'static [(&'static str, End)] = match (source.name, navigation.name) {
        (
            _,
            "assignments" | "groupAssignments" | "userRunStates" | "runSummary" | "versions"
            | "runRequests",
        ) => &[("script_pk", Parent("pk"))],
        (_, "runs") => &[("state_pk", Parent("pk"))],
        // The script's key comes first in every index of run states.
        ("deviceManagementScriptUserState", "deviceRunStates") => &[
            ("script_pk", Parent("script_pk")),
            ("user_state_pk", Parent("pk")),
        ],
        (_, "deviceRunStates") => &[("script_pk", Parent("pk")), ("user_state_pk", Zero)],
        (_, "managedDevice") => &[("id", Parent("device_id"))],
        ("managedDevice", "users") => &[("id", Parent("user_id"))],
        (_, "members") => return Some(Relation::Members { transitive: false }),
        (_, "transitiveMembers") => return Some(Relation::Members { transitive: true }),
        _ => return None,
    };
    Some(Relation::Columns(columns))
}
