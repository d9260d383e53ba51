//! What a measurement hands out: latencies, medians, and the one JSON line.

use std::io::{self, Write};

use hdrhistogram::Histogram;
use serde::Serialize;

use crate::error::{Doing, Result};

/// Latencies up to two minutes are told apart; longer ones count as two minutes.
const LATENCY_MAX_NS: u64 = 120_000_000_000;
const LATENCY_MIN_NS: u64 = 100;

/// An empty histogram of nanoseconds, three digits exact.
pub(crate) fn latency_histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(LATENCY_MIN_NS, LATENCY_MAX_NS, 3)
        .expect("the bounds are in order and three digits are allowed")
}

/// Percentiles in microseconds.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub(crate) struct Latency {
    pub(crate) count: u64,
    pub(crate) p50: f64,
    pub(crate) p90: f64,
    pub(crate) p99: f64,
    pub(crate) max: f64,
}

impl From<&Histogram<u64>> for Latency {
    fn from(nanos: &Histogram<u64>) -> Self {
        let micros = |quantile| round(nanos.value_at_quantile(quantile) as f64 / 1e3, 1);
        Latency {
            count: nanos.len(),
            p50: micros(0.5),
            p90: micros(0.9),
            p99: micros(0.99),
            max: micros(1.0),
        }
    }
}

/// The middle value, or the mean of the two in the middle; zero when there is none.
pub(crate) fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match (values.len(), values.len() % 2) {
        (0, _) => 0.0,
        (_, 1) => values[middle],
        _ => f64::midpoint(values[middle - 1], values[middle]),
    }
}

/// `total / parts`, and zero where there are no parts.
pub(crate) fn per(total: f64, parts: u64) -> f64 {
    if parts == 0 { 0.0 } else { total / parts as f64 }
}

/// Rounds to so many decimals, so that the report shows what is known and no more.
pub(crate) fn round(value: f64, decimals: i32) -> f64 {
    let scale = 10f64.powi(decimals);
    (value * scale).round() / scale
}

/// Prints a report as one line of JSON on standard output.
///
/// # Errors
/// Standard output is closed.
pub(crate) fn print_line(report: &impl Serialize) -> Result<()> {
    let line = serde_json::to_string(report).map_err(io::Error::other);
    let written = line.and_then(|line| writeln!(io::stdout(), "{line}"));
    written.doing(|| "could not print the report".into())
}

/// Tells on standard error how far the measurement is.
pub(crate) fn progress(text: &str) {
    // Without a terminal to tell it to, the measurement goes on.
    let _ = writeln!(io::stderr(), "{text}");
}

/// Lays out rows in columns, the first one left-aligned, the others right-aligned.
pub(crate) fn table(rows: &[Vec<String>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let mut text = String::new();
    for row in rows {
        let cells = row.iter().zip(&widths).enumerate().map(|(at, (cell, width))| match at {
            0 => format!("{cell:<width$}"),
            _ => format!("{cell:>width$}"),
        });
        text.push_str(cells.collect::<Vec<_>>().join("  ").trim_end());
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_in_the_middle_of_odd_and_even_counts() {
        assert_eq!(median([9.0, 1.0, 5.0]), 5.0);
        assert_eq!(median([4.0, 1.0, 2.0, 9.0]), 3.0);
        assert_eq!(median([]), 0.0);
    }

    #[test]
    fn latencies_are_in_microseconds() {
        let mut nanos = latency_histogram();
        (1..=100).for_each(|at| nanos.saturating_record(at * 1_000_000));
        let latency = Latency::from(&nanos);
        assert_eq!(latency.count, 100);
        assert!((latency.p50 - 50_000.0).abs() < 100.0, "{latency:?}");
        assert!((latency.p99 - 99_000.0).abs() < 100.0, "{latency:?}");
        assert!((latency.max - 100_000.0).abs() < 200.0, "{latency:?}");
    }

    #[test]
    fn a_latency_beyond_the_bound_counts_as_the_bound() {
        let mut nanos = latency_histogram();
        nanos.saturating_record(u64::MAX);
        assert!(Latency::from(&nanos).max >= LATENCY_MAX_NS as f64 / 1e3);
    }

    #[test]
    fn columns_line_up() {
        let row = |cells: [&str; 2]| cells.map(String::from).to_vec();
        assert_eq!(
            table(&[row(["in flight", "us"]), row(["8", "12.5"])]),
            "in flight    us\n8          12.5\n"
        );
    }

    #[test]
    fn nothing_is_divided_by_nothing() {
        assert_eq!(per(5.0, 0), 0.0);
        assert_eq!(per(5.0, 2), 2.5);
    }
}
