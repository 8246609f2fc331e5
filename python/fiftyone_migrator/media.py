"""Media in object stores."""

import json
import os
import shutil
import tempfile

from .archives import _flag, _path, _told, _value
from .reading import resolve
from .stores import get_file_system, split_prefix, stores

# Where labels keep their path.
_ATTRIBUTES = {
    "Segmentation": "mask_path",
    "Detections": "detections.mask_path",
    "Heatmap": "map_path",
    "OrthographicProjectionMetadata": "filepath",
}


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
):
    """Uploads the media of a dataset to an object store.

    ``remote_dir``: ``s3://bucket/folder``, ``gs://...``, ``https://...``, see
    docs/media.md, also for credentials. ``rel_dir``: cut from local paths; the rest
    is kept below ``remote_dir``. ``media_field``: one field a call.
    ``update_filepaths``: writes the new path to each sample once its file is safe.
    ``overwrite``: replaces objects that are there. ``skip_failures``: goes on without
    files that are missing. ``progress``: a callable that takes lines of text, or True
    for stderr. ``cache``: leaves each file in the media cache, too, so that nobody has to
    download it: True or ``"copy"``, or ``"move"``, which takes it from its place. The cache
    is that of the media cache config; nothing is dropped from it here.

    Returns remote paths, aligned with ``values(media_field, unwind=True)``; None for
    what was left out. A call that was cut off goes on where it stopped when it is
    made again.
    """
    if cache not in (False, True, "copy", "move"):
        raise ValueError("cache is False, True, 'copy' or 'move', not %r" % (cache,))
    dataset = sample_collection
    dataset.reload()
    field = _field(dataset, media_field)
    local = dataset.values(field, unwind=True)
    handle, report = tempfile.mkstemp(prefix="fiftyone-migrator-upload-", suffix=".jsonl")
    os.close(handle)
    try:
        words = ["media", "upload", "--media-field", media_field, "--report", report]
        words += _value("--rel-dir", _path(rel_dir))
        words += _flag("--update-filepaths", update_filepaths)
        words += _flag("--overwrite", overwrite)
        words += _flag("--skip-failures", skip_failures)
        dataset._database.run(*words, "--", dataset.name, str(remote_dir), progress=_told(progress))
        with open(report) as lines:
            remote = {line["local"]: line["remote"] for line in map(json.loads, lines) if "error" not in line}
    finally:
        os.remove(report)
    if cache:
        for path, uri in remote.items():
            _keep(path, uri, move=cache == "move")
    if update_filepaths:
        return [path if path is not None and "://" in path else None for path in dataset.values(field, unwind=True)]
    return [path if path is not None and "://" in path else remote.get(path) for path in local]


def _keep(path, uri, move):
    """Puts a file where the media cache has that of a URI."""
    place = os.path.join(stores().cache_folder, "media", get_file_system(uri).value, split_prefix(uri)[1])
    os.makedirs(os.path.dirname(place), exist_ok=True)
    partial = place + ".partial"
    shutil.copy2(path, partial)
    os.replace(partial, place)
    if move:
        os.remove(path)


def _field(dataset, name):
    """The path of the texts that a media field means."""
    field = resolve(dataset, name).field
    kind = (field.document_type or "").rsplit(".", 1)[-1] if field is not None else None
    attribute = _ATTRIBUTES.get(kind)
    if attribute is None:
        return name
    if field.ftype == "ListField":
        attribute = attribute.rsplit(".", 1)[-1]
    return name + "." + attribute
