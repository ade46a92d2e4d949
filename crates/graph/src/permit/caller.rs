//! The caller that a verified token names.

/// The tenant id (`tid`) that every personal Microsoft account carries.
///
/// Source: Microsoft identity platform, "Access token claims reference", `tid`.
pub const PERSONAL_TENANT: &str = "9188040d-6c67-4c5b-b112-36a304b66dad";

/// Whom a verified bearer token speaks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// The tenant, from `tid`; compared without regard to case, kept in lower case.
    pub tenant_id: String,
    /// How the caller came to be authorised.
    pub kind: CallerKind,
    /// The permission names: the words of `scp` for a delegated caller, `roles` for an application.
    pub permissions: Vec<String>,
    /// The client that got the token, from `azp` or `appid`; the key of the per-app rate limit.
    pub client_id: Option<String>,
}

/// The three kinds of caller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CallerKind {
    /// A signed-in user through a client: `scp` is present. Holds `oid` (or `sub`).
    Delegated {
        /// The user's object id.
        user_id: String,
    },
    /// An application by itself: `roles`, no `scp`.
    Application,
    /// A device with its own identity: `idtyp` is `device`, `deviceid` names it.
    Device {
        /// The managed device's id.
        device_id: String,
    },
}

impl Caller {
    /// Whether the token is a personal Microsoft account's, which no route here supports.
    pub fn is_personal(&self) -> bool {
        self.tenant_id == PERSONAL_TENANT
    }
}
