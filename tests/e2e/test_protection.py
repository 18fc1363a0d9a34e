"""What guards tenants and callers, as an operator uses it beside a running server."""

import json
import shutil
import sqlite3
from contextlib import closing

import pytest

from .calling import call, curl, eventually
from .server import Home
from .wire import event, finished, new_session

INVALID = ("Invalid SDK credentials", 4002)
REPLAY = ("error verifying the jwt: possibly a replay", 401)
NUMBER, MAIL, USER = "+12655551865", "someone@example.org", "u-a-person-of-flesh-and-blood"
WITHIN_A_SECOND = 1.0


def refused(server, bot, caller):
    answer = server.latest(bot, caller)
    return answer.status == 401 and answer.error == INVALID


def with_secret(server, caller, secret):
    return caller._replace(token=server.token(caller.client_id, secret))


def test_a_rotated_secret_goes_on_for_the_overlap_and_no_longer_when_revoked(own):
    server, caller, bot = own
    assert server.listed(bot, caller) == []
    rotated = server.json("app", "rotate", caller.client_id)
    assert list(rotated) == ["clientId", "clientSecret", "oldUntil"]
    newer = with_secret(server, caller, rotated["clientSecret"])
    for each in (newer, caller):
        assert server.listed(bot, each) == []
    kept = server.json("app", "show", caller.client_id)["keys"]
    assert kept == ["current", f"until {rotated['oldUntil']}"]

    revoked = server.json("app", "rotate", caller.client_id, "--overlap", "0")
    assert list(revoked) == ["clientId", "clientSecret"]
    for each in (newer, caller):
        eventually(lambda each=each: refused(server, bot, each), WITHIN_A_SECOND)
    assert server.listed(bot, with_secret(server, caller, revoked["clientSecret"])) == []


def test_a_revocation_counts_in_every_process_though_they_remember(own, new_server):
    server, caller, bot = own
    other = new_server(server.data_dir).start()
    for each in (server, other):
        assert each.listed(bot, caller) == []
    server.ok("app", "delete", caller.client_id, "--yes")
    for each in (server, other):
        eventually(lambda each=each: refused(each, bot, caller), WITHIN_A_SECOND)


def test_a_single_use_token_counts_once_in_all_processes_and_after_a_crash(own, new_server):
    server, caller, bot = own
    other = new_server(server.data_dir).start()
    server.ok("app", "update", caller.client_id, "--enforce-jti")
    eventually(lambda: refused(server, bot, caller), WITHIN_A_SECOND)

    def fresh():
        minted = server.token(caller.client_id, caller.client_secret, "--single-use")
        return caller._replace(token=minted)

    first, second = fresh(), fresh()
    assert "accepted" in server.ok("token", "check", first.token)  # which uses up nothing
    assert server.latest(bot, first).status == 200
    assert other.latest(bot, first).error == REPLAY
    assert server.latest(bot, first).error == REPLAY
    assert other.latest(bot, second).status == 200
    server.kill()
    server.start()
    for used in (first, second):
        answer = server.latest(bot, used)
        assert (answer.status, answer.error) == (401, REPLAY)
        line = server.log_line(answer.request_id)
        assert (line["check"], "mint one for every call" in line["mend"]) == ("replay", True)
    assert "replay" in server.run("token", "check", first.token).stderr


def test_encrypted_tokens_by_the_published_key_through_a_rotation(own, tmp_path):
    server, caller, bot = own
    server.ok("app", "update", caller.client_id, "--enforce-jwe")
    eventually(lambda: refused(server, bot, caller), WITHIN_A_SECOND)

    def encrypted(encoding="A256GCM"):
        published = tmp_path / "jwks.json"
        answer = curl(f"{server.address}/.well-known/jwks.json")
        published.write_bytes(answer.body)
        options = ("--jwks", str(published), "--encoding", encoding)
        minted = server.token(caller.client_id, caller.client_secret, *options)
        return caller._replace(token=minted), answer.json["keys"]

    for encoding in ("A128CBC-HS256", "A128GCM", "A256GCM"):
        by_first, (key,) = encrypted(encoding)
        assert (key["kty"], key["use"], key["alg"]) == ("RSA", "enc", "RSA-OAEP")
        assert "d" not in key
        assert server.listed(bot, by_first) == []

    rotated = server.json("key", "rotate")["keyId"]
    eventually(lambda: len(encrypted()[1]) == 2, WITHIN_A_SECOND)
    by_second, keys = encrypted()
    assert (keys[0]["kid"], keys[1]["kid"]) == (rotated, key["kid"])
    for each in (by_first, by_second):
        assert server.listed(bot, each) == []

    last = server.json("key", "rotate", "--overlap", "0")["keyId"]
    for each in (by_first, by_second):
        eventually(lambda each=each: refused(server, bot, each), WITHIN_A_SECOND)
    assert [found["keyId"] for found in server.json("key", "list")] == [last]
    assert server.listed(bot, encrypted()[0]) == []


