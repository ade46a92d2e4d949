//! Front files: all that is set of one script, in YAML. Its text stands in a file beside.
//!
//! What is read and written again is the same, and what is written is always written alike, so that a
//! difference between two versions is one of meaning (`fuzz/fuzz_targets/front_file.rs`).

use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::{Map, Value};

use super::{
    assignment::Assignment,
    kind::{CONTENT, Kind, NAME},
    settings::{self, Settings},
};

/// The largest front file that is read, in bytes.
pub(super) const LARGEST: u64 = 1024 * 1024;

/// A script as its front file has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Front {
    /// What kind of script it is.
    pub(super) kind: Kind,
    /// The id, for a script that its name does not tell apart.
    pub(super) id: Option<String>,
    /// Where the text is, as it is written; none for a script without text.
    pub(super) content: Option<String>,
    /// What is set, the name among it.
    pub(super) settings: Settings,
    /// Whom it is for, in order and each once; none where that is not said.
    pub(super) assignments: Option<Vec<Assignment>>,
}

/// Reads a front file.
///
/// # Errors
/// Sentences that say what is wrong, and where.
pub(super) fn parse(text: &str) -> Result<Front, String> {
    let value = yaml(text)?;
    let Value::Object(mut object) = value else {
        return Err("must be a mapping, of `kind`, `displayName` and so on".to_owned());
    };
    let kind = kind(&mut object)?;
    let id = take_text(&mut object, "id")?;
    let content = match object.remove("content") {
        Some(Value::Null) => None,
        Some(Value::String(path)) => Some(path),
        Some(_) => return Err("'content' must be the path of a file".to_owned()),
        None => {
            return Err(
                "needs 'content': the path of the file with the script's text, or null".to_owned(),
            );
        }
    };
    let assignments = match object.remove("assignments") {
        None => None,
        Some(Value::Array(items)) => Some(in_order(&items)?),
        Some(_) => return Err("'assignments' must be a list; [] for none".to_owned()),
    };
    check_names(kind, &object)?;
    let settings = Settings::read(kind, object.into_iter())?;
    if settings.name(kind).is_empty() {
        return Err(format!("needs a '{NAME}' that is not empty"));
    }
    Ok(Front {
        kind,
        id,
        content,
        settings,
        assignments,
    })
}

/// Reads YAML, within bounds.
///
/// # Errors
/// A sentence that says what is wrong, and where.
pub(super) fn yaml(text: &str) -> Result<Value, String> {
    // What YAML 1.1 takes for truth (`no`, `on`) is text in 1.2, and a country's code.
    let options = serde_saphyr::options! {
        strict_booleans: true,
        reject_unsupported_tags: true,
        with_snippet: false,
    };
    serde_saphyr::from_str_with_options(text, options)
        .map_err(|error| format!("is not YAML that is read here: {error}"))
}

fn kind(object: &mut Map<String, Value>) -> Result<Kind, String> {
    let known: Vec<_> = Kind::all().map(Kind::name).collect();
    let name = take_text(object, "kind")?;
    let name = name.ok_or_else(|| format!("needs a 'kind': {}", known.join(", ")))?;
    Kind::named(&name)
        .ok_or_else(|| format!("'kind' must be one of {}, not '{name}'", known.join(", ")))
}

fn take_text(object: &mut Map<String, Value>, name: &str) -> Result<Option<String>, String> {
    match object.remove(name) {
        None => Ok(None),
        Some(Value::String(text)) if !text.is_empty() => Ok(Some(text)),
        Some(_) => Err(format!("'{name}' must be text, and not empty")),
    }
}

fn in_order(items: &[Value]) -> Result<Vec<Assignment>, String> {
    let mut all = Vec::new();
    for (i, item) in items.iter().enumerate() {
        let Value::Object(item) = item else {
            return Err(format!("assignments[{i}] must be a mapping"));
        };
        all.push(Assignment::of_file(item).map_err(|what| format!("assignments[{i}] {what}"))?);
    }
    all.sort();
    all.dedup();
    Ok(all)
}

/// Refuses what is no setting: a name that is misspelt would otherwise be one that is left out.
fn check_names(kind: Kind, object: &Map<String, Value>) -> Result<(), String> {
    let is_known = |name: &str| kind.settings().any(|(_, property)| property.name == name);
    let Some(name) = object.keys().find(|name| !is_known(name)) else {
        return Ok(());
    };
    if name == CONTENT {
        return Err(format!(
            "'{CONTENT}' is not for files: name the file with the text as 'content'"
        ));
    }
    if kind.ty().property(name).is_some() {
        return Err(format!("'{name}' is set by the server alone"));
    }
    let all: Vec<_> = kind.settings().map(|(_, property)| property.name).collect();
    Err(format!(
        "a {} has no '{name}'; there is kind, id, content, assignments, {}",
        kind.name(),
        all.join(", ")
    ))
}

/// Writes a front file.
pub(super) fn write(front: &Front) -> Result<String, serde_saphyr::ser::Error> {
    // One line for one value: a difference then is a line, and nothing hangs on blanks at a line's end.
    let options = serde_saphyr::ser_options! {
        prefer_block_scalars: false,
    };
    serde_saphyr::to_string_with_options(front, options)
}

impl Serialize for Front {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("kind", self.kind.name())?;
        if let Some(id) = &self.id {
            map.serialize_entry("id", id)?;
        }
        for (property, value) in self.settings.iter(self.kind) {
            map.serialize_entry(property.name, &settings::plain(property, value))?;
            if property.name == NAME {
                map.serialize_entry("content", &self.content)?;
            }
        }
        if let Some(assignments) = &self.assignments {
            let all: Vec<_> = assignments.iter().map(Members).collect();
            map.serialize_entry("assignments", &all)?;
        }
        map.end()
    }
}

/// An assignment in its short form.
struct Members<'a>(&'a Assignment);

impl Serialize for Members<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let members = self.0.to_file();
        let mut map = serializer.serialize_map(Some(members.len()))?;
        for (name, value) in members {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}
