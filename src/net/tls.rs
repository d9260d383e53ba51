//! The hub's certificate: read at the start and again when it is told to, used for each new connection.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::{Error, ServerConfig};

/// The protocols that are offered, the better one first.
const ALPN: [&[u8]; 2] = [b"h2", b"http/1.1"];

/// Why the certificate cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{}: {message}", path.display())]
pub struct TlsError {
    /// The file that is to blame.
    pub path: PathBuf,
    /// What is wrong with it.
    pub message: String,
}

impl TlsError {
    fn new(path: &Path, message: impl Into<String>) -> TlsError {
        TlsError { path: path.to_owned(), message: message.into() }
    }
}

/// A certificate with its key, from two files.
pub struct Certificate {
    cert: PathBuf,
    key: PathBuf,
    current: RwLock<Arc<CertifiedKey>>,
}

impl Certificate {
    /// Reads the certificate (its chain after it) and its key, both in PEM form.
    ///
    /// # Errors
    /// Which file cannot be used, and why.
    pub fn load(cert: &Path, key: &Path) -> Result<Arc<Certificate>, TlsError> {
        let current = RwLock::new(read(cert, key)?);
        Ok(Arc::new(Certificate { cert: cert.to_owned(), key: key.to_owned(), current }))
    }

    /// Reads the files again. Connections that are open keep what they have.
    ///
    /// # Errors
    /// As [`Certificate::load`]; what was in use stays in use.
    pub fn reload(&self) -> Result<(), TlsError> {
        let fresh = read(&self.cert, &self.key)?;
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = fresh;
        Ok(())
    }

    /// How the hub speaks TLS: 1.2 and 1.3, HTTP/2 and HTTP/1.1.
    pub fn server_config(self: &Arc<Self>) -> Arc<ServerConfig> {
        let mut config = ServerConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .expect("ring has suites for both versions of TLS")
            .with_no_client_auth()
            .with_cert_resolver(self.clone());
        config.alpn_protocols = ALPN.map(<[u8]>::to_vec).to_vec();
        Arc::new(config)
    }

    /// The host names that the certificate is for; patterns are left out.
    pub fn names(&self) -> Vec<String> {
        let current = self.current();
        let Some(parsed) = current.cert.first().and_then(|der| webpki::EndEntityCert::try_from(der).ok())
        else {
            return Vec::new();
        };
        parsed.valid_dns_names().filter(|name| !name.contains('*')).map(str::to_ascii_lowercase).collect()
    }

    fn current(&self) -> Arc<CertifiedKey> {
        self.current.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl ResolvesServerCert for Certificate {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.current())
    }
}

impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Certificate").field("cert", &self.cert).finish_non_exhaustive()
    }
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}

fn read(cert: &Path, key: &Path) -> Result<Arc<CertifiedKey>, TlsError> {
    let chain = certificates(cert)?;
    let private = private_key(key)?;
    let certified = CertifiedKey::from_der(chain, private, &provider()).map_err(|error| match error {
        Error::InconsistentKeys(_) => {
            TlsError::new(key, format!("this key does not fit the certificate in {}", cert.display()))
        }
        Error::InvalidCertificate(error) => TlsError::new(cert, format!("not a certificate: {error:?}")),
        other => TlsError::new(key, format!("this key cannot be used: {other}")),
    })?;
    Ok(Arc::new(certified))
}

/// Reads every certificate of a PEM file.
///
/// # Errors
/// There is none, or one that is broken.
pub fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let text = contents(path)?;
    let chain = CertificateDer::pem_slice_iter(&text).collect::<Result<Vec<_>, _>>();
    let chain = chain.map_err(|error| TlsError::new(path, format!("broken PEM: {error}")))?;
    let Some(first) = chain.first() else {
        return Err(TlsError::new(path, "it has no certificate in PEM form (BEGIN CERTIFICATE)"));
    };
    webpki::EndEntityCert::try_from(first)
        .map_err(|error| TlsError::new(path, format!("not a certificate: {error}")))?;
    Ok(chain)
}

