"""A way down loses nothing, and every run can be taken back: on a database of real clients at 1.22.1."""
import bson
import pytest

from programs import harness

VERSIONS = [
    "1.12.0", "1.3.0", "1.0.0", "0.25.0", "0.22.0", "0.19.0", "0.18.0", "0.17.0", "0.16.2", "0.16.0", "0.15.0",
    "0.13.0", "0.11.1", "0.9.3", "0.9.0", "0.7.3", "0.7.2",
]
SHORT = ["1.12.0", "0.22.0", "0.18.0", "0.9.0"]


def content(tool):
    """Every document that is not ours, and the indexes; the refused datasets are left alone anyway."""
    dump = harness.take_dump(tool.db.client, tool.db.name)
    return {name: (sorted(docs), meta.get("indexes")) for name, (docs, meta) in dump.items() if docs}


def ran(tool, *args, status=(0,)):
    r = tool.migrator(*args)
    assert r.status in status, r.err
    return r


def cases():
    return [pytest.param(v, marks=() if v in SHORT else pytest.mark.long) for v in VERSIONS]


# Copies of GridFS files stay until they are pruned; files are compared by what runs refer to.
def but_files(dump):
    return {name: value for name, value in dump.items() if not name.startswith("fs.")}


@pytest.mark.parametrize("version", cases())
def test_down_and_up_again_is_the_start(tool, version):
    tool.restore("1.22.1-A")
    start = content(tool)
    ran(tool, "migrate", version, "--error-level", "1", "-q", status=(0, 3))
    low = content(tool)
    ran(tool, "undo", "--yes", "-q")
    assert but_files(content(tool)) == but_files(start)
    ran(tool, "undo", "--yes", "-q")
    assert but_files(content(tool)) == but_files(low)
    r = ran(tool, "migrate", "-q", "-o", "json")
    assert r.json["restored"]["kept"] == []
    assert but_files(content(tool)) == but_files(start)
    ran(tool, "undo", "--yes", "-q")
    assert but_files(content(tool)) == but_files(low)


@pytest.mark.parametrize("version", ["0.7.0", "0.6.4", "0.6.1"])
def test_below_0_7_but_for_the_place_of_two_keys(tool, version):
    def values():
        return {
            name: sorted(({k: repr(v) for k, v in bson.decode(d).items()} for d in docs), key=lambda d: d["_id"])
            for name, (docs, _) in content(tool).items()
            if not name.startswith("fs.")
        }

    tool.restore("1.22.1-A")
    start = values()
    ran(tool, "migrate", version, "--error-level", "1", "-q", status=(0, 3))
    ran(tool, "migrate", "-q")
    assert values() == start


def test_what_was_changed_since_stays_and_is_named(tool):
    tool.restore("1.22.1-A")
    ran(tool, "migrate", "0.22.0", "-q")
    name = "quickstart images"
    tool.db.datasets.update_one({"name": name}, {"$set": {"app_config.color_scheme.color_by": "mine"}})
    before = content(tool)
    r = tool.migrator("undo", "--yes")
    assert (r.status, r.out) == (16, "")
    assert "'quickstart images' was changed since that run: app_config.color_scheme.color_by" in r.err
    assert content(tool) == before
    r = ran(tool, "undo", "--yes", "--skip-changed", "-o", "json", status=(3,))
    assert [f["dataset"] for f in r.json["failures"]] == [name]
    assert tool.versions()[0][name] == "0.22.0" and tool.versions()[0]["plain"] == "1.22.1"
    # Going up, it keeps the edit and gets the rest back.
    r = ran(tool, "migrate", "-q", "-o", "json")
    assert [k["path"] for k in r.json["restored"]["kept"]] == ["app_config.color_scheme.color_by"]
    found = tool.db.datasets.find_one({"name": name})["app_config"]["color_scheme"]
    assert found["color_by"] == "mine"


def test_renamed_and_deleted(tool):
    tool.restore("1.22.1-A")
    ran(tool, "migrate", "0.22.0", "-q")
    tool.db.datasets.update_one({"name": "plain"}, {"$set": {"name": "plainer", "slug": "plainer"}})
    tool.db.datasets.delete_one({"name": "cls.eval_01"})
    r = ran(tool, "migrate", "-q", "-o", "json")
    assert r.json["restored"]["kept"] == []
    assert tool.versions()[0]["plainer"] == "1.22.1"
    images = ran(tool, "residue", "list", "-o", "json").json["images"]
    assert {i["name"] for i in images if i["state"] == "orphaned"} == {"cls.eval_01"}
    assert ran(tool, "residue", "prune", "-o", "json").json["images"] == 1
    assert "orphaned" not in ran(tool, "residue", "list").out


def test_without_an_undo_log(tool):
    tool.restore("1.22.1-A")
    ran(tool, "migrate", "0.22.0", "-q")
    ran(tool, "migrate", "-q")
    ran(tool, "migrate", "0.22.0", "-q", "--undo-log", "off", "--allow-loss")
    r = ran(tool, "migrate", "-q", "-o", "json")
    assert r.json["restored"]["values"] == 0


def test_part_of_the_way_up(tool):
    tool.restore("1.22.1-A")
    start = content(tool)
    ran(tool, "migrate", "0.18.0", "-q")
    for version in "0.19.1", "0.23.8", "1.0.0":
        ran(tool, "migrate", version, "-q")
    ran(tool, "migrate", "-q")
    assert but_files(content(tool)) == but_files(start)
