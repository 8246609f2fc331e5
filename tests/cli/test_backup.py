"""``backup`` and ``restore``: the same bytes back, one moment, and nothing half done."""
import contextlib
import hashlib
import json
import os
import re
import shutil
import signal
import struct
import subprocess
import time

import bson
import pymongo
import pytest
from bson import SON, Binary, Code, DBRef, Decimal128, Int64, MaxKey, MinKey, ObjectId, Regex, Timestamp, json_util
from bson.raw_bson import RawBSONDocument

from programs import NAMES, Tool, harness, tool_on
from test_bad_input import error_of

MANIFEST = "fiftyone-migrator.json"
LONG = "l" * 180 + " " * 20 + "ä" * 8  # 216 bytes; too long for a file when escaped


def element(kind, key, value=b""):
    return bytes([kind]) + key.encode() + b"\0" + value


def raw(*elements):
    body = b"".join(elements) + b"\0"
    return RawBSONDocument(struct.pack("<i", len(body) + 4) + body)


def fill(db):
    db.config.insert_one({"version": "1.22.1", "type": "fiftyone"})
    db.datasets.insert_one({"name": "d", "version": "1.22.1", "sample_collection_name": "samples.x"})
    db.datasets.create_index("name", unique=True)
    odd = {
        "null": None, "bool": True, "int": 1, "long": Int64(1), "double": -0.0, "nan": float("nan"), "text": "ä\0b",
        "id": ObjectId(), "binary": Binary(b"\0\1", 128), "uuid": Binary(bytes(16), 4), "regex": Regex("a", "xi"),
        "code": Code("f()"), "scoped": Code("f()", {"a": 1}), "min": MinKey(), "max": MaxKey(),
        "decimal": Decimal128("1.000"), "ref": DBRef("a", 1), "time": Timestamp(1, 2), "nested": {"t": Timestamp(0, 0)},
        "deep": json.loads("[" * 90 + "]" * 90), "": {"": ""}, "a.b": 1, "$dollar": 1,
    }
    db.odd.insert_many([{"_id": i, k: v} for i, (k, v) in enumerate(odd.items())])
    number = struct.pack("<i", 7)
    text = struct.pack("<i", 2) + b"\xff\0"
    db.odd.insert_many([
        raw(element(0x10, "_id", struct.pack("<i", 100)), element(0x10, "a", number), element(0x0A, "a")),  # twice
        raw(element(0x10, "_id", struct.pack("<i", 101)), element(0x02, "a", text)),  # not UTF-8
        raw(element(0x10, "_id", struct.pack("<i", 102)), element(0x06, "undefined"), element(0x0E, "symbol", text)),
        raw(element(0x03, "_id", b"\x05\0\0\0\0")),
    ])
    # An insert would put the time of day in the place of this one.
    db.odd.insert_one({"_id": 200, "before": 1})
    stamped = {"_id": 200, "z": 1, "$a.b": Timestamp(0, 0), "t": Timestamp(0, 0), "a": 1}
    db.command(SON([("update", "odd"), ("updates", [
        {"q": {"_id": 200}, "u": [{"$replaceWith": {"$literal": stamped}}]}])]))
    for i in 5, 3, 9, 1:  # natural order is not that of _id
        db["order"].insert_one({"_id": i})
    db.indexed.create_index([("a", 1), ("b", -1)], unique=True, partialFilterExpression={"a": {"$gt": 1}})
    db.indexed.create_index("when", expireAfterSeconds=3600, sparse=True)
    db.indexed.create_index([("words", "text")], default_language="german", weights={"words": 3})
    db.indexed.create_index([("where", "2dsphere")])
    db.indexed.create_index([("any.$**", 1)], hidden=True)
    db.indexed.create_index("k", collation={"locale": "de", "strength": 2})
    db.indexed.insert_many([{"a": i, "b": 0, "words": "ein Wort"} for i in range(5)])
    db.create_collection("capped", capped=True, size=1 << 20, max=100)
    db.capped.insert_many([{"_id": -i} for i in range(150)])
    db.create_collection("collated", collation={"locale": "fr"})
    db.collated.insert_one({"_id": "é"})
    db.create_collection("clustered", clusteredIndex={"key": {"_id": 1}, "unique": True})
    db.clustered.insert_many([{"_id": i} for i in (3, 1, 2)])
    # What JSON gives back as a regular expression, and a document that breaks the rule.
    db.validated.insert_one({"_id": 1, "a": "zzz"})
    db.command("collMod", "validated", validator={"a": {"$regex": "^a", "$options": "i"}}, validationAction="error")
    db.create_collection("empty")
    db.command("create", "seen", viewOn="indexed", pipeline=[{"$match": {"a": {"$gt": 2}}}])
    db["system.js"].insert_one({"_id": "twice", "value": Code("function (x) { return 2 * x; }")})
    for name in "with space/and%and?", "größe 🎉", "q\"u'o;t", LONG:
        db[name].insert_one({"_id": name})
    db["migrator.history"].insert_one({"_id": 1})
    for name in "migrator.lease", "migrator.scratch.1":
        db[name].insert_one({"_id": "of this moment"})


