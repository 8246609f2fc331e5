"""`fiftyone-migrator`: options, gates, results and statuses."""
import json
import os
import re

import pytest

from programs import ROOT, harness
from test_fiftyone import park

COMMANDS = [
    "migrate", "plan", "info", "history", "backup", "restore", "doctor", "verify", "roundtrip", "undo", "residue", "residue list",
    "residue prune", "lock", "lock status",
    "lock release", "media", "media upload", "media rewrite", "media verify", "media undo",
    "check", "versions", "revisions", "revisions list", "revisions show", "revisions lint",
]
NO_CAS = "--exclude", "cas"


@pytest.mark.parametrize("command", ["", *COMMANDS])
def test_help_fits_a_screen(tool, command):
    r = tool.migrator(*command.split(), "--help")
    assert (r.status, r.err) == (0, "")
    assert r.out == tool.migrator(*command.split(), "-h").out
    lines = r.out.splitlines()
    assert len(lines) <= 24 and max(map(len, lines)) <= 80
    assert lines[0].startswith(("Usage: fiftyone-migrator " + command).rstrip())
    for c in COMMANDS:
        if not command and " " not in c:
            assert "\n  " + c + " " in r.out


def test_help_names_variables(tool):
    text = tool.migrator("migrate", "-h").out
    for name in "jobs allow-loss dry-run yes error-level rate max-lag max-time".split():
        assert re.search(r"--%s\b([^-]|-(?!-))*? \*\n" % name, text), name
    assert "\n* --some-option is also the variable FIFTYONE_MIGRATOR_SOME_OPTION\n" in text
    assert "[FIFTYONE_LOGGING_LEVEL]" in tool.migrator("--help-all").out


def test_version(tool):
    r = tool.migrator("--version")
    assert r.status == 0
    assert r.out == tool.fiftyone("--version").out


@pytest.mark.parametrize(
    "args,text",
    [
        (["inof"], "There is no command 'inof'; did you mean 'info'?"),
        (["migrat"], "There is no command 'migrat'; did you mean 'migrate'?"),
        (["revisions", "lst"], "There is no command 'lst'; did you mean 'list'?"),
        (["residue", "frob"], "There is no command 'frob'"),
        (["migrate", "--rate"], "--rate needs a value"),
        (["migrate", "--allow-los"], "There is no option '--allow-los'; did you mean '--allow-loss'?"),
        (["info", "--outptu=json"], "There is no option '--outptu'; did you mean '--output'?"),
        (["--exclude", "cas", "migrate"], "The option '--exclude' stands behind the command, migrate"),
        (["info", "x"], "Nothing is expected here: 'x'"),
        (["migrate", "1.0", "2.0"], "Nothing is expected here: '2.0'"),
        (["revisions", "show"], "VERSION is required"),
        (["info", "-o", "xml"], "--output: xml not in {text,json}"),
        (["info", "--color", "blue"], "--color: blue not in {auto,always,never}"),
        (["info", "--log-format", "xml"], "--log-format is text or json, not 'xml'"),
        (["info", "--log-level", "loud"], "--log-level is DEBUG, INFO, WARNING, ERROR or CRITICAL, not 'loud'"),
        (["info", "--set", "database_nam=x"], "There is no setting 'database_nam'; did you mean 'database_name'?"),
        (["info", "--set", "x"], "--set takes NAME=VALUE, for example --set database_name=fiftyone"),
        (["info", "--config", "/no/such"], "There is no configuration file '/no/such'"),
        (["versions", "--versions", "/no/such"], "Cannot read the version list '/no/such'"),
        (["migrate", "-j", "0"], "The setting 'jobs' must be an integer from 1 to 1024; found '0'"),
        (["migrate", "--error-level", "3"], "The setting 'error_level' must be an integer from 0 to 2; found '3'"),
        (["migrate", "--include", "csa"], "There is no service 'csa'; did you mean 'cas'?"),
        (["migrate", "--exclude", "cas,hbu"], "There is no service 'hbu'; did you mean 'hub'?"),
        (["migrate", "--include", "cas", "--exclude", "hub"], "Both --include and --exclude were given"),
        (["migrate", "--exclude", "datasets", "cas", "hub,enterprise"], "No service is left to migrate"),
        (["plan", "1.0", "--os-version", "1.1"], "Both VERSION and --os-version were given"),
        (["revisions", "lint", "/no/such"], "Cannot read the revision '/no/such'"),
    ],
    ids=lambda x: " ".join(x) if isinstance(x, list) else "",
)
def test_wrong_usage(tool, args, text):
    r = tool.migrator(*args)
    assert (r.status, r.out) == (2, "")
    assert r.err.split("\n")[0] == "error: " + text
    r = tool.migrator("-o", "json", *args)
    if args[-1] != "xml":
        error = json.loads(r.err)["error"]
        assert (error["code"], error["exit"], error["message"]) == ("usage", 2, text)


