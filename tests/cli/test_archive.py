"""dataset import, export and copy: archives of the original, and the way back."""
import base64
import json
import os
import re
import shutil
import sys
import threading
import time
import zlib

import pymongo
import pytest
from bson import ObjectId
from pymongo.driver_info import DriverInfo
from programs import Tool, harness

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "archives"))
from imported import ARCHIVES, RUN_FIELDS, canonical, comparable, dump, expected, paths, with_placeholders  # noqa: E402

MODERN = sorted(
    n for n in os.listdir(ARCHIVES)
    if n.startswith("v") and not n.startswith("v0.7") and "legacy" not in n
)
EXPECTED = [n for n in MODERN if os.path.exists(os.path.join(ARCHIVES, "expected", n + ".json.gz"))]


def archive(name):
    return os.path.join(ARCHIVES, name)


@pytest.fixture
def at_import(tmp_path):
    """The archive where the recorded import had it: paths in results name that place."""
    return tmp_path


def run_import(tool, *args):
    start = int(time.time() * 1000)
    result = tool.migrator("dataset", "import", *args)
    assert result.status == 0, result.err
    return result, (start, int(time.time() * 1000) + 1)


@pytest.mark.parametrize("name", EXPECTED)
def test_imports_to_what_the_original_makes_of_it(tool, name):
    result, now = run_import(tool, archive(name), "--name", name, "--no-persistent")
    found = json.loads(json.dumps(with_placeholders(dump(tool.db, name), now)).replace(archive(name), "/data/import/" + name))
    differences = list(paths(comparable(found), comparable(expected(name))))
    assert not differences, "\n".join(differences)


def export(tool, name, target, *args, status=0):
    result = tool.migrator("dataset", "export", name, str(target), *args)
    assert result.status == status, result.err
    return result


def read(path):
    with open(path, "rb") as f:
        return f.read()


def without_identity(text):
    """An exported collection without what an import changes."""
    text = re.sub(rb'"_dataset_id": \{"\$oid": "[0-9a-f]{24}"\}', b'"_dataset_id": 0', text)
    return re.sub(rb'"(created_at|last_modified_at)": \{"\$date": "[^"]*"\}', rb'"\1": 0', text)


@pytest.mark.parametrize("name", [n for n in MODERN if n.startswith("v1")])
def test_export_of_an_import_is_the_same_to_the_byte(tool, tmp_path, name):
    run_import(tool, archive(name), "--name", name)
    options = ["--use-dirs"] if "usedirs" in name else []
    export(tool, name, tmp_path / "out", "--media", "none", "--rel-dir", archive(name), *options)
    for kind in ("samples.json", "frames.json", "tags.json"):
        source = os.path.join(archive(name), kind)
        assert os.path.exists(source) == (tmp_path / "out" / kind).exists()
        if os.path.exists(source):
            assert without_identity(read(tmp_path / "out" / kind)) == without_identity(read(source))
    if options:
        there = sorted(os.listdir(os.path.join(archive(name), "samples")))
        assert sorted(os.listdir(tmp_path / "out" / "samples")) == there
        for file in there:
            source = read(os.path.join(archive(name), "samples", file))
            assert without_identity(read(tmp_path / "out" / "samples" / file)) == without_identity(source)


LEGACY = sorted(n for n in os.listdir(ARCHIVES) if n.startswith("v0.7"))


def without_new_ids(dump):
    """Of the layout before 0.8 the original draws samples' and frames' ids, and `_rand`, anew."""
    for collection in "samples", "frames":
        for document in dump[collection] or []:
            for key in "_id", "_rand", "_sample_id":
                document.pop(key, None)

    # The original dates neither attributes that its classes have got since, nor what is nested twice.
    def walk(fields, depth=0):
        out = [{**f, "fields": walk(f["fields"], depth + 1)} for f in fields if f["name"] != "mask_path"]
        return out if depth < 2 else [{k: v for k, v in f.items() if k != "created_at"} for f in out]

    for key in "sample_fields", "frame_fields":
        if key in dump["dataset"]:
            dump["dataset"][key] = walk(dump["dataset"][key])
    return dump


@pytest.mark.parametrize("name", LEGACY)
def test_the_oldest_layout(tool, name):
    result, now = run_import(tool, archive(name), "--name", name, "--no-persistent")
    found = json.loads(json.dumps(with_placeholders(dump(tool.db, name), now)).replace(archive(name), "/data/import/" + name))
    differences = list(paths(without_new_ids(comparable(found)), without_new_ids(comparable(expected(name)))))
    assert not differences, "\n".join(differences)
    samples = {d["_id"] for d in tool.db[dump(tool.db, name)["dataset"]["sample_collection_name"]].find()}
    frames = dump(tool.db, name)["frames"] or []
    assert {f["_sample_id"] for f in frames} <= samples


def test_the_oldest_layout_as_later_releases_wrote_it(tool, tmp_path):
    name = "v1.22.1-legacy-writer-video"
    run_import(tool, archive(name), "--name", "legacy")
    dataset = tool.db.datasets.find_one({"name": "legacy"})
    assert tool.db[dataset["frame_collection_name"]].count_documents({}) == 1
    assert [tool.db.views.find_one({"_id": i})["name"] for i in dataset["saved_views"]] == ["v"]


# -- what is wrong with an archive: an error that says where, and nothing stays


@pytest.fixture
def broken(tmp_path):
    """A copy of an archive to damage."""

    def make(name):
        target = tmp_path / name
        shutil.copytree(archive(name), target)
        return target

    return make


def edit(path, change):
    with open(path) as f:
        text = f.read()
    changed = change(text)
    assert changed != text
    with open(path, "w") as f:
        f.write(changed)


def set_version(value):
    return lambda t: re.sub(r'"version": "1\.22\.1", "created_at"', '"version": %s, "created_at"' % value, t, count=1)


def first_document(text):
    return text[text.index("[") + 1:]


