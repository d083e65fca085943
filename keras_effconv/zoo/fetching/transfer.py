"""One file over HTTP into a part file, continued where an earlier connection broke off."""

import http.client
import shutil
import ssl
import time
import urllib.error
import urllib.parse
import urllib.request

from absl import logging

from keras_effconv.utils.files import read_json, write_json
from keras_effconv.utils.progress import progress as show_progress

WAITS = (1, 2, 4)  # seconds before the second, third and fourth attempt; offline, it is 7 s to the error
TIMEOUT = 30  # seconds without a byte
BLOCK = 1 << 16
PAGES = (b"<!doctype", b"<html", b"<?xml")


class TransferError(OSError):
    """A file that did not come; asking again would not help."""


class _BrokenError(Exception):
    """A connection that failed in a way that the next may not."""


def require_web_address(address):
    """Raise a `ValueError` unless it is an address of http or https."""
    parts = urllib.parse.urlsplit(address)
    if parts.scheme not in ("http", "https") or not parts.hostname or not address.isprintable():
        raise ValueError(f"`address` must be of http or https. Received: address={address!r:.500}")


def transfer(address, part, hashed, progress=True):
    """Fill a part file.

    Args:
        address: str, of http or https.
        part: path of the part file; what it holds from the same address is continued if the server can.
        hashed: bool; whether the caller knows the hash. Without it, an HTML page, an answer whose end cannot be told
            and a continuation that the server cannot vouch for are refused.
        progress: bool; whether to show a bar, which appears on a terminal only.

    Returns:
        bool; whether the file was put together from more than one connection.

    Raises:
        TransferError: it did not come; the message is the cause.

    Example:
        >>> transfer("https://example.org/net.h5", Path("net.h5.part"), hashed=True)  # doctest: +SKIP
        False
    """
    for attempt, wait in enumerate((*WAITS, None), 1):
        try:
            return _attempt(address, part, hashed, progress)
        except _BrokenError as error:
            if wait is None:
                raise TransferError(f"{error} (attempt {attempt} of {attempt})") from error
            logging.warning("%s: %s; next attempt in %s s", address, error, wait)
            time.sleep(wait)


def empty(part):
    """Drop what a part file holds. It is not deleted, since a lock may be on it."""
    forget(part)
    part.write_bytes(b"")


def forget(part):
    """Delete the note beside a part file."""
    _note(part).unlink(missing_ok=True)


def is_page(path):
    """Return whether a file begins like an HTML or XML page, as no weights do."""
    with open(path, "rb") as file:
        return file.read(200).removeprefix(b"\xef\xbb\xbf").lstrip().lower().startswith(PAGES)


def _attempt(address, part, hashed, progress):
    have, validator = _kept(address, part, hashed)
    with _open(address, have, validator) as response:
        if response.status == 416 and hashed and response.headers["Content-Range"] == f"bytes */{have}":
            return True  # interrupted after the last byte: the hash will tell
        if have and not _continues(response, have, validator):
            empty(part)
            if response.status != 200:
                raise _BrokenError(f"HTTP {response.status}: the {have} bytes that are here cannot be continued")
            have = 0
        _check_answer(response, 206 if have else 200, hashed)
        _check_space(response, part)
        if not have:
            empty(part)  # before the note, which must never stand beside bytes of another file
            write_json(_note(part), {"address": address, "validator": _validator(response.headers)})
        _copy(response, part, have, progress)
    if not hashed and is_page(part):
        empty(part)
        raise TransferError("an HTML page")
    return have > 0


def _note(part):
    """Return what the server said about the bytes in a part file."""
    return part.with_name(part.name + ".json")


def _kept(address, part, hashed):
    """Return how many bytes of this address are here, and the server's name for their version."""
    try:
        note = read_json(_note(part))
        have, known, validator = part.stat().st_size, note["address"], note["validator"]
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return 0, None
    return (have, validator) if known == address and (hashed or validator) else (0, None)


