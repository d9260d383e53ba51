//! Slack's signature, version `v0`: HMAC-SHA256 over `v0:<timestamp>:<body>`, the body as it came.

use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::domain::Timestamp;

/// The header with the signature.
pub const SIGNATURE: &str = "x-slack-signature";
/// The header with the time at which it was made, Unix time in seconds.
pub const TIMESTAMP: &str = "x-slack-request-timestamp";
/// The header that says how often Slack tried before.
pub const RETRY: &str = "x-slack-retry-num";

/// How far a request's time may be from ours, in seconds.
pub const WINDOW_S: i64 = 5 * 60;
/// The version of the signature, and the only one there is.
const VERSION: &str = "v0";
/// The bytes of a signature.
const SIGNATURE_BYTES: usize = 32;
/// The most digits of a time: enough for some thousand years.
const TIMESTAMP_MAX_DIGITS: usize = 12;

/// The app's signing secret. It is shown nowhere.
#[derive(Clone)]
pub struct SigningSecret(Vec<u8>);

impl SigningSecret {
    /// Takes a secret; none where the text is empty.
    pub fn new(text: &str) -> Option<SigningSecret> {
        let text = text.trim();
        (!text.is_empty()).then(|| SigningSecret(text.as_bytes().to_vec()))
    }

    fn mac(&self, timestamp: &str, body: &[u8]) -> Hmac<Sha256> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).expect("HMAC takes keys of any length");
        for part in [VERSION.as_bytes(), b":", timestamp.as_bytes(), b":", body] {
            mac.update(part);
        }
        mac
    }
}

impl fmt::Debug for SigningSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// Why a request is not believed to be Slack's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unsigned {
    /// It has no signature, or no time.
    Missing,
    /// Its signature or its time are none.
    Malformed,
    /// Its time is too far from ours.
    Stale,
    /// Its signature is that of something else.
    Mismatch,
}

/// What a request says of itself, read before its body is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signed {
    /// As it was written: that is what was signed.
    timestamp: String,
    signature: [u8; SIGNATURE_BYTES],
}

impl Signed {
    /// Reads the two headers; the time must be near `now`.
    ///
    /// # Errors
    /// Why the request is refused, whatever its body is.
    pub fn read(
        timestamp: Option<&str>,
        signature: Option<&str>,
        now: Timestamp,
    ) -> Result<Signed, Unsigned> {
        let (Some(timestamp), Some(signature)) = (timestamp, signature) else {
            return Err(Unsigned::Missing);
        };
        let digits = timestamp.bytes().all(|byte| byte.is_ascii_digit());
        if !digits || timestamp.len() > TIMESTAMP_MAX_DIGITS {
            return Err(Unsigned::Malformed);
        }
        let sent: i64 = timestamp.parse().map_err(|_| Unsigned::Malformed)?;
        let hex = signature.strip_prefix(VERSION).and_then(|rest| rest.strip_prefix('='));
        let signature = hex.and_then(unhex).ok_or(Unsigned::Malformed)?;
        if (now.millis().div_euclid(1_000) - sent).abs() > WINDOW_S {
            return Err(Unsigned::Stale);
        }
        Ok(Signed { timestamp: timestamp.to_owned(), signature })
    }

    /// Compares with what `body` should have, in a time that tells nothing of it.
    ///
    /// # Errors
    /// [`Unsigned::Mismatch`].
    pub fn check(&self, secret: &SigningSecret, body: &[u8]) -> Result<(), Unsigned> {
        let mac = secret.mac(&self.timestamp, body);
        mac.verify_slice(&self.signature).map_err(|_| Unsigned::Mismatch)
    }
}

/// Signs a body as Slack does: what a stand-in for it needs.
pub fn sign(secret: &SigningSecret, timestamp: &str, body: &[u8]) -> String {
    let code = secret.mac(timestamp, body).finalize().into_bytes();
    let hex: String = code.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{VERSION}={hex}")
}

