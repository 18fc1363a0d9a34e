"""What `make fuzz` found before is found no more: each target's first inputs pass."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("target", ["events", "tokens", "paths", "http"])
def test_the_seeds_of_a_target_pass(target, tmp_path):
    command = [sys.executable, "-m", "fuzz.engine", target, str(tmp_path), "--seconds", "0"]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    assert "number_of_executed_units" in ended.stdout
