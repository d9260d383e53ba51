//! The AsyncAPI 3 document of the WebSocket, generated from the protocol's types.

use serde_json::{Map, Value, json};
use utoipa::{PartialSchema, ToSchema};

use crate::domain::FieldError;

use super::SUBPROTOCOL_V1;
use super::client::{Command, Subscription};
use super::close::CloseCode;
use super::error::ErrorObject;
use super::server::{
    Closing, CommandExecuted, CommandResult, Connected, Empty, Envelope, Health, Heartbeat, Presence, State,
    StateChange, Subscribed,
};
use super::topic::Topic;

/// A frame as the document lists it: its type, what it is for, and the name of its data's schema.
struct FrameDoc {
    name: &'static str,
    summary: &'static str,
    data: Option<String>,
}

fn frame<D: ToSchema>(name: &'static str, summary: &'static str) -> FrameDoc {
    FrameDoc { name, summary, data: Some(D::name().into_owned()) }
}

fn bare(name: &'static str, summary: &'static str) -> FrameDoc {
    FrameDoc { name, summary, data: None }
}

fn server_frames() -> Vec<FrameDoc> {
    vec![
        frame::<Connected>("connected", "always the first frame; unless recovered, a state frame follows"),
        frame::<State>("state", "the whole document"),
        frame::<StateChange>("state_change", "a committed change without an event of its own"),
        frame::<CommandExecuted>("command_executed", "a committed command"),
        frame::<Health>("system_health", "what /health says, when it changes and every 30 seconds"),
        frame::<Presence>("presence", "how many clients are connected"),
        frame::<Heartbeat>("heartbeat", "every change up to seq came before it, none after"),
        frame::<CommandResult>("command_result", "the answer to command"),
        frame::<Subscribed>("subscribed", "the answer to subscribe and unsubscribe: what is in force"),
        frame::<Empty>("pong", "the answer to ping"),
        bare("echo", "the answer to echo, with its data"),
        frame::<ErrorObject>("error", "what went wrong"),
        frame::<Closing>("closing", "the hub is about to close this connection"),
    ]
}

fn client_frames() -> Vec<FrameDoc> {
    vec![
        frame::<Empty>("ping", "answered by pong"),
        frame::<Empty>("get_state", "answered by state"),
        bare("echo", "answered by echo with the same data"),
        frame::<Subscription>("subscribe", "adds topics; answered by subscribed"),
        frame::<Subscription>("unsubscribe", "takes topics away; answered by subscribed"),
        frame::<Command>("command", "runs one command; answered by command_result or error"),
    ]
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
        "Typed envelopes of the subprotocol {SUBPROTOCOL_V1}. Topics: {topics}. Clients ignore frame types and \
         fields that they do not know. Close codes: {}.",
        codes.join("; ")
    )
}

fn message(doc: &FrameDoc, prefix: &str) -> Value {
    let data =
        doc.data.as_ref().map_or(json!({}), |name| json!({ "$ref": format!("#/components/schemas/{name}") }));
    let mut properties = json!({
        "type": { "const": doc.name },
        "data": data,
        "request_id": { "type": "string" },
    });
    let mut required = vec!["type"];
    if prefix == "server" {
        required.extend(["timestamp", "data"]);
        properties["timestamp"] = json!({ "type": "string", "format": "date-time" });
        properties["seq"] = json!({ "type": "integer" });
        properties["actor"] = json!({ "type": "string" });
        properties["patch"] = json!({ "type": "array", "items": { "type": "object" } });
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
    add::<Command>(&mut all);
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