DAMAGE = {
    "no folder": ("v0.14.4-image", lambda d: shutil.rmtree(d), "There is no folder"),
    "no metadata": ("v1.22.1-video-reldir-tags", lambda d: os.remove(d / "metadata.json"), "metadata.json"),
    "empty metadata": ("v1.22.1-video-reldir-tags", lambda d: (d / "metadata.json").write_text("{}"), "metadata.json is empty"),
    "metadata no JSON": ("v1.22.1-all-types", lambda d: (d / "metadata.json").write_text("{\"version\": "), "byte"),
    "metadata a list": ("v1.22.1-all-types", lambda d: (d / "metadata.json").write_text("[]"), "no JSON object"),
    "no samples": ("v1.22.1-all-types", lambda d: os.remove(d / "samples.json"), "samples.json"),
    "samples cut off": ("v1.22.1-all-types", lambda d: edit(d / "samples.json", lambda t: t[:-40]), "ends within the document"),
    "bytes after the end": ("v1.22.1-all-types", lambda d: edit(d / "samples.json", lambda t: t + "x"), "follows the end"),
    "other key": ("v1.22.1-all-types", lambda d: edit(d / "samples.json", lambda t: t.replace("samples", "smaples", 1)), '"smaples" and not "samples"'),
    "byte order mark": ("v1.22.1-all-types", lambda d: edit(d / "samples.json", lambda t: "\ufeff" + t), "byte order mark"),
    "not UTF-8": ("v1.22.1-all-types", lambda d: (d / "samples.json").write_bytes(read(d / "samples.json").replace(b'"val"', b'"v\xffl"')), "UTF-8"),
    "same id twice": ("v1.22.1-all-types", lambda d: edit(d / "samples.json", lambda t: t[:-2] + "," + first_document(t)[:-2] + "]}"), "Two samples of the archive have the same key"),
    "same frame twice": ("v1.22.1-video-reldir-tags", lambda d: edit(d / "frames.json", lambda t: t.replace('"frame_number": 2', '"frame_number": 1', 1)), "Two frames of the archive have the same key"),
    "integer over 64 bits": ("v1.22.1-all-types", lambda d: edit(d / "samples.json", lambda t: t.replace("9007199254740993", "9" * 30)), "needs more than 64 bits"),
    "document over 16 MiB": ("v1.22.1-all-types", lambda d: edit(d / "samples.json", lambda t: t.replace('"st": "quote', '"st": "' + "x" * (17 << 20), 1)), "MongoDB takes"),
    "unknown field type": ("v1.22.1-all-types", lambda d: edit(d / "metadata.json", lambda t: t.replace("core.fields.IntField", "core.fields.NopeField", 1)), "unknown type"),
    "frames missing": ("v1.22.1-video-reldir-tags", lambda d: os.remove(d / "frames.json"), "frames.json"),
    "stale frames": ("v1.22.1-all-types", lambda d: (d / "frames.json").write_text('{"frames": []}'), "has no videos"),
    "results broken": ("v1.22.1-all-types", lambda d: edit(d / "evaluations" / "ev.json", lambda t: t[:-1]), "ev.json is not one JSON object"),
    "version of the future": ("v1.22.1-all-types", lambda d: edit(d / "metadata.json", set_version('"2.0.0"')), "FiftyOne 2.0.0"),
    "no version": ("v1.22.1-all-types", lambda d: edit(d / "metadata.json", set_version("null")), "--assume-version"),
    "not a version": ("v1.22.1-all-types", lambda d: edit(d / "metadata.json", set_version('"latest"')), "Invalid version: 'latest'"),
    "a key like a type": ("v1.22.1-all-types", lambda d: edit(d / "samples.json", lambda t: t.replace('"n": 0', '"n": {"$oid": "x"}', 1)), "$oid holds no ObjectId"),
    "tag that is none": ("v1.22.1-video-reldir-tags", lambda d: edit(d / "tags.json", lambda t: t.replace('"start": 10', '"start": 99')), "start < end"),
}


@pytest.mark.parametrize("case", DAMAGE)
def test_a_damaged_archive_leaves_nothing_behind(tool, broken, case):
    name, damage, text = DAMAGE[case]
    folder = broken(name)
    damage(folder)
    tool.db.config.insert_one({"version": "1.22.1", "type": "fiftyone"})
    result = tool.migrator("dataset", "import", str(folder), "--name", "x")
    assert result.status not in (0, 2), result.out
    assert text in result.err, result.err
    # Shared collections stay, as empty as they were.
    assert set(tool.db.list_collection_names()) <= {"config", "tags", "fs.files", "fs.chunks"}, result.err
    for collection in "tags", "fs.files", "fs.chunks":
        assert tool.db[collection].count_documents({}) == 0


def test_on_conflict(tool, broken):
    folder = broken("v1.22.1-all-types")
    edit(folder / "samples.json", lambda t: t[:-2] + "," + first_document(t)[:-2].replace('"n": 0', '"n": 77', 1) + "]}")
    for mode, n in ("skip", 0), ("replace", 77):
        result = tool.migrator("dataset", "import", str(folder), "--name", mode, "--on-conflict", mode, "-o", "json")
        assert result.status == 0, result.err
        assert result.json["conflicts"] == 3
        samples = tool.db[tool.db.datasets.find_one({"name": mode})["sample_collection_name"]]
        assert samples.count_documents({}) == 3
        assert samples.find_one({"filepath": "/data/demo/images/000000.png"})["n"] == n


def test_a_dry_run_writes_nothing(tool):
    result = tool.migrator("dataset", "import", archive("v0.14.4-video"), "--name", "x", "--dry-run", "-o", "json")
    assert result.status == 0, result.err
    assert (result.json["samples"], result.json["frames"], result.json["to"]) == (2, 4, "1.22.1")
    assert tool.db.list_collection_names() == []


