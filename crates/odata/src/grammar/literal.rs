//! Literals (ABNF `primitiveLiteral`).

use super::{
    ast::{Column, Literal},
    cursor::{Cursor, is_name_char},
};
use crate::{
    Error, ErrorKind,
    edm::{DateTimeOffset, Duration},
};

/// ABNF `string`: in single quotes, a quote within doubled. The cursor stands at the first quote.
pub(super) fn string(cursor: &mut Cursor<'_>) -> Result<String, Error> {
    let column = cursor.column();
    cursor.expect('\'')?;
    let mut text = String::new();
    loop {
        text.push_str(cursor.take_while(|c| c != '\''));
        if !cursor.eat('\'') {
            let message = "A string is not closed with a single quote";
            return Err(cursor.error(ErrorKind::Syntax, column, message));
        }
        if !cursor.eat('\'') {
            return Ok(text);
        }
        text.push('\'');
    }
}

/// ABNF `guidValue`: 8-4-4-4-12 hex digits, and no more.
pub(super) fn guid_value(cursor: &mut Cursor<'_>) -> Option<Literal> {
    let place = cursor.place();
    let word = cursor.take_while(|c| is_name_char(c) || c == '-');
    let is_guid = word.len() == 36
        && word.bytes().enumerate().all(|(i, byte)| match i {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        });
    if !is_guid {
        cursor.back_to(place);
        return None;
    }
    Some(Literal::Guid(word.to_owned()))
}

/// A literal that begins with a digit or a sign: ABNF `int64Value` or `dateTimeOffsetValue`.
pub(super) fn number_or_date(cursor: &mut Cursor<'_>) -> Result<Literal, Error> {
    let column = cursor.column();
    let word = cursor.take_while(|c| is_name_char(c) || "+-.:".contains(c));
    let digits = word.strip_prefix(['-', '+']).unwrap_or(word);
    let fail = |cursor: &Cursor<'_>, kind, message: &str| {
        let shown: String = word.chars().take(64).collect();
        Err(cursor.error(kind, column, format!("'{shown}' {message}")))
    };
    if !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()) {
        return match word.parse() {
            Ok(value) => Ok(Literal::Integer(value)),
            Err(_) => fail(cursor, ErrorKind::Type, "is out of the range of Int64"),
        };
    }
    if word.contains(':') || word.matches('-').count() == 2 {
        return date_time_offset_value(cursor, column, word);
    }
    if digits.parse::<f64>().is_ok() {
        return fail(
            cursor,
            ErrorKind::Unsupported,
            "has a fraction or an exponent: only whole numbers are supported",
        );
    }
    fail(
        cursor,
        ErrorKind::Syntax,
        "is not a number, a date or a GUID",
    )
}

/// ABNF `dateTimeOffsetValue`, of which `word` is read; form decoding has made a blank of the
/// offset's `+` where a client did not encode it.
fn date_time_offset_value(
    cursor: &mut Cursor<'_>,
    column: Column,
    word: &str,
) -> Result<Literal, Error> {
    let mut text = word.to_owned();
    let place = cursor.place();
    if DateTimeOffset::parse(&text).is_err() && cursor.eat(' ') {
        let offset = cursor.take_while(|c| c.is_ascii_digit() || c == ':');
        let with_offset = format!("{text}+{offset}");
        if DateTimeOffset::parse(&with_offset).is_ok() {
            text = with_offset;
        } else {
            cursor.back_to(place);
        }
    }
    match DateTimeOffset::parse(&text) {
        Ok(_) => Ok(Literal::DateTimeOffset(text)),
        Err(message) => Err(cursor.error(ErrorKind::Syntax, column, message)),
    }
}

/// A literal in quotes with a name before them: ABNF `duration`, `binary`, `enum`. The cursor
/// stands at the quote.
pub(super) fn prefixed(
    cursor: &mut Cursor<'_>,
    column: Column,
    prefix: &str,
) -> Result<Literal, Error> {
    let text = string(cursor)?;
    if prefix.eq_ignore_ascii_case("duration") {
        return match Duration::parse(&text) {
            Ok(_) => Ok(Literal::Duration(text)),
            Err(message) => Err(cursor.error(ErrorKind::Syntax, column, message)),
        };
    }
    if prefix.eq_ignore_ascii_case("binary") {
        return Ok(Literal::Binary(text));
    }
    if !prefix.contains('.') {
        let message = format!("There are no literals of the form {prefix}'…'");
        return Err(cursor.error(ErrorKind::Unsupported, column, message));
    }
    Ok(Literal::Enum(prefix.to_owned(), text))
}
