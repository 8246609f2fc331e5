"""fiftyone-migrator doctor, on real servers."""
import contextlib
import datetime
import os
import subprocess
import time

import pymongo
import pytest
from programs import NAMES, Tool, failpoint, harness, tool_on

NEWEST = "1.22.1"
PARKED = "9999.0+migrating"
# What docs/security.md gives the doctor.
CLUSTER = ["inprog", "getLog", "getParameter", "replSetGetStatus"]
DATABASE = ["find", "insert", "update", "remove", "listCollections", "dropCollection",
            "renameCollectionSameDB", "listIndexes", "dropIndex", "createIndex"]


def doctor(tool, status=0, **env):
    r = tool.migrator("doctor", "-o", "json", **env)
    assert r.status == status and r.err == "", r.out + r.err
    assert r.json["can_start"] == (status == 0)
    findings = r.json["findings"]
    levels = [f["level"] for f in findings]
    assert r.json["blockers"] == levels.count("blocker") and r.json["warnings"] == levels.count("warning")
    assert all(f["remedy"] for f in findings if f["level"] in ("warning", "blocker"))
    found = {f["id"]: f for f in findings}
    assert len(found) == len(findings)
    return found


@pytest.fixture
def own(faulty_server, tmp_path):
    with tool_on(faulty_server, "doctor", tmp_path) as tool:
        yield tool


def test_healthy(own):
    own.restore("1.4.1-A")
    before = harness.take_dump(own.db.client, own.name)
    found = doctor(own)
    levels = {i: f["level"] for i, f in found.items()}
    assert levels == {
        "server": "note",
        "feature_compatibility": "ok",
        "topology": "ok",
        "clock": "ok",
        "disk": "ok",
        "rights": "note",
        "database": "ok",
        "access": "ok",
        "clients": "ok",
        "unfinished": "ok",
        "residue": "ok",
    }
    stats = own.db.command("dbStats")
    assert found["server"]["found"].startswith("MongoDB " + own.db.client.server_info()["version"])
    assert found["disk"]["details"]["total_bytes"] == stats["fsTotalSize"]
    assert found["disk"]["details"]["database_bytes"] == stats["storageSize"] + stats["indexSize"]
    assert found["database"]["found"] == "open source, v1.4.1, 12 datasets"
    assert found["access"]["details"]["after"] == "1.4.0 and later, below 2"
    assert not harness.untouched(before, harness.take_dump(own.db.client, own.name))
    assert not [n for n in own.db.list_collection_names() if n.startswith("migrator.")]


def test_as_text(own):
    own.fill("1.4.1", {"a": PARKED})
    r = own.migrator("doctor")
    lines = r.out.split("\n")
    assert r.status == 16 and r.err == ""
    assert lines[0].split() == ["level", "what", "finding"] and set(lines[1]) == {"-", " "}
    column = lines[0].index("what")
    rows = lines[2: lines.index("")]
    assert all(row[:column].strip() in ("ok", "note", "warning", "blocker", "") for row in rows)
    assert [row for row in rows if row.startswith("blocker  Unfinished runs")]
    assert "What to do:" in lines and "  Unfinished runs:" in lines
    assert lines[-2] == "A migration should not start: 1 blocker."


def test_empty_database(own):
    assert doctor(own)["database"]["found"] == "open source, no version stored, 0 datasets"


# -- SDK processes


def test_connected_clients(own, faulty_server):
    own.fill(NEWEST, {"a": NEWEST})
    started = datetime.datetime.now(datetime.timezone.utc)
    sdk = pymongo.MongoClient(faulty_server.uri, appname="fiftyone")
    other = pymongo.MongoClient(faulty_server.uri, appname="fiftyone-teams-app")
    with contextlib.closing(sdk), contextlib.closing(other):
        sdk.admin.command("ping")
        other.admin.command("ping")
        connections = len(visible(faulty_server))
        finding = doctor(own)["clients"]
        assert finding["level"] == "warning" and "Stop these processes" in finding["remedy"]
        (client,) = finding["details"]["clients"]
        assert client["host"] == "127.0.0.1" and client["driver"] == "PyMongo " + pymongo.version
        assert client["platform"].startswith("CPython 3.") and not client["or_earlier"]
        # The driver may add a monitoring connection meanwhile.
        assert connections <= client["connections"] <= len(visible(faulty_server)) and connections > 0
        since = datetime.datetime.fromisoformat(client["since"]["$date"].replace("Z", "+00:00"))
        assert datetime.timedelta(seconds=-1) < since - started < datetime.timedelta(seconds=5)
    end = time.monotonic() + 10
    while visible(faulty_server) and time.monotonic() < end:
        time.sleep(0.05)
    assert doctor(own)["clients"]["found"] == "none connected"


