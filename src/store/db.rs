//! The DB actor: the only writer, on a thread of its own.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use actix::prelude::*;
use diesel::prelude::*;
use diesel::sqlite::SqliteConnection;

use crate::domain::{Seq, Timestamp};

use super::access::{self, AccessWrite};
use super::audit_key::AuditKey;
use super::chain::Chain;
use super::error::StoreError;
use super::event_log::{self, BatchLimit};
use super::gateways::{self, HistoryRow};
use super::inbox::Inbox;
use super::journal::{self, NewEntry};
use super::open::{StoreOptions, connect, set_busy_timeout};
use super::prune::{self, Pruned};
use super::rows::Snapshot;
use super::schema::probe;
use super::sinks::{self, SinkCursor};

/// How long a look at the database's health waits for another program's lock, in milliseconds.
const PROBE_BUSY_MS: u64 = 500;
/// Changes that one transaction takes at most.
const BATCH_MAX_CHANGES: usize = 1_024;
/// Bytes of frames that one transaction takes at most, and one frame more.
const BATCH_MAX_BYTES: usize = 4 * 1024 * 1024;
/// What a trial write stores: more than any batch of usual changes needs.
const TRIAL_WRITE_BYTES: usize = 256 * 1024;

/// Serializes every write. Lives in a `SyncArbiter` of one thread.
///
/// Its queue is bounded by its senders: the hub has at most one batch and one chore under way.
pub struct Db {
    conn: SqliteConnection,
    options: StoreOptions,
    /// What links the rows.
    key: AuditKey,
    /// The link of the newest row that is known to be on disk.
    chain: Chain,
    /// The link that the log ends with if a batch of unknown fate is on disk.
    tried: Option<Chain>,
}

impl Db {
    /// Starts the actor on its own thread over an open database.
    pub fn start(conn: SqliteConnection, options: StoreOptions, key: AuditKey, chain: Chain) -> Addr<Db> {
        let first = std::sync::Mutex::new(Some(Db { conn, options, key, chain, tried: None }));
        SyncArbiter::start(1, move || {
            let mut first = first.lock().expect("nothing panics while it holds this lock");
            first.take().expect("the only thread of this arbiter starts its actor once")
        })
    }

    /// Does one job; a panic in it is told as an error and leaves the actor alive.
    fn job<T>(
        &mut self,
        what: &str,
        job: impl FnOnce(&mut Db) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        catch_unwind(AssertUnwindSafe(|| job(self))).unwrap_or_else(|_| {
            log::error!("the database thread panicked in {what}; it goes on with a new connection");
            let _ = self.reconnect();
            Err(StoreError::Io { cause: format!("panic in {what}") })
        })
    }

    /// Leaves whatever state the old connection was in behind.
    fn reconnect(&mut self) -> Result<(), StoreError> {
        self.conn = connect(&self.options)?;
        Ok(())
    }
}

impl Actor for Db {
    type Context = SyncContext<Self>;
}

/// Stores what has gathered in one transaction.
#[derive(Message)]
#[rtype(result = "Appended")]
pub struct Append {
    /// Where the log must end before.
    pub expected_last: Seq,
    /// The changes, in order, without a gap.
    pub inbox: Arc<Inbox>,
}

/// What became of a batch: everything that was taken from the inbox, through the change that is named.
#[derive(Debug, MessageResponse)]
pub enum Appended {
    /// It is on disk.
    Done {
        /// The last change of the batch.
        through: Seq,
    },
    /// It is not on disk, and nothing of it ever will be.
    Failed(StoreError),
    /// Nobody can tell: the log could not be read back. [`TryWrite`] tells later.
    Unknown {
        /// The last change of the batch.
        through: Seq,
        /// What went wrong.
        error: StoreError,
    },
}

impl Handler<Append> for Db {
    type Result = Appended;

