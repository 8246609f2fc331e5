"""Logins, least rights, TLS, and secrets that must not show up anywhere."""
import contextlib
import datetime
import itertools
import os
import re
import socket
import subprocess
import threading
import time

import pymongo
import pytest
from bson import ObjectId
from bson.raw_bson import RawBSONDocument
from pymongo.driver_info import DriverInfo
from programs import ROOT, Tool, harness

NEWEST = "1.22.1"
# The role of docs/security.md.
RIGHTS = [
    "find",
    "insert",
    "update",
    "remove",
    "listCollections",
    "dropCollection",
    "renameCollectionSameDB",
    "listIndexes",
    "dropIndex",
    "createIndex",
]
USERS = itertools.count()


@pytest.fixture(scope="module")
def guarded():
    """A server that wants a password, and the client of its administrator."""
    with harness.Server("--auth") as s:
        s.client.admin.command("createUser", "root", pwd="r", roles=["root"])
        root = pymongo.MongoClient(s.uri, username="root", password="r")
        yield s, root
        root.close()


def database_of(root, name, source):
    root.drop_database(name)
    dump = harness.read_dump(os.path.join(harness.DATABASES, "sources", source))
    harness.restore(root, dump, name)


def user_with(root, database, actions, cluster=()):
    """The name of a new user; its password is ``p``."""
    name = "user%d" % next(USERS)
    privileges = [{"resource": {"db": database, "collection": ""}, "actions": actions}]
    if cluster:
        privileges.append({"resource": {"cluster": True}, "actions": list(cluster)})
    root.admin.command("createRole", name, privileges=privileges, roles=[])
    root.admin.command("createUser", name, pwd="p", roles=[name])
    return name


def tool_as(server, root, user, tmp_path, database="least", password="p"):
    tool = Tool(server, database, str(tmp_path))
    tool.db = root[database]
    host = server.uri[len("mongodb://"):]
    tool.env["FIFTYONE_DATABASE_URI"] = "mongodb://%s:%s@%s/?authSource=admin" % (user, password, host)
    return tool


# -- rights


def test_exactly_the_documented_rights(guarded, tmp_path):
    server, root = guarded
    tool = tool_as(server, root, user_with(root, "least", RIGHTS), tmp_path)
    # Collections without a dataset are dropped at 0.15.0, and with the frame map
    # of 0.6.2 an index: the rights of both ways are used.
    database_of(root, "least", "0.14.0-A-orphans")
    orphans = [n for n in tool.db.list_collection_names() if n.endswith("orphan")]
    assert orphans
    r = tool.migrator("migrate", "--yes", "-q")
    assert (r.status, r.err) == (0, "")
    datasets, database = tool.versions()
    assert database == NEWEST and set(datasets.values()) == {NEWEST}
    left = {n for n in tool.db.list_collection_names() if n in orphans or n.startswith("migrator.")}
    aside = {n for n in left if n.startswith("migrator.dropped.")}
    assert len(aside) == 5
    assert left - aside - {"migrator.residue", "migrator.residue.members"} == {"migrator.history"}

    database_of(root, "least", "1.13.5-A")
    before = indexes_on_sample_id(tool.db)
    assert before
    r = tool.migrator("migrate", "0.6.0", "--yes", "-q", "--allow-loss", "--error-level", "1")
    assert r.status in (0, 3) and "not authorized" not in r.out + r.err
    assert indexes_on_sample_id(tool.db) < before  # refused datasets keep theirs
    left = {n for n in tool.db.list_collection_names() if n.startswith("migrator.")}
    assert left - {"migrator.residue", "migrator.residue.members"} == {"migrator.history"}
    assert not tool.db.datasets.find_one({"version": "9999.0+migrating"})


