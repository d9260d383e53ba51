#![allow(clippy::unwrap_used, reason = "a test may panic")]
//! What operators rely on: the layers and the messages.

use std::path::{Path, PathBuf};

use super::keys::{KEYS, Kind};
use super::*;

fn env(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect()
}

/// Loads with `yaml` as `opshub.yaml` in a folder of its own.
fn load(yaml: &str, options: LoadOptions) -> Result<Config, String> {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join(DEFAULT_FILE), yaml).unwrap();
    let folder = format!("{}/", dir.path().display());
    Config::load(LoadOptions { dir: dir.path().into(), ..options })
        .map_err(|error| error.to_string().replace(&folder, ""))
}

fn yaml(text: &str) -> Result<Config, String> {
    load(text, LoadOptions::default())
}

fn variables(pairs: &[(&str, &str)]) -> Result<Config, String> {
    load("", LoadOptions { env: env(pairs), ..LoadOptions::default() })
}

#[test]
fn without_any_layer_the_defaults_hold() {
    let dir = tempfile::tempdir().unwrap();
    let config = Config::load(LoadOptions { dir: dir.path().into(), ..LoadOptions::default() }).unwrap();
    assert_eq!(config, Config::default());
    assert_eq!(config.database_path(), Path::new("./opshub.db"));
}

#[test]
fn a_later_layer_wins() {
    let text = "server:\n  host: 127.0.0.2\n  port: 1\n  workers: 1\nlog:\n  level: debug\n";
    let options = LoadOptions {
        env: env(&[("PORT", "2"), ("OPSHUB_SERVER__WORKERS", "2"), ("RUST_LOG", "warn,opshub::hub=trace")]),
        workers: Some(3),
        ..LoadOptions::default()
    };
    let config = load(text, options).unwrap();
    assert_eq!(config.server.host, "127.0.0.2");
    assert_eq!((config.server.port, config.server.workers), (2, Some(3)));
    assert_eq!(config.log.level, "warn,opshub::hub=trace");
}

#[test]
fn every_flag_reaches_its_key() {
    let options = LoadOptions {
        host: Some("0.0.0.0".into()),
        port: Some(9),
        data_dir: Some("/srv/ops".into()),
        workers: Some(4),
        allow_open: true,
        log_level: Some("trace".into()),
        log_format: Some(LogFormat::Json),
        ..LoadOptions::default()
    };
    let config = load("", options).unwrap();
    let server = &config.server;
    assert_eq!((server.host.as_str(), server.port, server.workers), ("0.0.0.0", 9, Some(4)));
    assert!(server.allow_open);
    assert_eq!((config.log.level.as_str(), config.log.format), ("trace", LogFormat::Json));
    assert_eq!(config.database_path(), Path::new("/srv/ops/opshub.db"));
}

#[test]
fn every_key_can_be_set_by_its_variable() {
    for key in KEYS {
        let text = match &key.kind {
            Kind::Number(_, max) | Kind::MaybeNumber(_, max) => max.to_string(),
            Kind::Switch => "true".into(),
            Kind::Origins => "https://a.example".into(),
            Kind::Choice(words) | Kind::MaybeChoice(words) => words[1].into(),
            Kind::Level => "trace".into(),
            Kind::Zone => "Asia/Tokyo".into(),
            Kind::Text | Kind::Secret => "localhost".into(),
            Kind::Networks => "192.0.2.0/24".into(),
            Kind::Path | Kind::MaybePath | Kind::Database => "elsewhere".into(),
        };
        // Some keys must stay below others at their highest, so those are raised with them.
        let partners = env(&[
            ("OPSHUB_SESSION__SILENCE_MS", "86400000"),
            ("OPSHUB_SERVER__SHUTDOWN_MS", "600000"),
            ("OPSHUB_AUTH__SESSION_MAX_MS", "31622400000"),
            // And these go together.
            ("OPSHUB_TLS__CERT", "hub.pem"),
            ("OPSHUB_TLS__KEY", "hub.key"),
        ]);
        let mut all = vec![(key.variable(), text)];
        all.extend(partners.iter().filter(|(name, _)| *name != key.variable()).cloned());
        let without = if key.path.starts_with("tls.") { partners } else { all[1..].to_vec() };
        let before = load("", LoadOptions { env: without, ..LoadOptions::default() }).unwrap();
        let after = load("", LoadOptions { env: all, ..LoadOptions::default() }).unwrap();
        assert_ne!(before, after, "{} changed nothing", key.variable());
    }
}

