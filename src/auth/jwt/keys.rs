//! The keys that JSON Web Tokens are verified with.

use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, KeyAlgorithm, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey, DecodingKeyKind};
use rustls::pki_types::SubjectPublicKeyInfoDer;
use rustls::pki_types::pem::PemObject;
use serde::Deserialize;
use serde_json::Value;

use super::provider;

/// The shortest secret: as long as what HS256 makes (RFC 7518 section 3.2).
pub(in crate::auth) const SECRET_MIN_BYTES: usize = 32;
/// Keys of a set that are read; what comes after them is not.
const KEYS_MAX: usize = 64;
/// Sizes of RSA keys that are taken, in bytes of the modulus.
const RSA_BYTES: std::ops::RangeInclusive<usize> = 256..=1024;
/// A point of P-256 that is not compressed: the sign for that, and two coordinates.
const POINT_BYTES: usize = 65;
const ED25519_BYTES: usize = 32;

/// A key, and the one algorithm that it is for.
struct Key {
    id: Option<String>,
    algorithm: Algorithm,
    key: DecodingKey,
}

/// Keys, each for one algorithm.
#[derive(Default)]
pub(in crate::auth) struct Keys(Vec<Key>);

impl Keys {
    /// The key that both sides know, for HS256.
    ///
    /// # Errors
    /// It is too short; the message does not quote it.
    pub(in crate::auth) fn secret(secret: &[u8]) -> Result<Keys, String> {
        provider::install();
        if secret.len() < SECRET_MIN_BYTES {
            return Err(format!(
                "the secret has {} bytes, and needs at least {SECRET_MIN_BYTES}",
                secret.len()
            ));
        }
        Ok(Keys(vec![Key { id: None, algorithm: Algorithm::HS256, key: DecodingKey::from_secret(secret) }]))
    }

    /// A public key (RFC 5280 SubjectPublicKeyInfo) as PEM, `-----BEGIN PUBLIC KEY-----`.
    ///
    /// # Errors
    /// Says what it is not.
    pub(super) fn pem(text: &[u8]) -> Result<Keys, String> {
        provider::install();
        let der = SubjectPublicKeyInfoDer::from_pem_slice(text)
            .map_err(|_| "there is no -----BEGIN PUBLIC KEY----- in it".to_owned())?;
        let (algorithm, key) = public_key(der.as_ref())
            .ok_or("it has to be an RSA key of 2,048 to 8,192 bits, one of P-256, or one of Ed25519")?;
        Ok(Keys(vec![Key { id: None, algorithm, key }]))
    }

    /// The public keys of a JSON Web Key Set (RFC 7517); those that are for something else are left out.
    ///
    /// # Errors
    /// It is no such set, or has no key that could be used.
    pub(super) fn jwks(text: &[u8]) -> Result<Keys, String> {
        #[derive(Deserialize)]
        struct Set {
            keys: Vec<Value>,
        }
        provider::install();
        let set: Set = serde_json::from_slice(text).map_err(|_| "it is no JSON Web Key Set".to_owned())?;
        let read = |value: Value| set_key(&serde_json::from_value(value).ok()?);
        let keys: Vec<Key> = set.keys.into_iter().take(KEYS_MAX).filter_map(read).collect();
        if keys.is_empty() {
            return Err("it has no key for RS256, ES256 or EdDSA".to_owned());
        }
        Ok(Keys(keys))
    }

    /// Whether one of them is known by this name.
    pub(super) fn knows(&self, id: &str) -> bool {
        self.0.iter().any(|key| key.id.as_deref() == Some(id))
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// The algorithms that they are for.
    pub(super) fn algorithms(&self) -> impl Iterator<Item = Algorithm> {
        self.0.iter().map(|key| key.algorithm)
    }

    /// The keys for an algorithm that may be the one of this name: a key without a name has any.
    pub(super) fn fitting(
        &self,
        algorithm: Algorithm,
        id: Option<&str>,
    ) -> impl Iterator<Item = &DecodingKey> {
        let named = move |key: &Key| id.is_none() || key.id.is_none() || key.id.as_deref() == id;
        self.0.iter().filter(move |key| key.algorithm == algorithm && named(key)).map(|key| &key.key)
    }
}

impl std::fmt::Debug for Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.0.iter().map(|key| (&key.id, key.algorithm))).finish()
    }
}

