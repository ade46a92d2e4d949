//! Why a command failed, for the person who gave it, and the status with which the program ends.

use std::fmt;

/// Any error; its text is all that is shown.
pub(crate) type Failure = Box<dyn std::error::Error + Send + Sync>;

/// The statuses with which the program ends other than well. They are documented in `docs/cli.md`,
/// and never change their meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Whatever has no status of its own.
    Failed,
    /// The command was not given as it has to be; `clap` ends with it too.
    Usage,
    /// With `--check`: a folder and a server differ.
    Differs,
    /// What is named is not there.
    NotFound,
    /// The token is good, and lacks a permission.
    NotPermitted,
    /// There is no token, or it is not accepted.
    NotSignedIn,
    /// A name means several things, or something was changed meanwhile.
    Conflict,
    /// The server cannot be reached or is too busy: the same may go well later.
    Unavailable,
    /// All was done; what ran on the devices failed.
    RunsFailed,
}

impl Exit {
    /// The number.
    pub(crate) fn status(self) -> u8 {
        match self {
            Self::Failed => 1,
            Self::Usage | Self::Differs => 2,
            Self::NotFound => 3,
            Self::NotPermitted => 4,
            Self::NotSignedIn => 5,
            Self::Conflict => 6,
            Self::Unavailable => 7,
            Self::RunsFailed => 8,
        }
    }
}

/// A failure with a status of its own.
#[derive(Debug)]
pub(crate) struct Told {
    exit: Exit,
    message: String,
}

impl fmt::Display for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Told {}

/// A failure that ends the program with this status.
pub(crate) fn told(exit: Exit, message: impl Into<String>) -> Failure {
    let message = message.into();
    Box::new(Told { exit, message })
}

/// A command that was not given as it has to be.
pub(crate) fn usage(message: impl Into<String>) -> Failure {
    told(Exit::Usage, message)
}

/// With which status the program ends over a failure; none where it is none: whoever reads the output
/// has closed it, as `head` does.
pub(crate) fn exit(failure: &Failure) -> Option<Exit> {
    if let Some(told) = failure.downcast_ref::<Told>() {
        return Some(told.exit);
    }
    let io = failure.downcast_ref::<std::io::Error>();
    match io.map(std::io::Error::kind) {
        Some(std::io::ErrorKind::BrokenPipe) => None,
        _ => Some(Exit::Failed),
    }
}

/// A tenant that can't be one.
pub(crate) fn not_a_tenant(text: &str) -> Failure {
    format!("{text:?} can't be a tenant: use a GUID or a domain name").into()
}
