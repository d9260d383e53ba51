-- Which key links the rows: the first digits of its SHA-256. The key itself is in a file beside the
-- database, so that who can write here cannot link rows of their own. NULL where none was used so far.
ALTER TABLE hub ADD COLUMN audit_key TEXT;

-- Tokens of programs. `hash` is the SHA-256 of the text that was given out once.
CREATE TABLE tokens (
    name            TEXT   PRIMARY KEY NOT NULL,
    role            TEXT   NOT NULL,
    hash            BLOB   NOT NULL UNIQUE,
    topics          TEXT,
    created_at_ms   BIGINT NOT NULL,
    created_by      TEXT   NOT NULL,
    expires_at_ms   BIGINT,
    used_at_ms      BIGINT,
    used_from       TEXT
);

-- People. `password` is argon2id in the PHC string format.
CREATE TABLE users (
    email           TEXT   PRIMARY KEY NOT NULL,
    role            TEXT   NOT NULL,
    password        TEXT   NOT NULL,
    created_at_ms   BIGINT NOT NULL,
    created_by      TEXT   NOT NULL
);

-- Where people are signed in. `hash` is the SHA-256 of the cookie.
CREATE TABLE sign_ins (
    id              TEXT   PRIMARY KEY NOT NULL,
    hash            BLOB   NOT NULL UNIQUE,
    email           TEXT   NOT NULL REFERENCES users (email) ON DELETE CASCADE,
    created_at_ms   BIGINT NOT NULL,
    seen_at_ms      BIGINT NOT NULL,
    expires_at_ms   BIGINT NOT NULL,
    address         TEXT   NOT NULL,
    user_agent      TEXT
);
CREATE INDEX sign_ins_by_email ON sign_ins (email);

-- Who signed in or was refused, and who changed who may do what; each row linked to the one before as
-- those of `events` are. `entry` is JSON.
CREATE TABLE journal (
    id              INTEGER PRIMARY KEY NOT NULL,
    at_ms           BIGINT NOT NULL,
    kind            TEXT   NOT NULL,
    actor           TEXT   NOT NULL,
    entry           TEXT   NOT NULL,
    chain           BLOB   NOT NULL
);
