//! opshub: one live picture of a team's operations, durable and pushed to everyone at once.
//!
//! Folders are the parts of the design, and imports run one way: [`domain`] (pure) ← [`protocol`]
//! (the wire) ← [`logs`] (log lines), [`store`] (the log of changes) ← [`auth`] (who may do what), [`hub`], [`fanout`] ← [`session`], [`slack`] ← [`http`] ← [`server`] ←
//! [`cli`]. [`config`], [`telemetry`] and [`net`] (addresses, rates, TLS) serve them all. `ARCHITECTURE.md` tells the whole story.

pub mod auth;
pub mod cli;
pub mod config;
pub mod domain;
pub mod fanout;
pub mod gateway;
pub mod http;
pub mod hub;
pub mod logs;
pub mod monitor;
pub mod net;
pub mod notify;
pub mod protocol;
pub mod server;
pub mod session;
pub mod slack;
pub mod store;
pub mod telemetry;
