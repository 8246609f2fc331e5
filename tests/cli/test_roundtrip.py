"""`roundtrip`: samples of datasets there and back, in a corner of the database."""
import datetime
import os
import signal
import subprocess
import time

import pytest

from programs import harness

SCRATCH = "migrator.scratch.roundtrip."


def left(tool):
    return [n for n in tool.db.list_collection_names() if n.startswith("migrator.")]


def untouched_by(tool, *args, **env):
    before = harness.take_dump(tool.db.client, tool.name)
    r = tool.migrator("roundtrip", *args, **env)
    assert not harness.untouched(before, harness.take_dump(tool.db.client, tool.name))
    assert left(tool) == []
    return r


def test_all_as_it_was(tool):
    tool.restore("1.4.1-A")
    r = untouched_by(tool, "-o", "json")
    assert r.status == 0, r.out + r.err
    assert r.json["differences"] == [] and r.json["failures"] == [] and r.json["changed_meanwhile"] == 0
    assert r.json["target"] == "1.22.1" and r.json["datasets"] == tool.db.datasets.count_documents({})
    assert r.json["documents"] > r.json["datasets"]
    assert "all are as they were" in untouched_by(tool).out


@pytest.mark.parametrize("source", ["0.14.4-A", "0.22.3-A", "0.8.0-A", "0.5.6-A"])
def test_up_and_down_again(tool, source):
    """What the newer version adds stays, as after the original; what else differs is known."""
    tool.restore(source)
    r = untouched_by(tool, "-o", "json")
    assert r.status == 15 and r.json["failures"] == []
    assert r.json["datasets"] == tool.db.datasets.count_documents({})
    known = {
        "0.14.4-A": set(),
        "0.22.3-A": {("lost", "app_config.sidebar_mode")},
    }
    others = {(d["what"], d["path"]) for d in r.json["differences"] if d["what"] != "added"}
    if source in known:
        assert others == known[source]
    assert not {p for _, p in others} & {"(document)", "(content)"}
    text = untouched_by(tool)
    assert text.status == 15 and len(text.out.splitlines()) < 60


def test_down_and_up_again(tool):
    """The undo log gives everything back, but for the place of a key that was renamed on the way."""
    tool.restore("1.22.1-A")
    r = untouched_by(tool, "0.18.0", "-o", "json")
    assert r.json["failures"] == [] and r.json["datasets"] == 12
    found = {(d["collection"], d["path"]) for d in r.json["differences"]}
    assert found <= {("delegated_ops", "(order of keys)")}
    assert untouched_by(tool, "0.18.0", "--undo-log", "off").status == 15


def test_what_does_not_come_back_is_named(tool):
    tool.restore("1.22.1-A")
    tool.db.datasets.update_one({"name": "plain"}, {"$set": {"tags": ["keep me"]}})
    r = untouched_by(tool, "0.15.1", "-n", "plain", "-o", "json", FIFTYONE_MIGRATOR_UNDO_LOG="off")
    assert r.status == 15
    found = {(d["dataset"], d["collection"], d["path"]): d for d in r.json["differences"]}
    tags = found["plain", "datasets", "tags"]
    assert (tags["what"], tags["documents"]) == ("lost", 1)
    assert tags["example"] == '[ "keep me" ] -> (absent)'
    text = untouched_by(tool, "0.15.1", "-n", "plain", FIFTYONE_MIGRATOR_UNDO_LOG="off")
    assert text.status == 15 and "keep me" in text.out and "some are not as they were" in text.out


def test_refused_datasets_do_not_stop_the_others(tool):
    tool.restore("1.22.1-A")
    r = untouched_by(tool, "0.16.3", "-o", "json", FIFTYONE_MIGRATOR_UNDO_LOG="off")
    assert [f["dataset"] for f in r.json["failures"]] == ["multi rig"] and r.json["failures"][0]["refused"]
    assert r.json["datasets"] == tool.db.datasets.count_documents({}) - 1


def test_samples_are_as_many_as_asked_for(tool):
    tool.fill("0.24.0", {"a": "0.24.0"})
    tool.db["samples.a"].insert_many([{"filepath": "/%d" % i} for i in range(500)])
    assert untouched_by(tool, "-o", "json").json["documents"] == 21
    assert untouched_by(tool, "--sample", "100", "-o", "json").json["documents"] == 101
    assert untouched_by(tool, "--sample", "1000", "-o", "json").json["documents"] == 501
    assert tool.migrator("roundtrip", "--sample", "0").status == 2


def test_nowhere_to_go(tool):
    tool.fill("1.22.1", {"a": "1.22.1"})
    r = untouched_by(tool)
    assert (r.status, r.out) == (2, "") and "roundtrip VERSION" in r.err
    assert untouched_by(tool, "-n", "none").status == 10


def test_killed_its_scratch_goes_with_the_next(tool):
    tool.fill("0.24.0", {"d%d" % i: "0.24.0" for i in range(300)})
    for i in range(300):
        tool.db["samples.d%d" % i].insert_many([{"x": n} for n in range(20)])
    p = subprocess.Popen(
        [os.path.join(tool.bin, "fiftyone-migrator"), "roundtrip"],
        env=tool.env, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )
    end = time.monotonic() + 30
    while p.poll() is None and time.monotonic() < end:
        if any(n.startswith(SCRATCH) for n in left(tool)):
            break
        time.sleep(0.005)
    p.send_signal(signal.SIGKILL)
    assert p.wait() == -signal.SIGKILL, "it was done before it could be killed"
    assert any(n.startswith(SCRATCH) for n in left(tool))
    # A client of the database sees none of it, nor does what we tell of it.
    assert len(tool.migrator("info", "-o", "json").json["datasets"]) == 300
    assert tool.migrator("verify", "-q").status in (0, 15)
    r = untouched_by(tool, "1.1.0", "-o", "json")
    assert r.json["datasets"] == 300


@pytest.mark.parametrize("name, status", [("SIGINT", 130), ("SIGTERM", 143)])
def test_a_signal_stops_it_and_nothing_stays(tool, name, status):
    tool.fill("0.24.0", {"d%d" % i: "0.24.0" for i in range(300)})
    for i in range(300):
        tool.db["samples.d%d" % i].insert_many([{"x": n} for n in range(20)])
    before = harness.take_dump(tool.db.client, tool.name)
    p = subprocess.Popen(
        [os.path.join(tool.bin, "fiftyone-migrator"), "roundtrip"],
        env=tool.env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        # Where the tests run in the background, an interrupt is ignored.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    end = time.monotonic() + 30
    while p.poll() is None and time.monotonic() < end and not any(n.startswith(SCRATCH) for n in left(tool)):
        time.sleep(0.005)
    p.send_signal(getattr(signal, name))
    out, err = p.communicate(timeout=60)
    assert (p.returncode, out) == (status, ""), err
    assert "the copies are gone again" in err and "begins anew" in err
    assert left(tool) == [] and not harness.untouched(before, harness.take_dump(tool.db.client, tool.name))


def test_one_at_a_time(tool):
    tool.fill("0.24.0", {"a": "0.24.0"})
    now = datetime.datetime.now(datetime.timezone.utc)
    tool.db["migrator.lease"].insert_one(
        {"_id": "lease", "owner": "x", "host": "elsewhere", "pid": 1, "process": "p",
         "started": now, "expires": now + datetime.timedelta(minutes=5)}
    )
    assert tool.migrator("roundtrip").status == 11
