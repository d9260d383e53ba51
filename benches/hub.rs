//! Durable acknowledged changes a second at the hub's own message interface, beside what diesel does
//! on the same disk with the same rows: in large transactions, and in such as the hub can have, since
//! every writer waits for its answer and no commit has more changes than there are writers.
//!
//! `cargo bench --bench hub` prints the figures and their ratios; compare ratios, machines are noisy.
#![expect(missing_docs, reason = "diesel's macro writes public items without a word")]

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use actix::prelude::*;
use diesel::prelude::*;
use diesel::sqlite::SqliteConnection;
use futures_util::future::join_all;
use opshub::domain::{Change, Limits, Seq, SystemUpdate, Timestamp};
use opshub::hub::{Committed, Connections, Hub, HubHandle, HubParts, HubSettings, Live, Proposal};
use opshub::store::{Db, Opened, Readers, StoreOptions, open};
use opshub::telemetry::metrics::Metrics;

/// Writers that each wait for their answer before they write again.
const WRITERS: usize = 64;
/// Rows of one of diesel's transactions.
const ROWS: usize = 512;
/// How long each side runs in one round.
const ROUND: Duration = Duration::from_secs(2);
/// Rounds of each side; the medians are told.
const ROUNDS: usize = 5;

diesel::table! {
    events (seq) {
        seq -> BigInt,
        at_ms -> BigInt,
        kind -> Text,
        meta -> Nullable<Text>,
        chain -> Binary,
        frame -> Text,
    }
}

#[derive(Insertable)]
#[diesel(table_name = events, treat_none_as_default_value = false)]
struct Row<'a> {
    seq: i64,
    at_ms: i64,
    kind: &'a str,
    meta: Option<&'a str>,
    chain: &'a [u8],
    frame: &'a str,
}

fn options(dir: &Path) -> StoreOptions {
    StoreOptions { path: dir.join("opshub.db"), busy_timeout_ms: 5_000, max_bytes: None }
}

fn clock() -> Timestamp {
    Timestamp::from_millis(chrono::Utc::now().timestamp_millis())
}

/// A frame as the hub writes it for the change that the writers make.
fn frame(seq: i64) -> String {
    let percent = seq % 101;
    format!(
        r#"{{"type":"state_change","seq":{seq},"timestamp":"2026-01-02T03:04:05.678Z","actor":"writer","data":{{"summary":"system: progress {percent}"}},"patch":[{{"op":"replace","path":"/system/progress","value":{percent}}}]}}"#
    )
}

/// Events a second of diesel alone, `rows` in a transaction, into the same tables in a file of its own.
fn diesel_round(folder: &Path, rows: usize) -> f64 {
    let dir = tempfile::tempdir_in(folder).expect("a folder can be made");
    drop(open(&options(dir.path())).expect("a database can be made"));
    let path = options(dir.path()).path;
    let mut conn = SqliteConnection::establish(&path.to_string_lossy()).expect("it can be opened");
    for pragma in ["journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"] {
        diesel::sql_query(format!("PRAGMA {pragma}")).execute(&mut conn).expect("pragmas are known");
    }
    let (begun, mut seq) = (Instant::now(), 0i64);
    while begun.elapsed() < ROUND {
        conn.immediate_transaction(|conn| {
            for _ in 0..rows {
                seq += 1;
                let (chain, frame) = ([7; 32], frame(seq));
                let row =
                    Row { seq, at_ms: seq, kind: "state_change", meta: None, chain: &chain, frame: &frame };
                diesel::insert_into(events::table).values(row).execute(conn)?;
            }
            QueryResult::Ok(())
        })
        .expect("the disk takes it");
    }
    seq as f64 / begun.elapsed().as_secs_f64()
}

/// Acknowledged changes a second of the hub, and how many of them a commit had.
async fn hub_round(folder: &Path) -> (f64, f64) {
    let dir = tempfile::tempdir_in(folder).expect("a folder can be made");
    let options = options(dir.path());
    let Opened { conn, lock, key, recovered } = open(&options).expect("a database can be made");
    let committed = Committed::new(Seq::ZERO, Seq::ZERO, clock(), recovered.state.document.clone());
    let live = Arc::new(Live::new(recovered.epoch.clone(), committed, 8 << 20));
    let metrics = Arc::new(Metrics::new());
    let parts = HubParts {
        settings: HubSettings {
            limits: Limits::default(),
            timezone: chrono_tz::UTC,
            snapshot_every: 5_000,
            keep_events: 1_000_000,
            keep_days: 90,
            heartbeat_ms: 15_000,
            collection_timeout_ms: 3_600_000,
        },
        db: Db::start(conn, options.clone(), key, recovered.chain),
        recovered,
        readers: Readers::start(options.path.clone()).expect("readers open"),
        live,
        connections: Connections::new(1),
        metrics: metrics.clone(),
        clock,
    };
    let arbiter = Arbiter::new();
    let hub = HubHandle::new(Hub::start_in_arbiter(&arbiter.handle(), move |_| Hub::new(parts)), 4_096);
    let begun = Instant::now();
    let writers = (0..WRITERS).map(|writer| {
        let hub = hub.clone();
        async move {
            let mut done = 0u64;
            while begun.elapsed() < ROUND {
                // Neighbouring writers never propose the same value, so that every change is one.
                let percent = (done as usize * WRITERS + writer) % 101;
                let update = serde_json::json!({ "progress": percent });
                let change = Change::SetSystem(SystemUpdate::parse(update).expect("a valid value"));
                let (actor, request_id) = ("writer".to_owned(), "bench".to_owned());
                let proposal =
                    Proposal { change, actor, request_id, idempotency: None, expectation: None, bytes: 0 };
                let accepted = hub.propose(proposal).await.expect("the disk takes it");
                done += u64::from(accepted.committed);
            }
            done
        }
    });
    let done: u64 = join_all(writers).await.into_iter().sum();
    let rate = done as f64 / begun.elapsed().as_secs_f64();
    arbiter.stop();
    drop(lock);
    let commits = &metrics.commit_batch_size;
    (rate, commits.get_sample_sum() / commits.get_sample_count() as f64)
}

fn median(figures: &[f64]) -> f64 {
    let mut figures = figures.to_vec();
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}

fn main() {
    // `cargo test --all-targets` runs benches once without `--bench`: nothing is measured then.
    if !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
    let folder = std::env::current_dir().expect("there is a current folder");
    let (mut alone, mut small, mut hub, mut batches) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for round in 1..=ROUNDS {
        alone.push(diesel_round(&folder, ROWS));
        small.push(diesel_round(&folder, WRITERS));
        let (rate, batch) = System::new().block_on(hub_round(&folder));
        hub.push(rate);
        batches.push(batch);
        eprintln!(
            "round {round}: diesel {:.0}/s, with {WRITERS} rows {:.0}/s, hub {rate:.0}/s in batches of {batch:.0}",
            alone[round - 1],
            small[round - 1]
        );
    }
    let (alone, small, hub) = (median(&alone), median(&small), median(&hub));
    let of = |yardstick: f64| (hub / yardstick * 100.0).round() / 100.0;
    let report = serde_json::json!({
        "diesel_rows_per_s": alone.round(),
        "diesel_rows_per_s_in_small_transactions": small.round(),
        "hub_changes_per_s": hub.round(),
        "ratio": of(alone),
        "ratio_to_small_transactions": of(small),
        "writers": WRITERS,
        "changes_per_commit": median(&batches).round(),
        "rows_per_transaction": ROWS,
        "rows_per_small_transaction": WRITERS,
    });
    eprintln!("{report}");
}
