-- The definitions of gateways that were registered at run time: a projection of the log.
CREATE TABLE gateways (
    id         TEXT   PRIMARY KEY NOT NULL,
    definition TEXT   NOT NULL,
    seq        BIGINT NOT NULL
);

-- How gateways did: counts and latencies of `span_s` seconds from `start_s` (Unix time), packed.
-- Not a projection: probes are no changes.
CREATE TABLE gateway_history (
    gateway_id TEXT   NOT NULL,
    span_s     BIGINT NOT NULL,
    start_s    BIGINT NOT NULL,
    data       BLOB   NOT NULL,
    PRIMARY KEY (gateway_id, span_s, start_s)
) WITHOUT ROWID;

-- How far each sink has been told of the log, and how many events were given up.
CREATE TABLE sinks (
    id            TEXT   PRIMARY KEY NOT NULL,
    seq           BIGINT NOT NULL,
    given_up      BIGINT NOT NULL,
    updated_at_ms BIGINT NOT NULL
);
