#!/usr/bin/env python3
"""Makes fresh datasets in the database that the environment names.

    make_datasets.py [--plain]

Run by an interpreter that has fiftyone 1.22.1.  No media are needed: nothing
reads the files that the samples name.  Left out is what docs/differences.md
says is migrated differently on purpose: persistent clips datasets, runs without
documents, names without letters.

--plain leaves out what does not survive the old versions: groups, which are
refused below 0.17.0; keypoints, whose ``points`` come back from below 0.16.0
declared as those of polylines; and fields of ids, which come back from below
0.9.4 without the name that they are stored under.  The real client cannot read
such datasets afterwards, whoever migrated them.
"""
import argparse
import datetime

import numpy as np

import fiftyone as fo
import fiftyone.brain as fob
import fiftyone.core.annotation as foan
from bson import ObjectId
from fiftyone import ViewField as F

BOX = [0.1, 0.2, 0.3, 0.4]
POINTS = [(0.1, 0.1), (0.5, 0.25), (0.9, 0.75)]


def keypoints():
    return {
        "pose": fo.Keypoint(label="person", points=[(0.5, 0.5), (float("nan"), float("nan"))], confidence=[0.5, 0.1]),
        "poses": fo.Keypoints(keypoints=[fo.Keypoint(label="person", points=POINTS)]),
    }


def image_labels(i):
    mask = np.arange(48, dtype=np.uint8).reshape(6, 8) % 5
    return {
        "ground_truth": fo.Detections(
            detections=[
                fo.Detection(label="cat", bounding_box=BOX, mask=mask > 2, iscrowd=bool(i % 2)),
                fo.Detection(
                    label="dog", bounding_box=[0, 0, 1, 1], tags=["odd"], index=i,
                    instance=fo.Instance(), mask_path="/media/mask-%d.png" % i,
                ),
            ]
        ),
        "predictions": fo.Detections(
            detections=[
                fo.Detection(label="cat", bounding_box=BOX, confidence=0.5 + i / 20),
                fo.Detection(label="bird", bounding_box=[0.5, 0.5, 0.25, 0.25], confidence=1.0),
            ]
        ),
        "one_detection": fo.Detection(label="box", location=[1.0, 2, 3], dimensions=[1, 2, 3.5], rotation=[0, 0, 0]),
        "weather": fo.Classification(label="sunny" if i % 2 else "rain", confidence=0.25, logits=[0.5, 1.5]),
        "guess": fo.Classification(label="sunny", confidence=0.75),
        "many": fo.Classifications(classifications=[fo.Classification(label="a"), fo.Classification(label="b")]),
        "line": fo.Polyline(label="lane", points=[POINTS, POINTS[:2]], closed=False, filled=False),
        "no_line": fo.Polyline(label="empty", points=[]),
        "lines": fo.Polylines(
            polylines=[
                fo.Polyline(label="road", points=[POINTS], closed=True, filled=True, attribute="x"),
                fo.Polyline(label="cuboid", points3d=[[(1, 2, 3), (4, 5, 6)]]),
            ]
        ),
        "segmentation": fo.Segmentation(mask=mask),
        "segmentation_file": fo.Segmentation(mask_path="/media/seg-%d.png" % i),
        "heatmap": fo.Heatmap(map=np.linspace(0, 1, 12).reshape(3, 4), range=[0, 1]),
        "regression": fo.Regression(value=i + 0.5, confidence=0.5),
        "place": fo.GeoLocation(point=[-73.98 + i, 40.75], line=[[0, 0], [1, 1]], polygon=[[[0, 0], [1, 0], [1, 1], [0, 0]]]),
        "places": fo.GeoLocations(points=[[1, 2], [3, 4]]),
    }


def values(i):
    return {
        "text": "é %d" % i,
        "whole": 2**40 + i,
        "real": float(i),
        "flag": bool(i % 2),
        "none_yet": None,
        "day": datetime.date(2020, 2, 28 + i % 2),
        "moment": datetime.datetime(2020, 1, 1, 12, 30, i),
        "words": ["a", "b"],
        "numbers": [1.5, 2.5],
        "mapping": {"a": 1, "b": {"c": [1, 2.0, None]}, "labels": [1]},
        "vector": np.arange(4.0) + i,
        "embedded": fo.DynamicEmbeddedDocument(
            name="x", inner=fo.DynamicEmbeddedDocument(list=[1, 2], label=fo.Classification(label="deep"))
        ),
        "embedded_list": [fo.DynamicEmbeddedDocument(a=1), fo.DynamicEmbeddedDocument(b="c")],
    }


