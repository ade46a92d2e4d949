//! Values of properties to the cells of their columns, and back.

use std::vec::IntoIter;

use runstate_odata::edm::{DateTimeOffset, Duration, Record, Type, Value};

use super::Bind;
use crate::{Error, table::Field};

/// What is written to the columns of a field, in the order of [`Field::all_columns`].
pub(super) fn binds(field: &Field, value: &Value) -> Result<Vec<Bind>, Error> {
    if field.property.collection {
        let Value::Collection(items) = value else {
            return Err(misfit(field));
        };
        let items: Option<Vec<serde_json::Value>> = items.iter().map(json).collect();
        let items = items.ok_or_else(|| misfit(field))?;
        return Ok(vec![Bind::Text(serde_json::Value::from(items).to_string())]);
    }
    if value.is_null() {
        return Ok(vec![Bind::Null; field.all_columns().count()]);
    }
    match (field.property.ty, value) {
        (Type::DateTimeOffset, Value::DateTimeOffset(instant)) => Ok(vec![
            Bind::Integer(instant.ticks()),
            Bind::Integer(i64::from(instant.form())),
        ]),
        (Type::Duration, Value::Duration(duration)) => Ok(vec![
            Bind::Integer(duration.ticks()),
            Bind::Text(duration.as_str().to_owned()),
        ]),
        (Type::Complex(_), Value::Complex(record)) => {
            let mut all = vec![Bind::Text(record.ty.name.to_owned())];
            for part in &field.parts {
                all.extend(binds(part, record.get(part.property.name))?);
            }
            Ok(all)
        }
        (Type::Complex(_), _) => Err(misfit(field)),
        _ => Ok(vec![literal(value)?]),
    }
}

/// A value as comparisons see it.
pub(super) fn literal(value: &Value) -> Result<Bind, Error> {
    Ok(match value {
        Value::Null => Bind::Null,
        Value::Boolean(truth) => Bind::Integer(i64::from(*truth)),
        Value::Int32(number) | Value::Enum(number) => Bind::Integer(i64::from(*number)),
        Value::Int64(number) => Bind::Integer(*number),
        Value::String(text) => Bind::Text(text.clone()),
        Value::DateTimeOffset(instant) => Bind::Integer(instant.ticks()),
        Value::Duration(duration) => Bind::Integer(duration.ticks()),
        Value::Binary(bytes) => Bind::Blob(bytes.clone()),
        Value::Collection(_) | Value::Complex(_) => {
            return Err(super::fault("a literal is not primitive"));
        }
    })
}

/// Reads a field's value from as many cells as it has columns.
pub(super) fn value(field: &Field, cells: &mut IntoIter<Bind>) -> Result<Value, Error> {
    let shown = || unreadable(field.property.name);
    let first = cells.next().ok_or_else(shown)?;
    if field.property.collection {
        return collection(field, &text(Some(first))?);
    }
    if first == Bind::Null {
        skip(field, 1, cells);
        return Ok(Value::Null);
    }
    Ok(match field.property.ty {
        Type::String | Type::Guid => Value::String(text(Some(first))?),
        Type::Boolean => Value::Boolean(integer(Some(first))? != 0),
        Type::Int32 => Value::Int32(small(Some(first))?),
        Type::Int64 => Value::Int64(integer(Some(first))?),
        Type::Enum(_) => Value::Enum(small(Some(first))?),
        Type::Binary => match first {
            Bind::Blob(bytes) => Value::Binary(bytes),
            _ => return Err(shown()),
        },
        Type::DateTimeOffset => {
            let instant = DateTimeOffset::from_parts(integer(Some(first))?, small(cells.next())?);
            Value::DateTimeOffset(instant.ok_or_else(shown)?)
        }
        Type::Duration => {
            let ticks = integer(Some(first))?;
            Value::Duration(Duration::from_parts(ticks, text(cells.next())?))
        }
        Type::Complex(base) => {
            let ty = text(Some(first))?;
            let ty = base.self_or_derived(&ty).ok_or_else(shown)?;
            let mut record = Record::new(ty);
            for part in &field.parts {
                // Parts that the exact type does not have are null, and have nowhere to go.
                let part_value = value(part, cells)?;
                record.set(part.property.name, part_value);
            }
            Value::Complex(Box::new(record))
        }
    })
}

