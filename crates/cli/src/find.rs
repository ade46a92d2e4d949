//! From what a person calls a script, a device or a group to the one thing that is meant.

use clap::ValueEnum;
use serde_json::Value;

use crate::{
    api::{Api, encoded, literal},
    failure::{Exit, Failure, exit, told},
    print::printable,
};

/// A kind of script; each has a collection of its own in the API.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Kind {
    /// A shell script, for Linux and macOS.
    Shell,
    /// A PowerShell script.
    #[value(name = "powershell")]
    PowerShell,
    /// A shell script that prints the value of a custom attribute.
    CustomAttribute,
}

impl Kind {
    /// All kinds, in the order in which they are listed.
    pub(crate) const ALL: &'static [Self] = &[Self::Shell, Self::PowerShell, Self::CustomAttribute];

    /// Its collection's path.
    pub(crate) fn collection(self) -> &'static str {
        match self {
            Self::Shell => "deviceManagement/deviceShellScripts",
            Self::PowerShell => "deviceManagement/deviceManagementScripts",
            Self::CustomAttribute => "deviceManagement/deviceCustomAttributeShellScripts",
        }
    }

    /// The value of `@odata.type`.
    pub(crate) fn odata_type(self) -> &'static str {
        match self {
            Self::Shell => "#microsoft.graph.deviceShellScript",
            Self::PowerShell => "#microsoft.graph.deviceManagementScript",
            Self::CustomAttribute => "#microsoft.graph.deviceCustomAttributeShellScript",
        }
    }

    /// The word for it.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Shell => "shell",
            Self::PowerShell => "powershell",
            Self::CustomAttribute => "custom-attribute",
        }
    }

    /// One kind where it was said, else all.
    pub(crate) fn these(kind: &Option<Self>) -> &[Self] {
        match kind {
            Some(kind) => std::slice::from_ref(kind),
            None => Self::ALL,
        }
    }
}

/// A script that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Script {
    pub(crate) kind: Kind,
    pub(crate) id: String,
    pub(crate) name: String,
    /// What the person called it.
    said: String,
}

impl Script {
    /// Its path.
    pub(crate) fn path(&self) -> String {
        format!("{}/{}", self.kind.collection(), encoded(&self.id))
    }

    /// A word for it that the person can paste into the next command: the one that was understood.
    pub(crate) fn to_paste(&self) -> String {
        let plain = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.' | ':');
        match self.said.chars().all(plain) {
            true => self.said.clone(),
            false => format!("'{}'", printable(&self.said).replace('\'', "'\\''")),
        }
    }
}

/// The scripts of some kinds, with these options of the query; each says of which type it is, as the
/// API does where several types are in one collection.
pub(crate) async fn scripts(
    api: &Api,
    kinds: &[Kind],
    options: &str,
) -> Result<Vec<Value>, Failure> {
    let mut all = Vec::new();
    for kind in kinds {
        let mut rows = api.list(&format!("{}{options}", kind.collection())).await?;
        for row in rows.iter_mut().filter_map(Value::as_object_mut) {
            row.entry("@odata.type")
                .or_insert_with(|| kind.odata_type().into());
        }
        all.append(&mut rows);
    }
    Ok(all)
}

/// The script with this id or display name.
pub(crate) async fn script(api: &Api, text: &str, kind: Option<Kind>) -> Result<Script, Failure> {
    if let Some(kind) = kind.filter(|_| is_guid(text)) {
        return Ok(Script {
            kind,
            id: text.to_owned(),
            name: text.to_owned(),
            said: text.to_owned(),
        });
    }
    // Looked for here and not by `$filter`, which not every service has for names; there are few
    // scripts.
    let mut all = Vec::new();
    for kind in Kind::these(&kind) {
        let rows = scripts(api, &[*kind], "?$select=id,displayName").await?;
        all.extend(rows.iter().map(|row| Script {
            kind: *kind,
            id: text_of(row, "id").to_owned(),
            name: text_of(row, "displayName").to_owned(),
            said: text.to_owned(),
        }));
    }
    let shown = |script: &Script| format!("{}  {}  {}", script.id, script.kind.word(), script.name);
    let found = choose(
        "script",
        text,
        &all,
        |script| (&script.id, &script.name),
        shown,
    )?;
    found.cloned().ok_or_else(|| {
        let message = format!(
            "there is no script {text:?} at {}; `runstate script list` shows what there is",
            api.server()
        );
        told(Exit::NotFound, message)
    })
}