def test_no_command(tool):
    r = tool.migrator()
    assert (r.status, r.out) == (2, "")
    assert r.err == tool.migrator("-h").out


# -- migrate


def test_migrate(tool):
    tool.fill("1.4.1", {"a": "1.4.1", "b": "1.22.1"})
    r = tool.migrator("migrate")
    assert r.status == 0
    assert r.out.startswith("Migrated the database and 1 dataset to v1.22.1 in ")
    assert r.out.count("\n") == 1
    assert "Database: v1.4.1 -> v1.22.1 (up: version only)\n" in r.err  # the plan, first
    assert tool.versions() == ({"a": "1.22.1", "b": "1.22.1"}, "1.22.1")

    r = tool.migrator("migrate")
    assert (r.status, r.out, r.err) == (0, "Nothing to do: everything is at v1.22.1 already.\n", "")
    r = tool.migrator("migrate", "-o", "json")
    assert (r.json["database"], r.json["datasets"], r.json["unchanged"]) == (None, 0, 3)


def test_migrate_names(tool):
    tool.fill("1.4.1", {"plan": "1.4.1", "info": "1.4.1", "b": "1.4.1"})
    r = tool.migrator("migrate", "1.21", "-n", "plan", "info", "-q")
    assert (r.status, r.err) == (0, "")
    assert tool.versions() == ({"plan": "1.21", "info": "1.21", "b": "1.4.1"}, "1.4.1")


def test_odd_names(tool):
    names = ["[a,b]", "{}", "plan", "-1", "%%", "ü 東", "a=b"]
    tool.fill("1.4.1", {name: "1.4.1" for name in names})
    for i, args in enumerate([["-n", *names[:3], *names[4:]], ["--dataset-name=-1", "-n[a,b]", "--dataset-name=[a,b]"]]):
        r = tool.migrator("plan", *args, "-o", "json")
        assert r.json["refused"] == []
        assert {d["name"] for d in r.json["datasets"]} == ({"-1", "[a,b]"} if i else set(names) - {"-1"})


def test_nothing_goes_down_by_itself(tool):
    tool.fill("1.23.0", {"a": "1.23.0"})
    assert tool.migrator("migrate").status == 0
    assert tool.versions() == ({"a": "1.23.0"}, "1.23.0")
    tool.db.config.update_one({}, {"$set": {"version": "2.0"}})
    r = tool.migrator("migrate")
    assert r.status == 14 and "You must have fiftyone>=2.0 installed" in r.err


def test_refused_dataset(tool):
    tool.restore("1.22.1-A")
    everything = tool.versions()
    r = tool.migrator("migrate", "0.16.0", "--allow-loss")
    assert (r.status, r.out) == (16, "")
    assert r.err.startswith("error: Cannot migrate dataset 'multi rig' below v0.17.0")
    assert tool.versions() == everything

    r = tool.migrator("migrate", "0.16.0")  # the guard comes first
    assert r.status == 16
    r = tool.migrator("migrate", "0.16.0", "--error-level", "1", "--undo-log", "off")
    assert (r.status, r.out) == (14, "")
    assert "  v0.16.3  3 dataset tags in 1 dataset\n" in r.err and r.err.endswith("--allow-loss.\n")
    assert tool.versions() == everything

    r = tool.migrator("migrate", "0.16.0", "--error-level", "1", "-o", "json", "-q")
    assert (r.status, r.err) == (3, "")
    assert [f["dataset"] for f in r.json["failures"]] == ["multi rig"]
    assert [x for x in r.json["losses"] if x["field"] == "tags"] == [
        {"revision": "0.16.3", "field": "tags", "what": "dataset tags", "values": 3, "datasets": 1}
    ]
    assert tool.versions()[0]["multi rig"] == "1.22.1"
    assert tool.versions()[0]["plain"] == "0.16.0"

    # The undo log gives back what went.
    r = tool.migrator("migrate", "-o", "json", "-q")
    assert r.json["restored"]["values"] > 0 and r.json["restored"]["kept"] == []


