//! Subscriptions to changes, and what of the changes their receivers have not been told yet.
//!
//! Whoever writes a change that somebody subscribes to notes it in the same transaction, so a change
//! that is acknowledged has its notices, or will have them when the journal is folded. They go when the
//! receiver has taken them, or when it has not for too long. Several servers may deliver: each leases
//! what it delivers for a while, and what one that is gone had leased is free again then.

use std::time::SystemTime;

use async_trait::async_trait;
use runstate_graph::permit::Permit;
use runstate_odata::{
    check::ResourcePath,
    edm::{DateTimeOffset, Record},
};

use crate::{Error, Precondition, Row};

/// The most subscriptions that a tenant may have: every change is noted for each that it concerns.
pub const MOST_SUBSCRIPTIONS: u32 = 200;

/// What has happened to an entity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChangeKind {
    /// It has come to be.
    Created,
    /// It is another now.
    Updated,
    /// It is gone.
    Deleted,
}

impl ChangeKind {
    /// All of them, each at the place of its number.
    pub const ALL: [Self; 3] = [Self::Created, Self::Updated, Self::Deleted];

    /// As `changeType` has it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Updated => "updated",
            Self::Deleted => "deleted",
        }
    }

    /// Its number in the tables.
    pub fn number(self) -> i64 {
        match self {
            Self::Created => 0,
            Self::Updated => 1,
            Self::Deleted => 2,
        }
    }
}

/// What a receiver is told of its subscription itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LifecycleEvent {
    /// It ends soon.
    ReauthorizationRequired,
    /// It is gone.
    SubscriptionRemoved,
    /// Changes were not told, and will not be.
    Missed,
}

impl LifecycleEvent {
    /// All of them, each at the place of its number.
    pub const ALL: [Self; 3] = [
        Self::ReauthorizationRequired,
        Self::SubscriptionRemoved,
        Self::Missed,
    ];

    /// As `lifecycleEvent` has it.
    pub fn name(self) -> &'static str {
        match self {
            Self::ReauthorizationRequired => "reauthorizationRequired",
            Self::SubscriptionRemoved => "subscriptionRemoved",
            Self::Missed => "missed",
        }
    }

    /// Its number in the tables.
    pub fn number(self) -> i64 {
        match self {
            Self::ReauthorizationRequired => 0,
            Self::SubscriptionRemoved => 1,
            Self::Missed => 2,
        }
    }
}

/// A subscription about to be.
#[derive(Debug, Clone)]
pub struct NewSubscription {
    /// Complete.
    pub record: Record,
    /// What it is on: a collection of scripts, a script, or a script's run states.
    pub resource: ResourcePath,
    /// The same, as notifications name it.
    pub target_path: String,
    /// The changes to be told.
    pub changes: Vec<ChangeKind>,
    /// When to ask to renew it; none: never.
    pub remind_at: Option<SystemTime>,
    /// The key of the tenant, where it has none yet.
    pub key: [u8; 32],
}

/// What somebody who delivers asks for.
#[derive(Debug, Clone)]
pub struct Claim {
    /// Which server, and which start of it.
    pub owner: String,
    /// What time it is.
    pub now: SystemTime,
    /// Until when nobody else delivers the same.
    pub lease_end: SystemTime,
    /// How many subscriptions, and how many events, at most.
    pub deliveries: u32,
    /// How many notices of each, at most.
    pub notices: u32,
    /// How many notices of a subscription are kept; the oldest go first, and its receiver is told that
    /// it has missed some.
    pub queue: u32,
}

/// What is to be delivered of a tenant.
#[derive(Debug, Clone, PartialEq)]
pub struct Claimed {
    /// The tenant's key, from which the secrets of its subscriptions are derived.
    pub key: [u8; 32],
    /// Changes, a subscription each.
    pub batches: Vec<Batch>,
    /// What concerns subscriptions themselves.
    pub events: Vec<Event>,
}

