"""Loading, the gate, lazy upgrades, and what datasets tell."""
import concurrent.futures
import datetime
import json
import os
import re
import signal
import subprocess
import sys
import time

import pytest
from datasets import NOW, PACKAGE, ROOT, three_samples

import fiftyone_migrator as fm
import fiftyone_migrator.storage as fos

DOCS = "See https://docs.voxel51.com/user_guide/config.html#database-migrations for more information"


def message(info):
    return info.value.args[0]


def test_a_dataset_tells_what_it_is(place):
    dataset = place.add("a", three_samples(), tags=["t"], info={"k": 1})
    assert (dataset.name, dataset.version, dataset.media_type, dataset.tags) == ("a", fm.DATA_MODEL, "image", ["t"])
    assert len(dataset) == dataset.count() == 3 and dataset.count("gt.detections") == 2 and bool(dataset)
    assert list(dataset.schema)[:3] == ["id", "filepath", "tags"] and str(dataset.schema["tags"]) == "ListField(StringField)"
    assert [s["filepath"] for s in dataset] == ["/d/0.png", "/d/1.png", "/d/2.png"]
    assert dataset.first() == place.samples(dataset)[0]
    assert not dataset.persistent
    dataset.persistent = True
    dataset.info["more"] = [1, {"x": None}]
    dataset.save()
    stored = place.raw.datasets.find_one()
    assert stored["persistent"] is True and stored["info"] == {"k": 1, "more": [1, {"x": None}]}
    assert stored["last_modified_at"].year > 2025


def test_a_renamed_dataset_stays_the_same(place):
    dataset = place.add("a", three_samples())
    place.raw.datasets.update_one({}, {"$set": {"name": "b"}})
    assert len(dataset) == 3 and dataset.name == "b"


def test_listing(place):
    place.add("b", [], tags=["x"])
    place.add("a", three_samples(), persistent=True)
    hidden = place.add("made by a view", [])
    place.raw.datasets.update_one({"name": hidden.name}, {"$set": {"sample_collection_name": "patches.1"}})
    db = place.db
    assert db.list_datasets() == ["a", "b"]
    assert db.list_datasets(glob_patt="b*") == db.list_datasets(tags="x") == ["b"]
    assert [(d["name"], d["num_samples"], d["persistent"]) for d in db.list_datasets(info=True)] == [
        ("a", 3, True), ("b", 0, False)]
    assert db.dataset_exists("a") and not db.dataset_exists("c")


def test_what_is_not_there(place):
    for call in place.db.load_dataset, place.db.delete_dataset, place.db.get_dataset_revision, place.db.needs_migration:
        with pytest.raises(fm.DatasetNotFoundError) as e:
            call("nope")
        assert message(e) == "Dataset nope not found" and e.value.code == 10 and isinstance(e.value, ValueError)
    dataset = place.add("a", [])
    dataset.delete()
    with pytest.raises(fm.DatasetNotFoundError):
        len(dataset)


def test_deleting_takes_everything_and_nothing_else(place):
    place.restore("1.22.1-A")
    names = place.db.list_datasets()
    before = {name: place.raw[name].count_documents({}) for name in place.raw.list_collection_names()}
    for name in names:
        place.db.load_dataset(name).delete()
    left = {name: place.raw[name].count_documents({}) for name in place.raw.list_collection_names()}
    of_views = {d["sample_collection_name"] for d in place.raw.datasets.find()}
    assert of_views and all(not name.startswith("samples.") for name in left if "." in name and not name.startswith("fs"))
    for name in ("fs.files", "fs.chunks", "runs", "views", "workspaces"):
        assert before[name] > 0 and left.get(name, 0) == 0, name
    assert left["config"] == before["config"] and not any(n.startswith("migrator.") for n in left)


def test_shared_frames_stay_until_their_last_dataset_goes(place):
    for name in "source", "clips":
        place.add(name, [], media_type="video", frame_collection_name="frames.samples.1",
                  frames=[{"frame_number": 1}] if name == "source" else None)
    place.db.delete_dataset("clips")
    assert place.raw["frames.samples.1"].count_documents({}) == 1
    place.db.delete_dataset("source")
    assert "frames.samples.1" not in place.raw.list_collection_names()


