//! Lays the layers over each other and says where each value came from.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::check::check;
use super::error::{ConfigError, Origin, Problem};
use super::keys::{self, KEYS, Key, Kind};
use super::values::{Refusal, from_text, from_typed};
use super::{Config, LogFormat, gateways, jwt, notify, slack, yaml};
use crate::auth::{JwtDefinition, SigningKey};
use crate::gateway::Definition;
use crate::gateway::secret::SecretText;
use crate::notify::SinkDefinition;
use crate::slack::people::Person;

/// The YAML file that is read when it is there and no other is named.
pub const DEFAULT_FILE: &str = "opshub.yaml";

/// The variable of the key that access tokens are signed with; no key of the file, since it is secret.
const SECRET_KEY: &str = "SECRET_KEY";

/// Where values come from; each part can be left out.
#[derive(Clone, Debug, Default)]
pub struct LoadOptions {
    /// A YAML file that must be there; without it [`DEFAULT_FILE`] in `dir` is read if it exists.
    pub config: Option<PathBuf>,
    /// A file that has been read already: its name for messages, and its text. No other is looked for then.
    pub text: Option<(PathBuf, String)>,
    /// The folder in which [`DEFAULT_FILE`] is looked for; the working directory when empty.
    pub dir: PathBuf,
    /// The environment, as [`environment`] gives it.
    pub env: Vec<(String, String)>,
    /// `--host`
    pub host: Option<String>,
    /// `--port`
    pub port: Option<u16>,
    /// `--data-dir`
    pub data_dir: Option<PathBuf>,
    /// `--workers`
    pub workers: Option<usize>,
    /// `--allow-open`
    pub allow_open: bool,
    /// `--log-level`
    pub log_level: Option<String>,
    /// `--log-format`
    pub log_format: Option<LogFormat>,
}

/// One key with the value in force.
#[derive(Clone, Debug, PartialEq)]
pub struct Setting {
    /// The key's path.
    pub key: &'static str,
    /// The value; null where it is left open.
    pub value: Value,
    /// Where the value came from.
    pub origin: Origin,
}

impl Config {
    /// Loads the configuration from its layers.
    ///
    /// # Errors
    /// Every wrong value, unknown key and rule that is broken, each with where it is; nothing is
    /// in force then.
    pub fn load(options: LoadOptions) -> Result<Self, ConfigError> {
        Self::explain(options).map(|(config, _)| config)
    }

    /// Loads the configuration and says for every key where its value came from.
    ///
    /// # Errors
    /// As [`Config::load`].
    pub fn explain(options: LoadOptions) -> Result<(Self, Vec<Setting>), ConfigError> {
        let mut layers = Layers::default();
        if let Some((path, text)) = find(&options)? {
            layers.file(&path, &text)?;
        }
        layers.variables(&options.env);
        layers.flags(&options);
        layers.finish()
    }
}

/// Gives the process's environment together with the variables of `.env` in `dir`.
///
/// What the environment has already is not overridden; a variable that is not UTF-8 is left out.
///
/// # Errors
/// A `.env` that cannot be read or parsed.
pub fn environment(dir: &Path) -> Result<Vec<(String, String)>, ConfigError> {
    let process = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
    with_dotenv(process.collect(), &dir.join(".env"))
}

pub(super) fn with_dotenv(
    mut env: Vec<(String, String)>,
    path: &Path,
) -> Result<Vec<(String, String)>, ConfigError> {
    let Some(text) = read_optional(path)? else {
        return Ok(env);
    };
    let given: Vec<String> = env.iter().map(|(name, _)| name.clone()).collect();
    for pair in dotenvy::from_read_iter(text.as_bytes()) {
        let (name, value) = pair.map_err(|error| dotenv_problem(path, &text, &error))?;
        if !given.contains(&name) {
            env.retain(|(earlier, _)| *earlier != name);
            env.push((name, value));
        }
    }
    Ok(env)
}

/// The library's own message quotes the line, which may hold a secret.
fn dotenv_problem(path: &Path, text: &str, error: &dotenvy::Error) -> Problem {
    let line = match error {
        dotenvy::Error::LineParse(bad, _) => {
            text.lines().position(|line| line.trim() == bad.trim()).map_or(0, |index| index as u64 + 1)
        }
        _ => 0,
    };
    let message = "expected NAME=value, with quotes around a value that has spaces".into();
    Problem::Syntax { path: path.to_owned(), line, message }
}

