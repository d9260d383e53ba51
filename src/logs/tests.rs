//! The promises of log lines, without a network: nothing secret, nothing that steers, exact counts.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::sync::Arc;

use proptest::prelude::*;
use serde_json::{Map, Value, json};

use crate::domain::{Error, Timestamp};
use crate::protocol::server::Envelope;
use crate::protocol::{LogFilter, LogLevel, ServerMessage};
use crate::telemetry::metrics::Metrics;

use super::clean::steers;
use super::filters::{FILTERS_MAX, FRAME_MAX_LINES};
use super::line::{Draft, LINE_MAX_BYTES, Line, Said};
use super::mask::{MASK, is_secret_name, mask};
use super::posted::{Form, read};
use super::ring::{LogQuery, RING_MAX_BYTES, RING_MAX_LINES};
use super::{Logs, frame};

fn at() -> Timestamp {
    Timestamp::from_millis(0)
}

fn draft(level: LogLevel, source: &str, message: &str, metadata: Value) -> Draft {
    let Value::Object(metadata) = metadata else { panic!("metadata is an object") };
    Draft::new(Said { at: at(), level, message, gone: 0, source, metadata })
}

fn info(message: &str) -> Draft {
    draft(LogLevel::Info, "test", message, json!({}))
}

fn shown(message: &str, metadata: Value) -> Value {
    let mut text = String::new();
    Line::new(1, draft(LogLevel::Info, "test", message, metadata)).write(&mut text);
    serde_json::from_str(&text).unwrap()
}

fn logs() -> Arc<Logs> {
    Logs::new(Arc::new(Metrics::new()), at())
}

fn all(limit: usize) -> LogQuery {
    let filter = LogFilter { level: LogLevel::Debug, source: String::new() };
    LogQuery { filter, since: None, limit }
}

#[test]
fn names_of_secrets_are_known_however_they_are_written() {
    for name in [
        "password",
        "DB_PASSWORD",
        "user.password",
        "accessToken",
        "X-Api-Key",
        "apikey",
        "key",
        "sshKey",
        "Authorization",
        "proxy-authorization",
        "Set-Cookie",
        "client_secret",
        "private_key",
        "keys",
        "AUTH",
        "pwd",
        "awsCredentials",
        "refresh_token_2",
    ] {
        assert!(is_secret_name(name), "{name}");
    }
    for name in
        ["monkey", "keyboard", "hockey", "author", "passenger", "compass", "seq", "elapsed_ms", "path"]
    {
        assert!(!is_secret_name(name), "{name}");
    }
}

#[test]
fn secrets_are_masked_wherever_they_stand() {
    for (text, wanted) in [
        ("login password=hunter2 ok", "login password=[masked] ok"),
        ("{\"password\": \"hun\\\"ter2\", \"user\": \"bob\"}", "{\"password\": [masked], \"user\": \"bob\"}"),
        ("{\\\"token\\\":\\\"hunter2\\\",\\\"a\\\":1}", "{\\\"token\\\":[masked],\\\"a\\\":1}"),
        ("GET /x?token=hunter2&page=3", "GET /x?token=[masked]&page=3"),
        ("Authorization: Bearer hunter2.abc", "Authorization: [masked]"),
        ("Cookie: sid=hunter2; theme=dark", "Cookie: [masked]"),
        ("sent bearer hunter2hunter2", "sent bearer [masked]"),
        ("api-key: hunter2, next", "api-key: [masked], next"),
        ("run --password hunter2 --verbose", "run --password [masked] --verbose"),
        ("secret='hun ter2' done", "secret=[masked] done"),
        ("<password>hunter2</password>", "<password>[masked]</password>"),
        ("token => hunter2", "token => [masked]"),
        ("postgres://app:hunter2@db:5432/x", "postgres://app:[masked]@db:5432/x"),
        ("redis://:hunter2@cache/0", "redis://:[masked]@cache/0"),
        ("Basic dXNlcjpodW50ZXIy", "Basic [masked]"),
        ("token=Bearer hunter2", "token=[masked]"),
        ("got eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln", "got [masked]"),
        ("pushed with ghp_hunter2hunter2hunter2", "pushed with [masked]"),
        ("-----BEGIN RSA PRIVATE KEY-----\nhunter2\n-----END RSA PRIVATE KEY----- done", "[masked] done"),
        ("key: -----BEGIN PRIVATE KEY-----\\nhunter2 and cut", "key: [masked]"),
        ("passwords: [\"hunter2\", \"b\"] end", "passwords: [masked] end"),
    ] {
        let masked = mask(text);
        assert_eq!(masked, wanted);
        assert!(!masked.contains("hunter2"), "{masked}");
    }
}

