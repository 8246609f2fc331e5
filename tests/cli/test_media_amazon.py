"""Amazon S3 itself, as near as a machine without it comes: its names and certificates lead to a server of the test's own,
which knows regions and checks what requests name, in front of moto."""
import os
import shutil
import ssl
import subprocess

import pytest
from media_data import dataset
from object_servers import SECRET, Checksums
from test_media_upload import cloud, read, s3, upload, write  # noqa: F401

pytestmark = pytest.mark.long
REGION = "eu-west-1"
# Names of Amazon lead here, and its port to ours.
SHIM = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

int getaddrinfo(const char *node, const char *service, const struct addrinfo *hints, struct addrinfo **out) {
  int (*real)(const char *, const char *, const struct addrinfo *, struct addrinfo **) = dlsym(RTLD_NEXT, "getaddrinfo");
  return real(node && strstr(node, ".amazonaws.com") ? "127.0.0.1" : node, service, hints, out);
}

int connect(int fd, const struct sockaddr *address, socklen_t size) {
  int (*real)(int, const struct sockaddr *, socklen_t) = dlsym(RTLD_NEXT, "connect");
  struct sockaddr_in copy;
  if (address->sa_family != AF_INET) return real(fd, address, size);
  memcpy(&copy, address, sizeof copy);
  if (copy.sin_port == htons(443)) copy.sin_port = htons(atoi(getenv("FM_AMAZON_PORT")));
  return real(fd, (struct sockaddr *)&copy, sizeof copy);
}
"""


class Amazon(Checksums):
    def __init__(self, port, certificate, key):
        super().__init__(port)
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(certificate, key)
        self.requests, self.heads = [], []
        self.rule = lambda method, path, n: self.requests.append((method, path))

    def serve(self, client):
        try:
            super().serve(self.context.wrap_socket(client, server_side=True))
        except OSError:
            client.close()

    def refusal(self, fields, body):
        self.heads.append(fields)
        if b"amazonaws.com" not in fields[b"host"]:
            return b"HTTP/1.1 400 No\r\nContent-Length: 0\r\n\r\n"
        host, scope = fields[b"host"].decode(), fields.get(b"authorization", b"").decode()
        if ".%s." % REGION not in host or "/%s/s3/" % REGION not in scope:
            text = b"<Error><Code>PermanentRedirect</Code><Message>elsewhere</Message></Error>"
            return (b"HTTP/1.1 301 Moved\r\nx-amz-bucket-region: %s\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s"
                    % (REGION.encode(), len(text), text))
        return super().refusal(fields, body)


@pytest.fixture
def amazon(cloud, s3, tmp_path):  # noqa: F811
    if not (shutil.which("cc") and shutil.which("openssl")):
        pytest.skip("a C compiler and openssl are needed to imitate Amazon")
    (tmp_path / "shim.c").write_text(SHIM)
    subprocess.run(["cc", "-shared", "-fPIC", "-o", tmp_path / "shim.so", tmp_path / "shim.c", "-ldl"], check=True)
    names = ["s3.%s.amazonaws.com", "*.s3.%s.amazonaws.com"]
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", tmp_path / "key", "-out", tmp_path / "cert",
         "-days", "2", "-subj", "/CN=amazon", "-addext", "subjectAltName=" + ",".join(
             "DNS:" + n % r for n in names for r in (REGION, "us-east-1"))], check=True, capture_output=True)
    with Amazon(s3.port, tmp_path / "cert", tmp_path / "key") as server:
        server.env = {
            "AWS_ENDPOINT_URL": "", "AWS_CA_BUNDLE": str(tmp_path / "cert"), "LD_PRELOAD": str(tmp_path / "shim.so"),
            "FM_AMAZON_PORT": str(server.port), "AWS_SESSION_TOKEN": "t0ken/of+tests", "AWS_REGION": REGION}
        yield server


def test_uploads_to_amazon(cloud, s3, amazon):  # noqa: F811
    """With credentials that have a session token, as those of a role."""
    sizes = {"a b.jpg": 100, "empty": 0, "large.bin": 21 * 2**20}
    paths = [write("%s/%s" % (cloud.files, n), s) for n, s in sizes.items()]
    dataset(cloud.db, "demo", [{"filepath": p} for p in paths])
    other = upload(cloud, "demo", "s3://bucket/x", **{**amazon.env, "AWS_REGION": "us-east-1"})
    assert other.status == 2 and "another region" in other.err, other.err
    amazon.requests.clear()
    r = upload(cloud, "demo", "s3://bucket/x", "--update-filepaths", "--storage-class", "STANDARD_IA", "--metadata", "by=me", **amazon.env)
    assert r.status == 0, r.err
    assert s3.objects() == {"x/" + os.path.basename(p): read(p) for p in paths}
    assert {d["filepath"] for d in cloud.db["samples.demo"].find()} == {"s3://bucket/x/" + n for n in sizes}
    head = s3.client.head_object(Bucket="bucket", Key="x/large.bin")
    assert (head["StorageClass"], head["Metadata"]) == ("STANDARD_IA", {"by": "me"})
    puts = [path for method, path in amazon.requests if method == "PUT"]
    assert len([p for p in puts if "partNumber" in p]) == 3 and all(p.startswith("/bucket/x/") for p in puts)
    assert len(amazon.sums) == 5  # every object and part was confirmed by its SHA-256
    signed = [f for f in amazon.heads if b"x-amz-checksum-sha256" in f]
    assert {f[b"x-amz-security-token"] for f in signed} == {b"t0ken/of+tests"}
    assert SECRET not in str(amazon.heads)
    check = cloud.migrator("-o", "json", "media", "verify", "demo", "--full", **amazon.env)
    assert check.status == 0 and check.json["compared"] == 3, check.out
