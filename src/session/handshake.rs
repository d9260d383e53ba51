//! The handshake, decided by one pure function: who is let in, with which protocol, from where.

use std::fmt;

use actix_web::http::Method;
use actix_web::http::header::{self, HeaderMap, HeaderName};
use serde::Deserialize;

use crate::domain::{Epoch, Error, Seq};
use crate::fanout::ResumePoint;
use crate::protocol::logs::log_filter;
use crate::protocol::{LogFilter, SUBPROTOCOL_V1, Topics};

use super::origin::Origins;
use super::query;

/// What a connection speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// Bare documents.
    Plain,
    /// Typed envelopes.
    V1,
}

impl Protocol {
    /// The name in `/api/connections` and in the metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Protocol::Plain => "plain",
            Protocol::V1 => SUBPROTOCOL_V1,
        }
    }
}

/// A handshake as it arrived.
#[derive(Debug, Clone, Copy)]
pub struct Handshake<'a> {
    /// The request's method.
    pub method: &'a Method,
    /// What stands behind the question mark.
    pub query: &'a str,
    /// The request's headers.
    pub headers: &'a HeaderMap,
    /// Whether it came by TLS.
    pub secure: bool,
}

/// A connection that is let in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accept {
    /// What it speaks.
    pub protocol: Protocol,
    /// What it shows to be let in.
    pub shown: Shown,
    /// What it has seen already.
    pub resume: Option<ResumePoint>,
    /// What it receives, from the first frame on.
    pub topics: Topics,
    /// Which log lines it receives.
    pub logs: Option<LogFilter>,
}

/// What somebody shows to be let in; [`super::admit`] says whether that lets them in.
#[derive(Clone, PartialEq, Eq)]
pub enum Shown {
    /// Nothing.
    Nothing,
    /// `Authorization: Bearer` (RFC 6750).
    Bearer(String),
    /// A ticket in the query.
    Ticket(String),
    /// A person's cookie.
    Cookie(String),
}

impl fmt::Debug for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Shown::Nothing => "Nothing",
            Shown::Bearer(_) => "Bearer(***)",
            Shown::Ticket(_) => "Ticket(***)",
            Shown::Cookie(_) => "Cookie(***)",
        })
    }
}

/// The names of the cookie: the first over TLS, where browsers hold it to one host, the second without.
pub const COOKIES: [&str; 2] = ["__Host-opshub_session", "opshub_session"];

impl Shown {
    /// Reads what the headers show of a request that came by TLS (`secure`) or not. A header that is no text,
    /// or is there twice, shows what lets nobody in.
    ///
    /// Over TLS the cookie counts by its held name alone: a cookie of the other name may come from whoever
    /// speaks for a neighbouring host, or without TLS for this one, and would make somebody act as another.
    pub fn in_headers(headers: &HeaderMap, secure: bool) -> Shown {
        if let Some(value) = header(headers, &header::AUTHORIZATION) {
            if headers.get_all(header::AUTHORIZATION).count() > 1 {
                return Shown::Bearer(String::new());
            }
            let token = value.split_once(' ').filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
            return Shown::Bearer(token.map(|(_, token)| token.trim().to_owned()).unwrap_or_default());
        }
        let cookies = headers.get_all(header::COOKIE).filter_map(|value| value.to_str().ok());
        let pairs: Vec<_> = cookies
            .flat_map(|value| value.split(';'))
            .filter_map(|pair| pair.trim().split_once('='))
            .collect();
        let named = |name: &&str| pairs.iter().find(|(known, _)| known == name).map(|(_, value)| *value);
        let [held, plain] = &COOKIES;
        match named(if secure { held } else { plain }) {
            Some(value) => Shown::Cookie(value.to_owned()),
            None => Shown::Nothing,
        }
    }
}

/// The query of `/ws`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Query {
    protocol: Option<String>,
    since: Option<Seq>,
    epoch: Option<String>,
    topics: Option<String>,
    log_level: Option<String>,
    log_source: Option<String>,
    ticket: Option<String>,
}

