"""`media rewrite` and `media undo`."""
import os
import random
import shutil
import signal
import subprocess
import time

import pytest
from bson import ObjectId
from media_data import THEN, content, dataset, embedded, everything, field


def paths(db, name):
    s = [d for d in db["samples." + name].find().sort("filepath")]
    return s


def without_times(documents):
    return [{k: v for k, v in d.items() if k != "last_modified_at"} for d in documents]


@pytest.fixture
def demo(tool):
    samples = [everything("/data/demo", "a"), everything("/data/demo2", "b"), everything("s3://old/x", "c"),
               {"filepath": "/data/demo"}, {"filepath": "/data/demo/deep/é b%20.jpg", "seg": None, "inst": {
                   "_cls": "Detections", "detections": []}, "thumb": ["/data/demo/t1", 5, "/else/t2"]}]
    dataset(tool.db, "demo", samples, frames=[{"_sample_id": ObjectId(), "frame_number": i, "filepath": None,
                                               **{k: v for k, v in everything("/data/demo", str(i)).items()
                                                  if k in ("seg", "inst")}} for i in range(3)])
    return tool


def rewritten(value, rules):
    if isinstance(value, dict):
        return {k: v if k in ("label", "last_modified_at") else rewritten(v, rules) for k, v in value.items()}
    if isinstance(value, list):
        return [rewritten(v, rules) for v in value]
    for old, new in rules if isinstance(value, str) else ():
        if value == old or value.startswith(old + "/"):
            return new + value[len(old):]
    return value


def test_every_field_slice_label_and_frame(demo):
    db, collections = demo.db, ("samples.demo", "frames.samples.demo")
    rules = [("/data/demo/deep", "gs://deep"), ("/data/demo", "s3://bucket/demo")]
    before = {c: list(db[c].find()) for c in collections}
    all_before = content(db)
    expected = {c: rewritten(before[c], rules) for c in collections}

    dry = demo.migrator("-o", "json", "media", "rewrite", "demo", "--from", "/data/demo/", "--to", "s3://bucket/demo/",
                        "--from", "/data/demo/deep", "--to", "gs://deep", "--dry-run")
    assert dry.status == 0 and content(db) == all_before and not [
        c for c in db.list_collection_names() if c.startswith("migrator.")]
    counts = {f["field"]: (f["matched"], f["unmatched"]) for f in dry.json["fields"]}
    assert counts == {
        "filepath": (3, 2), "thumb": (2, 3), "seg.mask_path": (1, 2), "inst.detections.mask_path": (2, 4),
        "heat.map_path": (1, 2), "frames.heat.map_path": (0, 0),
        "frames.seg.mask_path": (3, 0), "frames.inst.detections.mask_path": (6, 0)}
    assert sum(f["by_rule"][0] for f in dry.json["fields"]) == 1

    r = demo.migrator("-o", "json", "media", "rewrite", "demo", "--from", "/data/demo/", "--to", "s3://bucket/demo/",
                      "--from", "/data/demo/deep", "--to", "gs://deep")
    assert r.status == 0, r.err
    for c in collections:
        after = list(db[c].find())
        assert [repr(d) for d in without_times(after)] == [repr(d) for d in without_times(expected[c])]
        for old, new in zip(before[c], after):
            assert (new["last_modified_at"] > THEN) == (without_times([old]) != without_times([new]))

    again = demo.migrator("media", "rewrite", "demo", "--from", "/data/demo", "--to", "s3://bucket/demo")
    assert again.status == 0 and "Nothing to do" in again.out

    back = demo.migrator("-o", "json", "media", "undo", r.json["run"])
    assert back.status == 0, back.err
    assert back.json["restored"] == 3 + 3 and back.json["changed"] == 0
    for c in collections:
        assert [repr(d) for d in without_times(db[c].find())] == [repr(d) for d in without_times(before[c])]
    assert not [c for c in db.list_collection_names() if c.startswith("migrator.media.")]
    twice = demo.migrator("media", "undo", r.json["run"])
    assert twice.status == 16 and "already" in twice.err


