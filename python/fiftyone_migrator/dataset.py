"""A dataset."""

import datetime

from . import archives, schema, types
from .errors import ConflictError, DatasetNotFoundError, PreconditionError, UsageError
from .listener import Listener
from .reading import read_values
from .view import DatasetView
from .writing import write_values

_PARKED = "9999.0+migrating"


class Dataset:
    """A dataset of a ``Database``; ``load_dataset`` gives one.

    It is followed by its id, so that a renamed dataset stays the same one. What it
    tells about itself is as of the last ``reload()``, which every call that reads
    or writes samples does by itself. Samples and frames are not kept in memory.
    """

    _ids = None  # of the samples that are meant; None: all

    def __init__(self, database, document):
        self._database = database
        self._doc = document
        self._slice = document.get("default_group_slice") if document.get("group_field") else None

    def __repr__(self):
        return "Dataset(%r)" % self.name

    # -- what it is

    @property
    def name(self):
        return self._doc["name"]

    @property
    def version(self):
        """The version of its data model (str), or None."""
        return self._doc.get("version")

    @property
    def media_type(self):
        """"image", "video", "group", "3d", ..., or None."""
        return self._doc.get("media_type")

    @property
    def tags(self):
        return list(self._doc.get("tags") or ())

    @property
    def description(self):
        return self._doc.get("description")

    @property
    def created_at(self):
        """datetime without a zone, UTC; None in old models. So are the others."""
        return self._doc.get("created_at")

    @property
    def last_modified_at(self):
        return self._doc.get("last_modified_at")

    @property
    def persistent(self):
        """Whether it stays when the last client of FiftyOne disconnects. Assigned:
        written at once."""
        return bool(self._doc.get("persistent"))

    @persistent.setter
    def persistent(self, value):
        self._set("persistent", bool(value))

    @property
    def info(self):
        """A dict of one's own; ``dataset.info = {...}`` writes it at once, ``save()``
        what was changed in it."""
        return self._doc.setdefault("info", {})

    @info.setter
    def info(self, value):
        if not isinstance(value, dict):
            raise UsageError("info must be a dict")
        self._set("info", value)

    def save(self):
        """Writes ``info``."""
        self._set("info", self.info)

    @property
    def group_field(self):
        return self._doc.get("group_field")

    @property
    def group_slices(self):
        """Names of the slices of a grouped dataset, else None."""
        return list(self._doc.get("group_media_types") or {}) if self.group_field else None

    @property
    def group_slice(self):
        """The slice that values, counts and iteration are about; None: all."""
        return self._slice

    @group_slice.setter
    def group_slice(self, value):
        if value is not None and value not in (self.group_slices or ()):
            raise UsageError("Dataset has no group slice '%s'" % value)
        self._slice = value

    def get_field_schema(self):
        """{name: Field} of the samples, in the order of the dataset."""
        return schema.public(schema.parse_schema(self._doc.get("sample_fields")))

    def get_frame_field_schema(self):
        """{name: Field} of the frames; None without frames."""
        if not self._has_frames():
            return None
        return schema.public(schema.parse_schema(self._doc.get("frame_fields")))

    @property
    def schema(self):
        return self.get_field_schema()

    def reload(self):
        """Reads the dataset's document again. Raises ``DatasetNotFoundError`` when
        it was deleted, ``PreconditionError`` while a migration has it half-way."""
        self._database._core.check()
        found = self._database._core.find_one("datasets", {"_id": self._doc["_id"]})
        if found is None:
            raise DatasetNotFoundError("Dataset %s not found" % self.name)
        if found.get("version") == _PARKED:
            raise PreconditionError(
                "Dataset '%s' is half-way through a migration" % self.name,
                "Wait for its end; if it was interrupted, run 'fiftyone-migrator migrate'.",
            )
        self._doc = found

    def delete(self):
        """See ``delete_dataset``."""
        self.reload()
        self._database.delete_dataset(self.name)

    # -- samples

    def count(self, field=None):
        """The number of samples; with the path of a field the number of values in it
        that are not None, lists taken apart. Grouped: of the active slice."""
        self.reload()
        if field is None:
            return self._database._core.count(self._samples(), self._filter())
        return sum(value is not None for value in self.values(field, unwind=True))

    def __len__(self):
        return self.count()

    def __bool__(self):
        return True

    def __iter__(self):
        """Sample documents (dicts), as stored, in the order of the collection; memory
        does not grow with their number."""
        self.reload()
        return iter(self._database._core.find(self._samples(), self._filter()))

    def iter_frames(self):
        """Frame documents (dicts), as stored, by sample and number."""
        self.reload()
        if not self._has_frames():
            raise UsageError("Dataset has no frames")
        order = {"_sample_id": 1, "frame_number": 1}
        return iter(self._database._core.find(self._frames(), {}, None, order))

    def first(self):
        """The first sample document. Raises ValueError for an empty dataset."""
        for document in self:
            return document
        raise UsageError("Dataset is empty")

    def values(self, field_or_expr, expr=None, missing_value=None, unwind=False):
        """The values of a field: a list with one item a sample, in the order of the
        collection.

        ``field_or_expr``: a dotted path; a list of paths gives a tuple of lists.
        Paths go through documents (``seg.mask_path``), through lists, where they give
        a list a sample (``gt.detections.mask_path``), and into frames
        (``frames.gt``), where they give a list a sample, by frame number. ``[]``
        behind a name takes that level of lists apart. Ids are texts under their name
        without the underscore (``id``), ``ObjectId`` with it. What is missing is
        None, and no list where it would have stood. Labels are dicts, as stored;
        arrays are NumPy's where it is installed, else bytes.

        ``missing_value``: instead of None for single values. ``unwind``: True for one
        flat list, -1 for one flat list a sample. Grouped datasets: of the active
        slice (``group_slice``).

        Raises ValueError for a field that the dataset does not have. Only the paths
        asked for are read, on the server; the result is the only memory used.
        """
        if expr is not None or not isinstance(field_or_expr, (str, list, tuple)):
            raise TypeError("values() takes the path of a field or a list of paths; expressions are not supported")
        self.reload()
        several = not isinstance(field_or_expr, str)
        found = read_values(self, list(field_or_expr) if several else [field_or_expr], missing_value, unwind)
        return tuple(found) if several else found[0]

    def set_values(
        self,
        field_name,
        values,
        key_field=None,
        skip_none=False,
        expand_schema=True,
        validate=True,
        progress=None,
        expected=None,
    ):
        """Sets a field of all samples: ``values`` has the shape and order of what
        ``values(field_name)`` gives.

        Or ``values`` is a dict from the value of ``key_field`` (``"id"``,
        ``"filepath"``, ...) to the sample's value: then only those samples are edited.
        For frames, a sample's value may be a dict from frame number to value.

        ``skip_none``: None leaves what is there alone. ``expand_schema``: a field
        that is not declared is, with a type for the values. ``validate``: values are
        checked against the declared type. ``expected``: values as read before, in the
        same shape; samples that no longer have them are left alone.

        Everything is checked before the first write: another number of values than
        there are samples, frames or list elements, a value of the wrong type, None for
        ``filepath``, a value for an attribute of a label that is not there (None does
        nothing then), fields that are read-only: ValueError, and nothing is written.
        Each sample is written at once, ``last_modified_at`` with it. Samples that were
        deleted meanwhile, whose list elements changed, or that are not as expected are
        named by ``ConflictError`` after the others have been written; the same call
        again is harmless.
        """
        self.reload()
        with Listener(progress) as listener:
            write_values(
                self, listener, field_name, values, key_field, skip_none, expand_schema, validate, expected
            )

    def select(self, sample_ids):
        """A ``DatasetView`` of the samples with these ids (texts, or ``ObjectId``); some
        hundred thousand of them at most. Grouped: of the active slice."""
        return DatasetView(self, sample_ids)

    # -- archives

    def export(
        self, export_dir=None, dataset_type=types.FiftyOneDataset, export_media=None, progress=None, **options
    ):
        """Writes the dataset to a folder, or to a ``.zip``, ``.tar``, ``.tar.gz`` or
        ``.tar.bz`` file, in the format ``types.FiftyOneDataset``.

        ``export_media``: True or None copies media files, ``"move"``, ``"symlink"``,
        False leaves them where they are. Options, as of the original: ``rel_dir``,
        ``chunk_size``, ``use_dirs``, ``ordered``, ``overwrite``, ``export_runs``,
        ``export_saved_views``, ``export_workspaces``; and ``target_version`` with
        ``allow_loss``, which writes for an older release. ``progress``: a callable
        ``(phase: str, done: int, total: int)``, of bytes, or True for stderr; what it
        raises stops the export and is raised.

        Returns a dict of what was written. The folder appears when it is complete.
        Raises ``PreconditionError`` for a folder that is there, ``UsageError``.
        """
        self.reload()
        return archives.export_dataset(self, export_dir, dataset_type, export_media, dict(options), progress)

    @classmethod
    def from_dir(
        cls,
        dataset_dir=None,
        dataset_type=types.FiftyOneDataset,
        name=None,
        persistent=False,
        database=None,
        progress=None,
        **options,
    ):
        """Makes a dataset of a folder (or archive file) in the format
        ``types.FiftyOneDataset``; archives of all releases are read and migrated on
        the way in. The dataset appears when it is complete, or not at all.

        ``name``: None for the time, as the original does. ``persistent``: False, as
        there; clients of FiftyOne delete such datasets when the last one disconnects.
        ``database``: a ``Database``, None for that of the settings. Options:
        ``overwrite``, ``rel_dir``, ``tags``, ``import_runs``,
        ``import_saved_views``, ``import_workspaces``, ``on_conflict`` (``"error"``,
        ``"skip"``, ``"replace"``, ``"new_ids"``), ``assume_version``,
        ``target_version``, ``allow_loss``. ``progress``: as for ``export``.

        Raises ``NotFoundError``, ``PreconditionError`` for a name that is taken, and
        what is wrong with the archive, naming the file and the place in it.
        """
        if database is None:
            from . import database as current

            database = current()
        name = archives.import_dataset(
            database, dataset_dir, dataset_type, name, persistent, dict(options), progress
        )
        return database.load_dataset(name)

    # -- for the modules beside this one

    def _samples(self):
        return self._doc["sample_collection_name"]

    def _frames(self):
        return self._doc.get("frame_collection_name") or "frames." + self._samples()

    def _has_frames(self):
        kinds = set((self._doc.get("group_media_types") or {}).values()) | {self.media_type}
        return "video" in kinds

    def _filter(self):
        found = {} if self._ids is None else {"_id": {"$in": self._ids}}
        if self._slice is not None and self.group_field:
            found[self.group_field + ".name"] = self._slice
        return found

    def _set(self, key, value):
        """One key of the dataset's document, unless somebody has it half-way."""
        change = {key: value}
        if "last_modified_at" in self._doc:
            change["last_modified_at"] = datetime.datetime.now(datetime.timezone.utc)
        self.reload()
        query = {"_id": self._doc["_id"], "version": self._doc.get("version")}
        if self._database._core.update("datasets", query, {"$set": change}) == 0:
            raise ConflictError("Dataset '%s' was migrated or deleted meanwhile; nothing was written" % self.name)
        self.reload()
