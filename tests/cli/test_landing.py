"""dataset import and copy: versions, ids and names, and the steps in which a dataset takes the place of another one."""
import datetime
import json
import os
import shutil
import signal
import threading
import time

import pytest
from bson import ObjectId
from programs import failpoint, tool_on
from test_archive import archive, edit, first_document, run_import

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
    left = set(tool.db.list_collection_names()) - named - {"migrator.history", "migrator.residue"}
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


def test_a_killed_run_does_not_go_on_at_another_version(tool):
    """Else some samples would have been migrated, and others not."""
    args = ["import", OTHER, "--name", "x", "--keep-times"]
    tool.db.config.insert_one({"version": "0.22.0", "type": "fiftyone"})
    assert cut(tool, 16, *args)
    entry = tool.db["migrator.imports"].find_one()
    assert tool.db[entry["samples"]].count_documents({"created_at": {"$exists": False}}) == 3
    assert tool.migrator("migrate", "--yes").status == 0
    result, _ = run_import(tool, *args[1:], "-o", "json")
    assert not result.json["resumed"] and result.json["to"] == "1.22.1"
    samples = tool.db[dataset(tool, "x")["sample_collection_name"]]
    assert samples.count_documents({"created_at": {"$exists": True}}) == samples.count_documents({}) == 3
    nothing_left(tool)


@pytest.mark.parametrize("database, status", [("0.22.0", 14), ("0.18.0", 14), ("1.3.0", 14), ("1.4.0", 0), ("1.21.0", 0)])
def test_clients_of_the_database_can_read_what_comes(tool, database, status):
    tool.db.config.insert_one({"version": database, "type": "fiftyone"})
    result = tool.migrator("dataset", "import", VIDEO, "--name", "x")
    assert result.status == status, result.err
    if status:
        assert "whose clients cannot read it" in result.err and "--target-version " + database in result.err
        assert tool.db.list_collection_names() == ["config"]
        result = tool.migrator("dataset", "import", VIDEO, "--name", "x", "--target-version", "v" + database, "--allow-loss")
        assert result.status == 0 and "to v%s," % database in result.out, result.err
        assert dataset(tool, "x")["version"] == database


def test_new_ids_name_duplicates_as_they_are_in_the_archive(tool, tmp_path):
    folder = tmp_path / "in"
    shutil.copytree(archive("v1.22.1-all-types"), folder)
    edit(folder / "samples.json", lambda t: t[:-2] + "," + first_document(t)[:-2] + "]}")
    one = json.loads((folder / "samples.json").read_text())["samples"][0]["_id"]["$oid"]
    for more in [], ["--dry-run"]:
        result = tool.migrator("dataset", "import", str(folder), "--name", "x", "--on-conflict", "new-ids", *more)
        assert result.status == 15 and "{ _id: ObjectId('%s') }" % one in result.err, result.err
    assert tool.db.list_collection_names() == []


def test_counts_are_of_what_is_there(tool, tmp_path):
    folder = tmp_path / "in"
    shutil.copytree(VIDEO, folder)
    edit(folder / "samples.json", lambda t: t[:-2] + "," + first_document(t)[:-2] + "]}")
    for mode in "skip", "replace":
        for more in [], ["--dry-run"]:
            found = tool.migrator("dataset", "import", str(folder), "--name", mode, "--on-conflict", mode, "-o", "json", *more).json
            assert (found["samples"], found["frames"], found["conflicts"]) == (2, 5, 2)
            if more:
                continue
            assert tool.db[dataset(tool, mode)["sample_collection_name"]].count_documents({}) == 2
            tool.db.datasets.delete_one({"name": mode})
        args = ["import", str(folder), "--name", mode, "--on-conflict", mode, "-o", "json"]
        assert cut(tool, 20, *args) and tool.db[tool.db["migrator.imports"].find_one()["samples"]].count_documents({})
        found = tool.migrator("dataset", *args).json
        assert (found["samples"], found["frames"], found["conflicts"], found["resumed"]) == (2, 5, 2, True)
    metadata = json.loads((folder / "samples.json").read_text())
    (folder / "samples.json").write_text(json.dumps({"samples": metadata["samples"][:1]}))
    assert "'one': 1 sample, 5 frames, " in tool.migrator("dataset", "import", str(folder), "--name", "one").out


def test_a_copy_says_where_it_goes_and_never_onto_itself(tool):
    run_import(tool, VIDEO, "--name", "x")
    uri = tool.env["FIFTYONE_DATABASE_URI"]
    before = dataset(tool, "x")
    for name in [], ["--name", "x"]:
        result = tool.migrator("dataset", "copy", "x", "--to", uri.replace("127.0.0.1", "localhost"), "--overwrite", *name)
        assert result.status == 2 and "take the place of the dataset that it is made of" in result.err, result.err
    other = tool.name + "_2"
    result = tool.migrator("dataset", "copy", "x", "--to", uri + "/" + other, "--name", "y")
    assert result.status == 2 and "--to-database " + other in result.err, result.err
    assert [d["name"] for d in tool.db.datasets.find()] == ["x"] and dataset(tool, "x") == before
    try:
        for name, target in (other, tool.db.client[other]), (tool.name, tool.db):
            result = tool.migrator("dataset", "copy", "x", "--to", uri + "/" + other, "--to-database", name, "--name", "y")
            assert result.status == 0 and target.datasets.count_documents({"name": "y"}) == 1, result.err
        # The same dataset of another database does give way.
        assert tool.migrator("dataset", "copy", "y", "--to", uri + "/" + other, "--to-database", other, "--overwrite").status == 0
    finally:
        tool.db.client.drop_database(other)


# -- with a server that fails where it is told


@pytest.fixture
def faulty(faulty_server, tmp_path):
    with tool_on(faulty_server, "landing", tmp_path) as tool:
        yield tool


def failing(tool, command, collection, **how):
    return failpoint(tool.db.client, failCommands=[command], namespace="%s.%s" % (tool.name, collection),
                     appName="fiftyone-migrator", **how)


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
