//! What can be wrong with a configuration, in words that say where and what to do.

use std::fmt;
use std::path::PathBuf;

/// A configuration that cannot be used; every problem found, in the order of the layers.
#[derive(Clone, Debug, PartialEq)]
pub struct ConfigError {
    /// At least one problem.
    pub problems: Vec<Problem>,
}

/// One thing wrong with a configuration.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum Problem {
    /// A value that its key does not take.
    #[error("{origin}: {key} is {found}, expected {expected}")]
    Wrong {
        /// The key's path.
        key: String,
        /// Where the value came from.
        origin: Origin,
        /// The value, as it was written.
        found: String,
        /// What the key takes.
        expected: String,
    },
    /// A key or variable that does not exist.
    #[error("{origin}: unknown key {name}{hint}")]
    Unknown {
        /// The name, as it was written.
        name: String,
        /// Where it was found.
        origin: Origin,
        /// What was probably meant, or what there is; empty or beginning with a comma.
        hint: String,
    },
    /// A secret in a file that is shared and kept.
    #[error(
        "{origin}: {key} looks like a secret, and secrets come from the environment: \
         remove the line and set a variable, in the environment or in .env"
    )]
    Secret {
        /// The key's path.
        key: String,
        /// Where it was found.
        origin: Origin,
    },
    /// A database other than SQLite.
    #[error(
        "{origin}: SQLite is the only database for now, found a {scheme}:// URL: \
         give a file path or sqlite://<path>, or leave it out for opshub.db in the data directory"
    )]
    Database {
        /// Where it was asked for.
        origin: Origin,
        /// The URL's scheme; the rest may hold a password.
        scheme: String,
    },
    /// A bind that everyone in reach could use.
    #[error(
        "{origin}: server.host is {host}, which others can reach, and auth.mode is open: \
         set auth.mode: required (then `opshub user add`), listen on 127.0.0.1, or say --allow-open \
         (server.allow_open) where everybody in reach may do everything"
    )]
    Open {
        /// Where the host was set.
        origin: Origin,
        /// The host.
        host: String,
    },
    /// Two values that do not go together.
    #[error("{origin}: {message}")]
    Conflict {
        /// Where the value to change came from.
        origin: Origin,
        /// What does not go together, and what would.
        message: String,
    },
    /// A file that is not what it should be at all.
    #[error("{}: {message}", place(.path, .line))]
    Syntax {
        /// The file.
        path: PathBuf,
        /// The line, counted from 1, and 0 when it is not known.
        line: u64,
        /// What is wrong with it.
        message: String,
    },
    /// A file that cannot be read.
    #[error("cannot read {}: {cause}", .path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        cause: String,
    },
}

/// Where a value came from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Origin {
    /// Nobody set it.
    #[default]
    Default,
    /// A line of a YAML file, counted from 1.
    File(PathBuf, u64),
    /// An environment variable.
    Variable(String),
    /// A flag of the command line.
    Flag(&'static str),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Origin::Default => f.write_str("default"),
            Origin::File(path, line) => f.write_str(&place(path, line)),
            Origin::Variable(name) => write!(f, "variable {name}"),
            Origin::Flag(name) => write!(f, "flag {name}"),
        }
    }
}

fn place(path: &std::path::Path, line: &u64) -> String {
    match line {
        0 => path.display().to_string(),
        line => format!("{} line {line}", path.display()),
    }
}

impl From<Problem> for ConfigError {
    fn from(problem: Problem) -> Self {
        Self { problems: vec![problem] }
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, problem) in self.problems.iter().enumerate() {
            let separator = if i == 0 { "" } else { "\n" };
            write!(f, "{separator}{problem}")?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigError {}
