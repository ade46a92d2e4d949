//! The URLs in answers: contexts, links, locations.

use std::fmt::Write as _;

use runstate_odata::{
    check::{Query, ResourcePath, Select},
    edm::{NavigationProperty, StructuredType},
};

use crate::{entity, row::Row};

/// The set of all users, groups and devices, as contexts name it.
const DIRECTORY_OBJECTS: &str = "directoryObjects";

/// The path of the set that all entities of a type are in, wherever a link to them starts.
fn set_of(ty: &StructuredType) -> Option<&'static str> {
    match ty {
        ty if ty == &entity::MANAGED_DEVICE => Some("deviceManagement/managedDevices"),
        ty if ty == &entity::USER => Some("users"),
        ty if ty == &entity::GROUP => Some("groups"),
        _ => None,
    }
}

/// Where an entity or a collection stands, as a canonical path: keys in parentheses, and what is
/// not contained by its owner under its own entity set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Location {
    path: String,
    /// The path ends with a collection, whose entities are reached by a key.
    collection: bool,
}

impl Location {
    /// Of a path, which must have a step.
    pub(super) fn of(path: &ResourcePath) -> Self {
        let root = Self {
            path: String::new(),
            collection: false,
        };
        path.steps.iter().fold(root, |location, step| {
            let end = location.navigate(step.navigation);
            match &step.key {
                Some(key) => end.entity(key),
                None => end,
            }
        })
    }

    /// The end of a navigation property.
    pub(super) fn navigate(&self, navigation: &NavigationProperty) -> Self {
        Self::elsewhere(navigation).unwrap_or_else(|| Self {
            path: if self.path.is_empty() {
                navigation.name.to_owned()
            } else {
                format!("{}/{}", self.path, navigation.name)
            },
            collection: navigation.collection,
        })
    }

    /// The end of a navigation property that leads to another set, from wherever it starts. What lives
    /// there is addressed by its key in its own set.
    pub(super) fn elsewhere(navigation: &NavigationProperty) -> Option<Self> {
        let set = match navigation.target {
            _ if navigation.contained => None,
            ty if ty == &entity::DIRECTORY_OBJECT => Some(DIRECTORY_OBJECTS),
            ty => set_of(ty),
        }?;
        Some(Self {
            path: set.to_owned(),
            collection: true,
        })
    }

    /// The entity of that id, in a collection; what is already a single entity stays where it is.
    pub(super) fn entity(&self, id: &str) -> Self {
        if !self.collection {
            return self.clone();
        }
        Self {
            path: format!("{}('{}')", self.path, key(id)),
            collection: false,
        }
    }

    /// The entity of that row. Directory objects are addressed in the set of their exact type, because
    /// one of their own is not served.
    pub(super) fn row(&self, row: &Row) -> Self {
        match set_of(row.record.ty) {
            Some(set) if self.collection && self.path == DIRECTORY_OBJECTS => Self {
                path: set.to_owned(),
                collection: true,
            }
            .entity(row.id()),
            _ => self.entity(row.id()),
        }
    }

    /// The path below the service root.
    pub(super) fn canonical(&self) -> &str {
        &self.path
    }

    /// The collection in which the end of the path stands, or the path itself where there is none.
    fn set(&self) -> &str {
        match self.path.rfind("('") {
            Some(start) if !self.collection && self.path.ends_with("')") => {
                self.path.get(..start).unwrap_or_default()
            }
            _ => &self.path,
        }
    }
}

/// A key as a string literal in a URL: quotes doubled, all else that a path cannot hold encoded.
fn key(id: &str) -> String {
    encode(&id.replace('\'', "''"))
}

/// Percent-encodes what may not stand in a path segment as it is (RFC 3986, `pchar`).
pub fn encode(text: &str) -> String {
    let is_legal = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~!$'()*,;=:@".contains(&byte);
    // Most ids have nothing to encode.
    if text.bytes().all(is_legal) {
        return text.to_owned();
    }
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if is_legal(byte) {
            encoded.push(char::from(byte));
        } else {
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}

/// The context URL (OData Protocol 10): `{root}/$metadata#{set}({selected})/$entity`.
pub(super) fn context(
    root: &str,
    location: &Location,
    query: Option<&Query>,
    single: bool,
) -> String {
    let set = location.set();
    let selected = query.map(selected).unwrap_or_default();
    // A singleton is named by itself (10.4), an entity by its set (10.2).
    let is_singleton = !location.collection && set == location.path && !set.contains('/');
    let entity = if single && !is_singleton {
        "/$entity"
    } else {
        ""
    };
    format!("{root}/$metadata#{set}{selected}{entity}")
}

/// The selected properties and expanded navigation properties, in parentheses; nothing where all
/// properties and no navigation properties are.
fn selected(query: &Query) -> String {
    let mut names: Vec<String> = match &query.select {
        Select::All => Vec::new(),
        Select::Only(positions) => positions
            .iter()
            .filter_map(|position| query.ty.properties.get(*position))
            .map(|property| property.name.to_owned())
            .collect(),
    };
    for expand in &query.expand {
        let inner = selected(&expand.query);
        let inner = if inner.is_empty() { "()" } else { &inner };
        names.push(format!("{}{inner}", expand.navigation.name));
    }
    if names.is_empty() {
        String::new()
    } else {
        format!("({})", names.join(","))
    }
}

/// The link to the next page: the request's own options, as they came and without any earlier token
/// or skip, and the token. What a URL may not hold is percent-encoded: in the URLs of a batch, blanks
/// and letters of all kinds arrive as they are.
pub fn next_link(url: &str, options: &str, token: &str) -> String {
    let mut link = format!("{url}?");
    for option in options.split('&').filter(|option| !option.is_empty()) {
        let name = option
            .split('=')
            .next()
            .unwrap_or_default()
            .to_ascii_lowercase();
        let name = name.replace("%24", "$");
        if !matches!(name.trim_start_matches('$'), "skiptoken" | "skip") {
            link.push_str(option);
            link.push('&');
        }
    }
    link.push_str("$skiptoken=");
    link.push_str(token);
    legal(&link)
}

/// Percent-encodes what may stand nowhere in a URL (RFC 3986, 2) and leaves all else, so that what
/// is encoded already stays as it is.
fn legal(url: &str) -> String {
    let mut encoded = String::with_capacity(url.len());
    for byte in url.bytes() {
        if byte.is_ascii_graphic() && !b"\"<>\\^`{|}".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}

/// The absolute URL of an entity, for `Location`.
pub fn entity(root: &str, path: &ResourcePath, id: &str) -> String {
    format!("{root}/{}", Location::of(path).entity(id).canonical())
}
