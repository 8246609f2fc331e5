"""Programs, servers, disks and connections that fail in the middle of a migration.

After each fault the same command is given again, and the result is compared, to
the byte, with that of a run that nothing disturbed.
"""
import contextlib
import os
import random
import signal
import subprocess
import tempfile
import time

import pymongo
import pytest

from programs import ROOT, Tool, harness
from proxy import Proxy
from test_control import content, fill, start

BIN = os.environ.get("FM_BIN_DIR") or os.path.join(ROOT, "build", "bin")
KILLS = 30
LARGE = 30000


def kill(run):
    run.send_signal(signal.SIGKILL)
    run.communicate()


def again(tool, *args):
    r = tool.migrator("migrate", "--yes", *args)
    assert r.status == 0, r.err
    return r


def undisturbed(tool, samples):
    fill(tool.db, samples)
    begun = time.monotonic()
    again(tool)
    took = time.monotonic() - begun
    expected = content(tool.db)
    fill(tool.db, samples)
    return expected, took


def killed_at_random(tool, samples, seeds):
    expected, took = undisturbed(tool, samples)
    for seed in seeds:
        fill(tool.db, samples)
        run = start(tool, "--yes", "-j", str(1 + seed % 3))
        time.sleep(random.Random(seed).uniform(0.01, took))
        kill(run)
        again(tool)
        assert content(tool.db) == expected, "seed %d" % seed
        assert tool.db["migrator.history"].count_documents({"state": {"$ne": "done"}}) == 0, "seed %d" % seed


def test_killed_at_some_instant(tool):
    killed_at_random(tool, 1500, range(KILLS))


@pytest.mark.long
def test_killed_at_some_instant_of_a_large_case(tool):
    killed_at_random(tool, LARGE, range(1000, 1200))


def cases():
    program = os.path.join(BIN, "crash_cases")
    if not os.access(program, os.X_OK):
        return [("not built", "")]
    return [line.split() for line in subprocess.check_output([program], text=True).splitlines()]


@pytest.mark.long
@pytest.mark.parametrize("name, target", cases(), ids=lambda case: case)
def test_killed_before_and_after_every_write(tool, name, target):
    """What crash_test does by exception within one program, by SIGKILL of the real one."""
    args = ["migrate", target, "--allow-loss", "--yes", "-j", "1", "-q"]

    def put():
        subprocess.check_call([os.path.join(BIN, "crash_cases"), name, tool.env["FIFTYONE_DATABASE_URI"], tool.name])

    def dump():
        return {n: (docs, meta) for n, (docs, meta) in harness.take_dump(tool.db.client, tool.name).items() if docs}

    def set_back():
        for collection in tool.db.list_collection_names():
            if collection.startswith("migrator.") or collection not in before or ours(collection) != before[collection]:
                tool.db.drop_collection(collection)
        for collection, docs in before.items():
            if collection not in tool.db.list_collection_names():
                tool.db[collection].insert_many([harness.RawBSONDocument(d) for d in docs])

    def ours(collection):
        return [d.raw for d in tool.db.get_collection(collection, codec_options=harness.RAW).find()]

    put()
    before = {collection: ours(collection) for collection in tool.db.list_collection_names()}
    r = tool.migrator(*args)
    assert r.status == 0, r.err
    expected = content(tool.db)
    for number in range(1, 1000):
        set_back()
        r = tool._run("fiftyone-migrator-cut", args, {"FM_CUT_AT": str(number)})
        if r.status != -signal.SIGKILL:
            assert r.status == 0, r.err
            break
        r = tool.migrator(*args)
        assert r.status == 0, "cut at %d: %s" % (number, r.err)
        empty = {n: docs for n, docs in content(tool.db).items() if docs}
        assert empty == {n: docs for n, docs in expected.items() if docs}, "cut at %d" % number
    assert number > 8


@pytest.mark.parametrize("runs", [2, 5, 10])
def test_runs_at_once(tool, runs):
    expected, _ = undisturbed(tool, 500)
    fill(tool.db, 500)
    all_of_them = [start(tool, "--yes") for _ in range(runs)]
    ends = [(run.communicate(timeout=60), run.returncode) for run in all_of_them]
    assert {status for _, status in ends} <= {0, 11, 15}, ends
    assert 0 in {status for _, status in ends}
    assert content(tool.db) == expected


# -- servers


class Restarted(harness.Server):
    """A server that can be killed and started again on its data."""

    def __init__(self, *options, folder=None):
        super().__init__(*options)
        self.given = folder

    def __enter__(self):
        super().__enter__()
        self.args = self.process.args
        return self

    def kill(self):
        self.process.kill()
        self.process.wait()

    def start(self, **env):
        self.process = subprocess.Popen(
            self.args, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            preexec_fn=harness._die_with_parent)
        end = time.monotonic() + 60
        while time.monotonic() < end:
            assert self.process.poll() is None, "mongod does not start again"
            with contextlib.suppress(pymongo.errors.PyMongoError):
                self.client.admin.command("ping")
                return
        raise AssertionError("mongod does not answer again")


