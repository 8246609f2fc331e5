"""values() and set_values(): shapes, what is refused, and what is written."""
import datetime

import pytest
from bson import Int64, ObjectId
from datasets import field, harness, label_list, three_samples

import fiftyone_migrator as fm


@pytest.fixture
def dataset(place):
    return place.add("a", three_samples())


@pytest.fixture
def video(place):
    samples = [{"_id": ObjectId(), "filepath": "/%d.mp4" % i} for i in range(2)]
    frames = [
        {"_id": ObjectId(), "_sample_id": samples[0]["_id"], "frame_number": n, "x": n * 10,
         "gt": {"_cls": "Detections", "detections": [{"_id": ObjectId(), "_cls": "Detection", "label": "l%d" % n}] * (n - 1)}}
        for n in (2, 1)
    ]
    return place.add(
        "v", samples, media_type="video", frame_collection_name="frames.v", frames=frames,
        frame_fields=[field("id", "ObjectIdField"), field("frame_number", "FrameNumberField"), field("x", "IntField"),
                      field("last_modified_at", "DateTimeField", read_only=True),
                      label_list("gt", "detections", "Detections")])


def message(info):
    return info.value.args[0]


@pytest.mark.parametrize(
    "path, wanted",
    [
        ("filepath", ["/d/0.png", "/d/1.png", "/d/2.png"]),
        ("tags", [["a"], [], ["b", "c"]]),
        ("tags[]", ["a", "b", "c"]),
        ("i", [1, None, None]),
        ("f", [None, 2.5, None]),
        ("day", [datetime.date(2020, 1, 2), None, None]),
        ("any", [None, None, {"k": [1, {"z": None}]}]),
        ("any.k", [None, None, [1, {"z": None}]]),
        ("any.q", [None, None, None]),
        ("seg.mask_path", ["/m/0.png", None, None]),
        ("seg.nope", [None, None, None]),
        ("filepath.x", [None, None, None]),
        ("gt.detections.label", [["cat", "dog"], [], None]),
        ("gt.detections.mask_path", [["/m/a.png", None], [], None]),
        ("gt.detections[].label", ["cat", "dog"]),
        ("gt._cls", ["Detections", "Detections", None]),
    ],
)
def test_values(dataset, path, wanted):
    assert dataset.values(path) == wanted


def test_ids_are_texts_or_objects(place, dataset):
    stored = place.samples(dataset)
    assert dataset.values("id") == [str(s["_id"]) for s in stored] and dataset.values("_id") == [s["_id"] for s in stored]
    labels = [d["_id"] for d in stored[0]["gt"]["detections"]]
    assert dataset.values("gt.detections.id")[0] == list(map(str, labels)) and dataset.values("gt.detections._id")[0] == labels


def test_options_of_values(dataset):
    v = dataset.values
    assert v(["filepath", "i"]) == (v("filepath"), v("i")) and v([]) == ()
    assert v("i", missing_value=0) == [1, 0, 0]
    assert v("gt.detections.mask_path", missing_value="-") == [["/m/a.png", "-"], [], None]
    assert v("gt.detections.label", unwind=True) == ["cat", "dog"]
    assert v("gt.detections.label", unwind=-1) == [["cat", "dog"], [], None]
    assert v("i", unwind=True) == [1, None, None]
    for path in "nope", "_rand", "_nope", "", "frames.x":
        with pytest.raises(ValueError) as e:
            v(path)
        assert message(e) == "Dataset has no field '%s'" % path.split(".")[0]
    with pytest.raises(TypeError):
        v("i", lambda x: x)


def test_values_of_frames(video):
    v = video.values
    assert v("frames.x") == [[10, 20], []] and v("frames[].x") == [10, 20] and v("frames.frame_number") == [[1, 2], []]
    assert v("frames.gt.detections.label") == [[[], ["l2"]], []]
    assert v("frames.gt.detections.label", unwind=True) == ["l2"]
    assert v("frames.gt.detections.label", unwind=-1) == [["l2"], []]
    assert v(["filepath", "frames.x"]) == (["/0.mp4", "/1.mp4"], [[10, 20], []])
    assert [f["frame_number"] for f in video.iter_frames()] == [1, 2]
    with pytest.raises(ValueError) as e:
        v("frames.nope")
    assert message(e) == "Dataset has no frame field 'nope'"


