//! What may be done at the end of a path.

use runstate_odata::check::{ResourcePath, Tail};

/// An act on a resource. Each path serves at most one act a method.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Act {
    /// `GET` of a collection.
    List,
    /// `GET` of one entity.
    Get,
    /// `GET …/$count`.
    Count,
    /// `POST` to a collection.
    Create,
    /// `PATCH` of one entity.
    Update,
    /// `DELETE` of one entity.
    Delete,
    /// `GET …/$ref`.
    ListReferences,
    /// `POST …/$ref`.
    AddReference,
    /// `DELETE …/{id}/$ref`.
    RemoveReference,
    /// `POST` to an action.
    Invoke,
    /// `GET` of a function.
    Call,
}

impl Act {
    /// The HTTP method that asks for it.
    pub fn method(self) -> &'static str {
        match self {
            Self::List | Self::Get | Self::Count | Self::ListReferences | Self::Call => "GET",
            Self::Create | Self::AddReference | Self::Invoke => "POST",
            Self::Update => "PATCH",
            Self::Delete | Self::RemoveReference => "DELETE",
        }
    }

    /// Whether it changes nothing.
    pub fn is_read(self) -> bool {
        self.method() == "GET"
    }
}

/// The acts that the service serves at the end of `path`; empty where there is nothing but a way on.
pub fn acts(path: &ResourcePath) -> Vec<Act> {
    let Some(step) = path.steps.last() else {
        return Vec::new();
    };
    let served = step.navigation.acts;
    let collection = path.is_collection();
    let all = match &path.tail {
        Tail::Action(_) => vec![(true, Act::Invoke)],
        Tail::Function(..) => vec![(served.read, Act::Call)],
        Tail::Count => vec![(served.read && collection, Act::Count)],
        Tail::Reference if collection => {
            vec![
                (served.reference, Act::ListReferences),
                (served.reference, Act::AddReference),
            ]
        }
        Tail::Reference => vec![(served.reference, Act::RemoveReference)],
        Tail::Resource if collection => {
            vec![(served.read, Act::List), (served.create, Act::Create)]
        }
        Tail::Resource => vec![
            (served.read, Act::Get),
            (served.update, Act::Update),
            (served.delete, Act::Delete),
        ],
    };
    all.into_iter()
        .filter_map(|(is_served, act)| is_served.then_some(act))
        .collect()
}
