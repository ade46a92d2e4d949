//! Answers by their entities' descriptions (OData JSON Format 4.01).

use std::io::Write as _;

use base64::{Engine, engine::general_purpose::STANDARD};
use runstate_odata::{
    check::{Query, ResourcePath, Select},
    csdl::ServiceItem,
    edm::{Property, Record, StructuredKind, StructuredType, Type, Value},
};

use super::url::{self, Location};
use crate::{
    entity::NAMESPACE,
    row::{Expanded, Page, Row},
};

/// How much an answer says about itself (`odata.metadata`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Metadata {
    /// Only the count and the next link.
    None,
    /// What a client cannot work out from `$metadata`.
    #[default]
    Minimal,
    /// All of it.
    Full,
}

/// The form of an answer, as `Accept` or `$format` asked for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Format {
    /// `odata.metadata`
    pub metadata: Metadata,
    /// `IEEE754Compatible`: 64-bit numbers as strings.
    pub ieee754_compatible: bool,
}

/// Writes answers below one service root.
#[derive(Debug, Clone, Copy)]
pub struct Writer<'a> {
    /// The URL of the service root, e.g. `https://localhost:8443/beta`, without a slash at its end.
    pub root: &'a str,
    /// The form of the answer.
    pub format: Format,
}

impl Writer<'_> {
    /// One entity. `with_type` adds `@odata.type` where minimal metadata would not need it, as Graph
    /// does in what it answers to a write.
    pub fn entity(
        &self,
        path: &ResourcePath,
        query: &Query,
        row: &Row,
        with_type: bool,
    ) -> Vec<u8> {
        let mut out = Vec::with_capacity(512);
        let location = Location::of(path);
        out.push(b'{');
        let mut object = Object {
            out: &mut out,
            writer: self,
            first: true,
        };
        if self.format.metadata != Metadata::None {
            let context = url::context(self.root, &location, Some(query), true);
            object.string("@odata.context", &context);
        }
        object.members(&location.entity(row.id()), query, row, with_type);
        out.push(b'}');
        out
    }

    /// A page of a collection; `next` is the absolute link to the next one.
    pub fn collection(
        &self,
        path: &ResourcePath,
        query: &Query,
        page: &Page,
        next: Option<&str>,
    ) -> Vec<u8> {
        let mut out = Vec::with_capacity(64 + page.rows.len() * 256);
        let location = Location::of(path);
        out.push(b'{');
        let mut object = Object {
            out: &mut out,
            writer: self,
            first: true,
        };
        if self.format.metadata != Metadata::None {
            let context = url::context(self.root, &location, Some(query), false);
            object.string("@odata.context", &context);
        }
        object.page("", &location, query, page, next);
        out.push(b'}');
        out
    }

    /// The links to the members of a collection (`GET …/$ref`, OData JSON 14).
    pub fn references(&self, path: &ResourcePath, page: &Page, next: Option<&str>) -> Vec<u8> {
        let mut out = Vec::new();
        let location = Location::of(path);
        out.push(b'{');
        let mut object = Object {
            out: &mut out,
            writer: self,
            first: true,
        };
        if self.format.metadata != Metadata::None {
            object.string(
                "@odata.context",
                &format!("{}/$metadata#Collection($ref)", self.root),
            );
        }
        if let Some(count) = page.count {
            object.raw("@odata.count", &count.to_string());
        }
        if let Some(next) = next {
            object.string("@odata.nextLink", next);
        }
        object.name("value");
        object.out.push(b'[');
        for (i, row) in page.rows.iter().enumerate() {
            if i > 0 {
                object.out.push(b',');
            }
            let id = format!("{}/{}", self.root, location.entity(row.id()).canonical());
            object.out.extend_from_slice(b"{\"@odata.id\":");
            json_string(object.out, &id);
            object.out.push(b'}');
        }
        object.out.extend_from_slice(b"]}");
        out
    }

    /// The service document: name, kind and URL of each entity set and singleton (OData JSON 5).
    pub fn service_document(&self, entries: &[ServiceItem]) -> Vec<u8> {
        let mut out = Vec::new();
        out.push(b'{');
        let mut object = Object {
            out: &mut out,
            writer: self,
            first: true,
        };
        if self.format.metadata != Metadata::None {
            object.string("@odata.context", &format!("{}/$metadata", self.root));
        }
        object.name("value");
        object.out.push(b'[');
        for (i, item) in entries.iter().enumerate() {
            if i > 0 {
                object.out.push(b',');
            }
            object.out.push(b'{');
            let mut entry = Object {
                out: object.out,
                writer: self,
                first: true,
            };
            entry.string("name", item.name);
            entry.string("kind", item.kind);
            entry.string("url", item.url);
            object.out.push(b'}');
        }
        object.out.extend_from_slice(b"]}");
        out
    }

    /// A collection of complex values, as an action returns it.
    pub fn values(&self, ty: &StructuredType, records: &[Record]) -> Vec<u8> {
        let mut out = Vec::new();
        out.push(b'{');
        let mut object = Object {
            out: &mut out,
            writer: self,
            first: true,
        };
        if self.format.metadata != Metadata::None {
            let context = format!(
                "{}/$metadata#Collection({NAMESPACE}.{})",
                self.root, ty.name
            );
            object.string("@odata.context", &context);
        }
        object.name("value");
        object.out.push(b'[');
        for (i, record) in records.iter().enumerate() {
            if i > 0 {
                object.out.push(b',');
            }
            object.complex(ty, record);
        }
        object.out.extend_from_slice(b"]}");
        out
    }
}