def test_groups_show_their_active_slice(place):
    member = lambda name: {"_id": ObjectId(), "_cls": "Group", "name": name}
    samples = [{"_id": ObjectId(), "filepath": "/%s%d" % (s, i), "group": member(s)} for i in range(2) for s in "lr"]
    fields = [field("group", "EmbeddedDocumentField", None, "fiftyone.core.groups.Group", [field("name", "StringField")])]
    g = place.add("g", samples, fields, media_type="group", group_field="group", default_group_slice="l",
                  group_media_types={"l": "image", "r": "image"})
    assert g.values("filepath") == ["/l0", "/l1"] and len(g) == 2
    g.set_values("filepath", ["/x", "/y"])
    g.group_slice = "r"
    assert g.values("filepath") == ["/r0", "/r1"]
    g.group_slice = None
    assert g.values("filepath") == ["/x", "/r0", "/y", "/r1"] and len(g) == 4
    with pytest.raises(ValueError) as e:
        g.group_slice = "z"
    assert message(e) == "Dataset has no group slice 'z'"


# -- set_values


def test_the_pages_loop(place, dataset):
    before = place.samples(dataset)
    cloud_paths = []
    for filepath in dataset.values("filepath"):
        cloud_paths.append("s3://bucket/" + filepath.rsplit("/", 1)[-1])
    dataset.set_values("filepath", cloud_paths)
    after = place.samples(dataset)
    assert [s["filepath"] for s in after] == ["s3://bucket/0.png", "s3://bucket/1.png", "s3://bucket/2.png"]
    for old, new in zip(before, after):
        assert new.pop("last_modified_at") > old.pop("last_modified_at")
        del old["filepath"], new["filepath"]
        assert list(old.items()) == list(new.items())  # the order of the keys as well


def test_thousands_of_samples_get_their_own_value(place):
    n = 3000
    dataset = place.add("many", [{"_id": ObjectId(), "filepath": "/%d" % i} for i in range(n)])
    wanted = ["$%d.ä\n" % (n - i) for i in range(n)]  # nothing in a value is an expression
    seen = []
    dataset.set_values("filepath", iter(wanted), progress=lambda *a: seen.append(a))
    assert dataset.values("filepath") == wanted and seen[-1][1:] == (n, n)
    place.raw.datasets.update_one({}, {"$push": {"sample_fields": field("i", "IntField")}})
    dataset.set_values("i", range(n))
    assert dataset.values("i") == list(range(n))


def test_order_is_the_collections_not_that_of_ids(place):
    ids = [ObjectId() for _ in range(500)]
    dataset = place.add("a", [{"_id": id, "filepath": str(id)} for id in reversed(ids)])
    dataset.set_values("filepath", ["new " + p for p in dataset.values("filepath")])
    assert all(s["filepath"] == "new %s" % s["_id"] for s in place.samples(dataset))


def test_ids_of_other_types(place):
    ids = [3, "x", ObjectId(), None, {"a": 1}]
    dataset = place.add("a", [{"_id": id, "filepath": "/%r" % (id,)} for id in ids])
    dataset.set_values("filepath", ["%d" % i for i in range(5)])
    assert {repr(s["_id"]): s["filepath"] for s in place.samples(dataset)} == {repr(id): str(i) for i, id in enumerate(ids)}


