//! One script that is due, from its content to the report that waits.

use std::{collections::HashSet, fs, path::PathBuf, time::Duration};

use crate::{
    Agent, Error,
    delay::Stop,
    identity::write_private,
    platform::{account, find_program, group},
    queue::Running,
    random, report,
    run::{self, Ended, RunAs},
    server::{AssignedScript, ServerError},
};

/// What came of a script that was due.
pub(crate) enum Came {
    Ran(&'static str),
    /// It cannot be run now.
    PutOff,
    /// Nobody is logged on.
    NoUser,
    /// The agent is to stop.
    Stopped,
}

impl Agent {
    /// Runs a script, whatever comes of it.
    pub(super) async fn execute(
        &mut self,
        script: &AssignedScript,
        request_id: Option<&str>,
        tries: i32,
        stop: &mut Stop,
    ) -> Result<Came, Error> {
        if *stop.borrow() {
            return Ok(Came::Stopped);
        }
        let run_as = match self.run_as(script).await {
            Ok(Some(run_as)) => run_as,
            Ok(None) => return Ok(Came::NoUser),
            Err(reason) => {
                let run = self.begin(script, request_id, tries, "")?;
                return self.end_at_once(&run, &Ended::script_error(reason));
            }
        };
        let run = self.begin(script, request_id, tries, &run_as.account.name)?;
        if let Some(reason) = run::not_applicable(script) {
            return self.end_at_once(&run, &Ended::not_applicable(reason));
        }
        let content = match self.content(script).await? {
            Ok(Some(content)) => content,
            Ok(None) => {
                let ended = Ended::script_error("The script has no content.");
                return self.end_at_once(&run, &ended);
            }
            Err(error) => {
                tracing::warn!(script = script.display_name, %error, "its content cannot be had now");
                return Ok(Came::PutOff);
            }
        };
        if let Some(request_id) = request_id {
            match self.server.start(script, &run.id, request_id).await {
                Ok(()) => {}
                Err(error) if error.is_final() => {
                    tracing::info!(script = script.display_name, %error, "not run");
                    self.declined.insert(request_id.to_owned());
                    return Ok(Came::PutOff);
                }
                Err(error) => {
                    tracing::warn!(script = script.display_name, %error, "the run waits");
                    return Ok(Came::PutOff);
                }
            }
        }
        if script.block_execution_notifications == Some(false) {
            self.notify(script).await;
        }
        self.queue.start(&run)?;
        tracing::info!(
            script = script.display_name,
            account = run.account,
            "running"
        );
        let queue = &self.queue;
        let started = |leader: i32| {
            let noted = queue.set_process(&run.id, leader, group::began(leader).as_deref());
            if let Err(error) = noted {
                tracing::warn!(%error, "the process is not noted");
            }
        };
        let ended = self
            .runner
            .run(script, &content, &run_as, stop, started)
            .await;
        let (ended, came) = match ended {
            Ok(ended) => {
                let run_state = ended.run_state;
                (ended, Came::Ran(run_state))
            }
            Err(run::Interrupted) => (Ended::script_error(report::INTERRUPTED), Came::Stopped),
        };
        self.end(&run, &ended)?;
        Ok(came)
    }

    fn begin(
        &self,
        script: &AssignedScript,
        request_id: Option<&str>,
        tries: i32,
        account: &str,
    ) -> Result<Running, Error> {
        Ok(Running {
            id: self.new_run_id()?,
            script: script.clone(),
            request_id: request_id.map(str::to_owned),
            tries,
            account: account.to_owned(),
            started: self.now(),
            reported_start: self.server.tokens.now().to_string(),
            process_group: None,
            process_began: None,
        })
    }

    fn end_at_once(&mut self, run: &Running, ended: &Ended) -> Result<Came, Error> {
        self.queue.start(run)?;
        self.end(run, ended)?;
        Ok(Came::Ran(ended.run_state))
    }

    /// Notes how a run has ended, to be reported.
    pub(super) fn end(&mut self, run: &Running, ended: &Ended) -> Result<(), Error> {
        let end = self.server.tokens.now().to_string();
        let body = report::body(run, ended, &end);
        let now = self.now();
        self.queue.end(run, ended.run_state, now, &body)?;
        Ok(())
    }

