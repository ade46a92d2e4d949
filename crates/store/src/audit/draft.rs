//! An event before it has its place in the chain.

use std::borrow::Cow;

use runstate_graph::{
    entity::{AUDIT_ACTOR, AUDIT_EVENT, AUDIT_PROPERTY, AUDIT_RESOURCE, MODEL},
    permit::audited::resource_type,
};
use runstate_odata::edm::{StructuredType, Type};

use sha2::{Digest as _, Sha256};

use super::{Activity, Actor, Audited, DateTimeOffset, Deserialize, Record, Serialize, Value};

/// How many characters of a name or an id are kept.
const LONGEST_NAME: usize = 256;
/// How many characters of a property's value are kept.
const LONGEST_VALUE: usize = 1024;
/// How many properties of a resource are told of.
const MOST_PROPERTIES: usize = 100;
/// How many permissions of an actor are told of.
const MOST_PERMISSIONS: usize = 64;

/// An event before it has its place in the chain. Texts in it are bounded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Draft {
    category: String,
    component: String,
    name: String,
    operation: String,
    result: String,
    activity: String,
    /// Ticks since 1970, in UTC.
    at: i64,
    actor: Who,
    resources: Vec<Resource>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Who {
    kind: String,
    user: Option<String>,
    application: Option<String>,
    device: Option<String>,
    permissions: Vec<String>,
    correlation: Option<String>,
    address: Option<String>,
}

/// What an event is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resource {
    ty: String,
    audit_type: String,
    id: Option<String>,
    name: Option<String>,
    modified: Vec<Modified>,
}

/// A property before and after.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Modified {
    pub(super) name: String,
    pub(super) old: Option<String>,
    pub(super) new: Option<String>,
}

/// What the ids in an event are called, looked up when it is added.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Names {
    /// The user's `userPrincipalName`.
    pub user_principal_name: Option<String>,
    /// The application's name.
    pub application: Option<String>,
}

impl Draft {
    /// Something that was done.
    pub fn done(audited: &Audited, now: DateTimeOffset, resources: Vec<Resource>) -> Self {
        let activity = audited.activity.name.clone();
        Self::new(
            &audited.activity,
            &audited.actor,
            super::SUCCESS,
            &activity,
            now,
            resources,
        )
    }

    /// Something that was denied, or done, as `result` says; `activity` is for people.
    pub fn new(
        what: &Activity,
        who: &Actor,
        result: &str,
        activity: &str,
        now: DateTimeOffset,
        resources: Vec<Resource>,
    ) -> Self {
        let name = |text: &Option<String>| text.as_ref().map(|text| bounded(text, LONGEST_NAME));
        let permissions = who.permissions.iter().take(MOST_PERMISSIONS);
        Self {
            category: what.category.clone(),
            component: what.component.clone(),
            name: what.name.clone(),
            operation: what.operation.clone(),
            result: result.to_owned(),
            activity: bounded(activity, LONGEST_VALUE),
            at: now.ticks(),
            actor: Who {
                kind: who.kind.name().to_owned(),
                user: name(&who.user_id),
                application: name(&who.application_id),
                device: name(&who.device_id),
                permissions: permissions
                    .map(|text| bounded(text, LONGEST_NAME))
                    .collect(),
                correlation: who.origin.correlation_id.clone(),
                address: who.origin.ip_address.clone(),
            },
            resources,
        }
    }

    /// The id of the user who did it.
    pub fn user_id(&self) -> Option<&str> {
        self.actor.user.as_deref()
    }

    /// The id of the application by which it was done.
    pub fn application_id(&self) -> Option<&str> {
        self.actor.application.as_deref()
    }

    /// The resources without a name, for whoever can look it up.
    pub fn unnamed(&mut self) -> impl Iterator<Item = &mut Resource> {
        let resources = self.resources.iter_mut();
        resources.filter(|resource| resource.name.is_none())
    }

