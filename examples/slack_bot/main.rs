//! Slack without Slack: a stand-in signs as Slack documents it, posts commands and presses of buttons to a hub, and
//! takes what the hub posts to its `response_url` and webhook.
//!
//! ```text
//! cargo run --example slack_bot                                    # the whole round, with a hub of its own
//! cargo run --example slack_bot -- --hub http://127.0.0.1:8000 --listen 127.0.0.1:4000    # with one of yours
//! echo "approve P7" | cargo run --example slack_bot -- --lines --hub http://127.0.0.1:8000
//! ```
//!
//! A hub of yours needs the same secret, `http://127.0.0.1:4000` in `slack.response_hosts`, and the user in
//! `slack.users`; with a sink of the form `slack` to `http://127.0.0.1:4000/webhook` its buttons are pressed too.
//! With `--lines` what stands on stdin is typed in Slack, `<message id> <text>` or only `<text>`: whatever is delivered
//! twice happens once.

#![allow(clippy::print_stdout, reason = "it tells people what happens")]

mod hub;
mod lines;
mod round;
mod slack;

use std::net::SocketAddr;
use std::process::ExitCode;

use clap::Parser;

use crate::slack::{Ears, Slack};

/// Plays Slack to a hub.
#[derive(Debug, Parser)]
struct Args {
    /// A hub that runs already; one is started where this is not given.
    #[arg(long)]
    hub: Option<String>,
    /// Where the stand-in listens; port 0 lets the system choose.
    #[arg(long, default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// The signing secret; the one of Slack's documentation where this is not given.
    #[arg(
        long,
        env = "SLACK_SIGNING_SECRET",
        hide_env_values = true,
        default_value = "8f742231b10e8888abcd99yyyzzz85a5"
    )]
    secret: String,
    /// Who types and presses.
    #[arg(long, default_value = "U0OPERATOR")]
    user: String,
    /// Types what stands on stdin, line by line.
    #[arg(long)]
    lines: bool,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match run(Args::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(cause) => {
            eprintln!("{cause}");
            ExitCode::FAILURE
        }
    }
}

async fn run(args: Args) -> Result<(), String> {
    let ears = Ears::open(args.listen).await.map_err(|error| format!("cannot listen: {error}"))?;
    let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
    let hub = match args.hub {
        Some(hub) => hub,
        None => hub::start(folder.path(), &args.secret, &args.user, ears.address).await?,
    };
    let mut slack = Slack::new(ears, &hub, &args.secret)?;
    if args.lines {
        return lines::type_all(&mut slack, &args.user).await;
    }
    round::go(&mut slack, &hub, &args.user).await?;
    println!("\nthe round is complete");
    Ok(())
}
