//! `Edm.DateTimeOffset`: an instant that remembers how it was written.

use std::{fmt, time::SystemTime};

use time::{Date, Month, OffsetDateTime};

/// An instant in ticks of 100 ns, with the offset and the number of fraction digits in which it was
/// given, so that what comes in goes out the same.
///
/// Equality and order are of the instant alone: `…T00:00:00-08:00` equals `…T08:00:00Z`.
/// The range is the local years 0001 to 9999.
#[derive(Debug, Clone, Copy)]
pub struct DateTimeOffset {
    /// Ticks of 100 ns since 1970-01-01T00:00:00Z.
    ticks: i64,
    form: Form,
}

/// How an instant is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Form {
    /// Minutes east of UTC, -840 to 840.
    offset: i16,
    /// Digits after the decimal point, 0 to 7.
    digits: u8,
    /// `Z` rather than `+00:00`.
    zulu: bool,
}

const TICKS_PER_SECOND: i64 = 10_000_000;
const OFFSET_LIMIT: i16 = 14 * 60;
/// The local years 0001 to 9999, in seconds since 1970.
const SECONDS: std::ops::RangeInclusive<i64> = -62_135_596_800..=253_402_300_799;
/// How long a text is at most: `2017-01-01T00:02:58.4418045-08:00`.
const LONGEST: usize = 33;

impl DateTimeOffset {
    /// Reads the form of the OData ABNF (`dateTimeOffsetValue`): seconds may be left out, a
    /// fraction may have up to twelve digits, of which ticks keep seven.
    ///
    /// # Errors
    ///
    /// A sentence that says what is wrong with the text.
    pub fn parse(text: &str) -> Result<Self, String> {
        Self::read(text).ok_or_else(|| {
            let shown: String = text.chars().take(64).collect();
            format!("'{shown}' is not a date and time with an offset such as 2017-01-01T00:02:58.4418045-08:00")
        })
    }

    fn read(text: &str) -> Option<Self> {
        let mut reader = Reader {
            rest: text.as_bytes(),
        };
        let year = reader.number(4)?;
        reader.byte(b"-")?;
        let month = reader.number(2)?;
        reader.byte(b"-")?;
        let day = reader.number(2)?;
        reader.byte(b"Tt")?;
        let hour = reader.number(2)?;
        reader.byte(b":")?;
        let minute = reader.number(2)?;
        let mut second = 0;
        let (mut fraction, mut digits) = (0, 0);
        if reader.byte(b":").is_some() {
            second = reader.number(2)?;
            if reader.byte(b".").is_some() {
                (fraction, digits) = reader.fraction()?;
            }
        }
        let (offset, zulu) = reader.offset()?;
        if !reader.rest.is_empty() || year == 0 || hour > 23 || minute > 59 || second > 59 {
            return None;
        }
        let month = Month::try_from(u8::try_from(month).ok()?).ok()?;
        let date = Date::from_calendar_date(year, month, u8::try_from(day).ok()?).ok()?;
        let days = i64::from(date.to_julian_day() - UNIX_EPOCH_JULIAN_DAY);
        let seconds =
            days * 86_400 + i64::from(hour * 3_600 + minute * 60 + second) - i64::from(offset) * 60;
        let ticks = seconds * TICKS_PER_SECOND + fraction;
        Some(Self {
            ticks,
            form: Form {
                offset,
                digits,
                zulu,
            },
        })
    }

    /// The system's time as the service writes it: UTC, `Z`, as many fraction digits as needed.
    pub fn from_system_time(time: SystemTime) -> Self {
        let nanos = match time.duration_since(SystemTime::UNIX_EPOCH) {
            Ok(after) => i128::try_from(after.as_nanos()).unwrap_or(i128::MAX),
            Err(before) => -i128::try_from(before.duration().as_nanos()).unwrap_or(i128::MAX),
        };
        Self::from_ticks(i64::try_from(nanos.div_euclid(100)).unwrap_or(0))
    }

    /// An instant in UTC from ticks of 100 ns since 1970, with as many fraction digits as needed.
    pub fn from_ticks(ticks: i64) -> Self {
        let mut fraction = ticks.rem_euclid(TICKS_PER_SECOND);
        let mut digits = 7;
        while digits > 0 && fraction % 10 == 0 {
            fraction /= 10;
            digits -= 1;
        }
        Self {
            ticks,
            form: Form {
                offset: 0,
                digits,
                zulu: true,
            },
        }
    }

