//! A WebSocket client that shares no code with the hub.

use std::ops::Deref;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

use super::{BOUND, within};

/// One text frame: its bytes as they came, and, by `Deref`, its JSON.
#[derive(Debug, Clone)]
pub struct Frame {
    pub text: String,
    json: Value,
}

impl Deref for Frame {
    type Target = Value;

    fn deref(&self) -> &Value {
        &self.json
    }
}

impl Frame {
    fn new(text: String) -> Frame {
        let json = serde_json::from_str(&text).unwrap_or_else(|e| panic!("{e} in the frame {text}"));
        Frame { text, json }
    }

    pub fn kind(&self) -> &str {
        self.json["type"].as_str().unwrap_or_default()
    }

    /// Its `seq` when it is a committed change; snapshots and heartbeats name a seq but are none.
    pub fn change(&self) -> Option<u64> {
        if ["state", "heartbeat", "connected"].contains(&self.kind()) {
            None
        } else {
            self.json["seq"].as_u64()
        }
    }
}

/// What comes next on a connection.
#[derive(Debug)]
pub enum Next {
    Frame(Frame),
    /// The close code and its reason; 1006 when the connection broke without one.
    Closed(u16, String),
}

/// An open WebSocket, with what came over it so far.
pub struct Watcher {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    seen: Vec<String>,
}

impl Watcher {
    /// Connects to `url`, offering `protocol`, and asserts that exactly this was chosen.
    pub async fn open(url: &str, protocol: Option<&str>) -> Watcher {
        match Watcher::attempt(url, protocol).await {
            Ok(watcher) => watcher,
            Err(error) => panic!("no WebSocket at {url}: {error}"),
        }
    }

    /// Connects to `url`.
    ///
    /// # Errors
    /// When the hub could not be reached or refused the handshake.
    pub async fn attempt(url: &str, protocol: Option<&str>) -> Result<Watcher, Error> {
        Watcher::attempt_with(url, protocol, &[]).await
    }

