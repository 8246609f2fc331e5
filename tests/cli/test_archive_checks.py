"""What dataset import, export and copy refuse before they write, and what a signal leaves behind: nothing."""
import json
import os
import re
import signal
import subprocess

import pytest

from test_archive import archive, broken, edit, export, read, run_import  # noqa: F401
from test_control import wait_for

TYPES, VIDEO = "v1.22.1-all-types", "v1.22.1-video-reldir-tags"
OURS = ("migrator.", "samples.", "frames.")


def left_in(db):
    return [n for n in db.list_collection_names() if n.startswith(OURS)]


def refused(tool, *args, status=15, **env):
    result = tool.migrator("dataset", *map(os.fspath, args), **env)
    assert result.status == status, result.out + result.err
    assert left_in(tool.db) == []
    return result.err


@pytest.mark.parametrize("edit", [{"$unset": {"sample_fields": 1}}, {"$set": {"sample_fields": []}}], ids=["none", "empty"])
def test_export_makes_no_archive_that_import_refuses(tool, tmp_path, edit):
    run_import(tool, archive(TYPES), "--name", "x")
    tool.db.datasets.update_one({}, edit)
    words = ["dataset", "export", "x", os.fspath(tmp_path / "a"), "--media", "none"]
    result = tool.migrator(*words)
    assert result.status == 16 and "declares no fields of samples" in result.err and "from a backup" in result.err
    assert os.listdir(tmp_path) == []
    # Without samples it is whole.
    tool.db[tool.db.datasets.find_one()["sample_collection_name"]].delete_many({})
    assert tool.migrator(*words).status == 0
    assert tool.migrator("dataset", "import", os.fspath(tmp_path / "a"), "--name", "y").status == 0


# -- text that no client could read again


@pytest.mark.parametrize("option", ["--name", "--tag", "--rel-dir", "folder"])
def test_text_that_is_not_utf8_is_refused(tool, broken, option):
    words = [broken(TYPES)]
    if option == "folder":
        renamed = os.fsencode(words[0]) + b"\xff"
        os.rename(words[0], renamed)
        words = [renamed]
    else:
        words += ["--name", "x"] * (option != "--name") + [option, b"bad\xff"]
    error = refused(tool, "import", *words, status=2)
    assert "is not UTF-8: '" in error and "\ufffd" in error


def test_the_folder_does_not_matter_where_it_is_not_stored(tool, broken):
    folder = os.fsencode(broken(TYPES))
    os.rename(folder, folder + b"\xff")
    assert tool.migrator("dataset", "import", folder + b"\xff", "--rel-dir", "/data", "--name", "x").status == 0


def test_export_and_copy_take_no_such_names_either(tool, tmp_path):
    to = ["--to", tool.env["FIFTYONE_DATABASE_URI"]]
    assert "The name is not UTF-8" in refused(tool, "export", b"bad\xff", tmp_path / "a", status=2)
    assert "The name is not UTF-8" in refused(tool, "copy", b"bad\xff", *to, status=2)
    run_import(tool, archive(TYPES), "--name", "x")
    for words in (["copy", "x", *to, "--name", b"bad\xff"], ["export", "x", tmp_path / "a", "--rel-dir", b"bad\xff"]):
        result = tool.migrator("dataset", *map(os.fspath, words))
        assert result.status == 2 and "is not UTF-8" in result.err, result.err
    assert os.listdir(tmp_path) == []


# -- fields that no client could load


def metadata(folder, change):
    def edited(text):
        document = json.loads(text)
        change(document)
        return json.dumps(document)

    edit(folder / "metadata.json", edited)


def typed(name, **keys):
    def change(document):
        [field] = [f for f in document["sample_fields"] if f["name"] == name]
        field.update(keys)

    return change


def nested(document):
    [field] = [f for f in document["sample_fields"] if f["name"] == "ground_truth"]
    field["fields"][0]["embedded_doc_type"] = "fiftyone.core.labels.Nope"


