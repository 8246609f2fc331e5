"""What the index knows: packages, tokens, uploaders. Standard library only.

    INDEX_DIR/packages/       the files that are served
    INDEX_DIR/tokens.json     {id: {name, sha256, created, expires, revoked}}
    INDEX_DIR/uploaders.json  {name: {salt, scrypt}}

Tokens have 256 random bits, so a plain hash keeps them; passwords of uploaders are
people's choice, so theirs is slow. Both files are read with every request: what is
revoked is refused at once, by every worker.
"""

import contextlib
import datetime
import fcntl
import hashlib
import hmac
import json
import os
import re
import secrets
import tempfile

PREFIX = "fm_"


class Unavailable(Exception):
    """The database of CAS does not answer, so a token may be good or not."""


def now():
    return datetime.datetime.now(datetime.timezone.utc).replace(microsecond=0)


class Home:
    def __init__(self, directory):
        self.directory = os.path.abspath(directory)
        self.packages = os.path.join(self.directory, "packages")
        self._tokens = os.path.join(self.directory, "tokens.json")
        self._uploaders = os.path.join(self.directory, "uploaders.json")

    def create(self):
        os.makedirs(self.packages, mode=0o750, exist_ok=True)

    # -- tokens

    def issue(self, name, days=None):
        """(id, token). The token is not kept: this is the only time it is known."""
        token = PREFIX + secrets.token_urlsafe(32)
        id = secrets.token_hex(4)
        expires = now() + datetime.timedelta(days=days) if days is not None else None
        with self._changed(self._tokens) as tokens:
            tokens[id] = {
                "name": name,
                "sha256": _sha256(token),
                "created": now().isoformat(),
                "expires": expires and expires.isoformat(),
                "revoked": None,
            }
        return id, token

    def tokens(self):
        return _read(self._tokens)

    def revoke(self, id):
        with self._changed(self._tokens) as tokens:
            if id not in tokens:
                return False
            tokens[id]["revoked"] = tokens[id]["revoked"] or now().isoformat()
            return True

    def token_is_good(self, token):
        got = _sha256(token)
        at = now()
        good = False
        for one in _read(self._tokens).values():  # all of them, whatever is found: equal time
            match = hmac.compare_digest(got, one["sha256"])
            good = good or (match and state(one, at) == "valid")
        return good or _is_token_of_cas(token)

    # -- uploaders

    def set_uploader(self, name, password):
        if not re.fullmatch(r"[A-Za-z0-9_.-]+", name):
            raise ValueError("the name of an uploader is made of letters, digits, '_', '.' and '-'")
        salt = secrets.token_bytes(16)
        with self._changed(self._uploaders) as uploaders:
            uploaders[name] = {"salt": salt.hex(), "scrypt": _scrypt(password, salt)}

    def remove_uploader(self, name):
        with self._changed(self._uploaders) as uploaders:
            return uploaders.pop(name, None) is not None

    def uploader_is_good(self, name, password):
        one = _read(self._uploaders).get(name) or {"salt": "00" * 16, "scrypt": ""}
        return hmac.compare_digest(_scrypt(password, bytes.fromhex(one["salt"])), one["scrypt"])

    # -- files

    @contextlib.contextmanager
    def _changed(self, path):
        """The content, to be changed; replaced in one step."""
        with open(os.path.join(self.directory, ".lock"), "a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            content = _read(path)
            yield content
            handle, beside = tempfile.mkstemp(dir=self.directory)
            with os.fdopen(handle, "w") as f:
                json.dump(content, f, indent=1)
                f.flush()
                os.fsync(f.fileno())
            os.replace(beside, path)  # mkstemp's mode is 600


def state(token, at):
    if token["revoked"]:
        return "revoked"
    if token["expires"] and datetime.datetime.fromisoformat(token["expires"]) <= at:
        return "expired"
    return "valid"


def _read(path):
    try:
        with open(path) as f:
            return json.load(f)
    except FileNotFoundError:
        return {}


def _sha256(text):
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()


def _scrypt(password, salt):
    return hashlib.scrypt(password.encode(), salt=salt, n=1 << 14, r=8, p=1).hex()


def _is_token_of_cas(token):
    """Whether an organisation of CAS has this ``pypiToken`` (before 1.6.0 ``pypi_token``); asked
    only where INDEX_CAS_URI and INDEX_CAS_NAME are set. Raises Unavailable."""
    uri, name = os.environ.get("INDEX_CAS_URI"), os.environ.get("INDEX_CAS_NAME")
    if not uri or not name or not token:
        return False
    import fiftyone_migrator

    if (uri, name) not in _cas:
        _cas[uri, name] = fiftyone_migrator.Database(uri, name)
    database = _cas[uri, name]
    query = {"$or": [{"pypiToken": token}, {"pypi_token": token}]}
    try:
        return database._core.find_one("orgs", query, {"_id": 1}) is not None
    except fiftyone_migrator.errors.MigratorError as error:
        raise Unavailable("CAS: %s" % error) from None


_cas = {}