def test_a_unique_index_comes_back_with_the_documented_rights(guarded, tmp_path):
    """Below 0.6.2 the index of a video's frames goes; up again, and undone, it is there as before."""
    server, root = guarded
    tool = tool_as(server, root, user_with(root, "index", RIGHTS), tmp_path, database="index")
    for back in ["migrate", "--yes"], ["undo", "--yes"]:
        database_of(root, "index", "1.22.1-A")
        before = indexes_on_sample_id(tool.db)
        r = tool.migrator("migrate", "0.5.6", "--yes", "-q", "-n", "street-video")
        assert r.status == 0 and indexes_on_sample_id(tool.db) < before, r.err
        r = tool.migrator(*back, "-q")
        assert (r.status, r.err) == (0, "") and indexes_on_sample_id(tool.db) == before


def test_an_index_that_cannot_come_back_is_named(server, tmp_path):
    tool = Tool(server, "cli_index", str(tmp_path)).restore("1.22.1-A")
    name = "frames." + tool.db.datasets.find_one({"name": "street-video"})["sample_collection_name"]
    index = dict(indexes_on_sample_id(tool.db))[name]
    assert tool.migrator("migrate", "0.5.6", "--yes", "-q", "-n", "street-video").status == 0
    # Two frames of a sample have one number now: in the way of the index alone.
    video = tool.db.datasets.find_one({"name": "street-video"})
    frame, twin = tool.db[name].find_one(), ObjectId()
    tool.db[name].insert_one({**frame, "_id": twin})
    sample = next(s for s in tool.db[video["sample_collection_name"]].find() if frame["_id"] in s["frames"].values())
    tool.db[video["sample_collection_name"]].update_one({"_id": sample["_id"]}, {"$set": {"frames.999": twin}})
    r = tool.migrator("migrate", "--yes")
    assert r.status == 0 and "A unique index could not be made again: %s of %s: " % (index, name) in r.err, r.err
    assert tool.db.datasets.find_one({"_id": video["_id"]})["version"] == NEWEST
    assert (name, index) not in indexes_on_sample_id(tool.db)
    server.client.drop_database("cli_index")


def test_what_the_server_still_does_for_a_killed_run_is_stopped_without_a_right(guarded, tmp_path):
    server, root = guarded
    user = user_with(root, "late", RIGHTS)
    tool = tool_as(server, root, user, tmp_path, database="late")
    database_of(root, "late", "0.14.0-A-orphans")
    name = "fiftyone-migrator 00112233445566ff"
    tool.db["migrator.lease"].insert_one({
        "_id": "lease", "owner": "another", "host": "elsewhere", "pid": 4711, "process": "another machine",
        "connections": name, "expires": datetime.datetime(2020, 1, 1)})
    gone = pymongo.MongoClient(server.uri, username=user, password="p", driver=DriverInfo(name=name),
                               serverMonitoringMode="poll")
    failed = []

    def write():
        try:
            gone.late.datasets.update_many({"$where": "for (let i = 0; i < 600; ++i) sleep(50); return true;"},
                                            {"$set": {"version": "0.1"}})
        except pymongo.errors.PyMongoError as error:
            failed.append(error)

    thread = threading.Thread(target=write)
    thread.start()
    while not root.admin.command("currentOp", {"active": True, "clientMetadata.driver.name": {"$regex": name}})["inprog"]:
        time.sleep(0.005)
    r = tool.migrator("migrate", "--yes", "-q")
    thread.join(10)
    gone.close()
    assert r.status == 0 and "11601" in str(failed[0]), (r.err, failed)


def indexes_on_sample_id(db):
    return {
        (name, ix["name"])
        for name in db.list_collection_names()
        for ix in db[name].list_indexes()
        if ix.get("unique") and "_sample_id" in ix["key"]
    }