# -- the gate


@pytest.mark.parametrize(
    "version, admin, text",
    [
        ("0.18.0", None, "Cannot connect to database v0.18.0 with client v1.22.1 (compatibility >=0.19,<2). " + DOCS),
        ("0.18.0", False, "Cannot connect to database v0.18.0 with client v1.22.1 (compatibility >=0.19,<2). " + DOCS),
        ("2.0.0", False, "Cannot connect to database v2.0.0 with client v1.22.1 (compatibility >=0.19,<2). " + DOCS),
        ("2.0.0", None, "You must have fiftyone>=2.0.0 installed in order to migrate from v2.0.0 to v1.22.1, but you are "
         "currently running fiftyone==1.22.1.\n\nSee https://docs.voxel51.com/getting_started/install.html"
         "#downgrading-fiftyone for information about downgrading FiftyOne."),
    ],
)
def test_an_incompatible_database_is_refused_every_time(place, version, admin, text):
    place.add("a", three_samples())
    dataset = place.db.load_dataset("a")
    place.raw.config.insert_one({"version": version, "type": "fiftyone"})
    db = place.with_settings(database_admin=admin)
    before = list(place.raw.datasets.find())
    for call in (lambda: db.load_dataset("a"), db.list_datasets, lambda: db.dataset_exists("a"), lambda: db.delete_dataset("a")):
        for _ in range(2):
            with pytest.raises(fm.errors.IncompatibleError) as e:
                call()
            assert message(e) == text and isinstance(e.value, OSError) and e.value.remedy
    if admin is None:  # the one that was open before is refused as well
        with pytest.raises(fm.errors.IncompatibleError):
            dataset.values("filepath")
    assert list(place.raw.datasets.find()) == before and place.raw.config.find_one()["version"] == version


def test_other_refusals(place):
    place.add("a", [])
    place.raw.config.insert_one({"version": "1.22.1", "type": "other"})
    with pytest.raises(ConnectionError) as e:
        place.db.list_datasets()
    assert message(e) == "Cannot connect to database type 'other' with client type 'fiftyone'"
    place.raw.config.update_one({}, {"$set": {"type": "fiftyone", "version": "junk"}})
    with pytest.raises(fm.errors.IncompatibleError):
        place.db.load_dataset("a")
    unreachable = fm.Database("mongodb://127.0.0.1:9/?serverSelectionTimeoutMS=200", "x")
    for _ in range(2):
        with pytest.raises(fm.errors.UnreachableError) as e:
            unreachable.list_datasets()
        assert "Could not connect to `mongod`" in message(e) and e.value.code == 5


@pytest.mark.parametrize("version", ["0.19", "0.22.3", "1.0", "1.30.0.dev1", "1.99.0", "1.22.1"])
def test_compatible_databases_open_and_stay(place, version):
    place.raw.config.insert_one({"version": version, "type": "fiftyone"})
    place.add("a", three_samples(), version=version)
    assert len(place.db.load_dataset("a")) == 3
    assert place.raw.config.find_one()["version"] == version and place.raw.datasets.find_one()["version"] == version


def test_a_compatible_dataset_opens_below_a_newer_database(place):
    place.raw.config.insert_one({"version": "1.30.0", "type": "fiftyone"})
    place.add("a", three_samples(), version="1.22.1")
    assert place.db.load_dataset("a").version == "1.22.1"


# -- lazy upgrades


