//! Percent encoding (RFC 3986, 2.1), both ways.

use std::fmt::Write as _;

use crate::{Error, ErrorKind};

/// Decodes a piece of a URL; `plus_is_blank` in a query, as HTML forms encode.
///
/// U+0000 is refused: no name or value here may hold it, and not every store could.
///
/// # Errors
///
/// A `%` without two hex digits, bytes that are not UTF-8, U+0000; the column is that of the decoded
/// text, since that is the one that all other faults count in.
pub(super) fn decode(raw: &str, plus_is_blank: bool, option: &str) -> Result<String, Error> {
    // Most of what comes is written as it is. All bytes are looked at, many at once.
    let is_coded = |byte: u8| u8::from((byte == b'%') | (byte == b'+') | (byte == 0));
    if raw.bytes().fold(0, |any, byte| any | is_coded(byte)) == 0 {
        return Ok(raw.to_owned());
    }
    let mut bytes = Vec::with_capacity(raw.len());
    let fail = |read: &[u8], message: &str| {
        let column = String::from_utf8_lossy(read).chars().count() + 1;
        Error::new(ErrorKind::Syntax, option, column, message)
    };
    let mut rest = raw.bytes();
    while let Some(byte) = rest.next() {
        let byte = match byte {
            b'+' if plus_is_blank => b' ',
            b'%' => match (hex(rest.next()), hex(rest.next())) {
                (Some(high), Some(low)) => high * 16 + low,
                _ => return Err(fail(&bytes, "A '%' must be followed by two hex digits")),
            },
            byte => byte,
        };
        if byte == 0 {
            return Err(fail(&bytes, "The character U+0000 is not allowed"));
        }
        bytes.push(byte);
    }
    String::from_utf8(bytes).map_err(|error| {
        let good = error.utf8_error().valid_up_to();
        let read = error.as_bytes().get(..good).unwrap_or_default();
        fail(read, "The percent-encoded bytes are not UTF-8")
    })
}

fn hex(digit: Option<u8>) -> Option<u8> {
    match digit? {
        digit @ b'0'..=b'9' => Some(digit - b'0'),
        digit @ b'a'..=b'f' => Some(digit - b'a' + 10),
        digit @ b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}

/// Encodes the value of a query option; what RFC 3986 allows there and OData gives a meaning stays
/// readable.
pub(super) fn encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~$'()*,/:;=@!".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            // Writing to a string cannot fail.
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}
