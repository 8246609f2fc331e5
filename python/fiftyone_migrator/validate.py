"""Values for declared fields: checked, and made what the field stores.

Texts are the original's. Stricter: a float with a fraction is no whole number.
"""

import datetime

from . import arrays
from .bson_types import Int64, ObjectId
from .errors import UsageError


def converter(path, name):
    """A function from a value (never None) to what is stored, or None where
    every value is taken as it is. It raises ValueError, and OverflowError for
    integers beyond 64 bits. Values of its type ``exact`` (None: there is none) it
    gives back as they are."""
    field = path.field
    convert = _converter_of(field)
    if convert is None:
        return None

    def checked(value):
        try:
            return convert(value)
        except _Wrong as wrong:
            raise wrong.kind("Invalid value for field '%s'. Reason: %s" % (name, wrong)) from None

    checked.exact = _EXACT.get(field.ftype)
    return checked


def _converter_of(field):
    if field is None:
        return None
    if field.ftype == "ListField":
        return _convert_list(field)
    if field.ftype == "EmbeddedDocumentField":
        return _convert_document(field)
    return _CONVERTERS.get(field.ftype)


class _Wrong(Exception):
    kind = UsageError


class _TooLarge(_Wrong):
    kind = OverflowError  # as the driver's


def _string(value):
    if isinstance(value, str):
        return value
    raise _Wrong("StringField only accepts string values")


def _boolean(value):
    if isinstance(value, bool) or type(value).__name__ == "bool_":
        return bool(value)
    raise _Wrong("Boolean fields only accept boolean values")


def _integer(value):
    try:
        number = int(value)
        if isinstance(value, float) and number != value:
            raise ValueError
    except (TypeError, ValueError, OverflowError):
        raise _Wrong("%s could not be converted to int" % (value,)) from None
    if not -(2**63) <= number < 2**63:
        raise _TooLarge("%s does not fit into 64 bits" % (value,))
    return value if isinstance(value, Int64) else number


def _float(value):
    try:
        return float(value)
    except (TypeError, ValueError):
        raise _Wrong("%s could not be converted to float" % (value,)) from None


def _date(value):
    if not isinstance(value, datetime.date):
        raise _Wrong("Date fields must have `date` values")
    return datetime.datetime(value.year, value.month, value.day)


def _datetime(value):
    if not isinstance(value, datetime.datetime):
        raise _Wrong("Datetime fields must have `datetime` values")
    return value


def _dict(value):
    if not isinstance(value, dict):
        raise _Wrong("Value must be a dict")
    return value


def _object_id(value):
    try:
        return ObjectId(value)
    except Exception:
        raise _Wrong("Invalid ObjectID") from None


def _vector(value):
    if isinstance(value, bytes) and not arrays.numpy:
        return value
    if not arrays.is_array(value) and not isinstance(value, (list, tuple)):
        raise _Wrong("Only numpy arrays, lists, and tuples may be used in a vector field")
    return arrays.dump(value)


def _array(value):
    if isinstance(value, bytes) and not arrays.numpy:
        return value
    if not arrays.is_array(value):
        raise _Wrong("Only numpy arrays may be used in an array field")
    return arrays.dump(value)


_CONVERTERS = {
    "StringField": _string,
    "BooleanField": _boolean,
    "IntField": _integer,
    "FrameNumberField": _integer,
    "FloatField": _float,
    "DateField": _date,
    "DateTimeField": _datetime,
    "DictField": _dict,
    "ObjectIdField": _object_id,
    "VectorField": _vector,
    "ArrayField": _array,
}


_EXACT = {"StringField": str, "BooleanField": bool, "FloatField": float, "DateTimeField": datetime.datetime}


def _convert_list(field):
    documents = field.subfield == "EmbeddedDocumentField"
    item = _convert_document(field) if documents else _CONVERTERS.get(field.subfield)

    def convert(value):
        if not isinstance(value, (list, tuple)):
            raise _Wrong("Only lists and tuples may be used in a list field")
        if item is None:
            return list(value)
        out = []
        for index, one in enumerate(value):
            try:
                out.append(item(one))
            except _Wrong as wrong:
                raise type(wrong)("Invalid %s item (%s)(%s: [%d])" % (field.subfield, value, wrong, index)) from None
        return out

    return convert


def _is_a(found, kind):
    """Whether documents of class ``found`` may stand where ``kind`` is declared."""
    if kind in ("EmbeddedDocument", "DynamicEmbeddedDocument", "Label"):
        return isinstance(found, str)
    return found == kind or (kind == "Metadata" and found in ("ImageMetadata", "VideoMetadata", "SceneMetadata"))


def _convert_document(field):
    kind = (field.document_type or "").rsplit(".", 1)[-1]

    def convert(value):
        if not isinstance(value, dict) or not _is_a(value.get("_cls"), kind):
            found = type(value).__name__
            if isinstance(value, dict):
                found = "a %s" % value["_cls"] if "_cls" in value else "one without _cls"
            raise _Wrong("Expected a document (dict) of class %s; found %s" % (kind, found))
        return value

    return convert
