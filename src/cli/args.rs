//! What can be said on the command line, and the help that teaches it.

#[cfg(unix)]
pub mod admin;

use std::path::{Path, PathBuf};

use clap::{Args, Parser, Subcommand, ValueEnum};

#[cfg(unix)]
pub use admin::{RoleArg, Span, TokenAction, TokenArgs, UserAction, UserArgs};

use super::failure::Failure;
use crate::config::{self, LoadOptions, LogFormat};

/// The hub that client commands talk to when none is named.
const DEFAULT_URL: &str = "http://127.0.0.1:8000";

/// A self-hosted, durable, real-time operations hub.
///
/// Without a command, opshub starts the hub, as `opshub serve` does.
#[derive(Debug, Parser)]
#[command(
    name = "opshub",
    version,
    args_conflicts_with_subcommands = true,
    after_help = "Examples:
  opshub                         start the hub and say where its dashboard is
  opshub command \"approve P7\"    in a second terminal: change something
  opshub watch                   and see every change as it happens

Client commands talk to the hub at --url, OPSHUB_URL or http://127.0.0.1:8000.
Exit codes: 0 done, 1 refused by the hub, 2 usage, 3 hub unreachable."
)]
pub struct Cli {
    /// What to do; starts the hub when not given.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// The flags of `serve`, for when no command is given.
    #[command(flatten)]
    pub serve: ServeArgs,
}

/// Everything the program can do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Start the hub
    Serve(ServeArgs),
    /// Show whether the hub is healthy and what the system does
    #[command(after_help = "Exits with 1 when the hub is degraded: it is there, and refuses changes.")]
    Status(StatusArgs),
    /// Show every change as it happens; reconnects and resumes by itself
    #[command(after_help = "Examples:
  opshub watch
  opshub watch --topics state,health
  opshub watch --json | jq 'select(.type == \"command_executed\")'

Topics: state, gateways, latency, presence, health, logs; all but latency and logs when not given.")]
    Watch(WatchArgs),
    /// Show who is connected, as a live table
    Top(TopArgs),
    /// Run one command on the hub
    #[command(after_help = "Examples:
  opshub command \"approve P7\"
  opshub command brief --dry-run
  opshub command help

A lost connection is tried again with the same idempotency key, so that nothing is done twice.")]
    Command(CommandArgs),
    /// Read or change the state document
    State(StateArgs),
    /// Wait until the system has a status
    #[command(after_help = "Example: opshub wait --status IDLE --timeout 300 && ./deploy.sh

Exits with 1 when the time is over.")]
    Wait(WaitArgs),
    /// List the event log
    #[command(after_help = "Examples:
  opshub events                              the newest 20
  opshub events --since 1200 --limit 100     what came after seq 1200
  opshub events --type command_executed --follow")]
    Events(EventsArgs),
    /// Show log lines of the hub and of services that post theirs
    #[command(after_help = "Examples:
  opshub logs                                the newest 100
  opshub logs --level WARN --follow          what is worth a look, as it happens
  opshub logs --source collector. --json     what the collectors said, for programs")]
    Logs(LogsArgs),
    /// Copy the database of a running or stopped hub, as of one moment
    #[command(
        after_help = "The copy continues the log under an epoch of its own: clients notice that it is another hub."
    )]
    Backup(BackupArgs),
    /// Check the log: its chain, and that replaying it gives the state
    Verify(DatabaseArgs),
    /// Make, list and take back tokens for programs
    #[cfg(unix)]
    #[command(after_help = "Works on the hub over the same data directory, whether it runs or not.")]
    Token(admin::TokenArgs),
    /// Add, list, change and remove people
    #[cfg(unix)]
    #[command(after_help = "Works on the hub over the same data directory, whether it runs or not.")]
    User(admin::UserArgs),
    /// Begin with a new audit key where the old one is lost
    #[cfg(unix)]
    #[command(after_help = "What was written before can be checked no more; keep a copy of the database.")]
    Rekey(DatabaseArgs),
    /// Print the configuration in force and, where it is not the default, where each value came from
    CheckConfig(ServeArgs),
    /// Print a completion script for a shell
    #[command(after_help = "Example: opshub completions bash > /etc/bash_completion.d/opshub")]
    Completions(CompletionsArgs),
}

