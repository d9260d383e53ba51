//! Questions about the log, answered beside the writer.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::Arc;

use actix::prelude::*;
use diesel::prelude::*;
use diesel::sqlite::SqliteConnection;
use tokio::sync::{Semaphore, oneshot};

use crate::domain::{Document, Seq, Timestamp};
use crate::protocol::Frame;

use super::access::{self, KnownAccess};
use super::error::StoreError;
use super::event_log::{self, EventFilter, Page};
use super::gateways::{self, HistoryRow};
use super::journal::{self, JournalEntry, JournalPage};
use super::open::connect_reader;
use super::past::{self, PointInTime};
use super::rows::{EventRow, IdempotencyKey, StoredAnswer, to_i64, to_seq};
use super::schema::events;
use super::sinks::{self, SinkCursor};

/// Threads that read.
const READERS: usize = 2;
/// Questions that may wait; more are refused.
const WAITING_MAX: usize = 1_024;
/// Look-ups of idempotency keys that may wait: as many as changes may.
const LOOKING_MAX: usize = 1_000_000;
/// How long a reader waits for a lock, in milliseconds; in WAL mode only a recovery takes one.
const BUSY_MS: u64 = 2_000;
/// Rows that are looked at to find out what a resume costs.
const COST_ROWS: i64 = 8_192;

/// Reads the log on threads of its own; each answer comes from one moment of the database.
#[derive(Clone)]
pub struct Readers {
    actors: Addr<Reader>,
    waiting: Arc<Semaphore>,
    /// Changes wait for these, so that they wait for no long read.
    lookups: Addr<Reader>,
    looking: Arc<Semaphore>,
}

impl Readers {
    /// Starts the threads over a database that is ready.
    ///
    /// # Errors
    /// What SQLite says when it is opened.
    pub fn start(path: PathBuf) -> Result<Readers, StoreError> {
        connect_reader(&path, BUSY_MS)?;
        let start = |threads| {
            let path = path.clone();
            SyncArbiter::start(threads, move || Reader { path: path.clone(), conn: None })
        };
        let (waiting, looking) = (Semaphore::new(WAITING_MAX), Semaphore::new(LOOKING_MAX));
        Ok(Readers {
            actors: start(READERS),
            waiting: Arc::new(waiting),
            lookups: start(1),
            looking: Arc::new(looking),
        })
    }

    /// Reads a page of committed changes.
    ///
    /// # Errors
    /// [`StoreError::Pruned`] where `since` lies before what is kept, or what SQLite says.
    pub async fn page(&self, filter: EventFilter) -> Result<Page, StoreError> {
        self.ask(move |conn| event_log::page(conn, &filter)).await
    }

    /// Reads the document as it was, with the number of the change that made it so.
    ///
    /// # Errors
    /// [`StoreError::Pruned`] or [`StoreError::Ahead`] outside what is kept, or what SQLite says.
    pub async fn state_at(&self, point: PointInTime, now: Timestamp) -> Result<(Seq, Document), StoreError> {
        self.ask(move |conn| past::state_at(conn, point, now)).await
    }

    /// Reads the first answer to `key`, if one is stored.
    ///
    /// # Errors
    /// What SQLite says.
    pub async fn stored_answer(&self, key: IdempotencyKey) -> Result<Option<StoredAnswer>, StoreError> {
        ask(&self.lookups, &self.looking, move |conn| event_log::stored_answer(conn, &key)).await
    }

    /// Tells whether every change after `since` is kept and all of them together have at most
    /// `max_bytes`.
    ///
    /// # Errors
    /// What SQLite says.
    pub async fn can_resume(&self, since: Seq, max_bytes: u64) -> Result<bool, StoreError> {
        self.ask(move |conn| can_resume(conn, since, max_bytes)).await
    }

    /// Reads the changes after `since` as frames, oldest first, until `max_bytes` are reached; at
    /// least one where there is one.
    ///
    /// # Errors
    /// [`StoreError::Pruned`] where the next change is no longer kept, or what SQLite says.
    pub async fn frames_after(&self, since: Seq, max_bytes: usize) -> Result<Vec<Frame>, StoreError> {
        self.ask(move |conn| frames_after(conn, since, max_bytes)).await
    }

    /// Reads the definitions of the gateways that were registered, by their ids.
    ///
    /// # Errors
    /// What SQLite says.
    pub async fn gateway_definitions(&self) -> Result<Vec<(String, String)>, StoreError> {
        self.ask(|conn| Ok(gateways::definitions(conn)?)).await
    }

    /// Reads all that is kept of the past of gateways, oldest first.
    ///
    /// # Errors
    /// What SQLite says.
    pub async fn gateway_history(&self) -> Result<Vec<HistoryRow>, StoreError> {
        self.ask(|conn| Ok(gateways::history(conn)?)).await
    }

