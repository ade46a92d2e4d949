//! The scalar functions that SQLite lacks or has for ASCII alone, as a backend registers them.
//!
//! SQLite's `instr`, `||` and comparisons are right as they are: they count characters and compare
//! by code point. All here are deterministic, and null where an argument is null.

/// A function to register: its name in SQL, how many arguments it takes, what it does.
pub type Definition = (&'static str, usize, Function);

/// What a function does.
#[derive(Debug, Clone, Copy)]
pub enum Function {
    /// Text to text.
    Map(fn(&str) -> String),
    /// Text to a number.
    Measure(fn(&str) -> i64),
    /// Two texts to a truth: 1 or 0.
    Test(fn(&str, &str) -> bool),
    /// A text, a start and perhaps a length, to a part of the text.
    Part(fn(&str, i64, Option<i64>) -> String),
}

/// All of them.
pub const ALL: &[Definition] = &[
    ("odata_tolower", 1, Function::Map(to_lower)),
    ("odata_toupper", 1, Function::Map(to_upper)),
    ("odata_trim", 1, Function::Map(trim)),
    ("odata_fold", 1, Function::Map(fold)),
    ("odata_length", 1, Function::Measure(length)),
    ("odata_startswith", 2, Function::Test(starts_with)),
    ("odata_endswith", 2, Function::Test(ends_with)),
    ("odata_substring", 2, Function::Part(substring)),
    ("odata_substring", 3, Function::Part(substring)),
];

fn to_lower(text: &str) -> String {
    text.to_lowercase()
}

fn to_upper(text: &str) -> String {
    text.to_uppercase()
}

fn trim(text: &str) -> String {
    text.trim().to_owned()
}

/// The form in which `$search` compares: each character in lower case, whatever stands around it,
/// so that a part of a text folds to a part of the folded text (a final sigma does not in
/// [`str::to_lowercase`]).
pub fn fold(text: &str) -> String {
    text.chars().flat_map(char::to_lowercase).collect()
}

fn length(text: &str) -> i64 {
    i64::try_from(text.chars().count()).unwrap_or(i64::MAX)
}

fn starts_with(text: &str, part: &str) -> bool {
    text.starts_with(part)
}

fn ends_with(text: &str, part: &str) -> bool {
    text.ends_with(part)
}

/// Characters from `start`, counted from nought; what lies before the text or behind it is empty.
fn substring(text: &str, start: i64, length: Option<i64>) -> String {
    let clamp = |number: i64| usize::try_from(number.max(0)).unwrap_or(usize::MAX);
    text.chars()
        .skip(clamp(start))
        .take(length.map_or(usize::MAX, clamp))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_of_unicode_characters() {
        assert_eq!(trim("\u{a0}\u{3000} a b\u{85}\n"), "a b");
        assert_eq!(to_lower("ÄΟΔΟΣ"), "äοδος");
        assert_eq!(to_upper("straße"), "STRASSE");
        assert_eq!(fold("ΟΔΟΣ"), "οδοσ");
        assert_eq!(length("ä😀"), 2);
        assert!(starts_with("ä😀", "ä") && !starts_with("ä😀", "😀"));
        assert!(ends_with("ä😀", "😀") && !ends_with("ä😀", "ä"));
    }

    #[test]
    fn parts_stay_within_the_text() {
        for (start, length, part) in [
            (0, None, "ä😀b"),
            (1, None, "😀b"),
            (1, Some(1), "😀"),
            (-5, Some(1), "ä"),
            (3, None, ""),
            (i64::MAX, Some(i64::MAX), ""),
            (0, Some(-1), ""),
            (i64::MIN, None, "ä😀b"),
        ] {
            assert_eq!(substring("ä😀b", start, length), part);
        }
    }
}
