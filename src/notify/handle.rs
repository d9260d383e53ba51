//! The door to the notifier.

use std::time::{Duration, Instant};

use actix::prelude::*;

use crate::domain::Error;

use super::actor::{Cease, List, Notifier, SaveAll};
use super::report::SinkReport;

/// How often the end of the last attempts is looked for.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// Asks the notifier.
#[derive(Debug, Clone)]
pub struct NotifierHandle(Addr<Notifier>);

impl NotifierHandle {
    /// The door to `notifier`.
    pub fn new(notifier: Addr<Notifier>) -> NotifierHandle {
        NotifierHandle(notifier)
    }

    /// The actor itself.
    pub fn addr(&self) -> &Addr<Notifier> {
        &self.0
    }

    /// Every sink, in the order of the configuration.
    ///
    /// # Errors
    /// `internal` where the notifier is gone.
    pub async fn list(&self) -> Result<Vec<SinkReport>, Error> {
        self.0.send(List).await.map_err(|_| Error::internal("the notifier is gone"))
    }

    /// Ends the service: waits at most `patience` for attempts that are under way, and hands the cursors
    /// to the store. What was not answered by then is sent again after the next start.
    pub async fn stop(&self, patience: Duration) {
        let until = Instant::now() + patience;
        while let Ok(under_way) = self.0.send(Cease).await {
            if under_way == 0 || Instant::now() >= until {
                break;
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
        // Without a notifier there is nothing to store.
        let _ = self.0.send(SaveAll).await;
    }
}
