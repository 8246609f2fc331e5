"""`fiftyone-migrator verify --repair`: what is certain is mended, the rest is left and named; all of it can be undone."""
import os
import signal
import subprocess

import bson
import pytest
from bson import ObjectId

import damages
from damages import IMAGES, VIDEO, dataset, frames, samples
from programs import harness
from test_control import cursor_of, fill, start, wait_for

# Damage, what is mended of it, and what comes out: the database as it was to the
# byte, as it was but for the order of keys, or only without the damage.
WHOLE, VALUES, CLEAN = "whole", "values", "clean"
MENDED = [
    (damages.inline_run, ["revision-pending"], CLEAN),
    (damages.no_slug, ["revision-pending"], VALUES),
    (damages.field_without_db_field, ["revision-pending"], VALUES),
    (damages.old_similarity, ["revision-pending"], CLEAN),
    (damages.sample_without_dataset, ["documents-pending"], VALUES),
    (damages.old_media_type, ["documents-pending"], VALUES),
    (damages.old_operation, ["documents-pending"], CLEAN),
    (damages.sample_of_no_dataset, ["stamp-of-nobody"], WHOLE),
    (damages.frames_of_clips, ["stamp-of-clips"], WHOLE),
    (damages.wrapped_twice, ["points-wrapped-twice"], WHOLE),
    (damages.wrapped_three_times, ["points-wrapped-twice"], WHOLE),
    (damages.listed_wrapped_twice, ["points-wrapped-twice"], WHOLE),
    (damages.not_wrapped, ["points-unwrapped"], WHOLE),
    (damages.no_run, ["reference-gone"], CLEAN),
    (damages.no_view, ["reference-gone"], CLEAN),
    (damages.no_workspace, ["reference-gone"], CLEAN),
    (damages.run_of_another, ["reference-shared"], WHOLE),
    (damages.results_gone_for_good, ["results-gone"], CLEAN),
    (damages.no_frame_collection_name, ["frames-unnamed"], VALUES),
    (damages.older_version, ["version-older"], WHOLE),
    (damages.strange_version, ["version-damaged"], WHOLE),
    (damages.version_of_another_type, ["version-damaged"], WHOLE),
    (damages.two_slugs, ["slug-clash"], WHOLE),
    (damages.field_twice, ["field-twice"], WHOLE),
    (damages.two_configs, ["several-configs"], CLEAN),
    (damages.no_index_of_datasets, ["indexes-missing"], WHOLE),
    (damages.no_index_of_frames, ["indexes-missing"], WHOLE),
]
# Nothing is certain here.
LEFT = [
    (damages.sample_of_another_dataset, "stamp-of-another"),
    (damages.frame_without_sample, "frames-without-samples"),
    (damages.lost_sample, "frames-without-samples"),
    (damages.wrapped_with_another, "points-wrapped-twice"),
    (damages.no_results, "results-gone"),
    (damages.no_chunks, "results-cut"),
    (damages.no_samples, "samples-missing"),
    (damages.clips_without_source, "clips-source-gone"),
    (damages.parked, "dataset-parked"),
    (damages.interrupted, "run-interrupted"),
    (damages.shared_run, "reference-shared"),
    (damages.two_views_of_one_name, "label-clash"),
    (damages.two_workspaces_of_one_slug, "label-clash"),
    (damages.two_names, "name-clash"),
    (damages.slug_taken, "revision-pending"),
    (damages.two_datasets_of_one_collection, "collection-clash"),
    (damages.nameless_field, "field-broken"),
    (damages.typeless_field, "field-broken"),
    (damages.different_fields_of_one_name, "field-twice"),
    (damages.no_fields, "fields-missing"),
    (damages.run_is_no_id, "id-damaged"),
    (damages.without_name, "name-missing"),
    (damages.strange_database_version, "database-version-damaged"),
    (damages.no_config, "database-version-missing"),
    (damages.stray_run, "documents-orphaned"),
    (damages.no_evaluations, "documents-orphaned"),
    (damages.forgotten_run, "documents-orphaned"),
    (damages.stray_collection, "collection-orphaned"),
    (damages.newer, "version-newer"),
    (damages.without_times, "times-missing"),
]
# By the tests of interrupted runs, of views (test_verify.py), and the notes of inline_run.
ELSEWHERE = {"deletes-left", "files-orphaned", "values-waiting", "restore-interrupted", "import-unfinished",
             "collection-is-view"}