    fn handle(&mut self, Append { expected_last, inbox }: Append, _: &mut Self::Context) -> Appended {
        let mut taken = Vec::new();
        let limit = BatchLimit { changes: BATCH_MAX_CHANGES, bytes: BATCH_MAX_BYTES };
        let appended = self.job("append", |db| {
            event_log::append(&mut db.conn, expected_last, db.chain, &db.key, &inbox, limit, &mut taken)
        });
        let through = taken.last().map_or(expected_last, |record| record.seq);
        let request_ids = || taken.iter().map(|record| record.request_id.as_str()).collect::<Vec<_>>();
        match appended {
            Ok(chain) => {
                self.chain = chain;
                log::debug!(request_ids:? = request_ids(); "stored events through {through}");
                Appended::Done { through }
            }
            Err(error @ (StoreError::Constraint { .. } | StoreError::Conflict { .. })) => {
                Appended::Failed(error)
            }
            Err(error) => {
                log::error!(request_ids:? = request_ids(); "could not store events through {through}: {error}");
                let tried = event_log::link_after(self.chain, &taken, &self.key);
                self.read_back(expected_last, through, tried, error)
            }
        }
    }
}

impl Db {
    /// A failed commit may have become durable all the same: only the log itself knows.
    ///
    /// It is told by its link, since another program's change may have the number of ours.
    fn read_back(&mut self, before: Seq, through: Seq, tried: Chain, error: StoreError) -> Appended {
        let end = self.job("read back", |db| {
            db.reconnect()?;
            event_log::end(&mut db.conn)
        });
        match end {
            // Before anything was taken there is nothing that could be durable.
            Ok((_, link)) if link == self.chain => Appended::Failed(error),
            Ok((_, link)) if link == tried => {
                self.chain = tried;
                Appended::Done { through }
            }
            Ok((newest, _)) => {
                Appended::Failed(StoreError::Conflict { expected: before.get(), found: newest.get() })
            }
            Err(unreadable) => {
                log::error!("could not read the log back: {unreadable}");
                self.tried = Some(tried);
                Appended::Unknown { through, error }
            }
        }
    }
}

/// Asks for a sign of life: the write lock taken and given back.
#[derive(Message)]
#[rtype(result = "Result<Seq, StoreError>")]
pub struct Probe;

impl Handler<Probe> for Db {
    type Result = Result<Seq, StoreError>;

    fn handle(&mut self, _: Probe, _: &mut Self::Context) -> Self::Result {
        self.job("probe", |db| {
            set_busy_timeout(&mut db.conn, PROBE_BUSY_MS)?;
            let newest = db.conn.immediate_transaction(event_log::newest_seq);
            set_busy_timeout(&mut db.conn, db.options.busy_timeout_ms)?;
            Ok(newest?)
        })
    }
}

/// Tries whether the disk takes writes again, and tells where the log ends: before or after a batch of
/// unknown fate. [`StoreError::Conflict`] where it ends with a change of another program.
#[derive(Message)]
#[rtype(result = "Result<Seq, StoreError>")]
pub struct TryWrite {
    /// Where the log ended before.
    pub expected_last: Seq,
}

impl Handler<TryWrite> for Db {
    type Result = Result<Seq, StoreError>;

    fn handle(&mut self, TryWrite { expected_last }: TryWrite, _: &mut Self::Context) -> Self::Result {
        self.job("trial write", |db| {
            db.reconnect()?;
            set_busy_timeout(&mut db.conn, PROBE_BUSY_MS)?;
            let (newest, link) = event_log::end(&mut db.conn)?;
            if link != db.chain && Some(link) != db.tried {
                return Err(StoreError::Conflict { expected: expected_last.get(), found: newest.get() });
            }
            db.conn.immediate_transaction(|conn| {
                let filler = vec![0; TRIAL_WRITE_BYTES];
                diesel::insert_into(probe::table).values(probe::filler.eq(filler)).execute(conn)
            })?;
            db.conn.immediate_transaction(|conn| diesel::delete(probe::table).execute(conn))?;
            set_busy_timeout(&mut db.conn, db.options.busy_timeout_ms)?;
            (db.chain, db.tried) = (link, None);
            Ok(newest)
        })
    }
}

/// Stores a snapshot of a committed state.
#[derive(Message)]
#[rtype(result = "Result<(), StoreError>")]
pub struct SaveSnapshot(pub Snapshot);

impl Handler<SaveSnapshot> for Db {
    type Result = Result<(), StoreError>;