def test_refused_dataset_as_text(tool):
    tool.fill("1.4.1", {"a": "1.4.1"})
    r = tool.migrator("migrate", "-n", "nope", "a", "--error-level", "2")
    assert r.status == 3
    assert r.out.startswith("Migrated 1 dataset to v1.22.1 in ")
    assert "\n1 dataset refused:\n  nope: Dataset nope not found\n" in r.out


def test_gates(tool):
    tool.fill("1.4.1", {"a": "1.4.1"})
    for args in ["migrate"], ["plan"], ["migrate", "--dry-run"]:
        r = tool.migrator(*args, FIFTYONE_DATABASE_ADMIN="false")
        assert (r.status, r.out) == (13, "")
        assert r.err.startswith("error: Migrating is refused because FIFTYONE_DATABASE_ADMIN is false\n")
        assert tool.migrator(*args, FIFTYONE_DISABLE_MIGRATIONS="").status == 13
    assert tool.migrator("info", FIFTYONE_DATABASE_ADMIN="false", FIFTYONE_DISABLE_MIGRATIONS="1").status == 0
    assert tool.versions() == ({"a": "1.4.1"}, "1.4.1")


@pytest.mark.parametrize(
    "args,status,code,text",
    [
        (["-n", "nope"], 10, "not_found", "Dataset nope not found"),
        (["abc"], 14, "incompatible", "Invalid version: 'abc'"),
        (["99"], 14, "incompatible", "You must have fiftyone>=99 installed"),
    ],
)
def test_errors(tool, args, status, code, text):
    tool.fill("1.4.1", {"a": "1.4.1"})
    r = tool.migrator("migrate", *args)
    assert (r.status, r.out) == (status, "")
    assert r.err.startswith("error: " + text)
    r = tool.migrator("migrate", *args, "-o", "json")
    assert (r.status, r.out) == (status, "")
    error = json.loads(r.err)["error"]
    assert (error["code"], error["exit"]) == (code, status)
    assert error["message"].startswith(text) and "remedy" in error


def test_unreachable_server(tool):
    uri = "mongodb://me:s3cret@127.0.0.1:1/?serverSelectionTimeoutMS=100"
    r = tool.migrator("info", FIFTYONE_DATABASE_URI=uri)
    assert r.status == 5
    assert "s3cret" not in r.err
    r = tool.migrator("info", FIFTYONE_DATABASE_URI="mongodb://me:s3cret@h:x/")
    assert r.status == 2
    assert "me:***@" in r.err and "s3cret" not in r.err


def test_precedence(tool, tmp_path):
    tool.fill("1.4.1", {"a": "1.4.1"})
    path = tmp_path / "config.json"
    path.write_text(json.dumps({"database_name": "of_the_file"}))

    def name(*args, **env):
        return tool.migrator("info", "-o", "json", *args, **env).json["database"]

    unset = {"FIFTYONE_DATABASE_NAME": None}
    assert name(**unset) == "fiftyone"
    assert name("--config", str(path), **unset) == "of_the_file"
    assert name(**unset, FIFTYONE_CONFIG_PATH=str(path)) == "of_the_file"
    assert name("--config", str(path)) == tool.name
    assert name("--config", str(path), "--set", "database_name=set") == "set"
    # The option of a command wins over --set, and both over the variable.
    r = tool.migrator("migrate", "--set", "jobs=0", "-j", "2", "--dry-run", FIFTYONE_MIGRATOR_JOBS="x")
    assert r.status == 0
    r = tool.migrator("migrate", FIFTYONE_MIGRATOR_DRY_RUN="on")
    assert r.status == 0 and r.out.startswith("Database: v1.4.1 -> v1.22.1")
    assert tool.versions() == ({"a": "1.4.1"}, "1.4.1")


# -- terminal