#[test]
fn a_variable_of_our_own_wins_over_a_common_one() {
    let config = variables(&[("PORT", "1"), ("OPSHUB_SERVER__PORT", "2")]).unwrap();
    assert_eq!(config.server.port, 2);
}

#[test]
fn networks_are_listed_and_none_is_a_word() {
    let config = variables(&[
        ("OPSHUB_SERVER__TRUSTED_PROXIES", "10.0.0.0/8, 192.0.2.7"),
        ("OPSHUB_LIMITS__EXEMPT", "none"),
    ])
    .unwrap();
    assert_eq!(config.server.trusted_proxies, ["10.0.0.0/8", "192.0.2.7"]);
    assert_eq!(config.limits.exempt, [""; 0]);
    for wrong in ["proxy.example", "10.0.0.0/33", "10.0.0.0/8;192.0.2.7"] {
        let error = variables(&[("OPSHUB_SERVER__TRUSTED_PROXIES", wrong)]).unwrap_err().to_string();
        assert!(error.contains("server.trusted_proxies") && error.contains("10.0.0.0/8"), "{error}");
    }
    let error = load("limits:\n  exempt: 10.0.0.0/8\n", LoadOptions::default()).unwrap_err().to_string();
    assert!(error.contains("line 2") && error.contains("networks"), "{error}");
}

#[test]
fn a_certificate_needs_its_key() {
    for (set, missing) in [("CERT", "tls.key"), ("KEY", "tls.cert")] {
        let name = format!("OPSHUB_TLS__{set}");
        let error = variables(&[(&name, "hub.pem")]).unwrap_err().to_string();
        assert!(error.contains(&name) && error.contains(missing), "{error}");
    }
}

#[test]
fn an_empty_variable_counts_as_not_set() {
    assert_eq!(variables(&[("PORT", ""), ("DATABASE_URL", " ")]).unwrap(), Config::default());
}

#[test]
fn origins_are_separated_by_commas() {
    let config = variables(&[("CORS_ORIGINS", "https://a.example, http://b.example:8080 ,")]).unwrap();
    assert_eq!(config.server.cors_origins, ["https://a.example", "http://b.example:8080"]);
}

#[test]
fn an_origin_that_no_browser_sends_is_refused() {
    for bad in ["*", "https://a.example/", "a.example", "https://A.example", "https://"] {
        let error = variables(&[("CORS_ORIGINS", bad)]).unwrap_err();
        assert!(error.contains("scheme, host and port, no path, no *"), "{error}");
    }
}

#[test]
fn sections_may_be_empty_and_values_may_be_left_open() {
    let config = yaml("server:\n  workers:\nstore:\n  path: ~\nlimits:\n").unwrap();
    assert_eq!(config, Config::default());
}

#[test]
fn a_wrong_value_is_named_with_its_line_and_what_is_expected() {
    for (text, message) in [
        (
            "server:\n\n  port: \"8000\"\n",
            "opshub.yaml line 3: server.port is \"8000\", expected a whole number between 0 and 65535",
        ),
        (
            "server:\n  port: 0123\n",
            "opshub.yaml line 2: server.port is 0123, expected a whole number between 0 and 65535",
        ),
        (
            "server:\n  port: 80.0\n",
            "opshub.yaml line 2: server.port is 80.0, expected a whole number between 0 and 65535",
        ),
        (
            "server:\n  port: -1\n",
            "opshub.yaml line 2: server.port is -1, expected a whole number between 0 and 65535",
        ),
        (
            "server:\n  port: 99999999999999999999\n",
            "opshub.yaml line 2: server.port is 99999999999999999999, expected a whole number between 0 and 65535",
        ),
        (
            "server:\n  port:\n",
            "opshub.yaml line 2: server.port is nothing, expected a whole number between 0 and 65535",
        ),
        (
            "server:\n  allow_open: yes\n",
            "opshub.yaml line 2: server.allow_open is yes, expected true or false",
        ),
        (
            "server:\n  data_dir: 2024\n",
            "opshub.yaml line 2: server.data_dir is 2024, expected a path (in quotes when it looks like a number)",
        ),
        ("log:\n  format: xml\n", "opshub.yaml line 2: log.format is xml, expected one of auto, text, json"),
        (
            "log:\n  level: inof\n",
            "opshub.yaml line 2: log.level is inof, expected off, error, warn, info, debug or trace, or filters such as info,opshub::hub=debug",
        ),
        (
            "# zone\ntimezone: Berlin\n",
            "opshub.yaml line 2: timezone is Berlin, expected an IANA time zone such as Europe/Berlin or UTC",
        ),
        (
            "server: 8000\n",
            "opshub.yaml line 1: server is 8000, expected keys below it: host, port, workers, cors_origins, data_dir, shutdown_ms, allow_open, trusted_proxies, proxy_header",
        ),
        (
            "store:\n  path: [a]\n",
            "opshub.yaml line 2: store.path is a list, expected a file path or sqlite://<path>, without parameters",
        ),
    ] {
        assert_eq!(yaml(text).unwrap_err(), message);
    }
}

