#![allow(clippy::unwrap_used, reason = "a test may panic")]
//! The client against a stand-in for the hub that fails where a real one rarely does.

use clap::Parser;
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::server::{ErrorResponse, Request, Response};
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::Frame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{Data, OpCode};

use super::args::{Cli, Command, WaitArgs};
use super::client::{Call, Client};
use super::failure::Failure;
use super::feed::{Feed, Happened};
use super::output::Output;

/// Answers one HTTP request after the other, each on a connection of its own; an empty answer hangs
/// up instead. Gives back the requests.
async fn stand_in(answers: Vec<String>) -> (Client, JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let client = Client::new(&listener.local_addr().unwrap().to_string(), None, None).unwrap();
    let served = actix_rt::spawn(async move {
        let mut requests = Vec::new();
        for answer in answers {
            let (mut stream, _) = listener.accept().await.unwrap();
            requests.push(read_request(&mut stream).await);
            stream.write_all(answer.as_bytes()).await.unwrap();
        }
        requests
    });
    (client, served)
}

async fn read_request(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&bytes).to_lowercase();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
            if body.len() >= length.unwrap_or(0) {
                return text;
            }
        }
        assert!(stream.read_buf(&mut bytes).await.unwrap() > 0, "the client hung up");
    }
}

fn answer(status: &str, tag: &str, body: &Value) -> String {
    let body = body.to_string();
    let length = body.len();
    format!(
        "HTTP/1.1 {status}\r\nETag: \"{tag}\"\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{body}"
    )
}

fn key(request: &str) -> &str {
    request.lines().find_map(|line| line.strip_prefix("idempotency-key: ")).unwrap()
}

fn wait_args(line: &str) -> WaitArgs {
    match Cli::try_parse_from(line.split_whitespace()).unwrap().command {
        Some(Command::Wait(args)) => args,
        _ => panic!("another command"),
    }
}

#[actix_rt::test]
async fn a_change_whose_answer_was_lost_is_sent_again_with_the_same_key() {
    let (client, served) = stand_in(vec![String::new(), answer("200 OK", "e-1", &json!({"seq": 1}))]).await;
    let call = Call::post("/api/command", &json!({"command": "approve P7"}));
    let done = client.send_once(call, None, 30).await.unwrap();
    assert_eq!(done.body["seq"], 1);
    let requests = served.await.unwrap();
    assert_eq!(key(&requests[0]), key(&requests[1]));
    assert!(requests.iter().all(|request| request.contains("approve p7")));
}

#[actix_rt::test]
async fn a_refusal_is_the_last_word() {
    let error = json!({"error": {"error_type": "unknown_command", "message": "unknown command frob"}});
    let (client, served) = stand_in(vec![answer("400 Bad Request", "", &error)]).await;
    let call = Call::post("/api/command", &json!({"command": "frob"}));
    let failure = client.send_once(call, Some("mine"), 30).await.unwrap_err();
    assert_eq!(
        (failure.exit_code(), failure.to_string().as_str()),
        (1, "the hub refused: unknown command frob")
    );
    assert_eq!(key(&served.await.unwrap()[0]), "mine");
}

#[actix_rt::test]
async fn waiting_asks_for_the_next_change_of_what_it_saw() {
    let status = |status: &str| json!({"status": status, "progress": 0, "last_sync": null});
    let (client, served) = stand_in(vec![
        answer("200 OK", "5f-2c-41", &status("COLLECTING")),
        String::new(),
        answer("200 OK", "5f-2c-41", &status("COLLECTING")),
        answer("200 OK", "5f-2c-43", &status("IDLE")),
    ])
    .await;
    let args = wait_args("opshub wait --status IDLE --timeout 30");
    super::wait::wait(&client, &args, &mut Output::sink()).await.unwrap();
    let requests = served.await.unwrap();
    let lines: Vec<&str> = requests.iter().filter_map(|request| request.lines().next()).collect();
    let waiting = "get /api/system/status?wait=30&since=41 http/1.1";
    assert_eq!(lines[0], "get /api/system/status http/1.1");
    assert_eq!(lines[1], waiting);
    assert_eq!(lines[2], lines[0], "after a lost hub it looks before it waits");
    assert!(lines[3].contains("&since=41"), "{}", lines[3]);
}

#[actix_rt::test]
async fn waiting_ends_with_one_when_the_time_is_over() {
    let busy = json!({"status": "PROCESSING"});
    let (client, _served) = stand_in(vec![answer("200 OK", "e-1", &busy)]).await;
    let args = wait_args("opshub wait --status IDLE --timeout 0");
    let failure = super::wait::wait(&client, &args, &mut Output::sink()).await.unwrap_err();
    assert_eq!((failure.exit_code(), failure.to_string().as_str()), (1, "still PROCESSING after 0 s"));
}

type Socket = WebSocketStream<TcpStream>;

/// Takes one WebSocket and gives back the address that it asked for.
async fn accept(listener: &TcpListener) -> (Socket, String) {
    let (stream, _) = listener.accept().await.unwrap();
    let mut uri = String::new();
    #[allow(clippy::result_large_err, reason = "the library's own type")]
    let look = |request: &Request, mut response: Response| -> Result<Response, ErrorResponse> {
        uri = request.uri().to_string();
        let protocol = request.headers()["sec-websocket-protocol"].clone();
        response.headers_mut().insert("sec-websocket-protocol", protocol);
        Ok(response)
    };
    let socket = tokio_tungstenite::accept_hdr_async(stream, look).await.unwrap();
    (socket, uri)
}

