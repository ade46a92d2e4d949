//! What the README says to paste does what the README says.

use std::{
    io::{BufRead, BufReader},
    net::TcpListener,
    process::{Command, Stdio},
};

use crate::start::{Process, runstate};

/// The blocks of commands below a heading.
fn blocks(heading: &str) -> Vec<String> {
    let readme = include_str!("../../../../README.md");
    let (_, below) = readme.split_once(heading).unwrap();
    let section = below.split("\n### ").next().unwrap();
    let blocks = section.split("```sh\n").skip(1);
    blocks
        .map(|block| block.split("```").next().unwrap().to_owned())
        .collect()
}

#[test]
fn from_nothing_to_a_scripts_result_in_five_commands() {
    let blocks = blocks("### From nothing to a script's result on a device\n");
    assert_eq!(blocks.len(), 5);
    let folder = tempfile::tempdir().unwrap();
    // A port that is free now is most likely still so a moment later.
    let port = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let program = runstate();
    let bin = std::path::Path::new(program.get_program())
        .parent()
        .unwrap();
    let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap());
    let shell = |script: &str| {
        let mut shell = Command::new("bash");
        shell
            .args(["-ec", script])
            .current_dir(folder.path())
            .env("PATH", &path);
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("RUNSTATE_")) {
            shell.env_remove(name);
        }
        shell
    };
    let mut server = shell(&format!("exec {}", blocks[0]))
        .env("RUNSTATE_LISTEN", format!("127.0.0.1:{port}"))
        .stderr(Stdio::piped())
        .spawn()
        .map(Process)
        .unwrap();
    let mut log = BufReader::new(server.0.stderr.take().unwrap()).lines();
    log.find(|line| line.as_ref().is_ok_and(|line| line.contains("serving")))
        .unwrap()
        .unwrap();

    let rest = blocks[1..].concat().replace("8080", &port.to_string());
    let output = shell(&rest).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{said}\n{errors}");
    assert!(
        said.contains("ran 1 script: 1 succeeded; all is reported"),
        "{said}\n{errors}"
    );
    assert!(said.contains("\"runState\":\"success\""), "{said}");
    let system = Command::new("uname").arg("-sr").output().unwrap().stdout;
    assert!(
        said.contains(String::from_utf8(system).unwrap().trim()),
        "{said}"
    );
}
