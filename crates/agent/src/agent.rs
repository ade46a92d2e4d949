//! The life of an agent: check in, run what is due, report.

use std::{collections::HashSet, ffi::OsString, fs, path::PathBuf, sync::Arc, time::Duration};

use runstate_graph::clock::Clock;
use runstate_odata::edm::DateTimeOffset;
use tokio::sync::watch;

use crate::{
    Error, StateDir,
    delay::{BackOff, Stop, jittered, pause, within},
    execution::Came,
    facts,
    http::Http,
    identity::Identity,
    platform::{account, group},
    queue::Queue,
    report,
    run::{self, Ended, Runner},
    schedule::{self, Due},
    server::{AssignedScript, Server},
    token::Tokens,
};

/// How an agent works.
#[derive(Debug, Clone)]
pub struct Options {
    /// How often it checks in at least; the server may want it more often.
    pub interval: Duration,
    /// It begins at some moment within so long, so that a fleet that wakes together does not come
    /// together.
    pub splay: Duration,
    /// How long a script may take.
    pub time_out: Duration,
    /// An account that is taken for logged on, whoever else is.
    pub logon_user: Option<String>,
    /// The command that calls [`crate::exec_as`].
    pub exec_as: Vec<OsString>,
    /// How many processes an account that is not root may have while it runs a script.
    pub processes: u64,
}

/// What one round has done.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Summary {
    /// Runs that succeeded.
    pub success: usize,
    /// Runs that failed.
    pub fail: usize,
    /// Runs that could not be, or were ended.
    pub script_error: usize,
    /// Scripts that are not for this device.
    pub not_applicable: usize,
    /// Scripts that wait for somebody to log on.
    pub waiting_for_user: usize,
    /// Reports that wait to be delivered.
    pub waiting: usize,
}

/// How long at most until a script is looked at anew that nobody is logged on for, or whose content
/// could not be had.
const LOOK_AGAIN: Duration = Duration::from_secs(60);

/// The least time between two check-ins that bring nothing new; a quarter of it where they do.
const BETWEEN: Duration = Duration::from_secs(1);

/// A server that answers at once although it was asked to wait is not asked again before this.
const AT_ONCE: Duration = Duration::from_secs(5);

/// An agent at work in a state folder.
pub struct Agent {
    pub(super) state: StateDir,
    options: Options,
    clock: Arc<dyn Clock>,
    identity: Identity,
    pub(super) queue: Queue,
    pub(super) server: Server,
    pub(super) runner: Runner,
    /// How often the server wants to hear of the device.
    interval: Duration,
    /// Requests that the server has taken back since it named them.
    pub(super) declined: HashSet<String>,
    /// Scripts whose content could not be had this time.
    put_off: HashSet<String>,
    _lock: fs::File,
}

impl Agent {
    /// Opens the state folder of an enrolled device, and sees to what an earlier agent has left.
    ///
    /// # Errors
    /// Where the device is not enrolled, or another agent is at work there, or a file fails.
    pub fn open(state: StateDir, options: Options, clock: Arc<dyn Clock>) -> Result<Self, Error> {
        let identity = state.identity()?;
        let lock = state.lock()?;
        let http = Http::new(identity.ca.as_deref())?;
        let key = state.key()?;
        let queue = Queue::open(&state.file("queue.db"))?;
        let mut tokens = Tokens::new(http.clone(), clock.clone(), key, identity.clone());
        let offset = queue.setting("offset")?.and_then(|text| text.parse().ok());
        tokens.set_offset(offset.unwrap_or(0));
        let server = Server::new(http, identity.clone(), tokens);
        let runner = Runner {
            folder: run_folder(&state),
            time: options.time_out,
            exec_as: options.exec_as.clone(),
            processes: options.processes,
        };
        group::adopt_orphans();
        let interval = options.interval;
        let mut agent = Self {
            state,
            options,
            clock,
            identity,
            queue,
            server,
            runner,
            interval,
            declined: HashSet::new(),
            put_off: HashSet::new(),
            _lock: lock,
        };
        agent.recover()?;
        Ok(agent)
    }

    /// Checks in, runs what is due, delivers what waits.
    ///
    /// # Errors
    /// Where the server could not be reached or refused; what could be done without it was done.
    pub async fn once(&mut self, mut stop: watch::Receiver<bool>) -> Result<Summary, Error> {
        if pause(within(self.options.splay), &mut stop).await {
            return self.summary(Summary::default());
        }
        let checked_in = self.check_in(Duration::ZERO).await;
        let done = self.run_due(&mut stop).await?;
        let delivered = match &checked_in {
            Ok(()) => self.deliver().await,
            Err(_) => Ok(()),
        };
        self.remember_offset()?;
        let summary = self.summary(done)?;
        checked_in?;
        delivered?;
        Ok(summary)
    }

