from collections.abc import Callable
from os import PathLike
from typing import Any, Literal

from .dataset import Dataset

def upload_media(
    sample_collection: Dataset,
    remote_dir: str,
    rel_dir: str | PathLike[str] | None = None,
    media_field: str = "filepath",
    update_filepaths: bool = False,
    cache: bool | Literal["copy", "move"] = False,
    overwrite: bool = False,
    skip_failures: bool = False,
    progress: Callable[[str], Any] | bool | None = None,
) -> list[str | None]: ...
