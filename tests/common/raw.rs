//! A TCP connection that speaks WebSocket byte by byte, rightly or wrongly, and reads only when told to.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

use super::{BOUND, TestHub, within};

/// The key of RFC 6455's own example, and the answer that belongs to it.
pub const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
pub const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

pub const CONTINUATION: u8 = 0;
pub const TEXT: u8 = 1;
pub const BINARY: u8 = 2;
pub const CLOSE: u8 = 8;
pub const PING: u8 = 9;
pub const PONG: u8 = 10;

/// A frame to send; `Out::new` is final, masked and without reserved bits.
#[derive(Debug, Clone)]
pub struct Out {
    pub fin: bool,
    pub reserved: u8,
    pub opcode: u8,
    pub masked: bool,
    pub payload: Vec<u8>,
}

impl Out {
    pub fn new(opcode: u8, payload: impl Into<Vec<u8>>) -> Out {
        Out { fin: true, reserved: 0, opcode, masked: true, payload: payload.into() }
    }

    /// A frame that is not the last of its message.
    pub fn part(opcode: u8, payload: impl Into<Vec<u8>>) -> Out {
        Out { fin: false, ..Out::new(opcode, payload) }
    }

    pub fn bytes(&self) -> Vec<u8> {
        let mut bytes = head(self.fin, self.reserved, self.opcode, self.masked, self.payload.len() as u64);
        let mask = [0x1f, 0x2e, 0x3d, 0x4c];
        if self.masked {
            bytes.extend(self.payload.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask));
        } else {
            bytes.extend(&self.payload);
        }
        bytes
    }
}

/// The header of a frame that declares `length` bytes, with the mask when `masked`.
pub fn head(fin: bool, reserved: u8, opcode: u8, masked: bool, length: u64) -> Vec<u8> {
    let mut bytes = vec![u8::from(fin) << 7 | reserved << 4 | opcode];
    let bit = u8::from(masked) << 7;
    match length {
        0..126 => bytes.push(bit | length as u8),
        126..65_536 => {
            bytes.push(bit | 126);
            bytes.extend((length as u16).to_be_bytes());
        }
        _ => {
            bytes.push(bit | 127);
            bytes.extend(length.to_be_bytes());
        }
    }
    if masked {
        bytes.extend([0x1f, 0x2e, 0x3d, 0x4c]);
    }
    bytes
}

/// A frame that came.
#[derive(Debug, Clone, PartialEq)]
pub struct In {
    pub fin: bool,
    pub opcode: u8,
    pub payload: Vec<u8>,
}

impl In {
    pub fn text(&self) -> String {
        String::from_utf8(self.payload.clone()).unwrap()
    }

    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.payload).unwrap_or_else(|e| panic!("{e}: {}", self.text()))
    }
}

/// The answer to a handshake.
#[derive(Debug)]
pub struct Head {
    pub status: u16,
    pub headers: Vec<(String, String)>,
}

impl Head {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }
}

/// What bytes go over: TCP, or TLS on it.
pub trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// The connection.
pub struct Raw {
    stream: Box<dyn Stream>,
    buffer: Vec<u8>,
}

impl Raw {
    pub async fn connect(address: SocketAddr) -> Raw {
        let stream = TcpStream::connect(address).await.unwrap();
        stream.set_nodelay(true).unwrap();
        Raw::over(stream)
    }

    /// Speaks over `stream`.
    pub fn over(stream: impl Stream + 'static) -> Raw {
        Raw { stream: Box::new(stream), buffer: Vec::new() }
    }

    /// A connection that comes from another address of this machine, such as 127.0.0.2.
    pub async fn from(local: &str, address: SocketAddr) -> Raw {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind(SocketAddr::new(local.parse().unwrap(), 0)).unwrap();
        Raw::over(socket.connect(address).await.unwrap())
    }

    /// An accepted WebSocket, without a subprotocol when `protocol` is empty.
    pub async fn open(hub: &TestHub, protocol: &str) -> Raw {
        let mut raw = Raw::connect(hub.address()).await;
        raw.handshake(hub, protocol, "").await;
        raw
    }

    /// A connection for which the kernel keeps next to nothing, so that not to read is felt soon.
    pub async fn connect_narrow(address: SocketAddr) -> Raw {
        Raw::over(narrow(address).await)
    }

    /// An accepted WebSocket for which the kernel keeps next to nothing.
    pub async fn narrow(hub: &TestHub, protocol: &str, query: &str) -> Raw {
        let mut raw = Raw::connect_narrow(hub.address()).await;
        raw.handshake(hub, protocol, query).await;
        raw
    }

    /// Opens a WebSocket on this connection.
    pub async fn handshake(&mut self, hub: &TestHub, protocol: &str, query: &str) {
        let offer = if protocol.is_empty() {
            String::new()
        } else {
            format!("Sec-WebSocket-Protocol: {protocol}\r\n")
        };
        self.write(request(hub, query, &offer).as_bytes()).await;
        let head = self.head().await;
        assert_eq!(head.status, 101, "{head:?}");
        assert_eq!(head.header("sec-websocket-accept"), Some(ACCEPT));
        assert_eq!(head.header("sec-websocket-protocol").unwrap_or_default(), protocol);
    }

