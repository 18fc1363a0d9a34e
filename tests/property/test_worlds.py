"""Simulated worlds hold what is promised, are the same each time, and find what is broken."""

import asyncio
import os
import re
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest

from intentlive.applier import Applier
from intentlive.clock import StoreClock
from intentlive.core.session import decode_state, join
from intentlive.idle import Announcer
from intentlive.intake import Intake
from intentlive.latest import LatestViews
from intentlive.stores import sql
from intentlive.stores.sql.sessions import decode_rules, raise_revision, session_row
from worlds import tables
from worlds.plan import drawn
from worlds.run import show
from worlds.server import LockingStore, Parts
from worlds.shrink import Shrinking, kind
from worlds.world import play

ROOT = Path(__file__).resolve().parents[2]
SEEDS_AT_ONCE = 50
NEVER_BACK = "answers are as new as promised, and never go back"
DURABLE = "acknowledged is durable"
ANNOUNCED = "every end is announced"


@pytest.mark.parametrize("first", range(1, 301, SEEDS_AT_ONCE))
def test_what_is_promised_holds_in_every_world(first):
    for seed in range(first, first + SEEDS_AT_ONCE):
        broken = play(drawn(seed)).broken
        assert broken is None, f"python -m worlds.run --seed {seed}"


def test_worlds_are_eventful():
    told = "\n".join(line for seed in range(1, 151) for line in play(drawn(seed)).history)
    for event in (
        "dies before",
        "dies after",
        "the way is away",
        "the way is lost",
        "the way is slow",
        "stands still",
        "has no acknowledgement",
        "has no answer",
        "has set the rules",
        "has erased",
        "pulls",
        "puts back",
        "is done with",
        "raise_revision_if and save_sessions_if",
        "25 sessions",
    ):
        assert event in told


@pytest.mark.parametrize("seed", [5, 8])
def test_a_seed_makes_one_history_whatever_the_hashes_are(seed):
    histories = [
        subprocess.run(
            [sys.executable, "-m", "worlds.run", "--seed", str(seed)],
            cwd=ROOT,
            env=os.environ | {"PYTHONHASHSEED": hash_seed},
            capture_output=True,
            check=True,
        ).stdout
        for hash_seed in ("0", "1", "4711")
    ]
    assert "\n".join(play(drawn(seed)).history).encode() in histories[0]
    assert histories[0] == histories[1] == histories[2]


class Racing(LockingStore):
    """Reads the sessions before it takes the bot's lock."""

    async def merge(self, batch):
        return await self._database.repeat(partial(merge_without_lock, batch))


def merge_without_lock(batch, run):
    revisions = {}
    for bot_id, sessions in batch.items():
        stored = {
            session_id: state
            for session_id, state in run.all("sessions_after", bot_id=bot_id, after="", limit=99)
            if session_id in sessions
        }
        idle_timeouts, skip_silent, _ = run.first("lock_bot", bot_id=bot_id)
        rules = decode_rules(idle_timeouts, bool(skip_silent))
        for session_id, state in sessions.items():
            before = stored.get(session_id)
            joined = state if before is None else join(decode_state(before), state)
            run.run_for("save_session", [session_row(bot_id, session_id, joined, rules)])
        revisions[bot_id] = raise_revision(run, bot_id)
    return revisions


class Hasty(Intake):
    """Answers before the commit."""

    async def submit(self, bot_id, states):
        self._later = asyncio.create_task(super().submit(bot_id, states))


class Carefree(Intake):
    """Takes an error of the store for success."""

    async def submit(self, bot_id, states):
        await asyncio.gather(super().submit(bot_id, states), return_exceptions=True)


class Silent(Intake):
    """Does not tell the views of its own process what it wrote."""

    def __init__(self, sink, _on_change, signals):
        super().__init__(sink, lambda *_: None, signals)


class Blind(LatestViews):
    """Does not see what other processes wrote."""

    async def _look(self, bot_ids):
        for bot_id in bot_ids:
            self._views[bot_id].checked = self._clock()
        return [None] * len(bot_ids)


class Timeless(LatestViews):
    """Does not notice that an idle timeout passes."""

    async def _render(self, bot_id):
        view = await super()._render(bot_id)
        view.due = None
        return view


