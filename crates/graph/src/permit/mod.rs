//! Who calls, and what a caller may do.

mod caller;

pub use caller::{Caller, CallerKind, PERSONAL_TENANT};
