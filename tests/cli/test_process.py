"""What the programs have of the system they run on: streams, connections, shared memory."""
import os
import socket
import subprocess
import time

import pytest

from programs import Tool, harness

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


@pytest.mark.long
@pytest.mark.parametrize("options", ["", "/?socketTimeoutMS=0"])
def test_a_command_that_takes_more_than_five_minutes(tmp_path, options):
    """As long as the driver waits unless told otherwise."""
    with harness.Server("--setParameter", "enableTestCommands=1") as server:
        tool = Tool(server, "slow", str(tmp_path)).fill("1.0.0", {"a": "1.0.0"})
        slow = {"failCommands": ["find"], "blockConnection": True, "blockTimeMS": 310000, "appName": "fiftyone-migrator"}
        server.client.admin.command("configureFailPoint", "failCommand", mode={"times": 1}, data=slow)
        env = {**tool.env, "FIFTYONE_DATABASE_URI": server.uri + options}
        program = os.path.join(tool.bin, "fiftyone-migrator")
        begun = time.monotonic()
        subprocess.run([program, "info"], env=env, stdout=subprocess.DEVNULL, check=True, timeout=400)
        assert time.monotonic() - begun > 300


def test_a_dead_peer_is_noticed(tool):
    """By keep-alive: while it waits for an answer, its end of the connection has that timer (2)."""
    with silent_server() as server:
        run, connection = asking(tool, "fiftyone-migrator", server)
        with connection:
            ends = "%04X" % connection.getpeername()[1], "%04X" % server.getsockname()[1]
            assert wait_for_timer(*ends) == "02"
        run.kill()
        run.wait()


def wait_for_timer(own, peer):
    for _ in range(50):
        with open("/proc/net/tcp") as table:
            rows = [row.split() for row in table]
        timers = [row[5][:2] for row in rows if row[1].endswith(":" + own) and row[2].endswith(":" + peer)]
        if timers and timers[0] == "02":
            break
        time.sleep(0.02)
    return timers[0]
