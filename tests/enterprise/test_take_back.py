"""A run over all services is taken back as one: both databases, and again."""
import pytest

from enterprise import ALL, server, tool  # noqa: F401

WAYS = [("2.12.0", "2.12.0", "2.18.0"), ("2.18.0", "2.18.0", "2.12.0"), ("2.18.0", "2.12.0", "2.18.0"),
        ("1.4.0", "1.4.0", "2.25.0"), ("2.25.0", "2.25.0", "1.4.0")]


def undo(tool, *args, status=0, **env):
    r = tool.migrator("undo", *args, **env)
    assert r.status == status, r.err
    return r


def open_images(tool):
    """What a way up would still restore."""
    return sorted(
        (image["collection"], str(image["document"]), tuple(sorted(image["open"])))
        for side in (tool.name, tool.cas)
        for image in tool.client[side]["migrator.residue"].find({"open.0": {"$exists": True}})
    )


def versions(tool):
    keep = "version", "left_at", "previous", "indexes", "revisions", "last_revision"
    return {
        doc["_id"]: {k: sorted(v) if k == "indexes" else v for k, v in doc.items() if k in keep}
        for side in (tool.name, tool.cas)
        for doc in tool.client[side]["migrator.versions"].find({"_id": {"$ne": "guess"}})
    }


@pytest.mark.parametrize("born,version,target", WAYS, ids=["up", "down", "up-again", "far-up", "far-down"])
def test_undo_and_redo(tool, born, version, target):
    tool.build(born, scale=0.05)
    if born != version:
        tool.migrate(born)
        tool.migrate(version)
    start, images, stood = tool.dump(), open_images(tool), versions(tool)
    tool.migrate(target)
    moved, moved_images, moved_stood = tool.dump(), open_images(tool), versions(tool)
    r = undo(tool, "-o", "json")
    assert {s["service"] for s in r.json["services"]} <= set(ALL) and r.json["services"]
    assert without_files(tool.dump()) == without_files(start)
    assert (open_images(tool), versions(tool)) == (images, stood)
    history = tool.migrator("history", "-o", "json").json["runs"]
    assert (history[0]["kind"], history[0]["state"], history[1]["state"]) == ("undo", "done", "undone")
    assert all(s["state"] == "done" for s in history[0]["services"])
    undo(tool)
    assert without_files(tool.dump()) == without_files(moved)
    assert (open_images(tool), versions(tool)) == (moved_images, moved_stood)


def without_files(dump):
    """Files of results that a way copied stay while the undo log names them (test_services.py)."""
    return {name: part for name, part in dump.items() if not name[1].startswith("fs.")}


def test_only_some_services(tool):
    tool.build("2.12.0", scale=0.03)
    start = tool.dump()
    tool.migrate("2.18.0", "--include", "cas")
    assert tool.dump() != start
    undo(tool)
    assert tool.dump() == start and tool.service_versions() == {}


def test_what_was_changed_since_is_named(tool):
    tool.build("2.12.0", scale=0.03)
    tool.migrate("2.18.0")
    run = tool.migrator("history", "-o", "json").json["runs"][0]["run"]
    key = tool.db.api_keys.find_one({"principal.kind": "user"})
    tool.db.api_keys.update_one({"_id": key["_id"]}, {"$set": {"principal.id": "somebody else", "name": "mine"}})
    account = tool.client[tool.cas].accounts.find_one()
    tool.client[tool.cas].accounts.update_one({"_id": account["_id"]}, {"$set": {"provider": "new"}})
    before = tool.dump()
    r = undo(tool, run, status=16)
    assert "hub: api_keys '%s': principal" % key["name"] in r.err and "accounts" not in r.err
    assert "--skip-changed" in r.err and tool.dump() == before
    undo(tool, run, "--skip-changed", status=3)
    after = tool.db.api_keys.find_one({"_id": key["_id"]})
    assert (after["name"], after["principal"]["id"]) == ("mine", "somebody else")
    # Values that the run did not write are the user's.
    left = tool.client[tool.cas].accounts.find_one({"_id": account["_id"]})
    assert left["provider"] == "new" and "lastUpdatedAt" not in left
    assert tool.config()["version"] == "1.9.0" and tool.service_versions() == {}