def content(tool):
    """Every document that is not ours, and the indexes."""
    dump = harness.take_dump(tool.db.client, tool.db.name)
    return {n: (sorted(docs), sorted(map(repr, meta["indexes"]))) for n, (docs, meta) in dump.items()}


def values(content):
    """Without the order of keys; NaN is NaN."""
    def plain(value):
        if isinstance(value, dict):
            return sorted((k, plain(v)) for k, v in value.items())
        return [plain(v) for v in value] if isinstance(value, list) else repr(value)

    return {n: (sorted(plain(bson.decode(d)) for d in docs), i) for n, (docs, i) in content.items() if docs}


def repair(tool, *args, status=None):
    r = tool.migrator("verify", "--repair", "--yes", "-o", "json", *args)
    assert r.out, r.err
    assert status is None or r.status == status, r.err
    return r.json


def problems(tool, *args):
    r = tool.migrator("verify", "-o", "json", *args)
    return [f for f in r.json["found"] if f["problem"] != "note"]


def deep_of(damage):
    return ["--deep"] if damage is damages.no_index_of_frames else []


@pytest.mark.parametrize("damage, codes, expected", MENDED, ids=lambda x: getattr(x, "__name__", ""))
def test_what_is_certain(tool, damage, codes, expected):
    tool.restore("1.22.1-A")
    whole = content(tool)
    damage(tool)
    damaged = content(tool)
    deep = deep_of(damage)

    r = tool.migrator("verify", "--repair", "--dry-run", "-o", "json", *deep)
    assert r.json["mendable"] == len(codes) and r.status == (0 if codes == ["indexes-missing"] else r.status)
    assert content(tool) == damaged and "migrator.journal" not in tool.db.list_collection_names()

    done = repair(tool, *deep, status=0)
    assert [m["code"] for m in done["mended"]] == codes and not done["failures"]
    assert all(m["documents"] > 0 and m["repair"] for m in done["mended"])
    assert done["documents"] == sum(m["documents"] for m in done["mended"]) or damage is damages.inline_run
    assert done["mendable"] == 0
    mended = content(tool)
    if expected == WHOLE:
        assert mended == whole
    if expected == VALUES:
        assert values(mended) == values(whole)
    assert problems(tool, "--deep") == []

    again = repair(tool, *deep)
    assert again["mendable"] == 0 and "run" not in again
    assert content(tool) == mended

    for expected_content in damaged, mended:
        r = tool.migrator("undo", "--yes")
        assert r.status == 0, r.err
        assert content(tool) == expected_content
    assert not {"migrator.journal", "migrator.lease"} & set(tool.db.list_collection_names())


@pytest.mark.parametrize("damage, code", LEFT, ids=lambda x: getattr(x, "__name__", ""))
def test_what_is_not(tool, damage, code):
    tool.restore("1.22.1-A")
    damage(tool)
    damaged = content(tool)
    done = repair(tool)
    (found,) = [f for f in done["found"] if f["code"] == code]
    assert found["repair"] is None and found["remedy"]
    assert "run" not in done and content(tool) == damaged
    text = tool.migrator("verify", "--repair", "--yes").out
    assert found["remedy"] in text and "--repair" not in text


