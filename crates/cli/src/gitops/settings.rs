//! What is set of a script, as values of the schema's types.

use std::collections::BTreeMap;

use runstate_graph::json::{
    Json,
    read::{self, Purpose},
};
use runstate_odata::edm::{Property, Type, Value};
use serde_json::{Map, Value as Plain};

use super::kind::{CONTENT, Kind, NAME};

/// Values by the position of their property in the entity type. What is not among them is left as the
/// server has it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Settings(BTreeMap<usize, Value>);

impl Settings {
    /// Takes the settings out of an object that may have other members too.
    ///
    /// # Errors
    /// A sentence that names the property.
    pub(super) fn of_entity(kind: Kind, object: &Map<String, Plain>) -> Result<Self, String> {
        let known = kind.settings().filter_map(|(_, property)| {
            let value = object.get(property.name)?;
            Some((property.name.to_owned(), value.clone()))
        });
        Self::read(kind, known)
    }

    /// Reads members of which each must be a setting.
    ///
    /// # Errors
    /// A sentence that names the property.
    pub(super) fn read(
        kind: Kind,
        members: impl Iterator<Item = (String, Plain)>,
    ) -> Result<Self, String> {
        let object: Map<String, Plain> = members.collect();
        let text = Plain::Object(object).to_string();
        let json = Json::parse(text.as_bytes()).map_err(|error| error.message)?;
        let body =
            read::entity(kind.ty(), &json, Purpose::Create).map_err(|error| error.message)?;
        let mut values: BTreeMap<usize, Value> = body.values.into_iter().collect();
        for value in values.values_mut() {
            // The order of tags means nothing, and servers answer them in any.
            if let Value::Collection(items) = value {
                items.sort_by(|a, b| a.as_str().cmp(&b.as_str()));
                items.dedup();
            }
        }
        Ok(Self(values))
    }

    /// The script's name.
    pub(super) fn name(&self, kind: Kind) -> &str {
        let position = kind.ty().position(NAME);
        let value = position.and_then(|position| self.0.get(&position));
        value.and_then(Value::as_str).unwrap_or_default()
    }

    /// What is set, in the order in which files list it.
    pub(super) fn iter(&self, kind: Kind) -> impl Iterator<Item = (&'static Property, &Value)> {
        kind.settings()
            .filter_map(|(position, property)| Some((property, self.0.get(&position)?)))
    }

    /// The value of a property; nothing where it is not set.
    pub(super) fn get(&self, kind: Kind, name: &str) -> Option<&Value> {
        let position = kind.ty().position(name)?;
        self.0.get(&position)
    }

    /// Those of the properties that `other` sets too.
    pub(super) fn limited_to(&self, other: &Self) -> Self {
        let both = self.0.iter().filter(|(at, _)| other.0.contains_key(at));
        Self(both.map(|(at, value)| (*at, value.clone())).collect())
    }

    /// These, with the values of those properties from `other`; null where that has none.
    pub(super) fn taking(&self, kind: Kind, these: &[&Property], other: &Self) -> Self {
        let mut all = self.0.clone();
        for property in these {
            if let Some(position) = kind.ty().position(property.name) {
                let value = other.0.get(&position).cloned();
                all.insert(position, value.unwrap_or_default());
            }
        }
        Self(all)
    }
}

/// A value as JSON and YAML have it.
pub(super) fn plain(property: &Property, value: &Value) -> Plain {
    match value {
        Value::Boolean(value) => Plain::Bool(*value),
        Value::Int32(number) => Plain::from(*number),
        Value::Int64(number) => Plain::from(*number),
        Value::String(text) => Plain::from(text.as_str()),
        Value::Duration(duration) => Plain::from(duration.as_str()),
        Value::DateTimeOffset(moment) => Plain::from(moment.to_string()),
        Value::Enum(number) => match property.ty {
            Type::Enum(ty) => Plain::from(ty.name_of(*number)),
            _ => Plain::Null,
        },
        Value::Collection(items) => items.iter().map(|item| plain(property, item)).collect(),
        // No setting is of these types; the text of a script is not among them.
        Value::Null | Value::Binary(_) | Value::Complex(_) => Plain::Null,
    }
}

/// The text of a script, from the entity.
///
/// # Errors
/// A sentence that says what is wrong with it.
pub(super) fn content(kind: Kind, entity: &Map<String, Plain>) -> Result<Option<Vec<u8>>, String> {
    let content = entity.get(CONTENT).cloned().unwrap_or_default();
    let text = Plain::Object(Map::from_iter([(CONTENT.to_owned(), content)])).to_string();
    let json = Json::parse(text.as_bytes()).map_err(|error| error.message)?;
    let body = read::entity(kind.ty(), &json, Purpose::Create).map_err(|error| error.message)?;
    Ok(match body.values.into_iter().next() {
        Some((_, Value::Binary(bytes))) => Some(bytes),
        _ => None,
    })
}
