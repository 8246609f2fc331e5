from collections.abc import Callable, Iterable
from os import PathLike
from typing import Any

from . import errors as errors, types as types
from .bson_types import Binary as Binary, DateMs as DateMs, Int64 as Int64, ObjectId as ObjectId, RawValue as RawValue
from .config import Config as Config
from .database import Database as Database
from .dataset import Dataset as Dataset
from .errors import DatasetNotFoundError as DatasetNotFoundError, MigratorError as MigratorError
from .schema import Field as Field

Progress = Callable[[str, int, int], Any] | bool | None


__version__: str
DATA_MODEL: str
COMPATIBLE_VERSIONS: str
config: Config

def database() -> Database: ...
def list_datasets(
    glob_patt: str | None = None, tags: str | Iterable[str] | None = None, info: bool = False
) -> list[Any]: ...
def dataset_exists(name: str) -> bool: ...
def load_dataset(name: str, progress: Progress = None) -> Dataset: ...
def delete_dataset(name: str, verbose: bool = False) -> None: ...
def get_database_revision() -> str: ...
def get_dataset_revision(name: str) -> str | None: ...
def get_datasets_revisions() -> dict[str, str | None]: ...
def needs_migration(name: str, destination: str | None = None) -> bool: ...
def migrate_all(
    destination: str | None = None,
    error_level: int = 0,
    verbose: bool = False,
    allow_loss: bool = False,
    progress: Progress = None,
) -> None: ...
def migrate_database_if_necessary(
    destination: str | None = None, verbose: bool = False, allow_loss: bool = False
) -> None: ...
def migrate_dataset_if_necessary(
    name: str,
    destination: str | None = None,
    error_level: int = 0,
    verbose: bool = False,
    allow_loss: bool = False,
    progress: Progress = None,
) -> None: ...
def run(command: str, *arguments: str, progress: Progress = None) -> Any: ...
def plan(version: str | None = None, names: str | Iterable[str] = ()) -> dict[str, Any]: ...
def verify(names: str | Iterable[str] = (), deep: bool = False) -> dict[str, Any]: ...
def doctor() -> dict[str, Any]: ...
def backup(
    directory: str | PathLike[str],
    version: str | None = None,
    everything: bool = False,
    progress: Progress = None,
) -> dict[str, Any]: ...
def restore(
    directory: str | PathLike[str], overwrite: bool = False, progress: Progress = None
) -> dict[str, Any]: ...
