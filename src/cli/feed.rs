//! Live frames over a WebSocket that finds its way back: it reconnects with growing pauses and
//! resumes after the last change it has seen.

use std::pin::Pin;
use std::time::Duration;

use actix_http::ws::Item;
use awc::error::{WsClientError, WsProtocolError};
use awc::ws::{CloseReason, Frame, Message};
use futures_util::{Sink, SinkExt, Stream, StreamExt};
use serde_json::Value;
use uuid::Uuid;

use super::client::{Client, query};
use super::failure::{Failure, Refusal};

/// The protocol spoken.
const PROTOCOL: &str = "opshub.v1";
/// The greatest frame taken; a state document with its envelope stays far below.
const FRAME_MAX_BYTES: usize = 128 * 1024 * 1024;
/// How long a connection may be silent before the hub told its own heartbeat.
const FIRST_SILENCE: Duration = Duration::from_secs(40);
/// The pause before the first new attempt; it doubles up to [`LONGEST_PAUSE_MS`].
const FIRST_PAUSE_MS: u64 = 500;
const LONGEST_PAUSE_MS: u64 = 15_000;

/// The place in the log up to which everything was seen.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Cursor {
    /// Where to resume: the epoch and a seq of it.
    pub(super) position: Option<(String, u64)>,
    /// The epoch of the connection; it counts once a frame of it was seen.
    epoch: Option<String>,
}

/// What happened on the feed.
#[derive(Debug)]
pub(super) enum Happened {
    /// A frame came, as text and parsed.
    Frame { text: String, value: Value },
    /// The link is lost; the next call of [`Feed::next`] waits for `pause` and connects again.
    Lost { cause: String, pause: Duration },
}

/// Frames of one hub, one after the other, across connections.
pub(super) struct Feed {
    client: Client,
    topics: Option<String>,
    log_level: Option<String>,
    log_source: Option<String>,
    cursor: Cursor,
    link: Option<Link>,
    pause: Option<Duration>,
    attempts: u32,
}

/// One live connection.
struct Link {
    socket: Pin<Box<dyn Socket>>,
    silence: Duration,
    /// What the hub said before it closes: when to come back.
    retry_ms: Option<u64>,
    /// Fragments of a message that is not complete.
    partial: Vec<u8>,
}

/// Both directions of a WebSocket; the client library has no public name for its own.
trait Socket: Stream<Item = Result<Frame, WsProtocolError>> + Sink<Message, Error = WsProtocolError> {}

impl<T> Socket for T where
    T: Stream<Item = Result<Frame, WsProtocolError>> + Sink<Message, Error = WsProtocolError>
{
}

/// Why a link ended.
enum End {
    /// To be connected again.
    Lost(String),
    /// The hub does not want this client as it is.
    Unwanted(Failure),
}

impl Feed {
    pub(super) fn new(client: Client, topics: &[String], position: Option<(String, u64)>) -> Self {
        let topics = (!topics.is_empty()).then(|| topics.join(","));
        let cursor = Cursor { position, epoch: None };
        Self {
            client,
            topics,
            log_level: None,
            log_source: None,
            cursor,
            link: None,
            pause: None,
            attempts: 0,
        }
    }

    /// Asks for these log lines, where `logs` is among the topics.
    pub(super) fn with_logs(self, level: Option<String>, source: Option<String>) -> Self {
        Self { log_level: level, log_source: source, ..self }
    }

    /// Waits for what happens next.
    ///
    /// A hub that cannot be reached is no error, however long that lasts.
    ///
    /// # Errors
    /// The hub refuses this client, or the address is none: trying again would change nothing.
    pub(super) async fn next(&mut self) -> Result<Happened, Failure> {
        if self.link.is_none() {
            if let Some(pause) = self.pause.take() {
                tokio::time::sleep(pause).await;
            }
            match self.connect().await {
                Ok(link) => self.link = Some(link),
                Err(end) => return self.ended(end, None),
            }
        }
        let link = self.link.as_mut().expect("connected above");
        match link.read().await {
            Ok((text, value)) => {
                self.cursor.observe(&value);
                match value["type"].as_str() {
                    Some("connected") => {
                        self.attempts = 0;
                        // Two heartbeats and some: one may be dropped by a full outbox.
                        let heartbeat = value["data"]["heartbeat_ms"].as_u64().unwrap_or(15_000);
                        link.silence = Duration::from_millis(heartbeat.saturating_mul(5) / 2 + 2_000);
                    }
                    Some("closing") => link.retry_ms = value["data"]["retry_ms"].as_u64(),
                    _ => {}
                }
                Ok(Happened::Frame { text, value })
            }
            Err(end) => {
                let retry_ms = link.retry_ms;
                self.ended(end, retry_ms)
            }
        }
    }

