"""Services are slowed down and stopped between batches, and go on."""
import json
import os
import signal
import subprocess
import time

from enterprise import ALL, server, tool  # noqa: F401


def state(tool):
    r = tool.migrator("info", "-o", "json")
    assert r.status == 0, r.err
    return {s["service"]: s for s in r.json["services"]}


def test_stopped_by_the_clock_and_gone_on(tool):
    tool.build("2.12.0", scale=0.1)
    r = tool.migrator("migrate", "2.18.0", "--rate", "3", "--max-time", "7", "--log-format", "json")
    assert r.status == 4, r.err
    lines = [json.loads(line) for line in r.err.splitlines() if line.startswith("{")]
    progress = [line["progress"] for line in lines if "progress" in line]
    # Every five seconds; by then it is among the accounts.
    assert progress and progress[0]["phase"] == "cas" and 0 < progress[0]["documents"] < progress[0]["of_documents"]
    assert "as --max-time says at cas (cas: not known (half-way to v2.18.0); hub: v2.12.0 (guessed)" in r.err
    stands = state(tool)
    assert stands["cas"]["half_way_to"] == "2.18.0" and not stands["cas"]["failed"]
    run = tool.migrator("history", "-o", "json").json["runs"][0]
    assert run["state"] == "interrupted"
    tool.migrate("2.18.0")
    assert tool.service_versions() == {s: "2.18.0" for s in ALL}
    runs = tool.migrator("history", "-o", "json").json["runs"]
    assert [(r["run"], r["state"], r["attempts"]) for r in runs] == [(run["run"], "done", 2)]
    assert all(s["state"] == "done" for s in runs[0]["services"])


def test_stopped_by_a_signal_and_taken_back(tool):
    tool.build("2.12.0", scale=0.1)
    start = tool.dump()
    p = subprocess.Popen(
        [os.path.join(tool.bin, "fiftyone-migrator"), "migrate", "2.18.0", "--rate", "20"], env=tool.env,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    end = time.monotonic() + 60
    versions = tool.client[tool.cas]["migrator.versions"]
    while time.monotonic() < end and not versions.find_one({"run.collection": {"$exists": True}}):
        time.sleep(0.02)
    p.send_signal(signal.SIGTERM)
    err = p.communicate(timeout=60)[1]
    assert p.returncode == 143 and "cas" in err, err
    assert tool.dump() != start
    assert tool.migrator("undo").status == 0
    assert tool.dump() == start and tool.service_versions() == {}


def test_an_undo_is_stopped_by_the_clock_and_gone_on(tool):
    tool.build("2.12.0", scale=0.1)
    start = tool.dump()
    tool.migrate("2.18.0")
    high = tool.dump()
    r = tool.migrator("undo", "--rate", "3", "--max-time", "5")
    assert r.status == 4, r.err
    assert tool.dump() not in (start, high)
    assert tool.migrator("undo").status == 0
    assert tool.dump() == start
