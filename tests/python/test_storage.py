"""`fiftyone_migrator.storage`, which is the facade's `fiftyone.core.storage`, on moto and on folders."""
import inspect
import json
import os
import subprocess
import sys

import pytest
from datasets import FACADE, PACKAGE, ROOT, three_samples

sys.path.append(os.path.join(ROOT, "tests", "cli"))
from object_servers import S3, SECRET, Proxy  # noqa: E402

from fiftyone_migrator import errors, storage as fos  # noqa: E402


@pytest.fixture(scope="module")
def server_of_objects(tmp_path_factory):
    with S3(str(tmp_path_factory.mktemp("moto"))) as server:
        yield server


@pytest.fixture
def s3(server_of_objects, monkeypatch, tmp_path):
    server_of_objects.clear()
    for name, value in {**server_of_objects.env(), "HOME": str(tmp_path)}.items():
        monkeypatch.setenv(name, value)
    return server_of_objects


def test_paths(s3, monkeypatch, tmp_path):
    monkeypatch.setenv("MINIO_ENDPOINT_URL", "https://minio.example")
    monkeypatch.setenv("MINIO_ALIAS", "mine")
    monkeypatch.setenv("AZURE_ALIAS", "az")
    monkeypatch.setenv("AZURE_STORAGE_ACCOUNT", "acc")
    uri = "s3://bucket/a//b%20/../c.png"
    azure = "https://acc.blob.core.windows.net/box/k"
    systems = {"/a/b": "LOCAL", "a": "LOCAL", uri: "S3", "gs://b/k": "GCS", azure: "AZURE", "az://box/k": "AZURE",
               "https://minio.example/b/k": "MINIO", "mine://b/k": "MINIO", "https://example.org/x": "HTTP"}
    assert {p: fos.get_file_system(p).name for p in systems} == systems
    assert [fos.get_bucket_name(p) for p in systems] == [
        "", "", "s3://bucket", "gs://b", "https://acc.blob.core.windows.net/box", "az://box", "https://minio.example/b",
        "mine://b", ""]
    # A URI is absolute and stays as it is.
    for function in fos.normalize_path, fos.abspath, fos.realpath, fos.normpath:
        assert function(uri) == uri
    assert fos.isabs(uri) and not fos.is_local(uri) and fos.is_local("a") and not fos.isabs("a")
    assert fos.split_prefix(uri) == ("s3://", uri[5:]) and fos.split_prefix("a/b") == ("", "a/b")
    assert fos.normalize_path("~/x/../y") == str(tmp_path / "y") and fos.abspath("a") == os.path.abspath("a")
    assert fos.join("s3://b", "c", "d") == "s3://b/c/d" and fos.join("/a", "s3://b", "c") == "s3://b/c"
    assert fos.join("/a", "b") == "/a/b" and fos.sep(uri) == "/"
    assert fos.commonpath(["s3://b/x/1", "s3://b/x/y/2"]) == "s3://b/x" and fos.commonpath(["/a/b", "/a/c"]) == "/a"
    with pytest.raises(ValueError, match="local path"):
        fos.ensure_local(uri)
    assert [f.name for f in fos.list_available_file_systems()] == ["LOCAL", "S3", "GCS", "AZURE", "MINIO"]


