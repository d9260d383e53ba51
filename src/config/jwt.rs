//! `auth.jwt` of the YAML file: an identity provider whose tokens are taken.

use std::path::Path;

use serde::Deserialize;
use serde_saphyr::Spanned;

use super::error::Problem;
use super::yaml;
use crate::auth::JwtDefinition;

/// The key of the file that this reads.
pub(super) const KEY: &str = "auth.jwt";

/// What the file says of it, beside much else.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Root {
    auth: Option<Auth>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Auth {
    jwt: Option<Spanned<JwtDefinition>>,
}

/// Reads the identity provider, if there is one.
///
/// # Errors
/// What is wrong with it, with its line.
pub(super) fn read(path: &Path, text: &str) -> Result<Option<JwtDefinition>, Problem> {
    let Root { auth } = yaml::read_typed(path, text)?;
    let Some(jwt) = auth.and_then(|auth| auth.jwt) else { return Ok(None) };
    match jwt.value.check() {
        Ok(()) => Ok(Some(jwt.value)),
        Err(why) => Err(Problem::Syntax {
            path: path.to_owned(),
            line: jwt.referenced.line(),
            message: format!("{KEY}: {why}"),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str =
        "auth:\n  mode: required\n  jwt:\n    issuer: https://id.example\n    audience: opshub\n";

    fn read_with(rest: &str) -> Result<Option<JwtDefinition>, String> {
        read(Path::new("opshub.yaml"), &format!("{HEAD}{rest}")).map_err(|problem| problem.to_string())
    }

    #[test]
    fn a_provider_is_read_with_its_defaults() {
        let read_one =
            read_with("    algorithms: [RS256]\n    jwks_url: https://id.example/keys\n").unwrap().unwrap();
        assert_eq!((read_one.leeway_s, read_one.role_claim.as_str()), (60, "role"));
        assert_eq!((read_one.roles, read_one.name_claim, read_one.default_role), (None, None, None));
        for none in ["timezone: UTC\n", "auth:\n", "auth:\n  mode: open\n", ""] {
            assert_eq!(read(Path::new("opshub.yaml"), none).unwrap(), None);
        }
    }

    #[test]
    fn what_does_not_go_together_is_told_with_its_line() {
        let key = "    algorithms: [RS256]\n    key_file: k.pem\n";
        for (rest, told) in [
            ("    algorithms: [RS256]\n", "exactly one of"),
            ("    algorithms: []\n    key_file: k.pem\n", "at least one"),
            ("    algorithms: [RS256]\n    key_file: k.pem\n    jwks_file: k.json\n", "exactly one of"),
            ("    algorithms: [HS256]\n    key_file: k.pem\n", "HS256 with secret alone"),
            ("    algorithms: [HS256, RS256]\n    secret: {env: S}\n", "HS256 with secret alone"),
            ("    algorithms: [RS256]\n    secret: {env: S}\n", "HS256 with secret alone"),
            ("    algorithms: [HS256]\n    secret: hunter2\n", "{env: NAME} or {file: PATH}"),
            ("    algorithms: [RS256]\n    jwks_url: http://id.example/keys\n", "https://"),
            ("    algorithms: [RS256]\n    jwks_url: ftp://127.0.0.1/keys\n", "https://"),
            (&format!("{key}    leeway_s: 601\n"), "at most 600"),
            ("    algorithms: [none]\n    key_file: k.pem\n", "none"),
            (&format!("{key}    rolls: {{}}\n"), "rolls"),
            (&format!("{key}    roles: {{ops: boss}}\n"), "boss"),
        ] {
            let message = read_with(rest).unwrap_err();
            assert!(message.contains(told) && message.contains("line "), "{rest}: {message}");
            assert!(!message.contains("hunter2"), "{message}");
        }
        assert!(read_with("    algorithms: [ES256]\n    jwks_url: http://127.0.0.1:9/keys\n").is_ok());
    }

    #[test]
    fn the_issuer_of_the_hub_itself_is_nobody_elses() {
        let text = "auth:\n  jwt: {issuer: opshub, audience: a, algorithms: [RS256], key_file: k.pem}\n";
        assert!(read(Path::new("opshub.yaml"), text).unwrap_err().to_string().contains("own tokens"));
    }
}
