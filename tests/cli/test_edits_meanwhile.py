"""What clients write while a migration is between its reading and its writing, on a server that holds its commands back."""
import datetime
import threading
import time

import pytest
from bson import ObjectId
from programs import failpoint, tool_on

PROGRAM = "fiftyone-migrator"
EARLY = datetime.datetime(2024, 1, 1)


@pytest.fixture
def tool(faulty_server, tmp_path):
    with tool_on(faulty_server, "meanwhile", tmp_path) as tool:
        yield tool


def fill(tool, version, count=3, **more):
    tool.db.config.insert_one({"version": version, "type": "fiftyone"})
    for i in range(count):
        tool.db.datasets.insert_one({
            "name": "ds %02d" % i, "version": version, "media_type": "image", "sample_collection_name": "samples.ds%02d" % i,
            "sample_fields": [], "frame_fields": [], "app_config": {}, "annotation_runs": {}, "brain_methods": {},
            "evaluations": {}, "runs": {}, "saved_views": [], "workspaces": [], "created_at": EARLY, "last_modified_at": EARLY,
            "description": "text %d" % i, **({"slug": "ds-%02d" % i} if version >= "0.19.0" else {}), **more})


def running(tool, command, wanted):
    """Whether the server is at such a command of the program on datasets."""
    ops = tool.db.client.admin.aggregate([{"$currentOp": {}}, {"$match": {"appName": PROGRAM, "active": True}}])
    return any(c.get(command) == "datasets" and c.get("$db") == tool.name and wanted(c)
               for c in (o.get("command", {}) for o in ops))


def held(tool, edit, *args, times=1, ms=700, finds=False):
    """Runs the program; `edit` is done while the server holds its update of datasets back, `times` times; or with all its
    reads of datasets, too."""
    client, done = tool.db.client, []

    def watch():
        while len(done) < times and not over.is_set():
            if running(tool, "update", lambda c: True):
                edit()
                done.append(1)
                time.sleep(ms / 1000 * 1.1)
            time.sleep(0.01)

    over = threading.Event()
    watcher = threading.Thread(target=watch)
    how = dict(failCommands=["update", *["find"] * finds], namespace=tool.name + ".datasets", appName=PROGRAM,
               blockConnection=True, blockTimeMS=ms)
    with failpoint(client, mode="alwaysOn" if finds else {"times": times}, **how):
        watcher.start()
        try:
            return tool.migrator(*args, "-j", "1")
        finally:
            over.set()
            watcher.join()


def images(tool, name):
    return list(tool.db["migrator.residue"].find({"name": name}))


def test_a_dataset_that_was_written_and_then_loaded_keeps_its_image(tool):
    """Of a bulk that one edit holds up, all are read again."""
    fill(tool, "1.22.1", 40)
    first, second = tool.db.datasets.find().sort("name").limit(2)
    load = {"$set": {"last_loaded_at": datetime.datetime(2025, 1, 1)}}

    def edit():
        tool.db.datasets.update_one(first, load)
        while not running(tool, "find", lambda c: c["filter"].get("_id") == first["_id"]):
            time.sleep(0.01)
        assert tool.db.datasets.update_one({"_id": second["_id"], "version": "0.18.0"}, load).modified_count == 1
        loaded.append(1)

    loaded = []
    result = held(tool, edit, "migrate", "0.18.0", "--yes", "-q", ms=250, finds=True)
    assert result.status == 0 and loaded, result.err
    for i in range(40):
        image, = images(tool, "ds %02d" % i)
        assert image["before"]["version"] == "1.22.1" and image["before"]["description"] == "text %d" % i
    assert tool.migrator("undo", "--yes", "-q").status == 0
    assert [d["description"] for d in tool.db.datasets.find().sort("name")] == ["text %d" % i for i in range(40)]


