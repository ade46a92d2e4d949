//! JSON for programs, which a terminal may be shown too.

use serde_json::Value;

use crate::failure::Failure;

/// The value over several lines. Characters that a terminal could obey, and JSON lets stand, are
/// escaped: the value is the same.
pub(crate) fn pretty(value: &Value) -> Result<String, Failure> {
    let text = serde_json::to_string_pretty(value)?;
    let is_control = |c: char| matches!(c, '\u{7f}'..='\u{9f}');
    if !text.contains(is_control) {
        return Ok(text);
    }
    // Such a character can only stand within a string, where the escape means it (RFC 8259, 7).
    let escaped = text.chars().map(|c| match is_control(c) {
        true => format!("\\u{:04x}", u32::from(c)),
        false => c.to_string(),
    });
    Ok(escaped.collect())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_terminal_has_nothing_to_obey_and_the_value_is_the_same() {
        let value = json!({ "resultMessage": "\u{9b}2J\u{1b}[2J\u{7f}é" });
        let text = pretty(&value).unwrap();
        assert!(!text.chars().any(|c| c.is_control() && c != '\n'), "{text}");
        assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), value);
    }
}
