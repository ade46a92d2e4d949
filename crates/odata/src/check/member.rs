//! Paths from a row to its properties.

use super::{
    names::{self, Context},
    query::{Member, Step, Variable},
};
use crate::{
    Error, ErrorKind,
    edm::{NavigationProperty, StructuredType, Type},
    grammar::ast::{Column, MemberPath},
};

/// How many navigation properties one path may follow: each is one more relation to look into.
pub const MAX_NAVIGATION: usize = 8;

/// What a path leads to.
#[derive(Clone, Copy)]
pub(super) enum End {
    /// The row itself, or the item that a variable stands for, or either after a cast.
    Row(&'static StructuredType),
    /// A value, or a collection of values.
    Value { ty: Type, collection: bool },
    /// A related row, or a collection of them.
    Related(&'static NavigationProperty),
}

impl End {
    /// Whether there may be many.
    pub(super) fn is_collection(self) -> bool {
        match self {
            Self::Row(_) => false,
            Self::Value { collection, .. } => collection,
            Self::Related(navigation) => navigation.collection,
        }
    }

    /// What one item of the collection is.
    pub(super) fn item(self) -> Item {
        match self {
            Self::Row(ty) => Item::Structured(ty),
            Self::Value {
                ty: Type::Complex(ty),
                ..
            } => Item::Structured(ty),
            Self::Value { ty, .. } => Item::Primitive(ty),
            Self::Related(navigation) => Item::Structured(navigation.target),
        }
    }
}

/// What a variable stands for.
#[derive(Clone, Copy)]
pub(super) enum Item {
    /// Something with properties.
    Structured(&'static StructuredType),
    /// A value.
    Primitive(Type),
}

/// The names in scope: the row's own properties and the variables around.
pub(super) struct Scope<'a> {
    pub(super) context: Context<'a>,
    /// The type of the row.
    pub(super) ty: &'static StructuredType,
    /// The variables of the quantifiers around, outermost first.
    pub(super) variables: Vec<(String, Item)>,
}

impl Scope<'_> {
    /// Follows a path. A name that is no variable is a property of the row, even within a
    /// quantifier (OData URL Conventions, 5.1.1.13).
    pub(super) fn resolve(&self, path: &MemberPath) -> Result<(Member, End), Error> {
        let (root, start, rest) = self.root(path);
        let mut member = Member {
            root,
            steps: Vec::new(),
        };
        let mut end = match start {
            Item::Structured(ty) => End::Row(ty),
            Item::Primitive(ty) => End::Value {
                ty,
                collection: false,
            },
        };
        // A variable of primitive values is all that can be wrong before the first step.
        let mut before = path
            .segments
            .first()
            .map_or("$it", |(_, name)| name.as_str());
        for (column, name) in rest {
            let ty = self.owner(end, *column, before, name)?;
            let (step, next) = self.step(ty, *column, name)?;
            if let Some(step) = step {
                member.steps.push(step);
            }
            let is_related = |step: &&Step| matches!(step, Step::Navigation(_));
            if member.steps.iter().filter(is_related).count() > MAX_NAVIGATION {
                let message =
                    format!("The path has more than {MAX_NAVIGATION} navigation properties");
                return Err(self.context.error(ErrorKind::TooComplex, *column, message));
            }
            end = next;
            before = name;
        }
        Ok((member, end))
    }

    /// Where a path starts, and its segments after that.
    fn root<'p>(&self, path: &'p MemberPath) -> (Variable, Item, &'p [(Column, String)]) {
        let row = Item::Structured(self.ty);
        let Some(((_, first), rest)) = path.segments.split_first() else {
            return (Variable(0), row, &[]);
        };
        if first == "$it" {
            return (Variable(0), row, rest);
        }
        // The innermost variable of a name hides those around.
        let variables = self.variables.iter().zip(1_u8..);
        match variables.filter(|((name, _), _)| name == first).last() {
            Some(((_, item), number)) => (Variable(number), *item, rest),
            None => (Variable(0), row, &path.segments),
        }
    }

    /// The type in which the next name is looked up.
    fn owner(
        &self,
        end: End,
        column: Column,
        before: &str,
        name: &str,
    ) -> Result<&'static StructuredType, Error> {
        let fail = |kind, message| Err(self.context.error(kind, column, message));
        if name == "$count" {
            let message = "'$count' of a collection is not supported in an expression".to_owned();
            return fail(ErrorKind::Unsupported, message);
        }
        if end.is_collection() {
            let message = format!("'{before}' is a collection: its items need any or all");
            return fail(ErrorKind::Type, message);
        }
        match end.item() {
            Item::Structured(ty) => Ok(ty),
            Item::Primitive(_) => {
                let message =
                    format!("'{before}' is a primitive value and has no property '{name}'");
                fail(ErrorKind::UnknownName, message)
            }
        }
    }

    /// One name: a type to cast to (to the type itself is no step), or a property.
    fn step(
        &self,
        ty: &'static StructuredType,
        column: Column,
        name: &str,
    ) -> Result<(Option<Step>, End), Error> {
        if name.contains('.') {
            return match names::cast(self.context.model, ty, name) {
                Some(target) if target == ty => Ok((None, End::Row(ty))),
                Some(target) => Ok((Some(Step::Cast(target)), End::Row(target))),
                None => {
                    let message = format!("'{name}' is not a type derived from '{}'", ty.name);
                    Err(self.context.error(ErrorKind::UnknownName, column, message))
                }
            };
        }
        if let Some(property) = names::property(ty, name) {
            if !property.stored && self.context.option != "$select" {
                let message = format!("'{name}' is not kept, so nothing can be found by it");
                return Err(self.context.error(ErrorKind::Unsupported, column, message));
            }
            let end = End::Value {
                ty: property.ty,
                collection: property.collection,
            };
            return Ok((Some(Step::Property(property)), end));
        }
        match names::navigation(ty, name) {
            Some(navigation) if !navigation.stored => {
                let message = format!("'{name}' is not kept, so nothing can be found by it");
                Err(self.context.error(ErrorKind::Unsupported, column, message))
            }
            Some(navigation) => Ok((Some(Step::Navigation(navigation)), End::Related(navigation))),
            None => Err(self.context.unknown_property(column, name, ty.name)),
        }
    }
}
