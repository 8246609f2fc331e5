"""What a restore does to datasets and collections that its backup does not hold."""
import os
import signal

import pytest
from bson import ObjectId

from programs import NAMES, Tool, harness
from test_backup import content, fill_deployment
from test_bad_input import error_of
from test_security import RIGHTS, guarded, tool_as, user_with  # noqa: F401

PLAIN = "plain"


@pytest.fixture
def folder(tmp_path):
    return str(tmp_path / "backup")


def ran(tool, *args, status=0):
    r = tool.migrator(*args)
    assert r.status == status, r.out + r.err
    return r


def refused(tool, folder, status, *options):
    """What it says; nothing is written, whether it is tried or looked at."""
    before = content(tool.db)
    for more in [], ["--dry-run"]:
        said = error_of(tool.migrator("restore", folder, "--overwrite", *options, *more), status)
        assert content(tool.db) == before
        assert not [n for n in tool.db.list_collection_names() if n in ("migrator.restore", "migrator.lease")]
    return said


def add_dataset(db, name):
    db.datasets.insert_one({"name": name, "slug": name, "version": db.config.find_one()["version"],
                            "sample_collection_name": "samples." + name})
    db["samples." + name].insert_one({"filepath": "/x"})


def test_a_backup_of_one_dataset_leaves_the_others(tool, folder):
    tool.restore("0.14.4-A")
    start = content(tool.db)
    ran(tool, "backup", folder, "-n", PLAIN)
    # A client only looked.
    others = {"name": {"$ne": PLAIN}}
    tool.db.datasets.update_many(others, {"$set": {"last_loaded_at": 1}})
    run = ran(tool, "migrate", "--yes", "-o", "json").json["run"]
    message, remedy = refused(tool, folder, 16, "--allow-loss")
    assert "does not hold the samples" in message and PLAIN not in message and "undo" in remedy
    assert "6 more" in message if len(list(tool.db.datasets.find(others))) == 11 else "more" in message

    ran(tool, "undo", run, "--yes")
    tool.db.datasets.update_one({"name": PLAIN}, {"$set": {"info": {"edited": True}}})
    tool.db.config.insert_one({"version": "0.14.4"})
    add_dataset(tool.db, "made-since")
    message, remedy = refused(tool, folder, 14)
    assert "'made-since'" in message and "dataset export" in remedy and "--allow-loss" in remedy
    r = ran(tool, "restore", folder, "--overwrite", "--allow-loss", "-o", "json").json
    assert "samples.made-since" in r["left_alone"]
    now = content(tool.db)
    del now["samples.made-since"]
    assert now == start


def test_alone_its_documents_come_without_samples_and_are_named(tool, server, folder):
    tool.restore("0.14.4-A")
    ran(tool, "backup", folder, "-n", PLAIN)
    there = Tool(server, "cli_%d" % next(NAMES), tool.env["HOME"])
    r = ran(there, "restore", folder, "--dry-run")
    assert "Bare:" in r.out and "no samples, here nor in the backup" in r.out
    bare = ran(there, "restore", folder, "-o", "json").json["without_samples"]
    assert len(bare) == tool.db.datasets.count_documents({}) - 1 and PLAIN not in bare
    server.client.drop_database(there.name)


@pytest.mark.parametrize("options", [["--all"], []], ids=["everything", "a plan"])
def test_datasets_made_since(tool, folder, options):
    fill_deployment(tool.db)
    start = content(tool.db)
    ran(tool, "backup", folder, *options)
    ran(tool, "migrate", "--yes")
    add_dataset(tool.db, "made\x1b[31msince")
    message, _ = refused(tool, folder, 14)
    assert "'made [31msince'" in message and "image" not in message
    ran(tool, "restore", folder, "--overwrite", "--allow-loss")
    now = content(tool.db)
    assert {n: now[n] for n in start} == start


@pytest.mark.parametrize("options", [["--all"], [], ["-n", PLAIN]], ids=["everything", "a plan", "one dataset"])
def test_what_a_migration_makes_goes(tool, folder, options):
    """Before 0.15 there is no `config`, before 0.19 no `runs`: one that stays would speak of a later version."""
    tool.restore("0.14.4-A")
    start = content(tool.db)
    assert "config" not in start and "runs" not in start
    ran(tool, "backup", folder, *options)
    names = options if options[:1] == ["-n"] else []
    ran(tool, "migrate", "--yes", *names)
    assert names or {"config", "runs"} <= set(content(tool.db))
    assert tool.migrator("restore", folder).status == 16
    dropped = ran(tool, "restore", folder, "--overwrite", "-o", "json").json["dropped"]
    assert set(dropped) >= {"config"} or names
    assert content(tool.db) == start
    assert not {n for n in tool.db.list_collection_names() if n.startswith("migrator.")} - {"migrator.history"}


