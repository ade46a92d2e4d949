//! What was found: a table for the terminal, JSON for whoever compares.

use std::fmt::Write as _;

use serde_json::{Value, json};

/// Which side of the goal is the good one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Bound {
    AtLeast,
    AtMost,
}

/// A line of the goal table, before and after it is measured.
#[derive(Debug, Clone)]
pub(crate) struct Row {
    pub(crate) measure: &'static str,
    pub(crate) bound: Bound,
    pub(crate) goal: f64,
    /// What the two figures are in.
    pub(crate) unit: &'static str,
    pub(crate) runstate: Option<f64>,
    pub(crate) reference: Option<f64>,
    /// What is held against the goal.
    pub(crate) ratio: Option<f64>,
    pub(crate) note: Option<String>,
}

impl Row {
    pub(crate) fn met(&self) -> bool {
        self.ratio.is_some_and(|ratio| match self.bound {
            Bound::AtLeast => ratio >= self.goal,
            Bound::AtMost => ratio <= self.goal,
        })
    }

    /// How many times as good as the goal asks; below 1 it is missed.
    pub(crate) fn score(&self) -> Option<f64> {
        let ratio = self.ratio.filter(|ratio| *ratio > 0.0)?;
        Some(match self.bound {
            Bound::AtLeast => ratio / self.goal,
            Bound::AtMost => self.goal / ratio,
        })
    }

    pub(crate) fn goal_text(&self) -> String {
        let word = match self.bound {
            Bound::AtLeast => "≥",
            Bound::AtMost => "≤",
        };
        format!("{word} {}", figure(self.goal))
    }
}

/// How many writes a killed server had acknowledged, and how many of them were gone.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Durability {
    pub(crate) killed: u64,
    pub(crate) acknowledged: u64,
    pub(crate) lost: u64,
}

/// All that was found.
#[derive(Debug)]
pub(crate) struct Report {
    pub(crate) rows: [Row; 15],
    /// What is worth knowing and no goal: a name and a text.
    pub(crate) extras: Vec<(String, String)>,
    pub(crate) durability: Durability,
}

const fn row(measure: &'static str, bound: Bound, goal: f64, unit: &'static str) -> Row {
    Row {
        measure,
        bound,
        goal,
        unit,
        runstate: None,
        reference: None,
        ratio: None,
        note: None,
    }
}

/// The lines of the goal table, in their order.
#[derive(Debug, Clone, Copy)]
#[repr(usize)]
pub(crate) enum Line {
    PatchEcho,
    PatchCap,
    PageCap,
    Sustained,
    AfterBurst,
    Batch,
    Latency,
    PageGrowth,
    DeepPage,
    SummaryGrowth,
    Memory,
    Fleet,
    PostgresPatch,
    PostgresPage,
    PostgresCopy,
}

impl Report {
    pub(crate) fn new() -> Self {
        use Bound::{AtLeast, AtMost};
        Self {
            rows: [
                row(
                    "durable PATCH (64 connections) ÷ echo",
                    AtLeast,
                    0.60,
                    "requests/s",
                ),
                row(
                    "durable PATCH ÷ SAP CAP's PATCH",
                    AtLeast,
                    60.0,
                    "requests/s",
                ),
                row(
                    "filtered first page of 100 ÷ SAP CAP's, 1e5 rows",
                    AtLeast,
                    20.0,
                    "requests/s",
                ),
                row(
                    "durable PATCH sustained for 10 minutes on 1e7 random states ÷ raw SQLite updating the same states in transactions of 1000",
                    AtLeast,
                    1.5,
                    "updates/s",
                ),
                row(
                    "list right after a burst of 1e5 PATCHes on its script ÷ the same list at rest (p99)",
                    AtMost,
                    10.0,
                    "ms",
                ),
                row(
                    "PATCHes in $batch of 20 per second ÷ single PATCHes per second",
                    AtLeast,
                    3.0,
                    "updates/s",
                ),
                row(
                    "p99 of PATCH at half of its peak rate ÷ one fdatasync of the same disk",
                    AtMost,
                    5.0,
                    "ms",
                ),
                row(
                    "filtered first page at 1e7 rows ÷ the same at 1e4 rows (time)",
                    AtMost,
                    1.5,
                    "ms",
                ),
                row("hundredth page ÷ first page (time)", AtMost, 1.3, "ms"),
                row(
                    "run summary at 1e7 rows ÷ at 1e4 rows (time)",
                    AtMost,
                    1.2,
                    "ms",
                ),
                row(
                    "resident memory of the server at 1e7 rows under load",
                    AtMost,
                    200.0,
                    "MB",
                ),
                row(
                    "a million devices checking in every 15 minutes, plus 10 % reporting a run: share of two cores",
                    AtMost,
                    0.25,
                    "s of processor",
                ),
                row(
                    "durable PATCH on PostgreSQL ÷ pgbench updating the bare row, with as many clients",
                    AtLeast,
                    1.5,
                    "updates/s",
                ),
                row(
                    "on PostgreSQL, filtered first page at 1e7 rows ÷ the same at 1e4 rows (time)",
                    AtMost,
                    1.5,
                    "ms",
                ),
                row(
                    "run states copied from SQLite to PostgreSQL per second",
                    AtLeast,
                    100_000.0,
                    "states/s",
                ),
            ],
            extras: Vec::new(),
            durability: Durability::default(),
        }
    }

