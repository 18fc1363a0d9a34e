"""The commands that bring sessions in and show them, and the one that looks for faults."""

import gzip
import json
import signal

import pytest

from .calling import eventually
from .faults import no_space_left
from .server import PATIENCE, Home, free_port
from .wire import event, finished, lines_of, new_session

MORNING = "2022-01-06T09:{minute:02}:00.000+00:00"


@pytest.fixture(params=["plain", "gzip"])
def file(request, tmp_path):
    """Write lines to a file to import."""

    def write(content):
        path = tmp_path / "events"
        path.write_bytes(content if request.param == "plain" else gzip.compress(content))
        return str(path)

    return write


def test_import_beside_a_running_server(server, caller, bot, file):
    sessions = [new_session() for _ in range(30)]
    events = [
        finished(session, MORNING.format(minute=minute)) for minute, session in enumerate(sessions)
    ]
    path = file(lines_of(events))
    for _ in range(2):
        assert server.json("import", path, "--bot", bot) == {"accepted": 30, "rejected": 0}
        wanted = sessions[:4:-1]
        eventually(lambda ids=wanted: server.listed(bot, caller) == ids, 1.0)
        answer = server.latest(bot, caller).json
    assert server.json("latest", "--bot", bot) == answer


def test_bad_lines_are_told_by_their_number(server, caller, bot, file):
    good, late = new_session(), new_session()
    lines = [
        lines_of([finished(good)]),
        b"\n",
        b"nonsense\n",
        lines_of([event("session.finished", "s")]),
        b'{"specversion": "1.0"\n',
        b"\xff\xfe\n",
        lines_of([finished("s", 600.0)]),
        b"[" * 100_000 + b"\n",
        lines_of([finished(late)]).rstrip(),
    ]
    done = server.run("import", file(b"".join(lines)), "--bot", bot, "--json")
    assert done.returncode == 1
    assert json.loads(done.stdout) == {"accepted": 2, "rejected": 6}
    assert "Traceback" not in done.stderr
    told = [line.removeprefix("intentlive: ") for line in done.stderr.splitlines()]
    assert [line.split(":")[0] for line in told] == [f"line {n}" for n in (3, 4, 5, 6, 7, 8)]
    assert "session.finished" in told[1]
    eventually(lambda: set(server.listed(bot, caller)) == {good, late}, 1.0)


def test_of_many_bad_lines_some_are_told(server, bot, tmp_path):
    path = tmp_path / "events"
    path.write_bytes(b"5\n" * 30)
    done = server.run("import", str(path), "--bot", bot)
    assert done.returncode == 1
    assert done.stderr.count("line ") == 20
    assert "10 more" in done.stderr


def test_files_that_cannot_be_read(server, bot, tmp_path):
    path = tmp_path / "events"
    path.write_bytes(gzip.compress(lines_of([finished()]))[:-9])
    done = server.run("import", str(path), "--bot", bot)
    assert (done.returncode, done.stdout) == (1, "")
    assert "Traceback" not in done.stderr
    assert done.stderr.startswith("intentlive: ")


def test_import_into_no_bot(server, tmp_path):
    path = tmp_path / "events"
    path.write_bytes(lines_of([finished()]))
    done = server.run("import", str(path), "--bot", "nobody")
    assert (done.returncode, done.stdout) == (1, "")
    assert "there is no bot nobody" in done.stderr


def test_latest(server, caller, bot):
    assert server.ok("latest", "--bot", bot) == "No session has finished yet.\n"
    session = new_session()
    user = "u-" + "ü" * 100
    server.send(bot, caller, [finished(session, channel="rtm", userId=user)])
    text = server.ok("latest", "--bot", bot)
    assert session in text
    assert "completed" in text
    assert server.json("latest", "--bot", bot) == server.latest(bot, caller).json
    done = server.run("latest", "--bot", "nobody")
    assert (done.returncode, done.stdout) == (1, "")
    assert "there is no bot nobody" in done.stderr


def test_simulate_beside_a_running_server(server, caller, bot, tmp_path):
    printed = tmp_path / "printed"
    process = server.begin("simulate", "--bot", bot, "--rate", "60000", output=printed)
    try:
        eventually(lambda: len(server.listed(bot, caller)) == 25, 90.0, pause=0.2)
    finally:
        process.send_signal(signal.SIGINT)
        code = process.wait(PATIENCE)
    assert code == 130
    assert "Traceback" not in printed.read_text()
    assert server.is_alive()


def test_simulate_for_no_bot(server):
    done = server.run("simulate", "--bot", "nobody", "--rate", "1")
    assert (done.returncode, done.stdout) == (1, "")
    assert "there is no bot nobody" in done.stderr


def findings(home, *arguments, code):
    done = home.run("doctor", *arguments, "--json")
    assert done.returncode == code, done.stdout
    found = json.loads(done.stdout)
    assert all(finding["mend"] for finding in found if finding["verdict"] != "good")
    return {finding["what"]: finding for finding in found}


def test_doctor_finds_all_well(own):
    server, caller, bot = own
    server.send(bot, caller, [finished()])
    found = findings(server, "--port", str(server.port), code=0)
    verdicts = {what: finding["verdict"] for what, finding in found.items()}
    # How full this machine's disk is, is not for a test to say.
    verdicts.pop("disk")
    assert verdicts == dict.fromkeys(["store", "registry", "server", "clock", "source"], "good")


def test_doctor_finds_a_source_that_is_late(own):
    server, caller, bot = own
    server.send(bot, caller, [finished(time=-3600.0)])
    source = findings(server, "--port", str(server.port), code=0)["source"]
    assert source["verdict"] == "note"
    assert "urn:example:bot" in source["found"]


def test_doctor_finds_a_server_that_takes_no_writes(own):
    server, caller, bot = own
    with no_space_left(server, room=1):
        eventually(lambda: server.send(bot, caller, [finished()]).status == 503)
        assert (
            "not ready" in findings(server, "--port", str(server.port), code=1)["server"]["found"]
        )


def test_doctor_finds_no_server_and_no_store(tmp_path):
    home = Home(tmp_path / "empty")
    nowhere = ("--port", str(free_port()))
    found = findings(home, *nowhere, code=1)
    assert (found["server"]["verdict"], found["store"]["verdict"]) == ("bad", "bad")
    assert "there is no store at" in found["store"]["found"]
    home.ok("account", "create", "Account")
    found = findings(home, *nowhere, code=1)
    assert (found["server"]["verdict"], found["registry"]["verdict"]) == ("bad", "note")
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "intentlive.db").write_text("no store" * 1000)
    assert findings(Home(broken), *nowhere, code=1)["store"]["verdict"] == "bad"
    text = Home(broken).run("doctor", *nowhere)
    assert text.returncode == 1
    assert "file is not a database" in text.stdout
