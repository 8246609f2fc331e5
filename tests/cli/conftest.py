"""Both programs on a server of the session, each test on a database of its own."""
import pytest
from programs import NAMES, Tool, harness


@pytest.fixture(scope="session")
def server():
    with harness.Server() as s:
        yield s


@pytest.fixture
def tool(server, tmp_path):
    name = "cli_%d" % next(NAMES)
    yield Tool(server, name, str(tmp_path))
    server.client.drop_database(name)
