"""Saved plans and backups hold all services and both databases."""
import itertools
import json
import os
import signal
import threading

import bson
import pymongo
import pytest

from enterprise import ALL, EnterpriseTool, assert_named, changed, marked, replica_set, server, tool  # noqa: F401


@pytest.fixture
def saved(tool, tmp_path):
    tool.build("2.12.0", scale=0.03)
    tool.migrate("2.13.0")
    path = str(tmp_path / "plan.json")
    r = tool.migrator("plan", "2.18.0", "--save", path)
    assert r.status == 0, r.err
    return path


def refused(tool, path, text, status=15, **env):
    before = tool.dump()
    r = tool.migrator("migrate", "--plan", path, **env)
    assert r.status == status and text in r.err, r.err
    assert tool.dump() == before


def test_a_saved_plan_runs_once(tool, saved):
    tool.migrate("--plan", saved)
    assert tool.service_versions() == {s: "2.18.0" for s in ALL} and tool.config()["version"] == "1.15.0"
    # What the plan itself did is no move.
    assert "Nothing to do" in tool.migrate("--plan", saved).out


def test_a_service_has_moved(tool, saved):
    tool.migrate("2.16.0", "--include", "hub")
    refused(tool, saved, "hub is at v2.16.0, and was at v2.13.0")


def test_a_database_has_moved(tool, saved):
    refused(tool, saved, "is of the CAS database '%s', and this is 'other'" % tool.cas, CAS_DATABASE_NAME="other")
    users = tool.client[tool.cas].users
    docs = list(users.find())
    users.drop()
    users.insert_many(docs)
    refused(tool, saved, "is of another database '%s', or this one was restored since" % tool.cas)


def test_a_dataset_has_moved(tool, saved):
    tool.migrate("2.16.0", "--include", "datasets")
    refused(tool, saved, "The database has moved since the plan was saved")


def test_other_revisions(tool, saved, tmp_path):
    file = tmp_path / "own" / "cas" / "2.14.0.yaml"
    file.parent.mkdir(parents=True)
    file.write_text("version: 2.14.0\ntitle: T\nsource: ours\ndown_label: exact\nup:\n"
                    "  - set_default: {path: colour, value: red}\n    over: {collection: things}\n")
    before = tool.dump()
    r = tool.migrator("migrate", "--plan", saved, "--catalogue", str(tmp_path / "own"))
    assert r.status == 15 and "was made with other revisions" in r.err and tool.dump() == before


def test_a_plan_of_some_services(tool, tmp_path):
    tool.build("2.12.0", scale=0.02)
    path = str(tmp_path / "plan.json")
    assert tool.migrator("plan", "2.18.0", "--include", "hub", "--save", path).status == 0
    # Others may move meanwhile.
    tool.migrate("2.18.0", "--include", "cas")
    tool.migrate("--plan", path)
    assert tool.service_versions() == {"cas": "2.18.0", "hub": "2.18.0"} and tool.config()["version"] == "1.9.0"
    r = tool.migrator("migrate", "--plan", path, "--include", "cas")
    assert r.status == 2 and "contradicts the plan" in r.err


def test_a_plan_keeps_the_names_of_collections(tool, tmp_path):
    tool.build("2.12.0", scale=0.03)
    tool.db.api_keys.rename("keys")
    path = str(tmp_path / "plan.json")
    named = ["--set", "hub.api_keys=keys"]
    assert tool.migrator("plan", "2.18.0", "--include", "hub", *named, "--save", path).status == 0
    refused(tool, path, "contradicts the plan", 2, FIFTYONE_MIGRATOR_ALLOW_DROP="on")
    r = tool.migrator("migrate", "--plan", path, "--set", "hub.api_keys=api_keys")
    assert r.status == 2 and "--set hub.api_keys=api_keys contradicts the plan" in r.err
    tool.migrate("--plan", path)
    assert tool.db["keys"].count_documents({"principal": {"$exists": True}}) > 0


def test_a_tampered_plan(tool, saved):
    with open(saved) as f:
        text = f.read()
    with open(saved, "w") as f:
        f.write(text.replace('"cas_database"', '"cas_datebase"'))
    refused(tool, saved, "was changed after it was saved")


@pytest.mark.parametrize("way", [("2.18.0", "2.12.0"), ("1.5.0", "2.25.0")], ids="-".join)
def test_backup_and_restore(tool, tmp_path, way):
    old, new = way
    tool.build(old, scale=0.05)
    tool.migrate(old)
    start, stood = tool.dump(), tool.service_versions()
    folder = str(tmp_path / "backup")
    tool.migrate(new, "--backup", folder)
    assert tool.dump() != start
    assert sorted(os.listdir(folder)) == sorted([tool.name, *([tool.cas, "fiftyone-migrator.cas.json"] if old > "1.6" else []),
                                                 "fiftyone-migrator.json"])
    r = tool.migrator("restore", folder)
    assert r.status == 16 and "already has" in r.err
    r = tool.migrator("restore", folder, "--overwrite", "-o", "json")
    assert r.status == 0, r.err
    assert tool.dump() == start and tool.service_versions() == stood


