//! Log lines reach who asked for them, without secrets, and never at the price of a change.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use std::process::Stdio;
use std::time::Duration;

use common::process::memory;
use common::raw::{Raw, TEXT};
use common::sse::Sse;
use common::ws::Next;
use common::{Answer, TestHub, Value, Watcher, assert_names, eventually, json, within};
use tokio::io::{AsyncBufReadExt, BufReader};

const MEBI: u64 = 1024 * 1024;

fn line(level: &str, source: &str, message: &str) -> Value {
    json!({ "level": level, "source": source, "message": message })
}

async fn post_ndjson(hub: &TestHub, body: String) -> Answer {
    hub.send(hub.request("POST", "/api/logs").header("content-type", "application/x-ndjson").body(body)).await
}

/// The lines of a log frame, and how many it tells as dropped; none for other frames.
fn lines(frame: &Value) -> Option<(Vec<Value>, u64)> {
    let data = &frame["data"];
    match frame["type"].as_str().unwrap() {
        "system_log" => Some((vec![data.clone()], 0)),
        "system_log_batch" => {
            Some((data["lines"].as_array().unwrap().clone(), data["dropped"].as_u64().unwrap()))
        }
        _ => None,
    }
}

/// The next lines.
async fn next_lines(watcher: &mut Watcher) -> Vec<Value> {
    let frame = watcher.find("log lines", |frame| lines(frame).is_some()).await;
    lines(&frame).unwrap().0
}

/// The messages up to the one of `last`.
async fn messages_to(watcher: &mut Watcher, last: &str) -> Vec<String> {
    let mut messages: Vec<String> = Vec::new();
    while messages.last().is_none_or(|message| message != last) {
        let lines = next_lines(watcher).await;
        messages.extend(lines.iter().map(|line| line["message"].as_str().unwrap().to_owned()));
    }
    messages
}

/// The value of one series of `/metrics`.
async fn metric(hub: &TestHub, series: &str) -> u64 {
    let text = hub.get("/metrics").await.text;
    let found = text.lines().find_map(|line| line.strip_prefix(series)?.trim().parse().ok());
    found.unwrap_or_else(|| panic!("no {series} in {text}"))
}

#[tokio::test]
async fn lines_reach_who_asked_by_level_and_source() {
    let hub = TestHub::start().await;
    let mut default = hub.v1("").await;
    let mut worst = hub.v1("?topics=logs&log_level=WARN").await;
    let mut mail = hub.watch(&["presence"]).await;
    let asked = json!({"topics": ["logs"], "log_level": "DEBUG", "log_source": "collector."});
    let subscribed = mail.ask(json!({"type": "subscribe", "data": asked})).await;
    let wanted = json!({"topics": ["presence", "logs"], "log_level": "DEBUG", "log_source": "collector."});
    assert_eq!(subscribed["data"], wanted);
    worst.drain().await;

    let posted = json!([
        line("DEBUG", "collector.mail", "1"),
        line("warning", "collector.mail", "2"),
        line("ERROR", "billing", "3"),
        line("INFO", "collector", "4"),
        { "level": "ERROR", "source": "collector.calendar", "message": "5", "metadata": {"n": 7},
          "timestamp": "2026-01-02T05:04:05.678+02:00" },
    ]);
    let answer = hub.post("/api/logs", posted).await.ok();
    assert_eq!((&answer["success"], &answer["accepted"]), (&json!(true), &json!(5)));
    assert_eq!(messages_to(&mut worst, "5").await, ["2", "3", "5"]);
    let got = next_lines(&mut mail).await;
    assert_eq!(got.len(), 3, "one frame for a moment: {got:?}");
    let last = json!({"id": answer["last_id"], "timestamp": "2026-01-02T03:04:05.678Z", "level": "ERROR",
        "source": "collector.calendar", "message": "5", "metadata": {"n": 7}});
    assert_eq!(got[2], last);

    // One line alone is a frame of its own kind.
    hub.post("/api/logs", line("ERROR", "billing", "6")).await.ok();
    assert_eq!(worst.expect("system_log").await["data"]["message"], "6");

    let left = mail.ask(json!({"type": "unsubscribe", "data": {"topics": ["logs"]}})).await;
    assert_eq!(left["data"], json!({"topics": ["presence"]}));
    hub.post("/api/logs", line("ERROR", "collector.mail", "7")).await.ok();
    assert_eq!(messages_to(&mut worst, "7").await, ["7"]);
    for quiet in [&mut mail, &mut default] {
        assert!(quiet.drain().await.iter().all(|frame| lines(frame).is_none()), "nobody asked for lines");
    }
}