    /// Everything up to here was seen.
    pub(super) fn position(&self) -> Option<&(String, u64)> {
        self.cursor.position.as_ref()
    }

    fn ended(&mut self, end: End, retry_ms: Option<u64>) -> Result<Happened, Failure> {
        self.link = None;
        match end {
            End::Unwanted(failure) => Err(failure),
            End::Lost(cause) => {
                let pause = match retry_ms {
                    // The hub spread these over its clients already.
                    Some(retry_ms) => Duration::from_millis(retry_ms),
                    None => jittered(self.attempts, random()),
                };
                self.attempts = self.attempts.saturating_add(1);
                self.pause = Some(pause);
                Ok(Happened::Lost { cause, pause })
            }
        }
    }

    async fn connect(&self) -> Result<Link, End> {
        let (epoch, since) = self.cursor.position.clone().unzip();
        let query = query([
            ("since", since.map(|seq| seq.to_string())),
            ("epoch", epoch),
            ("topics", self.topics.clone()),
            ("log_level", self.log_level.clone()),
            ("log_source", self.log_source.clone()),
        ]);
        let url = format!("{}/ws{query}", self.client.base().replacen("http", "ws", 1));
        let request = self.client.http().ws(url).protocols([PROTOCOL]).max_frame_size(FRAME_MAX_BYTES);
        let (_, socket) = request.connect().await.map_err(|error| self.not_connected(error))?;
        Ok(Link { socket: Box::pin(socket), silence: FIRST_SILENCE, retry_ms: None, partial: Vec::new() })
    }

    fn not_connected(&self, error: WsClientError) -> End {
        match error {
            WsClientError::InvalidResponseStatus(status)
                if status.is_client_error() && status.as_u16() != 429 =>
            {
                let message = format!("HTTP {status} at the handshake; check --topics and the address");
                End::Unwanted(Failure::Refused(Refusal {
                    status: status.as_u16(),
                    message,
                    ..Refusal::default()
                }))
            }
            WsClientError::InvalidResponseStatus(status) => {
                End::Lost(format!("HTTP {status} at the handshake"))
            }
            WsClientError::SendRequest(error) => match self.client.not_sent(error) {
                Failure::Unreachable { cause, .. } => End::Lost(cause),
                failure => End::Unwanted(failure),
            },
            other => End::Lost(other.to_string()),
        }
    }
}

impl Link {
    /// Reads one message and answers pings on the way.
    async fn read(&mut self) -> Result<(String, Value), End> {
        loop {
            let frame = match tokio::time::timeout(self.silence, self.socket.next()).await {
                Err(_) => return Err(End::Lost("the hub is silent".into())),
                Ok(None) => return Err(End::Lost("the connection ended".into())),
                Ok(Some(Err(error))) => return Err(End::Lost(error.to_string())),
                Ok(Some(Ok(frame))) => frame,
            };
            let message = match frame {
                Frame::Text(bytes) => bytes.to_vec(),
                Frame::Continuation(part) => match self.join(part)? {
                    Some(message) => message,
                    None => continue,
                },
                Frame::Ping(payload) => {
                    let sent = self.socket.send(Message::Pong(payload)).await;
                    sent.map_err(|error| End::Lost(error.to_string()))?;
                    continue;
                }
                Frame::Close(reason) => {
                    // The answer is a courtesy; the link is over either way.
                    let _ = self.socket.send(Message::Close(None)).await;
                    return Err(closed(reason));
                }
                Frame::Pong(_) | Frame::Binary(_) => continue,
            };
            let text = String::from_utf8(message).map_err(|_| End::Lost("a frame was not UTF-8".into()))?;
            let value = serde_json::from_str(&text).map_err(|_| End::Lost("a frame was not JSON".into()))?;
            return Ok((text, value));
        }
    }

    fn join(&mut self, part: Item) -> Result<Option<Vec<u8>>, End> {
        let (bytes, last) = match part {
            Item::FirstText(bytes) | Item::FirstBinary(bytes) => {
                self.partial.clear();
                (bytes, false)
            }
            Item::Continue(bytes) => (bytes, false),
            Item::Last(bytes) => (bytes, true),
        };
        if self.partial.len() + bytes.len() > FRAME_MAX_BYTES {
            return Err(End::Lost("a message was too large".into()));
        }
        self.partial.extend_from_slice(&bytes);
        Ok(last.then(|| std::mem::take(&mut self.partial)))
    }
}

