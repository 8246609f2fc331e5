"""Both programs on a server of the session, each test on a database of its own."""
import pytest
from programs import harness, tool_on


@pytest.fixture(scope="session")
def server():
    with harness.Server() as s:
        yield s


@pytest.fixture(scope="module")
def faulty_server():
    """Its failpoints can be set, and nobody else is connected."""
    with harness.Server("--setParameter", "enableTestCommands=1") as s:
        yield s


@pytest.fixture
def tool(server, tmp_path):
    with tool_on(server, "cli", tmp_path) as tool:
        yield tool
