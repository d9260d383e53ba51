//! A stand-in for Slack: signs as Slack documents it, posts what people type and press, and takes what a hub posts.

use std::net::SocketAddr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use opshub::slack::signature::{SIGNATURE, SigningSecret, TIMESTAMP, sign};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use url::form_urlencoded::Serializer;

/// How long Slack waits for an answer.
const PATIENCE: Duration = Duration::from_secs(3);
/// The most bytes of a message from a hub.
const MESSAGE_MAX: usize = 256 * 1024;

/// What a hub posted.
#[derive(Debug)]
pub(crate) struct Posted {
    /// `/webhook`, or the path of a `response_url`.
    pub(crate) path: String,
    /// The message.
    pub(crate) message: Value,
}

/// One request of Slack's; sent as often as needed, it stays the same request.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    path: &'static str,
    pub(crate) body: String,
}

/// What a hub answered at once.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// Whether it is the stored answer of an earlier delivery.
    pub(crate) replayed: bool,
    pub(crate) body: Value,
}

/// The stand-in.
pub(crate) struct Slack {
    http: reqwest::Client,
    hub: String,
    secret: SigningSecret,
    address: SocketAddr,
    posted: mpsc::UnboundedReceiver<Posted>,
    triggers: u32,
}

/// Where a hub's messages arrive, before it is known which hub.
pub(crate) struct Ears {
    pub(crate) address: SocketAddr,
    posted: mpsc::UnboundedReceiver<Posted>,
}

impl Ears {
    /// Listens at `address`.
    ///
    /// # Errors
    /// The address is taken.
    pub(crate) async fn open(address: SocketAddr) -> std::io::Result<Ears> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        let (tell, posted) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(take(stream, tell.clone()));
            }
        });
        Ok(Ears { address, posted })
    }
}

impl Slack {
    /// A Slack in which the hub at `hub` is an app with this signing secret.
    ///
    /// # Errors
    /// There can be no HTTP client, or the secret is empty.
    pub(crate) fn new(ears: Ears, hub: &str, secret: &str) -> Result<Slack, String> {
        let http = reqwest::Client::builder().no_proxy().timeout(PATIENCE).build();
        Ok(Slack {
            http: http.map_err(|error| error.to_string())?,
            hub: hub.trim_end_matches('/').to_owned(),
            secret: SigningSecret::new(secret).ok_or("the signing secret is empty")?,
            address: ears.address,
            posted: ears.posted,
            triggers: 0,
        })
    }

    fn trigger(&mut self) -> String {
        self.triggers += 1;
        format!("{}.{}.{}", now(), std::process::id(), self.triggers)
    }

    /// Somebody types `/opshub <text>`.
    pub(crate) fn typed(&mut self, user: &str, text: &str) -> Request {
        let trigger = self.trigger();
        let url = format!("http://{}/commands/{trigger}", self.address);
        typed(user, text, &[("trigger_id", &trigger), ("response_url", &url)])
    }

    /// As [`Slack::typed`], with a name for the request where it has one, and only with the answer that comes at once.
    pub(crate) fn typed_briefly(&mut self, user: &str, text: &str, trigger: Option<String>) -> Request {
        let trigger = trigger.unwrap_or_else(|| self.trigger());
        typed(user, text, &[("trigger_id", &trigger)])
    }

    /// Somebody presses `button`, which is in `block` of `message`.
    pub(crate) fn pressed(&mut self, user: &str, message: &Value, block: &Value, button: &Value) -> Request {
        let trigger = self.trigger();
        let mut action = button.clone();
        action["block_id"] = block["block_id"].clone();
        let payload = json!({
            "type": "block_actions", "team": { "id": "T1" }, "user": { "id": user, "team_id": "T1" },
            "container": { "type": "message", "is_ephemeral": false }, "message": message,
            "response_url": format!("http://{}/actions/{trigger}", self.address),
            "trigger_id": trigger, "actions": [action],
        });
        let body = Serializer::new(String::new()).append_pair("payload", &payload.to_string()).finish();
        Request { path: "/integrations/slack/interactions", body }
    }

    /// Delivers a request, signed now.
    ///
    /// # Errors
    /// The hub did not answer within 3 seconds, as Slack would have it.
    pub(crate) async fn deliver(&self, request: &Request) -> Result<Answer, String> {
        self.deliver_signed(request, now(), &request.body).await
    }

    /// Delivers a request that was signed at another time, or over another body.
    ///
    /// # Errors
    /// As [`Slack::deliver`].
    pub(crate) async fn deliver_signed(
        &self,
        request: &Request,
        at: u64,
        signed: &str,
    ) -> Result<Answer, String> {
        let at = at.to_string();
        let sent = self
            .http
            .post(format!("{}{}", self.hub, request.path))
            .header("content-type", "application/x-www-form-urlencoded")
            .header(TIMESTAMP, &at)
            .header(SIGNATURE, sign(&self.secret, &at, signed.as_bytes()))
            .body(request.body.clone());
        let answer = sent.send().await.map_err(|error| format!("no answer: {error}"))?;
        let (status, replayed) =
            (answer.status().as_u16(), answer.headers().contains_key("idempotency-replayed"));
        let text = answer.text().await.map_err(|error| format!("the answer broke off: {error}"))?;
        let body = serde_json::from_str(&text).unwrap_or(Value::Null);
        Ok(Answer { status, replayed, body })
    }

    /// The next message that the hub posts to a path with this beginning, within `patience`.
    pub(crate) async fn next(&mut self, path: &str, patience: Duration) -> Option<Posted> {
        let wanted = async {
            loop {
                let posted = self.posted.recv().await?;
                if posted.path.starts_with(path) {
                    return Some(posted);
                }
            }
        };
        tokio::time::timeout(patience, wanted).await.ok().flatten()
    }
}

fn typed(user: &str, text: &str, rest: &[(&str, &str)]) -> Request {
    let fields = [("team_id", "T1"), ("user_id", user), ("command", "/opshub"), ("text", text)];
    let body = Serializer::new(String::new()).extend_pairs(fields).extend_pairs(rest).finish();
    Request { path: "/integrations/slack/commands", body }
}

/// Unix time in seconds.
pub(crate) fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

/// Takes what comes over one connection, and gives blocks names as Slack does.
async fn take(stream: TcpStream, tell: mpsc::UnboundedSender<Posted>) {
    let mut stream = BufReader::new(stream);
    while let Some((path, body)) = read(&mut stream).await {
        let mut message: Value = serde_json::from_slice(&body).unwrap_or(Value::Null);
        for (place, block) in message["blocks"].as_array_mut().into_iter().flatten().enumerate() {
            block["block_id"] = json!(format!("b{place}"));
        }
        // Nobody listens any more once the round is over.
        let _ = tell.send(Posted { path, message });
        if stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await.is_err() {
            return;
        }
    }
}

async fn read(stream: &mut BufReader<TcpStream>) -> Option<(String, Vec<u8>)> {
    let mut line = String::new();
    stream.read_line(&mut line).await.ok().filter(|bytes| *bytes > 0)?;
    let path = line.split(' ').nth(1)?.to_owned();
    let mut length = 0;
    loop {
        let mut header = String::new();
        stream.read_line(&mut header).await.ok().filter(|bytes| *bytes > 0)?;
        match header.trim_end().split_once(':') {
            Some((name, value)) if name.eq_ignore_ascii_case("content-length") => {
                length = value.trim().parse().ok().filter(|length| *length <= MESSAGE_MAX)?;
            }
            Some(_) => {}
            None => break,
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await.ok()?;
    Some((path, body))
}