#[test]
fn what_is_no_secret_stays() {
    for text in [
        "no such key: foo",
        "basic authentication failed",
        "monkey=banana",
        "10:42 done, 3 of 4",
        "see https://example.org/a@b?page=2 and http://127.0.0.1:8000/ws",
        "a bearer of bad news",
        "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----",
        "user@host: ok",
        "std::token::Kind",
        "Grüße, مرحبا, 日本語",
        "",
    ] {
        assert_eq!(mask(text), text);
    }
}

#[test]
fn metadata_is_masked_at_every_depth() {
    let line = shown(
        "request",
        json!({
            "user": "bob", "token": "hunter2", "n": 3, "ok": true, "secret": null,
            "headers": [["Cookie", "sid=hunter2"], {"name": "Authorization", "value": "hunter2"}],
            "deep": {"list": [{"db": {"Password": {"was": "hunter2"}, "url": "amqp://u:hunter2@q"}}]},
            "note": "with password=hunter2",
        }),
    );
    assert!(!line.to_string().contains("hunter2"), "{line}");
    let metadata = &line["metadata"];
    assert_eq!(
        (&metadata["user"], &metadata["n"], &metadata["ok"]),
        (&json!("bob"), &json!(3), &json!(true))
    );
    assert_eq!((&metadata["token"], &metadata["secret"]), (&json!(MASK), &Value::Null));
    assert_eq!(metadata["deep"]["list"][0]["db"]["url"], "amqp://u:[masked]@q");
}

#[test]
fn a_secret_behind_colours_or_at_the_cut_is_masked_too() {
    let line = shown("\u{1b}[33mpass\u{1b}[0mword=\u{1b}[31mhunter2\u{1b}[0m", json!({}));
    assert_eq!(line["message"], "password=[masked]");
    let long = format!("{}token={}", "x ".repeat(LINE_MAX_BYTES / 2 - 40), "hunter2".repeat(100));
    assert!(!shown(&long, json!({})).to_string().contains("hunter2"));
}

#[test]
fn what_is_too_long_is_cut_and_says_so() {
    let line = shown(&"x".repeat(20_000), json!({"big": vec!["y".repeat(100); 200]}));
    let message = line["message"].as_str().unwrap();
    assert!(message.len() <= LINE_MAX_BYTES && message.ends_with("bytes cut]"), "{}", message.len());
    assert!(line["metadata"]["omitted"].as_str().unwrap().contains("bytes"));
}

