//! Which web pages may talk to the hub.
//!
//! Without these rules any page that somebody opens could command or read a hub on their machine.
//! Browsers send requests and open WebSockets across origins, and say so in `Origin` (RFC 6454). And
//! a page can make its own name point to the hub's address (DNS rebinding): to the browser the hub
//! then is of the page's origin, but the request says that name in `Host`.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use actix_web::http::header::{self, HeaderMap};

use crate::domain::Error;

/// How much of a foreign `Host` an error repeats, in characters.
const HOST_SHOWN: usize = 80;

/// The origins that may change something and open WebSockets, and the names that the hub answers to.
#[derive(Debug, Clone, Default)]
pub struct Origins {
    pages: BTreeSet<String>,
    /// The hub's own hosts with their ports, as they stand in an origin; the scheme is the request's.
    own: BTreeSet<String>,
    port: u16,
    /// Beside those of loopback; none where the hub answers to every name.
    hosts: Option<BTreeSet<String>>,
}

impl Origins {
    /// The hub's own origins for the address it listens on, and the configured ones.
    ///
    /// Who listens on loopback knows all its names: `host`, which it was told to bind, those that
    /// always mean loopback, and the hosts of the configured origins. Other addresses have names that
    /// nobody can list. The `Host` header takes no part in the origins: a page would choose it itself.
    pub fn new(listening: SocketAddr, host: &str, configured: &[String]) -> Origins {
        let port = listening.port();
        let mut own = vec!["localhost".to_owned(), "127.0.0.1".to_owned(), "[::1]".to_owned()];
        match listening.ip() {
            IpAddr::V4(ip) if !ip.is_unspecified() => own.push(ip.to_string()),
            IpAddr::V6(ip) if !ip.is_unspecified() => own.push(format!("[{ip}]")),
            _ => {}
        }
        let own: BTreeSet<String> = own.iter().map(|host| format!("{host}:{port}")).collect();
        let pages: BTreeSet<String> = configured.iter().map(|origin| normal(origin)).collect();
        let hosts = listening.ip().to_canonical().is_loopback().then(|| {
            let of_origins = pages.iter().filter_map(|origin| origin.split_once("://")).map(|(_, host)| host);
            let own = own.iter().map(String::as_str);
            of_origins.chain(own).chain([host]).map(name).collect()
        });
        Origins { pages, own, port, hosts }
    }

    /// Adds names of the hub's own: those of its certificate, which it alone can prove to have.
    #[must_use]
    pub fn with_names(mut self, names: &[String]) -> Origins {
        self.own.extend(names.iter().map(|name| format!("{name}:{}", self.port)));
        if let Some(hosts) = &mut self.hosts {
            hosts.extend(names.iter().cloned());
        }
        self
    }

    /// Tells whether a request with this `Origin` header may go on, which came by TLS (`secure`) or not;
    /// programs send none.
    pub fn allows(&self, origin: Option<&str>, secure: bool) -> bool {
        let Some(origin) = origin.map(normal) else { return true };
        self.pages.contains(&origin) || self.is_own(&origin, secure)
    }

    fn is_own(&self, origin: &str, secure: bool) -> bool {
        let (scheme, usual) = if secure { ("https://", 443) } else { ("http://", 80) };
        let Some(host) = origin.strip_prefix(scheme) else { return false };
        self.own.contains(host) || (self.port == usual && self.own.contains(&format!("{host}:{usual}")))
    }

    /// Refuses a request for a name that is none of the hub's (RFC 9110 section 7.4).
    ///
    /// # Errors
    /// `host_refused`. A request without `Host` is let through: it comes from no browser.
    pub fn check_host(&self, headers: &HeaderMap) -> Result<(), Error> {
        let Some(known) = &self.hosts else { return Ok(()) };
        let mut hosts = headers.get_all(header::HOST);
        hosts.try_for_each(|value| check_name(known, &String::from_utf8_lossy(value.as_bytes())))
    }

    /// As [`Origins::check_host`], for the host that stands in a request's address (HTTP/2).
    ///
    /// # Errors
    /// `host_refused`.
    pub fn check_authority(&self, authority: Option<&str>) -> Result<(), Error> {
        match (&self.hosts, authority) {
            (Some(known), Some(authority)) => check_name(known, authority),
            _ => Ok(()),
        }
    }
}

fn check_name(known: &BTreeSet<String>, host: &str) -> Result<(), Error> {
    let name = name(host);
    if is_loopback(&name) || known.contains(&name) {
        return Ok(());
    }
    Err(Error::HostRefused { host: host.chars().take(HOST_SHOWN).collect() })
}

/// Whether `host`, with a port or without, means the own machine wherever it is looked up.
pub fn is_loopback_host(host: &str) -> bool {
    is_loopback(&name(host))
}

fn normal(origin: &str) -> String {
    origin.trim().trim_end_matches('/').to_ascii_lowercase()
}