def test_question(tool):
    tool.fill("1.4.1", {"a": "1.4.1"})
    for answer in b"n\n", b"\n", b"nay\n", b"\x04":
        r = tool.on_terminal(answer, "migrate", NO_COLOR="1")
        assert r.status == 13
        assert "Database: v1.4.1 -> v1.22.1" in r.out and "Migrate? [y/N] " in r.out
        assert "error: Nothing was written: the answer was no\n" in r.out
    assert tool.versions() == ({"a": "1.4.1"}, "1.4.1")
    r = tool.on_terminal(b"y\n", "migrate", NO_COLOR="1")
    assert r.status == 0 and "\nMigrated the database and 1 dataset to v1.22.1 in " in r.out
    assert tool.versions() == ({"a": "1.22.1"}, "1.22.1")
    # Nothing to do is nothing to ask.
    assert "[y/N]" not in tool.on_terminal(b"", "migrate").out


@pytest.mark.parametrize("args,env", [(["--yes"], {}), ([], {"FIFTYONE_MIGRATOR_YES": "1"})])
def test_no_question(tool, args, env):
    tool.fill("1.4.1", {"a": "1.4.1"})
    r = tool.on_terminal(b"", "migrate", *args, **env)
    assert r.status == 0 and "[y/N]" not in r.out


def test_what_is_refused_is_not_asked(tool):
    tool.restore("1.22.1-A")
    r = tool.on_terminal(b"y\n", "migrate", "0.18.0", "--undo-log", "off", NO_COLOR="1")
    assert r.status == 14 and "[y/N]" not in r.out
    assert "removes values for good" in r.out


def test_colours(tool):
    tool.fill("1.4.1", {"a": "1.4.1"})
    assert "\033[1mDatabase:" in tool.on_terminal(b"", "info").out
    for args, env in [([], {"NO_COLOR": "1"}), ([], {"TERM": "dumb"}), (["--color", "never"], {})]:
        assert "\033" not in tool.on_terminal(b"", "info", *args, **env).out
    assert "\033" not in tool.migrator("info").out
    assert "\033[1mDatabase:" in tool.migrator("info", "--color", "always", NO_COLOR="1").out
    assert tool.migrator("migrate", "x", "--color=always").err.startswith("\033[1;31merror:\033[0m ")


# -- streams


def test_only_the_result_on_stdout(tool):
    tool.fill("1.4.1", {"a": "1.4.1"})
    r = tool.migrator("migrate", "1.21", "--verbose", "-o", "json", FIFTYONE_DATABASE_VALIDATION="1")
    assert r.status == 0 and r.json["target"] == "1.21"
    assert "Migrating dataset 'a' to v1.21\nRunning v1.13.0 up migration\n" in r.err
    r = tool.migrator("migrate", "--verbose", "--log-level", "warning", "-o", "json", "-q")
    assert (r.status, r.err) == (0, "")


def test_log_lines_as_json(tool):
    tool.fill("1.4.1", {"a": "1.4.1"})
    r = tool.migrator("migrate", "--verbose", "--log-format", "json")
    lines = [json.loads(line) for line in r.err.splitlines()]
    assert [x["message"] for x in lines] == ["Migrating dataset 'a' to v1.22.1", "Running v1.13.0 up migration"]
    r = tool.migrator("migrate", "x", "--log-format", "json")
    line = json.loads(r.err)
    assert (line["severity"], line["message"]) == ("ERROR", "Invalid version: 'x'")


def test_reader_that_goes_away(tool):
    read, write = os.pipe()
    os.close(read)
    with os.fdopen(write, "w") as gone:
        r = tool.migrator("versions", stdout=gone)
    assert (r.status, r.err) == (0, "")
    with open("/dev/full", "w") as full:
        r = tool.migrator("versions", stdout=full)
    assert (r.status, r.err) == (1, "error: The result could not be written: No space left on device\n")


# -- info


