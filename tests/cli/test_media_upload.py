"""`media upload` against an S3 server (moto) and a proxy that spoils requests."""
import contextlib
import hashlib
import json
import os
import random
import shutil
import signal
import subprocess
import time

import pytest
from bson import ObjectId
from media_data import content, dataset, everything
from object_servers import HERE, SECRET, Checksums, Proxy, S3


@pytest.fixture(scope="module")
def s3(tmp_path_factory):
    pytest.importorskip("moto")
    with S3(str(tmp_path_factory.mktemp("moto"))) as server:
        yield server


@pytest.fixture
def cloud(tool, s3, tmp_path):
    s3.clear()
    tool.env.update(s3.env())
    tool.files = str(tmp_path / "files")
    return tool


def write(path, size=100):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as f:
        f.write((path * (size // len(path) + 1)).encode()[:size])
    return path


def paths_of(value):
    """All texts that look like media, without those of `cls`."""
    if isinstance(value, dict):
        return [p for k, v in value.items() if k != "cls" for p in paths_of(v)]
    if isinstance(value, list):
        return [p for v in value for p in paths_of(v)]
    return [value] if isinstance(value, str) and "/" in value and "." in value else []


def read(path):
    with open(path, "rb") as f:
        return f.read()


def demo(cloud, count=5, name="demo", **more):
    samples = [everything(cloud.files, "%03d" % i) for i in range(count)]
    for path in paths_of(samples):
        write(path)
    dataset(cloud.db, name, samples, **more)
    return samples


def upload(cloud, *args, **env):
    r = cloud.migrator("-o", "json", "media", "upload", *args, **env)
    assert SECRET not in r.out + r.err
    return r


def consistent(db, s3, files, name="demo"):
    """Each path is local and there, or remote and the object has the content of the file."""
    objects = s3.objects()
    remote = 0
    for sample in db["samples." + name].find():
        for path in paths_of(sample):
            if path.startswith("s3://bucket/"):
                remote += 1
                assert path[len("s3://bucket/"):] in objects, path
            else:
                assert os.path.exists(path), path
    return remote


def test_all_fields_and_back(cloud, s3):
    demo(cloud)
    before = {d["_id"]: d for d in cloud.db["samples.demo"].find()}
    files = {p for d in before.values() for p in paths_of(d)}
    r = upload(cloud, "demo", "s3://bucket/set/", "--media-field", "*", "--update-filepaths")
    assert r.status == 0, r.err
    assert (r.json["uploaded"], r.json["documents"], r.json["failures"]) == (30, 5, [])
    after = {d["_id"]: d for d in cloud.db["samples.demo"].find()}
    objects = s3.objects()
    assert len(objects) == 30
    for key, old in before.items():
        for local, remote in zip(paths_of(old), paths_of(after[key])):
            assert remote.startswith("s3://bucket/set/") and objects[remote[len("s3://bucket/"):]] == read(local)
    one = after[min(after)]
    assert one["filepath"] == "s3://bucket/set/filepath/000.jpg"
    assert one["inst"]["detections"][1]["mask_path"] == "s3://bucket/set/inst.detections.mask_path/000_1.png"
    assert one["cls"]["label"] == before[min(after)]["cls"]["label"]
    head = s3.client.head_object(Bucket="bucket", Key="set/filepath/000.jpg")
    assert head["ContentType"] == "image/jpeg"
    again = upload(cloud, "demo", "s3://bucket/set", "--media-field", "*", "--update-filepaths")
    assert again.json["uploaded"] == 0 and again.json["remote_paths"] == 30 and len(s3.objects()) == 30
    assert files == {p for p in files if os.path.exists(p)}
    back = cloud.migrator("-o", "json", "media", "undo", r.json["run"])
    assert back.json["restored"] == 5
    for d in cloud.db["samples.demo"].find():
        assert {**d, "last_modified_at": 0} == {**before[d["_id"]], "last_modified_at": 0}


@pytest.mark.parametrize("all_at_once", [True, False])
def test_the_dataset_of_a_real_archive(cloud, s3, all_at_once):
    """Of FiftyOne 1.22.1: each field in its folder, each file an object of its own, contents by checksum."""
    archive = os.path.join(os.path.dirname(HERE), "archives", "v1.22.1-media-fields")
    assert cloud.migrator("dataset", "import", archive, "--name", "demo").status == 0
    collection = cloud.db[cloud.db.datasets.find_one({"name": "demo"})["sample_collection_name"]]
    before = sorted(collection.find(), key=lambda d: d["_id"])
    fields = {"filepath": "filepath", "thumb": "thumb", "seg": "seg.mask_path", "inst": "inst.detections.mask_path",
              "heat": "heat.map_path"}
    if all_at_once:
        r = upload(cloud, "demo", "s3://bucket/x", "--media-field", "*", "--update-filepaths")
        assert r.status == 0, r.err
    else:
        for given, field in fields.items():
            r = upload(cloud, "demo", "s3://bucket/x/" + field, "--media-field", given, "--update-filepaths")
            assert r.status == 0, r.err
    objects = s3.objects()
    after = sorted(collection.find(), key=lambda d: d["_id"])
    used = {}
    for old, new in zip(before, after):
        for local, remote in zip(paths_of(old), paths_of(new), strict=True):
            assert remote.startswith("s3://bucket/x/"), remote
            assert used.setdefault(remote, local) == local
            assert hashlib.sha256(objects[remote[len("s3://bucket/"):]]).digest() == hashlib.sha256(read(local)).digest()
    assert {key.split("/")[1] for key in objects} <= set(fields.values())
    assert len(objects) == len(used) == len({p for d in before for p in paths_of(d)})


def test_without_update_the_dataset_is_not_touched(cloud, s3):
    demo(cloud)
    before = content(cloud.db)
    r = upload(cloud, "demo", "s3://bucket/x")
    assert r.status == 0 and sorted(s3.objects()) == ["x/%03d.jpg" % i for i in range(5)]
    assert content(cloud.db) == before and "migrator.media" not in cloud.db.list_collection_names()
    known = upload(cloud, "demo", "s3://bucket/x", "--update-filepaths")
    assert (known.json["uploaded"], known.json["known"], known.json["documents"]) == (0, 5, 5)
    assert consistent(cloud.db, s3, cloud.files) == 5


def test_dry_run_writes_nothing(cloud, s3):
    demo(cloud)
    os.remove(cloud.files + "/000.jpg")
    before = content(cloud.db)
    r = upload(cloud, "demo", "s3://bucket/x", "--update-filepaths", "--dry-run", "--skip-failures")
    assert r.status == 0
    assert (r.json["files"], r.json["bytes"], r.json["missing_paths"]) == (4, 400, 1)
    assert not s3.objects() and content(cloud.db) == before
    assert not os.path.exists(os.path.join(cloud.env["HOME"], ".fiftyone", "migrator"))


def test_missing_files_are_found_before_the_first_transfer(cloud, s3):
    demo(cloud)
    os.remove(cloud.files + "/003.jpg")
    before = content(cloud.db)
    r = upload(cloud, "demo", "s3://bucket/x", "--update-filepaths")
    assert r.status == 16 and "/003.jpg" in r.err and not s3.objects() and content(cloud.db) == before
    r = upload(cloud, "demo", "s3://bucket/x", "--update-filepaths", "--skip-failures")
    assert r.status == 3 and (r.json["uploaded"], r.json["missing_paths"], r.json["documents"]) == (4, 1, 4)
    assert cloud.db["samples.demo"].count_documents({"filepath": cloud.files + "/003.jpg"}) == 1


def test_same_names_are_never_one_object(cloud, s3):
    a, b, c = (write("%s/%s/x.jpg" % (cloud.files, d), n) for d, n in (("a", 10), ("b", 20), ("c", 30)))
    two = write(cloud.files + "/d/x-2.jpg", 40)
    dataset(cloud.db, "demo", [{"filepath": p} for p in (a, b, two, a, c)])
    strict = upload(cloud, "demo", "s3://bucket/x", "--on-clash", "error")
    assert strict.status == 16 and not s3.objects() and "/b/x.jpg" in strict.err
    r = upload(cloud, "demo", "s3://bucket/x", "--update-filepaths")
    assert r.status == 0 and r.json["uploaded"] == 4 and len(r.json["clashes"]) == 2
    stored = [d["filepath"] for d in cloud.db["samples.demo"].find().sort("_id")]
    assert stored == ["s3://bucket/x/" + n for n in ("x.jpg", "x-3.jpg", "x-2.jpg", "x.jpg", "x-4.jpg")]
    objects = s3.objects()
    assert [objects[p[len("s3://bucket/"):]] for p in stored] == [read(p) for p in (a, b, two, a, c)]


def test_names_by_content(cloud, s3):
    paths = [write("%s/%s/x.jpg" % (cloud.files, d)) for d in "ab"]
    dataset(cloud.db, "demo", [{"filepath": p} for p in paths])
    assert upload(cloud, "demo", "s3://bucket/x", "--on-clash", "hash", "--update-filepaths").status == 0
    names = {p: "x/%s.jpg" % hashlib.sha256(read(p)).hexdigest()[:16] for p in paths}
    objects = s3.objects()
    assert objects in ({names[paths[0]]: read(paths[0]), names[paths[1]]: read(paths[1])},
                       {"x/x.jpg": read(paths[0]), names[paths[1]]: read(paths[1])})
    stored = [d["filepath"] for d in cloud.db["samples.demo"].find().sort("_id")]
    assert [objects[p[len("s3://bucket/"):]] for p in stored] == [read(p) for p in paths]


def test_what_is_remote_and_what_is_null_stays(cloud, s3):
    path = write(cloud.files + "/x.jpg")
    remote = ["s3://other/k", "https://example.org/y.jpg", None]
    dataset(cloud.db, "demo", [{"filepath": path, "thumb": thumb} for thumb in (*remote, path)])
    r = upload(cloud, "demo", "s3://bucket/x", "--media-field", "thumb", "--update-filepaths")
    assert r.status == 0 and (r.json["uploaded"], r.json["documents"]) == (1, 1), r.err
    assert [d["thumb"] for d in cloud.db["samples.demo"].find().sort("_id")] == [*remote, "s3://bucket/x/x.jpg"]
    again = cloud.migrator("media", "upload", "demo", "s3://bucket/x", "--media-field", "thumb")
    assert again.status == 0 and "nothing to upload" in again.out and "still names" not in again.out


def test_equal_content_goes_once(cloud, s3):
    """With --dedupe; a file of the same size and another content is another file."""
    paths = ["%s/%s/x.jpg" % (cloud.files, d) for d in "abc"]
    for path, text in zip(paths, (b"same", b"same", b"more")):
        os.makedirs(os.path.dirname(path))
        with open(path, "wb") as f:
            f.write(text)
    dataset(cloud.db, "demo", [{"filepath": p} for p in paths])
    r = upload(cloud, "demo", "s3://bucket/x", "--dedupe", "--update-filepaths")
    assert r.status == 0 and (r.json["uploaded"], r.json["equal_files"]) == (2, 1), r.err
    assert [d["filepath"] for d in cloud.db["samples.demo"].find().sort("_id")] == [
        "s3://bucket/x/x.jpg", "s3://bucket/x/x.jpg", "s3://bucket/x/x-2.jpg"]
    assert s3.objects() == {"x/x.jpg": b"same", "x/x-2.jpg": b"more"}


def test_rel_dir_keeps_folders(cloud, s3):
    a, b = write(cloud.files + "/a/x.jpg"), write(cloud.files + "/b/é b%20#.jpg")
    out = write(cloud.env["HOME"] + "/other/y.jpg")
    dataset(cloud.db, "demo", [{"filepath": p} for p in (a, b, out)])
    refused = upload(cloud, "demo", "s3://bucket/x", "--rel-dir", cloud.files)
    assert refused.status == 16 and "/other/y.jpg" in refused.err and not s3.objects()
    r = upload(cloud, "demo", "s3://bucket/x", "--rel-dir", cloud.files + "/", "--outside", "basename", "--update-filepaths")
    assert r.status == 0 and sorted(s3.objects()) == ["x/a/x.jpg", "x/b/é b%20#.jpg", "x/y.jpg"]
    assert cloud.db["samples.demo"].count_documents({"filepath": "s3://bucket/x/b/é b%20#.jpg"}) == 1


@pytest.mark.parametrize("size", [100, 99])
def test_another_object_in_place_is_neither_adopted_nor_replaced(cloud, s3, size):
    demo(cloud, 2)
    s3.client.put_object(Bucket="bucket", Key="x/000.jpg", Body=b"z" * size)
    s3.client.put_object(Bucket="bucket", Key="x/001.jpg", Body=read(cloud.files + "/001.jpg"))
    r = upload(cloud, "demo", "s3://bucket/x", "--update-filepaths")
    assert r.status == 0, r.err
    assert (r.json["uploaded"], r.json["adopted"], len(r.json["clashes"])) == (1, 1, 1)
    objects = s3.objects()
    assert objects["x/000.jpg"] == b"z" * size and objects["x/000-2.jpg"] == read(cloud.files + "/000.jpg")
    assert sorted(d["filepath"] for d in cloud.db["samples.demo"].find()) == ["s3://bucket/x/000-2.jpg", "s3://bucket/x/001.jpg"]


def test_overwrite(cloud, s3):
    demo(cloud, 1)
    s3.client.put_object(Bucket="bucket", Key="x/000.jpg", Body=b"old")
    assert upload(cloud, "demo", "s3://bucket/x", "--overwrite").json["uploaded"] == 1
    assert s3.objects() == {"x/000.jpg": read(cloud.files + "/000.jpg")}


def test_overwriting_spares_what_the_dataset_names(cloud, s3):
    path = write(cloud.files + "/x.jpg")
    s3.client.put_object(Bucket="bucket", Key="x/x.jpg", Body=b"of the other field")
    dataset(cloud.db, "demo", [{"filepath": path, "thumb": "s3://bucket/x/x.jpg"}])
    r = upload(cloud, "demo", "s3://bucket/x", "--overwrite", "--update-filepaths")
    assert r.status == 0 and len(r.json["clashes"]) == 1, r.err
    assert s3.objects() == {"x/x.jpg": b"of the other field", "x/x-2.jpg": read(path)}


def test_large_files_go_in_parts(cloud, s3):
    sizes = [10 * 2**20 - 1, 10 * 2**20, 25 * 2**20 + 3, 0]
    for i, n in enumerate(sizes):
        path = write("%s/%d.bin" % (cloud.files, i), 0)
        with open(path, "wb") as f:
            f.write(random.Random(i).randbytes(n))
    dataset(cloud.db, "demo", [{"filepath": "%s/%d.bin" % (cloud.files, i)} for i in range(4)])
    manifest = cloud.files + "/manifest"
    r = upload(cloud, "demo", "s3://bucket/x", "--update-filepaths", "--manifest", manifest)
    assert r.status == 0, r.err
    objects = s3.objects()
    assert all(objects["x/%d.bin" % i] == read("%s/%d.bin" % (cloud.files, i)) for i in range(4))
    lines = [json.loads(line) for line in open(manifest)][1:]
    assert {e["confirmed"] for e in lines if e["state"] == "uploaded"} == {"etag"}
    full = upload(cloud, "demo", "s3://bucket/x", "--verify-full")
    assert full.json["remote_paths"] == 4


def large(cloud, size, name="demo"):
    path = cloud.files + "/large.bin"
    os.makedirs(cloud.files, exist_ok=True)
    with open(path, "wb") as f:
        f.write(random.Random(size).randbytes(size))
    dataset(cloud.db, name, [{"filepath": path}])
    return path


def test_a_store_with_checksums_confirms_by_them(cloud, s3):
    """Small files and parts; what is spoilt on the way is refused and sent again; `verify` has an ETag to compare."""
    spoilt = []

    def rule(method, path, n):
        key = path.split("uploadId")[0]
        if method == "PUT" and len(spoilt) < 2 and key not in spoilt and ("partNumber=2" in key or "000.jpg" in key):
            spoilt.append(key)
            return "spoil"

    demo(cloud, 2)
    cloud.db["samples.demo"].insert_one({"_id": ObjectId(), "filepath": large(cloud, 25 * 2**20, "other")})
    with Checksums(s3.port, rule) as proxy:
        r = upload(cloud, "demo", "s3://bucket/x", "--update-filepaths", **s3.env(proxy.url))
    assert r.status == 0 and len(spoilt) == 2, r.err
    assert len(proxy.sums) == 2 + 3
    assert r.json["bytes"] == sum(len(body) for body in s3.objects().values())  # not what was sent twice
    assert s3.objects() == {"x/" + os.path.basename(p): read(p) for p in (
        cloud.files + "/" + n for n in ("000.jpg", "001.jpg", "large.bin"))}
    lines = [json.loads(line) for line in manifests(cloud).splitlines()[1:]]
    assert {e["confirmed"] for e in lines if e["state"] == "uploaded"} == {"sha256"}
    assert cloud.migrator("media", "verify", "demo").status == 0
    s3.client.put_object(Bucket="bucket", Key="x/000.jpg", Body=b"y" * len(read(cloud.files + "/000.jpg")))
    assert cloud.migrator("media", "verify", "demo").status == 15


@pytest.mark.parametrize("how,same", [(signal.SIGKILL, True), (signal.SIGINT, True), (signal.SIGKILL, False)])
def test_a_stopped_upload_of_a_large_file_goes_on_at_its_parts(cloud, s3, how, same):
    """And what was begun for a content that is no more there is taken away."""
    path = large(cloud, 55 * 2**20)
    command = [os.path.join(cloud.bin, "fiftyone-migrator"), "media", "upload", "demo", "s3://bucket/x",
               "--update-filepaths", "-j", "1"]
    with Checksums(s3.port, lambda method, path, n: "slow" if "partNumber=4" in path else None) as proxy:
        with subprocess.Popen(command, env={**cloud.env, **s3.env(proxy.url)}, stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL) as p:
            while len(proxy.sums) < 3:
                time.sleep(0.02)
            p.send_signal(how)
        assert p.returncode == {signal.SIGKILL: -9, signal.SIGINT: 130}[how] and len(proxy.sums) < 6
        assert cloud.db["samples.demo"].count_documents({"filepath": path}) == 1
        assert s3.client.list_multipart_uploads(Bucket="bucket").get("Uploads")
        if not same:
            write(path, 1000)
        r = upload(cloud, "demo", "s3://bucket/x", "--update-filepaths", **s3.env(proxy.url))
    assert r.status == 0 and r.json["uploaded"] == 1, r.err
    if same:
        assert 6 <= len(proxy.sums) <= 7  # the one in flight perhaps twice
        assert 0 < r.json["bytes"] < len(read(path))
    assert s3.objects() == {"x/large.bin": read(path)}
    assert not s3.client.list_multipart_uploads(Bucket="bucket").get("Uploads")


def test_verify_full_reads_back(cloud, s3):
    demo(cloud, 2)
    manifest = cloud.files + "/manifest"
    assert upload(cloud, "demo", "s3://bucket/x", "--verify-full", "--manifest", manifest).status == 0
    lines = [json.loads(line) for line in open(manifest)][1:]
    assert [e["confirmed"] for e in lines if e["state"] == "uploaded"] == ["read", "read"]


def test_groups_and_frames(cloud, s3):
    ids = {s: ObjectId() for s in ("left", "right")}
    samples = [{"_id": i, "filepath": write("%s/%s.jpg" % (cloud.files, s)), "group": {"_id": ObjectId(), "name": s}}
               for s, i in ids.items()]
    frames = [{"_sample_id": i, "frame_number": n, "seg": {"_cls": "Segmentation", "mask_path": write(
        "%s/%s/%d.png" % (cloud.files, s, n))}} for s, i in ids.items() for n in (1, 2)]
    dataset(cloud.db, "demo", samples, frames=frames, media_type="group", group_field="group")
    one = upload(cloud, "demo", "s3://bucket/one", "--group-slice", "left", "--media-field", "frames.seg",
                 "--media-field", "filepath", "--update-filepaths")
    assert one.status == 0 and sorted(s3.objects()) == [
        "one/filepath/left.jpg", "one/frames.seg.mask_path/1.png", "one/frames.seg.mask_path/2.png"]
    r = upload(cloud, "demo", "s3://bucket/all", "--media-field", "*", "--rel-dir", cloud.files, "--update-filepaths")
    assert r.status == 0 and sorted(s3.objects("all")) == [
        "all/filepath/right.jpg", "all/frames.seg.mask_path/right/1.png", "all/frames.seg.mask_path/right/2.png"]
    for d in [*cloud.db["samples.demo"].find(), *cloud.db["frames.samples.demo"].find()]:
        assert all(p.startswith("s3://bucket/") for p in paths_of(d) if "Segm" not in p)


def test_scenes_bring_their_assets(cloud, s3):
    root = cloud.files
    shared = write(root + "/clouds/a.pcd")
    write(root + "/s/models/m.obj"), write(root + "/s/models/tex.png"), write(root + "/s/models/buffer.bin")
    with open(root + "/s/models/m.mtl", "w") as f:
        f.write("newmtl x\nmap_Kd -s 1 1 1 tex.png\n")
    with open(root + "/s/models/g.gltf", "w") as f:
        json.dump({"buffers": [{"uri": "buffer.bin"}, {"uri": "data:x,y"}]}, f)
    scene = {"_type": "Scene", "uuid": "u", "children": [
        {"_type": "PointCloud", "pcdPath": shared, "children": []},
        {"_type": "ObjMesh", "objPath": "models/m.obj", "mtlPath": "models/m.mtl", "position": [0.0, 1.0, 2.5],
         "children": [{"_type": "Gltf", "gltfPath": "models/g.gltf", "children": []}]}], "background": {"image": "models/tex.png"}}
    for name in "s", "t":
        os.makedirs("%s/%s" % (root, name), exist_ok=True)
        with open("%s/%s/%s.fo3d" % (root, name, name), "w") as f:
            json.dump(scene if name == "s" else {**scene, "children": scene["children"][:1], "background": None}, f)
    dataset(cloud.db, "demo", [{"filepath": "%s/%s/%s.fo3d" % (root, n, n)} for n in "st"], media_type="3d")
    local = read(root + "/s/s.fo3d")
    r = upload(cloud, "demo", "s3://bucket/x", "--update-filepaths")
    assert r.status == 0, r.err
    objects = s3.objects()
    assert sorted(objects) == ["x/a.pcd", "x/models/buffer.bin", "x/models/g.gltf", "x/models/m.mtl", "x/models/m.obj",
                               "x/models/tex.png", "x/s.fo3d", "x/t.fo3d"]
    stored = json.loads(objects["x/s.fo3d"])
    expected = json.loads(local)
    expected["children"][0]["pcdPath"] = "a.pcd"
    assert stored == expected and read(root + "/s/s.fo3d") == local
    os.remove(shared)
    assert upload(cloud, "demo", "s3://bucket/x").json["remote_paths"] == 2


def test_verify_finds_what_is_not_there(cloud, s3):
    demo(cloud, 4)
    assert upload(cloud, "demo", "s3://bucket/x", "--update-filepaths").status == 0
    fine = cloud.migrator("-o", "json", "media", "verify", "demo")
    assert fine.status == 0 and (fine.json["paths"], fine.json["local"], fine.json["faults"]) == (24, 20, 0), fine.err
    s3.client.delete_object(Bucket="bucket", Key="x/000.jpg")
    s3.client.put_object(Bucket="bucket", Key="x/001.jpg", Body=b"short")
    s3.client.put_object(Bucket="bucket", Key="x/002.jpg", Body=b"z" * 100)
    os.remove(cloud.files + "/seg/003.png")
    cloud.db["samples.demo"].update_one({}, {"$set": {"thumb": "https://example.org/x.jpg"}})
    for args in [], ["--full"]:
        r = cloud.migrator("-o", "json", "media", "verify", "demo", *args)
        found = {f["path"][-11:]: f["fault"] for f in r.json["first"]}
        assert r.status == 15 and r.json["faults"] == 4 and r.json["web"] == 1
        assert found["t/x/000.jpg"] == found["seg/003.png"] == "is not there"
        assert "5 bytes, 100" in found["t/x/001.jpg"] and "is not what was uploaded" in found["t/x/002.jpg"]


# -- harm


def spoiled(cloud, s3, rule, *args, count=8, name="demo"):
    demo(cloud, count, name)
    with Proxy(s3.port, rule) as proxy:
        return upload(cloud, name, "s3://bucket/x", "--update-filepaths", "-j", "4", *args, **s3.env(proxy.url))


@pytest.mark.parametrize("what", [500, 503, 429, "cut", "lose", "slow"])
def test_what_passes_is_tried_again(cloud, s3, what):
    seen = {}

    def rule(method, path, n):
        seen[method, path] = seen.get((method, path), 0) + 1
        return what if method in ("PUT", "HEAD") and seen[method, path] == 1 and n % 2 else None

    r = spoiled(cloud, s3, rule)
    assert r.status == 0, r.err
    assert r.json["uploaded"] == 8 and consistent(cloud.db, s3, cloud.files) == 8


@pytest.mark.parametrize("what,status,text", [(403, 12, "credentials"), (507, 3, "")])
def test_what_stays_is_named(cloud, s3, what, status, text):
    """Credentials expire, or the store is full, in the middle."""
    r = spoiled(cloud, s3, lambda method, path, n: what if method == "PUT" and path.endswith(("5.jpg", "6.jpg")) else None)
    assert r.status == status and text in r.err, r.err
    if status == 3:
        assert [f["local"][-7:] for f in r.json["failures"]] == ["005.jpg", "006.jpg"]
        assert cloud.db["samples.demo"].count_documents({"filepath": {"$regex": "^s3://"}}) == 6
    consistent(cloud.db, s3, cloud.files)
    again = upload(cloud, "demo", "s3://bucket/x", "--update-filepaths")
    assert again.status == 0 and consistent(cloud.db, s3, cloud.files) == 8


def test_a_file_that_changes_while_it_is_read_is_sent_again(cloud, s3):
    path = write(cloud.files + "/x.jpg")
    dataset(cloud.db, "demo", [{"filepath": path}])
    seen = []

    def rule(method, path_, n):
        if method == "PUT":
            seen.append(path_)
            if len(seen) == 1:
                write(path, 150)

    with Proxy(s3.port, rule) as proxy:
        r = upload(cloud, "demo", "s3://bucket/x", "--update-filepaths", **s3.env(proxy.url))
    assert r.status == 0 and len(seen) == 2, r.err
    assert s3.objects() == {"x/x.jpg": read(path)} and len(read(path)) == 150


def test_requests_are_signed_by_the_clock_of_the_store(cloud, s3):
    seen = []

    def rule(method, path, n):
        if method == "PUT":
            seen.append(path)
            return "skew" if len(seen) == 1 else None

    r = spoiled(cloud, s3, rule, count=3)
    assert r.status == 0 and len(seen) == 4, r.err


def test_a_wrong_answer_is_not_believed(cloud, s3):
    """The store takes another content: the ETag in its answer tells; it is sent again."""
    seen = []

    def rule(method, path, n):
        if method == "PUT" and path.endswith("001.jpg"):
            seen.append(path)
            return "spoil" if len(seen) == 1 else None

    r = spoiled(cloud, s3, rule, count=3)
    assert r.status == 0 and len(seen) == 2, r.err
    assert s3.objects()["x/001.jpg"] == read(cloud.files + "/001.jpg")
    assert consistent(cloud.db, s3, cloud.files) == 3


@pytest.mark.long
def test_another_object_than_was_sent_is_a_failure(cloud, s3):
    """Of a large file the store is asked afterwards."""
    demo(cloud, 2)
    with open(cloud.files + "/001.jpg", "wb") as f:
        f.write(random.Random(1).randbytes(10 * 2**20))

    def harm(method, path, n):
        if method == "HEAD" and path.endswith("001.jpg"):
            s3.client.put_object(Bucket="bucket", Key="x/001.jpg", Body=b"y" * 100)

    with Proxy(s3.port, harm) as proxy:
        r = upload(cloud, "demo", "s3://bucket/x", "--update-filepaths", **s3.env(proxy.url))
    assert r.status == 3 and r.json["failures"][0]["local"].endswith("001.jpg")
    assert "bytes" in r.json["failures"][0]["error"]
    assert cloud.db["samples.demo"].count_documents({"filepath": {"$regex": "^s3://"}}) == 1


def test_what_is_wrong_for_all_shows_at_once(cloud, s3):
    demo(cloud)
    before = content(cloud.db)
    for destination, env, status, text in [
            ("s3://nobucket/x", {}, 10, "bucket"),
            ("s3://bucket/x", {"AWS_ACCESS_KEY_ID": None, "AWS_SECRET_ACCESS_KEY": None}, 12, "no AWS credentials"),
            ("https://example.org/x", {}, 2, "on the web"),
            ("s3://", {}, 2, "no bucket"),
            ("foo://bucket/x", {}, 2, "scheme"),
            ("s3://bucket/x", {"AWS_ENDPOINT_URL": "http://127.0.0.1:1"}, 5, "again"),
            ("minio://bucket/x", {"MINIO_ALIAS": "minio"}, 2, "MINIO_ENDPOINT_URL")]:
        r = upload(cloud, "demo", destination, "--update-filepaths", **env)
        assert (r.status, content(cloud.db)) == (status, before) and text in r.err, r.err
    assert not s3.objects()


def test_minio_and_its_paths(cloud, s3):
    demo(cloud, 2)
    env = {"MINIO_ENDPOINT_URL": s3.url, "MINIO_ACCESS_KEY": "k", "MINIO_SECRET_ACCESS_KEY": SECRET, "AWS_ACCESS_KEY_ID": None}
    r = upload(cloud, "demo", s3.url + "/bucket/x", "--update-filepaths", **env)
    assert r.status == 0, r.err
    assert cloud.db["samples.demo"].count_documents({"filepath": {"$regex": "^%s/bucket/x/00" % s3.url}}) == 2
    assert len(s3.objects("x")) == 2


def test_a_local_folder_is_a_destination(cloud, s3):
    demo(cloud, 2)
    target = cloud.env["HOME"] + "/target"
    r = upload(cloud, "demo", target, "--update-filepaths")
    assert r.status == 0 and sorted(os.listdir(target)) == ["000.jpg", "001.jpg"]
    assert cloud.db["samples.demo"].count_documents({"filepath": target + "/000.jpg"}) == 1


def kill_once(command, env, after):
    """Kills a run after that many seconds; None, or what it said when it had ended before."""
    p = subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    try:
        out, err = p.communicate(timeout=after)
    except subprocess.TimeoutExpired:
        p.send_signal(signal.SIGKILL)
        p.communicate()
        return None
    assert p.returncode == 0, err
    return (out + err).decode()


def kills(cloud, s3, count, files, seed):
    """Uploads are killed so many times altogether, and always end as one that was not."""
    rng = random.Random(seed)
    killed, before = 0, s3.puts()
    for number in range(count):
        name, start = "demo%d" % number, killed
        shutil.rmtree(cloud.files, ignore_errors=True)
        samples = demo(cloud, files, name)
        command = [os.path.join(cloud.bin, "fiftyone-migrator"), "media", "upload", name, "s3://bucket/%s" % name,
                   "--media-field", "*", "--update-filepaths", "-j", "4"]
        while (said := kill_once(command, cloud.env, rng.uniform(0.05, 0.25) if killed < count else 60)) is None:
            killed += 1
            keys = set(s3.keys())
            for path in paths_of(list(cloud.db["samples." + name].find())):
                assert path[len("s3://bucket/"):] in keys if "://" in path else os.path.exists(path), path
        assert consistent(cloud.db, s3, cloud.files, name) == 6 * len(samples)
        now = s3.puts()
        twice = sum(n - 1 for k, n in now.items() if k.startswith(name + "/") and k not in before)
        assert twice <= 4 * (killed - start), (twice, killed)  # what was in flight
        assert SECRET not in said + manifests(cloud)
        if killed == count:
            return
    raise AssertionError("only %d kills" % killed)


def manifests(cloud):
    out = ""
    for folder, _, names in os.walk(os.path.join(cloud.env["HOME"], ".fiftyone")):
        out += "".join(open(os.path.join(folder, n)).read() for n in names)
    return out


def test_killed_uploads_go_on(cloud, s3):
    kills(cloud, s3, 30, 30, 1)


@pytest.mark.long
@pytest.mark.parametrize("seed", range(4))
def test_many_kills(cloud, s3, seed):
    kills(cloud, s3, 50, 120, seed)


# -- what it tells


def test_no_secret_anywhere(cloud, s3):
    """Neither in arguments of the process, nor in what it says or keeps; also when the store refuses."""
    demo(cloud, 4)
    token = "sEsSiOn-ToKeN/of+tests"
    report, arguments = cloud.files + "/report", b""
    with Proxy(s3.port, lambda method, path, n: "slow" if method == "PUT" else None) as proxy:
        env = {**cloud.env, **s3.env(proxy.url), "AWS_SESSION_TOKEN": token}
        p = subprocess.Popen(
            [os.path.join(cloud.bin, "fiftyone-migrator"), "--log-level", "debug", "--log-format", "json", "--progress",
             "plain", "media", "upload", "demo", "s3://bucket/x", "--update-filepaths", "-j", "2", "--report", report],
            env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        while p.poll() is None:
            for path in "/proc/%d/cmdline" % p.pid, "/proc/%d/task/%d/comm" % (p.pid, p.pid):
                with contextlib.suppress(OSError):
                    arguments += open(path, "rb").read()
            time.sleep(0.05)
        out, err = p.communicate()
    assert p.returncode == 0, err
    refused = spoiled(cloud, s3, lambda method, path, n: 403 if method == "PUT" else None, "--report", report, name="two")
    assert refused.status == 12
    kept = "".join(repr(list(cloud.db[c].find())) for c in cloud.db.list_collection_names())
    text = (out + err + arguments).decode() + refused.out + refused.err + manifests(cloud) + open(report).read() + kept
    text += cloud.migrator("-o", "json", "history").out + cloud.migrator("history").out
    assert "media upload" in kept and "fiftyone-migrator" in text
    for secret in SECRET, token, "AKIDTESTS":
        assert secret not in text


@pytest.mark.long
def test_progress_is_lines_of_json(cloud, s3):
    demo(cloud, 6)
    with Proxy(s3.port, lambda method, path, n: "slow" if method == "PUT" else None) as proxy:
        r = cloud.migrator("--log-format", "json", "--progress", "plain", "media", "upload", "demo", "s3://bucket/x",
                           "-j", "1", **s3.env(proxy.url))
    lines = [json.loads(line) for line in r.err.splitlines()]
    told = [line["progress"] for line in lines if "progress" in line]
    assert r.status == 0 and told, r.err
    assert told[0]["phase"] == "Uploading" and told[0]["of_files"] == 6 and 0 < told[0]["files"] < 6
    assert told[0]["of_bytes"] == 600


def test_runs_are_in_the_history(cloud, s3):
    demo(cloud, 3)
    up = upload(cloud, "demo", "s3://bucket/x", "--update-filepaths")
    rewritten = cloud.migrator("-o", "json", "media", "rewrite", "demo", "--from", "s3://bucket/x", "--to", "gs://b/x")
    assert cloud.migrator("media", "undo", rewritten.json["run"]).status == 0
    runs = cloud.migrator("-o", "json", "history").json["runs"]
    assert [(r["kind"], r["state"]) for r in runs] == [
        ("media undo", "done"), ("media rewrite", "undone"), ("media upload", "done")]
    assert runs[0]["undoes"] == runs[1]["run"] == rewritten.json["run"] and runs[2]["run"] == up.json["run"]
    assert (runs[2]["dataset"], runs[2]["destination"], runs[2]["documents"]) == ("demo", "s3://bucket/x", 3)
    assert runs[2]["command"].startswith("fiftyone-migrator") and "media undo " + up.json["run"] in runs[2]["undo"]
    # Refused in the middle: the entry says why; what was done can be taken back.
    refused = spoiled(cloud, s3, lambda m, path, n: 403 if m == "PUT" and path.endswith("7.jpg") else None, name="two")
    assert refused.status == 12
    last = cloud.migrator("-o", "json", "history").json["runs"][0]
    assert (last["kind"], last["state"]) == ("media upload", "failed") and "credentials" in last["error"]["remedy"]
    assert cloud.migrator("media", "undo", last["run"]).status == 0
    assert cloud.db["samples.two"].count_documents({"filepath": {"$regex": "^s3"}}) == 0


def test_a_signal_stops_between_two_files(cloud, s3):
    """The same command goes on with the same run."""
    demo(cloud, 12)
    with Proxy(s3.port, lambda method, path, n: "slow" if method == "PUT" and n > 8 else None) as proxy:
        p = subprocess.Popen(
            [os.path.join(cloud.bin, "fiftyone-migrator"), "media", "upload", "demo", "s3://bucket/x",
             "--update-filepaths", "-j", "1"], env={**cloud.env, **s3.env(proxy.url)}, stderr=subprocess.PIPE,
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))
        while len(s3.keys()) < 4:
            time.sleep(0.02)
        p.send_signal(signal.SIGINT)
        err = p.communicate(timeout=30)[1].decode()
    assert p.returncode == 130 and "Interrupted" in err, err
    done = consistent(cloud.db, s3, cloud.files)
    again = upload(cloud, "demo", "s3://bucket/x", "--update-filepaths")
    assert again.status == 0 and 1 <= again.json["known"] < 12 and consistent(cloud.db, s3, cloud.files) == 12 > done
    assert {(r["state"], r["dataset"]) for r in cloud.migrator("-o", "json", "history").json["runs"]} == {("done", "demo")}
