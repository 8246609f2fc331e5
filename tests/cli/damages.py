"""What can be wrong with a database: each function does one damage to 1.22.1-A of the corpus."""
from bson import ObjectId


def dataset(tool, name):
    return tool.db.datasets.find_one({"name": name})


def change(tool, name, update):
    assert tool.db.datasets.update_one({"name": name}, update).modified_count == 1


def samples(tool, name):
    return tool.db[dataset(tool, name)["sample_collection_name"]]


def frames(tool, name):
    return tool.db[dataset(tool, name)["frame_collection_name"]]


IMAGES, VIDEO = "quickstart images", "street-video"


def clips_of(tool):
    return tool.db.datasets.find_one({"sample_collection_name": {"$regex": "^clips"}})


def no_evaluations(tool):
    change(tool, IMAGES, {"$unset": {"evaluations": 1}})


def inline_run(tool):
    run = tool.db.runs.find_one({"key": "eval"})
    tool.db.runs.delete_one(run)
    change(tool, IMAGES, {"$set": {"evaluations.eval": {"key": "eval", "results": None}}})


def no_slug(tool):
    change(tool, IMAGES, {"$unset": {"slug": 1}})


def field_without_db_field(tool):
    change(tool, IMAGES, {"$unset": {"sample_fields.0.db_field": 1}})


def old_similarity(tool):
    i = dataset(tool, IMAGES)["brain_methods"]["img_sim"]
    tool.db.runs.update_one({"_id": i}, {"$set": {"config.cls": "fiftyone.brain.similarity.SimilarityConfig"}})


def sample_without_dataset(tool):
    c = samples(tool, IMAGES)
    c.update_one({"_id": c.find_one()["_id"]}, {"$unset": {"_dataset_id": 1}})


def sample_of_another_dataset(tool):
    samples(tool, IMAGES).update_one({}, {"$set": {"_dataset_id": dataset(tool, "plain")["_id"]}})


def sample_of_no_dataset(tool):
    samples(tool, IMAGES).update_one({}, {"$set": {"_dataset_id": ObjectId()}})


def frames_of_clips(tool):
    frames(tool, VIDEO).update_many({}, {"$set": {"_dataset_id": clips_of(tool)["_id"]}})


def frame_without_sample(tool):
    frames(tool, VIDEO).update_one({}, {"$set": {"_sample_id": ObjectId()}})


def lost_sample(tool):
    samples(tool, VIDEO).delete_many({})


def old_media_type(tool):
    samples(tool, IMAGES).update_many({}, {"$rename": {"_media_type": "media_type"}})


def wrapped_twice(tool):
    c = samples(tool, IMAGES)
    c.update_many({"line.points": {"$exists": True}}, [{"$set": {"line.points": ["$line.points"]}}])


def listed_wrapped_twice(tool):
    wrap = {"$map": {"input": "$poly.polylines", "in": {"$mergeObjects": ["$$this", {"points": ["$$this.points"]}]}}}
    samples(tool, IMAGES).update_many({"poly.polylines": {"$exists": True}}, [{"$set": {"poly.polylines": wrap}}])


def not_wrapped(tool):
    first = {"$arrayElemAt": ["$line.points", 0]}
    samples(tool, IMAGES).update_many({"line.points": {"$exists": True}}, [{"$set": {"line.points": first}}])


def no_run(tool):
    tool.db.runs.delete_one({"key": "uniq"})


def no_view(tool):
    tool.db.views.delete_one({"name": "only cats"})


def no_workspace(tool):
    tool.db.workspaces.delete_many({})


def run_of_another(tool):
    tool.db.runs.update_one({"key": "uniq"}, {"$set": {"_dataset_id": dataset(tool, "plain")["_id"]}})


def no_results(tool):
    tool.db["fs.files"].delete_one({"_id": tool.db.runs.find_one({"key": "eval"})["results"]})


def no_chunks(tool):
    tool.db["fs.chunks"].delete_many({"files_id": tool.db.runs.find_one({"key": "eval"})["results"]})


def results_cut(tool):
    file = tool.db.runs.find_one({"key": "eval"})["results"]
    tool.db["fs.files"].update_one({"_id": file}, {"$inc": {"length": 5}})


def no_samples(tool):
    samples(tool, "plain").drop()


def no_frame_collection_name(tool):
    change(tool, VIDEO, {"$unset": {"frame_collection_name": 1}})


def clips_without_source(tool):
    tool.db.datasets.update_one({"_id": clips_of(tool)["_id"]}, {"$set": {"frame_collection_name": "frames.gone"}})


def parked(tool):
    i = dataset(tool, IMAGES)["_id"]
    change(tool, IMAGES, {"$set": {"version": "9999.0+migrating"}})
    tool.db["migrator.journal"].insert_one({"_id": {"dataset": i}, "from": "0.9.4", "to": "1.22.1"})


def interrupted(tool):
    tool.db["migrator.journal"].insert_one({"_id": "run", "target": "1.22.1"})