def test_runs_and_views_that_a_client_saves_are_not_overwritten(tool):
    """The client writes the one document, and not the dataset's."""
    fill(tool, "1.22.1", 1)
    dataset = tool.db.datasets.find_one()
    view, run, results = ObjectId(), ObjectId(), ObjectId()
    tool.db.views.insert_one({"_id": view, "_dataset_id": dataset["_id"], "name": "v", "slug": "v", "description": "old",
                              "color": None, "view_stages": [], "created_at": EARLY, "last_modified_at": None,
                              "last_loaded_at": None})
    tool.db.runs.insert_one({"_id": run, "_dataset_id": dataset["_id"], "key": "ev", "version": "1.22.1", "timestamp": EARLY,
                             "config": {"cls": "fiftyone.utils.eval.classification.SimpleEvaluationConfig"},
                             "view_stages": [], "results": None})
    tool.db.datasets.update_one({}, {"$set": {"saved_views": [view], "evaluations": {"ev": run}}})

    def save():
        tool.db.views.update_one({"_id": view}, {"$set": {"description": "new"}})
        tool.db.runs.update_one({"_id": run}, {"$set": {"results": results}})

    result = held(tool, save, "migrate", "0.18.0", "--yes", "-q")
    assert result.status == 0, result.err
    assert tool.db.datasets.find_one()["evaluations"]["ev"]["results"] == results
    assert tool.db.runs.count_documents({}) == tool.db.views.count_documents({}) == 0
    assert tool.migrator("undo", "--yes", "-q").status == 0
    assert tool.db.views.find_one()["description"] == "new" and tool.db.runs.find_one()["results"] == results


def test_a_dataset_that_another_takes_elsewhere_is_left_to_it(tool):
    fill(tool, "1.22.1")
    low = {"version": "0.18.0", "workspaces": None}
    result = held(tool, lambda: tool.db.datasets.update_one({"name": "ds 00"}, {"$set": low}), "migrate", "1.0.0", "--yes")
    assert result.status == 3 and "'ds 00' was taken to v0.18.0 by another client meanwhile" in result.out + result.err
    assert tool.db.datasets.find_one({"name": "ds 00"}, {"version": 1, "workspaces": 1, "_id": 0}) == low
    assert {d["version"] for d in tool.db.datasets.find({"name": {"$ne": "ds 00"}})} == {"1.0.0"}


def test_a_dataset_that_is_renamed_gets_no_name_chosen_for_the_old_one(tool):
    fill(tool, "0.18.0")
    rename = {"$set": {"name": "another"}}
    result = held(tool, lambda: tool.db.datasets.update_one({"name": "ds 00"}, rename), "migrate", "--yes")
    assert result.status == 3 and "was renamed by another client meanwhile" in result.out + result.err
    assert tool.migrator("migrate", "--yes", "-q").status == 0
    assert sorted((d["name"], d["slug"]) for d in tool.db.datasets.find()) == \
        [("another", "another"), ("ds 01", "ds-01"), ("ds 02", "ds-02")]


def test_a_dataset_that_keeps_changing_leaves_no_image(tool):
    fill(tool, "1.22.1", 1)
    hours = iter(range(1, 9))
    edit = lambda: tool.db.datasets.update_one({}, {"$set": {"last_loaded_at": EARLY + datetime.timedelta(hours=next(hours))}})
    result = held(tool, edit, "migrate", "0.18.0", "--yes", times=4, ms=300)
    assert result.status == 3 and "keeps changing while it is migrated" in result.out + result.err
    assert tool.db.datasets.find_one()["version"] == "1.22.1" and images(tool, "ds 00") == []


def test_a_first_sample_that_comes_meanwhile_is_migrated(tool):
    fill(tool, "0.25.0", 2)
    tool.db["samples.ds01"].insert_one({"filepath": "/a"})
    field = {"name": "x", "ftype": "fiftyone.core.fields.IntField", "embedded_doc_type": None, "subfield": None, "fields": [],
             "db_field": "x", "description": None, "info": None}

    def add():
        tool.db["samples.ds00"].insert_one({"filepath": "/first"})
        tool.db.datasets.update_one({"name": "ds 00"}, {"$push": {"sample_fields": field}})

    result = held(tool, add, "migrate", "--yes", "-q")
    assert result.status == 0, result.err
    assert "created_at" in tool.db["samples.ds00"].find_one()
