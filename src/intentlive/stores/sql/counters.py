"""What accounts have used of their limits: one row for each kind, with the entries of a minute.

Nothing is locked: a row is written if it is still as it was read, else read again. Whoever comes
between has counted something, so it goes on.
"""

from collections.abc import Sequence
from functools import partial
from typing import TypeAlias

import msgspec

from intentlive.core.window import Entry, Taken, Window
from intentlive.counting import Want
from intentlive.stores.sql.part import SqlPart
from intentlive.stores.sql.statements import Statements

_Key: TypeAlias = tuple[str, str]
_decoder = msgspec.msgpack.Decoder(list[Entry])


class SqlCounters(SqlPart):
    """The `Counters` part of the store."""

    async def take_portions(self, wants: Sequence[Want], now: int) -> Sequence[Taken]:
        return await self._database.repeat_freely(partial(_take_all, wants, now))


def _take_all(wants: Sequence[Want], now: int, run: Statements) -> Sequence[Taken]:
    by_key: dict[_Key, list[int]] = {}
    for position, want in enumerate(wants):
        by_key.setdefault((want.account_id, want.kind), []).append(position)
    found: dict[int, Taken] = {}
    for key, positions in by_key.items():
        taken = _take(run, key, [wants[position] for position in positions], now)
        found |= zip(positions, taken, strict=True)
    return [found[position] for position in range(len(wants))]


def _take(run: Statements, key: _Key, wants: Sequence[Want], now: int) -> list[Taken]:
    row = dict(zip(("account_id", "kind"), key, strict=True))
    while True:
        before = run.value("counter", **row)
        window = Window(() if before is None else _decoder.decode(before))
        taken = [window.take(now, want.limit, want.count, want.spare) for want in wants]
        if not any(each.count for each in taken):
            return taken
        entries = msgspec.msgpack.encode(window.entries)
        if run.run("save_counter_if", **row, before=before or b"", entries=entries):
            return taken
        if run.first("account", account_id=row["account_id"]) is None:  # deleted meanwhile
            return [Taken(0, 0, now) for _ in wants]
