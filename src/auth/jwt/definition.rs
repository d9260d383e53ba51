//! `auth.jwt` of the configuration: whose tokens are taken, and what they mean here.

use std::collections::BTreeMap;
use std::path::PathBuf;

use jsonwebtoken::Algorithm;
use serde::Deserialize;

use crate::domain::Role;
use crate::gateway::secret::SecretText;

/// The issuer of the tokens that the hub gives out itself.
pub(in crate::auth) const OWN_ISSUER: &str = "opshub";
/// The furthest that clocks may be apart, in seconds.
const LEEWAY_MAX_S: u64 = 600;

/// How a token may be signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub enum JwtAlgorithm {
    /// HMAC with SHA-256, by a secret that both sides know.
    HS256,
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    RS256,
    /// ECDSA on P-256 with SHA-256.
    ES256,
    /// Ed25519.
    EdDSA,
}

impl From<JwtAlgorithm> for Algorithm {
    fn from(algorithm: JwtAlgorithm) -> Algorithm {
        match algorithm {
            JwtAlgorithm::HS256 => Algorithm::HS256,
            JwtAlgorithm::RS256 => Algorithm::RS256,
            JwtAlgorithm::ES256 => Algorithm::ES256,
            JwtAlgorithm::EdDSA => Algorithm::EdDSA,
        }
    }
}

/// An identity provider whose tokens are taken.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JwtDefinition {
    /// What their `iss` is.
    pub issuer: String,
    /// What their `aud` is, or has.
    pub audience: String,
    /// How they may be signed.
    pub algorithms: Vec<JwtAlgorithm>,
    /// The secret of HS256.
    #[serde(default)]
    pub secret: Option<SecretText>,
    /// A public key as PEM.
    #[serde(default)]
    pub key_file: Option<PathBuf>,
    /// A JSON Web Key Set in a file.
    #[serde(default)]
    pub jwks_file: Option<PathBuf>,
    /// A JSON Web Key Set of a server.
    #[serde(default)]
    pub jwks_url: Option<String>,
    /// How far clocks may be apart, in seconds.
    #[serde(default = "leeway_s")]
    pub leeway_s: u64,
    /// Where the role is: a claim, or a path into one with dots.
    #[serde(default = "role_claim")]
    pub role_claim: String,
    /// What its values mean; where it is left out they are the names of roles.
    #[serde(default)]
    pub roles: Option<BTreeMap<String, Role>>,
    /// Where the name is; `email`, then `sub`, where it is left out.
    #[serde(default)]
    pub name_claim: Option<String>,
    /// The role of those whose token names none.
    #[serde(default)]
    pub default_role: Option<Role>,
}

fn leeway_s() -> u64 {
    60
}

fn role_claim() -> String {
    "role".to_owned()
}

impl JwtDefinition {
    /// Checks what has to hold between the fields.
    ///
    /// # Errors
    /// What is wrong, without any secret.
    pub fn check(&self) -> Result<(), String> {
        for (name, value) in [("issuer", &self.issuer), ("audience", &self.audience)] {
            if value.trim().is_empty() {
                return Err(format!("{name} must not be empty"));
            }
        }
        if self.issuer == OWN_ISSUER {
            return Err(format!("issuer must not be {OWN_ISSUER}, which the hub's own tokens have"));
        }
        if self.algorithms.is_empty() {
            return Err("algorithms must name at least one of HS256, RS256, ES256 and EdDSA".to_owned());
        }
        let given = [
            self.secret.is_some(),
            self.key_file.is_some(),
            self.jwks_file.is_some(),
            self.jwks_url.is_some(),
        ];
        if given.into_iter().filter(|given| *given).count() != 1 {
            return Err("exactly one of secret, key_file, jwks_file and jwks_url is needed".to_owned());
        }
        let symmetric = self.algorithms.contains(&JwtAlgorithm::HS256);
        if symmetric != self.secret.is_some() || symmetric && self.algorithms.len() > 1 {
            return Err("secret goes with HS256 alone, and HS256 with secret alone".to_owned());
        }
        if self.secret.as_ref().is_some_and(|secret| secret.plain().is_some()) {
            return Err("secret must come from {env: NAME} or {file: PATH}".to_owned());
        }
        if self.leeway_s > LEEWAY_MAX_S {
            return Err(format!("leeway_s must be at most {LEEWAY_MAX_S}"));
        }
        match &self.jwks_url {
            Some(url) => check_url(url),
            None => Ok(()),
        }
    }
}

/// Keys that anybody on the way could exchange would let anybody in.
fn check_url(text: &str) -> Result<(), String> {
    let wrong = || "jwks_url must be an https:// URL, or an http:// URL of this machine".to_owned();
    let url = url::Url::parse(text).map_err(|_| wrong())?;
    let loopback = match url.host() {
        Some(url::Host::Domain(name)) => name == "localhost",
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        None => return Err(wrong()),
    };
    match url.scheme() {
        "https" => Ok(()),
        "http" if loopback => Ok(()),
        _ => Err(wrong()),
    }
}
