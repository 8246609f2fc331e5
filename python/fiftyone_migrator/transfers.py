"""Files and folders from here to there, and many at once: a part of ``storage``."""

import os
import shutil
import tarfile
import tempfile
import zipfile
from concurrent.futures import ThreadPoolExecutor

from .errors import UsageError
from .listener import Listener, logger
from .stores import ensure_local, is_local, isdir, join, list_files, stores

_TAR = {".tar": "w", ".tar.gz": "w:gz", ".tgz": "w:gz", ".tar.bz": "w:bz2", ".tbz": "w:bz2"}


def ensure_dir(dirpath):
    """Makes a local folder; remote ones are there once something lies in them."""
    if is_local(dirpath):
        os.makedirs(dirpath, exist_ok=True)


def ensure_basedir(path):
    """Makes the folder of a local path."""
    folder = os.path.dirname(path)
    if folder:
        ensure_dir(folder)


def ensure_empty_dir(dirpath, cleanup=False):
    """Makes a folder. Raises ValueError for one that holds something, unless
    ``cleanup``, which deletes it."""
    if isdir(dirpath):
        held = os.listdir(dirpath) if is_local(dirpath) else True
        if held and not cleanup:
            raise UsageError("'%s' is not empty" % dirpath)
        if held:
            delete_dir(dirpath)
    ensure_dir(dirpath)


def make_temp_dir(basedir=None):
    """A new folder in ``basedir``, else in that of the system."""
    if basedir is not None:
        ensure_local(basedir)
        ensure_dir(basedir)
    return tempfile.mkdtemp(dir=basedir)


class TempDir:
    """A folder that is gone at the end of ``with``."""

    def __init__(self, basedir=None):
        self._basedir, self._name = basedir, None

    def __enter__(self):
        self._name = make_temp_dir(self._basedir)
        return self._name

    def __exit__(self, *_):
        shutil.rmtree(self._name, ignore_errors=True)


def _bulk(method, *lists, skip_failures, progress):
    paths = [[os.fspath(p) for p in some] for some in lists]
    if len({len(some) for some in paths}) > 1:
        raise UsageError("There are %d input paths and %d output paths" % tuple(map(len, paths)))
    with Listener(progress) as listener:
        for index, error in method(listener, *paths, bool(skip_failures)):
            if skip_failures != "ignore":
                logger.warning("%s: %s", paths[0][index], error)


def copy_file(inpath, outpath):
    """Copies a file; within one store without a detour through here."""
    stores().copy_file(os.fspath(inpath), os.fspath(outpath))


def copy_files(inpaths, outpaths, skip_failures=False, progress=None):
    """Copies files, between any two stores."""
    _bulk(stores().copy_files, inpaths, outpaths, skip_failures=skip_failures, progress=progress)


def move_file(inpath, outpath):
    """Moves a file: the source goes once the copy is complete."""
    if is_local(inpath) and is_local(outpath):
        ensure_basedir(outpath)
        shutil.move(inpath, outpath)
    else:
        stores().move_file(os.fspath(inpath), os.fspath(outpath))


def move_files(inpaths, outpaths, skip_failures=False, progress=None):
    """Moves files, between any two stores."""
    _bulk(stores().move_files, inpaths, outpaths, skip_failures=skip_failures, progress=progress)


def delete_file(path):
    """Deletes a file, and local folders that become empty by it, upwards."""
    stores().delete_file(os.fspath(path))
    if is_local(path):
        _prune(os.path.dirname(os.path.abspath(path)))


def delete_files(paths, skip_failures=False, progress=None):
    """Deletes files, and local folders that become empty by it, upwards."""
    paths = list(paths)
    _bulk(stores().delete_files, paths, skip_failures=skip_failures, progress=progress)
    for folder in {os.path.dirname(os.path.abspath(p)) for p in paths if is_local(p)}:
        _prune(folder)


def _prune(folder):
    try:
        os.removedirs(folder)
    except OSError:  # one that holds something, or that is gone
        pass