@pytest.mark.parametrize("where", ["local", "remote"])
def test_files(s3, tmp_path, where):
    root = str(tmp_path / "t") if where == "local" else "s3://bucket/t"
    assert fos.list_files(root) == [] and not fos.exists(root) and not fos.isdir(root)
    for name in "b.txt", "a é%20#.txt", ".hidden", "sub/c", "sub/deep/d":
        fos.write_file("text of " + name, fos.join(root, name))
    assert fos.isdir(root) and fos.isfile(root + "/b.txt") and fos.exists(root + "/sub") and not fos.isfile(root + "/sub")
    assert fos.list_files(root) == ["a é%20#.txt", "b.txt"]
    assert fos.list_files(root, abs_paths=True, recursive=True, include_hidden_files=True) == sorted(
        root + "/" + n for n in ("b.txt", "a é%20#.txt", ".hidden", "sub/c", "sub/deep/d"))
    found = fos.list_files(root, return_metadata=True)
    assert [(f["name"], f["size"], f["filepath"]) for f in found] == [
        ("a é%20#.txt", 20, "a é%20#.txt"), ("b.txt", 13, "b.txt")] and all(f["last_modified"] for f in found)
    assert fos.list_subdirs(root) == ["sub"] and fos.list_subdirs(root, abs_paths=True, recursive=True) == [
        root + "/sub", root + "/sub/deep"]
    assert fos.read_file(root + "/b.txt") == "text of b.txt" and fos.read_file(root + "/b.txt", binary=True) == b"text of b.txt"
    assert fos.get_file_size(root + "/b.txt") == 13
    assert fos.read_files([root + "/b.txt", root + "/none"], skip_failures="ignore") == ["text of b.txt", None]
    with pytest.raises(FileNotFoundError):
        fos.read_file(root + "/none")
    with fos.open_file(root + "/w", "w") as f:
        f.write("ä\n")
    with fos.open_file(root + "/w") as f:
        assert f.read() == "ä\n"
    with fos.open_files([root + "/w", root + "/b.txt"], "rb") as files:
        assert [f.read() for f in files] == ["ä\n".encode(), b"text of b.txt"]
    fos.write_json({"a": [1, None]}, root + "/j.json", pretty_print=True)
    assert fos.read_json(root + "/j.json") == fos.load_json(root + "/j.json") == {"a": [1, None]}
    fos.write_ndjson([{"a": 1}, {"b": "é"}], root + "/n.ndjson")
    assert fos.read_ndjson(root + "/n.ndjson") == [{"a": 1}, {"b": "é"}]
    assert fos.get_glob_matches(root + "/*.txt") == [root + "/a é%20#.txt", root + "/b.txt"]
    assert fos.get_glob_root(root + "/x-*.jpg") == (root, True) and fos.get_glob_root("/a/x.y") == ("/a", False)
    fos.delete_file(root + "/b.txt")
    assert not fos.exists(root + "/b.txt")
    fos.delete_dir(root)
    assert not fos.exists(root)


def test_an_error_while_writing_stores_nothing(s3):
    for mode, half in ("w", "half"), ("wb", b"half"):
        with pytest.raises(RuntimeError):
            with fos.open_file("s3://bucket/half", mode) as f:
                f.write(half)
                raise RuntimeError
    assert s3.keys() == []


@pytest.mark.parametrize("source,target", [("local", "remote"), ("remote", "local"), ("remote", "remote"), ("local", "local")])
def test_copies_and_moves_between_any_two(s3, tmp_path, source, target):
    root = {"local": str(tmp_path), "remote": "s3://bucket"}
    a, b = root[source] + "/from", root[target] + "/to"
    names = ["1.bin", "sub/2.bin"]
    for name in names:
        fos.write_file(os.urandom(1000), fos.join(a, name))
    contents = fos.read_files([fos.join(a, n) for n in names], binary=True)
    told = []
    fos.copy_files([fos.join(a, n) for n in names], [fos.join(b, n) for n in names], progress=lambda *at: told.append(at))
    assert fos.read_files([fos.join(b, n) for n in names], binary=True) == contents and told[-1] == ("files", 2, 2)
    fos.delete_dir(b)
    fos.copy_dir(a, b)
    fos.write_file("x", fos.join(b, "more"))
    fos.move_dir(a, b, overwrite=False)  # the original does nothing then
    assert fos.list_files(b, recursive=True) == [*names[:1], "more", *names[1:]] and not fos.exists(a)
    fos.move_file(fos.join(b, "more"), fos.join(a, "more"))
    assert fos.read_file(fos.join(a, "more")) == "x" and not fos.exists(fos.join(b, "more"))
    fos.move_files([fos.join(a, "more")], [fos.join(b, "again")])
    fos.copy_dir(b, fos.join(a, "c"))
    assert fos.list_files(fos.join(a, "c"), recursive=True) == ["1.bin", "again", "sub/2.bin"]
    fos.delete_files([fos.join(b, n) for n in names])
    assert fos.list_files(b, recursive=True) == ["again"]


