//! A backup that IntuneCD has made: a JSON or YAML file for each script, the texts in `Script Data`.
//!
//! Source: IntuneCD 2.6, `backup/Intune/{PowershellScripts,ShellScripts,CustomAttributes}.py` and
//! `intunecdlib/BaseBackupModule.py`, which write it.

use std::{collections::BTreeMap, path::Path};

use base64::{Engine, engine::general_purpose::STANDARD};
use runstate_graph::entity::ASSIGNMENT_FILTER;
use runstate_odata::edm::Access;
use serde_json::{Map, Value};

use super::{
    assignment::{Assignment, Reference},
    folder::{LARGEST_CONTENT, fail_with},
    front,
    kind::{CONTENT, Kind, NAME},
    place::{self, Parts},
    script::Wanted,
    settings::{self, Settings},
};
use crate::{failure::Failure, find::is_guid};

/// The folder of the texts, in that of the scripts.
const TEXTS: &str = "Script Data";

/// Where IntuneCD keeps the scripts of a kind.
fn folder_of(kind: Kind) -> &'static [&'static str] {
    match kind.folder() {
        "powershell" => &["Scripts", "Powershell"],
        "shell" => &["Scripts", "Shell"],
        _ => &["Custom Attributes"],
    }
}

/// Whether the folder is such a backup.
pub(super) fn is_one(root: &Path) -> bool {
    Kind::all().any(|kind| {
        let path: std::path::PathBuf = folder_of(kind).iter().collect();
        root.join(path).is_dir()
    })
}

/// A script's file, read.
struct Saved {
    at: Parts,
    kind: Kind,
    id: Option<String>,
    object: Map<String, Value>,
    /// Where its text should be.
    text_at: Option<Parts>,
}

/// All scripts of the backup, and what was not taken as it stands.
pub(super) fn wanted(root: &Path) -> Result<(Vec<Wanted>, Vec<String>), Failure> {
    let (mut saved, mut problems, mut notes) = (Vec::new(), Vec::new(), Vec::new());
    for kind in Kind::all() {
        for at in files_in(root, folder_of(kind))? {
            match read(root, kind, &at) {
                Ok(one) => saved.push(one),
                Err(what) => problems.push(format!("{}: {what}", place::shown(&at))),
            }
        }
    }
    // IntuneCD names the file with the text by `fileName`. Of two scripts that agree in it, the second
    // has written over the first one's, so that the file says nothing of either.
    let mut claims: BTreeMap<Parts, usize> = BTreeMap::new();
    for at in saved.iter().filter_map(|saved| saved.text_at.clone()) {
        *claims.entry(at).or_default() += 1;
    }
    let mut all = Vec::new();
    for saved in saved {
        let claims = saved.text_at.as_ref().and_then(|at| claims.get(at));
        let shared = claims.is_some_and(|claims| *claims > 1);
        match script(root, &saved, shared, &mut notes) {
            Ok(wanted) => all.push(wanted),
            Err(what) => problems.push(format!("{}: {what}", place::shown(&saved.at))),
        }
    }
    fail_with(&problems)?;
    Ok((all, notes))
}

/// The assignment filters of the backup, as the API takes them, by name.
pub(super) fn filters(root: &Path) -> Result<BTreeMap<String, Value>, Failure> {
    let (mut all, mut problems) = (BTreeMap::new(), Vec::new());
    for at in files_in(root, &["Filters"])? {
        let object = match object(root, &at) {
            Ok(object) => object,
            Err(what) => {
                problems.push(format!("{}: {what}", place::shown(&at)));
                continue;
            }
        };
        let settable = ASSIGNMENT_FILTER.properties.iter();
        let settable = settable.filter(|property| property.access != Access::Computed);
        let settable = settable.filter_map(|property| {
            let value = object.get(property.name).filter(|value| !value.is_null())?;
            Some((property.name.to_owned(), value.clone()))
        });
        let body: Map<String, Value> = settable.collect();
        if let Some(name) = body.get(NAME).and_then(Value::as_str) {
            all.insert(name.to_owned(), Value::Object(body));
        }
    }
    fail_with(&problems)?;
    Ok(all)
}

/// The files right in a folder of the backup.
fn files_in(root: &Path, folder: &[&str]) -> Result<Vec<Parts>, Failure> {
    let folder: Parts = folder.iter().map(|part| (*part).to_owned()).collect();
    let mut path = root.to_owned();
    for part in &folder {
        path.push(part);
        let found = std::fs::symlink_metadata(&path);
        if found.as_ref().is_ok_and(std::fs::Metadata::is_symlink) {
            return Err(format!(
                "{} is a symbolic link, which is not followed",
                path.display()
            )
            .into());
        }
        if found.is_err() {
            return Ok(Vec::new());
        }
    }
    let is_script = |name: &str| name.ends_with(".json") || name.ends_with(".yaml");
    let below = place::files(&path, &is_script)?;
    let direct = below.into_iter().filter(|parts| parts.len() == 1);
    Ok(direct
        .map(|parts| [folder.clone(), parts].concat())
        .collect())
}

/// A file of the backup, which holds an object.
fn object(root: &Path, at: &Parts) -> Result<Map<String, Value>, String> {
    // The text is in it too, in base64.
    let bytes = place::read(root, at, 2 * LARGEST_CONTENT + front::LARGEST);
    let text = String::from_utf8(bytes.map_err(|error| error.to_string())?);
    let text = text.map_err(|_| "is not UTF-8")?;
    let is_json = at.last().is_some_and(|name| name.ends_with(".json"));
    let value: Result<Value, String> = match is_json {
        true => serde_json::from_str(&text).map_err(|error| error.to_string()),
        false => front::yaml(&text),
    };
    match value? {
        Value::Object(object) => Ok(object),
        _ => Err("must be an object".to_owned()),
    }
}

