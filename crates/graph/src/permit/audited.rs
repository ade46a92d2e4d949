//! Which acts the audit tells of, and in which words.
//!
//! Every path that may be changed has a category in [`AUDITED`]; a test holds the table against the
//! rules. The words are Intune's where it has some: `Create DeviceShellScript`.

use std::sync::LazyLock;

use runstate_odata::{
    check::{self, PathStep, ResourcePath, Tail},
    edm::StructuredType,
    grammar,
};

use super::{Act, Actor, acts};
use crate::entity;

const SCRIPTS: &str = "DeviceConfiguration";
const DEVICES: &str = "Device";
const ENROLLMENT: &str = "Enrollment";
const USERS: &str = "UserManagement";
const GROUPS: &str = "GroupManagement";
const SUBSCRIPTIONS: &str = "Subscription";
const APPLICATIONS: &str = "ApplicationManagement";
const AUTHORIZATION: &str = "Authorization";
/// Of what has a rule and no category, which a test lets nobody forget.
const OTHER: &str = "Other";

/// The category of every path that may be changed, by its rule's template.
pub static AUDITED: &[(&str, &str)] = &[
    ("deviceManagement/{C}", SCRIPTS),
    ("deviceManagement/{C}/{id}", SCRIPTS),
    ("deviceManagement/{C}/{id}/assign", SCRIPTS),
    ("deviceManagement/{C}/{id}/rollBack", SCRIPTS),
    ("deviceManagement/{C}/{id}/assignments", SCRIPTS),
    ("deviceManagement/{C}/{id}/assignments/{id}", SCRIPTS),
    ("deviceManagement/{C}/{id}/groupAssignments", SCRIPTS),
    ("deviceManagement/{C}/{id}/groupAssignments/{id}", SCRIPTS),
    ("deviceManagement/assignmentFilters", SCRIPTS),
    ("deviceManagement/assignmentFilters/{id}", SCRIPTS),
    ("deviceManagement/{C}/{id}/runSummary", DEVICES),
    ("deviceManagement/{C}/{id}/runRequests", DEVICES),
    ("deviceManagement/{C}/{id}/runRequests/{id}/cancel", DEVICES),
    ("deviceManagement/{C}/{id}/deviceRunStates", DEVICES),
    ("deviceManagement/{C}/{id}/deviceRunStates/{id}", DEVICES),
    ("deviceManagement/{C}/{id}/userRunStates", DEVICES),
    ("deviceManagement/{C}/{id}/userRunStates/{id}", DEVICES),
    (
        "deviceManagement/{C}/{id}/userRunStates/{id}/deviceRunStates",
        DEVICES,
    ),
    (
        "deviceManagement/{C}/{id}/userRunStates/{id}/deviceRunStates/{id}",
        DEVICES,
    ),
    ("deviceManagement/managedDevices", DEVICES),
    ("deviceManagement/managedDevices/{id}", DEVICES),
    ("deviceManagement/managedDevices/{id}/retire", DEVICES),
    ("runstate/enrollmentTokens", ENROLLMENT),
    ("runstate/enrollmentTokens/{id}", ENROLLMENT),
    ("users", USERS),
    ("users/{id}", USERS),
    ("groups", GROUPS),
    ("groups/{id}", GROUPS),
    ("groups/{id}/members/$ref", GROUPS),
    ("groups/{id}/members/{id}/$ref", GROUPS),
    ("subscriptions", SUBSCRIPTIONS),
    ("subscriptions/{id}", SUBSCRIPTIONS),
];

/// What is asked for by `POST` and changes nothing.
pub static ASKED: &[&str] = &[
    "deviceManagement/{C}/hasPayloadLinks",
    "deviceManagement/{C}/{id}/previewAssign",
    "deviceManagement/{C}/{id}/previewRunRequest",
    "subscriptions/{id}/reauthorize",
];

/// What is done otherwise than along a path of the API: category and `activityType`.
static BESIDE_PATHS: &[(&str, &str)] = &[
    (ENROLLMENT, Activity::ENROLL),
    (APPLICATIONS, Activity::CREATE_APPLICATION),
    (APPLICATIONS, Activity::DELETE_APPLICATION),
    (APPLICATIONS, Activity::ISSUE_TOKEN),
];

/// What is done, as the audit words it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Activity {
    /// `category`
    pub category: String,
    /// `componentName`
    pub component: String,
    /// `activityType`
    pub name: String,
    /// `activityOperationType`
    pub operation: String,
}

