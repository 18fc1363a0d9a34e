"""TLS that the server does itself, with a certificate made for the test."""

import json
import ssl
import subprocess
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import NamedTuple

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from intentlive.cli.listening import tls_context
from intentlive.settings import ServerSettings

from .calling import call, curl, eventually, need_curl, unavailable
from .server import PATIENCE, PROGRAM, free_port

READY = ("--silent", "--output", "/dev/null", "--fail")


class Pair(NamedTuple):
    """A certificate and its key, as files."""

    certificate: str
    key: str

    @property
    def options(self):
        return ("--tls-certificate", self.certificate, "--tls-key", self.key)


def key_in_pem(key, passphrase=None):
    encryption = (
        serialization.BestAvailableEncryption(passphrase)
        if passphrase
        else serialization.NoEncryption()
    )
    kind = serialization.PrivateFormat.PKCS8
    return key.private_bytes(serialization.Encoding.PEM, kind, encryption)


def make_pair(folder):
    """A certificate for this machine that vouches for itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    here = [x509.DNSName("localhost"), x509.IPAddress(ip_address("127.0.0.1"))]
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(here), critical=False)
        .sign(key, hashes.SHA256())
    )
    folder.mkdir()
    (folder / "tls.crt").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    (folder / "tls.key").write_bytes(key_in_pem(key))
    (folder / "locked.key").write_bytes(key_in_pem(key, b"passphrase"))
    return Pair(str(folder / "tls.crt"), str(folder / "tls.key"))


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    return make_pair(tmp_path_factory.mktemp("tls") / "pair")


@pytest.fixture(scope="module")
def other(tmp_path_factory):
    return make_pair(tmp_path_factory.mktemp("tls") / "other")


@pytest.fixture
def served(new_server, pair):
    """A server with TLS, and its address."""
    return serve(new_server(), pair)


def serve(server, pair, *options):
    need_curl()
    server.process = server.begin(
        "serve", "--port", str(server.port), *pair.options, *options, output=server.log
    )
    address = f"https://127.0.0.1:{server.port}"

    def is_ready():
        assert server.is_alive(), server.log.read_text()
        ask = ("curl", *READY, "--cacert", pair.certificate, f"{address}/readyz")
        return subprocess.run(ask, check=False).returncode == 0

    eventually(is_ready, PATIENCE)
    return server, address


def test_curl_is_served_over_tls(served, pair):
    server, address = served
    answer = curl("--cacert", pair.certificate, f"{address}/healthz")
    assert (answer.status, answer.body) == (200, b"ok\n")
    answer = curl("--cacert", pair.certificate, "--request", "BREW", f"{address}/healthz")
    assert (answer.status, answer.error[1]) == (400, 400)
    assert server.log_line(answer.request_id)["client"] == "127.0.0.1"
    first = json.loads(server.log.read_text().splitlines()[0])
    assert (first["event"], first["address"]) == ("serving", address)
    assert server.stop() == 0
    assert "Traceback" not in server.log.read_text()


def test_several_workers_serve_it_too(new_server, pair):
    server, address = serve(new_server(), pair, "--workers", "2")
    for _ in range(10):
        assert curl("--cacert", pair.certificate, f"{address}/healthz").status == 200
    assert server.stop() == 0
    assert "Traceback" not in server.log.read_text()


def test_whoever_does_not_know_the_certificate_does_not_trust_it(served):
    _, address = served
    done = subprocess.run(["curl", *READY, f"{address}/healthz"], check=False)
    assert done.returncode == 60


def test_http_is_not_served_beside_it(served):
    server, _ = served
    with pytest.raises(OSError, match=r"."):
        call(server.port, "GET", "/healthz")
    assert server.is_alive()


def test_tls_before_1_2_is_refused(served, pair):
    _, address = served

    def ask(version):
        most = ("--tlsv1.0", "--tls-max", version, "--ciphers", "ALL:@SECLEVEL=0")
        done = subprocess.run(
            ["curl", *READY, "--cacert", pair.certificate, *most, f"{address}/healthz"],
            check=False,
            capture_output=True,
        )
        return done.returncode

    if ask("1.2") != 0:
        unavailable("this curl cannot be told which TLS to speak")
    assert ask("1.1") == 35


def test_the_context_asks_for_tls_1_2(pair):
    certificate, key = map(Path, pair)
    context = tls_context(ServerSettings(tls_certificate=certificate, tls_key=key))
    assert context.minimum_version == ssl.TLSVersion.TLSv1_2
    assert tls_context(ServerSettings()) is None


def test_the_demo_speaks_tls_too(new_server, pair, tmp_path):
    server, output = new_server(), tmp_path / "demo.out"
    port = str(free_port())
    server.process = server.begin("demo", "--port", port, *pair.options, output=output)
    eventually(lambda: f"'https://127.0.0.1:{port}/api/" in output.read_text(), PATIENCE)
    eventually(lambda: '"serving"' in output.read_text(), PATIENCE)


@pytest.fixture
def refusal(new_server):
    """What `serve` says before it stops, for options of TLS that cannot be right."""
    server = new_server()

    def ask(certificate=None, key=None):
        options = []
        options += ["--tls-certificate", str(certificate)] if certificate else []
        options += ["--tls-key", str(key)] if key else []
        done = server.run("serve", "--port", str(server.port), *options, program=(PROGRAM,))
        assert done.returncode == 1
        assert not server.data_dir.exists()
        (line,) = done.stderr.splitlines()
        assert line.startswith("intentlive: ")
        return line

    return ask


def test_one_file_alone(refusal, pair):
    assert "--tls-key" in refusal(certificate=pair.certificate)
    assert "--tls-certificate" in refusal(key=pair.key)


def test_files_that_are_not_there(refusal, pair, tmp_path):
    missing = str(tmp_path / "missing.pem")
    for line in (refusal(missing, pair.key), refusal(pair.certificate, missing)):
        assert missing in line
        assert "No such file" in line
    assert "directory" in refusal(str(tmp_path), pair.key)


def test_files_that_hold_something_else(refusal, pair, tmp_path):
    nonsense = tmp_path / "nonsense.pem"
    nonsense.write_text("nonsense")
    assert f"{nonsense} holds no certificate" in refusal(nonsense, pair.key)
    assert f"{nonsense} holds no private key" in refusal(pair.certificate, nonsense)
    assert f"{pair.key} holds no certificate" in refusal(pair.key, pair.certificate)


def test_the_key_of_another_certificate(refusal, pair, other):
    assert f"{other.key} does not belong to" in refusal(pair.certificate, other.key)


def test_a_key_that_is_encrypted(refusal, pair):
    locked = pair.key.replace("tls.key", "locked.key")
    assert f"{locked} is encrypted" in refusal(pair.certificate, locked)
