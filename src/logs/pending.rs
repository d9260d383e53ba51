//! Lines that wait to be sent, within bounds: the lowest level goes first, and the oldest within it.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::protocol::LogLevel;

use super::line::Line;

/// Lines that wait.
#[derive(Debug, Default)]
pub struct Pending {
    levels: [VecDeque<Arc<Line>>; LogLevel::ALL.len()],
    lines: usize,
    bytes: usize,
}

impl Pending {
    /// Adds a line.
    pub fn push(&mut self, line: Arc<Line>) {
        self.bytes += line.encoded_len();
        self.lines += 1;
        self.levels[line.level() as usize].push_back(line);
    }

    /// Drops lines until at most `lines` with `bytes` are left; tells how many.
    pub fn trim(&mut self, lines: usize, bytes: usize) -> u64 {
        let mut dropped = 0;
        while self.lines > lines || self.bytes > bytes {
            let Some(line) = self.levels.iter_mut().find_map(VecDeque::pop_front) else { break };
            self.lines -= 1;
            self.bytes -= line.encoded_len();
            dropped += 1;
        }
        dropped
    }

    /// Takes all of them, oldest first.
    pub fn take(&mut self) -> Vec<Arc<Line>> {
        let mut lines: Vec<Arc<Line>> = std::mem::take(&mut self.levels).into_iter().flatten().collect();
        lines.sort_unstable_by_key(|line| line.id);
        (self.lines, self.bytes) = (0, 0);
        lines
    }

    /// How many wait.
    pub fn len(&self) -> usize {
        self.lines
    }

    /// Whether none waits.
    pub fn is_empty(&self) -> bool {
        self.lines == 0
    }

    /// What they take in a frame, in bytes.
    pub fn bytes(&self) -> usize {
        self.bytes
    }
}
