"""What an import made of an archive, in the form of `expected/`, and how to compare it."""
import copy
import gzip
import json
import os
import re

from bson import json_util
from bson.codec_options import CodecOptions
from bson.json_util import CANONICAL_JSON_OPTIONS
from bson.son import SON

ARCHIVES = os.path.dirname(os.path.abspath(__file__))
RUN_FIELDS = ("annotation_runs", "brain_methods", "evaluations", "runs")


def documents(collection):
    """In natural order, with the order of keys."""
    ordered = collection.with_options(codec_options=CodecOptions(document_class=SON))
    return list(ordered.find().hint([("$natural", 1)]))


def results_of(db, run):
    if run.get("results") is None:
        return None
    chunks = db["fs.chunks"].find({"files_id": run["results"]}).sort("n", 1)
    return json.loads(b"".join(c["data"] for c in chunks).decode())


def indexes_of(db, name):
    return [[list(map(list, ix["key"].items())), bool(ix.get("unique"))] for ix in db[name].list_indexes()]


def dump(db, name):
    """What `expected/` has, of the dataset with that name."""
    ordered = db.datasets.with_options(codec_options=CodecOptions(document_class=SON))
    dataset = ordered.find_one({"name": name})
    out = {"dataset": dataset, "samples": documents(db[dataset["sample_collection_name"]])}
    frames = dataset.get("frame_collection_name")
    out["frames"] = documents(db[frames]) if frames else None
    for field in RUN_FIELDS:
        out[field] = {}
        for key, oid in (dataset.get(field) or {}).items():
            run = db.runs.with_options(codec_options=CodecOptions(document_class=SON)).find_one({"_id": oid})
            out[field][key] = {"doc": run, "results": results_of(db, run)}
    views = db.views.with_options(codec_options=CodecOptions(document_class=SON))
    out["saved_views"] = [views.find_one({"_id": i}) for i in dataset.get("saved_views", [])]
    spaces = db.workspaces.with_options(codec_options=CodecOptions(document_class=SON))
    out["workspaces"] = [spaces.find_one({"_id": i}) for i in dataset.get("workspaces", [])]
    out["tags"] = [d for d in documents(db.tags) if d["_dataset_id"] == dataset["_id"]]
    out["sample_indexes"] = indexes_of(db, dataset["sample_collection_name"])
    out["frame_indexes"] = indexes_of(db, frames) if frames else None
    return out


def with_placeholders(found, now):
    """As `expected/` writes them."""
    text = json_util.dumps(found, json_options=CANONICAL_JSON_OPTIONS)
    replace = {}
    dataset = found["dataset"]
    replace[str(dataset["_id"])] = "<dataset_id>"
    for field in RUN_FIELDS:
        for key, run in found[field].items():
            replace[str(run["doc"]["_id"])] = "<run:%s:%s>" % (field, key)
            if run["doc"].get("results"):
                replace[str(run["doc"]["results"])] = "<results:%s:%s>" % (field, key)
    for view in found["saved_views"]:
        replace[str(view["_id"])] = "<view:%s>" % view["name"]
    for space in found["workspaces"]:
        replace[str(space["_id"])] = "<workspace:%s>" % space["name"]
    for n, tag in enumerate(found["tags"]):
        replace[str(tag["_id"])] = "<tag:%d>" % n
    for oid, name in replace.items():
        text = text.replace('{"$oid": "%s"}' % oid, json.dumps(name)).replace(oid, name)
    for date in {d for d in re.findall(r'"\$numberLong": "(\d+)"', text) if now[0] <= int(d) <= now[1]}:
        text = text.replace('{"$date": {"$numberLong": "%s"}}' % date, '"<now>"')
    return json.loads(text)


def canonical(value):
    """NaN is equal to NaN."""
    return json_util.dumps(value, json_options=CANONICAL_JSON_OPTIONS)


def by_name(fields):
    """In an order of their own. Attributes that labels of today have and the archive's do not are declared by
    the original when it opens the dataset: they have no date."""
    fields = [f for f in fields or [] if f.get("created_at", "") is not None or f["name"] != "mask_path"]
    return sorted(({**f, "fields": by_name(f.get("fields") or [])} for f in fields), key=lambda f: f["name"])


OPTIONAL = ("saved_views", "workspaces", *RUN_FIELDS)


def comparable(dump):
    out = copy.deepcopy(dump)
    out.pop("error", None)
    dataset = out["dataset"]
    for key in ("sample_fields", "frame_fields"):
        if key in dataset:
            dataset[key] = by_name(dataset[key])
    for key in OPTIONAL:
        if not dataset.get(key):
            dataset.pop(key, None)
    for key in [k for k, v in dataset.items() if v is None]:
        del dataset[key]
    for key in ("sample_indexes", "frame_indexes"):
        out[key] = sorted(out[key]) if out[key] else None
    # The original reads results into a class of today and writes that; we carry the text.
    for field in RUN_FIELDS:
        for run in out[field].values():
            if run["results"]:
                for key in ("custom_metrics", "eval_key", "gt_field", "pred_field"):
                    run["results"].pop(key, None)
    return out


def expected(name):
    with gzip.open(os.path.join(ARCHIVES, "expected", name + ".json.gz")) as f:
        return json.load(f)


def paths(a, b, where=""):
    """Where two values differ."""
    if isinstance(a, dict) and isinstance(b, dict):
        for key in sorted({*a, *b}):
            if key not in a or key not in b:
                yield "%s.%s: %s" % (where, key, "missing" if key not in a else "unexpected")
            else:
                yield from paths(a[key], b[key], where + "." + key)
    elif isinstance(a, list) and isinstance(b, list) and len(a) == len(b):
        for i, (x, y) in enumerate(zip(a, b)):
            yield from paths(x, y, "%s[%d]" % (where, i))
    elif a != b:
        yield "%s: %.200r instead of %.200r" % (where, a, b)
