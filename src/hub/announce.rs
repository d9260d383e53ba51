//! Telling the workers that there is news: one wake-up under way for each, at most.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use actix::prelude::*;

use crate::protocol::{Frame, ServerMessage, Topic};

use super::actor::Hub;

/// Tells a worker's fan-out actor to fetch what is new.
#[derive(Debug, Clone, Copy, Message)]
#[rtype(result = "()")]
pub struct Wake;

/// Adds a worker.
#[derive(Message)]
#[rtype(result = "()")]
pub struct AddFanout {
    /// Where wake-ups go.
    pub wake: Recipient<Wake>,
    /// Whether one is under way; the worker clears it before it looks.
    pub awake: Arc<AtomicBool>,
}

/// Shows a message that is not committed to the subscribers of a topic.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Announce {
    /// Who gets it.
    pub topic: Topic,
    /// The message.
    pub message: ServerMessage,
}

impl Handler<Announce> for Hub {
    type Result = ();

    fn handle(&mut self, Announce { topic, message }: Announce, _: &mut Context<Self>) {
        self.announce(Some(topic), message);
    }
}

/// A worker as the hub knows it.
pub(super) struct FanoutLink {
    wake: Recipient<Wake>,
    awake: Arc<AtomicBool>,
}

impl Handler<AddFanout> for Hub {
    type Result = ();

    fn handle(&mut self, AddFanout { wake, awake }: AddFanout, _: &mut Context<Self>) {
        self.fanouts.push(FanoutLink { wake, awake });
    }
}

impl Hub {
    /// Wakes every worker that is not on its way already.
    pub(super) fn wake_fanouts(&mut self) {
        self.metrics.ring_bytes.set(self.live.ring_bytes() as i64);
        self.fanouts.retain(|link| link.wake.connected());
        for link in &self.fanouts {
            if !link.awake.swap(true, Ordering::AcqRel) {
                // The flag bounds the mailbox to one message, so its capacity does not matter.
                link.wake.do_send(Wake);
            }
        }
    }

    /// Shows a message that is not committed to the subscribers of `topic`; without one, to all.
    pub(super) fn announce(&mut self, topic: Option<Topic>, message: ServerMessage) {
        let now = (self.clock)();
        let frame = match topic {
            Some(topic) => Frame::ephemeral(topic, message, now),
            None => Frame::for_all(message, now),
        };
        self.live.show_uncommitted(frame);
        self.wake_fanouts();
    }
}
