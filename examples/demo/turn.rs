//! What happens next: decided from the state as it is, whoever has changed it meanwhile.

use std::collections::BTreeMap;

use chrono::{DateTime, FixedOffset, TimeDelta};
use serde_json::{Value, json};

use crate::cast::{MEETINGS, NOTES, OWE, OWED, PLACES, PRIORITIES};
use crate::dice::Dice;
use crate::scene::{BETA_ID, commitment, due, meeting, quarter, utc};
use crate::step::{List, SOURCE, Step, id, is_ours, text};

/// How many items of this program a list has: fewer bring new ones, more let old ones go.
const PRIORITIES_BETWEEN: (usize, usize) = (8, 12);
/// How many priorities that are over stay to be seen.
const OVER_SHOWN: usize = 2;
const COMMITMENTS_BETWEEN: (usize, usize) = (4, 7);
/// The same for meetings that are to come, and how many of today's are still shown afterwards.
const MEETINGS_BETWEEN: (usize, usize) = (3, 6);
const MEETINGS_OVER_SHOWN: usize = 6;
/// From here on a number in an id counts nothing.
const NUMBER_MAX: usize = 1_000_000;
/// How often another kind of step is looked for when one finds nothing to do.
const LOOKS: usize = 20;

/// The highest number of an id so far, by its letter: no id stands for two things in one run.
#[derive(Debug, Default)]
pub(crate) struct Numbers(BTreeMap<char, usize>);

impl Numbers {
    /// Takes note of every id in the state, whoever has put it.
    fn see(&mut self, state: &Value) {
        for item in List::ALL.into_iter().flat_map(|list| list.of(state)) {
            let mut rest = id(item).chars();
            if let (Some(letter), Ok(number @ ..NUMBER_MAX)) = (rest.next(), rest.as_str().parse::<usize>()) {
                let highest = self.0.entry(letter).or_default();
                *highest = number.max(*highest);
            }
        }
    }

    /// A new id that begins with `letter`.
    fn free(&mut self, letter: char) -> String {
        let highest = self.0.entry(letter).or_default();
        *highest = highest.saturating_add(1);
        format!("{letter}{highest}")
    }
}

/// What one turn is decided by.
struct Turn<'a> {
    state: &'a Value,
    now: DateTime<FixedOffset>,
    dice: &'a mut Dice,
    numbers: &'a mut Numbers,
}

