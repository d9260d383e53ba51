//! What a day promises, played against a hub of a few lines.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::BTreeSet;

use chrono::{DateTime, FixedOffset, TimeDelta};
use serde_json::{Value, json};

use crate::dice::Dice;
use crate::scene::{BETA_ID, opening};
use crate::step::{List, Step, id, is_ours, text};
use crate::turn::{Numbers, next};

fn at(time: &str) -> DateTime<FixedOffset> {
    DateTime::parse_from_rfc3339(time).unwrap()
}

fn empty() -> Value {
    json!({
        "system": { "status": "IDLE", "progress": 0, "last_sync": null },
        "calendar": [], "priorities": [], "commitments": { "owe": [], "owed": [] },
        "active_brief": null, "gateways": {}
    })
}

/// Does with the state what the hub would.
fn perform(state: &mut Value, step: &Step) {
    match step {
        Step::Put(list, item) => {
            let items = state.pointer_mut(list.pointer()).unwrap().as_array_mut().unwrap();
            match items.iter_mut().find(|other| other["id"] == item["id"]) {
                Some(place) => *place = item.clone(),
                None => items.push(item.clone()),
            }
        }
        Step::Delete(list, gone) => {
            let items = state.pointer_mut(list.pointer()).unwrap().as_array_mut().unwrap();
            items.retain(|item| id(item) != gone);
        }
        Step::Command(command) => match command.split_once(' ') {
            None if command == "refresh" => perform(state, &Step::Collect),
            Some(("brief", _)) | None => state["active_brief"] = json!({ "title": command }),
            Some((verb, target)) => {
                let status = match verb {
                    "approve" => "approved",
                    "reject" => "rejected",
                    "done" => "done",
                    other => panic!("{other} is no command"),
                };
                let items = state["priorities"].as_array_mut().unwrap();
                if let Some(item) = items.iter_mut().find(|item| id(item) == target) {
                    item["status"] = json!(status);
                }
            }
        },
        Step::Report(report) => {
            for (field, value) in report.as_object().unwrap() {
                state["system"][field] = value.clone();
            }
        }
        Step::Collect => {
            state["system"]["status"] = json!("COLLECTING");
            state["system"]["progress"] = json!(0);
        }
    }
}

fn begin(state: &mut Value, now: DateTime<FixedOffset>, dice: &mut Dice) -> Vec<Step> {
    let steps = opening(state, now, dice);
    steps.iter().for_each(|step| perform(state, step));
    steps
}

/// Plays a day of so many steps; gives what happened and the state at its end.
fn play(seed: u64, count: i64, mut each: impl FnMut(&Value, &Step)) -> (Vec<Step>, Value) {
    let (mut state, mut dice, mut numbers) = (empty(), Dice::new(seed), Numbers::default());
    let morning = at("2026-03-04T10:07:30+01:00");
    let mut steps = begin(&mut state, morning, &mut dice);
    for n in 0..count {
        let step = next(&state, morning + TimeDelta::seconds(3 * n), &mut dice, &mut numbers);
        perform(&mut state, &step);
        each(&state, &step);
        steps.push(step);
    }
    (steps, state)
}

#[test]
fn the_same_seed_gives_the_same_day() {
    let day = |seed| play(seed, 300, |_, _| {});
    assert_eq!(day(7), day(7));
    assert_ne!(day(7).0, day(8).0);
}

#[test]
fn the_scene_has_a_present_an_overlap_and_whole_days() {
    for seed in 0..20 {
        let mut state = empty();
        begin(&mut state, at("2026-03-04T10:07:30+01:00"), &mut Dice::new(seed));
        let (whole, timed): (Vec<_>, Vec<_>) = List::Calendar
            .of(&state)
            .iter()
            .partition(|item| text(item, "start").len() == "2026-03-04".len());
        assert_eq!(whole.len(), 2);
        let now = "2026-03-04T09:07:30.000Z";
        assert!(timed.iter().any(|item| text(item, "start") <= now && now < text(item, "end")), "{timed:?}");
        let overlap = |one: &Value, other: &Value| {
            text(one, "start") < text(other, "start") && text(other, "start") < text(one, "end")
        };
        assert!(timed.iter().any(|one| timed.iter().any(|other| overlap(one, other))), "{timed:?}");
        assert_eq!(List::Priorities.of(&state).len(), 10);
        let beta = &List::Priorities.of(&state)[0];
        assert_eq!(id(beta), "P7");
        assert_eq!((text(beta, "title"), text(beta, "status")), ("Ship the beta", "proposed"));
        let known: BTreeSet<&str> =
            List::ALL.into_iter().flat_map(|list| list.of(&state).iter().map(id)).collect();
        for needed in beta["needs"].as_array().unwrap() {
            assert!(known.contains(needed.as_str().unwrap()), "{needed}");
        }
    }
}

#[test]
fn no_meeting_leaves_its_day() {
    for hour in 0..24 {
        let now = at(&format!("2026-03-04T{hour:02}:50:00-05:00"));
        let mut state = empty();
        begin(&mut state, now, &mut Dice::new(1));
        for item in List::Calendar.of(&state).iter().filter(|item| item["location"].is_string()) {
            let day = |field| at(text(item, field)).with_timezone(now.offset()).date_naive();
            assert_eq!((day("start"), day("end")), (now.date_naive(), now.date_naive()), "{item}");
            assert!(text(item, "start") < text(item, "end"), "{item}");
        }
    }
}

