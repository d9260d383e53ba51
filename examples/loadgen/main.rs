//! Puts load on an opshub over its wire contract, and measures what it does with it.
//!
//! `cargo run --release --example loadgen -- --help` tells the modes, `cargo test --example loadgen`
//! checks the tool itself. The modes share three parts: one epoll loop for all client sockets
//! ([`client`]), the books of which change reached whom ([`ledger`]), and the pacing of the posts
//! ([`pacer`]); [`rig`] ties them together.

mod args;
mod changes;
mod client;
mod error;
mod frame;
mod http;
mod ledger;
mod modes;
mod net;
mod pacer;
mod proc;
mod report;
mod rig;
mod server;
mod ws;
mod yardstick;

use std::process::ExitCode;

use clap::Parser;

use crate::args::{Cli, Mode};
use crate::error::Result;
use crate::modes::{Verdict, churn, compare, fanout, idle, stall, writers};

/// Exit code when there is no result.
const NOT_MEASURED: u8 = 3;

fn main() -> ExitCode {
    match measure(&Cli::parse().mode) {
        Ok(Verdict::Sound) => ExitCode::SUCCESS,
        Ok(Verdict::Unsound) => ExitCode::FAILURE,
        Err(error) => {
            report::progress(&format!("not measured: {error}"));
            ExitCode::from(NOT_MEASURED)
        }
    }
}

fn measure(mode: &Mode) -> Result<Verdict> {
    match mode {
        Mode::Fanout(args) => fanout::hub(args),
        Mode::Yardstick(load) => fanout::yardstick(load),
        Mode::Compare(args) => compare::run(args),
        Mode::Idle(args) => idle::run(args),
        Mode::Churn(args) => churn::run(args),
        Mode::Stall(args) => stall::run(args),
        Mode::Writers(args) => writers::run(args),
        Mode::YardstickServer { payload } => yardstick::serve(*payload).map(|()| Verdict::Sound),
    }
}
