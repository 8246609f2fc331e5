"""`fiftyone`: what its words mean. Texts behind "error: " are those of the
original, version 1.22.1, run with the same words."""
import pytest

MIGRATE_USAGE = """\
usage: fiftyone migrate [-h] [-i] [-a] [-v VERSION]
                        [-n DATASET_NAME [DATASET_NAME ...]]
                        [--error-level LEVEL] [--verbose] [--dry-run] [--json]
"""
USAGE = "usage: fiftyone [-h] [-v] [--all-help] {migrate} ...\n"

# Refused by the parser of `migrate`.
MIGRATE_ERRORS = [
    (["--ver", "1"], "ambiguous option: --ver could match --version, --verbose"),
    (["--v"], "ambiguous option: --v could match --version, --verbose"),
    (["--ver", "-h"], "ambiguous option: --ver could match --version, --verbose"),
    (["-v"], "argument -v/--version: expected one argument"),
    (["-v", "--all"], "argument -v/--version: expected one argument"),
    (["-v", "-x"], "argument -v/--version: expected one argument"),
    (["-v", "--", "1"], "argument -v/--version: expected one argument"),
    (["--error-level"], "argument --error-level: expected one argument"),
    (["-n"], "argument -n/--dataset-name: expected at least one argument"),
    (["-n", "-a"], "argument -n/--dataset-name: expected at least one argument"),
    (["-n", "--", "a"], "argument -n/--dataset-name: expected at least one argument"),
    (["--error-level", "x"], "argument --error-level: invalid int value: 'x'"),
    (["--error-level=x"], "argument --error-level: invalid int value: 'x'"),
    (["--error-level", "1.5"], "argument --error-level: invalid int value: '1.5'"),
    (["--error-level", ""], "argument --error-level: invalid int value: ''"),
    (["--error-level", "1__0"], "argument --error-level: invalid int value: '1__0'"),
    (["--error-level", "- 1"], "argument --error-level: invalid int value: '- 1'"),
    (["--error-level", "it's"], "argument --error-level: invalid int value: \"it's\""),
    (["--error-level", "x", "-h"], "argument --error-level: invalid int value: 'x'"),
    (["--info=1"], "argument -i/--info: ignored explicit argument '1'"),
    (["--in=1"], "argument -i/--info: ignored explicit argument '1'"),
    (["-a="], "argument -a/--all: ignored explicit argument ''"),
    (["-iax"], "argument -a/--all: ignored explicit argument 'x'"),
]

# Words that `migrate` leaves are refused by the parser above it.
UNRECOGNIZED = [
    (["-x"], "-x"),
    (["-x", "-y", "foo"], "-x -y foo"),
    (["foo", "bar"], "foo bar"),
    (["--foo=bar"], "--foo=bar"),
    (["--foo", "bar", "-a"], "--foo bar"),
    (["-n", "a", "--", "b"], "-- b"),
    (["--"], "--"),
    (["-"], "-"),
    (["-1"], "-1"),
    (["a", "--", "b", "--", "c"], "a -- b -- c"),
    (["--dataset-name=a", "b"], "b"),
    (["-n", "a", "--error-level", "0", "b"], "b"),
    # Ours are not abbreviated: `--d` stays the original's --dataset-name.
    (["--dry"], "--dry"),
    (["--js"], "--js"),
]


@pytest.mark.parametrize("args,text", MIGRATE_ERRORS, ids=lambda x: " ".join(x) if isinstance(x, list) else "")
def test_refused_by_migrate(tool, args, text):
    r = tool.fiftyone("migrate", *args)
    assert (r.status, r.out) == (2, "")
    assert r.err == MIGRATE_USAGE + "fiftyone migrate: error: " + text + "\n"


@pytest.mark.parametrize("args,rest", UNRECOGNIZED, ids=lambda x: " ".join(x) if isinstance(x, list) else "")
def test_unrecognized(tool, args, rest):
    r = tool.fiftyone("migrate", *args)
    assert (r.status, r.out) == (2, "")
    assert r.err == USAGE + "fiftyone: error: unrecognized arguments: " + rest + "\n"


