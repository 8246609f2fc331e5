"""`residue apply`: datasets that another client took up get back what the undo log holds of them (rules R4 to R6)."""
import os

import bson
import pytest
from bson import ObjectId

from test_no_write import is_read, profiled
from test_undo import but_files, content, ran

VERSIONS = ["1.12.0", "1.3.0", "1.0.0", "0.22.0", "0.19.0", "0.18.0", "0.16.0", "0.15.0", "0.11.1", "0.9.0", "0.7.3"]
SHORT = ["0.22.0", "0.18.0", "0.7.3"]
LOG = "migrator.residue", "migrator.residue.members"
IMAGES = "quickstart images"


def lift(tool, version="1.22.1"):
    """As a client does that knows of no undo log."""
    for name in LOG:
        if name in tool.db.list_collection_names():
            tool.db[name].rename("hidden." + name)
    ran(tool, "migrate", version, "-q", "--yes", "--undo-log", "off", "--error-level", "1")
    for name in LOG:
        if "hidden." + name in tool.db.list_collection_names():
            tool.db["hidden." + name].rename(name)


def lowered(tool, version):
    tool.restore("1.22.1-A")
    start = content(tool)
    ran(tool, "migrate", version, "--error-level", "1", "-q", status=(0, 3))
    return start


def waiting(tool):
    return {d["name"]: d["revisions"] for d in tool.migrator("info", "-o", "json").json["waiting"]}


def but_results(dump):
    """Without GridFS files, and the ids of files that clients rewrite on the way up (0.20.0)."""
    out = but_files(dump)
    docs, indexes = out["runs"]
    docs = [{k: v for k, v in bson.decode(d).items() if k != "results"} for d in docs]
    return {**out, "runs": (sorted(docs, key=lambda d: str(d["_id"])), indexes)}


@pytest.mark.parametrize("version", [pytest.param(v, marks=() if v in SHORT else pytest.mark.long) for v in VERSIONS])
def test_what_waits_comes_back(tool, version):
    start = lowered(tool, version)
    lift(tool)
    lifted = content(tool)
    assert waiting(tool)
    # Notes: no problems, but those of the lift, which dropped what it had no file for.
    assert ran(tool, "verify", status=(0, 15)).out.count("wait in the undo log") == len(waiting(tool))

    planned = ran(tool, "residue", "apply", "--dry-run", "-o", "json").json
    assert planned["dry_run"] and content(tool) == lifted
    done = ran(tool, "residue", "apply", "--yes", "-o", "json").json
    assert [d["values"] for d in done["datasets"]] == [d["values"] for d in planned["datasets"]]
    assert not any(d["kept"] or d["members_kept"] for d in done["datasets"])
    back = content(tool)
    assert but_results(back) == but_results(start)
    assert waiting(tool) == {}
    if tuple(int(v) for v in version.split(".")) >= (0, 20):
        assert but_files(back) == but_files(start)
    assert ran(tool, "residue", "apply").out == "Nothing waits in the undo log.\n"

    ran(tool, "undo", done["run"][:-1], "--yes", "-q")
    assert content(tool) == lifted and waiting(tool)
    ran(tool, "undo", "--yes", "-q")
    assert content(tool) == back and waiting(tool) == {}
    runs = tool.migrator("history", "-o", "json").json["runs"]
    assert [(r["kind"], r["state"]) for r in runs[:3]] == [
        ("undo", "done"), ("undo", "undone"), ("residue apply", "done")]
    assert runs[2]["datasets"]["done"] == len(done["datasets"])


def edit_value(db):
    db.datasets.update_one({"name": IMAGES}, {"$set": {"app_config.color_scheme.color_by": "mine"}})


def rename(db):
    db.datasets.update_one({"name": IMAGES}, {"$set": {"name": "other", "slug": "other"}})


def new_view(db):
    dataset = db.datasets.find_one({"name": IMAGES})
    view = db.views.insert_one({"_dataset_id": dataset["_id"], "name": "mine", "slug": "mine", "view_stages": []})
    db.datasets.update_one({"name": IMAGES}, {"$push": {"saved_views": view.inserted_id}})


def drop_field(db):
    db.datasets.update_one({"name": IMAGES}, {"$pull": {"sample_fields": {"name": "score"}}})