def test_old_datasets_are_upgraded_when_they_are_loaded(place):
    place.restore("0.14.4-A")
    place.db.migrate_database_if_necessary()
    assert place.db.get_database_revision() == "1.22.1" and set(place.db.get_datasets_revisions().values()) == {"0.14.4"}
    assert place.db.needs_migration("plain") and not place.db.needs_migration("plain", "0.14.4")
    said = []
    dataset = place.db.load_dataset("plain", progress=lambda phase, done, total: said.append((phase, done, total)))
    assert dataset.version == "1.22.1" and len(dataset) == 5 and dataset.values("created_at")[0].year == 2026
    assert place.db.get_dataset_revision("street-video") == "0.14.4"
    assert not place.db.needs_migration("plain")
    # The same as a whole migration makes of it.
    place.db.migrate_all()
    assert set(place.db.get_datasets_revisions().values()) == {"1.22.1"}
    assert place.db.verify()["problems"] == 0
    assert {n for n in place.raw.list_collection_names() if n.startswith("migrator.")} <= {
        "migrator.history", "migrator.residue", "migrator.residue.members"}


def test_a_load_never_goes_down(place):
    place.raw.config.insert_one({"version": "1.4.0", "type": "fiftyone"})
    place.add("a", three_samples(), version="1.22.1")
    assert place.db.load_dataset("a").version == "1.22.1"


def test_without_admin_compatible_datasets_stay_and_others_are_upgraded(place):
    place.restore("0.22.3-A")
    place.raw.config.update_one({}, {"$set": {"version": "1.22.1"}})
    db = place.with_settings(database_admin=False)
    name = db.list_datasets()[0]
    assert db.load_dataset(name).version == "0.22.3"
    place.raw.datasets.update_one({"name": name}, {"$set": {"version": "9999.0+migrating"}})
    with pytest.raises(fm.errors.PreconditionError):
        db.load_dataset(name)


def test_who_may_not_finish_an_abandoned_run_is_told_who_can(place):
    place.restore("0.14.4-A")
    place.raw.config.insert_one({"version": "1.22.1", "type": "fiftyone"})
    place.raw["migrator.journal"].insert_one({
        "_id": "run", "run": "20260102-030405-abcd", "target": "1.22.1", "request": "", "now": NOW, "seed": b"x" * 16,
        "host": "elsewhere", "pid": 7})
    before = list(place.raw.datasets.find())
    with pytest.raises(fm.errors.PreconditionError) as e:
        place.with_settings(database_admin=False).load_dataset("plain")
    text = str(e.value)
    assert "Dataset 'plain' cannot be upgraded yet: it waits for what was interrupted, run 20260102-030405-abcd" in text
    assert "a migration to v1.22.1, begun 2026-01-02 03:04:05 UTC by process 7 on host elsewhere" in text
    assert "Ask an admin: 'fiftyone-migrator migrate' finishes it first" in text
    assert list(place.raw.datasets.find()) == before
    assert place.db.load_dataset("plain").version == "1.22.1"


def test_loading_clips_upgrades_their_source(place):
    place.restore("0.22.3-A")
    place.raw.config.update_one({}, {"$set": {"version": "1.22.1"}})
    clips = place.raw.datasets.find_one({"sample_collection_name": {"$regex": r"^clips\."}})
    source = place.raw.datasets.find_one(
        {"frame_collection_name": clips["frame_collection_name"], "sample_collection_name": {"$regex": r"^samples\."}})
    place.db.load_dataset(clips["name"])
    assert place.raw.datasets.find_one({"_id": source["_id"]})["version"] == "1.22.1"


def test_what_a_migration_has_half_way_is_refused(place):
    dataset = place.add("a", three_samples())
    place.raw.datasets.update_one({}, {"$set": {"version": "9999.0+migrating"}})
    for call in (lambda: place.db.load_dataset("a"), lambda: dataset.values("id"), lambda: place.db.delete_dataset("a"),
                 lambda: dataset.set_values("i", [1, 2, 3])):
        with pytest.raises((fm.errors.PreconditionError, RuntimeError)) as e:
            call()
        assert "half-way" in message(e)


