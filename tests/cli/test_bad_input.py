"""What is wrong on the server, in the database or on the command line: one clear error each, and no harm done."""
import re

import bson
import pymongo
import pytest
from bson import ObjectId
from bson.raw_bson import RawBSONDocument

from programs import NAMES, Tool, harness

NEWEST = "1.22.1"
LIMIT = 16 << 20
CRASH = re.compile(
    r"Traceback|terminate called|what\(\)|Segmentation|Aborted|core dumped|Assertion|Sanitizer|runtime error:|mongoc|lsid"
)
UNPARSABLE = ["garbage", "", 5, {"a": 1}]
TIME_STAMP = re.compile(r"\d{4}(\.\d\d){5}")


class Before:
    """The database as it was, bookkeeping included."""

    def __init__(self, db):
        self.db = db
        self.dump, self.names = self._dump(), self._names()

    def _dump(self):
        return harness.take_dump(self.db.client, self.db.name)

    def _names(self):
        return set(self.db.list_collection_names())

    def assert_untouched(self):
        assert self._names() == self.names
        assert harness.untouched(self.dump, self._dump()) == []

    def assert_untouched_but(self, *documents):
        """Other documents than these ((collection, _id) each) are byte for byte the same."""
        now = self._dump()
        for name, (docs, _) in self.dump.items():
            left = set(now[name][0])
            for doc in docs:
                if (name, bson.decode(doc)["_id"]) not in documents:
                    assert doc in left, (name, bson.decode(doc)["_id"])


def no_bookkeeping(tool):
    left = {n for n in tool.db.list_collection_names() if n.startswith("migrator.")}
    assert left <= {"migrator.history", "migrator.residue", "migrator.residue.members"}


def error_of(r, status):
    """(message, remedy) of fiftyone-migrator, which must have nothing else to say."""
    assert not CRASH.search(r.out + r.err)
    assert (r.status, r.out) == (status, ""), r.err
    errors = [line for line in r.err.split("\n") if line.startswith("error: ")]
    assert len(errors) == 1 and r.err.startswith("error: "), r.err
    message, _, remedy = r.err[len("error: "):].strip("\n").partition("\n")
    assert message == message.strip() and message
    return message, remedy


def drop_in_error(r, text, status=1):
    """Lines above the last one, which must be `text`."""
    assert not CRASH.search(r.out + r.err)
    assert (r.status, r.out) == (status, ""), r.err
    lines = r.err.rstrip("\n").split("\n")
    assert lines[-1] == text
    assert text not in lines[:-1]
    return "\n".join(lines[:-1])


def ran(r, status=0):
    assert not CRASH.search(r.out + r.err)
    assert r.status == status, r.err + r.out
    return r


# -- the server

UNREACHABLE = {
    "nobody listens": ("mongodb://me:s3cret@127.0.0.1:1/?serverSelectionTimeoutMS=500", "127.0.0.1:1"),
    "no such host": ("mongodb://me:s3cret@no.such.host.invalid/?serverSelectionTimeoutMS=500", "no.such.host.invalid"),
    "no such service": ("mongodb+srv://me:s3cret@no.such.host.invalid/", "no.such.host.invalid"),
}


@pytest.mark.parametrize("uri,where", UNREACHABLE.values(), ids=UNREACHABLE)
def test_unreachable(tool, uri, where):
    for command in "info", "plan", "migrate":
        message, remedy = error_of(tool.migrator(command, FIFTYONE_DATABASE_URI=uri), 5)
        assert message.startswith("Could not connect to `mongod`: ") and where in message
        assert "s3cret" not in message and "database URI" in remedy
    error = tool.migrator("migrate", "-o", "json", FIFTYONE_DATABASE_URI=uri)
    assert '"unreachable"' in error.err and "s3cret" not in error.err
    for args in ["--info"], ["--all"]:
        r = tool.fiftyone("migrate", *args, FIFTYONE_DATABASE_URI=uri)
        above = drop_in_error(r, "ConnectionError: Could not connect to `mongod`")
        assert where in above and "database URI" in above and "s3cret" not in above


@pytest.mark.parametrize("uri", ["mongo://me:s3cret@host", "mongodb://", "mongodb://me:s3cret@host:port/", "host",
                                 "mongodb://me:s3cret:x@host/", "mongodb://me:a:s3cret@host/?authSource=admin"])
def test_invalid_uri(tool, uri):
    message, remedy = error_of(tool.migrator("migrate", FIFTYONE_DATABASE_URI=uri), 2)
    assert message.startswith("The database URI '") and "A URI looks like" in remedy and "s3cret" not in message
    r = tool.fiftyone("migrate", "--all", FIFTYONE_DATABASE_URI=uri)
    drop_in_error(r, "ConnectionError: " + message)


@pytest.mark.parametrize("login", ["me", "me:"])
@pytest.mark.parametrize("options", ["", "?authSource=admin", "?authMechanism=PLAIN"])
def test_user_without_password(tool, login, options):
    uri = "mongodb://%s@127.0.0.1:1/%s" % (login, options)
    message, remedy = error_of(tool.migrator("migrate", FIFTYONE_DATABASE_URI=uri), 2)
    assert message == "The database URI names the user 'me' and no password" and "user:password@" in remedy
    drop_in_error(tool.fiftyone("migrate", "--info", FIFTYONE_DATABASE_URI=uri), "ConnectionError: " + message)