def fill_big(db, name="samples.x", count=50_000, size=1000):
    pad = os.urandom(size // 2 - 30).hex()
    for start in range(0, count, 10_000):
        db[name].insert_many([{"_id": i, "pad": pad} for i in range(start, start + 10_000)])


def content(db):
    """{name: (type, options, indexes, documents as bytes)}"""
    out = {}
    for info in db.list_collections():
        name = info["name"]
        if name == "system.views" or name in ("migrator.lease", "migrator.scratch.1", "migrator.history"):
            continue
        if info["type"] == "view":
            out[name] = (info["type"], bson.encode(info["options"]), None, None)
            continue
        docs = db.get_collection(name, codec_options=harness.RAW).find().hint([("$natural", 1)])
        indexes = [bson.encode(i) for i in db[name].list_indexes()]
        out[name] = (info["type"], bson.encode(info["options"]), indexes, [d.raw for d in docs])
    return out


def assert_same(actual, expected):
    assert sorted(actual) == sorted(expected)
    for name in expected:
        assert actual[name] == expected[name], name


def other(tool, server):
    """A tool on another database, empty."""
    return Tool(server, "cli_%d" % next(NAMES), tool.env["HOME"])


def manifest_of(folder):
    with open(os.path.join(folder, MANIFEST), encoding="utf-8") as f:
        return json_util.loads(f.read())


def wait_for(condition):
    end = time.monotonic() + 20
    while time.monotonic() < end:
        if condition():
            return
        time.sleep(0.0005)
    raise AssertionError("it did not happen")


@contextlib.contextmanager
def stopped(tool, condition, *args):
    """The program, started and then stopped as soon as the condition holds, which is before its end."""
    process = subprocess.Popen(
        [os.path.join(tool.bin, "fiftyone-migrator"), *args],
        env=tool.env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )
    try:
        wait_for(condition)
        process.send_signal(signal.SIGSTOP)
        assert process.poll() is None
        yield process
    finally:
        process.kill()
        process.communicate()


def resume(process):
    process.send_signal(signal.SIGCONT)
    out, err = process.communicate(timeout=30)
    return process.returncode, out.decode(), err.decode()


@pytest.fixture
def folder(tmp_path):
    return str(tmp_path / "backup")


@pytest.fixture(scope="module")
def replica_set():
    with harness.Server("--replSet", "rs") as s:
        host = s.uri[len("mongodb://"):]
        s.client.admin.command("replSetInitiate", {"_id": "rs", "members": [{"_id": 0, "host": host}]})
        wait_for(lambda: s.client.admin.command("hello")["isWritablePrimary"])
        yield s


@pytest.fixture
def member(replica_set, tmp_path):
    with tool_on(replica_set, "rs", tmp_path) as tool:
        yield tool


# -- there and back


@pytest.mark.parametrize("option", ["readPreference=secondary", "readPreference=secondaryPreferred",
                                    "readConcernLevel=majority", "readConcernLevel=available",
                                    "readConcernLevel=linearizable", "readConcernLevel=snapshot", "w=0"])
def test_what_a_uri_says_of_reading_is_for_other_programs(replica_set, member, option):
    """A member that lags behind would show a version or a journal of before; this set has no other member."""
    fill_deployment(member.db, "1.22.1")
    member.env["FIFTYONE_DATABASE_URI"] = "%s/?replicaSet=rs&%s" % (replica_set.uri, option)
    assert member.migrator("migrate", "1.12.0", "--yes", "-q", "--allow-loss").status == 0
    assert member.versions()[1] == "1.12.0"
    assert "Half-way" not in member.migrator("info").out


@pytest.mark.parametrize("zstd", [False, True], ids=["plain", "zstd"])
def test_the_same_bytes_come_back(tool, server, folder, zstd):
    fill(tool.db)
    expected = content(tool.db)
    r = tool.migrator("backup", folder, "--all", "-o", "json", *(["--zstd"] if zstd else []))
    assert r.status == 0, r.err
    assert "standalone server" in r.json["no_snapshot"] and "no point in time" in r.err
    there = other(tool, server)
    r = there.migrator("restore", folder, "-o", "json")
    assert r.status == 0, r.err
    assert (r.json["from_database"], r.json["database"]) == (tool.name, there.name)
    assert_same(content(there.db), expected)
    assert not [n for n in there.db.list_collection_names() if "scratch" in n or "lease" in n]
    server.client.drop_database(there.name)


def test_the_layout_is_that_of_mongodump(tool, folder):
    fill(tool.db)
    assert tool.migrator("backup", folder, "--all").status == 0
    assert sorted(os.listdir(folder)) == sorted([MANIFEST, tool.name])
    files = set(os.listdir(os.path.join(folder, tool.name)))
    for name in "datasets", "with%20space%2Fand%25and%3F", "gr%C3%B6%C3%9Fe%20%F0%9F%8E%89", "q%22u%27o%3Bt":
        assert {name + ".bson", name + ".metadata.json"} <= files
    cut = [f for f in files if f.startswith(("l" * 180 + "%20" * 20)[:208] + "%24")]
    assert len(cut) == 2 and max(len(f) for f in files) <= 255
    assert "seen.metadata.json" in files and "seen.bson" not in files  # a view has no documents
    manifest = manifest_of(folder)
    for entry in manifest["collections"]:
        with open(os.path.join(folder, entry["metadata"]), "rb") as f:
            text = f.read()
        assert hashlib.sha256(text).hexdigest() == entry["metadata_sha256"]
        metadata = json_util.loads(text)
        name = metadata["collectionName"]
        info = next(tool.db.list_collections(filter={"name": name}))
        assert metadata["type"] == info["type"]
        assert metadata.get("options", {}) == info["options"] or name == "validated"
        if entry["type"] == "view":
            assert metadata["indexes"] == [] and "uuid" not in metadata
            continue
        assert metadata["uuid"] == bytes(info["info"]["uuid"]).hex()
        assert [i["name"] for i in metadata["indexes"]] == [i["name"] for i in tool.db[name].list_indexes()]
        with open(os.path.join(folder, entry["file"]), "rb") as f:
            data = f.read()
        assert hashlib.sha256(data).hexdigest() == entry["sha256"]
        assert len(bson.decode_all(data, harness.RAW)) == entry["documents"] == tool.db[name].count_documents({})
    names = [c["name"] for c in manifest["collections"]]
    assert names == sorted(names) and LONG in names
    assert "migrator.history" in names and "migrator.lease" not in names and "migrator.scratch.1" not in names


@pytest.mark.long
def test_the_real_mongorestore_reads_it(tool, server, folder):
    program = os.environ.get("FM_MONGORESTORE") or shutil.which("mongorestore")
    if not program:
        pytest.skip("mongorestore is not on PATH; FM_MONGORESTORE names one")
    tool.restore("1.22.1-A")
    assert tool.migrator("backup", folder, "--all").status == 0
    there = server.client[tool.name + "_there"]
    subprocess.run([program, "--uri", server.uri, "--nsFrom", tool.name + ".*", "--nsTo", there.name + ".*", folder],
                   check=True, stderr=subprocess.PIPE)
    assert_same(content(there), content(tool.db))
    server.client.drop_database(there.name)


def test_a_large_collection(tool, server, folder):
    fill_big(tool.db, count=100_000)
    tool.db["samples.x"].create_index("pad")
    expected = content(tool.db)
    r = tool.migrator("backup", folder, "--zstd", "--all", "-j", "2", "-o", "json")
    assert r.status == 0, r.err
    assert r.json["documents"] == 100_000 and r.json["file_bytes"] < r.json["bytes"] / 2
    there = other(tool, server)
    assert there.migrator("restore", folder, "-j", "2").status == 0
    assert_same(content(there.db), expected)
    server.client.drop_database(there.name)


def test_time_series_are_refused(tool, folder):
    tool.db.create_collection("ts", timeseries={"timeField": "t"})
    message, remedy = error_of(tool.migrator("backup", folder, "--all"), 16)
    assert "'ts' is of the type timeseries" in message and "--all" in remedy
    assert not os.path.exists(folder) and not os.path.exists(folder + ".partial")


# -- what is taken


def names_in(folder):
    return {c["name"] for c in manifest_of(folder)["collections"]}


def fill_deployment(db, version="0.19.0"):
    db.config.insert_one({"version": version, "type": "fiftyone"})
    for i, kind in enumerate(["image", "video"]):
        samples = "samples.%d" % i
        db.datasets.insert_one({
            "_id": ObjectId("%024x" % (i + 1)), "name": kind, "slug": kind, "version": version, "media_type": kind,
            "sample_collection_name": samples, "frame_collection_name": "frames." + samples,
        })
        db[samples].insert_one({"filepath": "x"})
        db["frames." + samples].insert_one({"frame_number": 1})
    for name in "runs", "fs.files", "fs.chunks", "unrelated":
        db[name].insert_one({})


def test_only_what_the_plan_touches(tool, tmp_path):
    fill_deployment(tool.db)
    shared = {"config", "datasets", "runs", "fs.files", "fs.chunks"}
    own = [{"samples.0", "frames.samples.0"}, {"samples.1", "frames.samples.1"}]
    cases = {
        "newest": ([], shared | own[0] | own[1]),
        "one": (["-n", "video"], shared | own[1]),
        "metadata": (["0.21.0", "-n", "image"], shared | own[0]),  # 0.20.0 edits samples too
        "all": (["--all"], shared | own[0] | own[1] | {"unrelated"}),
    }
    for name, (args, expected) in cases.items():
        folder = str(tmp_path / name)
        r = tool.migrator("backup", folder, *args)
        assert r.status == 0, r.err
        assert names_in(folder) == expected, name


def test_metadata_revisions_take_no_samples(tool, tmp_path):
    fill_deployment(tool.db, "0.16.5")
    folder = str(tmp_path / "b")
    assert tool.migrator("backup", folder, "0.18.0").status == 0
    assert names_in(folder) == {"config", "datasets", "runs", "fs.files", "fs.chunks"}


def test_everything_where_nothing_is_to_do(tool, folder):
    fill_deployment(tool.db, "1.22.1")
    assert tool.migrator("backup", folder).status == 0
    assert "unrelated" in names_in(folder) and manifest_of(folder)["scope"] == "everything"


def test_the_history_of_runs_stays(tool, server, folder):
    tool.fill("1.4.1", {"a": "1.4.1"})
    assert tool.migrator("migrate", "1.12.0", "--yes").status == 0
    assert tool.migrator("backup", folder, "--all").status == 0
    assert tool.migrator("migrate", "1.22.1", "--yes").status == 0
    assert tool.migrator("restore", folder, "--overwrite").status == 0
    assert tool.versions() == ({"a": "1.12.0"}, "1.12.0")
    runs = tool.migrator("history", "-o", "json").json["runs"]
    assert [(r["kind"], r["state"], r["to"]) for r in runs] == [
        ("restore", "done", "1.12.0"), ("migrate", "done", "1.22.1"), ("migrate", "done", "1.12.0")]
    assert runs[0]["directory"] == folder
    # Where there is none, that of the backup comes.
    there = other(tool, server)
    assert there.migrator("restore", folder).status == 0
    runs = there.migrator("history", "-o", "json").json["runs"]
    assert [(r["kind"], r["state"]) for r in runs] == [("restore", "done"), ("migrate", "done")]
    server.client.drop_database(there.name)


def test_backup_migrate_restore(tool, folder):
    tool.restore("0.22.3-A")
    expected = content(tool.db)
    assert tool.migrator("backup", folder, "1.22.1").status == 0
    assert tool.migrator("migrate", "1.22.1", "--yes").status == 0
    # A later run, half-way: its journal must not outlive the datasets it speaks of.
    tool.db["migrator.journal"].insert_one({"_id": "run"})
    r = tool.migrator("restore", folder, "--overwrite", "-o", "json")
    assert r.status == 0, r.err
    assert "migrator.journal" in r.json["dropped"]
    actual = content(tool.db)
    for name in set(actual) - set(expected):
        assert name in r.json["left_alone"]
    assert_same({n: c for n, c in actual.items() if n in expected}, expected)


# -- refusals


def test_a_folder_that_is_not_empty(tool, folder):
    tool.fill("1.22.1", {"a": "1.22.1"})
    os.mkdir(folder)
    with open(os.path.join(folder, "precious"), "w", encoding="utf-8"):
        pass
    message, _ = error_of(tool.migrator("backup", folder), 16)
    assert folder in message and os.listdir(folder) == ["precious"]
    os.remove(os.path.join(folder, "precious"))
    assert tool.migrator("backup", folder).status == 0
    error_of(tool.migrator("backup", folder), 16)


def test_no_manifest_is_no_backup(tool, folder):
    tool.fill("1.22.1", {"a": "1.22.1"})
    assert tool.migrator("backup", folder).status == 0
    os.remove(os.path.join(folder, MANIFEST))
    before = content(tool.db)
    message, _ = error_of(tool.migrator("restore", folder, "--overwrite"), 16)
    assert "incomplete" in message and MANIFEST in message
    assert_same(content(tool.db), before)
    error_of(tool.migrator("restore", folder + "/nothing"), 10)


@pytest.mark.parametrize("zstd", [False, True], ids=["plain", "zstd"])
def test_every_damage_is_found_before_the_first_write(tool, folder, zstd):
    tool.fill("1.22.1", {"a": "1.22.1", "b": "1.22.1"})
    assert tool.migrator("backup", folder, *(["--zstd"] if zstd else [])).status == 0
    before = content(tool.db)
    ending = ".bson.zst" if zstd else ".bson"
    files = [os.path.join(folder, tool.name, "datasets" + e) for e in (ending, ".metadata.json")]
    for path in files:
        with open(path, "rb") as f:
            data = f.read()
        half = len(data) // 2
        flipped = data[:half] + bytes([data[half] ^ 1]) + data[half + 1:]
        for damage in flipped, data[:-1], data[:half], b"", data + data, None:
            if damage is None:
                os.remove(path)
            else:
                with open(path, "wb") as f:
                    f.write(damage)
            message, _ = error_of(tool.migrator("restore", folder, "--overwrite"), 15)
            assert path in message
            assert_same(content(tool.db), before)
        with open(path, "wb") as f:
            f.write(data)
    assert tool.migrator("restore", folder, "--overwrite").status == 0
    assert_same(content(tool.db), before)


def test_collections_in_the_way(tool, server, folder):
    fill(tool.db)
    expected = content(tool.db)
    assert tool.migrator("backup", folder, "--all").status == 0
    there = other(tool, server)
    there.db.create_collection("datasets")  # empty: not in the way
    there.db["order"].insert_one({"_id": "mine"})
    there.db.stranger.insert_one({"_id": "mine"})
    before = content(there.db)
    message, remedy = error_of(there.migrator("restore", folder), 16)
    assert "already has order" in message and "--overwrite" in remedy
    assert_same(content(there.db), before)
    r = there.migrator("restore", folder, "--dry-run", "--overwrite")
    assert r.status == 0 and "order" in r.out and "stranger" in r.out
    assert_same(content(there.db), before)
    r = there.migrator("restore", folder, "--overwrite", "-o", "json")
    assert r.status == 0 and r.json["replaced"] == ["order"] and r.json["left_alone"] == ["stranger"]
    assert_same(content(there.db), {**expected, "stranger": before["stranger"]})
    # And over itself, views included.
    there.db.command("collMod", "seen", viewOn="order", pipeline=[])
    assert there.migrator("restore", folder, "--overwrite").status == 0
    assert_same(content(there.db), {**expected, "stranger": before["stranger"]})
    there.db.drop_collection("seen")
    there.db.seen.insert_one({})
    message, _ = error_of(there.migrator("restore", folder, "--overwrite"), 16)
    assert "seen" in message and there.db.seen.count_documents({}) == 1
    server.client.drop_database(there.name)


def test_only_admins_restore(tool, folder):
    error_of(tool.migrator("restore", folder, FIFTYONE_DATABASE_ADMIN="false"), 13)


def test_all_takes_no_version(tool, folder):
    error_of(tool.migrator("backup", folder, "1.0.0", "--all"), 2)


# -- killed, and out of room


def test_a_killed_backup_looks_like_none(tool, server, folder):
    fill_big(tool.db)
    tool.fill("1.22.1", {"a": "1.22.1"})
    partial = os.path.join(folder + ".partial", tool.name)
    with stopped(tool, lambda: os.path.isdir(partial), "backup", folder, "--all") as process:
        message, _ = error_of(tool.migrator("backup", folder, "--all"), 16)
        assert "Another run" in message
        process.kill()
        process.wait()
        assert not os.path.exists(folder)
        message, _ = error_of(tool.migrator("restore", folder + ".partial"), 16)
        assert "incomplete" in message
    assert tool.migrator("backup", folder, "--all").status == 0
    assert not os.path.exists(folder + ".partial")
    there = other(tool, server)
    assert there.migrator("restore", folder).status == 0
    assert_same(content(there.db), content(tool.db))
    server.client.drop_database(there.name)


def test_a_killed_restore_changes_nothing(tool, folder):
    fill_big(tool.db)
    tool.fill("1.22.1", {"a": "1.22.1"})
    expected = content(tool.db)
    assert tool.migrator("backup", folder, "--all").status == 0
    tool.db["samples.x"].update_many({}, {"$set": {"pad": "later"}})
    later = content(tool.db)

    def scratch():
        return {n for n in tool.db.list_collection_names() if n.startswith("migrator.scratch.")}

    with stopped(tool, scratch, "restore", folder, "--overwrite") as process:
        process.kill()
        process.wait()
        left = scratch()
        assert left
        assert_same({n: c for n, c in content(tool.db).items() if n not in left}, later)
    assert tool.migrator("restore", folder, "--overwrite").status == 0
    assert_same(content(tool.db), expected)


@pytest.mark.parametrize("step", [pytest.param(1, marks=pytest.mark.long), 9])
def test_a_restore_killed_in_its_last_step_is_finished(tool, folder, step):
    fill_deployment(tool.db, "1.22.1")
    tool.db.command("create", "seen", viewOn="runs", pipeline=[])
    expected = content(tool.db)
    assert tool.migrator("backup", folder, "--all").status == 0

    def change():
        for name in list(expected):
            tool.db.drop_collection(name)
        fill_deployment(tool.db, "1.12.0")
        tool.db["samples.0"].insert_one({"filepath": "later"})
        tool.db.command("create", "seen", viewOn="datasets", pipeline=[])
        tool.db["migrator.journal"].insert_one({"_id": "of a later run"})
        return content(tool.db)

    halves = 0
    for number in range(5, 1000, step):
        later = change()
        r = tool._run("fiftyone-migrator-cut", ["restore", folder, "--overwrite", "-j", "1"], {"FM_CUT_AT": str(number)})
        if r.status != -signal.SIGKILL:
            assert r.status == 0, r.err
            break
        if tool.db["migrator.restore"].find_one():
            halves += 1
            if halves == 1:
                for command in ["migrate", "--yes"], ["verify", "--repair", "--yes"], ["residue", "prune"], ["plan"], \
                        ["migrate", "--dry-run"]:
                    message, remedy = error_of(tool.migrator(*command), 16)
                    assert "restore of " + folder in message and "restore " + folder in remedy
                blocker = [f for f in tool.migrator("doctor", "-o", "json").json["findings"] if f["id"] == "unfinished"]
                assert blocker[0]["level"] == "blocker" and "restore " + folder in blocker[0]["remedy"]
                assert "Restore:   a restore of " + folder in tool.migrator("info").out
                codes = [f["code"] for f in tool.migrator("verify", "-o", "json").json["found"]]
                assert "restore-interrupted" in codes
            r = tool.migrator("restore", folder, "-o", "json")
            assert r.status == 0 and r.json["finished"], r.err
        else:
            left = [n for n in tool.db.list_collection_names() if n.startswith("migrator.scratch.")]
            now = {n: c for n, c in content(tool.db).items() if n not in [*left, "migrator.restore"]}
            if now != expected:  # the very last write was done
                assert_same(now, later)
            assert tool.migrator("restore", folder, "--overwrite").status == 0
        assert_same(content(tool.db), expected)
        assert not {n for n in tool.db.list_collection_names() if "scratch" in n or n == "migrator.restore"}
    assert halves > 12 / step


def test_a_half_restore_that_lost_its_parts_begins_anew(tool, folder):
    fill_deployment(tool.db, "1.22.1")
    expected = content(tool.db)
    assert tool.migrator("backup", folder, "--all").status == 0
    for number in range(1, 1000):
        r = tool._run("fiftyone-migrator-cut", ["restore", folder, "--overwrite", "-j", "1"], {"FM_CUT_AT": str(number)})
        assert r.status == -signal.SIGKILL
        if "migrator.restore" in tool.db.list_collection_names():
            break
    for name in tool.db.list_collection_names():
        if name.startswith("migrator.scratch."):
            tool.db.drop_collection(name)
    r = tool.migrator("restore", folder, "-o", "json")
    assert r.status == 0 and not r.json["finished"], r.err
    assert_same(content(tool.db), expected)


@pytest.mark.parametrize("name, status", [("SIGINT", 130), ("SIGTERM", 143)])
def test_a_backup_stops_at_a_signal(tool, folder, name, status):
    fill_big(tool.db)
    partial = os.path.join(folder + ".partial", tool.name)
    with stopped(tool, lambda: os.path.isdir(partial), "backup", folder, "--all") as process:
        process.send_signal(getattr(signal, name))
        code, out, err = resume(process)
    assert (code, out) == (status, ""), err
    assert "no backup was made" in err and err.count("error:") == 1
    assert not os.path.exists(folder) and not os.path.exists(folder + ".partial")


@pytest.mark.parametrize("name, status", [("SIGINT", 130), ("SIGTERM", 143)])
def test_a_restore_stops_at_a_signal(tool, folder, name, status):
    fill_big(tool.db)
    tool.fill("1.22.1", {"a": "1.22.1"})
    assert tool.migrator("backup", folder, "--all").status == 0
    tool.db["samples.x"].update_many({}, {"$set": {"pad": "later"}})
    later = content(tool.db)

    def scratch():
        return [n for n in tool.db.list_collection_names() if n.startswith("migrator.scratch.")]

    with stopped(tool, scratch, "restore", folder, "--overwrite") as process:
        process.send_signal(getattr(signal, name))
        code, out, err = resume(process)
    assert (code, out) == (status, ""), err
    assert "the database is as it was before" in err
    assert_same(content(tool.db), later)
    assert not scratch() and "migrator.restore" not in tool.db.list_collection_names()
    run = tool.migrator("history", "-o", "json").json["runs"][0]
    assert (run["kind"], run["state"]) == ("restore", "interrupted")


def test_no_room_is_seen_before(tool, folder):
    """A file system of 4 MiB, or a limit of the process where none may be mounted."""
    fill_big(tool.db, count=10_000)
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", os.path.dirname(folder)],
                             check=False, capture_output=True).returncode == 0
    try:
        if mounted:
            message, remedy = error_of(tool.migrator("backup", folder, "--all"), 16)
            assert "needs about 9." in message and "has room for" in message and "--zstd" in remedy
            assert os.listdir(os.path.dirname(folder)) == []
        # Random content that does not get smaller: this is not known before.
        pads = os.urandom(10_000 * 900)
        tool.db["samples.x"].drop()
        tool.db["samples.x"].insert_many([{"_id": i, "pad": pads[i * 900:i * 900 + 900]} for i in range(10_000)])
        limit = "exec" if mounted else "ulimit -f 4096; exec"
        p = subprocess.run(
            ["sh", "-c", limit + ' "$@"', "sh", os.path.join(tool.bin, "fiftyone-migrator"),
             "backup", folder, "--all", "--zstd"],
            env=tool.env, capture_output=True, text=True, timeout=60, check=False, restore_signals=False)
        assert p.returncode == 16 and p.stdout == "", p.stderr
        assert "Could not write" in p.stderr and folder in p.stderr and "Make room" in p.stderr
        assert p.stderr.count("error:") == 1
        assert os.listdir(os.path.dirname(folder)) == []
    finally:
        if mounted:
            subprocess.run(["umount", os.path.dirname(folder)], check=True)


