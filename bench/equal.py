"""Whether two runs of one migration left the same databases.

The rules are those of the corpus' compare.py (exact types, key order counts,
only what its masks name may differ, and only where the run made the value).
That tool decodes every document in Python, so this module first sets aside
the pairs whose bytes are equal, or equal but for `last_modified_at` times that
both runs took; only the others are given to it.
"""
import json
import os
import re
import struct

from bson import json_util
from bson.objectid import ObjectId

import make_data

# Below this version the original leaves `type` behind in `config`, and we do
# not (docs/differences.md).
CONFIG_TYPE = (0, 15, 1)

MARK = b"\x09last_modified_at\x00"
STAMP = re.compile(re.escape(MARK) + b".{8}", re.S)
STAMPED = ("samples.", "frames.", "patches.", "clips.")
# More unequal pairs than this are not looked into one by one.
MOST = 20_000


def collections(db):
    """The collections of a database that belong to the result."""
    return sorted(
        c
        for c in db.list_collection_names()
        if not c.startswith(("system.", "migrator."))
    )


def raw_documents(coll, query):
    """Yields (raw _id, raw document) in the order of _id."""
    for batch in coll.find_raw_batches(query, sort=[("_id", 1)], hint="_id_"):
        p, end = 0, len(batch)
        while p < end:
            (n,) = struct.unpack_from("<i", batch, p)
            raw = batch[p : p + n]
            p += n
            yield raw_id(raw), raw


def raw_id(raw):
    """The bytes of a document's _id, its type included."""
    if raw[4:9] == b"\x07_id\x00":
        return raw[4:21]
    lite = make_data.tools()
    return repr(lite.decode(raw)[0].get("_id"))


class Result:
    def __init__(self):
        self.documents = 0  # compared in all
        self.looked_into = 0  # of these, decoded and compared value by value
        self.differences = []
        self.warnings = []

    @property
    def equal(self):
        return not self.differences

    def text(self):
        if self.equal:
            return "equal (%d documents)" % self.documents
        return "DIFFERENT (%d differences)" % len(self.differences)


def without_old_type(docs):
    """Documents of `config` without the `type` that old clients refuse."""
    for doc in docs:
        kind, version = doc.get("version", ("absent", None))
        if kind == "string" and tuple(map(int, version.split(".")[:3])) < CONFIG_TYPE:
            doc[:] = [(k, v) for k, v in doc if k != "type"]
    return docs


def metadata(db, name):
    info = next(iter(db.list_collections(filter={"name": name})), {})
    indexes = []
    for ix in db[name].list_indexes():
        ix = dict(ix)
        ix.pop("ns", None)
        indexes.append(ix)
    meta = {"options": info.get("options", {}), "indexes": indexes}
    # the same form in which the tool reads a dump's file
    return json.loads(
        json_util.dumps(meta, json_options=json_util.CANONICAL_JSON_OPTIONS)
    )


class Pairs:
    """Finds the pairs of one collection that need a closer look."""

    def __init__(self, name, since):
        self.masked = name == "datasets" or name.startswith(STAMPED)
        self.since = since  # no run of this comparison wrote before, in ms
        self.times = {}
        self.last = (b"", b"")

    def same(self, a, b):
        if a == b:
            return True
        if not self.masked or len(a) != len(b):
            return False
        # the usual case: the next document with the same two times
        x, y = self.last
        if x and a.replace(x, y) == b:
            return True
        sa, sb = STAMP.findall(a), STAMP.findall(b)
        if len(sa) != len(sb) or STAMP.sub(MARK, a) != STAMP.sub(MARK, b):
            return False
        for x, y in zip(sa, sb):
            if x == y:
                continue
            ta = struct.unpack("<q", x[-8:])[0]
            tb = struct.unpack("<q", y[-8:])[0]
            # a time that was there before is never masked, and one time of
            # the first run is one time of the second
            if min(ta, tb) < self.since or self.times.setdefault(ta, tb) != tb:
                return False
            self.last = (x, y)
        return True


def unequal(a_coll, b_coll, query, pairs, result):
    """Returns the raw documents of both sides that are not the same."""
    left, right = {}, {}
    ai, bi = raw_documents(a_coll, query), raw_documents(b_coll, query)
    while True:
        a, b = next(ai, None), next(bi, None)
        if a is None and b is None:
            break
        if a is not None:
            result.documents += 1
        if a is not None and b is not None and a[0] == b[0]:
            if not pairs.same(a[1], b[1]):
                left[a[0]], right[b[0]] = a[1], b[1]
        else:
            # out of step (an id on one side only): pair what meets later
            for item, mine, other in ((a, left, right), (b, right, left)):
                if item is None:
                    continue
                key, raw = item
                mine[key] = raw
                if key in other and pairs.same(left[key], right[key]):
                    del left[key], right[key]
        if len(left) > MOST or len(right) > MOST:
            result.differences.append(
                "%s: more than %d documents differ" % (a_coll.name, MOST)
            )
            break
    return list(left.values()), list(right.values())


def compare(client, before, expected, actual, since, only=None, query=None):
    """Compares database `actual` with `expected`, both made from `before`.

    only: names of collections (default: all); query: which of their documents.
    """
    lite = make_data.tools()
    import compare as corpus_compare  # beside bsonlite in the corpus

    query = query or {}
    ea, ac, be = client[expected], client[actual], client[before]
    result = Result()
    A, B, before_docs, times = {}, {}, {}, {}
    here, there = collections(ea), collections(ac)
    old = set(collections(be))
    for name in sorted(set(here) | set(there)):
        if only is not None and name not in only:
            continue
        pairs = Pairs(name, since)
        left, right = unequal(ea[name], ac[name], query, pairs, result)
        left = [lite.decode(r)[0] for r in left]
        right = [lite.decode(r)[0] for r in right]
        if name == "config":
            left = without_old_type(left)
        result.looked_into += len(left)
        for x, y in pairs.times.items():
            times[name, ("last_modified_at",), x] = y
        if name in here:
            A[name] = (left, metadata(ea, name))
        if name in there:
            B[name] = (right, metadata(ac, name))
        if name in old and (left or right):
            ids = [
                ObjectId(d.get("_id")[1])
                for d in left + right
                if d.get("_id") and d.get("_id")[0] == "objectid"
            ]
            found = be[name].find_raw_batches({"_id": {"$in": ids}})
            before_docs[name] = (
                [lite.decode(r)[0] for b in found for r in lite.split(b)],
                {},
            )

    masks_file = os.path.join(make_data.corpus(), "tools", "masks.json")
    with open(masks_file) as f:
        masks = json.load(f)["masks"]
    comparer = corpus_compare.Comparer(masks, before_docs, True)
    comparer.dates.update(times)  # what holds for the others holds for these
    comparer.run(A, B)
    result.differences += comparer.diffs
    result.warnings += comparer.warnings
    return result