#[test]
fn a_wrong_variable_or_flag_is_named() {
    let error = variables(&[("PORT", "http")]).unwrap_err();
    assert_eq!(error, "variable PORT: server.port is http, expected a whole number between 0 and 65535");
    let options = LoadOptions { workers: Some(0), ..LoadOptions::default() };
    let error = load("", options).unwrap_err();
    assert_eq!(
        error,
        "flag --workers: server.workers is 0, expected a whole number between 1 and 1024, or nothing"
    );
}

#[test]
fn an_unknown_key_is_named_with_what_was_meant() {
    for (text, message) in [
        ("server:\n  prot: 1\n", "opshub.yaml line 2: unknown key server.prot, did you mean server.port?"),
        (
            "log:\n  outbox_bytes: 1\n",
            "opshub.yaml line 2: unknown key log.outbox_bytes, did you mean session.outbox_bytes?",
        ),
        ("log:\n  colour: on\n", "opshub.yaml line 2: unknown key log.colour, log has level, format"),
        ("servers:\n  a: 1\n", "opshub.yaml line 1: unknown key servers, did you mean server?"),
        (
            "zoo: 1\n",
            "opshub.yaml line 1: unknown key zoo, there are server, tls, store, limits, session, auth, log, collection, slack, timezone",
        ),
    ] {
        assert_eq!(yaml(text).unwrap_err(), message);
    }
    let error = variables(&[("OPSHUB_SERVER__PROT", "1")]).unwrap_err();
    assert_eq!(
        error,
        "variable OPSHUB_SERVER__PROT: unknown key OPSHUB_SERVER__PROT, did you mean OPSHUB_SERVER__PORT?"
    );
}

#[test]
fn variables_that_an_orchestrator_sets_by_itself_are_left_alone() {
    let pairs =
        [("OPSHUB_PORT", "tcp://10.0.0.1:8000"), ("OPSHUB_SERVICE_HOST", "10.0.0.1"), ("OPSHUB_URL", "x")];
    assert_eq!(variables(&pairs).unwrap(), Config::default());
}

#[test]
fn all_problems_are_told_at_once() {
    let options = LoadOptions { env: env(&[("PORT", "x")]), ..LoadOptions::default() };
    let error = load("log:\n  level: loud\nsession:\n  heartbeat: 1\n", options).unwrap_err();
    let lines: Vec<&str> = error.lines().collect();
    assert_eq!(lines.len(), 3, "{error}");
    assert!(lines[0].starts_with("opshub.yaml line 2: log.level"), "{error}");
    assert_eq!(
        lines[1],
        "opshub.yaml line 4: unknown key session.heartbeat, did you mean session.heartbeat_ms?"
    );
    assert!(lines[2].starts_with("variable PORT"), "{error}");
}

#[test]
fn a_secret_in_the_file_is_refused_and_never_quoted() {
    for key in ["api_token", "slack_secret", "password", "apiKey"] {
        let error = yaml(&format!("server:\n  {key}: hunter2\n")).unwrap_err();
        assert!(
            error.starts_with(&format!("opshub.yaml line 2: server.{key} looks like a secret")),
            "{error}"
        );
        assert!(error.contains("secrets come from the environment"), "{error}");
        assert!(!error.contains("hunter2"), "{error}");
    }
}

#[test]
fn a_file_that_is_no_yaml_is_told_with_the_line() {
    assert_eq!(yaml("server:\n  port: [1\n").unwrap_err(), "opshub.yaml line 2: unclosed bracket '['");
    assert_eq!(
        yaml("log:\n  level: info\n  level: warn\n").unwrap_err(),
        "opshub.yaml line 3: duplicate mapping key: level"
    );
    assert_eq!(
        yaml("- server\n").unwrap_err(),
        "opshub.yaml line 1: expected sections such as `server:` with keys below them"
    );
}

