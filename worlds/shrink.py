"""The least that still goes wrong in the same way."""

from collections.abc import Callable, Sequence
from typing import TypeVar

from msgspec.structs import replace

from worlds.plan import Plan, Send
from worlds.referee import Broken
from worlds.server import Parts
from worlds.world import play

Item = TypeVar("Item")


class Shrinking:
    """Leaves out of a plan what it can do without, and still go wrong as it does."""

    def __init__(self, plan: Plan, parts: Parts) -> None:
        self._parts = parts
        self._wrong = kind(play(plan, parts).broken)
        self._plan = plan

    def least(self) -> Plan:
        """A plan of which no part can be left out."""
        for name in ("workers", "appliers", "bots"):
            self._leave_out_the_last(name)
        fewest(self._plan.steps, lambda some: self._takes(replace(self._plan, steps=tuple(some))))
        for place in range(len(self._plan.steps)):
            self._leave_out_events(place)
        return self._plan

    def _leave_out_the_last(self, name: str) -> None:
        all_of_them = getattr(self._plan, name)
        for count in range(0 if name == "appliers" else 1, len(all_of_them)):
            if self._takes(replace(self._plan, **{name: all_of_them[:count]})):
                return

    def _leave_out_events(self, place: int) -> None:
        step, steps = self._plan.steps[place], self._plan.steps
        if not isinstance(step, Send):
            return

        def takes(events: Sequence[bytes]) -> bool:
            told = replace(step, events=tuple(events))
            fewer = replace(self._plan, steps=(*steps[:place], told, *steps[place + 1 :]))
            return bool(events) and self._takes(fewer)

        fewest(step.events, takes)

    def _takes(self, plan: Plan) -> bool:
        """Go on with a plan if it goes wrong in the same way."""
        goes_wrong = kind(play(plan, self._parts).broken) == self._wrong
        if goes_wrong:
            self._plan = plan
        return goes_wrong


def kind(broken: Exception | None) -> str | None:
    """What went wrong, without its details."""
    if broken is None:
        return None
    return broken.invariant if isinstance(broken, Broken) else type(broken).__name__


def fewest(items: Sequence[Item], takes: Callable[[list[Item]], bool]) -> list[Item]:
    """As few of the items as it takes: ever smaller parts are left out, if the rest will do."""
    kept = list(items)
    size = len(kept)
    while size:
        place = 0
        while place < len(kept):
            fewer = kept[:place] + kept[place + size :]
            if takes(fewer):
                kept = fewer
            else:
                place += size
        size //= 2
    return kept
