"""A server that has just been started: its first answer, the first of every bot, its memory."""

import json
import time
from collections.abc import Sequence

import figures
import load
import processes
import rivals
from figures import Reached
from load import Target
from plan import Plan, ours
from results import Measured, Pace, Result, Values

FIGURES = figures.COLD_TO_STRAIGHTFORWARD, figures.MEMORY, figures.START
_OURS, _THEIRS = "latest 25, nothing cached", rivals.STRAIGHTFORWARD.name
_START, _MEMORY = "start to first answer, s", "resident memory, all bots asked for, MB"
_ENCODINGS = ("identity", "gzip", "zstd")


def measure(plan: Plan) -> Measured:
    """Every round starts every server anew; the files are in the page cache."""
    result = Result(f"Each request for another bot, {load.CONNECTIONS} connections", of=_OURS)
    values = Values("A server on the store")
    bots = range(plan.amount.size.bots)
    ready = plan.rival(rivals.STRAIGHTFORWARD)
    for _ in range(plan.amount.rounds):
        began = time.perf_counter()
        with plan.serve() as server:
            load.latest(ours(server, 0))
            values.add(_START, time.perf_counter() - began)
            targets = [ours(server, bot) for bot in bots]
            result.add(_OURS, _pace(plan, targets[1:]))
            for encoding in _ENCODINGS:
                _pace(plan, [_asked_in(encoding, target) for target in targets])
            values.add(_MEMORY, server.resident_bytes() / 1e6)
        if ready:
            with ready.serve() as server:
                load.latest(ready.ask(server, 0))
                result.add(_THEIRS, _pace(plan, [ready.ask(server, bot) for bot in bots[1:]]))
    found = [result.reached(_OURS, _THEIRS)]
    found += [Reached(values.rounds[name]) for name in (_MEMORY, _START)]
    tables = {"fresh": result, "start and memory": values}
    return Measured(tables, dict(zip(FIGURES, found, strict=True)))


def _asked_in(encoding: str, target: Target) -> Target:
    return target._replace(headers={**target.headers, "accept-encoding": encoding})


def _pace(plan: Plan, targets: Sequence[Target]) -> Pace:
    """How fast all of them are asked for once; they are of one server, with the same headers."""
    paths = plan.folder / "paths-to-ask-for"
    paths.write_text("".join(f"{target.path}\n" for target in targets))
    server, _, headers = targets[0]
    before = server.cpu_seconds()
    given = server.address, paths, json.dumps(headers)
    seconds = float(processes.run_here("asker.py", *given, core=processes.LOAD_CORE))
    return Pace(len(targets) / seconds, len(targets) / (server.cpu_seconds() - before))
