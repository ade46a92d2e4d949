//! What a path leads to.

use crate::edm::{Action, Function, NavigationProperty, StructuredType};

/// A path whose every segment exists in the schema.
#[derive(Debug, Clone, PartialEq)]
pub struct ResourcePath {
    /// The navigation steps from the service root, each with the key that follows it.
    pub steps: Vec<PathStep>,
    /// What is asked of the last step's end.
    pub tail: Tail,
}

/// One navigation property of a path.
#[derive(Debug, Clone, PartialEq)]
pub struct PathStep {
    /// The property, from the type at the end of the step before.
    pub navigation: &'static NavigationProperty,
    /// The key that picks one entity of a collection, decoded.
    pub key: Option<String>,
}

/// The end of a path.
#[derive(Debug, Clone)]
pub enum Tail {
    /// The entity or the collection itself.
    Resource,
    /// `/$count`
    Count,
    /// `/$ref`
    Reference,
    /// A bound action.
    Action(&'static Action),
    /// A bound function, with a text for each of its parameters, in their order.
    Function(&'static Function, Vec<String>),
}

impl PartialEq for Tail {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Resource, Self::Resource)
            | (Self::Count, Self::Count)
            | (Self::Reference, Self::Reference) => true,
            (Self::Action(a), Self::Action(b)) => std::ptr::eq(*a, *b),
            (Self::Function(a, these), Self::Function(b, those)) => {
                std::ptr::eq(*a, *b) && these == those
            }
            _ => false,
        }
    }
}

impl ResourcePath {
    /// The type at the end; none for the service root.
    pub fn ty(&self) -> Option<&'static StructuredType> {
        self.steps.last().map(|step| step.navigation.target)
    }

    /// Whether the end is a collection rather than one entity.
    pub fn is_collection(&self) -> bool {
        self.steps
            .last()
            .is_some_and(|step| step.navigation.collection && step.key.is_none())
    }
}
