"""Some samples of a dataset."""

import copy

from .bson_types import ObjectId


class DatasetView:
    """What ``Dataset.select`` gives: samples of a dataset, by id. Nothing is kept in
    memory but the ids; what they name is read and written as of a ``Dataset``."""

    def __init__(self, dataset, ids):
        self._database = dataset._database
        self._dataset = copy.copy(dataset)
        self._dataset._ids = list(dict.fromkeys(ObjectId(id) if _is_oid(id) else id for id in ids))

    def __repr__(self):
        return "DatasetView(%r, %d samples)" % (self.dataset_name, len(self._dataset._ids))

    @property
    def dataset_name(self):
        return self._dataset.name

    def count(self, field=None):
        """As ``Dataset.count``."""
        return self._dataset.count(field)

    def __len__(self):
        return self._dataset.count()

    def __bool__(self):
        return True

    def __iter__(self):
        """Sample documents, in the order of the collection."""
        return iter(self._dataset)

    def values(self, *args, **kwargs):
        """As ``Dataset.values``, in the order of the collection."""
        return self._dataset.values(*args, **kwargs)

    def set_values(self, *args, **kwargs):
        """As ``Dataset.set_values``."""
        self._dataset.set_values(*args, **kwargs)


def _is_oid(id):
    return isinstance(id, str) and len(id) == 24 and all(c in "0123456789abcdefABCDEF" for c in id)
