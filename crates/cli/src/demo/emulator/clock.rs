//! The time that the stand-in shows: set, moved and stopped by whoever tests with it.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use runstate_graph::clock::Clock;
use runstate_odata::edm::{self, DateTimeOffset};
use serde::{Deserialize, Serialize};

use crate::clock::SystemClock;

/// The end of what it shows, 9999-12-31T00:00:00Z in seconds: dates on the wire have four digits for
/// the year, and a token or a date ahead still has to be written.
const LAST: u64 = 253_402_214_400;

/// A clock that is set by hand.
pub(super) struct HandedClock {
    start: Setting,
    at: Mutex<Setting>,
}

/// What a clock showed at some moment, and whether it goes on from there.
#[derive(Clone, Copy)]
struct Setting {
    shown: SystemTime,
    /// The system's time when it was set.
    since: SystemTime,
    frozen: bool,
}

impl Setting {
    fn now(self) -> SystemTime {
        if self.frozen {
            return self.shown;
        }
        // A system's clock that was set back does not turn this one back.
        let passed = SystemClock.now().duration_since(self.since);
        self.shown + passed.unwrap_or_default()
    }
}

/// How a clock is to be set: each part of it may be left out.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct Change {
    /// The moment to show, as in `2026-01-31T12:00:00Z`.
    now: Option<String>,
    /// By how much to move it, after it is set: seconds, or a duration such as `PT20S` or `-P1D`.
    advance: Option<Amount>,
    /// Whether it stands still.
    frozen: Option<bool>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Amount {
    Seconds(f64),
    Duration(String),
}

/// What a clock shows.
#[derive(Debug, Serialize)]
pub(super) struct Shown {
    now: String,
    frozen: bool,
}

impl HandedClock {
    /// A clock that stands still at `shown` until [`HandedClock::reset`], so that whatever is made
    /// before dates from one moment; from then on it goes, unless it is to be `frozen`.
    pub(super) fn new(shown: SystemTime, frozen: bool) -> Self {
        let start = Setting {
            shown,
            since: SystemClock.now(),
            frozen,
        };
        Self {
            start,
            at: Mutex::new(Setting {
                frozen: true,
                ..start
            }),
        }
    }

    /// To where it begins, and on from there.
    pub(super) fn reset(&self) {
        *self.at() = Setting {
            since: SystemClock.now(),
            ..self.start
        };
    }

    /// Sets it, all of it or nothing.
    ///
    /// # Errors
    ///
    /// What is wrong with the change.
    pub(super) fn change(&self, change: &Change) -> Result<(), String> {
        let mut at = self.at();
        let mut shown = match &change.now {
            Some(text) => moment(text)?,
            None => at.now(),
        };
        if let Some(amount) = &change.advance {
            shown = moved(shown, amount).ok_or(
                "'advance' is seconds, or a duration such as PT20S, within the years 1970 to 9999",
            )?;
        }
        *at = Setting {
            shown,
            since: SystemClock.now(),
            frozen: change.frozen.unwrap_or(at.frozen),
        };
        Ok(())
    }

    /// What it shows, to be told.
    pub(super) fn shown(&self) -> Shown {
        let at = *self.at();
        Shown {
            now: DateTimeOffset::from_system_time(at.now()).to_string(),
            frozen: at.frozen,
        }
    }

