"""`history`: what was done to a database, by whom, and how it ended."""
import getpass
import re
import socket

import pytest

from test_control import JOURNAL
from test_control import RUN as GOING_ON

RUN = re.compile(r"\d{8}-\d{6}-[0-9a-z]{4}\Z")


@pytest.fixture
def old(tool):
    return tool.fill("0.25.0", {"a": "0.25.0", "b": "0.25.0", "c": "1.4.0"})


def only_run(tool):
    runs = tool.migrator("history", "-o", "json").json["runs"]
    assert len(runs) == 1
    return runs[0]


def test_a_database_without_runs(tool):
    tool.fill("1.22.1", {"a": "1.22.1"})
    assert tool.migrator("history").out == "No run is recorded.\n"
    assert tool.migrator("history", "-o", "json").json == {"runs": []}
    r = tool.migrator("history", "2")
    assert r.status == 10 and "There is no run '2'; none is recorded" in r.err
    assert "migrator.history" not in tool.db.list_collection_names()


def test_a_run_is_told(old):
    r = old.migrator("migrate", "--yes", "-o", "json")
    assert r.status == 0
    run = only_run(old)
    assert RUN.match(run["run"]) and run["run"] == r.json["run"]
    assert (run["kind"], run["state"], run["from"], run["to"]) == ("migrate", "done", "0.25.0", "1.22.1")
    assert run["datasets"] == {"planned": 3, "done": 3, "refused": 0, "failed": 0}
    assert run["command"] == "fiftyone-migrator migrate --yes -o json"
    assert (run["user"], run["host"]) == (getpass.getuser(), socket.gethostname())
    assert run["tool"].startswith("fiftyone-migrator ") and run["attempts"] == 1
    assert run["ways"] == [
        {"from": "0.25.0", "to": "1.22.1", "datasets": 2}, {"from": "1.4.0", "to": "1.22.1", "datasets": 1}]
    detail = old.migrator("history", run["run"], "-o", "json").json
    known = {v["version"]: v for v in old.migrator("revisions", "list", "-o", "json").json["revisions"]}
    steps = {s["revision"]: s for s in detail["revisions"]}
    assert list(steps) == ["1.0.0", "1.1.0", "1.4.0", "1.13.0"]
    assert [s["datasets"] for s in steps.values()] == [2, 2, 2, 3]
    assert all(s["state"] == "done" and s["direction"] == "up" and s["scope"] == "datasets" for s in steps.values())
    assert all(re.match(r"[0-9a-f]{64}\Z", s["checksum"]) for s in steps.values())
    assert set(steps) <= set(known)
    stored = old.db["migrator.history"].find_one({"_id": run["run"]})
    assert stored["started"] <= stored["ended"] and stored["seconds"] >= 0


def test_the_text_lines_up(old):
    old.migrator("migrate", "1.0.0", "--yes")
    old.migrator("migrate", "0.24.0", "--yes", "--allow-loss")
    lines = old.migrator("history").out.splitlines()
    assert lines[0].split() == ["run", "what", "state", "from", "to", "datasets", "took", "by"]
    assert len(lines) == 4 and " 0.24.0 " in lines[2] and " 1.0.0 " in lines[3]  # newest first
    run = lines[3].split()[0]
    text = old.migrator("history", run[:-1]).out
    assert "\nCommand:   fiftyone-migrator migrate 1.0.0 --yes\nBy:        " in text and "\nState:     done\n" in text
    assert "\nRevisions:\n" in text and "checksum" in text


def test_what_is_lost_is_recorded(old):
    old.db.datasets.update_one({"name": "c"}, {"$set": {"version": "1.22.1", "label_schemas": {"f": {}}}})
    old.db.config.update_one({}, {"$set": {"version": "1.22.1"}})
    off = {"FIFTYONE_MIGRATOR_UNDO_LOG": "off"}
    assert old.migrator("migrate", "1.12.0", "-n", "c", "--yes", **off).status == 14
    assert old.migrator("history").out == "No run is recorded.\n"  # nothing was written
    assert old.fiftyone("migrate", "-v", "1.12.0", "-n", "c", **off).status == 0
    assert only_run(old)["command"] == "fiftyone migrate -v 1.12.0 -n c"


