"""Builds an Enterprise deployment, both databases, as it stands at a version.

The shapes come from public descriptions of the product and from the table of
collections in docs/enterprise.md, not from the catalogue under test.  Two
versions describe a deployment: the data were entered at ``born`` and are shown
in the data model of ``version``.  So ``build(version=T, born=V)`` is what a
migration from V to T has to make of ``build(version=V, born=V)``, and
``build(version=V, born=T)`` what going down from T to V leaves.

    deployment.py URI MAIN CAS VERSION [--born V] [--seed N] [--scale N]
"""
import argparse
import csv
import datetime
import hashlib
import os
import random
import re
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, os.path.join(ROOT, "tests", "corpus"))
import harness  # noqa: E402
from bson import Binary, Int64, ObjectId  # noqa: E402
from pymongo import IndexModel  # noqa: E402

T0 = datetime.datetime(2025, 3, 1, 12, 0, 0)
ENTERPRISE = "fiftyone-teams"

# Keys of organisations before 1.6.0.
OLD_KEYS = {"displayName": "display_name", "logoUrl": "logo_url", "pypiToken": "pypi_token", "isDefault": "is_default"}

# The newest of these at or below a version's data model is restored as its datasets.
SOURCES = ["0.14.4-A", "0.16.2-A", "0.18.0-A", "0.19.1-A", "0.22.3-A", "0.23.8-A", "1.0.2-A", "1.4.1-A", "1.13.5-A",
           "1.22.1-A"]


def numbers(version):
    """For comparing; in the deployment series: 0.13.2 is 1.3.2."""
    parts = [int(x) for x in version.split(".")]
    parts += [0] * (3 - len(parts))
    if parts[0] == 0 and parts[1] >= 10:
        return (1, parts[1] - 10, parts[2])
    return tuple(parts)


def version_rows():
    with open(os.path.join(ROOT, "src", "revisions", "enterprise-versions.csv"), newline="") as f:
        return [(r["enterprise"], r["open_source"]) for r in csv.DictReader(f)]


def open_source(version):
    return dict(version_rows())[version]


def slug(name):
    name = re.sub(r"[\s+_.\-]+", "-", name)
    return re.sub(r"-+", "-", re.sub(r"[^A-Za-z0-9\-]", "", name)).strip("-").lower()


def cut(doc):
    """Names of datasets below 2.13.0 have at most 100 characters."""
    mark = hashlib.sha256(doc["_id"].binary).hexdigest()[:8]
    doc["name"] = doc["name"][:91] + "-" + mark
    doc["slug"] = slug(doc["name"])


