//! The hub's promises that need a hand on its clock or its disk: a real store in a folder of the
//! test's own, no network.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::path::{Path, PathBuf};
use std::sync::Arc;

use actix::prelude::*;
use diesel::prelude::*;
use diesel::sqlite::SqliteConnection;
use futures_util::future::join_all;
use serde_json::json;

use crate::domain::{Change, Command, Error, Limits, Outcome, Seq, SystemUpdate, Timestamp};
use crate::store::{AuditKey, Db, Opened, Readers, StoreOptions, open};
use crate::telemetry::metrics::Metrics;

use super::*;

/// A hub over a store, and the store's folder.
struct World {
    hub: HubHandle,
    live: Arc<Live>,
    dir: tempfile::TempDir,
    _lock: std::fs::File,
}

fn clock() -> Timestamp {
    Timestamp::from_millis(1_000_000)
}

/// A clock that was set back by an hour.
fn late_clock() -> Timestamp {
    Timestamp::from_millis(1_000_000 - 3_600_000)
}

fn options(dir: &Path, busy_timeout_ms: u64) -> StoreOptions {
    StoreOptions { path: dir.join("opshub.db"), busy_timeout_ms, max_bytes: None }
}

fn start(dir: tempfile::TempDir, clock: fn() -> Timestamp) -> World {
    let options = options(dir.path(), 50);
    let Opened { conn, lock, key, recovered } = open(&options).unwrap();
    let committed = Committed::new(
        recovered.seq,
        recovered.state_seq,
        recovered.at.unwrap_or(Timestamp::from_millis(0)),
        recovered.state.document.clone(),
    );
    let live = Arc::new(Live::new(recovered.epoch.clone(), committed, 1 << 20));
    let parts = HubParts {
        settings: HubSettings {
            limits: Limits::default(),
            timezone: chrono_tz::UTC,
            snapshot_every: 1_000,
            keep_events: 1_000,
            keep_days: 1,
            heartbeat_ms: 60_000,
            collection_timeout_ms: 60_000,
        },
        db: Db::start(conn, options.clone(), key, recovered.chain),
        recovered,
        readers: Readers::start(options.path.clone()).unwrap(),
        live: live.clone(),
        connections: Connections::new(10),
        metrics: Arc::new(Metrics::new()),
        clock,
    };
    let hub = HubHandle::new(Hub::new(parts).start(), 1_000);
    World { hub, live, dir, _lock: lock }
}

/// A hub of its own whose rows are linked by the same key.
fn twin_of(world: &World) -> World {
    let dir = tempfile::tempdir().unwrap();
    let key = |dir: &Path| AuditKey::path(&options(dir, 50).path);
    std::fs::copy(key(world.dir.path()), key(dir.path())).unwrap();
    start(dir, clock)
}

fn world() -> World {
    start(tempfile::tempdir().unwrap(), clock)
}

fn progress(percent: u64) -> Change {
    Change::SetSystem(SystemUpdate::parse(json!({ "progress": percent })).unwrap())
}

fn proposal(change: Change) -> Proposal {
    Proposal {
        change,
        actor: "tester".into(),
        request_id: "r".into(),
        idempotency: None,
        expectation: None,
        bytes: 0,
    }
}

fn keyed(change: Change, key: &str) -> Proposal {
    let idempotency = Some(Idempotency::new("tester", "POST /x", key, key.as_bytes()).unwrap());
    Proposal { idempotency, ..proposal(change) }
}

/// The files of a database that is gone for a while, as on a volume that was unmounted.
struct Away {
    home: PathBuf,
    folder: PathBuf,
}

impl Away {
    fn take(home: &Path) -> Away {
        let away = Away { home: home.to_owned(), folder: home.join("away") };
        std::fs::create_dir(&away.folder).unwrap();
        away.carry(home, &away.folder);
        // What is opened meanwhile is no file, so that nobody takes a new database for the old one.
        std::fs::create_dir(home.join("opshub.db")).unwrap();
        away
    }

    fn connection(&self) -> SqliteConnection {
        SqliteConnection::establish(&self.folder.join("opshub.db").to_string_lossy()).unwrap()
    }

