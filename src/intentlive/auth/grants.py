"""Callers that proved who they are, remembered so that no token is verified twice."""

from collections import Counter
from typing import TypeAlias

from msgspec import Struct

from intentlive.ports import Account, App

_MAX_GRANTS = 10_000
_MAX_GRANTS_AN_APP = 1_000
_MAX_TOKEN = 4 * 1024  # characters

Presented: TypeAlias = tuple[str, str | None]
"""A token, and the account id that it came with."""


class Grant(Struct, frozen=True):
    """Who calls: an app that proved itself, and its account.

    `presented` is what it came with. It holds until `until` (ms), or to the end of the call if that
    is None. `exp` is the token's own, in seconds.
    """

    account: Account
    app: App
    exp: float | None
    presented: Presented
    until: float | None


class Grants:
    """What is remembered; an app that has very many loses its own, not others'."""

    def __init__(self) -> None:
        self._grants: dict[Presented, Grant] = {}
        self._of_an_app: Counter[str] = Counter()

    def __len__(self) -> int:
        return len(self._grants)

    def at_hand(self, presented: Presented, now: int) -> Grant | None:
        """Who presents this, if that is known and its time (ms) is not over."""
        found = self._grants.get(presented)
        return found if found and found.until is not None and now < found.until else None

    def remember(self, grant: Grant) -> None:
        """Remember a caller, unless the token counts once."""
        presented = grant.presented
        if grant.until is None or len(presented[0]) > _MAX_TOKEN:
            return
        client_id = grant.app.client_id
        if self._of_an_app[client_id] >= _MAX_GRANTS_AN_APP:
            grants = self._grants.items()
            for mine in [key for key, each in grants if each.app.client_id == client_id]:
                self._forget(mine)
        if len(self._grants) >= _MAX_GRANTS:
            self._forget(next(iter(self._grants)))
        self._of_an_app[client_id] += presented not in self._grants
        self._grants[presented] = grant

    def clear(self) -> None:
        """Forget everyone."""
        self._grants.clear()
        self._of_an_app.clear()

    def _forget(self, presented: Presented) -> None:
        self._of_an_app[self._grants.pop(presented).app.client_id] -= 1
