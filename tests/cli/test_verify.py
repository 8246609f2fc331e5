"""`fiftyone-migrator verify`: nothing on what real clients wrote and on what we make of it; every damage by name."""
import os

import pytest
from bson import ObjectId

import damages
from damages import IMAGES, VIDEO, change, clips_of, dataset, frames, samples
from programs import harness

SOURCES = sorted(os.listdir(os.path.join(harness.DATABASES, "sources")))

# What is found before and after a migration, as {dataset: kinds}; the key None
# is the database. All of these were changed by hand (tests/corpus/databases/README.md).
ORPHANS = {None: {"orphan"}, "multi rig": {"pending"}}  # the original's guard, too late; collections of no dataset
NAMELESS = {"(no name)": {"damaged", "half-way", "missing"}}  # no name, fields, samples; left out of migrations
EXCEPTIONS = {
    "0.14.0-A-orphans": (ORPHANS, {"multi rig": {"pending"}}),
    "0.18.0-A-nameless": (NAMELESS, NAMELESS),
    "0.18.0-A-no-config": ({None: {"missing"}}, {}),
    "0.18.0-A-two-configs": ({None: {"damaged"}}, {}),
    "0.19.1-A-missing-run": ({"quickstart images": {"dangling"}}, {"quickstart images": {"dangling"}}),
    "0.8.0-A-noversion": ({"quickstart images": {"half-way"}}, {}),
    "1.22.1-A-missing-run": ({"quickstart images": {"dangling"}}, {"quickstart images": {"dangling"}}),
    "1.22.1-A-noversion": ({"street-video": {"half-way"}}, {}),
    "handmade-0.6-A": ({None: {"orphan"}}, {"hand image A": {"dangling"}}),
}


def verify(tool, *args):
    r = tool.migrator("verify", "-o", "json", *args)
    assert r.out, r.err
    found = r.json["found"]
    assert r.json["problems"] == sum(1 for f in found if f["problem"] != "note")
    half_way = any(f["problem"] == "half-way" for f in found)
    assert r.status == (16 if half_way else 15 if r.json["problems"] else 0)
    return found


def problems(tool, *args):
    return [f for f in verify(tool, *args) if f["problem"] != "note"]


def kinds(found):
    out = {}
    for f in found:
        out.setdefault(f["dataset"], set()).add(f["problem"])
    return out


@pytest.mark.parametrize("source", SOURCES)
def test_real_databases(tool, source):
    before, after = EXCEPTIONS.get(source, ({}, {}))
    tool.restore(source)
    dump = harness.take_dump(tool.db.client, tool.name)
    assert kinds(problems(tool)) == before
    assert kinds(problems(tool, "--deep")) == before
    assert harness.untouched(dump, harness.take_dump(tool.db.client, tool.name)) == []
    r = tool.migrator("migrate", "--error-level", "1", "--include", "datasets")
    assert r.status in (0, 3, 14), r.err
    assert kinds(problems(tool)) == (after if r.status != 14 else before)


@pytest.mark.parametrize("version", ["0.25.0", "0.19.0", "0.18.0", "0.14.0", "0.9.0", "0.6.3", "0.6.0"])
def test_what_we_take_down(tool, version):
    tool.restore("1.22.1-A")
    r = tool.migrator("migrate", version, "--error-level", "1", "--allow-loss")
    assert r.status in (0, 3), r.err
    assert problems(tool) == []


# -- one damage each


