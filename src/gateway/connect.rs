//! Connections of probes: names are looked up and addresses tried in the open, so that every way in
//! which that fails can be told from the others.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::future::{FutureExt, LocalBoxFuture, Shared};
use futures_util::stream::FuturesUnordered;
use tokio::net::TcpStream;
use tokio::time::Instant;

use super::result::FailureKind;

/// How long the addresses of a name are believed.
pub const DNS_KEEP: Duration = Duration::from_secs(5);
/// How long an address may be silent before the next one is tried beside it.
const NEXT_ADDRESS_AFTER: Duration = Duration::from_millis(250);
/// The most addresses of one name that are tried.
const ADDRESSES_MAX: usize = 8;

/// Why a probe or a webhook failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// In which way.
    pub kind: FailureKind,
    /// In words, without secrets.
    pub message: String,
}

impl Failure {
    /// Says how and why.
    pub fn new(kind: FailureKind, message: impl Into<String>) -> Self {
        Failure { kind, message: message.into() }
    }

    /// Says what the system said.
    pub fn from_io(error: &io::Error) -> Self {
        use io::ErrorKind;
        match error.kind() {
            ErrorKind::ConnectionRefused => Failure::new(FailureKind::Refused, "connection refused"),
            ErrorKind::HostUnreachable => Failure::new(FailureKind::Unreachable, "host unreachable"),
            ErrorKind::NetworkUnreachable | ErrorKind::NetworkDown | ErrorKind::AddrNotAvailable => {
                Failure::new(FailureKind::Unreachable, "network unreachable")
            }
            ErrorKind::TimedOut => Failure::new(FailureKind::ConnectTimeout, "no answer to the connection"),
            ErrorKind::ConnectionReset => Failure::new(FailureKind::Io, "connection reset"),
            ErrorKind::UnexpectedEof | ErrorKind::BrokenPipe => {
                Failure::new(FailureKind::Io, "connection closed without an answer")
            }
            _ => Failure::new(FailureKind::Io, error.to_string()),
        }
    }
}

/// How far a probe has come, so that its time-out can say what it waited for.
#[derive(Debug, Default)]
pub struct Progress {
    connecting: Cell<bool>,
}

impl Progress {
    /// Tells whether it waits for a connection.
    pub fn is_connecting(&self) -> bool {
        self.connecting.get()
    }
}

type Lookup = Shared<LocalBoxFuture<'static, Result<Rc<[IpAddr]>, String>>>;

struct Entry {
    lookup: Lookup,
    done: Rc<Cell<Option<(Instant, bool)>>>,
}

/// Looks names up, one look-up for each name at a time however many ask for it.
///
/// The system's resolver cannot be interrupted. If it hangs, the probes of a name time out one after
/// the other, while a single thread waits for it.
#[derive(Default)]
pub struct Resolver {
    entries: RefCell<HashMap<String, Entry>>,
}

impl Resolver {
    /// Returns the addresses of `host`, which may be one itself.
    async fn resolve(&self, host: &str) -> Result<Rc<[IpAddr]>, Failure> {
        if let Ok(address) = host.parse::<IpAddr>() {
            return Ok([address].into());
        }
        let lookup = self.lookup(host);
        lookup.await.map_err(|why| Failure::new(FailureKind::Dns, format!("cannot look up {host}: {why}")))
    }

    fn lookup(&self, host: &str) -> Lookup {
        let mut entries = self.entries.borrow_mut();
        let fresh = |entry: &Entry| match entry.done.get() {
            Some((at, found)) => found && at.elapsed() < DNS_KEEP,
            None => true,
        };
        if let Some(entry) = entries.get(host).filter(|entry| fresh(entry)) {
            return entry.lookup.clone();
        }
        entries.retain(|_, entry| fresh(entry));
        let done = Rc::new(Cell::new(None));
        let (noted, name) = (done.clone(), host.to_owned());
        let system = tokio::task::spawn_blocking(move || {
            let found = std::net::ToSocketAddrs::to_socket_addrs(&(name.as_str(), 0));
            found.map(|found| found.map(|address| address.ip()).take(ADDRESSES_MAX).collect::<Vec<_>>())
        });
        let lookup = async move {
            let found = match system.await {
                Ok(Ok(found)) if found.is_empty() => Err("it has no address".to_owned()),
                Ok(Ok(found)) => Ok(found.into()),
                Ok(Err(error)) => Err(error.to_string()),
                Err(_) => Err("the look-up was given up".to_owned()),
            };
            noted.set(Some((Instant::now(), found.is_ok())));
            found
        };
        let lookup = lookup.boxed_local().shared();
        entries.insert(host.to_owned(), Entry { lookup: lookup.clone(), done });
        lookup
    }

    /// Connects to the first address of `host` that answers; slow ones get company after a while.
    ///
    /// # Errors
    /// What the most telling address said: a refusal before anything else.
    pub async fn connect(&self, host: &str, port: u16, progress: &Progress) -> Result<TcpStream, Failure> {
        progress.connecting.set(true);
        let addresses = self.resolve(host).await?;
        let mut waiting = addresses.iter().map(|&ip| SocketAddr::new(ip, port));
        let mut trying = FuturesUnordered::new();
        let mut failure: Option<Failure> = None;
        loop {
            if let Some(address) = waiting.next() {
                trying.push(TcpStream::connect(address));
            }
            let more = waiting.len() > 0;
            let answer = tokio::select! {
                answer = trying.next() => answer,
                () = tokio::time::sleep(NEXT_ADDRESS_AFTER), if more => continue,
            };
            match answer {
                Some(Ok(stream)) => {
                    progress.connecting.set(false);
                    return Ok(stream);
                }
                Some(Err(error)) => {
                    let new = Failure::from_io(&error);
                    let telling = failure.as_ref().is_none_or(|_| new.kind == FailureKind::Refused);
                    failure = if telling { Some(new) } else { failure };
                }
                None if !more => {
                    return Err(failure.unwrap_or(Failure::new(FailureKind::Dns, "it has no address")));
                }
                None => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_name_with_several_addresses_is_reached_at_the_one_that_answers() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        // `localhost` leads to ::1 first where there is one, and nobody listens there.
        let progress = Progress::default();
        Resolver::default().connect("localhost", port, &progress).await.unwrap();
        assert!(!progress.is_connecting());
    }

    #[tokio::test]
    async fn many_who_ask_share_one_look_up_and_a_failure_is_not_kept() {
        let resolver = Resolver::default();
        let asked = (0..100).map(|_| resolver.resolve("no-such-host.invalid"));
        for answer in futures_util::future::join_all(asked).await {
            assert_eq!(answer.unwrap_err().kind, FailureKind::Dns);
        }
        assert_eq!(resolver.entries.borrow().len(), 1);
        resolver.resolve("localhost").await.unwrap();
        let kept = resolver.entries.borrow().keys().cloned().collect::<Vec<_>>();
        assert_eq!(kept, ["localhost"]);
    }

    #[tokio::test]
    async fn a_refusal_is_told_as_one() {
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let progress = Progress::default();
        let failure = Resolver::default().connect("127.0.0.1", port, &progress).await.unwrap_err();
        assert_eq!(failure, Failure::new(FailureKind::Refused, "connection refused"));
    }
}
