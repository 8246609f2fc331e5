"""What came or was changed since a run is not lost sight of by its undo: documents of services that the run kept
nothing of, services that were moved, and the database of cas that it went to."""
from bson import ObjectId

from enterprise import server, tool  # noqa: F401
from test_take_back import documents, undo, versions, without_files

USER = {"kind": "user", "id": "auth0|somebody"}


def last_run(tool):
    return tool.migrator("history", "-o", "json").json["runs"][0]["run"]


def states(tool):
    return {r["run"]: r["state"] for r in tool.migrator("history", "-o", "json").json["runs"]}


def test_documents_that_came_after_a_way_up_go_down_with_it(tool):
    tool.build("2.12.0", scale=0.03)
    # The way up leaves it as it is, and so does its undo.
    tool.db.api_keys.insert_one({"_id": "early", "name": "early", "principal": USER})
    start = documents(without_files(tool.dump()))
    tool.migrate("2.18.0")
    account = {"kind": "service_account", "id": str(ObjectId())}
    tool.db.api_keys.insert_many([{"_id": "late", "name": "late", "principal": USER},
                                  {"_id": "robot", "name": "robot", "principal": account}])
    up = documents(without_files(tool.dump()))
    undo(tool)
    assert tool.db.api_keys.find_one({"_id": "late"}) == {"_id": "late", "name": "late", "user_id": USER["id"]}
    tool.db.api_keys.delete_one({"_id": "late"})
    assert documents(without_files(tool.dump())) == start
    tool.db.api_keys.insert_one({"_id": "late", "name": "late", "user_id": USER["id"]})
    # The undo taken back, and once more: the key of a service account is there again.
    undo(tool)
    assert documents(without_files(tool.dump())) == up
    undo(tool)
    assert tool.db.api_keys.find_one({"_id": "late"})["user_id"] == USER["id"]
    assert tool.db.api_keys.find_one({"_id": "early"})["principal"] == USER
    # A way up gives back what the undo had no place for.
    tool.migrate("2.18.0")
    assert tool.db.api_keys.find_one({"_id": "robot"})["principal"] == account


def test_documents_that_came_after_a_way_down_go_up_with_it(tool):
    tool.build("2.18.0", scale=0.03)
    tool.migrate("2.18.0")
    tool.migrate("2.12.0")
    tool.db.api_keys.insert_one({"_id": "late", "name": "late", "user_id": USER["id"]})
    undo(tool)
    late = tool.db.api_keys.find_one({"_id": "late"})
    assert late["principal"] == USER and "user_id" not in late
    undo(tool)
    assert tool.db.api_keys.find_one({"_id": "late"}) == {"_id": "late", "name": "late", "user_id": USER["id"]}


def test_where_the_way_back_is_not_known_they_are_named(tool):
    """Where cas stood before its first run is not known."""
    tool.build("2.12.0", scale=0.03)
    tool.migrate("2.18.0", "--include", "cas")
    accounts = tool.client[tool.cas].accounts
    accounts.insert_one({**accounts.find_one(), "_id": ObjectId(), "id": "late", "name": "late"})
    before = tool.dump()
    r = undo(tool, status=16)
    assert "cas: accounts 'late': came since" in r.err and "--skip-changed" in r.err and tool.dump() == before
    r = undo(tool, "--skip-changed", "-o", "json", status=3)
    assert "accounts 'late'" in r.json["services"][0]["left"][0]


def test_a_changed_document_stays_whole(tool):
    tool.build("2.12.0", scale=0.03)
    tool.migrate("2.18.0")
    run = last_run(tool)
    key = tool.db.api_keys.find_one({"principal.kind": "user"})
    tool.db.api_keys.update_one({"_id": key["_id"]}, {"$set": {"principal.id": "somebody else"}})
    left = tool.db.api_keys.find_one({"_id": key["_id"]})
    r = undo(tool, run, "--skip-changed", status=3)
    assert "hub: api_keys '%s': principal" % key["name"] in r.out and "Left as they are (1)" in r.out
    assert tool.db.api_keys.find_one({"_id": key["_id"]}) == left  # to the byte, not half taken back
    assert states(tool)[run] == "done"
    # With the obstacle gone the same command takes the rest.
    tool.db.api_keys.update_one({"_id": key["_id"]}, {"$set": {"principal.id": key["principal"]["id"]}})
    undo(tool, run)
    after = tool.db.api_keys.find_one({"_id": key["_id"]})
    assert after["user_id"] == key["principal"]["id"] and "principal" not in after
    assert states(tool)[run] == "undone"


