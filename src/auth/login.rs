//! The access tokens that the hub gives out itself: short-lived JSON Web Tokens, signed with its own key.

use std::fmt;

use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};

use crate::domain::{Error, Timestamp};

use super::jwt::{Expected, Flaw, Keys, OWN_ISSUER, SECRET_MIN_BYTES, verify};

/// Whom they are for: the hub itself.
const OWN_AUDIENCE: &str = "opshub/api";

/// The key that access tokens are signed with.
#[derive(Clone)]
pub struct SigningKey(SecretString);

impl SigningKey {
    /// Takes a key.
    ///
    /// # Errors
    /// It is too short; the message does not quote it.
    pub fn new(text: &str) -> Result<SigningKey, String> {
        let text = text.trim();
        if text.len() < SECRET_MIN_BYTES {
            return Err(format!(
                "the key has {} bytes, and needs at least {SECRET_MIN_BYTES}: `openssl rand -hex 32` makes one",
                text.len()
            ));
        }
        Ok(SigningKey(text.to_owned().into()))
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SigningKey(***)")
    }
}

impl PartialEq for SigningKey {
    fn eq(&self, other: &SigningKey) -> bool {
        self.0.expose_secret() == other.0.expose_secret()
    }
}

/// Gives out access tokens and knows them again.
pub(super) struct Logins {
    signing: EncodingKey,
    keys: Keys,
    expected: Expected,
    access_s: u32,
}

/// What an access token says.
pub(super) struct Login {
    /// The sign-in that it goes back to.
    pub(super) family: String,
    /// Until when it holds.
    pub(super) until: Timestamp,
}

impl Logins {
    /// Signs with `key`, for `access_s` seconds.
    pub(super) fn new(key: &SigningKey, access_s: u32) -> Logins {
        let secret = key.0.expose_secret().as_bytes();
        Logins {
            signing: EncodingKey::from_secret(secret),
            keys: Keys::secret(secret).expect("a signing key is long enough"),
            expected: Expected {
                issuer: OWN_ISSUER.to_owned(),
                audience: OWN_AUDIENCE.to_owned(),
                algorithms: vec![Algorithm::HS256],
                // It is the same clock.
                leeway_s: 0,
            },
            access_s,
        }
    }

    /// Makes a token for a person that goes back to `family`, which ends at `end`; tells how many seconds it holds.
    ///
    /// # Errors
    /// `internal`.
    pub(super) fn issue(
        &self,
        email: &str,
        family: &str,
        now: Timestamp,
        end: Timestamp,
    ) -> Result<(String, u32), Error> {
        let issued = now.millis().div_euclid(1_000);
        let left = (end.millis() - now.millis()).max(0) / 1_000;
        let holds_s = self.access_s.min(u32::try_from(left).unwrap_or(u32::MAX));
        let claims = json!({
            "iss": OWN_ISSUER,
            "aud": OWN_AUDIENCE,
            "sub": email,
            "sid": family,
            "iat": issued,
            "exp": issued + i64::from(holds_s),
            "jti": uuid::Uuid::new_v4().to_string(),
        });
        let token = encode(&Header::new(Algorithm::HS256), &claims, &self.signing);
        let token = token.map_err(|error| Error::internal(format!("an access token: {error}")))?;
        Ok((token, holds_s))
    }

    /// Reads a token that the hub gave out.
    ///
    /// # Errors
    /// The first flaw that was found.
    pub(super) fn read(&self, token: &str, now: Timestamp) -> Result<Login, Flaw> {
        let verified = verify(token, &self.keys, &self.expected, now)?;
        let family = verified.claims.get("sid").and_then(Value::as_str).ok_or(Flaw::Malformed)?;
        Ok(Login { family: family.to_owned(), until: verified.until })
    }
}
