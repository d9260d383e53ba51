//! The command line. What a user reads in `--help` is written here.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};

use crate::error::Result;
use crate::net::parse_loopback;
use crate::pacer::{Pace, Plan};
use crate::rig::CHANGE_TIMEOUT;
use crate::server::Target;

/// Puts load on an opshub and measures what it does with it.
///
/// Each mode connects WebSocket clients (`opshub.v1`) to a hub on this machine, posts changes over
/// HTTP, and prints one line of JSON on standard output; progress goes to standard error. The
/// client side is one epoll loop, so that it leaves the CPU to the server.
///
/// The hub is either started for the measurement (`--server-bin`, on a free port, with an empty
/// data folder in TMPDIR that is removed afterwards; OPSHUB_… variables hold for it) or runs
/// already (`--addr`, with `--server-pid` if its CPU and memory are to be reported). A hub that runs
/// already gets items `load-0` to `load-15` among its priorities, and its progress is changed.
#[derive(Debug, Parser)]
#[command(
    name = "loadgen",
    after_help = "\
Exit codes: 0 measured, 1 measured and a client lost a change or got one twice, 2 wrong usage,
3 not measured. Latencies are in microseconds, memory in bytes.

Examples (build both with --release, or the figures say nothing):
  loadgen fanout --server-bin target/release/opshub --in-flight 8
  loadgen fanout --addr 127.0.0.1:8000 --server-pid 4242 --rate 50 --seconds 30
  loadgen compare --server-bin target/release/opshub
  loadgen idle --server-bin target/release/opshub --connections 10000"
)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) mode: Mode,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Mode {
    /// Changes to many clients: latency, losses, server CPU for each delivery, memory
    Fanout(FanoutArgs),
    /// The same, against a bare epoll writer: what the machine itself costs
    Yardstick(LoadArgs),
    /// Yardstick and hub in turn: medians, and how many times the yardstick's CPU the hub takes
    ///
    /// Measures the hub's frame size first, and gives the yardstick frames of the same size.
    Compare(CompareArgs),
    /// Clients that only stay connected: memory for each of them
    Idle(IdleArgs),
    /// Clients that come and go while changes flow: what the hub keeps of them
    Churn(ChurnArgs),
    /// Clients that stop reading beside others that read: who notices, and what it costs
    Stall(StallArgs),
    /// Writers without readers: durable changes a second
    Writers(WritersArgs),
    /// Is the bare epoll writer; started by `yardstick` and `compare`, ends with its input
    #[command(hide = true)]
    YardstickServer {
        #[arg(long, default_value_t = 200)]
        payload: usize,
    },
}

/// Which hub is measured.
#[derive(Debug, Args)]
pub(crate) struct ServerArgs {
    /// Start this hub for the measurement
    #[arg(long, value_name = "PATH", required_unless_present = "addr", conflicts_with = "addr")]
    server_bin: Option<PathBuf>,
    /// Measure the hub that listens here; only loopback addresses are accepted
    #[arg(long, value_name = "ADDRESS", value_parser = parse_loopback)]
    addr: Option<SocketAddr>,
    /// Its process, to report its CPU and memory
    #[arg(long, value_name = "PID", requires = "addr")]
    server_pid: Option<u32>,
}

/// How many clients, and what they get.
#[derive(Debug, Clone, Args)]
pub(crate) struct LoadArgs {
    /// WebSocket clients
    #[arg(long, value_name = "N", default_value = "1000", value_parser = count(0, 60_000))]
    pub(crate) connections: u64,
    /// Bytes in a frame; reached by padding the title of items (progress frames keep their size,
    /// and the report tells the true mean)
    #[arg(long, value_name = "BYTES", default_value = "200", value_parser = count(0, 400_000))]
    pub(crate) payload: u64,
    /// Closed loop: so many changes under way, each from its POST to its last arrival
    #[arg(long, value_name = "K", default_value = "1", value_parser = count(1, 1024))]
    pub(crate) in_flight: u64,
    /// Open loop instead: so many changes a second, however fast they arrive
    #[arg(long, value_name = "PER_SECOND", value_parser = rate, conflicts_with = "in_flight")]
    pub(crate) rate: Option<f64>,
    /// End after so many changes (500, when no time is given)
    #[arg(long, value_name = "CHANGES", value_parser = count(1, 10_000_000))]
    pub(crate) count: Option<u64>,
    /// End after so long
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    pub(crate) seconds: Option<Duration>,
    /// Changes before the measurement begins
    #[arg(long, value_name = "CHANGES", default_value = "50", value_parser = count(0, 100_000))]
    pub(crate) warmup: u64,
}