/// The file that is to be read, and its text; none where there is none and none has to be there.
fn find(options: &LoadOptions) -> Result<Option<(PathBuf, String)>, Problem> {
    if let Some(read) = &options.text {
        return Ok(Some(read.clone()));
    }
    match &options.config {
        Some(path) => {
            let missing = || Problem::Unreadable { path: path.clone(), cause: "no such file".into() };
            Ok(Some((path.clone(), read_optional(path)?.ok_or_else(missing)?)))
        }
        None => {
            let path = options.dir.join(DEFAULT_FILE);
            Ok(read_optional(&path)?.map(|text| (path, text)))
        }
    }
}

fn read_optional(path: &Path) -> Result<Option<String>, Problem> {
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Problem::Unreadable { path: path.to_owned(), cause: error.to_string() }),
    }
}

/// The values set so far, and the problems found on the way.
#[derive(Default)]
struct Layers {
    values: BTreeMap<&'static str, (Value, Origin)>,
    problems: Vec<Problem>,
    gateways: Vec<Definition>,
    gateway_webhooks: Vec<String>,
    notify: Vec<SinkDefinition>,
    slack_users: BTreeMap<String, Person>,
    /// Secrets in the place of whose texts `values` has a mask.
    secrets: BTreeMap<&'static str, SecretText>,
    jwt: Option<JwtDefinition>,
    secret_key: Option<SigningKey>,
}

impl Layers {
    fn file(&mut self, path: &Path, text: &str) -> Result<(), Problem> {
        match gateways::read(path, text) {
            Ok((definitions, webhooks)) => (self.gateways, self.gateway_webhooks) = (definitions, webhooks),
            Err(problems) => self.problems.extend(problems),
        }
        match notify::read(path, text) {
            Ok(definitions) => self.notify = definitions,
            Err(problems) => self.problems.extend(problems),
        }
        match jwt::read(path, text) {
            Ok(definition) => self.jwt = definition,
            Err(problem) => self.problems.push(problem),
        }
        let entries = yaml::read(path, text, keys::is_section)?;
        let read = slack::read(path, text, &entries);
        let slack = read.unwrap_or_else(|problems| {
            self.problems.extend(problems);
            slack::Section::default()
        });
        self.slack_users = slack.users;
        for entry in entries {
            let own = [notify::KEY, slack::USERS, jwt::KEY];
            if gateways::KEYS.contains(&entry.path.as_str()) || own.contains(&entry.path.as_str()) {
                continue;
            }
            let origin = Origin::File(path.to_owned(), entry.line);
            if let (Some(key), Some(secret)) = (keys::find(&entry.path), slack.secrets.get(&entry.path)) {
                self.set_secret(key, secret.clone(), origin);
                continue;
            }
            if keys::looks_secret(&entry.path) {
                self.problems.push(Problem::Secret { key: entry.path, origin });
            } else if keys::is_section(&entry.path) {
                let expected = format!("keys below it: {}", keys::names_in(&entry.path));
                let found = entry.written;
                self.problems.push(Problem::Wrong { key: entry.path, origin, found, expected });
            } else if let Some(key) = keys::find(&entry.path) {
                self.set(key, from_typed(&key.kind, &entry.value), origin, &entry.written);
            } else {
                let hint = hint_for_key(&entry.path);
                self.problems.push(Problem::Unknown { name: entry.path, origin, hint });
            }
        }
        Ok(())
    }

    fn variables(&mut self, env: &[(String, String)]) {
        // An empty variable counts as not set: that is how compose files leave one out.
        let find = |wanted: &str| env.iter().find(|(name, value)| name == wanted && !value.trim().is_empty());
        for key in KEYS {
            let own = key.variable();
            let names = std::iter::once(own.as_str()).chain(key.aliases.iter().copied());
            if let Some((name, value)) = names.into_iter().find_map(find) {
                let origin = Origin::Variable(name.clone());
                self.set(key, from_text(&key.kind, value), origin, value);
            }
        }
        if let Some((name, value)) = find(SECRET_KEY) {
            match SigningKey::new(value) {
                Ok(key) => self.secret_key = Some(key),
                Err(message) => {
                    self.problems.push(Problem::Conflict { origin: Origin::Variable(name.clone()), message });
                }
            }
        }
        // Only names with `__` are ours beyond doubt: Kubernetes sets OPSHUB_SERVICE_HOST and
        // the like by itself for a service of that name.
        let known: Vec<String> = KEYS.iter().map(Key::variable).collect();
        for (name, _) in env {
            let ours = name.starts_with(keys::PREFIX) && name.contains("__");
            if ours && !known.contains(name) {
                let meant = keys::closest(name, known.iter().map(String::as_str));
                let hint = meant.map(|meant| format!(", did you mean {meant}?")).unwrap_or_default();
                let origin = Origin::Variable(name.clone());
                self.problems.push(Problem::Unknown { name: name.clone(), origin, hint });
            }
        }
    }