@pytest.mark.parametrize(
    "damage,name,kind,where,what",
    [
        (damages.no_evaluations, IMAGES, "orphan", "runs", "does not name them"),
        (damages.inline_run, IMAGES, "pending", "evaluations.eval", "revision 0.19.0 "),
        (damages.no_slug, IMAGES, "pending", "slug", "revision 0.19.0 "),
        (damages.field_without_db_field, IMAGES, "pending", "sample_fields.tags.db_field", "revision 0.9.4 "),
        (damages.old_similarity, IMAGES, "pending", "runs.", "revision 0.20.0 "),
        (damages.sample_without_dataset, IMAGES, "pending", "samples.", "lack _dataset_id"),
        (damages.old_media_type, IMAGES, "pending", "samples.", "hold media_type, not _media_type"),
        (damages.old_operation, IMAGES, "pending", "delegated_ops", "hold run_link, not log_path"),
        (damages.sample_of_another_dataset, IMAGES, "damaged", "samples.", "for example 'plain'"),
        (damages.sample_of_no_dataset, IMAGES, "damaged", "samples.", "which does not exist"),
        (damages.frames_of_clips, VIDEO, "damaged", "frames.", "stamped with the id of the clips dataset"),
        (damages.wrapped_twice, IMAGES, "damaged", "samples.", "wrapped twice"),
        (damages.listed_wrapped_twice, IMAGES, "damaged", "samples.", "wrapped twice"),
        (damages.not_wrapped, IMAGES, "damaged", "samples.", "not a list of shapes"),
        (damages.frame_without_sample, VIDEO, "dangling", "frames.", "frames whose sample is not in"),
        (damages.lost_sample, VIDEO, "dangling", "frames.", "frames whose sample is not in"),
        (damages.no_run, IMAGES, "dangling", "brain_methods.uniq", "not in runs"),
        (damages.no_view, IMAGES, "dangling", "saved_views.0", "not in views"),
        (damages.no_workspace, IMAGES, "dangling", "workspaces.0", "not in workspaces"),
        (damages.run_of_another, IMAGES, "damaged", "brain_methods.uniq", "belongs to another dataset"),
        (damages.no_results, IMAGES, "dangling", "evaluations.eval.results", "not in fs.files"),
        (damages.no_chunks, IMAGES, "damaged", "evaluations.eval.results", "0 of 1 chunks"),
        (damages.no_samples, "plain", "missing", "samples.", "is not there"),
        (damages.no_frame_collection_name, VIDEO, "missing", "frame_collection_name", "does not name"),
        (damages.clips_without_source, None, "dangling", "frame_collection_name", "clips dataset whose source's frames"),
        (damages.parked, IMAGES, "half-way", "version", "from v0.9.4 to v1.22.1"),
        (damages.interrupted, None, "half-way", "migrator.journal", "a migration to v1.22.1"),
        (damages.older_version, IMAGES, "half-way", "slug", "what 0.19.0"),
        (damages.two_names, None, "damaged", "datasets.name", "'quickstart images', 'quickstart images'"),
        (damages.two_slugs, None, "damaged", "datasets.slug", "'quickstart-images'"),
        (damages.nameless_field, IMAGES, "damaged", "sample_fields.1", "without a name"),
        (damages.typeless_field, IMAGES, "damaged", "sample_fields._rand", "without a type"),
        (damages.field_twice, IMAGES, "damaged", "sample_fields.tags", "twice"),
        (damages.no_fields, IMAGES, "damaged", "sample_fields", "no list of fields"),
        (damages.two_configs, None, "damaged", "config", "several documents"),
        (damages.strange_database_version, None, "damaged", "config.version", "'new' is no version"),
        (damages.no_config, None, "missing", "config.version", "no version"),
        (damages.strange_version, IMAGES, "damaged", "version", "'new' is no version"),
        (damages.version_of_another_type, IMAGES, "damaged", "version", "type double"),
        (damages.stray_run, None, "orphan", "runs", "of no dataset"),
        (damages.forgotten_run, IMAGES, "orphan", "runs", "does not name them"),
        (damages.stray_collection, None, "orphan", "samples.gone", "of no dataset"),
        (damages.samples_are_a_view, "plain", "damaged", "samples.", "a view, where a collection"),
        (damages.two_views_of_one_name, IMAGES, "damaged", "saved_views", "one name for several saved views: '"),
        (damages.two_workspaces_of_one_slug, IMAGES, "damaged", "workspaces", "one slug for several workspaces: '"),
    ],
    ids=lambda x: x.__name__ if callable(x) else "",
)
def test_damage_is_named(tool, damage, name, kind, where, what):
    tool.restore("1.22.1-A")
    damage(tool)
    if damage is damages.clips_without_source:
        name = clips_of(tool)["name"]
    found = [
        f
        for f in problems(tool)
        if (f["dataset"], f["problem"]) == (name, kind) and f["where"].startswith(where) and what in f["what"]
    ]
    assert len(found) == 1
    assert found[0]["remedy"] and found[0]["count"] >= 1
    # Nothing else of that database is blamed, but for what hangs on it.
    assert len(problems(tool)) <= 2


