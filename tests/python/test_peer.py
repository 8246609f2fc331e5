"""values() and set_values() beside the real package, on the same data."""
import json
import os
import subprocess

import pytest
from datasets import PACKAGE, ROOT

PEER = os.path.join(ROOT, ".venv-peer", "bin", "python")
pytestmark = pytest.mark.long

# Runs where both packages are; makes one dataset for each, edits them alike, and
# tells where they differ.
CODE = r'''
import datetime, json, os
import numpy as np
import fiftyone as fo
import fiftyone_migrator as fm

faults = []

def plain(value):
    """What both packages' values have in common."""
    if isinstance(value, (list, tuple)):
        return [plain(v) for v in value]
    if isinstance(value, np.ndarray):
        return ["array", str(value.dtype), value.tolist()]
    if hasattr(value, "to_mongo_dict"):
        value = value.to_dict()
    if hasattr(value, "to_dict"):
        value = value.to_dict()
    if isinstance(value, dict):
        return {k: plain(v) for k, v in value.items() if v is not None}
    return value if value is None or isinstance(value, (bool, int, float, str)) else repr(value)

def attempt(work):
    try:
        return "ok", work()
    except Exception as error:
        return "error", str(error.args[0]) if error.args else str(error)

def make(name):
    ds = fo.Dataset(name, persistent=True)
    samples = [fo.Sample(filepath="/d/%d.png" % i, tags=["t%d" % i]) for i in range(3)]
    a = samples[0]
    a["gt"] = fo.Detections(detections=[fo.Detection(label="a", bounding_box=[0, 0, 1, 1], mask_path="/m0"),
                                        fo.Detection(label="b", bounding_box=[0, 0, 1, 1], extra=7)])
    samples[1]["gt"] = fo.Detections(detections=[])
    a["cls"] = fo.Classification(label="x", confidence=0.5)
    a["seg"] = fo.Segmentation(mask_path="/s0")
    a["emb"] = np.arange(3.0)
    a["i"], a["big"], samples[1]["f"] = 5, 2**40, 2.5
    a["d"], a["dt"] = datetime.date(2020, 1, 2), datetime.datetime(2020, 1, 2, 3)
    a["dic"], a["li"], a["yes"] = {"a": 1, "b": [1, 2]}, [1, 2], True
    a["kp"] = fo.Keypoints(keypoints=[fo.Keypoint(points=[[0.1, 0.2]])])
    ds.add_samples(samples, progress=False)
    return ds

peer, twin = make("peer"), make("twin")
ours, ours_of_peer = fm.load_dataset("twin"), fm.load_dataset("peer")

READS = [((p,), {}) for p in [
    "filepath", "id", "_id", "tags", "gt.detections.mask_path", "gt.detections.label", "gt.detections.id",
    "gt.detections._id", "gt.detections[].label", "tags[]", "cls.confidence", "cls.label", "cls.nope", "seg.mask_path",
    "emb", "i", "big", "f", "d", "dt", "yes", "created_at", "dic", "dic.a", "dic.b", "dic.zz", "li", "li[]", "nope",
    "metadata", "metadata.width", "_rand", "_media_type", "_dataset_id", "dataset_id", "media_type",
    "gt.detections.extra", "gt.detections.nope", "gt.detections.tags", "kp.keypoints.points", "filepath.x", "",
    "frames.x", "_nope", "gt._cls", "gt.detections._cls", "gt.detections.bounding_box", "gt.detections.bounding_box[]",
]]
READS += [((p,), {"unwind": u}) for u in (True, -1) for p in
          ("filepath", "tags", "i", "li", "gt.detections.label", "gt.detections.bounding_box", "gt.detections.mask_path")]
READS += [((p,), {"missing_value": "-"}) for p in ("i", "cls.label", "gt.detections.mask_path", "gt.detections.label")]
READS += [((["filepath", "id"],), {}), ((["cls.label", "i"],), {"missing_value": 3}), ((["tags", "i"],), {"unwind": True})]
for args, kwargs in READS:
    a, b = (attempt(lambda: plain(one.values(*args, **kwargs))) for one in (peer, ours_of_peer))
    if a != b:
        faults.append(["values", repr(args), repr(kwargs), repr(a), repr(b)])

db = fo.core.odm.get_db_conn()

def stored(ds):
    doc = db.datasets.find_one({"name": ds.name})
    hidden = {"_id", "_rand", "_dataset_id", "created_at", "last_modified_at"}
    def clean(value):
        if isinstance(value, dict):
            return [(k, clean(v)) for k, v in value.items() if k not in hidden]
        if isinstance(value, list):
            return [clean(v) for v in value]
        return type(value).__name__, repr(value)
    fields = [clean(f) for f in doc["sample_fields"][11:]]
    return [clean(s) for s in db[doc["sample_collection_name"]].find()], sorted(map(repr, fields))

D, DT = datetime.date(2020, 5, 6), datetime.datetime(2020, 5, 6, 7, 8, 9, 123000)
WRITES = [(args, {}) for args in [
    ("filepath", ["/1", "/2", "/3"]), ("filepath", ["/1", "/2", 5]), ("created_at", [1, 2, 3]), ("newi", [1, 2, 3]),
    ("news", ["a", None, "c"]), ("newl", [[1], [2], None]), ("newd", [{"a": 1}, None, None]),
    ("newf", [1.5, 2, None]), ("newif", [1, 2.0, None]), ("newdt", [DT, None, None]), ("newda", [D, None, None]),
    ("newb", [True, False, None]), ("newe", [[], [], []]), ("newn", [None, None, None]), ("newa", [np.array([1.0, 2]), None, None]),
    ("newm", [np.eye(2), None, None]), ("newo", [fm.ObjectId("5f" * 12), None, None]),
    ("gt.detections.mask_path", [["/x", "/y"], [], None]), ("gt.detections.foo", [[1, 2], [], None]),
    ("gt.detections.label", [[1, 2], [], None]), ("gt.detections.label", [["p", "q"], [], None]), ("tags", [["a"], ["b"], ["c"]]),
    ("tags", ["a", "b", "c"]), ("tags", [["a"], [1], ["c"]]), ("_id", ["a", "b", "c"]),
    ("i", ["s", 1, 1]), ("i", [1.0, 3, 2**40]), ("i", ["7", True, None]), ("f", [1, 2, None]), ("f", ["x", 1, 1]),
    ("yes", [1, None, None]), ("d", [DT, None, None]), ("dt", [D, None, None]), ("dt", [DT, None, None]), ("li", [[3], [], None]),
    ("newz.b", [1, 2, 3]), ("_new", [1, 2, 3]), ("a$b", [1, 2, 3]), ("emb", [[1, 2], None, None]), ("emb", [5, None, None]),
    ("dic", [{"k": {"z": [1, None, "x"]}}, None, None]), ("dic", [1, None, None]),
]]
# The original makes broken labels where there were none: only the first sample has all.
WRITES += [((path, {"/1": value}), {"key_field": "filepath"}) for path, value in
           [("cls.foo", 1), ("cls.label", "a"), ("seg.mask_path", "/a"), ("dic.q", 1), ("cls.confidence", 1)]]
WRITES += [
    (("i", [9, None, 8]), {"skip_none": True}), (("newx", [1, 2, 3]), {"expand_schema": False}),
    (("filepath", {"/1": "/zz"}), {}), (("filepath", {"/nope": "/zz"}), {"key_field": "filepath"}),
    (("filepath", {"/1": "/zz"}), {"key_field": "filepath"}),
]
for args, kwargs in WRITES:
    a, b = (attempt(lambda: one.set_values(*args, **kwargs)) for one in (peer, ours))
    same = a == b or (a[0] == b[0] == "error" and ("Reason" not in a[1] or a[1].split("Reason")[0] == b[1].split("Reason")[0])
                      and "Cannot infer" not in a[1] + b[1])
    if not same or stored(peer) != stored(ours):
        x, y = stored(peer), stored(ours)
        faults.append(["set_values", repr(args), repr(kwargs), repr(a), repr(b),
                       repr([(p, q) for p, q in zip(x[0] + x[1], y[0] + y[1]) if p != q])[:900]])
        ours.reload()

again = fo.load_dataset("twin")
again.reload()
for field in ours.schema:
    a, b = plain(again.values(field)), plain(ours.values(field))
    if a != b and "gt" != field and "cls" != field and "seg" != field and "kp" != field:
        faults.append(["the original reads what ours wrote", field, repr(a), repr(b)])
print("RESULT " + json.dumps(faults))
'''