def test_info(tool):
    tool.fill("1.4.1", {"a": "1.4.1", "ü東": "1.4.1", "old": None, "gone wrong": "x", "half": "0.9.4"})
    park(tool, "half", "0.9.4", "1.22.1")
    r = tool.migrator("info")
    assert (r.status, r.err) == (0, "")
    assert r.out == (
        "Database:  %s (%s)\n"
        "Edition:   open source\n"
        "Version:   1.4.1\n"
        "Newest:    1.22.1, compatible with >=0.19,<2\n"
        "Upgrade:   the database and 3 datasets to v1.22.1; 1 half-way; 1 refused (see plan)\n"
        "Datasets:  5\n"
        "\n"
        "version    datasets    names\n"
        "---------  ----------  ----------\n"
        "0.0        1           old\n"
        "1.4.1      2           a, ü東\n"
        "x          1           gone wrong\n"
        "\n"
        "Half-way:\n"
        "dataset    version\n"
        "---------  ---------------------------\n"
        "half       0.9.4 (migrating to 1.22.1)\n" % (tool.name, tool.env["FIFTYONE_DATABASE_URI"])
    )
    info = tool.migrator("info", "-o", "json").json
    refused = info["upgrade"].pop("refused")
    assert refused[0] == "Invalid version: 'x' is stored as the version of dataset 'gone wrong'" and "half-way" in refused[1]
    assert info == {
        "database": tool.name,
        "place": tool.env["FIFTYONE_DATABASE_URI"],
        "edition": "open source",
        "services": [],
        "waiting": [],
        "version": "1.4.1",
        "enterprise_version": None,
        "newest_version": "1.22.1",
        "compatible_versions": ">=0.19,<2",
        "datasets": [
            {"name": "a", "version": "1.4.1"},
            {"name": "ü東", "version": "1.4.1"},
            {"name": "old", "version": None},
            {"name": "gone wrong", "version": "x"},
        ],
        "dataset_versions": [
            {"version": "0.0", "datasets": 1},
            {"version": "1.4.1", "datasets": 2},
            {"version": "x", "datasets": 1},
        ],
        "half_way": [{"name": "half", "from": "0.9.4", "to": "1.22.1"}],
        "unfinished": None,
        "restore": None,
        "upgrade": {"target": "1.22.1", "database": True, "datasets": 3, "services": []},
    }


def test_info_writes_nothing(tool):
    r = tool.migrator("info")
    assert r.status == 0 and "Version:   none stored\n" in r.out
    assert tool.name not in tool.db.client.list_database_names()


def test_info_of_an_incompatible_database(tool):
    tool.fill("2.1", {})
    r = tool.migrator("info", "-o", "json")
    assert r.status == 0
    assert r.json["upgrade"]["error"].startswith("You must have fiftyone>=2.1 installed")


def test_info_tells_a_script_whether_something_is_to_do(tool):
    assert tool.migrator("info").status == 0
    tool.fill("1.22.1", {"a": "1.22.1"})
    assert tool.migrator("info", "--check").status == 0
    tool.db.datasets.update_one({}, {"$set": {"version": "1.4.1"}})
    r = tool.migrator("info", "--check", "-o", "json")
    assert r.status == 4 and r.json["upgrade"]["datasets"] == 1
    park(tool, "a", "1.4.1", "1.22.1")
    assert tool.migrator("info", "--check").status == 4 and tool.migrator("info").status == 0
    tool.db.datasets.update_one({}, {"$set": {"version": "1.22.1"}})
    tool.db.config.update_one({}, {"$set": {"version": "2.1"}})
    assert tool.migrator("info", "--check").status == 14 and tool.migrator("info").status == 0


def test_info_with_many_names(tool):
    tool.fill("1.4.1", {"dataset number %d" % i: "1.4.1" for i in range(20)})
    row = tool.migrator("info").out.splitlines()[-1]
    assert row == "1.4.1      20          dataset number 0, dataset number 1, 18 more"


# -- plan


def test_plan(tool):
    tool.restore("1.4.1-A")
    before = tool.versions()
    r = tool.migrator("plan", "1.0")
    assert (r.status, r.err) == (0, "")
    assert "Database: v1.4.1 -> v1.0 (down: version only)\n" in r.out
    assert "12          v1.4.1  v1.0  down   1.4.0 1.1.0\n" in r.out
    assert re.search(r"^To write: \d+ documents, .* KiB$", r.out, re.M)
    assert tool.migrator("migrate", "1.0", "--dry-run").out == r.out
    plan = tool.migrator("plan", "1.0", "-o", "json").json
    keys = "target database database_version revisions datasets unchanged documents bytes drops undo_log losses returns"
    assert list(plan) == [*keys.split(), "restored", "refused"]
    assert plan["datasets"][0]["revisions"] == ["1.4.0", "1.1.0"]
    assert plan["revisions"][0] == {
        "of": "datasets",
        "version": "1.4.0",
        "title": "The log of a delegated operation has a field of its own",
        "direction": "down",
        "down": "lossy",
        "datasets": 12,
    }
    assert tool.versions() == before


