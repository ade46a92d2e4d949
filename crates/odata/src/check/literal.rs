//! Literals given the type that their place asks for.

use super::names::{self, Context};
use crate::{
    Error, ErrorKind, csdl,
    edm::{DateTimeOffset, Duration, EnumType, Type, Value},
    grammar::ast::{Column, Literal},
};

/// A literal as a value of a type, where the type can hold it.
pub(super) enum Typed {
    /// A value of the type, or null.
    Value(Value),
    /// A whole number less than every value of the type.
    TooLow,
    /// A whole number greater than every value of the type.
    TooHigh,
}

/// The literal as a value of `ty`.
pub(super) fn typed(
    context: Context<'_>,
    literal: &Literal,
    column: Column,
    ty: Type,
) -> Result<Typed, Error> {
    let value = match (ty, literal) {
        (_, Literal::Null) => Value::Null,
        (Type::Boolean, Literal::Boolean(value)) => Value::Boolean(*value),
        (Type::Int64, Literal::Integer(value)) => Value::Int64(*value),
        (Type::Int32, Literal::Integer(value)) => match i32::try_from(*value) {
            Ok(value) => Value::Int32(value),
            Err(_) if *value < 0 => return Ok(Typed::TooLow),
            Err(_) => return Ok(Typed::TooHigh),
        },
        (Type::String, Literal::String(text) | Literal::Guid(text)) => Value::String(text.clone()),
        // Kept in lower case, as they are compared without regard to it.
        (Type::Guid, Literal::Guid(text)) => Value::String(text.to_ascii_lowercase()),
        (Type::DateTimeOffset, Literal::DateTimeOffset(text)) => {
            let value = DateTimeOffset::parse(text);
            Value::DateTimeOffset(value.map_err(|m| context.error(ErrorKind::Type, column, m))?)
        }
        // OData 4.01 lets `duration` and the type's name be left out before the quotes.
        (Type::Duration, Literal::Duration(text) | Literal::String(text)) => {
            let value = Duration::parse(text);
            Value::Duration(value.map_err(|m| context.error(ErrorKind::Type, column, m))?)
        }
        (Type::Enum(ty), Literal::String(members)) => {
            Value::Enum(enum_value(context, ty, members, column)?)
        }
        (Type::Enum(ty), Literal::Enum(name, members)) => {
            if enum_named(context, name, column)? != ty {
                let message = format!("'{name}' is not '{}'", ty.name);
                return Err(context.error(ErrorKind::Type, column, message));
            }
            Value::Enum(enum_value(context, ty, members, column)?)
        }
        _ => {
            let hint = match (ty, literal) {
                (Type::DateTimeOffset, Literal::String(_)) => ": dates are written without quotes",
                (
                    Type::String,
                    Literal::Integer(_) | Literal::Boolean(_) | Literal::DateTimeOffset(_),
                ) => ": text is written in single quotes",
                _ => "",
            };
            let message = format!("{literal} is not of type {}{hint}", type_name(context, ty));
            return Err(context.error(ErrorKind::Type, column, message));
        }
    };
    Ok(Typed::Value(value))
}

/// The type that a literal has by itself; none of null.
pub(super) fn own_type(
    context: Context<'_>,
    literal: &Literal,
    column: Column,
) -> Result<Option<Type>, Error> {
    Ok(Some(match literal {
        Literal::Null => return Ok(None),
        Literal::Boolean(_) => Type::Boolean,
        Literal::Integer(_) => Type::Int64,
        Literal::String(_) | Literal::Guid(_) => Type::String,
        Literal::DateTimeOffset(_) => Type::DateTimeOffset,
        Literal::Duration(_) => Type::Duration,
        Literal::Binary(_) => Type::Binary,
        Literal::Enum(name, _) => Type::Enum(enum_named(context, name, column)?),
    }))
}

/// The type as CSDL names it.
pub(super) fn type_name(context: Context<'_>, ty: Type) -> String {
    csdl::type_name(context.model, ty)
}

fn enum_named(
    context: Context<'_>,
    name: &str,
    column: Column,
) -> Result<&'static EnumType, Error> {
    names::enum_type(context.model, name).ok_or_else(|| {
        let message = format!("There is no enumeration type '{name}'");
        context.error(ErrorKind::UnknownName, column, message)
    })
}

/// ABNF `enumValue`: a member by name or value; of flags, several with commas between.
fn enum_value(
    context: Context<'_>,
    ty: &EnumType,
    members: &str,
    column: Column,
) -> Result<i32, Error> {
    let member = |name: &str| match ty.value_of(name) {
        Some(value) => Ok(value),
        None => match name.parse() {
            Ok(value) if ty.flags || ty.name_of(value).is_some() => Ok(value),
            _ => {
                let message = format!("'{name}' is not a member of '{}'", ty.name);
                Err(context.error(ErrorKind::Type, column, message))
            }
        },
    };
    if !ty.flags {
        return member(members);
    }
    let mut bits = 0;
    for name in members.split(',') {
        bits |= member(name.trim())?;
    }
    Ok(bits)
}
