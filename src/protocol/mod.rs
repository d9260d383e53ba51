//! The wire: every frame and envelope that crosses a connection, as types.
//!
//! `server` and `client` hold the WebSocket messages, `frame` their encoded form that all
//! subscribers share, `document` the state as its readers see it, `error` the one form of an error,
//! `asyncapi` the document generated from all of them. Nothing here knows an actor, a socket or a table.

pub mod asyncapi;
pub mod client;
pub mod close;
pub mod document;
pub mod error;
pub mod frame;
pub mod logs;
pub mod server;
pub mod topic;

pub use client::{Command, Request, decode};
pub use close::{Close, CloseCode};
pub use document::StateDocument;
pub use error::ErrorObject;
pub use frame::{EventFrame, Frame, encode_message};
pub use logs::{LogFilter, LogLevel};
pub use server::{Health, HealthStatus, ServerMessage, StateReason};
pub use topic::{Topic, Topics};

/// The WebSocket subprotocol of the typed envelopes.
pub const SUBPROTOCOL_V1: &str = "opshub.v1";