UNLOADABLE = {
    "a label that is none": (typed("ground_truth", embedded_doc_type="fiftyone.core.labels.Nope"), "'fiftyone.core.labels.Nope'"),
    "one within a field": (nested, "'fiftyone.core.labels.Nope'"),
    "a field as a document": (typed("ground_truth", embedded_doc_type="fiftyone.core.fields.IntField"), "unknown type"),
    "no name of a class": (typed("ground_truth", embedded_doc_type="Nope"), "unknown type 'Nope'"),
    "no class at all": (typed("ground_truth", embedded_doc_type=None), "does not say which type its documents have"),
    "a number as a type": (typed("tags", subfield=5), "has a value of the type int as subfield"),
    "app_config": (lambda d: d.update(app_config=5), "app_config is of the type int"),
    "no fields": (lambda d: d.update(sample_fields=[]), "declares no fields of samples"),
}


@pytest.mark.parametrize("case", UNLOADABLE)
def test_a_type_that_nothing_can_load_is_refused(tool, broken, case):
    change, text = UNLOADABLE[case]
    folder = broken(TYPES)
    metadata(folder, change)
    assert text in refused(tool, "import", folder, "--name", "x")
    assert text in refused(tool, "verify", folder)


@pytest.mark.parametrize("type", ["fiftyone.core.fields.NopeField", "nonsense(((", "fiftyone.core.fields.EmbeddedDocumentField(fiftyone.core.labels.Nope)"])
def test_nor_in_the_oldest_layout(tool, broken, type):
    folder = broken("v0.7.4-image")
    metadata(folder, lambda d: d["sample_fields"].update(score=type))
    assert "sample_fields.score has the unknown type" in refused(tool, "import", folder, "--name", "x")


def test_a_class_of_ones_own_is_taken_with_a_warning(tool, broken):
    folder = broken(TYPES)
    metadata(folder, typed("ground_truth", embedded_doc_type="my.labels.Detections"))
    result, _ = run_import(tool, str(folder), "--name", "x")
    assert "only where Python finds the class my.labels.Detections" in result.err


# -- what only an import found before


def tag(key, value):
    return lambda d: edit(d / "tags.json", lambda t: re.sub(r'"%s": ("[^"]*"|[0-9]+)' % key, '"%s": %s' % (key, value), t, count=1))


HIDDEN = {
    "a tag of no sample": (VIDEO, tag("sample_id", '"x"'), "sample_id is no ObjectId"),
    "a tag that begins nowhere": (VIDEO, tag("start", '"1"'), "start < end"),
    "a tag without a date": (VIDEO, tag("created_at", '"yesterday"'), "created_at is no date"),
    "an array as id": (TYPES, lambda d: edit(d / "samples.json", lambda t: re.sub(r'"_id": (\{"\$oid": "[0-9a-f]{24}"\})', r'"_id": [\1]', t, count=1)),
                       "samples.json, document 1, byte"),
}


@pytest.mark.parametrize("how", [["verify"], ["import", "--dry-run"], ["import"]], ids=" ".join)
@pytest.mark.parametrize("case", HIDDEN)
def test_verify_and_dry_run_find_what_an_import_refuses(tool, broken, case, how):
    name, damage, text = HIDDEN[case]
    folder = broken(name)
    damage(folder)
    result = tool.migrator("dataset", how[0], str(folder), *how[1:])
    assert result.status == 15 and text in result.out + result.err, result.out + result.err
    assert left_in(tool.db) == []


@pytest.mark.parametrize("mode", ["skip", "replace"])
def test_two_frames_of_one_number_are_found_however_ids_are_treated(tool, broken, mode):
    folder = broken(VIDEO)
    frames = json.loads(read(folder / "frames.json"))["frames"]
    # The same frame again is what the option is about.
    (folder / "frames.json").write_text(json.dumps({"frames": [*frames, frames[0]]}))
    words = ["import", folder, "--name", "x", "--on-conflict", mode]
    done = tool.migrator("dataset", *map(str, words), "--dry-run", "-o", "json")
    assert done.status == 0 and done.json["conflicts"] == 1, done.err
    (folder / "frames.json").write_text(json.dumps({"frames": [*frames, {**frames[0], "_id": {"$oid": "0" * 24}}]}))
    sample, number = frames[0]["_sample_id"]["$oid"], frames[0]["frame_number"]
    for more in ["--dry-run"], []:
        error = refused(tool, *words, *more)
        assert "Two frames of the archive have the same key" in error and "Remove one of them" in error
        assert sample in error and "frame_number: %d" % number in error