# -- one moment


def test_a_replica_set_is_read_as_of_one_moment(member, folder):
    fill(member.db)
    fill_big(member.db)
    member.db["fill"].insert_one({"_id": 1})
    expected = content(member.db)
    partial = os.path.join(folder + ".partial", member.name)
    with stopped(member, lambda: os.path.isdir(partial), "backup", folder, "--all", "-j", "1", "-o", "json") as process:
        for name in "order", "datasets", "indexed", "samples.x":
            member.db[name].update_many({}, {"$set": {"late": 1}})
        member.db["order"].delete_one({"_id": 9})
        member.db["fill"].insert_one({"_id": 2})
        member.db["of a later time"].insert_one({"_id": 1})
        status, out, err = resume(process)
    assert status == 0, err
    assert json.loads(out)["snapshot"]["seconds"] > 0 and "point in time" not in err
    assert "'capped' is capped" in err  # the only ones that servers do not read as of a time
    assert [c["name"] for c in manifest_of(folder)["collections"] if "in_snapshot" in c] == ["capped"]
    assert member.migrator("restore", folder, "--overwrite").status == 0
    later = content(member.db)
    del later["of a later time"]
    assert_same(later, expected)


def test_no_snapshot_is_recorded(member, folder):
    member.fill("1.22.1", {"a": "1.22.1"})
    r = member.migrator("backup", folder, "--no-snapshot")
    assert r.status == 0 and "--no-snapshot" in r.err
    assert manifest_of(folder)["snapshot"].startswith("none: --no-snapshot")


