"""A way down loses nothing, and every run can be taken back: on a database of real clients at 1.22.1."""
import datetime
import os
import signal
import subprocess
import time

import bson
import pytest

from programs import Result, harness

# Every version at which a way down ends somewhere else: those of the revisions, and one below them all.
VERSIONS = ["0.6.0"] + sorted(
    (f[:-len(".yaml")] for f in os.listdir(os.path.join(harness.HERE, "..", "..", "src", "revisions", "datasets"))),
    key=lambda v: [int(part) for part in v.split(".")])
SOURCES = ["1.22.1-A", "1.22.1-A-missing-run"]
IMAGES = "quickstart images"
SHORT = ["1.4.0", "0.20.0", "0.18.0", "0.9.4", "0.6.0"]
# Ways up: of each real client, of datasets whose version was lost, of collections without a dataset.
UP = ["0.5.6-A", "handmade-0.6-A", "0.7.0.1-A", "0.8.0-A", "0.8.0-A-noversion", "0.9.0-A", "0.11.2-A", "0.13.3-A",
      "0.14.0-A-orphans", "0.14.4-A", "0.16.2-A", "0.18.0-A", "0.18.0-A-nameless", "0.18.0-A-no-config",
      "0.18.0-slugs-A", "0.19.1-A", "0.19.1-A-missing-run", "0.22.3-A", "0.23.8-A", "1.0.2-A", "1.4.1-A", "1.13.5-A",
      "1.22.1-A-noversion"]
SHORT_UP = ["handmade-0.6-A", "0.14.0-A-orphans", "1.22.1-A-noversion"]
# Below, keys come back at another place (docs/undo.md).
TO_THE_BYTE = [0, 7, 2]


def content(tool):
    """Every document that is not ours, and the indexes; the refused datasets are left alone anyway."""
    dump = harness.take_dump(tool.db.client, tool.db.name)
    return {name: (sorted(docs), sorted(map(repr, meta["indexes"]))) for name, (docs, meta) in dump.items() if docs}


def ran(tool, *args, status=(0,)):
    r = tool.migrator(*args)
    assert r.status in status, r.err
    return r


def cases():
    for source in SOURCES:
        for version in VERSIONS:
            short = source == SOURCES[0] and version in SHORT
            yield pytest.param(source, version, marks=() if short else pytest.mark.long)


def but_files(dump):
    return {name: value for name, value in dump.items() if not name.startswith("fs.")}


def same(now, then, version):
    """Every document to the byte, and the indexes; below 0.7.2 whatever the order of keys. Of GridFS, whose copies
    stay until they are pruned, every file that was there, under its id: chunks and all."""
    def values(dump):
        return {name: (sorted(repr(sorted(bson.decode(d).items())) for d in docs), indexes)
                for name, (docs, indexes) in dump.items()}

    files = {name: set(docs) for name, (docs, _) in then.items() if name.startswith("fs.")}
    missing = [name for name, docs in files.items() if not docs <= set(now.get(name, ([], []))[0])]
    a, b = but_files(now), but_files(then)
    if [int(part) for part in version.split(".")] < TO_THE_BYTE:
        a, b = values(a), values(b)
    different = [name for name in sorted(set(a) | set(b)) if a.get(name) != b.get(name)]
    return missing + different


@pytest.mark.parametrize("source, version", list(cases()))
def test_down_and_up_again_is_the_start(tool, source, version):
    """Rule R8 on databases of real clients, and undo of each of these runs."""
    tool.restore(source)
    start = content(tool)
    ran(tool, "migrate", version, "--error-level", "1", "-q", status=(0, 3))
    low = content(tool)
    assert low != start
    ran(tool, "undo", "--yes", "-q")
    assert same(content(tool), start, version) == []
    ran(tool, "undo", "--yes", "-q")
    assert same(content(tool), low, version) == []
    r = ran(tool, "migrate", "-q", "-o", "json")
    assert r.json["restored"]["kept"] == []
    assert same(content(tool), start, version) == []
    ran(tool, "undo", "--yes", "-q")
    assert same(content(tool), low, version) == []