def older_version(tool):
    change(tool, IMAGES, {"$set": {"version": "0.18.0"}})


def two_names(tool):
    tool.db.datasets.drop_index("name_1")
    change(tool, "plain", {"$set": {"name": IMAGES}})


def two_slugs(tool):
    change(tool, "plain", {"$set": {"slug": dataset(tool, IMAGES)["slug"]}})


def nameless_field(tool):
    change(tool, IMAGES, {"$unset": {"sample_fields.1.name": 1}})


def typeless_field(tool):
    change(tool, IMAGES, {"$unset": {"sample_fields.1.ftype": 1}})


def field_twice(tool):
    fields = dataset(tool, IMAGES)["sample_fields"]
    change(tool, IMAGES, {"$set": {"sample_fields": [*fields, fields[0]]}})


def no_fields(tool):
    change(tool, IMAGES, {"$unset": {"sample_fields": 1}})


def two_configs(tool):
    tool.db.config.insert_one({"version": "1.22.1", "type": "fiftyone"})


def strange_database_version(tool):
    tool.db.config.update_one({}, {"$set": {"version": "new"}})


def no_config(tool):
    tool.db.config.drop()


def strange_version(tool):
    change(tool, IMAGES, {"$set": {"version": "new"}})


def version_of_another_type(tool):
    change(tool, IMAGES, {"$set": {"version": 1.22}})


def stray_run(tool):
    tool.db.runs.insert_one({"_dataset_id": ObjectId(), "key": "x"})


def forgotten_run(tool):
    change(tool, IMAGES, {"$unset": {"brain_methods.uniq": 1}})


def stray_collection(tool):
    tool.db["samples.gone"].insert_one({})


def old_operation(tool):
    tool.db.delegated_ops.update_one(
        {"dataset_id": dataset(tool, IMAGES)["_id"], "log_path": {"$exists": True}},
        {"$rename": {"log_path": "run_link"}, "$set": {"x": 1}},
    )
    tool.db.delegated_ops.update_one({"x": 1}, {"$set": {"run_link": "/logs/a.log"}})


def wrapped_three_times(tool):
    c = samples(tool, IMAGES)
    c.update_many({"line.points": {"$exists": True}}, [{"$set": {"line.points": [["$line.points"]]}}])


def wrapped_with_another(tool):
    c = samples(tool, IMAGES)
    c.update_many({"line.points": {"$exists": True}}, [{"$set": {"line.points": ["$line.points", "$line.points"]}}])


def results_gone_for_good(tool):
    file = tool.db.runs.find_one({"key": "eval"})["results"]
    tool.db["fs.files"].delete_one({"_id": file})
    tool.db["fs.chunks"].delete_many({"files_id": file})


def no_index_of_datasets(tool):
    tool.db.datasets.drop_index("sample_collection_name_1")


def no_index_of_frames(tool):
    frames(tool, VIDEO).drop_index("_sample_id_1_frame_number_1")
    frames(tool, VIDEO).drop_index("created_at_1")


def shared_run(tool):
    run = tool.db.runs.find_one({"key": "uniq"})["_id"]
    change(tool, "plain", {"$set": {"brain_methods.mine": run}})


def slug_taken(tool):
    change(tool, IMAGES, {"$unset": {"slug": 1}})
    change(tool, "plain", {"$set": {"slug": "quickstart-images"}})


def different_fields_of_one_name(tool):
    fields = dataset(tool, IMAGES)["sample_fields"]
    change(tool, IMAGES, {"$set": {"sample_fields": [*fields, {**fields[0], "description": "another"}]}})


def run_is_no_id(tool):
    change(tool, IMAGES, {"$set": {"brain_methods.uniq": "uniq"}})


def two_datasets_of_one_collection(tool):
    tool.db.datasets.drop_index("sample_collection_name_1")
    change(tool, "plain", {"$set": {"sample_collection_name": dataset(tool, IMAGES)["sample_collection_name"]}})


def without_name(tool):
    change(tool, IMAGES, {"$unset": {"name": 1}})


def newer(tool):
    change(tool, IMAGES, {"$set": {"version": "1.99.0"}})


def without_times(tool):
    samples(tool, "plain").update_many({}, {"$unset": {"created_at": 1}})


def samples_are_a_view(tool):
    name = samples(tool, "plain").name
    samples(tool, "plain").rename("elsewhere")
    tool.db.create_collection(name, viewOn="elsewhere", pipeline=[])


def second(tool, collection, field, **changes):
    """One more, which the dataset names, too."""
    one = tool.db[collection].find_one({"_dataset_id": dataset(tool, IMAGES)["_id"]})
    one.update(_id=ObjectId(), **changes)
    tool.db[collection].insert_one(one)
    change(tool, IMAGES, {"$push": {field: one["_id"]}})


def two_views_of_one_name(tool):
    second(tool, "views", "saved_views")


def two_workspaces_of_one_slug(tool):
    second(tool, "workspaces", "workspaces", name="another")