def test_a_service_that_was_moved_since_is_left(tool):
    tool.build("2.12.0", scale=0.02)
    tool.migrate("2.16.0")
    run = last_run(tool)
    tool.migrate("2.18.0", "--include", "hub")
    keys = list(tool.db.api_keys.find())
    r = undo(tool, run, "--skip-changed", status=3)
    assert "hub: the service is at v2.18.0, and that run left it at v2.16.0" in r.out
    assert tool.service_versions() == {"hub": "2.18.0"} and list(tool.db.api_keys.find()) == keys
    assert states(tool)[run] == "done"
    later = [r for r, state in states(tool).items() if state == "done" and r > run][-1]
    undo(tool, later)
    undo(tool, run)
    assert tool.service_versions() == {} and states(tool)[run] == "undone"


def test_a_unique_index_that_cannot_come_back_is_named(tool):
    tool.build("1.6.0", scale=0.05)
    tool.migrate("2.0.0")
    tool.migrate("1.5.0")
    run = last_run(tool)
    orgs = tool.client[tool.cas].orgs
    assert "id_1_where_present" not in orgs.index_information()
    twice = orgs.find_one({"id": {"$exists": True}})
    orgs.insert_one({**twice, "_id": "twice"})
    before = tool.dump()
    r = undo(tool, run, status=16)
    assert "cas: orgs: the unique index id_1_where_present cannot be made again" in r.err and tool.dump() == before
    r = undo(tool, run, "--skip-changed", status=3)
    assert "cas: orgs: the unique index id_1_where_present cannot be made again" in r.out and states(tool)[run] == "done"
    orgs.delete_one({"_id": "twice"})
    undo(tool, run)
    assert orgs.index_information()["id_1_where_present"]["unique"] and states(tool)[run] == "undone"
    assert versions(tool)["cas"]["version"] == "2.0.0"


def test_the_database_of_cas_is_the_one_of_the_run(tool):
    tool.build("2.12.0", scale=0.02)
    tool.migrate("2.18.0")
    before = tool.dump()
    r = undo(tool, status=16, CAS_DATABASE_NAME="other")
    assert "'%s'" % tool.cas in r.err and "'other'" in r.err and tool.dump() == before
    # Of the same name on another server: neither what was kept nor the users that were there.
    tool.client[tool.cas].command({"dropDatabase": 1})
    tool.client[tool.cas].users.insert_one({})
    r = undo(tool, status=16)
    assert "another database '%s' of cas" % tool.cas in r.err


def test_migrate_suspects_another_database_of_cas(tool):
    tool.build("2.12.0", scale=0.02)
    r = tool.migrator("migrate", "2.13.0", CAS_DATABASE_NAME="other")
    assert r.status == 0 and "The database 'other' has no collection of cas: is CAS_DATABASE_NAME right?" in r.err
    tool.migrate("2.14.0")
    r = tool.migrator("migrate", "2.15.0", CAS_DATABASE_NAME="other")
    assert r.status == 0 and "went to the database '%s' of cas, and now CAS_DATABASE_NAME is 'other'" % tool.cas in r.err
    assert "CAS_DATABASE_NAME" not in tool.migrate("2.16.0").err


def test_a_half_way_run_goes_on_in_its_database_of_cas(tool):
    tool.build("2.12.0", scale=0.02)
    tool.db.command({"collMod": "snapshots", "validator": {"created_by_principal": {"$exists": False}}})
    tool.migrator("migrate", "2.18.0")
    before = tool.dump()
    r = tool.migrator("migrate", "2.18.0", CAS_DATABASE_NAME="other")
    assert r.status == 16 and "'%s'" % tool.cas in r.err and "'other'" in r.err and tool.dump() == before
