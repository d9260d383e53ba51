//! What the command line shows as it happens, until it is ended: `watch` and `events --follow`.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use std::process::Stdio;

use common::{TestHub, Value, json, within};
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout};

/// A command line that goes on until it is killed, at the latest with this value.
struct Running {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Running {
    fn start(hub: &TestHub, args: &[&str]) -> Running {
        let mut command = tokio::process::Command::from(hub.cli_command());
        let mut child = command
            .args(args)
            .kill_on_drop(true)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Running { child, lines }
    }

    /// The next line, as the JSON that it must be.
    async fn json(&mut self) -> Value {
        let line =
            within("a line of output", self.lines.next_line()).await.unwrap().expect("the output ended");
        serde_json::from_str(&line).unwrap_or_else(|e| panic!("{e}: {line}"))
    }

    /// The next line with a committed change.
    async fn change(&mut self) -> Value {
        loop {
            let json = self.json().await;
            if json["seq"].is_u64()
                && !["state", "heartbeat", "connected"].contains(&json["type"].as_str().unwrap())
            {
                return json;
            }
        }
    }
}

#[tokio::test]
async fn watch_goes_on_across_a_crash_without_a_gap() {
    let mut hub = TestHub::start().await;
    let mut watch = Running::start(&hub, &["watch", "--json"]);
    while watch.json().await["type"] != "state" {}
    let mut seq = 0;
    for round in 0..3 {
        for n in 0..5 {
            hub.command(&format!("approve R{round}-{n}")).await.ok();
        }
        for _ in 0..5 {
            seq += 1;
            assert_eq!(watch.change().await["seq"], seq);
        }
        // What is committed while the watcher cannot be there is what it has to catch up with.
        hub.kill9();
        hub.restart_here().await;
        hub.command(&format!("done R{round}")).await.ok();
        seq += 1;
        let change = watch.change().await;
        assert_eq!((&change["seq"], &change["data"]["action"]), (&json!(seq), &json!("done")));
    }
    watch.child.kill().await.unwrap();
}

#[tokio::test]
async fn watch_shows_people_what_changed() {
    let hub = TestHub::start().await;
    let mut watch = Running::start(&hub, &["watch", "--topics", "state"]);
    common::eventually("the watcher is there", || async {
        let answer = hub.get("/api/connections").await.ok();
        (answer["connections"].as_array().unwrap().len() == 1).then_some(())
    })
    .await;
    hub.command("approve P7").await.ok();
    within("a line that tells it", async {
        while !watch.lines.next_line().await.unwrap().expect("the output ended").contains("P7") {}
    })
    .await;
}

#[tokio::test]
async fn followed_events_go_on_across_a_crash_without_a_gap_or_a_repeat() {
    let mut hub = TestHub::start().await;
    for n in 1..=5 {
        hub.command(&format!("approve OLD{n}")).await.ok();
    }
    let mut follow = Running::start(&hub, &["events", "--follow", "--json", "--limit", "2"]);
    for seq in 4..=5 {
        assert_eq!(follow.json().await["seq"], seq);
    }
    let mut seq = 5;
    for round in 0..3 {
        for n in 0..4 {
            hub.command(&format!("approve R{round}-{n}")).await.ok();
        }
        for _ in 0..4 {
            seq += 1;
            assert_eq!(follow.json().await["seq"], seq);
        }
        hub.kill9();
        hub.restart_here().await;
        hub.command(&format!("done R{round}")).await.ok();
        seq += 1;
        let line = follow.json().await;
        assert_eq!((&line["seq"], &line["data"]["action"]), (&json!(seq), &json!("done")));
    }
    // A repeat of the last line would come before this one.
    hub.post("/api/system/status", json!({ "progress": 9 })).await.ok();
    assert_eq!(follow.json().await["seq"], seq + 1);
    follow.child.kill().await.unwrap();
}

#[tokio::test]
async fn followed_events_have_no_gap_where_a_page_holds_less_than_was_asked_for() {
    let hub = TestHub::start().await;
    // Together more than the hub puts into one page, whatever its limit.
    for n in 1..=12 {
        let item = json!({ "id": "X", "filling": common::filling(n, 400_000) });
        hub.put("/api/items/owe/X", item).await.ok();
    }
    let page = hub.get("/api/events?since=0&limit=20").await.ok();
    assert!(page["next"].is_u64(), "all of them fit into one page");
    let mut follow = Running::start(&hub, &["events", "--follow", "--json", "--since", "0"]);
    for seq in 1..=12 {
        assert_eq!(follow.json().await["seq"], seq);
    }
    hub.command("approve T13").await.ok();
    assert_eq!(follow.json().await["seq"], 13);
}

#[tokio::test]
async fn followed_events_are_those_that_were_asked_for() {
    let hub = TestHub::start().await;
    hub.command("approve OLD").await.ok();
    let args = ["events", "--follow", "--json", "--type", "command_executed"];
    let mut follow = Running::start(&hub, &args);
    assert_eq!(follow.json().await["seq"], 1);
    hub.post("/api/system/status", json!({ "progress": 9 })).await.ok();
    hub.command("approve NEW").await.ok();
    assert_eq!(follow.json().await["data"]["target"], "NEW");
}
