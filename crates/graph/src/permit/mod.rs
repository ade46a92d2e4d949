//! Who calls, and what a caller may do.

mod caller;
#[expect(
    clippy::module_inception,
    reason = "the file is named for the type in it"
)]
mod permit;

pub use caller::{Caller, CallerKind, PERSONAL_TENANT};
pub use permit::Permit;
