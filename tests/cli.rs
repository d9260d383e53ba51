//! The command line: what it prints, when it ends, and with which code.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use std::process::Stdio;

use common::hub::folder;
use common::process::run;
use common::{TestHub, Value, assert_names, json, within};
use tokio::io::AsyncWriteExt;

#[tokio::test]
async fn exit_codes_tell_scripts_what_happened() {
    let hub = TestHub::start().await;
    let done = hub.cli(&["command", "approve P7"]).await;
    assert_eq!(done.code, Some(0), "{done:?}");
    assert!(done.stdout.contains("P7"), "{done:?}");
    let refused = hub.cli(&["command", "dance"]).await;
    assert_eq!((refused.code, refused.stdout.as_str()), (Some(1), ""), "{refused:?}");
    assert_names(&refused.stderr, &["approve", "brief"]);
    for usage in [
        &["dance"][..],
        &["status", "--colour"],
        &["wait", "--status", "LATER"],
        &["command"],
        &["events", "--limit", "0"],
    ] {
        let usage = hub.cli(usage).await;
        assert_eq!((usage.code, usage.stdout.as_str()), (Some(2), ""), "{usage:?}");
        assert!(!usage.stderr.is_empty());
    }
    let free = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let nobody = format!("http://{}", free.local_addr().unwrap());
    drop(free);
    for args in [&["status"][..], &["state", "get"], &["command", "status", "--retry-for", "0"], &["events"]]
    {
        let mut command = hub.cli_command();
        command.args(args).env("OPSHUB_URL", &nobody);
        let unreachable = common::process::finish(command).await;
        assert_eq!(
            (unreachable.code, unreachable.stdout.as_str()),
            (Some(3), ""),
            "{args:?}: {unreachable:?}"
        );
        assert!(unreachable.stderr.contains(&nobody), "{unreachable:?}");
    }
}

#[tokio::test]
async fn status_tells_people_and_scripts() {
    let hub = TestHub::start().await;
    hub.post("/api/system/status", json!({ "status": "PROCESSING", "progress": 42 })).await.ok();
    let people = hub.cli(&["status"]).await;
    assert_eq!(people.code, Some(0), "{people:?}");
    assert_names(&people.stdout, &["healthy", "PROCESSING", "42"]);
    assert!(!people.stdout.contains('\u{1b}'), "colours without a terminal");
    let scripts = hub.cli(&["status", "--json"]).await;
    let json: Value = serde_json::from_str(&scripts.stdout).unwrap();
    assert_names(&json.to_string(), &["healthy", "PROCESSING"]);
}

#[tokio::test]
async fn a_command_prints_what_the_hub_said() {
    let hub = TestHub::start().await;
    let dry = hub.cli(&["command", "refresh", "--dry-run"]).await;
    assert_eq!((dry.code, hub.seq().await), (Some(0), 0), "{dry:?}");
    let json = hub.cli(&["command", "approve", "P7", "--json", "--idempotency-key", "k"]).await;
    let json: Value = serde_json::from_str(&json.stdout).unwrap();
    assert_eq!(
        (&json["action"], &json["target"], &json["seq"]),
        (&json!("approve"), &json!("P7"), &json!(1))
    );
    hub.cli(&["command", "approve", "P7", "--idempotency-key", "k"]).await;
    assert_eq!(hub.seq().await, 1);
    let help = hub.cli(&["command", "help"]).await;
    assert_names(&help.stdout, &["approve", "refresh"]);
}

#[tokio::test]
async fn wait_ends_when_the_status_is_there_or_the_time_is_over() {
    let hub = TestHub::start().await;
    assert_eq!(hub.cli(&["wait", "--status", "IDLE", "--timeout", "5"]).await.code, Some(0));
    assert_eq!(hub.cli(&["wait", "--status", "ERROR", "--timeout", "1"]).await.code, Some(1));
    let waiting = hub.cli(&["wait", "--status", "PROCESSING", "--timeout", "60"]);
    let change = async {
        hub.post("/api/system/status", json!({ "progress": 1 })).await.ok();
        hub.post("/api/system/status", json!({ "status": "PROCESSING" })).await.ok();
    };
    let (waited, ()) = futures_util::future::join(waiting, change).await;
    assert_eq!(waited.code, Some(0), "{waited:?}");
}

