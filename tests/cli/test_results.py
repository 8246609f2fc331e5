"""Results of similarity runs, whose class name changes with 0.20.0, and the order in which datasets are told."""
import json
import re

import bson
import pytest

CHUNK = 261120
NEW = "fiftyone.brain.internal.core.sklearn.SklearnSimilarityIndex"
OLD = "fiftyone.brain.similarity.SimilarityResults"


def similarity_run(tool):
    return tool.db.runs.find_one({"config.cls": {"$regex": "SklearnSimilarityConfig"}})


def content(tool, file):
    chunks = tool.db["fs.chunks"].find({"files_id": file}).sort("n", 1)
    return b"".join(chunk["data"] for chunk in chunks)


def rewrite(tool, file, text):
    """The file's content, in chunks as the real client makes them."""
    tool.db["fs.chunks"].delete_many({"files_id": file})
    pieces = [text[at : at + CHUNK] for at in range(0, len(text), CHUNK)]
    for n, piece in enumerate(pieces):
        tool.db["fs.chunks"].insert_one({"_id": bson.ObjectId(), "files_id": file, "n": n, "data": piece})
    tool.db["fs.files"].update_one({"_id": file}, {"$set": {"length": len(text)}})


def results_after(tool, run):
    """What the dataset names after going down to 0.19.1, where runs stand in documents as now."""
    r = tool.migrator("migrate", "0.19.1", "--undo-log", "off", "--allow-loss", "--yes")
    assert r.status == 0, r.err
    return tool.db.runs.find_one({"_id": run["_id"]})["results"]


@pytest.mark.parametrize("ahead", [0, CHUNK - 20, CHUNK, 2 * CHUNK + 7], ids=["first", "edge", "second", "third"])
def test_class_name_wherever_it_stands(tool, ahead):
    tool.restore("1.22.1-A")
    run = similarity_run(tool)
    old = json.loads(content(tool, run["results"]))
    assert old["cls"] == NEW
    text = json.dumps({"aside": "x" * ahead, **old} if ahead else old).encode()
    rewrite(tool, run["results"], text)
    file = results_after(tool, run)
    assert file != run["results"]
    new = json.loads(content(tool, file))
    assert new["cls"] == OLD
    assert {**new, "cls": NEW} == {**old, **({"aside": "x" * ahead} if ahead else {})}
    assert not tool.db["fs.files"].find_one({"_id": run["results"]})


@pytest.mark.parametrize("text", [b"", b"[1, 2]", b'{"cls": 5}', b'{"a": {"cls": "x"}}', b'{"a": "' + b"y" * CHUNK + b'"}'],
                         ids=["empty", "list", "number", "inner", "long"])
def test_results_without_a_class_name_stay(tool, text):
    tool.restore("1.22.1-A")
    run = similarity_run(tool)
    rewrite(tool, run["results"], text)
    assert results_after(tool, run) == run["results"]
    assert content(tool, run["results"]) == text


def test_datasets_are_told_in_their_order(tool):
    """Those with runs are written before the others; what is printed keeps the order of the names."""
    tool.restore("0.19.1-A")
    some = tool.db.datasets.find_one({"brain_methods": {"$ne": {}}})
    for i in range(300):
        copy = {**some, "_id": bson.ObjectId(), "name": "copy %03d" % i, "slug": "copy-%03d" % i,
                "sample_collection_name": "samples.copy%d" % i, "frame_collection_name": None}
        if i % 7:
            copy.update(brain_methods={}, evaluations={}, annotation_runs={}, saved_views=[])
        tool.db.datasets.insert_one(copy)
    names = [d["name"] for d in tool.migrator("info", "-o", "json").json["datasets"]]
    r = tool.fiftyone("migrate", "--all")
    assert r.status == 0
    told = re.findall(r"Migrating dataset '(.*)' to v", r.out + r.err)
    assert len(told) == len(names) == tool.db.datasets.count_documents({"name": {"$in": names}})
    assert told == names
