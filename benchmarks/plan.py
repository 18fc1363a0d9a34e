"""How much is measured, on which stores, beside which rivals."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import NamedTuple

import large_store
import processes
import setting
from environments import Unavailable
from large_store import Size, bot_id
from load import Target
from rivals import Rival


class Amount(NamedTuple):
    """How often and how long; the size of the store, and of a small one beside it.

    `seconds` is for each load, `events` how many are sent where they come in batches.
    """

    rounds: int
    seconds: int
    events: int
    size: Size
    small: Size


class Ready(NamedTuple):
    """A rival that can be measured, and the folder of its store."""

    rival: Rival
    folder: Path

    def serve(self) -> AbstractContextManager[processes.Server]:
        command = self.rival.command(self.folder)
        return processes.server(command, self.folder / "benchmark.log")

    def ask(self, server: processes.Server, number: int) -> Target:
        """What asks for the latest of one of the bots."""
        return Target(server, *self.rival.question(bot_id(number)))


class Plan(NamedTuple):
    """What every part of the run is told."""

    folder: Path
    amount: Amount
    rivals: Sequence[Ready]

    @property
    def store(self) -> Path:
        """The folder of the store."""
        return self.folder / "store"

    @property
    def small_store(self) -> Path:
        """The folder of a small one."""
        return self.folder / "small-store"

    def serve(self) -> AbstractContextManager[processes.Server]:
        """The server on the store, while it runs."""
        return processes.server(setting.serve_command(self.store), self.folder / "server.log")

    def rival(self, wanted: Rival) -> Ready | None:
        """One of them, if it can be measured."""
        return next((each for each in self.rivals if each.rival is wanted), None)


def prepared(folder: Path, amount: Amount, wanted: Sequence[Rival]) -> Plan:
    """Copy the stores and fill those of the rivals; say which rival cannot be had, and why."""
    ready = []
    bots = list(map(bot_id, range(amount.size.bots)))
    for rival in wanted:
        own = folder / rival.name.replace(" ", "-")
        own.mkdir()
        try:
            rival.prepare(own, bots, amount.size.sessions)
        except Unavailable as why:
            print(f"{rival.name}: skipped, {why}", flush=True)
        else:
            ready.append(Ready(rival, own))
    plan = Plan(folder, amount, ready)
    large_store.copy_into(plan.small_store, amount.small)
    large_store.copy_into(plan.store, amount.size)  # last: what was read last stays in the cache
    return plan


def ours(server: processes.Server, number: int) -> Target:
    """What asks for the latest of one of the bots."""
    return Target(server, latest_path(number), setting.headers())


def latest_path(number: int) -> str:
    return setting.path_of(bot_id(number), "intentrealtimedata")
