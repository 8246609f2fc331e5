"""Small databases for points that no database of the corpus reaches.

Each edge is a database of the corpus with a few datasets left in it and some
values edited by the function below; the docstring says which rule (of
``tests/intended/README.md``) or which behaviour of the real software it is
about.  What is expected of it lies in ``tests/intended/edges/<name>/``, made by
``tests/intended/make.py`` as for the other cases.
"""
import shlex

import bson
from bson import Int64, ObjectId
from bson.codec_options import CodecOptions

OPTIONS = CodecOptions(document_class=dict)
EDGES = {}


class Edge:
    def __init__(self, function, source, command, status, rules):
        self.name = function.__name__.replace("_", "-")
        self.about = " ".join(function.__doc__.split())
        self.edit, self.source, self.status, self.rules = function, source, status, rules
        self.args = shlex.split(command)[1:]


def edge(source, command, status=0, rules=""):
    def add(function):
        e = Edge(function, source, command, status, rules)
        EDGES[e.name] = e
        return function

    return add


class Database(dict):
    """{collection: list of documents} of a dump, to be edited."""

    def __init__(self, dump):
        super().__init__(
            {c: [bson.decode(d, OPTIONS) for d in docs] for c, (docs, _) in dump.items()}
        )
        self._meta = {c: meta for c, (_, meta) in dump.items()}

    def dump(self):
        return {c: ([bson.encode(d) for d in docs], self._meta[c]) for c, docs in self.items()}

    def dataset(self, name):
        return next(d for d in self["datasets"] if d.get("name") == name)

    def samples(self, name):
        return self[self.dataset(name)["sample_collection_name"]]

    def frames(self, name):
        return self["frames." + self.dataset(name)["sample_collection_name"]]

    def field(self, name, field, fields="sample_fields"):
        return next(f for f in self.dataset(name)[fields] if f["name"] == field)

    def keep(self, *names):
        """Drops the other datasets, and what belongs to them alone."""

        def collections(keep):
            out = set()
            for d in self["datasets"]:
                if (d["name"] in names) == keep:
                    s = d["sample_collection_name"]
                    out |= {s, "frames." + s, d.get("frame_collection_name")}
            return out

        for c in collections(False) - collections(True):
            self.pop(c, None)
        self["datasets"] = [d for d in self["datasets"] if d["name"] in names]
        ids = [d["_id"] for d in self["datasets"]]
        for c, key in (("runs", "_dataset_id"), ("views", "_dataset_id"), ("delegated_ops", "dataset_id")):
            if c in self:
                self[c] = [x for x in self[c] if x.get(key) in ids]
        runs = list(self.get("runs", []))
        for d in self["datasets"]:
            for field in ("annotation_runs", "brain_methods", "evaluations", "runs"):
                runs += [r for r in d.get(field, {}).values() if isinstance(r, dict)]
        files = {r.get("results") for r in runs}
        if "fs.files" in self:
            self["fs.files"] = [f for f in self["fs.files"] if f["_id"] in files]
            self["fs.chunks"] = [c for c in self["fs.chunks"] if c["files_id"] in files]


def insert_before(doc, key, new, value):
    """Puts ``new`` in front of ``key``."""
    items = list(doc.items())
    i = [k for k, _ in items].index(key)
    doc.clear()
    doc.update(items[:i] + [(new, value)] + items[i:])


def polyline(points):
    return {"_id": ObjectId("6b0000000000000000000001"), "_cls": "Polyline", "points": points, "closed": True}


# -- v0.6.2

ODD_POINTS = [
    None,
    [],
    [None],
    [[]],
    [[[]]],
    [[], []],
    [[0.1, 0.2], [0.3, 0.4]],
    [[[0.1, 0.2], [0.3, 0.4]]],
    [[[0.1, 0.2]], [[0.5, 0.6]]],
    [[], [[0.1, 0.2]]],
    [[[0.1, 0.2]], []],
    [None, [[0.1, 0.2]]],
    [0.1, 0.2],
    [[None, 0.2]],
    [["a"]],
    ["text"],
    [{"x": 1}],
    "text",
    Int64(5),
    {"x": [[0.1]]},
    True,
]


