//! The Entity Data Model: what a schema says, and the values its properties hold.
//!
//! A schema is `static` data. Every list of properties is flat: it names the inherited ones too, in
//! the order in which JSON writes them; [`crate::csdl`] leaves out what the base type has.

mod date_time;
mod duration;
mod value;

pub use date_time::DateTimeOffset;
pub use duration::Duration;
pub use value::{Record, Value};

/// A whole schema: its types, and the container from which every path starts.
#[derive(Debug)]
pub struct Model {
    /// The namespace of every type, e.g. `microsoft.graph`.
    pub namespace: &'static str,
    /// The enumeration types, in the order in which `$metadata` lists them.
    pub enums: &'static [&'static EnumType],
    /// The entity and complex types, likewise.
    pub types: &'static [&'static StructuredType],
    /// The roots of all paths: entity sets (collections) and singletons.
    pub container: &'static [Root],
    /// The container's name.
    pub container_name: &'static str,
    /// What belongs to a namespace beside; none where there is one namespace only.
    pub extension: Option<Extension>,
}

/// A second namespace: what a service adds to the schema that it follows. Its types stand in
/// [`Model::enums`] and [`Model::types`] like all others; here is said which they are.
#[derive(Debug, Clone, Copy)]
pub struct Extension {
    /// The namespace, e.g. `runstate`.
    pub namespace: &'static str,
    /// The enumeration types in it.
    pub enums: &'static [&'static EnumType],
    /// The entity and complex types in it.
    pub types: &'static [&'static StructuredType],
    /// The actions in it, whatever types they are bound to.
    pub actions: &'static [&'static Action],
}

/// An entity set or a singleton of the container.
#[derive(Debug)]
pub struct Root {
    /// The first segment of a path. Treated as a navigation property from the service root.
    pub navigation: &'static NavigationProperty,
}

/// An entity type or a complex type.
pub struct StructuredType {
    /// The name without namespace.
    pub name: &'static str,
    /// Entity or complex.
    pub kind: StructuredKind,
    /// The base type.
    pub base: Option<&'static StructuredType>,
    /// Whether no value is of exactly this type.
    pub is_abstract: bool,
    /// All properties, the inherited first.
    pub properties: &'static [&'static Property],
    /// All navigation properties, the inherited first.
    pub navigation: &'static [&'static NavigationProperty],
    /// Actions bound to one entity of the type.
    pub actions: &'static [&'static Action],
    /// Actions bound to a collection of the type.
    pub collection_actions: &'static [&'static Action],
    /// Functions bound to a collection of the type.
    pub collection_functions: &'static [&'static Function],
    /// The types that derive from this one, directly or not.
    pub derived: &'static [&'static StructuredType],
}

/// Whether a structured type has identity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StructuredKind {
    /// Has a key, `id`.
    Entity,
    /// Is a value inside an entity.
    Complex,
}

/// A structural property.
pub struct Property {
    /// The name, as in JSON.
    pub name: &'static str,
    /// The type, or of a collection its items' type.
    pub ty: Type,
    /// Whether it holds a collection.
    pub collection: bool,
    /// Whether it may be null (of a collection: never; it is empty instead).
    pub nullable: bool,
    /// Who sets it.
    pub access: Access,
    /// Whether `$search` looks into it.
    pub searchable: bool,
    /// Whether only the read of a single entity returns it; in a list it is null.
    pub single_only: bool,
    /// How many characters its text has at most, of a collection each item's (`MaxLength`); none
    /// where there is no limit of its own.
    pub max_length: Option<u32>,
    /// Whether it is kept. One that is not is read from clients and forgotten: null in every answer,
    /// and nothing that could be filtered or sorted by.
    pub stored: bool,
}

/// Who sets a property. What a client sends for one it may not set is left unused, as
/// [OData 4.01 Protocol, 11.4.3] has it: clients send whole objects back.
///
/// [OData 4.01 Protocol, 11.4.3]: https://docs.oasis-open.org/odata/odata/v4.01/odata-v4.01-part1-protocol.html#sec_UpdateanEntity
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// The client, at any time.
    ReadWrite,
    /// The client when it creates the entity (`Core.Immutable`).
    Create,
    /// The service (`Core.Computed`).
    Computed,
}

/// The types that properties have.
#[derive(Debug, Clone, Copy)]
pub enum Type {
    /// `Edm.String`
    String,
    /// `Edm.Boolean`
    Boolean,
    /// `Edm.Int32`
    Int32,
    /// `Edm.Int64`
    Int64,
    /// `Edm.DateTimeOffset`
    DateTimeOffset,
    /// `Edm.Duration`
    Duration,
    /// `Edm.Binary`
    Binary,
    /// `Edm.Guid`; its values are texts.
    Guid,
    /// An enumeration.
    Enum(&'static EnumType),
    /// A complex type or one derived from it.
    Complex(&'static StructuredType),
}

/// An enumeration type; members are written by name.
pub struct EnumType {
    /// The name without namespace.
    pub name: &'static str,
    /// The members with their values.
    pub members: &'static [(&'static str, i32)],
    /// Whether values are sets of members (`IsFlags`).
    pub flags: bool,
}

