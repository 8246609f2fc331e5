#!/usr/bin/env python3
"""Runs the real ``fiftyone`` command with this project's deliberate differences.

    patched_peer.py migrate ARGUMENTS...      (needs the real fiftyone 1.22.1)

The migrations that run are those of the installed package.  Only the points
at which this project decided to differ are replaced, one function below for
each; its comment names the rule and says why.  ``README.md`` lists which cases
meet which rule.  A revision that is not named here runs unchanged.

Like ``tools/real_runner.py`` this prints the traceback of every error that
``--error-level`` turns into a warning, and leaves without the exit handlers,
which would delete non-persistent datasets.

The order in which revisions read and write does not matter here: what counts
is the database when all is done.
"""
import copy
import dataclasses
import importlib
import os
import sys
import traceback

RUN_FIELDS = ("annotation_runs", "brain_methods", "evaluations")


def revision(version, admin=False):
    return importlib.import_module(
        "fiftyone.migrations.revisions.%sv%s"
        % ("admin." if admin else "", version.replace(".", "_"))
    )


def load(db, name):
    return db.datasets.find_one({"name": name})


def save(db, doc):
    db.datasets.replace_one({"_id": doc["_id"]}, doc)


def is_clips(doc):
    return (doc.get("sample_collection_name") or "").startswith("clips.")


# -- the runner


def guards_first(runner):
    """Rule "guards" (design, execution; 0.17.0 and 1.0.0 DIVERGE): a dataset
    that some revision on its way refuses is refused before the first of them
    has run.  The original undoes eight revisions of a grouped dataset and then
    refuses it under its old version number.

    No earlier revision of the same way changes what these two guards read, so
    they can be asked on the document as it is.
    """
    import fiftyone.core.odm as foo

    groups = ("group_field", "group_media_types", "default_group_slice")

    def guard(name, destination):
        doc = load(foo.get_db_conn(), name)
        if doc is None or runner._migrations_disabled():
            return
        head = doc.get("version") or "0.0"
        if destination is None:
            if runner._can_skip_migration(head):
                return
            destination = runner.get_database_revision()
        path = runner.MigrationRunner(head, destination)
        if path.direction == "down" and "0.17.0" in path.revisions:
            if any(doc.get(k) for k in groups):
                raise ValueError(
                    "Cannot migrate dataset '%s' below v0.17.0 because groups were "
                    "not supported before this release" % name
                )
        if path.direction == "up" and "1.0.0" in path.revisions:
            for fields in ("sample_fields", "frame_fields"):
                # works on a copy: only its refusal is wanted
                revision("1.0.0")._up_fields(name, copy.deepcopy(doc.get(fields) or []))

    return guard


def patch_runner():
    import eta.core.utils as etau
    import fiftyone.core.odm as foo
    import fiftyone.migrations.runner as runner

    guard = guards_first(runner)
    migrate = runner._migrate_dataset_if_necessary

    def run(self, dataset_name, verbose=False):
        """Rule "rename" (0.19.0 DIVERGE): follow ``_id``.  v0.19.0 may give the
        dataset another name, under which the revisions after it must find it."""
        conn = foo.get_db_conn()
        _id = load(conn, dataset_name)["_id"]
        for rev, module in self._revisions:
            if verbose:
                runner.logger.info("Running v%s %s migration", rev, self.direction)
            name = conn.datasets.find_one({"_id": _id})["name"]
            etau.get_function(self.direction, module)(conn, name)

    def migrate_dataset(name, destination, verbose):
        guard(name, destination)
        conn = foo.get_db_conn()
        doc = load(conn, name)
        migrate(name, destination, verbose)
        after = conn.datasets.find_one({"_id": doc["_id"]})
        if after["name"] != name:
            # rule "rename": the original records the version under the old name
            conn.datasets.update_one(
                {"_id": doc["_id"]},
                {"$set": {"version": destination or runner.get_database_revision()}},
            )

    runner._migrate_dataset_if_necessary = migrate_dataset
    runner.MigrationRunner.run = run


