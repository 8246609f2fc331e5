"""Types of datasets on disk."""


class FiftyOneDataset:
    """A folder with the complete content of a dataset: samples, frames, schema,
    runs, views and workspaces. The only type that this package reads and writes."""
