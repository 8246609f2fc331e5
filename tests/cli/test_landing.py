"""dataset import and copy: the last steps, where a dataset takes the place of another one."""
import contextlib
import datetime
import os
import shutil
import signal
import threading
import time

import pytest
from bson import ObjectId
from programs import NAMES, Tool, harness
from test_archive import archive, run_import

VIDEO = archive("v1.22.1-video-reldir-tags")
TAGS = ["brake", "turn"]  # of its samples, in their order
OTHER = archive("v0.14.4-image")
STEP = 1 if os.environ.get("FM_CRASH_CASES") == "all" else 4


def cut(tool, number, *args):
    """Whether it was killed there."""
    result = tool._run("fiftyone-migrator-cut", ["dataset", *args], {"FM_CUT_AT": str(number)})
    assert result.status in (0, -signal.SIGKILL), result.err
    return result.status != 0


def dataset(tool, name):
    return tool.db.datasets.find_one({"name": name})


def tags_of(tool, name):
    return sorted(t["tag"] for t in tool.db.tags.find({"_dataset_id": dataset(tool, name)["_id"]}))


def nothing_left(tool):
    named = {c for d in tool.db.datasets.find() for c in (d["sample_collection_name"], d.get("frame_collection_name"))}
    left = set(tool.db.list_collection_names()) - named
    assert not [n for n in left if n.startswith(("samples.", "frames.", "migrator."))]


def start(tool):
    """x, with two tags; the name of its collection."""
    tool.db.client.drop_database(tool.name)
    run_import(tool, VIDEO, "--name", "x")
    tool.db.tags.update_many({}, {"$set": {"tag": "old"}})
    return dataset(tool, "x")["sample_collection_name"]


def tag(tool, name, text):
    """A client's."""
    sample = ObjectId("6b03b0b2fc9652ab4a922919")
    one = {"_id": ObjectId(), "_dataset_id": dataset(tool, name)["_id"], "_sample_id": sample, "kind": "temporal",
           "index_type": 2, "anchor": None, "start": 5, "end": 6, "tag": text}
    tool.db.tags.insert_one(one)


@pytest.mark.parametrize("text", ["mine", "turn"])
def test_tags_after_a_kill_behind_the_switch(tool, text):
    """A client adds one, which the archive may have too, and somebody imports something else."""
    proofs = 0
    for number in range(26, 1000, STEP):
        old = start(tool)
        if not cut(tool, number, "import", VIDEO, "--name", "x", "--overwrite"):
            break
        switched = dataset(tool, "x")["sample_collection_name"] != old
        proofs += switched
        if text not in tags_of(tool, "x"):
            tag(tool, "x", text)
        run_import(tool, OTHER, "--name", "other")
        assert tags_of(tool, "x") == sorted({*TAGS, text} if switched else ["old", "old", text]), number
        nothing_left(tool)
        run_import(tool, OTHER, "--name", "another")
        assert tags_of(tool, "x") == sorted({*TAGS, text} if switched else ["old", "old", text]), number
    assert proofs > 1


@pytest.mark.parametrize("change", ["renamed", "deleted", "exchanged"])
def test_a_killed_run_does_not_go_on_where_another_dataset_would_give_way(tool, change):
    proofs = 0
    for number in range(6, 1000, 2 * STEP):
        old = start(tool)
        if not cut(tool, number, "import", VIDEO, "--name", "x", "--overwrite"):
            break
        if dataset(tool, "x")["sample_collection_name"] != old:
            break
        proofs += tool.db["migrator.imports"].find_one() is not None
        if change == "deleted":
            tool.db.tags.delete_many({"_dataset_id": dataset(tool, "x")["_id"]})
            tool.db.datasets.delete_one({"name": "x"})
            tool.db.drop_collection(old)
            tool.db.drop_collection("frames." + old)
        else:
            tool.db.datasets.update_one({"name": "x"}, {"$set": {"name": "kept", "slug": "kept"}})
        if change == "exchanged":
            run_import(tool, OTHER, "--name", "y")
            tool.db.datasets.update_one({"name": "y"}, {"$set": {"name": "x", "slug": "x"}})
        run_import(tool, VIDEO, "--name", "x", "--overwrite")
        assert tags_of(tool, "x") == TAGS, number
        if change != "deleted":
            assert tags_of(tool, "kept") == ["old", "old"], number
            assert tool.db[old].count_documents({}) == 2
            assert dataset(tool, "kept")["_id"] != dataset(tool, "x")["_id"]
        nothing_left(tool)
    assert proofs > 1