/// An act that the audit has to tell of, and who does it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Audited {
    /// What.
    pub activity: Activity,
    /// Who.
    pub actor: Actor,
}

/// Why something was denied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DenialReason {
    /// The token is a personal Microsoft account's.
    PersonalAccount,
    /// The token lacks every permission that would do.
    MissingPermission,
    /// The token is a device's, which may not do that.
    DeviceOnly,
    /// The token is a device's, and the thing another device's.
    OtherDevice,
    /// The token is that of a device that is retired.
    DeviceRetired,
    /// The token is signed as it should be, and not good: expired, or for another service.
    Token,
    /// The enrolment token has expired, or is used up, or leads nowhere.
    Enrollment,
}

impl DenialReason {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::PersonalAccount,
        Self::MissingPermission,
        Self::DeviceOnly,
        Self::OtherDevice,
        Self::DeviceRetired,
        Self::Token,
        Self::Enrollment,
    ];

    fn name(self) -> &'static str {
        match self {
            Self::PersonalAccount => "Deny PersonalAccount",
            Self::MissingPermission => "Deny MissingPermission",
            Self::DeviceOnly => "Deny DeviceAct",
            Self::OtherDevice => "Deny OtherDevice",
            Self::DeviceRetired => "Deny RetiredDevice",
            Self::Token => "Deny Token",
            Self::Enrollment => "Deny Enrollment",
        }
    }

    fn category(self) -> &'static str {
        match self {
            Self::Enrollment => ENROLLMENT,
            _ => AUTHORIZATION,
        }
    }

    /// A denial of what this HTTP method asked for.
    pub fn activity(self, method: &str) -> Activity {
        Activity {
            category: self.category().to_owned(),
            component: "Authorization".to_owned(),
            name: self.name().to_owned(),
            operation: match method {
                "POST" => "Create",
                "PATCH" => "Patch",
                "DELETE" => "Delete",
                _ => "Get",
            }
            .to_owned(),
        }
    }
}

impl Activity {
    /// A device has been enrolled.
    pub const ENROLL: &str = "Enroll ManagedDevice";
    /// An application has been registered.
    pub const CREATE_APPLICATION: &str = "Create Application";
    /// An application has been deleted, with its secrets and keys.
    pub const DELETE_APPLICATION: &str = "Delete Application";
    /// A token was made by `runstate token`.
    pub const ISSUE_TOKEN: &str = "Issue Token";

    /// What is done otherwise than along a path of the API, by one of the names here.
    pub fn beside_paths(name: &str, operation: &str) -> Self {
        let known = BESIDE_PATHS.iter().find(|(_, known)| *known == name);
        let category = known.map_or(OTHER, |(category, _)| category);
        Self {
            category: category.to_owned(),
            component: category.to_owned(),
            name: name.to_owned(),
            operation: operation.to_owned(),
        }
    }
}

/// What `act` at the end of `path` is, whose rule has that template; none for what changes nothing.
pub(super) fn activity(template: &str, path: &ResourcePath, act: Act) -> Option<Activity> {
    // A report of a run is in the history, whole and for good, whoever sends it.
    let is_report = act == Act::Update && path.ty() == Some(&entity::DEVICE_STATE);
    if act.is_read() || is_report || ASKED.contains(&template) {
        return None;
    }
    let category = AUDITED.iter().find(|(path, _)| *path == template);
    let root = path.steps.first().map(|step| step.navigation.name);
    let component = match root {
        Some("deviceManagement") => "DeviceManagement",
        Some("runstate") => "Enrollment",
        _ => "Directory",
    };
    Some(Activity {
        category: category.map_or(OTHER, |(_, category)| category).to_owned(),
        component: component.to_owned(),
        name: name(path, act),
        operation: match act {
            Act::Create | Act::AddReference => "Create",
            Act::Update => "Patch",
            Act::Delete | Act::RemoveReference => "Delete",
            _ => "Action",
        }
        .to_owned(),
    })
}

/// The words of an act: `Create DeviceShellScript`, `Assign DeviceShellScript`, `Create GroupMember`.
fn name(path: &ResourcePath, act: Act) -> String {
    let ty = path.ty().map(|ty| ty.name).unwrap_or_default();
    let owner = path.steps.iter().rev().nth(1);
    let member = || {
        let owner = owner.map(|step: &PathStep| step.navigation.target.name);
        format!("{}Member", capital(owner.unwrap_or_default()))
    };
    match (act, &path.tail) {
        (Act::Create, _) => format!("Create {}", capital(ty)),
        (Act::Update, _) => format!("Patch {}", capital(ty)),
        (Act::Delete, _) => format!("Delete {}", capital(ty)),
        (Act::AddReference, _) => format!("Create {}", member()),
        (Act::RemoveReference, _) => format!("Delete {}", member()),
        (_, Tail::Action(action)) => format!("{} {}", capital(action.name), capital(ty)),
        _ => format!("Change {}", capital(ty)),
    }
}

