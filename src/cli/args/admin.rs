//! What can be said about tokens and people.

use clap::{Args, Subcommand, ValueEnum};

use super::DatabaseArgs;
use crate::domain::Role;

/// Arguments of `token`.
#[derive(Debug, Args)]
pub struct TokenArgs {
    /// What to do.
    #[command(subcommand)]
    pub action: TokenAction,
    /// Print JSON
    #[arg(long, global = true)]
    pub json: bool,
    #[command(flatten)]
    #[allow(missing_docs, reason = "its own type says it")]
    pub database: DatabaseArgs,
}

/// What to do with tokens.
#[derive(Debug, Subcommand)]
pub enum TokenAction {
    /// Make a token and print it, this once
    #[command(after_help = "Example: opshub token create --name slack-bot --role operator --expires 90d")]
    Create {
        /// Its name, under which the hub knows what is done with it
        #[arg(long)]
        name: String,
        /// What it may do
        #[arg(long)]
        role: RoleArg,
        /// When it ends, from now: 90d, 12h, 30m [default: never]
        #[arg(long, value_name = "SPAN")]
        expires: Option<Span>,
        /// The only topics that it may receive, separated by commas [default: all]
        #[arg(long, value_delimiter = ',')]
        topics: Vec<String>,
    },
    /// List tokens: what they may do, and when and from where they were last used
    List,
    /// Let a token hold until another time
    ///
    /// Where that is later, a live connection goes on when it shows the token again before the old end. Where it is
    /// earlier, what was let in by it is closed, and comes back.
    #[command(group = clap::ArgGroup::new("end").required(true))]
    Renew {
        /// Its name
        name: String,
        /// When it ends, from now: 90d, 12h, 30m
        #[arg(long, value_name = "SPAN", group = "end")]
        expires: Option<Span>,
        /// It holds for ever
        #[arg(long, group = "end")]
        never: bool,
    },
    /// Take a token back; what was let in by it is closed
    Revoke {
        /// Its name
        name: String,
    },
}

/// Arguments of `user`.
#[derive(Debug, Args)]
pub struct UserArgs {
    /// What to do.
    #[command(subcommand)]
    pub action: UserAction,
    /// Print JSON
    #[arg(long, global = true)]
    pub json: bool,
    #[command(flatten)]
    #[allow(missing_docs, reason = "its own type says it")]
    pub database: DatabaseArgs,
}

/// What to do with people.
#[derive(Debug, Subcommand)]
pub enum UserAction {
    /// Add a person; the password is asked for, or read from a pipe
    #[command(after_help = "Example: opshub user add ana@example.com --role admin")]
    Add {
        /// Their e-mail address
        email: String,
        /// What they may do
        #[arg(long)]
        role: RoleArg,
        /// Make a password and print it on stderr
        #[arg(long)]
        generate: bool,
    },
    /// List people
    List,
    /// Give a person another role; ends what goes on under the old one
    Role {
        /// Whose
        email: String,
        /// What they may do from now on
        role: RoleArg,
    },
    /// Give a person another password; ends their sessions
    Password {
        /// Whose
        email: String,
        /// Make a password and print it on stderr
        #[arg(long)]
        generate: bool,
    },
    /// Remove a person, and end their sessions
    Remove {
        /// Whom
        email: String,
    },
    /// List where people are signed in
    Sessions,
    /// End one of these
    EndSession {
        /// Which
        id: String,
    },
}

/// A role, as an argument.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum RoleArg {
    /// Reads and subscribes.
    Viewer,
    /// Reads, runs commands and collections, approves.
    Operator,
    /// Feeds what it gathers, and reads nothing else.
    Collector,
    /// Everything, tokens and users too.
    Admin,
}

impl RoleArg {
    /// The role itself.
    pub(in crate::cli) fn into_role(self) -> Role {
        match self {
            RoleArg::Viewer => Role::Viewer,
            RoleArg::Operator => Role::Operator,
            RoleArg::Collector => Role::Collector,
            RoleArg::Admin => Role::Admin,
        }
    }
}

/// A span of time: a number and a unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span(i64);

impl Span {
    /// Its length in milliseconds.
    pub fn millis(self) -> i64 {
        self.0
    }
}

impl std::str::FromStr for Span {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Span, Self::Err> {
        const BAD: &str = "a span is a number and a unit, such as 90d, 12h or 30m";
        let unit = text.chars().last().ok_or(BAD)?;
        let millis: i64 = match unit {
            'd' => 86_400_000,
            'h' => 3_600_000,
            'm' => 60_000,
            _ => return Err(BAD),
        };
        let count: u32 = text[..text.len() - 1].parse().map_err(|_| BAD)?;
        i64::from(count).checked_mul(millis).filter(|span| *span > 0).map(Span).ok_or(BAD)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_is_a_number_and_a_unit() {
        let read = |text: &str| text.parse::<Span>().map(Span::millis);
        assert_eq!([read("90d"), read("2h"), read("1m")], [Ok(7_776_000_000), Ok(7_200_000), Ok(60_000)]);
        for bad in ["", "d", "90", "0d", "-1d", "1.5h", "1w", "5é"] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }
}
