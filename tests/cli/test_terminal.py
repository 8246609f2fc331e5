"""Tables on a terminal fit its width, and are as wide as they need anywhere else."""
import re
import unicodedata

import pytest


def cells(text):
    wide = {"W": 2, "F": 2}
    return sum(0 if unicodedata.combining(c) else wide.get(unicodedata.east_asian_width(c), 1) for c in text)


def tables(out):
    """Of each table in a text: the widths of its columns, and its lines below the rule, cut into cells."""
    lines = out.split("\n")
    for i, line in enumerate(lines):
        if not re.fullmatch(r"-+(?:  -+)*", line):
            continue
        widths = [len(rule) for rule in line.split("  ")]
        rows = []
        for row in lines[i + 1:]:
            if not row or cells(row) > sum(widths) + 2 * len(widths):
                break
            rows.append(cut(row, widths))
        yield widths, rows


def cut(row, widths):
    out = []
    for width in widths:
        cell, used = "", 0
        while row and used < width:
            used += cells(row[0])
            cell, row = cell + row[0], row[1:]
        while row and unicodedata.combining(row[0]):
            cell, row = cell + row[0], row[1:]
        assert row[:2].strip() == "", "a cell is wider than its column: %r" % (cell + row)
        out.append(cell.strip())
        row = row[2:]
    return out


def without_breaks(rows):
    """All that stands in a column, whatever lines it stands in."""
    return ["".join("".join(row[x] for row in rows).split()) for x in range(len(rows[0]))]


@pytest.fixture
def deployment(tool):
    name = "Überblick 東京 の とても ながい なまえ " + "one-word-that-is-longer-than-any-column-" * 3
    tool.fill("0.19.0", {name: "0.19.0", "e\u0301" * 60: "0.19.0", "quickstart": "0.16.0", "b" * 90: "0.14.0"})
    tool.db.datasets.update_one({"name": name}, {"$set": {"sample_collection_name": "samples." + "long" * 20}})
    return tool


COMMANDS = [["info"], ["plan"], ["doctor"], ["versions"], ["revisions", "list"], ["dataset", "list"]]


@pytest.mark.parametrize("command", COMMANDS, ids="-".join)
@pytest.mark.parametrize("width", [50, 80, 240])
def test_tables_fit_the_terminal(deployment, command, width):
    wide = [found for found in tables(deployment.migrator(*command).out)]
    assert wide and all(rows for _, rows in wide)
    for env in {}, {"COLUMNS": str(width + 7)}:
        room = width + (7 if env else 0)
        shown = deployment.on_terminal(b"", *command, width=width, NO_COLOR="1", **env)
        narrow = list(tables(shown.out))
        assert len(narrow) == len(wide)
        for (before, all_rows), (after, rows) in zip(wide, narrow):
            assert sum(after) + 2 * (len(after) - 1) <= max(room, 10 * len(after))
            if sum(before) + 2 * (len(before) - 1) <= room:
                assert after == before
            # Nothing is cut off. What is measured may have moved between the two runs.
            if command[0] != "doctor":
                assert without_breaks(rows) == without_breaks(all_rows)


def test_no_terminal_no_limit(deployment):
    plain = deployment.migrator("info").out
    assert deployment.migrator("info", COLUMNS="40").out == plain
    assert max(map(cells, plain.splitlines())) > 120


@pytest.mark.parametrize("command", [["info"], ["plan"], ["dataset", "list"], ["migrate", "--yes"]], ids="-".join)
def test_names_do_not_steer_the_terminal(tool, command):
    """A terminal obeys what a name holds, if it gets it; a file keeps it."""
    name = "a\x1b[31mred\0\x9b2J"
    tool.fill("0.18.0", {name: "0.18.0", "other": "0.18.0"})
    text = {"name": "created_at", "ftype": "fiftyone.core.fields.StringField"}  # refused at 1.0.0
    tool.db.datasets.update_one({"name": name}, {"$set": {"sample_fields": [text]}})
    for r in tool.on_terminal(b"", *command, width=200, NO_COLOR="1"), tool.on_terminal(b"", *command, width=40, NO_COLOR="1"):
        assert "red" in r.out and not {"\x1b[3", "\0", "\x9b"} & {r.out[i:i + n] for i in range(len(r.out)) for n in (1, 3)}
    r = tool.on_terminal(b"", "residue", "list", width=200)
    assert "Nothing is kept" in r.out


def test_long_names_do_not_fill_the_list_of_what_is_kept(tool):
    tool.fill("1.22.1", {"x" * 1200: "1.22.1"})
    assert tool.migrator("migrate", "0.18.0", "--yes", "-q").status == 0
    out = tool.migrator("residue", "list").out
    assert "x" * 20 in out and "x" * 100 not in out


def test_odd_widths(deployment):
    plain = deployment.migrator("info").out
    for columns in "0", "wide", "-5", "":
        r = deployment.on_terminal(b"", "info", width=240, NO_COLOR="1", COLUMNS=columns)
        assert r.status == 0 and list(tables(r.out))
    # A terminal that does not know its width.
    assert deployment.on_terminal(b"", "info", NO_COLOR="1").out == plain
    for width in 1, 7, 20:
        assert deployment.on_terminal(b"", "info", width=width, NO_COLOR="1").status == 0


def test_the_command_of_the_original_keeps_its_layout(deployment):
    """It is read by scripts."""
    plain = deployment.fiftyone("migrate", "--info").out
    assert max(map(cells, plain.splitlines())) > 100


@pytest.mark.parametrize("command", ["verify", "info", "dataset export"])
def test_names_do_not_steer_the_terminal(tool, command, tmp_path):
    name = "a\033]0;mine\007b\033[2Jc"
    tool.fill("1.22.1", {"x": "1.22.1"})
    tool.db.datasets.update_one({}, {"$set": {"name": name, "sample_fields": []}})
    words = [name, str(tmp_path / "out")] if command == "dataset export" else []
    shown = tool.on_terminal(b"", *command.split(), *words)
    assert "a ]0;mine b [2Jc" in shown.out
    assert not re.search("\033(?!\\[[\\d;]*m)|\007", shown.out), shown.out
