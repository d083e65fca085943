"""Bodies that a client has compressed: inflated when all of one is there, and no further than a body may be large."""

import functools
import zlib

from keras_effconv.serving.refused import Refused

INPUT, PIECE = 1 << 14, 1 << 18  # bytes that are read, and inflated, at a time
GZIP = 16 + zlib.MAX_WBITS
MEMBER = b"\x1f\x8b\x08"  # how a member of gzip begins


def decoder_of(encoding):
    """Return the decoder of a `Content-Encoding`.

    Args:
        encoding: str, the header; empty without one.

    Returns:
        callable (body, limit) -> bytes-like, the body decoded, of at most `limit` bytes. It raises `Refused`: 413 for a
        larger one, 400 if the body is not what the header says, 415 for an encoding other than gzip.

    Example:

    >>> import gzip
    >>> decoder_of("gzip")(gzip.compress(b"abc"), 3)
    bytearray(b'abc')
    """
    return DECODERS.get(encoding.strip().lower()) or functools.partial(_unknown, encoding[:100])


def too_large(limit):
    """Return the refusal of a body of more bytes."""
    return Refused(413, f"the body must be of at most {limit} bytes")


def plain(body, limit):
    """Return a body as it is; its size was checked when it arrived."""
    return body


def _unknown(encoding, body, limit):
    raise Refused(415, f"Content-Encoding must be gzip, or left out. Received: {encoding}")


def gunzip(body, limit):
    """Inflate one member, or several in a row. What follows the last one is ignored, as by `gzip`."""
    found, end = bytearray(), 0
    while not end or body.startswith(MEMBER, end):
        end = _inflate_member(body, end, found, limit)
    return found


def _inflate_member(body, end, found, limit):
    """Append what a member holds that begins at `end`; return where it ends."""
    inflater, part, piece = zlib.decompressobj(GZIP), b"", b""
    while not inflater.eof:
        if not part and len(piece) < PIECE:  # else zlib may have more, though it has read all
            part = body[end : end + INPUT]
            end += len(part)
            if not part:
                raise _no_gzip("its beginning only")
        try:
            piece = inflater.decompress(part, PIECE)
        except zlib.error as error:
            raise _no_gzip(error) from None
        part = inflater.unconsumed_tail
        found += piece
        if len(found) > limit:
            raise too_large(limit)
    return end - len(inflater.unused_data)


def _no_gzip(cause):
    return Refused(400, f"the body must be gzip, as Content-Encoding says. Received: {cause}")


DECODERS = {"": plain, "identity": plain, "gzip": gunzip, "x-gzip": gunzip}
