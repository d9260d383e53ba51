//! Making a database ready: lock, migrations, identity, and the state that its log adds up to.

use std::fs::{File, OpenOptions, TryLockError};
use std::path::{Path, PathBuf};

use diesel::migration::{Migration, MigrationSource};
use diesel::prelude::*;
use diesel::sqlite::{Sqlite, SqliteConnection};
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};

use crate::domain::{self, Collection, Document, Epoch, Seq, State, Timestamp};
use crate::telemetry::clock;

use super::audit_key::{AuditKey, Before};
use super::chain::{CHAIN_ROOT, Chain};
use super::error::StoreError;
use super::event_log;
use super::journal;
use super::rows::{EventRow, Snapshot, SnapshotRow, to_seq};
use super::schema::{collections, hub, snapshots};

const MIGRATIONS: EmbeddedMigrations = embed_migrations!("migrations");
/// How many rows are read at once while the log is added up; each may be as large as a change.
const REPLAY_ROWS: i64 = 64;
/// Pages that the WAL gathers before it is moved into the database: pages that every commit writes
/// again are moved once.
const CHECKPOINT_PAGES: u32 = 2_000;
/// SQLite's page size, in which `max_page_count` counts.
const PAGE_BYTES: u64 = 8_192;

/// Where the database is and how it is used.
#[derive(Debug, Clone)]
pub struct StoreOptions {
    /// The database file; its folder must exist.
    pub path: PathBuf,
    /// How long a write waits for another program's lock, in milliseconds.
    pub busy_timeout_ms: u64,
    /// The largest that the file may grow, in bytes.
    pub max_bytes: Option<u64>,
}

/// A database that is ready, and what its log adds up to.
pub struct Opened {
    /// The writer's connection.
    pub conn: SqliteConnection,
    /// Keeps a second hub out for as long as it is held.
    pub lock: File,
    /// What links the rows.
    pub key: AuditKey,
    /// What was read back.
    pub recovered: Recovered,
}

/// Where the log ends, and the state there.
#[derive(Debug, Clone)]
pub struct Recovered {
    /// The log's identity.
    pub epoch: Epoch,
    /// Its newest change.
    pub seq: Seq,
    /// The oldest change that is kept.
    pub first_seq: Seq,
    /// The newest change that altered the document.
    pub state_seq: Seq,
    /// When the newest change was made; none in an empty log.
    pub at: Option<Timestamp>,
    /// The link of the newest row.
    pub chain: Chain,
    /// The state.
    pub state: State,
    /// How many changes came after the snapshot that was read.
    pub since_snapshot: u64,
}

/// Opens the database, makes it if it is not there, and reads the state back.
///
/// # Errors
/// [`StoreError`], each cause with an exit code of its own. A database that cannot be used is left
/// as it was.
pub fn open(options: &StoreOptions) -> Result<Opened, StoreError> {
    let lock = lock(&options.path)?;
    make_private(&options.path)?;
    let mut conn = connect(options)?;
    refuse_newer(&mut conn, &options.path)?;
    conn.run_pending_migrations(MIGRATIONS).map_err(|error| StoreError::from_message(error.to_string()))?;
    identify(&mut conn)?;
    let key = claim_key(&mut conn, &options.path)?;
    let recovered = recover(&mut conn, &key)?;
    Ok(Opened { conn, lock, key, recovered })
}

/// Reads the key of the log, and makes one for a log that never had one.
fn claim_key(conn: &mut SqliteConnection, db: &Path) -> Result<AuditKey, StoreError> {
    let key = match find_key(conn, db)? {
        Some(key) => key,
        None => {
            let key = AuditKey::generate(event_log::newest_seq(conn)?.next().get(), 1, Before::Unkeyed);
            // The file first: a log that names a key must have one.
            key.save(db)?;
            key
        }
    };
    name_key(conn, &key)?;
    Ok(key)
}

/// Writes down which key links the rows from now on.
fn name_key(conn: &mut SqliteConnection, key: &AuditKey) -> Result<(), StoreError> {
    diesel::update(hub::table).set(hub::audit_key.eq(key.name())).execute(conn)?;
    Ok(())
}

