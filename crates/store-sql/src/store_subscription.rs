//! [`SubscriptionStore`], function by function: what runs where.

use std::time::SystemTime;

use async_trait::async_trait;
use runstate_graph::permit::Permit;
use runstate_odata::{check::ResourcePath, edm::DateTimeOffset};
use runstate_store::{
    Error, Precondition, Row,
    subscription::{Claim, Claimed, Delivered, NewSubscription, Outcome, SubscriptionStore},
};

use crate::{
    Backend, Database, SqlStore,
    audit::acts,
    delivery::{self, Lease},
    subscription::ticks,
};

impl<B: Backend> SqlStore<B> {
    /// Whose leases alone count, where the backend has one process alone: what another had leased is
    /// not delivered by anybody any more.
    fn sole_owner(&self, owner: &str) -> Option<String> {
        self.backend.is_alone().then(|| owner.to_owned())
    }
}

#[async_trait]
impl<B: Backend> SubscriptionStore for SqlStore<B> {
    async fn subscription_create(
        &self,
        permit: &Permit,
        path: &ResourcePath,
        subscription: NewSubscription,
    ) -> Result<(Row, [u8; 32]), Error> {
        let (on_behalf, path) = (permit.clone(), path.clone());
        // As what changes run states: those that are acknowledged by now are not told.
        self.changing()?
            .write(permit, move |database, clock, effect| {
                acts::subscription_create(database, clock, &on_behalf, &path, &subscription, effect)
            })
            .await
    }

    async fn subscription_renew(
        &self,
        permit: &Permit,
        path: &ResourcePath,
        expiration: DateTimeOffset,
        remind_at: Option<SystemTime>,
        precondition: Precondition,
    ) -> Result<Row, Error> {
        self.backend.admit()?;
        let (on_behalf, path) = (permit.clone(), path.clone());
        let (remind_at, clock) = (remind_at.map(ticks), self.backend.clock());
        let renew = move |database: &dyn Database| {
            let until = (expiration, remind_at);
            acts::subscription_renew(database, &*clock, &on_behalf, &path, until, &precondition)
        };
        self.backend
            .write_apart(Some(permit.tenant_id()), renew)
            .await
    }

    async fn notifications_due(&self, owner: &str, now: SystemTime) -> Result<Vec<String>, Error> {
        self.backend.admit()?;
        let (owner, now) = (self.sole_owner(owner), ticks(now));
        let due = move |database: &dyn Database| delivery::due(database, owner.as_deref(), now);
        self.backend.read(None, due).await
    }

    async fn notifications_claim(&self, tenant_id: &str, claim: Claim) -> Result<Claimed, Error> {
        let (tenant, owner) = (tenant_id.to_owned(), self.sole_owner(&claim.owner));
        let lease = move |database: &dyn Database| {
            let lease = Lease {
                sole_owner: owner.as_deref(),
                claim: &claim,
            };
            delivery::claim(database, &tenant, &lease)
        };
        self.backend.write_apart(Some(tenant_id), lease).await
    }

    async fn notifications_settle(
        &self,
        tenant_id: &str,
        owner: &str,
        now: SystemTime,
        delivered: Delivered,
        outcome: Outcome,
    ) -> Result<(), Error> {
        let (tenant, owner) = (tenant_id.to_owned(), owner.to_owned());
        let now = ticks(now);
        let settle = move |database: &dyn Database| {
            delivery::settle(database, &tenant, &owner, now, &delivered, outcome)
        };
        self.backend.write_apart(Some(tenant_id), settle).await
    }
}
