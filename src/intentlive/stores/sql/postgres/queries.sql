-- name: sessions_read
-- Each is looked up by its key: another plan might read the bot's whole history.
SELECT wanted.session_id, found.state, found.version
FROM unnest(%(session_ids)s::text[]) AS wanted (session_id) CROSS JOIN LATERAL (
    SELECT state, version FROM sessions
    WHERE bot_id = %(bot_id)s AND session_id = wanted.session_id LIMIT 1
) AS found;

-- name: bot_read
SELECT idle_timeouts, skip_silent, created, revision FROM bots WHERE bot_id = %(bot_id)s;

-- name: raise_revision_if
UPDATE bots SET revision = revision + 1
WHERE bot_id = %(bot_id)s AND created = %(created)s AND idle_timeouts = %(idle_timeouts)s
RETURNING revision;

-- name: save_sessions_if
INSERT INTO sessions (bot_id, session_id, listing, end_time, state, version)
-- A revision is a version that never comes again, whatever was deleted meanwhile.
SELECT bots.bot_id, new.session_id, new.listing, new.end_time, new.state, bots.revision
FROM bots CROSS JOIN unnest(
    %(session_ids)s::text[], %(listings)s::smallint[], %(end_times)s::bigint[],
    %(states)s::bytea[], %(versions)s::bigint[]
) AS new (session_id, listing, end_time, state, version)
WHERE bots.bot_id = %(bot_id)s AND bots.created = %(created)s
    AND bots.idle_timeouts = %(idle_timeouts)s
    AND new.version = coalesce( -- looked up by its key: see sessions_read
        (
            SELECT version FROM sessions
            WHERE bot_id = %(bot_id)s AND session_id = new.session_id
        ), 0
    )
ON CONFLICT (bot_id, session_id) DO UPDATE
SET listing = excluded.listing, end_time = excluded.end_time, state = excluded.state,
    version = excluded.version
RETURNING session_id;

-- name: session_states
SELECT session_id, state FROM sessions
WHERE bot_id = %(bot_id)s AND session_id = ANY(%(session_ids)s);

-- name: save_session
INSERT INTO sessions (bot_id, session_id, listing, end_time, state, version)
VALUES (%(bot_id)s, %(session_id)s, %(listing)s, %(end_time)s, %(state)s, 1)
ON CONFLICT (bot_id, session_id) DO UPDATE
SET listing = excluded.listing, end_time = excluded.end_time, state = excluded.state,
    version = sessions.version + 1;

-- name: raise_revision
UPDATE bots SET revision = revision + 1 WHERE bot_id = %(bot_id)s RETURNING revision;

-- name: revisions
SELECT bot_id, revision FROM bots WHERE bot_id = ANY(%(bot_ids)s);

-- name: unannounced
SELECT bot_id FROM bots
WHERE announced < (
    SELECT max(end_time) FROM sessions
    WHERE sessions.bot_id = bots.bot_id AND listing = 2 AND end_time <= %(now)s
) OR announced < (
    SELECT max(end_time) FROM sessions
    WHERE sessions.bot_id = bots.bot_id AND listing = 1 AND end_time <= %(now)s
);

-- name: announce
UPDATE bots SET revision = revision + 1, announced = %(now)s
WHERE bot_id = %(bot_id)s AND (
    announced < (
        SELECT max(end_time) FROM sessions
        WHERE bot_id = %(bot_id)s AND listing = 2 AND end_time <= %(now)s
    ) OR announced < (
        SELECT max(end_time) FROM sessions
        WHERE bot_id = %(bot_id)s AND listing = 1 AND end_time <= %(now)s
    )
)
RETURNING revision;

-- name: lock_bot
SELECT idle_timeouts, skip_silent, revision FROM bots WHERE bot_id = %(bot_id)s FOR UPDATE;

-- name: latest_sessions
SELECT bots.idle_timeouts, bots.skip_silent, bots.personal_data, bots.revision,
    (
        SELECT least(
            (
                SELECT end_time FROM sessions
                WHERE bot_id = %(bot_id)s AND listing = 2 AND end_time > %(now)s
                ORDER BY end_time, session_id LIMIT 1
            ),
            (
                SELECT end_time FROM sessions
                WHERE bot_id = %(bot_id)s AND listing = 1 AND end_time > %(now)s
                ORDER BY end_time, session_id LIMIT 1
            )
        )
    ) AS due,
    listed.session_id, listed.state
