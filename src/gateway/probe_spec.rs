//! What to probe and what to expect, as it is written in a definition.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use url::Url;
use utoipa::ToSchema;

use super::secret::{SecretMap, public_map};
use super::validate::{Problems, check_argv, check_headers, check_url};

/// The most characters of a pattern or text that a body is searched for.
pub const EXPECT_MAX_CHARS: usize = 1_024;

/// One probe, by its `kind`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum ProbeSpec {
    /// An HTTP request and what its answer must be.
    Http(HttpSpec),
    /// A TCP connection that can be made.
    Tcp(TcpSpec),
    /// A program that exits with 0.
    Command(CommandSpec),
    /// Reports that the service sends by itself.
    Push(PushSpec),
    /// A WebSocket that answers a ping.
    Websocket(WebsocketSpec),
}

/// An HTTP request and what its answer must be. Redirects are not followed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct HttpSpec {
    /// `http://` or `https://`, without user and password.
    pub url: String,
    /// The request's method.
    #[serde(default)]
    pub method: Method,
    /// The statuses that are right, as numbers and ranges: `["200-299", 401]`.
    #[serde(default)]
    pub expect_status: Statuses,
    /// What the first 256 KiB of the body must have.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expect_body: Option<ExpectBody>,
    /// Headers to send; their values are never shown.
    #[serde(default, skip_serializing_if = "SecretMap::is_empty")]
    pub headers: SecretMap,
    /// Whether the certificate must be valid for the name.
    #[serde(default = "yes")]
    pub verify_tls: bool,
}

/// A TCP connection that can be made, to the first of the name's addresses that answers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TcpSpec {
    /// `host:port`; IPv6 addresses in brackets.
    pub address: String,
}

/// A program, run without a shell; the last line that it writes is its message.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CommandSpec {
    /// The program and its arguments.
    pub command: Vec<String>,
    /// Variables besides `PATH` and the few others that every command gets; values are never shown.
    #[serde(default, skip_serializing_if = "SecretMap::is_empty")]
    pub env: SecretMap,
}

/// Reports that the service sends by itself, at least one in each interval.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PushSpec {}

/// A WebSocket that answers a ping.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct WebsocketSpec {
    /// `ws://` or `wss://`, without user and password.
    pub url: String,
    /// The subprotocol that must be agreed on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subprotocol: Option<String>,
    /// Headers of the handshake; their values are never shown.
    #[serde(default, skip_serializing_if = "SecretMap::is_empty")]
    pub headers: SecretMap,
    /// Whether the certificate must be valid for the name.
    #[serde(default = "yes")]
    pub verify_tls: bool,
}

/// The method of an HTTP probe.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum Method {
    /// Reads.
    #[default]
    Get,
    /// Reads without a body.
    Head,
    /// Asks what is allowed.
    Options,
    /// Posts an empty body.
    Post,
}

/// The statuses that are right: numbers and ranges with both ends in them.
#[derive(Clone, Debug, PartialEq, Eq, ToSchema)]
#[schema(value_type = Vec<Value>, examples(json!(["200-299", 401])))]
pub struct Statuses(Vec<(u16, u16)>);

/// What a body must have: a text, or `{matches: PATTERN}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(untagged)]
pub enum ExpectBody {
    /// This text, somewhere.
    Contains(String),
    /// A match of this regular expression, somewhere.
    Matches {
        /// The pattern, which takes linear time: no look-around, no back-references.
        matches: String,
    },
}

const fn yes() -> bool {
    true
}

