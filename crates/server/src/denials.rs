//! What was denied, told to the audit without letting anybody fill the disk.
//!
//! The first denial of a caller for a reason is told at once, and durable before the caller has its
//! answer. Those that follow within a minute are counted, and told of in one event when the minute is
//! over. Of one tenant so many callers are told apart in a minute; all others are counted together. So a
//! tenant gets a bounded number of events a minute, whoever asks for whatever.

use std::{
    collections::HashMap,
    mem,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, SystemTime},
};

use runstate_graph::{
    clock::Clock,
    permit::{Actor, Caller, CallerKind, DenialReason},
};
use runstate_odata::{check, edm::DateTimeOffset, grammar};
use runstate_store::audit::{AuditStore, Draft, FAILURE, Modified, Resource};

use crate::{
    dispatch::model,
    exchange::{Failure, Request},
};

/// For how long denials of a caller are counted after the first.
const WINDOW: Duration = Duration::from_secs(60);

/// How many callers and reasons of one tenant are told apart in a minute.
const MOST: usize = 100;

/// Something that was denied.
#[derive(Debug, Clone)]
pub(crate) struct Denial {
    /// Whose chain it goes into.
    pub(crate) tenant: Tenant,
    /// To whom.
    pub(crate) actor: Actor,
    /// Why.
    pub(crate) reason: DenialReason,
    /// The request's method.
    pub(crate) method: String,
    /// The request's path.
    pub(crate) path: String,
}

/// How a tenant is known.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Tenant {
    /// By its id.
    Id(String),
    /// By the SHA-256 of an enrolment token of its.
    EnrollmentToken([u8; 32]),
}

/// What is counted together. Without caller and reason: all that are too many to be told apart.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Key {
    tenant: Tenant,
    of: Option<(String, DenialReason)>,
}

struct Window {
    ends: SystemTime,
    /// How many there were after the first.
    more: u64,
    last: Denial,
}

#[derive(Default)]
struct Windows {
    open: HashMap<Key, Window>,
    /// How many of them each tenant has.
    of_tenant: HashMap<Tenant, usize>,
}

/// Tells the audit what was denied.
pub struct Denials {
    store: Arc<dyn AuditStore>,
    clock: Arc<dyn Clock>,
    windows: Mutex<Windows>,
}

impl Denials {
    /// Tells that store, by that clock.
    pub fn new(store: Arc<dyn AuditStore>, clock: Arc<dyn Clock>) -> Self {
        Self {
            store,
            clock,
            windows: Mutex::default(),
        }
    }

    /// Tells of a denial, or counts it.
    pub(crate) async fn note(&self, denial: Denial) {
        let now = self.clock.now();
        let (ended, first) = {
            let mut windows = self.windows.lock().unwrap_or_else(PoisonError::into_inner);
            let ended = windows.close(|window| window.ends <= now);
            (ended, windows.count(denial, now))
        };
        self.tell(ended, now).await;
        if let Some(first) = first {
            self.append(&first, 0, now).await;
        }
    }

    /// Tells of what was counted in the minutes that are over.
    pub async fn flush(&self) {
        let now = self.clock.now();
        self.flush_those(now, |window| window.ends <= now).await;
    }

    /// Tells of all that was counted, as when the server stops.
    pub async fn flush_all(&self) {
        self.flush_those(self.clock.now(), |_| true).await;
    }

    /// Removes old events from the audit.
    ///
    /// # Errors
    /// As [`AuditStore::audit_expire`].
    pub(crate) async fn expire(&self, before: SystemTime) -> Result<(), runstate_store::Error> {
        self.store.audit_expire(before).await
    }

    async fn flush_those(&self, now: SystemTime, which: impl Fn(&Window) -> bool) {
        let ended = {
            let mut windows = self.windows.lock().unwrap_or_else(PoisonError::into_inner);
            windows.close(which)
        };
        self.tell(ended, now).await;
    }

    async fn tell(&self, ended: Vec<Window>, now: SystemTime) {
        for window in ended.into_iter().filter(|window| window.more > 0) {
            self.append(&window.last, window.more, now).await;
        }
    }

