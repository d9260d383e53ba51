//! TLS to a hub: whose certificates are believed.

use std::path::Path;
use std::sync::Arc;

use rustls::{ClientConfig, RootCertStore};

use super::failure::Failure;
use crate::net::tls::certificates;

/// Believes the certificate authorities in the file `cacert`, or without one those of this machine.
///
/// # Errors
/// The file cannot be used, or this machine has no certificate authorities.
pub(super) fn config(cacert: Option<&Path>) -> Result<Arc<ClientConfig>, Failure> {
    let mut roots = RootCertStore::empty();
    match cacert {
        Some(path) => {
            for certificate in
                certificates(path).map_err(|error| Failure::Usage(format!("--cacert: {error}")))?
            {
                let refused = |error| Failure::Usage(format!("--cacert: {}: {error}", path.display()));
                roots.add(certificate).map_err(refused)?;
            }
        }
        None => {
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
            if roots.is_empty() {
                let advice = "install ca-certificates, or name the hub's authority by --cacert";
                return Err(Failure::Usage(format!("this machine has no certificate authorities, {advice}")));
            }
        }
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("ring has suites for both versions of TLS")
        .with_root_certificates(roots)
        .with_no_client_auth();
    // The one protocol that WebSockets are opened by as well.
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}