def _validator(headers):
    """Return a strong ETag, else the time of change: what `If-Range` takes."""
    tag = headers["ETag"]
    return tag if tag and not tag.startswith("W/") else headers["Last-Modified"]


def _continues(response, have, validator):
    """Return whether an answer begins at the byte asked for, of the same version (servers may ignore `If-Range`)."""
    begins = (response.headers["Content-Range"] or "").startswith(f"bytes {have}-")
    return response.status == 206 and begins and _validator(response.headers) in (None, validator)


class _WebOnly(urllib.request.HTTPRedirectHandler):
    """Redirects to http and https only, and from https to nothing weaker."""

    def redirect_request(self, req, fp, code, msg, headers, newurl):
        schemes = ("https",) if req.type == "https" else ("http", "https")
        if urllib.parse.urlsplit(newurl).scheme not in schemes:
            raise urllib.error.HTTPError(newurl, code, f"{msg} - Redirection to {newurl} is not allowed", headers, fp)
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _open(address, have, validator):
    """Return the answer to a request: 2xx or 416. Everything else is an error."""
    # `build_opener` would add the schemes file, ftp and data. Built anew, since proxies may change between calls.
    opener = urllib.request.OpenerDirector()
    for handler in ("Proxy", "Unknown", "HTTP", "HTTPS", "HTTPDefaultError"):
        opener.add_handler(getattr(urllib.request, handler + "Handler")())
    opener.add_handler(urllib.request.HTTPErrorProcessor())
    opener.add_handler(_WebOnly())
    headers = {"User-Agent": "keras-effconv"}
    if have:
        headers["Range"] = f"bytes={have}-"
    if have and validator:
        headers["If-Range"] = validator
    try:
        # Quoted as far as it is not yet.
        quoted = urllib.parse.quote(address, safe="%/:=&?~#+!$,;'@()*[]")
        return opener.open(urllib.request.Request(quoted, headers=headers), timeout=TIMEOUT)
    except urllib.error.HTTPError as error:
        if error.code == 416 and have:
            return error
        error.close()
        kind = _BrokenError if error.code in (408, 429) or error.code >= 500 else TransferError
        raise kind(f"HTTP {error.code} {error.reason}") from error
    except (OSError, http.client.HTTPException) as error:
        cause = getattr(error, "reason", error)
        hopeless = isinstance(cause, (ssl.SSLCertVerificationError, http.client.InvalidURL))
        raise (TransferError if hopeless else _BrokenError)(_described(cause)) from error


def _described(error):
    return f"{type(error).__name__}: {error}" if isinstance(error, Exception) else str(error)


def _check_answer(response, status, hashed):
    headers = response.headers
    if response.status != status:
        raise TransferError(f"HTTP {response.status} rather than {status}")
    if headers.get("Content-Encoding", "identity") != "identity":
        raise TransferError(f"the content encoding {headers['Content-Encoding']}, which was not asked for")
    if not hashed and headers.get_content_type() == "text/html":
        raise TransferError("an HTML page (by its content type)")
    if not hashed and response.length is None and not response.chunked:
        raise TransferError("an answer without a length, whose end cannot be told from a broken connection")


def _check_space(response, part):
    free = shutil.disk_usage(part.parent).free
    if (response.length or 0) > free:
        raise TransferError(f"{response.length} bytes for {free} bytes of free space in {part.parent}")


def _copy(response, part, have, progress):
    """Append what comes; `response.length` counts down to what is missing."""
    total = None if response.length is None else have + response.length
    bar = show_progress(None, part.stem, total, unit="B", initial=have, shown=progress, unit_scale=True)
    with bar, open(part, "ab") as file:
        while block := _read(response):
            file.write(block)
            bar.update(len(block))
        if total is not None and file.tell() < total:
            raise _BrokenError(f"the connection ended after {file.tell()} of {total} bytes")


def _read(response):
    """Read a block, with errors of the connection told apart from those of the disk."""
    try:
        return response.read(BLOCK)
    except (OSError, http.client.HTTPException) as error:
        raise _BrokenError(_described(error)) from error
