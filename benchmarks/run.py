"""Measures what a release is judged by; `--quick` in less than a minute, on less of everything."""

import argparse
import json
import platform
import signal
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from types import ModuleType

import environments
import figures
import fresh
import history
import latency
import processes
import reading
import rivals
import singles
import writing
from large_store import Size
from plan import Amount, Plan, prepared
from results import Measured, skipped

import intentlive

_FULL = Amount(rounds=5, seconds=4, events=100_000, size=Size(2_000, 1_000), small=Size(20, 1_000))
_QUICK = Amount(rounds=2, seconds=1, events=20_000, size=Size(60, 200), small=Size(6, 200))
_RIVALS = (rivals.STRAIGHTFORWARD, rivals.DATASETTE, rivals.PHOENIX)
_PARTS = (history, reading, fresh, latency, writing, singles)


def main() -> None:
    options = _options()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that servers end and folders go
    processes.stay_off_the_server_core()
    amount, wanted = (_QUICK, ()) if options.quick else (_FULL, _RIVALS)
    print(f"Python {platform.python_version()}, {_cores()}, {amount.rounds} rounds", flush=True)
    tables, reached = {}, {}
    with TemporaryDirectory(prefix="intentlive-benchmark-") as name:
        plan = prepared(Path(name), amount, wanted)
        for part in _PARTS:
            measured = _measured(part, plan)
            tables |= measured.tables
            reached |= measured.reached
            for each in measured.tables.values():
                print("\n" + each.table(), flush=True)
    print("\n" + figures.table(reached))
    if options.quick:
        print(f"The goals are those of the whole run; this was one on {amount.size}, in a hurry.")
    _write(options.json, Measured(tables, reached), amount)
    if options.chart:
        _draw(options.json, options.chart)
    if any(each.why.startswith(figures.FAILED) for each in reached.values()):
        sys.exit(1)


def _measured(part: ModuleType, plan: Plan) -> Measured:
    """What a part finds; one that fails takes only its own figures with it."""
    try:
        return part.measure(plan)
    except processes.Failed as why:
        print(f"\n{why}", file=sys.stderr, flush=True)
        return skipped(figures.FAILED, part.FIGURES)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="less, without rivals and a picture")
    parser.add_argument("--json", type=Path, metavar="FILE", help="where the figures are written")
    parser.add_argument("--chart", type=Path, metavar="FILE", help="where the picture of them is")
    options = parser.parse_args()
    out = processes.HERE / "out"
    options.json = options.json or out / ("quick.json" if options.quick else "figures.json")
    options.chart = options.chart or (None if options.quick else out / "figures.png")
    return options


def _cores() -> str:
    if len(processes.CORES) > 1:
        return "server on one core, load on another"
    return "server and load share the only core: figures are lower than they could be"


def _write(file: Path, measured: Measured, amount: Amount) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    written = {
        "intentlive": intentlive.__version__,
        "python": platform.python_version(),
        "cores": len(processes.CORES),
        "rounds": amount.rounds,
        "store": str(amount.size),
        "figures": figures.as_json(measured.reached),
        "tables": {name: each.as_json() for name, each in measured.tables.items()},
    }
    file.write_text(json.dumps(written, indent=2, ensure_ascii=False) + "\n")
    print(f"\nWritten: {file}")


def _draw(written: Path, chart: Path) -> None:
    """A picture, where there is what draws it."""
    try:
        python = environments.python_of("chart")
    except environments.Unavailable as why:
        print(f"Chart: skipped, {why}")
        return
    chart.parent.mkdir(parents=True, exist_ok=True)
    subprocess.run([python, processes.HERE / "chart.py", written, chart], check=True)
    print(f"Drawn: {chart}")


if __name__ == "__main__":
    main()
