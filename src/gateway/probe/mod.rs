//! Probes: one kind a file, behind one trait.
//!
//! A probe asks once and may be dropped at any point without leaving a connection or process behind.
//! [`Prober`] gives it its hard time-out, which spans everything: the look-up of the name, the
//! connection, TLS, the answer.

mod command;
mod http;
mod push;
mod tcp;
#[cfg(test)]
mod tests;
mod websocket;

use std::rc::Rc;
use std::time::Duration;

use futures_util::future::LocalBoxFuture;
use tokio::time::Instant;

pub use super::connect::{Failure, Progress};
use super::definition::Definition;
use super::probe_spec::ProbeSpec;
use super::result::{FailureKind, Outcome, ProbeResult, bounded};
use super::toolkit::Toolkit;
pub use push::{PushMonitor, PushReport, ReportedStatus};

/// What a probe was answered: a message where there is one, or why it failed.
pub type Answer = Result<Option<String>, Failure>;

/// One way to ask a gateway.
pub trait Probe {
    /// Asks once. `progress` tells a time-out what was waited for.
    fn ask(&self, progress: Rc<Progress>) -> LocalBoxFuture<'_, Answer>;
}

/// The probe of one gateway with its time-out. Cheap to clone, so that a task can own it.
#[derive(Clone)]
pub struct Prober {
    probe: Rc<dyn Probe>,
    timeout: Duration,
}

impl Prober {
    /// Builds the probe of a definition that was checked; none for `push`, whose service reports by
    /// itself to a [`PushMonitor`].
    ///
    /// # Errors
    /// A variable or file that it names cannot be read, or TLS has no certificate authorities.
    pub fn new(definition: &Definition, toolkit: &Toolkit) -> Result<Option<Prober>, String> {
        let probe: Rc<dyn Probe> = match &definition.probe {
            ProbeSpec::Http(spec) => Rc::new(http::HttpProbe::new(spec, toolkit)?),
            ProbeSpec::Tcp(spec) => Rc::new(tcp::TcpProbe::new(spec, toolkit)?),
            ProbeSpec::Command(spec) => Rc::new(command::CommandProbe::new(spec)?),
            ProbeSpec::Websocket(spec) => Rc::new(websocket::WebsocketProbe::new(spec, toolkit)?),
            ProbeSpec::Push(_) => return Ok(None),
        };
        Ok(Some(Prober { probe, timeout: definition.timeout() }))
    }

    /// Asks once, within the time-out.
    pub async fn run(&self) -> ProbeResult {
        let (begun, progress) = (Instant::now(), Rc::new(Progress::default()));
        let answer = tokio::time::timeout(self.timeout, self.probe.ask(progress.clone())).await;
        let latency = begun.elapsed();
        match answer {
            Ok(Ok(message)) => {
                let message = message.map(|message| bounded(&message)).filter(|message| !message.is_empty());
                ProbeResult { latency, outcome: Outcome::Ok { message } }
            }
            Ok(Err(failure)) => ProbeResult::failed(latency, failure.kind, failure.message),
            Err(_) => {
                let (kind, what) = match progress.is_connecting() {
                    true => (FailureKind::ConnectTimeout, "connection"),
                    false => (FailureKind::Timeout, "answer"),
                };
                let message = format!("no {what} within {} ms", self.timeout.as_millis());
                ProbeResult::failed(latency, kind, message)
            }
        }
    }
}