#[derive(Debug, Args)]
pub(crate) struct FanoutArgs {
    #[command(flatten)]
    pub(crate) server: ServerArgs,
    #[command(flatten)]
    pub(crate) load: LoadArgs,
}

#[derive(Debug, Args)]
pub(crate) struct CompareArgs {
    /// Start this hub for each run
    #[arg(long, value_name = "PATH")]
    pub(crate) server_bin: PathBuf,
    /// Runs of each server, for each number in flight
    #[arg(long, value_name = "N", default_value = "5", value_parser = count(1, 100))]
    pub(crate) runs: u64,
    /// Changes under way, one series for each
    #[arg(long, value_name = "K,…", default_value = "1,8", value_delimiter = ',',
          value_parser = count(1, 1024))]
    pub(crate) in_flight: Vec<u64>,
    /// WebSocket clients
    #[arg(long, value_name = "N", default_value = "1000", value_parser = count(1, 60_000))]
    pub(crate) connections: u64,
    /// Bytes in a frame; the hub's true mean is then used for the yardstick
    #[arg(long, value_name = "BYTES", default_value = "200", value_parser = count(0, 400_000))]
    pub(crate) payload: u64,
    /// Changes in each run
    #[arg(long, value_name = "CHANGES", default_value = "500", value_parser = count(1, 1_000_000))]
    pub(crate) count: u64,
    /// Changes before each run
    #[arg(long, value_name = "CHANGES", default_value = "50", value_parser = count(0, 100_000))]
    pub(crate) warmup: u64,
}

#[derive(Debug, Args)]
pub(crate) struct IdleArgs {
    #[command(flatten)]
    pub(crate) server: ServerArgs,
    /// WebSocket clients
    #[arg(long, value_name = "N", default_value = "10000", value_parser = count(1, 60_000))]
    pub(crate) connections: u64,
    /// Stay connected for so long before the memory is read, answering pings
    #[arg(long, value_name = "SECONDS", default_value = "5", value_parser = seconds)]
    pub(crate) hold: Duration,
}

#[derive(Debug, Args)]
pub(crate) struct ChurnArgs {
    #[command(flatten)]
    pub(crate) server: ServerArgs,
    /// WebSocket clients; each stays for up to a second, then is away for up to a quarter
    #[arg(long, value_name = "N", default_value = "200", value_parser = count(1, 20_000))]
    pub(crate) connections: u64,
    /// Come and go for so long
    #[arg(long, value_name = "SECONDS", default_value = "15", value_parser = seconds)]
    pub(crate) seconds: Duration,
    /// Changes a second meanwhile
    #[arg(long, value_name = "PER_SECOND", default_value = "100", value_parser = rate)]
    pub(crate) rate: f64,
    /// Where chance begins; the same number gives the same comings and goings
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    pub(crate) seed: u64,
}

#[derive(Debug, Args)]
pub(crate) struct StallArgs {
    #[command(flatten)]
    pub(crate) server: ServerArgs,
    /// Clients that read
    #[arg(long, value_name = "N", default_value = "200", value_parser = count(1, 20_000))]
    pub(crate) connections: u64,
    /// Clients that never read once their handshake is through
    #[arg(long, value_name = "M", default_value = "50", value_parser = count(1, 20_000))]
    pub(crate) stalled: u64,
    /// Changes
    #[arg(long, value_name = "C", default_value = "500", value_parser = count(1, 100_000))]
    pub(crate) count: u64,
    /// Bytes in a frame
    #[arg(long, value_name = "S", default_value = "16384", value_parser = count(0, 400_000))]
    pub(crate) payload: u64,
    /// Changes under way
    #[arg(long, value_name = "K", default_value = "4", value_parser = count(1, 64))]
    pub(crate) in_flight: u64,
    /// Wait for so long after the last change, before the stalled clients read again
    #[arg(long, value_name = "SECONDS", default_value = "1", value_parser = seconds)]
    pub(crate) hold: Duration,
}

