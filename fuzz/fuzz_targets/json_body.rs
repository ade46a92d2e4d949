//! Bodies: for every entity type, what is read is written and read again as the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use runstate_graph::{
    entity::MODEL,
    json::{
        Json, link,
        read::{self, Body, Purpose},
        write::{Format, Metadata, Writer},
    },
    row::Row,
};
use runstate_odata::{
    check::{PathStep, Query, ResourcePath, Tail},
    edm::{
        Access, DateTimeOffset, NavigationProperty, Record, StructuredKind, StructuredType, Type,
        Value,
    },
};

fuzz_target!(|bytes: &[u8]| {
    let Ok(json) = Json::parse(bytes) else { return };
    for ty in MODEL
        .types
        .iter()
        .filter(|ty| ty.kind == StructuredKind::Entity)
    {
        for purpose in [Purpose::Create, Purpose::Update] {
            if let Ok(body) = read::entity(ty, &json, purpose) {
                for (_, links) in &body.binds {
                    let _ = link::ids(links);
                }
                survives(ty, body);
            }
        }
    }
});

fn survives(ty: &'static StructuredType, body: Body) {
    let Some(navigation) = way(ty) else { return };
    let Ok(mut record) = read::new_record(ty, body.values) else {
        return;
    };
    let id = body.id.unwrap_or_else(|| "id".to_owned());
    record.set("id", Value::String(id.clone()));
    // The dates that the service sets.
    for property in ty.properties {
        if matches!(property.ty, Type::DateTimeOffset)
            && !property.nullable
            && record.get(property.name).is_null()
        {
            let date = DateTimeOffset::from_ticks(0);
            record.set(property.name, Value::DateTimeOffset(date));
        }
    }
    let path = ResourcePath {
        steps: vec![PathStep {
            navigation,
            key: Some(id.clone()),
        }],
        tail: Tail::Resource,
    };
    let row = Row {
        record,
        version: 1,
        expanded: Vec::new(),
    };
    for metadata in [Metadata::None, Metadata::Minimal, Metadata::Full] {
        for ieee754_compatible in [false, true] {
            let writer = Writer {
                root: "https://localhost/beta",
                format: Format {
                    metadata,
                    ieee754_compatible,
                },
            };
            let written = writer.entity(&path, &Query::all(ty), &row, true);
            let json = Json::parse(&written).expect("what is written is JSON");
            // Without metadata a derived type is not told, so its properties may not be known.
            if metadata != Metadata::None {
                let again = read::entity(ty, &json, Purpose::Create).expect("it is of its type");
                assert_eq!(again.id.as_deref(), Some(id.as_str()));
                let again = read::new_record(ty, again.values).expect("it is complete");
                assert_eq!(given(&again), given(&row.record));
            }
        }
    }
}

/// What a client can set.
fn given(record: &Record) -> Vec<&Value> {
    let pairs = record.ty.properties.iter().zip(&record.values);
    pairs
        .filter(|(property, _)| property.access != Access::Computed)
        .map(|(_, value)| value)
        .collect()
}

/// Some way to an entity of the type.
fn way(ty: &StructuredType) -> Option<&'static NavigationProperty> {
    let all = MODEL.types.iter().flat_map(|ty| ty.navigation).copied();
    let mut all = all.chain(MODEL.container.iter().map(|root| root.navigation));
    all.find(|navigation| navigation.target == ty)
}
