"""`media upload`: which samples, which objects of other places, where to, and what is stored with them."""
import json
import os
import signal
import subprocess

import pytest
from bson import ObjectId
from media_data import content, dataset
from object_servers import SECRET, Proxy
from test_media_upload import cloud, read, s3, upload, write  # noqa: F401

pytest.importorskip("moto")


def put(s3, **objects):
    for key, body in objects.items():
        s3.client.put_object(Bucket="bucket", Key=key.replace("__", "/").replace("_", "."), Body=body)


def stored(cloud, field="filepath"):
    return [d[field] for d in cloud.db["samples.demo"].find().sort("_id")]


def test_objects_of_other_places_are_copied(cloud, s3):
    """Within a store by itself; names, clashes and missing ones as of files."""
    put(s3, old__a_jpg=b"one", old__sub__a_jpg=b"other", new__here_jpg=b"stays")
    local = write(cloud.files + "/a.jpg")
    paths = ["s3://bucket/old/a.jpg", local, "s3://bucket/old/sub/a.jpg", None, "https://example.org/w.jpg",
             "s3://bucket/new/here.jpg", "s3://bucket/old/a.jpg"]
    dataset(cloud.db, "demo", [{"filepath": local, "thumb": p} for p in [*paths, "s3://bucket/old/none.jpg"]])
    common = ("demo", "s3://bucket/new", "--media-field", "thumb", "--copy-remote", "--update-filepaths")
    refused = upload(cloud, *common)
    assert refused.status == 16 and "s3://bucket/old/none.jpg" in refused.err and len(s3.objects("new")) == 1
    cloud.db["samples.demo"].delete_one({"thumb": "s3://bucket/old/none.jpg"})
    planned = upload(cloud, *common, "--dry-run")
    assert (planned.json["files"], planned.json["copies"], planned.json["bytes"]) == (3, 2, 108), planned.err
    gets = []
    with Proxy(s3.port, lambda method, path, n: gets.append(path) if method == "GET" and "/old" in path else None) as proxy:
        r = upload(cloud, *common, **s3.env(proxy.url))
    assert r.status == 0 and not gets, r.err
    assert (r.json["uploaded"], r.json["copied"], r.json["remote_paths"], len(r.json["clashes"])) == (1, 2, 2, 2)
    assert stored(cloud, "thumb") == [
        "s3://bucket/new/a-2.jpg", "s3://bucket/new/a.jpg", "s3://bucket/new/a-3.jpg", None, "https://example.org/w.jpg",
        "s3://bucket/new/here.jpg", "s3://bucket/new/a-2.jpg"]
    assert s3.objects("new") == {"new/a.jpg": read(local), "new/a-2.jpg": b"one", "new/a-3.jpg": b"other", "new/here.jpg": b"stays"}
    assert cloud.migrator("media", "verify", "demo", "--full").status == 0
    assert cloud.migrator("media", "undo", r.json["run"]).status == 0 and stored(cloud, "thumb") == paths


def test_copies_go_through_here_between_stores_and_once(cloud, s3):
    big = os.urandom(11 * 2**20)
    put(s3, old__b_bin=big, old__a_bin=b"small")
    minio = {"MINIO_ENDPOINT_URL": s3.url, "MINIO_ACCESS_KEY": "k", "MINIO_SECRET_ACCESS_KEY": SECRET}
    dataset(cloud.db, "demo", [{"filepath": s3.url + "/bucket/old/" + n} for n in ("a.bin", "b.bin")])
    args = ("demo", "s3://bucket/new", "--copy-remote", "--verify-full", "--storage-class", "STANDARD_IA")
    first = upload(cloud, *args, **minio)
    assert first.status == 0 and first.json["copied"] == 2 and first.json["bytes"] == len(big) + 5, first.err
    assert s3.objects("new") == {"new/a.bin": b"small", "new/b.bin": big}
    for key in "new/a.bin", "new/b.bin":
        assert s3.client.head_object(Bucket="bucket", Key=key)["StorageClass"] == "STANDARD_IA"
    again = upload(cloud, *args, **minio)
    assert (again.json["copied"], again.json["known"]) == (0, 2), again.err
    put(s3, old__a_bin=b"other")  # of the same size
    third = upload(cloud, *args, **minio)
    assert (third.json["copied"], third.json["known"]) == (1, 1) and s3.objects("new")["new/a.bin"] == b"other"