    /// The account to run under; none while nobody is logged on for whom it is.
    async fn run_as(&self, script: &AssignedScript) -> Result<Option<RunAs>, String> {
        let own = account::own();
        if script.run_as_account != "user" {
            return Ok(Some(RunAs {
                account: own,
                gives_up: false,
            }));
        }
        let users = self.logged_on_users().await;
        let Some(name) = users.first() else {
            return Ok(None);
        };
        let account = account::named(name)
            .ok_or_else(|| format!("There is no account '{name}' on this device."))?;
        if account.uid == own.uid {
            return Ok(Some(RunAs {
                account,
                gives_up: false,
            }));
        }
        if !account::is_root() {
            return Err(format!(
                "The agent is not root and cannot run a script as '{name}'."
            ));
        }
        Ok(Some(RunAs {
            account,
            gives_up: true,
        }))
    }

    /// Tells whoever is logged on that a script runs, where there is a way to.
    async fn notify(&self, script: &AssignedScript) {
        let users = self.logged_on_users().await;
        let Some(account) = users.first().and_then(|name| account::named(name)) else {
            return;
        };
        let bus = PathBuf::from(format!("/run/user/{}/bus", account.uid));
        let Some(program) = find_program("notify-send").filter(|_| bus.exists()) else {
            return;
        };
        let Some((helper, first)) = self.runner.exec_as.split_first() else {
            return;
        };
        let mut command = tokio::process::Command::new(helper);
        command
            .args(first)
            .args(["--name", &account.name, "--uid", &account.uid.to_string()])
            .args(["--gid", &account.gid.to_string(), "--folder", "/", "--"])
            .arg(program)
            .arg("--app-name=Runstate")
            .arg(format!("Your organisation runs “{}”.", script.display_name))
            .env(
                "DBUS_SESSION_BUS_ADDRESS",
                format!("unix:path={}", bus.display()),
            )
            .stdin(std::process::Stdio::null())
            .stdout(std::process::Stdio::null())
            .stderr(std::process::Stdio::null())
            .kill_on_drop(true);
        // Whether it was seen is no matter of the script.
        let _ = tokio::time::timeout(Duration::from_secs(5), command.status()).await;
    }

    /// The content of the version that is to run: from the state folder, or else from the server.
    async fn content(
        &mut self,
        script: &AssignedScript,
    ) -> Result<Result<Option<Vec<u8>>, ServerError>, Error> {
        if script.version == 0 {
            return Ok(Ok(None));
        }
        let path = self.content_path(script);
        if let Ok(content) = fs::read(&path) {
            return Ok(Ok(Some(content)));
        }
        let (version, content) = match self.server.content(&script.id).await {
            Ok(found) => found,
            Err(error) => return Ok(Err(error)),
        };
        if version != script.version {
            // It was changed this moment; the next check-in tells of it.
            let reason = "a newer version than it had told of".to_owned();
            return Ok(Err(ServerError::Unexpected(reason)));
        }
        if let Some(content) = &content {
            write_private(&path, content).map_err(|error| Error::file(&path, error))?;
        }
        Ok(Ok(content))
    }

    fn content_path(&self, script: &AssignedScript) -> PathBuf {
        // An id may hold anything, a file name may not.
        let name: String = script
            .id
            .bytes()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        self.state
            .file(&format!("script-{name}-{}", script.version))
    }

    /// Removes the contents of scripts and versions that are not to be run any more.
    pub(super) fn forget_contents(&self, scripts: &[AssignedScript]) {
        let kept: HashSet<PathBuf> = scripts
            .iter()
            .map(|script| self.content_path(script))
            .collect();
        let Ok(folder) = fs::read_dir(self.state.path()) else {
            return;
        };
        for path in folder.filter_map(|entry| Some(entry.ok()?.path())) {
            let name = path.file_name().and_then(|name| name.to_str());
            if name.is_some_and(|name| name.starts_with("script-")) && !kept.contains(&path) {
                // What cannot be removed now is tried again with the next change.
                let _ = fs::remove_file(path);
            }
        }
    }

    /// A UUID of version 7 (RFC 9562, 5.7), by the server's time.
    fn new_run_id(&self) -> Result<String, Error> {
        let millis = u64::try_from(self.server.tokens.now().ticks() / 10_000).unwrap_or(0);
        let id = uuid::Builder::from_unix_timestamp_millis(millis, &random::bytes()?);
        Ok(id.into_uuid().to_string())
    }
}
