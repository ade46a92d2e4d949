//! The heart call, and its group commit: reports that come while others are on their way go together,
//! in one statement, one round trip and one commit. One that fails does not disturb the others, and one
//! that comes alone waits for nobody.

use std::{
    collections::{HashSet, VecDeque},
    hash::{DefaultHasher, Hash, Hasher},
    sync::Arc,
};

use deadpool_postgres::Pool;
use runstate_graph::{clock::Clock, entity::DEVICE_STATE, permit::Permit};
use runstate_odata::edm::{DateTimeOffset, Record, Value};
use runstate_store::{Changes, Error, Precondition, Row};
use runstate_store_sql::Database;
use tokio::sync::{Semaphore, mpsc, oneshot};

use crate::{
    Isolation,
    connection::discard,
    database::Failed,
    error::{Fate, RETRY_AFTER, fate, internal, pool_error, store_error},
    run_state::{Batch, REPORT, outcomes},
    spread,
    writer::Writer,
};

/// How many reports may wait before the next is turned away: a good second's work.
const QUEUE: usize = 16_384;

/// How many reports go together at most.
const BATCH: usize = 512;

/// From how many bytes of text on a batch takes no more: what scripts have printed may be large.
const BATCH_BYTES: usize = 4 * 1024 * 1024;

/// How much text one report may hold; SQLite's limit, so that both take the same.
const LONGEST: usize = 31 * 1024 * 1024;

/// How many batches are on their way at once, each on a connection of its own: while the disk is synced
/// for one, the next is worked out. Of 64 callers more would make each batch so small that what it costs
/// by itself outweighs the gain; `examples/report_throughput.rs` measures it.
pub(crate) const IN_FLIGHT: usize = 2;

/// How often a batch is sent, where others stood in its way.
const ATTEMPTS: u32 = 8;

/// How a run of a script on a device ended, told to its run state. Not to one of a user's run states:
/// those go the general way, for they are counted anew.
#[derive(Debug, Clone)]
pub struct Report {
    /// Of whoever reports.
    pub permit: Permit,
    /// The script's type, such as `deviceShellScript`.
    pub kind: &'static str,
    /// The script.
    pub script_id: String,
    /// The run state.
    pub state_id: String,
    /// What the state shows from now on.
    pub changes: Changes,
    /// What the agent tells of the run ([`runstate_graph::entity::RUN`]), for the history.
    pub run: Option<Record>,
    /// At which version the state has to be.
    pub precondition: Precondition,
}

impl Report {
    /// Refuses what no state can take, so that it does not stop those that go with it.
    fn check(&self) -> Result<(), Error> {
        let invalid = |message: String| Err(Error::Invalid { message });
        for (position, value) in &self.changes {
            let property = DEVICE_STATE.properties.get(*position);
            let property = property.ok_or_else(|| internal("a change of no property"))?;
            if value.is_null() && !property.nullable {
                return invalid(format!("'{}' must have a value.", property.name));
            }
        }
        if self.texts().any(|text| text.contains('\0')) {
            let message = "A text holds a character that the store does not take.";
            return invalid(message.to_owned());
        }
        if self.bytes() > LONGEST {
            return invalid("The report is longer than the store takes.".to_owned());
        }
        Ok(())
    }

    fn texts(&self) -> impl Iterator<Item = &str> {
        let values = self.changes.iter().map(|(_, value)| value);
        let told = self.run.iter().flat_map(|run| &run.values);
        let ids = [self.script_id.as_str(), self.state_id.as_str()];
        values.chain(told).filter_map(Value::as_str).chain(ids)
    }

    fn bytes(&self) -> usize {
        self.texts().map(str::len).sum()
    }

    /// Whether it means more than a change of one run state: a run that was asked for.
    fn is_more(&self) -> bool {
        let run = self.run.as_ref();
        run.is_some_and(|run| !run.get("runRequestId").is_null())
    }

    fn state_hash(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        let tenant_id = self.permit.tenant_id();
        (tenant_id, self.kind, &self.script_id, &self.state_id).hash(&mut hasher);
        hasher.finish()
    }
}

/// What has become of a report.
#[derive(Debug)]
pub enum Reported {
    /// It is durable; the state as it is now.
    Done(Row),
    /// It means more than a change of one run state: it has to go the general way.
    Elsewhere(Report),
}

