-- Where programs are signed in for a person, by refresh tokens that take each other's place. `lineage` is the
-- SHA-256 of what all tokens of one family share, `hash` that of the one in force: whoever shows another of
-- the family shows one that was used before.
CREATE TABLE families (
    id              TEXT   PRIMARY KEY NOT NULL,
    lineage         BLOB   NOT NULL UNIQUE,
    hash            BLOB   NOT NULL,
    email           TEXT   NOT NULL REFERENCES users (email) ON DELETE CASCADE,
    created_at_ms   BIGINT NOT NULL,
    seen_at_ms      BIGINT NOT NULL,
    expires_at_ms   BIGINT NOT NULL,
    address         TEXT   NOT NULL,
    user_agent      TEXT
);
CREATE INDEX families_by_email ON families (email);
