-- works with: 1
CREATE TABLE accounts (
    account_id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    rate_limit INTEGER NOT NULL,
    created INTEGER NOT NULL
) STRICT;

CREATE TABLE bots (
    bot_id TEXT PRIMARY KEY,
    account_id TEXT NOT NULL REFERENCES accounts (account_id),
    name TEXT NOT NULL,
    idle_timeouts TEXT NOT NULL, -- JSON: [[in force since ms, seconds], …]
    skip_silent INTEGER NOT NULL,
    created INTEGER NOT NULL,
    revision INTEGER NOT NULL
) STRICT;

CREATE INDEX bots_of_account ON bots (account_id);

CREATE TABLE apps (
    client_id TEXT PRIMARY KEY,
    account_id TEXT NOT NULL REFERENCES accounts (account_id),
    name TEXT NOT NULL,
    algorithm TEXT NOT NULL,
    secret TEXT,
    public_key TEXT,
    scopes TEXT NOT NULL, -- JSON: [scope, …]
    bots TEXT, -- JSON: [bot id, …], or null for the whole account
    require_exp INTEGER NOT NULL,
    created INTEGER NOT NULL
) STRICT;

CREATE INDEX apps_of_account ON apps (account_id);

CREATE TABLE registry (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    revision INTEGER NOT NULL,
    probes INTEGER NOT NULL
) STRICT;

INSERT INTO registry (one, revision, probes) VALUES (1, 0, 0);

CREATE TABLE sessions (
    bot_id TEXT NOT NULL,
    session_id TEXT NOT NULL,
    listing INTEGER NOT NULL, -- 0 in no list, 1 silent, 2 heard
    end_time INTEGER, -- ms, in the future while the session is open; null once erased
    state BLOB NOT NULL,
    PRIMARY KEY (bot_id, session_id)
) STRICT;

CREATE INDEX sessions_by_end ON sessions (bot_id, listing, end_time DESC, session_id DESC);
