"""A run that is cut off at any of its writes, in either database, and the next one.

The server closes the connection at the N-th write and at all after it, so the
program ends with what was written before; then the same command runs again.
"""
import json
import os
import random

import bson
import pytest

from deployment import Deployment
from enterprise import NAMES, EnterpriseTool, assert_named, changed, harness, marked

WRITES = ["insert", "update", "delete", "createIndexes", "dropIndexes", "drop", "aggregate"]
MOST = 3000

# What was there before, and the command that is cut off.
WAYS = {
    "up": ("2.12.0", ["2.12.0"], ["migrate", "2.18.0"]),
    "down": ("2.18.0", ["2.18.0"], ["migrate", "2.12.0"]),
    "up-again": ("2.18.0", ["2.18.0", "2.12.0"], ["migrate", "2.18.0"]),
    "undo-up": ("2.12.0", ["2.12.0", "2.18.0"], ["undo", "RUN"]),
    "undo-down": ("2.18.0", ["2.18.0", "2.12.0"], ["undo", "RUN"]),
}
FAR = {
    "far-up": ("1.4.0", ["1.4.0"], ["migrate", "2.25.0"]),
    "far-down": ("2.25.0", ["2.25.0"], ["migrate", "1.4.0"]),
    "far-up-again": ("2.25.0", ["2.25.0", "1.4.0"], ["migrate", "2.25.0"]),
    "far-undo": ("2.25.0", ["2.25.0", "1.4.0"], ["undo", "RUN"]),
}


@pytest.fixture(scope="module")
def failing():
    with harness.Server("--setParameter", "enableTestCommands=1") as s:
        yield s


def fail_from(server, n, commands=WRITES, **more):
    data = {"failCommands": commands, "closeConnection": True, "appName": "fiftyone-migrator", **more}
    mode = "off" if n is None else {"skip": n}
    server.client.admin.command("configureFailPoint", "failCommand", mode=mode, data=data)


class Start:
    """A deployment as it is before the command, of which copies are made."""

    def __init__(self, server, tmp_path, born, versions):
        self.server, self.home = server, str(tmp_path)
        tool = EnterpriseTool(server, "crash_%d" % next(NAMES), self.home)
        Deployment(born, scale=0.03).write(server.client, tool.name, tool.cas)
        for version in versions:
            tool.migrate(version)  # its residue is part of the start
        self.sides = [self.read(tool.name), self.read(tool.cas)]
        runs = tool.migrator("history", "-o", "json").json["runs"]
        self.run = runs[0]["run"]
        self.drop(tool)

    def begin(self, words):
        """From here on every run has the same time and seed: those of one that was killed before it wrote anything else."""
        for n in range(20):
            tool = self.copy()
            fail_from(self.server, n)
            try:
                self.command(tool, words)
            finally:
                fail_from(self.server, None)
            left = self.read(tool.name).get("migrator.journal", ([], []))
            self.drop(tool)
            if left[0]:
                break
        assert len(left[0]) == 1 and bson.decode(left[0][0].raw)["_id"] == "run"
        self.sides[0]["migrator.journal"] = left

    def read(self, name):
        db = self.server.client.get_database(name, codec_options=harness.RAW)
        out = {}
        for info in db.list_collections():
            c = info["name"]
            indexes = [dict(ix, ns=None) for ix in db[c].list_indexes()]
            out[c] = (list(db[c].find()), [i for i in indexes if i["name"] != "_id_"])
        return out

    def copy(self):
        tool = EnterpriseTool(self.server, "crash_%d" % next(NAMES), self.home)
        for name, side in zip((tool.name, tool.cas), self.sides):
            db = self.server.client.get_database(name, codec_options=harness.RAW)
            for c, (docs, indexes) in side.items():
                if docs:
                    db[c].insert_many(docs)
                else:
                    db.create_collection(c)
                if indexes:
                    wanted = [{k: v for k, v in ix.items() if k not in ("ns", "v")} for ix in indexes]
                    db.command({"createIndexes": c, "indexes": wanted})
        return tool

    def drop(self, tool):
        for name in tool.name, tool.cas:
            self.server.client.drop_database(name)

    def command(self, tool, words):
        return tool.migrator(*[self.run if w == "RUN" else w for w in words])


def versions_of(tool):
    keep = "version", "left_at", "state", "indexes"
    return sorted(
        (doc["_id"], *[str(sorted(doc[k]) if k == "indexes" and k in doc else doc.get(k)) for k in keep])
        for name in (tool.name, tool.cas)
        for doc in tool.client[name]["migrator.versions"].find()
    )


def writes_of(server):
    commands = server.client.admin.command("serverStatus")["metrics"]["commands"]
    return sum(int(commands[w]["total"]) for w in WRITES if w in commands)


