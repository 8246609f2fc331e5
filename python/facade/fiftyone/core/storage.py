"""Files in object stores; see ``fiftyone_migrator.storage``."""

from fiftyone_migrator.storage import *
from fiftyone_migrator.storage import __all__
