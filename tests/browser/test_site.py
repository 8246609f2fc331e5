"""The documentation as a site (`make docs`), every page of it, in a real browser at the width of a phone and of a desk."""
import functools
import html.parser
import http.server
import os
import subprocess
import sys
import threading
import urllib.parse
from pathlib import Path

import pytest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
from webdriver import Browser  # noqa: E402

pytestmark = pytest.mark.long
ROOT = Path(HERE).parents[1]


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """(folder, address)"""
    folder = tmp_path_factory.mktemp("site")
    mkdocs = ROOT / ".venv-tools" / "bin" / "mkdocs"
    assert mkdocs.exists(), "scripts/install-tools makes it"
    built = subprocess.run([mkdocs, "build", "-q", "-d", folder], cwd=ROOT, capture_output=True, text=True,
                           env={**os.environ, "NO_MKDOCS_2_WARNING": "1", "http_proxy": "http://127.0.0.1:9", "https_proxy": "http://127.0.0.1:9"})
    assert built.returncode == 0 and built.stdout + built.stderr == "", built.stdout + built.stderr
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield folder, "http://127.0.0.1:%d/" % server.server_port
    server.shutdown()


@pytest.fixture(scope="module")
def browser():
    with Browser() as b:
        yield b


class Links(html.parser.HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.targets, self.ids = [], set()
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        self.ids.update(attributes[key] for key in ("id", "name") if attributes.get(key))
        for key in "href", "src":
            if tag not in ("link", "meta") and attributes.get(key):
                self.targets.append(attributes[key])


def pages(folder):
    return sorted(p for p in folder.rglob("*.html") if p.name != "404.html")


def test_no_link_is_broken(site):
    folder, _ = site
    parsed = {page: Links(page.read_text()) for page in pages(folder)}
    assert len(parsed) >= len(list((ROOT / "docs").rglob("*.md")))
    broken = []
    for page, links in parsed.items():
        for target in links.targets:
            parts = urllib.parse.urlsplit(target)
            if parts.scheme or parts.netloc:
                continue
            path = (page.parent / urllib.parse.unquote(parts.path)).resolve() if parts.path else page
            if path.is_dir():
                path /= "index.html"
            if not path.exists():
                broken.append((page.name, target))
            elif parts.fragment and path in parsed and not parts.fragment.startswith("__"):
                if urllib.parse.unquote(parts.fragment) not in parsed[path].ids:
                    broken.append((page.name, target))
    assert broken == []


@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_page(site, browser, width, scheme):
    folder, address = site
    browser.size(width, 900, mobile=width < 600)
    browser.media(prefers_color_scheme=scheme)
    browser.log()
    for page in pages(folder):
        url = address + str(page.relative_to(folder))
        browser.go(url)
        title, wide, foreign, broken = browser.run(
            """return [document.title, document.documentElement.scrollWidth,
                performance.getEntriesByType('resource').map(r => r.name).filter(n => !n.startsWith(arguments[0])),
                [...document.images].filter(i => i.complete && !i.naturalWidth).map(i => i.src)]""", address)
        assert "fiftyone-migrator" in title and foreign == [] and broken == [], url
        assert wide <= width, url
        assert browser.log() == [], url


def test_search_finds(site, browser):
    _, address = site
    browser.size(1280, 900)
    browser.go(address)
    browser.run("""document.querySelector('label[for=__search]').click();
        const s = document.querySelector('input[name=query]'); s.focus(); s.value = 'residue';
        s.dispatchEvent(new Event('input', {bubbles: true})); s.dispatchEvent(new Event('keyup', {bubbles: true}));""")
    found = browser.wait("return document.querySelectorAll('.md-search-result__item').length")
    assert found > 2
