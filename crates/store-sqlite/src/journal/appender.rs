//! The thread that takes reports in, and its group commit.
//!
//! It takes all reports that wait, looks up what each is about, appends those that may be to the log
//! together, syncs once, and only then answers them all. One that fails does not disturb the others.
//! Nobody waits for company: a report that comes alone is synced alone.

use std::{
    collections::{HashMap, HashSet, hash_map},
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc,
        mpsc::{Receiver, SyncSender, TrySendError, sync_channel},
    },
    thread::JoinHandle,
};

use runstate_graph::clock::Clock;
use runstate_odata::edm::{DateTimeOffset, StructuredType};
use runstate_store::{Error, Row};
use runstate_store_sql::{
    audit, path,
    told::{Told, instant},
    write::check,
};
use rusqlite::{Connection, OptionalExtension, params};
use tokio::sync::oneshot;

use super::{Entry, Log, Overlay, Report, Reported, log::Records};
use crate::{
    connection::LONGEST,
    error::{internal, store_error},
    run_state::{self, Place, State},
};

/// How many reports may wait before the next is turned away: a good second's work.
const QUEUE: usize = 16_384;

/// How many reports are synced together at most.
const BATCH: usize = 512;

/// From how many bytes of text on a batch takes no more: what scripts have printed may be large.
const BATCH_BYTES: usize = 4 * 1024 * 1024;

/// After how many seconds one that was turned away should come again.
const RETRY_AFTER: u32 = 1;

/// How many scripts are remembered.
const SCRIPTS: usize = 10_000;

pub(crate) const SCRIPT: &str = "SELECT pk, run_as_account FROM script \
     WHERE tenant_id = ? AND kind = ? AND id = ?";
pub(crate) const USER_STATE: &str = "SELECT pk FROM user_run_state WHERE script_pk = ? AND id = ?";

/// All of the above, whose plans a test looks at.
#[cfg(test)]
pub(crate) const STATEMENTS: &[(&str, &str)] = &[
    ("script of report", SCRIPT),
    ("user state of report", USER_STATE),
];

type Reply = oneshot::Sender<Result<Reported, Error>>;

/// The door to the thread.
pub(crate) struct Appender {
    /// None only while dropped.
    queue: Option<SyncSender<(Report, Reply)>>,
    thread: Option<JoinHandle<()>>,
    overlay: Arc<Overlay>,
}

impl Appender {
    /// Starts the thread, on a connection of its own for reading.
    pub(crate) fn start(
        log: Log,
        overlay: Arc<Overlay>,
        connection: Connection,
        clock: Arc<dyn Clock>,
    ) -> std::io::Result<Self> {
        let (queue, waiting) = sync_channel(QUEUE);
        let mut taking = Taking {
            log,
            overlay: Arc::clone(&overlay),
            connection,
            clock,
            scripts: HashMap::new(),
            scripts_of: 0,
            records: Records::default(),
        };
        let thread = std::thread::Builder::new()
            .name("store-journal".to_owned())
            .spawn(move || taking.take_all(&waiting))?;
        Ok(Self {
            queue: Some(queue),
            thread: Some(thread),
            overlay,
        })
    }

    /// Takes a report in. It is durable when this returns [`Reported::Done`]; where it is an error,
    /// nothing has changed.
    pub(crate) async fn report(&self, report: Report) -> Result<Reported, Error> {
        let (reply, answer) = oneshot::channel();
        let queue = self.queue.as_ref().ok_or_else(stopped)?;
        queue
            .try_send((report, reply))
            .map_err(|error| match error {
                TrySendError::Full(_) => Error::Busy {
                    retry_after: RETRY_AFTER,
                },
                TrySendError::Disconnected(_) => stopped(),
            })?;
        answer.await.unwrap_or_else(|_| Err(stopped()))
    }
}

impl Drop for Appender {
    /// Waits until all that was accepted is durable.
    fn drop(&mut self) {
        self.queue = None;
        self.overlay.stop();
        if let Some(thread) = self.thread.take() {
            // It failed only where it panicked, which has been reported then.
            let _ = thread.join();
        }
    }
}