def test_plan_names_refused_datasets(tool):
    tool.fill("1.4.1", {"a": "1.4.1"})
    r = tool.migrator("plan", "-n", "nope")
    assert (r.status, r.out) == (
        0,
        "Refused: 1 dataset\n  Dataset nope not found\n    Names are case-sensitive; info lists them.\n",
    )


# -- Enterprise


@pytest.mark.parametrize(
    "args,target,enterprise",
    [
        ([], "1.22.1", "2.25.0"),
        (["2.15.0"], "1.12.0", "2.15.0"),
        (["v2.15"], "1.12.0", "2.15.0"),
        (["0.15.0"], "0.23.0", "0.15.0"),  # also an open-source version
        (["1.5.0"], "0.23.0", "1.5.0"),
        (["--os-version", "1.5.0"], "1.5.0", "2.8.0"),
        (["--exclude", "cas", "hub", "2.15.0"], "1.12.0", "2.15.0"),
        (["--include", "datasets", "--", "2.15.0"], "1.12.0", "2.15.0"),
    ],
    ids=lambda x: " ".join(x) if isinstance(x, list) else "",
)
def test_enterprise_version(tool, args, target, enterprise):
    tool.fill("1.4.1", {"a": "1.4.1"}, "fiftyone-teams")
    r = tool.migrator("plan", "-o", "json", *(args if {"--exclude", "--include"} & set(args) else [*args, *NO_CAS]))
    assert r.status == 0, r.err
    assert (r.json["target"], r.json["enterprise_target"]) == (target, enterprise)
    assert "Enterprise " + enterprise in r.err and "open source " + target in r.err


def test_enterprise_migration(tool):
    tool.fill("1.4.1", {"a": "1.4.1"}, "fiftyone-teams")
    r = tool.migrator("migrate", "2.15.0", *NO_CAS)
    assert r.status == 0
    assert r.err.startswith("Version 2.15.0 is Enterprise 2.15.0, open source 1.12.0\n")
    assert "Migrated the database and 1 dataset to v1.12.0 in " in r.out
    assert r.out.startswith("Migrated hub from v")
    assert tool.versions() == ({"a": "1.12.0"}, "1.12.0")
    r = tool.migrator("info")
    assert "Edition:    enterprise\nVersion:    1.12.0 (Enterprise 2.15.0)\n" in r.out
    assert "hub: at 2.15.0 already.\n" in tool.migrator("migrate", "2.15.0", *NO_CAS).out


def test_open_source_names_no_services(tool):
    tool.fill("1.4.1", {"a": "1.4.1"})
    assert "hub" not in tool.migrator("plan").out
    assert tool.migrator("plan", "--os-version", "1.21", "-o", "json").json["target"] == "1.21"


def test_unknown_enterprise_version(tool, tmp_path):
    tool.fill("1.4.1", {"a": "1.4.1"}, "fiftyone-teams")
    r = tool.migrator("plan", "2.99", *NO_CAS)
    assert (r.status, r.out) == (14, "")
    assert r.err.startswith("error: Unknown Enterprise version '2.99'; the newest known one is ")
    path = tmp_path / "more.csv"
    path.write_text("enterprise,open_source,released,source\n2.99.0,1.21.0\n")
    r = tool.migrator("plan", "2.99", "--versions", str(path), "-o", "json", *NO_CAS)
    assert (r.status, r.json["target"]) == (0, "1.21.0")


def test_enterprise_needs_a_name(server, tool, tmp_path):
    # The default name, which only a database of somebody else could carry here.
    tool.db = server.client["fiftyone"]
    try:
        tool.fill("1.4.1", {}, "fiftyone-teams")
        for command in "info", "plan", "migrate":
            r = tool.migrator(command, FIFTYONE_DATABASE_NAME=None)
            assert (r.status, r.out) == (2, "")
            assert "no database name was given" in r.err or "FIFTYONE_DATABASE_NAME" in r.err
        assert tool.migrator("info", FIFTYONE_DATABASE_NAME="fiftyone").status == 0
    finally:
        server.client.drop_database("fiftyone")


# -- versions and revisions


