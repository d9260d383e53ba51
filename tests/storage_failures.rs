//! A database that fails stops no reader, loses nothing that was acknowledged, and is named clearly.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use common::db::{FOREIGN_EVENT, Lock, python, tamper};
use common::hub::{Refusal, folder};
use common::process::finish;
use common::{TestHub, assert_names, eventually, filling, json, state_hash};

/// A folder with the database of a stopped hub that has `count` events of 2 KB, and a few items.
async fn stopped(count: usize) -> TestHub {
    let mut hub = TestHub::start_with(&[("OPSHUB_STORE__SNAPSHOT_EVERY", "1000")]).await;
    for n in 0..count {
        hub.put("/api/items/owe/X", json!({ "id": "X", "n": n, "filling": filling(n, 2000) })).await;
    }
    hub.stop().await;
    hub
}

/// Asserts that the start was refused with a message for people and a code of its own; gives the code.
fn refused(refusal: &Refusal, words: &[&str]) -> i32 {
    assert_names(&refusal.stderr.to_lowercase(), words);
    assert!(!refusal.stderr.contains("panicked"), "{}", refusal.stderr);
    let code = refusal.code.expect("an exit code, not a signal");
    assert!(code > 3, "{code} means something else on the command line: {}", refusal.stderr);
    code
}

#[tokio::test]
async fn each_cause_that_keeps_a_hub_from_starting_has_its_own_message_and_code() {
    let mut codes = Vec::new();

    let running = TestHub::start().await;
    let second = TestHub::refused_start(running.folder(), &[]).await;
    codes.push(refused(&second, &["opshub.db", "in use"]));
    running.get("/health").await.ok();

    let text = folder();
    std::fs::create_dir(text.path().join("data")).unwrap();
    std::fs::write(text.path().join("data/opshub.db"), "this is a letter, not a database\n".repeat(300))
        .unwrap();
    let no_database = refused(&TestHub::refused_start(text.path(), &[]).await, &["database"]);
    let kept = std::fs::read_to_string(text.path().join("data/opshub.db")).unwrap();
    assert!(kept.starts_with("this is a letter"), "what is no database was overwritten");

    let corrupt = stopped(60).await;
    // So that no page of the log beside it hides what is done to the file.
    python(&corrupt.database(), "db.execute('PRAGMA wal_checkpoint(TRUNCATE)')");
    let mut bytes = std::fs::read(corrupt.database()).unwrap();
    bytes[4096..].fill(0xA5);
    std::fs::write(corrupt.database(), bytes).unwrap();
    let damaged = refused(&TestHub::refused_start(corrupt.folder(), &[]).await, &["damaged"]);
    assert!(!codes.contains(&damaged) && !codes.contains(&no_database));
    codes.push(damaged);

    let newer = stopped(3).await;
    let code = "db.execute(\"INSERT INTO __diesel_schema_migrations (version) VALUES ('29990101000000')\")";
    python(&newer.database(), code);
    codes.push(refused(&TestHub::refused_start(newer.folder(), &[]).await, &["newer", "2999"]));

    let read_only = stopped(3).await;
    codes.push(refused(&start_without_rights(read_only.folder()).await, &["read-only"]));

    let mut different = codes.clone();
    different.sort_unstable();
    different.dedup();
    assert_eq!(different.len(), codes.len(), "{codes:?}");
}

/// Starts the hub on a data directory that it may read and not write.
async fn start_without_rights(folder: &Path) -> Refusal {
    // Whoever runs the tests as root is kept out by no mode, so that the hub runs as nobody then.
    let (data, binary) = (folder.join("data"), folder.join("opshub"));
    std::fs::copy(env!("CARGO_BIN_EXE_opshub"), &binary).unwrap();
    let mode =
        |path: &Path, mode: u32| std::fs::set_permissions(path, PermissionsExt::from_mode(mode)).unwrap();
    for entry in std::fs::read_dir(&data).unwrap() {
        mode(&entry.unwrap().path(), 0o444);
    }
    mode(&data, 0o555);
    mode(folder, 0o755);
    let mut command = Command::new(binary);
    command.env_clear().current_dir(folder).args(["serve", "--port", "0", "--data-dir"]).arg(&data);
    if std::fs::metadata("/proc/self").unwrap().uid() == 0 {
        command.uid(65_534).gid(65_534);
    }
    let finished = finish(command).await;
    mode(&data, 0o755);
    Refusal { code: finished.code, stderr: finished.stderr }
}

