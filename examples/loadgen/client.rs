//! The client side as one bare epoll loop: thousands of WebSockets and the posting connections.
//!
//! One thread, no task and no timer for each connection, so that on a small machine the measured
//! server keeps its share of the CPU.

use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};

use crate::error::{Doing, Result};
use crate::frame::{Frame, FrameReader};
use crate::http::{Answer, Poster};
use crate::net::{self, Taken};
use crate::ws::{self, Handshake, Opcode};

/// Posters are told apart from clients by tokens from here on.
const FIRST_POSTER: usize = 1 << 32;

/// Bytes read at once, for whichever connection is ready.
const SCRATCH_BYTES: usize = 256 * 1024;

/// Sockets that are ready, taken from the kernel at once.
const READY_AT_ONCE: usize = 1024;

/// A buffer that grew past this for one long frame is given back after it.
const CARRY_KEPT_BYTES: usize = 16 * 1024;

/// The kernel's receive buffer of a client that will not read.
const MUTED_RECEIVE_BYTES: usize = 4096;

/// What happened on a connection. `at` is nanoseconds since the fleet was made.
#[derive(Debug)]
pub(crate) enum Event {
    /// The handshake of a client was accepted.
    Opened { client: usize },
    /// A client got a frame.
    Frame { client: usize, at: u64, frame: Frame },
    /// A client's connection is gone, or never came to be.
    Closed { client: usize, cause: Cause },
    /// The change posted on this connection was answered.
    Answered { poster: usize, at: u64, answer: Answer },
    /// The connection broke before its change was answered; whether it was applied is not known.
    PostFailed { poster: usize, error: io::Error },
}

impl Event {
    /// The client that it happened to, if it did not happen to a poster.
    pub(crate) fn client(&self) -> Option<usize> {
        match *self {
            Event::Opened { client } | Event::Frame { client, .. } | Event::Closed { client, .. } => {
                Some(client)
            }
            Event::Answered { .. } | Event::PostFailed { .. } => None,
        }
    }
}

/// Why a client's connection is gone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Cause {
    /// This side closed it.
    Own,
    /// The server answered the handshake with this status.
    Refused(u16),
    /// The server sent a close frame with this code.
    Code(u16),
    /// The server hung up without a close frame, or the connection broke.
    Broken(String),
    /// The server does not keep to the protocol.
    Violation(&'static str),
}

/// How a client leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Leave {
    /// With a close frame; [`Event::Closed`] follows when the server has answered it.
    Politely,
    /// By dropping the connection; [`Event::Closed`] does not follow.
    Abruptly,
}

/// A number of WebSocket clients and posting connections to one server.
#[derive(Debug)]
pub(crate) struct Fleet {
    server: SocketAddr,
    host: String,
    poll: Poll,
    ready: Events,
    clients: Vec<Client>,
    posters: Vec<Poster>,
    frames: FrameReader,
    scratch: Vec<u8>,
    started: Instant,
}

#[derive(Debug, Default)]
struct Client {
    stream: Option<TcpStream>,
    phase: Phase,
    /// Once open, nothing is read: what the server sends piles up on its side.
    muted: bool,
    /// The start of a frame whose rest is still on the way.
    carry: Vec<u8>,
    out: Vec<u8>,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Phase {
    #[default]
    Opening,
    Open,
    Leaving,
}

impl Fleet {
    /// Makes a fleet of connections that are all still closed.
    ///
    /// # Errors
    /// The kernel gives no epoll instance.
    pub(crate) fn new(server: SocketAddr, clients: usize, posters: usize) -> Result<Fleet> {
        Ok(Fleet {
            server,
            host: server.to_string(),
            poll: Poll::new().doing(|| "could not make an epoll instance".into())?,
            ready: Events::with_capacity(READY_AT_ONCE),
            clients: (0..clients).map(|_| Client::default()).collect(),
            posters: (0..posters).map(|_| Poster::default()).collect(),
            frames: FrameReader::default(),
            scratch: vec![0; SCRATCH_BYTES],
            started: Instant::now(),
        })
    }

    /// Nanoseconds since the fleet was made.
    pub(crate) fn now(&self) -> u64 {
        nanos_since(self.started)
    }

