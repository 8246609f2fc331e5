"""The program fiftyone-migrator, run for its result."""

import json
import os
import shutil
import signal
import subprocess
import threading

from . import errors
from .listener import Listener, logger

# Command lines can be read by everybody, environments by their owner alone.
_SECRETS = {"database_uri": "FIFTYONE_DATABASE_URI", "cas_database_uri": "CAS_DATABASE_URI"}


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
    ``progress`` as for ``Listener``, called from a thread of its own; what it raises
    stops the program, and is raised here. What else the program says is logged."""
    environment = dict(os.environ)
    command = [find(), "-o", "json", "--progress", "json" if progress else "none"]
    for name, value in assignments.items():
        if name in _SECRETS:
            environment[_SECRETS[name]] = value
            environment.pop(_SECRETS[name] + "_FILE", None)  # what is assigned wins
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
        start_new_session=True,  # a Ctrl-C comes from here, and only once
    )
    with Listener(progress) as told:
        listener = _Stderr(process, told)
        listener.start()
        try:
            out = process.stdout.read()
            status = process.wait()
        except BaseException:
            _stop(process)
            listener.join()
            raise
        listener.join()
    if listener.raised is not None:
        raise listener.raised
    if status == 0 or (status in also_results and out.strip()):
        return json.loads(out) if out.strip() else None
    raise _error(status, listener.said)


def _stop(process):
    """Has the program end at its next safe point; another Ctrl-C has it end at once."""
    process.stdout.close()
    while process.poll() is None:
        process.send_signal(signal.SIGINT)
        try:
            process.wait()
        except KeyboardInterrupt:
            pass


class _Stderr(threading.Thread):
    """Reads stderr to its end, whatever happens."""

    def __init__(self, process, listener):
        super().__init__(daemon=True)
        self.said = []
        self.raised = None
        self._process, self._listener = process, listener

    def run(self):
        for line in self._process.stderr:
            line = line.rstrip("\n")
            told = _as_object(line).get("progress")
            if told:
                self._tell(told)
                continue
            self.said.append(line)
            if "error" not in _as_object(line):
                logger.info(line)

    def _tell(self, told):
        if self.raised is not None:
            return
        try:
            self._listener.progress(told["phase"], told["done"], told["total"], told["unit"])
        except BaseException as error:
            self.raised = error
            self._process.send_signal(signal.SIGINT)


def _as_object(line):
    """A line of stderr as a dict, {} where it is text."""
    if not line.startswith("{"):
        return {}
    try:
        return json.loads(line)
    except ValueError:
        return {}


def _error(status, said):
    for error in filter(None, (_as_object(line).get("error") for line in reversed(said))):
        return errors.make(error["exit"], error["message"], error["remedy"], "")
    return errors.make(status, "\n".join(said) or "the program ended with status %d" % status, "", "")