class Dying(LatestViews):
    """Stops to follow by an error that nobody waits for."""

    async def follow(self):
        raise ZeroDivisionError


class Mute(Announcer):
    """Announces nothing."""

    async def announce(self):
        await self._store.unannounced(self._clock())


class Early(Announcer):
    """Announces what has not ended yet."""

    def __init__(self, store, clock, on_change):
        super().__init__(store, lambda: clock() + 2_000, on_change)


class Eager(Applier):
    """Acknowledges before the commit."""

    async def _commit(self, read):
        for each in read:
            await each.delivery.done()
        await super()._commit(read)


class Lazy(Applier):
    """Pulls, and applies nothing."""

    async def step(self):
        await self._buffer.pull(64)


class OwnClock(StoreClock):
    """Goes by the clock of its machine."""

    async def measure(self):
        """Nothing."""


def names_of(parts):
    return "".join(
        mine.__name__ for mine, usual in zip(parts, Parts(), strict=True) if mine != usual
    )


@pytest.mark.parametrize(
    ("parts", "found"),
    [
        (Parts(locking=Racing), {"states only grow"}),
        (Parts(intake=Hasty), {DURABLE}),
        (Parts(intake=Carefree), {DURABLE}),
        (Parts(intake=Silent), {NEVER_BACK}),
        (Parts(views=Blind), {NEVER_BACK}),
        (Parts(views=Timeless, announcer=Mute), {"an answer is what was true"}),
        (Parts(views=Dying), {"ZeroDivisionError"}),
        (Parts(announcer=Mute), {ANNOUNCED}),
        (Parts(announcer=Early), {"no end is announced before its time"}),
        (Parts(applier=Eager), {DURABLE, "all that was acknowledged is stored", NEVER_BACK}),
        (Parts(applier=Lazy), {"Endless"}),
        (Parts(clock=OwnClock), {"ValueError", "an answer is what was true"}),
    ],
    ids=lambda value: "" if isinstance(value, set) else names_of(value),
)
def test_a_broken_part_is_found(parts, found):
    assert any(each in found for each in faults_of(parts))


def test_the_answers_need_no_announcement():
    assert set(faults_of(Parts(announcer=Mute), seeds=100)) == {ANNOUNCED}


@pytest.mark.parametrize(
    ("condition", "found"),
    [
        (":version = coalesce((", "states only grow"),
        ("AND idle_timeouts = :idle_timeouts", "a session ends when its rules say"),
    ],
)
def test_a_comparison_left_out_is_found(monkeypatch, condition, found):
    without = {
        name: text.replace(condition, "" if condition.startswith("AND") else "0 <= coalesce((")
        for name, text in tables.COMPARING.items()
    }
    assert without != tables.COMPARING
    monkeypatch.setattr(tables, "COMPARING", without)
    assert next(faults_of(Parts())) == found


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        (r" AND \(.*\)(?=\nRETURNING)", "an end is announced once"),
        (r"announced < (?=\()", "an end is announced once"),
        (", announced = :now", ANNOUNCED),
    ],
)
def test_an_announcement_that_comes_twice_is_found(monkeypatch, pattern, found):
    usual = sql.queries("sqlite")["announce"]
    without = re.sub(pattern, "", usual, flags=re.DOTALL)
    assert without != usual
    monkeypatch.setitem(tables.COMPARING, "announce", without)
    assert next(faults_of(Parts())) == found


def faults_of(parts, seeds=300):
    """What goes wrong in each world in which something does."""
    kinds = (kind(play(drawn(seed), parts).broken) for seed in range(1, seeds + 1))
    return filter(None, kinds)


def test_what_goes_wrong_is_told_in_short(capsys):
    parts = Parts(intake=Hasty)
    plan = drawn(1)
    least = Shrinking(plan, parts).least()
    (step,) = least.steps
    assert len(step.events) == len(least.workers) == 1
    assert show(plan, parts) == 1
    told, in_short = capsys.readouterr().out.split("\nThe same with 1 of its ")
    assert f"Broken: {DURABLE}" in told
    assert f"Broken: {DURABLE}" in in_short
    assert in_short.count("\n") < told.count("\n")