def patch_config():
    """Rule "type" (admin 0.15.1 DIVERGE): a database below 0.15.1 gets no
    ``type``, which clients of that age reject.  The original removes it and
    then writes it again with the version."""
    from packaging.version import Version

    import fiftyone.core.odm.database as database

    def save_config(self):
        doc = dataclasses.asdict(self)
        if Version(self.version) < Version("0.15.1"):
            del doc["type"]
        self._conn.config.replace_one({}, doc, upsert=True)

    database.DatabaseConfigDocument.save = save_config


def patch_admin_0_15_0():
    """Rule "orphans" (admin 0.15.0 DIVERGE): prune the configured database, not
    the one that is called "fiftyone"; keep what ``frame_collection_name`` names."""
    module = revision("0.15.0", admin=True)

    def up(client):
        import fiftyone as fo

        db = client[fo.config.database_name]
        used = set()
        for doc in db.datasets.find({}):
            samples = doc.get("sample_collection_name")
            if samples:
                used |= {samples, "frames." + samples}
            if doc.get("frame_collection_name"):
                used.add(doc["frame_collection_name"])
        prefixes = ("samples.", "frames.", "patches.", "clips.")
        drop = [
            c for c in db.list_collection_names() if c not in used and c.startswith(prefixes)
        ]
        if drop:
            module.logger.info(
                "Dropping %d orphan collections that were unintentionally left "
                "behind when datasets were deleted",
                len(drop),
            )
        for c in drop:
            db.drop_collection(c)

    module.up = up


# -- v0.6.2


def are_points(points):
    """Whether these are points as they were before v0.6.2: none at all, or a
    list that starts with a point.  Nothing else is wrapped, so that a second
    run finds nothing to do."""
    if points is None or points == []:
        return True
    if not isinstance(points, list) or not isinstance(points[0], list) or not points[0]:
        return False
    return not isinstance(points[0][0], list)


def wrapped(points):
    """Rule "wrap once" (0.6.2 DIVERGE b)."""
    return [points] if are_points(points) else points


def unwrapped(points):
    """Rule "intended down" of 0.6.2: one shape becomes the points, several
    cannot be kept, what is not a list of shapes (any more) stays."""
    if not isinstance(points, list) or points == [[]]:
        return points
    if not points:
        return [[]]
    first = points[0]
    if isinstance(first, list) and first and isinstance(first[0], list):
        return first if len(points) == 1 else [[]]
    return points


def edit_polylines(value, fcn):
    if not isinstance(value, dict):
        return
    if value.get("_cls") == "Polyline" and "points" in value:
        value["points"] = fcn(value["points"])
    elif value.get("_cls") == "Polylines":
        for polyline in value.get("polylines") or []:
            edit_polylines(polyline, fcn)


def edit_top_level(doc, fcn):
    for value in doc.values():
        edit_polylines(value, fcn)


