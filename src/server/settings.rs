//! The configuration in the words of the parts that it is for.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use crate::auth::{AccessSettings, Issuer, SigningKey};
use crate::config::{AuthMode, Config};
use crate::domain::Limits;
use crate::gateway::secret::SecretText;
use crate::hub::HubSettings;
use crate::session::SessionSettings;
use crate::store::StoreOptions;

use super::StartError;

/// Files that the hub needs beside its connections.
const FILES_RESERVED: u64 = 128;
/// Sockets for plain requests, beside the connections that stay open.
const REQUEST_SOCKETS: usize = 1_024;

/// Where the store is; makes its folder.
///
/// # Errors
/// The folder cannot be made.
pub(crate) fn store_options(config: &Config) -> Result<StoreOptions, StartError> {
    let path = config.database_path();
    if let Some(dir) = path.parent().filter(|dir| !dir.as_os_str().is_empty()) {
        std::fs::create_dir_all(dir).map_err(|cause| StartError::DataDir { path: dir.to_owned(), cause })?;
    }
    Ok(StoreOptions {
        path,
        busy_timeout_ms: config.store.busy_timeout_ms,
        max_bytes: config.store.max_bytes,
    })
}

/// How people and programs are let in.
pub(crate) fn access_settings(config: &Config) -> AccessSettings {
    let millis = |value: u64| i64::try_from(value).unwrap_or(i64::MAX);
    AccessSettings {
        required: config.auth.mode == AuthMode::Required,
        session_idle_ms: millis(config.auth.session_idle_ms),
        session_max_ms: millis(config.auth.session_max_ms),
        refresh_ms: millis(config.auth.refresh_s.saturating_mul(1_000)),
        refresh_max_ms: millis(config.auth.refresh_max_s.saturating_mul(1_000)),
    }
}

/// The identity provider whose tokens are taken, if there is one.
///
/// # Errors
/// Its keys cannot be read.
pub(super) fn issuer(config: &Config) -> Result<Option<Arc<Issuer>>, StartError> {
    let Some(definition) = &config.jwt else { return Ok(None) };
    let issuer = Issuer::open(definition.clone());
    let issuer = issuer.map_err(|why| StartError::Auth { message: format!("auth.jwt: {why}") })?;
    Ok(Some(Arc::new(issuer)))
}

/// The key of the hub's own access tokens, if it has one.
///
/// # Errors
/// The file cannot be read, or what is in it is no key.
pub(super) fn signing_key(config: &Config) -> Result<Option<SigningKey>, StartError> {
    if config.secret_key.is_some() {
        return Ok(config.secret_key.clone());
    }
    let Some(path) = &config.auth.secret_key_file else { return Ok(None) };
    let text = SecretText::File { file: path.clone() }.resolve();
    let key =
        text.and_then(|text| SigningKey::new(&text).map_err(|why| format!("{}: {why}", path.display())));
    key.map(Some).map_err(|why| StartError::Auth { message: format!("auth.secret_key_file: {why}") })
}

fn limits(config: &Config) -> Limits {
    Limits {
        document_bytes: config.limits.document_bytes,
        list_items: config.limits.list_items,
        change_bytes: config.limits.change_bytes,
    }
}

/// What the hub goes by.
pub(super) fn hub_settings(config: &Config) -> HubSettings {
    HubSettings {
        limits: limits(config),
        timezone: config.tz(),
        snapshot_every: config.store.snapshot_every,
        keep_events: config.store.keep_events,
        keep_days: config.store.keep_days,
        heartbeat_ms: config.session.heartbeat_ms,
        collection_timeout_ms: config.collection.timeout.saturating_mul(1_000),
    }
}

/// What sessions go by.
pub(super) fn session_settings(config: &Config) -> SessionSettings {
    let at_least_one = |count: u32| NonZeroU32::new(count).unwrap_or(NonZeroU32::MIN);
    SessionSettings {
        heartbeat: Duration::from_millis(config.session.heartbeat_ms),
        silence: Duration::from_millis(config.session.silence_ms),
        stall: Duration::from_millis(config.session.stall_ms),
        close_wait: Duration::from_millis(config.session.close_wait_ms),
        messages_per_second: at_least_one(config.limits.messages_per_second),
        messages_burst: at_least_one(config.limits.messages_burst),
        excess: Duration::from_millis(config.limits.excess_ms),
        bad_frames_per_minute: config.limits.bad_frames_per_minute,
        resume_bytes: config.session.resume_bytes as u64,
    }
}

/// Raises the soft limit of open files to what `connections` need, as far as the hard limit allows.
///
/// Tells how many connections may stay open, and how many sockets there may be with those of plain
/// requests: the files of the store are out of their reach.
pub(super) fn raise_file_limit(connections: usize) -> (usize, usize) {
    let wanted = (connections + REQUEST_SOCKETS) as u64 + FILES_RESERVED;
    let limit = match rlimit::increase_nofile_limit(wanted) {
        Ok(limit) => limit.min(wanted),
        Err(error) => {
            log::warn!("the limit of open files is not known, connections stay at {connections}: {error}");
            wanted
        }
    };
    let sockets = usize::try_from(limit.saturating_sub(FILES_RESERVED)).unwrap_or(usize::MAX).max(2);
    let room = connections.min(sockets.saturating_sub(REQUEST_SOCKETS.min(sockets / 2)));
    if room < connections {
        log::info!(
            "at most {room} connections are let in instead of {connections}, since only {limit} files may be \
             open; `ulimit -n` raises that"
        );
    }
    (room, sockets)
}
