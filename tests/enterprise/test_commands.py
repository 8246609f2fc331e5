"""The commands of an Enterprise deployment: what they refuse, and what they say."""
import json
import os
import re
import subprocess

import pytest

from deployment import HERE
from enterprise import ALL, EnterpriseTool, harness, server, tool  # noqa: F401

NEEDED = "CAS_DATABASE_URI CAS_DATABASE_NAME FIFTYONE_DATABASE_URI FIFTYONE_DATABASE_NAME".split()


def refused(tool, status, text, *args, **env):
    before = tool.dump()
    r = tool.migrator(*args, **env)
    assert (r.status, r.out) == (status, ""), r.err
    assert text in r.err
    assert tool.dump() == before
    return r


@pytest.mark.parametrize("missing", [[n] for n in NEEDED if n != "FIFTYONE_DATABASE_URI"] + [NEEDED[:2]], ids="-".join)
def test_missing_variables(tool, missing):
    tool.build("2.12.0")
    env = {n: None for n in missing}
    if "FIFTYONE_DATABASE_NAME" in missing:
        # The default name has to be an Enterprise database for anybody to notice.
        r = tool.migrator("migrate", **env)
        assert r.status == 2 and "needs FIFTYONE_DATABASE_NAME, which is not set" in r.err
        return
    verb = "is" if len(missing) == 1 else "are"
    refused(tool, 2, "Migrating FiftyOne Enterprise needs %s, which %s not set" % (", ".join(missing), verb), "migrate",
            **env)


def test_all_missing_at_once(tool):
    r = tool.migrator("migrate", "--include", "cas", **{n: None for n in NEEDED})
    assert r.status == 2 and "needs %s, which are not set" % ", ".join(NEEDED) in r.err
    r = tool.migrator("migrate", "--include", "cas", CAS_MONGODB_URI="mongodb://x", CAS_DATABASE_URI=None)
    assert r.status == 2 and "CAS_MONGODB_URI is set" in r.err


def test_secrets_from_files(tool, tmp_path):
    tool.build("2.12.0")
    path = tmp_path / "uri"
    path.write_text(tool.env["CAS_DATABASE_URI"] + "\n")
    r = tool.migrator("plan", "-o", "json", CAS_DATABASE_URI=None, CAS_DATABASE_URI_FILE=str(path))
    assert r.status == 0, r.err


def test_the_same_database_twice(tool):
    tool.build("2.12.0")
    refused(tool, 2, "name the same database", "migrate", CAS_DATABASE_NAME=tool.name)


@pytest.mark.parametrize(
    "args,status,text",
    [
        (["--include", "cas", "--exclude", "hub"], 2, "Both --include and --exclude were given"),
        (["--include", "csa"], 2, "There is no service 'csa'; did you mean 'cas'?"),
        (["--exclude", ",".join(["datasets", *ALL])], 2, "No service is left to migrate"),
        (["2.99"], 14, "Unknown Enterprise version '2.99'; the newest known one is 2.25.0"),
        (["1.8.0"], 14, "Unknown Enterprise version '1.8.0'"),
        (["0.25.0"], 14, "Unknown Enterprise version '0.25.0'"),
        (["two"], 14, "Invalid version: 'two'"),
        (["--set", "cas.group=x"], 2, "There is no collection 'cas.group'; did you mean 'cas.groups'?"),
        (["--catalogue", "/no/such"], 2, "Cannot read the catalogue '/no/such'"),
        (["--versions", "/no/such"], 2, "Cannot read the version list '/no/such'"),
    ],
    ids=lambda x: " ".join(x) if isinstance(x, list) else "",
)
def test_bad_input(tool, args, status, text):
    tool.build("2.12.0", scale=0.02)
    refused(tool, status, text, "migrate", *args)


def test_not_admin(tool):
    tool.build("2.12.0", scale=0.02)
    refused(tool, 13, "FIFTYONE_DATABASE_ADMIN is false", "migrate", FIFTYONE_DATABASE_ADMIN="false")


def test_open_source_has_datasets_only(tool):
    tool.fill("1.4.1", {"a": "1.4.1"})
    refused(tool, 2, "is one of open-source FiftyOne", "migrate", "--include", "hub")
    r = tool.migrator("plan", "-o", "json", CAS_DATABASE_URI=None, CAS_DATABASE_NAME=None)
    assert r.status == 0 and "services" not in r.json