def test_what_the_undo_log_has_is_not_lost(old):
    old.db.datasets.update_one({"name": "c"}, {"$set": {"version": "1.22.1", "label_schemas": {"f": {}}}})
    old.db.config.update_one({}, {"$set": {"version": "1.22.1"}})
    assert old.migrator("migrate", "1.12.0", "-n", "c", "--yes").status == 0
    text = old.migrator("history", only_run(old)["run"]).out
    assert "\nGoes into the undo log, and comes back on the way up: 1 label schema\n" in text and "Lost" not in text
    # Histories of older releases do not say which field it was.
    old.db["migrator.history"].update_many({"losses": {"$exists": True}}, {"$unset": {"losses.$[].field": 1}})
    assert "on the way up: 1 label schema\n" in old.migrator("history", only_run(old)["run"]).out
    assert old.migrator("residue", "prune", "--all", "--yes").status == 0
    assert "\nLost on the way down:" in old.migrator("history", only_run(old)["run"]).out


def test_by_its_beginning(old):
    old.migrator("migrate", "1.0.0", "--yes")
    old.migrator("migrate", "1.4.0", "--yes")
    first, last = sorted(r["run"] for r in old.migrator("history", "-o", "json").json["runs"])
    assert old.migrator("history", last).status == 0
    r = old.migrator("history", last[:4])
    assert r.status == 2 and first in r.err and last in r.err and "Give more of it." in r.err
    wrong = last[:-1] + ("x" if last[-1] != "x" else "y")
    r = old.migrator("history", wrong)
    assert r.status == 10 and "did you mean '%s'" % last in r.err


def test_nothing_to_do_is_no_run(tool):
    tool.fill("1.22.1", {"a": "1.22.1"})
    assert tool.migrator("migrate").status == 0
    assert tool.migrator("history", "-o", "json").json == {"runs": []}


def test_a_failed_dataset_is_named(old):
    old.db["samples.a"].insert_one({"x": 1})
    old.db.command("collMod", "samples.a", validator={"x": {"$gt": 1}})
    old.db.datasets.update_one({"name": "a"}, {"$set": {"sample_fields": [
        {"name": "id", "ftype": "fiftyone.core.fields.ObjectIdField", "db_field": "_id"}]}})
    assert old.migrator("migrate", "--yes").status == 3
    run = only_run(old)
    assert run["state"] == "done" and run["datasets"] == {"planned": 3, "done": 2, "refused": 0, "failed": 1}
    assert run["failures"][0]["dataset"] == "a" and "half-way" in run["failures"][0]["message"]
    assert "Not migrated:" in old.migrator("history", run["run"]).out


def test_a_killed_run_is_marked_by_the_next_one(old):
    old.db["migrator.history"].insert_many([
        {"_id": "20200101-000000-aaaa", "state": "running", "kind": "migrate"},
        {"_id": {"run": "20200101-000000-aaaa", "scope": "datasets", "revision": "1.0.0", "direction": "up"},
         "state": "running"}])
    assert old.migrator("migrate", "--yes").status == 0
    assert old.db["migrator.history"].count_documents({"state": "running"}) == 0
    assert old.db["migrator.history"].count_documents({"state": "interrupted"}) == 2


def test_a_run_that_goes_on_is_one_run(old):
    old.db["migrator.journal"].insert_one(JOURNAL)
    old.db["migrator.history"].insert_one({
        "_id": GOING_ON, "state": "running", "kind": "migrate", "attempts": 1,
        "datasets": {"planned": 5, "done": 0, "refused": 0, "failed": 0}})
    assert old.migrator("migrate", "--yes").status == 0
    run = only_run(old)
    assert (run["run"], run["state"], run["attempts"]) == (GOING_ON, "done", 2)
    assert run["datasets"]["planned"] == run["datasets"]["done"] == 5
    assert "migrator.journal" not in old.db.list_collection_names()


def test_another_command_is_another_run(old):
    old.db["migrator.journal"].insert_one(JOURNAL)
    old.db["migrator.history"].insert_one({"_id": GOING_ON, "state": "running", "kind": "migrate"})
    assert old.migrator("migrate", "-n", "a", "--yes").status == 0
    runs = {r["run"]: r["state"] for r in old.migrator("history", "-o", "json").json["runs"]}
    assert runs.pop(GOING_ON) == "interrupted"
    assert list(runs.values()) == ["done"]