#[tokio::test]
async fn events_are_printed_as_they_are_stored() {
    let hub = TestHub::start().await;
    for n in 0..30 {
        hub.command(&format!("approve T{n}")).await.ok();
    }
    let log = hub.get("/api/events?limit=1000").await.ok();
    let listed = hub.cli(&["events", "--json", "--since", "0", "--limit", "1000"]).await;
    assert_eq!(listed.code, Some(0), "{listed:?}");
    assert_eq!(listed.stdout.lines().count(), 30);
    for line in listed.stdout.lines() {
        assert!(
            log.text.contains(line)
                || log["events"].as_array().unwrap().contains(&serde_json::from_str(line).unwrap()),
            "{line}"
        );
    }
    let newest = hub.cli(&["events", "--limit", "3"]).await;
    assert_names(&newest.stdout, &["T27", "T28", "T29"]);
    assert!(!newest.stdout.contains("T26"), "{}", newest.stdout);
    let filtered = hub.cli(&["events", "--json", "--type", "state_change"]).await;
    assert_eq!((filtered.code, filtered.stdout.as_str()), (Some(0), ""));
}

#[tokio::test]
async fn events_come_in_the_order_that_is_asked_for() {
    let hub = TestHub::start().await;
    for n in 1..=6 {
        hub.command(&format!("approve T{n}")).await.ok();
    }
    for (args, expected) in [
        (&["--order", "asc", "--limit", "3"][..], &[1, 2, 3][..]),
        (&["--order", "desc", "--limit", "3"], &[6, 5, 4]),
        (&["--order", "desc", "--since", "2", "--before", "5"], &[4, 3]),
        // The newest ones, but read from top to bottom.
        (&["--limit", "3"], &[4, 5, 6]),
    ] {
        let listed = hub.cli(&[&["events", "--json"], args].concat()).await;
        assert_eq!(listed.code, Some(0), "{args:?}: {listed:?}");
        let seqs: Vec<u64> = listed
            .stdout
            .lines()
            .map(|line| serde_json::from_str::<Value>(line).unwrap()["seq"].as_u64().unwrap())
            .collect();
        assert_eq!(seqs, expected, "{args:?}");
    }
    for senseless in
        [&["--order", "up"][..], &["--order", "desc", "--follow"], &["--before", "3", "--follow"]]
    {
        let refused = hub.cli(&[&["events"], senseless].concat()).await;
        assert_eq!((refused.code, refused.stdout.as_str()), (Some(2), ""), "{senseless:?}: {refused:?}");
    }
}

