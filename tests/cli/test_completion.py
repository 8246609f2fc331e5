"""Completions and the manual page tell what --help tells."""
import os
import pty
import re
import select
import shutil
import signal
import subprocess
import time

import pytest

from programs import ROOT


def script(tool, shell):
    r = tool.migrator("completion", shell)
    assert r.status == 0 and r.err == ""
    return r.out


def commands(tool):
    """{path: help text} of every command."""
    out = {}
    todo = [[]]
    while todo:
        path = todo.pop()
        text = tool.migrator(*path, "--help").out
        out[" ".join(path)] = text
        block = text.split("\n\n")[1 if not path else 2] if "COMMAND" in text.split("\n")[0] else ""
        todo += [path + [name] for name in re.findall(r"^  ([a-z][a-z-]*)(?: |$)", block, re.M)]
    return out


def options(text):
    return set(re.findall(r"^  (?:-\w, )?(--[a-z-]+)", text, re.M))


def bash(tool, tmp_path, *words):
    file = tmp_path / "completion.bash"
    file.write_text(script(tool, "bash"))
    line = " ".join(f"'{word}'" for word in ("fiftyone-migrator",) + words)
    program = (f"source {file}; COMP_WORDS=({line}); COMP_CWORD={len(words)}; _fiftyone_migrator; "
               'printf "%s\\n" "${COMPREPLY[@]}"')
    done = subprocess.run(["bash", "-uc", program], capture_output=True, text=True, check=True)
    assert done.stderr == ""
    return [word for word in done.stdout.split("\n") if word]


def test_bash_completes_commands_and_options_of_every_command(tool, tmp_path):
    known = commands(tool)
    assert {"", "migrate", "lock status", "revisions lint"} <= set(known)
    for path, text in known.items():
        words = path.split()
        shown = bash(tool, tmp_path, *words, "--")
        assert options(text) <= set(shown), path
        below = {other[len(path) + 1 if path else 0:] for other in known if other.startswith(path) and other != path}
        below = {other for other in below if other and " " not in other and (not path or path + " " + other in known)}
        if below:
            assert below <= set(bash(tool, tmp_path, *words, "")), path


@pytest.mark.parametrize("words, expected", [
    (["mig"], ["migrate"]),
    (["-o", ""], ["text", "json"]),
    (["migrate", "--error-level", ""], ["0", "1", "2"]),
    (["migrate", "--color", "a"], ["auto", "always"]),
    (["lock", "re"], ["release"]),
    (["migrate", "--exclude", ""], ["cas", "hub", "enterprise", "datasets"]),
    (["migrate", "--include", "datasets", ""], ["cas", "hub", "enterprise", "datasets"]),
    (["plan", "--exclude", "cas", "hub", "d"], ["datasets"]),
    (["migrate", "--exclude", "cas", "hub", "--max-l"], ["--max-lag"]),
    (["check", "--client-type", "fiftyone-"], ["fiftyone-teams"]),
    (["completion", ""], ["bash", "zsh", "fish", "man", "--help-all", "--help"]),
    (["completion", "--bogus"], []),
    (["migrate", "-n", ""], []),
])
def test_bash_completes(tool, tmp_path, words, expected):
    assert bash(tool, tmp_path, *words) == expected


def test_bash_completes_folders(tool, tmp_path):
    (tmp_path / "backups").mkdir()
    assert bash(tool, tmp_path, "restore", str(tmp_path / "ba")) == [str(tmp_path / "backups")]
    assert bash(tool, tmp_path, "migrate", "--backup", str(tmp_path / "ba")) == [str(tmp_path / "backups")]


def test_an_unknown_shell_is_refused(tool):
    r = tool.migrator("completion", "tcsh")
    assert r.status == 2 and "tcsh" in r.err


def unroff(text):
    return re.sub(r"\\f[BIR]", "", text).replace("\\-", "-").replace("\\e", "\\").replace("\\&", "")


