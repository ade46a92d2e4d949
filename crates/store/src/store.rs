//! The interface that each backend implements.

use std::time::SystemTime;

use async_trait::async_trait;
use runstate_graph::permit::Permit;
use runstate_odata::{
    check::{Query, ResourcePath},
    edm::{Record, Value},
};
use tokio::sync::broadcast;

use crate::{
    Error, Page, Row, audit::AuditStore, console::ConsoleStore, issuer::IssuerStore,
    outcome::OutcomeStore, preview::PreviewStore, subscription::SubscriptionStore,
};

/// An entity about to be.
#[derive(Debug, Clone, PartialEq)]
pub struct NewEntity {
    /// Complete: `id`, dates and defaults are set.
    pub record: Record,
    /// Of a device run state: the device that it is of, where it is of one.
    pub device_id: Option<String>,
    /// Of a group: the ids of its first members.
    pub members: Vec<String>,
    /// Of an enrolment token: the SHA-256 of what lets a device enrol.
    pub token_hash: Option<[u8; 32]>,
}

/// New values, by their property's position in the type's list. What is not named stays.
pub type Changes = Vec<(usize, Value)>;

/// What `If-Match` and `If-None-Match` ask of the entity that is to be changed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Precondition {
    /// Nothing.
    #[default]
    None,
    /// That it is at one of these versions. `If-Match: *` asks only that it exists, which every act
    /// does; `If-None-Match: *` that it doesn't, which no version is.
    Versions(Vec<i64>),
    /// That it is at none of these versions.
    AllBut(Vec<i64>),
}

/// An answer of `hasPayloadLinks`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PayloadLink {
    /// The id that was asked about.
    pub payload_id: String,
    /// Whether a script of that id has assignments.
    pub has_link: bool,
}

/// The scripts that a device has to run.
#[derive(Debug, Clone, PartialEq)]
pub struct AssignedScripts {
    /// Grows whenever the rest may have changed; the stuff of an `ETag`.
    pub version: i64,
    /// One [`runstate_graph::entity::ASSIGNED_SCRIPT`] each; none where the caller knows this version.
    pub scripts: Option<Vec<Record>>,
}

/// That what some devices of a tenant have to run may have changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The tenant; none: any.
    pub tenant_id: Option<String>,
    /// The ids of the devices; none: any of the tenant's.
    pub devices: Option<Vec<String>>,
}

impl Change {
    /// Anything may have changed, as after a time in which nothing was heard of other servers.
    pub const ANY: Self = Self {
        tenant_id: None,
        devices: None,
    };
}

/// All that a server needs of a store, whichever backend keeps it.
pub trait AnyStore:
    Store + IssuerStore + AuditStore + SubscriptionStore + ConsoleStore + OutcomeStore + PreviewStore
{
}

impl<T> AnyStore for T where
    T: Store
        + IssuerStore
        + AuditStore
        + SubscriptionStore
        + ConsoleStore
        + OutcomeStore
        + PreviewStore
{
}

/// What is remembered, behind one door for every backend.
///
/// Every function takes a [`Permit`] and sees the permit's tenant alone; an entity of another
/// tenant is [`Error::NotFound`]. A permit of a device sees only the run states of that device. A
/// write is durable when its future resolves; one that fails has changed nothing.
///
/// Paths are checked: their keys need not exist, and whichever does not is [`Error::NotFound`].
#[async_trait]
pub trait Store: Send + Sync {
    /// A page of a collection.
    ///
    /// At most `page_size` rows, or `$top` where that is less; [`Page::next`] leads on where there
    /// are more. The order is that of the query and then of `id`; no row comes twice, and none is
    /// missed whose sort keys stay as they are while the pages are read.
    async fn entity_list(
        &self,
        permit: &Permit,
        path: &ResourcePath,
        query: &Query,
        page_size: u32,
    ) -> Result<Page, Error>;

    /// How many entities of a collection pass the query's filter and search.
    async fn entity_count(
        &self,
        permit: &Permit,
        path: &ResourcePath,
        query: &Query,
    ) -> Result<u64, Error>;

    /// One entity, by its key or at the end of a single-valued navigation property.
    async fn entity_get(
        &self,
        permit: &Permit,
        path: &ResourcePath,
        query: &Query,
    ) -> Result<Row, Error>;

    /// Adds an entity to the collection at `path`. [`Error::Conflict`] where its id is taken.
    async fn entity_create(
        &self,
        permit: &Permit,
        path: &ResourcePath,
        entity: NewEntity,
    ) -> Result<Row, Error>;