/// Reads a key of a set; none where it is for something else. A secret has no place in a set.
fn set_key(jwk: &Jwk) -> Option<Key> {
    let (algorithm, named) = match &jwk.algorithm {
        AlgorithmParameters::RSA(_) => (Algorithm::RS256, KeyAlgorithm::RS256),
        AlgorithmParameters::EllipticCurve(key) if key.curve == EllipticCurve::P256 => {
            (Algorithm::ES256, KeyAlgorithm::ES256)
        }
        AlgorithmParameters::OctetKeyPair(key) if key.curve == EllipticCurve::Ed25519 => {
            (Algorithm::EdDSA, KeyAlgorithm::EdDSA)
        }
        _ => return None,
    };
    let other_algorithm = jwk.common.key_algorithm.is_some_and(|wanted| wanted != named);
    let other_use =
        jwk.common.public_key_use.as_ref().is_some_and(|wanted| *wanted != PublicKeyUse::Signature);
    if other_algorithm || other_use {
        return None;
    }
    let key = DecodingKey::from_jwk(jwk).ok()?;
    let sound = match key.kind() {
        DecodingKeyKind::RsaModulusExponent { n, .. } => RSA_BYTES.contains(&n.len()),
        DecodingKeyKind::SecretOrDer(point) if algorithm == Algorithm::ES256 => point.len() == POINT_BYTES,
        DecodingKeyKind::SecretOrDer(point) => point.len() == ED25519_BYTES,
    };
    sound.then(|| Key { id: jwk.common.key_id.clone(), algorithm, key })
}

const SEQUENCE: u8 = 0x30;
const INTEGER: u8 = 0x02;
const BIT_STRING: u8 = 0x03;
const OBJECT_ID: u8 = 0x06;
/// 1.2.840.113549.1.1.1
const RSA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01];
/// 1.2.840.10045.2.1
const EC: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01];
/// 1.2.840.10045.3.1.7
const P256: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];
/// 1.3.101.112
const ED25519: &[u8] = &[0x2b, 0x65, 0x70];

/// Reads a SubjectPublicKeyInfo.
fn public_key(der: &[u8]) -> Option<(Algorithm, DecodingKey)> {
    let (info, _) = element(der, SEQUENCE)?;
    let (of, rest) = element(info, SEQUENCE)?;
    let (bits, _) = element(rest, BIT_STRING)?;
    // How many bits of the last byte are not used: a key has whole bytes.
    let key = bits.strip_prefix(&[0])?;
    match element(of, OBJECT_ID)? {
        (RSA, _) => {
            let (numbers, _) = element(key, SEQUENCE)?;
            let (modulus, _) = element(numbers, INTEGER)?;
            let modulus = modulus.strip_prefix(&[0]).unwrap_or(modulus);
            RSA_BYTES.contains(&modulus.len()).then(|| (Algorithm::RS256, DecodingKey::from_rsa_der(key)))
        }
        (EC, curve) if element(curve, OBJECT_ID)?.0 == P256 && key.len() == POINT_BYTES => {
            Some((Algorithm::ES256, DecodingKey::from_ec_der(key)))
        }
        (ED25519, _) if key.len() == ED25519_BYTES => Some((Algorithm::EdDSA, DecodingKey::from_ed_der(key))),
        _ => None,
    }
}

/// Reads one element of DER (X.690); gives what is in it and what comes after it.
fn element(input: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (&[found, first], rest) = input.split_first_chunk()?;
    let (length, rest) = match (first, rest) {
        (0..=0x7f, rest) => (usize::from(first), rest),
        (0x81, [length, rest @ ..]) => (usize::from(*length), rest),
        (0x82, [high, low, rest @ ..]) => (usize::from(u16::from_be_bytes([*high, *low])), rest),
        _ => return None,
    };
    if found == tag { rest.split_at_checked(length) } else { None }
}