def test_failures_are_raised_or_told(s3, caplog):
    fos.write_file("x", "s3://bucket/a")
    lists = ["s3://bucket/a", "s3://bucket/none"], ["s3://bucket/b", "s3://bucket/c"]
    with pytest.raises(FileNotFoundError, match="none"):
        fos.copy_files(*lists)
    fos.copy_files(*lists, skip_failures=True)
    assert "s3://bucket/none" in caplog.text and fos.isfile("s3://bucket/b")
    caplog.clear()
    fos.copy_files(*lists, skip_failures="ignore")
    assert caplog.text == ""
    with pytest.raises(ValueError, match="2 input paths and 1 output"):
        fos.copy_files(lists[0], lists[1][:1])


def test_credentials_that_change_are_seen(s3, monkeypatch):
    assert fos.list_files("s3://bucket") == []
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    with pytest.raises(errors.UnreachableError):
        fos.write_file("x", "s3://bucket/a")
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    with pytest.raises(PermissionError, match="no AWS credentials") as caught:
        fos.write_file("x", "s3://bucket/a")
    assert SECRET not in str(caught.value)


def test_retry_after_is_waited_for(s3, monkeypatch):
    seen = []

    def rule(method, path, n):
        seen.append(method)
        return 503 if method == "PUT" and seen.count("PUT") < 3 else None

    with Proxy(s3.port, rule) as proxy:
        monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.url)
        fos.write_file("x", "s3://bucket/a")
    assert seen.count("PUT") == 3 and s3.keys() == ["a"]


def test_archives(tmp_path):
    fos.write_file("x", str(tmp_path / "d" / "sub" / "a"))
    for ending in "zip", "tar", "tar.gz", "tgz", "tar.bz", "tbz":
        archive = str(tmp_path / "out" / ("d." + ending))
        fos.make_archive(str(tmp_path / "d"), archive)
        fos.extract_archive(archive, str(tmp_path / ending), cleanup=True)
        assert fos.read_file(str(tmp_path / ending / "d" / "sub" / "a")) == "x" and not os.path.exists(archive)


def test_uploads_and_the_media_cache(s3, place, tmp_path, monkeypatch):
    samples = three_samples()
    for i, sample in enumerate(samples):
        sample["filepath"] = str(tmp_path / ("%d.png" % i))
        fos.write_file("image %d" % i, sample["filepath"])
    dataset = place.add("a", samples)
    monkeypatch.setenv("FIFTYONE_MEDIA_CACHE_DIR", str(tmp_path / "cache"))
    remote = ["s3://bucket/m/%d.png" % i for i in range(3)]
    assert fos.upload_media(dataset, "s3://bucket/m", cache=True) == remote
    cached = [str(tmp_path / "cache" / "media" / "s3" / "bucket" / "m" / ("%d.png" % i)) for i in range(3)]
    assert fos.read_files(cached) == ["image 0", "image 1", "image 2"] == fos.read_files(dataset.values("filepath"))
    assert fos.upload_media(dataset, "s3://bucket/m", update_filepaths=True, cache="move") == remote
    assert dataset.values("filepath") == remote and not fos.exists(samples[0]["filepath"]) and fos.isfile(cached[2])
    with pytest.raises(ValueError, match="cache"):
        fos.upload_media(dataset, "s3://bucket/m", cache="link")
    documented = ("sample_collection remote_dir rel_dir media_field update_filepaths cache overwrite skip_failures progress")
    parameters = inspect.signature(fos.upload_media).parameters.values()
    assert " ".join(p.name for p in parameters if p.kind is not p.KEYWORD_ONLY) == documented


