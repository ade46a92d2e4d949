//! What some tests need beyond Rust and a C compiler, and how it comes onto a machine.

use std::process::{Command, Stdio};

use crate::{Outcome, workspace::run};

/// Something that a machine may lack.
struct Need {
    what: &'static str,
    /// Which tests stand still without it.
    tests: &'static str,
    /// Commands that succeed only where it is there.
    probes: &'static [&'static [&'static str]],
    /// The Debian packages that bring it.
    packages: &'static [&'static str],
}

const NEEDS: &[Need] = &[
    Need {
        what: "curl",
        tests: "the lines that the demo prints",
        probes: &[&["curl", "--version"]],
        packages: &["curl"],
    },
    Need {
        what: "faketime",
        tests: "the agent whose clock is wrong",
        probes: &[&["faketime", "--version"]],
        packages: &["faketime"],
    },
    Need {
        what: "ps",
        tests: "the scripts whose processes are looked for",
        probes: &[&["ps", "--version"]],
        packages: &["procps"],
    },
    Need {
        what: "PostgreSQL 14 or newer",
        tests: "whatever is stored in it",
        // Debian keeps the server's programs off the path.
        probes: &[&["sh", "-c", "ls /usr/lib/postgresql/*/bin/initdb"]],
        packages: &["postgresql"],
    },
    Need {
        what: "Python 3.11 or newer with venv",
        tests: "the tours of the Python clients",
        probes: &[&[
            "python3",
            "-c",
            "import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))",
        ]],
        packages: &["python3", "python3-venv"],
    },
    Need {
        what: "Node 18 or newer with npm",
        tests: "the tour of the JavaScript client, and the console in a browser",
        probes: &[
            &[
                "node",
                "-e",
                "process.exit(Number(process.versions.node.split('.')[0]) < 18 ? 1 : 0)",
            ],
            &["npm", "--version"],
        ],
        packages: &["nodejs", "npm"],
    },
    Need {
        what: "Chromium",
        tests: "the console in a browser",
        probes: &[&["chromium", "--version"]],
        packages: &["chromium"],
    },
];

/// Installs what is missing where that is possible, and says what stays so. Where `CI` is `true`
/// nothing may be missing: a test that is skipped there is a test that nobody runs.
pub(crate) fn provide() -> Outcome {
    let packages: Vec<&str> = missing().flat_map(|need| need.packages).copied().collect();
    if !packages.is_empty() && succeeds(&["apt-get", "--version"]) && is_root() {
        println!("installing {}", packages.join(", "));
        // Where this fails, what is missing is named below.
        if let Err(error) = install(&packages) {
            eprintln!("{error}");
        }
    }
    let missing: Vec<&Need> = missing().collect();
    for need in &missing {
        let packages = need.packages.join(" ");
        println!(
            "{} is missing (Debian: apt-get install {packages}): skipping {}",
            need.what, need.tests
        );
    }
    let in_ci = std::env::var_os("CI").is_some_and(|ci| ci == "true");
    if in_ci && !missing.is_empty() {
        return Err("nothing may be skipped where CI is true".to_owned());
    }
    Ok(())
}

fn missing() -> impl Iterator<Item = &'static Need> {
    NEEDS
        .iter()
        .filter(|need| !need.probes.iter().all(|probe| succeeds(probe)))
}

fn install(packages: &[&str]) -> Outcome {
    let apt = || {
        let mut command = Command::new("apt-get");
        command.env("DEBIAN_FRONTEND", "noninteractive");
        command
    };
    run(apt().args(["update", "--quiet"]))?;
    run(apt()
        .args(["install", "--quiet", "--yes", "--no-install-recommends"])
        .args(packages))
}

fn is_root() -> bool {
    let id = Command::new("id").arg("-u").output();
    id.is_ok_and(|id| id.stdout == b"0\n")
}

/// Whether a command is there and ends well.
pub(crate) fn succeeds(command: &[&str]) -> bool {
    let Some((program, arguments)) = command.split_first() else {
        return false;
    };
    let status = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    status.is_ok_and(|status| status.success())
}
