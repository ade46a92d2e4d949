//! The reports that are acknowledged and not folded yet, and who waits for whom because of them.

use std::{
    collections::{HashMap, HashSet, VecDeque},
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering},
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

/// After how long a report is folded, where more keep coming; the longer, the more of them share a page
/// and a transaction.
const DELAY: Duration = Duration::from_secs(1);

/// After how long without another report all are folded.
const QUIET: Duration = Duration::from_millis(25);

/// How many reports are folded without waiting for more.
const ENOUGH: usize = 16_384;

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
    /// The log takes nothing more until it is opened again.
    is_broken: AtomicBool,
    /// The last fold has failed.
    is_stuck: AtomicBool,
}

/// How many reports wait that concern a script.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
struct Count {
    all: usize,
    /// Those to the states of its users.
    of_users: usize,
}

impl Count {
    fn add(&mut self, entry: &Entry) {
        self.all += 1;
        self.of_users += usize::from(entry.place.user_state_pk != 0);
    }

    fn remove(&mut self, entry: &Entry) {
        self.all -= 1;
        self.of_users -= usize::from(entry.place.user_state_pk != 0);
    }
}

/// Which reports wait that a path leads through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Concerned {
    Not,
    /// Reports to the own states of the script that the path names.
    ByOwnStates,
    /// Others too, or of any script.
    ByMore,
}

/// Reports that became durable together, in their order.
pub(crate) struct Batch {
    pub(crate) entries: Vec<Arc<Entry>>,
    /// How many bytes they have in the log.
    bytes: usize,
}

#[derive(Default)]
struct Waiting {
    latest: HashMap<Place, HashMap<String, Arc<Entry>>>,
    /// All of them, in their order.
    queue: VecDeque<Arc<Batch>>,
    reports: usize,
    bytes: usize,
    /// How many reports each script has among them, by the script's id.
    by_script: HashMap<Arc<str>, Count>,
    /// The ids of runs that agents gave, by state.
    run_ids: HashSet<(i64, String)>,
    /// Up to this number all is in the tables.
    folded: i64,
    is_stopping: bool,
}

impl Waiting {
    /// Takes the first batch out, which is in the tables now.
    fn take_folded(&mut self) -> Option<Arc<Batch>> {
        let batch = self.queue.pop_front()?;
        self.bytes -= batch.bytes;
        self.reports -= batch.entries.len();
        for entry in &batch.entries {
            self.folded = entry.number;
            if let Some(states) = self.latest.get_mut(&entry.place) {
                let is_latest = |latest: &Arc<Entry>| latest.number == entry.number;
                if states.get(entry.id()).is_some_and(is_latest) {
                    states.remove(entry.id());
                }
                if states.is_empty() {
                    self.latest.remove(&entry.place);
                }
            }
            if let Some(count) = self.by_script.get_mut(&entry.script_id) {
                count.remove(entry);
                if count.all == 0 {
                    self.by_script.remove(&entry.script_id);
                }
            }
            if let Some(run_id) = entry.told_id() {
                self.run_ids.remove(&(entry.state_pk, run_id.to_owned()));
            }
        }
        Some(batch)
    }
}

impl Overlay {
    /// With the reports that the log had and the tables have not; the next one gets the number `next`.
    pub(crate) fn new(entries: Vec<Arc<Entry>>, bytes: usize, folded: i64, next: i64) -> Self {
        let overlay = Self {
            waiting: Mutex::default(),
            news: Condvar::new(),
            room: Condvar::new(),
            gate: Gate::default(),
            next: AtomicI64::new(next),
            scripts: AtomicU64::new(0),
            is_broken: AtomicBool::new(false),
            is_stuck: AtomicBool::new(false),
        };
        overlay.lock().folded = folded;
        if !entries.is_empty() {
            overlay.publish(entries, bytes);
        }
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

    /// The latest reports to these states, and whether that run of the state waits here, all at one
    /// moment.
    pub(crate) fn latest_of<'a>(
        &self,
        keys: impl Iterator<Item = Option<(Place, &'a str, Option<&'a str>)>>,
    ) -> Vec<(Option<Arc<Entry>>, bool)> {
        let waiting = self.lock();
        let latest = |(place, id, run_id): (Place, &str, Option<&str>)| {
            let entry = waiting.latest.get(&place)?.get(id)?;
            // Of a run that waits the state has a report that waits.
            let has_run = run_id.is_some_and(|run_id| {
                let run = (entry.state_pk, run_id.to_owned());
                waiting.run_ids.contains(&run)
            });
            Some((Some(Arc::clone(entry)), has_run))
        };
        keys.map(|key| key.and_then(latest).unwrap_or_default())
            .collect()
    }

