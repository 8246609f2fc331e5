"""What long work tells: progress to a callable or to stderr, messages to logging."""

import logging
import sys
import time

logger = logging.getLogger("fiftyone_migrator")


class Listener:
    """``progress``: a callable ``(phase: str, done: int, total: int)``, True for a
    line on stderr that renews itself, or None/False for nothing."""

    def __init__(self, progress=None):
        self._call = progress if callable(progress) else None
        self._print = progress is True and sys.stderr is not None
        self._shown = 0.0
        self._start = time.monotonic()

    def progress(self, phase, done, total, unit=""):
        if self._call:
            self._call(phase, done, total)
        elif self._print and (done == total or time.monotonic() - self._shown > 0.2):
            self._shown = time.monotonic()
            text = ("%s: %d of %d %s" % (phase, done, total, unit)).rstrip() if total else phase
            if 0 < done < total:
                text += ", %.0f s left" % ((self._shown - self._start) * (total - done) / done)
            sys.stderr.write("\r\x1b[K" + text)
            sys.stderr.flush()

    def log(self, warning, text):
        logger.log(logging.WARNING if warning else logging.INFO, text)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self._print and self._shown:
            sys.stderr.write("\n")
