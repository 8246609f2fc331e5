"""Settings of the package: ``fiftyone_migrator.config``."""

from . import _core


class Config:
    """The settings of the functions of this package, as attributes.

    Read: what is in effect (assigned here, environment, file, default). Assigned:
    wins over the others for the rest of this process, for example
    ``config.database_uri = "mongodb://..."``. None takes an assignment back. The
    names are those of docs/configuration.md; texts as in a file.
    """

    def __init__(self):
        object.__setattr__(self, "_assigned", {})

    def _settings(self):
        from .database import _text

        return _core.Connection({k: _text(v) for k, v in self._assigned.items()}).settings()

    def __getattr__(self, name):
        if name.startswith("_"):
            raise AttributeError(name)
        settings = self._settings()
        if name not in settings:
            raise AttributeError("There is no setting '%s'; they are %s" % (name, ", ".join(settings)))
        value = settings[name]
        return {"true": True, "false": False}.get(value, value)

    def __setattr__(self, name, value):
        if name not in self._settings():
            raise AttributeError("There is no setting '%s'" % name)
        before = dict(self._assigned)
        self._assigned.pop(name, None)
        if value is not None:
            self._assigned[name] = value
        try:
            self._settings()
        except Exception:
            self._assigned.clear()
            self._assigned.update(before)
            raise

    def __dir__(self):
        return list(self._settings())

    def __repr__(self):
        return "\n".join("%s: %s" % (k, v) for k, v in self._settings().items() if v is not None)