    /// Which reports wait that the path leads through: those of the script that it names, or any where
    /// it names none.
    pub(crate) fn concerned(&self, path: &ResourcePath) -> Concerned {
        let waiting = self.lock();
        match path.steps.get(1).and_then(|step| step.key.as_deref()) {
            Some(script_id) => match waiting.by_script.get(script_id) {
                None => Concerned::Not,
                Some(count) if count.of_users == 0 => Concerned::ByOwnStates,
                Some(_) => Concerned::ByMore,
            },
            None if waiting.queue.is_empty() => Concerned::Not,
            None => Concerned::ByMore,
        }
    }

    /// Lets everybody see these reports, which are durable, in their order. They have so many bytes in
    /// the log.
    pub(crate) fn publish(&self, entries: Vec<Arc<Entry>>, bytes: usize) {
        let mut waiting = self.lock();
        let before = waiting.reports;
        for entry in &entries {
            let states = waiting.latest.entry(entry.place).or_default();
            match states.get_mut(entry.id()) {
                Some(latest) => *latest = Arc::clone(entry),
                None => {
                    states.insert(entry.id().to_owned(), Arc::clone(entry));
                }
            }
            match waiting.by_script.get_mut(&entry.script_id) {
                Some(count) => count.add(entry),
                None => {
                    let mut count = Count::default();
                    count.add(entry);
                    let script_id = Arc::clone(&entry.script_id);
                    waiting.by_script.insert(script_id, count);
                }
            }
            if let Some(run_id) = entry.told_id() {
                waiting.run_ids.insert((entry.state_pk, run_id.to_owned()));
            }
        }
        waiting.reports += entries.len();
        waiting.bytes += bytes;
        waiting.queue.push_back(Arc::new(Batch { entries, bytes }));
        // To wake somebody who would only go on waiting costs more than all of the above.
        let is_news = before == 0 || (before < ENOUGH && waiting.reports >= ENOUGH);
        drop(waiting);
        if is_news {
            self.news.notify_all();
        }
    }

    /// All that waits, in its order.
    pub(crate) fn all(&self) -> Vec<Arc<Batch>> {
        self.lock().queue.iter().map(Arc::clone).collect()
    }

    /// The first `count` batches of what waits are in the tables now.
    pub(crate) fn folded(&self, count: usize) {
        for _ in 0..count {
            // Not all at once: whoever reports waits for the lock.
            let Some(batch) = self.lock().take_folded() else {
                break;
            };
            self.room.notify_all();
            // And what it held is freed outside of it.
            drop(batch);
        }
    }

    /// Waits until there is room for more; answers up to which number all is folded.
    pub(crate) fn wait_for_room(&self) -> i64 {
        let is_full = |waiting: &mut Waiting| {
            let full = waiting.reports >= MOST_REPORTS || waiting.bytes >= MOST_BYTES;
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
        let few = |waiting: &mut Waiting| waiting.reports < ENOUGH && !waiting.is_stopping;
        let (mut waiting, mut waited) = (waiting, Duration::ZERO);
        loop {
            let before = waiting.reports;
            let waited_for = self.news.wait_timeout_while(waiting, QUIET, few);
            waiting = waited_for.unwrap_or_else(PoisonError::into_inner).0;
            waited += QUIET;
            let is_quiet = waiting.reports == before;
            if is_quiet || waited >= DELAY || !few(&mut waiting) {
                return !waiting.is_stopping;
            }
        }
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

    /// All reports up to that number are in the tables, or were refused.
    pub(crate) fn all_folded(&self, last: i64) {
        let mut waiting = self.lock();
        waiting.folded = waiting.folded.max(last);
    }

    /// The log takes nothing more.
    pub(crate) fn set_broken(&self) {
        self.is_broken.store(true, Ordering::Relaxed);
    }

    /// Whether the last fold has failed.
    pub(crate) fn set_stuck(&self, is_stuck: bool) {
        self.is_stuck.store(is_stuck, Ordering::Relaxed);
    }

    /// Whether reports are taken in and folded.
    pub(crate) fn is_sound(&self) -> bool {
        !self.is_broken.load(Ordering::Relaxed) && !self.is_stuck.load(Ordering::Relaxed)
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
