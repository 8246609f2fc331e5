"""Media in object stores."""

import json
import os
import shutil
import tempfile

from .archives import _flag, _path, _value
from .errors import UsageError
from .stores import get_file_system, is_local, normalize_path, split_prefix, stores


def upload_media(
    sample_collection,
    remote_dir,
    rel_dir=None,
    media_field="filepath",
    update_filepaths=False,
    cache=False,
    overwrite=False,
    skip_failures=False,
    progress=None,
    *,
    copy_remote=False,
    include_assets=True,
    group_slices=None,
    on_clash="rename",
    outside="error",
    dedupe=False,
    verify_full=False,
    cache_control=None,
    metadata=None,
    storage_class=None,
):
    """Uploads the media of a dataset, or of some of its samples, to an object store.

    ``sample_collection``: a ``Dataset``, all slices of a grouped one; what
    ``Dataset.select`` gives; or a dataset or view of FiftyOne itself on the database of
    the settings. Of a view the samples are taken that its ``values("id")`` names.
    ``remote_dir``: ``s3://bucket/folder``, ``gs://...``, ``https://...``, see
    docs/media.md, also for credentials. ``rel_dir``: cut from local paths; the rest
    is kept below ``remote_dir``. ``media_field``: a field; or several, each in a
    folder of its own: a list, ``"*"`` for all, or a dict from field to folder.
    ``update_filepaths``: writes the new path to each sample once its file is safe.
    ``overwrite``: replaces objects that are there. ``skip_failures``: goes on without
    files that are missing. ``progress``: a callable ``(phase,
    done, total)``, of bytes, or True for stderr. ``cache``: leaves each file in the media cache, too, so that nobody has to
    download it: True or ``"copy"``, or ``"move"``, which takes it from its place. The cache
    is that of the media cache config; nothing is dropped from it here.

    ``copy_remote``: objects elsewhere in a store are copied to ``remote_dir``, by the
    store itself where both places are in one; else they are left. ``include_assets``:
    3D scenes bring what they name; False sends them as they are. ``group_slices``: only
    these. ``on_clash``: what becomes of a name that is taken: ``"rename"``, ``"error"``,
    ``"hash"``. ``outside``: of files outside of ``rel_dir``: ``"error"``,
    ``"basename"``. ``dedupe``: files of equal content go once. ``verify_full``: every
    object is read back. ``cache_control`` (str), ``metadata`` (dict of str),
    ``storage_class`` (str): of the objects written, where the store has them.

    Returns remote paths, aligned with ``values(media_field, unwind=True)``; None for
    what was left out. Of several fields a dict of such lists, by field. A call that was
    cut off goes on where it stopped when it is made again.
    """
    if cache not in (False, True, "copy", "move"):
        raise UsageError("cache is False, True, 'copy' or 'move', not %r" % (cache,))
    chosen, ids = _chosen(sample_collection)
    with tempfile.TemporaryDirectory(prefix="fiftyone-migrator-upload-") as folder:
        report = os.path.join(folder, "report.jsonl")
        words = ["media", "upload", "--report", report]
        for name in _fields(media_field):
            words += ["--media-field", name]
        if ids is not None:
            samples = os.path.join(folder, "samples")
            with open(samples, "w") as f:
                f.writelines("%s\n" % id for id in ids)
            words += ["--samples", samples]
        for name in [group_slices] if isinstance(group_slices, str) else group_slices or ():
            words += ["--group-slice", name]
        for name, value in (metadata or {}).items():
            words += ["--metadata", "%s=%s" % (name, value)]
        words += _value("--rel-dir", _path(rel_dir))
        words += _value("--on-clash", on_clash)
        words += _value("--outside", outside)
        words += _value("--cache-control", cache_control)
        words += _value("--storage-class", storage_class)
        words += _flag("--update-filepaths", update_filepaths)
        words += _flag("--overwrite", overwrite)
        words += _flag("--skip-failures", skip_failures)
        words += _flag("--copy-remote", copy_remote)
        words += _flag("--no-assets", not include_assets)
        words += _flag("--dedupe", dedupe)
        words += _flag("--verify-full", verify_full)
        done = chosen._database.run(*words, "--", chosen.name, str(remote_dir), progress=progress)
        with open(report) as lines:
            found = {line["local"]: None if "error" in line else line["remote"] for line in map(json.loads, lines)}
    if cache:
        for path, uri in found.items():
            if uri is not None and is_local(path):
                _keep(path, uri, move=cache == "move")
    out = {name: [_place(path, found) for path in sample_collection.values(name, unwind=True)] for name in done["fields"]}
    return out[done["fields"][0]] if isinstance(media_field, str) and len(out) == 1 and media_field != "*" else out


def _chosen(collection):
    """The dataset, and the ids of its samples that are meant; None for all."""
    if hasattr(collection, "_database"):
        dataset = getattr(collection, "_dataset", collection)
    else:
        from . import database

        view = hasattr(collection, "dataset_name")
        dataset = database().load_dataset(collection.dataset_name if view else collection.name)
        if view:
            dataset = dataset.select(collection.values("id"))._dataset
    dataset.reload()
    return dataset, dataset._ids


def _fields(media_field):
    if isinstance(media_field, str):
        return [media_field]
    if isinstance(media_field, dict):
        return ["%s=%s" % item for item in media_field.items()]
    return list(media_field)


def _place(path, found):
    """Where a path that is stored now leads to in a store; None for a local one and for what failed."""
    if path is None:
        return None
    remote = not is_local(path)
    return found.get(path if remote else normalize_path(path), path if remote else None)


def _keep(path, uri, move):
    """Puts a file where the media cache has that of a URI."""
    place = os.path.join(stores().cache_folder, "media", get_file_system(uri).value, split_prefix(uri)[1])
    os.makedirs(os.path.dirname(place), exist_ok=True)
    partial = place + ".partial"
    shutil.copy2(path, partial)
    os.replace(partial, place)
    if move:
        os.remove(path)
