//! Many rows, page after page: a table that fits the terminal, lines for other programs, JSON, CSV.
//! No more than a page is kept, because a fleet may have millions.

use std::io::Write;

use runstate_odata::edm::DateTimeOffset;
use serde_json::Value;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use super::{ManyForm, Screen, Tone, csv, json, printable::printable};
use crate::failure::Failure;

/// How a value is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Show {
    /// As it is.
    Plain,
    /// As it is, or less of it where the terminal is narrow.
    Cut,
    /// A moment.
    Moment,
    /// A `runState`.
    State,
}

/// A column.
#[derive(Debug)]
pub(crate) struct Column {
    /// Its head in a table; none where it is in CSV only.
    pub(crate) title: Option<&'static str>,
    /// Its name in CSV.
    pub(crate) name: &'static str,
    /// Where the value is in a row (RFC 6901).
    pub(crate) pointer: &'static str,
    /// How it is shown in a table.
    pub(crate) show: Show,
}

impl Column {
    /// A column of tables and of CSV.
    pub(crate) const fn new(
        title: &'static str,
        name: &'static str,
        pointer: &'static str,
        show: Show,
    ) -> Self {
        Self {
            title: Some(title),
            name,
            pointer,
            show,
        }
    }

    /// A column of CSV only.
    pub(crate) const fn hidden(name: &'static str, pointer: &'static str) -> Self {
        Self {
            title: None,
            name,
            pointer,
            show: Show::Plain,
        }
    }

    fn value<'v>(&self, row: &'v Value) -> &'v Value {
        row.pointer(self.pointer).unwrap_or(&Value::Null)
    }

    fn cell(&self, row: &Value) -> String {
        match self.value(row) {
            Value::Null => String::new(),
            Value::String(text) if self.show == Show::Moment => moment(text),
            Value::String(text) => printable(text),
            other => printable(&other.to_string()),
        }
    }
}

/// A moment to the second in UTC, so that two can be compared at a glance.
pub(crate) fn moment(text: &str) -> String {
    // Graph's word for "never" is the first day of the calendar.
    if text.starts_with("0001-01-01") {
        return String::new();
    }
    let Ok(moment) = DateTimeOffset::parse(text) else {
        return printable(text);
    };
    let text = DateTimeOffset::from_ticks(moment.ticks()).to_string();
    let seconds = text.get(..19).unwrap_or(&text);
    format!("{}Z", seconds.replace('T', " "))
}

/// The narrowest that a column is cut to.
const NARROWEST: usize = 8;

/// Rows on their way out.
pub(crate) struct Rows<'o> {
    out: &'o mut (dyn Write + Send),
    columns: &'static [Column],
    form: ManyForm,
    screen: Screen,
    /// Whether a table is aligned; elsewhere tabs are between its cells.
    aligned: bool,
    /// The widths of a table's columns so far.
    widths: Vec<usize>,
    printed: u64,
}

impl<'o> Rows<'o> {
    /// Begins. Where no form was asked for, it is a table on a terminal, and elsewhere lines with tabs.
    pub(crate) fn new(
        out: &'o mut (dyn Write + Send),
        form: Option<ManyForm>,
        columns: &'static [Column],
        screen: Screen,
    ) -> Self {
        Self {
            out,
            columns,
            form: form.unwrap_or(ManyForm::Table),
            screen,
            aligned: form.is_some() || screen.terminal,
            widths: Vec::new(),
            printed: 0,
        }
    }

    /// Writes some more rows.
    pub(crate) fn page(&mut self, rows: &[Value]) -> Result<(), Failure> {
        match self.form {
            ManyForm::Json => self.json(rows)?,
            ManyForm::Csv => self.csv(rows)?,
            ManyForm::Table if rows.is_empty() => {}
            ManyForm::Table => self.table(rows)?,
        }
        self.printed += u64::try_from(rows.len()).unwrap_or(u64::MAX);
        Ok(())
    }

