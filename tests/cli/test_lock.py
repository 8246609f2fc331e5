"""Two runs never work on one database at once."""
import datetime
import os
import random
import signal
import subprocess
import threading
import time

import pymongo
import pytest
from pymongo.driver_info import DriverInfo

KILLS = 10


def process_text(pid):
    """What tells a process from another one of the same number."""
    with open("/proc/sys/kernel/random/boot_id") as f:
        boot = f.read().strip()
    with open("/proc/%d/stat" % pid) as f:
        start = f.read().rsplit(")", 1)[1].split()[19]
    return "%s %s %s" % (boot, os.readlink("/proc/self/ns/pid"), start)


def hold(db, pid, process, seconds=600):
    now = datetime.datetime.now(datetime.timezone.utc)
    db["migrator.lease"].insert_one({
        "_id": "lease", "owner": "another", "host": "elsewhere.example.org", "pid": pid, "process": process,
        "started": now, "expires": now + datetime.timedelta(seconds=seconds)})


@pytest.fixture
def old(tool):
    tool.db.config.insert_one({"version": "0.25.0", "type": "fiftyone"})
    tool.db.datasets.insert_many([{"name": "d%d" % i, "slug": "d%d" % i, "version": "0.25.0"} for i in range(50)])
    return tool


def content(db):
    return {n: sorted(map(repr, db[n].find())) for n in db.list_collection_names() if n != "migrator.lease"}


@pytest.mark.parametrize("command", [
    ["fiftyone-migrator", "migrate"], ["fiftyone", "migrate", "--all"], ["fiftyone-migrator", "restore"]])
def test_a_second_run_is_told_who_works(old, command, tmp_path):
    backup = str(tmp_path / "backup")
    if command[1] == "restore":
        assert old.migrator("backup", backup, "--all").status == 0
        command = [*command, backup, "--overwrite"]
    hold(old.db, 4711, "another machine")
    before = content(old.db)
    r = old._run(command[0], command[1:], {})
    assert r.status == 11
    assert "process 4711 on host elsewhere.example.org, since 2" in r.err and "lock release --force" in r.err
    assert content(old.db) == before
    assert old.db["migrator.lease"].find_one()["owner"] == "another"


def wait_for(db, what):
    while not db.client.admin.command("currentOp", what)["inprog"]:
        time.sleep(0.005)


@pytest.mark.parametrize("command", [["migrate", "--yes"], ["lock", "release"]])
def test_what_the_server_still_does_for_a_dead_holder_is_stopped_first(old, command):
    name = "fiftyone-migrator 00112233445566ff"
    hold(old.db, 4711, "another machine", seconds=-1)
    old.db["migrator.lease"].update_one({}, {"$set": {"connections": name}})
    gone = pymongo.MongoClient(old.env["FIFTYONE_DATABASE_URI"], driver=DriverInfo(name=name), serverMonitoringMode="poll")
    slow = {"$where": "for (let i = 0; i < 600; ++i) sleep(50); return true;"}
    failed = []

    def write():
        try:
            gone[old.name].datasets.update_many(slow, {"$set": {"version": "0.1"}})
        except pymongo.errors.PyMongoError as error:
            failed.append(error)

    thread = threading.Thread(target=write)
    thread.start()
    wait_for(old.db, {"active": True, "op": "update", "clientMetadata.driver.name": {"$regex": name}})
    r = old.migrator(*command)
    thread.join(10)
    gone.close()
    assert r.status == 0, r.err
    assert len(failed) == 1 and "11601" in str(failed[0])  # Interrupted
    assert not old.db.datasets.find_one({"version": "0.1"})


@pytest.mark.long
def test_what_cannot_be_stopped_is_waited_for_and_then_refused(old):
    name = "fiftyone-migrator 00112233445566ee"
    hold(old.db, 4711, "another machine", seconds=-1)
    old.db["migrator.lease"].update_one({}, {"$set": {"connections": name}})
    gone = pymongo.MongoClient(old.env["FIFTYONE_DATABASE_URI"], driver=DriverInfo(name=name), serverMonitoringMode="poll")
    ended = threading.Event()

    def work():  # begins anew whenever it is stopped
        while not ended.is_set():
            try:
                gone[old.name].datasets.find_one({"$where": "for (let i = 0; i < 40; ++i) sleep(50); return true;"})
            except pymongo.errors.PyMongoError:
                pass

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    wait_for(old.db, {"active": True, "op": "query", "clientMetadata.driver.name": {"$regex": name}})
    before = content(old.db)
    r = old.migrator("migrate", "--yes")
    ended.set()
    gone.close()
    for thread in threads:
        thread.join(60)
    assert r.status == 11 and "still at work for a run that is gone: query on %s.datasets" % old.name in r.err, r.err
    assert content(old.db) == before
    assert old.migrator("migrate", "--yes").status == 0


