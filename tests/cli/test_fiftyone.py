"""`fiftyone migrate`: texts, streams and statuses. What it does to data is the corpus' business."""
import datetime
import json

NOT_FOUND = "fiftyone.core.dataset.DatasetNotFoundError: Dataset nope not found"


def park(tool, name, start, end):
    """As an interrupted run leaves a dataset."""
    i = tool.db.datasets.find_one({"name": name})["_id"]
    tool.db.datasets.update_one({"_id": i}, {"$set": {"version": "9999.0+migrating"}})
    tool.db["migrator.journal"].insert_one({"_id": {"dataset": i}, "name": name, "from": start, "to": end})


def test_info_layout(tool):
    tool.fill("1.4.1", {"abc": "1.4.1", "defghijklmnop": "0.20", "Ü東": None})
    before = tool.versions()
    r = tool.fiftyone("migrate", "--info")
    assert (r.status, r.err) == (0, "")
    assert r.out == (
        "Client version: 1.22.1\n"
        "Compatible versions: >=0.19,<2\n"
        "\n"
        "Database version: 1.4.1\n"
        "\n"
        "dataset        version\n"
        "-------------  ---------\n"
        "abc            1.4.1\n"
        "defghijklmnop  0.20\n"
        "Ü東\n"
    )
    assert tool.versions() == before


def test_info_without_datasets(tool):
    tool.fill("1.4.1", {})
    r = tool.fiftyone("migrate", "-i")
    assert r.out.endswith("Database version: 1.4.1\n")


def test_info_of_names(tool):
    tool.fill("1.4.1", {"a": "1.0", "b": None})
    r = tool.fiftyone("migrate", "--info", "-n", "b", "a", "nope", "a")
    assert r.status == 1
    assert r.out == "None\n1.0\n"
    assert r.error == NOT_FOUND


def test_info_wins_over_all(tool):
    tool.fill("1.4.1", {"a": "1.4.1"})
    r = tool.fiftyone("migrate", "--info", "--all", "-v", "1.0")
    assert r.status == 0 and r.out.startswith("Client version")
    assert tool.versions() == ({"a": "1.4.1"}, "1.4.1")


def test_info_of_a_parked_dataset(tool):
    tool.fill("1.22.1", {"a": "1.4.1"})
    park(tool, "a", "0.9.4", "1.22.1")
    assert tool.fiftyone("migrate", "--info").out.endswith("\na          0.9.4 (migrating to 1.22.1)\n")
    tool.db["migrator.journal"].drop()
    assert tool.fiftyone("migrate", "--info", "-n", "a").out == "(migrating)\n"


def test_info_as_json(tool):
    tool.fill("1.4.1", {"a": "1.0", "b": None})
    r = tool.fiftyone("migrate", "--info", "--json")
    assert r.json == {
        "client_version": "1.22.1",
        "compatible_versions": ">=0.19,<2",
        "database_version": "1.4.1",
        "datasets": [{"name": "a", "version": "1.0"}, {"name": "b", "version": None}],
    }
    assert tool.fiftyone("migrate", "--info", "--json", "-n", "b").json["datasets"] == [{"name": "b", "version": None}]


def test_info_of_enterprise(tool):
    tool.fill("1.4.1", {}, "fiftyone-teams")
    lines = tool.fiftyone("migrate", "--info").out.split("\n")
    assert lines[0].startswith("FiftyOne Enterprise version: 2.")
    assert lines[1:] == ["FiftyOne compatibility version: 1.22.1", "Database version: 1.4.1", ""]


def test_log_lines(tool):
    tool.fill("1.4.1", {"a": "1.4.1"})
    r = tool.fiftyone("migrate", "--all", "--verbose")
    assert (r.status, r.err) == (0, "")
    assert r.out == "Migrating dataset 'a' to v1.22.1\nRunning v1.13.0 up migration\n"
    assert tool.fiftyone("migrate", "--all").out == ""


