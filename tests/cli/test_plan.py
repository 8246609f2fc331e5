"""`plan`: what it tells, the page, the estimate; plans that are saved and run later."""
import hashlib
import html.parser
import json
import os
import re

import pytest

from programs import harness

HOSTILE = [
    "<script>window.hacked=1</script>",
    '"><img src=x onerror=alert(1)>',
    "</script><script>window.hacked=2</script>",
    "a & b 'quoted' \"twice\"",
    "{{script}} {{style}}",
    "\u202edesrever\u202c",
    "line\nbreak\ttab\x1b[31mred",
    "東京の写真 " * 20,
    "x" * 300,
]


def run_state(tool):
    """Everything but our own bookkeeping."""
    return harness.take_dump(tool.db.client, tool.name)


# -- what it tells


def test_revisions_with_their_reason(tool):
    tool.fill("0.22.0", {"a": "0.22.0", "b": "1.0.0"})
    r = tool.migrator("plan")
    assert r.status == 0
    assert re.search(r"^0.23.0 +1 dataset +Runs of other kinds, and colour schemes with an id$", r.out, re.M)
    assert re.search(r"^1.1.0 +2 datasets +The sidebar mode of the App is no longer stored$", r.out, re.M)
    plan = tool.migrator("plan", "-o", "json").json
    assert plan["revisions"][0] == {
        "of": "datasets",
        "version": "0.23.0",
        "title": "Runs of other kinds, and colour schemes with an id",
        "direction": "up",
        "datasets": 1,
    }
    down = tool.migrator("plan", "0.15.0", "-o", "json").json["revisions"]
    assert down[0]["of"] == "database" and down[0]["version"] == "0.15.1"
    assert [v["version"] for v in down if v["of"] == "datasets"][:3] == ["1.0.0", "0.23.0", "0.20.0"]
    assert {v["version"]: v["down"] for v in down}["0.19.0"] == "lossy"


def test_documents_and_bytes_are_those_that_change(tool):
    tool.restore("1.4.1-A")
    before = run_state(tool)
    plan = tool.migrator("plan", "0.22.0", "-o", "json").json
    sizes = {}
    for dataset in plan["datasets"]:
        assert dataset["documents"] == sum(c["documents"] for c in dataset["collections"])
        assert dataset["bytes"] == sum(c["bytes"] for c in dataset["collections"])
        for c in dataset["collections"]:
            if c["collection"] == "fs.files":
                continue
            n, size = sizes.get(c["collection"], (0, 0))
            sizes[c["collection"]] = (n + c["documents"], size + c["bytes"])
    assert plan["documents"] == sum(d["documents"] for d in plan["datasets"])
    assert plan["bytes"] == sum(d["bytes"] for d in plan["datasets"])
    raw = tool.db.get_collection("datasets", codec_options=harness.RAW)
    assert sizes["datasets"] == (raw.count_documents({}), sum(len(d.raw) for d in raw.find()))
    assert not harness.untouched(before, run_state(tool))
    assert tool.migrator("migrate", "0.22.0", "--allow-loss", "--yes", "-q").status == 0
    after = run_state(tool)
    samples = [name for name in before if name.startswith("samples.")]
    assert samples
    for name in samples:
        changed = [doc for doc in before[name][0] if doc not in set(after[name][0])]
        assert sizes.get(name, (0, 0)) == (len(changed), sum(map(len, changed)))


def test_a_document_that_is_written_more_than_once_counts_once(tool):
    tool.restore("1.4.1-A")
    before = run_state(tool)
    plan = tool.migrator("plan", "0.6.0", "-n", "street-video", "-o", "json").json
    [dataset] = plan["datasets"]
    written = {c["collection"]: c["documents"] for c in dataset["collections"]}
    assert len(written) == len(dataset["collections"])
    for name, documents in written.items():
        if name.startswith(("samples.", "frames.")):
            assert documents == len(before[name][0]) > 0, name


def test_what_is_not_counted_is_not_said_to_be_all(tool):
    """`migrate` does not read samples only to count them."""
    tool.restore("1.22.1-A")
    r = tool.migrator("migrate", "1.12.0", "-n", "street-video", "--yes")
    assert r.status == 0 and "\nTo write: 1 document, " in r.err
    r = tool.migrator("migrate", "0.22.0", "-n", "street-video", "--yes")
    assert r.status == 0 and "\nTo write, beside samples and the like, which `plan` counts: 1 document, " in r.err