#[tokio::test]
async fn what_is_not_asked_for_stays_in_force_and_bad_wishes_change_nothing() {
    let hub = TestHub::start().await;
    let mut watcher = hub.v1("?topics=logs&log_level=ERROR&log_source=a").await;
    let subscribe = |data: Value| json!({"type": "subscribe", "data": data});
    let kept = watcher.ask(subscribe(json!({"topics": ["presence"]}))).await;
    assert_eq!((&kept["data"]["log_level"], &kept["data"]["log_source"]), (&json!("ERROR"), &json!("a")));
    for bad in [
        json!({"topics": ["logs"], "log_level": "LOUD"}),
        json!({"topics": [], "log_source": "x".repeat(129)}),
    ] {
        let refused = watcher.ask(subscribe(bad)).await;
        assert_eq!(refused["data"]["error_type"], "invalid_value");
    }
    let cleared = watcher.ask(subscribe(json!({"topics": [], "log_source": ""}))).await;
    assert_eq!(cleared["data"], json!({"topics": ["presence", "logs"], "log_level": "ERROR"}));
    let mut other = hub.watch(&["state"]).await;
    let refused = other.ask(subscribe(json!({"topics": ["state"], "log_level": "WARN"}))).await;
    assert_names(refused["data"]["message"].as_str().unwrap(), &["log_level", "logs"]);
}

