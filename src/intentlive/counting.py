"""What limits ask of a store: what its processes have counted of an account in the last minute."""

from collections.abc import Sequence
from typing import Literal, Protocol, TypeAlias

from msgspec import Struct

from intentlive.core.window import Taken

Counted: TypeAlias = Literal["requests", "events"]


class Want(Struct, frozen=True):
    """What a process wants to count in an account's minute: `count` whole or not at all.

    With it, as much of `spare` as there is room for, to be spent without asking.
    """

    account_id: str
    kind: Counted
    limit: int
    count: int
    spare: int = 0


class Counters(Protocol):
    """The counts that the processes of a store share."""

    async def take_portions(self, wants: Sequence[Want], now: int) -> Sequence[Taken]:
        """Count what is wanted, one after the other, as far as the limits go, at `now` (ms).

        Another process sees it at once. If it fails, a part may be counted all the same.
        """