fn stopped() -> Error {
    Error::Unavailable {
        detail: "the reporting thread has stopped".to_owned(),
    }
}

/// A script, as far as reports need to know it.
#[derive(Debug, Clone)]
struct Script {
    tenant_id: String,
    kind: &'static str,
    pk: i64,
    runs_as_user: bool,
}

/// The thread's things.
struct Taking {
    log: Log,
    overlay: Arc<Overlay>,
    connection: Connection,
    clock: Arc<dyn Clock>,
    /// By id, of which each tenant and each kind may have one.
    scripts: HashMap<Arc<str>, Vec<Script>>,
    /// When [`Overlay::scripts`] was this.
    scripts_of: u64,
    records: Records,
}

/// What a report is about.
struct Target<'a> {
    place: Place,
    script_id: Arc<str>,
    runs_as_user: bool,
    ty: &'static StructuredType,
    id: &'a str,
}

/// What is to be done with a report.
enum Decision {
    Append(Box<Entry>),
    /// It changes nothing: the run is known.
    Known(Row),
    Elsewhere,
}

impl Taking {
    /// The thread's whole life: until the queue is closed and empty.
    fn take_all(&mut self, waiting: &Receiver<(Report, Reply)>) {
        while let Ok(first) = waiting.recv() {
            let folded = self.overlay.wait_for_room();
            let mut bytes = first.0.text();
            let mut batch = vec![first];
            while bytes < BATCH_BYTES
                && batch.len() < BATCH
                && let Ok(next) = waiting.try_recv()
            {
                bytes += next.0.text();
                batch.push(next);
            }
            let (reports, replies): (Vec<_>, Vec<_>) = batch.into_iter().unzip();
            // What a panic leaves half done is forgotten with the batch, and the thread has to go on.
            let results = catch_unwind(AssertUnwindSafe(|| self.take(reports, folded)));
            let results = results.unwrap_or_else(|_| {
                let failed = || Err(internal("the reporting thread panicked"));
                replies.iter().map(|_| failed()).collect()
            });
            for (reply, result) in replies.into_iter().zip(results) {
                // Nobody waits any more where the client has gone away; the report stands.
                let _ = reply.send(result);
            }
        }
    }

    /// Does all that is to be done with the reports; one result for each.
    fn take(&mut self, reports: Vec<Report>, folded: i64) -> Vec<Result<Reported, Error>> {
        let overlay = Arc::clone(&self.overlay);
        let gate = overlay.gate();
        let decisions = self.decide(&reports);
        let (mut entries, mut bytes) = (Vec::new(), 0);
        let mut unwritten = None;
        self.records.clear();
        let mut results = Vec::with_capacity(reports.len());
        for (report, decision) in reports.into_iter().zip(decisions) {
            results.push(match decision {
                Err(error) => Err(error),
                Ok(Decision::Elsewhere) => Ok(Reported::Elsewhere(report)),
                Ok(Decision::Known(row)) => Ok(Reported::Done(row)),
                Ok(Decision::Append(entry)) => {
                    bytes += self
                        .records
                        .add(|bytes| unwritten = unwritten.take().or(entry.write(bytes).err()));
                    let row = entry.row();
                    entries.push(Arc::from(entry));
                    Ok(Reported::Done(row))
                }
            });
        }
        let Some(last) = entries.last().map(|entry: &Arc<Entry>| entry.number) else {
            return results;
        };
        overlay.go_on_from(last + 1);
        let appended = match unwritten {
            Some(error) => Err(error),
            None => self
                .log
                .append(&mut self.records, last, folded)
                .inspect_err(|_| {
                    if self.log.is_broken() {
                        overlay.set_broken();
                    }
                })
                .map_err(|error| Error::Unavailable {
                    detail: format!("the journal failed: {error}"),
                }),
        };
        if let Err(error) = appended {
            tracing::error!(%error, reports = entries.len(), "reports were not taken");
            // Also of a run that was reported twice among them.
            let first = entries.first().map_or(last, |entry| entry.number);
            for result in &mut results {
                if matches!(result, Ok(Reported::Done(row)) if row.version >= first) {
                    *result = Err(error.clone());
                }
            }
        } else {
            overlay.publish(entries, bytes);
        }
        drop(gate);
        results
    }

