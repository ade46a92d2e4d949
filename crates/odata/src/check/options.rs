//! Whole sets of query options.

use super::{
    filter::Operand,
    member::{End, Scope},
    names::{self, Context},
    query::{Expand, Order, Query, Select},
};
use crate::{
    Error, ErrorKind,
    edm::{Model, StructuredType, Type},
    grammar::ast::{ExpandItem, Options, OrderItem, SelectItem},
};

/// How deep `$expand` may nest.
pub const MAX_EXPAND_DEPTH: usize = 3;

/// Checks the options of a request for a collection of `ty`.
///
/// # Errors
///
/// The first fault; that of a nested option counts its column within the outermost `$expand`.
pub fn query(
    ty: &'static StructuredType,
    options: &Options,
    model: &Model,
) -> Result<Query, Error> {
    collection(Place::top(model), ty, options)
}

/// Checks the options of a request for one entity, for which there are only `$select` and `$expand`
/// (and `$format`, which is no matter of the query).
///
/// # Errors
///
/// The first fault.
pub fn entity_query(
    ty: &'static StructuredType,
    options: &Options,
    model: &Model,
) -> Result<Query, Error> {
    entity(Place::top(model), ty, options)
}

/// Checks the options of a request for the number of entities in a collection, for which there are
/// only `$filter` and `$search` (and `$format`, which is no matter of the query).
///
/// # Errors
///
/// The first fault.
pub fn count_query(
    ty: &'static StructuredType,
    options: &Options,
    model: &Model,
) -> Result<Query, Error> {
    let served = ["$filter", "$search", "$format"];
    refuse_others(
        Place::top(model),
        options,
        &served,
        "the count of a collection",
    )?;
    collection(Place::top(model), ty, options)
}

/// Where a set of options stands.
#[derive(Clone, Copy)]
struct Place<'a> {
    model: &'a Model,
    /// The column of the expanded property in `$expand`, and how many are around it.
    nested: Option<(crate::grammar::ast::Column, usize)>,
}

impl<'a> Place<'a> {
    fn top(model: &'a Model) -> Self {
        Self {
            model,
            nested: None,
        }
    }