/// A type's name as the audit writes it: `deviceShellScript` is `DeviceShellScript`.
pub fn resource_type(ty: &StructuredType) -> String {
    capital(ty.name)
}

fn capital(name: &str) -> String {
    let mut letters = name.chars();
    let first = letters.next().map(|letter| letter.to_ascii_uppercase());
    first.into_iter().chain(letters).collect()
}

/// Every category with every `activityType` in it, in alphabetical order.
static TYPES: LazyLock<Vec<(&str, String)>> = LazyLock::new(|| {
    let mut all: Vec<(&str, String)> = Vec::new();
    for (template, category) in AUDITED {
        for path in paths(template) {
            let changes = acts(&path).into_iter();
            let changes = changes.filter(|act| activity(template, &path, *act).is_some());
            all.extend(changes.map(|act| (*category, name(&path, act))));
        }
    }
    let beside = BESIDE_PATHS.iter();
    all.extend(beside.map(|(category, name)| (*category, (*name).to_owned())));
    let denials = DenialReason::ALL.into_iter();
    all.extend(denials.map(|reason| (reason.category(), reason.name().to_owned())));
    all.sort();
    all.dedup();
    all
});

/// The paths of a template, with keys that stand for any.
fn paths(template: &str) -> Vec<ResourcePath> {
    let filled = template.replace("{id}", "x");
    let roots = entity::DEVICE_MANAGEMENT.navigation.iter();
    let scripts = roots.filter(|root| entity::SCRIPT_TYPES.contains(&root.target));
    let texts: Vec<String> = match filled.contains("{C}") {
        true => scripts
            .map(|root| filled.replace("{C}", root.name))
            .collect(),
        false => vec![filled],
    };
    let path = |text: &String| {
        let segments = grammar::path::parse(text).ok()?;
        check::path(&entity::MODEL, &segments).ok()
    };
    texts.iter().filter_map(path).collect()
}

/// The categories, in alphabetical order.
pub fn categories() -> Vec<&'static str> {
    let mut all: Vec<&str> = TYPES.iter().map(|(category, _)| *category).collect();
    all.dedup();
    all
}

/// The values of `activityType` in a category, in alphabetical order; none where there is no such.
pub fn activity_types(category: &str) -> Vec<&'static str> {
    let of_category = TYPES
        .iter()
        .filter(|(of, _)| of.eq_ignore_ascii_case(category));
    of_category.map(|(_, name)| name.as_str()).collect()
}

#[cfg(test)]
mod tests {
    use super::{super::rules::RULES, *};

    /// Whoever adds a path that changes something says here in which category the audit has it.
    #[test]
    fn every_rule_for_changing_has_a_category() {
        for rule in RULES.iter().filter(|rule| !rule.writes.is_empty()) {
            let rows = AUDITED.iter().filter(|(path, _)| *path == rule.path);
            let asked = usize::from(ASKED.contains(&rule.path));
            assert_eq!(rows.count() + asked, 1, "{}", rule.path);
        }
        for (path, _) in AUDITED {
            assert!(RULES.iter().any(|rule| rule.path == *path), "{path}");
            assert!(!paths(path).is_empty(), "{path}");
        }
    }

    #[test]
    fn every_activity_has_its_words() {
        assert_eq!(
            categories(),
            [
                APPLICATIONS,
                AUTHORIZATION,
                DEVICES,
                SCRIPTS,
                ENROLLMENT,
                GROUPS,
                SUBSCRIPTIONS,
                USERS
            ]
        );
        assert_eq!(
            activity_types("groupmanagement"),
            [
                "Create Group",
                "Create GroupMember",
                "Delete Group",
                "Delete GroupMember",
                "Patch Group"
            ]
        );
        assert!(activity_types(SCRIPTS).contains(&"RollBack DeviceShellScript"));
        assert!(activity_types(DEVICES).contains(&"Retire ManagedDevice"));
        assert!(activity_types(ENROLLMENT).contains(&"Deny Enrollment"));
        assert!(activity_types("nope").is_empty());
        assert!(!TYPES.iter().any(|(_, name)| name.starts_with("Change")));
    }
}