#[test]
fn posted_lines_are_read_all_or_none_and_errors_name_the_line() {
    let line = r#"{"level":"warning","message":"m","source":"s","metadata":{"a":1},"timestamp":"2026-01-02T03:04:05Z"}"#;
    assert_eq!(read(line.as_bytes(), Form::Json, at()).unwrap().len(), 1);
    assert_eq!(read(format!("[{line},{line}]").as_bytes(), Form::Json, at()).unwrap().len(), 2);
    assert_eq!(read(format!("{line}\r\n\n{line}").as_bytes(), Form::Lines, at()).unwrap().len(), 2);
    let refused = |body: String, form| read(body.as_bytes(), form, at()).unwrap_err();
    for (bad, words) in [
        (r#"{"level":"LOUD","message":"m","source":"s"}"#, "line 3: level must be DEBUG"),
        (r#"{"level":"INFO","source":"s"}"#, "line 3: message is missing"),
        (r#"{"level":"INFO","message":1,"source":"s"}"#, "line 3: message must be a string"),
        (r#"{"level":"INFO","message":"m","source":""}"#, "line 3: source must have 1 to 128 bytes"),
        (r#"{"level":"INFO","message":"m","source":"opshub::hub"}"#, "line 3: source must not be"),
        (r#"{"level":"INFO","message":"m","source":"\u001b[0mopshub::hub"}"#, "line 3: source must not be"),
        (
            r#"{"level":"INFO","message":"m","source":"s","metadata":[]}"#,
            "line 3: metadata must be an object",
        ),
        (r#"{"level":"INFO","message":"m","source":"s","timestamp":"now"}"#, "line 3: timestamp must be"),
        (r#"{"level":"INFO","message":"m","source":"s","tags":1}"#, "unknown field line 3/tags"),
        ("nonsense", "invalid json at line 3 column"),
    ] {
        let error = refused(format!("{line}\n\n{bad}\n{line}"), Form::Lines);
        assert!(error.to_string().contains(words), "{error}");
        assert_eq!(error.spec().0, 400);
    }
    assert_eq!(refused("\n \n".into(), Form::Lines).spec().1, "invalid_json");
    let error = refused(format!("[{line},{}]", r#"{"level":"INFO"}"#), Form::Json);
    assert_eq!(error.to_string(), "/1: message is missing");
    assert_eq!(error.details()[0].field, "/1/message");
}

#[test]
fn the_ring_is_bounded_and_pages_by_id() {
    let logs = logs();
    for chunk in 0..12 {
        logs.take("posted", (0..1_000).map(|n| info(&format!("{}", chunk * 1_000 + n))).collect());
    }
    let page = logs.page(&LogQuery { since: Some(0), ..all(1_000) });
    let (first, last) = (page.first_id.unwrap(), page.last_id.unwrap());
    assert_eq!(last - first + 1, RING_MAX_LINES as u64);
    assert_eq!((page.lines[0].id, page.lines.len(), page.more), (first, 1_000, true));
    let newest = logs.page(&all(3));
    assert_eq!(newest.lines.iter().map(|line| line.id).collect::<Vec<_>>(), [last - 2, last - 1, last]);
    let mut since = first - 1;
    let mut count = 0;
    loop {
        let page: Value =
            serde_json::from_str(&logs.page(&LogQuery { since: Some(since), ..all(999) }).to_json()).unwrap();
        count += page["lines"].as_array().unwrap().len();
        match page["next"].as_u64() {
            Some(next) => since = next,
            None => break,
        }
    }
    assert_eq!(count, RING_MAX_LINES);
}

#[test]
fn the_ring_is_bounded_in_bytes() {
    let logs = logs();
    let long = "long ".repeat(LINE_MAX_BYTES / 5);
    for _ in 0..22 {
        logs.take("posted", (0..100).map(|_| info(&long)).collect());
    }
    let page = logs.page(&all(usize::MAX));
    assert!(page.lines.iter().map(|line| line.bytes()).sum::<usize>() <= RING_MAX_BYTES);
    assert!(page.lines.len() > 1_000);
}

#[test]
fn a_burst_keeps_the_worst_and_the_newest_and_counts_the_others() {
    let logs = logs();
    let lease = logs.subscribe(LogFilter { level: LogLevel::Debug, source: String::new() }).unwrap();
    let drafts = (0..5_000).map(|n| {
        let level = LogLevel::ALL[n % 4];
        draft(level, "s", &n.to_string(), json!({}))
    });
    logs.take("posted", drafts.collect());
    logs.flush(at());
    let (ticks, next) = logs.ticks_since(0);
    let batch = &ticks[0].batches[0];
    assert_eq!((batch.filter, batch.through, next), (lease.id(), 5_000, 1));
    assert_eq!(batch.lines.len() as u64 + batch.dropped, 5_000);
    // 64 KiB hold fewer errors than there are, so that nothing lower is left, and the oldest went.
    assert!(batch.lines.iter().all(|line| line.level() == LogLevel::Error));
    assert!(batch.lines.len() <= FRAME_MAX_LINES && batch.lines.len() > 100);
    let ids: Vec<_> = batch.lines.iter().map(|line| line.id).collect();
    assert_eq!(ids.last().copied(), logs.page(&all(1)).last_id);
    assert!(ids.is_sorted());
    assert!(batch.frame.wire_len() < 64 * 1024);
}

#[test]
fn frames_are_what_the_types_say() {
    let line = |id| {
        Arc::new(Line::new(id, draft(LogLevel::Warn, "a.b", "m \"q\" é", json!({"n": [1, {"x": null}]}))))
    };
    let decoded = |frame: &crate::protocol::Frame| serde_json::from_str::<Envelope>(frame.as_str()).unwrap();
    let one = decoded(&frame(&[line(7)], 0, at()));
    let ServerMessage::SystemLog(one) = one.message else { panic!("{one:?}") };
    assert_eq!((one.id, one.level, one.message.as_str()), (7, LogLevel::Warn, "m \"q\" é"));
    for (lines, dropped) in [(vec![line(7)], 1), (vec![line(7), line(8)], 0), (vec![], 3)] {
        let many = decoded(&frame(&lines, dropped, at()));
        let ServerMessage::SystemLogBatch(many) = many.message else { panic!("{many:?}") };
        assert_eq!((many.lines.len(), many.dropped), (lines.len(), dropped));
    }
}

#[test]
fn filters_are_shared_bounded_and_given_back() {
    let logs = logs();
    let filter = |n: usize| LogFilter { level: LogLevel::Info, source: format!("s{n}.") };
    let mut leases: Vec<_> = (0..FILTERS_MAX).map(|n| logs.subscribe(filter(n)).unwrap()).collect();
    assert_eq!(logs.subscribe(filter(3)).unwrap().id(), leases[3].id());
    assert!(matches!(logs.subscribe(filter(FILTERS_MAX)), Err(Error::LimitExceeded { .. })));
    assert_eq!(logs.tick_every().as_millis(), FILTERS_MAX as u128 * 10);
    leases.pop();
    assert!(logs.subscribe(filter(FILTERS_MAX)).is_ok());
    drop(leases);
    assert_eq!(logs.tick_every().as_millis(), 50);
}

#[test]
fn lost_records_count_as_dropped_for_who_may_have_wanted_them() {
    let logs = logs();
    let lease = |level, source: &str| logs.subscribe(LogFilter { level, source: source.into() }).unwrap();
    let kept = [lease(LogLevel::Debug, ""), lease(LogLevel::Info, "opshub::hub")];
    let others = [lease(LogLevel::Error, ""), lease(LogLevel::Debug, "collector")];
    logs.count_lost(LogLevel::Warn, 5);
    logs.flush(at());
    let (ticks, _) = logs.ticks_since(0);
    for lease in &kept {
        let batch = ticks[0].batches.iter().find(|batch| batch.filter == lease.id()).unwrap();
        assert_eq!((batch.dropped, batch.lines.len()), (5, 0));
    }
    assert_eq!(ticks[0].batches.len(), kept.len());
    drop(others);
}

/// Names of secrets as services write them.
fn secret_name() -> impl Strategy<Value = String> {
    prop::sample::select(vec![
        "password",
        "PASSWORD",
        "db_password",
        "access_token",
        "accessToken",
        "client-secret",
        "api_key",
        "X-Api-Key",
        "private_key",
        "session.cookie",
        "Authorization",
        "credentials",
        "passphrase",
    ])
    .prop_map(str::to_owned)
}

/// A secret that nothing else in a test contains.
fn secret() -> impl Strategy<Value = String> {
    "Zq[a-zA-Z0-9_.~+-]{10,40}Z"
}

/// How a message has a secret in it: `§` stands for its name, `¤` for itself.
fn template() -> impl Strategy<Value = String> {
    prop::sample::select(vec![
        "§=¤",
        "§: ¤",
        "§ = ¤",
        "\"§\":\"¤\"",
        "\"§\" : \"¤\"",
        "'§': '¤'",
        "{\\\"§\\\":\\\"¤\\\"}",
        "?a=1&§=¤&b=2",
        "--§ ¤",
        "--§=¤",
        "§=>¤",
        "§='¤'",
        "Bearer ¤",
        "authorization: bearer ¤",
        "Cookie: a=¤; b=¤",
        "https://user:¤@host/path",
        "amqp://:¤@host",
        "<§>¤</§>",
        "§=Bearer ¤",
        "\u{1b}[1mN\u{1b}[0m=\u{1b}[31mS\u{1b}[0m",
        "-----BEGIN EC PRIVATE KEY-----\n¤\n¤\n-----END EC PRIVATE KEY-----",
        "-----BEGIN OPENSSH PRIVATE KEY-----\\n¤",
        "{\"a\":{\"§\":{\"x\":[\"¤\",\"¤\"]}}}",
    ])
    .prop_map(str::to_owned)
}

/// Any JSON, with the secret as the value of a secret name somewhere in it.
fn hiding(name: String, secret: String) -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(json!({ name.clone(): secret.clone() })),
        Just(json!({ name.clone(): [1, { "deep": secret.clone() }] })),
        Just(json!(format!("{name}={secret}"))),
        Just(json!([name.clone(), secret.clone()])),
    ];
    leaf.prop_recursive(6, 24, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 1..3).prop_map(Value::Array),
            prop::collection::btree_map("[a-f]{1,4}", inner, 1..3)
                .prop_map(|fields| Value::Object(fields.into_iter().collect::<Map<_, _>>())),
        ]
    })
}

proptest! {
    #[test]
    fn no_text_steers_or_grows(text in any::<String>(), wild in "[\\x00-\\x1f\\x7f-\\x9f\u{202e}\u{200b}m\\[;0-9é]{0,200}") {
        for text in [text, wild] {
            let line = shown(&text, json!({ text.clone(): text.clone() }));
            let text = line.to_string();
            prop_assert!(!line["message"].as_str().unwrap().chars().any(steers));
            prop_assert!(!text.chars().any(|c| c.is_control() || steers(c)), "{text}");
        }
    }

    #[test]
    fn no_secret_leaves_a_message(
        template in template(), name in secret_name(), secret in secret(),
        before in "[ a-z0-9,.é]{0,40}", after in "[ a-z0-9,.é]{0,40}",
    ) {
        let text = format!("{before} {} {after}", template.replace('§', &name).replace('¤', &secret));
        let line = shown(&text, json!({}));
        prop_assert!(!line.to_string().contains(&secret), "{text:?} became {line}");
        prop_assert!(!line.to_string().contains(&secret[2..10]), "{text:?} became {line}");
    }

    #[test]
    fn no_secret_leaves_metadata(
        hidden in (secret_name(), secret()).prop_flat_map(|(name, secret)| (hiding(name, secret.clone()), Just(secret))),
    ) {
        let (value, secret) = hidden;
        let line = shown("m", json!({ "data": value }));
        prop_assert!(!line.to_string().contains(&secret), "{line}");
    }

    #[test]
    fn masking_twice_is_masking_once(template in template(), name in secret_name(), secret in secret(), text in any::<String>()) {
        let once = mask(&template.replace('§', &name).replace('¤', &secret)).into_owned();
        prop_assert_eq!(mask(&once), once.as_str());
        let once = mask(&text).into_owned();
        prop_assert_eq!(mask(&once), once.as_str());
    }

}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn whatever_the_burst_every_line_is_sent_or_counted(
        bursts in prop::collection::vec((0_usize..2_000, 0_usize..4, 1_usize..400), 1..5),
        level in 0_usize..4,
    ) {
        let logs = logs();
        let lease = logs.subscribe(LogFilter { level: LogLevel::ALL[level], source: "a".into() }).unwrap();
        let (mut wanted, mut got, mut tick) = (0, 0, 0);
        for (count, level, bytes) in bursts {
            let level = LogLevel::ALL[level];
            let text = "x".repeat(bytes);
            logs.take("posted", (0..count).map(|n| draft(level, if n % 3 == 0 { "b" } else { "ab" }, &text, json!({}))).collect());
            if level >= lease.filter().level {
                wanted += (0..count).filter(|n| n % 3 != 0).count() as u64;
            }
            logs.flush(at());
            let (ticks, next) = logs.ticks_since(tick);
            tick = next;
            for batch in ticks.iter().flat_map(|tick| &tick.batches) {
                got += batch.lines.len() as u64 + batch.dropped;
                prop_assert_eq!(batch.through, got);
                prop_assert!(batch.frame.wire_len() <= 68 * 1024);
            }
        }
        prop_assert_eq!(got, wanted);
    }
}
