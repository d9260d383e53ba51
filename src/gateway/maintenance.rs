//! Maintenance windows: times of the week at which a gateway may be down.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, Datelike, Timelike, Weekday};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::domain::{FieldError, Timestamp};

const MINUTES_PER_DAY: u16 = 24 * 60;

/// A time that comes back every week, by the wall clock of the configured zone.
///
/// A window whose end is before its beginning goes over midnight and belongs to the day on which it
/// begins. On days when clocks change it follows them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Window {
    /// The days on which it begins; every day when none is given.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub days: Vec<Day>,
    /// The first minute.
    pub from: ClockTime,
    /// The minute after the last one; `24:00` is the day's end.
    pub to: ClockTime,
}

/// A day of the week.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Day {
    /// Monday.
    Mon,
    /// Tuesday.
    Tue,
    /// Wednesday.
    Wed,
    /// Thursday.
    Thu,
    /// Friday.
    Fri,
    /// Saturday.
    Sat,
    /// Sunday.
    Sun,
}

/// A minute of the day, written `02:30`; `24:00` is the day's end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ToSchema)]
#[schema(value_type = String, pattern = "^([01][0-9]|2[0-3]):[0-5][0-9]$|^24:00$", examples("02:30"))]
pub struct ClockTime(u16);

impl Window {
    /// Tells whether the window is open `now`, by the wall clock of `zone`.
    pub fn contains(&self, now: Timestamp, zone: Tz) -> bool {
        let Some(utc) = DateTime::from_timestamp_millis(now.millis()) else { return false };
        let local = utc.with_timezone(&zone);
        let minute = ClockTime((local.hour() * 60 + local.minute()) as u16);
        let begins = |weekday: Weekday| self.days.is_empty() || self.days.contains(&Day::from(weekday));
        let (today, yesterday) = (local.weekday(), local.weekday().pred());
        if self.from < self.to {
            begins(today) && (self.from..self.to).contains(&minute)
        } else {
            (begins(today) && minute >= self.from) || (begins(yesterday) && minute < self.to)
        }
    }

    /// Collects what is wrong with it under the name `field`.
    pub(super) fn check(&self, field: &str, problems: &mut Vec<FieldError>) {
        if self.from == self.to {
            let message = format!("{field}.to must differ from its from; a whole day is 00:00 to 24:00");
            problems.push(FieldError::new(format!("{field}.to"), message));
        }
        if self.from.0 == MINUTES_PER_DAY {
            let message = format!("{field}.from must be before 24:00");
            problems.push(FieldError::new(format!("{field}.from"), message));
        }
    }
}

impl From<Weekday> for Day {
    fn from(weekday: Weekday) -> Self {
        match weekday {
            Weekday::Mon => Day::Mon,
            Weekday::Tue => Day::Tue,
            Weekday::Wed => Day::Wed,
            Weekday::Thu => Day::Thu,
            Weekday::Fri => Day::Fri,
            Weekday::Sat => Day::Sat,
            Weekday::Sun => Day::Sun,
        }
    }
}

impl FromStr for ClockTime {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let two = |part: &str| part.len() == 2 && part.bytes().all(|byte| byte.is_ascii_digit());
        let digits = |part: &str| two(part).then(|| part.parse::<u16>().ok()).flatten();
        let parts = text.split_once(':').and_then(|(hour, minute)| Some((digits(hour)?, digits(minute)?)));
        match parts {
            Some((hour, minute)) if (hour < 24 && minute < 60) || (hour, minute) == (24, 0) => {
                Ok(ClockTime(hour * 60 + minute))
            }
            _ => Err(format!("expected a time such as 02:30, got {text:?}")),
        }
    }
}

impl fmt::Display for ClockTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02}:{:02}", self.0 / 60, self.0 % 60)
    }
}

impl Serialize for ClockTime {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for ClockTime {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn window(text: &str) -> Window {
        serde_json::from_str(text).unwrap()
    }

