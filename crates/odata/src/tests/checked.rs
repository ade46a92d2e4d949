//! Queries checked against the small schema, shown in short.

use super::{
    data::check as cases,
    model::{MODEL, SCRIPT, STATE, USER},
};
use crate::{
    Error,
    check::{self, Member, Predicate, Query, Scalar, Select, Step},
    edm::{StructuredType, Value},
    grammar::{options, path},
};

/// `type? options`, the type being `script`, `state` or `user`, with `!` behind it for one entity
/// and `#` for a count.
fn checked(line: &str) -> Result<String, Error> {
    let (ty, text) = line.split_once('?').unwrap();
    let options = options::parse(&text.replace('+', "%2B"))?;
    let named = |name: &str| -> &'static StructuredType {
        match name {
            "script" => &SCRIPT,
            "user" => &USER,
            _ => &STATE,
        }
    };
    let query = if let Some(name) = ty.strip_suffix('!') {
        check::entity_query(named(name), &options, &MODEL)
    } else if let Some(name) = ty.strip_suffix('#') {
        check::count_query(named(name), &options, &MODEL)
    } else {
        check::query(named(ty), &options, &MODEL)
    };
    query.map(|query| show(&query))
}

#[test]
fn queries() {
    // Carets are of the option's value, which begins behind the first `=`.
    cases("query", |line| {
        checked(line).map_err(|mut error| {
            let before = line
                .split_once('=')
                .map_or(0, |(name, _)| name.chars().count() + 1);
            if error.column > 0 {
                error.column += before;
            }
            error
        })
    });
}

#[test]
fn resources() {
    cases("resource", |line| {
        let resource = check::path(&MODEL, &path::parse(line)?)?;
        let step = |step: &check::PathStep| match &step.key {
            Some(key) => format!("{}[{key}]", step.navigation.name),
            None => step.navigation.name.to_owned(),
        };
        let steps: Vec<_> = resource.steps.iter().map(step).collect();
        let many = if resource.is_collection() {
            "many"
        } else {
            "one"
        };
        let ty = resource.ty().map_or("the root", |ty| ty.name);
        let tail = match resource.tail {
            check::Tail::Resource => "resource".to_owned(),
            check::Tail::Count => "count".to_owned(),
            check::Tail::Reference => "reference".to_owned(),
            check::Tail::Action(action) => action.name.to_owned(),
            check::Tail::Function(function, values) => format!("{}{values:?}", function.name),
        };
        Ok(format!("{} | {many} {ty} | {tail}", steps.join(" ")))
    });
}

#[test]
fn faults_name_their_option() {
    for (line, option) in [
        ("state?$filter=nope eq 1", "$filter"),
        ("state?$orderby=nope", "$orderby"),
        ("state?$select=nope", "$select"),
        ("state?$expand=device($filter=a eq 1)", "$expand"),
        ("script?$expand=states($filter=nope eq 1)", "$expand"),
        ("state?$search=x", "$search"),
        ("state!?$top=1", "$top"),
        ("state#?$orderby=id", "$orderby"),
        ("state?$top=x", "$top"),
        ("state?$foo=x", "$foo"),
    ] {
        assert_eq!(checked(line).unwrap_err().option, option, "{line}");
    }
}

fn show(query: &Query) -> String {
    let mut parts = vec![query.ty.name.to_owned()];
    if let Some(filter) = &query.filter {
        parts.push(format!("where {}", predicate(filter)));
    }
    for order in &query.orderby {
        let direction = if order.descending { "desc" } else { "asc" };
        parts.push(format!("by {} {direction}", scalar(&order.by)));
    }
    if let Select::Only(positions) = &query.select {
        let names = positions.iter().map(|i| query.ty.properties[*i].name);
        parts.push(format!("only {:?}", names.collect::<Vec<_>>()));
    }
    for expand in &query.expand {
        parts.push(format!(
            "with {} {{{}}}",
            expand.navigation.name,
            show(&expand.query)
        ));
    }
    if query.search.is_some() {
        parts.push("search".to_owned());
    }
    for (name, number) in [("top", query.top), ("skip", query.skip)] {
        parts.extend(number.map(|n| format!("{name} {n}")));
    }
    if query.count {
        parts.push("count".to_owned());
    }
    parts.join(" ")
}

fn predicate(p: &Predicate) -> String {
    match p {
        Predicate::And(a, b) => format!("({} and {})", predicate(a), predicate(b)),
        Predicate::Or(a, b) => format!("({} or {})", predicate(a), predicate(b)),
        Predicate::Not(a) => format!("(not {})", predicate(a)),
        Predicate::Compare(op, a, b) => format!("({} {op:?} {})", scalar(a), scalar(b)),
        Predicate::In(a, values) => {
            let values: Vec<_> = values.iter().map(value).collect();
            format!("({} in {})", scalar(a), values.join(","))
        }
        Predicate::Has(a, bits) => format!("({} has {bits})", scalar(a)),
        Predicate::Is(a) => scalar(a),
        Predicate::Quantified(q) => {
            let inner = q.predicate.as_deref().map_or(String::new(), predicate);
            format!(
                "{:?}#{}({} {inner})",
                q.quantifier,
                q.variable.0,
                member(&q.source)
            )
        }
    }
}

fn scalar(s: &Scalar) -> String {
    match s {
        Scalar::Literal(literal) => value(literal),
        Scalar::Member(path) => member(path),
        Scalar::Call(function, arguments) => {
            let arguments: Vec<_> = arguments.iter().map(scalar).collect();
            format!("{function}({})", arguments.join(","))
        }
    }
}

fn member(m: &Member) -> String {
    let mut text = format!("#{}", m.root.0);
    for step in &m.steps {
        match step {
            Step::Property(property) => text.push_str(&format!(".{}", property.name)),
            Step::Navigation(navigation) => text.push_str(&format!("->{}", navigation.name)),
            Step::Cast(ty) => text.push_str(&format!("<{}>", ty.name)),
        }
    }
    text
}

fn value(v: &Value) -> String {
    match v {
        Value::DateTimeOffset(at) => format!("at {at}"),
        Value::Duration(length) => format!("length {length}"),
        other => format!("{other:?}"),
    }
}
