//! The work: look what is to be told, lease it, send it, note how it went.

use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, SystemTime},
};

use bytes::Bytes;
use runstate_store::subscription::{Batch, Claim, Claimed, Delivered, Event, Outcome};
use tokio::{
    sync::oneshot,
    task::{Id, JoinHandle, JoinSet},
    time::MissedTickBehavior,
};

use super::{SIGNATURE, body, sign};
use crate::{
    App,
    random::{self, RandomError},
};

/// How many requests are under way at once, and how many of one tenant: receivers that do not answer
/// must not keep others waiting.
const AT_ONCE: usize = 64;
const AT_ONCE_OF_TENANT: usize = 8;

/// How many changes one request tells of at most.
const NOTICES: u32 = 100;

/// How long a lease outlives the time that a receiver has.
const SLACK: Duration = Duration::from_secs(20);

/// How long to wait after the first attempt that failed; twice as long after each that follows.
const FIRST_PAUSE: Duration = Duration::from_secs(10);
/// And how long at most.
const LONGEST_PAUSE: Duration = Duration::from_secs(600);

/// Notifications being delivered; no more once it is dropped.
#[must_use = "nothing is delivered once it is dropped"]
pub struct Delivering {
    stop: Option<oneshot::Sender<()>>,
    task: JoinHandle<()>,
}

impl Delivering {
    /// Begins to deliver. Needs a tokio runtime.
    ///
    /// # Errors
    ///
    /// When the operating system has no randomness.
    pub fn start(app: &Arc<App>) -> Result<Self, RandomError> {
        let (stop, stopped) = oneshot::channel();
        let work = Work {
            app: Arc::clone(app),
            owner: random::guid()?,
            at_work: JoinSet::new(),
            tenants: HashMap::new(),
        };
        Ok(Self {
            stop: Some(stop),
            task: tokio::spawn(work.run(stopped)),
        })
    }

    /// Stops. What is under way is given up, and sent again by whoever comes next.
    pub async fn stop(mut self) {
        // Where it has ended already, nobody listens.
        let _ = self.stop.take().map(|stop| stop.send(()));
        // It fails only where it panicked, which has been reported then.
        let _ = (&mut self.task).await;
    }
}

impl Drop for Delivering {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// One server's part in it.
struct Work {
    app: Arc<App>,
    /// Tells this start of this server from all others.
    owner: String,
    at_work: JoinSet<()>,
    /// The tenants of those who are at work.
    tenants: HashMap<Id, String>,
}

impl Work {
    async fn run(mut self, mut stopped: oneshot::Receiver<()>) {
        let mut interval = tokio::time::interval(self.app.notifier.config.interval);
        interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                // Ready too when the other end is gone.
                _ = &mut stopped => break,
                Some(done) = self.at_work.join_next_with_id() => {
                    let id = match done {
                        Ok((id, ())) => id,
                        Err(error) => {
                            tracing::error!(%error, "a delivery ended early");
                            error.id()
                        }
                    };
                    self.tenants.remove(&id);
                }
                _ = interval.tick() => {}
            }
            tokio::select! {
                _ = &mut stopped => break,
                () = self.look() => {}
            }
        }
        self.at_work.shutdown().await;
    }

    /// Takes on as much as there is and as there is room for.
    async fn look(&mut self) {
        if self.at_work.len() >= AT_ONCE {
            return;
        }
        let (store, now) = (Arc::clone(&self.app.store), self.app.clock.now());
        let due = match store.notifications_due(&self.owner, now).await {
            Ok(due) => due,
            Err(error) => {
                tracing::warn!(%error, "it is not known what notifications there are to send");
                return;
            }
        };
        for tenant_id in due {
            let busy = self.tenants.values().filter(|it| **it == tenant_id).count();
            let room = AT_ONCE_OF_TENANT.saturating_sub(busy);
            let room = room.min(AT_ONCE.saturating_sub(self.at_work.len()));
            if room == 0 {
                continue;
            }
            let config = &self.app.notifier.config;
            let claim = Claim {
                owner: self.owner.clone(),
                now,
                lease_end: now + config.timeout + SLACK,
                deliveries: u32::try_from(room).unwrap_or(1),
                notices: NOTICES,
                queue: config.queue,
            };
            match store.notifications_claim(&tenant_id, claim).await {
                Ok(claimed) => self.take_on(&tenant_id, claimed),
                Err(error) => tracing::warn!(%error, "notifications cannot be leased"),
            }
        }
    }

    fn take_on(&mut self, tenant_id: &str, claimed: Claimed) {
        let Claimed {
            key,
            batches,
            events,
        } = claimed;
        for batch in batches {
            let delivery = Delivery::of_batch(&self.app, &self.owner, tenant_id, &key, &batch);
            self.spawn(tenant_id, delivery);
        }
        for event in events {
            let delivery = Delivery::of_event(&self.app, &self.owner, tenant_id, &key, &event);
            self.spawn(tenant_id, delivery);
        }
    }

    fn spawn(&mut self, tenant_id: &str, delivery: Delivery) {
        let task = self.at_work.spawn(delivery.run());
        self.tenants.insert(task.id(), tenant_id.to_owned());
    }
}

