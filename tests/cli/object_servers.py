"""Object stores that tests start: moto (S3), gcp-storage-emulator, Azurite; and a proxy that does harm."""
import base64
import contextlib
import email.utils
import hashlib
import os
import re
import shutil
import socket
import subprocess
import sys
import threading
import time
import urllib.parse

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
SECRET = "sEcReT+of/the=tests"
# Published by Azurite: every installation has it.
AZURITE_KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def wait_for(port, process, log):
    for _ in range(600):
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        assert process.poll() is None, open(log).read()[-2000:]
        time.sleep(0.05)
    raise AssertionError("no server: " + open(log).read()[-2000:])


class Process:
    """A server program on a free port, with its log."""
    environment = {}

    def __init__(self, folder, name):
        self.port, self.log = free_port(), os.path.join(folder, name + ".log")
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(
                self.command(folder), stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=folder,
                env={**os.environ, "PYTHONUNBUFFERED": "1", **self.environment})
        wait_for(self.port, self.process, self.log)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()


class S3(Process):
    """moto. It takes every signature."""

    def __init__(self, folder):
        super().__init__(folder, "moto")
        import boto3
        self.client = boto3.client("s3", endpoint_url=self.url, aws_access_key_id="k", aws_secret_access_key="s",
                                   region_name="us-east-1")
        self.client.create_bucket(Bucket="bucket")

    def command(self, folder):
        return [os.path.join(os.path.dirname(sys.executable), "moto_server"), "-H", "127.0.0.1", "-p", str(self.port)]

    @property
    def url(self):
        return "http://127.0.0.1:%d" % self.port

    def env(self, url=None):
        return {"AWS_ENDPOINT_URL": url or self.url, "AWS_ACCESS_KEY_ID": "AKIDTESTS", "AWS_SECRET_ACCESS_KEY": SECRET,
                "AWS_EC2_METADATA_DISABLED": "true"}

    def keys(self, prefix="", bucket="bucket"):
        pages = self.client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
        return [item["Key"] for page in pages for item in page.get("Contents", [])]

    def objects(self, prefix="", bucket="bucket"):
        """{key: content}"""
        return {key: self.client.get_object(Bucket=bucket, Key=key)["Body"].read() for key in self.keys(prefix, bucket)}

    def clear(self):
        for key in self.keys():
            self.client.delete_object(Bucket="bucket", Key=key)

    def puts(self):
        """How often each key was written, from the server's log."""
        found = {}
        with open(self.log, errors="replace") as f:
            for key in re.findall(r'"[^"]*?PUT /bucket/([^ ?]+) HTTP', f.read()):
                found[key] = found.get(key, 0) + 1
        return found


def minio_program():
    """Where scripts/install-bench put it, else on PATH; None without."""
    own = os.path.join(ROOT, ".bench", "bin", "minio")
    return own if os.access(own, os.X_OK) else shutil.which("minio")


class Minio(Process):
    """The real one: it checks signatures and checksums."""
    environment = {"MINIO_ROOT_USER": "minio-tests", "MINIO_ROOT_PASSWORD": SECRET, "MINIO_BROWSER": "off"}

    def __init__(self, folder):
        super().__init__(folder, "minio")
        import boto3
        self.client = boto3.client("s3", endpoint_url=self.url, aws_access_key_id="minio-tests",
                                   aws_secret_access_key=SECRET, region_name="us-east-1")
        self.client.create_bucket(Bucket="bucket")

    def command(self, folder):
        return [minio_program(), "server", "--quiet", "--address", "127.0.0.1:%d" % self.port, folder + "/minio"]

    @property
    def url(self):
        return "http://127.0.0.1:%d" % self.port

    def env(self, url=None):
        return {"MINIO_ENDPOINT_URL": url or self.url, "MINIO_ACCESS_KEY": "minio-tests", "MINIO_SECRET_ACCESS_KEY": SECRET}


