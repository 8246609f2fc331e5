"""Paths and what they lead to: a part of ``storage``, whose text says what a path is."""

import datetime
import enum
import glob as _glob
import io
import os
import posixpath
import re

from . import _core
from .errors import UsageError


class FileSystem(enum.Enum):
    """Where a path leads to."""

    LOCAL = "local"
    S3 = "s3"
    GCS = "gcs"
    AZURE = "azure"
    MINIO = "minio"
    HTTP = "http"


# What an environment leads to; made anew when credentials or endpoints in it change.
_files = (None, None)
_NAMES = re.compile("AWS_|AZURE_|GOOGLE_|MINIO_|STORAGE_|FIFTYONE_MEDIA_CACHE_|HOME$|SSL_CERT_FILE$|CURL_CA_BUNDLE$")


def stores():
    global _files
    now = {k: v for k, v in os.environ.items() if _NAMES.match(k)}
    if _files[0] != now:
        _files = (now, _core.Files())
    return _files[1]


def _text(path):
    return os.fspath(path)


def get_file_system(path):
    """The ``FileSystem`` of a path."""
    return FileSystem(stores().file_system(_text(path)))


def is_local(path):
    """Whether a path is a local one."""
    return get_file_system(path) is FileSystem.LOCAL


def ensure_local(path):
    """Raises ValueError for a path that is not a local one."""
    if not is_local(path):
        raise UsageError("The requested operation requires a local path, but found '%s'" % path)


def split_prefix(path):
    """``("s3://", "bucket/key")``; ``("", path)`` for local paths."""
    return tuple(stores().split_prefix(_text(path)))


def get_bucket_name(path):
    """The bucket with its prefix, ``s3://bucket``; ``""`` for local paths."""
    return stores().bucket_name(_text(path))


def normalize_path(path):
    """Local: absolute, with the user's folder for ``~``. Remote: without slashes at its end."""
    if is_local(path):
        return os.path.abspath(os.path.expanduser(path))
    return stores().normalize(_text(path))


def sep(path):
    """What separates the parts of a path."""
    return os.path.sep if is_local(path) else "/"


def join(a, *p):
    """Joins parts of a path. A part that is absolute or remote begins anew."""
    for i, part in reversed(list(enumerate(p))):
        if not is_local(part):
            return join(part, *p[i + 1 :])
    return os.path.join(a, *p) if is_local(a) else posixpath.join(a, *p)


def _local_only(function, path):
    return function(path) if is_local(path) else path


def realpath(path):
    """Local: absolute, links and ``..`` resolved. Remote: as it is."""
    return _local_only(os.path.realpath, path)


def abspath(path):
    """Local: absolute. Remote: as it is."""
    return _local_only(os.path.abspath, path)


def normpath(path):
    """Local: ``\\`` becomes ``/``, double slashes go. Remote: as it is."""
    return _local_only(lambda p: posixpath.normpath(p.replace("\\", "/")), path)


def isabs(path):
    """Whether a path is absolute; remote ones always are."""
    return not is_local(path) or os.path.isabs(path)


def commonpath(paths):
    """The longest common folder. Raises ValueError where there is none."""
    paths = list(paths)
    if all(map(is_local, paths)):
        return os.path.commonpath(paths)
    split = [split_prefix(path) for path in paths]
    if len({prefix for prefix, _ in split}) > 1:
        raise UsageError("Paths of different file systems have nothing in common")
    parts = os.path.commonprefix([path.split("/") for _, path in split])
    return split[0][0] + "/".join(parts)


def isfile(path):
    """Whether there is such a file or object."""
    return os.path.isfile(path) if is_local(path) else stores().is_file(_text(path))


def isdir(dirpath):
    """Whether there is such a folder; a remote one is if something lies under it."""
    return os.path.isdir(dirpath) if is_local(dirpath) else stores().is_dir(_text(dirpath))


def exists(path):
    """Whether there is such a file or folder."""
    return os.path.exists(path) if is_local(path) else isfile(path) or isdir(path)


