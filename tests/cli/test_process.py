"""What the programs have of the system they run on: streams, connections, shared memory."""
import os
import socket
import subprocess

import pytest

PROGRAMS = {"fiftyone-migrator": ["info"], "fiftyone": ["migrate", "--info"]}


def silent_server():
    """One that takes connections and answers nothing."""
    return socket.create_server(("127.0.0.1", 0))


def asking(tool, program, server, redirect=""):
    """The program, once it is connected, and its connection."""
    line = 'exec "$0" "$@" %s' % redirect
    env = {**tool.env, "FIFTYONE_DATABASE_URI": "mongodb://127.0.0.1:%d/" % server.getsockname()[1]}
    del env["MONGOC_DISABLE_SHM"]
    path = os.path.join(tool.bin, program)
    run = subprocess.Popen(["sh", "-c", line, path, *PROGRAMS[program]], env=env, stdin=subprocess.DEVNULL,
                           stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    server.settimeout(20)
    return run, server.accept()[0]


@pytest.mark.parametrize("program", PROGRAMS)
@pytest.mark.parametrize("closed", ["0", "1", "2", "012"])
def test_closed_streams_are_nobody_elses(tool, program, closed):
    with silent_server() as server:
        run, connection = asking(tool, program, server, " ".join("%s>&-" % n for n in closed))
        with connection:
            streams = [os.readlink("/proc/%d/fd/%d" % (run.pid, n)) for n in range(3)]
        run.kill()
        run.wait()
    assert streams == ["/dev/null"] * 3


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_killed_program_leaves_no_shared_memory(tool, program):
    with silent_server() as server:
        run, connection = asking(tool, program, server)
        run.kill()
        run.wait()
        connection.close()
    assert not os.path.exists("/dev/shm/mongoc-%d" % run.pid)
