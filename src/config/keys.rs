//! The one table of configuration keys: what each takes, where it can be set and what it is for.
//!
//! The loader checks values against it, messages quote it, and the tests hold `opshub.example.yaml`,
//! `.env.example` and `docs/configuration.md` to it.

/// One key of the configuration.
#[derive(Debug, PartialEq)]
pub struct Key {
    /// Section and name, as in `server.port`.
    pub path: &'static str,
    /// What the key takes.
    pub kind: Kind,
    /// Environment variables that set it too, besides [`Key::variable`], which wins over them.
    pub aliases: &'static [&'static str],
}

/// What a key takes.
#[derive(Debug, PartialEq)]
pub enum Kind {
    /// Text that is not empty.
    Text,
    /// A path of a folder or file.
    Path,
    /// As [`Kind::Path`]; may be left open.
    MaybePath,
    /// The database: a path, or a URL that names one.
    Database,
    /// `true` or `false`.
    Switch,
    /// A whole number between two bounds, both allowed.
    Number(u64, u64),
    /// As [`Kind::Number`]; may be left open.
    MaybeNumber(u64, u64),
    /// Browser origins.
    Origins,
    /// Networks and addresses.
    Networks,
    /// One of a few words.
    Choice(&'static [&'static str]),
    /// As [`Kind::Choice`]; may be left open.
    MaybeChoice(&'static [&'static str]),
    /// A secret: from a variable, or in the file by the name of a variable or file that holds it.
    Secret,
    /// A log level, or filters.
    Level,
    /// A time zone by its IANA name.
    Zone,
}

const KIB: u64 = 1024;
const MIB: u64 = 1024 * KIB;
const GIB: u64 = 1024 * MIB;
const MINUTE_MS: u64 = 60_000;
const HOUR_MS: u64 = 60 * MINUTE_MS;
const MILLION: u64 = 1_000_000;

/// Every key, in the order of the sections.
pub const KEYS: &[Key] = &[
    Key { path: "server.host", kind: Kind::Text, aliases: &["HOST"] },
    Key { path: "server.port", kind: Kind::Number(0, 65_535), aliases: &["PORT"] },
    key("server.workers", Kind::MaybeNumber(1, 1_024)),
    Key { path: "server.cors_origins", kind: Kind::Origins, aliases: &["CORS_ORIGINS"] },
    key("server.data_dir", Kind::Path),
    key("server.shutdown_ms", Kind::Number(100, 10 * MINUTE_MS)),
    key("server.allow_open", Kind::Switch),
    key("server.trusted_proxies", Kind::Networks),
    key("server.proxy_header", Kind::Choice(&["x-forwarded-for", "forwarded"])),
    key("tls.cert", Kind::MaybePath),
    key("tls.key", Kind::MaybePath),
    Key { path: "store.path", kind: Kind::Database, aliases: &["DATABASE_URL"] },
    key("store.keep_events", Kind::Number(1, MILLION * MILLION)),
    key("store.keep_days", Kind::Number(1, 36_500)),
    key("store.snapshot_every", Kind::Number(1, MILLION)),
    key("store.busy_timeout_ms", Kind::Number(0, 10 * MINUTE_MS)),
    key("store.max_bytes", Kind::MaybeNumber(MIB, 1_024 * GIB)),
    key("limits.document_bytes", Kind::Number(KIB, 64 * MIB)),
    key("limits.list_items", Kind::Number(1, MILLION)),
    key("limits.change_bytes", Kind::Number(32 * KIB, 16 * MIB)),
    key("limits.body_bytes", Kind::Number(KIB, 64 * MIB)),
    key("limits.connections", Kind::Number(1, MILLION)),
    key("limits.message_bytes", Kind::Number(128, 16 * MIB)),
    key("limits.messages_per_second", Kind::Number(1, MILLION)),
    key("limits.messages_burst", Kind::Number(1, MILLION)),
    key("limits.excess_ms", Kind::Number(0, 10 * MINUTE_MS)),
    key("limits.bad_frames_per_minute", Kind::Number(1, MILLION)),
    key("limits.pending_changes", Kind::Number(1, MILLION)),
    key("limits.connections_per_address", Kind::Number(0, MILLION)),
    key("limits.requests_per_second", Kind::Number(0, MILLION)),
    key("limits.requests_burst", Kind::Number(1, MILLION)),
    key("limits.principal_requests_per_second", Kind::Number(0, MILLION)),
    key("limits.principal_requests_burst", Kind::Number(1, MILLION)),
    key("limits.exempt", Kind::Networks),
    key("limits.headers", Kind::Number(16, 96)),
    key("limits.header_bytes", Kind::Number(KIB, 128 * KIB)),
    key("limits.head_ms", Kind::Number(100, 10 * MINUTE_MS)),
    key("limits.body_ms", Kind::Number(100, HOUR_MS)),
    key("limits.body_bytes_per_second", Kind::Number(0, GIB)),
    key("limits.tls_handshake_ms", Kind::Number(100, 10 * MINUTE_MS)),
    key("session.heartbeat_ms", Kind::Number(10, HOUR_MS)),
    key("session.silence_ms", Kind::Number(20, 24 * HOUR_MS)),
    key("session.outbox_bytes", Kind::Number(KIB, GIB)),
    key("session.stall_ms", Kind::Number(10, HOUR_MS)),
    key("session.ring_bytes", Kind::Number(0, 4 * GIB)),
    key("session.resume_bytes", Kind::Number(0, GIB)),
    key("session.close_wait_ms", Kind::Number(0, MINUTE_MS)),
    key("auth.mode", Kind::Choice(&["open", "required"])),
    key("auth.session_idle_ms", Kind::Number(MINUTE_MS, 365 * 24 * HOUR_MS)),
    key("auth.session_max_ms", Kind::Number(MINUTE_MS, 366 * 24 * HOUR_MS)),
    key("auth.secret_key_file", Kind::Path),
    key("auth.access_s", Kind::Number(1, 24 * 3_600)),
    key("auth.refresh_s", Kind::Number(1, 366 * 24 * 3_600)),
    key("auth.refresh_max_s", Kind::Number(1, 10 * 366 * 24 * 3_600)),
    Key { path: "log.level", kind: Kind::Level, aliases: &["RUST_LOG"] },
    key("log.format", Kind::Choice(&["auto", "text", "json"])),
    key("collection.timeout", Kind::Number(1, 7 * 24 * 3_600)),
    key("slack.signing_secret", Kind::Secret),
    key("slack.default_role", Kind::MaybeChoice(&["viewer", "operator", "collector", "admin"])),
    key("slack.response_hosts", Kind::Origins),
    key("timezone", Kind::Zone),
];

