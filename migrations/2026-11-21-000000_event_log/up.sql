-- The identity of this log. A copy that goes its own way gets an epoch of its own.
CREATE TABLE hub (
    id            INTEGER PRIMARY KEY NOT NULL CHECK (id = 1),
    epoch         TEXT    NOT NULL,
    created_at_ms BIGINT  NOT NULL
);

-- One row for each committed change, in the bytes that every reader gets. `chain` is the SHA-256
-- over the chain value before and this row; everything else in this database can be derived from
-- these rows.
CREATE TABLE events (
    seq   INTEGER PRIMARY KEY NOT NULL,
    at_ms BIGINT  NOT NULL,
    kind  TEXT    NOT NULL,
    meta  TEXT,
    chain BLOB    NOT NULL,
    frame TEXT    NOT NULL
);
CREATE INDEX events_by_kind ON events (kind, seq);

-- The document after `seq`, so that a start or a look at the past reads few events. `state_seq` is
-- the newest change with a patch up to then. The oldest kept event always has a snapshot before it.
CREATE TABLE snapshots (
    seq       INTEGER PRIMARY KEY NOT NULL,
    state_seq BIGINT  NOT NULL,
    at_ms     BIGINT  NOT NULL,
    chain     BLOB    NOT NULL,
    document  TEXT    NOT NULL
);

-- Projection: the first answer to each idempotency key.
CREATE TABLE idempotency (
    principal   TEXT   NOT NULL,
    scope       TEXT   NOT NULL,
    key         TEXT   NOT NULL,
    fingerprint TEXT   NOT NULL,
    answer      TEXT   NOT NULL,
    seq         BIGINT NOT NULL,
    at_ms       BIGINT NOT NULL,
    PRIMARY KEY (principal, scope, key)
) WITHOUT ROWID;
CREATE INDEX idempotency_by_age ON idempotency (at_ms);

-- Projection: collections, the running one without an end.
CREATE TABLE collections (
    id            TEXT   PRIMARY KEY NOT NULL,
    started_seq   BIGINT NOT NULL,
    started_at_ms BIGINT NOT NULL,
    ended_seq     BIGINT,
    ended_at_ms   BIGINT,
    outcome       TEXT
);

-- Projection: who did what, found by who.
CREATE TABLE audit (
    actor  TEXT   NOT NULL,
    seq    BIGINT NOT NULL,
    at_ms  BIGINT NOT NULL,
    action TEXT   NOT NULL,
    target TEXT,
    PRIMARY KEY (actor, seq)
) WITHOUT ROWID;

-- Where a degraded hub tries whether the disk takes writes again; empty otherwise.
CREATE TABLE probe (
    id     INTEGER PRIMARY KEY NOT NULL,
    filler BLOB    NOT NULL
);
