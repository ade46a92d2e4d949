//! A report on its way into the journal.

use runstate_graph::permit::Permit;
use runstate_odata::{
    check::ResourcePath,
    edm::{Record, Value},
};
use runstate_store::{Changes, Precondition, Row};

/// A report to the run state at the end of a path.
#[derive(Debug)]
pub(crate) struct Report {
    pub(crate) permit: Permit,
    pub(crate) path: ResourcePath,
    pub(crate) changes: Changes,
    pub(crate) run: Option<Record>,
    pub(crate) precondition: Precondition,
}

impl Report {
    /// How many bytes of text it holds.
    pub(super) fn text(&self) -> usize {
        let values = self.changes.iter().map(|(_, value)| value);
        let told = self.run.iter().flat_map(|run| &run.values);
        values
            .chain(told)
            .filter_map(Value::as_str)
            .map(str::len)
            .sum()
    }
}

/// What has become of a report.
#[derive(Debug)]
pub(crate) enum Reported {
    /// It is durable; the state as it is now.
    Done(Row),
    /// It means more than a change of one run state: the tables have to be asked and changed at once.
    Elsewhere(Report),
}
