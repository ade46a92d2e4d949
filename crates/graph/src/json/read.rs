//! A body by its entity's description: every property known, every value of its type.

use std::borrow::Cow;

use base64::{
    Engine, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use runstate_odata::edm::{
    Access, DateTimeOffset, Duration, EnumType, Property, Record, StructuredType, Type, Value,
};

use super::Json;
use crate::{entity::MODEL, error::Error};

/// What a body says of an entity.
#[derive(Debug, Clone, PartialEq)]
pub struct Body {
    /// New values by the property's position; only of properties that the client may set.
    pub values: Vec<(usize, Value)>,
    /// `id`, where the body has one.
    pub id: Option<String>,
    /// The links of `name@odata.bind`, by navigation property.
    pub binds: Vec<(&'static str, Vec<String>)>,
}

/// Whether a body makes an entity or changes one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// `POST`
    Create,
    /// `PATCH`
    Update,
}

/// Reads a body that speaks of an entity of type `ty`.
///
/// `@odata.*` annotations are left unused, but `@odata.type` must name the type. What a client may
/// not set (`id`, dates that the service keeps) must be of its type all the same, and is left unused,
/// because clients send back whole objects that they have read.
///
/// # Errors
///
/// 400, naming the property.
pub fn entity(
    ty: &'static StructuredType,
    json: &Json<'_>,
    purpose: Purpose,
) -> Result<Body, Error> {
    let Json::Object(members) = json else {
        let kind = json.kind();
        return Err(Error::bad_request(format!(
            "The request body must be an object, not {kind}."
        )));
    };
    let mut body = Body {
        values: Vec::new(),
        id: None,
        binds: Vec::new(),
    };
    for (name, json) in members {
        let at = name.bytes().position(|byte| byte == b'@');
        if let Some((target, annotation)) = at.and_then(|at| name.split_at_checked(at)) {
            let annotation = annotation.get(1..).unwrap_or_default();
            if target.is_empty() && annotation == "odata.type" {
                check_type(ty, name, json)?;
            } else if annotation == "odata.bind" {
                body.binds.push(bind(ty, target, json)?);
            } else if !target.is_empty() {
                known(ty, target)?;
            }
            continue;
        }
        let Some(position) = ty.position(name) else {
            return Err(not_a_property(ty, name));
        };
        let Some(property) = ty.properties.get(position) else {
            continue;
        };
        if property.access == Access::Computed && *json == Json::Null {
            continue;
        }
        let value = value(property, name, json)?;
        match property.access {
            Access::ReadWrite => body.values.push((position, value)),
            Access::Create if purpose == Purpose::Create => body.values.push((position, value)),
            Access::Computed if name == "id" => body.id = value.as_str().map(str::to_owned),
            Access::Create | Access::Computed => {}
        }
    }
    Ok(body)
}

/// A new record of what a body says, with defaults for what it leaves out: an empty collection, the
/// enumeration's first member, 0, false; the date-times are the caller's to set.
///
/// # Errors
///
/// 400 where a string that must be there is not.
pub fn new_record(
    ty: &'static StructuredType,
    values: Vec<(usize, Value)>,
) -> Result<Record, Error> {
    let mut record = Record::new(ty);
    for (position, value) in values {
        if let Some(slot) = record.values.get_mut(position) {
            *slot = value;
        }
    }
    for (property, slot) in ty.properties.iter().zip(&mut record.values) {
        if property.nullable || !slot.is_null() || property.access == Access::Computed {
            continue;
        }
        *slot = match property.ty {
            Type::Boolean => Value::Boolean(false),
            Type::Int32 => Value::Int32(0),
            Type::Int64 => Value::Int64(0),
            Type::Enum(ty) => Value::Enum(ty.members.first().map_or(0, |(_, value)| *value)),
            Type::DateTimeOffset => Value::Null,
            _ => {
                return Err(Error::bad_request(format!(
                    "The property '{}' is required and was not given.",
                    property.name
                )));
            }
        };
    }
    Ok(record)
}

fn check_type(ty: &'static StructuredType, name: &str, json: &Json<'_>) -> Result<(), Error> {
    match type_of(json) {
        Some(given) if given == ty.name => Ok(()),
        _ => Err(Error::bad_request(format!(
            "The annotation '{name}' must be '#{}', the type of this resource.",
            MODEL.qualified(ty.name)
        ))),
    }
}

/// The type name without namespace of an `@odata.type` value, with or without its leading `#`.
fn type_of<'a>(json: &'a Json<'_>) -> Option<&'a str> {
    let Json::String(text) = json else {
        return None;
    };
    let name = text.strip_prefix('#').unwrap_or(text);
    let (_, unqualified) = name.rsplit_once('.')?;
    (name == MODEL.qualified(unqualified)).then_some(unqualified)
}

fn known(ty: &'static StructuredType, name: &str) -> Result<(), Error> {
    let exists = ty.property(name).is_some() || ty.navigation(name).is_some();
    exists.then_some(()).ok_or_else(|| unknown(ty, name))
}

fn unknown(ty: &StructuredType, name: &str) -> Error {
    let shown: String = name.chars().take(128).collect();
    Error::bad_request(format!(
        "The property '{shown}' does not exist on type '{}'.",
        MODEL.qualified(ty.name)
    ))
}

/// The refusal of a member that is no property; of a navigation property it says what to do instead.
fn not_a_property(ty: &'static StructuredType, name: &str) -> Error {
    if ty.navigation(name).is_none() {
        return unknown(ty, name);
    }
    Error::bad_request(format!(
        "The navigation property '{name}' cannot be written with its entity; address it by its own path."
    ))
}

fn bind(
    ty: &'static StructuredType,
    target: &str,
    json: &Json<'_>,
) -> Result<(&'static str, Vec<String>), Error> {
    let navigation = ty.navigation(target).ok_or_else(|| unknown(ty, target))?;
    let fail = || {
        let form = if navigation.collection {
            "an array of links"
        } else {
            "a link"
        };
        Error::bad_request(format!(
            "The annotation '{target}@odata.bind' must be {form}."
        ))
    };
    let text = |json: &Json<'_>| match json {
        Json::String(text) => Some(text.clone().into_owned()),
        _ => None,
    };
    let links = match json {
        Json::Array(items) if navigation.collection => items.iter().map(text).collect(),
        json if !navigation.collection => text(json).map(|link| vec![link]),
        _ => None,
    };
    Ok((navigation.name, links.ok_or_else(fail)?))
}

