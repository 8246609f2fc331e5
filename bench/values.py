#!/usr/bin/env python3
"""values() and set_values() of the package beside the original, in one run.

    make build && scripts/install-peer
    PYTHONPATH=build/python .venv-peer/bin/python bench/values.py [SAMPLES] [ROUNDS]

A server of its own; samples with a path and a list of three labels; medians over
the rounds, the two taking turns on the same dataset. "cpu" is processor time of
client and server together, which other load on the machine changes little. The floor
of set_values is one updateMany that gives every sample the same value and the time:
what the server needs to write these documents and their indexes, with nothing to
send and nothing to look up. "bare" are the same values by one update for each sample,
found by its _id and nothing else, encoded before the clock starts, 1000 a request over
as many connections as there are processors: nothing is read, checked or guarded.
Prints JSON.
"""
import datetime
import json
import os
import statistics
import sys
import threading
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(ROOT, "tests", "corpus"))
import harness  # noqa: E402
import pymongo  # noqa: E402
from bson import ObjectId, encode  # noqa: E402
from bson.raw_bson import RawBSONDocument  # noqa: E402


def fill(db, samples, dataset_id, n):
    now = datetime.datetime.utcnow()
    for start in range(0, n, 10000):
        db[samples].insert_many(
            {
                "filepath": "/data/images/%08d.jpg" % i,
                "tags": [],
                "_media_type": "image",
                "_dataset_id": dataset_id,
                "created_at": now,
                "last_modified_at": now,
                "gt": {
                    "_cls": "Detections",
                    "detections": [
                        {"_id": ObjectId(), "_cls": "Detection", "attributes": {}, "tags": [], "label": "car",
                         "bounding_box": [0.1, 0.2, 0.3, 0.4]}
                        for _ in range(3)
                    ],
                },
            }
            for i in range(start, min(n, start + 10000))
        )


class Bare:
    """Updates that are encoded already, for as many connections as there are processors."""

    def __init__(self, uri, collection, changes):
        lanes = len(os.sched_getaffinity(0))
        per = -(-len(changes) // lanes)
        self.parts = []
        for lane in range(lanes):
            updates = [
                RawBSONDocument(encode({"q": {"_id": id}, "u": {"$set": change}}))
                for id, change in changes[lane * per : (lane + 1) * per]
            ]
            self.parts.append((pymongo.MongoClient(uri)["bench"], [updates[i : i + 1000] for i in range(0, len(updates), 1000)]))
            self.parts[-1][0].command("ping")
        self.collection = collection

    def lane(self, db, requests):
        for updates in requests:
            reply = db.command({"update": self.collection, "updates": updates, "ordered": False})
            assert reply["n"] == len(updates), reply

    def run(self):
        threads = [threading.Thread(target=self.lane, args=part) for part in self.parts]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()


def cpu_seconds(server):
    """Of this process and of the server."""
    with open("/proc/%d/stat" % server) as f:
        ticks = f.read().rsplit(")", 1)[1].split()[11:13]
    own = os.times()
    return own.user + own.system + sum(map(int, ticks)) / os.sysconf("SC_CLK_TCK")


def main(n, rounds):
    with harness.Server() as server:
        os.environ.update(
            FIFTYONE_DATABASE_URI=server.uri,
            FIFTYONE_DATABASE_NAME="bench",
            FIFTYONE_DATABASE_VALIDATION="false",
            FIFTYONE_DO_NOT_TRACK="1",
        )
        import fiftyone as fo

        import fiftyone_migrator as fm

        peer = fo.Dataset("bench", persistent=True)
        peer.add_sample_field("gt", fo.EmbeddedDocumentField, embedded_doc_type=fo.Detections)
        doc = server.client["bench"].datasets.find_one()
        fill(server.client["bench"], doc["sample_collection_name"], doc["_id"], n)
        server.client["bench"].datasets.update_one({}, {"$set": {"media_type": "image"}})
        peer.reload()
        ours = fm.load_dataset("bench")

        times = {}
        for turn in range(rounds):
            for who, dataset in ("original", peer), ("ours", ours):
                paths = ["%s/%d/%08d.jpg" % (who, turn, i) for i in range(n)]
                labels = [["%s-%d" % (who, turn)] * 3 for _ in range(n)]
                for name, work in (
                    ("values filepath", lambda: dataset.values("filepath")),
                    ("set_values filepath", lambda: dataset.set_values("filepath", paths)),
                    ("values label list", lambda: dataset.values("gt.detections.label")),
                    ("set_values label list", lambda: dataset.set_values("gt.detections.label", labels)),
                ):
                    start, cpu = time.perf_counter(), cpu_seconds(server.process.pid)
                    work()
                    spent = (time.perf_counter() - start, cpu_seconds(server.process.pid) - cpu)
                    times.setdefault(name, {}).setdefault(who, []).append(spent)
                assert ours.values("filepath") == paths and ours.values("gt.detections.label") == labels
            samples = server.client["bench"][doc["sample_collection_name"]]
            for name, change in (
                ("set_values filepath", {"filepath": "floor/%d.jpg" % turn}),
                ("set_values label list", {"gt.detections.$[].label": "floor-%d" % turn}),
            ):
                start, cpu = time.perf_counter(), cpu_seconds(server.process.pid)
                samples.update_many({}, {"$set": {**change, "last_modified_at": datetime.datetime.utcnow()}})
                spent = (time.perf_counter() - start, cpu_seconds(server.process.pid) - cpu)
                times[name].setdefault("floor", []).append(spent)
            ids = [document["_id"] for document in samples.find({}, {"_id": 1})]
            now = datetime.datetime.utcnow()
            for name, change in (
                ("set_values filepath", lambda i: {"filepath": "bare/%d/%08d.jpg" % (turn, i)}),
                ("set_values label list", lambda i: {"gt.detections.%d.label" % n: "bare-%d" % turn for n in range(3)}),
            ):
                bare = Bare(server.uri, samples.name, [(id, {**change(i), "last_modified_at": now}) for i, id in enumerate(ids)])
                start, cpu = time.perf_counter(), cpu_seconds(server.process.pid)
                bare.run()
                spent = (time.perf_counter() - start, cpu_seconds(server.process.pid) - cpu)
                times[name].setdefault("bare", []).append(spent)
        result = {"samples": n, "rounds": rounds, "load": os.getloadavg()[0]}
        for index, unit in enumerate(("seconds", "cpu")):
            result[unit] = {}
            for name, by in times.items():
                medians = {who: round(statistics.median(s[index] for s in spent), 3) for who, spent in by.items()}
                factor = round(medians["original"] / max(medians["ours"], 0.001), 1)
                result[unit][name] = {**medians, "factor": factor}
        print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main(*(int(arg) for arg in (sys.argv[1:] + ["100000", "3"][len(sys.argv) - 1 :])))
