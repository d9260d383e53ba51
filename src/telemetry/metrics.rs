//! The numbers at `GET /metrics`, in Prometheus' text form.
//!
//! `docs/metrics.md` tells operators what each one means; a test keeps the two together.

use prometheus::core::Collector;
use prometheus::{
    Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry,
    TextEncoder,
};

/// Upper bounds in seconds for what should take microseconds to a few seconds: commits, fan-out, requests.
const SECONDS: [f64; 14] =
    [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0];

/// Upper bounds for the number of changes in one batch.
const BATCHES: [f64; 11] = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 1024.0, 4096.0];

/// What a connection can speak.
const PROTOCOLS: [&str; 3] = ["plain", "opshub.v1", "sse"];

/// Every metric of the hub, in a registry of its own.
///
/// Constructed once and shared by `Arc`; updating a metric never blocks.
#[derive(Debug)]
pub struct Metrics {
    registered: Registered,
    /// Live connections, by `protocol`: `plain`, `opshub.v1` or `sse`.
    pub connections: IntGaugeVec,
    /// Connections accepted so far, by `protocol`.
    pub connections_opened: IntCounterVec,
    /// Connections turned away at the handshake, by `reason`.
    pub connections_refused: IntCounterVec,
    /// WebSocket sessions ended, by close `code`.
    pub sessions_closed: IntCounterVec,
    /// Frames handed to connections.
    pub frames_sent: IntCounter,
    /// Bytes handed to connections.
    pub bytes_sent: IntCounter,
    /// WebSocket messages that clients sent.
    pub messages_received: IntCounter,
    /// Outboxes that were full, so that changes were conflated or log lines dropped.
    pub outbox_overflows: IntCounter,
    /// Connections that asked to resume, by `outcome`: `recovered` or `state`.
    pub resumes: IntCounterVec,
    /// Committed changes, by `kind`.
    pub changes: IntCounterVec,
    /// Requests and messages answered with an error, by `error_type`.
    pub rejected: IntCounterVec,
    /// Changes in one committed batch.
    pub commit_batch_size: Histogram,
    /// Seconds that one commit took.
    pub commit_seconds: Histogram,
    /// Commits that failed.
    pub commit_failures: IntCounter,
    /// Log lines taken, by `origin`: `hub` or `posted`.
    pub log_lines: IntCounterVec,
    /// Log lines that somebody who wanted them did not get, by `reason`.
    pub log_lines_dropped: IntCounterVec,
    /// Frames made of log lines.
    pub log_frames: IntCounter,
    /// Bytes of recent log lines kept in memory.
    pub log_ring_bytes: IntGauge,
    /// Seconds that one worker took to hand a batch to its connections.
    pub fanout_seconds: Histogram,
    /// Probes of gateways, and reports, by gateway and outcome.
    pub gateway_checks: IntCounterVec,
    /// How long gateways took to answer, by gateway.
    pub gateway_check_seconds: HistogramVec,
    /// Whether a gateway does its work, by gateway.
    pub gateway_up: IntGaugeVec,
    /// Probes that panicked.
    pub gateway_panics: IntCounter,
    /// Attempts to tell sinks of events, by sink and outcome.
    pub sink_posts: IntCounterVec,
    /// How long attempts took, by sink.
    pub sink_post_seconds: HistogramVec,
    /// Events that were given up, by sink.
    pub sink_given_up: IntCounterVec,
    /// Changes between a sink's cursor and the end of the log, by sink.
    pub sink_behind: IntGaugeVec,
    /// Requests of Slack that were turned away, by `reason`.
    pub slack_refusals: IntCounterVec,
    /// Later answers to Slack, by `outcome`: `sent`, `failed` or `dropped`.
    pub slack_replies: IntCounterVec,
    /// HTTP requests answered, by `method`, `route` and `status`.
    pub http_requests: IntCounterVec,
    /// Seconds until an HTTP answer was ready, by `method` and `route`.
    pub http_request_seconds: HistogramVec,
    /// The sequence number of the newest committed change.
    pub seq: IntGauge,
    /// 1 while changes can be stored, 0 otherwise.
    pub storage_up: IntGauge,
    /// Bytes of the state document.
    pub state_bytes: IntGauge,
    /// Bytes of recent frames kept for resuming clients.
    pub ring_bytes: IntGauge,
    /// Events that the log keeps.
    pub events_kept: IntGauge,
}

