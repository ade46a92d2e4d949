//! Entities as they are stored and answered.

use runstate_odata::edm::{NavigationProperty, Record};

use crate::entity;

/// An entity as it is stored.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// Its values; those that the query did not select are null.
    pub record: Record,
    /// Grows with every change of the entity; the stuff of its `ETag`.
    pub version: i64,
    /// What `$expand` asked for, in the order of the query.
    pub expanded: Vec<(&'static NavigationProperty, Expanded)>,
}

/// The other end of an expanded navigation property.
#[derive(Debug, Clone, PartialEq)]
pub enum Expanded {
    /// Of a single-valued one.
    One(Option<Box<Row>>),
    /// Of a collection.
    Many(Page),
}

/// A part of a collection.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Page {
    /// The entities, in order.
    pub rows: Vec<Row>,
    /// How many there are in all, where `$count=true` asked.
    pub count: Option<u64>,
    /// The `$skiptoken` of the next page, where there is one.
    pub next: Option<String>,
}

impl Row {
    /// The entity's key.
    pub fn id(&self) -> &str {
        self.record
            .get(entity::ID.name)
            .as_str()
            .unwrap_or_default()
    }
}