#[tokio::test]
async fn a_hub_that_died_leaves_no_lock_behind() {
    let mut hub = TestHub::start().await;
    hub.command("approve P1").await.ok();
    hub.kill9();
    hub.restart().await;
    assert_eq!(hub.seq().await, 1);
}

#[tokio::test]
async fn a_locked_database_stops_writes_alone_and_heals_by_itself() {
    let hub = TestHub::start_with(&[("OPSHUB_STORE__BUSY_TIMEOUT_MS", "200")]).await;
    hub.patch(json!({ "priorities": [{ "id": "P1" }] })).await.ok();
    let mut watcher = hub.watch(&["state", "health"]).await;
    let before = hub.get("/api/state").await.ok();

    let lock = Lock::hold(&hub.database());
    let send = |key: &'static str| {
        hub.request("POST", "/api/command")
            .header("idempotency-key", key)
            .json(&json!({ "command": "approve P1" }))
    };
    let refused = hub.send(send("k")).await;
    refused.refused(503, "storage_unavailable");
    assert!(refused.header("retry-after").is_some());
    for attempt in futures_util::future::join_all((0..10).map(|_| hub.command("approve P1"))).await {
        attempt.refused(503, "storage_unavailable");
    }
    let health = hub.get("/health").await;
    assert_eq!(
        (health.status, &health["status"], &health["database"]),
        (503, &json!("degraded"), &json!("disconnected")),
        "{}",
        health.text
    );
    let told = watcher
        .find("the news of it", |frame| {
            frame.kind() == "system_health" && frame["data"]["status"] == "degraded"
        })
        .await;
    assert_eq!(told["data"]["database"], "disconnected");
    // Reads and live connections are served on, and nothing of what failed was shown.
    hub.get("/livez").await.ok();
    assert_eq!(hub.get("/api/state").await.ok().text, before.text);
    assert_eq!(hub.get("/api/events").await.ok()["last_seq"], 1);
    assert!(watcher.drain().await.iter().all(|frame| frame.change().is_none()));
    let mut late = hub.watch(&["state"]).await;
    let over_ws = late.ask(json!({ "type": "command", "data": { "command": "approve P1" } })).await;
    assert_eq!(over_ws["data"]["error_type"], "storage_unavailable", "{}", over_ws.text);

    lock.release();
    eventually("the hub is healthy by itself", || async {
        (hub.get("/health").await.status == 200).then_some(())
    })
    .await;
    watcher
        .find("the news of it", |frame| {
            frame.kind() == "system_health" && frame["data"]["status"] == "healthy"
        })
        .await;
    // The same request again is the first that counts.
    let answer = hub.send(send("k")).await.ok();
    assert_eq!((answer.seq(), &answer["applied"]), (2, &json!(true)));
    assert_eq!(watcher.change().await.change(), Some(2));
    assert_eq!(late.change().await.change(), Some(2));
}

#[tokio::test]
async fn a_health_check_does_not_take_reads_for_writes() {
    let hub = TestHub::start_with(&[("OPSHUB_STORE__BUSY_TIMEOUT_MS", "200")]).await;
    let lock = Lock::hold(&hub.database());
    // Nobody proposed anything: the check itself has to find out.
    eventually("degraded", || async { (hub.get("/health").await.status == 503).then_some(()) }).await;
    lock.release();
    eventually("healthy", || async { (hub.get("/health").await.status == 200).then_some(()) }).await;
}