    /// Ticks of 100 ns since 1970-01-01T00:00:00Z.
    pub fn ticks(self) -> i64 {
        self.ticks
    }

    /// Offset, digits and `Z` in one small number, for storage beside the ticks.
    pub fn form(self) -> i32 {
        let Form {
            offset,
            digits,
            zulu,
        } = self.form;
        (i32::from(offset + OFFSET_LIMIT) * 8 + i32::from(digits)) * 2 + i32::from(zulu)
    }

    /// Puts together what [`DateTimeOffset::ticks`] and [`DateTimeOffset::form`] took apart;
    /// nothing where no instant has that form.
    pub fn from_parts(ticks: i64, form: i32) -> Option<Self> {
        let zulu = form & 1 == 1;
        let digits = u8::try_from((form >> 1) & 7).ok()?;
        let offset = i16::try_from(form >> 4).ok()?.checked_sub(OFFSET_LIMIT)?;
        let form = Form {
            offset,
            digits,
            zulu,
        };
        let whole = offset.abs() <= OFFSET_LIMIT && (!zulu || offset == 0);
        let local = ticks.checked_add(i64::from(offset) * 60 * TICKS_PER_SECOND)?;
        // Each cell of a date comes through here, so it is compared and not converted.
        let is_there = SECONDS.contains(&local.div_euclid(TICKS_PER_SECOND));
        (whole && is_there).then_some(Self { ticks, form })
    }
}

/// The Julian day of 1970-01-01.
const UNIX_EPOCH_JULIAN_DAY: i32 = 2_440_588;

/// Takes a text apart from its beginning.
struct Reader<'a> {
    rest: &'a [u8],
}

impl Reader<'_> {
    fn byte(&mut self, any_of: &[u8]) -> Option<u8> {
        let (first, rest) = self.rest.split_first()?;
        any_of.contains(first).then(|| self.rest = rest)?;
        Some(*first)
    }

    fn digit(&mut self) -> Option<i32> {
        self.byte(b"0123456789")
            .map(|digit| i32::from(digit - b'0'))
    }

    fn number(&mut self, digits: usize) -> Option<i32> {
        (0..digits).try_fold(0, |sum, _| Some(sum * 10 + self.digit()?))
    }

    /// One to twelve digits: the ticks they stand for, and how many digits ticks keep.
    fn fraction(&mut self) -> Option<(i64, u8)> {
        let (mut ticks, mut read) = (0_i64, 0_u8);
        while let Some(digit) = self.digit() {
            if read < 7 {
                ticks = ticks * 10 + i64::from(digit);
            }
            read += 1;
            if read > 12 {
                return None;
            }
        }
        let kept = read.min(7);
        (read > 0).then(|| (ticks * 10_i64.pow(u32::from(7 - kept)), kept))
    }

    /// `Z`, or `±hh:mm` up to fourteen hours: minutes, and whether it was `Z`.
    fn offset(&mut self) -> Option<(i16, bool)> {
        let sign = match self.byte(b"Zz+-")? {
            b'+' => 1,
            b'-' => -1,
            _ => return Some((0, true)),
        };
        let hours = self.number(2)?;
        self.byte(b":")?;
        let minutes = self.number(2)?;
        let offset = i16::try_from(hours * 60 + minutes).ok()?;
        (minutes < 60 && offset <= OFFSET_LIMIT).then_some((sign * offset, false))
    }
}