# What is done after a client took the dataset up, from the version; what stays then, and what of it is to be seen.
CASES = {
    "a value is edited": (
        "0.22.0", edit_value, ["app_config.color_scheme.color_by"],
        lambda db: db.datasets.find_one({"name": IMAGES})["app_config"]["color_scheme"]["color_by"] == "mine"),
    "the dataset is renamed": ("0.22.0", rename, [], lambda db: db.datasets.find_one({"name": "other"})["slug"] == "other"),
    "a view is added": (
        "0.18.0", new_view, [],
        lambda db: {v["name"] for v in db.views.find(
            {"_id": {"$in": db.datasets.find_one({"name": IMAGES})["saved_views"]}})} > {"mine"}),
    "a field is deleted": (
        "0.15.0", drop_field, ["sample_fields.score"],
        lambda db: "score" not in [f["name"] for f in db.datasets.find_one({"name": IMAGES})["sample_fields"]]),
}


@pytest.mark.parametrize("case", CASES)
def test_what_was_edited_stays_and_is_named(tool, case):
    version, edit, kept, holds = CASES[case]
    lowered(tool, version)
    lift(tool)
    edit(tool.db)
    planned = ran(tool, "residue", "apply", "--dry-run", "-o", "json").json
    r = ran(tool, "residue", "apply", "--yes", "-o", "json", status=(3,) if kept else (0,))
    found = next(d for d in r.json["datasets"] if d["name"] in (IMAGES, "other"))
    assert sorted({k["path"] for k in found["kept"]}) == kept
    assert [d["kept"] for d in planned["datasets"]] == [d["kept"] for d in r.json["datasets"]]
    assert holds(tool.db)
    # The rest is there, and what stays is named until it is as it was.
    assert found["values"] and tool.db.datasets.find_one({"_id": ObjectId(found["_id"]["$oid"])})["label_schemas"]
    assert set(waiting(tool)) == ({found["name"]} if kept else set())
    if kept:
        text = ran(tool, "residue", "apply", "--yes", status=(3,)).out
        assert "Edited since, so it stays as it is:" in text and kept[0] in text
        assert ["waiting"] == [i["state"] for i in tool.migrator("residue", "list", "-o", "json").json["images"]
                               if i["name"] == IMAGES and i["revisions"]]


def test_a_document_beside_the_dataset_that_was_edited_stays(tool):
    lowered(tool, "1.3.0")
    one = tool.db["migrator.residue.members"].find_one()["before"]
    lift(tool)
    tool.db.delegated_ops.update_one({"_id": one["_id"]}, {"$set": {"log_path": "mine.log", "run_link": "https://mine"}})
    edited = tool.db.delegated_ops.find_one({"_id": one["_id"]})
    r = ran(tool, "residue", "apply", "--yes", "-o", "json", status=(0, 3))
    assert sum(d["members_kept"] for d in r.json["datasets"]) == (1 if r.status == 3 else 0)
    assert tool.db.delegated_ops.find_one({"_id": one["_id"]})["log_path"] == edited["log_path"] == "mine.log"


def test_only_the_datasets_named(tool):
    lowered(tool, "0.22.0")
    lift(tool)
    all_waiting = waiting(tool)
    assert tool.migrator("residue", "apply", "no such").status == 10
    r = ran(tool, "residue", "apply", "plain", IMAGES, "--yes", "-o", "json")
    assert {d["name"] for d in r.json["datasets"]} == {"plain", IMAGES}
    assert set(waiting(tool)) == set(all_waiting) - {"plain", IMAGES}
    assert ran(tool, "residue", "apply", "plain").out == "Nothing waits in the undo log.\n"


def test_partly_up_by_a_client(tool):
    """What lies above waits for a way up of ours, and comes back with it (R4)."""
    start = lowered(tool, "0.18.0")
    lift(tool, "0.23.8")
    assert set(waiting(tool)[IMAGES]) == {"0.19.0", "0.20.0", "0.23.0"}
    ran(tool, "residue", "apply", "--yes", "-q")
    assert waiting(tool) == {}
    r = ran(tool, "migrate", "-q", "--yes", "-o", "json")
    assert r.json["restored"]["kept"] == []
    assert but_results(content(tool)) == but_results(start)