/// Decides a handshake (RFC 6455 section 4.2).
///
/// # Errors
/// `bad_handshake` for what is none, `origin_refused` for a page that may not, `host_refused` for a
/// name that is none of the hub's, `unknown_protocol`, `unknown_topic` and `invalid_value` for what was asked. Nothing was opened.
pub fn decide(handshake: &Handshake<'_>, origins: &Origins) -> Result<Accept, Error> {
    check_upgrade(handshake)?;
    let origin = header(handshake.headers, &header::ORIGIN);
    if !origins.allows(origin, handshake.secure) {
        return Err(Error::OriginRefused);
    }
    origins.check_host(handshake.headers)?;
    let query: Query = query::read(handshake.query)?;
    let protocol = choose_protocol(handshake.headers, query.protocol.as_deref())?;
    let topics = match &query.topics {
        Some(list) => Topics::parse_list(list)?,
        None => Topics::default_set(),
    };
    let logs = log_filter(topics, None, query.log_level.as_deref(), query.log_source.as_deref())?;
    let shown = match (Shown::in_headers(handshake.headers, handshake.secure), query.ticket) {
        // Browsers send cookies by themselves, and always say which page they are asked from.
        (Shown::Cookie(_), None) if origin.is_none() => return Err(Error::OriginRefused),
        (Shown::Nothing | Shown::Cookie(_), Some(ticket)) => Shown::Ticket(ticket),
        (shown, _) => shown,
    };
    let resume =
        query.since.map(|since| ResumePoint { epoch: Epoch::new(query.epoch.unwrap_or_default()), since });
    Ok(Accept { protocol, shown, resume, topics, logs: logs.filter(|_| protocol == Protocol::V1) })
}

fn check_upgrade(handshake: &Handshake<'_>) -> Result<(), Error> {
    let bad = |message: &str| Err(Error::BadHandshake { message: message.to_owned() });
    let lists = |name: &HeaderName, wanted: &str| {
        let values = handshake.headers.get_all(name).filter_map(|value| value.to_str().ok());
        values.flat_map(|value| value.split(',')).any(|token| token.trim().eq_ignore_ascii_case(wanted))
    };
    if handshake.method != Method::GET {
        return bad("a websocket is opened with GET");
    }
    if !lists(&header::UPGRADE, "websocket") || !lists(&header::CONNECTION, "upgrade") {
        return bad("this path speaks websocket: send `Connection: Upgrade` and `Upgrade: websocket`");
    }
    if header(handshake.headers, &header::SEC_WEBSOCKET_VERSION) != Some("13") {
        return bad("Sec-WebSocket-Version must be 13");
    }
    if !header(handshake.headers, &header::SEC_WEBSOCKET_KEY).is_some_and(is_key) {
        return bad("Sec-WebSocket-Key must be 16 bytes in base64");
    }
    Ok(())
}

/// 16 bytes in base64 are 22 digits and two signs of padding.
fn is_key(key: &str) -> bool {
    let digit = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'+' || byte == b'/';
    key.len() == 24 && key.ends_with("==") && key.bytes().take(22).all(digit)
}

fn choose_protocol(headers: &HeaderMap, from_query: Option<&str>) -> Result<Protocol, Error> {
    let offered: Vec<&str> = headers
        .get_all(header::SEC_WEBSOCKET_PROTOCOL)
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .chain(from_query)
        .map(str::trim)
        .filter(|name| !name.is_empty())
        .collect();
    if offered.contains(&SUBPROTOCOL_V1) {
        Ok(Protocol::V1)
    } else if offered.is_empty() {
        Ok(Protocol::Plain)
    } else {
        Err(Error::UnknownProtocol { found: offered.join(", "), known: SUBPROTOCOL_V1.to_owned() })
    }
}