/// Flags of `serve`; each wins over the environment and the configuration file.
#[derive(Clone, Debug, Default, Args)]
pub struct ServeArgs {
    /// The name or address to listen on [default: 127.0.0.1]
    #[arg(long)]
    pub host: Option<String>,
    /// The TCP port, 0 for any free one [default: 8000]
    #[arg(long)]
    pub port: Option<u16>,
    /// The folder of the database [default: .]
    #[arg(long, value_name = "DIR")]
    pub data_dir: Option<PathBuf>,
    /// The configuration file [default: opshub.yaml, if it is there]
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Allow to listen beyond this machine although there is no authentication
    #[arg(long)]
    pub allow_open: bool,
    /// Worker threads [default: one for each core]
    #[arg(long, value_name = "COUNT")]
    pub workers: Option<usize>,
    /// off, error, warn, info, debug, trace, or filters such as info,opshub::hub=debug
    #[arg(long, value_name = "LEVEL")]
    pub log_level: Option<String>,
    /// The form of log lines; auto is text on a terminal, json elsewhere
    #[arg(long, value_name = "FORMAT")]
    pub log_format: Option<FormatArg>,
}

/// The form of log lines, as a flag.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum FormatArg {
    /// Text on a terminal, JSON elsewhere.
    Auto,
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// Which hub a client command talks to.
#[derive(Clone, Debug, Default, Args)]
pub struct ConnectArgs {
    /// The hub to talk to [default: http://127.0.0.1:8000]
    #[arg(long, env = "OPSHUB_URL", global = true)]
    pub url: Option<String>,
    /// The certificate authorities to believe of an https hub, in PEM form [default: this machine's]
    #[arg(long, env = "OPSHUB_CACERT", global = true, value_name = "FILE")]
    pub cacert: Option<PathBuf>,
    /// The file with the token to show [default: the variable OPSHUB_TOKEN]
    #[arg(long, env = "OPSHUB_TOKEN_FILE", global = true, value_name = "FILE")]
    pub token_file: Option<PathBuf>,
}

