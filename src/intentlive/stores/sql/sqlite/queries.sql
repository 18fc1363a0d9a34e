-- name: session_states
SELECT session_id, state FROM sessions
WHERE bot_id = :bot_id AND session_id IN (SELECT value FROM json_each(:session_ids));

-- name: sessions_to_merge
SELECT session_id, rowid, state FROM sessions
WHERE bot_id = :bot_id AND session_id IN (SELECT value FROM json_each(:session_ids));

-- name: add_session
INSERT INTO sessions (bot_id, session_id, listing, end_time, state) VALUES (?, ?, ?, ?, ?);

-- name: change_session
UPDATE sessions SET listing = ?, end_time = ?, state = ? WHERE rowid = ?;

-- name: save_session
INSERT INTO sessions (bot_id, session_id, listing, end_time, state)
VALUES (:bot_id, :session_id, :listing, :end_time, :state)
ON CONFLICT (bot_id, session_id) DO UPDATE
SET listing = excluded.listing, end_time = excluded.end_time, state = excluded.state;

-- name: raise_revision
UPDATE bots SET revision = revision + 1 WHERE bot_id = :bot_id RETURNING revision;

-- name: revisions
SELECT bot_id, revision FROM bots WHERE bot_id IN (SELECT value FROM json_each(:bot_ids));

-- name: unannounced
SELECT bot_id FROM bots
WHERE announced < (
    SELECT max(end_time) FROM sessions
    WHERE sessions.bot_id = bots.bot_id AND listing = 2 AND end_time <= :now
) OR announced < (
    SELECT max(end_time) FROM sessions
    WHERE sessions.bot_id = bots.bot_id AND listing = 1 AND end_time <= :now
);

-- name: announce
UPDATE bots SET revision = revision + 1, announced = :now
WHERE bot_id = :bot_id AND (
    announced < (
        SELECT max(end_time) FROM sessions
        WHERE bot_id = :bot_id AND listing = 2 AND end_time <= :now
    ) OR announced < (
        SELECT max(end_time) FROM sessions
        WHERE bot_id = :bot_id AND listing = 1 AND end_time <= :now
    )
)
RETURNING revision;

-- name: lock_bot
SELECT idle_timeouts, skip_silent, revision FROM bots WHERE bot_id = :bot_id;

-- name: latest_sessions
-- The index alone tells which; the states of no others are looked up.
SELECT bots.idle_timeouts, bots.skip_silent, bots.personal_data, bots.revision,
    (
        SELECT min(due) FROM (
            SELECT min(end_time) AS due FROM sessions
            WHERE bot_id = :bot_id AND listing = 2 AND end_time > :now
            UNION ALL
            SELECT min(end_time) AS due FROM sessions
            WHERE bot_id = :bot_id AND listing = 1 AND end_time > :now
        )
    ) AS due,
    latest.session_id, sessions.state
FROM bots LEFT JOIN (
    SELECT * FROM (
        SELECT rowid AS place, end_time, session_id FROM sessions
        WHERE bot_id = :bot_id AND listing = 2 AND end_time <= :now
        ORDER BY end_time DESC, session_id DESC LIMIT :limit
    )
    UNION ALL
    SELECT * FROM (
        SELECT rowid AS place, end_time, session_id FROM sessions
        WHERE bot_id = :bot_id AND listing = 1 AND end_time <= :now
            AND NOT (SELECT skip_silent FROM bots WHERE bot_id = :bot_id)
        ORDER BY end_time DESC, session_id DESC LIMIT :limit
    )
    ORDER BY end_time DESC, session_id DESC LIMIT :limit
) AS latest ON true
LEFT JOIN sessions ON sessions.rowid = latest.place
WHERE bots.bot_id = :bot_id
ORDER BY latest.end_time DESC, latest.session_id DESC;

