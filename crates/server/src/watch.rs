//! Devices that wait for something to run.
//!
//! An agent that is online holds a request open until what it has to run changes. The store tells of
//! every change; here the requests that wait for it are woken. Each then asks the store again, so a
//! call too many costs a look-up and no more.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    time::Duration,
};

use runstate_store::{Change, Store};
use tokio::sync::{Notify, broadcast, watch};

/// How many requests are woken at once by a change that concerns a whole tenant, and how long the
/// next so many wait: the store is not asked by a whole fleet in one moment.
const WAVE: usize = 256;
const BETWEEN_WAVES: Duration = Duration::from_millis(50);

/// The requests that wait.
pub struct Watchers {
    waiting: Mutex<HashMap<Device, Weak<Notify>>>,
    stopping: watch::Sender<bool>,
}

/// Tenant and device id.
type Device = (String, String);

/// A request that waits.
pub(crate) struct Watch<'a> {
    watchers: &'a Watchers,
    device: Device,
    notify: Option<Arc<Notify>>,
}

impl Watchers {
    /// Nobody waits yet. Wakes who waits on the store's changes, until the store or this is gone.
    /// Needs a tokio runtime.
    pub fn start(store: &dyn Store) -> Arc<Self> {
        let watchers = Arc::new(Self {
            waiting: Mutex::default(),
            stopping: watch::Sender::new(false),
        });
        let (listener, changes) = (Arc::downgrade(&watchers), store.changes());
        tokio::spawn(listen(listener, changes));
        watchers
    }

    /// Answers all who wait, now and from now on: the server stops.
    pub fn stop(&self) {
        self.stopping.send_replace(true);
    }

    /// Ready once the server stops: what goes on until somebody leaves has to end then.
    pub fn stopped(&self) -> impl Future<Output = ()> + Send + use<> {
        let mut stopping = self.stopping.subscribe();
        async move {
            // An error says that the sender is gone, and then all is over too.
            let _ = stopping.wait_for(|stopping| *stopping).await;
        }
    }

    /// Begins to wait for changes of what the device has to run.
    pub(crate) fn watch(&self, tenant_id: &str, device_id: &str) -> Watch<'_> {
        let device = (tenant_id.to_owned(), device_id.to_owned());
        let mut waiting = self.waiting();
        let known = waiting.get(&device).and_then(Weak::upgrade);
        let notify = known.unwrap_or_else(|| {
            let notify = Arc::new(Notify::new());
            waiting.insert(device.clone(), Arc::downgrade(&notify));
            notify
        });
        drop(waiting);
        Watch {
            watchers: self,
            device,
            notify: Some(notify),
        }
    }

    fn waiting(&self) -> MutexGuard<'_, HashMap<Device, Weak<Notify>>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Those who wait for the devices that `concerned` says.
    fn concerned(&self, concerned: impl Fn(&Device) -> bool) -> Vec<Weak<Notify>> {
        let waiting = self.waiting();
        let found = waiting.iter().filter(|(device, _)| concerned(device));
        found.map(|(_, notify)| notify.clone()).collect()
    }

    /// Those whom the change concerns.
    fn of_change(&self, change: Change) -> Vec<Weak<Notify>> {
        let Change { tenant_id, devices } = change;
        let Some(tenant_id) = tenant_id else {
            return self.concerned(|_| true);
        };
        let Some(devices) = devices else {
            return self.concerned(|(tenant, _)| *tenant == tenant_id);
        };
        let waiting = self.waiting();
        let find = |device| waiting.get(&(tenant_id.clone(), device)).cloned();
        devices.into_iter().filter_map(find).collect()
    }
}

/// Wakes who waits, change by change.
async fn listen(watchers: Weak<Watchers>, mut changes: broadcast::Receiver<Change>) {
    loop {
        let change = changes.recv().await;
        let Some(watchers) = watchers.upgrade() else {
            return;
        };
        let woken = match change {
            Ok(change) => watchers.of_change(change),
            // So many changes at once that some were missed: anybody may be concerned.
            Err(broadcast::error::RecvError::Lagged(_)) => watchers.concerned(|_| true),
            Err(broadcast::error::RecvError::Closed) => return,
        };
        let mut stopping = watchers.stopping.subscribe();
        for (number, wave) in woken.chunks(WAVE).enumerate() {
            if number > 0 {
                let stops = stopping.wait_for(|stopping| *stopping);
                // Either way the next wave is due.
                let _ = tokio::time::timeout(BETWEEN_WAVES, stops).await;
            }
            for notify in wave.iter().filter_map(Weak::upgrade) {
                notify.notify_waiters();
            }
        }
    }
}

impl Watch<'_> {
    /// Ready with true at the next change after this call, with false when the server stops. Nothing
    /// between the call and the first poll is missed.
    pub(crate) fn changed(&self) -> impl Future<Output = bool> {
        let mut stopping = self.watchers.stopping.subscribe();
        // Counts from here on, polled or not.
        let notified = self.notify.clone().map(Notify::notified_owned);
        async move {
            let Some(notified) = notified else {
                return false;
            };
            tokio::select! {
                () = notified => true,
                _ = stopping.wait_for(|stopping| *stopping) => false,
            }
        }
    }
}

impl Drop for Watch<'_> {
    /// The last one to wait for a device takes its entry along.
    fn drop(&mut self) {
        let mut waiting = self.watchers.waiting();
        self.notify = None;
        if let Some(notify) = waiting.get(&self.device)
            && notify.strong_count() == 0
        {
            waiting.remove(&self.device);
        }
    }
}
