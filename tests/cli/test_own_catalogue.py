"""Revisions of datasets in a catalogue of one's own: whoever goes on with a run, or takes it back, needs the same."""
import re

import pytest

from test_control import content, cursor_of, fill, start, wait_for

OWN = """version: 1.2.0
title: Samples have a colour
source: ours
down_label: exact
up:
  - set_default: {path: colour, value: red}
  - set_default: {path: colour, value: red}
    over: samples
"""


@pytest.fixture
def own(tmp_path):
    folder = tmp_path / "own" / "datasets"
    folder.mkdir(parents=True)
    (folder / "1.2.0.yaml").write_text(OWN)
    return ["--catalogue", str(tmp_path / "own")]


def refused(tool, *args):
    before = content(tool.db)
    r = tool.migrator(*args)
    assert r.status == 16 and "revisions of its own catalogue" in r.err and "datasets 1.2.0" in r.err, r.err
    assert "Give --catalogue what it was begun with" in r.err and content(tool.db) == before


def half_way(tool, own):
    fill(tool.db)
    tool.db["migrator.journal"].drop()
    run = start(tool, "--yes", "--rate", "500", *own)
    wait_for(lambda: cursor_of(tool))
    run.kill()
    run.communicate()


def test_a_run_goes_on_with_the_revisions_that_it_began_with(tool, own, tmp_path):
    half_way(tool, own)
    run = tool.db["migrator.journal"].find_one({"_id": "run"})["run"]
    for args in ["migrate", "--yes"], ["migrate", "1.0.0", "--yes"], ["verify", "--repair", "--yes"], ["undo", run, "--yes"]:
        refused(tool, *args)
    path = tmp_path / "own" / "datasets" / "1.2.0.yaml"
    path.write_text(OWN.replace("red", "green"))
    refused(tool, "migrate", "--yes", *own)
    path.write_text(OWN)
    r = tool.migrator("verify", "--repair", "--yes", *own)
    assert "An interrupted run was finished" in r.err
    assert tool.db["samples.large"].count_documents({"colour": "red"}) == 3000
    assert tool.migrator("migrate", "--yes", *own).status == 0
    assert tool.db["samples.large"].count_documents({"colour": "red"}) == 3000
    assert tool.db.datasets.count_documents({"colour": "red", "version": "1.22.1"}) == 4


def test_a_half_way_dataset_knows_the_revisions_of_its_way(tool):
    """Those that the program brings itself may be others in another release."""
    half_way(tool, [])
    tool.db["migrator.journal"].update_one({"_id.dataset": 0}, {"$set": {"revisions": "of another release"}})
    before = content(tool.db)
    run = tool.db["migrator.journal"].find_one({"_id": "run"})["run"]
    for args in ["migrate", "--yes"], ["undo", run, "--yes"]:
        r = tool.migrator(*args)
        assert r.status == 16 and "Dataset 'large' is half-way to v1.22.1" in r.err, r.err
        assert "the release of this program that began it" in r.err and content(tool.db) == before


def test_an_undo_needs_the_revisions_of_its_run(tool, own):
    fill(tool.db, 20)
    tool.db["migrator.journal"].drop()
    start_of = content(tool.db)
    assert tool.migrator("migrate", "--yes", *own).status == 0
    end = content(tool.db)
    refused(tool, "undo", "--yes")
    assert tool.migrator("undo", "--yes", *own).status == 0
    assert content(tool.db) == start_of
    refused(tool, "undo", "--yes")
    assert tool.migrator("undo", "--yes", *own).status == 0
    assert content(tool.db) == end


def test_a_round_trip_takes_them_along(tool, own, tmp_path):
    fill(tool.db, 20)
    tool.db["migrator.journal"].drop()
    path = tmp_path / "own" / "datasets" / "1.2.0.yaml"
    path.write_text(OWN + "down: []\n")
    r = tool.migrator("roundtrip", *own)
    assert r.status == 15 and re.search(r"^added +samples.\*: colour ", r.out, re.M)