    fn flags(&mut self, options: &LoadOptions) {
        let path = |path: &PathBuf| path.display().to_string();
        let format = options
            .log_format
            .and_then(|format| serde_json::to_value(format).ok()?.as_str().map(str::to_owned));
        let given = [
            ("server.host", "--host", options.host.clone()),
            ("server.port", "--port", options.port.map(|port| port.to_string())),
            ("server.data_dir", "--data-dir", options.data_dir.as_ref().map(path)),
            ("server.workers", "--workers", options.workers.map(|workers| workers.to_string())),
            ("server.allow_open", "--allow-open", options.allow_open.then(|| "true".to_owned())),
            ("log.level", "--log-level", options.log_level.clone()),
            ("log.format", "--log-format", format),
        ];
        for (path, flag, text) in given {
            if let (Some(key), Some(text)) = (keys::find(path), text) {
                self.set(key, from_text(&key.kind, &text), Origin::Flag(flag), &text);
            }
        }
    }

    fn set_secret(&mut self, key: &'static Key, secret: SecretText, origin: Origin) {
        let shown = serde_json::to_value(secret.public()).expect("names and masks are plain data");
        self.values.insert(key.path, (shown, origin));
        self.secrets.insert(key.path, secret);
    }

    fn set(&mut self, key: &'static Key, made: Result<Value, Refusal>, origin: Origin, written: &str) {
        let problem = match made {
            Ok(Value::String(secret)) if key.kind == Kind::Secret => {
                return self.set_secret(key, SecretText::Plain(secret), origin);
            }
            Ok(value) => {
                self.values.insert(key.path, (value, origin));
                return;
            }
            Err(Refusal::Expected(expected)) => {
                Problem::Wrong { key: key.path.into(), origin, found: written.into(), expected }
            }
            Err(Refusal::OtherDatabase(scheme)) => Problem::Database { origin, scheme },
        };
        self.problems.push(problem);
    }

    fn finish(mut self) -> Result<(Config, Vec<Setting>), ConfigError> {
        let mut tree = serde_json::to_value(Config::default()).expect("a configuration is plain data");
        for (path, (value, _)) in &self.values {
            let pointer = format!("/{}", path.replace('.', "/"));
            *tree.pointer_mut(&pointer).expect("every key has a field") = value.clone();
        }
        let mut config: Config =
            serde_json::from_value(tree.clone()).expect("checked values fit their fields");
        (config.gateways, config.gateway_webhooks) = (self.gateways, self.gateway_webhooks);
        config.notify = self.notify;
        config.slack.users = self.slack_users;
        config.slack.signing_secret = self.secrets.remove(slack::SECRET);
        (config.jwt, config.secret_key) = (self.jwt, self.secret_key);
        let origin = |path: &str| self.values.get(path).map(|(_, origin)| origin.clone()).unwrap_or_default();
        let broken = check(&config, origin);
        let settings = KEYS.iter().map(|key| {
            let pointer = format!("/{}", key.path.replace('.', "/"));
            let value = tree.pointer(&pointer).cloned().unwrap_or_default();
            Setting { key: key.path, value, origin: origin(key.path) }
        });
        let settings = settings.collect();
        self.problems.extend(broken);
        if self.problems.is_empty() {
            Ok((config, settings))
        } else {
            Err(ConfigError { problems: self.problems })
        }
    }
}

/// Proposes what an unknown key was meant to be: a near name, or all names there are.
fn hint_for_key(path: &str) -> String {
    let paths = || KEYS.iter().map(|key| key.path);
    let (section, name) = path.split_once('.').unwrap_or((path, path));
    let sections = keys::sections();
    let elsewhere = || paths().find(|known| known.rsplit('.').next() == Some(name));
    let meant = keys::closest(path, paths())
        .or_else(elsewhere)
        .or_else(|| keys::closest(section, sections.iter().copied()).filter(|near| *near != section));
    match meant {
        Some(meant) => format!(", did you mean {meant}?"),
        None if keys::is_section(section) => format!(", {section} has {}", keys::names_in(section)),
        None => format!(", there are {}", sections.join(", ")),
    }
}
