"""Datasets on disk: export and import, by the program's commands."""

import datetime
import os

from . import types
from .errors import UsageError

_MEDIA = {None: "copy", True: "copy", False: "none", "move": "move", "symlink": "symlink"}


def check_type(dataset_type):
    """Raises ValueError for anything but FiftyOneDataset, the class or an instance."""
    kind = dataset_type if isinstance(dataset_type, type) else type(dataset_type)
    if dataset_type is None or kind.__name__ != types.FiftyOneDataset.__name__:
        raise UsageError(
            "dataset_type is fiftyone_migrator.types.FiftyOneDataset, the one type that holds all of a dataset; not %r"
            % (dataset_type,)
        )


def export_dataset(dataset, export_dir, dataset_type, export_media, options, progress):
    check_type(dataset_type)
    if export_dir is None:
        raise UsageError("export_dir is missing")
    if isinstance(export_media, str) and export_media not in _MEDIA or export_media not in _MEDIA:
        raise UsageError("Unsupported media export mode %r; it is True, False, 'move' or 'symlink'" % (export_media,))
    words = ["dataset", "export", "--media", _MEDIA[export_media]]
    take = options.pop
    words += _value("--rel-dir", _path(take("rel_dir", None)))
    words += _value("--chunk-size", take("chunk_size", None))
    words += _value("--target-version", take("target_version", None))
    words += _flag("--use-dirs", take("use_dirs", False))
    words += _flag("--unordered", not take("ordered", True))
    words += _flag("--overwrite", take("overwrite", False))
    words += _flag("--no-runs", not take("export_runs", True))
    words += _flag("--no-views", not take("export_saved_views", True))
    words += _flag("--no-workspaces", not take("export_workspaces", True))
    words += _flag("--allow-loss", take("allow_loss", False))
    _no_more(options)
    return dataset._database.run(*words, "--", dataset.name, _path(export_dir), progress=progress)


def import_dataset(database, dataset_dir, dataset_type, name, persistent, options, progress):
    """The name of the new dataset."""
    check_type(dataset_type)
    if dataset_dir is None:
        raise UsageError("dataset_dir is missing")
    # As the original: the name in the archive is not taken.
    name = name or datetime.datetime.now().strftime("%Y.%m.%d.%H.%M.%S.%f")
    words = ["dataset", "import", "--name", name]
    take = options.pop
    words += _flag("--no-persistent", not persistent)
    words += _flag("--overwrite", take("overwrite", False))
    words += _value("--rel-dir", _path(take("rel_dir", None)))
    on_conflict = take("on_conflict", None)
    words += _value("--on-conflict", on_conflict and str(on_conflict).replace("_", "-"))
    words += _value("--target-version", take("target_version", None))
    words += _value("--assume-version", take("assume_version", None))
    words += _flag("--no-runs", not take("import_runs", True))
    words += _flag("--no-views", not take("import_saved_views", True))
    words += _flag("--no-workspaces", not take("import_workspaces", True))
    words += _flag("--allow-loss", take("allow_loss", False))
    tags = take("tags", None) or ()
    for tag in [tags] if isinstance(tags, str) else tags:
        words += ["--tag", tag]
    _no_more(options)
    return database.run(*words, "--", _path(dataset_dir), progress=progress)["name"]


def _path(path):
    return None if path is None else os.path.expanduser(os.fspath(path))


def _value(option, value):
    return [] if value is None else [option, str(value)]


def _flag(option, on):
    return [option] if on else []


def _no_more(options):
    if options:
        raise TypeError("There is no option '%s' for FiftyOneDataset" % next(iter(options)))
