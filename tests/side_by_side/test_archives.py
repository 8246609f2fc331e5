"""Archives beside the real package: it reads ours, we read its, and the files are the same.

The datasets are those of make_datasets.py and what the real package makes of the archives of
tests/archives, some with media.
"""
import datetime
import json
import os
import sys

import pytest
from test_side_by_side import HERE, ROOT, World, harness, peer

sys.path.insert(0, os.path.join(ROOT, "tests", "archives"))
import imported  # noqa: E402

pytestmark = pytest.mark.long

WITH_MEDIA = ["v1.22.1-media-fields", "v1.22.1-group-3d"]
# Read by the real package and exported again, without media: none are in them.
OLD = ["v0.14.4-image", "v0.14.4-video", "v0.18.0-video", "v0.22.3-image"]
OTHERS = OLD + ["v1.22.1-all-types", "v1.22.1-video-reldir-tags", "v1.22.1-view-usedirs", "v1.22.1-legacy-writer-video"]
# Clips first: to export them the original loads the videos too, and writes when.
MADE = ["Clips", "Fresh images", "Fresh videos", "Fresh groups", "Never filled", "Fresh 3D", "Fresh_point+clouds",
        "Fresh patches", "Frames of videos", "Values"]
NAMES = MADE + WITH_MEDIA + OTHERS


def migrator():
    return os.path.join(os.environ.get("FM_BIN_DIR") or os.path.join(ROOT, "build", "bin"), "fiftyone-migrator")


class Both(World):
    def __init__(self, server, home, folder):
        super().__init__(server, home)
        self.folder = folder
        os.makedirs(folder)

    def real(self, database, jobs):
        path = os.path.join(self.folder, "jobs.json")
        with open(path, "w") as f:
            json.dump(jobs, f)
        return self.run([peer(), os.path.join(HERE, "archive_jobs.py"), path], database)

    def ours(self, database, *words):
        return self.run([migrator(), "dataset", *words, "-q"], database)

    def at(self, who, name):
        return os.path.join(self.folder, who, name)

    def dump(self, database, name, window):
        window = [int(t.replace(tzinfo=datetime.timezone.utc).timestamp() * 1000) for t in window]
        return imported.with_placeholders(imported.dump(self.server.client[database], name), window)


@pytest.fixture(scope="module")
def both(tmp_path_factory):
    folder = tmp_path_factory.mktemp("archives")
    with harness.Server() as server:
        both = Both(server, str(folder / "home"), str(folder / "work"))
        os.makedirs(both.home)
        source = both.source = both.new()
        both.run([peer(), os.path.join(HERE, "make_datasets.py")], source)
        both.run([peer(), os.path.join(HERE, "make_values.py")], source)
        archives = os.path.join(ROOT, "tests", "archives")
        legacy = lambda name: "legacy" in name
        # Through an export of today: the original brings old field documents into today's form when it opens a
        # dataset, and so into its archives, though not into the database.
        start = both.new()
        both.real(start, [["import", os.path.join(archives, n), n, {}] for n in OLD])
        both.real(start, [["export", n, both.at("old", n), {"export_media": False}] for n in OLD])
        both.real(source, [["import", both.at("old", n), n, {}] for n in OLD])
        new = [n for n in WITH_MEDIA + OTHERS if n not in OLD and not legacy(n)]
        both.real(source, [["import", os.path.join(archives, n), n, {}] for n in new])
        for name in filter(legacy, OTHERS):
            both.ours(source, "import", os.path.join(archives, name), "--name", name)
        both.real(source, [["export", n, both.at("real", n), {"export_media": n in WITH_MEDIA}] for n in NAMES])
        for name in NAMES:
            media = "copy" if name in WITH_MEDIA else "none"
            both.ours(source, "export", name, both.at("ours", name), "--media", media)
        yield both


def files(folder):
    return {
        os.path.relpath(os.path.join(at, name), folder)
        for at, _, names in os.walk(folder)
        for name in names
    }


def read(*path):
    with open(os.path.join(*path), "rb") as f:
        return f.read()


@pytest.mark.parametrize("name", NAMES)
def test_the_same_files(both, name):
    check_the_same_files(both.at("real", name), both.at("ours", name))


def check_the_same_files(real, ours):
    assert files(ours) - {"manifest.json"} == files(real)
    for path in sorted(files(real)):
        a, b = read(real, path), read(ours, path)
        if path.startswith(("samples", "frames", "data/", "fields/")):
            assert a == b, path
        elif path.endswith(".json"):
            a, b = json.loads(a), json.loads(b)
            if path == "metadata.json":
                a, b = with_sorted_fields(a), with_sorted_fields(b)
            differences = list(imported.paths(b, a))
            assert not differences, path + "\n" + "\n".join(differences[:40])