class Gcs(Process):
    def __init__(self, folder):
        super().__init__(folder, "gcs")
        import requests
        self.http = requests
        requests.post(self.url + "/storage/v1/b?project=p", json={"name": "bucket"}).raise_for_status()

    def command(self, folder):
        return [os.path.join(os.path.dirname(sys.executable), "gcp-storage-emulator"), "start", "--host=127.0.0.1",
                "--port=%d" % self.port, "--in-memory"]

    @property
    def url(self):
        return "http://127.0.0.1:%d" % self.port

    root = url

    def env(self):
        return {"STORAGE_EMULATOR_HOST": self.url}

    def facts(self, key):
        from urllib.parse import quote
        return self.http.get("%s/storage/v1/b/bucket/o/%s" % (self.url, quote(key, safe=""))).json()

    def objects(self):
        items = self.http.get(self.url + "/storage/v1/b/bucket/o").json().get("items", [])
        from urllib.parse import quote
        return {i["name"]: self.http.get("%s/download/storage/v1/b/bucket/o/%s?alt=media" % (
            self.url, quote(i["name"], safe=""))).content for i in items}


def azurite_program():
    """Where scripts/install-azurite put it, else on PATH; None without."""
    own = os.path.join(ROOT, ".azurite", "node_modules", ".bin", "azurite-blob")
    return own if os.access(own, os.X_OK) else shutil.which("azurite-blob")


class Azure(Process):
    account = "devstoreaccount1"

    def command(self, folder):
        return [azurite_program(), "--location", os.path.join(folder, "azurite"), "--blobHost", "127.0.0.1",
                "--blobPort", str(self.port), "--skipApiVersionCheck", "--disableTelemetry", "--silent"]

    def __init__(self, folder):
        super().__init__(folder, "azurite")

    @property
    def root(self):
        return "http://127.0.0.1:%d" % self.port

    def env(self, root=None):
        return {"AZURE_STORAGE_CONNECTION_STRING": "DefaultEndpointsProtocol=http;AccountName=%s;AccountKey=%s;"
                "BlobEndpoint=%s/%s;" % (self.account, AZURITE_KEY, root or self.root, self.account), "AZURE_ALIAS": "az"}

    def files(self):
        from pyarrow import fs
        place = "127.0.0.1:%d" % self.port
        return fs.AzureFileSystem(
            self.account, account_key=AZURITE_KEY, blob_storage_authority=place, dfs_storage_authority=place,
            blob_storage_scheme="http", dfs_storage_scheme="http")

    def container(self):
        self.files().create_dir("container")

    def metadata(self, key):
        return {name: value.decode() for name, value in self.files().open_input_stream(key).metadata().items()}


