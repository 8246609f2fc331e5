"""Pages against the program: what they list is what there is."""
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests" / "cli"), str(ROOT / "tests" / "corpus")]
from programs import Tool, harness  # noqa: E402

FORMATS = (ROOT / "docs" / "formats.md").read_text()


@pytest.fixture(scope="module")
def tool(tmp_path_factory):
    """A database that has been up and down and is left half-way up."""
    with harness.Server() as server:
        tool = Tool(server, "pages", str(tmp_path_factory.mktemp("pages")))
        tool.restore("0.14.4-A")
        for words in (["migrate", "--yes"], ["migrate", "0.15.0", "--yes"]):
            assert tool.migrator(*words).status == 0
        for instant in range(1, 60):  # killed where a dataset is parked
            before = {"PATH": os.environ["PATH"]}
            run = subprocess.Popen([os.path.join(tool.bin, "fiftyone-migrator"), "migrate", "--yes", "--rate", "20"],
                                   env={**tool.env, **before}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            try:
                run.wait(0.3 + instant / 10)
                continue
            except subprocess.TimeoutExpired:
                run.kill()
                run.wait()
            if tool.db["migrator.journal"].count_documents({}) > 0:
                break
        yield tool


def section(title):
    return re.search(r"^## %s\n(.*?)(?=^## |\Z)" % re.escape(title), FORMATS, re.M | re.S)[1]


def undocumented(document, text):
    return {key for key in document if not re.search(r"`[^`]*\b%s\b[^`]*`" % re.escape(key), text)}


@pytest.mark.parametrize("title, collections", [
    ("History", ["migrator.history"]), ("Residue", ["migrator.residue", "migrator.residue.members"]),
    ("Lease", ["migrator.lease"]), ("Journal", ["migrator.journal"])])
def test_every_key_is_documented(tool, title, collections):
    text = section(title)
    seen = [document for name in collections for document in tool.db[name].find()]
    assert seen, "nothing to compare with"
    for document in seen:
        assert not undocumented(document, text), document
        if isinstance(document["_id"], dict):
            assert not undocumented(document["_id"], text), document["_id"]


def test_every_collection_is_documented(tool):
    ours = {name for name in tool.db.list_collection_names() if name.startswith("migrator.")}
    assert ours and all("`%s`" % name in FORMATS for name in ours), ours


def test_the_manifest_of_a_backup_is_documented(tool, tmp_path):
    assert tool.migrator("backup", str(tmp_path / "b"), "--all").status == 0
    manifest = json.loads((tmp_path / "b" / "fiftyone-migrator.json").read_text())
    text = section("Manifest of a backup")
    assert not undocumented(manifest, text)
    assert not undocumented({key: 1 for entry in manifest["collections"] for key in entry}, text)


def test_every_page_is_in_the_navigation_and_among_the_first_links():
    """Without the first the site is not built."""
    docs = ROOT / "docs"
    pages = {str(p.relative_to(docs)) for p in docs.rglob("*.md")}
    assert set(re.findall(r"[\w/-]+\.md", (ROOT / "mkdocs.yml").read_text())) == pages
    assert set(re.findall(r"\]\(([\w/-]+\.md)\)", (docs / "index.md").read_text())) == pages - {"index.md"}


def test_every_exit_code_has_its_advice():
    listed = re.findall(r"k\w+ = (\d+)", re.search(r"enum class Exit : int \{(.*?)\};", (ROOT / "src/base/error.h").read_text(), re.S)[1])
    headings = re.findall(r"^## (\d[\d, ]*):", (ROOT / "docs" / "when-it-goes-wrong.md").read_text(), re.M)
    assert {code for heading in headings for code in heading.split(", ")} == set(listed) - {"0"}
