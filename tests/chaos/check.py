"""What must be so afterwards: each acknowledged event is in its session, no session is there twice.

The brute-force reading of all that was acknowledged is compared with every session in the store,
and with the latest 25 that every server tells.
"""

import asyncio
import json
import time
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias

import pytest

from intentlive.core.personal import VERBATIM
from intentlive.core.reading import BotRules, is_listed
from intentlive.core.record import record, render
from intentlive.core.session import State
from intentlive.upkeep import Flaw
from tests.e2e.calling import eventually
from tests.e2e.cluster import Cluster
from tests.e2e.server import Caller, Server
from tests.property.oracle import Reading, read
from tests.stores import open_store

from .conversations import Event

_RULES = BotRules()
_AT_ONCE = 1_000
_EXAMPLES = 3
_DRAIN_SECONDS = 120
_FRESH_SECONDS = 10

Record: TypeAlias = dict[str, Any]


class Shown(NamedTuple):
    """What a session shows, and whether it may be in a list."""

    record: Record | None
    listed: bool


def violations(
    cluster: Cluster, servers: Sequence[Server], bot: str, told: Mapping[str, Sequence[Event]]
) -> list[str]:
    """What is not as it must be, of all sessions of a bot; waits until the buffer is empty."""
    readings = {
        session: read(list(events), list(_RULES.idle_timeouts)) for session, events in told.items()
    }
    eventually(lambda: cluster.office.json("buffer", "status")["messages"] == 0, _DRAIN_SECONDS)
    found, flaws = asyncio.run(_stored(cluster, bot))
    wrong = _differences(readings, found) + [f"wrong in the store: {flaw}" for flaw in flaws]
    for server in servers:
        wrong += _list_differs(server, bot, cluster.caller, readings)
    return wrong


async def _stored(cluster: Cluster, bot: str) -> tuple[list[Shown], Sequence[Flaw]]:
    """Every session of a bot as the store's states show it, and what is wrong with the columns."""
    store = await open_store(cluster.store, cluster.folder, key_file=cluster.key_file, make=False)
    try:
        found, after = [], ""
        while page := await store.sessions_after(bot, after, _AT_ONCE):
            found += [shown(*each) for each in page]
            after = page[-1][0]
        checked = await store.check_sessions(bot, "", len(found) + 1, mend=False)
    finally:
        await store.close()
    return found, checked.flaws


def shown(session: str, state: State) -> Shown:
    """A state by the product's own reading of it."""
    return Shown(*json.loads(render([record(session, state, _RULES, VERBATIM)])), is_listed(state))


def _differences(readings: Mapping[str, Reading], found: Sequence[Shown]) -> list[str]:
    """What is stored against what was acknowledged, session by session."""
    stored = {each.record["sessionId"]: each for each in found}
    expected = {id_: Shown(each.record, each.listed) for id_, each in readings.items()}
    wrong = [id_ for id_ in expected.keys() | stored if expected.get(id_) != stored.get(id_)]
    if not wrong:
        return []
    return [f"{len(wrong)} of {len(expected)} sessions are not as they must be"] + [
        f"expected {expected.get(id_)}\n     found    {stored.get(id_)}"
        for id_ in sorted(wrong)[:_EXAMPLES]
    ]


def _list_differs(
    server: Server, bot: str, caller: Caller, readings: Mapping[str, Reading]
) -> list[str]:
    """Whether a server's latest 25 are those of the brute-force reading, which ends with time."""
    seen: list[Record] = []

    def is_so() -> bool:
        before = _latest(readings, time.time())
        seen[:] = server.latest(bot, caller).json
        return seen in (before, _latest(readings, time.time()))

    try:
        eventually(is_so, _FRESH_SECONDS, pause=0.2)
    except pytest.fail.Exception:
        expected = _latest(readings, time.time())
        return [f"{server.log.parent.name} lists {seen}\n     instead of {expected}"]
    return []


def _latest(readings: Mapping[str, Reading], now: float) -> list[Record]:
    finished = [
        reading
        for reading in readings.values()
        if reading.listed and reading.end_time is not None and reading.end_time <= now * 1000
    ]
    finished.sort(key=lambda each: (each.end_time, each.record["sessionId"]), reverse=True)
    return [each.record for each in finished[:25]]
