from importlib.metadata import PackageNotFoundError, version

try:
    __version__ = version("fiftyone")
except PackageNotFoundError:  # from a build tree
    from fiftyone_migrator._core import ENTERPRISE as __version__