/// A navigation property and what the service lets a client do along it.
pub struct NavigationProperty {
    /// The name, as in JSON and in paths.
    pub name: &'static str,
    /// The type at the other end.
    pub target: &'static StructuredType,
    /// Whether there are many at the other end.
    pub collection: bool,
    /// Whether the other end lives and dies with this one (`ContainsTarget`).
    pub contained: bool,
    /// Whether `$expand` may follow it.
    pub expandable: bool,
    /// Whether what it leads to is kept. Nothing can be found by what is worked out when asked for.
    pub stored: bool,
    /// Which acts the service serves on it.
    pub acts: Acts,
}

/// What may be done along a navigation property, besides reading.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Acts {
    /// `GET` is served.
    pub read: bool,
    /// `POST` on the collection.
    pub create: bool,
    /// `PATCH` on one entity.
    pub update: bool,
    /// `DELETE` on one entity.
    pub delete: bool,
    /// `POST …/$ref` and `DELETE …/{id}/$ref`.
    pub reference: bool,
}

/// An action.
#[derive(Debug)]
pub struct Action {
    /// The name without namespace.
    pub name: &'static str,
    /// The parameters after the binding parameter: name, type in CSDL's words, nullable.
    pub parameters: &'static [(&'static str, &'static str, bool)],
    /// The return type in CSDL's words.
    pub returns: Option<&'static str>,
}

/// A function: an operation that changes nothing.
#[derive(Debug)]
pub struct Function {
    /// The name without namespace.
    pub name: &'static str,
    /// The parameters after the binding parameter, all of them texts that must be given.
    pub parameters: &'static [&'static str],
    /// The return type in CSDL's words.
    pub returns: &'static str,
}

impl Model {
    /// The short name for the namespace, its last part: `graph` for `microsoft.graph`.
    pub fn alias(&self) -> &'static str {
        let last = self.namespace.rsplit('.').next();
        last.unwrap_or(self.namespace)
    }

    /// The name behind a namespace or its alias, in any case; nothing where none stands before.
    pub fn unqualified<'n>(&self, name: &'n str) -> Option<&'n str> {
        let behind = |namespace: &str| {
            let (before, rest) = name.split_at_checked(namespace.len())?;
            let rest = rest.strip_prefix('.')?;
            (namespace.eq_ignore_ascii_case(before) && !rest.contains('.')).then_some(rest)
        };
        let extension = self.extension.map(|extension| extension.namespace);
        behind(self.namespace)
            .or_else(|| behind(self.alias()))
            .or_else(|| extension.and_then(behind))
    }

    /// The type's or enumeration's name with its namespace: `microsoft.graph.user`.
    pub fn qualified(&self, name: &str) -> String {
        let is = |extension: &Extension| {
            let mut enums = extension.enums.iter().map(|ty| ty.name);
            let mut types = extension.types.iter().map(|ty| ty.name);
            enums.any(|ty| ty == name) || types.any(|ty| ty == name)
        };
        let extension = self.extension.filter(is);
        let namespace = extension.map_or(self.namespace, |extension| extension.namespace);
        format!("{namespace}.{name}")
    }
}

impl StructuredType {
    /// The position of the property in [`StructuredType::properties`], by its exact name.
    pub fn position(&self, name: &str) -> Option<usize> {
        self.properties.iter().position(|p| p.name == name)
    }

    /// The property of that exact name.
    pub fn property(&self, name: &str) -> Option<&'static Property> {
        self.properties.iter().find(|p| p.name == name).copied()
    }

    /// The navigation property of that exact name.
    pub fn navigation(&self, name: &str) -> Option<&'static NavigationProperty> {
        self.navigation.iter().find(|n| n.name == name).copied()
    }

    /// This type or one derived from it, by its name without namespace.
    pub fn self_or_derived(&'static self, name: &str) -> Option<&'static StructuredType> {
        if self.name == name {
            return Some(self);
        }
        self.derived.iter().find(|t| t.name == name).copied()
    }

    /// Whether this is `other` or derives from it.
    pub fn is_a(&self, other: &StructuredType) -> bool {
        self.name == other.name || self.base.is_some_and(|base| base.is_a(other))
    }
}

impl EnumType {
    /// The value of the member of that exact name.
    pub fn value_of(&self, name: &str) -> Option<i32> {
        self.members
            .iter()
            .find(|(n, _)| *n == name)
            .map(|(_, v)| *v)
    }