@pytest.mark.parametrize("left_out", RIGHTS)
def test_each_right_is_missed_before_the_first_write(guarded, tmp_path, left_out):
    server, root = guarded
    user = user_with(root, "least", [r for r in RIGHTS if r != left_out])
    tool = tool_as(server, root, user, tmp_path)
    if "datasets" not in tool.db.list_collection_names():
        database_of(root, "least", "1.4.1-A")
    before = harness.take_dump(root, "least")
    for args in ["migrate", "--yes"], ["migrate", "0.22.0", "--allow-loss", "--yes"]:
        r = tool.migrator(*args, "-q")
        assert r.status == 12 and re.search(r"lacks the right %s on" % left_out, r.err), r.err
    r = tool.fiftyone("migrate", "--all")
    assert r.status == 1 and re.search(r"lacks the right %s on" % left_out, r.err), r.err
    assert not harness.untouched(before, harness.take_dump(root, "least"))

    # The doctor names it too, and what to paste grants it.
    r = tool.migrator("doctor", "-o", "json")
    assert r.status == 16
    rights = next(f for f in r.json["findings"] if f["id"] == "rights")
    assert rights["level"] == "blocker" and rights["details"]["missing"] == [left_out]
    assert "db.grantPrivilegesToRole(" in rights["remedy"] and '"%s"' % left_out in rights["remedy"]
    assert 'db.grantRolesToUser("%s"' % user in rights["remedy"]


def test_the_doctor_of_the_smallest_user_names_the_role_to_look(guarded, tmp_path):
    server, root = guarded
    database_of(root, "least", "1.4.1-A")
    tool = tool_as(server, root, user_with(root, "least", RIGHTS), tmp_path)
    r = tool.migrator("doctor", "-o", "json")
    found = {f["id"]: f for f in r.json["findings"]}
    assert r.status == 0 and found["rights"]["level"] == "ok"
    for id in "disk", "residue", "sight":
        assert "fiftyoneMigratorDoctor" in found[id]["remedy"] and "createRole" not in found[id]["remedy"], id


def test_all_missing_rights_at_once(guarded, tmp_path):
    server, root = guarded
    database_of(root, "least", "1.4.1-A")
    tool = tool_as(server, root, user_with(root, "least", ["find", "listCollections"]), tmp_path)
    before = harness.take_dump(root, "least")
    r = tool.migrator("migrate", "--yes", "-q")
    missing = "insert, update, remove, dropCollection, renameCollectionSameDB, listIndexes, dropIndex, createIndex"
    assert r.status == 12 and "lacks the rights %s on" % missing in r.err
    assert "nothing was written" in r.err
    assert tool.migrator("plan").status == 0
    r = tool.migrator("plan", "0.25.0", "--estimate")
    assert r.status == 0 and "collStats" in r.out, r.err
    assert not harness.untouched(before, harness.take_dump(root, "least"))


def test_the_remedy_works_when_pasted(guarded, tmp_path):
    """The role that is printed, made from the text that is printed; it may be there, as one of an older version."""
    server, root = guarded
    database_of(root, "least", "1.4.1-A")
    user = user_with(root, "least", ["find"])
    tool = tool_as(server, root, user, tmp_path)
    remedy = tool.migrator("migrate", "--yes", "-q").err
    actions = re.search(r"actions: \[(.*?)\]", remedy)[1].replace('"', "").split(", ")
    resource = re.search(r'resource: {db: "(.*?)", collection: "(.*?)"}', remedy).groups()
    name = re.search(r'createRole\({role: "(.*?)"', remedy)[1]
    assert 'db.getRole("%s") || db.createRole(' % name in remedy
    assert 'db.grantPrivilegesToRole("%s", [{' % name in remedy
    where = re.findall(r"^use (.*)$", remedy, re.M)
    assert resource == ("least", "") and where == ["admin", "admin"] and sorted(actions) == sorted(RIGHTS)
    privilege = {"resource": {"db": resource[0], "collection": resource[1]}, "actions": actions}
    root.admin.command("createRole", name, privileges=[privilege], roles=[])
    root.admin.command("grantRolesToUser", user, roles=[{"role": name, "db": "admin"}])
    assert tool.migrator("migrate", "--yes", "-q").status == 0
    assert tool.versions()[1] == NEWEST


