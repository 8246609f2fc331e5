"""Both programs, run on one database.

Environment: as for tests/corpus/test_corpus.py.
"""
import contextlib
import fcntl
import itertools
import json
import os
import pty
import signal
import struct
import subprocess
import sys
import termios

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, os.path.join(ROOT, "tests", "corpus"))
import harness  # noqa: E402

NAMES = itertools.count()


class Result:
    def __init__(self, status, out, err):
        self.status, self.out, self.err = status, out, err

    @property
    def json(self):
        return json.loads(self.out)

    @property
    def error(self):
        """The last line of stderr."""
        return self.err.rstrip("\n").split("\n")[-1]


class Tool:
    """Runs the programs on one database; ``name`` is that of the database."""

    def __init__(self, server, name, home):
        self.db, self.name = server.client[name], name
        self.bin = os.environ.get("FM_BIN_DIR") or os.path.join(ROOT, "build", "bin")
        for program in "fiftyone", "fiftyone-migrator":
            path = os.path.join(self.bin, program)
            assert os.access(path, os.X_OK), "no program at %s: build it, or set FM_BIN_DIR" % path
        keep = {k: v for k, v in os.environ.items() if k in ("PATH", "ASAN_OPTIONS", "TSAN_OPTIONS")}
        self.env = {
            **keep,
            "HOME": home,
            "TERM": "xterm",
            # A killed program leaves the driver's counters, and the next one of its number speaks of them.
            "MONGOC_DISABLE_SHM": "1",
            "FIFTYONE_DATABASE_URI": server.uri,
            "FIFTYONE_DATABASE_NAME": name,
            "FIFTYONE_DATABASE_VALIDATION": "false",
        }

    def _environment(self, changes):
        """None takes a variable away."""
        return {k: v for k, v in {**self.env, **changes}.items() if v is not None}

    def _run(self, program, args, env, **streams):
        p = subprocess.run(
            [os.path.join(self.bin, program), *args],
            env=self._environment(env),
            stdin=subprocess.DEVNULL,
            stdout=streams.get("stdout", subprocess.PIPE),
            stderr=subprocess.PIPE,
            timeout=120,
        )
        return Result(p.returncode, (p.stdout or b"").decode(), p.stderr.decode())

    def fiftyone(self, *args, stdout=subprocess.PIPE, **env):
        return self._run("fiftyone", args, env, stdout=stdout)

    def migrator(self, *args, stdout=subprocess.PIPE, **env):
        return self._run("fiftyone-migrator", args, env, stdout=stdout)

    def on_terminal(self, answer, *args, width=None, **env):
        """fiftyone-migrator on a terminal (of so many columns) that answers its first question."""
        path = os.path.join(self.bin, "fiftyone-migrator")
        pid, fd = pty.fork()
        if pid == 0:
            try:
                # Where the tests run in the background, an interrupt is ignored.
                signal.signal(signal.SIGINT, signal.SIG_DFL)
                if width:
                    fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", 24, width, 0, 0))
                os.execve(path, [path, *args], self._environment(env))
            finally:  # the copy of this test run must not go on
                os._exit(127)
        out, asked = b"", False
        while True:
            try:
                part = os.read(fd, 65536)
            except OSError:  # the other end is closed
                break
            if not part:
                break
            out += part
            if b"[y/N] " in out and not asked:
                asked = True
                os.write(fd, answer)
        status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        os.close(fd)
        return Result(status, out.decode().replace("\r\n", "\n"), "")

    # -- what is in the database

    def fill(self, database, datasets, kind="fiftyone"):
        """Datasets without samples; {name: version}, None for no version."""
        if database:
            self.db.config.insert_one({"version": database, "type": kind})
        for name, version in datasets.items():
            doc = {"name": name, "media_type": "image", "sample_collection_name": "samples." + name}
            self.db.datasets.insert_one({**doc, **({"version": version} if version else {})})
        return self

    def restore(self, source):
        """A database of the corpus."""
        dump = harness.read_dump(os.path.join(harness.DATABASES, "sources", source))
        harness.restore(self.db.client, dump, self.name)
        return self

    def versions(self):
        """({dataset: version}, version of the database)"""
        config = self.db.config.find_one() or {}
        return {d["name"]: d.get("version") for d in self.db.datasets.find()}, config.get("version")


@contextlib.contextmanager
def tool_on(server, prefix, home):
    """A tool on a database of its own, which goes at the end."""
    tool = Tool(server, "%s_%d" % (prefix, next(NAMES)), str(home))
    yield tool
    server.client.drop_database(tool.name)


@contextlib.contextmanager
def failpoint(client, mode="alwaysOn", **data):
    """Commands fail as ``data`` says, on a server with enableTestCommands."""
    client.admin.command("configureFailPoint", "failCommand", mode=mode, data=data)
    try:
        yield
    finally:
        client.admin.command("configureFailPoint", "failCommand", mode="off")