def test_one_field(demo):
    r = demo.migrator("-o", "json", "media", "rewrite", "demo", "--from", "/data", "--to", "/mnt", "--media-field", "inst")
    assert [f["field"] for f in r.json["fields"]] == ["inst.detections.mask_path"]
    sample = demo.db["samples.demo"].find_one({"filepath": "/data/demo/a.jpg"})
    assert sample["inst"]["detections"][0]["mask_path"] == "/mnt/demo/inst/a_0.png"
    assert sample["seg"]["mask_path"] == "/data/demo/seg/a.png"
    wrong = demo.migrator("media", "rewrite", "demo", "--from", "/data", "--to", "/mnt", "--media-field", "cls")
    assert wrong.status == 2 and "'cls' is not a valid media field" in wrong.err and "heat.map_path" in wrong.err


def test_undo_tells_alike_paths_apart_and_keeps_later_edits(tool):
    two = {"filepath": "/a/1.jpg", "inst": {"_cls": "Detections", "detections": [
        {"_id": ObjectId(), "mask_path": "/a/m.png"}, {"_id": ObjectId(), "mask_path": "s3://b/m.png"}]}}
    dataset(tool.db, "d", [two, everything("/a", "x"), everything("/a", "y")])
    samples = tool.db["samples.d"]
    before = without_times(samples.find())
    run = tool.migrator("-o", "json", "media", "rewrite", "d", "--from", "/a", "--to", "s3://b").json["run"]
    masks = [d["mask_path"] for d in samples.find_one({"filepath": "s3://b/1.jpg"})["inst"]["detections"]]
    assert masks == ["s3://b/m.png"] * 2
    samples.update_one({"filepath": "s3://b/x.jpg"}, {"$set": {"heat_column.map_path": "s3://mine"}})
    samples.delete_one({"filepath": "s3://b/y.jpg"})
    state = content(tool.db)

    refused = tool.migrator("media", "undo", run)
    assert refused.status == 16 and content(tool.db) == state
    assert str(samples.find_one({"filepath": "s3://b/x.jpg"})["_id"]) in refused.err
    done = tool.migrator("-o", "json", "media", "undo", run, "--skip-changed")
    assert done.status == 3
    assert (done.json["restored"], done.json["gone"], done.json["changed"]) == (1, 1, 1)
    assert without_times(samples.find({"filepath": "/a/1.jpg"})) == before[:1]
    assert samples.count_documents({"filepath": "s3://b/x.jpg", "heat_column.map_path": "s3://mine"}) == 1


def test_refusals(demo):
    before = content(demo.db)

    def fails(status, text, *args):
        r = demo.migrator("media", "rewrite", *args)
        assert (r.status, content(demo.db)) == (status, before) and text in r.err, r.err

    fails(10, "no dataset 'nope'", "nope", "--from", "/a", "--to", "/b")
    fails(2, "needs a --to", "demo", "--from", "/a", "--from", "/b", "--to", "/c")
    fails(2, "given twice", "demo", "--from", "/a", "--to", "/b", "--from", "/a/", "--to", "/c")
    fails(2, "rewritten itself", "demo", "--from", "/data", "--to", "/data/new")
    fails(2, "may not be empty", "demo", "--from", "", "--to", "/c")
    fails(2, "Only another scheme", "demo", "--from", "s3://", "--to", "/c")
    demo.db.datasets.update_one({}, {"$set": {"version": "9999.0+migrating"}})
    before = content(demo.db)
    fails(16, "half-way", "demo", "--from", "/data", "--to", "/c")
    r = demo.migrator("media", "undo", "x")
    assert r.status == 10 and "No run has changed paths here" in r.err


def test_check_looks_at_every_new_path_first(tool, tmp_path):
    for name in "a", "b":
        (tmp_path / ("%s.jpg" % name)).write_text("x")
    dataset(tool.db, "d", [{"filepath": "/data/%s.jpg" % n} for n in ("a", "b", "c", "a")] + [{"filepath": "/else"}])
    before = content(tool.db)
    args = "media", "rewrite", "d", "--from", "/data", "--to", str(tmp_path), "--check"
    r = tool.migrator(*args)
    assert (r.status, content(tool.db)) == (16, before) and "1 of 3 new paths" in r.err and "/c.jpg is not there" in r.err
    (tmp_path / "c.jpg").write_text("x")
    assert tool.migrator(*args, "--dry-run").status == 0 and content(tool.db) == before
    assert tool.migrator(*args).status == 0
    assert tool.db["samples.d"].count_documents({"filepath": {"$regex": "^%s/" % tmp_path}}) == 4