def test_what_clients_leave_out_is_no_damage(tool):
    """Empty lists and mappings when they import an archive, private fields when they clone a view."""
    archives = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "archives")
    for name in "v1.22.1-media-fields", "v1.22.1-video-reldir-tags", "v1.22.1-group-3d", "v0.14.4-video":
        r = tool.migrator("dataset", "import", os.path.join(archives, name), "--name", name)
        assert r.status == 0, r.err
    tool.db.config.insert_one({"version": "1.22.1", "type": "fiftyone"})
    assert any("evaluations" not in d for d in tool.db.datasets.find())
    assert problems(tool) == []
    private = {"name": {"$in": ["_rand", "_media_type", "_dataset_id", "_sample_id"]}}
    for d in tool.db.datasets.find():
        tool.db.datasets.update_one({"_id": d["_id"]}, {"$pull": {"sample_fields": private, "frame_fields": private}})
    assert problems(tool) == []


def test_a_view_in_place_of_samples_is_read_and_not_mended(tool):
    tool.restore("1.22.1-A")
    damages.samples_are_a_view(tool)
    samples(tool, "plain").database["elsewhere"].update_one({}, {"$unset": {"_dataset_id": 1}})
    found = {f["code"]: f for f in problems(tool, "--deep")}
    assert set(found) == {"collection-is-view", "documents-pending"} and found["documents-pending"]["repair"] is None
    result = tool.migrator("verify", "--repair", "--yes")
    assert result.status == 15 and "is mended" not in result.out


def test_only_deep_counts_bytes(tool):
    tool.restore("1.22.1-A")
    damages.results_cut(tool)
    assert problems(tool) == []
    (found,) = problems(tool, "--deep")
    assert found["what"].startswith("results of which fs.chunks holds 1 of 1 chunks, ")


def test_large_collections_are_looked_at_from_both_ends(tool):
    tool.restore("1.22.1-A")
    plain, collection = dataset(tool, "plain"), samples(tool, "plain")
    whole = {**collection.find_one()}
    whole.pop("_id")
    ids = sorted(ObjectId() for _ in range(2500))
    collection.delete_many({})
    collection.insert_many({**whole, "_id": i} for i in ids)
    for index, seen in (0, True), (1200, False), (2499, True):
        collection.update_one({"_id": ids[index]}, {"$unset": {"_dataset_id": 1}})
        assert bool(problems(tool)) == seen
        assert [f["count"] for f in problems(tool, "--deep")] == [1]
        collection.update_one({"_id": ids[index]}, {"$set": {"_dataset_id": plain["_id"]}})


def test_half_a_damage_counts_what_is_damaged(tool):
    tool.restore("1.22.1-A")
    c = frames(tool, VIDEO)
    ids = [f["_id"] for f in c.find().limit(4)]
    c.update_many({"_id": {"$in": ids}}, {"$set": {"_dataset_id": clips_of(tool)["_id"]}})
    (found,) = problems(tool)
    assert (found["count"], found["at_least"]) == (4, False)
    assert found["repair"] == "set _dataset_id to this dataset's id"


