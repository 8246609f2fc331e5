"""The commands of an Enterprise deployment: what they refuse, and what they say."""
import base64
import http.server
import os
import re
import subprocess
import threading
import zipfile

import pytest

from deployment import HERE
from enterprise import ALL, OWN, EnterpriseTool, harness, server, tool  # noqa: F401

NEEDED = "CAS_DATABASE_URI CAS_DATABASE_NAME FIFTYONE_DATABASE_URI FIFTYONE_DATABASE_NAME".split()


def refused(tool, status, text, *args, **env):
    before = tool.dump()
    r = tool.migrator(*args, **env)
    assert (r.status, r.out) == (status, ""), r.err
    assert text in r.err
    assert tool.dump() == before
    return r


@pytest.mark.parametrize("missing", [[n] for n in NEEDED] + [NEEDED[:2]], ids="-".join)
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
    other = tool.env["CAS_DATABASE_URI"].replace("127.0.0.1", "localhost")
    assert other != tool.env["CAS_DATABASE_URI"]
    for command in "plan", "migrate":
        refused(tool, 2, "name the same database", command, CAS_DATABASE_NAME=tool.name, CAS_DATABASE_URI=other)


@pytest.mark.parametrize(
    "args,status,text",
    [
        (["--include", "cas", "--exclude", "hub"], 2, "Both --include and --exclude were given"),
        (["--include", "csa"], 2, "There is no service 'csa'; did you mean 'cas'?"),
        (["--exclude", ",".join(["datasets", *ALL])], 2, "No service is left to migrate"),
        (["2.99"], 14, "Unknown Enterprise version '2.99'; the newest known one is 2.25.0"),
        (["1.8.0"], 14, "; it is the open-source version of Enterprise 2.11."),
        (["0.25.0"], 14, "Unknown Enterprise version '0.25.0'"),
        (["two"], 14, "Invalid version: 'two'"),
        (["--os-version", "0.14.0"], 2, "Open source 0.14.0 is older than any known Enterprise version"),
        (["--set", "cas.group=x"], 2, "There is no collection 'cas.group'; did you mean 'cas.groups'?"),
        (["--set", "cas.groups=users"], 2, "cas.groups and cas.users are set to one collection, 'users'"),
        (["--set", "hub.secrets=snapshots"], 2, "hub.secrets and enterprise.snapshots are set to one collection"),
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
    for line in "Cas:        not known, 1.6.0 or later", "Hub:        v2.12.0 (guessed)", "Enterprise: v2.12.0 (guessed)":
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
    shown = "SDKs that open the database then: Enterprise %s, which are those of open source %s (check "
    assert shown % ("2.7.0 and later", "1.4.0 and later, below 2") in tool.migrator("plan").out
    assert shown % ("0.11.0 and later", "0.19.0 and later, below 2") in tool.migrator("plan", "1.1.0").out
    assert shown % ("0.9.0 to 1.0.1", "0.17.0 and later, below 0.19") in tool.migrator("plan", "0.9.0").out


def test_drop_of_what_is_left_behind(tool):
    tool.build("2.0.0", scale=0.05)
    tool.migrate("1.5.0")
    assert tool.service_versions()["cas"] is None
    assert tool.client[tool.cas].users.estimated_document_count() > 0
    assert "Cas:        not present" in tool.migrator("info").out
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


def test_a_revision_that_is_there_twice(tool, tmp_path):
    tool.build("2.12.0", scale=0.02)
    file = tmp_path / "own" / "hub" / "1.4.0.yaml"
    file.parent.mkdir(parents=True)
    file.write_text(OWN.replace("2.14.0", "1.4.0"))
    own = "--catalogue", str(tmp_path / "own")
    error = "%s:1:1: the revision 1.4.0 is there already, in hub/1.4.0.yaml" % file
    refused(tool, 2, error, "migrate", *own)
    r = tool.migrator("revisions", "lint", *own)
    assert r.status == 1 and error in r.out
    # The same id in another service, or of another name, is another revision.
    file.rename(file.with_name("1.4.0-colour.yaml"))
    (tmp_path / "own" / "cas").mkdir()
    (tmp_path / "own" / "cas" / "1.4.0.yaml").write_text(OWN.replace("2.14.0", "1.4.0"))
    assert tool.migrator("revisions", "lint", *own).status == 0


def test_lint_names_what_is_wrong_in_every_file_of_a_catalogue(tool, tmp_path):
    folder = tmp_path / "own" / "hub"
    folder.mkdir(parents=True)
    (folder / "2.14.0.yaml").write_text(OWN.replace("set_default", "sets"))
    (folder / "2.15.0.yaml").write_text(OWN.replace("2.14.0", "2.15.0").replace("{collection: things}", "things"))
    r = tool.migrator("revisions", "lint", "--catalogue", str(tmp_path / "own"))
    assert r.status == 1 and "2 revisions checked, 2 faults" in r.out
    assert "2.14.0.yaml:6:5: unknown operation 'sets'" in r.out and "2.15.0.yaml:6:5: 'over' names the unknown target" in r.out


def test_collections_by_another_name(tool):
    tool.build("2.16.0", scale=0.05)
    tool.db.api_keys.rename("keys_of_ours")
    tool.migrate("2.18.0", "--set", "hub.api_keys=keys_of_ours")
    assert tool.db.keys_of_ours.find_one({"principal.kind": "user"})


# -- unique indexes


def test_values_that_stand_twice_are_refused_before_the_first_write(tool):
    tool.build("2.12.0", scale=0.05)
    twins = [{"_id": "a", "provider": "AWS", "prefixes": ["s3://one", "s3://x"], "description": "first"},
             {"_id": "b", "provider": "AWS", "prefixes": ["s3://x"], "description": "second"},
             {"_id": "c", "provider": "GCP", "prefixes": ["s3://x"], "description": "third"}]
    tool.db.cloud_credentials.insert_many(twins)
    tool.client[tool.cas].users.insert_many([{"_id": i, "id": n, "memberships": []} for i, n in (("p", 8), ("q", 8.0))])
    r = refused(tool, 16, "Unique indexes cannot be made; nothing was written:", "migrate", "2.18.0")
    assert "hub: 2 with equal scope, sid, provider, prefixes in cloud_credentials: first and second" in r.err
    assert "cas: 2 with equal id in users: " in r.err and "third" not in r.err and "--error-level 1" in r.err
    r = tool.migrator("plan", "2.18.0")
    assert r.status == 0 and "Refused, because unique indexes cannot be made:" in r.out
    parts = {s["service"]: s for s in tool.migrator("plan", "2.18.0", "-o", "json").json["services"]}
    assert [d["examples"] for d in parts["hub"]["duplicates"]] == [["first and second"]]
    r = tool.migrate("2.18.0", "--error-level", "1")
    assert "The unique index scope_1_sid_1_provider_1_prefixes_1_where_present on cloud_credentials is left out" in r.err
    assert "id_1_where_present" not in tool.client[tool.cas].users.index_information()
    assert tool.db.cloud_credentials.count_documents({"scope": "GLOBAL"}) == tool.db.cloud_credentials.count_documents({})


def test_what_comes_back_from_the_undo_log_may_stand_twice(tool):
    tool.build("2.18.0", scale=0.05)
    tool.migrate("2.18.0")
    tool.migrate("2.12.0")
    cas = tool.client[tool.cas]
    assert cas.serviceAccounts.estimated_document_count() == 0
    gone = cas["migrator.residue"].find_one({"collection": "serviceAccounts"})["before"]
    cas.serviceAccounts.insert_one({"_id": "mine", "orgId": gone["orgId"], "name": gone["name"]})
    # Somebody gave a labeler, a guest meanwhile, another role.
    role = {"collection": "users", "before.memberships.role": "LABELER"}
    labeler = cas["migrator.residue"].find_one(role)["before"]
    cas.users.update_one({"_id": labeler["_id"]}, {"$set": {"memberships.$[].role": "ADMIN"}})
    r = refused(tool, 16, "cas: 2 with equal orgId, name in serviceAccounts: ", "migrate", "2.18.0")
    assert "%s and %s" % (gone["name"], gone["name"]) in r.err
    (part,) = [s for s in tool.migrator("plan", "2.18.0", "-o", "json").json["services"] if s["service"] == "cas"]
    assert [d["collection"] for d in part["duplicates"]] == ["serviceAccounts"]
    written = {d["collection"]: (d["edited"], d["removed"], d["restored"]) for d in part["documents"]}
    assert written["serviceAccounts"][2] > 1 and written["users"][2] > 0
    assert any("was changed since the way down and keeps its own" in w for w in part["warnings"])
    cas.serviceAccounts.delete_one({"_id": "mine"})
    report = {s["service"]: s for s in tool.migrate("2.18.0", "-o", "json").json["services"]}
    # As the plan said.
    for service in tool.migrator("history", tool.migrator("history", "-o", "json").json["runs"][0]["run"], "-o",
                                 "json").json["services"]:
        planned = [d for d in service.get("documents", [])]
        assert sum(d["restored"] for d in planned) == report[service["service"]]["restored"], service


def test_an_index_of_the_service_keeps_out_what_comes_back(tool):
    tool.build("2.18.0", scale=0.05)
    accounts = tool.client[tool.cas].serviceAccounts
    accounts.create_index([("orgId", 1), ("name", 1)], unique=True)
    # What stands there already is no matter of ours.
    tool.client[tool.cas].users.create_index("memberships", unique=True, partialFilterExpression={"email": "nobody"})
    tool.migrate("2.18.0")
    start = tool.dump()
    tool.migrate("2.12.0")
    gone = tool.client[tool.cas]["migrator.residue"].find_one({"collection": "serviceAccounts"})["before"]
    accounts.insert_one({"_id": "mine", "orgId": gone["orgId"], "name": gone["name"]})
    for more in [], ["--error-level", "1"]:
        r = refused(tool, 16, "equal values in unique indexes; nothing was written:", "migrate", "2.18.0", *more)
        assert "cas: 2 with equal orgId, name in serviceAccounts: " in r.err and "unique index orgId_1_name_1" in r.err
        assert "(_id mine)" in r.err and "(_id %s)" % gone["_id"] in r.err and "remove or rename" in r.err
    r = tool.migrator("plan", "2.18.0")
    assert r.status == 0 and "Refused, because unique indexes that are there allow no equal values:" in r.out
    accounts.delete_one({"_id": "mine"})
    tool.migrate("2.18.0")
    assert {k: docs for k, (docs, _) in tool.dump().items()} == {k: docs for k, (docs, _) in start.items()}


def test_what_the_server_would_not_take_is_refused_before_the_first_write(tool):
    tool.build("2.12.0", scale=0.02)
    credentials = tool.db.cloud_credentials
    credentials.insert_one({"_id": "x", "provider": ["AWS", "GCP"], "prefixes": ["s3://x"], "description": "both"})
    r = refused(tool, 16, "both (_id x) of cloud_credentials has lists under more than one of its keys", "migrate", "2.18.0")
    assert "Change or remove that document first" in r.err
    credentials.delete_one({"_id": "x"})
    tool.db.api_keys.rename("hidden")
    tool.db.command("create", "api_keys", viewOn="hidden", pipeline=[])
    r = tool.migrator("migrate", "2.18.0")
    assert r.status == 16 and "'api_keys' is a view, and hub would be migrated there" in r.err
    assert "migrator.versions" not in tool.db.list_collection_names()
    tool.migrate("2.18.0", "--set", "hub.api_keys=hidden")


def test_a_name_that_comes_back_is_one_of_another_dataset(tool):
    tool.build("2.18.0", scale=0.02)
    tool.db.datasets.create_index("name", unique=True)
    tool.migrate("2.18.0")
    long = tool.db.datasets.find_one({"name": {"$regex": ".{101}"}})
    other = tool.db.datasets.find_one({"_id": {"$ne": long["_id"]}})
    tool.migrate("2.12.0")
    tool.db.datasets.update_one({"_id": other["_id"]}, {"$set": {"name": long["name"]}})
    r = refused(tool, 16, "2 with equal name in datasets: ", "migrate", "2.18.0")
    assert str(long["_id"]) in r.err and str(other["_id"]) in r.err
    tool.db.datasets.update_one({"_id": other["_id"]}, {"$set": {"name": other["name"]}})
    tool.migrate("2.18.0")
    assert tool.db.datasets.find_one(long["_id"])["name"] == long["name"]


def test_what_only_looks_equal_is_not_refused(tool):
    tool.build("2.12.0", scale=0.02)
    tool.db.cloud_credentials.insert_many([
        {"_id": "a", "provider": "AWS", "prefixes": ["s3://x"]}, {"_id": "b", "provider": "GCP", "prefixes": ["s3://x"]},
        {"_id": "c", "provider": "AWS", "prefixes": ["s3://X"]}, {"_id": "d", "provider": "AWS", "prefixes": ["s3://y", "s3://y"]}])
    # Without its first key a document is in no such index.
    tool.db.snapshots.insert_many([{"_id": i} for i in range(3)])
    tool.migrate("2.18.0")
    assert "scope_1_sid_1_provider_1_prefixes_1_where_present" in tool.db.cloud_credentials.index_information()


# -- what goes on the way down


def test_plan_counts_and_names_what_the_older_model_has_no_place_for(tool):
    tool.build("2.25.0", scale=0.2)
    main, cas = tool.db, tool.client[tool.cas]
    plan = tool.migrator("plan", "1.4.0", "-o", "json")
    found = {
        (s["service"], loss["revision"], loss["what"]): loss["documents"]
        for s in plan.json["services"] for loss in s["losses"]
    }

    def with_level(key):
        return sum("TAG" in doc.get(key, {}).values() for doc in main.dataset_permissions.find())

    prefixes = {"prefixes": {"$type": "array", "$ne": []}}
    wanted = {
        ("cas", "2.17.0", "users memberships role"): cas.users.count_documents({"memberships.role": "LABELER"}),
        ("cas", "2.17.0", "invitations inviteeRole"): cas.invitations.count_documents({"inviteeRole": "LABELER"}),
        ("cas", "2.18.0", "documents of serviceAccounts"): cas.serviceAccounts.count_documents({}),
        ("hub", "2.18.0", "documents of api_keys"): main.api_keys.count_documents({"principal.kind": "service_account"}),
        ("hub", "2.16.0", "documents of cloud_credentials"):
            main.cloud_credentials.count_documents({"scope": {"$in": ["USER", "GROUP"]}}),
        ("hub", "1.5.0", "documents of cloud_credentials"):
            main.cloud_credentials.count_documents({"scope": "GLOBAL", **prefixes}),
        ("enterprise", "2.0.0", "dataset_permissions default_access"):
            main.dataset_permissions.count_documents({"default_access": "TAG"}),
        ("enterprise", "2.0.0", "dataset_permissions users"): with_level("users"),
        ("enterprise", "2.0.0", "dataset_permissions groups"): with_level("groups"),
        ("enterprise", "2.13.0-names", "datasets name"): main.datasets.count_documents({"name": {"$regex": "^.{101}"}}),
    }
    for key, count in wanted.items():
        assert found.get(key, 0) == count, (key, found)
    assert sum(count > 0 for count in wanted.values()) >= 8
    # Nothing of it may go for good unasked.
    r = refused(tool, 14, "Going down removes values of services for good:", "migrate", "1.4.0", "--undo-log", "off")
    assert "cas v2.17.0  users memberships role: %d" % wanted["cas", "2.17.0", "users memberships role"] in r.err


# -- the page


def shell_blocks(text):
    """The lines of every shell block of the page, comments and output among them."""
    for block in re.findall(r"\.\. code-block:: shell\n\n((?:    .*\n|\s*\n)+)", text):
        yield [line.strip() for line in re.sub(r"\\\n\s*", "", block).splitlines() if line.strip()]


def wheel(folder, name, version, program):
    """A wheel as an index holds it: the program as a script."""
    stem = "%s-%s" % (name.replace("-", "_"), version)
    path = os.path.join(folder, stem + "-py3-none-any.whl")
    files = {
        "%s.dist-info/METADATA" % stem: "Metadata-Version: 2.1\nName: %s\nVersion: %s\n" % (name, version),
        "%s.dist-info/WHEEL" % stem: "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        # A script of a wheel that starts with #! runs where it was built, too.
        "%s.data/scripts/%s" % (stem, os.path.basename(program)): '#!/bin/sh\nexec "%s" "$@"\n' % program,
    }
    with zipfile.ZipFile(path, "w") as z:
        for file, text in files.items():
            info = zipfile.ZipInfo(file)
            info.external_attr = 0o100755 << 16
            z.writestr(info, text)
        z.writestr("%s.dist-info/RECORD" % stem, "".join("%s,,\n" % f for f in files))


@pytest.fixture
def index(tmp_path, tool):
    """A package index behind a token, which stands where a user's name does."""
    folder = tmp_path / "packages"
    folder.mkdir()
    for version in "1.21.0", "1.22.1":
        wheel(str(folder), "fiftyone", version, os.path.join(tool.bin, "fiftyone"))
    wheel(str(folder), "fiftyone-migrator", "1.0.0", os.path.join(tool.bin, "fiftyone-migrator"))
    token = "t0ken"
    wanted = "Basic " + base64.b64encode((token + ":").encode()).decode()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            if self.headers.get("Authorization") != wanted and not self.path.startswith("/empty/"):
                self.send_response(401)
                self.send_header("WWW-Authenticate", "Basic")
                self.end_headers()
                return
            parts = self.path.strip("/").split("/")
            body = b"<!DOCTYPE html><html><body>\n"
            if parts[0] == "packages":
                body = (folder / parts[1]).read_bytes()
            elif parts[0] != "empty":
                name = parts[-1].replace("-", "_")
                for file in sorted(os.listdir(folder)):
                    if file.startswith(name + "-"):
                        body += b'<a href="/packages/%s">%s</a>\n' % (file.encode(), file.encode())
            self.send_response(200)
            self.send_header("Content-Type", "text/html" if parts[0] != "packages" else "application/zip")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield token, "127.0.0.1:%d" % server.server_port
    server.shutdown()
    thread.join()
    server.server_close()


def test_page(tool, tmp_path, index):
    """The page of FiftyOne Enterprise as one transcript: every shell command, in its order, with its variables, on a fresh
    deployment.  Only the host of the package index is another one."""
    with open(os.path.join(HERE, "page.rst"), encoding="utf-8") as f:
        blocks = list(shell_blocks(f.read()))
    assert sum(map(len, blocks)) == 25
    token, host = index
    venv = tmp_path / "venv"
    subprocess.run(["python3", "-m", "venv", str(venv)], check=True, timeout=120)
    tool.build("2.12.0")
    env = {
        **tool.env, "PATH": "%s/bin:%s" % (venv, os.environ["PATH"]), "TOKEN": token, "VERSION": "1.21.0",
        # For what the page takes from PyPI beside the index.
        "PIP_INDEX_URL": "http://%s/empty/simple" % host, "PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_NO_INPUT": "1",
        "PIP_NO_CACHE_DIR": "1",
    }
    ran, outputs, versions = [], [], []
    for block in blocks:
        prompted = any(line.startswith("$ ") for line in block)
        commands = [line.removeprefix("$ ") for line in block if line.startswith("$ ")] if prompted else [
            line for line in block if not line.startswith("#")]
        # Variables live on, as in one terminal.
        script = "set -e\n" + "\n".join(commands).replace("https://${TOKEN}@pypi.fiftyone.ai", "http://${TOKEN}@" + host)
        script += "\nenv -0 > %s/env" % tmp_path
        p = subprocess.run(["bash", "-c", script], env=env, capture_output=True, text=True, timeout=300)
        assert p.returncode == 0, (commands, p.stderr)
        with open(tmp_path / "env") as f:
            env = dict(entry.split("=", 1) for entry in f.read().split("\0") if entry)
        ran += commands
        outputs.append(p.stdout)
        versions.append((tool.config()["version"], *sorted(tool.service_versions().items())))
        if "--info" in script:
            assert [line.split(":")[0] for line in p.stdout.splitlines()[:3]] == [
                line.split(":")[0] for line in block[1:4]
            ]
    assert [c.split()[0] for c in ran] == (
        "pip pip fiftyone pip export fiftyone-migrator fiftyone-migrator fiftyone-migrator fiftyone-migrator "
        "fiftyone-migrator fiftyone-migrator OS_COMPAT_VERSION=0.18.0 export fiftyone").split()
    # The block that migrates ends where it began to go up; that with the example ends at 2.12.0.
    assert versions[4][0] == "1.22.1"
    assert versions[5] == ("1.9.0", *((s, "2.12.0") for s in sorted(ALL)))
    # The last command of the page: down to the data model of Enterprise 0.10.
    assert tool.config()["version"] == "0.18.0"
    assert set(tool.versions()[0].values()) == {"0.18.0"}
    assert tool.service_versions() == {s: "2.12.0" for s in ALL}
    r = subprocess.run([str(venv / "bin" / "pip"), "list"], capture_output=True, text=True)
    assert re.search(r"^fiftyone +1.21.0$", r.stdout, re.M) and re.search(r"^fiftyone-migrator +1.0.0$", r.stdout, re.M)


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
