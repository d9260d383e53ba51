//! The AsyncAPI 3 document of the WebSocket, generated from the protocol's types.

use serde_json::{Map, Value, json};
use utoipa::{PartialSchema, ToSchema};

use crate::domain::{FieldError, Patch};

use super::SUBPROTOCOL_V1;
use super::client::{Auth, Command, Subscription, Unsubscription};
use super::close::CloseCode;
use super::error::ErrorObject;
use super::logs::{SystemLog, SystemLogBatch};
use super::server::{
    Authenticated, Closing, CommandExecuted, CommandResult, Connected, Empty, Envelope, GatewayLatency,
    GatewayRecovery, GatewayRegistered, GatewayRemoved, GatewayStatusChange, Health, Heartbeat, Presence,
    State, StateChange, Subscribed,
};
use super::topic::Topic;

/// What a frame carries beside its type and data.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Carries {
    /// Nothing of its own.
    Nothing,
    /// The number of the change that it shows.
    Number,
    /// Number and actor of a committed change, and the patch where it changes the state.
    Change,
    /// The id of the request that it answers, or that it is.
    RequestId,
}

/// A frame as the document lists it: its type, what it is for, the name of its data's schema.
struct FrameDoc {
    name: &'static str,
    summary: &'static str,
    data: Option<String>,
    carries: Carries,
}

impl FrameDoc {
    fn new<D: ToSchema>(name: &'static str, summary: &'static str) -> FrameDoc {
        FrameDoc { name, summary, data: Some(D::name().into_owned()), carries: Carries::Nothing }
    }

    /// Its data may be anything.
    fn bare(name: &'static str, summary: &'static str) -> FrameDoc {
        FrameDoc { name, summary, data: None, carries: Carries::Nothing }
    }

    fn carrying(self, carries: Carries) -> FrameDoc {
        FrameDoc { carries, ..self }
    }

    /// Whether there is nothing to say in its data, so that it may be left out.
    fn says_nothing(&self) -> bool {
        self.data.as_deref() == Some(&*Empty::name())
    }
}

fn server_frames() -> Vec<FrameDoc> {
    use Carries::{Change, Number, RequestId};
    vec![
        FrameDoc::new::<Connected>(
            "connected",
            "always the first frame; unless recovered, a state frame follows",
        ),
        FrameDoc::new::<State>("state", "the whole document").carrying(Number),
        FrameDoc::new::<StateChange>("state_change", "a committed change without an event of its own")
            .carrying(Change),
        FrameDoc::new::<CommandExecuted>("command_executed", "a committed command").carrying(Change),
        FrameDoc::new::<GatewayStatusChange>("gateway_status_change", "a gateway is another way than before")
            .carrying(Change),
        FrameDoc::new::<GatewayRecovery>("gateway_recovery", "a step of a gateway's recovery")
            .carrying(Change),
        FrameDoc::new::<GatewayRegistered>("gateway_registered", "a gateway was registered, or defined anew")
            .carrying(Change),
        FrameDoc::new::<GatewayRemoved>("gateway_removed", "a gateway is watched no more").carrying(Change),
        FrameDoc::new::<GatewayLatency>(
            "gateway_latency",
            "how long gateways took to answer, at most once a second for each",
        ),
        FrameDoc::new::<SystemLog>("system_log", "a log line; not committed"),
        FrameDoc::new::<SystemLogBatch>("system_log_batch", "the log lines of a moment; not committed"),
        FrameDoc::new::<Health>("system_health", "what /health says, when it changes and every 30 seconds"),
        FrameDoc::new::<Presence>("presence", "how many clients are connected"),
        FrameDoc::new::<Heartbeat>("heartbeat", "every change up to seq came before it, none after"),
        FrameDoc::new::<CommandResult>("command_result", "the answer to command").carrying(RequestId),
        FrameDoc::new::<Subscribed>(
            "subscribed",
            "the answer to subscribe and unsubscribe: what is in force",
        )
        .carrying(RequestId),
        FrameDoc::new::<Empty>("pong", "the answer to ping").carrying(RequestId),
        FrameDoc::bare("echo", "the answer to echo, with its data").carrying(RequestId),
        FrameDoc::new::<ErrorObject>("error", "what went wrong").carrying(RequestId),
        FrameDoc::new::<Authenticated>("authenticated", "the answer to auth on a connection that was let in")
            .carrying(RequestId),
        FrameDoc::new::<Closing>("closing", "the hub is about to close this connection"),
    ]
}