# -- an error says where


def broken_view(folder):
    metadata(folder, lambda d: d.update(saved_views=['{"name": "v", "broken']))
    return "metadata.json: saved_views.0"


def cut(folder):
    size = os.path.getsize(folder / "metadata.json")
    os.truncate(folder / "metadata.json", size - 1)
    return "metadata.json is not what it should be, at byte %d: the text ends within" % (size - 1)


def latin1(folder):
    text = read(folder / "metadata.json")
    at = text.index(b'"info"') + 1
    (folder / "metadata.json").write_bytes(text[:at] + b"\xff" + text[at + 1:])
    return "at byte %d" % at


def no_value(folder):
    text = read(folder / "metadata.json")
    at = text.index(b'"media_type": ') + len(b'"media_type": ')
    (folder / "metadata.json").write_bytes(text[:at] + b"nope" + text[text.index(b",", at):])
    return "at byte %d" % at


def result_file(folder):
    text = read(folder / "evaluations" / "ev.json")
    at = text.index(b":") + 1
    (folder / "evaluations" / "ev.json").write_bytes(text[:at] + b"nope" + text[text.index(b",", at):])
    return "ev.json is not what it should be, at byte %d" % at


@pytest.mark.parametrize("damage, name", [(broken_view, "v0.7.4-image"), (cut, TYPES), (latin1, TYPES), (no_value, TYPES), (result_file, TYPES)],
                         ids=lambda x: getattr(x, "__name__", ""))
def test_an_error_names_file_and_byte(tool, broken, damage, name):
    folder = broken(name)
    text = damage(folder)
    assert text in refused(tool, "import", folder, "--name", "x")


def test_what_json_cannot_give_back_is_found_before_anything_is_written(tool, tmp_path):
    run_import(tool, archive(TYPES), "--name", "x")
    tool.db.datasets.update_one({}, [{"$set": {"info": {"$literal": {"bad": {"$oid": "x"}}}}}])
    error = export(tool, "x", tmp_path / "out", status=15).err
    assert "The document of dataset 'x'" in error and "info.bad" in error and "Rename the key" in error
    assert os.listdir(tmp_path) == []


# -- signals


@pytest.fixture(scope="module")
def many(tmp_path_factory):
    """An archive that takes a second or so."""
    folder = tmp_path_factory.mktemp("many") / "archive"
    fields = [{"name": n, "ftype": "fiftyone.core.fields." + t, "embedded_doc_type": None, "subfield": None, "fields": [], "db_field": d}
              for n, t, d in (("id", "ObjectIdField", "_id"), ("filepath", "StringField", "filepath"))]
    folder.mkdir()
    (folder / "metadata.json").write_text(json.dumps({
        "name": "many", "version": "1.22.1", "media_type": "image", "sample_fields": fields, "frame_fields": []}))
    sample = '{"_id": {"$oid": "%024x"}, "filepath": "/%d.jpg", "text": "' + "x" * 200 + '"}'
    (folder / "samples.json").write_text('{"samples": [%s]}' % ",".join(sample % (1 << 90 | i, i) for i in range(100000)))
    return folder


