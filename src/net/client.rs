//! Who is at the other end of a request, also behind a proxy.

use std::net::{IpAddr, SocketAddr};

use actix_web::http::header::{HeaderMap, HeaderName};
use serde::{Deserialize, Serialize};

use super::networks::Networks;

/// Hops that are looked at; no sane chain of proxies is longer.
const HOPS_MAX: usize = 32;

/// The header in which the proxies say for whom they ask.
///
/// One of them, chosen by who runs the hub: a proxy that writes one passes the other on as the client sent it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ProxyHeader {
    /// `X-Forwarded-For`, and `X-Forwarded-Proto` with it.
    #[default]
    XForwardedFor,
    /// `Forwarded` (RFC 7239).
    Forwarded,
}

/// Who is at the other end, as far as the network tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Client {
    /// The client's address: the nearest one that is no trusted proxy's.
    pub ip: Option<IpAddr>,
    /// Its port, where it is connected to the hub directly.
    pub port: Option<u16>,
    /// Whether it came by TLS, at least as far as the first trusted proxy.
    pub secure: bool,
    /// Whether a trusted proxy stands between.
    pub proxied: bool,
}

impl Client {
    /// Finds out who asks: `peer` is who is connected, by TLS or not.
    ///
    /// The hops are read from the right, each as the one after it saw it, and only as long as trusted
    /// proxies say them: whatever stands further left anybody may have written.
    pub fn of(
        peer: Option<SocketAddr>,
        secure: bool,
        headers: &HeaderMap,
        trusted: &Networks,
        named: ProxyHeader,
    ) -> Client {
        let direct = Client {
            ip: peer.map(|peer| peer.ip().to_canonical()),
            port: peer.map(|peer| peer.port()),
            secure,
            proxied: false,
        };
        let Some(mut ip) = direct.ip.filter(|ip| trusted.contains(*ip)) else { return direct };
        let (hops, proto) = match named {
            ProxyHeader::XForwardedFor => {
                (list(headers, "x-forwarded-for"), list(headers, "x-forwarded-proto").pop())
            }
            ProxyHeader::Forwarded => forwarded(headers),
        };
        for hop in hops.iter().rev().take(HOPS_MAX) {
            // A hop that is no address hides everything before it.
            let Some(address) = address(hop) else { break };
            ip = address;
            if !trusted.contains(ip) {
                break;
            }
        }
        let secure = proto.map_or(secure, |proto| proto.eq_ignore_ascii_case("https"));
        Client { ip: Some(ip), port: None, secure, proxied: true }
    }

    /// The address as people read it, with the port where it is known.
    pub fn shown(&self) -> String {
        match (self.ip, self.port) {
            (Some(ip), Some(port)) => SocketAddr::new(ip, port).to_string(),
            (Some(ip), None) => ip.to_string(),
            (None, _) => String::new(),
        }
    }
}

/// The elements of a header that is a list, however many lines it has.
fn list(headers: &HeaderMap, name: &'static str) -> Vec<String> {
    let lines =
        headers.get_all(HeaderName::from_static(name)).map(|value| value.to_str().unwrap_or_default());
    lines.flat_map(|line| line.split(',')).map(|element| element.trim().to_owned()).collect()
}

/// The hops of `Forwarded`, and the scheme that the nearest proxy saw.
fn forwarded(headers: &HeaderMap) -> (Vec<String>, Option<String>) {
    let parameter = |element: &str, wanted: &str| {
        element.split(';').find_map(|pair| {
            let (name, value) = pair.split_once('=')?;
            name.trim().eq_ignore_ascii_case(wanted).then(|| value.trim().trim_matches('"').to_owned())
        })
    };
    let elements = list(headers, "forwarded");
    let proto = elements.last().and_then(|element| parameter(element, "proto"));
    let hops = elements.iter().map(|element| parameter(element, "for").unwrap_or_default());
    (hops.collect(), proto)
}

