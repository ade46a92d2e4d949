//! Entities and the links between them, as plain values, and their way into the database.

use runstate_graph::entity::{ASSIGNMENT, DEVICE_STATE, MANAGED_DEVICE, USER, USER_STATE};
use runstate_odata::edm::{Record, StructuredType, Value};
use runstate_store::{
    query::{self, Bind},
    table,
};

use crate::database::Database;

/// An entity and what its navigation properties lead to, by position in [`World::entities`].
#[derive(Debug, Clone)]
pub(crate) struct Entity {
    pub(crate) record: Record,
    pub(crate) links: Vec<(&'static str, Vec<usize>)>,
}

/// All entities of one tenant.
#[derive(Debug, Clone, Default)]
pub(crate) struct World {
    pub(crate) entities: Vec<Entity>,
}

impl World {
    pub(crate) fn add(&mut self, record: Record) -> usize {
        let links = Vec::new();
        self.entities.push(Entity { record, links });
        self.entities.len() - 1
    }

    pub(crate) fn link(&mut self, from: usize, navigation: &'static str, to: usize) {
        let links = &mut self.entities[from].links;
        match links.iter_mut().find(|(name, _)| *name == navigation) {
            Some((_, ends)) => ends.push(to),
            None => links.push((navigation, vec![to])),
        }
    }

    pub(crate) fn linked(&self, from: usize, navigation: &str) -> &[usize] {
        let links = &self.entities[from].links;
        let found = links.iter().find(|(name, _)| *name == navigation);
        found.map_or(&[], |(_, ends)| ends)
    }

    /// The entities of exactly that type.
    pub(crate) fn of(&self, ty: &'static StructuredType) -> Vec<usize> {
        let all = 0..self.entities.len();
        all.filter(|at| self.entities[*at].record.ty == ty)
            .collect()
    }

    /// Writes all to the database under the tenant; the row ids, by position. Owners come before
    /// what they own.
    pub(crate) fn store(&self, database: &Database, tenant: &str) -> Vec<i64> {
        let mut pks = vec![0; self.entities.len()];
        for (at, entity) in self.entities.iter().enumerate() {
            let ty = entity.record.ty;
            let table = table::of(ty).unwrap();
            let mut scope = Vec::new();
            if table.has_scope("tenant_id") {
                scope.push(("tenant_id", Bind::Text(tenant.to_owned())));
            }
            if table.has_scope("kind") {
                scope.push(("kind", Bind::Text(ty.name.to_owned())));
            }
            if table.has_scope("script_pk") {
                let mut script = self.owner(at);
                let mut user_state = 0;
                if self.entities[script].record.ty == &USER_STATE {
                    user_state = pks[script];
                    script = self.owner(script);
                }
                scope.push(("script_pk", Bind::Integer(pks[script])));
                if ty == &DEVICE_STATE {
                    scope.push(("user_state_pk", Bind::Integer(user_state)));
                    let device = self.linked(at, "managedDevice").first();
                    let device = device.map(|device| self.entities[*device].record.get("id"));
                    let device = device.and_then(Value::as_str).map(str::to_owned);
                    scope.push(("device_id", device.map_or(Bind::Null, Bind::Text)));
                }
            }
            let insert = query::insert(database.dialect(), table, &scope, &entity.record).unwrap();
            pks[at] = database.number(&insert);
        }
        pks
    }

    /// Whose contained entity it is.
    fn owner(&self, of: usize) -> usize {
        let contains = |entity: &Entity| {
            entity.links.iter().any(|(name, ends)| {
                !matches!(*name, "managedDevice" | "users") && ends.contains(&of)
            })
        };
        self.entities.iter().position(contains).unwrap()
    }
}

/// An instance with these values; the properties that are never null and not named are given one.
pub(crate) fn record(ty: &'static StructuredType, values: &[(&str, Value)]) -> Record {
    use runstate_odata::edm::{DateTimeOffset, Type};
    let mut record = Record::new(ty);
    for property in ty.properties {
        if !property.nullable && !property.collection {
            let value = match property.ty {
                Type::String => Value::String(String::new()),
                Type::Boolean => Value::Boolean(false),
                Type::Int32 => Value::Int32(0),
                Type::Enum(_) => Value::Enum(0),
                Type::DateTimeOffset => Value::DateTimeOffset(DateTimeOffset::from_ticks(0)),
                other => panic!("{other:?}"),
            };
            record.set(property.name, value);
        }
    }
    for (name, value) in values {
        assert!(record.set(name, value.clone()), "{name}");
    }
    record
}

pub(crate) fn text(text: &str) -> Value {
    Value::String(text.to_owned())
}

pub(crate) fn instant(text: &str) -> Value {
    Value::DateTimeOffset(runstate_odata::edm::DateTimeOffset::parse(text).unwrap())
}

/// A device run state.
pub(crate) fn state(id: &str, run_state: i32, at: &str) -> Record {
    let values = [
        ("id", text(id)),
        ("runState", Value::Enum(run_state)),
        ("lastStateUpdateDateTime", instant(at)),
    ];
    record(&DEVICE_STATE, &values)
}

/// A device of a user.
pub(crate) fn device(id: &str, name: &str, user: &str) -> Record {
    let values = [
        ("id", text(id)),
        ("deviceName", text(name)),
        ("userId", text(user)),
    ];
    record(&MANAGED_DEVICE, &values)
}

/// A user.
pub(crate) fn user(id: &str, name: &str) -> Record {
    record(&USER, &[("id", text(id)), ("displayName", text(name))])
}

/// An assignment to a target of that type.
pub(crate) fn assignment(id: &str, ty: &'static StructuredType, group: Option<&str>) -> Record {
    let mut target = Record::new(ty);
    if let Some(group) = group {
        target.set("groupId", text(group));
    }
    let target = Value::Complex(Box::new(target));
    record(&ASSIGNMENT, &[("id", text(id)), ("target", target)])
}