#[tokio::test]
async fn different_filters_are_bounded_and_a_refused_one_costs_nothing() {
    let hub = TestHub::start().await;
    let mut open = Vec::new();
    for n in 0..64 {
        let mut watcher = hub.v1(&format!("?topics=logs&log_source=s{n}.")).await;
        watcher.expect("connected").await;
        open.push(watcher);
    }
    let mut one_more = hub.watch(&["presence"]).await;
    let asked = json!({"type": "subscribe", "data": {"topics": ["logs"], "log_source": "t."}});
    let refused = one_more.ask(asked.clone()).await;
    assert_eq!(refused["data"]["error_type"], "limit_exceeded");
    let same = json!({"type": "subscribe", "data": {"topics": ["logs"], "log_source": "s3."}});
    assert_eq!(one_more.ask(same).await.kind(), "subscribed");
    // All of them together get no more than 100 frames a second.
    let before = metric(&hub, "opshub_log_frames_total").await;
    let start = std::time::Instant::now();
    for _ in 0..30 {
        let all: Vec<Value> = (0..64).map(|n| line("INFO", &format!("s{n}."), "x")).collect();
        hub.post("/api/logs", json!(all)).await.ok();
    }
    for watcher in &mut open {
        next_lines(watcher).await;
    }
    let frames = metric(&hub, "opshub_log_frames_total").await - before;
    let moments = start.elapsed().as_secs_f64() / 0.64 + 1.0;
    assert!(frames as f64 <= 64.0 * moments.ceil(), "{frames} frames in {:?}", start.elapsed());
    open.pop().unwrap().leave().await;
    eventually("there is room again", || async {
        let mut watcher = hub.v1("?topics=logs&log_source=t.").await.poll(Duration::from_secs(5)).await;
        matches!(watcher.take(), Some(Next::Frame(frame)) if frame.kind() == "connected").then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_stream_of_events_has_lines_too() {
    let hub = TestHub::start().await;
    let mut stream = Sse::open(&hub, "?topics=logs&log_level=WARN&log_source=a.", None).await;
    assert_eq!(stream.next().await.json()["type"], "state");
    hub.post(
        "/api/logs",
        json!([line("INFO", "a.b", "1"), line("WARN", "b", "2"), line("WARN", "a.b", "3")]),
    )
    .await
    .ok();
    let event = stream.next().await;
    assert_eq!(event.id, "", "lines are no place to resume from");
    assert_eq!(event.json()["data"]["message"], "3");
    let refused = hub.get("/api/events/stream?topics=logs&log_level=LOUD").await;
    refused.refused(400, "invalid_value");
}

#[tokio::test]
async fn plain_connections_never_get_lines() {
    let hub = TestHub::start().await;
    let mut plain = Watcher::open(&hub.ws_url("?topics=logs"), None).await;
    plain.next().await;
    let mut typed = hub.v1("?topics=logs").await;
    typed.expect("connected").await;
    hub.post("/api/logs", line("ERROR", "a", "1")).await.ok();
    assert_eq!(messages_to(&mut typed, "1").await, ["1"]);
    plain.send(json!({"type": "ping"})).await;
    assert_eq!(plain.next().await.kind(), "pong");
}

#[tokio::test]
async fn a_bad_line_is_named_and_nothing_is_taken() {
    let hub = TestHub::start().await;
    let good = line("INFO", "a", "good").to_string();
    let bad = [
        (
            "{\"level\":\"LOUD\",\"message\":\"m\",\"source\":\"s\"}",
            "line 3: level must be DEBUG, INFO, WARN or ERROR",
        ),
        ("{\"level\":\"INFO\",\"source\":\"s\"}", "line 3: message is missing"),
        (
            "{\"level\":\"INFO\",\"message\":\"m\",\"source\":\"opshub\"}",
            "line 3: source must not be one of the hub's own",
        ),
        ("{\"level\":\"INFO\"", "invalid json at line 3 column"),
    ];
    for (bad, words) in bad {
        let answer = post_ndjson(&hub, format!("{good}\n{good}\n{bad}\n{good}\n")).await;
        let error = answer.error(400);
        assert_names(error["message"].as_str().unwrap(), &[words]);
    }
    let answer =
        post_ndjson(&hub, format!("{good}\n{}\n", json!({"level": "INFO", "mesage": "m", "source": "s"})))
            .await;
    assert_names(
        answer.refused(400, "unknown_field")["message"].as_str().unwrap(),
        &["line 2/mesage", "message"],
    );
    let answer = hub.post("/api/logs", json!([line("INFO", "a", "1"), 3])).await;
    assert_names(answer.refused(400, "invalid_value")["message"].as_str().unwrap(), &["/1"]);
    let kept = hub.get("/api/logs?source=a").await.ok();
    assert_eq!(kept["lines"], json!([]));

    let mixed = format!("{good}\r\n\n{good}");
    assert_eq!(post_ndjson(&hub, mixed).await.ok()["accepted"], 2);
    assert_eq!(hub.post("/api/logs", json!([])).await.ok()["accepted"], 0);
}

#[tokio::test]
async fn posting_obeys_the_limits_and_the_origin_rule() {
    let hub = TestHub::start_with(&[("OPSHUB_LIMITS__BODY_BYTES", "20000")]).await;
    let post = || hub.request("POST", "/api/logs");
    let text = hub.send(post().header("content-type", "text/plain").body("x")).await;
    assert_names(
        text.refused(415, "unsupported_media_type")["message"].as_str().unwrap(),
        &["application/x-ndjson"],
    );
    let large = hub.post("/api/logs", line("INFO", "a", &"x".repeat(20_000))).await;
    large.refused(413, "payload_too_large");
    let foreign = post().header("origin", "https://evil.example").json(&line("INFO", "a", "1"));
    hub.send(foreign).await.refused(403, "origin_refused");
    hub.send(hub.request("DELETE", "/api/logs")).await.refused(405, "method_not_allowed");
    for bad in ["level=loud", "limit=0", "limit=1001", "since=x", "sort=asc"] {
        hub.get(&format!("/api/logs?{bad}")).await.refused(400, "invalid_value");
    }
    assert_eq!(hub.get("/api/logs?source=a").await.ok()["lines"], json!([]));
    assert_eq!(hub.seq().await, 0, "lines are no changes");
}

#[tokio::test]
async fn recent_lines_are_read_in_pages_and_ids_rise_across_restarts() {
    let mut hub = TestHub::start().await;
    let all: Vec<Value> =
        (0..250).map(|n| line(if n % 2 == 0 { "INFO" } else { "DEBUG" }, "a.b", &n.to_string())).collect();
    let last = hub.post("/api/logs", json!(all)).await.ok()["last_id"].as_u64().unwrap();
    let messages = |answer: &Answer| -> Vec<u64> {
        let lines = answer["lines"].as_array().unwrap().iter();
        lines.map(|line| line["message"].as_str().unwrap().parse().unwrap()).collect()
    };
    let newest = hub.get("/api/logs?source=a.&limit=3").await.ok();
    assert_eq!((messages(&newest), &newest["next"]), (vec![247, 248, 249], &Value::Null));
    assert!(newest["last_id"].as_u64() >= Some(last));
    let (mut since, mut seen) = (last - 250, Vec::new());
    loop {
        let page = hub.get(&format!("/api/logs?level=info&source=a.&since={since}&limit=50")).await.ok();
        seen.extend(messages(&page));
        match page["next"].as_u64() {
            Some(next) => since = next,
            None => break,
        }
    }
    assert_eq!(seen, (0..250).step_by(2).collect::<Vec<u64>>());

    hub.stop().await;
    hub.restart().await;
    let again = hub.post("/api/logs", line("INFO", "a.b", "0")).await.ok();
    assert!(again["last_id"].as_u64().unwrap() > last);
    let page = hub.get(&format!("/api/logs?source=a.&since={last}")).await.ok();
    assert_eq!(messages(&page), [0], "lines are not durable, ids go on");
}

#[tokio::test]
async fn no_secret_is_ever_seen_on_a_socket_or_in_an_answer() {
    let hub = TestHub::start().await;
    let mut watcher = hub.v1("?topics=logs&log_level=DEBUG").await;
    watcher.expect("connected").await;
    let key = "-----BEGIN PRIVATE KEY-----\nhunter2hunter2\n-----END PRIVATE KEY-----";
    let posted = json!([
        line("INFO", "a", "login with password=hunter2 and Authorization: Bearer hunter2hunter2"),
        line("INFO", "a", key),
        line("INFO", "a", "\u{1b}[31mconnecting to postgres://app:hunter2@db/x\u{1b}[0m"),
        { "level": "INFO", "source": "a", "message": "request", "metadata": {
            "headers": {"Cookie": "sid=hunter2", "X-Api-Key": ["hunter2"]}, "deep": [{"deeper": {"client_secret": {"v": "hunter2"}}}],
            "url": "/x?access_token=hunter2", "key": key } },
        line("INFO", "a token=hunter2", "eyJhbGciOiJIUzI1NiJ9.eyJodW50ZXIyIjoxfQ.aHVudGVyMg"),
        line("INFO", "a", "the end\u{7}\u{202e}"),
    ]);
    hub.post("/api/logs", posted).await.ok();
    let mut frames = String::new();
    while !frames.contains("the end") {
        frames += &watcher.find("log lines", |frame| lines(frame).is_some()).await.text;
    }
    let page = hub.get("/api/logs?limit=1000").await.ok();
    for seen in [&frames, &page.text] {
        for secret in ["hunter2", "aHVudGVyMg", "\u{1b}", "\\u001b", "\\u0007", "\u{202e}"] {
            assert!(!seen.contains(secret), "{secret:?} in {seen}");
        }
        assert_names(seen, &["password=[masked]", "postgres://app:[masked]@db/x", "the end"]);
    }
    assert!(!hub.log().contains("hunter2"));
}

#[tokio::test]
async fn the_hubs_own_warnings_come_too() {
    let hub = TestHub::start_with(&[("OPSHUB_COLLECTION__TIMEOUT", "1")]).await;
    let mut watcher = hub.v1("?topics=logs&log_level=WARN&log_source=opshub").await;
    watcher.expect("connected").await;
    hub.post("/api/trigger_collection", json!({})).await.ok();
    let got = next_lines(&mut watcher).await;
    assert_names(got[0]["message"].as_str().unwrap(), &["collection", "given up"]);
    assert_eq!((&got[0]["level"], &got[0]["source"]), (&json!("WARN"), &json!("opshub::hub::chores")));
    let kept = hub.get("/api/logs?level=WARN").await.ok();
    assert!(kept["lines"].as_array().unwrap().contains(&got[0]));
}

#[tokio::test]
async fn sending_lines_makes_no_lines() {
    let hub = TestHub::start_with(&[("RUST_LOG", "trace")]).await;
    let mut watcher = hub.v1("?topics=logs&log_level=DEBUG").await;
    let mut stream = Sse::open(&hub, "?topics=logs&log_level=DEBUG", None).await;
    watcher.expect("connected").await;
    let posted: Vec<Value> = (0..300).map(|n| line("DEBUG", "a", &n.to_string())).collect();
    hub.post("/api/logs", json!(posted)).await.ok();
    let (mut sources, mut count) = (Vec::new(), 0);
    // The hub works by the clock, which may say something now and then; a loop would never be quiet.
    while let Some(next) = watcher.poll(Duration::from_millis(150)).await {
        let Next::Frame(frame) = next else { panic!("{next:?}") };
        for line in lines(&frame).map(|(lines, _)| lines).unwrap_or_default() {
            count += 1;
            sources.push(line["source"].as_str().unwrap().to_owned());
        }
        assert!(count < 500, "lines make lines: {sources:?}");
    }
    assert!(count >= 300, "{count}");
    for carrier in ["opshub::fanout", "opshub::session", "opshub::logs", "actix", "mio", "tokio"] {
        assert!(!sources.iter().any(|source| source.starts_with(carrier)), "{carrier} is streamed");
    }
    assert!(hub.log().contains("opshub::session"), "there was something to leave out");
    stream.next().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_burst_is_delivered_or_counted_to_the_line_and_changes_go_on() {
    let hub = TestHub::start().await;
    let mut reader = hub.v1("?topics=logs&log_level=DEBUG&log_source=burst").await;
    reader.expect("connected").await;
    let mut changes = hub.watch(&["state"]).await;
    let (bodies, each) = (20, 10_000);
    let wanted = bodies * each;
    let memory_before = memory(hub.pid(), "VmRSS");
    let read = tokio::spawn(async move {
        let (mut got, mut dropped, mut frames, mut errors) = (0, 0, 0, 0);
        let mut last = 0;
        while got + dropped < wanted {
            let frame = reader.find("log lines", |frame| lines(frame).is_some()).await;
            let (lines, more) = lines(&frame).unwrap();
            for line in &lines {
                assert!(line["id"].as_u64().unwrap() > last, "out of order");
                last = line["id"].as_u64().unwrap();
                errors += u64::from(line["level"] == "ERROR");
            }
            assert!(frame.text.len() < 70_000, "a frame of {} bytes", frame.text.len());
            (got, dropped, frames) = (got + lines.len() as u64, dropped + more, frames + 1);
        }
        (got, dropped, frames, errors)
    });
    let posting = async {
        for body in 0..bodies {
            let lines = (0..each).map(|n| {
                // One in a thousand is bad: all of these come through.
                let level = if n % 1_000 == 0 { "ERROR" } else { "INFO" };
                format!("{{\"level\":\"{level}\",\"source\":\"burst.{body}\",\"message\":\"line {n} of a long story\"}}\n")
            });
            let accepted = post_ndjson(&hub, lines.collect()).await.ok()["accepted"].as_u64();
            assert_eq!(accepted, Some(each));
        }
    };
    let changing = async {
        for n in 1..=20 {
            let seq = hub.put("/api/items/owe/X", json!({ "id": "X", "n": n })).await.seq();
            assert_eq!(changes.change().await.change(), Some(seq));
        }
    };
    tokio::join!(posting, changing);
    let (got, dropped, frames, errors) = read.await.unwrap();
    assert_eq!(got + dropped, wanted, "{got} came, {dropped} were dropped");
    assert!(got > 0 && dropped > 0 && frames > 1);
    assert_eq!(errors, wanted / 1_000, "the lowest levels go first");
    assert_eq!(metric(&hub, "opshub_log_lines_dropped_total{reason=\"burst\"}").await, dropped);
    assert_eq!(metric(&hub, "opshub_log_lines_dropped_total{reason=\"slow\"}").await, 0);
    assert_eq!(metric(&hub, "opshub_log_lines_total{origin=\"posted\"}").await, wanted);
    let grown = memory(hub.pid(), "VmHWM").saturating_sub(memory_before);
    assert!(grown < 80 * MEBI, "{} MiB more", grown / MEBI);
    let kept = hub.get("/api/logs?since=0&limit=1").await.ok();
    let (first, last) = (kept["first_id"].as_u64().unwrap(), kept["last_id"].as_u64().unwrap());
    assert!(last - first < 10_000);
}

#[tokio::test]
async fn a_slow_reader_loses_lines_and_no_change() {
    let hub = TestHub::start().await;
    let mut slow = Raw::narrow(&hub, "opshub.v1", "?topics=state,logs&log_source=a").await;
    slow.expect_type("state").await;
    let mut posted = 0;
    // Until it is behind: what its sockets hold is not known beforehand.
    eventually("lines are dropped for it", || async {
        let body: Vec<Value> =
            (0..300).map(|n| line(["INFO", "ERROR"][n % 2], "a", &"x".repeat(100))).collect();
        hub.post("/api/logs", json!(body)).await.ok();
        let all = hub.get("/api/connections").await.ok();
        (all["connections"][0]["log_lines_dropped"].as_u64().unwrap() > 1_000).then_some(())
    })
    .await;
    posted += metric(&hub, "opshub_log_lines_total{origin=\"posted\"}").await;
    let changes = 100;
    for n in 1..=changes {
        hub.put("/api/items/owe/X", json!({ "id": "X", "n": n, "pad": "y".repeat(500) })).await.ok();
    }
    let connection = hub.get("/api/connections").await.ok()["connections"][0].clone();
    assert_eq!((&connection["conflated"], &connection["state"]), (&json!(0), &json!("live")), "{connection}");

    let (mut seq, mut got, mut dropped) = (0, 0, 0);
    while seq < changes || got + dropped < posted {
        let frame = slow.expect(TEXT).await.json();
        if let Some((lines, more)) = lines(&frame) {
            (got, dropped) = (got + lines.len() as u64, dropped + more);
        } else if frame["type"] == "state_change" {
            assert_eq!(frame["seq"], seq + 1, "a change was lost");
            seq += 1;
        } else {
            assert_ne!(frame["type"], "state", "changes were conflated because of lines");
        }
    }
    assert_eq!(got + dropped, posted);
    assert!(dropped > 1_000, "{dropped}");
    assert!(metric(&hub, "opshub_log_lines_dropped_total{reason=\"slow\"}").await > 1_000);
}

#[tokio::test]
async fn the_command_line_shows_lines_and_follows_them() {
    let hub = TestHub::start().await;
    hub.post(
        "/api/logs",
        json!([line("INFO", "a.b", "first"), line("WARN", "a.b", "second"), line("ERROR", "c", "third")]),
    )
    .await
    .ok();
    let shown = hub.cli(&["logs", "--level", "warn", "--source", "a."]).await;
    assert_eq!(shown.code, Some(0), "{shown:?}");
    assert_eq!(shown.stdout.lines().count(), 1);
    assert_names(&shown.stdout, &["WARN", "a.b: second"]);
    let json_lines = hub.cli(&["logs", "--source", "c", "--json"]).await;
    assert_eq!(serde_json::from_str::<Value>(&json_lines.stdout).unwrap()["message"], "third");

    let mut command = tokio::process::Command::from(hub.cli_command());
    command.args(["logs", "--follow", "--json", "--source", "a."]).kill_on_drop(true);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut output = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut next = async || {
        let line = within("a line of output", output.next_line()).await.unwrap().expect("the output ended");
        serde_json::from_str::<Value>(&line).unwrap()["message"].as_str().unwrap().to_owned()
    };
    assert_eq!((next().await.as_str(), next().await.as_str()), ("first", "second"));
    // Whether before or after it is connected, each line is shown once.
    for n in 0..5 {
        hub.post("/api/logs", json!([line("INFO", "a.b", &n.to_string()), line("INFO", "b", "other")]))
            .await
            .ok();
    }
    for n in 0..5 {
        assert_eq!(next().await, n.to_string());
    }
    child.kill().await.unwrap();
    assert_eq!(hub.cli(&["logs", "--level", "loud"]).await.code, Some(2));
}
