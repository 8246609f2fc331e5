"""Harm while media go to Google Cloud Storage and Azure: a proxy between, as test_media_upload.py has it for S3."""
import os
import subprocess

import pytest
from media_data import content, dataset
from object_servers import AZURITE_KEY, SECRET, Azure, Gcs, Proxy, azurite_program

pytestmark = pytest.mark.long


class Store:
    def __init__(self, server, folder, env):
        self.server, self.folder, self.env = server, folder, env


@pytest.fixture(scope="module", params=["gcs", "azure"])
def store(request, tmp_path_factory):
    folder = str(tmp_path_factory.mktemp(request.param))
    if request.param == "gcs":
        with Gcs(folder) as server:
            yield Store(server, "gs://bucket", lambda url: {"STORAGE_EMULATOR_HOST": url})
    else:
        if not azurite_program():
            pytest.skip("Azurite is not installed: scripts/install-azurite needs npm")
        with Azure(folder) as server:
            server.container()
            yield Store(server, "az://container", server.env)


def files(tool, tmp_path, count=8):
    for i in range(count):
        (tmp_path / ("%d.jpg" % i)).write_bytes(b"%d" % i * 200)
    dataset(tool.db, "demo", [{"filepath": "%s/%d.jpg" % (tmp_path, i)} for i in range(count)])


def upload(tool, store, folder, url=None):
    env = store.env(url or store.server.root)
    r = tool.migrator("-o", "json", "media", "upload", "demo", "%s/%s" % (store.folder, folder), "--update-filepaths",
                      "-j", "4", **env)
    assert AZURITE_KEY not in r.out + r.err and SECRET not in r.out + r.err
    return r


def consistent(tool, store, tmp_path):
    """Each path is the local one, or its object is there with its content. How many are remote."""
    remote = [d["filepath"] for d in tool.db["samples.demo"].find() if "://" in d["filepath"]]
    check = tool.migrator("-o", "json", "media", "verify", "demo", "--full", **store.env(store.server.root))
    assert check.status == 0, check.out
    return len(remote)


@pytest.mark.parametrize("what", [500, 503, 429, "cut", "lose", "slow"])
def test_what_passes_is_tried_again(tool, store, tmp_path, what):
    files(tool, tmp_path)
    seen = {}

    def rule(method, path, n):
        key = method, path.split("?")[0]
        seen[key] = seen.get(key, 0) + 1
        return what if method in ("PUT", "POST") and seen[key] == 1 and n % 2 else None

    with Proxy(store.server.port, rule) as proxy:
        r = upload(tool, store, "passes-%s" % what, proxy.url)
    assert r.status == 0, r.err + r.out
    assert r.json["uploaded"] + r.json["adopted"] == 8 and consistent(tool, store, tmp_path) == 8


@pytest.mark.parametrize("what", [403, 507])
def test_what_stays_is_named(tool, store, tmp_path, what):
    """Credentials expire, or the store is full, after some files."""
    files(tool, tmp_path)
    puts = []

    def rule(method, path, n):
        if method not in ("PUT", "POST"):
            return None
        puts.append(path)
        return what if len(puts) > 12 else None

    with Proxy(store.server.port, rule) as proxy:
        r = upload(tool, store, "stays-%d" % what, proxy.url)
    assert r.status in ((12,) if what == 403 else (1, 3, 5)), (r.status, r.err)
    assert consistent(tool, store, tmp_path) < 8
    again = upload(tool, store, "stays-%d" % what)
    assert again.status == 0 and consistent(tool, store, tmp_path) == 8, again.err


def test_deletes_that_fail_are_tried_again(store, tool, tmp_path):
    """Besides what the library of the provider tries itself."""
    deletes = []

    def rule(method, path, n):
        if method == "DELETE":
            deletes.append(path)
            return "cut" if len(deletes) <= 5 else None

    with Proxy(store.server.port, rule) as proxy:
        env = {"HOME": str(tmp_path), "PATH": os.environ["PATH"], "FM_TEST_STORE": store.folder + "/deletes", **store.env(proxy.url)}
        p = subprocess.run([os.path.join(tool.bin, "store_test"), "--gtest_filter=*ObjectsComeAndGo*"], env=env,
                           capture_output=True, text=True, timeout=300)
    assert p.returncode == 0 and len(deletes) > 5, p.stdout[-4000:]


def test_no_server(tool, store, tmp_path):
    files(tool, tmp_path, 1)
    before = content(tool.db)
    r = upload(tool, store, "none", "http://127.0.0.1:1")
    assert r.status == 5 and content(tool.db) == before, r.err