#[tokio::test]
async fn a_log_that_another_program_wrote_to_is_refused_until_a_restart_and_nothing_wrong_is_shown() {
    // Whether the hub finds out at a change, or was degraded already and finds out when it tries again.
    for degraded in [false, true] {
        let settings = [("OPSHUB_STORE__BUSY_TIMEOUT_MS", "200"), ("OPSHUB_SESSION__HEARTBEAT_MS", "500")];
        let mut hub = TestHub::start_with(&settings).await;
        hub.post("/api/system/status", json!({ "progress": 1 })).await.ok();
        let mut watcher = hub.watch(&["state", "health"]).await;
        let before = hub.get("/api/state").await.ok();
        if degraded {
            let lock = Lock::hold(&hub.database());
            hub.command("approve P1").await.refused(503, "storage_unavailable");
            lock.release_after(FOREIGN_EVENT);
        } else {
            python(&hub.database(), FOREIGN_EVENT);
            hub.command("approve P1").await.refused(503, "storage_unavailable");
        }
        let told =
            || hub.log().lines().filter(|line| line.contains("until the hub is started again")).count();
        eventually("the log says it", || async { (told() > 0).then_some(()) }).await;
        assert_names(&hub.log(), &["the log ends at 2, expected 1: another program wrote to it"]);

        // For longer than the hub takes between two attempts to write.
        let mut heartbeats = 0;
        while heartbeats < 5 {
            let frame = watcher.next().await;
            assert_eq!(frame.change(), None, "{}", frame.text);
            if frame.kind() == "heartbeat" {
                heartbeats += 1;
                assert_eq!(frame["data"]["seq"], 1);
                assert_eq!(frame["data"]["state_hash"], state_hash(&before["state"]));
                hub.command("approve P1").await.refused(503, "storage_unavailable");
            }
        }
        assert_eq!(hub.get("/api/state").await.ok().text, before.text);
        let health = hub.get("/health").await;
        assert_eq!((health.status, &health["status"]), (503, &json!("degraded")), "{}", health.text);
        assert_eq!(told(), 1, "it is said again and again");

        hub.stop().await;
        let verified = hub.cli(&["verify"]).await;
        assert_eq!(verified.code, Some(0), "{verified:?}");
        hub.restart().await;
        let after = hub.get("/api/state").await.ok();
        assert_eq!((after.seq(), &after["state"]["system"]["progress"]), (2, &json!(77)));
        assert_eq!(hub.command("approve P1").await.ok().seq(), 3);
    }
}

#[tokio::test]
async fn a_full_database_refuses_what_is_new_and_keeps_what_it_has() {
    let small = ("OPSHUB_STORE__MAX_BYTES", "1048576");
    let mut hub = TestHub::start_with(&[small, ("OPSHUB_STORE__SNAPSHOT_EVERY", "1000000")]).await;
    let mut watcher = hub.watch(&["state"]).await;
    let mut last = 0;
    let refused = loop {
        let answer = hub
            .put(
                "/api/items/owe/X",
                json!({ "id": "X", "n": last, "filling": filling(last as usize, 20_000) }),
            )
            .await;
        if answer.status >= 300 {
            break answer;
        }
        last = answer.seq();
        assert_eq!(watcher.change().await.change(), Some(last));
        assert!(last < 200, "4 MB went into 1 MiB");
    };
    refused.refused(503, "storage_unavailable");
    assert!(last > 10, "full after {last} changes of 20 KB");
    let before = hub.get("/api/state").await.ok();
    assert_eq!(before.seq(), last);
    assert!(watcher.drain().await.iter().all(|frame| frame.change().is_none()));

    hub.kill9();
    hub.restart_with(&[]).await;
    assert_eq!(hub.get("/api/state").await.ok().text, before.text);
    assert_eq!(hub.put("/api/items/owe/Y", json!({ "id": "Y" })).await.seq(), last + 1);
    hub.stop().await;
    assert_eq!(hub.cli(&["verify"]).await.code, Some(0));
}