def test_names(tool):
    run_import(tool, archive("v0.22.3-image"))
    assert [d["name"] for d in tool.db.datasets.find()] == ["old-image"]
    result = tool.migrator("dataset", "import", archive("v0.22.3-image"))
    assert result.status == 16 and "Dataset name 'old-image' is not available" in result.err
    result = tool.migrator("dataset", "import", archive("v0.22.3-image"), "--name", "old.image")
    assert result.status == 16 and "slug 'old-image' in use by dataset 'old-image'" in result.err


def test_overwrite_is_one_swap(tool):
    run_import(tool, archive("v1.22.1-all-types"), "--name", "x")
    before = dump(tool.db, "x")
    run_import(tool, archive("v1.22.1-video-reldir-tags"), "--name", "x", "--overwrite")
    after = dump(tool.db, "x")
    assert after["dataset"]["_id"] == before["dataset"]["_id"]
    assert len(after["tags"]) == 2
    names = tool.db.list_collection_names()
    assert before["dataset"]["sample_collection_name"] not in names
    assert sorted(n for n in names if n.startswith(("samples", "frames", "migrator"))) == sorted(
        [after["dataset"]["sample_collection_name"], after["dataset"]["frame_collection_name"]])
    assert tool.db.runs.count_documents({}) == 0 and tool.db["fs.files"].count_documents({}) == 0
    assert tool.db.views.count_documents({}) == 1 and tool.db.workspaces.count_documents({}) == 0
    # The same tags again: their unique index is not in the way.
    run_import(tool, archive("v1.22.1-video-reldir-tags"), "--name", "x", "--overwrite")
    assert tool.db.tags.count_documents({}) == 2


@pytest.mark.parametrize("case", ["same id twice", "same frame twice"])
def test_a_dry_run_finds_what_an_import_would(tool, broken, case):
    name, damage, text = DAMAGE[case]
    folder = broken(name)
    damage(folder)
    result = tool.migrator("dataset", "import", str(folder), "--name", "x", "--dry-run")
    assert result.status == 15 and text in result.err and "ObjectId('" in result.err, result.err
    skipping = tool.migrator("dataset", "import", str(folder), "--name", "x", "--dry-run", "--on-conflict", "skip", "-o", "json")
    if case == "same id twice":
        assert skipping.json["conflicts"] == 3
    else:  # of the same frame there is nothing to choose
        assert skipping.status == 15 and text in skipping.err
    assert tool.db.list_collection_names() == []


def test_a_damaged_archive_does_not_cost_the_dataset_it_should_replace(tool, broken):
    folder = broken("v1.22.1-all-types")
    run_import(tool, str(folder), "--name", "x")
    before = dump(tool.db, "x")
    edit(folder / "samples.json", lambda t: t[:-40])
    assert tool.migrator("dataset", "import", str(folder), "--name", "x", "--overwrite").status == 15
    assert canonical(dump(tool.db, "x")) == canonical(before)


def test_cloud_paths_stay(tool, broken):
    folder = broken("v1.22.1-media-fields")
    edit(folder / "samples.json", lambda t: t.replace('"data/x.png"', '"s3://bucket/x.png"').replace('"fields/seg/y.png"', '"gs://b/y.png"'))
    run_import(tool, str(folder), "--name", "x")
    samples = dump(tool.db, "x")["samples"]
    assert samples[0]["filepath"] == "s3://bucket/x.png"
    assert {s["seg"]["mask_path"] for s in samples if "seg" in s} >= {"gs://b/y.png"}


# -- new ids


def ids_of(value):
    """Every ObjectId under a key `_id`, in the order in which they stand."""
    if isinstance(value, dict):
        for key, item in value.items():
            if key == "_id" and isinstance(item, ObjectId):
                yield item
            else:
                yield from ids_of(item)
    elif isinstance(value, list):
        for item in value:
            yield from ids_of(item)


def numpy_ids(text):
    """Base64 of zlib of .npy, back to a list."""
    data = zlib.decompress(base64.b64decode(text))
    return data[10 + data[8]:].decode("utf-32-le")


def with_references(folder):
    """Adds everything that may refer to a sample or a label by its id."""
    samples = json.loads(read(folder / "samples.json"))["samples"]
    sample = samples[0]["_id"]["$oid"]
    label = samples[0]["ground_truth"]["detections"][0]["_id"]["$oid"]
    samples[0]["link"] = {"one": samples[1]["_id"], "by": {sample: label, "d" * 24: 1}, "texts": [label, "c" * 24, "x" + sample]}
    (folder / "samples.json").write_text(json.dumps({"samples": samples}))

    def change(text):
        metadata = json.loads(text)
        stage = lambda name, **kwargs: json.dumps({"_cls": "fiftyone.core.stages." + name, "kwargs": list(kwargs.items())})
        metadata["saved_views"][0]["view_stages"] = [
            stage("Select", sample_ids=[sample], ordered=False),
            stage("SelectLabels", labels=[{"label_id": label, "sample_id": sample, "field": "ground_truth"}]),
            stage("Mongo", pipeline=[{"$match": {"_id": {"$oid": sample}, "filepath": "/data/%s.png" % sample}}]),
        ]
        metadata["info"]["chosen"] = [sample, {"label": label}]
        return json.dumps(metadata)

    edit(folder / "metadata.json", change)
    (folder / "runs" / "my_run.json").write_text(json.dumps({"cls": "x", "id_map": {"gt": {sample: [label, None]}}, "nested": json.dumps({"a": label})}))


