"""The builder itself: what the other tests rely on."""
import bson
import pytest

from deployment import Deployment, numbers, slug, version_rows

DATASETS = [{"_id": bson.ObjectId(b"dataset%05d" % i), "name": "d%d" % i} for i in range(3)]


def shown(version, born):
    parts = Deployment(version, born, scale=0.05).documents(DATASETS)
    return {(side, c): {str(d["_id"]): d for d in docs} for side in parts for c, docs in parts[side].items()}


@pytest.mark.parametrize("born", ["1.3.0", "1.6.0", "2.11.0", "2.25.0"])
def test_versions_show_the_same_data(born):
    """Documents may go and keys may change with the version shown; what both show is the same."""
    old, new = shown("1.2.0", born), shown("2.25.0", born)
    assert set(old) <= set(new)
    kept = 0
    for name, docs in old.items():
        assert set(docs) <= set(new[name])
        for key, doc in docs.items():
            assert doc["_id"] == new[name][key]["_id"]
            for field in "name", "created_at", "createdAt", "email", "credentials", "instance_id", "queued_at":
                if field in doc:
                    assert doc[field] == new[name][key][field]
                    kept += 1
    assert kept > 10


def test_equal_seeds_give_equal_data():
    assert shown("2.18.0", "2.18.0") == shown("2.18.0", "2.18.0")


def test_numbers():
    assert numbers("0.13.2") == numbers("1.3.2") < numbers("1.4") < numbers("2.0.0")
    assert numbers("0.9.0") < numbers("1.0.0")
    assert len(version_rows()) > 100


def test_slug():
    assert slug(" Team 1: Roads + Cars_2. ") == "team-1-roads-cars-2"
