//! Tokens and people from the command line and over the admin socket; the set-up; the journal and its key.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use common::access::{
    PASSWORD, by, cookie, get, make, page, person, required, sign_in, signed_in, token, with_tokens,
};
use common::db::{Lock, python, tamper};
use common::hub::folder;
use common::process::{Finished, run};
use common::{TestHub, Value, eventually, json, within};
use socket2::SockRef;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UnixStream};

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap_or_else(|e| panic!("{}: {e}", path.display())).permissions().mode() & 0o777
}

/// Runs the command line over the data of a hub, with a password on its standard input.
async fn piped(hub: &TestHub, args: &[&str]) -> Finished {
    let file = hub.folder().join("password");
    std::fs::write(&file, format!("{PASSWORD}\n")).unwrap();
    let mut command = hub.cli_command();
    command.args(args).stdin(std::fs::File::open(&file).unwrap());
    common::process::finish(command).await
}

fn socket(hub: &TestHub) -> std::path::PathBuf {
    hub.data().join("opshub.db.sock")
}

#[tokio::test]
async fn the_command_line_manages_access_with_a_hub_and_without() {
    let mut hub = required(&[]).await;
    assert_eq!(mode(&socket(&hub)), 0o600);
    for running in [true, false] {
        let name = if running { "one" } else { "two" };
        let text = token(&hub, name, "viewer", &["--expires", "1d"]).await;
        let listed = hub.cli(&["token", "list", "--json"]).await;
        let tokens: Value = serde_json::from_str(&listed.stdout).unwrap();
        assert!(tokens.as_array().unwrap().iter().any(|token| token["name"] == name), "{tokens}");
        assert!(!listed.stdout.contains(&text) && !listed.stdout.contains("hash"), "{}", listed.stdout);
        let again = hub.cli(&["token", "create", "--name", name, "--role", "admin"]).await;
        assert!(again.code != Some(0) && again.stderr.contains("already"), "{}", again.stderr);
        // What stands in people's heads is not the spelling.
        let address = format!("Ana.{name}@Example.com");
        let added = piped(&hub, &["user", "add", &address, "--role", "viewer"]).await;
        assert_eq!(added.code, Some(0), "{}", added.stderr);
        for args in [
            vec!["user", "role", &address, "operator"],
            vec!["user", "list"],
            vec!["user", "sessions"],
            vec!["user", "remove", &address],
            vec!["token", "revoke", name],
        ] {
            let done = hub.cli(&args).await;
            assert_eq!(done.code, Some(0), "{args:?}, a hub runs: {running}: {}", done.stderr);
        }
        assert!(!hub.cli(&["user", "list"]).await.stdout.contains("ana."));
        assert_ne!(hub.cli(&["token", "revoke", name]).await.code, Some(0));
        if running {
            hub.stop().await;
            assert!(!socket(&hub).exists(), "the socket stays behind");
        }
    }
    // What a crash has left is in nobody's way.
    hub.restart().await;
    hub.kill9();
    assert!(socket(&hub).exists());
    let text = token(&hub, "after-the-crash", "viewer", &[]).await;
    hub.restart().await;
    get(&hub, &text, "/api/state").await.ok();
}

#[tokio::test]
async fn somebody_may_be_made_before_the_first_start() {
    let folder = folder();
    let data = folder.path().join("not/there/yet");
    let place = data.to_str().unwrap();
    let args = ["token", "create", "--name", "a", "--role", "viewer", "--data-dir", place];
    let made = run(folder.path(), &args).await;
    assert_eq!(made.code, Some(0), "{}", made.stderr);
    assert!(data.join("opshub.db").exists());
}

#[tokio::test]
async fn many_at_once_are_each_answered_and_one_of_a_name_is_made() {
    let hub = required(&[]).await;
    let make = |name: String| {
        let hub = &hub;
        async move { hub.cli(&["token", "create", "--name", &name, "--role", "viewer"]).await.code }
    };
    let codes = futures_util::future::join_all((0..6).map(|number| make(format!("t{}", number % 3)))).await;
    assert_eq!(codes.iter().filter(|code| **code == Some(0)).count(), 3, "{codes:?}");
}

