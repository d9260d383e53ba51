//! The recent lines, bounded by their number and their bytes.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::protocol::LogFilter;

use super::line::{Line, write_array};

/// The most lines that are kept.
pub(super) const RING_MAX_LINES: usize = 10_000;
/// The most that they may take, in bytes.
pub(super) const RING_MAX_BYTES: usize = 16 * 1024 * 1024;

/// What is asked of the ring.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogQuery {
    /// Which lines.
    pub filter: LogFilter,
    /// Only after this id, the oldest of them; without it the newest lines.
    pub since: Option<u64>,
    /// At most so many.
    pub limit: usize,
}

/// A part of the ring.
#[derive(Debug)]
pub struct LogPage {
    /// Oldest first.
    pub lines: Vec<Arc<Line>>,
    /// The oldest line that is kept; none where there is no line.
    pub first_id: Option<u64>,
    /// The newest line.
    pub last_id: Option<u64>,
    /// Whether there are more after the last of `lines`.
    pub more: bool,
}

impl LogPage {
    /// The page as the answer of `GET /api/logs`.
    pub fn to_json(&self) -> String {
        let size: usize = self.lines.iter().map(|line| line.encoded_len()).sum();
        let mut json = String::with_capacity(size + 128);
        json.push_str("{\"lines\":");
        write_array(self.lines.iter().map(AsRef::as_ref), &mut json);
        let number = |id: Option<u64>| id.map_or_else(|| "null".to_owned(), |id| id.to_string());
        let next = self.lines.last().filter(|_| self.more).map(|line| line.id);
        json.push_str(&format!(
            ",\"first_id\":{},\"last_id\":{},\"next\":{}}}",
            number(self.first_id),
            number(self.last_id),
            number(next)
        ));
        json
    }
}

/// Lines in the order of their ids.
#[derive(Debug, Default)]
pub(super) struct LogRing {
    lines: VecDeque<Arc<Line>>,
    bytes: usize,
}

impl LogRing {
    /// Adds the newest line and lets the oldest go.
    pub(super) fn push(&mut self, line: Arc<Line>) {
        self.bytes += line.bytes();
        self.lines.push_back(line);
        while self.lines.len() > RING_MAX_LINES || (self.bytes > RING_MAX_BYTES && self.lines.len() > 1) {
            let oldest = self.lines.pop_front().expect("there is more than one");
            self.bytes -= oldest.bytes();
        }
    }

    /// What they take, in bytes.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Reads a page.
    pub(super) fn page(&self, query: &LogQuery) -> LogPage {
        let wanted = |line: &&Arc<Line>| query.filter.takes(line.level(), line.source());
        let mut more = false;
        let lines: Vec<_> = match query.since {
            Some(since) => {
                let begin = self.lines.partition_point(|line| line.id <= since);
                let mut found = self.lines.range(begin..).filter(wanted);
                let lines = found.by_ref().take(query.limit).cloned().collect();
                more = found.next().is_some();
                lines
            }
            None => {
                let newest = self.lines.iter().rev().filter(wanted).take(query.limit);
                let mut lines: Vec<_> = newest.cloned().collect();
                lines.reverse();
                lines
            }
        };
        let id = |line: Option<&Arc<Line>>| line.map(|line| line.id);
        LogPage { lines, first_id: id(self.lines.front()), last_id: id(self.lines.back()), more }
    }
}
