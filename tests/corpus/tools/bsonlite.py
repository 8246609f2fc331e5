"""A small, strict BSON reader (no dependencies).

Unlike a driver, it keeps every BSON type apart: each scalar is read as a
``(type name, value)`` pair, each document as a ``Doc`` (an ordered list of
key/value pairs) and each array as an ``Arr``.
"""
import gzip
import os
import struct


class Doc(list):
    """An ordered list of (key, value) pairs."""

    def get(self, key, default=None):
        for k, v in self:
            if k == key:
                return v
        return default

    def names(self):
        return [k for k, _ in self]


class Arr(list):
    """A BSON array."""


def _cstr(b, p):
    e = b.index(0, p)
    return b[p:e].decode("utf-8", "surrogateescape"), e + 1


def _string(b, p):
    (n,) = struct.unpack_from("<i", b, p)
    if n < 1 or b[p + 3 + n] != 0:
        raise ValueError("string not terminated")
    return b[p + 4 : p + 3 + n].decode("utf-8", "surrogateescape"), p + 4 + n


def _value(t, b, p):
    if t == 0x01:
        return ("double", b[p : p + 8].hex()), p + 8
    if t == 0x02:
        s, p = _string(b, p)
        return ("string", s), p
    if t == 0x03:
        return decode(b, p)
    if t == 0x04:
        d, p = decode(b, p)
        if any(k != str(i) for i, (k, _) in enumerate(d)):
            raise ValueError("array keys are not 0, 1, 2, ...")
        return Arr(v for _, v in d), p
    if t == 0x05:
        (n,) = struct.unpack_from("<i", b, p)
        sub = b[p + 4]
        return ("binary", "%d:%s" % (sub, b[p + 5 : p + 5 + n].hex())), p + 5 + n
    if t == 0x06:
        return ("undefined", None), p
    if t == 0x07:
        return ("objectid", b[p : p + 12].hex()), p + 12
    if t == 0x08:
        if b[p] > 1:
            raise ValueError("bool is neither 0 nor 1")
        return ("bool", b[p] != 0), p + 1
    if t == 0x09:
        return ("date", struct.unpack_from("<q", b, p)[0]), p + 8
    if t == 0x0A:
        return ("null", None), p
    if t == 0x0B:
        a, p = _cstr(b, p)
        c, p = _cstr(b, p)
        return ("regex", "/%s/%s" % (a, c)), p
    if t == 0x0C:
        s, p = _string(b, p)
        return ("dbpointer", (s, b[p : p + 12].hex())), p + 12
    if t == 0x0D:
        s, p = _string(b, p)
        return ("code", s), p
    if t == 0x0E:
        s, p = _string(b, p)
        return ("symbol", s), p
    if t == 0x0F:
        (n,) = struct.unpack_from("<i", b, p)
        return ("codewscope", b[p + 4 : p + n].hex()), p + n
    if t == 0x10:
        return ("int32", struct.unpack_from("<i", b, p)[0]), p + 4
    if t == 0x11:
        return ("timestamp", struct.unpack_from("<Q", b, p)[0]), p + 8
    if t == 0x12:
        return ("int64", struct.unpack_from("<q", b, p)[0]), p + 8
    if t == 0x13:
        return ("decimal128", b[p : p + 16].hex()), p + 16
    if t == 0xFF:
        return ("minkey", None), p
    if t == 0x7F:
        return ("maxkey", None), p
    raise ValueError("unknown BSON type 0x%02x" % t)


def decode(b, p=0):
    (n,) = struct.unpack_from("<i", b, p)
    end = p + n
    if b[end - 1] != 0:
        raise ValueError("document not terminated")
    p += 4
    d = Doc()
    while b[p] != 0:
        t = b[p]
        k, p = _cstr(b, p + 1)
        v, p = _value(t, b, p)
        d.append((k, v))
    if p + 1 != end:
        raise ValueError("document length mismatch")
    return d, end


def split(data):
    """Yields the raw bytes of each of the concatenated documents."""
    p = 0
    while p < len(data):
        (n,) = struct.unpack_from("<i", data, p)
        if n < 5 or p + n > len(data):
            raise ValueError("broken BSON file")
        yield data[p : p + n]
        p += n


def read_file(path):
    if path.endswith(".gz"):
        with gzip.open(path, "rb") as f:
            return f.read()
    with open(path, "rb") as f:
        return f.read()


def dump_collections(folder):
    """Maps collection name -> (bson path or None, metadata path or None)."""
    out = {}
    for fn in sorted(os.listdir(folder)):
        base = fn[:-3] if fn.endswith(".gz") else fn
        if base.endswith(".metadata.json"):
            name, i = base[: -len(".metadata.json")], 1
        elif base.endswith(".bson"):
            name, i = base[: -len(".bson")], 0
        else:
            continue
        out.setdefault(name, [None, None])[i] = os.path.join(folder, fn)
    return out


def find_folder(path):
    """Accepts a dump's root folder or the database folder inside it."""
    if dump_collections(path):
        return path
    subs = [
        os.path.join(path, s)
        for s in sorted(os.listdir(path))
        if os.path.isdir(os.path.join(path, s))
        and dump_collections(os.path.join(path, s))
    ]
    if len(subs) != 1:
        raise SystemExit("%s holds %d dumped databases" % (path, len(subs)))
    return subs[0]
