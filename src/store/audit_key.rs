//! The key that links the rows of the log: whoever can write the database but has not the key cannot
//! write rows that fit.

use std::fmt;
use std::io::Write;
use std::path::{Path, PathBuf};

use hmac::{Hmac, KeyInit};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::error::StoreError;

/// Digits of a key's name.
const NAME_DIGITS: usize = 16;

/// A key, and from which rows on it links them.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct AuditKey {
    secret: [u8; 32],
    /// The first event that it links.
    pub(super) events_from: u64,
    /// The first row of the journal that it links.
    pub(super) journal_from: u64,
    before: Before,
}

/// How rows from before the key are linked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Before {
    /// By their contents alone, as logs were before there were keys.
    Unkeyed,
    /// By a key that nobody has any more.
    Lost,
}

/// The key's file.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct KeyFile {
    key: String,
    events_from: u64,
    journal_from: u64,
    before: Before,
}

/// How a row is to be linked.
pub(super) enum Linking {
    /// By the HMAC with this key.
    Keyed(Box<Hmac<Sha256>>),
    /// By the hash alone.
    Unkeyed,
    /// By a key that nobody has: its link is taken as it stands.
    Lost,
}

impl AuditKey {
    /// Stands for none: links nothing, and what is there by its contents alone.
    pub(super) const NONE: AuditKey =
        AuditKey { secret: [0; 32], events_from: u64::MAX, journal_from: u64::MAX, before: Before::Unkeyed };

    /// Makes a key for the rows from these numbers on.
    pub(super) fn generate(events_from: u64, journal_from: u64, before: Before) -> AuditKey {
        let mut secret = [0; 32];
        getrandom::fill(&mut secret).expect("the operating system gives random bytes once it is up");
        AuditKey { secret, events_from, journal_from, before }
    }

    /// The name by which a database knows its key.
    pub(super) fn name(&self) -> String {
        let hash = Sha256::digest(self.secret);
        let digits: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
        digits[..NAME_DIGITS].to_owned()
    }

    /// How the event with this number is linked.
    pub(super) fn for_event(&self, seq: u64) -> Linking {
        self.from(seq, self.events_from)
    }

    /// How this row of the journal is linked.
    pub(super) fn for_journal(&self, id: u64) -> Linking {
        self.from(id, self.journal_from)
    }

    fn from(&self, number: u64, first: u64) -> Linking {
        if number >= first {
            let mac = Hmac::new_from_slice(&self.secret).expect("HMAC takes keys of any length");
            return Linking::Keyed(Box::new(mac));
        }
        match self.before {
            Before::Unkeyed => Linking::Unkeyed,
            Before::Lost => Linking::Lost,
        }
    }

    /// Where the key of a database is.
    pub fn path(db: &Path) -> PathBuf {
        let mut name = db.as_os_str().to_owned();
        name.push(".key");
        PathBuf::from(name)
    }

    /// Reads the key of the database at `db`; none where there is no file.
    ///
    /// # Errors
    /// What the operating system says, or that the file is none of ours.
    pub(super) fn load(db: &Path) -> Result<Option<AuditKey>, StoreError> {
        let path = AuditKey::path(db);
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(StoreError::from_io(&error, &path)),
        };
        let bad = || StoreError::AuditKey { path: path.clone(), cause: "is no key file".into() };
        let file: KeyFile = serde_json::from_str(&text).map_err(|_| bad())?;
        let secret = from_hex(&file.key).ok_or_else(bad)?;
        let KeyFile { events_from, journal_from, before, .. } = file;
        Ok(Some(AuditKey { secret, events_from, journal_from, before }))
    }

    /// Writes the key beside the database, for its owner alone; what is there goes.
    ///
    /// # Errors
    /// What the operating system says; an old file is whole then.
    pub(super) fn save(&self, db: &Path) -> Result<(), StoreError> {
        let path = AuditKey::path(db);
        let part = path.with_extension("key.part");
        let key = self.secret.iter().map(|byte| format!("{byte:02x}")).collect();
        let file = KeyFile {
            key,
            events_from: self.events_from,
            journal_from: self.journal_from,
            before: self.before,
        };
        let text = serde_json::to_string(&file).expect("a key file is plain data");
        let written = write_private(&part, &text).and_then(|()| std::fs::rename(&part, &path));
        written.map_err(|error| StoreError::from_io(&error, &path))
    }
}

fn write_private(path: &Path, text: &str) -> std::io::Result<()> {
    let mut options = std::fs::OpenOptions::new();
    options.create(true).truncate(true).write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

fn from_hex(digits: &str) -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    if digits.len() != 2 * bytes.len() || !digits.is_ascii() {
        return None;
    }
    for (byte, at) in bytes.iter_mut().zip((0..).step_by(2)) {
        *byte = u8::from_str_radix(&digits[at..at + 2], 16).ok()?;
    }
    Some(bytes)
}

impl fmt::Debug for AuditKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AuditKey({})", self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_read_back_and_is_its_owners_alone() {
        let dir = tempfile::tempdir().unwrap();
        let db = dir.path().join("a.db");
        assert_eq!(AuditKey::load(&db).unwrap(), None);
        let key = AuditKey::generate(7, 1, Before::Unkeyed);
        key.save(&db).unwrap();
        assert_eq!(AuditKey::load(&db).unwrap(), Some(key));
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = std::fs::metadata(AuditKey::path(&db)).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
        }
    }

    #[test]
    fn another_file_is_told_and_a_key_is_not_shown() {
        let dir = tempfile::tempdir().unwrap();
        let db = dir.path().join("a.db");
        std::fs::write(AuditKey::path(&db), "{}").unwrap();
        assert!(matches!(AuditKey::load(&db), Err(StoreError::AuditKey { .. })));
        let key = AuditKey::generate(1, 1, Before::Lost);
        let shown = format!("{key:?}");
        let hex: String = key.secret.iter().map(|byte| format!("{byte:02x}")).collect();
        assert!(!shown.contains(&hex[..8]), "{shown}");
    }
}
