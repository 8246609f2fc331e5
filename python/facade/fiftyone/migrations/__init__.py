"""The migrations; see ``fiftyone_migrator``."""

from fiftyone_migrator import (
    get_database_revision,
    get_dataset_revision,
    get_datasets_revisions,
    migrate_all,
    migrate_database_if_necessary,
    migrate_dataset_if_necessary,
    needs_migration,
)

__all__ = [
    "get_database_revision",
    "get_dataset_revision",
    "get_datasets_revisions",
    "migrate_all",
    "migrate_database_if_necessary",
    "migrate_dataset_if_necessary",
    "needs_migration",
]
