//! The command line: the hub itself, a client of a running hub, and work on the database file.
//!
//! Client commands use the public HTTP and WebSocket interface and nothing else, so that they work
//! against any hub in reach and are an example for other programs.

#[cfg(unix)]
mod admin;
pub mod args;
mod client;
mod commands;
mod describe;
mod events;
mod failure;
mod feed;
mod local;
mod logs;
mod output;
mod state;
#[cfg(test)]
mod tests;
mod tls;
mod top;
mod wait;
mod watch;

use std::future::Future;
use std::path::Path;
use std::process::ExitCode;

pub use args::Cli;

use args::{Command, ConnectArgs};
use client::Client;
use failure::Failure;
use output::Output;

/// Runs one invocation of the program to its end.
///
/// Exit codes: 0 done, 1 refused by the hub, 2 usage, 3 hub unreachable; a hub that cannot start
/// ends with the code of its error. What went wrong is on stderr.
pub fn run(cli: Cli) -> ExitCode {
    match dispatch(cli) {
        Ok(()) | Err(Failure::OutputClosed) => ExitCode::SUCCESS,
        Err(failure) => {
            output::report(&failure);
            ExitCode::from(failure.exit_code())
        }
    }
}

fn dispatch(cli: Cli) -> Result<(), Failure> {
    let out = &mut Output::stdout();
    match cli.command.unwrap_or(Command::Serve(cli.serve)) {
        Command::Serve(args) => local::serve(args),
        Command::Backup(args) => local::backup(&args, out),
        Command::Verify(args) => local::verify(&args, out),
        #[cfg(unix)]
        Command::Token(args) => admin::token(args, out),
        #[cfg(unix)]
        Command::User(args) => admin::user(args, out),
        #[cfg(unix)]
        Command::Rekey(args) => admin::rekey(&args, out),
        Command::CheckConfig(args) => local::check_config(args, out),
        Command::Completions(args) => local::completions(&args, out),
        Command::Status(args) => online(&args.connect, async |hub| commands::status(&hub, &args, out).await),
        Command::Command(args) => {
            online(&args.connect, async |hub| commands::command(&hub, &args, out).await)
        }
        Command::State(args) => {
            online(&args.connect, async |hub| state::state(&hub, &args.action, out).await)
        }
        Command::Wait(args) => online(&args.connect, async |hub| wait::wait(&hub, &args, out).await),
        Command::Events(args) if args.follow => {
            online(&args.connect, async |hub| until_interrupted(events::events(hub, &args, out)).await)
        }
        Command::Events(args) => online(&args.connect, async |hub| events::events(hub, &args, out).await),
        Command::Logs(args) if args.follow => {
            online(&args.connect, async |hub| until_interrupted(logs::logs(hub, &args, out)).await)
        }
        Command::Logs(args) => online(&args.connect, async |hub| logs::logs(hub, &args, out).await),
        Command::Watch(args) => {
            online(&args.connect, async |hub| until_interrupted(watch::watch(hub, &args, out)).await)
        }
        Command::Top(args) => {
            online(&args.connect, async |hub| until_interrupted(top::top(&hub, &args, out)).await)
        }
    }
}

/// Runs a client command on a runtime of its own.
fn online(
    connect: &ConnectArgs,
    work: impl AsyncFnOnce(Client) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let (url, cacert) = connect.resolve(Path::new("."))?;
    let token = connect.token(Path::new("."))?;
    actix_rt::System::new()
        .block_on(async { work(Client::new(&url, cacert.as_deref(), token.as_deref())?).await })
}

/// Lets Ctrl-C end what runs until it is ended, as no failure.
///
/// For such work alone: `opshub wait … && deploy` must not go on after Ctrl-C.
async fn until_interrupted(work: impl Future<Output = Result<(), Failure>>) -> Result<(), Failure> {
    tokio::select! {
        done = work => done,
        _ = tokio::signal::ctrl_c() => Ok(()),
    }
}