def shown(server, bot, caller):
    (record,) = server.latest(bot, caller).json
    return [record[key] for key in ("ANI", "DNI", "userId")]


def test_personal_data_are_shown_as_the_bot_has_it_to_all_but_those_who_may_see_them(own):
    server, caller, bot = own
    sees = server.caller(caller.account_id, scopes=("SmartAssist Analytics", "Personal Data"))
    server.send(bot, caller, [finished(ANI=NUMBER, DNI=MAIL, userId=USER)])
    plain, masked = [NUMBER, MAIL, USER], ["+1265***865", "s***@example.org", "u-***od"]
    assert shown(server, bot, caller) == shown(server, bot, sees) == plain

    server.ok("bot", "update", bot, "--personal-data", "masked")
    eventually(lambda: shown(server, bot, caller) == masked, WITHIN_A_SECOND)
    (row,) = server.json("latest", "--bot", bot)
    assert [row[key] for key in ("ANI", "DNI", "userId")] == masked

    server.ok("bot", "update", bot, "--personal-data", "pseudonym")
    eventually(lambda: shown(server, bot, caller) != masked, WITHIN_A_SECOND)
    names = shown(server, bot, caller)
    assert len({*names, *plain}) == 6
    assert all(name.startswith("p-") for name in names)
    assert shown(server, bot, sees) == plain
    other = server.bot(caller.account_id, "--personal-data", "pseudonym")
    server.send(other, caller, [finished(ANI=NUMBER, DNI=MAIL, userId=USER)])
    assert not set(shown(server, other, caller)) & {*names, *plain}
    server.kill()
    assert shown(server.start(), bot, caller) == names


def traces(folder):
    """The files of a folder in which the person can be found."""
    values = [value.encode() for value in (NUMBER, MAIL, USER)]
    files = [path for path in folder.rglob("*") if path.is_file()]
    return [path.name for path in files if any(value in path.read_bytes() for value in values)]


@pytest.mark.parametrize("by", ["--user", "--ani", "--dni"])
def test_an_erased_person_is_in_no_list_no_file_and_does_not_come_back(own, by):
    server, caller, bot = own
    other_bot = server.bot(caller.account_id)
    value = {"--user": USER, "--ani": NUMBER, "--dni": MAIL}[by]
    key = {"--user": "userId", "--ani": "ANI", "--dni": "DNI"}[by]
    theirs = [finished(time=-index, **{key: value}) for index in range(5)]
    theirs.append(event("session.started", new_session(), **{key: value}))  # still open
    others = [finished(time=-index, userId=f"u-{index}") for index in range(300)]
    server.send(bot, caller, others + theirs)
    server.send(other_bot, caller, [finished(**{key: value})])
    assert traces(server.data_dir)

    assert server.json("erase", by, value) == {"erased": 7}
    assert traces(server.data_dir) == []
    gone = {each["subject"] for each in theirs}
    eventually(lambda: not gone & set(server.listed(bot, caller)), WITHIN_A_SECOND)
    assert server.listed(other_bot, caller) == []
    assert len(server.listed(bot, caller)) == 25

    assert server.send(bot, caller, theirs).json["accepted"] == 6
    assert not gone & set(server.listed(bot, caller))
    server.stop()
    assert traces(server.data_dir) == []
    done, begun = server.json("audit", "--limit", "2")
    assert (done["act"], begun["act"]) == ("erasure done", "erasure begun")
    assert done["detail"]["sessions"] == 7


def test_an_erasure_stays_within_its_bot_or_account(own):
    server, caller, bot = own
    elsewhere = server.caller(server.account())
    other_bot = server.bot(elsewhere.account_id)
    for bot_id, who in ((bot, caller), (other_bot, elsewhere)):
        server.send(bot_id, who, [finished(userId=USER)])
    assert server.json("erase", "--user", USER, "--account", caller.account_id) == {"erased": 1}
    assert len(server.listed(other_bot, elsewhere)) == 1
    assert server.json("erase", "--user", USER, "--bot", bot) == {"erased": 0}
    assert server.json("erase", "--user", USER) == {"erased": 1}
    assert "say who" in server.run("erase").stderr


