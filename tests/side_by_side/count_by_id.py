#!/usr/bin/env python3
"""What is found by ids in the dataset "Fresh images": prints a line for each way.

Run by an interpreter that has fiftyone 1.22.1.
"""
import fiftyone as fo

dataset = fo.load_dataset("Fresh images")
samples = set(dataset.values("id"))
labels = set(dataset.values("ground_truth.detections.id", unwind=True))
print("evaluation patches", len(dataset.to_evaluation_patches("boxes")), sorted(dataset.to_evaluation_patches("boxes").values("type")))
results = dataset.load_evaluation_results("boxes")
print("evaluation ids", sum(i in labels for i in results.ytrue_ids), len(results.ytrue_ids))
matches = dataset.values("predictions.detections.boxes_id", unwind=True)
print("evaluation matches", sum(i in labels for i in matches), len(matches))
for key in "plot", "similar":
    results = dataset.load_brain_results(key)
    print("brain", key, sum(i in samples for i in results.sample_ids), len(results.sample_ids))
index = dataset.load_brain_results("similar")
first = dataset.first()
print("similarity", [s.filepath for s in dataset.sort_by_similarity(first.id, brain_key="similar", k=3)])
print("groups", len(fo.load_dataset("Fresh groups").select_groups(fo.load_dataset("Fresh groups").first().rig.id)))
instances = dataset.values("ground_truth.detections.instance._id", unwind=True)
print("instances", len(set(filter(None, instances))))
