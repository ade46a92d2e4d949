//! A report between its acknowledgement and the tables.

use std::{borrow::Cow, sync::Arc};

use runstate_graph::entity::DEVICE_STATE;
use runstate_odata::edm::{DateTimeOffset, Record, Value};
use runstate_store::{Error, Row, audit::Draft};
use runstate_store_sql::told::{Instant, Told, instant};
use serde::{Deserialize, Serialize};

use crate::{
    error::internal,
    run_state::{Outcome, Place},
};

/// An acknowledged report: the whole run state as it is from then on, and what it was.
#[derive(Debug, PartialEq)]
pub(crate) struct Entry {
    /// Its place in the order of all reports, and the version of the state.
    pub(crate) number: i64,
    pub(crate) state_pk: i64,
    pub(crate) place: Place,
    pub(crate) script_id: Arc<str>,
    pub(crate) device_id: Option<String>,
    /// The `runState` that the state had before.
    pub(crate) before: i32,
    pub(crate) received: Instant,
    pub(crate) run_id: String,
    /// All properties of the run state.
    pub(crate) record: Record,
    /// What the agent told; none of a plain report.
    pub(crate) told: Option<Told<'static>>,
    /// Of an administrator's report: the tenant, and the event that goes into its chain with the fold.
    pub(crate) audit: Option<(String, Draft)>,
}

/// An entry as the log has it, in JSON: the log is a file that somebody may have to read one day.
#[derive(Serialize, Deserialize)]
struct Stored<'a> {
    n: i64,
    state: i64,
    script: i64,
    user: i64,
    #[serde(borrow)]
    script_id: Cow<'a, str>,
    #[serde(borrow)]
    id: Cow<'a, str>,
    #[serde(borrow)]
    device: Option<Cow<'a, str>>,
    before: i32,
    received: Instant,
    #[serde(borrow)]
    run: Cow<'a, str>,
    run_state: i32,
    #[serde(borrow)]
    message: Option<Cow<'a, str>>,
    updated: Instant,
    code: i32,
    #[serde(borrow)]
    description: Option<Cow<'a, str>>,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    told: Option<Told<'a>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    audit: Option<(String, Draft)>,
}

/// Of a stored entry, its number alone.
#[derive(Deserialize)]
struct Numbered {
    n: i64,
}

impl Entry {
    /// The state's key in its collection.
    pub(crate) fn id(&self) -> &str {
        self.record.get("id").as_str().unwrap_or_default()
    }

    /// The run's id, where the agent gave it one.
    pub(crate) fn told_id(&self) -> Option<&str> {
        self.told.as_ref()?.id.as_deref()
    }

    /// How many bytes of text it holds.
    pub(crate) fn text(&self) -> usize {
        let texts = self.record.values.iter().filter_map(Value::as_str);
        let output = self.told.iter().flat_map(|told| {
            let texts = [&told.id, &told.account, &told.output, &told.error_output];
            texts.into_iter().flatten().map(|text| &**text)
        });
        texts.chain(output).map(str::len).sum()
    }

    /// The state as the report left it.
    pub(crate) fn row(&self) -> Row {
        Row {
            record: self.record.clone(),
            version: self.number,
            expanded: Vec::new(),
        }
    }