@pytest.mark.parametrize(
    "args,text",
    [
        (["-x"], "unrecognized arguments: -x"),
        (["-x", "migrate", "-y"], "unrecognized arguments: -x -y"),
        (["--"], "unrecognized arguments: --"),
        (["-vx"], "argument -v/--version: ignored explicit argument 'x'"),
        (["--version=1"], "argument -v/--version: ignored explicit argument '1'"),
        (["foo"], "argument {migrate}: invalid choice: 'foo' (choose from 'migrate')"),
        (["--", "migrate"], "argument {migrate}: invalid choice: '--' (choose from 'migrate')"),
        (["zoo"], "the command 'zoo' is not part of this program, only of the FiftyOne package"),
        (
            ["datasets", "list", "-x"],
            "the command 'datasets' is not part of this program; see 'fiftyone-migrator dataset list', "
            "or use that of the FiftyOne package",
        ),
    ],
    ids=lambda x: " ".join(x) if isinstance(x, list) else "",
)
def test_refused_above(tool, args, text):
    r = tool.fiftyone(*args)
    assert (r.status, r.out) == (2, "")
    assert r.err == USAGE + "fiftyone: error: " + text + "\n"


# What the words are taken for; seen in the plan of datasets `a`, `b`, `-1`.
MEANINGS = [
    (["--all"], "1.22.1", ["-1", "a", "b"]),
    (["--al"], "1.22.1", ["-1", "a", "b"]),
    (["-n", "a", "b"], "1.22.1", ["a", "b"]),
    (["-n", "b", "a", "--verb"], "1.22.1", ["b", "a"]),
    (["-n", "a", "-n", "b", "-1"], "1.22.1", ["b", "-1"]),  # the last one wins
    (["--d", "a", "b"], "1.22.1", ["a", "b"]),
    (["--dataset-name=a"], "1.22.1", ["a"]),
    (["-na"], "1.22.1", ["a"]),
    (["-n=a"], "1.22.1", ["a"]),
    (["-n", "a", "-a"], "1.22.1", ["-1", "a", "b"]),  # --all wins
    (["-an", "a"], "1.22.1", ["-1", "a", "b"]),
    (["-av1.21"], "1.21", ["-1", "a", "b"]),
    (["-a", "-v", "1.20", "--vers", "1.21"], "1.21", ["-1", "a", "b"]),
    (["--all", "--version=1.21"], "1.21", ["-1", "a", "b"]),
    (["-v", "1.21"], "1.21", []),  # the database alone
    (["-n", "a", "--error-level", " +0_1 "], "1.22.1", ["a"]),
    (["-n", "a", "--e", "-1"], "1.22.1", ["a"]),
    (["-n", "a", "--error-level=99999999999999999999999"], "1.22.1", ["a"]),
]


@pytest.mark.parametrize("args,target,names", MEANINGS, ids=lambda x: " ".join(x) if isinstance(x, list) else "")
def test_meaning(tool, args, target, names):
    tool.fill("1.22.1", {"a": "1.4.1", "b": "1.4.1", "-1": "1.4.1"})
    r = tool.fiftyone("migrate", *args, "--dry-run", "--json")
    assert r.status == 0, r.err
    assert r.json["target"] == target
    assert [d["name"] for d in r.json["datasets"]] == names


@pytest.mark.parametrize("args", [["-v"], ["--version"], ["--ver"], ["-v", "migrate"], ["-vh"]])
def test_version(tool, args):
    r = tool.fiftyone(*args)
    assert (r.status, r.err) == (0, "")
    assert r.out.startswith("fiftyone-migrator ") and r.out.endswith(" (data model 1.22.1)\n")


@pytest.mark.parametrize("args", [[], ["-h"], ["--help"], ["-hv"], ["-h", "migrate"]])
def test_help(tool, args):
    r = tool.fiftyone(*args)
    assert (r.status, r.err) == (0, "")
    assert r.out.startswith(USAGE) and "available commands:" in r.out


@pytest.mark.parametrize("args", [["-h"], ["--hel"], ["-ah"], ["x", "-h"]])
def test_help_of_migrate(tool, args):
    r = tool.fiftyone("migrate", *args)
    assert (r.status, r.err) == (0, "")
    assert r.out.startswith(MIGRATE_USAGE)
    for option in "--help --info --all --version --dataset-name --error-level --verbose --dry-run --json".split():
        assert option in r.out
    assert tool.fiftyone("--all-help").out.endswith(r.out)
