//! Texts that may be secret, and the headers that carry them.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What stands in place of a secret wherever it is shown.
pub const MASK: &str = "***";

/// The greatest size of one secret text in bytes, also where it is read from a file.
pub const SECRET_MAX_BYTES: usize = 8 * 1024;

/// A text that is never shown: written out, or by the name of the variable or file that holds it.
///
/// It serializes as it was written, for the hub's own store; show [`SecretText::public`] instead.
#[derive(Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(untagged)]
pub enum SecretText {
    /// The text itself.
    Plain(String),
    /// The environment variable that holds it.
    Env {
        /// The variable's name.
        env: String,
    },
    /// The file that holds it; blanks around it are cut off.
    File {
        /// The file's path.
        #[schema(value_type = String)]
        file: PathBuf,
    },
}

impl SecretText {
    /// Reads the text from where it is held.
    ///
    /// # Errors
    /// Names the variable or file that could not be read, never what is in it.
    pub fn resolve(&self) -> Result<String, String> {
        match self {
            SecretText::Plain(text) => Ok(text.clone()),
            SecretText::Env { env } => {
                std::env::var(env).map_err(|_| format!("the variable {env} is not set to text"))
            }
            SecretText::File { file } => read_bounded(file),
        }
    }

    /// Returns the text if it is written out.
    pub fn plain(&self) -> Option<&str> {
        match self {
            SecretText::Plain(text) => Some(text),
            _ => None,
        }
    }

    /// Returns what may be shown: where the text comes from, but never the text.
    #[must_use]
    pub fn public(&self) -> SecretText {
        match self {
            SecretText::Plain(_) => SecretText::Plain(MASK.to_owned()),
            reference => reference.clone(),
        }
    }
}

fn read_bounded(path: &Path) -> Result<String, String> {
    use std::io::Read;
    let fail = |error: std::io::Error| format!("cannot read {}: {error}", path.display());
    let mut text = String::new();
    let file = std::fs::File::open(path).map_err(fail)?;
    file.take(SECRET_MAX_BYTES as u64 + 1).read_to_string(&mut text).map_err(fail)?;
    if text.len() > SECRET_MAX_BYTES {
        return Err(format!("{} is larger than {SECRET_MAX_BYTES} bytes", path.display()));
    }
    Ok(text.trim().to_owned())
}

impl fmt::Debug for SecretText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SecretText::Plain(_) => f.write_str(MASK),
            SecretText::Env { env } => write!(f, "env {env:?}"),
            SecretText::File { file } => write!(f, "file {file:?}"),
        }
    }
}

/// By hand, since an untagged enum would only say that nothing matched.
impl<'de> Deserialize<'de> for SecretText {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;

        impl<'de> serde::de::Visitor<'de> for Visitor {
            type Value = SecretText;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("text, {env: NAME} or {file: PATH}")
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<SecretText, E> {
                Ok(SecretText::Plain(text.to_owned()))
            }

            fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> Result<SecretText, A::Error> {
                use serde::de::Error;
                let shape = || A::Error::custom("expected text, {env: NAME} or {file: PATH}");
                let (key, value) = map.next_entry::<String, String>()?.ok_or_else(shape)?;
                if map.next_key::<String>()?.is_some() {
                    return Err(shape());
                }
                match key.as_str() {
                    "env" => Ok(SecretText::Env { env: value }),
                    "file" => Ok(SecretText::File { file: value.into() }),
                    _ => Err(A::Error::unknown_field(&key, &["env", "file"])),
                }
            }
        }

        deserializer.deserialize_any(Visitor)
    }
}

/// Names and values, of headers or of environment variables, whose values are never shown.
pub type SecretMap = BTreeMap<String, SecretText>;

/// Reads every value from where it is held.
///
/// # Errors
/// Names the first entry that could not be read, and why.
pub fn resolve_all(map: &SecretMap) -> Result<Vec<(String, String)>, String> {
    let resolve = |(name, value): (&String, &SecretText)| {
        value.resolve().map(|text| (name.clone(), text)).map_err(|why| format!("{name}: {why}"))
    };
    map.iter().map(resolve).collect()
}

/// Masks every value that is written out.
pub fn public_map(map: &SecretMap) -> SecretMap {
    map.iter().map(|(name, value)| (name.clone(), value.public())).collect()
}

/// Tells whether a value under this name is most likely a secret.
pub fn looks_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    ["token", "password", "passwd", "authorization", "cookie", "secret", "key", "credential"]
        .iter()
        .any(|word| name.contains(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_written_out_or_named() {
        let read = |text: &str| serde_json::from_str::<SecretText>(text);
        assert_eq!(read("\"a\"").unwrap(), SecretText::Plain("a".into()));
        assert_eq!(read("{\"env\":\"A\"}").unwrap(), SecretText::Env { env: "A".into() });
        let file = read("{\"file\":\"/a\"}").unwrap();
        assert_eq!(serde_json::to_string(&file).unwrap(), "{\"file\":\"/a\"}");
        for bad in ["7", "{}", "{\"var\":\"A\"}", "{\"env\":\"A\",\"file\":\"b\"}"] {
            let message = read(bad).unwrap_err().to_string();
            assert!(message.contains("env"), "{message}");
        }
    }

    #[test]
    fn neither_debug_nor_the_public_form_shows_a_text() {
        let text = SecretText::Plain("hunter2".into());
        assert!(!format!("{text:?}{:?}", text.public().plain()).contains("hunter2"));
        assert_eq!(text.resolve().unwrap(), "hunter2");
    }

    #[test]
    fn a_file_is_read_within_its_bound() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        std::fs::write(&path, "hunter2\n").unwrap();
        let text = SecretText::File { file: path.clone() };
        assert_eq!(text.resolve().unwrap(), "hunter2");
        std::fs::write(&path, "x".repeat(SECRET_MAX_BYTES + 1)).unwrap();
        assert!(text.resolve().unwrap_err().ends_with("is larger than 8192 bytes"));
        std::fs::remove_file(&path).unwrap();
        assert!(text.resolve().unwrap_err().starts_with("cannot read"));
    }

    #[test]
    fn a_variable_that_is_missing_is_named() {
        let map = SecretMap::from([("X".into(), SecretText::Env { env: "OPSHUB_NO_SUCH_VARIABLE".into() })]);
        let message = resolve_all(&map).unwrap_err();
        assert_eq!(message, "X: the variable OPSHUB_NO_SUCH_VARIABLE is not set to text");
    }

    #[test]
    fn names_of_secrets_are_known() {
        assert!(["Authorization", "X-API-Key", "PGPASSWORD", "Set-Cookie"].into_iter().all(looks_secret));
        assert!(!["Accept", "User-Agent", "PATH"].into_iter().any(looks_secret));
    }
}
