#!/usr/bin/env python3
"""Writes the databases of the benchmarks, the same bytes on every machine.

    make_data.py [options] URI DATABASE KIND COUNT

KIND is one of

  datasets-1.22.1   COUNT dataset documents as client 1.22.1 writes them
  datasets-0.19.0   the same as client 0.19 writes them
  images-0.6.1      one dataset of COUNT images with three polylines each
  videos-0.6.1      one dataset of COUNT videos with --frames frames each
  samples-0.25.2    one dataset of COUNT samples of about 1 KB

The database is dropped first. The dataset documents are real ones, taken from
the sources of the test corpus and given new ids and names. Number i of a kind
is the same document whatever COUNT is, so that the result for a small database
is what a large one must begin with.

Needs pymongo. The corpus is tests/corpus/databases, or $FM_CORPUS/databases.
"""
import argparse
import os
import random
import struct
import sys
from urllib.parse import unquote

HERE = os.path.dirname(os.path.abspath(__file__))

# Seconds since 1970 of the first generated id: below every time a run can have,
# so that a comparison can tell generated values from old ones.
EPOCH = 1_600_000_000


def corpus():
    root = os.environ.get("FM_CORPUS") or os.path.join(HERE, "..", "tests", "corpus")
    if not os.path.isdir(os.path.join(root, "databases", "sources")):
        raise SystemExit("no corpus at %s (set FM_CORPUS)" % os.path.normpath(root))
    return root


def tools():
    """The corpus' own tools (a BSON splitter, the comparison) as modules."""
    path = os.path.join(corpus(), "tools")
    if path not in sys.path:
        sys.path.insert(0, path)
    import bsonlite

    return bsonlite


try:
    import bson
    import pymongo
    from bson import json_util
    from bson.raw_bson import RawBSONDocument
    from bson.son import SON
except ImportError:  # bench/run imports this module only where pymongo is
    if __name__ == "__main__":
        raise SystemExit("pymongo is needed")
    raise


class Source:
    """One database of the corpus: raw documents and indexes by collection."""

    def __init__(self, name):
        lite = tools()
        folder = lite.find_folder(os.path.join(corpus(), "databases", "sources", name))
        self.raw = {}
        self.indexes = {}
        for fname, (bson_path, meta_path) in lite.dump_collections(folder).items():
            coll = unquote(fname)
            data = lite.read_file(bson_path) if bson_path else b""
            self.raw[coll] = list(lite.split(data))
            meta = {}
            if meta_path:
                meta = json_util.loads(
                    lite.read_file(meta_path).decode(),
                    json_options=json_util.CANONICAL_JSON_OPTIONS.with_options(
                        document_class=SON
                    ),
                )
            self.indexes[coll] = [
                ix for ix in meta.get("indexes", []) if ix.get("name") != "_id_"
            ]

    def dataset(self, name):
        for raw in self.raw["datasets"]:
            doc = bson.decode(raw, bson.CodecOptions(document_class=SON))
            if doc.get("name") == name:
                return doc
        raise SystemExit("the corpus has no dataset %r" % name)


def oid(tag, second, counter):
    """A generated ObjectId; ids of one tag sort by (second, counter)."""
    return struct.pack(">I", EPOCH + second) + tag + counter.to_bytes(3, "big")


class Writer:
    """Inserts raw documents in batches."""

    def __init__(self, coll, documents=2000, size=16 << 20):
        self.coll, self.documents, self.size = coll, documents, size
        self.batch, self.bytes = [], 0

    def add(self, raw):
        self.batch.append(RawBSONDocument(raw))
        self.bytes += len(raw)
        if len(self.batch) >= self.documents or self.bytes >= self.size:
            self.flush()

    def flush(self):
        if self.batch:
            # ordered: the natural order then is the order of numbers
            self.coll.insert_many(self.batch, ordered=True)
        self.batch, self.bytes = [], 0


def create(db, coll, indexes):
    db.create_collection(coll)
    if indexes:
        db.command(SON([("createIndexes", coll), ("indexes", indexes)]))


# -- many datasets -----------------------------------------------------------

PLACEHOLDER = "dataset-@@@@@@@"
NAME = "dataset-%07d"


