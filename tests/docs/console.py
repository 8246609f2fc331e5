"""Runs the console blocks of a page of the documentation, and compares what is printed loosely.

A line that begins with `$ ` is a command, for one shell that lives as long as the page; a backslash at its end continues it.
The lines below are what it prints, standard error included. `...` stands for anything, at the end of a line too. Of numbers
that differ from run to run (times, sizes, ids of runs, people, ports) only the form is compared.
"""
import re
import subprocess

VARIES = [
    (r"\d{8}-\d{6}-[0-9a-z]{4}", "RUN"),
    (r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", "TIME"),
    (r"127\.0\.0\.1:\d+", "SERVER"),
    (r"\d[\d.,]* (?:KiB|MiB|GiB|bytes)", "SIZE"),
    (r"\d[\d.,]* (?:ms|s|min)\b", "DURATION"),
    (r"\S+@\S+", "SOMEBODY"),
    (r"host \S+, process \d+", "PROCESS"),
    (r"-{3,}", "--"),
    (r"\s+", " "),
]


def blocks(page):
    """[(command, [expected lines])] of a page's text, in order."""
    found = []
    for block in re.findall(r"^```console\n(.*?)^```$", page, re.M | re.S):
        lines = iter(block.rstrip("\n").split("\n"))
        for line in lines:
            if line.startswith("$ "):
                while line.endswith("\\"):
                    line = line[:-1] + next(lines).strip()
                found.append((line[2:], []))
            else:
                found[-1][1].append(line)
    return found


def plain(line):
    for pattern, word in VARIES:
        line = re.sub(pattern, word, line)
    return line.strip()


def mismatch(expected, printed):
    """What is wrong, or None."""
    have = [plain(line) for line in printed.split("\n") if line.strip()]
    at, anything = 0, False
    for line in (plain(line) for line in expected if line.strip()):
        if line == "...":
            anything = True
            continue
        fits = (lambda got: got.startswith(line[:-3])) if line.endswith("...") else (lambda got: got == line)
        place = next((i for i in range(at, len(have)) if fits(have[i])), None)
        if place is None or (place > at and not anything):
            return "expected %r, printed:\n%s" % (line, printed)
        at, anything = place + 1, False
    return None if anything or at == len(have) else "more was printed:\n" + printed


class Shell:
    def __init__(self, folder, environment):
        self.process = subprocess.Popen(["/bin/bash", "--norc"], cwd=folder, env=environment, text=True, stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, stderr=subprocess.STDOUT)

    def run(self, command):
        """(exit status, what it printed)"""
        self.process.stdin.write(command + "\necho \"end-of-command $?\"\n")
        self.process.stdin.flush()
        printed = []
        for line in self.process.stdout:
            # What a command prints last may lack a newline.
            text, mark, status = line.partition("end-of-command ")
            printed.append(text)
            if mark:
                return int(status), "".join(printed)
        raise AssertionError("the shell has ended: " + "".join(printed))

    def end(self):
        self.process.stdin.close()
        self.process.wait()
