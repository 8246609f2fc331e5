"""Every database of the corpus through the program, and exactly the right result.

Environment: FM_BIN_DIR (default build/bin) holds the program ``fiftyone``,
FM_MONGOD names the server, FM_TEST_TMP a folder for its data.

``cases.tsv`` says what is expected of each case, and why where that is not what
the real software does.  What "equal" means is in ``harness.StrictComparer``.
"""
import copy
import itertools
import json
import os
import random
import struct
import subprocess
import sys

import pytest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import harness  # noqa: E402
from harness import bsonlite, compare  # noqa: E402

Arr, Doc = bsonlite.Arr, bsonlite.Doc

ROOT = os.path.dirname(os.path.dirname(harness.HERE))
CASES = harness.all_cases()
LIMIT = 40  # differences shown of one case


@pytest.fixture(scope="session")
def server():
    with harness.Server() as s:
        yield s


@pytest.fixture(scope="session")
def program():
    folder = os.environ.get("FM_BIN_DIR") or os.path.join(ROOT, "build", "bin")
    path = os.path.join(folder, "fiftyone")
    assert os.access(path, os.X_OK), "no program at %s: build it, or set FM_BIN_DIR" % path
    return path


@pytest.fixture(scope="session")
def home(tmp_path_factory):
    return str(tmp_path_factory.mktemp("home"))


COUNTER = itertools.count()


@pytest.fixture
def database(server):
    # Never called "fiftyone": the name is nothing special to us (rule "orphans").
    name = "corpus_%d" % next(COUNTER)
    yield name
    server.client.drop_database(name)


class Run:
    """One run of the program, and the database after it."""

    def __init__(self, server, program, home, database, case):
        start = harness.utcnow()
        p = subprocess.run(
            [program, *case.args],
            env=case.environment(server.uri, database, home),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            timeout=120,
        )
        self.window = (start, harness.utcnow())
        self.status = p.returncode
        self.out = p.stdout.decode(errors="replace")
        self.err = p.stderr.decode(errors="replace")
        self.after = harness.take_dump(server.client, database)

    def explain(self, diffs):
        text = ["%d differences" % len(diffs)] + diffs[:LIMIT]
        text += ["--- exit status %d, stdout ends in" % self.status, self.out[-1500:]]
        text += ["--- stderr ends in", self.err[-3000:]]
        return "\n".join(text)


def expected_differences(case, before, run):
    if case.result == "before":
        return harness.untouched(before, run.after)
    folder = case.intended if case.result == "intended" else case.expected
    return harness.differences(
        harness.decoded(harness.read_dump(folder)),
        harness.decoded(run.after),
        harness.decoded(before),
        run.window,
    )


@pytest.mark.parametrize("case", CASES, ids=lambda c: c.name)
def test_case(server, program, home, database, case):
    before = case.read_before()
    harness.restore(server.client, before, database)
    run = Run(server, program, home, database, case)

    diffs = expected_differences(case, before, run)
    assert not diffs, run.explain(diffs)
    assert run.status == case.status, run.explain([])
    if case.kind == "commands" or case.status == 1:
        check_texts(case, run)
    if "--info" in case.args:
        # not even our own bookkeeping
        names = server.client[database].list_collection_names()
        assert set(names) == set(before), names

    if case.kind == "up":
        again = Run(server, program, home, database, case)
        diffs = harness.untouched(run.after, again.after)
        assert not diffs, "the second run changed something\n" + again.explain(diffs)
        assert again.status == case.status, again.explain([])


def test_a_database_called_fiftyone_is_nothing_special(server, program, home, database):
    """Rule "orphans": only the configured database is pruned."""
    case = next(c for c in CASES if c.name == "special/orphan-collections--0.14.0-A--to-1.22.1")
    before = case.read_before()
    harness.restore(server.client, before, database)
    harness.restore(server.client, before, "fiftyone")
    try:
        run = Run(server, program, home, database, case)
        assert run.status == 0, run.explain([])
        diffs = harness.untouched(before, harness.take_dump(server.client, "fiftyone"))
        assert not diffs, run.explain(diffs)
        dropped = set(before) - set(run.after)
        assert len(dropped) == 5 and all("." in c for c in dropped), run.explain(sorted(dropped))
    finally:
        server.client.drop_database("fiftyone")


