//! JSON Web Tokens, put together by hand with keys of the test's own.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ring::rand::SystemRandom;
use ring::rsa::PublicKeyComponents;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, RSA_PKCS1_SHA256, RsaKeyPair,
};
use serde_json::{Value, json};

/// A key of whoever makes tokens.
pub enum Signer {
    Secret(Vec<u8>),
    Rsa(rcgen::KeyPair),
    P256(rcgen::KeyPair),
    Ed25519(rcgen::KeyPair),
}

/// What a token is without its signature, and with it.
pub fn encoded(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

impl Signer {
    pub fn secret(text: &str) -> Signer {
        Signer::Secret(text.as_bytes().to_vec())
    }

    /// The one key that is not made anew: neither ring nor rcgen makes any for RSA.
    pub fn rsa() -> Signer {
        let pem = include_str!("../keys/rsa.pem");
        let body: String = pem.lines().filter(|line| !line.starts_with("-----")).collect();
        let der = rustls::pki_types::PrivatePkcs8KeyDer::from(STANDARD.decode(body).unwrap());
        Signer::Rsa(rcgen::KeyPair::from_pkcs8_der_and_sign_algo(&der, &rcgen::PKCS_RSA_SHA256).unwrap())
    }

    pub fn p256() -> Signer {
        Signer::P256(rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).unwrap())
    }

    pub fn ed25519() -> Signer {
        Signer::Ed25519(rcgen::KeyPair::generate_for(&rcgen::PKCS_ED25519).unwrap())
    }

    pub fn algorithm(&self) -> &'static str {
        match self {
            Signer::Secret(_) => "HS256",
            Signer::Rsa(_) => "RS256",
            Signer::P256(_) => "ES256",
            Signer::Ed25519(_) => "EdDSA",
        }
    }

    /// The public key as PEM.
    pub fn pem(&self) -> String {
        let key = match self {
            Signer::Secret(_) => panic!("a secret has no public key"),
            Signer::Rsa(key) | Signer::P256(key) | Signer::Ed25519(key) => key,
        };
        let info = rcgen::PublicKeyData::subject_public_key_info(key);
        format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", STANDARD.encode(info))
    }

    /// The public key as a member of a key set.
    pub fn jwk(&self, id: &str) -> Value {
        use rcgen::PublicKeyData;
        match self {
            Signer::Secret(secret) => json!({ "kty": "oct", "kid": id, "k": encoded(secret) }),
            Signer::Rsa(key) => {
                let key = RsaKeyPair::from_pkcs8(key.serialized_der()).unwrap();
                let PublicKeyComponents { n, e } = PublicKeyComponents::<Vec<u8>>::from(key.public());
                json!({ "kty": "RSA", "use": "sig", "alg": "RS256", "kid": id, "n": encoded(n), "e": encoded(e) })
            }
            Signer::P256(key) => {
                let (x, y) = key.der_bytes()[1..].split_at(32);
                json!({ "kty": "EC", "crv": "P-256", "use": "sig", "kid": id, "x": encoded(x), "y": encoded(y) })
            }
            Signer::Ed25519(key) => {
                json!({ "kty": "OKP", "crv": "Ed25519", "kid": id, "x": encoded(key.der_bytes()) })
            }
        }
    }

    /// A token that says `claims`.
    pub fn token(&self, claims: &Value) -> String {
        self.signed(&json!({ "alg": self.algorithm(), "typ": "JWT" }), claims)
    }

    /// A token that names its key.
    pub fn token_of(&self, id: &str, claims: &Value) -> String {
        self.signed(&json!({ "alg": self.algorithm(), "kid": id }), claims)
    }

    /// A token with any header, signed as this key signs.
    pub fn signed(&self, header: &Value, claims: &Value) -> String {
        let message = format!("{}.{}", encoded(header.to_string()), encoded(claims.to_string()));
        let signature = self.sign(message.as_bytes());
        format!("{message}.{}", encoded(signature))
    }

    fn sign(&self, message: &[u8]) -> Vec<u8> {
        let random = SystemRandom::new();
        match self {
            Signer::Secret(secret) => {
                let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, secret);
                ring::hmac::sign(&key, message).as_ref().to_vec()
            }
            Signer::Rsa(key) => {
                let key = RsaKeyPair::from_pkcs8(key.serialized_der()).unwrap();
                let mut signature = vec![0; key.public().modulus_len()];
                key.sign(&RSA_PKCS1_SHA256, &random, message, &mut signature).unwrap();
                signature
            }
            Signer::P256(key) => {
                let der = key.serialized_der();
                let key = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, der, &random).unwrap();
                key.sign(&random, message).unwrap().as_ref().to_vec()
            }
            Signer::Ed25519(key) => {
                let key = Ed25519KeyPair::from_pkcs8_maybe_unchecked(key.serialized_der()).unwrap();
                key.sign(message).as_ref().to_vec()
            }
        }
    }
}