def test_two_processes_load_at_once(place):
    place.restore("0.14.4-A")
    place.db.migrate_database_if_necessary()
    code = "import fiftyone_migrator as fm\nfor n in fm.list_datasets(): print(n, fm.load_dataset(n).version)"
    with concurrent.futures.ThreadPoolExecutor() as pool:
        outs = list(pool.map(lambda _: place.run(code), range(2)))
    assert outs[0] == outs[1] and outs[0].count("1.22.1") == 7
    assert place.db.verify()["problems"] == 0
    ids = [id for d in place.raw.datasets.find() for key in ("annotation_runs", "brain_methods", "evaluations", "runs") for id in d.get(key, {}).values()]
    assert len(ids) == place.raw.runs.count_documents({}) > 0


def test_a_load_waits_for_a_run_and_says_whose_it_is(place):
    place.restore("0.14.4-A")
    place.db.migrate_database_if_necessary()
    now = datetime.datetime.now(datetime.timezone.utc)
    lease = {"_id": "lease", "owner": "x", "host": "elsewhere", "pid": 1, "process": "other", "started": now}
    place.raw["migrator.lease"].insert_one({**lease, "expires": now + datetime.timedelta(seconds=3)})
    start = time.monotonic()
    assert place.db.load_dataset("plain").version == "1.22.1"
    assert time.monotonic() - start > 1  # it was not taken from somebody who may live


# -- migrations


def test_migrations_follow_the_original(place):
    place.restore("1.22.1-A")
    without_undo = place.with_settings(undo_log=False)
    with pytest.raises(fm.errors.IncompatibleError) as e:
        without_undo.migrate_all("0.23.0")
    assert "removes values for good" in message(e) and place.db.get_database_revision() == "1.22.1"
    without_undo.migrate_all("0.23.0", allow_loss=True, error_level=2)
    assert place.db.get_database_revision() == "0.23.0"
    with pytest.raises(fm.errors.IncompatibleError) as e:
        place.db.migrate_all("3.0")
    assert message(e).startswith("You must have fiftyone>=3.0 installed")
    with pytest.raises(ValueError) as e:
        place.db.migrate_all("junk")
    assert message(e) == "Invalid version: 'junk'"
    limited = place.with_settings(database_admin=False)
    with pytest.raises(OSError) as e:
        limited.migrate_database_if_necessary("1.0.0")
    assert message(e) == "Cannot migrate database from v0.23.0 to v1.0.0 when database_admin=False. " + DOCS
    name = place.db.list_datasets()[0]
    with pytest.raises(OSError) as e:
        limited.migrate_dataset_if_necessary(name, "1.0.0")
    assert message(e) == (
        "Cannot migrate dataset '%s' from v0.23.0 to v1.0.0 when database_admin=False." % name + DOCS)
    limited.migrate_dataset_if_necessary(name, "1.0.0", error_level=1)
    assert place.db.get_dataset_revision(name) == "0.23.0"


def test_disabled_migrations(place):
    place.restore("0.14.4-A")
    out = place.run(
        "import fiftyone_migrator as fm\nfm.migrate_all()\nprint(fm.load_dataset('plain').version)",
        env={"FIFTYONE_DISABLE_MIGRATIONS": "1"})
    assert out == "0.14.4\n" and place.raw.config.count_documents({}) == 0


# -- the program behind


def test_commands_give_their_results(place, tmp_path):
    place.restore("0.14.4-A")
    plan = place.db.plan()
    assert plan["target"] == "1.22.1" and place.db.get_database_revision() == "1.22.1"  # none stored
    assert place.db.plan(names=["plain"])["datasets"]
    backup = place.db.backup(tmp_path / "b", everything=True)
    assert (tmp_path / "b" / "fiftyone-migrator.json").exists() and backup
    place.db.migrate_all()
    place.db.restore(tmp_path / "b", overwrite=True)
    assert set(place.db.get_datasets_revisions().values()) == {"0.14.4"}
    with pytest.raises(fm.errors.PreconditionError):
        place.db.restore(tmp_path / "b")
    with pytest.raises(fm.errors.UsageError):
        place.db.run("no-such-command")
    assert "findings" in place.db.doctor()


