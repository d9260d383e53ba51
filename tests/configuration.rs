//! The configuration: later layers win, and a wrong value ends the start with all that is needed to mend it.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use std::process::Stdio;

use common::hub::folder;
use common::process::{Finished, finish, opshub, run, signal};
use common::{TestHub, Value, assert_names, within};
use tokio::io::{AsyncBufReadExt, BufReader};

/// Runs `check-config` on `yaml` with `variables`.
async fn check(yaml: &str, variables: &[(&str, &str)]) -> Finished {
    let dir = folder();
    std::fs::write(dir.path().join("opshub.yaml"), yaml).unwrap();
    let mut command = opshub(dir.path());
    command.arg("check-config").envs(variables.iter().copied());
    finish(command).await
}

#[tokio::test]
async fn later_layers_win() {
    let yaml = "server:\n  port: 8101\n  host: localhost\ntimezone: Europe/Berlin\n";
    let shown = check(
        yaml,
        &[("OPSHUB_SERVER__PORT", "8102"), ("CORS_ORIGINS", "https://a.example,https://b.example")],
    )
    .await;
    assert_eq!(shown.code, Some(0), "{shown:?}");
    assert_names(&shown.stdout, &["8102", "localhost", "Europe/Berlin", "https://b.example"]);
    assert!(!shown.stdout.contains("8101"), "{}", shown.stdout);
    let dir = folder();
    std::fs::write(dir.path().join(".env"), "PORT=8103\n").unwrap();
    let from_file = run(dir.path(), &["check-config"]).await;
    assert_names(&from_file.stdout, &["8103"]);
    let flag = run(dir.path(), &["check-config", "--port", "8104"]).await;
    assert_names(&flag.stdout, &["8104"]);
}

#[tokio::test]
async fn a_wrong_value_is_named_with_its_key_its_line_and_what_is_expected() {
    let cases: [(&str, &[&str]); 7] = [
        ("server:\n  port: eighty\n", &["server.port", "2", "eighty"]),
        ("server:\n  host: x\n  prot: 80\n", &["prot", "3", "port"]),
        ("server:\n  port: 70000\n", &["server.port", "2", "70000", "65535"]),
        ("serve:\n  port: 80\n", &["serve", "1"]),
        ("timezone: Mars/Olympus\n", &["timezone", "1", "Mars/Olympus"]),
        ("server:\n  port: 80\n  port: 81\n", &["port", "3"]),
        ("limits:\n  body_bytes: 0123\n", &["limits.body_bytes", "2"]),
    ];
    for (yaml, named) in cases {
        let shown = check(yaml, &[]).await;
        assert_eq!((shown.code, shown.stdout.as_str()), (Some(2), ""), "{yaml}: {shown:?}");
        assert_names(&shown.stderr, named);
    }
    let shown = check("", &[("OPSHUB_SERVER__PORT", "eighty")]).await;
    assert_names(&shown.stderr, &["OPSHUB_SERVER__PORT", "eighty"]);
    let shown = check("", &[("OPSHUB_SERVER__PROT", "80")]).await;
    assert_ne!(shown.code, Some(0), "{shown:?}");
    assert_names(&shown.stderr, &["OPSHUB_SERVER__PROT"]);
}

#[tokio::test]
async fn a_secret_in_the_file_is_refused_and_never_printed() {
    let shown = check("integrations:\n  slack:\n    bot_token: xoxb-very-secret\n", &[]).await;
    assert_ne!(shown.code, Some(0), "{shown:?}");
    assert!(!(shown.stdout + &shown.stderr).contains("very-secret"));
}