    /// As [`Watcher::attempt`], with `headers` beside those of the handshake.
    ///
    /// # Errors
    /// When the hub could not be reached or refused the handshake.
    pub async fn attempt_with(
        url: &str,
        protocol: Option<&str>,
        headers: &[(&'static str, &str)],
    ) -> Result<Watcher, Error> {
        let mut request = url.into_client_request().unwrap();
        for (name, value) in headers {
            request.headers_mut().append(*name, value.parse().unwrap());
        }
        if let Some(name) = protocol {
            request.headers_mut().insert("sec-websocket-protocol", name.parse().unwrap());
        }
        let limits = WebSocketConfig::default().max_message_size(None).max_frame_size(None);
        let connecting = tokio_tungstenite::connect_async_with_config(request, Some(limits), true);
        let (socket, response) = within("the handshake", connecting).await?;
        let chosen =
            response.headers().get("sec-websocket-protocol").map(|name| name.to_str().unwrap().to_owned());
        assert_eq!(chosen.as_deref(), protocol);
        Ok(Watcher { socket, seen: Vec::new() })
    }

    /// What comes next, or none when nothing comes within `patience`.
    pub async fn poll(&mut self, patience: Duration) -> Option<Next> {
        loop {
            match tokio::time::timeout(patience, self.socket.next()).await.ok()? {
                Some(Ok(Message::Text(text))) => {
                    if self.seen.len() < 200 {
                        self.seen.push(text.chars().take(300).collect());
                    }
                    return Some(Next::Frame(Frame::new(text.to_string())));
                }
                Some(Ok(Message::Close(Some(frame)))) => {
                    return Some(Next::Closed(frame.code.into(), frame.reason.to_string()));
                }
                Some(Ok(Message::Close(None))) => return Some(Next::Closed(1005, String::new())),
                Some(Ok(Message::Binary(bytes))) => panic!("a binary frame: {bytes:?}"),
                Some(Ok(_)) => {}
                Some(Err(error)) => return Some(Next::Closed(1006, error.to_string())),
                None => return Some(Next::Closed(1006, "the end of the stream".to_owned())),
            }
        }
    }

    /// The next frame; panics at a close, or when nothing comes within the bound.
    pub async fn next(&mut self) -> Frame {
        match self.poll(BOUND).await {
            Some(Next::Frame(frame)) => frame,
            other => panic!("a frame was due, not {other:?}; before it came {:#?}", self.seen),
        }
    }

    /// The next frame of the type `kind`, passing over others; lists them when it does not come.
    pub async fn expect(&mut self, kind: &str) -> Frame {
        let wanted = format!("`{kind}`");
        self.find(&wanted, |frame| frame.kind() == kind).await
    }

    /// The next frame that `fits`, passing over others; lists them when it does not come.
    pub async fn find(&mut self, wanted: &str, fits: impl Fn(&Frame) -> bool) -> Frame {
        self.seen.clear();
        let start = tokio::time::Instant::now();
        while start.elapsed() < BOUND {
            match self.poll(BOUND.saturating_sub(start.elapsed())).await {
                Some(Next::Frame(frame)) if fits(&frame) => return frame,
                Some(Next::Frame(_)) => {}
                Some(Next::Closed(code, reason)) => {
                    panic!("closed with {code} {reason:?} before {wanted}; came: {:#?}", self.seen)
                }
                None => break,
            }
        }
        panic!("no {wanted} within {BOUND:?}; came instead: {:#?}", self.seen)
    }

    /// The next committed change, passing over frames that are none; panics at a `state`.
    pub async fn change(&mut self) -> Frame {
        let frame = self
            .find("a committed change", |frame| frame.change().is_some() || frame.kind() == "state")
            .await;
        assert_ne!(frame.kind(), "state", "a snapshot where a change was due: {}", frame.text);
        frame
    }

    /// Sends `message` and gives the answer with its `request_id`, which must be the next such frame.
    pub async fn ask(&mut self, mut message: Value) -> Frame {
        let id = format!("ask-{}", self.seen.len());
        message["request_id"] = json!(id);
        self.send(message.clone()).await;
        self.find(&format!("the answer to {message}"), |frame| {
            frame["request_id"] == id || frame["data"]["request_id"] == id
        })
        .await
    }

    /// The frames up to the answer to a ping sent now: all that the hub had queued before it.
    pub async fn drain(&mut self) -> Vec<Frame> {
        let id = format!("drain-{}", self.seen.len());
        self.send(json!({ "type": "ping", "request_id": id })).await;
        let mut frames = Vec::new();
        loop {
            let frame = self.next().await;
            if frame.kind() == "pong" && frame["request_id"] == id {
                return frames;
            }
            frames.push(frame);
        }
    }

    pub async fn send(&mut self, message: Value) {
        self.send_text(&message.to_string()).await;
    }

    pub async fn send_text(&mut self, text: &str) {
        self.send_message(Message::text(text)).await.unwrap();
    }

    /// Sends any message.
    ///
    /// # Errors
    /// When the connection is closed.
    pub async fn send_message(&mut self, message: Message) -> Result<(), Error> {
        self.socket.send(message).await
    }

    /// Reads on to the close; gives the frames before it, the code and the reason.
    pub async fn closed(&mut self) -> (Vec<Frame>, u16, String) {
        let mut frames = Vec::new();
        loop {
            match self.poll(2 * BOUND).await {
                Some(Next::Frame(frame)) => frames.push(frame),
                Some(Next::Closed(code, reason)) => return (frames, code, reason),
                None => panic!("not closed; came instead: {:#?}", self.seen),
            }
        }
    }

    /// Closes as a client does that leaves.
    pub async fn leave(mut self) {
        self.socket.close(None).await.unwrap();
        while let Some(Ok(_)) = self.socket.next().await {}
    }
}