/// A kind of step; none where there is nothing to do it with.
type Kind = fn(&mut Turn<'_>) -> Option<Step>;

/// What can happen, and how often.
const KINDS: [(i64, Kind); 11] = [
    (12, |turn| turn.decide()),
    (7, |turn| turn.finish()),
    (12, |turn| turn.note()),
    (10, |turn| turn.propose()),
    (10, |turn| turn.retire()),
    (10, |turn| turn.postpone()),
    (8, |turn| turn.promise()),
    (8, |turn| turn.settle()),
    (10, |turn| turn.meet()),
    (10, |turn| turn.brief()),
    (2, |turn| turn.slip()),
];

/// Decides what happens next.
pub(crate) fn next(
    state: &Value,
    now: DateTime<FixedOffset>,
    dice: &mut Dice,
    numbers: &mut Numbers,
) -> Step {
    numbers.see(state);
    let mut turn = Turn { state, now, dice, numbers };
    if let Some(step) = turn.collect() {
        return step;
    }
    let all: i64 = KINDS.iter().map(|(weight, _)| weight).sum();
    for _ in 0..LOOKS {
        let mut point = turn.dice.between(1, all);
        let kind = KINDS.iter().find(|(weight, _)| {
            point -= weight;
            point <= 0
        });
        if let Some(step) = kind.and_then(|(_, kind)| kind(&mut turn)) {
            return step;
        }
    }
    Step::Command("brief".to_owned())
}

impl<'a> Turn<'a> {
    /// Plays the collector, whoever has started the collection; none when the turn is somebody else's.
    fn collect(&mut self) -> Option<Step> {
        let progress = self.state["system"]["progress"].as_i64().unwrap_or_default();
        match self.state["system"]["status"].as_str()? {
            "COLLECTING" | "PROCESSING" if self.dice.chance(65) => None,
            "COLLECTING" if self.dice.chance(3) => Some(report("ERROR", progress)),
            "COLLECTING" if progress >= 70 => Some(report("PROCESSING", progress)),
            "PROCESSING" if progress >= 100 => Some(Step::Report(json!({
                "status": "IDLE", "progress": 0, "last_sync": utc(self.now),
            }))),
            "COLLECTING" | "PROCESSING" => {
                let progress = (progress + self.dice.between(5, 19)).min(100);
                Some(Step::Report(json!({ "progress": progress })))
            }
            "ERROR" if self.dice.chance(15) => Some(Step::Command("refresh".to_owned())),
            "IDLE" if self.dice.chance(6) => Some(Step::Collect),
            _ => None,
        }
    }

    /// Somebody approves or rejects what is proposed; the beta waits for whoever looks on.
    fn decide(&mut self) -> Option<Step> {
        let verb = if self.dice.chance(75) { "approve" } else { "reject" };
        self.say(verb, "proposed")
    }

    /// Somebody is done with what was approved.
    fn finish(&mut self) -> Option<Step> {
        self.say("done", "approved")
    }

    fn say(&mut self, verb: &str, status: &str) -> Option<Step> {
        let fits = |item: &Value| text(item, "status") == status && id(item) != BETA_ID;
        let fitting = self.ours(List::Priorities, fits);
        self.dice.pick(&fitting).map(|item| Step::Command(format!("{verb} {}", id(item))))
    }

    /// How a priority stands is written down.
    fn note(&mut self) -> Option<Step> {
        let open = self.ours(List::Priorities, |item| {
            ["proposed", "approved"].iter().any(|status| text(item, "status") == *status)
        });
        let mut item = (*self.dice.pick(&open)?).clone();
        item["note"] = json!(self.dice.pick(&NOTES)?);
        Some(Step::Put(List::Priorities, item))
    }

    /// A new priority is proposed.
    fn propose(&mut self) -> Option<Step> {
        if self.count(List::Priorities) >= PRIORITIES_BETWEEN.1 {
            return None;
        }
        let (title, owner) = self.unused(&PRIORITIES, List::Priorities)?;
        Some(Step::Put(
            List::Priorities,
            json!({
                "id": self.numbers.free('P'), "title": title, "owner": owner, "status": "proposed",
                "due": due(self.now.date_naive(), self.dice), "source": SOURCE,
            }),
        ))
    }

    /// A priority that is over leaves the list.
    fn retire(&mut self) -> Option<Step> {
        let over = self.ours(List::Priorities, |item| {
            ["done", "rejected"].iter().any(|status| text(item, "status") == *status)
        });
        let enough = over.len() > OVER_SHOWN && self.count(List::Priorities) > PRIORITIES_BETWEEN.0;
        self.dice
            .pick(&over)
            .filter(|_| enough)
            .map(|item| Step::Delete(List::Priorities, id(item).to_owned()))
    }

    /// A commitment gets another date.
    fn postpone(&mut self) -> Option<Step> {
        let list = self.side();
        let all = self.ours(list, |_| true);
        let mut item = (*self.dice.pick(&all)?).clone();
        item["due"] = json!(due(self.now.date_naive(), self.dice));
        Some(Step::Put(list, item))
    }

    /// A commitment is made.
    fn promise(&mut self) -> Option<Step> {
        let list = self.side();
        if self.count(list) >= COMMITMENTS_BETWEEN.1 {
            return None;
        }
        let entry = self.unused(if list == List::Owe { &OWE } else { &OWED }, list)?;
        let id = self.numbers.free('C');
        Some(Step::Put(list, commitment(list, id, entry, self.now.date_naive(), self.dice)))
    }

    /// A commitment is kept, and leaves its list.
    fn settle(&mut self) -> Option<Step> {
        let list = self.side();
        if self.count(list) <= COMMITMENTS_BETWEEN.0 {
            return None;
        }
        let all = self.ours(list, |_| true);
        self.dice.pick(&all).map(|item| Step::Delete(list, id(item).to_owned()))
    }

    /// A meeting is called, moved to another room, called off, or so long over that it is left out.
    fn meet(&mut self) -> Option<Step> {
        let now = utc(self.now);
        let timed = |item: &Value| item["location"].is_string();
        let over = self.ours(List::Calendar, |item| timed(item) && text(item, "end") < now.as_str());
        if over.len() > MEETINGS_OVER_SHOWN {
            let oldest = over.iter().min_by_key(|item| text(item, "end"));
            return oldest.map(|item| Step::Delete(List::Calendar, id(item).to_owned()));
        }
        let coming = self.ours(List::Calendar, |item| timed(item) && text(item, "start") >= now.as_str());
        if coming.len() > MEETINGS_BETWEEN.0 && self.dice.chance(30) {
            return self.dice.pick(&coming).map(|item| Step::Delete(List::Calendar, id(item).to_owned()));
        }
        if coming.len() < MEETINGS_BETWEEN.1 && self.dice.chance(40) {
            return self.call();
        }
        let mut item = (*self.dice.pick(&coming)?).clone();
        item["location"] = json!(self.dice.pick(&PLACES)?);
        Some(Step::Put(List::Calendar, item))
    }

    fn call(&mut self) -> Option<Step> {
        let &(title, place, minutes) = self.dice.pick(&MEETINGS)?;
        if List::Calendar.of(self.state).iter().any(|item| text(item, "title") == title) {
            return None;
        }
        let start = quarter(self.now) + TimeDelta::minutes(15 * self.dice.between(1, 16));
        let mut item = meeting(self.now, title, place, start, minutes)?;
        item["id"] = json!(self.numbers.free('E'));
        item["source"] = json!(SOURCE);
        Some(Step::Put(List::Calendar, item))
    }

    /// Somebody wants to read about an item, or about the day.
    fn brief(&mut self) -> Option<Step> {
        let list = *self.dice.pick(&[List::Priorities, List::Priorities, List::Owe, List::Owed])?;
        let all = self.ours(list, |_| true);
        let about = if self.dice.chance(80) { self.dice.pick(&all) } else { None };
        Some(Step::Command(about.map_or("brief".to_owned(), |item| format!("brief {}", id(item)))))
    }

    /// Somebody mistypes: the hub records it and says that nothing has this id.
    fn slip(&mut self) -> Option<Step> {
        Some(Step::Command(format!("approve P{}", 100 + self.dice.between(0, 899))))
    }

    /// One of the two lists of commitments.
    fn side(&mut self) -> List {
        if self.dice.chance(50) { List::Owe } else { List::Owed }
    }

    fn ours(&self, list: List, fits: impl Fn(&Value) -> bool) -> Vec<&'a Value> {
        let fitting = list.of(self.state).iter().filter(|item| is_ours(item) && fits(item));
        let mut fitting: Vec<&Value> = fitting.collect();
        // An earlier run may have left another order.
        fitting.sort_by_key(|item| id(item));
        fitting
    }

    fn count(&self, list: List) -> usize {
        self.ours(list, |_| true).len()
    }

    /// An entry of the cast that is not in the list at the moment.
    fn unused(
        &mut self,
        cast: &[(&'static str, &'static str)],
        list: List,
    ) -> Option<(&'static str, &'static str)> {
        let there = |title: &str| list.of(self.state).iter().any(|item| text(item, "title") == title);
        let rest: Vec<_> = cast.iter().filter(|(title, _)| !there(title)).collect();
        self.dice.pick(&rest).map(|entry| **entry)
    }
}

fn report(status: &str, progress: i64) -> Step {
    Step::Report(json!({ "status": status, "progress": progress }))
}