def test_user_without_password_where_none_is_needed(tool):
    uri = "mongodb://me@127.0.0.1:1/?authMechanism=MONGODB-X509&authSource=$external&serverSelectionTimeoutMS=50"
    error_of(tool.migrator("migrate", FIFTYONE_DATABASE_URI=uri), 5)


def test_a_file_that_holds_no_certificate(tool, tmp_path):
    (tmp_path / "ca.pem").write_text("nothing")
    uri = "mongodb://127.0.0.1:1/?tls=true&tlsCAFile=%s/ca.pem" % tmp_path
    message, _ = error_of(tool.migrator("migrate", FIFTYONE_DATABASE_URI=uri), 2)
    assert message == "The file '%s/ca.pem' of tlsCAFile in the database URI holds no certificate" % tmp_path


@pytest.fixture(scope="module")
def guarded():
    """A server that wants a password, and the client of its administrator."""
    with harness.Server("--auth") as s:
        s.client.admin.command("createUser", "root", pwd="r", roles=["root"])
        root = pymongo.MongoClient(s.uri, username="root", password="r")
        for user, role in {"reader": "read", "writer": "readWrite"}.items():
            root.admin.command("createUser", user, pwd="s3cret", roles=[{"role": role, "db": "guarded"}])
        root.admin.command("createUser", "guest", pwd="s3cret", roles=[])
        yield s, root
        root.close()


@pytest.fixture
def guarded_tool(guarded, tmp_path):
    server, root = guarded
    tool = Tool(server, "guarded", str(tmp_path))
    tool.db = root["guarded"]
    tool.fill("1.4.1", {"a": "0.18.0", "b": "1.4.1"})
    yield tool
    root.drop_database("guarded")


def as_user(server, login):
    rest = server.uri[len("mongodb://"):] + "/?serverSelectionTimeoutMS=500"
    return "mongodb://" + (login + "@" + rest + "&authSource=admin" if login else rest)


LOGINS = {
    "wrong password": ("reader:s3cret2", "Authentication failed", "Check user, password and authSource"),
    "no such user": ("nobody:s3cret", "Authentication failed", "Check user, password and authSource"),
    "no role": ("guest:s3cret", "reading config: not authorized on guarded", "lacks the right find on guarded.config"),
    "no user": ("", "reading config: command find requires authentication", "Name a user in the database URI"),
}


@pytest.mark.parametrize("login,text,remedy", LOGINS.values(), ids=LOGINS)
def test_login(guarded, guarded_tool, login, text, remedy):
    tool, before = guarded_tool, Before(guarded_tool.db)
    uri = as_user(guarded[0], login)
    for args in ["info"], ["plan"], ["migrate"], ["migrate", "0.17.0", "--allow-loss"]:
        message, advice = error_of(tool.migrator(*args, FIFTYONE_DATABASE_URI=uri), 12)
        assert text in message and remedy in advice and "s3cret" not in message + advice
    for args in ["--info"], ["--all"], ["--all", "--error-level", "2"]:
        r = tool.fiftyone("migrate", *args, FIFTYONE_DATABASE_URI=uri)
        assert (r.status, r.out) == (1, "")
        assert text in r.error and remedy in r.err and "s3cret" not in r.err and not CRASH.search(r.err)
    before.assert_untouched()


def test_user_that_may_only_read(guarded, guarded_tool):
    tool, before = guarded_tool, Before(guarded_tool.db)
    uri = as_user(guarded[0], "reader:s3cret")
    for command in "info", "plan":
        assert ran(tool.migrator(command, FIFTYONE_DATABASE_URI=uri)).err == ""
    assert ran(tool.fiftyone("migrate", "--info", FIFTYONE_DATABASE_URI=uri)).err == ""
    assert ran(tool.fiftyone("migrate", "--all", "--dry-run", FIFTYONE_DATABASE_URI=uri)).err == ""
    for args in ["migrate"], ["migrate", "0.17.0", "--allow-loss"]:
        message, remedy = error_of(tool.migrator(*args, "-q", FIFTYONE_DATABASE_URI=uri), 12)
        assert message.startswith("The user reader@admin lacks the rights insert, update, remove")
        assert message.endswith("on the database guarded; nothing was written") and "the role readWrite" in remedy
    for args in ["--all"], ["-n", "a"], ["--all", "--error-level", "2"]:
        r = tool.fiftyone("migrate", *args, FIFTYONE_DATABASE_URI=uri)
        assert (r.status, r.out) == (1, "")
        assert "lacks the rights insert" in r.err and "readWrite" in r.err and not CRASH.search(r.err)
    before.assert_untouched()


def test_user_that_may_write_one_database(guarded, guarded_tool):
    """No rights elsewhere are needed, with the validation of the server too."""
    uri = as_user(guarded[0], "writer:s3cret")
    tool = guarded_tool
    ran(tool.migrator("migrate", FIFTYONE_DATABASE_URI=uri, FIFTYONE_DATABASE_VALIDATION=None))
    assert tool.versions() == ({"a": NEWEST, "b": NEWEST}, NEWEST)
    ran(tool.fiftyone("migrate", "--all", "-v", "1.0", FIFTYONE_DATABASE_URI=uri, FIFTYONE_DATABASE_VALIDATION=None))
    assert tool.versions() == ({"a": "1.0", "b": "1.0"}, "1.0")
    no_bookkeeping(tool)