def test_names(tool):
    tool.restore("1.22.1-A")
    damages.no_run(tool)
    damages.two_configs(tool)
    assert problems(tool, "-n", "plain") == []
    (found,) = problems(tool, "-n", "plain", IMAGES)
    assert found["where"] == "brain_methods.uniq"
    r = tool.migrator("verify", "-n", "nobody")
    assert (r.status, r.out) == (10, "")
    assert r.err.startswith("error: Dataset 'nobody' not found\n")


def test_text(tool):
    tool.restore("1.22.1-A")
    r = tool.migrator("verify")
    assert (r.status, r.out) == (0, "Looked at 12 datasets: nothing is wrong.\n")
    damages.no_run(tool)
    r = tool.migrator("verify")
    assert r.status == 15
    lines = r.out.splitlines()
    assert lines[lines.index("Dataset 'quickstart images'") + 3].split()[:3] == ["dangling", "brain_methods.uniq", "1"]
    assert lines[-2] == "Looked at 12 datasets: 1 problem in 1 dataset (1 dangling)."
    assert lines[-1] == "1 of these is mended by `verify --repair`."


def test_an_empty_database(tool):
    r = tool.migrator("verify")
    assert (r.status, r.out) == (0, "Looked at 0 datasets: nothing is wrong.\n")


def test_newer_datasets_are_not_judged(tool):
    tool.restore("1.22.1-A")
    change(tool, IMAGES, {"$set": {"version": "1.99.0"}, "$unset": {"slug": 1}})
    found = verify(tool)
    assert [f["problem"] for f in found if f["dataset"] == IMAGES] == ["note"]


def test_other_types_are_refused(tool):
    tool.restore("1.22.1-A")
    tool.db.config.update_one({}, {"$set": {"type": "something"}})
    r = tool.migrator("verify")
    assert (r.status, r.out) == (1, "")


STRANGE = [None, 7, "x", "", {}, [], [1], [[]], {"a": 1}, {"a": [{}]}, ObjectId()]
STRANGE += [[{"name": 5}], [{"name": "a.b", "ftype": 1}]]
KEYS = (
    "name slug media_type sample_collection_name frame_collection_name sample_fields frame_fields app_config "
    "annotation_runs brain_methods evaluations runs saved_views workspaces"
).split()


@pytest.mark.parametrize("version", ["0.6.2", "0.18.0", "1.22.1"])
def test_strange_documents(tool, version):
    """Anything anywhere is told, and never ends the command."""
    tool.restore("1.22.1-A")
    whole = dataset(tool, IMAGES)
    tool.db.datasets.drop()
    polylines = {"name": "$p", "ftype": "x", "embedded_doc_type": "fiftyone.core.labels.Polyline"}
    docs = [{"_id": 0}, {"_id": "one", "version": version}, {**whole, "_id": {"a": 1}, "sample_fields": [polylines]}]
    docs += [{**whole, "_id": ObjectId(), key: value} for key in KEYS for value in STRANGE]
    tool.db.datasets.insert_many([{**d, "version": version} if len(d) > 2 else d for d in docs])
    tool.db.runs.insert_many([{"_id": 1}, {"_id": "x", "_dataset_id": []}, {"_id": ObjectId(), "results": {}}])
    tool.db["fs.files"].insert_many([{"_id": 1}, {"_id": "x", "length": "long", "chunkSize": 0}])
    tool.db["fs.chunks"].insert_many([{"_id": 1}, {"_id": 2, "files_id": "x", "n": "y"}])
    tool.db["migrator.journal"].insert_many([{"_id": 1}, {"_id": {"dataset": 5}}, {"_id": {"a": 5}}])
    for args in (), ("--deep",):
        r = tool.migrator("verify", "-o", "json", *args)
        assert r.status == 16, r.err
        assert r.json["datasets"] == len(docs)
        assert tool.migrator("verify", *args).status == 16
