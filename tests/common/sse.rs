//! A client of `GET /api/events/stream`.

use reqwest::Response;
use serde_json::Value;

use super::{TestHub, within};

/// One event of the stream: its `id`, and its `data` as it came.
#[derive(Debug, Clone)]
pub struct Event {
    pub id: String,
    pub data: String,
}

impl Event {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.data).unwrap_or_else(|e| panic!("{e}: {}", self.data))
    }
}

/// An open stream; the events of a stream come in order, comments are passed over.
pub struct Sse {
    response: Response,
    buffer: Vec<u8>,
}

impl Sse {
    /// Opens the stream with `query`, and `Last-Event-ID` when given.
    pub async fn open(hub: &TestHub, query: &str, last_event_id: Option<&str>) -> Sse {
        let mut request =
            hub.request("GET", &format!("/api/events/stream{query}")).header("accept", "text/event-stream");
        if let Some(id) = last_event_id {
            request = request.header("last-event-id", id);
        }
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), 200);
        let kind = response.headers()["content-type"].to_str().unwrap().to_owned();
        assert!(kind.starts_with("text/event-stream"), "{kind}");
        Sse { response, buffer: Vec::new() }
    }

    /// The next event; panics when none comes within the bound.
    pub async fn next(&mut self) -> Event {
        loop {
            let block = within("an event of the stream", self.block()).await.expect("the stream ended");
            let value = |line: &str, name: &str| {
                let rest = line.strip_prefix(name)?.strip_prefix(':')?;
                Some(rest.strip_prefix(' ').unwrap_or(rest).to_owned())
            };
            let data: Vec<String> = block.lines().filter_map(|line| value(line, "data")).collect();
            if !data.is_empty() {
                let id = block.lines().find_map(|line| value(line, "id")).unwrap_or_default();
                return Event { id, data: data.join("\n") };
            }
        }
    }

    /// The next committed change; panics at a `state` in its place.
    pub async fn change(&mut self) -> Event {
        loop {
            let event = self.next().await;
            let json = event.json();
            assert_ne!(json["type"], "state", "a snapshot where a change was due: {}", event.data);
            if json.get("seq").is_some() && json["type"] != "heartbeat" {
                return event;
            }
        }
    }

    /// The next event or comment as it came, or none at the end of the stream.
    pub async fn block(&mut self) -> Option<String> {
        loop {
            if let Some(end) = self.buffer.windows(2).position(|two| two == b"\n\n") {
                let block: Vec<u8> = self.buffer.drain(..end + 2).collect();
                return Some(String::from_utf8(block).unwrap().trim_end().to_owned());
            }
            let chunk = self.response.chunk().await.unwrap()?;
            self.buffer.extend_from_slice(&chunk);
        }
    }
}
