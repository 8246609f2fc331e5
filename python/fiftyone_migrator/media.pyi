from collections.abc import Iterable, Mapping
from os import PathLike
from typing import Any, Literal, overload

from .dataset import Dataset, Progress
from .view import DatasetView

@overload
def upload_media(
    sample_collection: Dataset | DatasetView | Any,
    remote_dir: str,
    rel_dir: str | PathLike[str] | None = None,
    media_field: str = "filepath",
    update_filepaths: bool = False,
    cache: bool | Literal["copy", "move"] = False,
    overwrite: bool = False,
    skip_failures: bool = False,
    progress: Progress = None,
    *,
    copy_remote: bool = False,
    include_assets: bool = True,
    group_slices: str | Iterable[str] | None = None,
    on_clash: Literal["rename", "error", "hash"] = "rename",
    outside: Literal["error", "basename"] = "error",
    dedupe: bool = False,
    verify_full: bool = False,
    cache_control: str | None = None,
    metadata: Mapping[str, str] | None = None,
    storage_class: str | None = None,
) -> list[str | None]: ...
@overload
def upload_media(
    sample_collection: Dataset | DatasetView | Any,
    remote_dir: str,
    rel_dir: str | PathLike[str] | None = None,
    media_field: Iterable[str] | Mapping[str, str] = ...,
    update_filepaths: bool = False,
    cache: bool | Literal["copy", "move"] = False,
    overwrite: bool = False,
    skip_failures: bool = False,
    progress: Progress = None,
    *,
    copy_remote: bool = False,
    include_assets: bool = True,
    group_slices: str | Iterable[str] | None = None,
    on_clash: Literal["rename", "error", "hash"] = "rename",
    outside: Literal["error", "basename"] = "error",
    dedupe: bool = False,
    verify_full: bool = False,
    cache_control: str | None = None,
    metadata: Mapping[str, str] | None = None,
    storage_class: str | None = None,
) -> dict[str, list[str | None]]: ...
