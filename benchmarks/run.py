"""Measures reading and writing; `--quick` in less than a minute, `--json FILE` for programs."""

import argparse
import json
import platform
import signal
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import processes
import read
import write


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer and shorter rounds")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there, too")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that servers end and folders go
    with TemporaryDirectory(prefix="intentlive-benchmark-") as name:
        folder = Path(name)
        print(f"Python {platform.python_version()}, {_cores()}")
        rounds, seconds = (3, 2) if options.quick else (9, 4)
        reading = read.measure(folder, rounds, seconds)
        print("\n" + (reading.table() if reading else f"Reading: {read.NO_WRK}"), flush=True)
        rounds, events = (3, 30_000) if options.quick else (7, 100_000)
        writing = write.measure(folder, rounds, events)
        print("\n" + writing.table())
    if options.json:
        figures = {
            "python": platform.python_version(),
            "cores": len(processes.CORES),
            "read": reading.as_json() if reading else read.NO_WRK,
            "write": writing.as_json(),
        }
        options.json.write_text(json.dumps(figures, indent=2) + "\n")


def _cores() -> str:
    if len(processes.CORES) > 1:
        return "server on one core, load on another"
    return "server and load share the only core: figures are lower than they could be"


if __name__ == "__main__":
    main()