    fn summary(&self, done: Summary) -> Result<Summary, Error> {
        let waiting = self.queue.waiting()?;
        Ok(Summary { waiting, ..done })
    }

    /// Goes on until it is told to stop.
    ///
    /// # Errors
    /// Where a file of its own fails; never for what the server or a script does.
    pub async fn run(&mut self, mut stop: watch::Receiver<bool>) -> Result<(), Error> {
        let mut back_off = BackOff::default();
        let mut is_due = pause(within(self.options.splay), &mut stop).await;
        // The first answer is wanted at once: it says how often the server wants to be asked.
        let mut wait = Duration::ZERO;
        while !std::mem::replace(&mut is_due, *stop.borrow()) {
            // What scripts have left behind, and has ended since.
            group::bury_orphans();
            let begun = tokio::time::Instant::now();
            let mut told = stop.clone();
            let answered = tokio::select! {
                answered = self.round(wait) => answered,
                () = stopped(&mut told) => return Ok(()),
            };
            self.remember_offset()?;
            let done = self.run_due(&mut stop).await?;
            let looks_again = done.waiting_for_user > 0 || !self.put_off.is_empty();
            self.put_off.clear();
            let rest = match answered {
                Ok(is_new) => {
                    back_off.reset();
                    // Whatever the server does, it is not asked in a circle.
                    let too_early = wait > AT_ONCE && begun.elapsed() < AT_ONCE / 5;
                    match is_new {
                        _ if wait.is_zero() => Duration::ZERO,
                        true => (BETWEEN / 4).saturating_sub(begun.elapsed()),
                        false if too_early => AT_ONCE + within(AT_ONCE),
                        false => BETWEEN.saturating_sub(begun.elapsed()),
                    }
                }
                Err(Error::Server(error)) => {
                    let rest = back_off.next(self.interval, error.retry_after());
                    tracing::warn!(%error, again_in = ?rest, "check-in failed");
                    rest
                }
                Err(error) => return Err(error),
            };
            wait = self.until_due(looks_again)?;
            if !rest.is_zero() && pause(rest.min(wait.max(AT_ONCE)), &mut stop).await {
                return Ok(());
            }
        }
        Ok(())
    }

    /// Delivers and checks in; says whether there is something new.
    async fn round(&mut self, wait: Duration) -> Result<bool, Error> {
        self.deliver().await?;
        let before = self.queue.setting("tag")?;
        self.check_in(wait).await?;
        Ok(self.queue.setting("tag")? != before)
    }

    /// How long the next check-in may wait for news.
    fn until_due(&self, looks_again: bool) -> Result<Duration, Error> {
        let mut wait = jittered(self.interval).max(BETWEEN);
        if looks_again {
            wait = wait.min(LOOK_AGAIN);
        }
        let now = self.now();
        for script in self.queue.scripts()? {
            let record = self.queue.record(&script.id)?;
            let is_applicable = run::not_applicable(&script).is_none();
            if let Due::At(at) = schedule::due(&script, record.as_ref(), is_applicable, now) {
                let ticks = u64::try_from(at - now).unwrap_or(0);
                // Up to the next whole second, so that it is due then.
                wait = wait.min(Duration::from_secs(ticks / 10_000_000 + 1));
            }
        }
        Ok(wait)
    }

    /// Whatever was under way when the last agent ended was interrupted: it is ended, should it still
    /// go on, and reported, and never run again unless its script says so.
    fn recover(&mut self) -> Result<(), Error> {
        for running in self.queue.running()? {
            if let (Some(leader), Some(began)) = (running.process_group, &running.process_began)
                && group::began(leader).as_ref() == Some(began)
            {
                group::end(leader);
            }
            tracing::warn!(
                script = running.script.display_name,
                "a run was interrupted"
            );
            let ended = Ended::script_error(report::INTERRUPTED);
            self.end(&running, &ended)?;
        }
        Ok(())
    }

    async fn check_in(&mut self, wait: Duration) -> Result<(), Error> {
        let tag = self.queue.setting("tag")?;
        self.tell_inventory().await?;
        let answer = self.server.check_in(tag.as_deref(), wait).await?;
        self.interval = match answer.interval {
            Some(wanted) => self
                .options
                .interval
                .min(wanted.max(Duration::from_secs(1))),
            None => self.options.interval,
        };
        if let Some((scripts, tag)) = answer.scripts {
            tracing::info!(scripts = scripts.len(), "there is something new");
            self.queue.set_scripts(&scripts, &tag)?;
            self.forget_contents(&scripts);
            let asked: HashSet<&String> = scripts
                .iter()
                .filter_map(|script| script.run_request_id.as_ref())
                .collect();
            self.declined.retain(|request| asked.contains(request));
        }
        Ok(())
    }

