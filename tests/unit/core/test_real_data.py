"""Two public data sets, and the answer that is known of each."""

import gzip
import json
import os
from pathlib import Path

import msgspec
import pytest

from intentlive.core.events import AnyEvent
from intentlive.core.personal import VERBATIM
from intentlive.core.reading import BotRules, end_time, is_listed
from intentlive.core.record import record, render
from intentlive.core.session import fold
from intentlive.core.times import parse_instant

DATA = Path(__file__).resolve().parents[4] / "shared" / "data"
RULES = BotRules()

_decoder = msgspec.json.Decoder(AnyEvent, dec_hook=lambda _type, value: parse_instant(value))


@pytest.fixture(params=["bank-calls-week1", "dialogues-dev"], scope="module")
def known(request):
    """The events of a data set, and its latest 25 records."""
    if not DATA.is_dir():
        message = "the public data sets are not beside the repository (shared/data)"
        if os.environ.get("CI"):
            pytest.fail(message)
        pytest.skip(message)
    with gzip.open(DATA / f"{request.param}.ndjson.gz") as lines:
        session_events = [_decoder.decode(line) for line in lines]
    return session_events, json.loads((DATA / f"{request.param}.latest.json").read_bytes())


def latest(states, count=25):
    """The latest sessions by end, ties by session id descending; all of them ended long ago."""
    ends = {id_: end_time(state, RULES) for id_, state in states.items() if is_listed(state)}
    newest = sorted(ends, key=lambda id_: (ends[id_], id_), reverse=True)[:count]
    return json.loads(render([record(id_, states[id_], RULES, VERBATIM) for id_ in newest]))


def test_the_latest_25_are_the_known_ones(known):
    session_events, expected = known
    assert latest(fold(session_events)) == expected


def test_backwards_and_twice_gives_the_same_states(known):
    session_events, _ = known
    assert fold([*reversed(session_events), *session_events[::3]]) == fold(session_events)
