//! The syntax tree of query options, before any schema is looked at.

/// Where a piece of text stands: characters from 1 within its query option.
///
/// All positions are equal, so that trees compare by what they say.
#[derive(Debug, Clone, Copy, Default)]
pub struct Column(pub usize);

impl PartialEq for Column {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Column {}

/// An expression of `$filter` (ABNF `boolCommonExpr`, `commonExpr`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expr {
    /// Where it begins.
    pub column: Column,
    /// What it says.
    pub kind: ExprKind,
}

/// The forms of an expression.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ExprKind {
    /// A literal.
    Literal(Literal),
    /// A property, reached from `$it` or from a lambda variable; the segments in order.
    Member(MemberPath),
    /// `left op right`.
    Binary(BinaryOp, Box<Expr>, Box<Expr>),
    /// `not operand`.
    Not(Box<Expr>),
    /// `operand in (items)`.
    In(Box<Expr>, Vec<Expr>),
    /// `name(arguments)`.
    Call(Function, Vec<Expr>),
    /// `path/any(variable: predicate)`, `path/all(…)`; `path/any()` has neither.
    Lambda {
        /// The collection.
        source: MemberPath,
        /// `any` or `all`.
        quantifier: Quantifier,
        /// The variable and what must hold of it.
        predicate: Option<(String, Box<Expr>)>,
    },
}

/// `any` or `all`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Quantifier {
    /// At least one item.
    Any,
    /// Every item.
    All,
}

/// A path such as `managedDevice/deviceName`, `d/id`, `$it/id` or
/// `target/microsoft.graph.groupAssignmentTarget/groupId`; the segments as written. A qualified
/// name (with a dot) is a cast.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemberPath {
    /// Where it begins.
    pub column: Column,
    /// The segments, each with its own column.
    pub segments: Vec<(Column, String)>,
}

/// The binary operators, loosest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum BinaryOp {
    /// `or`
    Or,
    /// `and`
    And,
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
    /// `has`
    Has,
}

/// The functions that are served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Function {
    /// `contains(text, part)`
    Contains,
    /// `startswith(text, part)`
    StartsWith,
    /// `endswith(text, part)`
    EndsWith,
    /// `tolower(text)`
    ToLower,
    /// `toupper(text)`
    ToUpper,
    /// `trim(text)`
    Trim,
    /// `length(text)`
    Length,
    /// `indexof(text, part)`: characters from 0, -1 where it does not occur
    IndexOf,
    /// `substring(text, start[, length])`: characters from 0
    Substring,
    /// `concat(left, right)`
    Concat,
}

/// A literal as the ABNF's `primitiveLiteral` has it; its type may still depend on the other side.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Literal {
    /// `null`
    Null,
    /// `true`, `false`
    Boolean(bool),
    /// A whole number.
    Integer(i64),
    /// `'text'`, with doubled quotes made single.
    String(String),
    /// `2017-01-01T00:00:00Z`; a blank in the place of the offset's `+` is taken as `+`, which form
    /// decoding makes of it.
    DateTimeOffset(String),
    /// `duration'PT1H'`
    Duration(String),
    /// `binary'…'`
    Binary(String),
    /// `microsoft.graph.runState'fail'`: type and members.
    Enum(String, String),
    /// A GUID without quotes, which compares as text.
    Guid(String),
}

/// One item of `$orderby`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderItem {
    /// What to sort by: a path, or an expression of functions over paths.
    pub expr: Expr,
    /// `desc`.
    pub descending: bool,
}

/// One item of `$select`: a path, or `*`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SelectItem {
    /// `*`
    All,
    /// A property, perhaps with a cast or a complex property's own property behind it.
    Path(MemberPath),
}

/// One item of `$expand`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExpandItem {
    /// The navigation property.
    pub path: MemberPath,
    /// The options in its parentheses.
    pub options: Options,
}

/// `$search` (ABNF `searchExpr`): words, phrases, `AND`, `OR`, `NOT`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Search {
    /// A word or a phrase.
    Term(String),
    /// Both.
    And(Box<Search>, Box<Search>),
    /// Either.
    Or(Box<Search>, Box<Search>),
    /// Not.
    Not(Box<Search>),
}

/// The system query options of a request, or those nested in an `$expand` item.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Options {
    /// `$filter`
    pub filter: Option<Expr>,
    /// `$orderby`
    pub orderby: Vec<OrderItem>,
    /// `$select`; empty where it was not given.
    pub select: Vec<SelectItem>,
    /// `$expand`
    pub expand: Vec<ExpandItem>,
    /// `$search`
    pub search: Option<Search>,
    /// `$top`
    pub top: Option<u32>,
    /// `$skip`
    pub skip: Option<u32>,
    /// `$count=true`
    pub count: bool,
    /// `$skiptoken`, opaque here.
    pub skiptoken: Option<String>,
    /// `$format`
    pub format: Option<String>,
}
