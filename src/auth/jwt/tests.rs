use jsonwebtoken::Algorithm;
use proptest::prelude::*;
use serde_json::{Map, Value, json};

use crate::domain::{Role, Timestamp};

use super::definition::JwtDefinition;
use super::keys::Keys;
use super::verify::{Expected, Flaw, TOKEN_MAX_BYTES, verify};
use super::who;

#[path = "../../../tests/common/jwt.rs"]
#[allow(dead_code, reason = "the tests of the whole hub use the rest")]
#[expect(unreachable_pub, reason = "there it is public")]
mod common;

use common::{Signer, encoded};

const NOW_S: i64 = 1_700_000_000;
const SECRET: &str = "a secret of thirty-two bytes, yes";

fn now() -> Timestamp {
    Timestamp::from_millis(NOW_S * 1_000)
}

fn expected(algorithms: &[Algorithm]) -> Expected {
    Expected {
        issuer: "https://id.example".into(),
        audience: "opshub".into(),
        algorithms: algorithms.to_vec(),
        leeway_s: 60,
    }
}

const ALL: &[Algorithm] = &[Algorithm::HS256, Algorithm::RS256, Algorithm::ES256, Algorithm::EdDSA];

/// Claims that hold, with others in the place of some; null takes one away.
fn claims(others: Value) -> Value {
    let mut claims = json!({
        "iss": "https://id.example", "aud": "opshub", "sub": "u1", "exp": NOW_S + 300, "role": "viewer",
    });
    for (name, value) in others.as_object().unwrap() {
        match value {
            Value::Null => _ = claims.as_object_mut().unwrap().remove(name),
            value => claims[name] = value.clone(),
        }
    }
    claims
}

fn keys_of(signer: &Signer) -> Keys {
    match signer {
        Signer::Secret(secret) => Keys::secret(secret).unwrap(),
        public => Keys::pem(public.pem().as_bytes()).unwrap(),
    }
}

fn set_of(signers: &[(&str, &Signer)]) -> Keys {
    let keys: Vec<_> = signers.iter().map(|(id, signer)| signer.jwk(id)).collect();
    Keys::jwks(json!({ "keys": keys }).to_string().as_bytes()).unwrap()
}

fn flaw(token: &str, keys: &Keys) -> Option<Flaw> {
    verify(token, keys, &expected(ALL), now()).err()
}

#[test]
fn a_token_of_every_algorithm_holds_by_its_own_key_alone() {
    let signers = [Signer::secret(SECRET), Signer::rsa(), Signer::p256(), Signer::ed25519()];
    for signer in &signers {
        let token = signer.token(&claims(json!({})));
        for other in &signers {
            let right = signer.algorithm() == other.algorithm();
            let verified = verify(&token, &keys_of(other), &expected(ALL), now());
            assert_eq!(verified.is_ok(), right, "{} by {}", signer.algorithm(), other.algorithm());
        }
        let only: Vec<_> =
            ALL.iter().copied().filter(|one| format!("{one:?}") != signer.algorithm()).collect();
        let refused = verify(&token, &keys_of(signer), &expected(&only), now()).unwrap_err();
        assert_eq!(refused, Flaw::Algorithm);
    }
}

#[test]
fn a_public_key_is_never_taken_for_a_secret() {
    let rsa = Signer::rsa();
    let (pem, public) = (rsa.pem(), keys_of(&rsa));
    for secret in [pem.clone(), pem.trim().to_owned(), rsa.jwk("a")["n"].as_str().unwrap().to_owned()] {
        let forged = Signer::secret(&secret).token(&claims(json!({})));
        assert_eq!(flaw(&forged, &public), Some(Flaw::UnknownKey));
        assert_eq!(flaw(&forged, &set_of(&[("a", &rsa)])), Some(Flaw::UnknownKey));
    }
    // A secret that stands in a set for all to read is none.
    let known = Signer::secret(SECRET);
    let keys = set_of(&[("a", &rsa), ("b", &known)]);
    assert_eq!(flaw(&known.token_of("b", &claims(json!({}))), &keys), Some(Flaw::UnknownKey));
}