/// Sends bytes to the admin socket, and no more after them; gives what comes back.
async fn told(hub: &TestHub, bytes: &[u8]) -> String {
    let mut stream = UnixStream::connect(socket(hub)).await.unwrap();
    // The hub may have heard enough before all of it was written.
    let _ = stream.write_all(bytes).await;
    let _ = stream.shutdown().await;
    let mut answer = Vec::new();
    let _ = within("the end of the answer", stream.read_to_end(&mut answer)).await;
    String::from_utf8(answer).unwrap()
}

#[tokio::test]
async fn nonsense_on_the_admin_socket_does_nothing() {
    let hub = required(&[]).await;
    let huge = format!("{{\"do\":\"revoke_token\",\"name\":\"{}\"}}\n", "x".repeat(1_000_000));
    let _silent = UnixStream::connect(socket(&hub)).await.unwrap();
    for bytes in [
        &b"\n"[..],
        b"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
        b"{\"do\":\"list_tokens\"",
        b"{\"do\":\"become_root\"}\n",
        b"{\"do\":\"create_token\",\"name\":\"x\",\"role\":\"god\"}\n",
        b"{\"do\":\"create_token\",\"name\":\"\\u0000\",\"role\":\"admin\"}\n",
        b"\xff\xfe\x00\n",
        huge.as_bytes(),
    ] {
        let answer = told(&hub, bytes).await;
        assert!(answer.is_empty() || answer.contains("\"refused\""), "{answer}");
    }
    let tokens = told(&hub, b"{\"do\":\"list_tokens\"}\n").await;
    assert!(tokens.contains("\"tokens\":[]"), "{tokens}");
}

#[tokio::test]
async fn the_names_of_the_hub_itself_are_no_tokens() {
    let hub = required(&[]).await;
    for name in ["local", "hub", "monitor", "Unknown", "set-up", "anonymous", "a b", "a@b", "ä", ""] {
        let made = hub.cli(&["token", "create", "--name", name, "--role", "admin"]).await;
        assert_ne!(made.code, Some(0), "{name:?} was made");
    }
}

/// The secret of the link that the start has printed.
fn setup_key(hub: &TestHub) -> Option<String> {
    let said = hub.said();
    let key = said.lines().rev().find_map(|line| line.split("#/setup?key=").nth(1))?;
    Some(key.split_whitespace().next().unwrap().to_owned())
}

async fn set_up(hub: &TestHub, key: &str, email: &str) -> common::Answer {
    let body = json!({ "setup": key, "email": email, "password": PASSWORD });
    hub.post("/api/auth/setup", body).await
}

#[tokio::test]
async fn the_set_up_makes_one_admin_and_only_while_nobody_is_there() {
    let mut hub = required(&[]).await;
    let key = setup_key(&hub).expect("a link");
    assert!(!hub.log().contains(&key), "the link stands in the log");
    assert_eq!(hub.get("/api/auth/me").await.ok()["setup"], true);
    set_up(&hub, "opi_nonsense", "eve@example.com").await.refused(401, "not_authenticated");
    set_up(&hub, &key, "no address").await.refused(400, "invalid_value");
    // Two with the same link at the same moment: one is the admin.
    let (one, other) =
        tokio::join!(set_up(&hub, &key, "ana@example.com"), set_up(&hub, &key, "eve@example.com"));
    let mut codes = [one.status, other.status];
    codes.sort_unstable();
    assert_eq!(codes, [200, 401]);
    let cookie = cookie(if one.status == 200 { &one } else { &other });
    let users = hub.send(page(&hub, &cookie, "GET", "/api/users")).await.ok();
    assert_eq!(users["users"].as_array().unwrap().len(), 1);
    assert_eq!(users["users"][0]["role"], "admin");
    assert_eq!(hub.get("/api/auth/me").await.ok()["setup"], false);
    hub.stop().await;
    let before = setup_key(&hub);
    hub.restart().await;
    assert!(setup_key(&hub).is_none(), "a link although somebody is there: {before:?}");
    set_up(&hub, &key, "eve@example.com").await.refused(401, "not_authenticated");

    let open = TestHub::start().await;
    assert_eq!(setup_key(&open), None);
    assert_eq!(open.get("/api/auth/me").await.ok()["setup"], false);
    // Somebody who came by the command line closes the door as well.
    let other = required(&[]).await;
    let key = setup_key(&other).unwrap();
    assert_eq!(piped(&other, &["user", "add", "bo@example.com", "--role", "viewer"]).await.code, Some(0));
    set_up(&other, &key, "eve@example.com").await.refused(401, "not_authenticated");
}

