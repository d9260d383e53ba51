//! Commands that need no running hub: starting one, its database file, its configuration.

use std::path::{Path, PathBuf};

use clap::CommandFactory;
use serde_json::Value;

use super::args::{BackupArgs, Cli, CompletionsArgs, DatabaseArgs, ServeArgs};
use super::failure::Failure;
use super::output::{Output, Tone, clean};
use crate::config::{Config, LoadOptions, Origin, Setting, environment, keys};
use crate::logs::Tap;
use crate::{server, store, telemetry};

/// Starts the hub and returns when it has shut down.
pub(super) fn serve(args: ServeArgs) -> Result<(), Failure> {
    let config = Config::load(args.into_options(Path::new("."))?)?;
    let (tap, records) = Tap::new();
    telemetry::logging::init_with_tap(&config.log.level, config.log.format, move |record| tap.take(record))
        .map_err(|error| Failure::Local(format!("cannot start logging: {error}")))?;
    server::run(config, records)
        .map_err(|error| Failure::Start { message: error.to_string(), code: error.exit_code() })
}

/// Copies the database.
pub(super) fn backup(args: &BackupArgs, out: &mut Output) -> Result<(), Failure> {
    let database = database(&args.database)?;
    if args.file.exists() {
        let file = args.file.display();
        return Err(Failure::Usage(format!("{file} is there already; name a new file, or remove it first")));
    }
    let report = store::backup(&database, &args.file)
        .map_err(|error| Failure::Local(format!("cannot back up {}: {error}", database.display())))?;
    out.line(report.to_string())
}

/// Checks the database's log.
pub(super) fn verify(args: &DatabaseArgs, out: &mut Output) -> Result<(), Failure> {
    let database = database(args)?;
    let report = store::verify(&database)
        .map_err(|error| Failure::Local(format!("{} does not verify: {error}", database.display())))?;
    out.line(report.to_string())
}

/// The database file that `serve` would use, which must be there.
fn database(args: &DatabaseArgs) -> Result<PathBuf, Failure> {
    let config = database_config(args)?;
    let path = config.database_path();
    if path.is_file() {
        return Ok(path);
    }
    let path = path.display();
    Err(Failure::Usage(format!(
        "there is no database at {path}; say where it is with --data-dir, --config or DATABASE_URL"
    )))
}

/// The configuration that tells where the database is.
pub(super) fn database_config(args: &DatabaseArgs) -> Result<Config, Failure> {
    let dir = Path::new(".");
    Ok(Config::load(LoadOptions {
        config: args.config.clone(),
        data_dir: args.data_dir.clone(),
        dir: dir.to_owned(),
        env: environment(dir)?,
        // Nothing listens here, so that a host in the environment is no risk.
        allow_open: true,
        ..LoadOptions::default()
    })?)
}

/// Prints the configuration in force.
pub(super) fn check_config(args: ServeArgs, out: &mut Output) -> Result<(), Failure> {
    let (config, settings) = Config::explain(args.into_options(Path::new("."))?)?;
    for setting in &settings {
        let value = in_force(&config, setting);
        let source = match &setting.origin {
            Origin::Default => String::new(),
            origin => out.paint(Tone::Dim, &format!("  # {origin}")),
        };
        out.line(format!("{}: {value}{source}", setting.key))?;
    }
    if let Some(jwt) = &config.jwt {
        out.line(format!("auth.jwt: tokens of {} for {}", clean(&jwt.issuer), clean(&jwt.audience)))?;
    }
    for gateway in &config.gateways {
        let (id, kind) = (clean(gateway.id.as_str()), gateway.probe.kind());
        out.line(format!("gateways: {id}, asked by {kind} each {} ms", gateway.interval_ms))?;
    }
    for sink in &config.notify {
        let events: Vec<_> = sink.events.iter().map(|kind| kind.as_str()).collect();
        let (id, place) = (clean(&sink.id), clean(&sink.place()));
        out.line(format!("notify: {id}, to {place}, of {}", events.join(", ")))?;
    }
    for (user, person) in &config.slack.users {
        let name = person.name.as_deref().map(|name| format!(", named {}", clean(name)));
        out.line(format!("slack.users: {}, {}{}", clean(user), person.role, name.unwrap_or_default()))?;
    }
    for webhook in &config.gateway_webhooks {
        out.line(format!("gateway_webhooks: {}", clean(webhook)))?;
    }
    Ok(())
}

/// A value in force; what is left open is shown as what it comes to.
fn in_force(config: &Config, setting: &Setting) -> String {
    match (setting.key, &setting.value) {
        (key, Value::String(_)) if keys::looks_secret(key) => "********".into(),
        (key, Value::Null) if key.starts_with("slack.") => "not set".into(),
        ("store.path", _) => clean(&config.database_path().display().to_string()),
        ("server.workers", _) => config.worker_count().to_string(),
        ("auth.secret_key_file", Value::Null) => "none".into(),
        (_, Value::Null) => "no limit".into(),
        (_, Value::String(text)) => clean(text),
        (_, other) => other.to_string(),
    }
}

/// Prints a completion script.
pub(super) fn completions(args: &CompletionsArgs, out: &mut Output) -> Result<(), Failure> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "opshub", &mut script);
    out.raw(&String::from_utf8_lossy(&script))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_open_is_shown_as_what_it_comes_to() {
        let dir = tempfile::tempdir().unwrap();
        let options = LoadOptions { dir: dir.path().into(), workers: Some(3), ..LoadOptions::default() };
        let (config, settings) = Config::explain(options).unwrap();
        let shown =
            |key: &str| in_force(&config, settings.iter().find(|setting| setting.key == key).unwrap());
        assert_eq!(shown("store.path"), "./opshub.db");
        assert_eq!(shown("server.workers"), "3");
        assert_eq!(shown("store.max_bytes"), "no limit");
        assert_eq!(shown("slack.signing_secret"), "not set");
        assert_eq!(shown("server.cors_origins"), r#"["http://localhost:3000","http://127.0.0.1:3000"]"#);
    }
}