/// Arguments of `status`.
#[derive(Debug, Args)]
pub struct StatusArgs {
    #[command(flatten)]
    #[allow(missing_docs, reason = "its own type says it")]
    pub connect: ConnectArgs,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `watch`.
#[derive(Debug, Args)]
pub struct WatchArgs {
    #[command(flatten)]
    #[allow(missing_docs, reason = "its own type says it")]
    pub connect: ConnectArgs,
    /// Print the frames as they came, one JSON object a line
    #[arg(long)]
    pub json: bool,
    /// Only these topics, separated by commas
    #[arg(long, value_name = "TOPICS", value_delimiter = ',')]
    pub topics: Vec<String>,
    /// Begin with the changes after this sequence number
    #[arg(long, value_name = "SEQ", requires = "epoch")]
    pub since: Option<u64>,
    /// The epoch that --since belongs to, as `connected` told it
    #[arg(long, requires = "since")]
    pub epoch: Option<String>,
}

/// Arguments of `top`.
#[derive(Debug, Args)]
pub struct TopArgs {
    #[command(flatten)]
    #[allow(missing_docs, reason = "its own type says it")]
    pub connect: ConnectArgs,
    /// Print one table and end
    #[arg(long)]
    pub once: bool,
    /// Show at most this many connections, those in trouble first
    #[arg(long, value_name = "ROWS", default_value_t = 40)]
    pub rows: usize,
}

/// Arguments of `command`.
#[derive(Debug, Args)]
pub struct CommandArgs {
    #[command(flatten)]
    #[allow(missing_docs, reason = "its own type says it")]
    pub connect: ConnectArgs,
    /// The command, such as "approve P7"; `help` lists them
    #[arg(required = true, value_name = "COMMAND")]
    pub words: Vec<String>,
    /// Only tell what would happen
    #[arg(long)]
    pub dry_run: bool,
    /// Name this execution, so that repeating the invocation does nothing twice [default: a new one]
    #[arg(long, value_name = "KEY")]
    pub idempotency_key: Option<String>,
    #[command(flatten)]
    #[allow(missing_docs, reason = "its own type says it")]
    pub retry: RetryArgs,
    /// Print the hub's answer as JSON
    #[arg(long)]
    pub json: bool,
}

/// How long a change is tried again when the hub cannot be reached.
#[derive(Debug, Args)]
pub struct RetryArgs {
    /// Try a lost connection again for so many seconds, with the same idempotency key
    #[arg(long, value_name = "SECONDS", default_value_t = 5)]
    pub retry_for: u64,
}

/// Arguments of `state`.
#[derive(Debug, Args)]
pub struct StateArgs {
    #[command(flatten)]
    #[allow(missing_docs, reason = "its own type says it")]
    pub connect: ConnectArgs,
    /// Read or change.
    #[command(subcommand)]
    pub action: StateAction,
}

/// What to do with the state document.
#[derive(Debug, Subcommand)]
pub enum StateAction {
    /// Print the state document
    #[command(after_help = "Examples:
  opshub state get
  opshub state get --path /system/status
  opshub state get --at 2026-01-31T12:00:00Z --path /priorities/0")]
    Get {
        /// The document as it was at a sequence number or time
        #[arg(long, value_name = "SEQ|TIME")]
        at: Option<String>,
        /// Only the part at this JSON pointer (RFC 6901)
        #[arg(long, value_name = "POINTER")]
        path: Option<String>,
        /// Print {seq, epoch, state}; `"<epoch>-<seq>"` is the tag for `state patch --if-match`
        #[arg(long, conflicts_with = "path")]
        full: bool,
    },
    /// Change the state document by a merge patch (RFC 7396) or JSON Patch (RFC 6902)
    #[command(after_help = "Examples:
  echo '{\"system\": {\"progress\": 40}}' | opshub state patch -
  opshub state patch --json-patch steps.json --if-match 5f2c-42")]
    Patch {
        /// The file with the patch, or - for stdin
        file: PathBuf,
        /// The file is a JSON Patch: a list of operations
        #[arg(long)]
        json_patch: bool,
        /// Only if nothing changed since this tag, `"<epoch>-<seq>"`
        #[arg(long, value_name = "TAG")]
        if_match: Option<String>,
        /// Name this change, so that repeating the invocation does nothing twice [default: a new one]
        #[arg(long, value_name = "KEY")]
        idempotency_key: Option<String>,
        #[command(flatten)]
        #[allow(missing_docs, reason = "its own type says it")]
        retry: RetryArgs,
        /// Print the hub's answer as JSON
        #[arg(long)]
        json: bool,
    },
}

/// Arguments of `wait`.
#[derive(Debug, Args)]
pub struct WaitArgs {
    #[command(flatten)]
    #[allow(missing_docs, reason = "its own type says it")]
    pub connect: ConnectArgs,
    /// The status to wait for; several, separated by commas, wait for any of them
    #[arg(long, value_delimiter = ',', required = true, ignore_case = true)]
    pub status: Vec<StatusArg>,
    /// Give up after so many seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    pub timeout: u64,
}

/// A status of the system.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "UPPER")]
#[allow(missing_docs, reason = "the contract's words")]
pub enum StatusArg {
    Idle,
    Collecting,
    Processing,
    Error,
}

/// Arguments of `events`.
#[derive(Debug, Args)]
pub struct EventsArgs {
    #[command(flatten)]
    #[allow(missing_docs, reason = "its own type says it")]
    pub connect: ConnectArgs,
    /// Only events after this sequence number
    #[arg(long, value_name = "SEQ")]
    pub since: Option<u64>,
    /// Only events before this sequence number
    #[arg(long, value_name = "SEQ", conflicts_with = "follow")]
    pub before: Option<u64>,
    /// At most this many
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u64).range(1..=1_000))]
    pub limit: u64,
    /// Oldest or newest first; without --since and --order the newest are listed, oldest first
    #[arg(long)]
    pub order: Option<OrderArg>,
    /// Only events of these types, separated by commas
    #[arg(long = "type", value_name = "TYPES", value_delimiter = ',')]
    pub types: Vec<String>,
    /// Only what this actor did
    #[arg(long)]
    pub actor: Option<String>,
    /// Go on with new events as they happen
    #[arg(long, conflicts_with = "order")]
    pub follow: bool,
    /// Print JSON, one event a line
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `logs`.
#[derive(Debug, Args)]
pub struct LogsArgs {
    #[command(flatten)]
    #[allow(missing_docs, reason = "its own type says it")]
    pub connect: ConnectArgs,
    /// Only lines of this level and above
    #[arg(long, ignore_case = true, default_value = "INFO")]
    pub level: LevelArg,
    /// Only lines whose source begins with this
    #[arg(long, value_name = "PREFIX")]
    pub source: Option<String>,
    /// Only lines after this id
    #[arg(long, value_name = "ID")]
    pub since: Option<u64>,
    /// At most this many; without --since the newest
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u64).range(1..=1_000))]
    pub limit: u64,
    /// Go on with new lines as they come; reconnects by itself
    #[arg(long)]
    pub follow: bool,
    /// Print JSON, one line each
    #[arg(long)]
    pub json: bool,
}

