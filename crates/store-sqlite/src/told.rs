//! What an agent tells of a run beside its outcome.

use std::borrow::Cow;

use runstate_odata::edm::{DateTimeOffset, Record, Value};
use serde::{Deserialize, Serialize};

/// What the annotation `@runstate.run` of a report holds; nothing where the report is a plain one.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Told<'a> {
    #[serde(borrow)]
    pub(crate) id: Option<Cow<'a, str>>,
    pub(crate) script_version: Option<i32>,
    pub(crate) start: Option<Instant>,
    pub(crate) end: Option<Instant>,
    pub(crate) exit_code: Option<i32>,
    #[serde(borrow)]
    pub(crate) account: Option<Cow<'a, str>>,
    #[serde(borrow)]
    pub(crate) run_request_id: Option<Cow<'a, str>>,
    pub(crate) output_truncated: bool,
    #[serde(borrow)]
    pub(crate) output: Option<Cow<'a, str>>,
    #[serde(borrow)]
    pub(crate) error_output: Option<Cow<'a, str>>,
}

/// A date-time as its ticks and the form in which it was written.
pub(crate) type Instant = (i64, i32);

/// A date-time as it is kept.
pub(crate) fn instant(moment: DateTimeOffset) -> Instant {
    (moment.ticks(), moment.form())
}

impl<'a> Told<'a> {
    pub(crate) fn of(run: Option<&'a Record>) -> Self {
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
    pub(crate) fn into_owned(self) -> Told<'static> {
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
