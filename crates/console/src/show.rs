//! Values of the API in words for people: by their type in the schema, wherever they stand.

use std::time::SystemTime;

use maud::{Markup, html};
use runstate_graph::entity::RUN_STATE;
use runstate_odata::edm::{DateTimeOffset, Duration, Property, Type};
use serde_json::Value;

/// Ticks of 100 nanoseconds in a second, the unit of [`DateTimeOffset::ticks`].
const TICKS: i64 = 10_000_000;

/// How long a text is, in bytes, that stands on one line and is cut where there is no room.
const LONG: usize = 60;

/// What stands where there is nothing to show.
pub(crate) fn nothing() -> Markup {
    html! { span.faint aria-label="none" { "–" } }
}

/// A property's value.
pub(crate) fn value(property: &Property, value: &Value, now: SystemTime) -> Markup {
    let one = |value: &Value| match (&property.ty, value) {
        (_, Value::Null) => nothing(),
        (_, Value::String(text)) if text.is_empty() => nothing(),
        (Type::DateTimeOffset, Value::String(text)) => when(text, now),
        (Type::Duration, Value::String(text)) => html! { (span(text)) },
        (Type::Enum(ty), Value::String(name)) if **ty == RUN_STATE => state(name),
        (Type::Enum(_), Value::String(name)) => html! { (words(name)) },
        (_, Value::Bool(truth)) => html! { (if *truth { "yes" } else { "no" }) },
        (Type::Int64, Value::Number(number)) if property.name.ends_with("InBytes") => {
            html! { (bytes(number.as_i64().unwrap_or_default())) }
        }
        (Type::Int32 | Type::Int64, Value::Number(number)) => {
            html! { (grouped(number.as_i64().unwrap_or_default())) }
        }
        (_, Value::String(text)) => match text.len() > LONG || text.contains('\n') {
            true => html! { span.clip { (text.chars().take(4 * LONG).collect::<String>()) } },
            false => html! { (text) },
        },
        (_, other) => html! { code { (other) } },
    };
    match value {
        Value::Array(values) if values.is_empty() => nothing(),
        Value::Array(values) => html! {
            @for (at, value) in values.iter().enumerate() {
                @if at > 0 { ", " }
                (one(value))
            }
        },
        value => one(value),
    }
}

/// Whether a property's values stand at the right, as numbers do.
pub(crate) fn is_number(property: &Property) -> bool {
    matches!(property.ty, Type::Int32 | Type::Int64)
}

/// `lastStateUpdateDateTime` as `Last state update`.
pub(crate) fn words(name: &str) -> String {
    let name = name
        .strip_suffix("DateTime")
        .or_else(|| name.strip_suffix("InBytes"))
        .unwrap_or(name);
    let mut words = String::new();
    let letters: Vec<char> = name.chars().collect();
    for (at, letter) in letters.iter().enumerate() {
        let before = at.checked_sub(1).and_then(|before| letters.get(before));
        let after = letters.get(at + 1);
        let begins = letter.is_uppercase()
            && (before.is_some_and(|before| before.is_lowercase() || before.is_ascii_digit())
                || before.is_some() && after.is_some_and(|after| after.is_lowercase()));
        if begins {
            words.push(' ');
        }
        let beside_capitals = before.is_some_and(|before| before.is_uppercase())
            || after.is_some_and(|after| after.is_uppercase());
        let inside_capitals = letter.is_uppercase()
            && beside_capitals
            && after.is_none_or(|after| !after.is_lowercase());
        match (at, inside_capitals) {
            (0, _) => words.extend(letter.to_uppercase()),
            (_, true) => words.push(*letter),
            (_, false) => words.extend(letter.to_lowercase()),
        }
    }
    let odd = ODD.iter().find(|(odd, _)| *odd == words);
    odd.map_or(words, |(_, right)| (*right).to_owned())
}

/// Names of which letters alone do not tell how they are written.
const ODD: [(&str, &str); 17] = [
    ("Os version", "OS version"),
    ("User id", "User ID"),
    ("Azure AD device id", "Azure AD device ID"),
    ("Azure AD registered", "Azure AD registered"),
    ("Aad registered", "AAD registered"),
    ("Wi fi mac address", "Wi-Fi MAC address"),
    ("Ethernet mac address", "Ethernet MAC address"),
    ("Imei", "IMEI"),
    ("Meid", "MEID"),
    ("Sku family", "SKU family"),
    ("Sku number", "SKU number"),
    ("Mdm", "MDM"),
    ("Ar m64", "ARM64"),
    ("X64", "x64"),
    ("X86", "x86"),
    ("Run as32 bit", "Run as 32 bit"),
    ("Role scope tag ids", "Scope tags"),
];

/// How a run ended, in words and by colour.
pub(crate) fn state(name: &str) -> Markup {
    html! { span class={ "state " (name) } { (state_name(name)) } }
}

/// How a run ended, in words.
pub(crate) fn state_name(name: &str) -> String {
    match name {
        "fail" => "Failed".to_owned(),
        other => words(other),
    }
}

/// A moment, by how long ago it was; the exact one is in the title.
pub(crate) fn when(text: &str, now: SystemTime) -> Markup {
    let Ok(moment) = DateTimeOffset::parse(text) else {
        return html! { (text) };
    };
    // Before 1601 is how Windows' clients and Graph say never.
    let now = DateTimeOffset::from_system_time(now).ticks();
    let seconds = now.saturating_sub(moment.ticks()) / TICKS;
    html! { time datetime=(text) title=(exact(moment)) { (ago(seconds)) } }
}

