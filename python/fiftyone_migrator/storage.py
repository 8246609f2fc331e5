"""Files wherever they are: local ones, and objects of S3, Google Cloud Storage, Azure and MinIO.

The functions of ``fiftyone.core.storage`` under the same names. A path is a local one or
a URI (``s3://bucket/key``, see docs/media.md, also for credentials). Local paths behave
as with the original; a URI is absolute and is taken as it is: nothing in it is decoded,
folded or merged. A remote folder is there if something lies under it.

Functions over many paths work on ``FIFTYONE_MEDIA_CACHE_NUM_WORKERS`` threads (16).
``skip_failures``: False raises the first error once what is under way has ended, True
warns and goes on, ``"ignore"`` goes on. ``progress``: True for stderr, or a callable
``(what, done, total)``.
"""

import io
import json
import os

from .errors import UsageError
from .media import upload_media
from .stores import (
    FileSystem, abspath, commonpath, ensure_local, exists, get_bucket_name, get_file_size, get_file_system, get_glob_matches,
    get_glob_root, is_local, isabs, isdir, isfile, join, list_available_file_systems, list_buckets, list_files, list_subdirs,
    normalize_path, normpath, realpath, sep, split_prefix, stores,
)
from .transfers import (
    TempDir, copy_dir, copy_file, copy_files, delete_dir, delete_file, delete_files, each, ensure_basedir, ensure_dir,
    ensure_empty_dir, extract_archive, make_archive, make_temp_dir, move_dir, move_file, move_files, run,
)

__all__ = [
    "FileCollection", "FileSystem", "TempDir", "abspath", "commonpath", "copy_dir", "copy_file", "copy_files", "delete_dir",
    "delete_file", "delete_files", "ensure_basedir", "ensure_dir", "ensure_empty_dir", "ensure_local", "exists",
    "extract_archive", "get_bucket_name", "get_file_size", "get_file_system", "get_glob_matches", "get_glob_root", "isabs",
    "isdir", "isfile", "is_local", "join", "list_available_file_systems", "list_buckets", "list_files", "list_subdirs",
    "load_json", "load_ndjson", "make_archive", "make_temp_dir", "move_dir", "move_file", "move_files", "normalize_path",
    "normpath", "open_file", "open_files", "open_ranged", "read_file", "read_files", "read_json", "read_ndjson", "read_yaml",
    "realpath", "run", "sep", "split_prefix", "upload_media", "write_file", "write_json", "write_ndjson", "write_yaml",
]


class _Upload(io.BytesIO):
    """What is written becomes an object when it is closed."""

    def __init__(self, path):
        super().__init__()
        self._path = path

    def close(self):
        if not self.closed:
            stores().write(self._path, self.getvalue())
        super().close()

    def __exit__(self, kind, error, traceback):
        if kind is not None:  # half of it is none
            io.BytesIO.close(self)
        return super().__exit__(kind, error, traceback)


def open_file(path, mode="r"):
    """An open file; ``mode``: r, rb, w, wb. Of an object, all is in memory; what is
    written is stored when it is closed, and not at all after an error in ``with``."""
    if is_local(path):
        return open(path, mode)
    if mode not in ("r", "rb", "w", "wb"):
        raise UsageError("Unsupported mode '%s'; it is one of r, rb, w, wb" % mode)
    binary = io.BytesIO(stores().read(os.fspath(path))) if mode[0] == "r" else _Upload(os.fspath(path))
    return binary if mode.endswith("b") else _TextUpload(binary) if mode == "w" else io.TextIOWrapper(binary, "utf-8")


class _TextUpload(io.TextIOWrapper):
    def __init__(self, binary):
        super().__init__(binary, "utf-8")

    def __exit__(self, kind, error, traceback):
        if kind is not None:
            self.flush()
            io.BytesIO.close(self.buffer)
        return super().__exit__(kind, error, traceback)


class FileCollection(list):
    """Open files that are closed together."""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for f in self:
            if f is not None:
                f.close()
        return False


def open_files(paths, mode="r", skip_failures=False, progress=None):
    """A ``FileCollection``; None for what could not be opened."""
    return FileCollection(each(lambda path: open_file(path, mode), paths, skip_failures, progress))


class _Ranged(io.BufferedReader):
    def release(self):
        self.close()


def open_ranged(path):
    """A local file for reading here and there; ``release()`` closes it."""
    ensure_local(path)
    return _Ranged(io.FileIO(path, "rb"))


def read_file(path, binary=False):
    """The content of a file, text unless ``binary``."""
    if is_local(path):
        with open(path, "rb" if binary else "r") as f:
            return f.read()
    content = stores().read(os.fspath(path))
    return content if binary else content.decode()


def read_files(paths, binary=False, skip_failures=False, progress=None):
    """The contents of files; None for what could not be read."""
    return each(lambda path: read_file(path, binary=binary), paths, skip_failures, progress)


def write_file(str_or_bytes, path):
    """Writes a text (as UTF-8) or bytes."""
    content = str_or_bytes.encode() if isinstance(str_or_bytes, str) else str_or_bytes
    if not isinstance(content, bytes):
        raise TypeError("Failed to convert %s to bytes" % type(content))
    if not is_local(path):
        stores().write(os.fspath(path), content)
        return
    ensure_basedir(path)
    with open(path, "wb") as f:
        f.write(content)


def read_json(path):
    """What a JSON file holds."""
    try:
        return json.loads(read_file(path))
    except ValueError:
        raise UsageError("Unable to parse JSON file '%s'" % path) from None


def load_json(path_or_str):
    """What a JSON text, or the file of that name, holds."""
    try:
        return json.loads(path_or_str)
    except ValueError:
        pass
    if isfile(path_or_str):
        return read_json(path_or_str)
    raise UsageError("Unable to load JSON from '%s'" % path_or_str)


def write_json(d, path, pretty_print=False):
    """Writes JSON."""
    layout = {"indent": 4} if pretty_print else {"separators": (",", ":")}
    write_file(json.dumps(d, ensure_ascii=False, **layout), path)


def read_ndjson(path):
    """What the lines of a file hold, each JSON; empty lines are left out."""
    return [json.loads(line) for line in read_file(path).splitlines() if line.strip()]


def load_ndjson(path_or_str):
    """What the lines of a text, or of the file of that name, hold."""
    try:
        return [json.loads(line) for line in path_or_str.splitlines() if line.strip()]
    except ValueError:
        pass
    if isfile(path_or_str):
        return read_ndjson(path_or_str)
    raise UsageError("Unable to load NDJSON from '%s'" % path_or_str)


def write_ndjson(obj, path):
    """Writes a line of JSON for each element."""
    write_file("".join(json.dumps(d) + "\n" for d in obj), path)


def read_yaml(path):
    """What a YAML file holds. Needs PyYAML."""
    import yaml

    return yaml.safe_load(read_file(path))


def write_yaml(obj, path, **kwargs):
    """Writes YAML. Needs PyYAML."""
    import yaml

    write_file(yaml.dump(obj, **kwargs), path)