def test_a_scene_in_a_store_brings_its_assets(cloud, s3):
    scene = {"_type": "Scene", "children": [{"_type": "M", "objPath": "models/m.obj", "mtlPath": "models/m.mtl", "children": []},
                                            {"_type": "P", "pcdPath": "s3://bucket/clouds/c.pcd", "children": []}]}
    put(s3, old__s_fo3d=json.dumps(scene).encode(), old__models__m_obj=b"o", old__models__m_mtl=b"map_Kd t.png\n",
        old__models__t_png=b"t", clouds__c_pcd=b"c")
    dataset(cloud.db, "demo", [{"filepath": "s3://bucket/old/s.fo3d"}], media_type="3d")
    r = upload(cloud, "demo", "s3://bucket/new", "--copy-remote", "--update-filepaths")
    assert r.status == 0, r.err
    objects = s3.objects("new")
    assert sorted(objects) == ["new/c.pcd", "new/models/m.mtl", "new/models/m.obj", "new/models/t.png", "new/s.fo3d"]
    scene["children"][1]["pcdPath"] = "c.pcd"
    assert json.loads(objects["new/s.fo3d"]) == scene and stored(cloud) == ["s3://bucket/new/s.fo3d"]


def test_scenes_alone_go_as_they_are(cloud, s3):
    path = cloud.files + "/s.fo3d"
    write(cloud.files + "/c.pcd")
    with open(path, "w") as f:
        f.write('{"children":   [{"pcdPath": "%s/c.pcd"}]}' % cloud.files)
    dataset(cloud.db, "demo", [{"filepath": path}], media_type="3d")
    r = upload(cloud, "demo", "s3://bucket/x", "--no-assets")
    assert r.status == 0 and s3.objects() == {"x/s.fo3d": read(path)}, r.err


def test_only_some_samples(cloud, s3, tmp_path):
    """Of 1,500, so that more than one query is needed; their frames follow."""
    ids = [ObjectId() for _ in range(1500)]
    same = write(cloud.files + "/same.jpg")
    frames = [{"_sample_id": i, "frame_number": 1, "seg": {"_cls": "Segmentation", "mask_path": write(
        "%s/%d.png" % (cloud.files, n))}} for n, i in enumerate(ids[:3])]
    dataset(cloud.db, "demo", [{"_id": i, "filepath": same} for i in ids], frames=frames, media_type="video")
    chosen = tmp_path / "ids"
    chosen.write_text("\n".join(map(str, [*ids[1:1400], ids[1]])) + "\n\n")
    args = ("demo", "s3://bucket/x", "--media-field", "*", "--update-filepaths", "--samples", str(chosen))
    r = upload(cloud, *args)
    assert r.status == 0 and (r.json["documents"], r.json["uploaded"]) == (1401, 3), r.err
    assert [p == same for p in stored(cloud)] == [True] + [False] * 1399 + [True] * 100
    assert sorted(s3.objects()) == ["x/filepath/same.jpg", "x/frames.seg.mask_path/1.png", "x/frames.seg.mask_path/2.png"]
    before = content(cloud.db)
    chosen.write_text("%s\n%s\nnone\n" % (ids[0], ObjectId()))
    unknown = upload(cloud, *args)
    assert unknown.status == 10 and "2 of 3 samples" in unknown.err and content(cloud.db) == before
    chosen.write_text("")
    assert upload(cloud, *args).json["uploaded"] == 0 and content(cloud.db) == before