/// Whose members are being written.
struct Object<'a, 'w> {
    out: &'a mut Vec<u8>,
    writer: &'a Writer<'w>,
    first: bool,
}

impl Object<'_, '_> {
    fn name(&mut self, name: &str) {
        if !std::mem::replace(&mut self.first, false) {
            self.out.push(b',');
        }
        json_string(self.out, name);
        self.out.push(b':');
    }

    fn string(&mut self, name: &str, value: &str) {
        self.name(name);
        json_string(self.out, value);
    }

    fn raw(&mut self, name: &str, value: &str) {
        self.name(name);
        self.out.extend_from_slice(value.as_bytes());
    }

    /// The members of an entity that stands at `location`.
    fn members(&mut self, location: &Location, query: &Query, row: &Row, with_type: bool) {
        let metadata = self.writer.format.metadata;
        let ty = row.record.ty;
        let derived = ty != query.ty;
        let full = metadata == Metadata::Full;
        if metadata != Metadata::None && (with_type || derived || full) {
            self.string("@odata.type", &format!("#{NAMESPACE}.{}", ty.name));
        }
        if full {
            let canonical = location.canonical();
            self.string("@odata.id", &format!("{}/{canonical}", self.writer.root));
            self.string("@odata.etag", &etag(row.version));
            self.string("@odata.editLink", canonical);
        }
        for (position, (property, value)) in
            ty.properties.iter().zip(&row.record.values).enumerate()
        {
            // A selection speaks of the declared type; of one derived from it, all else is shown
            // only where nothing was selected.
            let selected = match &query.select {
                Select::All => true,
                Select::Only(positions) if !derived => positions.binary_search(&position).is_ok(),
                Select::Only(positions) => positions.iter().any(|p| {
                    query
                        .ty
                        .properties
                        .get(*p)
                        .is_some_and(|p| p.name == property.name)
                }),
            };
            if selected {
                self.property(property, value);
            }
        }
        for (expand, (navigation, expanded)) in query.expand.iter().zip(&row.expanded) {
            let end = location.navigate(navigation);
            if metadata != Metadata::None {
                let single = !navigation.collection;
                let context = url::context(self.writer.root, &end, Some(&expand.query), single);
                self.string(&format!("{}@odata.context", navigation.name), &context);
            }
            match expanded {
                Expanded::One(None) => self.raw(navigation.name, "null"),
                Expanded::One(Some(row)) => {
                    self.name(navigation.name);
                    self.nested(&end.entity(row.id()), &expand.query, row);
                }
                Expanded::Many(page) => {
                    // The rest is asked for from this entity, wherever those entities live.
                    let (root, owner) = (self.writer.root, location.canonical());
                    let rest = format!("{root}/{owner}/{}", navigation.name);
                    let next = page.next.as_ref();
                    let next = next.map(|token| url::next_link(&rest, &expand.options, token));
                    self.page(navigation.name, &end, &expand.query, page, next.as_deref());
                }
            }
        }
        if full {
            for navigation in ty.navigation {
                let link = format!("{}/{}", location.canonical(), navigation.name);
                self.string(&format!("{}@odata.navigationLink", navigation.name), &link);
            }
        }
    }

    fn nested(&mut self, location: &Location, query: &Query, row: &Row) {
        self.out.push(b'{');
        let mut object = Object {
            out: self.out,
            writer: self.writer,
            first: true,
        };
        object.members(location, query, row, false);
        self.out.push(b'}');
    }

