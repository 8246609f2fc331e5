"""The real open-source client and databases that this program has migrated.

Environment: FM_PEER (default .venv-peer) is a folder whose bin/python has fiftyone 1.22.1.
"""
import os
import subprocess

import pytest

from deployment import ROOT
from enterprise import server, tool  # noqa: F401

pytestmark = pytest.mark.long


def peer(tool, code, **env):
    folder = os.environ.get("FM_PEER") or os.path.join(ROOT, ".venv-peer")
    path = os.path.join(folder, "bin", "python")
    assert os.access(path, os.X_OK), "no interpreter at %s: run scripts/install-peer, or set FM_PEER" % path
    variables = {
        **tool.env, "FIFTYONE_DATABASE_VALIDATION": "false", "FIFTYONE_DO_NOT_TRACK": "1",
        "FIFTYONE_DATABASE_ADMIN": "false", **env,
    }
    return subprocess.run([path, "-c", code], env=variables, capture_output=True, text=True, timeout=120)


NAMES = "import fiftyone as fo; print(sorted(fo.list_datasets(), key=str))"


def test_another_type_of_client(tool):
    tool.build("2.12.0", scale=0.02)
    tool.migrate("2.25.0")
    before = tool.dump()
    p = peer(tool, NAMES)
    text = "Cannot connect to database type 'fiftyone-teams' with client type 'fiftyone'"
    assert p.returncode != 0 and text in p.stderr
    assert text in tool.migrator("check", "--client-version", "1.22.1", "--client-type", "fiftyone").out
    assert tool.dump() == before


def test_beyond_its_range_and_within(tool):
    names = {"a": "1.22.1", "b": "1.22.1"}
    tool.fill("1.22.1", names)
    for target, refused in ("0.18.0", True), ("1.10.0", False), ("0.19.0", False):
        tool.migrate(target, "--allow-loss", CAS_DATABASE_URI=None, CAS_DATABASE_NAME=None)
        p = peer(tool, NAMES)
        r = tool.migrator("check", "--client-version", "1.22.1")
        text = "Cannot connect to database v%s with client v1.22.1 (compatibility >=0.19,<2). See " % target
        assert (text in p.stderr, p.returncode != 0, text in r.out, r.status != 0) == (refused,) * 4, p.stderr
        if not refused:
            assert p.stdout.splitlines()[-1] == "['a', 'b']"
