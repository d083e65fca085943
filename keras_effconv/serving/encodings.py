"""Bodies that a client has compressed: inflated piece by piece, so that a small body cannot become a large one."""

import zlib

from keras_effconv.serving.refused import Refused

PIECE = 1 << 18  # bytes that are inflated at a time
GZIP = 16 + zlib.MAX_WBITS
MAGIC = b"\x1f\x8b"


def decoder_of(encoding):
    """Return the decoder of a `Content-Encoding`, ready for one body.

    Its `pieces(part)` yields what a part of the body holds, in pieces of at most `PIECE` bytes if it is compressed.
    Its `finish()` raises `Refused` if the body is not what the header says: at the end, since a client that still
    sends does not read its answer.

    Args:
        encoding: str, the header; empty without one.

    Returns:
        `Plain`, `Gzip` or `Unknown`.

    Example:

    >>> import gzip
    >>> b"".join(decoder_of("gzip").pieces(gzip.compress(b"abc")))
    b'abc'
    """
    name = encoding.strip().lower()
    return DECODERS[name]() if name in DECODERS else Unknown(encoding)


class Plain:
    """A body as it is."""

    def pieces(self, part):
        """Yield the part."""
        yield part

    def finish(self):
        """Accept any body."""


class Unknown:
    """A body that is read and dropped; its end is status 415."""

    def __init__(self, encoding):
        self._encoding = encoding[:100]

    def pieces(self, part):
        """Yield nothing."""
        return ()

    def finish(self):
        """Refuse the body."""
        raise Refused(415, f"Content-Encoding must be gzip, or left out. Received: {self._encoding}")


class Gzip:
    """A body by gzip: one member, or several in a row. What follows the last one is ignored, as by `gzip`."""

    def __init__(self):
        self._inflater, self._ended, self._cause = zlib.decompressobj(GZIP), False, "its beginning only"

    def pieces(self, part):
        """Yield what a part of the body holds."""
        piece = b""
        while (part or len(piece) == PIECE) and not self._ended:  # zlib may have more, though it has read all
            try:
                piece = self._inflater.decompress(part, PIECE)
            except zlib.error as error:
                self._ended, self._cause = True, str(error)
                return
            part = self._inflater.unconsumed_tail
            if self._inflater.eof:
                part = self._inflater.unused_data
                self._ended = bool(part) and not part.startswith(MAGIC[: len(part)])
                if part and not self._ended:
                    self._inflater = zlib.decompressobj(GZIP)
            yield piece

    def finish(self):
        """Refuse a body that is no gzip, or not the whole of it."""
        if not self._inflater.eof:
            raise Refused(400, f"the body must be gzip, as Content-Encoding says. Received: {self._cause}")


DECODERS = {"": Plain, "identity": Plain, "gzip": Gzip, "x-gzip": Gzip}