def test_dataset_that_fails(tool):
    """(level) -> (status, stdout, last line of stderr)"""
    tool.fill("1.4.1", {"a": "1.4.1", "b": "1.4.1"})
    names = ["-n", "a", "nope", "-v", "1.21"]
    r = tool.fiftyone("migrate", *names, "--error-level", "0")
    assert (r.status, r.out, r.error) == (1, "", NOT_FOUND)
    assert tool.versions() == ({"a": "1.4.1", "b": "1.4.1"}, "1.4.1")  # nothing at all was written
    assert tool.fiftyone("migrate", *names, "--error-level", "-7").status == 1

    r = tool.fiftyone("migrate", *names)
    assert (r.status, r.err) == (3, "")
    assert r.out == "Dataset nope not found\nMigrating dataset 'a' to v1.21\n"
    assert tool.versions()[0] == {"a": "1.21", "b": "1.4.1"}
    r = tool.fiftyone("migrate", "-n", "nope", "--error-level", "2")
    assert (r.status, r.out, r.err) == (3, "", "")
    r = tool.fiftyone("migrate", "-n", "nope", FIFTYONE_MIGRATOR_LEGACY_EXIT="1")
    assert (r.status, r.out) == (0, "Dataset nope not found\n")
    r = tool.fiftyone("migrate", "-n", "nope", FIFTYONE_MIGRATOR_ERROR_LEVEL="0")
    assert (r.status, r.error) == (1, NOT_FOUND)
    # An option wins over its variable.
    assert tool.fiftyone("migrate", "-n", "nope", "--error-level=1", FIFTYONE_MIGRATOR_ERROR_LEVEL="0").status == 3


def test_errors_end_like_a_traceback(tool):
    tool.fill("1.4.1", {"a": "1.4.1"})
    r = tool.fiftyone("migrate", "-v", "abc")
    assert (r.status, r.error) == (1, "packaging.version.InvalidVersion: Invalid version: 'abc'")
    r = tool.fiftyone("migrate", "-v", "99")
    assert r.status == 1
    assert r.err.endswith(
        "\nOSError: You must have fiftyone>=99 installed in order to migrate from v1.22.1 to v99, but you are currently "
        "running fiftyone==1.22.1.\n\nSee https://docs.voxel51.com/getting_started/install.html#downgrading-fiftyone "
        "for information about downgrading FiftyOne.\n"
    )
    r = tool.fiftyone("migrate", "-v", "1.0", FIFTYONE_DATABASE_ADMIN="false")
    assert (r.status, r.error) == (
        1,
        "OSError: Cannot migrate database from v1.4.1 to v1.0 when database_admin=False. See "
        "https://docs.voxel51.com/user_guide/config.html#database-migrations for more information",
    )
    tool.db.config.update_one({}, {"$set": {"type": "other"}})
    r = tool.fiftyone("migrate")
    assert (r.status, r.error) == (
        1,
        "ConnectionError: Cannot connect to database type 'other' with client type 'fiftyone'",
    )


def test_unreachable_server(tool):
    r = tool.fiftyone(
        "migrate", FIFTYONE_DATABASE_URI="mongodb://me:s3cret@127.0.0.1:1/?serverSelectionTimeoutMS=100"
    )
    assert (r.status, r.out, r.error) == (1, "", "ConnectionError: Could not connect to `mongod`")
    assert "s3cret" not in r.err


def test_bad_configuration_file(tool, tmp_path):
    path = tmp_path / "config.json"
    path.write_text('{"database_admin": "yes"}')
    r = tool.fiftyone("migrate", "--info", FIFTYONE_CONFIG_PATH=str(path))
    assert (r.status, r.out) == (1, "")
    assert r.error == (
        "eta.core.config.EnvConfigError: Expected key 'database_admin' of <class 'bool'>; found <class 'str'>"
    )


def test_disabled(tool):
    tool.fill("1.4.1", {"a": "1.4.1"})
    r = tool.fiftyone("migrate", "--all", FIFTYONE_DISABLE_MIGRATIONS="1")
    assert (r.status, r.out) == (0, "")
    assert "FIFTYONE_DISABLE_MIGRATIONS" in r.err
    assert tool.versions() == ({"a": "1.4.1"}, "1.4.1")


def test_logging_level(tool):
    tool.fill("1.4.1", {"a": "1.4.1"})
    r = tool.fiftyone("migrate", "-n", "nope", "a", "-v", "1.21", FIFTYONE_LOGGING_LEVEL="WARNING")
    assert r.out == "Dataset nope not found\n"
    r = tool.fiftyone("migrate", "-n", "nope", "a", "-v", "1.4.1", FIFTYONE_LOGGING_LEVEL="ERROR")
    assert (r.status, r.out) == (3, "")
    r = tool.fiftyone("migrate", "-n", "nope", FIFTYONE_LOGGING_LEVEL="loud")
    assert (r.out, r.err) == ("Dataset nope not found\n", "Invalid logging level 'loud'\n")