@pytest.mark.parametrize(
    "path, values, text",
    [
        ("filepath", ["/1", "/2"], "Found 2 values of 'filepath' for 3 samples; nothing was written"),
        ("filepath", ["/1"] * 4, "Found 4 values of 'filepath' for 3 samples; nothing was written"),
        ("filepath", ["/1", "/2", 5], "Invalid value for field 'filepath'. Reason: StringField only accepts string values"),
        ("i", [1, "s", 2], "Invalid value for field 'i'. Reason: s could not be converted to int"),
        ("i", [1, 2.5, 2], "Invalid value for field 'i'. Reason: 2.5 could not be converted to int"),
        ("tags", ["a", "b", "c"], "Invalid value for field 'tags'. Reason: Only lists and tuples may be used in a list field"),
        ("tags", [["a"], [1], []],
         "Invalid value for field 'tags'. Reason: Invalid StringField item ([1])(StringField only accepts string values: [0])"),
        ("created_at", [1, 2, 3], "Cannot edit read-only field 'created_at'"),
        ("id", ["a", "b", "c"], "Cannot edit read-only field 'id'"),
        ("_id", [1, 2, 3], "Invalid field name: '_id'. Field names cannot start with '_'"),
        ("a$b", [1, 2, 3], "Invalid field name: 'a$b'. Field names cannot contain '$'"),
        ("new", [None] * 3, "Cannot infer an appropriate type for new sample field 'new' from empty/all-None values"),
        ("new.x", [1, 2, 3],
         "Cannot infer an appropriate type for new sample field 'new' when setting embedded field 'new.x'"),
        ("seg", [1, 2, 3], "Invalid value for field 'seg'. Reason: Expected a document (dict) of class Segmentation; found int"),
        ("seg", [{}, None, None], "Invalid value for field 'seg'. Reason: Expected a document (dict) of class Segmentation; found one without _cls"),
        ("gt.detections", [[5], [], None],
         "Invalid value for field 'gt.detections'. Reason: Invalid EmbeddedDocumentField item ([5])"
         "(Expected a document (dict) of class Detection; found int: [0])"),
        ("gt.detections", [[None], [], None],
         "Invalid value for field 'gt.detections'. Reason: Invalid EmbeddedDocumentField item ([None])"
         "(Expected a document (dict) of class Detection; found NoneType: [0])"),
        ("gt.detections", [[{"_cls": "Classification"}], [], None],
         "Invalid value for field 'gt.detections'. Reason: Invalid EmbeddedDocumentField item ([{'_cls': 'Classification'}])"
         "(Expected a document (dict) of class Detection; found a Classification: [0])"),
        ("gt.detections.label", [["a"], [], None], None),
        ("gt.detections.label", [["a", "b"], ["c"], None], None),
        ("gt.detections.label", [["a", "b"], [], ["c"]], None),
        ("gt.detections.label", [["a", 1], [], None],
         "Invalid value for field 'gt.detections.label'. Reason: StringField only accepts string values"),
        ("seg.mask_path", ["/a", "/b", None], None),
        ("filepath", ["/1", None, "/3"], None),
    ],
)
def test_what_is_wrong_is_refused_before_anything_is_written(place, dataset, path, values, text):
    before = place.samples(dataset), list(place.raw.datasets.find())
    with pytest.raises(ValueError) as e:
        dataset.set_values(path, values)
    assert message(e) == text if text else "nothing was written" in message(e)
    assert (place.samples(dataset), list(place.raw.datasets.find())) == before


@pytest.mark.parametrize("kind, found", [("metadata.Metadata", "ImageMetadata"), ("labels.Label", "Classification")])
def test_a_document_of_a_class_below_the_declared_one_is_taken(place, kind, found):
    dataset = place.add("a", [{"filepath": "/1"}], [field("x", "EmbeddedDocumentField", None, "fiftyone.core." + kind)])
    dataset.set_values("x", [{"_cls": found}])
    assert dataset.values("x") == [{"_cls": found}]


def test_shapes_that_are_none(place, dataset):
    before = place.samples(dataset)
    for values in "/abc", None, 5, b"x":
        with pytest.raises(TypeError):
            dataset.set_values("filepath", values)
    with pytest.raises(OverflowError, match="^Invalid value for field 'i'. Reason: %d does not fit into 64 bits$" % 2**70):
        dataset.set_values("i", [1, 2**70, 2])
    with pytest.raises(OverflowError, match="^the value does not fit into 64 bits$"):
        dataset.set_values("i", [2**70, 1, 2], validate=False)
    with pytest.raises(OverflowError, match="^'a.b' does not fit into 64 bits$"):
        dataset.set_values("any", [{"a": {"b": 2**70}}, None, None])
    with pytest.raises(TypeError):
        dataset.set_values("any", [{"x": object()}, None, None])
    assert place.samples(dataset) == before


