"""What can be known of the container files without a container engine."""

import re
import shutil
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import yaml

from intentlive.buffers import servers_at
from intentlive.cli import command, environment_names
from tests.nats import binary

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"
DOCKERFILE = (DEPLOY / "Dockerfile").read_text("utf-8")
COMPOSE = yaml.safe_load((DEPLOY / "compose.yaml").read_text("utf-8"))
SERVICES = COMPOSE["services"]
OURS = {name: each for name, each in SERVICES.items() if each["image"] == "intentlive"}
NATS = [name for name in SERVICES if name.startswith("nats")]


def copied():
    """What the first stage copies from the project."""
    lines = re.findall(r"^COPY (?!--)(.*) (\S+)$", DOCKERFILE, re.MULTILINE)
    return [name for names, _ in lines for name in names.split()]


def test_nothing_else_gets_into_the_build():
    """Such as deploy/secrets."""
    first, *excepted = (ROOT / ".dockerignore").read_text("utf-8").splitlines()
    assert first == "*"
    assert sorted(excepted) == sorted(f"!{name}" for name in copied())


@pytest.mark.parametrize("name", ["Dockerfile", "compose.yaml"])
def test_it_says_in_its_first_line_that_it_was_not_run(name):
    first = (DEPLOY / name).read_text("utf-8").splitlines()[0]
    assert re.match("# Not (run|built) where it was written: there was no container engine", first)


def test_it_has_the_shape_of_the_cluster_that_is_tested():
    commands = sorted(each["command"][0] for each in OURS.values())
    assert commands == ["apply", "apply", "serve", "serve"]
    assert (len(NATS), len(SERVICES)) == (3, 8)


@pytest.mark.parametrize("name", OURS)
def test_its_commands_and_settings_are_those_that_there_are(name, monkeypatch):
    own = OURS[name]["environment"]
    settings = {key: value for key, value in own.items() if key.startswith("INTENTLIVE_")}
    assert set(settings) <= environment_names()
    for key, value in settings.items():
        monkeypatch.setenv(key, value)
    command.parse_args(OURS[name]["command"], exit_on_error=False, print_error=False)
    hosts = {urlsplit(each).hostname for each in servers_at(own["INTENTLIVE_BUFFER"]).addresses}
    assert hosts == set(NATS)
    assert urlsplit(own["INTENTLIVE_STORE"]).hostname in SERVICES


@pytest.mark.parametrize("kind", ["networks", "secrets", "volumes"])
def test_what_services_share_is_defined_and_used(kind):
    used = {
        each.split(":")[0]
        for service in SERVICES.values()
        for each in service.get(kind, [])
        if not each.startswith("./")
    }
    assert used == set(COMPOSE[kind])


def test_only_servers_can_be_reached_and_only_from_this_machine():
    ports = {name: each["ports"] for name, each in SERVICES.items() if "ports" in each}
    assert {SERVICES[name]["command"][0] for name in ports} == {"serve"}
    assert all(port.startswith("127.0.0.1:") for some in ports.values() for port in some)
    assert {name for name, each in SERVICES.items() if "outside" in each["networks"]} == set(ports)


@pytest.mark.parametrize("name", NATS)
def test_nats_takes_its_configuration(name):
    environment = SERVICES[name]["environment"]
    done = subprocess.run(
        [binary(), "-t", "-c", DEPLOY / "nats.conf"],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert environment["NATS_NAME"] == name
    assert set(re.findall(r"nats://([\w-]+):6222", (DEPLOY / "nats.conf").read_text())) == set(NATS)


def test_the_image_runs_as_nobody_in_particular():
    *_, last = DOCKERFILE.split("\nFROM ")
    assert re.search(r"^USER [1-9]\d*$", last, re.MULTILINE)
    command.parse_args(["serve", "--host", "0.0.0.0"], exit_on_error=False, print_error=False)
    assert 'ENTRYPOINT ["intentlive"]\nCMD ["serve", "--host", "0.0.0.0"]' in last


def test_what_is_copied_is_enough_for_the_wheel(tmp_path):
    for name in copied():
        source = ROOT / name
        (shutil.copytree if source.is_dir() else shutil.copy)(source, tmp_path / name)
    builder = Path(sys.executable).with_name("hatchling")
    done = subprocess.run(
        [builder, "build", "--target", "wheel"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert len(list((tmp_path / "dist").glob("intentlive-*.whl"))) == 1