def test_adopt(tool):
    tool.fill("1.4.1", {"a": "1.4.1"})
    r = tool.migrate("2.13.0", "--adopt")
    assert "is one of FiftyOne Enterprise now" in r.err
    assert tool.config() == {**tool.config(), "version": "1.10.0", "type": "fiftyone-teams"}
    assert tool.versions()[0] == {"a": "1.10.0"}
    assert tool.service_versions() == {"hub": "2.13.0", "enterprise": "2.13.0"}


def test_lazy(tool):
    tool.build("2.12.0", scale=0.02)
    before = tool.versions()[0]
    tool.migrate("2.16.0", "--lazy")
    assert tool.versions() == (before, "1.13.0")


def test_include_and_exclude(tool):
    tool.build("2.12.0", scale=0.05)
    r = tool.migrator("plan", "-o", "json", "--exclude", "cas", "hub", "2.15.0")
    assert [s["service"] for s in r.json["services"]] == ["enterprise"] and r.json["datasets"]
    assert r.json["target"] == "1.12.0" and r.json["enterprise_target"] == "2.15.0"
    tool.migrate("--include", "enterprise")
    assert tool.service_versions() == {"enterprise": "2.25.0"}
    assert tool.config()["version"] == "1.9.0"
    # cas may stay out, and then its variables may, too.
    tool.migrate("--exclude", "cas", CAS_DATABASE_URI=None, CAS_DATABASE_NAME=None)
    assert tool.service_versions() == {"enterprise": "2.25.0", "hub": "2.25.0"}
    assert tool.config()["version"] == "1.22.1"


def test_info(tool):
    tool.build("2.12.0", scale=0.05)
    out = tool.migrator("info").out
    for line in "Cas:       not known, 1.6.0 or later", "Hub:       v2.12.0 (guessed)", "Edition:   enterprise":
        assert line in out
    tool.migrate("2.13.0")
    services = tool.migrator("info", "-o", "json").json["services"]
    assert {s["service"]: (s["version"], s["guessed"]) for s in services} == {s: ("2.13.0", False) for s in ALL}


def test_drop_in_heading(tool):
    tool.build("2.12.0", scale=0.02)
    before = tool.dump()
    lines = tool.fiftyone("migrate", "--info").out.splitlines()
    assert lines[:3] == [
        "FiftyOne Enterprise version: 2.25.0",
        "FiftyOne compatibility version: 1.22.1",
        "Database version: 1.9.0",
    ]
    # Connecting upgrades nothing.
    r = tool.fiftyone("migrate", "--all")
    assert tool.dump() == before, r.out


@pytest.mark.parametrize(
    "args,status,text",
    [
        (["--client-version", "2.12.0"], 0, "FiftyOne Enterprise 2.12.0 (open source 1.9.0) opens the database at v1.9.0."),
        (["--client-version", "2.25.0"], 0, "opens the database at v1.9.0."),
        (["--client-version", "2.6.0"], 14,
         "Cannot connect to database v1.9.0 with client v1.3.0 (compatibility >=0.19,<1.4). See "),
        (["--client-version", "1.22.1", "--client-type", "fiftyone"], 14,
         "Cannot connect to database type 'fiftyone-teams' with client type 'fiftyone'"),
        (["--client-version", "2.12.0", "1.1.0"], 0, "opens the database after a migration to v0.19.0."),
        (["--client-version", "2.1.0", "2.15.0"], 14, "Cannot connect to database v1.12.0 with client v1.0.0 (compatibility >=0.19,<0.25). See "),
    ],
    ids=lambda x: " ".join(x) if isinstance(x, list) else "",
)
def test_check(tool, args, status, text):
    tool.build("2.12.0", scale=0.02)
    r = tool.migrator("check", *args)
    assert r.status == status, r.err
    assert text in r.out
    assert (tool.migrator("check", *args, "-o", "json").json["refused"] is None) == (status == 0)


def test_plan_tells_who_keeps_access(tool):
    tool.build("2.12.0", scale=0.02)
    assert "those of open source 1.4.0 and later, below 2" in tool.migrator("plan").out


