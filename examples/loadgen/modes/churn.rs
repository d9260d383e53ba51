//! Clients that come and go while changes flow: what they miss, and what the hub keeps of them.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::{Duration, Instant};

use serde::Serialize;

use crate::args::{ChurnArgs, size};
use crate::changes::Mix;
use crate::client::{Event, Fleet, Leave};
use crate::error::{Doing, Error, Result};
use crate::frame::Kind;
use crate::http;
use crate::ledger::Ledger;
use crate::modes::{Delivered, Posted, Verdict};
use crate::pacer::{Pace, Plan};
use crate::report::{print_line, progress, round};
use crate::rig::{CHANGE_TIMEOUT, Rig};
use crate::server::Target;

/// How long a client stays and is away, at most, in nanoseconds.
const STAY_MAX_NS: u64 = 1_000_000_000;
const AWAY_MAX_NS: u64 = 250_000_000;

/// How long the hub may take to answer a close frame.
const CLOSE_ANSWER_NS: u64 = 3_000_000_000;

/// How long the hub may take to notice that everybody has left, and to give back what they had.
const PARTING_TIMEOUT: Duration = Duration::from_secs(15);
const PARTING_LOOK_EVERY: Duration = Duration::from_millis(200);
const CLOSING: Duration = Duration::from_secs(1);

/// Frames are small here, so that the comings and goings are what costs.
const FRAME_BYTES: usize = 200;
const POSTERS: usize = 16;

#[derive(Debug, Serialize)]
struct Churn {
    mode: &'static str,
    connections: u64,
    elapsed_s: f64,
    #[serde(flatten)]
    came_and_went: CameAndWent,
    #[serde(flatten)]
    posted: Posted,
    #[serde(flatten)]
    delivered: Delivered,
    /// Connections that the server ended.
    dropped: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    dropped_why: Option<String>,
    server_rss_before: Option<u64>,
    server_rss_after: Option<u64>,
    server_files_before: Option<u64>,
    server_files_after: Option<u64>,
    hub_connections_before: u64,
    hub_connections_after: u64,
    /// How long it took until the hub counted as few connections as before.
    parting_s: f64,
}

#[derive(Debug, Default, Serialize)]
struct CameAndWent {
    connects: u64,
    left_politely: u64,
    left_abruptly: u64,
    /// Close frames that the hub did not answer within three seconds.
    closes_unanswered: u64,
    /// Reconnects that asked for what they had missed, and those that got just that.
    asked_to_resume: u64,
    resumed: u64,
}

/// Moves each client in and out at moments of chance.
struct Crowd {
    members: Vec<Member>,
    /// When each client makes its next move, soonest first: due time, client, its turn.
    moves: BinaryHeap<Reverse<(u64, usize, u64)>>,
    chance: Chance,
    tally: CameAndWent,
}

#[derive(Debug, Clone, Copy)]
struct Member {
    place: Place,
    /// Counts its moves, so that a move planned before an unexpected one is passed over.
    turn: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    In,
    Leaving,
    Away,
}

impl Crowd {
    /// A crowd of clients that are all connected at `now`.
    fn new(clients: usize, now: u64, seed: u64) -> Crowd {
        let members = vec![Member { place: Place::In, turn: 0 }; clients];
        let (moves, tally) = (BinaryHeap::new(), CameAndWent::default());
        let mut crowd = Crowd { members, moves, chance: Chance::new(seed), tally };
        (0..clients).for_each(|client| crowd.plan(client, Place::In, now));
        crowd
    }

    /// Lets everybody move whose time has come.
    fn move_on(&mut self, fleet: &mut Fleet, ledger: &mut Ledger) -> Result<()> {
        let now = fleet.now();
        while let Some(&Reverse((due, client, turn))) = self.moves.peek() {
            if due > now {
                break;
            }
            self.moves.pop();
            if turn != self.members[client].turn {
                continue;
            }
            match self.members[client].place {
                Place::Away => {
                    let since = ledger.last_of(client).filter(|_| self.chance.coin());
                    fleet.open(client, since)?;
                    self.tally.connects += 1;
                    self.tally.asked_to_resume += u64::from(since.is_some());
                    self.plan(client, Place::In, now);
                }
                Place::In if self.chance.coin() => {
                    fleet.leave(client, Leave::Politely);
                    self.tally.left_politely += 1;
                    self.plan(client, Place::Leaving, now);
                }
                place @ (Place::In | Place::Leaving) => {
                    fleet.leave(client, Leave::Abruptly);
                    ledger.closed(client);
                    match place {
                        Place::Leaving => self.tally.closes_unanswered += 1,
                        _ => self.tally.left_abruptly += 1,
                    }
                    self.plan(client, Place::Away, now);
                }
            }
        }
        Ok(())
    }

    fn enter(&mut self, event: &Event, now: u64) {
        match event {
            Event::Closed { client, .. } => self.plan(*client, Place::Away, now),
            Event::Frame { frame, .. } if frame.kind == (Kind::Connected { recovered: true }) => {
                self.tally.resumed += 1;
            }
            _ => {}
        }
    }

