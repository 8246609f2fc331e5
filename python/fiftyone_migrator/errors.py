"""Exceptions of the package.

Each carries ``code``, the exit code that the program would end with, and
``remedy``, what to do about it. Where the original raises a built-in exception
with the same text, ours is one of that type, too.
"""


class MigratorError(Exception):
    """Base of all. ``code``: int, ``remedy``: str (may be empty)."""

    code = 1

    def __init__(self, message, remedy="", code=None):
        super().__init__(message)
        self.remedy = remedy
        if code is not None:
            self.code = code

    def __str__(self):
        message = super().__str__()
        return message + "\n" + self.remedy if self.remedy else message

    def __reduce__(self):
        return (type(self), (self.args[0], self.remedy, self.code))


class FailedError(MigratorError, RuntimeError):
    """Something failed; the state is consistent."""


class UsageError(MigratorError, ValueError):
    """A wrong argument or setting."""

    code = 2


class UnreachableError(MigratorError, ConnectionError):
    """The server cannot be reached, or the connection was lost: try again."""

    code = 5


class DatasetNotFoundError(MigratorError, ValueError):
    """There is no such dataset."""

    code = 10


class NotFoundError(MigratorError, FileNotFoundError):
    """There is no such folder or file."""

    code = 10


class LockedError(MigratorError, BlockingIOError):
    """Another run works on this database; the message says who."""

    code = 11


class RightsError(MigratorError, PermissionError):
    """The server does not allow it: user, password, or rights."""

    code = 12


class RefusedError(MigratorError, OSError):
    """Not allowed by a setting, for example ``database_admin=False``."""

    code = 13


class IncompatibleError(MigratorError, OSError):
    """A version that is unknown or that this client does not open, or a loss
    that was not allowed."""

    code = 14


class VersionError(MigratorError, ValueError):
    """What should be a version is none."""

    code = 14


class MismatchError(MigratorError, RuntimeError):
    """Data are not what they should be: checksums, or something moved meanwhile."""

    code = 15


class PreconditionError(MigratorError, RuntimeError, ValueError):
    """Something forbids it before anything was written."""

    code = 16


class ConflictError(MigratorError, RuntimeError):
    """Some documents had been changed or deleted by others; those are as they
    were, all others were written. ``ids``: of the ones left alone."""

    code = 15

    def __init__(self, message, remedy="", code=None, ids=()):
        super().__init__(message, remedy, code)
        self.ids = list(ids)

    def __reduce__(self):
        return (type(self), (self.args[0], self.remedy, self.code, self.ids))


_BY_CODE = {
    2: UsageError,
    5: UnreachableError,
    10: NotFoundError,
    11: LockedError,
    12: RightsError,
    13: RefusedError,
    14: IncompatibleError,
    15: MismatchError,
    16: PreconditionError,
}
_BY_TYPE = {
    "fiftyone.core.dataset.DatasetNotFoundError": DatasetNotFoundError,
    "packaging.version.InvalidVersion": VersionError,
    "ConnectionError": UnreachableError,
}


def make(code, message, remedy, type_name):
    """The exception for an error of the compiled part."""
    if code in (130, 143):
        return KeyboardInterrupt(message)
    kind = _BY_TYPE.get(type_name) or _BY_CODE.get(code, FailedError)
    again = "repeat the command with --allow-loss"
    remedy = remedy.replace(again, "repeat it with allow_loss=True (on the command line, --allow-loss)")
    return kind(message, remedy, code)