def cut(start, words, n, wanted, versions):
    """Whether it was cut off at all."""
    tool = start.copy()
    fail_from(start.server, n)
    try:
        r = start.command(tool, words)
    finally:
        fail_from(start.server, None)
    assert r.status in (0, 5), (n, r.err)
    if r.status == 5:
        again = start.command(tool, words)
        # Cut off behind the last write that counts, an undo is done.
        done = words[0] == "undo" and again.status == 16 and "was taken back already" in again.err
        assert again.status == 0 or done, (n, again.err)
    assert tool.dump() == wanted, n
    assert versions_of(tool) == versions, n
    for name in tool.name, tool.cas:
        left = [c for c in start.server.client[name].list_collection_names() if c.startswith("migrator.scratch")]
        assert left == [] and start.server.client[name]["migrator.journal"].estimated_document_count() == 0, n
    start.drop(tool)
    return r.status == 5


def undisturbed(start, words):
    tool = start.copy()
    before, stood = tool.dump(), writes_of(start.server)
    r = start.command(tool, words)
    assert r.status == 0, r.err
    writes = writes_of(start.server) - stood
    assert tool.dump() != before
    out = tool.dump(), versions_of(tool), writes
    start.drop(tool)
    return out


@pytest.mark.parametrize("way", WAYS)
def test_cut_off(failing, tmp_path, way):
    """Six places each, thirty in all."""
    born, versions, words = WAYS[way]
    start = Start(failing, tmp_path, born, versions)
    start.begin(words)
    wanted, stands, writes = undisturbed(start, words)
    places = random.Random("kills " + way).sample(range(writes), 6)
    assert sum(cut(start, words, n, wanted, stands) for n in sorted(places)) >= 4


def test_a_restore_of_both_databases_is_cut_off(failing, tmp_path):
    """While it puts cas in its place, between the two, and after."""
    tool = EnterpriseTool(failing, "crash_%d" % next(NAMES), str(tmp_path))
    tool.build("2.12.0", scale=0.02)
    tool.migrate("2.12.0")
    folder = str(tmp_path / "backup")
    assert tool.migrator("backup", folder, "--all").status == 0
    start = tool.dump()
    with open(os.path.join(folder, "fiftyone-migrator.cas.json")) as f:
        moves = len(json.load(f)["collections"])
    for n, marks in (0, (True, True)), (moves - 1, (True, True)), (moves, (False, True)), (moves + 5, (False, True)):
        changed(tool)
        fail_from(failing, n, ["renameCollection"])
        try:
            r = tool.migrator("restore", folder, "--overwrite", "-j", "1")
        finally:
            fail_from(failing, None)
        assert r.status == 5 and "some collections are restored and others are not yet" in r.err, r.err
        assert marked(tool) == marks and tool.dump() != start
        assert_named(tool, folder)
        r = tool.migrator("restore", folder, "-o", "json")
        assert r.status == 0 and r.json["finished"] and r.json["cas"]["finished"], r.err
        assert tool.dump() == start and marked(tool) == (False, False)
    for name in tool.name, tool.cas:
        failing.client.drop_database(name)


def test_a_restore_of_both_databases_is_cut_off_at_its_marks(failing, tmp_path):
    """Whatever is marked: also commands that look at one database only refuse."""
    tool = EnterpriseTool(failing, "crash_%d" % next(NAMES), str(tmp_path))
    tool.build("2.12.0", scale=0.02)
    folder = str(tmp_path / "backup")
    tool.migrate("2.12.0")
    assert tool.migrator("backup", folder, "--all").status == 0
    start = tool.dump()
    for database, n, marks in (tool.name, 0, (False, False)), (tool.cas, 0, (False, True)), (tool.name, 1, (True, True)):
        changed(tool)
        fail_from(failing, n, ["update"], namespace=database + ".migrator.restore")
        try:
            r = tool.migrator("restore", folder, "--overwrite", "-j", "1")
        finally:
            fail_from(failing, None)
        assert r.status == 5 and marked(tool) == marks, r.err
        if any(marks):
            assert_named(tool, folder, "migrate", "--exclude", "cas")
            assert_named(tool, folder, "undo")
            r = tool.migrator("restore", folder)
            assert r.status == 0, r.err
            assert tool.dump() == start and marked(tool) == (False, False)
    for name in tool.name, tool.cas:
        failing.client.drop_database(name)


@pytest.mark.long
@pytest.mark.parametrize("way", {**WAYS, **FAR})
def test_cut_off_everywhere(failing, tmp_path, way):
    born, versions, words = {**WAYS, **FAR}[way]
    start = Start(failing, tmp_path, born, versions)
    start.begin(words)
    wanted, stands, writes = undisturbed(start, words)
    cuts = 0
    for n in range(MOST):
        if not cut(start, words, n, wanted, stands):
            break
        cuts += 1
    assert writes / 2 < cuts < MOST
