"""The fields of a dataset, and paths through them."""

import collections
import dataclasses
import datetime

from .errors import UsageError

_PREFIX = "fiftyone.core.fields."
# Declared in every dataset but not for users; the original does not know them either.
_PRIVATE = {"_rand", "_media_type"}


@dataclasses.dataclass(frozen=True)
class Field:
    """A declared field.

    ``ftype`` and ``subfield`` are class names without their module, for example
    ``"ListField"``; ``document_type`` is that of documents in it, with its module.
    """

    name: str
    db_field: str
    ftype: str
    subfield: str = None
    document_type: str = None
    description: str = None
    read_only: bool = False
    fields: tuple = ()

    @classmethod
    def parse(cls, doc):
        short = lambda text: text.rsplit(".", 1)[-1] if text else None
        return cls(
            name=doc["name"],
            db_field=doc.get("db_field") or doc["name"],
            ftype=short(doc.get("ftype")),
            subfield=short(doc.get("subfield")),
            document_type=doc.get("embedded_doc_type"),
            description=doc.get("description"),
            read_only=bool(doc.get("read_only")),
            fields=tuple(map(cls.parse, doc.get("fields") or ())),
        )

    def __str__(self):
        if self.ftype == "EmbeddedDocumentField":
            return "%s(%s)" % (self.ftype, self.document_type)
        if self.subfield == "EmbeddedDocumentField":
            return "%s(%s(%s))" % (self.ftype, self.subfield, self.document_type)
        return "%s(%s)" % (self.ftype, self.subfield) if self.subfield else self.ftype


@dataclasses.dataclass(frozen=True)
class Path:
    """A path as typed, resolved.

    ``keys``: the keys in the stored document, from its top (of the frame, where
    ``frames``). ``lists``: after how many keys a list of documents is entered.
    ``field``: what is declared at the end, None where nothing is.
    """

    frames: bool
    keys: tuple
    lists: tuple = ()
    field: Field = None
    id_as_text: bool = False
    unwound: frozenset = frozenset()  # levels of nesting that "[]" takes away

    @property
    def depth(self):
        """Levels of lists in what one sample gives."""
        leaf = self.field is not None and self.field.ftype == "ListField"
        return self.frames + len(self.lists) + leaf

    @property
    def dotted(self):
        return ".".join(self.keys)


def parse_schema(docs):
    """{name: Field} of a list of field documents."""
    return collections.OrderedDict((f.name, f) for f in map(Field.parse, docs or ()))


def public(schema):
    """Without what the original hides: names that begin with an underscore."""
    return collections.OrderedDict((n, f) for n, f in schema.items() if not n.startswith("_"))


def resolve(path, sample_schema, frame_schema):
    """The Path of a dotted name; ``frame_schema`` is None without frames.

    Raises ValueError, with the original's text, for a first name that is no field.
    """
    parts, unwound, level = [], set(), 0
    names = path.split(".")
    frames = names[0] in ("frames", "frames[]") and frame_schema is not None
    if frames:
        if names[0].endswith("[]"):
            unwound.add(0)
        names, level = names[1:], 1
        if not names:
            return Path(True, (), unwound=frozenset(unwound))
    schema = frame_schema if frames else sample_schema
    what = "Dataset has no %sfield '%s'" % ("frame " if frames else "", names[0].replace("[]", ""))
    candidates, field, keys, lists, as_text = schema, None, [], [], False
    for index, name in enumerate(names):
        flat = name.endswith("[]")
        name = name[:-2] if flat else name
        field, key, as_text = _find(name, candidates)
        if index == 0 and (key is None or name in _PRIVATE):
            raise UsageError(what)
        keys.append(key or name)
        if field is not None and field.ftype == "ListField":
            if flat:
                unwound.add(level)
            level += 1
            if index + 1 < len(names):
                lists.append(index + 1)
        candidates = {f.name: f for f in field.fields} if field is not None else {}
    return Path(frames, tuple(keys), tuple(lists), field, as_text, frozenset(unwound))


def _find(name, candidates):
    """(Field or None, stored key or None, whether an id is given as text)"""
    field = candidates.get(name)
    if field is not None:
        return field, field.db_field, field.ftype == "ObjectIdField" and not name.startswith("_")
    for field in candidates.values():
        if field.ftype == "ObjectIdField" and field.db_field.startswith("_"):
            if name == field.db_field:
                return field, name, False
            if "_" + name == field.db_field:
                return field, field.db_field, True
    if name == "id":
        return None, "_id", True
    if name in ("_id", "_cls"):
        return None, name, False
    return None, None, False


def new_field(name, value, like):
    """The document of a field that is to hold values like ``value``; keys and
    their order are those of ``like``, a field document of the same dataset (or None)."""
    ftype, subfield = infer(value)
    content = {
        "name": name,
        "ftype": _PREFIX + ftype,
        "embedded_doc_type": None,
        "subfield": subfield and _PREFIX + subfield,
        "fields": [],
        "db_field": "_" + name if ftype == "ObjectIdField" else name,
        "description": None,
        "info": None,
        "read_only": False,
        "created_at": datetime.datetime.now(datetime.timezone.utc),
    }
    return {key: content[key] for key in like or content if key in content}


def infer(value):
    """(type, type of the items or None) of a field for such values. Raises
    TypeError where there is none."""
    from . import arrays
    from .bson_types import ObjectId

    if arrays.is_array(value):
        return ("VectorField" if value.ndim == 1 else "ArrayField"), None
    if hasattr(value, "item") and not isinstance(value, (list, tuple, dict)):  # a NumPy number
        value = value.item()
    for kind, name in (
        (bool, "BooleanField"),
        (int, "IntField"),
        (float, "FloatField"),
        (str, "StringField"),
        (datetime.datetime, "DateTimeField"),
        (datetime.date, "DateField"),
        (ObjectId, "ObjectIdField"),
        (dict, "DictField"),
    ):
        if isinstance(value, kind):
            if kind is dict and "_cls" in value:
                break
            return name, None
    if isinstance(value, (list, tuple)):
        kinds = {infer(item)[0] for item in value if item is not None}
        if kinds == {"IntField", "FloatField"}:
            kinds = {"FloatField"}
        return "ListField", kinds.pop() if len(kinds) == 1 else None
    raise TypeError("Cannot infer an appropriate field type for value '%s'" % (value,))