class Template:
    """A dataset document of the corpus and the documents that belong to it.

    All of it is kept as bytes in which ids, the name and the names of
    collections are replaced by others of the same length: a hundred thousand
    documents then take seconds.
    """

    # collections that hold documents of a dataset, and the key that says whose
    OWNED = (
        ("runs", "_dataset_id"),
        ("views", "_dataset_id"),
        ("workspaces", "_dataset_id"),
        ("delegated_ops", "dataset_id"),
    )

    def __init__(self, source, name, version, with_runs):
        doc = source.dataset(name)
        old = doc["_id"]
        doc["name"] = doc["slug"] = PLACEHOLDER
        doc["version"] = version
        self.owned = []
        if with_runs:
            files = set()
            for coll, key in self.OWNED:
                for raw in source.raw.get(coll, []):
                    d = bson.decode(raw)
                    if d.get(key) == old:
                        self.owned.append((coll, raw))
                        if d.get("results") is not None:
                            files.add(d["results"])
            for coll, key in (("fs.files", "_id"), ("fs.chunks", "files_id")):
                for raw in source.raw.get(coll, []):
                    if bson.decode(raw).get(key) in files:
                        self.owned.append((coll, raw))
        else:
            for key in ("annotation_runs", "brain_methods", "evaluations", "runs"):
                if key in doc:
                    doc[key] = SON()
            for key in ("saved_views", "workspaces"):
                if key in doc:
                    doc[key] = []
        self.raw = bson.encode(doc)
        self.hex = str(old).encode()
        self.ids = [old.binary]
        for _, raw in self.owned:
            self.ids.append(bson.decode(raw)["_id"].binary)
        if len(set(self.ids)) != len(self.ids):
            raise SystemExit("%s: ids are used twice" % name)
        if self.raw.count(PLACEHOLDER.encode()) != 2:
            raise SystemExit("%s: the name is not stored twice" % name)
        self.collection = doc["sample_collection_name"].replace(str(old), "%s")
        self.video = doc.get("media_type") == "video"

    def make(self, number):
        """Yields (collection, raw document) of dataset number `number`."""
        new = [oid(b"bench", number, i) for i in range(len(self.ids))]
        hexed = new[0].hex().encode()
        name = (NAME % number).encode()

        def convert(raw):
            for a, b in zip(self.ids, new):
                raw = raw.replace(a, b)
            return raw.replace(self.hex, hexed)

        yield "datasets", convert(self.raw).replace(PLACEHOLDER.encode(), name)
        for coll, raw in self.owned:
            yield coll, convert(raw)


def templates(source, version):
    """The mixture, by number modulo 100: 85 images, 10 videos, 5 with runs."""
    plain = Template(source, "plain", version, False)
    labels = Template(source, "cls.eval_01", version, False)
    video = Template(source, "street-video empty", version, False)
    evaluated = Template(source, "cls.eval_01", version, True)
    full = Template(source, "quickstart images", version, True)
    out = []
    for i in range(100):
        if i in (7, 57):
            out.append(full)  # saved views, workspaces, all kinds of runs
        elif i in (23, 43, 83):
            out.append(evaluated)  # one evaluation with its results
        elif i % 10 == 1:
            out.append(video)
        elif i % 3 == 2:
            out.append(labels)
        else:
            out.append(plain)
    return out


def datasets(db, shape, count, samples_per_dataset=0):
    name, version = {
        "1.22.1": ("1.22.1-A", "1.22.1"),
        "0.19.0": ("0.19.1-A", "0.19.0"),
    }[shape]
    source = Source(name)
    mixture = templates(source, version)

    colls = ["config", "datasets", "runs", "views", "fs.files", "fs.chunks"]
    colls += [c for c in ("workspaces", "delegated_ops") if c in source.raw]
    for coll in colls:
        create(db, coll, source.indexes.get(coll, []))
    config = bson.decode(source.raw["config"][0], bson.CodecOptions(document_class=SON))
    config["version"] = version
    db.config.insert_one(config)

    writers = {c: Writer(db[c]) for c in colls}
    for i in range(count):
        for coll, raw in mixture[i % 100].make(i):
            writers[coll].add(raw)
    for w in writers.values():
        w.flush()

    if samples_per_dataset:
        sample = source.raw[source.dataset("plain")["sample_collection_name"]][0]
        shape_ = bson.decode(sample, bson.CodecOptions(document_class=SON))
        keyed = source.indexes[source.dataset("plain")["sample_collection_name"]]
        for i in range(count):
            t = mixture[i % 100]
            if t.video:
                continue  # image samples do not belong there
            coll = t.collection % oid(b"bench", i, 0).hex()
            create(db, coll, keyed)
            batch = []
            for j in range(samples_per_dataset):
                d = SON(shape_)
                d["_id"] = bson.ObjectId(oid(b"sampl", i, j))
                d["filepath"] = "/data/%07d/%05d.png" % (i, j)
                if "_dataset_id" in d:
                    d["_dataset_id"] = bson.ObjectId(oid(b"bench", i, 0))
                batch.append(d)
            db[coll].insert_many(batch)


