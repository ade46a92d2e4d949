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
    /// How much of the path names the collection in which its end stands, or the end itself where it is
    /// in none.
    set: usize,
    /// The path ends with a collection, whose entities are reached by a key.
    collection: bool,
}

impl Location {
    /// Of a path, which must have a step.
    pub(super) fn of(path: &ResourcePath) -> Self {
        let mut location = Self {
            path: String::with_capacity(LENGTH),
            set: 0,
            collection: false,
        };
        for step in &path.steps {
            location.go_on(step.navigation);
            if let Some(key) = &step.key {
                location.go_in(key);
            }
        }
        location
    }

    /// Goes on to the end of a navigation property.
    fn go_on(&mut self, navigation: &NavigationProperty) {
        self.collection = navigation.collection;
        match elsewhere(navigation) {
            Some(set) => {
                self.path.clear();
                self.path.push_str(set);
                // What lives there is reached by its key, be the way there to one alone.
                self.collection = true;
            }
            None => {
                if !self.path.is_empty() {
                    self.path.push('/');
                }
                self.path.push_str(navigation.name);
            }
        }
        self.set = self.path.len();
    }

    /// Goes on to the entity of that id, in a collection; what is already a single entity stays where it
    /// is.
    fn go_in(&mut self, id: &str) {
        if !self.collection {
            return;
        }
        self.path.push_str("('");
        // Quotes are doubled in a string literal.
        for (i, part) in id.split('\'').enumerate() {
            if i > 0 {
                self.path.push_str("''");
            }
            push_encoded(&mut self.path, part);
        }
        self.path.push_str("')");
        self.collection = false;
    }

    /// The end of a navigation property.
    pub(super) fn navigate(&self, navigation: &NavigationProperty) -> Self {
        let mut location = self.clone();
        location.go_on(navigation);
        location
    }

    /// The end of a navigation property that leads to another set, from wherever it starts. What lives
    /// there is addressed by its key in its own set.
    pub(super) fn elsewhere(navigation: &NavigationProperty) -> Option<Self> {
        elsewhere(navigation).map(Self::of_set)
    }

    fn of_set(set: &str) -> Self {
        Self {
            path: set.to_owned(),
            set: set.len(),
            collection: true,
        }
    }

    /// The entity of that id, in a collection; what is already a single entity stays where it is.
    pub(super) fn entity(&self, id: &str) -> Self {
        let mut location = self.clone();
        location.go_in(id);
        location
    }

    /// The entity of that row. Directory objects are addressed in the set of their exact type, because
    /// one of their own is not served.
    pub(super) fn row(&self, row: &Row) -> Self {
        match set_of(row.record.ty) {
            Some(set) if self.collection && self.path == DIRECTORY_OBJECTS => {
                Self::of_set(set).entity(row.id())
            }
            _ => self.entity(row.id()),
        }
    }

    /// The path below the service root.
    pub(super) fn canonical(&self) -> &str {
        &self.path
    }

    /// The collection in which the end of the path stands, or the path itself where there is none.
    fn set(&self) -> &str {
        self.path.get(..self.set).unwrap_or_default()
    }
}

/// About as long as the path of a run state.
const LENGTH: usize = 192;

/// The set that a navigation property leads to, where that is not within its owner.
fn elsewhere(navigation: &NavigationProperty) -> Option<&'static str> {
    match navigation.target {
        _ if navigation.contained => None,
        ty if ty == &entity::DIRECTORY_OBJECT => Some(DIRECTORY_OBJECTS),
        ty => set_of(ty),
    }
}

/// Percent-encodes what may not stand in a path segment as it is (RFC 3986, `pchar`).
pub fn encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    push_encoded(&mut encoded, text);
    encoded
}

/// Appends [`encode`] of a text.
fn push_encoded(encoded: &mut String, text: &str) {
    // Most ids have nothing but these. All bytes are looked at, many at once.
    let is_else = |byte: u8| {
        let is_digit = byte.wrapping_sub(b'0') < 10;
        let is_letter = (byte | 0x20).wrapping_sub(b'a') < 26;
        u8::from(!(is_digit | is_letter | (byte == b'-') | (byte == b':')))
    };
    if text.bytes().fold(0, |any, byte| any | is_else(byte)) == 0 {
        encoded.push_str(text);
        return;
    }
    for byte in text.bytes() {
        if is_legal(byte) {
            encoded.push(char::from(byte));
        } else {
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
}

const fn is_legal(byte: u8) -> bool {
    let is_mark = matches!(
        byte,
        b'-' | b'.'
            | b'_'
            | b'~'
            | b'!'
            | b'$'
            | b'\''
            | b'('
            | b')'
            | b'*'
            | b','
            | b';'
            | b'='
            | b':'
            | b'@'
    );
    byte.is_ascii_alphanumeric() || is_mark
}

/// The context URL (OData Protocol 10): `{root}/$metadata#{set}({selected})/$entity`.
pub(super) fn context(
    root: &str,
    location: &Location,
    query: Option<&Query>,
    single: bool,
) -> String {
    let set = location.set();
    // A singleton is named by itself (10.4), an entity by its set (10.2).
    let is_singleton = !location.collection && set == location.path && !set.contains('/');
    let mut context = String::with_capacity(root.len() + set.len() + 64);
    context.push_str(root);
    context.push_str("/$metadata#");
    context.push_str(set);
    if let Some(query) = query {
        push_selected(&mut context, query, false);
    }
    if single && !is_singleton {
        context.push_str("/$entity");
    }
    context
}

/// Appends the selected properties and expanded navigation properties, in parentheses; nothing where
/// all properties and no navigation properties are, unless `empty` parentheses are wanted then.
fn push_selected(context: &mut String, query: &Query, empty: bool) {
    let positions = match &query.select {
        Select::All => &[][..],
        Select::Only(positions) => positions,
    };
    if positions.is_empty() && query.expand.is_empty() && !empty {
        return;
    }
    let mut before = '(';
    let properties = positions
        .iter()
        .filter_map(|at| query.ty.properties.get(*at));
    for property in properties {
        context.push(std::mem::replace(&mut before, ','));
        context.push_str(property.name);
    }
    for expand in &query.expand {
        context.push(std::mem::replace(&mut before, ','));
        context.push_str(expand.navigation.name);
        push_selected(context, &expand.query, true);
    }
    if before == '(' {
        context.push(before);
    }
    context.push(')');
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
