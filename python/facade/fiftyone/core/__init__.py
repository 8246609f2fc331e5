from . import storage