#[tokio::test]
async fn the_state_is_read_and_patched() {
    let hub = TestHub::start().await;
    let patch = |args: &'static [&'static str], input: &'static str| {
        let mut command = tokio::process::Command::from(hub.cli_command());
        command
            .args(["state", "patch", "-"])
            .args(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        async move {
            let mut child = command.kill_on_drop(true).spawn().unwrap();
            child.stdin.take().unwrap().write_all(input.as_bytes()).await.unwrap();
            within("the end of the patch", child.wait_with_output()).await.unwrap()
        }
    };
    assert_eq!(patch(&[], r#"{"system":{"progress":40}}"#).await.status.code(), Some(0));
    assert_eq!(
        patch(&["--json-patch"], r#"[{"op":"add","path":"/priorities/-","value":{"id":"P1"}}]"#)
            .await
            .status
            .code(),
        Some(0)
    );
    assert_eq!(patch(&[], r#"{"system":{"progress":400}}"#).await.status.code(), Some(1));
    assert_eq!(
        patch(&["--if-match", "foreign-1"], r#"{"system":{"progress":1}}"#).await.status.code(),
        Some(1)
    );
    let got = hub.cli(&["state", "get"]).await;
    assert_eq!(serde_json::from_str::<Value>(&got.stdout).unwrap(), hub.state().await);
    assert_eq!(hub.cli(&["state", "get", "--path", "/system/progress"]).await.stdout.trim(), "40");
    let past: Value = serde_json::from_str(&hub.cli(&["state", "get", "--at", "0"]).await.stdout).unwrap();
    assert_eq!(past, common::empty_state());
}

#[tokio::test]
async fn top_shows_who_is_connected() {
    let hub = TestHub::start().await;
    let _watcher = hub.watch(&["state"]).await;
    let top = hub.cli(&["top", "--once"]).await;
    assert_eq!(top.code, Some(0), "{top:?}");
    assert_names(&top.stdout, &["1 connected", "live", "127.0.0.1"]);
}

#[tokio::test]
async fn backup_and_verify_say_what_they_did() {
    let mut hub = TestHub::start().await;
    for n in 0..12 {
        hub.command(&format!("approve T{n}")).await.ok();
    }
    let file = hub.folder().join("copy.db");
    let backup = hub.cli(&["backup", file.to_str().unwrap()]).await;
    assert_eq!(backup.code, Some(0), "{backup:?}");
    assert!(file.metadata().unwrap().len() > 0);
    hub.stop().await;
    let verified = hub.cli(&["verify"]).await;
    assert_eq!(verified.code, Some(0), "{verified:?}");
    assert!(verified.stdout.contains("12"), "{verified:?}");
    let nothing = folder();
    let missing = run(nothing.path(), &["verify", "--data-dir", "."]).await;
    assert!(missing.code.is_some_and(|code| code != 0), "{missing:?}");
    assert_eq!(std::fs::read_dir(nothing.path()).unwrap().count(), 0, "verify made something");
}

#[tokio::test]
async fn a_backup_never_overwrites_a_file_and_clears_away_what_an_interrupted_one_left() {
    let hub = TestHub::start().await;
    hub.command("approve P1").await.ok();
    let taken = hub.folder().join("taken.db");
    std::fs::write(&taken, "a letter").unwrap();
    let refused = hub.cli(&["backup", taken.to_str().unwrap()]).await;
    assert_eq!((refused.code, refused.stdout.as_str()), (Some(2), ""), "{refused:?}");
    assert_names(&refused.stderr, &["taken.db", "there already"]);
    assert_eq!(std::fs::read_to_string(&taken).unwrap(), "a letter");

    let (folder, part) = (hub.folder().join("copies"), hub.folder().join("copies/opshub.db.part"));
    std::fs::create_dir(&folder).unwrap();
    std::fs::write(&part, "half a database").unwrap();
    let backup = hub.cli(&["backup", folder.join("opshub.db").to_str().unwrap()]).await;
    assert_eq!(backup.code, Some(0), "{backup:?}");
    assert!(!part.exists(), "the part of an interrupted backup is still there");
    let verified = hub.cli(&["verify", "--data-dir", folder.to_str().unwrap()]).await;
    assert_eq!(verified.code, Some(0), "{verified:?}");
    assert_names(&verified.stdout, &["1 event"]);

    // Where no copy can be made, nothing is left that looks like one.
    let nowhere = hub.folder().join("no-such-folder/copy.db");
    let failed = hub.cli(&["backup", nowhere.to_str().unwrap()]).await;
    assert_eq!((failed.code, failed.stdout.as_str()), (Some(1), ""), "{failed:?}");
    assert!(failed.stderr.contains("cannot back up"), "{failed:?}");
}

#[tokio::test]
async fn completions_and_help_are_there_for_every_command() {
    let dir = folder();
    for shell in ["bash", "zsh", "fish"] {
        let completions = run(dir.path(), &["completions", shell]).await;
        assert_eq!(completions.code, Some(0));
        assert_names(&completions.stdout, &["opshub", "check-config", "backup"]);
    }
    let help = run(dir.path(), &["--help"]).await;
    assert_eq!(help.code, Some(0));
    let commands = [
        "serve",
        "status",
        "watch",
        "top",
        "command",
        "state",
        "wait",
        "events",
        "backup",
        "verify",
        "check-config",
        "completions",
    ];
    assert_names(&help.stdout, &commands);
    for command in commands {
        assert_eq!(run(dir.path(), &[command, "--help"]).await.code, Some(0), "{command}");
    }
    assert_eq!(
        run(dir.path(), &["--version"]).await.stdout.trim(),
        concat!("opshub ", env!("CARGO_PKG_VERSION"))
    );
}
