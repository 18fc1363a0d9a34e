"""Servers on one store, and commands beside them: what one does the others see in a second."""

import shutil
import time
from datetime import datetime
from urllib.parse import quote

import pytest

from .calling import call, eventually
from .server import Server, realtime
from .wire import a_booking, event, finished, new_session

WITHIN_A_SECOND = 1.0


@pytest.fixture(scope="module", params=["one file", "PostgreSQL"])
def server(request, tmp_path_factory):
    """A server on a file of its own, or on a database that other machines share."""
    store = None
    if request.param == "PostgreSQL":
        store = request.getfixturevalue("postgres").database(f"servers-{new_session()}")
    running = Server(tmp_path_factory.mktemp("one"), store=store).start()
    yield running
    assert running.stop() == 0


@pytest.fixture(scope="module")
def caller(server):
    return server.caller(server.account("--rate-limit", "0"))


@pytest.fixture(scope="module")
def other(tmp_path_factory, server):
    """A second server on that file, or on another machine, which has the key of secrets, too."""
    folder = tmp_path_factory.mktemp("other")
    data_dir = server.data_dir
    if server.store:
        data_dir = folder / "data"
        data_dir.mkdir()
        shutil.copy(server.data_dir / "postgresql.key", data_dir)
    second = Server(folder, data_dir, server.store).start()
    yield second
    assert second.stop() == 0


@pytest.fixture(params=[True, False], ids=["one", "the other"])
def pair(request, server, other):
    """The server that is told something, and the one that must notice."""
    return (server, other) if request.param else (other, server)


@pytest.fixture
def both(server, other):
    return server, other


def test_what_comes_in_through_one_is_seen_by_the_other(pair, caller, bot):
    told, noticing = pair
    for _ in range(5):
        session = new_session()
        assert noticing.latest(bot, caller).status == 200  # it has a rendering at hand
        assert told.send(bot, caller, [finished(session)]).status == 200
        assert session in told.listed(bot, caller)
        eventually(lambda s=session: s in noticing.listed(bot, caller), WITHIN_A_SECOND)


@pytest.mark.parametrize("order", [list, reversed], ids=["in order", "backwards"])
def test_events_of_one_session_may_come_through_both(both, caller, bot, order):
    session = new_session()
    steps, expected = a_booking(session)
    for number, step in enumerate(order(steps)):
        assert both[number % 2].send(bot, caller, [step]).status == 200
    for each in both:
        eventually(lambda at=each: at.latest(bot, caller).json == [expected], WITHIN_A_SECOND)


def test_an_idle_session_appears_by_itself(both, caller, server):
    bot = server.bot(caller.account_id, "--idle-timeout", "1")
    assert [each.listed(bot, caller) for each in both] == [[], []]
    sent = event("message.received", new_session(), 1.0)
    assert both[0].send(bot, caller, [sent]).status == 200
    ends = datetime.fromisoformat(sent["time"]).timestamp() + 1
    for each in both:
        eventually(
            lambda at=each: at.listed(bot, caller) == [sent["subject"]],
            max(0, ends - time.time()) + WITHIN_A_SECOND,
        )
        assert time.time() >= ends
    (record,) = both[1].latest(bot, caller).json
    assert datetime.fromisoformat(record["endTime"]).timestamp() == pytest.approx(ends)
    assert record["status"] == "Dropoff"


def test_a_later_event_opens_a_finished_session_again(both, caller, bot):
    session = new_session()
    both[0].send(bot, caller, [finished(session, -5.0)])
    for each in both:
        eventually(lambda at=each: at.listed(bot, caller) == [session], WITHIN_A_SECOND)
    both[1].send(bot, caller, [event("message.received", session)])
    for each in both:
        eventually(lambda at=each: at.listed(bot, caller) == [], WITHIN_A_SECOND)


def test_what_was_made_can_be_used_at_once(both, server):
    account = server.account()
    bot = server.bot(account)
    app = server.caller(account)
    for each in both:
        assert each.latest(bot, app).status == 200
    later = server.bot(account)
    for each in both:
        assert each.latest(later, app).status == 200


def test_a_bot_that_was_asked_for_too_early_can_be_used_at_once(both, caller, server):
    bot = f"st-{new_session()}"
    for each in both:
        assert each.latest(bot, caller).status == 400
    server.bot(caller.account_id, "--bot-id", bot)
    for each in both:
        assert each.send(bot, caller, [finished()]).status == 200
        assert each.latest(bot, caller).status == 200


