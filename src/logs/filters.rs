//! The filters that connections have, and what waits for each of them.

use std::sync::Arc;

use crate::domain::Error;
use crate::protocol::{LogFilter, LogLevel};

use super::line::Line;
use super::pending::Pending;

/// The most filters that differ from each other.
pub(super) const FILTERS_MAX: usize = 64;
/// The most lines of one frame.
pub(super) const FRAME_MAX_LINES: usize = 1_000;
/// The most that the lines of one frame take, in bytes: with its envelope it fits into the part of an
/// outbox that is for log lines.
pub(super) const FRAME_MAX_BYTES: usize = 63 * 1024;
/// What the sources of the hub's own records begin with.
pub(super) const HUB_SOURCE: &str = "opshub";

/// Every filter in use, each once.
#[derive(Debug, Default)]
pub(super) struct Filters {
    entries: Vec<Entry>,
    next_id: u64,
}

#[derive(Debug)]
struct Entry {
    id: u64,
    filter: LogFilter,
    leases: usize,
    /// Lines that it took, ever.
    matched: u64,
    /// How many of these were sent or dropped.
    told: u64,
    pending: Pending,
}

/// What one filter has for its connections.
#[derive(Debug)]
pub(super) struct Due {
    pub(super) filter: u64,
    pub(super) lines: Vec<Arc<Line>>,
    /// Lines that the filter took up to here.
    pub(super) through: u64,
    pub(super) dropped: u64,
}

impl Filters {
    /// Adds a connection with this filter; gives the filter's id and how many lines it took before.
    ///
    /// # Errors
    /// `limit_exceeded` where too many different filters are in use.
    pub(super) fn lease(&mut self, filter: &LogFilter) -> Result<(u64, u64), Error> {
        if let Some(entry) = self.entries.iter_mut().find(|entry| entry.filter == *filter) {
            entry.leases += 1;
            return Ok((entry.id, entry.matched));
        }
        if self.entries.len() >= FILTERS_MAX {
            return Err(Error::LimitExceeded {
                message: format!(
                    "{FILTERS_MAX} combinations of log_level and log_source are in use, no other can be added just now"
                ),
            });
        }
        self.next_id += 1;
        let entry = Entry {
            id: self.next_id,
            filter: filter.clone(),
            leases: 1,
            matched: 0,
            told: 0,
            pending: Pending::default(),
        };
        self.entries.push(entry);
        Ok((self.next_id, 0))
    }

    /// Takes a connection away.
    pub(super) fn release(&mut self, id: u64) {
        if let Some(index) = self.entries.iter().position(|entry| entry.id == id) {
            self.entries[index].leases -= 1;
            if self.entries[index].leases == 0 {
                self.entries.swap_remove(index);
            }
        }
    }

    /// How many differ.
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// Adds a line to each filter that takes it; tells how many lines went for it.
    pub(super) fn offer(&mut self, line: &Arc<Line>) -> u64 {
        let mut dropped = 0;
        for entry in &mut self.entries {
            if entry.filter.takes(line.level(), line.source()) {
                entry.matched += 1;
                entry.pending.push(line.clone());
                dropped += entry.pending.trim(FRAME_MAX_LINES, FRAME_MAX_BYTES);
            }
        }
        dropped
    }

    /// Counts records of the hub that could not even be taken, for each filter that may have wanted them:
    /// of their source no more is known than that it is one of the hub's.
    pub(super) fn count_lost(&mut self, level: LogLevel, count: u64) {
        for entry in &mut self.entries {
            let source = entry.filter.source.as_str();
            if level >= entry.filter.level
                && (HUB_SOURCE.starts_with(source) || source.starts_with(HUB_SOURCE))
            {
                entry.matched += count;
            }
        }
    }

    /// Whether any filter has something to tell.
    pub(super) fn is_due(&self) -> bool {
        self.entries.iter().any(|entry| entry.matched > entry.told)
    }

    /// Takes what each filter has to tell.
    pub(super) fn take(&mut self) -> Vec<Due> {
        let due = self.entries.iter_mut().filter(|entry| entry.matched > entry.told);
        due.map(|entry| {
            let lines = entry.pending.take();
            let dropped = entry.matched - entry.told - lines.len() as u64;
            entry.told = entry.matched;
            Due { filter: entry.id, lines, through: entry.matched, dropped }
        })
        .collect()
    }
}
