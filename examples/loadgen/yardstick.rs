//! The yardstick: the least work that puts a frame on many sockets, to measure a hub against.
//!
//! One epoll loop on one thread. Each posted trigger is one frame, and each frame one `write` to
//! each socket: no JSON is parsed, nothing is stored, nothing is joined, nobody is checked. It
//! speaks just as much HTTP and WebSocket as the client side needs to work on it unchanged.

use std::io::{self, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::thread;

use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Token};

use crate::error::{Doing, Result};
use crate::net::{self, Taken};
use crate::proc;
use crate::ws;

/// Numbers begin here, so that all of them have equally many digits and all frames equal length.
const FIRST_SEQ: u64 = 1_000_000_000;

const LISTENER: Token = Token(usize::MAX);
const READY_AT_ONCE: usize = 1024;
const SCRATCH_BYTES: usize = 64 * 1024;

/// Fewer open files than this are not worth starting for; the limit is raised as far as it goes.
const FILES_MIN: usize = 1024;

/// Serves until standard input ends, on a free port that it prints. Frames have `frame_bytes` of
/// payload, or a little more when that is less than what a frame needs.
///
/// # Errors
/// The port cannot be opened, or the kernel refuses to wait.
pub(crate) fn serve(frame_bytes: usize) -> Result<()> {
    proc::allow_open_files(FILES_MIN)?;
    let mut yardstick = Yardstick::bind(frame_bytes).doing(|| "could not listen".into())?;
    let said = writeln!(io::stdout(), "listening on http://{}", yardstick.address);
    said.doing(|| "could not say where it listens".into())?;
    thread::spawn(|| {
        // Whoever started us holds the other end; when it is gone there is nobody to serve.
        let _ = io::copy(&mut io::stdin().lock(), &mut io::sink());
        std::process::exit(0);
    });
    loop {
        yardstick.turn().doing(|| "the yardstick could not go on".into())?;
    }
}

struct Yardstick {
    address: SocketAddr,
    listener: TcpListener,
    poll: Poll,
    ready: Events,
    /// By token. A closed connection leaves its place to a later one.
    connections: Vec<Option<Connection>>,
    vacant: Vec<usize>,
    scratch: Vec<u8>,
    frame_bytes: usize,
    seq: u64,
}

struct Connection {
    stream: TcpStream,
    /// A request that is not yet all there.
    inbox: Vec<u8>,
    /// What the socket did not take at once.
    out: Vec<u8>,
    subscribed: bool,
}

/// What a client asks for.
#[derive(Debug, PartialEq, Eq)]
enum Asked {
    /// To get the frames.
    Upgrade,
    /// That everyone gets one more.
    Trigger,
}

