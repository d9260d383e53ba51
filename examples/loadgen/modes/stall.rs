//! Clients that stop reading beside others that read: who notices, and what it costs the server.

use std::time::{Duration, Instant};

use serde::Serialize;

use crate::args::{StallArgs, size};
use crate::changes::Mix;
use crate::client::Event;
use crate::error::Result;
use crate::frame::Kind;
use crate::modes::{Delivered, Posted, Verdict};
use crate::pacer::{Pace, Plan};
use crate::report::{Latency, print_line, progress, round};
use crate::rig::{CHANGE_TIMEOUT, Rig};
use crate::server::Target;

/// How often the server's memory is looked at.
const SAMPLE_EVERY: Duration = Duration::from_millis(20);

/// How long the stalled clients are read for at the end.
const DRAIN: Duration = Duration::from_secs(3);

#[derive(Debug, Serialize)]
struct Stall {
    mode: &'static str,
    connections: u64,
    stalled: u64,
    #[serde(flatten)]
    posted: Posted,
    /// What the clients that read got.
    #[serde(flatten)]
    delivered: Delivered,
    /// Clients that read and were disconnected all the same.
    dropped: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    dropped_why: Option<String>,
    elapsed_s: f64,
    latency_us: Latency,
    server_rss_base: Option<u64>,
    server_rss_connected: Option<u64>,
    /// The most that was seen from the first change to the end.
    server_rss_peak: Option<u64>,
    server_rss_after: Option<u64>,
    stalled_clients: Stalled,
}

/// What the stalled clients found when they read again.
#[derive(Debug, Default, Serialize)]
struct Stalled {
    /// Bytes and frames that waited for them, summed up.
    bytes: u64,
    changes: u64,
    states: u64,
    /// How many the server had given up.
    closed: u64,
}

impl Stalled {
    fn enter(&mut self, event: &Event) {
        match event {
            Event::Frame { frame, .. } => {
                self.bytes += frame.bytes as u64;
                match frame.kind {
                    Kind::Change { .. } => self.changes += 1,
                    Kind::State { .. } => self.states += 1,
                    Kind::Connected { .. } | Kind::Other => {}
                }
            }
            Event::Closed { .. } => self.closed += 1,
            _ => {}
        }
    }
}

/// The highest memory seen so far.
struct Peak<'t> {
    target: &'t Target,
    sampled: Instant,
    highest: Option<u64>,
}

impl Peak<'_> {
    fn look(&mut self) -> Result<()> {
        if self.sampled.elapsed() >= SAMPLE_EVERY {
            self.sampled = Instant::now();
            self.highest = self.highest.max(self.target.memory()?.map(|memory| memory.resident));
        }
        Ok(())
    }
}

/// Connects both kinds, posts, waits, lets the stalled ones read, prints.
///
/// # Errors
/// The hub does not start, or does not keep to the contract so far that nothing can be measured.
pub(crate) fn run(args: &StallArgs) -> Result<Verdict> {
    let target = args.server.target()?;
    let (readers, stalled) = (size(args.connections), size(args.stalled));
    let base = target.memory()?;
    let mut rig = Rig::new(&target, readers, stalled, size(args.in_flight), Mix::Items)?;
    rig.connect(0, readers, false)?;
    rig.calibrate(size(args.payload), Mix::Items)?;
    // They come after the calibration, so that all they miss is what is counted.
    rig.connect(readers, readers + stalled, true)?;
    rig.settle()?;
    let connected = target.memory()?;
    rig.ledger.begin();
    progress(&format!("{} changes past {stalled} clients that do not read", args.count));

    let plan = Plan {
        pace: Pace::InFlight(size(args.in_flight)),
        count: Some(args.count),
        duration: None,
        timeout: CHANGE_TIMEOUT,
    };
    let mut peak = Peak { target: &target, sampled: Instant::now(), highest: None };
    let began = Instant::now();
    let outcome = rig.run(plan, |_, _, _| peak.look())?;
    let elapsed = began.elapsed();
    rig.attend(args.hold, || peak.look())?;
    rig.ledger.close_books();
    let after = target.memory()?;

    let found = drain(&mut rig, readers, readers + stalled)?;
    let (posted, delivered) = (Posted::from(&outcome), Delivered::from(rig.ledger.counts()));
    let sound = posted.is_sound() && delivered.is_sound() && rig.dropped == 0;
    print_line(&Stall {
        mode: "stall",
        connections: args.connections,
        stalled: args.stalled,
        posted,
        delivered,
        dropped: rig.dropped,
        dropped_why: rig.dropped_why,
        elapsed_s: round(elapsed.as_secs_f64(), 3),
        latency_us: Latency::from(rig.ledger.arrival()),
        server_rss_base: base.map(|memory| memory.resident),
        server_rss_connected: connected.map(|memory| memory.resident),
        server_rss_peak: peak.highest.max(after.map(|memory| memory.resident)),
        server_rss_after: after.map(|memory| memory.resident),
        stalled_clients: found,
    })?;
    Ok(Verdict::sound_if(sound))
}

/// Lets the clients `from..to` read again, and tells what they find.
fn drain(rig: &mut Rig, from: usize, to: usize) -> Result<Stalled> {
    let mut found = Stalled::default();
    for client in from..to {
        rig.unmute(client).iter().for_each(|event| found.enter(event));
    }
    let began = Instant::now();
    while began.elapsed() < DRAIN {
        rig.turn(SAMPLE_EVERY, |event| {
            if event.client().is_some_and(|client| client >= from) {
                found.enter(event);
            }
            Ok(())
        })?;
    }
    Ok(found)
}