@pytest.mark.parametrize("source", [pytest.param(s, marks=() if s in SHORT_UP else pytest.mark.long) for s in UP])
def test_undo_of_a_way_up_is_the_start(tool, source):
    tool.restore(source)
    start = content(tool)
    ran(tool, "migrate", "--yes", "--error-level", "1", "-q", status=(0, 3))
    high = content(tool)
    assert high != start
    ran(tool, "undo", "--yes", "-q")
    assert same(content(tool), start, "0.0") == []
    ran(tool, "undo", "--yes", "-q")
    assert same(content(tool), high, "0.0") == []
    ran(tool, "undo", "--yes", "-q")
    assert same(content(tool), start, "0.0") == []


def test_what_was_changed_since_stays_and_is_named(tool):
    tool.restore("1.22.1-A")
    ran(tool, "migrate", "0.22.0", "-q")
    name = "quickstart images"
    tool.db.datasets.update_one({"name": name}, {"$set": {"app_config.color_scheme.color_by": "mine"}})
    before = content(tool)
    r = tool.migrator("undo", "--yes")
    assert (r.status, r.out) == (16, "")
    assert "'quickstart images' was changed since that run: app_config.color_scheme.color_by" in r.err
    assert content(tool) == before
    r = ran(tool, "undo", "--yes", "--skip-changed", "-o", "json", status=(3,))
    assert [f["dataset"] for f in r.json["failures"]] == [name]
    assert tool.versions()[0][name] == "0.22.0" and tool.versions()[0]["plain"] == "1.22.1"
    # Going up, it keeps the edit and gets the rest back.
    r = ran(tool, "migrate", "-q", "-o", "json")
    assert [k["path"] for k in r.json["restored"]["kept"]] == ["app_config.color_scheme.color_by"]
    found = tool.db.datasets.find_one({"name": name})["app_config"]["color_scheme"]
    assert found["color_by"] == "mine"


def test_renamed_and_deleted(tool):
    tool.restore("1.22.1-A")
    ran(tool, "migrate", "0.22.0", "-q")
    tool.db.datasets.update_one({"name": "plain"}, {"$set": {"name": "plainer", "slug": "plainer"}})
    tool.db.datasets.delete_one({"name": "cls.eval_01"})
    r = ran(tool, "migrate", "-q", "-o", "json")
    assert r.json["restored"]["kept"] == []
    assert tool.versions()[0]["plainer"] == "1.22.1"
    images = ran(tool, "residue", "list", "-o", "json").json["images"]
    assert {i["name"] for i in images if i["state"] == "orphaned"} == {"cls.eval_01"}
    assert ran(tool, "residue", "prune", "-o", "json").json["images"] == 1
    assert "orphaned" not in ran(tool, "residue", "list").out


def test_without_an_undo_log(tool):
    tool.restore("1.22.1-A")
    ran(tool, "migrate", "0.22.0", "-q")
    ran(tool, "migrate", "-q")
    ran(tool, "migrate", "0.22.0", "-q", "--undo-log", "off", "--allow-loss")
    r = ran(tool, "migrate", "-q", "-o", "json")
    assert r.json["restored"]["values"] == 0


def test_part_of_the_way_up(tool):
    tool.restore("1.22.1-A")
    start = content(tool)
    ran(tool, "migrate", "0.18.0", "-q")
    for version in "0.19.1", "0.23.8", "1.0.0":
        ran(tool, "migrate", version, "-q")
    ran(tool, "migrate", "-q")
    assert but_files(content(tool)) == but_files(start)


def samples_of(tool, name):
    return tool.db[tool.db.datasets.find_one({"name": name})["sample_collection_name"]]


def up_from_0_23(tool):
    """A dataset whose samples get times on the way up (1.0.0)."""
    tool.restore("0.23.8-A")
    ran(tool, "migrate", "--yes", "-q")
    names = [d["name"] for d in tool.db.datasets.find() if tool.db[d["sample_collection_name"]].count_documents({}) > 1]
    return names[0]