@pytest.mark.long
@pytest.mark.parametrize("seed", range(5))
def test_the_server_is_killed_and_started_again(tmp_path, seed):
    with Restarted() as server:
        tool = Tool(server, "faults", str(tmp_path))
        expected, took = undisturbed(tool, LARGE)
        server.client.admin.command("fsync")
        run = start(tool, "--yes")
        time.sleep(random.Random(seed).uniform(0.05, took))
        server.kill()
        _, err = run.communicate(timeout=120)
        assert run.returncode in (0, 5), err
        server.start()
        again(tool)
        assert content(tool.db) == expected


@contextlib.contextmanager
def replica_set(members=3):
    with contextlib.ExitStack() as stack:
        servers = [stack.enter_context(harness.Server("--replSet", "rs", "--oplogSize", "990")) for _ in range(members)]
        hosts = [s.uri[len("mongodb://"):] for s in servers]
        servers[0].client.admin.command("replSetInitiate", {
            "_id": "rs", "members": [{"_id": i, "host": h} for i, h in enumerate(hosts)],
            "settings": {"electionTimeoutMillis": 5000}})
        uri = "mongodb://%s/?replicaSet=rs" % ",".join(hosts)
        client = pymongo.MongoClient(uri, serverSelectionTimeoutMS=60000)
        client.admin.command("ping")
        stack.callback(client.close)

        class Set:
            pass

        one = Set()
        one.servers, one.uri, one.client = servers, uri, client
        yield one


@pytest.mark.long
def test_a_primary_steps_down(tmp_path):
    with replica_set() as rs:
        tool = Tool(rs, "faults", str(tmp_path))
        expected, took = undisturbed(tool, LARGE)
        for seed in range(5):
            fill(tool.db, LARGE)
            run = start(tool, "--yes")
            time.sleep(random.Random(seed).uniform(0.1, took))
            with contextlib.suppress(pymongo.errors.PyMongoError):
                rs.client.admin.command("replSetStepDown", 5, secondaryCatchUpPeriodSecs=5)
            _, err = run.communicate(timeout=120)
            assert run.returncode in (0, 1, 5), err
            again(tool)
            assert content(tool.db) == expected, "seed %d, the first run ended with %d" % (seed, run.returncode)


@pytest.mark.long
def test_a_secondary_that_lags_is_waited_for(tmp_path):
    with replica_set() as rs:
        tool = Tool(rs, "faults", str(tmp_path))
        expected, _ = undisturbed(tool, LARGE)
        late = next(s for s in rs.servers if not s.client.admin.command("hello")["isWritablePrimary"])
        late.client.admin.command("fsync", lock=True)
        rs.client[tool.name].elsewhere.insert_one({})
        time.sleep(4)
        rs.client[tool.name].elsewhere.drop()
        run = start(tool, "--yes", "--max-lag", "2")
        time.sleep(3)
        assert run.poll() is None
        late.client.admin.command("fsyncUnlock")
        _, err = run.communicate(timeout=120)
        assert run.returncode == 0, err
        assert "Waiting for " + late.uri[len("mongodb://"):] in err and "The secondaries have caught up" in err
        assert content(tool.db) == expected


@pytest.mark.long
def test_the_disk_is_full(tmp_path):
    disk = tempfile.mkdtemp(prefix="fm-disk-")
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=900m", "tmpfs", disk], capture_output=True)
    if mounted.returncode != 0:
        os.rmdir(disk)
        pytest.skip("a small file system cannot be mounted: " + mounted.stderr.decode().strip())
    old = os.environ.get("FM_TEST_TMP")
    os.environ["FM_TEST_TMP"] = disk
    try:
        with Restarted("--setParameter", "syncdelay=1") as server:
            tool = Tool(server, "faults", str(tmp_path))
            expected, _ = undisturbed(tool, LARGE)
            server.client.admin.command("fsync")
            ballast = os.path.join(disk, "ballast")
            with contextlib.suppress(OSError), open(ballast, "wb", buffering=0) as f:
                while True:
                    f.write(bytes(1 << 16))
            # Slow enough to meet the server's next checkpoints, which come every second.
            run = start(tool, "--yes", "--rate", "5000")
            _, err = run.communicate(timeout=180)
            assert run.returncode in (0, 1, 5), err
            failed = run.returncode != 0
            os.remove(ballast)
            if server.process.poll() is not None:
                server.start()
            again(tool)
            assert content(tool.db) == expected
            assert failed, "the disk was not full enough to disturb anything"
    finally:
        if old is None:
            del os.environ["FM_TEST_TMP"]
        else:
            os.environ["FM_TEST_TMP"] = old
        subprocess.run(["umount", "-l", disk], check=True)
        os.rmdir(disk)


# -- connections


@pytest.fixture
def through(tool):
    """The same database behind a proxy."""
    port = int(tool.env["FIFTYONE_DATABASE_URI"].rsplit(":", 1)[1])
    with Proxy(port) as proxy:
        yield tool, proxy, {"FIFTYONE_DATABASE_URI": "mongodb://127.0.0.1:%d/?serverSelectionTimeoutMS=2000" % proxy.port}