impl DateTimeOffset {
    /// Appends the text: what [`fmt::Display`] writes, for those who write hundreds of them.
    pub fn append_to(self, text: &mut Vec<u8>) {
        let Form {
            offset,
            digits,
            zulu,
        } = self.form;
        let local = self.ticks + i64::from(offset) * 60 * TICKS_PER_SECOND;
        let seconds = local.div_euclid(TICKS_PER_SECOND);
        // In range, as whatever made this has seen to.
        let time =
            OffsetDateTime::from_unix_timestamp(seconds).unwrap_or(OffsetDateTime::UNIX_EPOCH);
        let (year, month, day) = time.date().to_calendar_date();
        let (hour, minute, second) = time.time().as_hms();
        let [century, of_century] = [year / 100, year % 100].map(|two| two.unsigned_abs());
        let [c, d] = [two(century), two(of_century)];
        let [month, day] = [two(u32::from(u8::from(month))), two(day.into())];
        let [hour, minute] = [two(hour.into()), two(minute.into())];
        let second = two(second.into());
        text.reserve(LONGEST);
        text.extend_from_slice(&[
            c[0], c[1], d[0], d[1], b'-', month[0], month[1], b'-', day[0], day[1], b'T', hour[0],
            hour[1], b':', minute[0], minute[1], b':', second[0], second[1],
        ]);
        if digits > 0 {
            let mut fraction = local.rem_euclid(TICKS_PER_SECOND).unsigned_abs();
            let mut all = [b'0'; 7];
            for digit in all.iter_mut().rev() {
                *digit = b'0' + (fraction % 10) as u8;
                fraction /= 10;
            }
            text.push(b'.');
            text.extend(all.iter().take(digits.into()));
        }
        if zulu {
            text.push(b'Z');
            return;
        }
        let minutes = u32::from(offset.unsigned_abs());
        let [hours, minutes] = [two(minutes / 60), two(minutes % 60)];
        let sign = if offset < 0 { b'-' } else { b'+' };
        text.extend_from_slice(&[sign, hours[0], hours[1], b':', minutes[0], minutes[1]]);
    }
}

/// A number below a hundred, in two digits.
const fn two(number: u32) -> [u8; 2] {
    [b'0' + (number / 10 % 10) as u8, b'0' + (number % 10) as u8]
}

impl fmt::Display for DateTimeOffset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = Vec::with_capacity(LONGEST);
        self.append_to(&mut text);
        f.write_str(std::str::from_utf8(&text).map_err(|_| fmt::Error)?)
    }
}

impl PartialEq for DateTimeOffset {
    fn eq(&self, other: &Self) -> bool {
        self.ticks == other.ticks
    }
}

impl Eq for DateTimeOffset {}

impl PartialOrd for DateTimeOffset {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for DateTimeOffset {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.ticks.cmp(&other.ticks)
    }
}

#[cfg(test)]
mod tests {
    use super::DateTimeOffset;

    #[test]
    fn comes_out_as_it_went_in() {
        for text in [
            "2017-01-01T00:02:58.4418045-08:00",
            "2017-01-01T00:02:58Z",
            "2017-01-01T00:02:58+00:00",
            "2017-01-01T00:02:58-00:30",
            "2017-01-01T00:02:58.500+05:30",
            "0001-01-01T00:00:00+14:00",
            "0001-01-01T00:00:00Z",
            "9999-12-31T23:59:59.9999999-14:00",
            "2024-02-29T00:00:00Z",
        ] {
            let value = DateTimeOffset::parse(text).unwrap();
            assert_eq!(value.to_string(), text);
            let again = DateTimeOffset::from_parts(value.ticks(), value.form()).unwrap();
            assert_eq!(again.to_string(), text);
        }
    }

    #[test]
    fn compares_as_an_instant() {
        let west = DateTimeOffset::parse("2017-01-01T00:00:00-08:00").unwrap();
        let zulu = DateTimeOffset::parse("2017-01-01T08:00Z").unwrap();
        assert_eq!(west, zulu);
        assert!(DateTimeOffset::parse("2017-01-01T00:00:00.0000001Z").unwrap() < zulu);
        assert_eq!(
            DateTimeOffset::parse("1970-01-01T00:00:00Z")
                .unwrap()
                .ticks(),
            0
        );
    }

    #[test]
    fn refusals() {
        for text in [
            "",
            "2017-01-01",
            "2017-01-01T00:00:00",
            "2017-13-01T00:00:00Z",
            "2017-02-29T00:00:00Z",
            "2017-01-01T24:00:00Z",
            "2017-01-01T00:60:00Z",
            "2017-01-01T00:00:60Z",
            "2017-01-01T00:00:00.Z",
            "2017-01-01T00:00:00+14:01",
            "2017-01-01T00:00:00+1400",
            "2017-01-01T00:00:00.1234567890123Z",
            "2017-01-01 00:00:00Z",
            "0000-01-01T00:00:00Z",
            "2017-1-1T00:00:00Z",
            "12017-01-01T00:00:00Z",
            "2017-01-01T00:00:00Z ",
            "２017-01-01T00:00Z",
        ] {
            assert!(DateTimeOffset::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn form_of_another_hand_is_refused() {
        for form in [-1, i32::MAX, 29 * 60 * 16 + 16] {
            assert!(DateTimeOffset::from_parts(0, form).is_none(), "{form}");
        }
    }
}
