"""What `info`, `doctor` and the page of `plan --html` say of the services of a deployment."""
import os
import re
import sys

import pymongo

from enterprise import harness, replica_set, server, tool  # noqa: F401

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "cli"))
from test_plan import HOSTILE, Page  # noqa: E402

SERVICES = ["cas", "hub", "enterprise"]


# -- info


def test_services_that_are_behind_are_something_to_do(tool):
    tool.build("2.12.0", scale=0.02)
    tool.migrate("2.12.0", "--exclude", "datasets")
    tool.migrate("--include", "datasets")
    assert tool.config()["version"] == "1.22.1" and set(tool.service_versions().values()) == {"2.12.0"}
    r = tool.migrator("info", "--check")
    assert r.status == 4 and "Upgrade:    the services cas, hub, enterprise (see plan)" in r.out
    assert tool.migrator("info", "-o", "json").json["upgrade"]["services"] == SERVICES
    tool.migrate()
    r = tool.migrator("info", "--check")
    assert r.status == 0 and "Upgrade:    nothing to do" in r.out


def test_a_restore_that_was_cut_off_is_in_the_document(tool):
    tool.build("2.12.0", scale=0.02)
    assert tool.migrator("info", "-o", "json").json["restore"] is None
    mark = {"_id": "restore", "directory": "/backup", "manifest": "x", "begun": tool.now(),
            "moves": [], "drops": []}
    tool.db["migrator.restore"].insert_one(mark)
    r = tool.migrator("info", "-o", "json", "--check")
    restore = r.json["restore"]
    assert r.status == 4 and restore["directory"] == "/backup" and "restore /backup" in restore["remedy"]
    assert restore["text"] in tool.migrator("info").out


def test_without_the_database_of_cas_the_rest_is_shown(tool):
    tool.build("2.12.0", scale=0.02)
    away = {"CAS_DATABASE_URI": "mongodb://127.0.0.1:1/?serverSelectionTimeoutMS=300"}
    r = tool.migrator("info", **away)
    assert r.status == 0 and "Cas:        cannot be read: " in r.out and "Hub:        v2.12.0 (guessed)" in r.out
    r = tool.migrator("info", "--check", "-o", "json", **away)
    assert r.status == 5 and "CAS_DATABASE_URI" in r.json["services"][0]["remedy"]


# -- doctor


def doctor(tool, status, **env):
    r = tool.migrator("doctor", "-o", "json", **env)
    assert r.status == status, r.out + r.err
    assert r.json["can_start"] == (status == 0)
    return {f["id"]: f for f in r.json["findings"]}


def test_doctor_looks_at_the_database_of_cas(tool):
    tool.build("2.12.0", scale=0.02)
    found = doctor(tool, 0)
    assert [found[i]["level"] for i in ("cas", "cas_topology", "cas_rights", "cas_lease", "services")] == [
        "ok", "ok", "note", "ok", "ok"]
    assert tool.cas in found["cas"]["found"]
    away = doctor(tool, 16, CAS_DATABASE_URI="mongodb://127.0.0.1:1/?serverSelectionTimeoutMS=300")
    assert away["cas"]["level"] == "blocker" and "127.0.0.1:1" in away["cas"]["found"]
    assert "the server of CAS_DATABASE_URI is up" in away["cas"]["remedy"]
    assert doctor(tool, 0, CAS_DATABASE_URI=None)["cas"]["level"] == "warning"
    # Another deployment is at work there.
    held = {"_id": "lease", "owner": "x", "host": "elsewhere", "pid": 7, "started": tool.now(), "expires": tool.now(60)}
    tool.client[tool.cas]["migrator.lease"].insert_one(held)
    lease = doctor(tool, 16)["cas_lease"]
    assert lease["level"] == "blocker" and "process 7 on host elsewhere" in lease["found"]
    r = tool.migrator("migrate")
    free = "fiftyone-migrator lock release --cas --force"
    assert r.status == 11 and "Another run works on the database of cas: process 7 on host elsewhere" in r.err
    assert r.err.rstrip().endswith(free) and lease["remedy"].endswith(free)
    assert tool.migrator("lock", "release", "--cas").status == 11
    assert tool.migrator("lock", "status").out == "Nobody holds the lock.\n"
    assert "Process 7 on host elsewhere" in tool.migrator("lock", "status", "--cas").out
    assert tool.migrator("lock", "status", "--cas", CAS_DATABASE_URI=None).status == 2
    assert tool.migrator(*free.split()[1:]).out == "Released.\n"
    assert not tool.client[tool.cas]["migrator.lease"].find_one()
    mark = {"_id": "restore", "directory": "/backup", "manifest": "x", "begun": tool.now(), "moves": [], "drops": []}
    tool.client[tool.cas]["migrator.restore"].insert_one(mark)
    assert "restore /backup" in doctor(tool, 16)["cas_restore"]["remedy"]