    /// The event as it stands in the chain.
    pub fn event(&self, id: String, names: Names) -> Record {
        let text = |text: &str| Value::String(text.to_owned());
        let optional = |text: &Option<String>| text.clone().map_or(Value::Null, Value::String);
        let who = &self.actor;
        let permissions = who.permissions.iter().cloned().map(Value::String);
        let actor = record(
            &AUDIT_ACTOR,
            [
                ("type", text(&who.kind)),
                ("auditActorType", text(&who.kind)),
                ("userPermissions", Value::Collection(permissions.collect())),
                ("applicationId", optional(&who.application)),
                ("applicationDisplayName", optional(&names.application)),
                ("userPrincipalName", optional(&names.user_principal_name)),
                ("servicePrincipalName", optional(&who.device)),
                ("ipAddress", optional(&who.address)),
                ("userId", optional(&who.user)),
            ],
        );
        let resources = self.resources.iter().map(Resource::value);
        record(
            &AUDIT_EVENT,
            [
                ("id", Value::String(id)),
                ("displayName", text(&self.name)),
                ("componentName", text(&self.component)),
                ("actor", Value::Complex(Box::new(actor))),
                ("activity", text(&self.activity)),
                (
                    "activityDateTime",
                    Value::DateTimeOffset(DateTimeOffset::from_ticks(self.at)),
                ),
                ("activityType", text(&self.name)),
                ("activityOperationType", text(&self.operation)),
                ("activityResult", text(&self.result)),
                ("correlationId", optional(&who.correlation)),
                ("resources", Value::Collection(resources.collect())),
                ("category", text(&self.category)),
            ],
        )
    }
}

impl Resource {
    /// An entity of that type.
    pub fn new(ty: &StructuredType, id: &str, name: Option<&str>) -> Self {
        Self::called(&MODEL.qualified(ty.name), &resource_type(ty), id, name)
    }

    /// Something that is no entity of the API.
    pub fn called(ty: &str, audit_type: &str, id: &str, name: Option<&str>) -> Self {
        Self {
            ty: ty.to_owned(),
            audit_type: audit_type.to_owned(),
            id: Some(id)
                .filter(|id| !id.is_empty())
                .map(|id| bounded(id, LONGEST_NAME)),
            name: name.map(|name| bounded(name, LONGEST_NAME)),
            modified: Vec::new(),
        }
    }

    /// Its id; empty where it has none.
    pub fn id(&self) -> &str {
        self.id.as_deref().unwrap_or_default()
    }

    /// Whether it is of that type.
    pub fn is(&self, ty: &StructuredType) -> bool {
        self.ty == MODEL.qualified(ty.name)
    }

    /// Gives it a name.
    pub fn name(&mut self, name: Option<String>) {
        self.name = name.map(|name| bounded(&name, LONGEST_NAME));
    }

    /// With what was modified in it.
    #[must_use]
    pub fn with(mut self, modified: Vec<Modified>) -> Self {
        self.modified = modified;
        self.modified.truncate(MOST_PROPERTIES);
        self
    }

    fn value(&self) -> Value {
        let optional = |text: &Option<String>| text.clone().map_or(Value::Null, Value::String);
        let modified = self.modified.iter().map(|modified| {
            let property = record(
                &AUDIT_PROPERTY,
                [
                    ("displayName", Value::String(modified.name.clone())),
                    ("oldValue", optional(&modified.old)),
                    ("newValue", optional(&modified.new)),
                ],
            );
            Value::Complex(Box::new(property))
        });
        let resource = record(
            &AUDIT_RESOURCE,
            [
                ("displayName", optional(&self.name)),
                ("modifiedProperties", Value::Collection(modified.collect())),
                ("type", Value::String(self.ty.clone())),
                ("auditResourceType", Value::String(self.audit_type.clone())),
                ("resourceId", optional(&self.id)),
            ],
        );
        Value::Complex(Box::new(resource))
    }
}

impl Modified {
    /// A property, by its values as texts.
    pub fn new(name: &str, old: Option<&str>, new: Option<&str>) -> Self {
        let value = |text: Option<&str>| text.map(value);
        Self {
            name: bounded(name, LONGEST_NAME),
            old: value(old),
            new: value(new),
        }
    }