def visible(server):
    stages = [{"$currentOp": {"allUsers": True, "idleConnections": True}}, {"$match": {"appName": "fiftyone"}}]
    return list(server.client.admin.aggregate(stages))


def test_client_older_than_the_log(own, faulty_server):
    """The server remembers about 1000 lines."""
    own.fill(NEWEST, {"a": NEWEST})
    sdk = pymongo.MongoClient(faulty_server.uri, appname="fiftyone")
    with contextlib.closing(sdk):
        sdk.admin.command("ping")
        for i in range(600):
            own.db.create_collection("c%d" % i)
            own.db["c%d" % i].drop()
        (client,) = doctor(own)["clients"]["details"]["clients"]
        assert client["or_earlier"]
        log = faulty_server.client.admin.command("getLog", "global")["log"]
        since = client["since"]["$date"]
        assert not [line for line in log if '"name":"fiftyone"}' in line and '"id":51800' in line] and since


def test_migrate_and_connected_clients(own, faulty_server):
    own.fill("1.0.0", {"a": "1.0.0"})
    sdk = pymongo.MongoClient(faulty_server.uri, appname="fiftyone")
    with contextlib.closing(sdk):
        sdk.admin.command("ping")
        for env in {}, {"FIFTYONE_MIGRATOR_REQUIRE_IDLE": "on"}:
            r = own.migrator("migrate", "--yes", *([] if env else ["--require-idle"]), **env)
            assert r.status == 16 and "Stop them" in r.err
            assert "FiftyOne processes are connected\n  127.0.0.1: " in r.err
        assert own.versions() == ({"a": "1.0.0"}, "1.0.0")
        r = own.migrator("migrate", "--yes")
        assert r.status == 0 and "FiftyOne processes are connected" in r.err
        # Nothing to do, nothing to say.
        r = own.migrator("migrate", "--yes", "--require-idle")
        assert (r.status, r.err) == (0, "")
        assert "connected" not in own.migrator("plan", "1.0.0").err
    gone = time.monotonic() + 10
    while visible(faulty_server) and time.monotonic() < gone:
        time.sleep(0.05)
    r = own.migrator("migrate", "1.0.0", "--allow-loss", "--yes", "-q", "--require-idle")
    assert (r.status, r.err) == (0, "")


# -- what runs have left


def test_unfinished_run(own):
    """A run that an error of the server has ended."""
    own.restore("0.5.6-A")
    client = own.db.client
    samples = own.db.datasets.find_one({"name": {"$exists": True}})["sample_collection_name"]
    with failpoint(client, failCommands=["update"], errorCode=8, namespace="%s.%s" % (own.name, samples)):
        r = own.migrator("migrate", "--yes", "-q")
    assert r.status in (1, 3), r.err
    parked = [d["name"] for d in own.db.datasets.find({"version": PARKED})]
    assert parked and own.db["migrator.journal"].find_one({"_id": "run"})
    finding = doctor(own)["unfinished"]
    assert finding["level"] == "warning" and finding["details"]["datasets"] == len(parked)
    assert "to v" + NEWEST in finding["found"] and parked[0] in finding["found"]
    assert "migrate finishes it" in finding["remedy"]

    assert own.migrator("migrate", "--yes", "-q").status == 0
    assert doctor(own)["unfinished"]["found"] == "none"


def test_a_run_under_way(own):
    own.fill("1.0.0", {"a": "1.0.0"})
    namespace = own.name + ".config"
    block = {"failCommands": ["update"], "namespace": namespace, "blockConnection": True, "blockTimeMS": 3000}
    with failpoint(own.db.client, **block):
        p = subprocess.Popen(
            [os.path.join(own.bin, "fiftyone-migrator"), "migrate", "--yes", "-q"],
            env=own.env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
        )
        end = time.monotonic() + 10
        while not own.db["migrator.journal"].find_one({"_id": "run"}) and time.monotonic() < end:
            time.sleep(0.02)
        finding = doctor(own, 16)["unfinished"]
    assert finding["level"] == "blocker"
    assert "process %d, which is running" % p.pid in finding["found"]
    assert p.wait(timeout=30) == 0
    assert doctor(own)["unfinished"]["level"] == "ok"


