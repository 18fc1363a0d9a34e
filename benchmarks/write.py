"""Writing: events durable over HTTP, beside what their parts alone would allow."""

import json
from pathlib import Path
from tempfile import TemporaryDirectory

import processes
import setting
from results import Pace, Result

HTTP = "over HTTP, durable"


def measure(folder: Path, rounds: int, count: int) -> Result:
    """Events a second of all candidates, turn by turn, each time on a fresh store."""
    made = setting.make_traffic(count)
    events = folder / "events.ndjson"
    events.write_bytes(b"".join(made.batches))
    result = Result("Writing: events a second, batches of 1,000", of="decode, fold and store")
    for _ in range(rounds):
        result.add(HTTP, over_http(events, count))
        for name, (seconds, cpu_seconds) in _limits(events).items():
            result.add(name, Pace(count / seconds, count / cpu_seconds))
    result.facts["sessions a batch"] = round(made.sessions_a_batch)
    result.facts["bytes an event"] = round(events.stat().st_size / count)
    return result


def over_http(events: Path, count: int, workers: int = 1) -> Pace:
    """How fast so many workers take the `count` events of a file, on a fresh store."""
    with TemporaryDirectory(dir=events.parent) as name:
        folder = Path(name)
        setting.prepare(folder, [])
        command = setting.serve_command(folder, workers)
        with processes.server(command, folder / "server.log") as server:
            server.wait_for_workers(workers)
            url = f"{server.address}/api/public/bot/{setting.BOT_ID}/events"
            before = server.cpu_seconds()
            printed = processes.run_here("sender.py", url, events, core=processes.LOAD_CORE)
            cpu_seconds = server.cpu_seconds() - before
            return Pace(count / float(printed), count / cpu_seconds)


def _limits(events: Path) -> dict[str, tuple[float, float]]:
    with TemporaryDirectory(dir=events.parent) as name:
        setting.prepare(Path(name), [])
        printed = processes.run_here("limits.py", name, events, core=processes.SERVER_CORE)
        return json.loads(printed)
