"""What the tests of Enterprise deployments share: a server, and a deployment in
two databases of its own."""
import datetime
import itertools
import os
import sys
import time

import pytest

from deployment import Deployment, ROOT, harness, open_source

sys.path.insert(0, os.path.join(ROOT, "tests", "cli"))
from programs import Tool  # noqa: E402

NAMES = itertools.count()
ALL = "cas hub enterprise".split()
# A revision of a deployment's own catalogue, for hub.
OWN = """version: 2.14.0
title: Things have a colour
source: ours
down_label: exact
up:
  - set_default: {path: colour, value: red}
    over: {collection: things}
"""


class EnterpriseTool(Tool):
    """``Tool`` with a second database; ``cas`` is its name."""

    def __init__(self, server, name, home):
        super().__init__(server, name, home)
        self.cas = name + "_cas"
        self.client = server.client
        self.env.update({"CAS_DATABASE_URI": server.uri, "CAS_DATABASE_NAME": self.cas})

    def build(self, version, born=None, seed=1, scale=0.1):
        Deployment(version, born, seed, scale).write(self.client, self.name, self.cas)
        return self

    def migrate(self, *args, **env):
        r = self.migrator("migrate", *args, **env)
        assert r.status == 0, r.err
        return r

    def dump(self):
        """Both databases, to the byte, without our bookkeeping."""
        out = {}
        for side in self.name, self.cas:
            for name, (docs, meta) in harness.take_dump(self.client, side).items():
                indexes = sorted(str(sorted(ix.items(), key=str)) for ix in meta["indexes"])
                out[side == self.cas, name] = (sorted(docs), indexes)
        return out

    def service_documents(self):
        """{(database, collection): {_id: document}} of what the builder writes."""
        mine = Deployment("2.25.0").documents([{"_id": 1, "name": "x"}])
        out = {}
        for side, db in ("main", self.client[self.name]), ("cas", self.client[self.cas]):
            for name in mine[side]:
                docs = {str(d["_id"]): d for d in db[name].find()}
                if docs:
                    out[side, name] = docs
        return out

    def service_versions(self):
        out = {}
        for side in self.name, self.cas:
            for doc in self.client[side]["migrator.versions"].find():
                if "version" in doc:
                    out[doc["_id"]] = doc["version"]
        return out

    def now(self, seconds=0):
        """The server's."""
        return self.client.admin.command("hello")["localTime"] + datetime.timedelta(seconds=seconds)

    def config(self):
        return self.client[self.name].config.find_one()


@pytest.fixture(scope="session")
def server():
    with harness.Server() as s:
        yield s


@pytest.fixture(scope="session")
def replica_set():
    """Of one member."""
    with harness.Server("--replSet", "rs") as s:
        host = s.uri[len("mongodb://"):]
        s.client.admin.command("replSetInitiate", {"_id": "rs", "members": [{"_id": 0, "host": host}]})
        end = time.monotonic() + 60
        while not s.client.admin.command("hello")["isWritablePrimary"] and time.monotonic() < end:
            time.sleep(0.05)
        yield s


@pytest.fixture
def tool(server, tmp_path):
    name = "ent_%d" % next(NAMES)
    t = EnterpriseTool(server, name, str(tmp_path))
    yield t
    for database in t.name, t.cas:
        server.client.drop_database(database)


def expected_documents(tool, version, born, seed=1, scale=0.1):
    """The same as ``service_documents``, from the builder."""
    datasets = list(tool.client[tool.name].datasets.find({}, {"name": 1}).sort("_id", 1))
    parts = Deployment(version, born, seed, scale).documents(datasets)
    return {
        (side, name): {str(d["_id"]): d for d in docs}
        for side in parts
        for name, docs in parts[side].items()
        if docs
    }


# -- restores of both databases


def changed(tool):
    """Something in each database that a restore takes back."""
    tool.client[tool.cas].users.update_many({}, {"$set": {"changed": True}})
    tool.db.datasets.update_many({}, {"$set": {"changed": True}})
    tool.db.api_keys.drop()
    return tool.dump()


def marked(tool):
    """Whether a restore has left its mark: in the database of cas, and in the other one."""
    return tuple(bool(tool.client[name]["migrator.restore"].find_one()) for name in (tool.cas, tool.name))


def assert_named(tool, folder, *words):
    """The next command says what was cut off, and writes nothing."""
    before = tool.dump()
    r = tool.migrator(*(words or ["migrate"]))
    assert r.status == 16 and "a restore of " + folder in r.err and "restore %s'" % folder in r.err, r.err
    assert tool.dump() == before


__all__ = ["ALL", "EnterpriseTool", "assert_named", "changed", "expected_documents", "harness", "marked", "open_source",
           "replica_set", "server", "tool"]