def test_drop_of_what_is_left_behind(tool):
    tool.build("2.0.0", scale=0.05)
    tool.migrate("1.5.0")
    assert tool.service_versions()["cas"] is None
    assert tool.client[tool.cas].users.estimated_document_count() > 0
    assert "Cas:       not present" in tool.migrator("info").out
    tool.migrate("2.0.0")
    assert tool.service_versions()["cas"] == "2.0.0"
    tool.migrate("1.5.0", "--allow-drop")
    assert set(tool.client[tool.cas].list_collection_names()) & {"users", "orgs", "groups"} == set()
    assert tool.client[tool.cas].sessions.estimated_document_count() > 0


def test_history(tool):
    tool.build("2.12.0", scale=0.02)
    tool.migrate("2.13.0")
    tool.migrate("2.16.0", "--include", "cas", "hub")
    newest, older = tool.migrator("history", "-o", "json").json["runs"][:2]
    assert (newest["state"], older["state"]) == ("done", "done")
    parts = [[(s["service"], s["from"], s["to"]) for s in run["services"] if "to" in s] for run in (older, newest)]
    assert parts[0] == [("cas", None, "2.13.0"), ("hub", "2.12.0", "2.13.0"), ("enterprise", "2.12.0", "2.13.0")]
    assert parts[1] == [("cas", "2.13.0", "2.16.0"), ("hub", "2.13.0", "2.16.0")]


def test_a_failing_service_stops_and_says_where_all_stand(tool):
    tool.build("2.12.0", scale=0.05)
    # A document that the migrated database does not take.
    tool.db.command({"collMod": "api_keys", "validator": {"principal": {"$exists": False}}})
    r = tool.migrator("migrate", "2.18.0")
    assert r.status == 1
    assert "hub failed: " in r.err
    assert "cas: v2.18.0; hub: v2.12.0 (half-way to v2.18.0); enterprise: v2.12.0 (guessed)" in r.err
    assert tool.config()["version"] == "1.9.0"
    tool.db.command({"collMod": "api_keys", "validator": {}})
    tool.migrate("2.18.0")
    assert tool.service_versions() == {s: "2.18.0" for s in ALL} and tool.config()["version"] == "1.15.0"


# -- a catalogue of the deployment

OWN = """version: 2.14.0
title: Things have a colour
source: ours
down_label: exact
up:
  - set_default: {path: colour, value: red}
    over: {collection: things}
"""


def test_own_catalogue(tool, tmp_path):
    tool.build("2.12.0", scale=0.02)
    tool.db.things.insert_many([{"_id": 1}, {"_id": 2, "colour": "blue"}])
    file = tmp_path / "own" / "hub" / "2.14.0.yaml"
    file.parent.mkdir(parents=True)
    file.write_text(OWN)
    own = "--catalogue", str(tmp_path / "own")
    assert "hub         2.14.0" in tool.migrator("revisions", "list", *own).out
    assert "Things have a colour" in tool.migrator("revisions", "show", "2.14.0", *own).out
    assert tool.migrator("revisions", "lint", *own).status == 0
    tool.migrate("2.15.0", *own)
    assert list(tool.db.things.find()) == [{"_id": 1, "colour": "red"}, {"_id": 2, "colour": "blue"}]
    # Applied, and changed since: told, and not run again.
    file.write_text(OWN.replace("red", "green"))
    r = refused(tool, 15, "Revisions of hub have been applied with another content than they have now: 2.14.0",
                "migrate", "2.16.0", *own)
    assert "--adopt" in r.err
    tool.migrate("2.16.0", "--adopt", *own)
    tool.migrate("2.13.0", "--allow-loss", *own)
    assert list(tool.db.things.find()) == [{"_id": 1}, {"_id": 2}]
    tool.migrate("2.15.0", *own)
    assert list(tool.db.things.find())[1] == {"_id": 2, "colour": "blue"}


@pytest.mark.parametrize(
    "text,error",
    [
        (OWN.replace("set_default", "sets"), "2.14.0.yaml:6:5: unknown operation 'sets'"),
        (OWN.replace("value: red", "valu: red"), "2.14.0.yaml:6:5: set_default: argument 'value' is missing"),
        (OWN.replace("set_default: {path: colour, value: red}", "unset: {path: colour}"), "the way down cannot be derived"),
        (OWN + "up: []\n", "2.14.0.yaml:8:1: 'up' is there twice"),
        ("]", "2.14.0.yaml:1:1:"),
    ],
    ids=["operation", "argument", "no-way-back", "twice", "no-yaml"],
)
def test_broken_catalogue(tool, tmp_path, text, error):
    tool.build("2.12.0", scale=0.02)
    file = tmp_path / "own" / "hub" / "2.14.0.yaml"
    file.parent.mkdir(parents=True)
    file.write_text(text)
    refused(tool, 2, error, "migrate", "--catalogue", str(tmp_path / "own"))
    lint = tool.migrator("revisions", "lint", str(file))
    assert lint.status == 1 and error in lint.out