/// The device with this id or name.
pub(crate) async fn device(api: &Api, text: &str) -> Result<Value, Failure> {
    const DEVICES: &str = "deviceManagement/managedDevices";
    if is_guid(text) {
        match api.get(&format!("{DEVICES}/{}", encoded(text))).await {
            Err(failure) if exit(&failure) == Some(Exit::NotFound) => {}
            other => return other,
        }
    }
    let filter = encoded(&format!("deviceName eq {}", literal(text)));
    let found = api.list(&format!("{DEVICES}?$filter={filter}")).await?;
    let shown = |device: &Value| {
        let (id, name) = names_of_device(device);
        format!("{id}  {name}  {}", text_of(device, "userPrincipalName"))
    };
    let device = choose("device", text, &found, names_of_device, shown)?;
    device.cloned().ok_or_else(|| {
        let message = format!(
            "there is no device {text:?} at {}; `runstate device list` shows what there is",
            api.server()
        );
        told(Exit::NotFound, message)
    })
}

fn names_of_device(device: &Value) -> (&str, &str) {
    (text_of(device, "id"), text_of(device, "deviceName"))
}

/// The id of the group with this id or display name.
pub(crate) async fn group(api: &Api, text: &str) -> Result<String, Failure> {
    if is_guid(text) {
        return Ok(text.to_owned());
    }
    let filter = encoded(&format!("displayName eq {}", literal(text)));
    let options = format!("?$filter={filter}&$select=id,displayName");
    let found = api.list(&format!("groups{options}")).await?;
    let name = |group: &Value, name: &str| text_of(group, name).to_owned();
    let found: Vec<(String, String)> = found
        .iter()
        .map(|group| (name(group, "id"), name(group, "displayName")))
        .collect();
    let shown = |(id, name): &(String, String)| format!("{id}  {name}");
    let group = choose("group", text, &found, |(id, name)| (id, name), shown)?;
    group.map(|(id, _)| id.clone()).ok_or_else(|| {
        let message = format!(
            "there is no group {text:?} at {}; say its name as it is written, or its id",
            api.server()
        );
        told(Exit::NotFound, message)
    })
}

/// The one that the text means: by its id, by its name, or by its name in other letters.
fn choose<'r, T>(
    what: &str,
    text: &str,
    all: &'r [T],
    names: impl for<'t> Fn(&'t T) -> (&'t str, &'t str),
    shown: impl Fn(&T) -> String,
) -> Result<Option<&'r T>, Failure> {
    let lower = text.to_lowercase();
    let by_id = |row: &T| names(row).0.eq_ignore_ascii_case(text);
    let by_name = |row: &T| names(row).1 == text;
    let by_letters = |row: &T| names(row).1.to_lowercase() == lower;
    let ways: [&dyn Fn(&T) -> bool; 3] = [&by_id, &by_name, &by_letters];
    for way in ways {
        let found: Vec<&T> = all.iter().filter(|row| way(row)).collect();
        match found.as_slice() {
            [] => {}
            [one] => return Ok(Some(one)),
            several => {
                let lines: Vec<String> = several.iter().map(|row| shown(row)).collect();
                let message = format!(
                    "{text:?} is the name of {} {what}s; say which by its id:\n  {}",
                    several.len(),
                    lines.join("\n  ")
                );
                return Err(told(Exit::Conflict, message));
            }
        }
    }
    Ok(None)
}

/// Whether a text has the form of an id.
pub(crate) fn is_guid(text: &str) -> bool {
    text.len() == 36 && uuid::Uuid::try_parse(text).is_ok()
}

/// A property that is text; empty where there is none.
pub(crate) fn text_of<'v>(value: &'v Value, name: &str) -> &'v str {
    value.get(name).and_then(Value::as_str).unwrap_or_default()
}
