//! What a device tells of itself, in its registration and after.

use runstate_graph::{
    entity::{FACTS, MANAGED_DEVICE},
    error::Error,
    json::{
        Json,
        read::{self, Purpose},
    },
};
use runstate_store::Changes;

/// The most accounts that may be logged on to a device at once.
const MOST_ACCOUNTS: usize = 1_000;

/// The longest name of an account, in characters.
const LONGEST_ACCOUNT: usize = 256;

/// The facts in an object that has the properties of a `managedDevice`.
///
/// # Errors
///
/// 400 for what is no fact that a device may tell, naming it.
pub(crate) fn of_device(json: &Json<'_>) -> Result<Changes, Error> {
    let given = read::entity(&MANAGED_DEVICE, json, Purpose::Update)?;
    for (position, _) in &given.values {
        let name = MANAGED_DEVICE
            .properties
            .get(*position)
            .map(|fact| fact.name);
        if let Some(name) = name.filter(|name| !FACTS.contains(name)) {
            return Err(Error::bad_request(format!(
                "The property '{name}' is none that a device may tell of itself."
            )));
        }
    }
    Ok(given.values)
}

/// The names of accounts in an array, each once.
///
/// # Errors
///
/// 400 where it is no array of names, or too many.
pub(crate) fn accounts(parameter: &str, json: Option<&Json<'_>>) -> Result<Vec<String>, Error> {
    let malformed = || {
        Error::bad_request(format!(
            "'{parameter}' must be an array of at most {MOST_ACCOUNTS} names of accounts."
        ))
    };
    let items = match json {
        None | Some(Json::Null) => return Ok(Vec::new()),
        Some(Json::Array(items)) if items.len() <= MOST_ACCOUNTS => items,
        Some(_) => return Err(malformed()),
    };
    let name = |item: &Json<'_>| match item {
        Json::String(name) if name.chars().nth(LONGEST_ACCOUNT).is_none() => {
            Ok(name.clone().into_owned())
        }
        _ => Err(malformed()),
    };
    let mut names = items.iter().map(name).collect::<Result<Vec<_>, _>>()?;
    names.sort();
    names.dedup();
    Ok(names)
}
