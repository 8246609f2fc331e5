"""The program fiftyone-migrator, run for its result."""

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import threading

from . import errors
from .listener import logger

_SECRET = "database_uri"


def find(name="fiftyone-migrator"):
    """Path of the program that came with this package. ``FM_BIN_DIR`` names
    another folder for it. Raises ``NotFoundError``."""
    places = [os.environ.get("FM_BIN_DIR"), sysconfig.get_path("scripts"), os.path.dirname(sys.executable)]
    for place in filter(None, places):
        path = os.path.join(place, name)
        if os.access(path, os.X_OK) and not os.path.isdir(path):
            return path
    path = shutil.which(name)
    if path is None:
        raise errors.NotFoundError(
            "The program %s is not installed with this package" % name,
            "Install it again: pip install --force-reinstall fiftyone-migrator",
        )
    return path


def run(assignments, words, progress=None, also_results=()):
    """The JSON result. ``also_results``: exit codes with which there is one, too.
    What the program says meanwhile goes to ``progress(text)``, or to logging."""
    environment = dict(os.environ)
    command = [find(), "-o", "json", "--progress", "plain" if progress else "none"]
    for name, value in assignments.items():
        if name == _SECRET:  # command lines can be read by everybody
            environment["FIFTYONE_DATABASE_URI"] = value
        else:
            command += ["--set", "%s=%s" % (name, value)]
    process = subprocess.Popen(
        command + [str(word) for word in words],
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
    )
    said = []

    def listen():
        for line in process.stderr:
            line = line.rstrip("\n")
            said.append(line)
            if not line.startswith('{"error"'):
                (progress or logger.info)(line)

    listener = threading.Thread(target=listen)
    listener.start()
    try:
        out = process.stdout.read()
    except KeyboardInterrupt:
        # The program has got the signal, too, and ends at a safe point.
        process.stdout.close()
        process.wait()
        listener.join()
        raise
    status = process.wait()
    listener.join()
    if status == 0 or (status in also_results and out.strip()):
        return json.loads(out) if out.strip() else None
    raise _error(status, said)


def _error(status, said):
    for line in reversed(said):
        if line.startswith('{"error"'):
            error = json.loads(line)["error"]
            return errors.make(error["exit"], error["message"], error["remedy"], "")
    return errors.make(status, "\n".join(said) or "the program ended with status %d" % status, "", "")


