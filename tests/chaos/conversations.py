"""What the clients tell: conversations of every kind, cut up and shuffled, with repetitions."""

import time
from collections import deque
from collections.abc import Sequence
from functools import cache
from random import Random
from threading import Lock
from typing import Any, TypeAlias

from hypothesis import HealthCheck, Phase, given, seed, settings

from intentlive.core.ids import session_id
from intentlive.core.times import parse_instant
from intentlive.simulation.profile import CHAT, VOICE
from intentlive.simulation.traffic import session_events
from tests.property.histories import histories

Event: TypeAlias = dict[str, Any]

_WILD = 300
_AT_ONCE = 400
_REMEMBERED = 2_000
_LATELY_MS = 45 * 60_000  # so that many end about now, as seen by a clock that is wrong, too


@cache
def wild_histories(seed_: int) -> list[list[Event]]:
    """Histories dense in ties and corners, the same for one seed."""
    found: list[list[Event]] = []

    @seed(seed_)
    @settings(
        max_examples=_WILD,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(histories)
    def collect(history: list[Event]) -> None:
        found.append(history)

    collect()
    return found


class Conversations:
    """An endless supply of batches; the events of a session come in any order, in any batches.

    Half of the sessions are wild, half are such as people have, from lately. Supplies of one seed
    and number are the same.
    """

    def __init__(self, seed_: int, number: int) -> None:
        self._chance = Random(f"{seed_} {number}")
        self._wild = wild_histories(seed_)
        self._lock = Lock()
        self._untold: list[Event] = []
        self._told: deque[Event] = deque(maxlen=_REMEMBERED)

    def batch(self, least: int, most: int) -> Sequence[Event]:
        """Some events, a tenth of which were told before."""
        chance = self._chance
        with self._lock:
            if len(self._untold) < _AT_ONCE // 2:
                self._fill()
            new = [self._untold.pop() for _ in range(chance.randint(least, most))]
            again = chance.sample(self._told, min(len(self._told), len(new) // 10))
            self._told.extend(new)
            return chance.sample(events := [*new, *again], len(events))

    def _fill(self) -> None:
        while len(self._untold) < _AT_ONCE:
            make = self._chance.choice((self._made_up, self._lifelike))
            self._untold += make(session_id(self._chance.randbytes(12)))
        self._chance.shuffle(self._untold)

    def _made_up(self, subject: str) -> list[Event]:
        return [event | {"subject": subject} for event in self._chance.choice(self._wild)]

    def _lifelike(self, subject: str) -> list[Event]:
        now = time.time_ns() // 1_000_000
        profile = self._chance.choice((VOICE, CHAT))
        events = session_events(self._chance, profile, now - self._chance.randrange(_LATELY_MS))
        return [
            each | {"subject": subject} for each in events if parse_instant(each["time"]) <= now
        ]
