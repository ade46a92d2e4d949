//! What the commands print: rows as a table, JSON or CSV, single things, and how wide it may be.

mod csv;
mod json;
mod printable;
mod record;
mod rows;

use std::io::IsTerminal;

use clap::ValueEnum;

pub(crate) use self::{
    json::pretty,
    printable::{printable, printable_lines},
    record::Record,
    rows::{Column, Rows, Show, moment},
};

/// A form of output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Form {
    /// For people.
    Table,
    /// For programs: arrays and objects as the API has them.
    Json,
}

/// A form of output of many rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ManyForm {
    /// For people.
    Table,
    /// For programs: an array of objects as the API has them.
    Json,
    /// For spreadsheets.
    Csv,
}

/// What there is to print on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Screen {
    /// Whether somebody looks at it.
    pub(crate) terminal: bool,
    /// How many columns it has, where that is known.
    pub(crate) width: Option<usize>,
    /// Whether it may have colours.
    pub(crate) colour: bool,
}

impl Screen {
    /// Standard output.
    pub(crate) fn stdout() -> Self {
        let terminal = std::io::stdout().is_terminal();
        let size = console::Term::stdout().size_checked();
        // A terminal that does not know its own size says 0.
        let width = size.map(|(_, columns)| usize::from(columns));
        Self {
            terminal,
            width: width.filter(|width| terminal && *width > 0),
            colour: terminal && colour_is_wanted(),
        }
    }
}

/// Whether a terminal may have colours: not where `NO_COLOR` is set (no-color.org), nor where the
/// terminal has none.
fn colour_is_wanted() -> bool {
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
    set("NO_COLOR").is_none() && set("TERM").is_none_or(|term| term != "dumb")
}

/// How a word is shown where there are colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tone {
    Plain,
    Bold,
    Good,
    Bad,
    Faint,
}

impl Tone {
    /// The tone of a `runState`.
    pub(crate) fn of_state(state: &str) -> Self {
        match state {
            "success" => Self::Good,
            "fail" | "scriptError" => Self::Bad,
            "pending" | "notApplicable" => Self::Faint,
            _ => Self::Plain,
        }
    }

    /// The text in this tone (ECMA-48, 8.3.117: SGR).
    pub(crate) fn paint(self, text: &str, screen: Screen) -> String {
        let code = match self {
            Self::Plain => return text.to_owned(),
            Self::Bold => "1",
            Self::Good => "32",
            Self::Bad => "31",
            Self::Faint => "2",
        };
        match screen.colour {
            true => format!("\u{1b}[{code}m{text}\u{1b}[0m"),
            false => text.to_owned(),
        }
    }
}