# -- config


@pytest.mark.parametrize("kind,shown", [("other", "other"), ("", ""), (5, "int"), ({"a": 1}, "object")])
def test_third_type(tool, kind, shown):
    tool.fill("1.4.1", {"a": "1.4.1"}, kind)
    before = Before(tool.db)
    text = "Cannot connect to database type '%s' with client type 'fiftyone'" % shown
    for args in ["info"], ["plan"], ["migrate"], ["migrate", "1.0", "--allow-loss"]:
        message, remedy = error_of(tool.migrator(*args), 1)
        assert message == text and "FIFTYONE_DATABASE_NAME" in remedy
    for args in [], ["--info"], ["--all"], ["-n", "a", "-v", "1.0"]:
        drop_in_error(tool.fiftyone("migrate", *args), "ConnectionError: " + text)
    before.assert_untouched()


def test_several_configs(tool):
    """The newest counts; reading leaves the others, writing removes them."""
    for version in "0.5", "abc", "1.4.1":
        tool.db.config.insert_one({"version": version, "type": "fiftyone"})
    tool.fill(None, {"a": "1.4.1"})
    before = Before(tool.db)
    assert "Version:   1.4.1\n" in ran(tool.migrator("info")).out
    assert "Database version: 1.4.1\n" in ran(tool.fiftyone("migrate", "--info")).out
    assert "Database: v1.4.1 -> v1.22.1" in ran(tool.migrator("plan")).out
    before.assert_untouched()
    newest = tool.db.config.find_one(sort=[("_id", -1)])["_id"]
    ran(tool.migrator("migrate"))
    assert list(tool.db.config.find()) == [{"_id": newest, "version": NEWEST, "type": "fiftyone"}]
    no_bookkeeping(tool)

    tool.db.config.insert_one({"version": "1.4.1", "type": "fiftyone"})
    ran(tool.fiftyone("migrate"))
    assert [c["version"] for c in tool.db.config.find()] == [NEWEST]


def test_no_config(tool):
    tool.fill(None, {"a": "1.4.1"})
    before = Before(tool.db)
    assert "Version:   none stored\n" in ran(tool.migrator("info")).out
    assert ran(tool.fiftyone("migrate", "--info")).err == ""
    ran(tool.migrator("plan"))
    before.assert_untouched()
    ran(tool.migrator("migrate", "1.21"))
    assert tool.versions() == ({"a": "1.21"}, "1.21")
    tool.db.config.drop()
    ran(tool.fiftyone("migrate", "--all"))
    assert tool.versions() == ({"a": NEWEST}, NEWEST)
    assert tool.db.config.count_documents({}) == 1
    no_bookkeeping(tool)


def test_empty_database(tool):
    for r in tool.migrator("info"), tool.migrator("plan"), tool.fiftyone("migrate", "--info"):
        assert ran(r).err == ""
    assert tool.db.list_collection_names() == []


def test_a_migration_of_nothing_asks_whether_the_name_is_right(tool):
    r = ran(tool.migrator("migrate", "--yes"))
    assert "'%s' has no datasets and no version: is FIFTYONE_DATABASE_NAME right?" % tool.name in r.err
    assert "is FIFTYONE_DATABASE_NAME right?" not in ran(tool.migrator("migrate", "--yes")).err


@pytest.mark.parametrize("name", ["admin", "config", "local", "a.b", "a b", "a/b", "a$b", 'a"b', "x" * 64])
def test_names_of_databases(tool, name):
    for command in ["info"], ["migrate", "--yes"], ["backup", "/nowhere/b"]:
        message, remedy = error_of(tool.migrator(*command, FIFTYONE_DATABASE_NAME=name), 2)
        assert "FIFTYONE_DATABASE_NAME" in remedy and (name in message or "xxx" in message)
    assert tool.fiftyone("migrate", "--all", FIFTYONE_DATABASE_NAME=name).status == 1
    assert not {name} & set(tool.db.client.list_database_names()) - {"admin", "config", "local"}
    assert tool.db.client.config["config"].find_one() is None


# -- versions and names that are asked for


def test_unknown_dataset(tool):
    tool.fill("1.4.1", {"a": "1.4.1", "b": "1.4.1"})
    before = Before(tool.db)
    for args in ["-n", "nope"], ["-n", "a", "nope"], ["1.21", "-n", "nope", "a"], ["-n", "A"], ["-n", ""]:
        message, remedy = error_of(tool.migrator("migrate", "-q", *args), 10)
        missing = [n for n in args if n not in ("-n", "a", "1.21")][0]
        assert message == "Dataset %s not found" % missing
        # What it points to must be there in this program.
        assert "case-sensitive" in remedy and "info" in remedy and "--info" not in remedy
    text = "fiftyone.core.dataset.DatasetNotFoundError: Dataset nope not found"
    drop_in_error(tool.fiftyone("migrate", "--info", "-n", "nope"), text)
    drop_in_error(tool.fiftyone("migrate", "-n", "a", "nope", "--error-level", "0"), text)
    before.assert_untouched()
    r = ran(tool.fiftyone("migrate", "-n", "nope"), 3)
    assert (r.out, r.err) == ("Dataset nope not found\n", "")
    assert tool.versions()[0] == {"a": "1.4.1", "b": "1.4.1"}
    no_bookkeeping(tool)