#[test]
fn what_is_not_signed_or_signed_wrong_is_refused() {
    let signer = Signer::p256();
    let keys = keys_of(&signer);
    let good = signer.token(&claims(json!({})));
    assert_eq!(flaw(&good, &keys), None);
    let (message, signature) = good.rsplit_once('.').unwrap();
    let payload = message.split_once('.').unwrap().1;
    for none in ["none", "None", "NONE"] {
        let header = encoded(json!({ "alg": none }).to_string());
        for signature in ["", signature] {
            assert_eq!(flaw(&format!("{header}.{payload}.{signature}"), &keys), Some(Flaw::Malformed));
        }
    }
    assert_eq!(flaw(&format!("{message}."), &keys), Some(Flaw::Signature));
    let other = Signer::p256().token(&claims(json!({})));
    assert_eq!(flaw(&other, &keys), Some(Flaw::Signature));
    let altered = encoded(claims(json!({ "role": "admin" })).to_string());
    let header = message.split_once('.').unwrap().0;
    assert_eq!(flaw(&format!("{header}.{altered}.{signature}"), &keys), Some(Flaw::Signature));
    let critical = signer.signed(&json!({ "alg": "ES256", "crit": ["b64"] }), &claims(json!({})));
    assert_eq!(flaw(&critical, &keys), Some(Flaw::Critical));
}

#[test]
fn every_claim_that_counts_is_checked() {
    let signer = Signer::ed25519();
    let keys = keys_of(&signer);
    for (others, wanted) in [
        (json!({}), None),
        (json!({ "aud": ["other", "opshub"] }), None),
        (json!({ "nbf": NOW_S + 60 }), None),
        (json!({ "exp": NOW_S - 59 }), None),
        (json!({ "exp": f64::from(1_700_000_000) + 0.5 }), None),
        (json!({ "exp": u64::MAX }), None),
        (json!({ "iss": "https://other.example" }), Some(Flaw::Issuer)),
        (json!({ "iss": ["https://id.example"] }), Some(Flaw::Issuer)),
        (json!({ "iss": null }), Some(Flaw::Incomplete)),
        (json!({ "aud": "other" }), Some(Flaw::Audience)),
        (json!({ "aud": [] }), Some(Flaw::Audience)),
        (json!({ "aud": null }), Some(Flaw::Incomplete)),
        (json!({ "exp": NOW_S - 60 }), Some(Flaw::Expired)),
        (json!({ "exp": null }), Some(Flaw::Incomplete)),
        (json!({ "exp": "tomorrow" }), Some(Flaw::Incomplete)),
        (json!({ "exp": -1 }), Some(Flaw::Incomplete)),
        (json!({ "nbf": NOW_S + 61 }), Some(Flaw::NotYet)),
        (json!({ "nbf": u64::MAX }), Some(Flaw::NotYet)),
        (json!({ "nbf": "soon" }), Some(Flaw::Malformed)),
    ] {
        assert_eq!(flaw(&signer.token(&claims(others.clone())), &keys), wanted, "{others}");
    }
    let verified = verify(&signer.token(&claims(json!({}))), &keys, &expected(ALL), now()).unwrap();
    assert_eq!(verified.until, Timestamp::from_millis((NOW_S + 360) * 1_000));
}

#[test]
fn a_key_of_a_set_is_found_by_its_name() {
    let (one, two) = (Signer::p256(), Signer::p256());
    let keys = set_of(&[("1", &one), ("2", &two), ("r", &Signer::rsa())]);
    let good = claims(json!({}));
    assert_eq!(flaw(&two.token_of("2", &good), &keys), None);
    assert_eq!(flaw(&two.token_of("1", &good), &keys), Some(Flaw::Signature));
    assert_eq!(flaw(&two.token_of("3", &good), &keys), Some(Flaw::UnknownKey));
    assert_eq!(flaw(&two.token_of("r", &good), &keys), Some(Flaw::UnknownKey));
    // Without a name each key that fits is tried.
    assert_eq!(flaw(&two.token(&good), &keys), None);
    assert!(keys.knows("2") && !keys.knows("3"));
}