@pytest.mark.parametrize("name", ["v1.22.1-all-types", "v1.22.1-video-reldir-tags", "v1.22.1-group-3d", "v0.14.4-video", "v0.7.4-video"])
def test_new_ids_for_everything_that_has_one(tool, broken, name):
    folder = broken(name)
    if name == "v1.22.1-all-types":
        with_references(folder)
    run_import(tool, str(folder), "--name", "old", "--keep-times")
    result, _ = run_import(tool, str(folder), "--name", "new", "--keep-times", "--on-conflict", "new-ids")
    old, new = dump(tool.db, "old"), dump(tool.db, "new")
    pairs = {}
    for key in "samples", "frames":
        for a, b in zip(old[key] or [], new[key] or [], strict=True):
            pairs.update(zip(ids_of(a), ids_of(b), strict=True))
    legacy = name.startswith("v0.7")  # samples and frames have no ids there
    assert len(pairs) > 5 and len(set(pairs.values())) == len(pairs) and not set(pairs) & set(pairs.values())
    assert legacy or all(a.generation_time == b.generation_time for a, b in pairs.items())
    # The rest is what it was, with these ids in the place of the old ones.
    text = canonical(old)
    for a, b in pairs.items():
        text = re.sub(r'(?<![0-9a-z/])%s(?![0-9a-z.])' % a, str(b), text)
    migrated = not name.startswith("v1.22")  # and so given the time
    differences = [d for d in paths(found_again(new), found_again(json.loads(text))) if not (migrated and "$date" in d)]
    assert not differences, "\n".join(differences)
    assert {f["_sample_id"] for f in new["frames"] or []} <= {s["_id"] for s in new["samples"]}
    if name == "v1.22.1-all-types":
        viz = new["brain_methods"]["viz"]["results"]
        assert numpy_ids(viz["sample_ids"]) == "".join(str(s["_id"]) for s in new["samples"])
        sample, label = new["samples"][0]["_id"], new["samples"][0]["ground_truth"]["detections"][0]["_id"]
        assert new["samples"][0]["link"]["by"] == {str(sample): str(label), "d" * 24: 1}
        assert [str(sample) in s for s in new["saved_views"][0]["view_stages"]] == [True] * 3
        assert json.loads(new["runs"]["my_run"]["results"]["nested"]) == {"a": str(label)}


def found_again(dump):
    """Without what every import makes anew."""
    out = json.loads(canonical(dump) if not isinstance(dump["dataset"].get("_id"), dict) else json.dumps(dump))
    new = {"_id", "_dataset_id", "results", "slug", "name", "sample_collection_name", "frame_collection_name", "last_loaded_at"}
    out["dataset"] = {k: v for k, v in out["dataset"].items() if k not in new | {*RUN_FIELDS, "saved_views", "workspaces"}}
    for key in "samples", "frames", "saved_views", "workspaces", "tags":
        for document in out[key] or []:
            document.pop("_dataset_id", None)
            if key not in ("samples", "frames"):
                document.pop("_id", None)
            # Drawn at random where the archive has none.
            document.pop("_rand", None)
    for field in RUN_FIELDS:
        for run in out[field].values():
            run["doc"] = {k: v for k, v in run["doc"].items() if k not in new}
            if run["results"]:
                run["results"].pop("sample_ids", None)
    return out


def test_new_ids_while_copying(tool):
    run_import(tool, archive("v1.22.1-video-reldir-tags"), "--name", "x")
    result = tool.migrator("dataset", "copy", "x", "--to", tool.env["FIFTYONE_DATABASE_URI"], "--name", "y", "--on-conflict", "new-ids")
    assert result.status == 0, result.err
    a, b = dump(tool.db, "x"), dump(tool.db, "y")
    assert not {s["_id"] for s in a["samples"]} & {s["_id"] for s in b["samples"]}
    assert {t["_sample_id"] for t in b["tags"]} <= {s["_id"] for s in b["samples"]}


# -- there and back


def test_media_come_along_and_names_are_the_original_ones(tool, tmp_path):
    run_import(tool, archive("v1.22.1-media-fields"), "--name", "x")
    export(tool, "x", tmp_path / "out")
    source = archive("v1.22.1-media-fields")
    for kind in "data", "fields":
        for folder, _, files in os.walk(os.path.join(source, kind)):
            for file in files:
                path = os.path.join(folder, file)
                assert read(tmp_path / "out" / os.path.relpath(path, source)) == read(path)
    assert tool.migrator("dataset", "verify", str(tmp_path / "out")).status == 0
    moved = tmp_path / "elsewhere"
    os.rename(tmp_path / "out", moved)
    run_import(tool, str(moved), "--name", "y")
    for sample in dump(tool.db, "y")["samples"]:
        assert sample["filepath"].startswith(str(moved)) and os.path.exists(sample["filepath"])


def test_scenes_and_their_assets(tool, tmp_path):
    run_import(tool, archive("v1.22.1-group-3d"), "--name", "x")
    export(tool, "x", tmp_path / "out")
    for file in os.listdir(os.path.join(archive("v1.22.1-group-3d"), "data")):
        assert (tmp_path / "out" / "data" / file).exists(), file
    scene = json.loads(read(tmp_path / "out" / "data" / "s-2.fo3d"))
    for child in scene["children"]:
        assert (tmp_path / "out" / "data" / child["pcdPath"]).exists()


def test_no_two_files_get_one_name(tool, tmp_path):
    for path in "a/x.png", "b/x.png", "c/x-2.png":
        (tmp_path / "in" / path).parent.mkdir(parents=True)
        (tmp_path / "in" / path).write_text(path)
    run_import(tool, archive("v1.22.1-media-fields"), "--name", "x")
    dataset = tool.db.datasets.find_one({"name": "x"})
    samples = tool.db[dataset["sample_collection_name"]]
    samples.delete_many({})
    samples.insert_many([{"filepath": str(tmp_path / "in" / p)} for p in ("a/x.png", "b/x.png", "c/x-2.png")])
    export(tool, "x", tmp_path / "out")
    exported = json.loads(read(tmp_path / "out" / "samples.json"))["samples"]
    assert [read(tmp_path / "out" / s["filepath"]) for s in exported] == [b"a/x.png", b"b/x.png", b"c/x-2.png"]