# -- labels before 0.6.2 -----------------------------------------------------


def polyline(rng, i, label):
    return SON(
        [
            ("_id", i),
            ("_cls", "Polyline"),
            ("label", label),
            ("points", [[rng.random(), rng.random()] for _ in range(4)]),
            ("closed", rng.random() < 0.5),
            ("filled", False),
        ]
    )


def no_version(source, name):
    doc = source.dataset(name)
    for key in ("version", "slug"):
        doc.pop(key, None)
    return doc


def images_061(db, count, seed):
    source = Source("handmade-0.6-A")
    doc = no_version(source, "hand image A")
    doc["sample_fields"] = [f for f in doc["sample_fields"] if f["name"] != "road"]
    create(db, "datasets", source.indexes["datasets"])
    db.datasets.insert_one(doc)
    coll = doc["sample_collection_name"]
    create(db, coll, [])
    w = Writer(db[coll])
    rng = random.Random(seed)
    for i in range(count):
        lines = [
            polyline(rng, bson.ObjectId(oid(b"label", i, j)), "lane %d" % j)
            for j in range(3)
        ]
        w.add(
            bson.encode(
                SON(
                    [
                        ("_id", bson.ObjectId(oid(b"sampl", i, 0))),
                        ("filepath", "/data/images/%07d.jpg" % i),
                        ("tags", []),
                        ("metadata", None),
                        ("media_type", "image"),
                        ("roads", SON([("_cls", "Polylines"), ("polylines", lines)])),
                    ]
                )
            )
        )
    w.flush()


def videos_061(db, count, frames, seed):
    source = Source("handmade-0.6-A")
    doc = no_version(source, "hand video A")
    create(db, "datasets", source.indexes["datasets"])
    db.datasets.insert_one(doc)
    coll = doc["sample_collection_name"]
    create(db, coll, [])
    create(db, "frames." + coll, [])
    samples, fw = Writer(db[coll]), Writer(db["frames." + coll])
    rng = random.Random(seed)
    for i in range(count):
        numbers = SON()
        for n in range(1, frames + 1):
            ident = bson.ObjectId(oid(b"frame", i, n))
            numbers[str(n)] = ident
            line = polyline(rng, bson.ObjectId(oid(b"label", i, 2 * n)), "lane")
            box = SON(
                [
                    ("_id", bson.ObjectId(oid(b"label", i, 2 * n + 1))),
                    ("_cls", "Detection"),
                    ("label", "car"),
                    ("bounding_box", [rng.random() for _ in range(4)]),
                    ("attributes", SON()),
                ]
            )
            fw.add(
                bson.encode(
                    SON(
                        [
                            ("_id", ident),
                            ("frame_number", n),
                            ("lane", SON([("_cls", "Polylines"), ("polylines", [line])])),
                            ("dets", SON([("_cls", "Detections"), ("detections", [box])])),
                        ]
                    )
                )
            )
        samples.add(
            bson.encode(
                SON(
                    [
                        ("_id", bson.ObjectId(oid(b"sampl", i, 0))),
                        ("filepath", "/data/videos/%05d.mp4" % i),
                        ("tags", ["t"]),
                        ("metadata", None),
                        ("media_type", "video"),
                        ("frames", numbers),
                        ("weather", None),
                    ]
                )
            )
        )
    samples.flush()
    fw.flush()


# -- a million samples -------------------------------------------------------

LABELS = ("cat", "dog", "car", "bus", "person")
DETECTIONS = 4


