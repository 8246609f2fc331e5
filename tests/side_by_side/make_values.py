#!/usr/bin/env python3
"""Makes the dataset "Values": what is hard to carry, but no label; with custom indexes. And "Clips", of "Fresh videos".

Run by an interpreter that has fiftyone 1.22.1.
"""
import datetime

import numpy as np

import fiftyone as fo
from bson import Binary, Int64, ObjectId

dataset = fo.Dataset("Values", persistent=True)
texts = ["", "é 東京 \U0001f600", "line\nbreak\ttab \"quoted\" back\\slash </script>", "\u2028\u2029\u0001", "x" * 70000]
reals = [float("nan"), float("inf"), float("-inf"), -0.0, 1e16, 1e-7, 5e-324, 1.7976931348623157e308, 2.0, 0.1]
wholes = [0, -1, 2**31 - 1, 2**31, -(2**31) - 1, 2**53 + 1, 2**63 - 1, -(2**63)]
dates = [
    datetime.datetime(1970, 1, 1), datetime.datetime(1969, 12, 31, 23, 59, 59, 999000), datetime.datetime(1, 1, 1),
    datetime.datetime(9999, 12, 31, 23, 59, 59, 999000), datetime.datetime(2020, 2, 29, 12, 0, 0, 1000),
]
samples = []
for i in range(10):
    samples.append(
        fo.Sample(
            "/media/%d \u00fc.png" % i,
            text=texts[i % len(texts)], real=reals[i], whole=wholes[i % len(wholes)], moment=dates[i % len(dates)],
            reals=reals, words=texts[:3], vector=np.array(reals), grid=np.asfortranarray(np.arange(6.0).reshape(2, 3)),
            mapping={"a.b": 1, "$x": [None, True, {"\u00e9": {}}], "": [], "deep": {"a": {"b": {"c": [[], [[1]]]}}}},
        )
    )
dataset.add_samples(samples)
dataset.add_sample_field("oid", fo.ObjectIdField)
dataset.set_values("oid", [ObjectId() for _ in samples])
dataset.info = {"texts": texts, "reals": reals, "wholes": wholes}
dataset.save()
dataset.create_index("whole", unique=False)
dataset.create_index([("text", 1), ("real", -1)])
# What no field declares.
collection = dataset._sample_collection
collection.update_one({"_id": ObjectId(samples[0].id)}, {"$set": {
    "mapping.raw": Binary(b"\x00\xff" * 50, 0), "mapping.long": Int64(7), "mapping.binary": Binary(bytes(16), 4),
    "mapping.empty": Binary(b"", 0)}})

# What lies behind a view of clips: its frames are those of the videos.
videos = fo.load_dataset("Fresh videos")
view = videos.to_clips("events")
view._dataset.name, view._dataset.persistent = "Clips", True
