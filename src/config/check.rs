//! Rules between values that are each fine by themselves.

use std::net::IpAddr;

use super::error::{Origin, Problem};
use super::{AuthMode, Config};

/// Checks what must hold between keys; `origin` tells where a key's value came from.
pub(super) fn check(config: &Config, origin: impl Fn(&str) -> Origin) -> Vec<Problem> {
    let mut problems = Vec::new();
    let host = &config.server.host;
    if host.contains(['[', ']', '/', ' ']) || host.matches(':').count() == 1 {
        problems.push(Problem::Wrong {
            key: "server.host".into(),
            origin: origin("server.host"),
            found: host.clone(),
            expected: "a host name or an address, without brackets, scheme or port".into(),
        });
    } else if is_open_to_network(config) && !config.server.allow_open {
        problems.push(Problem::Open { origin: origin("server.host"), host: host.clone() });
    }
    if config.slack.is_on() && config.slack.response_hosts.is_empty() {
        problems.push(Problem::Wrong {
            key: "slack.response_hosts".into(),
            origin: origin("slack.response_hosts"),
            found: "empty".into(),
            expected: "at least one origin, such as https://hooks.slack.com".into(),
        });
    }
    if config.tls.cert.is_some() != config.tls.key.is_some() {
        let (set, missing) = match config.tls.cert {
            Some(_) => ("tls.cert", "tls.key"),
            None => ("tls.key", "tls.cert"),
        };
        let message = format!("{set} needs {missing} as well: both or none");
        problems.push(Problem::Conflict { origin: origin(set), message });
    }
    let mut below = |low: (&str, u64), high: (&str, u64)| {
        if low.1 >= high.1 {
            // The one to look at is the one that somebody set.
            let place = match origin(high.0) {
                Origin::Default => origin(low.0),
                set => set,
            };
            let message = format!("{} ({}) must be greater than {} ({})", high.0, high.1, low.0, low.1);
            problems.push(Problem::Conflict { origin: place, message });
        }
    };
    let (session, server) = (&config.session, &config.server);
    below(("session.heartbeat_ms", session.heartbeat_ms), ("session.silence_ms", session.silence_ms));
    let auth = &config.auth;
    below(("auth.session_idle_ms", auth.session_idle_ms), ("auth.session_max_ms", auth.session_max_ms));
    below(("session.close_wait_ms", session.close_wait_ms), ("server.shutdown_ms", server.shutdown_ms));
    problems
}

/// Whether everybody who reaches the hub from elsewhere may do everything.
pub(super) fn is_open_to_network(config: &Config) -> bool {
    config.auth.mode == AuthMode::Open && !is_loopback(&config.server.host)
}

/// Names but `localhost` are not looked up: what they mean can change after the start.
fn is_loopback(host: &str) -> bool {
    host.eq_ignore_ascii_case("localhost")
        || host.parse::<IpAddr>().is_ok_and(|address| address.to_canonical().is_loopback())
}