def patch_0_6_2():
    """Written anew, because the points where we differ are inside its loops."""
    from bson import ObjectId

    module = revision("0.6.2")

    def up(db, name):
        # Rule "keep collections" (0.6.2 DIVERGE a): frames.<id> may be the
        # samples of a to-frames dataset; the original drops those.
        existing = set(db.list_collection_names())
        named = set()
        for d in db.datasets.find({}):
            named |= {d.get("sample_collection_name"), d.get("frame_collection_name")}
        for c in existing:
            parent = c[len("frames.") :]
            if c.startswith("frames.") and parent not in existing and c not in named:
                db[c].drop()

        doc = load(db, name)
        doc.setdefault("media_type", "image")
        doc.setdefault("frame_fields", [])
        for field in doc["sample_fields"] + doc["frame_fields"]:
            field.pop("media_type", None)
        for field in doc["sample_fields"]:
            if field["name"] == "frames" and doc["media_type"] == "video":
                field["ftype"] = "fiftyone.core.fields.EmbeddedDocumentField"
                field["subfield"] = None
                field["embedded_doc_type"] = "fiftyone.core.labels._Frames"
        save(db, doc)

        samples = db[doc["sample_collection_name"]]
        if doc["media_type"] == "image":
            for s in samples.find():
                edit_top_level(s, wrapped)
                samples.replace_one({"_id": s["_id"]}, s)
            return

        frame_coll = db["frames." + doc["sample_collection_name"]]
        for s in samples.find():
            frames = s.get("frames")
            # Rule "frame map" (0.6.2, re-run): only a map of ids is what this
            # revision expects; anything else has been here before (the original
            # raises).
            if not isinstance(frames, dict) or not all(
                isinstance(v, ObjectId) for v in frames.values()
            ):
                continue
            first_frame = None
            for number, frame_id in frames.items():
                f = frame_coll.find_one({"_id": frame_id})
                if f is None:
                    continue
                if int(number) == 1:
                    first_frame = copy.deepcopy(f)
                    first_frame["_cls"] = "_FrameLabels"
                edit_top_level(f, wrapped)
                f["_sample_id"] = s["_id"]
                if not is_clips(doc):  # rule "clips"
                    frame_coll.replace_one({"_id": frame_id}, f)
            summary = {
                "_cls": "_Frames",
                "frame_count": len(frames),
                "first_frame": first_frame,
            }
            samples.update_one({"_id": s["_id"]}, {"$set": {"frames": summary}})

    def down(db, name):
        # Rule "intended down" of 0.6.2: the original always raises at its end
        # (a driver call that is gone), unwraps no sample, and never stores the
        # map of frames that it builds.
        doc = load(db, name)
        video = doc.get("media_type") == "video"
        for field in doc["sample_fields"] + (doc.get("frame_fields") or []):
            field["media_type"] = None
            if field["name"] == "frames" and video:
                field["ftype"] = "fiftyone.core.fields.FramesField"
                field["subfield"] = "fiftyone.core.fields.ReferenceField"
                field["embedded_doc_type"] = None
        doc.pop("version", None)
        save(db, doc)

        samples = db[doc["sample_collection_name"]]
        frame_name = "frames." + doc["sample_collection_name"]
        frame_coll = db[frame_name]
        write_frames = not is_clips(doc)  # rule "clips"
        for s in samples.find():
            edit_top_level(s, unwrapped)
            if video:
                frames = frame_coll.find({"_sample_id": s["_id"]}).sort("frame_number", 1)
                s["frames"] = {str(f["frame_number"]): f["_id"] for f in frames}
            samples.replace_one({"_id": s["_id"]}, s)
        if not write_frames or frame_name not in db.list_collection_names():
            return
        # Frames without _sample_id collide in the unique index that newer
        # clients make on (_sample_id, frame_number); the 0.6 clients know no
        # such index and would not be able to add a frame.  So it goes first.
        for ix in list(frame_coll.list_indexes()):
            if ix.get("unique") and "_sample_id" in ix["key"]:
                frame_coll.drop_index(ix["name"])
        for f in frame_coll.find():
            edit_top_level(f, unwrapped)
            f.pop("_sample_id", None)
            frame_coll.replace_one({"_id": f["_id"]}, f)

    module.up, module.down = up, down


# -- v0.7.2 to v0.13.0


def patch_0_7_2():
    """Rule "no media type" (0.7.2 DIVERGE): absent = not video, no error.
    Rule "no writes": nothing to write is no error.  Rule "one frames field"
    (0.7.2 DIVERGE): not added a second time."""
    import pymongo.collection

    bulk_write = pymongo.collection.Collection.bulk_write

    def tolerant(self, requests, *args, **kwargs):
        if requests:
            return bulk_write(self, requests, *args, **kwargs)

    pymongo.collection.Collection.bulk_write = tolerant

    module = revision("0.7.2")
    original_up, original_down = module.up, module.down

    def up(db, name):
        if "media_type" in load(db, name):
            original_up(db, name)

    def down(db, name):
        doc = load(db, name)
        if "media_type" not in doc:
            return
        had = any(f["name"] == "frames" for f in doc["sample_fields"])
        original_down(db, name)
        if had and doc["media_type"] == "video":
            doc = load(db, name)
            doc["sample_fields"].pop()  # the one that was appended
            save(db, doc)

    module.up, module.down = up, down