/// What a close code means for this client, by the contract.
fn closed(reason: Option<CloseReason>) -> End {
    let Some(reason) = reason else {
        return End::Lost("the hub closed the connection".into());
    };
    let code = u16::from(reason.code);
    let text = reason.description.unwrap_or_else(|| "the hub closed the connection".into());
    match code {
        1002 | 1003 | 1007 | 1009 | 4400 | 4401 | 4403 => {
            let message = format!("{text} (close code {code})");
            End::Unwanted(Failure::Refused(Refusal { message, ..Refusal::default() }))
        }
        _ => End::Lost(format!("{text} (close code {code})")),
    }
}

impl Cursor {
    /// Moves on with a frame.
    ///
    /// `connected` names the newest seq although the frames up to it are still to come, so that it
    /// moves nothing. A heartbeat does: every change up to its seq came before it.
    fn observe(&mut self, frame: &Value) {
        let data = &frame["data"];
        let seq = match frame["type"].as_str() {
            Some("connected") => {
                self.epoch = data["epoch"].as_str().map(str::to_owned);
                return;
            }
            Some("heartbeat") => data["seq"].as_u64(),
            _ => frame["seq"].as_u64(),
        };
        if let (Some(seq), Some(epoch)) = (seq, &self.epoch) {
            self.position = Some((epoch.clone(), seq));
        }
    }
}

/// The pause after so many failed attempts: between half and all of a bound that doubles, so that
/// the clients of a hub that restarts do not come back at the same moment.
fn jittered(attempts: u32, random: u64) -> Duration {
    let bound = FIRST_PAUSE_MS.saturating_mul(1 << attempts.min(10)).min(LONGEST_PAUSE_MS);
    Duration::from_millis(bound / 2 + random % (bound / 2 + 1))
}

fn random() -> u64 {
    Uuid::new_v4().as_u64_pair().1
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use serde_json::json;

    use super::*;

    fn after(frames: &[Value]) -> Cursor {
        let mut cursor = Cursor { position: Some(("old".into(), 7)), epoch: None };
        frames.iter().for_each(|frame| cursor.observe(frame));
        cursor
    }

    fn connected(epoch: &str, seq: u64) -> Value {
        json!({"type": "connected", "data": {"epoch": epoch, "seq": seq, "recovered": true}})
    }

    #[test]
    fn a_link_lost_while_it_catches_up_does_not_skip_what_was_missed() {
        assert_eq!(after(&[connected("old", 50)]).position, Some(("old".into(), 7)));
        let frame = json!({"type": "state_change", "seq": 8, "data": {}});
        assert_eq!(after(&[connected("old", 50), frame]).position, Some(("old".into(), 8)));
    }

    #[test]
    fn a_link_lost_before_the_state_of_another_hub_asks_for_it_again() {
        assert_eq!(after(&[connected("new", 3)]).position, Some(("old".into(), 7)));
        let state = json!({"type": "state", "seq": 3, "data": {"state": {}}});
        assert_eq!(after(&[connected("new", 3), state]).position, Some(("new".into(), 3)));
    }

    #[test]
    fn a_heartbeat_moves_a_feed_whose_topics_see_few_changes() {
        let heartbeat = json!({"type": "heartbeat", "data": {"seq": 90, "state_hash": "x"}});
        assert_eq!(after(&[connected("old", 8), heartbeat]).position, Some(("old".into(), 90)));
    }

    #[test]
    fn frames_that_are_not_committed_move_nothing() {
        let log = json!({"type": "system_log", "data": {"seq": 99}});
        assert_eq!(after(&[connected("old", 8), log]).position, Some(("old".into(), 7)));
    }

    #[test]
    fn pauses_grow_to_a_bound_and_are_spread() {
        assert_eq!(jittered(0, 0), Duration::from_millis(250));
        assert_eq!(jittered(0, 250), Duration::from_millis(500));
        assert_eq!(jittered(2, 0), Duration::from_millis(1_000));
        for attempts in [10, 64, u32::MAX] {
            let pause = jittered(attempts, u64::MAX);
            assert!((7_500..=15_000).contains(&pause.as_millis()), "{pause:?}");
        }
    }

    #[test]
    fn only_codes_that_would_come_again_end_the_feed() {
        let end = |code: u16| closed(Some(CloseReason { code: code.into(), description: None }));
        for code in [4400, 4401, 4403, 1002, 1009] {
            assert!(matches!(end(code), End::Unwanted(_)), "{code}");
        }
        for code in [1001, 1011, 4408, 4429] {
            assert!(matches!(end(code), End::Lost(_)), "{code}");
        }
        assert!(matches!(closed(None), End::Lost(_)));
    }
}
