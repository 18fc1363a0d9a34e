"""What does a request cost more where two workers answer, and an event where two take it in?

CPU seconds of all processes of the server, two workers to one, turn by turn on the same core.
"""

import argparse
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import load
import processes
import setting
import writing
from load import Target
from results import Pace, Result

_NAMES = {1: "one worker", 2: "two workers"}
_EVENTS = 40_000
_CONNECTIONS = 2 * load.CONNECTIONS


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--seconds", type=int, default=4, help="of reading in each half of a round")
    parser.add_argument("--events", type=int, default=100_000, help="in each half of a round")
    options = parser.parse_args()
    if not load.has("wrk"):
        print(f"Reading: {load.NO_WRK}")
    else:
        with TemporaryDirectory(prefix="intentlive-benchmark-") as name:
            _show(_reading(Path(name), options.rounds, options.seconds))
    with TemporaryDirectory(prefix="intentlive-benchmark-") as name:
        _show(_writing(Path(name), options.rounds, options.events))


def _reading(folder: Path, rounds: int, seconds: int) -> Result:
    setting.prepare(folder, setting.make_traffic(_EVENTS))
    result = Result(f"Reading: requests a second, {_CONNECTIONS} connections", of=_NAMES[1])
    with ExitStack() as running:
        servers = {}
        for workers in _NAMES:
            command = setting.serve_command(folder, workers)
            log = folder / f"{workers}.log"
            servers[workers] = running.enter_context(processes.server(command, log))
            servers[workers].wait_for_workers(workers)
        for number in range(rounds + 1):
            for workers, server in servers.items():
                target = Target(server, setting.latest_path("benchmark"), setting.headers())
                load.latest(target)
                answered = load.most(target, seconds, _CONNECTIONS)
                if number:  # the first round warms up
                    result.add(_NAMES[workers], answered.pace)
    return result


def _writing(folder: Path, rounds: int, count: int) -> Result:
    events = folder / "events"
    setting.write_bodies(events, map(setting.encode, setting.make_traffic(count)))
    result = Result("Writing: events a second, batches of 1,000", of=_NAMES[1])
    for _ in range(rounds):
        for workers, name in _NAMES.items():
            result.add(name, _taken_in(folder, events, workers))
    return result


def _taken_in(folder: Path, events: Path, workers: int) -> Pace:
    """How fast so many workers take in the events, on a fresh store."""
    with TemporaryDirectory(dir=folder) as name:
        fresh = Path(name)
        setting.prepare(fresh, [])
        command = setting.serve_command(fresh, workers)
        with processes.server(command, fresh / "server.log") as server:
            server.wait_for_workers(workers)
            return writing.over_http(server, setting.BOT_ID, events)


def _show(result: Result) -> None:
    print(result.table())
    ones, twos = (result.rounds[name] for name in _NAMES.values())
    pairs = zip(ones, twos, strict=True)
    cost = median(one.per_cpu_second / two.per_cpu_second for one, two in pairs)
    print(
        f"  CPU seconds of two workers to those of one, for the same work: {cost:.2f}", flush=True
    )


if __name__ == "__main__":
    main()