# (options of the original, ours); MEDIA is the folder that the media lie in.
VARIANTS = {
    "rel-dir": (dict(export_media=True, rel_dir="MEDIA"), ["--media", "copy", "--rel-dir", "MEDIA"]),
    "rel-dir-no-media": (dict(export_media=False, rel_dir="MEDIA"), ["--media", "none", "--rel-dir", "MEDIA"]),
    "chunks": (dict(export_media=True, chunk_size=2), ["--chunk-size", "2"]),
    "links": (dict(export_media="symlink"), ["--media", "symlink"]),
    "folders": (dict(export_media=False, use_dirs=True), ["--media", "none", "--use-dirs"]),
    "folders-unordered": (dict(export_media=False, use_dirs=True, ordered=False), ["--media", "none", "--use-dirs", "--unordered"]),
    "bare": (
        dict(export_media=False, export_runs=False, export_saved_views=False, export_workspaces=False),
        ["--media", "none", "--no-runs", "--no-views", "--no-workspaces"],
    ),
}


@pytest.mark.parametrize("variant", VARIANTS)
def test_the_same_files_with_every_option(both, variant):
    names = [*WITH_MEDIA, "v1.22.1-video-reldir-tags", "Fresh images"]
    if VARIANTS[variant][0]["export_media"]:
        names = WITH_MEDIA  # the others have none
    options, words = VARIANTS[variant]
    at = lambda value, name: os.path.join(ROOT, "tests", "archives", name) if value == "MEDIA" else value
    # First the original, which writes the time of loading.
    both.real(both.source, [
        ["export", n, both.at("real-" + variant, n), {k: at(v, n) for k, v in options.items()}] for n in names
    ])
    for name in names:
        both.ours(both.source, "export", name, both.at("ours-" + variant, name), *(at(w, name) for w in words))
        check_the_same_files(both.at("real-" + variant, name), both.at("ours-" + variant, name))


def with_sorted_fields(metadata):
    out = dict(metadata)
    for key in "sample_fields", "frame_fields":
        out[key] = sort_fields(out.get(key))
    # Empty and absent are one to every reader; the original writes either.
    return {k: v for k, v in out.items() if v not in (None, [], {})}


def sort_fields(fields):
    return sorted(({**f, "fields": sort_fields(f.get("fields"))} for f in fields or []), key=lambda f: f["name"])


@pytest.fixture(scope="module")
def arrived(both):
    """{who read whose: (database, when)}"""
    out = {}
    for whose in "real", "ours":
        database = both.new()
        _, window = both.real(database, [["import", both.at(whose, n), n, {}] for n in NAMES])
        out["real reads " + whose] = database, window
        database = both.new()
        start = harness.utcnow()
        for name in NAMES:
            both.ours(database, "import", both.at(whose, name), "--name", name)
        out["ours reads " + whose] = database, (start, harness.utcnow())
    return out


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("way", ["ours reads real", "real reads ours", "ours reads ours"])
def test_the_same_documents(both, arrived, name, way):
    expected, found = (dumped(both, name, way, *arrived[w]) for w in ("real reads real", way))
    if way == "ours reads ours":
        # The original loses them.
        source = dumped(both, name, way, both.source, arrived[way][1])
        for key in "sample_indexes", "frame_indexes":
            assert found.pop(key) == source[key]
            expected.pop(key)
    differences = list(imported.paths(found, expected))
    assert not differences, "\n".join(differences[:40])


def dumped(both, name, way, database, window):
    found = imported.comparable(both.dump(database, name, window))
    if name == "Clips":
        for frame in found["frames"]:
            del frame["_id"]  # they have none in an archive
    # The folders they were read from.
    text = json.dumps(found)
    for whose in "real", "ours":
        text = text.replace(both.at(whose, name), "FOLDER")
    return json.loads(text)


# The keypoints of one have lists of points where the original, which migrated it, wants lists of lists; to
# clips no sample can be added.
OPENED = [n for n in NAMES if n not in ("v0.14.4-image", "Clips")]


@pytest.mark.parametrize("way", ["ours reads real", "ours reads ours"])
def test_the_original_works_with_what_arrived(both, arrived, way):
    opened(both, arrived[way][0])


def opened(both, database):
    text, _ = both.run([peer(), os.path.join(HERE, "open_datasets.py"), *OPENED], database)
    assert sum(" samples, " in line for line in text.splitlines()) == len(OPENED), text[-4000:]


def test_the_original_works_with_new_ids(both):
    """Views, evaluations and brain runs find their samples and labels by ids."""
    database = both.new()
    for name in OPENED:
        both.ours(database, "import", both.at("ours", name), "--name", name, "--on-conflict", "new-ids")
    counts = [both.run([peer(), os.path.join(HERE, "count_by_id.py")], at)[0] for at in (both.source, database)]
    assert counts[1] == counts[0] and "evaluation" in counts[0] and "similarity" in counts[0], counts[0]
    opened(both, database)
