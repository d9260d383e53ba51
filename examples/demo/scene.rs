//! The opening: a day as it looks when people come in, with its middle at the present.

use std::collections::BTreeSet;

use chrono::{DateTime, Days, FixedOffset, NaiveDate, SecondsFormat, TimeDelta};
use serde_json::{Value, json};

use crate::cast::{BETA, MEETINGS, NOTES, OWE, OWED, PRIORITIES};
use crate::dice::Dice;
use crate::step::{List, SOURCE, Step, id, is_ours};

/// The id of [`BETA`], whose number is its place among the priorities.
pub(crate) const BETA_ID: &str = "P7";
const BETA_PLACE: usize = 7;
const PRIORITY_COUNT: usize = 10;
const OWE_COUNT: usize = 5;
const OWED_COUNT: usize = 6;
/// Meetings around the present: when they begin, in minutes from the last quarter. The fourth is now,
/// the fifth overlaps it.
const OFFSETS: [i64; 8] = [-240, -150, -75, -15, 15, 75, 135, 225];

/// Everything that must happen for the day to begin, whatever an earlier run has left.
pub(crate) fn opening(state: &Value, now: DateTime<FixedOffset>, dice: &mut Dice) -> Vec<Step> {
    let items = day(now, dice);
    let planned: BTreeSet<(List, &str)> = items.iter().map(|(list, item)| (*list, id(item))).collect();
    let known = || List::ALL.into_iter().flat_map(|list| list.of(state).iter().map(move |item| (list, item)));
    let stale = known().filter(|(list, item)| is_ours(item) && !planned.contains(&(*list, id(item))));
    let others: BTreeSet<(List, &str)> =
        known().filter(|(_, item)| !is_ours(item)).map(|(list, item)| (list, id(item))).collect();

    let mut steps: Vec<Step> = stale.map(|(list, item)| Step::Delete(list, id(item).to_owned())).collect();
    let ours = items.iter().filter(|(list, item)| !others.contains(&(*list, id(item))));
    steps.extend(ours.map(|(list, item)| Step::Put(*list, item.clone())));
    let busy = ["COLLECTING", "PROCESSING"].iter().any(|status| state["system"]["status"] == *status);
    if !busy {
        let synced = utc(now - TimeDelta::minutes(4));
        steps.push(Step::Report(json!({ "status": "IDLE", "progress": 0, "last_sync": synced })));
    }
    steps.push(Step::Command(format!("brief {BETA_ID}")));
    steps
}

/// The items of the day.
fn day(now: DateTime<FixedOffset>, dice: &mut Dice) -> Vec<(List, Value)> {
    let today = now.date_naive();
    let mut items = priorities(today, dice);
    items.extend(commitments(List::Owe, &OWE, OWE_COUNT, 1, today, dice));
    items.extend(commitments(List::Owed, &OWED, OWED_COUNT, OWE_COUNT + 1, today, dice));
    items.extend(calendar(now, dice));
    items
}

fn priorities(today: NaiveDate, dice: &mut Dice) -> Vec<(List, Value)> {
    let mut cast = dice.deal(&PRIORITIES, PRIORITY_COUNT - 1);
    cast.insert(BETA_PLACE - 1, &BETA);
    let numbered = cast.into_iter().zip(1_usize..);
    let item = |((title, owner), number): (&(&str, &str), usize)| {
        let status = match number {
            BETA_PLACE => "proposed",
            _ => *dice.pick(&["proposed", "proposed", "approved", "done"]).unwrap_or(&"proposed"),
        };
        let mut item = json!({
            "id": format!("P{number}"), "title": title, "owner": owner, "status": status, "source": SOURCE,
        });
        if number == BETA_PLACE || dice.chance(50) {
            item["due"] = json!(due(today, dice));
        }
        if dice.chance(40) {
            item["note"] = json!(dice.pick(&NOTES));
        }
        if number == BETA_PLACE {
            // What the beta waits for is told by its brief.
            item["needs"] = json!(["C2", format!("C{}", OWE_COUNT + 1)]);
        }
        (List::Priorities, item)
    };
    let mut items: Vec<_> = numbered.map(item).collect();
    // Above the others, so that it is seen first.
    items[..BETA_PLACE].rotate_right(1);
    items
}

