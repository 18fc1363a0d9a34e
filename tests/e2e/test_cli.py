"""The commands that keep accounts, bots and apps."""

import json
import os
import pty
import subprocess
import sys

import pytest

import intentlive

from .server import PATIENCE, PROGRAM, Home

KINDS = ["account", "bot", "app"]
CREATED_KEYS = {
    "account": ["accountId", "name", "rateLimit", "eventLimit", "created"],
    "bot": [
        *("botId", "accountId", "name", "idleTimeout", "skipSilent"),
        *("personalData", "retention", "created"),
    ],
    "app": [
        *("clientId", "accountId", "name", "algorithm", "scopes", "bots", "requireExp"),
        *("enforceJti", "enforceJwe", "keys", "created"),
    ],
}


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A data directory without a server."""
    return Home(tmp_path_factory.mktemp("home"))


@pytest.fixture(scope="module")
def account(home):
    return home.account()


def fails(home, *arguments, code=1):
    """What a command says on standard error that must fail, and prints nothing."""
    done = home.run(*arguments)
    assert (done.returncode, done.stdout) == (code, "")
    assert "Traceback" not in done.stderr
    return done.stderr


def test_the_life_of_an_account(home):
    account = home.account("--rate-limit", "7")
    assert len(account) == 24
    assert int(account, 16)
    shown = home.json("account", "show", account)
    assert list(shown) == CREATED_KEYS["account"]
    assert (shown["accountId"], shown["name"], shown["rateLimit"]) == (account, "Tenant", 7)
    changed = home.json("account", "update", account, "--name", "Ünïcode", "--rate-limit", "0")
    assert changed == shown | {"name": "Ünïcode", "rateLimit": 0}
    assert changed in home.json("account", "list")
    text = home.ok("account", "show", account)
    assert "Ünïcode" in text
    assert account in home.ok("account", "list")
    home.ok("account", "delete", account, "--yes")
    assert "there is no account" in fails(home, "account", "show", account)


def test_the_life_of_a_bot(home, account):
    bot = home.bot(account, "--idle-timeout", "60", "--skip-silent")
    assert bot.startswith("st-")
    shown = home.json("bot", "show", bot)
    assert list(shown) == CREATED_KEYS["bot"]
    assert (shown["idleTimeout"], shown["skipSilent"]) == (60, True)
    options = ("--name", "New", "--idle-timeout", "1209600", "--no-skip-silent")
    changed = home.json("bot", "update", bot, *options)
    assert changed == shown | {"name": "New", "idleTimeout": 1209600, "skipSilent": False}
    assert changed in home.json("bot", "list")
    assert home.json("bot", "list", "--account", "nobody") == []
    assert bot in home.ok("bot", "list")
    assert "New" in home.ok("bot", "show", bot)
    home.ok("bot", "delete", bot)
    assert "there is no bot" in fails(home, "bot", "show", bot)


def test_a_bot_with_an_id_of_its_own(home, account):
    assert home.bot(account, "--bot-id", "my-bot") == "my-bot"
    taken = ("bot", "create", "Bot", "--account", account, "--bot-id", "my-bot")
    assert "exists already" in fails(home, *taken)
    for wrong in ("a b", "x" * 129):
        fails(home, *taken[:-1], wrong, code=2)


def test_the_life_of_an_app(home, account):
    bot = home.bot(account)
    created = home.json(
        *("app", "create", "App", "--account", account, "--bot", bot, "--require-exp"),
        *("--scope", "Session Events", "--scope", "SmartAssist Analytics"),
    )
    assert list(created) == ["clientId", "clientSecret"]
    client, secret = created.values()
    assert client.startswith("cs-")
    assert len(secret) >= 32
    shown = home.json("app", "show", client)
    assert list(shown) == CREATED_KEYS["app"]
    assert (shown["algorithm"], shown["requireExp"], shown["bots"]) == ("HS256", True, [bot])
    assert shown["scopes"] == ["Session Events", "SmartAssist Analytics"]
    options = ("--name", "New", "--scope", "Bot Sessions", "--whole-account", "--no-require-exp")
    changed = home.json("app", "update", client, *options)
    wanted = {"name": "New", "scopes": ["Bot Sessions"], "bots": None, "requireExp": False}
    assert changed == shown | wanted
    assert changed in home.json("app", "list", "--account", account)
    texts = home.ok("app", "list"), home.ok("app", "show", client), json.dumps(changed)
    assert all(client in text and secret not in text for text in texts)
    home.ok("app", "delete", client)
    assert "there is no app" in fails(home, "app", "show", client)


def test_text_of_what_was_created(home, account):
    text = home.ok("app", "create", "App", "--account", account, "--scope", "Session Events")
    (id_line, secret_line) = text.splitlines()
    assert id_line.split()[0] == "clientId"
    assert secret_line.split()[0] == "clientSecret"


def test_empty_lists_say_what_to_do(tmp_path):
    folder = tmp_path / "mistyped"
    home = Home(folder)
    assert home.json("account", "list") == []
    done = home.run("bot", "list")
    assert (done.returncode, "intentlive bot create" in done.stdout) == (0, True)
    assert f"there is no store at {folder}" in done.stderr
    assert not folder.exists()
    assert f"there is no store at {folder}" in fails(home, "bot", "show", "nobody")
    Home(folder / "made" / "on demand").ok("account", "create", "Account")


@pytest.mark.parametrize("kind", KINDS)
def test_unknown_ids(home, kind):
    for command in ("update", "delete"):
        assert "there is no" in fails(home, kind, command, "nobody")


def test_what_others_need_cannot_be_deleted(home, account):
    bot = home.bot(account)
    home.caller(account, "--bot", bot)
    assert "bound to bot" in fails(home, "bot", "delete", bot)
    assert "delete them first" in fails(home, "account", "delete", account)


def test_unknown_owners(home, account):
    assert "no account" in fails(home, "bot", "create", "Bot", "--account", "nobody")
    app = ("app", "create", "App", "--scope", "Session Events", "--account")
    assert "no account" in fails(home, *app, "nobody")
    assert "no bot nobody" in fails(home, *app, account, "--bot", "nobody")


@pytest.mark.parametrize(
    "arguments",
    [
        ("account", "create"),
        ("account", "create", "Name", "--rate-limit", "-1"),
        ("account", "frobnicate"),
        ("bot", "create", "Bot"),
        ("bot", "create", "Bot", "--account", "a", "--idle-timeout", "0"),
        ("app", "create", "App", "--account", "a", "--scope", "Everything"),
        ("serve", "--port", "many"),
        ("import", "/nowhere", "--bot", "b"),
        ("simulate", "--bot", "b", "--rate", "0"),
        ("token", "mint"),
    ],
    ids=" ".join,
)
def test_wrong_usage_ends_with_code_2(home, arguments):
    assert fails(home, *arguments, code=2)


def test_as_a_module(home):
    module = (sys.executable, "-m", "intentlive")
    version = home.run("--version", program=module)
    assert (version.returncode, version.stdout) == (0, f"{intentlive.__version__}\n")
    assert home.run("account", "show", "nobody", program=module).returncode == 1
    text = home.run("--help", program=module).stdout
    for command in (*KINDS, "demo", "doctor", "import", "latest", "serve", "simulate", "token"):
        assert f" {command} " in text


def test_where_the_store_is(home, tmp_path):
    elsewhere = tmp_path / "else" / "where.db"
    made = home.json("account", "create", "Tenant", "--store", f"sqlite:{elsewhere}")
    assert elsewhere.is_file()
    assert "there is no account" in fails(home, "account", "show", made["accountId"])
    inside = ("--data-dir", str(elsewhere.parent), "--store", "sqlite:where.db")
    assert home.json("account", "show", made["accountId"], *inside)["name"] == "Tenant"


def test_stores_that_cannot_be_opened(home, tmp_path):
    in_the_way = tmp_path / "file"
    in_the_way.write_text("this is not a store, and no directory either\n" * 100)
    for options in (
        ("--store", "mysql:somewhere"),
        ("--store", "sqlite:"),
        ("--data-dir", str(in_the_way)),
        ("--store", f"sqlite:{in_the_way}"),
        ("--store", f"sqlite:{tmp_path}"),
    ):
        assert fails(home, "account", "list", *options)
    assert fails(home, "serve", "--port", "0", *options)
    assert in_the_way.read_text().startswith("this is not a store")


def test_a_port_that_is_taken(home, server):
    said = fails(home, "serve", "--port", str(server.port))
    assert "choose another --port" in said


def test_what_others_have_named_does_not_steer_the_terminal(home, account):
    name = "[/b] [conceal]x \x1b[2J"
    home.json("bot", "create", name, "--account", account)
    for shown in (home.ok("bot", "list"), home.ok("audit")):
        assert "[/b] [conceal]x \\" in shown
        assert "\x1b[2J" not in shown


def test_the_audit_believes_the_system_and_not_the_environment(home):
    home.environment["LOGNAME"] = home.environment["USER"] = "somebody-else"
    home.account()
    assert "somebody-else" not in home.json("audit", "--limit", "1")[0]["who"]


@pytest.mark.parametrize(
    "command",
    [
        ("account", "create", "A", "--rate-limit", "9" * 20),
        ("account", "create", "A", "--event-limit", "9" * 20),
        ("app", "rotate", "cs-1", "--overlap", "9" * 15),
        ("key", "rotate", "--overlap", "9" * 15),
        ("bot", "update", "st-1", "--retention", "3651"),
    ],
)
def test_a_number_beyond_all_use_is_refused_before_anything_is_done(home, account, command):
    acts = home.json("audit")
    fails(home, *command, code=2)
    assert home.json("audit") == acts


def test_no_more_than_eight_keys_count(home, account):
    for _ in range(8):
        home.json("key", "rotate")
    assert "8 keys count already" in fails(home, "key", "rotate")
    home.json("key", "rotate", "--overlap", "0")
    assert len(home.json("key", "list")) == 1


def at_a_terminal(home, typed, *arguments):
    """A command whose standard input is a terminal, at which a person types."""
    master, terminal = pty.openpty()
    try:
        os.write(master, typed)
        return subprocess.run(
            [PROGRAM, *arguments],
            env=home.environment,
            stdin=terminal,
            capture_output=True,
            text=True,
            check=False,
            timeout=PATIENCE,
        )
    finally:
        os.close(master)
        os.close(terminal)


@pytest.mark.parametrize("typed", [b"n\n", b"\n", b"\x04"], ids=["no", "return", "end of input"])
def test_a_person_is_asked_and_may_say_no(home, account, typed):
    bot = home.bot(account)
    for command in (
        ("bot", "delete", bot),
        ("bot", "update", bot, "--retention", "1"),
        ("erase", "--user", "u-1"),
    ):
        done = at_a_terminal(home, typed, *command)
        assert (done.returncode, "nothing was changed" in done.stderr) == (1, True)
        assert "Traceback" not in done.stderr
    assert home.json("bot", "show", bot)["retention"] == 0


def test_a_person_who_says_yes_is_believed(home, account):
    bot = home.bot(account)
    assert at_a_terminal(home, b"y\n", "bot", "delete", bot).returncode == 0
    assert "there is no bot" in fails(home, "bot", "show", bot)