    /// Adds the newest row of another hub's log, as that hub wrote it.
    fn add_newest_of(&self, other: &World) {
        let mut conn = self.connection();
        let attach = format!("ATTACH '{}' AS other", other.dir.path().join("opshub.db").display());
        for sql in [
            attach.as_str(),
            "INSERT INTO events SELECT * FROM other.events ORDER BY seq DESC LIMIT 1",
            "DETACH other",
        ] {
            diesel::sql_query(sql).execute(&mut conn).unwrap();
        }
    }

    fn bring_back(self) {
        std::fs::remove_dir(self.home.join("opshub.db")).unwrap();
        self.carry(&self.folder, &self.home);
    }

    fn carry(&self, from: &Path, to: &Path) {
        for name in ["opshub.db-wal", "opshub.db-shm", "opshub.db"] {
            std::fs::rename(from.join(name), to.join(name)).unwrap();
        }
    }
}

impl World {
    async fn propose(&self, change: Change) -> Result<Accepted, Error> {
        self.hub.propose(proposal(change)).await
    }

    /// A second program at the same file.
    fn intruder(&self) -> SqliteConnection {
        SqliteConnection::establish(&self.dir.path().join("opshub.db").to_string_lossy()).unwrap()
    }

    /// Takes the database away after it failed in the middle of a batch: whether the batch is on disk
    /// is for nobody to tell until the database is back.
    async fn lose_a_batch(&self, change: Change) -> Away {
        let failing =
            "CREATE TRIGGER failing BEFORE INSERT ON audit BEGIN SELECT abs(-9223372036854775807 - 1); END";
        diesel::sql_query(failing).execute(&mut self.intruder()).unwrap();
        let away = Away::take(self.dir.path());
        assert_eq!(self.propose(change).await.unwrap_err().spec(), (503, "storage_unavailable"));
        diesel::sql_query("DROP TRIGGER failing").execute(&mut away.connection()).unwrap();
        away
    }

    /// Proposes until that is refused for a `reason`; it must be refused all along.
    async fn refusing_for(&self, reason: &str) {
        loop {
            match self.propose(progress(99)).await {
                Err(Error::StorageUnavailable { cause }) if cause.contains(reason) => return,
                Err(Error::StorageUnavailable { .. }) => {
                    tokio::time::sleep(std::time::Duration::from_millis(20)).await;
                }
                other => panic!("not refused: {other:?}"),
            }
        }
    }