/// One request to one receiver.
struct Delivery {
    app: Arc<App>,
    owner: String,
    tenant_id: String,
    subscription_id: String,
    url: String,
    secret: String,
    body: Bytes,
    failures: u32,
    delivered: Delivered,
}

impl Delivery {
    fn of_batch(
        app: &Arc<App>,
        owner: &str,
        tenant_id: &str,
        key: &[u8; 32],
        batch: &Batch,
    ) -> Self {
        Self {
            app: Arc::clone(app),
            owner: owner.to_owned(),
            tenant_id: tenant_id.to_owned(),
            subscription_id: batch.subscription_id.clone(),
            url: batch.url.clone(),
            secret: sign::secret(key, &batch.subscription_id),
            body: body::changes(tenant_id, batch),
            failures: batch.failures,
            delivered: Delivered::Batch {
                subscription_pk: batch.subscription_pk,
                notices: batch.notices.iter().map(|notice| notice.pk).collect(),
            },
        }
    }

    fn of_event(
        app: &Arc<App>,
        owner: &str,
        tenant_id: &str,
        key: &[u8; 32],
        event: &Event,
    ) -> Self {
        Self {
            app: Arc::clone(app),
            owner: owner.to_owned(),
            tenant_id: tenant_id.to_owned(),
            subscription_id: event.subscription_id.clone(),
            url: event.url.clone(),
            secret: sign::secret(key, &event.subscription_id),
            body: body::event(tenant_id, event),
            failures: event.failures,
            delivered: Delivered::Event(event.pk),
        }
    }

    async fn run(self) {
        let is_taken = self.send().await;
        let now = self.app.clock.now();
        let outcome = match is_taken {
            true => Outcome::Taken,
            false => Outcome::Refused {
                next_attempt: now + pause(self.failures),
                give_up_before: now
                    .checked_sub(self.app.notifier.config.give_up)
                    .unwrap_or(SystemTime::UNIX_EPOCH),
            },
        };
        let store = &self.app.store;
        let (tenant_id, owner) = (&self.tenant_id, &self.owner);
        let settled = store.notifications_settle(tenant_id, owner, now, self.delivered, outcome);
        if let Err(error) = settled.await {
            // The lease ends, and it is sent once more.
            tracing::warn!(%error, "what has become of a notification cannot be noted");
        }
    }

    /// Whether the receiver has taken it. Its URL is not logged, for it may hold a secret.
    async fn send(&self) -> bool {
        let value = sign::signature(&self.secret, self.app.clock.now(), &self.body);
        let signature = [(SIGNATURE, value)];
        let client = &self.app.notifier.client;
        let content_type = "application/json; charset=utf-8";
        let sent = client.post(&self.url, content_type, &signature, self.body.clone());
        let subscription = &*self.subscription_id;
        match sent.await {
            Ok(reply) if reply.status.is_success() => true,
            Ok(reply) => {
                let status = reply.status.as_u16();
                tracing::info!(subscription, status, "a notification was refused");
                false
            }
            Err(error) => {
                tracing::info!(subscription, %error, "a notification could not be delivered");
                false
            }
        }
    }
}

/// How long to wait after an attempt that failed, when so many had before it.
fn pause(failures: u32) -> Duration {
    let factor = 2_u32.saturating_pow(failures);
    FIRST_PAUSE.saturating_mul(factor).min(LONGEST_PAUSE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_and_have_an_end() {
        let pauses = [0, 1, 2, 5, 6, 7, u32::MAX].map(|failures| pause(failures).as_secs());
        assert_eq!(pauses, [10, 20, 40, 320, 600, 600, 600]);
    }
}
