//! Sessions: one actor for each WebSocket connection.
//!
//! [`handshake`] decides in one pure function who is let in and how; [`framing`] turns bytes into
//! whole messages under bounds; the [`Session`] actor speaks the protocol and keeps the limits. It
//! lives on its worker by itself: a client that stops reading blocks its response body, never its
//! actor, since everything that goes out waits in the bounded [`crate::fanout::Outbox`].
//!
//! This folder alone knows actix-web-actors.

mod actor;
pub mod admit;
pub mod framing;
pub mod handshake;
mod limits;
pub mod origin;
mod plain;
pub mod query;
mod v1;

pub use actor::{Session, SessionParts, SessionSettings, UNKNOWN_ACTOR};
pub use handshake::{Accept, Protocol, Shown};
