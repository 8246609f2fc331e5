"""Services and datasets of an Enterprise deployment, up and down."""
import datetime
import json
import os
import re
import signal
import subprocess
import time

import bson
import pytest
from bson import Int64, ObjectId

from deployment import ROOT, Deployment, as_script_left_it, numbers, version_rows
from enterprise import ALL, expected_documents, open_source, server, tool  # noqa: F401

# Versions at which some service has a revision, one before the first, and the newest.
REVISIONS = (
    "1.2.0 1.3.0 1.4.0 1.5.0 1.5.3 1.6.0 2.0.0 2.1.0 2.2.0 2.7.0 2.11.0 2.13.0 2.15.0 2.16.0 2.17.0 2.18.0"
).split()
VERSIONS = ["1.0.0", *REVISIONS, "2.25.0"]
PAIRS = [(a, b) for i, a in enumerate(VERSIONS) for b in VERSIONS[i + 1 :]]
SAMPLE = [("1.0.0", "2.25.0"), ("1.4.0", "1.6.0"), ("2.12.0", "2.13.0"), ("2.11.0", "2.17.0"), ("1.5.0", "2.18.0")]


def test_every_revision_is_here():
    """The list above is that of the catalogue."""
    found = set()
    for service in ALL:
        for file in os.listdir(os.path.join(ROOT, "src", "revisions", service)):
            found.add(file[: -len(".yaml")].split("-")[0])
    assert sorted(found, key=numbers) == REVISIONS


def plain(value, born):
    """For comparing by value and type; what a run dates itself is a word."""
    if isinstance(value, dict):
        return {k: plain(v, born) for k, v in value.items()}
    if isinstance(value, list):
        return [plain(v, born) for v in value]
    if isinstance(value, bytes):  # how a driver gives binary data of no special kind
        return ("binary", bytes(value))
    return (type(value).__name__, value)


def assert_as_built(tool, version, born, scale):
    found, wanted = tool.service_documents(), expected_documents(tool, version, born, scale=scale)
    assert set(found) == set(wanted)
    for name, docs in wanted.items():
        # The corpus has operations of its own.
        more = set(found[name]) - set(docs)
        assert set(docs) <= set(found[name]) and (not more or name == ("main", "delegated_ops")), name
        assert all(key.startswith("6b03") for key in more)
        for key, doc in docs.items():
            got = dict(found[name][key])
            if doc.get("lastUpdatedAt") == "now":
                doc = {**doc, "lastUpdatedAt": got["lastUpdatedAt"]}
                assert abs(got["lastUpdatedAt"] - datetime.datetime.utcnow()) < datetime.timedelta(minutes=5)
            # The odd ones are not in the builder's model of a version.
            if key.startswith("odd") or key == "odd":
                continue
            assert plain(got, born) == plain(doc, born), (name, key)


def documents_of(dump):
    return {name: docs for name, (docs, indexes) in dump.items()}


def without_copies(tool, dump):
    """Going down through 0.20.0 copies files of results in GridFS; going up brings the old file back, and the copy
    stays while the undo log names it.  Anything else that is more would be a leak."""
    named = set()
    for image in tool.db["migrator.residue"].find({"files": {"$exists": True}}):
        named.update(image["files"])
    used = {run.get("results") for run in tool.db.runs.find({}, {"results": 1})}
    copies = [f for f in named - used if tool.db["fs.files"].find_one({"_id": f})]
    out = dict(dump)
    for name in "fs.files", "fs.chunks":
        if (False, name) not in dump:
            continue
        docs, indexes = dump[False, name]
        key = "_id" if name == "fs.files" else "files_id"
        out[False, name] = ([d for d in docs if bson.decode(d)[key] not in copies], indexes)
    return out