@pytest.mark.parametrize("version", ["abc", "", " ", "1..2", "-1", "1.0-", "1,0", "latest", "1.0\n2", "1.\u0661"])
def test_malformed_version(tool, version):
    tool.fill("1.4.1", {"a": "1.4.1"})
    before = Before(tool.db)
    for command in "plan", "migrate":
        for args in ["--", version], ["--os-version=" + version]:
            if args[-1] == "--os-version=":
                continue  # wrong usage
            r = tool.migrator(command, *args)
            assert not CRASH.search(r.err)
            assert (r.status, r.out) == (14, "")
            assert r.err.startswith("error: Invalid version: '%s'" % version)
    for args in ["--all"], [], ["--all", "--error-level", "0"]:
        r = tool.fiftyone("migrate", *args, "--version=" + version)
        assert (r.status, r.out) == (1, "")
        assert r.err.endswith("packaging.version.InvalidVersion: Invalid version: '%s'\n" % version)
    before.assert_untouched()


@pytest.mark.parametrize("version", ["1.22.2", "1.30", "99", "9999.0+migrating", "1!1.0"])
def test_too_new_version(tool, version):
    tool.fill("1.4.1", {"a": "1.4.1"})
    before = Before(tool.db)
    for command in "plan", "migrate":
        message, remedy = error_of(tool.migrator(command, version), 14)
        assert message.startswith("You must have fiftyone>=")
        assert "Install a newer fiftyone-migrator" in remedy
    r = tool.fiftyone("migrate", "--all", "-v", version)
    assert (r.status, r.out) == (1, "")
    assert "\nOSError: You must have fiftyone>=" in "\n" + r.err
    before.assert_untouched()


# -- versions that are stored


@pytest.mark.parametrize("version", [*UNPARSABLE, "9999.0+migrating"], ids=repr)
def test_stored_version_of_the_database(tool, version):
    tool.fill("1.4.1", {"a": "1.4.1"})
    tool.db.config.update_one({}, {"$set": {"version": version}})
    before = Before(tool.db)
    ran(tool.migrator("info"))
    ran(tool.fiftyone("migrate", "--info"))
    for args in ["plan"], ["migrate"], ["migrate", "1.0", "--allow-loss"], ["migrate", "--error-level", "2"]:
        message, remedy = error_of(tool.migrator(*args), 14)
        assert "nvalid version" in message or "You must have fiftyone>=9999.0" in message
        assert "database" in message + remedy or version == "9999.0+migrating"  # not the argument
    for args in ["--all"], []:
        r = tool.fiftyone("migrate", *args)
        assert (r.status, r.out) == (1, "")
        assert re.search(r"^(packaging\.version\.InvalidVersion: Invalid version: '|OSError: You must)", r.err, re.M)
    before.assert_untouched()


@pytest.mark.parametrize("version", UNPARSABLE, ids=repr)
def test_stored_version_of_a_dataset(tool, version):
    tool.fill("1.4.1", {"a": "1.4.1", "bad one": "1.4.1"})
    bad = tool.db.datasets.find_one({"name": "bad one"})["_id"]
    tool.db.datasets.update_one({"_id": bad}, {"$set": {"version": version}})
    before = Before(tool.db)
    ran(tool.migrator("info"))
    ran(tool.fiftyone("migrate", "--info"))
    plan = ran(tool.migrator("plan"))
    for args in ["migrate"], ["migrate", "1.0", "--allow-loss"], ["migrate", "-n", "a", "bad one"]:
        message, remedy = error_of(tool.migrator(*args), 14)
        assert "nvalid version" in message and "bad one" in message + remedy
    assert re.search(r"^Refused: 1 dataset\n(.*\n)*?.*bad one", plan.out, re.M)
    r = tool.fiftyone("migrate", "--all", "--error-level", "0")
    assert (r.status, r.out) == (1, "")
    assert r.error.startswith("packaging.version.InvalidVersion: Invalid version: '")
    before.assert_untouched()

    r = ran(tool.fiftyone("migrate", "--all"), 3)
    assert re.fullmatch(r"Invalid version: '.*'\nMigrating dataset 'a' to v1.22.1\n", r.out) and r.err == ""
    assert tool.versions() == ({"a": NEWEST, "bad one": version}, NEWEST)
    config, a = tool.db.config.find_one()["_id"], tool.db.datasets.find_one({"name": "a"})["_id"]
    before.assert_untouched_but(("config", config), ("datasets", a))
    no_bookkeeping(tool)


def test_parked_dataset_without_journal(tool):
    tool.fill("1.4.1", {"a": "9999.0+migrating", "b": "1.4.1"})
    before = Before(tool.db)
    for args in ["migrate"], ["migrate", "1.0", "--allow-loss"], ["migrate", "-n", "a"]:
        message, remedy = error_of(tool.migrator(*args), 16)
        assert message.startswith("Dataset 'a' is half-way") and remedy
    before.assert_untouched()


# -- dataset documents