def test_parked_without_a_journal(own):
    own.fill("1.4.1", {"a": "1.4.1", "lost": PARKED})
    finding = doctor(own, 16)["unfinished"]
    assert finding["found"].endswith("the journal does not know them: lost")
    assert finding["details"]["unknown_to_journal"] == ["lost"] and "backup" in finding["remedy"]


def test_lease_and_residue(own):
    own.fill("1.4.1", {"a": "1.4.1"})
    now = datetime.datetime(2026, 3, 9, 13, 45, 7)
    own.db["migrator.lease"].insert_one(
        {"_id": "lease", "owner": "ada", "host": "engine", "pid": 12, "started": now, "expires": now}
    )
    own.db["migrator.residue"].insert_many([{"before": i} for i in range(7)])
    own.db["migrator.dropped.20260309-134507-abcd.samples.x"].insert_one({})
    found = doctor(own)
    time_text = "2026-03-09 13:45:07 UTC"
    assert found["lease"]["found"] == "ada, host engine, process 12, since %s, until %s" % (time_text, time_text)
    assert found["residue"]["found"].startswith("7 values, ") and found["residue"]["found"].endswith(", and 1 collection")
    assert found["residue"]["details"]["values"] == 7 and found["residue"]["details"]["collections"] == 1


# -- the database


@pytest.mark.parametrize("version,level", [("1.99.0", "note"), ("2.0.0", "blocker"), ("new", "blocker")])
def test_version(own, version, level):
    own.fill(version, {})
    assert doctor(own, 16 if level == "blocker" else 0)["database"]["level"] == level


def test_third_type(own):
    own.fill("1.4.1", {}, "other")
    finding = doctor(own, 16)["database"]
    assert "Cannot connect to database type 'other'" in finding["found"]


def test_unreachable(own):
    r = own.migrator("doctor", FIFTYONE_DATABASE_URI="mongodb://127.0.0.1:1/?serverSelectionTimeoutMS=200")
    assert r.status == 5 and r.out == "" and "Could not connect" in r.err


def test_feature_compatibility(own):
    admin = own.db.client.admin
    admin.command("setFeatureCompatibilityVersion", "5.0")
    try:
        finding = doctor(own)["feature_compatibility"]
    finally:
        admin.command("setFeatureCompatibilityVersion", "6.0")
    assert finding["level"] == "note" and finding["found"].startswith("5.0, below")
    assert 'setFeatureCompatibilityVersion: "6.0"}' in finding["remedy"]


# -- replica sets


@pytest.fixture(scope="module")
def replica_set(tmp_path_factory):
    """A primary, a secondary and an arbiter; with logins."""
    key = tmp_path_factory.mktemp("key") / "key"
    key.write_text("a" * 32)
    key.chmod(0o400)
    options = ["--replSet", "rs", "--keyFile", str(key), "--oplogSize", "990"]
    direct = {"directConnection": True}
    with contextlib.ExitStack() as stack:
        servers = [stack.enter_context(harness.Server(*options, client=direct)) for _ in range(3)]
        hosts = [s.uri[len("mongodb://"):] for s in servers]
        members = [{"_id": i, "host": h, "priority": 1 - min(i, 1)} for i, h in enumerate(hosts)]
        members[2]["arbiterOnly"] = True
        config = {"_id": "rs", "members": members, "settings": {"electionTimeoutMillis": 500}}
        first = servers[0].client
        first.admin.command("replSetInitiate", config)
        wait_for(lambda: first.admin.command("hello").get("isWritablePrimary"))
        first.admin.command("createUser", "root", pwd="r", roles=["root"])
        root = stack.enter_context(pymongo.MongoClient(servers[0].uri, username="root", password="r", **direct))
        wait_for(lambda: [m["stateStr"] for m in status_of(root)] == ["PRIMARY", "SECONDARY", "ARBITER"])
        # Without it writes wait for two members with data, as soon as one of them is gone.
        root.admin.command("setDefaultRWConcern", defaultWriteConcern={"w": 1})
        yield servers, hosts, root


def wait_for(condition):
    end = time.monotonic() + 30
    while time.monotonic() < end:
        with contextlib.suppress(pymongo.errors.PyMongoError):
            if condition():
                return
        time.sleep(0.05)
    raise AssertionError("it does not happen")


def status_of(root):
    return root.admin.command("replSetGetStatus")["members"]


def member_tool(replica_set, tmp_path, user):
    servers, hosts, root = replica_set
    tool = Tool(servers[0], "fo", str(tmp_path))
    tool.db = root["fo"]
    tool.env["FIFTYONE_DATABASE_URI"] = "mongodb://%s@%s/?replicaSet=rs&authSource=admin" % (user, hosts[0])
    return tool