    /// Connects a client and sends its handshake. With `since`, it asks for the changes after that
    /// number, in the epoch that the server named last.
    ///
    /// # Errors
    /// Nothing listens, or addresses or files ran out.
    pub(crate) fn open(&mut self, client: usize, since: Option<u64>) -> Result<()> {
        let path = match (since, self.frames.epoch()) {
            (Some(seq), Some(epoch)) => format!("/ws?since={seq}&epoch={epoch}"),
            _ => "/ws".into(),
        };
        let muted = self.clients[client].muted;
        let stream = net::connect(self.server, client, muted.then_some(MUTED_RECEIVE_BYTES));
        let mut stream = stream.doing(|| format!("could not connect client {client}"))?;
        let interest = Interest::READABLE | Interest::WRITABLE;
        let registry = self.poll.registry();
        let registered = registry.register(&mut stream, Token(client), interest);
        registered.doing(|| format!("could not watch client {client}"))?;
        let mut out = ws::upgrade_request(&self.host, &path);
        let written = net::flush(&mut stream, &mut out);
        written.doing(|| format!("could not greet the server as client {client}"))?;
        let stream = Some(stream);
        self.clients[client] = Client { stream, phase: Phase::Opening, muted, carry: Vec::new(), out };
        Ok(())
    }

    /// Makes a client stop reading as soon as its handshake is through. To be said before `open`.
    pub(crate) fn mute(&mut self, client: usize) {
        self.clients[client].muted = true;
    }

    /// Makes a muted client read again, and takes at once what has piled up.
    pub(crate) fn unmute(&mut self, client: usize, events: &mut Vec<Event>) {
        self.clients[client].muted = false;
        self.client_ready(client, true, events);
    }

    /// Ends a client's connection; nothing happens when it is closed already.
    pub(crate) fn leave(&mut self, client: usize, how: Leave) {
        let client = &mut self.clients[client];
        let Some(stream) = client.stream.as_mut() else {
            return;
        };
        match how {
            Leave::Politely => {
                client.phase = Phase::Leaving;
                ws::push_close(&mut client.out, 1000);
                // A connection that broke just now is noticed by the next read.
                let _ = net::flush(stream, &mut client.out);
            }
            Leave::Abruptly => client.stream = None,
        }
    }

    /// Posts a change on an idle connection, which is opened when it is not yet.
    ///
    /// # Errors
    /// The connection cannot be opened or is broken; the request may have reached the server.
    pub(crate) fn post(&mut self, poster: usize, request: &[u8]) -> Result<()> {
        let token = Token(FIRST_POSTER + poster);
        self.posters[poster]
            .send(self.server, self.poll.registry(), token, request)
            .doing(|| format!("could not post on connection {poster}"))
    }

    /// Drops the posting connections; the next post opens one anew.
    pub(crate) fn hang_up_posters(&mut self) {
        self.posters.fill_with(Poster::default);
    }

    /// Waits at most `wait` for something to happen, and appends what did to `events`.
    ///
    /// # Errors
    /// The kernel refuses to wait.
    pub(crate) fn turn(&mut self, wait: Duration, events: &mut Vec<Event>) -> Result<()> {
        match self.poll.poll(&mut self.ready, Some(wait)) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return Ok(()),
            error @ Err(_) => return error.doing(|| "could not wait for events".into()),
        }
        let ready = std::mem::replace(&mut self.ready, Events::with_capacity(0));
        for event in &ready {
            match event.token().0.checked_sub(FIRST_POSTER) {
                Some(poster) => self.poster_ready(poster, events),
                None => self.client_ready(event.token().0, event.is_read_closed(), events),
            }
        }
        self.ready = ready;
        Ok(())
    }

    fn poster_ready(&mut self, poster: usize, events: &mut Vec<Event>) {
        let outcome = self.posters[poster].ready(&mut self.scratch);
        let at = self.now();
        match outcome {
            Ok(Some(answer)) => events.push(Event::Answered { poster, at, answer }),
            Ok(None) => {}
            Err(error) => events.push(Event::PostFailed { poster, error }),
        }
    }