class StandInConfig(foan.AnnotationMethodConfig):
    def __init__(self, label_schema=None, **kwargs):
        super().__init__(**kwargs)
        self.label_schema = label_schema

    @property
    def type(self):
        return "annotation"

    @property
    def method(self):
        return "stand-in"


class StandIn(foan.AnnotationMethod):
    pass


class StandInResults(foan.AnnotationResults):
    def __init__(self, samples, config, anno_key, notes=None, backend=None):
        super().__init__(samples, config, anno_key, backend=backend)
        self.notes = notes

    def cleanup(self):
        pass

    @classmethod
    def _from_dict(cls, d, samples, config, anno_key):
        return cls(samples, config, anno_key, notes=d["notes"])


def register(dataset, key, cls, config, results=None):
    run = cls(config)
    run.register_run(dataset, key)
    if results is not None:
        run.save_run_results(dataset, key, results(run))


def images(plain):
    dataset = fo.Dataset("Fresh images", persistent=True)
    dataset.add_samples(
        [
            fo.Sample(
                "/media/%03d.png" % i,
                tags=["train" if i % 2 else "val"],
                metadata=fo.ImageMetadata(size_bytes=100 + i, mime_type="image/png", width=8, height=6, num_channels=3),
                **image_labels(i),
                **({} if plain else keypoints()),
                **values(i),
            )
            for i in range(12)
        ],
        dynamic=True,
    )
    if not plain:
        dataset.add_sample_field("other_id", fo.ObjectIdField)
        dataset.set_values("other_id", [ObjectId() for _ in range(len(dataset))])
    dataset.tags = ["fresh", "two"]
    dataset.description = "Every kind of label"
    dataset.info = {"author": "nobody", "nested": {"list": [1, 2.5, None, {"a": True}]}}
    dataset.classes = {"ground_truth": ["cat", "dog"]}
    dataset.default_classes = ["cat", "dog", "bird"]
    dataset.mask_targets = {"segmentation": {1: "road", 2: "sky"}, "segmentation_file": {"#ff0000": "red"}}
    dataset.default_mask_targets = {0: "background", 255: "other"}
    dataset.skeletons = {"poses": fo.KeypointSkeleton(labels=["a", "b", "c"], edges=[[0, 1], [1, 2]])}
    dataset.default_skeleton = fo.KeypointSkeleton(edges=[[0, 1]])
    dataset.save()

    field = dataset.get_field("weather.label")
    field.description, field.info, field.read_only = "said by a person", {"source": "x"}, True
    field.save()
    dataset.create_index("text")
    dataset.create_index([("flag", 1), ("whole", -1)])
    dataset.create_summary_field("ground_truth.detections.label", field_name="seen", include_counts=True)

    dataset.app_config.media_fields = ["filepath"]
    dataset.app_config.plugins = {"map": {"clustering": False}}
    dataset.app_config.sidebar_groups = fo.DatasetAppConfig.default_sidebar_groups(dataset)
    dataset.app_config.color_scheme = fo.ColorScheme(
        color_pool=["#ff0000", "#00ff00"],
        color_by="value",
        opacity=0.5,
        fields=[{"path": "ground_truth", "valueColors": [{"value": "cat", "color": "#123456"}]}],
        default_colorscale={"name": "viridis", "list": None},
    )
    dataset.app_config.active_fields = fo.ActiveFields(paths=["weather"], exclude=False)
    dataset.save()

    dataset.evaluate_detections("predictions", gt_field="ground_truth", eval_key="boxes", compute_mAP=True)
    dataset.evaluate_classifications("guess", gt_field="weather", eval_key="guesses")
    dataset.evaluate_regressions("regression", gt_field="regression", eval_key="numbers_eval")
    embeddings = np.random.default_rng(1).random((12, 5))
    fob.compute_similarity(dataset, embeddings=embeddings, brain_key="similar", backend="sklearn")
    fob.compute_similarity(dataset.match_tags("val"), embeddings="vector", brain_key="stored", backend="sklearn")
    fob.compute_visualization(dataset, points=embeddings[:, :2], brain_key="plot")
    register(
        dataset, "labels", StandIn, StandInConfig({"weather": {"type": "classification", "classes": ["sunny", "rain"]}}),
        lambda run: StandInResults(dataset, run.config, "labels", notes={"a": [1, 2]}, backend=run),
    )
    config = dataset.init_run(method="stand-in", parameters={"a": 1, "b": [None, 0.5]})
    dataset.register_run("generic", config)
    results = dataset.init_run_results("generic", answer=42, nested={"a": [1, {"b": None}]})
    dataset.save_run_results("generic", results)
    dataset.register_run("without_results", dataset.init_run(method="other"))

    dataset.save_view("cats", dataset.filter_labels("ground_truth", F("label") == "cat"), description="Only cats", color="#0000ff")
    dataset.save_view("few", dataset.match_tags("train").limit(3).select_fields("weather"))
    dataset.save_workspace(
        "panels",
        fo.Space(children=[fo.Panel(type="Samples", pinned=True), fo.Panel(type="Histograms", state={"plot": "Labels"})], orientation="horizontal"),
        description="Two panels", color="#00ffff",
    )
    dataset.save()


