//! Changes to many clients: latency, losses, the server's CPU for each delivery, its memory.

use std::time::Instant;

use serde::Serialize;

use crate::args::{FanoutArgs, LoadArgs, size};
use crate::changes::Mix;
use crate::error::Result;
use crate::modes::{Delivered, Posted, Verdict};
use crate::pacer::{Pace, Plan};
use crate::proc::CpuTime;
use crate::report::{Latency, per, print_line, progress, round};
use crate::rig::{CHANGE_TIMEOUT, Rig};
use crate::server::Target;

/// One measurement. Latencies in microseconds, memory in bytes; what needs the server's process is
/// absent when that is not known.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Fanout {
    mode: &'static str,
    connections: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    in_flight: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rate: Option<f64>,
    #[serde(flatten)]
    pub(crate) posted: Posted,
    #[serde(flatten)]
    pub(crate) delivered: Delivered,
    /// Connections that the server ended.
    dropped: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    dropped_why: Option<String>,
    elapsed_s: f64,
    pub(crate) deliveries_per_s: f64,
    /// From the POST to each arrival.
    pub(crate) latency_us: Latency,
    /// From the POST to the arrival at the last client.
    last_arrival_us: Latency,
    /// From the POST to its answer.
    answer_us: Latency,
    pub(crate) server_cpu_us_per_delivery: Option<f64>,
    server_cpu_s: Option<f64>,
    client_cpu_us_per_delivery: f64,
    server_rss_before: Option<u64>,
    server_rss_connected: Option<u64>,
    server_rss_per_connection: Option<f64>,
}

impl Fanout {
    /// Whether everything reached everyone, once.
    pub(crate) fn is_sound(&self) -> bool {
        self.posted.is_sound() && self.delivered.is_sound() && self.dropped == 0
    }
}

/// Measures a hub.
///
/// # Errors
/// It does not start, or does not keep to the contract so far that nothing can be measured.
pub(crate) fn hub(args: &FanoutArgs) -> Result<Verdict> {
    print(&measure("fanout", &args.server.target()?, &args.load)?)
}

/// Measures the yardstick.
///
/// # Errors
/// As [`hub`].
pub(crate) fn yardstick(load: &LoadArgs) -> Result<Verdict> {
    print(&measure("yardstick", &Target::start_yardstick(size(load.payload))?, load)?)
}

/// Connects, warms up, measures.
///
/// # Errors
/// As [`hub`].
pub(crate) fn measure(mode: &'static str, target: &Target, load: &LoadArgs) -> Result<Fanout> {
    let plan = load.plan();
    let clients = size(load.connections);
    let before = target.memory()?;
    let mut rig = Rig::new(target, clients, 0, plan.pace.posters(), Mix::Alternating)?;
    rig.connect(0, clients, false)?;
    rig.settle()?;
    let connected = target.memory()?;
    rig.calibrate(size(load.payload), Mix::Alternating)?;
    if load.warmup > 0 {
        let warmup = Plan { count: Some(load.warmup), duration: None, timeout: CHANGE_TIMEOUT, ..plan };
        rig.run(warmup, |_, _, _| Ok(()))?;
    }

    rig.ledger.begin();
    let (began, cpu_before, own_before) = (Instant::now(), target.cpu()?, own_cpu()?);
    let outcome = rig.run(plan, |_, _, _| Ok(()))?;
    let (elapsed, cpu_after, own_after) = (began.elapsed(), target.cpu()?, own_cpu()?);
    rig.ledger.close_books();

    let delivered = Delivered::from(rig.ledger.counts());
    let micros_each = |cpu: std::time::Duration| round(per(cpu.as_secs_f64() * 1e6, delivered.deliveries), 3);
    let server_cpu = cpu_before.zip(cpu_after).map(|(before, after)| after.since(&before));
    let grown = before.zip(connected).map(|(before, after)| {
        let bytes = after.resident.saturating_sub(before.resident);
        round(per(bytes as f64, load.connections), 0)
    });
    let (in_flight, rate) = match plan.pace {
        Pace::InFlight(in_flight) => (Some(in_flight), None),
        Pace::Rate { per_second, .. } => (None, Some(per_second)),
    };
    Ok(Fanout {
        mode,
        connections: load.connections,
        in_flight,
        rate,
        posted: Posted::from(&outcome),
        deliveries_per_s: round(delivered.deliveries as f64 / elapsed.as_secs_f64(), 0),
        server_cpu_us_per_delivery: server_cpu.map(micros_each),
        client_cpu_us_per_delivery: micros_each(own_after.since(&own_before)),
        delivered,
        dropped: rig.dropped,
        dropped_why: rig.dropped_why.take(),
        elapsed_s: round(elapsed.as_secs_f64(), 3),
        latency_us: Latency::from(rig.ledger.arrival()),
        last_arrival_us: Latency::from(rig.ledger.spread()),
        answer_us: Latency::from(&outcome.answers),
        server_cpu_s: server_cpu.map(|cpu| round(cpu.as_secs_f64(), 4)),
        server_rss_before: before.map(|memory| memory.resident),
        server_rss_connected: connected.map(|memory| memory.resident),
        server_rss_per_connection: grown,
    })
}

fn print(fanout: &Fanout) -> Result<Verdict> {
    print_line(fanout)?;
    if let Some(cpu) = fanout.server_cpu_us_per_delivery {
        progress(&format!("{cpu} us of server CPU for each of {} deliveries", fanout.delivered.deliveries));
    }
    Ok(Verdict::sound_if(fanout.is_sound()))
}

fn own_cpu() -> Result<CpuTime> {
    CpuTime::of(std::process::id())
}
