//! Whether a text is a JSON Web Token that holds: pure, at any time that one says.

use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Algorithm, Header, Validation, decode, decode_header};
use serde_json::{Map, Value};

use crate::domain::Timestamp;

use super::keys::Keys;

/// The longest token that is looked at, in bytes.
pub(in crate::auth) const TOKEN_MAX_BYTES: usize = 16 * 1024;
/// Keys that one token is tried with, where it does not say which one it is signed by.
const TRIES_MAX: usize = 8;
/// The end of the year 9999: later than that is as good as then.
const LATEST_S: u64 = 253_402_300_799;

/// What a token has to say.
#[derive(Debug, Clone)]
pub(in crate::auth) struct Expected {
    /// Who makes them.
    pub(in crate::auth) issuer: String,
    /// Whom they are for.
    pub(in crate::auth) audience: String,
    /// How they may be signed.
    pub(in crate::auth) algorithms: Vec<Algorithm>,
    /// How far clocks may be apart, in seconds.
    pub(in crate::auth) leeway_s: u64,
}

/// Why a token lets nobody in. None of these quotes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(in crate::auth) enum Flaw {
    #[error("it is no JSON Web Token")]
    Malformed,
    #[error("it is longer than 16 KiB")]
    TooLong,
    #[error("it is signed in a way that is not taken here")]
    Algorithm,
    #[error("it asks for extensions that are not known here")]
    Critical,
    #[error("it is signed with a key that is not known here")]
    UnknownKey,
    #[error("its signature is wrong")]
    Signature,
    #[error("it does not say who made it, for whom and until when")]
    Incomplete,
    #[error("it was made by somebody else")]
    Issuer,
    #[error("it is for somebody else")]
    Audience,
    #[error("it has expired")]
    Expired,
    #[error("it does not hold yet")]
    NotYet,
    #[error("it names nobody")]
    Nameless,
    #[error("what it was given for is over")]
    Ended,
}

/// A token that holds.
#[derive(Debug)]
pub(in crate::auth) struct Verified {
    /// What it says.
    pub(in crate::auth) claims: Map<String, Value>,
    /// Until when it holds, leeway included.
    pub(in crate::auth) until: Timestamp,
}

/// Reads what a token says of itself, which is not to be believed.
pub(super) fn header(token: &str) -> Result<Header, Flaw> {
    if token.len() > TOKEN_MAX_BYTES {
        return Err(Flaw::TooLong);
    }
    decode_header(token).map_err(|_| Flaw::Malformed)
}

/// Verifies a token at `now`.
///
/// # Errors
/// The first flaw that was found.
pub(in crate::auth) fn verify(
    token: &str,
    keys: &Keys,
    expected: &Expected,
    now: Timestamp,
) -> Result<Verified, Flaw> {
    let header = header(token)?;
    if !expected.algorithms.contains(&header.alg) {
        return Err(Flaw::Algorithm);
    }
    if header.crit.is_some() {
        return Err(Flaw::Critical);
    }
    let mut flaw = Flaw::UnknownKey;
    // Each key is for one algorithm: one that is public is never taken for a secret.
    for key in keys.fitting(header.alg, header.kid.as_deref()).take(TRIES_MAX) {
        match decode::<Map<String, Value>>(token, key, &validation(header.alg, expected)) {
            Ok(data) => return check(data.claims, expected, now),
            Err(error) => flaw = flaw_of(error.kind()),
        }
        if flaw != Flaw::Signature {
            break;
        }
    }
    Err(flaw)
}

fn validation(algorithm: Algorithm, expected: &Expected) -> Validation {
    let mut validation = Validation::new(algorithm);
    validation.set_required_spec_claims(&["exp", "iss", "aud"]);
    validation.set_issuer(&[&expected.issuer]);
    validation.set_audience(&[&expected.audience]);
    // By the clock of the caller, below.
    validation.validate_exp = false;
    validation
}

fn flaw_of(kind: &ErrorKind) -> Flaw {
    match kind {
        ErrorKind::InvalidSignature => Flaw::Signature,
        ErrorKind::InvalidIssuer => Flaw::Issuer,
        ErrorKind::InvalidAudience => Flaw::Audience,
        ErrorKind::MissingRequiredClaim(_) => Flaw::Incomplete,
        ErrorKind::InvalidAlgorithm => Flaw::Algorithm,
        _ => Flaw::Malformed,
    }
}

fn check(claims: Map<String, Value>, expected: &Expected, now: Timestamp) -> Result<Verified, Flaw> {
    // The library takes a list of issuers too, which RFC 7519 does not know.
    if claims.get("iss").and_then(Value::as_str) != Some(&expected.issuer) {
        return Err(Flaw::Issuer);
    }
    let until = claims.get("exp").and_then(seconds).ok_or(Flaw::Incomplete)?;
    let until = millis(until.saturating_add(expected.leeway_s));
    if until <= now.millis() {
        return Err(Flaw::Expired);
    }
    if let Some(from) = claims.get("nbf") {
        let from = seconds(from).ok_or(Flaw::Malformed)?;
        if millis(from.saturating_sub(expected.leeway_s)) > now.millis() {
            return Err(Flaw::NotYet);
        }
    }
    Ok(Verified { claims, until: Timestamp::from_millis(until) })
}

/// Reads a NumericDate (RFC 7519 section 2): seconds, perhaps with a fraction.
fn seconds(value: &Value) -> Option<u64> {
    let whole = || value.as_f64().filter(|seconds| *seconds >= 0.0).map(|seconds| seconds as u64);
    value.as_u64().or_else(whole)
}

fn millis(seconds: u64) -> i64 {
    i64::try_from(seconds.min(LATEST_S) * 1_000).unwrap_or(i64::MAX)
}