def test_a_newer_way_down_supersedes_the_older_one(tool):
    lowered(tool, "0.22.0")
    lift(tool)
    tool.db.datasets.update_one({"name": "plain"}, {"$set": {"label_schemas": {"newer": {}}}})
    before = content(tool)
    first = next(i["run"] for i in tool.migrator("residue", "list", "-o", "json").json["images"])
    ran(tool, "migrate", "0.22.0", "-q", "--yes")
    states = {(i["run"] == first, i["state"]) for i in tool.migrator("residue", "list", "-o", "json").json["images"]}
    assert states == {(True, "for undo"), (False, "live")}
    r = ran(tool, "migrate", "-q", "--yes", "-o", "json")
    assert r.json["restored"]["kept"] == [] and waiting(tool) == {}
    assert but_files(content(tool)) == but_files(before)
    # Taken back, both of them: the older one waits again.
    ran(tool, "undo", "--yes", "-q")
    second = tool.migrator("history", "-o", "json").json["runs"]
    down = [r["run"] for r in second if r["kind"] == "migrate" and r["to"] == "0.22.0"][0]
    ran(tool, "undo", down, "--yes", "-q")
    assert but_files(content(tool)) == but_files(before)
    assert IMAGES in waiting(tool)


def test_a_dataset_deleted_meanwhile(tool):
    lowered(tool, "0.22.0")
    lift(tool)
    tool.db.datasets.delete_one({"name": "plain"})
    assert "plain" not in waiting(tool)
    ran(tool, "residue", "apply", "--yes", "-q")
    assert waiting(tool) == {}


def test_a_dry_run_only_reads(tool):
    lowered(tool, "0.22.0")
    lift(tool)
    r, seen = profiled(tool, ["fiftyone-migrator", "residue", "apply", "--dry-run"])
    assert r.status == 0 and "Comes back:" in r.out
    assert seen and all(is_read(entry) for entry in seen)


def kept(tool):
    return [i["run"] for i in tool.migrator("residue", "list", "-o", "json").json["images"]]


def test_prune_is_for_administrators_and_asks(tool):
    lowered(tool, "0.22.0")
    run = kept(tool)[0]
    everything = content(tool), kept(tool)
    for env in {"FIFTYONE_DATABASE_ADMIN": "false"}, {"FIFTYONE_DISABLE_MIGRATIONS": "1"}:
        for args in [], ["--all"], ["--run", run]:
            assert tool.migrator("residue", "prune", *args, **env).status == 13
    for args, question in (["--all"], "Remove all that is kept?"), (["--run", run[:-2]], "Remove all that run " + run):
        r = tool.on_terminal(b"n\n", "residue", "prune", *args)
        assert r.status == 13 and question in r.out and "the answer was no" in r.out
    assert tool.migrator("residue", "prune", "--run", run, "--all").status == 2
    assert (content(tool), kept(tool)) == everything
    assert tool.on_terminal(b"y\n", "residue", "prune", "--all").status == 0
    assert kept(tool) == []


def test_prune_takes_the_beginning_of_a_run(tool):
    lowered(tool, "0.22.0")
    ran(tool, "migrate", "0.18.0", "-q", "--error-level", "1", status=(0, 3))
    first, second = sorted(set(kept(tool)))
    shared = len(os.path.commonprefix([first, second]))
    assert tool.migrator("residue", "prune", "--run", first[:shared]).status == 2
    assert tool.migrator("residue", "prune", "--run", "x").status == 10
    assert len(set(kept(tool))) == 2
    ran(tool, "residue", "prune", "--run", second[:shared + 1])
    assert set(kept(tool)) == {first}


def test_refusals(tool):
    lowered(tool, "0.22.0")
    lift(tool)
    before = content(tool)
    r = tool.migrator("residue", "apply", "--yes", FIFTYONE_DATABASE_ADMIN="false")
    assert r.status == 13
    assert tool.on_terminal(b"n\n", "residue", "apply").status == 13
    assert content(tool) == before
    assert tool.on_terminal(b"y\n", "residue", "apply").status == 0
    assert waiting(tool) == {}
