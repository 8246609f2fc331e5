"""Types of datasets on disk."""

from fiftyone_migrator.types import FiftyOneDataset

__all__ = ["FiftyOneDataset"]