def test_samples_that_were_edited_or_added_since_are_named(tool):
    name = up_from_0_23(tool)
    samples = samples_of(tool, name)
    one = samples.find_one()
    later = one["last_modified_at"].replace(year=2031)
    for change, back in [
        (lambda: samples.update_one({"_id": one["_id"]}, {"$set": {"last_modified_at": later}}),
         lambda: samples.replace_one({"_id": one["_id"]}, one)),
        (lambda: samples.insert_one({"filepath": "new.jpg", "last_modified_at": later}),
         lambda: samples.delete_many({"last_modified_at": later})),
    ]:
        change()
        before = content(tool)
        r = tool.migrator("undo", "--yes")
        assert (r.status, r.out) == (16, "")
        assert "'%s' was changed since that run: 1 sample or frame, %s" % (name, samples.name) in r.err
        assert content(tool) == before
        back()
    samples.update_one({"_id": one["_id"]}, {"$set": {"last_modified_at": later}})
    r = ran(tool, "undo", "--yes", "--skip-changed", "-o", "json", status=(3,))
    assert [f["dataset"] for f in r.json["failures"]] == [name]
    assert samples.find_one({"_id": one["_id"]})["last_modified_at"] == later
    assert tool.versions()[0][name] == "1.22.1"
    assert {v for n, v in tool.versions()[0].items() if n != name} == {"0.23.8"}


def test_edits_that_an_undo_carries_along_are_no_conflict(tool):
    name = up_from_0_23(tool)
    samples = samples_of(tool, name)
    one = samples.find_one()
    samples.update_one({"_id": one["_id"]}, {"$set": {"mine": 7}})
    ran(tool, "undo", "--yes", "-q")
    found = samples.find_one({"_id": one["_id"]})
    assert found["mine"] == 7 and "last_modified_at" not in found


@pytest.mark.parametrize("cut", range(20, 44, 6))
@pytest.mark.parametrize("start", ["1.22.1", "0.18.0"])
def test_undo_of_a_run_that_was_cut_off(tool, start, cut):
    """Also between closing a dataset to clients and its first pass."""
    tool.restore("1.22.1-A")
    target = "0.18.0"
    if start != "1.22.1":
        ran(tool, "migrate", start, "--yes", "-q")
        target, cut = "1.22.1", 2 * cut + 20
    before = content(tool)
    command = ["migrate", target, "--yes", "-q", "-j", "1"]
    assert tool._run("fiftyone-migrator-cut", command, {"FM_CUT_AT": str(cut)}).status == -signal.SIGKILL
    ran(tool, "undo", "--yes", "-q")
    after = content(tool)
    assert after["delegated_ops"] == before["delegated_ops"]
    if start == "1.22.1":
        assert {n: c for n, c in after.items() if not n.startswith("fs.")} == \
            {n: c for n, c in before.items() if not n.startswith("fs.")}
        # Copies of results, which no run may name, are the undo log's.
        ran(tool, "residue", "prune", "--all", "--yes")
        assert content(tool)["fs.files"] == before["fs.files"]


@pytest.mark.parametrize("source,target", [("0.23.8-A", "1.22.1"), ("1.22.1-A", "1.3.0")])
def test_documents_too_large_to_be_compared_as_a_whole(tool, source, target):
    """The guard and the new document have to fit into one statement."""
    tool.restore(source)
    large = {"$set": {"large": "x" * (9 << 20)}}
    for name in tool.db.list_collection_names():
        if name.startswith(("samples.", "frames.")) or name == "delegated_ops":
            tool.db[name].update_one({}, large)
    before = content(tool)
    ran(tool, "migrate", target, "--yes", "-q")
    assert content(tool) != before
    ran(tool, "undo", "--yes", "-q")
    assert content(tool) == before


def fill_up(collection, room):
    """The first document has all bytes that MongoDB takes, but for `room`."""
    one = collection.find_one()
    used = len(bson.encode({**one, "large": ""}))
    collection.update_one({"_id": one["_id"]}, {"$set": {"large": "x" * ((16 << 20) - used - room)}})