impl ProbeSpec {
    /// Returns the kind as it is written.
    pub const fn kind(&self) -> &'static str {
        match self {
            ProbeSpec::Http(_) => "http",
            ProbeSpec::Tcp(_) => "tcp",
            ProbeSpec::Command(_) => "command",
            ProbeSpec::Push(_) => "push",
            ProbeSpec::Websocket(_) => "websocket",
        }
    }

    /// Returns what may be shown: no header's and no variable's value.
    #[must_use]
    pub fn public(&self) -> ProbeSpec {
        let mut shown = self.clone();
        match &mut shown {
            ProbeSpec::Http(http) => {
                http.headers = public_map(&http.headers);
                http.url = public_url(&http.url);
            }
            ProbeSpec::Websocket(socket) => {
                socket.headers = public_map(&socket.headers);
                socket.url = public_url(&socket.url);
            }
            ProbeSpec::Command(command) => command.env = public_map(&command.env),
            ProbeSpec::Tcp(_) | ProbeSpec::Push(_) => {}
        }
        shown
    }

    pub(super) fn check(&self, problems: &mut Problems) {
        match self {
            ProbeSpec::Http(http) => {
                check_url("probe.url", &http.url, &["http", "https"], problems);
                check_headers("probe.headers", &http.headers, problems);
                if let Some(expected) = &http.expect_body {
                    expected.check(problems);
                    if http.method == Method::Head {
                        problems
                            .add("probe.expect_body", "needs another method than HEAD, which has no body");
                    }
                }
            }
            ProbeSpec::Tcp(tcp) => {
                if split_address(&tcp.address).is_none() {
                    problems.add("probe.address", format!("must be host:port, got {:?}", tcp.address));
                }
            }
            ProbeSpec::Command(command) => {
                check_argv("probe.command", &command.command, problems);
                problems.secrets("probe.env", &command.env);
                if let Some(name) =
                    command.env.keys().find(|name| name.is_empty() || name.contains(['=', '\0']))
                {
                    problems.add(format!("probe.env.{name}"), "is no name of a variable");
                }
            }
            ProbeSpec::Push(_) => {}
            ProbeSpec::Websocket(socket) => {
                check_url("probe.url", &socket.url, &["ws", "wss"], problems);
                check_headers("probe.headers", &socket.headers, problems);
                if socket.subprotocol.as_deref().is_some_and(|name| !is_token(name)) {
                    problems
                        .add("probe.subprotocol", "must be one name of letters, digits, '.', '-' and '_'");
                }
            }
        }
    }
}

/// Masks the query, where keys like to be written.
fn public_url(url: &str) -> String {
    match url.split_once('?') {
        Some((before, _)) => format!("{before}?{}", super::secret::MASK),
        None => url.to_owned(),
    }
}

fn is_token(name: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    !name.is_empty() && name.len() <= 128 && name.bytes().all(allowed)
}

/// Takes `host:port` apart; brackets around an IPv6 address are cut off.
pub(super) fn split_address(address: &str) -> Option<(&str, u16)> {
    let (host, port) = address.rsplit_once(':')?;
    let digits = port.bytes().all(|byte| byte.is_ascii_digit());
    let port = port.parse().ok().filter(|&port| port != 0 && digits)?;
    let host = match host.strip_prefix('[') {
        Some(bracketed) => bracketed.strip_suffix(']').filter(|host| host.contains(':'))?,
        None if host.contains(':') => return None,
        None => host,
    };
    let fits = !host.is_empty() && host.len() <= 255;
    (fits && !host.contains(|letter: char| letter.is_whitespace() || letter == '/')).then_some((host, port))
}

impl Method {
    /// Returns the method as it goes over the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Method::Get => "GET",
            Method::Head => "HEAD",
            Method::Options => "OPTIONS",
            Method::Post => "POST",
        }
    }
}

impl Statuses {
    /// Tells whether `status` is right.
    pub fn contains(&self, status: u16) -> bool {
        self.0.iter().any(|&(from, to)| (from..=to).contains(&status))
    }
}

impl Default for Statuses {
    fn default() -> Self {
        Statuses(vec![(200, 299)])
    }
}

impl fmt::Display for Statuses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, (from, to)) in self.0.iter().enumerate() {
            let comma = if place == 0 { "" } else { ", " };
            if from == to { write!(f, "{comma}{from}")? } else { write!(f, "{comma}{from}-{to}")? }
        }
        Ok(())
    }
}