def test_a_deleted_app_is_refused(both, caller, server, bot):
    doomed = server.caller(caller.account_id)
    for each in both:
        assert each.latest(bot, doomed).status == 200
    server.ok("app", "delete", doomed.client_id, "--yes")
    for each in both:
        eventually(lambda at=each: at.latest(bot, doomed).status == 401, WITHIN_A_SECOND)
        eventually(lambda at=each: at.send(bot, doomed, []).status == 401, WITHIN_A_SECOND)
        assert each.latest(bot, caller).status == 200


def test_scopes_and_bots_that_were_taken_away_count(both, caller, server, bot, shared_bot):
    app = server.caller(caller.account_id)
    for each in both:
        assert each.latest(bot, app).status == 200
    server.ok("app", "update", app.client_id, "--bot", shared_bot)
    for each in both:
        eventually(lambda at=each: at.latest(bot, app).status == 401, WITHIN_A_SECOND)
    server.ok("app", "update", app.client_id, "--whole-account", "--scope", "Session Events")
    for each in both:
        eventually(lambda at=each: at.send(bot, app, []).status == 200, WITHIN_A_SECOND)
        assert each.latest(bot, app).error[0] == "Permission denied. Scope is incorrect!"


def test_a_changed_rate_limit_counts(both, server):
    account = server.account()
    bot, app = server.bot(account), server.caller(account)
    for each in both:
        assert each.latest(bot, app).headers["ratelimit-limit"] == "60"
    server.ok("account", "update", account, "--rate-limit", "1")
    for each in both:
        eventually(lambda at=each: at.latest(bot, app).status == 429, WITHIN_A_SECOND)
    server.ok("account", "update", account, "--rate-limit", "0")
    for each in both:
        eventually(lambda at=each: at.latest(bot, app).status == 200, WITHIN_A_SECOND)


def test_skip_silent_and_a_deleted_bot_count(both, caller, server, bot):
    silent, heard = new_session(), new_session()
    events = [
        event("session.started", silent, -9.0),
        event("session.ended", silent, -5.0),
        finished(heard, -7.0),
    ]
    assert both[0].send(bot, caller, events).status == 200
    for wanted, option in (
        ([silent, heard], "--no-skip-silent"),
        ([heard], "--skip-silent"),
        ([silent, heard], "--no-skip-silent"),
    ):
        server.ok("bot", "update", bot, option)
        for each in both:
            eventually(lambda at=each, ids=wanted: at.listed(bot, caller) == ids, WITHIN_A_SECOND)
    server.ok("bot", "delete", bot, "--yes")
    for each in both:
        eventually(lambda at=each: at.latest(bot, caller).status == 400, WITHIN_A_SECOND)
        assert each.send(bot, caller, [finished()]).error == ("Invalid StreamId", 400)


def test_a_changed_idle_timeout_counts_from_now_on(both, caller, server, bot):
    before, after = new_session(), new_session()
    assert both[0].send(bot, caller, [event("message.received", before, -600.0)]).status == 200
    server.ok("bot", "update", bot, "--idle-timeout", "1")
    assert both[1].send(bot, caller, [event("message.received", after)]).status == 200
    for each in both:
        eventually(lambda at=each: at.listed(bot, caller) == [after], 2 + WITHIN_A_SECOND)


def test_one_dies_and_the_other_goes_on(server, caller, bot, new_server):
    mortal = new_server(server.data_dir, server.store).start()
    session = new_session()
    assert mortal.send(bot, caller, [finished(session)]).status == 200
    mortal.kill()
    assert session in server.listed(bot, caller)
    assert server.send(bot, caller, [finished()]).status == 200
    mortal.start()
    assert len(mortal.listed(bot, caller)) == 2
    assert mortal.stop() == 0


@pytest.mark.parametrize("strange", ["\0", "a\0b", " ", "x" * 129])
def test_an_id_that_no_store_can_hold_is_one_that_is_unknown(both, caller, sign, strange):
    for each in both:
        answer = call(each.port, "POST", realtime(quote(strange)), caller.headers)
        assert (answer.status, answer.error) == (400, ("Invalid StreamId", 400))
        headers = {"auth": sign(caller, {"appId": strange})}
        answer = call(each.port, "POST", realtime("st-1"), headers)
        assert (answer.status, answer.error) == (401, ("Invalid SDK credentials", 4002))
