//! A server in a folder of its own.

use std::{
    collections::VecDeque,
    io::{BufRead, BufReader, Write},
    net::TcpListener,
    process::{Command, Stdio},
    sync::mpsc::{Sender, channel},
    thread::JoinHandle,
};

use tempfile::TempDir;

use crate::programs::{Account, Programs, run};

/// The superuser, who needs no password: the server listens on loopback alone, and only while tests run.
const SUPERUSER: &str = "runstate";

/// What the server says when it answers.
const READY: &str = "database system is ready to accept connections";

/// How many lines of the server's log are shown when it does not start.
const LINES: usize = 20;

/// How often another port is tried, where somebody has taken the first in between.
const PORTS: usize = 5;

/// What a commit has to survive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// The end of any process, but not of the machine: quicker, and no test turns the machine off.
    None,
    /// All that PostgreSQL promises: for measurements, and for servers that are stopped and go on.
    Full,
}

/// A server on a free port of loopback; it stops when this is dropped, and its folder goes.
#[derive(Debug)]
pub struct Cluster {
    programs: Programs,
    durability: Durability,
    port: u16,
    has_tls: bool,
    has_citus: bool,
    /// The thread that started it, and lives as long.
    keeper: Option<JoinHandle<()>>,
    // Dropped last.
    folder: TempDir,
}

impl Cluster {
    /// Starts the PostgreSQL that is installed here; none where there is
    /// none, which is said.
    ///
    /// # Errors
    ///
    /// What stands in the way, with what the server says.
    ///
    /// # Panics
    ///
    /// Where PostgreSQL is missing although `CI` is `true`.
    pub fn start_installed(durability: Durability) -> Result<Option<Self>, String> {
        let programs = Programs::find_or_skip();
        let start = |programs| Self::start(&programs, durability);
        programs.map(start).transpose()
    }

    pub(crate) fn start(programs: &Programs, durability: Durability) -> Result<Self, String> {
        Self::start_with(programs, durability, false)
    }

    /// One that may be part of a Citus.
    pub(crate) fn start_with_citus(programs: &Programs) -> Result<Self, String> {
        Self::start_with(programs, Durability::None, true)
    }

    fn start_with(
        programs: &Programs,
        durability: Durability,
        has_citus: bool,
    ) -> Result<Self, String> {
        let show = |error: std::io::Error| error.to_string();
        let folder = tempfile::Builder::new()
            .prefix("runstate-postgres-")
            .tempdir();
        let folder = folder.map_err(show)?;
        if let Some(Account { user, group }) = programs.account() {
            std::os::unix::fs::chown(folder.path(), Some(user), Some(group)).map_err(show)?;
        }
        let mut cluster = Self {
            programs: programs.clone(),
            durability,
            port: 0,
            has_tls: false,
            has_citus,
            keeper: None,
            folder,
        };
        let mut initdb = programs.command("initdb");
        initdb
            .arg("--pgdata")
            .arg(cluster.folder.path().join("data"));
        initdb.args(["--locale=C.UTF-8", "--encoding=UTF8", "--auth=trust"]);
        initdb.args(["--no-sync", "--no-instructions", "--username", SUPERUSER]);
        run(&mut initdb)?;
        let mut failure = String::new();
        for _ in 0..PORTS {
            // Free now; where it is not any more in a moment, the server says so.
            let port = TcpListener::bind("127.0.0.1:0").and_then(|socket| socket.local_addr());
            cluster.port = port.map_err(show)?.port();
            match cluster.go_on() {
                Ok(()) => return Ok(cluster),
                Err(error) => failure = error,
            }
        }
        Err(failure)
    }

