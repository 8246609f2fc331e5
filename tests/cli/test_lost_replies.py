"""The server has done what it was asked, and the program does not hear of it: its connection is cut, or it is killed."""
import os
import signal
import subprocess

import pytest
from bson import ObjectId

from proxy import ReplyCutter
from test_archive import archive
from test_undo import content, ran

OTHER = archive("v0.14.4-image")


def through(tool, proxy, *args):
    """What the tool's database sees of a command that goes through the proxy."""
    uri = "mongodb://127.0.0.1:%d/?serverSelectionTimeoutMS=500" % proxy.port
    return subprocess.Popen(
        [os.path.join(tool.bin, "fiftyone-migrator"), *args], env={**tool.env, "FIFTYONE_DATABASE_URI": uri},
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def port_of(tool):
    return int(tool.env["FIFTYONE_DATABASE_URI"].split("/")[2].split(":")[1])


def test_an_undo_killed_between_its_switch_and_its_deletes(tool):
    tool.restore("0.18.0-A")
    before = content(tool)
    ran(tool, "migrate", "--yes", "-q")
    runs = tool.db.runs.count_documents({})
    assert runs > 0
    killed = []
    with ReplyCutter(port_of(tool), "update", "datasets", 2, then=lambda: killed[0].kill()) as proxy:
        killed.append(through(tool, proxy, "undo", "--yes", "-q"))
        killed[0].communicate(timeout=60)
    assert killed[0].returncode == -signal.SIGKILL and tool.db.runs.count_documents({}) == runs
    assert not tool.db.datasets.count_documents({"version": "9999.0+migrating"})
    result = ran(tool, "undo", "--yes", "-o", "json").json
    assert result["datasets"] == tool.db.datasets.count_documents({})
    # The results of runs stay in the undo log.
    kept = {name: docs for name, docs in content(tool).items() if not name.startswith(("migrator.", "fs."))}
    assert kept == {name: docs for name, docs in before.items() if not name.startswith("fs.")}
    assert tool.migrator("verify").status == 0


@pytest.mark.parametrize("command,gone", [("drop", False), ("drop", True), ("delete", True)])
def test_an_undo_whose_last_replies_are_lost(tool, command, gone):
    """Saying so would have it taken back by the same command again."""
    tool.restore("0.18.0-A")
    ran(tool, "migrate", "--yes", "-q")
    number = 1
    if command == "delete":  # the last of them
        tool.db.command("profile", 2)
        ran(tool, "undo", "--yes", "-q")
        number = tool.db["system.profile"].count_documents({"ns": tool.name + ".migrator.journal", "op": "remove"})
        tool.db.client.drop_database(tool.name)
        tool.restore("0.18.0-A")
        ran(tool, "migrate", "--yes", "-q")
    with ReplyCutter(port_of(tool), command, "migrator.journal", number, gone) as proxy:
        undo = through(tool, proxy, "undo", "--yes")
        out, err = undo.communicate(timeout=60)
    assert proxy.hung_up
    assert undo.returncode == 0 and out.startswith("Took run ") and "12 datasets" in out, err
    assert "Everything is taken back, but the journal may still be there" in err
    assert set(tool.versions()[0].values()) == {"0.18.0"}


@pytest.mark.parametrize("gone", [False, True])
@pytest.mark.parametrize("more", [[], ["--on-conflict", "new-ids"]], ids=["same-ids", "new-ids"])
def test_an_import_that_is_done_and_does_not_hear_of_it(tool, more, gone):
    """The same command again finds the dataset in its place."""
    args = ["dataset", "import", OTHER, "--name", "x", *more]
    tool.db.config.insert_one({"version": "1.22.1", "type": "fiftyone"})
    with ReplyCutter(port_of(tool), "insert", "datasets", gone=gone) as proxy:
        run = through(tool, proxy, *args)
        _, err = run.communicate(timeout=60)
    assert proxy.hung_up and run.returncode == 5, err
    before = content(tool)
    again = tool.migrator(*args, "-o", "json")
    assert again.status == 0 and again.json["samples"] == 3 and again.json["resumed"], again.err
    again = tool.migrator(*args)
    assert again.status == 16 and "is not available" in again.err
    assert [d["name"] for d in tool.db.datasets.find()] == ["x"] and tool.db.datasets.find_one()["sample_collection_name"]
    mine = {name: docs for name, docs in before.items() if not name.startswith("migrator.")}
    assert mine == {name: docs for name, docs in content(tool).items() if not name.startswith("migrator.")}
    assert "migrator.imports" not in tool.db.list_collection_names()


def copied_unheard(tool, *more):
    """Copies the dataset "source" to "x" and loses the last reply; the command that does it again."""
    def args(uri):
        return ["dataset", "copy", "source", "--to", uri, "--to-database", tool.name, "--name", "x", *more]

    ran(tool, "dataset", "import", OTHER, "--name", "source")
    with ReplyCutter(port_of(tool), "insert", "datasets") as proxy:
        run = through(tool, proxy, *args("mongodb://127.0.0.1:%d/?serverSelectionTimeoutMS=500" % proxy.port))
        _, err = run.communicate(timeout=60)
    assert proxy.hung_up and run.returncode == 5, err
    return args(tool.env["FIFTYONE_DATABASE_URI"])


@pytest.mark.parametrize("more", [[], ["--on-conflict", "new-ids"]], ids=["same-ids", "new-ids"])
def test_a_copy_that_is_done_and_does_not_hear_of_it(tool, more):
    args = copied_unheard(tool, *more)
    tool.db.datasets.update_one({"name": "source"}, {"$currentDate": {"last_loaded_at": True}})  # no edit
    before = content(tool)
    again = tool.migrator(*args)
    assert again.status == 0 and "An earlier run of the same command had done all of it" in again.out, again.err
    assert {n: docs for n, docs in before.items() if not n.startswith("migrator.")} == content(tool)
    again = tool.migrator(*args)
    assert again.status == 16 and "is not available" in again.err


def test_a_copy_of_what_was_edited_since_is_not_the_one_that_is_there(tool):
    args = copied_unheard(tool)
    samples = tool.db.datasets.find_one({"name": "source"})["sample_collection_name"]
    tool.db[samples].insert_one({"filepath": "/new.png"})
    again = tool.migrator(*args)
    assert again.status == 16 and "is not available" in again.err
    assert not [n for n in tool.db.list_collection_names() if n.startswith("migrator.")]


def test_what_a_client_changed_before_a_killed_run_deleted_it_stays(tool):
    """Killed between its switch and its deletes; what the dataset holds itself goes then, and no more."""
    tool.fill("1.22.1", {"a": "1.22.1"})
    runs = {key: ObjectId() for key in ("kept", "edited")}
    for key, _id in runs.items():
        tool.db.runs.insert_one({"_id": _id, "_dataset_id": tool.db.datasets.find_one()["_id"], "key": key,
                                 "version": "1.22.1", "config": {}, "view_stages": [], "results": None})
    tool.db.datasets.update_one({}, {"$set": {"evaluations": runs}})
    args = ["migrate", "0.18.0", "--yes"]
    killed = []
    with ReplyCutter(port_of(tool), "update", "datasets", 2, then=lambda: killed[0].kill()) as proxy:
        killed.append(through(tool, proxy, *args))
        killed[0].communicate(timeout=60)
    dataset = tool.db.datasets.find_one()
    assert dataset["version"] == "0.18.0" and set(dataset["evaluations"]) == set(runs)
    assert tool.db.runs.count_documents({}) == 2
    tool.db.runs.update_one({"_id": runs["edited"]}, {"$set": {"config": {"by": "a client"}}})
    again = tool.migrator(*args)
    assert again.status == 0 and "A client changed runs, " in again.err and str(runs["edited"]) in again.err, again.err
    (left,) = tool.db.runs.find()
    assert left["key"] == "edited" and left["config"] == {"by": "a client"}
