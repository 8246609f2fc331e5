"""Commands that only look write nothing to either database of a deployment: the server's profiler saw all they did."""
import os
import sys

import pytest

from enterprise import server, tool  # noqa: F401

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "cli"))
from test_no_write import is_read  # noqa: E402

COMMANDS = [
    ["plan", "--estimate"], ["plan", "2.12.0"], ["plan", "1.5.0"], ["migrate", "--dry-run"], ["info"], ["info", "--check"],
    ["doctor"], ["verify"], ["verify", "--repair", "--dry-run"], ["history"], ["lock", "status"], ["residue", "list"],
    ["residue", "apply", "--dry-run"], ["check", "--client-version", "2.12.0"], ["backup", "{new}", "--all"],
]


@pytest.mark.parametrize("half_way", [False, True], ids=["whole", "half-way"])
@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_nothing_is_written(tool, tmp_path, command, half_way):
    tool.build("2.12.0", scale=0.02)
    tool.migrate("2.15.0")
    if half_way:
        # A document that the migrated database does not take.
        tool.db.command({"collMod": "api_keys", "validator": {"principal": {"$exists": False}}})
        assert tool.migrator("migrate", "2.18.0").status == 1
    before = {name: tool.client[name] for name in (tool.name, tool.cas)}
    for db in before.values():
        db.create_collection("system.profile", capped=True, size=16 << 20)
    before = {name: everything(db) for name, db in before.items()}
    for name in before:
        tool.client[name].command("profile", 2)
    r = tool.migrator(*[word.format(new=tmp_path / "new") for word in command])
    for name in before:
        tool.client[name].command("profile", 0)
    assert r.status in (0, 4, 15, 16), r.err
    for name, found in before.items():
        seen = [e for e in tool.client[name]["system.profile"].find({"appName": "fiftyone-migrator"})]
        assert [e for e in seen if not is_read(e)] == [] and everything(tool.client[name]) == found
        assert seen or name == tool.cas, "the profiler saw nothing"


def everything(db):
    return {n: sorted(map(repr, db[n].find())) for n in db.list_collection_names() if n != "system.profile"}
