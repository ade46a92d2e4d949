//! A checked query. The one way to make one is [`super`]'s check, so whoever is given one need not
//! doubt it: names exist, types agree, literals have the type of what they are compared with.

use crate::{
    edm::{NavigationProperty, Property, StructuredType, Value},
    grammar::ast::{Function, Quantifier, Search},
};

/// What a request asks of a collection or of one entity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Query {
    /// The type whose properties the query speaks of.
    pub ty: &'static StructuredType,
    /// `$filter`
    pub filter: Option<Predicate>,
    /// `$orderby`; the store adds `id` as the last key, so that the order is total. Of text without
    /// [`Property::max_length`] the store compares the first characters only, however many it can
    /// carry from page to page; rows that agree in those go by the next key.
    pub orderby: Vec<Order>,
    /// `$select`
    pub select: Select,
    /// `$expand`
    pub expand: Vec<Expand>,
    /// `$search`, over the searchable properties of the type.
    pub search: Option<Search>,
    /// `$top`
    pub top: Option<u32>,
    /// `$skip`
    pub skip: Option<u32>,
    /// `$count=true`
    pub count: bool,
    /// `$skiptoken`, as the client sent it.
    pub skiptoken: Option<String>,
}

impl Query {
    /// All of every entity of a type, in the order of their ids.
    pub fn all(ty: &'static StructuredType) -> Self {
        Self {
            ty,
            filter: None,
            orderby: Vec::new(),
            select: Select::All,
            expand: Vec::new(),
            search: None,
            top: None,
            skip: None,
            count: false,
            skiptoken: None,
        }
    }
}

impl Query {
    /// Whether the answer holds the property at that position in the type's list.
    pub fn selects(&self, position: usize) -> bool {
        match &self.select {
            Select::All => true,
            Select::Only(positions) => positions.contains(&position),
        }
    }
}

/// Which properties an answer holds, as positions in the type's list, ascending.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Select {
    /// No `$select`, or `*`.
    All,
    /// These alone.
    Only(Vec<usize>),
}

/// One expanded navigation property.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expand {
    /// What to follow.
    pub navigation: &'static NavigationProperty,
    /// What to ask of the other end.
    pub query: Query,
    /// The nested options as a query string (`$filter=…&$top=…`, percent-encoded), from which a link
    /// to the next page of the other end is made.
    pub options: String,
}

/// A sort key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    /// What to sort by; never a collection, a complex value or binary.
    pub by: Scalar,
    /// Whether the greatest comes first. Null is less than every value.
    pub descending: bool,
}

/// Something that is true, false, or (of a function over null) unknown, which counts as false.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Predicate {
    /// Both.
    And(Box<Predicate>, Box<Predicate>),
    /// Either.
    Or(Box<Predicate>, Box<Predicate>),
    /// Not. Of an unknown: unknown.
    Not(Box<Predicate>),
    /// `left op right`, operands of one type. Two nulls are equal; otherwise a comparison with null
    /// is false (`ne`: true).
    Compare(CompareOp, Scalar, Scalar),
    /// Equal to one of the values, which are of the operand's type; null is among them or not.
    In(Scalar, Vec<Value>),
    /// All bits of the enumeration value are set.
    Has(Scalar, i32),
    /// A scalar that is a Boolean, by itself.
    Is(Scalar),
    /// `any`, `all`.
    Quantified(Quantified),
}

/// A condition on the items of a collection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quantified {
    /// `any` or `all`.
    pub quantifier: Quantifier,
    /// The collection: its last step is a collection-valued property or navigation property.
    pub source: Member,
    /// The variable that stands for an item.
    pub variable: Variable,
    /// What must hold of the item; none for `any()`.
    pub predicate: Option<Box<Predicate>>,
}

/// A lambda variable, numbered from 1 by depth; 0 is the row itself (`$it`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Variable(pub u8);

/// The comparison operators.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CompareOp {
    /// `eq`
    Eq,
    /// `ne`
    Ne,
    /// `gt`
    Gt,
    /// `ge`
    Ge,
    /// `lt`
    Lt,
    /// `le`
    Le,
}

/// Something with a single value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scalar {
    /// A literal, already of the type that its place asks for.
    Literal(Value),
    /// A property.
    Member(Member),
    /// A function of scalars; null where any argument is null.
    Call(Function, Vec<Scalar>),
}

/// A path from a row to one of its properties, or to those of a related row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// Where it starts.
    pub root: Variable,
    /// The steps; none only for a lambda variable over a collection of primitive values.
    pub steps: Vec<Step>,
}

/// One step of a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// A structural property; a complex one is followed by one of its own.
    Property(&'static Property),
    /// A single-valued navigation property; the last step of a quantifier's source may be a
    /// collection.
    Navigation(&'static NavigationProperty),
    /// Only values of this type; on others, what follows is null.
    Cast(&'static StructuredType),
}