#[derive(Serialize, Deserialize)]
#[serde(untagged, expecting = "expected statuses such as 204 or \"200-299\"")]
enum StatusText {
    One(u16),
    Range(String),
}

impl Serialize for Statuses {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(|&(from, to)| {
            if from == to { StatusText::One(from) } else { StatusText::Range(format!("{from}-{to}")) }
        }))
    }
}

impl<'de> Deserialize<'de> for Statuses {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        use serde::de::Error;
        let written = Vec::<StatusText>::deserialize(deserializer)?;
        let read = |text: StatusText| {
            let (from, to) = match &text {
                StatusText::One(status) => (Some(*status), Some(*status)),
                StatusText::Range(range) => match range.split_once('-') {
                    Some((from, to)) => (from.trim().parse().ok(), to.trim().parse().ok()),
                    None => (range.parse().ok(), range.parse().ok()),
                },
            };
            let known = |status: &u16| (100..=599).contains(status);
            from.filter(known).zip(to.filter(known)).filter(|(from, to)| from <= to)
        };
        let ranges: Option<Vec<_>> = written.into_iter().map(read).collect();
        let ranges = ranges.filter(|ranges| (1..=32).contains(&ranges.len()));
        ranges.map(Statuses).ok_or_else(|| {
            D::Error::custom(
                "expect_status takes 1 to 32 statuses or ranges from 100 to 599 such as \"200-299\"",
            )
        })
    }
}

impl ExpectBody {
    fn check(&self, problems: &mut Problems) {
        let (ExpectBody::Contains(text) | ExpectBody::Matches { matches: text }) = self;
        if !(1..=EXPECT_MAX_CHARS).contains(&text.chars().count()) {
            problems.add("probe.expect_body", format!("must have 1 to {EXPECT_MAX_CHARS} characters"));
        }
        if let ExpectBody::Matches { matches } = self
            && let Err(error) = pattern(matches)
        {
            problems.add("probe.expect_body.matches", format!("is no pattern: {error}"));
        }
    }
}

/// Compiles a pattern within a bound of memory.
pub(super) fn pattern(text: &str) -> Result<regex_lite::Regex, regex_lite::Error> {
    regex_lite::RegexBuilder::new(text).size_limit(256 * 1024).build()
}

/// By hand, since an untagged enum would only say that nothing matched.
impl<'de> Deserialize<'de> for ExpectBody {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;

        impl<'de> serde::de::Visitor<'de> for Visitor {
            type Value = ExpectBody;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("expect_body as text or {matches: PATTERN}")
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<ExpectBody, E> {
                Ok(ExpectBody::Contains(text.to_owned()))
            }

            fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> Result<ExpectBody, A::Error> {
                use serde::de::Error;
                match map.next_entry::<String, String>()? {
                    Some((key, matches)) if key == "matches" => match map.next_key::<String>()? {
                        None => Ok(ExpectBody::Matches { matches }),
                        Some(key) => Err(A::Error::unknown_field(&key, &["matches"])),
                    },
                    Some((key, _)) => Err(A::Error::unknown_field(&key, &["matches"])),
                    None => Err(A::Error::missing_field("matches")),
                }
            }
        }

        deserializer.deserialize_any(Visitor)
    }
}

/// Bounds that hold for a URL wherever one is written.
pub(crate) fn parse_url(text: &str, schemes: &[&str]) -> Result<Url, String> {
    let expected = || format!("must be a URL that begins with {}://", schemes.join(":// or "));
    if text.len() > 2_048 {
        return Err("must not be longer than 2048 bytes".to_owned());
    }
    let url = Url::parse(text).map_err(|_| expected())?;
    if !schemes.contains(&url.scheme()) || url.host_str().is_none_or(str::is_empty) {
        return Err(expected());
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("must not have a user or password, use headers".to_owned());
    }
    Ok(url)
}

/// Turns milliseconds as they are written into a duration.
pub(super) const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}