    /// Changes an entity, and answers the whole of it. For a device run state this is the one narrow
    /// door of the heart call: append to the journal of runs, apply to the state and the counters.
    async fn entity_update(
        &self,
        permit: &Permit,
        path: &ResourcePath,
        changes: Changes,
        precondition: Precondition,
    ) -> Result<Row, Error>;

    /// Removes an entity and all that it contains.
    async fn entity_delete(
        &self,
        permit: &Permit,
        path: &ResourcePath,
        precondition: Precondition,
    ) -> Result<(), Error>;

    /// Reports how a run ended, to the run state at `path`: as [`Store::entity_update`], with what the
    /// agent tells of the `run` (a [`runstate_graph::entity::RUN`]) for the history. A run whose `id`
    /// the history has already changes nothing.
    async fn run_state_report(
        &self,
        permit: &Permit,
        path: &ResourcePath,
        changes: Changes,
        run: Option<Record>,
        precondition: Precondition,
    ) -> Result<Row, Error>;

    /// A device is about to do the run that this request asks of the run state at `path`.
    /// [`Error::Conflict`] where it was canceled, or is over, or was never asked.
    async fn run_request_start(
        &self,
        permit: &Permit,
        path: &ResourcePath,
        run_request_id: &str,
    ) -> Result<(), Error>;

    /// Asks all devices that the script is assigned to, and whose run states pass the filter of
    /// `states`, to run it now. `path` is that of the script's run requests.
    async fn run_request_create(
        &self,
        permit: &Permit,
        path: &ResourcePath,
        request: Record,
        states: &Query,
    ) -> Result<Row, Error>;

    /// Takes back what the request at `path` has not started.
    async fn run_request_cancel(&self, permit: &Permit, path: &ResourcePath) -> Result<(), Error>;

    /// Gives the script at `path` the content of an earlier version again; answers the new version.
    async fn script_roll_back(
        &self,
        permit: &Permit,
        path: &ResourcePath,
        number: i32,
    ) -> Result<Row, Error>;

    /// What the device has to run; `seen` are the versions that the caller knows.
    async fn device_scripts(
        &self,
        permit: &Permit,
        device_id: &str,
        seen: &[i64],
    ) -> Result<AssignedScripts, Error>;

    /// One script that the device has to run, with its content.
    async fn device_script(
        &self,
        permit: &Permit,
        device_id: &str,
        script_id: &str,
    ) -> Result<Record, Error>;

    /// Notes that the device has been heard of. Not durable when this returns.
    async fn device_seen(&self, permit: &Permit, device_id: &str) -> Result<(), Error>;

    /// Notes what a device tells of itself: facts, and the accounts that are logged on.
    async fn device_inventory(
        &self,
        permit: &Permit,
        device_id: &str,
        facts: Changes,
        accounts: Vec<String>,
    ) -> Result<(), Error>;

    /// Ends the enrolment of the device at `path`. Its tokens are refused from now on.
    async fn device_retire(&self, permit: &Permit, path: &ResourcePath) -> Result<(), Error>;

    /// Tells of every [`Change`] from now on.
    fn changes(&self) -> broadcast::Receiver<Change>;

    /// Finishes what a crash has interrupted, and removes all runs from the history that were
    /// received before `runs_before`.
    async fn maintain(&self, runs_before: SystemTime) -> Result<(), Error>;

    /// Replaces all assignments and group assignments of the script at `path`.
    async fn script_assign(
        &self,
        permit: &Permit,
        path: &ResourcePath,
        assignments: Vec<Record>,
        group_assignments: Vec<Record>,
    ) -> Result<(), Error>;

    /// Says of each id whether a PowerShell script of that id has assignments.
    async fn script_payload_links(
        &self,
        permit: &Permit,
        payload_ids: Vec<String>,
    ) -> Result<Vec<PayloadLink>, Error>;

    /// Makes a user, group or device a member of the group at `path` (whose last step is `members`
    /// without a key). [`Error::Conflict`] where it is one already, [`Error::NotFound`] where there
    /// is no such object, [`Error::Invalid`] where a group would come to contain itself.
    async fn group_member_add(
        &self,
        permit: &Permit,
        path: &ResourcePath,
        object_id: &str,
    ) -> Result<(), Error>;

    /// Takes the member that the path's last key names out of the group.
    async fn group_member_remove(&self, permit: &Permit, path: &ResourcePath) -> Result<(), Error>;

    /// Whether reads and writes can be served now.
    async fn ready(&self) -> Result<(), Error>;
}
