"""Types of stored values that Python does not have.

``ObjectId``, ``Int64`` and ``Binary`` are PyMongo's where it is installed, so
that values can be passed on to it; else they are defined here, with the part of
its interface that is needed to read, compare and write them.
"""

import os
import struct
import threading
import time

try:
    from bson.binary import Binary
    from bson.int64 import Int64
    from bson.objectid import ObjectId
except ImportError:

    class Int64(int):
        """A whole number that is stored in 64 bits, however small it is."""

        __slots__ = ()

        def __getstate__(self):
            return {}

        def __setstate__(self, state):
            pass

    class Binary(bytes):
        """Bytes with a ``subtype`` other than 0."""

        def __new__(cls, data, subtype=0):
            self = super().__new__(cls, data)
            self._subtype = subtype
            return self

        @property
        def subtype(self):
            return self._subtype

        def __eq__(self, other):
            if isinstance(other, Binary):
                return (self._subtype, bytes(self)) == (other._subtype, bytes(other))
            return False

        def __ne__(self, other):
            return not self == other

        def __hash__(self):
            return hash((self._subtype, bytes(self)))

        def __repr__(self):
            return "Binary(%r, %d)" % (bytes(self), self._subtype)

        def __getnewargs__(self):
            return (bytes(self), self._subtype)

    class ObjectId:
        """An id of 12 bytes: from its bytes, from 24 hexadecimal digits, or new."""

        __slots__ = ("binary",)

        _process = None  # (number of the process, 5 random bytes)
        _counter = int.from_bytes(os.urandom(3), "big")
        _lock = threading.Lock()

        def __init__(self, oid=None):
            if oid is None:
                oid = self._new()
            elif isinstance(oid, ObjectId):
                oid = oid.binary
            elif isinstance(oid, str) and len(oid) == 24:
                try:
                    oid = bytes.fromhex(oid)
                except ValueError:
                    pass
            if not isinstance(oid, bytes) or len(oid) != 12:
                raise ValueError(
                    "%r is not a valid ObjectId, it must be a 12-byte input or a 24-character hex string" % (oid,)
                )
            self.binary = oid

        @classmethod
        def _new(cls):
            with cls._lock:
                if cls._process is None or cls._process[0] != os.getpid():
                    cls._process = (os.getpid(), os.urandom(5))
                cls._counter = (cls._counter + 1) % (1 << 24)
                return struct.pack(">I", int(time.time())) + cls._process[1] + cls._counter.to_bytes(3, "big")

        @classmethod
        def is_valid(cls, oid):
            try:
                cls(oid) if oid else cls(b"")
            except ValueError:
                return False
            return True

        @property
        def generation_time(self):
            import datetime

            return datetime.datetime.fromtimestamp(struct.unpack(">I", self.binary[:4])[0], datetime.timezone.utc)

        def __str__(self):
            return self.binary.hex()

        def __repr__(self):
            return "ObjectId('%s')" % self

        def __eq__(self, other):
            return self.binary == other.binary if isinstance(other, ObjectId) else NotImplemented

        def __lt__(self, other):
            return self.binary < other.binary if isinstance(other, ObjectId) else NotImplemented

        def __le__(self, other):
            return self.binary <= other.binary if isinstance(other, ObjectId) else NotImplemented

        def __gt__(self, other):
            return self.binary > other.binary if isinstance(other, ObjectId) else NotImplemented

        def __ge__(self, other):
            return self.binary >= other.binary if isinstance(other, ObjectId) else NotImplemented

        def __hash__(self):
            return hash(self.binary)

        def __getstate__(self):
            return self.binary

        def __setstate__(self, state):
            self.binary = state


class DateMs(int):
    """A date outside of the years 1 to 9999: milliseconds since 1970, UTC."""

    __slots__ = ()

    def __repr__(self):
        return "DateMs(%d)" % int(self)


class RawValue:
    """A value of a type that no data model of FiftyOne uses, as it is stored.

    ``type`` is the number of the BSON type, ``data`` the bytes of the value. It
    can be written back unchanged.
    """

    __slots__ = ("type", "data")

    def __init__(self, type, data):
        self.type = type
        self.data = data

    def __eq__(self, other):
        return isinstance(other, RawValue) and (self.type, self.data) == (other.type, other.data)

    def __hash__(self):
        return hash((self.type, self.data))

    def __repr__(self):
        return "RawValue(%d, %r)" % (self.type, self.data)