def test_a_history_that_is_too_short(member, folder):
    member.fill("1.22.1", {"a": "1.22.1"})
    fill_big(member.db)
    admin = member.db.client.admin
    before = admin.command("getParameter", 1, minSnapshotHistoryWindowInSeconds=1)["minSnapshotHistoryWindowInSeconds"]
    admin.command("setParameter", 1, minSnapshotHistoryWindowInSeconds=0)
    partial = os.path.join(folder + ".partial", member.name)
    try:
        with stopped(member, lambda: os.path.isdir(partial), "backup", folder, "--all") as process:
            for i in range(20):
                member.db.later.insert_one({"_id": i})
                time.sleep(0.1)
            status, out, err = resume(process)
    finally:
        admin.command("setParameter", 1, minSnapshotHistoryWindowInSeconds=before)
    assert (status, out) == (16, ""), err
    assert "minSnapshotHistoryWindowInSeconds" in err and err.count("error:") == 1
    assert not os.path.exists(folder) and not os.path.exists(folder + ".partial")


def test_a_collection_dropped_meanwhile(member, folder):
    fill_big(member.db)
    member.fill("1.22.1", {"a": "1.22.1"})
    member.db.gone.insert_one({})
    partial = os.path.join(folder + ".partial", member.name)
    with stopped(member, lambda: os.path.isdir(partial), "backup", folder, "--all", "-j", "1") as process:
        member.db.gone.drop()
        status, _, err = resume(process)
    assert status == 16 and "'gone' was dropped or replaced" in err
    assert not os.path.exists(folder)