IMPORT_RIGHTS = ["find", "insert", "update", "remove", "listCollections", "createIndex", "dropCollection"]
ARCHIVE = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "archives", "v1.22.1-video-reldir-tags")


def test_exactly_the_documented_rights_to_import(guarded, tmp_path):
    server, root = guarded
    root.drop_database("least")
    tool = tool_as(server, root, user_with(root, "least", IMPORT_RIGHTS), tmp_path)
    for more in [], ["--overwrite"]:
        r = tool.migrator("dataset", "import", ARCHIVE, "--name", "x", *more)
        assert r.status == 0, r.err
    assert tool.db.tags.count_documents({}) == 2
    cut = tool._run("fiftyone-migrator-cut", ["dataset", "import", ARCHIVE, "--name", "y"], {"FM_CUT_AT": "20"})
    assert cut.status < 0 and tool.migrator("dataset", "import", ARCHIVE, "--name", "z").status == 0
    assert not [n for n in tool.db.list_collection_names() if n.startswith("migrator.")]


@pytest.mark.parametrize("left_out", IMPORT_RIGHTS)
def test_each_right_is_missed_before_an_import_writes(guarded, tmp_path, left_out):
    server, root = guarded
    root.drop_database("least")
    tool = tool_as(server, root, user_with(root, "least", [r for r in IMPORT_RIGHTS if r != left_out]), tmp_path)
    r = tool.migrator("dataset", "import", ARCHIVE, "--name", "x")
    assert r.status == 12 and re.search(r"the right %s on" % left_out, r.err), r.err
    assert tool.db.list_collection_names() == []


def test_nothing_to_do_needs_no_right_to_write(guarded, tmp_path):
    server, root = guarded
    root.drop_database("least")
    tool = tool_as(server, root, user_with(root, "least", ["find"]), tmp_path)
    tool.fill(NEWEST, {"a": NEWEST})
    assert tool.migrator("migrate", "-q").status == 0
    assert tool.fiftyone("migrate", "--all").status == 0


def test_rights_of_another_database_do_not_count(guarded, tmp_path):
    server, root = guarded
    database_of(root, "least", "1.4.1-A")
    user = user_with(root, "lea", RIGHTS)
    root.admin.command(
        "grantRolesToUser", user, roles=[{"role": "read", "db": "least"}, {"role": "readWrite", "db": "leastt"}]
    )
    r = tool_as(server, root, user, tmp_path).migrator("migrate", "--yes", "-q")
    assert r.status == 12 and "lacks the rights insert, update" in r.err
    root.admin.command("grantRolesToUser", user, roles=["readWriteAnyDatabase"])
    assert tool_as(server, root, user, tmp_path).migrator("migrate", "--yes", "-q").status == 0


def test_the_documented_role():
    with open(os.path.join(ROOT, "docs", "security.md")) as f:
        text = f.read()
    roles = re.findall(r'collection: ""},\s*actions: \[(.*?)\]', text)
    assert roles[0].replace('"', "").split(", ") == RIGHTS
    assert roles[1].replace('"', "").split(", ") == ["dbStats", "collStats"]


# -- TLS


def certificate(folder, name, issuer=None, subject="/CN=localhost"):
    """Makes NAME.pem (certificate and key); without an issuer a CA."""
    key, pem = folder / (name + ".key"), folder / (name + ".crt")
    more = ["-addext", "basicConstraints=critical,CA:TRUE"]
    if issuer:
        more = ["-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"]
        more += ["-CA", str(folder / (issuer + ".crt")), "-CAkey", str(folder / (issuer + ".key"))]
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", subject]
        + ["-keyout", str(key), "-out", str(pem), *more],
        check=True,
        capture_output=True,
    )
    (folder / (name + ".pem")).write_text(pem.read_text() + key.read_text())


