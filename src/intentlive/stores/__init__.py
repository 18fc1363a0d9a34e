"""Stores: one package a backend, chosen by the scheme of its address and imported on demand."""

from pathlib import Path

from intentlive.core.errors import StoreError
from intentlive.ports import Acting, Store
from intentlive.stores.vault import KeyPlace


async def open_store(  # noqa: PLR0913 - all but the first are keywords
    url: str,
    *,
    data_dir: Path,
    acting: Acting,
    key: str | None = None,
    key_file: Path | None = None,
    make: bool = True,
) -> Store:
    """Open the store at `url`, such as `sqlite:intentlive.db` (a path inside `data_dir`).

    Its secrets are opened by `key` (base64), or by the key in `key_file`, which lies beside the
    store unless it is named. A store that is not there is made, or NotFound without `make`.
    StoreUnavailable where it cannot be opened, SecretsLocked without the right key, StoreTooNew
    where a newer release made it, StoreError for a scheme that there is no backend for.
    """
    scheme, _, address = url.partition(":")
    if scheme == "sqlite" and address:
        from intentlive.stores.sqlite.store import open_sqlite  # noqa: PLC0415 - a driver is imported only where it is used

        path = data_dir / Path(address.replace("///", "/", 1))
        place = KeyPlace(key_file or path.with_name(f"{path.name}.key"), key)
        return await open_sqlite(path, place, acting, make=make)
    raise StoreError(f"no backend for store {url!r}: expected sqlite:PATH")