def test_backup_of_everything(tool, tmp_path):
    tool.build("2.12.0", scale=0.05)
    start = tool.dump()
    folder = str(tmp_path / "backup")
    r = tool.migrator("backup", folder, "--all", "-o", "json")
    assert r.status == 0 and r.json["cas"]["database"] == tool.cas, r.err
    for name in tool.name, tool.cas:
        tool.client.drop_database(name)
    r = tool.migrator("restore", folder, CAS_DATABASE_NAME=None)
    assert r.status == 2 and "CAS_DATABASE_NAME" in r.err
    assert tool.migrator("restore", folder).status == 0
    assert tool.dump() == start


def test_a_damaged_file_of_the_second_database(tool, tmp_path):
    tool.build("2.12.0", scale=0.02)
    folder = str(tmp_path / "backup")
    assert tool.migrator("backup", folder, "--all").status == 0
    path = os.path.join(folder, tool.cas, "users.bson")
    with open(path, "rb") as f:
        data = f.read()
    with open(path, "wb") as f:
        f.write(data.replace(b"example", b"exomple", 1))
    before = tool.dump()
    r = tool.migrator("restore", folder, "--overwrite")
    assert r.status == 15 and "users.bson" in r.err and tool.dump() == before


# -- both databases at once


def restores_cut(tool, folder, start, numbers):
    """The states in which a restore killed at these of its writes leaves the marks of cas and of the other database."""
    seen = set()
    for number in numbers:
        before = changed(tool)
        r = tool._run("fiftyone-migrator-cut", ["restore", folder, "--overwrite", "-j", "1"], {"FM_CUT_AT": str(number)})
        if r.status == 0:
            assert tool.dump() == start
            return seen
        assert r.status == -signal.SIGKILL, r.err
        marks, found = marked(tool), without_scratch(tool.dump())
        seen.add(marks)
        if any(marks):
            assert_named(tool, folder)
        else:
            # Nothing of it, or all.
            assert found in (before, start), number
        r = tool.migrator("restore", folder, "--overwrite")
        assert r.status == 0, (number, r.err)
        assert tool.dump() == start and marked(tool) == (False, False), number
    return seen


def without_scratch(dump):
    return {key: part for key, part in dump.items() if not key[1].startswith("migrator.")}


@pytest.fixture
def both_backed_up(tool, tmp_path):
    tool.build("2.12.0", scale=0.02)
    tool.migrate("2.12.0")
    folder = str(tmp_path / "backup")
    assert tool.migrator("backup", folder, "--all").status == 0
    return folder, tool.dump()


@pytest.mark.long
def test_a_restore_of_both_killed_at_every_write(tool, both_backed_up):
    folder, start = both_backed_up
    seen = restores_cut(tool, folder, start, itertools.count(1))
    assert seen == {(False, False), (True, False), (True, True), (False, True)}


def test_both_databases_are_read_as_of_one_moment(replica_set, server, tmp_path):
    tool = EnterpriseTool(replica_set, "one_moment", str(tmp_path))
    tool.build("2.12.0", scale=0.02)
    # Documents that take a while to read, and somebody who writes to the two in turn.
    pad = "x" * 4000
    tool.client[tool.cas].slow.insert_many([{"pad": pad} for _ in range(5000)])
    tool.db.slow.insert_many([{"pad": pad} for _ in range(5000)])
    stop = threading.Event()

    def write():
        client = pymongo.MongoClient(replica_set.uri, directConnection=True)
        for i in itertools.count():
            client[tool.name].counted.insert_one({"_id": i})
            client[tool.cas].counted.insert_one({"_id": i})
            if stop.is_set():
                client.close()
                return

    tool.client[tool.name].counted.insert_one({"_id": -1})
    tool.client[tool.cas].counted.insert_one({"_id": -1})
    writer = threading.Thread(target=write)
    writer.start()
    folder = str(tmp_path / "backup")
    try:
        r = tool.migrator("backup", folder, "--all")
    finally:
        stop.set()
        writer.join()
    assert r.status == 0 and "the same for all collections of both databases" in r.out, r.out + r.err
    parts = []
    for file, name in ("fiftyone-migrator.json", tool.name), ("fiftyone-migrator.cas.json", tool.cas):
        with open(os.path.join(folder, file)) as f:
            manifest = json.load(f)
        with open(os.path.join(folder, name, "counted.bson"), "rb") as f:
            parts.append((manifest["snapshot"], len(bson.decode_all(f.read()))))
    (time_of_main, of_main), (time_of_cas, of_cas) = parts
    assert time_of_main == time_of_cas and of_main - of_cas in (0, 1) and of_main > 1
    # Two servers have a time each.
    r = tool.migrator("backup", str(tmp_path / "two"), "--all", CAS_DATABASE_URI=server.uri, CAS_DATABASE_NAME="elsewhere")
    assert r.status == 0 and "; of cas none: standalone server" in r.out, r.out
    for name in tool.name, tool.cas:
        tool.client.drop_database(name)


def test_backup_without_cas(tool, tmp_path):
    tool.build("2.12.0", scale=0.02)
    env = {"CAS_DATABASE_URI": None, "CAS_DATABASE_NAME": None}
    r = tool.migrator("backup", str(tmp_path / "a"), **env)
    assert r.status == 2 and "needs CAS_DATABASE_URI, CAS_DATABASE_NAME" in r.err
    r = tool.migrator("backup", str(tmp_path / "a"), "--exclude", "cas", "-o", "json", **env)
    assert r.status == 0 and r.json["cas"] is None
