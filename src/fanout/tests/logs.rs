//! Log lines among the rest: shared while a connection keeps up, fewer when it does not, never at the
//! price of a change.

use super::*;
use crate::logs::Logs;
use crate::logs::posted::{Form, read};
use crate::protocol::LogFilter;

/// A worker and the lines that go through it.
struct Lines {
    world: World,
    logs: Arc<Logs>,
}

impl Lines {
    fn new() -> Lines {
        Lines { world: World::new(1 << 20), logs: Logs::new(Arc::new(Metrics::new()), at()) }
    }

    fn joined(&self, id: u64, topics: Topics, level: &str) -> Shared {
        let subscriber = self.world.attached(Encoding::V1, topics);
        let filter = LogFilter::default().with(Some(level), None).unwrap();
        let lease = self.logs.subscribe(filter).unwrap();
        self.world.mirror.set_logs(id, &subscriber, Some(lease));
        subscriber
    }

    /// Takes lines of these levels, in one moment.
    fn say(&self, levels: &[&str], bytes: usize) {
        let lines: Vec<_> = levels
            .iter()
            .map(|level| format!(r#"{{"level":"{level}","message":"{}","source":"s"}}"#, "x".repeat(bytes)))
            .collect();
        self.logs.take("posted", read(lines.join("\n").as_bytes(), Form::Lines, at()).unwrap());
        self.logs.flush(at());
    }

    fn pull(&self) {
        self.world.mirror.pull_logs(&self.logs);
    }
}

/// The levels of the lines in log frames, and how many were told as dropped.
fn told(frames: &[Value]) -> (Vec<String>, u64) {
    let (mut levels, mut dropped) = (Vec::new(), 0);
    for frame in frames {
        let data = &frame["data"];
        match frame["type"].as_str().unwrap() {
            "system_log" => levels.push(data["level"].as_str().unwrap().to_owned()),
            "system_log_batch" => {
                let lines = data["lines"].as_array().unwrap();
                levels.extend(lines.iter().map(|line| line["level"].as_str().unwrap().to_owned()));
                dropped += data["dropped"].as_u64().unwrap();
            }
            _ => {}
        }
    }
    (levels, dropped)
}

#[test]
fn who_keeps_up_shares_one_frame_for_each_moment() {
    let lines = Lines::new();
    let (first, second) = (lines.joined(1, Topics::NONE, "DEBUG"), lines.joined(2, Topics::NONE, "DEBUG"));
    let worst = lines.joined(3, Topics::NONE, "ERROR");
    lines.say(&["INFO", "ERROR"], 10);
    lines.pull();
    let piece = lines.world.mirror.take(&mut first.borrow_mut()).unwrap();
    let same = lines.world.mirror.take(&mut second.borrow_mut()).unwrap();
    assert_eq!(piece.as_ptr(), same.as_ptr(), "one buffer for both");
    assert_eq!(told(&frames(&piece)), (vec!["INFO".into(), "ERROR".into()], 0));
    let got = lines.world.drain(&worst);
    assert_eq!((got.len(), got[0]["type"].as_str()), (1, Some("system_log")));
}

#[test]
fn nobody_gets_lines_from_before_it_joined_or_after_it_left() {
    let lines = Lines::new();
    let early = lines.joined(1, Topics::NONE, "INFO");
    // Both lines are of the same moment.
    lines
        .logs
        .take("posted", read(br#"{"level":"INFO","message":"1","source":"s"}"#, Form::Json, at()).unwrap());
    let late = lines.joined(2, Topics::NONE, "INFO");
    lines.say(&["WARN"], 1);
    lines.pull();
    assert_eq!(told(&lines.world.drain(&early)).0, ["INFO", "WARN"]);
    assert_eq!(told(&lines.world.drain(&late)), (vec!["WARN".into()], 0));
    lines.world.mirror.set_logs(2, &late, None);
    lines.say(&["WARN"], 1);
    lines.pull();
    assert!(lines.world.drain(&late).is_empty());
}

#[test]
fn a_slow_connection_loses_the_lowest_levels_and_is_told_how_many() {
    let lines = Lines::new();
    let slow = lines.joined(1, Topics::NONE, "DEBUG");
    let mut said = 0;
    // An outbox of 1,000 bytes has room for one of these lines beside nothing else.
    for _ in 0..10 {
        lines.say(&["ERROR", "DEBUG", "INFO"], 10);
        lines.pull();
        said += 3;
    }
    let (levels, dropped) = told(&lines.world.drain(&slow));
    assert!(levels.iter().all(|level| level == "ERROR") && !levels.is_empty(), "{levels:?}");
    assert_eq!(levels.len() as u64 + dropped, said);
    let report = slow.borrow().report(Seq::ZERO, std::time::Instant::now());
    assert_eq!(report.log_lines_dropped, dropped);
    // It keeps up again: everything comes.
    lines.say(&["DEBUG"], 10);
    lines.pull();
    assert_eq!(told(&lines.world.drain(&slow)), (vec!["DEBUG".into()], 0));
}

#[test]
fn lines_never_cost_a_change() {
    let mut lines = Lines::new();
    let slow = lines.joined(1, state_only(), "DEBUG");
    let without = lines.world.attached(Encoding::V1, state_only());
    for _ in 0..20 {
        lines.say(&["ERROR"; 5], 200);
        lines.pull();
        lines.world.commit(1, 1);
    }
    let (with, other) = (lines.world.drain(&slow), lines.world.drain(&without));
    assert!(seqs(&other).len() == 20, "as many as have room: {other:?}");
    assert_eq!(seqs(&with), seqs(&other));
    let (levels, dropped) = told(&with);
    assert_eq!(levels.len() as u64 + dropped, 100);
}

#[test]
fn a_full_outbox_has_no_room_for_lines() {
    let mut lines = Lines::new();
    let slow = lines.joined(1, state_only(), "DEBUG");
    lines.world.commit(1, 900);
    lines.say(&["ERROR"; 5], 200);
    lines.pull();
    assert_eq!(slow.borrow().state(std::time::Instant::now()), ConnectionState::Live);
    let got = lines.world.drain(&slow);
    assert_eq!(seqs(&got), [1]);
    assert_eq!(told(&got), (vec![], 5));
}

#[test]
fn a_worker_that_missed_moments_counts_their_lines() {
    let lines = Lines::new();
    let subscriber = lines.joined(1, Topics::NONE, "DEBUG");
    let (moments, each) = (150, 150);
    for _ in 0..moments {
        lines.say(&vec!["INFO"; each], 100);
    }
    lines.pull();
    let (levels, dropped) = told(&lines.world.drain(&subscriber));
    assert_eq!(levels.len() as u64 + dropped, moments * each as u64);
    assert!(dropped > 0);
}

#[test]
fn plain_connections_get_no_lines() {
    let mut lines = Lines::new();
    let plain = lines.world.attached(Encoding::Plain, Topics::default_set());
    lines.say(&["ERROR"], 10);
    lines.pull();
    assert!(lines.world.drain(&plain).is_empty());
    lines.world.commit(1, 1);
    assert_eq!(lines.world.drain(&plain).len(), 1);
}