/// How bad a log line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "UPPER")]
#[allow(missing_docs, reason = "the contract's words")]
pub enum LevelArg {
    Debug,
    Info,
    Warn,
    Error,
}

/// The order of a list of events.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum OrderArg {
    /// Oldest first.
    Asc,
    /// Newest first.
    Desc,
}

/// Where the database is, as `serve` would find it.
#[derive(Debug, Default, Args)]
pub struct DatabaseArgs {
    /// The folder of the database [default: .]
    #[arg(long, global = true, value_name = "DIR")]
    pub data_dir: Option<PathBuf>,
    /// The configuration file [default: opshub.yaml, if it is there]
    #[arg(long, global = true, value_name = "FILE")]
    pub config: Option<PathBuf>,
}

/// Arguments of `backup`.
#[derive(Debug, Args)]
pub struct BackupArgs {
    /// The file to write; it must not be there yet
    pub file: PathBuf,
    #[command(flatten)]
    #[allow(missing_docs, reason = "its own type says it")]
    pub database: DatabaseArgs,
}

/// Arguments of `completions`.
#[derive(Debug, Args)]
pub struct CompletionsArgs {
    /// The shell
    pub shell: clap_complete::Shell,
}

impl ServeArgs {
    /// The options of [`config::Config::load`], with the environment and the `.env` of `dir`.
    pub(super) fn into_options(self, dir: &Path) -> Result<LoadOptions, Failure> {
        Ok(LoadOptions {
            text: None,
            config: self.config,
            dir: dir.to_owned(),
            env: config::environment(dir)?,
            host: self.host,
            port: self.port,
            data_dir: self.data_dir,
            workers: self.workers,
            allow_open: self.allow_open,
            log_level: self.log_level,
            log_format: self.log_format.map(FormatArg::into_format),
        })
    }
}

impl FormatArg {
    fn into_format(self) -> LogFormat {
        match self {
            FormatArg::Auto => LogFormat::Auto,
            FormatArg::Text => LogFormat::Text,
            FormatArg::Json => LogFormat::Json,
        }
    }
}

impl ConnectArgs {
    /// The hub's address and the authorities to believe: flags or variables, then `.env` in `dir`, then the
    /// defaults.
    pub(super) fn resolve(&self, dir: &Path) -> Result<(String, Option<PathBuf>), Failure> {
        let given = |text: &Option<String>| text.clone().filter(|text| !text.trim().is_empty());
        let cacert = self.cacert.as_ref().map(|path| path.display().to_string());
        let (mut url, mut cacert) = (given(&self.url), given(&cacert));
        let secure = url.as_ref().is_some_and(|url| url.starts_with("https:"));
        if url.is_none() || (secure && cacert.is_none()) {
            let env = config::environment(dir)?;
            let find =
                |wanted: &str| env.iter().find(|(name, value)| name == wanted && !value.trim().is_empty());
            url = url.or_else(|| find("OPSHUB_URL").map(|(_, url)| url.clone()));
            cacert = cacert.or_else(|| find("OPSHUB_CACERT").map(|(_, path)| path.clone()));
        }
        Ok((url.unwrap_or_else(|| DEFAULT_URL.to_owned()), cacert.map(PathBuf::from)))
    }
}

impl ConnectArgs {
    /// The token to show: that in the file, then the variable, also from `.env` in `dir`. It is no flag, since
    /// all users of a machine see the flags of its programs.
    pub(super) fn token(&self, dir: &Path) -> Result<Option<String>, Failure> {
        let text = match &self.token_file {
            Some(path) => {
                let read = std::fs::read_to_string(path);
                Some(read.map_err(|error| Failure::Usage(format!("{}: {error}", path.display())))?)
            }
            None => {
                let env = config::environment(dir)?;
                env.into_iter().find(|(name, _)| name == "OPSHUB_TOKEN").map(|(_, token)| token)
            }
        };
        Ok(text.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty()))
    }
}

impl LogsArgs {
    /// The lowest level as the hub writes it.
    pub(super) fn level(&self) -> Option<String> {
        let level = match self.level {
            LevelArg::Debug => "DEBUG",
            LevelArg::Info => "INFO",
            LevelArg::Warn => "WARN",
            LevelArg::Error => "ERROR",
        };
        Some(level.to_owned())
    }
}

impl StatusArg {
    /// The word as the hub writes it.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            StatusArg::Idle => "IDLE",
            StatusArg::Collecting => "COLLECTING",
            StatusArg::Processing => "PROCESSING",
            StatusArg::Error => "ERROR",
        }
    }
}

#[cfg(test)]
mod tests;
