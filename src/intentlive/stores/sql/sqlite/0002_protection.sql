-- works with: 2
ALTER TABLE accounts ADD COLUMN event_limit INTEGER NOT NULL DEFAULT 0;

ALTER TABLE bots ADD COLUMN personal_data TEXT NOT NULL DEFAULT 'verbatim';

ALTER TABLE bots ADD COLUMN retention_days INTEGER;

-- Sealed JSON: [{"text", "until"}, …], newest first.
ALTER TABLE apps ADD COLUMN keys BLOB;

ALTER TABLE apps ADD COLUMN enforce_jti INTEGER NOT NULL DEFAULT 0;

ALTER TABLE apps ADD COLUMN enforce_jwe INTEGER NOT NULL DEFAULT 0;

CREATE TABLE sealed (
    name TEXT PRIMARY KEY,
    value BLOB NOT NULL
) STRICT;

CREATE TABLE server_keys (
    key_id TEXT PRIMARY KEY,
    private BLOB NOT NULL, -- sealed PEM
    created INTEGER NOT NULL,
    until INTEGER -- ms; null for the newest
) STRICT;

CREATE TABLE used_tokens (
    client_id TEXT NOT NULL,
    digest BLOB NOT NULL,
    until INTEGER NOT NULL, -- ms; the token has been over for an hour by then
    PRIMARY KEY (client_id, digest)
) STRICT;

CREATE INDEX used_tokens_by_end ON used_tokens (until);

CREATE TABLE acts (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    time INTEGER NOT NULL,
    who TEXT NOT NULL,
    act TEXT NOT NULL,
    subject TEXT NOT NULL,
    detail TEXT NOT NULL -- JSON
) STRICT;

CREATE TRIGGER acts_stay BEFORE DELETE ON acts BEGIN SELECT RAISE(ABORT, 'acts are append-only'); END;

CREATE TRIGGER acts_stand BEFORE UPDATE ON acts BEGIN SELECT RAISE(ABORT, 'acts are append-only'); END;

-- An older server that still runs notices it, and sees that its tables have changed.
UPDATE registry SET revision = revision + 1;
