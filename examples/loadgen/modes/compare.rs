//! The yardstick and the hub in turn, on the same load, with frames of the same size.

use std::path::Path;

use serde::Serialize;

use crate::args::{CompareArgs, LoadArgs};
use crate::error::{Error, Result};
use crate::modes::Verdict;
use crate::modes::fanout::{Fanout, measure};
use crate::report::{median, print_line, progress, round, table};
use crate::server::Target;

/// The runs that find out how long the hub's frames are.
const SIZING_CONNECTIONS: u64 = 8;
const SIZING_CHANGES: u64 = 100;

#[derive(Debug, Serialize)]
struct Comparison {
    mode: &'static str,
    connections: u64,
    runs: u64,
    changes_per_run: u64,
    frame_bytes: usize,
    /// Runs in which a client lost a change, got one twice, or was dropped.
    unsound_runs: u64,
    series: Vec<Series>,
}

/// Medians of the runs with one number of changes in flight.
#[derive(Debug, Serialize)]
struct Series {
    in_flight: u64,
    yardstick: Medians,
    hub: Medians,
    /// The hub's CPU for each delivery as a multiple of the yardstick's.
    cpu_ratio: f64,
    /// The same for each pair of runs, in the order in which they ran.
    cpu_ratios: Vec<f64>,
}

#[derive(Debug, Serialize)]
struct Medians {
    frame_bytes: f64,
    cpu_us_per_delivery: f64,
    latency_p50_us: f64,
    latency_p99_us: f64,
    deliveries_per_s: f64,
}

impl Medians {
    fn of(runs: &[Fanout]) -> Medians {
        let of = |figure: &dyn Fn(&Fanout) -> f64| round(median(runs.iter().map(figure)), 3);
        Medians {
            frame_bytes: of(&|run| run.delivered.frame_bytes),
            cpu_us_per_delivery: of(&cpu),
            latency_p50_us: of(&|run| run.latency_us.p50),
            latency_p99_us: of(&|run| run.latency_us.p99),
            deliveries_per_s: of(&|run| run.deliveries_per_s),
        }
    }
}

/// Compares, prints one JSON line and, for people, a table.
///
/// # Errors
/// One of the servers does not start or cannot be measured.
pub(crate) fn run(args: &CompareArgs) -> Result<Verdict> {
    let frame_bytes = frame_size(args)?;
    progress(&format!("the hub's frames have {frame_bytes} bytes on average"));
    let mut unsound_runs = 0;
    let mut series = Vec::new();
    for &in_flight in &args.in_flight {
        let (mut yardsticks, mut hubs) = (Vec::new(), Vec::new());
        for run in 1..=args.runs {
            let payload = frame_bytes as u64;
            let load = load(args, args.connections, in_flight, args.count);
            let bare = LoadArgs { payload, ..load.clone() };
            yardsticks.push(measure("yardstick", &Target::start_yardstick(frame_bytes)?, &bare)?);
            hubs.push(measure("fanout", &start(&args.server_bin)?, &load)?);
            let pair = [&yardsticks, &hubs].map(|runs| runs.last().expect("pushed just above"));
            unsound_runs += pair.iter().filter(|run| !run.is_sound()).count() as u64;
            progress(&format!(
                "{in_flight} in flight, run {run} of {}: yardstick {} us, hub {} us",
                args.runs,
                cpu(pair[0]),
                cpu(pair[1])
            ));
        }
        series.push(Series::of(in_flight, &yardsticks, &hubs));
    }
    let comparison = Comparison {
        mode: "compare",
        connections: args.connections,
        runs: args.runs,
        changes_per_run: args.count,
        frame_bytes,
        unsound_runs,
        series,
    };
    progress(&rows(&comparison.series));
    print_line(&comparison)?;
    Ok(Verdict::sound_if(unsound_runs == 0))
}

impl Series {
    fn of(in_flight: u64, yardsticks: &[Fanout], hubs: &[Fanout]) -> Series {
        let pairs = yardsticks.iter().zip(hubs);
        let cpu_ratios = pairs.map(|(bare, hub)| round(cpu(hub) / cpu(bare), 3)).collect();
        let (yardstick, hub) = (Medians::of(yardsticks), Medians::of(hubs));
        let cpu_ratio = round(hub.cpu_us_per_delivery / yardstick.cpu_us_per_delivery, 3);
        Series { in_flight, yardstick, hub, cpu_ratio, cpu_ratios }
    }
}

/// The mean length of the frames that the hub makes of the changes that are posted.
fn frame_size(args: &CompareArgs) -> Result<usize> {
    let load = load(args, SIZING_CONNECTIONS, 1, SIZING_CHANGES);
    let sized = measure("fanout", &start(&args.server_bin)?, &load)?;
    if sized.delivered.deliveries == 0 {
        return Err(Error::Unmet("the hub delivered nothing".into()));
    }
    // A mean length: positive, and far from where a float would round.
    Ok(sized.delivered.frame_bytes.round() as usize)
}

fn start(binary: &Path) -> Result<Target> {
    Target::start_hub(binary)
}

fn load(args: &CompareArgs, connections: u64, in_flight: u64, count: u64) -> LoadArgs {
    LoadArgs {
        connections,
        payload: args.payload,
        in_flight,
        rate: None,
        count: Some(count),
        seconds: None,
        warmup: args.warmup,
    }
}

/// Both servers were started here, so their CPU is known.
fn cpu(run: &Fanout) -> f64 {
    run.server_cpu_us_per_delivery.unwrap_or_default()
}

fn rows(series: &[Series]) -> String {
    let head = ["in flight", "server", "cpu us/delivery", "p50 us", "p99 us", "deliveries/s", "ratio"];
    let mut rows = vec![head.map(String::from).to_vec()];
    for each in series {
        for (name, medians) in [("yardstick", &each.yardstick), ("hub", &each.hub)] {
            let ratio = if name == "hub" { each.cpu_ratio } else { 1.0 };
            rows.push(vec![
                each.in_flight.to_string(),
                name.into(),
                format!("{:.3}", medians.cpu_us_per_delivery),
                format!("{:.0}", medians.latency_p50_us),
                format!("{:.0}", medians.latency_p99_us),
                format!("{:.0}", medians.deliveries_per_s),
                format!("{ratio:.2}"),
            ]);
        }
    }
    table(&rows)
}
