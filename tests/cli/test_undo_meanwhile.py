"""The undo log and what clients do between a run's commands, or between two of its writes."""
import datetime
import os
import subprocess

import pytest
from bson import ObjectId

from programs import failpoint, tool_on
from test_archive import archive
from test_residue import IMAGES, lift, waiting
from test_undo import content, ran
from test_undo_limits import cut, last


@pytest.fixture
def tool(faulty_server, tmp_path):
    with tool_on(faulty_server, "meanwhile", tmp_path) as tool:
        yield tool


def while_it_waits(tool, command, collection, change, *args, also=None):
    """Runs a command, and `change` between its decision to send that one to the server and the server's work."""
    seen = {"command." + command: {"$regex": collection}, "command.$db": tool.name}
    with failpoint(tool.db.client, failCommands=[command], appName="fiftyone-migrator", blockConnection=True,
                   blockTimeMS=1500, **({"namespace": "%s.%s" % (tool.name, collection)} if also is None else also)):
        program = subprocess.Popen([os.path.join(tool.bin, "fiftyone-migrator"), *args], env=tool.env,
                                   stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        found = lambda: list(tool.db.client.admin.aggregate([{"$currentOp": {}}, {"$match": {"active": True, **seen}}]))
        while not found():
            assert program.poll() is None, program.communicate()
        change()
    out, err = program.communicate(timeout=60)
    return program.returncode, out.decode(), err.decode()


def similarity_results(tool):
    return {r["key"]: r["results"] for r in tool.db.runs.find() if "imilarity" in str(r["config"].get("cls"))}


def test_prune_leaves_files_that_another_run_needs(tool):
    """Both ways down keep the same file in place of a copy; one of them goes."""
    tool.restore("1.22.1-A")
    start = similarity_results(tool)
    assert start
    ran(tool, "migrate", "0.19.1", "-q", "--yes")
    first = last(tool)
    ran(tool, "migrate", "-q", "--yes")
    ran(tool, "migrate", "0.19.1", "-q", "--yes")
    ran(tool, "residue", "prune", "--run", first, "--yes", "-q")
    ran(tool, "migrate", "-q", "--yes")
    assert similarity_results(tool) == start
    assert all(tool.db.fs.files.find_one({"_id": file}) for file in start.values() if file)
    ran(tool, "residue", "prune", "--all", "--yes", "-q")
    assert similarity_results(tool) == start
    assert ran(tool, "verify", status=(0, 15)).out.count("results that are not in fs.files") == 0


def described(tool, count):
    """Datasets of which a way down to 0.18.0 keeps something."""
    for i in range(count):
        tool.db.datasets.insert_one({
            "name": "d%02d" % i, "slug": "d%02d" % i, "version": "1.22.1", "media_type": "image",
            "sample_collection_name": "samples.d%02d" % i, "description": "text %d" % i, "sample_fields": [],
            "frame_fields": [], "app_config": {}, "saved_views": [], "workspaces": [], "annotation_runs": {},
            "brain_methods": {}, "evaluations": {}, "runs": {}})
    tool.db.config.insert_one({"version": "1.22.1", "type": "fiftyone"})


def test_a_run_that_goes_on_keeps_what_it_kept_of_datasets_that_a_client_lifted(tool):
    described(tool, 6)
    # Cut off when a few datasets are written, and none of them is half-way.
    with failpoint(tool.db.client, {"skip": 2}, failCommands=["update"], namespace=tool.name + ".datasets", closeConnection=True,
                   appName="fiftyone-migrator"):
        tool.migrator("migrate", "0.18.0", "--yes", "-j", "1")
    written = tool.db.datasets.find_one({"version": "0.18.0"})
    assert written and tool.db.datasets.find_one({"version": "1.22.1"})
    first = tool.db["migrator.journal"].find_one({"_id": "run"})["run"]
    tool.db.datasets.update_one({"_id": written["_id"]}, {"$set": {"version": "1.22.1", "description": None, "new": 1}})
    ran(tool, "migrate", "0.18.0", "--yes", "-q")
    second = last(tool)
    assert second != first
    images = {i["_id"]["run"]: i["before"] for i in tool.db["migrator.residue"].find({"document": written["_id"]})}
    assert images[first]["description"].startswith("text") and images[second]["new"] == 1
    ran(tool, "undo", "--yes", "-q")
    assert tool.db.datasets.find_one({"_id": written["_id"]})["new"] == 1


def test_a_run_that_was_cut_off_and_left_alone_goes_on_as_itself(tool):
    described(tool, 6)
    with failpoint(tool.db.client, {"skip": 2}, failCommands=["update"], namespace="%s.datasets" % tool.name,
                   closeConnection=True, appName="fiftyone-migrator"):
        tool.migrator("migrate", "0.18.0", "--yes", "-j", "1")
    first = tool.db["migrator.journal"].find_one({"_id": "run"})["run"]
    ran(tool, "migrate", "0.18.0", "--yes", "-q")
    assert last(tool) == first


def backed_up(tool, tmp_path):
    tool.fill("1.22.1", {"a": "1.22.1", "b": "1.22.1"})
    for name in "ab":
        tool.db["samples." + name].insert_one({"filepath": "/a"})
    folder = str(tmp_path / "backup")
    ran(tool, "backup", folder, "--all", "-q")
    return folder


def make(tool):
    fields = [{"name": "filepath", "ftype": "fiftyone.core.fields.StringField", "db_field": "filepath"}]
    tool.db.datasets.insert_one({"name": "made", "version": "1.22.1", "sample_collection_name": "samples.made",
                                 "sample_fields": fields})
    tool.db["samples.made"].insert_one({"filepath": "/m"})


def left(tool):
    return [n for n in tool.db.list_collection_names() if n.startswith("migrator.") and n != "migrator.history"]


def test_a_dataset_made_while_a_restore_fills(tool, tmp_path):
    folder = backed_up(tool, tmp_path)
    status, _, err = while_it_waits(tool, "create", "migrator.scratch.restore", lambda: make(tool), "restore", folder,
                                    "--overwrite", also={})
    assert status == 14 and "'made'" in err
    assert set(tool.versions()[0]) == {"a", "b", "made"}
    assert left(tool) == []
    ran(tool, "restore", folder, "--overwrite", "--allow-loss", "-q")
    assert set(tool.versions()[0]) == {"a", "b"}


def test_a_dataset_made_before_a_restore_is_finished(tool, tmp_path):
    folder = backed_up(tool, tmp_path)
    with failpoint(tool.db.client, failCommands=["renameCollection"], closeConnection=True,
                   appName="fiftyone-migrator"):
        assert tool.migrator("restore", folder, "--overwrite").status == 5
    make(tool)
    r = tool.migrator("restore", folder, "--overwrite")
    assert r.status == 14 and "'made'" in r.err and "since this restore was cut off" in r.err
    ran(tool, "dataset", "export", "made", str(tmp_path / "saved"), "--media", "none")
    ran(tool, "restore", folder, "--overwrite", "--allow-loss", "-q")
    assert set(tool.versions()[0]) == {"a", "b"}
    assert left(tool) == []


def imported_over(tool, version):
    """What a run has kept of "plain" is of another dataset now."""
    ran(tool, "dataset", "import", archive("v1.22.1-media-fields"), "--name", "plain", "--overwrite",
        "--target-version", version, "--allow-loss", "-q")


def test_an_import_that_overwrites_takes_nothing_over(tool):
    tool.restore("1.22.1-A")
    mark = {"description": "about the old data", "info": {"old": True}}
    tool.db.datasets.update_one({"name": "plain"}, {"$set": mark})
    old = tool.db.datasets.find_one({"name": "plain"})
    ran(tool, "migrate", "0.18.0", "--yes", "-q", "--error-level", "1", status=(0, 3))
    run = last(tool)
    imported_over(tool, "0.18.0")
    new = tool.db.datasets.find_one({"name": "plain"})
    assert new["_id"] == old["_id"] and new["sample_collection_name"] != old["sample_collection_name"]
    states = {i["name"]: i["state"] for i in tool.migrator("residue", "list", "-o", "json").json["images"]}
    assert states["plain"] == "orphaned" and states[IMAGES] == "live"

    before = content(tool)
    r = tool.migrator("undo", run, "--yes")
    assert r.status == 16 and "'plain' is not the one of that run" in r.err and content(tool) == before

    ran(tool, "migrate", "--yes", "-q", "--error-level", "1", status=(0, 3))
    lifted = tool.db.datasets.find_one({"name": "plain"})
    assert lifted["version"] == "1.22.1" and lifted.get("description") is None
    assert lifted.get("saved_views", []) == [] and lifted.get("info") != mark["info"]
    assert "plain" not in waiting(tool)
    assert not [i for i in tool.migrator("residue", "list", "-o", "json").json["images"]
                if i["name"] == "plain" and i["state"] == "waiting"]
    assert ran(tool, "residue", "prune", "-o", "json").json["images"] >= 1


def clashing(tool):
    """Pairs of names with one slug; the first by name has the higher _id."""
    fields = [{"name": n, "ftype": "fiftyone.core.fields." + t, "embedded_doc_type": None, "subfield": None, "fields": [],
               "db_field": d, "description": None, "info": None}
              for n, t, d in (("id", "ObjectIdField", "_id"), ("filepath", "StringField", "filepath"))]
    tool.db.config.insert_one({"version": "0.18.0", "type": "fiftyone"})
    for i in range(5):
        for name, number in ("x%d y" % i, 2 * i + 1), ("x%d-y" % i, 2 * i):
            tool.db.datasets.insert_one({
                "_id": ObjectId("64000000%016x" % number), "name": name, "version": "0.18.0", "media_type": "image",
                "sample_collection_name": "samples.%d" % number, "sample_fields": fields, "frame_fields": [],
                "app_config": {}, "annotation_runs": {}, "brain_methods": {}, "evaluations": {}})
            tool.db["samples.%d" % number].insert_one({"filepath": "/a"})


def renamed(tool):
    return {str(d["_id"]) for d in tool.db.datasets.find() if "RENAMED" in d["name"]}


@pytest.mark.parametrize("undo_log", ["on", "off"])
def test_a_run_that_goes_on_names_datasets_as_it_had_begun(tool, undo_log):
    clashing(tool)
    start = content(tool)
    ran(tool, "migrate", "--yes", "-q")
    undisturbed = renamed(tool)
    assert len(undisturbed) == 5
    ran(tool, "undo", "--yes", "-q")
    assert content(tool) == start
    with failpoint(tool.db.client, failCommands=["update"], namespace=tool.name + ".samples.0", closeConnection=True,
                   appName="fiftyone-migrator"):
        assert tool.migrator("migrate", "--yes", "-j", "1", "--undo-log", undo_log).status == 5
    assert tool.db.datasets.count_documents({"version": "9999.0+migrating"}) > 1
    ran(tool, "migrate", "--yes", "-q", "--undo-log", undo_log)
    assert renamed(tool) == undisturbed
    if undo_log == "on":
        ran(tool, "undo", "--yes", "-q")
        assert content(tool) == start


def test_an_undo_stops_where_another_client_moves_the_database(tool):
    tool.fill("0.18.0", {"a": "0.18.0"})
    ran(tool, "migrate", "1.0.0", "--yes", "-q")
    moved = lambda: tool.db.config.find_one_and_update({}, {"$set": {"version": "1.22.1"}})
    status, _, err = while_it_waits(tool, "update", "config", moved, "undo", "--yes")
    assert status == 1 and "another client changed the database's version to v1.22.1" in err.lower().replace("\n", " ")
    assert tool.versions() == ({"a": "1.0.0"}, "1.22.1")
    r = tool.migrator("undo", "--yes")
    assert r.status == 16 and "--skip-changed" in r.err
    ran(tool, "undo", "--yes", "-q", "--skip-changed", status=(3,))
    assert tool.versions() == ({"a": "0.18.0"}, "1.22.1")


def test_to_load_a_dataset_is_no_lift(tool):
    """One that a cut-off run had an image of, and had not come to."""
    described(tool, 4)
    start = content(tool)
    with failpoint(tool.db.client, failCommands=["update"], namespace=tool.name + ".datasets", closeConnection=True,
                   appName="fiftyone-migrator"):
        assert tool.migrator("migrate", "0.18.0", "--yes").status == 5
    assert tool.db["migrator.residue"].find_one({"name": "d00"}) and tool.versions()[0]["d00"] == "1.22.1"
    looked = {"$set": {"last_loaded_at": datetime.datetime(2026, 1, 1)}}
    tool.db.datasets.update_one({"name": "d00"}, looked)
    ran(tool, "undo", "--yes", "-q")
    tool.db.datasets.update_one({"name": "d00"}, {"$unset": {"last_loaded_at": ""}})
    assert content(tool) == start and waiting(tool) == {}


def view(dataset, name, description):
    now = datetime.datetime(2026, 1, 1)
    return {"_id": ObjectId(), "_dataset_id": dataset, "name": name, "slug": name, "description": description,
            "color": None, "view_stages": [], "created_at": now, "last_modified_at": now}


def test_a_view_that_was_made_since_keeps_its_name(tool):
    tool.restore("1.22.1-A")
    dataset = tool.db.datasets.find_one({"name": "plain"})["_id"]

    def save(*views):
        for one in views:
            tool.db.views.insert_one(one)
            tool.db.datasets.update_one({"_id": dataset}, {"$push": {"saved_views": one["_id"]}})

    old, other, new = (view(dataset, *v) for v in (("v", "the old one"), ("w", "gives way to none"), ("v", "the new one")))
    save(old, other)
    ran(tool, "migrate", "0.18.0", "--yes", "-q", "--error-level", "1", status=(0, 3))
    lift(tool)
    save(new)
    r = ran(tool, "residue", "apply", "plain", "--yes", "-o", "json", status=(3,))
    assert [k["path"] for k in r.json["datasets"][0]["kept"]] == ["saved_views.v"], r.json

    def views():
        named = tool.db.datasets.find_one({"_id": dataset})["saved_views"]
        return {v["description"] for v in tool.db.views.find({"_id": {"$in": named}})}, len(named)

    assert views() == ({other["description"], "the new one"}, 2)
    assert not tool.db.views.find_one({"_id": old["_id"]})
    # With the name free, the old one comes.
    tool.db.views.update_one({"_id": new["_id"]}, {"$set": {"name": "x", "slug": "x"}})
    ran(tool, "residue", "apply", "plain", "--yes", "-q")
    assert views() == ({other["description"], "the new one", "the old one"}, 3)