    /// Makes a request and reads its answer: the head, and as much of a body as it tells.
    pub async fn ask(&mut self, method: &str, path: &str, lines: &str, body: &str) -> (Head, String) {
        let length = body.len();
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {length}\r\n{lines}\r\n{body}"
        );
        self.write(request.as_bytes()).await;
        let head = self.head().await;
        let length = head.header("content-length").map_or(0, |length| length.parse().unwrap());
        let body = self.body(length).await;
        (head, body)
    }

    /// Writes bytes; a connection that the hub has closed meanwhile is no error here.
    pub async fn write(&mut self, bytes: &[u8]) {
        let _ = within("the hub to take bytes", self.stream.write_all(bytes)).await;
    }

    /// Writes bytes.
    ///
    /// # Errors
    /// When the hub has closed the connection or takes none within the bound.
    pub async fn try_write(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        match tokio::time::timeout(BOUND, self.stream.write_all(bytes)).await {
            Ok(done) => done,
            Err(_) => Err(std::io::ErrorKind::TimedOut.into()),
        }
    }

    pub async fn send(&mut self, frame: Out) {
        self.write(&frame.bytes()).await;
    }

    /// The head of an HTTP answer; its body is left for later reads.
    pub async fn head(&mut self) -> Head {
        let end = loop {
            if let Some(at) = self.buffer.windows(4).position(|four| four == b"\r\n\r\n") {
                break at;
            }
            assert!(
                self.fill().await,
                "the connection ended within the head: {:?}",
                String::from_utf8_lossy(&self.buffer)
            );
        };
        let text = String::from_utf8(self.buffer.drain(..end + 4).collect()).unwrap();
        let mut lines = text.trim_end().lines();
        let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
        let headers = lines.map(|line| line.split_once(": ").unwrap_or((line.trim_end_matches(':'), "")));
        Head { status, headers: headers.map(|(key, value)| (key.to_owned(), value.to_owned())).collect() }
    }

    /// The head of an HTTP answer, or none when the connection ends before.
    pub async fn rest_of_head(&mut self) -> Option<Head> {
        while !self.buffer.windows(4).any(|four| four == b"\r\n\r\n") {
            if !self.fill().await {
                return None;
            }
        }
        Some(self.head().await)
    }

    /// `length` bytes of the body after the head.
    pub async fn body(&mut self, length: usize) -> String {
        while self.buffer.len() < length && self.fill().await {}
        String::from_utf8(self.buffer.drain(..length).collect()).unwrap()
    }

    /// The next frame, or none when the connection ended.
    pub async fn frame(&mut self) -> Option<In> {
        loop {
            if let Some((frame, used)) = parse(&self.buffer) {
                self.buffer.drain(..used);
                return Some(frame);
            }
            if !self.fill().await {
                return None;
            }
        }
    }

    /// The next frame of `opcode`, passing over others.
    pub async fn expect(&mut self, opcode: u8) -> In {
        let mut others = Vec::new();
        while let Some(frame) = self.frame().await {
            if frame.opcode == opcode {
                return frame;
            }
            others.push(frame);
        }
        panic!("the connection ended before opcode {opcode}; came instead: {others:?}")
    }

    /// The next text frame of the JSON type `kind`, passing over others.
    pub async fn expect_type(&mut self, kind: &str) -> serde_json::Value {
        loop {
            let json = self.expect(TEXT).await.json();
            if json["type"] == kind {
                return json;
            }
        }
    }

    /// Reads on to the close frame, then to the end of the connection; gives code (1005 for none) and reason.
    pub async fn closed(&mut self) -> (u16, String) {
        let close = self.expect(CLOSE).await;
        while self.fill().await {}
        match close.payload.split_at_checked(2) {
            Some((code, reason)) => {
                (u16::from_be_bytes([code[0], code[1]]), String::from_utf8(reason.to_vec()).unwrap())
            }
            None => (1005, String::new()),
        }
    }

    /// Reads away whatever comes until the connection has ended.
    pub async fn ended(&mut self) {
        while self.fill().await {
            self.buffer.clear();
        }
    }

    /// What came within `patience`, read away; used to see that nothing more came.
    pub async fn rest(&mut self, patience: Duration) -> Vec<In> {
        let mut frames = Vec::new();
        while let Ok(Some(frame)) = tokio::time::timeout(patience, self.frame()).await {
            frames.push(frame);
        }
        frames
    }

    /// Reads more; false at the end of the connection.
    async fn fill(&mut self) -> bool {
        let mut chunk = vec![0; 65_536];
        match within("bytes or the end of the connection", self.stream.read(&mut chunk)).await {
            Ok(0) | Err(_) => false,
            Ok(n) => {
                self.buffer.extend_from_slice(&chunk[..n]);
                true
            }
        }
    }
}

/// A TCP connection for which the kernel keeps next to nothing.
pub async fn narrow(address: SocketAddr) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    socket.connect(address).await.unwrap()
}

/// A handshake for `/ws` with further header lines.
pub fn request(hub: &TestHub, query: &str, lines: &str) -> String {
    format!(
        "GET /ws{query} HTTP/1.1\r\nHost: {}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Key: {KEY}\r\nSec-WebSocket-Version: 13\r\n{lines}\r\n",
        hub.address()
    )
}

fn parse(bytes: &[u8]) -> Option<(In, usize)> {
    let (&first, &second) = (bytes.first()?, bytes.get(1)?);
    assert_eq!(second & 0x80, 0, "a server never masks");
    assert_eq!(first & 0x70, 0, "a reserved bit is set");
    let (length, start) = match second & 0x7f {
        126 => (u64::from(u16::from_be_bytes(bytes.get(2..4)?.try_into().unwrap())), 4),
        127 => (u64::from_be_bytes(bytes.get(2..10)?.try_into().unwrap()), 10),
        short => (u64::from(short), 2),
    };
    let end = start + length as usize;
    let payload = bytes.get(start..end)?.to_vec();
    Some((In { fin: first & 0x80 != 0, opcode: first & 0x0f, payload }, end))
}
