//! The tours of clients that others have written: `tests/clients`.

use std::{path::Path, process::Command};

use tempfile::TempDir;

use crate::{
    commands::Done,
    start::{Demo, certificate, runstate},
};

/// The exit status of `tests/clients/run` where a tool that it needs is missing.
const SKIPPED: i32 = 77;

/// A server with a certificate.
struct Place {
    demo: Demo,
    folder: TempDir,
}

impl Place {
    /// Of the demo, or of a stand-in for Graph.
    fn start(start: fn(&[&str]) -> Demo) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let certificates = certificate(folder.path());
        let file = |name: &str| certificates.join(name).to_str().unwrap().to_owned();
        let (cert, key) = (file("server.pem"), file("server-key.pem"));
        Self {
            demo: start(&["--tls-cert", &cert, "--tls-key", &key]),
            folder,
        }
    }

    fn authority(&self) -> String {
        let path = self.folder.path().join("certificates/ca.pem");
        path.to_str().unwrap().to_owned()
    }

    /// Where the tour of IntuneCD leaves its backup.
    fn backup(&self) -> String {
        let path = self.folder.path().join("backup");
        path.to_str().unwrap().to_owned()
    }

    /// Whether the tour went well; false where a tool is missing that it needs.
    fn tour(&self, name: &str) -> bool {
        let mut run = run(name);
        run.env(
            "RUNSTATE_READY_FILE",
            self.demo.folder.path().join("ready.json"),
        )
        .env("RUNSTATE_TLS_CA", self.authority())
        .env("RUNSTATE_BACKUP_DIR", self.backup());
        succeeds(name, &mut run)
    }

    /// Gives a command for a tenant of this server that has nothing yet.
    fn give(&self, token: &str, arguments: &[&str]) -> Done {
        let mut command = runstate();
        command
            .args(arguments)
            .env("RUNSTATE_SERVER", self.demo.text("baseUrl"))
            .env("RUNSTATE_TOKEN", token)
            .args(["--ca", &self.authority()]);
        Done::of(command.output().unwrap())
    }
}

/// The program that runs a tour.
fn run(name: &str) -> Command {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut run = Command::new(root.join("tests/clients/run"));
    run.arg(name);
    run
}

/// Whether it went well; false where a tool is missing that it needs.
fn succeeds(name: &str, run: &mut Command) -> bool {
    let status = run.status().unwrap();
    if status.code() == Some(SKIPPED) {
        // The script has said so, and under CI it fails instead.
        return false;
    }
    assert!(status.success(), "the tour '{name}' failed");
    true
}

fn tour(name: &str) {
    Place::start(Demo::start).tour(name);
}

/// A tour that needs a stand-in for Graph.
fn tour_of_faults(name: &str) {
    Place::start(Demo::emulate).tour(name);
}

#[test]
fn the_graph_sdk_for_python() {
    tour("python-sdk");
}

#[test]
fn msal_and_azure_identity() {
    tour("python-msal");
}

/// The tour, and then what it has backed up, in a tenant that had nothing.
#[test]
fn intune_cd() {
    let place = Place::start(Demo::start);
    if !place.tour("intunecd") {
        return;
    }
    let backup = place.backup();
    let permissions = [
        "DeviceManagementConfiguration.ReadWrite.All",
        "Group.ReadWrite.All",
    ];
    let tenant = ["--tenant", "moved.example", "--permission"];
    let token = place.demo.token_of(&[&tenant[..], &permissions].concat());
    let arguments = ["apply", &backup, "--prune", "--create-missing", "--yes"];
    let done = place.give(&token, &arguments).good();
    assert!(done.starts_with("+ group \"tour-intunecd-"), "{done}");
    assert!(done.ends_with("done: 6 changes\n"), "{done}");
    let same = place.give(&token, &arguments).good();
    assert_eq!(
        same,
        "nothing to change: 6 scripts are as the folder says\n"
    );

    let out = place.folder.path().join("out");
    let arguments = ["export", out.to_str().unwrap()];
    place.give(&token, &arguments).good();
    let mut texts = 0;
    for folder in ["shell", "powershell", "custom-attributes"] {
        for entry in std::fs::read_dir(out.join(folder)).unwrap() {
            let text = std::fs::read_to_string(entry.unwrap().path()).unwrap();
            texts += usize::from(text == "#!/bin/sh\necho 0\n" || text == "#!/bin/sh\necho 1\n");
        }
    }
    assert_eq!(texts, 6);
}

#[test]
fn the_graph_client_for_javascript() {
    tour("js");
}

#[test]
fn the_graph_sdk_for_python_is_patient() {
    tour_of_faults("python-retry");
}

#[test]
fn the_graph_client_for_javascript_is_patient() {
    tour_of_faults("js-retry");
}

#[test]
fn the_examples_for_tests_of_automation() {
    let mut run = run("examples");
    run.env("RUNSTATE_PROGRAM", env!("CARGO_BIN_EXE_runstate"));
    succeeds("examples", &mut run);
}