def test_a_later_run_comes_first(tool):
    tool.build("2.12.0", scale=0.02)
    tool.migrate("2.16.0")
    run = tool.migrator("history", "-o", "json").json["runs"][0]["run"]
    tool.migrate("2.18.0", "--include", "hub")
    before = tool.dump()
    r = undo(tool, run, status=16)
    assert "hub: the service is at v2.18.0, and that run left it at v2.16.0" in r.err and tool.dump() == before
    undo(tool)
    undo(tool, run)
    assert tool.config()["version"] == "1.9.0" and tool.service_versions() == {}


def test_a_run_in_which_a_service_failed(tool):
    """The earlier services stand, the failing one is half-way, and all of it goes back."""
    tool.build("2.12.0", scale=0.05)
    start = tool.dump()
    tool.db.command({"collMod": "snapshots", "validator": {"created_by_principal": {"$exists": False}}})
    r = tool.migrator("migrate", "2.18.0")
    assert r.status == 1 and "enterprise failed: " in r.err
    run = tool.migrator("history", "-o", "json").json["runs"][0]
    assert run["state"] == "failed" and "undo " + run["run"] in r.err
    assert [s.get("state") for s in run["services"]] == ["done", "done", None]
    assert tool.dump() != start
    undo(tool, run["run"])
    tool.db.command({"collMod": "snapshots", "validator": {}})
    assert documents(tool.dump()) == documents(start) and tool.service_versions() == {}
    # And forward, once it can.
    tool.migrate("2.18.0")
    assert tool.service_versions() == {s: "2.18.0" for s in ALL}


def documents(dump):
    return {name: docs for name, (docs, indexes) in dump.items()}


def test_dropped_collections_come_back(tool):
    """With the options and indexes that the service gave them; and go and come back again."""
    cas = tool.client[tool.cas]
    cas.create_collection("orgs", validator={"id": {"$type": "string"}}, collation={"locale": "de", "strength": 2})
    tool.build("2.0.0", scale=0.05)
    cas.orgs.create_index([("name", 1)], unique=True, partialFilterExpression={"name": {"$exists": True}})
    cas.users.create_index("email", expireAfterSeconds=10**9, sparse=True)
    tool.migrate("2.0.0")
    # As the server lists them: equal definitions in any order of their keys.
    options = {c["name"]: c["options"] for c in cas.list_collections() if not c["name"].startswith("migrator.")}
    start = tool.dump()
    assert any("of_the_service" in index for index in start[True, "users"][1])
    tool.migrate("1.5.0", "--allow-drop")
    assert not {"users", "orgs", "groups"} & set(cas.list_collection_names())
    low = tool.dump()
    for _ in range(2):
        undo(tool)
        assert without_files(tool.dump()) == without_files(start) and tool.service_versions()["cas"] == "2.0.0"
        assert {c["name"]: c["options"] for c in cas.list_collections() if not c["name"].startswith("migrator.")} == options
        undo(tool)
        assert without_files(tool.dump()) == without_files(low) and tool.service_versions()["cas"] is None
    # What the service has made meanwhile is its own.
    cas.users.insert_one({"_id": "new"})
    undo(tool)
    assert cas.users.find_one({"_id": "new"}) and "of_the_service" in cas.users.index_information()
    undo(tool)
    assert [d["_id"] for d in cas.users.find()] == ["new"] and "orgs" not in cas.list_collection_names()


def test_undo_needs_the_second_database(tool):
    tool.build("2.12.0", scale=0.02)
    tool.migrate("2.18.0")
    before = tool.dump()
    r = undo(tool, status=2, CAS_DATABASE_URI=None)
    assert "needs CAS_DATABASE_URI, which is not set" in r.err and tool.dump() == before


def test_what_is_kept_is_shown_and_removed_in_both_databases(tool):
    tool.build("2.18.0", scale=0.05)
    tool.migrate("2.18.0")
    tool.migrate("2.12.0")
    run = tool.migrator("history", "-o", "json").json["runs"][0]["run"]
    images = tool.migrator("residue", "list", "-o", "json").json["images"]
    assert {i["service"] for i in images if i["run"].startswith(run)} == {*ALL, "datasets"}
    r = tool.migrator("residue", "prune", "--run", run)
    assert r.status == 0, r.err
    left = tool.migrator("residue", "list", "-o", "json").json["images"]
    assert not [i for i in left if i["run"].startswith(run)]
    assert undo(tool, run, status=10)
    assert tool.migrator("residue", "prune", "--all").status == 0
    for side in tool.name, tool.cas:
        assert "migrator.residue" not in tool.client[side].list_collection_names()