# -- rights


def test_rights(tmp_path):
    with harness.Server("--auth") as s:
        s.client.admin.command("createUser", "root", pwd="s3cret", roles=["root"])
        root = pymongo.MongoClient(s.uri, username="root", password="s3cret")
        for role in "read", "readWrite":
            root.guarded.command("createUser", role, pwd="s3cret", roles=[role])
        tool = Tool(s, "guarded", str(tmp_path))
        tool.db = root.guarded
        tool.fill("1.22.1", {"a": "1.22.1"})
        expected = content(tool.db)
        folder = str(tmp_path / "b")

        def uri(user):
            return s.uri.replace("://", "://%s:s3cret@" % user) + "/?authSource=guarded"

        r = tool.migrator("backup", folder, "--all", FIFTYONE_DATABASE_URI=uri("read"))
        assert r.status == 0, r.err
        message, remedy = error_of(
            tool.migrator("restore", folder, "--overwrite", FIFTYONE_DATABASE_URI=uri("read")), 12)
        assert "lacks the rights" in message and "readWrite" in remedy
        assert_same(content(tool.db), expected)
        tool.db.datasets.update_many({}, {"$set": {"name": "later"}})
        r = tool.migrator("restore", folder, "--overwrite", FIFTYONE_DATABASE_URI=uri("readWrite"))
        assert r.status == 0, r.err
        assert_same(content(tool.db), expected)
        root.close()


