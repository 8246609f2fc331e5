"""What undo must not pass over: runs that were pruned or killed, datasets that others took up, runs it took back in part."""
import datetime
import signal

import pytest

from test_residue import IMAGES, LOG, lift, lowered, waiting
from test_undo import content, ran, same


def runs_of(tool):
    return tool.migrator("history", "-o", "json").json["runs"]


def last(tool):
    return runs_of(tool)[0]["run"]


def cut(tool, number, *args):
    """The program, killed at one of its writes."""
    return tool._run("fiftyone-migrator-cut", args, {"FM_CUT_AT": str(number)})


def test_an_undo_cannot_be_taken_back_without_what_its_run_kept(tool):
    """It would give datasets their version, and leave samples as they are."""
    tool.restore("0.14.4-A")
    ran(tool, "migrate", "--yes", "-q")
    run, high = last(tool), content(tool)
    ran(tool, "undo", "--yes", "-q")
    undo, low = last(tool), content(tool)
    r = tool.migrator("residue", "prune", "--run", run)
    assert r.status == 16 and "residue prune --run " + undo in r.err
    ran(tool, "undo", "--yes", "-q")
    assert same(content(tool), high, "0.0") == []
    ran(tool, "undo", "--yes", "-q")

    # As a program has left it that did prune, and one that was killed in the middle of it.
    log, members = tool.db["migrator.residue"], tool.db["migrator.residue.members"]
    for gone in {"run": run}, {"_id.run": run}:
        log.delete_many(gone)
        members.delete_many({"_id.run": run})
        for skip in [], ["--skip-changed"]:
            r = tool.migrator("undo", "--yes", *skip)
            assert r.status == 16 and content(tool) == low, (gone, r.err)
    assert "what run %s kept" % run in r.err


def test_what_an_undo_needs_stays_when_datasets_are_gone(tool):
    """`residue prune` takes what belongs to deleted datasets, and no run that one which is kept takes back."""
    tool.fill("1.22.1", {"a": "1.22.1"})
    ran(tool, "migrate", "1.12.0", "--yes", "-q")
    tool.db.datasets.delete_many({})
    ran(tool, "undo", "--yes", "-q")
    ran(tool, "residue", "prune", "-q")
    ran(tool, "undo", "--yes", "-q")
    assert tool.versions() == ({}, "1.12.0")


def test_an_undo_goes_on_where_the_database_had_no_version(tool):
    tool.restore("0.14.4-A")
    start = content(tool)
    assert "config" not in start
    ran(tool, "migrate", "--yes", "-q")
    undone = last(tool)
    # Right after the version of the database went.
    for number in range(10, 60, 4):
        assert cut(tool, number, "undo", "--yes").status == -signal.SIGKILL
        if not tool.db.config.find_one():
            break
    assert content(tool) != start
    ran(tool, "undo", "--yes", "-q")
    assert same(content(tool), start, "0.0") == []
    assert [r["state"] for r in runs_of(tool) if r["run"] == undone] == ["undone"]


def test_a_way_up_that_was_killed_before_the_version_was_written(tool):
    tool.restore("0.14.4-A")
    start = content(tool)
    for number in range(4, 40, 2):
        assert cut(tool, number, "migrate", "--yes").status == -signal.SIGKILL
        if tool.db["migrator.residue"].find_one({"kind": "run"}):
            break
    assert not tool.db.config.find_one()
    ran(tool, "undo", "--yes", "-q")
    assert same(content(tool), start, "0.0") == []


