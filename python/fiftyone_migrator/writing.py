"""Setting a field of many samples, frames or list elements."""

import datetime

from . import schema
from .bson_types import ObjectId
from .errors import ConflictError, UsageError
from .reading import frame_columns, resolve
from .validate import converter

_STAMP = "last_modified_at"
_SHOWN = 5


def write_values(dataset, listener, name, values, key_field, skip_none, expand_schema, validate, expected):
    """See ``Dataset.set_values``."""
    _check_name(name)
    path, new = _target(dataset, name, expand_schema)
    ids, values, expected = _by_sample(dataset, name, values, key_field, expected)
    owner = "samples"
    if path.frames:
        owner = "frames"
        ids, values, expected = _by_frame(dataset, name, ids, values, expected)
    field_document = None
    if new:
        field_document = _new_field(dataset, path, name, values)
        path = schema.Path(path.frames, (field_document["db_field"],), field=schema.Field.parse(field_document))
    convert = converter(path, name) if validate else None
    edit = _Edit(dataset, path, name, owner)
    edit.read(ids)
    prepared = edit.prepare(values, convert, skip_none, expected)
    if field_document:
        _declare(dataset, path.frames, field_document)
    edit.write(listener, *prepared)


def _check_name(name):
    if not isinstance(name, str) or not name:
        raise UsageError("The name of a field is a text, not %r" % (name,))
    for part in name.split("."):
        if part.startswith("_"):
            raise UsageError("Invalid field name: '%s'. Field names cannot start with '_'" % name)
        if not part or "$" in part or "\0" in part or "[" in part:
            bad = next((c for c in "$[\0" if c in part), ".")
            raise UsageError("Invalid field name: '%s'. Field names cannot contain '%s'" % (name, bad))


def _target(dataset, name, expand_schema):
    """(Path, whether its field has to be declared first)"""
    try:
        path = resolve(dataset, name)
    except ValueError:
        frames = name.startswith("frames.") and dataset._has_frames()
        inner = name[len("frames.") :] if frames else name
        if not expand_schema:
            raise
        if "." in inner:
            root = inner.split(".")[0]
            raise UsageError(
                "Cannot infer an appropriate type for new %s field '%s' when setting embedded field '%s'"
                % ("frame" if frames else "sample", root, inner)
            ) from None
        return schema.Path(frames, (inner,)), True
    if not path.keys:
        raise UsageError("'frames' is no field that can be set; set one of the frames' fields")
    root = resolve(dataset, ".".join(name.split(".")[: 2 if path.frames else 1])).field
    if path.keys[-1] == "_id" or any(field is not None and field.read_only for field in (root, path.field)):
        raise UsageError("Cannot edit read-only field '%s'" % name)
    if len(path.lists) > 1:
        raise UsageError("Cannot set '%s': it lies in a list within a list" % name)
    return path, False


def _by_sample(dataset, name, values, key_field, expected):
    """Ids of the samples that are edited, and what each gets."""
    if not isinstance(values, dict):
        if key_field is not None:
            raise UsageError("key_field goes with a dict of values")
        values = _listed(values)
        (ids,) = _columns(dataset, [("_id",)], [False])
        _same_length(name, "samples", len(values), len(ids))
        if expected is not None:
            expected = _listed(expected)
            _same_length(name, "samples (expected)", len(expected), len(ids))
        return ids, values, expected
    if key_field is None:
        raise UsageError("You must provide a `key_field` when `values` is a dict")
    if expected is not None and not isinstance(expected, dict):
        raise UsageError("expected is a dict, too, when values is one")
    key = resolve(dataset, key_field)
    if key.frames or key.lists:
        raise UsageError("key_field '%s' gives no single value a sample" % key_field)
    ids, keys = _columns(dataset, [("_id",), key.keys], [False, key.id_as_text])
    values = {str(k) if isinstance(k, ObjectId) and key.id_as_text else k: v for k, v in values.items()}
    unknown = set(values).difference(k for k in keys if k.__hash__)
    if unknown:
        raise UsageError(
            "Found %d keys (eg: %s) that do not match the '%s' field of any samples"
            % (len(unknown), next(iter(unknown)), key_field)
        )
    chosen = [(id, k) for id, k in zip(ids, keys) if k.__hash__ and k in values]
    if expected is not None:
        missing = [k for _, k in chosen if k not in expected]
        if missing:
            raise UsageError("expected has no value for key %r" % (missing[0],))
        expected = [expected[k] for _, k in chosen]
    return [id for id, _ in chosen], [values[k] for _, k in chosen], expected


