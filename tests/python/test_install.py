"""The packages of dist/, from the index, with real pip in fresh environments.

`make wheels` builds them; these tests do so where they are missing.
"""
import base64
import dataclasses
import glob
import hashlib
import os
import re
import shutil
import subprocess
import sys
import zipfile

import pytest
from datasets import HERE, ROOT
sys.path.append(os.path.join(ROOT, "tests", "cli"))
from object_servers import S3  # noqa: E402
from test_index import free_port, index, issue, process, serving, small_wheel, tls  # noqa: E402

pytestmark = pytest.mark.long
OLD = "0.0.9"
# What manylinux takes for granted.
SYSTEM = {"libc", "libm", "libdl", "libpthread", "librt", "libresolv", "libstdc++", "libgcc_s", "libz", "ld-linux-x86-64"}


@pytest.fixture(scope="session")
def dist():
    folder = os.path.join(ROOT, "dist")
    if not glob.glob(folder + "/*.whl"):
        subprocess.run([os.path.join(ROOT, "scripts", "wheels")], check=True)
    return folder


def with_version(wheel, version, to):
    """The same wheel under another version, as a release before it."""
    name, old = os.path.basename(wheel).split("-")[:2]
    target = os.path.join(to, os.path.basename(wheel).replace("-%s-" % old, "-%s-" % version))
    info = lambda n, v: "%s-%s.dist-info/" % (n, v)
    with zipfile.ZipFile(wheel) as source, zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as z:
        rows = []
        for entry in source.infolist():
            content = source.read(entry)
            path = entry.filename.replace(info(name, old), info(name, version))
            if path == info(name, version) + "METADATA":
                content = content.replace(b"\nVersion: %s\n" % old.encode(), b"\nVersion: %s\n" % version.encode(), 1)
            if path == info(name, version) + "RECORD":
                continue
            digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
            rows.append("%s,sha256=%s,%d" % (path, digest, len(content)))
            new = zipfile.ZipInfo(path, entry.date_time)
            new.external_attr = entry.external_attr
            z.writestr(new, content, zipfile.ZIP_DEFLATED)
        record = info(name, version) + "RECORD"
        z.writestr(record, "\n".join(rows + [record + ",,"]) + "\n")


def older_facade(sdist, to, tmp):
    """(version of it, version of the given one)"""
    subprocess.run(["tar", "-xzf", sdist, "-C", tmp], check=True)
    top = os.path.join(tmp, os.path.basename(sdist)[: -len(".tar.gz")])
    newest = os.path.basename(sdist)[len("fiftyone-") : -len(".tar.gz")]
    with open(os.path.join(top, "VERSION"), "w") as f:
        f.write("1.0.0 %s\n" % OLD)
    subprocess.run([sys.executable, "-B", "-c", "import sys, backend; backend.build_sdist(sys.argv[1])", to], cwd=top, check=True)
    return "1.0.0", newest


@pytest.fixture(scope="module")
def served(dist, tmp_path_factory):
    home = tmp_path_factory.mktemp("index") / "index"
    assert index("init", home).returncode == 0
    (wheel,) = glob.glob(dist + "/fiftyone_migrator-*.whl")
    (facade,) = [f for f in glob.glob(dist + "/fiftyone-*.tar.gz") if "migrator" not in f]
    assert index("add", home, wheel, facade).returncode == 0
    with_version(wheel, OLD, str(home / "packages"))
    versions = older_facade(facade, str(home / "packages"), str(tmp_path_factory.mktemp("old")))
    _, token, _ = issue(home)
    with serving(home) as port, tls(home, port) as secure:
        yield Served(token, port, secure, home / "tls.pem", versions, os.path.basename(wheel).split("-")[1])


@dataclasses.dataclass
class Served:
    """The index: with a token on ``port``, through nginx on ``secure``. ``facade``: (old, new) version; ``migrator``: the new one."""

    token: str
    port: int
    secure: int
    certificate: object
    facade: tuple
    migrator: str

    @property
    def url(self):
        return "http://%s@127.0.0.1:%d" % (self.token, self.port)