impl Yardstick {
    fn bind(frame_bytes: usize) -> io::Result<Yardstick> {
        let mut listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0).into())?;
        let poll = Poll::new()?;
        poll.registry().register(&mut listener, LISTENER, Interest::READABLE)?;
        Ok(Yardstick {
            address: listener.local_addr()?,
            listener,
            poll,
            ready: Events::with_capacity(READY_AT_ONCE),
            connections: Vec::new(),
            vacant: Vec::new(),
            scratch: vec![0; SCRATCH_BYTES],
            frame_bytes,
            seq: FIRST_SEQ,
        })
    }

    fn turn(&mut self) -> io::Result<()> {
        match self.poll.poll(&mut self.ready, None) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return Ok(()),
            outcome => outcome?,
        }
        let ready = std::mem::replace(&mut self.ready, Events::with_capacity(0));
        for event in &ready {
            match event.token() {
                LISTENER => self.accept()?,
                Token(id) => {
                    if self.attend(id).is_err() {
                        self.connections[id] = None;
                        self.vacant.push(id);
                    }
                }
            }
        }
        self.ready = ready;
        Ok(())
    }

    fn accept(&mut self) -> io::Result<()> {
        loop {
            let mut stream = match self.listener.accept() {
                Ok((stream, _)) => stream,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            };
            stream.set_nodelay(true)?;
            let id = self.vacant.pop().unwrap_or(self.connections.len());
            let interest = Interest::READABLE | Interest::WRITABLE;
            self.poll.registry().register(&mut stream, Token(id), interest)?;
            let (inbox, out) = (Vec::new(), Vec::new());
            let connection = Some(Connection { stream, inbox, out, subscribed: false });
            match self.connections.get_mut(id) {
                Some(place) => *place = connection,
                None => self.connections.push(connection),
            }
        }
    }

    /// Does what a connection asks for. An error means that the connection is done.
    fn attend(&mut self, id: usize) -> io::Result<()> {
        let Some(connection) = self.connections.get_mut(id).and_then(Option::as_mut) else {
            return Ok(());
        };
        net::flush(&mut connection.stream, &mut connection.out)?;
        loop {
            match net::take(&mut connection.stream, &mut self.scratch)? {
                Taken::Bytes(_) if connection.subscribed => {}
                Taken::Bytes(count) => connection.inbox.extend_from_slice(&self.scratch[..count]),
                Taken::Nothing => break,
                Taken::End => return Err(io::ErrorKind::UnexpectedEof.into()),
            }
        }
        let Some((asked, length)) = read_request(&connection.inbox)? else {
            return Ok(());
        };
        connection.inbox.drain(..length);
        match asked {
            Asked::Upgrade => {
                connection.subscribed = true;
                let answer = [ws::upgrade_answer(), greeting(self.seq)].concat();
                connection.send(&answer)
            }
            Asked::Trigger => {
                self.seq += 1;
                self.tell_everyone();
                match self.connections[id].as_mut() {
                    Some(connection) => connection.send(acknowledgement(self.seq).as_bytes()),
                    None => Ok(()),
                }
            }
        }
    }

    fn tell_everyone(&mut self) {
        let frame = frame(self.seq, self.frame_bytes);
        for connection in self.connections.iter_mut().flatten().filter(|each| each.subscribed) {
            // A connection that broke is found by its own event.
            let _ = connection.send(&frame);
        }
    }
}

impl Connection {
    /// One `write`, if the socket takes it all.
    fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        if self.out.is_empty() {
            match self.stream.write(bytes) {
                Ok(count) => self.out.extend_from_slice(&bytes[count..]),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.out.extend_from_slice(bytes);
                }
                Err(error) => return Err(error),
            }
        } else {
            self.out.extend_from_slice(bytes);
        }
        Ok(())
    }
}

/// Reads one request and its length; `None` when more bytes are needed.
fn read_request(bytes: &[u8]) -> io::Result<Option<(Asked, usize)>> {
    let Some(head_length) = ws::head_length(bytes) else {
        return Ok(None);
    };
    let head = std::str::from_utf8(&bytes[..head_length]).map_err(io::Error::other)?;
    let body = ws::header(head, "content-length").map_or(Ok(0), str::parse::<usize>);
    let length = head_length.saturating_add(body.map_err(io::Error::other)?);
    let asked = if head.starts_with("GET ") { Asked::Upgrade } else { Asked::Trigger };
    Ok((bytes.len() >= length).then_some((asked, length)))
}