    /// The name of the member of that value.
    pub fn name_of(&self, value: i32) -> Option<&'static str> {
        self.members
            .iter()
            .find(|(_, v)| *v == value)
            .map(|(n, _)| *n)
    }
}

/// Two descriptions are the same when they have the same name. Among types a name is unique within a
/// model; a property and a navigation property have theirs from the type that they are looked up in,
/// so only those of one type (or of types whose property it is the same way) may be compared. The
/// name also is all that is shown of one: types refer to each other in circles.
macro_rules! same_by_name {
    ($($ty:ty),+) => {$(
        impl std::fmt::Debug for $ty {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.name)
            }
        }
        impl PartialEq for $ty {
            fn eq(&self, other: &Self) -> bool {
                self.name == other.name
            }
        }
        impl Eq for $ty {}
    )+};
}
same_by_name!(StructuredType, EnumType, NavigationProperty, Property);

/// Descriptions are `const`-built: `Property::new("displayName", Type::String).searchable()`.
impl Property {
    /// A nullable property that clients may set.
    pub const fn new(name: &'static str, ty: Type) -> Self {
        Self {
            name,
            ty,
            collection: false,
            nullable: true,
            access: Access::ReadWrite,
            searchable: false,
            single_only: false,
            max_length: None,
            stored: true,
        }
    }

    /// Never null.
    pub const fn required(self) -> Self {
        Self {
            nullable: false,
            ..self
        }
    }

    /// Holds a collection; an empty one rather than null.
    pub const fn many(self) -> Self {
        Self {
            collection: true,
            nullable: false,
            ..self
        }
    }

    /// Set by the service alone.
    pub const fn computed(self) -> Self {
        Self {
            access: Access::Computed,
            ..self
        }
    }

    /// Set when the entity is created, and never after.
    pub const fn create_only(self) -> Self {
        Self {
            access: Access::Create,
            ..self
        }
    }

    /// Looked into by `$search`.
    pub const fn searchable(self) -> Self {
        Self {
            searchable: true,
            ..self
        }
    }

    /// Text of no more than `characters` (Unicode scalar values).
    pub const fn at_most(self, characters: u32) -> Self {
        Self {
            max_length: Some(characters),
            ..self
        }
    }

    /// Read from clients and forgotten.
    pub const fn unstored(self) -> Self {
        Self {
            stored: false,
            access: Access::Computed,
            ..self
        }
    }

    /// Returned by the read of a single entity, null in lists.
    pub const fn single_only(self) -> Self {
        Self {
            single_only: true,
            ..self
        }
    }
}

impl Acts {
    /// Read, nothing else.
    pub const READ: Self = Self {
        read: true,
        create: false,
        update: false,
        delete: false,
        reference: false,
    };
    /// Read, create, update and delete.
    pub const ALL: Self = Self {
        read: true,
        create: true,
        update: true,
        delete: true,
        reference: false,
    };
}

impl StructuredType {
    /// An entity type with these properties; the rest is empty.
    pub const fn entity(
        name: &'static str,
        base: &'static StructuredType,
        properties: &'static [&'static Property],
    ) -> Self {
        Self {
            name,
            kind: StructuredKind::Entity,
            base: Some(base),
            is_abstract: false,
            properties,
            navigation: &[],
            actions: &[],
            collection_actions: &[],
            collection_functions: &[],
            derived: &[],
        }
    }

    /// A complex type with these properties; the rest is empty.
    pub const fn complex(name: &'static str, properties: &'static [&'static Property]) -> Self {
        Self {
            name,
            kind: StructuredKind::Complex,
            base: None,
            is_abstract: false,
            properties,
            navigation: &[],
            actions: &[],
            collection_actions: &[],
            collection_functions: &[],
            derived: &[],
        }
    }
}

impl NavigationProperty {
    /// A contained collection.
    pub const fn contained(
        name: &'static str,
        target: &'static StructuredType,
        acts: Acts,
    ) -> Self {
        Self {
            name,
            target,
            collection: true,
            contained: true,
            expandable: true,
            stored: true,
            acts,
        }
    }

    /// A link to one entity that lives elsewhere.
    pub const fn link(name: &'static str, target: &'static StructuredType) -> Self {
        let acts = Acts::READ;
        Self {
            name,
            target,
            collection: false,
            contained: false,
            expandable: true,
            stored: true,
            acts,
        }
    }

    /// Links to many entities that live elsewhere.
    pub const fn links(name: &'static str, target: &'static StructuredType, acts: Acts) -> Self {
        Self {
            name,
            target,
            collection: true,
            contained: false,
            expandable: true,
            stored: true,
            acts,
        }
    }
}
