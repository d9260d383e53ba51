//! A moment, in milliseconds, and its one text form.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::error::Error;

const MS_PER_DAY: i64 = 86_400_000;
/// `0000-01-01T00:00:00.000Z`, the first moment that RFC 3339 can write.
const MIN_MS: i64 = -62_167_219_200_000;
/// `9999-12-31T23:59:59.999Z`, the last one.
const MAX_MS: i64 = 253_402_300_799_999;

/// A moment in milliseconds since the Unix epoch, written `2026-01-02T03:04:05.678Z`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, ToSchema)]
#[schema(value_type = String, format = DateTime, examples("2026-01-02T03:04:05.678Z"))]
pub struct Timestamp(i64);

impl Timestamp {
    /// Every moment's text has this many bytes.
    pub(super) const TEXT_BYTES: usize = 24;

    /// Takes milliseconds since the Unix epoch; what lies outside the years 0 to 9999 is moved to their edge.
    pub const fn from_millis(millis: i64) -> Self {
        if millis < MIN_MS {
            Timestamp(MIN_MS)
        } else if millis > MAX_MS {
            Timestamp(MAX_MS)
        } else {
            Timestamp(millis)
        }
    }

    /// Returns milliseconds since the Unix epoch.
    pub const fn millis(self) -> i64 {
        self.0
    }

    /// Reads an RFC 3339 time with any offset; digits beyond the millisecond are cut off.
    ///
    /// # Errors
    /// `invalid_value` when it is no RFC 3339 time, or outside the years 0 to 9999 in UTC.
    pub fn parse(text: &str) -> Result<Self, Error> {
        DateTime::parse_from_rfc3339(text)
            .ok()
            .map(|moment| moment.timestamp_millis())
            .filter(|millis| (MIN_MS..=MAX_MS).contains(millis))
            .map(Timestamp)
            .ok_or_else(|| {
                Error::invalid("time", format!("expected an RFC 3339 time, got {}", super::json::quote(text)))
            })
    }

    /// Returns the same moment as chrono knows it.
    pub(super) fn to_utc(self) -> DateTime<Utc> {
        DateTime::from_timestamp_millis(self.0).expect("the years 0 to 9999 are within chrono's range")
    }

    /// Writes the 24 bytes of the text form; by hand, since every change and frame carries one.
    fn encode(self) -> [u8; Self::TEXT_BYTES] {
        let (year, month, day) = civil(self.0.div_euclid(MS_PER_DAY));
        let ms = self.0.rem_euclid(MS_PER_DAY);
        let mut text = *b"0000-00-00T00:00:00.000Z";
        put(&mut text[0..4], year);
        put(&mut text[5..7], month);
        put(&mut text[8..10], day);
        put(&mut text[11..13], ms / 3_600_000);
        put(&mut text[14..16], ms / 60_000 % 60);
        put(&mut text[17..19], ms / 1_000 % 60);
        put(&mut text[20..23], ms % 1_000);
        text
    }
}

/// Fills `digits` with `number`, leading zeros included.
fn put(digits: &mut [u8], mut number: i64) {
    for digit in digits.iter_mut().rev() {
        *digit = b'0' + u8::try_from(number % 10).expect("a digit is below 10");
        number /= 10;
    }
}

/// Turns days since 1970-01-01 into year, month and day of the Gregorian calendar.
///
/// Counts from 1 March of year 0, so that the leap day is the last of its year and the months'
/// lengths follow one formula; 146,097 days are 400 years.
fn civil(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.encode();
        f.write_str(std::str::from_utf8(&text).expect("digits and separators are ascii"))
    }
}

impl FromStr for Timestamp {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Timestamp::parse(text)
    }
}

impl Serialize for Timestamp {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let text = self.encode();
        serializer.serialize_str(std::str::from_utf8(&text).expect("digits and separators are ascii"))
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        Timestamp::parse(&text).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]

    use chrono::SecondsFormat;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn any_offset_is_read_and_utc_is_written() {
        let moment = Timestamp::parse("2026-01-02T05:04:05.678999+02:00").unwrap();
        assert_eq!(moment.to_string(), "2026-01-02T03:04:05.678Z");
        assert_eq!(serde_json::to_string(&moment).unwrap(), "\"2026-01-02T03:04:05.678Z\"");
    }

    #[test]
    fn what_is_no_time_is_named_in_the_message() {
        let error = Timestamp::parse("yesterday").unwrap_err();
        assert_eq!(error.to_string(), "expected an RFC 3339 time, got \"yesterday\"");
        assert!(Timestamp::parse("0000-01-01T00:00:00+01:00").is_err());
    }

    #[test]
    fn the_edges_of_what_can_be_written_are_kept() {
        assert_eq!(Timestamp::from_millis(i64::MIN).to_string(), "0000-01-01T00:00:00.000Z");
        assert_eq!(Timestamp::from_millis(i64::MAX).to_string(), "9999-12-31T23:59:59.999Z");
    }

    proptest! {
        #[test]
        fn the_text_is_chronos_and_reads_back(millis in MIN_MS..=MAX_MS) {
            let moment = Timestamp::from_millis(millis);
            let text = moment.to_string();
            prop_assert_eq!(&text, &moment.to_utc().to_rfc3339_opts(SecondsFormat::Millis, true));
            prop_assert_eq!(Timestamp::parse(&text).unwrap(), moment);
        }
    }
}