# -- with a server that fails where it is told


@pytest.fixture(scope="module")
def faulty_server():
    with harness.Server("--setParameter", "enableTestCommands=1") as s:
        yield s


@pytest.fixture
def faulty(faulty_server, tmp_path):
    name = "landing_%d" % next(NAMES)
    yield Tool(faulty_server, name, str(tmp_path))
    faulty_server.client.drop_database(name)


@contextlib.contextmanager
def failing(tool, command, collection, mode="alwaysOn", **how):
    admin = tool.db.client.admin
    data = {"failCommands": [command], "namespace": "%s.%s" % (tool.name, collection), "appName": "fiftyone-migrator", **how}
    admin.command("configureFailPoint", "failCommand", mode=mode, data=data)
    try:
        yield
    finally:
        admin.command("configureFailPoint", "failCommand", mode="off")


@pytest.fixture
def packed(tmp_path):
    return shutil.make_archive(str(tmp_path / "packed"), "zip", archive("v1.22.1-media-fields"))


def media(tool):
    return [os.path.exists(s["filepath"]) for s in tool.db[dataset(tool, "x")["sample_collection_name"]].find()]


def test_what_cannot_go_after_the_switch_is_a_warning(faulty, packed):
    old = start(faulty)
    with failing(faulty, "drop", old, errorCode=13):
        result = faulty.migrator("dataset", "import", packed, "--name", "x", "--overwrite", "-o", "json")
    assert result.status == 0, result.err
    assert any("not everything that has to go is gone" in w for w in result.json["warnings"])
    assert media(faulty) == [True] * 4 and tags_of(faulty, "x") == []
    assert old in faulty.db.list_collection_names()
    run_import(faulty, OTHER, "--name", "other")
    nothing_left(faulty)
    assert media(faulty) == [True] * 4


FAULTS = {
    # The switch was made, and the answer is an error.
    "answer": (("update", "datasets"), {"writeConcernError": {"code": 64, "errmsg": "timeout"}}, 1, True),
    "answer lost": (("drop", "migrator.imports"), {"closeConnection": True}, 5, True),
    "tags": (("delete", "tags"), {"errorCode": 8}, 1, True),
    "before": (("update", "datasets"), {"errorCode": 8}, 1, False),
    "connection before": (("update", "datasets"), {"closeConnection": True}, 5, None),
}


@pytest.mark.parametrize("case", FAULTS)
def test_the_media_of_a_dataset_that_is_there_stay(faulty, packed, case):
    old = start(faulty)
    where, how, status, switched = FAULTS[case]
    with failing(faulty, *where, **how):
        result = faulty.migrator("dataset", "import", packed, "--name", "x", "--overwrite")
    assert result.status == status, result.err
    folder = packed[:-len(".zip")]
    if switched:
        assert dataset(faulty, "x")["sample_collection_name"] != old and media(faulty) == [True] * 4
    else:
        assert dataset(faulty, "x")["sample_collection_name"] == old
    # What a later run can go on with needs them too.
    assert os.path.exists(folder) == (switched is not False)
    run_import(faulty, packed, "--name", "x", "--overwrite")
    assert media(faulty) == [True] * 4 and tags_of(faulty, "x") == []
    nothing_left(faulty)


@pytest.mark.parametrize("change, status", [({"last_loaded_at": datetime.datetime(2030, 1, 1)}, 0), ({"info": {"a": 1}}, 1)])
def test_loading_the_dataset_that_gives_way_is_no_edit(faulty, change, status):
    old = start(faulty)
    done = []

    def edit():
        while not faulty.db["migrator.imports"].find_one():
            time.sleep(0.001)
        done.append(faulty.db.datasets.update_one({"name": "x"}, {"$set": change}).modified_count)

    client = threading.Thread(target=edit)
    client.start()
    with failing(faulty, "update", "datasets", mode={"times": 1}, blockConnection=True, blockTimeMS=500):
        result = faulty.migrator("dataset", "import", VIDEO, "--name", "x", "--overwrite")
    client.join()
    assert done == [1] and result.status == status, result.err
    assert (dataset(faulty, "x")["sample_collection_name"] != old) == (status == 0)
    assert tags_of(faulty, "x") == (["old", "old"] if status else TAGS)
    if status:
        assert "changed by another client" in result.err and dataset(faulty, "x")["info"] == {"a": 1}
    nothing_left(faulty)
