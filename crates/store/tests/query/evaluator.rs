//! What a checked query means, over plain values, written from the definitions in
//! `runstate_odata::check` and in OData 4.01 alone. Slow and obvious.

use std::cmp::Ordering;

use runstate_graph::entity::DEVICE_STATE;
use runstate_odata::{
    check::{CompareOp, Member, Order, Predicate, Quantified, Query, Scalar, Step, Variable},
    edm::Value,
    grammar::ast::{Function, Quantifier, Search},
};

use crate::world::World;

/// What a variable stands for.
#[derive(Clone)]
enum Item {
    Entity(usize),
    Value(Value),
}

type Variables = Vec<(Variable, Item)>;

/// The entities of a collection that the query lets through, in its order and then by `id`, the way
/// of the last key; `$top` and `$skip` are left out.
pub(crate) fn evaluate(world: &World, collection: &[usize], query: &Query) -> Vec<usize> {
    let mut rows: Vec<usize> = collection.to_vec();
    rows.retain(|row| {
        let it = vec![(Variable(0), Item::Entity(*row))];
        let passes = |filter| holds(world, filter, &it) == Some(true);
        let found = |search| search_matches(world, *row, search);
        query.filter.as_ref().is_none_or(passes) && query.search.as_ref().is_none_or(found)
    });
    rows.sort_by(|a, b| {
        let mut last = false;
        for order in &query.orderby {
            last = order.descending;
            let key = |row| {
                let it = vec![(Variable(0), Item::Entity(row))];
                cut(&order.by, scalar(world, &order.by, &it))
            };
            let ordering = total(&key(*a), &key(*b));
            let ordering = if last { ordering.reverse() } else { ordering };
            if ordering.is_ne() {
                return ordering;
            }
        }
        let id = |row: usize| world.entities[row].record.get("id").clone();
        // Run states that agree are in the order in which they came.
        let by_place = query.ty == &DEVICE_STATE && is_sorted(&query.orderby);
        let ordering = match by_place {
            true => a.cmp(b),
            false => total(&id(*a), &id(*b)),
        };
        if last { ordering.reverse() } else { ordering }
    });
    rows
}

/// Whether the order is by anything but `id`; a constant is nothing.
fn is_sorted(orderby: &[Order]) -> bool {
    let is_id = |by: &Scalar| match by {
        Scalar::Member(path) => {
            matches!(path.steps.as_slice(), [Step::Property(p)] if p.name == "id")
        }
        _ => false,
    };
    let mut keys = orderby
        .iter()
        .map(|order| &order.by)
        .filter(|by| !matches!(by, Scalar::Literal(_)))
        .peekable();
    keys.peek().is_some() && !keys.any(is_id)
}

/// What is sorted by: of text, whose length only a property may bound, the first 200 characters.
fn cut(by: &Scalar, key: Value) -> Value {
    if let Scalar::Member(path) = by
        && let Some(Step::Property(property)) = path.steps.last()
        && property.max_length.is_some()
    {
        return key;
    }
    match key {
        Value::String(text) => Value::String(text.chars().take(200).collect()),
        other => other,
    }
}

/// Null is the least.
fn total(a: &Value, b: &Value) -> Ordering {
    match (a, b) {
        (Value::Null, Value::Null) => Ordering::Equal,
        (Value::Null, _) => Ordering::Less,
        (_, Value::Null) => Ordering::Greater,
        _ => compare(a, b),
    }
}

/// Of two values of one type.
fn compare(a: &Value, b: &Value) -> Ordering {
    match (a, b) {
        (Value::Boolean(a), Value::Boolean(b)) => a.cmp(b),
        (Value::String(a), Value::String(b)) => a.chars().cmp(b.chars()),
        (Value::DateTimeOffset(a), Value::DateTimeOffset(b)) => a.cmp(b),
        (Value::Duration(a), Value::Duration(b)) => a.cmp(b),
        (Value::Enum(a), Value::Enum(b)) => a.cmp(b),
        _ => whole(a).cmp(&whole(b)),
    }
}