@pytest.fixture(scope="module")
def tls(tmp_path_factory):
    """(server that wants TLS and a login, its administrator, the certificates)"""
    folder = tmp_path_factory.mktemp("tls")
    certificate(folder, "ca", subject="/CN=test authority")
    certificate(folder, "other", subject="/CN=another authority")
    certificate(folder, "server", "ca")
    options = ["--tlsMode", "requireTLS", "--tlsCertificateKeyFile", str(folder / "server.pem")]
    options += ["--tlsCAFile", str(folder / "ca.crt"), "--tlsAllowConnectionsWithoutCertificates", "--auth"]
    encrypted = {"tls": True, "tlsCAFile": str(folder / "ca.crt")}
    with harness.Server(*options, client=encrypted) as s:
        s.client.admin.command("createUser", "root", pwd="r", roles=["root"])
        root = pymongo.MongoClient(s.uri, username="root", password="r", **encrypted)
        root.admin.command(
            "createUser",
            "scram",
            pwd="p@ss/word:%?",
            roles=[{"role": "readWrite", "db": "tls"}],
            mechanisms=["SCRAM-SHA-256"],
        )
        yield s, root, folder
        root.close()


QUICK = "&serverSelectionTimeoutMS=300"
SCRAM = "scram:p%40ss%2Fword%3A%25%3F"


def tls_tool(tls, tmp_path, options, login=SCRAM, mechanism="SCRAM-SHA-256"):
    server, root, folder = tls
    tool = Tool(server, "tls", str(tmp_path))
    tool.db = root["tls"]
    host = server.uri[len("mongodb://"):]
    tool.env["FIFTYONE_DATABASE_URI"] = (
        "mongodb://%s@%s/?authSource=admin&authMechanism=%s" % (login, host, mechanism)
    ) + options.format(folder)
    return tool


def test_tls_and_scram(tls, tmp_path):
    database_of(tls[1], "tls", "1.4.1-A")
    tool = tls_tool(tls, tmp_path, "&tls=true&tlsCAFile={}/ca.crt")
    r = tool.migrator("info", "-o", "json")
    assert (r.status, r.json["version"]) == (0, "1.4.1")
    assert tool.migrator("doctor").status == 0
    assert tool.migrator("migrate", "--yes", "-q").status == 0
    assert tool.versions()[1] == NEWEST
    assert tool.fiftyone("migrate", "--all", "-v", "0.25.0").status == 0
    assert tool.versions()[1] == "0.25.0"


@pytest.mark.parametrize(
    "options,text",
    [
        ("&tls=true&tlsCAFile={}/other.crt", "certificate verify failed.*\n.*tlsCAFile"),
        ("&tls=true", "certificate verify failed.*\n.*tlsCAFile"),
        ("", "(closed connection|connection closed).*\n.*tls=true"),
    ],
    ids=["another authority", "unknown authority", "no TLS"],
)
def test_tls_refused(tls, tmp_path, options, text):
    tool = tls_tool(tls, tmp_path, options + QUICK)
    for command in "info", "doctor", "migrate":
        r = tool.migrator(command)
        assert r.status == 5 and "Could not connect to `mongod`" in r.err
        assert re.search(text, r.err) and "p%40ss" not in r.err and "p@ss" not in r.err


def test_tls_file_that_is_not_there(tls, tmp_path):
    for option in "tlsCAFile", "tlsCertificateKeyFile":
        tool = tls_tool(tls, tmp_path, "&tls=true&%s={}/none.crt" % option)
        r = tool.migrator("info")
        assert r.status == 2 and "/none.crt' of %s in the database URI cannot be read" % option in r.err


