//! JSON Web Tokens: those of an identity provider, and what is needed for the hub's own.
//!
//! [`verify`] is pure; [`Issuer`] has the keys of an identity provider, keeps them fresh, and says who somebody
//! is by a token.

mod definition;
mod issuer;
mod keys;
mod provider;
mod source;
mod verify;
mod who;

pub use definition::{JwtAlgorithm, JwtDefinition};
pub use issuer::Issuer;

pub(super) use issuer::refused;

pub(super) use definition::OWN_ISSUER;
pub(super) use keys::{Keys, SECRET_MIN_BYTES};
pub(super) use verify::{Expected, Flaw, verify};

#[cfg(test)]
mod tests;
