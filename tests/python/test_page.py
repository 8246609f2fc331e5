"""The Python of the public page, as printed, with the SDK facade.

page.rst is the page; each test names the preamble that its block gets. `...` in
``load_dataset`` is the one thing that is replaced, by a name.
"""
import os
import re
import textwrap

import pytest
from datasets import FACADE, HERE, PACKAGE, three_samples

with open(os.path.join(HERE, "page.rst"), encoding="utf-8") as f:
    PAGE = f.read()
BLOCKS = [
    textwrap.dedent(block).strip()
    for block in re.findall(r"\.\. code-block:: python\n    :linenos:\n\n((?:(?:    .*)?\n)+)", PAGE + "\n")
]
WITH_FACADE = {"PYTHONPATH": os.pathsep.join([FACADE, PACKAGE])}


def block(word):
    found = [b for b in BLOCKS if word in b]
    assert len(found) == 1, found
    return found[0]


def test_every_block_of_the_page_has_its_test():
    assert len(BLOCKS) == 5
    for word in "dataset.export(", "from_dir(", "upload_media(", "set_values(", "rmtree(":
        assert block(word)


def test_set_values(place):
    dataset = place.add("a", three_samples())
    preamble = ("import fiftyone as fo\ndataset = fo.load_dataset('a')\n"
                "def get_cloud_path(filepath): return 's3://bucket' + filepath\n")
    place.run(preamble + block("set_values("), env=WITH_FACADE)
    assert dataset.values("filepath") == ["s3://bucket/d/0.png", "s3://bucket/d/1.png", "s3://bucket/d/2.png"]


@pytest.fixture
def folder(tmp_path):
    """Blocks name /tmp/dataset; a test has its own."""
    return lambda code: code.replace('"/tmp/dataset"', repr(str(tmp_path / "dataset")))


def test_export_and_import(place, server, folder, tmp_path):
    place.add("a", three_samples())
    export = block("dataset.export(").replace("load_dataset(...)", "load_dataset('a')")
    place.run(folder(export), env=WITH_FACADE)
    assert (tmp_path / "dataset" / "samples.json").exists()
    out = place.run(folder(block("from_dir(")) + "\nprint(dataset.name, dataset.persistent, dataset.values('filepath'))",
                    env=WITH_FACADE)
    assert out.split(" ", 1)[1] == "True ['/d/0.png', '/d/1.png', '/d/2.png']\n"
    place.run("import shutil\n" + folder(block("rmtree(")), env=WITH_FACADE)
    assert not (tmp_path / "dataset").exists()


def test_what_the_facade_does_not_have_is_said(place):
    p = place.run("import fiftyone as fo\nfo.launch_app()", check=False, env=WITH_FACADE)
    assert "holds only what moving datasets takes; it has no 'launch_app'" in p.stderr


def test_the_facade_does_not_hide_the_original(place, tmp_path):
    original = tmp_path / "site" / "fiftyone"
    original.mkdir(parents=True)
    (original / "__init__.py").write_text("real = True\n")
    hidden = {"PYTHONPATH": os.pathsep.join([FACADE, PACKAGE, str(tmp_path / "site")])}
    p = place.run("import fiftyone", check=False, env=hidden)
    assert p.returncode == 1 and "ImportError" in p.stderr and str(original) in p.stderr
    # A folder without a package in it, as that of fiftyone-db, is none.
    (original / "__init__.py").unlink()
    place.run("import fiftyone", env=hidden)
    # And the package works beside an original.
    (original / "__init__.py").write_text("real = True\n")
    beside = {"PYTHONPATH": os.pathsep.join([PACKAGE, str(tmp_path / "site")])}
    assert place.run("import fiftyone, fiftyone_migrator as fm; print(fiftyone.real, fm.list_datasets())", env=beside) == (
        "True []\n")
