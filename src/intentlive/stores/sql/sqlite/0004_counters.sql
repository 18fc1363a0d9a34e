-- works with: 3
CREATE TABLE counters (
    account_id TEXT NOT NULL REFERENCES accounts (account_id) ON DELETE CASCADE,
    kind TEXT NOT NULL, -- requests or events
    entries BLOB NOT NULL, -- MessagePack: [[ms, how many], …], those of a minute
    PRIMARY KEY (account_id, kind)
) STRICT;
