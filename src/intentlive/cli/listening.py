"""Where a server listens, and how it speaks TLS there."""

import errno
import socket
import ssl
from functools import partial
from pathlib import Path

from intentlive.core.errors import IntentLiveError
from intentlive.settings import ServerSettings

_BACKLOG = 2048


def listen(host: str, port: int) -> socket.socket:
    """A listening socket; IntentLiveError if the address cannot be had."""
    try:
        family, kind, proto, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listening = socket.socket(family, kind, proto)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
        listening.listen(_BACKLOG)
    except OSError as error:
        mend = "; choose another --port" if error.errno == errno.EADDRINUSE else ""
        message = f"cannot listen on {host} port {port}: {error.strerror or error}{mend}"
        raise IntentLiveError(message) from error
    return listening


def tls_context(server: ServerSettings) -> ssl.SSLContext | None:
    """What the settings say of TLS; IntentLiveError if it cannot be done."""
    certificate, key = server.tls_certificate, server.tls_key
    if certificate is None and key is None:
        return None
    if certificate is None or key is None:
        missing = "--tls-certificate" if certificate is None else "--tls-key"
        raise IntentLiveError(f"TLS needs a certificate and its key: give {missing}, too")
    for path in (certificate, key):
        try:
            path.open("rb").close()
        except OSError as error:
            raise IntentLiveError(f"cannot read {path} for TLS: {error.strerror}") from error
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_verify_locations(certificate)
    except ssl.SSLError as error:
        raise IntentLiveError(f"{certificate} holds no certificate in PEM format") from error
    try:
        context.load_cert_chain(certificate, key, partial(_passphrase, key))
    except ssl.SSLError as error:
        message = f"{key} holds no private key in PEM that TLS can use: {error.reason or error}"
        if error.reason == "KEY_VALUES_MISMATCH":
            message = f"the key {key} does not belong to the certificate {certificate}"
        raise IntentLiveError(message) from error
    return context


def _passphrase(key: Path) -> str:
    mend = f"openssl pkey -in {key} -out FILE makes one that is not"
    raise IntentLiveError(f"the key {key} is encrypted, and nobody is there to unlock it: {mend}")


def address_of(listening: socket.socket, tls: ssl.SSLContext | None) -> str:
    """Where the server can be called."""
    host, port = listening.getsockname()[:2]
    host = f"[{host}]" if ":" in host else host
    return f"{'https' if tls else 'http'}://{host}:{port}"