fn client_frames() -> Vec<FrameDoc> {
    let frames = [
        FrameDoc::new::<Auth>(
            "auth",
            "says who the client is, within 5 seconds where it did not in the handshake; later renews a token",
        ),
        FrameDoc::new::<Empty>("ping", "answered by pong"),
        FrameDoc::new::<Empty>("get_state", "answered by state"),
        FrameDoc::bare("echo", "answered by echo with the same data"),
        FrameDoc::new::<Subscription>(
            "subscribe",
            "adds topics, and says which log lines; answered by subscribed",
        ),
        FrameDoc::new::<Unsubscription>("unsubscribe", "takes topics away; answered by subscribed"),
        FrameDoc::new::<Command>("command", "runs one command; answered by command_result or error"),
    ];
    // The answer to `get_state` is made for everybody, and carries no id.
    let carries = |frame: &FrameDoc| match frame.name {
        "get_state" => Carries::Nothing,
        _ => Carries::RequestId,
    };
    frames.map(|frame| FrameDoc { carries: carries(&frame), ..frame }).into()
}

/// The AsyncAPI 3 document as JSON.
pub fn document(version: &str) -> Value {
    let mut messages = Map::new();
    let mut sent = Vec::new();
    let mut received = Vec::new();
    for (frames, prefix, refs) in
        [(server_frames(), "server", &mut sent), (client_frames(), "client", &mut received)]
    {
        for doc in frames {
            let key = format!("{prefix}_{}", doc.name);
            refs.push(json!({ "$ref": format!("#/channels/ws/messages/{key}") }));
            messages.insert(key, message(&doc, prefix));
        }
    }
    json!({
        "asyncapi": "3.0.0",
        "info": {
            "title": "opshub live protocol",
            "version": version,
            "description": description(),
        },
        "defaultContentType": "application/json",
        "channels": { "ws": {
            "address": "/ws",
            "description": "Offer the subprotocol opshub.v1; resume with ?since=<seq>&epoch=<epoch>&topics=…",
            "messages": messages,
            "bindings": { "ws": { "method": "GET", "query": {
                "type": "object",
                "properties": {
                    "protocol": { "type": "string", "description": "the subprotocol, where a client cannot set the header" },
                    "since": { "type": "integer", "description": "the last seq that was seen" },
                    "epoch": { "type": "string", "description": "the epoch that seq belongs to" },
                    "topics": { "type": "string", "description": "comma-separated topics, the replay included" },
                    "log_level": { "type": "string", "description": "with the topic logs: the lowest level (INFO)" },
                    "log_source": { "type": "string", "description": "with the topic logs: what their sources begin with" },
                    "ticket": { "type": "string", "description": "lets the connection in, once, within 30 seconds" },
                },
            } } },
        } },
        "operations": {
            "hubSends": { "action": "send", "channel": { "$ref": "#/channels/ws" }, "messages": sent },
            "clientSends": { "action": "receive", "channel": { "$ref": "#/channels/ws" }, "messages": received },
        },
        "components": { "schemas": schemas() },
    })
}

fn description() -> String {
    let codes: Vec<String> =
        CloseCode::ALL.iter().map(|code| format!("{}: {}", code.code(), code.meaning())).collect();
    let topics = Topic::ALL.map(Topic::as_str).join(", ");
    format!(
        "Typed envelopes of the subprotocol {SUBPROTOCOL_V1}. Topics: {topics}; all but logs where a connection does not say. Clients ignore frame types and \
         fields that they do not know. Close codes: {}.",
        codes.join("; ")
    )
}