    fn at(&self) -> MutexGuard<'_, Setting> {
        self.at.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Clock for HandedClock {
    fn now(&self) -> SystemTime {
        self.at().now()
    }
}

/// A moment from its text.
///
/// # Errors
///
/// What is wrong with it.
pub(super) fn moment(text: &str) -> Result<SystemTime, String> {
    let wrong =
        || format!("{text:?} is not a moment such as 2026-01-31T12:00:00Z, of 1970 or later");
    let ticks = DateTimeOffset::parse(text).map_err(|_| wrong())?.ticks();
    let ticks = u64::try_from(ticks).map_err(|_| wrong())?;
    let moment = UNIX_EPOCH + ticks_long(ticks);
    in_range(moment).ok_or_else(wrong)
}

fn moved(from: SystemTime, by: &Amount) -> Option<SystemTime> {
    let (back, by) = match by {
        Amount::Seconds(seconds) => {
            let by = Duration::try_from_secs_f64(seconds.abs()).ok()?;
            (*seconds < 0.0, by)
        }
        Amount::Duration(text) => {
            let ticks = edm::Duration::parse(text).ok()?.ticks();
            (ticks < 0, ticks_long(ticks.unsigned_abs()))
        }
    };
    let moved = match back {
        true => from.checked_sub(by),
        false => from.checked_add(by),
    };
    moved.and_then(in_range)
}

/// So many hundreds of nanoseconds.
fn ticks_long(ticks: u64) -> Duration {
    Duration::from_secs(ticks / 10_000_000) + Duration::from_nanos(ticks % 10_000_000 * 100)
}

fn in_range(moment: SystemTime) -> Option<SystemTime> {
    let since = moment.duration_since(UNIX_EPOCH).ok()?;
    (since.as_secs() <= LAST).then_some(moment)
}

/// A moment as the header `Date` has it (RFC 9110, 5.6.7): `Sat, 31 Jan 2026 12:00:00 GMT`.
pub(super) fn http_date(moment: SystemTime) -> String {
    let moment = time::OffsetDateTime::from(moment);
    let (year, month, day) = moment.to_calendar_date();
    let (hour, minute, second) = moment.to_hms();
    let (weekday, month) = (moment.weekday().to_string(), month.to_string());
    format!(
        "{}, {day:02} {} {year:04} {hour:02}:{minute:02}:{second:02} GMT",
        weekday.get(..3).unwrap_or_default(),
        month.get(..3).unwrap_or_default()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(text: &str) -> Change {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn a_frozen_clock_is_set_and_moved_and_goes_back() {
        let clock = HandedClock::new(moment("2026-01-31T12:00:00Z").unwrap(), true);
        let shows = |clock: &HandedClock| clock.shown().now;
        for (text, expected) in [
            (r#"{"advance":20}"#, "2026-01-31T12:00:20Z"),
            (r#"{"advance":"P1D"}"#, "2026-02-01T12:00:20Z"),
            (r#"{"advance":-0.5}"#, "2026-02-01T12:00:19.5Z"),
            (
                r#"{"now":"2030-06-01T00:00:00+02:00","advance":"-PT1H"}"#,
                "2030-05-31T21:00:00Z",
            ),
        ] {
            clock.change(&change(text)).unwrap();
            assert_eq!(shows(&clock), expected, "{text}");
        }
        clock.reset();
        assert_eq!(shows(&clock), "2026-01-31T12:00:00Z");
    }

    #[test]
    fn what_no_date_can_hold_changes_nothing() {
        let clock = HandedClock::new(moment("2026-01-31T12:00:00Z").unwrap(), true);
        for text in [
            r#"{"now":"tomorrow"}"#,
            r#"{"now":"1969-12-31T23:59:59Z"}"#,
            r#"{"advance":1e300}"#,
            r#"{"advance":"-P60000D"}"#,
            r#"{"advance":"soon","frozen":false}"#,
        ] {
            assert!(clock.change(&change(text)).is_err(), "{text}");
        }
        assert_eq!(clock.shown().now, "2026-01-31T12:00:00Z");
        assert!(clock.shown().frozen);
    }

    #[test]
    fn a_clock_that_goes_never_goes_back() {
        let beginning = moment("2026-01-31T12:00:00Z").unwrap();
        let clock = HandedClock::new(beginning, false);
        assert_eq!(clock.now(), beginning);
        clock.reset();
        let first = clock.now();
        assert!(first >= beginning && clock.now() >= first);
    }

    #[test]
    fn a_date_for_http_is_that_of_the_standard() {
        let moment = moment("1994-11-06T08:49:37Z").unwrap();
        assert_eq!(http_date(moment), "Sun, 06 Nov 1994 08:49:37 GMT");
    }
}
