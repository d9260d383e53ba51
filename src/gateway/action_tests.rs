//! Recovery actions against real programs and a real receiver.

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket};

use super::action::{Action, ActionRequest};
use super::definition::RecoverySpec;
use super::toolkit::Toolkit;
use crate::domain::{GatewayId, GatewayStatus, Timestamp};

fn action(spec: Value) -> Action {
    let spec: RecoverySpec = serde_json::from_value(spec).unwrap();
    Action::new(&spec, &Toolkit::new()).unwrap()
}

fn request() -> ActionRequest {
    ActionRequest {
        gateway_id: GatewayId::parse("feed").unwrap(),
        gateway_type: "ctp".to_owned(),
        status: GatewayStatus::Unhealthy,
        attempt: 2,
        error: Some("status 500".to_owned()),
        timestamp: Timestamp::from_millis(0),
    }
}

#[actix_rt::test]
async fn a_command_knows_what_it_is_for_and_says_how_it_went() {
    let script = "echo $OPSHUB_GATEWAY_ID $OPSHUB_GATEWAY_STATUS $OPSHUB_ATTEMPT $OPSHUB_ERROR $MINE";
    let done = action(json!({"command": ["sh", "-c", script], "env": {"MINE": "x"}})).run(&request()).await;
    assert_eq!(done, Ok(Some("feed UNHEALTHY 2 status 500 x".to_owned())));
    let failed =
        action(json!({"command": ["sh", "-c", "echo no such unit >&2; exit 5"]})).run(&request()).await;
    assert_eq!(failed, Err("exit code 5: no such unit".to_owned()));
}

#[actix_rt::test]
async fn a_command_may_clean_up_at_its_time_out_and_is_killed_if_it_does_not_end() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cleaned");
    let script = format!("trap 'echo yes > {}; exit' TERM; while :; do sleep 0.05; done", path.display());
    let late = Err("it did not end within 500 ms".to_owned());
    let spec = json!({"command": ["sh", "-c", script], "timeout_ms": 500});
    assert_eq!(action(spec).run(&request()).await, late);
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "yes\n");
    let stubborn = json!({"command": ["sh", "-c", "trap '' TERM; sleep 600"], "timeout_ms": 500});
    assert_eq!(action(stubborn).run(&request()).await, late);
}

#[actix_rt::test]
async fn a_service_that_a_command_starts_outlives_it() {
    let started = action(json!({"command": ["sh", "-c", "sleep 600 >/dev/null 2>&1 & echo $!"]}));
    let pid = started.run(&request()).await.unwrap().unwrap();
    assert!(std::path::Path::new(&format!("/proc/{pid}")).exists());
    let pid = nix::unistd::Pid::from_raw(pid.parse().unwrap());
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGKILL).unwrap();
}

/// Takes one POST, answers with this status, and returns the request.
async fn receiver(status: &'static str) -> (String, tokio::task::JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/hook", listener.local_addr().unwrap());
    let task = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut taken = Vec::new();
        while !taken.ends_with(b"}") {
            let mut piece = [0; 4096];
            let count = stream.read(&mut piece).await.unwrap();
            assert!(count > 0, "the request broke off");
            taken.extend_from_slice(&piece[..count]);
        }
        let answer = format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\n\r\n");
        stream.write_all(answer.as_bytes()).await.unwrap();
        String::from_utf8(taken).unwrap()
    });
    (url, task)
}

#[actix_rt::test]
async fn a_webhook_gets_a_post_with_what_it_is_for() {
    let (url, task) = receiver("202 Accepted").await;
    let done = action(json!({"webhook": url, "headers": {"X-Who": "opshub"}})).run(&request()).await;
    assert_eq!(done, Ok(Some("status 202".to_owned())));
    let request = task.await.unwrap();
    let (head, body) = request.split_once("\r\n\r\n").unwrap();
    let head = head.to_lowercase();
    assert!(head.starts_with("post /hook http/1.1") && head.contains("x-who: opshub"), "{head}");
    assert!(head.contains("content-type: application/json"), "{head}");
    let expected = json!({
        "gateway_id": "feed", "gateway_type": "ctp", "status": "UNHEALTHY", "attempt": 2,
        "error": "status 500", "timestamp": "1970-01-01T00:00:00.000Z"
    });
    assert_eq!(serde_json::from_str::<Value>(body).unwrap(), expected);
}

#[actix_rt::test]
async fn a_webhook_that_refuses_or_never_answers_has_failed_and_is_not_shown() {
    let (url, task) = receiver("500 Oops").await;
    assert_eq!(action(json!({"webhook": url})).run(&request()).await, Err("status 500".to_owned()));
    task.await.unwrap();
    let mute = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/secret-path", mute.local_addr().unwrap());
    let late = action(json!({"webhook": url, "timeout_ms": 200})).run(&request()).await;
    assert_eq!(late, Err("it did not end within 200 ms".to_owned()));
    // Bound, so that nobody else gets the port, and not listening.
    let deaf = TcpSocket::new_v4().unwrap();
    deaf.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let url = format!("http://{}/secret-path", deaf.local_addr().unwrap());
    let refused = action(json!({"webhook": url})).run(&request()).await;
    assert_eq!(refused, Err("connection refused".to_owned()));
}