def odd_labels():
    """Fields with every kind of points, and with other things than points."""
    out = {"p%02d" % i: polyline(p) for i, p in enumerate(ODD_POINTS)}
    out["list"] = {"_cls": "Polylines", "polylines": [polyline(p) for p in ODD_POINTS], "x": 1}
    out["list_null"] = {"_cls": "Polylines", "polylines": None}
    out["list_absent"] = {"_cls": "Polylines"}
    out["list_empty"] = {"_cls": "Polylines", "polylines": []}
    out["list_mixed"] = {
        "_cls": "Polylines",
        "polylines": [None, "text", {"_cls": "Detection", "points": [[1.5]]}, {"points": [[1.5]]}],
    }
    out["no_points"] = {"_cls": "Polyline", "label": "x"}
    out["no_class"] = {"points": [[0.5, 0.5]]}
    out["below"] = {"deeper": polyline([[0.5, 0.5]])}
    out["array"] = [polyline([[0.5, 0.5]])]
    out["class_last"] = {"points": [[0.5, 0.5]], "label": "x", "_cls": "Polyline"}
    return out


@edge(
    "sources/handmade-0.6-A",
    "fiftyone migrate --all --version 0.6.2",
    rules="wrap once, frame map, type",
)
def wrap_odd_points(db):
    """v0.6.2 up on points of every kind, in samples and frames; a frame map
    whose frame is gone, and ``frames`` that are no map of ids."""
    images = db.samples("hand image A")
    images[0].update(odd_labels())
    video = db.samples("hand video A")
    db.frames("hand video A")[0].update(odd_labels())
    video[0]["more"] = polyline([[0.5, 0.5]])  # of a video's sample: stays
    video[1]["frames"]["7"] = ObjectId("6b00000000000000000000ff")  # no such frame
    for i, frames in enumerate((None, "text", {"1": "text"}, [], Int64(1))):
        video.append(dict(video[0], _id=ObjectId("6b000000000000000000001%d" % i), frames=frames))
    del video[-1]["frames"]


@edge(
    "sources/0.8.0-A",
    "fiftyone migrate --all --version 0.6.0",
    rules="intended down, type",
)
def unwrap_odd_points(db):
    """v0.6.2 down on points of every kind, in image samples, video samples and
    frames; frame numbers that sort otherwise as text; a frame of no sample."""
    db.keep("plain", "street-video")
    db.samples("plain")[0].update(odd_labels())
    video = db.samples("street-video")
    video[0]["more"] = polyline([[[0.5, 0.5]]])
    frames = db.frames("street-video")
    frames[0].update(odd_labels())
    mine = [f for f in frames if f["_sample_id"] == video[0]["_id"]]
    mine[1]["frame_number"], mine[2]["frame_number"] = 10, 9
    frames.append(dict(frames[0], _id=ObjectId("6b00000000000000000000fe"), _sample_id=None))


@edge("sources/handmade-0.6-A", "fiftyone migrate --all --version 0.6.5", rules="type")
def both_media_types(db):
    """v0.6.5 up renames onto a key that is there: the target keeps its place
    and takes the source's value (plain behaviour of the server)."""
    a, b = db.samples("hand image A")[:2]
    insert_before(a, "media_type", "_media_type", "old")
    b["_media_type"] = "old"


# -- v0.7.2 to v0.13.0


@edge(
    "sources/0.8.0-A",
    "fiftyone migrate --all --version 0.7.1",
    rules="one frames field, type",
)
def frames_field_is_there(db):
    """v0.7.2 down does not add a second ``frames`` field; a sample has
    ``frames`` already, a video has no frame 1."""
    db.keep("street-video")
    db.dataset("street-video")["sample_fields"].insert(
        2,
        {"name": "frames", "ftype": "fiftyone.core.fields.DictField", "subfield": None, "embedded_doc_type": None},
    )
    video = db.samples("street-video")
    insert_before(video[0], "tags", "frames", {"old": 1, "frame_count": "x"})
    insert_before(video[1], "tags", "frames", {"old": 1})
    frames = db.frames("street-video")
    frames[:] = [f for f in frames if f["_sample_id"] != video[1]["_id"] or f["frame_number"] != 1]


@edge("sources/0.8.0-A", "fiftyone migrate --all", rules="old shape only")
def old_and_new_evaluations(db):
    """v0.7.4 up: runs in the old shape, in the new one, and with keys missing."""
    db.keep("quickstart images")
    doc = db.dataset("quickstart images")
    doc["version"] = "0.7.3"
    del doc["brain_methods"]
    config = {"method": "simple", "cls": "fiftyone.utils.eval.classification.SimpleEvaluationConfig"}
    runs = doc["evaluations"]
    runs["old"] = {"eval_key": "old", "pred_field": "a", "gt_field": "b", "config": dict(config), "view_stages": []}
    runs["no_gt"] = {"eval_key": "no_gt", "config": dict(config), "pred_field": "a", "view_stages": []}
    runs["no_fields"] = {"config": dict(config), "eval_key": "no_fields", "view_stages": []}
    runs["stamped"] = {"timestamp": "x", "eval_key": "stamped", "config": dict(config, gt_field="old"), "gt_field": "b"}


