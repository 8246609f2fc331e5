"""A database of FiftyOne."""

import fnmatch
import os
import threading

from . import _core, program
from .dataset import Dataset
from .errors import DatasetNotFoundError
from .listener import Listener

# Collections of datasets that users see; others are made by views.
_PRIVATE_PREFIXES = ("patches.", "clips.", "frames.")


class Database:
    """A connection to one database; opened at the first use.

    ``uri``: as MongoDB clients take it; None for what the settings say, in the end
    the private server. ``name``: of the database. Other settings go by their names
    in ``fiftyone_migrator.config``, for example ``database_admin=False``.

    Every method raises the exceptions of ``fiftyone_migrator.errors``:
    ``UnreachableError``, ``RightsError``, ``IncompatibleError`` for a database
    that this version does not open. A refusal is one every time: the version is
    looked at again with each call.
    """

    def __init__(self, uri=None, name=None, **settings):
        if uri is not None:
            settings["database_uri"] = uri
        if name is not None:
            settings["database_name"] = name
        self._assignments = {k: _text(v) for k, v in settings.items() if v is not None}
        self._core = _core.Connection(self._assignments)

    @property
    def name(self):
        return self._core.settings()["database_name"]

    @property
    def settings(self):
        """{name: value in effect}, secrets masked."""
        return self._core.settings()

    def close(self):
        """Lets the connection go; the next use opens it again."""
        self._core.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def __repr__(self):
        return "Database(%r)" % self.name

    # -- datasets

    def list_datasets(self, glob_patt=None, tags=None, info=False):
        """Names, sorted; with ``info`` dicts of name, version, media type, tags,
        persistent, dates and the number of samples.

        ``glob_patt``: only names that match; ``tags``: only datasets with one of
        these (a text or a list). Datasets that views have made are left out, as by
        the original. One query; with ``info`` one more for each dataset.
        """
        self._core.check()
        tags = {tags} if isinstance(tags, str) else set(tags or ())
        keys = ("name", "version", "media_type", "tags", "persistent", "created_at", "last_modified_at")
        projection = dict.fromkeys(keys + ("sample_collection_name",), 1)
        out = []
        for doc in self._core.find("datasets", {"name": {"$type": "string"}}, projection):
            if str(doc.get("sample_collection_name", "")).startswith(_PRIVATE_PREFIXES):
                continue
            if glob_patt is not None and not fnmatch.fnmatchcase(doc["name"], glob_patt):
                continue
            if tags and not tags.intersection(doc.get("tags") or ()):
                continue
            out.append(doc)
        out.sort(key=lambda doc: doc["name"])
        if not info:
            return [doc["name"] for doc in out]
        return [
            {**{key: doc.get(key) for key in keys}, "num_samples": self._core.count(doc["sample_collection_name"], {})}
            for doc in out
        ]

    def dataset_exists(self, name):
        """Whether there is a dataset of that name; one query."""
        self._core.check()
        return self._core.find_one("datasets", {"name": name}, {"_id": 1}) is not None

    def load_dataset(self, name, progress=None):
        """The ``Dataset`` of that name.

        A dataset of an older data model is upgraded to the version of its database
        first, as the original does; never downgraded. While another run works on
        the database, this waits for up to 30 seconds.

        Raises ``DatasetNotFoundError``, ``IncompatibleError``, ``LockedError``,
        ``RightsError`` and, for what a revision refuses, ``PreconditionError``.
        """
        with Listener(progress) as listener:
            return Dataset(self, self._core.load(listener, name))

    def delete_dataset(self, name, verbose=False):
        """Deletes a dataset with all that belongs to it: samples, frames, runs and
        their results, views, workspaces. There is no way back but a backup.

        Cut off in the middle, the same call again finishes it. Raises
        ``DatasetNotFoundError``, ``LockedError`` after 30 seconds.
        """
        with Listener() as listener:
            self._core.remove(listener, name)
        if verbose:
            print("Dataset '%s' deleted" % name)

    # -- versions and migrations, as the original offers them

    def get_database_revision(self):
        """The version of the database (str); this client's where none is stored."""
        return self._core.heads()[1] or _core.DATA_MODEL

    def get_dataset_revision(self, name):
        """The stored version of a dataset (str), None where it has none. Raises
        ``DatasetNotFoundError``."""
        doc = self._core.find_one("datasets", {"name": name}, {"version": 1})
        if doc is None:
            raise DatasetNotFoundError("Dataset %s not found" % name)
        return doc.get("version")

    def get_datasets_revisions(self):
        """{name: version or None} of all datasets."""
        return dict(self._core.heads()[2])

    def needs_migration(self, name, destination=None):
        """Whether revisions lie between a dataset and ``destination``, which is the
        database's version unless given. Raises ``DatasetNotFoundError``,
        ``VersionError``, ``IncompatibleError``."""
        return self._core.has_revisions(destination, [name])

    def migrate_all(self, destination=None, error_level=0, verbose=False, allow_loss=False, progress=None):
        """Migrates the database and all datasets.

        ``destination``: an open-source version (str); None for the newest known.
        ``error_level``: 0 raises where a dataset is refused or fails, before
        anything is written where that can be known; 1 logs it and goes on; 2 goes
        on silently. Going down removes values for which the older model has no
        place; the undo log keeps them. Where it is off (``undo_log=False``) that is
        refused with ``IncompatibleError`` before anything is written, unless
        ``allow_loss``.

        Cut off in the middle, the same call again finishes it.
        """
        self._migrate(destination, True, [], error_level, verbose, allow_loss, progress)

    def migrate_database_if_necessary(self, destination=None, verbose=False, allow_loss=False):
        """Migrates the database alone; datasets follow when they are loaded."""
        self._migrate(destination, False, [], 0, verbose, allow_loss, None)

    def migrate_dataset_if_necessary(
        self, name, destination=None, error_level=0, verbose=False, allow_loss=False, progress=None
    ):
        """Migrates one dataset; ``destination`` is the database's version unless
        given. Arguments as for ``migrate_all``."""
        self._migrate(destination, False, [name], error_level, verbose, allow_loss, progress)

    def _migrate(self, destination, everything, names, error_level, verbose, allow_loss, progress):
        with Listener(progress) as listener:
            self._core.migrate(listener, destination, everything, names, error_level, verbose, allow_loss)

    # -- the program

    def run(self, command, *arguments, progress=None):
        """Runs a command of the program ``fiftyone-migrator`` on this database; the
        result as a dict or list, as with ``-o json`` on the command line.

        ``command`` and ``arguments`` are words, for example
        ``run("dataset", "inspect", path)``. Raises the exception of its exit code;
        Ctrl-C is passed on, and the program ends at a safe point. ``progress``: a
        callable ``(phase: str, done: int, total: int)``, or True for stderr.
        """
        return program.run(self._assignments, [command, *arguments], progress)

    def plan(self, version=None, names=()):
        """What a migration would do (dict); writes nothing. ``version``: as on the
        command line, on an Enterprise database an Enterprise version."""
        return self.run("plan", *([version] if version else []), *_names(names))

    def verify(self, names=(), deep=False):
        """What is wrong with the data: a dict, ``problems`` is their number, ``found``
        the list. Writes nothing. ``deep`` reads every sample, frame and result."""
        return program.run(self._assignments, ["verify", *_names(names), *(["--deep"] if deep else [])], None, {15, 16})

    def doctor(self):
        """What speaks against a migration now (dict with a list of ``findings``)."""
        return program.run(self._assignments, ["doctor"], None, {16})

    def backup(self, directory, version=None, everything=False, progress=None):
        """Copies what a migration to ``version`` touches, or ``everything``, into a
        new folder in the layout of mongodump. Returns its manifest (dict)."""
        words = [os.fspath(directory), *([version] if version else []), *(["--all"] if everything else [])]
        return self.run("backup", *words, progress=progress)

    def restore(self, directory, overwrite=False, progress=None):
        """Brings a backup back (dict of what was done)."""
        words = [os.fspath(directory), *(["--overwrite"] if overwrite else [])]
        return self.run("restore", *words, progress=progress)


def _names(names):
    names = [names] if isinstance(names, str) else list(names)
    return ["-n", *names] if names else []


def _text(value):
    if isinstance(value, bool):
        return "true" if value else "false"
    return os.fspath(value) if isinstance(value, os.PathLike) else str(value)


# -- the database that the settings name

_lock = threading.Lock()
_default = None


def default(overrides):
    """The shared connection for these settings; made anew when they change."""
    global _default
    with _lock:
        if _default is None or _default[0] != overrides:
            _default = (dict(overrides), Database(**overrides))
        return _default[1]