def test_a_stolen_database_file_opens_nothing(own, tmp_path):
    server, caller, _ = own
    server.stop()
    stolen = Home(tmp_path / "stolen")
    stolen.data_dir.mkdir()
    shutil.copy(server.store_file, stolen.store_file)
    assert caller.client_secret.encode() not in stolen.store_file.read_bytes()
    assert "put it back" in stolen.run("app", "list").stderr

    other_key = tmp_path / "other.key"
    Home(tmp_path / "another").run("account", "create", "A", "--secrets-key-file", str(other_key))
    done = stolen.run("serve", "--secrets-key-file", str(other_key))
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert "cannot be opened with this key" in done.stderr


def test_the_key_may_come_from_the_environment_and_must_be_the_owners_alone(own):
    server, caller, _ = own
    key_file = server.data_dir / "intentlive.db.key"
    assert key_file.stat().st_mode & 0o777 == 0o600
    key = key_file.read_text().strip()
    key_file.chmod(0o644)
    assert f"chmod 600 {key_file}" in server.run("app", "list").stderr
    key_file.unlink()
    server.environment["INTENTLIVE_SECRETS_KEY"] = key
    assert server.json("app", "show", caller.client_id)["clientId"] == caller.client_id
    assert key not in server.log.read_text()


def test_the_audit_tells_who_did_what_and_cannot_be_rewritten(own):
    server, caller, bot = own
    server.ok("bot", "update", bot, "--name", "Renamed", "--retention", "30")
    server.ok("app", "rotate", caller.client_id)
    rotated, renamed = server.json("audit", "--limit", "2")
    assert (renamed["act"], renamed["subject"]) == ("bot updated", bot)
    assert renamed["detail"] == {"name": ["Bot", "Renamed"], "retention_days": [None, 30]}
    assert (rotated["act"], rotated["subject"]) == ("app updated", caller.client_id)
    assert list(rotated["detail"]) == ["keys"]
    assert "@" in rotated["who"]
    told = server.ok("audit")
    assert "account created" in told
    assert caller.client_secret not in told
    with closing(sqlite3.connect(server.store_file)) as connection:
        for tampering in ("DELETE FROM acts", "UPDATE acts SET who = 'nobody'"):
            with pytest.raises(sqlite3.IntegrityError, match="append-only"):
                connection.execute(tampering)
    metrics = call(server.port, "GET", "/metrics").body.decode()
    assert 'intentlive_administrative_acts_total{act="bot updated"} 1.0' in metrics


def test_an_account_over_its_events_waits_and_another_does_not(own):
    server, caller, bot = own
    other = server.caller(server.account("--event-limit", "10"))
    other_bot = server.bot(other.account_id)
    assert server.send(other_bot, other, [finished() for _ in range(10)]).status == 200
    answer = server.send(other_bot, other, [finished()])
    assert (answer.status, answer.error[1]) == (429, 429)
    assert 0 < int(answer.headers["retry-after"]) <= 60
    assert server.log_line(answer.request_id)["check"] == "event limit"
    assert server.send(bot, caller, [finished() for _ in range(100)]).status == 200
    server.ok("account", "update", other.account_id, "--event-limit", "0")
    eventually(lambda: server.send(other_bot, other, [finished()]).status == 200, WITHIN_A_SECOND)


def test_events_older_than_the_retention_are_not_taken(own, tmp_path):
    server, caller, _ = own
    bot = server.bot(caller.account_id, "--retention", "1")
    old, young = finished(time=-90_000), finished(time=-80_000)
    answer = server.send(bot, caller, [old, young]).json
    assert (answer["accepted"], answer["rejected"][0]["errors"][0]["code"]) == (1, 412)
    assert "older than this bot keeps" in answer["rejected"][0]["errors"][0]["msg"]
    assert server.listed(bot, caller) == [young["subject"]]
    file = tmp_path / "old.ndjson"
    file.write_text(json.dumps(old) + "\n")
    done = server.run("import", str(file), "--bot", bot, "--json")
    assert (done.returncode, json.loads(done.stdout)) == (1, {"accepted": 0, "rejected": 1})


def test_an_erasure_is_done_when_the_file_is_written_anew_and_not_before(own):
    server, caller, bot = own
    server.send(bot, caller, [finished(userId=USER)])
    server.stop()
    with closing(sqlite3.connect(server.store_file)) as reader:
        reader.execute("BEGIN").execute("SELECT * FROM bots").fetchall()
        done = server.run("erase", "--user", USER)
        assert (done.returncode, "being read" in done.stderr) == (1, True)
    assert server.json("audit")[0]["act"] == "erasure begun"
    assert server.json("erase", "--user", USER) == {"erased": 0}
    assert traces(server.data_dir) == []
    assert server.json("audit")[0]["act"] == "erasure done"