def test_every_kind_is_in_one_of_the_tables(tool):
    kinds = {k["code"]: k for k in tool.migrator("verify", "--kinds", "-o", "json").json["kinds"]}
    assert {code for _, codes, _ in MENDED for code in codes} <= {c for c, k in kinds.items() if k["repair"]}
    assert {c for _, codes, _ in MENDED for c in codes} | {c for _, c in LEFT} | ELSEWHERE == set(kinds)
    assert all(k["reason"] and k["what"] for k in kinds.values())
    assert all(code in tool.migrator("verify", "--kinds").out for code in kinds)


def test_all_at_once(tool):
    tool.restore("1.22.1-A")
    whole = content(tool)
    several = [damages.sample_of_no_dataset, damages.frames_of_clips, damages.wrapped_twice, damages.run_of_another,
               damages.field_twice, damages.two_slugs]
    for damage in several:
        damage(tool)
    damaged = content(tool)
    done = repair(tool, status=0)
    assert len(done["mended"]) == len(several)
    assert content(tool) == whole
    assert tool.migrator("undo", "--yes").status == 0
    assert content(tool) == damaged


def test_two_damages_of_one_sample_are_one_image(tool):
    tool.restore("1.22.1-A")
    whole = content(tool)
    damages.wrapped_twice(tool)
    samples(tool, IMAGES).update_many({}, {"$set": {"_dataset_id": ObjectId()}})
    damaged = content(tool)
    repair(tool, status=0)
    assert content(tool) == whole
    kept = tool.db["migrator.residue.members"]
    assert kept.count_documents({}) == samples(tool, IMAGES).count_documents({})
    assert tool.migrator("undo", "--yes").status == 0
    assert content(tool) == damaged


def test_only_named_datasets(tool):
    tool.restore("1.22.1-A")
    damages.frames_of_clips(tool)
    damages.wrapped_twice(tool)
    damages.two_configs(tool)
    done = repair(tool, "-n", VIDEO, status=0)
    assert [m["code"] for m in done["mended"]] == ["stamp-of-clips"]
    assert {f["code"] for f in problems(tool)} == {"points-wrapped-twice", "several-configs"}


def test_a_run_is_given_to_its_only_user_only_when_all_were_looked_at(tool):
    tool.restore("1.22.1-A")
    damages.run_of_another(tool)
    assert "run" not in repair(tool, "-n", IMAGES, status=15)
    assert repair(tool, status=0)["documents"] == 1


def test_what_the_undo_log_holds_is_not_dropped(tool):
    tool.restore("1.22.1-A")
    assert tool.migrator("migrate", "0.18.0", "--yes", "--error-level", "1").status in (0, 3)
    assert tool.migrator("migrate", "--yes").status == 0
    run = dataset(tool, IMAGES)["brain_methods"]["uniq"]
    tool.db.runs.delete_one({"_id": run})
    found = next(f for f in problems(tool) if f["code"] == "reference-gone")
    assert found["repair"] is None and "undo" in found["remedy"]


def test_undo_names_what_was_changed_since(tool):
    tool.restore("1.22.1-A")
    damages.frames_of_clips(tool)
    repair(tool, status=0)
    c = frames(tool, VIDEO)
    one, other, gone = [f["_id"] for f in c.find().limit(3)]
    mine = ObjectId()
    c.update_one({"_id": one}, {"$set": {"_dataset_id": mine}})
    c.update_one({"_id": other}, {"$set": {"new": 1}})
    c.delete_one({"_id": gone})
    before = content(tool)
    r = tool.migrator("undo", "--yes")
    assert r.status == 16 and str(one) in r.err and "--skip-changed" in r.err
    assert content(tool) == before
    r = tool.migrator("undo", "--yes", "--skip-changed", "-o", "json")
    assert r.status == 3
    assert (r.json["documents"], r.json["gone"], r.json["changed"]) == (7, 1, 1)
    clips = damages.clips_of(tool)["_id"]
    assert c.find_one({"_id": one})["_dataset_id"] == mine
    assert {k: c.find_one({"_id": other})[k] for k in ("_dataset_id", "new")} == {"_dataset_id": clips, "new": 1}
    assert c.count_documents({"_dataset_id": clips}) == 7