impl Metrics {
    /// Registers every metric, at zero.
    pub fn new() -> Self {
        let mut reg = Registered { registry: Registry::new(), names: Vec::new() };
        register_process(&mut reg);
        let storage_up = gauge(&mut reg, "storage_up", "1 while changes can be stored, 0 otherwise");
        storage_up.set(1);
        let metrics = Self {
            connections: gauges(&mut reg, "connections", "live connections", &["protocol"]),
            connections_opened: counters(
                &mut reg,
                "connections_opened_total",
                "connections accepted",
                &["protocol"],
            ),
            connections_refused: counters(
                &mut reg,
                "connections_refused_total",
                "connections turned away at the handshake",
                &["reason"],
            ),
            sessions_closed: counters(
                &mut reg,
                "sessions_closed_total",
                "WebSocket sessions ended",
                &["code"],
            ),
            frames_sent: counter(&mut reg, "frames_sent_total", "frames handed to connections"),
            bytes_sent: counter(&mut reg, "sent_bytes_total", "bytes handed to connections"),
            messages_received: counter(&mut reg, "messages_received_total", "WebSocket messages received"),
            outbox_overflows: counter(&mut reg, "outbox_overflows_total", "outboxes that were full"),
            resumes: counters(&mut reg, "resumes_total", "connections that asked to resume", &["outcome"]),
            changes: counters(&mut reg, "changes_total", "committed changes", &["kind"]),
            rejected: counters(
                &mut reg,
                "rejected_total",
                "requests and messages answered with an error",
                &["error_type"],
            ),
            commit_batch_size: histogram(
                &mut reg,
                "commit_batch_size",
                "changes in one committed batch",
                &BATCHES,
            ),
            commit_seconds: histogram(&mut reg, "commit_seconds", "seconds one commit took", &SECONDS),
            commit_failures: counter(&mut reg, "commit_failures_total", "commits that failed"),
            gateway_checks: counters(
                &mut reg,
                "gateway_checks_total",
                "probes and reports of gateways",
                &["gateway", "outcome"],
            ),
            gateway_check_seconds: histograms(
                &mut reg,
                "gateway_check_seconds",
                "seconds a gateway took to answer",
                &["gateway"],
            ),
            gateway_up: gauges(&mut reg, "gateway_up", "1 while a gateway does its work", &["gateway"]),
            gateway_panics: counter(&mut reg, "gateway_panics_total", "probes of gateways that panicked"),
            log_lines: counters(&mut reg, "log_lines_total", "log lines taken", &["origin"]),
            log_lines_dropped: counters(
                &mut reg,
                "log_lines_dropped_total",
                "log lines that were not sent to who wanted them",
                &["reason"],
            ),
            log_frames: counter(&mut reg, "log_frames_total", "frames made of log lines"),
            log_ring_bytes: gauge(&mut reg, "log_ring_bytes", "bytes of recent log lines kept in memory"),
            sink_posts: counters(
                &mut reg,
                "sink_posts_total",
                "attempts to tell a sink of an event",
                &["sink", "outcome"],
            ),
            sink_post_seconds: histograms(
                &mut reg,
                "sink_post_seconds",
                "seconds one attempt to tell a sink took",
                &["sink"],
            ),
            sink_given_up: counters(
                &mut reg,
                "sink_given_up_total",
                "events that were given up for a sink",
                &["sink"],
            ),
            sink_behind: gauges(
                &mut reg,
                "sink_behind",
                "changes between the cursor of a sink and the end of the log",
                &["sink"],
            ),
            fanout_seconds: histogram(
                &mut reg,
                "fanout_seconds",
                "seconds one worker took to hand a batch to its connections",
                &SECONDS,
            ),
            slack_refusals: counters(
                &mut reg,
                "slack_refusals_total",
                "requests of Slack that were turned away",
                &["reason"],
            ),
            slack_replies: counters(&mut reg, "slack_replies_total", "later answers to Slack", &["outcome"]),
            http_requests: counters(
                &mut reg,
                "http_requests_total",
                "HTTP requests answered",
                &["method", "route", "status"],
            ),
            http_request_seconds: histograms(
                &mut reg,
                "http_request_seconds",
                "seconds until an HTTP answer was ready",
                &["method", "route"],
            ),
            seq: gauge(&mut reg, "seq", "sequence number of the newest committed change"),
            storage_up,
            state_bytes: gauge(&mut reg, "state_bytes", "bytes of the state document"),
            ring_bytes: gauge(&mut reg, "ring_bytes", "bytes of recent frames kept for resuming clients"),
            events_kept: gauge(&mut reg, "events_kept", "events that the log keeps"),
            registered: reg,
        };
        metrics.announce_labels();
        metrics
    }

