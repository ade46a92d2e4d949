//! Names looked up in a schema.

use crate::{
    Error, ErrorKind,
    edm::{EnumType, Model, NavigationProperty, Property, StructuredType},
    grammar::ast::Column,
};

/// The one item of that exact name, or else the one whose name differs only by case.
pub(super) fn find<T: Copy>(
    items: impl Iterator<Item = T> + Clone,
    name: &str,
    name_of: impl Fn(T) -> &'static str,
) -> Option<T> {
    if let Some(exact) = items.clone().find(|item| name_of(*item) == name) {
        return Some(exact);
    }
    let mut similar = items.filter(|item| name_of(*item).eq_ignore_ascii_case(name));
    match (similar.next(), similar.next()) {
        (Some(item), None) => Some(item),
        _ => None,
    }
}

/// The property of that name.
pub(super) fn property(ty: &StructuredType, name: &str) -> Option<&'static Property> {
    find(ty.properties.iter().copied(), name, |p| p.name)
}

/// The navigation property of that name.
pub(super) fn navigation(ty: &StructuredType, name: &str) -> Option<&'static NavigationProperty> {
    find(ty.navigation.iter().copied(), name, |n| n.name)
}

/// The type or one derived from it, by its qualified name.
pub(super) fn cast(
    model: &Model,
    ty: &'static StructuredType,
    qualified: &str,
) -> Option<&'static StructuredType> {
    let name = model.unqualified(qualified)?;
    let family = std::iter::once(ty).chain(ty.derived.iter().copied());
    find(family, name, |t| t.name)
}

/// The enumeration of that qualified name.
pub(super) fn enum_type(model: &Model, qualified: &str) -> Option<&'static EnumType> {
    let name = model.unqualified(qualified)?;
    find(model.enums.iter().copied(), name, |e| e.name)
}

/// What every check knows: the schema, and which option the text stands in.
#[derive(Clone, Copy)]
pub(super) struct Context<'a> {
    pub(super) model: &'a Model,
    pub(super) option: &'static str,
}

impl Context<'_> {
    /// A fault at `column`.
    pub(super) fn error(
        self,
        kind: ErrorKind,
        column: Column,
        message: impl Into<String>,
    ) -> Error {
        Error::new(kind, self.option, column.0, message)
    }

    /// The fault that a type has no such property, in the words of Microsoft Graph.
    pub(super) fn unknown_property(self, column: Column, name: &str, ty: &str) -> Error {
        let ty = self.model.qualified(ty);
        let message = format!("Could not find a property named '{name}' on type '{ty}'.");
        self.error(ErrorKind::UnknownName, column, message)
    }
}