def test_what_it_says(tool):
    tool.restore("1.22.1-A")
    damages.no_run(tool)
    damages.no_chunks(tool)
    r = tool.migrator("verify", "--repair", "--yes")
    assert r.status == 15
    assert "--repair does this: brain_methods.uniq: drop the reference" in r.err
    assert "drop the reference" in r.out and "Mended 1 problem in" in r.out and "What is left:" in r.out
    run = tool.migrator("history", "-o", "json").json["runs"][0]
    assert (run["kind"], run["state"]) == ("repair", "done")
    assert "`fiftyone-migrator undo %s` takes this back." % run["run"] in r.out
    text = tool.migrator("history", run["run"]).out
    assert "repair" in text
    listed = tool.migrator("residue", "list", "-o", "json").json["images"]
    assert [(i["service"], i["name"], i["state"]) for i in listed] == [("repair", IMAGES, "for undo")]
    r = tool.migrator("undo", "--yes")
    assert r.status == 0 and "1 write of a repair" in r.out


def test_prune_removes_what_a_repair_keeps(tool):
    tool.restore("1.22.1-A")
    damages.frames_of_clips(tool)
    run = repair(tool, status=0)["run"]
    assert tool.migrator("residue", "prune").status == 0
    assert tool.db["migrator.residue.members"].count_documents({}) == 9
    assert tool.migrator("residue", "prune", "--run", run).status == 0
    assert not {"migrator.residue", "migrator.residue.members"} & set(tool.db.list_collection_names())


def test_a_deleted_dataset_takes_its_images_along(tool):
    tool.restore("1.22.1-A")
    damages.frames_of_clips(tool)
    repair(tool, status=0)
    frames(tool, VIDEO).drop()
    tool.db.datasets.delete_one({"name": VIDEO})
    assert tool.migrator("residue", "list", "-o", "json").json["images"][0]["state"] == "orphaned"
    assert tool.migrator("residue", "prune").status == 0
    assert "migrator.residue.members" not in tool.db.list_collection_names()


def test_it_asks_on_a_terminal(tool):
    tool.restore("1.22.1-A")
    damages.no_run(tool)
    damaged = content(tool)
    r = tool.on_terminal(b"n\n", "verify", "--repair")
    assert r.status == 13 and "Mend what is certain? [y/N] " in r.out
    assert content(tool) == damaged and "migrator.lease" not in tool.db.list_collection_names()
    assert tool.on_terminal(b"y\n", "verify", "--repair").status == 0
    assert problems(tool) == []


@pytest.mark.parametrize("variable", ["FIFTYONE_DISABLE_MIGRATIONS=1", "FIFTYONE_DATABASE_ADMIN=false"])
def test_who_may_not_migrate_may_not_repair(tool, variable):
    tool.restore("1.22.1-A")
    damages.no_run(tool)
    damaged = content(tool)
    name, value = variable.split("=")
    assert tool.migrator("verify", "--repair", "--yes", **{name: value}).status == 13
    assert tool.migrator("verify", **{name: value}).status == 15
    assert content(tool) == damaged


def test_another_run_is_at_work(tool):
    fill(tool.db)
    tool.db["migrator.journal"].drop()
    damages.two_configs(tool)
    run = start(tool, "--yes", "--rate", "500")
    wait_for(lambda: cursor_of(tool))
    r = tool.migrator("verify", "--repair", "--yes")
    assert r.status == 11, r.err
    run.communicate(timeout=60)
    assert run.returncode == 0


# -- interrupted