fn message(doc: &FrameDoc, prefix: &str) -> Value {
    let schema = |name: &str| json!({ "$ref": format!("#/components/schemas/{name}") });
    let mut properties = Map::new();
    let mut required = vec!["type"];
    properties.insert("type".into(), json!({ "const": doc.name }));
    if matches!(doc.carries, Carries::Number | Carries::Change) {
        properties.insert(
            "seq".into(),
            json!({ "type": "integer", "minimum": 0, "description": "The change's number." }),
        );
        required.push("seq");
    }
    if prefix == "server" {
        let about = match doc.carries {
            Carries::Change => "When the change was made.",
            _ => "When the frame was made.",
        };
        let timestamp = json!({ "type": "string", "format": "date-time", "description": about });
        properties.insert("timestamp".into(), timestamp);
        required.push("timestamp");
    }
    if doc.carries == Carries::Change {
        properties.insert("actor".into(), json!({ "type": "string", "description": "Who made the change." }));
        required.push("actor");
        let mut patch = schema(&Patch::name());
        patch["description"] = json!("What it changes in the state; absent where that is nothing.");
        properties.insert("patch".into(), patch);
    }
    if doc.carries == Carries::RequestId {
        let about = if prefix == "server" {
            "The id of the request that this frame answers."
        } else {
            "Comes back in the answer."
        };
        properties.insert("request_id".into(), json!({ "type": "string", "description": about }));
    }
    properties.insert("data".into(), doc.data.as_deref().map_or(json!({}), schema));
    if prefix == "server" || !doc.says_nothing() {
        required.push("data");
    }
    json!({
        "name": doc.name,
        "summary": doc.summary,
        "payload": { "type": "object", "properties": properties, "required": required },
    })
}

fn schemas() -> Value {
    let mut all = Vec::new();
    fn add<T: ToSchema>(all: &mut Vec<(String, utoipa::openapi::RefOr<utoipa::openapi::Schema>)>) {
        all.push((T::name().into_owned(), <T as PartialSchema>::schema()));
        T::schemas(all);
    }
    add::<Envelope>(&mut all);
    add::<Subscription>(&mut all);
    add::<Unsubscription>(&mut all);
    add::<Command>(&mut all);
    add::<Auth>(&mut all);
    add::<FieldError>(&mut all);
    let map: Map<String, Value> = all
        .into_iter()
        .map(|(name, schema)| (name, serde_json::to_value(schema).expect("schemas are plain JSON")))
        .collect();
    Value::Object(map)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::client::KNOWN_TYPES;

    /// Collects every `$ref` of the document.
    fn refs<'a>(value: &'a Value, found: &mut Vec<&'a str>) {
        match value {
            Value::Object(map) => {
                for (key, value) in map {
                    match value {
                        Value::String(target) if key == "$ref" => found.push(target),
                        other => refs(other, found),
                    }
                }
            }
            Value::Array(items) => items.iter().for_each(|item| refs(item, found)),
            _ => {}
        }
    }

    #[test]
    fn every_reference_leads_somewhere() {
        let document = document("1.0.0");
        let mut found = Vec::new();
        refs(&document, &mut found);
        assert!(found.len() > 20);
        for target in found {
            let pointer = target.strip_prefix('#').unwrap();
            assert!(document.pointer(pointer).is_some(), "{target} leads nowhere");
        }
    }

    #[test]
    fn every_frame_that_a_client_may_send_is_listed() {
        let listed: Vec<_> = client_frames().iter().map(|frame| frame.name).collect();
        assert_eq!(listed, KNOWN_TYPES);
    }

    #[test]
    fn every_frame_that_the_hub_sends_is_listed() {
        let schema =
            serde_json::to_string(&<crate::protocol::ServerMessage as PartialSchema>::schema()).unwrap();
        for frame in server_frames() {
            assert!(schema.contains(&format!("\"{}\"", frame.name)), "{} is no variant", frame.name);
        }
        assert_eq!(schema.matches("\"enum\":[\"").count(), server_frames().len());
    }
}
