//! Answers by their entities' descriptions (OData JSON Format 4.01).

use std::io::Write as _;

use base64::{display::Base64Display, engine::general_purpose::STANDARD};
use runstate_odata::{
    check::{Query, ResourcePath, Select},
    csdl::ServiceItem,
    edm::{Property, Record, StructuredKind, StructuredType, Type, Value},
};

use super::url::{self, Location};
use crate::{
    entity::MODEL,
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
        let location = Location::of(path);
        let context = || url::context(self.root, &location, Some(query), true);
        self.answer(512, context, |object| {
            object.members(&|| location.row(row), query, row, with_type);
        })
    }

    /// A page of a collection; `next` is the absolute link to the next one.
    pub fn collection(
        &self,
        path: &ResourcePath,
        query: &Query,
        page: &Page,
        next: Option<&str>,
    ) -> Vec<u8> {
        let location = Location::of(path);
        let context = || url::context(self.root, &location, Some(query), false);
        let each = 320 + query.expand.len() * 1536;
        self.answer(64 + page.rows.len() * each, context, |object| {
            object.page("", &location, query, page, next);
        })
    }

    /// The links to the members of a collection (`GET …/$ref`, OData JSON 14).
    pub fn references(&self, path: &ResourcePath, page: &Page, next: Option<&str>) -> Vec<u8> {
        let location = Location::of(path);
        let context = || format!("{}/$metadata#Collection($ref)", self.root);
        self.answer(64 + page.rows.len() * 128, context, |object| {
            object.count_and_next("", page, next);
            object.name("value");
            object.array(&page.rows, |object, row| {
                let id = location.row(row);
                let id = format!("{}/{}", self.root, id.canonical());
                object.object(|link| link.string("@odata.id", &id));
            });
        })
    }

    /// The service document: name, kind and URL of each entity set and singleton (OData JSON 5).
    pub fn service_document(&self, entries: &[ServiceItem]) -> Vec<u8> {
        let context = || format!("{}/$metadata", self.root);
        self.answer(512, context, |object| {
            object.name("value");
            object.array(entries, |object, item| {
                object.object(|entry| {
                    entry.string("name", item.name);
                    entry.string("kind", item.kind);
                    entry.string("url", item.url);
                });
            });
        })
    }

    /// A collection of complex values, as an action returns it.
    pub fn values(&self, ty: &StructuredType, records: &[Record]) -> Vec<u8> {
        let context = || {
            let root = self.root;
            format!("{root}/$metadata#Collection({})", MODEL.qualified(ty.name))
        };
        self.answer(64 + records.len() * 128, context, |object| {
            object.name("value");
            object.array(records, |object, record| object.complex(ty, record));
        })
    }

    /// A collection of texts, as a function returns it.
    pub fn texts(&self, texts: &[&str]) -> Vec<u8> {
        let context = || format!("{}/$metadata#Collection(Edm.String)", self.root);
        self.answer(64 + texts.len() * 32, context, |object| {
            object.name("value");
            object.array(texts, |object, text| json_string(object.out, text));
        })
    }

    /// One complex value, as an action returns it.
    pub fn complex(&self, record: &Record) -> Vec<u8> {
        let context = || {
            let root = self.root;
            format!("{root}/$metadata#{}", MODEL.qualified(record.ty.name))
        };
        self.answer(512, context, |object| object.parts(record.ty, record))
    }

    /// A whole answer: an object that begins with its context, where metadata is wanted. It will
    /// hold about `capacity` bytes.
    fn answer(
        &self,
        capacity: usize,
        context: impl FnOnce() -> String,
        members: impl FnOnce(&mut Object<'_, '_>),
    ) -> Vec<u8> {
        let mut out = Vec::with_capacity(capacity);
        Object::write(&mut out, self, |object| {
            if self.format.metadata != Metadata::None {
                object.string("@odata.context", &context());
            }
            members(object);
        });
        out
    }
}

/// Whose members are being written.
struct Object<'a, 'w> {
    out: &'a mut Vec<u8>,
    writer: &'a Writer<'w>,
    first: bool,
}