def test_a_missing_media_file_ends_the_export_and_nothing_is_there(tool, tmp_path):
    run_import(tool, archive("v1.22.1-all-types"), "--name", "x")
    result = export(tool, "x", tmp_path / "out", status=15)
    assert "/data/demo/images/000000.png" in result.err
    assert os.listdir(tmp_path) == [] or not (tmp_path / "out").exists()
    assert not (tmp_path / "out.partial").exists()


def test_moving_media(tool, tmp_path):
    shutil.copytree(archive("v1.22.1-media-fields"), tmp_path / "in")
    run_import(tool, str(tmp_path / "in"), "--name", "x")
    export(tool, "x", tmp_path / "out", "--media", "move")
    assert not list((tmp_path / "in" / "data").iterdir())
    assert len(list((tmp_path / "out" / "data").iterdir())) == 3


def test_links(tool, tmp_path):
    run_import(tool, archive("v1.22.1-media-fields"), "--name", "x")
    export(tool, "x", tmp_path / "out", "--media", "symlink")
    assert os.readlink(tmp_path / "out" / "data" / "y.png") == os.path.join(archive("v1.22.1-media-fields"), "data", "y.png")


def test_overwriting_a_folder(tool, tmp_path):
    run_import(tool, archive("v1.22.1-video-reldir-tags"), "--name", "v")
    run_import(tool, archive("v0.22.3-image"), "--name", "i")
    export(tool, "v", tmp_path / "out", "--media", "none")
    err = export(tool, "i", tmp_path / "out", "--media", "none", status=16).err
    assert "not an empty folder" in err and "--overwrite" in err
    export(tool, "i", tmp_path / "out", "--media", "none", "--overwrite")
    assert not (tmp_path / "out" / "frames.json").exists() and not (tmp_path / "out" / "tags.json").exists()
    assert os.listdir(tmp_path) == ["out"]


def test_indexes_come_along(tool, tmp_path):
    run_import(tool, archive("v1.22.1-video-reldir-tags"), "--name", "x")
    dataset = tool.db.datasets.find_one({"name": "x"})
    tool.db[dataset["sample_collection_name"]].create_index([("tags", 1), ("filepath", -1)], name="mine")
    tool.db[dataset["frame_collection_name"]].create_index("score", sparse=True)
    export(tool, "x", tmp_path / "out", "--media", "none")
    run_import(tool, str(tmp_path / "out"), "--name", "y")
    for key in "sample_collection_name", "frame_collection_name":
        a, b = (tool.db[tool.db.datasets.find_one({"name": n})[key]].index_information() for n in "xy")
        assert a == b


@pytest.mark.parametrize("ending", ["zip", "tar", "tar.gz", "tgz", "tar.bz"])
def test_one_file(tool, tmp_path, ending):
    run_import(tool, archive("v1.22.1-media-fields"), "--name", "x")
    packed = tmp_path / ("out." + ending)
    export(tool, "x", packed)
    assert os.listdir(tmp_path) == ["out." + ending]
    found = tool.migrator("dataset", "inspect", str(packed), "-o", "json").json
    assert found["samples"] == 4 and os.listdir(tmp_path) == ["out." + ending]
    run_import(tool, str(packed), "--name", "y")
    assert all(os.path.exists(s["filepath"]) for s in dump(tool.db, "y")["samples"])


@pytest.mark.parametrize("entry", ["../evil.txt", "/tmp/evil-archive.txt", "data/../../evil.txt", "link"])
def test_entries_that_lead_out_are_refused(tool, tmp_path, entry):
    import io
    import tarfile

    packed = tmp_path / "x.tar"
    with tarfile.open(packed, "w") as tar:
        tar.add(archive("v0.22.3-image"), arcname=".")
        info = tarfile.TarInfo(entry)
        if entry == "link":
            info.type, info.linkname = tarfile.SYMTYPE, "/etc"
            tar.addfile(info)
        else:
            info.size = 1
            tar.addfile(info, io.BytesIO(b"x"))
    result = tool.migrator("dataset", "import", str(packed))
    assert result.status == 15 and entry in result.err, result.err
    assert os.listdir(tmp_path) == ["x.tar"] and not os.path.exists("/tmp/evil-archive.txt")
    assert tool.db.list_collection_names() == []


def test_for_an_older_release(tool, tmp_path):
    run_import(tool, archive("v1.22.1-all-types"), "--name", "x")
    result = export(tool, "x", tmp_path / "out", "--media", "none", "--target-version", "0.18.0", status=14)
    assert "--allow-loss" in result.err and not (tmp_path / "out").exists()
    export(tool, "x", tmp_path / "out", "--media", "none", "--target-version", "0.18.0", "--allow-loss")
    metadata = json.loads(read(tmp_path / "out" / "metadata.json"))
    assert metadata["version"] == "0.18.0" and "slug" not in metadata
    assert metadata["evaluations"]["ev"]["config"]["method"] == "coco"
    assert (tmp_path / "out" / "evaluations" / "ev.json").exists()
    similarity = json.loads(read(tmp_path / "out" / "brain" / "sim.json"))
    assert similarity["cls"] == "fiftyone.brain.similarity.SimilarityResults"
    run_import(tool, str(tmp_path / "out"), "--name", "back")
    results = dump(tool.db, "back")["brain_methods"]["sim"]
    assert results["results"]["cls"].endswith("SklearnSimilarityIndex")


def test_copy(tool, server, tmp_path):
    run_import(tool, archive("v1.22.1-video-reldir-tags"), "--name", "x")
    result = tool.migrator("dataset", "copy", "x", "--to", server.uri, "--to-database", tool.name + "_2", "--name", "y")
    try:
        assert result.status == 0, result.err
        a, b = dump(tool.db, "x"), dump(server.client[tool.name + "_2"], "y")
        for collection in "samples", "frames", "tags":
            for document in a[collection] + b[collection]:
                for key in "_dataset_id", *(["_id"] if collection == "tags" else []):
                    document.pop(key)
            assert canonical(a[collection]) == canonical(b[collection])
        assert a["sample_indexes"] == b["sample_indexes"] and a["frame_indexes"] == b["frame_indexes"]
    finally:
        server.client.drop_database(tool.name + "_2")


