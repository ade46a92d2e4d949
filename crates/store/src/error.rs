//! Why the store could not do what it was asked.

/// What can go wrong. What a client may read and what the log needs are kept apart: `detail` is for
/// the log alone.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// An entity that the path names does not exist in this tenant.
    #[error("{resource} '{id}' does not exist")]
    NotFound {
        /// The entity type, e.g. `deviceShellScript`.
        resource: &'static str,
        /// The key that was asked for.
        id: String,
    },
    /// The entity would stand in the way of another.
    #[error("{message}")]
    Conflict {
        /// One sentence for the client.
        message: String,
    },
    /// The value cannot be stored; names the property.
    #[error("{message}")]
    Invalid {
        /// One sentence for the client.
        message: String,
    },
    /// The caller is a device that has been retired: its token is no longer good.
    #[error("the device is retired")]
    DeviceRetired,
    /// The entity is not at a version that `If-Match` and `If-None-Match` allow.
    #[error("the entity is not at a version that the precondition allows")]
    PreconditionFailed,
    /// The skip token is not one of ours, or of another query.
    #[error("the skip token is not one that this service gave for this query")]
    InvalidSkipToken,
    /// Too much waits to be read or written.
    #[error("the store is busy")]
    Busy {
        /// After how many seconds to try again.
        retry_after: u32,
    },
    /// A read asked for more work than is done for one.
    #[error("the read took too long")]
    TooLong,
    /// The store cannot be reached.
    #[error("the store is unavailable: {detail}")]
    Unavailable {
        /// For the log.
        detail: String,
    },
    /// A fault of ours.
    #[error("the store failed: {detail}")]
    Internal {
        /// For the log.
        detail: String,
    },
}