#[tokio::test]
async fn the_journal_tells_newest_first_who_did_what() {
    let (hub, tokens) = with_tokens().await;
    let admin = &tokens["admin"];
    person(&hub, admin, "ana@example.com", "viewer").await;
    signed_in(&hub, "ana@example.com").await;
    sign_in(&hub, "ana@example.com", "a wrong password").await.refused(401, "not_authenticated");
    get(&hub, &tokens["viewer"], "/api/users").await.refused(403, "forbidden");
    get(&hub, "oph_wrong", "/api/state").await.refused(401, "not_authenticated");
    hub.send(by(&hub, admin, "DELETE", "/api/tokens/collector")).await;
    let page = async |query: &str| get(&hub, admin, &format!("/api/audit{query}")).await.ok().body;
    let shown = |page: &Value| -> Vec<String> {
        let entries = page["entries"].as_array().unwrap().iter();
        entries
            .map(|entry| format!("{} {}", entry["kind"].as_str().unwrap(), entry["actor"].as_str().unwrap()))
            .collect()
    };
    let all = page("").await;
    assert_eq!(
        shown(&all),
        [
            "token_revoked admin",
            "credential_refused unknown",
            "forbidden viewer",
            "sign_in_refused ana@example.com",
            "signed_in ana@example.com",
            "user_added admin",
            "token_created admin",
            "token_created admin",
            "token_created admin",
            "token_created local",
        ]
    );
    assert_eq!(all["next"], Value::Null);
    let (mut read, mut next) = (Vec::new(), String::new());
    loop {
        let part = page(&format!("?limit=3{next}")).await;
        read.extend(shown(&part));
        let Some(before) = part["next"].as_u64() else { break };
        next = format!("&before={before}");
    }
    assert_eq!(read, shown(&all));
    assert_eq!(shown(&page("?actor=ana%40example.com&limit=1").await), ["sign_in_refused ana@example.com"]);
    for bad in ["?limit=0", "?limit=1001", "?before=x", "?kind=x"] {
        get(&hub, admin, &format!("/api/audit{bad}")).await.refused(400, "invalid_value");
    }
}

#[tokio::test]
async fn a_flood_of_refusals_is_told_without_filling_the_journal() {
    let hub = required(&[]).await;
    let admin = token(&hub, "root", "admin", &[]).await;
    for _ in 0..300 {
        get(&hub, "oph_wrong", "/api/state").await.refused(401, "not_authenticated");
    }
    // Stored after whatever was told before it.
    make(&hub, &admin, "tokens", json!({ "name": "after", "role": "viewer" })).await;
    let found = get(&hub, &admin, "/api/audit?actor=unknown&limit=1000").await.ok();
    let count = found["entries"].as_array().unwrap().len();
    // The minute may have ended in between.
    assert!((60..=120).contains(&count), "{count} entries");
    let lines = hub.log().lines().filter(|line| line.contains("credential_refused")).count();
    assert!(lines <= 120, "{lines} lines in the log");
}