def test_copy_takes_runs_views_and_results_along(tool):
    run_import(tool, archive("v1.22.1-all-types"), "--name", "x")
    result = tool.migrator("dataset", "copy", "x", "--to", tool.env["FIFTYONE_DATABASE_URI"], "--name", "y")
    assert result.status == 0, result.err
    a, b = dump(tool.db, "x"), dump(tool.db, "y")
    for field in RUN_FIELDS:
        assert {k: r["results"] for k, r in a[field].items()} == {k: r["results"] for k, r in b[field].items()}
    assert [v["name"] for v in b["saved_views"]] == ["only-val", "cats"] and len(b["workspaces"]) == 1


@pytest.mark.long
@pytest.mark.parametrize("source", ["0.9.0-A", "0.14.4-A", "0.18.0-A", "0.22.3-A"])
def test_copying_from_an_old_database_is_migrating_and_copying(tool, server, source):
    """All datasets of databases that old clients wrote: copied to another server's database at today's version, and
    migrated where they are first."""
    dump_of = harness.read_dump(os.path.join(harness.DATABASES, "sources", source))
    databases = {}
    start = int(time.time() * 1000)
    try:
        for way in "copy", "migrate":
            old, new = (tool.name + "_" + way + end for end in ("_from", "_to"))
            harness.restore(server.client, dump_of, old)
            databases[way] = server.client[new]
            if way == "migrate":
                assert tool.migrator("migrate", "--yes", FIFTYONE_DATABASE_NAME=old).status == 0
            for dataset in list(server.client[old].datasets.find()):
                if (dataset.get("sample_collection_name") or "").startswith("clips."):
                    continue  # their frames get ids by chance
                result = tool.migrator("dataset", "copy", dataset["name"], "--to", server.uri, "--to-database", new,
                                       FIFTYONE_DATABASE_NAME=old)
                assert result.status == 0, result.err
        now = start, int(time.time() * 1000)
        names = sorted(d["name"] for d in databases["copy"].datasets.find())
        assert len(names) >= 3 and names == sorted(d["name"] for d in databases["migrate"].datasets.find())
        for name in names:
            a, b = (comparable(with_placeholders(dump(databases[way], name), now)) for way in ("copy", "migrate"))
            for one in a, b:  # made on the way
                (one["dataset"].get("app_config", {}).get("color_scheme") or {}).pop("_id", None)
            differences = list(paths(a, b))
            assert not differences, name + "\n" + "\n".join(differences[:20])
    finally:
        for name in server.client.list_database_names():
            if name.startswith(tool.name + "_"):
                server.client.drop_database(name)


@pytest.fixture
def replica(tmp_path):
    with harness.Server("--replSet", "rs") as s:
        s.client.admin.command("replSetInitiate", {"_id": "rs", "members": [{"_id": 0, "host": s.uri[len("mongodb://"):]}]})
        while not s.client.admin.command("hello")["isWritablePrimary"]:
            time.sleep(0.1)
        yield Tool(s, "rs", str(tmp_path))


@pytest.mark.long
def test_a_replica_set_is_copied_and_exported_as_of_one_moment(replica, server, tool, tmp_path):
    """Samples and frames are added and deleted meanwhile, always together: none of it may show by half."""
    run_import(replica, archive("v1.22.1-video-reldir-tags"), "--name", "x")
    dataset = replica.db.datasets.find_one({"name": "x"})
    samples, frames = (replica.db[dataset[k]] for k in ("sample_collection_name", "frame_collection_name"))
    one, frame = samples.find_one(), frames.find_one()
    at_start = 40000
    ids = [ObjectId() for _ in range(at_start)]
    samples.insert_many([{**one, "_id": i, "filepath": "/%s" % i} for i in ids])
    frames.insert_many([{**frame, "_id": ObjectId(), "_sample_id": i} for i in ids])
    client = pymongo.MongoClient(replica.env["FIFTYONE_DATABASE_URI"], directConnection=True)  # knows of the set
    stop = threading.Event()
    written = []

    def edit():
        samples, frames = (client[replica.name][dataset[k]] for k in ("sample_collection_name", "frame_collection_name"))
        while not stop.is_set():
            sample = ObjectId()
            with client.start_session() as session, session.start_transaction():
                samples.insert_one({**one, "_id": sample}, session=session)
                frames.insert_one({**frame, "_id": ObjectId(), "_sample_id": sample}, session=session)
                gone = ids[len(written)]
                samples.delete_one({"_id": gone}, session=session)
                frames.delete_many({"_sample_id": gone}, session=session)
            written.append(sample)

    writer = threading.Thread(target=edit)
    writer.start()
    try:
        before = len(written)
        result = replica.migrator("dataset", "copy", "x", "--to", server.uri, "--to-database", tool.name)
        assert result.status == 0, result.err
        exported = replica.migrator("dataset", "export", "x", str(tmp_path / "out"), "--media", "none", "-o", "json")
        assert exported.status == 0 and exported.json["snapshot"] and not exported.json["warnings"], exported.err
    finally:
        stop.set()
        writer.join()
        client.close()
    assert len(written) > before + 10  # else this proves nothing
    copied = dump(tool.db, "x")
    archived = {k: json.loads(read(tmp_path / "out" / (k + ".json")))[k] for k in ("samples", "frames")}
    for found, id_of in (copied, lambda v: v), (archived, lambda v: ObjectId(v["$oid"])):
        there = {id_of(s["_id"]) for s in found["samples"]}
        assert len(there) == at_start + 2 == len(found["samples"])
        assert {id_of(f["_sample_id"]) for f in found["frames"]} == there
        # So many were added, and as many of the first ones are gone.
        added = sum(w in there for w in written)
        assert all(w in there for w in written[:added]) and sum(i not in there for i in ids) == added
        assert there.isdisjoint(ids[:added])