    fn handle(&mut self, SaveSnapshot(snapshot): SaveSnapshot, _: &mut Self::Context) -> Self::Result {
        self.job("snapshot", |db| {
            db.conn.immediate_transaction(|conn| {
                let link = event_log::chain_of(conn, snapshot.seq)?;
                match link {
                    Some(link) => Ok(event_log::insert_snapshot(conn, &snapshot, link)?),
                    // The change is older than what is kept, or there is none: so is its snapshot.
                    None => Ok(()),
                }
            })
        })
    }
}

/// Stores what was counted of gateways.
#[derive(Message)]
#[rtype(result = "Result<(), StoreError>")]
pub struct SaveHistory {
    /// The spans that have changed.
    pub rows: Vec<HistoryRow>,
    /// Spans of so many seconds that began before so many Unix seconds go.
    pub forget: Vec<(i64, i64)>,
    /// Gateways of which nothing is kept any more.
    pub gone: Vec<String>,
}

impl Handler<SaveHistory> for Db {
    type Result = Result<(), StoreError>;

    fn handle(
        &mut self,
        SaveHistory { rows, forget, gone }: SaveHistory,
        _: &mut Self::Context,
    ) -> Self::Result {
        self.job("history of gateways", |db| {
            db.conn.immediate_transaction(|conn| {
                gone.iter().try_for_each(|id| gateways::forget_history(conn, id))?;
                Ok(gateways::save_history(conn, &rows, &forget)?)
            })
        })
    }
}

/// Stores how far sinks are.
#[derive(Message)]
#[rtype(result = "Result<(), StoreError>")]
pub struct SaveSinks {
    /// The cursors that have moved.
    pub rows: Vec<SinkCursor>,
    /// Sinks that there are no more.
    pub gone: Vec<String>,
    /// When that was.
    pub at: Timestamp,
}

impl Handler<SaveSinks> for Db {
    type Result = Result<(), StoreError>;

    fn handle(&mut self, SaveSinks { rows, gone, at }: SaveSinks, _: &mut Self::Context) -> Self::Result {
        self.job("cursors of sinks", |db| {
            Ok(db.conn.immediate_transaction(|conn| sinks::save(conn, &rows, &gone, at))?)
        })
    }
}

/// Stores who may do what, and the entries of the journal that tell of it, in one transaction.
#[derive(Message)]
#[rtype(result = "Result<(), StoreError>")]
pub struct SaveAccess {
    /// What changes.
    pub writes: Vec<AccessWrite>,
    /// What the journal says of it, oldest first.
    pub entries: Vec<NewEntry>,
}

impl Handler<SaveAccess> for Db {
    type Result = Result<(), StoreError>;

    fn handle(&mut self, SaveAccess { writes, entries }: SaveAccess, _: &mut Self::Context) -> Self::Result {
        self.job("access", |db| {
            let Db { conn, key, .. } = db;
            conn.immediate_transaction(|conn| {
                writes.iter().try_for_each(|write| access::write(conn, write))?;
                journal::add(conn, key, &entries)
            })
        })
    }
}

/// Moves everything from the WAL into the one file that people copy.
#[derive(Message)]
#[rtype(result = "Result<(), StoreError>")]
pub struct Checkpoint;

impl Handler<Checkpoint> for Db {
    type Result = Result<(), StoreError>;

    fn handle(&mut self, _: Checkpoint, _: &mut Self::Context) -> Self::Result {
        self.job("checkpoint", |db| {
            diesel::sql_query("PRAGMA wal_checkpoint(TRUNCATE)").execute(&mut db.conn)?;
            Ok(())
        })
    }
}

/// Cuts a piece of the old end of the log.
#[derive(Message)]
#[rtype(result = "Result<Pruned, StoreError>")]
pub struct Prune {
    /// How many events stay at least.
    pub keep_events: u64,
    /// Events from before may go.
    pub oldest: Timestamp,
    /// Answers to idempotency keys from before go.
    pub oldest_key: Timestamp,
}

impl Handler<Prune> for Db {
    type Result = Result<Pruned, StoreError>;

    fn handle(
        &mut self,
        Prune { keep_events, oldest, oldest_key }: Prune,
        _: &mut Self::Context,
    ) -> Self::Result {
        self.job("prune", |db| prune::prune(&mut db.conn, keep_events, oldest, oldest_key))
    }
}