    /// Lists the name of every registered metric, also of those that have nothing to show yet.
    pub fn names(&self) -> &[String] {
        &self.registered.names
    }

    /// Renders every metric in Prometheus' text form (`text/plain; version=0.0.4`).
    pub fn render(&self) -> String {
        let mut text = String::with_capacity(8 * 1024);
        TextEncoder::new()
            .encode_utf8(&self.registered.registry.gather(), &mut text)
            .expect("a String takes every write, and registered families are well formed");
        text
    }

    /// Shows the labels that are known beforehand at zero, so that a rate over them starts at once.
    fn announce_labels(&self) {
        for protocol in PROTOCOLS {
            self.connections.with_label_values(&[protocol]);
            self.connections_opened.with_label_values(&[protocol]);
        }
        for origin in ["hub", "posted"] {
            self.log_lines.with_label_values(&[origin]);
        }
        for reason in ["intake", "burst", "slow"] {
            self.log_lines_dropped.with_label_values(&[reason]);
        }
        for reason in ["missing", "malformed", "stale", "mismatch", "stranger", "forbidden"] {
            self.slack_refusals.with_label_values(&[reason]);
        }
        for outcome in ["sent", "failed", "dropped"] {
            self.slack_replies.with_label_values(&[outcome]);
        }
        for outcome in ["recovered", "state"] {
            self.resumes.with_label_values(&[outcome]);
        }
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl Metrics {
    /// Counts a result of a gateway.
    pub fn gateway_checked(&self, id: &str, ok: bool, latency: std::time::Duration) {
        self.gateway_checks.with_label_values(&[id, if ok { "ok" } else { "failed" }]).inc();
        if ok {
            self.gateway_check_seconds.with_label_values(&[id]).observe(latency.as_secs_f64());
        }
    }

    /// Shows whether a gateway does its work.
    pub fn gateway_is_up(&self, id: &str, up: bool) {
        self.gateway_up.with_label_values(&[id]).set(i64::from(up));
    }

    /// Shows a sink's counts at zero, so that a rate over them starts at once.
    pub fn announce_sink(&self, id: &str) {
        for outcome in ["delivered", "failed"] {
            self.sink_posts.with_label_values(&[id, outcome]);
        }
        self.sink_given_up.with_label_values(&[id]);
    }

    /// Counts an attempt to tell a sink of an event.
    pub fn sink_posted(&self, id: &str, delivered: bool, took: std::time::Duration) {
        let outcome = if delivered { "delivered" } else { "failed" };
        self.sink_posts.with_label_values(&[id, outcome]).inc();
        self.sink_post_seconds.with_label_values(&[id]).observe(took.as_secs_f64());
    }

    /// Counts events that were given up for a sink.
    pub fn sink_gave_up(&self, id: &str, events: u64) {
        self.sink_given_up.with_label_values(&[id]).inc_by(events);
    }

    /// Shows how far a sink is behind the log.
    pub fn sink_is_behind(&self, id: &str, changes: u64) {
        self.sink_behind.with_label_values(&[id]).set(i64::try_from(changes).unwrap_or(i64::MAX));
    }

    /// Takes the figures of a gateway away that is watched no more; there may be none.
    pub fn forget_gateway(&self, id: &str) {
        let _ = self.gateway_up.remove_label_values(&[id]);
        let _ = self.gateway_check_seconds.remove_label_values(&[id]);
        for outcome in ["ok", "failed"] {
            let _ = self.gateway_checks.remove_label_values(&[id, outcome]);
        }
    }
}

fn counter(reg: &mut Registered, name: &str, help: &str) -> IntCounter {
    register(reg, IntCounter::with_opts(opts(name, help)))
}

fn counters(reg: &mut Registered, name: &str, help: &str, labels: &[&str]) -> IntCounterVec {
    register(reg, IntCounterVec::new(opts(name, help), labels))
}

fn gauge(reg: &mut Registered, name: &str, help: &str) -> IntGauge {
    register(reg, IntGauge::with_opts(opts(name, help)))
}

fn gauges(reg: &mut Registered, name: &str, help: &str, labels: &[&str]) -> IntGaugeVec {
    register(reg, IntGaugeVec::new(opts(name, help), labels))
}

fn histogram(reg: &mut Registered, name: &str, help: &str, buckets: &[f64]) -> Histogram {
    let opts = HistogramOpts::from(opts(name, help)).buckets(buckets.to_vec());
    register(reg, Histogram::with_opts(opts))
}

fn histograms(reg: &mut Registered, name: &str, help: &str, labels: &[&str]) -> HistogramVec {
    let opts = HistogramOpts::from(opts(name, help)).buckets(SECONDS.to_vec());
    register(reg, HistogramVec::new(opts, labels))
}

fn opts(name: &str, help: &str) -> Opts {
    Opts::new(name, help).namespace("opshub")
}

/// The registry together with the names in it: the registry itself hides metrics without values.
#[derive(Debug)]
struct Registered {
    registry: Registry,
    names: Vec<String>,
}

/// Names, labels and buckets are fixed in this file, so that a bad one fails the first test that runs.
fn register<C: Collector + Clone + 'static>(reg: &mut Registered, made: prometheus::Result<C>) -> C {
    let collector = made.expect("the metric's name, labels and buckets are valid");
    reg.add(collector.clone());
    collector
}

impl Registered {
    fn add(&mut self, collector: impl Collector + 'static) {
        self.names.extend(collector.desc().iter().map(|desc| desc.fq_name.clone()));
        self.registry.register(Box::new(collector)).expect("the metric's name is used once");
    }
}

/// CPU, memory, threads and open files of this process; the library knows them on Linux alone.
#[cfg(target_os = "linux")]
fn register_process(reg: &mut Registered) {
    reg.add(prometheus::process_collector::ProcessCollector::for_self());
}

#[cfg(not(target_os = "linux"))]
fn register_process(_reg: &mut Registered) {}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use super::*;