def test_losses_in_peoples_words(tool):
    tool.restore("1.22.1-A")
    views = tool.db.views.count_documents({})
    for log, heading in ("off", "Lost on the way down"), ("on", "Goes into the undo log, and comes back on the way up"):
        r = tool.migrator("plan", "0.17.0", "--undo-log", log)
        assert "%d saved view" % views in re.search(r"^%s: (.*)$" % heading, r.out, re.M)[1]
    plan = tool.migrator("plan", "0.17.0", "--undo-log", "off", "-o", "json").json
    assert plan["undo_log"] is False
    losses = {(one["revision"], one["field"]): one for one in plan["losses"]}
    assert losses["0.19.0", "(views)"]["values"] == views
    assert losses["0.19.0", "(views)"]["what"] == ("saved views" if views != 1 else "saved view")
    of_datasets = [one for d in plan["datasets"] for one in d["losses"]]
    for key, one in losses.items():
        mine = [o for o in of_datasets if (o["revision"], o["field"]) == key]
        assert one["values"] == sum(o["values"] for o in mine) and one["datasets"] == len(mine)


def test_what_the_undo_log_gives_back(tool):
    tool.restore("1.22.1-A")
    views = tool.db.views.count_documents({})
    assert tool.migrator("migrate", "0.18.0", "--yes", "-q", "--error-level", "1").status == 0
    r = tool.migrator("plan")
    words = re.search(r"^Comes back from the undo log: (.*)$", r.out, re.M)[1]
    assert views and "saved view" in words
    plan = tool.migrator("plan", "-o", "json").json
    assert plan["restored"]["values"] == sum(one["values"] for one in plan["returns"])
    of_datasets = [one for d in plan["datasets"] for one in d["returns"]]
    assert sum(one["values"] for one in of_datasets) == plan["restored"]["values"]


def test_two_thousand_datasets_stay_readable(tool):
    names = HOSTILE + ["データセット %d" % i for i in range(1991)]
    tool.db.config.insert_one({"version": "1.0.0", "type": "fiftyone"})
    tool.db.datasets.insert_many(
        [{"name": n, "slug": str(i), "version": "1.0.0", "app_config": {"sidebar_mode": "x" * i}}
         for i, n in enumerate(names)]
    )
    r = tool.migrator("plan")
    assert r.status == 0
    lines = r.out.splitlines()
    assert len(lines) < 50 and max(map(cells, lines)) <= 120
    assert not re.search(r"[\x00-\x08\x0b-\x1f]", r.out)
    table = lines[lines.index(next(line for line in lines if line.startswith("dataset "))):]
    edge = table[0].index("documents")
    assert len(table) == 23 and "1,980 more datasets" in table[-1]
    for line in table[2:22]:
        assert cells(line[: starts_at(line, edge)]) == edge and line[starts_at(line, edge) - 1] == " "
    plan = tool.migrator("plan", "-o", "json").json
    assert len(plan["datasets"]) == 2000 and {d["name"] for d in plan["datasets"]} == set(names)


def cells(text):
    import unicodedata

    return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


def starts_at(line, cell):
    for i in range(len(line)):
        if cells(line[:i]) >= cell:
            return i
    return len(line)


def test_refused_with_their_remedy(tool):
    tool.restore("1.22.1-A")
    r = tool.migrator("plan", "0.16.0")
    assert r.status == 0
    assert "\nRefused: 1 dataset\n  Cannot migrate dataset 'multi rig' below v0.17.0" in r.out
    assert "\n    Keep it at 0.17.0 or later" in r.out
    plan = tool.migrator("plan", "0.16.0", "-o", "json").json
    assert [d["name"] for d in plan["datasets"] if d["refused"]] == ["multi rig"]


# -- estimate


