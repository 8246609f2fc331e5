"""Datasets with media, as FiftyOne 1.22.1 stores them."""
import datetime

from bson import ObjectId

PREFIX = "fiftyone.core."
THEN = datetime.datetime(2025, 1, 2, 3, 4, 5)


def field(name, kind="fields.StringField", label=None, fields=(), db_field=None, subfield=None):
    return {
        "name": name, "ftype": PREFIX + kind, "db_field": db_field or name,
        "embedded_doc_type": label and (label if "." in label and label.startswith("fiftyone") else PREFIX + label),
        "subfield": subfield and PREFIX + subfield, "fields": list(fields),
    }


def embedded(name, label, **more):
    return field(name, "fields.EmbeddedDocumentField", label, **more)


LABELS = [
    embedded("seg", "labels.Segmentation", fields=[field("mask_path")]),
    embedded("inst", "labels.Detections", fields=[
        field("detections", "fields.ListField", "labels.Detection", [field("mask_path")],
              subfield="fields.EmbeddedDocumentField")]),
    embedded("heat", "labels.Heatmap", fields=[field("map_path")], db_field="heat_column"),
]


def dataset(db, name, samples, frames=None, media_fields=("filepath", "thumb"), **more):
    """Stores the dataset; `samples` and `frames` are documents without _id."""
    collection = "samples." + name
    document = {
        "_id": ObjectId(), "name": name, "slug": name, "version": "1.22.1", "media_type": "image", "persistent": True,
        "sample_collection_name": collection, "frame_collection_name": "frames." + collection if frames else None,
        "sample_fields": [field("id", "fields.ObjectIdField", db_field="_id"), field("filepath"), field("thumb"),
                          field("cls", "fields.EmbeddedDocumentField", "labels.Classification"), *LABELS],
        "frame_fields": [field("filepath"), *LABELS] if frames else [],
        "app_config": {"media_fields": list(media_fields)},
        **more,
    }
    db.config.update_one({}, {"$set": {"version": "1.22.1", "type": "fiftyone"}}, upsert=True)
    db.datasets.insert_one(document)
    for place, documents in (collection, samples), ("frames." + collection, frames or []):
        if documents:
            db[place].insert_many([{"_id": ObjectId(), "last_modified_at": THEN, **d} for d in documents])
    return document


def everything(folder, name):
    """A sample with a path of each kind below a folder."""
    return {
        "filepath": "%s/%s.jpg" % (folder, name),
        "thumb": "%s/thumbs/%s.jpg" % (folder, name),
        "seg": {"_id": ObjectId(), "_cls": "Segmentation", "tags": [], "mask_path": "%s/seg/%s.png" % (folder, name)},
        "inst": {"_cls": "Detections", "detections": [
            {"_id": ObjectId(), "_cls": "Detection", "label": "o", "mask_path": "%s/inst/%s_%d.png" % (folder, name, i)}
            for i in range(2)] + [{"_id": ObjectId(), "_cls": "Detection", "label": "without"}]},
        "heat_column": {"_id": ObjectId(), "_cls": "Heatmap", "map_path": "%s/heat/%s.png" % (folder, name)},
        "cls": {"_id": ObjectId(), "_cls": "Classification", "label": "%s/not/a/path" % folder},
    }


def content(db):
    """All but the bookkeeping, with the order of keys."""
    return {
        n: sorted((repr(d) for d in db[n].find()), key=str)
        for n in db.list_collection_names() if not n.startswith("migrator.")
    }
