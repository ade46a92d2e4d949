//! A believable tenant made from a seed: people, devices, groups, scripts, and how each script
//! ended on each device that it reaches.
//!
//! Plain data in Graph's own property names, for the demo to load through the store. The same
//! seed and the same `now` give the same tenant, ids included, on every machine; ids depend on
//! the seed alone, so that examples in the documentation stay true. Nothing here reads a clock,
//! a disk or the network. Read `people`, `devices`, `groups`, then `content` (the manifest) and
//! `runs`.

mod content;
mod devices;
mod groups;
mod instant;
mod models;
mod people;
mod runs;
pub(super) mod seeded;
mod size;
#[cfg(test)]
mod tests;

use std::time::SystemTime;

use serde_json::Value;

pub(crate) use self::size::Size;

/// A JSON object under Graph's property names.
pub(crate) type Object = serde_json::Map<String, Value>;

/// The whole sample tenant. Positions in one list refer to entries of another.
#[derive(Debug, PartialEq)]
pub(crate) struct Fleet {
    /// `user` objects.
    pub(crate) users: Vec<Object>,
    /// `managedDevice` objects.
    pub(crate) devices: Vec<Object>,
    /// Groups with their direct members. A group that has groups as members stands after them.
    pub(crate) groups: Vec<GroupSeed>,
    /// Scripts of the three collections.
    pub(crate) scripts: Vec<ScriptSeed>,
}

/// A group and who is in it.
#[derive(Debug, PartialEq)]
pub(crate) struct GroupSeed {
    /// The `group` object.
    pub(crate) object: Object,
    /// Direct members.
    pub(crate) members: Vec<MemberRef>,
}

/// A member, by its position in the fleet's list of its kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MemberRef {
    /// Of [`Fleet::users`].
    User(usize),
    /// Of [`Fleet::devices`].
    Device(usize),
    /// Of [`Fleet::groups`].
    Group(usize),
}

/// A script with its assignments and its run states.
#[derive(Debug, PartialEq)]
pub(crate) struct ScriptSeed {
    /// `deviceShellScripts`, `deviceManagementScripts` or `deviceCustomAttributeShellScripts`.
    pub(crate) collection: String,
    /// The script object, `scriptContent` in base64.
    pub(crate) object: Object,
    /// `deviceManagementScriptAssignment` objects, groups already resolved to their ids.
    pub(crate) assignments: Vec<Object>,
    /// `deviceManagementScriptDeviceState` objects, each with one property more: `deviceIndex`,
    /// the position of its device in [`Fleet::devices`].
    pub(crate) device_run_states: Vec<Object>,
    /// The runs in a user's context; a PowerShell script with `runAsAccount` `user` has these
    /// and no others.
    pub(crate) user_run_states: Vec<UserRunSeed>,
}

/// The runs of a script in one user's context.
#[derive(Debug, PartialEq)]
pub(crate) struct UserRunSeed {
    /// The position of the user in [`Fleet::users`].
    pub(crate) user_index: usize,
    /// As [`ScriptSeed::device_run_states`].
    pub(crate) device_run_states: Vec<Object>,
}

/// A mistake in the embedded manifest. The tests prove that the one shipped has none.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FleetError {
    /// The manifest is not the JSON expected.
    #[error("demo/scripts.json: {0}")]
    Manifest(#[from] serde_json::Error),
    /// A script is of no known collection.
    #[error("demo/scripts.json names the collection {0}, which does not exist")]
    Collection(String),
    /// A script's file is not embedded.
    #[error("demo/scripts/{0} is not part of the program")]
    File(String),
    /// An assignment names a group that does not exist.
    #[error("demo/scripts.json names the group {0}, which does not exist")]
    Group(String),
    /// An assignment's target is of a type that the fleet cannot resolve.
    #[error("demo/scripts.json has a target of type {0}, which the demo does not use")]
    Target(String),
    /// A message holds braces with an unknown word inside.
    #[error("demo/scripts.json has a message with {{{0}}}, which means nothing")]
    Placeholder(String),
    /// A script reaches a device on which none of its outcomes can happen.
    #[error("demo/scripts.json has no outcome of {0} for one of its devices")]
    NoOutcome(String),
}

impl Fleet {
    /// Makes the tenant. Dates lie before `now`: enrolments up to three years, contacts up to
    /// four months.
    pub(crate) fn new(seed: u64, size: Size, now: SystemTime) -> Result<Self, FleetError> {
        let now = instant::Instant::from_system(now);
        let people = people::people(seed, size);
        let devices = devices::devices(seed, size, now, &people);
        let groups = groups::groups(seed, &people, &devices);
        let tenant = runs::Tenant {
            seed,
            now,
            people: &people,
            devices: &devices,
            groups: &groups,
        };
        let scripts = content::manifest()?
            .into_iter()
            .map(|entry| tenant.script(entry))
            .collect::<Result<_, _>>()?;
        Ok(Self {
            users: people.into_iter().map(|person| person.object).collect(),
            devices: devices.into_iter().map(|device| device.object).collect(),
            groups,
            scripts,
        })
    }
}

/// The object that a `json!({…})` is.
fn object(value: Value) -> Object {
    match value {
        Value::Object(object) => object,
        _ => Object::new(),
    }
}