def test_documents_alone_are_set_back_within_their_plan(tool, folder):
    """0.16.5 to 0.18.0 edits no sample, so the backup holds none."""
    fill_deployment(tool.db, "0.16.5")
    start = content(tool.db)
    ran(tool, "backup", folder, "0.18.0")
    ran(tool, "migrate", "0.18.0", "--yes")
    assert content(tool.db) != start
    ran(tool, "restore", folder, "--overwrite")
    assert content(tool.db) == start
    # Further up the samples are edited too.
    ran(tool, "migrate", "--yes")
    message, _ = refused(tool, folder, 16)
    assert "'image', 'video'" in message


def test_a_killed_migration_is_set_back_too(tool, folder):
    """Parked datasets whose samples the plan leaves alone."""
    parked = 0
    for number in range(30, 90):
        for name in tool.db.list_collection_names():
            tool.db.drop_collection(name)
        tool.restore("0.18.0-A")
        start = content(tool.db)
        r = tool._run("fiftyone-migrator-cut", ["migrate", "0.19.0", "--yes", "-j", "1", "--backup", folder + str(number)],
                      {"FM_CUT_AT": str(number)})
        assert r.status == -signal.SIGKILL and os.path.isdir(folder + str(number)), r.err
        if not tool.db.datasets.count_documents({"version": "9999.0+migrating"}):
            continue
        parked += 1
        ran(tool, "restore", folder + str(number), "--overwrite")
        assert content(tool.db) == start
        if parked == 2:
            return
    raise AssertionError("no dataset was cut off half-way")


def test_simple_indexes_of_a_collated_collection(tool, server, folder):
    """The server does not say that they have no collation, and would give them that of their collection."""
    tool.db.create_collection("coll", collation={"locale": "de", "strength": 1})
    simple = {"locale": "simple"}
    tool.db.coll.create_index("a", collation=simple)
    tool.db.coll.create_index([("b", "text")], collation=simple, default_language="german")
    tool.db.coll.create_index([("g", "2dsphere")], collation=simple)
    tool.db.coll.create_index([("$**", 1)])
    tool.db.coll.create_index("c")
    tool.db.coll.create_index("d", collation={"locale": "fr"})
    tool.db.coll.insert_one({"a": "ä"})
    expected = content(tool.db)
    ran(tool, "backup", folder, "--all")
    ran(tool, "restore", folder, "--overwrite")
    assert content(tool.db) == expected
    there = Tool(server, "cli_%d" % next(NAMES), tool.env["HOME"])
    ran(there, "restore", folder)
    assert content(there.db) == expected
    server.client.drop_database(there.name)


# -- rights


def test_rights_are_asked_for_before_the_first_copy(guarded, tmp_path, folder):  # noqa: F811
    server, root = guarded
    root.drop_database("least")
    harness.restore(root, harness.read_dump(os.path.join(harness.DATABASES, "sources", "1.4.1-A")), "least")
    for left_out in ["createCollection", "createIndex", "renameCollectionSameDB", "dropCollection", "insert"]:
        rights = [r for r in [*RIGHTS, "createCollection"] if r != left_out]
        tool = tool_as(server, root, user_with(root, "least", rights), tmp_path)
        if not os.path.isdir(folder):
            ran(tool, "backup", folder, "--all")
        before = content(tool.db)
        message, remedy = error_of(tool.migrator("restore", folder, "--overwrite"), 12)
        assert "lacks the right %s on" % left_out in message and '"%s"' % left_out in remedy
        assert content(tool.db) == before
    tool = tool_as(server, root, user_with(root, "least", [*RIGHTS, "createCollection"]), tmp_path)
    tool.db["migrator.history"].drop()
    ran(tool, "restore", folder, "--overwrite")
    assert content(tool.db) == before


def test_validators_views_and_functions_take_more_rights(guarded, tmp_path):  # noqa: F811
    server, root = guarded
    root.drop_database("least")
    tool = tool_as(server, root, "root", tmp_path, password="r")

    def one(db):
        db.checked.insert_one({"_id": 1})
        db.command("collMod", "checked", validator={"a": 1})

    def another(db):
        db.command("create", "seen", viewOn="other", pipeline=[])

    def functions(db):
        db["system.js"].insert_one({"_id": "f", "value": 1})

    enough = [*RIGHTS, "createCollection"]
    for make, missing in (one, "bypassDocumentValidation"), (another, "collMod"), (functions, "find"):
        root.drop_database("least")
        make(tool.db)
        tool.db.other.insert_one({"_id": ObjectId()})
        place = str(tmp_path / make.__name__)
        ran(tool, "backup", place, "--all")
        before = content(tool.db)
        user = user_with(root, "least", enough)
        least = tool_as(server, root, user, tmp_path)
        message, remedy = error_of(least.migrator("restore", place, "--overwrite"), 12)
        assert "lacks the right %s on" % missing in message and content(tool.db) == before
        role = "readWrite" if make is functions else "dbAdmin"
        assert role in remedy
        root.admin.command("grantRolesToUser", user, roles=[{"role": role, "db": "least"}])
        ran(least, "restore", place, "--overwrite")
        assert content(tool.db) == before
