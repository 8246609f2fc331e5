"""The image, the job and the chart, as far as they can be checked without a
container engine or a cluster: linters, schemas, and what must agree with the
program."""
import json
import os
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(os.environ.get("FM_BIN_DIR", ROOT / "build" / "bin"))
TOOLS = ROOT / ".venv-tools" / "bin"
DOCKERFILE = ROOT / "deploy" / "docker" / "Dockerfile"
JOB = ROOT / "deploy" / "kubernetes" / "job.yaml"
CHART = ROOT / "deploy" / "helm" / "fiftyone-migrator"

# Another pod may well get further: a crash, the server away, the lease of a pod
# that died elsewhere, a signal.
TRANSIENT = {"kDone", "kFailed", "kUnreachable", "kLocked", "kInterrupted", "kTerminated"}
# Without these two the job would stand still: `--check` and `--max-time` are not used in it.
NOT_IN_JOB = {"kPending"}


def exit_codes():
    text = (ROOT / "src" / "base" / "error.h").read_text()
    body = re.search(r"enum class Exit : int \{(.*?)\};", text, re.S).group(1)
    return {name: int(code) for name, code in re.findall(r"(k\w+) = (\d+)", body)}


def final_codes(text):
    return [int(code) for code in re.search(r"values: \[([\d, ]+)\]", text).group(1).split(",")]


@pytest.mark.parametrize("file", [JOB, CHART / "templates" / "job.yaml"], ids=["job", "chart"])
def test_a_job_ends_at_once_where_trying_again_gives_the_same_answer(file):
    codes = exit_codes()
    final = sorted(code for name, code in codes.items() if name not in TRANSIENT | NOT_IN_JOB)
    assert final_codes(file.read_text()) == final


def version():
    return re.search(r"project\(\S+ VERSION (\S+)", (ROOT / "CMakeLists.txt").read_text()).group(1)


def test_one_version_everywhere():
    assert f"image: fiftyone-migrator:{version()}\n" in JOB.read_text()
    assert f"fiftyone-migrator:{version()} ." in DOCKERFILE.read_text()
    chart = (CHART / "Chart.yaml").read_text()
    assert f"\nversion: {version()}\n" in chart and f"\nappVersion: {version()}\n" in chart


def packages_of(stage):
    return set(re.findall(r"^ +([a-z0-9.+-]+)=\S+ \\$", stage, re.M))


def dpkg(*words):
    return subprocess.run(["dpkg-query", *words], capture_output=True, text=True, check=True).stdout


def test_the_image_holds_every_library_that_the_programs_load():
    runtime = packages_of(DOCKERFILE.read_text().split("\nFROM ")[-1])
    assert runtime
    wanted = {}
    for program in ("fiftyone-migrator", "fiftyone"):
        needed = subprocess.run(["objdump", "-p", BIN / program], capture_output=True, text=True, check=True).stdout
        for library in re.findall(r"NEEDED +(\S+)", needed):
            owners = dpkg("-S", f"*/{library}").splitlines()
            wanted[library] = {line.split(":")[0] for line in owners if line.endswith("/" + library)}
    base = {"libc6", "libgcc-s1", "libstdc++6"}
    missing = {library: owners for library, owners in wanted.items() if not owners & (runtime | base)}
    assert not missing


def test_the_image_pins_what_is_tested():
    for name, pin in re.findall(r"^ +([a-z0-9.+-]+)=(\S+) \\$", DOCKERFILE.read_text(), re.M):
        installed = subprocess.run(["dpkg-query", "-W", "-f=${Version}", name], capture_output=True, text=True)
        if installed.returncode == 0:
            assert re.fullmatch(re.escape(pin).replace(r"\*", ".*"), installed.stdout), (name, pin, installed.stdout)


def test_the_command_of_the_job_is_one_the_program_knows():
    words = re.search(r"args: \[(.*)\]", JOB.read_text()).group(1).split(", ")
    env = {"PATH": os.environ["PATH"], "FIFTYONE_DATABASE_URI": "mongodb://127.0.0.1:1/?serverSelectionTimeoutMS=50",
           "FIFTYONE_DATABASE_NAME": "f"}
    done = subprocess.run([BIN / "fiftyone-migrator", *words], capture_output=True, text=True, env=env)
    assert done.returncode == exit_codes()["kUnreachable"], done.stderr
    assert all(json.loads(line) for line in done.stderr.splitlines())


@pytest.mark.long
def test_dockerfile_is_lint_free():
    subprocess.run([TOOLS / "hadolint", DOCKERFILE], check=True)


@pytest.mark.long
def test_job_fits_the_schema():
    for kubernetes in ("1.31", "1.33"):
        subprocess.run([TOOLS / "kubernetes-validate", "--strict", "-k", kubernetes, JOB], check=True)


@pytest.mark.long
@pytest.mark.parametrize("values", [[], ["--set", "version=2.15.0", "--set", "extraArgs={--require-idle}"],
                                    ["--set", "imagePullSecrets[0].name=registry", "--set", "nodeSelector.pool=db"]])
def test_chart_renders_a_valid_job(tmp_path, values):
    if not (TOOLS / "helm").exists():
        pytest.skip("helm is built by scripts/install-tools where Go 1.23 is at hand")
    helm = [TOOLS / "helm", "template", "upgrade", CHART, "--namespace", "fiftyone-teams"]
    off = subprocess.run(helm, capture_output=True, text=True, check=True).stdout
    assert "kind:" not in off
    rendered = subprocess.run([*helm, "--set", "enabled=true", *values], capture_output=True, text=True, check=True)
    assert '"helm.sh/hook": pre-upgrade' in rendered.stdout or "helm.sh/hook: pre-upgrade" in rendered.stdout
    if "version=2.15.0" in values:
        assert '- "2.15.0"\n            - --yes' in rendered.stdout and '- "--require-idle"' in rendered.stdout
    job = tmp_path / "job.yaml"
    job.write_text(rendered.stdout)
    for kubernetes in ("1.31", "1.33"):
        subprocess.run([TOOLS / "kubernetes-validate", "--strict", "-k", kubernetes, job], check=True)
    subprocess.run([TOOLS / "helm", "lint", "--strict", CHART, "--set", "enabled=true"], check=True)