    /// What is to be done with each of the reports, of which a later one sees what the earlier do.
    fn decide(&mut self, reports: &[Report]) -> Vec<Result<Decision, Error>> {
        if self.scripts_of != self.overlay.scripts() || self.scripts.len() > SCRIPTS {
            self.scripts.clear();
            self.scripts_of = self.overlay.scripts();
        }
        let targets: Vec<_> = reports.iter().map(|report| self.target(report)).collect();
        // First the overlay and then the tables: what is folded in between is seen there.
        let keys = targets.iter().zip(reports).map(|(target, report)| {
            let run_id = report.run.as_ref().and_then(|run| run.get("id").as_str());
            let target = target.as_ref().ok()?;
            Some((target.place, target.id, run_id))
        });
        let latest = self.overlay.latest_of(keys);
        let transaction = match self.connection.unchecked_transaction() {
            Ok(transaction) => transaction,
            Err(error) => {
                let error = store_error(error);
                return reports.iter().map(|_| Err(error.clone())).collect();
            }
        };
        let mut number = self.overlay.next();
        let mut states: HashMap<(Place, &str), Option<State>> = HashMap::new();
        // The runs that agents report in this batch, by state.
        let mut runs: HashSet<(i64, String)> = HashSet::new();
        let mut decisions = Vec::with_capacity(reports.len());
        for ((report, target), (latest, is_waiting)) in reports.iter().zip(&targets).zip(latest) {
            // Nothing that is refused may leave a trace, so this comes first.
            let retired = run_state::refuse_retired(&transaction, &report.permit);
            let target = retired.and_then(|()| target.as_ref().map_err(Clone::clone));
            let decision = target.and_then(|target| {
                let state = match states.entry((target.place, target.id)) {
                    hash_map::Entry::Occupied(state) => state.into_mut(),
                    hash_map::Entry::Vacant(vacant) => vacant.insert(match latest {
                        Some(entry) => Some(State::from(&*entry)),
                        None => run_state::find(&transaction, target.place, target.id)?,
                    }),
                };
                let is_known = |run: &(i64, String)| {
                    let is_here = is_waiting || runs.contains(run);
                    Ok(is_here || run_state::is_known(&transaction, run.0, &run.1)?)
                };
                let decision = self.decide_one(report, target, state, number, is_known)?;
                if let Decision::Append(entry) = &decision
                    && let Some(run_id) = entry.told_id()
                {
                    runs.insert((entry.state_pk, run_id.to_owned()));
                }
                Ok(decision)
            });
            number += i64::from(matches!(decision, Ok(Decision::Append(_))));
            decisions.push(decision);
        }
        decisions
    }

