"""The package index: tokens and uploaders, pip through nginx with TLS, nothing in logs."""
import base64
import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
import zipfile

import pytest
from datasets import PACKAGE, ROOT

INDEX = os.path.join(ROOT, "deploy", "index")
sys.path.insert(0, INDEX)
import store  # noqa: E402

DIST = os.path.join(ROOT, ".venv-dist", "bin", "python")
TWINE = os.path.join(ROOT, ".venv-tools", "bin", "twine")


def index(*words, stdin=None):
    return subprocess.run(
        [sys.executable, os.path.join(INDEX, "index"), *map(str, words)], input=stdin, capture_output=True, text=True)


def issue(home, name="alice", *more):
    p = index("token", "issue", home, name, *more)
    assert p.returncode == 0, p.stderr
    return p.stdout.split()[1], p.stdout.split("TOKEN=")[1].split()[0], p.stdout


@pytest.fixture
def home(tmp_path):
    assert index("init", tmp_path / "index").returncode == 0
    return tmp_path / "index"


def test_tokens(home, monkeypatch):
    id, token, said = issue(home, "alice", "--days", "30", "--host", "pypi.test")
    assert "pip install --index-url https://${TOKEN}@pypi.test --upgrade fiftyone\n" in said
    kept = store.Home(home)
    assert kept.token_is_good(token)
    for wrong in ("", token[:-1], token + "x", id, "None", "\udcff"):
        assert not kept.token_is_good(wrong)
    assert token not in (home / "tokens.json").read_text() and (home / "tokens.json").stat().st_mode & 0o77 == 0
    other, second, _ = issue(home, "bob")
    assert index("token", "revoke", home, id).returncode == 0
    assert not kept.token_is_good(token) and kept.token_is_good(second)
    listed = index("token", "list", home).stdout.splitlines()
    assert [line.split()[:2] for line in listed[1:]] in ([[id, "revoked"], [other, "valid"]], [[other, "valid"], [id, "revoked"]])
    assert token not in "".join(listed) and index("token", "revoke", home, "nope").returncode == 1
    assert index("token", "list", home.parent / "none").returncode == 1


def test_tokens_expire(home):
    _, token, _ = issue(home, "alice", "--days", "0")
    assert not store.Home(home).token_is_good(token)
    assert " expired " in index("token", "list", home).stdout


def test_uploaders(home):
    assert index("uploader", "set", home, "ci", stdin="short\n").returncode == 1
    assert index("uploader", "set", home, "c i", stdin="long enough password\n").returncode == 1
    assert index("uploader", "set", home, "ci", stdin="long enough password\n").returncode == 0
    kept = store.Home(home)
    assert kept.uploader_is_good("ci", "long enough password")
    assert not kept.uploader_is_good("ci", "x") and not kept.uploader_is_good("nobody", "") and not kept.token_is_good("ci")
    assert index("uploader", "remove", home, "ci").returncode == 0 and not kept.uploader_is_good("ci", "long enough password")


# -- served


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


@contextlib.contextmanager
def process(command, port, log, **environment):
    with open(log, "wb") as out:
        p = subprocess.Popen(command, stdout=out, stderr=out, env={**os.environ, **environment})
    try:
        for _ in range(300):
            assert p.poll() is None, open(log).read()
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 0.2):
                break
            time.sleep(0.1)
        yield
    finally:
        p.terminate()
        p.wait()


@contextlib.contextmanager
def serving(home, **environment):
    """The port."""
    assert os.access(DIST, os.X_OK), "scripts/install-dist makes it"
    port = free_port()
    with process([DIST, os.path.join(INDEX, "index"), "serve", str(home), "--bind", "127.0.0.1:%d" % port],
                 port, home / "serve.log", **environment):
        yield port


@pytest.fixture
def served(home):
    with serving(home) as port:
        yield port


