//! The tours of clients that others have written: `tests/clients`.

use std::{path::Path, process::Command};

use crate::start::{Demo, certificate};

/// The exit status of `tests/clients/run` where a tool that it needs is missing.
const SKIPPED: i32 = 77;

fn tour(name: &str) {
    let folder = tempfile::tempdir().unwrap();
    let certificates = certificate(folder.path());
    let file = |name: &str| certificates.join(name).to_str().unwrap().to_owned();
    let (cert, key) = (file("server.pem"), file("server-key.pem"));
    let demo = Demo::start(&["--tls-cert", &cert, "--tls-key", &key]);
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");

    let status = Command::new(root.join("tests/clients/run"))
        .arg(name)
        .env("RUNSTATE_READY_FILE", demo.folder.path().join("ready.json"))
        .env("RUNSTATE_TLS_CA", file("ca.pem"))
        .status()
        .unwrap();

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