OID = ObjectId(b"no such one.")
WRONG = {
    "sample_fields": ["text", 5, {"a": 1}, None, True],
    "frame_fields": ["text", 5, {"a": 1}],
    "evaluations": [[1, "x"], "text", 5],
    "brain_methods": [[1, "x"], "text", 5],
    "annotation_runs": [[1, "x"], "text", 5],
    "runs": [[1], "text"],
    "app_config": [5, "text", [1]],
    "saved_views": ["text", 5, {"a": 1}, [5, "text"]],
    "workspaces": ["text", 5, [None]],
    "media_type": [5, [1], "no such type"],
    "classes": [5, "text"],
    "default_classes": [{"a": 1}],
    "mask_targets": [5, [1], {"a": "text"}],
    "skeletons": [5, "text", {"a": [1]}],
    "group_media_types": [5, [1]],
    "group_field": [5],
    "tags": [5, {"a": 1}],
    "info": [5, [1]],
    "created_at": ["text", 5],
    "last_loaded_at": ["text"],
    "persistent": ["text"],
    "slug": [5],
    "sample_collection_name": [7, "", "no such collection", ["samples.a"]],
    "frame_collection_name": [7, ""],
}
ODD = {
    "fields that are no documents": {"sample_fields": [1, None, "text", [], {}, {"name": 5, "fields": 5}]},
    "a deep field": {"sample_fields": [{"name": "x", "fields": [{"name": "y", "fields": {"a": 1}}, 5]}]},
    "sidebar without names": {"app_config": {"sidebar_groups": [5, {}, {"name": 5, "paths": "text"}]}},
    "colour scheme": {"app_config": {"color_scheme": [1], "sidebar_groups": {"a": 1}, "grid_media_field": 5}},
    "runs that are no documents": {"evaluations": {"e": 5, "f": None, "g": [], "h": {}}},
    "configs that are no documents": {"brain_methods": {"b": {"config": None}, "c": {"config": 5}}},
}


def malformed():
    out = {"%s %s" % (key, value): {key: value} for key, values in WRONG.items() for value in values}
    return {**out, **ODD}


@pytest.mark.parametrize("program", ["migrator", "fiftyone"])
@pytest.mark.parametrize("start,end", [("0.5.6", NEWEST), ("0.14.0", NEWEST), ("0.20.0", NEWEST), (NEWEST, "0.7.0")])
def test_malformed_datasets(tool, program, start, end):
    """What cannot be understood is left alone; all else is migrated."""
    tool.db.config.insert_one({"version": start, "type": "fiftyone"})
    docs = {}
    for name, keys in {"fine": {}, **malformed()}.items():
        if end != NEWEST and any(key.startswith("group_") for key in keys):
            continue  # groups are refused below 0.17.0
        doc = {"_id": ObjectId(), "name": name, "media_type": "image", "slug": name, "version": start}
        docs[name] = {**doc, "sample_collection_name": "samples.%s" % doc["_id"], **keys}
    tool.db.datasets.insert_many(docs.values())
    i = docs["fine"]["_id"]
    tool.db["samples.%s" % i].insert_one({"filepath": "/a.png", "_media_type": "image", "_rand": 0.5})
    if program == "migrator":
        r = tool.migrator("migrate", end, "--allow-loss")
    else:
        r = tool.fiftyone("migrate", "--all", "-v", end)
    ran(r)
    now = {d["_id"]: d for d in tool.db.datasets.find()}
    assert len(now) == len(docs)
    for name, doc in docs.items():
        assert now[doc["_id"]]["version"] == end, name
    no_bookkeeping(tool)
    if end == NEWEST:
        for key, values in WRONG.items():
            for value in values:
                name = "%s %s" % (key, value)
                found = now[docs[name]["_id"]].get(key)
                # The way up gives some keys a value where there is none.
                assert found == value or value is None or key in ("slug", "created_at", "mask_targets"), name
    # Nothing is left to do.
    again = Before(tool.db)
    ran(tool.migrator("migrate", end, "--allow-loss"))
    again.assert_untouched()


@pytest.mark.parametrize("program", ["migrator", "fiftyone"])
@pytest.mark.parametrize("start", ["0.5.6", "0.18.0", "0.19.0"])
def test_missing_keys(tool, program, start):
    """Documents with next to nothing in them. One without the key `name` is no dataset, as for the original; a name
    that is no text is replaced at 0.19.0."""
    tool.db.config.insert_one({"version": start, "type": "fiftyone"})
    docs = [{"_id": 1}, {"_id": 2, "name": 5}, {"_id": 3, "name": None}, {"_id": 4, "name": None}]
    docs += [{"_id": 5, "name": {"a": 1}}, {"_id": "six", "name": "six"}, {"_id": {"a": 7}, "name": "seven"}]
    tool.db.datasets.insert_many([{**d, "version": start} for d in docs])
    ran(tool.migrator("info"))
    ran(tool.fiftyone("migrate", "--info"))
    if program == "migrator":
        ran(tool.migrator("migrate"))
    else:
        ran(tool.fiftyone("migrate", "--all"))
    now = list(tool.db.datasets.find())
    assert [d["_id"] for d in now] == [d["_id"] for d in docs]
    assert now.pop(0) == {"_id": 1, "version": start}
    assert {d["version"] for d in now} == {NEWEST}
    for d in now:
        if start != "0.19.0" and d["_id"] not in ("six", {"a": 7}):
            assert TIME_STAMP.match(d["name"]), d
    names = [str(d.get("name")) for d in now if start != "0.19.0"]
    assert len(set(names)) == len(names)
    no_bookkeeping(tool)