def test_the_stub_says_what_the_package_has():
    import ast
    import inspect

    with open(os.path.join(os.path.dirname(fm.__file__), "__init__.pyi")) as f:
        stub = ast.parse(f.read())
    functions = {n.name: n.args for n in stub.body if isinstance(n, ast.FunctionDef)}
    assert set(functions) == set(fm._FUNCTIONS) | {"database"}
    for name, args in functions.items():
        there = inspect.signature(getattr(fm, name)).parameters.values()
        said = [a.arg for a in args.args + ([args.vararg] if args.vararg else []) + args.kwonlyargs]
        assert said == [p.name for p in there if p.name != "self"], name
        assert inspect.getdoc(getattr(fm, name)), name
    names = {alias.asname or alias.name for n in stub.body if isinstance(n, ast.ImportFrom) for alias in n.names}
    assert set(fm.__all__) <= names | set(functions) | {"config", "DATA_MODEL", "COMPATIBLE_VERSIONS"}


def stubs():
    folder = os.path.dirname(fm.__file__)
    return sorted(n[:-4] for n in os.listdir(folder) if n.endswith(".pyi") and n != "__init__.pyi")


def said(arguments):
    """(name, has a default) of each parameter of a stub, keyword-only ones apart."""
    plain = arguments.posonlyargs + arguments.args
    defaults = [False] * (len(plain) - len(arguments.defaults)) + [True] * len(arguments.defaults)
    return [(a.arg, d) for a, d in zip(plain, defaults)], {a.arg for a in arguments.kwonlyargs}


def there(function):
    import inspect

    parameters = inspect.signature(function).parameters.values()
    plain = [(p.name, p.default is not p.empty) for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD]
    return plain, {p.name for p in parameters if p.kind is p.KEYWORD_ONLY}


@pytest.mark.parametrize("module", stubs())
def test_stubs_of_modules_say_what_is_there(module):
    import ast
    import importlib
    import inspect
    import re

    loaded = importlib.import_module("fiftyone_migrator." + module)
    with open(os.path.join(os.path.dirname(fm.__file__), module + ".pyi")) as f:
        stub = ast.parse(f.read())
    classes = {n.name: n for n in stub.body if isinstance(n, ast.ClassDef)}
    public = {n for n, c in vars(loaded).items() if inspect.isclass(c) and c.__module__ == loaded.__name__ and n[0] != "_"}
    assert set(classes) >= public - {"Path"}  # an inner one of the schema
    listed, exact = set(), set()
    for node in stub.body:
        if isinstance(node, ast.FunctionDef):
            function = getattr(loaded, node.name)
            names = [p.name for p in inspect.signature(function).parameters.values() if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)]
            assert [a.arg for a in node.args.args + node.args.kwonlyargs] == names, node.name
            listed.add(node.name)
            if said(node.args) == there(function):
                exact.add(node.name)
    assert exact == listed  # of overloads one has the defaults, too
    public = {n for n, f in vars(loaded).items() if inspect.isfunction(f) and f.__module__ == loaded.__name__ and n[0] != "_"}
    assert not listed or public <= listed  # a stub of classes alone is meant so
    imported = {alias.asname for n in stub.body if isinstance(n, ast.ImportFrom) for alias in n.names}
    assert set(getattr(loaded, "__all__", ())) <= imported | listed | set(classes)
    for name, node in classes.items():
        cls = getattr(loaded, name)
        members = [m for m in node.body if isinstance(m, ast.FunctionDef)]
        if cls.__module__ == loaded.__name__:  # not PyMongo's
            own = {m for m, v in vars(cls).items() if m[0] != "_" and (callable(v) or isinstance(v, (property, classmethod)))}
            assert own <= {m.name for m in members}, name
        for member in members:
            found = inspect.getattr_static(cls, member.name)
            decorators = {ast.unparse(d) for d in member.decorator_list}
            assert isinstance(found, property) == bool({"property", member.name + ".setter"} & decorators), member.name
            if isinstance(found, property):
                assert (found.fset is not None) >= (member.name + ".setter" in decorators), member.name
            elif cls.__module__ == loaded.__name__:
                plain, keywords = said(member.args)
                plain_there, keywords_there = there(getattr(cls, member.name))
                bound = isinstance(found, (classmethod, staticmethod))
                assert plain[bound:] == plain_there, (name, member.name)
                if member.name in ("export", "from_dir"):  # their **options, as in the docstring
                    listed = set(re.findall(r"``(\w+)``", inspect.getdoc(found.__func__ if bound else found)))
                    assert keywords <= listed, keywords - listed
                elif not any(p.kind is p.VAR_POSITIONAL for p in inspect.signature(getattr(cls, member.name)).parameters.values()):
                    assert keywords == keywords_there, (name, member.name)


