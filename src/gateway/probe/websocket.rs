//! A WebSocket that is upgraded and answers a ping.

use std::rc::Rc;

use awc::error::WsClientError;
use awc::http::header::SEC_WEBSOCKET_PROTOCOL;
use awc::ws::{CloseCode, Frame, Message};
use bytes::Bytes;
use futures_util::future::{FutureExt, LocalBoxFuture};
use futures_util::{SinkExt, StreamExt};
use uuid::Uuid;

use super::{Answer, Failure, Probe, Progress};
use crate::gateway::probe_spec::WebsocketSpec;
use crate::gateway::result::FailureKind;
use crate::gateway::secret::resolve_all;
use crate::gateway::toolkit::{HttpClient, Toolkit};

/// The largest frame that may come before the pong, such as a first snapshot.
const FRAME_MAX_BYTES: usize = 2 * 1024 * 1024;

pub(super) struct WebsocketProbe {
    client: HttpClient,
    url: String,
    subprotocol: Option<String>,
    headers: Vec<(String, String)>,
}

impl WebsocketProbe {
    /// # Errors
    /// A variable or file that it names cannot be read, or there are no certificate authorities.
    pub(super) fn new(spec: &WebsocketSpec, toolkit: &Toolkit) -> Result<Self, String> {
        Ok(WebsocketProbe {
            client: toolkit.http_client(spec.url.starts_with("wss:"), spec.verify_tls)?,
            url: spec.url.clone(),
            subprotocol: spec.subprotocol.clone(),
            headers: resolve_all(&spec.headers)?,
        })
    }

    async fn ping(&self, progress: Rc<Progress>) -> Answer {
        let protocol = |message: String| Failure::new(FailureKind::Protocol, message);
        let mut request = self.client.begin(progress).ws(&self.url).max_frame_size(FRAME_MAX_BYTES);
        for (name, value) in &self.headers {
            request = request.set_header(name.as_str(), value.as_str());
        }
        if let Some(name) = &self.subprotocol {
            request = request.protocols([name]);
        }
        let (response, mut socket) = request.connect().await.map_err(|error| self.refused(&error))?;
        let agreed = response.headers().get(SEC_WEBSOCKET_PROTOCOL).and_then(|value| value.to_str().ok());
        if self.subprotocol.is_some() && agreed != self.subprotocol.as_deref() {
            return Err(protocol("the subprotocol was not agreed on".to_owned()));
        }
        let payload = Bytes::copy_from_slice(&Uuid::new_v4().as_bytes()[..8]);
        let broken = |error: awc::error::WsProtocolError| protocol(format!("the connection broke: {error}"));
        socket.send(Message::Ping(payload.clone())).await.map_err(broken)?;
        while let Some(frame) = socket.next().await {
            match frame.map_err(broken)? {
                Frame::Pong(answer) if answer == payload => {
                    // The answer is here; that the farewell arrives is not worth a failure.
                    let _ = socket.send(Message::Close(Some(CloseCode::Normal.into()))).await;
                    return Ok(None);
                }
                Frame::Ping(theirs) => socket.send(Message::Pong(theirs)).await.map_err(broken)?,
                Frame::Close(reason) => {
                    let code = reason.map_or(1005, |reason| u16::from(reason.code));
                    return Err(protocol(format!("closed with code {code} before the pong")));
                }
                _ => {}
            }
        }
        Err(Failure::new(FailureKind::Io, "connection closed before the pong"))
    }

    fn refused(&self, error: &WsClientError) -> Failure {
        match error {
            WsClientError::SendRequest(error) => self.client.failure(error),
            WsClientError::InvalidResponseStatus(status) => {
                let message = format!("status {}, expected 101", status.as_u16());
                Failure::new(FailureKind::Status, message)
            }
            other => Failure::new(FailureKind::Protocol, format!("the upgrade is not right: {other}")),
        }
    }
}

impl Probe for WebsocketProbe {
    fn ask(&self, progress: Rc<Progress>) -> LocalBoxFuture<'_, Answer> {
        self.ping(progress).boxed_local()
    }
}
