#!/usr/bin/env python3
"""Opens and uses every dataset of the database that the environment names, or those named as arguments.

Run by an interpreter that has fiftyone 1.22.1; ends with a traceback where the
real client cannot work with a dataset.  Prints one line for each.
"""
import sys

import fiftyone as fo

PATHS = {"image": "/media/new.png", "video": "/media/new.mp4", "point-cloud": "/media/new.pcd", "3d": "/media/new.fo3d"}
RUNS = {
    "list_evaluations": "evaluation",
    "list_brain_runs": "brain",
    "list_annotation_runs": "annotation",
    "list_runs": "run",
}


def new_sample(dataset):
    if dataset.media_type == "group":
        media_type = dataset.group_media_types[dataset.default_group_slice]
        group = fo.Group().element(dataset.default_group_slice)
        return fo.Sample(PATHS[media_type], **{dataset.group_field: group})
    sample = fo.Sample(PATHS[dataset.media_type or "image"])
    if dataset.has_sample_field("frame_number"):
        sample["frame_number"] = 1000  # numbers of frames are unique
    if dataset.media_type == "video":
        sample.frames[1] = fo.Frame(added=fo.Classification(label="new"))
    return sample


def read(dataset):
    frames = 0
    flat = dataset.select_group_slices(_allow_mixed=True) if dataset.media_type == "group" else dataset
    for sample in flat:
        sample.to_dict()
        for field in dataset.get_field_schema():
            sample[field]
        if sample.media_type == "video":
            for number, frame in sample.frames.items():
                assert frame.frame_number == number
                frame.to_dict()
                frames += 1
    return len(flat), frames


def use(name):
    dataset = fo.load_dataset(name)
    counts = read(dataset)
    dataset.stats()
    dataset.get_dynamic_field_schema()
    runs = views = 0
    for keys, kind in RUNS.items():
        for key in getattr(dataset, keys)():
            runs += 1
            getattr(dataset, "get_%s_info" % kind)(key).config.serialize()
            getattr(dataset, "load_%s_view" % kind)(key).count()
            if key != "labels":  # its classes live in another program
                getattr(dataset, "load_%s_results" % kind)(key)
    for key in dataset.list_saved_views():
        views += 1
        len(dataset.load_saved_view(key))
    for key in dataset.list_workspaces():
        dataset.load_workspace(key)
    dataset.app_config.to_dict()
    dataset.default_skeleton, dataset.skeletons, dataset.mask_targets, dataset.default_mask_targets

    total = len(dataset)
    sample = new_sample(dataset)
    dataset.add_sample(sample)
    sample["note"] = "written after the migration"
    sample.tags.append("new")
    sample.save()
    dataset.save_view("new view", dataset.match_tags("new"))
    dataset.info["opened"] = True
    dataset.save()
    dataset.reload()
    assert len(dataset) == total + 1
    assert len(dataset.load_saved_view("new view")) == 1
    assert dataset[sample.id].note == "written after the migration"
    dataset.delete_saved_view("new view")
    print("%s: %d samples, %d frames, %d runs, %d views" % (name, *counts, runs, views), flush=True)


for dataset_name in sys.argv[1:] or fo.list_datasets():
    use(dataset_name)
