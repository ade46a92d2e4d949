//! Who would be hit by a change that concerns many devices, asked before it is made.

use async_trait::async_trait;
use runstate_graph::permit::Permit;
use runstate_odata::{
    check::{Query, ResourcePath},
    edm::Record,
};

use crate::Error;

/// How many devices a preview names.
pub const NAMED: usize = 100;

/// The devices on which a change would make a script run.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Preview {
    /// How many they are.
    pub devices: u64,
    /// How many of them do not have to run it now.
    pub added: u64,
    /// How many others have to run it now.
    pub removed: u64,
    /// The ids of the first, those that are new before the others; [`NAMED`] at most.
    pub device_ids: Vec<String>,
}

/// What foretells a change. Nothing here changes anything.
#[async_trait]
pub trait PreviewStore: Send + Sync {
    /// What [`crate::Store::script_assign`] would do with these assignments (each a
    /// [`runstate_graph::entity::ASSIGNMENT`]) in the place of all that there are. Devices on which the
    /// script would not apply are not among them.
    async fn script_assign_preview(
        &self,
        permit: &Permit,
        path: &ResourcePath,
        assignments: Vec<Record>,
    ) -> Result<Preview, Error>;

    /// Which devices [`crate::Store::run_request_create`] would ask, at the same path. All of them
    /// count as added.
    async fn run_request_preview(
        &self,
        permit: &Permit,
        path: &ResourcePath,
        states: &Query,
    ) -> Result<Preview, Error>;
}
