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

sys.path.insert(0, str(ROOT / "tests" / "enterprise"))
from console import mismatch  # noqa: E402
from enterprise import EnterpriseTool  # noqa: E402

FORMATS = (ROOT / "docs" / "formats.md").read_text()


@pytest.fixture(scope="module")
def server():
    with harness.Server() as server:
        yield server


@pytest.fixture(scope="module")
def tool(server, tmp_path_factory):
    """A database that has been up and down and is left half-way up."""
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
    return tool


@pytest.fixture(scope="module")
def runs(server, tmp_path_factory):
    """The documents of runs of every other kind."""
    home = tmp_path_factory.mktemp("runs")
    tool = Tool(server, "runs", str(home)).restore("1.22.1-A")
    tool.db.datasets.update_one({"name": "plain"}, {"$unset": {"slug": 1}})
    plain = tool.db[tool.db.datasets.find_one({"name": "plain"})["sample_collection_name"]].find_one()
    for words in ([["verify", "--repair", "--yes"], ["migrate", "0.22.0", "--yes"], ["undo", "--yes"], ["undo", "--yes"],
                   ["backup", str(home / "b"), "--all"], ["restore", str(home / "b"), "--overwrite"],
                   ["media", "rewrite", "plain", "--from", os.path.dirname(plain["filepath"]), "--to", "s3://x"]]):
        run = tool.migrator(*words)
        assert run.status in (0, 15), (words, run.err)
    last = tool.migrator("history", "-o", "json").json["runs"][0]["run"]
    assert tool.migrator("media", "undo", last).status == 0
    services = EnterpriseTool(server, "services", str(home)).build("2.12.0", scale=0.02)
    services.migrate("2.15.0")
    assert services.migrator("undo", "--yes").status == 0
    out = [*tool.db["migrator.history"].find(), *services.db["migrator.history"].find()]
    kinds = {run.get("kind") for run in out}
    assert kinds >= {"migrate", "undo", "repair", "restore", "media rewrite", "media undo"}, kinds
    return out


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


def test_every_key_of_any_kind_of_run_is_documented(runs):
    text = section("History")
    for run in runs:
        assert not undocumented(run, text), run


def shown_in_readme():
    """[(command, [lines below it])] of the README that show what is printed."""
    found = []
    for line in (ROOT / "README.md").read_text().split("\n"):
        if line.startswith("    $ "):
            found.append((line[6:], []))
        elif line.startswith("    ") and found:
            found[-1][1].append(line[4:])
        elif line and found and found[-1][1]:
            found.append(("", []))  # the end of a block
    return [one for one in found if one[0].startswith("fiftyone") and one[1]]


def test_the_readme_shows_what_is_printed(server, tmp_path):
    """Of the database of `make run`, in the order of the page."""
    tool = Tool(server, "fiftyone", str(tmp_path)).restore("0.14.4-A")
    blocks = shown_in_readme()
    assert [command for command, _ in blocks] == [
        "fiftyone-migrator " + words for words in ("info", "plan", "doctor", "migrate --yes", "migrate")]
    for command, lines in blocks:
        run = tool.migrator(*command.split()[1:])
        wrong = mismatch(lines, run.out)
        assert run.status == 0 and wrong is None, "%s\n%s" % (command, wrong)


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