fn whole(value: &Value) -> i64 {
    match value {
        Value::Int32(number) => i64::from(*number),
        Value::Int64(number) => *number,
        other => panic!("not a number: {other:?}"),
    }
}

/// True, false or unknown.
fn holds(world: &World, predicate: &Predicate, variables: &Variables) -> Option<bool> {
    let value = |of| scalar(world, of, variables);
    match predicate {
        Predicate::And(left, right) => {
            match (
                holds(world, left, variables),
                holds(world, right, variables),
            ) {
                (Some(false), _) | (_, Some(false)) => Some(false),
                (Some(true), Some(true)) => Some(true),
                _ => None,
            }
        }
        Predicate::Or(left, right) => {
            match (
                holds(world, left, variables),
                holds(world, right, variables),
            ) {
                (Some(true), _) | (_, Some(true)) => Some(true),
                (Some(false), Some(false)) => Some(false),
                _ => None,
            }
        }
        Predicate::Not(negated) => holds(world, negated, variables).map(|truth| !truth),
        Predicate::Compare(op, left, right) => {
            let (left, right) = (value(left), value(right));
            let null = left.is_null() || right.is_null();
            Some(match op {
                CompareOp::Eq => total(&left, &right).is_eq(),
                CompareOp::Ne => total(&left, &right).is_ne(),
                CompareOp::Gt => !null && compare(&left, &right).is_gt(),
                CompareOp::Ge => !null && compare(&left, &right).is_ge(),
                CompareOp::Lt => !null && compare(&left, &right).is_lt(),
                CompareOp::Le => !null && compare(&left, &right).is_le(),
            })
        }
        Predicate::In(of, values) => {
            let of = value(of);
            Some(values.iter().any(|item| total(&of, item).is_eq()))
        }
        Predicate::Has(of, bits) => match value(of) {
            Value::Enum(set) => Some(set & bits == *bits),
            _ => None,
        },
        Predicate::Is(of) => match value(of) {
            Value::Boolean(truth) => Some(truth),
            _ => None,
        },
        Predicate::Quantified(quantified) => Some(exists(world, quantified, variables)),
    }
}

fn exists(world: &World, quantified: &Quantified, variables: &Variables) -> bool {
    let source = &quantified.source;
    let (last, steps) = source.steps.split_last().unwrap();
    let items: Vec<Item> = match (walk(world, source.root, steps, variables), last) {
        (Some(Item::Entity(from)), Step::Navigation(navigation)) => {
            let ends = world.linked(from, navigation.name);
            ends.iter().map(|end| Item::Entity(*end)).collect()
        }
        (Some(Item::Entity(from)), Step::Property(property)) => {
            match world.entities[from].record.get(property.name) {
                Value::Collection(items) => items.iter().cloned().map(Item::Value).collect(),
                other => panic!("not a collection: {other:?}"),
            }
        }
        _ => Vec::new(),
    };
    let mut meets = items.into_iter().map(|item| {
        let Some(predicate) = &quantified.predicate else {
            return true;
        };
        let mut inner = variables.clone();
        inner.push((quantified.variable, item));
        holds(world, predicate, &inner) == Some(true)
    });
    match quantified.quantifier {
        Quantifier::Any => meets.any(|met| met),
        Quantifier::All => meets.all(|met| met),
    }
}

/// Where the steps lead; nothing where a link is missing, or a cast does not hold.
fn walk(world: &World, root: Variable, steps: &[Step], variables: &Variables) -> Option<Item> {
    let (_, start) = variables.iter().find(|(known, _)| *known == root).unwrap();
    let mut place = start.clone();
    for step in steps {
        place = match (place, step) {
            (Item::Entity(from), Step::Property(property)) => {
                Item::Value(world.entities[from].record.get(property.name).clone())
            }
            (Item::Entity(from), Step::Navigation(navigation)) => {
                Item::Entity(*world.linked(from, navigation.name).first()?)
            }
            (Item::Value(Value::Complex(complex)), Step::Cast(ty)) => {
                if !complex.ty.is_a(ty) {
                    return None;
                }
                Item::Value(Value::Complex(complex))
            }
            (Item::Value(Value::Complex(complex)), Step::Property(property)) => {
                Item::Value(complex.get(property.name).clone())
            }
            (Item::Value(Value::Null), _) => return None,
            _ => panic!("{step:?}"),
        };
    }
    Some(place)
}