/// Passes over the cells of a field, of which `done` are read.
pub(super) fn skip(field: &Field, done: usize, cells: &mut IntoIter<Bind>) {
    for _ in field.all_columns().skip(done) {
        cells.next();
    }
}

fn collection(field: &Field, json: &str) -> Result<Value, Error> {
    let shown = || unreadable(field.property.name);
    let items: Vec<serde_json::Value> = serde_json::from_str(json).map_err(|_| shown())?;
    let items = items.iter().map(|json| item(field.property.ty, json));
    let items: Option<Vec<Value>> = items.collect();
    Ok(Value::Collection(items.ok_or_else(shown)?))
}

/// What [`json`] wrote of a value of the type.
fn item(ty: Type, json: &serde_json::Value) -> Option<Value> {
    let number = || json.as_i64().and_then(|number| i32::try_from(number).ok());
    Some(match ty {
        Type::String => Value::String(json.as_str()?.to_owned()),
        Type::Enum(_) => Value::Enum(number()?),
        Type::Int32 => Value::Int32(number()?),
        Type::Int64 => Value::Int64(json.as_i64()?),
        // None in a collection has types that derive from it, so the type need not be told.
        Type::Complex(ty) => {
            let members = json.as_object()?;
            let mut record = Record::new(ty);
            for (property, slot) in ty.properties.iter().zip(&mut record.values) {
                *slot = match members.get(property.name)? {
                    serde_json::Value::Null => Value::Null,
                    serde_json::Value::Array(items) if property.collection => {
                        let items = items.iter().map(|json| item(property.ty, json));
                        Value::Collection(items.collect::<Option<_>>()?)
                    }
                    json => item(property.ty, json)?,
                };
            }
            Value::Complex(Box::new(record))
        }
        _ => return None,
    })
}

/// A value in a collection; those of the schema are texts, numbers, enumerations, and complex values of
/// these and of collections of them.
fn json(item: &Value) -> Option<serde_json::Value> {
    Some(match item {
        Value::Null => serde_json::Value::Null,
        Value::Collection(items) => items.iter().map(json).collect::<Option<_>>()?,
        Value::Complex(record) if record.ty.derived.is_empty() => {
            let members = record.ty.properties.iter().zip(&record.values);
            let members =
                members.map(|(property, value)| Some((property.name.to_owned(), json(value)?)));
            serde_json::Value::Object(members.collect::<Option<_>>()?)
        }
        Value::String(text) => text.as_str().into(),
        Value::Int32(number) | Value::Enum(number) => (*number).into(),
        Value::Int64(number) => (*number).into(),
        _ => return None,
    })
}

/// The number in a cell.
pub(super) fn integer(cell: Option<Bind>) -> Result<i64, Error> {
    match cell {
        Some(Bind::Integer(number)) => Ok(number),
        _ => Err(unreadable("a number")),
    }
}

fn small(cell: Option<Bind>) -> Result<i32, Error> {
    i32::try_from(integer(cell)?).map_err(|_| unreadable("a number of 32 bits"))
}

/// The text in a cell.
pub(super) fn text(cell: Option<Bind>) -> Result<String, Error> {
    match cell {
        Some(Bind::Text(text)) => Ok(text),
        _ => Err(unreadable("a text")),
    }
}

/// What was read is not what is written.
pub(super) fn unreadable(what: &str) -> Error {
    super::fault(&format!("a stored row does not hold {what} as it should"))
}

fn misfit(field: &Field) -> Error {
    super::fault(&format!("a value does not fit {}", field.property.name))
}