def patch_0_7_4():
    """Rule "old shape only" (0.7.4 DIVERGE): run documents that already have
    the shape aimed at (or live in their own collection) are left alone; keys
    that are not there are no error.  Written anew: it is two short loops."""
    module = revision("0.7.4")
    moved = ("pred_field", "gt_field")

    def up(db, name):
        doc = load(db, name)
        doc.setdefault("evaluations", {})
        for run in doc["evaluations"].values():
            if not isinstance(run, dict) or "eval_key" not in run:
                continue
            run["key"] = run.pop("eval_key")
            run["timestamp"] = None
            if isinstance(run.get("config"), dict):
                run["config"].update({k: run.pop(k) for k in moved if k in run})
        doc.setdefault("brain_methods", {})
        save(db, doc)

    def down(db, name):
        doc = load(db, name)
        doc.setdefault("evaluations", {})
        for run in doc["evaluations"].values():
            if not isinstance(run, dict) or "key" not in run:
                continue
            run["eval_key"] = run.pop("key")
            run.pop("timestamp", None)
            if isinstance(run.get("config"), dict):
                run.update({k: run["config"].pop(k) for k in moved if k in run["config"]})
        doc.pop("brain_methods", None)
        save(db, doc)

    module.up, module.down = up, down


def patch_inline_runs_only():
    """Rule "inline runs only" (0.8.0, 0.11.2, 0.13.0; 0.13.0 DIVERGE for
    ``config: null``): run values that are no documents (they moved to their
    own collection) are left alone, a null configuration is skipped.  The
    original raises."""

    def hide(original, applies):
        def fcn(db, name):
            doc = load(db, name)
            runs = {}
            for field in ("evaluations", "brain_methods"):
                if isinstance(doc.get(field), dict):
                    runs[field] = doc[field]
                    doc[field] = {k: r for k, r in doc[field].items() if applies(r)}
            if all(len(runs[f]) == len(doc[f]) for f in runs):
                original(db, name)
                return
            save(db, doc)
            original(db, name)
            doc = load(db, name)
            for field, all_runs in runs.items():
                doc[field] = {k: doc[field].get(k, r) for k, r in all_runs.items()}
            save(db, doc)

        return fcn

    def inline(run):
        return isinstance(run, dict)

    def configured(run):
        return isinstance(run, dict) and isinstance(run.get("config", {}), dict)

    for version, applies in (("0.8.0", inline), ("0.11.2", inline), ("0.13.0", configured)):
        module = revision(version)
        module.up = hide(module.up, applies)
        module.down = hide(module.down, applies)


# -- v0.16.0 to v0.19.0


def patch_0_16_0():
    """Rule "schemas once" (0.16.0 DIVERGE): ``fields`` only where absent, and
    ``app_sidebar_groups`` only where neither it nor ``app_config`` exists."""
    module = revision("0.16.0")
    original = module.up

    def up(db, name):
        before = load(db, name)
        original(db, name)
        doc = load(db, name)
        for fields in ("sample_fields", "frame_fields"):
            for old, new in zip(before.get(fields, []), doc.get(fields, [])):
                if "fields" in old:
                    new["fields"] = old["fields"]
        if "app_sidebar_groups" in before:
            doc["app_sidebar_groups"] = before["app_sidebar_groups"]
        elif "app_config" in before:
            del doc["app_sidebar_groups"]
        save(db, doc)

    module.up = up


def patch_0_17_0():
    """Rule "null is absent" (0.17.0 DIVERGE): ``app_config: null`` gets the
    default, in its place."""
    module = revision("0.17.0")
    original = module.up

    def up(db, name):
        doc = load(db, name)
        if "app_config" not in doc or doc["app_config"] is not None:
            original(db, name)
            return
        before = [k for k in doc if k != "app_sidebar_groups"]
        del doc["app_config"]
        save(db, doc)
        original(db, name)
        doc = load(db, name)
        order = before + [k for k in doc if k not in before]
        save(db, {k: doc[k] for k in order})

    module.up = up


def patch_0_18_0():
    """Rule "null is empty" (0.18.0 DIVERGE): ``fields: null``."""
    module = revision("0.18.0")

    def recursive(edit):
        def walk(field):
            edit(field)
            for nested in field.get("fields") or []:
                walk(nested)

        return walk

    def add(field):
        field.setdefault("description", None)
        field.setdefault("info", None)

    def remove(field):
        field.pop("description", None)
        field.pop("info", None)

    module._add_metadata = recursive(add)
    module._remove_metadata = recursive(remove)


