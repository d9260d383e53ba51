//! Starts the real binary and talks to it over the wire, as its users do.

#![allow(dead_code, unreachable_pub, unused_imports, reason = "each test file uses a part of its own")]
#![allow(clippy::unwrap_used, reason = "a test may panic")]

pub mod access;
pub mod db;
pub mod http;
pub mod hub;
pub mod jwt;
pub mod keys;
pub mod process;
pub mod raw;
pub mod receiver;
pub mod slack;
pub mod sse;
pub mod tls;
pub mod ws;

use std::fmt::Debug;
use std::time::Duration;

pub use http::Answer;
pub use hub::TestHub;
pub use serde_json::{Value, json};
pub use ws::{Frame, Watcher};

/// How long a test waits for what must come, before it says that it did not.
pub const BOUND: Duration = Duration::from_secs(15);

/// Asks `probe` again and again until it gives a value; panics, naming `what`, when the bound is over.
pub async fn eventually<T, F>(what: &str, mut probe: impl FnMut() -> F) -> T
where
    F: Future<Output = Option<T>>,
{
    let start = std::time::Instant::now();
    while start.elapsed() < 2 * BOUND {
        if let Some(value) = probe().await {
            return value;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("not within {:?}: {what}", 2 * BOUND)
}

/// Awaits `future`, or panics and names `what` when the bound is over.
pub async fn within<T>(what: &str, future: impl Future<Output = T>) -> T {
    match tokio::time::timeout(BOUND, future).await {
        Ok(value) => value,
        Err(_) => panic!("not within {BOUND:?}: {what}"),
    }
}

/// The document that an empty hub starts with.
pub fn empty_state() -> Value {
    json!({
        "system": { "status": "IDLE", "progress": 0, "last_sync": null },
        "calendar": [], "priorities": [], "commitments": { "owe": [], "owed": [] },
        "active_brief": null, "gateways": {}
    })
}

/// Text of about `bytes` that is another for each `n`, so that a change of it is as large as it.
pub fn filling(n: usize, bytes: usize) -> String {
    let mut text = format!("{n} ").repeat(bytes / 2 + 1);
    text.truncate(bytes);
    text
}

/// Applies the `patch` of a committed frame, if it has one, to `document`.
pub fn apply(document: &mut Value, frame: &Value) {
    if let Some(patch) = frame.get("patch") {
        let patch: json_patch::Patch = serde_json::from_value(patch.clone()).unwrap();
        json_patch::patch(document, &patch).unwrap_or_else(|e| panic!("{e} in the patch of {frame}"));
    }
}

/// SHA-256, in lower-case hexadecimal, of `document` in RFC 8785 form.
pub fn state_hash(document: &Value) -> String {
    use sha2::{Digest, Sha256};
    let canonical = serde_json_canonicalizer::to_vec(document).unwrap();
    Sha256::digest(canonical).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Whether `text` is RFC 3339 UTC with milliseconds and `Z`.
pub fn is_time(text: &str) -> bool {
    let shape: String = text.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect();
    shape == "0000-00-00T00:00:00.000Z" && chrono::DateTime::parse_from_rfc3339(text).is_ok()
}

/// Asserts that `found` holds each of `wanted`, naming the missing one.
#[track_caller]
pub fn assert_names(found: &str, wanted: &[impl AsRef<str> + Debug]) {
    for name in wanted {
        assert!(found.contains(name.as_ref()), "{name:?} is missing in {found}");
    }
}