@pytest.mark.parametrize("all_of_them", [False, True])
def test_datasets_that_a_client_took_up_are_named(tool, all_of_them):
    start = lowered(tool, "0.18.0")
    if all_of_them:
        lift(tool)
    else:
        for name in LOG:
            tool.db[name].rename("hidden." + name)
        ran(tool, "migrate", "1.22.1", "-n", IMAGES, "-q", "--yes", "--undo-log", "off")
        for name in LOG:
            tool.db["hidden." + name].rename(name)
    before, named = content(tool), set(waiting(tool))
    assert IMAGES in named
    r = tool.migrator("undo", "--yes")
    assert r.status == 16 and "residue apply" in r.err and "'%s' was taken up" % IMAGES in r.err
    assert content(tool) == before
    if all_of_them:
        return
    r = ran(tool, "undo", "--yes", "--skip-changed", "-o", "json", status=(3,))
    assert {f["dataset"] for f in r.json["failures"]} == named
    ran(tool, "residue", "apply", "--yes", "-q")
    assert waiting(tool) == {}
    ran(tool, "undo", r.json["run"], "--yes", "-q")  # nothing is left of it


@pytest.mark.parametrize("others", [True, False])
def test_where_only_edited_values_are_left_they_are_named(tool, others):
    """A client took datasets up and edited one, and all else was given back."""
    lowered(tool, "0.22.0")
    if not others:
        tool.db.datasets.delete_many({"name": {"$ne": IMAGES}})
    run = last(tool)
    if others:
        for name in LOG:
            tool.db[name].rename("hidden." + name)
        ran(tool, "migrate", "1.22.1", "-n", IMAGES, "-q", "--yes", "--undo-log", "off")
        for name in LOG:
            tool.db["hidden." + name].rename(name)
    else:
        lift(tool)
    tool.db.datasets.update_one({"name": IMAGES}, {"$set": {"app_config.color_scheme.color_by": "mine"}})
    assert "`fiftyone-migrator residue apply` gives" in tool.migrator("undo", run, "--yes").err
    ran(tool, "residue", "apply", IMAGES, "--yes", "-q", status=(3,))
    r = ran(tool, "residue", "apply", IMAGES, "--yes", status=(3,))
    assert "all else is back" in r.out and "residue prune --run" in r.out
    before = content(tool)
    r = tool.migrator("undo", run, "--yes")
    assert r.status == 16 and content(tool) == before
    assert "app_config.color_scheme.color_by" in r.err and "residue apply" not in r.err
    if others:
        assert "--skip-changed" in r.err
        r = ran(tool, "undo", run, "--yes", "--skip-changed", "-o", "json", status=(3,))
        assert r.json["datasets"] > 0 and [f["dataset"] for f in r.json["failures"]] == [IMAGES]
        assert set(tool.versions()[0].values()) == {"1.22.1"}
    else:
        assert "residue prune --run %s" % run in r.err and "--skip-changed" not in r.err
        ran(tool, "residue", "prune", "--run", run, "--yes", "-q")
        assert waiting(tool) == {} and content(tool) == before


@pytest.mark.parametrize("numbers", [(16, 30, 37, 44), pytest.param(range(2, 400), marks=pytest.mark.long)])
def test_an_undo_that_was_killed_goes_on_wherever_it_was(tool, numbers):
    """Also between the write of a dataset and the note that nothing waits for it any more, and after its very end."""
    tool.fill("1.22.1", {"d%02d" % i: "1.22.1" for i in range(4)})
    tool.db.datasets.update_many({}, {"$set": {"label_schemas": {"a": {}}}})
    start = content(tool)
    ran(tool, "migrate", "1.12.0", "--yes", "-q")
    low = content(tool)
    for number in numbers:
        killed = cut(tool, number, "undo", "--yes")
        if killed.status == 0 or killed.out and not tool.db["migrator.lease"].find_one():
            break  # it has answered, and has nothing more to do
        r = ran(tool, "undo", "--yes", "-o", "json")
        assert content(tool) == start, number
        assert r.json["datasets"] > 0 or r.json["database"] or number < 60, number
        assert waiting(tool) == {}, number
        assert not tool.db["migrator.lease"].find_one()
        ran(tool, "undo", "--yes", "-q")
        assert content(tool) == low, number
    assert 40 < number < 399


