"""A run that is cut off at any of its writes, in either database, and the next one.

The server closes the connection at the N-th write and at all after it, so the
program ends with what was written before; then the same command runs again.
"""
import datetime

import pytest

from deployment import Deployment
from enterprise import NAMES, EnterpriseTool, harness

WRITES = ["insert", "update", "delete", "createIndexes", "dropIndexes", "drop", "aggregate"]
MOST = 2000


@pytest.fixture(scope="module")
def failing():
    with harness.Server("--setParameter", "enableTestCommands=1") as s:
        yield s


def fail_from(server, n):
    data = {"failCommands": WRITES, "closeConnection": True, "appName": "fiftyone-migrator"}
    mode = "off" if n is None else {"skip": n}
    server.client.admin.command("configureFailPoint", "failCommand", mode=mode, data=data)


def masked(dump):
    """Without documents dated by a run: accounts that hold no date of their own."""
    out = dict(dump)
    docs, indexes = out.get((True, "accounts"), ([], []))
    out[True, "accounts"] = ([d for d in docs if b"account-" not in d[:40]], indexes)
    return out


def cut_everywhere(server, tmp_path, born, version, target, step):
    """From ``version`` to ``target``, cut off at every ``step``-th write."""

    def fresh():
        tool = EnterpriseTool(server, "crash_%d" % next(NAMES), str(tmp_path))
        Deployment(born, scale=0.03).write(server.client, tool.name, tool.cas)
        for v in dict.fromkeys([born, version]):
            tool.migrate(v)  # the start; its residue is part of it
        return tool

    def gone(tool):
        for name in tool.name, tool.cas:
            server.client.drop_database(name)

    tool = fresh()
    start = tool.dump()
    tool.migrate(target)
    wanted, versions = masked(tool.dump()), tool.service_versions()
    assert tool.dump() != start
    gone(tool)
    cuts = 0
    for n in range(0, MOST, step):
        tool = fresh()
        fail_from(server, n)
        try:
            r = tool.migrator("migrate", target)
        finally:
            fail_from(server, None)
        if r.status == 0:
            gone(tool)
            break
        assert r.status == 5, r.err
        cuts += 1
        tool.migrate(target)
        assert masked(tool.dump()) == wanted, n
        assert tool.service_versions() == versions
        for name in tool.name, tool.cas:
            left = [c for c in server.client[name].list_collection_names() if c.startswith("migrator.scratch")]
            assert left == [] and server.client[name]["migrator.journal"].estimated_document_count() == 0
        gone(tool)
    assert cuts >= 3


@pytest.mark.parametrize("born,version,target", [("2.12.0", "2.12.0", "2.18.0"), ("2.18.0", "2.18.0", "2.12.0"),
                                                 ("2.18.0", "2.12.0", "2.18.0")], ids=["up", "down", "up-again"])
def test_cut_off(failing, tmp_path, born, version, target):
    cut_everywhere(failing, tmp_path, born, version, target, 9)


@pytest.mark.long
@pytest.mark.parametrize("born,version,target", [("1.4.0", "1.4.0", "2.25.0"), ("2.25.0", "2.25.0", "1.4.0"),
                                                 ("2.25.0", "1.4.0", "2.25.0"), ("2.12.0", "2.12.0", "2.18.0"),
                                                 ("2.18.0", "2.18.0", "2.12.0"), ("2.18.0", "2.12.0", "2.18.0")])
def test_cut_off_everywhere(failing, tmp_path, born, version, target):
    cut_everywhere(failing, tmp_path, born, version, target, 1)