@pytest.mark.parametrize("seed", range(3))
def test_the_connection_is_cut(through, seed):
    tool, proxy, env = through
    expected, took = undisturbed(tool, 5000)
    run = start(tool, "--yes", **env)
    time.sleep(random.Random(seed).uniform(0.05, took))
    proxy.cut()
    _, err = run.communicate(timeout=60)
    assert run.returncode in (0, 5), err
    # The lease of a run that could not give it back is its own again: it has ended.
    again(tool)
    assert content(tool.db) == expected


def test_the_connection_is_cut_for_a_moment(through):
    tool, proxy, env = through
    expected, _ = undisturbed(tool, 5000)
    run = start(tool, "--yes", "--rate", "5000", **env)
    time.sleep(0.4)
    proxy.cut()
    proxy.mend()
    _, err = run.communicate(timeout=60)
    assert run.returncode in (0, 5), err
    again(tool)
    assert content(tool.db) == expected


def test_a_slow_connection(through):
    tool, proxy, env = through
    expected, _ = undisturbed(tool, 300)
    proxy.delay = 0.005
    r = tool.migrator("migrate", "--yes", **env)
    assert r.status == 0, r.err
    assert content(tool.db) == expected


# -- other clients

CLIENT = '''
import random, sys, time
import fiftyone as fo
choose = random.Random(int(sys.argv[1]))
end = time.monotonic() + float(sys.argv[2])
print("ready", flush=True)
sys.stdin.readline()
done = {}
while time.monotonic() < end:
    what = choose.choice(["load", "edit", "rename", "delete", "sample"])
    try:
        names = fo.list_datasets()
        if not names:
            break
        name = choose.choice(names)
        if what == "delete" and len(names) < 15:
            continue
        if what == "delete":
            fo.delete_dataset(name)
        else:
            dataset = fo.load_dataset(name)
            if what == "edit":
                dataset.info["edited"] = dataset.info.get("edited", 0) + 1
                dataset.save()
            elif what == "rename":
                dataset.name = name + "r"
            elif what == "sample":
                dataset.add_sample(fo.Sample(filepath="/new.png"))
        done[what] = done.get(what, 0) + 1
    except Exception as e:
        done["refused"] = done.get("refused", 0) + 1
print(done)
'''


@pytest.mark.long
def test_a_real_client_works_meanwhile(tool, tmp_path):
    python = os.path.join(os.environ.get("FM_PEER") or os.path.join(ROOT, ".venv-peer"), "bin", "python")
    assert os.access(python, os.X_OK), "no interpreter at %s: run scripts/install-peer" % python
    env = {**tool.env, "FIFTYONE_DO_NOT_TRACK": "1", "FIFTYONE_DATABASE_VALIDATION": "false",
           "FIFTYONE_DATABASE_ADMIN": "false"}
    make = ("import fiftyone as fo\n"
            "for i in range(40):\n"
            "    d = fo.Dataset('d%d' % i); d.persistent = True\n"
            "    d.add_samples([fo.Sample(filepath='/%d.png' % n, tags=['a']) for n in range(100)])\n")
    subprocess.run([python, "-c", make], env={**env, "FIFTYONE_DATABASE_ADMIN": "true"}, check=True, capture_output=True)
    script = tmp_path / "client.py"
    script.write_text(CLIENT)
    clients = [
        subprocess.Popen([python, str(script), str(seed), "12"], env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                         stderr=subprocess.DEVNULL, text=True)
        for seed in range(2)]
    for client in clients:
        assert client.stdout.readline() == "ready\n"
        client.stdin.write("go\n")
        client.stdin.flush()
    statuses = []
    end = time.monotonic() + 10
    while time.monotonic() < end:
        for target in "1.4.0", "1.22.1":
            r = tool.migrator("migrate", target, "--allow-loss", "--yes")
            statuses.append(r.status)
            assert r.status in (0, 1, 3, 15, 16), r.err
            if r.status in (1, 3):
                assert "another client" in r.err + r.out or "keeps changing" in r.err + r.out or "clients" in r.err + r.out
    for client in clients:
        out, _ = client.communicate(timeout=60)
        assert client.returncode == 0 and "load" in out, out
    # With the clients gone it settles, and nothing is damaged or left behind.
    again(tool, "1.22.1")
    assert 0 in statuses
    assert {d["version"] for d in tool.db.datasets.find()} == {"1.22.1"}
    assert "migrator.journal" not in tool.db.list_collection_names()
    r = tool.migrator("verify", "--deep")
    assert r.status == 0, r.out
    named = {d["sample_collection_name"] for d in tool.db.datasets.find()}
    assert {n for n in tool.db.list_collection_names() if n.startswith("samples.")} <= named | {
        n for n in tool.db.list_collection_names() if tool.db[n].count_documents({}) == 0}
    opened = subprocess.run(
        [python, "-c", "import fiftyone as fo\nfor n in fo.list_datasets():\n    fo.load_dataset(n).first()"],
        env=env, capture_output=True, text=True)
    assert opened.returncode == 0, opened.stderr
