//! A certificate authority of the test's own, hubs that have its certificates, and clients that believe it.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::process::{Finished, finish};
use super::raw::{Raw, narrow};
use super::{TestHub, within};

/// The authority, and the files that it gave to a hub.
pub struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    folder: TempDir,
}

impl Authority {
    /// An authority that has issued a certificate for `names`.
    pub fn new(names: &[&str]) -> Authority {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, "an authority of tests");
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let authority = Authority { issuer, folder: tempfile::tempdir().unwrap() };
        std::fs::write(authority.ca(), authority.issuer.pem()).unwrap();
        authority.issue(names);
        authority
    }

    /// Writes another certificate, with another key, in place of the one that was there.
    pub fn issue(&self, names: &[&str]) {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let key = KeyPair::generate().unwrap();
        let cert = CertificateParams::new(names).unwrap().signed_by(&key, &self.issuer).unwrap();
        std::fs::write(self.cert(), cert.pem()).unwrap();
        std::fs::write(self.key(), key.serialize_pem()).unwrap();
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub fn ca(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }

    pub fn cert(&self) -> PathBuf {
        self.folder.path().join("hub.pem")
    }

    pub fn key(&self) -> PathBuf {
        self.folder.path().join("hub.key")
    }

    /// Starts a hub with the certificate and `settings`.
    pub async fn hub(&self, settings: &[(&str, &str)]) -> TestHub {
        let (cert, key) = (self.cert().display().to_string(), self.key().display().to_string());
        let own = [("OPSHUB_TLS__CERT", cert.as_str()), ("OPSHUB_TLS__KEY", key.as_str())];
        TestHub::start_with(&[settings, &own].concat()).await
    }

    /// TLS as a client that believes this authority alone and offers `protocols`.
    pub fn client(&self, protocols: &[&str]) -> Arc<ClientConfig> {
        let mut roots = RootCertStore::empty();
        roots.add(self.issuer.der().clone()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
        Arc::new(config)
    }

    /// A connection by TLS to the hub that calls itself `name`.
    ///
    /// # Errors
    /// The certificate is not for that name, or what else is wrong with the handshake.
    pub async fn connect(&self, address: SocketAddr, name: &str) -> std::io::Result<TlsStream<TcpStream>> {
        self.shake(TcpStream::connect(address).await?, name).await
    }

    async fn shake(&self, tcp: TcpStream, name: &str) -> std::io::Result<TlsStream<TcpStream>> {
        let name = ServerName::try_from(name.to_owned()).unwrap();
        within("the handshake", TlsConnector::from(self.client(&["http/1.1"])).connect(name, tcp)).await
    }

    /// A connection to `hub` to speak over byte by byte.
    pub async fn raw(&self, hub: &TestHub) -> Raw {
        Raw::over(self.connect(hub.address(), "localhost").await.unwrap())
    }

    /// As [`Authority::raw`], for which the kernel keeps next to nothing.
    pub async fn narrow(&self, hub: &TestHub) -> Raw {
        Raw::over(self.shake(narrow(hub.address()).await, "localhost").await.unwrap())
    }

    /// Runs curl on a path of `hub`; it believes this authority.
    pub async fn curl(&self, hub: &TestHub, args: &[&str], path: &str) -> Finished {
        let mut command = std::process::Command::new("curl");
        command.args(["--silent", "--show-error", "--noproxy", "*", "--max-time", "30", "--cacert"]);
        command.arg(self.ca()).args(args);
        command.arg(format!("https://localhost:{}{path}", hub.address().port()));
        finish(command).await
    }
}