    /// Puts a client where it is from `now` on, and plans when it moves next.
    fn plan(&mut self, client: usize, place: Place, now: u64) {
        let after = match place {
            Place::In => self.chance.below(STAY_MAX_NS),
            Place::Away => self.chance.below(AWAY_MAX_NS),
            Place::Leaving => CLOSE_ANSWER_NS,
        };
        let turn = self.members[client].turn + 1;
        self.members[client] = Member { place, turn };
        self.moves.push(Reverse((now + after, client, turn)));
    }
}

/// A small generator (xorshift) that gives the same run for the same seed.
struct Chance(u64);

impl Chance {
    fn new(seed: u64) -> Chance {
        // Zero is the one state that it never leaves.
        Chance(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }

    fn coin(&mut self) -> bool {
        self.next() >> 63 == 0
    }
}

/// Connects, lets the clients come and go, sends them home, looks at what is left, prints.
///
/// # Errors
/// The hub does not start, or does not keep to the contract so far that nothing can be measured.
pub(crate) fn run(args: &ChurnArgs) -> Result<Verdict> {
    let target = args.server.target()?;
    let clients = size(args.connections);
    let mut rig = Rig::new(&target, clients, 0, POSTERS, Mix::Alternating)?;
    let (rss_before, files_before) = (target.memory()?, target.open_files()?);
    let hub_before = hub_connections(&target)?;
    rig.connect(0, clients, false)?;
    rig.calibrate(FRAME_BYTES, Mix::Alternating)?;
    rig.ledger.begin();
    progress(&format!("{clients} clients come and go for {:?}", args.seconds));

    let mut crowd = Crowd::new(clients, rig.fleet.now(), args.seed);
    let plan = Plan {
        pace: Pace::Rate { per_second: args.rate, posters: POSTERS },
        count: None,
        duration: Some(args.seconds),
        timeout: CHANGE_TIMEOUT,
    };
    let began = Instant::now();
    let outcome = rig.run(plan, |fleet, ledger, events| {
        let now = fleet.now();
        events.iter().for_each(|event| crowd.enter(event, now));
        crowd.move_on(fleet, ledger)
    })?;
    let elapsed = began.elapsed();

    let parting = send_home(&mut rig, &target, hub_before)?;
    let (posted, delivered) = (Posted::from(&outcome), Delivered::from(rig.ledger.counts()));
    let hub_after = hub_connections(&target)?;
    let kept_nobody = hub_after <= hub_before;
    let sound = posted.is_sound() && delivered.is_sound() && kept_nobody && rig.dropped == 0;
    print_line(&Churn {
        mode: "churn",
        connections: args.connections,
        elapsed_s: round(elapsed.as_secs_f64(), 3),
        came_and_went: crowd.tally,
        posted,
        delivered,
        dropped: rig.dropped,
        dropped_why: rig.dropped_why,
        server_rss_before: rss_before.map(|memory| memory.resident),
        server_rss_after: target.memory()?.map(|memory| memory.resident),
        server_files_before: files_before,
        server_files_after: target.open_files()?,
        hub_connections_before: hub_before,
        hub_connections_after: hub_after,
        parting_s: round(parting.as_secs_f64(), 3),
    })?;
    Ok(Verdict::sound_if(sound))
}

/// Closes every connection, and waits until the hub has no more than `before`. Returns how long
/// that took; a hub that still counts some after the time-out is told by the count itself.
fn send_home(rig: &mut Rig, target: &Target, before: u64) -> Result<Duration> {
    let began = Instant::now();
    let clients = rig.ledger.clients();
    (0..clients).for_each(|client| rig.fleet.leave(client, Leave::Politely));
    rig.fleet.hang_up_posters();
    rig.attend(CLOSING, || Ok(()))?;
    (0..clients).for_each(|client| rig.fleet.leave(client, Leave::Abruptly));
    while hub_connections(target)? > before && began.elapsed() < PARTING_TIMEOUT {
        std::thread::sleep(PARTING_LOOK_EVERY);
    }
    Ok(began.elapsed())
}

/// How many WebSocket connections the hub counts.
fn hub_connections(target: &Target) -> Result<u64> {
    let health = http::get_json(target.address(), "/health").doing(|| "could not ask /health".into())?;
    let count = health.pointer("/websocket/connections").and_then(serde_json::Value::as_u64);
    count.ok_or_else(|| Error::Unmet("/health tells no websocket.connections".into()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::Cause;

    #[test]
    fn the_same_seed_gives_the_same_chances() {
        let draw = |seed| {
            let mut chance = Chance::new(seed);
            (0..50).map(|_| chance.below(1000)).collect::<Vec<_>>()
        };
        assert_eq!(draw(7), draw(7));
        assert_ne!(draw(7), draw(8));
        assert!(draw(0).iter().any(|number| *number != 0));
    }

    #[test]
    fn a_move_that_was_overtaken_is_passed_over() {
        let mut crowd = Crowd::new(1, 0, 1);
        let planned = crowd.members[0].turn;
        crowd.enter(&Event::Closed { client: 0, cause: Cause::Own }, 10);
        assert_eq!(crowd.members[0].place, Place::Away);
        assert_ne!(crowd.members[0].turn, planned);
    }
}
