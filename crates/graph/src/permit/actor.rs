//! Who does something that the audit has to tell of.

use super::{Caller, CallerKind};

/// What kind of actor it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ActorKind {
    /// A signed-in user.
    User,
    /// An application by itself.
    Application,
    /// A managed device.
    Device,
    /// A command on the machine that holds the data.
    Command,
}

impl ActorKind {
    /// Its name in `actor/auditActorType`; Intune calls its administrators `ItPro`.
    pub fn name(self) -> &'static str {
        match self {
            Self::User => "ItPro",
            Self::Application => "Application",
            Self::Device => "Device",
            Self::Command => "LocalCommand",
        }
    }
}

/// Who does it, and by which request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Actor {
    /// What kind of actor it is.
    pub kind: ActorKind,
    /// The user's object id.
    pub user_id: Option<String>,
    /// The client by which it is done.
    pub application_id: Option<String>,
    /// The device's id.
    pub device_id: Option<String>,
    /// The permissions of the token.
    pub permissions: Vec<String>,
    /// Where the request came from.
    pub origin: Origin,
}

/// Where a request came from, and by which id people find it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Origin {
    /// The id of the request, a GUID.
    pub correlation_id: Option<String>,
    /// The address of the peer: the client, or a proxy before it.
    pub ip_address: Option<String>,
}

impl Actor {
    /// Of a caller whose request came from nowhere yet.
    pub fn of(caller: &Caller) -> Self {
        let (kind, user_id, device_id) = match &caller.kind {
            CallerKind::Delegated { user_id } => (ActorKind::User, Some(user_id.clone()), None),
            CallerKind::Application => (ActorKind::Application, None, None),
            CallerKind::Device { device_id } => (ActorKind::Device, None, Some(device_id.clone())),
        };
        Self {
            kind,
            user_id,
            application_id: caller.client_id.clone(),
            device_id,
            permissions: caller.permissions.clone(),
            origin: Origin::default(),
        }
    }

    /// A command on the machine that holds the data: whoever can run it can do anything to the data.
    pub fn command() -> Self {
        Self {
            kind: ActorKind::Command,
            user_id: None,
            application_id: None,
            device_id: None,
            permissions: Vec::new(),
            origin: Origin::default(),
        }
    }
}