#[test]
fn a_named_file_must_be_there() {
    let options = LoadOptions { config: Some(PathBuf::from("/nowhere/ops.yaml")), ..LoadOptions::default() };
    let error = Config::load(options).unwrap_err().to_string();
    assert_eq!(error, "cannot read /nowhere/ops.yaml: no such file");
}

#[test]
fn a_database_url_names_a_file() {
    for (url, path) in [
        ("ops.db", "ops.db"),
        ("/var/lib/ops.db", "/var/lib/ops.db"),
        ("sqlite://ops.db", "ops.db"),
        ("sqlite:///var/lib/ops.db", "/var/lib/ops.db"),
        ("sqlite:ops.db", "ops.db"),
    ] {
        assert_eq!(variables(&[("DATABASE_URL", url)]).unwrap().database_path(), Path::new(path));
    }
    for url in ["sqlite://", "sqlite::memory:", ":memory:", "sqlite://a.db?mode=ro"] {
        let error = variables(&[("DATABASE_URL", url)]).unwrap_err();
        assert!(error.contains("expected a file path or sqlite://<path>"), "{error}");
    }
}

#[test]
fn another_database_ends_the_start_with_a_sentence_and_no_password() {
    let error = variables(&[("DATABASE_URL", "postgres://ops:hunter2@db/ops")]).unwrap_err();
    assert!(error.starts_with("variable DATABASE_URL: SQLite is the only database for now"), "{error}");
    assert!(!error.contains("hunter2"), "{error}");
}

#[test]
fn a_bind_beyond_loopback_needs_to_be_allowed() {
    for host in ["0.0.0.0", "::", "192.0.2.1", "ops.example.org"] {
        let error = variables(&[("HOST", host)]).unwrap_err();
        assert!(error.starts_with(&format!("variable HOST: server.host is {host}")), "{error}");
        assert!(error.contains("--allow-open"), "{error}");
        let allowed = LoadOptions { env: env(&[("HOST", host)]), allow_open: true, ..LoadOptions::default() };
        assert_eq!(load("", allowed).unwrap().server.host, host);
    }
    for host in ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1", "localhost", "LOCALHOST"] {
        assert_eq!(variables(&[("HOST", host)]).unwrap().server.host, host);
    }
}

#[test]
fn a_host_in_brackets_or_with_a_port_is_refused() {
    for host in ["[::1]", "127.0.0.1:80", "http://localhost"] {
        let error = variables(&[("HOST", host)]).unwrap_err();
        assert!(error.contains("without brackets"), "{error}");
    }
}

#[test]
fn silence_must_be_longer_than_a_heartbeat() {
    let error = yaml("session:\n  heartbeat_ms: 40000\n").unwrap_err();
    assert_eq!(
        error,
        "opshub.yaml line 2: session.silence_ms (35000) must be greater than session.heartbeat_ms (40000)"
    );
}

#[test]
fn the_environment_is_not_overridden_by_dotenv() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(".env");
    std::fs::write(&path, "# ours\nPORT=1\nHOST=\"127.0.0.9\"\n").unwrap();
    let env = load::with_dotenv(env(&[("PORT", "2")]), &path).unwrap();
    let config = load("", LoadOptions { env, ..LoadOptions::default() }).unwrap();
    assert_eq!((config.server.port, config.server.host.as_str()), (2, "127.0.0.9"));
}

#[test]
fn a_broken_dotenv_is_told_without_its_content() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(".env");
    std::fs::write(&path, "PORT=1\nSLACK TOKEN hunter2\n").unwrap();
    let error = load::with_dotenv(Vec::new(), &path).unwrap_err().to_string();
    assert!(error.contains(".env line 2: expected NAME=value"), "{error}");
    assert!(!error.contains("hunter2"), "{error}");
}

#[test]
fn every_value_in_force_says_where_it_came_from() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join(DEFAULT_FILE);
    std::fs::write(&file, "server:\n  port: 1\n").unwrap();
    let options = LoadOptions {
        dir: dir.path().into(),
        env: env(&[("RUST_LOG", "warn")]),
        workers: Some(2),
        ..LoadOptions::default()
    };
    let (_, settings) = Config::explain(options).unwrap();
    let origin = |key: &str| settings.iter().find(|setting| setting.key == key).unwrap().origin.clone();
    assert_eq!(settings.len(), KEYS.len());
    assert_eq!(origin("server.port"), Origin::File(file, 2));
    assert_eq!(origin("log.level"), Origin::Variable("RUST_LOG".into()));
    assert_eq!(origin("server.workers"), Origin::Flag("--workers"));
    assert_eq!(origin("server.host"), Origin::Default);
}