    /// Tells facts and logged-on users where they differ from what was told last.
    async fn tell_inventory(&mut self) -> Result<(), Error> {
        let users = self.logged_on_users().await;
        let (body, digest) = facts::inventory(self.identity.device_name.as_deref(), &users);
        if self.queue.setting("inventory")?.as_ref() == Some(&digest) {
            return Ok(());
        }
        match self.server.inventory(&body).await {
            // What the server does not take is not worth another try.
            Ok(()) => {}
            Err(error) if error.is_final() => tracing::warn!(%error, "the inventory is refused"),
            Err(error) => return Err(error.into()),
        }
        self.queue.set_setting("inventory", &digest)?;
        Ok(())
    }

    pub(super) async fn logged_on_users(&self) -> Vec<String> {
        let mut users = facts::logged_on_users().await;
        if let Some(name) = &self.options.logon_user {
            users.retain(|user| user != name);
            users.insert(0, name.clone());
        }
        users
    }

    /// Sends what waits, in order, until something cannot be sent.
    async fn deliver(&mut self) -> Result<(), Error> {
        while let Some(report) = self.queue.next_report()? {
            match self.server.report(&report.path, &report.body).await {
                Ok(()) => tracing::info!(run = report.run_id, "reported"),
                Err(error) if error.is_final() => {
                    tracing::warn!(run = report.run_id, %error, "a report is refused and dropped");
                }
                Err(error) => return Err(error.into()),
            }
            self.queue.told(report.place)?;
        }
        Ok(())
    }

    /// Runs whatever is due, requests first, one after the other.
    async fn run_due(&mut self, stop: &mut Stop) -> Result<Summary, Error> {
        let mut summary = Summary::default();
        let mut no_user: HashSet<String> = HashSet::new();
        while let Some((script, request, tries)) = self.next_due(&no_user)? {
            match self
                .execute(&script, request.as_deref(), tries, stop)
                .await?
            {
                Came::Ran(run_state) => {
                    tracing::info!(script = script.display_name, run_state, "ran");
                    match run_state {
                        "success" => summary.success += 1,
                        "fail" => summary.fail += 1,
                        "notApplicable" => summary.not_applicable += 1,
                        _ => summary.script_error += 1,
                    }
                    // It is seen within seconds; where it cannot be sent now, it waits.
                    if let Err(error) = self.deliver().await {
                        tracing::warn!(%error, "the report waits");
                    }
                }
                Came::PutOff => {
                    self.put_off.insert(script.id);
                }
                Came::NoUser => {
                    no_user.insert(script.id);
                }
                Came::Stopped => break,
            }
        }
        summary.waiting_for_user = no_user.len();
        Ok(summary)
    }

    /// The next script to run, the request that asks for it, and which try it is.
    fn next_due(
        &self,
        no_user: &HashSet<String>,
    ) -> Result<Option<(AssignedScript, Option<String>, i32)>, Error> {
        let now = self.now();
        let mut first = None;
        for mut script in self.queue.scripts()? {
            if self.put_off.contains(&script.id) || no_user.contains(&script.id) {
                continue;
            }
            script
                .run_request_id
                .take_if(|request| self.declined.contains(request));
            let record = self.queue.record(&script.id)?;
            let is_applicable = run::not_applicable(&script).is_none();
            match schedule::due(&script, record.as_ref(), is_applicable, now) {
                Due::Requested(request) => return Ok(Some((script, Some(request), 1))),
                Due::Now { tries } if first.is_none() => first = Some((script, None, tries)),
                _ => {}
            }
        }
        Ok(first)
    }

    fn remember_offset(&self) -> Result<(), Error> {
        let offset = self.server.tokens.offset();
        Ok(self.queue.set_setting("offset", &offset.to_string())?)
    }

    /// In ticks, by this device's clock.
    pub(super) fn now(&self) -> i64 {
        DateTimeOffset::from_system_time(self.clock.now()).ticks()
    }
}

/// Ready when the agent is to stop.
async fn stopped(stop: &mut Stop) {
    if stop.wait_for(|stop| *stop).await.is_err() {
        std::future::pending::<()>().await;
    }
}

/// Where the folders of runs are made: under root a place that other accounts can reach, which the
/// state folder is not.
fn run_folder(state: &StateDir) -> PathBuf {
    if account::is_root() {
        let run = PathBuf::from("/run");
        let base = if run.is_dir() {
            run
        } else {
            std::env::temp_dir()
        };
        return base.join("runstate-agent");
    }
    state.file("run")
}
