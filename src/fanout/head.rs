//! How long the head of a request may take: the HTTP stack looks at the first one of a connection alone.

use std::cell::{Cell, RefCell};
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::{Instant, Sleep};

/// The HTTP stack has time to answer a first head that is late by itself, which it does with 408.
const SLACK: Duration = Duration::from_millis(250);

/// Measures each head from its first byte to the request that it makes.
#[derive(Debug)]
pub(super) struct HeadTimer {
    limit: Cell<Option<Duration>>,
    begun: Cell<Option<Instant>>,
    under_way: Cell<u32>,
    /// Kept from one head to the next.
    sleep: RefCell<Option<Pin<Box<Sleep>>>>,
}

impl HeadTimer {
    pub(super) fn new(limit: Option<Duration>) -> HeadTimer {
        HeadTimer {
            limit: Cell::new(limit.map(|limit| limit + SLACK)),
            begun: Cell::default(),
            under_way: Cell::default(),
            sleep: RefCell::default(),
        }
    }

    /// Bytes came: those of a head where no request is under way.
    pub(super) fn note_bytes(&self) {
        if self.limit.get().is_some() && self.under_way.get() == 0 && self.begun.get().is_none() {
            self.begun.set(Some(Instant::now()));
        }
    }

    /// The head is complete.
    pub(super) fn begin(&self) {
        self.under_way.set(self.under_way.get() + 1);
        self.begun.set(None);
    }

    /// A request was answered.
    pub(super) fn end(&self) {
        self.under_way.set(self.under_way.get().saturating_sub(1));
    }

    pub(super) fn under_way(&self) -> u32 {
        self.under_way.get()
    }

    /// No more heads come.
    pub(super) fn switch_off(&self) {
        self.limit.set(None);
        self.begun.set(None);
        self.sleep.take();
    }

    /// Ready, with what is wrong, when a head takes too long.
    pub(super) fn poll_late(&self, cx: &mut Context<'_>) -> Poll<io::Error> {
        let (Some(begun), Some(limit)) = (self.begun.get(), self.limit.get()) else { return Poll::Pending };
        let deadline = begun + limit;
        let mut sleep = self.sleep.borrow_mut();
        let sleep = sleep.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(deadline)));
        if sleep.deadline() != deadline {
            sleep.as_mut().reset(deadline);
        }
        let late = || io::Error::new(io::ErrorKind::TimedOut, "the head of a request took too long");
        sleep.as_mut().poll(cx).map(|()| late())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::poll_fn;

    async fn late_after(timer: &HeadTimer) -> Duration {
        let start = Instant::now();
        poll_fn(|cx| timer.poll_late(cx)).await;
        start.elapsed()
    }

    #[tokio::test(start_paused = true)]
    async fn a_head_that_takes_too_long_is_told_and_each_has_its_own_time() {
        let timer = HeadTimer::new(Some(Duration::from_secs(10)));
        timer.note_bytes();
        tokio::time::advance(Duration::from_secs(4)).await;
        // Further bytes win no time.
        timer.note_bytes();
        timer.begin();
        assert_eq!(timer.under_way(), 1);
        timer.end();
        timer.note_bytes();
        assert_eq!(late_after(&timer).await, Duration::from_secs(10) + SLACK);
    }

    #[tokio::test(start_paused = true)]
    async fn nothing_is_late_that_is_no_head() {
        let timer = HeadTimer::new(Some(Duration::from_secs(1)));
        let late = async || tokio::time::timeout(Duration::from_secs(99), late_after(&timer)).await;
        assert!(late().await.is_err(), "nothing came");
        timer.begin();
        timer.note_bytes();
        assert!(late().await.is_err(), "a body came");
        timer.switch_off();
        timer.end();
        timer.note_bytes();
        assert!(late().await.is_err(), "frames came");
    }
}
