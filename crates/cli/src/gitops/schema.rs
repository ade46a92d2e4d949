//! The JSON Schema of front files, from the descriptions that the files are read by.
//!
//! It is published as `docs/schema/script.schema.json`, for editors and for checks before a merge.

use runstate_odata::edm::{Access, Property, Type};
use serde_json::{Map, Value, json};

use super::{
    assignment::{self, filter_types, others, short, targets},
    kind::{Kind, NAME},
};

/// The schema.
pub(super) fn schema() -> Value {
    let kinds: Vec<_> = Kind::all().map(Kind::name).collect();
    let one_kind = |kind: Kind| {
        let mut properties = Map::new();
        properties.insert("kind".to_owned(), json!({ "const": kind.name() }));
        for name in ["id", "content", "assignments"] {
            properties.insert(name.to_owned(), json!(true));
        }
        for (_, property) in kind.settings() {
            properties.insert(property.name.to_owned(), setting(property));
        }
        json!({
            "title": kind.said(),
            "properties": properties,
            "additionalProperties": false,
        })
    };
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A script's front file, for runstate apply and runstate export",
        "type": "object",
        "required": ["kind", NAME, "content"],
        "properties": {
            "kind": {
                "description": "Which kind of script this is.",
                "enum": kinds,
            },
            "id": {
                "description": "The id, for a script whose name is not its alone or is about to change.",
                "type": "string",
                "minLength": 1,
            },
            "content": {
                "description": "The file with the script's text, from this file's folder on; null for a script without text.",
                "type": ["string", "null"],
                "pattern": "^[^/\\\\:][^\\\\:]*$",
            },
            "assignments": {
                "description": "Whom the script is for. Left out, it is left as it is; [] is nobody.",
                "type": "array",
                "items": { "oneOf": targets().iter().map(|ty| target(ty)).collect::<Vec<_>>() },
            },
        },
        "oneOf": Kind::all().map(one_kind).collect::<Vec<_>>(),
    })
}

fn setting(property: &Property) -> Value {
    let mut schema = of_type(property);
    if let Some(most) = property.max_length {
        schema.insert("maxLength".to_owned(), json!(most));
    }
    if property.name == NAME {
        schema.insert("minLength".to_owned(), json!(1));
    }
    let mut schema = if property.collection {
        Map::from_iter([
            ("type".to_owned(), json!("array")),
            ("items".to_owned(), Value::Object(schema)),
        ])
    } else {
        schema
    };
    if property.access == Access::Create {
        let text = "Fixed once the script is made.";
        schema.insert("description".to_owned(), json!(text));
    }
    match property.nullable {
        true => json!({ "anyOf": [schema, { "type": "null" }] }),
        false => Value::Object(schema),
    }
}

fn of_type(property: &Property) -> Map<String, Value> {
    let schema = match property.ty {
        Type::Boolean => json!({ "type": "boolean" }),
        Type::Int32 => json!({ "type": "integer", "minimum": i32::MIN, "maximum": i32::MAX }),
        Type::Int64 => json!({ "type": "integer" }),
        Type::Enum(ty) => {
            let members: Vec<_> = ty.members.iter().map(|(name, _)| *name).collect();
            json!({ "enum": members })
        }
        // Months and years are no fixed length, and are refused; the format allows them.
        Type::Duration => json!({
            "type": "string",
            "format": "duration",
            "examples": ["PT1H", "P1D", "P1W"],
        }),
        Type::DateTimeOffset => json!({ "type": "string", "format": "date-time" }),
        Type::Guid => json!({ "type": "string", "format": "uuid" }),
        Type::String | Type::Binary | Type::Complex(_) => json!({ "type": "string" }),
    };
    match schema {
        Value::Object(schema) => schema,
        _ => Map::new(),
    }
}

fn target(ty: &'static runstate_odata::edm::StructuredType) -> Value {
    let text = json!({ "type": "string", "minLength": 1 });
    let mut properties = Map::new();
    properties.insert("target".to_owned(), json!({ "const": short(ty) }));
    let mut all = Vec::new();
    if ty.property(assignment::GROUP_ID).is_some() {
        properties.insert("group".to_owned(), text.clone());
        properties.insert(assignment::GROUP_ID.to_owned(), text.clone());
        all.push(json!({ "oneOf": [
            { "required": ["group"] },
            { "required": [assignment::GROUP_ID] },
        ] }));
    }
    for property in others(ty) {
        properties.insert(property.name.to_owned(), Value::Object(of_type(property)));
    }
    properties.insert("filter".to_owned(), text.clone());
    properties.insert("filterId".to_owned(), text);
    let types: Vec<_> = filter_types().collect();
    properties.insert("filterType".to_owned(), json!({ "enum": types }));
    all.push(json!({ "oneOf": [
        { "required": ["filter", "filterType"] },
        { "required": ["filterId", "filterType"] },
        { "not": { "anyOf": [
            { "required": ["filter"] },
            { "required": ["filterId"] },
            { "required": ["filterType"] },
        ] } },
    ] }));
    json!({
        "type": "object",
        "required": ["target"],
        "properties": properties,
        "additionalProperties": false,
        "allOf": all,
    })
}