impl<'w> Object<'_, 'w> {
    /// Writes an object, braces and all.
    fn write(out: &mut Vec<u8>, writer: &Writer<'w>, members: impl FnOnce(&mut Object<'_, 'w>)) {
        out.push(b'{');
        members(&mut Object {
            out,
            writer,
            first: true,
        });
        out.push(b'}');
    }

    /// An object as a value within this one.
    fn object(&mut self, members: impl FnOnce(&mut Object<'_, 'w>)) {
        Object::write(self.out, self.writer, members);
    }

    /// An array as a value within this object, each item as `item` writes it.
    fn array<T>(&mut self, items: impl IntoIterator<Item = T>, mut item: impl FnMut(&mut Self, T)) {
        self.out.push(b'[');
        for (i, value) in items.into_iter().enumerate() {
            if i > 0 {
                self.out.push(b',');
            }
            item(self, value);
        }
        self.out.push(b']');
    }

    fn name(&mut self, name: &str) {
        if !std::mem::replace(&mut self.first, false) {
            self.out.push(b',');
        }
        // The names of properties, annotations and members have nothing that JSON would escape.
        self.out.reserve(name.len() + 3);
        self.out.push(b'"');
        self.out.extend_from_slice(name.as_bytes());
        self.out.extend_from_slice(b"\":");
    }

    fn string(&mut self, name: &str, value: &str) {
        self.name(name);
        json_string(self.out, value);
    }

    fn raw(&mut self, name: &str, value: &str) {
        self.name(name);
        self.out.extend_from_slice(value.as_bytes());
    }

    /// The members of an entity that stands at `location`, which is worked out where it is shown.
    fn members(
        &mut self,
        location: &dyn Fn() -> Location,
        query: &Query,
        row: &Row,
        with_type: bool,
    ) {
        let metadata = self.writer.format.metadata;
        let ty = row.record.ty;
        let derived = ty != query.ty;
        let full = metadata == Metadata::Full;
        if metadata != Metadata::None && (with_type || derived || full) {
            self.string("@odata.type", &format!("#{}", MODEL.qualified(ty.name)));
        }
        if full {
            let location = location();
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
            let end = Location::elsewhere(navigation);
            let end = end.unwrap_or_else(|| location().navigate(navigation));
            if metadata != Metadata::None {
                let single = !navigation.collection;
                let context = url::context(self.writer.root, &end, Some(&expand.query), single);
                self.string(&format!("{}@odata.context", navigation.name), &context);
            }
            match expanded {
                Expanded::One(None) => self.raw(navigation.name, "null"),
                Expanded::One(Some(row)) => {
                    self.name(navigation.name);
                    self.nested(&|| end.row(row), &expand.query, row);
                }
                Expanded::Many(page) => {
                    // The rest is asked for from this entity, wherever those entities live.
                    let next = page.next.as_ref().map(|token| {
                        let (root, owner) = (self.writer.root, location());
                        let rest = format!("{root}/{}/{}", owner.canonical(), navigation.name);
                        url::next_link(&rest, &expand.options, token)
                    });
                    self.page(navigation.name, &end, &expand.query, page, next.as_deref());
                }
            }
        }
        if full {
            let location = location();
            for navigation in ty.navigation {
                let link = format!("{}/{}", location.canonical(), navigation.name);
                self.string(&format!("{}@odata.navigationLink", navigation.name), &link);
            }
        }
    }

    fn nested(&mut self, location: &dyn Fn() -> Location, query: &Query, row: &Row) {
        self.object(|object| object.members(location, query, row, false));
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
        self.count_and_next(prefix, page, next);
        self.name(if prefix.is_empty() { "value" } else { prefix });
        self.array(&page.rows, |object, row| {
            object.nested(&|| location.row(row), query, row);
        });
    }

    fn count_and_next(&mut self, prefix: &str, page: &Page, next: Option<&str>) {
        if let Some(count) = page.count {
            self.raw(&format!("{prefix}@odata.count"), &count.to_string());
        }
        if let Some(next) = next {
            self.string(&format!("{prefix}@odata.nextLink"), next);
        }
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
                self.array(items, |object, item| object.value(ty, item));
            }
            (Type::Complex(declared), Value::Complex(record)) => self.complex(declared, record),
            (_, Value::Boolean(value)) => self.display(value),
            (_, Value::Int32(number) | Value::Enum(number)) => self.number((*number).into()),
            (_, Value::Int64(number)) if self.writer.format.ieee754_compatible => {
                self.quoted(number);
            }
            (_, Value::Int64(number)) => self.number(*number),
            (_, Value::String(text)) => json_string(self.out, text),
            (_, Value::DateTimeOffset(time)) => {
                self.out.push(b'"');
                time.append_to(self.out);
                self.out.push(b'"');
            }
            (_, Value::Duration(duration)) => json_string(self.out, duration.as_str()),
            (_, Value::Binary(bytes)) => self.quoted(&Base64Display::new(bytes, &STANDARD)),
            (_, Value::Null | Value::Complex(_)) => self.out.extend_from_slice(b"null"),
        }
    }

    fn number(&mut self, number: i64) {
        // A number into memory cannot fail.
        let _ = serde_json::to_writer(&mut *self.out, &number);
    }

    fn display(&mut self, value: &impl std::fmt::Display) {
        // Writing to memory cannot fail.
        let _ = write!(self.out, "{value}");
    }

    /// In quotes, of what has no character that JSON would escape.
    fn quoted(&mut self, value: &impl std::fmt::Display) {
        self.out.push(b'"');
        self.display(value);
        self.out.push(b'"');
    }

    /// A complex value; its type is told where others derive from the declared one.
    fn complex(&mut self, declared: &StructuredType, record: &Record) {
        self.object(|object| object.parts(declared, record));
    }

    /// The members of a complex value.
    fn parts(&mut self, declared: &StructuredType, record: &Record) {
        let metadata = self.writer.format.metadata;
        let polymorphic = !declared.derived.is_empty();
        if metadata == Metadata::Full || (polymorphic && metadata != Metadata::None) {
            self.string(
                "@odata.type",
                &format!("#{}", MODEL.qualified(record.ty.name)),
            );
        }
        for (property, value) in record.ty.properties.iter().zip(&record.values) {
            self.property(property, value);
        }
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
        Type::Guid => "Guid".to_owned(),
        Type::Enum(ty) => MODEL.qualified(ty.name),
        Type::Complex(ty) => {
            debug_assert_eq!(ty.kind, StructuredKind::Complex);
            if !property.collection {
                return None;
            }
            MODEL.qualified(ty.name)
        }
    };
    Some(if property.collection {
        format!("#Collection({name})")
    } else {
        format!("#{name}")
    })
}

fn json_string(out: &mut Vec<u8>, text: &str) {
    // Nearly all texts are copied as they are. All bytes are looked at, whatever the first of them say,
    // because the processor then looks at many at once.
    let escapes = |byte: u8| u8::from((byte < b' ') | (byte == b'"') | (byte == b'\\'));
    if text.bytes().fold(0, |any, byte| any | escapes(byte)) == 0 {
        out.reserve(text.len() + 2);
        out.push(b'"');
        out.extend_from_slice(text.as_bytes());
        out.push(b'"');
        return;
    }
    // A string into memory cannot fail.
    let _ = serde_json::to_writer(out, text);
}
