-- works with: 1
CREATE TABLE accounts (
    account_id TEXT COLLATE "C" PRIMARY KEY,
    name TEXT NOT NULL,
    rate_limit BIGINT NOT NULL,
    event_limit BIGINT NOT NULL,
    created BIGINT NOT NULL
);

CREATE TABLE bots (
    bot_id TEXT COLLATE "C" PRIMARY KEY,
    account_id TEXT COLLATE "C" NOT NULL REFERENCES accounts (account_id),
    name TEXT NOT NULL,
    idle_timeouts TEXT NOT NULL, -- JSON: [[in force since ms, seconds], …]
    skip_silent BOOLEAN NOT NULL,
    personal_data TEXT NOT NULL,
    retention_days BIGINT,
    created BIGINT NOT NULL,
    revision BIGINT NOT NULL,
    announced BIGINT NOT NULL DEFAULT 0 -- ms; the ends of sessions up to then raised the revision
);

CREATE INDEX bots_of_account ON bots (account_id);

CREATE TABLE apps (
    client_id TEXT COLLATE "C" PRIMARY KEY,
    account_id TEXT COLLATE "C" NOT NULL REFERENCES accounts (account_id),
    name TEXT NOT NULL,
    algorithm TEXT NOT NULL,
    keys BYTEA NOT NULL, -- sealed JSON: [{"text", "until"}, …], newest first
    scopes TEXT NOT NULL, -- JSON: [scope, …]
    bots TEXT, -- JSON: [bot id, …], or null for the whole account
    require_exp BOOLEAN NOT NULL,
    enforce_jti BOOLEAN NOT NULL,
    enforce_jwe BOOLEAN NOT NULL,
    created BIGINT NOT NULL
);

CREATE INDEX apps_of_account ON apps (account_id);

CREATE TABLE registry (
    one BIGINT PRIMARY KEY CHECK (one = 1),
    revision BIGINT NOT NULL,
    schema BIGINT NOT NULL, -- the number of the last migration
    works_with BIGINT NOT NULL -- the oldest schema whose code can work on this one
);

INSERT INTO registry (one, revision, schema, works_with) VALUES (1, 0, 0, 0);

CREATE TABLE probes ( -- apart from the registry, whose row is held by long changes
    one BIGINT PRIMARY KEY CHECK (one = 1),
    count BIGINT NOT NULL
);

-- Spread by bot_id, if at all: every key leads with it, and nothing refers across bots.
CREATE TABLE sessions (
    bot_id TEXT COLLATE "C" NOT NULL,
    session_id TEXT COLLATE "C" NOT NULL,
    listing SMALLINT NOT NULL, -- 0 in no list, 1 silent, 2 heard
    end_time BIGINT, -- ms, in the future while the session is open; null once erased
    state BYTEA NOT NULL,
    version BIGINT NOT NULL, -- another with every change; what is written next must know it
    PRIMARY KEY (bot_id, session_id)
);

CREATE INDEX sessions_by_end ON sessions (bot_id, listing, end_time DESC, session_id DESC);

CREATE TABLE sealed (
    name TEXT COLLATE "C" PRIMARY KEY,
    value BYTEA NOT NULL
);

CREATE TABLE server_keys (
    key_id TEXT COLLATE "C" PRIMARY KEY,
    private BYTEA NOT NULL, -- sealed PEM
    created BIGINT NOT NULL,
    until BIGINT -- ms; null for the newest
);

CREATE TABLE used_tokens (
    client_id TEXT COLLATE "C" NOT NULL,
    digest BYTEA NOT NULL,
    until BIGINT NOT NULL, -- ms; the token has been over for an hour by then
    PRIMARY KEY (client_id, digest)
);

CREATE INDEX used_tokens_by_end ON used_tokens (until);

CREATE TABLE counters (
    account_id TEXT COLLATE "C" NOT NULL REFERENCES accounts (account_id) ON DELETE CASCADE,
    kind TEXT COLLATE "C" NOT NULL, -- requests or events
    entries BYTEA NOT NULL, -- MessagePack: [[ms, how many], …], those of a minute
    PRIMARY KEY (account_id, kind)
);

CREATE TABLE acts (
    number BIGINT PRIMARY KEY, -- the registry's revision that the act made
    time BIGINT NOT NULL,
    who TEXT NOT NULL,
    act TEXT NOT NULL,
    subject TEXT NOT NULL,
    detail TEXT NOT NULL -- JSON
);
