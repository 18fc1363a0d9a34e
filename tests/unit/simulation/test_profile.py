import os
import subprocess
import sys
from pathlib import Path
from random import Random

import msgspec
import pytest

from intentlive.simulation.profile import ARRIVALS_BY_HOUR, CHAT, VOICE, draw, pick

ROOT = Path(__file__).parents[3]
DATA = ROOT.parent / "shared" / "data"


@pytest.fixture
def data() -> Path:
    files = [DATA / "bank-calls-week1.ndjson.gz", DATA / "dialogues-dev.ndjson.gz"]
    if not all(file.exists() for file in files):
        sentence = "The two data sets are not in ../shared/data, so the figures were not repeated."
        if "CI" in os.environ:
            pytest.fail(sentence)
        pytest.skip(sentence)
    return DATA


def test_the_figures_can_be_repeated_from_the_data(data):
    script = ROOT / "tools" / "learn_profile.py"
    printed = subprocess.run([sys.executable, script, data], capture_output=True, check=True)
    figures = {"ARRIVALS_BY_HOUR": ARRIVALS_BY_HOUR, "VOICE": VOICE, "CHAT": CHAT}
    assert msgspec.json.decode(printed.stdout) == msgspec.json.decode(msgspec.json.encode(figures))


@pytest.mark.parametrize("profile", [VOICE, CHAT], ids=["voice", "chat"])
def test_shares_add_up_to_one(profile):
    for shares in (profile.outcomes.values(), profile.intents.values()):
        assert sum(shares) == pytest.approx(1, abs=0.002)
    assert sum(profile.intents_per_session) == pytest.approx(1, abs=0.002)


def test_arrivals_add_up_to_one_day():
    assert len(ARRIVALS_BY_HOUR) == 24
    assert sum(ARRIVALS_BY_HOUR) == pytest.approx(1, abs=0.002)


@pytest.mark.parametrize("profile", [VOICE, CHAT], ids=["voice", "chat"])
def test_quantiles_rise(profile):
    tables = [value for value in msgspec.structs.astuple(profile) if isinstance(value, tuple)]
    tables.remove(profile.intents_per_session)
    assert all(list(table) == sorted(table) for table in tables)


def test_a_task_belongs_to_an_intent():
    assert CHAT.tasks.keys() <= CHAT.intents.keys()


def test_draw_gives_the_quantiles_back():
    rng = Random(1)
    drawn = sorted(draw(rng, VOICE.talk) for _ in range(5001))
    assert [drawn[i] for i in range(500, 5000, 500)] == pytest.approx(VOICE.talk[1:-1], rel=0.1)
    assert VOICE.talk[0] <= drawn[0]
    assert drawn[-1] <= VOICE.talk[-1]


def test_draw_of_a_single_value_is_constant():
    assert draw(Random(1), (240.0,)) == 240.0


def test_pick_follows_the_shares():
    rng = Random(1)
    picked = [pick(rng, {"a": 0.7, "b": 0.3}) for _ in range(2000)]
    assert picked.count("a") == pytest.approx(1400, rel=0.05)
