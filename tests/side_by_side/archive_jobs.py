#!/usr/bin/env python3
"""Exports and imports as the real package does, in the database that the environment names.

    archive_jobs.py FILE

FILE is a JSON list of ["export", NAME, DIR, {options}] and ["import", DIR, NAME, {options}].
Run by an interpreter that has fiftyone 1.22.1.
"""
import json
import sys

import fiftyone as fo
import make_datasets

# Its run names its classes as those of the program that made it.
for name in "StandIn", "StandInConfig", "StandInResults":
    globals()[name] = getattr(make_datasets, name)
    globals()[name].__module__ = "__main__"

KIND = fo.types.FiftyOneDataset

fo.config.show_progress_bars = False
for verb, first, second, options in json.load(open(sys.argv[1])):
    if verb == "export":
        fo.load_dataset(first).export(second, dataset_type=KIND, **options)
    else:
        fo.Dataset.from_dir(first, dataset_type=KIND, name=second, persistent=True, **options)
