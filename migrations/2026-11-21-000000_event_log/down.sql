DROP TABLE probe;
DROP TABLE audit;
DROP TABLE collections;
DROP TABLE idempotency;
DROP TABLE snapshots;
DROP TABLE events;
DROP TABLE hub;