    /// What differs between two states of an entity: what was before it came to be, and what is when it
    /// is gone, is nothing. Not told of are `id`, the dates that the service sets, and what is not kept,
    /// such as secrets.
    pub fn between(before: Option<&Record>, after: Option<&Record>) -> Vec<Self> {
        let Some(ty) = before.or(after).map(|record| record.ty) else {
            return Vec::new();
        };
        let told = ty.properties.iter().filter(|property| {
            let dates = ["createdDateTime", "lastModifiedDateTime"];
            property.stored && property.name != "id" && !dates.contains(&property.name)
        });
        let mut all = Vec::new();
        for property in told {
            let value = |record: Option<&Record>| {
                let value = record.map_or(&Value::Null, |record| record.get(property.name));
                shown(property.ty, value)
            };
            let (old, new) = (value(before), value(after));
            if old != new {
                all.push(Self::new(property.name, old.as_deref(), new.as_deref()));
            }
        }
        all
    }
}

fn record<const N: usize>(ty: &'static StructuredType, values: [(&str, Value); N]) -> Record {
    let mut record = Record::new(ty);
    for (name, value) in values {
        record.set(name, value);
    }
    record
}

/// A value as a text; none of null and of an empty collection. Of bytes, which are a script's content,
/// it is their hash: the audit is read by more people than may read scripts.
pub fn shown(ty: Type, value: &Value) -> Option<String> {
    Some(match value {
        Value::Null => return None,
        Value::Collection(items) if items.is_empty() => return None,
        Value::String(text) => text.clone(),
        Value::Binary(bytes) => content(bytes),
        other => match json(ty, other) {
            serde_json::Value::String(text) => text,
            json => json.to_string(),
        },
    })
}

/// How the audit tells of a script's content.
pub fn content(bytes: &[u8]) -> String {
    let hash: [u8; 32] = Sha256::digest(bytes).into();
    let digits: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256:{digits} ({} bytes)", bytes.len())
}

/// A property's value. Of one that is cut, the hash says what all of it was.
fn value(text: &str) -> String {
    let kept = bounded(text, LONGEST_VALUE);
    match kept.chars().nth(LONGEST_VALUE - 1) {
        Some('…') => format!("{kept} {}", content(text.as_bytes())),
        _ => kept,
    }
}

fn json(ty: Type, value: &Value) -> serde_json::Value {
    match value {
        Value::Null => serde_json::Value::Null,
        Value::Boolean(truth) => (*truth).into(),
        Value::Int32(number) => (*number).into(),
        Value::Int64(number) => (*number).into(),
        Value::String(text) => text.as_str().into(),
        Value::DateTimeOffset(instant) => instant.to_string().into(),
        Value::Duration(duration) => duration.as_str().into(),
        Value::Binary(bytes) => content(bytes).into(),
        Value::Enum(number) => match ty {
            Type::Enum(members) => members.name_of(*number).map_or_else(
                || (*number).into(),
                |name| serde_json::Value::String(name.to_owned()),
            ),
            _ => (*number).into(),
        },
        Value::Collection(items) => items.iter().map(|item| json(ty, item)).collect(),
        Value::Complex(record) => {
            let mut members = serde_json::Map::new();
            if record.ty.base.is_some() {
                members.insert("@odata.type".to_owned(), record.ty.name.into());
            }
            for (property, value) in record.ty.properties.iter().zip(&record.values) {
                if !value.is_null() {
                    members.insert(property.name.to_owned(), json(property.ty, value));
                }
            }
            members.into()
        }
    }
}

/// At most so many characters, the last of them a mark where something was cut; without what no
/// database keeps in a text.
fn bounded(text: &str, most: usize) -> String {
    let text: Cow<'_, str> = match text.contains('\0') {
        true => text.replace('\0', "\u{fffd}").into(),
        false => text.into(),
    };
    if text.chars().nth(most).is_none() {
        return text.into_owned();
    }
    let kept: String = text.chars().take(most.saturating_sub(1)).collect();
    format!("{kept}…")
}