FROM bots LEFT JOIN (
    (
        SELECT session_id, end_time, state FROM sessions
        WHERE bot_id = %(bot_id)s AND listing = 2 AND end_time <= %(now)s
        ORDER BY end_time DESC, session_id DESC LIMIT %(limit)s
    )
    UNION ALL
    (
        SELECT session_id, end_time, state FROM sessions
        WHERE bot_id = %(bot_id)s AND listing = 1 AND end_time <= %(now)s
            AND NOT (SELECT skip_silent FROM bots WHERE bot_id = %(bot_id)s)
        ORDER BY end_time DESC, session_id DESC LIMIT %(limit)s
    )
) AS listed ON true
WHERE bots.bot_id = %(bot_id)s
ORDER BY listed.end_time DESC, listed.session_id DESC LIMIT %(limit)s;

-- name: open_sessions
SELECT coalesce(sum(open.count), 0)::bigint
FROM bots CROSS JOIN LATERAL (
    SELECT count(*) FROM sessions
    WHERE sessions.bot_id = bots.bot_id AND sessions.listing IN (1, 2)
        AND sessions.end_time > %(now)s
) AS open;

-- name: sessions_ending_after
SELECT session_id, state FROM sessions
WHERE bot_id = %(bot_id)s AND listing IN (0, 1, 2) AND end_time >= %(since)s;

-- name: delete_some_sessions
DELETE FROM sessions WHERE bot_id = %(bot_id)s AND session_id IN (
    SELECT session_id FROM sessions WHERE bot_id = %(bot_id)s ORDER BY session_id LIMIT %(limit)s
);

-- name: delete_sessions
DELETE FROM sessions WHERE bot_id = %(bot_id)s;

-- name: sessions_after
SELECT session_id, state FROM sessions
WHERE bot_id = %(bot_id)s AND session_id > %(after)s ORDER BY session_id LIMIT %(limit)s;

-- name: sessions_ended_before
SELECT session_id, state FROM sessions
WHERE bot_id = %(bot_id)s AND listing IN (0, 1, 2) AND end_time < %(before)s LIMIT %(limit)s;

-- name: delete_session
DELETE FROM sessions WHERE bot_id = %(bot_id)s AND session_id = %(session_id)s;

-- name: next_bot
SELECT min(bot_id) FROM sessions WHERE bot_id > %(after)s;

-- name: count_sessions
SELECT count(*) FROM sessions WHERE bot_id = %(bot_id)s;

-- name: sessions_to_check
SELECT sessions.bot_id, session_id, listing, end_time, state, idle_timeouts, skip_silent
FROM sessions LEFT JOIN bots ON bots.bot_id = sessions.bot_id
WHERE sessions.bot_id = %(bot_id)s AND session_id > %(after)s ORDER BY session_id LIMIT %(limit)s;

-- name: lift_revision
UPDATE bots SET revision = %(least)s WHERE bot_id = %(bot_id)s AND revision < %(least)s;

-- name: time
SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint;

-- name: encoding
SELECT current_setting('server_encoding');

-- name: is_made
SELECT to_regclass('registry') IS NOT NULL;

-- name: schema
SELECT schema FROM registry;

-- name: lock_schema
SELECT schema FROM registry FOR UPDATE;

-- name: note_schema
UPDATE registry SET schema = %(schema)s, works_with = %(works_with)s;

-- name: works_with
SELECT works_with FROM registry;

-- name: probe
INSERT INTO probes (one, count) VALUES (1, 1)
ON CONFLICT (one) DO UPDATE SET count = probes.count + 1;

-- name: registry_revision
SELECT revision FROM registry;

-- name: raise_registry_revision
UPDATE registry SET revision = revision + 1;

-- name: add_account
INSERT INTO accounts (account_id, name, rate_limit, event_limit, created)
VALUES (%(account_id)s, %(name)s, %(rate_limit)s, %(event_limit)s, %(created)s);

-- name: account
SELECT * FROM accounts WHERE account_id = %(account_id)s;

-- name: accounts
SELECT * FROM accounts ORDER BY created, account_id;

-- name: update_account
UPDATE accounts SET name = %(name)s, rate_limit = %(rate_limit)s, event_limit = %(event_limit)s
WHERE account_id = %(account_id)s;

-- name: delete_account
DELETE FROM accounts WHERE account_id = %(account_id)s;

-- name: add_bot
INSERT INTO bots (
    bot_id, account_id, name, idle_timeouts, skip_silent, personal_data, retention_days, created,
    revision
) VALUES (
    %(bot_id)s, %(account_id)s, %(name)s, %(idle_timeouts)s, %(skip_silent)s, %(personal_data)s,
    %(retention_days)s, %(created)s, %(created)s
);

-- name: bot
SELECT * FROM bots WHERE bot_id = %(bot_id)s;

-- name: bot_of_account
SELECT * FROM bots WHERE bot_id = %(bot_id)s AND account_id = %(account_id)s;

-- name: bots
SELECT * FROM bots ORDER BY created, bot_id;

-- name: bots_of_account
SELECT * FROM bots WHERE account_id = %(account_id)s ORDER BY created, bot_id;