    /// Ends, with a word where there was nothing to show and somebody looks; says how many there were.
    pub(crate) fn end(mut self, nothing: &str) -> Result<u64, Failure> {
        match self.form {
            ManyForm::Json if self.printed == 0 => writeln!(self.out, "[]")?,
            ManyForm::Json => writeln!(self.out, "\n]")?,
            ManyForm::Csv => self.csv(&[])?,
            ManyForm::Table if self.printed == 0 && self.aligned => {
                writeln!(self.out, "{nothing}")?;
            }
            ManyForm::Table => {}
        }
        Ok(self.printed)
    }

    fn json(&mut self, rows: &[Value]) -> Result<(), Failure> {
        for (index, row) in rows.iter().enumerate() {
            let first = self.printed == 0 && index == 0;
            write!(self.out, "{}", if first { "[" } else { "," })?;
            for line in json::pretty(row)?.lines() {
                write!(self.out, "\n  {line}")?;
            }
        }
        Ok(())
    }

    fn csv(&mut self, rows: &[Value]) -> Result<(), Failure> {
        if self.printed == 0 && self.widths.is_empty() {
            let names = self.columns.iter().map(|column| column.name);
            write!(self.out, "{}", csv::head(names))?;
            // Remembers that the head is out, also where no row follows.
            self.widths = vec![0];
        }
        for row in rows {
            let cells = self.columns.iter().map(|column| column.value(row));
            write!(self.out, "{}", csv::line(cells))?;
        }
        Ok(())
    }

    fn table(&mut self, rows: &[Value]) -> Result<(), Failure> {
        let columns = self.columns.iter().filter(|column| column.title.is_some());
        let columns: Vec<&Column> = columns.collect();
        let cells: Vec<Vec<String>> = rows
            .iter()
            .map(|row| columns.iter().map(|column| column.cell(row)).collect())
            .collect();
        if !self.aligned {
            for row in &cells {
                writeln!(self.out, "{}", row.join("\t"))?;
            }
            return Ok(());
        }
        let head = self.widths.is_empty();
        let titles: Vec<&str> = columns.iter().filter_map(|column| column.title).collect();
        self.widen(&titles, &cells);
        let widths = fitted(&self.widths, &columns, self.screen.width);
        if head {
            let cells = titles.iter().map(|title| ((*title).to_owned(), Tone::Bold));
            self.line(cells, &widths)?;
        }
        for row in cells {
            let cells = row.into_iter().zip(&columns).map(|(cell, column)| {
                let tone = match column.show {
                    Show::State => Tone::of_state(&cell),
                    _ => Tone::Plain,
                };
                (cell, tone)
            });
            self.line(cells, &widths)?;
        }
        Ok(())
    }

    fn widen(&mut self, titles: &[&str], cells: &[Vec<String>]) {
        self.widths.resize(titles.len(), 0);
        for (width, title) in self.widths.iter_mut().zip(titles) {
            *width = (*width).max(title.width());
        }
        for row in cells {
            for (width, cell) in self.widths.iter_mut().zip(row) {
                *width = (*width).max(cell.width());
            }
        }
    }

    fn line(
        &mut self,
        cells: impl Iterator<Item = (String, Tone)>,
        widths: &[usize],
    ) -> Result<(), Failure> {
        let mut line = String::new();
        // Spaces are written only before something, so that no line ends in them.
        let mut spaces = 0;
        for ((cell, tone), width) in cells.zip(widths) {
            let cell = cut(&cell, *width);
            let taken = cell.width();
            if taken > 0 {
                line.push_str(&" ".repeat(spaces));
                line.push_str(&tone.paint(&cell, self.screen));
                spaces = 0;
            }
            spaces += width.saturating_sub(taken) + 2;
        }
        writeln!(self.out, "{line}")?;
        Ok(())
    }
}

/// The widths, with the widest of the columns that may be cut made narrower until all fits.
fn fitted(widths: &[usize], columns: &[&Column], screen: Option<usize>) -> Vec<usize> {
    let mut widths = widths.to_vec();
    let Some(screen) = screen else {
        return widths;
    };
    let between = 2 * widths.len().saturating_sub(1);
    loop {
        let total = widths.iter().sum::<usize>() + between;
        let over = total.saturating_sub(screen);
        let widest = widths
            .iter_mut()
            .zip(columns)
            .filter(|(width, column)| column.show == Show::Cut && **width > NARROWEST)
            .max_by_key(|(width, _)| **width);
        match widest {
            Some((width, _)) if over > 0 => *width -= 1,
            _ => return widths,
        }
    }
}