def test_versions(tool):
    r = tool.migrator("versions")
    assert r.status == 0
    assert r.out.startswith("enterprise    open source    released\n")
    assert "2.15.0        1.12.0         2026-02-04\n" in r.out
    pairs = tool.migrator("versions", "1.5.0", "-o", "json").json["versions"]
    assert [(p["enterprise"], p["open_source"]) for p in pairs] == [("1.5.0", "0.23.0"), ("2.8.0", "1.5.0")]
    assert tool.migrator("versions", "7").status == 14
    assert tool.migrator("versions", "x").status == 14


def test_revisions(tool):
    r = tool.migrator("revisions", "list")
    assert r.status == 0
    rows = [line.split()[:3] for line in r.out.splitlines()[2:]]
    assert rows[0] == ["database", "0.15.0", "exact"] and rows[24] == ["datasets", "1.13.0", "lossy"]
    assert len(rows) == 50 and rows[-1] == ["hub", "2.18.0", "lossy"]
    r = tool.migrator("revisions", "show", "v0.16.3.0")
    assert r.out.startswith("v0.16.3 datasets\nDatasets have tags\n")
    assert "\nDown (lossy):\n  remove tags\n" in r.out
    both = tool.migrator("revisions", "show", "0.15.1", "-o", "json").json["revisions"]
    assert [x["service"] for x in both] == ["database", "datasets"]
    assert tool.migrator("revisions", "show", "1.2.3").status == 14


def test_lint(tool, tmp_path):
    r = tool.migrator("revisions", "lint")
    assert (r.status, r.out) == (0, "50 revisions checked, 0 faults\n")
    good = os.path.join(ROOT, "src", "revisions", "datasets", "0.16.3.yaml")
    assert tool.migrator("revisions", "lint", good).out == "1 revision checked, 0 faults\n"
    with open(good) as f:
        text = f.read()
    bad = tmp_path / "0.16.3.yaml"
    bad.write_text(text.replace("title:", "titel:"))
    other = tmp_path / "0.16.4.yaml"
    other.write_text(text)
    r = tool.migrator("revisions", "lint", good, str(bad), str(other))
    assert r.status == 1
    lines = r.out.splitlines()
    assert lines[0] == "3 revisions checked, 2 faults"
    assert "0.16.3.yaml:" in lines[1] and "unknown key 'titel'" in lines[1]
    assert lines[2] == "%s:1:1: the file is not named after its version, 0.16.3" % other


# -- the private server


@pytest.mark.parametrize("command", ["migrate", "plan"])
def test_an_enterprise_version_on_an_open_source_database(tool, command):
    tool.fill("1.0.0", {"a": "1.0.0"})
    r = tool.migrator(command, "2.15.0")
    assert r.status == 14 and "2.15.0 is a version of FiftyOne Enterprise" in r.err and "release is 1.12.0." in r.err


def test_an_unknown_version_is_no_matter_of_options_of_others(tool):
    r = tool.migrator("versions", "99")
    assert r.status == 14 and "--os-version" not in r.err and "--versions" in r.err


@pytest.mark.parametrize("database, args, admin", [
    ("0.18.0", ["1.22.1"], True),  # lifted by an admin
    ("1.22.1", ["0.18.0"], False),  # newer than the client
    ("0.18.0", ["2.25.0", "--client-type", "fiftyone-teams"], False),  # of another type
])
def test_check_says_whether_admins_are_let_in(tool, database, args, admin):
    tool.fill(database, {"a": database})
    r = tool.migrator("check", "--client-version", *args)
    assert r.status == 14 and ("unless it is an admin, which takes it up to v1.22.1:" in r.out) == admin
    assert ("admin" in r.out) == admin
    assert tool.migrator("check", "--client-version", *args, "-o", "json").json["admin_lifts"] == admin


def test_private_server(tool, tmp_path):
    private = {
        "FIFTYONE_DATABASE_URI": None,
        "FIFTYONE_DATABASE_NAME": None,
        "FIFTYONE_DATABASE_DIR": str(tmp_path / "db"),
        "FIFTYONE_MIGRATOR_MONGOD": harness.find_mongod(),
    }
    r = tool.migrator("migrate", **private)
    assert r.status == 0 and r.out.startswith("Migrated the database to v1.22.1 in")
    r = tool.migrator("info", **private)
    assert r.status == 0
    assert r.out.startswith("Database:  fiftyone (private server, %s)\n" % (tmp_path / "db"))
    assert "\nVersion:   1.22.1\n" in r.out
    assert "Database version: 1.22.1\n" in tool.fiftyone("migrate", "--info", **private).out