# -- texts


def recorded_texts(case):
    """What the real command wrote: (lines on stdout, the error it ended with).

    runner.log mixes both streams and holds a traceback for each error, hidden
    or not.  A traceback ends in ``<Type>: <text>``; the one text of several
    lines goes on with an empty line and one that starts with "See https://".
    """
    with open(os.path.join(case.folder, case.info["log"])) as f:
        lines = f.read().split("\n")
    while not lines[-1]:
        lines.pop()
    assert lines.pop() == "exit status %d" % case.info["exit_status"]
    while lines and not lines[-1]:
        lines.pop()
    out, error = [], None
    while lines:
        line = lines.pop(0)
        if not line.startswith("Traceback (most recent call last):"):
            out.append(line)
            continue
        while lines[0].startswith("  "):
            lines.pop(0)
        error = [lines.pop(0)]
        if lines[:1] == [""] and lines[1].startswith("See https://"):
            error += [lines.pop(0), lines.pop(0)]
    return out, "\n".join(error) if case.info["exit_status"] else None


# Where a rule of cases.tsv changes the text as well.
def texts(case):
    out, error = recorded_texts(case)
    if case.name == "commands/info--1.4.1-A":
        # --info reads only, so the database has not been lifted when it is shown
        out = [line.replace("version: 1.22.1", "version: 1.4.1") if "Database" in line else line
               for line in out]
    elif case.result == "before" and case.refused:
        out = []  # refused before anything is done
    elif case.name == "commands/other-database-type--1.4.1-A":
        error = None  # an Enterprise database: not admin, compatible, nothing to do
    return out, error


def check_texts(case, run):
    out, error = texts(case)
    assert run.out.rstrip("\n").split("\n") == (out or [""]), run.explain([])
    if error is not None:
        assert ("\n" + run.err.rstrip("\n")).endswith("\n" + error), run.explain([])


def test_info_of_real_command_lines_is_understood():
    """The parser of runner.log itself, on what is known of some cases."""
    by_name = {c.name: c for c in CASES}
    out, error = recorded_texts(by_name["commands/unknown-dataset--1.22.1-A"])
    assert out[:2] == ["Dataset no such not found", "Migrating dataset 'plain' to v0.18.0"]
    assert error is None
    out, error = recorded_texts(by_name["commands/future-destination--1.22.1-A"])
    assert out == []
    assert error.startswith("OSError: You must have fiftyone>=9.9.9 installed")
    assert error.endswith("for information about downgrading FiftyOne.")
    out, _ = recorded_texts(by_name["commands/info--1.4.1-A"])
    assert out[0] == "Client version: 1.22.1" and len(out) == 19


# -- the comparison sees what it should


def masked(coll, path):
    return compare.Comparer(harness.load_masks(), None, True).mask(coll, path) is not None


def changed_paths(a, b, path=()):
    """Where two decoded values differ, as deep as possible."""
    if isinstance(a, Doc) and isinstance(b, Doc) and a.names() == b.names():
        pairs = [(k, x, y) for (k, x), (_, y) in zip(a, b)]
    elif isinstance(a, Arr) and isinstance(b, Arr) and len(a) == len(b):
        pairs = [(str(i), x, y) for i, (x, y) in enumerate(zip(a, b))]
    else:
        return [list(path)] if a != b or type(a) is not type(b) else []
    return [p for k, x, y in pairs for p in changed_paths(x, y, path + (k,))]


FLIPPED = [
    "up/0.14.4-A--to-1.22.1",
    "up/0.23.8-A--to-1.22.1",
    "down/1.22.1-A--to-0.18.0",
    "down/1.22.1-A--to-0.6.0",
    "roundtrip/1.22.1-A--via-0.19.0--to-1.22.1",
    "special/slug-clashes--0.18.0-A--to-1.22.1",
]