class Environment:
    def __init__(self, folder):
        self.folder = str(folder)
        subprocess.run([sys.executable, "-m", "venv", self.folder], check=True)
        self.env = {"PATH": self.folder + "/bin", "HOME": self.folder, "PIP_CONFIG_FILE": os.devnull, "NO_PROXY": "*",
                    "PIP_DISABLE_PIP_VERSION_CHECK": "1", "FIFTYONE_DATABASE_VALIDATION": "false"}

    def run(self, *command, check=True, timeout=300, **env):
        p = subprocess.run([os.path.join(self.folder, "bin", command[0]), *command[1:]], env={**self.env, **env},
                           cwd=self.folder, capture_output=True, text=True, timeout=timeout)
        assert not check or p.returncode == 0, p.stdout + p.stderr
        return p

    def pip(self, *words, check=True):
        return self.run("python", "-m", "pip", *words, check=check)

    def version(self, name):
        p = self.pip("show", name, check=False)
        return p.stdout.split("Version: ")[1].split("\n")[0] if p.returncode == 0 else None

    @property
    def site(self):
        return glob.glob(self.folder + "/lib/python3*/site-packages")[0]


@pytest.fixture
def environment(tmp_path):
    return Environment(tmp_path / "venv")


def linked(path):
    """Libraries of a program that are not its own."""
    out = subprocess.run(["ldd", path], capture_output=True, text=True).stdout
    assert "not found" not in out
    return {line.split()[0] for line in out.splitlines() if "=> /lib" in line or "=> /usr" in line}


def page_lines():
    """The lines of the public page that call pip."""
    with open(os.path.join(HERE, "page.rst"), encoding="utf-8") as f:
        return re.findall(r"^    (pip install (?:.*\\\n)*.*)$", f.read(), re.M)


def test_the_pages_lines_as_printed(environment, served, tmp_path):
    """Only the host is another; the other index that --extra-index-url leaves in place is empty."""
    public = tmp_path / "public"
    assert index("init", public).returncode == 0
    lines = page_lines()
    assert [("--upgrade" in l, "==" in l, "--extra-index-url" in l) for l in lines] == [(1, 0, 0), (0, 1, 0), (0, 0, 1)]
    old, newest = served.facade
    with serving(public) as port:
        settings = {"TOKEN": served.token, "VERSION": old, "PIP_CERT": str(served.certificate),
                    "PIP_INDEX_URL": "http://%s@127.0.0.1:%d" % (issue(public)[1], port)}

        def install(line):
            line = line.replace("pypi.fiftyone.ai", "localhost:%d" % served.secure)
            p = subprocess.run(["/bin/bash", "-euc", line], env={**environment.env, **settings}, capture_output=True, text=True)
            assert p.returncode == 0, p.stdout + p.stderr
            assert served.token not in p.stdout + p.stderr
            return environment.version("fiftyone"), environment.version("fiftyone-migrator")

        upgrade, pin, migrator = lines
        assert install(upgrade) == (newest, served.migrator)
        assert install(pin) == (old, served.migrator)
        assert install(upgrade) == (newest, served.migrator)
        environment.pip("uninstall", "-y", "fiftyone", "fiftyone-migrator")
        assert install(migrator) == (None, served.migrator)
        # A stranger's package of a higher version, on the public index: --extra-index-url takes it.
        small_wheel(public / "packages", "fiftyone_migrator", "99.0")
        environment.pip("uninstall", "-y", "fiftyone-migrator")
        assert install(migrator)[1] == "99.0"
        environment.pip("uninstall", "-y", "fiftyone-migrator")
        assert install(migrator.replace("--extra-index-url", "--index-url"))[1] == served.migrator