impl Failed {
    /// Whether one report may have brought this on all that went with it, by something that the database
    /// refuses.
    fn is_of_one(&self) -> bool {
        let is_refused = matches!(
            self.error,
            Error::Invalid { .. } | Error::Conflict { .. } | Error::Internal { .. }
        );
        matches!(self.fate, Fate::Final | Fate::AgainOnce) && is_refused
    }
}

/// What has become of one report of a batch; no row where it has to go elsewhere.
#[derive(Debug)]
pub(crate) struct Outcome(pub(crate) Result<Option<Row>, Error>);

struct Waiting {
    report: Report,
    reply: oneshot::Sender<Result<Reported, Error>>,
}

/// The door for reports.
pub(crate) struct Reports {
    queue: mpsc::Sender<Waiting>,
}

impl Reports {
    /// Starts to take reports, on connections of that pool. All that were accepted are sent before it
    /// ends.
    ///
    /// Where the tables are spread, `spread` writes to them.
    pub(crate) fn start(pool: Pool, clock: Arc<dyn Clock>, spread: Option<Writer>) -> Self {
        let (queue, waiting) = mpsc::channel(QUEUE);
        let sending = Sending {
            pool,
            clock,
            spread,
        };
        tokio::spawn(take_all(waiting, sending));
        Self { queue }
    }

    /// Takes a report in. It is durable when this returns [`Reported::Done`]; where it is an error,
    /// nothing has changed, except for [`Error::Unavailable`] where nobody knows.
    pub(crate) async fn report(&self, report: Report) -> Result<Reported, Error> {
        report.check()?;
        if report.is_more() {
            return Ok(Reported::Elsewhere(report));
        }
        let (reply, answer) = oneshot::channel();
        let waiting = Waiting { report, reply };
        self.queue.try_send(waiting).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => Error::Busy {
                retry_after: RETRY_AFTER,
            },
            mpsc::error::TrySendError::Closed(_) => stopped(),
        })?;
        answer.await.unwrap_or_else(|_| Err(stopped()))
    }
}

fn stopped() -> Error {
    Error::Unavailable {
        detail: "reports are no longer taken".to_owned(),
    }
}

/// How many batches are on their way at once where the tables are spread: those of different tenants are
/// worked out by different machines.
const IN_FLIGHT_SPREAD: usize = 8;

/// Sends what waits, batch by batch, until the queue is closed and empty.
async fn take_all(mut queue: mpsc::Receiver<Waiting>, sending: Sending) {
    let in_flight = match sending.spread {
        Some(_) => IN_FLIGHT_SPREAD,
        None => IN_FLIGHT,
    };
    let free = Arc::new(Semaphore::new(in_flight));
    let mut waiting = VecDeque::new();
    loop {
        if waiting.is_empty() {
            match queue.recv().await {
                Some(first) => waiting.push_back(first),
                None => return,
            }
        }
        let Ok(permit) = Arc::clone(&free).acquire_owned().await else {
            return;
        };
        // Whatever has come while all connections were at work; many reports to one state do not keep
        // back those to others.
        while waiting.len() < QUEUE
            && let Ok(next) = queue.try_recv()
        {
            waiting.push_back(next);
        }
        let batch = batch(&mut waiting, sending.spread.is_some());
        let sending = sending.clone();
        tokio::spawn(async move {
            sending.send(batch).await;
            drop(permit);
        });
    }
}

/// What may go together of what waits, from the front. Of two reports to one state the second stays:
/// the statement changes a row once. Where each tenant has a place of its own, those of others stay too.
fn batch(waiting: &mut VecDeque<Waiting>, of_one_tenant: bool) -> Vec<Waiting> {
    let (mut batch, mut stay) = (Vec::new(), Vec::new());
    let (mut states, mut bytes) = (HashSet::new(), 0);
    while batch.len() < BATCH
        && bytes < BATCH_BYTES
        && let Some(next) = waiting.pop_front()
    {
        let first: Option<&Waiting> = batch.first().filter(|_| of_one_tenant);
        let tenant_id = next.report.permit.tenant_id();
        let is_anothers = first.is_some_and(|it| it.report.permit.tenant_id() != tenant_id);
        // Two states of the same hash go one after the other too, which does no harm.
        if !is_anothers && states.insert(next.report.state_hash()) {
            bytes += next.report.bytes();
            batch.push(next);
        } else {
            stay.push(next);
        }
    }
    for one in stay.into_iter().rev() {
        waiting.push_front(one);
    }
    batch
}

