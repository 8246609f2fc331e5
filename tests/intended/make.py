#!/usr/bin/env python3
"""Makes the expected databases of this folder, with the real FiftyOne.

    make.py --peer PYTHON [--check] [CASE...]

PYTHON is an interpreter that has fiftyone 1.22.1 (pymongo 4.9.2) installed.
Every case of the corpus that is not marked "before" in ``cases.tsv`` is
restored and run by ``patched_peer.py``: the real migrations, with this
project's deliberate differences.  Where the result differs from what the
unpatched software gave (the corpus' ``expected``), it is written to
``<kind>/<case>/``, with the differences in ``differences.txt``; where it does
not, nothing is kept, and a folder from an earlier run is removed.

--check writes nothing: it says where the stored files are not what comes out.
Needs pymongo, and a mongod (see ``corpus/harness.py``).  The program under test
is never run here.
"""
import argparse
import gzip
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from urllib.parse import quote

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "corpus"))
import harness  # noqa: E402


def write_dump(dump, folder):
    """In the layout of the corpus; only what is compared."""
    folder = os.path.join(folder, "fiftyone")
    os.makedirs(folder)
    for name, (docs, meta) in sorted(dump.items()):
        base = os.path.join(folder, quote(name, safe="._-$ ()+,=@~!&'"))
        with open(base + ".bson.gz", "wb") as f:
            with gzip.GzipFile("", "wb", 9, f, mtime=0) as g:
                g.write(b"".join(docs))
        with open(base + ".metadata.json", "w") as f:
            f.write(json.dumps(meta) + "\n")


def refusals(case, before, after):
    """A refused dataset must be as it was, with all that hangs on it."""
    out = []
    for name in case.refused:
        doc = next(d for d in before["datasets"][0] if d.get("name")[1] == name)
        new = [d for d in after["datasets"][0] if d.get("_id") == doc.get("_id")]
        if new != [doc]:
            out.append("%s: the dataset document was changed" % name)
        for key in ("sample_collection_name", "frame_collection_name"):
            coll = doc.get(key)
            if coll and before.get(coll[1]) != after.get(coll[1]):
                out.append("%s: %s was changed" % (name, coll[1]))
        for coll, key in (
            ("runs", "_dataset_id"),
            ("views", "_dataset_id"),
            ("workspaces", "_dataset_id"),
            ("delegated_ops", "dataset_id"),
        ):
            a, b = (
                [d for d in side.get(coll, ([],))[0] if d.get(key) == doc.get("_id")]
                for side in (before, after)
            )
            if a != b:
                out.append("%s: its documents in %s were changed" % (name, coll))
    return out


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--peer", required=True)
    ap.add_argument("--check", action="store_true")
    ap.add_argument("cases", nargs="*")
    a = ap.parse_args()
    bad = 0
    with harness.Server() as server, tempfile.TemporaryDirectory() as home:
        for case in harness.all_cases():
            if a.cases and case.name not in a.cases:
                continue
            if case.result == "before":
                print("before    %s" % case.name, flush=True)
                continue
            before = case.read_before()
            server.client.drop_database("fiftyone")
            harness.restore(server.client, before, "fiftyone")
            start = harness.utcnow()
            run = subprocess.run(
                [a.peer, os.path.join(HERE, "patched_peer.py"), *case.args],
                env=case.environment(server.uri, "fiftyone", home),
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
            )
            window = (start, harness.utcnow())
            log = run.stdout.decode(errors="replace")
            raised = [
                line
                for line in re.findall(r"^[\w.]+(?:Error|Exception|NotFound\w*): .*$", log, re.M)
                if not line.startswith("OSError")
            ]
            allowed = len(case.refused) + (case.name == "commands/unknown-dataset--1.22.1-A")
            raw = harness.take_dump(server.client, "fiftyone")
            actual, old = harness.decoded(raw), harness.decoded(before)
            broken = refusals(case, old, actual)
            if len(raised) != allowed:
                broken.append("raised: %s" % raised)
            diffs = []
            if case.kind != "edges":  # for these there is no other result
                expected = harness.decoded(harness.read_dump(case.expected))
                diffs = harness.differences(expected, actual, old, window)
            keep = bool(diffs) or case.kind == "edges"
            state = "kept     " if keep else "same     "
            if keep != (case.result == "intended"):
                broken.append("cases.tsv says %s" % case.result)
            if keep and a.check:
                stored = harness.decoded(harness.read_dump(case.intended))
                broken += harness.differences(stored, actual, old, window)
            elif not a.check:
                shutil.rmtree(case.intended, ignore_errors=True)
                if keep:
                    write_dump(raw, case.intended)
                if diffs:
                    with open(os.path.join(case.intended, "differences.txt"), "w") as f:
                        f.write("\n".join(diffs) + "\n")
            print("%s %s (%d)" % (state, case.name, len(diffs)), flush=True)
            for line in broken:
                print("    " + line)
            bad += bool(broken)
    return min(bad, 100)


if __name__ == "__main__":
    sys.exit(main())