/// Reads the key of the log; none where it never had one.
///
/// # Errors
/// [`StoreError::AuditKey`] where the file is gone or is another log's.
pub(super) fn find_key(conn: &mut SqliteConnection, db: &Path) -> Result<Option<AuditKey>, StoreError> {
    let named: Option<String> = hub::table.select(hub::audit_key).first(conn)?;
    let wrong = |cause: &str| StoreError::AuditKey { path: AuditKey::path(db), cause: cause.to_owned() };
    match (AuditKey::load(db)?, named) {
        (Some(key), Some(name)) if key.name() != name => Err(wrong("is that of another log")),
        (Some(key), _) if key.events_from > event_log::newest_seq(conn)?.next().get() => {
            Err(wrong("begins after the end of the log"))
        }
        (None, Some(_)) => Err(wrong("is not there")),
        (key, _) => Ok(key),
    }
}

/// Gives the log a new key in place of one that is lost; what was linked by that one can be checked no more.
///
/// # Errors
/// As [`open`]; the log is as it was then.
pub fn rekey(options: &StoreOptions) -> Result<(), StoreError> {
    let _lock = lock(&options.path)?;
    let mut conn = connect_existing(&options.path)?;
    conn.run_pending_migrations(MIGRATIONS).map_err(|error| StoreError::from_message(error.to_string()))?;
    let (events, journal) = (event_log::newest_seq(&mut conn)?, journal::newest(&mut conn)?);
    let key = AuditKey::generate(events.next().get(), journal + 1, Before::Lost);
    key.save(&options.path)?;
    name_key(&mut conn, &key)
}

/// Opens a connection that writes.
pub(super) fn connect(options: &StoreOptions) -> Result<SqliteConnection, StoreError> {
    let mut conn = establish(&options.path, options.busy_timeout_ms)?;
    // Holds for a new database only: a batch fills whole pages, and fewer pages are fewer writes.
    pragma(&mut conn, &format!("page_size={PAGE_BYTES}"))?;
    pragma(&mut conn, "journal_mode=WAL")?;
    pragma(&mut conn, "synchronous=FULL")?;
    pragma(&mut conn, "foreign_keys=ON")?;
    pragma(&mut conn, &format!("wal_autocheckpoint={CHECKPOINT_PAGES}"))?;
    if let Some(bytes) = options.max_bytes {
        pragma(&mut conn, &format!("max_page_count={}", (bytes / PAGE_BYTES).max(1)))?;
    }
    Ok(conn)
}

/// Opens a connection that only reads.
pub(super) fn connect_reader(path: &Path, busy_timeout_ms: u64) -> Result<SqliteConnection, StoreError> {
    let mut conn = establish(path, busy_timeout_ms)?;
    pragma(&mut conn, "query_only=ON")?;
    Ok(conn)
}

/// Opens a connection to a database that must be there.
pub(super) fn connect_existing(path: &Path) -> Result<SqliteConnection, StoreError> {
    if !path.exists() {
        return Err(StoreError::Missing { path: path.to_owned() });
    }
    let mut conn = establish(path, 5_000)?;
    refuse_newer(&mut conn, path)?;
    Ok(conn)
}

fn establish(path: &Path, busy_timeout_ms: u64) -> Result<SqliteConnection, StoreError> {
    let mut conn = SqliteConnection::establish(&path.to_string_lossy())?;
    set_busy_timeout(&mut conn, busy_timeout_ms)?;
    Ok(conn)
}

/// Sets how long this connection waits for another one's lock.
pub(super) fn set_busy_timeout(conn: &mut SqliteConnection, millis: u64) -> Result<(), StoreError> {
    pragma(conn, &format!("busy_timeout={millis}"))
}

fn pragma(conn: &mut SqliteConnection, setting: &str) -> Result<(), StoreError> {
    diesel::sql_query(format!("PRAGMA {setting}")).execute(conn)?;
    Ok(())
}

/// Takes the lock file beside the database; the operating system frees it with the process.
fn lock(path: &Path) -> Result<File, StoreError> {
    let mut name = path.as_os_str().to_owned();
    name.push(".lock");
    let lock_path = PathBuf::from(name);
    let file = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&lock_path)
        .map_err(|error| StoreError::from_io(&error, &lock_path))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(StoreError::InUse { path: path.to_owned() }),
        Err(TryLockError::Error(error)) => Err(StoreError::from_io(&error, &lock_path)),
    }
}

