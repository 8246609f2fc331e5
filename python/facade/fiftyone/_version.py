from fiftyone_migrator._core import ENTERPRISE as __version__