def test_attributes_and_labels(place, dataset):
    dataset.set_values("seg.mask_path", ["/new", None, None])  # nothing to do for samples without one
    after = place.samples(dataset)
    assert after[0]["seg"]["mask_path"] == "/new" and "seg" not in after[1] and "seg" not in after[2]
    dataset.set_values("gt.detections.mask_path", [["/a", "/b"], [], None])
    assert dataset.values("gt.detections.mask_path") == [["/a", "/b"], [], None]
    dataset.set_values("gt.detections.label", [["x", None], [], None], skip_none=True)
    assert dataset.values("gt.detections.label") == [["x", "dog"], [], None]
    dataset.set_values("gt.detections.attributes.deep", [[1, 2], [], None])
    first = place.samples(dataset)[0]["gt"]
    assert list(first) == ["_cls", "detections"] and list(first["detections"][0])[:4] == ["_id", "_cls", "label", "mask_path"]
    assert [d["attributes"] for d in first["detections"]] == [{"deep": 1}, {"deep": 2}]
    dataset.set_values("seg", [None, {"_id": ObjectId(), "_cls": "Segmentation", "mask_path": "/s"}, None])
    assert dataset.values("seg.mask_path") == [None, "/s", None]


def test_new_fields_are_declared(place, dataset):
    for name, value, ftype, subfield in [
        ("n", 1, "IntField", None), ("x", 1.5, "FloatField", None), ("b", True, "BooleanField", None),
        ("s", "a", "StringField", None), ("d", datetime.date(2020, 5, 6), "DateField", None),
        ("t", datetime.datetime(2020, 5, 6, 7), "DateTimeField", None), ("l", [1, 2], "ListField", "IntField"),
        ("m", {"k": 1}, "DictField", None), ("o", ObjectId(), "ObjectIdField", None),
    ]:
        with pytest.raises(ValueError):
            dataset.set_values(name, [value, None, value], expand_schema=False)
        dataset.set_values(name, [value, None, value])
        declared = dataset.schema[name]
        assert (declared.ftype, declared.subfield) == (ftype, subfield)
        assert dataset.values(name) == [str(value) if name == "o" else value, None, str(value) if name == "o" else value]
    stored = place.raw.datasets.find_one()
    assert list(stored["sample_fields"][-1]) == list(stored["sample_fields"][0])
    assert stored["sample_fields"][-1]["db_field"] == "_o" and "_o" in place.samples(dataset)[0]


def test_keys(place, dataset):
    ids = dataset.values("id")
    dataset.set_values("i", {ids[2]: 7, ids[0]: 8}, key_field="id")
    assert dataset.values("i") == [8, None, 7]
    dataset.set_values("i", {"/d/1.png": 9}, key_field="filepath")
    assert dataset.values("i") == [8, 9, 7]
    before = place.samples(dataset)
    for key, values, text in [
        (None, {"a": 1}, "You must provide a `key_field` when `values` is a dict"),
        ("filepath", {"a": 1, "/d/0.png": 2}, "Found 1 keys (eg: a) that do not match the 'filepath' field of any samples"),
        ("filepath", [1, 2, 3], "key_field goes with a dict of values"),
    ]:
        with pytest.raises(ValueError) as e:
            dataset.set_values("i", values, key_field=key)
        assert message(e) == text
    assert place.samples(dataset) == before


def test_none(place, dataset):
    dataset.set_values("i", [None, 5, None], skip_none=True)
    assert dataset.values("i") == [1, 5, None]
    dataset.set_values("i", [None, 5, None])
    assert place.samples(dataset)[0]["i"] is None and place.samples(dataset)[2]["i"] is None


def test_expected_values_guard_against_other_edits(place, dataset):
    paths = dataset.values("filepath")
    place.raw[dataset._samples()].update_one({"filepath": "/d/1.png"}, {"$set": {"filepath": "/other"}})
    with pytest.raises(fm.errors.ConflictError) as e:
        dataset.set_values("filepath", ["/n0", "/n1", "/n2"], expected=paths)
    assert dataset.values("filepath") == ["/n0", "/other", "/n2"] and e.value.ids == [dataset.values("_id")[1]]
    labels = dataset.values("gt.detections.mask_path")
    dataset.set_values("gt.detections.mask_path", [["/1", "/2"], [], None], expected=labels)
    assert dataset.values("gt.detections.mask_path")[0] == ["/1", "/2"]
    with pytest.raises(fm.errors.ConflictError):
        dataset.set_values("gt.detections.mask_path", [["/3", "/4"], [], None], expected=labels)
    assert dataset.values("gt.detections.mask_path")[0] == ["/1", "/2"]