    /// Count, next link and values, each name behind `prefix` (`assignments@odata.count`).
    fn page(
        &mut self,
        prefix: &str,
        location: &Location,
        query: &Query,
        page: &Page,
        next: Option<&str>,
    ) {
        if let Some(count) = page.count {
            self.raw(&format!("{prefix}@odata.count"), &count.to_string());
        }
        if let Some(next) = next {
            self.string(&format!("{prefix}@odata.nextLink"), next);
        }
        self.name(if prefix.is_empty() { "value" } else { prefix });
        self.out.push(b'[');
        for (i, row) in page.rows.iter().enumerate() {
            if i > 0 {
                self.out.push(b',');
            }
            self.nested(&location.entity(row.id()), query, row);
        }
        self.out.push(b']');
    }

    fn property(&mut self, property: &Property, value: &Value) {
        if self.writer.format.metadata == Metadata::Full
            && let Some(name) = type_annotation(property)
        {
            self.string(&format!("{}@odata.type", property.name), &name);
        }
        self.name(property.name);
        self.value(property.ty, value);
    }

    fn value(&mut self, ty: Type, value: &Value) {
        match (ty, value) {
            (Type::Enum(ty), Value::Enum(number)) => match ty.name_of(*number) {
                Some(name) => json_string(self.out, name),
                None => json_string(self.out, &number.to_string()),
            },
            (_, Value::Collection(items)) => {
                self.out.push(b'[');
                for (i, item) in items.iter().enumerate() {
                    if i > 0 {
                        self.out.push(b',');
                    }
                    self.value(ty, item);
                }
                self.out.push(b']');
            }
            (Type::Complex(declared), Value::Complex(record)) => self.complex(declared, record),
            (_, Value::Boolean(value)) => self.display(value),
            (_, Value::Int32(number) | Value::Enum(number)) => self.display(number),
            (_, Value::Int64(number)) if self.writer.format.ieee754_compatible => {
                self.out.push(b'"');
                self.display(number);
                self.out.push(b'"');
            }
            (_, Value::Int64(number)) => self.display(number),
            (_, Value::String(text)) => json_string(self.out, text),
            (_, Value::DateTimeOffset(time)) => {
                self.out.push(b'"');
                self.display(time);
                self.out.push(b'"');
            }
            (_, Value::Duration(duration)) => json_string(self.out, duration.as_str()),
            (_, Value::Binary(bytes)) => {
                self.out.push(b'"');
                self.out
                    .extend_from_slice(STANDARD.encode(bytes).as_bytes());
                self.out.push(b'"');
            }
            (_, Value::Null | Value::Complex(_)) => self.out.extend_from_slice(b"null"),
        }
    }

    fn display(&mut self, value: &impl std::fmt::Display) {
        // Writing to memory cannot fail.
        let _ = write!(self.out, "{value}");
    }

    /// A complex value; its type is told where others derive from the declared one.
    fn complex(&mut self, declared: &StructuredType, record: &Record) {
        self.out.push(b'{');
        let mut object = Object {
            out: self.out,
            writer: self.writer,
            first: true,
        };
        let metadata = self.writer.format.metadata;
        let polymorphic = !declared.derived.is_empty();
        if metadata == Metadata::Full || (polymorphic && metadata != Metadata::None) {
            object.string("@odata.type", &format!("#{NAMESPACE}.{}", record.ty.name));
        }
        for (property, value) in record.ty.properties.iter().zip(&record.values) {
            object.property(property, value);
        }
        self.out.push(b'}');
    }
}

/// The `ETag` of a version of an entity.
pub fn etag(version: i64) -> String {
    format!("W/\"{version}\"")
}

/// What `odata.metadata=full` says of a property's type: nothing where JSON shows it by itself
/// (OData JSON 4.6.3).
fn type_annotation(property: &Property) -> Option<String> {
    let name = match property.ty {
        Type::String | Type::Boolean if !property.collection => return None,
        Type::String => "String".to_owned(),
        Type::Boolean => "Boolean".to_owned(),
        Type::Int32 => "Int32".to_owned(),
        Type::Int64 => "Int64".to_owned(),
        Type::DateTimeOffset => "DateTimeOffset".to_owned(),
        Type::Duration => "Duration".to_owned(),
        Type::Binary => "Binary".to_owned(),
        Type::Enum(ty) => format!("{NAMESPACE}.{}", ty.name),
        Type::Complex(ty) => {
            debug_assert_eq!(ty.kind, StructuredKind::Complex);
            return None;
        }
    };
    Some(if property.collection {
        format!("#Collection({name})")
    } else {
        format!("#{name}")
    })
}

fn json_string(out: &mut Vec<u8>, text: &str) {
    // A string into memory cannot fail.
    let _ = serde_json::to_writer(out, text);
}