/// As much of the text as fits.
fn cut(text: &str, width: usize) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    let mut kept = String::new();
    let mut taken = 1;
    for c in text.chars() {
        taken += c.width().unwrap_or_default();
        if taken > width {
            break;
        }
        kept.push(c);
    }
    kept.push('…');
    kept
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    static COLUMNS: &[Column] = &[
        Column::new("DEVICE", "deviceName", "/device/name", Show::Cut),
        Column::new("STATE", "runState", "/runState", Show::State),
        Column::new(
            "WHEN",
            "lastStateUpdateDateTime",
            "/lastStateUpdateDateTime",
            Show::Moment,
        ),
        Column::new("MESSAGE", "resultMessage", "/resultMessage", Show::Cut),
        Column::hidden("id", "/id"),
    ];

    fn rows() -> Vec<Value> {
        vec![
            json!({
                "id": "1", "device": { "name": "東京-1" }, "runState": "success",
                "lastStateUpdateDateTime": "2017-01-01T00:02:58.4418045-08:00",
                "resultMessage": "one\ntwo \u{1b}[2J and a good deal more than there is room for",
            }),
            json!({
                "id": "2", "device": { "name": "=cmd" }, "runState": "fail",
                "lastStateUpdateDateTime": "0001-01-01T00:00:00Z", "resultMessage": null,
            }),
        ]
    }

    fn printed(form: Option<ManyForm>, width: Option<usize>, pages: &[Vec<Value>]) -> String {
        let mut out = Vec::new();
        let screen = Screen {
            terminal: width.is_some(),
            width,
            colour: false,
        };
        let mut table = Rows::new(&mut out, form, COLUMNS, screen);
        for page in pages {
            table.page(page).unwrap();
        }
        table.end("nothing").unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_table_fits_its_terminal_and_obeys_nothing_in_it() {
        assert_eq!(
            printed(None, Some(60), &[rows()]),
            "\
DEVICE  STATE    WHEN                  MESSAGE
東京-1  success  2017-01-01 08:02:58Z  one↵two ␛[2J and a g…
=cmd    fail
"
        );
    }

    #[test]
    fn elsewhere_cells_are_whole_and_between_tabs() {
        let printed = printed(None, None, &[rows()]);
        assert!(
            printed.contains("\tone↵two ␛[2J and a good deal more than there is room for\n"),
            "{printed}"
        );
        assert!(!printed.contains("DEVICE"), "{printed}");
    }

    #[test]
    fn pages_make_one_table_one_array_and_one_sheet() {
        let pages: Vec<Vec<Value>> = rows().into_iter().map(|row| vec![row]).collect();
        for form in [ManyForm::Table, ManyForm::Json, ManyForm::Csv] {
            let (paged, whole) = (
                printed(Some(form), None, &pages),
                printed(Some(form), None, &[rows()]),
            );
            assert_eq!(paged, whole);
        }
        let json = printed(Some(ManyForm::Json), None, &pages);
        assert_eq!(serde_json::from_str::<Vec<Value>>(&json).unwrap(), rows());
        let csv = printed(Some(ManyForm::Csv), None, &pages);
        assert!(
            csv.starts_with("deviceName,runState,lastStateUpdateDateTime,resultMessage,id\r\n"),
            "{csv}"
        );
        assert!(csv.contains("\r\n'=cmd,fail,"), "{csv}");
    }

    #[test]
    fn nothing_is_said_in_each_form() {
        assert_eq!(printed(Some(ManyForm::Json), None, &[vec![]]), "[]\n");
        assert_eq!(
            printed(Some(ManyForm::Csv), None, &[]).lines().count(),
            1,
            "the head alone"
        );
        assert_eq!(printed(None, Some(80), &[]), "nothing\n");
        assert_eq!(printed(None, None, &[]), "");
    }
}