def test_doctor_names_services_that_are_half_way(tool):
    tool.build("2.12.0", scale=0.02)
    tool.db.command({"collMod": "snapshots", "validator": {"created_by_principal": {"$exists": False}}})
    assert tool.migrator("migrate", "2.18.0").status == 1
    services = doctor(tool, 0)["services"]
    assert services["level"] == "warning" and "enterprise: half-way to v2.18.0, where it failed" in services["found"]


def test_doctor_misses_rights_on_cas(tmp_path):
    from enterprise import EnterpriseTool

    with harness.Server("--auth") as locked:
        admin = locked.client.admin
        admin.command("createUser", "root", pwd="x", roles=["root"])
        locked.client = pymongo.MongoClient(locked.uri, username="root", password="x")
        tool = EnterpriseTool(locked, "ent_rights", str(tmp_path))
        tool.build("2.12.0", scale=0.02)
        tool.client.admin.command("createUser", "reader", pwd="x", roles=[{"role": "read", "db": tool.cas}])
        host = locked.uri[len("mongodb://"):]
        env = {"FIFTYONE_DATABASE_URI": "mongodb://root:x@" + host, "CAS_DATABASE_URI": "mongodb://reader:x@" + host}
        rights = doctor(tool, 16, **env)["cas_rights"]
        assert rights["level"] == "blocker" and {"insert", "update"} <= set(rights["details"]["missing"])
        assert tool.cas in rights["found"] and "reader" in rights["remedy"]


# -- plan, residue, roundtrip


def test_plan_tells_of_services_what_it_tells_of_datasets(tool):
    tool.build("2.12.0", scale=0.05)
    tool.client[tool.cas].accounts.create_index("userId")
    r = tool.migrator("plan", "2.18.0", "--estimate")
    assert re.search(r"^2.18.0 +cas +Service accounts$", r.out, re.M)
    assert "make orgs.id_1" in re.search(r"^Indexes of cas: (.*)$", r.out, re.M)[1] and "accounts.userId_1" not in r.out
    plan = tool.migrator("plan", "2.18.0", "--estimate", "-o", "json").json
    parts = {p["what"]: p for p in plan["estimate"]["parts"]}
    for service in plan["services"]:
        for one in service["documents"]:
            assert one["bytes"] > one["edited"]
        part = parts["service " + service["service"]]
        assert part["documents"] == sum(d["edited"] for d in service["documents"]) and part["seconds"] > 0
    assert plan["estimate"]["seconds"] == sum(p["seconds"] for p in parts.values())
    assert "Undoes: " not in r.out
    tool.migrate("2.18.0")
    assert re.search(r"^2.18.0 +cas +Undoes: Service accounts$", tool.migrator("plan", "2.12.0").out, re.M)
    # Services alone have a cost, too.
    alone = tool.migrator("plan", "2.12.0", "--include", "hub", "--estimate", "-o", "json").json["estimate"]
    assert [p["what"] for p in alone["parts"]] == ["service hub"] and alone["disk_bytes"] > 0