VIEWS = r"""
import os
import fiftyone as fo
from fiftyone_migrator.storage import upload_media

for i in range(4):
    open("%d.jpg" % i, "w").write("image %d" % i)
ds = fo.Dataset("views", persistent=True)
ds.add_samples([fo.Sample(filepath=os.path.abspath("%d.jpg" % i), tags=["t%d" % (i % 2)]) for i in range(4)])
out = os.path.abspath("out")
view = ds.match_tags("t1").sort_by("id", reverse=True)
assert upload_media(view, out + "/v") == [out + "/v/%d.jpg" % i for i in (3, 1)], "view"
assert sorted(os.listdir(out + "/v")) == ["1.jpg", "3.jpg"]
assert upload_media(ds, out + "/d") == [out + "/d/%d.jpg" % i for i in range(4)], "dataset"
"""


def beside_the_peer(place, code, **more):
    assert os.access(PEER, os.X_OK), "scripts/install-peer makes it"
    env = {
        "PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/root"), "PYTHONPATH": PACKAGE,
        "FIFTYONE_DATABASE_URI": place.server.uri, "FIFTYONE_DATABASE_NAME": place.name,
        "FIFTYONE_DATABASE_VALIDATION": "false", "FIFTYONE_DO_NOT_TRACK": "1",
    }
    p = subprocess.run([PEER, "-c", code], env=env, capture_output=True, text=True, timeout=300, **more)
    assert p.returncode == 0, p.stderr
    return p


def test_media_of_views_of_the_original(place, tmp_path):
    beside_the_peer(place, VIEWS, cwd=tmp_path)


def test_the_same_values_and_the_same_bytes(place):
    p = beside_the_peer(place, CODE)
    faults = json.loads(p.stdout.rsplit("RESULT ", 1)[1])
    assert not faults, "\n".join(map(" | ".join, faults))
