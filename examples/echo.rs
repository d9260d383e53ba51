//! An echo endpoint on the hub's own session framing, for public WebSocket conformance suites.
//!
//! ```text
//! cargo run --release --example echo -- 127.0.0.1:9001
//! wstest -m fuzzingclient -s fuzzingclient.json   # url: ws://127.0.0.1:9001
//! ```
//!
//! The same code reads frames here as in the hub: headers checked before their payload arrives,
//! fragments joined under a bound, UTF-8 checked fragment by fragment. Only what is done with a
//! message differs: it goes back as it came.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use actix_web::body::{BodySize, MessageBody};
use actix_web::http::header::HeaderMap;
use actix_web::{App, HttpRequest, HttpResponse, HttpServer, rt, web};
use actix_web_actors::ws;
use bytes::{BufMut, Bytes, BytesMut};
use futures_util::StreamExt;
use opshub::protocol::frame::{close_frame, pong_frame, text_frame};
use opshub::session::framing::{Incoming, Received};

/// The largest message; conformance suites send up to 16 MiB.
const MESSAGE_MAX_BYTES: usize = 16 * 1024 * 1024;
/// Where the endpoint listens unless told otherwise.
const ADDRESS: &str = "127.0.0.1:9001";

/// What waits for the client, shared by the reader and the response's body.
#[derive(Default)]
struct Line {
    waiting: VecDeque<Bytes>,
    finished: bool,
    waker: Option<Waker>,
}

/// A response body that sends what waits.
struct LineBody(Arc<Mutex<Line>>);

impl MessageBody for LineBody {
    type Error = std::convert::Infallible;

    fn size(&self) -> BodySize {
        BodySize::Stream
    }

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Self::Error>>> {
        let mut line = self.0.lock().expect("nothing panics while it holds this lock");
        match line.waiting.pop_front() {
            Some(frame) => Poll::Ready(Some(Ok(frame))),
            None if line.finished => Poll::Ready(None),
            None => {
                line.waker = Some(cx.waker().clone());
                Poll::Pending
            }
        }
    }
}

fn send(line: &Mutex<Line>, frame: Option<Bytes>, finished: bool) {
    let mut line = line.lock().expect("nothing panics while it holds this lock");
    line.waiting.extend(frame);
    line.finished |= finished;
    if let Some(waker) = line.waker.take() {
        waker.wake();
    }
}

/// A whole binary frame: a text frame with another opcode.
fn binary_frame(payload: &[u8]) -> Bytes {
    let header = opshub::protocol::frame::text_header(payload.len());
    let mut frame = BytesMut::with_capacity(header.len() + payload.len());
    frame.put_u8(0x82);
    frame.put_slice(&header[1..]);
    frame.put_slice(payload);
    frame.freeze()
}

async fn echo(request: HttpRequest, payload: web::Payload) -> Result<HttpResponse, actix_web::Error> {
    let mut response = ws::handshake(&request)?;
    let line = Arc::new(Mutex::new(Line::default()));
    let room = |_: &mut Context<'_>| Poll::Ready(());
    let mut incoming = Incoming::new(payload, MESSAGE_MAX_BYTES, room);
    let outgoing = line.clone();
    rt::spawn(async move {
        while let Some(received) = incoming.next().await {
            match received {
                Ok(Received::Text(text)) => {
                    let text = std::str::from_utf8(&text).expect("the framing checked it");
                    send(&outgoing, Some(text_frame(text)), false);
                }
                Ok(Received::Binary(data)) => send(&outgoing, Some(binary_frame(&data)), false),
                Ok(Received::Ping(data)) => send(&outgoing, Some(pong_frame(&data)), false),
                Ok(Received::Pong) => {}
                Ok(Received::Close(code)) => return send(&outgoing, Some(close_frame(code, "")), true),
                Err(close) => {
                    return send(&outgoing, Some(close_frame(Some(close.code.code()), &close.reason)), true);
                }
            }
        }
        send(&outgoing, None, true);
    });
    Ok(response.body(LineBody(line)))
}

/// Tells whether a request wants a WebSocket; others get a word about what this is.
fn is_upgrade(headers: &HeaderMap) -> bool {
    headers.contains_key("upgrade")
}

async fn root(request: HttpRequest, payload: web::Payload) -> Result<HttpResponse, actix_web::Error> {
    if is_upgrade(request.headers()) {
        echo(request, payload).await
    } else {
        Ok(HttpResponse::Ok().body("an echo endpoint for WebSocket conformance suites\n"))
    }
}

#[actix_web::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let address: SocketAddr = std::env::args().nth(1).as_deref().unwrap_or(ADDRESS).parse()?;
    if !address.ip().is_loopback() {
        return Err("this endpoint is for conformance suites on this machine: give a loopback address".into());
    }
    let server = HttpServer::new(|| App::new().default_service(web::to(root)))
        .workers(2)
        .tcp_nodelay(true)
        .client_disconnect_timeout(Duration::ZERO)
        .bind(address)?;
    eprintln!("echo on ws://{address}");
    server.run().await?;
    Ok(())
}