    async fn healthy(&self) {
        while !self.live.view().storage_ok {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    }
}

#[actix::test]
async fn changes_are_numbered_without_a_gap_and_shown_when_they_are_answered() {
    let world = world();
    let answers = join_all((1..=50).map(|percent| world.propose(progress(percent)))).await;
    let seqs: Vec<u64> = answers.into_iter().map(|answer| answer.unwrap().seq.get()).collect();
    assert_eq!(seqs, (1..=50).collect::<Vec<_>>());
    let committed = world.live.committed();
    assert_eq!((committed.seq, committed.document.system().progress), (Seq::new(50), 50));
}

#[actix::test]
async fn a_change_that_alters_nothing_waits_for_what_it_rests_on() {
    let world = world();
    let (first, second) = tokio::join!(world.propose(progress(7)), world.propose(progress(7)));
    let (first, second) = (first.unwrap(), second.unwrap());
    assert!(first.committed && !second.committed);
    assert_eq!((first.seq, second.seq), (Seq::new(1), Seq::new(1)));
}

#[actix::test]
async fn the_times_of_changes_never_run_backwards() {
    let world = start(tempfile::tempdir().unwrap(), clock);
    world.propose(progress(1)).await.unwrap();
    let World { hub, dir, _lock, .. } = world;
    hub.addr().send(Drain).await.unwrap();
    drop((hub, _lock));
    let world = start(dir, late_clock);
    world.propose(progress(2)).await.unwrap();
    assert_eq!(world.live.committed().at, clock());
}

#[actix::test]
async fn a_key_that_is_used_again_gets_the_first_answer() {
    let world = world();
    let command = || Change::Command(Command::parse("approve P7").unwrap());
    let together = join_all((0..5).map(|_| world.hub.propose(keyed(command(), "k")))).await;
    let answers: Vec<_> = together.into_iter().map(Result::unwrap).collect();
    assert!(answers.iter().all(|answer| answer.seq == Seq::new(1)));
    assert_eq!(answers.iter().filter(|answer| !answer.replayed).count(), 1);
    let later = world.hub.propose(keyed(command(), "k")).await.unwrap();
    assert!(later.replayed && later.outcome == answers[0].outcome);
    let mut other = keyed(command(), "k");
    other.idempotency.as_mut().unwrap().fingerprint = "other".into();
    assert_eq!(world.hub.propose(other).await.unwrap_err().spec(), (422, "idempotency_mismatch"));
}

#[actix::test]
async fn an_answer_that_committed_nothing_is_not_stored() {
    let world = world();
    let status = || Change::Command(Command::parse("status").unwrap());
    for _ in 0..2 {
        let answer = world.hub.propose(keyed(status(), "k")).await.unwrap();
        assert!(!answer.committed && !answer.replayed);
    }
}

#[actix::test]
async fn an_expectation_counts_pending_changes_and_only_those_that_alter_the_state() {
    let world = world();
    let epoch = world.live.epoch().clone();
    world.propose(progress(1)).await.unwrap();
    world.propose(Change::Command(Command::parse("approve NONE").unwrap())).await.unwrap();
    let expecting = |seq: u64, epoch: &crate::domain::Epoch, percent| Proposal {
        expectation: Some(Expectation { epoch: epoch.clone(), seq: Seq::new(seq) }),
        ..proposal(progress(percent))
    };
    // The command has number 2 but changed no state: a tag of number 1 still holds.
    let (first, second) =
        tokio::join!(world.hub.propose(expecting(1, &epoch, 2)), world.hub.propose(expecting(1, &epoch, 3)));
    assert_eq!(first.unwrap().seq, Seq::new(3));
    assert_eq!(second.unwrap_err().spec(), (412, "precondition_failed"));
    let foreign = crate::domain::Epoch::new("other");
    assert_eq!(world.hub.propose(expecting(3, &foreign, 4)).await.unwrap_err().spec().0, 412);
    assert_eq!(world.hub.propose(expecting(9, &epoch, 4)).await.unwrap_err().spec().0, 412);
}

#[actix::test]
async fn one_bad_row_is_refused_alone() {
    let world = world();
    // Another program has put a key into the projection: the change with that key breaks its batch.
    world.propose(progress(1)).await.unwrap();
    diesel::sql_query("CREATE TRIGGER bad BEFORE INSERT ON audit WHEN NEW.target = 'BAD' BEGIN INSERT INTO hub (id, epoch, created_at_ms) VALUES (1, 'x', 0); END")
        .execute(&mut world.intruder())
        .unwrap();
    let targets = ["A", "BAD", "B", "C"];
    let commands =
        targets.map(|target| Change::Command(Command::parse(&format!("approve {target}")).unwrap()));
    let answers = join_all(commands.into_iter().map(|change| world.propose(change))).await;
    let outcome = |index: usize| answers[index].as_ref().map(|answer| answer.seq.get());
    assert_eq!((outcome(0), outcome(2), outcome(3)), (Ok(2), Ok(3), Ok(4)));
    assert_eq!(answers[1].as_ref().unwrap_err().spec(), (500, "internal"));
    assert!(world.live.view().storage_ok);
}

#[actix::test]
async fn a_lock_held_by_another_program_refuses_changes_and_heals_by_itself() {
    let world = world();
    world.propose(progress(1)).await.unwrap();
    let mut intruder = world.intruder();
    diesel::sql_query("BEGIN EXCLUSIVE").execute(&mut intruder).unwrap();
    let answers = join_all((2..6).map(|percent| world.propose(progress(percent)))).await;
    for answer in answers {
        assert_eq!(answer.unwrap_err().spec(), (503, "storage_unavailable"));
    }
    assert!(!world.live.view().storage_ok);
    assert_eq!(world.live.committed().document.system().progress, 1);
    diesel::sql_query("ROLLBACK").execute(&mut intruder).unwrap();
    world.healthy().await;
    assert_eq!(world.propose(progress(9)).await.unwrap().seq, Seq::new(2));
}

#[actix::test]
async fn a_drained_hub_takes_nothing_more_and_starts_from_its_snapshot() {
    let world = world();
    let pending = (1..=20).map(|percent| world.propose(progress(percent)));
    let (answers, drained) = tokio::join!(join_all(pending), world.hub.addr().send(Drain));
    drained.unwrap();
    let stored = answers.iter().filter(|answer| answer.is_ok()).count() as u64;
    assert_eq!(world.propose(progress(99)).await.unwrap_err().spec(), (503, "shutting_down"));
    let World { dir, hub, _lock, .. } = world;
    drop((hub, _lock));
    let recovered = open(&options(dir.path(), 50)).unwrap().recovered;
    assert_eq!((recovered.seq.get(), recovered.since_snapshot), (stored, 0));
}

#[actix::test]
async fn a_collection_that_runs_is_answered_with_its_id_after_a_restart_too() {
    let world = world();
    let started = world.propose(Change::StartCollection).await.unwrap();
    let World { dir, hub, _lock, .. } = world;
    drop((hub, _lock));
    let world = start(dir, clock);
    let again = world.propose(Change::StartCollection).await.unwrap();
    let id = |accepted: &Accepted| match &accepted.outcome {
        Outcome::Collection { collection_id, .. } => collection_id.clone(),
        other => panic!("{other:?}"),
    };
    assert_eq!(id(&started), id(&again));
    assert!(!again.committed);
}

#[actix::test]
async fn a_batch_of_unknown_fate_that_was_not_stored_leaves_no_trace() {
    let world = world();
    world.propose(progress(1)).await.unwrap();
    let away = world.lose_a_batch(progress(2)).await;
    assert!(!world.live.view().storage_ok);
    assert_eq!(world.propose(progress(3)).await.unwrap_err().spec(), (503, "storage_unavailable"));
    away.bring_back();
    world.healthy().await;
    let committed = world.live.committed();
    assert_eq!((committed.seq, committed.document.system().progress), (Seq::new(1), 1));
    assert_eq!(world.propose(progress(4)).await.unwrap().seq, Seq::new(2));
}

#[actix::test]
async fn a_batch_of_unknown_fate_that_was_stored_is_shown_when_that_is_known() {
    // A hub that was told the same wrote the row that a commit leaves which fails after all was written.
    let world = world();
    let twin = twin_of(&world);
    for hub in [&world, &twin] {
        hub.propose(progress(1)).await.unwrap();
    }
    twin.propose(progress(2)).await.unwrap();
    let away = world.lose_a_batch(progress(2)).await;
    assert_eq!(world.live.committed().seq, Seq::new(1));
    away.add_newest_of(&twin);
    away.bring_back();
    world.healthy().await;
    let committed = world.live.committed();
    assert_eq!((committed.seq, committed.document.system().progress), (Seq::new(2), 2));
    assert_eq!(world.propose(progress(3)).await.unwrap().seq, Seq::new(3));
    let World { dir, hub, _lock, .. } = world;
    drop((hub, _lock));
    let recovered = open(&options(dir.path(), 50)).unwrap().recovered;
    assert_eq!((recovered.seq, recovered.state.document.system().progress), (Seq::new(3), 3));
}

#[actix::test]
async fn a_change_of_another_program_is_not_taken_for_a_batch_of_unknown_fate() {
    let world = world();
    let other = twin_of(&world);
    for hub in [&world, &other] {
        hub.propose(progress(1)).await.unwrap();
    }
    // It has the number that the lost change would have had.
    other.propose(progress(77)).await.unwrap();
    let away = world.lose_a_batch(progress(2)).await;
    away.add_newest_of(&other);
    away.bring_back();
    world.refusing_for("another program wrote to the log").await;
    assert!(!world.live.view().storage_ok);
    let committed = world.live.committed();
    assert_eq!((committed.seq, committed.document.system().progress), (Seq::new(1), 1));
}