    /// How the run ended.
    pub(crate) fn outcome(&self) -> Result<Outcome<'_>, Error> {
        Outcome::of(&self.record)
    }

    /// Appends it as the log has it.
    ///
    /// # Errors
    ///
    /// Where a property that every run state has is missing.
    pub(crate) fn write(&self, bytes: &mut Vec<u8>) -> Result<(), Error> {
        let outcome = self.outcome()?;
        let stored = Stored {
            n: self.number,
            state: self.state_pk,
            script: self.place.script_pk,
            user: self.place.user_state_pk,
            script_id: Cow::Borrowed(&self.script_id),
            id: Cow::Borrowed(self.id()),
            device: self.device_id.as_deref().map(Cow::Borrowed),
            before: self.before,
            received: self.received,
            run: Cow::Borrowed(&self.run_id),
            run_state: outcome.run_state,
            message: outcome.result_message.map(Cow::Borrowed),
            updated: instant(outcome.updated),
            code: outcome.error_code,
            description: outcome.error_description.map(Cow::Borrowed),
            told: self.told.clone(),
            audit: self.audit.clone(),
        };
        serde_json::to_writer(bytes, &stored).map_err(|error| internal(error.to_string()))
    }

    /// The entry that the log has; none where it is not one.
    pub(crate) fn read(bytes: &[u8]) -> Option<Self> {
        let stored: Stored<'_> = serde_json::from_slice(bytes).ok()?;
        let text = |text: Option<Cow<'_, str>>| {
            text.map_or(Value::Null, |text| Value::String(text.into_owned()))
        };
        let updated = DateTimeOffset::from_parts(stored.updated.0, stored.updated.1)?;
        let mut record = Record::new(&DEVICE_STATE);
        for (name, value) in [
            ("id", Value::String(stored.id.into_owned())),
            ("runState", Value::Enum(stored.run_state)),
            ("resultMessage", text(stored.message)),
            ("lastStateUpdateDateTime", Value::DateTimeOffset(updated)),
            ("errorCode", Value::Int32(stored.code)),
            ("errorDescription", text(stored.description)),
        ] {
            record.set(name, value);
        }
        Some(Self {
            number: stored.n,
            state_pk: stored.state,
            place: Place {
                script_pk: stored.script,
                user_state_pk: stored.user,
            },
            script_id: stored.script_id.into(),
            device_id: stored.device.map(Cow::into_owned),
            before: stored.before,
            received: stored.received,
            run_id: stored.run.into_owned(),
            record,
            told: stored.told.map(Told::into_owned),
            audit: stored.audit,
        })
    }

    /// The number of an entry that the log has.
    pub(crate) fn number_of(bytes: &[u8]) -> Option<i64> {
        let stored: Numbered = serde_json::from_slice(bytes).ok()?;
        Some(stored.n)
    }
}

#[cfg(test)]
mod tests {
    use runstate_graph::permit::{Activity, Actor};

    use super::*;

    fn draft() -> Draft {
        let what = Activity::beside_paths("x", "Patch");
        let now = DateTimeOffset::from_ticks(1);
        Draft::new(
            &what,
            &Actor::command(),
            "Success",
            "\"é\"\n",
            now,
            Vec::new(),
        )
    }

    #[test]
    fn comes_out_of_the_log_as_it_went_in() {
        let moment = DateTimeOffset::parse("2017-01-01T00:02:58.4418045-08:00").unwrap();
        let mut record = Record::new(&DEVICE_STATE);
        for (name, value) in [
            ("id", Value::String("s:d \"é\"\n".to_owned())),
            ("runState", Value::Enum(2)),
            ("resultMessage", Value::String("\u{1}\\".to_owned())),
            ("lastStateUpdateDateTime", Value::DateTimeOffset(moment)),
            ("errorCode", Value::Int32(-9)),
        ] {
            record.set(name, value);
        }
        let told = Told {
            id: Some("r\"1".into()),
            start: Some(instant(moment)),
            exit_code: Some(3),
            output_truncated: true,
            output: Some("a\tb".into()),
            ..Told::default()
        };
        for told in [None, Some(told)] {
            let entry = Entry {
                number: 7,
                state_pk: 8,
                place: Place {
                    script_pk: 9,
                    user_state_pk: 0,
                },
                script_id: "s".into(),
                device_id: Some("d".to_owned()),
                before: 4,
                received: instant(moment),
                run_id: "r\"1".to_owned(),
                record: record.clone(),
                told,
                audit: Some(("t".to_owned(), draft())),
            };
            let mut bytes = Vec::new();
            entry.write(&mut bytes).unwrap();
            assert_eq!(Entry::number_of(&bytes), Some(7));
            assert_eq!(Entry::read(&bytes), Some(entry));
        }
    }
}
