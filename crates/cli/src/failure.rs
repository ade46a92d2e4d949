//! Why a command failed, for the person who gave it.

/// Any error; its text is all that is shown.
pub(crate) type Failure = Box<dyn std::error::Error + Send + Sync>;

/// A tenant that can't be one.
pub(crate) fn not_a_tenant(text: &str) -> Failure {
    format!("{text:?} can't be a tenant: use a GUID or a domain name").into()
}
