//! A script's settings as flags.

use clap::{Args, ValueEnum};
use serde_json::{Map, Value, json};

use crate::{
    failure::{Failure, usage},
    find::Kind,
};

/// The settings; each is one property of the API.
#[derive(Debug, Args)]
#[command(next_help_heading = "Settings")]
pub(super) struct Settings {
    /// Display name
    #[arg(long, value_name = "NAME")]
    pub(super) name: Option<String>,
    /// Description
    #[arg(long, value_name = "TEXT")]
    description: Option<String>,
    /// Account that it runs as
    #[arg(long, value_name = "ACCOUNT")]
    run_as: Option<RunAs>,
    /// Id of a scope tag (repeatable)
    #[arg(long = "scope-tag", value_name = "ID")]
    scope_tags: Vec<String>,
    /// Run it so often: 30m, 1h, 1d, 1w, a duration of ISO 8601, or `once` (shell)
    #[arg(long, value_name = "TIME", value_parser = frequency)]
    frequency: Option<Frequency>,
    /// So many more tries where it fails (shell)
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(i32).range(0..))]
    retries: Option<i32>,
    /// Tell the user of the device nothing (shell)
    #[arg(long, value_name = "BOOL", num_args = 0..=1, default_missing_value = "true", require_equals = true)]
    block_notifications: Option<bool>,
    /// Run it only if it is signed (PowerShell)
    #[arg(long, value_name = "BOOL", num_args = 0..=1, default_missing_value = "true", require_equals = true)]
    enforce_signature_check: Option<bool>,
    /// Run it in a PowerShell of 32 bits (PowerShell)
    #[arg(long = "run-as-32-bit", value_name = "BOOL", num_args = 0..=1, default_missing_value = "true", require_equals = true)]
    run_as_32_bit: Option<bool>,
    /// Name of the custom attribute, fixed once it is made [default: the script's name] (custom attribute)
    #[arg(long, value_name = "NAME")]
    attribute_name: Option<String>,
    /// Type of the custom attribute, fixed once it is made [default: string] (custom attribute)
    #[arg(long, value_name = "TYPE")]
    attribute_type: Option<AttributeType>,
}

/// Graph's `runAsAccountType`.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum RunAs {
    System,
    User,
}

/// Graph's `deviceCustomAttributeValueType`.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum AttributeType {
    Integer,
    String,
    DateTime,
}

/// A duration of ISO 8601, or none: once.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Frequency(Option<String>);

fn frequency(text: &str) -> Result<Frequency, String> {
    if text == "once" {
        return Ok(Frequency(None));
    }
    // The server knows best what it takes.
    if text.starts_with('P') {
        return Ok(Frequency(Some(text.to_owned())));
    }
    let wrong = || "say 30m, 1h, 1d, 1w, a duration such as PT30M, or once".to_owned();
    let at = text.find(|c: char| !c.is_ascii_digit()).ok_or_else(wrong)?;
    let (number, unit) = text.split_at(at);
    let number: u32 = number.parse().map_err(|_| wrong())?;
    let written = match unit {
        "m" => format!("PT{number}M"),
        "h" => format!("PT{number}H"),
        "d" => format!("P{number}D"),
        "w" => format!("P{number}W"),
        _ => return Err(wrong()),
    };
    Ok(Frequency(Some(written)))
}

impl Settings {
    /// The kinds that the flags speak of; none where they suit every kind.
    pub(super) fn kind(&self) -> Option<Kind> {
        let shell = self.frequency.is_some()
            || self.retries.is_some()
            || self.block_notifications.is_some();
        let powershell = self.enforce_signature_check.is_some() || self.run_as_32_bit.is_some();
        let attribute = self.attribute_name.is_some() || self.attribute_type.is_some();
        match (shell, powershell, attribute) {
            (_, _, true) => Some(Kind::CustomAttribute),
            (_, true, _) => Some(Kind::PowerShell),
            (true, ..) => Some(Kind::Shell),
            _ => None,
        }
    }

    /// The properties that the flags set, for a script of this kind.
    pub(super) fn properties(&self, kind: Kind) -> Result<Map<String, Value>, Failure> {
        let run_as = self.run_as.map(|account| match account {
            RunAs::System => "system",
            RunAs::User => "user",
        });
        let attribute_type = self.attribute_type.map(|ty| match ty {
            AttributeType::Integer => "integer",
            AttributeType::String => "string",
            AttributeType::DateTime => "dateTime",
        });
        let tags = (!self.scope_tags.is_empty()).then(|| json!(self.scope_tags));
        let of = |kind| Some(kind);
        let all: [(&str, &str, Option<Kind>, Option<Value>); 11] = [
            ("name", "displayName", None, json_of(self.name.as_ref())),
            (
                "description",
                "description",
                None,
                json_of(self.description.as_ref()),
            ),
            ("run-as", "runAsAccount", None, json_of(run_as)),
            ("scope-tag", "roleScopeTagIds", None, tags),
            (
                "frequency",
                "executionFrequency",
                of(Kind::Shell),
                self.frequency.as_ref().map(|frequency| json!(frequency.0)),
            ),
            (
                "retries",
                "retryCount",
                of(Kind::Shell),
                json_of(self.retries),
            ),
            (
                "block-notifications",
                "blockExecutionNotifications",
                of(Kind::Shell),
                json_of(self.block_notifications),
            ),
            (
                "enforce-signature-check",
                "enforceSignatureCheck",
                of(Kind::PowerShell),
                json_of(self.enforce_signature_check),
            ),
            (
                "run-as-32-bit",
                "runAs32Bit",
                of(Kind::PowerShell),
                json_of(self.run_as_32_bit),
            ),
            (
                "attribute-name",
                "customAttributeName",
                of(Kind::CustomAttribute),
                json_of(self.attribute_name.as_ref()),
            ),
            (
                "attribute-type",
                "customAttributeType",
                of(Kind::CustomAttribute),
                json_of(attribute_type),
            ),
        ];
        let mut properties = Map::new();
        for (flag, property, only, value) in all {
            let Some(value) = value else { continue };
            if only.is_some_and(|only| only != kind) {
                let message = format!("--{flag} is not for {} scripts", kind.word());
                return Err(usage(message));
            }
            properties.insert(property.to_owned(), value);
        }
        Ok(properties)
    }
}

fn json_of<T: serde::Serialize>(value: Option<T>) -> Option<Value> {
    value.map(|value| json!(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_as_people_and_as_iso_8601_do() {
        for (text, written) in [
            ("30m", Some("PT30M")),
            ("1h", Some("PT1H")),
            ("2d", Some("P2D")),
            ("1w", Some("P1W")),
            ("PT15M", Some("PT15M")),
            ("once", None),
        ] {
            assert_eq!(frequency(text).unwrap().0.as_deref(), written, "{text}");
        }
        for wrong in ["", "5", "h", "1y", "-1h", "99999999999h"] {
            assert!(frequency(wrong).is_err(), "{wrong}");
        }
    }
}
