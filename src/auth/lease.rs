//! How those who were let in learn that their credential was taken back.

use std::fmt;

use tokio::sync::watch;

/// Lives as long as the credential that it was given for.
#[derive(Clone)]
pub struct Lease(watch::Receiver<()>);

/// The other side: what holds this ends every lease when it goes.
pub(super) struct Lessor(watch::Sender<()>);

impl Lessor {
    pub(super) fn new() -> Lessor {
        Lessor(watch::Sender::new(()))
    }

    pub(super) fn lease(&self) -> Lease {
        Lease(self.0.subscribe())
    }
}

impl Lease {
    /// Waits until the credential is taken back.
    pub async fn ended(mut self) {
        // Nothing is ever sent: the end of the sender is the news.
        while self.0.changed().await.is_ok() {}
    }

    /// Whether the credential was taken back.
    pub fn is_over(&self) -> bool {
        self.0.has_changed().is_err()
    }
}

impl fmt::Debug for Lease {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Lease({})", if self.is_over() { "over" } else { "alive" })
    }
}

impl PartialEq for Lease {
    fn eq(&self, other: &Lease) -> bool {
        self.0.same_channel(&other.0)
    }
}

impl Eq for Lease {}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_lease_ends_with_its_lessor() {
        let lessor = Lessor::new();
        let (lease, other) = (lessor.lease(), lessor.lease());
        assert!(!lease.is_over());
        let waiting = tokio::spawn(other.ended());
        drop(lessor);
        waiting.await.unwrap();
        assert!(lease.is_over());
    }
}