@pytest.mark.parametrize("command", [["undo"], ["undo", "{run}"]])
def test_an_undo_that_was_killed_at_its_very_end_answers(tool, command):
    """All is done, and the lease of the dead process says so: the same command must not take the undo back."""
    tool.restore("1.22.1-A")
    start = content(tool)
    ran(tool, "migrate", "1.12.0", "--yes", "-q")
    run = last(tool)
    first = ran(tool, "undo", "--yes", "-o", "json").json
    # What is left of one that is killed right after its journal went, once its lease is over.
    lease = {"_id": "lease", "owner": "x", "host": "x", "pid": 1, "process": "", "connections": "",
             "started": datetime.datetime(2026, 1, 1), "expires": datetime.datetime(2026, 1, 1), "ended": first["by"]}
    tool.db["migrator.lease"].insert_one(lease)
    r = ran(tool, *[part.format(run=run) for part in command], "--yes", "-o", "json")
    assert r.json == first and content(tool) == start
    assert not tool.db["migrator.lease"].find_one()
    # Said once: from now on it is what it says.
    tool.db["migrator.lease"].insert_one({**lease, "ended": ""})
    ran(tool, "undo", "--yes", "-q")
    assert tool.versions()[1] == "1.12.0"
    assert tool.migrator("undo", first["by"], "--yes").status == 16


@pytest.mark.parametrize("step", [13, pytest.param(5, marks=pytest.mark.long)])
def test_a_way_down_that_was_killed_is_taken_back(tool, step):
    """What it had an image of and did not write is no lifted dataset, wherever the undo is killed, too."""
    tool.fill("1.22.1", {"d%02d" % i: "1.22.1" for i in range(4)})
    tool.db.datasets.update_many({}, {"$set": {"label_schemas": {"a": {}}, "app_config": {}}})
    start = content(tool)
    for number in range(16, 70, step):
        for second in (None, 20) if step > 5 else (None, *range(10, 40, 6)):
            if cut(tool, number, "migrate", "1.12.0", "--yes", "-j", "1").status == 0:
                return
            if not tool.db["migrator.residue"].find_one({"kind": "run"}):
                break  # it had not begun
            if second:
                cut(tool, second, "undo", "--yes")
            if content(tool) != start or tool.db["migrator.journal"].find_one():
                ran(tool, "undo", "--yes", "-q")
            assert content(tool) == start, (number, second)
            for name in tool.db.list_collection_names():
                if name.startswith("migrator."):
                    tool.db.drop_collection(name)


def test_a_run_is_taken_back_in_parts(tool):
    tool.restore("1.22.1-A")
    start = content(tool)
    ran(tool, "migrate", "0.20.0", "--yes", "-q")
    first, middle = last(tool), content(tool)
    ran(tool, "migrate", "0.18.0", "--yes", "-q")
    second, low = last(tool), content(tool)
    r = tool.migrator("undo", first, "--skip-changed", "--yes")
    assert r.status == 16 and "Take later runs back first" in r.err  # nothing of it can be
    assert content(tool) == low and last(tool) == second
    ran(tool, "undo", second, "--yes", "-q")
    assert same(content(tool), middle, "0.18.0") == []

    tool.db.datasets.update_one({"name": IMAGES}, {"$set": {"app_config.color_scheme.color_by": "mine"}})
    edited = content(tool)
    r = ran(tool, "undo", first, "--skip-changed", "--yes", status=(3,))
    assert "Left as they are (1):" in r.out and "undo " + first in r.out
    part = last(tool)
    assert [x["state"] for x in runs_of(tool) if x["run"] == first] == ["done"]
    document = tool.db.datasets.find_one({"name": IMAGES})
    image = tool.db["migrator.residue"].find_one({"_id.run": second, "name": IMAGES})["before"]
    tool.db.datasets.replace_one({"_id": document["_id"]}, image)
    ran(tool, "undo", first, "--yes", "-q")
    assert same(content(tool), start, "0.20.0") == []
    assert [x["state"] for x in runs_of(tool) if x["run"] == first] == ["undone"]
    # Each part is a run of its own.
    ran(tool, "undo", part, "--yes", "-q")
    rest = tool.versions()[0]
    assert rest.pop(IMAGES) == "1.22.1" and set(rest.values()) == {"0.20.0"}
    assert edited != content(tool)