    /// Reads who may do what.
    ///
    /// # Errors
    /// What SQLite says, or [`StoreError::Corrupt`].
    pub async fn known_access(&self) -> Result<KnownAccess, StoreError> {
        self.ask(access::known).await
    }

    /// Reads a page of the journal, newest first.
    ///
    /// # Errors
    /// What SQLite says.
    pub async fn journal(&self, page: JournalPage) -> Result<Vec<JournalEntry>, StoreError> {
        self.ask(move |conn| journal::page(conn, &page)).await
    }

    /// Reads how far sinks are, by their ids.
    ///
    /// # Errors
    /// What SQLite says.
    pub async fn sink_cursors(&self) -> Result<Vec<SinkCursor>, StoreError> {
        self.ask(|conn| Ok(sinks::cursors(conn)?)).await
    }

    async fn ask<T: Send + 'static>(
        &self,
        question: impl FnOnce(&mut SqliteConnection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        ask(&self.actors, &self.waiting, question).await
    }
}

async fn ask<T: Send + 'static>(
    readers: &Addr<Reader>,
    waiting: &Arc<Semaphore>,
    question: impl FnOnce(&mut SqliteConnection) -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    let place = waiting.clone().try_acquire_owned().map_err(|_| StoreError::Overloaded)?;
    let (answer, answered) = oneshot::channel();
    readers.do_send(Question(Box::new(move |conn| {
        // The place is taken until the question has had its turn, even if whoever asked has gone.
        let _place = place;
        if !answer.is_closed() {
            let _ = answer.send(conn.and_then(question));
        }
    })));
    answered.await.unwrap_or_else(|_| Err(StoreError::Io { cause: "a reader ended".into() }))
}

fn can_resume(conn: &mut SqliteConnection, since: Seq, max_bytes: u64) -> Result<bool, StoreError> {
    conn.transaction(|conn| {
        if since.next() < event_log::first_seq(conn)? || since > event_log::newest_seq(conn)? {
            return Ok(false);
        }
        let (mut after, mut bytes) = (since, 0u64);
        loop {
            let rows: Vec<(i64, i64)> = events::table
                .filter(events::seq.gt(to_i64(after)))
                .order(events::seq)
                .limit(COST_ROWS)
                .select((events::seq, diesel::dsl::sql::<diesel::sql_types::BigInt>("octet_length(frame)")))
                .load(conn)?;
            bytes += rows.iter().map(|(_, len)| u64::try_from(*len).unwrap_or_default()).sum::<u64>();
            match rows.last() {
                _ if bytes > max_bytes => return Ok(false),
                Some((seq, _)) if rows.len() as i64 == COST_ROWS => after = to_seq(*seq),
                _ => return Ok(true),
            }
        }
    })
}

fn frames_after(conn: &mut SqliteConnection, since: Seq, max_bytes: usize) -> Result<Vec<Frame>, StoreError> {
    let newer = events::table.filter(events::seq.gt(to_i64(since))).order(events::seq);
    let mut frames = Vec::new();
    let mut bytes = 0;
    // Rows are taken one by one, so that a page of large frames is not read to be thrown away.
    for row in newer.select(EventRow::as_select()).load_iter(conn)? {
        let row: EventRow = row?;
        if frames.is_empty() && row.seq() != since.next() {
            return Err(StoreError::Pruned { since: since.get(), first: row.seq().get() });
        }
        bytes += row.frame.len();
        if bytes > max_bytes && !frames.is_empty() {
            break;
        }
        let event = row.parse()?;
        frames.push(Frame::committed(row.seq(), event.r#type, event.patch.is_some(), &row.frame));
    }
    Ok(frames)
}

type Job = Box<dyn FnOnce(Result<&mut SqliteConnection, StoreError>) + Send>;

/// One thread with a connection that only reads.
struct Reader {
    path: PathBuf,
    conn: Option<SqliteConnection>,
}

impl Actor for Reader {
    type Context = SyncContext<Self>;
}

#[derive(Message)]
#[rtype(result = "()")]
struct Question(Job);

impl Handler<Question> for Reader {
    type Result = ();

    fn handle(&mut self, Question(job): Question, _: &mut Self::Context) {
        let mut conn = match self.conn.take() {
            Some(conn) => conn,
            None => match connect_reader(&self.path, BUSY_MS) {
                Ok(conn) => conn,
                Err(error) => return job(Err(error)),
            },
        };
        match catch_unwind(AssertUnwindSafe(|| job(Ok(&mut conn)))) {
            // The connection goes back only where the job left it in order.
            Ok(()) => self.conn = Some(conn),
            Err(_) => log::error!("a reader panicked; it goes on with a new connection"),
        }
    }
}
