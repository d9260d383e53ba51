//! An identity provider's key server of one test: a real HTTP server whose answer can be changed.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

struct Shared {
    answer: Mutex<(u16, String)>,
    asked: Mutex<usize>,
}

/// A running key server; its port is closed at drop.
pub struct KeyServer {
    address: SocketAddr,
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

impl KeyServer {
    /// Starts one that answers with `keys`.
    pub async fn start(keys: &[Value]) -> KeyServer {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared { answer: Mutex::new((200, set(keys))), asked: Mutex::new(0) });
        let served = shared.clone();
        let task = tokio::spawn(async move {
            let mut connections = tokio::task::JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                connections.spawn(serve(stream, served.clone()));
            }
        });
        KeyServer { address, shared, task }
    }

    pub fn url(&self) -> String {
        format!("http://{}/keys", self.address)
    }

    /// Answers with these keys from now on.
    pub fn has(&self, keys: &[Value]) {
        *self.shared.answer.lock().unwrap() = (200, set(keys));
    }

    /// Answers with anything from now on.
    pub fn says(&self, status: u16, body: &str) {
        *self.shared.answer.lock().unwrap() = (status, body.to_owned());
    }

    /// How often it was asked.
    pub fn asked(&self) -> usize {
        *self.shared.asked.lock().unwrap()
    }
}

impl Drop for KeyServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn set(keys: &[Value]) -> String {
    json!({ "keys": keys }).to_string()
}

async fn serve(stream: TcpStream, shared: Arc<Shared>) {
    let mut stream = BufReader::new(stream);
    loop {
        let mut first = None;
        loop {
            let mut line = String::new();
            if stream.read_line(&mut line).await.unwrap_or(0) == 0 {
                return;
            }
            if line.trim_end().is_empty() {
                break;
            }
            first.get_or_insert(line);
        }
        assert!(first.is_some_and(|line| line.starts_with("GET /keys HTTP/1.1")));
        let (status, body) = shared.answer.lock().unwrap().clone();
        *shared.asked.lock().unwrap() += 1;
        let answer = format!(
            "HTTP/1.1 {status} Told\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        if stream.write_all(answer.as_bytes()).await.is_err() {
            return;
        }
    }
}