fn commitments(
    list: List,
    cast: &[(&str, &str)],
    count: usize,
    first: usize,
    today: NaiveDate,
    dice: &mut Dice,
) -> Vec<(List, Value)> {
    let hand = dice.deal(cast, count);
    let numbered = hand.into_iter().zip(first..);
    numbered
        .map(|(entry, number)| (list, commitment(list, format!("C{number}"), *entry, today, dice)))
        .collect()
}

/// One commitment, for one of the first priorities now and then.
pub(crate) fn commitment(
    list: List,
    id: String,
    (title, who): (&str, &str),
    today: NaiveDate,
    dice: &mut Dice,
) -> Value {
    let mut item = json!({ "id": id, "title": title, "due": due(today, dice), "source": SOURCE });
    item[if list == List::Owe { "to" } else { "from" }] = json!(who);
    if dice.chance(60) {
        item["for"] = json!(format!("P{}", dice.between(1, PRIORITY_COUNT as i64)));
    }
    item
}

/// Mostly this week, once in a while yesterday.
pub(crate) fn due(today: NaiveDate, dice: &mut Dice) -> String {
    let day = match dice.between(-1, 6) {
        -1 => today.checked_sub_days(Days::new(1)),
        days => today.checked_add_days(Days::new(days.unsigned_abs())),
    };
    day.unwrap_or(today).to_string()
}

fn calendar(now: DateTime<FixedOffset>, dice: &mut Dice) -> Vec<(List, Value)> {
    let today = now.date_naive();
    let (yesterday, tomorrow) = (today.pred_opt().unwrap_or(today), today.succ_opt().unwrap_or(today));
    let mut items = vec![
        json!({ "title": "On call: platform team", "start": today.to_string(), "end": tomorrow.to_string() }),
        json!({ "title": "Release week", "start": yesterday.to_string(),
            "end": today.checked_add_days(Days::new(3)).unwrap_or(tomorrow).to_string(), "about": BETA_ID }),
    ];
    let fixed = [("Stand-up", 9 * 60, 15), ("Handover to the night shift", 17 * 60 + 30, 30)];
    for (title, minute, minutes) in fixed {
        let start = midnight(now) + TimeDelta::minutes(minute);
        items.extend(meeting(now, title, "room 1", start, minutes));
    }
    for (offset, (title, place, minutes)) in OFFSETS.iter().zip(dice.deal(&MEETINGS, OFFSETS.len())) {
        let start = quarter(now) + TimeDelta::minutes(*offset);
        let mut item = meeting(now, title, place, start, *minutes);
        if let Some(item) = item.as_mut().filter(|_| dice.chance(40)) {
            item["about"] = json!(format!("P{}", dice.between(1, PRIORITY_COUNT as i64)));
        }
        items.extend(item);
    }
    for (item, number) in items.iter_mut().zip(1..) {
        item["id"] = json!(format!("E{number}"));
        item["source"] = json!(SOURCE);
    }
    items.into_iter().map(|item| (List::Calendar, item)).collect()
}

/// A meeting without an id; none where it would not be within the day.
pub(crate) fn meeting(
    now: DateTime<FixedOffset>,
    title: &str,
    place: &str,
    start: DateTime<FixedOffset>,
    minutes: i64,
) -> Option<Value> {
    let end = start + TimeDelta::minutes(minutes);
    let within = start >= midnight(now) && end.date_naive() == now.date_naive();
    within.then(|| json!({ "title": title, "location": place, "start": utc(start), "end": utc(end) }))
}

/// The quarter of an hour that runs.
pub(crate) fn quarter(now: DateTime<FixedOffset>) -> DateTime<FixedOffset> {
    let since = (now - midnight(now)).num_seconds();
    midnight(now) + TimeDelta::seconds(since - since % (15 * 60))
}

/// When the day of `now` began.
fn midnight(now: DateTime<FixedOffset>) -> DateTime<FixedOffset> {
    let since = now.time().signed_duration_since(chrono::NaiveTime::MIN);
    now - since
}

/// The time as the hub's own are written.
pub(crate) fn utc(time: DateTime<FixedOffset>) -> String {
    time.to_utc().to_rfc3339_opts(SecondsFormat::Millis, true)
}
