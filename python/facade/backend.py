"""Builds the distribution `fiftyone`, the SDK facade (PEP 517, no requirements).

It is released as source only, because this is the one place that can refuse: a
wheel of this name would be installed over the original without a word.
"""

import base64
import hashlib
import io
import os
import sysconfig
import tarfile
import zipfile

HERE = os.path.dirname(os.path.abspath(__file__))
SUMMARY = "SDK facade of fiftyone-migrator: what moving datasets takes, for environments without FiftyOne"
FORCE = "FIFTYONE_FACADE_REPLACES_ORIGINAL"

COMMAND = """#!python
# `fiftyone migrate` is a program of the package fiftyone_migrator.
import importlib.util
import os
import sys

spec = importlib.util.find_spec("fiftyone_migrator")
program = os.path.join(os.path.dirname(spec.origin), "bin", "fiftyone")
os.execv(program, [program, *sys.argv[1:]])
"""


def refuse_the_original():
    """Raises where the environment that installs has another `fiftyone`."""
    if os.environ.get(FORCE) == "1":
        return
    places = {sysconfig.get_path(name) for name in ("purelib", "platlib")}
    for place in sorted(filter(None, places)):
        folder = os.path.join(place, "fiftyone")
        if os.path.exists(os.path.join(folder, "__init__.py")) and not os.path.exists(os.path.join(folder, "_alone.py")):
            raise SystemExit(
                "\n\nThe package fiftyone is installed in %s, and this one would replace it. Use another environment, or "
                "only 'pip install fiftyone-migrator', which works beside it. To replace it on purpose: pip uninstall "
                "fiftyone, then install this one.\n" % place
            )


def versions():
    """(of this distribution, least of fiftyone-migrator)"""
    with open(os.path.join(HERE, "VERSION")) as f:
        own, migrator = f.read().split()
    return own, migrator


def metadata():
    own, migrator = versions()
    lines = [
        "Metadata-Version: 2.1",
        "Name: fiftyone",
        "Version: " + own,
        "Summary: " + SUMMARY,
        "License: Apache-2.0",
        "Requires-Python: >=3.10",
        "Requires-Dist: fiftyone-migrator>=" + migrator,
    ]
    return "\n".join(lines) + "\n"


def _sources():
    for root, folders, files in os.walk(os.path.join(HERE, "fiftyone")):
        folders[:] = sorted(f for f in folders if f != "__pycache__")
        for name in sorted(files):
            path = os.path.join(root, name)
            yield os.path.relpath(path, HERE), path


def get_requires_for_build_wheel(config_settings=None):
    return []


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    refuse_the_original()
    own, _ = versions()
    info, data = "fiftyone-%s.dist-info" % own, "fiftyone-%s.data" % own
    files = [(name, open(path, "rb").read()) for name, path in _sources()]
    files.append((data + "/scripts/fiftyone", COMMAND.encode()))
    files.append((info + "/METADATA", metadata().encode()))
    files.append((info + "/WHEEL", b"Wheel-Version: 1.0\nGenerator: fiftyone-facade\nRoot-Is-Purelib: true\nTag: py3-none-any\n"))
    record = "".join("%s,sha256=%s,%d\n" % (name, _digest(content), len(content)) for name, content in files)
    files.append((info + "/RECORD", (record + info + "/RECORD,,\n").encode()))
    wheel = "fiftyone-%s-py3-none-any.whl" % own
    with zipfile.ZipFile(os.path.join(wheel_directory, wheel), "w", zipfile.ZIP_DEFLATED) as z:
        for name, content in files:
            entry = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
            entry.external_attr = (0o100755 if "/scripts/" in name else 0o100644) << 16  # pip wants the type, too
            z.writestr(entry, content, zipfile.ZIP_DEFLATED)
    return wheel


def build_sdist(sdist_directory, config_settings=None):
    own, _ = versions()
    top = "fiftyone-%s" % own
    with tarfile.open(os.path.join(sdist_directory, top + ".tar.gz"), "w:gz", format=tarfile.PAX_FORMAT) as tar:
        def add(name, content):
            entry = tarfile.TarInfo(top + "/" + name)
            entry.size, entry.mode = len(content), 0o644
            tar.addfile(entry, io.BytesIO(content))

        add("PKG-INFO", metadata().encode())
        for name in ("pyproject.toml", "backend.py", "VERSION"):
            add(name, open(os.path.join(HERE, name), "rb").read())
        for name, path in _sources():
            add(name, open(path, "rb").read())
    return top + ".tar.gz"


def _digest(content):
    return base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
