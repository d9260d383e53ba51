//! A working day in a hub: people decide, promises are made and kept, meetings move, collections run.
//!
//! ```text
//! cargo run --example demo -- --hub http://127.0.0.1:8000 --speed 2 --seed 7
//! ```
//!
//! It sets the scene and then lets something happen every few seconds, until Ctrl-C. What happens next
//! is decided from the state as it is ([`turn`]), so that people may join in: what they approve stays
//! approved, and a collection that they start is carried out. A hub that goes away is waited for.
//! Everything it puts carries `"source": "demo"`; whatever does not is left alone.

mod cast;
mod dice;
mod hub;
mod scene;
mod step;
#[cfg(test)]
mod tests;
mod turn;

use std::io::Write;
use std::process::ExitCode;
use std::time::Duration;

use chrono::{DateTime, FixedOffset, Local, NaiveDate};
use clap::Parser;
use serde_json::json;

use crate::dice::Dice;
use crate::hub::{Hub, Seen, Sending, Trouble};
use crate::step::Step;
use crate::turn::Numbers;

/// The time between two steps at speed 1, in milliseconds.
const PAUSE_MS: (i64, i64) = (1_000, 4_000);
/// The waits for a hub that is away.
const FIRST_WAIT: Duration = Duration::from_millis(250);
const LONGEST_WAIT: Duration = Duration::from_secs(10);
/// How long the last word may take after Ctrl-C.
const GOODBYE: Duration = Duration::from_secs(2);

/// Feeds a hub with a live, invented working day.
#[derive(Debug, Parser)]
struct Args {
    /// The hub.
    #[arg(long, env = "OPSHUB_URL", default_value = "http://127.0.0.1:8000")]
    hub: String,
    /// How many times faster than people, from 0.1 to 1000.
    #[arg(long, default_value_t = 1.0, value_parser = speed)]
    speed: f64,
    /// The same seed gives the same day.
    #[arg(long, default_value_t = 7)]
    seed: u64,
    /// Ends after so many steps.
    #[arg(long)]
    steps: Option<u64>,
}

fn speed(text: &str) -> Result<f64, String> {
    let speed = text.parse::<f64>().ok().filter(|speed| (0.1..=1_000.0).contains(speed));
    speed.ok_or_else(|| "expected a number from 0.1 to 1000".to_owned())
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let args = Args::parse();
    let hub = match Hub::new(&args.hub) {
        Ok(hub) => hub,
        Err(error) => {
            eprintln!("cannot start the HTTP client: {error}");
            return ExitCode::FAILURE;
        }
    };
    let mut day = Day {
        hub,
        dice: Dice::new(args.seed),
        numbers: Numbers::default(),
        speed: args.speed,
        begun: None,
        collecting: false,
    };
    let ended = tokio::select! {
        ended = day.live(args.steps) => ended,
        stopped = tokio::signal::ctrl_c() => stopped.map_err(|error| Trouble::Refused(error.to_string())),
    };
    // The next run begins the day anew, but a collection would seem to run on without its collector.
    if day.collecting {
        let _ = tokio::time::timeout(GOODBYE, day.stop_collecting()).await;
    }
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(trouble) => {
            eprintln!("{trouble}");
            ExitCode::FAILURE
        }
    }
}

/// A day under way.
struct Day {
    hub: Hub,
    dice: Dice,
    numbers: Numbers,
    speed: f64,
    /// The date whose scene is set.
    begun: Option<NaiveDate>,
    /// Whether a collection runs that this program feeds.
    collecting: bool,
}

impl Day {
    /// Lets things happen, for ever or for so many steps.
    async fn live(&mut self, steps: Option<u64>) -> Result<(), Trouble> {
        let mut left = steps;
        while left != Some(0) {
            let seen = self.look().await?;
            let now = Local::now().fixed_offset();
            if self.begun != Some(now.date_naive()) {
                self.begin(&seen, now).await?;
                continue;
            }
            let step = turn::next(&seen.state, now, &mut self.dice, &mut self.numbers);
            if self.carry_out(&Sending::resting_on(&step, &seen), &step).await? {
                left = left.map(|left| left - 1);
            }
            self.pause().await;
        }
        Ok(())
    }

    /// Sets the scene of the day, also of the next one after midnight.
    async fn begin(&mut self, seen: &Seen, now: DateTime<FixedOffset>) -> Result<(), Trouble> {
        for step in scene::opening(&seen.state, now, &mut self.dice) {
            self.carry_out(&Sending::new(&step), &step).await?;
        }
        self.begun = Some(now.date_naive());
        Ok(())
    }

    async fn look(&self) -> Result<Seen, Trouble> {
        let mut wait = FIRST_WAIT;
        loop {
            match self.hub.look().await {
                Err(Trouble::Away(cause)) => wait = away(&cause, wait).await,
                other => return other,
            }
        }
    }

    /// Sends a step until the hub has its last word on it; tells whether it was done.
    async fn carry_out(&mut self, sending: &Sending<'_>, step: &Step) -> Result<bool, Trouble> {
        let mut wait = FIRST_WAIT;
        loop {
            match self.hub.send(sending).await {
                Ok(()) => break,
                Err(Trouble::Away(cause)) => wait = away(&cause, wait).await,
                // Somebody was faster: what happens next is decided anew.
                Err(Trouble::Stale) => return Ok(false),
                Err(refused) => return Err(refused),
            }
        }
        match step {
            Step::Collect => self.collecting = true,
            Step::Command(command) if command == "refresh" => self.collecting = true,
            Step::Report(report) => {
                self.collecting = !matches!(report["status"].as_str(), Some("IDLE" | "ERROR"))
            }
            _ => {}
        }
        say(step);
        Ok(true)
    }

    async fn stop_collecting(&self) -> Result<(), Trouble> {
        let seen = self.hub.look().await?;
        // What was broken off is no sync.
        let last_sync = &seen.state["system"]["last_sync"];
        let stop = Step::Report(json!({ "status": "IDLE", "progress": 0, "last_sync": last_sync }));
        self.hub.send(&Sending::new(&stop)).await?;
        say(&stop);
        Ok(())
    }

    async fn pause(&mut self) {
        let pause = self.dice.between(PAUSE_MS.0, PAUSE_MS.1);
        tokio::time::sleep(Duration::from_secs_f64(pause as f64 / 1_000.0 / self.speed)).await;
    }
}

/// Waits for a hub that is away; gives the next wait.
async fn away(cause: &str, wait: Duration) -> Duration {
    eprintln!("the hub is away ({cause}), trying again in {} ms", wait.as_millis());
    tokio::time::sleep(wait).await;
    (wait * 2).min(LONGEST_WAIT)
}

fn say(step: &Step) {
    // A closed stdout changes nothing about the day.
    let _ = writeln!(std::io::stdout(), "{} {step}", Local::now().format("%H:%M:%S"));
}
