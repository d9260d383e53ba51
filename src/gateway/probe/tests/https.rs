//! HTTP probes, with TLS and without.

use std::sync::Arc;

use serde_json::json;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use super::peers::{answer, answering, mute_after};
use super::*;

#[actix_rt::test]
async fn a_server_that_answers_is_healthy_and_hears_what_was_written() {
    let mut peer = answering(answer("204 No Content", "", "")).await;
    let url = format!("http://127.0.0.1:{}/health?deep=1", peer.port);
    let headers = json!({"X-Probe": "yes"});
    let result = ask(json!({"kind": "http", "url": url, "method": "HEAD", "headers": headers})).await;
    assert_ok(&result, Some("status 204 No Content"));
    let request = peer.requests.recv().await.unwrap().to_lowercase();
    assert!(request.starts_with("head /health?deep=1 http/1.1\r\n"), "{request}");
    for header in ["x-probe: yes", "user-agent: opshub/", "connection: close"] {
        assert!(request.contains(header), "{request}");
    }
}

#[actix_rt::test]
async fn a_server_that_is_down_refuses() {
    let url = format!("http://127.0.0.1:{}/", closed_port());
    assert_failed(
        &ask(json!({"kind": "http", "url": url})).await,
        FailureKind::Refused,
        "connection refused",
    );
}

#[actix_rt::test]
async fn a_wrong_status_is_told_and_a_redirect_is_one() {
    let mut peer = answering(answer("302 Found", "location: http://127.0.0.1:1/\r\n", "")).await;
    let url = format!("http://127.0.0.1:{}/", peer.port);
    let result = ask(json!({"kind": "http", "url": url})).await;
    assert_failed(&result, FailureKind::Status, "status 302 Found, expected 200-299");
    let result = ask(json!({"kind": "http", "url": url, "expect_status": [200, "300-303"]})).await;
    assert_ok(&result, Some("status 302 Found"));
    assert!(peer.requests.recv().await.is_some() && peer.requests.recv().await.is_some());
    assert!(peer.requests.try_recv().is_err(), "it was not followed");
}

#[actix_rt::test]
async fn a_body_is_searched() {
    let peer = answering(answer("200 OK", "", r#"{"status": "fine", "jobs": 17}"#)).await;
    let probe = |expected| {
        let url = format!("http://127.0.0.1:{}/", peer.port);
        json!({"kind": "http", "url": url, "expect_body": expected})
    };
    assert_ok(&ask(probe(json!("fine"))).await, Some("status 200 OK"));
    assert_ok(&ask(probe(json!({"matches": r#""jobs": \d+"#}))).await, Some("status 200 OK"));
    for missing in [json!("broken"), json!({"matches": "^fine"})] {
        assert_failed(&ask(probe(missing)).await, FailureKind::Body, "not the expected body");
    }
}

#[actix_rt::test]
async fn a_body_without_end_is_read_to_its_bound_alone() {
    let endless = format!("HTTP/1.1 200 OK\r\n\r\n{}", "x".repeat(super::super::http::BODY_MAX_BYTES + 10));
    let mut peer = mute_after(endless).await;
    let url = format!("http://127.0.0.1:{}/", peer.port);
    let result = ask(json!({"kind": "http", "url": url, "expect_body": "y"})).await;
    assert_failed(&result, FailureKind::Body, "not the expected body");
    assert_eq!(peer.requests.recv().await.as_deref(), Some("closed"));
}

#[actix_rt::test]
async fn a_server_that_never_answers_times_out_and_its_connection_is_closed() {
    for begun in ["", "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf"] {
        let mut peer = mute_after(begun).await;
        let url = format!("http://127.0.0.1:{}/", peer.port);
        let result = ask_in_haste(json!({"kind": "http", "url": url, "expect_body": "whole"})).await;
        assert_failed(&result, FailureKind::Timeout, "no answer within 200 ms");
        assert!(result.latency.as_millis() >= 200);
        assert_eq!(peer.requests.recv().await.as_deref(), Some("closed"));
    }
}

#[actix_rt::test]
async fn what_is_no_http_is_told_and_so_is_a_connection_that_breaks() {
    let peer = answering("SSH-2.0-OpenSSH_9.9\r\n").await;
    let result = ask(json!({"kind": "http", "url": format!("http://127.0.0.1:{}/", peer.port)})).await;
    assert_failed(&result, FailureKind::Protocol, "the answer is no HTTP");
    let peer = answering("").await;
    let result = ask(json!({"kind": "http", "url": format!("http://127.0.0.1:{}/", peer.port)})).await;
    assert_failed(&result, FailureKind::Io, "closed");
}

#[actix_rt::test]
async fn a_name_that_leads_nowhere_is_disconnected() {
    let result = ask(json!({"kind": "http", "url": "http://no-such-host.invalid/"})).await;
    assert_failed(&result, FailureKind::Dns, "no-such-host.invalid");
    assert!(FailureKind::Dns.is_disconnected());
}

/// A TLS server with a certificate that nobody signed.
async fn self_signed() -> (u16, tokio::task::JoinHandle<()>) {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let key = rustls::pki_types::PrivatePkcs8KeyDer::from(made.signing_key.serialize_der());
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key.into())
        .unwrap();
    let (acceptor, listener) =
        (TlsAcceptor::from(Arc::new(config)), TcpListener::bind("127.0.0.1:0").await.unwrap());
    let port = listener.local_addr().unwrap().port();
    let task = tokio::spawn(async move {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        while let Ok((stream, _)) = listener.accept().await {
            if let Ok(mut stream) = acceptor.accept(stream).await {
                let _ = stream.read(&mut [0; 1024]).await;
                let _ = stream.write_all(answer("200 OK", "", "").as_bytes()).await;
                let _ = stream.shutdown().await;
            }
        }
    });
    (port, task)
}

#[actix_rt::test]
async fn a_certificate_is_verified_unless_that_is_switched_off() {
    let (port, server) = self_signed().await;
    let url = format!("https://localhost:{port}/");
    let result = ask(json!({"kind": "http", "url": url})).await;
    assert_failed(&result, FailureKind::Tls, "certificate");
    let result = ask(json!({"kind": "http", "url": url, "verify_tls": false})).await;
    assert_ok(&result, Some("status 200 OK"));
    server.abort();
}

#[actix_rt::test]
async fn a_server_that_speaks_no_tls_is_told() {
    let peer = mute_after(answer("400 Bad Request", "", "")).await;
    let result = ask(json!({"kind": "http", "url": format!("https://localhost:{}/", peer.port)})).await;
    assert_failed(&result, FailureKind::Tls, "tls");
    let mut mute = mute_after("").await;
    let url = format!("https://localhost:{}/", mute.port);
    assert_failed(
        &ask_in_haste(json!({"kind": "http", "url": url})).await,
        FailureKind::Timeout,
        "no answer",
    );
    assert_eq!(mute.requests.recv().await.as_deref(), Some("closed"));
}
