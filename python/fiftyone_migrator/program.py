"""The program fiftyone-migrator, run for its result."""

import json
import os
import shutil
import subprocess
import threading

from . import errors
from .listener import logger

_SECRET = "database_uri"


def find(name="fiftyone-migrator"):
    """Path of the program that came with this package. ``FM_BIN_DIR`` names
    another folder for it. Raises ``NotFoundError``."""
    for place in os.environ.get("FM_BIN_DIR"), os.path.join(os.path.dirname(__file__), "bin"):
        path = place and os.path.join(place, name)
        if path and os.access(path, os.X_OK):
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
            if _as_error(line) is None:
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


def _as_error(line):
    """The error that a line of stderr tells (dict), or None."""
    if not line.startswith("{"):
        return None
    try:
        return json.loads(line).get("error")
    except ValueError:
        return None


def _error(status, said):
    for error in filter(None, map(_as_error, reversed(said))):
        return errors.make(error["exit"], error["message"], error["remedy"], "")
    return errors.make(status, "\n".join(said) or "the program ended with status %d" % status, "", "")
