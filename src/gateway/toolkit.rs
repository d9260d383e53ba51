//! What the probes and actions of one thread share: look-ups, TLS, HTTP clients.

use std::cell::{Cell, OnceCell, RefCell};
use std::rc::Rc;
use std::sync::Arc;

use actix_tls::connect::{ConnectError as TcpError, ConnectInfo, Connection};
use awc::error::{ConnectError, SendRequestError};
use awc::http::Uri;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use tokio::net::TcpStream;

use super::connect::{Failure, Progress, Resolver};
use super::result::FailureKind;

/// What the probes and actions of one thread share. Cheap to clone.
#[derive(Clone, Default)]
pub struct Toolkit(Rc<Shared>);

#[derive(Default)]
struct Shared {
    resolver: Resolver,
    verified: OnceCell<Arc<ClientConfig>>,
    unverified: OnceCell<Arc<ClientConfig>>,
}

/// An HTTP client for one request at a time.
///
/// Probes close each connection: one that is used again does not tell that the service no longer accepts any.
pub(crate) struct HttpClient {
    client: awc::Client,
    attempt: Attempt,
}

/// The connection that is being made, and why it failed.
#[derive(Clone, Default)]
struct Attempt {
    progress: Rc<RefCell<Rc<Progress>>>,
    connected: Rc<Cell<bool>>,
    failure: Rc<RefCell<Option<Failure>>>,
}

impl Toolkit {
    /// Begins with nothing looked up; certificate authorities are read when the first probe needs them.
    pub fn new() -> Self {
        Self::default()
    }

    pub(super) fn resolver(&self) -> &Resolver {
        &self.0.resolver
    }

    /// Builds a client, with TLS if `tls` says so, whose certificates are verified if `verify` does.
    ///
    /// # Errors
    /// This machine has no certificate authorities.
    pub(crate) fn http_client(&self, tls: bool, verify: bool) -> Result<HttpClient, String> {
        let attempt = Attempt::default();
        let (toolkit, noted) = (self.clone(), attempt.clone());
        let service = actix_service::fn_service::<_, _, _, _, _, ()>(move |info: ConnectInfo<Uri>| {
            let (toolkit, attempt) = (toolkit.clone(), noted.clone());
            async move { toolkit.connect(info, &attempt).await }
        });
        // The time-out of the whole probe is the only one: it says what was waited for.
        let never = std::time::Duration::from_secs(24 * 60 * 60);
        let connector =
            awc::Connector::new().connector(service).timeout(never).handshake_timeout(never).limit(0);
        let connector = if tls { connector.rustls_0_23(self.tls(verify)?) } else { connector };
        let client = awc::Client::builder()
            .connector(connector)
            .disable_timeout()
            .disable_redirects()
            .add_default_header(("User-Agent", concat!("opshub/", env!("CARGO_PKG_VERSION"))))
            .finish();
        Ok(HttpClient { client, attempt })
    }

    async fn connect(
        &self,
        info: ConnectInfo<Uri>,
        attempt: &Attempt,
    ) -> Result<Connection<Uri, TcpStream>, TcpError> {
        let uri = info.request().clone();
        let default_port = if matches!(uri.scheme_str(), Some("https" | "wss")) { 443 } else { 80 };
        let host = uri.host().unwrap_or_default().trim_start_matches('[').trim_end_matches(']').to_owned();
        let port = uri.port_u16().unwrap_or(default_port);
        let progress = attempt.progress.borrow().clone();
        match self.0.resolver.connect(&host, port, &progress).await {
            Ok(stream) => {
                attempt.connected.set(true);
                Ok(Connection::new(uri, stream))
            }
            Err(failure) => {
                *attempt.failure.borrow_mut() = Some(failure);
                Err(TcpError::Unresolved)
            }
        }
    }

    fn tls(&self, verify: bool) -> Result<Arc<ClientConfig>, String> {
        let kept = if verify { &self.0.verified } else { &self.0.unverified };
        if let Some(config) = kept.get() {
            return Ok(config.clone());
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider.clone())
            .with_safe_default_protocol_versions()
            .expect("ring has suites for both versions of TLS");
        let mut config = if verify {
            builder.with_root_certificates(authorities()?).with_no_client_auth()
        } else {
            let verifier = Arc::new(AnyCertificate(provider));
            builder.dangerous().with_custom_certificate_verifier(verifier).with_no_client_auth()
        };
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(kept.get_or_init(|| Arc::new(config)).clone())
    }
}

/// Reads the certificate authorities that this machine trusts, or those of `SSL_CERT_FILE`.
fn authorities() -> Result<RootCertStore, String> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if roots.is_empty() {
        let advice = "install ca-certificates or set SSL_CERT_FILE";
        return Err(format!("this machine has no certificate authorities, {advice}"));
    }
    Ok(roots)
}

impl HttpClient {
    /// Returns the client for one request, whose connection is noted in `progress`.
    pub(crate) fn begin(&self, progress: Rc<Progress>) -> &awc::Client {
        *self.attempt.progress.borrow_mut() = progress;
        *self.attempt.failure.borrow_mut() = None;
        self.attempt.connected.set(false);
        &self.client
    }

    /// Says why a request could not be sent or was not answered.
    pub(crate) fn failure(&self, error: &SendRequestError) -> Failure {
        if let Some(failure) = self.attempt.failure.borrow_mut().take() {
            return failure;
        }
        match error {
            // The only step between a connection and the request.
            SendRequestError::Connect(ConnectError::Io(error)) => {
                Failure::new(FailureKind::Tls, format!("tls: {error}"))
            }
            SendRequestError::Connect(ConnectError::Disconnected) => {
                Failure::new(FailureKind::Io, "connection closed without an answer")
            }
            SendRequestError::Send(error) => Failure::from_io(error),
            SendRequestError::Response(error) => {
                Failure::new(FailureKind::Protocol, format!("the answer is no HTTP: {error}"))
            }
            other => Failure::new(FailureKind::Protocol, other.to_string()),
        }
    }
}

/// Takes any certificate, but not a signature that is wrong.
#[derive(Debug)]
struct AnyCertificate(Arc<CryptoProvider>);

impl ServerCertVerifier for AnyCertificate {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, cert, signed, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, cert, signed, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
