//! What a client may send on an `opshub.v1` connection.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::domain::{self, Error};

use super::logs::LogLevel;
use super::topic::{Topic, Topics};

/// The longest `request_id` that is echoed, in bytes.
pub const REQUEST_ID_MAX_BYTES: usize = 128;

/// What a client asks for, after its envelope `{type, request_id?, data?}` was taken off.
#[derive(Debug, Clone, PartialEq)]
pub enum Request {
    /// Answered by `pong`.
    Ping,
    /// Answered by a `state` frame.
    GetState,
    /// Answered by `echo` with the same data.
    Echo(Value),
    /// Adds topics to what this connection receives; answered by `subscribed` with what is in force.
    Subscribe(Subscribe),
    /// Takes topics away; answered by `subscribed` with what is in force.
    Unsubscribe(Topics),
    /// Says who the client is, by a token: the first frame where the hub wants to know, later a token in the
    /// place of one that is about to end.
    Auth(Auth),
    /// Runs one command, as `POST /api/command` does; answered by `command_result` or `error`.
    Command(Command),
}

/// The data of a `command` frame, and the body of `POST /api/command`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Command {
    /// The command as a person would type it.
    #[schema(example = "approve P7")]
    pub command: String,
    /// The same key and command again get the first answer, and nothing is applied twice.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idempotency_key: Option<String>,
    /// Answers what would happen, and changes nothing.
    #[serde(default)]
    pub dry_run: bool,
}

/// The data of `auth`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Auth {
    /// A token as `Authorization: Bearer` would carry it.
    #[schema(example = "oph_…")]
    pub token: String,
}

impl std::fmt::Debug for Auth {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Auth(***)")
    }
}

/// What `subscribe` asks for, its topics known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subscribe {
    /// What is added.
    pub topics: Topics,
    /// The lowest level of log lines, as it was given.
    pub log_level: Option<String>,
    /// What the sources of log lines begin with.
    pub log_source: Option<String>,
}

/// The data of `subscribe`.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Subscription {
    /// Names of topics.
    #[schema(value_type = Vec<Topic>)]
    pub topics: Vec<String>,
    /// With the topic `logs`: the lowest level; INFO where it was never given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<LogLevel>)]
    pub log_level: Option<String>,
    /// With the topic `logs`: only lines whose source begins with this; empty for all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 128, example = "collector.")]
    pub log_source: Option<String>,
}

/// The data of `unsubscribe`.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Unsubscription {
    /// Names of topics.
    #[schema(value_type = Vec<Topic>)]
    pub topics: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Nothing {}

/// The names of the frames that a client may send.
pub const KNOWN_TYPES: [&str; 7] =
    ["auth", "ping", "get_state", "echo", "subscribe", "unsubscribe", "command"];

/// A request that could not be read, with the id that its answer should carry.
#[derive(Debug)]
pub struct Rejected {
    /// The id the client gave, if that much could be read.
    pub request_id: Option<String>,
    /// Why it was refused.
    pub error: Error,
}

/// Reads one text message.
///
/// # Errors
/// `invalid_json`, `unknown_type`, `unknown_field`, `unknown_topic` or `invalid_value`, with the
/// `request_id` where it could be read. Nothing was done.
pub fn decode(text: &[u8]) -> Result<(Option<String>, Request), Rejected> {
    let refuse = |error| Rejected { request_id: None, error };
    let Value::Object(mut envelope) = domain::parse_strict(text).map_err(refuse)? else {
        return Err(refuse(Error::InvalidValue {
            message: "a frame must be a JSON object".into(),
            details: vec![],
        }));
    };
    let request_id = match envelope.remove("request_id") {
        None | Some(Value::Null) => None,
        Some(Value::String(id)) if id.len() <= REQUEST_ID_MAX_BYTES => Some(id),
        Some(_) => {
            let message = format!("request_id must be a string of at most {REQUEST_ID_MAX_BYTES} bytes");
            return Err(refuse(Error::InvalidValue { message, details: vec![] }));
        }
    };
    match decode_envelope(envelope) {
        Ok(request) => Ok((request_id, request)),
        Err(error) => Err(Rejected { request_id, error }),
    }
}