def delete_dir(dirpath):
    """Deletes a folder and all in it, and local ones that become empty by it, upwards."""
    if is_local(dirpath):
        shutil.rmtree(dirpath)
        _prune(os.path.dirname(os.path.abspath(dirpath)))
    else:
        delete_files(list_files(dirpath, abs_paths=True, recursive=True, include_hidden_files=True))


def _dir(move, indir, outdir, overwrite, skip_failures, progress):
    if overwrite and isdir(outdir):
        delete_dir(outdir)
    names = list_files(indir, recursive=True, include_hidden_files=True)
    work = move_files if move else copy_files
    work([join(indir, n) for n in names], [join(outdir, n) for n in names], skip_failures, progress)


def copy_dir(indir, outdir, overwrite=True, skip_failures=False, progress=None):
    """Copies all files of a folder. ``overwrite``: what is at ``outdir`` is deleted first; else both are merged."""
    _dir(False, indir, outdir, overwrite, skip_failures, progress)


def move_dir(indir, outdir, overwrite=True, skip_failures=False, progress=None):
    """Moves all files of a folder; ``overwrite`` as for ``copy_dir``."""
    _dir(True, indir, outdir, overwrite, skip_failures, progress)
    if is_local(indir) and os.path.isdir(indir) and not list_files(indir, recursive=True, include_hidden_files=True):
        delete_dir(indir)


def make_archive(dirpath, archive_path, cleanup=False):
    """Puts a local folder into .zip, .tar, .tar.gz, .tgz, .tar.bz or .tbz."""
    ensure_local(dirpath)
    ensure_local(archive_path)
    ensure_basedir(archive_path)
    top = os.path.basename(os.path.abspath(dirpath))
    if archive_path.endswith(".zip"):
        with zipfile.ZipFile(archive_path, "w", zipfile.ZIP_DEFLATED) as out:
            for name in list_files(dirpath, recursive=True, include_hidden_files=True):
                out.write(os.path.join(dirpath, name), os.path.join(top, name))
    else:
        endings = [e for e in _TAR if archive_path.endswith(e)]
        if not endings:
            raise UsageError("Unsupported archive format: '%s'" % archive_path)
        with tarfile.open(archive_path, _TAR[endings[0]]) as out:
            out.add(dirpath, top)
    if cleanup:
        delete_dir(dirpath)


def extract_archive(archive_path, outdir=None, cleanup=False):
    """Unpacks a local archive of one of these formats, beside it unless told where."""
    ensure_local(archive_path)
    outdir = outdir or os.path.dirname(archive_path) or "."
    if zipfile.is_zipfile(archive_path):
        with zipfile.ZipFile(archive_path) as archive:
            archive.extractall(outdir)
    else:
        with tarfile.open(archive_path) as archive:
            # Nothing may land outside of it; Debian 12's Python has no filter for that.
            for member in archive.getmembers():
                if member.name.startswith("/") or ".." in member.name.split("/") or not (member.isreg() or member.isdir()):
                    raise UsageError("'%s' holds '%s', which is not unpacked" % (archive_path, member.name))
            archive.extractall(outdir)
    if cleanup:
        delete_file(archive_path)


def run(fcn, tasks, return_results=True, num_workers=None, progress=None):
    """The results of a function over tasks, in their order, on so many threads."""
    tasks = list(tasks)
    out = []
    with ThreadPoolExecutor(num_workers or stores().workers) as pool, Listener(progress) as listener:
        for done, result in enumerate(pool.map(fcn, tasks), 1):
            listener.progress("tasks", done, len(tasks))
            out.append(result)
    return out if return_results else None


def each(work, paths, skip_failures, progress):
    """``work`` of each path; None where it failed."""

    def one(path):
        try:
            return work(path)
        except Exception as error:
            if not skip_failures:
                raise
            if skip_failures != "ignore":
                logger.warning("%s: %s", path, error)

    return run(one, paths, progress=progress)
