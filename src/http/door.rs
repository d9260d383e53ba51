//! Who may keep a connection: so many of each address, and so many that wait for a request.

use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;

use crate::fanout::{Tcp, WaitingRoom};
use crate::net::{Networks, Place, Places, RateLimits};

/// What all workers go by when a connection comes.
#[derive(Clone)]
pub struct DoorSettings {
    /// Connections of each address.
    pub places: Arc<Places>,
    /// The rate of each address, and who is exempt.
    pub limits: Arc<RateLimits>,
    /// Who speaks for others, and so has no limit of its own.
    pub trusted: Networks,
    /// Connections of one worker that wait for a request.
    pub waiting_max: usize,
}

/// The door of one worker.
pub(super) struct Door {
    settings: DoorSettings,
    room: Rc<WaitingRoom>,
}

impl Door {
    pub(super) fn new(settings: DoorSettings) -> Door {
        Door { settings, room: Rc::default() }
    }

    /// Where connections wait for requests.
    pub(super) fn room(&self) -> Rc<WaitingRoom> {
        self.room.clone()
    }

    /// Lets a connection in, with its place; none is for who has too many already. `costly` is what
    /// makes work before a request comes.
    pub(super) fn let_in(&self, tcp: &Tcp, peer: Option<SocketAddr>, costly: bool) -> Option<Option<Place>> {
        let place = match peer.map(|peer| peer.ip()) {
            Some(ip) if !self.settings.limits.is_exempt(ip) && !self.settings.trusted.contains(ip) => {
                if costly && self.settings.limits.check_address(ip).is_err() {
                    return None;
                }
                self.settings.places.take(ip).ok()?
            }
            _ => None,
        };
        self.room.make_room(self.settings.waiting_max);
        self.room.enter(tcp);
        Some(place)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fanout::{SharedSocket, SocketParts};
    use crate::net::Rate;
    use tokio::io::AsyncReadExt;
    use tokio::net::{TcpListener, TcpStream};

    const NO: Rate = Rate { per_second: 0, burst: 0 };

    fn door(exempt: &[&str], address: Rate, waiting_max: usize) -> Door {
        let limits = RateLimits::new(address, NO, Networks::parse(exempt).unwrap());
        let trusted = Networks::parse(&["10.0.0.0/8"]).unwrap();
        Door::new(DoorSettings { places: Places::new(2), limits: Arc::new(limits), trusted, waiting_max })
    }

    async fn pair(listener: &TcpListener) -> (TcpStream, Tcp) {
        let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        (client, Tcp::new(listener.accept().await.unwrap().0))
    }

    #[actix_rt::test]
    async fn an_address_keeps_so_many_connections_and_a_proxy_any() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (_client, tcp) = pair(&listener).await;
        let lets_in =
            |door: &Door, peer: &str| door.let_in(&tcp, Some(format!("{peer}:1").parse().unwrap()), true);
        let strict = door(&["127.0.0.0/8"], NO, 99);
        let held: Vec<_> = (0..3).map(|_| lets_in(&strict, "192.0.2.1")).collect();
        assert_eq!(held.iter().map(Option::is_some).collect::<Vec<_>>(), [true, true, false]);
        assert!(lets_in(&strict, "192.0.2.2").is_some());
        drop(held);
        assert!(lets_in(&strict, "192.0.2.1").is_some());
        for free in ["10.0.0.1", "127.0.0.1"] {
            assert!((0..9).map(|_| lets_in(&strict, free)).all(|place| place.is_some_and(|p| p.is_none())));
        }
        let slow = door(&[], Rate { per_second: 1, burst: 1 }, 99);
        assert!(lets_in(&slow, "192.0.2.1").is_some());
        assert!(lets_in(&slow, "192.0.2.1").is_none());
    }

    fn is_open(client: &TcpStream) -> bool {
        client.try_read(&mut [0; 1]).is_err()
    }

    #[actix_rt::test]
    async fn the_oldest_that_waits_goes_first_and_who_never_asked_before_who_did() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let door = door(&[], NO, 3);
        let mut open = Vec::new();
        let come = async || {
            let (client, tcp) = pair(&listener).await;
            door.let_in(&tcp, None, false);
            let parts = SocketParts { tcp, tls: None, head: None, room: door.room(), place: None };
            (client, SharedSocket::new(parts))
        };
        for _ in 0..3 {
            open.push(come().await);
        }
        // The first is being answered, the second was; the third says nothing.
        let answer = open[0].1.begin_answer();
        drop(open[1].1.begin_answer());
        open.push(come().await);
        open.push(come().await);
        assert_eq!(open[2].0.read(&mut [0; 1]).await.unwrap(), 0);
        assert!([0, 1, 3, 4].into_iter().all(|n| is_open(&open[n].0)));
        // Then whoever waits the longest, whatever they asked; the answer is not cut short.
        for _ in 0..4 {
            open.push(come().await);
        }
        assert_eq!(open[1].0.read(&mut [0; 1]).await.unwrap(), 0);
        assert!(is_open(&open[0].0));
        drop(answer);
        for _ in 0..6 {
            open.push(come().await);
        }
        let last = open.split_off(open.len() - 3);
        for (client, _) in &mut open {
            assert_eq!(client.read(&mut [0; 1]).await.unwrap(), 0);
        }
        assert!(last.iter().all(|(client, _)| is_open(client)));
    }
}