#[derive(Debug, Args)]
pub(crate) struct WritersArgs {
    #[command(flatten)]
    pub(crate) server: ServerArgs,
    /// Keep-alive connections that each post one change after the other
    #[arg(long, value_name = "W", default_value = "64", value_parser = count(1, 1024))]
    pub(crate) writers: u64,
    /// Write for so long
    #[arg(long, value_name = "SECONDS", default_value = "10", value_parser = seconds)]
    pub(crate) seconds: Duration,
    /// Bytes added to the title of each item
    #[arg(long, value_name = "BYTES", default_value = "100", value_parser = count(0, 400_000))]
    pub(crate) payload: u64,
}

impl ServerArgs {
    /// Starts the hub, or points to the one that runs.
    ///
    /// # Errors
    /// The hub does not start.
    pub(crate) fn target(&self) -> Result<Target> {
        match (&self.server_bin, self.addr) {
            (_, Some(address)) => Ok(Target::running(address, self.server_pid)),
            (Some(binary), None) => Target::start_hub(binary),
            (None, None) => unreachable!("one of the two is required"),
        }
    }
}

impl LoadArgs {
    /// Connections that post when the pace is a rate.
    const RATE_POSTERS: usize = 16;

    /// Changes, when neither a number nor a time is given.
    const DEFAULT_COUNT: u64 = 500;

    /// What is posted, and for how long.
    pub(crate) fn plan(&self) -> Plan {
        let pace = match self.rate {
            Some(per_second) => Pace::Rate { per_second, posters: Self::RATE_POSTERS },
            None => Pace::InFlight(size(self.in_flight)),
        };
        let endless = self.count.is_none() && self.seconds.is_none();
        let count = if endless { Some(Self::DEFAULT_COUNT) } else { self.count };
        Plan { pace, count, duration: self.seconds, timeout: CHANGE_TIMEOUT }
    }
}

/// A number from the command line as a size in memory.
pub(crate) fn size(number: u64) -> usize {
    usize::try_from(number).expect("bounded where it is parsed")
}

fn count(low: u64, high: u64) -> clap::builder::RangedU64ValueParser<u64> {
    clap::value_parser!(u64).range(low..=high)
}

fn seconds(text: &str) -> std::result::Result<Duration, String> {
    match text.parse::<f64>() {
        Ok(seconds) if (0.0..=3600.0).contains(&seconds) => Ok(Duration::from_secs_f64(seconds)),
        _ => Err("expected seconds between 0 and 3600".into()),
    }
}

fn rate(text: &str) -> std::result::Result<f64, String> {
    match text.parse::<f64>() {
        Ok(rate) if (0.1..=100_000.0).contains(&rate) => Ok(rate),
        _ => Err("expected changes a second between 0.1 and 100000".into()),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]

    use clap::CommandFactory;

    use super::*;

    fn parse(line: &str) -> std::result::Result<Mode, String> {
        let words = std::iter::once("loadgen").chain(line.split_whitespace());
        Cli::try_parse_from(words).map(|cli| cli.mode).map_err(|error| error.to_string())
    }

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn a_server_must_be_named_and_be_on_this_machine() {
        assert!(parse("fanout").unwrap_err().contains("--server-bin"));
        assert!(parse("fanout --addr 192.0.2.7:80").unwrap_err().contains("only loopback"));
        assert!(parse("fanout --server-bin x --addr 127.0.0.1:1").is_err());
        assert!(parse("fanout --addr 127.0.0.1:1 --server-pid 7").is_ok());
    }

    #[test]
    fn a_run_always_has_an_end() {
        let plan = |line: &str| match parse(line).unwrap() {
            Mode::Yardstick(load) => load.plan(),
            other => panic!("{other:?}"),
        };
        assert_eq!(plan("yardstick").count, Some(500));
        let timed = plan("yardstick --rate 50 --seconds 2");
        assert_eq!((timed.count, timed.duration), (None, Some(Duration::from_secs(2))));
        assert!(parse("yardstick --seconds inf").is_err());
        assert!(parse("yardstick --seconds 3601").is_err());
        assert!(parse("yardstick --connections 60001").is_err());
        assert!(parse("yardstick --rate 5 --in-flight 8").is_err());
    }

    #[test]
    fn a_series_is_measured_for_each_number_in_flight() {
        let Mode::Compare(args) = parse("compare --server-bin x").unwrap() else { panic!() };
        assert_eq!(args.in_flight, [1, 8]);
        let Mode::Compare(args) = parse("compare --server-bin x --in-flight 4").unwrap() else { panic!() };
        assert_eq!(args.in_flight, [4]);
    }
}