#[tokio::test]
async fn a_start_that_would_be_a_mistake_is_refused() {
    let dir = folder();
    for (variables, named) in [
        (("DATABASE_URL", "postgres://db/opshub"), "SQLite"),
        (("HOST", "0.0.0.0"), "allow-open"),
        (("PORT", "http"), "PORT"),
    ] {
        let refusal = TestHub::refused_start(dir.path(), &[variables]).await;
        // `--port 0` on the command line wins over a wrong PORT, which is told all the same.
        assert!(refusal.code.is_some_and(|code| code != 0), "{variables:?}");
        assert_names(&refusal.stderr, &[named]);
    }
    let allowed = check("", &[("HOST", "0.0.0.0"), ("OPSHUB_SERVER__ALLOW_OPEN", "true")]).await;
    assert_eq!(allowed.code, Some(0), "{allowed:?}");
}

#[tokio::test]
async fn a_port_that_is_taken_is_told() {
    let taken = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let dir = folder();
    let started = run(dir.path(), &["serve", "--port", &port, "--data-dir", "data"]).await;
    assert!(started.code.is_some_and(|code| code != 0), "{started:?}");
    assert_names(&started.stderr, &[&port]);
}

#[tokio::test]
async fn a_database_may_be_named_by_its_url() {
    let dir = folder();
    let path = dir.path().join("elsewhere.db");
    let url = format!("sqlite://{}", path.display());
    let hub = TestHub::start_with(&[("DATABASE_URL", &url)]).await;
    hub.command("approve P1").await.ok();
    assert!(path.exists());
    assert!(!hub.database().exists());
}

#[tokio::test]
async fn a_start_says_where_the_dashboard_is() {
    let hub = TestHub::start().await;
    let said = hub.said();
    assert!(said.contains(&hub.url("")), "{said}");
    assert!(said.contains("dashboard"), "{said}");
}

#[tokio::test]
async fn the_log_has_the_form_that_is_asked_for() {
    for (format, is_json) in [("text", false), ("json", true)] {
        // On the command line, so that the flag wins over what the environment says.
        let dir = folder();
        let other = if is_json { "text" } else { "json" };
        let log = std::fs::File::create(dir.path().join("log")).unwrap();
        let mut command = opshub(dir.path());
        command.args(["serve", "--port", "0", "--log-level", "debug", "--log-format", format]);
        command.env("OPSHUB_LOG__FORMAT", other).stderr(log).stdout(Stdio::piped());
        let mut hub = tokio::process::Command::from(command).kill_on_drop(true).spawn().unwrap();
        let mut said = BufReader::new(hub.stdout.take().unwrap()).lines();
        within("the start", async {
            while !said.next_line().await.unwrap().expect("no start").contains("listening on") {}
        })
        .await;
        signal(hub.id().unwrap(), "TERM");
        assert!(within("the end", hub.wait()).await.unwrap().success());
        let log = std::fs::read_to_string(dir.path().join("log")).unwrap();
        assert!(log.lines().count() > 2, "nothing was logged: {log}");
        for line in log.lines() {
            let json = serde_json::from_str::<Value>(line).is_ok_and(|value| value.is_object());
            assert_eq!(json, is_json, "as {format}: {line}");
            assert!(is_json || line.contains(" [opshub"), "no module in {line}");
        }
    }
}

#[tokio::test]
async fn the_command_line_takes_the_hubs_address_from_the_environment_file() {
    let hub = TestHub::start().await;
    let dir = folder();
    std::fs::write(dir.path().join(".env"), format!("OPSHUB_URL={}\n", hub.url(""))).unwrap();
    let done = run(dir.path(), &["command", "approve P7"]).await;
    assert_eq!((done.code, hub.seq().await), (Some(0), 1), "{done:?}");

    // The environment wins over the file, and a flag over both.
    let mut elsewhere = opshub(dir.path());
    elsewhere.args(["status"]).env("OPSHUB_URL", "http://127.0.0.1:1");
    let unreachable = finish(elsewhere).await;
    assert_eq!(unreachable.code, Some(3), "{unreachable:?}");
    let mut flag = opshub(dir.path());
    flag.args(["status", "--url", &hub.url("")]).env("OPSHUB_URL", "http://127.0.0.1:1");
    let reached = finish(flag).await;
    assert_eq!(reached.code, Some(0), "{reached:?}");
}
