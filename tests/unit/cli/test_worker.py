"""What a worker is ordered arrives as it was meant, every setting of it."""

from dataclasses import asdict
from pathlib import Path

from intentlive.cli.orders import Order
from intentlive.settings import BufferSettings, ServerSettings, StoreSettings
from intentlive.signals import Worker

USUAL = (StoreSettings(), ServerSettings(), BufferSettings())
OTHER = (
    StoreSettings(
        store="sqlite:/srv/a file\n☕.db",
        data_dir=Path("/srv/a folder"),
        secrets_key_file=Path("/run/key"),
        secrets_key="a key",
    ),
    ServerSettings(
        host="::1",
        port=9,
        workers=4,
        tls_certificate=Path("/srv/tls.crt"),
        tls_key=Path("/srv/tls.key"),
        max_connections_per_address=0,
        require_account_id=True,
        log_format="json",
    ),
    BufferSettings(buffer="nats://127.0.0.1:4222", buffer_replicas=1, buffer_bytes=1 << 21),
)


def test_every_setting_is_tried_here():
    for other, usual in zip(OTHER, USUAL, strict=True):
        assert not asdict(other).items() & asdict(usual).items()


def test_an_order_arrives_as_it_was_given():
    for at, server, through in (USUAL, OTHER):
        worker = Worker(2, Path("/srv/shared"))
        order = Order(worker=worker, listening=7, at=at, server=server, through=through)
        line = order.line()
        assert line.count(b"\n") == 1
        assert Order.read(line) == order
