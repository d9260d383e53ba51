//! The promises of a sink, in virtual time.

use std::rc::Rc;
use std::time::{Duration, Instant};

use serde_json::json;

use super::backoff::BACKOFF_MAX;
use super::definition::SinkDefinition;
use super::message::Event;
use super::report::SinkState;
use super::sink::{Sink, Step, Unsaved, span};
use super::target::Refusal;
use crate::domain::{Seq, Timestamp};
use crate::store::{Page, SinkCursor, StoreError};

const DAY_S: u64 = 24 * 60 * 60;

/// A sink in front of a log that the test writes; its time is tokio's.
struct World {
    sink: Sink,
    begun: Instant,
    newest: u64,
}

fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}

fn stored(seq: u64, given_up: u64) -> SinkCursor {
    SinkCursor { id: "ops".into(), seq: Seq::new(seq), given_up }
}

impl World {
    fn new(max_age_s: u64, cursor: Option<SinkCursor>, newest: u64) -> World {
        let fields = json!({ "id": "ops", "url": "http://ops.example/", "max_age_s": max_age_s });
        let definition: SinkDefinition = serde_json::from_value(fields).unwrap();
        World { sink: Sink::new(definition, cursor, Seq::new(newest), 7), begun: now(), newest }
    }

    fn at(&self) -> Timestamp {
        let passed = i64::try_from((now() - self.begun).as_millis()).unwrap();
        Timestamp::from_millis(1_000_000_000_000 + passed)
    }

    fn step(&mut self) -> Step {
        let at = self.at();
        self.sink.step(now(), at, Seq::new(self.newest))
    }

    /// Answers [`Step::Read`] with events that were committed just now.
    fn read(&mut self, seqs: &[u64], more: bool) {
        let at = self.at();
        let text = |seq: &u64| {
            json!({ "type": "gateway_recovery", "seq": seq, "timestamp": at, "actor": "monitor",
                "data": { "gateway_id": "web", "step": "requested", "attempt": 0, "message": null } })
            .to_string()
        };
        let events = seqs.iter().map(|seq| (Seq::new(*seq), text(seq))).collect();
        let page = Page { events, first_seq: Seq::new(1), last_seq: Seq::new(self.newest), more };
        assert_eq!(self.sink.read(Ok(page), now()), 0);
    }

    fn posted(&mut self, outcome: Result<(), &str>) {
        let at = self.at();
        self.sink.posted(outcome.map_err(Refusal::new), now(), at);
    }

    fn give_up_old(&mut self) -> u64 {
        let at = self.at();
        self.sink.give_up_old(at)
    }

    fn state(&self) -> (SinkState, u64, u64, u64) {
        let report = self.sink.report(None, now(), self.at(), Seq::new(self.newest));
        (report.state, report.cursor.get(), report.delivered, report.given_up)
    }
}

