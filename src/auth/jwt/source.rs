//! Where the keys of an identity provider come from.

use std::path::PathBuf;
use std::rc::Rc;
use std::time::Duration;

use awc::http::StatusCode;
use awc::http::header::ACCEPT;
use futures_util::StreamExt;

use crate::gateway::Toolkit;
use crate::gateway::connect::Progress;

use super::definition::JwtDefinition;
use super::keys::Keys;

/// The largest key set, in bytes.
const SET_MAX_BYTES: usize = 256 * 1024;
/// How long a server has for all of its answer.
const FETCH_MAX: Duration = Duration::from_secs(5);

/// Keys that may change.
pub(super) enum Source {
    /// In a file.
    File(PathBuf),
    /// At a server.
    Url(String),
}

/// Reads the keys that are there from the beginning, and says where newer ones come from.
///
/// # Errors
/// What cannot be read; never what is in it.
pub(super) fn begin(definition: &JwtDefinition) -> Result<(Keys, Option<Source>), String> {
    if let Some(secret) = &definition.secret {
        let keys = secret.resolve().and_then(|secret| parse(definition, secret.as_bytes()));
        return Ok((keys.map_err(|why| format!("secret: {why}"))?, None));
    }
    if let Some(path) = &definition.key_file {
        let keys = read(path).and_then(|text| parse(definition, &text));
        return Ok((keys.map_err(|why| format!("key_file {}: {why}", path.display()))?, None));
    }
    if let Some(path) = &definition.jwks_file {
        let keys = read(path).and_then(|text| parse(definition, &text));
        let keys = keys.map_err(|why| format!("jwks_file {}: {why}", path.display()))?;
        return Ok((keys, Some(Source::File(path.clone()))));
    }
    let url = definition.jwks_url.clone().ok_or("there is no key")?;
    Ok((Keys::default(), Some(Source::Url(url))))
}

/// Reads keys as what the definition says that they are: a secret, a PEM or a key set.
///
/// # Errors
/// What the text is not; never what is in it.
pub(super) fn parse(definition: &JwtDefinition, text: &[u8]) -> Result<Keys, String> {
    if definition.secret.is_some() {
        Keys::secret(text)
    } else if definition.key_file.is_some() {
        Keys::pem(text)
    } else {
        Keys::jwks(text)
    }
}

fn read(path: &std::path::Path) -> Result<Vec<u8>, String> {
    use std::io::Read;
    let mut text = Vec::new();
    let file = std::fs::File::open(path).map_err(|error| error.to_string())?;
    file.take(SET_MAX_BYTES as u64 + 1).read_to_end(&mut text).map_err(|error| error.to_string())?;
    if text.len() > SET_MAX_BYTES {
        return Err(too_large());
    }
    Ok(text)
}

fn too_large() -> String {
    format!("it is larger than {SET_MAX_BYTES} bytes")
}

impl Source {
    /// Reads the keys as they are now.
    ///
    /// # Errors
    /// Why that is not possible.
    pub(super) async fn load(&self, toolkit: &Toolkit) -> Result<Keys, String> {
        let text = match self {
            Source::File(path) => read(path)?,
            Source::Url(url) => tokio::time::timeout(FETCH_MAX, fetch(url, toolkit))
                .await
                .unwrap_or_else(|_| Err(format!("no answer within {} s", FETCH_MAX.as_secs())))?,
        };
        Keys::jwks(&text)
    }
}

async fn fetch(url: &str, toolkit: &Toolkit) -> Result<Vec<u8>, String> {
    let client = toolkit.http_client(url.starts_with("https:"), true)?;
    let request = client.begin(Rc::new(Progress::default())).get(url);
    // Redirects are not followed: they could lead to where the configuration allows none.
    let request = request.insert_header((ACCEPT, "application/json")).no_decompress();
    let mut response = request.send().await.map_err(|error| client.failure(&error).message)?;
    if response.status() != StatusCode::OK {
        return Err(format!("status {}", response.status().as_u16()));
    }
    let mut text = Vec::new();
    while let Some(piece) = response.next().await {
        text.extend_from_slice(&piece.map_err(|_| "the answer broke off".to_owned())?);
        if text.len() > SET_MAX_BYTES {
            return Err(too_large());
        }
    }
    Ok(text)
}
