//! The commands for people, as people give them: the program against a real server with a real agent.

mod failures;
mod graph;
mod login;
mod manual;
mod story;
mod terminal;

use std::process::{Command, Output};

use axum::response::{IntoResponse, Response};
use serde_json::Value;

pub(crate) use self::terminal::Terminal;
use crate::{agent::Site, start::runstate};

/// What a command did.
pub(crate) struct Done {
    pub(crate) status: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Done {
    pub(crate) fn of(output: Output) -> Self {
        Self {
            status: output.status.code().unwrap(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// Standard output, of a command that went well.
    pub(crate) fn good(self) -> String {
        assert_eq!(self.status, 0, "{}{}", self.stdout, self.stderr);
        assert_eq!(self.stderr, "");
        self.stdout
    }
}

/// Gives a command without anything in the environment.
pub(crate) fn give(arguments: &[&str]) -> Done {
    Done::of(runstate().args(arguments).output().unwrap())
}

impl Site {
    /// A command for this server, by the environment.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = runstate();
        command
            .env("RUNSTATE_SERVER", &self.url)
            .env("RUNSTATE_TOKEN", &self.token)
            .current_dir(self.folder.path())
            .args(arguments);
        command
    }

    /// Gives a command for this server.
    pub(crate) fn give(&self, arguments: &[&str]) -> Done {
        Done::of(self.command(arguments).output().unwrap())
    }

    /// Writes a file in the folder in which the commands are given.
    pub(crate) fn file(&self, name: &str, content: &str) {
        std::fs::write(self.folder.path().join(name), content).unwrap();
    }
}

/// The text with whatever differs from run to run made the same: ids by the order in which they
/// appear, moments, and the server's port.
pub(crate) fn stable(text: &str) -> String {
    let mut ids: Vec<String> = Vec::new();
    let mut stable = String::new();
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let head = |length| rest.get(..length).unwrap_or_default();
        if is_like(head(36), "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx") {
            let id = head(36).to_owned();
            let known = ids.iter().position(|known| *known == id);
            let number = known.unwrap_or_else(|| {
                ids.push(id);
                ids.len() - 1
            });
            stable += &format!("{:08}-0000-4000-8000-000000000000", number + 1);
            rest = &rest[36..];
        } else if is_like(head(10), "9999-99-99") && is_like(&head(19)[11..], "99:99:99") {
            stable += &format!("2026-01-31{}12:00:00", &rest[10..11]);
            rest = rest[19..].trim_start_matches(|c: char| c == '.' || c.is_ascii_digit());
        } else if let Some(after) = rest.strip_prefix("127.0.0.1:") {
            stable += "127.0.0.1:8080";
            rest = after.trim_start_matches(|c: char| c.is_ascii_digit());
        } else {
            stable.push(c);
            rest = &rest[c.len_utf8()..];
        }
    }
    stable
}

/// Whether a text has a form, in which `9` is any digit, and `x` any of base 16.
fn is_like(text: &str, form: &str) -> bool {
    text.len() == form.len()
        && text.chars().zip(form.chars()).all(|(c, form)| match form {
            '9' => c.is_ascii_digit(),
            'x' => c.is_ascii_hexdigit(),
            _ => c == form,
        })
}

/// An answer of the services that the tests play.
pub(crate) struct Json(pub(crate) Value);

impl IntoResponse for Json {
    fn into_response(self) -> Response {
        ([("content-type", "application/json")], self.0.to_string()).into_response()
    }
}