#[test]
fn what_is_no_key_is_told_and_what_is_for_something_else_left_out() {
    for (text, told) in [
        ("", "BEGIN PUBLIC KEY"),
        ("-----BEGIN PUBLIC KEY-----\nMCow\n-----END PUBLIC KEY-----\n", "P-256"),
        (include_str!("../../../tests/keys/rsa.pem"), "BEGIN PUBLIC KEY"),
    ] {
        assert!(Keys::pem(text.as_bytes()).unwrap_err().contains(told), "{text}");
    }
    let p384 = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P384_SHA384).unwrap();
    assert!(Keys::pem(Signer::P256(p384).pem().as_bytes()).is_err());
    assert!(Keys::secret(b"short").unwrap_err().contains("5 bytes"));
    for text in ["", "[]", "{}", "{\"keys\": []}", "{\"keys\": [{\"kty\": \"RSA\"}]}"] {
        assert!(Keys::jwks(text.as_bytes()).is_err(), "{text}");
    }
    let mut others = vec![Signer::secret(SECRET).jwk("s"), json!(7), json!({ "kty": "EC", "crv": "P-521" })];
    for (name, value) in [("use", "enc"), ("alg", "PS256"), ("n", "AQAB")] {
        let mut key = Signer::rsa().jwk(name);
        key[name] = value.into();
        others.push(key);
    }
    let text = |keys: &[Value]| json!({ "keys": keys }).to_string();
    assert!(Keys::jwks(text(&others).as_bytes()).is_err());
    others.push(Signer::rsa().jwk("good"));
    let keys = Keys::jwks(text(&others).as_bytes()).unwrap();
    assert!(keys.knows("good") && keys.len() == 1, "{keys:?}");
}

fn definition(more: Value) -> JwtDefinition {
    let mut fields = json!({
        "issuer": "https://id.example", "audience": "opshub", "algorithms": ["RS256"], "key_file": "key.pem",
    });
    fields.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    serde_json::from_value(fields).unwrap()
}

fn object(value: Value) -> Map<String, Value> {
    value.as_object().unwrap().clone()
}

#[test]
fn the_strongest_role_counts() {
    let role = |more: Value, said: Value| who::role(&object(said), &definition(more));
    assert_eq!(role(json!({}), json!({ "role": "operator" })), Some(Role::Operator));
    assert_eq!(role(json!({}), json!({ "role": ["viewer", "admin", "x", 7] })), Some(Role::Admin));
    assert_eq!(role(json!({}), json!({ "role": ["viewer", "collector"] })), Some(Role::Collector));
    for none in
        [json!({}), json!({ "role": "boss" }), json!({ "role": [] }), json!({ "role": { "admin": 1 } })]
    {
        assert_eq!(role(json!({}), none.clone()), None, "{none}");
        assert_eq!(role(json!({ "default_role": "viewer" }), none), Some(Role::Viewer));
    }
    let nested = json!({ "role_claim": "realm_access.roles", "roles": { "ops": "operator" } });
    assert_eq!(
        role(nested.clone(), json!({ "realm_access": { "roles": ["x", "ops"] } })),
        Some(Role::Operator)
    );
    // Where there is a map, the names of roles mean nothing by themselves.
    assert_eq!(role(nested, json!({ "realm_access": { "roles": ["admin"] } })), None);
    let url = json!({ "role_claim": "https://example.com/roles" });
    assert_eq!(role(url, json!({ "https://example.com/roles": ["viewer"] })), Some(Role::Viewer));
}