    fn open(window: &Window, zone: Tz, at: &str) -> bool {
        window.contains(Timestamp::parse(at).unwrap(), zone)
    }

    #[test]
    fn a_window_has_its_first_minute_and_not_its_last() {
        let night = window(r#"{"from":"02:00","to":"02:30"}"#);
        let zone = Tz::Europe__Berlin;
        assert!(!open(&night, zone, "2026-01-05T01:59:59+01:00"));
        assert!(open(&night, zone, "2026-01-05T02:00:00+01:00"));
        assert!(open(&night, zone, "2026-01-05T02:29:59.999+01:00"));
        assert!(!open(&night, zone, "2026-01-05T02:30:00+01:00"));
    }

    #[test]
    fn a_window_over_midnight_belongs_to_the_day_on_which_it_begins() {
        let night = window(r#"{"days":["sun"],"from":"23:00","to":"01:00"}"#);
        // 2026-01-04 is a Sunday.
        assert!(!open(&night, Tz::UTC, "2026-01-04T00:30:00Z"));
        assert!(open(&night, Tz::UTC, "2026-01-04T23:30:00Z"));
        assert!(open(&night, Tz::UTC, "2026-01-05T00:30:00Z"));
        assert!(!open(&night, Tz::UTC, "2026-01-05T01:00:00Z"));
        assert!(!open(&night, Tz::UTC, "2026-01-05T23:30:00Z"));
    }

    #[test]
    fn the_zone_decides_and_its_clock_changes_are_followed() {
        let night = window(r#"{"from":"02:00","to":"03:00"}"#);
        let zone = Tz::Europe__Berlin;
        assert!(open(&night, zone, "2026-07-01T00:30:00Z"), "summer time is two hours ahead");
        assert!(open(&night, zone, "2026-01-01T01:30:00Z"), "winter time is one");
        // On 25 October 2026 the hour comes twice.
        assert!(open(&night, zone, "2026-10-25T00:30:00Z"));
        assert!(open(&night, zone, "2026-10-25T01:30:00Z"));
        // On 29 March 2026 it does not come at all.
        assert!(!open(&night, zone, "2026-03-29T00:59:00Z"));
        assert!(!open(&night, zone, "2026-03-29T01:00:00Z"));
    }

    #[test]
    fn what_is_no_time_or_no_window_is_told() {
        for bad in ["2:00", "24:01", "12:60", "noon", "-1:00", "+1:00"] {
            assert!(bad.parse::<ClockTime>().unwrap_err().contains(bad));
        }
        let told = |text: &str| {
            let mut problems = Vec::new();
            window(text).check("maintenance[0]", &mut problems);
            problems.into_iter().map(|problem| problem.field).collect::<Vec<_>>()
        };
        assert_eq!(told(r#"{"from":"02:00","to":"02:00"}"#), ["maintenance[0].to"]);
        assert_eq!(told(r#"{"from":"24:00","to":"02:00"}"#), ["maintenance[0].from"]);
        assert!(told(r#"{"from":"00:00","to":"24:00"}"#).is_empty());
    }

    proptest! {
        /// A window and the one that begins where it ends share the time between them.
        #[test]
        fn a_window_and_its_complement_never_overlap(from in 0u16..1440, to in 0u16..1440, at in 0i64..4_000_000_000_000) {
            prop_assume!(from != to);
            let one = Window { days: Vec::new(), from: ClockTime(from), to: ClockTime(to) };
            let other = Window { days: Vec::new(), from: ClockTime(to), to: ClockTime(from) };
            let now = Timestamp::from_millis(at);
            prop_assert!(one.contains(now, Tz::Asia__Kolkata) != other.contains(now, Tz::Asia__Kolkata));
        }

        #[test]
        fn a_time_reads_as_it_is_written(minute in 0u16..=1440) {
            let time = ClockTime(minute);
            prop_assert_eq!(time.to_string().parse::<ClockTime>().unwrap(), time);
        }
    }
}