def test_make_index(environment, dist, tmp_path):
    """The index that the Makefile makes of dist/, as it says."""
    home, port = tmp_path / "made", free_port()
    command = ["make", "-C", ROOT, "index", "INDEX=%s" % home, "BIND=127.0.0.1:%d" % port]
    with process(command, port, tmp_path / "make.log"):
        token = issue(home)[1]
        environment.pip("install", "--index-url", "http://%s@127.0.0.1:%d" % (token, port), "--upgrade", "fiftyone")
        p = environment.pip("download", "--no-deps", "--index-url", "http://wrong@127.0.0.1:%d" % port, "fiftyone", check=False)
        assert p.returncode != 0
    (wheel,) = glob.glob(dist + "/fiftyone_migrator-*.whl")
    assert environment.version("fiftyone-migrator") == os.path.basename(wheel).split("-")[1]
    assert environment.run("fiftyone-migrator", "--version").returncode == 0
    assert sorted(os.listdir(home / "packages")) == sorted(
        n for n in os.listdir(dist) if n.endswith(".whl") or n.endswith(".tar.gz") and "linux" not in n)


def test_install_migrate_pin_upgrade(environment, served, place):
    url, (old, newest), migrator = served.url, served.facade, served.migrator
    environment.pip("install", "--index-url", url, "--upgrade", "fiftyone")
    assert (environment.version("fiftyone"), environment.version("fiftyone-migrator")) == (newest, migrator)
    # A migration with nothing but the environment's own folder on PATH.
    place.restore("0.14.4-A")
    database = {"FIFTYONE_DATABASE_URI": place.server.uri, "FIFTYONE_DATABASE_NAME": place.name}
    assert "Migrated" in environment.run("fiftyone-migrator", "migrate", "--yes", **database).stdout
    shown = environment.run("fiftyone", "migrate", "--info", **database).stdout
    assert "Database version: 1.22.1" in shown
    code = "import fiftyone as fo; d = fo.load_dataset('plain'); print(len(d), d.values('filepath')[0], fo.__version__)"
    assert environment.run("python", "-c", code, **database).stdout == "5 /data/a/plain/0.png %s\n" % newest
    code = "import fiftyone_migrator as fm; print(fm.plan()['datasets'], fm.__version__)"
    assert environment.run("python", "-c", code, **database).stdout == "[] %s\n" % migrator
    # Pin, go back, upgrade.
    environment.pip("install", "--index-url", url, "fiftyone==%s" % old)
    assert (environment.version("fiftyone"), environment.version("fiftyone-migrator")) == (old, migrator)
    environment.pip("install", "--index-url", url, "fiftyone-migrator==%s" % OLD)
    assert environment.version("fiftyone-migrator") == OLD
    assert environment.run("fiftyone-migrator", "--version").returncode == 0
    environment.pip("install", "--index-url", url, "--upgrade", "fiftyone", "fiftyone-migrator")
    assert (environment.version("fiftyone"), environment.version("fiftyone-migrator")) == (newest, migrator)
    environment.pip("uninstall", "-y", "fiftyone", "fiftyone-migrator")
    assert not [n for n in os.listdir(environment.site) if n.startswith("fiftyone")]
    assert not os.path.exists(environment.folder + "/bin/fiftyone")


def test_the_migrator_alone_has_no_command_fiftyone(environment, served):
    url, migrator = served.url, served.migrator
    environment.pip("install", "fiftyone-migrator", "--index-url", url)
    assert environment.version("fiftyone-migrator") == migrator and environment.version("fiftyone") is None
    assert not os.path.exists(environment.folder + "/bin/fiftyone")
    for path in glob.glob(environment.site + "/fiftyone_migrator/bin/fiftyone*"):
        foreign = linked(path)
        assert not [n for n in foreign if n.split(".")[0] not in
                    SYSTEM], foreign
    p = environment.run("python", "-c", "import fiftyone", check=False)
    assert "ModuleNotFoundError" in p.stderr


def fake_original(environment):
    folder = os.path.join(environment.site, "fiftyone")
    os.makedirs(folder)
    with open(os.path.join(folder, "__init__.py"), "w") as f:
        f.write("real = True\n")
    info = os.path.join(environment.site, "fiftyone-1.22.1.dist-info")
    os.makedirs(info)
    with open(os.path.join(info, "METADATA"), "w") as f:
        f.write("Metadata-Version: 2.1\nName: fiftyone\nVersion: 1.22.1\n")
    with open(os.path.join(info, "RECORD"), "w") as f:
        f.write("fiftyone/__init__.py,,\nfiftyone-1.22.1.dist-info/METADATA,,\nfiftyone-1.22.1.dist-info/RECORD,,\n")
    with open(os.path.join(info, "INSTALLER"), "w") as f:
        f.write("pip\n")