/// The two frames that a hub sends first.
fn greeting(seq: u64) -> Vec<u8> {
    let connected =
        format!(r#"{{"type":"connected","data":{{"epoch":"yardstick","recovered":false,"seq":{seq}}}}}"#);
    let state = format!(r#"{{"type":"state","seq":{seq},"data":{{}}}}"#);
    [ws::server_text(connected.as_bytes()), ws::server_text(state.as_bytes())].concat()
}

fn frame(seq: u64, bytes: usize) -> Vec<u8> {
    let start = format!(r#"{{"type":"state_change","seq":{seq},"pad":""#);
    let padding = "x".repeat(bytes.saturating_sub(start.len() + 2));
    ws::server_text(format!(r#"{start}{padding}"}}"#).as_bytes())
}

fn acknowledgement(seq: u64) -> String {
    let body = format!(r#"{{"success":true,"seq":{seq}}}"#);
    format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]

    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;
    use crate::changes::Mix;
    use crate::frame::{FrameReader, Kind};
    use crate::http;
    use crate::ledger::Counts;
    use crate::pacer::{Outcome, Pace, Plan};
    use crate::rig::{CHANGE_TIMEOUT, Rig};
    use crate::server::Target;

    #[test]
    fn frames_have_the_wanted_length_and_are_changes() {
        for bytes in [60, 200, 1000] {
            let frame = frame(FIRST_SEQ + 7, bytes);
            let header = ws::read_header(&frame).unwrap().unwrap();
            assert_eq!(header.end - header.start, bytes);
            let read = FrameReader::default().read(&frame[header.start..]);
            assert_eq!(read.kind, Kind::Change { seq: FIRST_SEQ + 7 });
        }
    }

    #[test]
    fn the_greeting_is_what_a_client_waits_for() {
        let bytes = greeting(FIRST_SEQ);
        let first = ws::read_header(&bytes).unwrap().unwrap();
        let second = ws::read_header(&bytes[first.end..]).unwrap().unwrap();
        let mut reader = FrameReader::default();
        let connected = reader.read(&bytes[first.start..first.end]);
        assert_eq!(connected.kind, Kind::Connected { recovered: false });
        let state = reader.read(&bytes[first.end..][second.start..second.end]);
        assert_eq!(state.kind, Kind::State { seq: FIRST_SEQ });
    }

    #[test]
    fn upgrades_and_triggers_are_told_apart_once_they_are_whole() {
        let upgrade = ws::upgrade_request("127.0.0.1:1", "/ws");
        assert_eq!(read_request(&upgrade).unwrap(), Some((Asked::Upgrade, upgrade.len())));
        let post = http::request("POST", "/api/system/status", "127.0.0.1:1", "{}");
        assert_eq!(read_request(&post).unwrap(), Some((Asked::Trigger, post.len())));
        assert_eq!(read_request(&post[..post.len() - 1]).unwrap(), None);
    }

    /// Posts 100 changes, 8 at a time, past 20 clients.
    fn load(target: &Target) -> Result<(Outcome, Counts)> {
        let mut rig = Rig::new(target, 20, 0, 8, Mix::Alternating)?;
        rig.connect(0, 20, false)?;
        let (pace, count) = (Pace::InFlight(8), Some(100));
        let plan = Plan { pace, count, duration: None, timeout: CHANGE_TIMEOUT };
        let outcome = rig.run(plan, |_, _, _| Ok(()))?;
        rig.ledger.close_books();
        Ok((outcome, rig.ledger.counts().clone()))
    }

    #[test]
    fn every_client_gets_every_frame_once() {
        let mut yardstick = Yardstick::bind(200).unwrap();
        let target = Target::running(yardstick.address, None);
        let over = AtomicBool::new(false);
        let (outcome, counts) = thread::scope(|scope| {
            scope.spawn(|| {
                while !over.load(Ordering::Acquire) {
                    yardstick.turn().unwrap();
                }
            });
            let loaded = load(&target);
            over.store(true, Ordering::Release);
            // One more connection wakes the yardstick, so that it sees that all is over.
            let _ = net::connect(target.address(), 0, None);
            loaded
        })
        .unwrap();
        assert_eq!((outcome.acknowledged, outcome.timed_out), (100, 0));
        assert_eq!((counts.lost, counts.repeated), (0, 0));
        assert_eq!(counts.deliveries, 20 * 100);
        assert_eq!(counts.delivered_bytes, 20 * 100 * 200);
    }

    #[test]
    fn an_acknowledgement_is_an_answer_with_a_seq() {
        let text = acknowledgement(12);
        let response = http::read_response(text.as_bytes()).unwrap().unwrap();
        assert_eq!(http::Answer::from(&response).seq, Some(12));
    }
}