def test_tls_name_of_the_host(tls, tmp_path):
    """0.0.0.0 is the same server, but its certificate does not say so."""
    for more, status in (QUICK, 5), ("&tlsAllowInvalidHostnames=true", 0):
        tool = tls_tool(tls, tmp_path, "&tls=true&tlsCAFile={}/ca.crt" + more)
        uri = tool.env["FIFTYONE_DATABASE_URI"].replace("@127.0.0.1", "@0.0.0.0")
        r = tool.migrator("info", FIFTYONE_DATABASE_URI=uri)
        assert r.status == status, r.err


@pytest.mark.parametrize(
    "login,mechanism", [("scram:wrong", "SCRAM-SHA-256"), ("nobody:x", "SCRAM-SHA-256"), (SCRAM, "SCRAM-SHA-1")]
)
def test_scram_refused(tls, tmp_path, login, mechanism):
    tool = tls_tool(tls, tmp_path, "&tls=true&tlsCAFile={}/ca.crt", login, mechanism)
    for command in "info", "doctor", "migrate":
        r = tool.migrator(command)
        assert r.status == 12 and "Authentication failed" in r.err and "Check user, password" in r.err


# -- secrets

SECRET = "Xq7%2FzT%40w9Kp"  # in a URI
PLAIN = "Xq7/zT@w9Kp"
TAKEN = "right", "unknown option", "token in properties"  # the driver connects with these
SPOKEN = re.compile(r"Xq7.{0,3}zT|zT.{0,3}w9Kp|w9Kp")  # any part of it, however encoded

COMMANDS = {
    "info": ["info"],
    "plan": ["plan", "0.22.0"],
    "doctor": ["doctor"],
    "migrate": ["migrate", "--yes", "--verbose"],
    "down": ["migrate", "0.25.0", "--yes", "--verbose", "--allow-loss"],
}


@pytest.fixture(scope="module")
def secretive(guarded):
    server, root = guarded
    root.admin.command("createUser", "keeper", pwd=PLAIN, roles=[{"role": "readWrite", "db": "secret"}])
    return guarded


def uris(server):
    host = server.uri[len("mongodb://"):]
    good = "mongodb://keeper:%s@%s/?authSource=admin" % (SECRET, host)
    quick = "&serverSelectionTimeoutMS=150"
    return {
        "right": good,
        "wrong password": good.replace("keeper:", "keeper:no") + quick,
        "other user": good.replace("keeper:", "guest:") + quick,
        "wrong source": good.replace("authSource=admin", "authSource=secret") + quick,
        "nobody there": "mongodb://keeper:%s@127.0.0.1:1/?serverSelectionTimeoutMS=200" % SECRET,
        "not encoded": "mongodb://keeper:%s@%s/" % (PLAIN, host),
        "bad escape": good.replace("%40", "%4"),
        "bad option": good + "&serverSelectionTimeoutMS=soon",
        "unknown option": good + "&maxIdle=1",
        "another scheme": good.replace("mongodb://", "postgres://"),
        "no scheme": good[len("mongodb://"):],
        "no host": "mongodb://keeper:%s@/" % SECRET,
        "bad port": "mongodb://keeper:%s@127.0.0.1:port/" % SECRET,
        "bad mechanism": good + "&authMechanism=NONE" + quick,
        "secret in an option": good.replace("?", "?tls=true&tlsCertificateKeyFilePassword=%s&" % SECRET) + quick,
        "token in properties": good + "&authMechanismProperties=AWS_SESSION_TOKEN:" + SECRET,
        "only the password": PLAIN,
    }


def assert_silent(*texts):
    for text in texts:
        found = SPOKEN.search(text)
        assert not found, text[max(found.start() - 200, 0): found.end() + 20]


def assert_not_stored(root):
    for name in root["secret"].list_collection_names():
        for doc in root["secret"].get_collection(name, codec_options=harness.RAW).find():
            assert isinstance(doc, RawBSONDocument)
            assert_silent(doc.raw.decode("latin-1"))


