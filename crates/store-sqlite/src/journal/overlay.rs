//! The reports that are acknowledged and not folded yet, and who waits for whom because of them.

use std::{
    collections::{HashMap, HashSet, VecDeque},
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicI64, AtomicU64, Ordering},
    },
    time::Duration,
};

use runstate_odata::check::ResourcePath;

use super::Entry;
use crate::run_state::Place;

/// How many reports, and how many bytes of them, wait to be folded at most. Then whoever reports
/// waits too, and in the end is turned away.
const MOST_REPORTS: usize = 65_536;
const MOST_BYTES: usize = 64 * 1024 * 1024;

/// After how long a report is folded at the latest, where there is nothing more urgent; the longer,
/// the more of them share a page.
const DELAY: Duration = Duration::from_millis(20);

/// How many reports are folded without waiting for more.
const ENOUGH: usize = 8_192;

/// How long to wait before what could not be folded is tried again.
const PAUSE: Duration = Duration::from_secs(1);

/// What the reporting thread, the writing thread, the folding thread and the readers share.
pub(crate) struct Overlay {
    waiting: Mutex<Waiting>,
    /// Something has come, or it is time to stop.
    news: Condvar,
    /// Something has been folded, or it is time to stop.
    room: Condvar,
    /// Held by the reporting thread from the first look at what its reports are about until they are
    /// in the overlay, and by the writing thread for changes of anything that these look at.
    gate: Gate,
    /// The number of the next report.
    next: AtomicI64,
    /// Grows when scripts may have changed.
    scripts: AtomicU64,
}

#[derive(Default)]
struct Waiting {
    latest: HashMap<Place, HashMap<String, Arc<Entry>>>,
    /// All of them, in their order, each with its size in the log.
    queue: VecDeque<(Arc<Entry>, usize)>,
    bytes: usize,
    /// How many reports each script has among them, by the script's id.
    by_script: HashMap<Arc<str>, usize>,
    /// The ids of runs that agents gave, by state.
    run_ids: HashSet<(i64, String)>,
    /// Up to this number all is in the tables.
    folded: i64,
    is_stopping: bool,
}

