//! What log lines cost: the thread that logs, for each record, and reading what services post.
//!
//! `cargo bench --bench logs` prints the times; compare ratios, machines are noisy.

use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use log::{Level, Record};
use opshub::domain::Timestamp;
use opshub::logs::Tap;
use opshub::logs::posted::{Form, read};

/// Lines of one body.
const LINES: u64 = 1_000;

fn tapped(tap: &Tap, module: &'static str) {
    let pairs = [("request_id", log::kv::Value::from("5f2c-42")), ("elapsed_ms", log::kv::Value::from(12))];
    tap.take(
        &Record::builder()
            .level(Level::Info)
            .target(module)
            .module_path(Some(module))
            .args(format_args!("read the log through {} (epoch {})", black_box(42), "e"))
            .key_values(&pairs)
            .build(),
    );
}

fn tap(criterion: &mut Criterion) {
    let (tap, records) = Tap::new();
    let done = Arc::<AtomicBool>::default();
    let until = done.clone();
    // As the pump does, so that the queue has room; what finds none costs the same but the hand-over.
    let drain = std::thread::spawn(move || {
        while !until.load(Ordering::Relaxed) {
            black_box(records.drain(1_024));
        }
    });
    criterion.bench_function("a record for the tap", |bench| bench.iter(|| tapped(&tap, "opshub::hub")));
    criterion.bench_function("a record that is not streamed", |bench| {
        bench.iter(|| tapped(&tap, "opshub::fanout::mirror"));
    });
    done.store(true, Ordering::Relaxed);
    drain.join().expect("draining does not panic");
}

fn posted(criterion: &mut Criterion) {
    let plain = |n| {
        format!(
            r#"{{"level":"INFO","source":"collector.mail","message":"mail {n} of 1000 was read in 12 ms"}}"#
        )
    };
    let secret = |n| {
        format!(
            r#"{{"level":"INFO","source":"a","message":"GET /x?token=abc{n}&page=3 with Bearer abcdef{n}","metadata":{{"headers":{{"Cookie":"sid={n}"}},"n":{n}}}}}"#
        )
    };
    let body = |line: &dyn Fn(u64) -> String| (0..LINES).map(line).collect::<Vec<_>>().join("\n");
    let mut group = criterion.benchmark_group("reading 1000 posted lines");
    group.throughput(Throughput::Elements(LINES));
    for (name, body) in [("plain", body(&plain)), ("with secrets and metadata", body(&secret))] {
        group.bench_function(name, |bench| {
            bench.iter(|| read(black_box(body.as_bytes()), Form::Lines, Timestamp::from_millis(0)));
        });
    }
    group.finish();
}

criterion_group!(benches, tap, posted);
criterion_main!(benches);