@pytest.mark.parametrize("variant", uris(type("S", (), {"uri": "mongodb://h"})))
def test_no_secret_is_printed_or_stored(secretive, tmp_path, variant):
    server, root = secretive
    uri = uris(server)[variant]
    root.drop_database("secret")
    tool = tool_as(server, root, "keeper", tmp_path, "secret")
    tool.fill("0.24.0", {"a": "0.24.0", "b": "0.23.0"})
    tool.env["FIFTYONE_DATABASE_URI"] = uri
    tool.env["FIFTYONE_DATABASE_VALIDATION"] = "true"
    good = variant in TAKEN
    for args in COMMANDS.values():
        for form in [], ["-o", "json"], ["--log-format", "json", "--log-level", "DEBUG"]:
            r = tool.migrator(*args, *form)
            assert_silent(r.out, r.err)
            assert (r.status in (0, 14)) == good, r.err
            if not good:
                break  # the form of an error does not depend on the command
        if not good:
            r = tool.migrator(*args, "-o", "json")
            assert_silent(r.out, r.err)
            assert_silent(tool.migrator(*args, "--log-format", "json").err)
    for args in ["--info"], ["--all", "--verbose"], ["--all", "--dry-run", "--json"], ["--all", "-v", "0.22.0"]:
        r = tool.fiftyone("migrate", *args)
        assert_silent(r.out, r.err)
    assert_not_stored(root)


def test_no_secret_from_a_file_or_a_flag(secretive, tmp_path):
    server, root = secretive
    root.drop_database("secret")
    tool = tool_as(server, root, "keeper", tmp_path, "secret")
    tool.fill("0.24.0", {"a": "0.24.0"})
    path = tmp_path / "uri"
    for variant, uri in uris(server).items():
        path.write_text(uri + "\n")
        from_file = {"FIFTYONE_DATABASE_URI": None, "FIFTYONE_DATABASE_URI_FILE": str(path)}
        r = tool.migrator("info", **from_file)
        assert_silent(r.out, r.err)
        assert (r.status == 0) == (variant in TAKEN), r.err
        both = tool.migrator("info", FIFTYONE_DATABASE_URI_FILE=str(path))
        assert both.status == 2
        assert_silent(both.err)
        flag = tool.migrator("info", "--set", "database_uri=" + uri, FIFTYONE_DATABASE_URI=None)
        assert_silent(flag.out, flag.err)
        assert (flag.status == 0) == (variant in TAKEN)
        assert_silent(tool.migrator("info", "--set", "database_url=" + uri).err)
        config = tmp_path / "config.json"
        config.write_text('{"database_uri": ["%s"]}' % uri)
        r = tool.migrator("info", "--config", str(config), FIFTYONE_DATABASE_URI=None)
        assert r.status == 2
        assert_silent(r.err)
        if variant in TAKEN:
            # The command is recorded.
            root.drop_database("secret")
            tool.fill("0.24.0", {"a": "0.24.0"})
            for form in ["--set", "database_uri=" + uri], ["--set=database_uri=" + uri]:
                r = tool.migrator("migrate", "--yes", *form, FIFTYONE_DATABASE_URI=None)
                assert r.status == 0, r.err
            recorded = root["secret"]["migrator.history"].find_one({"kind": "migrate"})["command"]
            assert "database_uri=mongodb://keeper:***@" in recorded
            assert_not_stored(root)
    assert_not_stored(root)