@edge(
    "sources/0.8.0-A",
    "fiftyone migrate --all --version 0.7.3",
    rules="old shape only, type",
)
def evaluations_with_keys_missing(db):
    """v0.7.4 down, the same the other way round."""
    db.keep("quickstart images")
    runs = db.dataset("quickstart images")["evaluations"]
    config = {"method": "simple", "cls": "fiftyone.utils.eval.classification.SimpleEvaluationConfig"}
    runs["new"] = {"key": "new", "timestamp": None, "config": dict(config, gt_field="b", pred_field="a"), "view_stages": []}
    runs["no_time"] = {"config": dict(config, pred_field="a"), "key": "no_time"}
    runs["old"] = {"eval_key": "old", "pred_field": "a", "gt_field": "b", "config": dict(config)}


@edge("sources/0.11.2-A", "fiftyone migrate --all", rules="inline runs only")
def null_run_configuration(db):
    """v0.13.0 up with a brain run whose configuration is null; an existing
    metric is overwritten in its place, a model too."""
    db.keep("quickstart images")
    runs = db.dataset("quickstart images")["brain_methods"]
    runs["null"] = {"key": "null", "version": "0.11.2", "timestamp": None, "config": None, "view_stages": []}
    runs["bare"] = {"key": "bare", "version": "0.11.2", "timestamp": None, "view_stages": []}
    config = {"metric": "cosine", "cls": "fiftyone.brain.similarity.SimilarityConfig", "model": "m"}
    runs["sim2"] = {"key": "sim2", "version": "0.11.2", "timestamp": None, "config": config, "results": None}


# -- v0.16.0 to v0.19.0


@edge(
    "sources/0.16.2-A",
    "fiftyone migrate --all",
    rules="null is empty, null is absent",
)
def null_fields_up(db):
    """v0.18.0 up with ``fields: null``; v0.17.0 up with ``app_config: null``
    beside sidebar groups."""
    db.keep("plain", "street-video", "cls.eval_01")
    db.field("plain", "tags")["fields"] = None
    db.field("plain", "metadata")["fields"][0]["fields"] = None
    db.field("street-video", "frame_number", "frame_fields")["fields"] = None
    doc = db.dataset("cls.eval_01")
    doc["app_sidebar_groups"] = [{"name": "tags", "paths": []}, {"name": "label tags", "paths": []}]
    insert_before(doc, "sample_fields", "app_config", None)


@edge(
    "sources/1.22.1-A",
    "fiftyone migrate --all --version 0.17.0",
    rules="null is empty",
)
def null_fields_down(db):
    """v0.18.0 down with ``fields: null``, at the top and below."""
    db.keep("plain", "street-video")
    db.field("plain", "tags")["fields"] = None
    db.field("plain", "metadata")["fields"][0]["fields"] = None
    db.field("street-video", "frame_number", "frame_fields")["fields"] = None


@edge("sources/1.12.0-A-beta-schemas", "fiftyone migrate --all", rules="null is empty")
def null_fields_with_schemas(db):
    """v1.13.0 up with ``fields: null`` beside schemas: on a field of its own,
    and on one that has a schema."""
    db.keep("quickstart images", "plain")
    db.field("quickstart images", "filepath")["fields"] = None
    db.field("quickstart images", "word")["fields"] = None
    db.field("quickstart images", "word")["schema"] = {"type": "x"}
    db.field("plain", "tags")["fields"] = None


@edge("sources/0.16.2-A", "fiftyone migrate --all --version 0.16.0")
def between_two_schema_revisions(db):
    """v0.16.1 down is nothing: the nested schemas stay, the version is set."""
    db.keep("plain", "street-video")