def test_manual_page_says_what_help_says(tool):
    page = unroff(script(tool, "man"))
    squeezed = " ".join(page.split())
    for path, text in commands(tool).items():
        for option in options(text):
            assert option in page, (path, option)
        if path:
            description = text.split("\n\n")[1].replace("\n", " ")
            assert " ".join(description.split()) in squeezed, path
    for code in (0, 2, 11, 16, 143):
        assert re.search(rf"^\.TP\n{code}\n", page, re.M)
    assert "\nFIFTYONE_DATABASE_URI\n" in page and "the private server.\nThe file" in page and "\nNO_COLOR\n" in page
    assert "\n-h, --help\n" in page and "An option marked * is also a variable" in page
    assert re.match(r'\.TH fiftyone-migrator 1 "[\d-]+" "fiftyone-migrator [\d.]+"\n', page)


def test_reference_says_what_the_program_says(tool):
    done = subprocess.run([os.path.join(ROOT, "scripts", "generate-reference"), "--check"], capture_output=True, text=True,
                          env={**os.environ, "FM_BIN_DIR": str(tool.bin)})
    assert done.returncode == 0, done.stderr


@pytest.mark.long
def test_manual_page_is_well_formed(tool):
    mandoc = shutil.which("mandoc")
    assert mandoc, "scripts/install-tools installs it"
    done = subprocess.run([mandoc, "-T", "lint", "-W", "warning"], input=script(tool, "man"), capture_output=True, text=True)
    assert done.stdout == ""


@pytest.mark.long
def test_fish_completes(tool, tmp_path):
    file = tmp_path / "completion.fish"
    file.write_text(script(tool, "fish"))

    def complete(line):
        done = subprocess.run(["fish", "--no-config", "-c", f"source {file}; complete -C '{line}'"], capture_output=True,
                              text=True, check=True)
        assert done.stderr == ""
        return [entry.split("\t")[0] for entry in done.stdout.splitlines()]

    assert "migrate" in complete("fiftyone-migrator m")
    assert complete("fiftyone-migrator lock ") [:2] == ["release", "status"]
    assert "--error-level" in complete("fiftyone-migrator migrate --er")
    assert set(complete("fiftyone-migrator migrate --error-level ")) == {"0", "1", "2"}
    assert set(complete("fiftyone-migrator -o ")) == {"text", "json"}
    services = {"cas", "hub", "enterprise", "datasets"}
    for line in "--include ", "--include datasets ", "--exclude cas hub ":
        assert services <= set(complete("fiftyone-migrator migrate " + line))
    assert not services & set(complete("fiftyone-migrator migrate --max-lag 5 "))


class Terminal:
    """zsh on a pseudo-terminal, with completions from a folder."""

    def __init__(self, folder):
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            try:
                os.execvpe("zsh", ["zsh", "-f", "-i"], {**os.environ, "TERM": "dumb", "COLUMNS": "200"})
            finally:
                os._exit(127)
        self.type("PS1=; COLUMNS=200; fpath=(%s $fpath); autoload -Uz compinit; compinit -u -d %s/dump; "
                  "bindkey '^I' list-choices; print re''ady\n" % (folder, folder), "\nready")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        os.close(self.fd)

    def type(self, keys, until):
        """What is shown up to ``until``, or within ten seconds."""
        os.write(self.fd, keys.encode())
        out, end = "", time.time() + 10
        while time.time() < end and until not in out:
            if select.select([self.fd], [], [], 0.1)[0]:
                out += os.read(self.fd, 65536).decode(errors="replace").replace("\r\n", "\n")
        return out


@pytest.mark.long
@pytest.mark.parametrize("line, shown", [
    ("m", "Migrates the database"),
    ("migrate --e", "--error-level"),
    ("migrate --error-level ", "0  1  2"),
    ("lock ", "release"),
    ("migrate --include hub ", "enterprise"),
])
def test_zsh_completes(tool, tmp_path, line, shown):
    """Each with the first key: zsh loads the function then."""
    (tmp_path / "_fiftyone-migrator").write_text(script(tool, "zsh"))
    with Terminal(tmp_path) as zsh:
        assert shown in zsh.type("fiftyone-migrator %s\t" % line, shown)
