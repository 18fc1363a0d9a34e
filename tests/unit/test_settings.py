"""The settings: their defaults, and that each can be set by option and by environment."""

from dataclasses import fields
from pathlib import Path

import pytest

from intentlive.cli import command
from intentlive.settings import BufferSettings, ServerSettings, StoreSettings

DEFAULTS = {
    "store": "sqlite:intentlive.db",
    "secrets_key_file": None,
    "secrets_key": None,
    "host": "127.0.0.1",
    "port": 8025,
    "workers": 1,
    "buffer": None,
    "buffer_replicas": 3,
    "buffer_bytes": 1 << 30,
    "tls_certificate": None,
    "tls_key": None,
    "max_connections_per_address": 1000,
    "require_account_id": False,
    "log_format": "auto",
}
OTHER = {
    "store": "sqlite:/srv/x.db",
    "data_dir": Path("/srv/data"),
    "host": "0.0.0.0",
    "port": 9,
    "workers": 4,
    "buffer": "nats://mq.example.com:4222",
    "buffer_replicas": 5,
    "buffer_bytes": 1 << 34,
    "secrets_key_file": Path("/run/keys/intentlive"),
    "secrets_key": "a key",
    "tls_certificate": Path("/srv/tls.crt"),
    "tls_key": Path("/srv/tls.key"),
    "max_connections_per_address": 7,
    "require_account_id": True,
    "log_format": "json",
}
KINDS = (StoreSettings, ServerSettings, BufferSettings)
NAMES = [field.name for kind in KINDS for field in fields(kind)]


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch):
    for name in NAMES:
        monkeypatch.delenv(f"INTENTLIVE_{name.upper()}", raising=False)


@pytest.mark.parametrize(
    "settings",
    [
        StoreSettings(store="postgresql://someone:password@db/x", secrets_key="password"),
        BufferSettings(buffer="nats://someone:password@mq"),
    ],
    ids=lambda settings: type(settings).__name__,
)
def test_what_opens_something_is_not_shown(settings):
    assert "password" not in repr(settings)


def settings_of(*options, name="serve"):
    """What a command would be called with, by the names of the settings."""
    _, bound, _ = command.parse_args([name, *options], exit_on_error=False, print_error=False)
    bound.apply_defaults()
    found = {}
    for argument in bound.arguments.values():
        if isinstance(argument, KINDS):
            found |= {field.name: getattr(argument, field.name) for field in fields(argument)}
    return found


def option(name):
    return "--" + name.replace("_", "-")


def test_every_setting_is_tried_here():
    assert sorted(OTHER) == sorted(NAMES)


def test_the_defaults_serve_on_this_machine_only():
    found = settings_of()
    assert found.pop("data_dir").name == "intentlive"
    assert found == DEFAULTS


@pytest.mark.parametrize("name", NAMES)
def test_an_option_sets_it_and_nothing_else(name):
    value = [] if OTHER[name] is True else [str(OTHER[name])]
    assert settings_of(option(name), *value) == settings_of() | {name: OTHER[name]}


@pytest.mark.parametrize("name", NAMES)
def test_the_environment_sets_it_and_nothing_else(name, monkeypatch):
    before = settings_of()
    monkeypatch.setenv(f"INTENTLIVE_{name.upper()}", str(OTHER[name]))
    assert settings_of() == before | {name: OTHER[name]}


@pytest.mark.parametrize("name", NAMES)
def test_an_option_wins_over_the_environment(name, monkeypatch):
    wanted = settings_of()
    if wanted[name] is None:  # which no option can say
        wanted[name] = type(OTHER[name])(f"{OTHER[name]}.other")
    monkeypatch.setenv(f"INTENTLIVE_{name.upper()}", str(OTHER[name]))
    given = (
        ["--no-require-account-id"]
        if name == "require_account_id"
        else [option(name), str(wanted[name])]
    )
    assert settings_of(*given) == wanted


@pytest.mark.parametrize("text", ["1", "true", "yes", "True"])
def test_a_switch_in_the_environment_is_on(text, monkeypatch):
    monkeypatch.setenv("INTENTLIVE_REQUIRE_ACCOUNT_ID", text)
    assert settings_of()["require_account_id"] is True


@pytest.mark.parametrize("text", ["0", "false", "no"])
def test_a_switch_in_the_environment_is_off(text, monkeypatch):
    monkeypatch.setenv("INTENTLIVE_REQUIRE_ACCOUNT_ID", text)
    assert settings_of()["require_account_id"] is False


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("port", value) for value in ("many", "65536", "-1")),
        ("max_connections_per_address", "-1"),
        ("buffer_replicas", "0"),
        ("buffer_bytes", "1000"),
        ("log_format", "xml"),
    ],
)
def test_a_value_of_the_wrong_kind_is_refused_from_either_place(name, value, monkeypatch, capsys):
    def refused(*options):
        with pytest.raises(SystemExit) as exit_:
            command.parse_args(["serve", *options])
        assert exit_.value.code != 0
        return capsys.readouterr()

    told = "".join(refused(f"{option(name)}={value}"))
    assert value in told
    monkeypatch.setenv(f"INTENTLIVE_{name.upper()}", value)
    told = "".join(refused())
    assert value in told


def test_settings_cannot_be_changed_after_they_are_made():
    with pytest.raises(AttributeError):
        ServerSettings().port = 1


def test_the_data_directory_is_where_the_system_keeps_a_users_data(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    assert tmp_path in StoreSettings().data_dir.parents
