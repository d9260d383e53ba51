//! opshub: one live picture of a team's operations, durable and pushed to everyone at once.
//!
//! Folders are the parts of the design, and imports run one way: [`domain`] (pure) ← [`protocol`]
//! (the wire) ← [`store`] (the log) ← [`hub`], [`fanout`] ← [`session`] ← [`http`] ← [`server`] ←
//! [`cli`]. [`config`] and [`telemetry`] serve them all. `ARCHITECTURE.md` tells the whole story.

pub mod cli;
pub mod config;
pub mod domain;
pub mod fanout;
pub mod http;
pub mod hub;
pub mod protocol;
pub mod server;
pub mod session;
pub mod store;
pub mod telemetry;