/// The value of a property, whose name for messages is `path`.
fn value(property: &'static Property, path: &str, json: &Json<'_>) -> Result<Value, Error> {
    if property.collection {
        let Json::Array(items) = json else {
            return Err(wrong(path, "an array", json));
        };
        let item = |(i, item): (usize, &Json<'_>)| single(property, &format!("{path}[{i}]"), item);
        return Ok(Value::Collection(
            items
                .iter()
                .enumerate()
                .map(item)
                .collect::<Result<_, _>>()?,
        ));
    }
    if *json == Json::Null {
        let message = format!("The property '{path}' must not be null.");
        return if property.nullable {
            Ok(Value::Null)
        } else {
            Err(Error::bad_request(message))
        };
    }
    single(property, path, json)
}

fn single(property: &Property, path: &str, json: &Json<'_>) -> Result<Value, Error> {
    match (property.ty, json) {
        (Type::String, Json::String(text)) => {
            check_length(property, path, text)?;
            Ok(Value::String(text.clone().into_owned()))
        }
        (Type::Guid, Json::String(text)) => guid(text)
            .map(Value::String)
            .ok_or_else(|| invalid(path, "it is not a GUID")),
        (Type::Boolean, Json::Boolean(value)) => Ok(Value::Boolean(*value)),
        (Type::Int32, Json::Integer(number)) => {
            i32::try_from(*number).map(Value::Int32).map_err(|_| {
                wrong_text(
                    path,
                    "an Int32 (-2147483648 to 2147483647)",
                    &number.to_string(),
                )
            })
        }
        (Type::Int64, Json::Integer(number)) => Ok(Value::Int64(*number)),
        // With IEEE754Compatible=true a client writes 64-bit numbers as strings (OData JSON 3.2).
        (Type::Int64, Json::String(text)) => text
            .parse()
            .map(Value::Int64)
            .map_err(|_| wrong_text(path, "an Int64", text)),
        (Type::DateTimeOffset, Json::String(text)) => DateTimeOffset::parse(text)
            .map(Value::DateTimeOffset)
            .map_err(|reason| invalid(path, &reason)),
        (Type::Duration, Json::String(text)) => clock_duration(text)
            .map_or_else(|| Duration::parse(text), Ok)
            .map(Value::Duration)
            .map_err(|reason| invalid(path, &reason)),
        (Type::Binary, Json::String(text)) => binary(text)
            .map(Value::Binary)
            .ok_or_else(|| invalid(path, "it is not base64")),
        (Type::Enum(ty), Json::String(name)) => ty
            .value_of(name)
            .map(Value::Enum)
            .ok_or_else(|| wrong_text(path, &members(ty), name)),
        (Type::Complex(ty), Json::Object(members)) => complex(ty, path, members),
        (ty, json) => Err(wrong(path, expected(ty), json)),
    }
}

/// Refuses a text that is longer than the property allows.
fn check_length(property: &Property, path: &str, text: &str) -> Result<(), Error> {
    let Some(most) = property.max_length else {
        return Ok(());
    };
    let most_characters = usize::try_from(most).unwrap_or(usize::MAX);
    if text.chars().nth(most_characters).is_none() {
        return Ok(());
    }
    Err(Error::bad_request(format!(
        "The property '{path}' must have at most {most} characters."
    )))
}

/// A complex value; `@odata.type` picks the type where others derive from the declared one.
fn complex(
    declared: &'static StructuredType,
    path: &str,
    members: &[(Cow<'_, str>, Json<'_>)],
) -> Result<Value, Error> {
    let mut ty = declared;
    if let Some((_, json)) = members.iter().find(|(name, _)| name == "@odata.type") {
        let named = type_of(json).and_then(|name| declared.self_or_derived(name));
        ty = named.ok_or_else(|| {
            Error::bad_request(format!(
                "The annotation '{path}/@odata.type' must name '{}' or a type derived from it.",
                MODEL.qualified(declared.name)
            ))
        })?;
    }
    let mut record = Record::new(ty);
    for (name, json) in members.iter().filter(|(name, _)| !name.contains('@')) {
        let path = format!("{path}/{name}");
        let property = ty.property(name).ok_or_else(|| unknown(ty, name))?;
        record.set(name, value(property, &path, json)?);
    }
    Ok(Value::Complex(Box::new(record)))
}

/// Base64 in the standard or the URL alphabet, with padding or without (OData ABNF `binaryValue`).
fn binary(text: &str) -> Option<Vec<u8>> {
    const LENIENT: GeneralPurposeConfig =
        GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    const STANDARD: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, LENIENT);
    const URL_SAFE: GeneralPurpose = GeneralPurpose::new(&alphabet::URL_SAFE, LENIENT);
    STANDARD
        .decode(text)
        .or_else(|_| URL_SAFE.decode(text))
        .ok()
}