    async fn append(&self, denial: &Denial, more: u64, now: SystemTime) {
        let Denial {
            tenant,
            actor,
            reason,
            method,
            path,
        } = denial;
        let (activity, mut modified) = match more {
            0 => (format!("Denied: {method} {path}"), Vec::new()),
            more => (
                format!("Denied {more} times more within a minute, the last: {method} {path}"),
                vec![Modified::new("count", None, Some(&more.to_string()))],
            ),
        };
        modified.push(Modified::new("method", None, Some(method)));
        let request = Resource::called("request", "Request", path, None).with(modified);
        let event = Draft::new(
            &reason.activity(method),
            actor,
            FAILURE,
            &activity,
            DateTimeOffset::from_system_time(now),
            vec![request],
        );
        let told = match tenant {
            Tenant::Id(tenant_id) => self.store.audit_append(tenant_id, event).await,
            Tenant::EnrollmentToken(hash) => self.store.audit_enrollment_denied(*hash, event).await,
        };
        if let Err(error) = told {
            tracing::error!(%error, activity, "the audit could not be told of a denial");
        }
    }
}

impl Windows {
    /// Takes out those windows.
    fn close(&mut self, which: impl Fn(&Window) -> bool) -> Vec<Window> {
        let mut closed = Vec::new();
        let (open, over): (HashMap<_, _>, HashMap<_, _>) = mem::take(&mut self.open)
            .into_iter()
            .partition(|(_, window)| !which(window));
        self.open = open;
        for (key, window) in over {
            if let Some(count) = self.of_tenant.get_mut(&key.tenant) {
                *count = count.saturating_sub(1);
                if *count == 0 {
                    self.of_tenant.remove(&key.tenant);
                }
            }
            closed.push(window);
        }
        closed
    }

    /// Counts a denial; gives it back where it is the first of its window, and has to be told.
    fn count(&mut self, mut denial: Denial, now: SystemTime) -> Option<Denial> {
        let own = Key {
            tenant: denial.tenant.clone(),
            of: Some((who(&denial.actor), denial.reason)),
        };
        let count = self.of_tenant.get(&own.tenant).copied().unwrap_or(0);
        let key = if count < MOST || self.open.contains_key(&own) {
            own
        } else {
            denial.actor = anybody(&denial.actor);
            Key { of: None, ..own }
        };
        if let Some(window) = self.open.get_mut(&key) {
            window.more += 1;
            window.last = denial;
            return None;
        }
        *self.of_tenant.entry(key.tenant.clone()).or_default() += 1;
        let window = Window {
            ends: now + WINDOW,
            more: 0,
            last: denial.clone(),
        };
        self.open.insert(key, window);
        Some(denial)
    }
}

/// What tells one caller from another.
fn who(actor: &Actor) -> String {
    format!(
        "{:?} {:?} {:?} {:?}",
        actor.kind, actor.user_id, actor.application_id, actor.device_id
    )
}

/// One of too many to be told apart.
fn anybody(actor: &Actor) -> Actor {
    Actor {
        kind: actor.kind,
        origin: actor.origin.clone(),
        ..Actor::command()
    }
}

/// Tells of a request that was refused, where that was a denial.
pub(crate) async fn refused(denials: &Denials, request: &Request<'_>, failure: &Failure) {
    let Some(caller) = request.caller else {
        return;
    };
    let Some(reason) = reason(caller, request, failure) else {
        return;
    };
    let mut actor = Actor::of(caller);
    actor.origin = request.origin.clone();
    let denial = Denial {
        tenant: Tenant::Id(caller.tenant_id.clone()),
        actor,
        reason,
        method: request.method.to_string(),
        path: request.path.to_owned(),
    };
    denials.note(denial).await;
}

fn reason(caller: &Caller, request: &Request<'_>, failure: &Failure) -> Option<DenialReason> {
    let device = match &caller.kind {
        CallerKind::Device { device_id } => Some(device_id),
        CallerKind::Delegated { .. } | CallerKind::Application => None,
    };
    match (failure.error.status, device) {
        (403, _) if caller.is_personal() => Some(DenialReason::PersonalAccount),
        (403, Some(_)) => Some(DenialReason::DeviceOnly),
        (403, None) => Some(DenialReason::MissingPermission),
        (401, _) => Some(DenialReason::DeviceRetired),
        // To a device what is another's is not there.
        (404, Some(device_id)) if names_another(request, device_id) => {
            Some(DenialReason::OtherDevice)
        }
        _ => None,
    }
}

/// Whether a path names another device, by its own id or by that of a run state, which ends with its
/// device's.
fn names_another(request: &Request<'_>, device_id: &str) -> bool {
    let Ok(segments) = grammar::path::parse(request.path) else {
        return false;
    };
    let Ok(path) = check::path(model(request.version), &segments) else {
        return false;
    };
    path.steps.iter().any(|step| {
        let key = step.key.as_deref();
        let named = match step.navigation.name {
            "managedDevices" => key,
            "deviceRunStates" => key.and_then(|key| key.rsplit_once(':')).map(|(_, id)| id),
            _ => None,
        };
        named.is_some_and(|named| named != device_id)
    })
}