#[test]
fn a_long_day_stays_varied_and_in_bounds() {
    let mut kinds: BTreeSet<String> = BTreeSet::new();
    let mut statuses: BTreeSet<String> = BTreeSet::new();
    play(3, 3_000, |state, step| {
        let kind = match step {
            Step::Put(list, _) => format!("put {}", list.name()),
            Step::Delete(list, _) => format!("delete {}", list.name()),
            Step::Command(command) => command.split(' ').next().unwrap().to_owned(),
            Step::Report(_) => "report".to_owned(),
            Step::Collect => "collect".to_owned(),
        };
        kinds.insert(kind);
        statuses.insert(text(&state["system"], "status").to_owned());
        assert!((0..=100).contains(&state["system"]["progress"].as_i64().unwrap()));
        let (most, mut ids) = ([20, 12, 7, 7], BTreeSet::new());
        for (list, most) in List::ALL.into_iter().zip(most) {
            let items = list.of(state);
            assert!((3..=most).contains(&items.len()), "{} has {}", list.name(), items.len());
            assert!(items.iter().all(|item| is_ours(item) && !text(item, "title").is_empty()));
            assert!(
                items.iter().all(|item| ids.insert(id(item).to_owned())),
                "an id is there twice: {items:?}"
            );
        }
    });
    let lists = ["calendar", "owe", "owed", "priorities"];
    let mut wanted: BTreeSet<String> =
        lists.iter().flat_map(|list| [format!("put {list}"), format!("delete {list}")]).collect();
    let words = ["approve", "reject", "done", "brief", "refresh", "report", "collect"];
    wanted.extend(words.map(str::to_owned));
    assert_eq!(kinds, wanted);
    let wanted = ["COLLECTING", "ERROR", "IDLE", "PROCESSING"].map(str::to_owned);
    assert_eq!(statuses, BTreeSet::from(wanted));
}

#[test]
fn no_id_stands_for_two_things() {
    let mut titles = std::collections::BTreeMap::new();
    play(6, 2_000, |_, step| {
        if let Step::Put(list, item) = step {
            let first =
                titles.entry((*list, id(item).to_owned())).or_insert_with(|| text(item, "title").to_owned());
            assert_eq!(first, text(item, "title"), "{item}");
        }
    });
}

#[test]
fn the_beta_waits_for_whoever_looks_on() {
    play(7, 2_000, |state, _| {
        let beta = List::Priorities.of(state).iter().find(|item| id(item) == BETA_ID).unwrap();
        assert_eq!(text(beta, "status"), "proposed");
    });
}

#[test]
fn a_second_run_leaves_nothing_doubled_and_nothing_behind() {
    let (_, mut used) = play(5, 500, |_, _| {});
    let now = at("2026-03-04T15:00:00+01:00");
    begin(&mut used, now, &mut Dice::new(9));
    let mut fresh = empty();
    begin(&mut fresh, now, &mut Dice::new(9));
    let items = |state: &Value, list: List| {
        let all = list.of(state).iter().map(|item| (id(item).to_owned(), item.to_string()));
        all.collect::<BTreeSet<_>>()
    };
    for list in List::ALL {
        assert_eq!(items(&used, list), items(&fresh, list));
        assert_eq!(list.of(&used).len(), items(&used, list).len());
    }
}

#[test]
fn the_same_seed_gives_the_same_day_on_a_used_hub() {
    let now = at("2026-03-04T15:00:00+01:00");
    let day = |mut state: Value| {
        let (mut dice, mut numbers) = (Dice::new(9), Numbers::default());
        begin(&mut state, now, &mut dice);
        let happen = |n| {
            let step = next(&state, now + TimeDelta::seconds(n), &mut dice, &mut numbers);
            perform(&mut state, &step);
            step
        };
        (0..200).map(happen).collect::<Vec<_>>()
    };
    let mut used = play(5, 500, |_, _| {}).1;
    // So an earlier run leaves the system.
    perform(&mut used, &Step::Report(json!({ "status": "IDLE", "progress": 0 })));
    for (again, first) in day(used).into_iter().zip(day(empty())) {
        assert_eq!(again, first);
    }
}

#[test]
fn what_others_have_put_is_left_alone() {
    let mut state = empty();
    let theirs = json!({ "id": "P7", "title": "Somebody's own", "status": "approved" });
    perform(&mut state, &Step::Put(List::Priorities, theirs.clone()));
    let mut dice = Dice::new(2);
    let now = at("2026-03-04T10:07:30+01:00");
    begin(&mut state, now, &mut dice);
    for n in 0..1_000 {
        let step = next(&state, now + TimeDelta::seconds(n), &mut dice, &mut Numbers::default());
        perform(&mut state, &step);
    }
    assert!(List::Priorities.of(&state).contains(&theirs));
}

#[test]
fn a_collection_that_somebody_else_starts_is_carried_out() {
    let (mut state, mut dice, mut numbers) = (empty(), Dice::new(4), Numbers::default());
    perform(&mut state, &Step::Collect);
    let now = at("2026-03-04T10:07:30+01:00");
    let ended = (0..500).find(|n| {
        let step = next(&state, now + TimeDelta::seconds(*n), &mut dice, &mut numbers);
        perform(&mut state, &step);
        state["system"]["status"] == "IDLE"
    });
    assert!(ended.is_some());
    assert!(state["system"]["last_sync"].is_string());
}
