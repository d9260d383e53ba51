//! What the hub is told, in order, until it has it on disk.

use std::collections::BTreeMap;
use std::time::Duration;

use actix::prelude::*;

use crate::domain::{Change, Error, GatewayChange, GatewayId};
use crate::gateway::{Definition, Origin};
use crate::hub::{Announce, Proposal};
use crate::protocol::server::GatewayLatency;
use crate::protocol::{ServerMessage, Topic};

use super::actor::Monitor;

/// The actor of what the monitor changes.
const ACTOR: &str = "monitor";
/// Changes that are proposed at a time: each holds a version of all gateways until it is on disk.
const TELLING_MAX: usize = 16;
/// How long the hub is left alone after it refused a change for a cause that passes.
const RETRY: Duration = Duration::from_secs(1);

impl Monitor {
    /// Proposes what waits for a gateway, one change after the other.
    pub(super) fn tell_hub(&mut self, id: &GatewayId, ctx: &mut Context<Self>) {
        let Some(watched) = self.watched.get_mut(id).filter(|watched| !watched.telling) else { return };
        let Some(change) = watched.waiting.front().cloned() else { return };
        if self.telling >= TELLING_MAX {
            if !self.queue.contains(id) {
                self.queue.push_back(id.clone());
            }
            return;
        }
        watched.telling = true;
        self.telling += 1;
        let (hub, generation, id) = (self.hub.clone(), watched.generation, id.clone());
        let told = async move { hub.propose(proposal(change)).await };
        ctx.spawn(told.into_actor(self).map(move |told, monitor, ctx| {
            monitor.telling -= 1;
            while monitor.telling < TELLING_MAX
                && let Some(next) = monitor.queue.pop_front()
            {
                monitor.tell_hub(&next, ctx);
            }
            let Some(watched) =
                monitor.watched.get_mut(&id).filter(|watched| watched.generation == generation)
            else {
                return;
            };
            watched.telling = false;
            match told {
                Err(Error::StorageUnavailable { .. } | Error::Overloaded) => {
                    ctx.run_later(RETRY, move |monitor, ctx| monitor.tell_hub(&id, ctx));
                    return;
                }
                Err(Error::ShuttingDown) => return,
                Err(error) => log::error!(gateway_id = id.as_str(); "gateway {id} cannot be shown: {error}"),
                Ok(_) => {}
            }
            watched.waiting.pop_front();
            monitor.tell_hub(&id, ctx);
        }));
    }

    /// Takes gateways out of the document that nobody defines any more.
    pub(super) fn remove_unknown(&mut self, known: &[(Definition, Origin)], ctx: &mut Context<Self>) {
        let document = self.live.committed().document.clone();
        for id in document.gateways().keys() {
            if known.iter().any(|(definition, _)| definition.id.as_str() == id) {
                continue;
            }
            let Ok(id) = GatewayId::parse(id) else { continue };
            let hub = self.hub.clone();
            let told = async move {
                if let Err(error) = hub.propose(proposal(GatewayChange::Remove { id: id.clone() })).await {
                    log::error!("gateway {id} is defined no more and cannot be removed: {error}");
                }
            };
            ctx.spawn(told.into_actor(self));
        }
    }

    /// Tells latencies that no frame has told yet.
    pub(super) fn tell_latencies(&mut self) {
        let ms = |latency: Duration| (latency.as_secs_f64() * 1e6).round() / 1e3;
        let latency_ms: BTreeMap<String, Option<f64>> = self
            .watched
            .iter_mut()
            .filter_map(|(id, watched)| Some((id.as_str().to_owned(), watched.untold.take()?.map(ms))))
            .collect();
        if !latency_ms.is_empty() {
            let message = ServerMessage::GatewayLatency(GatewayLatency { latency_ms });
            self.hub.addr().do_send(Announce { topic: Topic::Latency, message });
        }
    }
}

fn proposal(change: GatewayChange) -> Proposal {
    Proposal {
        change: Change::Gateway(change),
        actor: ACTOR.to_owned(),
        request_id: uuid::Uuid::new_v4().to_string(),
        idempotency: None,
        expectation: None,
        bytes: 0,
    }
}