/// A host without its port and without the dot that may end a name.
fn name(host: &str) -> String {
    let host = host.trim();
    let end = if host.starts_with('[') { host.find(']').map(|at| at + 1) } else { host.find(':') };
    let name = &host[..end.unwrap_or(host.len())];
    name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase()
}

/// Names and addresses that mean the own machine wherever they are looked up (RFC 6761 section 6.3).
fn is_loopback(name: &str) -> bool {
    let address = match name.strip_prefix('[').and_then(|name| name.strip_suffix(']')) {
        Some(v6) => v6.parse::<Ipv6Addr>().ok().map(IpAddr::V6),
        None => name.parse().ok().map(IpAddr::V4),
    };
    match address {
        Some(address) => address.to_canonical().is_loopback(),
        None => name == "localhost" || name.ends_with(".localhost"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::http::header::HeaderValue;

    fn origins() -> Origins {
        let configured = ["http://localhost:3000/".to_owned(), "https://Ops.example.org:8443".to_owned()];
        Origins::new("127.0.0.1:8000".parse().unwrap(), "hub.example.org", &configured)
    }

    fn answers_to(origins: &Origins, hosts: &[&str]) -> bool {
        let mut headers = HeaderMap::new();
        for host in hosts {
            headers.append(header::HOST, HeaderValue::from_bytes(host.as_bytes()).unwrap());
        }
        origins.check_host(&headers).is_ok()
    }

    #[test]
    fn programs_and_our_own_pages_may() {
        for origin in [
            None,
            Some("http://127.0.0.1:8000"),
            Some("http://localhost:8000"),
            Some("HTTP://LOCALHOST:3000"),
        ] {
            assert!(origins().allows(origin, false), "{origin:?}");
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
            assert!(!origins().allows(Some(origin), false), "{origin:?}");
        }
    }

    #[test]
    fn our_own_pages_have_the_scheme_that_the_request_has() {
        let origins = origins().with_names(&["hub.lan".to_owned()]);
        for own in ["https://127.0.0.1:8000", "https://localhost:8000", "https://hub.lan:8000"] {
            assert!(origins.allows(Some(own), true) && !origins.allows(Some(own), false), "{own}");
        }
        assert!(!origins.allows(Some("http://127.0.0.1:8000"), true));
        assert!(!origins.allows(Some("https://hub.lan"), true));
        assert!(answers_to(&origins, &["hub.lan:8000"]));
        let usual =
            Origins::new("0.0.0.0:443".parse().unwrap(), "0.0.0.0", &[]).with_names(&["hub.lan".to_owned()]);
        for own in ["https://hub.lan", "https://hub.lan:443", "https://localhost"] {
            assert!(usual.allows(Some(own), true), "{own}");
        }
        assert!(!usual.allows(Some("http://hub.lan"), true) && !usual.allows(Some("https://evil.lan"), true));
    }

    #[test]
    fn a_name_in_the_address_is_a_name_too() {
        let origins = origins();
        assert!(origins.check_authority(None).is_ok());
        assert!(origins.check_authority(Some("localhost:8000")).is_ok());
        assert_eq!(origins.check_authority(Some("evil.example:8000")).unwrap_err().spec().1, "host_refused");
    }

    #[test]
    fn a_hub_on_loopback_answers_to_its_own_names_alone() {
        for host in [
            "localhost",
            "LocalHost.:8000",
            "opshub.localhost:9000",
            "127.0.0.1:8000",
            "127.9.8.7",
            "[::1]:8000",
            "[::ffff:127.0.0.1]",
            "hub.example.org:8000",
            "ops.example.org",
        ] {
            assert!(answers_to(&origins(), &[host]), "{host}");
        }
        for host in [
            "evil.example",
            "evil.example:8000",
            "",
            ":8000",
            "localhost.evil.example",
            "notlocalhost",
            "127.0.0.1.evil.example",
            "127.0.0.1@evil.example",
            "0.0.0.0:8000",
            "192.168.0.7",
            "[::2]",
            "[::1",
            "::1",
            "[127.0.0.1]",
            "\u{fc}.example",
        ] {
            assert!(!answers_to(&origins(), &[host]), "{host}");
        }
        assert!(answers_to(&origins(), &[]));
        assert!(!answers_to(&origins(), &["localhost", "evil.example"]));
    }

    #[test]
    fn a_hub_that_others_reach_answers_to_every_name() {
        for address in ["0.0.0.0:8000", "192.168.0.7:8000", "[::]:8000"] {
            let open = Origins::new(address.parse().unwrap(), "0.0.0.0", &[]);
            assert!(answers_to(&open, &["hub.lan:8000"]), "{address}");
        }
        let mapped = Origins::new("[::ffff:127.0.0.1]:8000".parse().unwrap(), "::1", &[]);
        assert!(!answers_to(&mapped, &["hub.lan:8000"]));
    }
}
