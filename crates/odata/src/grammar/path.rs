//! Resource paths (ABNF `resourcePath`): cut into segments, each decoded by itself.

use super::{
    cursor::{Cursor, is_name_char, is_name_start},
    literal, percent,
};
use crate::{Error, ErrorKind};

/// One segment of a path. What it is (a property, a key, an action) depends on the schema, so
/// [`crate::check::path`] says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Segment {
    /// The segment without a key in parentheses, decoded.
    pub name: String,
    /// The key in parentheses, decoded and without its quotes.
    pub key: Option<String>,
    /// The whole segment as written, decoded: what a key as a segment is.
    pub text: String,
}

/// Reads a raw path behind the version segment, still percent-encoded, with or without the slash at
/// its beginning; one slash at its end means nothing.
///
/// A segment is cut before it is decoded, so a `%2F` is part of a key. Keys in parentheses are
/// `('it''s')`, `(id='…')` or without quotes; a segment that only looks similar is taken as it is,
/// since a key as a segment may hold any character.
///
/// ```
/// use runstate_odata::grammar::path;
///
/// let segments = path::parse("/groups('a%2Fb')/members/").unwrap();
/// assert_eq!(segments[0].name, "groups");
/// assert_eq!(segments[0].key.as_deref(), Some("a/b"));
/// assert_eq!(segments[1].name, "members");
/// ```
///
/// # Errors
///
/// Bad encoding, or an empty segment; the column counts in the decoded path.
pub fn parse(path: &str) -> Result<Vec<Segment>, Error> {
    let path = path.strip_prefix('/').unwrap_or(path);
    let path = path.strip_suffix('/').unwrap_or(path);
    if path.is_empty() {
        return Ok(Vec::new());
    }
    let mut segments = Vec::new();
    let mut column = 1;
    for raw in path.split('/') {
        if raw.is_empty() {
            let message = "The path has an empty segment";
            return Err(Error::new(ErrorKind::Syntax, "", column, message));
        }
        let text = percent::decode(raw, false, "").map_err(|mut error| {
            error.column += column - 1;
            error
        })?;
        let length = match text.is_ascii() {
            true => text.len(),
            false => text.chars().count(),
        };
        column += length + 1;
        segments.push(segment(text));
    }
    Ok(segments)
}

/// Takes the key in parentheses from a segment, where it has one.
fn segment(text: String) -> Segment {
    let (name, key) = match with_parentheses(&text) {
        Some((name, key)) => (name.to_owned(), key),
        None => (text.clone(), None),
    };
    Segment { name, key, text }
}

/// `name(key)`, or `name()`, which is the same as `name`; nothing where it is neither.
fn with_parentheses(text: &str) -> Option<(&str, Option<String>)> {
    // Hardly any segment ends so, and none need be searched that doesn't.
    let (name, inside) = text.strip_suffix(')')?.split_once('(')?;
    let is_name =
        name.starts_with(is_name_start) && name.chars().all(|c| is_name_char(c) || c == '.');
    if !is_name {
        return None;
    }
    if inside.is_empty() {
        return Some((name, None));
    }
    Some((name, Some(key_value(inside)?)))
}

/// ABNF `simpleKey` or a `compoundKey` of the one property `id`.
fn key_value(inside: &str) -> Option<String> {
    let value = match inside.split_once('=') {
        Some((name, value)) if name.trim().eq_ignore_ascii_case("id") => value.trim(),
        _ => inside.trim(),
    };
    if !value.starts_with('\'') {
        let plain = |c: char| c.is_ascii_alphanumeric() || "-_.:".contains(c);
        return (!value.is_empty() && value.chars().all(plain)).then(|| value.to_owned());
    }
    let mut cursor = Cursor::new("", value);
    let key = literal::string(&mut cursor).ok()?;
    cursor.end("").ok()?;
    Some(key)
}

/// ABNF `functionParameters` whose values are texts in quotes, without the parentheses around: names
/// and values. Nothing where it is not that.
pub(crate) fn arguments(inside: &str) -> Option<Vec<(String, String)>> {
    let mut cursor = Cursor::new("", inside);
    let mut all = Vec::new();
    while cursor.peek().is_some() {
        if !all.is_empty() && !cursor.eat(',') {
            return None;
        }
        let name = cursor.take_while(is_name_char).to_owned();
        if !cursor.eat('=') || cursor.peek() != Some('\'') {
            return None;
        }
        all.push((name, literal::string(&mut cursor).ok()?));
    }
    Some(all)
}