def test_estimate_reads_only_and_says_where_it_comes_from(tool):
    tool.restore("0.14.4-A")
    before = run_state(tool)
    r = tool.migrator("plan", "--estimate")
    assert r.status == 0
    assert re.search(r"^Estimate: (about|under) .* s, .* s to .* s; up to .* more on disk, no oplog$", r.out, re.M)
    assert "measured by us" in r.out.split("Where that comes from:")[1]
    it = tool.migrator("plan", "--estimate", "-o", "json").json["estimate"]
    assert it["oplog_bytes"] is None and it["disk_bytes"] > 0
    assert it["seconds"] == pytest.approx(sum(p["seconds"] for p in it["parts"]))
    assert it["least_seconds"] < it["seconds"] < it["most_seconds"]
    assert all(p["basis"] and p["documents"] > 0 for p in it["parts"]) and it["basis"]
    assert not harness.untouched(before, run_state(tool))
    assert tool.migrator("migrate", "--yes", "-q").status == 0
    assert "estimate" not in tool.migrator("plan", "-o", "json").json
    nothing = tool.migrator("plan", "--estimate", "-o", "json").json["estimate"]
    assert (nothing["seconds"], nothing["parts"]) == (0.0, [])


def test_estimate_from_an_earlier_run(tool):
    tool.fill("1.4.0", {"d%d" % i: "1.4.0" for i in range(5)})
    assert "The run " not in tool.migrator("plan", "--estimate").out
    assert tool.migrator("migrate", "--yes", "-q").status == 0
    tool.fill(None, {"e%d" % i: "1.4.0" for i in range(20)})
    run = tool.db["migrator.history"].find_one({"kind": "migrate"})
    part = tool.migrator("plan", "--estimate", "-o", "json").json["estimate"]["parts"][0]
    assert part["basis"].startswith("The run %s took " % run["_id"])
    assert part["seconds"] == pytest.approx(run["seconds"] / 5 * 20)
    # Another way is another cost.
    assert "The run " not in tool.migrator("plan", "1.1.0", "--estimate").out


# -- the page


class Page(html.parser.HTMLParser):
    """What a browser makes of it, as far as the standard library knows."""

    VOID = {"meta", "input", "br", "img", "link"}

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.open, self.tags, self.attributes, self.texts = [], [], [], {}
        self.feed(text)
        self.close()
        assert not self.open, self.open

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [(tag, k, v) for k, v in attrs]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.texts.setdefault(self.open[-1] if self.open else "", []).append(data)


def test_the_page_stands_alone_and_escapes_everything(tool, tmp_path):
    tool.fill("1.22.1", {name: "1.22.1" for name in HOSTILE})
    tool.db.datasets.update_many({}, {"$set": {"description": "kept", "tags": ["a", "b"]}})
    path = tmp_path / "plan.html"
    r = tool.migrator("plan", "0.16.0", "--html", str(path), "--estimate")
    assert r.status == 0
    text = path.read_text()
    page = Page(text)
    assert page.tags.count("script") == 1 and page.tags.count("style") == 1
    assert not {"img", "link", "iframe", "object", "a", "base"} & set(page.tags)
    assert not [a for a in page.attributes if a[1] in ("src", "href", "style") or a[1].startswith("on")]
    assert not re.search(r"https?:|//[a-z]|@import|url\(", text)
    for name in HOSTILE:
        shown = re.sub(r"[\x00-\x08\x0b-\x1f]", " ", name)
        assert shown in page.texts["bdi"], name
    # A policy that lets nothing run but these two, by their hash.
    policy = next(v for tag, k, v in page.attributes if k == "content" and v.startswith("default-src"))
    for tag in "script", "style":
        digest = hashlib.sha256(re.search(r"<%s>(.*?)</%s>" % (tag, tag), text, re.S)[1].encode()).digest()
        import base64

        assert "%s-src 'sha256-%s'" % (tag, base64.b64encode(digest).decode()) in policy
    assert "default-src 'none'" in policy
    assert "{{" not in re.sub(r"<bdi>.*?</bdi>|<style>.*?</style>|<script>.*?</script>", "", text, flags=re.S)


def test_the_page_is_written_whole_or_not_at_all(tool, tmp_path):
    tool.fill("1.0.0", {"a": "1.0.0"})
    path = tmp_path / "plan.html"
    path.write_text("old")
    assert tool.migrator("plan", "--html", str(path)).status == 0
    assert path.read_text().startswith("<!doctype html>") and os.listdir(tmp_path) == ["plan.html"]
    for bad in tmp_path / "none" / "plan.html", tmp_path:
        r = tool.migrator("plan", "--html", str(bad))
        assert (r.status, r.out) == (16, "") and "cannot be written" in r.err
    full = tool.migrator("plan", "--html", "/dev/full")
    assert full.status == 16 and "No space left" in full.err