# -- killed at any moment


@pytest.mark.parametrize("way", ["import", "overwrite", "copy"])
def test_killed_runs_leave_all_or_nothing_and_the_next_one_ends_it(tool, server, tmp_path, way):
    """A fault at each write in turn would need a hook in the program: here the clock chooses."""
    import signal
    import subprocess
    folder = tmp_path / "large"
    shutil.copytree(archive("v1.22.1-video-reldir-tags"), folder)
    text = (folder / "frames.json").read_text()
    one = json.loads(text)["frames"][0]
    frames = []
    for n in range(20000):
        one["_id"]["$oid"], one["frame_number"] = "%024x" % (n + 1), n + 1
        frames.append(json.dumps(one))
    (folder / "frames.json").write_text('{"frames": [' + ",".join(frames) + "]}")
    args = ["dataset", "import", str(folder), "--name", "x"]
    if way == "overwrite":
        run_import(tool, archive("v1.22.1-all-types"), "--name", "x")
        args += ["--overwrite"]
    if way == "copy":
        run_import(tool, str(folder), "--name", "source")
        args = ["dataset", "copy", "source", "--to", tool.env["FIFTYONE_DATABASE_URI"], "--name", "x"]
    program = os.path.join(tool.bin, "fiftyone-migrator")
    killed = 0
    for attempt in range(12):
        process = subprocess.Popen([program, *args], env=tool.env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(0.02 * (attempt + 1))
        process.send_signal(signal.SIGKILL)
        killed += process.wait() == -signal.SIGKILL
        found = tool.db.datasets.find_one({"name": "x"})
        if found and found["media_type"] == "video":
            assert tool.db[found["frame_collection_name"]].count_documents({}) == 20000
            assert tool.db[found["sample_collection_name"]].count_documents({}) == 2
            break
        assert (found is None) == (way != "overwrite")
    assert killed
    result = tool.migrator(*args)
    assert result.status == 0 or "is not available" in result.err, result.err
    found = dump(tool.db, "x")
    assert len(found["frames"]) == 20000 and len(found["samples"]) == 2 and len(found["tags"]) == 2
    named = {c for d in tool.db.datasets.find() for c in (d["sample_collection_name"], d.get("frame_collection_name"))}
    left = [n for n in tool.db.list_collection_names() if n.startswith(("samples", "frames", "migrator"))]
    assert set(left) <= named, left
    if way == "overwrite":
        assert tool.db.runs.count_documents({}) == 0


@pytest.mark.parametrize("way", ["import", "overwrite", "copy"])
def test_cut_at_its_writes_it_leaves_all_or_nothing_and_the_next_one_ends_it(tool, way):
    """Every fifth point before or after a write; all of them with FM_CRASH_CASES=all."""
    import signal
    folder = archive("v1.22.1-video-reldir-tags")
    args = ["dataset", "import", folder, "--name", "x"]

    def content():
        found = dump(tool.db, "x")
        return {kind: len(found[kind]) for kind in ("samples", "frames", "tags")}

    def set_back():
        tool.db.client.drop_database(tool.name)
        if way == "overwrite":
            run_import(tool, archive("v1.22.1-all-types"), "--name", "x")
        if way == "copy":
            run_import(tool, folder, "--name", "source")

    if way == "overwrite":
        args += ["--overwrite"]
    if way == "copy":
        args = ["dataset", "copy", "source", "--to", tool.env["FIFTYONE_DATABASE_URI"], "--name", "x"]
    set_back()
    assert tool.migrator(*args).status == 0
    whole = content()
    cuts = 0
    for number in range(1, 1000, 1 if os.environ.get("FM_CRASH_CASES") == "all" else 5):
        set_back()
        cut = tool._run("fiftyone-migrator-cut", args, {"FM_CUT_AT": str(number)})
        if cut.status != -signal.SIGKILL:
            assert cut.status == 0, cut.err
            break
        cuts += 1
        found = tool.db.datasets.find_one({"name": "x"})
        published = bool(found and found["media_type"] == "video")
        assert published or (found is None) == (way != "overwrite")
        if published:
            assert content() == whole or way == "overwrite"  # its tags come after the switch
        result = tool.migrator(*args)
        assert result.status == 0 or (published and "is not available" in result.err), (number, result.err)
        assert content() == whole, number
        named = {c for d in tool.db.datasets.find() for c in (d["sample_collection_name"], d.get("frame_collection_name"))}
        left = {n for n in tool.db.list_collection_names() if n.startswith(("samples", "frames", "migrator"))}
        assert {n for n in left - named if tool.db[n].find_one() or not n.startswith("migrator.")} == set(), number
    assert cuts > 3


def test_an_index_that_the_server_refuses_leaves_nothing(tool, tmp_path):
    """Small archives get their indexes before their documents."""
    run_import(tool, archive("v1.22.1-all-types"), "--name", "x")
    samples = tool.db[tool.db.datasets.find_one({"name": "x"})["sample_collection_name"]]
    samples.create_index([("tags", 1)], name="mine")
    export(tool, "x", tmp_path / "out", "--media", "none")
    edit(tmp_path / "out" / "manifest.json", lambda t: t.replace('"mine"', '"mine", "sparse": "perhaps"'))
    before = set(tool.db.list_collection_names())
    result = tool.migrator("dataset", "import", str(tmp_path / "out"), "--name", "y")
    assert result.status == 1 and "sparse" in result.err, result.err
    assert set(tool.db.list_collection_names()) == before and not tool.db.datasets.find_one({"name": "y"})


# Server-side, and gone at once when it is stopped.
SLOW = "function() { for (let i = 0; i < 600; ++i) sleep(50); return true; }"


class Late(threading.Thread):
    """A write of a run that is gone, still at work in the server: it makes a collection at its end."""

    def __init__(self, tool, connections, target):
        super().__init__()
        self.client = pymongo.MongoClient(tool.env["FIFTYONE_DATABASE_URI"], driver=DriverInfo(name=connections),
                                          serverMonitoringMode="poll")
        self.db, self.target, self.error = self.client[tool.name], target, None
        self.start()
        running = {"active": True, "command.aggregate": "late"}
        while not tool.db.client.admin.command("currentOp", running)["inprog"]:
            time.sleep(0.005)

    def run(self):
        slow = {"$match": {"$expr": {"$function": {"body": SLOW, "args": [], "lang": "js"}}}}
        try:
            self.db.late.aggregate([slow, {"$out": self.target}])
        except pymongo.errors.PyMongoError as error:
            self.error = error
        self.client.close()


@pytest.mark.parametrize("lease", ["left", "given back"])
def test_what_the_server_still_does_for_a_killed_run_comes_to_nothing(tool, lease):
    """Else a staged collection would be there again, and nobody would own it."""
    folder = archive("v1.22.1-all-types")
    cut = tool._run("fiftyone-migrator-cut", ["dataset", "import", folder, "--name", "x"], {"FM_CUT_AT": "20"})
    assert cut.status < 0
    entry = tool.db["migrator.imports"].find_one()
    assert entry and tool.db["migrator.lease"].find_one()["connections"] == entry["connections"]
    if lease == "given back":  # as after a lost connection
        tool.db["migrator.lease"].drop()
    tool.db.late.insert_one({})
    late = Late(tool, entry["connections"], entry["samples"])
    run_import(tool, folder, "--name", "y")
    late.join(10)
    assert not late.is_alive() and late.error.code == 11601  # Interrupted
    assert entry["samples"] not in tool.db.list_collection_names()
    assert not [n for n in tool.db.list_collection_names() if n.startswith("migrator.")]
    assert [d["name"] for d in tool.db.datasets.find()] == ["y"]


@pytest.mark.parametrize("pattern", [None, "fiftyone-migrator .*", ""])
def test_the_operations_of_others_are_left_alone(tool, pattern):
    folder = archive("v1.22.1-all-types")
    assert tool._run("fiftyone-migrator-cut", ["dataset", "import", folder, "--name", "x"], {"FM_CUT_AT": "20"}).status < 0
    if pattern is not None:
        for name in "lease", "imports":
            tool.db["migrator." + name].update_one({}, {"$set": {"connections": pattern}})
    tool.db.late.insert_one({})
    late = Late(tool, "fiftyone-migrator 0123456789abcdef", "others")
    run_import(tool, folder, "--name", "y")
    alive = late.is_alive()
    for one in tool.db.client.admin.command("currentOp", {"command.aggregate": "late"})["inprog"]:
        tool.db.client.admin.command("killOp", op=one["opid"])
    late.join(10)
    assert alive


def test_a_killed_export_leaves_no_archive(tool, tmp_path):
    import signal
    import subprocess
    run_import(tool, archive("v1.22.1-media-fields"), "--name", "x")
    dataset = tool.db.datasets.find_one({"name": "x"})
    samples = tool.db[dataset["sample_collection_name"]]
    one = samples.find_one()
    samples.insert_many([{**one, "_id": n} for n in range(30000)])
    args = ["dataset", "export", "x", str(tmp_path / "out"), "--media", "none"]
    process = subprocess.Popen([os.path.join(tool.bin, "fiftyone-migrator"), *args], env=tool.env,
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    time.sleep(0.15)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert set(os.listdir(tmp_path)) <= {"out.partial", "out"}
    if not (tmp_path / "out").exists():
        export(tool, "x", tmp_path / "out", "--media", "none")
    assert os.listdir(tmp_path) == ["out"]
    assert len(json.loads(read(tmp_path / "out" / "samples.json"))["samples"]) == 30004


def test_inspect_and_verify_need_no_database(tool, broken):
    nowhere = {"FIFTYONE_DATABASE_URI": "mongodb://127.0.0.1:1"}
    for name in MODERN + LEGACY:
        result = tool.migrator("dataset", "inspect", archive(name), "-o", "json", **nowhere)
        assert result.status == 0, result.err
        assert result.json["samples"] > 0
    result = tool.migrator("dataset", "inspect", archive("v1.22.1-all-types"), "-o", "json", **nowhere).json
    assert {r["key"] for r in result["runs"]} == {"ev", "sim", "viz", "my_run"}
    folder = broken("v1.22.1-video-reldir-tags")
    assert tool.migrator("dataset", "verify", str(folder), **nowhere).status == 0
    edit(folder / "frames.json", lambda t: re.sub(r'"_sample_id": \{"\$oid": "[0-9a-f]{24}"', '"_sample_id": {"$oid": "' + "0" * 24 + '"', t, count=1))
    result = tool.migrator("dataset", "verify", str(folder), **nowhere)
    assert result.status == 15 and "belongs to no sample" in result.out


def test_the_manifest_finds_a_changed_byte(tool, tmp_path):
    run_import(tool, archive("v0.22.3-image"), "--name", "x")
    export(tool, "x", tmp_path / "out", "--media", "none")
    edit(tmp_path / "out" / "samples.json", lambda t: t.replace('"cat"', '"cow"', 1))
    result = tool.migrator("dataset", "import", str(tmp_path / "out"), "--name", "y")
    assert result.status == 15 and "SHA-256" in result.err
    assert [d["name"] for d in tool.db.datasets.find()] == ["x"]


def test_list(tool):
    assert "no datasets" in tool.migrator("dataset", "list").out
    run_import(tool, archive("v1.22.1-video-reldir-tags"), "--name", "x")
    [row] = tool.migrator("dataset", "list", "-o", "json").json["datasets"]
    assert (row["name"], row["samples"], row["frames"], row["persistent"]) == ("x", 2, 5, True)
