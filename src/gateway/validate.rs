//! What is wrong with a definition, gathered so that all of it is told at once.

use super::definition::Origin;
use super::probe_spec::parse_url;
use super::secret::{SECRET_MAX_BYTES, SecretMap, SecretText, looks_secret};
use crate::domain::{Error, FieldError};

/// The most headers of one probe or webhook.
const HEADERS_MAX: usize = 32;
/// The most arguments of one command, and the most bytes of each.
const ARGV_MAX: usize = 64;
const ARG_MAX_BYTES: usize = 4 * 1024;

/// What was found wrong so far.
pub(crate) struct Problems {
    pub(crate) origin: Origin,
    pub(crate) found: Vec<FieldError>,
}

impl Problems {
    pub(crate) fn new(origin: Origin) -> Self {
        Problems { origin, found: Vec::new() }
    }

    /// Notes a problem; the message begins with the field's name by itself.
    pub(crate) fn add(&mut self, field: impl Into<String>, message: impl AsRef<str>) {
        let field = field.into();
        let message = format!("{field} {}", message.as_ref());
        self.found.push(FieldError::new(field, message));
    }

    /// Notes a number outside its bounds, both of which it may have.
    pub(crate) fn range(&mut self, field: &str, value: u64, least: u64, most: u64) {
        if !(least..=most).contains(&value) {
            self.add(field, format!("must be between {least} and {most}, got {value}"));
        }
    }

    /// Notes values that may not stand where they stand.
    ///
    /// Secrets come from the environment or a file, never from the configuration itself; and who
    /// registers a gateway over HTTP must not send the hub's own environment or files anywhere.
    pub(crate) fn secrets(&mut self, field: &str, values: &SecretMap) {
        for (name, value) in values {
            self.secret(&format!("{field}.{name}"), value, looks_secret(name));
        }
    }

    /// Notes one value that may not stand where it stands.
    pub(crate) fn secret(&mut self, field: &str, value: &SecretText, is_secret: bool) {
        match (self.origin, value) {
            (Origin::Configured, SecretText::Plain(_)) if is_secret => {
                self.add(field, "must come from {env: NAME} or {file: PATH}, secrets do not belong here");
            }
            (Origin::Registered, SecretText::Env { .. } | SecretText::File { .. }) => {
                self.add(field, "must be text: only the configuration file may name variables and files");
            }
            (_, SecretText::Plain(text)) if text.len() > SECRET_MAX_BYTES => {
                self.add(field, format!("must not be longer than {SECRET_MAX_BYTES} bytes"));
            }
            _ => {}
        }
    }

    /// Ends with what was found.
    pub(crate) fn finish(self) -> Result<(), Error> {
        if self.found.is_empty() {
            return Ok(());
        }
        let messages: Vec<&str> = self.found.iter().map(|problem| problem.message.as_str()).collect();
        Err(Error::InvalidValue { message: messages.join("; "), details: self.found })
    }
}

/// Notes a URL that is none, or of another scheme.
pub(crate) fn check_url(field: &str, text: &str, schemes: &[&str], problems: &mut Problems) {
    if let Err(why) = parse_url(text, schemes) {
        problems.add(field, why);
    }
}

/// Notes headers that cannot be sent, and those that the hub writes itself.
pub(crate) fn check_headers(field: &str, headers: &SecretMap, problems: &mut Problems) {
    use awc::http::header::{HeaderName, HeaderValue};
    const OWN: [&str; 6] =
        ["connection", "content-length", "host", "sec-websocket-key", "transfer-encoding", "upgrade"];
    if headers.len() > HEADERS_MAX {
        problems.add(field, format!("must not have more than {HEADERS_MAX} headers"));
    }
    for (name, value) in headers {
        let place = format!("{field}.{name}");
        if HeaderName::try_from(name.as_str()).is_err() {
            problems.add(&place, "is no name of a header");
        } else if OWN.iter().any(|own| name.eq_ignore_ascii_case(own)) {
            problems.add(&place, "is written by the hub itself");
        } else if value.plain().is_some_and(|text| HeaderValue::try_from(text).is_err()) {
            problems.add(&place, "must have a value without control characters");
        }
    }
    problems.secrets(field, headers);
}

/// Notes a command that cannot be run.
pub(crate) fn check_argv(field: &str, argv: &[String], problems: &mut Problems) {
    match argv.first() {
        None => problems.add(field, "must name a program and its arguments as a list"),
        Some(program) if program.trim().is_empty() => problems.add(field, "must begin with a program"),
        Some(_) if argv.len() > ARGV_MAX => {
            problems.add(field, format!("must not have more than {ARGV_MAX} parts"));
        }
        Some(_) => {
            if argv.iter().any(|part| part.len() > ARG_MAX_BYTES || part.contains('\0')) {
                problems.add(field, format!("must have parts of at most {ARG_MAX_BYTES} bytes without NUL"));
            }
        }
    }
}
