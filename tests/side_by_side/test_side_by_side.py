"""Fresh databases of the real package, migrated by it and by this program.

Environment: FM_PEER (default .venv-peer) is a folder whose bin/python has
fiftyone 1.22.1, FM_BIN_DIR (default build/bin) holds the program ``fiftyone``;
the rest as in ``tests/corpus/harness.py``.

For each destination one database goes down and up again four ways: down by
each of the two; up from the real one's result by each; and our own result up
again by ours, which the real client then opens, reads and writes.
"""
import itertools
import json
import os
import re
import subprocess
import sys

import bson
import pytest

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
CORPUS = os.path.join(ROOT, "tests", "corpus")
sys.path.insert(0, CORPUS)
import harness  # noqa: E402

pytestmark = pytest.mark.long

CLIENT = "1.22.1"
# (version, is the database plain?): see make_datasets.py.
DESTINATIONS = [
    ("1.3.0", False),
    ("0.25.0", False),
    ("0.22.0", False),
    ("0.19.0", False),
    ("0.18.0", False),
    ("0.15.1", True),
    ("0.8.1", True),
]
LIMIT = 40  # differences shown


def peer():
    folder = os.environ.get("FM_PEER") or os.path.join(ROOT, ".venv-peer")
    path = os.path.join(folder, "bin", "python")
    assert os.access(path, os.X_OK), "no interpreter at %s: run scripts/install-peer, or set FM_PEER" % path
    return path


def program():
    folder = os.environ.get("FM_BIN_DIR") or os.path.join(ROOT, "build", "bin")
    path = os.path.join(folder, "fiftyone")
    assert os.access(path, os.X_OK), "no program at %s: build it, or set FM_BIN_DIR" % path
    return path


REAL = [os.path.join(CORPUS, "tools", "real_runner.py")]


class World:
    """A server, and commands against its databases."""

    def __init__(self, server, home):
        self.server, self.home = server, home
        self.count = itertools.count()

    def new(self, dump=None):
        # Databases have another name than the default one (rule "orphans").
        name = "side_%d" % next(self.count)
        if dump is not None:
            harness.restore(self.server.client, dump, name)
        return name

    def run(self, command, database):
        """(output, when it ran)"""
        env = {
            k: v for k, v in os.environ.items() if not k.startswith(("FIFTYONE_", "CAS_", "HUB_", "PYTHON"))
        }
        env.update(
            HOME=self.home,
            TZ=harness.ZONE,
            FIFTYONE_DATABASE_URI=self.server.uri,
            FIFTYONE_DATABASE_NAME=database,
            FIFTYONE_DATABASE_VALIDATION="false",
            FIFTYONE_DO_NOT_TRACK="1",
            FIFTYONE_MIGRATOR_UNDO_LOG="off",
            FIFTYONE_MIGRATOR_ALLOW_LOSS="1",
        )
        start = harness.utcnow()
        p = subprocess.run(
            command,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=300,
        )
        text = p.stdout.decode(errors="replace")
        assert p.returncode == 0, "%s ended with %d:\n%s" % (" ".join(command), p.returncode, text[-4000:])
        return text, (start, harness.utcnow())

    def migrate(self, command, database, version):
        """(the database afterwards, when it ran)"""
        text, window = self.run([*command, "migrate", "--all", "-v", version, "--verbose"], database)
        # At its default error level the real command ends well all the same.
        raised = re.findall(r"^[\w.]+(?:Error|Exception): .*$", text, re.M)
        assert not raised, "%s to %s raised\n%s" % (command[-1], version, text[-4000:])
        return harness.take_dump(self.server.client, database), window


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    with harness.Server() as server:
        yield World(server, str(tmp_path_factory.mktemp("home")))


@pytest.fixture(scope="module")
def fresh(world):
    """{plain?: a dump}, both made by the real client."""
    out = {}
    for plain in (False, True):
        name = world.new()
        arguments = ["--plain"] if plain else []
        world.run([peer(), os.path.join(HERE, "make_datasets.py"), *arguments], name)
        out[plain] = harness.take_dump(world.server.client, name)
        world.server.client.drop_database(name)
    return out


def without_type(decoded, version):
    """docs/differences.md: no ``type`` in ``config`` below 0.15.1."""
    if tuple(int(x) for x in version.split(".")) < (0, 15, 1):
        docs, meta = decoded["config"]
        docs = [type(d)((k, v) for k, v in d if k != "type") for d in docs]
        decoded = {**decoded, "config": (docs, meta)}
    return decoded


