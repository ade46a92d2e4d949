//! A JSON text as a tree that hides nothing: a name that occurs twice is an error, not a choice.

use std::{borrow::Cow, collections::HashSet, fmt};

use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};

use crate::error::Error;

/// A JSON value. Members of an object keep their order and have different names. Texts without escapes
/// are parts of the body that they were read from.
#[derive(Debug, Clone, PartialEq)]
pub enum Json<'a> {
    /// `null`
    Null,
    /// `true`, `false`
    Boolean(bool),
    /// A number that is whole and fits 64 bits with a sign.
    Integer(i64),
    /// Any other number; nothing here takes one.
    Fraction,
    /// A string, without U+0000, which not every store can keep.
    String(Cow<'a, str>),
    /// An array.
    Array(Vec<Self>),
    /// An object.
    Object(Vec<(Cow<'a, str>, Self)>),
}

impl<'a> Json<'a> {
    /// Reads a body.
    ///
    /// # Errors
    ///
    /// 400, with line and column, for what is not JSON (RFC 8259), not UTF-8, nested more than 128
    /// deep, or holds a name twice, U+0000, a lone surrogate or a number out of a double's range.
    pub fn parse(body: &'a [u8]) -> Result<Self, Error> {
        let body = without_mark(body);
        if body.iter().all(u8::is_ascii_whitespace) {
            return Err(Error::bad_request(
                "The request body is empty; JSON is expected.",
            ));
        }
        // Of text that is known to be UTF-8 each string need not be looked through for it again.
        let read = match std::str::from_utf8(body) {
            Ok(text) => serde_json::from_str(text),
            Err(_) => serde_json::from_slice(body),
        };
        read.map_err(|error| {
            Error::bad_request(format!("The request body is not valid JSON: {error}."))
        })
    }

    /// What kind of value it is, for a message.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Boolean(_) => "a Boolean",
            Self::Integer(_) => "a whole number",
            Self::Fraction => "a number that is not whole or too large",
            Self::String(_) => "a string",
            Self::Array(_) => "an array",
            Self::Object(_) => "an object",
        }
    }

    /// The member of that name of an object.
    pub fn member(&self, name: &str) -> Option<&Self> {
        match self {
            Self::Object(members) => members.iter().find(|(n, _)| n == name).map(|(_, v)| v),
            _ => None,
        }
    }
}

/// A body without the byte order mark that Windows PowerShell puts before UTF-8; RFC 8259, section 8.1
/// lets a reader pass over it.
pub fn without_mark(body: &[u8]) -> &[u8] {
    body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body)
}

impl<'de> Deserialize<'de> for Json<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TreeVisitor)
    }
}

/// The name of a member.
struct Name<'a>(Cow<'a, str>);

impl<'de> Deserialize<'de> for Name<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(NameVisitor)
    }
}

struct TreeVisitor;

struct NameVisitor;

/// Up to how many members of an object are compared one by one.
const FEW: usize = 32;

fn text<E: serde::de::Error>(text: Cow<'_, str>) -> Result<Cow<'_, str>, E> {
    // It cannot stand in a text without an escape.
    if let Cow::Owned(text) = &text
        && text.contains('\0')
    {
        return Err(E::custom("a string holds the character U+0000"));
    }
    Ok(text)
}

impl<'de> Visitor<'de> for NameVisitor {
    type Value = Name<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_borrowed_str<E: serde::de::Error>(self, value: &'de str) -> Result<Name<'de>, E> {
        text(Cow::Borrowed(value)).map(Name)
    }

    fn visit_str<E: serde::de::Error>(self, value: &str) -> Result<Name<'de>, E> {
        text(Cow::Owned(value.to_owned())).map(Name)
    }
}

impl<'de> Visitor<'de> for TreeVisitor {
    type Value = Json<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Json<'de>, E> {
        Ok(Json::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Json<'de>, E> {
        Ok(Json::Boolean(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Json<'de>, E> {
        Ok(Json::Integer(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Json<'de>, E> {
        Ok(i64::try_from(value).map_or(Json::Fraction, Json::Integer))
    }

    fn visit_f64<E>(self, _: f64) -> Result<Json<'de>, E> {
        Ok(Json::Fraction)
    }

    fn visit_borrowed_str<E: serde::de::Error>(self, value: &'de str) -> Result<Json<'de>, E> {
        text(Cow::Borrowed(value)).map(Json::String)
    }

    fn visit_str<E: serde::de::Error>(self, value: &str) -> Result<Json<'de>, E> {
        text(Cow::Owned(value.to_owned())).map(Json::String)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Json<'de>, A::Error> {
        let mut array = Vec::new();
        while let Some(item) = items.next_element()? {
            array.push(item);
        }
        Ok(Json::Array(array))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Json<'de>, A::Error> {
        let mut members: Vec<(Cow<'de, str>, Json<'de>)> = Vec::new();
        // Of a large object only: the few names of an entity are compared sooner than hashed.
        let mut seen: HashSet<Cow<'de, str>> = HashSet::new();
        while let Some(Name(name)) = entries.next_key()? {
            let is_again = if members.len() < FEW {
                members.iter().any(|(other, _)| *other == name)
            } else {
                if seen.is_empty() {
                    seen.extend(members.iter().map(|(name, _)| name.clone()));
                }
                !seen.insert(name.clone())
            };
            if is_again {
                return Err(A::Error::custom(format!("the name '{name}' occurs twice")));
            }
            members.push((name, entries.next_value()?));
        }
        Ok(Json::Object(members))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_borrowed_where_they_stand_in_the_body_as_they_are() {
        let json = Json::parse(br#"{"plain":"as it is","caf\u00e9":"a\nb"}"#).unwrap();
        let Json::Object(members) = json else {
            panic!("{json:?}");
        };
        let borrowed = |text: &Cow<'_, str>| matches!(text, Cow::Borrowed(_));
        let borrowed = |(name, value): &(Cow<'_, str>, Json<'_>)| match value {
            Json::String(value) => (borrowed(name), borrowed(value)),
            _ => panic!("{value:?}"),
        };
        let all: Vec<_> = members.iter().map(borrowed).collect();
        assert_eq!(all, [(true, true), (false, false)]);
    }

    #[test]
    fn what_no_store_can_keep_is_refused_in_names_and_texts() {
        for body in [r#"{"a":"\u0000"}"#, r#"{"\u0000":1}"#, "\"\u{0}\""] {
            assert!(Json::parse(body.as_bytes()).is_err(), "{body}");
        }
    }

    #[test]
    fn a_name_that_occurs_twice_is_found_however_many_there_are() {
        for count in [1, FEW - 1, FEW, FEW + 1, 3 * FEW] {
            let object = |last: usize| {
                let names = (0..count).chain([last]);
                let members: Vec<String> = names.map(|name| format!("\"{name}\":0")).collect();
                format!("{{{}}}", members.join(","))
            };
            assert!(Json::parse(object(count).as_bytes()).is_ok(), "{count}");
            for again in 0..count {
                let error = Json::parse(object(again).as_bytes()).unwrap_err();
                let told = format!("the name '{again}' occurs twice");
                assert!(error.message.contains(&told), "{count}: {error}");
            }
        }
    }
}