def test_collections_by_another_name(tool):
    tool.build("2.16.0", scale=0.05)
    tool.db.api_keys.rename("keys_of_ours")
    tool.migrate("2.18.0", "--set", "hub.api_keys=keys_of_ours")
    assert tool.db.keys_of_ours.find_one({"principal.kind": "user"})


# -- the page


def shell_commands(text):
    """[(line, variables set by the same block before it)] of every shell block of the page."""
    for block in re.findall(r"\.\. code-block:: shell\n\n((?:    .*\n|\s*\n)+)", text):
        yield [line.strip() for line in re.sub(r"\\\n\s*", "", block).splitlines() if line.strip()]


def test_page(tool, tmp_path):
    """Every shell command of the page of FiftyOne Enterprise, in its order; only the package index is left out."""
    with open(os.path.join(HERE, "page.rst"), encoding="utf-8") as f:
        blocks = list(shell_commands(f.read()))
    assert sum(map(len, blocks)) == 25
    tool.build("2.12.0")
    # In the order of the page the newest version comes first; its own example then goes from 2.12.0 to 2.13.0.
    ran = []
    path = tool.bin + ":" + tool.env["PATH"]
    for block in blocks:
        lines = [line for line in block if not line.startswith("pip ")]
        commands = [line.removeprefix("$ ") for line in lines if line.startswith(("$ ", "fiftyone", "export", "OS_"))]
        if not any("fiftyone" in c for c in commands):
            continue
        script = "set -e\n" + "\n".join(commands)
        p = subprocess.run(["bash", "-c", script], env={**tool.env, "PATH": path}, capture_output=True, text=True, timeout=120)
        assert p.returncode == 0, (commands, p.stderr)
        ran += [c for c in commands if c.startswith("fiftyone")]
        if "--info" in script:
            assert [line.split(":")[0] for line in p.stdout.splitlines()[:3]] == [
                line.split(":")[0] for line in block[1:4]
            ]
    assert len(ran) == 8
    # The last command of the page: down to the data model of Enterprise 0.10.
    assert tool.config()["version"] == "0.18.0"
    assert set(tool.versions()[0].values()) == {"0.18.0"}
    assert tool.service_versions() == {s: "2.12.0" for s in ALL}


# -- rights


@pytest.fixture(scope="module")
def guarded():
    with harness.Server("--auth") as s:
        s.client.admin.command("createUser", "root", pwd="pw", roles=["root"])
        import pymongo

        root = pymongo.MongoClient(s.uri.replace("://", "://root:pw@"), directConnection=True)
        s.client.close()
        s.client = root
        yield s


@pytest.mark.parametrize("lacks", [None, "createIndex", "update", "remove", "insert"])
def test_rights(guarded, tmp_path, lacks):
    """readWrite on CAS is enough, without dbAdmin; what is missing is named before anything is written."""
    name = "rights_%s" % lacks
    t = EnterpriseTool(guarded, name, str(tmp_path))
    t.build("2.12.0", scale=0.05)
    admin = guarded.client.admin
    roles = [{"role": "readWrite", "db": t.name}, {"role": "dbAdmin", "db": t.name}]
    if lacks:
        actions = "find insert update remove listCollections listIndexes createIndex dropIndex dropCollection".split()
        actions.remove(lacks)
        admin.command("createRole", "role_" + name, roles=[],
                      privileges=[{"resource": {"db": t.cas, "collection": ""}, "actions": actions}])
        roles.append({"role": "role_" + name, "db": "admin"})
    else:
        roles.append({"role": "readWrite", "db": t.cas})
    admin.command("createUser", name, pwd="pw", roles=roles)
    uri = guarded.uri.replace("://", "://%s:pw@" % name) + "/?authSource=admin"
    t.env.update({"FIFTYONE_DATABASE_URI": uri, "CAS_DATABASE_URI": uri})
    if not lacks:
        t.migrate("2.25.0")
        t.migrate("2.12.0", "--allow-loss")
        return
    r = refused(t, 12, "lacks the right %s on the database %s" % (lacks, t.cas), "migrate")
    assert "pw" not in r.err
