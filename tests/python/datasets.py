"""The package of the build tree, and datasets made by hand.

Environment: as for tests/cli; FM_PYTHON_DIR, else build/python, holds the package.
"""
import datetime
import itertools
import os
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
PACKAGE = os.environ.get("FM_PYTHON_DIR") or os.path.join(ROOT, "build", "python")
FACADE = os.path.join(ROOT, "python", "facade")
sys.path[:0] = [PACKAGE, os.path.join(ROOT, "tests", "corpus")]
os.environ.setdefault("FM_BIN_DIR", os.path.join(ROOT, "build", "bin"))
os.environ["FIFTYONE_DATABASE_VALIDATION"] = "false"
for name in "FIFTYONE_DATABASE_URI", "FIFTYONE_DATABASE_NAME", "FIFTYONE_DATABASE_ADMIN":
    os.environ.pop(name, None)

import harness  # noqa: E402
from bson import ObjectId  # noqa: E402

import fiftyone_migrator as fm  # noqa: E402

NAMES = itertools.count()
FIELDS = "fiftyone.core.fields."
NOW = datetime.datetime(2026, 1, 2, 3, 4, 5)


def field(name, ftype, subfield=None, document=None, fields=(), read_only=False, db_field=None):
    return {
        "name": name,
        "ftype": FIELDS + ftype,
        "embedded_doc_type": document,
        "subfield": subfield and FIELDS + subfield,
        "fields": list(fields),
        "db_field": db_field or ("_id" if name == "id" else name),
        "description": None,
        "info": None,
        "read_only": read_only,
        "created_at": NOW,
    }


def label_list(name, inner, document):
    items = field(
        inner, "ListField", "EmbeddedDocumentField", "fiftyone.core.labels." + document[:-1],
        [field("id", "ObjectIdField"), field("label", "StringField"), field("mask_path", "StringField")],
    )
    return field(name, "EmbeddedDocumentField", None, "fiftyone.core.labels." + document, [items])


BASE = [
    field("id", "ObjectIdField"),
    field("filepath", "StringField"),
    field("tags", "ListField", "StringField"),
    field("created_at", "DateTimeField", read_only=True),
    field("last_modified_at", "DateTimeField", read_only=True),
]
MORE = [
    field("i", "IntField"),
    field("f", "FloatField"),
    field("day", "DateField"),
    field("any", "DictField"),
    field("seg", "EmbeddedDocumentField", None, "fiftyone.core.labels.Segmentation",
          [field("id", "ObjectIdField"), field("mask_path", "StringField")]),
    label_list("gt", "detections", "Detections"),
]


class Place:
    """A database of a test's own."""

    def __init__(self, server, name):
        self.server, self.name, self.raw = server, name, server.client[name]
        self.db = fm.Database(server.uri, name)

    def with_settings(self, **settings):
        return fm.Database(self.server.uri, self.name, **settings)

    def restore(self, source):
        dump = harness.read_dump(os.path.join(harness.DATABASES, "sources", source))
        harness.restore(self.server.client, dump, self.name)
        return self

    def add(self, name, samples, fields=MORE, frames=None, **keys):
        """A dataset at the newest version; gives it loaded."""
        id = ObjectId()
        doc = {
            "_id": id, "name": name, "slug": name, "version": fm.DATA_MODEL, "media_type": "image",
            "sample_collection_name": "samples.%s" % id, "persistent": False, "info": {},
            "sample_fields": BASE + list(fields), "frame_fields": [], "app_config": {},
            "created_at": NOW, "last_modified_at": NOW, **keys,
        }
        self.raw.datasets.insert_one(doc)
        stamp = {"_dataset_id": id, "created_at": NOW, "last_modified_at": NOW}
        if samples:
            self.raw[doc["sample_collection_name"]].insert_many([{**s, **stamp} for s in samples])
        if frames:
            self.raw[doc["frame_collection_name"]].insert_many([{**f, **stamp} for f in frames])
        return self.db.load_dataset(name)

    def samples(self, dataset):
        return list(self.raw[self.raw.datasets.find_one({"name": dataset.name})["sample_collection_name"]].find())

    def run(self, code, check=True, env=None, interpreter=sys.executable, **popen):
        """A Python process of its own; its stdout, or with ``check=False`` the process."""
        environment = {
            **os.environ,
            "PYTHONPATH": PACKAGE,
            "FIFTYONE_DATABASE_URI": self.server.uri,
            "FIFTYONE_DATABASE_NAME": self.name,
            **(env or {}),
        }
        p = subprocess.run([interpreter, "-c", code], env=environment, capture_output=True, text=True, timeout=120, **popen)
        assert not check or p.returncode == 0, p.stderr
        return p.stdout if check else p


def three_samples():
    """A label list of two and of none and none at all; a mask in the first."""
    label = lambda text, **more: {"_id": ObjectId(), "_cls": "Detection", "label": text, **more}
    return [
        {"_id": ObjectId(), "filepath": "/d/0.png", "tags": ["a"], "i": 1, "day": datetime.datetime(2020, 1, 2),
         "seg": {"_id": ObjectId(), "_cls": "Segmentation", "mask_path": "/m/0.png"},
         "gt": {"_cls": "Detections", "detections": [label("cat", mask_path="/m/a.png"), label("dog")]}},
        {"_id": ObjectId(), "filepath": "/d/1.png", "tags": [], "f": 2.5, "gt": {"_cls": "Detections", "detections": []}},
        {"_id": ObjectId(), "filepath": "/d/2.png", "tags": ["b", "c"], "any": {"k": [1, {"z": None}]}},
    ]
