//! Changes that wait for the disk.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard};

use super::rows::Record;

/// The changes that the hub has staged and the Db actor has not taken yet, in order.
///
/// A batch takes what is here when it begins, and what comes while it is being written; so it grows
/// with the load, and nobody waits for company. The hub bounds what may wait.
#[derive(Debug, Default)]
pub struct Inbox(Mutex<VecDeque<Record>>);

impl Inbox {
    /// Adds the newest changes, which the store sees in one step.
    pub fn extend(&self, records: impl IntoIterator<Item = Record>) {
        self.lock().extend(records);
    }

    /// Takes the oldest change.
    pub(super) fn pop(&self) -> Option<Record> {
        self.lock().pop_front()
    }

    /// Takes everything back; none of it will be written.
    pub fn clear(&self) {
        self.lock().clear();
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.lock().is_empty()
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Record>> {
        self.0.lock().expect("nothing panics while it holds this lock")
    }
}