-- name: open_sessions
SELECT coalesce(sum(open), 0) FROM (
    SELECT (
        SELECT count(*) FROM sessions
        WHERE sessions.bot_id = bots.bot_id AND listing = levels.listing AND end_time > :now
    ) AS open
    FROM bots, (SELECT 1 AS listing UNION ALL SELECT 2) AS levels
);

-- name: sessions_ending_after
SELECT session_id, state FROM sessions
WHERE bot_id = :bot_id AND listing IN (0, 1, 2) AND end_time >= :since;

-- name: delete_some_sessions
DELETE FROM sessions WHERE rowid IN (
    SELECT rowid FROM sessions WHERE bot_id = :bot_id LIMIT :limit
);

-- name: delete_sessions
DELETE FROM sessions WHERE bot_id = :bot_id;

-- name: sessions_after
SELECT session_id, state FROM sessions
WHERE bot_id = :bot_id AND session_id > :after ORDER BY session_id LIMIT :limit;

-- name: sessions_ended_before
SELECT session_id, state FROM sessions
WHERE bot_id = :bot_id AND listing IN (0, 1, 2) AND end_time < :before LIMIT :limit;

-- name: delete_session
DELETE FROM sessions WHERE bot_id = :bot_id AND session_id = :session_id;

-- name: next_bot
SELECT min(bot_id) FROM sessions WHERE bot_id > :after;

-- name: count_sessions
SELECT count(*) FROM sessions WHERE bot_id = :bot_id;

-- name: sessions_to_check
SELECT sessions.bot_id, session_id, listing, end_time, state, idle_timeouts, skip_silent
FROM sessions LEFT JOIN bots ON bots.bot_id = sessions.bot_id
WHERE sessions.bot_id = :bot_id AND session_id > :after ORDER BY session_id LIMIT :limit;

-- name: lift_revision
UPDATE bots SET revision = :least WHERE bot_id = :bot_id AND revision < :least;

-- name: time
SELECT CAST(round((julianday('now') - 2440587.5) * 86400000) AS INTEGER);

-- name: works_with
SELECT works_with FROM registry;

-- name: note_schema
UPDATE registry SET works_with = :works_with;

-- name: probe
UPDATE registry SET probes = probes + 1;

-- name: registry_revision
SELECT revision FROM registry;

-- name: raise_registry_revision
UPDATE registry SET revision = revision + 1;

-- name: add_account
INSERT INTO accounts (account_id, name, rate_limit, event_limit, created)
VALUES (:account_id, :name, :rate_limit, :event_limit, :created);

-- name: account
SELECT * FROM accounts WHERE account_id = :account_id;

-- name: accounts
SELECT * FROM accounts ORDER BY created, account_id;

-- name: update_account
UPDATE accounts SET name = :name, rate_limit = :rate_limit, event_limit = :event_limit
WHERE account_id = :account_id;

-- name: delete_account
DELETE FROM accounts WHERE account_id = :account_id;

-- name: add_bot
INSERT INTO bots (
    bot_id, account_id, name, idle_timeouts, skip_silent, personal_data, retention_days, created,
    revision
) VALUES (
    :bot_id, :account_id, :name, :idle_timeouts, :skip_silent, :personal_data, :retention_days,
    :created, :created
);

-- name: bot
SELECT * FROM bots WHERE bot_id = :bot_id;

-- name: bot_of_account
SELECT * FROM bots WHERE bot_id = :bot_id AND account_id = :account_id;

-- name: bots
SELECT * FROM bots ORDER BY created, bot_id;

-- name: bots_of_account
SELECT * FROM bots WHERE account_id = :account_id ORDER BY created, bot_id;

-- name: update_bot
UPDATE bots SET name = :name, idle_timeouts = :idle_timeouts, skip_silent = :skip_silent,
    personal_data = :personal_data, retention_days = :retention_days
WHERE bot_id = :bot_id;

-- name: delete_bot
DELETE FROM bots WHERE bot_id = :bot_id;

-- name: apps_bound_to_bot
SELECT client_id FROM apps
WHERE bots IS NOT NULL AND :bot_id IN (SELECT value FROM json_each(apps.bots));