@pytest.mark.parametrize("program", ["migrator", "fiftyone"])
def test_dangling_ids(tool, program):
    """Ids of runs and views without a document: skipped upwards, removed below 0.19.0, with a warning each."""
    keys = {
        "evaluations": {"e": OID},
        "brain_methods": {"b": OID, "c": "text"},
        "annotation_runs": {"r": OID},
        "saved_views": [OID],
        "workspaces": [OID],
    }
    tool.fill("1.4.1", {"a": "0.19.0"})
    tool.db.datasets.update_one({}, {"$set": keys})

    def run(version):
        if program == "migrator":
            return ran(tool.migrator("migrate", version, "--allow-loss")).err
        return ran(tool.fiftyone("migrate", "--all", "-v", version)).out

    assert "Run 'b' of dataset 'a' has no document in 'runs'" in run(NEWEST)
    now = tool.db.datasets.find_one()
    assert now["version"] == NEWEST and {k: now[k] for k in keys} == keys

    text = run("0.18.0")
    now = tool.db.datasets.find_one()
    assert now["version"] == "0.18.0"
    for key, name in [("evaluations", "e"), ("brain_methods", "b"), ("annotation_runs", "r")]:
        assert "Dropping '%s' from %s of dataset 'a': its document is missing" % (name, key) in text
        assert OID not in now.get(key, {}).values()
    no_bookkeeping(tool)


# -- names


@pytest.mark.parametrize("program", ["migrator", "fiftyone"])
def test_names_without_letters(tool, program):
    names = ["\u6771\u4eac", "!!!", "", " ", "\U0001f600"]
    tool.fill("0.18.0", {n: "0.18.0" for n in names})
    r = ran(tool.migrator("migrate") if program == "migrator" else tool.fiftyone("migrate", "--all"))
    found = [d["name"] for d in tool.db.datasets.find()]
    assert len(set(found)) == len(names) and all(TIME_STAMP.match(n) for n in found)
    text = r.err if program == "migrator" else r.out
    for n in names:
        assert "Renaming dataset '%s' to '" % n in text
    assert tool.versions()[1] == NEWEST
    no_bookkeeping(tool)


UNICODE = ["\u00dcn\u00efcode \u6771 \U0001f600 1", "e\u0301clair", "\u202eabc\u202c", "a\tb", "a\nb", "%s%n{}", "'a'"]


@pytest.mark.parametrize("program", ["migrator", "fiftyone"])
@pytest.mark.parametrize("name", [*UNICODE, "a\0b"], ids=ascii)
def test_odd_names(tool, program, name):
    """Kept, printed whole, and found again (an argument cannot hold a zero byte)."""
    tool.fill("0.18.0", {name: "0.18.0", "other": "0.18.0"})
    line = "Migrating dataset '%s' to v1.22.1\n" % name
    if program == "fiftyone":
        assert name in ran(tool.fiftyone("migrate", "--info")).out.replace("\n ", "\n") or "\n" in name
        args = ["-n", name] if "\0" not in name else ["--all"]
        r = ran(tool.fiftyone("migrate", *args))
        assert line in r.out and r.err == ""
    else:
        ran(tool.migrator("info"))
        names = [n for d in ran(tool.migrator("info", "-o", "json")).json["datasets"] for n in [d["name"]]]
        assert sorted(names) == sorted([name, "other"])
        args = ["-n", name] if "\0" not in name else []
        r = ran(tool.migrator("migrate", *args, "--verbose"))
        assert line in r.err
    assert tool.versions()[0][name] == NEWEST
    no_bookkeeping(tool)


def test_text_that_is_no_utf8(tool):
    """Bytes that no client should have written stay as they are."""
    text = b"caf\xe9 \xff"
    raw = bson.encode({"_id": 1, "name": "a", "version": "0.18.0", "info": {"k": "x" * len(text)}})
    raw = raw.replace(b"x" * len(text), text)
    tool.db.config.insert_one({"version": "0.18.0", "type": "fiftyone"})
    tool.db.datasets.insert_one(RawBSONDocument(raw))
    ran(tool.migrator("migrate"))
    now = harness.take_dump(tool.db.client, tool.name)["datasets"][0][0]
    assert text in now and b"1.22.1" in now
    ran(tool.fiftyone("migrate", "--all", "-v", "0.18.0"))
    assert text in harness.take_dump(tool.db.client, tool.name)["datasets"][0][0]
    no_bookkeeping(tool)


# -- documents near the limit


def big_dataset(name, size, version, **keys):
    """Of exactly that many bytes, most of them in `info`."""
    doc = {"_id": ObjectId(), "name": name, "media_type": "image", "version": version, **keys}
    doc["sample_collection_name"] = "samples." + name
    doc["info"] = {"k%02d" % i: "" for i in range(40)}
    doc["info"]["k00"] = "x" * (size - len(bson.encode(doc)))
    assert len(bson.encode(doc)) == size
    return doc


def fill_big(tool, size, version, **keys):
    tool.fill(version, {"other": version})
    doc = big_dataset("big", size, version, **keys)
    tool.db.datasets.insert_one(doc)
    samples = [{"filepath": "/%d.png" % i, "_media_type": "image", "_rand": 0.5} for i in range(3)]
    for name in "samples.big", "samples.other":
        tool.db[name].insert_many([dict(s) for s in samples])
    return doc


FIELDS = [{"name": "x", "ftype": "fiftyone.core.fields.StringField", "db_field": "x"}]


def nested(levels):
    out = {"x": 1}
    for _ in range(levels - 1):
        out = {"x": out}
    return out