fn seq_of(step: &Step) -> u64 {
    match step {
        Step::Post(event) => Rc::<Event>::as_ref(event).seq.get(),
        other => panic!("a post was due, not {other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn events_go_out_one_by_one_and_the_cursor_follows() {
    let mut world = World::new(DAY_S, Some(stored(10, 2)), 20);
    assert_eq!(world.step(), Step::Read(Seq::new(10)));
    assert_eq!(world.step(), Step::Rest, "one thing at a time");
    world.read(&[12, 15], false);
    assert_eq!(seq_of(&world.step()), 12);
    assert_eq!(world.step(), Step::Rest, "one thing at a time");
    assert_eq!(world.state(), (SinkState::Delivering, 10, 0, 2));
    world.posted(Ok(()));
    assert_eq!(world.state().1, 12);
    assert_eq!(seq_of(&world.step()), 15);
    world.posted(Ok(()));
    assert_eq!(world.state(), (SinkState::Idle, 20, 2, 2), "what is of other kinds is passed over");
    assert_eq!(world.step(), Step::Rest);
    world.newest = 21;
    assert_eq!(world.step(), Step::Read(Seq::new(20)));
    world.read(&[], false);
    assert_eq!((world.state().1, world.step()), (21, Step::Rest));
}

#[tokio::test(start_paused = true)]
async fn a_page_that_is_not_the_last_is_followed_by_the_next() {
    let mut world = World::new(DAY_S, Some(stored(0, 0)), 9);
    assert_eq!(world.step(), Step::Read(Seq::ZERO));
    world.read(&[2, 4], true);
    for seq in [2, 4] {
        assert_eq!(seq_of(&world.step()), seq);
        world.posted(Ok(()));
    }
    assert_eq!(world.state().1, 4, "what lies behind the page was not read");
    assert_eq!(world.step(), Step::Read(Seq::new(4)));
}

#[tokio::test(start_paused = true)]
async fn a_long_way_is_read_in_pieces() {
    let mut world = World::new(DAY_S, Some(stored(10, 0)), 2_000);
    let mut reads = Vec::new();
    while let Step::Read(since) = world.step() {
        assert_eq!(world.state().1, since.get());
        reads.push((since.get(), span(since).get()));
        world.read(&[], false);
    }
    assert_eq!(reads, [(10, 522), (522, 1_034), (1_034, 1_546), (1_546, 2_058)]);
    assert_eq!(world.state(), (SinkState::Idle, 2_000, 0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_new_sink_begins_at_the_end_of_the_log() {
    let mut world = World::new(DAY_S, None, 500);
    assert_eq!(world.step(), Step::Rest);
    let row = world.sink.take_unsaved(Unsaved::Settled);
    assert_eq!(row, Some(stored(500, 0)), "and is stored there at once");
}

#[tokio::test(start_paused = true)]
async fn a_cursor_behind_the_end_of_another_log_goes_back_to_it() {
    let mut world = World::new(DAY_S, Some(stored(700, 3)), 500);
    assert_eq!(world.step(), Step::Rest);
    assert_eq!(world.state(), (SinkState::Idle, 500, 0, 3));
}

#[tokio::test(start_paused = true)]
async fn a_failed_event_is_tried_again_with_growing_pauses_before_any_other() {
    let mut world = World::new(DAY_S, Some(stored(0, 0)), 2);
    world.step();
    world.read(&[1, 2], false);
    let mut waited = Duration::ZERO;
    for attempt in 1..=30_u32 {
        assert_eq!(seq_of(&world.step()), 1, "attempt {attempt}");
        world.posted(Err("status 503"));
        let Step::Wait(until) = world.step() else { panic!("no pause after attempt {attempt}") };
        let pause = until - now();
        assert!(pause <= Duration::from_secs(1 << attempt.min(10)).min(BACKOFF_MAX), "{pause:?}");
        tokio::time::advance(pause / 2).await;
        assert_eq!(world.step(), Step::Wait(until), "nothing is sent before");
        let report = world.sink.report(None, now(), world.at(), Seq::new(2));
        assert_eq!((report.state, report.failures), (SinkState::Retrying, attempt));
        let left = report.next_try.unwrap().millis() - world.at().millis();
        assert!((0..=i64::try_from(pause.as_millis()).unwrap()).contains(&left), "{left}");
        assert_eq!(report.last_error.unwrap().message, "status 503");
        tokio::time::advance(until - now()).await;
        waited += pause;
    }
    assert!(waited > BACKOFF_MAX * 5, "{waited:?} for thirty attempts");
    world.step();
    world.posted(Ok(()));
    assert_eq!(seq_of(&world.step()), 2, "at once, the receiver works");
    world.posted(Err("status 503"));
    let Step::Wait(until) = world.step() else { panic!("no pause") };
    assert!(until - now() <= Duration::from_secs(1), "the pauses begin anew");
}

#[tokio::test(start_paused = true)]
async fn a_receiver_is_left_alone_as_long_as_it_asks() {
    let mut world = World::new(DAY_S, Some(stored(0, 0)), 1);
    world.step();
    world.read(&[1], false);
    world.step();
    let refusal = Refusal { message: "status 429".into(), retry_after: Some(Duration::from_secs(120)) };
    let at = world.at();
    world.sink.posted(Err(refusal), now(), at);
    assert_eq!(world.step(), Step::Wait(now() + Duration::from_secs(120)));
}

#[tokio::test(start_paused = true)]
async fn what_becomes_too_old_is_given_up_counted_and_never_sent() {
    let mut world = World::new(60, Some(stored(0, 1)), 3);
    world.step();
    world.read(&[1], true);
    world.step();
    let asked = Refusal { message: "status 503".into(), retry_after: Some(Duration::from_secs(600)) };
    let at = world.at();
    world.sink.posted(Err(asked), now(), at);
    assert_eq!(world.step(), Step::Wait(now() + Duration::from_secs(60)), "its end comes before its turn");
    tokio::time::advance(Duration::from_millis(59_999)).await;
    assert_eq!(world.give_up_old(), 0);
    tokio::time::advance(Duration::from_millis(1)).await;
    assert_eq!(world.give_up_old(), 1);
    assert_eq!(world.state(), (SinkState::Idle, 1, 0, 2));
    assert_eq!(world.sink.take_unsaved(Unsaved::Settled), Some(stored(1, 2)));
    // The next one waits for the receiver's time too, and has its own age.
    assert_eq!(world.step(), Step::Read(Seq::new(1)));
    world.read(&[3], false);
    assert_eq!(world.step(), Step::Wait(now() + Duration::from_secs(60)));
}

#[tokio::test(start_paused = true)]
async fn an_attempt_under_way_is_not_given_up_under_its_feet() {
    let mut world = World::new(1, Some(stored(0, 0)), 1);
    world.step();
    world.read(&[1], false);
    world.step();
    tokio::time::advance(Duration::from_secs(5)).await;
    assert_eq!(world.give_up_old(), 0);
    world.posted(Ok(()));
    assert_eq!(world.state(), (SinkState::Idle, 1, 1, 0));
}

#[tokio::test(start_paused = true)]
async fn what_was_pruned_is_counted_and_the_rest_goes_on() {
    let mut world = World::new(DAY_S, Some(stored(10, 0)), 200);
    assert_eq!(world.step(), Step::Read(Seq::new(10)));
    let pruned = StoreError::Pruned { since: 10, first: 101 };
    assert_eq!(world.sink.read(Err(pruned), now()), 90, "11 through 100");
    assert_eq!(world.state(), (SinkState::Idle, 100, 0, 90));
    assert_eq!(world.sink.take_unsaved(Unsaved::Settled), Some(stored(100, 90)));
    assert_eq!(world.step(), Step::Read(Seq::new(100)));
}

#[tokio::test(start_paused = true)]
async fn a_log_that_cannot_be_read_is_read_again_after_a_while() {
    let mut world = World::new(DAY_S, Some(stored(10, 0)), 20);
    world.step();
    assert_eq!(world.sink.read(Err(StoreError::Overloaded), now()), 0);
    let Step::Wait(until) = world.step() else { panic!("no pause") };
    tokio::time::advance(until - now()).await;
    assert_eq!(world.step(), Step::Read(Seq::new(10)));
}

#[tokio::test(start_paused = true)]
async fn passing_over_is_stored_less_urgently_than_settling() {
    let mut world = World::new(DAY_S, Some(stored(10, 0)), 20);
    assert_eq!(world.sink.take_unsaved(Unsaved::PassedOver), None, "as it was stored");
    world.step();
    world.read(&[], false);
    assert_eq!(world.sink.take_unsaved(Unsaved::Settled), None);
    assert_eq!(world.sink.take_unsaved(Unsaved::PassedOver), Some(stored(20, 0)));
    assert_eq!(world.sink.take_unsaved(Unsaved::PassedOver), None, "once");
    world.sink.not_saved();
    assert_eq!(world.sink.take_unsaved(Unsaved::Settled), Some(stored(20, 0)), "until it is stored");
}
