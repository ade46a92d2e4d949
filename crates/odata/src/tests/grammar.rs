//! The grammar's cases, shown with every grouping in parentheses.

use super::data::check;
use crate::grammar::{
    ast::{Expr, ExprKind, Literal, Options, OrderItem, Search, SelectItem},
    expand, filter, options, orderby, path, search, select,
};

#[test]
fn filters() {
    check("filter", |text| filter::parse(text).map(|e| expr(&e)));
}

#[test]
fn orders() {
    check("orderby", |text| {
        orderby::parse(text).map(|items| joined(&items, order))
    });
}

#[test]
fn selections() {
    check("select", |text| {
        select::parse(text).map(|items| joined(&items, SelectItem::to_string))
    });
}

#[test]
fn expansions() {
    check("expand", |text| {
        let show = |item: &_| expand_item(item);
        expand::parse(text).map(|items| joined(&items, show))
    });
}

#[test]
fn searches() {
    check("search", |text| search::parse(text).map(|s| searched(&s)));
}

#[test]
fn query_strings() {
    check("options", |text| options::parse(text).map(|o| all(&o)));
}

#[test]
fn paths() {
    check("path", |text| {
        let show = |segment: &path::Segment| match &segment.key {
            Some(key) => format!("{} [{key}]", segment.name),
            None => segment.name.clone(),
        };
        path::parse(text).map(|segments| joined(&segments, show))
    });
}

fn joined<T>(items: &[T], show: impl Fn(&T) -> String) -> String {
    let shown: Vec<_> = items.iter().map(show).collect();
    shown.join(" | ")
}

fn expr(e: &Expr) -> String {
    let several = |items: &[Expr]| joined(items, expr).replace(" | ", " ");
    match &e.kind {
        ExprKind::Literal(Literal::String(text)) => format!("'{text}'"),
        ExprKind::Literal(
            literal @ (Literal::Integer(_) | Literal::Boolean(_) | Literal::Null),
        ) => literal.to_string(),
        ExprKind::Literal(literal) => format!("{literal:?}"),
        ExprKind::Member(path) => path.to_string(),
        ExprKind::Binary(op, left, right) => format!("({op} {} {})", expr(left), expr(right)),
        ExprKind::Not(operand) => format!("(not {})", expr(operand)),
        ExprKind::In(operand, items) => format!("(in {} {})", expr(operand), several(items)),
        ExprKind::Call(function, arguments) => format!("({function} {})", several(arguments)),
        ExprKind::Lambda {
            source,
            quantifier,
            predicate,
        } => match predicate {
            None => format!("({quantifier} {source})"),
            Some((variable, predicate)) => {
                format!("({quantifier} {source} {variable} {})", expr(predicate))
            }
        },
    }
}

fn order(item: &OrderItem) -> String {
    let direction = if item.descending { "desc" } else { "asc" };
    format!("{} {direction}", expr(&item.expr))
}

fn expand_item(item: &crate::grammar::ast::ExpandItem) -> String {
    format!("{}{{{}}}", item.path, all(&item.options))
}

fn searched(s: &Search) -> String {
    match s {
        Search::Term(term) => format!("<{term}>"),
        Search::Not(operand) => format!("(not {})", searched(operand)),
        Search::And(left, right) => format!("(and {} {})", searched(left), searched(right)),
        Search::Or(left, right) => format!("(or {} {})", searched(left), searched(right)),
    }
}

fn all(o: &Options) -> String {
    let mut parts = Vec::new();
    let mut add = |name: &str, value: Option<String>| {
        parts.extend(value.map(|value| format!("{name}: {value}")));
    };
    let some = |text: String| (!text.is_empty()).then_some(text);
    add("filter", o.filter.as_ref().map(expr));
    add("orderby", some(joined(&o.orderby, order)));
    add("select", some(joined(&o.select, SelectItem::to_string)));
    add("expand", some(joined(&o.expand, expand_item)));
    add("search", o.search.as_ref().map(searched));
    add("top", o.top.map(|n| n.to_string()));
    add("skip", o.skip.map(|n| n.to_string()));
    add("count", o.count.then(|| "true".to_owned()));
    add("skiptoken", o.skiptoken.clone());
    add("format", o.format.clone());
    parts.join("; ")
}