fn private_key(path: &Path) -> Result<PrivateKeyDer<'static>, TlsError> {
    let text = contents(path)?;
    warn_if_open(path);
    PrivateKeyDer::from_pem_slice(&text).map_err(|error| {
        let encrypted = String::from_utf8_lossy(&text).contains("ENCRYPTED");
        let message = match error {
            _ if encrypted => {
                "the key is encrypted, and nobody is there to be asked for its password".to_owned()
            }
            pem::Error::NoItemsFound => "it has no private key in PEM form (BEGIN PRIVATE KEY)".to_owned(),
            other => format!("broken PEM: {other}"),
        };
        TlsError::new(path, message)
    })
}

fn contents(path: &Path) -> Result<Vec<u8>, TlsError> {
    std::fs::read(path).map_err(|error| TlsError::new(path, format!("it cannot be read: {error}")))
}

#[cfg(unix)]
fn warn_if_open(path: &Path) {
    use std::os::unix::fs::PermissionsExt;
    let mode = std::fs::metadata(path).map(|file| file.permissions().mode()).unwrap_or_default();
    if mode & 0o007 != 0 {
        log::warn!("{}: every user of this machine may read the private key; `chmod 640` it", path.display());
    }
}

#[cfg(not(unix))]
fn warn_if_open(_: &Path) {}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(name: &str) -> (String, String) {
        let made = rcgen::generate_simple_self_signed([name.to_owned(), "*.example.org".to_owned()]).unwrap();
        (made.cert.pem(), made.signing_key.serialize_pem())
    }

    struct Files(tempfile::TempDir);

    impl Files {
        fn new(cert: &str, key: &str) -> Files {
            let files = Files(tempfile::tempdir().unwrap());
            files.write(cert, key);
            files
        }

        fn write(&self, cert: &str, key: &str) {
            std::fs::write(self.cert(), cert).unwrap();
            std::fs::write(self.key(), key).unwrap();
        }

        fn cert(&self) -> PathBuf {
            self.0.path().join("hub.pem")
        }

        fn key(&self) -> PathBuf {
            self.0.path().join("hub.key")
        }

        fn load(&self) -> Result<Arc<Certificate>, TlsError> {
            Certificate::load(&self.cert(), &self.key())
        }
    }

    #[test]
    fn a_certificate_has_its_names_and_is_read_again() {
        let (cert, key) = made("Hub.example");
        let files = Files::new(&cert, &key);
        let certificate = files.load().unwrap();
        assert_eq!(certificate.names(), ["hub.example"]);
        let (cert, key) = made("other.example");
        files.write(&cert, &key);
        certificate.reload().unwrap();
        assert_eq!(certificate.names(), ["other.example"]);
        files.write("broken", &key);
        assert!(certificate.reload().is_err());
        assert_eq!(certificate.names(), ["other.example"]);
    }

    #[test]
    fn what_cannot_be_used_is_told_with_its_file() {
        let (cert, key) = made("hub.example");
        let (_, other) = made("hub.example");
        let encrypted = "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n";
        let not_one = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        for (cert, key, file, reason) in [
            (cert.as_str(), other.as_str(), "hub.key", "does not fit the certificate in"),
            (&key, &key, "hub.pem", "no certificate"),
            (&cert, &cert, "hub.key", "no private key"),
            ("", &key, "hub.pem", "no certificate"),
            (&cert, "", "hub.key", "no private key"),
            (&cert, encrypted, "hub.key", "encrypted"),
            (not_one, &key, "hub.pem", "not a certificate"),
        ] {
            let error = Files::new(cert, key).load().unwrap_err().to_string();
            assert!(error.contains(file) && error.contains(reason), "{error}");
        }
        let files = Files::new(&cert, &key);
        std::fs::remove_file(files.key()).unwrap();
        let error = files.load().unwrap_err().to_string();
        assert!(error.contains("hub.key") && error.contains("cannot be read"), "{error}");
    }
}
