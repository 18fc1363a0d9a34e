import pytest

from .server import running


@pytest.fixture
async def server(tmp_path):
    async with running(tmp_path) as started:
        yield started
