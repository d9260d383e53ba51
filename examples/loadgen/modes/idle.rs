//! Clients that only stay connected: what each of them costs the server in memory.

use std::time::Duration;

use serde::Serialize;

use crate::args::{IdleArgs, size};
use crate::changes::Mix;
use crate::error::Result;
use crate::modes::Verdict;
use crate::report::{per, print_line, progress, round};
use crate::rig::Rig;

#[derive(Debug, Serialize)]
struct Idle {
    mode: &'static str,
    connections: u64,
    /// How many were still connected at the end.
    connected: usize,
    dropped: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    dropped_why: Option<String>,
    connect_s: f64,
    connects_per_s: f64,
    hold_s: f64,
    frames: u64,
    server_rss_base: Option<u64>,
    server_rss_connected: Option<u64>,
    server_rss_after_hold: Option<u64>,
    server_rss_per_connection: Option<f64>,
}

/// Connects, waits, reads the memory, prints.
///
/// # Errors
/// The hub does not start, or lets not so many clients in.
pub(crate) fn run(args: &IdleArgs) -> Result<Verdict> {
    let target = args.server.target()?;
    let clients = size(args.connections);
    let mut rig = Rig::new(&target, clients, 0, 0, Mix::Items)?;
    // What is set up on the first connection is no cost of the others.
    rig.attend(Duration::from_millis(500), || Ok(()))?;
    let base = target.memory()?;
    progress(&format!("connecting {clients} clients"));
    let took = rig.connect(0, clients, false)?;
    rig.settle()?;
    let connected = target.memory()?;
    rig.attend(args.hold, || Ok(()))?;
    let after = target.memory()?;
    let each = base.zip(after).map(|(base, after)| {
        let grown = after.resident.saturating_sub(base.resident);
        round(per(grown as f64, args.connections), 0)
    });
    let still = rig.ledger.live();
    print_line(&Idle {
        mode: "idle",
        connections: args.connections,
        connected: still,
        dropped: rig.dropped,
        dropped_why: rig.dropped_why,
        connect_s: round(took.as_secs_f64(), 3),
        connects_per_s: round(clients as f64 / took.as_secs_f64(), 0),
        hold_s: args.hold.as_secs_f64(),
        frames: rig.ledger.counts().other_frames,
        server_rss_base: base.map(|memory| memory.resident),
        server_rss_connected: connected.map(|memory| memory.resident),
        server_rss_after_hold: after.map(|memory| memory.resident),
        server_rss_per_connection: each,
    })?;
    Ok(Verdict::sound_if(still == clients))
}
