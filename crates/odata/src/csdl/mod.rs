//! `$metadata`: a schema written as CSDL XML (OData CSDL XML 4.01), and the service document.
//!
//! The document says version 4.0, since it holds nothing newer and the answers of the service are
//! of that version; a reader of 4.01 reads it too.

mod bindings;
mod xml;

use self::xml::Writer;
use crate::edm::{
    Access, Action, EnumType, Function, Model, NavigationProperty, Property, StructuredKind,
    StructuredType, Type,
};

/// Fraction digits of a second, which CSDL otherwise takes to be none: ticks of 100 ns.
const TICK_DIGITS: &str = "7";

/// The schema as one CSDL XML document.
pub fn xml(model: &Model) -> String {
    let mut xml = Writer::new();
    let edmx = [
        ("Version", "4.0"),
        ("xmlns:edmx", "http://docs.oasis-open.org/odata/ns/edmx"),
    ];
    xml.open("edmx:Edmx", &edmx);
    let core = "https://oasis-tcs.github.io/odata-vocabularies/vocabularies/Org.OData.Core.V1.xml";
    xml.open("edmx:Reference", &[("Uri", core)]);
    xml.empty("edmx:Include", &[("Namespace", CORE), ("Alias", "Core")]);
    xml.close();
    xml.open("edmx:DataServices", &[]);
    if let Some(extension) = model.extension {
        let schema = [("Namespace", extension.namespace), ("xmlns", EDM)];
        xml.open("Schema", &schema);
        schema_members(&mut xml, model, true);
        xml.close();
    }
    let schema = [
        ("Namespace", model.namespace),
        ("Alias", model.alias()),
        ("xmlns", EDM),
    ];
    xml.open("Schema", &schema);
    schema_members(&mut xml, model, false);
    entity_container(&mut xml, model);
    xml.finish()
}

/// The types and actions that are in the extension's namespace, or those that are not.
fn schema_members(xml: &mut Writer, model: &Model, of_extension: bool) {
    let (enums, types, extending) = match &model.extension {
        Some(extension) => (extension.enums, extension.types, extension.actions),
        None => Default::default(),
    };
    for ty in model.enums {
        if enums.contains(ty) == of_extension {
            enum_type(xml, ty);
        }
    }
    for ty in model.types {
        if types.contains(ty) == of_extension {
            structured_type(xml, model, ty);
        }
    }
    let is_wanted = |action: &Action| {
        let extends = extending.iter().any(|known| known.name == action.name);
        extends == of_extension
    };
    for ty in model.types {
        actions(xml, model, ty, is_wanted);
        // None is of an extension.
        if !of_extension {
            for item in ty.collection_functions {
                function(xml, item, &collection_of(true, qualified(model, ty.name)));
            }
        }
    }
}

/// The namespace of CSDL's own elements.
const EDM: &str = "http://docs.oasis-open.org/odata/ns/edm";

/// The vocabulary whose terms say who sets a property.
const CORE: &str = "Org.OData.Core.V1";

/// One entry of the service document (OData JSON Format 4.01, 5): a root of paths.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ServiceItem {
    /// Its name.
    pub name: &'static str,
    /// `EntitySet` or `Singleton`.
    pub kind: &'static str,
    /// Its URL relative to the service root.
    pub url: &'static str,
}

/// What the service document lists.
pub fn service_document(model: &Model) -> Vec<ServiceItem> {
    let roots = model.container.iter().map(|root| root.navigation);
    let item = |navigation: &'static NavigationProperty| ServiceItem {
        name: navigation.name,
        kind: container_kind(navigation),
        url: navigation.name,
    };
    roots.map(item).collect()
}

fn container_kind(navigation: &NavigationProperty) -> &'static str {
    if navigation.collection {
        "EntitySet"
    } else {
        "Singleton"
    }
}

/// CSDL 10: an enumeration type. The underlying type is Edm.Int32 where none is named.
fn enum_type(xml: &mut Writer, ty: &EnumType) {
    let mut attributes = vec![("Name", ty.name)];
    if ty.flags {
        attributes.push(("IsFlags", "true"));
    }
    xml.open("EnumType", &attributes);
    for (name, value) in ty.members {
        xml.empty("Member", &[("Name", name), ("Value", &value.to_string())]);
    }
    xml.close();
}

/// CSDL 6 and 9: an entity type or a complex type, without what its base type has.
fn structured_type(xml: &mut Writer, model: &Model, ty: &'static StructuredType) {
    let element = match ty.kind {
        StructuredKind::Entity => "EntityType",
        StructuredKind::Complex => "ComplexType",
    };
    let mut attributes = vec![("Name", ty.name)];
    let base = ty.base.map(|base| qualified(model, base.name));
    attributes.extend(base.as_deref().map(|base| ("BaseType", base)));
    if ty.is_abstract {
        attributes.push(("Abstract", "true"));
    }
    xml.open(element, &attributes);
    if ty.kind == StructuredKind::Entity && ty.base.is_none() {
        xml.open("Key", &[]);
        xml.empty("PropertyRef", &[("Name", "id")]);
        xml.close();
    }
    for item in ty.properties {
        if ty
            .base
            .is_none_or(|base| base.property(item.name).is_none())
        {
            property(xml, model, item);
        }
    }
    for item in ty.navigation {
        if ty
            .base
            .is_none_or(|base| base.navigation(item.name).is_none())
        {
            navigation_property(xml, model, item);
        }
    }
    xml.close();
}