def small_wheel(folder, name="thing", version="1.0", megabytes=0):
    path = folder / ("%s-%s-py3-none-any.whl" % (name, version))
    info = "%s-%s.dist-info/" % (name, version)
    with zipfile.ZipFile(path, "w") as z:
        z.writestr(name + ".py", "x = 1\n")
        z.writestr(info + "METADATA", "Metadata-Version: 2.1\nName: %s\nVersion: %s\n" % (name, version))
        z.writestr(info + "WHEEL", "Wheel-Version: 1.0\nGenerator: t\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        z.writestr(info + "RECORD", "")
        if megabytes:
            z.writestr(name + ".bin", os.urandom(megabytes << 20))
    return path


def get(url, user=None, password="", method="GET", data=None):
    request = urllib.request.Request(url, method=method, data=data)
    if user is not None:
        request.add_header("Authorization", "Basic " + base64.b64encode(("%s:%s" % (user, password)).encode()).decode())
    try:
        with urllib.request.urlopen(request, timeout=10) as reply:
            return reply.status
    except urllib.error.HTTPError as error:
        return error.code


@pytest.mark.long
def test_who_may_do_what(home, served):
    (home / "packages" / "thing-1.0-py3-none-any.whl").write_bytes(b"x")
    id, token, _ = issue(home)
    index("uploader", "set", home, "ci", stdin="long enough password\n")
    base = "http://127.0.0.1:%d" % served
    for path in ("/simple/", "/simple/thing/", "/thing/", "/packages/thing-1.0-py3-none-any.whl", "/"):
        assert get(base + path, token) == 200, path
        assert get(base + path) == 401 and get(base + path, "wrong") in (401, 403) or path == "/", path
        assert get(base + path, token, "x") in (401, 403) or path == "/"
    assert get(base + "/simple/absent/", token) == 404  # not sent on to another index
    for method in ("POST", "PUT", "DELETE"):
        assert get(base + "/", token, method=method, data=b"x") in (401, 403, 405)
    boundary = "b"
    body = b"".join(
        b"--b\r\nContent-Disposition: form-data; name=\"%s\"%s\r\n\r\n%s\r\n" % part for part in [
            (b":action", b"", b"file_upload"),
            (b"content", b'; filename="new-1.0-py3-none-any.whl"', b"content")]) + b"--b--\r\n"

    def upload(user, password):
        request = urllib.request.Request(base + "/", data=body, method="POST")
        request.add_header("Content-Type", "multipart/form-data; boundary=" + boundary)
        request.add_header("Authorization", "Basic " + base64.b64encode(("%s:%s" % (user, password)).encode()).decode())
        try:
            with urllib.request.urlopen(request, timeout=10) as reply:
                return reply.status
        except urllib.error.HTTPError as error:
            return error.code

    assert upload(token, "") in (401, 403) and upload("ci", "x") in (401, 403) and not (home / "packages" / "new-1.0-py3-none-any.whl").exists()
    assert upload("ci", "long enough password") == 200
    assert (home / "packages" / "new-1.0-py3-none-any.whl").read_bytes() == b"content"
    assert upload("ci", "long enough password") == 409  # what is released stays
    index("token", "revoke", home, id)
    assert get(base + "/simple/", token) in (401, 403)
    assert token not in (home / "serve.log").read_text()


@pytest.mark.long
def test_an_expired_token_is_refused_while_it_is_served(home, served):
    _, token, _ = issue(home, "alice", "--days", "1")
    url = "http://127.0.0.1:%d/simple/" % served
    assert get(url, token) == 200
    tokens = json.loads((home / "tokens.json").read_text())
    (one,) = tokens.values()
    one["expires"] = one["created"]
    (home / "tokens.json").write_text(json.dumps(tokens))
    assert get(url, token) in (401, 403)


@pytest.mark.long
def test_twine_uploads_with_credentials_of_its_own(home, served, tmp_path):
    assert os.access(TWINE, os.X_OK), "scripts/install-tools makes it"
    wheel = small_wheel(tmp_path)
    _, token, _ = issue(home)
    index("uploader", "set", home, "ci", stdin="long enough password\n")

    def upload(user, password):
        environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "NO_PROXY": "*", "TWINE_USERNAME": user,
                       "TWINE_PASSWORD": password, "PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring"}
        return subprocess.run([TWINE, "upload", "--verbose", "--non-interactive", "--disable-progress-bar", "--repository-url",
                               "http://127.0.0.1:%d/" % served, wheel], capture_output=True, text=True, env=environment)

    stored = home / "packages" / wheel.name
    for user, password in ((token, ""), (token, "x"), ("ci", "wrong")):
        assert upload(user, password).returncode != 0 and not stored.exists()
    p = upload("ci", "long enough password")
    assert p.returncode == 0, p.stdout + p.stderr
    assert stored.read_bytes() == wheel.read_bytes()
    p = upload("ci", "long enough password")  # what is released stays
    assert p.returncode != 0 and "exists!" in p.stdout + p.stderr


