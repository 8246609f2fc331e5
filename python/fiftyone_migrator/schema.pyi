import dataclasses
from typing import Any

@dataclasses.dataclass(frozen=True)
class Field:
    name: str
    db_field: str
    ftype: str
    subfield: str | None = None
    document_type: str | None = None
    description: str | None = None
    read_only: bool = False
    fields: tuple[Field, ...] = ()
    @classmethod
    def parse(cls, doc: dict[str, Any]) -> Field: ...
    def __str__(self) -> str: ...
