"""Stopping, slowing down, and what the log says meanwhile."""
import datetime
import hashlib
import json
import os
import re
import signal
import subprocess
import time
import unicodedata

import pytest
from bson import Binary, ObjectId

from programs import harness

FIELDS = [{"name": "id", "ftype": "fiftyone.core.fields.ObjectIdField", "db_field": "_id"}]
SEED = b"0123456789abcdef"
# With it every run to the target writes the same bytes.
JOURNAL = {"_id": "run", "target": "1.22.1", "request": "", "now": datetime.datetime(2023, 11, 14),
           "seed": Binary(SEED)}
RUN = "20231114-000000-00" + "".join(
    "0123456789abcdefghjkmnpqrstvwxyz"[b % 32] for b in hashlib.sha256(SEED).digest()[:2])


def fill(db, samples=3000, small=3):
    """One dataset with samples, and some without; everything goes up from 0.25.0."""
    db.client.drop_database(db.name)
    db.config.insert_one({"_id": 1, "version": "0.25.0", "type": "fiftyone"})
    db.datasets.insert_one({
        "_id": 0, "name": "large", "slug": "large", "version": "0.25.0", "media_type": "image",
        "sample_collection_name": "samples.large", "sample_fields": FIELDS})
    for i in range(1, small + 1):
        db.datasets.insert_one({"_id": i, "name": "d%d" % i, "slug": "d%d" % i, "version": "0.25.0"})
    db["samples.large"].insert_many([
        {"_id": ObjectId("%024x" % (1 << 90 | i)), "n": i} for i in range(samples)])
    db["migrator.journal"].insert_one(JOURNAL)


def content(db):
    return {
        n: sorted(d.raw for d in db.get_collection(n, codec_options=harness.RAW).find())
        for n in db.list_collection_names() if not n.startswith("migrator.")}


@pytest.fixture
def undisturbed(tool):
    fill(tool.db)
    assert tool.migrator("migrate", "--yes").status == 0
    expected = content(tool.db)
    fill(tool.db)
    return expected


