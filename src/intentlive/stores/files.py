"""New files that are there whole or not at all, for their owner alone, and durable."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from intentlive.core.errors import AlreadyExists


@contextmanager
def made_aside(path: Path) -> Iterator[Path]:
    """An empty file to fill, which is put into place in the end.

    AlreadyExists if there is one by then: the first of several wins. OSError if the folder cannot
    be made or written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=path.parent, prefix=f".new-{path.name}-") as folder:
        made = Path(folder) / path.name
        made.touch(mode=0o600)
        yield made
        try:
            path.hardlink_to(made)
        except FileExistsError:
            raise AlreadyExists(f"{path} is there already") from None
    _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    """Make the names in a folder durable."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