fn member(world: &World, member: &Member, variables: &Variables) -> Value {
    match walk(world, member.root, &member.steps, variables) {
        Some(Item::Value(value)) => value,
        Some(Item::Entity(_)) => panic!("an entity is no value"),
        None => Value::Null,
    }
}

fn scalar(world: &World, of: &Scalar, variables: &Variables) -> Value {
    match of {
        Scalar::Literal(value) => value.clone(),
        Scalar::Member(path) => member(world, path, variables),
        Scalar::Call(function, arguments) => {
            let arguments = arguments.iter();
            let values: Vec<Value> = arguments.map(|of| scalar(world, of, variables)).collect();
            if values.iter().any(Value::is_null) {
                return Value::Null;
            }
            call(*function, &values)
        }
    }
}

/// Functions over characters, with nothing null.
fn call(function: Function, values: &[Value]) -> Value {
    let text = |at: usize| -> Vec<char> { values[at].as_str().unwrap().chars().collect() };
    let number = |at: usize| usize::try_from(whole(&values[at]).max(0)).unwrap();
    let count = |number: usize| Value::Int32(i32::try_from(number).unwrap());
    let string = |characters: &[char]| Value::String(characters.iter().collect());
    let occurs = |text: &[char], part: &[char]| {
        (0..=text.len()).find(|start| text[*start..].starts_with(part))
    };
    match function {
        Function::Contains => Value::Boolean(occurs(&text(0), &text(1)).is_some()),
        Function::StartsWith => Value::Boolean(text(0).starts_with(&text(1))),
        Function::EndsWith => Value::Boolean(text(0).ends_with(&text(1))),
        Function::ToLower => Value::String(values[0].as_str().unwrap().to_lowercase()),
        Function::ToUpper => Value::String(values[0].as_str().unwrap().to_uppercase()),
        Function::Trim => {
            let text = text(0);
            let from = text.iter().position(|c| !c.is_whitespace());
            let to = text.iter().rposition(|c| !c.is_whitespace());
            match (from, to) {
                (Some(from), Some(to)) => string(&text[from..=to]),
                _ => string(&[]),
            }
        }
        Function::Length => count(text(0).len()),
        Function::IndexOf => match occurs(&text(0), &text(1)) {
            Some(at) => count(at),
            None => Value::Int32(-1),
        },
        Function::Substring => {
            let text = text(0);
            let from = number(1).min(text.len());
            let length = if values.len() == 3 {
                number(2)
            } else {
                text.len()
            };
            string(&text[from..from.saturating_add(length).min(text.len())])
        }
        Function::Concat => string(&[text(0), text(1)].concat()),
    }
}

/// Each term is in one of the searchable properties, in any case of its letters.
fn search_matches(world: &World, row: usize, search: &Search) -> bool {
    let record = &world.entities[row].record;
    match search {
        Search::Term(term) => {
            let small =
                |text: &str| -> Vec<char> { text.chars().flat_map(char::to_lowercase).collect() };
            let term = small(term);
            record.ty.properties.iter().any(|property| {
                let value = record.get(property.name).as_str();
                property.searchable
                    && value.is_some_and(|value| {
                        let value = small(value);
                        (0..=value.len()).any(|at| value[at..].starts_with(&term))
                    })
            })
        }
        Search::And(left, right) => {
            search_matches(world, row, left) && search_matches(world, row, right)
        }
        Search::Or(left, right) => {
            search_matches(world, row, left) || search_matches(world, row, right)
        }
        Search::Not(negated) => !search_matches(world, row, negated),
    }
}