def start(tool, *args, program="fiftyone-migrator", **env):
    return subprocess.Popen(
        [os.path.join(tool.bin, program), "migrate", *args], env={**tool.env, **env}, stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def wait_for(what, seconds=30):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        found = what()
        if found:
            return found
        time.sleep(0.02)
    raise AssertionError("waited in vain")


def cursor_of(tool):
    return tool.db["migrator.journal"].find_one({"cursor": {"$exists": True}})


@pytest.mark.parametrize("name, status", [("SIGINT", 130), ("SIGTERM", 143)])
def test_a_signal_stops_at_a_checkpoint_and_the_same_command_goes_on(tool, undisturbed, name, status):
    run = start(tool, "--yes", "--rate", "500")
    wait_for(lambda: cursor_of(tool))
    run.send_signal(getattr(signal, name))
    out, err = run.communicate(timeout=30)
    assert run.returncode == status, err
    assert "Stopping at the next checkpoint; the signal once more stops at once" in err
    assert "of 4 datasets are done, 1 half-way and closed to clients until it goes on" in err
    assert "The same command goes on where this one stopped." in err
    cursor = cursor_of(tool)["cursor"]
    assert cursor["done"] > 0 and isinstance(cursor["from"], ObjectId)
    written = tool.db["samples.large"].count_documents({"created_at": {"$exists": True}})
    assert 0 < written < 3000
    assert tool.db.datasets.find_one({"_id": 0})["version"] == "9999.0+migrating"
    run = tool.migrator("history", "-o", "json").json["runs"][0]
    assert run["state"] == "interrupted" and run["error"]["exit"] == status
    assert "migrator.lease" not in tool.db.list_collection_names()

    r = tool.migrator("migrate", "--yes")
    assert r.status == 0, r.err
    assert "Datasets that an interrupted run had under way were finished: 1" in r.err
    assert content(tool.db) == undisturbed
    runs = tool.migrator("history", "-o", "json").json["runs"]
    assert [(x["run"], x["state"], x["datasets"]["done"]) for x in runs] == [(RUN, "done", 4)]


def test_a_second_signal_stops_at_once(tool, undisturbed):
    run = start(tool, "--yes", "--rate", "1")  # the next checkpoint is a long way off: see Control::wrote
    wait_for(lambda: cursor_of(tool))
    os.kill(run.pid, signal.SIGSTOP)  # both arrive before anything else happens
    run.send_signal(signal.SIGINT)
    run.send_signal(signal.SIGTERM)
    os.kill(run.pid, signal.SIGCONT)
    run.communicate(timeout=30)
    assert run.returncode in (-signal.SIGINT, -signal.SIGTERM, 130, 143)
    assert tool.migrator("migrate", "--yes").status == 0
    assert content(tool.db) == undisturbed


def test_a_stop_before_anything_is_written(tool):
    fill(tool.db)
    tool.db["migrator.journal"].drop()
    before = content(tool.db)
    r = tool.on_terminal(b"\x03", "migrate")
    assert r.status in (-signal.SIGINT, 130)
    assert content(tool.db) == before and "migrator.history" not in tool.db.list_collection_names()


def test_fiftyone_stops_too(tool, undisturbed):
    run = start(tool, "--all", program="fiftyone", FIFTYONE_MIGRATOR_RATE="500")
    wait_for(lambda: cursor_of(tool))
    run.send_signal(signal.SIGINT)
    out, err = run.communicate(timeout=30)
    assert run.returncode == 130
    assert err.rstrip().endswith("until it goes on"), err
    assert tool.fiftyone("migrate", "--all").status == 0
    assert content(tool.db) == undisturbed


def test_a_run_with_a_time_limit(tool, undisturbed):
    r = tool.migrator("migrate", "--yes", "--rate", "500", "--max-time", "1")
    assert r.status == 4, r.err
    assert "Stopped after 1.0 s, as --max-time says: " in r.err or "Stopped after 1 s, as --max-time says: " in r.err
    r = tool.fiftyone("migrate", "--all", FIFTYONE_MIGRATOR_RATE="500", FIFTYONE_MIGRATOR_MAX_TIME="1")
    assert r.status == 3
    assert tool.migrator("migrate", "--yes", "--max-time", "600").status == 0
    assert content(tool.db) == undisturbed


def test_a_rate_is_kept(tool, undisturbed):
    begun = time.monotonic()
    assert tool.migrator("migrate", "--yes", "--rate", "1500").status == 0
    assert time.monotonic() - begun > 1.5  # 3,003 documents; more is no failure
    assert content(tool.db) == undisturbed


def test_max_lag_needs_a_replica_set(tool):
    fill(tool.db)
    before = content(tool.db)
    r = tool.migrator("migrate", "--yes", "--max-lag", "5")
    assert r.status == 16 and "--max-lag needs a replica set" in r.err and "Leave --max-lag" in r.err
    assert content(tool.db) == before


@pytest.mark.parametrize("option", ["--rate", "--max-lag", "--max-time"])
@pytest.mark.parametrize("value", ["0", "-1", "x", "1.5"])
def test_wrong_values(tool, option, value):
    r = tool.migrator("migrate", option + "=" + value)
    assert r.status == 2 and option[2:].replace("-", "_") in r.err


def lines_of(text):
    return [json.loads(line) for line in text.splitlines()]


@pytest.mark.parametrize("how", ["option", "variable"])
def test_the_log_as_json(tool, how):
    fill(tool.db)
    args, env = (["--log-format", "json"], {}) if how == "option" else ([], {"FIFTYONE_LOGGING_FORMAT": "json"})
    r = tool.migrator(*args, "migrate", "--yes", "--verbose", **env)
    assert r.status == 0 and r.out.startswith("Migrated ")
    lines = lines_of(r.err)
    assert all({"timestamp", "severity", "level", "message"} <= set(line) for line in lines)
    of_large = [line for line in lines if line.get("dataset") == "large"]
    assert of_large and all(line["run"] == RUN for line in of_large)
    r = tool.migrator(*args, "migrate", "9.9.9", **env)
    assert r.status == 14
    error = lines_of(r.err)[-1]
    assert (error["severity"], error["exit"]) == ("ERROR", 14) and error["remedy"] and "9.9.9" in error["message"]
    r = tool.migrator(*args, "migrate", "--dry-run", **env)
    assert r.status == 0
    lines_of(r.err)


@pytest.mark.long
def test_progress_as_json(tool):
    fill(tool.db)
    r = tool.migrator("--log-format", "json", "migrate", "--yes", "--rate", "400")
    assert r.status == 0
    progress = [line for line in lines_of(r.err) if "progress" in line]
    assert progress
    assert progress[0]["progress"]["phase"] == "migrating" and progress[0]["progress"]["of_datasets"] == 4
    assert progress[0]["collection"] == "samples.large" and 0 < progress[0]["progress"]["documents"] < 3000
    r = tool.migrator("--log-format", "json", "--progress", "none", "migrate", "--yes")
    assert not [line for line in lines_of(r.err) if "progress" in line]


def test_progress_ends_its_line(tool):
    fill(tool.db)
    r = tool.on_terminal(b"", "migrate", "--yes", "--rate", "1500")
    assert r.status == 0
    assert "\r\x1b[K" in r.out and r.out.rstrip().splitlines()[-1].lstrip("\r\x1b[K").startswith("Migrated ")


def cells(text):
    return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


@pytest.mark.parametrize("width", [40, 80, 200])
def test_progress_fits_the_terminal(tool, width):
    fill(tool.db)
    name = "samples.東京 の とても ながい なまえ " + "x" * 40
    tool.db["samples.large"].rename(name)
    tool.db.datasets.update_one({"_id": 0}, {"$set": {"sample_collection_name": name}})
    r = tool.on_terminal(b"", "migrate", "--yes", "--rate", "700", width=width, NO_COLOR="1")
    shown = re.findall(r"\r\x1b\[K([^\r\n\x1b]+)", r.out)
    shown = [line for line in shown if not line.startswith("Migrated ")]  # the result
    assert r.status == 0 and shown and all(cells(line) < width for line in shown), shown
    assert max(map(cells, shown)) >= min(width, 80) - 2  # what there is room for is shown
    # Nothing is coloured; the line that is renewed needs one sequence.
    assert set(re.findall(r"\x1b\[[0-9;]*[A-Za-z]", r.out)) == {"\x1b[K"}


def test_an_abandoned_run_is_named(tool, undisturbed):
    run = start(tool, "--yes", "--rate", "500")
    wait_for(lambda: cursor_of(tool))
    at_work = tool.migrator("info").out
    assert "Run:       run %s, a migration to v1.22.1, begun " % RUN in at_work and ": at work\n" in at_work
    run.kill()
    run.communicate()
    wait_for(lambda: ": interrupted\n" in tool.migrator("info").out)
    text = tool.migrator("info").out
    remedy = ("'fiftyone-migrator migrate' finishes it first, whatever it goes on to do; "
              "'fiftyone-migrator undo %s' takes it back instead." % RUN)
    assert text.endswith("\n" + remedy + "\n")
    left = tool.migrator("info", "-o", "json").json["unfinished"]
    assert (left["run"], left["what"], left["pid"], left["half_way"], left["at_work"], left["remedy"]) == (
        RUN, "a migration to v1.22.1", run.pid, 1, False, remedy)
    (found,) = [f for f in tool.migrator("verify", "-o", "json").json["found"] if f["code"] == "run-interrupted"]
    assert RUN in found["what"] and found["what"].endswith("was interrupted") and found["remedy"] == remedy
    assert tool.migrator("migrate", "--yes").status == 0
    assert "Run:" not in tool.migrator("info").out and content(tool.db) == undisturbed