def test_facade_and_original_do_not_damage_each_other(environment, served):
    url, (_, newest) = served.url, served.facade
    fake_original(environment)
    p = environment.pip("install", "--index-url", url, "--upgrade", "fiftyone", check=False)
    assert p.returncode != 0 and "this one would replace it" in p.stderr + p.stdout
    assert environment.version("fiftyone") == "1.22.1"
    assert environment.run("python", "-c", "import fiftyone; print(fiftyone.real)").stdout == "True\n"
    # Beside each other.
    environment.pip("install", "--index-url", url, "fiftyone-migrator")
    assert environment.run("python", "-c", "import fiftyone, fiftyone_migrator; print(fiftyone.real)").stdout == "True\n"
    # On purpose.
    environment.pip("uninstall", "-y", "fiftyone")
    environment.pip("install", "--index-url", url, "fiftyone")
    assert environment.version("fiftyone") == newest


def digests(folder):
    return {path: hashlib.sha256(open(path, "rb").read()).hexdigest() for path in glob.glob(folder + "/**", recursive=True)
            if os.path.isfile(path) and "__pycache__" not in path}


def test_the_real_original_is_left_as_it_is(environment, served):
    """The package of PyPI, without what it requires: only its files matter here."""
    (pin,) = [line for line in open(os.path.join(ROOT, "scripts", "requirements-peer.txt")) if line.startswith("fiftyone==")]
    requirements = os.path.join(environment.folder, "original.txt")
    with open(requirements, "w") as f:
        f.write(pin)
    network = {name: value for name, value in os.environ.items() if name.startswith("PIP_") or name.lower().endswith("_proxy")}
    environment.run("python", "-m", "pip", "install", "-q", "--no-deps", "--require-hashes", "-r", requirements, **network)
    original = environment.site + "/fiftyone"
    command = environment.folder + "/bin/fiftyone"
    before = digests(original), open(command).read()
    p = environment.pip("install", "--index-url", served.url, "--upgrade", "fiftyone", check=False)
    assert p.returncode != 0 and "this one would replace it" in p.stderr + p.stdout
    environment.pip("install", "--index-url", served.url, "fiftyone-migrator")
    assert environment.run("fiftyone-migrator", "--version").returncode == 0
    environment.pip("uninstall", "-y", "fiftyone-migrator")
    assert (digests(original), open(command).read()) == before and len(before[0]) > 300


def test_media_needs_its_extra(environment, dist, served, place, tmp_path):
    environment.pip("install", "fiftyone-migrator", "--index-url", served.url)
    (tmp_path / "a.jpg").write_bytes(b"x")
    place.add("a", [{"filepath": str(tmp_path / "a.jpg"), "tags": []}])
    settings = {"FIFTYONE_DATABASE_URI": place.server.uri, "FIFTYONE_DATABASE_NAME": place.name, "AWS_ACCESS_KEY_ID": "k",
                "AWS_SECRET_ACCESS_KEY": "s", "AWS_REGION": "us-east-1",
                "AWS_ENDPOINT_URL": "http://127.0.0.1:%d" % free_port()}

    def upload():
        return environment.run("fiftyone-migrator", "media", "upload", "a", "s3://bucket/x", check=False, **settings)

    p = upload()
    assert p.returncode == 16 and "pip install 'fiftyone-migrator[media]'" in p.stderr
    assert environment.run("fiftyone-migrator", "media", "rewrite", "a", "--from", str(tmp_path), "--to", "s3://b",
                           **settings).returncode == 0
    assert place.samples(place.db.load_dataset("a"))[0]["filepath"] == "s3://b/a.jpg"
    place.raw.drop_collection("migrator.media")
    (wheel,) = glob.glob(dist + "/fiftyone_migrator-*.whl")
    network = {name: value for name, value in os.environ.items() if name.startswith("PIP_") or name.lower().endswith("_proxy")}
    environment.run("python", "-m", "pip", "install", "-q", wheel + "[media]", **network)
    place.add("b", [{"filepath": str(tmp_path / "a.jpg"), "tags": []}])
    with S3(str(tmp_path)) as store:
        settings["AWS_ENDPOINT_URL"] = store.url
        p = environment.run("fiftyone-migrator", "media", "upload", "b", "s3://bucket/x", **settings)
        assert list(store.objects()) == ["x/a.jpg"], p.stdout