fn header<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    // A value that is not text is as good as a wrong one, not as none.
    headers.get(name).map(|value| value.to_str().unwrap_or("\u{fffd}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::http::header::HeaderValue;

    fn headers(extra: &[(HeaderName, &'static str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in [
            (header::UPGRADE, "websocket"),
            (header::CONNECTION, "keep-alive, Upgrade"),
            (header::SEC_WEBSOCKET_VERSION, "13"),
            (header::SEC_WEBSOCKET_KEY, "dGhlIHNhbXBsZSBub25jZQ=="),
        ] {
            headers.insert(name, HeaderValue::from_static(value));
        }
        for (name, value) in extra {
            headers.insert(name.clone(), HeaderValue::from_static(value));
        }
        headers
    }

    fn decided(query: &str, extra: &[(HeaderName, &'static str)]) -> Result<Accept, Error> {
        let headers = headers(extra);
        let origins = Origins::new("127.0.0.1:8000".parse().unwrap(), "127.0.0.1", &[]);
        decide(&Handshake { method: &Method::GET, query, headers: &headers, secure: false }, &origins)
    }

    fn refused(query: &str, extra: &[(HeaderName, &'static str)]) -> &'static str {
        decided(query, extra).unwrap_err().spec().1
    }

    #[test]
    fn without_a_subprotocol_a_client_gets_bare_documents() {
        let accept = decided("", &[]).unwrap();
        assert_eq!((accept.protocol, accept.shown), (Protocol::Plain, Shown::Nothing));
        assert_eq!((accept.resume, accept.topics), (None, Topics::default_set()));
    }

    #[test]
    fn the_typed_protocol_is_chosen_by_header_or_query() {
        let offered = [(header::SEC_WEBSOCKET_PROTOCOL, "chat, opshub.v1")];
        assert_eq!(decided("", &offered).unwrap().protocol, Protocol::V1);
        assert_eq!(decided("protocol=opshub.v1", &[]).unwrap().protocol, Protocol::V1);
        assert_eq!(refused("", &[(header::SEC_WEBSOCKET_PROTOCOL, "chat")]), "unknown_protocol");
    }

    #[test]
    fn a_resume_point_and_topics_hold_from_the_handshake_on() {
        let accept = decided("since=7&epoch=e1&topics=state", &[]).unwrap();
        assert_eq!(accept.resume, Some(ResumePoint { epoch: Epoch::new("e1"), since: Seq::new(7) }));
        assert_eq!(accept.topics, Topics::parse_list("state").unwrap());
        assert_eq!(refused("since=-1", &[]), "invalid_value");
        assert_eq!(refused("topics=weather", &[]), "unknown_topic");
        assert_eq!(refused("sins=3", &[]), "invalid_value");
    }

    #[test]
    fn log_lines_are_for_who_asks_and_speaks_the_typed_protocol() {
        let logs = |query: &str| decided(query, &[]).unwrap().logs;
        let wanted = LogFilter::default().with(Some("WARN"), Some("a.")).unwrap();
        let query = "topics=logs&log_level=WARN&log_source=a.";
        assert_eq!(logs(&format!("{query}&protocol=opshub.v1")), Some(wanted));
        assert_eq!((logs(query), logs("protocol=opshub.v1")), (None, None));
        assert_eq!(refused("topics=logs&log_level=LOUD", &[]), "invalid_value");
        assert_eq!(refused("topics=state&log_level=WARN", &[]), "invalid_value");
    }

    #[test]
    fn what_is_shown_is_read_from_headers_and_query() {
        let shown = |query: &str, extra: &[(HeaderName, &'static str)]| decided(query, extra).unwrap().shown;
        let (bearer, cookie) = (header::AUTHORIZATION, header::COOKIE);
        let origin = (header::ORIGIN, "http://localhost:8000");
        assert_eq!(shown("", &[(bearer.clone(), "bearer  oph_1 ")]), Shown::Bearer("oph_1".into()));
        // Another scheme is something wrong, not nothing.
        assert_eq!(shown("", &[(bearer.clone(), "Basic abc")]), Shown::Bearer(String::new()));
        assert_eq!(shown("ticket=opt_1", &[]), Shown::Ticket("opt_1".into()));
        let cookies = (cookie.clone(), "a=b; opshub_session=ops_1");
        assert_eq!(shown("", &[cookies.clone(), origin.clone()]), Shown::Cookie("ops_1".into()));
        assert_eq!(refused("", std::slice::from_ref(&cookies)), "origin_refused");
        let both = [(cookie, "opshub_session=ops_1; __Host-opshub_session=ops_2")];
        let by = |secure| Shown::in_headers(&headers(&both), secure);
        assert_eq!((by(false), by(true)), (Shown::Cookie("ops_1".into()), Shown::Cookie("ops_2".into())));
        assert_eq!(Shown::in_headers(&headers(&both[..0]), true), Shown::Nothing);
        let mut twice = headers(&[(bearer.clone(), "Bearer oph_1")]);
        twice.append(header::AUTHORIZATION, HeaderValue::from_static("Bearer oph_2"));
        assert_eq!(Shown::in_headers(&twice, false), Shown::Bearer(String::new()));
        assert_eq!(shown("", &[cookies, origin, (bearer, "Bearer oph_1")]), Shown::Bearer("oph_1".into()));
        assert_eq!(refused("token=oph_1", &[]), "invalid_value");
    }

    #[test]
    fn pages_of_other_origins_are_refused() {
        assert_eq!(refused("", &[(header::ORIGIN, "https://evil.example")]), "origin_refused");
        assert!(decided("", &[(header::ORIGIN, "http://localhost:8000")]).is_ok());
    }

    #[test]
    fn a_page_that_made_its_name_point_here_is_refused() {
        assert_eq!(refused("", &[(header::HOST, "evil.example:8000")]), "host_refused");
        assert!(decided("", &[(header::HOST, "localhost:8000")]).is_ok());
    }

    #[test]
    fn what_is_no_handshake_is_refused() {
        assert_eq!(refused("", &[(header::SEC_WEBSOCKET_VERSION, "8")]), "bad_handshake");
        assert_eq!(refused("", &[(header::SEC_WEBSOCKET_KEY, "short")]), "bad_handshake");
        assert_eq!(refused("", &[(header::UPGRADE, "h2c")]), "bad_handshake");
        assert_eq!(refused("", &[(header::CONNECTION, "close")]), "bad_handshake");
    }
}