    /// Reads what a client's socket has. Watching is edge-triggered: a read that does not fill the
    /// buffer has emptied the socket, unless the server has hung up (`ending`) behind it.
    fn client_ready(&mut self, id: usize, ending: bool, events: &mut Vec<Event>) {
        let Fleet { clients, frames, scratch, started, .. } = self;
        let client = &mut clients[id];
        let outcome = client.exchange(id, ending, frames, scratch, *started, events);
        if let Err(cause) = outcome {
            let left = client.phase == Phase::Leaving;
            client.stream = None;
            let cause = if left { Cause::Own } else { cause };
            events.push(Event::Closed { client: id, cause });
        }
    }
}

impl Client {
    fn exchange(
        &mut self,
        id: usize,
        ending: bool,
        frames: &mut FrameReader,
        scratch: &mut [u8],
        started: Instant,
        events: &mut Vec<Event>,
    ) -> std::result::Result<(), Cause> {
        loop {
            let Some(stream) = self.stream.as_mut() else {
                return Ok(());
            };
            if !self.out.is_empty() {
                net::flush(stream, &mut self.out).map_err(broken)?;
            }
            if self.muted && self.phase == Phase::Open {
                return Ok(());
            }
            match net::take(stream, scratch).map_err(broken)? {
                Taken::Bytes(count) => {
                    let at = nanos_since(started);
                    self.feed(&scratch[..count], &mut Intake { id, at, frames, events })?;
                    if count < scratch.len() && !ending && self.out.is_empty() {
                        return Ok(());
                    }
                }
                Taken::Nothing => return Ok(()),
                Taken::End => return Err(Cause::Broken("the server hung up".into())),
            }
        }
    }

    /// Takes bytes as they come, and keeps what is not yet a whole frame.
    fn feed(&mut self, bytes: &[u8], intake: &mut Intake<'_>) -> std::result::Result<(), Cause> {
        if self.carry.is_empty() {
            let used = self.consume(bytes, intake)?;
            self.carry.extend_from_slice(&bytes[used..]);
        } else {
            let mut carry = std::mem::take(&mut self.carry);
            carry.extend_from_slice(bytes);
            let used = self.consume(&carry, intake)?;
            carry.drain(..used);
            if carry.is_empty() && carry.capacity() > CARRY_KEPT_BYTES {
                carry = Vec::new();
            }
            self.carry = carry;
        }
        Ok(())
    }

    /// Reads the whole frames at the start of `bytes` and returns how many bytes they were.
    fn consume(&mut self, bytes: &[u8], intake: &mut Intake<'_>) -> std::result::Result<usize, Cause> {
        let mut used = 0;
        if self.phase == Phase::Opening {
            match ws::read_handshake(bytes).map_err(|violation| Cause::Violation(violation.0))? {
                Handshake::Partial => return Ok(0),
                Handshake::Refused(status) => return Err(Cause::Refused(status)),
                Handshake::Accepted(length) => used = length,
            }
            self.phase = Phase::Open;
            intake.events.push(Event::Opened { client: intake.id });
        }
        let header = |bytes| ws::read_header(bytes).map_err(|broken| Cause::Violation(broken.0));
        while let Some(header) = header(&bytes[used..])? {
            let Some(payload) = bytes.get(used + header.start..used + header.end) else {
                break;
            };
            match header.opcode {
                Opcode::Text => {
                    let frame = intake.frames.read(payload);
                    let (client, at) = (intake.id, intake.at);
                    intake.events.push(Event::Frame { client, at, frame });
                }
                Opcode::Ping => ws::push_pong(&mut self.out, payload),
                Opcode::Pong => {}
                Opcode::Close => return Err(Cause::Code(ws::close_code(payload))),
            }
            used += header.end;
        }
        Ok(used)
    }
}

/// Where the frames of one read go.
struct Intake<'f> {
    id: usize,
    at: u64,
    frames: &'f mut FrameReader,
    events: &'f mut Vec<Event>,
}

fn broken(error: io::Error) -> Cause {
    Cause::Broken(error.to_string())
}

fn nanos_since(started: Instant) -> u64 {
    u64::try_from(started.elapsed().as_nanos()).expect("a measurement takes less than 584 years")
}

#[cfg(test)]
mod tests;