#[tokio::test]
async fn a_backup_of_a_serving_hub_is_whole_and_has_an_epoch_of_its_own() {
    let mut hub = TestHub::start().await;
    let write = async |from: usize| {
        for n in from..from + 30 {
            hub.put("/api/items/owe/X", json!({ "id": "X", "n": n })).await;
        }
    };
    write(0).await;
    let copy = folder();
    let data = copy.path().join("data");
    std::fs::create_dir(&data).unwrap();
    let target = data.join("opshub.db");
    let (backup, ()) =
        futures_util::future::join(hub.cli(&["backup", target.to_str().unwrap()]), write(30)).await;
    assert_eq!(backup.code, Some(0), "{backup:?}");
    let again = hub.cli(&["backup", target.to_str().unwrap()]).await;
    assert_ne!(again.code, Some(0), "a backup was overwritten");

    let restored = TestHub::start_in(copy, &[]).await;
    let (ours, theirs) = (hub.get("/api/state").await.ok(), restored.get("/api/state").await.ok());
    assert_ne!(ours["epoch"], theirs["epoch"]);
    assert!((30..=60).contains(&theirs.seq()), "{}", theirs.seq());
    let then = hub.get(&format!("/api/state?at={}", theirs.seq())).await.ok();
    assert_eq!(then["state"], theirs["state"]);
    // A client of the first hub is told that this is another one.
    let mut watcher =
        restored.v1(&format!("?since={}&epoch={}", theirs.seq(), ours["epoch"].as_str().unwrap())).await;
    assert_eq!(watcher.next().await["data"]["recovered"], false);
    assert_eq!(restored.put("/api/items/owe/Y", json!({ "id": "Y" })).await.seq(), theirs.seq() + 1);
    let mut restored = restored;
    restored.stop().await;
    hub.stop().await;
    for hub in [&hub, &restored] {
        let verified = hub.cli(&["verify"]).await;
        assert_eq!(verified.code, Some(0), "{verified:?}");
    }
}

#[tokio::test]
async fn verify_names_the_row_or_snapshot_that_was_tampered_with() {
    let tamperings = [
        (
            "UPDATE events SET frame = replace(frame, 'anonymous', 'somebody') WHERE seq = 37",
            "event 37: its chain value",
        ),
        ("UPDATE events SET at_ms = at_ms + 1 WHERE seq = 37", "event 37: its chain value"),
        ("UPDATE events SET kind = 'command_executed' WHERE seq = 37", "event 37: its chain value"),
        // The row after the missing one is the first that does not fit.
        ("DELETE FROM events WHERE seq = 37", "event 38: expected 37 here, a row is missing"),
        ("DELETE FROM events WHERE seq > 37", "snapshot 60 has no event of that number"),
        ("UPDATE snapshots SET chain = zeroblob(32) WHERE seq = 60", "snapshot 60: its chain value"),
        ("UPDATE snapshots SET chain = zeroblob(7) WHERE seq = 60", "snapshot 60: its chain value is cut"),
        (
            "UPDATE snapshots SET document = replace(document, 'IDLE', 'ERROR') WHERE seq = 60",
            "snapshot 60: replaying the log gives another document",
        ),
        ("UPDATE snapshots SET document = '{' WHERE seq = 0", "snapshot 0: "),
        ("UPDATE snapshots SET seq = 61 WHERE seq = 60", "snapshot 61 has no event of that number"),
        ("UPDATE events SET chain = zeroblob(length(chain)) WHERE seq = 37", "event 37: its chain value"),
    ];
    let hub = stopped(60).await;
    let whole = std::fs::read(hub.database()).unwrap();
    for (sql, named) in tamperings {
        std::fs::write(hub.database(), &whole).unwrap();
        assert!(tamper(&hub.database(), sql) > 0, "{sql}");
        let verified = hub.cli(&["verify"]).await;
        assert_eq!((verified.code, verified.stdout.as_str()), (Some(1), ""), "{sql}: {verified:?}");
        assert_names(&verified.stderr, &[named]);
    }
}

#[tokio::test]
async fn verify_works_beside_a_serving_hub() {
    let hub = TestHub::start().await;
    for n in 0..20 {
        hub.put("/api/items/owe/X", json!({ "id": "X", "n": n })).await;
    }
    let verified = hub.cli(&["verify"]).await;
    assert_eq!(verified.code, Some(0), "{verified:?}");
    hub.command("approve P1").await.ok();
}