/// Makes a new database its owner's alone, before SQLite does it otherwise: it will have hashes of passwords in
/// it. What SQLite puts beside it follows. One that is there already keeps what its owner gave it.
pub(super) fn make_private(path: &Path) -> Result<(), StoreError> {
    let mut new = OpenOptions::new();
    new.create_new(true).write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut new, 0o600);
    match new.open(path) {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(StoreError::from_io(&error, path)),
    }
}

/// Refuses a database with migrations that this binary does not have.
fn refuse_newer(conn: &mut SqliteConnection, path: &Path) -> Result<(), StoreError> {
    let failed =
        |error: Box<dyn std::error::Error + Send + Sync>| StoreError::from_message(error.to_string());
    let known: Vec<String> = MigrationSource::<Sqlite>::migrations(&MIGRATIONS)
        .map_err(failed)?
        .iter()
        .map(|migration| migration.name().version().as_owned().to_string())
        .collect();
    let applied = conn.applied_migrations().map_err(failed)?;
    match applied.into_iter().map(|version| version.to_string()).find(|version| !known.contains(version)) {
        Some(migration) => Err(StoreError::Newer { path: path.to_owned(), migration }),
        None => Ok(()),
    }
}

/// Gives a new log its identity and its first snapshot, the empty document.
fn identify(conn: &mut SqliteConnection) -> Result<(), StoreError> {
    let now = clock::now().millis();
    conn.immediate_transaction(|conn| {
        let known: i64 = hub::table.count().get_result(conn)?;
        if known == 0 {
            let epoch = new_epoch();
            let identity = (hub::id.eq(1), hub::epoch.eq(epoch.as_str()), hub::created_at_ms.eq(now));
            diesel::insert_into(hub::table).values(identity).execute(conn)?;
            let empty = Snapshot {
                seq: Seq::ZERO,
                state_seq: Seq::ZERO,
                at: Timestamp::from_millis(now),
                document: Document::default().to_json(),
            };
            event_log::insert_snapshot(conn, &empty, CHAIN_ROOT)?;
        }
        Ok(())
    })
}

/// A name that no other log has.
pub(super) fn new_epoch() -> Epoch {
    Epoch::new(uuid::Uuid::new_v4().simple().to_string())
}

/// Adds the log up: the newest snapshot and the changes after it, every link checked.
fn recover(conn: &mut SqliteConnection, key: &AuditKey) -> Result<Recovered, StoreError> {
    let epoch: String = hub::table.select(hub::epoch).first(conn)?;
    let snapshot: SnapshotRow =
        snapshots::table.order(snapshots::seq.desc()).select(SnapshotRow::as_select()).first(conn)?;
    let base = to_seq(snapshot.seq);
    let mut replay = Replay::from_snapshot(&snapshot)?;
    let mut at = (base > Seq::ZERO).then(|| Timestamp::from_millis(snapshot.at_ms));
    loop {
        let rows = event_log::rows_after(conn, replay.seq, REPLAY_ROWS)?;
        let Some(last) = rows.last() else { break };
        at = Some(Timestamp::from_millis(last.at_ms));
        rows.iter().try_for_each(|row| replay.step(row, Some(key)))?;
    }
    Ok(Recovered {
        epoch: Epoch::new(epoch),
        seq: replay.seq,
        first_seq: event_log::first_seq(conn)?,
        state_seq: replay.state_seq,
        at,
        chain: replay.chain,
        state: State { document: replay.document, collection: running_collection(conn)? },
        since_snapshot: replay.seq.get() - base.get(),
    })
}

fn running_collection(conn: &mut SqliteConnection) -> Result<Option<Collection>, StoreError> {
    let row: Option<(String, i64)> = collections::table
        .filter(collections::ended_seq.is_null())
        .order(collections::started_seq.desc())
        .select((collections::id, collections::started_at_ms))
        .first(conn)
        .optional()?;
    Ok(row.map(|(id, started_at_ms)| Collection {
        id: domain::CollectionId::new(id),
        started_at: Timestamp::from_millis(started_at_ms),
    }))
}

/// A document on its way through the log.
pub(super) struct Replay {
    pub(super) seq: Seq,
    pub(super) state_seq: Seq,
    pub(super) chain: Chain,
    pub(super) document: Document,
}