def check(what, version, real, ours, before, window):
    diffs = harness.differences(
        without_type(harness.decoded(real), version), harness.decoded(ours), harness.decoded(before), window
    )
    assert not diffs, "\n".join(["%s: %d differences" % (what, len(diffs)), *diffs[:LIMIT]])


def documents(dump):
    return sum(len(docs) for docs, _ in dump.values())


def test_the_databases_hold_what_they_should(fresh):
    """Else the comparisons below would be about little."""
    for plain, dump in fresh.items():
        decoded = harness.decoded(dump)
        names = {d.get("name")[1] for d in decoded["datasets"][0]}
        assert {"Fresh images", "Fresh videos", "Never filled"} <= names
        for name in ("Fresh groups", "Fresh patches", "Frames of videos"):
            assert (name in names) == (not plain), name
        for collection, least in {"runs": 10, "views": 4, "workspaces": 1, "fs.files": 5}.items():
            assert len(decoded[collection][0]) >= least, collection
        frames = [c for c in decoded if c.startswith("frames.samples.") and decoded[c][0]]
        assert len(frames) == (1 if plain else 2)  # of videos, and of videos in groups
        assert documents(dump) > (60 if plain else 100)


@pytest.mark.parametrize("version, plain", DESTINATIONS, ids=[v for v, _ in DESTINATIONS])
def test_down_and_up(world, fresh, version, plain):
    start = fresh[plain]
    real, ours = [peer(), *REAL], [program()]
    theirs_at, ours_at = world.new(start), world.new(start)

    theirs_down, _ = world.migrate(real, theirs_at, version)
    ours_down, window = world.migrate(ours, ours_at, version)
    check("down", version, theirs_down, ours_down, start, window)

    # Both from the same database, so that ids made on the way down are the same.
    again_at = world.new(theirs_down)
    theirs_up, _ = world.migrate(real, theirs_at, CLIENT)
    again_up, window = world.migrate(ours, again_at, CLIENT)
    check("up", CLIENT, theirs_up, again_up, theirs_down, window)

    ours_up, _ = world.migrate(ours, ours_at, CLIENT)
    assert sum(len(d) for d, _ in ours_up.values()) == documents(theirs_up)
    text, _ = world.run([peer(), os.path.join(HERE, "open_datasets.py")], ours_at)
    opened = re.findall(r"^.*: \d+ samples, \d+ frames, \d+ runs, \d+ views$", text, re.M)
    assert len(opened) == len(start["datasets"][0]), text[-4000:]

    for name in (theirs_at, ours_at, again_at):
        world.server.client.drop_database(name)


def comparable(dump):
    """Without results in files, which the real one writes anew (0.20.0), and without our own collections."""
    out = {}
    for name, (docs, _) in dump.items():
        if name.startswith("fs."):
            continue
        docs = [bson.decode(d) for d in docs]
        if name == "runs":
            docs = [{k: v for k, v in d.items() if k != "results"} for d in docs]
        out[name] = sorted((repr(sorted(d.items())) for d in docs))
    return {name: docs for name, docs in out.items() if docs}


@pytest.mark.parametrize("version, plain", DESTINATIONS, ids=[v for v, _ in DESTINATIONS])
def test_what_the_real_client_lifted_gets_back_what_waits(world, fresh, version, plain):
    """Rule R5: our way down, the real one's way up, `residue apply`; then the start, and a client opens it."""
    start = fresh[plain]
    database = world.new(start)
    ours = os.path.join(os.path.dirname(program()), "fiftyone-migrator")
    world.run([ours, "migrate", version, "--yes", "-q", "--undo-log", "on"], database)
    world.run([peer(), *REAL, "migrate", "--all", "-v", CLIENT], database)
    info, _ = world.run([ours, "info", "-o", "json", "-q"], database)
    assert len(json.loads(info)["waiting"]) == len(start["datasets"][0])
    text, _ = world.run([ours, "residue", "apply", "--yes", "-q", "-o", "json"], database)
    for dataset in json.loads(text)["datasets"]:
        assert (dataset["kept"], dataset["members_kept"]) == ([], 0), dataset["name"]
    back = comparable(harness.take_dump(world.server.client, database))
    expected = comparable(start)
    assert {name: len(docs) for name, docs in back.items()} == {name: len(docs) for name, docs in expected.items()}
    for name in expected:
        assert back[name] == expected[name], name
    world.run([peer(), os.path.join(HERE, "open_datasets.py")], database)
    world.server.client.drop_database(database)
