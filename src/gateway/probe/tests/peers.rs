//! The peers: a server of fixed answers, and one that accepts and never says a word.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

/// A listener in a task that ends with it.
pub(super) struct Peer {
    pub(super) port: u16,
    /// What was asked, a request each.
    pub(super) requests: mpsc::UnboundedReceiver<String>,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Peer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn listen<F>(serve: impl Fn(TcpStream, mpsc::UnboundedSender<String>) -> F + Send + 'static) -> Peer
where
    F: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let (asked, requests) = mpsc::unbounded_channel();
    let task = tokio::spawn(async move {
        let mut serving = tokio::task::JoinSet::new();
        while let Ok((stream, _)) = listener.accept().await {
            serving.spawn(serve(stream, asked.clone()));
        }
    });
    Peer { port, requests, task }
}

/// Answers every request with these bytes, and closes.
pub(super) async fn answering(answer: impl Into<Vec<u8>>) -> Peer {
    let answer = answer.into();
    listen(move |mut stream, asked| {
        let answer = answer.clone();
        async move {
            let _ = asked.send(read_head(&mut stream).await);
            let _ = stream.write_all(&answer).await;
            let _ = stream.shutdown().await;
        }
    })
    .await
}

/// Accepts, reads, and says these bytes but never more; the connection stays open.
pub(super) async fn mute_after(bytes: impl Into<Vec<u8>>) -> Peer {
    let bytes = bytes.into();
    listen(move |mut stream, asked| {
        let bytes = bytes.clone();
        async move {
            let _ = stream.write_all(&bytes).await;
            let mut taken = [0; 1024];
            while let Ok(1..) = stream.read(&mut taken).await {}
            // The other side is gone: nothing was leaked.
            let _ = asked.send("closed".to_owned());
        }
    })
    .await
}

/// An answer with this status line and body.
pub(super) fn answer(status: &str, headers: &str, body: &str) -> String {
    format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\n{headers}\r\n{body}", body.len())
}

/// Reads a request up to its blank line.
pub(super) async fn read_head(stream: &mut TcpStream) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(_) => break,
        }
    }
    String::from_utf8(head).unwrap()
}
