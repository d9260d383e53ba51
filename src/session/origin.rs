//! Which web pages may talk to the hub.
//!
//! Without this rule any page that somebody opens could command a hub on their machine: browsers
//! send requests and open WebSockets across origins, and say so in `Origin` (RFC 6454).

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};

/// The origins that may change something and open WebSockets.
#[derive(Debug, Clone, Default)]
pub struct Origins(BTreeSet<String>);

impl Origins {
    /// The hub's own origins for the address it listens on, and the configured ones.
    ///
    /// The `Host` header takes no part: a page that makes its name point to the hub's address would
    /// choose it itself.
    pub fn new(listening: SocketAddr, configured: &[String]) -> Origins {
        let port = listening.port();
        let mut hosts = vec!["localhost".to_owned(), "127.0.0.1".to_owned(), "[::1]".to_owned()];
        match listening.ip() {
            IpAddr::V4(ip) if !ip.is_unspecified() => hosts.push(ip.to_string()),
            IpAddr::V6(ip) if !ip.is_unspecified() => hosts.push(format!("[{ip}]")),
            _ => {}
        }
        let mut origins: BTreeSet<String> =
            hosts.iter().map(|host| format!("http://{host}:{port}")).collect();
        if port == 80 {
            origins.extend(hosts.iter().map(|host| format!("http://{host}")));
        }
        origins.extend(configured.iter().map(|origin| normal(origin)));
        Origins(origins)
    }

    /// Tells whether a request with this `Origin` header may go on; programs send none.
    pub fn allows(&self, origin: Option<&str>) -> bool {
        origin.is_none_or(|origin| self.0.contains(&normal(origin)))
    }
}

fn normal(origin: &str) -> String {
    origin.trim().trim_end_matches('/').to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origins() -> Origins {
        Origins::new("127.0.0.1:8000".parse().unwrap(), &["http://localhost:3000/".to_owned()])
    }

    #[test]
    fn programs_and_our_own_pages_may() {
        for origin in [
            None,
            Some("http://127.0.0.1:8000"),
            Some("http://localhost:8000"),
            Some("HTTP://LOCALHOST:3000"),
        ] {
            assert!(origins().allows(origin), "{origin:?}");
        }
    }

    #[test]
    fn other_pages_may_not() {
        for origin in [
            "https://evil.example",
            "http://127.0.0.1:8001",
            "null",
            "",
            "http://127.0.0.1:8000.evil.example",
        ] {
            assert!(!origins().allows(Some(origin)), "{origin:?}");
        }
    }
}
