//! What the hub shows: the newest committed state and the ring of recent frames, shared with
//! everybody who looks.

use std::sync::{Arc, Mutex, MutexGuard, OnceLock};

use bytes::Bytes;
use tokio::sync::watch;

use crate::domain::{Document, Epoch, Seq, Timestamp};
use crate::protocol::Frame;

use super::ring::{Lost, Ring};

/// The document after a committed change. Its text is made once, when somebody first asks for it.
#[derive(Debug)]
pub struct Committed {
    /// The newest change.
    pub seq: Seq,
    /// The newest change that altered the document.
    pub state_seq: Seq,
    /// When the newest change was made; the start of the hub where there is none.
    pub at: Timestamp,
    /// The document.
    pub document: Document,
    text: OnceLock<Bytes>,
}

impl Committed {
    /// The state after change `seq`.
    pub fn new(seq: Seq, state_seq: Seq, at: Timestamp, document: Document) -> Committed {
        Committed { seq, state_seq, at, document, text: OnceLock::new() }
    }

    /// The document in its one serialization, shared.
    pub fn text(&self) -> Bytes {
        self.text.get_or_init(|| self.document.to_json().into()).clone()
    }
}

/// The live side of the hub. The hub writes, everybody else reads; nobody holds the lock for longer
/// than it takes to copy pointers.
#[derive(Debug)]
pub struct Live {
    epoch: Epoch,
    shared: Mutex<Shared>,
    system: watch::Sender<Seq>,
    gateways: watch::Sender<Seq>,
    newest: watch::Sender<Seq>,
}

#[derive(Debug)]
struct Shared {
    ring: Ring,
    committed: Arc<Committed>,
    storage_ok: bool,
}

/// The newest state and what else belongs to the same moment.
#[derive(Debug, Clone)]
pub struct View {
    /// The newest committed state.
    pub committed: Arc<Committed>,
    /// Whether the last write worked.
    pub storage_ok: bool,
}

/// What a worker has not seen yet.
#[derive(Debug)]
pub(crate) struct News {
    /// The frames, or [`Lost`] where the ring no longer holds all of them.
    pub(crate) frames: Result<Vec<Arc<Frame>>, Lost>,
    /// The position after the last of them.
    pub(crate) end: u64,
    /// The state after the last of them.
    pub(crate) committed: Arc<Committed>,
}

impl Live {
    /// The live side of a hub that begins at `committed`.
    pub fn new(epoch: Epoch, committed: Committed, ring_bytes: usize) -> Live {
        let system = watch::Sender::new(committed.state_seq);
        let gateways = watch::Sender::new(committed.state_seq);
        let newest = watch::Sender::new(committed.seq);
        let ring = Ring::new(ring_bytes);
        let shared = Shared { ring, committed: Arc::new(committed), storage_ok: true };
        Live { epoch, shared: Mutex::new(shared), system, gateways, newest }
    }

    /// The log that sequence numbers count in.
    pub fn epoch(&self) -> &Epoch {
        &self.epoch
    }

    /// The newest state.
    pub fn view(&self) -> View {
        let shared = self.lock();
        View { committed: shared.committed.clone(), storage_ok: shared.storage_ok }
    }

    /// The newest committed state alone.
    pub fn committed(&self) -> Arc<Committed> {
        self.lock().committed.clone()
    }

    /// What the ring holds now, in bytes.
    pub fn ring_bytes(&self) -> usize {
        self.lock().ring.bytes()
    }

    /// Follows the number of the newest change to `system`.
    pub fn watch_system(&self) -> watch::Receiver<Seq> {
        self.system.subscribe()
    }

    /// Follows the number of the newest change to `gateways`.
    pub fn watch_gateways(&self) -> watch::Receiver<Seq> {
        self.gateways.subscribe()
    }

    /// Follows the number of the newest change of any kind; it is shown by the time it is seen here.
    pub fn watch_committed(&self) -> watch::Receiver<Seq> {
        self.newest.subscribe()
    }

    /// Everything after `position`, with the state that goes with it.
    pub(crate) fn news_since(&self, position: u64) -> News {
        let shared = self.lock();
        let frames = shared.ring.since(position).map(|frames| frames.cloned().collect());
        News { frames, end: shared.ring.end(), committed: shared.committed.clone() }
    }

    /// Shows committed changes and the state after them, in one step.
    pub(crate) fn show(&self, frames: impl Iterator<Item = Arc<Frame>>, committed: Committed) {
        let seq = committed.seq;
        let (system_changed, gateways_changed) = {
            let mut shared = self.lock();
            frames.for_each(|frame| shared.ring.push(frame));
            let (before, after) = (&shared.committed.document, &committed.document);
            let changed = (before.system() != after.system(), !before.shares_gateways(after));
            shared.committed = Arc::new(committed);
            changed
        };
        if system_changed {
            self.system.send_replace(seq);
        }
        if gateways_changed {
            self.gateways.send_replace(seq);
        }
        self.newest.send_replace(seq);
    }

    /// Shows a frame that is not committed.
    pub(crate) fn show_uncommitted(&self, frame: Frame) {
        self.lock().ring.push(Arc::new(frame));
    }

    /// Remembers whether the last write worked.
    pub(super) fn set_storage_ok(&self, ok: bool) {
        self.lock().storage_ok = ok;
    }

    fn lock(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().expect("nothing panics while it holds this lock")
    }
}
