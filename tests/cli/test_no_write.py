"""Commands that only look write nothing: the server's profiler saw everything they did."""
import os
import signal

import pytest

from test_control import cursor_of, fill, start, wait_for

READS = {"find", "getMore", "aggregate", "count", "distinct", "listCollections", "listIndexes", "collStats", "dbStats",
         "dbstats", "dataSize", "hello", "isMaster", "ping", "buildInfo", "connectionStatus", "explain", "killCursors", "endSessions"}
COMMANDS = [
    ["fiftyone-migrator", "plan"], ["fiftyone-migrator", "plan", "0.22.0"],
    ["fiftyone-migrator", "migrate", "--dry-run"], ["fiftyone-migrator", "migrate", "0.22.0", "--dry-run", "--yes"],
    ["fiftyone-migrator", "info"], ["fiftyone-migrator", "doctor"], ["fiftyone-migrator", "verify"],
    ["fiftyone-migrator", "verify", "--deep"], ["fiftyone-migrator", "verify", "--repair", "--dry-run", "--yes"],
    ["fiftyone-migrator", "history"], ["fiftyone-migrator", "lock", "status"],
    ["fiftyone-migrator", "residue", "list"], ["fiftyone-migrator", "residue", "apply", "--dry-run"],
    ["fiftyone", "migrate", "--info"], ["fiftyone", "migrate", "--all", "--dry-run"],
]
M = "fiftyone-migrator"
NAME, RUN, BACKUP, PLAN, ARCHIVE, NEW, URI = "{name} {run} {backup} {plan} {archive} {new} {uri}".split()
# What else says that it writes nothing, or only to files.
OTHERS = [
    [M, "plan", "0.22.0", "--estimate", "--html", NEW], [M, "plan", "--save", NEW], [M, "plan", "--lazy"],
    [M, "migrate", "--plan", PLAN, "--dry-run"], [M, "migrate", "--dry-run", "--backup", NEW],
    [M, "info", "--check"], [M, "check", "--client-version", "0.25.0"], [M, "history", RUN], [M, "versions"],
    [M, "backup", NEW, "--all"], [M, "restore", BACKUP, "--dry-run", "--overwrite"],
    [M, "dataset", "list"], [M, "dataset", "export", NAME, NEW, "--media", "none"],
    [M, "dataset", "import", ARCHIVE, "--name", "new", "--dry-run"],
    [M, "dataset", "copy", NAME, "--to", URI, "--to-database", "nowhere", "--dry-run"],
    [M, "media", "verify", NAME], [M, "media", "rewrite", NAME, "--from", "/data", "--to", "/there", "--dry-run"],
    [M, "media", "upload", NAME, NEW, "--dry-run", "--skip-failures"],
]


def profiled(tool, command):
    """What was done to the database by the command."""
    db = tool.db
    db.command("profile", 0)
    db.drop_collection("system.profile")
    db.create_collection("system.profile", capped=True, size=32 << 20)
    db.command("profile", 2)
    r = tool._run(command[0], command[1:], {})
    db.command("profile", 0)
    seen = [e for e in db["system.profile"].find() if e.get("appName") == "fiftyone-migrator"]
    db.drop_collection("system.profile")
    return r, seen


def is_read(entry):
    if entry["op"] in ("query", "getmore"):
        return True
    if entry["op"] != "command":
        return False
    name = next(iter(entry["command"]))
    stages = [next(iter(s)) for s in entry["command"].get("pipeline", [])]
    return name in READS and not {"$merge", "$out"} & set(stages)


@pytest.fixture(params=["quiet", "interrupted", "real"])
def watched(tool, request):
    if request.param == "real":
        return tool.restore("0.14.4-A")
    fill(tool.db)
    tool.db["migrator.journal"].drop()
    if request.param == "interrupted":
        run = start(tool, "--yes", "--rate", "500")
        wait_for(lambda: cursor_of(tool))
        os.kill(run.pid, signal.SIGKILL)
        run.communicate()
        assert tool.db.datasets.find_one({"version": "9999.0+migrating"})
    return tool


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_nothing_is_written(watched, command):
    everything = {n: sorted(map(repr, watched.db[n].find())) for n in watched.db.list_collection_names()}
    r, seen = profiled(watched, command)
    assert r.status in (0, 15, 16), r.err
    assert seen, "the profiler saw nothing"
    assert [e for e in seen if not is_read(e)] == []
    assert {n: sorted(map(repr, watched.db[n].find())) for n in watched.db.list_collection_names()} == everything


@pytest.fixture
def used(tool, tmp_path):
    """A real database that was migrated, with what the commands above name."""
    tool.restore("0.18.0-A")
    assert tool.migrator("migrate", "0.22.0", "--yes", "-q").status == 0
    name = "quickstart images"
    files = {"backup": tmp_path / "backup", "plan": tmp_path / "plan.json", "archive": tmp_path / "archive"}
    assert tool.migrator("backup", str(files["backup"]), "--all").status == 0
    assert tool.migrator("plan", "--save", str(files["plan"])).status == 0
    assert tool.migrator("dataset", "export", name, str(files["archive"]), "--media", "none").status == 0
    run = tool.migrator("history", "-o", "json").json["runs"][0]["run"]
    words = {**{k: str(v) for k, v in files.items()}, "run": run, "name": name, "new": str(tmp_path / "new"),
             "uri": tool.env["FIFTYONE_DATABASE_URI"]}
    return tool, words


@pytest.mark.parametrize("command", OTHERS, ids=" ".join)
def test_nothing_is_written_by_others(used, command):
    tool, words = used
    databases = sorted(tool.db.client.list_database_names())
    everything = {n: sorted(map(repr, tool.db[n].find())) for n in tool.db.list_collection_names()}
    r, seen = profiled(tool, [word.format(**words) for word in command])
    assert r.status in (0, 4, 15), r.err
    assert seen or command[1] == "versions", "the profiler saw nothing"
    assert [e for e in seen if not is_read(e)] == []
    assert {n: sorted(map(repr, tool.db[n].find())) for n in tool.db.list_collection_names()} == everything
    assert sorted(tool.db.client.list_database_names()) == databases


def test_the_profiler_sees_writes(watched):
    r, seen = profiled(watched, ["fiftyone-migrator", "migrate", "--yes"])
    assert r.status == 0, r.err
    assert {"insert", "update", "remove"} <= {e["op"] for e in seen if not is_read(e)}