impl Replay {
    /// Begins at a snapshot.
    pub(super) fn from_snapshot(row: &SnapshotRow) -> Result<Replay, StoreError> {
        let document = Document::from_json(&row.document)
            .map_err(|error| StoreError::Corrupt { cause: format!("snapshot {}: {error}", row.seq) })?;
        Ok(Replay { seq: to_seq(row.seq), state_seq: to_seq(row.state_seq), chain: row.link()?, document })
    }

    /// Takes one row: its number must be the next, its link must fit where there is a `key` to check it by,
    /// its patch must apply.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`], naming the row.
    pub(super) fn step(&mut self, row: &EventRow, key: Option<&AuditKey>) -> Result<(), StoreError> {
        let corrupt = |cause: String| StoreError::Corrupt { cause: format!("event {}: {cause}", row.seq) };
        if row.seq() != self.seq.next() {
            return Err(corrupt(format!("expected {} here, a row is missing", self.seq.next())));
        }
        let link = row.link()?;
        let expected = key.and_then(|key| row.link_after(self.chain, key));
        if expected.is_some_and(|expected| expected != link) {
            return Err(corrupt("its chain value does not fit its contents".into()));
        }
        if let Some(patch) = row.parse()?.patch {
            let patch = serde_json::from_str(patch.get()).map_err(|error| corrupt(error.to_string()))?;
            self.document =
                domain::apply(&self.document, &patch).map_err(|error| corrupt(error.to_string()))?;
            self.state_seq = row.seq();
        }
        self.seq = row.seq();
        self.chain = link;
        Ok(())
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A new database in a folder that goes with the test.
    pub(crate) fn migrated() -> (tempfile::TempDir, SqliteConnection) {
        let dir = tempfile::tempdir().unwrap();
        let opened = open(&options(dir.path())).unwrap();
        (dir, opened.conn)
    }

    pub(crate) fn options(dir: &Path) -> StoreOptions {
        StoreOptions { path: dir.join("opshub.db"), busy_timeout_ms: 200, max_bytes: None }
    }

    #[test]
    fn a_new_database_is_empty_and_has_an_epoch_that_stays() {
        let dir = tempfile::tempdir().unwrap();
        let first = open(&options(dir.path())).unwrap().recovered;
        let second = open(&options(dir.path())).unwrap().recovered;
        assert_eq!((first.seq, first.first_seq), (Seq::ZERO, Seq::new(1)));
        assert_eq!(first.epoch, second.epoch);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = std::fs::metadata(dir.path().join("opshub.db")).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
        }
        assert_eq!(second.state.document, Document::default());
    }

    #[test]
    fn a_log_without_its_key_is_refused_until_it_gets_a_new_one() {
        let dir = tempfile::tempdir().unwrap();
        let options = options(dir.path());
        let first = open(&options).unwrap().key;
        assert_eq!(open(&options).unwrap().key, first);
        let path = AuditKey::path(&options.path);
        std::fs::remove_file(&path).unwrap();
        let told = |cause: &str| {
            let refused = open(&options).err().map(|error| error.to_string());
            assert!(refused.as_ref().is_some_and(|told| told.contains(cause)), "{refused:?}");
        };
        told("is not there");
        AuditKey::generate(1, 1, Before::Unkeyed).save(&options.path).unwrap();
        told("is that of another log");
        rekey(&options).unwrap();
        assert_ne!(open(&options).unwrap().key, first);
    }

    #[test]
    fn a_second_hub_is_kept_out() {
        let dir = tempfile::tempdir().unwrap();
        let _held = open(&options(dir.path())).unwrap();
        assert!(matches!(open(&options(dir.path())), Err(StoreError::InUse { .. })));
    }

    #[test]
    fn a_newer_database_is_refused() {
        let (dir, mut conn) = migrated();
        diesel::sql_query("INSERT INTO __diesel_schema_migrations (version) VALUES ('29990101000000')")
            .execute(&mut conn)
            .unwrap();
        let refused = open(&options(dir.path()));
        assert!(matches!(refused, Err(StoreError::Newer { migration, .. }) if migration == "29990101000000"));
    }

    #[test]
    fn a_file_that_is_no_database_is_called_damaged_and_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("opshub.db");
        std::fs::write(&path, "not a database, and long enough to have a header ".repeat(100)).unwrap();
        let before = std::fs::read(&path).unwrap();
        assert!(matches!(open(&options(dir.path())), Err(StoreError::Corrupt { .. })));
        assert_eq!(std::fs::read(&path).unwrap(), before);
    }
}
