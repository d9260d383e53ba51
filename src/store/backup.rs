//! A copy of the database while the hub serves.

use std::fmt;
use std::fs::File;
use std::path::{Path, PathBuf};

use diesel::prelude::*;

use crate::domain::{Epoch, Seq};

use super::audit_key::AuditKey;
use super::error::StoreError;
use super::event_log;
use super::open::{connect_existing, make_private, new_epoch};
use super::schema::hub;

/// What was copied.
#[derive(Debug, Clone)]
pub struct BackupReport {
    /// The copy.
    pub path: PathBuf,
    /// Its newest change.
    pub seq: Seq,
    /// Its own epoch: a hub that continues from it starts a history of its own.
    pub epoch: Epoch,
    /// Its size.
    pub bytes: u64,
}

impl fmt::Display for BackupReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let BackupReport { path, seq, epoch, bytes } = self;
        write!(f, "{} holds everything through {seq} ({bytes} bytes, epoch {epoch})", path.display())
    }
}

/// Copies the database at `db` to `dest`, in one consistent piece, with an epoch of its own.
///
/// # Errors
/// [`StoreError::Exists`] where `dest` is there already; otherwise what SQLite or the operating
/// system says. `dest` is whole or not there.
pub fn backup(db: &Path, dest: &Path) -> Result<BackupReport, StoreError> {
    if dest.exists() {
        return Err(StoreError::Exists { path: dest.to_owned() });
    }
    let mut name = dest.as_os_str().to_owned();
    name.push(".part");
    let part = PathBuf::from(name);
    remove(&part)?;
    let copied = copy(db, &part).and_then(|(seq, epoch)| {
        // Who restores the copy needs the key that its rows are linked by.
        if let Some(key) = AuditKey::load(db)? {
            key.save(dest)?;
        }
        let bytes = publish(&part, dest)?;
        Ok(BackupReport { path: dest.to_owned(), seq, epoch, bytes })
    });
    if copied.is_err() {
        remove(&part)?;
    }
    copied
}

fn copy(db: &Path, part: &Path) -> Result<(Seq, Epoch), StoreError> {
    let mut source = connect_existing(db)?;
    // An empty file is as good as none to SQLite, and the copy holds what the database holds.
    make_private(part)?;
    diesel::sql_query("VACUUM INTO ?")
        .bind::<diesel::sql_types::Text, _>(part.to_string_lossy().into_owned())
        .execute(&mut source)?;
    let mut target = connect_existing(part)?;
    let epoch = new_epoch();
    diesel::update(hub::table).set(hub::epoch.eq(epoch.as_str())).execute(&mut target)?;
    Ok((event_log::newest_seq(&mut target)?, epoch))
}

/// Makes the finished copy durable and gives it its name.
fn publish(part: &Path, dest: &Path) -> Result<u64, StoreError> {
    let file = File::open(part).map_err(|error| StoreError::from_io(&error, part))?;
    let synced = file.sync_all().and_then(|()| file.metadata());
    let bytes = synced.map_err(|error| StoreError::from_io(&error, part))?.len();
    // A link, unlike a rename, never replaces a file that came in between.
    match std::fs::hard_link(part, dest) {
        Ok(()) => remove(part)?,
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
            return Err(StoreError::Exists { path: dest.to_owned() });
        }
        Err(_) => std::fs::rename(part, dest).map_err(|error| StoreError::from_io(&error, dest))?,
    }
    Ok(bytes)
}

fn remove(part: &Path) -> Result<(), StoreError> {
    match std::fs::remove_file(part) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(StoreError::from_io(&error, part)),
        _ => Ok(()),
    }
}