fn decode_envelope(mut envelope: Map<String, Value>) -> Result<Request, Error> {
    let unknown = |found: String| Error::UnknownType { found, known: KNOWN_TYPES.join(", ") };
    let kind = match envelope.remove("type") {
        Some(Value::String(kind)) => kind,
        Some(other) => return Err(unknown(other.to_string())),
        None => return Err(unknown("(none given)".into())),
    };
    if !KNOWN_TYPES.contains(&kind.as_str()) {
        return Err(unknown(kind));
    }
    let data = envelope.remove("data").unwrap_or(Value::Null);
    if let Some(field) = envelope.keys().next() {
        return Err(Error::unknown_field(field.clone(), &["type", "data", "request_id"]));
    }
    let known = |topics: &[String]| Topics::from_names(topics.iter().map(String::as_str));
    match kind.as_str() {
        "echo" => Ok(Request::Echo(data)),
        "subscribe" => {
            let Subscription { topics, log_level, log_source } = domain::decode(data)?;
            Ok(Request::Subscribe(Subscribe { topics: known(&topics)?, log_level, log_source }))
        }
        "unsubscribe" => {
            let Unsubscription { topics } = domain::decode(data)?;
            Ok(Request::Unsubscribe(known(&topics)?))
        }
        "command" => Ok(Request::Command(domain::decode(data)?)),
        "auth" => Ok(Request::Auth(domain::decode(data)?)),
        bare => {
            if !data.is_null() {
                domain::decode::<Nothing>(data)?;
            }
            Ok(if bare == "ping" { Request::Ping } else { Request::GetState })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn error_type(text: &str) -> &'static str {
        decode(text.as_bytes()).unwrap_err().error.spec().1
    }

    #[test]
    fn a_command_as_clients_send_it() {
        let text = r#"{"type":"command","data":{"command":"approve P7"},"request_id":"r1"}"#;
        let (id, request) = decode(text.as_bytes()).unwrap();
        assert_eq!(id.as_deref(), Some("r1"));
        let wanted = Command { command: "approve P7".into(), idempotency_key: None, dry_run: false };
        assert_eq!(request, Request::Command(wanted));
    }

    #[test]
    fn a_subscription_to_logs_says_which() {
        let text = br#"{"type":"subscribe","data":{"topics":["logs"],"log_level":"WARN","log_source":"a."}}"#;
        let wanted = Subscribe {
            topics: Topic::Logs.into(),
            log_level: Some("WARN".into()),
            log_source: Some("a.".into()),
        };
        assert_eq!(decode(text).unwrap().1, Request::Subscribe(wanted));
        assert_eq!(
            error_type(r#"{"type":"unsubscribe","data":{"topics":["logs"],"log_level":"WARN"}}"#),
            "unknown_field"
        );
    }

    #[test]
    fn a_ping_comes_with_or_without_empty_data() {
        for text in [r#"{"type":"ping"}"#, r#"{"type":"ping","data":{}}"#, r#"{"type":"ping","data":null}"#] {
            assert_eq!(decode(text.as_bytes()).unwrap().1, Request::Ping, "{text}");
        }
        assert_eq!(error_type(r#"{"type":"ping","data":{"x":1}}"#), "unknown_field");
    }

    #[test]
    fn an_echo_returns_whatever_was_sent() {
        let (_, request) = decode(br#"{"type":"echo","data":[1,{"a":null}]}"#).unwrap();
        assert_eq!(request, Request::Echo(json!([1, {"a": null}])));
    }

    #[test]
    fn unknown_types_are_told_the_known_ones() {
        let refused = decode(br#"{"type":"dance","request_id":"r9"}"#).unwrap_err();
        assert_eq!(refused.request_id.as_deref(), Some("r9"));
        assert_eq!(refused.error.spec(), (400, "unknown_type"));
        assert!(refused.error.to_string().contains("get_state"));
        assert_eq!(error_type(r#"{"data":{}}"#), "unknown_type");
    }

    #[test]
    fn unknown_fields_are_refused_at_every_level() {
        assert_eq!(error_type(r#"{"type":"ping","extra":1}"#), "unknown_field");
        assert_eq!(
            error_type(r#"{"type":"command","data":{"command":"status","when":"now"}}"#),
            "unknown_field"
        );
    }

    #[test]
    fn what_is_no_object_is_refused() {
        assert_eq!(error_type("[1]"), "invalid_value");
        assert_eq!(error_type("{"), "invalid_json");
        assert_eq!(error_type(r#"{"type":"ping","type":"ping"}"#), "invalid_json");
    }
}
