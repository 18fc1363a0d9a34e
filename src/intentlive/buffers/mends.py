"""What errors of JetStream mean to whoever runs it, by their codes."""

_NO_CLUSTER, _SMALL_DISK, _FEW_NODES = 10074, 10047, 10005
_MENDS = {
    _NO_CLUSTER: "this NATS is no cluster: make one of three nodes, or give --buffer-replicas 1",
    _SMALL_DISK: "the disk that JetStream may use is too small: give less --buffer-bytes",
    _FEW_NODES: "as many nodes as --buffer-replicas must run, with --buffer-bytes free on each",
}

NO_USE_WAITING = (_NO_CLUSTER, _SMALL_DISK)
"""Those that time does not mend."""


def with_mend(said: str, code: int | None) -> str:
    """What an error says, and what to do about it if that is known."""
    mend = _MENDS.get(code or 0)
    return f"{said}: {mend}" if mend else said
