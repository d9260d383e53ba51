//! The most recent frames, bounded by their bytes.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::domain::Seq;
use crate::protocol::Frame;

/// Frames in the order in which subscribers get them, each at a position of its own.
///
/// Positions count every frame, committed or not, and never start again; the oldest frames go when
/// `max_bytes` are exceeded. The newest frame always stays.
#[derive(Debug)]
pub struct Ring {
    frames: VecDeque<Arc<Frame>>,
    first: u64,
    bytes: usize,
    max_bytes: usize,
}

/// Frames that were asked for are no longer in the ring.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lost;

impl Ring {
    /// An empty ring.
    pub fn new(max_bytes: usize) -> Ring {
        Ring { frames: VecDeque::new(), first: 0, bytes: 0, max_bytes }
    }

    /// The position of the oldest frame.
    pub fn first(&self) -> u64 {
        self.first
    }

    /// The position that the next frame will get.
    pub fn end(&self) -> u64 {
        self.first + self.frames.len() as u64
    }

    /// What the frames take, in bytes.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Adds the newest frame and lets the oldest go.
    pub fn push(&mut self, frame: Arc<Frame>) {
        self.bytes += frame.wire_len();
        self.frames.push_back(frame);
        while self.bytes > self.max_bytes && self.frames.len() > 1 {
            let oldest = self.frames.pop_front().expect("there is more than one");
            self.bytes -= oldest.wire_len();
            self.first += 1;
        }
    }

    /// The frame at `position`; none where it is not there yet or no longer.
    pub fn get(&self, position: u64) -> Option<&Arc<Frame>> {
        let index = position.checked_sub(self.first)?;
        self.frames.get(usize::try_from(index).ok()?)
    }

    /// The frames from `position` on.
    ///
    /// # Errors
    /// [`Lost`] where some of them are gone.
    pub fn since(&self, position: u64) -> Result<impl Iterator<Item = &Arc<Frame>>, Lost> {
        let skip = position.checked_sub(self.first).ok_or(Lost)?;
        Ok(self.frames.iter().skip(usize::try_from(skip).unwrap_or(usize::MAX)))
    }

    /// Drops everything and goes on at `position`.
    pub fn restart_at(&mut self, position: u64) {
        self.frames.clear();
        self.bytes = 0;
        self.first = position;
    }

    /// The position from which a connection that has seen everything through `seq` goes on, where
    /// every change after it is still here.
    ///
    /// # Errors
    /// [`Lost`] where it is not.
    pub fn resume_after(&self, seq: Seq, newest: Seq) -> Result<u64, Lost> {
        if seq == newest {
            return Ok(self.end());
        }
        // Seqs have no gaps, so the frame of the next change is here or every later one is useless.
        let wanted = seq.next();
        let mut low = 0;
        let mut high = self.frames.len();
        while low < high {
            let middle = low + (high - low) / 2;
            match self.seq_from(middle) {
                Some((_, found)) if found < wanted => low = middle + 1,
                _ => high = middle,
            }
        }
        match self.seq_from(low) {
            Some((index, found)) if found == wanted => Ok(self.first + index as u64),
            _ => Err(Lost),
        }
    }

    /// The first committed frame at or after `index`.
    fn seq_from(&self, index: usize) -> Option<(usize, Seq)> {
        let later = self.frames.iter().enumerate().skip(index);
        later.filter_map(|(index, frame)| Some((index, frame.seq()?))).next()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{EventKind, Timestamp};
    use crate::protocol::ServerMessage;
    use crate::protocol::server::Empty;

    fn committed(seq: u64) -> Arc<Frame> {
        Arc::new(Frame::committed(Seq::new(seq), EventKind::StateChange, true, &format!("{{\"seq\":{seq}}}")))
    }

    fn uncommitted() -> Arc<Frame> {
        Arc::new(Frame::for_all(ServerMessage::Pong(Empty {}), Timestamp::from_millis(0)))
    }

    fn ring(max_bytes: usize, frames: impl IntoIterator<Item = Arc<Frame>>) -> Ring {
        let mut ring = Ring::new(max_bytes);
        frames.into_iter().for_each(|frame| ring.push(frame));
        ring
    }

    #[test]
    fn the_oldest_frames_go_and_positions_stay() {
        let ring = ring(30, (1..=10).map(committed));
        assert!(ring.bytes() <= 30);
        assert_eq!(ring.end(), 10);
        assert_eq!(ring.get(9).unwrap().seq(), Some(Seq::new(10)));
        assert!(ring.get(0).is_none() && ring.get(10).is_none());
        assert!(ring.since(0).is_err());
        assert_eq!(ring.since(9).unwrap().count(), 1);
    }

    #[test]
    fn one_frame_always_fits() {
        let ring = ring(1, [committed(1), committed(2)]);
        assert_eq!(ring.since(1).unwrap().count(), 1);
    }

    #[test]
    fn a_resume_goes_on_after_the_last_change_seen() {
        let ring = ring(
            1 << 20,
            [committed(5), uncommitted(), uncommitted(), committed(6), uncommitted(), committed(7)],
        );
        let newest = Seq::new(7);
        assert_eq!(ring.resume_after(Seq::new(4), newest), Ok(0));
        assert_eq!(ring.resume_after(Seq::new(5), newest), Ok(3));
        assert_eq!(ring.resume_after(Seq::new(6), newest), Ok(5));
        assert_eq!(ring.resume_after(Seq::new(7), newest), Ok(6));
        assert_eq!(ring.resume_after(Seq::new(3), newest), Err(Lost));
        assert_eq!(Ring::new(10).resume_after(Seq::new(3), newest), Err(Lost));
    }
}