def test_a_document_too_large_to_be_kept(tool):
    """Its dataset stays as it was, with all that belongs to it; the others go on."""
    tool.restore("1.22.1-A")
    fill_up(tool.db.delegated_ops, 30)
    stored = tool.db.datasets.find_one({"name": IMAGES})
    before = list(tool.db.delegated_ops.find({"dataset_id": stored["_id"]}))
    r = ran(tool, "migrate", "1.3.0", "--yes", status=(3,))
    assert "'%s' stays as it was: Document" % IMAGES in r.out and "--undo-log off" in r.out
    assert tool.db.datasets.find_one({"name": IMAGES}) == stored
    assert list(tool.db.delegated_ops.find({"dataset_id": stored["_id"]})) == before
    assert {v for n, v in tool.versions()[0].items() if n != IMAGES} == {"1.3.0"}
    ran(tool, "migrate", "1.3.0", "--yes", "--undo-log", "off", "--allow-loss", "--error-level", "1")
    assert tool.versions()[0][IMAGES] == "1.3.0"


def test_half_way_says_how_to_get_back(tool):
    """A document that has no room for what a revision adds is found when its turn comes."""
    tool.restore("0.23.8-A")
    name = tool.db.datasets.find_one({"name": IMAGES})["sample_collection_name"]
    fill_up(tool.db[name], 10)
    before = content(tool)
    r = ran(tool, "migrate", "--yes", status=(3,))
    assert "'%s' is half-way" % IMAGES in r.out
    run = ran(tool, "history", "-o", "json").json["runs"][0]["run"]
    assert "fiftyone-migrator undo " + run in r.out
    ran(tool, "undo", "--yes", "-q")
    assert content(tool) == before


def test_an_image_of_a_document_that_was_edited_since(tool):
    tool.restore("1.22.1-A")
    ran(tool, "migrate", "1.3.0", "--yes", "-q")
    image = tool.db["migrator.residue.members"].find_one()["before"]
    tool.db.delegated_ops.update_one({"_id": image["_id"]}, {"$set": {"run_link": "mine.log"}})
    r = tool.migrator("undo", "--yes")
    assert r.status == 16 and "1 sample or frame, delegated_ops" in r.err
    assert tool.db.delegated_ops.find_one({"_id": image["_id"]})["run_link"] == "mine.log"


