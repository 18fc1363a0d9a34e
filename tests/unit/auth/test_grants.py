"""Callers that are remembered: for how long, how many, and who must make room."""

import pytest

from intentlive.auth import grants
from intentlive.auth.grants import Grant, Grants
from intentlive.ports import Account, App

NOW = 1_700_000_000_000
ACCOUNT = Account("acc", "", 60, 0)


def grant(token, client_id="cs-app", *, account_id=None, until=float("inf")):
    app = App(client_id, "acc", "", "HS256", (), (), None, False, 0)
    return Grant(ACCOUNT, app, None, (token, account_id), until)


@pytest.fixture
def known():
    return Grants()


def remembered(known, *tokens):
    return [token for token in tokens if known.at_hand((token, None), NOW)]


def test_who_is_remembered_is_found_by_what_was_presented_and_nothing_else(known):
    first = grant("a", account_id="acc")
    known.remember(first)
    assert known.at_hand(("a", "acc"), NOW) is first
    assert known.at_hand(("a", None), NOW) is None
    assert known.at_hand(("b", "acc"), NOW) is None
    assert len(known) == 1


def test_nobody_is_remembered_longer_than_the_token_holds(known):
    known.remember(grant("a", until=NOW + 1))
    assert known.at_hand(("a", None), NOW)
    assert known.at_hand(("a", None), NOW + 1) is None


def test_a_token_that_counts_once_is_not_remembered(known):
    known.remember(grant("a", until=None))
    assert (len(known), remembered(known, "a")) == (0, [])


def test_a_very_long_token_is_not_remembered(known):
    longest, longer = "x" * 4096, "x" * 4097
    known.remember(grant(longest))
    known.remember(grant(longer))
    assert remembered(known, longest, longer) == [longest]


def test_who_comes_anew_takes_the_place_it_had(known):
    known.remember(grant("a", until=NOW))
    known.remember(grant("a"))
    assert (len(known), remembered(known, "a")) == (1, ["a"])


def test_everyone_is_forgotten(known):
    for number in range(3):
        known.remember(grant(str(number)))
    known.clear()
    assert (len(known), remembered(known, "0", "1", "2")) == (0, [])


def test_of_too_many_the_oldest_makes_room(known, monkeypatch):
    monkeypatch.setattr(grants, "_MAX_GRANTS", 3)
    for token in "abcd":
        known.remember(grant(token, f"cs-{token}"))
    assert (len(known), remembered(known, *"abcd")) == (3, ["b", "c", "d"])


def test_an_app_of_too_many_loses_its_own_and_nobody_else_any(known, monkeypatch):
    monkeypatch.setattr(grants, "_MAX_GRANTS_AN_APP", 3)
    known.remember(grant("other", "cs-other"))
    for token in "abcd":
        known.remember(grant(token))
    assert remembered(known, "other", *"abcd") == ["other", "d"]


def test_who_made_room_does_not_count_for_its_app_any_more(known, monkeypatch):
    monkeypatch.setattr(grants, "_MAX_GRANTS", 4)
    monkeypatch.setattr(grants, "_MAX_GRANTS_AN_APP", 3)
    known.remember(grant("a"))
    known.remember(grant("b"))
    for token in "wxyz":  # of apps of their own
        known.remember(grant(token, f"cs-{token}"))
    for token in "cde":
        known.remember(grant(token))
    assert remembered(known, *"abcde") == ["c", "d", "e"]
    known.remember(grant("f"))
    assert remembered(known, *"cdef") == ["f"]


def test_who_comes_again_and_again_counts_once_for_its_app(known, monkeypatch):
    monkeypatch.setattr(grants, "_MAX_GRANTS_AN_APP", 3)
    known.remember(grant("a"))
    for _ in range(5):
        known.remember(grant("b"))
    known.remember(grant("c"))
    assert remembered(known, *"abc") == ["a", "b", "c"]


def test_after_everyone_was_forgotten_an_app_may_have_as_many_again(known, monkeypatch):
    monkeypatch.setattr(grants, "_MAX_GRANTS_AN_APP", 3)
    for tokens in ("abc", "def"):
        known.clear()
        for token in tokens:
            known.remember(grant(token))
        assert remembered(known, *tokens) == list(tokens)
