//! Links to entities in bodies: `@odata.id`, `@odata.bind`.

use runstate_odata::grammar;

use crate::error::Error;

/// The collections that hold what may be linked to.
const COLLECTIONS: [&str; 5] = [
    "directoryObjects",
    "users",
    "groups",
    "devices",
    "managedDevices",
];

/// The ids of the entities to which the links lead.
///
/// # Errors
///
/// 400 for a link that leads elsewhere.
pub fn ids(links: &[String]) -> Result<Vec<String>, Error> {
    links.iter().map(|link| id(link)).collect()
}

/// The id of the entity to which a link leads: `https://host/beta/directoryObjects/{id}`, or any
/// part of that from the collection's name on, with the key in parentheses or as a segment. The host
/// is not looked at: a service may be reached by several names.
///
/// # Errors
///
/// 400 for a link that leads elsewhere.
pub fn id(link: &str) -> Result<String, Error> {
    let malformed = || {
        let shown: String = link.chars().take(128).collect();
        Error::bad_request(format!(
            "'{shown}' is not a link to an entity such as https://graph.example/beta/directoryObjects/{{id}}."
        ))
    };
    let path = link.split_once("://").map_or(link, |(_, rest)| {
        rest.split_once('/').map_or("", |(_, path)| path)
    });
    let segments = grammar::path::parse(path).map_err(|_| malformed())?;
    let is_collection = |name: &str| COLLECTIONS.iter().any(|c| c.eq_ignore_ascii_case(name));
    let key = match segments.as_slice() {
        [.., last] if last.key.is_some() && is_collection(&last.name) => last.key.clone(),
        [.., collection, key] if is_collection(&collection.text) => Some(key.text.clone()),
        _ => None,
    };
    key.filter(|key| !key.is_empty()).ok_or_else(malformed)
}