@edge(
    "sources/0.16.2-A",
    "fiftyone migrate --all --version 0.16.0",
    rules="schemas once",
)
def schemas_are_there(db):
    """v0.16.0 up on a dataset of 0.15.1 that has some of what it makes: fields
    that have ``fields`` (null and empty too), one dataset with sidebar groups,
    one with ``app_config``, one with neither."""
    db.keep("plain", "street-video", "cls.eval_01")
    for name in ("plain", "street-video", "cls.eval_01"):
        doc = db.dataset(name)
        doc["version"] = "0.15.1"
        doc.pop("app_sidebar_groups", None)
        for f in doc["sample_fields"][2:] + doc["frame_fields"][1:]:
            f.pop("fields", None)
    db.field("plain", "id")["fields"] = None
    insert_before(db.dataset("plain"), "sample_fields", "app_sidebar_groups", [{"name": "x", "paths": []}])
    db.dataset("street-video")["app_config"] = {"plugins": {}}


@edge("sources/0.18.0-A", "fiftyone migrate --all", rules="rename")
def name_is_null(db):
    """v0.19.0 up gives a dataset with the name null the time as its name; the
    revisions after it and the version belong to the same document."""
    db.keep("plain", "cls.eval_01")
    db.dataset("plain")["name"] = None


@edge("sources/0.18.0-slugs-A", "fiftyone migrate --all", rules="rename")
def unnameable_datasets(db):
    """v0.19.0 up: three names in one run that give no slug; each gets a name of
    its own from the time."""
    names = {"My Data": "!?", "my-data": "…", "東京": "京都"}
    db.keep(*names)
    for old, new in names.items():
        db.dataset(old)["name"] = new


@edge("sources/0.18.0-slugs-A", "fiftyone migrate --all", rules="rename")
def long_names_clash(db):
    """v0.19.0 up: the new name keeps the last 100 characters."""
    names = {"My Data": "a" * 100, "my-data": "A" * 100}
    db.keep(*names)
    for old, new in names.items():
        db.dataset(old)["name"] = new


# -- v0.20.0 and later


@edge("sources/0.18.0-A", "fiftyone migrate --all", rules="clips")
def clips_sort_last(db):
    """v0.20.0 and v1.0.0: the clips dataset is migrated after its source; the
    original stamps the frames with the clips dataset's id."""
    clips = next(d for d in db["datasets"] if d["sample_collection_name"].startswith("clips."))
    db.keep("street-video", clips["name"])
    clips["name"] = "zz clips"


@edge("sources/0.18.0-A", "fiftyone migrate -n clips", rules="clips")
def clips_alone(db):
    """The same dataset alone: no frame is touched."""
    clips = next(d for d in db["datasets"] if d["sample_collection_name"].startswith("clips."))
    db.keep("street-video", clips["name"])
    clips["name"] = "clips"


@edge("sources/0.19.1-A", "fiftyone migrate --all", rules="dangling runs")
def results_of_every_kind(db):
    """v0.20.0 up: the text of the results is written anew (numbers, extended
    JSON, text that is not ASCII); results whose file is gone, or is no JSON, or
    is null; a run id that is no id; a similarity configuration of another class."""
    db.keep("quickstart images")
    doc = db.dataset("quickstart images")
    run = next(r for r in db["runs"] if r["_id"] == doc["brain_methods"]["img_sim"])
    text = (
        '{"cls":"fiftyone.brain.similarity.SimilarityResults", "a":[1,1.0,-0.0,1e-7,1E22,0.1,123456789012345678],'
        '"nan":NaN,"inf":-Infinity,"é":"東京 \\ud83d\\ude00 \\"q\\" \\n / \\/", "t":true,"n":null, "e":{}, "l":[],'
        '"oid":{"$oid":"6b0000000000000000000001"},"long":{"$numberLong":"5"},"dbl":{"$numberDouble":"NaN"},'
        '"date":{"$date":"2020-01-02T03:04:05.678Z"},"bin":{"$binary":{"base64":"AAEC","subType":"00"}}, "z":"last"}'
    ).encode()
    chunk = next(c for c in db["fs.chunks"] if c["files_id"] == run["results"])
    chunk["data"] = text
    next(f for f in db["fs.files"] if f["_id"] == run["results"])["length"] = Int64(len(text))

    def more(key, n, **changes):
        r = {**run, "_id": ObjectId("6b00000000000000000000a%d" % n), "key": key, **changes}
        db["runs"].append(r)
        doc["brain_methods"][key] = r["_id"]

    more("gone", 1, results=ObjectId("6b00000000000000000000b1"))
    more("null", 2, results=None)
    more("other", 3, config=dict(run["config"], cls="fiftyone.brain.internal.core.X"))
    more("none", 4, config=None)
    file = next(f for f in db["fs.files"] if f["_id"] == run["results"])
    db["fs.files"].append(dict(file, _id=ObjectId("6b00000000000000000000b5"), length=Int64(8)))
    db["fs.chunks"].append(
        dict(chunk, _id=ObjectId("6b00000000000000000000b6"), files_id=ObjectId("6b00000000000000000000b5"), data=b"not JSON")
    )
    more("text", 5, results=ObjectId("6b00000000000000000000b5"))
    doc["brain_methods"]["dangling"] = ObjectId("6b00000000000000000000c1")
    doc["brain_methods"]["no_id"] = "text"


