//! The value of a custom attribute, as its script prints it.

use runstate_odata::edm::DateTimeOffset;

/// The longest value of type `string`, in characters, as Intune takes it.
///
/// Source: Microsoft Intune, "Use custom attributes for macOS": 20 KB of output.
const LONGEST: usize = 20 * 1024;

/// Whether what was printed is a value of the type, or why not.
pub(crate) fn check(ty: &str, printed: &str) -> Result<(), String> {
    let value = printed.trim();
    let shown: String = value.chars().take(80).collect();
    match ty {
        "integer" => match value.parse::<i64>() {
            Ok(_) => Ok(()),
            Err(_) => Err(format!("'{shown}' is not a whole number (integer)")),
        },
        "dateTime" if is_date_time(value) => Ok(()),
        "dateTime" => Err(format!(
            "'{shown}' is not a date and time in ISO 8601 (dateTime), such as 2026-01-31T12:00:00Z"
        )),
        _ if value.is_empty() => Err("nothing was printed".to_owned()),
        _ if value.chars().count() > LONGEST => {
            Err(format!("more than {LONGEST} characters were printed"))
        }
        _ => Ok(()),
    }
}

/// A date and time with an offset; without one, as Intune takes it, it is taken for UTC; a date alone
/// is its beginning.
fn is_date_time(value: &str) -> bool {
    let forms = [
        value.to_owned(),
        format!("{value}Z"),
        format!("{value}T00:00:00Z"),
    ];
    forms.iter().any(|form| DateTimeOffset::parse(form).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_by_their_types() {
        for (ty, printed, is_value) in [
            ("integer", "42\n", true),
            ("integer", " -7 ", true),
            ("integer", "", false),
            ("integer", "4.2", false),
            ("integer", "99999999999999999999", false),
            ("string", "Debian\n", true),
            ("string", " \n", false),
            ("dateTime", "2026-01-31T12:00:00Z\n", true),
            ("dateTime", "2026-01-31T12:00:00+01:00", true),
            ("dateTime", "2026-01-31T12:00:00", true),
            ("dateTime", "2026-01-31", true),
            ("dateTime", "31.1.2026", false),
            ("dateTime", "", false),
        ] {
            assert_eq!(check(ty, printed).is_ok(), is_value, "{ty} {printed:?}");
        }
        assert!(check("string", &"x".repeat(LONGEST + 1)).is_err());
        let reason = check("integer", "forty-two").unwrap_err();
        assert_eq!(reason, "'forty-two' is not a whole number (integer)");
    }
}
