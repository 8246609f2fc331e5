"""The package of the build tree on a server of the session, each test on a database of its own."""
import pytest
from datasets import NAMES, Place, harness


@pytest.fixture(scope="session")
def server():
    with harness.Server() as s:
        yield s


@pytest.fixture
def place(server):
    name = "python_%d" % next(NAMES)
    p = Place(server, name)
    yield p
    p.db.close()
    server.client.drop_database(name)