#[test]
fn a_name_is_none_of_anybody_here_unless_it_is_an_address() {
    let name = |more: Value, said: Value| who::name(&object(said), &definition(more));
    let none = || json!({});
    let both = json!({ "email": "Ana@Example.com", "sub": "u1" });
    assert_eq!(name(none(), both.clone()).unwrap(), "ana@example.com");
    assert_eq!(name(json!({ "name_claim": "sub" }), both).unwrap(), "jwt:u1");
    assert_eq!(name(none(), json!({ "sub": "slack-bot" })).unwrap(), "jwt:slack-bot");
    assert_eq!(name(none(), json!({ "sub": 7 })).unwrap(), "jwt:7");
    let unproven = json!({ "email": "ana@example.com", "email_verified": false });
    assert_eq!(name(none(), unproven).unwrap(), "jwt:ana@example.com");
    assert_eq!(name(none(), json!({ "sub": "x".repeat(252) })).unwrap().len(), 256);
    for bad in [json!({}), json!({ "sub": " " }), json!({ "sub": "x".repeat(253) }), json!({ "sub": "a\nb" })]
    {
        assert_eq!(name(none(), bad.clone()).unwrap_err(), Flaw::Nameless, "{bad}");
    }
}

#[test]
fn what_is_too_long_is_not_looked_at() {
    let signer = Signer::secret(SECRET);
    let keys = keys_of(&signer);
    let token = signer.token(&claims(json!({ "filling": "x".repeat(TOKEN_MAX_BYTES) })));
    assert_eq!(flaw(&token, &keys), Some(Flaw::TooLong));
    let deep = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
    let header = encoded(json!({ "alg": "HS256" }).to_string());
    assert_eq!(flaw(&format!("{header}.{}.", encoded(&deep[..9_000])), &keys), Some(Flaw::Signature));
}

/// Texts that are like tokens, and texts that are not.
fn texts() -> impl Strategy<Value = String> {
    let part = prop_oneof![
        ".{0,40}",
        "[A-Za-z0-9_-]{0,80}",
        any::<Vec<u8>>().prop_map(encoded),
        Just(encoded(r#"{"alg":"HS256"}"#)),
        Just(encoded(r#"{"alg":"EdDSA","kid":"1","crit":7}"#)),
    ];
    prop_oneof![".{0,200}", proptest::collection::vec(part, 0..5).prop_map(|parts| parts.join("."))]
}

/// Claims of any shape, rightly signed.
fn any_claims() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,20}".prop_map(Value::from),
    ];
    let value = leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::hash_map("[a-z]{1,4}", inner, 0..4)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    });
    let name = prop_oneof![
        Just("iss"),
        Just("aud"),
        Just("exp"),
        Just("nbf"),
        Just("sub"),
        Just("email"),
        Just("role")
    ];
    proptest::collection::vec((name, value), 0..6).prop_map(|others| {
        others.into_iter().fold(claims(json!({})), |mut claims, (name, value)| {
            claims[name] = value;
            claims
        })
    })
}

proptest! {
    #[test]
    fn no_text_brings_anything_down(text in texts()) {
        let keys = keys_of(&Signer::secret(SECRET));
        prop_assert!(verify(&text, &keys, &expected(ALL), now()).is_err());
    }

    #[test]
    fn no_claims_bring_anything_down(said in any_claims()) {
        let signer = Signer::secret(SECRET);
        let definition = definition(json!({ "role_claim": "role.a" }));
        if let Ok(verified) = verify(&signer.token(&said), &keys_of(&signer), &expected(ALL), now()) {
            prop_assert!(verified.until > now());
            let _ = (who::name(&verified.claims, &definition), who::role(&verified.claims, &definition));
        }
    }

    #[test]
    fn no_key_set_brings_anything_down(bytes in any::<Vec<u8>>(), said in any_claims()) {
        let _ = (Keys::pem(&bytes), Keys::jwks(&bytes));
        let _ = Keys::jwks(json!({ "keys": [said] }).to_string().as_bytes());
        let pem = format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", encoded(&bytes));
        prop_assert!(Keys::pem(pem.as_bytes()).is_err());
    }
}
