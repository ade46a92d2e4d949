//! The tours of clients that others have written: `tests/clients`.

use std::{path::Path, process::Command};

use crate::start::{Demo, certificate};

/// The exit status of `tests/clients/run` where a tool that it needs is missing.
const SKIPPED: i32 = 77;

fn tour(name: &str) {
    tour_of(name, Demo::start);
}

/// A tour that needs a stand-in for Graph.
fn tour_of_faults(name: &str) {
    tour_of(name, Demo::emulate);
}

fn tour_of(name: &str, start: fn(&[&str]) -> Demo) {
    let folder = tempfile::tempdir().unwrap();
    let certificates = certificate(folder.path());
    let file = |name: &str| certificates.join(name).to_str().unwrap().to_owned();
    let (cert, key) = (file("server.pem"), file("server-key.pem"));
    let demo = start(&["--tls-cert", &cert, "--tls-key", &key]);
    let mut run = run(name);
    run.env("RUNSTATE_READY_FILE", demo.folder.path().join("ready.json"))
        .env("RUNSTATE_TLS_CA", file("ca.pem"));
    succeeds(name, &mut run);
}

/// The program that runs a tour.
fn run(name: &str) -> Command {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut run = Command::new(root.join("tests/clients/run"));
    run.arg(name);
    run
}

fn succeeds(name: &str, run: &mut Command) {
    let status = run.status().unwrap();
    if status.code() == Some(SKIPPED) {
        // The script has said so, and under CI it fails instead.
        return;
    }
    assert!(status.success(), "the tour '{name}' failed");
}

#[test]
fn the_graph_sdk_for_python() {
    tour("python-sdk");
}

#[test]
fn msal_and_azure_identity() {
    tour("python-msal");
}

#[test]
fn intune_cd() {
    tour("intunecd");
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