def patch_0_19_0():
    """Rule "dangling runs" (0.19.0 DIVERGE): on the way down a run without its
    document is dropped from the map."""
    from bson import ObjectId

    module = revision("0.19.0")
    original = module._down_runs

    def down_runs(db, doc, field):
        for key, run_id in list((doc.get(field) or {}).items()):
            if isinstance(run_id, ObjectId) and db.runs.find_one({"_id": run_id}) is None:
                print("warning: run '%s' of %s has no document" % (key, field), file=sys.stderr)
                del doc[field][key]
        original(db, doc, field)

    module._down_runs = down_runs


# -- v0.20.0 and later


def patch_0_20_0():
    """Rule "dangling runs" (0.20.0 DIVERGE): skipped.  Rule "clips" (0.20.0
    DIVERGE): the frames of a clips dataset are its source's."""
    module = revision("0.20.0")
    original_up, original_runs = module.up, module._update_runs

    def update_runs(db, doc, field, *args):
        found = {
            k: i
            for k, i in (doc.get(field) or {}).items()
            if db.runs.find_one({"_id": i}) is not None
        }
        original_runs(db, {field: found}, field, *args)

    def up(db, name):
        doc = load(db, name)
        if not is_clips(doc) or "frame_collection_name" not in doc:
            original_up(db, name)
            return
        # Without a name for them the original leaves the frames alone.
        key = {"_id": doc["_id"]}
        db.datasets.update_one(key, {"$set": {"frame_collection_name": None}})
        original_up(db, name)
        db.datasets.update_one(
            key, {"$set": {"frame_collection_name": doc["frame_collection_name"]}}
        )

    module.up, module._update_runs = up, update_runs


def patch_0_23_0():
    """Rule "colour scheme id" (0.23.0 DIVERGE): an existing ``_id`` stays."""
    module = revision("0.23.0")
    original = module.up

    def up(db, name):
        before = load(db, name)
        original(db, name)
        old = ((before.get("app_config") or {}).get("color_scheme") or {}).get("_id")
        if old is not None:
            db.datasets.update_one(
                {"_id": before["_id"]}, {"$set": {"app_config.color_scheme._id": old}}
            )

    module.up = up


def patch_1_0_0():
    """Rule "clips" (1.0.0 DIVERGE), as in v0.20.0."""
    module = revision("1.0.0")
    original = module._up_field_values

    def up_field_values(db, name, collection, *args):
        if is_clips(load(db, name)) and collection.startswith("frames."):
            return
        original(db, name, collection, *args)

    module._up_field_values = up_field_values


def patch_1_13_0():
    """Rule "null is empty" (1.13.0 DIVERGE): ``fields: null``."""
    module = revision("1.13.0")
    original = module.up

    def up(db, name):
        doc = load(db, name)
        fields = doc.get("sample_fields") or []
        nulls = [f for f in fields if "fields" in f and f["fields"] is None]
        if not nulls:
            original(db, name)
            return
        names = [f["name"] for f in nulls]
        for f in nulls:
            f["fields"] = []
        save(db, doc)
        original(db, name)
        doc = load(db, name)
        for f in doc["sample_fields"]:
            if f["name"] in names:
                f["fields"] = None
        save(db, doc)

    module.up = up


def patch_all():
    patch_runner()
    patch_config()
    patch_admin_0_15_0()
    patch_0_6_2()
    patch_0_7_2()
    patch_0_7_4()
    patch_inline_runs_only()
    patch_0_16_0()
    patch_0_17_0()
    patch_0_18_0()
    patch_0_19_0()
    patch_0_20_0()
    patch_0_23_0()
    patch_1_0_0()
    patch_1_13_0()


def main(argv):
    import fiftyone.core.cli as cli
    import fiftyone.core.utils as fou

    patch_all()
    handle_error = fou.handle_error

    def report(error, error_level, base_error=None):
        traceback.print_exception(type(error), error, error.__traceback__)
        return handle_error(error, error_level, base_error=base_error)

    fou.handle_error = report
    sys.argv = ["fiftyone"] + argv
    cli.main()


if __name__ == "__main__":
    status = 0
    try:
        main(sys.argv[1:])
    except SystemExit as e:
        status = int(e.code or 0)
    except BaseException:
        traceback.print_exc()
        status = 1
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)
