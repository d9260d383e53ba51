DROP TABLE journal;
DROP TABLE sign_ins;
DROP TABLE users;
DROP TABLE tokens;
ALTER TABLE hub DROP COLUMN audit_key;