# -- saved plans


@pytest.fixture
def saved(tool, tmp_path):
    tool.fill("1.0.0", {"a": "1.0.0", "b": "0.22.0"})
    path = str(tmp_path / "plan.json")
    assert tool.migrator("plan", "1.4.0", "--save", path).status == 0
    return path


def test_a_saved_plan_runs(tool, saved):
    shown = tool.migrator("plan", "1.4.0").out
    assert tool.migrator("migrate", "--plan", saved, "--dry-run").out == shown
    r = tool.migrator("migrate", "--plan", saved, "--yes")
    assert r.status == 0, r.err
    assert tool.versions() == ({"a": "1.4.0", "b": "1.4.0"}, "1.4.0")
    # What it has done itself is no move: the same command again has nothing to do.
    again = tool.migrator("migrate", "--plan", saved, "--yes")
    assert again.status == 0 and "Nothing to do" in again.out


def test_a_plan_that_was_cut_off_goes_on(tool, saved):
    tool.db.datasets.update_one({"name": "a"}, {"$set": {"version": "1.4.0"}})
    tool.db.config.update_one({}, {"$set": {"version": "1.4.0"}})
    assert tool.migrator("migrate", "--plan", saved, "--yes").status == 0
    assert tool.versions() == ({"a": "1.4.0", "b": "1.4.0"}, "1.4.0")


@pytest.mark.parametrize(
    "move, named",
    [
        (lambda db: db.datasets.update_one({"name": "a"}, {"$set": {"version": "1.1.0"}}),
         "dataset 'a' is at v1.1.0, and was at v1.0.0"),
        (lambda db: db.datasets.delete_one({"name": "b"}), "dataset 'b' is gone"),
        (lambda db: db.datasets.insert_one({"name": "c", "version": "1.0.0"}), "dataset 'c' is new"),
        (lambda db: db.config.update_one({}, {"$set": {"version": "1.1.0"}}),
         "the database is at v1.1.0, and was at v1.0.0"),
        (lambda db: db.config.update_one({}, {"$set": {"type": "fiftyone-teams"}}), "the database is Enterprise"),
    ],
    ids=["version", "deleted", "new", "database", "edition"],
)
def test_a_database_that_moved(tool, saved, move, named):
    move(tool.db)
    before = run_state(tool)
    r = tool.migrator("migrate", "--plan", saved, "--yes")
    assert (r.status, r.out) == (15, "") and "  " + named in r.err and "plan --save" in r.err
    assert not harness.untouched(before, run_state(tool))


def test_only_what_the_plan_is_about_has_to_stay(tool, tmp_path):
    tool.fill("1.0.0", {"a": "1.0.0", "b": "1.0.0"})
    path = str(tmp_path / "plan.json")
    assert tool.migrator("plan", "1.4.0", "-n", "a", "--save", path).status == 0
    tool.db.datasets.update_one({"name": "b"}, {"$set": {"version": "1.1.0"}})
    tool.db.datasets.insert_one({"name": "c", "version": "1.0.0"})
    assert tool.migrator("migrate", "--plan", path, "--yes").status == 0
    assert tool.versions()[0] == {"a": "1.4.0", "b": "1.1.0", "c": "1.0.0"}


def test_datasets_that_need_nothing_may_come_and_go(tool, tmp_path):
    tool.fill("1.0.0", {"a": "1.0.0", "there": "1.4.0"})
    path = str(tmp_path / "plan.json")
    assert tool.migrator("plan", "1.4.0", "--save", path).status == 0
    tool.db.datasets.delete_one({"name": "there"})
    tool.db.datasets.insert_one({"name": "new", "version": "1.4.0"})
    assert tool.migrator("migrate", "--plan", path, "--yes").status == 0
    assert tool.versions()[0] == {"a": "1.4.0", "new": "1.4.0"}


def test_what_the_plan_gives_back_is_still_kept(tool, tmp_path):
    tool.restore("1.22.1-A")
    assert tool.migrator("migrate", "0.18.0", "--yes", "-q").status == 0
    path = str(tmp_path / "plan.json")
    assert tool.migrator("plan", "--save", path).status == 0
    run = tool.migrator("history", "-o", "json").json["runs"][0]["run"]
    assert tool.migrator("residue", "prune", "--run", run, "--yes").status == 0
    before = run_state(tool)
    r = tool.migrator("migrate", "--plan", path, "--yes")
    assert r.status == 15 and "that is gone since: what run %s kept" % run in r.err
    assert not harness.untouched(before, run_state(tool))


