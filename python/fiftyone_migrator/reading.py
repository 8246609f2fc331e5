"""Values of fields, as lists."""

import datetime
import itertools

from . import arrays, schema


def read_values(dataset, names, missing_value, unwind):
    """One list for each name; see ``Dataset.values``."""
    paths = [resolve(dataset, name) for name in names]
    columns = read_columns(dataset, paths)
    return [_finish(path, column, missing_value, unwind) for path, column in zip(paths, columns)]


def resolve(dataset, name):
    if not isinstance(name, str):
        raise TypeError("the path of a field is a str, not %r" % (name,))
    frames = schema.parse_schema(dataset._doc.get("frame_fields")) if dataset._has_frames() else None
    return schema.resolve(name, schema.parse_schema(dataset._doc.get("sample_fields")), frames)


def read_columns(dataset, paths, extra=()):
    """What is stored at the paths, one list a path; then at ``extra``, tuples of
    keys of the sample. One query for the samples, one for all frames."""
    core = dataset._database._core
    of_samples = [path for path in paths if not path.frames]
    of_frames = [path for path in paths if path.frames]
    keys = [path.keys for path in of_samples] + list(extra)
    texts = [path.id_as_text for path in of_samples] + [False] * len(extra)
    if of_frames:
        keys.append(("_id",))
        texts.append(False)
    found = core.columns(dataset._samples(), dataset._filter(), keys, texts, _projection(keys))
    frames = iter(_frame_columns(dataset, of_frames, found.pop())) if of_frames else iter(())
    samples = iter(found)
    out = [next(frames) if path.frames else next(samples) for path in paths]
    return out + list(samples)


def frame_columns(dataset, keys, texts, sample_ids):
    """For each tuple of keys of the frame: a list for each sample, by number."""
    core = dataset._database._core
    if any(not one for one in keys):  # whole documents
        projection = None
    else:
        projection = _projection([*keys, ("_sample_id",)])
    order = {"_sample_id": 1, "frame_number": 1}
    *columns, owners = core.columns(
        dataset._frames(), {}, [*keys, ("_sample_id",)], [*texts, False], projection, order
    )
    position = {id: index for index, id in enumerate(sample_ids)}
    out = [[[] for _ in sample_ids] for _ in columns]
    for frame, owner in enumerate(owners):
        index = position.get(owner)
        if index is None:  # of another slice, or of a sample that is gone
            continue
        for column, lists in zip(columns, out):
            lists[index].append(column[frame])
    return out


def _frame_columns(dataset, paths, sample_ids):
    return frame_columns(dataset, [p.keys for p in paths], [p.id_as_text for p in paths], sample_ids)


def _projection(keys):
    """What a query has to give for these keys; a path contains those below it."""
    names = sorted({".".join(one) for one in keys})
    out = {}
    for name in names:
        if not any(name.startswith(other + ".") for other in out):
            out[name] = 1
    out.setdefault("_id", 0)
    return out


def _finish(path, column, missing_value, unwind):
    kind = path.field.ftype if path.field is not None else None
    if kind == "ListField":
        kind = path.field.subfield
    depth = path.depth
    if kind in ("VectorField", "ArrayField"):
        column = mapped(column, depth, arrays.load)
    elif kind == "DateField":
        column = mapped(column, depth, lambda v: v.date() if isinstance(v, datetime.datetime) else v)
    if missing_value is not None:
        column = mapped(column, depth, lambda v: missing_value if v is None else v, with_none=True)
    if unwind is True or (unwind and unwind > 0):
        levels = set(range(depth))
    elif unwind:  # all but the samples' own
        levels = set(range(1, depth))
    else:
        levels = path.unwound
    for level in sorted(levels, reverse=True):
        column = _flattened(column, level)
    return column


def mapped(value, depth, function, with_none=False):
    """``function`` of the values that lie ``depth`` lists below those of a list."""
    if depth == 0:
        return [function(v) if v is not None or with_none else None for v in value]
    return [mapped(v, depth - 1, function, with_none) if isinstance(v, list) else v for v in value]


def _flattened(value, level):
    """Without the lists that stand ``level`` levels below the items."""
    if level > 0:
        return [_flattened(v, level - 1) if isinstance(v, list) else v for v in value]
    return list(itertools.chain.from_iterable(v if isinstance(v, list) else [v] for v in value if v is not None))
