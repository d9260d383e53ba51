//! What a definition may say, and what its reader is told otherwise.

use serde_json::{Value, json};

use super::definition::{Definition, Origin};

fn read(value: Value) -> Definition {
    serde_json::from_value(value).unwrap()
}

fn with(changes: Value) -> Definition {
    let mut value = json!({"id": "g", "gateway_type": "http", "probe": {"kind": "http", "url": "http://a/"}});
    for (name, change) in changes.as_object().unwrap() {
        value[name] = change.clone();
    }
    read(value)
}

/// The fields that are to blame.
fn blamed(definition: &Definition, origin: Origin) -> Vec<String> {
    let allowed = ["https://hooks.example.org/opshub".to_owned()];
    match definition.check(origin, &allowed) {
        Ok(()) => Vec::new(),
        Err(error) => error.details().into_iter().map(|detail| detail.field).collect(),
    }
}

#[test]
fn a_definition_of_few_words_has_the_defaults() {
    let definition = with(json!({}));
    assert_eq!(definition.check(Origin::Registered, &[]), Ok(()));
    assert_eq!((definition.interval().as_millis(), definition.timeout().as_millis()), (10_000, 5_000));
    let thresholds = definition.thresholds();
    assert_eq!((thresholds.unhealthy_after, thresholds.healthy_after), (3, 2));
    assert_eq!(with(json!({"interval_ms": 1000})).timeout().as_millis(), 1_000);
    let push = with(json!({"probe": {"kind": "push"}})).thresholds();
    assert_eq!((push.unhealthy_after, push.healthy_after), (1, 1));
}

#[test]
fn every_kind_of_probe_reads_as_it_is_written() {
    for probe in [
        json!({"kind": "http", "url": "https://a/?k=v", "method": "HEAD", "expect_status": ["200-299", 401],
               "expect_body": {"matches": "^ok"}, "headers": {"X-A": {"env": "A"}}, "verify_tls": false}),
        json!({"kind": "tcp", "address": "[::1]:80"}),
        json!({"kind": "command", "command": ["true", "-x"], "env": {"A": "b"}}),
        json!({"kind": "push"}),
        json!({"kind": "websocket", "url": "wss://a/", "subprotocol": "opshub.v1", "verify_tls": true}),
    ] {
        let definition = with(json!({"probe": probe}));
        assert_eq!(serde_json::to_value(&definition).unwrap()["probe"], probe);
    }
}

