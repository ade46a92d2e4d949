//! What can go wrong here beside what a database says.

use runstate_store::Error;

/// A fault of ours, by its description.
pub(crate) fn internal(detail: impl Into<String>) -> Error {
    Error::Internal {
        detail: detail.into(),
    }
}