/// A hub that has done a little of everything and was stopped.
async fn with_a_past() -> (TestHub, String) {
    let mut hub = required(&[]).await;
    let admin = token(&hub, "root", "admin", &[]).await;
    for number in 1..=4 {
        let body = json!({ "name": format!("t{number}"), "role": "viewer" });
        make(&hub, &admin, "tokens", body).await;
        let progress = json!({ "progress": number });
        hub.send(by(&hub, &admin, "POST", "/api/system/status").json(&progress)).await.ok();
    }
    hub.stop().await;
    (hub, admin)
}

#[tokio::test]
async fn a_row_that_was_tampered_with_is_found() {
    let (hub, _) = with_a_past().await;
    let whole = hub.cli(&["verify"]).await;
    assert_eq!(whole.code, Some(0), "{}{}", whole.stdout, whole.stderr);
    let kept = std::fs::read(hub.database()).unwrap();
    for (sql, named) in [
        ("UPDATE journal SET actor = 'eve' WHERE id = 3", "entry 3 of the journal"),
        ("UPDATE journal SET entry = '{}' WHERE id = 2", "entry 2 of the journal"),
        ("UPDATE journal SET at_ms = at_ms + 1 WHERE id = 1", "entry 1 of the journal"),
        ("UPDATE journal SET kind = 'signed_in' WHERE id = 5", "entry 5 of the journal"),
        ("UPDATE journal SET chain = zeroblob(32) WHERE id = 4", "entry 4 of the journal"),
        ("DELETE FROM journal WHERE id = 2", "entry 2 of the journal"),
        ("DELETE FROM journal WHERE id = 1", "entry 1 of the journal"),
        ("UPDATE events SET at_ms = at_ms + 1 WHERE seq = 2", "2"),
        ("UPDATE events SET frame = replace(frame, '\"value\":3', '\"value\":9') WHERE seq = 3", "3"),
        ("UPDATE events SET chain = zeroblob(32) WHERE seq = 1", "1"),
        ("DELETE FROM events WHERE seq = 2", "2"),
    ] {
        assert_eq!(tamper(&hub.database(), sql), 1, "{sql}");
        let found = hub.cli(&["verify"]).await;
        let said = format!("{}{}", found.stdout, found.stderr);
        assert!(found.code != Some(0) && said.contains(named), "{sql}: {said}");
        std::fs::write(hub.database(), &kept).unwrap();
        for side in ["opshub.db-wal", "opshub.db-shm"] {
            let _ = std::fs::remove_file(hub.data().join(side));
        }
    }
    assert_eq!(hub.cli(&["verify"]).await.code, Some(0));
}

#[tokio::test]
async fn without_its_key_a_log_is_not_gone_on_with_until_it_has_another() {
    let (mut hub, admin) = with_a_past().await;
    let key = hub.data().join("opshub.db.key");
    assert_eq!(mode(&key), 0o600);
    std::fs::remove_file(&key).unwrap();
    let refused = TestHub::refused_start(hub.folder(), &[]).await;
    assert_eq!(refused.code, Some(22), "{}", refused.stderr);
    assert!(refused.stderr.contains("opshub rekey") && refused.stderr.contains(".key"), "{}", refused.stderr);
    assert_ne!(hub.cli(&["verify"]).await.code, Some(0));
    // A certificate that cannot be used is something else.
    let tls = [("OPSHUB_TLS__CERT", "/nowhere.pem"), ("OPSHUB_TLS__KEY", "/nowhere.key")];
    assert_ne!(TestHub::refused_start(hub.folder(), &tls).await.code, refused.code);
    let made = hub.cli(&["rekey"]).await;
    assert_eq!(made.code, Some(0), "{}", made.stderr);
    assert_eq!(mode(&key), 0o600);
    hub.restart().await;
    get(&hub, &admin, "/api/audit").await.ok();
    make(&hub, &admin, "tokens", json!({ "name": "later", "role": "viewer" })).await;
    let running = hub.cli(&["rekey"]).await;
    assert_ne!(running.code, Some(0), "a key was changed under a running hub");
    hub.stop().await;
    assert_eq!(hub.cli(&["verify"]).await.code, Some(0));
    tamper(&hub.database(), "UPDATE journal SET actor = 'eve' WHERE id = (SELECT max(id) FROM journal)");
    assert_ne!(hub.cli(&["verify"]).await.code, Some(0));
}

