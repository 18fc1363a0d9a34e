"""What bots tell: sessions that are dense in ties, corners, late events and repetitions."""

from random import Random
from typing import Any

import msgspec

from intentlive.core.events import EVENT_TYPES
from intentlive.core.times import format_instant

BEGINNING_MS = 1_800_000_000_000
"""The time of the store's clock when a world begins."""

_USERS = ("u-ann", "u-bob", "u-eve")
_OFTEN = (
    "message.received",
    "intent.identified",
    "task.completed",
    "task.failed",
    "flow.completed",
    "session.ended",
)
_NEEDED = {
    "intent.identified": lambda chance: {"intent": chance.choice(("Balance", "Card", "Hours"))},
    "session.deflected": lambda chance: {"to": chance.choice(("rtm", "sms"))},
    "session.recorded": lambda chance: {"record": _record(chance)},
}


class Histories:
    """The sessions of a bot, told in parts."""

    def __init__(self, chance: Random, sessions: int) -> None:
        self._chance = chance
        self._ids = [f"session-{number:02}" for number in range(sessions)]
        self._told: list[bytes] = []

    @staticmethod
    def user(chance: Random) -> str:
        """Someone who calls."""
        return chance.choice(_USERS)

    def told(self, at: float, most: int) -> tuple[bytes, ...]:
        """Some events that are known at a moment (s from the beginning); some were told before."""
        chance = self._chance
        events = []
        for _ in range(chance.randint(1, most)):
            if self._told and chance.random() < 0.2:
                events.append(chance.choice(self._told))
                continue
            events.append(self._event(at))
            self._told.append(events[-1])
        return tuple(events)

    def _event(self, at: float) -> bytes:
        chance = self._chance
        type_ = chance.choice(_OFTEN if chance.random() < 0.8 else EVENT_TYPES)
        event: dict[str, Any] = {
            "specversion": "1.0",
            "id": str(chance.randrange(20)),
            "source": "urn:worlds",
            "type": type_,
            "subject": chance.choice(self._ids),
            "time": format_instant(BEGINNING_MS + self._time(at)),
        }
        data = _NEEDED[type_](chance) if type_ in _NEEDED else {}
        if chance.random() < 0.3:
            data |= {"userId": self.user(chance), "channel": chance.choice(("rtm", "ivr"))}
        if chance.random() < 0.02:
            data["developer"] = True
        return msgspec.json.encode(event | ({"data": data} if data else {}))

    def _time(self, at: float) -> int:
        """Ms from the beginning: by a clock that may be ahead, or on the beat, for ties."""
        chance, now = self._chance, int(at * 1000)
        kind = chance.random()
        if kind < 0.15:
            return now + chance.randrange(1_500)
        if kind < 0.5:
            return now - chance.randrange(300)
        if kind < 0.75:
            return now - chance.randrange(4_000)
        return now // 500 * 500 - 500 * chance.randrange(60)


def _record(chance: Random) -> dict[str, Any]:
    start = BEGINNING_MS - chance.randrange(10_000)
    return {
        "intent": ["Elsewhere"],
        "startTime": format_instant(start),
        "endTime": format_instant(start + chance.randrange(12_000)),
        "status": chance.choice(("completed", "Dropoff")),
        "timeHandled": "5s",
    }
