//! Who calls, and what a caller may do.
//!
//! [`rules`] is the whole of it as data; [`authorize()`] is the only maker of a [`Permit`], without
//! which no data is reached. [`audited`] says what of it the audit tells of.

mod act;
mod actor;
pub mod audited;
mod authorize;
mod caller;
mod member;
#[expect(
    clippy::module_inception,
    reason = "the file is named for the type in it"
)]
mod permit;
pub mod rules;

pub use act::{Act, acts};
pub use actor::{Actor, ActorKind, Origin};
pub use audited::{Activity, Audited, DenialReason};
pub use authorize::{Denied, authorize, authorize_query};
pub use caller::{Caller, CallerKind, PERSONAL_TENANT};
pub use member::sees_whole;
pub use permit::Permit;