    /// One line of the table.
    #[expect(
        clippy::indexing_slicing,
        reason = "there is a row for each line, which a test counts"
    )]
    pub(crate) fn row(&mut self, line: Line) -> &mut Row {
        &mut self.rows[line as usize]
    }

    /// Fills a line with two figures and their ratio.
    pub(crate) fn set(&mut self, line: Line, runstate: f64, reference: f64) {
        let row = self.row(line);
        row.runstate = Some(runstate);
        row.reference = Some(reference);
        row.ratio = Some(runstate / reference).filter(|ratio| ratio.is_finite());
    }

    /// Fills a line with one figure, which is held against the goal by itself.
    pub(crate) fn single(&mut self, line: Line, runstate: f64) {
        let row = self.row(line);
        row.runstate = Some(runstate);
        row.ratio = Some(runstate);
    }

    pub(crate) fn note(&mut self, line: Line, note: impl Into<String>) {
        let row = self.row(line);
        let before = row.note.take().map_or(String::new(), |note| note + "; ");
        row.note = Some(before + &note.into());
    }

    pub(crate) fn extra(&mut self, name: impl Into<String>, text: impl Into<String>) {
        self.extras.push((name.into(), text.into()));
    }

    /// A table, as Markdown has it.
    pub(crate) fn table(&self) -> String {
        let shown = |value: Option<f64>| value.map_or("–".to_owned(), figure);
        let mut text = "| measure | Runstate | reference | | ratio | goal | met |\n\
                        |---|--:|--:|---|--:|--:|---|\n"
            .to_owned();
        for row in &self.rows {
            // Writing to a string does not fail.
            let _ = writeln!(
                text,
                "| {} | {} | {} | {} | {} | {} | {} |",
                row.measure,
                shown(row.runstate),
                shown(row.reference),
                row.unit,
                shown(row.ratio),
                row.goal_text(),
                if row.met() { "yes" } else { "**no**" },
            );
        }
        text
    }

    /// The table, the notes and all else, for the terminal.
    pub(crate) fn text(&self) -> String {
        let mut text = self.table();
        text.push('\n');
        for (number, row) in (1..).zip(&self.rows) {
            if let Some(note) = &row.note {
                let _ = writeln!(text, "row {number}: {note}");
            }
        }
        for (name, value) in &self.extras {
            let _ = writeln!(text, "{name}: {value}");
        }
        let Durability {
            killed,
            acknowledged,
            lost,
        } = self.durability;
        let _ = writeln!(
            text,
            "durability: killed {killed} times under load; of {acknowledged} acknowledged writes {lost} lost"
        );
        text
    }

    pub(crate) fn json(&self) -> Value {
        let rows: Vec<Value> = self
            .rows
            .iter()
            .map(|row| {
                let mut json = json!({
                    "measure": row.measure,
                    "runstate": row.runstate,
                    "reference": row.reference,
                    "unit": row.unit,
                    "ratio": row.ratio,
                    "bound": match row.bound {
                        Bound::AtLeast => "at least",
                        Bound::AtMost => "at most",
                    },
                    "goal": row.goal,
                    "met": row.met(),
                });
                if let (Some(note), Some(object)) = (&row.note, json.as_object_mut()) {
                    object.insert("note".to_owned(), note.as_str().into());
                }
                json
            })
            .collect();
        let extras: Vec<Value> = self
            .extras
            .iter()
            .map(|(name, text)| json!({ "name": name, "text": text }))
            .collect();
        let Durability {
            killed,
            acknowledged,
            lost,
        } = self.durability;
        json!({
            "rows": rows,
            "durability": { "killed": killed, "acknowledged": acknowledged, "lost": lost },
            "extras": extras,
        })
    }
}

/// A figure with three digits that count.
pub(crate) fn figure(value: f64) -> String {
    let digits = match value.abs() {
        size if size >= 100.0 => 0,
        size if size >= 10.0 => 1,
        size if size >= 1.0 => 2,
        _ => 3,
    };
    let text = format!("{value:.digits$}");
    match text.split_once('.') {
        Some((whole, _)) if digits > 0 && value == value.trunc() => whole.to_owned(),
        _ => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn goals_are_met_from_the_right_side() {
        let mut report = Report::new();
        report.set(Line::PatchEcho, 6.0, 10.0);
        report.set(Line::DeepPage, 14.0, 10.0);
        assert!(report.row(Line::PatchEcho).met());
        assert!(!report.row(Line::DeepPage).met());
        assert!(report.row(Line::DeepPage).score().unwrap() < 1.0);
        assert!(!report.row(Line::Fleet).met(), "not measured");
        assert_eq!(report.rows.len(), Line::PostgresCopy as usize + 1);
    }

    #[test]
    fn what_was_not_measured_is_null_in_json() {
        let mut report = Report::new();
        report.set(Line::PatchEcho, 6.0, 12.0);
        report.note(Line::PatchCap, "SAP CAP is not installed");
        report.durability.acknowledged = 5;
        let json = report.json();
        assert_eq!(json["rows"].as_array().unwrap().len(), 15);
        assert_eq!(json["rows"][0]["ratio"], 0.5);
        assert_eq!(json["rows"][0]["met"], false);
        assert_eq!(json["rows"][1]["ratio"], Value::Null);
        assert_eq!(json["rows"][1]["note"], "SAP CAP is not installed");
        assert_eq!(json["durability"]["acknowledged"], 5);
    }

    #[test]
    fn a_table_has_a_line_for_each_row() {
        let mut report = Report::new();
        report.set(Line::PatchEcho, 12_345.6, 20_000.0);
        let table = report.table();
        assert_eq!(table.lines().count(), 17);
        let line = "| durable PATCH (64 connections) ÷ echo | 12346 | 20000 | requests/s | 0.617 | ≥ 0.600 | yes |";
        assert_eq!(table.lines().nth(2), Some(line));
    }

    #[test]
    fn figures_are_short() {
        let shown = [1234.5, 60.0, 12.34, 1.5, 0.25, 0.0123].map(figure);
        assert_eq!(shown, ["1234", "60", "12.3", "1.50", "0.250", "0.012"]);
    }
}