/// CSDL 7: a structural property, with the term that says who sets it.
fn property(xml: &mut Writer, model: &Model, property: &Property) {
    let ty = collection_of(property.collection, type_name(model, property.ty));
    let mut attributes = vec![("Name", property.name), ("Type", ty.as_str())];
    if !property.nullable {
        attributes.push(("Nullable", "false"));
    }
    let max_length = property.max_length.map(|most| most.to_string());
    attributes.extend(max_length.as_deref().map(|most| ("MaxLength", most)));
    if matches!(property.ty, Type::DateTimeOffset | Type::Duration) {
        attributes.push(("Precision", TICK_DIGITS));
    }
    let term = match property.access {
        Access::ReadWrite => return xml.empty("Property", &attributes),
        Access::Create => "Immutable",
        Access::Computed => "Computed",
    };
    xml.open("Property", &attributes);
    let term = format!("{CORE}.{term}");
    xml.empty("Annotation", &[("Term", &term), ("Bool", "true")]);
    xml.close();
}

/// CSDL 8: a navigation property. One to a single entity may lead nowhere, which is what its
/// `Nullable` means by default; one to many has no such attribute.
fn navigation_property(xml: &mut Writer, model: &Model, navigation: &NavigationProperty) {
    let ty = collection_of(
        navigation.collection,
        qualified(model, navigation.target.name),
    );
    let mut attributes = vec![("Name", navigation.name), ("Type", ty.as_str())];
    if navigation.contained {
        attributes.push(("ContainsTarget", "true"));
    }
    xml.empty("NavigationProperty", &attributes);
}

/// CSDL 12: the actions bound to a type and to collections of it, without those of its base type.
fn actions(
    xml: &mut Writer,
    model: &Model,
    ty: &'static StructuredType,
    is_wanted: impl Fn(&Action) -> bool,
) {
    let of_base =
        |of: fn(&StructuredType) -> &'static [&'static Action]| ty.base.map(of).unwrap_or_default();
    let is_new = |action: &Action, of_base: &[&Action]| {
        is_wanted(action) && of_base.iter().all(|a| a.name != action.name)
    };
    let on_one = of_base(|base| base.actions);
    let on_many = of_base(|base| base.collection_actions);
    for item in ty.actions.iter().filter(|a| is_new(a, on_one)) {
        action(xml, item, &qualified(model, ty.name));
    }
    for item in ty.collection_actions.iter().filter(|a| is_new(a, on_many)) {
        action(xml, item, &collection_of(true, qualified(model, ty.name)));
    }
}

fn action(xml: &mut Writer, action: &Action, bound_to: &str) {
    xml.open("Action", &[("Name", action.name), ("IsBound", "true")]);
    let binding = [
        ("Name", "bindingParameter"),
        ("Type", bound_to),
        ("Nullable", "false"),
    ];
    xml.empty("Parameter", &binding);
    for (name, ty, nullable) in action.parameters {
        let mut attributes = vec![("Name", *name), ("Type", *ty)];
        if !nullable {
            attributes.push(("Nullable", "false"));
        }
        xml.empty("Parameter", &attributes);
    }
    if let Some(ty) = action.returns {
        xml.empty("ReturnType", &[("Type", ty)]);
    }
    xml.close();
}

/// CSDL 12: a bound function.
fn function(xml: &mut Writer, function: &Function, bound_to: &str) {
    xml.open("Function", &[("Name", function.name), ("IsBound", "true")]);
    let parameter = |xml: &mut Writer, name, ty, nullable: &[(&str, &str)]| {
        xml.empty(
            "Parameter",
            &[&[("Name", name), ("Type", ty)], nullable].concat(),
        );
    };
    parameter(xml, "bindingParameter", bound_to, &[("Nullable", "false")]);
    for name in function.parameters {
        parameter(xml, name, "Edm.String", &[]);
    }
    xml.empty("ReturnType", &[("Type", function.returns)]);
    xml.close();
}

/// CSDL 13: the roots of all paths, and where the navigation from them leads.
fn entity_container(xml: &mut Writer, model: &Model) {
    xml.open("EntityContainer", &[("Name", model.container_name)]);
    for root in model.container {
        let navigation = root.navigation;
        let ty = qualified(model, navigation.target.name);
        let ty_attribute = if navigation.collection {
            "EntityType"
        } else {
            "Type"
        };
        let attributes = [("Name", navigation.name), (ty_attribute, ty.as_str())];
        let bindings = bindings::of(model, navigation);
        if bindings.is_empty() {
            xml.empty(container_kind(navigation), &attributes);
            continue;
        }
        xml.open(container_kind(navigation), &attributes);
        for (path, target) in bindings {
            let attributes = [("Path", path.as_str()), ("Target", target.as_str())];
            xml.empty("NavigationPropertyBinding", &attributes);
        }
        xml.close();
    }
    xml.close();
}

/// The type's name in CSDL.
pub fn type_name(model: &Model, ty: Type) -> String {
    match ty {
        Type::String => "Edm.String".to_owned(),
        Type::Boolean => "Edm.Boolean".to_owned(),
        Type::Int32 => "Edm.Int32".to_owned(),
        Type::Int64 => "Edm.Int64".to_owned(),
        Type::DateTimeOffset => "Edm.DateTimeOffset".to_owned(),
        Type::Duration => "Edm.Duration".to_owned(),
        Type::Binary => "Edm.Binary".to_owned(),
        Type::Guid => "Edm.Guid".to_owned(),
        Type::Enum(ty) => qualified(model, ty.name),
        Type::Complex(ty) => qualified(model, ty.name),
    }
}

fn qualified(model: &Model, name: &str) -> String {
    model.qualified(name)
}

fn collection_of(many: bool, ty: String) -> String {
    if many {
        format!("Collection({ty})")
    } else {
        ty
    }
}
