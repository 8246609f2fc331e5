"""The part of the package ``fiftyone`` that moving datasets takes, carried out by
``fiftyone_migrator``: for environments that do not have the original.

    import fiftyone as fo
    import fiftyone.core.storage as fos

    dataset = fo.load_dataset("quickstart")
    dataset.export(export_dir="/tmp/dataset", dataset_type=fo.types.FiftyOneDataset, export_media=False)
"""

from . import _alone

_alone.check(__path__)

import fiftyone_migrator as _migrator
from fiftyone_migrator import (
    Dataset,
    DatasetNotFoundError,
    config,
    dataset_exists,
    delete_dataset,
    list_datasets,
    load_dataset,
)

from . import core, migrations, types
from ._version import __version__

__all__ = [
    "Dataset",
    "DatasetNotFoundError",
    "config",
    "core",
    "dataset_exists",
    "delete_dataset",
    "list_datasets",
    "load_dataset",
    "migrations",
    "types",
]


def __getattr__(name):
    raise AttributeError(
        "This fiftyone (%s) holds only what moving datasets takes; it has no '%s'. "
        "The whole package is 'fiftyone' on PyPI; install it in an environment of its own." % (__version__, name)
    )
