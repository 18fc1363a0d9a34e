"""The demo: what it prints can be pasted into a shell, and it leaves nothing behind."""

import json
import signal
import subprocess

import pytest

from .calling import eventually, need_curl
from .server import PATIENCE, Home, free_port


@pytest.fixture
def demo(tmp_path):
    """A running demo, the file that it prints to and its folder for temporary files."""
    need_curl()
    home, folder = Home(tmp_path / "data"), tmp_path / "temporary"
    folder.mkdir()
    printed = tmp_path / "printed"
    arguments = ("demo", "--port", str(free_port()))
    process = home.begin(*arguments, output=printed, TMPDIR=str(folder))
    yield process, printed, folder
    if process.poll() is None:
        process.kill()
        process.wait(PATIENCE)


def commands_in(printed):
    """The curl commands as they are printed, once all is printed and the server serves."""
    text = printed.read_text()
    if '"event":"serving"' not in text:
        return None
    return [part for part in text.split("\n\n") if part.startswith("curl ")]


def paste(command):
    """What a shell prints on whose prompt a command is pasted."""
    done = subprocess.run(["sh", "-c", command], capture_output=True, check=False, timeout=PATIENCE)
    assert done.returncode == 0, done.stderr.decode()
    return json.loads(done.stdout)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_demo(demo, number):
    process, printed, folder = demo
    ask, send = eventually(lambda: commands_in(printed))

    # The rate limit of the demo is the published one: ask every two seconds at most.
    def ask_for_25():
        records = paste(ask)
        return records if len(records) == 25 else None

    first = eventually(ask_for_25, pause=2.0)
    keys = ["intent", "ANI", "DNI", "channel", "startTime", "endTime", "status", "timeHandled"]
    assert all(list(record) == [*keys, "deflectedTo", "userId", "sessionId"] for record in first)
    known = {record["sessionId"] for record in first}

    assert paste(send) == {"accepted": 1, "rejected": []}
    own = next(record for record in paste(ask) if record["sessionId"] == "my-session-1")
    assert (own["status"], own["channel"], own["userId"]) == ("completed", "rtm", "u-me")

    def new_ones():
        return {record["sessionId"] for record in paste(ask)} - known - {"my-session-1"}

    assert eventually(new_ones, 60.0, pause=2.0)
    assert list(folder.iterdir())

    process.send_signal(number)
    assert process.wait(PATIENCE) == 0
    assert list(folder.iterdir()) == []
    text = printed.read_text()
    assert json.loads(text.splitlines()[-1])["event"] == "stopped"
    assert "Traceback" not in text


def test_two_demos_at_once(demo, tmp_path):
    process, printed, _ = demo
    taken = eventually(lambda: commands_in(printed))[0].partition("127.0.0.1:")[2].partition("/")[0]
    home, second_printed = Home(tmp_path / "second"), tmp_path / "second-printed"
    second = home.begin("demo", "--port", taken, output=second_printed, TMPDIR=str(tmp_path))
    try:
        ask, _ = eventually(lambda: commands_in(second_printed))
        assert f":{taken}/" not in ask
        assert eventually(lambda: paste(ask), pause=2.0)
    finally:
        second.send_signal(signal.SIGINT)
        assert second.wait(PATIENCE) == 0
    assert process.poll() is None
