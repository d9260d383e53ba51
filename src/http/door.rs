//! Who may keep a connection: so many of each address, and so many of whom nothing was heard yet.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;

use crate::fanout::{Tcp, WeakTcp};
use crate::net::{Networks, Place, Places, RateLimits};

/// Connections that are looked through for ended ones when another one comes.
const LOOKED_THROUGH: usize = 4;

/// What all workers go by when a connection comes.
#[derive(Clone)]
pub struct DoorSettings {
    /// Connections of each address.
    pub places: Arc<Places>,
    /// The rate of each address, and who is exempt.
    pub limits: Arc<RateLimits>,
    /// Who speaks for others, and so has no limit of its own.
    pub trusted: Networks,
    /// Connections of one worker that sent no request yet.
    pub silent_max: usize,
}

/// The door of one worker.
pub(super) struct Door {
    settings: DoorSettings,
    silent: RefCell<VecDeque<WeakTcp>>,
}

impl Door {
    pub(super) fn new(settings: DoorSettings) -> Door {
        Door { settings, silent: RefCell::default() }
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
        self.make_room();
        self.silent.borrow_mut().push_back(tcp.downgrade());
        Some(place)
    }

    /// Ends the oldest connection that said nothing yet where there are too many: its time was the longest, and
    /// who comes now may have something to say.
    fn make_room(&self) {
        let mut silent = self.silent.borrow_mut();
        for _ in 0..LOOKED_THROUGH {
            if silent.front().is_some_and(|tcp| !tcp.is_silent()) {
                silent.pop_front();
            }
        }
        if silent.len() >= self.settings.silent_max {
            silent.retain(WeakTcp::is_silent);
        }
        while silent.len() >= self.settings.silent_max
            && let Some(oldest) = silent.pop_front()
        {
            oldest.abort();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::Rate;
    use tokio::io::AsyncReadExt;
    use tokio::net::{TcpListener, TcpStream};

    const NO: Rate = Rate { per_second: 0, burst: 0 };

    fn door(exempt: &[&str], address: Rate, silent_max: usize) -> Door {
        let limits = RateLimits::new(address, NO, Networks::parse(exempt).unwrap());
        let trusted = Networks::parse(&["10.0.0.0/8"]).unwrap();
        Door::new(DoorSettings { places: Places::new(2), limits: Arc::new(limits), trusted, silent_max })
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

    #[actix_rt::test]
    async fn the_oldest_that_said_nothing_goes_first_and_no_other() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let door = door(&[], NO, 2);
        let mut clients = Vec::new();
        for n in 0..4 {
            let (client, tcp) = pair(&listener).await;
            door.let_in(&tcp, None, false);
            if n == 0 {
                tcp.set_heard();
            }
            clients.push((client, tcp));
        }
        // The second is the oldest one that is silent; the first one was heard.
        assert_eq!(clients[1].0.read(&mut [0; 1]).await.unwrap(), 0);
        for n in [0, 2, 3] {
            assert!(clients[n].0.try_read(&mut [0; 1]).is_err(), "{n} was ended");
        }
    }
}