def stray_samples(tool, n=3000):
    """A dataset of many samples, all of them stamped with one that does not exist."""
    tool.restore("1.22.1-A")
    collection = samples(tool, "plain")
    one = collection.find_one()
    collection.delete_many({})
    collection.insert_many({**one, "_id": ObjectId("%024x" % (1 << 90 | i))} for i in range(n))
    whole = content(tool)
    collection.update_many({}, {"$set": {"_dataset_id": ObjectId()}})
    return whole


def run_repair(tool, *args):
    return subprocess.Popen(
        [os.path.join(tool.bin, "fiftyone-migrator"), "verify", "--repair", "--yes", *args], env=tool.env,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def mended(tool):
    return samples(tool, "plain").count_documents({"_dataset_id": dataset(tool, "plain")["_id"]})


def kill_a_repair(tool):
    run = run_repair(tool, "--rate", "1000")
    wait_for(lambda: mended(tool))
    run.kill()
    run.communicate()


@pytest.mark.parametrize("way", ["SIGINT", "SIGTERM", "max-time", "SIGKILL"])
def test_stopped_and_the_same_command_goes_on(tool, way):
    whole = stray_samples(tool)
    damaged = content(tool)
    if way == "max-time":
        run, status = run_repair(tool, "--rate", "1000", "--max-time", "1"), 4
    else:
        run, status = run_repair(tool, "--rate", "1000"), {"SIGINT": 130, "SIGTERM": 143, "SIGKILL": -9}[way]
        wait_for(lambda: mended(tool))
        run.send_signal(getattr(signal, way))
    out, err = run.communicate(timeout=60)
    assert run.returncode == status, err
    assert 0 < mended(tool) < 3000
    (found,) = [f for f in problems(tool) if f["code"] == "run-interrupted"]
    assert ", a repair, begun " in found["what"] and "was interrupted" in found["what"] and found["repair"] == "finish that run first"
    r = tool.migrator("verify", "--repair", "--yes")
    assert r.status == 0 and "An interrupted run was finished" in r.err, r.err
    assert content(tool) == whole
    (run,) = [x for x in tool.migrator("history", "-o", "json").json["runs"] if x["kind"] == "repair"]
    assert run["state"] == "done"
    assert tool.migrator("undo", "--yes").status == 0
    assert content(tool) == damaged


def test_killed_and_migrate_finishes_it(tool):
    whole = stray_samples(tool)
    kill_a_repair(tool)
    assert tool.migrator("migrate", "--yes").status == 0
    assert content(tool) == whole
    assert problems(tool) == []


def test_a_cut_repair_can_be_taken_back(tool):
    stray_samples(tool)
    damaged = content(tool)
    kill_a_repair(tool)
    assert tool.migrator("undo", "--yes").status == 0
    assert content(tool) == damaged


def test_a_run_that_was_killed_is_finished_first(tool):
    fill(tool.db)
    tool.db["migrator.journal"].drop()
    run = start(tool, "--yes", "--rate", "500")
    wait_for(lambda: cursor_of(tool))
    run.kill()
    run.communicate()
    found = {f["code"]: f["repair"] for f in problems(tool) if f["problem"] == "half-way"}
    assert found == {"run-interrupted": "finish that run first", "dataset-parked": "finish that run first"}
    r = tool.migrator("verify", "--repair", "--yes")
    assert "An interrupted run was finished" in r.err
    assert dataset(tool, "large")["version"] == "1.22.1"
    assert [f for f in problems(tool) if f["problem"] == "half-way"] == []


@pytest.mark.parametrize("source", ["0.8.0-A-noversion", "1.22.1-A-noversion"])
def test_a_lost_version_of_the_corpus(tool, source):
    tool.restore(source)
    lost = [d["name"] for d in tool.db.datasets.find({"version": None})]
    assert lost
    done = repair(tool)
    assert [m["code"] for m in done["mended"]] == ["version-older"]
    assert {d["version"] for d in tool.db.datasets.find({"name": {"$in": lost}})} == {source[:source.index("-")]}
    assert problems(tool) == []