/// A moment to the second, in UTC.
pub(crate) fn exact(moment: DateTimeOffset) -> String {
    let text = DateTimeOffset::from_ticks(moment.ticks()).to_string();
    let text = text.get(..19).unwrap_or(&text).replace('T', " ");
    format!("{text} UTC")
}

/// How long ago so many seconds are; negative ones are still to come.
fn ago(seconds: i64) -> String {
    let distance = seconds.unsigned_abs();
    if distance < 45 {
        return "just now".to_owned();
    }
    let length = length(distance);
    match seconds > 0 {
        true => format!("{length} ago"),
        false => format!("in {length}"),
    }
}

/// So many seconds, roughly.
pub(crate) fn length(seconds: u64) -> String {
    const UNITS: [(u64, &str); 6] = [
        (365 * 86_400, "year"),
        (30 * 86_400, "month"),
        (86_400, "day"),
        (3600, "hour"),
        (60, "minute"),
        (1, "second"),
    ];
    let unit = UNITS.iter().find(|(size, _)| seconds >= *size);
    let (size, name) = unit.unwrap_or(&(1, "second"));
    let count = seconds / size;
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {name}{plural}")
}

/// A duration such as `PT1H`.
fn span(text: &str) -> String {
    match Duration::parse(text) {
        Ok(duration) => length(u64::try_from(duration.ticks() / TICKS).unwrap_or_default()),
        Err(_) => text.to_owned(),
    }
}

/// Bytes, in the unit that reads best.
pub(crate) fn bytes(count: i64) -> String {
    const UNITS: [(i64, &str); 4] = [
        (1 << 40, "TiB"),
        (1 << 30, "GiB"),
        (1 << 20, "MiB"),
        (1 << 10, "KiB"),
    ];
    match UNITS.iter().find(|(size, _)| count >= *size) {
        Some((size, unit)) => {
            let tenths = count.saturating_mul(10) / size;
            format!("{}.{} {unit}", tenths / 10, tenths % 10)
        }
        None => format!("{count} B"),
    }
}

/// A number with a thin space between each three digits.
pub(crate) fn grouped(number: i64) -> String {
    let digits = number.unsigned_abs().to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push('\u{202f}');
        }
        text.push(digit);
    }
    match number < 0 {
        true => format!("−{text}"),
        false => text,
    }
}

/// `1 device`, `12 devices`.
pub(crate) fn counted(count: u64, one: &str) -> String {
    let number = grouped(i64::try_from(count).unwrap_or(i64::MAX));
    let plural = if count == 1 { "" } else { "s" };
    format!("{number} {one}{plural}")
}

/// Whole percent, never 100 where anything is missing and never 0 where there is anything.
pub(crate) fn percent(part: u64, whole: u64) -> String {
    if whole == 0 {
        return "–".to_owned();
    }
    let percent = part.saturating_mul(100) / whole;
    match percent {
        0 if part > 0 => "<1 %".to_owned(),
        100 if part < whole => "99 %".to_owned(),
        percent => format!("{percent} %"),
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use runstate_graph::entity;
    use serde_json::json;

    use super::*;

    #[test]
    fn names_are_words() {
        for (name, shown) in [
            ("lastStateUpdateDateTime", "Last state update"),
            ("osVersion", "OS version"),
            ("azureADDeviceId", "Azure AD device ID"),
            ("totalStorageSpaceInBytes", "Total storage space"),
            ("notApplicable", "Not applicable"),
            ("runAs32Bit", "Run as 32 bit"),
            ("arM64", "ARM64"),
            ("id", "Id"),
        ] {
            assert_eq!(words(name), shown);
        }
    }

    #[test]
    fn values_are_shown_by_their_type_and_are_never_markup() {
        let now = UNIX_EPOCH + Duration::from_secs(7200);
        let shown = |property: &str, shown: Value| {
            let ty = &entity::DEVICE_STATE;
            let property = ty
                .property(property)
                .or(entity::MANAGED_DEVICE.property(property));
            value(property.unwrap(), &shown, now).into_string()
        };
        let hostile = shown("resultMessage", json!("<script>alert(1)</script>"));
        assert_eq!(hostile, "&lt;script&gt;alert(1)&lt;/script&gt;");
        let time = shown("lastStateUpdateDateTime", json!("1970-01-01T01:00:00Z"));
        assert!(time.contains(">1 hour ago<"), "{time}");
        assert!(time.contains("1970-01-01 01:00:00 UTC"), "{time}");
        assert!(shown("runState", json!("fail")).contains(">Failed<"));
        assert_eq!(
            shown("errorCode", json!(-1234567)),
            "−1\u{202f}234\u{202f}567"
        );
        assert_eq!(shown("totalStorageSpaceInBytes", json!(1536)), "1.5 KiB");
        assert_eq!(shown("isEncrypted", json!(true)), "yes");
        assert!(shown("resultMessage", Value::Null).contains('–'));
    }

    #[test]
    fn percentages_do_not_lie() {
        assert_eq!(percent(999, 1000), "99 %");
        assert_eq!(percent(1, 1000), "<1 %");
        assert_eq!(percent(1000, 1000), "100 %");
        assert_eq!(percent(0, 0), "–");
    }
}
