//! The opshub binary: everything is in the library.

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    opshub::cli::run(opshub::cli::Cli::parse())
}