-- name: add_app
INSERT INTO apps (
    client_id, account_id, name, algorithm, keys, scopes, bots, require_exp, enforce_jti,
    enforce_jwe, created
) VALUES (
    :client_id, :account_id, :name, :algorithm, :keys, :scopes, :bots, :require_exp, :enforce_jti,
    :enforce_jwe, :created
);

-- name: app
SELECT * FROM apps WHERE client_id = :client_id;

-- name: app_or_first
SELECT * FROM apps WHERE client_id = max( -- no id is smaller than the first
    coalesce((SELECT client_id FROM apps WHERE client_id = :client_id), ''),
    (SELECT min(client_id) FROM apps)
);

-- name: apps
SELECT * FROM apps ORDER BY created, client_id;

-- name: apps_of_account
SELECT * FROM apps WHERE account_id = :account_id ORDER BY created, client_id;

-- name: update_app
UPDATE apps SET name = :name, algorithm = :algorithm, keys = :keys, scopes = :scopes,
    bots = :bots, require_exp = :require_exp, enforce_jti = :enforce_jti,
    enforce_jwe = :enforce_jwe
WHERE client_id = :client_id;

-- name: delete_app
DELETE FROM apps WHERE client_id = :client_id;

-- name: sealed
SELECT value FROM sealed WHERE name = :name;

-- name: seal
INSERT INTO sealed (name, value) VALUES (:name, :value);

-- name: forget_sealed
DELETE FROM sealed WHERE name = :name;

-- name: seal_app
UPDATE apps SET keys = :keys WHERE client_id = :client_id;

-- name: seal_anew
UPDATE sealed SET value = :value WHERE name = :name;

-- name: use_token
INSERT INTO used_tokens (client_id, digest, until) VALUES (:client_id, :digest, :until)
ON CONFLICT (client_id, digest) DO NOTHING;

-- name: used_token
SELECT 1 FROM used_tokens WHERE client_id = :client_id AND digest = :digest;

-- name: forget_used_tokens
DELETE FROM used_tokens WHERE rowid IN (
    SELECT rowid FROM used_tokens WHERE until < :now LIMIT :limit
);

-- name: used_tokens_after
SELECT client_id, digest, until FROM used_tokens
WHERE (client_id, digest) > (:client_id, :digest) ORDER BY client_id, digest LIMIT :limit;

-- name: counter
SELECT entries FROM counters WHERE account_id = :account_id AND kind = :kind;

-- name: save_counter_if
INSERT INTO counters (account_id, kind, entries)
SELECT account_id, :kind, :entries FROM accounts WHERE account_id = :account_id
ON CONFLICT (account_id, kind) DO UPDATE SET entries = excluded.entries
WHERE counters.entries = :before;

-- name: server_keys
SELECT key_id, private, created, until FROM server_keys
WHERE until IS NULL OR until > :now ORDER BY created DESC, key_id;

-- name: retire_server_keys
UPDATE server_keys SET until = min(coalesce(until, :until), :until);

-- name: add_server_key
INSERT INTO server_keys (key_id, private, created) VALUES (:key_id, :private, :created);

-- name: adopt_server_key
INSERT INTO server_keys (key_id, private, created, until)
VALUES (:key_id, :private, :created, :until);

-- name: delete_server_keys
DELETE FROM server_keys WHERE until <= :now;

-- name: add_act
INSERT INTO acts (time, who, act, subject, detail) VALUES (:time, :who, :act, :subject, :detail);

-- name: latest_acts
SELECT time, who, act, subject, detail FROM acts ORDER BY number DESC LIMIT :limit;

-- name: count_acts
SELECT act, count(*) FROM acts GROUP BY act;

-- name: acts_after
SELECT number, time, who, act, subject, detail FROM acts
WHERE number > :number ORDER BY number LIMIT :limit;

-- name: acts_between
SELECT time, who, act, subject, detail FROM acts WHERE time BETWEEN :first AND :last;
