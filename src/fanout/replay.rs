//! Resuming: from the ring where it reaches back far enough, else from the log in pages.

use std::future::poll_fn;

use crate::domain::{Epoch, Seq};
use crate::protocol::StateReason;
use crate::store::Readers;

use super::outbox::Outbox;

/// What is read from the log at once: less than half an outbox, so that there is always room.
const PAGE_BYTES: usize = 96 * 1024;

/// What a client has seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResumePoint {
    /// The log that it followed.
    pub epoch: Epoch,
    /// The last change that it saw.
    pub since: Seq,
}

/// How a connection begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resume {
    /// With the state: there is nothing to resume, or it is gone.
    State,
    /// In the ring, at this position.
    Ring(u64),
    /// In the log, after this change.
    Log(Seq),
}

/// Decides how a connection begins that has seen `point`.
///
/// It is resumed where every change after it is kept, all of them together in at most `max_bytes`.
pub async fn decide_resume(
    outbox: &Outbox,
    readers: &Readers,
    point: &ResumePoint,
    max_bytes: u64,
) -> Resume {
    let mirror = outbox.mirror();
    mirror.pull();
    if point.epoch.as_str() != mirror.epoch() || point.since > mirror.newest() {
        return Resume::State;
    }
    if let Ok(position) = mirror.resume_after(point.since)
        && mirror.bytes_from(position) <= max_bytes
    {
        return Resume::Ring(position);
    }
    match readers.can_resume(point.since, max_bytes).await {
        Ok(true) => Resume::Log(point.since),
        Ok(false) => Resume::State,
        Err(error) => {
            log::warn!(
                "a client that saw {} gets the state, its changes cannot be read: {error}",
                point.since
            );
            Resume::State
        }
    }
}

impl Resume {
    /// The same by now: what was in the ring when it was asked may have gone since.
    pub fn renewed(self, outbox: &Outbox, since: Seq) -> Resume {
        outbox.mirror().pull();
        match self {
            Resume::Ring(_) => match outbox.mirror().resume_after(since) {
                Ok(position) => Resume::Ring(position),
                Err(_) => Resume::Log(since),
            },
            other => other,
        }
    }

    /// Lets a connection that has seen `since` join the stream, in this turn. What has to be read from
    /// the log before is the work of the future that comes back then.
    #[must_use = "a replay is sent by whoever polls it"]
    pub fn join(
        self,
        outbox: &Outbox,
        readers: &Readers,
        since: Seq,
    ) -> Option<impl Future<Output = ()> + use<>> {
        match self {
            Resume::State => {
                outbox.push_state(StateReason::Connected);
                outbox.attach(None, outbox.mirror().newest());
                None
            }
            Resume::Ring(position) => {
                outbox.attach(Some(position), since);
                None
            }
            Resume::Log(since) => Some(replay(outbox.clone(), readers.clone(), since)),
        }
    }
}

/// Sends the changes after `since` from the log, as fast as the client takes them, until the ring
/// holds the rest; then joins the stream. Only that last step is one turn.
async fn replay(outbox: Outbox, readers: Readers, since: Seq) {
    let mut seen = since;
    loop {
        outbox.mirror().pull();
        if let Ok(position) = outbox.mirror().resume_after(seen) {
            return outbox.attach(Some(position), seen);
        }
        let page = readers.frames_after(seen, PAGE_BYTES).await;
        if outbox.is_over() {
            return;
        }
        // The log may be ahead of what is shown by a batch that is being announced just now: what is
        // not shown yet comes with the stream.
        outbox.mirror().pull();
        let newest = outbox.mirror().newest();
        let frames = page.map(|mut frames| {
            frames.retain(|frame| frame.seq().is_some_and(|seq| seq <= newest));
            frames
        });
        match frames {
            Ok(frames) if !frames.is_empty() => {
                seen = frames.last().and_then(|frame| frame.seq()).unwrap_or(seen);
                outbox.push_replayed(frames.iter());
            }
            Ok(_) => {
                log::warn!("a replay found nothing after {seen}, the client gets the state");
                return outbox.attach_with_state(StateReason::Lagging);
            }
            Err(error) => {
                log::warn!("a replay ended at {seen}, the client gets the state: {error}");
                return outbox.attach_with_state(StateReason::Lagging);
            }
        }
        poll_fn(|cx| outbox.poll_drained(cx.waker())).await;
    }
}
