"""Services are slowed down and stopped between batches, and go on."""
import json
import os
import signal
import subprocess
import time

import pytest

from enterprise import ALL, EnterpriseTool, replica_set, server, tool  # noqa: F401
from test_faults import replica_set as members


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
    assert "as --max-time says, at cas (cas: not known (half-way to v2.18.0); hub: v2.12.0 (guessed)" in r.err
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
    while time.monotonic() < end and tool.dump() == start:
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


def test_the_server_of_cas_has_no_secondaries(replica_set, server, tmp_path):
    tool = EnterpriseTool(replica_set, "pace_one", str(tmp_path))
    tool.fill("1.9.0", {"a": "1.9.0"}, kind="fiftyone-teams")
    r = tool.migrate("2.13.0", "--max-lag", "5", CAS_DATABASE_URI=server.uri)
    assert "--max-lag does not hold for '%s': its server has no secondaries" % tool.cas in r.err
    r = tool.migrate("2.14.0", "--max-lag", "5")
    assert "--max-lag" not in r.err
    for client in tool.client, server.client:
        client.drop_database(tool.name), client.drop_database(tool.cas)


@pytest.mark.long
@pytest.mark.parametrize("command", [["migrate", "2.18.0"], ["undo"]], ids=["migrate", "undo"])
def test_a_secondary_of_the_server_of_cas_lags(replica_set, tmp_path, command):
    tool = EnterpriseTool(replica_set, "pace_" + command[0], str(tmp_path))
    with members() as others:
        tool.build("2.12.0", scale=0.1)
        moved = others.client[tool.cas]
        for name in tool.client[tool.cas].list_collection_names():
            moved[name].insert_many(list(tool.client[tool.cas][name].find()))
        tool.client.drop_database(tool.cas)
        tool.env["CAS_DATABASE_URI"] = others.uri
        if command == ["undo"]:
            tool.migrate("2.18.0")
        late = next(s for s in others.servers if not s.client.admin.command("hello")["isWritablePrimary"])
        late.client.admin.command("fsync", lock=True)
        try:
            moved.elsewhere.insert_one({})
            time.sleep(4)
            moved.elsewhere.insert_one({})
            run = subprocess.Popen([os.path.join(tool.bin, "fiftyone-migrator"), *command, "--max-lag", "2"], env=tool.env,
                                   stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
            time.sleep(3)
            assert run.poll() is None
        finally:
            late.client.admin.command("fsyncUnlock")
        err = run.communicate(timeout=120)[1]
        assert run.returncode == 0, err
        assert "Waiting for " + late.uri[len("mongodb://"):] in err and "The secondaries have caught up" in err
    tool.client.drop_database(tool.name)
