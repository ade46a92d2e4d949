//! What an agent tells of a run beside its outcome.

use std::borrow::Cow;

use runstate_odata::edm::{DateTimeOffset, Record, Value};
use serde::{Deserialize, Serialize};

/// What the annotation `@runstate.run` of a report holds; nothing where the report is a plain one.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Told<'a> {
    /// The run's id.
    #[serde(borrow)]
    pub id: Option<Cow<'a, str>>,
    /// The number of the version that ran.
    pub script_version: Option<i32>,
    /// When it began.
    pub start: Option<Instant>,
    /// When it ended.
    pub end: Option<Instant>,
    /// What the process ended with.
    pub exit_code: Option<i32>,
    /// Under which account it ran.
    #[serde(borrow)]
    pub account: Option<Cow<'a, str>>,
    /// Which request asked for it.
    #[serde(borrow)]
    pub run_request_id: Option<Cow<'a, str>>,
    /// Whether the output is not all that there was.
    pub output_truncated: bool,
    /// What it printed.
    #[serde(borrow)]
    pub output: Option<Cow<'a, str>>,
    /// What it printed as errors.
    #[serde(borrow)]
    pub error_output: Option<Cow<'a, str>>,
}

/// A date-time as its ticks and the form in which it was written.
pub type Instant = (i64, i32);

/// A date-time as it is kept.
pub fn instant(moment: DateTimeOffset) -> Instant {
    (moment.ticks(), moment.form())
}

impl<'a> Told<'a> {
    /// What a report says of the run.
    pub fn of(run: Option<&'a Record>) -> Self {
        let Some(run) = run else {
            return Self::default();
        };
        let text = |name| run.get(name).as_str().map(Cow::Borrowed);
        let number = |name| match run.get(name) {
            Value::Int32(number) => Some(*number),
            _ => None,
        };
        let moment = |name| match run.get(name) {
            Value::DateTimeOffset(moment) => Some(instant(*moment)),
            _ => None,
        };
        Self {
            id: text("id"),
            script_version: number("scriptVersion"),
            start: moment("startDateTime"),
            end: moment("endDateTime"),
            exit_code: number("exitCode"),
            account: text("account"),
            run_request_id: text("runRequestId"),
            output_truncated: *run.get("outputTruncated") == Value::Boolean(true),
            output: text("output"),
            error_output: text("errorOutput"),
        }
    }

    /// The same, for longer than the record.
    pub fn into_owned(self) -> Told<'static> {
        let own = |text: Option<Cow<'a, str>>| text.map(|text| Cow::Owned(text.into_owned()));
        Told {
            id: own(self.id),
            script_version: self.script_version,
            start: self.start,
            end: self.end,
            exit_code: self.exit_code,
            account: own(self.account),
            run_request_id: own(self.run_request_id),
            output_truncated: self.output_truncated,
            output: own(self.output),
            error_output: own(self.error_output),
        }
    }
}