@pytest.mark.parametrize("name", FLIPPED)
def test_comparison_sees_one_changed_byte(name):
    case = next(c for c in CASES if c.name == name)
    folder = case.intended if case.result == "intended" else case.expected
    before = harness.decoded(case.read_before())
    dump = harness.read_dump(folder)
    good = harness.decoded(dump)
    assert harness.differences(good, good, before) == []

    rng = random.Random(name)
    colls = [c for c in sorted(dump) if dump[c][0]]
    tried = 0
    while tried < 15:
        coll = rng.choice(colls)
        raw, meta = dump[coll]
        i = rng.randrange(len(raw))
        flipped = bytearray(raw[i])
        at = rng.randrange(len(flipped))
        flipped[at] ^= 1 << rng.randrange(8)
        try:
            (doc,) = (bsonlite.decode(d)[0] for d in bsonlite.split(bytes(flipped)))
        except (ValueError, IndexError, struct.error):
            tried += 1  # no document any more: seen as well
            continue
        docs = list(good[coll][0])
        docs[i] = doc
        bad = {**good, coll: (docs, meta)}
        paths = changed_paths(good[coll][0][i], doc)
        assert paths, (coll, i, at)
        if all(masked(coll, p) for p in paths):
            continue
        tried += 1
        assert harness.differences(good, bad, before), (coll, i, at, paths)


def _edit_key_order(dump):
    dump["datasets"][0][0].append(dump["datasets"][0][0].pop(1))


def _edit_type(dump):
    doc = dump["datasets"][0][0]
    i = doc.names().index("persistent")
    doc[i] = ("persistent", ("int32", 1))


def _edit_missing_index(dump):
    dump["datasets"][1]["indexes"].pop()


def _edit_unique(dump):
    for ix in dump["datasets"][1]["indexes"]:
        ix.pop("unique", None)


def _edit_missing_document(dump):
    dump["runs"][0].pop()


def _edit_double_document(dump):
    dump["runs"][0].append(copy.deepcopy(dump["runs"][0][0]))


def _edit_missing_collection(dump):
    del dump["views"]


def _edit_more_collections(dump):
    dump["samples.unexpected"] = ([Doc([("_id", ("int32", 1))])], {})


def _edit_two_ids_for_one(dump):
    doc = dump["datasets"][0][next(
        i for i, d in enumerate(dump["datasets"][0]) if len(d.get("evaluations") or []) > 1
    )]
    runs = doc.get("evaluations")
    runs[0], runs[1] = (runs[0][0], runs[1][1]), (runs[1][0], runs[0][1])


def _edit_gridfs_number(dump):
    docs = dump["fs.chunks"][0]
    for d in docs:
        for i, (k, v) in enumerate(d):
            text = compare.parse_json_binary(v) if k == "data" else None
            if isinstance(text, dict):
                text["one more"] = 1
                d[i] = (k, ("binary", "0:" + json.dumps(text).encode().hex()))
                return


EDITS = [v for k, v in sorted(globals().items()) if k.startswith("_edit_")]


@pytest.mark.parametrize("edit", EDITS, ids=lambda f: f.__name__[len("_edit_"):])
def test_comparison_sees(edit):
    case = next(c for c in CASES if c.name == "roundtrip/1.22.1-A--via-0.18.0--to-1.22.1")
    before = harness.decoded(case.read_before())
    good = harness.decoded(harness.read_dump(case.expected))
    bad = copy.deepcopy(good)
    edit(bad)
    assert harness.differences(good, bad, before)


def test_every_case_is_in_the_table():
    names = {c.name for c in CASES if c.kind != "edges"}
    assert names == set(harness._table())
    for case in CASES:
        assert (case.result == "intended") == os.path.isdir(case.intended), case.name


def test_every_difference_is_explained():
    """Each rule that a case names is in the table of rules, each case in that of cases."""
    with open(os.path.join(harness.INTENDED, "README.md")) as f:
        first_cells = [line.split(" | ")[0][2:] for line in f if line.startswith("| ")]
    for case in CASES:
        for rule in case.why.split(", ") if case.why else ():
            assert rule in first_cells, (case.name, rule)
        if case.result == "intended":
            name = case.name.split("/", 1)[1] if case.kind == "edges" else case.name
            assert name in first_cells, case.name
            assert case.kind == "edges" or case.why, case.name