const fn key(path: &'static str, kind: Kind) -> Key {
    Key { path, kind, aliases: &[] }
}

impl Key {
    /// The environment variable of this key: `OPSHUB_SERVER__PORT` for `server.port`.
    pub fn variable(&self) -> String {
        format!("{PREFIX}{}", self.path.replace('.', "__").to_uppercase())
    }
}

/// What the hub's own environment variables begin with.
pub const PREFIX: &str = "OPSHUB_";

/// Finds a key by its path.
pub fn find(path: &str) -> Option<&'static Key> {
    KEYS.iter().find(|key| key.path == path)
}

/// Tells whether `path` is a section: keys lie below it.
pub fn is_section(path: &str) -> bool {
    KEYS.iter().any(|key| key.path.strip_prefix(path).is_some_and(|rest| rest.starts_with('.')))
}

/// Lists the sections, and the keys without one, in their order.
pub fn sections() -> Vec<&'static str> {
    let mut sections: Vec<_> =
        KEYS.iter().map(|key| key.path.split('.').next().unwrap_or(key.path)).collect();
    sections.dedup();
    sections
}

/// Lists the names of a section's keys, separated by commas.
pub fn names_in(section: &str) -> String {
    let names = KEYS.iter().filter_map(|key| key.path.strip_prefix(section)?.strip_prefix('.'));
    names.collect::<Vec<_>>().join(", ")
}

/// Tells whether a key's name says that its value is secret, so that it is neither read from a
/// file nor printed. A key that names a file or a variable with the secret in it is none.
pub fn looks_secret(path: &str) -> bool {
    const WORDS: [&str; 9] = [
        "secret",
        "token",
        "password",
        "passwd",
        "passphrase",
        "apikey",
        "api_key",
        "private_key",
        "credential",
    ];
    let path = path.to_lowercase().replace('-', "_");
    let indirect = path.ends_with("_file") || path.ends_with("_env");
    !indirect && WORDS.iter().any(|word| path.contains(word))
}

/// Finds the known key, section or variable that `name` was probably meant to be.
pub fn closest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let name = name.to_lowercase();
    known
        .map(|candidate| (distance(&name, &candidate.to_lowercase()), candidate))
        .filter(|(distance, candidate)| *distance <= 1 + candidate.len() / 6)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// How many characters must be inserted, removed or replaced to turn one text into the other.
fn distance(from: &str, to: &str) -> usize {
    let to: Vec<char> = to.chars().collect();
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (i, left) in from.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, right) in to.iter().enumerate() {
            let replaced = diagonal + usize::from(left != *right);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[to.len()]
}
