//! Syntax trees written back as text that reads as the same tree.

use std::fmt::{self, Display, Formatter, Write as _};

use super::{
    ast::{
        BinaryOp, ExpandItem, Expr, ExprKind, Function, Literal, MemberPath, Options, OrderItem,
        Quantifier, Search, SelectItem,
    },
    percent,
};

/// The strength of `not`, between that of comparisons and that of `has` and `in`.
const NOT: u8 = 5;
/// The strength of `has` and `in`.
const POSTFIX: u8 = 6;
/// Stronger than any operator.
const PRIMARY: u8 = 7;

impl Display for Expr {
    /// The decoded text of the expression.
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        expr(self, 0, f)
    }
}

/// Writes an expression, in parentheses where it binds less tightly than its place asks for.
fn expr(e: &Expr, tightest: u8, f: &mut Formatter<'_>) -> fmt::Result {
    let strength = match &e.kind {
        ExprKind::Binary(op, _, _) => op.precedence(),
        ExprKind::Not(_) => NOT,
        ExprKind::In(_, _) => POSTFIX,
        _ => PRIMARY,
    };
    if strength < tightest {
        f.write_char('(')?;
        expr(e, 0, f)?;
        return f.write_char(')');
    }
    match &e.kind {
        ExprKind::Literal(literal) => literal.fmt(f),
        ExprKind::Member(path) => path.fmt(f),
        ExprKind::Binary(op, left, right) => {
            expr(left, strength, f)?;
            write!(f, " {op} ")?;
            expr(right, strength + 1, f)
        }
        ExprKind::Not(operand) => {
            f.write_str("not ")?;
            expr(operand, NOT, f)
        }
        ExprKind::In(operand, items) => {
            expr(operand, POSTFIX, f)?;
            f.write_str(" in (")?;
            list(items, ",", f)?;
            f.write_char(')')
        }
        ExprKind::Call(function, arguments) => {
            write!(f, "{function}(")?;
            list(arguments, ",", f)?;
            f.write_char(')')
        }
        ExprKind::Lambda {
            source,
            quantifier,
            predicate,
        } => {
            write!(f, "{source}/{quantifier}(")?;
            if let Some((variable, predicate)) = predicate {
                write!(f, "{variable}:{predicate}")?;
            }
            f.write_char(')')
        }
    }
}

/// Writes items with something between.
fn list<T: Display>(items: &[T], between: &str, f: &mut Formatter<'_>) -> fmt::Result {
    for (i, item) in items.iter().enumerate() {
        if i > 0 {
            f.write_str(between)?;
        }
        item.fmt(f)?;
    }
    Ok(())
}

impl Display for BinaryOp {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let name = Self::ALL.iter().find(|(op, _)| op == self);
        f.write_str(name.map_or("", |(_, name)| name))
    }
}

impl Display for Function {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let name = Self::ALL.iter().find(|(function, ..)| function == self);
        f.write_str(name.map_or("", |(_, name, ..)| name))
    }
}

impl Display for Quantifier {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Any => "any",
            Self::All => "all",
        })
    }
}

impl Display for MemberPath {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        for (i, (_, segment)) in self.segments.iter().enumerate() {
            if i > 0 {
                f.write_char('/')?;
            }
            f.write_str(segment)?;
        }
        Ok(())
    }
}

impl Display for Literal {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let quoted = |prefix: &str, text: &str, f: &mut Formatter<'_>| {
            write!(f, "{prefix}'{}'", text.replace('\'', "''"))
        };
        match self {
            Self::Null => f.write_str("null"),
            Self::Boolean(value) => value.fmt(f),
            Self::Integer(value) => value.fmt(f),
            Self::String(text) => quoted("", text, f),
            Self::DateTimeOffset(text) | Self::Guid(text) => f.write_str(text),
            Self::Duration(text) => quoted("duration", text, f),
            Self::Binary(text) => quoted("binary", text, f),
            Self::Enum(ty, members) => quoted(ty, members, f),
        }
    }
}

impl Display for OrderItem {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.expr.fmt(f)?;
        f.write_str(if self.descending { " desc" } else { "" })
    }
}

impl Display for SelectItem {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => f.write_char('*'),
            Self::Path(path) => path.fmt(f),
        }
    }
}

impl Display for ExpandItem {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.path.fmt(f)?;
        let options = self.options.values();
        if options.is_empty() {
            return Ok(());
        }
        let options: Vec<_> = options.iter().map(|(n, v)| format!("{n}={v}")).collect();
        write!(f, "({})", options.join(";"))
    }
}

impl Display for Search {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        search(self, 0, f)
    }
}

/// Writes a search expression, in parentheses where it binds less tightly than its place asks for.
fn search(s: &Search, tightest: u8, f: &mut Formatter<'_>) -> fmt::Result {
    let strength = match s {
        Search::Or(..) => 1,
        Search::And(..) => 2,
        Search::Not(_) => 3,
        Search::Term(_) => 4,
    };
    if strength < tightest {
        f.write_char('(')?;
        search(s, 0, f)?;
        return f.write_char(')');
    }
    match s {
        Search::Term(term) => search_term(term, f),
        Search::Not(operand) => {
            f.write_str("NOT ")?;
            search(operand, strength, f)
        }
        Search::And(left, right) | Search::Or(left, right) => {
            search(left, strength, f)?;
            f.write_str(if strength == 1 { " OR " } else { " AND " })?;
            search(right, strength + 1, f)
        }
    }
}

/// A word as it is where it can be nothing else; otherwise a phrase.
fn search_term(term: &str, f: &mut Formatter<'_>) -> fmt::Result {
    let is_word = !term.is_empty()
        && !["AND", "OR", "NOT"].contains(&term)
        && term
            .chars()
            .all(|c| c.is_alphanumeric() || "-_.".contains(c));
    if is_word {
        return f.write_str(term);
    }
    let escaped = term.replace('\\', "\\\\").replace('"', "\\\"");
    write!(f, "\"{escaped}\"")
}

impl Options {
    /// The options that are set, as names with `$` and decoded values.
    pub fn values(&self) -> Vec<(&'static str, String)> {
        struct List<'a, T>(&'a [T]);
        impl<T: Display> Display for List<'_, T> {
            fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
                list(self.0, ",", f)
            }
        }
        fn some<T: Display>(items: &[T]) -> Option<String> {
            (!items.is_empty()).then(|| List(items).to_string())
        }
        let values = [
            ("$filter", self.filter.as_ref().map(Expr::to_string)),
            ("$orderby", some(&self.orderby)),
            ("$select", some(&self.select)),
            ("$expand", some(&self.expand)),
            ("$search", self.search.as_ref().map(Search::to_string)),
            ("$top", self.top.map(|n| n.to_string())),
            ("$skip", self.skip.map(|n| n.to_string())),
            ("$count", self.count.then(|| "true".to_owned())),
            ("$skiptoken", self.skiptoken.clone()),
            ("$format", self.format.clone()),
        ];
        let set = |(name, value): (_, Option<String>)| Some((name, value?));
        values.into_iter().filter_map(set).collect()
    }
}

impl Display for Options {
    /// The query string, percent-encoded and without `?`.
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        for (i, (name, value)) in self.values().into_iter().enumerate() {
            let separator = if i > 0 { "&" } else { "" };
            write!(f, "{separator}{name}={}", percent::encode(&value))?;
        }
        Ok(())
    }
}
