//! A webhook receiver of one test: a real HTTP server that keeps what it was sent.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use super::eventually;

/// What a receiver says to a request.
#[derive(Debug, Clone, Copy)]
pub enum Reply {
    /// This status, and nothing else.
    Status(u16),
    /// This status, with a header more.
    With(u16, &'static str),
    /// Nothing, ever.
    Silence,
}

/// One request that came.
#[derive(Debug, Clone)]
pub struct Delivery {
    /// Method and path, such as `POST /hook`.
    pub asked: String,
    pub headers: HashMap<String, String>,
    pub body: String,
    /// The status that it was answered with; none where it was not.
    pub answered: Option<u16>,
}

impl Delivery {
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).unwrap_or_else(|| panic!("no {name} in {:?}", self.headers))
    }

    /// The number in `X-Opshub-Delivery`.
    pub fn seq(&self) -> u64 {
        self.header("x-opshub-delivery").rsplit('-').next().unwrap().parse().unwrap()
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|e| panic!("{e} in {}", self.body))
    }

    pub fn was_taken(&self) -> bool {
        self.answered.is_some_and(|status| (200..300).contains(&status))
    }
}

/// Decides what is said to a request.
type Rule = Box<dyn FnMut(&Delivery) -> Reply + Send>;

struct Shared {
    came: Mutex<Vec<Delivery>>,
    reply: Mutex<Rule>,
}

/// A running receiver; its port is closed at drop.
pub struct Receiver {
    address: SocketAddr,
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

impl Receiver {
    /// Starts one that says `reply` to each request.
    pub async fn start(reply: impl FnMut(&Delivery) -> Reply + Send + 'static) -> Receiver {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared { came: Mutex::default(), reply: Mutex::new(Box::new(reply)) });
        let served = shared.clone();
        let task = tokio::spawn(async move {
            let mut connections = tokio::task::JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                connections.spawn(serve(stream, served.clone()));
            }
        });
        Receiver { address, shared, task }
    }

    /// Says something else from now on.
    pub fn replies(&self, reply: impl FnMut(&Delivery) -> Reply + Send + 'static) {
        *self.shared.reply.lock().unwrap() = Box::new(reply);
    }

    pub fn url(&self) -> String {
        format!("http://{}/hook", self.address)
    }

    /// Everything that came, in its order.
    pub fn came(&self) -> Vec<Delivery> {
        self.shared.came.lock().unwrap().clone()
    }

    /// What came and was answered with success.
    pub fn taken(&self) -> Vec<Delivery> {
        self.came().into_iter().filter(Delivery::was_taken).collect()
    }

    /// Waits until what came is as `fits` wants it.
    pub async fn until(&self, what: &str, fits: impl Fn(&[Delivery]) -> bool) -> Vec<Delivery> {
        eventually(what, || async { Some(self.came()).filter(|came| fits(came)) }).await
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Answers the requests of one connection until it ends.
async fn serve(stream: TcpStream, shared: Arc<Shared>) {
    let mut stream = BufReader::new(stream);
    while let Some(mut delivery) = read(&mut stream).await {
        let reply = (shared.reply.lock().unwrap())(&delivery);
        let (status, header) = match reply {
            Reply::Status(status) => (status, "x-none: 1"),
            Reply::With(status, header) => (status, header),
            Reply::Silence => {
                shared.came.lock().unwrap().push(delivery);
                // The connection stays open until the other side has enough.
                let _ = stream.read(&mut [0]).await;
                return;
            }
        };
        let answer = format!("HTTP/1.1 {status} Told\r\n{header}\r\ncontent-length: 2\r\n\r\nok");
        delivery.answered = Some(status);
        shared.came.lock().unwrap().push(delivery);
        if stream.write_all(answer.as_bytes()).await.is_err() {
            return;
        }
    }
}

async fn read(stream: &mut BufReader<TcpStream>) -> Option<Delivery> {
    let mut line = String::new();
    stream.read_line(&mut line).await.ok().filter(|count| *count > 0)?;
    let asked = line.trim_end().strip_suffix(" HTTP/1.1").unwrap_or_else(|| panic!("{line}")).to_owned();
    let mut headers = HashMap::new();
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).await.ok().filter(|count| *count > 0)?;
        match line.trim_end().split_once(": ") {
            Some((name, value)) => _ = headers.insert(name.to_ascii_lowercase(), value.to_owned()),
            None => break,
        }
    }
    let length = headers.get("content-length").map_or(0, |length| length.parse().unwrap());
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await.ok()?;
    Some(Delivery { asked, headers, body: String::from_utf8(body).unwrap(), answered: None })
}