@pytest.mark.parametrize("how, status, state", [("max-time", 4, "interrupted"), ("signal", 130, "interrupted")])
def test_an_undo_that_is_stopped_goes_on(tool, how, status, state):
    tool.fill("1.22.1", {"d%03d" % i: "1.22.1" for i in range(40)})
    for d in tool.db.datasets.find():
        tool.db[d["sample_collection_name"]].insert_one({"filepath": "x"})
        tool.db.delegated_ops.insert_one({"dataset_id": d["_id"], "log_path": "x.log"})
    start = content(tool)
    ran(tool, "migrate", "1.3.0", "--yes", "-q")
    low = content(tool)
    if how == "max-time":
        r = tool.migrator("undo", "--yes", "--rate", "5", "--max-time", "1")
    else:
        p = subprocess.Popen(
            [os.path.join(tool.bin, "fiftyone-migrator"), "undo", "--yes", "--rate", "5"], env=tool.env,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline and not tool.db["migrator.history"].find_one({"kind": "undo"}):
            time.sleep(0.05)
        p.send_signal(signal.SIGINT)
        out, err = p.communicate(timeout=60)
        r = Result(p.returncode, out.decode(), err.decode())
    assert r.status == status, r.err
    assert content(tool) != start
    undo = [r for r in tool.migrator("history", "-o", "json").json["runs"] if r["kind"] == "undo"]
    assert [u["state"] for u in undo] == [state]
    ran(tool, "undo", "--yes", "-q")
    assert content(tool) == start
    undo = [r for r in tool.migrator("history", "-o", "json").json["runs"] if r["kind"] == "undo"]
    assert [(u["state"], u["attempts"]) for u in undo] == [("done", 2)]
    ran(tool, "undo", "--yes", "-q")
    assert content(tool) == low


def test_the_history_of_undos(tool):
    tool.restore("1.22.1-A")
    ran(tool, "migrate", "0.22.0", "--yes", "-q")
    ran(tool, "undo", "--yes", "-q")

    def runs():
        return [(r["kind"], r["state"], r["from"], r["to"]) for r in tool.migrator("history", "-o", "json").json["runs"]]

    assert runs() == [("undo", "done", "0.22.0", "1.22.1"), ("migrate", "undone", "1.22.1", "0.22.0")]
    last = tool.migrator("history", "-o", "json").json["runs"][0]
    assert last["ways"] == [{"from": "0.22.0", "to": "1.22.1", "datasets": 12}]
    ran(tool, "undo", "--yes", "-q")
    assert runs() == [("undo", "done", "1.22.1", "0.22.0"), ("undo", "undone", "0.22.0", "1.22.1"),
                      ("migrate", "done", "1.22.1", "0.22.0")]


def test_images_of_a_run_that_was_cut_before_it_wrote_go(tool):
    tool.restore("1.22.1-A")
    ran(tool, "migrate", "1.12.0", "-n", "plain", "--yes", "-q")
    run = tool.db["migrator.residue"].find_one({"kind": "run"})["_id"]["run"]
    # As a kill leaves it between the images and the datasets: one written, one not, one not but edited since.
    image = tool.db["migrator.residue"].find_one({"document": {"$exists": True}})
    for name in IMAGES, "cls.eval_01":
        dataset = tool.db.datasets.find_one({"name": name})
        key = {**image["_id"], "document": dataset["_id"]}
        tool.db["migrator.residue"].insert_one(
            {**image, "_id": key, "document": dataset["_id"], "name": name, "before": dataset})
    tool.db.datasets.update_one({"name": "cls.eval_01"}, {"$set": {"label_schemas": {"mine": {}}}})
    tool.db["migrator.journal"].insert_one(
        {"_id": "run", "run": run, "undoes": "", "target": "1.12.0", "request": "plain\n", "plan": "",
         "now": datetime.datetime.now(datetime.timezone.utc), "seed": b"0" * 16, "host": "x", "pid": 1})
    ran(tool, "migrate", "--yes", "-q")
    images = tool.migrator("residue", "list", "-o", "json").json["images"]
    left = {(i["name"], i["state"]) for i in images if i["run"] == run}
    assert left == {("plain", "for undo"), ("cls.eval_01", "waiting")}


def aside(tool):
    return [n for n in tool.db.list_collection_names() if n.startswith("migrator.dropped.")]


def test_collections_of_no_dataset_are_set_aside(tool):
    """0.15.0 drops them: a run with an undo log renames them, and an undo brings them back."""
    tool.restore("0.14.0-A-orphans")
    start = content(tool)
    plan = tool.migrator("plan"), tool.migrator("plan", "--undo-log", "off")
    assert ["to be set aside" in p.out for p in plan] == [True, False]
    assert ["to be dropped" in p.out for p in plan] == [False, True]
    ran(tool, "migrate", "--yes", "-q")
    gone = set(start) - set(content(tool))
    assert len(gone) == 5 == len(aside(tool))
    listed = ran(tool, "residue", "list", "-o", "json").json["collections"]
    assert {one["name"] for one in listed} == gone
    # What is there by now stays, and what was set aside, too.
    name = sorted(gone)[0]
    tool.db[name].insert_one({"mine": 1})
    ran(tool, "undo", "--yes", "-q")
    assert tool.db[name].find_one()["mine"] == 1
    assert set(content(tool)) == set(start)
    assert [n.split(".", 3)[3] for n in aside(tool)] == [name]
    assert ran(tool, "residue", "prune", "--all", "-o", "json").json["collections"] == 1
    assert aside(tool) == []


def test_without_an_undo_log_they_are_dropped(tool):
    tool.restore("0.14.0-A-orphans")
    start = content(tool)
    ran(tool, "migrate", "--yes", "-q", "--undo-log", "off", "--allow-loss")
    assert len(set(start) - set(content(tool))) == 5
    assert aside(tool) == []