def test_logging_as_json(tool):
    tool.fill("1.4.1", {"a": "1.4.1"})
    r = tool.fiftyone("migrate", "-n", "nope", "a", FIFTYONE_LOGGING_FORMAT="json")
    lines = [json.loads(line) for line in r.out.splitlines()]
    assert [(x["severity"], x["level"], x["message"]) for x in lines] == [
        ("WARNING", 30, "Dataset nope not found"),
        ("INFO", 20, "Migrating dataset 'a' to v1.22.1"),
    ]
    for x in lines:
        assert x["fiftyone_version"] == "1.22.1"
        stamp = datetime.datetime.strptime(x["timestamp"], "%Y-%m-%dT%H:%M:%S.%fZ")
        now = datetime.datetime.now(datetime.timezone.utc).replace(tzinfo=None)
        assert abs(now - stamp) < datetime.timedelta(minutes=1)


def test_logging_destination(tool):
    """A destination that the original does not know leaves the warnings, unformatted, on stderr."""
    tool.fill("1.4.1", {"a": "1.4.1"})
    for value in "stdout", "stdout,stderr":
        r = tool.fiftyone("migrate", "-n", "nope", FIFTYONE_LOGGING_DESTINATION=value)
        assert (r.out, r.err) == ("Dataset nope not found\n", "")
    r = tool.fiftyone(
        "migrate", "-n", "nope", "a", FIFTYONE_LOGGING_DESTINATION="syslog", FIFTYONE_LOGGING_FORMAT="json"
    )
    assert (r.out, r.err) == ("", "Dataset nope not found\n")


def test_warnings_of_the_validation(tool):
    """Log lines like any other, but never in the middle of a result."""
    tool.fill("1.22.1", {})
    version = tool.db.client.server_info()["version"]
    r = tool.fiftyone("migrate", FIFTYONE_DATABASE_VALIDATION="true")
    assert r.err == ""
    assert r.out.startswith("You are running the oldest supported") == version.startswith("6.")
    for args in ["--info"], ["--info", "--json"], ["--dry-run"], ["--all", "--json"]:
        shown = tool.fiftyone("migrate", *args, FIFTYONE_DATABASE_VALIDATION="true")
        assert (shown.status, shown.err) == (0, r.out)
        assert shown.out == tool.fiftyone("migrate", *args).out


def test_dry_run(tool):
    tool.fill("1.4.1", {"a": "1.4.1", "b": "1.13.0"})
    before = tool.versions()
    r = tool.fiftyone("migrate", "--all", "--dry-run")
    assert (r.status, r.err) == (0, "")
    assert "Database: v1.4.1 -> v1.22.1 (up: version only)\n" in r.out
    assert "1           v1.4.1   v1.22.1  up     1.13.0\n" in r.out
    assert tool.fiftyone("migrate", "--all", FIFTYONE_MIGRATOR_DRY_RUN="1").out == r.out
    assert tool.versions() == before


def test_json_report(tool):
    tool.fill("1.4.1", {"a": "1.4.1", "b": "1.22.1"})
    r = tool.fiftyone("migrate", "--all", "--json")
    assert (r.status, r.err) == (0, "Migrating dataset 'a' to v1.22.1\n")
    assert {k: v for k, v in r.json.items() if k not in ("seconds", "run")} == {
        "target": "1.22.1",
        "database": "1.22.1",
        "datasets": 1,
        "unchanged": 1,
        "failures": [],
        "undo_log": True,
        "losses": [],
        "restored": {"values": 0, "datasets": 0, "kept": []},
    }
    assert r.json["seconds"] > 0
    r = tool.fiftyone("migrate", "-n", "nope", "--json")
    assert r.status == 3
    assert [(f["dataset"], f["error"], f["refused"]) for f in r.json["failures"]] == [
        ("nope", "Dataset nope not found", True)
    ]


def test_result_that_cannot_be_written(tool):
    tool.fill("1.4.1", {})
    with open("/dev/full", "w") as full:
        r = tool.fiftyone("migrate", "--info", stdout=full)
    assert (r.status, r.error) == (1, "OSError: The result could not be written: No space left on device")