-- name: update_bot
UPDATE bots SET name = %(name)s, idle_timeouts = %(idle_timeouts)s, skip_silent = %(skip_silent)s,
    personal_data = %(personal_data)s, retention_days = %(retention_days)s
WHERE bot_id = %(bot_id)s;

-- name: delete_bot
DELETE FROM bots WHERE bot_id = %(bot_id)s;

-- name: apps_bound_to_bot
SELECT client_id FROM apps WHERE bots IS NOT NULL AND bots::jsonb ? %(bot_id)s;

-- name: add_app
INSERT INTO apps (
    client_id, account_id, name, algorithm, keys, scopes, bots, require_exp, enforce_jti,
    enforce_jwe, created
) VALUES (
    %(client_id)s, %(account_id)s, %(name)s, %(algorithm)s, %(keys)s, %(scopes)s, %(bots)s,
    %(require_exp)s, %(enforce_jti)s, %(enforce_jwe)s, %(created)s
);

-- name: app
SELECT * FROM apps WHERE client_id = %(client_id)s;

-- name: app_or_first
SELECT * FROM apps WHERE client_id = greatest( -- no id is smaller than the first
    (SELECT client_id FROM apps WHERE client_id = %(client_id)s),
    (SELECT min(client_id) FROM apps)
);

-- name: apps
SELECT * FROM apps ORDER BY created, client_id;

-- name: apps_of_account
SELECT * FROM apps WHERE account_id = %(account_id)s ORDER BY created, client_id;

-- name: update_app
UPDATE apps SET name = %(name)s, algorithm = %(algorithm)s, keys = %(keys)s, scopes = %(scopes)s,
    bots = %(bots)s, require_exp = %(require_exp)s, enforce_jti = %(enforce_jti)s,
    enforce_jwe = %(enforce_jwe)s
WHERE client_id = %(client_id)s;

-- name: delete_app
DELETE FROM apps WHERE client_id = %(client_id)s;

-- name: sealed
SELECT value FROM sealed WHERE name = %(name)s;

-- name: seal
INSERT INTO sealed (name, value) VALUES (%(name)s, %(value)s);

-- name: seal_anew
UPDATE sealed SET value = %(value)s WHERE name = %(name)s;

-- name: use_token
INSERT INTO used_tokens (client_id, digest, until) VALUES (%(client_id)s, %(digest)s, %(until)s)
ON CONFLICT (client_id, digest) DO NOTHING;

-- name: used_token
SELECT 1 FROM used_tokens WHERE client_id = %(client_id)s AND digest = %(digest)s;

-- name: forget_used_tokens
DELETE FROM used_tokens WHERE (client_id, digest) IN (
    SELECT client_id, digest FROM used_tokens WHERE until < %(now)s LIMIT %(limit)s
);

-- name: used_tokens_after
SELECT client_id, digest, until FROM used_tokens
WHERE (client_id, digest) > (%(client_id)s, %(digest)s) ORDER BY client_id, digest LIMIT %(limit)s;

-- name: counter
SELECT entries FROM counters WHERE account_id = %(account_id)s AND kind = %(kind)s;

-- name: save_counter_if
INSERT INTO counters (account_id, kind, entries)
SELECT account_id, %(kind)s, %(entries)s FROM accounts WHERE account_id = %(account_id)s
ON CONFLICT (account_id, kind) DO UPDATE SET entries = excluded.entries
WHERE counters.entries = %(before)s;

-- name: server_keys
SELECT key_id, private, created, until FROM server_keys
WHERE until IS NULL OR until > %(now)s ORDER BY created DESC, key_id;

-- name: retire_server_keys
UPDATE server_keys SET until = least(until, %(until)s);

-- name: add_server_key
INSERT INTO server_keys (key_id, private, created) VALUES (%(key_id)s, %(private)s, %(created)s);

-- name: adopt_server_key
INSERT INTO server_keys (key_id, private, created, until)
VALUES (%(key_id)s, %(private)s, %(created)s, %(until)s);

-- name: delete_server_keys
DELETE FROM server_keys WHERE until <= %(now)s;

-- name: add_act
INSERT INTO acts (number, time, who, act, subject, detail)
SELECT revision, %(time)s, %(who)s, %(act)s, %(subject)s, %(detail)s FROM registry;

-- name: latest_acts
SELECT time, who, act, subject, detail FROM acts ORDER BY number DESC LIMIT %(limit)s;

-- name: count_acts
SELECT act, count(*) FROM acts GROUP BY act;

-- name: acts_after
SELECT number, time, who, act, subject, detail FROM acts
WHERE number > %(number)s ORDER BY number LIMIT %(limit)s;

-- name: acts_between
SELECT time, who, act, subject, detail FROM acts WHERE time BETWEEN %(first)s AND %(last)s;
