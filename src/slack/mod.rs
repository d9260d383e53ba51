//! Slack: commands that people type (`/opshub approve P7`) and buttons that they press.
//!
//! What comes from Slack is believed for its [`signature`] alone. A [`slash`] command and a press
//! ([`interaction`]) become one of the registry's commands, said by somebody whom [`people`] knows; [`views`] writes
//! the answer as Block Kit within Slack's limits ([`blocks`]), and [`Replies`] sends what comes later. Everything but
//! those is pure: the time and the state are handed in. The routes are `http/slack.rs`.
//!
//! Who repeats a request: Slack itself, which signs it anew or sends the same bytes again, and whoever got hold of
//! one. The two cannot be told apart, since nothing but time and body is signed. So a repeat is not refused but
//! harmless: its `trigger_id` is its idempotency key, a command that was carried out is answered from the log, and
//! what is older than [`signature::WINDOW_S`] is refused. `docs/slack.md` tells it at length.

mod app;
pub mod blocks;
mod definition;
mod form;
pub mod interaction;
pub mod people;
mod refusal;
mod reply;
pub mod signature;
pub mod slash;
pub mod views;
#[cfg(test)]
mod views_tests;

pub use app::Slack;
pub use definition::{SlackConfig, USERS_MAX};
pub use refusal::{Refusal, Turned, refuse};
pub use reply::{Replies, ResponseHosts, ResponseUrl};