    /// Its own database, as `postgres://user@127.0.0.1:port/postgres`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("postgres://{SUPERUSER}@127.0.0.1:{}/postgres", self.port)
    }

    /// The port that it listens on.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// A program of PostgreSQL's that talks to a server, such as `pgbench`.
    #[must_use]
    pub fn client(&self, name: &str) -> Command {
        self.programs.client(name)
    }

    /// Where all of it is.
    #[cfg(test)]
    pub(crate) fn folder(&self) -> &std::path::Path {
        self.folder.path()
    }

    /// Starts it again on the same port, after [`Cluster::stop`].
    ///
    /// # Errors
    ///
    /// What the server says.
    pub fn go_on(&mut self) -> Result<(), String> {
        let mut server = self.programs.command("postgres");
        server.arg("-D").arg(self.folder.path().join("data"));
        server.args(["-h", "127.0.0.1", "-p", &self.port.to_string(), "-k"]);
        server.arg(self.folder.path());
        let mut set = |setting: &str| {
            server.args(["-c", setting]);
        };
        // Many tests at once, each with connections of its own.
        set("max_connections=400");
        set("shared_buffers=64MB");
        set("lc_messages=C");
        if self.has_tls {
            set("ssl=on");
        }
        if self.has_citus {
            set("shared_preload_libraries=citus");
            // Among themselves too they are on loopback alone.
            set("citus.node_conninfo=sslmode=disable");
            set("citus.enable_statistics_collection=off");
            set("max_prepared_transactions=200");
            set("citus.shard_count=4");
        }
        if self.durability == Durability::None {
            set("fsync=off");
            set("full_page_writes=off");
            set("max_wal_size=4GB");
        }
        let (ready, waiting) = channel();
        // The server gets a signal when the thread that started it ends, so this one stays with it.
        self.keeper = Some(std::thread::spawn(move || keep(server, &ready)));
        let started = waiting
            .recv()
            .unwrap_or_else(|error| Err(error.to_string()));
        if started.is_err() {
            self.wait();
        }
        started
    }

    /// Starts it anew with TLS, for which it has a certificate and its key, both in PEM.
    ///
    /// # Errors
    ///
    /// What the server says.
    pub fn use_tls(&mut self, certificate: &str, key: &str) -> Result<(), String> {
        self.stop();
        for (name, text) in [("server.crt", certificate), ("server.key", key)] {
            self.write(name, text)
                .map_err(|error| format!("{name}: {error}"))?;
        }
        self.has_tls = true;
        self.go_on()
    }

    /// Puts a file into the server's folder, for it alone to read.
    fn write(&self, name: &str, text: &str) -> std::io::Result<()> {
        let path = self.folder.path().join("data").join(name);
        let mut options = std::fs::OpenOptions::new();
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options
            .write(true)
            .create(true)
            .truncate(true)
            .open(&path)?;
        file.write_all(text.as_bytes())?;
        match self.programs.account() {
            Some(Account { user, group }) => {
                std::os::unix::fs::chown(&path, Some(user), Some(group))
            }
            None => Ok(()),
        }
    }

    /// Stops it as a crash would, at once.
    pub fn stop(&mut self) {
        if self.keeper.is_none() {
            return;
        }
        let mut stop = self.programs.command("pg_ctl");
        stop.arg("--pgdata").arg(self.folder.path().join("data"));
        stop.args(["--mode=immediate", "--wait", "stop"]);
        // Where it is gone already, that is what was wanted.
        let _ = run(&mut stop);
        self.wait();
    }

    fn wait(&mut self) {
        if let Some(keeper) = self.keeper.take() {
            // It failed only where it panicked, which has been reported then.
            let _ = keeper.join();
        }
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Runs the server to its end; says when it answers, or why it does not.
fn keep(mut server: Command, ready: &Sender<Result<(), String>>) {
    let child = server
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn();
    let mut child = match child {
        Ok(child) => child,
        Err(error) => {
            let _ = ready.send(Err(format!("{server:?}: {error}")));
            return;
        }
    };
    let mut last = VecDeque::new();
    if let Some(log) = child.stderr.take() {
        // Read to its end, or the server would stand still when the pipe is full.
        for line in BufReader::new(log).lines().map_while(Result::ok) {
            if line.ends_with(READY) {
                // Nobody listens any more the second time.
                let _ = ready.send(Ok(()));
            }
            last.push_back(line);
            if last.len() > LINES {
                last.pop_front();
            }
        }
    }
    let status = child.wait();
    let last = Vec::from(last).join("\n");
    let _ = ready.send(Err(format!("PostgreSQL ended ({status:?}):\n{last}")));
}
