//! Who somebody is, and what that lets them do: tokens of programs, people and their sessions, tickets.
//!
//! [`Roster`] is what is known, kept in memory and written through the Db actor; [`Access`] is the one
//! door to it. What a route or a frame needs stands in tables beside the routes and the frames.

mod access;
pub mod admin;
mod journal;
mod lease;
mod password;
mod principal;
mod rates;
mod roster;
mod secret;
mod tickets;

pub use access::{Access, AccessSettings, SignedIn};
pub use admin::{AdminAnswer, AdminRequest};
pub use journal::{Incident, IncidentKind};
pub use lease::Lease;
pub use principal::{Credential, CredentialKind, Principal, anonymous};
pub use roster::Roster;
pub use secret::{Secret, SecretKind};
