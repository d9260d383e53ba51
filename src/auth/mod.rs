//! Who somebody is, and what that lets them do: tokens of programs, people and their sessions, tickets, JSON Web
//! Tokens.
//!
//! [`Roster`] is what is known, kept in memory and written through the Db actor; [`Access`] is the one
//! door to it. What a route or a frame needs stands in tables beside the routes and the frames.

mod access;
pub mod admin;
mod families;
mod journal;
mod jwt;
mod lease;
mod login;
mod manage;
mod password;
mod people;
mod principal;
mod rates;
mod roster;
mod secret;
mod tickets;

pub use access::{Access, AccessSettings};
pub use admin::{AdminAnswer, AdminRequest};
pub use families::TokenPair;
pub use journal::{Incident, IncidentKind};
pub use jwt::{Issuer, JwtAlgorithm, JwtDefinition};
pub use lease::Lease;
pub use login::SigningKey;
pub use people::{Place, SignedIn};
pub use principal::{Credential, CredentialKind, Principal, anonymous};
pub use roster::Roster;
pub use secret::{Secret, SecretKind};