    /// What is to be done with one report to a state, which is changed to what it is afterwards.
    /// `is_known` says whether a run, by its state and id, has been reported before.
    fn decide_one(
        &self,
        report: &Report,
        target: &Target<'_>,
        state: &mut Option<State>,
        number: i64,
        is_known: impl Fn(&(i64, String)) -> Result<bool, Error>,
    ) -> Result<Decision, Error> {
        let viewer = report.permit.device_id();
        let Some(state) = state else {
            // Of a device, a state that went before it had a report may come back.
            return match viewer {
                Some(_) => Ok(Decision::Elsewhere),
                None => Err(path::not_found(target.ty.name, target.id)),
            };
        };
        if viewer.is_some() && state.device_id.as_deref() != viewer {
            return Err(path::not_found(target.ty.name, target.id));
        }
        let told = Told::of(report.run.as_ref());
        let is_users = target.runs_as_user && told.account.is_some();
        if is_users || told.run_request_id.is_some() {
            return Ok(Decision::Elsewhere);
        }
        check(&report.precondition, state.version)?;
        if let Some(run_id) = &told.id
            && is_known(&(state.pk, run_id.clone().into_owned()))?
        {
            return Ok(Decision::Known(state.row()));
        }
        let mut record = state.record.clone();
        for (position, value) in &report.changes {
            let slot = record.values.get_mut(*position);
            *slot.ok_or_else(|| internal("a change of no property"))? = value.clone();
        }
        let after = run_state::Outcome::of(&record)?.run_state;
        let received = DateTimeOffset::from_system_time(self.clock.now());
        let run_id = match &told.id {
            Some(run_id) => run_id.clone().into_owned(),
            None => run_state::run_id(received, state.version),
        };
        let entry = Entry {
            number,
            state_pk: state.pk,
            place: state.place,
            script_id: Arc::clone(&target.script_id),
            device_id: state.device_id.clone(),
            before: state.run_state,
            received: instant(received),
            run_id,
            record: record.clone(),
            told: report.run.is_some().then(|| told.into_owned()),
            audit: audit::of_report(
                &report.permit,
                &report.path,
                (&state.record, &record),
                received,
            ),
        };
        if entry.text() > LONGEST {
            return Err(Error::Invalid {
                message: "The report is longer than the store takes.".to_owned(),
            });
        }
        state.version = number;
        state.run_state = after;
        state.record = record;
        Ok(Decision::Append(Box::new(entry)))
    }

    /// The collection that the report's state is in.
    fn target<'a>(&mut self, report: &'a Report) -> Result<Target<'a>, Error> {
        let [_, script, rest @ ..] = report.path.steps.as_slice() else {
            return Err(internal("a report to what is no run state"));
        };
        let (user, state) = match rest {
            [state] => (None, state),
            [user, state] => (Some(user), state),
            _ => return Err(internal("a report to what is no run state")),
        };
        let no_key = || internal("a path to a run state without its keys");
        let script_id = script.key.as_deref().ok_or_else(no_key)?;
        let kind = script.navigation.target.name;
        let (script_id, found) = self
            .script(report.permit.tenant_id(), kind, script_id)?
            .ok_or_else(|| path::missing(script))?;
        let user_state_pk = match user {
            None => 0,
            Some(user) => {
                let id = user.key.as_deref().ok_or_else(no_key)?;
                self.connection
                    .prepare_cached(USER_STATE)
                    .and_then(|mut statement| {
                        let key = params![found.pk, id];
                        statement.query_row(key, |row| row.get(0)).optional()
                    })
                    .map_err(store_error)?
                    .ok_or_else(|| path::missing(user))?
            }
        };
        Ok(Target {
            place: Place {
                script_pk: found.pk,
                user_state_pk,
            },
            script_id,
            runs_as_user: found.runs_as_user && user_state_pk == 0,
            ty: state.navigation.target,
            id: state.key.as_deref().ok_or_else(no_key)?,
        })
    }

    /// The script of that id, with the id, from memory where it is there.
    fn script(
        &mut self,
        tenant_id: &str,
        kind: &'static str,
        id: &str,
    ) -> Result<Option<(Arc<str>, Script)>, Error> {
        let is_it = |script: &&Script| script.kind == kind && script.tenant_id == tenant_id;
        if let Some((id, known)) = self.scripts.get_key_value(id)
            && let Some(script) = known.iter().find(is_it)
        {
            return Ok(Some((Arc::clone(id), script.clone())));
        }
        let found = self
            .connection
            .prepare_cached(SCRIPT)
            .and_then(|mut statement| {
                let script = |row: &rusqlite::Row<'_>| {
                    Ok(Script {
                        pk: row.get(0)?,
                        tenant_id: tenant_id.to_owned(),
                        kind,
                        runs_as_user: row.get::<_, i64>(1)? != 0,
                    })
                };
                statement
                    .query_row([tenant_id, kind, id], script)
                    .optional()
            })
            .map_err(store_error)?;
        let Some(script) = found else {
            return Ok(None);
        };
        let id: Arc<str> = id.into();
        let known = self.scripts.entry(Arc::clone(&id)).or_default();
        known.push(script.clone());
        Ok(Some((id, script)))
    }
}

#[cfg(test)]
mod tests;