/// A duration as the Graph SDK for Python writes a `timedelta`, and .NET a `TimeSpan`, in place of
/// ISO 8601: `1:00:00`, `2 days, 3:00:00`, `2.03:00:00`.
fn clock_duration(text: &str) -> Option<Duration> {
    let day = |days: &str| {
        days.trim_end_matches('s')
            .strip_suffix(" day")
            .unwrap_or(days)
            .to_owned()
    };
    let (days, clock) = match text.split_once(", ").or_else(|| {
        text.split_once('.')
            .filter(|(_, clock)| clock.contains(':'))
    }) {
        Some((days, clock)) => (day(days), clock),
        None => ("0".to_owned(), text),
    };
    let mut parts = clock.split(':');
    let (hours, minutes, seconds) = (parts.next()?, parts.next()?, parts.next()?);
    let days = days.parse::<u32>().ok()?;
    let hours = hours.parse::<u32>().ok()?;
    let minutes = minutes.parse::<u32>().ok()?;
    let seconds = seconds.trim_start_matches('0');
    if parts.next().is_some() {
        return None;
    }
    let mut iso = "P".to_owned();
    if days > 0 {
        iso.push_str(&format!("{days}D"));
    }
    iso.push('T');
    if hours > 0 {
        iso.push_str(&format!("{hours}H"));
    }
    if minutes > 0 {
        iso.push_str(&format!("{minutes}M"));
    }
    if !seconds.is_empty() {
        let zero = if seconds.starts_with('.') { "0" } else { "" };
        iso.push_str(&format!("{zero}{seconds}S"));
    }
    Duration::parse(if iso == "PT" {
        "PT0S"
    } else {
        iso.trim_end_matches('T')
    })
    .ok()
}