def videos(plain):
    dataset = fo.Dataset("Fresh videos", persistent=True)
    samples = []
    for i in range(4):
        sample = fo.Sample(
            "/media/%03d.mp4" % i,
            metadata=fo.VideoMetadata(frame_width=8, frame_height=6, frame_rate=10.0, total_frame_count=5, duration=0.5),
            events=fo.TemporalDetections(detections=[fo.TemporalDetection(label="jump", support=[1, 3])]),
            one_event=fo.TemporalDetection(label="end", support=[4, 5]),
        )
        for n in range(1, 4 * (i > 0) + 1):  # the first video has no frames
            sample.frames[n] = fo.Frame(
                filepath="/media/%03d-%d.jpg" % (i, n),
                text="frame %d" % n,
                boxes=fo.Detections(detections=[fo.Detection(label="car", bounding_box=BOX, index=n, instance=fo.Instance())]),
                lines=fo.Polylines(polylines=[fo.Polyline(points=[POINTS])]),
                segmentation=fo.Segmentation(mask=np.eye(4, dtype=np.uint8)),
                **({} if plain else keypoints()),
            )
        samples.append(sample)
    dataset.add_samples(samples, dynamic=True)
    dataset.info = {"rate": 10}
    dataset.save_view("jumps", dataset.filter_labels("events", F("label") == "jump"))
    dataset.save_view("some_frames", dataset.match_frames(F("frame_number") > 2))
    dataset.evaluate_detections("frames.boxes", gt_field="frames.boxes", eval_key="frame_boxes")
    dataset.save()


def groups():
    dataset = fo.Dataset("Fresh groups", persistent=True)
    dataset.add_group_field("rig", default="left")
    samples = []
    for i in range(4):
        group = fo.Group()
        samples += [
            fo.Sample("/media/left-%d.png" % i, rig=group.element("left"), label=fo.Classification(label="x")),
            fo.Sample("/media/right-%d.png" % i, rig=group.element("right")),
            fo.Sample("/media/scene-%d.pcd" % i, rig=group.element("scene")),
        ]
        video = fo.Sample("/media/clip-%d.mp4" % i, rig=group.element("clip"))
        video.frames[1] = fo.Frame(label=fo.Classification(label="y"))
        samples.append(video)
    dataset.add_samples(samples)
    dataset.save_view("left_only", dataset.select_group_slices("left"))


def others():
    fo.Dataset("Never filled", persistent=True)
    solid = fo.Dataset("Fresh 3D", persistent=True)
    solid.add_sample(fo.Sample("/media/scene.fo3d", box=fo.Detections(detections=[fo.Detection(location=[1, 2, 3], dimensions=[1, 1, 1], rotation=[0, 0, 1])])))


def not_plain():
    points = fo.Dataset("Fresh_point+clouds", persistent=True)
    points.add_sample(fo.Sample("/media/points.pcd", lines=fo.Polylines(polylines=[fo.Polyline(points3d=[[(0, 0, 0), (1, 1, 1)]])])))
    patches = fo.load_dataset("Fresh images").to_patches("ground_truth").clone("Fresh patches", persistent=True)
    patches.tags = ["patches"]
    # Its samples are frames, but they are its own.
    fo.load_dataset("Fresh videos").to_frames(sample_frames=False).clone("Frames of videos", persistent=True)
    groups()


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--plain", action="store_true")
    a = ap.parse_args()
    fo.config.show_progress_bars = False
    images(a.plain)
    videos(a.plain)
    others()
    if not a.plain:
        not_plain()
    for name in fo.list_datasets():
        dataset = fo.load_dataset(name)
        print("%s: %s, %d samples" % (name, dataset.media_type, len(dataset)))


if __name__ == "__main__":
    main()