def test_what_others_wrote_is_not_replaced(tool, folder):
    tool.fill("1.22.1", {"a": "1.22.1"})
    os.makedirs(folder + ".partial/precious")
    message, _ = error_of(tool.migrator("backup", folder), 16)
    assert "this program did not write it" in message and os.path.isdir(folder + ".partial/precious")
    shutil.rmtree(folder + ".partial")
    assert tool.migrator("backup", folder).status == 0


def test_migrate_backs_up_first(tool, tmp_path):
    tool.fill("0.25.0", {"a": "0.25.0"})
    before = tool.db.datasets.find_one()
    backup = str(tmp_path / "backup")
    r = tool.migrator("migrate", "--backup", backup)
    assert r.status == 0, r.err
    assert tool.db.datasets.find_one()["version"] == "1.22.1"
    # In the way: nothing is written.
    tool.db.datasets.update_one({}, {"$set": {"version": "0.25.0"}})
    assert tool.migrator("migrate", "--backup", backup).status == 16
    assert tool.db.datasets.find_one()["version"] == "0.25.0"
    assert tool.migrator("restore", backup, "--overwrite").status == 0
    assert tool.db.datasets.find_one() == before


def test_counts_say_what_they_count(tool, tmp_path):
    tool.fill("1.22.1", {"a": "1.22.1"})
    assert tool.migrator("backup", str(tmp_path / "b"), "--all").status == 0
    shown = tool.migrator("restore", str(tmp_path / "b"), "--overwrite").out
    assert re.search(r"^Restored:  2 documents in 2 collections, ", shown, re.M), shown
