"""Arrays as data models store them: a NumPy file, compressed by zlib.

Without NumPy, which is not required, they stay bytes.
"""

import io
import zlib

try:
    import numpy
except ImportError:
    numpy = None


def is_array(value):
    return numpy is not None and isinstance(value, numpy.ndarray)


def dump(value):
    """An array, or a list of numbers, as stored bytes."""
    if numpy is None:
        raise ImportError("NumPy is needed to store arrays: pip install numpy")
    file = io.BytesIO()
    numpy.save(file, numpy.asarray(value), allow_pickle=False)
    return zlib.compress(file.getvalue())


def load(value):
    """Stored bytes as an array; anything else, and everything without NumPy, as it is."""
    if numpy is None or not isinstance(value, bytes):
        return value
    return numpy.load(io.BytesIO(zlib.decompress(value)), allow_pickle=False)