/// An address, with or without a port: `192.0.2.1`, `192.0.2.1:80`, `2001:db8::1`, `[2001:db8::1]:80`.
fn address(hop: &str) -> Option<IpAddr> {
    let bare = hop.strip_prefix('[').and_then(|rest| rest.split_once(']')).map(|(inside, _)| inside);
    let address = bare.unwrap_or(hop).parse().ok();
    address.or_else(|| hop.parse::<SocketAddr>().ok().map(|address| address.ip())).map(|ip| ip.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::http::header::HeaderValue;

    fn client(peer: &str, named: ProxyHeader, lines: &[(&'static str, &'static str)]) -> Client {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        let trusted = Networks::parse(&["10.0.0.0/8", "::1"]).unwrap();
        Client::of(Some(SocketAddr::new(peer.parse().unwrap(), 99)), false, &headers, &trusted, named)
    }

    fn ip(peer: &str, lines: &[(&'static str, &'static str)]) -> String {
        client(peer, ProxyHeader::XForwardedFor, lines).shown()
    }

    const FOR: &str = "x-forwarded-for";

    #[test]
    fn who_is_no_proxy_cannot_say_who_it_is() {
        let forged = [(FOR, "192.0.2.9"), ("x-forwarded-proto", "https"), ("forwarded", "for=192.0.2.9")];
        assert_eq!(ip("192.0.2.1", &forged), "192.0.2.1:99");
        assert!(!client("192.0.2.1", ProxyHeader::XForwardedFor, &forged).secure);
        assert_eq!(client("192.0.2.1", ProxyHeader::Forwarded, &forged).shown(), "192.0.2.1:99");
    }

    #[test]
    fn the_right_most_hop_that_is_not_trusted_is_the_client() {
        assert_eq!(ip("10.0.0.1", &[(FOR, "192.0.2.5")]), "192.0.2.5");
        // What the client itself sent stands left of what the proxy saw.
        assert_eq!(ip("10.0.0.1", &[(FOR, "127.0.0.1, 192.0.2.5")]), "192.0.2.5");
        assert_eq!(ip("10.0.0.1", &[(FOR, "6.6.6.6, 192.0.2.5, 10.0.0.7")]), "192.0.2.5");
        assert_eq!(ip("10.0.0.1", &[(FOR, "6.6.6.6"), (FOR, "192.0.2.5")]), "192.0.2.5");
        assert_eq!(ip("::1", &[(FOR, "[2001:db8::5]:4711")]), "2001:db8::5");
        assert_eq!(ip("10.0.0.1", &[(FOR, "192.0.2.5:4711")]), "192.0.2.5");
        assert_eq!(ip("10.0.0.1", &[(FOR, "::ffff:192.0.2.5")]), "192.0.2.5");
    }

    #[test]
    fn a_proxy_that_says_nothing_or_nonsense_is_the_client_itself() {
        assert_eq!(ip("10.0.0.1", &[]), "10.0.0.1");
        for hidden in ["unknown", "", "192.0.2.5, _hidden", "192.0.2.5, <script>", "192.0.2.5,"] {
            let mut headers = HeaderMap::new();
            headers.append(HeaderName::from_static(FOR), HeaderValue::from_str(hidden).unwrap());
            let trusted = Networks::parse(&["10.0.0.0/8"]).unwrap();
            let peer = Some("10.0.0.1:99".parse().unwrap());
            let client = Client::of(peer, false, &headers, &trusted, ProxyHeader::XForwardedFor);
            assert_eq!(client.shown(), "10.0.0.1", "{hidden}");
        }
        assert_eq!(ip("10.0.0.1", &[(FOR, "10.0.0.3, 10.0.0.2")]), "10.0.0.3");
    }

    #[test]
    fn the_standard_header_is_read_where_it_was_chosen() {
        let lines = [
            ("forwarded", "for=6.6.6.6, For=\"[2001:db8::5]:80\";proto=https;by=10.0.0.1"),
            (FOR, "7.7.7.7"),
        ];
        let found = client("10.0.0.1", ProxyHeader::Forwarded, &lines);
        assert_eq!((found.shown().as_str(), found.secure), ("2001:db8::5", true));
        assert_eq!(client("10.0.0.1", ProxyHeader::XForwardedFor, &lines).shown(), "7.7.7.7");
        assert_eq!(client("10.0.0.1", ProxyHeader::Forwarded, &lines[1..]).shown(), "10.0.0.1");
    }

    #[test]
    fn a_trusted_proxy_says_whether_it_was_tls() {
        let secure = |proto| {
            client(
                "10.0.0.1",
                ProxyHeader::XForwardedFor,
                &[(FOR, "192.0.2.5"), ("x-forwarded-proto", proto)],
            )
            .secure
        };
        assert!(secure("https") && secure("http, HTTPS"));
        assert!(!secure("http") && !secure("https, http") && !secure("wss!"));
    }
}
