"""What the benchmarks have in common: their helpers, and how results come into the documentation."""
import os
import shlex
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(HERE)
BUILD = os.environ.get("FM_BUILD") or os.path.join(ROOT, "build")


def build_tools(work):
    """Builds this folder's programs; where they are. What that prints goes to a file in `work`."""
    out = os.path.join(BUILD, "bench-tools")
    log = os.path.join(work, "tools.log")
    with open(log, "wb") as f:
        for command in (["cmake", "-S", HERE, "-B", out], ["cmake", "--build", out]):
            if subprocess.call(command, stdout=f, stderr=subprocess.STDOUT) != 0:
                raise SystemExit("cannot build the helpers, see %s" % log)
    return out


def command_line(program):
    """The command as a table shows it, without where its files went."""
    shown, skip = [], False
    for word in sys.argv[1:]:
        if skip:
            skip = False
        elif word in ("--work", "--json", "--uri"):
            skip = True
        elif word not in ("--keep", "--report", "--check") and not word.startswith(("--work=", "--json=", "--uri=")):
            shown.append(word)
    return shlex.join([program] + shown)


def put_into_page(name, text):
    """Puts the text between the marks of that name in docs/benchmarks.md; the page's path."""
    begin, end = "<!-- %s:begin -->" % name, "<!-- %s:end -->" % name
    path = os.path.join(ROOT, "docs", "benchmarks.md")
    with open(path, encoding="utf-8") as f:
        page = f.read()
    head, rest = page.split(begin, 1)
    tail = rest.split(end, 1)[1]
    with open(path, "w", encoding="utf-8") as f:
        f.write(head + begin + "\n" + text + end + tail)
    return path
