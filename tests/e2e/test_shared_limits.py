"""The limits of an account hold for all its servers and workers together."""

import itertools
import shutil

import pytest

from .wire import finished, new_session

NINE_TENTHS, ELEVEN_TENTHS = 54, 66


@pytest.fixture
def machines(tmp_path, postgres, new_server):
    """Two servers, each with a data directory of its own, on one database."""
    store = postgres.database(f"limits-{new_session()}")
    one = new_server(store=store).start()
    other = new_server(store=store)
    other.data_dir.mkdir(parents=True)
    shutil.copy(one.data_dir / "postgresql.key", other.data_dir)
    return one, other.start()


@pytest.fixture
def workers(new_server):
    """Three workers on one port and one file; each connection meets any of them."""
    return (new_server().start("--workers", "3"),)


@pytest.fixture(params=["machines", "workers"])
def servers(request):
    return request.getfixturevalue(request.param)


def in_turn(servers, number):
    return itertools.islice(itertools.cycle(servers), number)


def test_of_many_questions_as_many_are_answered_as_the_account_may_ask(servers):
    account = servers[0].account("--rate-limit", "60")
    bot, caller = servers[0].bot(account), servers[0].caller(account)
    answers = [each.latest(bot, caller) for each in in_turn(servers, 200)]
    answered = [answer for answer in answers if answer.status == 200]
    assert NINE_TENTHS <= len(answered) <= ELEVEN_TENTHS
    assert {answer.status for answer in answers} == {200, 429}
    left = [int(answer.headers["ratelimit-remaining"]) for answer in answered]
    assert left == sorted(left, reverse=True)
    assert 0 < int(answers[-1].headers["retry-after"]) <= 60


def test_of_many_events_as_many_are_taken_as_the_account_may_send(servers):
    account = servers[0].account("--event-limit", "600")
    bot, caller = servers[0].bot(account), servers[0].caller(account)
    answers = [
        each.send(bot, caller, [finished() for _ in range(20)]) for each in in_turn(servers, 60)
    ]
    taken = sum(answer.json["accepted"] for answer in answers if answer.status == 200)
    assert 10 * NINE_TENTHS <= taken <= 10 * ELEVEN_TENTHS
    assert {answer.status for answer in answers} == {200, 429}
