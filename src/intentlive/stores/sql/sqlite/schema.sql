-- What the migrations make, as a whole; for reading, nothing runs it.

CREATE TABLE accounts (
    account_id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    rate_limit INTEGER NOT NULL,
    event_limit INTEGER NOT NULL DEFAULT 0,
    created INTEGER NOT NULL
) STRICT;

CREATE TABLE bots (
    bot_id TEXT PRIMARY KEY,
    account_id TEXT NOT NULL REFERENCES accounts (account_id),
    name TEXT NOT NULL,
    idle_timeouts TEXT NOT NULL, -- JSON: [[in force since ms, seconds], …]
    skip_silent INTEGER NOT NULL,
    personal_data TEXT NOT NULL DEFAULT 'verbatim',
    retention_days INTEGER,
    created INTEGER NOT NULL,
    revision INTEGER NOT NULL,
    announced INTEGER NOT NULL DEFAULT 0 -- ms; the ends of sessions up to then raised the revision
) STRICT;

CREATE INDEX bots_of_account ON bots (account_id);

CREATE TABLE apps (
    client_id TEXT PRIMARY KEY,
    account_id TEXT NOT NULL REFERENCES accounts (account_id),
    name TEXT NOT NULL,
    algorithm TEXT NOT NULL,
    keys BLOB, -- sealed JSON: [{"text", "until"}, …], newest first
    scopes TEXT NOT NULL, -- JSON: [scope, …]
    bots TEXT, -- JSON: [bot id, …], or null for the whole account
    require_exp INTEGER NOT NULL,
    enforce_jti INTEGER NOT NULL DEFAULT 0,
    enforce_jwe INTEGER NOT NULL DEFAULT 0,
    created INTEGER NOT NULL
) STRICT;

CREATE INDEX apps_of_account ON apps (account_id);

CREATE TABLE registry (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    revision INTEGER NOT NULL,
    probes INTEGER NOT NULL,
    works_with INTEGER NOT NULL DEFAULT 0 -- the oldest schema whose code can work on this one
) STRICT; -- the schema's own number is the file's user_version

CREATE TABLE sessions (
    bot_id TEXT NOT NULL,
    session_id TEXT NOT NULL,
    listing INTEGER NOT NULL, -- 0 in no list, 1 silent, 2 heard
    end_time INTEGER, -- ms, in the future while the session is open; null once erased
    state BLOB NOT NULL,
    PRIMARY KEY (bot_id, session_id)
) STRICT;

CREATE INDEX sessions_by_end ON sessions (bot_id, listing, end_time DESC, session_id DESC);

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

CREATE TABLE counters (
    account_id TEXT NOT NULL REFERENCES accounts (account_id) ON DELETE CASCADE,
    kind TEXT NOT NULL, -- requests or events
    entries BLOB NOT NULL, -- MessagePack: [[ms, how many], …], those of a minute
    PRIMARY KEY (account_id, kind)
) STRICT;

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