fn read(root: &Path, kind: Kind, at: &Parts) -> Result<Saved, String> {
    let object = object(root, at)?;
    let name = at.last().map(String::as_str).unwrap_or_default();
    // With `--append-id` the file's name ends with the id.
    let stem = name.rsplit_once('.').map_or(name, |(stem, _)| stem);
    let id = stem.rsplit_once("__").map(|(_, id)| id.to_owned());
    let id = id.filter(|id| is_guid(id));
    let text_at = text_at(kind, &object, id.as_deref());
    Ok(Saved {
        at: at.clone(),
        kind,
        id,
        object,
        text_at,
    })
}

/// Where IntuneCD has put a script's text.
fn text_at(kind: Kind, object: &Map<String, Value>, id: Option<&str>) -> Option<Parts> {
    let ending = format!(".{}", kind.extension());
    let name = object.get("fileName")?.as_str()?.replace(&ending, "");
    // As `_prepare_file_name` has it.
    let kept = |c: &char| {
        !c.is_ascii_control() && !matches!(c, '\u{200b}'..='\u{200d}' | '\u{2060}' | '\u{feff}')
    };
    let illegal = |c| if "/\\:*?<>\"|".contains(c) { '_' } else { c };
    let name: String = name.chars().filter(kept).map(illegal).collect();
    let id = id.map(|id| format!("__{id}")).unwrap_or_default();
    let folder = folder_of(kind).iter().copied().chain([TEXTS]);
    let mut parts: Parts = folder.map(str::to_owned).collect();
    parts.push(format!("{name}{id}{ending}"));
    Some(parts)
}

fn script(
    root: &Path,
    saved: &Saved,
    shared: bool,
    notes: &mut Vec<String>,
) -> Result<Wanted, String> {
    let (kind, at) = (saved.kind, place::shown(&saved.at));
    let mut object = saved.object.clone();
    scope_tags(&mut object, &at, notes);
    let settings = Settings::of_entity(kind, &object)?;
    if settings.name(kind).is_empty() {
        return Err("has no displayName".to_owned());
    }
    let inside = settings::content(kind, &object)?;
    let mut content_at = None;
    let mut content = inside.clone();
    if let Some(parts) = &saved.text_at {
        match place::read(root, parts, LARGEST_CONTENT) {
            Ok(_) if shared && inside.is_some() => notes.push(format!(
                "{at}: {} is the file of several scripts; the text is taken from '{CONTENT}'",
                place::shown(parts)
            )),
            Ok(_) if shared => {
                let file = place::shown(parts);
                return Err(format!(
                    "{file} is the file of several scripts, so it is lost which text is whose; make the backup again with --append-id"
                ));
            }
            Ok(bytes) => {
                // What is no UTF-8, IntuneCD writes as the base64 that it came in.
                let as_it_came = object.get(CONTENT).and_then(Value::as_str);
                let bytes = match as_it_came.map(str::as_bytes) == Some(bytes.as_slice()) {
                    true => STANDARD.decode(&bytes).unwrap_or(bytes),
                    false => bytes,
                };
                content = Some(bytes);
                content_at = Some(place::shown(parts));
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(format!("{}: {error}", place::shown(parts))),
        }
    }
    // Scripts without assignments have none in their file, and with `--exclude assignments` all are so:
    // they are then left as they are.
    let items = object.get("assignments").and_then(Value::as_array);
    let assignments = items.map(|items| in_order(items)).transpose()?;
    Ok(Wanted {
        at,
        kind,
        id: saved.id.clone(),
        settings,
        content,
        content_at,
        assignments,
    })
}

/// The assignments of a script's file, in order and each once.
fn in_order(items: &[Value]) -> Result<Vec<Assignment>, String> {
    let mut assignments = Vec::new();
    for (i, item) in items.iter().enumerate() {
        let target = item.get("target").and_then(Value::as_object);
        let target = target.ok_or_else(|| format!("assignments[{i}] has no target"))?;
        let read = Assignment::of_api(target).map_err(|what| format!("assignments[{i}]: {what}"));
        let mut assignment = read?;
        // A filter's id is replaced by its name, where IntuneCD could read it.
        if let Some((Reference::Id(text), used)) = &assignment.filter
            && !is_guid(text)
        {
            assignment.filter = Some((Reference::Name(text.clone()), used));
        }
        assignments.push(assignment);
    }
    assignments.sort();
    assignments.dedup();
    Ok(assignments)
}

/// With `--scope-tags` IntuneCD writes names in place of ids. The one that every tenant has is known.
fn scope_tags(object: &mut Map<String, Value>, at: &str, notes: &mut Vec<String>) {
    let tags = object
        .get_mut("roleScopeTagIds")
        .and_then(Value::as_array_mut);
    for tag in tags.into_iter().flatten() {
        match tag.as_str() {
            Some("Default") => *tag = Value::from("0"),
            Some(name) if !name.bytes().all(|byte| byte.is_ascii_digit()) => notes.push(format!(
                "{at}: the scope tag {name:?} is a name and not an id; it is taken as it stands"
            )),
            _ => {}
        }
    }
}