/// Some changes that one receiver has to be told.
#[derive(Debug, Clone, PartialEq)]
pub struct Batch {
    /// The subscription's row id.
    pub subscription_pk: i64,
    /// Its id.
    pub subscription_id: String,
    /// The receiver.
    pub url: String,
    /// What the receiver knows the server by.
    pub client_state: Option<String>,
    /// When the subscription ends.
    pub expiration: DateTimeOffset,
    /// What it is on.
    pub target_path: String,
    /// The entity type of what has changed.
    pub item_type: &'static str,
    /// Whether `target_path` is that of what has changed, and not of the collection that it is in.
    pub is_single: bool,
    /// How many attempts to deliver have failed since one succeeded.
    pub failures: u32,
    /// The changes, in order.
    pub notices: Vec<Notice>,
}

/// A change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// Its row id.
    pub pk: i64,
    /// What has happened.
    pub change: ChangeKind,
    /// To the entity of that id.
    pub item_id: String,
    /// The version that it had then.
    pub item_version: i64,
}

/// What one receiver has to be told of its subscription.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// Its row id.
    pub pk: i64,
    /// What it is.
    pub event: LifecycleEvent,
    /// The subscription, which may be gone.
    pub subscription_id: String,
    /// The receiver.
    pub url: String,
    /// What the receiver knows the server by.
    pub client_state: Option<String>,
    /// What the subscription is on.
    pub resource: String,
    /// When the subscription ends.
    pub expiration: DateTimeOffset,
    /// How many attempts to deliver have failed.
    pub failures: u32,
}

/// What was delivered, or was not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Delivered {
    /// Changes, of the subscription of that row id.
    Batch {
        /// The subscription's row id.
        subscription_pk: i64,
        /// The row ids of the notices.
        notices: Vec<i64>,
    },
    /// The event of that row id.
    Event(i64),
}

/// How it went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The receiver has taken it.
    Taken,
    /// The receiver has not.
    Refused {
        /// When to try again.
        next_attempt: SystemTime,
        /// What fails without a break since before that is given up.
        give_up_before: SystemTime,
    },
}

/// Where subscriptions and notices are kept.
///
/// Subscriptions are read and deleted as all entities are, see [`crate::Store`].
#[async_trait]
pub trait SubscriptionStore: Send + Sync {
    /// Adds a subscription to the collection at `path`; also answers the tenant's key.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`] where there is no such script, [`Error::Conflict`] where the tenant has
    /// [`MOST_SUBSCRIPTIONS`].
    async fn subscription_create(
        &self,
        permit: &Permit,
        path: &ResourcePath,
        subscription: NewSubscription,
    ) -> Result<(Row, [u8; 32]), Error>;

    /// Has the subscription at `path` end at another time.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`], also for one that has ended; [`Error::PreconditionFailed`].
    async fn subscription_renew(
        &self,
        permit: &Permit,
        path: &ResourcePath,
        expiration: DateTimeOffset,
        remind_at: Option<SystemTime>,
        precondition: Precondition,
    ) -> Result<Row, Error>;

    /// The tenants that have something to be delivered, or subscriptions that something has to be done
    /// about, as far as `owner` may.
    ///
    /// # Errors
    ///
    /// As every call below: [`Error::Unavailable`], [`Error::Busy`] or [`Error::Internal`].
    async fn notifications_due(&self, owner: &str, now: SystemTime) -> Result<Vec<String>, Error>;

    /// Does what time asks for (subscriptions end, receivers are to be asked to renew), and leases what
    /// is to be delivered.
    async fn notifications_claim(&self, tenant_id: &str, claim: Claim) -> Result<Claimed, Error>;

    /// Notes how a delivery went, and gives the lease back.
    async fn notifications_settle(
        &self,
        tenant_id: &str,
        owner: &str,
        now: SystemTime,
        delivered: Delivered,
        outcome: Outcome,
    ) -> Result<(), Error>;
}
