//! `Edm.Duration`: days, hours, minutes and seconds, in the form in which it was given.

use std::fmt;

/// A length of time in ticks of 100 ns that remembers how it was written.
///
/// The lexical form is XML Schema's `dayTimeDuration` (OData ABNF `durationValue`) and, as Intune
/// accepts it, whole weeks (`P1W`). Months and years have no fixed length and are refused.
/// Equality and order are of the length alone.
#[derive(Debug, Clone)]
pub struct Duration {
    ticks: i64,
    text: String,
}

const TICKS_PER_SECOND: i64 = 10_000_000;

impl Duration {
    /// Reads a duration such as `PT1H`, `-P1DT2H30M`, `PT0.5S` or `P1W`.
    ///
    /// # Errors
    ///
    /// A sentence that says what is wrong with the text.
    pub fn parse(text: &str) -> Result<Self, String> {
        let fail = || format!("'{text}' is not a duration such as PT1H, P1D or P1W");
        let (negative, rest) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let rest = rest.strip_prefix('P').ok_or_else(fail)?;
        let (date, time) = match rest.split_once('T') {
            Some((date, time)) if !time.is_empty() => (date, time),
            Some(_) => return Err(fail()),
            None => (rest, ""),
        };
        if date.is_empty() && time.is_empty() {
            return Err(fail());
        }
        if date.contains(['Y', 'M']) {
            return Err(format!(
                "'{text}' counts months or years, which have no fixed length"
            ));
        }
        let mut ticks: i64 = 0;
        let mut add = |units: Option<i64>| {
            units
                .and_then(|units| ticks.checked_add(units))
                .map(|sum| ticks = sum)
        };
        if let Some(weeks) = date.strip_suffix('W') {
            add(whole(weeks, 7 * 86_400)).ok_or_else(fail)?;
            if !time.is_empty() {
                return Err(fail());
            }
        } else if !date.is_empty() {
            let days = date.strip_suffix('D').ok_or_else(fail)?;
            add(whole(days, 86_400)).ok_or_else(fail)?;
        }
        let mut rest = time;
        for (unit, seconds) in [('H', 3_600), ('M', 60)] {
            if let Some((number, tail)) = rest.split_once(unit) {
                add(whole(number, seconds)).ok_or_else(fail)?;
                rest = tail;
            }
        }
        if !rest.is_empty() {
            add(rest.strip_suffix('S').and_then(seconds)).ok_or_else(fail)?;
        }
        Ok(Self {
            ticks: if negative { -ticks } else { ticks },
            text: text.to_owned(),
        })
    }

    /// Puts together what [`Duration::ticks`] and [`Duration::as_str`] took apart.
    pub fn from_parts(ticks: i64, text: String) -> Self {
        Self { ticks, text }
    }

    /// The length in ticks of 100 ns.
    pub fn ticks(&self) -> i64 {
        self.ticks
    }

    /// The form in which it was given.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

/// `digits` units of so many seconds, in ticks.
fn whole(digits: &str, unit_seconds: i64) -> Option<i64> {
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    digits
        .parse::<i64>()
        .ok()?
        .checked_mul(unit_seconds * TICKS_PER_SECOND)
}

/// Seconds with an optional fraction, in ticks; digits after the seventh do not count.
fn seconds(number: &str) -> Option<i64> {
    let (integer, fraction) = number.split_once('.').unwrap_or((number, "0"));
    let whole = whole(integer, 1)?;
    if fraction.is_empty() || !fraction.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let ticks = fraction.bytes().chain(std::iter::repeat(b'0')).take(7);
    let ticks = ticks.fold(0_i64, |sum, digit| sum * 10 + i64::from(digit - b'0'));
    whole.checked_add(ticks)
}

impl PartialEq for Duration {
    fn eq(&self, other: &Self) -> bool {
        self.ticks == other.ticks
    }
}

impl Eq for Duration {}

impl PartialOrd for Duration {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Duration {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.ticks.cmp(&other.ticks)
    }
}

impl fmt::Display for Duration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::Duration;

    #[test]
    fn lengths() {
        for (text, seconds) in [
            ("PT1H", 3_600),
            ("P1D", 86_400),
            ("P1W", 604_800),
            ("P1DT2H3M4S", 93_784),
            ("-PT1M", -60),
            ("PT90M", 5_400),
            ("PT0S", 0),
        ] {
            let duration = Duration::parse(text).unwrap();
            assert_eq!(duration.ticks(), seconds * 10_000_000, "{text}");
            assert_eq!(duration.to_string(), text);
        }
        assert_eq!(Duration::parse("PT0.4418045S").unwrap().ticks(), 4_418_045);
    }

    #[test]
    fn refusals() {
        for text in [
            "",
            "P",
            "PT",
            "1H",
            "P1",
            "PT1",
            "P1M",
            "P1Y",
            "P1Y2D",
            "PT1H1",
            "P1H",
            "PT1D",
            "P1DT",
            "P1WT1H",
            "PT1S1M",
            "P-1D",
            "PT1.S",
            "PT.5S",
            "P9999999999999999999D",
            "P99999999999D",
            "pt1h",
            "PT1M1H",
            "P1D2",
            "PT١H",
        ] {
            assert!(Duration::parse(text).is_err(), "{text}");
        }
    }
}