#[test]
fn yaml_is_read_with_its_types() {
    let text = "
id: feed
gateway_type: ctp
probe: {kind: http, url: http://127.0.0.1:1/, expect_status: [200-204, 401], expect_body: ok}
recovery: {command: [systemctl, restart, feed], require_approval: true}
maintenance:
  - {days: [sat, sun], from: '23:00', to: '01:00'}
metadata: {owner: ops, level: 3}
";
    let definition: Definition = serde_saphyr::from_str(text).unwrap();
    assert_eq!(definition.check(Origin::Configured, &[]), Ok(()));
    assert_eq!(definition.metadata["level"], json!(3));
    assert_eq!(definition.recovery.unwrap().attempts, 3);
}

#[test]
fn unknown_and_missing_fields_are_named() {
    let message = |value: Value| serde_json::from_value::<Definition>(value).unwrap_err().to_string();
    let base = json!({"id": "g", "gateway_type": "t", "probe": {"kind": "push"}});
    for (pointer, value, word) in [
        ("intervall", json!(1), "intervall"),
        ("probe", json!({"kind": "http", "url": "http://a", "urll": 1}), "urll"),
        ("probe", json!({"kind": "http"}), "url"),
        ("probe", json!({"kind": "push", "url": "x"}), "url"),
        ("probe", json!({"kind": "smtp"}), "smtp"),
        ("probe", json!({"kind": "http", "url": "http://a", "expect_status": [700]}), "expect_status"),
        ("probe", json!({"kind": "http", "url": "http://a", "expect_body": 7}), "expect_body"),
        ("recovery", json!({"webhok": "http://a"}), "webhok"),
        ("maintenance", json!([{"from": "2:00", "to": "03:00"}]), "2:00"),
        ("maintenance", json!([{"from": "02:00", "to": "03:00", "days": ["someday"]}]), "someday"),
        ("id", json!("a/b"), "without /"),
    ] {
        let mut bad = base.clone();
        bad[pointer] = value;
        let message = message(bad);
        assert!(message.contains(word), "{message}");
    }
}

#[test]
fn every_bad_value_is_told_at_once() {
    let definition = with(json!({
        "gateway_type": "", "interval_ms": 50, "timeout_ms": 6000, "unhealthy_after": 0,
        "degraded_over_ms": 9000, "metadata": {"a": "x".repeat(5000)},
        "probe": {"kind": "http", "url": "ftp://a", "headers": {"bad name": "a", "Host": "b", "X": "a\nb"}},
        "recovery": {"attempts": 0, "backoff_ms": 1}
    }));
    let fields = blamed(&definition, Origin::Configured);
    for field in [
        "gateway_type",
        "probe.url",
        "probe.headers.bad name",
        "probe.headers.Host",
        "probe.headers.X",
        "interval_ms",
        "timeout_ms",
        "unhealthy_after",
        "degraded_over_ms",
        "recovery",
        "recovery.attempts",
        "recovery.backoff_ms",
        "metadata",
    ] {
        assert!(fields.iter().any(|found| found == field), "{field} is missing in {fields:?}");
    }
}

#[test]
fn what_runs_a_command_comes_from_the_configuration_alone() {
    let probe = with(json!({"probe": {"kind": "command", "command": ["true"]}}));
    let recovery = with(json!({"recovery": {"command": ["true"]}}));
    for definition in [&probe, &recovery] {
        assert!(blamed(definition, Origin::Configured).is_empty());
    }
    assert_eq!(blamed(&probe, Origin::Registered), ["probe.kind"]);
    assert_eq!(blamed(&recovery, Origin::Registered), ["recovery.command"]);
}

#[test]
fn a_registered_webhook_lies_below_an_allowed_one() {
    let webhook = |url: &str| with(json!({"recovery": {"webhook": url}}));
    for url in ["https://hooks.example.org/opshub", "https://hooks.example.org:443/opshub/a?b"] {
        assert!(blamed(&webhook(url), Origin::Registered).is_empty(), "{url}");
    }
    for url in [
        "http://hooks.example.org/opshub",
        "https://hooks.example.org/opshub2",
        "https://hooks.example.org/opshub/../admin",
        "https://hooks.example.org/opshub/%2e%2e/admin",
        "https://hooks.example.org.evil.example/opshub",
        "https://hooks.example.org:8443/opshub",
    ] {
        assert_eq!(blamed(&webhook(url), Origin::Registered), ["recovery.webhook"], "{url}");
        assert!(blamed(&webhook(url), Origin::Configured).is_empty(), "{url}");
    }
    assert_eq!(
        blamed(&webhook("https://hooks.example.org@evil.example/opshub"), Origin::Configured).len(),
        1
    );
}

#[test]
fn secrets_are_named_in_the_configuration_and_written_out_over_http() {
    let header = |value: Value| {
        with(json!({"probe": {"kind": "http", "url": "http://a", "headers": {"Authorization": value}}}))
    };
    let (plain, named) = (header(json!("Bearer x")), header(json!({"env": "TOKEN"})));
    assert_eq!(blamed(&plain, Origin::Configured), ["probe.headers.Authorization"]);
    assert!(blamed(&named, Origin::Configured).is_empty());
    assert!(blamed(&plain, Origin::Registered).is_empty());
    assert_eq!(blamed(&named, Origin::Registered), ["probe.headers.Authorization"]);
}

#[test]
fn nothing_secret_is_shown() {
    let definition = with(json!({
        "probe": {"kind": "http", "url": "http://a/p?key=hunter2", "headers": {"X-Key": "hunter2"}},
        "recovery": {"webhook": "https://a.example/hunter2", "headers": {"X-Key": "hunter2"}}
    }));
    let shown = serde_json::to_string(&definition.public()).unwrap();
    assert!(!shown.contains("hunter2"), "{shown}");
    assert!(shown.contains("http://a/p?***") && shown.contains("https://a.example/***"), "{shown}");
    let command = with(json!({"probe": {"kind": "command", "command": ["x"], "env": {"A": "hunter2"}}}));
    assert!(!format!("{command:?}{:?}", command.public()).contains("hunter2"));
}

#[test]
fn an_address_has_a_host_and_a_port() {
    let address = |text: &str| with(json!({"probe": {"kind": "tcp", "address": text}}));
    for good in ["localhost:80", "127.0.0.1:65535", "[::1]:6379"] {
        assert!(blamed(&address(good), Origin::Registered).is_empty(), "{good}");
    }
    for bad in
        ["localhost", "localhost:0", ":80", "::1:80", "[::1]", "a b:80", "http://a:80", "a:65536", "a:+8"]
    {
        assert_eq!(blamed(&address(bad), Origin::Registered), ["probe.address"], "{bad}");
    }
}

#[test]
fn a_pattern_that_is_none_or_too_costly_is_refused() {
    let pattern = |text: &str| {
        with(json!({"probe": {"kind": "http", "url": "http://a", "expect_body": {"matches": text}}}))
    };
    assert!(blamed(&pattern("^status: (ok|fine)$"), Origin::Registered).is_empty());
    for bad in ["(", "a{1000}{1000}", ""] {
        assert!(blamed(&pattern(bad), Origin::Registered)[0].starts_with("probe.expect_body"), "{bad}");
    }
}
