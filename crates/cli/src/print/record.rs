//! One thing, a line for each of what is known of it.

use std::io::Write;

use super::{
    Screen, Tone,
    printable::{printable, printable_lines},
};
use crate::failure::Failure;

/// Names and values, one below the other.
#[derive(Debug, Default)]
pub(crate) struct Record(Vec<(String, String, Tone)>);

impl Record {
    /// A line; left out where there is no value.
    pub(crate) fn line(&mut self, name: &str, value: impl Into<String>) -> &mut Self {
        self.toned(name, value, Tone::Plain)
    }

    /// A line in a tone.
    pub(crate) fn toned(&mut self, name: &str, value: impl Into<String>, tone: Tone) -> &mut Self {
        let value = value.into();
        if !value.is_empty() {
            self.0.push((name.to_owned(), value, tone));
        }
        self
    }

    /// Writes it: aligned on a terminal, with tabs elsewhere.
    pub(crate) fn print(&self, out: &mut dyn Write, screen: Screen) -> Result<(), Failure> {
        let width = self.0.iter().map(|(name, ..)| name.len()).max();
        let width = width.unwrap_or_default();
        for (name, value, tone) in &self.0 {
            if !screen.terminal {
                writeln!(out, "{name}\t{}", printable(value))?;
                continue;
            }
            let label = Tone::Bold.paint(&format!("{name:<width$}"), screen);
            let value = printable_lines(value.trim_end_matches(['\n', '\r']));
            let indent = " ".repeat(width + 2);
            let mut lines = value.split('\n');
            let first = tone.paint(lines.next().unwrap_or_default(), screen);
            writeln!(out, "{label}  {first}")?;
            for line in lines {
                writeln!(out, "{indent}{}", tone.paint(line, screen))?;
            }
        }
        Ok(())
    }
}
