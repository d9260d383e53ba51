//! What the books promise.

use super::*;

const CHANGE_BYTES: usize = 200;

fn change(ledger: &mut Ledger, client: usize, at: u64, seq: u64) {
    let frame = Frame { kind: Kind::Change { seq }, bytes: CHANGE_BYTES };
    ledger.frame(client, at, frame);
}

fn state(ledger: &mut Ledger, client: usize, seq: u64) {
    ledger.frame(client, 0, Frame { kind: Kind::State { seq }, bytes: 1 });
}

/// Clients that all know the state at 10.
fn ledger(clients: usize) -> Ledger {
    let mut ledger = Ledger::new(clients);
    (0..clients).for_each(|client| state(&mut ledger, client, 10));
    ledger.begin();
    ledger
}

#[test]
fn a_change_is_settled_when_it_was_acknowledged_and_reached_everyone() {
    let mut ledger = ledger(2);
    change(&mut ledger, 0, 5_000, 11);
    assert!(ledger.acknowledged(11, 1_000));
    assert!(!ledger.is_settled(11));
    change(&mut ledger, 1, 9_000, 11);
    assert!(ledger.is_settled(11));
    assert_eq!(ledger.counts().deliveries, 2);
    assert_eq!(ledger.counts().delivered_bytes, 2 * CHANGE_BYTES as u64);
    assert_eq!((ledger.arrival().len(), ledger.spread().len()), (2, 1));
    for slowest in [ledger.arrival().max(), ledger.spread().max()] {
        assert!(slowest.abs_diff(8_000) < 100, "{slowest} ns");
    }
}

#[test]
fn acknowledgements_may_come_in_any_order() {
    let mut ledger = ledger(1);
    for seq in [11, 12, 13] {
        change(&mut ledger, 0, 100, seq);
    }
    for seq in [13, 11, 12] {
        assert!(ledger.acknowledged(seq, 50), "{seq} is new");
    }
    assert!(ledger.all_settled() && ledger.window.is_empty());
    assert_eq!(ledger.floor, Some(13));
}

#[test]
fn a_change_that_altered_nothing_is_told_apart() {
    let mut ledger = ledger(1);
    change(&mut ledger, 0, 100, 11);
    assert!(ledger.acknowledged(11, 50));
    assert!(!ledger.acknowledged(11, 60));
    assert!(ledger.acknowledged(12, 70));
    assert!(!ledger.acknowledged(12, 80), "its frame is still on the way");
}

#[test]
fn a_gap_is_a_loss_and_is_not_waited_for() {
    let mut ledger = ledger(2);
    ledger.acknowledged(11, 1);
    ledger.acknowledged(12, 1);
    change(&mut ledger, 0, 10, 11);
    change(&mut ledger, 0, 10, 12);
    change(&mut ledger, 1, 10, 12);
    assert_eq!(ledger.counts().lost, 1);
    assert!(ledger.is_settled(11) && ledger.is_settled(12));
}

#[test]
fn repeats_and_changes_without_a_state_are_no_deliveries() {
    let mut ledger = ledger(1);
    change(&mut ledger, 0, 10, 11);
    change(&mut ledger, 0, 10, 11);
    let recovered = false;
    ledger.frame(0, 0, Frame { kind: Kind::Connected { recovered }, bytes: 1 });
    change(&mut ledger, 0, 10, 12);
    let counts = ledger.counts();
    assert_eq!((counts.deliveries, counts.repeated, counts.unfounded), (1, 1, 1));
}

#[test]
fn a_newer_document_stands_for_the_changes_it_replaces() {
    let mut ledger = ledger(1);
    for seq in 11..=14 {
        ledger.acknowledged(seq, 1);
    }
    change(&mut ledger, 0, 10, 11);
    state(&mut ledger, 0, 13);
    change(&mut ledger, 0, 10, 14);
    let counts = ledger.counts();
    assert_eq!((counts.deliveries, counts.conflated, counts.lost), (2, 2, 0));
    assert!(ledger.all_settled());
}

#[test]
fn a_client_that_left_is_not_waited_for_and_may_resume() {
    let mut ledger = ledger(2);
    ledger.acknowledged(11, 1);
    change(&mut ledger, 0, 10, 11);
    ledger.closed(1);
    assert!(ledger.is_settled(11));
    let recovered = true;
    ledger.frame(1, 0, Frame { kind: Kind::Connected { recovered }, bytes: 1 });
    assert_eq!(ledger.last_of(1), Some(10));
    change(&mut ledger, 1, 20, 11);
    assert_eq!((ledger.counts().deliveries, ledger.counts().lost), (2, 0));
    assert_eq!(ledger.live(), 2);
}

#[test]
fn what_never_came_is_lost_once_the_books_are_closed() {
    let mut ledger = ledger(2);
    for seq in [11, 12] {
        ledger.acknowledged(seq, 1);
        change(&mut ledger, 0, 10, seq);
    }
    change(&mut ledger, 1, 10, 11);
    assert!(!ledger.all_settled());
    ledger.close_books();
    assert_eq!(ledger.counts().lost, 1);
}

#[test]
fn without_clients_an_acknowledged_change_is_settled_at_once() {
    let mut ledger = Ledger::new(0);
    assert!(ledger.acknowledged(500, 1) && ledger.is_settled(500));
    assert!(ledger.acknowledged(502, 2) && ledger.acknowledged(501, 2));
    assert!(ledger.all_settled());
}

#[test]
fn changes_by_others_do_not_pile_up() {
    let mut ledger = ledger(1);
    for seq in 11..11 + 3 * WINDOW_MAX as u64 {
        change(&mut ledger, 0, seq, seq);
    }
    assert!(ledger.window.len() <= WINDOW_MAX);
    let newest = 10 + 3 * WINDOW_MAX as u64;
    assert!(ledger.acknowledged(newest, 1) && ledger.is_settled(newest));
    assert!(ledger.acknowledged(u64::MAX / 2, 1), "a jump does not fill the memory");
    assert!(ledger.window.len() <= WINDOW_MAX);
}
