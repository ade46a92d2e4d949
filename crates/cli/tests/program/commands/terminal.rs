//! The same on a terminal: a pseudo-terminal by `script`, and what its screen shows in the end.

use std::{
    io::{Read, Write},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
};

use serde_json::json;

use super::stable;
use crate::{
    agent::{Site, is_installed},
    start::{Process, runstate},
};

/// A command at work on a terminal of 100 columns and 24 lines.
pub(crate) struct Terminal {
    process: Process,
    keyboard: ChildStdin,
    output: ChildStdout,
    /// All that it has printed.
    raw: Vec<u8>,
}

impl Terminal {
    pub(crate) fn start(site: &Site, more: &[(&str, &str)], arguments: &str) -> Self {
        let program = runstate();
        let program = program.get_program().to_str().unwrap();
        let line = format!("stty cols 100 rows 24; exec {program} {arguments}");
        let mut command = Command::new("script");
        command
            .args(["-qec", &line, "/dev/null"])
            .env("RUNSTATE_SERVER", &site.url)
            .env("RUNSTATE_TOKEN", &site.token)
            .env("TERM", "xterm-256color")
            .env_remove("NO_COLOR")
            .envs(more.iter().copied())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        let mut child: Child = command.spawn().unwrap();
        Self {
            keyboard: child.stdin.take().unwrap(),
            output: child.stdout.take().unwrap(),
            process: Process(child),
            raw: Vec::new(),
        }
    }

    /// Reads until this was printed.
    pub(crate) fn until(&mut self, text: &str) {
        let mut some = [0; 1024];
        while !self.raw().contains(text) {
            let read = self.output.read(&mut some).unwrap();
            assert_ne!(read, 0, "the end without {text:?}: {}", self.raw());
            self.raw.extend(&some[..read]);
        }
    }

    pub(crate) fn raw(&self) -> String {
        String::from_utf8_lossy(&self.raw).into_owned()
    }

    pub(crate) fn types(&mut self, keys: &str) {
        self.keyboard.write_all(keys.as_bytes()).unwrap();
        self.keyboard.flush().unwrap();
    }

    /// Waits for the end: the status, and the screen.
    pub(crate) fn end(mut self) -> (i32, String) {
        self.output.read_to_end(&mut self.raw).unwrap();
        let status = self.process.wait().code().unwrap();
        let mut screen = vt100::Parser::new(24.try_into().unwrap(), 100.try_into().unwrap(), 0);
        screen.process(&self.raw);
        let rows: Vec<String> = screen
            .screen()
            .rows(0, 100)
            .map(|row| row.trim_end().to_owned())
            .collect();
        (status, rows.join("\n").trim_end().to_owned())
    }
}

#[tokio::test]
async fn tables_fit_questions_are_asked_and_a_bar_moves() {
    if !is_installed("script") {
        println!("skipped: there is no `script` to make a terminal with");
        return;
    }
    let site = Site::start(&[]);
    let gate = site.folder.path().join("gate");
    let content = format!(
        "while ! test -e {}; do sleep 0.1; done\necho a line that is a good deal longer than a \
         terminal of a hundred columns has room for >&2\nexit 4\n",
        gate.display()
    );
    let script = site.shell("Gate", &content, json!({})).await;
    let device = site.enroll("one");
    let agent = device.start(&[]);
    let mut told = String::new();
    let mut tell = |what: &str, (status, screen): (i32, String)| {
        told += &format!("$ runstate {what}\n{screen}\n[{status}]\n\n");
    };

    // While the script waits, so does the bar; when it ends, the bar is gone and the outcome is there.
    let what = "watch Gate --interval 1 --exit-status";
    let mut watch = Terminal::start(&site, &[], what);
    watch.until("0 of 1 reported");
    std::fs::write(&gate, "").unwrap();
    site.outcome(&script, &device).await;
    watch.until("1 of 1 reported, 1 failed");
    tell(what, watch.end());

    for what in ["results Gate", "script list", "script show Gate"] {
        tell(what, Terminal::start(&site, &[], what).end());
    }
    // Failures are red there, unless nobody wants colours, or the terminal has none.
    let coloured = |more: &[(&str, &str)]| {
        let mut results = Terminal::start(&site, more, "results Gate");
        results.until("fail");
        results.output.read_to_end(&mut results.raw).unwrap();
        results.raw().contains("\u{1b}[31mfail\u{1b}[0m")
    };
    assert!(coloured(&[]));
    assert!(!coloured(&[("NO_COLOR", "1")]));
    assert!(!coloured(&[("TERM", "dumb")]));

    let what = "script run Gate --failed --watch --interval 1";
    tell(what, Terminal::start(&site, &[], what).end());

    let what = "script delete Gate";
    let mut delete = Terminal::start(&site, &[], what);
    delete.until("[y/N]");
    delete.types("n\n");
    tell(what, delete.end());
    let mut delete = Terminal::start(&site, &[], what);
    delete.until("[y/N]");
    delete.types("y\n");
    tell(what, delete.end());
    tell(
        "script list",
        Terminal::start(&site, &[], "script list").end(),
    );
    drop(agent);
    insta::assert_snapshot!(stable(&told));
}