def test_uploads_of_some_samples_and_of_several_fields(s3, place, tmp_path, monkeypatch):
    samples = three_samples()
    for i, sample in enumerate(samples):
        sample["filepath"] = fos.join(str(tmp_path), "x", "..", "%d.png" % i)  # as nobody has made it normal
        fos.write_file("image %d" % (i % 2), sample["filepath"])
    samples[0]["seg"]["mask_path"] = mask = str(tmp_path / "mask.png")
    samples[0]["gt"]["detections"][0]["mask_path"] = str(tmp_path / "a.png")
    for path in mask, str(tmp_path / "a.png"):
        fos.write_file(b"m", path)
    dataset = place.add("a", samples)
    masks = [None, None]
    several = fos.upload_media(dataset, "s3://bucket/all", media_field={"filepath": "", "seg": "m"}, dedupe=True, metadata={"by": "me"})
    assert several == {"filepath": ["s3://bucket/all/%d.png" % (i % 2) for i in range(3)],
                       "seg.mask_path": ["s3://bucket/all/m/mask.png", *masks]}
    assert s3.client.head_object(Bucket="bucket", Key="all/m/mask.png")["Metadata"] == {"by": "me"}
    assert fos.upload_media(dataset, "s3://bucket/gt", media_field="gt") == ["s3://bucket/gt/a.png", None]
    every = fos.upload_media(dataset, "s3://bucket/every", media_field="*")
    assert set(every) == {"filepath", "seg.mask_path", "gt.detections.mask_path"}
    view = dataset.select([str(samples[2]["_id"]), samples[1]["_id"], str(samples[2]["_id"])])
    assert len(view) == 2 and [d["_id"] for d in view] == [samples[1]["_id"], samples[2]["_id"]]
    remote = fos.upload_media(view, "s3://bucket/some", update_filepaths=True)
    assert remote == ["s3://bucket/some/1.png", "s3://bucket/some/2.png"] == view.values("filepath")
    assert dataset.values("filepath") == [samples[0]["filepath"], *remote]
    view.set_values("filepath", ["s3://bucket/all/1.png", remote[1]])
    assert dataset.values("filepath")[1] == "s3://bucket/all/1.png"
    copied = fos.upload_media(dataset, "s3://bucket/some", copy_remote=True, update_filepaths=True)
    assert copied == ["s3://bucket/some/0.png", *remote] == dataset.values("filepath")

    class View:
        """As the original's."""
        dataset_name = "a"

        def values(self, field, unwind=False):
            return [str(samples[0]["_id"])] if field == "id" else dataset.values(field, unwind=unwind)[:1]

    monkeypatch.setattr("fiftyone_migrator.database", lambda: place.db)
    assert fos.upload_media(View(), "s3://bucket/v", copy_remote=True) == ["s3://bucket/v/0.png"]
    with pytest.raises(errors.NotFoundError, match="samples"):
        fos.upload_media(dataset.select(["none"]), "s3://bucket/some")


@pytest.mark.long
def test_names_and_signatures_are_those_of_the_original():
    """Each public function of the real package is here, with its arguments and defaults."""
    peer = os.path.join(ROOT, ".venv-peer", "bin", "python")
    code = ("import inspect, json, fiftyone.core.storage as s\n"
            "print(json.dumps({n: str(inspect.signature(f)) for n, f in vars(s).items() if inspect.isfunction(f) "
            "and f.__module__ == s.__name__ and n[0] != '_'}))")
    env = {**os.environ, "FIFTYONE_DATABASE_VALIDATION": "false", "FIFTYONE_DO_NOT_TRACK": "1"}
    theirs = json.loads(subprocess.run([peer, "-c", code], env=env, capture_output=True, text=True, check=True).stdout)
    ours = {n: str(inspect.signature(getattr(fos, n))) for n in theirs if hasattr(fos, n)}
    assert ours == theirs
    facade = subprocess.run(
        [sys.executable, "-c", "import fiftyone.core.storage as s; print(s.list_files.__module__, len(s.__all__))"],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([FACADE, PACKAGE])}, capture_output=True, text=True)
    assert facade.stdout.split() == ["fiftyone_migrator.stores", str(len(fos.__all__))], facade.stderr
