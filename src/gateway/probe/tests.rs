//! Probes against real peers of the tests' own, up and down, slow, wrong and mute.

mod commands;
mod https;
mod peers;
mod sockets;

use serde_json::{Value, json};

use super::Prober;
use crate::gateway::definition::{Definition, Origin};
use crate::gateway::result::{FailureKind, ProbeResult};
use crate::gateway::toolkit::Toolkit;

/// Longer than any answer of a peer that answers, also on a machine that is busy.
const PATIENT_MS: u64 = 20_000;
/// Shorter than a peer that never answers.
const HASTY_MS: u64 = 200;

fn prober(probe: Value, timeout_ms: u64) -> Prober {
    let definition: Definition = serde_json::from_value(json!({
        "id": "g", "gateway_type": "test", "probe": probe,
        "interval_ms": timeout_ms, "timeout_ms": timeout_ms
    }))
    .unwrap();
    definition.check(Origin::Configured, &[]).unwrap();
    Prober::new(&definition, &Toolkit::new()).unwrap().unwrap()
}

/// Runs a probe that is expected to come to an end by itself.
async fn ask(probe: Value) -> ProbeResult {
    prober(probe, PATIENT_MS).run().await
}

/// Runs a probe whose peer never answers.
async fn ask_in_haste(probe: Value) -> ProbeResult {
    prober(probe, HASTY_MS).run().await
}

/// A port at which nobody listens.
fn closed_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

#[track_caller]
fn assert_failed(result: &ProbeResult, kind: FailureKind, message: &str) {
    assert_eq!(result.failure(), Some(kind), "{result:?}");
    let said = result.message().unwrap_or_default();
    assert!(said.contains(message), "{said:?} does not have {message:?}");
}

#[track_caller]
fn assert_ok(result: &ProbeResult, message: Option<&str>) {
    assert!(result.is_ok(), "{result:?}");
    assert_eq!(result.message(), message);
}
