//! Writers without readers: how many changes a second the hub makes durable.

use std::time::Instant;

use serde::Serialize;

use crate::args::{WritersArgs, size};
use crate::changes::Mix;
use crate::error::Result;
use crate::modes::{Posted, Verdict};
use crate::pacer::{Pace, Plan};
use crate::report::{Latency, per, print_line, round};
use crate::rig::{CHANGE_TIMEOUT, Rig};

#[derive(Debug, Serialize)]
struct Writers {
    mode: &'static str,
    writers: u64,
    elapsed_s: f64,
    #[serde(flatten)]
    posted: Posted,
    /// Changes that were acknowledged, which means that they are on disk.
    changes_per_s: f64,
    answer_us: Latency,
    first_seq: Option<u64>,
    last_seq: Option<u64>,
    server_cpu_us_per_change: Option<f64>,
    server_rss: Option<u64>,
}

/// Writes, prints.
///
/// # Errors
/// The hub does not start, refuses the first change, or leaves one without an answer.
pub(crate) fn run(args: &WritersArgs) -> Result<Verdict> {
    let target = args.server.target()?;
    let writers = size(args.writers);
    let mut rig = Rig::new(&target, 0, 0, writers, Mix::Items)?;
    rig.changes.pad(size(args.payload));
    rig.calibrate(0, Mix::Items)?;
    let plan = Plan {
        pace: Pace::InFlight(writers),
        count: None,
        duration: Some(args.seconds),
        timeout: CHANGE_TIMEOUT,
    };
    let (began, cpu_before) = (Instant::now(), target.cpu()?);
    let outcome = rig.run(plan, |_, _, _| Ok(()))?;
    let (elapsed, cpu_after) = (began.elapsed(), target.cpu()?);
    let cpu = cpu_before
        .zip(cpu_after)
        .map(|(before, after)| round(per(after.since(&before).as_secs_f64() * 1e6, outcome.acknowledged), 3));
    let posted = Posted::from(&outcome);
    let sound = posted.is_sound();
    print_line(&Writers {
        mode: "writers",
        writers: args.writers,
        elapsed_s: round(elapsed.as_secs_f64(), 3),
        changes_per_s: round(outcome.acknowledged as f64 / elapsed.as_secs_f64(), 1),
        posted,
        answer_us: Latency::from(&outcome.answers),
        first_seq: outcome.seqs.map(|(first, _)| first),
        last_seq: outcome.seqs.map(|(_, last)| last),
        server_cpu_us_per_change: cpu,
        server_rss: target.memory()?.map(|memory| memory.resident),
    })?;
    Ok(Verdict::sound_if(sound))
}