# -- archives


def test_an_archive_there_and_back(place, tmp_path):
    source = os.path.join(ROOT, "tests", "archives", "v1.22.1-video-reldir-tags")
    read = lambda folder, **options: fm.Dataset.from_dir(folder, database=place.db, **options)
    first = read(source, name="first")
    assert not first.persistent and len(first) == 2
    written = first.export(tmp_path / "out", export_media=False)
    assert (written["samples"], written["frames"]) == (2, 5)
    second = read(tmp_path / "out", name="second", persistent=True, on_conflict="new_ids")
    assert second.persistent and set(second.values("id")).isdisjoint(first.values("id"))
    assert second.values("frames.frame_number") == first.values("frames.frame_number")
    with pytest.raises(fm.errors.PreconditionError, match="not available"):
        read(source, name="second")
    with pytest.raises(ValueError, match="dataset_type"):
        read(source, name="third", dataset_type=str)
    with pytest.raises(TypeError, match="no option 'labels_path'"):
        read(source, name="third", labels_path="x")
    with pytest.raises(fm.errors.UsageError):
        read(source, name="third", on_conflict="whatever")
    assert place.db.list_datasets() == ["first", "second"]


def test_progress_has_one_shape(place, tmp_path):
    source = os.path.join(ROOT, "tests", "archives", "v1.22.1-video-reldir-tags")
    told = []
    tell = lambda phase, done, total: told.append((phase, done, total))
    dataset = fm.Dataset.from_dir(source, database=place.db, name="a", progress=tell)
    assert {"Importing samples", "Importing frames"} <= {phase for phase, _, _ in told}
    assert any(0 < done == total for phase, done, total in told if phase == "Importing samples")
    told.clear()
    dataset.export(tmp_path / "out", export_media=False, progress=tell)
    assert {"Exporting samples", "Exporting frames"} <= {phase for phase, _, _ in told}


@pytest.mark.parametrize("wrong", ["raises", "takes one argument"])
def test_what_a_callable_raises_stops_the_program_and_is_raised(place, tmp_path, wrong):
    source = os.path.join(ROOT, "tests", "archives", "v1.22.1-video-reldir-tags")
    dataset = fm.Dataset.from_dir(source, database=place.db, name="a")
    tell = {"raises": lambda *told: 1 / 0, "takes one argument": lambda text: None}[wrong]
    with pytest.raises(ZeroDivisionError if wrong == "raises" else TypeError):
        dataset.export(tmp_path / "out", export_media=False, use_dirs=True, progress=tell)
    assert dataset.export(tmp_path / "again", export_media=False)["samples"] == 2


def write_many(folder, n):
    """An archive of samples that are nothing but an id."""
    id = {"name": "id", "ftype": "fiftyone.core.fields.ObjectIdField", "fields": [], "db_field": "_id"}
    (folder / "metadata.json").write_text(json.dumps(
        {"name": "many", "version": "1.22.1", "media_type": "image", "sample_fields": [id], "frame_fields": []}))
    samples = ",".join('{"_id": {"$oid": "%024x"}, "text": "%s"}' % (1 << 90 | i, "x" * 100) for i in range(n))
    (folder / "samples.json").write_text('{"samples": [%s]}' % samples)


# -- living in a process