/// `8-4-4-4-12` hexadecimal digits, in lower case.
fn guid(text: &str) -> Option<String> {
    let is_guid = text.len() == 36
        && text.bytes().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        });
    is_guid.then(|| text.to_ascii_lowercase())
}

fn members(ty: &EnumType) -> String {
    let names: Vec<&str> = ty.members.iter().map(|(name, _)| *name).collect();
    format!("one of {}", names.join(", "))
}

fn expected(ty: Type) -> &'static str {
    match ty {
        Type::String => "a string",
        Type::Boolean => "a Boolean",
        Type::Int32 => "a whole number (Int32)",
        Type::Int64 => "a whole number (Int64)",
        Type::DateTimeOffset => "a date and time with an offset, as a string",
        Type::Duration => "a duration, as a string",
        Type::Binary => "base64, as a string",
        Type::Guid => "a GUID, as a string",
        Type::Enum(_) => "the name of an enumeration's member, as a string",
        Type::Complex(_) => "an object",
    }
}

fn wrong(path: &str, expected: &str, json: &Json<'_>) -> Error {
    Error::bad_request(format!(
        "The property '{path}' must be {expected}, not {}.",
        json.kind()
    ))
}

fn wrong_text(path: &str, expected: &str, given: &str) -> Error {
    let given: String = given.chars().take(128).collect();
    Error::bad_request(format!(
        "The property '{path}' must be {expected}, not '{given}'."
    ))
}

fn invalid(path: &str, reason: &str) -> Error {
    Error::bad_request(format!("The property '{path}' is not valid: {reason}."))
}

#[cfg(test)]
mod tests {
    use super::clock_duration;

    #[test]
    fn durations_in_the_form_of_a_clock() {
        for (text, iso) in [
            ("1:00:00", "PT1H"),
            ("0:00:00", "PT0S"),
            ("2 days, 3:00:00", "P2DT3H"),
            ("1 day, 0:00:00", "P1D"),
            ("0:15:30.500000", "PT15M30.500000S"),
            ("1.02:03:04", "P1DT2H3M4S"),
        ] {
            assert_eq!(clock_duration(text).unwrap().as_str(), iso, "{text}");
        }
        for text in [
            "", "PT1H", "1:00", "a:b:c", "-1:00:00", "1:2:3:4", "P1D", "1:00:0x",
        ] {
            assert!(clock_duration(text).is_none(), "{text}");
        }
    }
}