def test_a_dead_holder_that_nobody_waited_for_is_gone(old):
    """As in a container whose first process is no init."""
    dead = subprocess.Popen(["true"])
    while " Z " not in open("/proc/%d/stat" % dead.pid).read():
        time.sleep(0.01)
    hold(old.db, dead.pid, process_text(dead.pid))
    assert "its process has ended" in old.migrator("lock", "status").out
    assert old.migrator("migrate", "--yes").status == 0
    dead.wait()


def test_reading_needs_no_lock(old):
    hold(old.db, 4711, "another machine")
    for command in ["info"], ["plan"], ["verify"], ["lock", "status"]:
        assert old.migrator(*command).status in (0, 15), command


def test_the_lock_is_given_back(old):
    assert old.migrator("migrate").status == 0
    assert "migrator.lease" not in old.db.list_collection_names()
    assert old.migrator("lock", "status").out == "Nobody holds the lock.\n"


def test_an_expired_lock_is_anybodys(old):
    hold(old.db, 4711, "another machine", seconds=-1)
    assert old.migrator("migrate").status == 0


def test_the_lock_of_a_dead_process_of_this_machine_is_free_at_once(old):
    child = subprocess.Popen(["sleep", "100"])
    process = process_text(child.pid)
    hold(old.db, child.pid, process)
    assert old.migrator("migrate").status == 11
    child.kill()
    child.wait()
    assert old.migrator("migrate").status == 0


def test_a_new_process_of_the_same_number_is_another(old):
    pid = os.getpid()
    hold(old.db, pid, process_text(pid) + "0")
    assert old.migrator("migrate").status == 0


def test_release(old):
    hold(old.db, 4711, "another machine")
    r = old.migrator("lock", "release")
    assert r.status == 11 and old.db["migrator.lease"].count_documents({}) == 1
    assert old.migrator("lock", "release", "--force").out == "Released.\n"
    assert old.migrator("lock", "release").out == "Nobody holds the lock.\n"
    assert old.migrator("migrate").status == 0


def test_status_as_json(old):
    hold(old.db, 4711, "another machine")
    shown = old.migrator("lock", "status", "-o", "json").json
    assert (shown["held"], shown["pid"], shown["state"]) == (True, 4711, "at work")


def test_two_runs_at_once(old):
    runs = [
        subprocess.Popen([os.path.join(old.bin, "fiftyone-migrator"), "migrate"], env=old.env,
                         stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(5)]
    ends = [(p.communicate(), p.returncode) for p in runs]
    # One does it; the others are told, come too late for their plan, or find nothing to do.
    assert {status for _, status in ends} <= {0, 11, 15}, ends
    assert 0 in {status for _, status in ends}
    assert {d["version"] for d in old.db.datasets.find()} == {"1.22.1"}


@pytest.mark.parametrize("seed", range(KILLS))
def test_killed_at_some_instant(old, seed):
    """The crash tests cut at every write; this one kills the whole program."""
    fields = [{"name": "id", "ftype": "fiftyone.core.fields.ObjectIdField", "db_field": "_id"}]
    for i in range(20):
        old.db.datasets.update_one({"name": "d%d" % i}, {"$set": {
            "sample_collection_name": "samples.%d" % i, "sample_fields": fields, "media_type": "image"}})
        old.db["samples.%d" % i].insert_many([{"n": n} for n in range(50)])
    choose = random.Random(seed)
    run = subprocess.Popen([os.path.join(old.bin, "fiftyone-migrator"), "migrate"], env=old.env,
                           stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    time.sleep(choose.uniform(0.01, 0.25))
    run.send_signal(signal.SIGKILL)
    run.wait()
    again = old.migrator("migrate")
    assert again.status == 0, again.err
    assert {d["version"] for d in old.db.datasets.find()} == {"1.22.1"}
    assert old.db["migrator.journal"].count_documents({}) == 0
    for i in range(20):
        assert old.db["samples.%d" % i].count_documents({"created_at": {"$exists": False}}) == 0