@pytest.mark.long
@pytest.mark.parametrize("key", ["pypiToken", "pypi_token"])  # from CAS 1.6.0, and before
def test_the_token_of_an_organisation_of_cas_is_good(home, place, key):
    small_wheel(home / "packages")
    place.raw.orgs.insert_many([{"id": "o1", "name": "one", key: "token of one"}, {"id": "o2", "name": "two", key: None}])
    with serving(home, INDEX_CAS_URI=place.server.uri, INDEX_CAS_NAME=place.name, PYTHONPATH=PACKAGE) as port:
        url = "http://127.0.0.1:%d/simple/thing/" % port
        assert get(url, "token of one") == 200
        for wrong in ("token of two", "None", "null", "o1", ""):
            assert get(url, wrong) in (401, 403)
        assert get(url, issue(home)[1]) == 200  # and the index's own
        place.raw.orgs.update_one({"id": "o1"}, {"$set": {key: "another"}})
        assert get(url, "token of one") in (401, 403)
    assert "token of one" not in (home / "serve.log").read_text()


@pytest.mark.long
def test_a_lost_cas_refuses_and_the_indexs_own_tokens_work(home):
    _, token, _ = issue(home)
    uri = "mongodb://127.0.0.1:%d/?serverSelectionTimeoutMS=300" % free_port()
    with serving(home, INDEX_CAS_URI=uri, INDEX_CAS_NAME="cas", PYTHONPATH=PACKAGE) as port:
        url = "http://127.0.0.1:%d/simple/" % port
        assert get(url, token) == 200
        assert get(url, "some token") == 503


@contextlib.contextmanager
def tls(home, port):
    """nginx in front of the index at ``port``, by the project's own configuration; its port. The certificate is
    home/tls.pem, for localhost."""
    nginx = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
    assert nginx, "scripts/install-tools installs it"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", home / "tls.key", "-out", home / "tls.pem",
         "-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"],
        check=True, capture_output=True)
    secure = free_port()
    config = (home / "nginx.conf").read_text()
    config = config.replace("listen 443", "listen 127.0.0.1:%d" % secure).replace("127.0.0.1:8415", "127.0.0.1:%d" % port)
    config = config.replace("pypi.example.org", "localhost").replace("worker_processes auto", "worker_processes 1")
    (home / "nginx.conf").write_text("daemon off;\n" + config)
    assert subprocess.run([nginx, "-t", "-c", home / "nginx.conf"], capture_output=True).returncode == 0
    with process([nginx, "-c", str(home / "nginx.conf")], secure, home / "nginx.out"):
        yield secure


@pytest.mark.long
def test_pip_through_nginx_with_tls(home, served, tmp_path):
    name = small_wheel(home / "packages").name
    id, token, _ = issue(home)

    def pip(*words):
        environment = {k: v for k, v in os.environ.items() if not k.upper().endswith(("_PROXY", "CA_BUNDLE")) and not k.startswith("PIP_")}
        environment.update(HOME=str(tmp_path), PIP_CONFIG_FILE=os.devnull, PIP_CERT=str(home / "tls.pem"), NO_PROXY="*")
        return subprocess.run(
            [sys.executable, "-m", "pip", "--disable-pip-version-check", "download", "--no-cache-dir", "--no-input",
             "-d", tmp_path / "got", *words], capture_output=True, text=True, env=environment, timeout=120)

    index("uploader", "set", home, "ci", stdin="long enough password\n")
    large = small_wheel(tmp_path, "large", megabytes=20)
    with tls(home, served) as port:
        # More than any buffer holds, there and back; the folder is closed to nginx's own user.
        environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "NO_PROXY": "*", "TWINE_USERNAME": "ci",
                       "TWINE_PASSWORD": "long enough password", "PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring"}
        p = subprocess.run([TWINE, "upload", "--non-interactive", "--disable-progress-bar", "--cert", home / "tls.pem",
                            "--repository-url", "https://localhost:%d/" % port, large], capture_output=True, text=True, env=environment)
        assert p.returncode == 0, p.stdout + p.stderr
        p = pip("--index-url", "https://%s@localhost:%d" % (token, port), "large")
        assert p.returncode == 0 and (tmp_path / "got" / large.name).read_bytes() == large.read_bytes(), p.stderr
        # The page's form: the token as user, no path.
        p = pip("--index-url", "https://%s@localhost:%d" % (token, port), "thing==1.0")
        assert p.returncode == 0 and (tmp_path / "got" / name).exists(), p.stderr
        assert token not in p.stdout + p.stderr
        p = pip("--index-url", "https://%s@localhost:%d" % ("wrong", port), "thing")
        assert p.returncode != 0 and "No matching distribution" in p.stderr
        index("token", "revoke", home, id)
        p = pip("--index-url", "https://%s@localhost:%d" % (token, port), "thing")
        assert p.returncode != 0
    logs = "".join(path.read_text(errors="replace") for path in home.glob("*.log")) + (home / "nginx.out").read_text()
    assert "GET /simple/thing/" in logs
    assert token not in logs and base64.b64encode((token + ":").encode()).decode() not in logs and "wrong" not in logs
