//! The interface that each backend implements.

use async_trait::async_trait;
use runstate_graph::permit::Permit;
use runstate_odata::{
    check::{Query, ResourcePath},
    edm::{Record, Value},
};

use crate::{Error, Page, Row};

/// An entity about to be.
#[derive(Debug, Clone, PartialEq)]
pub struct NewEntity {
    /// Complete: `id`, dates and defaults are set.
    pub record: Record,
    /// Of a device run state: the device that it is of, where it is of one.
    pub device_id: Option<String>,
    /// Of a group: the ids of its first members.
    pub members: Vec<String>,
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