impl Overlay {
    /// With the reports that the log had and the tables have not; the next one gets the number `next`.
    pub(crate) fn new(entries: Vec<(Entry, usize)>, folded: i64, next: i64) -> Self {
        let overlay = Self {
            waiting: Mutex::default(),
            news: Condvar::new(),
            room: Condvar::new(),
            gate: Gate::default(),
            next: AtomicI64::new(next),
            scripts: AtomicU64::new(0),
        };
        overlay.lock().folded = folded;
        overlay.publish(
            entries
                .into_iter()
                .map(|(entry, size)| (Arc::new(entry), size)),
        );
        overlay
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The latest report to a state.
    pub(crate) fn latest(&self, place: Place, id: &str) -> Option<Arc<Entry>> {
        let waiting = self.lock();
        waiting.latest.get(&place)?.get(id).map(Arc::clone)
    }

    /// The latest reports to these states, at one moment.
    pub(crate) fn latest_of<'a>(
        &self,
        keys: impl Iterator<Item = Option<(Place, &'a str)>>,
    ) -> Vec<Option<Arc<Entry>>> {
        let waiting = self.lock();
        let latest =
            |(place, id): (Place, &str)| waiting.latest.get(&place)?.get(id).map(Arc::clone);
        keys.map(|key| key.and_then(latest)).collect()
    }

    /// Whether that run of the state waits here.
    pub(crate) fn has_run(&self, state_pk: i64, run_id: &str) -> bool {
        let waiting = self.lock();
        !waiting.run_ids.is_empty() && waiting.run_ids.contains(&(state_pk, run_id.to_owned()))
    }

    /// Whether anything that the path leads through has reports that wait: those of the script that it
    /// names, or any where it names none.
    pub(crate) fn concerns(&self, path: &ResourcePath) -> bool {
        let waiting = self.lock();
        match path.steps.get(1).and_then(|step| step.key.as_deref()) {
            Some(script_id) => waiting.by_script.contains_key(script_id),
            None => !waiting.queue.is_empty(),
        }
    }

    /// Lets everybody see these reports, which are durable, in their order.
    pub(crate) fn publish(&self, entries: impl IntoIterator<Item = (Arc<Entry>, usize)>) {
        let mut waiting = self.lock();
        let before = waiting.queue.len();
        for (entry, size) in entries {
            let states = waiting.latest.entry(entry.place).or_default();
            match states.get_mut(entry.id()) {
                Some(latest) => *latest = Arc::clone(&entry),
                None => {
                    states.insert(entry.id().to_owned(), Arc::clone(&entry));
                }
            }
            *waiting
                .by_script
                .entry(Arc::clone(&entry.script_id))
                .or_default() += 1;
            if let Some(run_id) = entry.told.as_ref().and_then(|told| told.id.as_deref()) {
                waiting.run_ids.insert((entry.state_pk, run_id.to_owned()));
            }
            waiting.bytes += size;
            waiting.queue.push_back((entry, size));
        }
        // To wake somebody who would only go on waiting costs more than all of the above.
        let is_news = before == 0 || (before < ENOUGH && waiting.queue.len() >= ENOUGH);
        drop(waiting);
        if is_news {
            self.news.notify_all();
        }
    }

    /// All that waits, in its order.
    pub(crate) fn all(&self) -> Vec<Arc<Entry>> {
        let waiting = self.lock();
        let entries = waiting.queue.iter();
        entries.map(|(entry, _)| Arc::clone(entry)).collect()
    }

    /// The first `count` of what waits are in the tables now.
    pub(crate) fn folded(&self, count: usize) {
        let mut waiting = self.lock();
        let waiting = &mut *waiting;
        for (entry, size) in waiting.queue.drain(..count.min(waiting.queue.len())) {
            waiting.folded = entry.number;
            waiting.bytes -= size;
            if let Some(states) = waiting.latest.get_mut(&entry.place) {
                if states
                    .get(entry.id())
                    .is_some_and(|latest| latest.number == entry.number)
                {
                    states.remove(entry.id());
                }
                if states.is_empty() {
                    waiting.latest.remove(&entry.place);
                }
            }
            if let Some(count) = waiting.by_script.get_mut(&entry.script_id) {
                *count -= 1;
                if *count == 0 {
                    waiting.by_script.remove(&entry.script_id);
                }
            }
            if let Some(run_id) = entry.told.as_ref().and_then(|told| told.id.as_deref()) {
                waiting.run_ids.remove(&(entry.state_pk, run_id.to_owned()));
            }
        }
        self.room.notify_all();
    }

    /// Waits until there is room for more; answers up to which number all is folded.
    pub(crate) fn wait_for_room(&self) -> i64 {
        let is_full = |waiting: &mut Waiting| {
            let full = waiting.queue.len() >= MOST_REPORTS || waiting.bytes >= MOST_BYTES;
            full && !waiting.is_stopping
        };
        let waiting = self.room.wait_while(self.lock(), is_full);
        waiting.unwrap_or_else(PoisonError::into_inner).folded
    }

    /// Waits until there is something to fold, and not much longer; says whether to go on at all.
    pub(crate) fn wait_for_news(&self) -> bool {
        let none = |waiting: &mut Waiting| waiting.queue.is_empty() && !waiting.is_stopping;
        let waiting = self.news.wait_while(self.lock(), none);
        let waiting = waiting.unwrap_or_else(PoisonError::into_inner);
        let few = |waiting: &mut Waiting| waiting.queue.len() < ENOUGH && !waiting.is_stopping;
        let waiting = self.news.wait_timeout_while(waiting, DELAY, few);
        !waiting
            .unwrap_or_else(PoisonError::into_inner)
            .0
            .is_stopping
    }

    /// Waits a while before what failed is tried again.
    pub(crate) fn pause(&self) {
        let goes_on = |waiting: &mut Waiting| !waiting.is_stopping;
        drop(self.room.wait_timeout_while(self.lock(), PAUSE, goes_on));
    }

    /// Lets all who wait go.
    pub(crate) fn stop(&self) {
        self.lock().is_stopping = true;
        self.news.notify_all();
        self.room.notify_all();
    }

    /// Keeps the other side out.
    pub(crate) fn gate(&self) -> MutexGuard<'_, ()> {
        self.gate.pass()
    }

    /// The number of the next report. Asked only by whoever holds the gate.
    pub(crate) fn next(&self) -> i64 {
        self.next.load(Ordering::Relaxed)
    }

    /// The number of the next report is at least this one. Told only by whoever holds the gate.
    pub(crate) fn go_on_from(&self, next: i64) {
        self.next.fetch_max(next, Ordering::Relaxed);
    }

    /// Grows when scripts may have changed. Asked only by whoever holds the gate.
    pub(crate) fn scripts(&self) -> u64 {
        self.scripts.load(Ordering::Relaxed)
    }

    /// Scripts may have changed. Told only by whoever holds the gate.
    pub(crate) fn scripts_changed(&self) {
        self.scripts.fetch_add(1, Ordering::Relaxed);
    }
}

/// A lock that is passed in the order of arrival by its two users: one that releases it and wants it
/// again at once, all the time, does not starve the other.
#[derive(Default)]
struct Gate {
    turn: Mutex<()>,
    held: Mutex<()>,
}

impl Gate {
    fn pass(&self) -> MutexGuard<'_, ()> {
        let turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        drop(turn);
        held
    }
}
