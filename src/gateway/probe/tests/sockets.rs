//! TCP and WebSocket probes.

use futures_util::{SinkExt, StreamExt};
use serde_json::json;
use tokio::net::TcpListener;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::server::{Request, Response};

use super::peers::{answer, answering, mute_after};
use super::*;

#[actix_rt::test]
async fn a_port_that_accepts_is_enough_for_tcp() {
    let mut peer = mute_after("").await;
    assert_ok(&ask(json!({"kind": "tcp", "address": format!("127.0.0.1:{}", peer.port)})).await, None);
    assert_eq!(peer.requests.recv().await.as_deref(), Some("closed"));
    let result = ask(json!({"kind": "tcp", "address": format!("localhost:{}", peer.port)})).await;
    assert_ok(&result, None);
}

#[actix_rt::test]
async fn a_port_that_nobody_has_is_refused() {
    let result = ask(json!({"kind": "tcp", "address": format!("127.0.0.1:{}", closed_port())})).await;
    assert_failed(&result, FailureKind::Refused, "connection refused");
}

#[actix_rt::test]
async fn a_machine_that_does_not_accept_is_disconnected() {
    // One place in the queue, taken; the kernel answers no further handshake.
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    socket.bind(&std::net::SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
    socket.listen(0).unwrap();
    let address = socket.local_addr().unwrap().as_socket().unwrap();
    let mut taken = Vec::new();
    let full = loop {
        let connect = tokio::net::TcpStream::connect(address);
        match tokio::time::timeout(std::time::Duration::from_millis(200), connect).await {
            Ok(stream) => taken.push(stream.unwrap()),
            Err(_) => break taken.len(),
        }
        assert!(taken.len() < 100);
    };
    let result = ask_in_haste(json!({"kind": "tcp", "address": address.to_string()})).await;
    assert_failed(&result, FailureKind::ConnectTimeout, "no connection within 200 ms");
    assert!(FailureKind::ConnectTimeout.is_disconnected() && full > 0);
}

/// A WebSocket server that agrees to `opshub.v1` if it is offered, says `first`, and answers pings.
async fn socket_server(first: Vec<Message>) -> (u16, tokio::task::JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let task = tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            #[allow(clippy::result_large_err, reason = "the signature is the library's")]
            let agree = |request: &Request, mut response: Response| {
                if let Some(offered) = request.headers().get("sec-websocket-protocol")
                    && offered == "opshub.v1"
                {
                    response.headers_mut().insert("sec-websocket-protocol", offered.clone());
                }
                Ok(response)
            };
            let Ok(mut socket) = tokio_tungstenite::accept_hdr_async(stream, agree).await else { continue };
            for message in &first {
                if socket.send(message.clone()).await.is_err() {
                    break;
                }
            }
            while let Some(Ok(_)) = socket.next().await {}
        }
    });
    (port, task)
}

#[actix_rt::test]
async fn a_websocket_that_answers_a_ping_is_healthy_whatever_it_says_first() {
    let talk = vec![
        Message::text("x".repeat(1024 * 1024)),
        Message::Ping(b"theirs"[..].into()),
        Message::Pong(b"unasked"[..].into()),
    ];
    for first in [Vec::new(), talk] {
        let (port, server) = socket_server(first).await;
        let url = format!("ws://127.0.0.1:{port}/ws");
        assert_ok(&ask(json!({"kind": "websocket", "url": url})).await, None);
        assert_ok(&ask(json!({"kind": "websocket", "url": url, "subprotocol": "opshub.v1"})).await, None);
        let result = ask(json!({"kind": "websocket", "url": url, "subprotocol": "mqtt"})).await;
        assert_failed(&result, FailureKind::Protocol, "");
        server.abort();
    }
}

#[actix_rt::test]
async fn a_websocket_that_closes_before_the_pong_is_told() {
    let (port, server) = socket_server(vec![Message::Close(None)]).await;
    let result = ask(json!({"kind": "websocket", "url": format!("ws://127.0.0.1:{port}/")})).await;
    assert_failed(&result, FailureKind::Protocol, "closed with code 1005 before the pong");
    server.abort();
}

#[actix_rt::test]
async fn a_server_without_websockets_is_told() {
    let peer = answering(answer("404 Not Found", "", "")).await;
    let url = format!("ws://127.0.0.1:{}/", peer.port);
    let result = ask(json!({"kind": "websocket", "url": url})).await;
    assert_failed(&result, FailureKind::Status, "status 404, expected 101");
    let url = format!("ws://127.0.0.1:{}/", closed_port());
    let result = ask(json!({"kind": "websocket", "url": url})).await;
    assert_failed(&result, FailureKind::Refused, "connection refused");
}

#[actix_rt::test]
async fn a_server_that_accepts_and_never_answers_times_out_and_its_connection_is_closed() {
    let mut peer = mute_after("").await;
    let url = format!("ws://127.0.0.1:{}/", peer.port);
    let result = ask_in_haste(json!({"kind": "websocket", "url": url})).await;
    assert_failed(&result, FailureKind::Timeout, "no answer within 200 ms");
    assert_eq!(peer.requests.recv().await.as_deref(), Some("closed"));
}