class Proxy:
    """Forwards connections to a port and spoils some requests.

    ``rule(method, path, number)`` gives None, or what happens instead: a status
    to answer with, "cut" (the connection ends in the middle of the request),
    "lose" (the server does it, its answer is lost), "slow", "spoil" (the
    server gets another content), or "skew" (its clock is an hour ahead).
    """

    def __init__(self, port, rule):
        self.target, self.rule, self.count, self.closing = port, rule, 0, False
        self.lock = threading.Lock()
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        self.thread = threading.Thread(target=self.accept, daemon=True)

    @property
    def url(self):
        return "http://127.0.0.1:%d" % self.port

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.closing = True
        self.socket.close()

    def accept(self):
        while not self.closing:
            try:
                client, _ = self.socket.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(client,), daemon=True).start()

    def serve(self, client):
        with contextlib.suppress(OSError, ValueError), client:
            reader = client.makefile("rb")
            while self.one(client, reader):
                pass

    def one(self, client, reader):
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            line = reader.readline()
            if not line:
                return False
            head += line
        method, path, _ = head.split(b"\r\n")[0].decode().split(" ", 2)
        fields = {k.strip().lower(): v.strip() for k, v in
                  (line.split(b":", 1) for line in head.split(b"\r\n")[1:] if b":" in line)}
        with self.lock:
            self.count += 1
            what = self.rule(method, path, self.count)
        if fields.get(b"expect", b"").lower() == b"100-continue":
            client.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        if what == "cut":
            reader.read(min(int(fields.get(b"content-length", 0)), 1000))
            return False
        body = self.body(reader, fields)
        if isinstance(what, int):
            text = b"<Error><Code>%s</Code><Message>by the proxy</Message></Error>" % {
                503: b"SlowDown", 403: b"ExpiredToken", 507: b"QuotaExceeded", 500: b"InternalError"}.get(what, b"Other")
            client.sendall(b"HTTP/1.1 %d Proxy\r\nContent-Type: application/xml\r\nContent-Length: %d\r\n"
                           b"Connection: close\r\n\r\n" % (what, len(text)) + (b"" if method == "HEAD" else text))
            return False
        if what == "skew":
            text = b"<Error><Code>RequestTimeTooSkewed</Code><Message>by the proxy</Message></Error>"
            date = email.utils.formatdate(time.time() + 3600, usegmt=True).encode()
            client.sendall(b"HTTP/1.1 403 Forbidden\r\nDate: %s\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s" % (
                date, len(text), text))
            return False
        if what == "slow":
            time.sleep(1.5)
        if what == "spoil":
            body = body[:-1] + b"?"
        if refusal := self.refusal(fields, body):
            client.sendall(refusal)
            return False
        lines = [line for line in head.split(b"\r\n")[:-2] if not line.lower().startswith((b"connection", b"expect"))]
        with socket.create_connection(("127.0.0.1", self.target)) as server:
            server.sendall(b"\r\n".join([*lines, b"Connection: close"]) + b"\r\n\r\n" + body)
            answer = b""
            while part := server.recv(65536):
                answer += part
                if len(answer) > 1 << 16 and what != "lose":
                    client.sendall(answer)
                    answer = b""
            if what != "lose":
                client.sendall(self.answered(path, fields, answer))
        return False

    def refusal(self, fields, body):
        """An answer in the place of the server's, or nothing."""

    def answered(self, path, fields, answer):
        return answer

    @staticmethod
    def body(reader, fields):
        if fields.get(b"transfer-encoding", b"").lower() == b"chunked":
            out = b""
            while True:
                line = reader.readline()
                size = int(line.split(b";")[0], 16)
                chunk = reader.read(size + 2)
                out += line + chunk
                if size == 0:
                    return out
        return reader.read(int(fields.get(b"content-length", 0)))


class Checksums(Proxy):
    """In front of moto a store that checks SHA-256 sums, answers with them and lists them, as S3 and MinIO do."""

    def __init__(self, port, rule=lambda method, path, number: None):
        super().__init__(port, rule)
        self.parts, self.sums = {}, []  # {upload: {part: sum}}; all that were confirmed

    def refusal(self, fields, body):
        named = fields.get(b"x-amz-checksum-sha256")
        if named and named != base64.b64encode(hashlib.sha256(body).digest()):
            text = b"<Error><Code>BadDigest</Code><Message>no</Message></Error>"
            return b"HTTP/1.1 400 No\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s" % (len(text), text)

    def answered(self, path, fields, answer):
        head, _, text = answer.partition(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 200"):
            return answer
        query = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(path).query))
        parts = self.parts.setdefault(query.get("uploadId"), {})
        if named := fields.get(b"x-amz-checksum-sha256"):
            self.sums.append(named)
            parts[int(query.get("partNumber", 0))] = named
            head += b"\r\nx-amz-checksum-sha256: " + named
        elif b"</CompleteMultipartUploadResult>" in text:
            sums = b"".join(base64.b64decode(parts[n]) for n in sorted(parts))
            whole = base64.b64encode(hashlib.sha256(sums).digest()) + b"-%d" % len(parts)
            text = text.replace(b"</CompleteMultipartUploadResult>",
                                b"<ChecksumSHA256>%s</ChecksumSHA256></CompleteMultipartUploadResult>" % whole)
        else:
            text = re.sub(rb"<PartNumber>(\d+)</PartNumber>", lambda m: b"%s<ChecksumSHA256>%s</ChecksumSHA256>" % (
                m[0], parts.get(int(m[1]), b"")), text)
        if text:  # none behind a HEAD, which has a length all the same
            head = re.sub(rb"(?i)content-length: \d+", b"Content-Length: %d" % len(text), head)
        return head + b"\r\n\r\n" + text
