//! HTTP/1.1 as the poster needs it: one request at a time on a connection that stays open.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream as BlockingStream};
use std::time::Duration;

use mio::net::TcpStream;
use mio::{Interest, Registry, Token};
use serde::Deserialize;

use crate::net::{self, Taken};
use crate::ws;

/// The longest answer that is read.
const MAX_ANSWER_BYTES: usize = 16 * 1024 * 1024;

/// How long a question outside the epoll loop may take.
const GET_TIMEOUT: Duration = Duration::from_secs(10);

/// The server's answer to one change.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// The change's number, or the newest one when it altered nothing.
    pub(crate) seq: Option<u64>,
    /// The start of the body of an answer that is no success.
    pub(crate) refusal: Option<String>,
}

/// A whole HTTP answer in a buffer.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Response<'b> {
    pub(crate) status: u16,
    pub(crate) body: &'b [u8],
    /// Bytes of head and body.
    pub(crate) length: usize,
}

/// Builds a request with a JSON body.
pub(crate) fn request(method: &str, path: &str, host: &str, body: &str) -> Vec<u8> {
    format!(
        "{method} {path} HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

/// Reads the answer at the start of `bytes`; `None` when more are needed.
///
/// # Errors
/// It is no HTTP/1.1 answer with a `Content-Length`, or too long.
pub(crate) fn read_response(bytes: &[u8]) -> Result<Option<Response<'_>>, String> {
    let Some(head_length) = ws::head_length(bytes) else {
        let endless = bytes.len() > MAX_ANSWER_BYTES;
        return if endless { Err("endless answer".into()) } else { Ok(None) };
    };
    let head = std::str::from_utf8(&bytes[..head_length]).map_err(|_| "no HTTP answer")?;
    let status = ws::status_of(head).ok_or("no HTTP answer")?;
    let body_length: usize = ws::header(head, "content-length")
        .and_then(|value| value.parse().ok())
        .filter(|length| *length <= MAX_ANSWER_BYTES)
        .ok_or("an answer without a usable content-length")?;
    let length = head_length + body_length;
    Ok(bytes.get(head_length..length).map(|body| Response { status, body, length }))
}

/// Asks for `path` once, on a connection of its own, and waits for the JSON answer.
///
/// # Errors
/// Nothing listens, the answer takes longer than ten seconds, or it is no JSON.
pub(crate) fn get_json(server: SocketAddr, path: &str) -> io::Result<serde_json::Value> {
    let mut stream = BlockingStream::connect_timeout(&server, GET_TIMEOUT)?;
    stream.set_read_timeout(Some(GET_TIMEOUT))?;
    let head = format!("GET {path} HTTP/1.1\r\nHost: {server}\r\nConnection: close\r\n\r\n");
    stream.write_all(head.as_bytes())?;
    let mut bytes = Vec::new();
    stream.take(MAX_ANSWER_BYTES as u64).read_to_end(&mut bytes)?;
    let response = read_response(&bytes).map_err(io::Error::other)?;
    let body = response.ok_or(io::ErrorKind::UnexpectedEof)?.body;
    serde_json::from_slice(body).map_err(io::Error::other)
}

/// One keep-alive connection that posts changes, one at a time.
///
/// A server may close it between two changes; the next one then opens it anew.
#[derive(Debug, Default)]
pub(crate) struct Poster {
    stream: Option<TcpStream>,
    out: Vec<u8>,
    inbox: Vec<u8>,
    waiting: bool,
}

impl Poster {
    /// Sends one request. The answer comes out of [`Poster::ready`].
    ///
    /// # Errors
    /// The connection cannot be opened or is broken; the request may have reached the server.
    pub(crate) fn send(
        &mut self,
        server: SocketAddr,
        registry: &Registry,
        token: Token,
        request: &[u8],
    ) -> io::Result<()> {
        if self.stream.is_none() {
            let mut stream = net::connect(server, 0, None)?;
            registry.register(&mut stream, token, Interest::READABLE | Interest::WRITABLE)?;
            self.stream = Some(stream);
            self.inbox.clear();
            self.out.clear();
        }
        self.waiting = true;
        self.out.extend_from_slice(request);
        let stream = self.stream.as_mut().expect("opened just above");
        net::flush(stream, &mut self.out)
    }

    /// Takes what the socket has, and returns the answer once it is whole.
    ///
    /// # Errors
    /// The connection ended or broke while an answer was due, or the answer is no HTTP.
    pub(crate) fn ready(&mut self, scratch: &mut [u8]) -> io::Result<Option<Answer>> {
        let outcome = self.exchange(scratch);
        if outcome.is_err() {
            self.stream = None;
        }
        match outcome {
            Err(error) if self.waiting => {
                self.waiting = false;
                Err(error)
            }
            // Between two changes the server may close the connection as it likes.
            Err(_) => Ok(None),
            Ok(answer) => Ok(answer),
        }
    }

    fn exchange(&mut self, scratch: &mut [u8]) -> io::Result<Option<Answer>> {
        let Some(stream) = self.stream.as_mut() else {
            return Ok(None);
        };
        net::flush(stream, &mut self.out)?;
        let mut ended = false;
        loop {
            match net::take(stream, scratch)? {
                Taken::Bytes(count) => self.inbox.extend_from_slice(&scratch[..count]),
                Taken::Nothing => break,
                Taken::End => {
                    ended = true;
                    break;
                }
            }
        }
        let answer = match read_response(&self.inbox).map_err(io::Error::other)? {
            Some(response) => {
                let answer = Answer::from(&response);
                let length = response.length;
                self.inbox.drain(..length);
                self.waiting = false;
                Some(answer)
            }
            None if ended => return Err(io::ErrorKind::UnexpectedEof.into()),
            None => None,
        };
        if ended {
            self.stream = None;
        }
        Ok(answer)
    }
}

impl From<&Response<'_>> for Answer {
    fn from(response: &Response<'_>) -> Self {
        #[derive(Deserialize)]
        struct Acknowledged {
            seq: Option<u64>,
        }
        let success = (200..300).contains(&response.status);
        let body = || String::from_utf8_lossy(response.body).chars().take(300).collect();
        Answer {
            status: response.status,
            seq: serde_json::from_slice::<Acknowledged>(response.body)
                .ok()
                .and_then(|body| body.seq)
                .filter(|_| success),
            refusal: (!success).then(body),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]

    use super::*;

    const OK: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 25\r\n\r\n{\"success\":true,\"seq\":12}";

    #[test]
    fn an_answer_is_read_once_it_is_whole_and_not_before() {
        let whole = [b"HTTP/1.1 200 OK\r\ncontent-length: 11\r\n\r\n", &b"{\"seq\": 12}"[..]].concat();
        for cut in 0..whole.len() {
            assert_eq!(read_response(&whole[..cut]), Ok(None), "cut at {cut}");
        }
        let response = read_response(&whole).unwrap().unwrap();
        assert_eq!(response.length, whole.len());
        assert_eq!(Answer::from(&response).seq, Some(12));
    }

    #[test]
    fn bytes_after_the_answer_are_left_alone() {
        let two = [OK, OK].concat();
        assert_eq!(read_response(&two).unwrap().unwrap().length, OK.len());
    }

    #[test]
    fn a_refusal_keeps_its_text_and_has_no_seq() {
        let text = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 9\r\n\r\n{\"seq\":1}";
        let answer = Answer::from(&read_response(text).unwrap().unwrap());
        assert_eq!((answer.status, answer.seq), (400, None));
        assert_eq!(answer.refusal.as_deref(), Some(r#"{"seq":1}"#));
    }

    #[test]
    fn an_answer_of_unknown_length_is_an_error() {
        let chunked = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
        assert!(read_response(chunked).unwrap_err().contains("content-length"));
        assert!(read_response(b"SSH-2.0-x\r\n\r\n").is_err());
    }

    #[test]
    fn a_request_states_the_length_of_its_body_in_bytes() {
        let text = String::from_utf8(request("PUT", "/x", "127.0.0.1:1", "{\"a\":\"é\"}")).unwrap();
        assert!(text.starts_with("PUT /x HTTP/1.1\r\nHost: 127.0.0.1:1\r\n"), "{text}");
        assert!(text.contains("Content-Length: 10\r\n\r\n{"), "{text}");
    }
}
