import pytest

from tests.proxy import Proxy


@pytest.fixture
def proxy(postgres):
    """A network to PostgreSQL that fails on demand."""
    with Proxy(postgres.port) as between:
        yield between