@pytest.mark.parametrize("start,end", [(NEWEST, "1.0.0"), ("0.18.0", NEWEST)])
def test_dataset_too_deep_for_the_undo_log(tool, start, end):
    """Found before anything is written, at the first level that the log has no room for."""
    fill_big(tool, 8000, start, sample_fields=FIELDS)
    tool.db.datasets.update_one({"name": "big"}, {"$set": {"info": nested(178)}})
    before = Before(tool.db)
    message, remedy = error_of(tool.migrator("migrate", end, "--yes", "-q"), 16)
    assert "Dataset 'big' nests more than 178 levels" in message and "--undo-log off" in remedy
    before.assert_untouched()
    tool.db.datasets.update_one({"name": "big"}, {"$set": {"info": nested(177)}})
    ran(tool.migrator("migrate", end, "--yes"))
    ran(tool.migrator("undo", "--yes"))


def test_dataset_too_large_for_the_undo_log(tool):
    """Found before anything is written; without the log it goes."""
    fill_big(tool, LIMIT - 8000, NEWEST, sample_fields=FIELDS)
    before = Before(tool.db)
    message, remedy = error_of(tool.migrator("migrate", "1.0.0", "-q"), 16)
    assert "'big'" in message and str(LIMIT - 8000) in message and "--undo-log off" in remedy
    before.assert_untouched()
    ran(tool.migrator("migrate", "1.0.0", "--undo-log", "off", "--allow-loss"))
    assert tool.versions() == ({"big": "1.0.0", "other": "1.0.0"}, "1.0.0")


@pytest.mark.parametrize("program", ["migrator", "fiftyone"])
@pytest.mark.parametrize("start,end", [("0.9.4", NEWEST), ("1.4.1", NEWEST), (NEWEST, "0.9.4")])
def test_large_dataset(tool, program, start, end):
    doc = fill_big(tool, 15_900_000, start, sample_fields=FIELDS)
    if program == "migrator":
        ran(tool.migrator("migrate", end, "--allow-loss"))
    else:
        ran(tool.fiftyone("migrate", "--all", "-v", end))
    now = tool.db.datasets.find_one({"name": "big"})
    assert now["info"] == doc["info"]
    assert tool.versions() == ({"big": end, "other": end}, end)
    if start == "0.9.4":
        assert all("created_at" in s for s in tool.db["samples.big"].find())
    no_bookkeeping(tool)


def assert_names_the_limit(text, size="16777216"):
    assert "'big'" in text and size in text and "\n" not in text.strip("\n")


def test_dataset_that_grows_too_large(tool):
    """Found before anything is written; the last bytes are missing for its new version."""
    fill_big(tool, LIMIT - 10, "0.18.0", sample_fields=FIELDS)
    before = Before(tool.db)
    message, remedy = error_of(tool.migrator("migrate", "-q"), 16)
    assert_names_the_limit(message)
    assert "'info'" in remedy
    r = tool.fiftyone("migrate", "--all", "--error-level", "0")
    assert "'info'" in drop_in_error(r, "RuntimeError: " + message)
    before.assert_untouched()
    # The others may go.
    r = ran(tool.fiftyone("migrate", "--all"), 3)
    assert message in r.out and r.out.count("big") == 1 and r.err == ""
    assert tool.versions() == ({"big": "0.18.0", "other": NEWEST}, NEWEST)
    now = harness.take_dump(tool.db.client, tool.name)
    assert now["samples.big"] == before.dump["samples.big"]
    assert before.dump["datasets"][0][1] in now["datasets"][0]
    no_bookkeeping(tool)


@pytest.mark.parametrize("program", ["migrator", "fiftyone"])
def test_dataset_at_the_limit(tool, program):
    """One byte more, by nothing but its version: it stays, the others go."""
    fill_big(tool, LIMIT, "1.4.1")
    before = Before(tool.db)
    args = ("migrate", "-q") if program == "migrator" else ("migrate", "--all")
    r = getattr(tool, program)(*args, FIFTYONE_MIGRATOR_UNDO_LOG="off")
    ran(r, 3)
    assert (r.out + r.err).count("'big' would grow") == 1 and "16777217" in r.out
    assert tool.versions() == ({"big": "1.4.1", "other": NEWEST}, NEWEST)
    config, other = tool.db.config.find_one()["_id"], tool.db.datasets.find_one({"name": "other"})["_id"]
    before.assert_untouched_but(("config", config), ("datasets", other))
    no_bookkeeping(tool)


@pytest.mark.parametrize("program", ["migrator", "fiftyone"])
def test_runs_that_do_not_fit_into_their_dataset(tool, program):
    """Below 0.19.0 a dataset holds its runs itself."""
    tool.fill("0.20.0", {"big": "0.20.0", "other": "0.20.0"})
    runs = [{"_id": ObjectId(), "key": k, "version": "0.20.0", "config": {"x": "x" * 9_000_000}} for k in "ef"]
    tool.db.runs.insert_many(runs)
    tool.db.datasets.update_one({"name": "big"}, {"$set": {"evaluations": {r["key"]: r["_id"] for r in runs}}})
    before = Before(tool.db)
    if program == "migrator":
        r = ran(tool.migrator("migrate", "0.18.0", "--allow-loss", "--error-level", "1", "-q"), 3)
    else:
        r = ran(tool.fiftyone("migrate", "--all", "-v", "0.18.0"), 3)
    assert (r.out + r.err).count("'big' would grow") == 1 and "16777216" in r.out and "18000" in r.out
    assert tool.versions() == ({"big": "0.20.0", "other": "0.18.0"}, "0.18.0")
    config, other = tool.db.config.find_one()["_id"], tool.db.datasets.find_one({"name": "other"})["_id"]
    before.assert_untouched_but(("config", config), ("datasets", other))
    no_bookkeeping(tool)


