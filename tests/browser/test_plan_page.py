"""The page of `plan --html` in a real browser. `scripts/install-browser` brings it."""
import os
import subprocess
import sys

import pytest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(os.path.dirname(HERE), "cli")]
from programs import Tool, harness  # noqa: E402
from test_plan import HOSTILE  # noqa: E402
from webdriver import Browser  # noqa: E402

pytestmark = pytest.mark.long

ORDINARY = 300


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """The way down of a database with hostile names, things to lose, and a dataset that is refused."""
    folder = tmp_path_factory.mktemp("page")
    path = folder / "plan.html"
    with harness.Server() as server:
        tool = Tool(server, "page", str(folder))
        tool.restore("1.22.1-A")
        for i, name in enumerate(HOSTILE + ["dataset %d" % i for i in range(ORDINARY)]):
            tags = ["x"] * (i % 7)
            tool.db.datasets.insert_one(
                {"name": name, "slug": str(i), "version": "1.22.1", "tags": tags, "sample_collection_name": "s%d" % i}
            )
        r = tool.migrator("plan", "0.16.0", "--undo-log", "off", "--estimate", "--html", str(path))
        assert r.status == 0, r.err
    return path


@pytest.fixture(scope="module")
def browser():
    with Browser() as b:
        yield b


@pytest.fixture
def opened(browser, page):
    browser.size(1280, 900)
    browser.media(prefers_color_scheme="light")
    browser.log()
    browser.open(page)
    yield browser
    assert browser.log() == []  # neither errors nor anything that the policy stopped


SHOWN = "return [...document.querySelectorAll('#datasets-table tbody tr')].filter(r => r.offsetParent)"


def test_hostile_names_are_text(opened):
    assert opened.run("return window.hacked === undefined && document.images.length === 0")
    names = opened.run("return [...document.querySelectorAll('td.name bdi')].map(e => e.textContent)")
    for name in HOSTILE:
        assert "".join(c if c in "\n\t" or c >= " " else " " for c in name) in names
    assert opened.run("return performance.getEntriesByType('resource').length") == 0


def test_filter(opened):
    def filtered(text, kind=""):
        return opened.run(
            """const s = document.getElementById('search'), k = document.getElementById('kind');
            s.value = arguments[0]; s.dispatchEvent(new Event('input'));
            k.value = arguments[1]; k.dispatchEvent(new Event('change'));"""
            + SHOWN + ".map(r => r.querySelector('.name').textContent)",
            text, kind,
        )

    everything = filtered("")
    assert len(everything) > ORDINARY
    with_29 = ["dataset %d" % i for i in range(ORDINARY) if "29" in str(i)]
    assert sorted(filtered("29 DATASET")) == sorted(with_29)
    assert filtered("", "refused") == ["multi rig"]
    assert 0 < len(filtered("", "lossy")) < len(everything) and filtered("", "up") == []
    assert filtered("<script>window.hacked=1") == [HOSTILE[0]]
    assert opened.run("return document.getElementById('shown').textContent") == "1 of %d" % len(everything)
    assert filtered("") == everything


def test_sort(opened):
    column = """const head = [...document.querySelectorAll('#datasets-table thead th')]
        .find(th => th.textContent === arguments[0]); head.querySelector('button').click();
        const rows = [...document.querySelectorAll('#datasets-table tbody tr')];
        return [head.getAttribute('aria-sort'), rows.map(r => r.cells[head.cellIndex].dataset.value
            ?? r.cells[head.cellIndex].textContent)]"""
    way, sizes = opened.run(column, "Size")
    assert way == "descending" and list(map(int, sizes)) == sorted(map(int, sizes), reverse=True)
    way, sizes = opened.run(column, "Size")
    assert way == "ascending" and list(map(int, sizes)) == sorted(map(int, sizes))
    way, names = opened.run(column, "Dataset")
    ordinary = [n for n in names if n.startswith("dataset ")]
    assert way == "ascending" and ordinary == ["dataset %d" % i for i in range(ORDINARY)]


@pytest.mark.parametrize("width", [320, 390, 700, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_fits_every_screen(opened, width, scheme):
    opened.size(width, 800, mobile=width < 600)
    opened.media(prefers_color_scheme=scheme)
    assert opened.run("return document.documentElement.scrollWidth") <= width
    light = opened.run("return getComputedStyle(document.body).backgroundColor.match(/\\d+/g).map(Number)")
    assert (sum(light) > 600) == (scheme == "light")


def test_without_scripts_all_is_there(browser, page):
    browser.devtools("Emulation.setScriptExecutionDisabled", value=True)
    try:
        browser.open(page)
    finally:
        browser.devtools("Emulation.setScriptExecutionDisabled", value=False)
    rows, tools = browser.run("return [document.querySelectorAll('#datasets-table tbody tr').length,"
                              "document.querySelector('.tools').offsetParent]")
    assert rows > ORDINARY and tools is None


def test_print(opened, tmp_path):
    opened.run("const s = document.getElementById('search'); s.value = 'dataset'; s.dispatchEvent(new Event('input'))")
    path = tmp_path / "plan.pdf"
    path.write_bytes(opened.pdf())
    text = subprocess.run(["pdftotext", "-layout", path, "-"], stdout=subprocess.PIPE, check=True).stdout.decode()
    for i in range(ORDINARY):
        assert "dataset %d" % i in text
    assert "Lost on the way down" in text and "Filter by name" not in text