fn unhex(text: &str) -> Option<[u8; SIGNATURE_BYTES]> {
    let digits = text.as_bytes();
    if digits.len() != 2 * SIGNATURE_BYTES {
        return None;
    }
    let value = |digit: u8| char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok());
    let mut bytes = [0; SIGNATURE_BYTES];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = value(pair[0])? << 4 | value(pair[1])?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The example of Slack's documentation, "Verifying requests from Slack".
    const SECRET: &str = "8f742231b10e8888abcd99yyyzzz85a5";
    const SENT: &str = "1531420618";
    const BODY: &[u8] = b"token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c";
    const SIGNED: &str = "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503";

    fn secret() -> SigningSecret {
        SigningSecret::new(SECRET).unwrap()
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(seconds * 1_000)
    }

    fn read(timestamp: &str, signature: &str) -> Result<Signed, Unsigned> {
        Signed::read(Some(timestamp), Some(signature), at(1_531_420_618))
    }

    #[test]
    fn the_documented_request_is_slacks() {
        assert_eq!(sign(&secret(), SENT, BODY), SIGNED);
        assert_eq!(read(SENT, SIGNED).unwrap().check(&secret(), BODY), Ok(()));
    }

    #[test]
    fn another_body_time_or_secret_is_not() {
        let signed = read(SENT, SIGNED).unwrap();
        let mut body = BODY.to_vec();
        body[6] ^= 1;
        assert_eq!(signed.check(&secret(), &body), Err(Unsigned::Mismatch));
        let later = read("1531420619", SIGNED).unwrap();
        assert_eq!(later.check(&secret(), BODY), Err(Unsigned::Mismatch));
        let other = SigningSecret::new("another").unwrap();
        assert_eq!(signed.check(&other, BODY), Err(Unsigned::Mismatch));
    }

    #[test]
    fn a_time_is_near_within_five_minutes_on_both_sides() {
        let sent = 1_531_420_618;
        let read = |now: i64| Signed::read(Some(SENT), Some(SIGNED), at(now)).map(drop);
        assert_eq!((read(sent + WINDOW_S), read(sent - WINDOW_S)), (Ok(()), Ok(())));
        assert_eq!(read(sent + WINDOW_S + 1), Err(Unsigned::Stale));
        assert_eq!(read(sent - WINDOW_S - 1), Err(Unsigned::Stale));
    }

    #[test]
    fn what_is_no_signature_is_told_from_none() {
        assert_eq!(Signed::read(None, Some(SIGNED), at(0)), Err(Unsigned::Missing));
        assert_eq!(Signed::read(Some(SENT), None, at(0)), Err(Unsigned::Missing));
        let short = &SIGNED[..SIGNED.len() - 1];
        let other_version = SIGNED.replace("v0", "v1");
        for (timestamp, signature) in [
            ("", SIGNED),
            ("-1", SIGNED),
            ("1e9", SIGNED),
            ("9999999999999", SIGNED),
            (SENT, ""),
            (SENT, "v0="),
            (SENT, short),
            (SENT, other_version.as_str()),
            (SENT, "v0=zz114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503"),
        ] {
            assert_eq!(read(timestamp, signature), Err(Unsigned::Malformed), "{timestamp:?} {signature:?}");
        }
    }

    #[test]
    fn a_secret_is_not_shown_and_not_empty() {
        assert_eq!(format!("{:?}", secret()), "***");
        assert!(SigningSecret::new(" \n").is_none());
    }

    proptest! {
        #[test]
        fn headers_of_any_form_are_read_without_a_panic(timestamp in ".{0,40}", signature in ".{0,90}") {
            let _ = read(&timestamp, &signature);
        }

        #[test]
        fn what_was_signed_is_recognised(body in prop::collection::vec(any::<u8>(), 0..200)) {
            let signed = read(SENT, &sign(&secret(), SENT, &body)).unwrap();
            prop_assert_eq!(signed.check(&secret(), &body), Ok(()));
        }
    }
}