class Deployment:
    def __init__(self, version, born=None, seed=1, scale=1.0):
        self.version, self.born = version, born or version
        self.random = random.Random(seed)
        self.scale = scale
        self.serial = 0

    # -- small things

    def at(self, version):
        """Whether the data are shown in the model of that version or a later one."""
        return numbers(self.version) >= numbers(version)

    def since(self, version):
        """Whether they were entered at that version or later."""
        return numbers(self.born) >= numbers(version)

    def many(self, n):
        return range(max(2, int(n * self.scale)))

    def oid(self):
        self.serial += 1
        return ObjectId(b"\x65\xe1\xc5\x00" + b"entp" + self.serial.to_bytes(4, "big"))

    def day(self, spread=400):
        return T0 + datetime.timedelta(minutes=self.random.randrange(spread * 1440))

    def opaque(self):
        """An encrypted value."""
        return Binary(bytes(self.random.randrange(256) for _ in range(40)))

    def field(self, doc, key, since, default, value):
        """A key that the model has since that version: its default when the data are older."""
        chosen = value() if callable(value) else value  # drawn always, so that equal seeds give equal data
        if self.at(since):
            doc[key] = chosen if self.since(since) else default

    # -- cas

    def role(self):
        role = self.random.choice(["ADMIN", "MEMBER", "MEMBER", "COLLABORATOR", "GUEST", "LABELER"])
        if role == "LABELER" and not (self.since("2.17.0") and self.at("2.17.0")):
            return "GUEST"
        return role

    def cas(self):
        r = self.random
        orgs = [
            {
                "_id": self.oid(), "id": "org_%d" % i, "name": "org-%d" % i, "displayName": "Org %d" % i,
                "logoUrl": None if i else "https://example.org/logo.png", "pypiToken": "token%d" % i,
                "isDefault": i == 0,
            }
            for i in range(3)
        ]
        if not self.at("1.6.0"):
            orgs = [{OLD_KEYS.get(k, k): v for k, v in org.items()} for org in orgs]
        self.user_ids = ["auth0|%06d" % i for i in self.many(300)]
        self.group_ids = ["grp_%04d" % i for i in self.many(40)]
        users = []
        for i, user in enumerate(self.user_ids):
            doc = {
                "_id": self.oid(), "id": user, "email": "%s%d@example.org" % (r.choice(["U", "u"]), i),
                "name": "Üser %d" % i, "picture": None if i % 3 else "https://example.org/%d.png" % i,
                "memberships": [
                    {
                        "groupIds": r.sample(self.group_ids, r.randrange(3)), "joinedAt": self.day(),
                        "orgId": org["id"], "role": self.role(),
                    }
                    for org in orgs[: 1 + (i % 7 == 0)]
                ],
            }
            if i % 50 == 0:
                doc["theme"] = {"dark": True, "role": "LABELER"}  # not a role of ours
            users.append(doc)
        groups = []
        for i, group in enumerate(self.group_ids):
            name = "Team %d: Roads + Cars_%d" % (i, i)
            groups.append({
                "_id": self.oid(), "id": group, "name": name, "description": None if i % 2 else "d%d" % i,
                "slug": slug(name), "createdAt": self.day(), "createdBy": r.choice(self.user_ids),
                "orgId": orgs[0]["id"], "userIds": r.sample(self.user_ids, min(5, len(self.user_ids))),
            })
        configurations = []
        for i, org in enumerate(orgs):
            doc = {
                "_id": self.oid(), "orgId": org["id"],
                "authenticationProviders": [{"id": "okta", "type": "oidc", "clientSecret": self.opaque()}],
                "sessionTtl": 300 if i else Int64(600), "jsHookEnabled": True, "jsHook": None,
                "skipSignInPage": False, "allowAutoJoin": i == 1,
            }
            self.field(doc, "allowManualGroupManagement", "2.0.0", True, i != 1)
            self.field(doc, "enableInvitations", "2.1.0", False, i != 2)
            self.field(doc, "sendInvitationEmails", "2.2.0", False, i == 0)
            configurations.append(doc)
        accounts = []
        for i, user in enumerate(self.user_ids):
            doc = {
                "_id": self.oid() if i % 11 else "account-%d" % i, "userId": user, "type": "oidc", "provider": "okta",
                "providerAccountId": "p%d" % i,
            }
            if i % 4 == 0:
                doc["createdAt"] = self.day()
            if i % 8 == 0:
                doc["updatedAt"] = self.day()
            own = self.day()
            best = doc.get("updatedAt") or doc.get("createdAt")
            if not best and isinstance(doc["_id"], ObjectId):
                best = doc["_id"].generation_time.replace(tzinfo=None)
            self.field(doc, "lastUpdatedAt", "2.17.0", best or "now", own)
            accounts.append(doc)
        out = {"orgs": orgs, "users": users, "groups": groups, "configurations": configurations, "accounts": accounts}
        invitations = [
            {
                "_id": self.oid(), "id": "inv_%d" % i, "createdAt": self.day(), "expiresAt": self.day(),
                "inviteeEmail": "new%d@example.org" % i, "inviteeRole": self.role(),
                "url": "https://example.org/i/%d" % i,
            }
            for i in self.many(60)
        ]
        smtp = [
            {
                "_id": self.oid(), "orgId": org["id"], "host": "mail.example.org", "port": 587, "secure": True,
                "username": "u", "password": self.opaque(), "from": "noreply@example.org",
            }
            for org in orgs
        ]
        service = [
            {
                "_id": self.oid(), "id": "sa_%d" % i, "name": "robot %d" % i, "role": "MEMBER", "description": "",
                "createdAt": self.day(), "orgId": orgs[0]["id"],
            }
            for i in self.many(12)
        ]
        self.service_ids = [s["id"] for s in service]
        if self.since("2.1.0"):
            out["invitations"] = invitations
        if self.since("2.2.0"):
            out["smtpConfigurations"] = smtp
        if self.since("2.18.0") and self.at("2.18.0"):
            out["serviceAccounts"] = service
        # No step knows these.
        out["sessions"] = [{"_id": self.oid(), "sessionToken": "s%d" % i, "role": "LABELER"} for i in self.many(30)]
        out["verification_tokens"] = [{"_id": self.oid(), "token": "t", "expires": self.day()}]
        # Nor what these documents are.
        out["users"] += [
            {"_id": "odd-1", "id": 7, "memberships": "none"},
            {"_id": "odd-2", "id": "x", "memberships": [None, "LABELER", {"role": 5, "groupIds": None}]},
        ]
        out["groups"].append({"_id": "odd", "id": "grp_odd", "name": 5, "slug": None})
        return out

    # -- hub

    def hub(self):
        r = self.random
        settings = []
        for i in range(3):
            doc = {"_id": self.oid(), "org_id": "org_%d" % i}
            self.field(doc, "default_user_role", "1.2.0", "GUEST", r.choice(["MEMBER", "GUEST"]))
            self.field(doc, "default_dataset_permission", "1.2.0", "NO_ACCESS", r.choice(["VIEW", "NO_ACCESS"]))
            self.field(doc, "default_operator_minimum_role", "1.3.0", "MEMBER", r.choice(["ADMIN", "MEMBER"]))
            self.field(doc, "default_operator_minimum_dataset_permission", "1.3.0", "EDIT", r.choice(["EDIT", "MANAGE"]))
            settings.append(doc)
        plugins = []
        for i in self.many(25):
            operators = []
            for j in range(3):
                operator = {"name": "op%d" % j, "enabled": j != 1}
                own = {"minimum_role": r.choice(["ADMIN", "MEMBER"]), "minimum_dataset_permission": "EDIT"}
                self.field(operator, "permission", "1.3.0",
                           {"minimum_role": "MEMBER", "minimum_dataset_permission": "EDIT"}, own)
                operators.append(operator)
            plugins.append({
                "_id": self.oid(), "name": "@org/plugin-%d" % i, "description": "", "version": "1.0.%d" % i,
                "enabled": i % 4 != 0, "operators": operators,
            })
        keys = []
        for i in self.many(200):
            doc = {"_id": self.oid(), "id": "key_%d" % i, "name": "key %d" % i, "created_at": self.day()}
            robot = self.since("2.18.0") and i % 10 == 0
            owner = r.choice(self.service_ids) if robot else r.choice(self.user_ids)
            if self.at("2.18.0"):
                doc["principal"] = {"kind": "service_account" if robot else "user", "id": owner}
            elif robot:
                continue  # the older model has no such owner
            else:
                doc["user_id"] = owner
            keys.append(doc)
        secrets = [
            {"_id": self.oid(), "key": "SECRET_%d" % i, "value": self.opaque(), "description": None,
             "created_at": self.day()}
            for i in self.many(40)
        ]
        credentials = []
        kinds = ["GCP", "AWS", "AZURE", "MINIO"]
        for i in self.many(60):
            provider = kinds[i % 4]
            prefixes = [] if i < 4 else ["s3://bucket-%d" % i, "s3://other-%d" % i]
            scope = "GLOBAL" if i < 20 or not self.since("2.16.0") else r.choice(["GLOBAL", "USER", "GROUP"])
            sid = {"USER": r.choice(self.user_ids), "GROUP": r.choice(self.group_ids)}.get(scope)
            doc = {
                "_id": self.oid(), "provider": provider, "credentials": self.opaque(), "description": "c%d" % i,
                "created_at": self.day(),
            }
            if prefixes and not (self.since("1.5.0") and self.at("1.5.0")):
                continue  # the older model has one per provider
            if scope != "GLOBAL" and not self.at("2.16.0"):
                continue
            if self.at("1.5.0"):
                doc["prefixes"] = prefixes
            if self.at("2.16.0"):
                doc["scope"] = scope
                if sid:
                    doc["sid"] = sid
            credentials.append(doc)
        out = {"organization_settings": settings}
        if self.since("1.1.0"):
            out["cloud_credentials"] = credentials
        if self.since("1.3.0"):
            out["api_keys"], out["plugins"] = keys, plugins
            out["api_keys"].append({"_id": "odd", "principal": "nobody", "user_id": 5})
        if self.since("1.4.0"):
            out["secrets"] = secrets
        out["user_preferences"] = [{"_id": self.oid(), "user_id": u, "pinned": []} for u in self.user_ids[:20]]
        return out

    # -- enterprise

    def level(self):
        level = self.random.choice(["NO_ACCESS", "VIEW", "TAG", "EDIT", "MANAGE"])
        return "VIEW" if level == "TAG" and not (self.since("2.0.0") and self.at("2.0.0")) else level

    def operation(self, i, dataset):
        r = self.random
        finished = r.choice(["completed", "failed", "queued", "running"])
        doc = {"_id": self.oid(), "operator": "@voxel51/brain/op%d" % (i % 9)}
        self.field(doc, "label", "1.5.0", doc["operator"], "Op %d" % (i % 9))
        link = [None, "https://example.org/run/%d" % i, "gs://logs/%d.log" % i][i % 3]
        doc.update({
            "delegation_target": None, "context": {"request_params": {"dataset_name": "x", "params": {"n": i}}},
            "run_state": finished, "run_link": link, "queued_at": self.day(), "updated_at": self.day(),
            "started_at": self.day(), "completed_at": None, "failed_at": None, "pinned": i % 40 == 0, "result": None,
        })
        if self.at("2.7.0") and link and link.endswith(".log"):
            del doc["run_link"]
            doc["log_path"] = link
        if dataset is not None:
            if self.at("1.5.3"):
                doc["dataset_id"] = dataset["_id"]
            else:
                doc["dataset_name"] = dataset["name"]
        self.field(doc, "status", "1.5.0", None, {"progress": r.random(), "label": None, "updated_at": self.day()})
        self.field(doc, "parent_id", "2.13.0", None, ObjectId(b"parentparent") if i % 20 == 0 else None)
        self.field(doc, "archived", "2.15.0", False, i % 30 == 0)
        self.field(doc, "rerunnable", "2.15.0", True, i % 31 != 0)
        return doc

    def enterprise(self, datasets):
        r = self.random
        out = {}
        permissions = []
        for dataset in datasets:
            users = {u: self.level() for u in r.sample(self.user_ids, min(20, len(self.user_ids)))}
            groups = {g: self.level() for g in r.sample(self.group_ids, min(5, len(self.group_ids)))}
            doc = {"_id": self.oid(), "dataset_id": dataset["_id"], "default_access": self.level(), "users": users}
            self.field(doc, "groups", "1.6.0", {}, groups)
            permissions.append(doc)
        out["dataset_permissions"] = permissions
        snapshots = []
        for i in self.many(50):
            name = "Snapshot %d / v.%d" % (i, i)
            doc = {
                "_id": self.oid(), "dataset_id": r.choice(datasets)["_id"], "name": name, "slug": slug(name),
                "description": None, "created_at": self.day(), "created_by": r.choice(self.user_ids),
            }
            self.field(doc, "load_status", "1.5.0", "LOADED", r.choice(["LOADED", "UNLOADED"]))
            if i % 2:
                doc["last_loaded_at"] = self.day()
                doc["linear_change_summary"] = {"total_samples": i, "num_samples_added": Int64(i)}
            if self.at("2.18.0"):
                doc["created_by_principal"] = {"kind": "user", "id": doc["created_by"]}
            if self.since("2.18.0") and i % 9 == 0:
                robot = r.choice(self.service_ids)
                doc["created_by"] = None
                if self.at("2.18.0"):
                    doc["created_by_principal"] = {"kind": "service_account", "id": robot}
            snapshots.append(doc)
        operations = [
            self.operation(i, None if i % 25 == 0 else r.choice(datasets)) for i in self.many(2000)
        ]
        orchestrators = []
        for i in self.many(12):
            doc = {
                "_id": self.oid(), "instance_id": "orc-%d" % i, "description": "o%d" % i,
                "available_operators": ["@voxel51/brain/op%d" % j for j in range(i)], "created_at": self.day(),
                "updated_at": self.day(),
            }
            kind = r.choice(["databricks", "anyscale", "kubernetes"])
            self.field(doc, "environment", "2.11.0", "self_registered", kind)
            self.field(doc, "config", "2.11.0", {}, {kind: {"jobId": i}})
            self.field(doc, "secrets", "2.11.0", {}, {kind: {"token": "SECRET_%d" % i}})
            orchestrators.append(doc)
        if self.since("1.4.0"):
            out["snapshots"], out["delegated_ops"] = snapshots, operations
            out["delegated_ops"].append({"_id": "odd", "operator": None, "run_link": 5, "dataset_name": "no such"})
        if self.since("2.2.0"):
            out["orchestrators"] = orchestrators
        out["comments"] = [{"_id": self.oid(), "text": "TAG"} for _ in self.many(10)]
        return out

    # -- all of it

    def write(self, client, main, cas):
        """Into two databases that must be new."""
        model = open_source(self.version)
        born = numbers_of_model(open_source(self.born))
        usable = [s for s in SOURCES if numbers_of_model(s) <= born]
        source = os.path.join(harness.DATABASES, "sources", usable[-1])
        harness.restore(client, harness.read_dump(source), main)
        db = client[main]
        db.config.delete_many({})
        db.config.insert_one({"_id": ObjectId(b"config-entrp"), "version": model, "type": ENTERPRISE})
        if self.since("2.13.0"):
            doc = db.datasets.find_one({}, sort=[("name", 1)])
            long = {"_id": doc["_id"], "name": "Long name " * 30 + "end"}
            long["slug"] = slug(long["name"])
            if not self.at("2.13.0"):
                cut(long)
            db.datasets.update_one({"_id": doc["_id"]}, {"$set": {"name": long["name"], "slug": long["slug"]}})
        parts = self.documents(list(db.datasets.find({}, {"name": 1}).sort("_id", 1)))
        for name, docs in parts["main"].items():
            db[name].insert_many(docs)
        if self.since("1.4.0"):
            # The open-source client makes these.
            keys = ["operator", "updated_at", "run_state"] + (["parent_id"] if self.since("2.13.0") else [])
            db.delegated_ops.create_indexes([IndexModel([(k, 1)]) for k in keys])
        for name, docs in parts["cas"].items():
            client[cas][name].insert_many(docs)
        if parts["cas"]:
            client[cas].users.create_index([("name", 1)], name="of_the_service")

    def documents(self, datasets):
        """{"main": {collection: documents}, "cas": {...}}, beside the datasets themselves."""
        cas = self.cas()  # drawn always: the others refer to its users
        hub = self.hub()
        enterprise = self.enterprise(datasets)
        return {"main": {**hub, **enterprise}, "cas": cas if self.since("1.6.0") else {}}


def numbers_of_model(source):
    """Open-source versions are compared as they are."""
    return tuple(int(x) for x in source.split("-")[0].split(".")[:3])


def as_script_left_it(client, cas):
    """A CAS database as the script of 2024 wrote it, before the service's first start."""
    client[cas].orgs.update_many({}, {"$rename": OLD_KEYS})
    client[cas].users.update_many({"_id": {"$type": "objectId"}}, {"$unset": {"memberships.$[].groupIds": 1}})
    client[cas].groups.update_many({"_id": {"$type": "objectId"}}, {"$unset": {"slug": 1}})


def main():
    import pymongo

    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("uri")
    parser.add_argument("main")
    parser.add_argument("cas")
    parser.add_argument("version")
    parser.add_argument("--born")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--scale", type=float, default=1.0, help="of all numbers of documents")
    a = parser.parse_args()
    client = pymongo.MongoClient(a.uri)
    Deployment(a.version, a.born, a.seed, a.scale).write(client, a.main, a.cas)


if __name__ == "__main__":
    main()