#[tokio::test]
async fn a_backup_is_its_owners_alone_and_is_restored_with_its_key() {
    let (hub, admin) = with_a_past().await;
    let to = folder();
    std::fs::create_dir(to.path().join("data")).unwrap();
    let copy = to.path().join("data/opshub.db");
    let made = hub.cli(&["backup", &copy.display().to_string()]).await;
    assert_eq!(made.code, Some(0), "{}", made.stderr);
    for file in [&copy, &to.path().join("data/opshub.db.key"), &hub.database()] {
        assert_eq!(mode(file), 0o600, "{}", file.display());
    }
    let verified = run(to.path(), &["verify", "--data-dir", "data"]).await;
    assert_eq!(verified.code, Some(0), "{}", verified.stderr);
    let restored = TestHub::start_in(to, &[("OPSHUB_AUTH__MODE", "required")]).await;
    get(&restored, &admin, "/api/state").await.ok();
    for side in ["opshub.db", "opshub.db-wal", "opshub.db-shm", "opshub.db.key", "opshub.db.sock"] {
        let path = restored.data().join(side);
        assert!(!path.exists() || mode(&path) == 0o600, "{side} is {:o}", mode(&path));
    }
}

#[tokio::test]
async fn whoever_was_removed_does_not_come_back_with_an_old_cookie() {
    let mut hub = required(&[]).await;
    let admin = token(&hub, "root", "admin", &[]).await;
    person(&hub, &admin, "ana@example.com", "admin").await;
    let old = signed_in(&hub, "ana@example.com").await;
    hub.send(by(&hub, &admin, "DELETE", "/api/users/Ana%40Example.com")).await;
    hub.stop().await;
    hub.restart().await;
    person(&hub, &admin, "ana@example.com", "admin").await;
    hub.send(page(&hub, &old, "GET", "/api/state")).await.refused(401, "not_authenticated");
    assert_eq!(
        python(&hub.database(), "print(db.execute('SELECT count(*) FROM sign_ins').fetchone()[0])").trim(),
        "0"
    );
}

/// The sockets that a process has open.
fn sockets(pid: u32) -> usize {
    let files = std::fs::read_dir(format!("/proc/{pid}/fd")).unwrap().flatten();
    let targets = files.filter_map(|file| std::fs::read_link(file.path()).ok());
    targets.filter(|target| target.to_string_lossy().starts_with("socket:")).count()
}

#[tokio::test]
async fn a_revocation_holds_although_whoever_asked_for_it_has_gone() {
    let hub = required(&[("OPSHUB_STORE__BUSY_TIMEOUT_MS", "60000")]).await;
    let admin = token(&hub, "root", "admin", &[]).await;
    let lost = token(&hub, "lost", "viewer", &[]).await;
    get(&hub, &lost, "/api/state").await.ok();
    // The change waits for the disk while its connection breaks.
    let lock = Lock::hold(&hub.database());
    let before = sockets(hub.pid());
    let mut stream = TcpStream::connect(hub.address()).await.unwrap();
    let request = format!(
        "DELETE /api/tokens/lost HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {admin}\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    eventually("the request to be under way", async || hub.log().contains("token_revoked").then_some(()))
        .await;
    SockRef::from(&stream).set_linger(Some(Duration::ZERO)).unwrap();
    drop(stream);
    eventually("the connection to be gone", async || (sockets(hub.pid()) <= before).then_some(())).await;
    lock.release();
    // Stored after it.
    make(&hub, &admin, "tokens", json!({ "name": "later", "role": "viewer" })).await;
    let listed = python(
        &hub.database(),
        "print(db.execute('SELECT group_concat(name) FROM (SELECT name FROM tokens ORDER BY name)').fetchone()[0])",
    );
    assert_eq!(listed.trim(), "later,root");
    get(&hub, &lost, "/api/state").await.refused(401, "not_authenticated");
}