def _by_frame(dataset, name, sample_ids, values, expected):
    ids, numbers = frame_columns(dataset, [("_id",), ("frame_number",)], [False, False], sample_ids)
    out_ids, out_values, out_expected = [], [], None if expected is None else []
    for index, (frame_ids, frame_numbers, given) in enumerate(zip(ids, numbers, values)):
        old = None if expected is None else expected[index]
        if given is None and not frame_ids:
            continue
        if isinstance(given, dict):
            position = {number: i for i, number in enumerate(frame_numbers)}
            unknown = [number for number in given if number not in position]
            if unknown:
                raise UsageError("Sample %s has no frame %s; nothing was written" % (sample_ids[index], unknown[0]))
            frame_ids = [frame_ids[position[number]] for number in given]
            if isinstance(old, dict):
                old = [old.get(number) for number in given]
            given = list(given.values())
        given = _listed(given)
        _same_length(name, "frames of sample %s" % sample_ids[index], len(given), len(frame_ids))
        out_ids += frame_ids
        out_values += given
        if out_expected is not None:
            old = _listed(old)
            _same_length(name, "frames (expected) of sample %s" % sample_ids[index], len(old), len(frame_ids))
            out_expected += old
    return out_ids, out_values, out_expected


def _listed(values):
    if isinstance(values, (str, bytes)) or values is None:
        raise TypeError("values is a list with an item for each sample, not %r" % (values,))
    return values if isinstance(values, list) else list(values)


def _same_length(name, of, found, wanted):
    if found != wanted:
        raise UsageError(
            "Found %d values of '%s' for %d %s; nothing was written" % (found, name, wanted, of)
        )


def _columns(dataset, keys, texts):
    core = dataset._database._core
    projection = {".".join(one): 1 for one in keys}
    projection.setdefault("_id", 0)
    return core.columns(dataset._samples(), dataset._filter(), keys, texts, projection)


def _new_field(dataset, path, name, values):
    value = next((v for v in values if v is not None), None)
    kind = "frame" if path.frames else "sample"
    if value is None:
        raise UsageError(
            "Cannot infer an appropriate type for new %s field '%s' from empty/all-None values" % (kind, path.keys[0])
        )
    existing = dataset._doc.get("frame_fields" if path.frames else "sample_fields") or [None]
    return schema.new_field(path.keys[0], value, existing[0])


def _declare(dataset, frames, document):
    """Adds the field unless another client has done so."""
    key = "frame_fields" if frames else "sample_fields"
    change = {"$push": {key: document}}
    if _STAMP in dataset._doc:
        change["$set"] = {_STAMP: datetime.datetime.now(datetime.timezone.utc)}
    query = {
        "_id": dataset._doc["_id"],
        "version": dataset._doc.get("version"),
        key + ".name": {"$ne": document["name"]},
    }
    if dataset._database._core.update("datasets", query, change) == 1:
        return dataset.reload()
    dataset.reload()
    found = {one["name"]: one for one in dataset._doc.get(key) or ()}.get(document["name"])
    if found is None or found["ftype"] != document["ftype"]:
        raise ConflictError(
            "Dataset '%s' was changed by another client meanwhile; nothing was written" % dataset.name,
            "Run the same call again.",
        )


