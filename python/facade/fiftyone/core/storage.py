"""Media in object stores; see ``fiftyone_migrator.media``."""

from fiftyone_migrator.media import upload_media

__all__ = ["upload_media"]