def test_settings(place, tmp_path):
    out = place.run(
        "import fiftyone_migrator as fm\nprint(fm.config.database_name, fm.config.database_admin)\n"
        "fm.config.database_admin = False\nprint(fm.config.database_admin)\n"
        "try: fm.config.databse_name = 1\nexcept AttributeError as e: print('no', e)\n"
        "fm.config.database_name = 'other'; print(fm.list_datasets(), fm.config.database_uri)\n",
        env={"HOME": str(tmp_path)})
    lines = out.splitlines()
    assert lines[:2] == [place.name + " None", "False"] or lines[:2] == [place.name + " True", "False"]
    assert lines[2].startswith("no There is no setting 'databse_name'") and lines[3].startswith("[]")


def test_secrets_are_not_shown(place):
    db = fm.Database("mongodb://me:geheim@127.0.0.1:9/?serverSelectionTimeoutMS=50", "x")
    assert "geheim" not in repr(db.settings) + repr(db)
    for call in db.list_datasets, db.plan:
        with pytest.raises(fm.errors.UnreachableError) as e:
            call()
        assert "geheim" not in str(e.value)


def test_other_threads_run_meanwhile(place):
    """The interpreter's lock is free while the server works."""
    dataset = place.add("a", [{"filepath": "/%d" % i} for i in range(10)])
    code = """
import threading, time, fiftyone_migrator as fm
dataset = fm.load_dataset("a")
turns, stop = [0], threading.Event()
def count():
    while not stop.is_set():
        turns[0] += 1
        time.sleep(0.001)
t = threading.Thread(target=count); t.start()
slow = {"$function": {"body": "function() { sleep(100); return 1; }", "args": [], "lang": "js"}}
before = turns[0]
list(fm.database()._core.find(dataset._samples(), [{"$project": {"x": slow}}]))
print(turns[0] - before)
stop.set(); t.join()
"""
    assert int(place.run(code)) > 100


@pytest.mark.parametrize("how", ["find", "load", "import"])
def test_ctrl_c_ends_long_work(place, tmp_path, how):
    place.add("a", [{"filepath": "/%d" % i} for i in range(100)])
    place.raw.config.insert_one({"version": "1.22.1", "type": "fiftyone"})
    if how == "load":  # it waits for a lease that somebody holds
        place.raw.datasets.update_one({}, {"$set": {"version": "0.14.4"}})
        now = datetime.datetime.now(datetime.timezone.utc)
        place.raw["migrator.lease"].insert_one(
            {"_id": "lease", "owner": "x", "host": "elsewhere", "pid": 1, "process": "other", "started": now,
             "expires": now + datetime.timedelta(seconds=25)})
        work = "fm.load_dataset('a')"
    elif how == "import":  # only this process gets the signal, as from a notebook
        write_many(tmp_path, 200000)
        work = "fm.Dataset.from_dir(%r, name='b')" % str(tmp_path)
    else:
        work = ("slow = {'$function': {'body': 'function() { sleep(300); return 1; }', 'args': [], 'lang': 'js'}}\n"
                "    list(d._core.find('%s', [{'$project': {'x': slow}}]))" % place.raw.datasets.find_one()["sample_collection_name"])
    code = ("import sys, fiftyone_migrator as fm\nd = fm.database(); d.dataset_exists('a')\nprint('go', flush=True)\n"
            "try:\n    %s\nexcept KeyboardInterrupt:\n    print('stopped')\n    sys.exit(7)" % work)
    env = {**os.environ, "PYTHONPATH": PACKAGE, "FIFTYONE_DATABASE_URI": place.server.uri, "FIFTYONE_DATABASE_NAME": place.name}
    # Where the tests run in the background, an interrupt is ignored.
    p = subprocess.Popen([sys.executable, "-c", code], env=env, stdout=subprocess.PIPE, text=True,
                         preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))
    assert p.stdout.readline() == "go\n"
    if how == "import":
        while not place.raw["migrator.imports"].find_one():
            assert p.poll() is None
    else:
        time.sleep(1)
    start = time.monotonic()
    p.send_signal(signal.SIGINT)
    assert p.wait(timeout=20) == 7 and time.monotonic() - start < 15
    assert [d["name"] for d in place.raw.datasets.find()] == ["a"]
    assert "migrator.imports" not in place.raw.list_collection_names()