/// What it takes to send a batch.
#[derive(Clone)]
struct Sending {
    pool: Pool,
    clock: Arc<dyn Clock>,
    spread: Option<Writer>,
}

impl Sending {
    /// Sends the reports and answers each.
    async fn send(&self, batch: Vec<Waiting>) {
        let (reports, replies): (Vec<Report>, Vec<_>) = batch
            .into_iter()
            .map(|waiting| (waiting.report, waiting.reply))
            .unzip();
        let outcomes = match self.outcomes(&reports).await {
            Ok(outcomes) => outcomes,
            Err(failed) if failed.is_of_one() && reports.len() > 1 => {
                self.one_by_one(&reports).await
            }
            Err(failed) => {
                let failure = |_| Outcome(Err(failed.error.clone()));
                reports.iter().map(failure).collect()
            }
        };
        for ((report, reply), outcome) in reports.into_iter().zip(replies).zip(outcomes) {
            let reported = outcome.0.map(|row| match row {
                Some(row) => Reported::Done(row),
                None => Reported::Elsewhere(report),
            });
            // Nobody waits any more where the client has gone away; the report stands.
            let _ = reply.send(reported);
        }
    }

    /// One of them is something that the database refuses, and with it all.
    async fn one_by_one(&self, reports: &[Report]) -> Vec<Outcome> {
        let mut outcomes = Vec::with_capacity(reports.len());
        for report in reports {
            let alone = self.outcomes(std::slice::from_ref(report)).await;
            outcomes.push(match alone.map(|mut alone| alone.pop()) {
                Ok(Some(outcome)) => outcome,
                Ok(None) => Outcome(Err(internal("a report without an answer"))),
                Err(failed) => Outcome(Err(failed.error)),
            });
        }
        outcomes
    }

    /// One transaction: all of it is done or nothing.
    async fn outcomes(&self, reports: &[Report]) -> Result<Vec<Outcome>, Failed> {
        if let Some(writer) = &self.spread {
            return self.outcomes_spread(writer, reports).await;
        }
        let mut attempt = 1;
        loop {
            match self.attempt(reports).await {
                Err(Failed {
                    fate: Fate::Again, ..
                }) if attempt < ATTEMPTS => attempt += 1,
                done => return done,
            }
        }
    }

    async fn outcomes_spread(
        &self,
        writer: &Writer,
        reports: &[Report],
    ) -> Result<Vec<Outcome>, Failed> {
        let tenant_id = reports.first().map(|one| one.permit.tenant_id().to_owned());
        let (reports, clock) = (reports.to_vec(), Arc::clone(&self.clock));
        let report = move |database: &dyn Database| {
            let received = DateTimeOffset::from_system_time(clock.now());
            spread::report(database, received, &reports)
        };
        let done = writer.write(Isolation::Serializable, tenant_id, report);
        done.await.map_err(|error| Failed {
            error,
            fate: Fate::Final,
        })
    }

    async fn attempt(&self, reports: &[Report]) -> Result<Vec<Outcome>, Failed> {
        let mut batch = Batch::new(DateTimeOffset::from_system_time(self.clock.now()));
        reports.iter().for_each(|report| batch.add(report));
        let unsent = |error| Failed {
            error,
            fate: Fate::Lost,
        };
        // Until the statement is on its way, a connection that is lost may be replaced by another.
        let mut left = IN_FLIGHT;
        let (client, statement) = loop {
            let client = self.pool.get().await.map_err(pool_error).map_err(unsent)?;
            match client.prepare_cached(REPORT).await {
                Ok(statement) => break (client, statement),
                Err(error) => {
                    discard(client);
                    if left == 0 || fate(&error) != Fate::Lost {
                        return Err(unsent(store_error(&error)));
                    }
                    left -= 1;
                }
            }
        };
        match client.query(&statement, &batch.values()).await {
            Ok(rows) => outcomes(reports, &rows).map_err(|error| Failed {
                error,
                // It is done, so it must not be done again.
                fate: Fate::Lost,
            }),
            Err(error) => {
                let fate = fate(&error);
                let mut error = store_error(&error);
                if fate == Fate::Lost {
                    discard(client);
                    error = Error::Unavailable {
                        detail: format!("it is not known whether reports were taken: {error}"),
                    };
                }
                Err(Failed { error, fate })
            }
        }
    }
}
