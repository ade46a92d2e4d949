//! Why the agent could not do something.

use std::{io, path::PathBuf};

/// What can go wrong, for the person at the machine.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is an identity already.
    #[error("{} holds the identity of a device already; choose another --state-dir, or remove it", path.display())]
    Enrolled {
        /// The state folder.
        path: PathBuf,
    },
    /// There is no identity yet.
    #[error("{} holds no identity: enrol this device first with `runstate agent enroll`", path.display())]
    NotEnrolled {
        /// The state folder.
        path: PathBuf,
    },
    /// Another agent works there.
    #[error("another agent is at work in {}", path.display())]
    Locked {
        /// The state folder.
        path: PathBuf,
    },
    /// A file is not as it should be.
    #[error("{}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The server said no, or said nothing.
    #[error("{0}")]
    Server(#[from] crate::server::ServerError),
    /// The queue's file failed.
    #[error("the agent's queue: {0}")]
    Queue(#[from] rusqlite::Error),
    /// TLS can't be set up.
    #[error("TLS: {0}")]
    Tls(String),
    /// The system has no randomness.
    #[error("the system gives no random bytes")]
    Random,
}

impl Error {
    pub(crate) fn file(path: &std::path::Path, source: io::Error) -> Self {
        Self::File {
            path: path.to_owned(),
            source,
        }
    }
}