def test_scheme_takes_the_place_of_a_scheme(demo):
    assert demo.migrator("media", "rewrite", "demo", "--from", "s3://", "--to", "gs://").status == 0
    assert demo.db["samples.demo"].count_documents({"filepath": "gs://old/x/c.jpg"}) == 1


def test_waits_for_nobody(demo):
    from test_lock import hold
    hold(demo.db, 4711, "another machine")
    assert demo.migrator("media", "rewrite", "demo", "--from", "/data", "--to", "/x").status == 11
    assert demo.migrator("media", "rewrite", "demo", "--from", "/data", "--to", "/x", "--dry-run").status == 0
    assert demo.migrator("media", "undo", "x").status == 11


def test_killed_runs_go_on(tool):
    """The command is killed again and again; old and new paths only; then undo is killed the same way."""
    many = [everything("/data", "%05d" % i) for i in range(12000)]
    dataset(tool.db, "many", many)
    samples = tool.db["samples.many"]
    before = without_times(samples.find())
    rng = random.Random(7)

    def killed(*args):
        for attempt in range(40):
            p = subprocess.Popen([os.path.join(tool.bin, "fiftyone-migrator"), *args], env=tool.env,
                                 stdout=subprocess.PIPE, stderr=subprocess.PIPE)
            try:
                out, err = p.communicate(timeout=rng.uniform(0.05, 0.4) * (1 + attempt / 4))
            except subprocess.TimeoutExpired:
                p.send_signal(signal.SIGKILL)
                p.communicate()
                continue
            # One killed after its last write has done all there is to do.
            assert p.returncode == 0 or b"already" in err, err
            return attempt
        raise AssertionError("never ended")

    command = ["media", "rewrite", "many", "--from", "/data", "--to", "s3://b"]
    attempts = killed(*command)
    assert samples.count_documents({"filepath": {"$regex": "^/data"}}) == 0
    assert samples.count_documents({"inst.detections.1.mask_path": {"$regex": "^s3://b/inst"}}) == 12000
    runs = list(tool.db["migrator.media"].find())
    assert len(runs) == 1 and runs[0]["state"] == "done", attempts
    # Between the attempts another command is refused.
    tool.db["migrator.media"].update_one({}, {"$set": {"state": "running"}})
    other = tool.migrator("media", "rewrite", "many", "--from", "s3://b", "--to", "gs://b")
    assert other.status == 16 and runs[0]["_id"] in other.err
    killed("media", "undo", runs[0]["_id"], "--skip-changed")
    assert without_times(samples.find()) == before


def test_without_the_module_for_stores(demo, tmp_path):
    """As where Arrow was missing when it was built: rewriting works, a store says how to get it."""
    alone = tmp_path / "alone"
    alone.mkdir()
    shutil.copy(os.path.join(demo.bin, "fiftyone-migrator"), alone)
    demo.bin = str(alone)
    before = content(demo.db)
    r = demo.migrator("media", "upload", "demo", "s3://bucket/x", "--skip-failures", AWS_ACCESS_KEY_ID="k",
                      AWS_SECRET_ACCESS_KEY="s")
    assert (r.status, content(demo.db)) == (16, before) and "fiftyone-migrator[media]" in r.err, r.err
    assert "build it again" in r.err
    local = demo.migrator("-o", "json", "media", "upload", "demo", str(tmp_path / "target"), "--skip-failures")
    assert local.status == 3 and local.json["uploaded"] == 0
    assert demo.migrator("media", "rewrite", "demo", "--from", "/data/demo", "--to", "s3://b").status == 0


def test_undo_names_the_command_that_takes_it_back(demo):
    rules = "media", "rewrite", "demo", "--from", "/data/demo", "--to", "s3://b"
    assert demo.migrator(*rules).status == 0
    run = demo.migrator("history", "-o", "json").json["runs"][0]["run"]
    r = demo.migrator("undo", run, "--yes")
    assert r.status == 10 and "is a media rewrite" in r.err and "`fiftyone-migrator media undo %s`" % run in r.err
    shown = demo.migrator("history", run).out
    assert "\nDataset:   demo\n" in shown and "\nRules:     " in shown
    assert demo.migrator("media", "undo", run).status == 0