def stopped(tool, words, begun, name, text):
    run = subprocess.Popen([os.path.join(tool.bin, "fiftyone-migrator"), "dataset", *map(str, words)], env=tool.env,
                           stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    wait_for(begun)
    os.kill(run.pid, signal.SIGSTOP)
    assert begun(), "it had ended before"
    run.send_signal(getattr(signal, name))
    run.send_signal(signal.SIGCONT)
    out, err = run.communicate(timeout=30)
    assert run.returncode == {"SIGINT": 130, "SIGTERM": 143}[name], (run.returncode, out, err)
    first, *_, last, remedy = err.rstrip("\n").split("\n")
    assert first == "Stopping at the next checkpoint; the signal once more stops at once"
    assert text in last and "begins anew" in remedy and out == ""


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
def test_a_stopped_import_leaves_nothing(tool, many, name):
    begun = lambda: (tool.db["migrator.imports"].find_one() or {}).get("samples") in tool.db.list_collection_names()
    stopped(tool, ["import", many], begun, name, "nothing of the import stays")
    assert tool.db.list_collection_names() == []
    if name == "SIGINT":
        run_import(tool, str(many))
        assert tool.db[tool.db.datasets.find_one()["sample_collection_name"]].count_documents({}) == 100000


def test_a_stopped_copy_or_export_leaves_nothing(tool, many, tmp_path):
    run_import(tool, str(many))
    before = sorted(tool.db.list_collection_names())
    there = tool.db.client[tool.name + "_copy"]
    begun = lambda: "migrator.imports" in there.list_collection_names()
    words = ["copy", "many", "--to", tool.env["FIFTYONE_DATABASE_URI"], "--to-database", there.name]
    stopped(tool, words, begun, "SIGINT", "nothing of the copy stays")
    assert there.list_collection_names() == []
    samples = tmp_path / "out.partial" / "samples.json"
    stopped(tool, ["export", "many", tmp_path / "out", "--media", "none"], samples.exists, "SIGTERM", "no archive was made")
    assert os.listdir(tmp_path) == [] and sorted(tool.db.list_collection_names()) == before


def test_stopped_while_it_packs_or_unpacks_it_leaves_nothing_either(tool, many, tmp_path):
    run_import(tool, str(many))
    packing = tmp_path / "out.zip.partial" / "out.zip"
    stopped(tool, ["export", "many", tmp_path / "out.zip", "--media", "none"], packing.exists, "SIGINT", "no archive was made")
    assert os.listdir(tmp_path) == []
    export(tool, "many", tmp_path / "out.zip", "--media", "none")
    before = sorted(tool.db.list_collection_names())
    unpacking = tmp_path / "out.partial" / "samples.json"
    stopped(tool, ["import", tmp_path / "out.zip", "--name", "y"], unpacking.exists, "SIGTERM", "nothing of the import stays")
    assert os.listdir(tmp_path) == ["out.zip"] and sorted(tool.db.list_collection_names()) == before


def test_an_import_that_was_killed_is_named(tool):
    cut_off = tool._run("fiftyone-migrator-cut", ["dataset", "import", archive(VIDEO), "--name", "lost"], {"FM_CUT_AT": "12"})
    assert cut_off.status < 0 and left_in(tool.db)
    result = tool.migrator("verify", "-o", "json")
    [found] = result.json["found"]
    assert (found["code"], found["problem"]) == ("import-unfinished", "note") and "an import of 'lost', begun" in found["what"]
    assert result.status == 0 and "takes back what it left" in found["remedy"]
    result = tool.migrator("doctor", "-o", "json")
    [found] = [f for f in result.json["findings"] if f["id"] == "unfinished"]
    assert found["level"] == "warning" and "an import of 'lost', begun" in found["found"]
    run_import(tool, archive(TYPES), "--name", "x")
    assert [f["found"] for f in tool.migrator("doctor", "-o", "json").json["findings"] if f["id"] == "unfinished"] == ["none"]


# -- what a database may hold


def test_a_name_of_two_lines_takes_one_in_the_list(tool):
    run_import(tool, archive(TYPES), "--name", "two\nlines")
    text = tool.migrator("dataset", "list").out
    assert "two lines" in text and len(text.splitlines()) == 3
    assert tool.migrator("dataset", "list", "-o", "json").json["datasets"][0]["name"] == "two\nlines"


@pytest.mark.parametrize("how", ["dropped", "not named"])
def test_samples_that_are_not_there_are_named(tool, tmp_path, how):
    run_import(tool, archive(TYPES), "--name", "x")
    name = tool.db.datasets.find_one()["sample_collection_name"]
    if how == "dropped":
        tool.db[name].drop()
    else:
        name = tool.db.datasets.update_one({}, {"$unset": {"sample_collection_name": 1}}) and ""
    error = export(tool, "x", tmp_path / "out", status=16).err
    assert "there is no collection '%s'" % name in error and "backup" in error
    assert os.listdir(tmp_path) == []
