//! HTTP: routes, what is read from a request, and how answers and errors are written.
//!
//! Every route is an `async fn` of its own with its OpenAPI description beside it; [`routes`] is the
//! one table that puts them on their paths, and [`openapi`] the document made from them.

mod admin;
mod answer_body;
mod answers;
mod auth;
mod changes;
mod connections;
mod docs;
mod door;
mod error;
mod events;
mod gateways;
mod guard;
mod headers;
mod health;
mod listen;
mod login;
mod logs;
mod observe;
pub mod openapi;
mod origin;
mod page;
mod request;
mod rights;
mod routes;
mod sinks;
mod slack;
mod state;
mod stream;
mod system;
mod types;
mod ws;

pub use door::DoorSettings;
pub use error::ApiError;
pub use guard::{client, guard, hold_principal};
pub use health::DatabaseProbe;
pub use listen::{Listening, serve};
pub use observe::observe;
pub use origin::{check_origin, cors};
pub use page::PackedFiles;
pub use routes::routes;
pub use state::{AppState, NetworkSettings, Worker};