async fn send(socket: &mut Socket, frames: &[Value]) {
    for frame in frames {
        socket.send(Message::text(frame.to_string())).await.unwrap();
    }
}

fn connected(epoch: &str, seq: u64, recovered: bool) -> Value {
    json!({"type": "connected", "data": {"epoch": epoch, "seq": seq, "heartbeat_ms": 15_000, "recovered": recovered}})
}

async fn feed(topics: &[String]) -> (Feed, TcpListener) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let client = Client::new(&listener.local_addr().unwrap().to_string(), None, None).unwrap();
    (Feed::new(client, topics, None), listener)
}

async fn frame(feed: &mut Feed) -> Value {
    match feed.next().await.unwrap() {
        Happened::Frame { value, .. } => value,
        lost => panic!("expected a frame, got {lost:?}"),
    }
}

#[actix_rt::test]
async fn a_feed_comes_back_when_the_hub_said_and_asks_for_what_it_missed() {
    let (mut feed, listener) = feed(&["state".into(), "errors".into()]).await;
    let hub = actix_rt::spawn(async move {
        let (mut socket, first) = accept(&listener).await;
        let closing = json!({"type": "closing", "data": {"reason": "restart", "retry_ms": 1}});
        let state = json!({"type": "state", "seq": 4, "data": {"state": {}}});
        let change = json!({"type": "state_change", "seq": 5, "data": {"summary": "x"}});
        send(&mut socket, &[connected("e1", 4, false), state, change, closing]).await;
        socket.close(Some(CloseFrame { code: 1001.into(), reason: "going away".into() })).await.unwrap();
        let (mut socket, second) = accept(&listener).await;
        send(&mut socket, &[connected("e1", 6, true)]).await;
        // Kept until the client is gone, so that the end of the link is not part of the test.
        while socket.next().await.is_some_and(|message| message.is_ok()) {}
        (first, second)
    });
    for kind in ["connected", "state", "state_change", "closing"] {
        assert_eq!(frame(&mut feed).await["type"], kind);
    }
    match feed.next().await.unwrap() {
        Happened::Lost { cause, pause } => {
            assert_eq!((cause.as_str(), pause.as_millis()), ("going away (close code 1001)", 1));
        }
        frame => panic!("expected a lost link, got {frame:?}"),
    }
    assert_eq!(frame(&mut feed).await["data"]["recovered"], true);
    drop(feed);
    let (first, second) = hub.await.unwrap();
    assert_eq!(first, "/ws?topics=state,errors");
    assert_eq!(second, "/ws?since=5&epoch=e1&topics=state,errors");
}

#[actix_rt::test]
async fn a_feed_answers_pings() {
    let (mut feed, listener) = feed(&[]).await;
    let hub = actix_rt::spawn(async move {
        let (mut socket, _) = accept(&listener).await;
        socket.send(Message::Ping(b"p".to_vec().into())).await.unwrap();
        let pong = socket.next().await.unwrap().unwrap();
        send(&mut socket, &[json!({"type": "presence", "data": {"client_count": 1}})]).await;
        pong
    });
    assert_eq!(frame(&mut feed).await["type"], "presence");
    assert_eq!(hub.await.unwrap(), Message::Pong(b"p".to_vec().into()));
}

#[actix_rt::test]
async fn a_feed_joins_fragments() {
    let (mut feed, listener) = feed(&[]).await;
    let hub = actix_rt::spawn(async move {
        let (mut socket, _) = accept(&listener).await;
        let parts = [
            ("{\"type\":", Data::Text, false),
            ("\"pres", Data::Continue, false),
            ("ence\"}", Data::Continue, true),
        ];
        for (text, kind, last) in parts {
            let part = Frame::message(text, OpCode::Data(kind), last);
            socket.send(Message::Frame(part)).await.unwrap();
        }
        socket
    });
    assert_eq!(frame(&mut feed).await["type"], "presence");
    drop(hub.await.unwrap());
}

#[actix_rt::test]
async fn a_feed_that_is_forbidden_ends() {
    let (mut feed, listener) = feed(&[]).await;
    let hub = actix_rt::spawn(async move {
        let (mut socket, _) = accept(&listener).await;
        socket.close(Some(CloseFrame { code: 4403.into(), reason: "forbidden".into() })).await.unwrap();
        while socket.next().await.is_some_and(|message| message.is_ok()) {}
    });
    let failure = feed.next().await.unwrap_err();
    assert!(matches!(failure, Failure::Refused(_)), "{failure:?}");
    drop(feed);
    hub.await.unwrap();
}

#[actix_rt::test]
async fn a_handshake_that_is_refused_ends_a_feed_and_a_full_hub_does_not() {
    for (status, ends) in
        [("400 Bad Request", true), ("403 Forbidden", true), ("503 Service Unavailable", false)]
    {
        let (client, _served) = stand_in(vec![answer(status, "", &Value::Null)]).await;
        let outcome = Feed::new(client, &[], None).next().await;
        assert_eq!(outcome.is_err(), ends, "{status}: {outcome:?}");
    }
}
