//! Processes of the program, ended with the test.

use std::{
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
};

use runstate_testkit::{Data, Http};
use serde_json::Value;
use tempfile::TempDir;

/// The program.
pub(crate) fn runstate() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_runstate"));
    // What the machine's environment says must not change what a test sees.
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("RUNSTATE_")) {
        command.env_remove(name);
    }
    // Nor must whom its user has signed in as.
    command.env("RUNSTATE_CONFIG_DIR", "/nonexistent/runstate");
    command
}

/// What the program prints.
pub(crate) fn output(arguments: &[&str]) -> String {
    let output = runstate().args(arguments).output().unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout)
        .unwrap()
        .trim_end()
        .to_owned()
}

/// A process that is ended when the test is.
pub(crate) struct Process(pub(crate) Child);

impl Process {
    /// Sends a signal by its name, such as `TERM`.
    pub(crate) fn signal(&self, name: &str) {
        // The shell's own `kill`: the program of that name is not on every machine.
        let kill = format!("kill -s {name} {}", self.0.id());
        let status = Command::new("sh").args(["-c", &kill]).status();
        assert!(status.unwrap().success());
    }

    /// Waits for the end.
    pub(crate) fn wait(&mut self) -> ExitStatus {
        self.0.wait().unwrap()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A demo that answers.
pub(crate) struct Demo {
    pub(crate) process: Process,
    /// What it printed.
    pub(crate) printed: String,
    /// What its ready file holds.
    pub(crate) ready: Value,
    pub(crate) http: Http,
    pub(crate) folder: TempDir,
    data: Option<Data>,
}

impl Demo {
    /// Starts a demo with its data in the store that the environment names.
    pub(crate) fn start(arguments: &[&str]) -> Self {
        Self::start_on(Some(Data::new()), arguments)
    }

    /// Starts a demo that stands in for Graph, with its data in files of its own.
    pub(crate) fn emulate(arguments: &[&str]) -> Self {
        Self::start_on(None, &[&["--emulate"], arguments].concat())
    }

    fn start_on(data: Option<Data>, arguments: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let ready = folder.path().join("ready.json");
        let mut command = runstate();
        if let Some(data) = &data {
            command.args(["demo", "--data"]).arg(data.address());
        } else {
            command.arg("demo");
        }
        if !arguments.contains(&"--listen") {
            command.args(["--listen", "127.0.0.1:0"]);
        }
        let mut process = command
            .arg("--ready-file")
            .arg(&ready)
            .args(arguments)
            .stdout(Stdio::piped())
            .spawn()
            .map(Process)
            .unwrap();
        let mut lines = BufReader::new(process.0.stdout.take().unwrap()).lines();
        let mut printed = String::new();
        while !printed.ends_with("Stop with Ctrl-C.\n") {
            printed += &lines.next().expect("the demo ended early").unwrap();
            printed.push('\n');
        }
        let ready = serde_json::from_slice(&std::fs::read(ready).unwrap()).unwrap();
        Self {
            process,
            printed,
            ready,
            http: Http::new(),
            folder,
            data,
        }
    }

    /// Ends the demo by a signal and starts it again on the same data.
    pub(crate) fn restart(mut self, signal: &str) -> Self {
        self.process.signal(signal);
        self.process.wait();
        Self::start_on(self.data, &[])
    }

    pub(crate) fn text(&self, name: &str) -> &str {
        self.ready[name].as_str().unwrap()
    }

    /// The URL of something below `/beta`.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.text("baseUrl"))
    }

    /// A token that `runstate token` prints for the demo's tenant.
    pub(crate) fn token(&self, arguments: &[&str]) -> String {
        self.token_of(&[&["--tenant", self.text("tenantId")], arguments].concat())
    }

    /// A token that `runstate token` prints for the tenant that the arguments name.
    pub(crate) fn token_of(&self, arguments: &[&str]) -> String {
        let data = self.data.as_ref().unwrap().address();
        output(&[&["token", "--data", &data], arguments].concat())
    }
}

/// Writes a certificate for `localhost` and says where it is.
pub(crate) fn certificate(folder: &Path) -> PathBuf {
    let certificates = folder.join("certificates");
    output(&["certificate", "--out", certificates.to_str().unwrap()]);
    certificates
}