def check_up(tool, old, new, scale=0.1):
    tool.build(old, scale=scale)
    tool.migrate(new)
    assert_as_built(tool, new, old, scale)
    assert tool.config() == {**tool.config(), "version": open_source(new), "type": "fiftyone-teams"}
    expected = {s: new for s in ALL if s != "cas" or numbers(old) >= (1, 6, 0)}
    assert tool.service_versions() == expected
    before = tool.dump()
    r = tool.migrate(new)
    assert "Nothing to do: everything is at v" in r.out
    assert tool.dump() == before


def check_down_and_up(tool, old, new, scale=0.1):
    tool.build(new, scale=scale)
    tool.migrate(new)  # writes down what was guessed, and makes the indexes
    start = without_copies(tool, tool.dump())
    tool.migrate(old, "--allow-loss")
    assert_as_built(tool, old, new, scale)
    if numbers(old) >= (1, 6, 0):
        assert tool.service_versions() == {s: old for s in ALL}
    low = tool.dump()
    assert "Nothing to do: everything is at v" in tool.migrate(old).out
    assert tool.dump() == low
    tool.migrate(new)
    # Where the version was guessed, indexes of it are made on the first way up.
    assert documents_of(without_copies(tool, tool.dump())) == documents_of(start)
    again = without_copies(tool, tool.dump())
    tool.migrate(old, "--allow-loss")
    tool.migrate(new)
    assert without_copies(tool, tool.dump()) == again
    # Without an undo log nothing is left of it.
    assert tool.migrator("residue", "prune", "--all").status == 0
    assert documents_of(tool.dump()) == documents_of(start)


@pytest.mark.parametrize("old,new", SAMPLE, ids=str)
def test_up(tool, old, new):
    check_up(tool, old, new)


@pytest.mark.parametrize("old,new", SAMPLE, ids=str)
def test_down_and_up_again(tool, old, new):
    check_down_and_up(tool, old, new)


@pytest.mark.long
@pytest.mark.parametrize("old,new", [p for p in PAIRS if p not in SAMPLE], ids=str)
def test_up_all(tool, old, new):
    check_up(tool, old, new)


@pytest.mark.long
@pytest.mark.parametrize("old,new", [p for p in PAIRS if p not in SAMPLE], ids=str)
def test_down_and_up_again_all(tool, old, new):
    check_down_and_up(tool, old, new)


@pytest.mark.long
@pytest.mark.parametrize("old,new", [("1.0.0", "2.25.0"), ("1.4.0", "2.18.0"), ("2.12.0", "2.16.0")], ids=str)
def test_a_large_deployment(tool, old, new):
    """Hundreds of users, groups, keys and credentials, thousands of delegated operations."""
    check_up(tool, old, new, scale=2)
    for database in tool.name, tool.cas:
        tool.client.drop_database(database)
    check_down_and_up(tool, old, new, scale=2)
    assert tool.db.delegated_ops.estimated_document_count() > 3000 and tool.db.api_keys.estimated_document_count() > 300
    assert tool.client[tool.cas].users.estimated_document_count() > 300


@pytest.mark.long
def test_from_the_oldest_and_back(tool):
    check_up(tool, "0.7.1", "2.25.0", scale=1)
    for database in tool.name, tool.cas:
        tool.client.drop_database(database)
    tool.build("2.25.0", scale=1)
    # Nothing that old holds groups: the whole is refused, and then without them.
    before = tool.dump()
    r = tool.migrator("migrate", "0.7.1")
    assert r.status == 16 and "groups were not supported" in r.err and tool.dump() == before
    tool.db.datasets.delete_many({"media_type": "group"})
    tool.migrate("2.25.0")
    start = without_copies(tool, tool.dump())
    tool.migrate("0.7.1", "--allow-loss")
    assert tool.config()["version"] == "0.15.1"
    assert tool.service_versions() == {"cas": None, "hub": "0.7.1", "enterprise": "0.7.1"}
    tool.migrate("2.25.0")
    assert documents_of(without_copies(tool, tool.dump())) == documents_of(start)