def test_the_version_of_the_database_stays_and_is_named(tool):
    tool.restore("1.22.1-A")
    ran(tool, "migrate", "1.12.0", "--yes", "-q")
    tool.db.config.update_one({}, {"$set": {"version": "1.13.0"}})
    assert tool.migrator("undo", "--yes").status == 16
    r = ran(tool, "undo", "--yes", "--skip-changed", "-o", "json", status=(3,))
    assert [f["dataset"] for f in r.json["failures"]] == ["(database)"]
    datasets, database = tool.versions()
    assert set(datasets.values()) == {"1.22.1"} and database == "1.13.0"


def test_a_run_goes_on_with_its_own_undo_log_only(tool):
    """Half of a run that is kept and half that is not could not be taken back as one."""
    for first, second, back in [([], ["--undo-log", "off", "--allow-loss"], True),
                                (["--undo-log", "off", "--allow-loss"], [], False)]:
        for name in tool.db.list_collection_names():
            tool.db.drop_collection(name)
        tool.restore("1.22.1-A")
        start = tool.versions()[0]
        assert cut(tool, 40, "migrate", "0.18.0", "--yes", "-j", "1", *first).status == -signal.SIGKILL
        before = last(tool)
        ran(tool, "migrate", "0.18.0", "--yes", "-q", *second)
        runs = runs_of(tool)
        assert [(r["kind"], r["state"]) for r in runs] == [("migrate", "done"), ("migrate", "interrupted")]
        assert set(tool.versions()[0].values()) == {"0.18.0"}
        r = ran(tool, "undo", "--yes")
        kept = [x["_id"]["run"] for x in tool.db["migrator.residue"].find({"kind": "run", "undoes": None})]
        assert kept == [before if back else runs[0]["run"]]
        assert (runs[0]["run"] in r.err and "stays" in r.err) == back
        again = tool.versions()[0]
        assert {again[n] for n in start} == {"0.18.0", "1.22.1"}


def test_what_was_finished_is_told(tool):
    """A run that was killed with one dataset half-way, and nothing else left to do."""
    tool.restore("0.14.4-A")
    ran(tool, "migrate", "--yes", "-n", "plain", "-q")
    run = None
    for number in range(10, 90, 2):
        r = cut(tool, number, "migrate", "--yes", "-n", IMAGES)
        if tool.versions()[0][IMAGES] == "9999.0+migrating":
            run = last(tool)
            break
    plan = tool.migrator("plan", "-n", IMAGES)
    assert "\nHalf-way: 1 dataset\n" in "\n" + plan.out and "Refused" not in plan.out, plan.out
    assert "interrupted migration" not in plan.out
    assert "1 half-way" in tool.migrator("info").out and "refused" not in tool.migrator("info").out
    r = ran(tool, "migrate", "--yes", "-n", IMAGES, "-o", "json")
    assert (r.json["run"], r.json["datasets"]) == (run, 1)
    assert [(x["state"], x["datasets"]["done"]) for x in runs_of(tool) if x["run"] == run] == [("done", 1)]
    assert "Nothing to do" in ran(tool, "migrate", "--yes", "-n", IMAGES).out


def test_the_list_of_runs_tells_what_they_did(tool):
    tool.fill("1.22.1", {"a": "1.22.1", "b": "1.22.1", "c": "1.22.1"})
    ran(tool, "migrate", "1.12.0", "-n", "a", "--yes", "-q")
    row = tool.migrator("history").out.splitlines()[2].split()
    assert row[3:5] == ["1.22.1", "1.12.0"]
    # A run that was killed does not say how far it came; its undo does.
    for number in range(20, 60):
        if cut(tool, number, "migrate", "1.3.0", "--yes", "-j", "1").status == 0:
            break
        if tool.versions()[1] == "1.3.0" and "1.3.0" in tool.versions()[0].values():
            break
    killed = last(tool)
    done = sum(v == "1.3.0" for v in tool.versions()[0].values())
    assert done
    ran(tool, "undo", "--yes", "-q")
    assert [x["datasets"]["done"] for x in runs_of(tool) if x["run"] == killed] == [done]