def test_pip_builds_a_wheel_of_the_source(environment, dist, tmp_path):
    """With what pip itself fetches to build it, apart from everything here."""
    (source,) = glob.glob(dist + "/fiftyone_migrator-*.tar.gz")
    network = {name: value for name, value in os.environ.items() if name.startswith("PIP_") or name.lower().endswith("_proxy")}
    environment.run("python", "-m", "pip", "wheel", "-q", "--no-deps", "-w", tmp_path, source,
                    "--config-settings=build-dir=build-wheel", timeout=3600, CC="/usr/bin/cc",
                    CXX="/usr/bin/c++", PATH=environment.folder + "/bin:/usr/bin:/bin", CCACHE_BASEDIR="/", **network,
                    CCACHE_DIR=os.environ.get("CCACHE_DIR") or os.path.expanduser("~/.cache/ccache"))
    (wheel,) = glob.glob(str(tmp_path / "*.whl"))
    environment.pip("install", "--no-index", wheel)
    assert environment.run("fiftyone-migrator", "--version").stdout.startswith("fiftyone-migrator ")


def test_the_source_builds(environment, dist):
    """With the build's own requirements at hand, as everywhere without an index of them."""
    (source,) = glob.glob(dist + "/fiftyone_migrator-*.tar.gz")
    tools = os.path.join(ROOT, ".venv-dist")
    (packages,) = glob.glob(tools + "/lib/python3*/site-packages")
    environment.run("python", "-m", "pip", "install", "-q", "--no-build-isolation", "--no-deps", "--no-index", source,
                    "--config-settings=build-dir=build-wheel", PYTHONPATH=packages, CCACHE_BASEDIR="/", CC="/usr/bin/cc",
                    CXX="/usr/bin/c++", PATH=environment.folder + "/bin:/usr/bin:/bin", timeout=3600,
                    CCACHE_DIR=os.environ.get("CCACHE_DIR") or os.path.expanduser("~/.cache/ccache"))
    assert environment.run("fiftyone-migrator", "--version").stdout.startswith("fiftyone-migrator ")
    assert environment.run("python", "-c", "import fiftyone_migrator as fm; print(fm.DATA_MODEL)").stdout[0].isdigit()


def test_the_tarball_runs_anywhere(dist, tmp_path, place):
    (archive,) = glob.glob(dist + "/fiftyone-migrator-*-linux-*.tar.gz")
    subprocess.run(["tar", "-xzf", archive, "-C", tmp_path], check=True)
    (folder,) = os.listdir(tmp_path)
    shutil.move(tmp_path / folder, tmp_path / "moved here")
    place.restore("0.14.4-A")
    env = {"PATH": "", "HOME": str(tmp_path), "FIFTYONE_DATABASE_URI": place.server.uri, "FIFTYONE_DATABASE_NAME": place.name,
           "FIFTYONE_DATABASE_VALIDATION": "false"}
    p = subprocess.run([tmp_path / "moved here" / "bin" / "fiftyone-migrator", "migrate", "--yes"], env=env, capture_output=True, text=True)
    assert p.returncode == 0 and "Migrated" in p.stdout, p.stderr
    share = tmp_path / "moved here" / "share"
    assert (share / "man" / "man1" / "fiftyone-migrator.1").read_text().startswith('.TH ')
    for path in ("bash-completion/completions/fiftyone-migrator", "zsh/site-functions/_fiftyone-migrator",
                 "fish/vendor_completions.d/fiftyone-migrator.fish"):
        assert "error-level" in (share / path).read_text()