def get_file_size(path_or_file):
    """Bytes of a file, or of an open binary one."""
    if hasattr(path_or_file, "seek") and hasattr(path_or_file, "tell"):
        if isinstance(path_or_file, io.TextIOBase):
            raise TypeError("get_file_size() needs a file that is open in binary mode ('rb')")
        place = path_or_file.tell()
        try:
            return path_or_file.seek(0, os.SEEK_END)
        finally:
            path_or_file.seek(place)
    return os.path.getsize(path_or_file) if is_local(path_or_file) else stores().size(_text(path_or_file))


def list_files(
    dirpath, abs_paths=False, recursive=False, include_hidden_files=False, return_metadata=False, sort=True
):
    """The files in a folder; nothing for one that is not there. ``abs_paths``: not
    relative to it. ``return_metadata``: dicts of ``name``, ``size``, ``last_modified``
    (None where a store does not say) and ``filepath``."""
    local = is_local(dirpath)
    if local and not os.path.isdir(dirpath):
        return []
    found = stores().files_in(_text(dirpath), abs_paths, recursive, include_hidden_files, sort)
    if not return_metadata:
        return [path for path, _, _ in found]
    out = []
    for path, size, ms in found:
        if local:
            ms = os.stat(path if abs_paths else os.path.join(dirpath, path)).st_mtime * 1000
        when = None if ms < 0 else datetime.datetime.fromtimestamp(ms / 1000)
        out.append({"name": posixpath.basename(path), "size": size, "last_modified": when, "filepath": path})
    return out


def list_subdirs(dirpath, abs_paths=False, recursive=False):
    """The folders in a folder, sorted, without hidden ones."""
    return stores().list_subdirs(_text(dirpath), abs_paths, recursive)


def list_buckets(fs, abs_paths=False):
    """The buckets of a ``FileSystem``; of ``LOCAL`` the folders of ``/``. With their
    prefix if ``abs_paths``."""
    if fs is FileSystem.LOCAL:
        return list_subdirs(os.sep, abs_paths=abs_paths)
    found = stores().list_buckets(_root(fs))
    return found if abs_paths else [split_prefix(path)[1] for path in found]


def list_available_file_systems():
    """The ``FileSystem`` values that settings lead to."""
    out = [FileSystem.LOCAL]
    for fs in FileSystem.S3, FileSystem.GCS, FileSystem.AZURE, FileSystem.MINIO:
        try:
            _root(fs)
        except ValueError:
            continue
        out.append(fs)
    return out


def _root(fs):
    """A path without a bucket. Raises ValueError where no setting names the service."""
    home = stores().root(fs.value)
    if not home:
        raise UsageError("No setting says where %s is; docs/media.md lists them" % fs.name)
    return home


def get_glob_matches(glob_patt):
    """Files that a pattern fits, sorted; remote, ``*``, ``?`` and ``[]`` within a folder, ``**`` below."""
    if is_local(glob_patt):
        return sorted(_glob.glob(glob_patt))
    root, special = get_glob_root(glob_patt)
    if not special:
        return [glob_patt] if isfile(glob_patt) else []
    fits = re.compile(_pattern(glob_patt)).fullmatch
    return [path for path in list_files(root, abs_paths=True, recursive=True) if fits(path)]


def _pattern(glob_patt):
    """A glob pattern as a regular expression."""
    words = {"**": ".*", "*": "[^/]*", "?": "[^/]"}

    def one(match):
        word = match[0]
        if word in words:
            return words[word]
        if word.startswith("["):
            return "[" + ("^" + word[2:] if word[1] == "!" else word[1:])
        return re.escape(word)

    return re.sub(r"\*\*|\*|\?|\[[^\]]+\]|[^*?\[]+|\[", one, glob_patt)


def get_glob_root(glob_patt):
    """(the deepest folder before any of ``*?[]``, whether there is one of them)"""
    plain = re.sub(r"\[([*?\[\]])\]", r"\1", glob_patt)
    root = re.split(r"[*?\[\]]", plain, maxsplit=1)[0]
    return os.path.dirname(root), root != plain