    #[test]
    fn the_document_lists_every_metric() {
        let doc = include_str!("../../docs/metrics.md");
        let metrics = Metrics::new();
        assert!(metrics.names().len() > 20);
        for name in metrics.names() {
            assert!(doc.contains(&format!("`{name}`")), "docs/metrics.md does not list {name}");
        }
    }

    #[test]
    fn the_document_lists_no_metric_that_is_gone() {
        let doc = include_str!("../../docs/metrics.md");
        let metrics = Metrics::new();
        let listed = doc.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next());
        for name in listed.filter(|name| name.starts_with("opshub_") && !name.contains([' ', '('])) {
            assert!(metrics.names().iter().any(|known| known == name), "{name} is not registered");
        }
    }

    #[test]
    fn known_labels_show_at_zero_before_anything_happened() {
        let text = Metrics::new().render();
        assert!(text.contains("opshub_connections{protocol=\"opshub.v1\"} 0"), "{text}");
        assert!(text.contains("opshub_resumes_total{outcome=\"state\"} 0"), "{text}");
    }

    #[test]
    fn what_is_counted_is_rendered() {
        let metrics = Metrics::new();
        metrics.changes.with_label_values(&["state_change"]).inc_by(3);
        metrics.http_request_seconds.with_label_values(&["GET", "/health"]).observe(0.002);
        metrics.seq.set(42);
        let text = metrics.render();
        assert!(text.contains("opshub_changes_total{kind=\"state_change\"} 3"), "{text}");
        assert!(
            text.contains(
                "opshub_http_request_seconds_bucket{method=\"GET\",route=\"/health\",le=\"0.0025\"} 1"
            ),
            "{text}"
        );
        assert!(text.contains("opshub_seq 42"), "{text}");
    }

    #[test]
    fn two_hubs_in_one_process_do_not_share_numbers() {
        let (one, other) = (Metrics::new(), Metrics::new());
        one.frames_sent.inc();
        assert_eq!((one.frames_sent.get(), other.frames_sent.get()), (1, 0));
    }
}
