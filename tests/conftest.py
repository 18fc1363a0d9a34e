import pytest

from tests.postgres import Postgres


@pytest.fixture
def anyio_backend():
    return "asyncio"


@pytest.fixture(scope="session")
def postgres():
    """A running PostgreSQL, for tests that leave it as it is."""
    with Postgres() as running:
        yield running