class _Edit:
    """One pass over a collection."""

    def __init__(self, dataset, path, name, owner):
        self._core = dataset._database._core
        self._path, self._name, self._owner = path, name, owner
        self._collection = dataset._frames() if path.frames else dataset._samples()
        self._filter = {} if path.frames else dataset._filter()
        fields = dataset._doc.get("frame_fields" if path.frames else "sample_fields") or ()
        self._stamp = _STAMP if any(one["name"] == _STAMP for one in fields) else ""
        self._list = ".".join(path.keys[: path.lists[0]]) if path.lists else ""
        self._parents = [".".join(path.keys[:n]) for n in range(1, len(path.keys)) if not path.lists or n < path.lists[0]]
        self._ids = []
        self._elements = None  # for each document the ids of its list's elements, or None
        self._there = None  # for each document whether the parents are documents

    def read(self, ids):
        """What the values have to fit: the lists, or the documents around them."""
        self._ids = ids
        if not self._list and not self._parents:
            return
        if self._list:
            look = tuple(self._list.split(".")) + ("_id",)
        else:
            look = tuple(self._parents[-1].split("."))
        projection = {"_id": 1, ".".join(look) if self._list else self._parents[-1] + "._cls": 1}
        found_ids, found = self._core.columns(
            self._collection, self._filter, [("_id",), look], [False, False], projection
        )
        if found_ids == ids:
            looked = found
        else:
            by_id = dict(zip(found_ids, found))
            looked = [by_id.get(id) for id in ids]
        if self._list:
            self._elements = looked
        else:
            self._there = [isinstance(one, dict) for one in looked]

    def prepare(self, values, convert, skip_none, expected):
        """(ids, values, expected columns) that are written; checks everything."""
        out_ids, out, old, guards = [], [], [], []
        exact = convert.exact if convert else None
        for index, value in enumerate(values):
            if self._list:
                value = self._list_value(index, value, convert)
                if value is None or (skip_none and all(v is None for v in value)):
                    continue
                guards.append(self._elements[index])
            else:
                if value is None and (skip_none or (self._there and not self._there[index])):
                    continue
                if value is None and self._path.dotted == "filepath":
                    raise UsageError("None is no filepath (sample %s); nothing was written" % self._ids[index])
                if self._there and not self._there[index]:
                    raise UsageError(
                        "%s %s has no '%s' to set '%s' of; nothing was written"
                        % (self._owner[:-1].capitalize(), self._ids[index], self._parents[-1], self._path.keys[-1])
                    )
                if convert and value is not None and type(value) is not exact:
                    value = convert(value)
            out_ids.append(self._ids[index])
            out.append(value)
            if expected is not None:
                old.append(self._stored(expected[index], convert))
        columns = {}
        if guards:
            columns[self._list + "._id"] = guards
        if expected is not None:
            columns[self._path.dotted] = old
        self._keep = skip_none
        return out_ids, out, columns

    def _list_value(self, index, value, convert):
        elements = self._elements[index]
        where = "list elements of %s %s" % (self._owner[:-1], self._ids[index])
        if not isinstance(elements, list) or value is None:
            if value:
                _same_length(self._name, where, len(_listed(value)), 0)
            return None
        value = _listed(value)
        _same_length(self._name, where, len(value), len(elements))
        if not all(elements) and any(one is None for one in elements):
            raise UsageError("Can only set values of array documents with IDs")
        if not value:
            return None
        if convert and set(map(type, value)) == {convert.exact}:
            return value
        return [convert(v) if convert and v is not None else v for v in value]

    def _stored(self, value, convert):
        """An expected value as it is stored."""
        one = lambda v: convert(v) if convert and v is not None else v
        if self._list:
            return [one(v) for v in value] if value is not None else None
        return one(value)

    def write(self, listener, ids, values, expected):
        edited, left = self._core.set_column(
            listener,
            self._collection,
            ids,
            values,
            self._path.dotted,
            self._list,
            self._keep,
            self._parents if not self._list else [],
            expected,
            self._stamp,
        )
        if edited < len(ids):
            shown = ", ".join(map(str, left[:_SHOWN])) + (", ..." if len(left) > _SHOWN else "")
            raise ConflictError(
                "%d of %d %s were deleted or changed by others meanwhile and left as they are%s"
                % (len(ids) - edited, len(ids), self._owner, ": " + shown if shown else ""),
                "The others were written. Read the values again and repeat the call for these.",
                ids=left,
            )