def test_a_forked_child_has_its_own_connection(place):
    place.add("a", three_samples())
    out = place.run("""
import os, fiftyone_migrator as fm
d = fm.load_dataset("a")
pid = os.fork()
os.write(1, f"{len(d)} {d.values('i')}\\n".encode())  # in one piece: both write
if pid:
    assert os.waitpid(pid, 0)[1] == 0
    print(len(d))
else:
    os._exit(0)
""")
    assert out.splitlines() == ["3 [1, None, None]"] * 2 + ["3"]


def test_connection_strings_go_by_the_environment(place, tmp_path, monkeypatch):
    """Command lines can be read by everybody; and what is assigned wins over files that the environment names."""
    stub = tmp_path / "fiftyone-migrator"
    stub.write_text("#!%s\nimport json, os, sys\nprint(json.dumps([sys.argv[1:], dict(os.environ)]))\n" % sys.executable)
    stub.chmod(0o755)
    monkeypatch.setenv("FM_BIN_DIR", str(tmp_path))
    for name in "FIFTYONE_DATABASE_URI_FILE", "CAS_DATABASE_URI_FILE":
        monkeypatch.setenv(name, str(stub))
    uris = {"database_uri": "mongodb://u:S3cretA@h", "cas_database_uri": "mongodb://u:S3cretB@h"}
    words, env = fm.Database(uris["database_uri"], "x", cas_database_uri=uris["cas_database_uri"], cas_database_name="y").plan()
    assert "S3cret" not in " ".join(words) and "cas_database_name=y" in words
    assert (env["FIFTYONE_DATABASE_URI"], env["CAS_DATABASE_URI"]) == tuple(uris.values())
    assert "FIFTYONE_DATABASE_URI_FILE" not in env and "CAS_DATABASE_URI_FILE" not in env
    words, env = fm.Database(uris["database_uri"], "x").plan()
    assert env["CAS_DATABASE_URI_FILE"] == str(stub)  # nothing is assigned


def test_an_assigned_database_wins_over_a_file(place, tmp_path, monkeypatch):
    place.add("a", three_samples())
    (tmp_path / "uri").write_text("mongodb://127.0.0.1:1")
    monkeypatch.setenv("FIFTYONE_DATABASE_URI_FILE", str(tmp_path / "uri"))
    assert place.with_settings().list_datasets() == ["a"]
    assert place.with_settings().verify()["datasets"] == 1


@pytest.mark.parametrize("wrong", [
    lambda d, tmp: d.set_values("i", ["a"]),
    lambda d, tmp: d.values("nope"),
    lambda d, tmp: d.export(str(tmp), dataset_type=int),
    lambda d, tmp: fos.copy_files(["a"], ["b", "c"]),
    lambda d, tmp: d.set_values("i", ["text", 1, 2]),
])
def test_wrong_arguments_are_errors_of_both_kinds(place, tmp_path, wrong):
    d = place.add("a", three_samples())
    for kind in ValueError, fm.MigratorError:
        with pytest.raises(kind) as caught:
            wrong(d, tmp_path / "out")
    assert caught.value.code == 2


def test_progress_says_of_what(place, tmp_path, capfd):
    place.add("a", three_samples()).export(str(tmp_path / "out"), export_media=False, progress=True)
    assert re.search(r"\d+ of \d+ bytes", capfd.readouterr().err)


def test_a_loss_is_allowed_in_the_words_of_python(place):
    place.add("a", three_samples(), label_schemas={"f": {}})
    place.raw.config.insert_one({"version": "1.22.1", "type": "fiftyone"})
    with pytest.raises(fm.errors.IncompatibleError, match="allow_loss=True"):
        place.with_settings(undo_log=False).migrate_all("1.12.0")