    /// Where faults of an option are reported.
    fn context(self, option: &'static str) -> Context<'a> {
        Context {
            model: self.model,
            option: if self.nested.is_some() {
                "$expand"
            } else {
                option
            },
        }
    }

    /// A fault of an option as a whole.
    fn error(self, kind: ErrorKind, option: &'static str, message: String) -> Error {
        let column = self.nested.map(|(column, _)| column).unwrap_or_default();
        self.context(option).error(kind, column, message)
    }
}

fn collection(
    place: Place<'_>,
    ty: &'static StructuredType,
    options: &Options,
) -> Result<Query, Error> {
    let scope = |option| Scope {
        context: place.context(option),
        ty,
        variables: Vec::new(),
    };
    let filter = options.filter.as_ref();
    let filter = filter.map(|expr| scope("$filter").predicate(expr));
    let by = scope("$orderby");
    let orderby = options.orderby.iter().map(|item| order(&by, item));
    if options.search.is_some() && !ty.properties.iter().any(|p| p.searchable) {
        let message = format!("'{}' has no property that $search looks into", ty.name);
        return Err(place.error(ErrorKind::Unsupported, "$search", message));
    }
    if options.skip.is_some() && options.skiptoken.is_some() {
        let message = "$skip cannot be combined with $skiptoken, which says where to go on";
        return Err(place.error(ErrorKind::Unsupported, "$skip", message.to_owned()));
    }
    Ok(Query {
        ty,
        filter: filter.transpose()?,
        orderby: orderby.collect::<Result<_, _>>()?,
        select: select(&scope("$select"), &options.select)?,
        expand: expand(place, ty, &options.expand)?,
        search: options.search.clone(),
        top: options.top,
        skip: options.skip,
        count: options.count,
        skiptoken: options.skiptoken.clone(),
    })
}

fn entity(
    place: Place<'_>,
    ty: &'static StructuredType,
    options: &Options,
) -> Result<Query, Error> {
    refuse_others(
        place,
        options,
        &["$select", "$expand", "$format"],
        "one entity",
    )?;
    collection(place, ty, options)
}

/// Refuses every option that is set but not served.
fn refuse_others(
    place: Place<'_>,
    options: &Options,
    served: &[&str],
    what: &str,
) -> Result<(), Error> {
    let set = options.values().into_iter().map(|(option, _)| option);
    match set.into_iter().find(|option| !served.contains(option)) {
        Some(option) => {
            let message = format!("'{option}' does not apply to {what}");
            Err(place.error(ErrorKind::Unsupported, option, message))
        }
        None => Ok(()),
    }
}

/// A sort key; `operand` has refused collections, binary and whole entities.
fn order(scope: &Scope<'_>, item: &OrderItem) -> Result<Order, Error> {
    let fail = |message: &str| {
        let column = item.expr.column;
        Err(scope.context.error(ErrorKind::Type, column, message))
    };
    match scope.operand(&item.expr)? {
        Operand::Scalar(_, Type::Complex(_)) => {
            fail("A complex value has no order: name a property of it")
        }
        Operand::Scalar(by, _) => Ok(Order {
            by,
            descending: item.descending,
        }),
        Operand::Literal(_) => fail("A literal gives no order"),
    }
}

/// The properties that are named, in the order of the type's list. A navigation property is a name
/// too, though it adds no value: clients select what they expand.
fn select(scope: &Scope<'_>, items: &[SelectItem]) -> Result<Select, Error> {
    if items.is_empty() || items.contains(&SelectItem::All) {
        for item in items {
            selected(scope, item)?;
        }
        return Ok(Select::All);
    }
    let mut positions = Vec::new();
    for item in items {
        positions.extend(selected(scope, item)?);
    }
    positions.sort_unstable();
    positions.dedup();
    Ok(Select::Only(positions))
}

/// The position of the property that an item names, or that the named one is a part of.
fn selected(scope: &Scope<'_>, item: &SelectItem) -> Result<Option<usize>, Error> {
    let SelectItem::Path(path) = item else {
        return Ok(None);
    };
    let mut segments = path.segments.iter();
    let itself = |name: &str| names::cast(scope.context.model, scope.ty, name) == Some(scope.ty);
    let first = segments.find(|(_, name)| !(name.contains('.') && itself(name)));
    let Some((column, first)) = first else {
        let message = format!("'{path}' is a type: name a property");
        return Err(scope.context.error(ErrorKind::Type, path.column, message));
    };
    if names::navigation(scope.ty, first).is_some() && segments.next().is_none() {
        return Ok(None);
    }
    if names::navigation(scope.ty, first).is_some() {
        let message = format!("'{first}' is a navigation property: use $select within $expand");
        return Err(scope
            .context
            .error(ErrorKind::Unsupported, *column, message));
    }
    let Some(property) = names::property(scope.ty, first) else {
        return Err(scope
            .context
            .unknown_property(*column, first, scope.ty.name));
    };
    // What stands behind the property exists as well, though the whole of it is answered.
    let inner = crate::grammar::ast::MemberPath {
        column: path.column,
        segments: segments.cloned().collect(),
    };
    if !inner.segments.is_empty() {
        let Type::Complex(ty) = property.ty else {
            let message = format!("'{first}' has no properties of its own");
            return Err(scope
                .context
                .error(ErrorKind::UnknownName, *column, message));
        };
        let inside = Scope {
            context: scope.context,
            ty,
            variables: Vec::new(),
        };
        if let (_, End::Row(ty)) = inside.resolve(&inner)? {
            let message = format!("'{}' is a type: name a property of it", ty.name);
            return Err(scope.context.error(ErrorKind::Type, path.column, message));
        }
    }
    Ok(scope.ty.position(property.name))
}

fn expand(
    place: Place<'_>,
    ty: &'static StructuredType,
    items: &[ExpandItem],
) -> Result<Vec<Expand>, Error> {
    let context = place.context("$expand");
    let mut expanded: Vec<Expand> = Vec::new();
    for item in items {
        let fail = |kind, message: String| Err(context.error(kind, item.path.column, message));
        let [(column, name)] = item.path.segments.as_slice() else {
            let message = "A path within $expand is not supported: nest $expand in parentheses";
            return fail(ErrorKind::Unsupported, message.to_owned());
        };
        let Some(navigation) = names::navigation(ty, name) else {
            if names::property(ty, name).is_some() {
                let message = format!("'{name}' is not a navigation property");
                return fail(ErrorKind::Type, message);
            }
            return Err(context.unknown_property(*column, name, ty.name));
        };
        if !navigation.expandable {
            let message = format!("'{name}' cannot be expanded");
            return fail(ErrorKind::Unsupported, message);
        }
        if expanded.iter().any(|e| e.navigation == navigation) {
            return fail(ErrorKind::Syntax, format!("'{name}' is expanded twice"));
        }
        let depth = place.nested.map_or(1, |(_, depth)| depth + 1);
        if depth > MAX_EXPAND_DEPTH {
            let message = format!("$expand is nested more than {MAX_EXPAND_DEPTH} deep");
            return fail(ErrorKind::TooComplex, message);
        }
        let place = Place {
            model: place.model,
            nested: Some((*column, depth)),
        };
        let query = if navigation.collection {
            collection(place, navigation.target, &item.options)?
        } else {
            entity(place, navigation.target, &item.options)?
        };
        let options = item.options.to_string();
        expanded.push(Expand {
            navigation,
            query,
            options,
        });
    }
    Ok(expanded)
}
