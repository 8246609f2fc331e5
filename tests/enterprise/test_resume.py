"""A run that was cut off goes on as the one that it was: from where its services stood, with its own settings."""
import os
import re
import signal
import subprocess
import time

import pytest

from enterprise import ALL, OWN, server, tool  # noqa: F401


def stop(tool, when, *args):
    """Runs slowly, and ends the program as soon as ``when()``."""
    p = subprocess.Popen(
        [os.path.join(tool.bin, "fiftyone-migrator"), "migrate", *args], env=tool.env, stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    end = time.monotonic() + 60
    while time.monotonic() < end and p.poll() is None and not when():
        time.sleep(0.01)
    p.send_signal(signal.SIGTERM)
    err = p.communicate(timeout=60)[1]
    assert p.returncode == 143, err


def stop_in(tool, side, service, collection, *args):
    """While that collection of the service is under way."""
    versions = tool.client[side]["migrator.versions"]
    stop(tool, lambda: versions.find_one({"_id": service, "run.collection": collection}), *args)


def is_down(tool):
    """Nothing is left that Enterprise 2.12.0 did not have."""
    cas = tool.client[tool.cas]
    assert tool.service_versions() == {s: "2.12.0" for s in ALL}
    assert tool.db.api_keys.count_documents({"principal.kind": {"$in": ["user", "service_account"]}}) == 0
    assert tool.db.cloud_credentials.count_documents({"scope": {"$exists": True}}) == 0
    assert cas.serviceAccounts.estimated_document_count() == 0
    assert cas.users.count_documents({"memberships.role": "LABELER"}) == 0


def is_up(tool):
    assert tool.service_versions() == {s: "2.25.0" for s in ALL}
    keys = tool.db.api_keys
    assert keys.count_documents({"principal.kind": "user"}) > 0 == keys.count_documents({"user_id": {"$type": "string"}})


# -- where services stand that no run of ours has touched


@pytest.mark.parametrize("saved", [False, True], ids=["typed", "saved"])
def test_down_is_stopped_among_datasets(tool, tmp_path, saved):
    tool.build("2.25.0", scale=0.05)
    version, plan = tool.config()["version"], str(tmp_path / "plan.json")
    if saved:
        assert tool.migrator("plan", "2.12.0", "--save", plan).status == 0
    words = ["--plan", plan] if saved else ["2.12.0"]
    stop(tool, lambda: tool.config()["version"] != version, *words, "--rate", "3")
    heads = {s["service"]: s["version"] for s in tool.migrator("info", "-o", "json").json["services"]}
    assert heads == {"cas": None, "hub": "2.25.0", "enterprise": "2.25.0"}
    tool.migrate(*words)
    is_down(tool)


def test_down_with_a_dataset_that_fails(tool):
    tool.build("2.25.0", scale=0.05)
    doc = tool.db.datasets.find_one()
    # The migrated dataset is one that the server does not take.
    tool.db.command({"collMod": "datasets", "validator": {"$or": [{"_id": {"$ne": doc["_id"]}}, {"version": doc["version"]}]}})
    r = tool.migrator("migrate", "2.12.0")
    assert r.status == 1 and tool.service_versions() == {} and tool.config()["version"] == "1.9.0", r.err
    tool.db.command({"collMod": "datasets", "validator": {}})
    tool.migrate("2.12.0")
    is_down(tool)


@pytest.mark.parametrize("way", ["up", "drop-in", "down"])
def test_datasets_alone_and_then_all(tool, way):
    tool.build("2.25.0" if way == "down" else "2.12.0", scale=0.05)
    target = ["2.12.0"] if way == "down" else []
    if way == "drop-in":
        assert tool.fiftyone("migrate", "--all", FIFTYONE_DATABASE_ADMIN="true").status == 0
    else:
        tool.migrate(*target, "--include", "datasets")
    r = tool.migrate(*target)
    assert re.search(r"\ndatasets: at v1\.[0-9.]+ already\.\n$", r.out), r.out
    (is_down if way == "down" else is_up)(tool)


def test_others_move_the_database_and_its_services(tool):
    tool.build("2.12.0", scale=0.02)
    tool.migrate("2.18.0", "--include", "datasets")

    def hub():
        return {s["service"]: s for s in tool.migrator("info", "-o", "json").json["services"]}["hub"]["version"]

    assert hub() == "2.12.0"
    tool.db.config.update_one({}, {"$set": {"version": "1.16.0"}})
    assert hub().startswith("2.19")
    tool.migrate("2.25.0", "--include", "datasets")
    assert hub().startswith("2.19")


def test_plan_writes_nothing(tool):
    tool.build("2.12.0", scale=0.02)
    assert tool.migrator("plan").status == 0 and tool.migrator("migrate", "--dry-run").status == 0
    assert not [c for c in tool.db.list_collection_names() if c.startswith("migrator.")]


# -- the settings of a run


def test_goes_on_with_its_undo_log(tool):
    tool.build("2.18.0", scale=0.1)
    cas = tool.client[tool.cas]
    before = tool.dump()
    labelers = cas.users.count_documents({"memberships.role": "LABELER"})
    stop_in(tool, tool.cas, "cas", "users", "2.12.0", "--include", "cas", "--rate", "20")
    r = tool.migrator("migrate", "2.12.0", "--include", "cas", "--undo-log", "off")
    assert r.status == 0 and cas.users.count_documents({"memberships.role": "LABELER"}) == 0, r.err
    tool.migrate("2.18.0", "--include", "cas")
    assert cas.users.count_documents({"memberships.role": "LABELER"}) == labelers > 0
    after = tool.dump()
    assert {k: v[0] for k, v in after.items()} == {k: v[0] for k, v in before.items()}


def test_drops_only_what_it_began_to_drop(tool):
    tool.build("2.0.0", scale=0.1)
    cas = tool.client[tool.cas]
    users = cas.users.estimated_document_count()
    stop_in(tool, tool.cas, "cas", "orgs", "1.5.0", "--include", "cas", "--rate", "2")
    tool.migrate("2.0.0", "--allow-drop", "--include", "cas")
    assert cas.users.estimated_document_count() == users
    assert tool.service_versions()["cas"] == "2.0.0"


def test_drops_all_that_it_began_to_drop(tool):
    tool.build("2.0.0", scale=0.1)
    cas = tool.client[tool.cas]
    start = tool.dump()
    stop_in(tool, tool.cas, "cas", "accounts", "1.5.0", "--include", "cas", "--allow-drop", "--rate", "20")
    tool.migrate("1.5.0", "--include", "cas")
    assert set(cas.list_collection_names()) & {"users", "orgs", "groups", "accounts"} == set()
    run = tool.migrator("history", "-o", "json").json["runs"][0]["run"]
    assert tool.migrator("undo", run).status == 0
    assert tool.dump() == start


def test_goes_on_with_its_collections(tool):
    tool.build("2.18.0", scale=0.1)
    tool.db.delegated_ops.rename("operations")
    stop_in(tool, tool.name, "enterprise", "operations", "2.12.0", "--include", "enterprise", "--set",
            "enterprise.operations=operations", "--rate", "20")
    tool.migrate("2.12.0", "--include", "enterprise")
    mine = {d["_id"]: d for d in tool.db.operations.find()}
    other = tool.db.client[tool.name + "_other"]
    try:
        from deployment import Deployment
        Deployment("2.18.0", None, 1, 0.1).write(tool.client, other.name, other.name + "_cas")
        env = {"FIFTYONE_DATABASE_NAME": other.name, "CAS_DATABASE_NAME": other.name + "_cas"}
        tool.migrate("2.12.0", "--include", "enterprise", **env)
        assert {d["_id"]: d for d in other.delegated_ops.find()} == mine
    finally:
        tool.client.drop_database(other.name)
        tool.client.drop_database(other.name + "_cas")


def test_goes_on_with_its_catalogue(tool, tmp_path):
    tool.build("2.12.0", scale=0.02)
    tool.db.things.insert_many([{"_id": i} for i in range(60)])
    folder = tmp_path / "catalogue" / "hub"
    folder.mkdir(parents=True)
    (folder / "2.14.0.yaml").write_text(OWN)
    with_it = ["--catalogue", str(tmp_path / "catalogue")]
    words = ["2.15.0", "--include", "hub"]
    stop_in(tool, tool.name, "hub", "things", *words, *with_it, "--rate", "10")
    before = tool.dump()
    r = tool.migrator("migrate", *words)
    assert r.status == 16 and "hub is half-way to v2.15.0" in r.err and "Give --catalogue" in r.err, r.err
    assert tool.dump() == before
    tool.migrate(*words, *with_it)
    assert tool.db.things.count_documents({"colour": "red"}) == 60
    assert tool.service_versions() == {"hub": "2.15.0"}


# -- other commands meanwhile


def test_repair_leaves_a_service_to_its_own_command(tool):
    tool.build("2.12.0", scale=0.1)
    stop_in(tool, tool.cas, "cas", "accounts", "2.18.0", "--rate", "20")
    before = tool.dump()
    run = tool.migrator("history", "-o", "json").json["runs"][0]["run"]
    r = tool.migrator("verify", "--repair")
    assert r.status == 16 and "The service cas is half-way: run %s was cut off on its way to v2.18.0" % run in r.err, r.err
    assert "fiftyone-migrator undo " + run in r.err and tool.dump() == before
    assert tool.db["migrator.journal"].find_one({"_id": "run"})
    tool.migrate("2.18.0")
    assert tool.migrator("verify", "--repair").status == 0
    assert tool.migrator("history", "-o", "json").json["runs"][-1]["attempts"] == 2


__all__ = ["server", "tool"]