def test_a_lazy_plan_stays_lazy(tool, tmp_path):
    tool.fill("1.0.0", {"a": "1.0.0"})
    lazy, whole = str(tmp_path / "lazy.json"), str(tmp_path / "whole.json")
    assert tool.migrator("plan", "1.4.0", "--lazy", "--save", lazy).status == 0
    assert tool.migrator("plan", "1.4.0", "--save", whole).status == 0
    for option in "lazy", "adopt", "allow-drop":
        r = tool.migrator("migrate", "--plan", whole, "--%s" % option, "--yes")
        assert r.status == 2 and "--%s on contradicts the plan in" % option in r.err
    assert tool.migrator("migrate", "--plan", lazy, "--yes").status == 0
    assert tool.versions() == ({"a": "1.0.0"}, "1.4.0")


def test_a_plan_of_another_database(tool, saved):
    other = tool.db.client[tool.name + "_other"]
    try:
        for name in "config", "datasets":
            other[name].insert_many(list(tool.db[name].find()))
        r = tool.migrator("migrate", "--plan", saved, "--yes", FIFTYONE_DATABASE_NAME=other.name)
        assert r.status == 15 and "is of the database '%s', and this is '%s'" % (tool.name, other.name) in r.err
        # The same name, another database.
        documents = list(tool.db.datasets.find())
        tool.db.datasets.drop()
        tool.db.datasets.insert_many(documents)
        r = tool.migrator("migrate", "--plan", saved, "--yes")
        assert r.status == 15 and "is of another database '%s', or this one was restored" % tool.name in r.err
    finally:
        tool.db.client.drop_database(other.name)


def test_a_plan_that_was_changed(tool, saved, tmp_path):
    text = json.dumps(json.load(open(saved)), separators=(",", ":"))
    for old, new in [('"a"', '"b"'), ('"version":"1.0.0"', '"version":"1.1.0"'), ('"target":"1.4.0"', '"target":"1.22.1"')]:
        bad = tmp_path / "changed.json"
        bad.write_text(text.replace(old, new))
        assert bad.read_text() != text
        r = tool.migrator("migrate", "--plan", str(bad), "--yes")
        assert r.status == 15 and "was changed after it was saved" in r.err
    # Only the layout of the JSON is free.
    document = json.loads(text)
    pretty = tmp_path / "pretty.json"
    pretty.write_text(json.dumps(document, indent=2, ensure_ascii=False))
    assert tool.migrator("migrate", "--plan", str(pretty), "--dry-run").status == 0
    assert tool.versions() == ({"a": "1.0.0", "b": "0.22.0"}, "1.0.0")


@pytest.mark.parametrize("content", ["", "{", "[]", "null", "{}", '{"format": "x"}', "\0\1\2", "a: b",
                                     '{"format": "fiftyone-migrator plan 1"}'])
def test_a_file_that_is_no_plan(tool, tmp_path, content):
    path = tmp_path / "plan.json"
    path.write_text(content)
    r = tool.migrator("migrate", "--plan", str(path), "--yes")
    assert (r.status, r.out) == (2, "") and "is no plan that can be read" in r.err


def test_a_plan_that_is_not_there(tool, tmp_path):
    r = tool.migrator("migrate", "--plan", str(tmp_path / "none"), "--yes")
    assert r.status == 10 and "No such file" in r.err
    assert tool.migrator("migrate", "--plan", str(tmp_path), "--yes").status == 2


@pytest.mark.parametrize(
    "args", [["1.13.0"], ["-n", "a"], ["--os-version", "1.4.0"], ["--include", "datasets"], ["1.4"], ["--undo-log", "off"]], ids=" ".join
)
def test_options_that_contradict_the_plan(tool, saved, args):
    r = tool.migrator("migrate", *args, "--plan", saved, "--yes")
    assert r.status == 2 and "contradicts the plan in" in r.err
    assert tool.migrator("migrate", "1.4.0", "--plan", saved, "--dry-run").status == 0
    assert tool.versions()[1] == "1.0.0"
