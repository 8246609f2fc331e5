from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from os import PathLike
from typing import Any, Literal, overload

from .bson_types import ObjectId
from .database import Database
from .schema import Field
from .types import FiftyOneDataset
from .view import DatasetView

Progress = Callable[[str, int, int], Any] | bool | None

class Dataset:
    def __init__(self, database: Database, document: dict[str, Any]) -> None: ...
    def __repr__(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def version(self) -> str | None: ...
    @property
    def media_type(self) -> str | None: ...
    @property
    def tags(self) -> list[str]: ...
    @property
    def description(self) -> str | None: ...
    @property
    def created_at(self) -> datetime | None: ...
    @property
    def last_modified_at(self) -> datetime | None: ...
    @property
    def persistent(self) -> bool: ...
    @persistent.setter
    def persistent(self, value: bool) -> None: ...
    @property
    def info(self) -> dict[str, Any]: ...
    @info.setter
    def info(self, value: dict[str, Any]) -> None: ...
    def save(self) -> None: ...
    @property
    def group_field(self) -> str | None: ...
    @property
    def group_slices(self) -> list[str] | None: ...
    @property
    def group_slice(self) -> str | None: ...
    @group_slice.setter
    def group_slice(self, value: str | None) -> None: ...
    def get_field_schema(self) -> dict[str, Field]: ...
    def get_frame_field_schema(self) -> dict[str, Field] | None: ...
    @property
    def schema(self) -> dict[str, Field]: ...
    def reload(self) -> None: ...
    def delete(self) -> None: ...
    def count(self, field: str | None = None) -> int: ...
    def __len__(self) -> int: ...
    def __bool__(self) -> bool: ...
    def __iter__(self) -> Iterator[dict[str, Any]]: ...
    def iter_frames(self) -> Iterator[dict[str, Any]]: ...
    def first(self) -> dict[str, Any]: ...
    @overload
    def values(
        self, field_or_expr: str, expr: None = None, missing_value: Any = None, unwind: bool | Literal[-1] = False
    ) -> list[Any]: ...
    @overload
    def values(
        self,
        field_or_expr: list[str] | tuple[str, ...],
        expr: None = None,
        missing_value: Any = None,
        unwind: bool | Literal[-1] = False,
    ) -> tuple[list[Any], ...]: ...
    def set_values(
        self,
        field_name: str,
        values: Iterable[Any] | dict[Any, Any],
        key_field: str | None = None,
        skip_none: bool = False,
        expand_schema: bool = True,
        validate: bool = True,
        progress: Progress = None,
        expected: Iterable[Any] | dict[Any, Any] | None = None,
    ) -> None: ...
    def select(self, sample_ids: Iterable[str | ObjectId]) -> DatasetView: ...
    def export(
        self,
        export_dir: str | PathLike[str] | None = None,
        dataset_type: type[FiftyOneDataset] | FiftyOneDataset = ...,
        export_media: bool | Literal["move", "symlink"] | None = None,
        progress: Progress = None,
        *,
        rel_dir: str | PathLike[str] | None = None,
        chunk_size: int | None = None,
        use_dirs: bool = False,
        ordered: bool = True,
        overwrite: bool = False,
        export_runs: bool = True,
        export_saved_views: bool = True,
        export_workspaces: bool = True,
        target_version: str | None = None,
        allow_loss: bool = False,
    ) -> dict[str, Any]: ...
    @classmethod
    def from_dir(
        cls,
        dataset_dir: str | PathLike[str] | None = None,
        dataset_type: type[FiftyOneDataset] | FiftyOneDataset = ...,
        name: str | None = None,
        persistent: bool = False,
        database: Database | None = None,
        progress: Progress = None,
        *,
        overwrite: bool = False,
        rel_dir: str | PathLike[str] | None = None,
        tags: str | Iterable[str] | None = None,
        import_runs: bool = True,
        import_saved_views: bool = True,
        import_workspaces: bool = True,
        on_conflict: Literal["error", "skip", "replace", "new_ids"] | None = None,
        assume_version: str | None = None,
        target_version: str | None = None,
        allow_loss: bool = False,
    ) -> Dataset: ...