def user_with(root, cluster, oplog, database=()):
    name = "user%d" % next(NAMES)
    privileges = [{"resource": {"db": "fo", "collection": ""}, "actions": [*DATABASE, *database]}]
    if cluster:
        privileges.append({"resource": {"cluster": True}, "actions": cluster})
    if oplog:
        privileges.append({"resource": {"db": "local", "collection": "oplog.rs"}, "actions": oplog})
    root.admin.command("createRole", name, privileges=privileges, roles=[])
    root.admin.command("createUser", name, pwd="p", roles=[name])
    return name + ":p"


def test_replica_set_with_the_documented_rights(replica_set, tmp_path):
    root = replica_set[2]
    root["fo"].config.insert_one({"version": NEWEST, "type": "fiftyone"})  # dbStats needs a database
    user = user_with(root, CLUSTER, ["find", "collStats"], ["dbStats", "collStats"])
    found = doctor(member_tool(replica_set, tmp_path, user))
    assert {f["level"] for f in found.values()} == {"ok", "note"}
    assert [i for i, f in found.items() if f["level"] == "note"] == ["server"]
    assert found["topology"]["found"] == "replica set rs, primary " + replica_set[1][0]
    assert [m["state"] for m in found["members"]["details"]["members"]] == ["PRIMARY", "SECONDARY", "ARBITER"]
    assert found["oplog"]["details"]["max_bytes"] == 990 << 20 and found["oplog"]["details"]["window_ms"] > 0
    assert "so far; " in found["oplog"]["found"] and "sight" not in found


def test_a_secondary_alone_is_no_place_to_migrate(replica_set, tmp_path):
    tool = member_tool(replica_set, tmp_path, "root:r")
    tool.env["FIFTYONE_DATABASE_URI"] = "mongodb://root:r@%s/?directConnection=true&authSource=admin" % replica_set[1][1]
    finding = doctor(tool, 16)["topology"]
    assert finding["level"] == "blocker" and "which is not its primary" in finding["found"]
    assert "replicaSet=rs" in finding["remedy"]


@pytest.mark.parametrize(
    "right,id",
    [
        ("inprog", "clients"),
        ("getParameter", "feature_compatibility"),
        ("replSetGetStatus", "members"),
        ("find on local.oplog.rs", "oplog"),
        ("dbStats on fo", "disk"),
        ("collStats on fo", "residue"),
    ],
)
def test_rights_to_look(replica_set, tmp_path, right, id):
    root = replica_set[2]
    action = right.split()[0]
    oplog = [a for a in ("find", "collStats") if right != a + " on local.oplog.rs"]
    database = [a for a in ("dbStats", "collStats") if right != a + " on fo"]
    user = user_with(root, [a for a in CLUSTER if a != action], oplog, database)
    found = doctor(member_tool(replica_set, tmp_path, user))
    assert found["sight"]["details"]["missing"] == [right]
    assert found[id]["level"] == "note" and "cannot see" in found[id]["found"]
    assert action in found[id]["found"] + found[id]["remedy"]
    assert found["rights"]["level"] == "ok"


def test_idle_is_required_and_cannot_be_seen(replica_set, tmp_path):
    tool = member_tool(replica_set, tmp_path, user_with(replica_set[2], [], []))
    tool.db.config.update_one({}, {"$set": {"version": "1.0.0", "type": "fiftyone"}}, upsert=True)
    r = tool.migrator("migrate", "--yes", "--require-idle", "-q")
    assert r.status == 16 and "cannot be seen" in r.err and "inprog" in r.err
    assert tool.versions()[1] == "1.0.0"
    assert tool.migrator("migrate", "--yes", "-q").status == 0
    assert tool.versions()[1] == NEWEST


def test_members_that_are_gone(replica_set, tmp_path):
    """Last: the set is not whole again."""
    servers, hosts, root = replica_set
    tool = member_tool(replica_set, tmp_path, "root:r")
    servers[1].process.kill()
    wait_for(lambda: status_of(root)[1]["health"] == 0)
    finding = doctor(tool, 16)["members"]
    assert finding["level"] == "blocker" and hosts[1] in finding["found"]
    assert "wait for 2 members with data and 1 can answer" in finding["remedy"]


def test_the_same_version_is_told_once(tool):
    tool.restore("0.14.4-A")  # without a stored version
    assert tool.migrator("doctor").out.count("at v1.22.1") == 1
