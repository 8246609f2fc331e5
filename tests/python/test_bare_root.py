"""The packages on a system that has Python and nothing else, made by debootstrap: installed from the index by real pip,
and a migration of a real database of a server outside."""
import os
import platform
import shutil
import subprocess
import tempfile

import pytest
from test_install import dist, served  # noqa: F401

pytestmark = pytest.mark.long
# A loader finds what lies beside a program through /proc, which every system has. The mount goes with its namespace.
INSIDE = 'mount --bind /proc "$0/proc" && exec /usr/sbin/chroot "$0" "$@"'


@pytest.fixture(scope="module")
def root():
    """The same Debian as here; pip comes with python3-venv."""
    if os.geteuid() != 0:
        pytest.skip("debootstrap and chroot are for root")
    assert shutil.which("debootstrap"), "scripts/install-tools installs it"
    folder = tempfile.mkdtemp(prefix="fm-root-")
    try:
        made = subprocess.run(
            ["debootstrap", "--variant=minbase", "--include=python3-venv",
             platform.freedesktop_os_release()["VERSION_CODENAME"], folder],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=1800)
        if made.returncode != 0:
            pytest.skip("debootstrap cannot make a root here: " + made.stdout.strip().splitlines()[-1])
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def test_both_packages(root, served, place):
    """In a Debian without a compiler, a library of ours, or a network but that of the machine itself."""

    def run(*command, **env):
        p = subprocess.run(["/usr/bin/unshare", "--mount", "/bin/sh", "-c", INSIDE, root, *command], capture_output=True, text=True, timeout=600, env={
            "PATH": "/opt/here/bin:/usr/bin:/bin", "HOME": "/root", "PIP_DISABLE_PIP_VERSION_CHECK": "1", "NO_PROXY": "*",
            "PIP_NO_CACHE_DIR": "1", **env})
        assert p.returncode == 0, p.stdout + p.stderr
        return p.stdout

    installed = run("dpkg-query", "-W", "-f=${Package} ").split()
    assert "python3" in installed and not {"gcc", "cmake", "libmongoc-1.0-0", "libfmt9", "libyaml-cpp0.7"} & set(installed)
    run("python3", "-m", "venv", "/opt/here")
    run("pip", "install", "--index-url", served.url, "--upgrade", "fiftyone")
    listed = run("pip", "list", "--format=freeze").split()
    assert {"fiftyone==" + served.facade[1], "fiftyone-migrator==" + served.migrator} <= set(listed)
    place.restore("0.14.4-A")
    database = {"FIFTYONE_DATABASE_URI": place.server.uri, "FIFTYONE_DATABASE_NAME": place.name,
                "FIFTYONE_DATABASE_VALIDATION": "false"}
    assert "Migrated the database and 11 datasets to v1.22.1" in run("fiftyone-migrator", "migrate", "--yes", **database)
    assert "Database version: 1.22.1" in run("fiftyone", "migrate", "--info", **database)
    code = "import fiftyone as fo; d = fo.load_dataset('plain'); print(len(d), d.values('filepath')[0])"
    assert run("python", "-c", code, **database) == "5 /data/a/plain/0.png\n"
    assert "Migrated" in run("fiftyone-migrator", "migrate", "0.22.0", "--yes", **database)
