//! How many are connected, and how many are let in.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use crate::domain::Error;
use crate::net::Place;
use crate::protocol::server::WebsocketHealth;

/// What kind of connection stays open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConnectionKind {
    /// A WebSocket.
    Websocket,
    /// A stream of server-sent events.
    Stream,
}

/// Counts the connections that stay open, under one limit.
#[derive(Debug)]
pub struct Connections {
    websockets: AtomicUsize,
    streams: AtomicUsize,
    limit: usize,
    closed: AtomicBool,
}

impl Connections {
    /// Lets in at most `limit` connections of all kinds together.
    pub fn new(limit: usize) -> Arc<Connections> {
        let zero = || AtomicUsize::new(0);
        Arc::new(Connections { websockets: zero(), streams: zero(), limit, closed: AtomicBool::new(false) })
    }

    /// Takes a place; it is free again when the admission is dropped.
    ///
    /// # Errors
    /// `too_many_connections` over the limit, `shutting_down` after [`Connections::close`].
    pub fn admit(self: &Arc<Self>, kind: ConnectionKind) -> Result<Admission, Error> {
        if self.closed.load(Ordering::Acquire) {
            return Err(Error::ShuttingDown);
        }
        let admission = Admission { connections: self.clone(), kind, _place: None };
        self.counter(kind).fetch_add(1, Ordering::AcqRel);
        if self.total() > self.limit {
            // The admission's drop gives the place back.
            return Err(Error::TooManyConnections);
        }
        Ok(admission)
    }

    /// Lets nobody in from now on.
    pub fn close(&self) {
        self.closed.store(true, Ordering::Release);
    }

    /// Whether nobody is let in any more.
    pub fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Acquire)
    }

    /// WebSocket clients connected now.
    pub fn websockets(&self) -> usize {
        self.websockets.load(Ordering::Acquire)
    }

    /// Everything that is open now.
    pub fn total(&self) -> usize {
        self.websockets() + self.streams.load(Ordering::Acquire)
    }

    /// The figures as `/health` tells them.
    pub fn health(&self) -> WebsocketHealth {
        WebsocketHealth {
            connections: self.websockets(),
            streams: self.streams.load(Ordering::Acquire),
            limit: self.limit,
        }
    }

    fn counter(&self, kind: ConnectionKind) -> &AtomicUsize {
        match kind {
            ConnectionKind::Websocket => &self.websockets,
            ConnectionKind::Stream => &self.streams,
        }
    }
}

/// A place among the connections.
#[derive(Debug)]
pub struct Admission {
    connections: Arc<Connections>,
    kind: ConnectionKind,
    _place: Option<Place>,
}

impl Admission {
    /// Keeps the place that the connection has among those of its address.
    #[must_use]
    pub fn at(self, place: Option<Place>) -> Admission {
        let mut admission = self;
        admission._place = place;
        admission
    }
}

impl Drop for Admission {
    fn drop(&mut self) {
        self.connections.counter(self.kind).fetch_sub(1, Ordering::AcqRel);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_given_back() {
        let connections = Connections::new(2);
        let first = connections.admit(ConnectionKind::Websocket).unwrap();
        let second = connections.admit(ConnectionKind::Stream).unwrap();
        let refused = connections.admit(ConnectionKind::Websocket).unwrap_err();
        assert_eq!(refused.spec(), (503, "too_many_connections"));
        assert_eq!((connections.websockets(), connections.total()), (1, 2));
        drop(first);
        drop(second);
        assert_eq!(connections.total(), 0);
        connections.close();
        let refused = connections.admit(ConnectionKind::Websocket).unwrap_err();
        assert_eq!(refused.spec(), (503, "shutting_down"));
    }
}