@edge("sources/0.23.8-A", "fiftyone migrate --all", rules="colour scheme id")
def colour_scheme_has_an_id(db):
    """v0.23.0 up again on a colour scheme that has an ``_id``, and null values."""
    db.keep("quickstart images")
    doc = db.dataset("quickstart images")
    doc["version"] = "0.22.3"
    scheme = doc["app_config"]["color_scheme"]
    scheme["opacity"] = None
    del scheme["label_tags"]
    scheme["fields"] = [None, {"path": "x"}, {"path": "y", "maskTargetsColors": None}]


@edge("sources/1.0.2-A", "fiftyone migrate --all")
def both_links(db):
    """v1.4.0 up: both keys, other types, and what the real filter takes for a
    name that ends in ".log" (a final line feed, an element of an array)."""
    db.keep("plain")
    run_links(db, "run_link", "log_path")


@edge("sources/1.22.1-A", "fiftyone migrate --all --version 1.3.0")
def both_links_down(db):
    """v1.4.0 down, likewise."""
    db.keep("plain")
    run_links(db, "log_path", "run_link")


def run_links(db, source, target):
    _id = db.dataset("plain")["_id"]
    values = ["/a.log", "/a.LOG", "/a.log\n", "/a.log\n\n", "/a.logs", ".log", "x\n.log", None, 5, ["/a.log"], ["/a"], {"a": ".log"}, ""]
    for i, v in enumerate(values):
        db["delegated_ops"].append(
            {"_id": ObjectId("6b0000000000000000000d%02d" % i), "dataset_id": _id, "n": i, source: v, "last": 1}
        )
    both = {"dataset_id": _id, target: "old", source: "/new.log", "last": 1}
    db["delegated_ops"].append({"_id": ObjectId("6b0000000000000000000e00"), **both})
    both = {"dataset_id": _id, source: "/new.log", "x": 1, target: "old"}
    db["delegated_ops"].append({"_id": ObjectId("6b0000000000000000000e01"), **both})
    # of no dataset, and of another one
    for i, other in enumerate((None, ObjectId("6b0000000000000000000f00"))):
        db["delegated_ops"].append(
            {"_id": ObjectId("6b0000000000000000000e1%d" % i), "dataset_id": other, source: "/new.log"}
        )


# -- the database


@edge("sources/0.14.0-A-orphans", "fiftyone migrate --all", rules="orphans, clips")
def frames_named_by_clips_only(db):
    """admin v0.15.0 up: the source of a clips dataset is gone; its frames stay,
    its samples are an orphan."""
    clips = next(d for d in db["datasets"] if d["sample_collection_name"].startswith("clips."))
    db.keep("street-video", clips["name"])
    doc = db.dataset("street-video")
    db["datasets"].remove(doc)


@edge("sources/1.4.1-A", "fiftyone migrate --all")
def other_keys_in_config(db):
    """A save of ``config`` writes ``version`` and ``type`` and drops the rest."""
    db.keep("plain")
    _id = db["config"][0]["_id"]
    db["config"] = [{"_id": _id, "extra": 1, "type": "fiftyone", "version": "1.4.1", "more": {"a": 1}}]


@edge("sources/1.4.1-A", "fiftyone migrate --all")
def config_of_nulls(db):
    """No version and no type: this client's version and type."""
    db.keep("plain")
    db["config"] = [{"_id": db["config"][0]["_id"], "version": None}]


@edge("sources/1.4.1-A", "fiftyone migrate --all --version v1.1.0")
def version_as_typed(db):
    """The destination is stored as it was typed."""
    db.keep("plain", "street-video")


@edge("sources/1.22.1-A", "fiftyone migrate --all --version 1.22")
def version_without_its_patch(db):
    """No revision between: only the version is written, as typed."""
    db.keep("plain")


@edge("sources/1.22.1-A", "fiftyone migrate --all -n plain --version 1.3.0rc1")
def all_wins_over_names(db):
    """With --all the names are not looked at; of a version only the release counts."""
    db.keep("plain", "street-video")