@pytest.mark.parametrize("variant", ["right", "token in properties", "wrong password", "not encoded", "bad port"])
def test_no_secret_in_files(secretive, tmp_path, variant):
    """Pages, saved plans, what is written when one of them is run, and trials."""
    server, root = secretive
    root.drop_database("secret")
    tool = tool_as(server, root, "keeper", tmp_path, "secret")
    tool.fill("0.24.0", {"a": "0.24.0", "b": "0.23.0"})
    uri = uris(server)[variant]
    page, plan, sources = tmp_path / "plan.html", tmp_path / "plan.json", {}
    (tmp_path / "uri").write_text(uri)
    sources["environment"] = [], {"FIFTYONE_DATABASE_URI": uri}
    sources["file"] = [], {"FIFTYONE_DATABASE_URI": None, "FIFTYONE_DATABASE_URI_FILE": str(tmp_path / "uri")}
    sources["flag"] = ["--set", "database_uri=" + uri], {"FIFTYONE_DATABASE_URI": None}
    good = variant in TAKEN
    for flags, env in sources.values():
        files = ["--html", str(page), "--save", str(plan)]
        for args in (
            ["plan", "1.0.0", "--estimate", *files],
            ["roundtrip", "1.0.0"],
            ["migrate", "--plan", str(plan), "--yes", "--verbose"],
            ["verify"],
            ["info"],
        ):
            for form in [], ["-o", "json"]:
                r = tool.migrator(*args, *flags, *form, **env)
                assert_silent(r.out, r.err)
                assert r.status in (0, 2, 15) if good else r.status not in (0, 15), r.err
        assert page.exists() == plan.exists() == good
        if good:
            assert_silent(page.read_text(), plan.read_text())
            assert "keeper:***@" in page.read_text()
            page.unlink(), plan.unlink()
        assert_not_stored(root)
        tool.db.datasets.update_many({}, {"$set": {"version": "0.24.0"}})
        tool.db.config.update_one({}, {"$set": {"version": "0.24.0"}})


def started(tool, *args):
    return subprocess.Popen(
        [os.path.join(tool.bin, "fiftyone-migrator"), *args],
        env=tool.env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def titles(pid):
    """What `ps` shows of a process and its threads."""
    out = []
    for path in ["cmdline", "comm", *("task/%s/comm" % t for t in os.listdir("/proc/%d/task" % pid))]:
        with open("/proc/%d/%s" % (pid, path)) as f:
            out.append(f.read())
    return out


def test_no_secret_in_process_titles(secretive, tmp_path):
    server, root = secretive
    root.drop_database("secret")
    tool = tool_as(server, root, "keeper", tmp_path, "secret")
    tool.fill("0.24.0", {"a": "0.24.0"})
    tool.env["FIFTYONE_DATABASE_URI"] = uris(server)["right"]
    root.admin.command("fsync", lock=True)  # writes wait from here on
    try:
        p = started(tool, "migrate", "--yes", "--verbose", "-j", "4")
        wait_for_blocked_write(root, p)
        seen = titles(p.pid)
    finally:
        root.admin.command("fsyncUnlock")
    out, err = p.communicate(timeout=30)
    assert p.returncode == 0 and "fiftyone-migrator" in seen[0] and seen[1]
    assert_silent(out, err, *seen)
    assert_not_stored(root)


def wait_for_blocked_write(root, process):
    stage = {"$currentOp": {"allUsers": True}}
    match = {"$match": {"appName": "fiftyone-migrator", "waitingForLock": True}}
    end = time.monotonic() + 20
    while time.monotonic() < end and process.poll() is None:
        if list(root.admin.aggregate([stage, match])):
            return
        time.sleep(0.02)
    raise AssertionError("it does not write")


def test_no_secret_in_the_title_while_it_connects(tmp_path, server):
    with contextlib.closing(socket.create_server(("127.0.0.1", 0))) as deaf:
        tool = Tool(server, "secret", str(tmp_path))
        tool.env["FIFTYONE_DATABASE_URI"] = "mongodb://keeper:%s@127.0.0.1:%d/" % (SECRET, deaf.getsockname()[1])
        p = started(tool, "info")
        connection, _ = deaf.accept()
        with contextlib.closing(connection):
            seen = [*titles(p.pid), connection.recv(65536).decode("latin-1")]
            p.terminate()
            out, err = p.communicate(timeout=30)
    assert_silent(out, err, *seen)
