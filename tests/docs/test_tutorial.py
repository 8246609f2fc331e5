"""The tutorial, every step of it, as a reader would type it."""
import contextlib
import os
import signal
import socket
from pathlib import Path

from console import Shell, blocks, mismatch

ROOT = Path(__file__).resolve().parents[2]


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def test_every_step(tmp_path):
    page = (ROOT / "docs" / "tutorial.md").read_text()
    assert page.count("```") == 2 * page.count("```console")  # nothing is shown that is not run
    practice = tmp_path / "practice"
    page = page.replace("/tmp/practice", str(practice)).replace("27117", str(free_port()))
    steps = blocks(page)
    assert len(steps) > 20
    assert steps.pop(0) == ("make build", [])  # what `make test` has just done
    keep = ("PATH", "USER", "FM_SKIP_DEPS", "SSL_CERT_FILE")
    environment = {name: os.environ[name] for name in keep if name in os.environ}
    shell = Shell(ROOT, {**environment, "HOME": str(tmp_path), "LANG": "C.UTF-8", "FIFTYONE_DATABASE_VALIDATION": "false"})
    try:
        for command, expected in steps:
            status, printed = shell.run(command)
            assert status == 0, "%s\n%s" % (command, printed)
            wrong = mismatch(expected, printed)
            assert wrong is None, "%s\n%s" % (command, wrong)
    finally:
        shell.end()
        with contextlib.suppress(OSError, ValueError):
            os.kill(int((practice / "db" / "mongod.lock").read_text()), signal.SIGKILL)
    assert not practice.exists()


def test_the_comparison_can_fail():
    assert mismatch(["a", "...", "z"], "a\nb\nz\n") is None
    assert mismatch(["took 1.4 s", "left..."], "took 22 ms\nleft over\n") is None
    assert mismatch(["a", "z"], "a\nb\nz\n") and mismatch(["a"], "a\nb\n") and mismatch(["a", "..."], "b\n")
    assert mismatch([], "anything") and mismatch(["3 datasets"], "4 datasets")
