"""Datasets of FiftyOne from Python: load, read, edit, migrate, carry.

    import fiftyone_migrator as fm

    dataset = fm.load_dataset("quickstart")
    paths = dataset.values("filepath")
    dataset.set_values("filepath", [path.replace("/data/", "s3://bucket/") for path in paths])

Functions of the module work on the database that the settings name (``config``);
``Database(uri, name)`` is any other. The package needs neither the package
``fiftyone`` nor PyMongo and can be installed beside both.
"""

from . import errors, types
from ._core import COMPATIBLE_VERSIONS, DATA_MODEL
from .bson_types import Binary, DateMs, Int64, ObjectId, RawValue
from .config import Config
from .database import Database
from .database import default as _default
from .dataset import Dataset
from .errors import DatasetNotFoundError, MigratorError
from .schema import Field

config = Config()


def database():
    """The ``Database`` that the settings name now."""
    return _default(config._assigned)


def _bound(name):
    method = getattr(Database, name)

    def function(*args, **kwargs):
        return getattr(database(), name)(*args, **kwargs)

    function.__name__ = function.__qualname__ = name
    function.__doc__ = method.__doc__
    function.__wrapped__ = method  # for signatures
    return function


_FUNCTIONS = (
    "list_datasets",
    "dataset_exists",
    "load_dataset",
    "delete_dataset",
    "get_database_revision",
    "get_dataset_revision",
    "get_datasets_revisions",
    "needs_migration",
    "migrate_all",
    "migrate_database_if_necessary",
    "migrate_dataset_if_necessary",
    "run",
    "plan",
    "verify",
    "doctor",
    "backup",
    "restore",
)
for _name in _FUNCTIONS:
    globals()[_name] = _bound(_name)

try:
    from importlib.metadata import PackageNotFoundError, version

    __version__ = version("fiftyone-migrator")
except PackageNotFoundError:  # from a build tree
    __version__ = "0"

__all__ = [
    "COMPATIBLE_VERSIONS",
    "DATA_MODEL",
    "Binary",
    "Config",
    "Database",
    "Dataset",
    "DatasetNotFoundError",
    "DateMs",
    "Field",
    "Int64",
    "MigratorError",
    "ObjectId",
    "RawValue",
    "config",
    "database",
    "errors",
    "types",
    *_FUNCTIONS,
]