def sample_bytes(rng, dataset_id):
    """A sample's bytes and where its own values stand in them."""
    detections = [
        SON(
            [
                ("_id", bson.ObjectId(oid(b"@@@@@", 0, j))),
                ("_cls", "Detection"),
                ("attributes", SON()),
                ("tags", []),
                ("label", rng.choice(LABELS)),
                ("bounding_box", [rng.random() for _ in range(4)]),
                ("confidence", rng.random()),
            ]
        )
        for j in range(DETECTIONS)
    ]
    metadata = SON(
        [
            ("_cls", "ImageMetadata"),
            ("size_bytes", rng.randrange(10_000, 1_000_000)),
            ("mime_type", "image/jpeg"),
            ("width", 1920),
            ("height", 1080),
            ("num_channels", 3),
        ]
    )
    raw = bson.encode(
        SON(
            [
                ("_id", bson.ObjectId(oid(b"@@@@@", 1, 0))),
                ("filepath", "/data/images/@@@@@@@@.jpg"),
                ("tags", [rng.choice(("train", "validation"))]),
                ("metadata", metadata),
                ("_media_type", "image"),
                ("_rand", rng.random()),
                ("ground_truth", SON([("_cls", "Detections"), ("detections", detections)])),
                ("_dataset_id", dataset_id),
            ]
        )
    )
    spots = [raw.index(oid(b"@@@@@", 1, 0)), raw.index(b"@@@@@@@@.jpg")]
    spots += [raw.index(oid(b"@@@@@", 0, j)) for j in range(DETECTIONS)]
    return raw, spots


def samples_0252(db, count, seed):
    source = Source("0.25.2-created-at-A")
    doc = source.dataset("zz-after")
    # the field x of the corpus becomes the labels that make up the 1 KB
    for field in doc["sample_fields"]:
        if field["name"] == "x":
            field.update(
                name="ground_truth",
                db_field="ground_truth",
                ftype="fiftyone.core.fields.EmbeddedDocumentField",
                embedded_doc_type="fiftyone.core.labels.Detections",
            )
    for coll in ("config", "datasets"):
        create(db, coll, source.indexes.get(coll, []))
    db.config.insert_one(bson.decode(source.raw["config"][0]))
    db.datasets.insert_one(doc)
    coll = doc["sample_collection_name"]
    create(db, coll, source.indexes.get(coll, []))

    # A thousand different bodies; ids, paths and positions are each sample's own.
    rng = random.Random(seed)
    pool = [sample_bytes(rng, doc["_id"]) for _ in range(1000)]
    w = Writer(db[coll], documents=10_000)
    for i in range(count):
        raw, spots = pool[i % 1000]
        b = bytearray(raw)
        # ten samples a second, as a script that adds them would
        b[spots[0] : spots[0] + 12] = oid(b"sampl", i // 10, i % 10)
        b[spots[1] : spots[1] + 8] = b"%08d" % i
        for j in range(DETECTIONS):
            b[spots[2 + j] : spots[2 + j] + 12] = oid(
                b"label", i // 10, (i % 10) * DETECTIONS + j
            )
        w.add(bytes(b))
    w.flush()


KINDS = (
    "datasets-1.22.1",
    "datasets-0.19.0",
    "images-0.6.1",
    "videos-0.6.1",
    "samples-0.25.2",
)


def generate(uri, database, kind, count, seed=1, frames=1000, samples_per_dataset=0):
    client = pymongo.MongoClient(uri)
    client.drop_database(database)
    db = client[database]
    if kind.startswith("datasets-"):
        datasets(db, kind.split("-", 1)[1], count, samples_per_dataset)
    elif kind == "images-0.6.1":
        images_061(db, count, seed)
    elif kind == "videos-0.6.1":
        videos_061(db, count, frames, seed)
    elif kind == "samples-0.25.2":
        samples_0252(db, count, seed)
    else:
        raise SystemExit("unknown kind %r" % kind)
    client.close()


def last_dataset_id(count):
    """The greatest _id among the first `count` datasets of datasets-*."""
    return bson.ObjectId(oid(b"bench", count - 1, 0))


if __name__ == "__main__":
    ap = argparse.ArgumentParser(usage=__doc__)
    ap.add_argument("uri")
    ap.add_argument("database")
    ap.add_argument("kind", choices=KINDS)
    ap.add_argument("count", type=int)
    ap.add_argument("--seed", type=int, default=1)
    ap.add_argument("--frames", type=int, default=1000)
    ap.add_argument("--samples-per-dataset", type=int, default=0)
    a = ap.parse_args()
    generate(
        a.uri, a.database, a.kind, a.count, a.seed, a.frames, a.samples_per_dataset
    )
