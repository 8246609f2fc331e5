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

import pytest
from datasets import ROOT

INDEX = os.path.join(ROOT, "deploy", "index")
sys.path.insert(0, INDEX)
import store  # noqa: E402

DIST = os.path.join(ROOT, ".venv-dist", "bin", "python")


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


@pytest.fixture
def served(home):
    assert os.access(DIST, os.X_OK), "scripts/install-dist makes it"
    port = free_port()
    with process([DIST, os.path.join(INDEX, "index"), "serve", str(home), "--bind", "127.0.0.1:%d" % port],
                 port, home / "serve.log"):
        yield port


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
def test_pip_through_nginx_with_tls(home, served, tmp_path):
    nginx = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
    if nginx is None:
        pytest.skip("nginx is not installed")
    name = "thing-1.0-py3-none-any.whl"
    import zipfile

    with zipfile.ZipFile(home / "packages" / name, "w") as z:
        z.writestr("thing.py", "x = 1\n")
        z.writestr("thing-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: thing\nVersion: 1.0\n")
        z.writestr("thing-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nGenerator: t\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        z.writestr("thing-1.0.dist-info/RECORD", "")
    id, token, _ = issue(home)
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", home / "tls.key", "-out", home / "tls.pem",
         "-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"],
        check=True, capture_output=True)
    port = free_port()
    config = (home / "nginx.conf").read_text()
    config = config.replace("listen 443", "listen 127.0.0.1:%d" % port).replace("127.0.0.1:8415", "127.0.0.1:%d" % served)
    config = config.replace("pypi.example.org", "localhost").replace("worker_processes auto", "worker_processes 1")
    (home / "nginx.conf").write_text("daemon off;\n" + config)
    assert subprocess.run([nginx, "-t", "-c", home / "nginx.conf"], capture_output=True).returncode == 0

    def pip(*words):
        environment = {k: v for k, v in os.environ.items() if not k.upper().endswith(("_PROXY", "CA_BUNDLE")) and not k.startswith("PIP_")}
        environment.update(HOME=str(tmp_path), PIP_CONFIG_FILE=os.devnull, PIP_CERT=str(home / "tls.pem"), NO_PROXY="*")
        return subprocess.run(
            [sys.executable, "-m", "pip", "--disable-pip-version-check", "download", "--no-cache-dir", "--no-input",
             "-d", tmp_path / "got", *words], capture_output=True, text=True, env=environment, timeout=120)

    with process([nginx, "-c", str(home / "nginx.conf")], port, home / "nginx.out"):
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