def test_what_is_kept_of_a_service_is_summed_up(tool):
    tool.build("2.12.0", scale=0.2)
    tool.migrate("2.18.0")
    images = tool.migrator("residue", "list", "-o", "json").json["images"]
    operations = [i for i in images if i["service"] == "enterprise" and i["name"].startswith("Op ")]
    assert len(operations) > 100
    r = tool.migrator("residue", "list")
    assert len(r.out.splitlines()) < 40
    assert re.search(r" enterprise +delegated_ops: \d+ documents +v2.12.0 +v2.18.0 +for undo", r.out)


def test_roundtrip_is_about_datasets(tool):
    tool.build("2.12.0", scale=0.02)
    before = tool.dump()
    r = tool.migrator("roundtrip", "2.18.0", "--include", "cas")
    assert r.status == 2 and "roundtrip tries datasets" in r.err and tool.dump() == before
    assert tool.migrator("roundtrip", "2.18.0", "--exclude", "cas").status == 0


# -- the page of a plan


def page_of(tool, tmp_path, *args):
    path = tmp_path / "plan.html"
    r = tool.migrator("plan", "--html", str(path), *args, "-o", "json")
    assert r.status == 0, r.err
    text = path.read_text()
    page = Page(text)
    assert not {"img", "link", "iframe", "object", "a", "base"} & set(page.tags)
    assert not re.search(r"https?:|//[a-z]|@import|url\(", text)
    return r.json, page, text


def rows(text):
    cells = [re.findall(r"<td[^>]*>(.*?)</td>", row) for row in re.findall(r"<tr>(.*?)</tr>", text)]
    return [[re.sub("<.*?>", "", cell) for cell in row] for row in cells]


def test_the_page_has_what_the_plan_of_the_services_has(tool, tmp_path):
    tool.build("2.18.0", scale=0.05)
    tool.migrate("2.18.0")
    for i, name in enumerate(HOSTILE):
        tool.db.api_keys.insert_one({"_id": i, "name": name, "principal": {"kind": "service_account", "id": str(i)}})
    plan, page, text = page_of(tool, tmp_path, "2.12.0")
    table = rows(text)
    for service in plan["services"]:
        assert [service["service"], service["database"], "v2.18.0", "v2.12.0"] in [row[:4] for row in table]
        for one in service["documents"]:
            numbers = ["{:,}".format(one[k]) for k in ("edited", "removed", "restored")]
            assert [service["service"], one["collection"], *numbers] in [row[:5] for row in table]
        for loss in service["losses"]:
            assert [service["service"], "v" + loss["revision"], loss["what"], "{:,}".format(loss["documents"])] in [
                row[:4] for row in table]
        for revision in service["revisions"]:
            assert "%s %s" % (service["service"], revision["id"]) in page.texts["b"]
    assert "There is nothing to do" not in text and "goes into the undo log" in text
    assert any("documents of api_keys" in row for row in table)
    assert HOSTILE[0] not in text
    # Where nothing is kept they are lost.
    text = page_of(tool, tmp_path, "2.12.0", "--undo-log", "off")[2]
    assert "Values are lost on the way down" in text


def test_the_page_of_one_service(tool, tmp_path):
    tool.build("2.12.0", scale=0.05)
    plan, page, text = page_of(tool, tmp_path, "2.18.0", "--include", "cas")
    [cas] = plan["services"]
    assert ["cas", tool.cas, "not known", "v2.18.0"] in [row[:4] for row in rows(text)]
    assert cas["documents"] and "There is nothing to do" not in text
    tool.migrate("2.18.0", "--include", "cas")
    plan, page, text = page_of(tool, tmp_path, "2.18.0", "--include", "cas")
    assert "There is nothing to do" in text and "cas: at 2.18.0 already" in text


def test_the_page_names_values_that_stand_twice(tool, tmp_path):
    tool.build("2.12.0", scale=0.05)
    orgs = tool.client[tool.cas].orgs
    orgs.insert_one({**orgs.find_one({"id": {"$exists": True}}), "_id": "twice"})
    plan, page, text = page_of(tool, tmp_path, "2.18.0", "--include", "cas")
    assert plan["services"][0]["duplicates"] and "Values stand twice" in text and "Refused: values stand twice" in text
