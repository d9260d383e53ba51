//! JSON Web Tokens and the keys that they are verified with. The first byte says what follows: a token, header and
//! claims (two lines) that are signed here, a key set, the bytes of a public key, or a PEM.
#![no_main]

use std::sync::LazyLock;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use libfuzzer_sys::fuzz_target;
use opshub::auth::{Issuer, JwtDefinition};
use opshub::domain::Timestamp;
use ring::hmac;
use serde_json::{Value, json};

const SECRET: &[u8] = b"a secret of thirty-two bytes here";
const NOW: Timestamp = Timestamp::from_millis(1_700_000_000_000);
/// The example keys of RFC 7515 (A.3.1) and RFC 8037 (A.2).
const SET: &[u8] = br#"{"keys":[
{"kty":"EC","crv":"P-256","kid":"e","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"},
{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#;

static SHARED: LazyLock<Issuer> = LazyLock::new(|| {
    let definition = definition(json!({ "algorithms": ["HS256"], "secret": { "env": "UNUSED" } }));
    Issuer::with_keys(definition, SECRET).expect("a secret")
});
static PUBLIC: LazyLock<Issuer> = LazyLock::new(|| key_set(SET).expect("a key set"));

fn definition(mut fields: Value) -> JwtDefinition {
    fields["issuer"] = "i".into();
    fields["audience"] = "a".into();
    fields["role_claim"] = "realm.roles".into();
    serde_json::from_value(fields).expect("a definition")
}

fn key_set(text: &[u8]) -> Result<Issuer, String> {
    let fields = json!({ "algorithms": ["RS256", "ES256", "EdDSA"], "jwks_file": "unused" });
    Issuer::with_keys(definition(fields), text)
}

fn pem(text: &[u8]) {
    let fields = json!({ "algorithms": ["RS256", "ES256", "EdDSA"], "key_file": "unused" });
    if let Ok(issuer) = Issuer::with_keys(definition(fields), text) {
        stranger(&issuer);
    }
}

/// Nobody gets in by signatures that are none, whatever the key is.
fn stranger(issuer: &Issuer) {
    for algorithm in ["RS256", "ES256", "EdDSA"] {
        let header = URL_SAFE_NO_PAD.encode(format!(r#"{{"alg":"{algorithm}"}}"#));
        let claims = URL_SAFE_NO_PAD.encode(r#"{"iss":"i","aud":"a","exp":9999999999,"sub":"s","realm":{"roles":"admin"}}"#);
        assert!(issuer.let_in(&format!("{header}.{claims}.{}", URL_SAFE_NO_PAD.encode([0; 64])), NOW).is_err());
    }
}

/// What is behind the signature: only what the definition says lets anybody in.
fn claims(header: &str, claims: &str) {
    let signed = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
    let code = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, SECRET), signed.as_bytes());
    let token = format!("{signed}.{}", URL_SAFE_NO_PAD.encode(code));
    assert!(PUBLIC.let_in(&token, NOW).is_err(), "a secret stands for a public key");
    let Ok(principal) = SHARED.let_in(&token, NOW) else { return };
    let header: Value = serde_json::from_str(header).expect("it was read");
    let claims: Value = serde_json::from_str(claims).expect("they were read");
    assert_eq!((&header["alg"], &claims["iss"]), (&json!("HS256"), &json!("i")));
    let audience = &claims["aud"];
    assert!(*audience == json!("a") || audience.as_array().is_some_and(|list| list.contains(&json!("a"))));
    assert!(principal.expires_at.is_some_and(|until| until > NOW));
    assert!(!principal.name.is_empty() && !principal.name.chars().any(char::is_control));
    assert!(principal.name.starts_with("jwt:") || principal.name.contains('@'), "{}", principal.name);
}

fuzz_target!(|data: &[u8]| {
    let Some((what, input)) = data.split_first() else { return };
    match (what % 5, std::str::from_utf8(input)) {
        (0, Ok(token)) => {
            assert!(SHARED.let_in(token, NOW).is_err() && PUBLIC.let_in(token, NOW).is_err(), "a forged signature");
        }
        (1, Ok(text)) => {
            if let Some((header, rest)) = text.split_once('\n') {
                claims(header, rest);
            }
        }
        (2, _) => {
            if let Ok(issuer) = key_set(input) {
                stranger(&issuer);
            }
        }
        (3, _) => {
            let text = STANDARD.encode(input);
            pem(format!("-----BEGIN PUBLIC KEY-----\n{text}\n-----END PUBLIC KEY-----\n").as_bytes());
        }
        (4, _) => pem(input),
        _ => {}
    }
});