@pytest.mark.parametrize("program", ["migrator", "fiftyone"])
@pytest.mark.parametrize("start,end", [("0.25.0", NEWEST), (NEWEST, "0.6.0")])
@pytest.mark.parametrize("collection", ["samples.big", "frames.samples.big"])
def test_samples_or_frames_that_are_a_view(tool, program, start, end, collection):
    """Found before the dataset is closed to clients; the others go."""
    fill_big(tool, 8000, start, sample_fields=FIELDS, frame_fields=FIELDS, media_type="video",
             frame_collection_name="frames.samples.big")
    tool.db["frames.samples.big"].insert_one({"_sample_id": tool.db["samples.big"].find_one()["_id"], "frame_number": 1})
    tool.db[collection].rename("elsewhere")
    tool.db.create_collection(collection, viewOn="elsewhere", pipeline=[])
    kept = {n: list(tool.db[n].find()) for n in ("datasets", "config", "elsewhere")}
    wanted = ["migrate", end, "--allow-loss"]
    for status, *args in [16, *wanted], [0, "plan", end], [0, "plan", end, "--estimate"]:
        result = tool.migrator(*args)
        assert result.status == status, result.out + result.err
        assert "'big' cannot be migrated: '%s' is a view" % collection in result.out + result.err
        assert {n: list(tool.db[n].find()) for n in kept} == kept
    if program == "migrator":
        result = ran(tool.migrator(*wanted, "--error-level", "1"), 3)
    else:
        result = ran(tool.fiftyone("migrate", "--all", "-v", end), 3)
    assert "is a view" in result.out + result.err
    assert tool.versions()[0] == {"big": start, "other": None if end == "0.6.0" else end}
    assert list(tool.db["elsewhere"].find()) == kept["elsewhere"]
    no_bookkeeping(tool)
    # Where nothing of it is written, it may be one.
    if start == NEWEST:
        ran(tool.migrator("migrate", "1.21.0", "-n", "big", "--error-level", "0"))


# -- the command line and the configuration

FLAGS = [["--no-such"], ["--error-level", "x"], ["-j", "many"], ["--set", "no_such=1"], ["1.0", "2.0"], ["-o", "xml"]]


@pytest.mark.parametrize("args", FLAGS, ids=" ".join)
def test_invalid_flag(tool, args):
    tool.fill("1.4.1", {"a": "1.4.1"})
    before = Before(tool.db)
    message, _ = error_of(tool.migrator("migrate", *args), 2)
    assert args[-1].split("=")[0] in message
    before.assert_untouched()


@pytest.mark.parametrize("args", [["--no-such"], ["--error-level", "x"], ["-v"], ["-n"], ["1.0"], ["--ver"]], ids=" ".join)
def test_invalid_flag_of_the_drop_in(tool, args):
    tool.fill("1.4.1", {"a": "1.4.1"})
    before = Before(tool.db)
    r = tool.fiftyone("migrate", "--all", *args)
    assert (r.status, r.out) == (2, "")
    assert r.err.startswith("usage: fiftyone") and r.err.count("error: ") == 1 and args[0].strip("-") in r.error
    before.assert_untouched()


CONFIGS = {
    "no JSON": ("{database_name", "Unable to parse JSON file"),
    "a list": ("[1]", "Unable to parse JSON file"),
    "empty": ("", "Unable to parse JSON file"),
    "bytes": ("\x00\x01", "Unable to parse JSON file"),
    "a number": ('{"database_uri": 5}', "Expected key 'database_uri' of <class 'str'>; found <class 'int'>"),
    "a text": ('{"database_admin": "yes"}', "Expected key 'database_admin' of <class 'bool'>; found <class 'str'>"),
}


@pytest.mark.parametrize("content,text", CONFIGS.values(), ids=CONFIGS)
def test_invalid_configuration_file(tool, tmp_path, content, text):
    tool.fill("1.4.1", {"a": "1.4.1"})
    before = Before(tool.db)
    path = tmp_path / "config.json"
    path.write_text(content)
    env = {"FIFTYONE_CONFIG_PATH": str(path)}
    if "database_uri" in content:
        env["FIFTYONE_DATABASE_URI"] = None
    for r in (
        tool.migrator("migrate", "--config", str(path), **{**env, "FIFTYONE_CONFIG_PATH": None}),
        tool.migrator("migrate", **env),
    ):
        message, remedy = error_of(r, 2)
        assert text in message and str(path) in message + remedy
    r = tool.fiftyone("migrate", "--all", **env)
    assert (r.status, r.out) == (1, "")
    assert text in r.error and str(path) in r.err and not CRASH.search(r.err)
    before.assert_untouched()


def test_configuration_file_that_cannot_be_read(tool, tmp_path):
    message, _ = error_of(tool.migrator("info", "--config", str(tmp_path / "none")), 2)
    assert str(tmp_path / "none") in message
    message, _ = error_of(tool.migrator("info", "--config", str(tmp_path)), 2)
    assert str(tmp_path) in message
