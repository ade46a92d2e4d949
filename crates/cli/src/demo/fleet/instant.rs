//! Points in time, written as `Edm.DateTimeOffset`.

use std::time::{SystemTime, UNIX_EPOCH};

use runstate_odata::edm::DateTimeOffset;
use time::Date;

const DAY: i64 = 86_400;
const TICKS_PER_SECOND: i64 = 10_000_000;

/// The Julian day of 1970-01-01.
const UNIX_EPOCH_JULIAN_DAY: i32 = 2_440_588;

/// A point in time in whole seconds since 1970 (UTC), with the hundred-nanosecond ticks after
/// them kept apart: seven fraction digits is what Graph carries.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Instant {
    pub(super) seconds: i64,
    pub(super) ticks: u32,
}

impl Instant {
    /// The second that the given time is in. A time before 1970 counts as 1970.
    pub(super) fn from_system(time: SystemTime) -> Self {
        let elapsed = time.duration_since(UNIX_EPOCH).unwrap_or_default();
        Self {
            seconds: i64::try_from(elapsed.as_secs()).unwrap_or(0),
            ticks: 0,
        }
    }

    pub(super) fn plus_seconds(self, seconds: i64) -> Self {
        Self {
            seconds: self.seconds.saturating_add(seconds),
            ..self
        }
    }

    pub(super) fn plus_days(self, days: i64) -> Self {
        self.plus_seconds(days.saturating_mul(DAY))
    }

    pub(super) fn with_ticks(self, ticks: u32) -> Self {
        Self {
            ticks: ticks % 10_000_000,
            ..self
        }
    }

    /// In UTC with a `Z`, the fraction left out where it is zero.
    pub(super) fn utc(self) -> String {
        let ticks = self.seconds.saturating_mul(TICKS_PER_SECOND);
        DateTimeOffset::from_ticks(ticks.saturating_add(i64::from(self.ticks))).to_string()
    }

    /// In local time with its distance from UTC, as in `2025-06-01T08:30:00.1234567-07:00`.
    pub(super) fn at_offset(self, minutes: i64) -> String {
        if minutes == 0 {
            return self.utc();
        }
        let shifted = self.plus_seconds(minutes * 60).utc();
        let local = shifted.trim_end_matches('Z');
        let sign = if minutes < 0 { '-' } else { '+' };
        let distance = minutes.abs();
        format!("{local}{sign}{:02}:{:02}", distance / 60, distance % 60)
    }

    /// The day alone, in UTC, as in `2025-06-01`.
    pub(super) fn date(self) -> String {
        self.utc().get(..10).unwrap_or_default().to_owned()
    }

    /// As `openssl x509 -enddate` writes it: `Jun  1 08:30:00 2025 GMT`.
    pub(super) fn openssl(self) -> String {
        const MONTHS: [&str; 12] = [
            "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
        ];
        let (year, month, day) = self.civil();
        let name = MONTHS.get(usize::from(month).wrapping_sub(1));
        let written = self.utc();
        let time = written.get(11..19).unwrap_or_default();
        format!("{} {day:2} {time} {year} GMT", name.unwrap_or(&""))
    }

    /// As Intune writes it into a managed device's name: `6/1/2025_8:30 AM`.
    pub(super) fn american(self) -> String {
        let (year, month, day) = self.civil();
        let minutes = self.seconds.rem_euclid(DAY) / 60;
        let (hour, minute) = (minutes / 60, minutes % 60);
        let half = if hour < 12 { "AM" } else { "PM" };
        let shown = if hour % 12 == 0 { 12 } else { hour % 12 };
        format!("{month}/{day}/{year}_{shown}:{minute:02} {half}")
    }

    /// Year, month and day, in the Gregorian calendar.
    fn civil(self) -> (i32, u8, u8) {
        let days = i32::try_from(self.seconds.div_euclid(DAY)).unwrap_or(0);
        // Beyond the calendar's last year there is nothing to show.
        let date = Date::from_julian_day(UNIX_EPOCH_JULIAN_DAY.saturating_add(days));
        date.map_or((0, 0, 0), |date| {
            (date.year(), u8::from(date.month()), date.day())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Instant {
        Instant { seconds, ticks: 0 }
    }

    #[test]
    fn dates_of_leap_years_and_turns_of_the_year_are_right() {
        for (seconds, written) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (1_709_251_199, "2024-02-29T23:59:59Z"),
            (1_735_689_599, "2024-12-31T23:59:59Z"),
            (1_735_689_600, "2025-01-01T00:00:00Z"),
            (4_107_542_399, "2100-02-28T23:59:59Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
        ] {
            assert_eq!(at(seconds).utc(), written);
        }
    }

    #[test]
    fn offsets_move_the_clock_not_the_instant() {
        let moment = at(1_735_689_600).with_ticks(4_418_045);
        assert_eq!(moment.at_offset(-480), "2024-12-31T16:00:00.4418045-08:00");
        assert_eq!(moment.at_offset(330), "2025-01-01T05:30:00.4418045+05:30");
        assert_eq!(moment.at_offset(0), "2025-01-01T00:00:00.4418045Z");
        assert_eq!(
            moment.with_ticks(1_200_000).utc(),
            "2025-01-01T00:00:00.12Z"
        );
    }

    #[test]
    fn the_other_spellings_are_those_of_their_programs() {
        assert_eq!(at(1_748_766_600).openssl(), "Jun  1 08:30:00 2025 GMT");
        assert_eq!(at(1_748_766_600).american(), "6/1/2025_8:30 AM");
        assert_eq!(at(1_735_689_600).american(), "1/1/2025_12:00 AM");
        assert_eq!(at(1_735_738_500).american(), "1/1/2025_1:35 PM");
    }
}