def test_folders_of_fields(cloud, s3):
    samples = [{"filepath": write("%s/%d.jpg" % (cloud.files, i)), "thumb": write("%s/t/%d.jpg" % (cloud.files, i)),
                "seg": {"_cls": "Segmentation", "mask_path": write("%s/%d.png" % (cloud.files, i))}} for i in range(2)]
    dataset(cloud.db, "demo", samples)
    for bad in "/abs", "../up", "a/../../b":
        assert upload(cloud, "demo", "s3://bucket/x", "--media-field", "seg=" + bad).status == 2
    fields = ("--media-field", "filepath=", "--media-field", "seg=masks/seg", "--media-field", "*")
    assert upload(cloud, "demo", "s3://bucket/x", *fields).status == 0
    assert sorted(s3.objects()) == ["x/%s%d.%s" % (f, i, e) for f, e in (("", "jpg"), ("masks/seg/", "png"), ("thumb/", "jpg"))
                                    for i in range(2)]


def test_what_is_stored_with_objects(cloud, s3):
    sizes = {"small.jpg": 10, "large.bin": 11 * 2**20}
    dataset(cloud.db, "demo", [{"filepath": write("%s/%s" % (cloud.files, n), s)} for n, s in sizes.items()])
    args = ("demo", "s3://bucket/x", "--cache-control", "max-age=60,  public", "--storage-class", "STANDARD_IA",
            "--metadata", "owner=a  b=c", "--metadata", "batch-no=7")
    assert upload(cloud, *args).status == 0
    for name in sizes:
        head = s3.client.head_object(Bucket="bucket", Key="x/" + name)
        assert (head["CacheControl"], head["StorageClass"]) == ("max-age=60,  public", "STANDARD_IA")
        assert head["Metadata"] == {"owner": "a  b=c", "batch-no": "7"}
    assert s3.client.head_object(Bucket="bucket", Key="x/small.jpg")["ContentType"] == "image/jpeg"


@pytest.mark.parametrize("destination,args,text", [
    ("s3://bucket/y", ["--metadata", "Owner=x"], "'Owner'"), ("s3://bucket/y", ["--metadata", "owner"], "NAME=VALUE"),
    ("s3://bucket/y", ["--metadata", "owner=é"], "ASCII"), ("s3://bucket/y", ["--cache-control", "a\nb"], "ASCII"),
    ("{folder}/y", ["--storage-class", "COLD"], "folder"), ("{folder}/y", ["--cache-control", "no-store"], "folder")])
def test_what_cannot_be_stored_is_refused_first(cloud, s3, destination, args, text):
    dataset(cloud.db, "demo", [{"filepath": write(cloud.files + "/a.jpg")}])
    r = upload(cloud, "demo", destination.format(folder=cloud.files), *args)
    assert r.status == 2 and text in r.err and not s3.objects() and not os.path.exists(cloud.files + "/y"), r.err


def test_stopped_copies_go_on(cloud, s3):
    objects = {"old/%02d.bin" % i: os.urandom(1000) for i in range(20)}
    for key, body in objects.items():
        s3.client.put_object(Bucket="bucket", Key=key, Body=body)
    dataset(cloud.db, "demo", [{"filepath": "s3://bucket/" + key} for key in objects])
    args = ("media", "upload", "demo", "s3://bucket/new", "--copy-remote", "--update-filepaths", "-j", "1")
    puts = []

    def rule(method, path, n):
        if method == "PUT":
            puts.append(path)
            return "slow" if len(puts) > 3 else None

    with Proxy(s3.port, rule) as proxy:
        command = [os.path.join(cloud.bin, "fiftyone-migrator"), *args]
        with subprocess.Popen(command, env={**cloud.env, **s3.env(proxy.url)}, stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL) as p:
            while len(puts) < 5:
                pass
            p.send_signal(signal.SIGKILL)
    assert all("new/%s" % p[-6:] in s3.objects() for p in stored(cloud) if "/new/" in p)
    r = cloud.migrator("-o", "json", *args)
    assert r.status == 0 and {p[len("s3://bucket/"):] for p in stored(cloud)} == set(s3.objects("new")), r.err
    assert [s3.objects()["new" + key[3:]] for key in objects] == list(objects.values())
