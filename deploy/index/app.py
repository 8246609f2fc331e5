"""The package index behind its tokens: a WSGI application for gunicorn.

Reading takes a token as the user's name and no password, as pip sends it for
https://TOKEN@host. Uploading takes the credentials of an uploader; no token can
upload. INDEX_DIR holds all of it; see store.py.
"""

import os
import sys

import pypiserver
from pypiserver.bottle_wrapper import HTTPError

import store

HOME = store.Home(os.environ["INDEX_DIR"])


def _reader(user, password):
    try:
        return not password and HOME.token_is_good(user)
    except store.Unavailable as error:
        print("index: %s" % error, file=sys.stderr, flush=True)
        raise HTTPError(503, "Tokens of organisations cannot be looked up now.") from None


def _app(actions, auther):
    return pypiserver.app(
        roots=[HOME.packages],
        authenticate=actions,
        auther=auther,
        disable_fallback=True,  # a package that is not here is not looked for elsewhere
        overwrite=False,
    )


# Two of them, because an auther is not told which of its actions is wanted.
_reading = _app(["download", "list", "update"], _reader)
_uploading = _app(["download", "list", "update"], HOME.uploader_is_good)


def application(environ, start_response):
    method = environ["REQUEST_METHOD"]
    if method in ("GET", "HEAD"):
        if environ.get("PATH_INFO") == "/health" or environ.get("HTTP_AUTHORIZATION"):
            return _reading(environ, start_response)
        headers = [("WWW-Authenticate", 'Basic realm="packages"'), ("Content-Length", "0")]
        start_response("401 Unauthorized", headers)
        return [b""]
    if method == "POST":
        return _uploading(environ, start_response)
    start_response("405 Method Not Allowed", [("Allow", "GET, HEAD, POST"), ("Content-Length", "0")])
    return [b""]
