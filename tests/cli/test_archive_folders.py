"""What dataset export and import do to folders and files: nothing that is not theirs goes, killed or not."""
import fcntl
import os
import shutil
import signal
import subprocess
import tarfile
import time
import zipfile

import pytest
from test_archive import archive, export, read, run_import

MARK = "fiftyone-migrator.partial"
OVERRIDES = "-dac_override,-dac_read_search,-fowner"


def tree(folder):
    """{path: content, or where a link leads}"""
    out = {}
    for parent, _, files in os.walk(folder):
        for file in files:
            path = os.path.join(parent, file)
            out[os.path.relpath(path, folder)] = os.readlink(path) if os.path.islink(path) else read(path)
    return out


def samples_of(tool, name):
    return tool.db[tool.db.datasets.find_one({"name": name})["sample_collection_name"]]


def under_rights(tool, *args, **env):
    """As a user whom the rights of files bind, which root is not by itself."""
    rights = ["setpriv", "--bounding-set=" + OVERRIDES] if os.geteuid() == 0 else []
    p = subprocess.run([*rights, os.path.join(tool.bin, "fiftyone-migrator"), *args], env={**tool.env, **env},
                       stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)
    return p.returncode, p.stderr


def start(tool, *args):
    return subprocess.Popen([os.path.join(tool.bin, "fiftyone-migrator"), *args], env=tool.env,
                            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def kill_when(process, happens):
    """Whether it was killed then; else it ended before."""
    while process.poll() is None:
        if happens():
            process.send_signal(signal.SIGKILL)
            break
        time.sleep(0.0005)
    return process.wait() == -signal.SIGKILL


@pytest.fixture
def own(tool, tmp_path):
    """Dataset x, whose media lie in the archive A."""
    shutil.copytree(archive("v1.22.1-media-fields"), tmp_path / "A")
    run_import(tool, str(tmp_path / "A"), "--name", "x")
    return tmp_path / "A"


# -- --overwrite


@pytest.mark.parametrize("mode", ["copy", "move", "symlink", "none"])
def test_an_archive_with_media_of_the_dataset_is_not_replaced(tool, own, mode):
    before = tree(own)
    result = export(tool, "x", own, "--overwrite", "--media", mode, status=16)
    assert "Media of dataset 'x' lie in the folder that would be replaced" in result.err
    assert tree(own) == before and os.listdir(own.parent) == ["A"]


def test_nor_one_with_media_of_another_dataset(tool, own):
    run_import(tool, archive("v0.22.3-image"), "--name", "y")
    before = tree(own)
    assert "Media of dataset 'x'" in export(tool, "y", own, "--overwrite", "--media", "none", status=16).err
    assert tree(own) == before


@pytest.mark.parametrize("mode", ["copy", "move", "symlink", "none"])
@pytest.mark.parametrize("way", ["field", "link"])
def test_nor_one_with_media_that_only_each_sample_tells(tool, own, tmp_path, mode, way):
    """In a media field, or by a path that leads there through a link."""
    elsewhere = tmp_path / "elsewhere"
    if way == "link":
        elsewhere.symlink_to(own)
    else:
        shutil.copytree(own, elsewhere)
    samples = samples_of(tool, "x")
    for sample in samples.find({"filepath": {"$regex": "^%s/" % own}}):
        moved = sample["filepath"].replace(str(own), str(elsewhere))
        samples.update_one({"_id": sample["_id"]}, {"$set": {"filepath": moved}})
    before = tree(own), tree(elsewhere)
    result = export(tool, "x", own, "--overwrite", "--media", mode, status=16)
    assert "which sample" in result.err and "lies in the folder that would be replaced" in result.err
    assert (tree(own), tree(elsewhere)) == before and not (tmp_path / "A.partial").exists()


def test_what_is_no_archive_is_not_replaced(tool, own, tmp_path):
    media = tmp_path / "media"
    shutil.copytree(own / "data", media)
    (media / "metadata.json").write_text("{}")
    before = tree(media)
    result = export(tool, "x", media, "--overwrite", "--media", "none", status=16)
    assert "is no archive" in result.err and tree(media) == before


# -- --media move


@pytest.mark.parametrize("target", ["out", "out.zip"])
def test_moving_links_takes_what_they_lead_to(tool, own, tmp_path, target):
    before = tree(own / "data")
    kept = tmp_path / "kept"
    os.rename(own / "data", kept)
    (own / "data").mkdir()
    for path in kept.rglob("*"):
        if path.is_file():
            link = own / "data" / path.relative_to(kept)
            link.parent.mkdir(exist_ok=True)
            link.symlink_to(os.path.relpath(path, link.parent))
    export(tool, "x", tmp_path / target, "--media", "move")
    if target.endswith(".zip"):
        with zipfile.ZipFile(tmp_path / target) as packed:
            packed.extractall(tmp_path / "out")
    files = [p for p in (tmp_path / "out" / "data").rglob("*") if not p.is_dir()]
    assert files and not any(p.is_symlink() for p in files)
    assert {p.name: p.read_bytes() for p in files} == {os.path.basename(k): v for k, v in before.items()
                                                       if os.path.basename(k) in {p.name for p in files}}
    assert not [p for p in files if os.path.lexists(own / "data" / p.name)]
    assert tree(kept) == before


def test_sources_that_stay_are_told(tool, own, tmp_path):
    os.chmod(own / "data", 0o555)
    try:
        status, err = under_rights(tool, "dataset", "export", "x", str(tmp_path / "out"), "--media", "move")
    finally:
        os.chmod(own / "data", 0o755)
    assert status == 0 and "could not be removed from the old place. The first: " + str(own / "data") in err, err
    assert tool.migrator("dataset", "verify", str(tmp_path / "out")).status == 0


# -- what is under way, and what a kill leaves of it


@pytest.fixture
def slow(tool, own):
    """Packs for seconds."""
    path = samples_of(tool, "x").find_one()["filepath"]
    with open(path, "wb") as f:
        f.write(os.urandom(8 << 20))


def test_killed_while_packing_and_unpacking(tool, own, slow, tmp_path):
    packed = tmp_path / "k.tar.bz2"
    args = "dataset", "export", "x", str(packed)
    assert kill_when(start(tool, *args), lambda: os.path.exists(str(packed) + ".partial/k.tar.bz2"))
    assert sorted(os.listdir(tmp_path)) == ["A", "k.tar.bz2.partial"]
    assert tool.migrator(*args).status == 0
    assert sorted(os.listdir(tmp_path)) == ["A", "k.tar.bz2"]
    args = "dataset", "import", str(packed), "--name", "y"
    assert kill_when(start(tool, *args), lambda: os.path.exists(tmp_path / "k.partial" / "data"))
    assert sorted(os.listdir(tmp_path)) == ["A", "k.partial", "k.tar.bz2"]
    run_import(tool, *args[2:])
    assert sorted(os.listdir(tmp_path)) == ["A", "k", "k.tar.bz2"]
    assert all(os.path.exists(s["filepath"]) for s in samples_of(tool, "y").find())


def test_killed_while_the_replaced_folder_goes(tool, tmp_path):
    run_import(tool, archive("v0.22.3-image"), "--name", "x")
    out = tmp_path / "out"
    args = "dataset", "export", "x", str(out), "--media", "none", "--overwrite"
    assert tool.migrator(*args).status == 0
    (out / "data").mkdir()
    for n in range(20000):
        os.mknod(out / "data" / str(n))
    old = out.stat().st_ino
    assert kill_when(start(tool, *args), lambda: out.stat().st_ino != old)
    assert os.path.exists(tmp_path / "out.partial" / MARK)  # so there is something left to do
    assert tool.migrator("dataset", "verify", str(out)).status == 0
    assert tool.migrator(*args).status == 0
    assert os.listdir(tmp_path) == ["out"] and MARK not in os.listdir(out)


@pytest.mark.parametrize("command", ["import", "verify", "inspect"])
def test_a_folder_beside_a_packed_archive_that_is_not_ours_stays(tool, own, tmp_path, command):
    export(tool, "x", tmp_path / "k.zip")
    (tmp_path / "k.partial").mkdir()
    (tmp_path / "k.partial" / "precious").write_text("mine")
    result = tool.migrator("dataset", command, str(tmp_path / "k.zip"))
    if command == "import":
        assert result.status == 16 and "this program did not write it" in result.err
    else:
        assert result.status == 0, result.err
    assert tree(tmp_path / "k.partial") == {"precious": b"mine"} and not (tmp_path / "k").exists()


@pytest.mark.parametrize("what", ["packing", "unpacking"])
def test_two_runs_do_not_share_a_folder(tool, own, tmp_path, what):
    packed = tmp_path / "k.zip"
    export(tool, "x", packed)
    folder = tmp_path / ("k.zip.partial" if what == "packing" else "k.partial")
    folder.mkdir()
    (folder / "half").write_text("of the other one")
    with open(folder / MARK, "w") as mark:
        fcntl.flock(mark, fcntl.LOCK_EX)
        if what == "packing":
            result = export(tool, "x", packed, "--overwrite", status=16)
        else:
            result = tool.migrator("dataset", "import", str(packed), "--name", "y")
        assert result.status == 16 and "Another run is writing" in result.err
        assert (folder / "half").exists()


def test_a_file_in_the_way_of_packing_stays(tool, own, tmp_path):
    (tmp_path / "k.zip.partial").write_text("mine")
    assert "in the way" in export(tool, "x", tmp_path / "k.zip", status=16).err
    assert (tmp_path / "k.zip.partial").read_text() == "mine"
    (tmp_path / "k.zip").mkdir()
    assert "exists" in export(tool, "x", tmp_path / "k.zip", "--overwrite", status=16).err


# -- disks and rights


def test_a_full_disk(tool, own, tmp_path):
    with open(own / "data" / "x.png", "wb") as f:
        f.write(bytes(4 << 20))
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", disk], capture_output=True)
    if mounted.returncode != 0:
        pytest.skip("a small file system cannot be mounted: " + mounted.stderr.decode().strip())
    try:
        for mode in "copy", "move":
            result = export(tool, "x", disk / "out", "--media", mode, status=16)
            assert "No space left on device" in result.err and "Make room there" in result.err
            assert "--zstd" not in result.err  # which is of backups
            assert os.listdir(disk) == [] and (own / "data" / "x.png").stat().st_size == 4 << 20
        export(tool, "x", tmp_path / "k.zip")
        status, err = under_rights(tool, "dataset", "inspect", str(tmp_path / "k.zip"), TMPDIR=str(disk))
        assert status == 16 and "TMPDIR" in err and os.listdir(disk) == []
    finally:
        subprocess.run(["umount", "-l", disk], check=True)


def test_rights(tool, own, tmp_path):
    export(tool, "x", tmp_path / "k.zip")
    os.chmod(own / "samples.json", 0)
    status, err = under_rights(tool, "dataset", "verify", str(own))
    assert status == 16 and "samples.json: Permission denied" in err and "read it" in err, err
    os.chmod(own, 0)
    status, err = under_rights(tool, "dataset", "import", str(own), "--name", "y")
    os.chmod(own, 0o755)
    assert status == 16 and "json: Permission denied" in err and "enter the folders" in err, err
    # Nothing is written beside a packed archive that is only looked at.
    (tmp_path / "k").mkdir()
    os.chmod(tmp_path, 0o555)
    try:
        for command in "inspect", "verify":
            status, err = under_rights(tool, "dataset", command, str(tmp_path / "k.zip"), TMPDIR="/tmp")
            assert status == 0, err
        os.rmdir(tmp_path / "k")
        status, err = under_rights(tool, "dataset", "import", str(tmp_path / "k.zip"), "--name", "y")
        assert status == 16 and "unpacked beside itself" in err, err
    finally:
        os.chmod(tmp_path, 0o755)


# -- names and numbers


def test_a_zip_of_a_mac_and_one_of_two_archives(tool, tmp_path):
    source = archive("v0.22.3-image")
    packed = tmp_path / "x.zip"
    with zipfile.ZipFile(packed, "w") as z:
        for path, content in tree(source).items():
            z.writestr("mine/" + path, content)
            z.writestr("__MACOSX/mine/._" + os.path.basename(path), b"x")
    assert tool.migrator("dataset", "inspect", str(packed)).status == 0
    run_import(tool, str(packed), "--name", "x")
    assert samples_of(tool, "x").find_one()
    shutil.rmtree(tmp_path / "x")
    with zipfile.ZipFile(packed, "a") as z:
        z.writestr("other/metadata.json", "{}")
    result = tool.migrator("dataset", "import", str(packed), "--name", "y")
    assert result.status == 15 and "more than one folder: mine, other" in result.err
    assert os.listdir(tmp_path) == ["x.zip"]


def test_endings(tool, own, tmp_path):
    for ending in "tar.xz", "tar.zst", "7Z":
        result = export(tool, "x", tmp_path / ("k." + ending), status=2)
        assert "not written" in result.err
    assert os.listdir(tmp_path) == ["A"]
    export(tool, "x", tmp_path / "k.ZIP")
    assert zipfile.is_zipfile(tmp_path / "k.ZIP")
    with tarfile.open(tmp_path / "t.TAR", "w") as t:
        t.add(own, arcname=".")
    with tarfile.open(tmp_path / "t.tar.xz", "w:xz") as t:
        t.add(own, arcname=".")
    for file in "k.ZIP", "t.TAR":
        run_import(tool, str(tmp_path / file), "--name", file)
    result = tool.migrator("dataset", "import", str(tmp_path / "t.tar.xz"))
    assert result.status == 2 and "not read here" in result.err


def test_numbers_and_empty_names(tool, own, tmp_path):
    for number in "-1", "0", "99999999999999999999", "1e3":
        export(tool, "x", tmp_path / "out", "--chunk-size", number, status=2)
    assert "is empty" in export(tool, "x", "", status=2).err
    assert "is empty" in export(tool, "x", tmp_path / "out", "--rel-dir", "", status=2).err
    for args in [""], [str(own), "--rel-dir", ""]:
        assert "is empty" in tool.migrator("dataset", "import", *args, "--name", "y").err
    assert ".partial" in export(tool, "x", tmp_path / "out.partial", status=2).err
    assert os.listdir(tmp_path) == ["A"]


def test_a_link_to_a_folder(tool, own, tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    for options in [], ["--overwrite"]:
        export(tool, "x", tmp_path / "link", *options)
        assert (tmp_path / "link").is_symlink() and (tmp_path / "real" / "metadata.json").exists()
    (tmp_path / "nowhere").symlink_to("gone")
    assert "follow the link" in export(tool, "x", tmp_path / "nowhere", status=16).err
    assert sorted(os.listdir(tmp_path)) == ["A", "link", "nowhere", "real"]