def test_what_changes_between_reading_and_writing_is_left_alone(place, dataset, monkeypatch):
    """Another client deletes a sample and a label just before the write."""
    collection = place.raw[dataset._samples()]
    from fiftyone_migrator import writing

    original = writing._Edit.write
    ids = dataset.values("_id")

    def late(self, *args):
        collection.delete_one({"_id": ids[2]})
        collection.update_one({"_id": ids[0]}, {"$pop": {"gt.detections": 1}})
        return original(self, *args)

    monkeypatch.setattr(writing._Edit, "write", late)
    with pytest.raises(fm.errors.ConflictError) as e:
        dataset.set_values("i", [5, 6, 7])
    assert dataset.values("i") == [5, 6] and e.value.ids == [ids[2]]
    place.raw[dataset._samples()].update_one({"_id": ids[0]}, {"$push": {"gt.detections": {"_id": ObjectId(), "label": "z"}}})
    with pytest.raises(fm.errors.ConflictError) as e:
        dataset.set_values("gt.detections.label", [["p", "q"], []])
    assert dataset.values("gt.detections.label") == [["cat"], []] and e.value.ids == [ids[0]]


def test_frames(place, video):
    video.set_values("frames.x", [[5, 6], []])
    assert video.values("frames.x") == [[5, 6], []]
    video.set_values("frames.x", [{2: 9}, {}])
    assert video.values("frames.x") == [[5, 9], []]
    video.set_values("frames.y", {video.values("id")[0]: {1: "a"}}, key_field="id")
    assert video.values("frames.y") == [["a", None], []] and video.get_frame_field_schema()["y"].ftype == "StringField"
    video.set_values("frames.gt.detections.label", [[[], ["new"]], []])
    assert video.values("frames.gt.detections.label") == [[[], ["new"]], []]
    before = list(place.raw["frames.v"].find())
    for values in ([[1], []], [[1, 2], [3]], [{7: 1}, {}], [[1, 2]]):
        with pytest.raises(ValueError) as e:
            video.set_values("frames.x", values)
        assert "nothing was written" in message(e)
    with pytest.raises(ValueError):
        video.set_values("frames", [[1, 2], []])
    assert list(place.raw["frames.v"].find()) == before


def test_every_type_survives(place):
    """What values() gives, set_values() stores again, to the byte."""
    import bson

    things = [
        None, True, 1, -(2**31), Int64(5), 2**40, 1.0, float("inf"), -0.0, "ä\0b", "", b"\0\xff", bson.Binary(b"x", 5),
        ObjectId(), datetime.datetime(1, 1, 1), datetime.datetime(9999, 12, 31, 23, 59, 59, 999000),
        datetime.datetime(1969, 12, 31, 23, 59, 59, 1000), bson.DatetimeMS(2**60), bson.Regex("a.*", "im"),
        bson.Decimal128("1.50"), bson.Timestamp(1, 2), bson.MinKey(), bson.MaxKey(), bson.Code("f()"),
        {"a": [1, {"b": None}, []], "": 0, "x.y": 1}, [[], [[1]]],
    ]
    dataset = place.add("a", [{"_id": ObjectId(), "filepath": "/%d" % i, "any": {"v": v}} for i, v in enumerate(things)])
    stored = place.raw.get_collection(dataset._samples(), codec_options=harness.RAW)
    raw = lambda: [s["any"].raw for s in stored.find()]
    before, read = raw(), dataset.values("any")
    assert read[4]["v"] == 5 and isinstance(read[4]["v"], Int64) and read[11]["v"] == b"\0\xff"
    assert repr(read[17]["v"]) == "DateMs(%d)" % 2**60 and isinstance(read[18]["v"], fm.RawValue)
    dataset.set_values("any", read)
    assert raw() == before
    assert dataset.first()["any"] == {"v": None}
