"""The contract of object stores (tests/unit/store_test.cc) on real servers, and an upload to each."""
import os
import subprocess
import time

import pytest
from media_data import content, dataset
from object_servers import AZURITE_KEY, SECRET, S3, Azure, Gcs, Minio, Proxy, azurite_program, minio_program


class Store:
    def __init__(self, server, folder, env):
        self.server, self.folder, self.env = server, folder, env


@pytest.fixture(scope="module", params=["s3", "moto-as-minio", "minio", "gcs", "azure"])
def store(request, tmp_path_factory):
    folder = str(tmp_path_factory.mktemp(request.param))
    if request.param == "minio":
        if not minio_program():
            pytest.skip("MinIO is not there: scripts/install-bench builds it with Go")
        with Minio(folder) as server:
            yield Store(server, server.url + "/bucket/t", server.env())
    elif request.param in ("s3", "moto-as-minio"):
        with S3(folder) as server:
            if request.param == "s3":
                yield Store(server, "s3://bucket/t", server.env())
            else:
                yield Store(server, server.url + "/bucket/t", {
                    "MINIO_ENDPOINT_URL": server.url, "MINIO_ACCESS_KEY": "k", "MINIO_SECRET_ACCESS_KEY": SECRET})
    elif request.param == "gcs":
        with Gcs(folder) as server:
            yield Store(server, "gs://bucket/t", server.env())
    else:
        if not azurite_program():
            pytest.skip("Azurite is not installed: scripts/install-azurite needs npm")
        with Azure(folder) as server:
            server.container()
            yield Store(server, "az://container/t", server.env())


@pytest.mark.long
def test_contract(store, tmp_path):
    program = os.path.join(os.environ.get("FM_BIN_DIR", "build/bin"), "store_test")
    env = {"HOME": str(tmp_path), "PATH": os.environ["PATH"], "FM_TEST_STORE": store.folder, **store.env}
    p = subprocess.run([program], env=env, capture_output=True, text=True, timeout=300)
    assert p.returncode == 0, p.stdout[-4000:] + p.stderr[-2000:]
    assert "5 tests" in p.stdout


@pytest.mark.long
def test_upload(store, tool, tmp_path):
    sizes = {"a b%20#é.jpg": 1000, "big.bin": 25 * 2**20 + 1, "empty": 0}
    for name, size in sizes.items():
        (tmp_path / name).write_bytes(os.urandom(size))
    dataset(tool.db, "demo", [{"filepath": str(tmp_path / name)} for name in sizes])
    before = content(tool.db)
    r = tool.migrator("-o", "json", "media", "upload", "demo", store.folder + "/up", "--update-filepaths",
                      "--verify-full", **store.env)
    assert r.status == 0, r.err
    assert r.json["uploaded"] == 3 and SECRET not in r.out + r.err and AZURITE_KEY not in r.out + r.err
    stored = {d["filepath"] for d in tool.db["samples.demo"].find()}
    assert stored == {store.folder + "/up/" + name for name in sizes}
    check = tool.migrator("-o", "json", "media", "verify", "demo", "--full", **store.env)
    assert check.status == 0 and check.json["compared"] == 3, check.err
    # The same content in place is found to be the same, another one is not.
    assert tool.migrator("media", "undo", r.json["run"], **store.env).status == 0
    (tmp_path / "empty").write_bytes(b"now it is not")
    again = tool.migrator("-o", "json", "media", "upload", "demo", store.folder + "/up", "--manifest",
                          str(tmp_path / "other"), **store.env)
    assert (again.json["adopted"], again.json["uploaded"], len(again.json["clashes"])) == (2, 1, 1)
    assert content(tool.db).keys() == before.keys()


@pytest.mark.long
@pytest.mark.parametrize("store", ["gcs", "azure"], indirect=True)
def test_what_is_stored_with_objects(store, tool, tmp_path):
    """As tests/cli/test_media_choices.py has it for S3: to the extent that each provider has it."""
    (tmp_path / "a.jpg").write_bytes(b"content")
    dataset(tool.db, "demo", [{"filepath": str(tmp_path / "a.jpg")}])
    common = ("media", "upload", "demo", store.folder + "/with", "--cache-control", "max-age=60", "--metadata", "by_whom=a  b")
    tier = tool.migrator(*common, "--storage-class", "NEARLINE", **store.env)
    if isinstance(store.server, Azure):
        assert tier.status == 2 and "storage class" in tier.err
        assert tool.migrator(*common, "--metadata", "by-whom=x", **store.env).status == 2
        assert tool.migrator(*common, **store.env).status == 0
        stored = store.server.metadata("container/t/with/a.jpg")
        assert (stored["Cache-Control"], stored["Content-Type"], stored["by_whom"]) == ("max-age=60", "image/jpeg", "a  b"), stored
    else:
        assert tier.status == 0, tier.err
        stored = store.server.facts("t/with/a.jpg")
        assert (stored["cacheControl"], stored["contentType"], stored["metadata"]) == (
            "max-age=60", "image/jpeg", {"by_whom": "a  b"}), stored
        assert stored["storageClass"] == "NEARLINE"


@pytest.mark.long
@pytest.mark.parametrize("store", ["minio"], indirect=True)
def test_parts_that_minio_has_are_not_sent_again(store, tool, tmp_path):
    path = tmp_path / "large.bin"
    path.write_bytes(os.urandom(205 * 2**20))
    dataset(tool.db, "large", [{"filepath": str(path)}])
    sent = []

    def rule(method, path, n):
        if method == "PUT" and "partNumber" in path:
            sent.append(path)
            return "slow"

    with Proxy(store.server.port, rule) as proxy:
        command = [os.path.join(tool.bin, "fiftyone-migrator"), "media", "upload", "large", proxy.url + "/bucket/large",
                   "-j", "4"]
        with subprocess.Popen(command, env={**tool.env, **store.server.env(proxy.url)}, stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL) as p:
            while len(sent) < 9:
                time.sleep(0.05)
            p.kill()
        first = len(sent)
        r = tool.migrator(*command[1:], **store.server.env(proxy.url))
    assert r.status == 0, r.err
    assert first <= 13 and len(sent) <= 21 + 8, (first, len(sent))  # four in flight, killed perhaps before they arrived
    body = store.server.client.get_object(Bucket="bucket", Key="large/large.bin")["Body"].read()
    assert body == path.read_bytes()
    assert not store.server.client.list_multipart_uploads(Bucket="bucket").get("Uploads")


@pytest.mark.long
@pytest.mark.parametrize("store", ["minio"], indirect=True)
def test_minio_refuses_a_wrong_secret(store, tool, tmp_path):
    for size in (100, 11 * 2**20):
        (tmp_path / "f").write_bytes(os.urandom(size))
        dataset(tool.db, "secret%d" % size, [{"filepath": str(tmp_path / "f")}])
        r = tool.migrator("media", "upload", "secret%d" % size, store.folder,
                          **{**store.env, "MINIO_SECRET_ACCESS_KEY": "another-secret"})
        assert r.status == 12 and "another-secret" not in r.err, r.err
